"""Does the Cox model fit? Residuals, and the test that hazards are proportional.

Schoenfeld D (1982) Partial residuals for the proportional hazards regression model. Biometrika
69:239-241. Grambsch PM, Therneau TM (1994) Proportional hazards tests and diagnostics based on
weighted residuals. Biometrika 81:515-526. Therneau TM, Grambsch PM, Fleming TR (1990) Martingale-
based residuals for survival models. Biometrika 77:147-160.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import polars as pl
from scipy.special import xlogy

from haemony.analysis.survival import printing
from haemony.analysis.survival.curves.kaplan_meier import kaplan_meier
from haemony.analysis.survival.data.arrays import Floats, Integers
from haemony.analysis.survival.data.response import Grid
from haemony.analysis.survival.data.sample import check_choice
from haemony.analysis.survival.faults import BadCovariate, BadResponse
from haemony.analysis.survival.regression.cox import ChiSquared, CoxFit, require_residuals
from haemony.analysis.survival.regression.newton import solve

Transform = Literal["km", "rank", "identity", "log"]


@dataclass(frozen=True, eq=False)
class ProportionalHazards:
    """Score tests that each effect is constant over time.

    Attributes:
        terms: (m,) the model's terms.
        tests: (m,) a test for each term.
        overall: the test for all terms together.
        transform: the function of time against which a trend was sought.
    """

    terms: tuple[str, ...]
    tests: tuple[ChiSquared, ...]
    overall: ChiSquared
    transform: Transform

    def table(self) -> pl.DataFrame:
        """One row per term and one for all: term, statistic, df, p."""
        tests = (*self.tests, self.overall)
        return pl.DataFrame(
            {
                "term": [*self.terms, "GLOBAL"],
                "statistic": [test.statistic for test in tests],
                "df": [test.df for test in tests],
                "p": [test.p for test in tests],
            }
        )

    def __str__(self) -> str:
        """Print as R's `cox.zph`."""
        return printing.page(printing.grid(self.table(), p_values=("p",)))


@dataclass(frozen=True, eq=False)
class Schoenfeld:
    """Schoenfeld residuals of the E deaths, by stratum and time.

    Attributes:
        names: (p,) the coefficients' names.
        times: (E,) of the deaths.
        rows: (E,) which analysed row died.
        residuals: (E, p) covariates less their mean over the risk set.
        scaled: (E, p) estimates of the coefficient at each death.
    """

    names: tuple[str, ...]
    times: Floats
    rows: Integers
    residuals: Floats
    scaled: Floats


def proportional_hazards(fit: CoxFit, transform: Transform = "km") -> ProportionalHazards:
    """Test whether effects change with time, as R's `cox.zph` since version 3.0 (score tests).

    Each term is tested for an added effect of the term times g(time), at the fitted model; terms
    with several columns have as many degrees of freedom.

    Args:
        fit: a Cox model.
        transform: g is 1 - Kaplan–Meier, the rank of all follow-up times, time or its logarithm.

    >>> from haemony.analysis.survival.regression.cox import cox
    >>> table = pl.DataFrame({"days": [4, 3, 1, 1, 2, 2, 3], "died": [1, 1, 1, 0, 1, 1, 0],
    ...     "x": [0, 2, 1, 1, 1, 0, 0]})
    >>> test = proportional_hazards(cox("Surv(days, died) ~ x", table))
    >>> test.terms, test.overall.df
    (('x',), 1)
    """
    require_residuals(fit)
    if fit.frailty or fit.data.ridge is not None or fit.data.bias == "reduced":
        raise BadCovariate(
            "the fit",
            reason="is penalised, and the test is for unpenalised ones",
            remedy="fit without ridge, frailty or Firth's term to look at proportionality",
        )
    check_choice(transform, "transform", get_args(Transform))
    centred = fit.centred
    trend = _trend(fit, transform)
    deaths = fit.sets.deaths
    trend = trend - np.average(trend, weights=deaths)
    score = centred.score(trend)
    base, cross, square = (centred.information(trend**power) for power in (0, 1, 2))
    tests = [
        _score_test(base, cross, square, score, np.array(position))
        for _, position in fit.data.terms
    ]
    return ProportionalHazards(
        terms=tuple(term for term, _ in fit.data.terms),
        tests=tuple(tests),
        overall=_score_test(base, cross, square, score, np.arange(len(score))),
        transform=transform,
    )


