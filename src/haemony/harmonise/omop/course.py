"""The course of the disease: condition, remission, relapse, transplant, last contact, death."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from haemony.harmonise.genomics import records
from haemony.harmonise.omop import concepts
from haemony.harmonise.omop.rows import Context, Written, codes, numbered, of, trace
from haemony.model.disease import DIAGNOSIS


def conditions(stated: pl.DataFrame, context: Context) -> Written:
    """Every person of the contribution has a disease, known at day 0."""
    known = codes(context.disease.catalogue.of("condition_occurrence"))
    rows = of(stated, DIAGNOSIS).join(known, on=["element", "code"], how="left")
    rows = rows.join(context.anchors, on="person_id").with_columns(
        pl.col("anchor").alias("condition_start_date"),
        pl.col("value_concept_id").alias("condition_concept_id"),
        pl.lit(context.type_concept_id).alias("condition_type_concept_id"),
    )
    ordered = numbered(rows, "condition_occurrence_id", context.base, "person_id")
    key = "condition_occurrence_id"
    return Written.of(
        {"condition_occurrence": ordered}, trace("condition_occurrence", ordered, key)
    )


def episodes(facts: pl.DataFrame, conditions: pl.DataFrame, context: Context) -> Written:
    """Remissions and relapses as episodes of the disease, tied to its condition."""
    elements = context.disease.catalogue.of("episode")
    known = pl.DataFrame(
        [(e.name, e.concept_id, e.values[0].concept_id if e.values else None) for e in elements],
        schema={
            "element": pl.String,
            "episode_concept_id": pl.Int64,
            "episode_source_concept_id": pl.Int64,
        },
        orient="row",
    )
    rows = facts.join(known, on="element", how="left", maintain_order="left")
    rows = context.dated(rows.with_columns(pl.col("number").cast(pl.Int32).alias("day")))
    rows = rows.with_columns(
        pl.col("date").alias("episode_start_date"),
        pl.lit(context.type_concept_id).alias("episode_type_concept_id"),
    )
    order = ("person_id", "episode_start_date", "episode_concept_id")
    rows = numbered(rows, "episode_id", context.base, *order)
    rows = rows.with_columns(
        (pl.int_range(pl.len(), dtype=pl.Int64) + 1)
        .over("person_id", "episode_concept_id")
        .alias("episode_number")
    )
    known_from = conditions.select("person_id", pl.col("condition_occurrence_id").alias("event_id"))
    objects = conditions.select(
        "person_id", pl.col("condition_concept_id").alias("episode_object_concept_id")
    )
    rows = rows.join(objects, on="person_id", how="left", maintain_order="left")
    ties = rows.join(known_from, on="person_id", maintain_order="left").with_columns(
        pl.lit(concepts.CONDITION_ID).alias("episode_event_field_concept_id")
    )
    return Written.of(
        {"episode": rows, "episode_event": ties}, trace("episode", rows, "episode_id")
    )


def procedures(stated: pl.DataFrame, context: Context) -> Written:
    """Transplants: day, type and phase of one source row make one procedure."""
    catalogue = context.disease.catalogue
    day, kind, phase = (
        catalogue["transplant_day"],
        catalogue["transplant_type"],
        catalogue["transplant_phase"],
    )
    rows = records(stated, "procedure_occurrence", catalogue).filter(pl.col(day.name).is_not_null())
    kinds = {value.code: value.concept_id for value in kind.values}
    phases = {value.code: value.concept_id for value in phase.values}
    rows = context.dated(rows.with_columns(pl.col(day.name).cast(pl.Int32).alias("day")))
    rows = rows.with_columns(
        pl.col("date").alias("procedure_date"),
        pl.col(kind.name)
        .replace_strict(kinds, default=day.concept_id, return_dtype=pl.Int64)
        .alias("procedure_concept_id"),
        pl.col(phase.name)
        .replace_strict(phases, default=None, return_dtype=pl.Int64)
        .alias("modifier_concept_id"),
        pl.lit(context.type_concept_id).alias("procedure_type_concept_id"),
        pl.lit("transplant").alias("column"),
    )
    order = ("person_id", "procedure_date", "file", "row")
    rows = numbered(rows, "procedure_occurrence_id", context.base, *order)
    return Written.of(
        {"procedure_occurrence": rows},
        trace("procedure_occurrence", rows, "procedure_occurrence_id"),
    )


def follow_up(
    stated: pl.DataFrame, events: Mapping[str, pl.DataFrame], context: Context
) -> Written:
    """The observation period ends at last contact; the dead died on that day.

    A person without a day of last contact is observed until their last dated event, and the
    period's type says that it was derived. It also says of whom nobody knows whether they were
    alive at last contact: no DEATH row would otherwise mean *alive*.
    """
    contact = of(stated, "last_contact_day")
    known = contact.select("person_id", pl.col("number").cast(pl.Int32).alias("day"))
    dated = pl.concat(
        [
            events["measurement"].select("person_id", pl.col("measurement_date").alias("event")),
            events["episode"].select("person_id", pl.col("episode_start_date").alias("event")),
            events["procedure_occurrence"].select(
                "person_id", pl.col("procedure_date").alias("event")
            ),
            events["observation"].select("person_id", pl.col("observation_date").alias("event")),
            events["drug_exposure"].select(
                "person_id", pl.col("drug_exposure_end_date").alias("event")
            ),
        ]
    )
    last = dated.group_by("person_id").agg(pl.col("event").max())
    periods = context.dated(
        context.anchors.select("person_id").join(known, on="person_id", how="left")
    )
    periods = periods.join(last, on="person_id", how="left").join(context.anchors, on="person_id")
    stated_end = pl.col("day").is_not_null()
    told = pl.col("person_id").is_in(of(stated, "vital_status")["person_id"].implode())
    periods = periods.with_columns(
        pl.col("anchor").alias("observation_period_start_date"),
        pl.when(stated_end)
        .then(pl.col("date"))
        .otherwise(pl.max_horizontal("anchor", "event"))
        .alias("observation_period_end_date"),
        pl.when(~stated_end)
        .then(pl.lit(concepts.DERIVED_PERIOD))
        .when(~told)
        .then(pl.lit(concepts.STATUS_UNKNOWN))
        .otherwise(pl.lit(context.type_concept_id))
        .alias("period_type_concept_id"),
    )
    periods = numbered(periods, "observation_period_id", context.base, "person_id")
    dead = (
        of(stated, "vital_status")
        .filter(pl.col("code") == "dead")
        .select("person_id", "file", "row", "column")
    )
    causes = of(stated, "cause_of_death").join(
        codes(context.disease.catalogue.of("death")), on=["element", "code"]
    )
    cause = causes.select("person_id", pl.col("value_concept_id").alias("cause_concept_id"))
    deaths = dead.join(periods, on="person_id").join(cause, on="person_id", how="left")
    deaths = deaths.with_columns(
        pl.col("date").alias("death_date"),
        pl.lit(context.type_concept_id).alias("death_type_concept_id"),
    )
    traced = contact.join(periods.select("person_id", "observation_period_id"), on="person_id")
    return Written.of(
        {"observation_period": periods, "death": deaths},
        trace("observation_period", traced, "observation_period_id"),
        trace("death", deaths, "person_id"),
        trace("death", causes, "person_id"),
    )
