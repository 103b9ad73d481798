"""Names for columns: unique, never empty, and the same every time."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from haemony.intake.readers.table import Defect, DefectKind


def unique_names(header: Sequence[str | None], row: int) -> tuple[list[str], list[Defect]]:
    """Name empty and repeated columns deterministically, and say which ones needed it.

    >>> unique_names(["age", "", "age"], row=1)[0]
    ['age', 'column_2', 'age_2']
    """
    taken = {name for name in header if name}
    names: list[str] = []
    defects: list[Defect] = []
    for position, given in enumerate(header, start=1):
        if given is None or not given.strip():
            name = _free(f"column_{position}", taken)
            defects.append(_renamed(row, name, DefectKind.EMPTY_NAME, f"column {position}"))
        elif given in names:
            name = _free_number(given, taken)
            defects.append(_renamed(row, name, DefectKind.DUPLICATE_NAME, f"column {position}"))
        else:
            name = given
        taken.add(name)
        names.append(name)
    return names, defects


def _free(name: str, taken: set[str]) -> str:
    return _free_number(name, taken) if name in taken else name


def _free_number(name: str, taken: set[str]) -> str:
    number = 2
    while f"{name}_{number}" in taken:
        number += 1
    return f"{name}_{number}"


def _renamed(row: int, name: str, kind: DefectKind, place: str) -> Defect:
    return Defect(row, name, kind, f"{place}: {kind.value}; it is called {name!r} here")


def without_empty_tail(
    header: Sequence[str | None], frame: pl.DataFrame, row: int
) -> tuple[list[str | None], pl.DataFrame, list[Defect]]:
    """Leave out trailing columns that have neither a name nor a value."""
    width = frame.width
    while width > 1 and _is_blank(header[width - 1]) and _is_empty(frame.to_series(width - 1)):
        width -= 1
    if width == frame.width:
        return list(header), frame, []
    return list(header[:width]), frame[:, :width], [empty_tail(row, frame.width - width)]


def empty_tail(row: int, count: int) -> Defect:
    """The defect of a header or table that ends in empty columns."""
    return Defect(
        row,
        None,
        DefectKind.EMPTY_TRAILING_COLUMNS,
        f"{count} trailing column(s) without name and values were left out",
    )


def _is_blank(name: str | None) -> bool:
    return name is None or not name.strip()


def _is_empty(column: pl.Series) -> bool:
    return column.null_count() == column.len()
