"""The Cox model whose effects come in groups, each shrunk towards the mean of its group.

Gerstung M et al. (2017) Precision oncology for acute myeloid leukemia using a knowledge bank
approach. Nature Genetics 49:332-340, doi:10.1038/ng.3756. Perperoglou A (2014) Cox models with
dynamic ridge penalties on time-varying effects. Statistics in Medicine 33:170-180. Gray RJ (1992)
Flexible methods for analyzing survival data using splines. JASA 87:942-951.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal, get_args

import numpy as np
import polars as pl
from numpy.typing import ArrayLike
from scipy.stats import norm

from haemony.analysis.random_effects.blocks import Blocks
from haemony.analysis.random_effects.groups import (
    Terms,
    codes_of,
    given_variances,
    term_key,
    terms_of,
    with_means,
    with_terms,
)
from haemony.analysis.random_effects.shrinkage import (
    LEAST_VARIANCE,
    Estimator,
    Posterior,
    Shrinkage,
    shrink,
)
from haemony.analysis.survival import printing
from haemony.analysis.survival.data.arrays import Floats, Integers
from haemony.analysis.survival.data.columns import predictors
from haemony.analysis.survival.data.complete import Missing, complete
from haemony.analysis.survival.data.design import Design
from haemony.analysis.survival.data.frames import Tabular, polars_table
from haemony.analysis.survival.data.response import Surv
from haemony.analysis.survival.faults import BadCovariate, BadFormula, NothingToAnalyse
from haemony.analysis.survival.intervals import normal_quantile
from haemony.analysis.survival.ranks.concordance import Concordance, compare_pairs
from haemony.analysis.survival.regression.cox import CoxFit, LogLikelihood, fit_cox
from haemony.analysis.survival.regression.cox_data import CoxData, from_arrays, from_table
from haemony.analysis.survival.regression.new_patients import covariates_of, known_of
from haemony.analysis.survival.regression.newton import inverse
from haemony.analysis.survival.regression.partial_likelihood import Ties
from haemony.analysis.survival.regression.risk_sets import RiskSets
from haemony.analysis.survival.regression.scaled import Scaled

Uncertainty = Literal["posterior", "sampling"]
FREE = "not shrunk"
SHOWN = 15
"""Effects that print; `table()` has them all."""


@dataclass(frozen=True, slots=True)
class LogLikelihoods:
    """Log-likelihoods of one fit.

    Attributes:
        null: partial, without covariates.
        fitted: partial, at the effects found.
        penalised: partial less the penalty.
        marginal: the effects integrated out (Laplace), up to a constant that depends on the
            covariates and not on the variances.
    """

    null: float
    fitted: float
    penalised: float
    marginal: float


@dataclass(frozen=True, eq=False)
class RandomEffects:
    """A Cox model with p effects in q groups.

    Attributes:
        names: (p,) of the effects.
        coefficients: (p,) log hazard ratios per unit of the covariate.
        covariance: (p, p) posterior: of the true effects around these, given the variances.
        sampling_covariance: (p, p) of these around their own expectation, should the study be
            repeated; it knows nothing of the bias that shrinkage brings.
        groups: the q groups and which effects belong to them.
        means: (q,) of the groups' effects.
        variances: (q,) of the effects around the mean of their group; infinite where not shrunk.
        leverage: (p,) degrees of freedom that the data have used on each effect (Gray 1992).
        log_likelihood: of the data, with and without the effects.
        n: rows analysed.
        events: rows that end with the event.
        missing: rows left out as incomplete.
        notes: what a reader must know.
        ties: how tied deaths were treated.
        estimator: how the variances were estimated.
        converged: whether effects and variances have settled.
        iterations: Newton steps taken.
        centre: (p,) weighted means of the covariates.
        data: what was fitted.
        design: how table columns become covariates, or None for arrays.
    """

    names: tuple[str, ...]
    coefficients: Floats
    covariance: Floats
    sampling_covariance: Floats
    groups: Blocks
    means: Floats
    variances: Floats
    leverage: Floats
    log_likelihood: LogLikelihoods
    n: int
    events: int
    missing: Missing
    notes: tuple[str, ...]
    ties: Ties
    estimator: Estimator
    converged: bool
    iterations: int
    centre: Floats
    data: CoxData
    design: Design | None

    @property
    def standard_errors(self) -> Floats:
        """(p,) posterior standard deviations of the effects."""
        return np.sqrt(np.diag(self.covariance))

    @property
    def df(self) -> Floats:
        """(q,) degrees of freedom that the data have used on each group, its mean included."""
        return np.array([self.leverage[mine].sum() for mine in self.groups.members])

    @property
    def labels(self) -> tuple[str, ...]:
        """(p,) the group of each effect."""
        return tuple(self.groups.names[code] if code >= 0 else FREE for code in self.groups.code)

    @cached_property
    def linear_predictors(self) -> Floats:
        """(n,) log relative hazards against mean covariates and offset zero."""
        return predictors(self.data.x, self.centre, self.coefficients) + self.data.offset

    @cached_property
    def concordance(self) -> Concordance:
        """Harrell's C within strata, on the patients of the fit: too good for new ones."""
        return compare_pairs(
            self.data.response,
            -self.linear_predictors,
            weights=self.data.weights,
            strata=self.data.strata.codes,
        )

    @cached_property
    def as_cox(self) -> CoxFit:
        """The same fit as `survival.cox` gives it, for residuals, hazards and survival.

        Standard errors and intervals are posterior ones.
        """
        columns = replace(self.data, x=self.data.x[:, :0], names=(), terms=())
        without = fit_cox(columns, ties=self.ties, missing=self.missing)
        return replace(
            without,
            df=float(self.leverage.sum()),
            names=self.names,
            coefficients=self.coefficients,
            standard_errors=self.standard_errors,
            covariance=self.covariance,
            naive_covariance=self.covariance,
            log_likelihood=LogLikelihood(self.log_likelihood.null, self.log_likelihood.fitted),
            notes=self.notes,
            converged=self.converged,
            iterations=self.iterations,
            means=self.centre,
            data=self.data,
            design=self.design,
        )

    def table(self, level: float = 0.95, uncertainty: Uncertainty = "posterior") -> pl.DataFrame:
        """One row per effect: group, term, estimate, std_err, hazard_ratio, lower, upper, z, p.

        Args:
            level: coverage of the interval of the hazard ratio.
            uncertainty: "posterior" for the true effect given data and variances, "sampling" for
                the estimate under repetition; p tests the effect against zero.
        """
        std_err = np.sqrt(np.diag(self._covariance(uncertainty)))
        half = normal_quantile(level) * std_err
        z = np.divide(self.coefficients, std_err, out=np.zeros_like(half), where=std_err > 0)
        with np.errstate(over="ignore"):
            ratios = [np.exp(self.coefficients + side * half) for side in (0, -1, 1)]
        return pl.DataFrame(
            {
                "group": self.labels,
                "term": self.names,
                "estimate": self.coefficients,
                "std_err": std_err,
                "hazard_ratio": ratios[0],
                "lower": ratios[1],
                "upper": ratios[2],
                "z": z,
                "p": 2 * norm.sf(np.abs(z)),
            }
        )

    def variance_components(self) -> pl.DataFrame:
        """One row per group: what its effects are like and how much of the risk it explains.

        Columns: group, covariates, mean, std_dev (of the effects around the mean), df, variance (of
        the group's part of the log hazard among the patients), covariance (with the other groups'
        parts), share (variance plus covariance, of the total), uncertainty (mean posterior variance
        of the part). Covariates that are not shrunk share one row.
        """
        parts, labels = self._parts(self._centred(self.data.x))
        weight = self.data.weights / self.data.weights.sum()
        spread = parts - weight @ parts
        joint = spread.T @ (weight[:, None] * spread)
        own = np.diag(joint)
        total = float(joint.sum())
        frame = pl.DataFrame(
            {
                "group": labels,
                "covariates": [len(mine) for mine in self._positions()],
                "mean": np.append(self.means, np.nan)[: len(labels)],
                "std_dev": np.append(np.sqrt(self.variances), np.nan)[: len(labels)],
                "df": [float(self.leverage[mine].sum()) for mine in self._positions()],
                "variance": own,
                "covariance": joint.sum(axis=1) - own,
                "share": joint.sum(axis=1) / total if total else np.full(len(labels), np.nan),
                "uncertainty": weight @ self._part_variances(self._centred(self.data.x)),
            }
        )
        return frame.with_columns(
            pl.col("mean", "share").fill_nan(None),
            std_dev=pl.when(pl.col("std_dev").is_finite()).then("std_dev"),
        )

    def decompose(self, rows: Tabular | ArrayLike | None = None) -> pl.DataFrame:
        """Where each patient's risk comes from: row, group, log_hazard, std_err.

        The log hazards of a row sum to its linear predictor without offset: zero is a patient with
        the mean covariates of the fit.

        Args:
            rows: m patients, as a table or (m, p) numbers; the patients of the fit by default.
        """
        x = self._centred(
            self.data.x if rows is None else covariates_of(rows, self.names, self.design)
        )
        parts, labels = self._parts(x)
        return pl.DataFrame(
            {
                "row": np.repeat(np.arange(len(x)), len(labels)),
                "group": labels * len(x),
                "log_hazard": parts.ravel(),
                "std_err": np.sqrt(self._part_variances(x)).ravel(),
            }
        )

    def risk(self, rows: Tabular | ArrayLike, level: float = 0.95) -> pl.DataFrame:
        """Log relative hazards of m new patients: row, log_hazard, std_err, lower, upper."""
        given = covariates_of(rows, self.names, self.design)
        value = predictors(given, self.centre, self.coefficients)
        value += known_of(rows, self.design, len(given))
        x = self._centred(given)
        std_err = np.sqrt(np.maximum(np.einsum("ij,ij->i", x @ self.covariance, x), 0.0))
        half = normal_quantile(level) * std_err
        return pl.DataFrame(
            {
                "row": np.arange(len(x)),
                "log_hazard": value,
                "std_err": std_err,
                "lower": value - half,
                "upper": value + half,
            }
        )

    def predict(
        self,
        rows: Tabular | ArrayLike,
        times: ArrayLike,
        *,
        strata: Sequence[str] | None = None,
        level: float = 0.95,
    ) -> pl.DataFrame:
        """Survival of new patients: row, time, survival, lower, upper, as `CoxFit.predict`."""
        return self.as_cox.predict(rows, times, strata=strata, level=level)

    def __str__(self) -> str:
        """What the groups are like, their strongest effects, and how well the fit tells apart."""
        c, table = self.concordance, self.table().drop("z")
        strongest = table.sort(pl.col("p"), maintain_order=True)
        return printing.page(
            (
                printing.counted(self.n, self.events, self.missing.rows),
                f"Random effects: variances by {self.estimator}, {self.ties.capitalize()} ties",
            ),
            printing.grid(self.variance_components()),
            printing.grid(strongest, p_values=("p",), most=SHOWN),
            f"concordance {c.value:.3f} (SE {c.std_err:.3f}), on the patients of the fit",
            notes=self.notes,
        )

    def _covariance(self, uncertainty: Uncertainty) -> Floats:
        known = {"posterior": self.covariance, "sampling": self.sampling_covariance}
        if uncertainty not in known:
            raise BadCovariate(
                "uncertainty", reason="is unknown", remedy=f"choose one of {', '.join(known)}"
            )
        return known[uncertainty]

    def _centred(self, x: Floats) -> Floats:
        return np.asarray(x - self.centre)

    def _positions(self) -> list[Integers]:
        free = np.flatnonzero(self.groups.code < 0)
        return [*self.groups.members, *([free] if free.size else [])]

    def _parts(self, x: Floats) -> tuple[Floats, list[str]]:
        positions = self._positions()
        parts = [x[:, mine] @ self.coefficients[mine] for mine in positions]
        labels = [*self.groups.names, FREE][: len(positions)]
        return np.column_stack(parts), labels

    def _part_variances(self, x: Floats) -> Floats:
        columns = []
        for mine in self._positions():
            part = x[:, mine]
            columns.append(np.einsum("ij,ij->i", part @ self.covariance[np.ix_(mine, mine)], part))
        return np.asarray(np.maximum(np.column_stack(columns), 0.0))


