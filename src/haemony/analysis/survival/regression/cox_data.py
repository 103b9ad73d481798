"""What a Cox model is fitted to: follow-up, covariates and whatever else is known of the rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from haemony.analysis.survival.data.arrays import Floats, Integers, constant
from haemony.analysis.survival.data.columns import Columns
from haemony.analysis.survival.data.complete import (
    Complete,
    Groups,
    Missing,
    complete,
    groups_from,
    groups_of,
    positive_weights,
)
from haemony.analysis.survival.data.design import Design, term_name
from haemony.analysis.survival.data.formula import Model
from haemony.analysis.survival.data.frames import Tabular, numbers
from haemony.analysis.survival.data.given import finite
from haemony.analysis.survival.data.response import Surv
from haemony.analysis.survival.data.sample import column, column_of
from haemony.analysis.survival.faults import (
    BadCovariate,
    ConstantCovariate,
    NothingToAnalyse,
)
from haemony.analysis.survival.regression.shared_frailty import Shared

Treatment = Literal["efron", "breslow", "exact"]
Bias = Literal["kept", "reduced"]
FARTHEST = 1e100


@dataclass(frozen=True, eq=False)
class CoxData:
    """What a Cox model is fitted to, rows in their given order.

    Attributes:
        response: the n follow-ups.
        x: (n, p) covariates.
        names: (p,) their names.
        terms: (name, positions) of the columns that belong together.
        strata: the stratum of each row.
        cluster: (n,) which rows belong to one patient, or None.
        weights: (n,) case weights.
        offset: (n,) known part of the linear predictor.
        ridge: (p,) each squared coefficient costs half of this, or None.
        shared: a frailty that rows share, or None.
        robust: whether standard errors come from Lin and Wei's sandwich without a cluster.
        bias: whether Firth's term takes the first-order bias from the estimates.
    """

    response: Surv
    x: Floats
    names: tuple[str, ...]
    terms: tuple[tuple[str, tuple[int, ...]], ...]
    strata: Groups
    cluster: Integers | None
    weights: Floats
    offset: Floats
    ridge: Floats | None = None
    shared: Shared | None = None
    robust: bool = False
    bias: Bias = "kept"

    @cached_property
    def columns(self) -> Columns:
        """Where the covariates lie and how far they spread."""
        return Columns.of(self.x, self.weights)

    @property
    def means(self) -> Floats:
        """(p,) weighted means of the covariates."""
        return self.columns.means


def cox_data(
    formula: str | Surv,
    table: Tabular | None = None,
    *,
    covariates: ArrayLike | None = None,
    names: Sequence[str] | None = None,
    strata: ArrayLike | None = None,
    cluster: ArrayLike | None = None,
    offset: ArrayLike | None = None,
    weights: str | ArrayLike | None = None,
) -> tuple[CoxData, Design | None, Missing]:
    """What a formula and a table, or a `Surv` and arrays, say; the arguments are those of `cox`."""
    if isinstance(formula, Surv):
        given = from_arrays(
            formula,
            covariates=covariates,
            names=names,
            strata=strata,
            cluster=cluster,
            offset=offset,
            weights=weights,
        )
        return given, None, Missing()
    read = complete(
        formula,
        table,
        weights=weights,
        penalised=True,
        covariates=covariates,
        strata=strata,
        cluster=cluster,
        offset=offset,
    )
    data, design = from_table(read)
    return data, design, read.missing


def from_table(read: Complete) -> tuple[CoxData, Design]:
    """What the complete rows of a table say, and how its columns become covariates."""
    design, x = Design.of(read.model, read.table)
    model, n = read.model, read.table.height
    data = CoxData(
        response=read.response,
        x=x,
        names=design.names,
        terms=tuple((term, position) for term, position in design.terms.items() if position),
        strata=groups_of(read.table, model.strata),
        cluster=None if model.cluster is None else groups_of(read.table, [model.cluster]).codes,
        weights=constant(1.0, n) if read.weights is None else read.weights,
        offset=_offset(read),
        ridge=_ridge_weights(model, design, x),
        shared=_shared(read),
    )
    _check_range(data)
    return data, design


def from_arrays(
    response: Surv,
    *,
    covariates: ArrayLike | None = None,
    names: Sequence[str] | None = None,
    strata: ArrayLike | None = None,
    cluster: ArrayLike | None = None,
    offset: ArrayLike | None = None,
    weights: str | ArrayLike | None = None,
) -> CoxData:
    """What arrays beside n follow-ups say; the arguments are those of `cox`.

    Raises:
        BadCovariate: an array does not fit the follow-ups, or holds what is no finite number.
    """
    n = len(response)
    x = np.zeros((n, 0)) if covariates is None else finite(covariates, "covariates")
    x = x[:, None] if x.ndim == 1 else x
    labels = tuple(names) if names is not None else tuple(f"x{i + 1}" for i in range(x.shape[-1]))
    if x.shape != (n, len(labels)):
        raise BadCovariate(
            "covariates",
            reason=f"have shape {x.shape} beside {n} follow-ups and {len(labels)} names",
            remedy="give one row per follow-up and one name per column",
        )
    within = column(cluster, "cluster", n)
    data = CoxData(
        response=response,
        x=x,
        names=labels,
        terms=tuple((name, (i,)) for i, name in enumerate(labels)),
        strata=groups_from(column(strata, "strata", n), n),
        cluster=None if within is None else groups_from(within, n).codes,
        weights=constant(1.0, n)
        if weights is None
        else positive_weights(finite(column_of(weights, "weights", n), "weights"), "weights"),
        offset=constant(0.0, n)
        if offset is None
        else finite(column_of(offset, "offset", n), "offset"),
    )
    _check_range(data)
    return data


def _check_range(data: CoxData) -> None:
    """Refuse covariates whose squares are beyond any number, and no rows at all."""
    if not len(data.x):
        raise NothingToAnalyse(
            "there is no follow-up", remedy="check which rows were left out before"
        )
    check_squares(data.columns.lowest, data.columns.highest, data.names)


def check_squares(lowest: Floats, highest: Floats, names: Sequence[str]) -> None:
    """Refuse covariates (p,) whose squares are beyond any number.

    Raises:
        BadCovariate: the smallest or the largest value of some is too far from zero.
    """
    far = np.maximum(np.abs(lowest), np.abs(highest)) > FARTHEST
    if far.any():
        raise BadCovariate(
            ", ".join(names[int(i)] for i in np.flatnonzero(far)),
            reason=f"has numbers beyond {FARTHEST:g}, whose squares cannot be held",
            remedy="give it in a larger unit, or look for codes that stand for unknown",
        )


def with_options(data: CoxData, robust: bool | None, bias: Bias) -> CoxData:
    """Standard errors as asked for, or as R chooses them."""
    if bias not in ("kept", "reduced"):
        raise BadCovariate("bias", reason="is not known", remedy="choose 'kept' or 'reduced'")
    if robust is False and data.cluster is not None:
        raise BadCovariate(
            "robust", reason="is refused beside a cluster", remedy="leave the cluster out"
        )
    if robust is None:
        plain = data.cluster is None and data.shared is None
        robust = plain and bool(np.any(data.weights % 1))
    if (robust, bias) == (data.robust, data.bias):
        return data  # with what it knows of its columns
    return replace(data, robust=robust, bias=bias)


def check_fit(data: CoxData, ties: Treatment) -> None:
    """Refuse data without an answer, and options that exclude each other.

    Raises:
        NothingToAnalyse: nobody had the event.
        ConstantCovariate: a covariate never varies.
        BadCovariate: options that exclude each other, such as exact ties with weights.
    """
    if ties not in ("efron", "breslow", "exact"):
        raise BadCovariate(
            "ties",
            reason="is not a known treatment",
            remedy="choose 'efron', 'breslow' or 'exact'",
        )
    if not data.response.died.any():
        raise NothingToAnalyse(
            "nobody had the event, so no hazard can be compared",
            remedy="check the coding of the event and which rows were dropped as incomplete",
        )
    constant = data.columns.span == 0
    if constant.any():
        raise ConstantCovariate([data.names[i] for i in np.flatnonzero(constant)])
    robust = data.robust or data.cluster is not None
    if data.bias == "reduced" and (
        robust or data.shared or data.ridge is not None or ties == "exact"
    ):
        raise BadCovariate(
            "bias",
            reason="cannot be 'reduced' with a cluster, a penalty, a frailty or exact ties",
            remedy="leave them out; with fractional weights give robust=False",
        )
    if ties == "exact" and (robust or data.shared or np.any(data.weights != 1)):
        raise BadCovariate(
            "ties",
            reason="cannot be 'exact' with weights, a cluster or a frailty",
            remedy="choose 'efron'",
        )
    if data.shared and robust:
        raise BadCovariate(
            "cluster",
            reason="and a frailty are two answers to one question",
            remedy="leave one of them out, and robust=False beside a frailty with weights",
        )


def _offset(read: Complete) -> Floats:
    """(n,) the sum of the columns that enter as they are."""
    given = (finite(numbers(read.table[name]), name) for name in read.model.offset)
    return sum(given, constant(0.0, read.table.height))


def _ridge_weights(model: Model, design: Design, x: Floats) -> Floats | None:
    """(p,) what half of each squared coefficient costs."""
    if not model.ridges:
        return None
    weights = np.zeros(x.shape[1])
    for ridge in model.ridges:
        for term in ridge.terms:
            position = np.array(design.terms[term_name(term)], dtype=np.intp)
            size = x[:, position].var(axis=0, ddof=1) if ridge.scale else np.ones(len(position))
            weights[position] = ridge.theta * size
    return weights


def _shared(read: Complete) -> Shared | None:
    frailty = read.model.frailty
    if frailty is None:
        return None
    of = groups_of(read.table, [frailty.column])
    return Shared(of, frailty.distribution, frailty.theta)
