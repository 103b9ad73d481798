"""Who is at risk when: the sums over risk sets on which the Cox model rests.

Rows are sorted once by the last event time at which they are at risk. Everything else is a sum over
rows that leave (or enter) between two event times, accumulated backwards in time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from scipy.sparse import csr_array

from haemony.analysis.survival.arrays import Flags, Floats, Integers
from haemony.analysis.survival.counts import suffix_sums, sums_by
from haemony.analysis.survival.response import Grid, Surv


@dataclass(frozen=True, eq=False)
class RiskSets:
    """The K distinct event times of all strata, and the rows at risk at each.

    Event times are ordered by stratum and then by time. A row is at risk at the event times from
    `first` to `last`; where `first` exceeds `last` it is at risk at none.

    Attributes:
        order: (n,) original positions of the rows in the order used here.
        first: (n,) first event time at which each row is at risk.
        last: (n,) last such event time; the row's own if it dies.
        died: (n,) whether the row dies.
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
        size = len(grid.times)
        key = strata * size + grid.stop
        events, deaths = np.unique(key[response.died], return_counts=True)
        last = np.searchsorted(events, key, side="right") - 1
        entry = strata * size if grid.start is None else strata * size + grid.start + 1
        first = np.searchsorted(events, entry, side="left")
        order = np.argsort(last, kind="stable")
        stratum = events // size
        return cls(
            order=order,
            first=first[order],
            last=last[order],
            died=response.died[order],
            times=grid.times[events % size],
            stratum=stratum,
            bounds=_bounds(stratum),
            deaths=deaths,
        )

    @property
    def death_rows(self) -> Integers:
        """(E,) rows that die, in the order of their event times."""
        return np.flatnonzero(self.died)

    def sum_at_risk(self, weight: Floats, values: Floats | None = None) -> Floats:
        """Sums over the rows at risk at each event time of weights (n,), or of weight · values.

        Args:
            weight: (n,) of the rows.
            values: (n, p) of the rows; without them the weights themselves are summed.

        Returns:
            (K,) or (K, p) sums.
        """
        used = np.flatnonzero(self.first <= self.last)
        sums = self._backwards(self._binned(self.last, used, weight, values))
        begins = np.zeros(len(self.times) + 1, dtype=bool)
        begins[self.bounds] = True
        late = used[~begins[self.first[used]]]
        if late.size:
            entering = late[np.argsort(self.first[late], kind="stable")]
            sums = sums - self._backwards(self._binned(self.first - 1, entering, weight, values))
        return sums

    def sum_of_dead(self, weight: Floats, values: Floats | None = None) -> Floats:
        """Sums over the rows that die at each event time, as `sum_at_risk`."""
        return self._binned(self.last, self.death_rows, weight, values)

    def sum_while_at_risk(self, values: Floats) -> Floats:
        """Sums (n, ...) over each row's time at risk of values (K, ...) of the event times."""
        total = np.concatenate([np.zeros((1, *values.shape[1:])), np.cumsum(values, axis=0)])
        return np.asarray(total[np.maximum(self.last + 1, self.first)] - total[self.first])

    def _binned(
        self, position: Integers, rows: Integers, weight: Floats, values: Floats | None
    ) -> Floats:
        """Sums (K,) or (K, p) of the rows given, which are sorted by position."""
        events = len(self.times)
        if values is None:
            return sums_by(position[rows], weight[rows], events)
        ends = np.concatenate([[0], np.cumsum(np.bincount(position[rows], minlength=events))])
        chooser = csr_array((weight[rows], rows, ends), shape=(events, len(values)))
        return np.asarray(chooser @ values)

    def _backwards(self, values: Floats) -> Floats:
        """Sums of each event time and the later ones of its stratum."""
        if len(self.bounds) == 2:
            return suffix_sums(values)
        sums = np.empty_like(values)
        for begin, end in zip(self.bounds[:-1], self.bounds[1:], strict=True):
            sums[begin:end] = suffix_sums(values[begin:end])
        return sums


def _bounds(stratum: Integers) -> Integers:
    changes = np.flatnonzero(np.diff(stratum)) + 1
    return np.concatenate([[0], changes, [len(stratum)]]).astype(np.intp)
