"""Persons, their centres, and what is observed of them at day 0."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from haemony.harmonise.omop import concepts
from haemony.harmonise.omop.rows import Context, Written, codes, numbered, of, trace

EVENT_DATE = "observation_date"
"""The field of an event that is no episode of the disease: the row lies on the day it happened."""


def persons(by_table: Mapping[str, pl.DataFrame], context: Context) -> Written:
    """PERSON and CARE_SITE: sex, the centre as a pseudonym, and the derived year of birth."""
    facts = by_table["person"]
    catalogue = context.disease.catalogue
    sex = of(facts, "sex").join(codes(catalogue.of("person")), on=["element", "code"], how="left")
    age = of(by_table["observation"], "age_at_diagnosis").select("person_id", "number")
    sites = of(facts, "centre").select(
        "person_id",
        "code",
        pl.col("code").str.to_integer(base=16, strict=False).alias("care_site_id"),
    )
    everyone = (
        context.anchors.join(
            sex.select("person_id", "value_concept_id"), on="person_id", how="left"
        )
        .join(age, on="person_id", how="left")
        .join(sites, on="person_id", how="left")
        .with_columns(
            pl.col("value_concept_id").fill_null(concepts.NO_CONCEPT).alias("gender_concept_id"),
            (
                pl.col("anchor").dt.year() - pl.col("number").fill_null(0).floor().cast(pl.Int32)
            ).alias("year_of_birth"),
            pl.lit(concepts.NO_CONCEPT).alias("race_concept_id"),
            pl.lit(concepts.NO_CONCEPT).alias("ethnicity_concept_id"),
        )
    )
    named = sites.unique("care_site_id").rename({"code": "care_site_name"})
    return Written.of({"person": everyone, "care_site": named}, trace("person", facts, "person_id"))


def observations(facts: pl.DataFrame, context: Context) -> Written:
    """OBSERVATION: day 0 of every person, and what is observed rather than measured."""
    elements = context.disease.catalogue.of("observation")
    known = pl.DataFrame(
        [(e.name, e.concept_id, e.unit_concept_id or None, e.field) for e in elements],
        schema={
            "element": pl.String,
            "observation_concept_id": pl.Int64,
            "unit_concept_id": pl.Int64,
            "field": pl.String,
        },
        orient="row",
    )
    rows = facts.join(known, on="element", how="left", maintain_order="left").join(
        codes(elements), on=["element", "code"], how="left", maintain_order="left"
    )
    is_event = pl.col("field") == EVENT_DATE
    rows = rows.with_columns(
        pl.when(is_event).then(pl.col("number").cast(pl.Int32)).otherwise("day").alias("day")
    )
    rows = context.dated(rows).with_columns(
        pl.when(~is_event).then("number").alias("value_as_number"),
        pl.when(pl.col("field") == "value_as_string").then("code").alias("value_as_string"),
        pl.col("value_concept_id").alias("value_as_concept_id"),
        pl.col("date").alias("observation_date"),
    )
    origins = context.anchors.select(
        "person_id",
        pl.col("anchor").alias("observation_date"),
        pl.lit(concepts.TIME_ORIGIN, pl.Int64).alias("observation_concept_id"),
        pl.lit(concepts.ORIGINS[context.origin], pl.Int64).alias("value_as_concept_id"),
    )
    every = pl.concat([origins, rows], how="diagonal_relaxed").with_columns(
        pl.lit(context.type_concept_id).alias("observation_type_concept_id")
    )
    order = ("observation_concept_id", "person_id", "observation_date")
    every = numbered(every, "observation_id", context.base, *order)
    traced = every.filter(pl.col("file").is_not_null())
    return Written.of({"observation": every}, trace("observation", traced, "observation_id"))
