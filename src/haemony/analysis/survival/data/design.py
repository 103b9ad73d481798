"""Turns covariate terms into the numeric columns of a regression, and remembers how."""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import formulaic
import numpy as np
import polars as pl

from haemony.analysis.survival.data.arrays import Floats
from haemony.analysis.survival.data.complete import known_columns, levels
from haemony.analysis.survival.data.formula import TRANSFORMS, Model
from haemony.analysis.survival.data.frames import numbers
from haemony.analysis.survival.data.given import finite
from haemony.analysis.survival.faults import BadCovariate


@dataclass(frozen=True, eq=False)
class Design:
    """How covariate terms become p columns.

    Attributes:
        names: (p,) column names, such as "age" and "NPM1[positive]".
        terms: the columns that belong to each term, as positions.
        categories: the levels of each categorical column; the first is the reference.
        columns: the table columns that the terms need.
        notes: what a reader should know, such as levels that do not occur.
        offsets: the table columns that are added with coefficient one.
    """

    names: tuple[str, ...]
    terms: Mapping[str, tuple[int, ...]]
    categories: Mapping[str, tuple[str, ...]]
    columns: tuple[str, ...]
    notes: tuple[str, ...]
    offsets: tuple[str, ...]
    _spec: formulaic.ModelSpec

    @classmethod
    def of(cls, model: Model, table: pl.DataFrame) -> tuple[Self, Floats]:
        """The design of a model and its matrix (n, p) for a complete table.

        Raises:
            BadCovariate: a term is not finite in some rows, or has an unusable type.
        """
        formula = formulaic.Formula(" + ".join(["1", *model.terms]))
        columns = model.covariates
        categories = {
            name: levels(table[name])[0] for name in columns if _is_categorical(table[name])
        }
        request = formulaic.ModelSpec(formula, output="numpy", na_action="ignore")
        built = _build(request, table, categories, columns)
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
            notes=(
                *_unused_levels(table, categories),
                *_numbers_as_text(table, categories),
                *_without_columns(spec),
            ),
            offsets=model.offset,
            _spec=spec,
        )
        return design, _finite(built, design)

    @property
    def references(self) -> Mapping[str, str]:
        """The level of each categorical column against which its others are compared."""
        shown = {name.partition("[")[0] for name in self.names}
        return {name: used[0] for name, used in self.categories.items() if name in shown}

    def known(self, table: pl.DataFrame) -> Floats:
        """(m,) what offsets add to the linear predictors of other patients.

        Raises:
            UnknownColumn: the table lacks an offset.
            BadCovariate: an offset is missing, or no finite number.
        """
        total = np.zeros(table.height)
        for name in known_columns(self.offsets, table.columns):
            total += finite(numbers(table[name]), name)
        return total

    def matrix(self, table: pl.DataFrame) -> Floats:
        """The columns (m, p) for other patients.

        Raises:
            UnknownColumn: the table lacks a covariate.
            BadCovariate: a covariate is missing, or has a level that the fit never saw.
        """
        for name in known_columns(self.columns, table.columns):
            _check_new(table[name], self.categories.get(name))
        return _finite(_build(self._spec, table, self.categories, self.columns), self)


def _build(
    spec: formulaic.ModelSpec,
    table: pl.DataFrame,
    categories: Mapping[str, tuple[str, ...]],
    columns: tuple[str, ...],
) -> formulaic.ModelMatrix:
    """The model matrix with its intercept; infinite where a transformation is not defined."""
    numeric = [_number(table[name]) for name in columns if name not in categories]
    factors = {
        name: formulaic.transforms.C(
            table[name].cast(pl.String).to_numpy().astype(object), levels=list(names)
        )
        for name, names in categories.items()
    }
    data = table.select(*numeric, pl.Series("(every row)", np.ones(table.height)))
    try:
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("error", formulaic.errors.DataMismatchWarning)
            return spec.get_model_matrix(data, context=TRANSFORMS | factors)
    except formulaic.errors.DataMismatchWarning as warning:
        raise BadCovariate(
            ", ".join(columns),
            reason="have a level that the fit never saw, or that C(...) does not name",
            remedy="use levels that occur among the patients fitted",
        ) from warning
    except formulaic.errors.FormulaicError as error:
        if isinstance(error.__cause__, BadCovariate):
            raise error.__cause__ from error
        raise BadCovariate(
            ", ".join(columns),
            reason="cannot be transformed as the formula asks",
            remedy="check the arguments of the transformation and the range of the values",
        ) from error


def term_name(term: str) -> str:
    """A term of a formula as `Design.terms` has it.

    >>> term_name("`age`"), term_name("log(wbc)")
    ('age', 'log(wbc)')
    """
    return str(next(part for part in formulaic.Formula(f"0 + {term}") if str(part) != "0"))


def _number(column: pl.Series) -> pl.Series:
    return column.cast(pl.Float64)


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


def _without_columns(spec: formulaic.ModelSpec) -> tuple[str, ...]:
    """Terms that add nothing, for everybody analysed has their one level."""
    return tuple(
        f"{term} has one level among the patients analysed, and so no coefficient"
        for term, position in spec.term_indices.items()
        if not position
    )


def _numbers_as_text(
    table: pl.DataFrame, categories: Mapping[str, tuple[str, ...]]
) -> tuple[str, ...]:
    """Columns of text that are mostly numbers: a stray word among them makes them categories."""
    notes = []
    for name in categories:
        if table[name].dtype != pl.String:
            continue
        numeric = int(table[name].cast(pl.Float64, strict=False).count())
        if 2 * numeric > table.height:
            notes.append(
                f"{name} is text, though {numeric:,} of its {table.height:,} values are numbers: "
                f"each distinct value became a category; turn it into a number if it is one"
            )
    return tuple(notes)


def _finite(built: formulaic.ModelMatrix, design: Design) -> Floats:
    matrix = np.asarray(built, dtype=np.float64)[:, 1:]
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
    if known is None and not (column.dtype.is_numeric() or column.dtype == pl.Boolean):
        raise BadCovariate(
            column.name,
            reason=f"is of type {column.dtype} where the fit had numbers",
            remedy="turn it into a number",
        )
    if known is not None and not column.cast(pl.String).is_in(known).all():
        raise BadCovariate(
            column.name,
            reason="has a level that the fit never saw",
            remedy="use levels that occur among the patients fitted",
        )
