"""Where the columns of a big matrix lie and how far they spread, told in one pass.

Rows are taken by the thousand, so that a block stays in the cache while it is centred and squared,
and by the wide row of 64, for reductions along a narrow matrix are slow.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from haemony.analysis.survival.data.arrays import Floats, Integers

BLOCK = 8192
WIDE = 64
NARROWEST = 1e-7


@dataclass(frozen=True, eq=False)
class Columns:
    """What the columns of a matrix (n, p) look like.

    Attributes:
        lowest: (p,) smallest values.
        highest: (p,) largest values.
        means: (p,) weighted means.
        spread: (p,) roughly the standard deviations, never 0 unless a column is constant.
    """

    lowest: Floats
    highest: Floats
    means: Floats
    spread: Floats

    @classmethod
    def of(cls, x: Floats, weights: Floats) -> Self:
        """Summarise x (n, p), n > 0, with case weights (n,).

        >>> columns = Columns.of(np.array([[1.0], [2.0], [6.0]]), np.ones(3))
        >>> columns.highest, columns.means
        (array([6.]), array([3.]))
        """
        lowest, highest = x[0].copy(), x[0].copy()
        total, first, second = (np.zeros(x.shape[1]) for _ in range(3))
        for begin in range(0, len(x), BLOCK):
            block = np.ascontiguousarray(x[begin : begin + BLOCK])
            np.minimum(lowest, _down(np.minimum, block), out=lowest)
            np.maximum(highest, _down(np.maximum, block), out=highest)
            total += weights[begin : begin + BLOCK] @ block
            away = block - x[0]
            first += _down(np.add, away)
            second += _down(np.add, np.square(away, out=away))
        variance = second / len(x) - (first / len(x)) ** 2
        spread = np.sqrt(np.maximum(variance, (NARROWEST * (highest - lowest)) ** 2))
        return cls(lowest, highest, total / weights.sum(), spread)

    @property
    def span(self) -> Floats:
        """(p,) largest less smallest value."""
        return self.highest - self.lowest


def standardised(x: Floats, order: Integers, means: Floats, scale: Floats) -> Floats:
    """The rows of x (n, p) in another order (m,), less their means, in units of a scale.

    >>> standardised(np.array([[1.0], [5.0]]), np.array([1, 0]), np.array([3.0]), np.array([2.0]))
    array([[ 1.],
           [-1.]])
    """
    rows = np.empty((len(order), x.shape[1]))
    for begin in range(0, len(order), BLOCK):
        block = rows[begin : begin + BLOCK]
        np.take(x, order[begin : begin + BLOCK], axis=0, out=block, mode="clip")
        block -= means
        block /= scale
    return rows


def _down(operation: np.ufunc, rows: Floats) -> Floats:
    """An operation down the columns of rows (m, p), which lie one after the other in memory."""
    if not rows.size:
        return np.zeros(rows.shape[1])
    even = len(rows) // WIDE * WIDE
    wide = rows[:even].reshape(-1, WIDE * rows.shape[1])
    folded = [operation.reduce(wide, axis=0).reshape(WIDE, -1)] if even else []
    return np.asarray(operation.reduce(np.concatenate([*folded, rows[even:]]), axis=0))
