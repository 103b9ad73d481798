"""Day 0 of every person, and of whom there is none.

Where the tables state a time origin (those of a lake do), its date is day 0. Otherwise it is the
first dated row of the diagnosis, or, when asked for, the start of the observation period.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum

import polars as pl

from haemony.harmonise.from_omop.errors import Nobody, NoOrigin, NoTable
from haemony.harmonise.from_omop.sheets import PERSON, of
from haemony.harmonise.omop import concepts
from haemony.intake.contribution import Origin
from haemony.model.disease import DIAGNOSIS, Disease
from haemony.model.element import LOCAL_CONCEPTS

DAY_0 = "day_0"
UMBRELLA = "blood cancer"
"""The diagnosis of a disease that stands for all of them."""

HEALTHY = "no blood disease"
OUTSIDE = (HEALTHY, "other cancer")
"""Values of the element *diagnosis* that are no disease of the blood."""


class DayZero(StrEnum):
    """The event that day 0 stands for."""

    DIAGNOSIS = "diagnosis"
    OBSERVATION = "observation-period"
    SAMPLING = "sampling"
    RANDOMISATION = "randomisation"
    TRANSPLANT = "transplant"

    @property
    def origin(self) -> Origin:
        """The same in the words of a contribution."""
        return Origin.OBSERVATION if self is DayZero.OBSERVATION else Origin(self.value)


@dataclass(frozen=True)
class Days:
    """Who takes part, and from when.

    Attributes:
        kept: ``person_id`` and ``day_0``, sorted by person.
        left: ``person_id`` and ``reason`` of those who take no part.
        origin: What day 0 stands for.
        is_stated: Whether the tables state the time origin themselves.
        diagnoses: ``person_id``, ``concept_id`` and ``date`` of each person's first diagnosis.
    """

    kept: pl.DataFrame
    left: pl.DataFrame
    origin: Origin
    is_stated: bool
    diagnoses: pl.DataFrame


def days_of(
    tables: Mapping[str, pl.DataFrame],
    disease: Disease,
    wanted: DayZero | None,
    origin_concepts: Collection[int] = (),
) -> Days:
    """Find day 0 of every person of the CDM.

    Args:
        tables: Tables by name.
        disease: The disease; its diagnosis is looked for.
        wanted: What day 0 should stand for; the time origin that most persons state unless given,
            and the diagnosis where none is stated.
        origin_concepts: Concepts that are the diagnosis at this partner; those of the catalogue
            and, where CONCEPT_ANCESTOR was brought, everything below them unless given.

    Raises:
        NoTable: When nobody is known.
        NoOrigin: When the event is none that the tables state.
        Nobody: When no person has one.
    """
    persons = of(tables, "person").select(PERSON).drop_nulls().unique().sort(PERSON)
    if not persons.height:
        raise NoTable("person", "nobody is known without it")
    stated = _stated(tables)
    said = set(stated["origin"].to_list())
    chosen = wanted or DayZero(_most_common(stated) or DayZero.DIAGNOSIS)
    looked_for = frozenset(origin_concepts) or _concepts(disease, tables)
    if chosen.value in said:
        looked_for |= frozenset(codes(disease))
    diagnoses = _first_diagnoses(tables, looked_for)
    if chosen is DayZero.OBSERVATION:
        dated, reason = _period_starts(tables), "has no observation period"
    elif chosen.value in said:
        dated = stated.filter(pl.col("origin") == chosen.value).select(PERSON, DAY_0)
        reason = f"states no {chosen} as time origin"
    elif chosen is DayZero.DIAGNOSIS:
        dated = diagnoses.select(PERSON, pl.col("date").alias(DAY_0))
        reason = "has no dated row of the diagnosis"
    else:
        raise NoOrigin(chosen, said)
    dated, unsuited = _of_the_disease(dated, diagnoses, disease, chosen)
    kept = persons.join(dated.unique(PERSON, keep="first"), on=PERSON).sort(PERSON)
    if not kept.height:
        raise Nobody(persons.height, looked_for)
    left = persons.join(kept, on=PERSON, how="anti").sort(PERSON)
    told = pl.when(pl.col(PERSON).is_in(unsuited.implode()))
    left = left.with_columns(
        told.then(pl.lit(f"has no row of the diagnosis of {disease.name}"))
        .otherwise(pl.lit(reason))
        .alias("reason")
    )
    return Days(kept, left, chosen.origin, chosen.value in said, diagnoses)


def is_umbrella(disease: Disease) -> bool:
    """Whether a disease stands for every blood cancer."""
    return disease.diagnosis == UMBRELLA


def codes(disease: Disease) -> Mapping[int, str]:
    """The value of the element *diagnosis* for every concept that means one."""
    return {value.concept_id: value.code for value in disease.catalogue[DIAGNOSIS].values}


def _concepts(disease: Disease, tables: Mapping[str, pl.DataFrame]) -> frozenset[int]:
    """The concepts of the disease, and what the partner's own hierarchy has below them."""
    known = codes(disease)
    if is_umbrella(disease):
        return frozenset(concept for concept, code in known.items() if code not in OUTSIDE)
    own = [concept for concept, code in known.items() if code == disease.diagnosis]
    below = of(tables, "concept_ancestor").filter(
        pl.col("ancestor_concept_id").is_in([c for c in own if c < LOCAL_CONCEPTS])
    )
    return frozenset(own) | frozenset(below["descendant_concept_id"].drop_nulls().to_list())


