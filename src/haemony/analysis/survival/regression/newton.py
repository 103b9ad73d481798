"""Finds the coefficients that maximise a partial likelihood, and says when there are none.

Covariates arrive centred and scaled, so that a coefficient of order one is a large effect.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

import numpy as np
from scipy.linalg import cho_factor, cho_solve, lapack

from haemony.analysis.survival.data.arrays import Flags, Floats, Integers
from haemony.analysis.survival.data.columns import Covariates
from haemony.analysis.survival.faults import CollinearCovariates, NothingToAnalyse

MOST_STEPS = 50
MOST_HALVINGS = 30
CONVERGED = 1e-20
SETTLED = 1e-6
STILL_MOVING = 0.1
FARTHEST = 200.0
DEPENDENT = 1e-10


class Point(Protocol):
    """A log-likelihood at one value of p coefficients."""

    @property
    def log_likelihood(self) -> float:
        """Its height."""

    def score(self) -> Floats:
        """(p,) its slope."""

    def information(self) -> Floats:
        """(p, p) minus its curvature."""


P = TypeVar("P", bound=Point)
P_co = TypeVar("P_co", bound=Point, covariant=True)


class Likelihood(Protocol[P_co]):
    """A log-likelihood of coefficients of covariates x (n, p)."""

    @property
    def x(self) -> Covariates:
        """(n, p) covariates."""

    def at(self, beta: Floats) -> P_co:
        """The log-likelihood at coefficients (p,)."""


class Penalty(Protocol):
    """What is taken from a log-likelihood for large coefficients; its curvature is diagonal."""

    def value(self, beta: Floats) -> float:
        """What coefficients (p,) cost."""

    def slope(self, beta: Floats) -> Floats:
        """(p,) the derivative of the cost."""

    def curvature(self, beta: Floats) -> Floats:
        """(p,) the second derivative, by coefficient."""


@dataclass(frozen=True, eq=False)
class Quadratic:
    """Half the weighted sum of squared coefficients: a ridge, or normal random effects.

    Attributes:
        weight: (p,) of each coefficient; zero leaves it free.
    """

    weight: Floats

    def value(self, beta: Floats) -> float:
        """What coefficients (p,) cost."""
        return float(self.weight @ beta**2 / 2)

    def slope(self, beta: Floats) -> Floats:
        """(p,) the derivative of the cost."""
        return self.weight * beta

    def curvature(self, beta: Floats) -> Floats:  # noqa: ARG002 the same everywhere
        """(p,) the second derivative."""
        return self.weight


@dataclass(frozen=True, eq=False)
class Maximum(Generic[P_co]):
    """Where a partial likelihood, less its penalty, is highest.

    Attributes:
        beta: (p,) coefficients.
        moments: the likelihood there.
        start: the log-likelihood at coefficients zero, or where the climb began.
        information: (p, p) there, the penalty's curvature included.
        curvature: (p,) the penalty's curvature there.
        penalty: what the penalty costs there.
        score_statistic: Rao's score statistic at coefficients zero.
        runaway: (p,) which coefficients grow without bound (monotone likelihood).
        steps: Newton steps taken.
        converged: whether the maximum was reached.
    """

    beta: Floats
    moments: P_co
    start: float
    information: Floats
    curvature: Floats
    penalty: float
    score_statistic: float
    runaway: Flags
    steps: int
    converged: bool


def maximise(
    likelihood: Likelihood[P],
    names: Sequence[str],
    span: Floats,
    *,
    penalty: Penalty | None = None,
    start: Floats | None = None,
) -> Maximum[P]:
    """Climb by Newton's method, halving steps that lead down.

    The climb ends when a further step would raise the log-likelihood by less than rounding error,
    or when the log-likelihood has settled while a coefficient still moves the linear predictor by
    more than a tenth across its covariate: then the coefficient has no finite estimate.

    Args:
        likelihood: what to maximise.
        names: (p,) of the covariates.
        span: (p,) largest less smallest value of each covariate.
        penalty: what is taken from the log-likelihood.
        start: (p,) where the climb begins; zero by default.

    Raises:
        CollinearCovariates: some covariates follow from others within the risk sets.
    """
    beta = np.zeros(likelihood.x.width) if start is None else start
    cost = Quadratic(np.zeros(len(beta))) if penalty is None else penalty
    here = likelihood.at(beta)
    begin = here.log_likelihood
    information = here.information() + np.diag(cost.curvature(beta))
    check_independent(information, names)
    runaway = np.zeros(len(beta), dtype=bool)
    score_statistic, steps, gain = 0.0, 0, 0.0
    for steps in range(1, MOST_STEPS + 1):
        score = here.score() - cost.slope(beta)
        step = solve(information, score)
        gain = float(score @ step)
        if steps == 1:
            score_statistic = gain
        if gain < SETTLED:
            runaway = np.abs(step) * span > STILL_MOVING
        if gain < CONVERGED * max(1.0, abs(here.log_likelihood)) or runaway.any():
            break
        following = _climb(likelihood, cost, here, beta, step, span)
        if following is None:
            runaway = np.abs(step) * span > STILL_MOVING
            break
        beta, here = following
        information = here.information() + np.diag(cost.curvature(beta))
    return Maximum(
        beta=beta,
        moments=here,
        start=begin,
        information=information,
        curvature=cost.curvature(beta),
        penalty=cost.value(beta),
        score_statistic=score_statistic,
        runaway=runaway,
        steps=steps,
        converged=gain < SETTLED and not runaway.any(),
    )


def _climb(
    likelihood: Likelihood[P],
    cost: Penalty,
    here: P,
    beta: Floats,
    step: Floats,
    span: Floats,
) -> tuple[Floats, P] | None:
    """The first of beta + step, + step/2, ... that does not lower the log-likelihood.

    None of them may say that a hazard is e^200 times another's: such a climb has no end.
    """
    height = here.log_likelihood - cost.value(beta)
    tolerance = 1e-12 * abs(height)
    for halving in range(MOST_HALVINGS):
        candidate = beta + step / 2**halving
        near = np.abs(candidate) @ span <= FARTHEST  # spares a product with x
        if not near and np.abs(likelihood.x @ candidate).max(initial=0.0) > FARTHEST:
            continue
        there = likelihood.at(candidate)
        if there.log_likelihood - cost.value(candidate) >= height - tolerance:
            return candidate, there
    return None


def solve(information: Floats, right: Floats) -> Floats:
    """The solution of information · x = right, by Cholesky after scaling to a unit diagonal.

    Raises:
        NothingToAnalyse: when the information has no inverse.
    """
    if not len(information):
        return np.zeros_like(right)
    with np.errstate(divide="ignore", invalid="ignore"):
        scale = 1 / np.sqrt(np.diag(information))
        scaled = information * np.outer(scale, scale)
    try:
        factor = cho_factor(scaled, lower=True)
    except (ValueError, np.linalg.LinAlgError):
        raise NothingToAnalyse(
            "the events do not determine the estimates",
            remedy="look for too few events, or for a column with almost one value per row",
        ) from None
    wide = scale if right.ndim == 1 else scale[:, None]
    return np.asarray(wide * cho_solve(factor, wide * right))


def inverse(information: Floats) -> Floats:
    """The covariance (p, p) that an information implies."""
    covariance = solve(information, np.eye(len(information)))
    return (covariance + covariance.T) / 2


def has_inverse(variance: Floats) -> bool:
    """Whether a variance (p, p) has one: a sandwich of as few clusters as coefficients has none."""
    scale = np.sqrt(np.diag(variance))
    if not len(scale) or not (scale > 0).all():
        return not len(scale)
    return bool(np.linalg.eigvalsh(variance / np.outer(scale, scale))[0] > DEPENDENT)


def distance(values: Floats, variance: Floats) -> float:
    """The squared distance of values (p,) from zero in standard errors.

    Raises:
        NothingToAnalyse: their variance (p, p) has no inverse.
    """
    if not has_inverse(variance):
        raise NothingToAnalyse(
            "the variance of the coefficients has no inverse, as with few clusters",
            remedy="test fewer coefficients, or use the likelihood-ratio test",
        )
    return float(values @ solve(variance, values))


def check_independent(information: Floats, names: Sequence[str]) -> None:
    """Refuse covariates that follow from others, naming both.

    Raises:
        CollinearCovariates: the information is singular.
    """
    diagonal = np.diag(information)
    stuck = diagonal <= DEPENDENT
    if stuck.any():
        raise CollinearCovariates(_chosen(names, np.flatnonzero(stuck)), given=())
    if not len(diagonal):
        return
    scale = 1 / np.sqrt(diagonal)
    correlation = information * np.outer(scale, scale)
    factor, pivots, rank, _ = lapack.dpstrf(correlation, tol=DEPENDENT, lower=1)
    if rank == len(names):
        return
    order = pivots - 1
    basis, redundant = order[:rank], order[rank:]
    lower = np.tril(factor[:rank, :rank])
    loading = np.linalg.solve(lower.T, factor[rank:, :rank].T)
    involved = basis[np.abs(loading).max(axis=1) > 1e-6]
    raise CollinearCovariates(_chosen(names, redundant), given=_chosen(names, np.sort(involved)))


def _chosen(names: Sequence[str], positions: Integers) -> list[str]:
    return [names[int(position)] for position in positions]
