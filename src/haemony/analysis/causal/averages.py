"""Average survival of a cohort under several settings, and how far the settings are apart."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from scipy.stats import norm

from haemony.analysis.causal.leftout import left_out
from haemony.analysis.survival import printing
from haemony.analysis.survival.data.arrays import Floats
from haemony.analysis.survival.data.complete import Missing
from haemony.analysis.survival.data.frames import tidy
from haemony.analysis.survival.faults import BadCovariate
from haemony.analysis.survival.intervals import ConfType, confidence_limits, normal_quantile

ROUNDING = 1e-14
"""The variance of a difference, as a share of those of its sides, below which it is none."""


@dataclass(frozen=True, eq=False)
class Averages:
    """Average survival under each of L settings at m times.

    Attributes:
        settings: (L,) their names; of a treatment, the untreated first.
        times: (m,) when.
        survival: (L, m) average survival.
        covariance: (m, L, L) of the averages at each time; NaN where there is no finite estimate.
        influence: (L, m, n) change of the average with each patient, those fitted before those of
            another cohort; NaN with the covariance; None where the cohort is taken as fixed.
        n: patients averaged over.
        method: how it was obtained.
        missing: rows left out of the model as incomplete.
        cohort_missing: rows left out of another cohort as incomplete.
        conf_type: the scale on which limits of survival are symmetric.
        notes: what a reader must know.
    """

    settings: tuple[str, ...]
    times: Floats
    survival: Floats
    covariance: Floats
    influence: Floats | None
    n: int
    method: str
    missing: Missing
    cohort_missing: Missing
    conf_type: ConfType
    notes: tuple[str, ...]

    @property
    def std_err(self) -> Floats:
        """(L, m) standard errors of the averages."""
        return np.sqrt(np.diagonal(self.covariance, axis1=1, axis2=2).T)

    def table(self, level: float = 0.95) -> pl.DataFrame:
        """One row per setting and time: setting, time, survival, std_err, lower, upper."""
        survival, std_err = self.survival.ravel(), self.std_err.ravel()
        with np.errstate(divide="ignore", invalid="ignore"):
            log_se = std_err / survival
        limits = confidence_limits(survival, log_se, self.conf_type, level)
        lower, upper = (np.where(np.isnan(std_err), np.nan, limit) for limit in limits)
        return tidy(
            pl.DataFrame(
                {
                    "setting": np.repeat(self.settings, len(self.times)),
                    "time": np.tile(self.times, len(self.settings)),
                    "survival": survival,
                    "std_err": std_err,
                    "lower": lower,
                    "upper": upper,
                }
            )
        )

    def difference(self, level: float = 0.95) -> pl.DataFrame:
        """Each later setting less the first, at each time.

        Columns: setting, reference, time, difference, std_err, lower, upper, p.

        Raises:
            BadCovariate: there is one setting only.
        """
        if len(self.settings) < 2:
            raise BadCovariate(
                "settings", reason="are only one", remedy="give two settings to compare"
            )
        half = normal_quantile(level)
        parts = []
        for k in range(1, len(self.settings)):
            gap, std_err = self.survival[k] - self.survival[0], self._error_of_gap(k)
            z = np.divide(gap, std_err, out=np.full_like(gap, np.nan), where=std_err > 0)
            parts.append(
                pl.DataFrame(
                    {
                        "setting": [self.settings[k]] * len(gap),
                        "reference": [self.settings[0]] * len(gap),
                        "time": self.times,
                        "difference": gap,
                        "std_err": std_err,
                        "lower": gap - half * std_err,
                        "upper": gap + half * std_err,
                        "p": 2 * norm.sf(np.abs(z)),
                    }
                )
            )
        return tidy(pl.concat(parts))

    def _error_of_gap(self, k: int) -> Floats:
        own = self.covariance[:, k, k] + self.covariance[:, 0, 0]
        variance = own - 2 * self.covariance[:, k, 0]
        return np.sqrt(np.where(variance <= ROUNDING * own, 0.0, variance))

    def __str__(self) -> str:
        """Averages, differences, and who is left out."""
        gone = left_out(self.missing)
        elsewhere = left_out(self.cohort_missing)
        several = len(self.settings) > 1
        return printing.page(
            (
                self.method,
                *([gone] if gone else []),
                *([f"of the other cohort {elsewhere}"] if elsewhere else []),
            ),
            printing.grid(self.table()),
            printing.grid(self.difference(), p_values=("p",)) if several else "",
            notes=self.notes,
        )


def covariance_of(influence: Floats) -> Floats:
    """The covariance (m, L, L) of averages that patients move by (L, m, n).

    >>> covariance_of(np.array([[[0.1, -0.1]], [[0.2, -0.2]]])).round(2).tolist()
    [[[0.02, 0.04], [0.04, 0.08]]]
    """
    moved = influence.transpose(1, 0, 2)
    return np.asarray(moved @ moved.transpose(0, 2, 1))
