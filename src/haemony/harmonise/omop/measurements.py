"""Measurements: assays, what they found, detected variants, karyotypes.

A tested finding is a row with value positive or negative; what was not tested has no row. One assay
row per person and method is linked from its findings.
"""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from haemony.harmonise.genomics import records
from haemony.harmonise.omop import concepts
from haemony.harmonise.omop.rows import Context, Written, codes, numbered, trace
from haemony.model.element import Element, ValueType


def measurements(
    stated: pl.DataFrame,
    confirmed: pl.DataFrame,
    states: Mapping[str, str],
    profiled: pl.DataFrame,
    context: Context,
) -> Written:
    """MEASUREMENT, and the omics tables beside it.

    Args:
        stated: All facts.
        confirmed: Cells that repeat a stated fact; they lead to the same row.
        states: State of each distinct karyotype text.
        profiled: Who was tested by which method in omics files.
        context: Anchors, disease and number of the contribution.
    """
    elements = context.disease.catalogue.of("measurement")
    facts = stated.filter(pl.col("element").is_in([element.name for element in elements]))
    assays = _assays(facts, elements, profiled, context)
    values = _values(facts, elements, assays, context, context.base + assays.height)
    variants, details = _variants(
        stated, context, context.base + assays.height + values.height, assays
    )
    karyotypes = _karyotypes(stated, states, context, assays)
    rows = pl.concat([assays, values, variants, details], how="diagonal_relaxed")
    rows = rows.with_columns(pl.lit(context.type_concept_id).alias("measurement_type_concept_id"))
    repeats = confirmed.select("person_id", "element", "day", "file", "row", "column").join(
        values.select("person_id", "element", "day", "measurement_id"),
        on=["person_id", "element", "day"],
    )
    return Written.of(
        {"measurement": rows, "variant": variants, "karyotype": karyotypes},
        *(
            trace("measurement", frame, "measurement_id")
            for frame in (assays, values, variants, details, repeats)
        ),
        trace("variant", variants, "variant_id"),
        trace("karyotype", karyotypes, "karyotype_id"),
    )


def _methods(elements: tuple[Element, ...]) -> pl.DataFrame:
    tested = [(e.name, e.method) for e in elements if e.method]
    return pl.DataFrame(tested, schema={"element": pl.String, "method": pl.String}, orient="row")


def _assays(
    facts: pl.DataFrame, elements: tuple[Element, ...], profiled: pl.DataFrame, context: Context
) -> pl.DataFrame:
    """One row per person and method by which anything was tested."""
    tested = facts.join(_methods(elements), on="element").select(profiled.columns)
    tested = pl.concat([tested, profiled])
    assays = tested.group_by("person_id", "method").agg(
        pl.col("day").min(),
        pl.col("file").min(),
        pl.col("row").filter(pl.col("file") == pl.col("file").min()).min(),
        pl.lit("assay").first().alias("column"),
    )
    concept = pl.col("method").replace_strict(concepts.ASSAYS, return_dtype=pl.Int64)
    return numbered(
        context.dated(assays).with_columns(
            concept.alias("measurement_concept_id"), pl.col("date").alias("measurement_date")
        ),
        "measurement_id",
        context.base,
        "method",
        "person_id",
    )


def _linked(frame: pl.DataFrame, assays: pl.DataFrame) -> pl.DataFrame:
    """Point ``measurement_event_id`` at the assay row of the person and method."""
    links = assays.select(
        "person_id", "method", pl.col("measurement_id").alias("measurement_event_id")
    )
    linked = frame.join(links, on=["person_id", "method"], how="left", maintain_order="left")
    is_linked = pl.col("measurement_event_id").is_not_null()
    return linked.with_columns(
        pl.when(is_linked)
        .then(pl.lit(concepts.MEASUREMENT_ID))
        .alias("meas_event_field_concept_id")
    )


