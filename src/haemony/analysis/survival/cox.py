"""The Cox proportional hazards model, equal to R's `coxph` to rounding error.

Cox DR (1972) Regression models and life-tables. JRSS B 34:187-220. Lin DY, Wei LJ (1989) The robust
inference for the Cox proportional hazards model. JASA 84:1074-1078. Therneau TM, Grambsch PM (2000)
Modeling Survival Data. Springer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
import polars as pl
from numpy.typing import ArrayLike
from scipy.stats import chi2, norm

from haemony.analysis.survival.arrays import Floats, Integers
from haemony.analysis.survival.concordance import Concordance, compare_pairs
from haemony.analysis.survival.design import Design
from haemony.analysis.survival.faults import (
    BadCovariate,
    ConstantCovariate,
    NothingToAnalyse,
)
from haemony.analysis.survival.formula import (
    Complete,
    Groups,
    Missing,
    complete,
    groups_from,
    groups_of,
    positive_weights,
)
from haemony.analysis.survival.intervals import ConfType, confidence_limits, normal_quantile
from haemony.analysis.survival.newton import Maximum, inverse, maximise, solve
from haemony.analysis.survival.partial_likelihood import Moments, PartialLikelihood, Ties
from haemony.analysis.survival.response import Surv
from haemony.analysis.survival.risk_sets import RiskSets


@dataclass(frozen=True, slots=True)
class ChiSquared:
    """A chi-squared test."""

    statistic: float
    df: int

    @property
    def p(self) -> float:
        """The p-value."""
        return float(chi2.sf(self.statistic, self.df)) if self.df else float("nan")


@dataclass(frozen=True, slots=True)
class LogLikelihood:
    """The log partial likelihood without and with the covariates."""

    null: float
    fitted: float


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
    """

    response: Surv
    x: Floats
    names: tuple[str, ...]
    terms: tuple[tuple[str, tuple[int, ...]], ...]
    strata: Groups
    cluster: Integers | None
    weights: Floats
    offset: Floats


