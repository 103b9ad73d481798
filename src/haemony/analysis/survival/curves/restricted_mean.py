"""Time lived, or lost to each cause, up to a horizon: estimates per group, differences and ratios.

Royston P, Parmar MKB (2013) Restricted mean survival time: an alternative to the hazard ratio. BMC
Medical Research Methodology 13:152. Andersen PK (2013) Decomposition of number of life years lost
according to causes of death. Statistics in Medicine 32:5278-5285.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import polars as pl
from numpy.typing import ArrayLike
from scipy.stats import norm

from haemony.analysis.survival import printing
from haemony.analysis.survival.curves.groups import (
    Group,
    Variance,
    choose_variance,
    groups_followed,
)
from haemony.analysis.survival.curves.influence import greenwood_terms
from haemony.analysis.survival.data.arrays import Floats, Integers
from haemony.analysis.survival.data.complete import Missing
from haemony.analysis.survival.data.counts import sums_by
from haemony.analysis.survival.data.frames import Tabular, tidy
from haemony.analysis.survival.data.given import number
from haemony.analysis.survival.data.response import Surv
from haemony.analysis.survival.data.sample import Sample, sample
from haemony.analysis.survival.faults import (
    BadCovariate,
    BadResponse,
    BeyondFollowUp,
    NothingToAnalyse,
)
from haemony.analysis.survival.intervals import normal_quantile

Horizon = float | Literal["shortest"]
ALIVE = "event-free"


@dataclass(frozen=True, eq=False)
class RestrictedMeans:
    """Mean times up to a horizon in G groups, for each of J states.

    Attributes:
        groups: (G,) their names.
        n: (G,) rows.
        states: (J,) what the time is spent in: "event-free", or lost to a kind of event.
        tau: the horizon, in the unit of the response.
        mean: (G, J) restricted means, in that unit.
        covariance: (J, G, G) of the groups' means.
        reference: position of the group with which the others are compared.
        variance: which variance the standard errors come from.
        level: coverage of the limits.
        missing: rows left out as incomplete.
        notes: what a reader must know.
    """

    groups: tuple[str, ...]
    n: Integers
    states: tuple[str, ...]
    tau: float
    mean: Floats
    covariance: Floats
    reference: int
    variance: Variance
    level: float
    missing: Missing
    notes: tuple[str, ...] = ()

    @property
    def std_err(self) -> Floats:
        """(G, J) standard errors of the means."""
        return np.sqrt(np.diagonal(self.covariance, axis1=1, axis2=2)).T

    def __str__(self) -> str:
        parts = [printing.grid(self.table())]
        if len(self.groups) > 1:
            parts.append(printing.grid(self.contrasts(), p_values=("p", "ratio_p")))
        head = printing.counted(int(self.n.sum()), None, self.missing.rows)
        return printing.page(head, *parts, notes=self.notes)

    def table(self) -> pl.DataFrame:
        """One row per state and group: state, group, n, tau, mean, std_err, lower, upper."""
        half = normal_quantile(self.level) * self.std_err
        return pl.DataFrame(
            {
                "state": np.repeat(self.states, len(self.groups)),
                "group": list(self.groups) * len(self.states),
                "n": np.tile(self.n, len(self.states)),
                "tau": self.tau,
                "mean": self.mean.T.ravel(),
                "std_err": self.std_err.T.ravel(),
                "lower": (self.mean - half).T.ravel(),
                "upper": (self.mean + half).T.ravel(),
            }
        )

    def contrasts(self) -> pl.DataFrame:
        """Each group against the reference, one row per state and group.

        The columns are state, group, against, difference, std_err, lower, upper, p, ratio,
        ratio_lower, ratio_upper, ratio_p. The ratio's limits and test are those of its logarithm
        by the delta method; null where a mean is zero.
        """
        rows = [
            self._contrast(state, group)
            for state in range(len(self.states))
            for group in range(len(self.groups))
            if group != self.reference
        ]
        return tidy(pl.DataFrame(rows, schema=CONTRAST, orient="row"))

    def _contrast(self, state: int, group: int) -> tuple[object, ...]:
        pair = [group, self.reference]
        own, base = float(self.mean[group, state]), float(self.mean[self.reference, state])
        covariance = self.covariance[state][np.ix_(pair, pair)]
        z = normal_quantile(self.level)
        difference, error = own - base, _length(covariance, np.array([1.0, -1.0]))
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = own / base if min(own, base) > 0 else float("nan")
            relative = _length(covariance, 1 / np.array([own, -base]))
            limits = ratio * np.exp(z * relative * np.array([-1.0, 1.0]))
            p, ratio_p = (
                _p(np.float64(difference) / error),
                _p(np.log(np.float64(ratio)) / relative),
            )
        names = (self.states[state], self.groups[group], self.groups[self.reference])
        ends = (difference - z * error, difference + z * error)
        return (*names, difference, error, *ends, p, ratio, *limits.tolist(), ratio_p)


CONTRAST = {
    "state": pl.String,
    "group": pl.String,
    "against": pl.String,
    "difference": pl.Float64,
    "std_err": pl.Float64,
    "lower": pl.Float64,
    "upper": pl.Float64,
    "p": pl.Float64,
    "ratio": pl.Float64,
    "ratio_lower": pl.Float64,
    "ratio_upper": pl.Float64,
    "ratio_p": pl.Float64,
}


def restricted_mean(
    formula: str | Surv,
    table: Tabular | None = None,
    *,
    tau: Horizon = "shortest",
    reference: str | None = None,
    groups: ArrayLike | None = None,
    weights: str | ArrayLike | None = None,
    cluster: ArrayLike | None = None,
    variance: Variance | None = None,
    level: float = 0.95,
) -> RestrictedMeans:
    """Compare the mean survival time up to a horizon between groups.

    Args:
        formula: such as "Surv(os_days, os_event) ~ arm", or "~ 1"; or a `Surv`.
        table: the columns that the formula names.
        tau: the horizon; "shortest" takes the earliest of the groups' last follow-ups, censored or
            not. A figure that is agreed beforehand is better.
        reference: the label of the group with which the others are compared; the first by default.
        groups: (n,) labels, when a `Surv` is given.
        weights: a column of case weights, or (n,) weights.
        cluster: (n,) labels of patients, when a `Surv` is given.
        variance: as in `kaplan_meier`.
        level: coverage of the limits.

    Raises:
        BeyondFollowUp: the horizon lies after the last follow-up of a group with survivors.
        BadResponse: some follow-up lies before the time origin.

    >>> table = pl.DataFrame({"days": [3, 5, 8, 9], "died": [1, 1, 1, 0], "arm": list("aabb")})
    >>> restricted_mean("Surv(days, died) ~ arm", table, tau=6).contrasts()["difference"][0]
    2.0
    """
    data = sample(formula, table, groups=groups, weights=weights, cluster=cluster).folded()
    chosen, notes = choose_variance(data, variance)
    return _means(data, (ALIVE,), event_free, tau, reference, chosen, level, notes)


def restricted_loss(
    formula: str | Surv,
    table: Tabular | None = None,
    *,
    tau: Horizon = "shortest",
    reference: str | None = None,
    groups: ArrayLike | None = None,
    weights: str | ArrayLike | None = None,
    cluster: ArrayLike | None = None,
    level: float = 0.95,
) -> RestrictedMeans:
    """Compare the mean time lost to each cause up to a horizon between groups (Andersen 2013).

    It is the area under the cumulative incidence; over all causes it adds up to the horizon less
    the restricted mean survival time. The standard error is the infinitesimal jackknife, as R's
    `survfit` gives it for the mean time in a state. The arguments are those of `restricted_mean`.

    Args:
        formula: such as "Surv(days, outcome) ~ arm", where outcome is an Enum whose first category
            means censored, or whole numbers with 0 for censored; or a `Surv` with several states.
        table: the columns that the formula names.
        tau: the horizon.
        reference: the label of the group with which the others are compared.
        groups: (n,) labels, when a `Surv` is given.
        weights: a column of case weights, or (n,) weights.
        cluster: (n,) labels of patients, when a `Surv` is given.
        level: coverage of the limits.

    >>> table = pl.DataFrame({"days": [2, 3, 5, 7], "outcome": [1, 0, 2, 1]})
    >>> restricted_loss("Surv(days, outcome) ~ 1", table, tau=6).mean
    array([[1.   , 0.375]])
    """
    data = sample(
        formula, table, groups=groups, weights=weights, cluster=cluster, competing=True
    ).folded()
    if not data.response.died.any():
        raise NothingToAnalyse("nobody had an event", remedy="check the coding of the event")
    return _means(data, data.response.states, _lost, tau, reference, "robust", level)


Estimator = Callable[[Group, float], tuple[Floats, Floats]]


def _means(
    data: Sample,
    states: tuple[str, ...],
    estimator: Estimator,
    tau: Horizon,
    reference: str | None,
    variance: Variance,
    level: float,
    notes: tuple[str, ...] = (),
) -> RestrictedMeans:
    labels = data.groups.labels
    if reference is not None and reference not in labels:
        raise BadCovariate(
            "reference", reason="names no group", remedy=f"choose one of {', '.join(labels)}"
        )
    groups = groups_followed(data)
    if groups[0].grid.times[0] < 0:
        raise BadResponse(
            "some follow-up lies before the time origin, from which means are counted",
            remedy="shift the time origin, or leave these rows out",
        )
    horizon = _horizon(groups, tau)
    mean, covariance = np.empty((len(groups), len(states))), []
    parts = np.zeros((len(data.response), len(states)))
    for code, group in enumerate(groups):
        mean[code], parts[group.rows] = estimator(group, horizon)
    for state in range(len(states)):
        if variance == "greenwood":
            covariance.append(np.diag([_greenwood(group, horizon) for group in groups]))
        else:
            covariance.append(_product(data, parts[:, state]))
    return RestrictedMeans(
        groups=labels,
        n=np.bincount(data.groups.codes, minlength=len(labels)),
        states=states,
        tau=horizon,
        mean=mean,
        covariance=np.array(covariance),
        reference=0 if reference is None else labels.index(reference),
        variance=variance,
        level=level,
        missing=data.missing,
        notes=notes,
    )


def _horizon(groups: list[Group], tau: Horizon) -> float:
    """The horizon as a number, refused where a group's curve is not known so far."""
    if isinstance(tau, str) and tau == "shortest":
        shortest = min(groups, key=lambda group: group.counts.times[-1])
        if shortest.counts.times[-1] <= 0:
            raise NothingToAnalyse(
                f"nobody in {shortest.label!r} is followed for any time",
                remedy="leave this group out, or give a horizon",
            )
        return float(shortest.counts.times[-1])
    for group in groups:
        within(tau, group.label, group.counts.times, group.survival)
    return float(tau)


