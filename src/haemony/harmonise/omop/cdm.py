"""The tables of the lake, declared once.

``cdm_5_4.csv`` holds the facts of the OMOP CDM 5.4 specification (OHDSI, Apache-2.0): table, field,
type, keys. ``omics.csv`` declares, in the same form, what OMOP has no place for. Validation,
writing, documentation and the SQL engines all read the same declarations.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import polars as pl

from haemony.model.errors import UsageError
from haemony.model.tables import rows

CDM_VERSION = "5.4"

_TYPES: dict[str, pl.DataType] = {
    "integer": pl.Int64(),
    "float": pl.Float64(),
    "date": pl.Date(),
    "datetime": pl.Datetime("us"),
    "real array": pl.List(pl.Float32()),
}


class UnknownTable(UsageError):
    """The lake has no table of this name."""

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(
            f"the lake has no table {name!r}; it has the OMOP CDM {CDM_VERSION} tables and "
            "variant, karyotype, expression, expression_probe, segment, arm_call, lineage, "
            "set_aside"
        )


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a table, as the specification has it."""

    name: str
    datatype: str
    required: bool
    primary_key: bool
    references: tuple[str, str] | None
    domain: str

    @property
    def dtype(self) -> pl.DataType:
        """The Polars type; identifiers are 64 bit."""
        return _TYPES.get(self.datatype, pl.String())


@dataclass(frozen=True, slots=True)
class Table:
    """One table of the lake."""

    name: str
    schema_name: str
    fields: tuple[Field, ...]

    @property
    def schema(self) -> pl.Schema:
        """Field names and Polars types, in the specification's order."""
        return pl.Schema({field.name: field.dtype for field in self.fields})

    @property
    def key(self) -> str | None:
        """The primary key, if the table has one."""
        return next((field.name for field in self.fields if field.primary_key), None)

    @property
    def source_values(self) -> tuple[str, ...]:
        """Fields that repeat the source's own text; no analysis may depend on them."""
        return tuple(f.name for f in self.fields if f.name.endswith("_source_value"))

    def shape(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Bring a frame into this table's columns, order and types; absent fields become null."""
        given = set(frame.columns)
        return frame.select(
            pl.col(name).cast(dtype) if name in given else pl.lit(None, dtype).alias(name)
            for name, dtype in self.schema.items()
        )

    def empty(self) -> pl.DataFrame:
        """No rows, all fields."""
        return pl.DataFrame(schema=self.schema)


@cache
def tables() -> dict[str, Table]:
    """All tables of the lake by name."""
    fields: dict[tuple[str, str], list[Field]] = {}
    for source in ("cdm_5_4.csv", "omics.csv"):
        for _, row in rows(files("haemony.harmonise.omop") / source):
            references = (row["references_table"], row["references_field"])
            fields.setdefault((row["schema"], row["table"]), []).append(
                Field(
                    row["field"],
                    row["datatype"],
                    row["required"] == "yes",
                    row["primary_key"] == "yes",
                    references if references[0] else None,
                    row["references_domain"],
                )
            )
    return {name: Table(name, schema, tuple(f)) for (schema, name), f in fields.items()}


def table(name: str) -> Table:
    """One table by name.

    Example:
        >>> table("death").key is None
        True
    """
    try:
        return tables()[name]
    except KeyError:
        raise UnknownTable(name) from None
