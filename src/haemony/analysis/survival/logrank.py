"""Do groups of patients differ in survival? The log-rank test and its weighted relatives.

Mantel N (1966) Evaluation of survival data and two new rank order statistics. Cancer Chemotherapy
Reports 50:163-170. Harrington DP, Fleming TR (1982) A class of rank test procedures for censored
survival data. Biometrika 69:553-566.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import ArrayLike
from scipy.stats import chi2

from haemony.analysis.survival.arrays import Flags, Floats, Integers
from haemony.analysis.survival.counts import suffix_sums, sums_by
from haemony.analysis.survival.faults import NothingToAnalyse
from haemony.analysis.survival.formula import (
    Groups,
    Missing,
    complete,
    group_columns,
    groups_from,
    groups_of,
)
from haemony.analysis.survival.response import Grid, Surv


@dataclass(frozen=True, eq=False)
class LogRank:
    """Observed and expected events per group, and the test that they differ only by chance.

    Attributes:
        groups: (G,) their names.
        n: (G,) patients.
        observed: (G,) events, weighted when rho is not 0.
        expected: (G,) events expected if survival were the same, weighted likewise.
        covariance: (G, G) of observed minus expected.
        statistic: the chi-squared statistic.
        df: its degrees of freedom.
        p: its p-value.
        rho: the weight S(t-)^rho given to each event time.
        missing: rows left out as incomplete.
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
    table: pl.DataFrame | None = None,
    *,
    groups: ArrayLike | None = None,
    strata: ArrayLike | None = None,
    rho: float = 0.0,
) -> LogRank:
    """Test whether groups have the same survival.

    Args:
        formula: such as "Surv(os_days, os_event) ~ NPM1 + strata(study)", or a `Surv`.
        table: the columns that the formula names.
        groups: (n,) labels, when a `Surv` is given.
        strata: (n,) labels within which alone patients are compared, when a `Surv` is given.
        rho: 0 for the log-rank test, 1 for Peto and Peto's, which weights early events more.

    Raises:
        NothingToAnalyse: fewer than two groups, or no event.

    >>> table = pl.DataFrame({"days": [3, 5, 8, 9], "died": [1, 1, 1, 0], "arm": list("aabb")})
    >>> test = logrank("Surv(days, died) ~ arm", table)
    >>> test.df, round(test.p, 3)
    (1, 0.09)
    """
    response, of, within, missing = _split(formula, table, groups, strata)
    if len(of.labels) < 2:
        raise NothingToAnalyse("there is only one group", remedy="compare at least two")
    if not response.died.any():
        raise NothingToAnalyse("nobody had the event", remedy="check the coding of the event")
    grid = Grid.of(response)
    parts = [_compare(response, grid, of, rows, rho) for rows in _strata_rows(within)]
    observed, expected, covariance = (np.sum(part, axis=0) for part in zip(*parts, strict=True))
    statistic, df = _chi_squared(observed, expected, covariance)
    return LogRank(
        groups=of.labels,
        n=np.bincount(of.codes, minlength=len(of.labels)),
        observed=observed,
        expected=expected,
        covariance=covariance,
        statistic=statistic,
        df=df,
        p=float(chi2.sf(statistic, df)),
        rho=rho,
        missing=missing,
    )


def _split(
    formula: str | Surv,
    table: pl.DataFrame | None,
    groups: ArrayLike | None,
    strata: ArrayLike | None,
) -> tuple[Surv, Groups, Groups, Missing]:
    if isinstance(formula, Surv):
        n = len(formula)
        labels = (None if given is None else np.asarray(given) for given in (groups, strata))
        of, within = (groups_from(label, n) for label in labels)
        return formula, of, within, Missing()
    data = complete(formula, table, groups=groups, strata=strata)
    return (
        data.response,
        groups_of(data.table, group_columns(data.model)),
        groups_of(data.table, data.model.strata),
        data.missing,
    )


def _strata_rows(strata: Groups) -> Iterator[Integers | slice]:
    if len(strata.labels) == 1:
        yield slice(None)
        return
    for code in range(len(strata.labels)):
        yield np.flatnonzero(strata.codes == code)


def _compare(
    response: Surv, grid: Grid, of: Groups, rows: Integers | slice, rho: float
) -> tuple[Floats, Floats, Floats]:
    """Observed (G,), expected (G,) and covariance (G, G) within one stratum."""
    at_risk, deaths = _by_event_time(grid, of, rows, response.died)
    total, died = at_risk.sum(axis=1), deaths.sum(axis=1)
    weight = _left_survival(total, died) ** rho
    share = at_risk / total[:, None]
    factor = weight**2 * died * (total - died) / np.maximum(total - 1, 1)
    weighted = factor[:, None] * share
    covariance = np.diag(weighted.sum(axis=0)) - share.T @ weighted
    return weight @ deaths, (weight * died) @ share, covariance


def _by_event_time(
    grid: Grid, of: Groups, rows: Integers | slice, died: Flags
) -> tuple[Floats, Floats]:
    """Numbers at risk and deaths (D, G) of each group at the D event times of some rows."""
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
    return at_risk, deaths


def _left_survival(n_risk: Floats, n_event: Floats) -> Floats:
    """Kaplan–Meier survival of all groups together just before each event time."""
    after = np.cumprod((n_risk - n_event) / n_risk)
    return np.concatenate([[1.0], after[:-1]])


def _chi_squared(observed: Floats, expected: Floats, covariance: Floats) -> tuple[float, int]:
    """The quadratic form over the groups in which an event was possible."""
    possible = np.flatnonzero(expected > 0)
    if possible.size < 2:
        raise NothingToAnalyse(
            "events were possible in one group only", remedy="compare groups followed together"
        )
    kept = possible[1:]
    difference = (observed - expected)[kept]
    solution = np.linalg.lstsq(covariance[np.ix_(kept, kept)], difference)[0]
    return float(difference @ solution), int(kept.size)
