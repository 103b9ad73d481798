"""Multiple imputation by chained equations, with the outcome of a survival study in the models.

Van Buuren S, Groothuis-Oudshoorn K (2011) mice: multivariate imputation by chained equations in R.
Journal of Statistical Software 45(3). White IR, Royston P (2009) Imputing missing covariate values
for the Cox model. Statistics in Medicine 28:1982-1998: the imputation models hold the event and the
Nelson–Aalen estimate of the cumulative hazard at each patient's time. White IR, Royston P, Wood AM
(2011) Multiple imputation using chained equations. Statistics in Medicine 30:377-399.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import polars as pl
from numpy.random import Generator

from haemony.analysis.pooling.draws import classified, matched
from haemony.analysis.pooling.faults import CannotImpute, NothingToPool
from haemony.analysis.pooling.rubin import Pooled, pool_fits
from haemony.analysis.survival import printing
from haemony.analysis.survival.data import formula as formulas
from haemony.analysis.survival.data.arrays import Flags, Floats, Integers
from haemony.analysis.survival.data.complete import Missing, complete, known_columns, levels
from haemony.analysis.survival.data.counts import count
from haemony.analysis.survival.data.frames import Tabular, column_names, polars_table
from haemony.analysis.survival.data.given import generator, whole_number
from haemony.analysis.survival.data.response import Grid, Surv
from haemony.analysis.survival.data.sample import check_choice
from haemony.analysis.survival.faults import BadTable
from haemony.analysis.survival.regression.cox import cox
from haemony.analysis.survival.regression.partial_likelihood import Ties

Means = Literal["matching", "logistic", "polytomous"]
MOST_LEVELS = 30
FEWEST_OBSERVED = 10
LARGEST = 1e100


@dataclass(frozen=True, eq=False)
class Imputed:
    """m copies of a table in which missing values are filled in, each time anew.

    Attributes:
        tables: (m,) the tables; rows and columns as given, without rows that lack the outcome.
        columns: the columns of the imputation models.
        means: how each incomplete column was drawn.
        missing: rows left out for want of the outcome; and how many values each column lacked.
        trace: one row per imputation, iteration and column: mean and standard deviation of the
            values drawn (of codes for categories); they should wander, not drift.
        seed: what the draws started from.
        notes: what a reader must know.
    """

    tables: tuple[pl.DataFrame, ...]
    columns: tuple[str, ...]
    means: Mapping[str, Means]
    missing: Missing
    trace: pl.DataFrame
    seed: int
    notes: tuple[str, ...]

    def cox(self, formula: str, *, ties: Ties = "efron") -> Pooled:
        """A Cox model fitted to each table and pooled by Rubin's rules."""
        return pool_fits([cox(formula, table, ties=ties) for table in self.tables])

    def table(self) -> pl.DataFrame:
        """One row per incomplete column: column, missing, share, means."""
        n = self.tables[0].height
        return pl.DataFrame(
            {
                "column": list(self.means),
                "missing": [self.missing.by_variable[name] for name in self.means],
                "share": [self.missing.by_variable[name] / n for name in self.means],
                "means": list(self.means.values()),
            },
            schema_overrides={"column": pl.String, "means": pl.String},
        )

    def __str__(self) -> str:
        """What was imputed and how."""
        head = f"{len(self.tables)} imputations of {self.tables[0].height} rows, seed {self.seed}"
        return printing.page(head, printing.grid(self.table()), notes=self.notes)


