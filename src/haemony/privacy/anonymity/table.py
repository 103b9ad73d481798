"""Rows collapsed to what anonymity can see of them: distinct tuples of leaves, with counts.

Everything the search asks is asked of the distinct tuples: a node of the lattice gives every leaf
its group, the groups of a tuple make one number in a mixed radix, and equal numbers are a class.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl
from numpy.typing import NDArray

from haemony.privacy.anonymity.faults import BadModel, NoSuchColumn
from haemony.privacy.anonymity.hierarchy import Codes, Counts, Hierarchy, as_text

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]
Node = tuple[int, ...]
"""One level per quasi-identifier."""

WIDEST = 2**62
"""Mixed-radix keys stay below this, so that they fit a signed 64-bit integer."""

DENSE = 8
"""Keys are counted in an array of their range while it has at most this many cells per tuple."""


@dataclass(frozen=True)
class Table:
    """The quasi-identifiers of a frame as distinct tuples of leaves.

    Attributes:
        hierarchies: One per quasi-identifier, in order.
        columns: Per quasi-identifier, the leaf (d,) of each distinct tuple.
        counts: (d,) rows of each tuple; 0 for one that only the population holds.
        population: (d,) rows of each tuple in the population, zeros without one.
        of_row: (n,) the tuple of each row of the frame.
        sensitive: Further columns that models look at, by name.
    """

    hierarchies: tuple[Hierarchy, ...]
    columns: tuple[Codes, ...]
    counts: Counts
    population: Counts
    of_row: Counts
    sensitive: Mapping[str, Sensitive]

    @classmethod
    def of(
        cls,
        frame: pl.DataFrame,
        quasi_identifiers: Mapping[str, Hierarchy],
        *,
        population: pl.DataFrame | None = None,
        sensitive: Iterable[str] = (),
    ) -> Table:
        """Collapse a frame.

        Args:
            frame: Any frame that has the quasi-identifiers.
            quasi_identifiers: Their hierarchies, by column.
            population: A frame with the same columns, for models and risks that look at one.
            sensitive: Further columns that models look at.

        Raises:
            NoSuchColumn: When a frame lacks a column.
            UnknownValues, MissingValues: When a value is no leaf of its hierarchy.
        """
        if not quasi_identifiers:
            raise BadModel("no quasi-identifier is named", remedy="name at least one column")
        frames = [frame] if population is None else [frame, population]
        for each in frames:
            check_columns(each, list(quasi_identifiers))
        codes = [
            np.concatenate([hierarchy.encode(each[name]) for each in frames])
            for name, hierarchy in quasi_identifiers.items()
        ]
        of_row, first = distinct(codes, [h.size for h in quasi_identifiers.values()])
        here, there = of_row[: frame.height], of_row[frame.height :]
        return cls(
            hierarchies=tuple(quasi_identifiers.values()),
            columns=tuple(np.ascontiguousarray(column[first]) for column in codes),
            counts=np.bincount(here, minlength=len(first)).astype(np.int64),
            population=np.bincount(there, minlength=len(first)).astype(np.int64),
            of_row=here,
            sensitive={name: _beside(frame, name, here) for name in sensitive},
        )

    @property
    def rows(self) -> int:
        """Rows of the frame."""
        return len(self.of_row)

    @property
    def size(self) -> int:
        """Distinct tuples."""
        return len(self.counts)

    def part(self, chosen: Bools) -> Table:
        """Some of the tuples (d,), without their rows; sensitive totals stay those of the whole."""
        return Table(
            self.hierarchies,
            tuple(codes[chosen] for codes in self.columns),
            self.counts[chosen],
            self.population[chosen],
            self.of_row[:0],
            {name: column.part(chosen) for name, column in self.sensitive.items()},
        )

    @property
    def top(self) -> Node:
        """The node at which everything is generalised."""
        return tuple(hierarchy.height - 1 for hierarchy in self.hierarchies)

    def classes(self, node: Node) -> Classes:
        """The equivalence classes of the tuples, generalised to a node of the lattice."""
        key, radix = np.zeros(self.size, dtype=np.int64), 1
        for codes, hierarchy, level in zip(self.columns, self.hierarchies, node, strict=True):
            if level == hierarchy.height - 1:
                continue
            groups = hierarchy.groups[level]
            kinds = int(groups.max()) + 1
            if radix * kinds > WIDEST:
                key, radix = _renumbered(key)
            key += (groups.astype(np.int64) * radix)[codes]
            radix *= kinds
        if radix > DENSE * self.size + 1024:
            key, radix = _renumbered(key)
        return Classes(self, key, radix)


@dataclass(frozen=True)
class Sensitive:
    """A column that is no quasi-identifier, as the tuples carry it.

    Attributes:
        values: Its distinct values as text, sorted.
        tuples: (p,) the tuple of each pair of tuple and value.
        codes: (p,) the value of each pair.
        counts: (p,) rows of each pair.
        totals: (v,) rows of each value in the whole frame.
    """

    values: tuple[str, ...]
    tuples: Counts
    codes: Counts
    counts: Counts
    totals: Counts

    def part(self, chosen: Bools) -> Sensitive:
        """What some of the tuples (d,) carry, renumbered; the totals stay."""
        here = chosen[self.tuples]
        number = np.cumsum(chosen) - 1
        return Sensitive(
            self.values,
            number[self.tuples[here]],
            self.codes[here],
            self.counts[here],
            self.totals,
        )


@dataclass(frozen=True)
class Classes:
    """A partition of the tuples into equivalence classes.

    Attributes:
        table: The tuples.
        of_tuple: (d,) the class of each tuple.
        count: Number of classes; some numbers may stand for no tuple.
    """

    table: Table
    of_tuple: Counts
    count: int

    @cached_property
    def sizes(self) -> Counts:
        """Rows (count,) of each class."""
        return self.sums(self.table.counts)

    @cached_property
    def population(self) -> Counts:
        """Rows (count,) of each class in the population."""
        return self.sums(self.table.population)

    def sums(self, weights: Counts) -> Counts:
        """Sums (count,) over the tuples of each class."""
        return _sums(self.of_tuple, weights, self.count)

    def histogram(self, column: str, among: Bools) -> tuple[Counts, Counts]:
        """How often each value of a column comes in some of the classes.

        Args:
            column: Name of a column of the frame.
            among: (count,) the classes to look at.

        Returns:
            The classes (c,), and rows (c, v) of each value in each of them.
        """
        sensitive = self.table.sensitive[column]
        chosen = np.flatnonzero(among & (self.sizes > 0))
        position = np.full(self.count, -1, dtype=np.int64)
        position[chosen] = np.arange(len(chosen))
        row = position[self.of_tuple[sensitive.tuples]]
        here, width = row >= 0, len(sensitive.values)
        cells = row[here] * width + sensitive.codes[here]
        flat = _sums(cells, sensitive.counts[here], len(chosen) * width)
        return chosen, flat.reshape(len(chosen), width)


def _beside(frame: pl.DataFrame, name: str, of_row: Counts) -> Sensitive:
    """Another column of the frame, beside the tuples."""
    check_columns(frame, [name])
    values = as_text(frame[name])
    kinds = values.unique().sort()
    codes = values.cast(pl.Enum(kinds)).to_physical().to_numpy().astype(np.int64)
    pairs, counts = np.unique(of_row * len(kinds) + codes, return_counts=True)
    return Sensitive(
        tuple(kinds),
        pairs // len(kinds),
        pairs % len(kinds),
        counts.astype(np.int64),
        np.bincount(codes, minlength=len(kinds)).astype(np.int64),
    )


def check_columns(frame: pl.DataFrame, columns: Sequence[str]) -> None:
    """Refuse names that a frame does not have."""
    absent = [name for name in columns if name not in frame.columns]
    if absent:
        raise NoSuchColumn(absent, present=frame.columns)


def distinct(columns: Sequence[Codes], sizes: Sequence[int]) -> tuple[Counts, Counts]:
    """Number the distinct rows of parallel columns of codes, in lexicographic order.

    Returns:
        The number (n,) of each row, and the position of the first row of each number.
    """
    key, radix = np.zeros(len(columns[0]), dtype=np.int64), 1
    for codes, size in zip(columns, sizes, strict=True):
        if radix * size > WIDEST:
            key, radix = _renumbered(key)
        key = key * size + codes
        radix *= size
    _, first, number = np.unique(key, return_index=True, return_inverse=True)
    return number.astype(np.int64), first.astype(np.int64)


def _renumbered(key: Counts) -> tuple[Counts, int]:
    """Equal keys get equal numbers from 0 on, in the order of the keys; and how many there are.

    Key and position are sorted as one number where they fit: several times faster than argsort.
    """
    bits = max(len(key) - 1, 1).bit_length()
    if int(key.max(initial=0)) >> (62 - bits):
        _, number = np.unique(key, return_inverse=True)
        return number.astype(np.int64), int(number.max(initial=-1)) + 1
    packed = (key << bits) | np.arange(len(key))
    packed.sort()
    new = np.empty(len(key), dtype=np.bool_)
    new[:1] = True
    np.not_equal(packed[1:] >> bits, packed[:-1] >> bits, out=new[1:])
    number = np.empty(len(key), dtype=np.int64)
    number[packed & ((1 << bits) - 1)] = np.cumsum(new) - 1
    return number, int(new.sum())


def _sums(groups: Counts, weights: Counts, count: int) -> Counts:
    """Integer sums by group; exact, as rows stay far below 2^53."""
    return np.bincount(groups, weights=weights, minlength=count).astype(np.int64)
