"""Regression of observed on predicted risks: splines, and a least-squares fit on a log-log scale.

Harrell FE (2015) Regression Modeling Strategies, 2nd edition, section 2.4.5, for the natural cubic
splines and the places of their knots.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from haemony.analysis.survival.data.arrays import Flags, Floats

KNOTS = {3: (0.1, 0.5, 0.9), 4: (0.05, 0.35, 0.65, 0.95), 5: (0.05, 0.275, 0.5, 0.725, 0.95)}
"""The quantiles at which knots stand, by their number."""

SMALLEST = 1e-10
STEPS, HALVINGS, TOLERANCE, SLACK = 100, 30, 1e-12, 1e-12


def cloglog(risk: Floats) -> Floats:
    """The complementary log-log of risks; those of 0 and 1 count as a hair off.

    >>> cloglog(np.array([1 - np.exp(-1.0)])).round(12)
    array([0.])
    """
    inside = np.clip(risk, SMALLEST, 1 - SMALLEST)
    return np.asarray(np.log(-np.log1p(-inside)))


def on_the_scale(risk: Floats) -> Flags:
    """(n,) whether risks lie between 0 and 1, where the complementary log-log is finite.

    >>> on_the_scale(np.array([0.0, 0.3, 1.0])).tolist()
    [False, True, False]
    """
    return np.asarray((risk > SMALLEST) & (risk < 1 - SMALLEST))


def knots_for(values: Floats, count: int) -> Floats:
    """Knots at the usual quantiles; fewer where values repeat, none where they hardly vary.

    >>> knots_for(np.arange(101.0), 3)
    array([10., 50., 90.])
    """
    knots = np.unique(np.quantile(values, KNOTS[count]))
    return knots if knots.size > 2 else np.empty(0)


def restricted_cubic(values: Floats, knots: Floats) -> Floats:
    """(n, k - 1) columns that span cubic splines over k knots, linear beyond the outer ones.

    The values themselves come first; without knots they are all.
    """
    columns = [values]
    if knots.size:
        last, second = knots[-1], knots[-2]
        scale = (last - knots[0]) ** 2
        for knot in knots[:-2]:
            rest = np.maximum(values - second, 0) ** 3 * (last - knot)
            rest -= np.maximum(values - last, 0) ** 3 * (second - knot)
            columns.append((np.maximum(values - knot, 0) ** 3 - rest / (last - second)) / scale)
    return np.column_stack(columns)


@dataclass(frozen=True, eq=False)
class CloglogFit:
    """Coefficients of a model of pseudo-values on the complementary log-log scale.

    Attributes:
        coefficients: (p,) estimates.
        covariance: (p, p) of them, robust.
        converged: whether the estimating equations were solved.
    """

    coefficients: Floats
    covariance: Floats
    converged: bool

    def predict(self, x: Floats) -> tuple[Floats, Floats]:
        """Linear predictors (m,) of rows (m, p), and their standard errors (m,)."""
        variance = np.einsum("mi,ij,mj->m", x, self.covariance, x)
        return x @ self.coefficients, np.sqrt(np.maximum(variance, 0.0))


def fit_cloglog(x: Floats, values: Floats, offset: Floats) -> CloglogFit:
    """Solve Σ x μ'(η) (value - μ(η)) = 0 with μ(η) = 1 - exp(-exp(η)) and η = offset + x·β.

    These are the independence estimating equations of Klein and Andersen (2005), Biometrics
    61:223-229, by Fisher scoring with halved steps; the covariance is White's.
    """
    beta = np.zeros(x.shape[1])
    residual, slope = _parts(x, values, offset, beta)
    converged = False
    for _ in range(STEPS):
        steep = x * slope[:, None]
        step = np.linalg.lstsq(steep.T @ steep, steep.T @ residual)[0]
        for halving in range(HALVINGS):
            trial = beta + step / 2**halving
            again, steeper = _parts(x, values, offset, trial)
            if again @ again <= residual @ residual * (1 + SLACK):
                break
        else:
            break
        change = np.max(np.abs(trial - beta), initial=0.0)
        beta, residual, slope = trial, again, steeper
        if change <= TOLERANCE * max(1.0, float(np.max(np.abs(beta)))):
            converged = True
            break
    steep = x * slope[:, None]
    bread = np.linalg.pinv(steep.T @ steep, hermitian=True)
    rows = steep * residual[:, None]
    solved = np.abs(rows.sum(axis=0)) <= 1e-8 * np.sum(np.abs(rows), axis=0) + SMALLEST
    return CloglogFit(beta, bread @ (rows.T @ rows) @ bread, converged or bool(solved.all()))


def _parts(x: Floats, values: Floats, offset: Floats, beta: Floats) -> tuple[Floats, Floats]:
    """Residuals (n,) and derivatives (n,) of the mean."""
    eta = np.clip(offset + x @ beta, -40.0, 5.0)
    hazard = np.exp(eta)
    return values + np.expm1(-hazard), hazard * np.exp(-hazard)
