"""The columns of a big matrix: where they lie, how far they spread, and sums over their rows.

Rows are taken by the thousand, so that a block stays in the cache while it is centred and squared,
and by the wide row of 64, for reductions along a narrow matrix are slow.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
from scipy.sparse import csc_array

from haemony.analysis.survival.data.arrays import Floats, Integers

BLOCK = 8192
SMALL_BLOCK = 2048
"""Rows in a block, and where several matrices of a block's size are needed at once."""
FEW_PLACES = 4
"""So many places for each row of a block are few."""
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
            with np.errstate(over="ignore"):
                second += _down(np.add, np.square(away, out=away))
        with np.errstate(over="ignore", invalid="ignore"):
            variance = second / len(x) - (first / len(x)) ** 2
            spread = np.sqrt(np.maximum(variance, (NARROWEST * (highest - lowest)) ** 2))
        return cls(lowest, highest, total / weights.sum(), spread)

    @property
    def span(self) -> Floats:
        """(p,) largest less smallest value."""
        return self.highest - self.lowest


@dataclass(frozen=True, eq=False)
class Covariates:
    """A matrix (n, p) seen around its means and in units of its scale, without a copy of it.

    It is looked at by blocks of rows, in their given order, whenever a sum over rows is asked for.
    A matrix of one block is kept as it is seen.

    Attributes:
        given: (n, p) the matrix.
        means: (p,) what is taken from each column.
        scale: (p,) what each column is then divided by.
        bare: whether the matrix is seen as it is.
    """

    given: Floats
    means: Floats
    scale: Floats
    bare: bool = False

    @classmethod
    def plain(cls, x: Floats) -> Self:
        """A matrix (n, p) seen as it is."""
        return cls(x, np.zeros(x.shape[1]), np.ones(x.shape[1]), bare=True)

    def __len__(self) -> int:
        return len(self.given)

    @property
    def width(self) -> int:
        """How many columns there are."""
        return int(self.given.shape[1])

    def blocks(self, size: int = BLOCK) -> Iterator[tuple[slice, Floats]]:
        """The rows by blocks: which, and as they are seen. A block is gone when the next comes."""
        small = len(self) <= BLOCK
        room = np.empty((0 if small else size, self.width))
        for begin in range(0, len(self), size):
            part = slice(begin, min(begin + size, len(self)))
            length = part.stop - part.start
            yield part, self._only[part] if small else self._seen(self.given[part], room[:length])

    def rows(self, chosen: Integers) -> Floats:
        """(m, p) some rows as they are seen."""
        if len(self) <= BLOCK:
            return np.take(self._only, chosen, axis=0)
        taken = self.given[chosen]
        return self._seen(taken, taken)

    def all(self) -> Floats:
        """(n, p) all rows as they are seen: a copy of the matrix, unless it is small."""
        if len(self) <= BLOCK:
            return self._only
        return self._seen(self.given, np.empty(self.given.shape))

    def among(self, kept: Integers) -> Covariates:
        """Some columns alone."""
        if len(self) <= BLOCK:
            return Covariates.plain(np.ascontiguousarray(self._only[:, kept]))
        return Covariates(
            np.ascontiguousarray(self.given[:, kept]), self.means[kept], self.scale[kept]
        )

    def __matmul__(self, beta: Floats) -> Floats:
        """(n,) the linear predictors of coefficients (p,)."""
        predictors = np.empty(len(self))
        for part, rows in self.blocks():
            np.matmul(rows, beta, out=predictors[part])
        return predictors

    def total(self, weight: Floats) -> Floats:
        """(p,) the sum of weights (n,) times rows."""
        total = np.zeros(self.width)
        for part, rows in self.blocks():
            total += weight[part] @ rows
        return total

    def total_by(self, place: Integers, weight: Floats, size: int) -> Floats:
        """(size, p) sums of weights (n,) times rows, by places (n,) below a size."""
        if len(self) <= BLOCK:
            return np.asarray(placed(place, weight, size) @ self._only)
        totals = np.zeros((size, self.width))
        for part, rows in self.blocks():
            add_by(totals, place[part], weight[part], rows)
        return totals

    def total_of(self, rows: Integers, place: Integers, weight: Floats, size: int) -> Floats:
        """(size, p) the same of some rows (m,), by their places (m,) and weights (m,)."""
        totals = np.zeros((size, self.width))
        for begin in range(0, len(rows), SMALL_BLOCK):
            part = slice(begin, begin + SMALL_BLOCK)
            add_by(totals, place[part], weight[part], self.rows(rows[part]))
        return totals

    def square(self, weight: Floats) -> Floats:
        """(p, p) the product xᵀ diag(weight) x."""
        total = np.zeros((self.width, self.width))
        for part, rows in self.blocks():
            total += weighted_square(rows, weight[part])
        return total

    @cached_property
    def _only(self) -> Floats:
        return self.given if self.bare else self._seen(self.given, np.empty(self.given.shape))

    def _seen(self, rows: Floats, room: Floats) -> Floats:
        np.copyto(room, rows)
        even = len(room) // WIDE * WIDE
        self._shift(room[:even].reshape(even // WIDE, WIDE * self.width), WIDE)
        self._shift(room[even:], 1)
        return room

    def _shift(self, rows: Floats, times: int) -> None:
        """Centre and scale rows of which each holds so many of the matrix."""
        rows -= np.tile(self.means, times)
        rows /= np.tile(self.scale, times)


def add_by(totals: Floats, place: Integers, weight: Floats, rows: Floats) -> None:
    """Add rows (m, p) times weights (m,) to totals (size, p), by their places (m,).

    Among many places, only those that occur are touched.

    >>> totals = np.zeros((2, 1))
    >>> add_by(totals, np.array([1, 1]), np.array([1.0, 2.0]), np.array([[3.0], [4.0]]))
    >>> totals
    array([[ 0.],
           [11.]])
    """
    if len(totals) <= FEW_PLACES * len(rows):
        totals += placed(place, weight, len(totals)) @ rows
        return
    used, at = np.unique(place, return_inverse=True)
    totals[used] += placed(at, weight, len(used)) @ rows


def predictors(x: Floats, centre: Floats, beta: Floats) -> Floats:
    """(n,) linear predictors of rows x (n, p) around a centre (p,): equal rows have equal ones.

    A product of BLAS rounds a row by where it lies, which parts patients whose covariates tie.

    >>> predictors(np.array([[1.0, 2.0]]), np.zeros(2), np.array([3.0, 0.5]))
    array([4.])
    """
    total = np.zeros(len(x))
    for begin in range(0, len(x), BLOCK):
        part = slice(begin, begin + BLOCK)
        for column, middle, slope in zip(x[part].T, centre, beta, strict=True):
            total[part] += (column - middle) * slope
    return total


def placed(place: Integers, weight: Floats, size: int) -> csc_array:
    """The matrix (size, n) that sums rows (n, ...) times weights (n,) by their places."""
    n = len(place)
    return csc_array((weight, place, np.arange(n + 1)), shape=(size, n))


def weighted_square(x: Floats, weight: Floats) -> Floats:
    """The (p, p) product xᵀ diag(weight) x of x (n, p), in blocks that fit a cache.

    Without negative weights each block is the square of one matrix, which BLAS takes at half the
    price of a product.

    >>> weighted_square(np.array([[1.0], [2.0]]), np.array([3.0, 0.5]))
    array([[5.]])
    """
    total = np.zeros((x.shape[1], x.shape[1]))
    signed = bool((weight < 0).any())
    for begin in range(0, len(x), BLOCK):
        rows, factor = x[begin : begin + BLOCK], weight[begin : begin + BLOCK, None]
        scaled = (factor if signed else np.sqrt(factor)) * rows
        total += (rows if signed else scaled).T @ scaled
    return total


def _down(operation: np.ufunc, rows: Floats) -> Floats:
    """An operation down the columns of rows (m, p), which lie one after the other in memory."""
    if not rows.size:
        return np.zeros(rows.shape[1])
    even = len(rows) // WIDE * WIDE
    wide = rows[:even].reshape(-1, WIDE * rows.shape[1])
    folded = [operation.reduce(wide, axis=0).reshape(WIDE, -1)] if even else []
    return np.asarray(operation.reduce(np.concatenate([*folded, rows[even:]]), axis=0))
