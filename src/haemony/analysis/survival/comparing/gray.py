"""Do groups differ in the cumulative incidence of one event while others compete? Gray's test.

Gray RJ (1988) A class of K-sample tests for comparing the cumulative incidence of a competing risk.
Annals of Statistics 16:1141-1154. Ties are treated as R's `cmprsk` treats them.

The test compares subdistribution hazards. A group's risk set at time t is its number at risk
inflated to what it would be if only censoring removed patients: R = Y·(1 - F(t-)) / S(t-), where F
is the incidence of the event of interest and S the probability of no event.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import ArrayLike
from scipy.stats import chi2

from haemony.analysis.survival import printing
from haemony.analysis.survival.comparing.logrank import (
    check_power,
    chi_squared,
    comparison,
    strata_rows,
)
from haemony.analysis.survival.data.arrays import Floats, Integers
from haemony.analysis.survival.data.complete import Missing
from haemony.analysis.survival.data.counts import count
from haemony.analysis.survival.data.frames import Tabular
from haemony.analysis.survival.data.response import Grid, Surv
from haemony.analysis.survival.data.sample import Sample, sample
from haemony.analysis.survival.faults import BadResponse, NothingToAnalyse


@dataclass(frozen=True, eq=False)
class GrayTest:
    """Gray's tests of G groups, one for each of J kinds of event.

    Attributes:
        groups: (G,) their names.
        n: (G,) patients.
        states: (J,) the kinds of event.
        score: (J, G) weighted events less those expected if incidences were the same.
        covariance: (J, G, G) of the scores.
        statistic: (J,) chi-squared statistics; NaN where a kind cannot be tested.
        df: (J,) their degrees of freedom.
        p: (J,) p-values.
        rho: the weight (1 - F(t-))^rho given to each time.
        missing: rows left out as incomplete.
        notes: which kinds of event could not be tested, and why.
    """

    groups: tuple[str, ...]
    n: Integers
    states: tuple[str, ...]
    score: Floats
    covariance: Floats
    statistic: Floats
    df: Integers
    p: Floats
    rho: float
    missing: Missing
    notes: tuple[str, ...]

    def __str__(self) -> str:
        return printing.page(
            printing.counted(int(self.n.sum()), None, self.missing.rows),
            printing.grid(self.table(), p_values=("p",)),
            notes=self.notes,
        )

    def table(self) -> pl.DataFrame:
        """One row per kind of event: state, statistic, df, p; null where it cannot be tested."""
        return pl.DataFrame(
            {"state": self.states, "statistic": self.statistic, "df": self.df, "p": self.p}
        ).with_columns(pl.col(pl.Float64).fill_nan(None))


def gray(
    formula: str | Surv,
    table: Tabular | None = None,
    *,
    groups: ArrayLike | None = None,
    strata: ArrayLike | None = None,
    rho: float = 0.0,
) -> GrayTest:
    """Test whether groups have the same cumulative incidence of each event (Gray 1988).

    Args:
        formula: such as "Surv(days, outcome) ~ NPM1 + strata(study)", where outcome is an Enum
            whose first category means censored, or whole numbers with 0 for censored; or a `Surv`
            with several states.
        table: the columns that the formula names.
        groups: (n,) labels, when a `Surv` is given.
        strata: (n,) labels within which alone patients are compared, when a `Surv` is given.
        rho: power of (1 - F) that weights the times, as in `cmprsk::cuminc`; 0 for equal weights.

    Raises:
        NothingToAnalyse: fewer than two groups, or no event.
        BadResponse: some patients enter late, which the test does not provide for.

    >>> table = pl.DataFrame({"days": [1, 2, 3, 4, 5, 6], "outcome": [1, 2, 1, 1, 0, 1],
    ...     "arm": list("aababb")})
    >>> gray("Surv(days, outcome) ~ arm", table).statistic.round(3)
    array([0.358, 0.941])
    """
    data = comparison(sample(formula, table, groups=groups, strata=strata, competing=True))
    labels, states = data.groups.labels, data.response.states
    if data.response.start is not None:
        raise BadResponse(
            "Gray's test does not provide for late entry",
            remedy="use fine_gray with its convention 'finegray'",
        )
    check_power(rho, "rho")
    tables = _tables(data)
    tests = [_test(tables, kind, rho) for kind in range(len(states))]
    return GrayTest(
        groups=labels,
        n=np.bincount(data.groups.codes, minlength=len(labels)),
        states=states,
        score=np.array([test.score for test in tests]),
        covariance=np.array([test.covariance for test in tests]),
        statistic=np.array([test.statistic for test in tests]),
        df=np.array([test.df for test in tests]),
        p=np.array([chi2.sf(test.statistic, test.df) if test.df else np.nan for test in tests]),
        rho=rho,
        missing=data.missing,
        notes=tuple(
            f"{state}: {test.note}" for state, test in zip(states, tests, strict=True) if test.note
        ),
    )


@dataclass(frozen=True, eq=False)
class _Table:
    """One stratum at its D times with an event of any kind.

    Attributes:
        at_risk: (D, G) under observation just before.
        events: (J, D, G) events of each kind.
    """

    at_risk: Floats
    events: Floats


@dataclass(frozen=True, eq=False)
class _Test:
    """The test for one kind of event."""

    score: Floats
    covariance: Floats
    statistic: float
    df: int
    note: str


def _tables(data: Sample) -> list[_Table]:
    grid = Grid.of(data.response)
    tables = []
    for rows in strata_rows(data.strata):
        inside = np.zeros(len(data.response), dtype=bool)
        inside[rows] = True
        times = np.unique(grid.stop[inside & data.response.died])
        if not times.size:
            continue
        at_risk, events = [], []
        for code in range(len(data.groups.labels)):
            mine = np.flatnonzero(inside & (data.groups.codes == code))
            counts = count(data.response, grid, mine, None)
            seen = np.searchsorted(grid.times, counts.times)
            following = np.searchsorted(seen, times)
            at_risk.append(np.append(counts.n_risk, 0.0)[following])
            full = np.zeros((len(grid.times), len(data.response.states)))
            full[seen] = counts.n_event
            events.append(full[times])
        tables.append(_Table(np.column_stack(at_risk), np.stack(events, axis=-1).swapaxes(0, 1)))
    return tables


def _test(tables: list[_Table], kind: int, rho: float) -> _Test:
    groups = tables[0].at_risk.shape[1]
    score, covariance = np.zeros(groups), np.zeros((groups, groups))
    for table in tables:
        own = table.events[kind]
        other = table.events.sum(axis=0) - own
        parts = _Stratum.of(table.at_risk, own, other, rho)
        score += parts.score()
        covariance += parts.covariance()
    try:
        statistic, df = chi_squared(score, covariance)
    except NothingToAnalyse as nothing:
        return _Test(score, covariance, float("nan"), 0, nothing.reason)
    return _Test(score, covariance, statistic, df, "")


@dataclass(frozen=True, eq=False)
class _Stratum:
    """What the test needs at each of the D times of one stratum, for one kind of event.

    Attributes:
        at_risk: (D, G) under observation.
        own: (D, G) events of the kind tested.
        other: (D, G) events of the other kinds.
        before: (D, G) probability of no event before each time.
        after: (D, G) the same after it.
        risk: (D, G) the subdistribution risk set R.
        inflated: (D, G) Y / S(t-).
        pooled_risk: (D,) their sum over groups.
        pooled: (D,) the incidence common to all groups, after each time.
        weight: (D,) of each time.
    """

    at_risk: Floats
    own: Floats
    other: Floats
    before: Floats
    after: Floats
    risk: Floats
    inflated: Floats
    pooled_risk: Floats
    pooled: Floats
    weight: Floats

    @classmethod
    def of(cls, at_risk: Floats, own: Floats, other: Floats, rho: float) -> _Stratum:
        """Follow each group, and all together, through time."""
        some = at_risk > 0
        safe = np.where(some, at_risk, 1.0)
        after = np.asarray(np.cumprod((safe - own - other) / safe, axis=0), np.float64)
        before = np.vstack([np.ones((1, at_risk.shape[1])), after[:-1]])
        incidence = np.cumsum(before * own / safe, axis=0)
        incidence_before = incidence - before * own / safe
        inflated = np.divide(at_risk, before, out=np.zeros_like(at_risk), where=some)
        pooled_risk = inflated.sum(axis=1)
        step = own.sum(axis=1) / np.maximum(pooled_risk, 1e-300)
        pooled = np.cumsum(step)
        return cls(
            at_risk=at_risk,
            own=own,
            other=other,
            before=before,
            after=after,
            risk=inflated * (1 - incidence_before),
            inflated=inflated,
            pooled_risk=pooled_risk,
            pooled=pooled,
            weight=(1 - pooled + step) ** rho,
        )

    @property
    def events(self) -> Floats:
        """(D,) events of the kind tested, in all groups."""
        return np.asarray(self.own.sum(axis=1))

    @property
    def share(self) -> Floats:
        """(D, G) each group's part of the subdistribution risk set."""
        return np.asarray(self.risk / self.risk.sum(axis=1)[:, None])

    def score(self) -> Floats:
        """(G,) weighted events less those expected."""
        return np.asarray(self.weight @ (self.own - self.events[:, None] * self.share))

    def covariance(self) -> Floats:
        """(G, G) of the scores under equal incidences.

        Group k's estimate of the incidence moves score i by a·dF + F·dc, where a is the slope and c
        its integral against the pooled hazard. An event of the kind tested moves F by S/Y and, as
        it ends the group's other futures, by the share that survival has in them; an event of
        another kind does only the latter. The variance sums the squares of both, over all groups.
        """
        left = self.pooled_risk * (1 - self.pooled) + self.events
        some = self.events > 0
        step = np.divide(self.events, left, out=np.zeros_like(left), where=some)
        inflated = self.inflated
        total = np.zeros((inflated.shape[1], inflated.shape[1]))
        for k in range(inflated.shape[1]):
            a = -inflated * (inflated[:, k] / self.pooled_risk)[:, None]
            a[:, k] += inflated[:, k]
            a *= self.weight[:, None]
            c = np.cumsum(a * step[:, None], axis=0)
            total += self._from_group(k, a, c)
        return total

    def _from_group(self, k: int, a: Floats, c: Floats) -> Floats:
        """(G, G) what the chances of group k add to the covariance."""
        risk, before, after = self.at_risk[:, k], self.before[:, k], self.after[:, k]
        left = (1 - self.pooled) / np.where(after > 0, after, np.inf)
        present = (risk > 0) & (self.events > 0)
        through = np.where(after > 0, 1 - left, 1.0)
        own = _tied(self.events, self.pooled_risk * before)
        own *= before * self.events / (self.pooled_risk * np.maximum(risk, 1))
        square = _quadratic(a + through[:, None] * (c[-1] - c), np.where(present, own, 0.0))
        other = _tied(self.other[:, k], risk) * before**2
        other *= self.other[:, k] / np.maximum(risk, 1) ** 2
        return square + _quadratic(left[:, None] * (c[-1] - c), np.where(after > 0, other, 0.0))


def _tied(events: Floats, risk: Floats) -> Floats:
    """(D,) the factor by which ties lower a variance, as in the hypergeometric distribution."""
    several = (events > 1) & (risk != 1)
    return np.where(several, 1 - (events - 1) / np.where(several, risk - 1, 1.0), 1.0)


def _quadratic(rows: Floats, weight: Floats) -> Floats:
    """(G, G) the weighted sum over times of the squares of rows (D, G)."""
    return np.asarray(rows.T @ (weight[:, None] * rows))
