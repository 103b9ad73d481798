"""The whole way back, told once: day 0, people, values, course, and what was left out."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import polars as pl

from haemony.harmonise.from_omop.course import (
    conditions,
    drugs,
    episodes,
    procedures,
    records,
    unread,
)
from haemony.harmonise.from_omop.day_zero import Days, DayZero, days_of
from haemony.harmonise.from_omop.people import people
from haemony.harmonise.from_omop.sheets import PERSON, Part, Sheet, counted, gathered, of
from haemony.harmonise.from_omop.values import values
from haemony.harmonise.omop import concepts
from haemony.intake.contribution import Origin, SourceKind
from haemony.model.disease import Disease

CLINICAL = (
    "condition_occurrence",
    "measurement",
    "observation",
    "procedure_occurrence",
    "episode",
    "drug_exposure",
    "device_exposure",
    "specimen",
    "variant",
    "karyotype",
)
"""Tables whose rows are each about one person."""

READ = ("person", "observation_period", "death", *CLINICAL)
"""Tables that are read whole."""

BESIDE = ("concept", "concept_ancestor", "cdm_source")
"""Tables that help: the partner's own labels, its hierarchy, who holds the CDM."""


@dataclass(frozen=True)
class Rewritten:
    """A CDM as the tables of a contribution.

    Attributes:
        sheets: Its tables; the first is the patient table.
        origin: What day 0 stands for.
        source: What the type concepts say of where the data come from.
        persons: Persons of the CDM.
        patients: Persons in the contribution.
        persons_left: ``person_id`` and ``reason`` of the others.
        left_out: Rows that found no place, counted, with the partner's own labels.
    """

    sheets: tuple[Sheet, ...]
    origin: Origin
    source: SourceKind
    persons: int
    patients: int
    persons_left: pl.DataFrame
    left_out: pl.DataFrame


def rewrite(
    tables: Mapping[str, pl.DataFrame],
    disease: Disease,
    *,
    wanted: DayZero | None = None,
    origin_concepts: Collection[int] = (),
    also: Mapping[int, str] | None = None,
) -> Rewritten:
    """Turn tables of a CDM into the tables of a contribution.

    Args:
        tables: Tables by name, with the fields and types that the CDM declares.
        disease: Whose elements are looked for.
        wanted: What day 0 should stand for; what most persons state, or the diagnosis.
        origin_concepts: Concepts that are the diagnosis at this partner.
        also: Further concepts of MEASUREMENT and OBSERVATION, and the element each stands for.

    Raises:
        NoTable: When nobody is known.
        NoOrigin: When the event is none that the tables state.
        Nobody: When no person has one.
    """
    days = days_of(tables, disease, wanted, origin_concepts)
    mine = _of_those(tables, days)
    part = people(mine, disease, days) + Part(left_out=_of_others(tables, days))
    for name in ("measurement", "observation"):
        part += values(mine, name, disease, also or {})
    part += episodes(mine, disease) + procedures(mine, disease) + drugs(mine, disease)
    part += records(mine, "karyotype", disease) + records(mine, "variant", disease)
    part += conditions(mine, days.diagnoses) + unread(mine)
    persons = of(tables, "person")[PERSON].n_unique()
    return Rewritten(
        part.sheets,
        days.origin,
        _source(tables),
        persons,
        days.kept.height,
        days.left,
        _labelled(gathered(part.left_out), tables),
    )


def _of_those(tables: Mapping[str, pl.DataFrame], days: Days) -> dict[str, pl.DataFrame]:
    """The tables without the rows of those who take no part."""
    keep = days.kept[PERSON].implode()
    return {
        name: frame.filter(pl.col(PERSON).is_in(keep)) if name in CLINICAL else frame
        for name, frame in tables.items()
    }


def _of_others(tables: Mapping[str, pl.DataFrame], days: Days) -> tuple[pl.DataFrame, ...]:
    """How many rows are about persons who take no part."""
    keep, known = days.kept[PERSON].implode(), of(tables, "person")[PERSON].implode()
    person = pl.col(PERSON)
    reason = (
        pl.when(person.is_in(known))
        .then(pl.lit("the person takes no part; see persons_left_out.csv"))
        .otherwise(pl.lit("PERSON does not know the person"))
    )
    return tuple(
        counted(name, of(tables, name).filter(~person.is_in(keep).fill_null(value=False)), reason)
        for name in CLINICAL
        if name in tables
    )


def _source(tables: Mapping[str, pl.DataFrame]) -> SourceKind:
    """Where most diagnoses come from by their type concept; a hospital unless they say."""
    kinds = {concepts.TYPES[kind]: kind for kind in (SourceKind.REGISTRY, SourceKind.HOSPITAL)}
    kinds[concepts.TYPES[SourceKind.TRIAL]] = SourceKind.TRIAL
    types = of(tables, "condition_occurrence")["condition_type_concept_id"]
    known = types.filter(types.is_in(list(kinds))).value_counts(sort=True)
    return kinds[known[known.columns[0]][0]] if known.height else SourceKind.HOSPITAL


def _labelled(left_out: pl.DataFrame, tables: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    """Add what the partner's own CONCEPT table calls a concept; it stays with the partner."""
    labels = (
        of(tables, "concept")
        .select("concept_id", pl.col("concept_name").alias("concept"))
        .drop_nulls()
        .unique("concept_id", keep="first")
    )
    return left_out.join(labels, on="concept_id", how="left", maintain_order="left")
