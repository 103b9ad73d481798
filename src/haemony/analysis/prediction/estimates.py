"""A measure of several models at several horizons, with what can be said about differences."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np
import polars as pl
from scipy.stats import norm

from haemony.analysis.survival.data.arrays import Floats
from haemony.analysis.survival.intervals import normal_quantile


@dataclass(frozen=True, eq=False)
class Estimates:
    """A measure of M models at T horizons.

    Attributes:
        models: (M,) their names.
        times: (T,) horizons.
        value: (T, M) the measure; NaN where it is not defined.
        covariance: (T, M, M) of the models' values at one horizon.
        lowest: the least value that the measure can take, to which limits are cut.
        highest: the greatest.
    """

    models: tuple[str, ...]
    times: Floats
    value: Floats
    covariance: Floats
    lowest: float = 0.0
    highest: float = 1.0

    @property
    def std_err(self) -> Floats:
        """(T, M) standard errors."""
        return np.sqrt(np.diagonal(self.covariance, axis1=1, axis2=2))

    def table(self, name: str, level: float) -> pl.DataFrame:
        """One row per horizon and model: time, model, the measure, std_err, lower, upper."""
        half = normal_quantile(level) * self.std_err
        return _known(
            {
                "time": np.repeat(self.times, len(self.models)),
                "model": list(self.models) * len(self.times),
                name: self.value.ravel(),
                "std_err": self.std_err.ravel(),
                "lower": np.maximum(self.value - half, self.lowest).ravel(),
                "upper": np.minimum(self.value + half, self.highest).ravel(),
            }
        )

    def differences(self, level: float) -> pl.DataFrame:
        """Each model less each earlier one: time, model, reference, difference … p."""
        pairs = list(combinations(range(len(self.models)), 2))
        reference, model = np.array(pairs, dtype=np.intp).reshape(-1, 2).T
        difference = self.value[:, model] - self.value[:, reference]
        variance = self.covariance
        spread = (
            variance[:, model, model]
            + variance[:, reference, reference]
            - 2 * variance[:, model, reference]
        )
        std_err = np.sqrt(np.maximum(spread, 0.0))
        half = normal_quantile(level) * std_err
        z = np.divide(difference, std_err, out=np.full(std_err.shape, np.nan), where=std_err > 0)
        return _known(
            {
                "time": np.repeat(self.times, len(pairs)),
                "model": [self.models[i] for i in model] * len(self.times),
                "reference": [self.models[i] for i in reference] * len(self.times),
                "difference": difference.ravel(),
                "std_err": std_err.ravel(),
                "lower": (difference - half).ravel(),
                "upper": (difference + half).ravel(),
                "p": (2 * norm.sf(np.abs(z))).ravel(),
            }
        )


def covariance_of_mean(influence: Floats) -> Floats:
    """(M, M) covariance of M means from the influence (n, M) of each patient.

    >>> covariance_of_mean(np.array([[1.0], [3.0]])).item()
    1.0
    """
    n = len(influence)
    centred = influence - influence.mean(axis=0)
    return np.asarray(centred.T @ centred / (max(n - 1, 1) * n))


def _known(columns: dict[str, object]) -> pl.DataFrame:
    """A frame with null where a number is not known."""
    names = {name: pl.String() for name in columns if name in {"model", "reference"}}
    return pl.DataFrame(columns, schema_overrides=names).with_columns(
        pl.col(pl.Float64).fill_nan(None)
    )
