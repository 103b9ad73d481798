"""Covariates of patients whose follow-up ends with one of several kinds of event."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from numpy.typing import ArrayLike

from haemony.analysis.survival.data.arrays import Integers
from haemony.analysis.survival.data.complete import (
    Missing,
    complete,
    groups_from,
    groups_of,
)
from haemony.analysis.survival.data.design import Design
from haemony.analysis.survival.data.frames import Tabular
from haemony.analysis.survival.data.response import Surv
from haemony.analysis.survival.data.sample import column
from haemony.analysis.survival.faults import BadCovariate, BadFormula, NothingToAnalyse
from haemony.analysis.survival.regression.cox_data import CoxData, from_arrays, from_table


@dataclass(frozen=True, eq=False)
class CompetingData:
    """What a model of one of several kinds of event is fitted to.

    Attributes:
        cox: the covariates, strata and weights, with every kind of event in the response.
        cause: the kind of event modelled, 1 or more.
        censoring_group: (n,) within which censoring is alike.
        missing: rows left out as incomplete.
        design: how table columns become covariates, or None for arrays.
    """

    cox: CoxData
    cause: int
    censoring_group: Integers
    missing: Missing
    design: Design | None


@dataclass(frozen=True, eq=False)
class Arrays:
    """What comes beside a `Surv`, and only beside one.

    Attributes:
        covariates: (n, p) numbers.
        names: (p,) their names.
        strata: (n,) labels.
        cluster: (n,) labels.
    """

    covariates: ArrayLike | None = None
    names: Sequence[str] | None = None
    strata: ArrayLike | None = None
    cluster: ArrayLike | None = None


def competing_data(
    formula: str | Surv,
    table: Tabular | None,
    arrays: Arrays,
    cause: str | None,
    weights: str | ArrayLike | None,
    censoring_by: str | ArrayLike | None,
) -> CompetingData:
    """Read covariates and follow-up from a formula and a table, or from a `Surv` and arrays.

    Args:
        formula: such as "Surv(days, outcome) ~ age + strata(study)", or a `Surv`.
        table: the columns that the formula names.
        arrays: what comes beside a `Surv`.
        cause: the kind of event; the first by default.
        weights: a column of case weights, or (n,) weights.
        censoring_by: a column, or (n,) labels, within which alone censoring is alike.

    Raises:
        BadFormula: arrays come beside a formula, or names of columns beside a `Surv`.
        BadCovariate: no event is called like the cause, or arrays do not fit together.
    """
    if not isinstance(formula, Surv):
        return _from_table(formula, table, arrays, cause, weights, censoring_by)
    for name, given in (("weights", weights), ("censoring_by", censoring_by)):
        if isinstance(given, str):
            raise BadCovariate(
                name, reason="is the name of a column beside a Surv", remedy="give an array"
            )
    return _from_arrays(formula, arrays, cause, weights, censoring_by)


def _cause(states: tuple[str, ...], cause: str | None) -> int:
    if not states:
        raise NothingToAnalyse("nobody had an event", remedy="check the coding of the event")
    if cause is None:
        return 1
    if str(cause) not in states:
        raise BadCovariate(
            "cause", reason="is no event that occurs", remedy=f"choose one of {', '.join(states)}"
        )
    return states.index(str(cause)) + 1


def _from_table(
    formula: str,
    table: Tabular | None,
    arrays: Arrays,
    cause: str | None,
    weights: str | ArrayLike | None,
    censoring_by: str | ArrayLike | None,
) -> CompetingData:
    if censoring_by is not None and not isinstance(censoring_by, str):
        raise BadFormula(formula, reason="censoring_by beside it is the name of a column")
    by = () if censoring_by is None else (censoring_by,)
    read = complete(
        formula,
        table,
        weights=weights,
        competing=True,
        also=by,
        covariates=arrays.covariates,
        names=arrays.names,
        strata=arrays.strata,
        cluster=arrays.cluster,
    )
    cox, design = from_table(read)
    return CompetingData(
        cox,
        _cause(read.response.states, cause),
        groups_of(read.table, by).codes,
        read.missing,
        design,
    )


def _from_arrays(
    response: Surv,
    arrays: Arrays,
    cause: str | None,
    weights: ArrayLike | None,
    censoring_by: ArrayLike | None,
) -> CompetingData:
    n = len(response)
    cox = from_arrays(
        response,
        covariates=arrays.covariates,
        names=arrays.names,
        strata=arrays.strata,
        cluster=arrays.cluster,
        weights=weights,
    )
    group = groups_from(column(censoring_by, "censoring_by", n), n).codes
    return CompetingData(cox, _cause(response.states, cause), group, Missing(), None)
