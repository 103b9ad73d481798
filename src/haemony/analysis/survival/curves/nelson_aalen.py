"""Cumulative hazards of groups of patients, and the survival that they imply.

Nelson W (1972) Theory and applications of hazard plotting for censored failure data. Technometrics
14:945-966. Aalen O (1978) Nonparametric inference for a family of counting processes. Annals of
Statistics 6:701-726. Fleming TR, Harrington DP (1984) Nonparametric estimation of the survival
distribution in censored data. Communications in Statistics 13:2469-2486.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import polars as pl
from numpy.typing import ArrayLike

from haemony.analysis.survival import printing
from haemony.analysis.survival.curves.influence import Hazard, Stays, hazard_variance, on_grid
from haemony.analysis.survival.curves.kaplan_meier import (
    Variance,
    choose_variance,
    greenwood_terms,
    leaving,
)
from haemony.analysis.survival.data.arrays import Floats, Integers
from haemony.analysis.survival.data.counts import Counts, count, sums_by
from haemony.analysis.survival.data.formula import Missing
from haemony.analysis.survival.data.frames import Tabular
from haemony.analysis.survival.data.response import Grid, Surv
from haemony.analysis.survival.data.sample import Sample, check_choice, sample
from haemony.analysis.survival.faults import UnknownColumn
from haemony.analysis.survival.intervals import ConfType, confidence_limits, normal_quantile

HazardTies = Literal["nelson-aalen", "fleming-harrington"]
SurvivalFrom = Literal["exponential", "product"]


@dataclass(frozen=True, eq=False)
class HazardCurve:
    """The cumulative hazard of one group at its T distinct event and censoring times.

    Attributes:
        group: its name; "all" without groups.
        n: the number of rows.
        times: (T,) in the unit of the response.
        n_risk: (T,) weighted number under observation just before each time.
        n_event: (T,) weighted number of events.
        n_censored: (T,) weighted number censored.
        hazard: (T,) cumulative hazard.
        hazard_std_err: (T,) its standard error.
        hazard_lower: (T,) lower confidence limit of the hazard, on the logarithmic scale.
        hazard_upper: (T,) upper confidence limit.
        survival: (T,) probability of surviving beyond each time.
        std_err: (T,) its standard error; NaN once nobody survives.
        lower: (T,) lower confidence limit of the survival.
        upper: (T,) upper confidence limit.
    """

    group: str
    n: int
    times: Floats
    n_risk: Floats
    n_event: Floats
    n_censored: Floats
    hazard: Floats
    hazard_std_err: Floats
    hazard_lower: Floats
    hazard_upper: Floats
    survival: Floats
    std_err: Floats
    lower: Floats
    upper: Floats


COLUMNS = (
    "n_risk",
    "n_event",
    "n_censored",
    "hazard",
    "hazard_std_err",
    "hazard_lower",
    "hazard_upper",
    "survival",
    "std_err",
    "lower",
    "upper",
)


@dataclass(frozen=True, eq=False)
class NelsonAalen:
    """Cumulative hazards, one per group.

    Attributes:
        curves: the curves in the order of the groups.
        ties: how tied events count.
        survival_from: how survival follows from the hazard.
        variance: which variance the standard errors come from.
        conf_type: the scale of the confidence limits of the survival.
        level: the coverage of all limits.
        missing: rows left out as incomplete.
    """

    curves: tuple[HazardCurve, ...]
    ties: HazardTies
    survival_from: SurvivalFrom
    variance: Variance
    conf_type: ConfType
    level: float
    missing: Missing

    def __getitem__(self, group: str) -> HazardCurve:
        """The curve of the group of this name."""
        for curve in self.curves:
            if curve.group == group:
                return curve
        raise UnknownColumn(group, nearest=[curve.group for curve in self.curves])

    def __str__(self) -> str:
        n = sum(curve.n for curve in self.curves)
        events = float(sum(curve.n_event.sum() for curve in self.curves))
        return printing.page(
            printing.counted(n, events, self.missing.rows), printing.grid(self.table())
        )

    def at(self, times: ArrayLike) -> pl.DataFrame:
        """The rows of `table` at given times; null after the last time of a group."""
        wanted = np.atleast_1d(np.asarray(times, dtype=np.float64))
        return pl.concat([_at(curve, wanted) for curve in self.curves])

    def table(self) -> pl.DataFrame:
        """All curves as one tidy frame, one row per group and time."""
        return pl.concat(
            pl.DataFrame(
                {"group": [c.group] * len(c.times), "time": c.times}
                | {name: getattr(c, name) for name in COLUMNS}
            ).with_columns(pl.col(pl.Float64).fill_nan(None))
            for c in self.curves
        )


def nelson_aalen(
    formula: str | Surv,
    table: Tabular | None = None,
    *,
    groups: ArrayLike | None = None,
    weights: str | ArrayLike | None = None,
    cluster: ArrayLike | None = None,
    ties: HazardTies = "nelson-aalen",
    survival_from: SurvivalFrom = "exponential",
    variance: Variance | None = None,
    conf_type: ConfType = "log",
    level: float = 0.95,
) -> NelsonAalen:
    """Estimate the cumulative hazard of each group (Nelson 1972, Aalen 1978).

    Args:
        formula: such as "Surv(os_days, os_event) ~ NPM1", or "~ 1" for everybody, with
            `cluster(id)` where several rows belong to one patient; or a `Surv`.
        table: the columns that the formula names; rows with a missing one are left out and counted.
        groups: (n,) labels, when a `Surv` is given.
        weights: a column of case weights, or (n,) weights.
        cluster: (n,) labels of patients, when a `Surv` is given.
        ties: "nelson-aalen" adds d/r at each time (R's `ctype = 1`); "fleming-harrington" lets tied
            events leave one after the other, 1/r + 1/(r-1) + ... (R's `ctype = 2`).
        survival_from: "exponential" is exp(-hazard) (R's `stype = 2`, Fleming and Harrington's);
            "product" is Kaplan and Meier's (R's `stype = 1`).
        variance: "greenwood" stands for the model-based variance of either curve; "robust" for the
            infinitesimal jackknife, the default with a cluster.
        conf_type: the scale of the limits of the survival.
        level: coverage of the limits.

    With `variance="robust"` and an exponential survival, its standard error is survival times that
    of the hazard; R 4.2's `survfit` (survival 3.5-3) prints the latter alone for `ctype = 1`.

    >>> table = pl.DataFrame({"days": [1, 1, 2, 3], "died": [1, 1, 1, 0]})
    >>> nelson_aalen("Surv(days, died) ~ 1", table).curves[0].hazard
    array([0.5, 1. , 1. ])
    >>> nelson_aalen("Surv(days, died) ~ 1", table, ties="fleming-harrington").curves[0].hazard[0]
    np.float64(0.5833333333333333)
    """
    check_choice(ties, "ties", get_args(HazardTies))
    check_choice(survival_from, "survival_from", get_args(SurvivalFrom))
    data = sample(formula, table, groups=groups, weights=weights, cluster=cluster).folded()
    chosen = choose_variance(data, variance)
    grid = Grid.of(data.response)
    curves = tuple(
        _curve(data, grid, code, ties, survival_from, chosen, conf_type, level)
        for code in range(len(data.groups.labels))
    )
    return NelsonAalen(curves, ties, survival_from, chosen, conf_type, level, data.missing)


@dataclass(frozen=True, eq=False)
class _Steps:
    """The counts of one group, and what its T times add to the cumulative hazard.

    Attributes:
        counts: at risk, events and censored.
        died: (T,) weighted events of any kind.
        hazard: (T,) increments of the hazard.
        model: (T,) increments of its model-based variance.
        death: (T,) by how much one more unit of weight that dies would raise an increment.
        presence: (T,) by how much one more unit that is at risk would lower it.
    """

    counts: Counts
    died: Floats
    hazard: Floats
    model: Floats
    death: Floats
    presence: Floats

    @classmethod
    def of(cls, data: Sample, grid: Grid, code: int, ties: HazardTies) -> _Steps:
        """Count a group."""
        rows = data.rows(code)
        counts = count(data.response, grid, rows, data.weights)
        died = counts.n_event.sum(axis=1)
        risk = counts.n_risk
        if ties == "nelson-aalen":
            square = died / risk**2
            return cls(counts, died, died / risk, square, 1 / risk, square)
        stop, dead = grid.stop[rows], data.response.died[rows]
        tied = sums_by(stop[dead], None, len(grid.times))
        seen = np.searchsorted(grid.times, counts.times)
        return cls(counts, died, *_one_by_one(risk, died, tied[seen].astype(np.intp)))

    def variances(
        self, data: Sample, grid: Grid, code: int, variance: Variance
    ) -> tuple[Floats, Floats]:
        """(T,) variances of the cumulative hazard, and of the log of Kaplan and Meier's curve."""
        counts = self.counts
        if variance == "greenwood":
            return np.cumsum(self.model), np.cumsum(greenwood_terms(counts.n_risk, self.died))
        stays = Stays.of(data.response, grid, data.rows(code), data.weights, data.cluster)
        seen = np.searchsorted(grid.times, counts.times)
        hazard = Hazard(
            on_grid(self.death, seen, stays.size),
            np.cumsum(on_grid(self.presence, seen, stays.size)),
        )
        product = leaving(stays, counts, self.died, seen)
        return (
            hazard_variance(stays, hazard.heights, hazard.drift)[seen],
            hazard_variance(stays, *product)[seen],
        )


def _one_by_one(
    risk: Floats, died: Floats, tied: Integers
) -> tuple[Floats, Floats, Floats, Floats]:
    """Fleming and Harrington's steps: tied events leave the risk set one after the other.

    Args:
        risk: (T,) weight at risk.
        died: (T,) weight of the events.
        tied: (T,) number of rows that have an event.
    """
    time = np.repeat(np.arange(len(risk)), tied)
    rank = np.arange(len(time)) - np.repeat(np.cumsum(tied) - tied, tied)
    share, each = (rank / tied[time], (died / np.maximum(tied, 1))[time])
    left = risk[time] - share * died[time]
    parts = (
        each / left,
        each / left**2,
        1 / (tied[time] * left) + each * share / left**2,
        each / left**2,
    )
    hazard, model, death, presence = (sums_by(time, part, len(risk)) for part in parts)
    return hazard, model, death, presence


def _curve(
    data: Sample,
    grid: Grid,
    code: int,
    ties: HazardTies,
    survival_from: SurvivalFrom,
    variance: Variance,
    conf_type: ConfType,
    level: float,
) -> HazardCurve:
    steps = _Steps.of(data, grid, code, ties)
    counts, hazard = steps.counts, np.cumsum(steps.hazard)
    of_hazard, of_product = steps.variances(data, grid, code, variance)
    survival: Floats = np.exp(-hazard)
    log_variance = of_hazard
    if survival_from == "product":
        survival = np.asarray(np.cumprod((counts.n_risk - steps.died) / counts.n_risk), float)
        log_variance = of_product
    log_se = np.where(survival > 0, np.sqrt(log_variance), np.nan)
    lower, upper = confidence_limits(survival, log_se, conf_type, level)
    hazard_se = np.sqrt(of_hazard)
    spread = np.divide(hazard_se, hazard, out=np.zeros_like(hazard), where=hazard > 0)
    factor = np.exp(normal_quantile(level) * spread)
    return HazardCurve(
        group=data.groups.labels[code],
        n=data.size(code),
        times=counts.times,
        n_risk=counts.n_risk,
        n_event=steps.died,
        n_censored=counts.n_censored,
        hazard=hazard,
        hazard_std_err=hazard_se,
        hazard_lower=hazard / factor,
        hazard_upper=hazard * factor,
        survival=survival,
        std_err=survival * log_se,
        lower=lower,
        upper=upper,
    )


def _at(curve: HazardCurve, wanted: Floats) -> pl.DataFrame:
    position = np.searchsorted(curve.times, wanted, side="right")
    following = np.searchsorted(curve.times, wanted, side="left")
    known = wanted <= curve.times[-1]
    initial = dict.fromkeys(COLUMNS[3:], 0.0) | {"survival": 1.0, "lower": 1.0, "upper": 1.0}
    columns = {
        name: np.where(known, np.concatenate([[first], getattr(curve, name)])[position], np.nan)
        for name, first in initial.items()
    }
    return pl.DataFrame(
        {
            "group": [curve.group] * len(wanted),
            "time": wanted,
            "n_risk": np.append(curve.n_risk, 0.0)[following],
        }
        | columns
    ).with_columns(pl.col(pl.Float64).fill_nan(None))