def within(tau: Horizon, group: str, times: Floats, survival: Floats) -> None:
    """Refuse a horizon up to which the survival of a group is not known.

    Raises:
        BadCovariate: it is not a positive time.
        BeyondFollowUp: it lies after the last time, and patients still survive there.
    """
    if isinstance(tau, str) or number(tau, "tau") <= 0:
        raise BadCovariate(
            "tau", reason="is not a positive time", remedy="give a number, or 'shortest'"
        )
    if tau > times[-1] and survival[-1] > 0:
        raise BeyondFollowUp(tau, group=group, last=float(times[-1]))


def event_free(group: Group, tau: float) -> tuple[Floats, Floats]:
    """The mean event-free time (1,), and by how much each row moves it (m, 1)."""
    times = np.minimum(group.counts.times, tau)
    ahead = _ahead(times, group.survival, tau)
    flow = np.diff(group.loss.drift, prepend=0.0)[group.seen]
    jumps = group.stays.jumps(group.loss.heights * group.spread(ahead))
    return np.array([times[0] + ahead[0]]), -_parts(group, jumps, flow * ahead)[:, None]


def _greenwood(group: Group, tau: float) -> float:
    counts = group.counts
    return greenwood_mean(counts.times, counts.n_risk, group.died, group.survival, tau)[1]


