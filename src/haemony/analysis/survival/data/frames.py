"""Tables from other libraries, turned once into Polars at the border.

pandas is never imported: a frame is told by what it can do.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol, TypeAlias, TypeGuard, runtime_checkable

import numpy as np
import polars as pl
from numpy.typing import ArrayLike

from haemony.analysis.survival.data.arrays import Floats
from haemony.analysis.survival.faults import BadCovariate, BadTable

QUICK: Mapping[str, type] = {"b": np.bool_, "i": np.int64, "u": np.uint64, "f": np.float64}
"""NumPy's letters for kinds of numbers, which need no look at each value."""


@runtime_checkable
class PandasLike(Protocol):
    """What a pandas frame offers and this module uses."""

    @property
    def columns(self) -> Any:  # noqa: ANN401 an index of any kind
        """The column names."""

    @property
    def iloc(self) -> Any:  # noqa: ANN401 pandas' own indexer
        """Columns by position."""


Tabular: TypeAlias = pl.DataFrame | Mapping[str, ArrayLike] | PandasLike
"""A Polars table, a pandas frame, or columns as NumPy arrays under their names."""


def polars_table(table: Tabular, columns: Sequence[str] | None = None) -> pl.DataFrame:
    """Any accepted table as a Polars one; what is missing becomes null.

    A pandas categorical becomes an Enum in the order of its categories.

    Args:
        table: what was given.
        columns: those to look at; all by default.

    Raises:
        BadTable: the table is of another kind, or its columns do not fit together.

    >>> polars_table({"days": np.array([3.0, 5.0]), "arm": ["a", None]}).null_count().row(0)
    (0, 1)
    """
    names = column_names(table)
    wanted = names if columns is None else list(columns)
    if isinstance(table, pl.DataFrame):
        return table if columns is None else readable(table.select(wanted), wanted)
    if isinstance(table, Mapping):
        return _joined({name: _series(name, table[name]) for name in wanted})
    places = {name: i for i, name in enumerate(names)}
    return _joined({name: _from_pandas(name, table.iloc[:, places[name]]) for name in wanted})


def readable(table: pl.DataFrame, columns: Sequence[str]) -> pl.DataFrame:
    """The same table, refused where columns hold what no analysis reads: lists, objects, spans.

    Raises:
        BadTable: one does.

    >>> readable(pl.DataFrame({"age": [61]}), ["age"]).height
    1
    """
    for name in columns:
        dtype = table[name].dtype
        if dtype.is_nested() or isinstance(dtype, pl.Object | pl.Binary | pl.Duration):
            raise BadTable(
                f"{name!r} is of type {dtype}, which no analysis reads",
                remedy="turn it into numbers or text",
            )
    return table


def numbers(column: pl.Series) -> Floats:
    """The numbers (n,) of a column; missing ones are NaN.

    Raises:
        BadCovariate: When a cell is no number; its value is not told.

    >>> numbers(pl.Series("age", [61, None])).tolist()
    [61.0, nan]
    """
    known = column.cast(pl.Float64, strict=False)
    strange = known.null_count() - column.null_count()
    if strange:
        raise BadCovariate(
            column.name,
            reason=f"holds {strange} cells that are no numbers",
            remedy="give numbers there, or name another column",
        )
    return known.fill_null(np.nan).to_numpy()


def tidy(table: pl.DataFrame) -> pl.DataFrame:
    """The same table, what is not known null instead of NaN.

    >>> tidy(pl.DataFrame({"median": [8.5, float("nan")]}))["median"].to_list()
    [8.5, None]
    """
    return table.with_columns(pl.col(pl.Float32, pl.Float64).fill_nan(None))


def is_table(given: object) -> TypeGuard[Tabular]:
    """Whether this is a table rather than a matrix of numbers.

    >>> is_table({"age": [60]}), is_table(np.zeros((2, 2)))
    (True, False)
    """
    return isinstance(given, pl.DataFrame | Mapping | PandasLike)


def column_names(table: Tabular) -> list[str]:
    """The names of a table's columns.

    Raises:
        BadTable: this is no table, or two columns have one name.
    """
    if isinstance(table, pl.LazyFrame):
        raise BadTable("the table is a lazy frame", remedy="collect it first")
    if isinstance(table, Mapping):
        return [str(name) for name in table]
    if not isinstance(table, pl.DataFrame | PandasLike):
        raise BadTable(
            f"a {type(table).__name__} is not a table",
            remedy="give a Polars or pandas frame, or a mapping of names to arrays",
        )
    names = [str(name) for name in table.columns]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise BadTable(
            f"the table has several columns named {', '.join(twice)}", remedy="rename them"
        )
    return names


def _joined(columns: Mapping[str, pl.Series]) -> pl.DataFrame:
    lengths = {name: len(column) for name, column in columns.items()}
    if len(set(lengths.values())) > 1:
        said = ", ".join(f"{name!r} {length}" for name, length in lengths.items())
        raise BadTable(
            f"columns have different numbers of rows ({said})",
            remedy="give columns of one length",
        )
    return pl.DataFrame(list(columns.values()))


def _series(name: str, values: ArrayLike | pl.Series) -> pl.Series:
    if isinstance(values, pl.Series):
        return values.alias(str(name))
    array = np.asarray(values)
    if array.ndim != 1:
        raise BadTable(
            f"{name!r} has {array.ndim} dimensions", remedy="give one number or label per row"
        )
    if array.dtype.kind in QUICK:
        return pl.Series(str(name), array)
    return _checked(str(name), array.tolist())


def _from_pandas(name: str, column: Any) -> pl.Series:  # noqa: ANN401 a pandas series
    missing = np.asarray(column.isna(), dtype=bool)
    categories = getattr(column.dtype, "categories", None)
    if categories is not None:
        labels = pl.Enum([str(category) for category in categories])
        codes = np.asarray(column.cat.codes)
        texts = [None if code < 0 else labels.categories[int(code)] for code in codes]
        return pl.Series(name, texts, dtype=labels)
    if column.dtype.kind in QUICK and not missing.any():
        return pl.Series(name, np.asarray(column.to_numpy(), dtype=QUICK[column.dtype.kind]))
    if column.dtype.kind == "f":
        return pl.Series(name, column.to_numpy(dtype=float, na_value=np.nan)).fill_nan(None)
    values = column.to_numpy(dtype=object)
    return _checked(
        name, [None if gone else value for gone, value in zip(missing, values, strict=True)]
    )


def _checked(name: str, values: Iterable[object]) -> pl.Series:
    try:
        return pl.Series(name, values, strict=True)
    except (TypeError, pl.exceptions.PolarsError) as error:
        raise BadTable(
            f"{name!r} holds values of several kinds", remedy="make it all numbers or all text"
        ) from error
