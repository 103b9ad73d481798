"""Expression matrices and copy-number segments as tables of the lake, each beside its assay row.

A matrix has one row per person, its values in the order of the probes of its contribution: a person
who withdraws takes one row along, and a whole matrix is read in one go.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import polars as pl

from haemony.harmonise.copynumber import Measure, arm_calls
from haemony.harmonise.expression import gene_of
from haemony.harmonise.facts import COUNTS
from haemony.harmonise.omop import concepts
from haemony.harmonise.omop.rows import Context, Written, numbered, trace
from haemony.intake.readers.copynumber import copies_of
from haemony.privacy.omics import COLUMN, EXPRESSION, SEGMENTS, Profiles
from haemony.privacy.payload import ROW
from haemony.privacy.protect import PERSON

METHODS = {EXPRESSION: "expression", SEGMENTS: "copy number"}
"""The assay by which each kind of file was made."""

_SEX = ("X", "Y")
"""Chromosomes without arm calls: what is normal depends on sex and on the reference."""


def tested(profiles: Iterable[Profiles]) -> pl.DataFrame:
    """Who was tested by these files: ``person_id``, ``method``, ``day``, ``file``, ``row``."""
    schema = {PERSON: pl.Int64, "method": pl.String, "day": pl.Int32}
    nobody = pl.DataFrame(schema={**schema, "file": pl.String, "row": pl.Int64})
    frames = [
        each.frame.select(
            PERSON,
            pl.lit(METHODS[each.element]).alias("method"),
            pl.lit(0, pl.Int32).alias("day"),
            pl.lit(each.file).alias("file"),
            pl.col(ROW).alias("row"),
        )
        for each in profiles
    ]
    return pl.concat([nobody, *frames])


def omics(
    profiles: Iterable[Profiles], tables: Mapping[str, pl.DataFrame], context: Context
) -> Written:
    """EXPRESSION with its probes, SEGMENT, and the arms called from segments.

    Args:
        profiles: What the omics files say.
        tables: The tables written so far; assay rows are among the measurements.
        context: The number of the contribution.
    """
    out = Written({})
    for each in profiles:
        concept = concepts.ASSAYS[METHODS[each.element]]
        assay = pl.col("measurement_concept_id") == concept
        assays = tables["measurement"].filter(assay).select(PERSON, "measurement_id")
        rows = each.frame.rename({ROW: "row", COLUMN: "column"})
        rows = rows.with_columns(pl.lit(each.file).alias("file"))
        rows = rows.join(assays, on=PERSON, how="left", maintain_order="left")
        write = _expression if each.element == EXPRESSION else _segments
        out |= write(each, rows, context)
    return out


def _expression(given: Profiles, rows: pl.DataFrame, context: Context) -> Written:
    named = rows.with_columns(
        pl.lit(given.scale).alias("scale"), pl.col("values").alias("expression_values")
    )
    matrix = numbered(named, "expression_id", context.base, PERSON)
    genes = {text: gene_of(text) for text in given.probes["symbol"].unique().drop_nulls()}
    probes = given.probes.rename({ROW: "row", COLUMN: "column"}).with_columns(
        pl.lit(given.file).alias("file"),
        pl.col("symbol").replace_strict(genes, default=None, return_dtype=pl.String).alias("gene"),
    )
    key = "expression_probe_id"
    probes = numbered(probes.with_row_index("place"), key, context.base, "place")
    return Written.of(
        {"expression": matrix, "expression_probe": probes},
        trace("expression", _traced(matrix), "expression_id"),
        trace("expression_probe", _traced(probes), key),
    )


def _traced(rows: pl.DataFrame) -> pl.DataFrame:
    """A sample or probe is a row of the file or a column of it."""
    whole = pl.when(pl.col("column") == "").then(pl.lit("expression")).otherwise("column")
    return rows.with_columns(whole.alias("column"))


def _segments(given: Profiles, rows: pl.DataFrame, context: Context) -> Written:
    copies = copies_of(pl.col("value"), Measure(given.scale)).alias("copies")
    stated = rows.with_columns(
        copies,
        (pl.col("start") + 1).alias("start_position"),
        pl.col("end").alias("end_position"),
        pl.lit(given.assembly).alias("assembly"),
        pl.lit(given.scale).alias("measure"),
        pl.lit(SEGMENTS).alias("column"),
    )
    order = (PERSON, "chromosome", "start_position")
    segments = numbered(stated, "segment_id", context.base, *order)
    arms = _arms(segments, given.assembly, context)
    return Written.of(
        {"segment": segments, "arm_call": arms},
        trace("segment", segments, "segment_id"),
        trace("arm_call", arms, "arm_call_id"),
    )


def _arms(segments: pl.DataFrame, assembly: str, context: Context) -> pl.DataFrame:
    """Every autosomal arm of everybody with segments."""
    people = segments.unique(PERSON, keep="first", maintain_order=True)
    whose = people.select(
        pl.col(PERSON).cast(pl.String).alias("sample"), PERSON, "measurement_id", "file", "row"
    )
    called = arm_calls(
        segments.with_columns(pl.col(PERSON).cast(pl.String).alias("sample")), assembly
    )
    sexual = pl.col("arm").str.head(1).is_in(_SEX)
    rows = called.filter(~sexual).join(whose, on="sample", how="left", maintain_order="left")
    rows = rows.with_columns(pl.lit("arms called from segments").alias("column"))
    return numbered(rows, "arm_call_id", context.base, PERSON)


def account(profiles: Iterable[Profiles], tables: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    """What became of the samples of a matrix and of the rows of segments, as cells of columns."""
    written = {EXPRESSION: "expression", SEGMENTS: "segment"}
    rows = []
    for each in profiles:
        kept = tables[written[each.element]].height if each.frame.height else 0
        rows.append((each.file, each.element, each.element, each.frame.height, 0, kept, 0))
    return pl.DataFrame(rows, schema=COUNTS, orient="row")
