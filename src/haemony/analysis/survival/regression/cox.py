"""The Cox proportional hazards model, equal to R's `coxph` to rounding error.

Cox DR (1972) Regression models and life-tables. JRSS B 34:187-220. Lin DY, Wei LJ (1989) The robust
inference for the Cox proportional hazards model. JASA 84:1074-1078. Therneau TM, Grambsch PM (2000)
Modeling Survival Data. Springer. Gray RJ (1992) Flexible methods for analyzing survival data using
splines. JASA 87:942-951, for the degrees of freedom of penalised fits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal, Self, TypeAlias

import numpy as np
import polars as pl
from numpy.typing import ArrayLike
from scipy.stats import chi2, norm

from haemony.analysis.survival import printing
from haemony.analysis.survival.data.arrays import Floats, Integers
from haemony.analysis.survival.data.columns import Columns, standardised
from haemony.analysis.survival.data.design import Design, term_name
from haemony.analysis.survival.data.formula import (
    Complete,
    Groups,
    Missing,
    Model,
    complete,
    groups_from,
    groups_of,
    known_columns,
    positive_weights,
)
from haemony.analysis.survival.data.frames import Tabular, is_table, numbers, polars_table
from haemony.analysis.survival.data.response import Surv
from haemony.analysis.survival.faults import (
    BadCovariate,
    ConstantCovariate,
    NothingToAnalyse,
)
from haemony.analysis.survival.intervals import ConfType, confidence_limits, normal_quantile
from haemony.analysis.survival.ranks.concordance import Concordance, compare_pairs
from haemony.analysis.survival.regression.exact_ties import ExactLikelihood, ExactPoint
from haemony.analysis.survival.regression.firth import FirthLikelihood, FirthPoint
from haemony.analysis.survival.regression.newton import Maximum, Quadratic, inverse, maximise, solve
from haemony.analysis.survival.regression.partial_likelihood import Moments, PartialLikelihood
from haemony.analysis.survival.regression.risk_sets import RiskSets
from haemony.analysis.survival.regression.shared_frailty import FrailtyEffects, Shared, fit_shared

Treatment = Literal["efron", "breslow", "exact"]
Bias = Literal["kept", "reduced"]
Peak: TypeAlias = Moments | ExactPoint | FirthPoint


@dataclass(frozen=True, slots=True)
class ChiSquared:
    """A chi-squared test."""

    statistic: float
    df: float

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


@dataclass(frozen=True, eq=False)
class Scaled:
    """The likelihood of covariates with mean zero and variance one, for safe arithmetic.

    Attributes:
        partial: the partial likelihood, Breslow's where ties are exact.
        climbed: what is maximised.
        scale: (p,) coefficients are divided by this to be those of the covariates given.
        span: (p,) largest less smallest value of each scaled covariate.
        ridge: (p,) weights of a ridge for the scaled coefficients.
    """

    partial: PartialLikelihood
    climbed: PartialLikelihood | ExactLikelihood | FirthLikelihood
    scale: Floats
    span: Floats
    ridge: Floats

    @classmethod
    def of(
        cls, data: CoxData, ties: Treatment, sets: RiskSets, spread: Floats | None = None
    ) -> Self:
        """Scale the covariates of a data set by their spread, a constant one by 1."""
        order = sets.order
        width = data.columns.spread if spread is None else spread
        scale = np.where(width > 0, width, 1.0)
        partial = PartialLikelihood(
            sets,
            standardised(data.x, order, data.means, scale),
            data.weights[order],
            data.offset[order],
            "breslow" if ties == "exact" else ties,
        )
        climbed: PartialLikelihood | ExactLikelihood | FirthLikelihood = partial
        if ties == "exact":
            climbed = ExactLikelihood(partial)
        elif data.bias == "reduced":
            climbed = FirthLikelihood(partial, float(np.log(scale).sum()))
        return cls(
            partial=partial,
            climbed=climbed,
            scale=scale,
            span=data.columns.span / scale,
            ridge=np.zeros(len(scale)) if data.ridge is None else data.ridge / scale**2,
        )


@dataclass(frozen=True, eq=False)
class CoxFit:
    """A fitted Cox model with p coefficients.

    Attributes:
        names: (p,) the coefficients' names.
        coefficients: (p,) log hazard ratios.
        standard_errors: (p,) robust ones when there is a cluster.
        covariance: (p, p) of the coefficients, robust with a cluster.
        naive_covariance: (p, p) the inverse information, that of the penalised likelihood if any.
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
        data: what was fitted; after a frailty its offset holds the groups' effects.
        design: how table columns become covariates, or None for arrays.
        infinite: names of coefficients without a finite estimate.
        df: effective degrees of freedom; p without penalty.
        penalty: what the penalty takes from the log-likelihood.
        frailty: what the fit says of groups that share a frailty, or None.
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
    ties: Treatment
    converged: bool
    iterations: int
    means: Floats
    data: CoxData
    design: Design | None
    _sets: RiskSets
    infinite: tuple[str, ...] = ()
    df: float = 0.0
    penalty: float = 0.0
    frailty: FrailtyEffects | None = None

    def __str__(self) -> str:
        """Print as R's `summary` does, without the call."""
        return printing.page(
            printing.counted(self.n, self.events, self.missing.rows),
            printing.grid(_with_infinities(self), p_values=("p",)),
            _said_of_fit(self),
            notes=self.notes,
        )

    @property
    def robust(self) -> bool:
        """Whether standard errors come from Lin and Wei's sandwich."""
        return self.data.robust or self.data.cluster is not None

    @property
    def aic(self) -> float:
        """Akaike's criterion: twice the degrees of freedom less twice the log-likelihood."""
        return 2 * self.df - 2 * self.log_likelihood.fitted

    @property
    def likelihood_ratio_test(self) -> ChiSquared:
        """All coefficients zero? Twice the gain in log-likelihood."""
        gain = self.log_likelihood.fitted - self.log_likelihood.null
        return ChiSquared(2 * gain, self.df)

    @property
    def wald_test(self) -> ChiSquared:
        """All coefficients zero? Their squared distance from zero in standard errors."""
        distance = self.coefficients @ solve(self.covariance, self.coefficients)
        return ChiSquared(float(distance), len(self.names))

    @cached_property
    def robust_score_test(self) -> ChiSquared:
        """All coefficients zero? Rao's test with the sandwich as the score's variance."""
        require_residuals(self)
        order = self._sets.order
        start = self.centred.likelihood.at(np.zeros(len(self.names)))
        rows = self.data.weights[order, None] * start.score_rows()
        sums = _by_cluster(rows, None if self.data.cluster is None else self.data.cluster[order])
        total = sums.sum(axis=0)
        return ChiSquared(float(total @ solve(sums.T @ sums, total)), len(self.names))

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
        """The likelihood at the estimate with covariates around their means.

        After the exact method it is Breslow's, as in R.
        """
        order = self._sets.order
        likelihood = PartialLikelihood(
            self._sets,
            standardised(self.data.x, order, self.means, np.ones(len(self.names))),
            self.data.weights[order],
            self.data.offset[order],
            "breslow" if self.ties == "exact" else self.ties,
        )
        return likelihood.at(self.coefficients)

    @property
    def sets(self) -> RiskSets:
        """Who is at risk when."""
        return self._sets

    @property
    def order(self) -> Integers:
        """(n,) the rows in the order in which `centred` holds them."""
        return self._sets.order

    def table(self, level: float = 0.95) -> pl.DataFrame:
        """One row per coefficient: term, estimate, std_err, hazard_ratio, lower, upper, z, p.

        lower and upper are confidence limits of the hazard ratio. A coefficient without a finite
        estimate has no standard error, limits, z and p.
        """
        known = ~np.isin(self.names, self.infinite)
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
        ).with_columns(
            pl.when(pl.lit(pl.Series(known, dtype=pl.Boolean))).then(
                pl.col("std_err", "lower", "upper", "z", "p")
            )
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
        rows: Tabular | ArrayLike,
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
        x, codes = self.read_rows(rows, strata)
        wanted = np.atleast_1d(np.asarray(times, dtype=np.float64))
        parts = [
            self._predict_one(i, x[i] - self.means, int(codes[i]), wanted, conf_type, level)
            for i in range(len(x))
        ]
        return pl.concat(parts)

    def read_rows(
        self, rows: Tabular | ArrayLike, strata: Sequence[str] | None = None
    ) -> tuple[Floats, Integers]:
        """Covariates (m, p) and strata codes (m,) of new patients."""
        given = polars_table(rows) if is_table(rows) else rows
        x = self.covariates_of(given)
        return x, self._strata(given, strata, len(x))

    def covariates_of(self, rows: Tabular | ArrayLike) -> Floats:
        """Covariates (m, p) of new patients, from a table or as given."""
        if not is_table(rows):
            x = np.atleast_2d(np.asarray(rows, dtype=np.float64))
            if x.shape[1] != len(self.names):
                raise BadCovariate(
                    "rows",
                    reason=f"have {x.shape[1]} columns for {len(self.names)} coefficients",
                    remedy="give one column per coefficient",
                )
            return x
        table = polars_table(rows)
        if self.design is None:
            return table.select(known_columns(self.names, table.columns)).to_numpy().astype(float)
        return self.design.matrix(table)

    def _strata(self, rows: Tabular | ArrayLike, given: Sequence[str] | None, m: int) -> Integers:
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
    table: Tabular | None = None,
    *,
    covariates: ArrayLike | None = None,
    names: Sequence[str] | None = None,
    strata: ArrayLike | None = None,
    cluster: ArrayLike | None = None,
    offset: ArrayLike | None = None,
    weights: str | ArrayLike | None = None,
    ties: Treatment = "efron",
    robust: bool | None = None,
    bias: Bias = "kept",
) -> CoxFit:
    """Fit a Cox proportional hazards model (Cox 1972).

    The formula may hold `strata(study)`; `cluster(id)` for robust standard errors; `offset(x)` for
    a known effect; `ns(x, df=3)` and `rcs(x, 4)` for effects that bend; `ridge(x, y, theta=2)` for
    coefficients drawn to zero; `frailty(site)`, `frailty(site, distribution="gaussian")` or
    `frailty(site, theta=0.3)` for a hazard that patients of one group share.

    Args:
        formula: such as "Surv(os_days, os_event) ~ age + NPM1 + strata(study)"; or a `Surv`.
        table: the columns that the formula names; incomplete rows are left out and counted.
        covariates: (n, p) numbers, when a `Surv` is given.
        names: (p,) names of these covariates.
        strata: (n,) labels, when a `Surv` is given.
        cluster: (n,) labels, when a `Surv` is given.
        offset: (n,) numbers, when a `Surv` is given.
        weights: a column of case weights, or (n,) weights.
        ties: Efron's or Breslow's treatment of tied deaths, or the exact conditional likelihood.
        robust: whether standard errors come from the sandwich, each row on its own without a
            cluster; by default with a cluster or with weights that are not whole numbers, as in R.
        bias: "reduced" for Firth's penalised likelihood, which has finite estimates even where
            covariates separate who dies; its log-likelihoods are the penalised ones.

    Raises:
        NothingToAnalyse: nobody had the event.
        ConstantCovariate: a covariate never varies.
        CollinearCovariates: covariates cannot be told apart.
        BadCovariate: options that exclude each other, such as exact ties with weights.

    >>> table = pl.DataFrame({"days": [4, 3, 1, 1, 2, 2, 3], "died": [1, 1, 1, 0, 1, 1, 0],
    ...     "x": [0, 2, 1, 1, 1, 0, 0], "sex": [0, 0, 0, 0, 1, 1, 1]})
    >>> cox("Surv(days, died) ~ x + strata(sex)", table).coefficients.round(4)
    array([0.8023])
    """
    data, design, missing = cox_data(
        formula,
        table,
        covariates=covariates,
        names=names,
        strata=strata,
        cluster=cluster,
        offset=offset,
        weights=weights,
    )
    return fit_cox(_with_options(data, robust, bias), ties=ties, missing=missing, design=design)


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
        given = _from_arrays(formula, covariates, names, strata, cluster, offset, weights)
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
    design, x = Design.of(read.model, read.table)
    return _from_table(read, design, x), design, read.missing


