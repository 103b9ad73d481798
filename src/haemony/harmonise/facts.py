"""Facts: what a contribution says, free of how its files say it.

A fact is one value of one element for one person, with the day it belongs to (counted from the
source's time origin) and the cell it came from. Every contribution becomes a frame of facts, every
frame of facts becomes OMOP, and OMOP read back through the catalogue gives the same facts.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import polars as pl

from haemony.intake.cells import Cells, parse
from haemony.intake.dictionary import ColumnType, Entry
from haemony.model.element import Catalogue, Element, ValueType
from haemony.privacy.payload import ROW, SET_ASIDE, Table
from haemony.privacy.protect import PERSON, Protected

FACTS = pl.Schema(
    {
        "person_id": pl.Int64,
        "element": pl.String,
        "day": pl.Int32,
        "number": pl.Float64,
        "code": pl.String,
        "file": pl.String,
        "row": pl.Int64,
        "column": pl.String,
    }
)
"""One fact per row. ``row`` is null where the *absence* of a call is the evidence."""

COUNTS = pl.Schema(
    {
        "file": pl.String,
        "column": pl.String,
        "element": pl.String,
        "cells": pl.Int64,
        "missing": pl.Int64,
        "kept": pl.Int64,
        "set_aside": pl.Int64,
    }
)
"""The account of every mapped column. Each figure is counted on its own: cells and missing when
the column is parsed, kept among the facts, set aside among the reasons."""

ALIKE = 1e-9
"""So far apart, in proportion, may be one number that was converted from two units."""


@dataclass(frozen=True)
class Facts:
    """The facts of a contribution.

    Attributes:
        stated: Facts, columns as in :data:`FACTS`; one per person, element and day.
        confirmed: Further cells that say the same as a stated fact.
        set_aside: Values not used, with the reason.
        cells: Cells and missing cells of every mapped column.
    """

    stated: pl.DataFrame
    confirmed: pl.DataFrame
    set_aside: pl.DataFrame
    cells: pl.DataFrame


def state(protected: Protected, catalogue: Catalogue) -> Facts:
    """Turn the mapped columns of a protected contribution into facts.

    Args:
        protected: The contribution without identities.
        catalogue: The elements its columns feed.
    """
    facts: list[pl.DataFrame] = []
    aside: list[pl.DataFrame] = []
    counted: list[tuple[str, str, str, int, int]] = []
    for table in protected.tables.values():
        for entry in table.entries:
            stated, unusable, missing = _column(table, entry, catalogue[entry.element])
            facts.append(stated)
            aside.append(unusable)
            height = table.frame.height
            counted.append((table.file, entry.column, entry.element, height, missing))
    every = pl.concat([pl.DataFrame(schema={**FACTS, "precedence": pl.Int32}), *facts])
    chosen, confirmed, beaten = _choose(every, catalogue)
    unused = pl.concat([pl.DataFrame(schema=SET_ASIDE), *aside, beaten])
    cells = pl.DataFrame(counted, schema=list(COUNTS.items())[:5], orient="row")
    return Facts(chosen, confirmed, unused, cells)


def _column(table: Table, entry: Entry, element: Element) -> tuple[pl.DataFrame, pl.DataFrame, int]:
    """The facts of one column, its cells that cannot be used, and how many are missing."""
    cells = _speaking(parse(table.frame[entry.column], entry, table.decimal), table, entry)
    frame = table.frame.select(PERSON, ROW).with_columns(
        cells.values.alias("value"),
        cells.wrong.alias("wrong"),
        cells.missing.alias("missing"),
        _days(table, entry).alias("day"),
    )
    frame = frame.with_columns(_value(entry, element))
    reason = _reason(entry, element)
    stated = frame.filter(pl.col("value").is_not_null() & reason.is_null()).select(
        PERSON,
        pl.lit(element.name).alias("element"),
        pl.col("day").cast(pl.Int32),
        (pl.col("value") if element.type.is_numeric else pl.lit(None, pl.Float64)).alias("number"),
        (pl.lit(None, pl.String) if element.type.is_numeric else pl.col("value")).alias("code"),
        pl.lit(table.file).alias("file"),
        pl.col(ROW).alias("row"),
        pl.lit(entry.column).alias("column"),
        pl.lit(entry.precedence, pl.Int32).alias("precedence"),
    )
    unusable = frame.filter(reason.is_not_null()).select(
        pl.lit("harmonise").alias("stage"),
        pl.lit(table.file).alias("file"),
        pl.col(ROW).alias("row"),
        pl.lit(entry.column).alias("column"),
        pl.lit(element.name).alias("element"),
        reason.alias("reason"),
    )
    return stated, unusable, int(cells.missing.sum())


def _speaking(cells: Cells, table: Table, entry: Entry) -> Cells:
    """The cells of a column, missing in the rows where its condition does not hold."""
    if entry.condition is None:
        return cells
    silent = ~entry.condition.holds(table.frame)
    values = pl.select(pl.when(~silent).then(cells.values)).to_series()
    return Cells(values, cells.wrong & ~silent, cells.missing | silent)


def _days(table: Table, entry: Entry) -> pl.Series:
    """The day each cell belongs to: day 0 unless the dictionary names a column for it."""
    if not entry.at:
        return pl.zeros(table.frame.height, dtype=pl.Int32, eager=True)
    day = Entry(entry.table, entry.at, type=ColumnType.NUMBER)
    return parse(table.frame[entry.at], day, table.decimal).values.round().cast(pl.Int32)


def _value(entry: Entry, element: Element) -> pl.Expr:
    """The element's value of each parsed cell: unit converted, code mapped."""
    value = pl.col("value")
    if element.type in {ValueType.CATEGORY, ValueType.FINDING}:
        codes = {key: code or None for key, code in entry.value_map.items()}
        text = value if entry.type in {ColumnType.TEXT, ColumnType.CATEGORY} else _plain(value)
        return text.replace_strict(codes, default=None, return_dtype=pl.String).alias("value")
    if element.type is ValueType.TEXT:
        text = value if entry.type in {ColumnType.TEXT, ColumnType.CATEGORY} else _plain(value)
        renamed = {key: code for key, code in entry.value_map.items() if code}
        return (text.replace(renamed) if renamed else text).alias("value")
    value = value.cast(pl.Float64) * element.units.get(entry.unit, 1.0)
    return (value if element.type is ValueType.NUMBER else value.round()).alias("value")


