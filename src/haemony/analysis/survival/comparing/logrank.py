"""Do groups of patients differ in survival? The log-rank test and its weighted relatives.

Mantel N (1966) Evaluation of survival data and two new rank order statistics. Cancer Chemotherapy
Reports 50:163-170. Harrington DP, Fleming TR (1982) A class of rank test procedures for censored
survival data. Biometrika 69:553-566. Gehan EA (1965) A generalized Wilcoxon test for comparing
arbitrarily singly-censored samples. Biometrika 52:203-223. Tarone RE, Ware J (1977) On
distribution-free tests for equality of survival distributions. Biometrika 64:156-160. Tarone RE
(1975) Tests for trend in life table analysis. Biometrika 62:679-682.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import polars as pl
from numpy.typing import ArrayLike
from scipy.stats import chi2

from haemony.analysis.survival import printing
from haemony.analysis.survival.data.arrays import Flags, Floats, Integers
from haemony.analysis.survival.data.complete import Groups, Missing
from haemony.analysis.survival.data.counts import suffix_sums, sums_by
from haemony.analysis.survival.data.frames import Tabular
from haemony.analysis.survival.data.given import figures, number
from haemony.analysis.survival.data.response import Grid, Surv
from haemony.analysis.survival.data.sample import Sample, check_choice, rows_of, sample
from haemony.analysis.survival.faults import BadCovariate, NothingToAnalyse

ROUNDING = 1e-9
WeightName = Literal["fleming-harrington", "tarone-ware", "gehan"]


def check_power(value: float, name: str) -> None:
    """Refuse a power of survival or incidence that is not a number of at least 0.

    Raises:
        BadCovariate: it is not.
    """
    if number(value, name) < 0:
        raise BadCovariate(name, reason="is negative", remedy="give a number of 0 or more")


@dataclass(frozen=True, slots=True)
class Weight:
    """How much each event time counts.

    Attributes:
        name: "fleming-harrington" for S(t-)^rho · (1 - S(t-))^gamma, "tarone-ware" for the root of
            the number at risk, "gehan" for that number.
        rho: weight on early events; 0 and 0 make the log-rank test, 1 and 0 Peto and Peto's.
        gamma: weight on late events.
    """

    name: WeightName = "fleming-harrington"
    rho: float = 0.0
    gamma: float = 0.0

    def __post_init__(self) -> None:
        check_choice(self.name, "weight", get_args(WeightName))
        for name in ("rho", "gamma"):
            check_power(getattr(self, name), name)

    def at(self, n_risk: Floats, n_event: Floats) -> Floats:
        """(D,) the weight of each event time."""
        if self.name == "gehan":
            return n_risk
        if self.name == "tarone-ware":
            return np.sqrt(n_risk)
        before = left_survival(n_risk, n_event)
        return np.asarray(before**self.rho * (1 - before) ** self.gamma)


@dataclass(frozen=True, eq=False)
class EventTable:
    """What happened at the D event times of one stratum, to each of G groups.

    Attributes:
        at_risk: (D, G) under observation just before.
        deaths: (D, G) events.
    """

    at_risk: Floats
    deaths: Floats

    @property
    def total(self) -> Floats:
        """(D,) at risk in all groups."""
        return np.asarray(self.at_risk.sum(axis=1))

    @property
    def died(self) -> Floats:
        """(D,) events in all groups."""
        return np.asarray(self.deaths.sum(axis=1))

    def only(self, chosen: Sequence[int]) -> EventTable:
        """The same for some of the groups, at the times at which these have events."""
        columns = list(chosen)
        times = self.deaths[:, columns].any(axis=1)
        return EventTable(self.at_risk[times][:, columns], self.deaths[times][:, columns])

    def compared(self, weight: Floats) -> tuple[Floats, Floats, Floats]:
        """Weighted observed (G,) and expected (G,) events, and the covariance (G, G)."""
        total, died = self.total, self.died
        share = self.at_risk / total[:, None]
        weighted = (weight**2 * self.spread())[:, None] * share
        covariance = np.diag(weighted.sum(axis=0)) - share.T @ weighted
        return weight @ self.deaths, (weight * died) @ share, covariance

    def spread(self) -> Floats:
        """(D,) hypergeometric variance of the events, but for the groups' shares."""
        total, died = self.total, self.died
        return np.asarray(died * (total - died) / np.maximum(total - 1, 1))


