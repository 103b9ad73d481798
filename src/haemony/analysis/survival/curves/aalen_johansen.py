"""How many patients have had each kind of event, when one event rules out the others.

Aalen OO, Johansen S (1978) An empirical transition matrix for non-homogeneous Markov chains based
on censored observations. Scandinavian Journal of Statistics 5:141-150. The variance is the
infinitesimal jackknife, the one that R's `survfit` gives: in closed form where each row counts once
and is watched from the origin, and from the rows themselves with weights, clusters or late entry.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import ArrayLike

from haemony.analysis.survival import printing
from haemony.analysis.survival.curves.influence import Hazard, Stays, incidence_variance, on_grid
from haemony.analysis.survival.curves.kaplan_meier import greenwood_terms, leaving
from haemony.analysis.survival.data.arrays import Floats, Integers
from haemony.analysis.survival.data.counts import Counts, count
from haemony.analysis.survival.data.formula import Missing
from haemony.analysis.survival.data.frames import Tabular
from haemony.analysis.survival.data.response import Grid, Surv
from haemony.analysis.survival.data.sample import Sample, sample
from haemony.analysis.survival.faults import UnknownColumn
from haemony.analysis.survival.intervals import ConfType, confidence_limits


@dataclass(frozen=True, eq=False)
class Incidence:
    """Cumulative incidences of one group at its T distinct times, for J kinds of event.

    Attributes:
        group: its name; "all" without groups.
        n: the number of rows.
        states: (J,) the kinds of event.
        times: (T,) in the unit of the response.
        n_risk: (T,) under observation and without any event just before each time.
        n_event: (T, J) events of each kind.
        n_censored: (T,) censored.
        survival: (T,) probability of no event of any kind.
        incidence: (T, J) probability of having had each kind of event.
        std_err: (T, J) its standard error.
        lower: (T, J) lower confidence limit.
        upper: (T, J) upper confidence limit.
    """

    group: str
    n: int
    states: tuple[str, ...]
    times: Floats
    n_risk: Floats
    n_event: Floats
    n_censored: Floats
    survival: Floats
    incidence: Floats
    std_err: Floats
    lower: Floats
    upper: Floats


@dataclass(frozen=True, eq=False)
class AalenJohansen:
    """Cumulative incidence curves, one set per group.

    Attributes:
        curves: the curves in the order of the groups.
        conf_type: the scale of the confidence limits.
        level: their coverage.
        missing: rows left out as incomplete.
    """

    curves: tuple[Incidence, ...]
    conf_type: ConfType
    level: float
    missing: Missing

    def __getitem__(self, group: str) -> Incidence:
        """The curves of the group of this name."""
        for curve in self.curves:
            if curve.group == group:
                return curve
        raise UnknownColumn(group, nearest=[curve.group for curve in self.curves])

    def __str__(self) -> str:
        n = sum(curve.n for curve in self.curves)
        ends = pl.concat(_end(curve) for curve in self.curves)
        return printing.page(printing.counted(n, None, self.missing.rows), printing.grid(ends))

    def at(self, times: ArrayLike) -> pl.DataFrame:
        """Incidences at given times: group, time, state, incidence, std_err, lower, upper.

        After the last time of a group they are unknown, so null, unless nobody is left.
        """
        wanted = np.atleast_1d(np.asarray(times, dtype=np.float64))
        return pl.concat(
            _frame(curve, np.searchsorted(curve.times, wanted, side="right"), wanted)
            for curve in self.curves
        )

    def table(self) -> pl.DataFrame:
        """All curves as one tidy frame, one row per group, time and state."""
        return pl.concat(
            _frame(curve, np.arange(1, len(curve.times) + 1), curve.times) for curve in self.curves
        )


def aalen_johansen(
    formula: str | Surv,
    table: Tabular | None = None,
    *,
    groups: ArrayLike | None = None,
    weights: str | ArrayLike | None = None,
    cluster: ArrayLike | None = None,
    conf_type: ConfType = "log",
    level: float = 0.95,
) -> AalenJohansen:
    """Estimate the cumulative incidence of competing events (Aalen and Johansen 1978).

    Args:
        formula: such as "Surv(days, outcome) ~ NPM1", where outcome is an Enum whose first category
            means censored, or whole numbers with 0 for censored, with `cluster(id)` where several
            rows belong to one patient; or a `Surv` with several states.
        table: the columns that the formula names; rows with a missing one are left out and counted.
        groups: (n,) labels, when a `Surv` is given.
        weights: a column of case weights, or (n,) weights; the standard error is robust.
        cluster: (n,) labels of patients, when a `Surv` is given.
        conf_type: the scale of the confidence limits, as R's `survfit` has it.
        level: coverage of the limits.

    >>> table = pl.DataFrame({"days": [2, 3, 5, 7], "outcome": [1, 0, 2, 1]})
    >>> aalen_johansen("Surv(days, outcome) ~ 1", table).curves[0].incidence[-1]
    array([0.625, 0.375])
    """
    data = sample(
        formula, table, groups=groups, weights=weights, cluster=cluster, competing=True
    ).folded()
    grid = Grid.of(data.response)
    curves = tuple(
        _curve(data, grid, code, label, conf_type, level)
        for code, label in enumerate(data.groups.labels)
    )
    return AalenJohansen(curves, conf_type, level, data.missing)


def _curve(
    data: Sample, grid: Grid, code: int, group: str, conf_type: ConfType, level: float
) -> Incidence:
    rows = data.rows(code)
    counts = count(data.response, grid, rows, data.weights)
    died = counts.n_event.sum(axis=1)
    before = survival_before(counts)
    survival = before * (counts.n_risk - died) / counts.n_risk
    incidence = np.cumsum((before / counts.n_risk)[:, None] * counts.n_event, axis=0)
    if data.weights is None and data.cluster is None and grid.start is None:
        variance = _variance(counts, died, before, incidence)
    else:
        stays = Stays.of(data.response, grid, rows, data.weights, data.cluster)
        variance = _jackknife(stays, grid, counts, incidence)
    std_err = np.sqrt(variance)
    log_se = np.divide(std_err, incidence, out=np.zeros_like(std_err), where=incidence > 0)
    lower, upper = confidence_limits(incidence, log_se, conf_type, level)
    return Incidence(
        group=group,
        n=data.size(code),
        states=data.response.states,
        times=counts.times,
        n_risk=counts.n_risk,
        n_event=counts.n_event,
        n_censored=counts.n_censored,
        survival=survival,
        incidence=incidence,
        std_err=std_err,
        lower=lower,
        upper=upper,
    )


def _jackknife(stays: Stays, grid: Grid, counts: Counts, incidence: Floats) -> Floats:
    """(T, J) robust variance of the incidences, from the rows of the group."""
    seen = np.searchsorted(grid.times, counts.times)
    loss = Hazard(*leaving(stays, counts, counts.n_event.sum(axis=1), seen))
    variance = np.empty_like(incidence)
    for kind, steps in enumerate(np.diff(incidence, axis=0, prepend=0.0).T):
        gain = gaining(stays, counts, kind, seen)
        curve = np.cumsum(on_grid(steps, seen, stays.size))
        variance[:, kind] = incidence_variance(stays, kind + 1, curve, loss, gain)[seen]
    return variance


def survival_before(counts: Counts) -> Floats:
    """(T,) the probability of no event of any kind before each time."""
    died = counts.n_event.sum(axis=1)
    survival = np.cumprod((counts.n_risk - died) / counts.n_risk)
    return np.concatenate([[1.0], survival[:-1]])


def gaining(stays: Stays, counts: Counts, kind: int, seen: Integers) -> Hazard:
    """How a row moves the increments of an incidence while survival is held fixed; on the grid."""
    events = counts.n_event[:, kind]
    height = survival_before(counts) / counts.n_risk
    return Hazard(
        heights=on_grid(height, seen, stays.size),
        drift=np.cumsum(on_grid(height * events / counts.n_risk, seen, stays.size)),
    )


def _variance(counts: Counts, died: Floats, before: Floats, incidence: Floats) -> Floats:
    """(T, J) variance of the incidences, all T in one pass.

    An event at time s changes F(t) by its own step, and through survival by F(t) - F(s); the
    squares and products of both, summed over s ≤ t, are expanded into running sums.
    """
    risk = counts.n_risk[:, None]
    events, step = counts.n_event, before[:, None]
    through = greenwood_terms(counts.n_risk, died)[:, None]
    alive = (counts.n_risk > died)[:, None]
    own = step**2 * events * (risk - events) / risk**3
    both = np.where(alive, step * events / risk**2, 0.0)

    def running(values: Floats) -> Floats:
        return np.cumsum(values, axis=0)

    quadratic = (
        incidence**2 * running(np.broadcast_to(through, events.shape))
        - 2 * incidence * running(through * incidence)
        + running(through * incidence**2)
    )
    mixed = incidence * running(both) - running(both * incidence)
    return np.maximum(quadratic + running(own) - 2 * mixed, 0.0)


def _end(curve: Incidence) -> pl.DataFrame:
    """The last values of each state, with the number of rows and of events."""
    last = _frame(curve, np.array([len(curve.times)]), curve.times[-1:])
    counted = last.with_columns(n=pl.lit(curve.n), events=pl.Series(curve.n_event.sum(axis=0)))
    front = ["group", "state", "n", "events"]
    return counted.select(*front, pl.all().exclude(front))


def _frame(curve: Incidence, position: Integers, times: Floats) -> pl.DataFrame:
    """The curve's values at positions (m,), 0 meaning before the first time; one row per state."""
    kinds = len(curve.states)
    known = (times <= curve.times[-1]) | (curve.survival[-1] == 0)

    def held(values: Floats) -> Floats:
        started = np.vstack([np.zeros((1, kinds)), values])[position]
        return np.where(known[:, None], started, np.nan).ravel()

    return pl.DataFrame(
        {
            "group": [curve.group] * (len(times) * kinds),
            "time": np.repeat(times, kinds),
            "state": list(curve.states) * len(times),
            "incidence": held(curve.incidence),
            "std_err": held(curve.std_err),
            "lower": held(curve.lower),
            "upper": held(curve.upper),
        }
    ).with_columns(pl.col(pl.Float64).fill_nan(None))