def _plain(number: pl.Expr) -> pl.Expr:
    """Whole numbers as text, without a decimal point."""
    return number.cast(pl.Int64).cast(pl.String)


def _reason(entry: Entry, element: Element) -> pl.Expr:
    """Why a value cannot be used, the first reason that holds; null for those that can."""
    value = pl.col("value")
    reasons = [(pl.col("wrong"), "not what the dictionary declares")]
    if element.type.is_numeric:
        low = value < (element.low if element.low is not None else float("-inf"))
        high = value > (element.high if element.high is not None else float("inf"))
        reasons.append((low | high, "outside the plausible range of the element"))
    if entry.at:
        undated = value.is_not_null() & pl.col("day").is_null()
        reasons.append((undated, "its day is not known"))
    unmapped = ~pl.col("missing") & value.is_null()
    reasons.append((unmapped, "the dictionary maps it to nothing"))
    return pl.coalesce(pl.when(holds).then(pl.lit(reason)) for holds, reason in reasons)


def _choose(
    every: pl.DataFrame, catalogue: Catalogue
) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """Keep one fact per person, element and day; records keep one per source row."""
    records = [element.name for element in catalogue.values() if element.record]
    record = every.filter(pl.col("element").is_in(records)).select(FACTS.names())
    single = every.filter(~pl.col("element").is_in(records))
    key = ["person_id", "element", "day"]
    ordered = single.sort(*key, "precedence", "file", "row", "column", maintain_order=True)
    ranked = ordered.with_columns(
        pl.int_range(pl.len()).over(key).alias("rank"),
        pl.col("number").first().over(key).alias("best_number"),
        pl.col("code").first().over(key).alias("best_code"),
        pl.format("{} {}", pl.col("file").first(), pl.col("column").first())
        .over(key)
        .alias("best"),
    )
    alike = (pl.col("number") - pl.col("best_number")).abs() <= ALIKE * pl.col("best_number").abs()
    same = alike.fill_null(value=True) & pl.col("code").eq_missing(pl.col("best_code"))
    first = ranked.filter(pl.col("rank") == 0).select(FACTS.names())
    confirmed = ranked.filter((pl.col("rank") > 0) & same).select(FACTS.names())
    beaten = ranked.filter((pl.col("rank") > 0) & ~same).select(
        pl.lit("harmonise").alias("stage"),
        "file",
        "row",
        "column",
        "element",
        pl.format("contradicted by {}, which takes precedence", "best").alias("reason"),
    )
    return pl.concat([first, record]), confirmed, beaten


def account(cells: pl.DataFrame, used: Iterable[pl.DataFrame], aside: pl.DataFrame) -> pl.DataFrame:
    """Bring together what became of every mapped column's cells.

    Args:
        cells: Cells and missing cells per column, counted when they were parsed.
        used: Frames of facts that came from cells (stated and confirming ones).
        aside: Values set aside.
    """
    key = ["file", "column", "element"]
    kept = pl.concat([frame.select(key) for frame in used]).group_by(key).len("kept")
    lost = aside.group_by(key).len("set_aside")
    counted = cells.join(kept, on=key, how="left", maintain_order="left")
    counted = counted.join(lost, on=key, how="left", maintain_order="left").fill_null(0)
    return counted.select(COUNTS.names()).cast(COUNTS)
