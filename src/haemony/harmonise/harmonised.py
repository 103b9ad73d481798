"""The harmonisation of one contribution, told once: columns → facts → findings → OMOP."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from haemony.harmonise import cytogenetics, genomics
from haemony.harmonise.facts import account, state
from haemony.harmonise.omop import omics
from haemony.harmonise.omop.write import Context, write
from haemony.intake.contribution import DESCRIPTION, Origin
from haemony.model.disease import DIAGNOSIS, Disease, UnknownDiagnosis
from haemony.model.element import RECORD_TABLES
from haemony.privacy.payload import ROW, SET_ASIDE
from haemony.privacy.protect import PERSON, Protected

TRANSPLANT = RECORD_TABLES["procedure_occurrence"]

COMPARISON = pl.Schema(
    {
        "element": pl.String,
        "stated_by": pl.String,
        "derived_from": pl.String,
        "both": pl.Int64,
        "agree": pl.Int64,
        "only_stated": pl.Int64,
        "only_derived": pl.Int64,
    }
)
"""How often a finding stated by a column agrees with the one derived from calls or karyotypes. Of a
category, every disagreement counts as *only stated*."""

DIFFERING = pl.Schema(
    {"person_id": pl.Int64, "element": pl.String, "file": pl.String, "row": pl.Int64}
)
"""Where a stated finding disagrees with the derived one."""


@dataclass(frozen=True)
class Harmonised:
    """A contribution in the language of the lake.

    Attributes:
        protected: What it came from.
        disease: Whose elements it was harmonised with.
        facts: Its facts, stated and derived.
        confirmed: Cells that say the same as a stated fact.
        context: Anchors, origin and number it is written with.
        tables: Its OMOP and omics tables, ``lineage`` and ``set_aside`` among them.
        account: What became of the cells of every mapped column.
        comparison: Agreement of stated with derived findings, columns as in :data:`COMPARISON`.
        differing: The rows that state what is not derived, columns as in :data:`DIFFERING`.
    """

    protected: Protected
    disease: Disease
    facts: pl.DataFrame
    confirmed: pl.DataFrame
    context: Context
    tables: Mapping[str, pl.DataFrame]
    account: pl.DataFrame
    comparison: pl.DataFrame
    differing: pl.DataFrame

    def tables_of(self, facts: pl.DataFrame) -> dict[str, pl.DataFrame]:
        """The tables that only some of its facts make."""
        states = cytogenetics.states(facts)
        return write(facts, self.confirmed, states, self.protected.profiles, self.context)


def to_omop(protected: Protected, disease: Disease, number: int) -> Harmonised:
    """Harmonise a protected contribution.

    Args:
        protected: The contribution without identities.
        disease: Its disease: elements, rules, endpoints.
        number: Number of the contribution in the lake; part of every row id.
    """
    catalogue = disease.catalogue
    given = state(protected, catalogue)
    stated, rejected = genomics.drop_rejected(given.stated)
    named = genomics.approve_symbols(protected, stated, catalogue)
    stated, misplaced = genomics.drop_misplaced(named.stated, catalogue)
    stated, unanchored = _anchored_status(stated)
    stated, alive = _causes_of_deaths(stated)
    stated = pl.concat([stated, _transplants(protected, stated)])
    stated, headless = _complete_records(stated, disease)
    derived = _derive(protected, disease, stated, named.untold)
    is_stated = pl.col("element").is_in(stated["element"].unique().implode())
    facts = pl.concat([stated, derived.filter(~is_stated), _diagnoses(protected, disease, stated)])
    aside = pl.concat([protected.set_aside, given.set_aside, rejected, named.set_aside])
    aside = pl.concat([aside, misplaced, unanchored, alive, headless])
    described = protected.description
    context = Context(disease, protected.anchors, described.origin, described.source, number)
    states, profiles = cytogenetics.states(stated), protected.profiles
    tables = write(facts, given.confirmed, states, profiles, context)
    tables["set_aside"] = aside.sort("file", "row", "column", "element", "stage")
    return Harmonised(
        protected,
        disease,
        facts,
        given.confirmed,
        context,
        tables,
        pl.concat(
            [
                account(given.cells, (stated, given.confirmed), aside),
                omics.account(profiles, tables),
            ]
        ),
        *_compare(stated, derived.filter(is_stated)),
    )


def _derive(
    protected: Protected, disease: Disease, stated: pl.DataFrame, untold: pl.DataFrame
) -> pl.DataFrame:
    """Every finding that calls and karyotypes give, also those that the source states itself."""
    from_calls = genomics.findings(protected, stated, untold, disease.catalogue)
    from_karyotypes = cytogenetics.findings(stated, disease.catalogue)
    return pl.concat([from_calls, from_karyotypes])


def _diagnoses(protected: Protected, disease: Disease, stated: pl.DataFrame) -> pl.DataFrame:
    """The disease of the contribution, for everybody of whom it states no other."""
    general = protected.description.diagnosis or disease.diagnosis
    if general not in disease.catalogue[DIAGNOSIS].codes:
        raise UnknownDiagnosis(general)
    told = stated.filter(pl.col("element") == DIAGNOSIS)["person_id"]
    others = protected.anchors.filter(~pl.col("person_id").is_in(told.implode()))
    return others.select(
        "person_id",
        pl.lit(DIAGNOSIS).alias("element"),
        pl.lit(0, pl.Int32).alias("day"),
        pl.lit(None, pl.Float64).alias("number"),
        pl.lit(general).alias("code"),
        pl.lit(DESCRIPTION).alias("file"),
        pl.lit(None, pl.Int64).alias("row"),
        pl.lit("disease").alias("column"),
    )


def _transplants(protected: Protected, stated: pl.DataFrame) -> pl.DataFrame:
    """Where day 0 is the transplant, everybody of whom no other day is stated had one on it."""
    if protected.description.origin is not Origin.TRANSPLANT:
        return stated.clear()
    told = stated.filter(pl.col("element") == TRANSPLANT)["person_id"]
    rows = [
        table.frame.select(PERSON, pl.lit(table.file).alias("file"), pl.col(ROW).alias("row"))
        for table in protected.tables.values()
    ]
    first = pl.concat(rows).unique(PERSON, keep="first", maintain_order=True)
    return first.filter(~pl.col(PERSON).is_in(told.implode())).select(
        PERSON,
        pl.lit(TRANSPLANT).alias("element"),
        pl.lit(0, pl.Int32).alias("day"),
        pl.lit(0.0).alias("number"),
        pl.lit(None, pl.String).alias("code"),
        "file",
        pl.col("row").cast(pl.Int64),
        pl.lit("timeline.origin").alias("column"),
    )


def _causes_of_deaths(stated: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Keep aside the cause of a death that is not known to have happened."""
    dead = stated.filter((pl.col("element") == "vital_status") & (pl.col("code") == "dead"))
    cause = pl.col("element") == "cause_of_death"
    lost = cause & ~pl.col("person_id").is_in(dead["person_id"].implode())
    reason = pl.lit("a cause of death of a person who is not known to be dead").alias("reason")
    stage = pl.lit("harmonise").alias("stage")
    aside = stated.filter(lost).select(stage, "file", "row", "column", "element", reason)
    return stated.filter(~lost), aside.cast(SET_ASIDE)


