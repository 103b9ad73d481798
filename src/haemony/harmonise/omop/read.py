"""OMOP back into facts, through the same elements that wrote them.

The law of the lake: what was written comes back unchanged, with every ``*_source_value`` blanked.
Every reader below is the mirror of a writer in :mod:`haemony.harmonise.omop.write`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import polars as pl

from haemony.harmonise.omop import concepts
from haemony.harmonise.omop.persons import EVENT_DATE
from haemony.model.element import Element, ValueType

Scan = Callable[[str], pl.LazyFrame]
"""Gives a table of the lake by name."""

READ = pl.Schema(
    {
        "person_id": pl.Int64,
        "element": pl.String,
        "day": pl.Int32,
        "number": pl.Float64,
        "code": pl.String,
    }
)
"""A fact as it comes back: the columns of a written fact less its lineage."""


def read(elements: Iterable[Element], scan: Scan) -> pl.DataFrame:
    """Read facts of these elements.

    Args:
        elements: What to read; one pass over each table, however many elements it holds.
        scan: Gives the tables.

    Returns:
        Facts, columns as in :data:`READ`, sorted by element, person and day.
    """
    by_table: dict[str, list[Element]] = {}
    for element in elements:
        by_table.setdefault(element.table, []).append(element)
    frames = [_READERS[name](wanted, scan) for name, wanted in by_table.items()]
    empty = pl.LazyFrame(schema=READ)
    facts = pl.concat([empty, *(frame.select(READ.names()).cast(READ) for frame in frames)])
    return facts.collect().sort("element", "person_id", "day", "number", "code")


def lines(drug: Element, scan: Scan) -> pl.DataFrame:
    """Lines of treatment with their drugs, as `Release.lines_of_treatment` gives them.

    Args:
        drug: The element that names substances.
        scan: Gives the tables.
    """
    names = {value.concept_id: value.code for value in drug.values}
    mine = scan("episode").filter(pl.col("episode_concept_id") == concepts.LINE_OF_TREATMENT)
    days = (pl.col("episode_end_date") - pl.col("episode_start_date")).dt.total_days()
    told = _since_anchor(mine, "episode_start_date", scan).select(
        "episode_id",
        "person_id",
        pl.col("episode_number").alias("line"),
        pl.col("episode_source_value").alias("regimen"),
        pl.col("day").alias("start"),
        (pl.col("day") + days).cast(pl.Int32).alias("end"),
    )
    given = scan("drug_exposure").select(
        pl.col("drug_exposure_id").alias("event_id"),
        pl.col("drug_concept_id").replace_strict(names, default=None).alias("drugs"),
    )
    ties = scan("episode_event").join(given, on="event_id").group_by("episode_id")
    drugs = ties.agg(pl.col("drugs").unique().sort())
    whole = told.join(drugs, on="episode_id", how="left").drop("episode_id")
    return whole.sort("person_id", "line").collect()


def anchors(scan: Scan) -> pl.LazyFrame:
    """Day 0 of every person: ``person_id``, ``anchor``."""
    origin = pl.col("observation_concept_id") == concepts.TIME_ORIGIN
    return (
        scan("observation")
        .filter(origin)
        .select("person_id", pl.col("observation_date").alias("anchor"))
    )


def _since_anchor(frame: pl.LazyFrame, date: str, scan: Scan) -> pl.LazyFrame:
    days = (pl.col(date) - pl.col("anchor")).dt.total_days().cast(pl.Int32)
    return frame.join(anchors(scan), on="person_id", how="left").with_columns(days.alias("day"))


def _table(rows: list[tuple[object, ...]], **schema: type[pl.DataType]) -> pl.LazyFrame:
    return pl.LazyFrame(rows, schema=schema, orient="row")


def _codes(elements: list[Element]) -> pl.LazyFrame:
    rows: list[tuple[object, ...]] = [
        (e.name, v.concept_id, v.code) for e in elements for v in e.values
    ]
    rows += [
        (e.name, concept, code)
        for e in elements
        if e.type is ValueType.FINDING
        for code, concept in concepts.FINDING.items()
    ]
    return _table(rows, element=pl.String, value_as_concept_id=pl.Int64, code=pl.String)


def _clinical(elements: list[Element], scan: Scan, table: str) -> pl.LazyFrame:
    """Numbers, categories, findings and texts of MEASUREMENT or OBSERVATION."""
    concept = f"{table}_concept_id"
    known = _table(
        [(e.concept_id, e.name) for e in elements], **{concept: pl.Int64}, element=pl.String
    )
    text = pl.col("value_as_string") if table == "observation" else pl.lit(None, pl.String)
    rows = (
        scan(table)
        .filter(pl.col(concept).is_in([e.concept_id for e in elements]))
        .join(known, on=concept)
        .join(_codes(elements), on=["element", "value_as_concept_id"], how="left")
    )
    return _since_anchor(rows, f"{table}_date", scan).with_columns(
        pl.col("value_as_number").alias("number"), pl.coalesce("code", text).alias("code")
    )


def _measurement(elements: list[Element], scan: Scan) -> pl.LazyFrame:
    return _clinical(elements, scan, "measurement")


def _observation(elements: list[Element], scan: Scan) -> pl.LazyFrame:
    events = [element for element in elements if element.field == EVENT_DATE]
    others = [element for element in elements if element.field != EVENT_DATE]
    frames = [_event(element, scan) for element in events]
    if others:
        frames.append(_clinical(others, scan, "observation").select(READ.names()).cast(READ))
    return pl.concat(frames)


def _event(element: Element, scan: Scan) -> pl.LazyFrame:
    """The days on which an event happened that is no episode of the disease."""
    mine = scan("observation").filter(pl.col("observation_concept_id") == element.concept_id)
    return _day_as_number(_since_anchor(mine, "observation_date", scan), element)


def _person(elements: list[Element], scan: Scan) -> pl.LazyFrame:
    frames = []
    persons = scan("person")
    for element in elements:
        if element.field == "gender_concept_id":
            codes = {value.concept_id: value.code for value in element.values}
            code = pl.col(element.field).replace_strict(codes, default=None, return_dtype=pl.String)
            rows = persons.select("person_id", code.alias("code"))
        else:
            sites = (
                scan("care_site").select("care_site_id", "care_site_name").unique("care_site_id")
            )
            rows = persons.join(sites, on="care_site_id").select(
                "person_id", pl.col("care_site_name").alias("code")
            )
        frames.append(_stated(rows.filter(pl.col("code").is_not_null()), element))
    return pl.concat(frames)


def _stated(rows: pl.LazyFrame, element: Element) -> pl.LazyFrame:
    """Complete facts that have no day of their own: they belong to day 0."""
    have = rows.collect_schema().names()
    blank = [
        pl.lit(None, READ[name]).alias(name) for name in ("number", "code") if name not in have
    ]
    facts = rows.with_columns(
        pl.lit(element.name).alias("element"), pl.lit(0, pl.Int32).alias("day"), *blank
    )
    return facts.select(READ.names()).cast(READ)


def _day_as_number(rows: pl.LazyFrame, element: Element) -> pl.LazyFrame:
    return _stated(
        rows.select("person_id", pl.col("day").cast(pl.Float64).alias("number")), element
    )


def _episode(elements: list[Element], scan: Scan) -> pl.LazyFrame:
    frames = []
    for element in elements:
        subtype = element.values[0].concept_id if element.values else None
        mine = (pl.col("episode_concept_id") == element.concept_id) & pl.col(
            "episode_source_concept_id"
        ).eq_missing(pl.lit(subtype, pl.Int64))
        rows = _since_anchor(scan("episode").filter(mine), "episode_start_date", scan)
        frames.append(_day_as_number(rows, element))
    return pl.concat(frames)


def _follow_up(elements: list[Element], scan: Scan) -> pl.LazyFrame:
    """Last contact: the end of the periods whose end was stated, not derived."""
    stated = scan("observation_period").filter(
        pl.col("period_type_concept_id") != concepts.DERIVED_PERIOD
    )
    rows = _since_anchor(stated, "observation_period_end_date", scan)
    return pl.concat([_day_as_number(rows, element) for element in elements])


def _condition(elements: list[Element], scan: Scan) -> pl.LazyFrame:
    """Which disease a person has."""
    return _coded_field(elements, scan, "condition_occurrence")


def _coded_field(elements: list[Element], scan: Scan, table: str) -> pl.LazyFrame:
    """Categories that are each one concept field of a row."""
    frames = []
    for element in elements:
        codes = {value.concept_id: value.code for value in element.values}
        code = pl.col(element.field).replace_strict(codes, default=None, return_dtype=pl.String)
        rows = scan(table).select("person_id", code.alias("code"))
        frames.append(_stated(rows.filter(pl.col("code").is_not_null()), element))
    return pl.concat(frames)


def _death(elements: list[Element], scan: Scan) -> pl.LazyFrame:
    """Whether a person died, and of what."""
    causes = [element for element in elements if element.field == "cause_concept_id"]
    status = [element for element in elements if element not in causes]
    frames = [pl.LazyFrame(schema=READ)]
    if status:
        frames.append(_vital_status(status, scan))
    if causes:
        frames.append(_coded_field(causes, scan, "death"))
    return pl.concat(frames)


def _vital_status(elements: list[Element], scan: Scan) -> pl.LazyFrame:
    """Dead where DEATH has a row; alive where follow-up was stated and DEATH has none."""
    silent = [concepts.DERIVED_PERIOD, concepts.STATUS_UNKNOWN]
    followed = scan("observation_period").filter(~pl.col("period_type_concept_id").is_in(silent))
    dead = scan("death").select("person_id", pl.lit("dead").alias("code"))
    status = followed.select("person_id").join(dead, on="person_id", how="left")
    rows = status.with_columns(pl.col("code").fill_null("alive"))
    return pl.concat([_stated(rows, element) for element in elements])


def _procedure(elements: list[Element], scan: Scan) -> pl.LazyFrame:
    return _dated_record(elements, scan, "procedure_occurrence")


def _drug(elements: list[Element], scan: Scan) -> pl.LazyFrame:
    return _dated_record(elements, scan, "drug_exposure")


def _dated_record(elements: list[Element], scan: Scan, table: str) -> pl.LazyFrame:
    """Days and coded fields of rows that have both."""
    frames = [pl.LazyFrame(schema=READ)]
    days = [element for element in elements if element.type is ValueType.DAY]
    coded = [element for element in elements if element.type is not ValueType.DAY]
    for element in days:
        told = scan(table).filter(pl.col(element.field).is_not_null())
        frames.append(_day_as_number(_since_anchor(told, element.field, scan), element))
    if coded:
        frames.append(_coded_field(coded, scan, table))
    return pl.concat(frames)


def _record(elements: list[Element], scan: Scan) -> pl.LazyFrame:
    """Variants and karyotypes: each element is one field of the row."""
    frames = []
    for element in elements:
        name = "number" if element.type.is_numeric else "code"
        value = pl.col(element.field).alias(name)
        rows = scan(element.table).select("person_id", value).filter(pl.col(name).is_not_null())
        frames.append(_stated(rows.cast({name: READ[name]}), element))
    return pl.concat(frames)


_READERS: dict[str, Callable[[list[Element], Scan], pl.LazyFrame]] = {
    "measurement": _measurement,
    "observation": _observation,
    "person": _person,
    "episode": _episode,
    "observation_period": _follow_up,
    "death": _death,
    "condition_occurrence": _condition,
    "procedure_occurrence": _procedure,
    "drug_exposure": _drug,
    "variant": _record,
    "karyotype": _record,
}
