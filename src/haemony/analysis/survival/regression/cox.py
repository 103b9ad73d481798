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
from typing import Literal

import numpy as np
import polars as pl
from numpy.typing import ArrayLike
from scipy.stats import chi2, norm

from haemony.analysis.survival import printing
from haemony.analysis.survival.data.arrays import Floats, Integers
from haemony.analysis.survival.data.columns import predictors
from haemony.analysis.survival.data.complete import Missing
from haemony.analysis.survival.data.design import Design
from haemony.analysis.survival.data.frames import Tabular
from haemony.analysis.survival.data.given import times_asked
from haemony.analysis.survival.data.response import Surv
from haemony.analysis.survival.faults import BadCovariate
from haemony.analysis.survival.intervals import ConfType, confidence_limits, normal_quantile
from haemony.analysis.survival.ranks.concordance import Concordance, compare_pairs
from haemony.analysis.survival.regression.cox_data import (
    Bias,
    CoxData,
    Treatment,
    check_fit,
    cox_data,
    with_options,
)
from haemony.analysis.survival.regression.new_patients import (
    FARTHEST,
    check_near,
    covariates_of,
    known_of,
    strata_of,
)
from haemony.analysis.survival.regression.newton import (
    Maximum,
    Quadratic,
    distance,
    has_inverse,
    inverse,
    maximise,
)
from haemony.analysis.survival.regression.partial_likelihood import Moments, PartialLikelihood
from haemony.analysis.survival.regression.risk_sets import RiskSets
from haemony.analysis.survival.regression.sandwich import Shares
from haemony.analysis.survival.regression.scaled import Peak, Scaled, around_means
from haemony.analysis.survival.regression.shared_frailty import FrailtyEffects, fit_shared