def _values(
    facts: pl.DataFrame,
    elements: tuple[Element, ...],
    assays: pl.DataFrame,
    context: Context,
    start: int,
) -> pl.DataFrame:
    """One row per number, category or finding."""
    known = pl.DataFrame(
        [(e.name, e.concept_id, e.unit_concept_id or None) for e in elements],
        schema={
            "element": pl.String,
            "measurement_concept_id": pl.Int64,
            "unit_concept_id": pl.Int64,
        },
        orient="row",
    )
    results = pl.DataFrame(
        [
            (e.name, code, concepts.FINDING[code])
            for e in elements
            if e.type is ValueType.FINDING
            for code in e.codes
        ],
        schema={"element": pl.String, "code": pl.String, "value_concept_id": pl.Int64},
        orient="row",
    )
    coded = pl.concat([codes(elements), results])
    rows = (
        facts.join(known, on="element", how="left", maintain_order="left")
        .join(coded, on=["element", "code"], how="left", maintain_order="left")
        .join(_methods(elements), on="element", how="left", maintain_order="left")
    )
    rows = _linked(context.dated(rows), assays).with_columns(
        pl.col("number").alias("value_as_number"),
        pl.col("value_concept_id").alias("value_as_concept_id"),
        pl.col("date").alias("measurement_date"),
    )
    return numbered(rows, "measurement_id", start, "measurement_concept_id", "person_id", "day")


def _variants(
    stated: pl.DataFrame, context: Context, start: int, assays: pl.DataFrame
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """A row per detected variant, and linked rows for its allele fraction and depth."""
    catalogue = context.disease.catalogue
    called = records(stated, "variant", catalogue).filter(pl.col("variant_gene").is_not_null())
    genes = {symbol: gene.concept_id for symbol, gene in catalogue.genes.items()}
    shaped = called.rename({e.name: e.field for e in catalogue.of("variant")}).with_columns(
        pl.lit(0, pl.Int32).alias("day"),
        pl.lit("sequencing").alias("method"),
        pl.lit(concepts.VARIANT, pl.Int64).alias("measurement_concept_id"),
        pl.lit(concepts.FINDING["positive"], pl.Int64).alias("value_as_concept_id"),
        pl.col("gene")
        .replace_strict(genes, default=concepts.NO_CONCEPT, return_dtype=pl.Int64)
        .alias("measurement_source_concept_id"),
        pl.lit("variant").alias("column"),
    )
    order = ("person_id", "gene", "file", "row")
    variants = numbered(_linked(context.dated(shaped), assays), "measurement_id", start, *order)
    variants = variants.with_columns(
        pl.col("date").alias("measurement_date"), pl.col("measurement_id").alias("variant_id")
    )
    fraction = _detail(variants, "allele_fraction", concepts.ALLELE_FRACTION, concepts.PERCENT)
    depth = _detail(variants, "depth", concepts.DEPTH, None)
    details = pl.concat([fraction, depth])
    first = start + variants.height
    return variants, numbered(
        details, "measurement_id", first, "measurement_concept_id", "measurement_event_id"
    )


def _detail(variants: pl.DataFrame, field: str, concept: int, unit: int | None) -> pl.DataFrame:
    return variants.filter(pl.col(field).is_not_null()).select(
        "person_id",
        "measurement_date",
        "file",
        "row",
        pl.lit(field).alias("column"),
        pl.lit(concept, pl.Int64).alias("measurement_concept_id"),
        pl.col(field).cast(pl.Float64).alias("value_as_number"),
        pl.lit(unit, pl.Int64).alias("unit_concept_id"),
        pl.col("measurement_id").alias("measurement_event_id"),
        pl.lit(concepts.MEASUREMENT_ID, pl.Int64).alias("meas_event_field_concept_id"),
    )


def _karyotypes(
    stated: pl.DataFrame, states: Mapping[str, str], context: Context, assays: pl.DataFrame
) -> pl.DataFrame:
    """The karyotype texts, beside the assay row where metaphases were seen."""
    texts = records(stated, "karyotype", context.disease.catalogue)
    texts = texts.filter(pl.col("karyotype_iscn").is_not_null()).with_columns(
        pl.col("karyotype_iscn").alias("iscn"),
        pl.col("karyotype_iscn").replace_strict(states, return_dtype=pl.String).alias("state"),
        pl.lit("karyotype").alias("method"),
        pl.lit("karyotype").alias("column"),
    )
    links = assays.select("person_id", "method", "measurement_id")
    linked = texts.join(links, on=["person_id", "method"], how="left", maintain_order="left")
    return numbered(linked, "karyotype_id", context.base, "person_id", "file", "row")
