"""The likelihood of covariates around their means and in units of their spread."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self, TypeAlias

import numpy as np

from haemony.analysis.survival.data.arrays import Floats
from haemony.analysis.survival.data.columns import Covariates
from haemony.analysis.survival.regression.cox_data import CoxData, Treatment
from haemony.analysis.survival.regression.exact_ties import ExactLikelihood, ExactPoint
from haemony.analysis.survival.regression.firth import FirthLikelihood, FirthPoint
from haemony.analysis.survival.regression.partial_likelihood import Moments, PartialLikelihood, Ties
from haemony.analysis.survival.regression.risk_sets import RiskSets

Peak: TypeAlias = Moments | ExactPoint | FirthPoint


@dataclass(frozen=True, eq=False)
class Scaled:
    """The likelihood of covariates with mean zero and variance one, for safe arithmetic.

    Attributes:
        partial: the partial likelihood, Breslow's where ties are exact.
        climbed: what is maximised.
        scale: (p,) coefficients are divided by this to be those of the covariates given.
        span: (p,) largest less smallest value of each scaled covariate.
        ridge: (p,) weights of a ridge for the scaled coefficients.
    """

    partial: PartialLikelihood
    climbed: PartialLikelihood | ExactLikelihood | FirthLikelihood
    scale: Floats
    span: Floats
    ridge: Floats

    @classmethod
    def of(
        cls, data: CoxData, ties: Treatment, sets: RiskSets, spread: Floats | None = None
    ) -> Self:
        """Scale the covariates of a data set by their spread, a constant one by 1."""
        width = data.columns.spread if spread is None else spread
        scale = np.where(width > 0, width, 1.0)
        partial = around_means(data, sets, ties, scale)
        climbed: PartialLikelihood | ExactLikelihood | FirthLikelihood = partial
        if ties == "exact":
            climbed = ExactLikelihood(partial)
        elif data.bias == "reduced":
            climbed = FirthLikelihood(partial, float(np.log(scale).sum()))
        return cls(
            partial=partial,
            climbed=climbed,
            scale=scale,
            span=data.columns.span / scale,
            ridge=np.zeros(len(scale)) if data.ridge is None else data.ridge / scale**2,
        )


def around_means(
    data: CoxData, sets: RiskSets, ties: Treatment, scale: Floats
) -> PartialLikelihood:
    """The partial likelihood of covariates less their means, divided by a scale (p,).

    It is Breslow's where ties are exact.
    """
    seen = Covariates(data.x, data.means, scale)
    plain: Ties = "breslow" if ties == "exact" else ties
    return PartialLikelihood(sets, seen, data.weights, data.offset, plain)
