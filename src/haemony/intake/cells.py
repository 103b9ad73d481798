"""From the exact text of a cell to a value, as the dictionary declares it.

One function, used by the check (what is wrong?) and by harmonisation (what is right?), so that the
two can never disagree.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from haemony.intake.dictionary import ColumnType, Entry

_NUMBER = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"

DATE_FORMS = {
    "": "%Y-%m-%d",
    "YYYY-MM-DD": "%Y-%m-%d",
    "YYYYMMDD": "%Y%m%d",
    "DD.MM.YYYY": "%d.%m.%Y",
    "DD/MM/YYYY": "%d/%m/%Y",
    "MM/DD/YYYY": "%m/%d/%Y",
}
"""How dates may be written; the dictionary names the form in ``unit``, ISO 8601 unless named."""


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
        missing = missing | _says_missing(text, entry, decimal)
    known = pl.select(pl.when(~missing).then(text)).to_series()
    values = _values(known, entry, decimal)
    allowed = values.is_not_null()
    if entry.values:
        allowed = allowed & known.is_in(list(entry.values)).fill_null(value=False)
        values = pl.select(pl.when(allowed).then(values)).to_series()
    return Cells(values, ~missing & ~allowed, missing)


def _says_missing(text: pl.Series, entry: Entry, decimal: str) -> pl.Series:
    """Whether a cell holds a missing code; among numbers ``-9`` and ``-9.0`` are the same code."""
    said = text.is_in(list(entry.missing))
    if entry.type in {ColumnType.NUMBER, ColumnType.INTEGER}:
        codes = _numbers(pl.Series(entry.missing), decimal).drop_nulls()
        said = said | _numbers(text, decimal).is_in(codes.implode()).fill_null(value=False)
    return said.fill_null(value=False)


def _numbers(text: pl.Series, decimal: str) -> pl.Series:
    plain = text.str.replace(",", ".", literal=True) if decimal == "," else text
    shaped = pl.select(pl.when(plain.str.contains(_NUMBER)).then(plain)).to_series()
    return shaped.cast(pl.Float64, strict=False)


def _values(known: pl.Series, entry: Entry, decimal: str) -> pl.Series:
    if entry.type in {ColumnType.NUMBER, ColumnType.INTEGER}:
        numbers = _numbers(known, decimal)
        finite = numbers.is_finite()
        if entry.type is ColumnType.INTEGER:
            finite = finite & (numbers == numbers.floor())
        return pl.select(pl.when(finite).then(numbers)).to_series()
    if entry.type is ColumnType.DATE:
        return known.str.to_date(DATE_FORMS.get(entry.unit, "%Y-%m-%d"), strict=False, exact=True)
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
