"""Who is at risk when: the sums over risk sets on which the Cox model rests.

Nothing is sorted. Each row is given a place: the last event time at which it is at risk, and
whether it dies there. Sums by place, accumulated backwards in time, are sums over risk sets.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Self, TypeAlias

import numpy as np

from haemony.analysis.survival.data.arrays import Flags, Floats, Integers
from haemony.analysis.survival.data.columns import Covariates
from haemony.analysis.survival.data.counts import stable_order, suffix_sums, sums_by
from haemony.analysis.survival.data.response import Grid, Surv

ByRows: TypeAlias = Callable[[slice], Floats]


@dataclass(frozen=True, eq=False)
class RiskSets:
    """The K distinct event times of all strata, and the rows at risk at each.

    Event times are ordered by stratum and then by time; rows are in the order given.

    Attributes:
        place: (n,) how each row leaves: 2k + 1 if it dies at event time k, 2k + 2 if that is the
            last event time at which it is at risk, 0 if there is none.
        entry: (n,) the last event time that each row comes too late for, K where there is none; or
            None if all rows are under observation from the first event time of their stratum on.
        times: (K,) event times.
        stratum: (K,) stratum of each.
        bounds: (S + 1,) where each stratum's event times begin; the last entry is K.
        deaths: (K,) unweighted numbers of deaths.
    """

    place: Integers
    entry: Integers | None
    times: Floats
    stratum: Integers
    bounds: Integers
    deaths: Integers

    @classmethod
    def of(cls, response: Surv, strata: Integers) -> Self:
        """Find the risk sets of a response (n,) with strata codes (n,)."""
        grid = Grid.of(response)
        size, died = len(grid.times), response.died
        cells = size * (int(strata.max(initial=0)) + 1)
        stop = grid.stop if cells == size else grid.stop + strata * size
        start = None if grid.start is None else grid.start + 1 + strata * size
        known, stop, start = _compact(stop, start, cells)
        found = np.bincount(stop[died], minlength=len(known))
        event = np.flatnonzero(found)
        before = np.concatenate([[0], np.cumsum(found > 0)])
        stratum, time = np.divmod(known[event], size)
        bounds = _bounds(stratum)
        begins = np.searchsorted(known[event], np.arange(cells // size) * size)
        first = begins[strata] if start is None else before[start]
        last = before[1:][stop] - 1
        place = 2 * last + 2 - died
        place[first > last] = 0
        return cls(
            place=place,
            entry=None if start is None else _entry(first, begins[strata], last, len(event)),
            times=grid.times[time],
            stratum=stratum,
            bounds=bounds,
            deaths=found[event],
        )

    @property
    def died(self) -> Flags:
        """(n,) whether each row dies."""
        return np.asarray(self.place % 2 == 1)

    @cached_property
    def death_rows(self) -> Integers:
        """(E,) rows that die, in the order of their event times."""
        dead = np.flatnonzero(self.died)
        return dead[stable_order(self.place[dead])]

    @cached_property
    def _by_place(self) -> Integers:
        return stable_order(self.place)

    def at_risk(self, event: int) -> Integers:
        """(m,) rows at risk at one event time."""
        end = self.bounds[np.searchsorted(self.bounds, event, side="right")]
        present = (self.place > 2 * event) & (self.place <= 2 * end)
        if self.entry is not None:
            present &= (self.entry < event) | (self.entry == len(self.times))
        return np.flatnonzero(present)

    def sums(self, weight: Floats, values: Covariates | None = None) -> tuple[Floats, Floats]:
        """Sums of weights (n,), or of weight · values, at each event time: at risk, and dying.

        Args:
            weight: (n,) of the rows.
            values: (n, p) of the rows; without them the weights themselves are summed.

        Returns:
            (K,) or (K, p) sums over the rows at risk, and over the rows that die.
        """
        leaving = total_by(self.place, weight, values, 2 * len(self.times) + 1)
        dying = leaving[1::2]
        at_risk = self._backwards(dying + leaving[2::2])
        if self.entry is not None:
            entering = total_by(self.entry, weight, values, len(self.times) + 1)
            at_risk = at_risk - self._backwards(entering[:-1])
        return at_risk, dying

    def sum_at_risk(self, weight: Floats, values: Covariates | None = None) -> Floats:
        """The first of `sums`: over the rows at risk at each event time."""
        return self.sums(weight, values)[0]

    def sum_of_dead(self, weight: Floats, values: Covariates | None = None) -> Floats:
        """The second of `sums`: over the rows that die at each event time."""
        return self.sums(weight, values)[1]

    def sum_while_at_risk(self, values: Floats, shielded: Floats | None = None) -> Floats:
        """Sums (n, ...) over each row's time at risk of values (K, ...) of the event times.

        Args:
            values: of the event times.
            shielded: (K, ...) what those who die there are spared.
        """
        return self.while_at_risk(values, shielded)(slice(None))

    def while_at_risk(self, values: Floats, shielded: Floats | None = None) -> ByRows:
        """The same, for the rows of a slice at a time."""
        met = self._forwards(values)
        by_place = np.zeros((2 * len(met) + 1, *met.shape[1:]))
        by_place[1::2] = by_place[2::2] = met
        if shielded is not None:
            by_place[1::2] -= shielded
        entry, before = self.entry, with_zero(met)

        def sums(part: slice) -> Floats:
            total = by_place[self.place[part]]
            if entry is not None:
                total -= before[entry[part]]
            return total

        return sums

    def drawn(self, times: Integers) -> tuple[Self, Integers]:
        """The risk sets of a sample that holds each row so many times (n,), found from these.

        Rows are not repeated: `deaths` counts the repeats, and whoever sums over rows multiplies
        their weights by the repeats.

        Returns:
            The risk sets, and the rows (m,) that are in the sample, in the order of their places,
            so that those which are summed together lie together.
        """
        rows = self._by_place[times[self._by_place] > 0]
        place, size = self.place[rows], len(self.times)
        dead = place % 2 == 1
        deaths = np.bincount(place[dead] // 2, times[rows][dead], size).astype(np.intp)
        kept = np.flatnonzero(deaths)
        before = np.concatenate([[0], np.cumsum(deaths > 0)])
        begins = before[self.bounds]
        last = before[(place + 1) // 2] - 1
        opened = begins[np.searchsorted(self.bounds, (place + 1) // 2 - 1, side="right") - 1]
        first = opened
        if self.entry is not None:
            late = self.entry[rows]
            first = np.where(late < size, before[np.minimum(late + 1, size)], opened)
        moved = 2 * last + 2 - dead
        moved[(first > last) | (place == 0)] = 0
        stratum = self.stratum[kept]
        sample = type(self)(
            place=moved,
            entry=None if self.entry is None else _entry(first, opened, last, len(kept)),
            times=self.times[kept],
            stratum=stratum,
            bounds=_bounds(stratum),
            deaths=deaths[kept],
        )
        return sample, rows

    def _backwards(self, values: Floats) -> Floats:
        """Sums of each event time and the later ones of its stratum."""
        if len(self.bounds) == 2:
            return suffix_sums(values)
        sums = np.empty_like(values)
        for begin, end in zip(self.bounds[:-1], self.bounds[1:], strict=True):
            sums[begin:end] = suffix_sums(values[begin:end])
        return sums

    def _forwards(self, values: Floats) -> Floats:
        """Sums of each event time and the earlier ones of its stratum."""
        sums = np.empty_like(values)
        for begin, end in zip(self.bounds[:-1], self.bounds[1:], strict=True):
            np.cumsum(values[begin:end], axis=0, out=sums[begin:end])
        return sums


def total_by(place: Integers, weight: Floats, values: Covariates | None, size: int) -> Floats:
    """Sums (size, ...) by place (n,) of weights (n,), or of weight · values (n, p)."""
    if values is None:
        return sums_by(place, weight, size)
    return values.total_by(place, weight, size)


def with_zero(values: Floats) -> Floats:
    """Values (K, ...) of the event times, and zeros (K + 1, ...) for the time that is none."""
    return np.concatenate([values, np.zeros((1, *values.shape[1:]))])


def _entry(first: Integers, opened: Integers, last: Integers, size: int) -> Integers:
    """(n,) the last event time that each row comes too late for, a size where there is none.

    Args:
        first: (n,) the first event time at which each row is under observation.
        opened: (n,) the first event time of its stratum.
        last: (n,) the last event time at which it is at risk.
        size: how many event times there are.
    """
    return np.where((first > opened) & (first <= last), first - 1, size)


def _compact(
    stop: Integers, start: Integers | None, cells: int
) -> tuple[Integers, Integers, Integers | None]:
    """Cells of stratum and time as positions among those in use, which are all if there are few."""
    if cells <= 4 * len(stop) + 10_000:
        return np.arange(cells), stop, start
    both = stop if start is None else np.concatenate([stop, start])
    known, position = np.unique(both, return_inverse=True)
    n = len(stop)
    return known, position[:n], None if start is None else position[n:]


def _bounds(stratum: Integers) -> Integers:
    changes = np.flatnonzero(np.diff(stratum)) + 1
    return np.concatenate([[0], changes, [len(stratum)]]).astype(np.intp)