def greenwood_mean(
    times: Floats, n_risk: Floats, died: Floats, survival: Floats, tau: float
) -> tuple[float, float]:
    """The mean event-free time of a group, and Greenwood's variance of it."""
    until = np.minimum(times, tau)
    ahead = _ahead(until, survival, tau)
    return float(until[0] + ahead[0]), float(ahead**2 @ greenwood_terms(n_risk, died))


def _lost(group: Group, tau: float) -> tuple[Floats, Floats]:
    """The mean times lost (J,), and by how much each row moves them (m, J)."""
    counts, stays = group.counts, group.stays
    times, left = np.minimum(counts.times, tau), np.maximum(tau - counts.times, 0.0)
    flow = np.diff(group.loss.drift, prepend=0.0)[group.seen]
    step = group.survival_before / counts.n_risk
    mean, moved = np.empty(counts.n_event.shape[1]), []
    for kind in range(len(mean)):
        incidence = np.cumsum(step * counts.n_event[:, kind])
        ahead = _ahead(times, incidence, tau)
        later = ahead - incidence * left
        gain = group.gain(kind)
        own = np.diff(gain.drift, prepend=0.0)[group.seen] * left
        jumps = stays.jumps(gain.heights * group.spread(left), kind + 1)
        jumps = jumps - stays.jumps(group.loss.heights * group.spread(later))
        mean[kind] = ahead[0]
        moved.append(_parts(group, jumps, own - flow * later))
    return mean, np.column_stack(moved)


def _parts(group: Group, jumps: Floats, drift: Floats) -> Floats:
    """(m,) what each row adds, from a drift given as increments (T,) at the group's times."""
    return group.stays.total(jumps, np.cumsum(group.spread(drift)))


def _ahead(times: Floats, curve: Floats, tau: float) -> Floats:
    """(T,) the area under a step curve from each time to the horizon."""
    areas = np.diff(times, append=tau) * curve
    return np.cumsum(areas[::-1])[::-1]


def _product(data: Sample, parts: Floats) -> Floats:
    """(G, G) covariance of the groups' means from the parts (n,) of all rows."""
    groups = len(data.groups.labels)
    if data.cluster is None:
        return np.diag(sums_by(data.groups.codes, parts**2, groups))
    pair = data.cluster * groups + data.groups.codes
    clusters = int(data.cluster.max()) + 1
    table = sums_by(pair, parts, clusters * groups).reshape(clusters, groups)
    return np.asarray(table.T @ table)


def _length(covariance: Floats, direction: Floats) -> float:
    return float(np.sqrt(np.maximum(direction @ covariance @ direction, 0.0)))


def _p(z: np.float64) -> float:
    return float(2 * norm.sf(np.abs(z)))
