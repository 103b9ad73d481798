"""The partner's own mapping table, judged beside the data: the error is often visible there first.

Its words are vocabulary, not patients, so findings may quote them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import polars as pl

from haemony.intake.omop import MappingTable
from haemony.intake.readers import read
from haemony.model.errors import UsageError
from haemony.quality.cdm import Finding
from haemony.quality.concepts import UNIT, named

TABLE = "mapping table"


class UnknownMappingColumn(UsageError):
    """The mapping table lacks a column that the description names."""

    def __init__(self, file: Path, column: str) -> None:
        self.file, self.column = file, column
        super().__init__(
            f"{file.name} has no column {column!r}; correct it under `mapping` in contribution.yaml"
        )


def check_mapping(mapping: MappingTable, domains: Mapping[int, str]) -> tuple[Finding, ...]:
    """Judge a mapping table: units that are none, columns that share a concept.

    Args:
        mapping: Where it lies and how it is laid out.
        domains: The domain of every concept that is known.

    Returns:
        What was found.

    Raises:
        UnreadableFile: When the file yields no table.
        UnknownMappingColumn: When it lacks a column that was named.
    """
    pairs = _pairs(mapping)
    found = [*_units(pairs, mapping, domains), *_shared(pairs, mapping)]
    return tuple(finding for finding in found if finding.broken)


def _pairs(mapping: MappingTable) -> pl.DataFrame:
    """Rows that name a concept: ``column``, ``text``, ``concept`` and whether it is a unit."""
    raw = read(*mapping.source).frame
    for column in (mapping.column, mapping.text, mapping.concept, mapping.kind):
        if column and column not in raw.columns:
            raise UnknownMappingColumn(mapping.source[0], column)
    is_unit = pl.col(mapping.kind) == mapping.units if mapping.kind else pl.lit(value=False)
    return raw.select(
        pl.col(mapping.column).str.strip_chars().alias("column"),
        pl.col(mapping.text).str.strip_chars().alias("text"),
        pl.col(mapping.concept).str.strip_chars().cast(pl.Int64, strict=False).alias("concept"),
        is_unit.fill_null(value=False).alias("is_unit"),
    ).filter(pl.col("concept") > 0)


def _units(
    pairs: pl.DataFrame, mapping: MappingTable, domains: Mapping[int, str]
) -> Iterator[Finding]:
    units = pairs.filter("is_unit")
    others = [i for i, domain in domains.items() if domain != UNIT]
    wrong = units.filter(pl.col("concept").is_in(others))
    texts = ", ".join(wrong["text"].drop_nulls().unique().sort())
    text = f"the unit {texts} is mapped to {named(wrong['concept'])}, which is no unit"
    yield Finding("unit concept", TABLE, mapping.concept, wrong.height, units.height, text)


def _shared(pairs: pl.DataFrame, mapping: MappingTable) -> Iterator[Finding]:
    """Several columns of the source lead to one concept; each concept is named with its columns."""
    findings = pairs.filter(~pl.col("is_unit"))
    shared = findings.filter(pl.col("column").n_unique().over("concept") > 1)
    by_concept = shared.group_by("concept").agg(pl.col("column").unique().sort()).sort("concept")
    said = "; ".join(
        f"{i} stands for {', '.join(columns)}" for i, columns in by_concept.iter_rows()
    )
    text = f"columns of the source share a concept: {said}"
    yield Finding("mapped once", TABLE, mapping.concept, shared.height, findings.height, text)