FEW_CLUSTERS = (
    "too few clusters for so many coefficients: their robust variance has no inverse, so there is "
    "no joint test by it, and single standard errors are too small"
)


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
        sets: who is at risk when.
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
    sets: RiskSets
    infinite: tuple[str, ...] = ()
    df: float = 0.0
    penalty: float = 0.0
    frailty: FrailtyEffects | None = None

    def __str__(self) -> str:
        """Print as R's `summary` does, without the call."""
        return printing.page(
            (printing.counted(self.n, self.events, self.missing.rows), *_said_of_model(self)),
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
        """All coefficients zero? Their squared distance from zero in standard errors.

        Raises:
            NothingToAnalyse: their robust variance has no inverse.
        """
        return ChiSquared(distance(self.coefficients, self.covariance), len(self.names))

    @cached_property
    def robust_score_test(self) -> ChiSquared:
        """All coefficients zero? Rao's test with the sandwich as the score's variance.

        Raises:
            NothingToAnalyse: the sandwich has no inverse.
        """
        require_residuals(self)
        start = self.centred.likelihood.at(np.zeros(len(self.names)))
        shares = Shares.of(start.score_blocks(), self.data.cluster, len(self.names))
        return ChiSquared(distance(shares.total, shares.square), len(self.names))

    @cached_property
    def linear_predictors(self) -> Floats:
        """(n,) log relative hazards against a patient with mean covariates and offset zero."""
        return predictors(self.data.x, self.means, self.coefficients) + self.data.offset

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
        unscaled = np.ones(len(self.names))
        return around_means(self.data, self.sets, self.ties, unscaled).at(self.coefficients)

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

        Raises:
            BadCovariate: covariates zero lie so far away that no number holds the hazard there.
        """
        away = 0.0 if at == "means" else float(-self.means @ self.coefficients)
        if not abs(away) < FARTHEST:
            raise BadCovariate(
                "at",
                reason="is 'zero', so unlike the patients that the hazard is beyond any number",
                remedy="ask for the hazard at='means', or count covariates from a usual value",
            )
        shift = float(np.exp(away))
        return pl.DataFrame(
            {
                "stratum": [self.data.strata.labels[code] for code in self.sets.stratum],
                "time": self.sets.times,
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
            rows: a table with the covariates (strata and offsets) of m patients, or an (m, p) array
                of patients with offset zero.
            times: when; times after the last follow-up of a stratum give null.
            strata: (m,) stratum labels such as "study=07-04"; read from a table by itself.
            conf_type: the scale of the confidence limits.
            level: their coverage.

        The variance is that of Tsiatis (1981) as extended to tied deaths by Therneau and Grambsch.
        """
        x, codes, known = self.read_rows(rows, strata)
        away = predictors(x, self.means, self.coefficients) + known
        check_near(away)
        wanted = times_asked(times)
        parts = [
            self._predict_one(
                i, x[i] - self.means, float(away[i]), int(codes[i]), wanted, conf_type, level
            )
            for i in range(len(x))
        ]
        return pl.concat(parts)

    def read_rows(
        self, rows: Tabular | ArrayLike, strata: Sequence[str] | None = None
    ) -> tuple[Floats, Integers, Floats]:
        """Covariates (m, p), strata codes (m,) and offsets (m,) of new patients.

        Raises:
            BadCovariate: there is nobody, or what is known of them is incomplete.
        """
        x = self.covariates_of(rows)
        if not len(x):
            raise BadCovariate("rows", reason="hold nobody", remedy="give at least one patient")
        codes = strata_of(rows, self.data.strata, strata, len(x))
        return x, codes, known_of(rows, self.design, len(x))

    def covariates_of(self, rows: Tabular | ArrayLike) -> Floats:
        """Covariates (m, p) of new patients, from a table or as given."""
        return covariates_of(rows, self.names, self.design)

    def _predict_one(
        self,
        row: int,
        x: Floats,
        away: float,
        stratum: int,
        times: Floats,
        conf_type: ConfType,
        level: float,
    ) -> pl.DataFrame:
        mine = np.flatnonzero(self.sets.stratum == stratum)
        centred = self.centred
        hazard = np.cumsum(centred.hazard[mine])
        square = np.cumsum(centred.moment(0, 2)[mine])
        a, b = (centred.moment(fractions, 2)[mine, None] for fractions in (0, 1))
        drift = np.cumsum(
            x * centred.hazard[mine, None] - (a * centred.s1[mine] - b * centred.d1[mine]), axis=0
        )
        relative = float(np.exp(away))
        variance = square + np.einsum("kp,pq,kq->k", drift, self.covariance, drift)
        position = np.searchsorted(self.sets.times[mine], times, side="right")
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
        begins = self.sets.bounds[:-1]
        before = np.concatenate([[0.0], total])[begins]
        return np.asarray(total - np.repeat(before, np.diff(self.sets.bounds)))


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
    return fit_cox(with_options(data, robust, bias), ties=ties, missing=missing, design=design)


def fit_cox(
    data: CoxData,
    *,
    ties: Treatment = "efron",
    missing: Missing | None = None,
    design: Design | None = None,
) -> CoxFit:
    """Fit a Cox model to data that are already numeric."""
    check_fit(data, ties)
    events = int(np.count_nonzero(data.response.died))
    sets = RiskSets.of(data.response, data.strata.codes)
    scaled = Scaled.of(data, ties, sets)
    top, effects = _maximum(data, scaled)
    scale, likelihood = scaled.scale, scaled.partial
    p = len(data.names)
    naive = inverse(top.information)[:p, :p] / np.outer(scale, scale)
    robust = data.robust or data.cluster is not None
    covariance = _sandwich(top, data.cluster, scale) if robust else naive
    return CoxFit(
        names=data.names,
        coefficients=top.beta[:p] / scale,
        standard_errors=np.sqrt(np.diag(covariance)),
        covariance=covariance,
        naive_covariance=naive,
        log_likelihood=LogLikelihood(
            likelihood.at(np.zeros(p)).log_likelihood if effects else top.start,
            top.moments.log_likelihood,
        ),
        score_test=ChiSquared(_score_statistic(likelihood, top, p), p),
        n=len(data.response),
        events=events,
        missing=missing or Missing(),
        notes=(
            *(design.notes if design else ()),
            *_notes(top, data, effects),
            *(() if has_inverse(covariance) else (FEW_CLUSTERS,)),
        ),
        ties=ties,
        converged=top.converged,
        iterations=top.steps,
        means=data.means,
        data=data if effects is None else _with_effects(data, effects),
        design=design,
        sets=sets,
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


def _maximum(data: CoxData, scaled: Scaled) -> tuple[Maximum[Peak], FrailtyEffects | None]:
    part = scaled.partial
    if data.shared:
        return fit_shared(part, data.names, scaled.span, scaled.ridge, data.shared)
    penalty = Quadratic(scaled.ridge)
    return maximise(scaled.climbed, data.names, scaled.span, penalty=penalty), None


def _sandwich(top: Maximum[Peak], cluster: Integers | None, scale: Floats) -> Floats:
    """Lin and Wei's sandwich (p, p): the sum over clusters of squared changes of the estimate."""
    moments = top.moments
    if not isinstance(moments, Moments):
        raise BadCovariate(
            "robust", reason="needs a plain partial likelihood", remedy="leave it out"
        )
    bread = inverse(top.information) / scale[:, None]
    meat = Shares.of(moments.score_blocks(), cluster, len(scale)).square
    return np.asarray(bread @ meat @ bread.T)


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


def _said_of_model(fit: CoxFit) -> tuple[str, ...]:
    """The lines above the coefficients: what was assumed, and against what levels compare."""
    strata = len(fit.data.strata.labels)
    options = {
        f"{'exact' if fit.ties == 'exact' else fit.ties.capitalize()} ties": True,
        f"{strata:,} strata": strata > 1,
        "standard errors robust, by cluster": fit.data.cluster is not None,
        "standard errors robust": fit.robust and fit.data.cluster is None,
        "Firth's bias reduction": fit.data.bias == "reduced",
        "ridge": fit.data.ridge is not None,
        "case weights": bool(np.any(fit.data.weights != 1)),
    }
    said = f"Cox model: {', '.join(option for option, holds in options.items() if holds)}"
    references = fit.design.references if fit.design else {}
    if not references:
        return (said,)
    against = ", ".join(f"{name} {level}" for name, level in references.items())
    return said, f"Compared with: {against}"


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
        if not fit.infinite and has_inverse(fit.covariance):
            tests["Wald test"] = fit.wald_test
        tests["Score test"] = fit.score_test
        if fit.robust and has_inverse(fit.covariance):
            tests |= {"Robust score test": fit.robust_score_test}
    return (
        *lines,
        *(printing.said_of_test(name, t.statistic, t.df, t.p) for name, t in tests.items()),
    )
