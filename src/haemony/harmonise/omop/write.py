"""Facts into OMOP CDM 5.4.

Each function writes one kind of row. A tested finding is a MEASUREMENT with value positive or
negative; what was not tested has no row. One assay row per person and method is linked from its
findings. The disease is a CONDITION; remission and relapse are EPISODEs of it; OBSERVATION_PERIOD
ends at last contact; DEATH holds the dead alone.

Row ids are ``contribution number × 2³² + position`` in a total order, so the same facts always get
the same ids.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from haemony.harmonise.genomics import records
from haemony.harmonise.omop import concepts
from haemony.harmonise.omop.cdm import table
from haemony.intake.contribution import Origin, SourceKind
from haemony.model.disease import Disease
from haemony.model.element import Element, ValueType

ID_SPACE = 2**32

LINEAGE = ["table_name", "row_id", "file", "row", "columns"]


@dataclass(frozen=True)
class Context:
    """What writing needs to know beside the facts.

    Attributes:
        disease: The disease and its catalogue.
        anchors: ``person_id`` and ``anchor``, the shifted date of day 0.
        origin: What day 0 stands for.
        source: Where the data come from.
        number: Number of the contribution in the lake; the upper half of every row id.
    """

    disease: Disease
    anchors: pl.DataFrame
    origin: Origin
    source: SourceKind
    number: int

    @property
    def type_concept_id(self) -> int:
        """The type concept every row carries."""
        return concepts.TYPES[self.source]

    @property
    def base(self) -> int:
        """The first row id of this contribution."""
        return self.number * ID_SPACE

    def dated(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Add ``date``: the person's day 0 plus the fact's day."""
        joined = frame.join(self.anchors, on="person_id", how="left", maintain_order="left")
        days = pl.duration(days=pl.col("day").fill_null(0))
        return joined.with_columns((pl.col("anchor") + days).alias("date")).drop("anchor")


def write(
    stated: pl.DataFrame, confirmed: pl.DataFrame, states: Mapping[str, str], context: Context
) -> dict[str, pl.DataFrame]:
    """Write facts as the tables of the lake.

    Args:
        stated: Facts, columns as in :data:`~haemony.harmonise.facts.FACTS`.
        confirmed: Cells that repeat a stated fact; they lead to the same row.
        states: State of each distinct karyotype text (``evaluable``, ``no metaphases`` …).
        context: Anchors, origin, disease and number of the contribution.

    Returns:
        Every table that has rows, ``lineage`` among them, shaped and sorted.
    """
    by_table = {
        name: stated.filter(pl.col("element").is_in([e.name for e in elements]))
        for name in {e.table for e in context.disease.catalogue.values()}
        if (elements := context.disease.catalogue.of(name))
    }
    lineage: list[pl.DataFrame] = []
    out: dict[str, pl.DataFrame] = {}
    _persons(by_table, context, out, lineage)
    _measurements(by_table, stated, confirmed, states, context, out, lineage)
    _observations(by_table["observation"], context, out, lineage)
    _conditions(context, out)
    _episodes(by_table["episode"], context, out, lineage)
    _procedures(stated, context, out, lineage)
    _follow_up(stated, context, out, lineage)
    out["lineage"] = (
        table("lineage")
        .shape(pl.concat(lineage, how="diagonal_relaxed"))
        .sort("table_name", "row_id", "file", "columns", "row")
    )
    return {name: frame for name, frame in out.items() if frame.height}


def _trace(name: str, frame: pl.DataFrame, key: str, column: str = "column") -> pl.DataFrame:
    """Lineage of rows that each come from one cell (or one row of cells)."""
    return frame.select(
        pl.lit(name).alias("table_name"),
        pl.col(key).alias("row_id"),
        "file",
        "row",
        pl.col(column).alias("columns"),
    )


def _numbered(frame: pl.DataFrame, key: str, start: int, *order: str) -> pl.DataFrame:
    """Sort totally and number the rows."""
    return frame.sort(*order, nulls_last=True, maintain_order=True).with_columns(
        (pl.int_range(pl.len(), dtype=pl.Int64) + start).alias(key)
    )


def _codes(elements: tuple[Element, ...]) -> pl.DataFrame:
    """The concept of every permitted value of these elements."""
    values = [(e.name, v.code, v.concept_id) for e in elements for v in e.values]
    schema = {"element": pl.String, "code": pl.String, "value_concept_id": pl.Int64}
    return pl.DataFrame(values, schema=schema, orient="row")


def _of(stated: pl.DataFrame, element: str) -> pl.DataFrame:
    return stated.filter(pl.col("element") == element)


