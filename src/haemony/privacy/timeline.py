"""Dates become days: counted from day 0 before anything leaves the partner's identities behind.

Calendar dates re-identify. What goes on holds whole days since the event the source declares as its
origin, and the date of that event is gone.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace

import polars as pl

from haemony.intake.cells import parse
from haemony.intake.check import CheckReport
from haemony.intake.dictionary import ColumnType, Entry

DAYS = {"wk": 7.0, "mo": 30.4375, "a": 365.25}
"""Days in a week, a month and a year of UCUM's mean length."""

UNREADABLE = "■"
"""Stands for a cell that cannot be read as its dictionary declares: it is wrong, not missing."""


def origins(checked: CheckReport) -> dict[str, object]:
    """The date of day 0 of every patient; empty where the source counts days itself."""
    contribution = checked.contribution
    column = contribution.origin_column
    if not column:
        return {}
    frame = checked.tables[contribution.patients].frame
    patients = contribution.dictionary.patients(contribution.patients, frame)
    dates = parse(frame[column], _declared(checked, contribution.patients, column)).values
    first: dict[str, object] = {}
    for patient, day in zip(patients, dates, strict=True):
        if patient is not None:
            first.setdefault(patient, day)
    return first


def count_days(
    checked: CheckReport, table: str, patients: pl.Series, day_zero: dict[str, object]
) -> list[pl.Series]:
    """The date columns of a table as whole days since day 0, in text.

    Args:
        checked: The contribution as it was read.
        table: Name of the table.
        patients: Patient of each row.
        day_zero: Date of day 0 by patient.
    """
    frame = checked.tables[table].frame
    origin = patients.replace_strict(day_zero, default=None, return_dtype=pl.Date)
    counted = []
    for column in _date_columns(checked, table):
        cells = parse(frame[column], _declared(checked, table, column))
        days = (cells.values - origin).dt.total_days().cast(pl.String).fill_null(UNREADABLE)
        counted.append(pl.select(pl.when(~cells.missing).then(days).alias(column)).to_series())
    return counted


def in_days(checked: CheckReport, table: str, columns: Collection[str]) -> list[pl.Series]:
    """The columns that give the day of other cells, in days whatever their unit.

    Args:
        checked: The contribution as it was read.
        table: Name of the table.
        columns: Columns of times; those in days and those that are dates stay as they are.
    """
    frame, decimal = checked.tables[table].frame, checked.tables[table].layout.decimal or "."
    counted = []
    for column in sorted(columns):
        entry = _declared(checked, table, column)
        factor = DAYS.get(entry.unit, 1.0)
        if entry.type is not ColumnType.DATE and factor != 1.0:
            cells = parse(frame[column], entry, decimal)
            days = (cells.values * factor).round().cast(pl.Int64).cast(pl.String)
            counted.append(
                pl.select(pl.when(~cells.missing).then(days.fill_null(UNREADABLE)).alias(column))
                .to_series()
                .alias(column)
            )
    return counted


def as_days(entries: Iterable[Entry]) -> tuple[Entry, ...]:
    """What the dictionary says of the columns once their dates are days."""
    return tuple(
        replace(entry, type=ColumnType.INTEGER, unit="d", missing=())
        if entry.type is ColumnType.DATE
        else entry
        for entry in entries
    )


def _date_columns(checked: CheckReport, table: str) -> tuple[str, ...]:
    entries = checked.contribution.dictionary.of(table)
    return tuple(dict.fromkeys(e.column for e in entries if e.type is ColumnType.DATE))


def _declared(checked: CheckReport, table: str, column: str) -> Entry:
    entries = checked.contribution.dictionary.of(table)
    return next(entry for entry in entries if entry.column == column)
