"""Fisher's exact test with the conditional odds ratio, for many fourfold tables at once.

Fisher RA (1935) The logic of inductive inference. JRSS 98:39-54. Given its margins, the first cell
of a table has a noncentral hypergeometric distribution with the odds ratio as its parameter; the
estimate makes the expected cell equal the observed one, the limits make the observed one just
surprising enough. Each table's distribution is one row of a matrix.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import gammaln

from haemony.analysis.survival.data.arrays import Floats, Integers
from haemony.analysis.survival.faults import BadCovariate
from haemony.analysis.survival.intervals import normal_quantile

SAME = 1 + 1e-7
FARTHEST = 60.0
HALVINGS = 64
CELLS = 200_000


@dataclass(frozen=True, eq=False)
class FisherTests:
    """Tests of m fourfold tables.

    Attributes:
        odds_ratio: (m,) conditional maximum-likelihood estimates; 0 or infinite where the first
            cell is as small or as large as the margins allow.
        lower: (m,) confidence limits of the odds ratio.
        upper: (m,) likewise.
        p: (m,) two-sided: the probability of all tables that are no more probable.
    """

    odds_ratio: Floats
    lower: Floats
    upper: Floats
    p: Floats


def fisher(tables: ArrayLike, level: float = 0.95) -> FisherTests:
    """Test tables (m, 4) of counts, each as (both, first alone, second alone, neither).

    Estimate and limits are those that R's `fisher.test` approximates to four digits.

    >>> test = fisher([[3, 1, 1, 3]])
    >>> test.odds_ratio.round(3), test.p.round(3)
    (array([6.408]), array([0.486]))
    """
    given = np.atleast_2d(np.asarray(tables))
    counts = given.astype(np.intp)
    if given.shape[1:] != (4,) or (counts != given).any() or (counts < 0).any():
        raise BadCovariate(
            "tables", reason="are not rows of four counts", remedy="give whole numbers, (m, 4)"
        )
    normal_quantile(level)
    width = _highest(counts) - _lowest(counts) + 1
    order = np.argsort(width, kind="stable")
    results = np.empty((4, len(counts)))
    for rows in _portions(order, width):
        results[:, rows] = _test(counts[rows], int(width[rows].max()), (1 - level) / 2)
    return FisherTests(*results)


def _lowest(counts: Integers) -> Integers:
    """(m,) the least first cell that the margins allow."""
    return np.asarray(np.maximum(0, counts[:, 0] - counts[:, 3]))


def _highest(counts: Integers) -> Integers:
    """(m,) the greatest."""
    return counts[:, 0] + np.minimum(counts[:, 1], counts[:, 2])


def _portions(order: Integers, width: Integers) -> list[Integers]:
    """The tables, sorted by width, in portions whose matrices stay small."""
    portions, begin = [], 0
    while begin < len(order):
        end = begin + 1
        while end < len(order) and (end + 1 - begin) * width[order[end]] <= CELLS:
            end += 1
        portions.append(order[begin:end])
        begin = end
    return portions


def _test(counts: Integers, width: int, tail: float) -> Floats:
    """(4, m) odds ratio, lower, upper and p of some tables."""
    low, high, seen = _lowest(counts), _highest(counts), counts[:, 0]
    cell = low[:, None] + np.arange(width)
    log_central = np.where(cell <= high[:, None], _log_hypergeometric(counts, cell), -np.inf)
    deviation = (cell - seen[:, None]).astype(np.float64)

    def expected(log_odds: Floats) -> Floats:
        return np.asarray((_shifted(log_central, deviation, log_odds) * deviation).sum(axis=1))

    def beyond(side: float) -> Callable[[Floats], Floats]:
        mine = side * deviation >= 0

        def excess(log_odds: Floats) -> Floats:
            probability = (_shifted(log_central, deviation, log_odds) * mine).sum(axis=1)
            return np.asarray(side * (probability - tail))

        return excess

    central = _shifted(log_central, deviation, np.zeros(len(counts)))
    own = np.take_along_axis(central, (seen - low)[:, None], axis=1)
    p = np.where(central <= own * SAME, central, 0.0).sum(axis=1)
    lowest, highest = seen == low, seen == high
    odds = np.where(lowest, 0.0, np.where(highest, np.inf, np.exp(_root(expected, len(counts)))))
    lower = np.where(lowest, 0.0, np.exp(_root(beyond(1.0), len(counts))))
    upper = np.where(highest, np.inf, np.exp(_root(beyond(-1.0), len(counts))))
    odds = np.where(lowest & highest, np.nan, odds)
    return np.stack([odds, lower, upper, np.minimum(p, 1.0)])


def _log_hypergeometric(counts: Integers, cell: Integers) -> Floats:
    """Log probabilities of first cells, up to a constant per table."""
    first = (counts[:, 0] + counts[:, 1])[:, None]
    second = (counts[:, 0] + counts[:, 2])[:, None]
    rest = (counts[:, 2] + counts[:, 3])[:, None]
    parts = (cell, first - cell, second - cell, rest - second + cell)
    return np.asarray(-sum(gammaln(np.maximum(part, 0) + 1.0) for part in parts))


def _shifted(log_central: Floats, deviation: Floats, log_odds: Floats) -> Floats:
    """(m, width) probabilities of the cells under odds ratios (m,)."""
    logs = log_central + deviation * log_odds[:, None]
    weights = np.exp(logs - logs.max(axis=1, keepdims=True))
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))


def _root(rising: Callable[[Floats], Floats], m: int) -> Floats:
    """(m,) where rising functions cross zero, by halving."""
    low, high = np.full(m, -FARTHEST), np.full(m, FARTHEST)
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        positive = rising(middle) > 0
        low, high = np.where(positive, low, middle), np.where(positive, middle, high)
    return np.asarray((low + high) / 2)