@dataclass(frozen=True, eq=False)
class CoxFit:
    """A fitted Cox model with p coefficients.

    Attributes:
        names: (p,) the coefficients' names.
        coefficients: (p,) log hazard ratios.
        standard_errors: (p,) robust ones when there is a cluster.
        covariance: (p, p) of the coefficients, robust with a cluster.
        naive_covariance: (p, p) the inverse information.
        log_likelihood: without and with the covariates.
        score_test: Rao's score test of all coefficients.
        n: rows analysed.
        events: rows that end with the event.
        missing: rows left out as incomplete.
        notes: what a reader must know, such as coefficients without a finite estimate.
        ties: how tied deaths were treated.
        converged: whether the maximum was reached.
        iterations: Newton steps taken.
        means: (p,) weighted means of the covariates.
        data: what was fitted.
        design: how table columns become covariates, or None for arrays.
    """

    names: tuple[str, ...]
    coefficients: Floats
    standard_errors: Floats
    covariance: Floats
    naive_covariance: Floats
    log_likelihood: LogLikelihood
    score_test: ChiSquared
    n: int
    events: int
    missing: Missing
    notes: tuple[str, ...]
    ties: Ties
    converged: bool
    iterations: int
    means: Floats
    data: CoxData
    design: Design | None
    _sets: RiskSets

    @property
    def likelihood_ratio_test(self) -> ChiSquared:
        """All coefficients zero? Twice the gain in log-likelihood."""
        gain = self.log_likelihood.fitted - self.log_likelihood.null
        return ChiSquared(2 * gain, len(self.names))

    @property
    def wald_test(self) -> ChiSquared:
        """All coefficients zero? Their squared distance from zero in standard errors."""
        distance = self.coefficients @ solve(self.covariance, self.coefficients)
        return ChiSquared(float(distance), len(self.names))

    @cached_property
    def linear_predictors(self) -> Floats:
        """(n,) log relative hazards against a patient with mean covariates and offset zero."""
        return np.asarray((self.data.x - self.means) @ self.coefficients + self.data.offset)

    @cached_property
    def concordance(self) -> Concordance:
        """Harrell's C of the linear predictor, within strata, with its standard error."""
        return compare_pairs(
            self.data.response,
            -self.linear_predictors,
            weights=self.data.weights,
            strata=self.data.strata.codes,
            cluster=self.data.cluster,
        )

    @cached_property
    def centred(self) -> Moments:
        """The likelihood at the estimate with covariates around their means."""
        order = self._sets.order
        likelihood = PartialLikelihood(
            self._sets,
            (self.data.x - self.means)[order],
            self.data.weights[order],
            self.data.offset[order],
            self.ties,
        )
        return likelihood.at(self.coefficients)

    @property
    def order(self) -> Integers:
        """(n,) the rows in the order in which `centred` holds them."""
        return self._sets.order

    def table(self, level: float = 0.95) -> pl.DataFrame:
        """One row per coefficient: term, estimate, std_err, hazard_ratio, lower, upper, z, p.

        lower and upper are confidence limits of the hazard ratio.
        """
        z = self.coefficients / self.standard_errors
        half = normal_quantile(level) * self.standard_errors
        with np.errstate(over="ignore"):
            ratios = [np.exp(self.coefficients + side * half) for side in (0, -1, 1)]
        return pl.DataFrame(
            {
                "term": self.names,
                "estimate": self.coefficients,
                "std_err": self.standard_errors,
                "hazard_ratio": ratios[0],
                "lower": ratios[1],
                "upper": ratios[2],
                "z": z,
                "p": 2 * norm.sf(np.abs(z)),
            },
            schema_overrides={"term": pl.String},
        )

    def baseline_hazard(self, at: Literal["means", "zero"] = "means") -> pl.DataFrame:
        """Cumulative baseline hazard: stratum, time, hazard, at the event times of each stratum.

        Args:
            at: for a patient with mean covariates, or with all covariates zero.
        """
        shift = 1.0 if at == "means" else float(np.exp(-self.means @ self.coefficients))
        return pl.DataFrame(
            {
                "stratum": [self.data.strata.labels[code] for code in self._sets.stratum],
                "time": self._sets.times,
                "hazard": self._cumulative(self.centred.hazard) * shift,
            }
        )

    def predict(
        self,
        rows: pl.DataFrame | ArrayLike,
        times: ArrayLike,
        *,
        strata: Sequence[str] | None = None,
        conf_type: ConfType = "log",
        level: float = 0.95,
    ) -> pl.DataFrame:
        """Survival of new patients: row, time, survival, lower, upper.

        Args:
            rows: a table with the covariates (and strata) of m patients, or an (m, p) array.
            times: when; times after the last follow-up of a stratum give null.
            strata: (m,) stratum labels such as "study=07-04"; read from a table by itself.
            conf_type: the scale of the confidence limits.
            level: their coverage.

        The variance is that of Tsiatis (1981) as extended to tied deaths by Therneau and Grambsch.
        """
        x = self._covariates(rows)
        codes = self._strata(rows, strata, len(x))
        wanted = np.atleast_1d(np.asarray(times, dtype=np.float64))
        parts = [
            self._predict_one(i, x[i] - self.means, int(codes[i]), wanted, conf_type, level)
            for i in range(len(x))
        ]
        return pl.concat(parts)

    def _covariates(self, rows: pl.DataFrame | ArrayLike) -> Floats:
        if not isinstance(rows, pl.DataFrame):
            return np.atleast_2d(np.asarray(rows, dtype=np.float64))
        if self.design is None:
            return rows.select(self.names).to_numpy().astype(np.float64)
        return self.design.matrix(rows)

    def _strata(
        self, rows: pl.DataFrame | ArrayLike, given: Sequence[str] | None, m: int
    ) -> Integers:
        labels = self.data.strata.labels
        if len(labels) == 1:
            return np.zeros(m, dtype=np.intp)
        if given is None and isinstance(rows, pl.DataFrame):
            columns = [part.partition("=")[0] for part in labels[0].split(", ")]
            of = groups_of(rows, columns)
            given = [of.labels[code] for code in of.codes]
        if given is None or not set(given) <= set(labels):
            raise BadCovariate(
                "strata", reason="is missing or unknown", remedy=f"give one of {', '.join(labels)}"
            )
        return np.array([labels.index(label) for label in given], dtype=np.intp)

    def _predict_one(
        self,
        row: int,
        x: Floats,
        stratum: int,
        times: Floats,
        conf_type: ConfType,
        level: float,
    ) -> pl.DataFrame:
        mine = np.flatnonzero(self._sets.stratum == stratum)
        centred = self.centred
        hazard = np.cumsum(centred.hazard[mine])
        square = np.cumsum(centred.moment(0, 2)[mine])
        a, b = (centred.moment(fractions, 2)[mine, None] for fractions in (0, 1))
        drift = np.cumsum(
            x * centred.hazard[mine, None] - (a * centred.s1[mine] - b * centred.d1[mine]), axis=0
        )
        relative = float(np.exp(x @ self.coefficients))
        variance = square + np.einsum("kp,pq,kq->k", drift, self.covariance, drift)
        position = np.searchsorted(self._sets.times[mine], times, side="right")
        survival = np.exp(-relative * np.concatenate([[0.0], hazard]))[position]
        log_se = relative * np.sqrt(np.concatenate([[0.0], variance]))[position]
        lower, upper = confidence_limits(survival, log_se, conf_type, level)
        last = self.data.response.stop[self.data.strata.codes == stratum].max(initial=0.0)
        frame = pl.DataFrame(
            {"row": row, "time": times, "survival": survival, "lower": lower, "upper": upper}
        )
        known = pl.when(pl.col("time") <= last)
        return frame.with_columns(
            known.then(pl.col("survival", "lower", "upper").fill_nan(None)).otherwise(None)
        )

    def _cumulative(self, increments: Floats) -> Floats:
        total = np.cumsum(increments)
        begins = self._sets.bounds[:-1]
        before = np.concatenate([[0.0], total])[begins]
        return np.asarray(total - np.repeat(before, np.diff(self._sets.bounds)))


