"""How much each patient, or each cluster of rows, moves an estimate: the infinitesimal jackknife.

Jaeckel LA (1972) The infinitesimal jackknife. Bell Laboratories memorandum MM 72-1215-11. Efron B
(1982) The Jackknife, the Bootstrap and Other Resampling Plans. SIAM. Its use for survival curves is
that of Therneau TM, Grambsch PM (2000) Modeling Survival Data, chapter 7.

A row that stays from `start` to `stop` moves a hazard-like process by a jump when it leaves and by
a drift while it stays: w·(jump − drift(stop) + drift(start)). Between two changes a cluster's part
is K − R·drift(t), where R is the weight of its rows at risk and K is constant. The variance is the
sum of squares over clusters, and so needs only the running sums of K², K·R and R²: one sort, and
no loop over times.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from haemony.analysis.survival.data.arrays import Floats, Integers
from haemony.analysis.survival.data.counts import Counts, sums_by
from haemony.analysis.survival.data.response import Grid, Surv

ROUNDING = 2e-14
"""What rounding may leave of running sums where a variance is zero, in units of their largest."""


@dataclass(frozen=True, eq=False)
class Stays:
    """When the m rows of one group enter and leave the risk set, on a grid of T times.

    Attributes:
        size: the number T of times.
        start: (m,) positions of their starts, or None when all start before the first time.
        stop: (m,) positions of their ends.
        event: (m,) 0 where censored, otherwise the kind of event.
        weight: (m,) case weights.
        cluster: (m,) which rows move together, or None when each row is on its own.
    """

    size: int
    start: Integers | None
    stop: Integers
    event: Integers
    weight: Floats
    cluster: Integers | None

    @classmethod
    def of(
        cls,
        response: Surv,
        grid: Grid,
        rows: Integers | slice,
        weights: Floats | None,
        cluster: Integers | None,
    ) -> Stays:
        """The stays of some rows of a response."""
        stop = grid.stop[rows]
        return cls(
            size=len(grid.times),
            start=None if grid.start is None else grid.start[rows],
            stop=stop,
            event=response.event[rows],
            weight=np.ones(len(stop)) if weights is None else weights[rows],
            cluster=None if cluster is None else cluster[rows],
        )

    def jumps(self, heights: Floats, kind: int | None = None) -> Floats:
        """(m,) the height (T,) at the end of each row that has the event, 0 for the others."""
        had = self.event > 0 if kind is None else self.event == kind
        return np.where(had, heights[self.stop], 0.0)

    def total(self, jumps: Floats, drift: Floats) -> Floats:
        """(m,) what each row adds in the end, weight included."""
        entering, leaving = self.constants(jumps, drift)
        return entering + leaving

    def square(self, parts: Floats) -> float:
        """The sum over clusters of the squares of their parts (m,)."""
        if self.cluster is not None:
            parts = sums_by(self.cluster, parts, int(self.cluster.max()) + 1)
        return float(parts @ parts)

    def constants(self, jumps: Floats, drift: Floats) -> tuple[Floats, Floats]:
        """The changes (m,) of K when rows enter, and when they leave."""
        entered = np.zeros(len(self.stop)) if self.start is None else drift[self.start]
        return self.weight * entered, self.weight * (jumps - drift[self.stop])

    def products(self, first: Changes, second: Changes) -> Floats:
        """(T,) the sum over clusters of the product of two of their step functions."""
        if self.cluster is None:
            whole = first.entering + first.leaving
            left = whole * (second.entering + second.leaving)
            entered = first.entering * second.entering
            steps = sums_by(self.stop, left - entered, self.size)
            at = np.zeros(len(self.stop), dtype=np.intp) if self.start is None else self.start
            return np.cumsum(steps + sums_by(at, entered, self.size))
        a, b = (self._running(changes) for changes in (first, second))
        position, order, _ = self._sorted
        step = a[0] * b[0] - a[1] * b[1]
        return np.cumsum(sums_by(position[order], step, self.size))

    @property
    def at_risk(self) -> Changes:
        """The weight of the rows at risk, as a step function."""
        return Changes(self.weight, -self.weight)

    @cached_property
    def _sorted(self) -> tuple[Integers, Integers, Integers]:
        """Positions (2m,) of all entries and exits, their order, and each cluster's begin in it."""
        at = np.zeros(len(self.stop), dtype=np.intp) if self.start is None else self.start
        position = np.concatenate([at, self.stop])
        cluster = np.zeros(0, np.intp) if self.cluster is None else self.cluster
        both = np.concatenate([cluster, cluster])
        order = np.lexsort((position, both))
        first = np.searchsorted(both[order], both[order], side="left")
        return position, order, first

    def _running(self, changes: Changes) -> tuple[Floats, Floats]:
        """A cluster's step function after and before each of its entries and exits (2m,)."""
        _, order, first = self._sorted
        change = np.concatenate([changes.entering, changes.leaving])[order]
        total = np.concatenate([[0.0], np.cumsum(change)])
        after = total[1:] - total[first]
        return after, total[:-1] - total[first]


