"""The rows of a table that a formula can use, in their groups, and what was left out.

A row that lacks any column of the formula is set aside and counted.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import polars as pl
from numpy.typing import ArrayLike, NDArray

from haemony.analysis.survival.data.arrays import Floats, Integers
from haemony.analysis.survival.data.formula import Model, read
from haemony.analysis.survival.data.frames import Tabular, column_names, numbers, polars_table
from haemony.analysis.survival.data.response import Surv
from haemony.analysis.survival.faults import (
    BadCovariate,
    BadFormula,
    BadResponse,
    NothingToAnalyse,
    UnknownColumn,
)

LARGEST_WEIGHT = 1e50


@dataclass(frozen=True)
class Missing:
    """Rows that were left out because they are incomplete.

    Attributes:
        rows: how many rows were left out.
        by_variable: how many of all rows lack each variable; a row can lack several.
    """

    rows: int = 0
    by_variable: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Groups:
    """The group of each of n rows.

    Attributes:
        labels: (G,) names, such as "NPM1=positive", in order.
        codes: (n,) position of each row's group.
        columns: the columns whose combinations they are; none where labels came as an array.
    """

    labels: tuple[str, ...]
    codes: Integers
    columns: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Complete:
    """The complete rows of a table for a formula, ready for an estimator."""

    model: Model
    table: pl.DataFrame
    response: Surv
    weights: Floats | None
    missing: Missing


def complete(
    formula: str,
    table: Tabular | None,
    *,
    weights: str | ArrayLike | None = None,
    competing: bool = False,
    also: Sequence[str] = (),
    penalised: bool = False,
    **arrays: ArrayLike | None,
) -> Complete:
    """Keep the rows of a table that a formula can use, and count the others.

    Args:
        formula: for example "Surv(os_days, os_event) ~ age + NPM1".
        table: one row per patient, or per patient and interval; Polars, pandas, or arrays by name.
        weights: the column of case weights.
        competing: whether the event column names several kinds of event.
        also: more columns to keep, in which rows must be complete too.
        penalised: whether the estimator knows `ridge(...)` and `frailty(...)`.
        arrays: what only a `Surv` may bring, so that nothing is ignored in silence.
    """
    model = read(formula)
    stray = [name for name, given in arrays.items() if given is not None]
    if stray:
        raise BadFormula(formula, reason=f"{', '.join(stray)} cannot be given beside it as arrays")
    if weights is not None and not isinstance(weights, str):
        raise BadFormula(formula, reason="weights beside it are the name of a column")
    if table is None:
        raise BadFormula(formula, reason="it comes without a table")
    if not penalised and (model.ridges or model.frailty):
        raise BadFormula(formula, reason="ridge and frailty belong to the Cox model")
    needed = list(dict.fromkeys([*model.columns, *([weights] if weights else []), *also]))
    chosen = _nan_to_null(polars_table(table, known_columns(needed, column_names(table))))
    kept = chosen.drop_nulls()
    if kept.is_empty():
        raise NothingToAnalyse(
            "no row has all the variables of the formula",
            remedy="leave out the variable that is missing most often",
        )
    missing = Missing(
        rows=chosen.height - kept.height,
        by_variable={
            name: count for name, count in zip(needed, _nulls(chosen), strict=True) if count
        },
    )
    return Complete(
        model=model,
        table=kept,
        response=_response(model, kept, competing=competing),
        weights=None if weights is None else positive_weights(numbers(kept[weights]), weights),
        missing=missing,
    )


def known_columns(needed: Sequence[str], present: Sequence[str]) -> Sequence[str]:
    """The columns needed, refused with the nearest names unless all are present."""
    for column in needed:
        if column not in present:
            near = difflib.get_close_matches(column, present, n=2)
            raise UnknownColumn(column, nearest=near, known=present)
    return needed


def groups_of(table: pl.DataFrame, columns: Iterable[str]) -> Groups:
    """The combinations of columns that occur, in the order of their levels.

    >>> table = pl.DataFrame({"sex": ["m", "f", "m"]})
    >>> groups_of(table, ["sex"]).labels
    ('sex=f', 'sex=m')
    """
    labels: list[str] = [""]
    codes = np.zeros(table.height, dtype=np.intp)
    named = tuple(columns)
    for column in named:
        names, position = levels(table[column])
        codes = codes * len(names) + position
        labels = [
            f"{before}, {column}={name}" if before else f"{column}={name}"
            for before in labels
            for name in names
        ]
    used, codes = np.unique(codes, return_inverse=True)
    return Groups(tuple(labels[i] or "all" for i in used), codes.astype(np.intp), named)


def groups_from(values: NDArray[np.generic] | None, n: int) -> Groups:
    """Groups from an array of labels (n,), sorted; one group when there is none."""
    if values is None:
        return Groups(("all",), np.broadcast_to(np.intp(0), (n,)))
    used, codes = np.unique(np.asarray(values), return_inverse=True)
    return Groups(tuple(str(value) for value in used), codes.astype(np.intp))


def levels(column: pl.Series) -> tuple[tuple[str, ...], Integers]:
    """The levels of a column that occur, in order, and each row's position among them.

    The order is that of an Enum's categories, and ascending for any other type.
    """
    if isinstance(column.dtype, pl.Enum):
        used, codes = np.unique(column.to_physical().to_numpy(), return_inverse=True)
        return tuple(column.dtype.categories[int(i)] for i in used), codes.astype(np.intp)
    values = column.cast(pl.String) if isinstance(column.dtype, pl.Categorical) else column
    names = values.unique().sort().cast(pl.String).to_list()
    return tuple(names), values.rank("dense").to_numpy().astype(np.intp) - 1


def positive_weights(values: Floats, name: str) -> Floats:
    """Case weights (n,) as floats, refused unless each is positive and finite.

    Raises:
        BadCovariate: some are not, or sums of their powers would overflow.
    """
    weights = np.asarray(values, dtype=np.float64)
    if not np.all(np.isfinite(weights) & (weights > 0)):
        raise BadCovariate(
            name,
            reason="has weights that are not positive numbers",
            remedy="leave out the rows that should not count",
        )
    if ((weights < 1 / LARGEST_WEIGHT) | (weights > LARGEST_WEIGHT)).any():
        raise BadCovariate(
            name,
            reason="are so large or so small that their squares overflow",
            remedy="divide them by their mean",
        )
    return weights


def _nan_to_null(table: pl.DataFrame) -> pl.DataFrame:
    return table.with_columns(pl.col(pl.Float32, pl.Float64).fill_nan(None))


def _nulls(table: pl.DataFrame) -> tuple[int, ...]:
    return tuple(int(count) for count in table.null_count().row(0))


def _response(model: Model, table: pl.DataFrame, *, competing: bool) -> Surv:
    *times, event = model.response
    for name in times:
        if not table[name].dtype.is_numeric():
            raise BadResponse(f"the time {name!r} is not numeric", remedy="give it as a number")
    codes, states = _competing_codes(table[event]) if competing else _event_codes(table[event])
    values = [table[name].cast(pl.Float64).to_numpy() for name in times]
    if len(values) == 2:
        return Surv.delayed(values[0], values[1], codes, states=states)
    return Surv.right(values[0], codes, states=states)


def _event_codes(event: pl.Series) -> tuple[Integers, tuple[str, ...]]:
    """Truth values, 0 and 1, or an Enum of two whose second category is the event."""
    states = (event.name,)
    if event.dtype == pl.Boolean or event.dtype.is_numeric():
        codes = event.cast(pl.Float64)
        if codes.is_in([0.0, 1.0]).all():
            return codes.to_numpy().astype(np.intp), states
    if isinstance(event.dtype, pl.Enum) and len(event.dtype.categories) == 2:
        return event.to_physical().to_numpy().astype(np.intp), states
    raise BadResponse(
        f"the event {event.name!r} is not coded as 0 and 1, as truth values, or as two categories",
        remedy="recode it so that 1 or true is the event",
    )


def _competing_codes(event: pl.Series) -> tuple[Integers, tuple[str, ...]]:
    """An Enum whose first category is censored, or whole numbers with 0 for censored."""
    if isinstance(event.dtype, pl.Enum):
        return event.to_physical().to_numpy().astype(np.intp), tuple(event.dtype.categories[1:])
    if event.dtype.is_numeric() or event.dtype == pl.Boolean:
        codes = event.cast(pl.Float64).to_numpy()
        kinds = np.unique(codes[codes != 0])
        if (np.rint(kinds) != kinds).any() or np.isinf(kinds).any():
            raise BadResponse(
                f"the event {event.name!r} holds other numbers than whole ones",
                remedy="number the kinds of event from 1, with 0 for censored",
            )
        found = np.where(codes == 0, 0, 1 + np.searchsorted(kinds, codes))
        return found.astype(np.intp), tuple(f"{kind:g}" for kind in kinds)
    raise BadResponse(
        f"the event {event.name!r} is neither an Enum nor whole numbers",
        remedy="make it an Enum whose first category means censored",
    )
