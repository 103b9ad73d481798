"""Expression matrices as files hold them: many probes by many samples, kept as one matrix.

A partner's file has probes in rows and samples in columns, or the other way round, with other
columns between them. `read_expression` gives a matrix of 32-bit floats with the names of both sides
and everything that was odd.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from haemony.intake.readers import Layout, Limits, RawTable, read
from haemony.model.errors import UsageError

Matrix = NDArray[np.float32]

MISSING = ("NA", "NaN", "nan", "N/A", "#N/A", "NULL", "null", ".", "-", "na", "n/a")
"""Texts that stand for no value; an empty cell always does."""

_LIMITS = Limits()
_NUMERIC_SHARE = 0.9
"""Share of a column's filled cells that must be numbers for it to hold expression values."""
FORMAT = "haemony expression 1"
"""What the footer of a matrix on disk says of itself."""


class Orientation(StrEnum):
    """Which side of the file holds the probes."""

    PROBES_IN_ROWS = "probes in rows"
    SAMPLES_IN_ROWS = "samples in rows"


class Scale(StrEnum):
    """What the numbers look like."""

    LINEAR = "linear intensity"
    LOG = "logarithm of intensity"
    LOG_RATIO = "logarithm of a ratio"


class UnreadableMatrix(UsageError):
    """A table is no expression matrix."""

    def __init__(self, name: str, reason: str) -> None:
        self.name, self.reason = name, reason
        super().__init__(f"{name}: {reason}; name the id column, or the columns to set aside")


@dataclass(frozen=True, slots=True)
class Expression:
    """One expression matrix.

    Attributes:
        values: Rows are probes (or genes), columns samples; a missing value is NaN.
        probes: Name of every row; a repeated one has a number behind it (``1007_s_at#2``).
        samples: Name of every column.
        genes: Gene of every row, where an annotation told.
        scale: What the numbers look like, or what was declared.
        missing: How many cells hold no value.
        unreadable: How many cells hold a text that is no number; they count as missing too.
        duplicates: How many rows repeat an earlier probe.
        notes: What was decided on the way, in words.
    """

    values: Matrix
    probes: tuple[str, ...]
    samples: tuple[str, ...]
    genes: tuple[str | None, ...]
    scale: Scale
    missing: int
    unreadable: int
    duplicates: int
    notes: tuple[str, ...] = ()

    def frame(self) -> pl.DataFrame:
        """One row per probe: ``probe``, ``gene``, and one column of 32-bit floats per sample."""
        columns = {name: self.values[:, place] for place, name in enumerate(self.samples)}
        names = pl.DataFrame(
            {"probe": self.probes, "gene": self.genes},
            schema={"probe": pl.String, "gene": pl.String},
        )
        return names.hstack(pl.DataFrame(columns)) if columns else names

    def facts(self) -> Mapping[str, str]:
        """What goes with the matrix wherever it is written."""
        return {
            "haemony.format": FORMAT,
            "haemony.scale": self.scale.value,
            "haemony.counts": json.dumps([self.missing, self.unreadable, self.duplicates]),
            "haemony.notes": json.dumps(self.notes),
        }

    def of(self, samples: Mapping[str, str]) -> Expression:
        """The matrix of some samples under other names, such as pseudonyms.

        Args:
            samples: The new name of every sample to keep; the order of the matrix stays.
        """
        places = [place for place, name in enumerate(self.samples) if name in samples]
        names = tuple(samples[self.samples[place]] for place in places)
        values = self.values[:, places]
        return replace(self, values=values, samples=names, missing=int(np.isnan(values).sum()))


def read_expression(
    path: Path,
    *,
    orientation: Orientation | None = None,
    id_column: str | None = None,
    aside: Collection[str] = (),
    scale: Scale | None = None,
    layout: Layout | None = None,
    limits: Limits = _LIMITS,
) -> Expression:
    """Read an expression matrix from any file that the readers read.

    Args:
        path: The file.
        orientation: Which side holds the probes; the longer one unless declared.
        id_column: The column that names the rows; the first one unless declared.
        aside: Columns that hold something else, such as the outcome.
        scale: What the numbers are; judged from them unless declared.
        layout: What is known about the file.
        limits: How much a compressed file may expand to.

    Raises:
        UnreadableMatrix: When there is no column of numbers.
        UnreadableFile: When the file yields no table.
    """
    raw = read(path, layout, limits=limits)
    return matrix_of(raw, orientation, id_column=id_column, aside=aside, scale=scale)


