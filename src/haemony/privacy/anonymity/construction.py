"""Hierarchies made from what an attribute is: numbers, dates, ordered values, codes in a tree.

Each function lists the leaves it is given, in order; the loss counts them all. ``draft`` proposes a
hierarchy for a column of data, for a person to correct before it is used.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import date
from enum import Enum
from itertools import pairwise

import polars as pl

from haemony.privacy.anonymity.faults import BadHierarchy
from haemony.privacy.anonymity.hierarchy import EVERYTHING, MISSING, Hierarchy, as_text
from haemony.privacy.anonymity.icd_o import icd_o, is_icd_o

Number = int | float

WIDEST_RANGE = 1_000
"""Up to this range a draft lists every whole number, seen or not."""


class Period(Enum):
    """How coarsely a date is told."""

    MONTH = "month"
    QUARTER = "quarter"
    YEAR = "year"
    DECADE = "decade"


def intervals(
    attribute: str,
    values: Sequence[Number],
    widths: Sequence[int],
    *,
    origin: int = 0,
    bottom: Number | None = None,
    top: Number | None = None,
) -> Hierarchy:
    """Numbers in intervals of growing width: ``60-64`` if all are whole, ``[60, 65)`` if not.

    Args:
        attribute: Name of the attribute.
        values: The domain, such as ``range(18, 101)``.
        widths: Width of the intervals, level by level; each a multiple of the one before.
        origin: Where an interval begins.
        bottom: Below this all values are one group from the first interval on (bottom coding).
        top: From this on all values are one group from the first interval on (top coding).

    Raises:
        BadHierarchy: When the widths do not nest, or a coding bound lies inside an interval.

    Example:
        >>> age = intervals("age", range(18, 91), [5, 10], top=80)
        >>> age.rows[0], age.rows[-1]
        (('18', '15-19', '10-19', '*'), ('90', '80+', '80+', '*'))
    """
    for narrow, wide in pairwise([1, *widths]):
        if narrow < 1 or wide % narrow:
            raise BadHierarchy(
                attribute,
                reason=f"has intervals of width {wide} above intervals of width {narrow}",
                remedy="make each width a multiple of the one before",
            )
    for bound in (bottom, top):
        if bound is not None and any((bound - origin) % width for width in widths):
            raise BadHierarchy(
                attribute,
                reason="cuts an interval in two by top or bottom coding",
                remedy="choose bounds at which intervals of every width begin",
            )

    def label(value: Number, width: int) -> str:
        if top is not None and value >= top:
            return f"{top}+"
        if bottom is not None and value < bottom:
            return f"<{bottom}"
        low = math.floor((value - origin) / width) * width + origin
        if not whole:
            return f"[{low}, {low + width})"
        return f"{low}-{low + width - 1}" if width > 1 else f"{low}"

    whole = all(value == int(value) for value in values)
    return Hierarchy.of_rows(
        attribute,
        [
            (_spelt(value), *(label(value, width) for width in widths), EVERYTHING)
            for value in sorted(set(values))
        ],
    )


def dates(
    attribute: str,
    days: Sequence[date],
    periods: Sequence[Period] = (Period.MONTH, Period.YEAR, Period.DECADE),
) -> Hierarchy:
    """Dates in calendar periods.

    Args:
        attribute: Name of the attribute.
        days: The domain.
        periods: From fine to coarse.

    Example:
        >>> dates("diagnosed", [date(2019, 5, 2)]).rows
        (('2019-05-02', '2019-05', '2019', '2010s', '*'),)
    """
    return Hierarchy.of_rows(
        attribute,
        [
            (day.isoformat(), *(_period(day, period) for period in periods), EVERYTHING)
            for day in sorted(set(days))
        ],
    )


def ordered(attribute: str, values: Sequence[str], sizes: Sequence[int]) -> Hierarchy:
    """Values in an order, joined with their neighbours.

    Args:
        attribute: Name of the attribute.
        values: From low to high.
        sizes: Values per group, level by level; each a multiple of the one before.

    Example:
        >>> ordered("stage", ["I", "II", "III", "IV"], [2]).levels[1]
        ('I to II', 'I to II', 'III to IV', 'III to IV')
    """

    def label(position: int, size: int) -> str:
        group = values[position - position % size :][:size]
        return group[0] if len(group) == 1 else f"{group[0]} to {group[-1]}"

    return Hierarchy.of_rows(
        attribute,
        [
            (value, *(label(position, size) for size in sizes), EVERYTHING)
            for position, value in enumerate(values)
        ],
    )


def tree(attribute: str, parents: Mapping[str, str]) -> Hierarchy:
    """Codes in a tree: leaves are the codes that are nobody's parent.

    A leaf that lies nearer to the root than others stays itself for the first levels.

    Args:
        attribute: Name of the attribute.
        parents: The parent of each code; a parent without a parent is a root.

    Raises:
        BadHierarchy: When the parents go round in a circle.

    Example:
        >>> tree("lineage", {"AML": "myeloid", "CML": "myeloid", "ALL": "lymphoid"}).rows
        (('AML', 'myeloid', '*'), ('CML', 'myeloid', '*'), ('ALL', 'lymphoid', '*'))
    """
    inner = set(parents.values())
    paths = [_path(attribute, code, parents) for code in parents if code not in inner]
    longest = max(map(len, paths), default=0)
    return Hierarchy.of_rows(
        attribute,
        [(*(path[0],) * (longest - len(path)), *path, EVERYTHING) for path in paths],
    )


def all_or_nothing(column: pl.Series) -> Hierarchy:
    """Every value as it is, or not told: the hierarchy by which single cells are suppressed.

    Args:
        column: A column of data; its name becomes the attribute. Empty cells are a leaf.

    Example:
        >>> all_or_nothing(pl.Series("centre", ["B", None, "A"])).rows
        (('', '*'), ('A', '*'), ('B', '*'))
    """
    rows = [(value, EVERYTHING) for value in as_text(column).unique().sort()]
    return Hierarchy.of_rows(column.name, rows)


def draft(column: pl.Series) -> Hierarchy:
    """Propose a hierarchy from the values of a column: a start to be corrected, not a decision.

    Whole numbers get every number between the smallest and the largest as leaves and intervals of
    5, 10 and 20; numbers that are not whole or spread widely get the values seen and intervals by
    their spread; dates get months, years and decades; ICD-O-3 codes their ranges; anything else
    stays itself or is told not at all. Empty cells are a leaf of their own.

    Args:
        column: A column of data; its name becomes the attribute.

    Raises:
        BadHierarchy: When the column holds no value.

    Example:
        >>> draft(pl.Series("age", [61, 47, 52])).height
        5
    """
    held = column.drop_nulls()
    if held.dtype.is_float():
        held = held.filter(held.is_finite())
    if held.is_empty():
        raise BadHierarchy(
            column.name, reason="cannot be drafted from a column without values", remedy="fill it"
        )
    proposed = _drafted(column.name, held)
    return proposed.with_missing() if (as_text(column) == MISSING).any() else proposed


def _drafted(attribute: str, held: pl.Series) -> Hierarchy:
    if held.dtype.is_numeric():
        low, high = float(held.min()), float(held.max())  # type: ignore[arg-type]
        if held.dtype.is_integer() and high - low < WIDEST_RANGE:
            return intervals(attribute, range(int(low), int(high) + 1), (5, 10, 20))
        width = max(10 ** math.floor(math.log10(max(high - low, 1))) // 2, 1)
        return intervals(attribute, held.unique().to_list(), (width, 2 * width, 4 * width))
    if held.dtype == pl.Date:
        return dates(attribute, held.unique().to_list())
    values = as_text(held).unique().sort()
    values = values.filter(values != MISSING)
    return icd_o(attribute, values.to_list()) if is_icd_o(values) else all_or_nothing(held)


def _spelt(value: Number) -> str:
    return str(as_text(pl.Series([value]))[0])


def _period(day: date, period: Period) -> str:
    if period is Period.MONTH:
        return f"{day:%Y-%m}"
    if period is Period.QUARTER:
        return f"{day.year}-Q{(day.month + 2) // 3}"
    return f"{day.year}" if period is Period.YEAR else f"{day.year // 10}0s"


def _path(attribute: str, code: str, parents: Mapping[str, str]) -> list[str]:
    path = [code]
    while (above := parents.get(path[-1])) is not None:
        if above in path:
            raise BadHierarchy(
                attribute,
                reason="has codes whose parents go round in a circle",
                remedy="give every code one way to a root",
            )
        path.append(above)
    return path
