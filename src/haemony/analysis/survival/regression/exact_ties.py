"""The exact partial likelihood for tied deaths: who died, given how many died.

Cox DR (1972) Regression models and life-tables. JRSS B 34:187-220, section 6. Gail MH, Lubin JH,
Rubinstein LV (1981) Likelihood calculations for matched case-control studies and survival studies
with tied death times. Biometrika 68:703-707.

With d deaths among the risk set, the likelihood is the chance that independent trials with odds
λ·r give just those d successes, given that they give d. It does not depend on λ, which is chosen
so that d are expected: then the chance of d successes is far from zero, and the sum of its Fourier
series loses nothing to rounding. Slope and curvature come from the same sum, as means and
covariances of the covariates' total, so that no loop runs over patients.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from haemony.analysis.survival.data.arrays import Floats
from haemony.analysis.survival.data.columns import Covariates, weighted_square
from haemony.analysis.survival.regression.partial_likelihood import PartialLikelihood

MOST_STEPS = 60
NEAR = 0.01
"""How near the expected number of successes comes to the wanted one, as a share of it."""
LEFT_OUT = 1e-18
CELLS = 4_000_000
"""Complex numbers held at once."""


@dataclass(frozen=True, eq=False)
class ExactLikelihood:
    """The exact partial likelihood of one data set.

    Attributes:
        untied: Breslow's likelihood of the same rows, which is exact where one patient dies.
    """

    untied: PartialLikelihood

    @property
    def x(self) -> Covariates:
        """(n, p) covariates."""
        return self.untied.x

    def at(self, beta: Floats) -> ExactPoint:
        """The likelihood at coefficients (p,)."""
        moments, sets = self.untied.at(beta), self.untied.sets
        eta, alone = self.untied.predictors(beta), sets.deaths == 1
        single = np.repeat(alone, sets.deaths)
        value = float(eta[sets.death_rows[single]].sum() - np.log(moments.s0[alone]).sum())
        score = moments.score(alone.astype(np.float64))
        information = moments.information(alone.astype(np.float64))
        dead = np.split(sets.death_rows, np.cumsum(sets.deaths)[:-1])
        for k in np.flatnonzero(~alone):
            at_risk = sets.at_risk(int(k))
            if len(dead[k]) == len(at_risk):
                continue
            rows = self.x.rows(at_risk)
            total, mean, covariance = conditional_total(eta[at_risk], rows, len(dead[k]))
            value += float(eta[dead[k]].sum()) - total
            score = score + self.x.rows(dead[k]).sum(axis=0) - mean
            information = information + covariance
        return ExactPoint(value, score, information)


@dataclass(frozen=True, eq=False)
class ExactPoint:
    """The exact partial likelihood at one value of the coefficients."""

    log_likelihood: float
    _score: Floats
    _information: Floats

    def score(self) -> Floats:
        """(p,) the derivative of the log-likelihood."""
        return self._score

    def information(self) -> Floats:
        """(p, p) minus the second derivative."""
        return self._information


def conditional_total(eta: Floats, x: Floats, chosen: int) -> tuple[float, Floats, Floats]:
    """Logarithm of the sum over all sets of so many rows of their odds, with its derivatives.

    Args:
        eta: (m,) log odds.
        x: (m, p) covariates.
        chosen: how many rows a set has, fewer than m.

    Returns:
        The logarithm, and mean (p,) and covariance (p, p) of a set's total covariates.

    >>> total, mean, _ = conditional_total(np.log([1.0, 2.0, 3.0]), np.eye(3), 2)
    >>> round(float(np.exp(total)), 6), (11 * mean).round(6)  # 1·2 + 1·3 + 2·3
    (11.0, array([5., 8., 9.]))
    """
    shift = _balance(eta, chosen)
    odds = eta + shift
    q = expit(odds)
    points = min(len(eta) + 1, _points(chosen)) | 1
    half = np.arange(points // 2 + 1)
    chance, mean = 0.0, np.zeros(x.shape[1])
    square, own = np.zeros((x.shape[1],) * 2), np.zeros(len(eta))
    step = max(1, CELLS // len(eta))
    for begin in range(0, len(half), step):
        turn = np.exp(2j * np.pi * half[begin : begin + step] / points)
        share = (q * turn[:, None]).astype(np.complex128)
        blend = share + (1 - q)
        weight = blend.prod(axis=1) * turn ** -float(chosen) / points
        weight *= np.where(half[begin : begin + step] == 0, 1.0, 2.0)
        share /= blend
        sums = share.real @ x + 1j * (share.imag @ x)
        chance += float(weight.real.sum())
        mean += (weight @ sums).real
        square += ((weight[:, None] * sums).T @ sums).real
        share -= share**2
        own += (weight @ share).real
    mean = mean / chance
    covariance = square / chance - np.outer(mean, mean) + weighted_square(x, own / chance)
    total = np.log(chance) - chosen * shift + float(np.logaddexp(0.0, odds).sum())
    return float(total), mean, (covariance + covariance.T) / 2


def _points(chosen: int) -> int:
    """How many points of the Fourier series keep what it leaves out below `LEFT_OUT`.

    Successes beyond the expected number, which Chernoff's bound limits, are taken for so many less;
    the expected number is as `_balance` leaves it.
    """
    beyond = np.arange(1, 60 + 20 * chosen)
    most = chosen * (1 + NEAR)
    reached = chosen + beyond
    tail = reached * np.log(reached / most) - (reached - most)
    return int(beyond[np.searchsorted(tail, -np.log(LEFT_OUT))]) + 1


def _balance(eta: Floats, chosen: int) -> float:
    """The number to add to log odds so that so many successes are expected."""
    middle = np.log(chosen) - np.log(len(eta) - chosen)
    low, high = middle - eta.max(), middle - eta.min()
    shift = middle - float(np.median(eta))
    for _ in range(MOST_STEPS):
        q = expit(eta + shift)
        excess = float(q.sum()) - chosen
        if abs(excess) < NEAR * chosen:
            break
        low, high = (low, shift) if excess > 0 else (shift, high)
        shift -= excess / max(float(q @ (1 - q)), 1e-300)
        if not low < shift < high:
            shift = (low + high) / 2
    return float(shift)
