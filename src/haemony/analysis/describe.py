"""Table one: who the patients are, group by group, with what is missing shown beside what is known.

Quantiles interpolate linearly between the two nearest values, as R's default (type 7) does.
Standardised differences follow Austin PC (2009) Using the standardized difference to compare the
prevalence of a binary variable between two groups in observational research. Communications in
Statistics - Simulation and Computation 38:1228-1234, and for categories with several levels Yang D,
Dalton JE (2012) A unified approach to measuring the effect size between two groups. SAS Global
Forum 335. Tests, where asked for, are Kruskal and Wallis's (1952) and Pearson's chi-squared.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import combinations

import numpy as np
import polars as pl
from scipy import stats

from haemony.analysis.survival.data.arrays import Floats


class Comparison(StrEnum):
    """What a table says about differences between its groups."""

    NONE = "none"
    DIFFERENCES = "standardised differences"
    TESTS = "tests"


@dataclass(frozen=True, slots=True)
class Numbers:
    """A number in one group of patients; NaN where too few are known.

    Attributes:
        n: patients with a value.
        missing: patients without one.
        mean: the mean.
        sd: the standard deviation, with n - 1.
        median: the median.
        lower: the first quartile.
        upper: the third quartile.
    """

    n: int
    missing: int
    mean: float
    sd: float
    median: float
    lower: float
    upper: float


@dataclass(frozen=True, slots=True)
class Counts:
    """A category in one group of patients.

    Attributes:
        n: patients with a value: the denominator of shares.
        missing: patients without one.
        counts: patients per level, in the order of the levels.
    """

    n: int
    missing: int
    counts: tuple[int, ...]

    @property
    def shares(self) -> tuple[float, ...]:
        """Each level's share of the patients with a value; NaN where there are none."""
        return tuple(count / self.n if self.n else float("nan") for count in self.counts)


Summary = Numbers | Counts


@dataclass(frozen=True, slots=True)
class GroupTest:
    """A test that the groups do not differ."""

    name: str
    statistic: float
    p: float


@dataclass(frozen=True, slots=True)
class Variable:
    """One row, or one block of rows, of the table.

    Attributes:
        name: the column.
        levels: the levels that occur, in order; empty for a number.
        overall: all patients.
        groups: each group, in order.
        difference: the largest absolute standardised difference between two groups, if asked for.
        test: the test, if asked for.
    """

    name: str
    levels: tuple[str, ...]
    overall: Summary
    groups: tuple[Summary, ...]
    difference: float | None = None
    test: GroupTest | None = None


@dataclass(frozen=True, slots=True)
class TableOne:
    """A baseline table.

    Attributes:
        n: patients.
        by: the column of groups, or empty.
        groups: (label, patients) of each group.
        ungrouped: patients whose group is unknown; they are in the overall column alone.
        variables: the rows.
        comparison: what was added about differences.
    """

    n: int
    by: str
    groups: tuple[tuple[str, int], ...]
    ungrouped: int
    variables: tuple[Variable, ...]
    comparison: Comparison


def describe(
    table: pl.DataFrame,
    names: Sequence[str],
    *,
    by: str = "",
    comparison: Comparison = Comparison.NONE,
) -> TableOne:
    """Summarise columns, over everybody and by group.

    Args:
        table: one row per patient; null is missing.
        names: the columns to summarise: numbers by moments and quartiles, all else by counts.
        by: a column of groups.
        comparison: what to add about differences; nothing by default, for in a large pool nearly
            every difference is significant.

    >>> table = pl.DataFrame({"arm": ["a", "a", "b", "b"], "age": [50, 60, 70, None]})
    >>> age = describe(table, ["age"], by="arm").variables[0]
    >>> age.overall.median, age.groups[1].missing
    (60.0, 1)
    """
    labels = _levels(table[by]) if by else ()
    text = table[by].cast(pl.String) if by else None
    parts = [] if text is None else [table.filter(text == label) for label in labels]
    return TableOne(
        n=table.height,
        by=by,
        groups=tuple((label, part.height) for label, part in zip(labels, parts, strict=True)),
        ungrouped=table[by].null_count() if by else 0,
        variables=tuple(_variable(table, parts, name, comparison) for name in names),
        comparison=comparison,
    )