def cox(
    formula: str | Surv,
    table: pl.DataFrame | None = None,
    *,
    covariates: ArrayLike | None = None,
    names: Sequence[str] | None = None,
    strata: ArrayLike | None = None,
    cluster: ArrayLike | None = None,
    offset: ArrayLike | None = None,
    weights: str | ArrayLike | None = None,
    ties: Ties = "efron",
) -> CoxFit:
    """Fit a Cox proportional hazards model (Cox 1972).

    Args:
        formula: such as "Surv(os_days, os_event) ~ age + NPM1 + strata(study)", with `cluster(id)`
            for robust standard errors and `offset(x)` for a known effect; or a `Surv`.
        table: the columns that the formula names; incomplete rows are left out and counted.
        covariates: (n, p) numbers, when a `Surv` is given.
        names: (p,) names of these covariates.
        strata: (n,) labels, when a `Surv` is given.
        cluster: (n,) labels, when a `Surv` is given.
        offset: (n,) numbers, when a `Surv` is given.
        weights: a column of case weights, or (n,) weights.
        ties: Efron's or Breslow's treatment of tied deaths.

    Raises:
        NothingToAnalyse: nobody had the event.
        ConstantCovariate: a covariate never varies.
        CollinearCovariates: covariates cannot be told apart.

    >>> table = pl.DataFrame({"days": [4, 3, 1, 1, 2, 2, 3], "died": [1, 1, 1, 0, 1, 1, 0],
    ...     "x": [0, 2, 1, 1, 1, 0, 0], "sex": [0, 0, 0, 0, 1, 1, 1]})
    >>> cox("Surv(days, died) ~ x + strata(sex)", table).coefficients.round(4)
    array([0.8023])
    """
    if isinstance(formula, Surv):
        given = _from_arrays(formula, covariates, names, strata, cluster, offset, weights)
        return fit_cox(given, ties=ties)
    read = complete(
        formula,
        table,
        weights=weights,
        covariates=covariates,
        strata=strata,
        cluster=cluster,
        offset=offset,
    )
    design, x = Design.of(read.model, read.table)
    return fit_cox(_from_table(read, design, x), ties=ties, missing=read.missing, design=design)