def matrix_of(
    raw: RawTable,
    orientation: Orientation | None = None,
    *,
    id_column: str | None = None,
    aside: Collection[str] = (),
    scale: Scale | None = None,
) -> Expression:
    """The expression matrix that a table holds; arguments as for `read_expression`.

    Raises:
        UnreadableMatrix: When there is no column of numbers.
    """
    name = id_column or raw.frame.columns[0]
    if name not in raw.frame.columns:
        raise UnreadableMatrix(raw.name, f"there is no column {name!r}")
    numbers, texts, others = _numbers(raw, name, aside)
    if not numbers:
        raise UnreadableMatrix(raw.name, "no column holds numbers")
    values = np.column_stack([column.to_numpy() for column in numbers]).astype(
        np.float32, copy=False
    )
    rows = [text or "" for text in raw.frame[name]]
    columns = [column.name for column in numbers]
    judged = orientation or _longer_side(*values.shape)
    notes = [f"{judged} ({'declared' if orientation else 'the longer side'})"]
    notes += [f"columns set aside: {', '.join(others)}"] if others else []
    if judged is Orientation.SAMPLES_IN_ROWS:
        values, rows, columns = np.ascontiguousarray(values.T), columns, rows
    infinite = ~np.isfinite(values)
    values[infinite] = np.nan
    probes, duplicates = _numbered(rows)
    samples, repeated = _numbered(columns)
    if repeated:
        notes.append(f"{repeated} sample(s) repeat an earlier name and got a number")
    return Expression(
        values=values,
        probes=probes,
        samples=samples,
        genes=(None,) * len(probes),
        scale=scale or scale_of(values),
        missing=int(infinite.sum()),
        unreadable=texts,
        duplicates=duplicates,
        notes=tuple(notes),
    )


def _numbers(
    raw: RawTable, rows: str, aside: Collection[str]
) -> tuple[list[pl.Series], int, list[str]]:
    """The columns of numbers, how many of their texts are none, and the columns left out."""
    numbers: list[pl.Series] = []
    others = [name for name in raw.frame.columns if name in aside]
    texts = 0
    for column in raw.frame.drop(rows, *others):
        parsed = _parsed(column, raw.layout.decimal)
        if parsed.null_count() == column.null_count():
            numbers.append(parsed)
            continue
        filled = column.len() - column.null_count() - int(column.is_in(MISSING).sum())
        read_well = parsed.len() - parsed.null_count()
        if read_well < _NUMERIC_SHARE * filled or filled == 0:
            others.append(column.name)
            continue
        texts += filled - read_well
        numbers.append(parsed)
    return numbers, texts, others


def _parsed(column: pl.Series, decimal: str | None) -> pl.Series:
    if decimal == ",":
        column = column.str.replace(",", ".", literal=True)
    return column.str.strip_chars().cast(pl.Float32, strict=False)


def _longer_side(rows: int, columns: int) -> Orientation:
    """Arrays measure more probes than studies have samples."""
    return Orientation.PROBES_IN_ROWS if rows >= columns else Orientation.SAMPLES_IN_ROWS


def _numbered(names: Iterable[str]) -> tuple[tuple[str, ...], int]:
    """The names, repeated ones with a number behind them, and how many those are."""
    seen: Counter[str] = Counter()
    numbered: list[str] = []
    for name in names:
        seen[name] += 1
        numbered.append(name if seen[name] == 1 else f"{name}#{seen[name]}")
    return tuple(numbered), sum(seen.values()) - len(seen)


def scale_of(values: Matrix) -> Scale:
    """Judge from the numbers whether they are logarithms.

    Intensities reach into the hundreds and more; their logarithms do not. Logarithms of a ratio lie
    on both sides of zero. A judgement is no proof: declare the scale where it is known.

    >>> scale_of(np.array([[12000.0, 350.0]], np.float32)).value
    'linear intensity'
    """
    known = values[np.isfinite(values)]
    if known.size == 0:
        return Scale.LOG
    low, quarter, middle, most, high = np.quantile(known, [0, 0.25, 0.5, 0.99, 1])
    if most > 100 or (high - low > 50 and quarter > 0):
        return Scale.LINEAR
    negative = float((known < 0).mean())
    return Scale.LOG_RATIO if negative > 0.1 and abs(middle) < 1 else Scale.LOG


def read_annotation(
    path: Path, probe: str, symbol: str, *, layout: Layout | None = None, limits: Limits = _LIMITS
) -> dict[str, str]:
    """Read which symbol each probe measures, for `annotated`.

    A probe that the table lists with different symbols has them all, and so names no single gene.

    Args:
        path: The table of the array's maker.
        probe: Its column of probes.
        symbol: Its column of symbols.
        layout: What is known about the file.
        limits: How much a compressed file may expand to.

    Raises:
        UnreadableMatrix: When a column is absent.
    """
    raw = read(path, layout, limits=limits)
    for name in (probe, symbol):
        if name not in raw.frame.columns:
            raise UnreadableMatrix(raw.name, f"there is no column {name!r}")
    pairs = raw.frame.select(pl.col(probe).alias("probe"), pl.col(symbol).alias("symbol"))
    listed = pairs.drop_nulls().unique(maintain_order=True)
    joined = listed.group_by("probe", maintain_order=True).agg(pl.col("symbol").str.join(" /// "))
    return dict(joined.iter_rows())
