"""Episodes, transplants, variants and karyotypes: what is more than a value on a day."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from haemony.harmonise.from_omop.sheets import (
    DATE,
    PERSON,
    Part,
    Sheet,
    coded,
    counted,
    of,
    patient,
    role_of,
)
from haemony.harmonise.from_omop.values import NO_ELEMENT, first_days
from haemony.intake.dictionary import ColumnType, Entry
from haemony.model.disease import Disease
from haemony.model.element import Element, ValueType

PROCEDURE = "procedure_occurrence"
TRANSPLANT = ("transplant_day", "transplant_type", "transplant_phase")

DRUGS = "drug_exposure"

UNREAD = {
    "device_exposure": "device_concept_id",
    "specimen": "specimen_concept_id",
}
"""Tables that no element reads yet, and the concept by which their rows are counted."""


def episodes(tables: Mapping[str, pl.DataFrame], disease: Disease) -> Part:
    """The first day of every episode that an element bears, subtype included.

    Args:
        tables: Tables of the CDM by name, of the persons who take part.
        disease: Whose elements are looked for.
    """
    every = of(tables, "episode").rename({"episode_start_date": DATE})
    part, taken = Part(), pl.lit(value=False)
    for element in disease.catalogue.of("episode"):
        subtype = element.values[0].concept_id if element.values else None
        mine = (pl.col("episode_concept_id") == element.concept_id) & pl.col(
            "episode_source_concept_id"
        ).eq_missing(pl.lit(subtype, pl.Int64))
        taken = taken | mine
        found = every.filter(mine)
        if found.height:
            part += first_days("episode", f"episode_{element.name}", element, found)
    reason = pl.lit("no element of the disease bears the concept with this subtype")
    strange = counted(
        "episode",
        every.filter(~taken.fill_null(value=False)),
        reason,
        concept_id="episode_concept_id",
        value_as_concept_id="episode_source_concept_id",
    )
    return part + Part(left_out=(strange,))


def procedures(tables: Mapping[str, pl.DataFrame], disease: Disease) -> Part:
    """Transplants: each procedure is one row with its day, type and phase.

    Args:
        tables: Tables of the CDM by name, of the persons who take part.
        disease: Whose elements are looked for.
    """
    day, kind, phase = (disease.catalogue[name] for name in TRANSPLANT)
    kinds = {value.concept_id: value.code for value in kind.values}
    phases = {value.concept_id: value.code for value in phase.values}
    concept, modifier = pl.col("procedure_concept_id"), pl.col("modifier_concept_id")
    is_phase = modifier.is_in(list(phases)).fill_null(value=False)
    every = of(tables, PROCEDURE).rename({"procedure_date": DATE})
    every = every.with_columns(
        pl.when(~concept.is_in([day.concept_id, *kinds]).fill_null(value=False))
        .then(pl.lit(NO_ELEMENT))
        .when(pl.col(DATE).is_null())
        .then(pl.lit("has no date"))
        .alias("reason"),
        pl.when(concept.is_in(list(kinds))).then(concept.cast(pl.String)).alias("type"),
        pl.when(is_phase).then(modifier.cast(pl.String)).alias("phase"),
    )
    lost = every.filter(pl.col("reason").is_not_null())
    mine = every.filter(pl.col("reason").is_null()).sort(PERSON, DATE, "type", "phase")
    vague = mine.filter(~is_phase & (modifier.fill_null(0) != 0))
    told = pl.lit("the transplant is written, without this modifier: the element has none such")
    fields = {"concept_id": "procedure_concept_id"}
    left = (
        counted(PROCEDURE, lost, pl.col("reason"), **fields),
        counted(PROCEDURE, vague, told, value_as_concept_id="modifier_concept_id", **fields),
    )
    if not mine.height:
        return Part(left_out=left)
    name = "procedure_transplant"
    entries = (
        patient(name),
        Entry(name, DATE, day.label, ColumnType.DATE, role=role_of(day), element=day.name),
        coded(name, "type", kind.label, kind, kinds),
        coded(name, "phase", phase.label, phase, phases),
    )
    return Part((Sheet(name, mine.select(PERSON, DATE, "type", "phase"), entries),), left)


def drugs(tables: Mapping[str, pl.DataFrame], disease: Disease) -> Part:
    """Drugs whose concept is a substance that the element knows: start and stated end.

    The CDM asks for an end of every exposure: one on the day of the start says nothing.

    Args:
        tables: Tables of the CDM by name, of the persons who take part.
        disease: Whose elements are looked for.
    """
    names = ("drug", "drug_day", "drug_end_day")
    substance, start, end = (disease.catalogue[name] for name in names)
    known = {value.concept_id: value.code for value in substance.values}
    concept, last = pl.col("drug_concept_id"), pl.col("drug_exposure_end_date")
    every = of(tables, DRUGS).rename({start.field: DATE})
    every = every.with_columns(
        pl.when(~concept.is_in(list(known)).fill_null(value=False))
        .then(pl.lit("the element drug knows no such substance; map products to ingredients"))
        .when(pl.col(DATE).is_null())
        .then(pl.lit("has no date"))
        .alias("reason"),
        concept.cast(pl.String).alias("substance"),
        pl.coalesce(end.field, pl.when(last > pl.col(DATE)).then(last)).alias("end"),
    )
    left = (
        counted(
            DRUGS,
            every.filter(pl.col("reason").is_not_null()),
            pl.col("reason"),
            concept_id="drug_concept_id",
        ),
    )
    mine = every.filter(pl.col("reason").is_null()).sort(PERSON, DATE, "substance", "end")
    if not mine.height:
        return Part(left_out=left)
    days = {DATE: start, "end": end}
    entries = (
        patient(DRUGS),
        coded(DRUGS, "substance", substance.label, substance, known),
        *(
            Entry(DRUGS, column, element.label, ColumnType.DATE, role=role_of(element),
                  element=element.name)
            for column, element in days.items()
        ),
    )  # fmt: skip
    return Part((Sheet(DRUGS, mine.select(PERSON, "substance", DATE, "end"), entries),), left)


def records(tables: Mapping[str, pl.DataFrame], name: str, disease: Disease) -> Part:
    """Variants or karyotypes, from the tables that a lake has beside the CDM.

    Args:
        tables: Tables by name, of the persons who take part.
        name: ``variant`` or ``karyotype``.
        disease: Whose elements name the fields.
    """
    frame = of(tables, name)
    used = [e for e in disease.catalogue.of(name) if frame[e.field].drop_nulls().len()]
    if not used:
        return Part()
    entries = (patient(name), *(_field(name, element) for element in used))
    cells = frame.select(PERSON, *(element.field for element in used)).sort(PERSON)
    return Part((Sheet(name, cells, entries),))


def _field(name: str, element: Element) -> Entry:
    codes = {value.code: value.code for value in element.values} if element.codes else {}
    kind = ColumnType.CATEGORY if codes else ColumnType.TEXT
    if element.type.is_numeric:
        kind = ColumnType.NUMBER if element.type is ValueType.NUMBER else ColumnType.INTEGER
    return Entry(
        name,
        element.field,
        element.label,
        kind,
        element.unit if element.type.is_numeric else "",
        values=codes,
        role=role_of(element),
        element=element.name,
        value_map=codes,
    )


def conditions(tables: Mapping[str, pl.DataFrame], diagnoses: pl.DataFrame) -> Part:
    """Conditions that are not the diagnosis of the person, and its later rows.

    Args:
        tables: Tables of the CDM by name, of the persons who take part.
        diagnoses: ``person_id``, ``concept_id`` and ``date`` of each first diagnosis.
    """
    name, concept = "condition_occurrence", "condition_concept_id"
    rows = of(tables, name)
    key = (PERSON, concept, "condition_start_date")
    first = diagnoses.select(
        PERSON, pl.col("concept_id").alias(concept), pl.col("date").alias(key[2])
    )
    others = pl.concat(
        [
            rows.join(first, on=key, how="anti"),
            rows.join(first, on=key, how="semi").filter(~pl.struct(key).is_first_distinct()),
        ]
    )
    known = sorted(set(diagnoses["concept_id"].to_list()))
    reason = (
        pl.when(pl.col(concept).is_in(known))
        .then(pl.lit("the person's diagnosis is known from an earlier row"))
        .otherwise(pl.lit("no element reads conditions beside the diagnosis"))
    )
    return Part(left_out=(counted(name, others, reason, concept_id=concept),))


def unread(tables: Mapping[str, pl.DataFrame]) -> Part:
    """Tables that were brought and that no element reads."""
    return Part(
        left_out=tuple(
            counted(name, of(tables, name), pl.lit("no element reads this table"), concept_id=field)
            for name, field in UNREAD.items()
        )
    )
