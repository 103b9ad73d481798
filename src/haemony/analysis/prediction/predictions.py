"""What models said would happen to patients, beside what then happened.

Every measure of this package starts from one `Predictions`: the follow-up of n patients, and for M
models the risk of the event by each of T horizons. It can be built once and handed to many
measures, or each measure builds it from the same arguments.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Self, TypeAlias

import numpy as np
import polars as pl
from numpy.typing import ArrayLike

from haemony.analysis.prediction.faults import BadRisks, floats
from haemony.analysis.survival.data.arrays import Flags, Floats, Integers
from haemony.analysis.survival.data.complete import Missing, complete, known_columns
from haemony.analysis.survival.data.design import Design
from haemony.analysis.survival.data.formula import beside_covariates, read
from haemony.analysis.survival.data.frames import Tabular, polars_table
from haemony.analysis.survival.data.response import Surv, distinct
from haemony.analysis.survival.faults import (
    BadFormula,
    BadResponse,
    BeyondFollowUp,
    NothingToAnalyse,
)

Risks: TypeAlias = Mapping[str, str | Sequence[str] | ArrayLike]
TINY = float(np.finfo(np.float64).tiny)
"""A horizon that every follow-up reaches, for predictions that are to be judged at another."""

RISK = "predicted risk"
"""What the count of missing rows calls a row without a prediction."""


@dataclass(frozen=True, eq=False)
class Predictions:
    """Predicted risks of n patients by M models at T horizons, and their follow-up.

    Attributes:
        response: the follow-up, from the origin.
        models: (M,) their names.
        times: (T,) horizons, in the unit of the follow-up, ascending.
        risks: (M, n, T) the higher, the likelier the event by the horizon.
        cause: the event that is predicted, as its code in the response.
        covariates: (n, p) on which censoring may depend; p is 0 without.
        missing: rows left out because a risk or a variable is missing.
        kept: (n,) the given rows that are judged.
    """

    response: Surv
    models: tuple[str, ...]
    times: Floats
    risks: Floats
    cause: int
    covariates: Floats
    missing: Missing
    kept: Integers

    def __len__(self) -> int:
        return len(self.response)

    @cached_property
    def time(self) -> Floats:
        """(n,) end of follow-up; times apart by rounding error only are made equal."""
        times, position = distinct(self.response.stop)
        return times[position]

    @cached_property
    def had_event(self) -> Flags:
        """(n,) whether follow-up ends with the event that is predicted."""
        return np.asarray(self.response.event == self.cause)

    @cached_property
    def had_other(self) -> Flags:
        """(n,) whether follow-up ends with a competing event."""
        return (self.response.event > 0) & ~self.had_event

    @property
    def competing(self) -> bool:
        """Whether other events can come first."""
        return len(self.response.states) > 1

    def state(self) -> str:
        """The name of the event that is predicted."""
        return self.response.states[self.cause - 1]

    def subset(self, rows: Integers) -> Self:
        """The predictions for some patients, who may be drawn more than once."""
        event = self.response.event[rows]
        return type(self)(
            response=Surv(self.time[rows], event, None, self.response.states),
            models=self.models,
            times=self.times,
            risks=self.risks[:, rows],
            cause=self.cause,
            covariates=self.covariates[rows],
            missing=self.missing,
            kept=self.kept[rows],
        )

    def at(self, times: ArrayLike) -> Self:
        """The same predictions at other horizons, where each model has one risk for all.

        Raises:
            BadRisks: risks differ between horizons.
        """
        horizons = _horizons(times)
        if np.ptp(self.risks, axis=2).any():
            raise BadRisks(
                "risks", reason="differ between horizons", remedy="give those of the new horizons"
            )
        shape = (*self.risks.shape[:2], horizons.size)
        risks = np.broadcast_to(self.risks[:, :, :1], shape)
        return replace(self, times=horizons, risks=risks)

    def at_the_end(self) -> Self:
        """The same predictions at the time of the last event."""
        return self.at([max(TINY, float(self.time[self.had_event].max()))])

    def check_probabilities(self) -> None:
        """Refuse scores that are no probabilities.

        Raises:
            BadRisks: a risk lies outside 0 to 1.
        """
        for name, risk in zip(self.models, self.risks, strict=True):
            outside = int(np.count_nonzero((risk < 0) | (risk > 1)))
            if outside:
                raise BadRisks(
                    name,
                    reason=f"has {outside} risks outside 0 to 1",
                    remedy="give probabilities of the event by each horizon, not scores",
                )


def predictions(
    formula: str | Surv | Predictions,
    table: Tabular | None = None,
    *,
    risks: Risks | None = None,
    times: ArrayLike | None = None,
    cause: str | None = None,
    covariates: ArrayLike | None = None,
) -> Predictions:
    """Lay predicted risks beside what happened.

    Args:
        formula: such as "Surv(os_days, os_event) ~ 1"; covariates on its right are those on which
            censoring may depend; or a `Surv`; or predictions, which are returned as they are.
        table: the columns that the formula names; incomplete rows are left out and counted.
        risks: for each model its name and one column, one column per horizon, or an array (n,) or
            (n, T). A model with one value per patient has the same at every horizon.
        times: (T,) horizons.
        cause: the kind of event that is predicted, where several compete; the first by default.
        covariates: (n, p) of the censoring model, when a `Surv` is given.

    Raises:
        BadRisks: risks have the wrong shape, or none are given.
        BadResponse: follow-up does not begin at the origin.
        BeyondFollowUp: a horizon lies after the last follow-up.

    >>> table = pl.DataFrame(
    ...     {"days": [5, 8, 11, 20], "died": [1, 1, 0, 1], "p": [0.9, 0.4, 0.5, 0.1]}
    ... )
    >>> found = predictions("Surv(days, died) ~ 1", table, risks={"model": "p"}, times=[10])
    >>> found.models, found.risks.shape
    (('model',), (1, 4, 1))
    """
    if isinstance(formula, Predictions):
        return formula
    if not isinstance(formula, str | Surv):
        raise BadFormula(str(formula), reason="it is neither a text nor a Surv")
    named = isinstance(risks, Mapping) and all(isinstance(name, str) for name in risks)
    if not named or not risks:
        raise BadRisks("risks", reason="names no model", remedy='give risks={"name": column}')
    if isinstance(formula, str) and table is None:
        raise BadFormula(formula, reason="it comes without a table")
    horizons = _horizons(times)
    rows = pl.DataFrame() if table is None else polars_table(table)
    n = len(formula) if isinstance(formula, Surv) else rows.height
    values = np.stack([_one_model(name, risks[name], rows, n, horizons.size) for name in risks])
    known = np.asarray(np.isfinite(values).all(axis=(0, 2)))
    if not known.any():
        raise NothingToAnalyse(
            "no row has a predicted risk of every model", remedy="look at the models one by one"
        )
    if isinstance(formula, Surv):
        response, x, kept, missing = _from_arrays(formula, known, covariates)
    else:
        response, x, kept, missing = _from_table(formula, rows, known, covariates)
    found = Predictions(
        response=response,
        models=tuple(risks),
        times=horizons,
        risks=values[:, kept],
        cause=_cause(response, cause),
        covariates=x,
        missing=missing,
        kept=kept,
    )
    _check(found)
    return found


def _horizons(times: ArrayLike | None) -> Floats:
    given = np.atleast_1d(floats("times", [] if times is None else times))
    if not given.size or given.ndim > 1 or not np.isfinite(given).all() or (given <= 0).any():
        raise BadRisks(
            "times", reason="are not positive horizons", remedy="give for example times=[365, 1826]"
        )
    if (np.diff(given) <= 0).any():
        raise BadRisks("times", reason="do not ascend", remedy="sort them and the columns of risks")
    return given


def _one_model(
    name: str,
    given: str | Sequence[str] | ArrayLike,
    table: pl.DataFrame,
    n: int,
    horizons: int,
) -> Floats:
    """One model's risks (n, T), NaN where missing."""
    columns = _columns(given)
    if columns:
        values = _from_columns(columns, table)
    else:
        values = floats(name, given)
        values = values[:, None] if values.ndim == 1 else values
    if values.ndim != 2 or len(values) != n or values.shape[1] not in (1, horizons):
        raise BadRisks(
            name,
            reason=f"has risks of shape {values.shape} for {n} rows and {horizons} horizons",
            remedy="give one risk per row, or one per row and horizon",
        )
    infinite = int(np.count_nonzero(np.isinf(values)))
    if infinite:
        raise BadRisks(
            name,
            reason=f"has {infinite} infinite risks",
            remedy="give finite numbers, and nothing (null, NaN) where there is no prediction",
        )
    return np.broadcast_to(values, (n, horizons))


