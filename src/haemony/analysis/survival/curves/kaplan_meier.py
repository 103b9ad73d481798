"""Survival curves of groups of patients, with the conventions of R's `survfit`.

Kaplan EL, Meier P (1958) Nonparametric estimation from incomplete observations. Journal of the
American Statistical Association 53:457-481. Greenwood M (1926) for the variance; the robust one is
the infinitesimal jackknife, as in Therneau TM, Grambsch PM (2000) Modeling Survival Data.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np
import polars as pl
from numpy.typing import ArrayLike

from haemony.analysis.survival import printing
from haemony.analysis.survival.curves.influence import Stays, hazard_variance, on_grid
from haemony.analysis.survival.data.arrays import Floats, Integers
from haemony.analysis.survival.data.counts import Counts, count
from haemony.analysis.survival.data.formula import Missing
from haemony.analysis.survival.data.frames import Tabular
from haemony.analysis.survival.data.response import Grid, Surv
from haemony.analysis.survival.data.sample import Sample, check_choice, sample
from haemony.analysis.survival.faults import BadCovariate, BeyondFollowUp, UnknownColumn
from haemony.analysis.survival.intervals import ConfType, confidence_limits, normal_quantile

Variance = Literal["greenwood", "robust"]
ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number with its confidence limits; NaN where it is not reached."""

    value: float
    lower: float
    upper: float


@dataclass(frozen=True, eq=False)
class Curve:
    """The survival curve of one group at its T distinct event and censoring times.

    Attributes:
        group: its name, such as "NPM1=positive"; "all" without groups.
        n: the number of rows.
        times: (T,) in the unit of the response.
        n_risk: (T,) weighted number under observation just before each time.
        n_event: (T,) weighted number of events.
        n_censored: (T,) weighted number censored.
        survival: (T,) probability of surviving beyond each time.
        std_err: (T,) standard error of the survival; NaN once nobody survives.
        lower: (T,) lower confidence limit.
        upper: (T,) upper confidence limit.
    """

    group: str
    n: int
    times: Floats
    n_risk: Floats
    n_event: Floats
    n_censored: Floats
    survival: Floats
    std_err: Floats
    lower: Floats
    upper: Floats

    @property
    def events(self) -> float:
        """The weighted number of events."""
        return float(self.n_event.sum())

    @property
    def median(self) -> Estimate:
        """The median survival time with the limits that the curve's own limits imply."""
        return self.quantile(0.5)

    def quantile(self, probability: float) -> Estimate:
        """The time by which this share has had the event; limits after Brookmeyer and Crowley.

        A curve that is flat exactly at the quantile gives the midpoint of the flat piece.
        """
        height = 1 - probability
        return Estimate(
            *(
                _crossing(self.times, line, height)
                for line in (self.survival, self.lower, self.upper)
            )
        )

    def restricted_mean(self, tau: float) -> tuple[float, float]:
        """The mean survival time up to `tau`, and its standard error.

        Raises:
            BeyondFollowUp: `tau` lies after the last time and patients still survive there.
        """
        last = float(self.times[-1])
        if tau > last and self.survival[-1] > 0:
            raise BeyondFollowUp(tau, group=self.group, last=last)
        inside = self.times < tau
        steps = np.concatenate([[0.0], self.times[inside], [tau]])
        areas = np.diff(steps) * np.concatenate([[1.0], self.survival[inside]])
        remaining = np.cumsum(areas[::-1])[::-1][1:]
        variance = remaining**2 @ greenwood_terms(self.n_risk, self.n_event)[inside]
        return float(areas.sum()), float(np.sqrt(variance))