def impute(
    table: Tabular,
    columns: Sequence[str],
    *,
    seed: int,
    outcome: str | None = None,
    imputations: int = 20,
    iterations: int = 10,
    donors: int = 5,
    means: Mapping[str, Means] | None = None,
) -> Imputed:
    """Fill in missing values `imputations` times by chained equations.

    Each incomplete column is drawn in turn from a model of all other columns, and of the outcome:
    numbers by predictive mean matching, columns of two values by logistic regression, other
    categories by polytomous regression.

    Args:
        table: one row per patient.
        columns: all that belong into the imputation models, complete or not: the covariates of the
            analysis at the least, and what explains who lacks values.
        seed: of the draws.
        outcome: such as "Surv(os_days, os_event)"; rows without it are left out and counted. Leave
            it out only if there is none: imputing without the outcome draws effects to zero.
        imputations: how many tables.
        iterations: rounds of the chain before a table is kept.
        donors: among how many similar patients a matched value is chosen.
        means: a way of drawing for columns whose type does not tell.

    Raises:
        CannotImpute: a column has hardly any values, too many categories, or another type.

    >>> table = pl.DataFrame({"age": [60, 45, None, 70, 51, 38, 66, 59, 48, 73, 55, 62],
    ...     "wbc": [5.0, 20.0, 8.0, None, 11.0, 3.0, 50.0, 9.0, 7.0, 15.0, 30.0, 4.0]})
    >>> found = impute(table, ["age", "wbc"], seed=1, imputations=3)
    >>> [one["age"].null_count() for one in found.tables]
    [0, 0, 0]
    """
    whole = _null_for_nan(polars_table(table))
    known_columns(columns, column_names(whole))
    imputations = whole_number(imputations, "imputations", least=2)
    iterations = whole_number(iterations, "iterations", least=1)
    donors = whole_number(donors, "donors", least=1)
    if whole.is_empty():
        raise BadTable("the table has no row", remedy="give one row per patient")
    asked = means or {}
    known_columns(list(asked), list(columns))
    for name, way in asked.items():
        check_choice(way, f"means of {name}", get_args(Means))
    rows, extra, left_out = _with_outcome(whole, outcome, columns)
    ready = [_Column.of(rows[name], asked.get(name)) for name in dict.fromkeys(columns)]
    chains = generator(seed).spawn(imputations)
    tables, traces = [], []
    for number, draws in enumerate(chains):
        filled, trace = _chain(ready, extra, iterations, donors, draws)
        tables.append(rows.with_columns(filled))
        traces.append(trace.with_columns(imputation=pl.lit(number + 1)))
    holes = [column for column in ready if column.missing.any()]
    return Imputed(
        tables=tuple(tables),
        columns=tuple(dict.fromkeys(columns)),
        means={column.name: column.means for column in holes},
        missing=Missing(left_out, {c.name: int(c.missing.sum()) for c in holes}),
        trace=pl.concat(traces).select("imputation", "iteration", "column", "mean", "sd"),
        seed=seed,
        notes=_notes(ready, outcome, imputations),
    )


@dataclass(frozen=True, eq=False)
class _Column:
    """One column of the imputation models: numbers, or codes of categories.

    Attributes:
        name: its name.
        values: (n,) numbers or codes; 0 where missing.
        missing: (n,) where.
        names: the categories; none for numbers.
        means: how missing values are drawn.
        dtype: of the table's column.
    """

    name: str
    values: Floats
    missing: Flags
    names: tuple[str, ...]
    means: Means
    dtype: pl.DataType

    @classmethod
    def of(cls, column: pl.Series, asked: Means | None) -> _Column:
        """Read a column of the table.

        Raises:
            CannotImpute: as `impute`.
        """
        missing = column.is_null().to_numpy()
        known = column.drop_nulls()
        _check_known(column.name, len(known), bool(missing.any()))
        if column.dtype.is_float() and (known.abs() > LARGEST).any():
            raise CannotImpute(
                column.name,
                reason="holds infinite numbers, or nearly so",
                remedy="mend them, or leave them empty to be imputed",
            )
        if column.dtype.is_numeric() and asked in (None, "matching"):
            binary = known.cast(pl.Float64).is_in([0.0, 1.0]).all() and known.n_unique() == 2
            if not binary or asked == "matching":
                values = column.cast(pl.Float64).fill_null(0.0).to_numpy()
                return cls(column.name, values, missing, (), "matching", column.dtype)
        elif asked == "matching" or not (
            column.dtype.is_numeric()
            or isinstance(column.dtype, pl.String | pl.Enum | pl.Categorical | pl.Boolean)
        ):
            raise CannotImpute(
                column.name,
                reason=f"is of type {column.dtype}",
                remedy="make it a number or a category, or choose other means",
            )
        names, codes = levels(known)
        if len(names) > MOST_LEVELS:
            raise CannotImpute(
                column.name,
                reason=f"has {len(names)} categories",
                remedy=f"merge them to at most {MOST_LEVELS}",
            )
        values = np.zeros(len(column))
        values[~missing] = codes
        means: Means = "logistic" if len(names) <= 2 else "polytomous"
        return cls(column.name, values, missing, names, means, column.dtype)

    def encoded(self, values: Floats) -> Floats:
        """(n, q) columns for a model: standardised numbers, or one column per further category."""
        if self.names:
            return np.asarray(values[:, None] == np.arange(1, len(self.names)), dtype=np.float64)
        spread = values.std()
        return np.asarray((values - values.mean())[:, None] / (spread if spread > 0 else 1.0))

    def restored(self, values: Floats) -> pl.Series:
        """Numbers or codes as a column of the table again."""
        if not self.names:
            return pl.Series(self.name, values).cast(self.dtype)
        texts = np.array(self.names, dtype=object)[values.astype(np.intp)]
        found = pl.Series(self.name, texts, dtype=pl.String)
        if self.dtype == pl.Boolean:
            return found == "true"
        if self.dtype.is_numeric():
            return found.cast(pl.Float64).cast(self.dtype)
        return found.cast(self.dtype)