def fit_cox(
    data: CoxData,
    *,
    ties: Treatment = "efron",
    missing: Missing | None = None,
    design: Design | None = None,
) -> CoxFit:
    """Fit a Cox model to data that are already numeric."""
    _check_fit(data, ties)
    events = int(np.count_nonzero(data.response.died))
    sets = RiskSets.of(data.response, data.strata.codes)
    scaled = Scaled.of(data, ties, sets)
    top, effects = _maximum(data, scaled)
    scale, likelihood = scaled.scale, scaled.partial
    p = len(data.names)
    naive = inverse(top.information)[:p, :p] / np.outer(scale, scale)
    robust = data.robust or data.cluster is not None
    covariance = _sandwich(top, data.cluster, sets.order, scale) if robust else naive
    return CoxFit(
        names=data.names,
        coefficients=top.beta[:p] / scale,
        standard_errors=np.sqrt(np.diag(covariance)),
        covariance=covariance,
        naive_covariance=naive,
        log_likelihood=LogLikelihood(
            likelihood.at(np.zeros(p)).log_likelihood if effects else top.start.log_likelihood,
            top.moments.log_likelihood,
        ),
        score_test=ChiSquared(_score_statistic(likelihood, top, p), p),
        n=len(data.response),
        events=events,
        missing=missing or Missing(),
        notes=(*(design.notes if design else ()), *_notes(top, data, effects)),
        ties=ties,
        converged=top.converged,
        iterations=top.steps,
        means=data.means,
        data=data if effects is None else _with_effects(data, effects),
        design=design,
        _sets=sets,
        infinite=tuple(data.names[i] for i in np.flatnonzero(top.runaway[:p])),
        df=_effective_df(top),
        penalty=top.penalty,
        frailty=effects,
    )


