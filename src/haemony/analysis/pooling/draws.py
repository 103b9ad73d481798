"""Draws missing values of one column, given the others, with the uncertainty of the model.

Little RJA (1988) Missing-data adjustments in large surveys. Journal of Business and Economic
Statistics 6:287-296, for predictive mean matching. Rubin DB (1987) Multiple Imputation for
Nonresponse in Surveys, chapter 5. Morris TP, White IR, Royston P (2014) Tuning multiple imputation
by predictive mean matching and local residual draws. BMC Medical Research Methodology 14:75.
"""

from __future__ import annotations

import numpy as np
from numpy.random import Generator
from scipy.linalg import solve_triangular
from scipy.special import softmax

from haemony.analysis.survival.data.arrays import Floats, Integers
from haemony.analysis.survival.data.columns import weighted_square

RIDGE = 1e-5
PRIOR_SD = 2.5
MOST_STEPS = 30


def matched(x: Floats, y: Floats, x_new: Floats, donors: int, draws: Generator) -> Floats:
    """Predictive mean matching: each new value (m,) is an observed one of a similar patient.

    Coefficients and residual variance are drawn from their posterior; the observed patients whose
    predictions (from the estimate) are nearest to the new patient's (from the draw) are the donors.

    Args:
        x: (n, p) predictors of observed values, with a constant column.
        y: (n,) observed values.
        x_new: (m, p) predictors of missing ones.
        donors: how many donors to choose among.
        draws: the source of chance.
    """
    square = x.T @ x
    square += np.diag(RIDGE * np.diag(square))
    lower = np.linalg.cholesky(square)
    beta = np.linalg.solve(square, x.T @ y)
    df = max(1, len(y) - x.shape[1])
    residual = y - x @ beta
    sigma = np.sqrt(residual @ residual / draws.chisquare(df))
    drawn = beta + sigma * solve_triangular(
        lower, draws.standard_normal(len(beta)), lower=True, trans="T"
    )
    return y[_nearest(x @ beta, x_new @ drawn, min(donors, len(y)), draws)]


def _nearest(known: Floats, wanted: Floats, donors: int, draws: Generator) -> Integers:
    """(m,) a random one of the `donors` positions nearest to each value; ties in random order."""
    shuffled = draws.permutation(len(known))
    order = shuffled[np.argsort(known[shuffled], kind="stable")]
    ladder = known[order]
    begin = np.searchsorted(ladder, wanted)
    around = begin[:, None] + np.arange(-donors, donors)
    inside = (around >= 0) & (around < len(known))
    away = np.abs(ladder[np.clip(around, 0, len(known) - 1)] - wanted[:, None])
    away = np.where(inside, away, np.inf)
    closest = np.argsort(away, axis=1, kind="stable")[:, :donors]
    chosen = closest[np.arange(len(wanted)), draws.integers(0, donors, len(wanted))]
    return np.asarray(order[around[np.arange(len(wanted)), chosen]])


def classified(
    x: Floats, codes: Integers, x_new: Floats, levels: int, draws: Generator
) -> Integers:
    """Draw categories (m,) from a multinomial logistic model; two levels make it a logistic one.

    A weak normal prior (standard deviation 2.5 on standardised predictors) keeps coefficients
    finite where predictors separate the categories.

    Args:
        x: (n, p) predictors of observed categories, a constant column first.
        codes: (n,) observed categories from 0.
        x_new: (m, p) predictors of missing ones.
        levels: how many categories there are.
        draws: the source of chance.
    """
    beta, precision = _multinomial(x, codes, levels)
    lower = np.linalg.cholesky(precision)
    drawn = beta + solve_triangular(lower, draws.standard_normal(len(beta)), lower=True, trans="T")
    chance = _chances(x_new, drawn.reshape(levels - 1, -1))
    edges = np.cumsum(chance, axis=1)
    above = (draws.random(len(x_new))[:, None] > edges).sum(axis=1)
    return np.asarray(np.minimum(above, levels - 1))


def _chances(x: Floats, beta: Floats) -> Floats:
    """(m, K) probabilities under coefficients (K - 1, p) against the first category."""
    scores = np.column_stack([np.zeros(len(x)), x @ beta.T])
    return np.asarray(softmax(scores, axis=1))


def _multinomial(x: Floats, codes: Integers, levels: int) -> tuple[Floats, Floats]:
    """The posterior mode ((K - 1) p,) and its precision, by Newton's method."""
    p, kinds = x.shape[1], levels - 1
    truth = (codes[:, None] == np.arange(1, levels)).astype(np.float64)
    shrink = np.full(p, 1 / PRIOR_SD**2)
    shrink[0] = 1e-4
    penalty = np.tile(shrink, kinds)
    beta = np.zeros(kinds * p)
    precision = np.diag(penalty)
    for _ in range(MOST_STEPS):
        chance = _chances(x, beta.reshape(kinds, p))[:, 1:]
        score = ((truth - chance).T @ x).ravel() - penalty * beta
        precision = np.diag(penalty)
        for a in range(kinds):
            for b in range(a, kinds):
                curve = chance[:, a] * ((a == b) - chance[:, b])
                block = weighted_square(x, curve)
                precision[a * p : (a + 1) * p, b * p : (b + 1) * p] += block
                if b > a:
                    precision[b * p : (b + 1) * p, a * p : (a + 1) * p] += block
        step = np.linalg.solve(precision, score)
        largest = float(np.abs(step).max(initial=0.0))
        beta = beta + step * min(1.0, 5 / max(largest, 1e-300))
        if largest < 1e-6:
            break
    return beta, precision
