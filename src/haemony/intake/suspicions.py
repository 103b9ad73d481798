"""Cells that are suspicious as a column, though each could be true alone.

A code for *missing* that nobody declared, a part of the cells in another unit, dates that became
the day numbers of a spreadsheet, two genome assemblies: a cell-by-cell check sees values out of
range, or nothing. Looked at together they have a pattern, and a way to mend it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import polars as pl

from haemony.intake.readers.assembly import assembly_of
from haemony.model.element import Element

SENTINELS = (-9999.0, -999.0, -99.0, -88.0, -9.0, -8.0, -7.0, -1.0, 9.0, 77.0, 88.0, 99.0, 777.0,
             888.0, 999.0, 8888.0, 9999.0, 99999.0)  # fmt: skip
"""Numbers that people write where nothing is known."""

DAY_NUMBERS = r"^[1-9]\d{4}(\.0+)?$"
"""Days as a spreadsheet stores them: five digits from 1927 to 2173."""

FEW = 2
"""So many cells of another unit are a slip; more are a habit."""


@dataclass(frozen=True)
class Suspicion:
    """A pattern of some cells of a column.

    Attributes:
        cells: (n,) true where a cell belongs to it.
        rule: What should hold.
        fix: The way to mend it.
    """

    cells: pl.Series
    rule: str
    fix: str


def sentinels(numbers: pl.Series) -> tuple[float, ...]:
    """Numbers such as -9 or 999 that lie far from all others and so can only be codes.

    Example:
        >>> sentinels(pl.Series([61.0, 45.0, 70.0, 999.0, 999.0, -1.0]))
        (-1.0, 999.0)
    """
    coded = numbers.is_in(SENTINELS)
    rest = numbers.filter(~coded)
    if not rest.len() or not coded.any():
        return ()
    low, high = min(rest.to_list()), max(rest.to_list())
    margin = max(1.0, 0.5 * (high - low))
    return tuple(
        number
        for number in SENTINELS
        if (count := int((numbers == number).sum()))
        and ((number < 0 <= low) or (number > high + margin and count > 1))
    )


def suspicions(numbers: pl.Series, element: Element, unit: str) -> Iterator[Suspicion]:
    """What is suspicious about a column of numbers that feeds an element.

    Args:
        numbers: Its cells; null where missing or no number.
        element: What it feeds.
        unit: The unit its dictionary declares.

    Example:
        >>> from haemony.model.disease import disease
        >>> haemoglobin = disease("aml").catalogue["haemoglobin"]
        >>> cells = pl.Series([8.1, 9.0, 11.2, 81.0, 95.0, 102.0])
        >>> (found,) = suspicions(cells, haemoglobin, "g/dL")
        >>> found.rule, found.cells.to_list()
        ('one unit in a column', [False, False, False, True, True, True])
    """
    codes = sentinels(numbers.drop_nulls())
    coded = numbers.is_in(list(codes)).fill_null(value=False)
    if codes:
        listed = ", ".join(f"{code:g}" for code in codes)
        fix = f"if {listed} stands for *not known*, list it under `missing`"
        yield Suspicion(coded, "codes for missing values are declared", fix)
    yield from _other_unit(numbers, coded, element, unit)


def _other_unit(
    numbers: pl.Series, coded: pl.Series, element: Element, unit: str
) -> Iterator[Suspicion]:
    """Cells that cannot be in the declared unit and fit another one that partners use."""
    factor = element.units.get(unit, 1.0)
    outside = ~_plausible(numbers, element, factor) & ~coded
    best, most = "", FEW
    for other, its in element.units.items():
        fits = int((outside & _plausible(numbers, element, its)).sum())
        if fits > most:
            best, most = other, fits
    if best:
        cells = outside & _plausible(numbers, element, element.units[best])
        fix = f"these cells fit {best}; convert them to {unit}, or split the column by unit"
        yield Suspicion(cells, "one unit in a column", fix)


def _plausible(numbers: pl.Series, element: Element, factor: float) -> pl.Series:
    """Whether cells lie in the plausible range, if in the unit of this factor; missing ones do."""
    low = element.low if element.low is not None else float("-inf")
    high = element.high if element.high is not None else float("inf")
    return (numbers * factor).is_between(low, high).fill_null(value=True)


def day_numbers(texts: pl.Series) -> Iterator[Suspicion]:
    """Cells of a date column in which a spreadsheet left the number of the day.

    Example:
        >>> (found,) = day_numbers(pl.Series(["2012-05-03", "41032", None]))
        >>> found.cells.to_list()
        [False, True, False]
    """
    cells = texts.str.strip_chars().str.contains(DAY_NUMBERS).fill_null(value=False)
    if cells.any():
        fix = "format the column as a date in the spreadsheet, then export it again"
        yield Suspicion(cells, "dates are no day numbers of a spreadsheet", fix)


def assemblies(texts: pl.Series) -> Iterator[Suspicion]:
    """Cells that name another genome assembly than most; each row keeps the one it names.

    Example:
        >>> (found,) = assemblies(pl.Series(["GRCh37", "hg19", "hg38", None]))
        >>> found.cells.to_list()
        [False, False, True, False]
    """
    named = {text: assembly_of(text) for text in texts.unique().drop_nulls()}
    told = texts.replace_strict(named, default="", return_dtype=pl.String)
    count = (
        told.filter(told != "").value_counts().sort(["count", told.name], descending=[True, False])
    )
    if count.height > 1:
        most = count[told.name][0]
        fix = f"lift the positions over to {most}, or confirm that both are meant"
        other = ((told != "") & (told != most)).fill_null(value=False)
        yield Suspicion(other, "one genome assembly in a file", fix)