@dataclass(frozen=True, eq=False)
class KaplanMeier:
    """Kaplan–Meier curves, one per group.

    Attributes:
        curves: the curves in the order of the groups.
        conf_type: the scale of the confidence limits.
        level: their coverage.
        missing: rows left out as incomplete.
        variance: which variance the standard errors come from.
        notes: what a reader must know.
    """

    curves: tuple[Curve, ...]
    conf_type: ConfType
    level: float
    missing: Missing
    variance: Variance = "greenwood"
    notes: tuple[str, ...] = ()

    def __getitem__(self, group: str) -> Curve:
        """The curve of the group of this name."""
        for curve in self.curves:
            if curve.group == group:
                return curve
        raise UnknownColumn(group, nearest=[curve.group for curve in self.curves])

    def __str__(self) -> str:
        n, events = sum(curve.n for curve in self.curves), sum(c.events for c in self.curves)
        return printing.page(
            printing.counted(n, events, self.missing.rows),
            printing.grid(self.median),
            notes=self.notes,
        )

    @property
    def median(self) -> pl.DataFrame:
        """One row per group: n, events, median, lower, upper; null where not reached."""
        return _estimates(
            {
                "group": curve.group,
                "n": curve.n,
                "events": curve.events,
                "median": curve.median.value,
                "lower": curve.median.lower,
                "upper": curve.median.upper,
            }
            for curve in self.curves
        )

    def at(self, times: ArrayLike) -> pl.DataFrame:
        """Survival at given times: group, time, n_risk, survival, std_err, lower, upper.

        Before the first time everybody survives; after the last time of a group the survival is
        unknown, so its cells are null, unless nobody is left.
        """
        wanted = np.atleast_1d(np.asarray(times, dtype=np.float64))
        return pl.concat([_at(curve, wanted) for curve in self.curves])

    def numbers_at_risk(self, times: ArrayLike) -> pl.DataFrame:
        """Numbers under observation just before given times: group, time, n_risk.

        With delayed entry the number is that at the next time of the curve.
        """
        return self.at(times).select("group", "time", "n_risk")

    def restricted_mean(self, tau: float) -> pl.DataFrame:
        """One row per group: restricted mean survival time up to `tau`, std_err, lower, upper."""
        return _estimates(_mean_row(curve, tau, self.level) for curve in self.curves)

    def table(self) -> pl.DataFrame:
        """All curves as one tidy frame, one row per group and time."""
        columns = ("n_risk", "n_event", "n_censored", "survival", "std_err", "lower", "upper")
        return pl.concat(
            pl.DataFrame(
                {"group": [c.group] * len(c.times), "time": c.times}
                | {name: getattr(c, name) for name in columns}
            ).with_columns(pl.col(pl.Float64).fill_nan(None))
            for c in self.curves
        )


def kaplan_meier(
    formula: str | Surv,
    table: Tabular | None = None,
    *,
    groups: ArrayLike | None = None,
    weights: str | ArrayLike | None = None,
    cluster: ArrayLike | None = None,
    variance: Variance | None = None,
    conf_type: ConfType = "log",
    level: float = 0.95,
) -> KaplanMeier:
    """Estimate the survival curve of each group (Kaplan and Meier 1958).

    Args:
        formula: such as "Surv(os_days, os_event) ~ NPM1", or "~ 1" for everybody, with
            `cluster(id)` where several rows belong to one patient; or a `Surv`.
        table: the columns that the formula names; rows with a missing one are left out and counted.
        groups: (n,) labels, when a `Surv` is given.
        weights: a column of case weights, or (n,) weights.
        cluster: (n,) labels of patients, when a `Surv` is given.
        variance: "greenwood" takes weights as counts; "robust" is the infinitesimal jackknife over
            rows or clusters, right for weights of inverse probability. By default robust with a
            cluster and Greenwood's otherwise (R's `survfit` also turns robust by itself when
            weights are not whole numbers; here a note says so).
        conf_type: the scale of the confidence limits: log, log-log, plain, arcsin or logit.
        level: coverage of the limits.

    Raises:
        UnknownColumn: the table lacks a column of the formula.
        BadResponse: times or events do not describe a follow-up.

    >>> table = pl.DataFrame({"days": [9, 13, 13, 18, 23], "died": [1, 1, 0, 1, 0]})
    >>> curve = kaplan_meier("Surv(days, died) ~ 1", table).curves[0]
    >>> curve.survival.round(3)
    array([0.8, 0.6, 0.3, 0.3])
    >>> curve.median.value
    18.0
    """
    data = sample(formula, table, groups=groups, weights=weights, cluster=cluster).folded()
    chosen = choose_variance(data, variance)
    grid = Grid.of(data.response)
    curves = tuple(
        _curve(data, grid, code, label, chosen, conf_type, level)
        for code, label in enumerate(data.groups.labels)
    )
    return KaplanMeier(curves, conf_type, level, data.missing, chosen, _notes(data, chosen))


def follow_up(
    formula: str | Surv,
    table: Tabular | None = None,
    *,
    groups: ArrayLike | None = None,
    conf_type: ConfType = "log",
    level: float = 0.95,
) -> KaplanMeier:
    """Estimate how long patients were watched: Kaplan–Meier with censoring as the event.

    Schemper M, Smith TL (1996) A note on quantifying follow-up in studies of failure time.
    Controlled Clinical Trials 17:343-346. The arguments are those of `kaplan_meier`.

    >>> table = pl.DataFrame({"days": [9, 13, 13, 18, 23], "died": [1, 1, 0, 1, 0]})
    >>> follow_up("Surv(days, died) ~ 1", table).curves[0].median.value
    23.0
    """
    data = sample(formula, table, groups=groups).folded()
    watched = kaplan_meier(
        data.response.reversed(), groups=data.groups.codes, conf_type=conf_type, level=level
    )
    named = tuple(
        replace(curve, group=label)
        for curve, label in zip(watched.curves, data.groups.labels, strict=True)
    )
    return KaplanMeier(named, conf_type, level, data.missing)