def _persons(
    by_table: Mapping[str, pl.DataFrame],
    context: Context,
    out: dict[str, pl.DataFrame],
    lineage: list[pl.DataFrame],
) -> None:
    facts = by_table["person"]
    catalogue = context.disease.catalogue
    sex = _of(facts, "sex").join(_codes(catalogue.of("person")), on=["element", "code"], how="left")
    age = _of(by_table["observation"], "age_at_diagnosis").select("person_id", "number")
    sites = _of(facts, "centre").select(
        "person_id",
        "code",
        pl.col("code").str.to_integer(base=16, strict=False).alias("care_site_id"),
    )
    persons = (
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
    out["person"] = table("person").shape(persons).sort("person_id")
    named = sites.unique("care_site_id").rename({"code": "care_site_name"})
    out["care_site"] = table("care_site").shape(named).sort("care_site_id")
    lineage.append(_trace("person", facts, "person_id"))


def _measurements(
    by_table: Mapping[str, pl.DataFrame],
    stated: pl.DataFrame,
    confirmed: pl.DataFrame,
    states: Mapping[str, str],
    context: Context,
    out: dict[str, pl.DataFrame],
    lineage: list[pl.DataFrame],
) -> None:
    elements = context.disease.catalogue.of("measurement")
    facts = by_table["measurement"]
    assays = _assays(facts, elements, context)
    values = _values(facts, elements, assays, context, context.base + assays.height)
    variants, details = _variants(
        stated, context, context.base + assays.height + values.height, assays
    )
    karyotypes = _karyotypes(stated, states, context, assays)
    rows = pl.concat([assays, values, variants, details], how="diagonal_relaxed")
    rows = rows.with_columns(pl.lit(context.type_concept_id).alias("measurement_type_concept_id"))
    order = ("measurement_concept_id", "person_id", "measurement_id")
    out["measurement"] = table("measurement").shape(rows).sort(order)
    out["variant"] = table("variant").shape(variants).sort("variant_id")
    out["karyotype"] = table("karyotype").shape(karyotypes).sort("karyotype_id")
    repeats = confirmed.select("person_id", "element", "day", "file", "row", "column").join(
        values.select("person_id", "element", "day", "measurement_id"),
        on=["person_id", "element", "day"],
    )
    for frame in (assays, values, variants, details, repeats):
        lineage.append(_trace("measurement", frame, "measurement_id"))
    lineage.append(_trace("variant", variants, "variant_id"))
    lineage.append(_trace("karyotype", karyotypes, "karyotype_id"))


def _methods(elements: tuple[Element, ...]) -> pl.DataFrame:
    tested = [(e.name, e.method) for e in elements if e.method]
    return pl.DataFrame(tested, schema={"element": pl.String, "method": pl.String}, orient="row")


def _assays(facts: pl.DataFrame, elements: tuple[Element, ...], context: Context) -> pl.DataFrame:
    """One row per person and method by which at least one finding was tested."""
    tested = facts.join(_methods(elements), on="element")
    assays = tested.group_by("person_id", "method").agg(
        pl.col("day").min(),
        pl.col("file").min(),
        pl.col("row").filter(pl.col("file") == pl.col("file").min()).min(),
        pl.lit("assay").first().alias("column"),
    )
    concept = pl.col("method").replace_strict(concepts.ASSAYS, return_dtype=pl.Int64)
    return _numbered(
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
    coded = pl.concat([_codes(elements), results])
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
    return _numbered(rows, "measurement_id", start, "measurement_concept_id", "person_id", "day")


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
    variants = _numbered(_linked(context.dated(shaped), assays), "measurement_id", start, *order)
    variants = variants.with_columns(
        pl.col("date").alias("measurement_date"), pl.col("measurement_id").alias("variant_id")
    )
    fraction = _detail(variants, "allele_fraction", concepts.ALLELE_FRACTION, concepts.PERCENT)
    depth = _detail(variants, "depth", concepts.DEPTH, None)
    details = pl.concat([fraction, depth])
    first = start + variants.height
    return variants, _numbered(
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
    return _numbered(linked, "karyotype_id", context.base, "person_id", "file", "row")


def _observations(
    facts: pl.DataFrame,
    context: Context,
    out: dict[str, pl.DataFrame],
    lineage: list[pl.DataFrame],
) -> None:
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
        _codes(elements), on=["element", "code"], how="left", maintain_order="left"
    )
    rows = context.dated(rows).with_columns(
        pl.col("number").alias("value_as_number"),
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
    every = _numbered(every, "observation_id", context.base, *order)
    out["observation"] = table("observation").shape(every)
    lineage.append(
        _trace("observation", every.filter(pl.col("file").is_not_null()), "observation_id")
    )


def _conditions(context: Context, out: dict[str, pl.DataFrame]) -> None:
    """Every person of the contribution has the disease, known at day 0."""
    rows = context.anchors.select(
        "person_id",
        pl.col("anchor").alias("condition_start_date"),
        pl.lit(context.disease.condition_concept_id).alias("condition_concept_id"),
        pl.lit(context.type_concept_id).alias("condition_type_concept_id"),
    )
    numbered = _numbered(rows, "condition_occurrence_id", context.base, "person_id")
    out["condition_occurrence"] = table("condition_occurrence").shape(numbered)


def _episodes(
    facts: pl.DataFrame,
    context: Context,
    out: dict[str, pl.DataFrame],
    lineage: list[pl.DataFrame],
) -> None:
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
        pl.lit(context.disease.condition_concept_id).alias("episode_object_concept_id"),
        pl.lit(context.type_concept_id).alias("episode_type_concept_id"),
    )
    order = ("person_id", "episode_start_date", "episode_concept_id")
    rows = _numbered(rows, "episode_id", context.base, *order)
    rows = rows.with_columns(
        (pl.int_range(pl.len(), dtype=pl.Int64) + 1)
        .over("person_id", "episode_concept_id")
        .alias("episode_number")
    )
    out["episode"] = table("episode").shape(rows)
    conditions = out["condition_occurrence"].select(
        "person_id", pl.col("condition_occurrence_id").alias("event_id")
    )
    ties = rows.join(conditions, on="person_id", maintain_order="left").with_columns(
        pl.lit(concepts.CONDITION_ID).alias("episode_event_field_concept_id")
    )
    out["episode_event"] = table("episode_event").shape(ties)
    lineage.append(_trace("episode", rows, "episode_id"))


def _procedures(
    stated: pl.DataFrame,
    context: Context,
    out: dict[str, pl.DataFrame],
    lineage: list[pl.DataFrame],
) -> None:
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
    rows = _numbered(rows, "procedure_occurrence_id", context.base, *order)
    out["procedure_occurrence"] = table("procedure_occurrence").shape(rows)
    lineage.append(_trace("procedure_occurrence", rows, "procedure_occurrence_id"))


def _follow_up(
    stated: pl.DataFrame,
    context: Context,
    out: dict[str, pl.DataFrame],
    lineage: list[pl.DataFrame],
) -> None:
    """The observation period ends at last contact; the dead died on that day.

    A person without a day of last contact is observed until their last dated event, and the
    period's type says that it was derived.
    """
    contact = _of(stated, "last_contact_day")
    known = contact.select("person_id", pl.col("number").cast(pl.Int32).alias("day"))
    events = pl.concat(
        [
            out["measurement"].select("person_id", pl.col("measurement_date").alias("event")),
            out["episode"].select("person_id", pl.col("episode_start_date").alias("event")),
            out["procedure_occurrence"].select(
                "person_id", pl.col("procedure_date").alias("event")
            ),
        ]
    )
    last = events.group_by("person_id").agg(pl.col("event").max())
    periods = context.dated(
        context.anchors.select("person_id").join(known, on="person_id", how="left")
    )
    periods = periods.join(last, on="person_id", how="left").join(context.anchors, on="person_id")
    stated_end = pl.col("day").is_not_null()
    periods = periods.with_columns(
        pl.col("anchor").alias("observation_period_start_date"),
        pl.when(stated_end)
        .then(pl.col("date"))
        .otherwise(pl.max_horizontal("anchor", "event"))
        .alias("observation_period_end_date"),
        pl.when(stated_end)
        .then(pl.lit(context.type_concept_id))
        .otherwise(pl.lit(concepts.DERIVED_PERIOD))
        .alias("period_type_concept_id"),
    )
    periods = _numbered(periods, "observation_period_id", context.base, "person_id")
    out["observation_period"] = table("observation_period").shape(periods)
    dead = (
        _of(stated, "vital_status")
        .filter(pl.col("code") == "dead")
        .select("person_id", "file", "row", "column")
    )
    deaths = dead.join(periods, on="person_id").with_columns(
        pl.col("date").alias("death_date"),
        pl.lit(context.type_concept_id).alias("death_type_concept_id"),
    )
    out["death"] = table("death").shape(deaths).sort("person_id")
    traced = contact.join(periods.select("person_id", "observation_period_id"), on="person_id")
    lineage.append(_trace("observation_period", traced, "observation_period_id"))
    lineage.append(_trace("death", deaths, "person_id"))