def _first_diagnoses(
    tables: Mapping[str, pl.DataFrame], looked_for: Collection[int]
) -> pl.DataFrame:
    rows = of(tables, "condition_occurrence").select(
        PERSON,
        pl.col("condition_concept_id").alias("concept_id"),
        pl.col("condition_start_date").alias("date"),
    )
    mine = rows.filter(pl.col("concept_id").is_in(sorted(looked_for))).drop_nulls()
    return mine.sort(PERSON, "date", "concept_id").unique(PERSON, keep="first", maintain_order=True)


def _stated(tables: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    """Time origins that the tables state: ``person_id``, ``day_0``, ``origin``."""
    names = {concept: origin.value for origin, concept in concepts.ORIGINS.items()}
    names[concepts.ORIGINS[Origin.OBSERVATION]] = DayZero.OBSERVATION.value
    rows = of(tables, "observation").filter(
        pl.col("observation_concept_id") == concepts.TIME_ORIGIN
    )
    origin = pl.col("value_as_concept_id").replace_strict(
        names, default=None, return_dtype=pl.String
    )
    dated = rows.select(PERSON, pl.col("observation_date").alias(DAY_0), origin.alias("origin"))
    return dated.drop_nulls().sort(PERSON, DAY_0)


def _most_common(stated: pl.DataFrame) -> str | None:
    counts = stated.group_by("origin").len().sort(["len", "origin"], descending=[True, False])
    return str(counts["origin"][0]) if counts.height else None


def _period_starts(tables: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    start = pl.col("observation_period_start_date")
    periods = of(tables, "observation_period").filter(start.is_not_null())
    return periods.group_by(PERSON).agg(start.min().alias(DAY_0))


def _of_the_disease(
    dated: pl.DataFrame, diagnoses: pl.DataFrame, disease: Disease, chosen: DayZero
) -> tuple[pl.DataFrame, pl.Series]:
    """Leave out those of whom the contribution would say a disease that nobody recorded.

    A contribution gives its disease to everybody of whom it states no other. Only a catalogue that
    knows people without a blood disease can take them, and only where any blood cancer is meant.
    """
    if chosen is not DayZero.OBSERVATION or (
        is_umbrella(disease) and HEALTHY in codes(disease).values()
    ):
        return dated, pl.Series(PERSON, [], dtype=pl.Int64)
    is_ill = pl.col(PERSON).is_in(diagnoses[PERSON].implode())
    return dated.filter(is_ill), dated.filter(~is_ill)[PERSON]