def require_residuals(fit: CoxFit) -> None:
    """Refuse what needs the shares of single rows in the likelihood of an exact fit."""
    if fit.ties == "exact":
        raise BadCovariate(
            "ties",
            reason="is 'exact', whose likelihood has no share for each row",
            remedy="fit with ties='efron' for residuals and tests built on them",
        )


def _check_fit(data: CoxData, ties: Treatment) -> None:
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


def _maximum(data: CoxData, scaled: Scaled) -> tuple[Maximum[Peak], FrailtyEffects | None]:
    part = scaled.partial
    if data.shared:
        of = Groups(data.shared.of.labels, data.shared.of.codes[part.sets.order])
        shared = replace(data.shared, of=of)
        return fit_shared(part, data.names, scaled.span, scaled.ridge, shared)
    penalty = Quadratic(scaled.ridge)
    return maximise(scaled.climbed, data.names, scaled.span, penalty=penalty), None


def _sandwich(
    top: Maximum[Peak],
    cluster: Integers | None,
    order: Integers,
    scale: Floats,
) -> Floats:
    """Lin and Wei's sandwich (p, p): the sum over clusters of squared changes of the estimate."""
    moments = top.moments
    if not isinstance(moments, Moments):
        raise BadCovariate(
            "robust", reason="needs a plain partial likelihood", remedy="leave it out"
        )
    weight = moments.likelihood.weight
    influence = (weight[:, None] * moments.score_rows()) @ inverse(top.information)
    sums = _by_cluster(influence / scale, None if cluster is None else cluster[order])
    return np.asarray(sums.T @ sums)


