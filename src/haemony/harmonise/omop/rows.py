"""What every writer of rows needs: the context, numbered rows, lineage, and what it gives back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from haemony.harmonise.omop import concepts
from haemony.harmonise.omop.cdm import table
from haemony.intake.contribution import Origin, SourceKind
from haemony.model.disease import Disease
from haemony.model.element import Element

ID_SPACE = 2**32
"""Row ids of one contribution: its number times this, and on."""


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


@dataclass(frozen=True)
class Written:
    """Rows of some tables, and where each came from.

    Attributes:
        tables: Shaped tables by name.
        lineage: Frames of ``table_name``, ``row_id``, ``file``, ``row``, ``columns``.
    """

    tables: Mapping[str, pl.DataFrame]
    lineage: tuple[pl.DataFrame, ...] = ()

    @classmethod
    def of(cls, parts: Mapping[str, pl.DataFrame], *lineage: pl.DataFrame) -> Written:
        """Bring frames into the form their tables declare, sorted by their keys."""
        return cls({name: _shaped(name, frame) for name, frame in parts.items()}, lineage)

    def __or__(self, other: Written) -> Written:
        """Both together."""
        return Written({**self.tables, **other.tables}, (*self.lineage, *other.lineage))


def _shaped(name: str, frame: pl.DataFrame) -> pl.DataFrame:
    declared = table(name)
    shaped = declared.shape(frame)
    return shaped.sort(SORTED_BY.get(name, declared.key or "person_id"), maintain_order=True)


SORTED_BY = {
    "measurement": ("measurement_concept_id", "person_id", "measurement_id"),
    "episode_event": ("episode_id", "event_id"),
}
"""Where a table is not sorted by its key: measurements lie by concept, as studies read them."""


def trace(name: str, frame: pl.DataFrame, key: str, column: str = "column") -> pl.DataFrame:
    """Lineage of rows that each come from one cell (or one row of cells)."""
    return frame.select(
        pl.lit(name).alias("table_name"),
        pl.col(key).alias("row_id"),
        "file",
        "row",
        pl.col(column).alias("columns"),
    )


def numbered(frame: pl.DataFrame, key: str, start: int, *order: str) -> pl.DataFrame:
    """Sort totally and number the rows."""
    return frame.sort(*order, nulls_last=True, maintain_order=True).with_columns(
        (pl.int_range(pl.len(), dtype=pl.Int64) + start).alias(key)
    )


def codes(elements: tuple[Element, ...]) -> pl.DataFrame:
    """The concept of every permitted value of these elements."""
    values = [(e.name, v.code, v.concept_id) for e in elements for v in e.values]
    schema = {"element": pl.String, "code": pl.String, "value_concept_id": pl.Int64}
    return pl.DataFrame(values, schema=schema, orient="row")


def of(stated: pl.DataFrame, element: str) -> pl.DataFrame:
    """The facts of one element."""
    return stated.filter(pl.col("element") == element)
