"""Who is at risk when: the sums over risk sets on which the Cox model rests.

Rows are sorted once by the last event time at which they are at risk, the dead first. Rows that
leave between two event times are then neighbours, and everything else is a sum over such segments,
accumulated backwards in time.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
from scipy.sparse import csr_array

from haemony.analysis.survival.data.arrays import Flags, Floats, Integers
from haemony.analysis.survival.data.counts import segment_sums, stable_order, suffix_sums
from haemony.analysis.survival.data.response import Grid, Surv


@dataclass(frozen=True, eq=False)
class RiskSets:
    """The K distinct event times of all strata, and the rows at risk at each.

    Event times are ordered by stratum and then by time. A row is at risk at the event times from
    `first` to `last`; where `first` exceeds `last` it is at risk at none, and `last` is -1.

    Attributes:
        order: (n,) original positions of the rows in the order used here.
        first: (n,) first event time at which each row is at risk.
        last: (n,) last such event time, ascending; the row's own if it dies.
        died: (n,) whether the row dies; the dead come first among rows with the same last.
        times: (K,) event times.
        stratum: (K,) stratum of each.
        bounds: (S + 1,) where each stratum's event times begin; the last entry is K.
        deaths: (K,) unweighted numbers of deaths.
    """

    order: Integers
    first: Integers
    last: Integers
    died: Flags
    times: Floats
    stratum: Integers
    bounds: Integers
    deaths: Integers

    @classmethod
    def of(cls, response: Surv, strata: Integers) -> Self:
        """Sort a response (n,) with strata codes (n,) into risk sets."""
        grid = Grid.of(response)
        size, died = len(grid.times), response.died
        floor = strata * size
        places = [floor + grid.stop, floor if grid.start is None else floor + grid.start + 1]
        known, (stop, entry) = _compact(places, size * (int(strata.max(initial=0)) + 1))
        found = np.bincount(stop[died], minlength=known.size)
        event = np.flatnonzero(found)
        before = np.concatenate([[0], np.cumsum(found > 0)])
        first, last = before[entry], before[stop + 1] - 1
        last[first > last] = -1
        order = stable_order(2 * last + 2 - died)
        stratum, time = np.divmod(known[event], size)
        return cls(
            order=order,
            first=first[order],
            last=last[order],
            died=died[order],
            times=grid.times[time],
            stratum=stratum,
            bounds=_bounds(stratum),
            deaths=found[event],
        )

    @cached_property
    def death_rows(self) -> Integers:
        """(E,) rows that die, in the order of their event times."""
        return np.flatnonzero(self.died)

    @cached_property
    def cuts(self) -> Integers:
        """(2K + 1,) the row where each event time's dead begin, and where its others begin."""
        segment = 2 * self.last + 2 - self.died
        return np.cumsum(np.bincount(segment, minlength=2 * len(self.times) + 1)).astype(np.intp)

    @cached_property
    def late(self) -> Integers:
        """(L,) rows that come under observation after the first event of their stratum, sorted."""
        begins = np.zeros(len(self.times) + 1, dtype=bool)
        begins[self.bounds] = True
        late = np.flatnonzero(~begins[self.first] & (self.last >= 0))
        return late[stable_order(self.first[late])]

    @cached_property
    def _late_cuts(self) -> Integers:
        """(K + 1,) where the late rows begin that were not yet at risk at each event time."""
        found = np.bincount(self.first[self.late] - 1, minlength=len(self.times))
        return np.concatenate([[0], np.cumsum(found)])

    def sums(self, weight: Floats, values: Floats | None = None) -> tuple[Floats, Floats]:
        """Sums of weights (n,), or of weight · values, at each event time: at risk, and dying.

        Args:
            weight: (n,) of the rows.
            values: (n, p) of the rows; without them the weights themselves are summed.

        Returns:
            (K,) or (K, p) sums over the rows at risk, and over the rows that die.
        """
        if values is None:
            leaving = segment_sums(weight, self.cuts)
        else:
            leaving = _segment_products(weight, values, self.cuts)
        dying = leaving[0::2]
        at_risk = self._backwards(dying + leaving[1::2])
        if self.late.size:
            absent = weight[self.late]
            if values is None:
                entering = segment_sums(absent, self._late_cuts)
            else:
                entering = _segment_products(absent, values, self._late_cuts, self.late)
            at_risk = at_risk - self._backwards(entering)
        return at_risk, dying

    def sum_at_risk(self, weight: Floats, values: Floats | None = None) -> Floats:
        """The first of `sums`: over the rows at risk at each event time."""
        return self.sums(weight, values)[0]

    def sum_of_dead(self, weight: Floats, values: Floats | None = None) -> Floats:
        """The second of `sums`: over the rows that die at each event time."""
        return self.sums(weight, values)[1]

    def sum_while_at_risk(self, values: Floats, shielded: Floats | None = None) -> Floats:
        """Sums (n, ...) over each row's time at risk of values (K, ...) of the event times.

        Args:
            values: of the event times.
            shielded: (K, ...) what those who die there are spared.
        """
        met = self._forwards(values)
        by_segment = np.zeros((2 * len(met) + 1, *met.shape[1:]))
        by_segment[1:] = np.repeat(met, 2, axis=0)
        if shielded is not None:
            by_segment[1::2] -= shielded
        total = np.repeat(by_segment, np.diff(self.cuts, prepend=0), axis=0)
        if self.late.size:
            total[self.late] -= met[self.first[self.late] - 1]
        return total

    def drawn(self, times: Integers) -> tuple[Self, Integers]:
        """The risk sets of a sample that holds each row so many times (n,), without sorting anew.

        Rows are not repeated: `deaths` counts the repeats, and whoever sums over rows multiplies
        their weights by the repeats.

        Returns:
            The risk sets, and the rows (m,) of this order that are in the sample.
        """
        rows = np.flatnonzero(times)
        died = self.died[rows]
        deaths = np.bincount(
            self.last[rows][died], times[rows][died], minlength=len(self.times)
        ).astype(np.intp)
        kept = np.flatnonzero(deaths)
        before = np.concatenate([[0], np.cumsum(deaths > 0)])
        first, last = before[self.first[rows]], before[self.last[rows] + 1] - 1
        never = first > last
        last[never] = -1
        if never.any():
            front = stable_order((~never).astype(np.intp))
            rows, first, last, died = rows[front], first[front], last[front], died[front]
        stratum = self.stratum[kept]
        sample = type(self)(
            order=self.order[rows],
            first=first,
            last=last,
            died=died,
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


def _segment_products(
    weight: Floats, values: Floats, cuts: Integers, rows: Integers | None = None
) -> Floats:
    """Sums (m, p) of weight · values between m + 1 cuts of all rows, or of the rows given."""
    taken = np.arange(len(weight), dtype=np.int32) if rows is None else rows.astype(np.int32)
    begin, ends = int(cuts[0]), (cuts - cuts[0]).astype(np.int32)
    chooser = csr_array((weight[begin:], taken[begin:], ends), shape=(len(cuts) - 1, len(values)))
    return np.asarray(chooser @ values)


def _compact(places: list[Integers], size: int) -> tuple[Integers, list[Integers]]:
    """Places below a size as positions among the places known, which are all if there are few."""
    if size <= 4 * len(places[0]) + 10_000:
        return np.arange(size), places
    known, position = np.unique(np.concatenate(places), return_inverse=True)
    return known, np.split(position, len(places))


def _bounds(stratum: Integers) -> Integers:
    changes = np.flatnonzero(np.diff(stratum)) + 1
    return np.concatenate([[0], changes, [len(stratum)]]).astype(np.intp)
