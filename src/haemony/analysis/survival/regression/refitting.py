"""A Cox model fitted again to samples of its patients, whose risk sets are found only once.

A sample says how often each row is taken: 0, 1, 2 and so on. It is not a weighting: a patient taken
twice dies twice, and Efron's treatment of ties counts both deaths. `RiskSets.drawn` therefore
counts the deaths of the sample, and a refit equals the fit to the rows repeated one by one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike
from scipy.linalg import lapack

from haemony.analysis.survival.data.arrays import Flags, Floats, Integers
from haemony.analysis.survival.data.columns import Covariates, predictors
from haemony.analysis.survival.data.response import Surv
from haemony.analysis.survival.faults import BadCovariate, CollinearCovariates
from haemony.analysis.survival.ranks.concordance import Concordance, compare_pairs
from haemony.analysis.survival.regression.cox import CoxFit
from haemony.analysis.survival.regression.newton import Quadratic, check_independent, maximise
from haemony.analysis.survival.regression.partial_likelihood import Moments, PartialLikelihood
from haemony.analysis.survival.regression.scaled import Scaled

MOST_STEPS = 12
SAME_CURVATURE = 1e-4
"""The gain in log-likelihood of a step below which the next one may reuse its information."""
ENOUGH = 1e-15


@dataclass(frozen=True, eq=False)
class Refit:
    """A Cox model fitted to a sample of the rows of another fit.

    Attributes:
        fit: the other fit.
        times: (n,) how often each row was taken, rows in their given order.
        coefficients: (p,) log hazard ratios; infinite without a finite estimate, and all NaN where
            the sample cannot tell the covariates apart.
    """

    fit: CoxFit
    times: Integers
    coefficients: Floats

    @property
    def estimable(self) -> bool:
        """Whether the sample can tell the covariates apart."""
        return not bool(np.isnan(self.coefficients).any())

    @cached_property
    def linear_predictors(self) -> Floats:
        """(n,) of all rows of the other fit, in the sample or not, around the means of that fit."""
        data = self.fit.data
        if not np.isfinite(self.coefficients).all():
            return np.full(len(data.response), np.nan)
        return predictors(data.x, self.fit.means, self.coefficients) + data.offset

    def concordance(self, times: Integers | None = None) -> Concordance:
        """Harrell's C of the refit where each row counts so many times (n,).

        Args:
            times: as often as in the sample by default; 1 - times says how the refit of a
                cross-validation does in the rows left out.
        """
        taken = self.times if times is None else times
        if not np.isfinite(self.coefficients).all():
            return Concordance.unknown()
        rows = np.flatnonzero(taken)
        data = self.fit.data
        response = data.response
        return compare_pairs(
            Surv(
                response.stop[rows],
                response.event[rows],
                None if response.start is None else response.start[rows],
            ),
            -self.linear_predictors[rows],
            weights=data.weights[rows] * taken[rows],
            strata=data.strata.codes[rows],
        )


Statistic = Callable[[Refit], ArrayLike]


@dataclass(frozen=True, eq=False)
class Refitting:
    """Fits a Cox model again, from its estimate on.

    Attributes:
        fit: the model.
        scaled: its likelihood.
    """

    fit: CoxFit
    scaled: Scaled

    @classmethod
    def of(cls, fit: CoxFit) -> Refitting:
        """Prepare the refits of a model.

        Raises:
            BadCovariate: a kind of fit that has no samples here.
        """
        plain = fit.data.shared is None and fit.data.bias == "kept" and fit.ties != "exact"
        if not plain or fit.infinite or not fit.converged:
            raise BadCovariate(
                "fit",
                reason="has exact ties, a frailty, reduced bias or an infinite coefficient",
                remedy="resample a converged fit without them",
            )
        return cls(fit, Scaled.of(fit.data, fit.ties, fit.sets))

    @property
    def same(self) -> Refit:
        """The fit itself, as the refit to all of its rows."""
        rows = np.ones(len(self.fit.data.response), dtype=np.intp)
        return Refit(self.fit, rows, self.fit.coefficients)

    def to(self, times: Integers) -> Refit:
        """Fit to a sample that holds each row so many times (n,), rows in their given order."""
        return Refit(self.fit, times, self._estimate(self.sample(times)) / self.scaled.scale)

    def sample(self, times: Integers) -> PartialLikelihood:
        """The likelihood of such a sample."""
        whole = self.scaled.partial
        sets, rows = whole.sets.drawn(times)
        return PartialLikelihood(
            sets,
            Covariates.plain(whole.x.rows(rows)),
            whole.weight[rows] * times[rows],
            whole.offset[rows],
            whole.ties,
        )

    def _estimate(self, sample: PartialLikelihood) -> Floats:
        """The scaled coefficients (p,): quickly from the full fit, else slowly from zero."""
        scaled, names = self.scaled, self.fit.names
        if not sample.sets.deaths.size:
            return np.full(len(names), np.nan)
        try:
            start, ridge = self.fit.coefficients * scaled.scale, Quadratic(scaled.ridge)
            with np.errstate(all="ignore"):
                quick = climb(sample, start, ridge, names)
            if quick is not None:
                return quick
            top = maximise(sample, names, scaled.span, penalty=ridge)
        except CollinearCovariates:
            return np.full(len(names), np.nan)
        return _endless(top.beta, top.runaway)


def climb(
    likelihood: PartialLikelihood, start: Floats, ridge: Quadratic, names: tuple[str, ...]
) -> Floats | None:
    """The maximum (p,) near a start, or None if Newton's plain steps do not lead there.

    Steps are exact until they are tiny; the last may reuse the information of the one before, for
    what that costs in accuracy is of third order.

    Raises:
        CollinearCovariates: some covariates follow from others within the risk sets.
    """
    beta = start
    gain, height = np.inf, -np.inf
    information = np.empty((0, 0))
    for step_number in range(MOST_STEPS):
        here: Moments = likelihood.at(beta)
        following = here.log_likelihood - ridge.value(beta)
        if not following >= height - 1e-9 * abs(height):
            return None
        height = following
        if gain > SAME_CURVATURE:
            information = here.information() + np.diag(ridge.curvature(beta))
            if not np.isfinite(information).all():
                return None
        if not step_number:
            check_independent(information, names)
        score = here.score() - ridge.slope(beta)
        _, step, failed = lapack.dposv(information, score)
        if failed:
            return None
        gain = float(score @ step)
        beta = beta + step
        if gain < ENOUGH:
            return np.asarray(beta)
    return None


def _endless(beta: Floats, runaway: Flags) -> Floats:
    """Coefficients (p,) with those that grow without bound as infinite."""
    return np.where(runaway, np.copysign(np.inf, beta), beta)
