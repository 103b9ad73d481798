"""Typed values as the text a reader of the file would write: lossless, and always the same."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from pathlib import Path

import polars as pl

from haemony.intake.readers.errors import NestedColumn


def text_frame(frame: pl.DataFrame, path: Path) -> pl.DataFrame:
    """The frame with every column as text; an empty text becomes null.

    Raises:
        NestedColumn: A column holds lists or records.
    """
    for column in frame:
        if column.dtype.is_nested():
            raise NestedColumn(path, column.name)
    return pl.DataFrame([as_text(column) for column in frame])


def as_text(column: pl.Series) -> pl.Series:
    """One column as text.

    Integers come without a fraction, floats as the shortest text that gives the same number,
    dates and times in ISO 8601, truth values as `true` and `false`, bytes in hexadecimal.

    >>> as_text(pl.Series([61.0, 0.1, None])).to_list()
    ['61', '0.1', None]
    """
    return empty_as_null(_rendered(column))


def empty_as_null(column: pl.Series) -> pl.Series:
    """An empty text is an empty cell."""
    return column.set(column == "", None) if (column == "").any() else column


def _rendered(column: pl.Series) -> pl.Series:
    dtype = column.dtype
    if dtype.is_float():
        return column.cast(pl.String).str.strip_suffix(".0")
    if dtype.is_temporal():
        return column.dt.to_string(_moment_format(dtype))
    if dtype == pl.Binary:
        return column.bin.encode("hex")
    if dtype == pl.Object:
        return pl.Series(column.name, [value_text(value) for value in column], dtype=pl.String)
    return column.cast(pl.String)


def _moment_format(dtype: pl.DataType) -> str:
    """A fraction of a second is written only where there is one."""
    if isinstance(dtype, pl.Datetime):
        return "%Y-%m-%dT%H:%M:%S%.f" + ("%:z" if dtype.time_zone else "")
    return "%H:%M:%S%.f" if dtype == pl.Time else "iso"


def value_text(value: object) -> str | None:
    """One Python value as text, written as `as_text` writes a whole column of its kind.

    >>> value_text(2.0), value_text(True), value_text("AML")
    ('2', 'true', 'AML')
    """
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool | int | float | dt.date | dt.time | dt.timedelta):
        text: str | None = as_text(pl.Series([value]))[0]
        return text
    return str(value)


def text_column(name: str, cells: Sequence[str | None]) -> pl.Series:
    """A column from texts, where an empty text is an empty cell."""
    return empty_as_null(pl.Series(name, cells, dtype=pl.String))
