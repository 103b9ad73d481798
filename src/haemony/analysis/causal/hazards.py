"""Cumulative hazards of a fitted Cox model at chosen times."""

from __future__ import annotations

from typing import Literal

import numpy as np
import polars as pl
from numpy.typing import ArrayLike

from haemony.analysis.survival.data.arrays import Floats
from haemony.analysis.survival.regression.cox import CoxFit


def cumulative(fit: CoxFit, times: ArrayLike, side: Literal["left", "right"] = "right") -> Floats:
    """(S, m) cumulative hazard of each stratum at given times, for mean covariates.

    Args:
        fit: the model.
        times: (m,) when.
        side: "right" counts events at the time itself, "left" only those before it.
    """
    frame = fit.baseline_hazard("means")
    rows = []
    for label in fit.data.strata.labels:
        mine = frame.filter(pl.col("stratum") == label)
        position = np.searchsorted(mine["time"].to_numpy(), times, side=side)
        rows.append(np.concatenate([[0.0], mine["hazard"].to_numpy()])[position])
    return np.array(rows)