def cox(
    formula: str | Surv,
    table: Tabular | None = None,
    *,
    groups: Mapping[str, Sequence[str]],
    covariates: ArrayLike | None = None,
    names: Sequence[str] | None = None,
    strata: ArrayLike | None = None,
    offset: ArrayLike | None = None,
    weights: str | ArrayLike | None = None,
    ties: Ties = "efron",
    estimator: Estimator = "reml",
    variances: float | Mapping[str, float] | None = None,
    means: Literal["estimated", "zero"] | Collection[str] = "estimated",
    prior_df: float = 0.0,
    prior_variance: float = 0.1,
) -> RandomEffects:
    """Fit a Cox model with grouped Gaussian random effects (Gerstung 2017).

    The effects of a group are drawn from a normal distribution with the group's mean and variance.
    Both are estimated, so that hundreds of correlated covariates can be kept: a group that tells
    little is shrunk to its mean, one that tells much is left nearly as it is. Covariates are taken
    as they are; bring those of one group to a comparable scale.

    Args:
        formula: such as "Surv(os_days, os_event) ~ strata(study)", or a `Surv`. Covariates that it
            names and no group holds are not shrunk. `Surv(start, stop, event)` and `offset(x)` work
            as in `survival.cox`.
        table: the columns that formula and groups name; incomplete rows are left out and counted.
        groups: the terms of each group; with arrays, the names of its covariates.
        covariates: (n, p) numbers, when a `Surv` is given.
        names: (p,) names of these covariates.
        strata: (n,) labels, when a `Surv` is given.
        offset: (n,) numbers, when a `Surv` is given.
        weights: a column of case weights, or (n,) weights.
        ties: Efron's or Breslow's treatment of tied deaths.
        estimator: of the variances. "reml" allows for the estimation of the means, "ml" takes them
            as known, "blup" ignores the uncertainty of the effects and so finds too little.
        variances: given instead of estimated, for all groups or by name; infinity means no
            shrinkage. With means zero, the variance v is R's `ridge(theta = 1/v, scale = FALSE)`.
        means: whether groups have means of their own, or the names of those that have.
        prior_df: weight of the prior variance, as a number of effects seen before.
        prior_variance: of the scaled inverse chi-squared prior of each variance.

    Raises:
        NothingToAnalyse: nobody had the event.
        CollinearCovariates: effects that are not shrunk cannot be told apart.
        BadCovariate: a group names an unknown covariate, or one that another group holds.

    >>> import polars as pl
    >>> table = pl.DataFrame({"days": [4, 3, 1, 1, 2, 2, 3], "died": [1, 1, 1, 0, 1, 1, 0],
    ...     "a": [0, 2, 1, 1, 1, 0, 0], "b": [1, 0, 1, 0, 1, 0, 1]})
    >>> fit = cox("Surv(days, died) ~ 1", table, groups={"genes": ["a", "b"]}, variances=0.5,
    ...     means="zero")
    >>> fit.coefficients.round(4)
    array([ 0.2684, -0.0564])
    """
    if not any(len(terms) for terms in groups.values()):
        raise BadCovariate("groups", reason="hold no covariate", remedy="name at least one")
    held: Terms
    position: Mapping[frozenset[str], tuple[int, ...]]
    if isinstance(formula, Surv):
        data = from_arrays(
            formula,
            covariates=covariates,
            names=names,
            strata=strata,
            offset=offset,
            weights=weights,
        )
        held = {name: [frozenset([term]) for term in terms] for name, terms in groups.items()}
        position = {frozenset([name]): (i,) for i, name in enumerate(data.names)}
        design, missing = None, Missing()
    else:
        given = None if table is None else polars_table(table)
        written = terms_of(groups, given)
        held = {name: [term_key(term) for term in terms] for name, terms in written.items()}
        read_in = complete(
            with_terms(formula, written),
            given,
            weights=weights,
            covariates=covariates,
            names=names,
            strata=strata,
            offset=offset,
        )
        if read_in.model.cluster is not None:
            raise BadFormula(formula, reason="random effects are not offered with cluster(...)")
        data, design = from_table(read_in)
        missing = read_in.missing
        position = {term_key(term): place for term, place in design.terms.items()}
    blocks = Blocks(
        tuple(groups), codes_of(held, position, len(data.names)), with_means(means, groups)
    )
    how = Shrinkage(estimator, given_variances(variances, groups), prior_df, prior_variance)
    return _fit(data, blocks, how, ties, missing, design)


