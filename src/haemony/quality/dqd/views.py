"""One table as its checks see it: how many rows, which fields hold anything, values by type."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from haemony.harmonise.omop.cdm import Table, table

Frame = pl.DataFrame | pl.LazyFrame

PERSON = "person_id"


@dataclass(frozen=True)
class View:
    """A table that was brought.

    Attributes:
        declared: What the CDM says about it.
        frame: Its rows, read anew for every pass.
        schema: The columns it has and their types.
        rows: How many rows.
        filled: How many values every declared field has; fields that are absent are not named.
    """

    declared: Table
    frame: pl.LazyFrame
    schema: pl.Schema
    rows: int
    filled: Mapping[str, int]

    @classmethod
    def of(cls, name: str, frame: Frame) -> View:
        """Count rows and values in one pass.

        Example:
            >>> View.of("person", pl.DataFrame({"person_id": [1, 2]})).filled
            {'person_id': 2}
        """
        declared, lazy = table(name), frame.lazy()
        schema = lazy.collect_schema()
        known = [field.name for field in declared.fields if field.name in schema]
        counts = lazy.select(pl.len().alias("rows of"), *(pl.col(f).count() for f in known))
        found = counts.collect(engine="streaming").row(0, named=True)
        rows = found.pop("rows of")
        return cls(declared, lazy, schema, rows, found)

    @property
    def name(self) -> str:
        """The table's name."""
        return self.declared.name

    @property
    def key(self) -> str | None:
        """The field that names a row: the primary key, or the person of a death."""
        key = PERSON if self.name == "death" else self.declared.key
        return key if key in self.filled else None

    @property
    def has_persons(self) -> bool:
        """Whether its rows belong to persons."""
        return PERSON in self.filled

    def is_empty(self, field: str) -> bool:
        """Whether no row has a value."""
        return self.filled[field] == 0

    def value(self, field: str) -> pl.Expr:
        """The values of a field by their declared type; moments as days.

        What cannot be understood becomes null here; `cdmDatatype` counts it.
        """
        datatype = next(f.datatype for f in self.declared.fields if f.name == field)
        return _typed(pl.col(field), self.schema[field], datatype)


def _typed(column: pl.Expr, given: pl.DataType, datatype: str) -> pl.Expr:
    if datatype == "integer":
        return column if given == pl.Int64 else column.cast(pl.Int64, strict=False)
    if datatype == "float":
        return column.cast(pl.Float64, strict=False)
    if datatype in {"date", "datetime"}:
        if given == pl.String:
            return column.str.slice(0, 10).str.to_date("%Y-%m-%d", strict=False)
        return column.cast(pl.Date)
    return column


def not_whole(column: str, given: pl.DataType) -> pl.Expr:
    """Rows whose value is not a whole number; what is null breaks nothing."""
    value = pl.col(column)
    if given.is_integer() or given == pl.Null:
        return pl.lit(value=False)
    if given.is_float():
        return value % 1 != 0
    if given == pl.String:
        return ~value.str.contains(r"^\s*[+-]?\d+\s*$")
    return value.is_not_null()
