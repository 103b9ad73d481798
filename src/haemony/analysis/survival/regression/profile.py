"""Confidence limits from the likelihood itself, for small numbers where Wald's mislead.

Venzon DJ, Moolgavkar SH (1988) A method for computing profile-likelihood-based confidence
intervals. Applied Statistics 37:87-94, doi:10.2307/2347496. A limit is where the best likelihood
with that coefficient falls short of the highest by half a chi-squared quantile. Where it never
does, the limit is infinite, and said to be so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from scipy.optimize import brentq
from scipy.stats import chi2

from haemony.analysis.survival.data.arrays import Floats
from haemony.analysis.survival.data.columns import Covariates
from haemony.analysis.survival.faults import BadCovariate, UnknownCoefficient
from haemony.analysis.survival.intervals import normal_quantile
from haemony.analysis.survival.regression.cox import CoxFit
from haemony.analysis.survival.regression.newton import Likelihood, Quadratic, maximise
from haemony.analysis.survival.regression.scaled import Peak, Scaled

FARTHEST = 60.0
"""How far from the estimate a limit is looked for, per standard deviation of the covariate."""


@dataclass(frozen=True, eq=False)
class Held:
    """A likelihood of all coefficients but one, which is held at a value."""

    whole: Likelihood[Peak]
    position: int
    value: float

    @property
    def x(self) -> Covariates:
        """(n, p - 1) covariates."""
        return self.whole.x.among(np.delete(np.arange(self.whole.x.width), self.position))

    def at(self, beta: Floats) -> HeldPoint:
        """The likelihood at the other coefficients (p - 1,)."""
        return HeldPoint(self.whole.at(np.insert(beta, self.position, self.value)), self.position)


@dataclass(frozen=True, eq=False)
class HeldPoint:
    """Such a likelihood at one value of the other coefficients."""

    whole: Peak
    position: int

    @property
    def log_likelihood(self) -> float:
        """Its height."""
        return self.whole.log_likelihood

    def score(self) -> Floats:
        """(p - 1,) its slope."""
        return np.delete(self.whole.score(), self.position)

    def information(self) -> Floats:
        """(p - 1, p - 1) minus its curvature."""
        kept = np.delete(np.arange(len(self.whole.score())), self.position)
        return self.whole.information()[np.ix_(kept, kept)]


@dataclass(frozen=True, eq=False)
class Profile:
    """The best log-likelihood for each value of one scaled coefficient."""

    scaled: Scaled
    names: tuple[str, ...]
    position: int
    start: Floats

    def at(self, value: float) -> float:
        """The best log-likelihood where the coefficient has this value, less any penalty."""
        others = np.delete(np.arange(len(self.names)), self.position)
        ridge = self.scaled.ridge
        top = maximise(
            Held(self.scaled.climbed, self.position, value),
            [self.names[i] for i in others],
            self.scaled.span[others],
            penalty=Quadratic(ridge[others]),
            start=self.start[others],
        )
        cost = top.penalty + ridge[self.position] * value**2 / 2
        return float(top.moments.log_likelihood - cost)


def profile_intervals(
    fit: CoxFit, terms: Sequence[str] | None = None, *, level: float = 0.95
) -> pl.DataFrame:
    """Profile-likelihood limits: term, estimate, lower, upper, hazard_ratio, its limits, p.

    estimate, lower and upper are log hazard ratios; p is that of the likelihood-ratio test that
    the coefficient is zero. A limit that the likelihood does not give is infinite.

    Args:
        fit: a Cox model without frailty; exact ties, ridges and Firth's term are kept.
        terms: names of coefficients; all by default.
        level: coverage.

    Raises:
        BadCovariate: standard errors are robust, so the likelihood is not to be trusted alone.
        UnknownColumn: a term is not one of the model's coefficients.

    >>> from haemony.analysis.survival.regression.cox import cox
    >>> table = pl.DataFrame({"days": [4, 3, 1, 1, 2, 2, 3], "died": [1, 1, 1, 0, 1, 1, 0],
    ...     "x": [0, 2, 1, 1, 1, 0, 0]})
    >>> profile_intervals(cox("Surv(days, died) ~ x", table))["lower"].round(3)[0]
    -0.718
    """
    if fit.frailty or fit.robust:
        raise BadCovariate(
            "the fit",
            reason="has a frailty or robust standard errors, for which a profile means nothing",
            remedy="use the limits of its table",
        )
    wanted = fit.names if terms is None else tuple(terms)
    for term in wanted:
        if term not in fit.names:
            raise UnknownCoefficient(term, known=fit.names)
    scaled = Scaled.of(fit.data, fit.ties, fit.sets)
    rows = [_row(fit, scaled, fit.names.index(term), level) for term in wanted]
    return pl.DataFrame(rows, schema_overrides={"term": pl.String})


def _row(fit: CoxFit, scaled: Scaled, position: int, level: float) -> dict[str, object]:
    scale = scaled.scale[position]
    profile = Profile(scaled, fit.names, position, fit.coefficients * scaled.scale)
    top = fit.log_likelihood.fitted - fit.penalty
    known = fit.names[position] not in fit.infinite
    centre = float(fit.coefficients[position] * scale)
    step = normal_quantile(level) * float(fit.standard_errors[position] * scale) if known else 1.0
    fall = float(chi2.ppf(level, 1)) / 2
    low, high = (_limit(profile, centre, side * step, top - fall) / scale for side in (-1, 1))
    estimate = fit.coefficients[position] if known else np.sign(centre) * np.inf
    with np.errstate(over="ignore"):
        ratios = np.exp([estimate, low, high])
    return {
        "term": fit.names[position],
        "estimate": float(estimate),
        "lower": low,
        "upper": high,
        "hazard_ratio": float(ratios[0]),
        "ratio_lower": float(ratios[1]),
        "ratio_upper": float(ratios[2]),
        "p": float(chi2.sf(max(0.0, 2 * (top - profile.at(0.0))), 1)),
    }


def _limit(profile: Profile, centre: float, step: float, height: float) -> float:
    """Where the profile falls to a height on one side; infinite where it does not."""
    near, far = centre, centre + step
    while profile.at(far) > height:
        near, far = far, far + 2 * (far - near)
        if abs(far - centre) > FARTHEST:
            return float(np.copysign(np.inf, step))
    return float(brentq(lambda value: profile.at(value) - height, near, far, xtol=1e-12))