def _fit(
    data: CoxData,
    blocks: Blocks,
    how: Shrinkage,
    ties: Ties,
    missing: Missing,
    design: Design | None,
) -> RandomEffects:
    if ties not in get_args(Ties):
        raise BadCovariate(
            "ties", reason="is not a known treatment", remedy="choose 'efron' or 'breslow'"
        )
    events = int(np.count_nonzero(data.response.died))
    if not events:
        raise NothingToAnalyse(
            "nobody had the event, so no hazard can be compared",
            remedy="check the coding of the event and which rows were dropped as incomplete",
        )
    sets = RiskSets.of(data.response, data.strata.codes)
    scaled = Scaled.of(data, ties, sets, spread=data.x.std(axis=0))
    scale = scaled.scale
    found = shrink(scaled, blocks, how, data.names)
    both = np.outer(scale, scale)
    posterior = inverse(found.information + found.penalty)
    sampling = posterior @ found.information @ posterior
    beta = found.beta / scale
    return RandomEffects(
        names=data.names,
        coefficients=beta,
        covariance=posterior / both,
        sampling_covariance=(sampling + sampling.T) / (2 * both),
        groups=blocks,
        means=blocks.means(beta),
        variances=found.variances,
        leverage=np.diag(posterior @ found.information).copy(),
        log_likelihood=_log_likelihoods(found, blocks),
        n=len(data.response),
        events=events,
        missing=missing,
        notes=(*(design.notes if design else ()), *_notes(found, blocks, how, data)),
        ties=ties,
        estimator=how.estimator,
        converged=found.converged,
        iterations=found.rounds,
        centre=data.means,
        data=data,
        design=design,
    )


