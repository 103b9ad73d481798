"""A generalisation hierarchy: what each value becomes as it is told less and less exactly.

Level 0 is the value itself, the last level is everything. A hierarchy is a table with one row per
value of the domain, whether the data hold it or not: the loss counts these rows.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Self

import numpy as np
import polars as pl
from numpy.typing import NDArray

from haemony.privacy.anonymity.faults import BadHierarchy, MissingValues, UnknownValues

Codes = NDArray[np.int32]
Counts = NDArray[np.int64]

MISSING = ""
"""The leaf of an empty cell: a value like any other, never a wildcard."""

EVERYTHING = "*"
"""What a cell says once it says nothing."""


@dataclass(frozen=True)
class Hierarchy:
    """How the values of one attribute generalise.

    Attributes:
        attribute: Name of the attribute.
        levels: Per level, from the values to everything, one label per leaf, all in the same order.

    Raises:
        BadHierarchy: When a leaf comes twice, levels differ in length, leaves that share a label
            part again further up, a label means different leaves at different levels, or the last
            level is not a single label.

    Example:
        >>> stage = Hierarchy.of_rows("stage", [("I", "early", "*"), ("II", "early", "*"),
        ...                                     ("III", "late", "*"), ("IV", "late", "*")])
        >>> stage.height, stage.size
        (3, 4)
        >>> stage.leaf_counts[1].tolist()
        [2, 2, 2, 2]
    """

    attribute: str
    levels: tuple[tuple[str, ...], ...]

    def __post_init__(self) -> None:
        self._check_shape()
        self._check_monotone()
        self._check_labels()

    @classmethod
    def of_rows(cls, attribute: str, rows: Iterable[Sequence[str]]) -> Self:
        """Build a hierarchy from one row per leaf: the value, then ever more general labels."""
        table = [tuple(row) for row in rows]
        if not table:
            raise BadHierarchy(attribute, reason="has no row", remedy="give one row per value")
        widths = Counter(map(len, table))
        if len(widths) > 1:
            usual = widths.most_common(1)[0][0]
            first = next(i for i, row in enumerate(table, start=1) if len(row) != usual)
            raise BadHierarchy(
                attribute,
                reason=f"has {len(table[first - 1])} cells in row {first} and {usual} elsewhere",
                remedy="give every row one cell per level",
            )
        return cls(attribute, tuple(zip(*table, strict=True)))

    @classmethod
    def read(cls, attribute: str, path: Path | str) -> Self:
        """Read a ``;``- or ``,``-separated file: one row per leaf, no header, last column ``*``.

        Args:
            attribute: Name of the attribute.
            path: The file, in UTF-8.
        """
        text = Path(path).read_text(encoding="utf-8-sig")
        first = text.partition("\n")[0]
        separator = ";" if ";" in first else ","
        rows = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
        return cls.of_rows(attribute, (row for row in rows if row))

    def write(self, path: Path | str) -> None:
        """Write the hierarchy as a ``;``-separated file that :meth:`read` reads back."""
        with Path(path).open("w", encoding="utf-8", newline="") as file:
            csv.writer(file, delimiter=";", lineterminator="\n").writerows(self.rows)

    def with_missing(self, label: str = "missing") -> Self:
        """The same hierarchy with a leaf for empty cells, apart until the last level."""
        if MISSING in self.leaves:
            return self
        if self.height == 1:
            return type(self)(self.attribute, ((*self.leaves, MISSING), (EVERYTHING,) * 2))
        between = (label,) * (self.height - 2)
        row = (MISSING, *between, self.levels[-1][0])
        return type(self).of_rows(self.attribute, [*self.rows, row])

    @property
    def leaves(self) -> tuple[str, ...]:
        """The values of the domain, in the order of the table."""
        return self.levels[0]

    @property
    def rows(self) -> tuple[tuple[str, ...], ...]:
        """One row per leaf: the value, then its labels level by level."""
        return tuple(zip(*self.levels, strict=True))

    @property
    def height(self) -> int:
        """How many levels there are, the values and everything included."""
        return len(self.levels)

    @property
    def size(self) -> int:
        """Leaves of the domain: the rows of the hierarchy, not the values seen."""
        return len(self.leaves)

    @cached_property
    def groups(self) -> tuple[Codes, ...]:
        """Per level, the group (size,) of each leaf, numbered by first appearance."""
        return tuple(_numbered(labels) for labels in self.levels)

    @cached_property
    def leaf_counts(self) -> tuple[Counts, ...]:
        """Per level, how many leaves (size,) lie under the label of each leaf."""
        return tuple(np.bincount(group)[group].astype(np.int64) for group in self.groups)

    def encode(self, column: pl.Series) -> Codes:
        """The leaf (n,) of each cell, by position in the hierarchy.

        Args:
            column: Text, numbers, booleans or dates; they are compared with the leaves as text.

        Raises:
            UnknownValues: When a value is no leaf.
            MissingValues: When a cell is empty and the hierarchy has no leaf for that.
        """
        text = as_text(column)
        index = pl.DataFrame(
            {"leaf": self.leaves, "code": np.arange(self.size, dtype=np.int32)},
            schema={"leaf": pl.String, "code": pl.Int32},
        )
        found = text.to_frame("leaf").join(index, on="leaf", how="left", maintain_order="left")
        if found["code"].null_count():
            self._refuse(text, found["code"].is_null())
        return found["code"].to_numpy().astype(np.int32, copy=False)

    def _refuse(self, text: pl.Series, unknown: pl.Series) -> None:
        empty = int((text.filter(unknown) == MISSING).sum())
        if empty:
            raise MissingValues(self.attribute, rows=empty)
        strange = text.filter(unknown)
        raise UnknownValues(self.attribute, values=strange.n_unique(), rows=strange.len())

    def _check_shape(self) -> None:
        if not self.levels or not self.levels[0]:
            raise BadHierarchy(
                self.attribute, reason="has no leaf", remedy="give one row per value"
            )
        if len({len(level) for level in self.levels}) > 1:
            raise BadHierarchy(
                self.attribute,
                reason="has levels of different lengths",
                remedy="give every level one label per leaf",
            )
        twice = self.size - len(set(self.leaves))
        if twice:
            raise BadHierarchy(
                self.attribute,
                reason=f"lists {twice} leaf value{'s' * (twice > 1)} more than once",
                remedy="keep one row per value",
            )
        if len(set(self.levels[-1])) > 1:
            raise BadHierarchy(
                self.attribute,
                reason=f"ends with {len(set(self.levels[-1]))} labels",
                remedy=f"end every row with the same label, such as {EVERYTHING}",
            )

    def _check_monotone(self) -> None:
        for level, (here, above) in enumerate(zip(self.levels, self.levels[1:], strict=False)):
            if len(set(zip(here, above, strict=True))) > len(set(here)):
                raise BadHierarchy(
                    self.attribute,
                    reason=f"joins leaves at level {level} that part again at level {level + 1}",
                    remedy="give leaves with the same label the same labels further up",
                )

    def _check_labels(self) -> None:
        """Refuse a label that stands for one set of leaves here and for another further up."""
        meaning: dict[str, tuple[int, int]] = {}
        for group, labels in zip(self.groups, self.levels, strict=True):
            counts = np.bincount(group)
            starts = np.unique(group, return_index=True)[1]
            for number, start in enumerate(starts):
                found = (int(counts[number]), int(start))
                if meaning.setdefault(labels[start], found) != found:
                    raise BadHierarchy(
                        self.attribute,
                        reason="uses one label for different sets of leaves on two levels",
                        remedy="rename one of them, so that a cell says which is meant",
                    )


def as_text(column: pl.Series) -> pl.Series:
    """The cells of a column as hierarchies spell them; an empty cell is :data:`MISSING`."""
    if column.dtype.is_float():
        whole = column.is_finite() & (column == column.round(0))
        numbers = column.cast(pl.String)
        column = pl.select(
            pl.when(whole).then(numbers.str.strip_suffix(".0")).otherwise(numbers)
        ).to_series()
    return column.cast(pl.String).fill_null(MISSING)


def _numbered(labels: Sequence[str]) -> Codes:
    """Number labels by first appearance."""
    seen: dict[str, int] = {}
    return np.array([seen.setdefault(label, len(seen)) for label in labels], dtype=np.int32)
