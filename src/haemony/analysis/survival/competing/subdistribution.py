"""Risk sets of the subdistribution hazard: who had a competing event stays, and fades away.

A patient with a competing event at T counts at a later time t with the weight G(t-) / G(T-), the
chance of not being censored in between (and, with late entry, of having entered). The weight is a
product of a part of the row and a part of the time, so the sums over these rows are one scan
forwards in time, and those over the rows still under observation one scan backwards: no row is
repeated, and no risk set is visited twice.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Literal

import numpy as np

from haemony.analysis.survival.data.arrays import Flags, Floats, Integers
from haemony.analysis.survival.data.columns import Covariates
from haemony.analysis.survival.data.counts import suffix_sums, sums_by
from haemony.analysis.survival.data.response import Grid, Surv
from haemony.analysis.survival.regression.risk_sets import ByRows, RiskSets

CensoringTies = Literal["events at risk", "events first"]


@dataclass(frozen=True, eq=False)
class Censoring:
    """The chance of not being censored, in each of C groups of rows, on a grid of T times.

    Attributes:
        group: (n,) the group of each row.
        at_risk: (T, C) who may be censored at each time.
        censored: (T, C) who is.
        before: (T, C) G(t-), the chance of staying uncensored until just before each time; with
            late entry times the chance H(t-) of having entered by then. It is 0 beyond the last
            follow-up of a group, where nothing is known of it.
    """

    group: Integers
    at_risk: Floats
    censored: Floats
    before: Floats

    @classmethod
    def of(cls, response: Surv, grid: Grid, group: Integers, ties: CensoringTies) -> Censoring:
        """Kaplan and Meier's estimate with censoring as the event.

        Args:
            response: the n follow-ups.
            grid: where their times lie.
            group: (n,) the groups within which censoring is alike.
            ties: whether those with an event may still be censored on the same day ("events at
                risk"), or the event comes first ("events first").
        """
        size, groups = len(grid.times), int(group.max()) + 1
        columns = [
            _one_group(response, grid, np.flatnonzero(group == code), ties, size)
            for code in range(groups)
        ]
        at_risk, censored, before = (np.column_stack(part) for part in zip(*columns, strict=True))
        return cls(group, at_risk, censored, before)

    def at_end(self, grid: Grid, rows: Integers) -> Floats:
        """(m,) G(T-) at the end of some rows' own follow-up."""
        return self.before[grid.stop[rows], self.group[rows]]


def _one_group(
    response: Surv, grid: Grid, rows: Integers, ties: CensoringTies, size: int
) -> tuple[Floats, Floats, Floats]:
    stop, died = grid.stop[rows], response.died[rows]
    at_risk = suffix_sums(sums_by(stop, None, size))
    entering = np.zeros(size)
    if grid.start is not None:
        entering = sums_by(grid.start[rows], None, size)
        at_risk = at_risk - suffix_sums(entering)
    if ties == "events first":
        at_risk = at_risk - sums_by(stop[died], None, size)
    censored = sums_by(stop[~died], None, size)
    share = np.divide(censored, at_risk, out=np.zeros(size), where=at_risk > 0)
    before = np.concatenate([[1.0], np.cumprod(1 - share)[:-1]])
    if grid.start is not None:
        before = before * _entered(entering, sums_by(stop, None, size))
    before[stop.max() + 1 :] = 0.0
    return at_risk, censored, before


def _entered(entering: Floats, leaving: Floats) -> Floats:
    """(T,) H(t-), the chance of having entered before each time, from the time reversed.

    In reversed time, those who are present just after a time (entry included) may enter there.
    """
    present = np.cumsum(entering) - np.cumsum(leaving)
    stays = np.where(entering > 0, 1 - entering / np.where(present > 0, present, np.inf), 1.0)
    product = np.cumprod(stays[::-1])[::-1]
    return np.where(product > 0, product, 1.0)


@dataclass(frozen=True, eq=False)
class Fading:
    """The m rows with a competing event that an event time still meets.

    Attributes:
        rows: (m,) which rows, ascending.
        since: (m,) the first event time that each meets after its competing event.
        own: (m,) one over G(T-) at its competing event.
        group: (m,) its censoring group.
    """

    rows: Integers
    since: Integers
    own: Floats
    group: Integers

    def of(self, chosen: Flags | slice) -> Fading:
        """Some of them."""
        return Fading(self.rows[chosen], self.since[chosen], self.own[chosen], self.group[chosen])

    def within(self, part: slice, n: int) -> Fading:
        """Those among a slice of all n rows."""
        begin, end, _ = part.indices(n)
        return self.of(slice(*np.searchsorted(self.rows, [begin, end])))


@dataclass(frozen=True, eq=False)
class SubdistributionSets(RiskSets):
    """Risk sets in which rows with a competing event stay with a weight that fades.

    Attributes:
        fading: the rows that do.
        fade: (K, groups) G(t-) at each event time.
    """

    fading: Fading
    fade: Floats

    @classmethod
    def extend(
        cls,
        sets: RiskSets,
        strata: Integers,
        competing: Flags,
        censoring: Censoring,
        grid: Grid,
    ) -> SubdistributionSets:
        """Add the rows with a competing event to ordinary risk sets.

        Args:
            sets: the ordinary risk sets, competing events censored.
            strata: (n,) the stratum of each row.
            competing: (n,) which rows have a competing event.
            censoring: who is censored when.
            grid: where all times lie.
        """
        size, rows = len(grid.times), np.flatnonzero(competing)
        position = np.searchsorted(grid.times, sets.times)
        last = np.searchsorted(sets.stratum, strata[rows], side="right")
        cells = sets.stratum * size + position
        since = np.searchsorted(cells, strata[rows] * size + grid.stop[rows], side="right")
        rows, since = rows[since < last], since[since < last]
        return cls(
            **{field.name: getattr(sets, field.name) for field in fields(RiskSets)},
            fading=Fading(rows, since, 1 / censoring.at_end(grid, rows), censoring.group[rows]),
            fade=censoring.before[position],
        )

    def sums(self, weight: Floats, values: Covariates | None = None) -> tuple[Floats, Floats]:
        """As in ordinary risk sets, the fading rows included."""
        at_risk, dying = super().sums(weight, values)
        dying = dying.copy()  # a view would keep the sums of all places
        for code, fade in enumerate(self.fade.T):
            mine = self.fading_of(code)
            share, size = weight[mine.rows] * mine.own, len(fade)
            if values is None:
                at_risk = at_risk + fade * self._forwards(sums_by(mine.since, share, size))
            else:
                begun = self._forwards(values.total_of(mine.rows, mine.since, share, size))
                at_risk += np.multiply(begun, fade[:, None], out=begun)
        return at_risk, dying

    def fading_of(self, code: int) -> Fading:
        """The fading rows of a censoring group."""
        return self.fading if self.fade.shape[1] == 1 else self.fading.of(self.fading.group == code)

    def while_at_risk(self, values: Floats, shielded: Floats | None = None) -> ByRows:
        """As in ordinary risk sets, with what the fading rows meet of each event time."""
        plain = super().while_at_risk(values, shielded)
        wide = (slice(None), *(None,) * (values.ndim - 1))
        ahead = np.stack([self._backwards(fade[wide] * values) for fade in self.fade.T])

        def sums(part: slice) -> Floats:
            total = plain(part)
            mine = self.fading.within(part, len(self.place))
            met = ahead[mine.group, mine.since]
            met *= mine.own[wide]
            total[mine.rows - part.indices(len(self.place))[0]] += met
            return total

        return sums
