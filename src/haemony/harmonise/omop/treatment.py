"""What was given: drugs as they were stated, and the lines of treatment that rules see in them.

A drug is a row of DRUG_EXPOSURE. A line is an EPISODE, tied to its drugs by EPISODE_EVENT; nobody
stated it, so its type says that an algorithm made it (Observational Medical Outcomes Partnership,
oncology extension of CDM 5.4).
"""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from haemony.harmonise.genomics import records
from haemony.harmonise.omop import concepts
from haemony.harmonise.omop.rows import Context, Written, numbered, trace
from haemony.harmonise.regimens import lines_of

TABLE = "drug_exposure"


def drugs(stated: pl.DataFrame, context: Context) -> Written:
    """Substance, start and end of one source row make one exposure.

    The CDM asks for an end; where none is stated it is the start, and the verbatim end stays empty.
    """
    catalogue = context.disease.catalogue
    known = {value.code: value.concept_id for value in catalogue["drug"].values}
    rows = records(stated, TABLE, catalogue).filter(pl.col("drug_day").is_not_null())
    first, last = pl.col("drug_day").cast(pl.Int32), pl.col("drug_end_day").cast(pl.Int32)
    rows = context.dated(rows.with_columns(first.alias("day")))
    end = pl.col("date") + pl.duration(days=last - first)
    rows = rows.with_columns(
        pl.col("drug")
        .replace_strict(known, default=concepts.NO_CONCEPT, return_dtype=pl.Int64)
        .alias("drug_concept_id"),
        pl.col("date").alias("drug_exposure_start_date"),
        end.alias("verbatim_end_date"),
        pl.max_horizontal("date", end).alias("drug_exposure_end_date"),
        pl.lit(context.type_concept_id).alias("drug_type_concept_id"),
        pl.lit("drug").alias("column"),
    )
    order = ("person_id", "drug_exposure_start_date", "drug_concept_id", "file", "row")
    rows = numbered(rows, "drug_exposure_id", context.base, *order)
    return Written.of({TABLE: rows}, trace(TABLE, rows, "drug_exposure_id"))


def with_lines(
    written: Mapping[str, pl.DataFrame], lineage: pl.DataFrame, context: Context
) -> Written:
    """The lines of treatment, beside the episodes of the disease that are there.

    Args:
        written: Tables written so far, DRUG_EXPOSURE, PROCEDURE_OCCURRENCE and EPISODE among them.
        lineage: Where the rows of DRUG_EXPOSURE came from.
        context: With what they were written.

    Returns:
        EPISODE and EPISODE_EVENT with the lines added; ids go on after those of the disease.
    """
    episodes, ties = written["episode"], written["episode_event"]
    given = _since_day_0(written[TABLE], "drug_exposure_start_date", context).select(
        pl.col("drug_exposure_id").alias("row"),
        "person_id",
        pl.col("drug_concept_id").cast(pl.String).alias("drug"),
        pl.col("day").alias("start"),
        (pl.col("day") + (pl.col("drug_exposure_end_date") - pl.col("date")).dt.total_days())
        .cast(pl.Int32)
        .alias("end"),
    )
    done = _since_day_0(written["procedure_occurrence"], "procedure_date", context)
    transplants = {
        person: days.to_list() for person, days in done.group_by("person_id").agg("day").iter_rows()
    }
    lines = lines_of(given, disease=context.disease.code, transplants=transplants).lines
    return _written(lines, lineage, episodes, ties, context)


def _since_day_0(frame: pl.DataFrame, date: str, context: Context) -> pl.DataFrame:
    joined = frame.join(context.anchors, on="person_id", how="left", maintain_order="left")
    days = (pl.col(date) - pl.col("anchor")).dt.total_days().cast(pl.Int32)
    return joined.with_columns(days.alias("day"), pl.col(date).alias("date"))


def _written(
    lines: pl.DataFrame,
    lineage: pl.DataFrame,
    episodes: pl.DataFrame,
    ties: pl.DataFrame,
    context: Context,
) -> Written:
    rows = context.dated(lines.with_columns(pl.col("start").alias("day")))
    rows = rows.with_columns(
        pl.lit(concepts.LINE_OF_TREATMENT).alias("episode_concept_id"),
        pl.lit(concepts.NO_CONCEPT).alias("episode_object_concept_id"),
        pl.lit(concepts.INFERRED).alias("episode_type_concept_id"),
        pl.col("date").alias("episode_start_date"),
        (pl.col("date") + pl.duration(days=pl.col("end") - pl.col("start"))).alias(
            "episode_end_date"
        ),
        pl.col("line").cast(pl.Int64).alias("episode_number"),
        pl.col("regimen").replace("", None).alias("episode_source_value"),
    )
    start = context.base + episodes.height
    rows = numbered(rows, "episode_id", start, "person_id", "episode_number")
    drawn = rows.select("episode_id", pl.col("rows").alias("event_id")).explode("event_id")
    drawn = drawn.with_columns(pl.lit(concepts.DRUG_ID).alias("episode_event_field_concept_id"))
    seen = drawn.join(lineage, left_on="event_id", right_on="row_id", maintain_order="left")
    first = seen.unique("episode_id", keep="first", maintain_order=True)
    return Written.of(
        {
            "episode": pl.concat([episodes, rows], how="diagonal_relaxed"),
            "episode_event": pl.concat([ties, drawn], how="diagonal_relaxed"),
        },
        trace("episode", first.rename({"columns": "column"}), "episode_id"),
    )
