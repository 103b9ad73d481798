"""Questions to one or several Cox models: is the larger better, and what do coefficients add to?

Cox DR, Hinkley DV (1974) Theoretical Statistics, chapter 9.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import polars as pl
from numpy.typing import ArrayLike
from scipy.stats import norm

from haemony.analysis.survival import printing
from haemony.analysis.survival.data.arrays import Floats
from haemony.analysis.survival.data.frames import Tabular
from haemony.analysis.survival.faults import BadCovariate, UnknownCoefficient
from haemony.analysis.survival.intervals import normal_quantile
from haemony.analysis.survival.regression.cox import ChiSquared, CoxFit
from haemony.analysis.survival.regression.new_patients import known_of

ROUNDING = 1e-8


@dataclass(frozen=True)
class Comparison:
    """Models from the smallest to the largest, each tested against the one before.

    Attributes:
        log_likelihoods: (m,) of the models.
        df: (m,) their degrees of freedom.
        tests: (m - 1,) likelihood-ratio tests between neighbours.
        notes: what a reader must know, such as models that are not nested.
    """

    log_likelihoods: tuple[float, ...]
    df: tuple[float, ...]
    tests: tuple[ChiSquared, ...]
    notes: tuple[str, ...]

    def table(self) -> pl.DataFrame:
        """One row per model: model, log_likelihood, df, statistic, added, p; null for the first."""
        return pl.DataFrame(
            {
                "model": range(1, len(self.df) + 1),
                "log_likelihood": self.log_likelihoods,
                "df": [float(df) for df in self.df],
                "statistic": [None, *(test.statistic for test in self.tests)],
                "added": [None, *(float(test.df) for test in self.tests)],
                "p": [None, *(test.p for test in self.tests)],
            }
        )

    def __str__(self) -> str:
        """Print as R's analysis of deviance."""
        heights = [f"{height:.3f}" for height in self.log_likelihoods]
        shown = self.table().with_columns(log_likelihood=pl.Series(heights))
        return printing.page(printing.grid(shown, p_values=("p",)), notes=self.notes)


def compare(*fits: CoxFit) -> Comparison:
    """Likelihood-ratio tests between nested models of the same rows, as R's `anova`.

    Raises:
        BadCovariate: the models analyse different rows, or have robust standard errors.

    >>> from haemony.analysis.survival.regression.cox import cox
    >>> table = pl.DataFrame({"days": [4, 3, 1, 1, 2, 2, 3], "died": [1, 1, 1, 0, 1, 1, 0],
    ...     "x": [0, 2, 1, 1, 1, 0, 0]})
    >>> models = [cox(f"Surv(days, died) ~ {terms}", table) for terms in ("1", "x")]
    >>> compare(*models).tests[0].df
    1
    """
    if len(fits) < 2:
        raise BadCovariate("compare", reason="needs two models", remedy="fit a larger one")
    _check_alike(fits)
    ordered = sorted(fits, key=lambda fit: fit.df)
    notes = [
        "two neighbouring models are not nested: their likelihood-ratio test has no meaning"
        for small, large in pairwise(ordered)
        if not _nested(small, large)
    ]
    tests = [
        ChiSquared(
            2 * (large.log_likelihood.fitted - small.log_likelihood.fitted), large.df - small.df
        )
        for small, large in pairwise(ordered)
    ]
    return Comparison(
        log_likelihoods=tuple(fit.log_likelihood.fitted for fit in ordered),
        df=tuple(fit.df for fit in ordered),
        tests=tuple(tests),
        notes=tuple(dict.fromkeys(notes)),
    )


def contrast(
    fit: CoxFit, weights: Mapping[str, Mapping[str, float]], *, level: float = 0.95
) -> pl.DataFrame:
    """Sums of coefficients: contrast, estimate, std_err, hazard_ratio, lower, upper, z, p.

    lower and upper are limits of the hazard ratio, and robust where the fit is.

    Args:
        fit: a Cox model.
        weights: under each contrast's name, the multiplier of each coefficient; others count zero.
        level: coverage.

    Raises:
        UnknownColumn: a coefficient is not in the model.

    >>> from haemony.analysis.survival.regression.cox import cox
    >>> table = pl.DataFrame({"days": [4, 3, 1, 1, 2, 2, 3], "died": [1, 1, 1, 0, 1, 1, 0],
    ...     "x": [0, 2, 1, 1, 1, 0, 0], "sex": [0, 0, 0, 0, 1, 1, 1]})
    >>> contrast(cox("Surv(days, died) ~ x + sex", table), {"both": {"x": 1, "sex": 1}}).columns[:3]
    ['contrast', 'estimate', 'std_err']
    """
    return _ratios(fit, list(weights), _multipliers(fit, weights), "contrast", level)


