"""What every part of the way back gives: tables for the contribution, and what found no place."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import polars as pl

from haemony.harmonise.omop.cdm import table
from haemony.intake.dictionary import ColumnType, Entry, Role, Status
from haemony.model.element import Element, Identifying

PERSON = "person_id"
DATE = "date"

LEFT_OUT = pl.Schema(
    {
        "table": pl.String,
        "concept_id": pl.Int64,
        "unit_concept_id": pl.Int64,
        "value_as_concept_id": pl.Int64,
        "element": pl.String,
        "reason": pl.String,
        "rows": pl.Int64,
        "persons": pl.Int64,
    }
)
"""Rows that no line of the dictionary could express: counted, with the reason."""

_KEY = ("table", "concept_id", "unit_concept_id", "value_as_concept_id", "element", "reason")


@dataclass(frozen=True)
class Sheet:
    """One table of the contribution.

    Attributes:
        name: Its name; the file is called the same.
        frame: Its rows.
        entries: What its columns mean.
    """

    name: str
    frame: pl.DataFrame
    entries: tuple[Entry, ...]


@dataclass(frozen=True)
class Part:
    """What one table of the CDM gave.

    Attributes:
        sheets: Tables for the contribution.
        left_out: What they could not take, columns as in :data:`LEFT_OUT`.
    """

    sheets: tuple[Sheet, ...] = ()
    left_out: tuple[pl.DataFrame, ...] = ()

    def __add__(self, other: Part) -> Part:
        """Both together."""
        return Part((*self.sheets, *other.sheets), (*self.left_out, *other.left_out))


def of(tables: Mapping[str, pl.DataFrame], name: str) -> pl.DataFrame:
    """A table as the CDM declares it; without rows where it was not brought."""
    return table(name).shape(tables[name]) if name in tables else table(name).empty()


def counted(
    name: str, rows: pl.DataFrame, reason: pl.Expr, *, element: str = "", **fields: str
) -> pl.DataFrame:
    """Count rows that found no place.

    Args:
        name: The table of the CDM.
        rows: The rows, with ``person_id``.
        reason: Why they found none.
        element: The element they bear, if any.
        fields: The columns that hold the concept, the unit and the value.
    """
    given = [
        (pl.col(fields[name]) if name in fields else pl.lit(None, pl.Int64)).alias(name)
        for name in ("concept_id", "unit_concept_id", "value_as_concept_id")
    ]
    told = rows.select(
        PERSON,
        pl.lit(name).alias("table"),
        *given,
        pl.lit(element).alias("element"),
        reason.alias("reason"),
    )
    groups = told.group_by(*_KEY).agg(
        pl.len().alias("rows"), pl.col(PERSON).n_unique().alias("persons")
    )
    return groups.select(LEFT_OUT.names()).cast(LEFT_OUT)


def gathered(parts: Iterable[pl.DataFrame]) -> pl.DataFrame:
    """All that found no place, the most frequent of each table first."""
    every = pl.concat([pl.DataFrame(schema=LEFT_OUT), *parts])
    order = ["table", "rows", *(name for name in _KEY if name != "table")]
    return every.sort(order, descending=[False, True, *[False] * (len(order) - 2)])


def role_of(element: Element) -> Role:
    """What a column that feeds an element gives away."""
    if element.identifying is Identifying.QUASI:
        return Role.QUASI
    return Role.SENSITIVE if element.identifying is Identifying.SENSITIVE else Role.OTHER


def patient(name: str) -> Entry:
    """The column with the partner's own number of the person."""
    return Entry(name, PERSON, "Person of the CDM", role=Role.PATIENT)


def day(name: str, of_what: str) -> Entry:
    """The column with the date of the row, which only says when."""
    note = "Says when; counted from day 0 before anything leaves."
    return Entry(name, DATE, of_what, ColumnType.DATE, status=Status.UNMAPPED, note=note)


def coded(
    name: str, column: str, label: str, element: Element, codes: Mapping[int, str], at: str = ""
) -> Entry:
    """A column of concept ids, each with the element's value it stands for."""
    texts = {str(concept): code for concept, code in codes.items()}
    return Entry(
        name,
        column,
        label,
        ColumnType.CATEGORY,
        values=texts,
        role=role_of(element),
        element=element.name,
        value_map=texts,
        at=at,
    )