@dataclass(frozen=True, slots=True)
class Trend:
    """A test that hazards rise or fall with the order of the groups.

    Attributes:
        scores: (G,) the groups' places.
        z: the standardised sum; positive where events come sooner at higher scores.
        statistic: its square, chi-squared with one degree of freedom.
        p: the two-sided p-value.
    """

    scores: tuple[float, ...]
    z: float
    statistic: float
    p: float


@dataclass(frozen=True, eq=False)
class LogRank:
    """Observed and expected events per group, and the test that they differ only by chance.

    Attributes:
        groups: (G,) their names.
        n: (G,) patients.
        observed: (G,) events, weighted unless all weights are 1.
        expected: (G,) events expected if survival were the same, weighted likewise.
        covariance: (G, G) of observed minus expected.
        statistic: the chi-squared statistic.
        df: its degrees of freedom.
        p: its p-value.
        rho: the weight S(t-)^rho given to each event time.
        missing: rows left out as incomplete.
        weight: how event times were weighted.
    """

    groups: tuple[str, ...]
    n: Integers
    observed: Floats
    expected: Floats
    covariance: Floats
    statistic: float
    df: int
    p: float
    rho: float
    missing: Missing
    weight: Weight = Weight()

    def __str__(self) -> str:
        return printing.page(
            printing.counted(int(self.n.sum()), None, self.missing.rows),
            printing.grid(self.table()),
            printing.said_of_test("Chi-squared", self.statistic, self.df, self.p),
        )

    def trend(self, scores: Sequence[float] | None = None) -> Trend:
        """Test whether hazards follow the order of the groups (Tarone 1975).

        Args:
            scores: (G,) the groups' places on the scale that matters; 0, 1, 2 ... by default.

        Raises:
            BadCovariate: the scores are not one finite number per group, or all the same.
        """
        place = np.arange(len(self.groups)) if scores is None else figures(scores, "scores")
        if place.shape != (len(self.groups),) or not np.isfinite(place).all():
            raise BadCovariate(
                "scores", reason="are not one number per group", remedy="give one for each"
            )
        variance = float(place @ self.covariance @ place)
        if variance <= 0 or not np.ptp(place):
            raise BadCovariate(
                "scores",
                reason="are the same for all groups in which an event was possible",
                remedy="give groups different places",
            )
        z = float(place @ (self.observed - self.expected)) / variance**0.5
        return Trend(tuple(float(at) for at in place), z, z**2, float(chi2.sf(z**2, 1)))

    def table(self) -> pl.DataFrame:
        """One row per group: group, n, observed, expected."""
        return pl.DataFrame(
            {
                "group": self.groups,
                "n": self.n,
                "observed": self.observed,
                "expected": self.expected,
            }
        )


def logrank(
    formula: str | Surv,
    table: Tabular | None = None,
    *,
    groups: ArrayLike | None = None,
    strata: ArrayLike | None = None,
    rho: float = 0.0,
    gamma: float = 0.0,
    weight: WeightName = "fleming-harrington",
) -> LogRank:
    """Test whether groups have the same survival.

    Args:
        formula: such as "Surv(os_days, os_event) ~ NPM1 + strata(study)", or a `Surv`.
        table: the columns that the formula names.
        groups: (n,) labels, when a `Surv` is given.
        strata: (n,) labels within which alone patients are compared, when a `Surv` is given.
        rho: 0 for the log-rank test, 1 for Peto and Peto's, which weights early events more.
        gamma: 1 weights late events more; with `rho` the weight S^rho · (1 - S)^gamma, where S is
            the Kaplan–Meier survival of all groups of the stratum just before the event.
        weight: "fleming-harrington" as `rho` and `gamma` say; "tarone-ware" for the root of the
            number at risk in the stratum, "gehan" for that number.

    Raises:
        NothingToAnalyse: fewer than two groups, or no event.

    >>> table = pl.DataFrame({"days": [3, 5, 8, 9], "died": [1, 1, 1, 0], "arm": list("aabb")})
    >>> test = logrank("Surv(days, died) ~ arm", table)
    >>> test.df, round(test.p, 3)
    (1, 0.09)
    """
    chosen = Weight(weight, rho, gamma)
    data = comparison(sample(formula, table, groups=groups, strata=strata))
    return compare_tables(
        event_tables(data),
        chosen,
        labels=data.groups.labels,
        n=np.bincount(data.groups.codes, minlength=len(data.groups.labels)),
        missing=data.missing,
    )