def _log_likelihoods(found: Posterior, blocks: Blocks) -> LogLikelihoods:
    shrunk = np.isfinite(found.variances) & (blocks.dimension > 0)
    prior = float(blocks.dimension[shrunk] @ np.log(found.variances[shrunk]))
    curvature = float(np.linalg.slogdet(found.information + found.penalty)[1])
    return LogLikelihoods(
        null=found.start,
        fitted=found.moments.log_likelihood,
        penalised=found.penalised,
        marginal=found.penalised - 0.5 * (prior + curvature),
    )


def _notes(found: Posterior, blocks: Blocks, how: Shrinkage, data: CoxData) -> tuple[str, ...]:
    notes = [
        f"{data.names[i]} has no finite estimate: the likelihood keeps rising as its coefficient "
        f"grows, and nothing shrinks it; put it into a group with a variance"
        for i in np.flatnonzero(found.runaway)
    ]
    if not found.converged and not notes:
        notes.append(f"the fit did not settle in {found.rounds} steps; do not use it")
    for name, dimension, variance, fixed in zip(
        blocks.names, blocks.dimension, found.variances, how.fixed, strict=True
    ):
        if not dimension:
            notes.append(f"{name}: a group of one with a mean of its own is not shrunk")
        elif np.isnan(fixed) and variance <= LEAST_VARIANCE:
            notes.append(f"{name}: no variance found, all its effects equal the group's mean")
    constant = [data.names[i] for i in np.flatnonzero(data.columns.span == 0)]
    if constant:
        notes.append(
            f"{', '.join(constant)} never varies among the patients analysed: the data say "
            f"nothing of it, its effect is what its group suggests"
        )
    return tuple(notes)