def choose_variance(data: Sample, asked: Variance | None) -> Variance:
    """The variance asked for; by default robust with a cluster and Greenwood's without.

    Raises:
        BadCovariate: it has no such name, or Greenwood's is asked for in spite of a cluster.
    """
    if asked is not None:
        check_choice(asked, "variance", get_args(Variance))
    if asked == "greenwood" and data.cluster is not None:
        raise BadCovariate(
            "variance",
            reason="of Greenwood takes rows as independent, but a cluster is named",
            remedy="choose 'robust', or leave out the cluster",
        )
    return asked or ("greenwood" if data.cluster is None else "robust")


def greenwood_terms(n_risk: Floats, n_event: Floats) -> Floats:
    """The increments (T,) of the variance of log survival; 0 where nobody is left to survive."""
    left = n_risk - n_event
    return np.divide(n_event, n_risk * left, out=np.zeros_like(n_risk), where=left > 0)


def fractional(weights: Floats | None) -> bool:
    """Whether some weights are not whole numbers, and so cannot be counts."""
    return weights is not None and not np.array_equal(weights, np.rint(weights))


def _notes(data: Sample, variance: Variance) -> tuple[str, ...]:
    if variance == "greenwood" and fractional(data.weights):
        return (
            "the standard errors take weights as counts, but they are not whole numbers; "
            "for weights of inverse probability choose variance='robust'",
        )
    return ()


def _curve(
    data: Sample,
    grid: Grid,
    code: int,
    group: str,
    variance: Variance,
    conf_type: ConfType,
    level: float,
) -> Curve:
    rows = data.rows(code)
    counts = count(data.response, grid, rows, data.weights)
    died = counts.n_event.sum(axis=1)
    survival = np.cumprod((counts.n_risk - died) / counts.n_risk)
    if variance == "greenwood":
        log_variance = np.cumsum(greenwood_terms(counts.n_risk, died))
    else:
        stays = Stays.of(data.response, grid, rows, data.weights, data.cluster)
        seen = np.searchsorted(grid.times, counts.times)
        log_variance = hazard_variance(stays, *leaving(stays, counts, died, seen))[seen]
    log_se = np.where(survival > 0, np.sqrt(log_variance), np.nan)
    lower, upper = confidence_limits(survival, log_se, conf_type, level)
    return Curve(
        group=group,
        n=data.size(code),
        times=counts.times,
        n_risk=counts.n_risk,
        n_event=died,
        n_censored=counts.n_censored,
        survival=survival,
        std_err=survival * log_se,
        lower=lower,
        upper=upper,
    )


def leaving(stays: Stays, counts: Counts, died: Floats, seen: Integers) -> tuple[Floats, Floats]:
    """How a row moves log survival: heights and drift on the grid; nothing once nobody is left."""
    left = counts.n_risk - died
    height = np.divide(1.0, left, out=np.zeros_like(left), where=left > 0)
    drift = np.cumsum(on_grid(greenwood_terms(counts.n_risk, died), seen, stays.size))
    return on_grid(height, seen, stays.size), drift


def _crossing(times: Floats, line: Floats, height: float) -> float:
    """When a falling line first is below a height; the middle of a flat piece exactly at it."""
    with np.errstate(invalid="ignore"):
        below = np.flatnonzero(line < height - ROUNDING)
        at = np.flatnonzero(np.abs(line - height) <= ROUNDING)
    if at.size:
        end = below[0] if below.size else at[-1]
        return float((times[at[0]] + times[end]) / 2)
    return float(times[below[0]]) if below.size else float("nan")


def _mean_row(curve: Curve, tau: float, level: float) -> dict[str, object]:
    mean, std_err = curve.restricted_mean(tau)
    half = normal_quantile(level) * std_err
    return {
        "group": curve.group,
        "restricted_mean": mean,
        "std_err": std_err,
        "lower": mean - half,
        "upper": mean + half,
    }


def _at(curve: Curve, wanted: Floats) -> pl.DataFrame:
    position = np.searchsorted(curve.times, wanted, side="right")
    next_time = np.searchsorted(curve.times, wanted, side="left")
    n_risk = np.append(curve.n_risk, 0.0)[next_time]
    known = (wanted <= curve.times[-1]) | (curve.survival[-1] == 0)

    def held(values: Floats, initial: float) -> Floats:
        return np.where(known, np.concatenate([[initial], values])[position], np.nan)

    return pl.DataFrame(
        {
            "group": [curve.group] * len(wanted),
            "time": wanted,
            "n_risk": n_risk,
            "survival": held(curve.survival, 1.0),
            "std_err": held(curve.std_err, 0.0),
            "lower": held(curve.lower, 1.0),
            "upper": held(curve.upper, 1.0),
        }
    ).with_columns(pl.col(pl.Float64).fill_nan(None))


def _estimates(rows: Iterable[Mapping[str, object]]) -> pl.DataFrame:
    return pl.DataFrame(list(rows)).with_columns(pl.col(pl.Float64).fill_nan(None))