def comparison(data: Sample) -> Sample:
    """A sample in which there is something to compare.

    Raises:
        NothingToAnalyse: fewer than two groups, or no event.
    """
    if data.cluster is not None:
        raise BadCovariate(
            "cluster", reason="is not allowed for by this test", remedy="use cox with a cluster"
        )
    if len(data.groups.labels) < 2:
        raise NothingToAnalyse("there is only one group", remedy="compare at least two")
    if not data.response.died.any():
        raise NothingToAnalyse("nobody had the event", remedy="check the coding of the event")
    return data


def compare_tables(
    tables: Sequence[EventTable],
    weight: Weight,
    *,
    labels: tuple[str, ...],
    n: Integers,
    missing: Missing,
) -> LogRank:
    """The test of groups that are compared within each of the tables."""
    held = [table for table in tables if len(table.deaths)]
    if not held:
        raise NothingToAnalyse("nobody had the event", remedy="check the coding of the event")
    parts = [table.compared(weight.at(table.total, table.died)) for table in held]
    observed, expected, covariance = (np.sum(part, axis=0) for part in zip(*parts, strict=True))
    statistic, df = chi_squared(observed - expected, covariance)
    return LogRank(
        groups=labels,
        n=n,
        observed=observed,
        expected=expected,
        covariance=covariance,
        statistic=statistic,
        df=df,
        p=float(chi2.sf(statistic, df)),
        rho=weight.rho,
        missing=missing,
        weight=weight,
    )


def event_tables(data: Sample) -> list[EventTable]:
    """One table per stratum."""
    grid = Grid.of(data.response)
    died = data.response.died
    return [_by_event_time(grid, data.groups, rows, died) for rows in strata_rows(data.strata)]


def strata_rows(strata: Groups) -> Iterator[Integers | slice]:
    """The rows of each stratum in turn."""
    for code in range(len(strata.labels)):
        yield rows_of(strata, code)


def left_survival(n_risk: Floats, n_event: Floats) -> Floats:
    """Kaplan–Meier survival of all groups together just before each event time."""
    after = np.cumprod((n_risk - n_event) / n_risk)
    return np.concatenate([[1.0], after])[: len(after)]


def _by_event_time(grid: Grid, of: Groups, rows: Integers | slice, died: Flags) -> EventTable:
    """Numbers at risk and deaths of each group at the event times of some rows."""
    groups, size = len(of.labels), len(grid.times)
    group, stop, dead = of.codes[rows], grid.stop[rows], died[rows]
    seen = np.flatnonzero(np.bincount(stop[dead], minlength=size))
    deaths, at_risk = np.empty((seen.size, groups)), np.empty((seen.size, groups))
    for code in range(groups):
        mine = group == code
        deaths[:, code] = sums_by(stop[mine & dead], None, size)[seen]
        present = suffix_sums(sums_by(stop[mine], None, size))
        if grid.start is not None:
            present = present - suffix_sums(sums_by(grid.start[rows][mine], None, size))
        at_risk[:, code] = present[seen]
    return EventTable(at_risk, deaths)


def chi_squared(difference: Floats, covariance: Floats) -> tuple[float, int]:
    """The quadratic form of differences (G,) that sum to zero, and its degrees of freedom.

    Groups that were never compared with another have no variance and do not count.

    Raises:
        NothingToAnalyse: fewer than two groups could be compared.
    """
    spread = np.sqrt(np.maximum(np.diag(covariance), 0.0))
    groups = np.flatnonzero(spread > ROUNDING * max(1.0, spread.max()))
    if groups.size < 2:
        raise NothingToAnalyse(
            "no event could tell the groups apart", remedy="compare groups followed together"
        )
    kept = groups[1:]
    correlation = covariance[np.ix_(kept, kept)] / np.outer(spread[kept], spread[kept])
    scaled = difference[kept] / spread[kept]
    solution, _, rank, _ = np.linalg.lstsq(correlation, scaled, rcond=ROUNDING)
    return float(scaled @ solution), int(rank)
