"""From the exact text of a cell to a value, as the dictionary declares it.

One function, used by the check (what is wrong?) and by harmonisation (what is right?), so that the
two can never disagree.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from haemony.intake.dictionary import ColumnType, Entry

_NUMBER = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"
_DATE = r"^\d{4}-\d{2}-\d{2}$"


@dataclass(frozen=True, slots=True)
class Cells:
    """One column, parsed.

    Attributes:
        values: Float64 for numbers, Date for dates, String otherwise; null where missing or wrong.
        wrong: True where the cell holds something that its declaration does not allow.
        missing: True where the cell is empty or holds a declared missing-value code.
    """

    values: pl.Series
    wrong: pl.Series
    missing: pl.Series


def parse(raw: pl.Series, entry: Entry, decimal: str = ".") -> Cells:
    """Parse one column of cell texts.

    Args:
        raw: String series as the reader gave it.
        entry: The dictionary's word on the column.
        decimal: Decimal mark of the file, ``.`` or ``,``.

    Example:
        >>> hb = Entry("clinical", "HB", type=ColumnType.NUMBER, missing=("-9",))
        >>> parse(pl.Series(["8,1", "-9", "low"]), hb, decimal=",").values.to_list()
        [8.1, None, None]
    """
    text = raw.str.strip_chars()
    missing = text.is_null() | (text == "")
    if entry.missing:
        missing = missing | text.is_in(list(entry.missing)).fill_null(value=False)
    known = pl.select(pl.when(~missing).then(text)).to_series()
    values = _values(known, entry, decimal)
    allowed = values.is_not_null()
    if entry.values:
        allowed = allowed & known.is_in(list(entry.values)).fill_null(value=False)
        values = pl.select(pl.when(allowed).then(values)).to_series()
    return Cells(values, ~missing & ~allowed, missing)


def _values(known: pl.Series, entry: Entry, decimal: str) -> pl.Series:
    if entry.type in {ColumnType.NUMBER, ColumnType.INTEGER}:
        text = known.str.replace(",", ".", literal=True) if decimal == "," else known
        shaped = pl.select(pl.when(text.str.contains(_NUMBER)).then(text)).to_series()
        numbers = shaped.cast(pl.Float64, strict=False)
        finite = numbers.is_finite()
        if entry.type is ColumnType.INTEGER:
            finite = finite & (numbers == numbers.floor())
        return pl.select(pl.when(finite).then(numbers)).to_series()
    if entry.type is ColumnType.DATE:
        shaped = pl.select(pl.when(known.str.contains(_DATE)).then(known)).to_series()
        return shaped.str.to_date("%Y-%m-%d", strict=False)
    return known


def value_class(text: pl.Expr) -> pl.Expr:
    """Say what kind of thing a cell holds, without saying what it holds."""
    bare = text.str.strip_chars()
    return (
        pl.when(bare.is_null() | (bare == ""))
        .then(pl.lit("empty"))
        .when(bare.str.contains(r"^[+-]?\d+$"))
        .then(pl.lit("whole number"))
        .when(bare.str.contains(r"^[+-]?\d*[.,]\d+$"))
        .then(pl.lit("decimal number"))
        .when(bare.str.contains(r"^\d{1,4}[-./]\d{1,2}[-./]\d{1,4}"))
        .then(pl.lit("date-like"))
        .when(bare.str.contains(r"(?i)^[+-]?(inf|nan|infinity)$"))
        .then(pl.lit("not a finite number"))
        .otherwise(pl.lit("text"))
    )
