"""A hazard that patients of one group share: gamma and Gaussian frailty, as R's `coxph` has them.

Therneau TM, Grambsch PM, Pankratz VS (2003) Penalized survival models and frailty. Journal of
Computational and Graphical Statistics 12:156-175, doi:10.1198/1061860031365. Klein JP (1992)
Semiparametric estimation of random effects using the Cox model. Biometrics 48:795-806. McGilchrist
CA (1993) REML estimation for survival models with frailty. Biometrics 49:221-225.

Each group gets a coefficient whose penalty is the frailty's log density. A gamma variance maximises
the marginal likelihood, a Gaussian one solves the REML equation; both are roots, found to rounding
error rather than to the 1e-5 at which R stops by default.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import polars as pl
from scipy.optimize import brentq
from scipy.special import digamma, gammaln

from haemony.analysis.survival import printing
from haemony.analysis.survival.data.arrays import Floats
from haemony.analysis.survival.data.columns import Covariates
from haemony.analysis.survival.data.complete import Groups
from haemony.analysis.survival.data.counts import sums_by
from haemony.analysis.survival.data.formula import Distribution
from haemony.analysis.survival.faults import BadCovariate
from haemony.analysis.survival.regression.newton import (
    Maximum,
    Penalty,
    Quadratic,
    inverse,
    maximise,
)
from haemony.analysis.survival.regression.partial_likelihood import Moments, PartialLikelihood

SEARCHED = (1e-4, 1e-3, 1e-2, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0)
"""Variances between which the root is looked for."""
MOST_CELLS = 400_000_000


@dataclass(frozen=True, eq=False)
class Shared:
    """Which rows share a frailty, and how it is distributed.

    Attributes:
        of: the group of each row.
        distribution: of the frailty; Gaussian on the logarithmic scale.
        theta: its variance, or None to estimate it.
    """

    of: Groups
    distribution: Distribution = "gamma"
    theta: float | None = None


@dataclass(frozen=True, eq=False)
class FrailtyEffects:
    """What a fit says of its q groups.

    Attributes:
        groups: (q,) their names.
        effects: (q,) log frailties; with gamma frailty their exponentials average one.
        theta: the frailty's variance.
        estimated: whether the variance was estimated.
        distribution: of the frailty.
        df: the effective degrees of freedom that the groups take.
        marginal_log_likelihood: with the frailty integrated out (gamma), or None.
    """

    groups: tuple[str, ...]
    effects: Floats
    theta: float
    estimated: bool
    distribution: Distribution
    df: float
    marginal_log_likelihood: float | None

    def table(self) -> pl.DataFrame:
        """One row per group: group, effect, frailty (the hazard ratio against the average)."""
        return pl.DataFrame(
            {"group": self.groups, "effect": self.effects, "frailty": np.exp(self.effects)}
        )

    def __str__(self) -> str:
        """Print the variance and the groups."""
        how = "estimated" if self.estimated else "given"
        said = f"Frailty ({self.distribution}): variance {self.theta:.4g} ({how}), {self.df:.2f} df"
        return printing.page(said, printing.grid(self.table()))


@dataclass(frozen=True, eq=False)
class GammaPenalty:
    """A ridge on the first p coefficients, and minus the log density of log gamma frailties.

    Attributes:
        ridge: (p,) the weights of the ridge.
        nu: one over the variance of the frailty.
    """

    ridge: Floats
    nu: float

    def value(self, beta: Floats) -> float:
        """What coefficients (p + q,) cost."""
        fixed, effects = np.split(beta, [len(self.ridge)])
        cost = np.expm1(effects) - effects
        return float(self.ridge @ fixed**2 / 2 + self.nu * cost.sum())

    def slope(self, beta: Floats) -> Floats:
        """(p + q,) the derivative of the cost."""
        fixed, effects = np.split(beta, [len(self.ridge)])
        return np.concatenate([self.ridge * fixed, self.nu * np.expm1(effects)])

    def curvature(self, beta: Floats) -> Floats:
        """(p + q,) the second derivative."""
        effects = beta[len(self.ridge) :]
        return np.concatenate([self.ridge, self.nu * np.exp(effects)])


@dataclass(frozen=True, eq=False)
class FrailtyFit:
    """The best coefficients of covariates and groups at one variance."""

    top: Maximum[Moments]
    theta: float


@dataclass(frozen=True, eq=False)
class Search:
    """The fits of one model at different variances, each started from the one before.

    Attributes:
        likelihood: of the p covariates and the q groups' indicators, in this order.
        names: (p,) of the covariates.
        span: (p,) largest less smallest value of each covariate.
        ridge: (p,) weights of a ridge.
        shared: the frailty.
        deaths: (q,) weighted deaths of each group.
    """

    likelihood: PartialLikelihood
    names: tuple[str, ...]
    span: Floats
    ridge: Floats
    shared: Shared
    deaths: Floats

    def at(self, theta: float, start: Floats | None = None) -> FrailtyFit:
        """The fit at a variance."""
        q = len(self.deaths)
        top = maximise(
            self.likelihood,
            (*self.names, *self.shared.of.labels),
            np.concatenate([self.span, np.zeros(q)]),
            penalty=self._penalty(theta),
            start=start,
        )
        return FrailtyFit(top, theta)

    def trend(self, fit: FrailtyFit) -> float:
        """Positive below the best variance and negative above it."""
        effects = fit.top.beta[len(self.names) :]
        if self.shared.distribution == "gaussian":
            spread = np.diag(inverse(fit.top.information))[len(self.names) :]
            wanted = float(effects @ effects + spread.sum()) / len(effects)
            return (wanted - fit.theta) / fit.theta**2
        nu, d = 1 / fit.theta, self.deaths
        rise = effects - np.expm1(effects) + np.log1p(-d / (nu + d)) + digamma(nu + d) - digamma(nu)
        return float(-(nu**2) * rise.sum())

    def marginal(self, fit: FrailtyFit) -> float | None:
        """The log-likelihood with gamma frailties integrated out."""
        if self.shared.distribution == "gaussian":
            return None
        nu, d = 1 / fit.theta, self.deaths
        inner = -nu * np.log1p(d / nu) - d * np.log(nu + d) + gammaln(nu + d) - gammaln(nu)
        effects = fit.top.beta[len(self.names) :]
        cost = nu * float((np.expm1(effects) - effects).sum())
        return fit.top.moments.log_likelihood - cost + float((inner + d).sum())

    def _penalty(self, theta: float) -> Penalty:
        if self.shared.distribution == "gamma":
            return GammaPenalty(self.ridge, 1 / theta)
        return Quadratic(np.concatenate([self.ridge, np.full(len(self.deaths), 1 / theta)]))


def fit_shared(
    likelihood: PartialLikelihood,
    names: tuple[str, ...],
    span: Floats,
    ridge: Floats,
    shared: Shared,
) -> tuple[Maximum[Moments], FrailtyEffects]:
    """Fit covariates and frailty together, the variance as given or as estimated.

    Args:
        likelihood: of the covariates alone.
        names: (p,) of the covariates.
        span: (p,) largest less smallest value of each.
        ridge: (p,) weights of a ridge.
        shared: the frailty.

    Raises:
        BadCovariate: too many groups, or just one.
    """
    q, n = len(shared.of.labels), len(likelihood.weight)
    if q < 2 or q * n > MOST_CELLS:
        reason = "has one group only" if q < 2 else f"has {q} groups in {n} rows, too many to fit"
        raise BadCovariate("frailty", reason=reason, remedy="use strata(...) or cluster(...)")
    indicators = (shared.of.codes[:, None] == np.arange(q)).astype(np.float64)
    died = likelihood.weight * likelihood.sets.died
    search = Search(
        likelihood=PartialLikelihood(
            likelihood.sets,
            Covariates.plain(np.hstack([likelihood.x.all(), indicators])),
            likelihood.weight,
            likelihood.offset,
            likelihood.ties,
        ),
        names=names,
        span=span,
        ridge=ridge,
        shared=shared,
        deaths=sums_by(shared.of.codes, died, q),
    )
    fit = _best(search) if shared.theta is None else search.at(shared.theta)
    if fit is None:
        top = maximise(likelihood, names, span, penalty=Quadratic(ridge))
        return top, _none(search, top)
    return fit.top, _effects(search, fit)


def _best(search: Search) -> FrailtyFit | None:
    """The fit at the best variance; None where that is zero."""
    fits = [search.at(SEARCHED[0])]
    for theta in SEARCHED[1:]:
        if search.trend(fits[-1]) <= 0:
            break
        fits.append(search.at(theta, fits[-1].top.beta))
    if len(fits) == 1:
        return None
    if search.trend(fits[-1]) > 0:
        raise BadCovariate(
            "frailty",
            reason=f"has a variance above {SEARCHED[-1]:g}: groups differ without limit",
            remedy="use strata(...) instead, or give theta",
        )
    low, high = fits[-2:]

    def height(log_theta: float) -> float:
        return search.trend(search.at(float(np.exp(log_theta)), low.top.beta))

    return search.at(_root(height, low.theta, high.theta), low.top.beta)


def _root(height: Callable[[float], float], low: float, high: float) -> float:
    return float(np.exp(brentq(height, np.log(low), np.log(high), xtol=1e-13, rtol=1e-14)))


def _none(search: Search, top: Maximum[Moments]) -> FrailtyEffects:
    """Groups that do not differ."""
    gamma = search.shared.distribution == "gamma"
    return FrailtyEffects(
        groups=search.shared.of.labels,
        effects=np.zeros(len(search.deaths)),
        theta=0.0,
        estimated=True,
        distribution=search.shared.distribution,
        df=0.0,
        marginal_log_likelihood=top.moments.log_likelihood if gamma else None,
    )


def _effects(search: Search, fit: FrailtyFit) -> FrailtyEffects:
    p = len(search.names)
    taken = 1 - np.diag(inverse(fit.top.information))[p:] * fit.top.curvature[p:]
    return FrailtyEffects(
        groups=search.shared.of.labels,
        effects=fit.top.beta[p:],
        theta=fit.theta,
        estimated=search.shared.theta is None,
        distribution=search.shared.distribution,
        df=float(taken.sum()),
        marginal_log_likelihood=search.marginal(fit),
    )
