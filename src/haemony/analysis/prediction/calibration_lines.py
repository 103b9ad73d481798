"""The curves that relate observed to predicted risks, by a model of the hazard or of pseudo-values.

Austin PC, Harrell FE, van Klaveren D (2020) Statistics in Medicine 39:2714-2742,
doi:10.1002/sim.8570, for the first.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, Self

import numpy as np
import polars as pl

from haemony.analysis.prediction.smoothing import (
    CloglogFit,
    cloglog,
    fit_cloglog,
    knots_for,
    restricted_cubic,
)
from haemony.analysis.survival.data.arrays import Floats
from haemony.analysis.survival.data.response import Surv
from haemony.analysis.survival.faults import NothingToAnalyse
from haemony.analysis.survival.intervals import normal_quantile
from haemony.analysis.survival.regression.cox import CoxFit, cox

STEEPEST = 30.0
"""The widest range of log hazards that a curve may have: more means no finite estimate."""


class Line(Protocol):
    """A fitted calibration curve."""

    def at_predictions(self) -> Floats:
        """(n,) the observed risk at the predictions that it was fitted to."""

    def along(self, grid: Floats, level: float) -> tuple[Floats, Floats, Floats]:
        """Observed risks (G,) at other predictions, with lower and upper limits."""


@dataclass(frozen=True, eq=False)
class HazardLine:
    """A Cox model on a spline of cloglog(risk)."""

    fit: CoxFit
    knots: Floats
    time: float

    @classmethod
    def of(cls, response: Surv, risk: Floats, knots: int, time: float) -> Self:
        """Fit it to n patients' follow-up and risks.

        Raises:
            NothingToAnalyse: the curve has no finite estimate.
        """
        scale = cloglog(risk)
        places = knots_for(scale, knots)
        fit = cox(response, covariates=restricted_cubic(scale, places))
        if not fit.converged or np.ptp(fit.linear_predictors) > STEEPEST:
            raise NothingToAnalyse(
                "the risks separate those with the event from the others",
                remedy="judge the calibration on more patients",
            )
        return cls(fit, places, time)

    def at_predictions(self) -> Floats:
        """(n,) the observed risk at the predictions."""
        baseline = self.fit.baseline_hazard()
        until = baseline.filter(pl.col("time") <= self.time)["hazard"]
        hazard = float(until[-1]) if until.len() else 0.0
        return np.asarray(-np.expm1(-hazard * np.exp(self.fit.linear_predictors)))

    def along(self, grid: Floats, level: float) -> tuple[Floats, Floats, Floats]:
        """Observed risks (G,) at other predictions, with limits on the log-log scale."""
        basis = restricted_cubic(cloglog(grid), self.knots)
        band = self.fit.predict(basis, [self.time], level=level, conf_type="log-log")
        survival, lower, upper = (
            band[name].cast(pl.Float64).fill_null(np.nan).to_numpy()
            for name in ("survival", "lower", "upper")
        )
        return 1 - survival, 1 - upper, 1 - lower


@dataclass(frozen=True, eq=False)
class PseudoLine:
    """A regression of pseudo-values on a spline of cloglog(risk)."""

    fit: CloglogFit
    knots: Floats
    centre: Floats
    scale: Floats
    start: float
    basis: Floats

    @classmethod
    def of(cls, pseudo: Floats, risk: Floats, knots: int) -> Self:
        """Fit it to n patients' pseudo-values and risks."""
        places = knots_for(cloglog(risk), knots)
        basis = restricted_cubic(cloglog(risk), places)
        centre, scale = basis.mean(axis=0), basis.std(axis=0)
        x = np.column_stack([np.ones(len(basis)), (basis - centre) / scale])
        start = level_of(pseudo)
        fit = fit_cloglog(x, pseudo, np.full(len(pseudo), start))
        return cls(fit, places, centre, scale, start, x)

    def at_predictions(self) -> Floats:
        """(n,) the observed risk at the predictions."""
        return _risk(self.start + self.basis @ self.fit.coefficients)

    def along(self, grid: Floats, level: float) -> tuple[Floats, Floats, Floats]:
        """Observed risks (G,) at other predictions, with limits on the cloglog scale."""
        columns = (restricted_cubic(cloglog(grid), self.knots) - self.centre) / self.scale
        eta, std_err = self.fit.predict(np.column_stack([np.ones(len(grid)), columns]))
        half, eta = normal_quantile(level) * std_err, self.start + eta
        return _risk(eta), _risk(eta - half), _risk(eta + half)


def level_of(pseudo: Floats) -> float:
    """The mean of the pseudo-values on the cloglog scale: a good place to start from."""
    return float(cloglog(np.clip(pseudo.mean(keepdims=True), 0.01, 0.99))[0])


def _risk(eta: Floats) -> Floats:
    return np.asarray(-np.expm1(-np.exp(np.minimum(eta, 5.0))))