@dataclass(frozen=True, eq=False)
class Changes:
    """A step function of each row: how it changes (m,) as the row enters and as it leaves."""

    entering: Floats
    leaving: Floats


def hazard_variance(stays: Stays, heights: Floats, drift: Floats) -> Floats:
    """(T,) jackknife variance of a process with jumps of these heights (T,) and drift (T,)."""
    constant = Changes(*stays.constants(stays.jumps(heights), drift))
    risk = stays.at_risk
    return _difference(
        (1.0, stays.products(constant, constant)),
        (-2 * drift, stays.products(constant, risk)),
        (drift**2, stays.products(risk, risk)),
    )


def _difference(*terms: tuple[Floats | float, Floats]) -> Floats:
    """(T,) a sum of factors times running sums (T,); 0 where their rounding may be all of it."""
    square, noise = np.zeros(terms[0][1].shape), np.zeros(terms[0][1].shape)
    for factor, sums in terms:
        square += factor * sums
        noise += np.abs(factor) * np.abs(sums).max()
    return np.where(square > ROUNDING * noise, square, 0.0)


def incidence_variance(
    stays: Stays, kind: int, incidence: Floats, loss: Hazard, gain: Hazard
) -> Floats:
    """(T,) jackknife variance of a cumulative incidence F.

    A row moves F(t) by C(t) − F(t)·B(t), where B is its part in the hazard of leaving the initial
    state and C collects F·dB and its own part in the increments of F.

    Args:
        stays: the rows.
        kind: the kind of event that F counts.
        incidence: (T,) F.
        loss: heights and drift of B, jumping at events of any kind.
        gain: heights and drift of the second part of C, jumping at events of this kind.
    """
    b = Changes(*stays.constants(stays.jumps(loss.heights), loss.drift))
    total = stays.jumps(incidence * loss.heights) + stays.jumps(gain.heights, kind)
    follow = np.cumsum(incidence * np.diff(loss.drift, prepend=0.0)) + gain.drift
    c = Changes(*stays.constants(total, follow))
    risk = stays.at_risk
    slope = incidence * loss.drift - follow
    return _difference(
        (1.0, stays.products(c, c)),
        (-2 * incidence, stays.products(c, b)),
        (incidence**2, stays.products(b, b)),
        (2 * slope, stays.products(c, risk)),
        (-2 * slope * incidence, stays.products(b, risk)),
        (slope**2, stays.products(risk, risk)),
    )


@dataclass(frozen=True, eq=False)
class Hazard:
    """How a row moves a hazard: a jump of this height (T,) at its event, less the drift (T,)."""

    heights: Floats
    drift: Floats


def on_grid(values: Floats, seen: Integers, size: int) -> Floats:
    """Values (k,) at the seen positions of a grid of T times, zero (T,) elsewhere."""
    full = np.zeros(size)
    full[seen] = values
    return full


def greenwood_terms(n_risk: Floats, n_event: Floats) -> Floats:
    """The increments (T,) of the variance of log survival; 0 where nobody is left to survive."""
    left = n_risk - n_event
    return np.divide(n_event, n_risk * left, out=np.zeros_like(n_risk), where=left > 0)


def leaving(stays: Stays, counts: Counts, died: Floats, seen: Integers) -> tuple[Floats, Floats]:
    """How a row moves log survival: heights and drift on the grid; nothing once nobody is left."""
    left = counts.n_risk - died
    height = np.divide(1.0, left, out=np.zeros_like(left), where=left > 0)
    drift = np.cumsum(on_grid(greenwood_terms(counts.n_risk, died), seen, stays.size))
    return on_grid(height, seen, stays.size), drift