def _anchored_status(stated: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Keep aside a vital status without the day it was known on: no follow-up, no endpoint."""
    followed = stated.filter(pl.col("element") == "last_contact_day")["person_id"]
    status = pl.col("element") == "vital_status"
    lost = status & ~pl.col("person_id").is_in(followed.implode())
    reason = pl.lit("vital status without a day of last contact").alias("reason")
    stage = pl.lit("harmonise").alias("stage")
    aside = stated.filter(lost).select(stage, "file", "row", "column", "element", reason)
    return stated.filter(~lost), aside.cast(SET_ASIDE)


def _complete_records(stated: pl.DataFrame, disease: Disease) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Keep aside the parts of records that lack what makes them one: a variant without a gene."""
    key = ["person_id", "file", "row"]
    aside = [pl.DataFrame(schema=SET_ASIDE)]
    for table, head in RECORD_TABLES.items():
        parts = pl.col("element").is_in([e.name for e in disease.catalogue.of(table)])
        whole = stated.filter(pl.col("element") == head).select(key)
        lost = stated.filter(parts).join(whole, on=key, how="anti", maintain_order="left")
        stated = stated.join(lost, on=[*key, "element"], how="anti", maintain_order="left")
        reason = pl.lit(f"its row has no {head}").alias("reason")
        stage = pl.lit("harmonise").alias("stage")
        aside.append(lost.select(stage, "file", "row", "column", "element", reason))
    return stated, pl.concat(aside)


def _compare(stated: pl.DataFrame, derived: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Count, and list, where a finding the source states disagrees with the one we derive."""
    columns = ["person_id", "element", "code", "file", "row", "column"]
    both = stated.select(columns).join(derived.select(columns), on=["person_id", "element"])
    same = pl.col("code") == pl.col("code_right")
    theirs = pl.col("code_right") == "positive"
    compared = both.group_by("element").agg(
        pl.format("{} {}", pl.col("file").first(), pl.col("column").first()).alias("stated_by"),
        pl.col("file_right").first().alias("derived_from"),
        pl.len().alias("both"),
        same.sum().alias("agree"),
        (~same & ~theirs).sum().alias("only_stated"),
        (~same & theirs).sum().alias("only_derived"),
    )
    differing = both.filter(~same).select(DIFFERING.names()).sort(DIFFERING.names())
    return compared.sort("element").cast(COMPARISON), differing.cast(DIFFERING)