def _by_cluster(rows: Floats, cluster: Integers | None) -> Floats:
    """Sums (C, p) over clusters of rows (n, p)."""
    if cluster is None or not rows.shape[1]:
        return rows
    return np.column_stack([np.bincount(cluster, column) for column in rows.T])


def _effective_df(top: Maximum[Peak]) -> float:
    """The trace of the information over the penalised information."""
    if not top.curvature.any():
        return len(top.beta)
    return float(len(top.beta) - np.diag(inverse(top.information)) @ top.curvature)


def _score_statistic(likelihood: PartialLikelihood, top: Maximum[Peak], p: int) -> float:
    """Rao's statistic of the covariates at coefficients zero, without any penalty."""
    if not top.curvature.any():
        return top.score_statistic
    start = likelihood.at(np.zeros(p))
    score = start.score()
    return float(score @ np.linalg.lstsq(start.information(), score)[0]) if p else 0.0


def _notes(top: Maximum[Peak], data: CoxData, effects: FrailtyEffects | None) -> tuple[str, ...]:
    names = data.names
    notes = [
        f"{names[i]} has no finite estimate: the likelihood keeps rising as its coefficient grows "
        f"(a group without events, or one that always comes first); its standard error and Wald "
        f"p-value mean nothing, use the likelihood-ratio test"
        for i in np.flatnonzero(top.runaway[: len(names)])
    ]
    if not top.converged and not notes:
        notes.append(f"the fit did not converge in {top.steps} steps; do not use it")
    if effects and not effects.theta:
        notes.append("the groups do not differ: the variance of the frailty is estimated as zero")
    if data.robust and data.cluster is None and np.any(data.weights % 1):
        notes.append("weights are not whole numbers: standard errors are robust")
    return tuple(notes)


