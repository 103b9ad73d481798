"""Checks of the tables themselves, from the CDM's declarations: what any OMOP tool relies on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import polars as pl

from haemony.harmonise.omop.cdm import Table, table


@dataclass(frozen=True, slots=True)
class Finding:
    """A check that did not hold: which table and field, how many rows of how many."""

    check: str
    table: str
    field: str
    broken: int
    rows: int
    explanation: str


def check_cdm(tables: Mapping[str, pl.DataFrame]) -> tuple[Finding, ...]:
    """Check tables against the CDM: required fields, keys, references, times."""
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
        broken = given.len() - int(given.is_in(tables[target][key].implode()).sum())
        text = f"{field.name} points to no row of {target}"
        yield Finding("reference", declared.name, field.name, broken, frame.height, text)


def _times(tables: Mapping[str, pl.DataFrame]) -> Iterator[Finding]:
    """Events lie between birth and death; nothing is dated before its patient was born."""
    if "person" not in tables:
        return
    births = tables["person"].select("person_id", "year_of_birth")
    deaths = tables.get("death")
    for name, field in _DATED:
        if name not in tables:
            continue
        frame = tables[name].select("person_id", pl.col(field).alias("date"))
        dated = frame.join(births, on="person_id")
        early = dated.filter(pl.col("date").dt.year() < pl.col("year_of_birth")).height
        text = f"{name} has events dated before their patient was born"
        yield Finding("after birth", name, field, early, frame.height, text)
        if deaths is not None:
            dead = frame.join(deaths.select("person_id", "death_date"), on="person_id")
            late = dead.filter(pl.col("date") > pl.col("death_date")).height
            text = f"{name} has events dated after their patient had died"
            yield Finding("before death", name, field, late, frame.height, text)


_DATED = (
    ("condition_occurrence", "condition_start_date"),
    ("measurement", "measurement_date"),
    ("observation", "observation_date"),
    ("procedure_occurrence", "procedure_date"),
    ("episode", "episode_start_date"),
)
