"""MEASUREMENT and OBSERVATION: one long table for every element whose concept is found."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files

import polars as pl

from haemony.harmonise.from_omop.sheets import (
    DATE,
    PERSON,
    Part,
    Sheet,
    coded,
    counted,
    day,
    of,
    patient,
    role_of,
)
from haemony.harmonise.omop import concepts
from haemony.harmonise.omop.persons import EVENT_DATE
from haemony.intake.dictionary import ColumnType, Entry
from haemony.model.disease import Disease
from haemony.model.element import Element, ValueType
from haemony.model.tables import rows

EQUALS = 4172703
"""The operator that says what an absent one says: the value itself, no bound."""

VALUE = "value"

NO_ELEMENT = "no element of the disease bears the concept"

STRUCTURE = frozenset(
    {concepts.TIME_ORIGIN, concepts.VARIANT, concepts.ALLELE_FRACTION, concepts.DEPTH}
    | set(concepts.ASSAYS.values())
)
"""Concepts of rows that say how a lake is written; what they mean is read elsewhere."""


@cache
def units() -> Mapping[int, str]:
    """The UCUM unit, as elements write it, of every unit concept that some element knows.

    Example:
        >>> units()[8848]
        '10*3/uL'
    """
    table = files("haemony.harmonise.from_omop") / "units.csv"
    return {int(row["concept_id"]): row["unit"] for _, row in rows(table)}


@cache
def answers() -> Mapping[int, str]:
    """What a value concept says of a finding.

    Example:
        >>> answers()[4132135]
        'negative'
    """
    table = files("haemony.harmonise.from_omop") / "answers.csv"
    return {int(row["concept_id"]): row["finding"] for _, row in rows(table)}


def values(
    tables: Mapping[str, pl.DataFrame],
    name: str,
    disease: Disease,
    also: Mapping[int, str],
) -> Part:
    """The long tables of MEASUREMENT or OBSERVATION.

    Args:
        tables: Tables of the CDM by name, of the persons who take part.
        name: ``measurement`` or ``observation``.
        disease: Whose elements are looked for.
        also: Further concepts, and the element each stands for at this partner.
    """
    concept = f"{name}_concept_id"
    every = of(tables, name).rename({f"{name}_date": DATE})
    elements = disease.catalogue.of(name)
    bears = {e.concept_id: e.name for e in elements if e.concept_id != concepts.NO_CONCEPT}
    bears |= {c: n for c, n in also.items() if n in {e.name for e in elements}}
    marked = every.with_columns(
        pl.col(concept).replace_strict(bears, default=None, return_dtype=pl.String).alias("element")
    )
    part = Part(left_out=(_strangers(name, marked.filter(pl.col("element").is_null())),))
    found = marked.filter(pl.col("element").is_not_null()).partition_by("element", as_dict=True)
    for element in elements:
        if (element.name,) in found:
            part += _of_element(name, element, found[element.name,])
    return part


def _strangers(name: str, unknown: pl.DataFrame) -> pl.DataFrame:
    concept = f"{name}_concept_id"
    reason = (
        pl.when(pl.col(concept).is_in(sorted(STRUCTURE)))
        .then(pl.lit("tells how a lake is written; holds no value of its own"))
        .otherwise(pl.lit(NO_ELEMENT))
    )
    return counted(name, unknown, reason, concept_id=concept)


def _of_element(name: str, element: Element, found: pl.DataFrame) -> Part:
    """What the rows of one element give, and which of them give nothing."""
    table = f"{name}_{element.name}"
    meant = _codes(element)
    if element.field == EVENT_DATE:
        return first_days(name, table, element, found)
    judged = found.with_columns(_fault(name, element, meant).alias("reason"))
    sound = judged.filter(pl.col("reason").is_null())
    left = counted(
        name,
        judged.filter(pl.col("reason").is_not_null()),
        pl.col("reason"),
        element=element.name,
        concept_id=f"{name}_concept_id",
        unit_concept_id="unit_concept_id",
        value_as_concept_id="value_as_concept_id",
    )
    if not sound.height:
        return Part(left_out=(left,))
    if element.type.is_numeric:
        sheet = _numbers(table, element, sound)
    elif meant:
        cells = sound.with_columns(pl.col("value_as_concept_id").cast(pl.String).alias(VALUE))
        entry = coded(table, VALUE, element.label, element, meant, at=DATE)
        sheet = _sheet(table, element, cells, [entry])
    else:
        cells = sound.with_columns(pl.col("value_as_string").alias(VALUE))
        entry = Entry(
            table, VALUE, element.label, role=role_of(element), element=element.name, at=DATE
        )
        sheet = _sheet(table, element, cells, [entry])
    return Part((sheet,), (left,))


def _sheet(table: str, element: Element, cells: pl.DataFrame, entries: list[Entry]) -> Sheet:
    columns = [entry.column for entry in entries]
    frame = cells.select(PERSON, DATE, *columns).sort(PERSON, DATE, *columns, nulls_last=True)
    said = (patient(table), day(table, f"Date of: {element.label}"), *entries)
    return Sheet(table, frame, said)


def _codes(element: Element) -> Mapping[int, str]:
    """The element's value for each concept; empty for numbers and texts."""
    if element.type is ValueType.FINDING:
        return answers()
    return {value.concept_id: value.code for value in element.values if element.codes}


