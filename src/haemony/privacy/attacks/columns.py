"""How an attacker reads a released cell, column by column.

A released cell may say less than the truth (``20-29``, ``*``) or something near it (the mean of a
class). What the truth has in common with it depends on the column, so each column says of itself
how it is read: as labels of a hierarchy, as numbers, or as names.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol, TypeVar

import numpy as np
import polars as pl
from numpy.typing import NDArray

from haemony.privacy.anonymity.faults import MissingValues, UnknownValues
from haemony.privacy.anonymity.hierarchy import EVERYTHING, MISSING, Hierarchy, as_text
from haemony.privacy.attacks.faults import BadAttack

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]
Positions = NDArray[np.int64]

UNTOLD = 0.5
"""The distance of a cell that says nothing: midway between agreement and contradiction."""


@dataclass(frozen=True, slots=True)
class Between:
    """The claim that a number lies above one bound and not above another."""

    low: float
    high: float


ClaimT = TypeVar("ClaimT")


class Reading(Protocol[ClaimT]):
    """The released cells of one column, ready to be compared with people's true values.

    True values are passed as :meth:`truth` encodes them. Released rows count from 0. A claim says
    something about the true value of one person, in words that only the reading understands.
    """

    def truth(self, values: pl.Series) -> Floats:
        """Encode true values (m,)."""

    def distances(self, truth: Floats) -> Floats:
        """(m, n) distance between true values and released cells, from 0 to 1."""

    def tells(self, row: int) -> bool:
        """Whether the cell of a row says anything."""

    def claim(self, row: int, rng: np.random.Generator) -> ClaimT:
        """What a row says: its label or, by a toss, one value under it; all nearest numbers."""

    def gaps(self, row: int) -> Floats | None:
        """(n,) how far the other rows' numbers are from a row's; None of labels."""

    def around(self, row: int, gap: float) -> ClaimT:
        """That the truth is no farther than a gap from the number of a row."""

    def holds(self, claim: ClaimT, truth: Floats) -> Bools:
        """(m,) whether a claim is true of true values."""

    def chances(self, claim: ClaimT) -> Floats:
        """(n,) chance that a claim is true of whom each released row is about."""

    def guess(self, rows: Positions, rng: np.random.Generator) -> float:
        """The true value, encoded, that the cells of these rows speak for most."""

    def right(self, guesses: Floats, truth: Floats) -> Bools:
        """(m,) whether guesses meet the truth."""


class Column(Protocol):
    """How the cells of a column are to be read."""

    def read(self, released: pl.Series) -> Reading[Any]:
        """Read the released cells."""


@dataclass(frozen=True)
class Generalised:
    """A column whose released cells are labels of a hierarchy; the truth is a leaf.

    A cell that holds the truth is at half of its share of the domain, so that ``*`` is at
    :data:`UNTOLD`; one that does not hold it is at 1. A guess is a leaf, and right when it is the
    truth.
    """

    hierarchy: Hierarchy

    def read(self, released: pl.Series) -> Reading[Any]:
        """Read labels of any level; an empty cell is the leaf of empty cells.

        Raises:
            UnknownValues: When a cell is no label of the hierarchy.
            MissingValues: When a cell is empty and the hierarchy has no leaf for that.
        """
        leaves = _leaves_by_label(self.hierarchy)
        text = as_text(released)
        labels = text.unique().sort().to_list()
        unknown = [label for label in labels if label not in leaves]
        if unknown:
            rows = text.is_in(unknown)
            if MISSING in unknown:
                raise MissingValues(released.name, rows=int((text == MISSING).sum()))
            raise UnknownValues(released.name, values=len(unknown), rows=int(rows.sum()))
        holds = np.array([leaves[label] for label in labels], dtype=np.bool_)
        return _Labels(_numbered(text, labels), holds.reshape(len(labels), -1), self._encode)

    def _encode(self, values: pl.Series) -> Floats:
        return self.hierarchy.encode(values).astype(np.float64)


@dataclass(frozen=True)
class Categorical:
    """A column of names: a released cell is the truth, something else, or ``*``.

    An empty cell is a name of its own.
    """

    def read(self, released: pl.Series) -> Reading[Any]:
        """Read names as they stand."""
        text = as_text(released)
        labels = text.unique().sort().to_list()
        names = [label for label in labels if label != EVERYTHING]
        holds = np.array(
            [[label in (name, EVERYTHING) for name in [*names, None]] for label in labels],
            dtype=np.bool_,
        )
        position = {name: float(i) for i, name in enumerate(names)}

        def encode(values: pl.Series) -> Floats:
            """Names that were never released share the last position."""
            return np.array(
                [position.get(v, len(names)) for v in as_text(values)], dtype=np.float64
            )

        return _Labels(_numbered(text, labels), holds.reshape(len(labels), -1), encode)


@dataclass(frozen=True)
class Numeric:
    """A column of numbers, released as they are, rounded, replaced by class means, or made up.

    The distance of two numbers is the share of released numbers between them, so that neither the
    unit nor a few large values matter. A guess is right within the tolerance.

    Attributes:
        relative: Tolerance as a share of the true value.
        absolute: Tolerance in the unit of the column; the wider of the two counts.

    Raises:
        BadAttack: When a tolerance is negative.
    """

    relative: float = 0.05
    absolute: float = 0.0

    def __post_init__(self) -> None:
        if not (self.relative >= 0 and self.absolute >= 0):
            raise BadAttack("a tolerance is negative", remedy="choose 0 or more")

    def read(self, released: pl.Series) -> Reading[Any]:
        """Read numbers; an empty cell or nan says nothing.

        Raises:
            BadAttack: When cells are text.
        """
        if not (released.dtype.is_numeric() or released.dtype in (pl.Boolean, pl.Null)):
            raise BadAttack(
                f"{released.name!r} is no column of numbers",
                remedy="describe it as Generalised with its hierarchy, or as Categorical",
            )
        return _Numbers(_floats(released), self.relative, self.absolute)


class _Encode(Protocol):
    def __call__(self, values: pl.Series, /) -> Floats: ...


@dataclass(frozen=True)
class _Labels:
    """Released labels.

    Attributes:
        cells: (n,) number of each row's label.
        leaves: (labels, leaves) whether a leaf lies under a label.
        encode: From values to leaves.
    """

    cells: Positions
    leaves: Bools
    encode: _Encode = field(repr=False)

    def truth(self, values: pl.Series) -> Floats:
        return self.encode(values)

    @cached_property
    def _distance(self) -> Floats:
        """(leaves, labels) distance of each pair."""
        size = self.leaves.shape[1]
        open_ = (self.leaves.sum(axis=1) - 1) / max(size - 1, 1)
        return np.where(self.leaves, UNTOLD * open_[:, None], 1.0).T

    def distances(self, truth: Floats) -> Floats:
        found: Floats = self._distance[truth.astype(np.int64)[:, None], self.cells[None, :]]
        return found

    def tells(self, row: int) -> bool:
        return not bool(self.leaves[self.cells[row]].all())

    def claim(self, row: int, rng: np.random.Generator) -> int:
        cell = int(self.cells[row])
        if rng.random() < 0.5:
            return cell
        return len(self.leaves) + int(rng.choice(np.flatnonzero(self.leaves[cell])))

    def gaps(self, row: int) -> Floats | None:  # noqa: ARG002
        return None

    def around(self, row: int, gap: float) -> int:  # noqa: ARG002
        return int(self.cells[row])

    def holds(self, claim: int, truth: Floats) -> Bools:
        found: Bools = self._under[claim][truth.astype(np.int64)]
        return found

    def chances(self, claim: int) -> Floats:
        """Were all leaves under a label equally likely."""
        found: Floats = (self._votes @ self._under[claim])[self.cells]
        return found

    @cached_property
    def _under(self) -> Bools:
        """Leaves by cell: those of the labels, then each leaf as a cell of its own."""
        return np.vstack([self.leaves, np.eye(self.leaves.shape[1], dtype=np.bool_)])

    @cached_property
    def _votes(self) -> Floats:
        """(labels, leaves) the one vote of a label, shared by the leaves under it."""
        votes: Floats = self.leaves / self.leaves.sum(axis=1, keepdims=True)
        return votes

    def guess(self, rows: Positions, rng: np.random.Generator) -> float:
        votes = self._votes[self.cells[rows]].sum(axis=0)
        return float(rng.choice(np.flatnonzero(votes >= votes.max() - 1e-9)))

    def right(self, guesses: Floats, truth: Floats) -> Bools:
        found: Bools = guesses == truth
        return found


@dataclass(frozen=True)
class _Numbers:
    """Released numbers.

    Attributes:
        values: (n,) nan where nothing is said.
        relative: Tolerance of a guess as a share of the truth.
        absolute: Tolerance of a guess in the unit of the column.
    """

    values: Floats
    relative: float
    absolute: float

    @cached_property
    def _known(self) -> tuple[Floats, Floats]:
        """The distinct numbers in order, and the middle rank of each as a share."""
        numbers, counts = np.unique(self.values[~np.isnan(self.values)], return_counts=True)
        ends = np.cumsum(counts)
        return numbers, (ends - counts / 2) / max(int(counts.sum()), 1)

    @property
    def _numbers(self) -> Floats:
        return self._known[0]

    def truth(self, values: pl.Series) -> Floats:
        return _floats(values)

    @cached_property
    def _place(self) -> Floats:
        return self._rank(self.values)

    def _rank(self, values: Floats) -> Floats:
        """Where numbers stand among the released; nan where they are missing."""
        numbers, ranks = self._known
        if not len(numbers):
            return np.where(np.isnan(values), np.nan, 0.5)
        found = np.interp(values, numbers, ranks)
        found[values < numbers[0]] = 0.0
        found[values > numbers[-1]] = 1.0
        found[np.isnan(values)] = np.nan
        return found

    def distances(self, truth: Floats) -> Floats:
        apart = np.abs(self._rank(truth)[:, None] - self._place[None, :])
        untold, unknown = np.isnan(self._place)[None, :], np.isnan(truth)[:, None]
        either: Floats = np.where(untold | unknown, UNTOLD, apart)
        return np.where(untold & unknown, 0.0, either)

    def tells(self, row: int) -> bool:
        return len(self._numbers) > 1 and not np.isnan(self.values[row])

    def claim(self, row: int, rng: np.random.Generator) -> Between:  # noqa: ARG002
        numbers = self._numbers
        here = int(np.searchsorted(numbers, self.values[row]))
        low = -np.inf if here == 0 else (numbers[here - 1] + numbers[here]) / 2
        last = here == len(numbers) - 1
        high = np.inf if last else (numbers[here] + numbers[here + 1]) / 2
        return Between(float(low), float(high))

    def gaps(self, row: int) -> Floats | None:
        """In shares of the released rows; a row that says nothing is infinitely far."""
        apart: Floats = np.nan_to_num(np.abs(self._place - self._place[row]), nan=np.inf)
        return apart

    def around(self, row: int, gap: float) -> Between:
        numbers, ranks = self._known
        low, high = self._place[row] - gap, self._place[row] + gap
        return Between(
            float(np.interp(low, ranks, numbers)) if low > ranks[0] else -np.inf,
            float(np.interp(high, ranks, numbers)) if high < ranks[-1] else np.inf,
        )

    def holds(self, claim: Between, truth: Floats) -> Bools:
        found: Bools = (truth > claim.low) & (truth <= claim.high)
        return found

    def chances(self, claim: Between) -> Floats:
        return self.holds(claim, self.values).astype(np.float64)

    def guess(self, rows: Positions, rng: np.random.Generator) -> float:  # noqa: ARG002
        """The released number that most of the others would accept; the smallest of such."""
        told = np.sort(self.values[rows])
        told = told[~np.isnan(told)]
        if not len(told):
            return np.nan
        reach = np.maximum(self.absolute, self.relative * np.abs(told))
        accepts = np.searchsorted(told, told + reach, "right") - np.searchsorted(
            told, told - reach, "left"
        )
        return float(told[np.argmax(accepts)])

    def right(self, guesses: Floats, truth: Floats) -> Bools:
        reach = np.maximum(self.absolute, self.relative * np.abs(truth))
        near: Bools = np.abs(guesses - truth) <= reach * (1 + 1e-12)
        return near


def _leaves_by_label(hierarchy: Hierarchy) -> Mapping[str, Bools]:
    """Per label of any level, which leaves lie under it."""
    found: dict[str, Bools] = {EVERYTHING: np.ones(hierarchy.size, dtype=np.bool_)}
    for group, labels in zip(hierarchy.groups, hierarchy.levels, strict=True):
        for label, number in dict(zip(labels, group.tolist(), strict=True)).items():
            found[label] = group == number
    return found


def _numbered(text: pl.Series, labels: Sequence[str]) -> Positions:
    position = {label: number for number, label in enumerate(labels)}
    return np.array([position[label] for label in text], dtype=np.int64)


def _floats(values: pl.Series) -> Floats:
    return values.cast(pl.Float64).fill_null(float("nan")).to_numpy()
