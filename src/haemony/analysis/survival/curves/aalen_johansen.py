"""How many patients have had each kind of event, when one event rules out the others.

Aalen OO, Johansen S (1978) An empirical transition matrix for non-homogeneous Markov chains based
on censored observations. Scandinavian Journal of Statistics 5:141-150. The variance is the
infinitesimal jackknife, the one that R's `survfit` gives: in closed form where each row counts once
and is watched from the origin, and from the rows themselves with weights, clusters or late entry.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import polars as pl
from numpy.typing import ArrayLike

from haemony.analysis.survival.curves.groups import Group, groups_followed
from haemony.analysis.survival.curves.influence import (
    greenwood_terms,
    incidence_variance,
)
from haemony.analysis.survival.curves.steps import StepCurve, StepCurves
from haemony.analysis.survival.data.arrays import Floats
from haemony.analysis.survival.data.frames import Tabular, tidy
from haemony.analysis.survival.data.given import times_asked
from haemony.analysis.survival.data.response import Surv
from haemony.analysis.survival.data.sample import sample
from haemony.analysis.survival.intervals import ConfType, confidence_limits

ROUNDING = 1e-14
"""A variance below this is what rounding leaves of zero: it would take as many patients."""


@dataclass(frozen=True, eq=False)
class Incidence(StepCurve):
    """Cumulative incidences of one group for J kinds of event, with the attributes of `StepCurve`.

    Here `n_event` (T, J) tells the kinds apart, and `n_risk` is without any event so far.

    Attributes:
        states: (J,) the kinds of event.
        survival: (T,) probability of no event of any kind.
        incidence: (T, J) probability of having had each kind of event.
        std_err: (T, J) its standard error.
        lower: (T, J) lower confidence limit.
        upper: (T, J) upper confidence limit.
    """

    INITIAL: ClassVar[Mapping[str, float]] = {
        "incidence": 0.0,
        "std_err": 0.0,
        "lower": 0.0,
        "upper": 0.0,
    }

    states: tuple[str, ...]
    survival: Floats
    incidence: Floats
    std_err: Floats
    lower: Floats
    upper: Floats

    @property
    def settled(self) -> bool:
        """Whether nobody is left after the last time."""
        return bool(self.survival[-1] == 0)

    def at(self, times: ArrayLike) -> pl.DataFrame:
        """The incidences at given times, one row per time and state."""
        times, kinds = times_asked(times), len(self.states)
        keys = {
            "group": [self.group] * (len(times) * kinds),
            "time": np.repeat(times, kinds),
            "state": list(self.states) * len(times),
        }
        estimates = {name: values.ravel() for name, values in self.held(times).items()}
        return tidy(pl.DataFrame(keys | estimates))

    def table(self) -> pl.DataFrame:
        """All of them, one row per time and state."""
        return self.at(self.times)


@dataclass(frozen=True, eq=False)
class AalenJohansen(StepCurves[Incidence]):
    """Cumulative incidence curves: incidence, std_err, lower and upper of each state at each time.

    Attributes:
        curves: one set of curves per group, in their order.
        conf_type: the scale of the confidence limits.
        level: their coverage.
        missing: rows left out as incomplete.
        notes: what a reader must know.
    """

    def summary(self) -> pl.DataFrame:
        """The last values of each state, with the number of rows and of events."""
        return pl.concat(_end(curve) for curve in self.curves)


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
    curves = tuple(_curve(group, conf_type, level) for group in groups_followed(data))
    return AalenJohansen(curves, conf_type, level, data.missing, ())


def _curve(group: Group, conf_type: ConfType, level: float) -> Incidence:
    data, counts, before = group.data, group.counts, group.survival_before
    incidence = np.cumsum((before / counts.n_risk)[:, None] * counts.n_event, axis=0)
    if data.weights is None and data.cluster is None and group.grid.start is None:
        variance = _variance(group, incidence)
    else:
        variance = _jackknife(group, incidence)
    std_err = np.sqrt(np.where(variance > ROUNDING, variance, 0.0))
    log_se = np.divide(std_err, incidence, out=np.zeros_like(std_err), where=incidence > 0)
    lower, upper = confidence_limits(incidence, log_se, conf_type, level)
    told = group.told
    told["n_event"] = counts.n_event
    return Incidence(
        **told,
        states=data.response.states,
        survival=group.survival,
        incidence=incidence,
        std_err=std_err,
        lower=lower,
        upper=upper,
    )


def _jackknife(group: Group, incidence: Floats) -> Floats:
    """(T, J) robust variance of the incidences, from the rows of the group."""
    variance = np.empty_like(incidence)
    for kind, steps in enumerate(np.diff(incidence, axis=0, prepend=0.0).T):
        curve = np.cumsum(group.spread(steps))
        moved = incidence_variance(group.stays, kind + 1, curve, group.loss, group.gain(kind))
        variance[:, kind] = moved[group.seen]
    return variance


def _variance(group: Group, incidence: Floats) -> Floats:
    """(T, J) variance of the incidences, all T in one pass.

    An event at time s changes F(t) by its own step, and through survival by F(t) - F(s); the
    squares and products of both, summed over s ≤ t, are expanded into running sums.
    """
    events, died = group.counts.n_event, group.died
    risk, step = group.counts.n_risk[:, None], group.survival_before[:, None]
    through = greenwood_terms(group.counts.n_risk, died)[:, None]
    alive = (group.counts.n_risk > died)[:, None]
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
    last = curve.at(curve.times[-1:])
    counted = last.with_columns(n=pl.lit(curve.n), events=pl.Series(curve.n_event.sum(axis=0)))
    front = ["group", "state", "n", "events"]
    return counted.select(*front, pl.all().exclude(front))