def _columns(given: str | Sequence[str] | ArrayLike) -> list[str]:
    if isinstance(given, str):
        return [given]
    if isinstance(given, list | tuple) and given and isinstance(given[0], str):
        return [str(column) for column in given]
    return []


def _from_columns(columns: list[str], table: pl.DataFrame) -> Floats:
    for column in known_columns(columns, table.columns):
        if not (table[column].dtype.is_numeric() or table[column].dtype == pl.Boolean):
            raise BadRisks(column, reason="is not numeric", remedy="give risks as numbers")
    numbers = (table[column].cast(pl.Float64).fill_null(float("nan")) for column in columns)
    return np.column_stack([column.to_numpy() for column in numbers])


def _from_table(
    formula: str, table: pl.DataFrame, known: Flags, covariates: ArrayLike | None
) -> tuple[Surv, Floats, Integers, Missing]:
    """The response, the covariates of censoring, the rows kept and those missing, from a table."""
    if covariates is not None:
        raise BadFormula(formula, reason="covariates cannot be given beside it as arrays")
    model = read(formula)
    if beside_covariates(model):
        raise BadFormula(formula, reason="its right side describes censoring by plain covariates")
    known_columns(model.columns, table.columns)
    # Row numbers travel as weights, so that rows without a risk are counted with the incomplete.
    numbered = np.where(known, np.arange(1.0, len(known) + 1), np.nan)
    data = complete(
        formula, table.with_columns(pl.Series(RISK, numbered)), weights=RISK, competing=True
    )
    weights = np.empty(0) if data.weights is None else data.weights
    x = Design.of(model, data.table)[1] if model.terms else np.zeros((weights.size, 0))
    return data.response, x, weights.astype(np.intp) - 1, data.missing


