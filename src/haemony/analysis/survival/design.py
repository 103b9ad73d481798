"""Turns covariate terms into the numeric columns of a regression, and remembers how."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import formulaic
import numpy as np
import polars as pl

from haemony.analysis.survival.arrays import Floats
from haemony.analysis.survival.faults import BadCovariate, UnknownColumn
from haemony.analysis.survival.formula import TRANSFORMS, levels


@dataclass(frozen=True, eq=False)
class Design:
    """How covariate terms become p columns.

    Attributes:
        names: (p,) column names, such as "age" and "NPM1[positive]".
        terms: the columns that belong to each term, as positions.
        categories: the levels of each categorical column; the first is the reference.
        columns: the table columns that the terms need.
        notes: what a reader should know, such as levels that do not occur.
    """

    names: tuple[str, ...]
    terms: Mapping[str, tuple[int, ...]]
    categories: Mapping[str, tuple[str, ...]]
    columns: tuple[str, ...]
    notes: tuple[str, ...]
    _spec: formulaic.ModelSpec

    @classmethod
    def of(cls, terms: tuple[str, ...], table: pl.DataFrame) -> tuple[Self, Floats]:
        """The design of some terms and its matrix (n, p) for a complete table.

        Raises:
            BadCovariate: a term is not finite in some rows, or has an unusable type.
        """
        formula = formulaic.Formula(" + ".join(["1", *terms]))
        columns = tuple(name for name in table.columns if name in formula.required_variables)
        categories = {
            name: levels(table[name])[0] for name in columns if _is_categorical(table[name])
        }
        built = formula.get_model_matrix(
            table.select(*_numeric(table, columns), pl.lit(1).alias("(rows)")),
            output="numpy",
            na_action="ignore",
            context=TRANSFORMS | _factors(table, categories),
        )
        spec = built.model_spec
        design = cls(
            names=tuple(_plain(name) for name in spec.column_names[1:]),
            terms={
                str(term): tuple(int(i) - 1 for i in position)
                for term, position in spec.term_indices.items()
                if str(term) != "1"
            },
            categories=categories,
            columns=columns,
            notes=_unused_levels(table, categories),
            _spec=spec,
        )
        return design, _finite(np.asarray(built, dtype=np.float64)[:, 1:], design)

    def matrix(self, table: pl.DataFrame) -> Floats:
        """The columns (m, p) for other patients.

        Raises:
            UnknownColumn: the table lacks a covariate.
            BadCovariate: a covariate is missing, or has a level that the fit never saw.
        """
        for name in self.columns:
            if name not in table.columns:
                raise UnknownColumn(name, nearest=[])
            _check_new(table[name], self.categories.get(name))
        numeric = [name for name in self.columns if name not in self.categories]
        built = self._spec.get_model_matrix(
            table.select(*_numeric(table, tuple(numeric)), pl.lit(1).alias("(rows)")),
            context=TRANSFORMS | _factors(table, self.categories),
        )
        return _finite(np.asarray(built, dtype=np.float64)[:, 1:], self)


def _is_categorical(column: pl.Series) -> bool:
    if column.dtype.is_numeric() or column.dtype == pl.Boolean:
        return False
    if isinstance(column.dtype, pl.Enum | pl.Categorical | pl.String):
        return True
    raise BadCovariate(
        column.name,
        reason=f"is of type {column.dtype}, which is neither a number nor a category",
        remedy="turn it into a number or a text column",
    )


def _numeric(table: pl.DataFrame, columns: tuple[str, ...]) -> list[pl.Expr]:
    return [pl.col(name).cast(pl.Float64) for name in columns if not _is_categorical(table[name])]


def _factors(table: pl.DataFrame, categories: Mapping[str, tuple[str, ...]]) -> dict[str, object]:
    return {
        name: formulaic.transforms.C(
            table[name].cast(pl.String).to_numpy().astype(object), levels=list(names)
        )
        for name, names in categories.items()
    }


def _plain(name: str) -> str:
    """Formulaic's "NPM1[T.positive]" as "NPM1[positive]"."""
    return re.sub(r"\[T\.", "[", name)


def _unused_levels(
    table: pl.DataFrame, categories: Mapping[str, tuple[str, ...]]
) -> tuple[str, ...]:
    notes = []
    for name, used in categories.items():
        dtype = table[name].dtype
        if isinstance(dtype, pl.Enum) and len(used) < len(dtype.categories):
            unused = [level for level in dtype.categories if level not in used]
            notes.append(f"{name}: no patient analysed is {', '.join(unused)}")
    return tuple(notes)


def _finite(matrix: Floats, design: Design) -> Floats:
    for name, column in zip(design.names, matrix.T, strict=True):
        bad = int(np.count_nonzero(~np.isfinite(column)))
        if bad:
            raise BadCovariate(
                name,
                reason=f"is not a finite number in {bad} rows",
                remedy="check the transformation, such as a logarithm of zero",
            )
    return matrix


def _check_new(column: pl.Series, known: tuple[str, ...] | None) -> None:
    if column.null_count():
        raise BadCovariate(
            column.name,
            reason=f"is missing in {column.null_count()} of the new rows",
            remedy="predict for complete rows",
        )
    if known is not None and not column.cast(pl.String).is_in(known).all():
        raise BadCovariate(
            column.name,
            reason="has a level that the fit never saw",
            remedy=f"the fit knows {', '.join(known)}",
        )