def _with_effects(data: CoxData, effects: FrailtyEffects) -> CoxData:
    shared = data.shared
    known = data.offset if shared is None else data.offset + effects.effects[shared.of.codes]
    return replace(data, offset=known)


def _with_options(data: CoxData, robust: bool | None, bias: Bias) -> CoxData:
    """Standard errors as asked for, or as R chooses them."""
    if bias not in ("kept", "reduced"):
        raise BadCovariate("bias", reason="is not known", remedy="choose 'kept' or 'reduced'")
    data = replace(data, bias=bias)
    if robust is None:
        fractional = data.cluster is None and data.shared is None and np.any(data.weights % 1)
        return replace(data, robust=bool(fractional))
    if robust:
        return replace(data, robust=True)
    if data.cluster is not None:
        raise BadCovariate(
            "robust", reason="is refused beside a cluster", remedy="leave the cluster out"
        )
    return replace(data, robust=False)


def _with_infinities(fit: CoxFit) -> pl.DataFrame:
    """The table, in which coefficients without a finite estimate are infinite."""
    table = fit.table()
    runaway = pl.col("term").is_in(list(fit.infinite))
    side = pl.col("estimate").sign()
    return table.with_columns(
        estimate=pl.when(runaway).then(side * np.inf).otherwise("estimate"),
        hazard_ratio=pl.when(runaway)
        .then(pl.when(side > 0).then(np.inf).otherwise(0.0))
        .otherwise("hazard_ratio"),
    )


def _said_of_fit(fit: CoxFit) -> tuple[str, ...]:
    """The lines under the coefficients."""
    lines = []
    if fit.frailty:
        lines.append(
            f"Frailty ({fit.frailty.distribution}): {len(fit.frailty.groups)} groups, variance "
            f"{fit.frailty.theta:.4g}, {fit.frailty.df:.2f} df"
        )
    if len(fit.names):
        c = fit.concordance
        lines.append(f"Concordance = {c.value:.3f} (se = {c.std_err:.3f})")
    tests = {"Likelihood-ratio test": fit.likelihood_ratio_test}
    if fit.df == len(fit.names) > 0:
        if not fit.infinite:
            tests["Wald test"] = fit.wald_test
        tests["Score test"] = fit.score_test
        if fit.robust:
            tests |= {"Robust score test": fit.robust_score_test}
    return (
        *lines,
        *(printing.said_of_test(name, t.statistic, t.df, t.p) for name, t in tests.items()),
    )


def _from_table(read: Complete, design: Design, x: Floats) -> CoxData:
    model, n = read.model, read.table.height
    offset = np.zeros(n)
    for column in model.offset:
        offset += numbers(read.table[column])
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
        ridge=_ridge_weights(model, design, x),
        shared=_shared(read),
    )


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
