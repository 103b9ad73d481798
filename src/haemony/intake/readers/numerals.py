"""Numbers as people write them, read only where they can mean one thing."""

from __future__ import annotations

from typing import TypeVar

import polars as pl

Column = TypeVar("Column", pl.Expr, pl.Series)

_SPACES = " '’\u00a0\u2009\u202f"


def parse_number(column: Column, decimal: str = ".") -> Column:
    """Read a text column as numbers; what is not clearly a number becomes null.

    A space or an apostrophe may group thousands. The other decimal mark may do so only where it
    cannot be a fraction: between two or more groups, or in front of the decimal mark.

    >>> parse_number(pl.Series(["1.234,5", "1.234", "1 234", "-0,5"]), decimal=",").to_list()
    [1234.5, None, 1234.0, -0.5]
    """
    return (
        column.str.strip_chars()
        .str.extract(_pattern(decimal), 1)
        .str.replace_all(f"[{_grouping(decimal)}{_SPACES}]", "")
        .str.replace(decimal, ".", literal=True)
        .cast(pl.Float64, strict=False)
    )


def _grouping(decimal: str) -> str:
    return "." if decimal == "," else ","


def _pattern(decimal: str) -> str:
    mark, group = rf"\{decimal}", rf"\{_grouping(decimal)}"
    spaced = "|".join(rf"\d{{1,3}}(?:{space}\d{{3}})+" for space in _SPACES)
    fraction = rf"(?:{mark}\d*)?"
    whole = rf"(?:\d+|{spaced}){fraction}"
    several = rf"\d{{1,3}}(?:{group}\d{{3}}){{2,}}{fraction}"
    one = rf"\d{{1,3}}{group}\d{{3}}{mark}\d+"
    return rf"^([+-]?(?:{whole}|{several}|{one}|{mark}\d+)(?:[eE][+-]?\d+)?)$"


def detect_decimal(frame: pl.DataFrame) -> str:
    """The decimal mark that the texts of a table use; a point where nothing speaks for a comma.

    A comma before exactly three digits may group thousands and therefore proves nothing.

    >>> detect_decimal(pl.DataFrame({"wbc": ["3,5", "12,25"]}))
    ','
    """
    points, commas = _count(frame, r"^\s*[+-]?\d*\.\d+\s*$"), _count(frame, _COMMA)
    return "," if commas > points else "."


_COMMA = r"^\s*[+-]?(?:\d*,\d{1,2}|\d*,\d{4,}|0,\d+|\d{4,},\d+)\s*$"


def _count(frame: pl.DataFrame, pattern: str) -> int:
    if not frame.width:
        return 0
    return int(frame.select(pl.sum_horizontal(pl.all().str.contains(pattern).sum())).item() or 0)