def fit_cox(
    data: CoxData,
    *,
    ties: Ties = "efron",
    missing: Missing | None = None,
    design: Design | None = None,
) -> CoxFit:
    """Fit a Cox model to data that are already numeric."""
    if ties not in ("efron", "breslow"):
        raise BadCovariate(
            "ties", reason="is not a known treatment", remedy="choose 'efron' or 'breslow'"
        )
    events = int(np.count_nonzero(data.response.died))
    if not events:
        raise NothingToAnalyse(
            "nobody had the event, so no hazard can be compared",
            remedy="check the coding of the event and which rows were dropped as incomplete",
        )
    span = np.ptp(data.x, axis=0)
    if not span.all():
        raise ConstantCovariate([data.names[i] for i in np.flatnonzero(span == 0)])
    sets = RiskSets.of(data.response, data.strata.codes)
    means = data.weights @ data.x / data.weights.sum()
    scale = data.x.std(axis=0)
    standardised = data.x[sets.order]
    standardised -= means
    standardised /= scale
    likelihood = PartialLikelihood(
        sets, standardised, data.weights[sets.order], data.offset[sets.order], ties
    )
    top = maximise(likelihood, data.names, span / scale)
    naive = inverse(top.information) / np.outer(scale, scale)
    covariance = naive if data.cluster is None else _robust(top, data.cluster[sets.order], scale)
    return CoxFit(
        names=data.names,
        coefficients=top.beta / scale,
        standard_errors=np.sqrt(np.diag(covariance)),
        covariance=covariance,
        naive_covariance=naive,
        log_likelihood=LogLikelihood(top.start.log_likelihood, top.moments.log_likelihood),
        score_test=ChiSquared(top.score_statistic, len(data.names)),
        n=len(data.response),
        events=events,
        missing=missing or Missing(),
        notes=(*(design.notes if design else ()), *_notes(top, data.names)),
        ties=ties,
        converged=top.converged,
        iterations=top.steps,
        means=means,
        data=data,
        design=design,
        _sets=sets,
    )


def _robust(top: Maximum, cluster: Integers, scale: Floats) -> Floats:
    """Lin and Wei's sandwich (p, p): the sum over clusters of squared changes of the estimate."""
    part = top.moments.likelihood
    influence = (part.weight[:, None] * top.moments.score_rows()) @ inverse(top.information)
    sums = np.column_stack([np.bincount(cluster, column) for column in (influence / scale).T])
    return np.asarray(sums.T @ sums)


def _notes(top: Maximum, names: tuple[str, ...]) -> tuple[str, ...]:
    notes = [
        f"{names[i]} has no finite estimate: the likelihood keeps rising as its coefficient grows "
        f"(a group without events, or one that always comes first); its standard error and Wald "
        f"p-value mean nothing, use the likelihood-ratio test"
        for i in np.flatnonzero(top.runaway)
    ]
    if not top.converged and not notes:
        notes.append(f"the fit did not converge in {top.steps} steps; do not use it")
    return tuple(notes)


def _from_table(read: Complete, design: Design, x: Floats) -> CoxData:
    model, n = read.model, read.table.height
    offset = np.zeros(n)
    for column in model.offset:
        offset += read.table[column].cast(pl.Float64).to_numpy()
    cluster = None if model.cluster is None else groups_of(read.table, [model.cluster]).codes
    return CoxData(
        response=read.response,
        x=x,
        names=design.names,
        terms=tuple((term, position) for term, position in design.terms.items() if position),
        strata=groups_of(read.table, model.strata),
        cluster=cluster,
        weights=np.ones(n) if read.weights is None else read.weights,
        offset=offset,
    )


def _from_arrays(
    response: Surv,
    covariates: ArrayLike | None,
    names: Sequence[str] | None,
    strata: ArrayLike | None,
    cluster: ArrayLike | None,
    offset: ArrayLike | None,
    weights: str | ArrayLike | None,
) -> CoxData:
    n = len(response)
    x = np.zeros((n, 0)) if covariates is None else np.asarray(covariates, dtype=np.float64)
    x = x[:, None] if x.ndim == 1 else x
    labels = tuple(names) if names is not None else tuple(f"x{i + 1}" for i in range(x.shape[1]))
    if x.shape != (n, len(labels)) or not np.isfinite(x).all():
        raise BadCovariate(
            "covariates",
            reason=f"have shape {x.shape} or missing values, {n} rows and {len(labels)} names",
            remedy="give one finite row per follow-up and one name per column",
        )
    return CoxData(
        response=response,
        x=x,
        names=labels,
        terms=tuple((name, (i,)) for i, name in enumerate(labels)),
        strata=groups_from(None if strata is None else np.asarray(strata), n),
        cluster=None if cluster is None else groups_from(np.asarray(cluster), n).codes,
        weights=np.ones(n) if weights is None else positive_weights(np.asarray(weights), "weights"),
        offset=np.zeros(n) if offset is None else np.asarray(offset, dtype=np.float64),
    )