def _from_arrays(
    response: Surv, known: Flags, covariates: ArrayLike | None
) -> tuple[Surv, Floats, Integers, Missing]:
    """The same from a response and an array."""
    n, kept = len(response), np.flatnonzero(known)
    x = np.zeros((n, 0)) if covariates is None else floats("covariates", covariates)
    if len(x) != n or not np.isfinite(x).all():
        raise BadRisks(
            "covariates",
            reason=f"have {len(x)} rows for {n}, or missing values",
            remedy="give one finite row per follow-up",
        )
    start = None if response.start is None else response.start[kept]
    chosen = Surv(response.stop[kept], response.event[kept], start, response.states)
    by_variable = {RISK: n - kept.size} if kept.size < n else {}
    return chosen, x.reshape(n, -1)[kept], kept, Missing(n - kept.size, by_variable)


def _cause(response: Surv, cause: str | None) -> int:
    if cause is None:
        return 1
    if cause not in response.states:
        raise BadRisks(
            cause,
            reason="is no event of this follow-up",
            remedy=f"choose {' or '.join(map(repr, response.states))}",
        )
    return response.states.index(cause) + 1


def _check(found: Predictions) -> None:
    response = found.response
    if response.start is not None:
        raise BadResponse(
            "predictions are judged over follow-up from one origin, and this begins later",
            remedy="give Surv(time, event), with horizons counted from the landmark",
        )
    if not found.had_event.any():
        raise NothingToAnalyse(
            "nobody had the event that is predicted", remedy="check the coding of the event"
        )
    last = float(response.stop.max())
    if found.times[-1] > max(last, TINY):
        raise BeyondFollowUp(float(found.times[-1]), group="all", last=last)
