"""Checks of the tables themselves, from the CDM's declarations: what any OMOP tool relies on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import polars as pl

from haemony.harmonise.omop.cdm import Table, table
from haemony.harmonise.omop.concepts import NO_CONCEPT


@dataclass(frozen=True, slots=True)
class Finding:
    """A check that did not hold: which table and field, how many rows of how many."""

    check: str
    table: str
    field: str
    broken: int
    rows: int
    explanation: str

    @property
    def where(self) -> str:
        """Table and field in one word: ``person.gender_concept_id``."""
        return f"{self.table}.{self.field}" if self.field else self.table


def check_cdm(tables: Mapping[str, pl.DataFrame]) -> tuple[Finding, ...]:
    """Check tables against the CDM: required fields, keys, references, times.

    Args:
        tables: Tables by name, with every field that the CDM declares for them.

    Returns:
        The checks that did not hold.

    Raises:
        UnknownTable: When a name is none of the declared tables.

    Example:
        >>> unborn = table("person").shape(pl.DataFrame({"person_id": [1]}))
        >>> sorted(finding.where for finding in check_cdm({"person": unborn}))[-1]
        'person.year_of_birth'
    """
    found: list[Finding] = []
    for name, frame in tables.items():
        declared = table(name)
        found.extend(_required(declared, frame))
        found.extend(_unique(declared, frame))
        found.extend(_references(declared, frame, tables))
    found.extend(_times(tables))
    return tuple(finding for finding in found if finding.broken)


def _required(declared: Table, frame: pl.DataFrame) -> Iterator[Finding]:
    for field in declared.fields:
        if field.required:
            broken = frame[field.name].null_count()
            text = f"{field.name} is required and has no value"
            yield Finding("required", declared.name, field.name, broken, frame.height, text)


def _unique(declared: Table, frame: pl.DataFrame) -> Iterator[Finding]:
    if declared.key:
        broken = frame.height - frame[declared.key].n_unique()
        text = f"{declared.key} names more than one row"
        yield Finding("unique key", declared.name, declared.key, broken, frame.height, text)


def _references(
    declared: Table, frame: pl.DataFrame, tables: Mapping[str, pl.DataFrame]
) -> Iterator[Finding]:
    for field in declared.fields:
        if not field.references or field.references[0] not in tables:
            continue
        target, key = field.references
        given = frame[field.name].drop_nulls()
        if target == "concept":  # 0 says that no concept matches, whatever vocabulary came along
            given = given.filter(given != NO_CONCEPT)
        broken = given.len() - int(given.is_in(tables[target][key].implode()).sum())
        text = f"{field.name} points to no row of {target}"
        yield Finding("reference", declared.name, field.name, broken, frame.height, text)


def _times(tables: Mapping[str, pl.DataFrame]) -> Iterator[Finding]:
    """Events lie between birth and death; nothing is dated before its patient was born."""
    if "person" not in tables:
        return
    births = _once(tables["person"].select("person_id", "year_of_birth"))
    deaths = tables.get("death")
    for name, field in DATED:
        if name not in tables:
            continue
        frame = tables[name].select("person_id", pl.col(field).alias("date"))
        dated = frame.join(births, on="person_id")
        early = dated.filter(pl.col("date").dt.year() < pl.col("year_of_birth")).height
        text = f"{name} has events dated before their patient was born"
        yield Finding("after birth", name, field, early, frame.height, text)
        if deaths is not None:
            dead = frame.join(_once(deaths.select("person_id", "death_date")), on="person_id")
            late = dead.filter(pl.col("date") > pl.col("death_date")).height
            text = f"{name} has events dated after their patient had died"
            yield Finding("before death", name, field, late, frame.height, text)


def _once(frame: pl.DataFrame) -> pl.DataFrame:
    """One row per person, so that a join counts no event twice."""
    return frame.unique("person_id", keep="first", maintain_order=True)


DATED = (
    ("condition_occurrence", "condition_start_date"),
    ("measurement", "measurement_date"),
    ("observation", "observation_date"),
    ("procedure_occurrence", "procedure_date"),
    ("episode", "episode_start_date"),
    ("drug_exposure", "drug_exposure_start_date"),
    ("device_exposure", "device_exposure_start_date"),
    ("visit_occurrence", "visit_start_date"),
    ("specimen", "specimen_date"),
    ("observation_period", "observation_period_start_date"),
    ("death", "death_date"),
)
"""Tables of dated events, and the field that says when each began."""