def joint_test(fit: CoxFit, weights: Mapping[str, Mapping[str, float]]) -> ChiSquared:
    """Wald's test that several sums of coefficients are all zero."""
    rows = _multipliers(fit, weights)
    covariance = rows @ fit.covariance @ rows.T
    rank = int(np.linalg.matrix_rank(covariance, hermitian=True))
    found = rows @ fit.coefficients
    return ChiSquared(float(found @ np.linalg.pinv(covariance, hermitian=True) @ found), rank)


def hazard_ratios(
    fit: CoxFit,
    rows: Tabular | ArrayLike,
    against: Tabular | ArrayLike,
    *,
    level: float = 0.95,
) -> pl.DataFrame:
    """Hazard ratios of patients against one other, one row each.

    Columns are row, estimate, std_err, hazard_ratio, lower, upper, z and p. It reads splines and
    interactions through the patients themselves, so that nobody has to know
    what a coefficient of a basis means.

    Args:
        fit: a Cox model.
        rows: m patients.
        against: one patient of the same stratum.
        level: coverage.
    """
    x, reference = fit.covariates_of(rows), fit.covariates_of(against)
    if len(reference) != 1:
        raise BadCovariate("against", reason="is not one patient", remedy="give one row")
    known = known_of(rows, fit.design, len(x)) - known_of(against, fit.design, 1)
    return _ratios(fit, list(range(len(x))), x - reference, "row", level, known)


def _multipliers(fit: CoxFit, weights: Mapping[str, Mapping[str, float]]) -> Floats:
    rows = np.zeros((len(weights), len(fit.names)))
    for i, parts in enumerate(weights.values()):
        for name, weight in parts.items():
            if name not in fit.names:
                raise UnknownCoefficient(name, known=fit.names)
            if name in fit.infinite and weight:
                raise BadCovariate(
                    name,
                    reason="has no finite estimate",
                    remedy="fit with bias='reduced', or leave it out",
                )
            rows[i, fit.names.index(name)] = weight
    return rows


def _ratios(
    fit: CoxFit,
    labels: Sequence[str | int],
    rows: Floats,
    heading: str,
    level: float,
    known: Floats | float = 0.0,
) -> pl.DataFrame:
    estimate = rows @ fit.coefficients + known
    std_err = np.sqrt(np.einsum("ij,jk,ik->i", rows, fit.covariance, rows))
    half = normal_quantile(level) * std_err
    z = np.divide(estimate, std_err, out=np.full(len(rows), np.nan), where=std_err > 0)
    return pl.DataFrame(
        {
            heading: labels,
            "estimate": estimate,
            "std_err": std_err,
            "hazard_ratio": np.exp(estimate),
            "lower": np.exp(estimate - half),
            "upper": np.exp(estimate + half),
            "z": z,
            "p": 2 * norm.sf(np.abs(z)),
        }
    ).with_columns(pl.col(pl.Float64).fill_nan(None))


def _check_alike(fits: Sequence[CoxFit]) -> None:
    first = fits[0].data
    for fit in fits[1:]:
        mine = fit.data
        same = fit.n == fits[0].n and all(
            np.array_equal(a, b)
            for a, b in (
                (mine.response.stop, first.response.stop),
                (mine.response.event, first.response.event),
                (mine.strata.codes, first.strata.codes),
                (mine.weights, first.weights),
            )
        )
        if not same or fit.ties != fits[0].ties:
            raise BadCovariate(
                "the models",
                reason="analyse different rows, strata, weights or ties",
                remedy="drop the rows that lack a variable of the larger model, and fit again",
            )
    if any(fit.robust for fit in fits):
        raise BadCovariate(
            "the models",
            reason="have robust standard errors, which a likelihood-ratio test ignores",
            remedy="use joint_test",
        )


def _nested(small: CoxFit, large: CoxFit) -> bool:
    """Whether the covariates of one model follow from those of another, and a constant."""
    if not len(small.names):
        return True
    basis = np.column_stack([np.ones(large.n), large.data.x - large.means])
    wanted = small.data.x - small.means
    left = wanted - basis @ np.linalg.lstsq(basis, wanted)[0]
    return bool(np.all(np.abs(left).max(axis=0) <= ROUNDING * np.abs(wanted).max(axis=0)))
