"""Firth's likelihood: finite hazard ratios even where a covariate separates who dies.

Firth D (1993) Bias reduction of maximum likelihood estimates. Biometrika 80:27-38,
doi:10.1093/biomet/80.1.27. Heinze G, Schemper M (2001) A solution to the problem of monotone
likelihood in Cox regression. Biometrics 57:114-119, doi:10.1111/j.0006-341X.2001.00114.x.

Half the logarithm of the information's determinant is added to the log-likelihood. Its slope needs
third moments of the covariates over the risk sets; they are contracted with the covariance before
they are summed, so that no (p, p, p) array exists.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from haemony.analysis.survival.data.arrays import Floats
from haemony.analysis.survival.data.columns import Covariates
from haemony.analysis.survival.regression.newton import inverse
from haemony.analysis.survival.regression.partial_likelihood import Moments, PartialLikelihood


@dataclass(frozen=True, eq=False)
class FirthLikelihood:
    """The partial likelihood with Firth's term.

    Attributes:
        plain: the partial likelihood.
        shift: the logarithm of the product of the covariates' scales, so that the term is that of
            the covariates before they were scaled.
    """

    plain: PartialLikelihood
    shift: float = 0.0

    @property
    def x(self) -> Covariates:
        """(n, p) covariates."""
        return self.plain.x

    def at(self, beta: Floats) -> FirthPoint:
        """The likelihood at coefficients (p,)."""
        return FirthPoint(self.plain.at(beta), self.shift)


@dataclass(frozen=True, eq=False)
class FirthPoint:
    """Firth's likelihood at one value of the coefficients."""

    moments: Moments
    shift: float

    @cached_property
    def _information(self) -> Floats:
        return self.moments.information()

    @cached_property
    def log_likelihood(self) -> float:
        """The log partial likelihood and half the log determinant of its information."""
        sign, size = np.linalg.slogdet(self._information)
        return float(self.moments.log_likelihood + size / 2 + self.shift if sign > 0 else -np.inf)

    def information(self) -> Floats:
        """(p, p) that of the partial likelihood, with which Firth's estimate is sought."""
        return self._information

    def score(self) -> Floats:
        """(p,) the derivative of the log-likelihood."""
        return self.moments.score() + third_moments(self.moments, inverse(self._information)) / 2


def third_moments(at: Moments, covariance: Floats) -> Floats:
    """(p,) the trace of the covariance times the information's derivative in each coefficient.

    With m the mean covariates of a risk set, it is the sum over deaths of the mean there of
    (x - m)(x - m)ᵀ V (x - m).
    """
    part = at.likelihood
    sets, x, event, f = part.sets, part.x.all(), part.death_event, part.fraction
    left = at.denominator

    def mean(weight: Floats) -> Floats:
        sums = sets.sum_at_risk(weight)[event] - f * sets.sum_of_dead(weight)[event]
        return np.asarray(sums / left)

    def means(weight: Floats) -> Floats:
        sums = sets.sum_at_risk(weight, part.x)[event]
        dead = sets.sum_of_dead(weight, part.x)[event]
        return np.asarray((sums - f[:, None] * dead) / left[:, None])

    length = np.einsum("ij,jk,ik->i", x, covariance, x)
    middle = (at.s1[event] - f[:, None] * at.d1[event]) / left[:, None]
    turned = middle @ covariance
    long, of_middle = mean(at.risk * length), np.einsum("ij,ij->i", turned, middle)
    together = means(at.risk * length) - middle * (long - 2 * of_middle)[:, None]
    for column in range(x.shape[1]):
        square = means(at.risk * x[:, column])
        together[:, column] -= 2 * np.einsum("ij,ij->i", square, turned)
    return np.asarray(part.death_weight @ together)