def _chain(
    columns: Sequence[_Column], extra: Floats, iterations: int, donors: int, draws: Generator
) -> tuple[list[pl.Series], pl.DataFrame]:
    """One imputed copy of the incomplete columns, and how the draws went."""
    holes = sorted(
        (i for i, column in enumerate(columns) if column.missing.any()),
        key=lambda i: int(columns[i].missing.sum()),
    )
    values = [column.values.copy() for column in columns]
    for i in holes:
        gone = columns[i].missing
        values[i][gone] = draws.choice(values[i][~gone], int(gone.sum()))
    encoded = [column.encoded(value) for column, value in zip(columns, values, strict=True)]
    trace = []
    for iteration in range(iterations):
        for i in holes:
            others = [part for j, part in enumerate(encoded) if j != i]
            x = _model_matrix([*others, extra])
            gone = columns[i].missing
            values[i][gone] = _drawn(columns[i], values[i], x, donors, draws)
            encoded[i] = columns[i].encoded(values[i])
            drawn = values[i][gone]
            trace.append((iteration + 1, columns[i].name, float(drawn.mean()), float(drawn.std())))
    schema = {"iteration": pl.Int64, "column": pl.String, "mean": pl.Float64, "sd": pl.Float64}
    return (
        [columns[i].restored(values[i]) for i in holes],
        pl.DataFrame(trace, schema=schema, orient="row"),
    )


def _drawn(
    column: _Column, values: Floats, x: Floats, donors: int, draws: Generator
) -> Floats | Integers:
    known, gone = ~column.missing, column.missing
    x = x[:, np.append(True, np.ptp(x[known][:, 1:], axis=0) > 0)]
    if column.means == "matching":
        return matched(x[known], values[known], x[gone], donors, draws)
    if len(column.names) == 1:
        return np.zeros(int(gone.sum()))
    codes = values[known].astype(np.intp)
    return classified(x[known], codes, x[gone], len(column.names), draws)


def _model_matrix(parts: Sequence[Floats]) -> Floats:
    """(n, p) a constant and the parts, without columns that follow from the others."""
    x = np.column_stack([np.ones(len(parts[0])), *parts])
    scaled = x / np.sqrt((x * x).mean(axis=0).clip(min=1e-300))
    diagonal = np.abs(np.diag(np.linalg.qr(scaled, mode="r")))
    kept = np.flatnonzero(diagonal > 1e-7 * diagonal.max())
    return np.asarray(x[:, kept])


def _with_outcome(
    table: pl.DataFrame, outcome: str | None, columns: Sequence[str]
) -> tuple[pl.DataFrame, Floats, int]:
    """The rows with an outcome, event and cumulative hazard (n, 2J), and how many were left out."""
    if outcome is None:
        return table, np.zeros((table.height, 0)), 0
    model = formulas.read(f"{outcome} ~ 1")
    known_columns(model.response, table.columns)
    both = sorted(set(model.response).intersection(columns))
    if both:
        raise CannotImpute(
            both[0], reason="is part of the outcome", remedy="leave it out of the columns"
        )
    rows = table.drop_nulls(list(model.response))
    if rows.is_empty():
        raise NothingToPool("no row has the outcome", remedy="check the columns of the outcome")
    response = complete(f"{outcome} ~ 1", rows, competing=True).response
    kinds = range(1, len(response.states) + 1)
    parts = [(response.event == kind).astype(np.float64) for kind in kinds]
    parts += [_hazard_lived(response, kind) for kind in kinds]
    extra = np.column_stack(parts) if parts else np.zeros((rows.height, 0))
    spread = extra.std(axis=0)
    extra = (extra - extra.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    return rows, extra[:, spread > 0], table.height - rows.height


def _hazard_lived(response: Surv, kind: int) -> Floats:
    """(n,) Nelson–Aalen cumulative hazard of one kind of event over each follow-up."""
    grid = Grid.of(response)
    counts = count(response, grid, slice(None), None)
    steps = np.concatenate([[0.0], np.cumsum(counts.n_event[:, kind - 1] / counts.n_risk)])

    def upto(positions: Integers) -> Floats:
        return steps[np.searchsorted(counts.times, grid.times[positions], side="right")]

    lived = upto(grid.stop)
    return lived if grid.start is None else lived - upto(grid.start)


def _null_for_nan(table: pl.DataFrame) -> pl.DataFrame:
    return table.with_columns(pl.col(pl.Float32, pl.Float64).fill_nan(None))


def _check_known(name: str, known: int, incomplete: bool) -> None:
    if incomplete and known < FEWEST_OBSERVED:
        raise CannotImpute(
            name,
            reason=f"has only {known} values",
            remedy="leave the column out of the analysis",
        )


def _notes(columns: Sequence[_Column], outcome: str | None, m: int) -> tuple[str, ...]:
    notes = [
        f"{column.name}: {column.missing.mean():.0%} are imputed; the result rests on the model"
        for column in columns
        if column.missing.mean() > 0.5
    ]
    if outcome is None and any(column.missing.any() for column in columns):
        notes.append("imputed without an outcome: effects on it would be drawn to zero")
    worst = max((float(column.missing.mean()) for column in columns), default=0.0)
    if 100 * worst > m:
        notes.append(f"{worst:.0%} of a column is missing: impute about {100 * worst:.0f} times")
    return tuple(notes)