def _variable(
    table: pl.DataFrame, parts: list[pl.DataFrame], name: str, comparison: Comparison
) -> Variable:
    levels = () if table[name].dtype.is_numeric() else _levels(table[name])
    groups = tuple(_summary(part[name], levels) for part in parts)
    compared = len(groups) > 1
    return Variable(
        name=name,
        levels=levels,
        overall=_summary(table[name], levels),
        groups=groups,
        difference=largest_difference(groups)
        if compared and comparison is Comparison.DIFFERENCES
        else None,
        test=_test([part[name] for part in parts], groups)
        if compared and comparison is Comparison.TESTS
        else None,
    )


def _levels(column: pl.Series) -> tuple[str, ...]:
    """The levels that occur: an Enum's in its order, others ascending."""
    used = column.drop_nulls().unique()
    if isinstance(column.dtype, pl.Enum):
        occurs = set(used.cast(pl.String))
        return tuple(level for level in column.dtype.categories if level in occurs)
    return tuple(used.sort().cast(pl.String))


def _summary(column: pl.Series, levels: tuple[str, ...]) -> Summary:
    known = column.drop_nulls()
    missing = column.null_count()
    if not column.dtype.is_numeric():
        text = known.cast(pl.String)
        counts = tuple(int((text == level).sum()) for level in levels)
        return Counts(len(known), missing, counts)
    values = np.sort(known.cast(pl.Float64).to_numpy())
    if not values.size:
        return Numbers(0, missing, *(float("nan"),) * 5)
    lower, median, upper = (float(q) for q in np.quantile(values, (0.25, 0.5, 0.75)))
    sd = float(values.std(ddof=1)) if values.size > 1 else float("nan")
    return Numbers(values.size, missing, float(values.mean()), sd, median, lower, upper)


def largest_difference(groups: Sequence[Summary]) -> float:
    """The largest absolute standardised difference between any two groups; NaN if none has one.

    >>> round(largest_difference([Counts(100, 0, (50, 50)), Counts(100, 0, (60, 40))]), 3)
    0.202
    """
    found = [_difference(one, other) for one, other in combinations(groups, 2)]
    return max((value for value in found if math.isfinite(value)), default=float("nan"))


def _difference(one: Summary, other: Summary) -> float:
    if isinstance(one, Numbers) and isinstance(other, Numbers):
        spread = math.sqrt((one.sd**2 + other.sd**2) / 2)
        return abs(one.mean - other.mean) / spread if spread > 0 else float("nan")
    if isinstance(one, Counts) and isinstance(other, Counts) and one.n and other.n:
        return _multinomial_difference(np.array(one.shares), np.array(other.shares))
    return float("nan")


def _multinomial_difference(one: Floats, other: Floats) -> float:
    """Mahalanobis distance between two multinomial shares, the first level left out."""
    gap = (one - other)[1:]
    if not gap.size:
        return 0.0
    covariance = np.mean([np.diag(p[1:]) - np.outer(p[1:], p[1:]) for p in (one, other)], axis=0)
    squared = float(gap @ np.linalg.pinv(covariance, hermitian=True) @ gap)
    return math.sqrt(max(squared, 0.0))


def _test(columns: list[pl.Series], groups: tuple[Summary, ...]) -> GroupTest | None:
    """Kruskal–Wallis for numbers, chi-squared for categories; None where it is undefined."""
    if isinstance(groups[0], Numbers):
        known = [column.drop_nulls().to_numpy() for column in columns]
        known = [values for values in known if values.size]
        if len(known) < 2 or np.ptp(np.concatenate(known)) == 0:
            return None
        found = stats.kruskal(*known)
        return GroupTest("Kruskal–Wallis", float(found.statistic), float(found.pvalue))
    observed = np.array([group.counts for group in groups if isinstance(group, Counts)])
    observed = observed[observed.sum(axis=1) > 0][:, observed.sum(axis=0) > 0]
    if min(observed.shape) < 2:
        return None
    result = stats.chi2_contingency(observed, correction=False)
    return GroupTest("chi-squared", float(result.statistic), float(result.pvalue))