def schoenfeld(fit: CoxFit) -> Schoenfeld:
    """Schoenfeld residuals: who died, less who was expected to (Schoenfeld 1982).

    The scaled ones estimate the coefficient at each death (Grambsch and Therneau 1994), by the
    inverse information even where standard errors are robust, as in R.
    """
    require_residuals(fit)
    centred = fit.centred
    part = centred.likelihood
    rows = part.sets.death_rows
    residuals = part.x.rows(rows) - centred.mean_at_death()[part.death_event]
    return Schoenfeld(
        names=fit.names,
        times=part.sets.times[part.death_event],
        rows=rows,
        residuals=residuals,
        scaled=fit.coefficients + len(rows) * residuals @ fit.naive_covariance,
    )


def martingale(fit: CoxFit) -> Floats:
    """(n,) events less the events expected, per row (Therneau, Grambsch and Fleming 1990)."""
    centred = fit.centred
    expected = centred.relative_hazard * centred.exposure()
    return np.asarray(fit.sets.died - expected)


def deviance(fit: CoxFit) -> Floats:
    """(n,) martingale residuals made more symmetric around zero."""
    died = fit.data.response.died.astype(np.float64)
    residual = martingale(fit)
    inside = residual + xlogy(died, np.where(died > 0, died - residual, 1.0))
    return np.asarray(np.sign(residual) * np.sqrt(np.maximum(-2 * inside, 0.0)))


def score_residuals(fit: CoxFit) -> Floats:
    """(n, p) each row's share of the derivative of the log-likelihood."""
    require_residuals(fit)
    return fit.centred.score_rows()


def dfbeta(fit: CoxFit) -> Floats:
    """(n, p) approximate change of each coefficient if the row were left out, weight included."""
    weighted = fit.data.weights[:, None] * score_residuals(fit)
    return np.asarray(weighted @ fit.naive_covariance)


def dfbetas(fit: CoxFit) -> Floats:
    """(n, p) the same changes in model-based standard errors, as in R."""
    return np.asarray(dfbeta(fit) / np.sqrt(np.diag(fit.naive_covariance)))


def cox_snell(fit: CoxFit) -> Floats:
    """(n,) events expected of each row; like censored unit exponentials if the model holds.

    Cox DR, Snell EJ (1968) A general definition of residuals. JRSS B 30:248-275.
    """
    return np.asarray(fit.data.response.died - martingale(fit))


def per_cluster(fit: CoxFit, residuals: Floats) -> Floats:
    """Sums (C,) or (C, p) of residuals (n,) or (n, p) over the rows of each cluster, in order.

    Raises:
        BadCovariate: the model has no cluster.
    """
    cluster = fit.data.cluster
    if cluster is None:
        raise BadCovariate(
            "cluster", reason="is not in the model", remedy="add cluster(...) to the formula"
        )
    sums = np.zeros((int(cluster.max()) + 1, *residuals.shape[1:]))
    np.add.at(sums, cluster, residuals)
    return sums


def _trend(fit: CoxFit, transform: Transform) -> Floats:
    """(K,) the function of time at each event time."""
    sets = fit.sets
    if transform == "identity":
        return sets.times
    if transform == "log":
        if not np.all(sets.times > 0):
            raise BadResponse(
                "an event at time 0 has no logarithm", remedy="choose another transform"
            )
        return np.log(sets.times)
    if transform == "rank":
        grid = Grid.of(fit.data.response)
        tied = np.bincount(grid.stop, minlength=len(grid.times))
        found = np.searchsorted(grid.times, sets.times)
        return np.asarray((np.cumsum(tied) - (tied - 1) / 2)[found])
    curve = kaplan_meier(fit.data.response).curves[0]
    found = np.searchsorted(curve.times, sets.times)
    return np.asarray(1 - np.concatenate([[1.0], curve.survival])[found])


def _score_test(
    base: Floats,
    cross: Floats,
    square: Floats,
    score: Floats,
    position: Integers,
) -> ChiSquared:
    """Test the added columns at some positions, given all coefficients of the model."""
    if not position.size:
        return ChiSquared(0.0, 0)
    with_base = cross[:, position]
    variance = square[np.ix_(position, position)] - with_base.T @ solve(base, with_base)
    chosen = score[position]
    return ChiSquared(float(chosen @ solve(variance, chosen)), int(position.size))