def _fault(name: str, element: Element, meant: Mapping[int, str]) -> pl.Expr:
    """Why a row gives no value, the first reason that holds; null for those that do."""
    reasons = [(pl.col(DATE).is_null(), "has no date")]
    if element.type.is_numeric:
        number, unit = pl.col("value_as_number"), pl.col("unit_concept_id").fill_null(0)
        known = list(_units(element)) if element.unit else [concepts.NO_CONCEPT]
        strange = (
            "the element has no unit" if not element.unit else "the element knows no such unit"
        )
        reasons.append((number.is_null(), "has no number"))
        if name == "measurement":
            exact = pl.col("operator_concept_id").fill_null(0).is_in([0, EQUALS])
            reasons.append((~exact, "is a bound, no value"))
        if element.unit:
            reasons.append((unit == concepts.NO_CONCEPT, "its unit is not known"))
        reasons.append((~unit.is_in(known), strange))
        if element.type is not ValueType.NUMBER:
            reasons.append((number != number.round(), "is not a whole number"))
    elif meant:
        value = pl.col("value_as_concept_id").fill_null(0)
        reasons.append((value == concepts.NO_CONCEPT, "has no value concept"))
        reasons.append((~value.is_in(list(meant)), "the element has no such value"))
    elif name == "observation":
        text = pl.col("value_as_string").str.strip_chars()
        reasons.append(((text.is_null() | (text == "")), "has no text"))
    else:
        reasons.append((pl.lit(value=True), "MEASUREMENT has no field for texts"))
    return pl.coalesce(pl.when(holds).then(pl.lit(reason)) for holds, reason in reasons)


def _units(element: Element) -> Mapping[int, str]:
    """The unit concepts whose unit the element can convert, its own first."""
    own = {element.unit_concept_id: element.unit}
    return own | {c: unit for c, unit in units().items() if unit in element.units and c not in own}


def _numbers(table: str, element: Element, sound: pl.DataFrame) -> Sheet:
    """Numbers, in a column for every unit: the dictionary shows what is converted."""
    number = pl.col("value_as_number")
    if not element.unit:
        entry = _number_entry(table, VALUE, element, "")
        return _sheet(table, element, sound.with_columns(number.alias(VALUE)), [entry])
    here = set(sound["unit_concept_id"].to_list())
    columns: list[pl.Expr] = []
    entries: list[Entry] = []
    for unit, concept_ids in _by_unit(element, here):
        own = unit == element.unit
        column = VALUE if own else f"{VALUE}_{concept_ids[0]}"
        columns.append(
            pl.when(pl.col("unit_concept_id").is_in(concept_ids)).then(number).alias(column)
        )
        entries.append(_number_entry(table, column, element, unit))
    return _sheet(table, element, sound.with_columns(columns), entries)


def _by_unit(element: Element, here: set[int]) -> Iterator[tuple[str, list[int]]]:
    """The units that occur, each with the concepts that mean it."""
    meant = _units(element)
    for unit in dict.fromkeys(meant.values()):
        concept_ids = [c for c, other in meant.items() if other == unit and c in here]
        if concept_ids:
            yield unit, concept_ids


def _number_entry(table: str, column: str, element: Element, unit: str) -> Entry:
    label = f"{element.label} ({unit})" if unit else element.label
    return Entry(
        table,
        column,
        label,
        ColumnType.NUMBER,
        unit,
        role=role_of(element),
        element=element.name,
        at=DATE,
    )


def first_days(name: str, table: str, element: Element, found: pl.DataFrame) -> Part:
    """The first day of an event of each person: the element holds one.

    Args:
        name: The table of the CDM.
        table: What the table of the contribution is called.
        element: What happened.
        found: Rows with ``person_id`` and ``date``.
    """
    concept = f"{name}_concept_id"
    dated = found.filter(pl.col(DATE).is_not_null()).sort(PERSON, DATE)
    is_first = pl.col(PERSON).is_first_distinct()
    first, later = dated.filter(is_first), dated.filter(~is_first)
    undated = found.filter(pl.col(DATE).is_null())
    left = tuple(
        counted(name, frame, pl.lit(reason), element=element.name, concept_id=concept)
        for frame, reason in (
            (later, "is later than the first, and the element holds one day"),
            (undated, "has no date"),
        )
    )
    if not first.height:
        return Part(left_out=left)
    entry = Entry(
        table, DATE, element.label, ColumnType.DATE, role=role_of(element), element=element.name
    )
    return Part((Sheet(table, first.select(PERSON, DATE), (patient(table), entry)),), left)
