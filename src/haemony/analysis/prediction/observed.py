"""What was observed by a horizon, as a probability: by Kaplan–Meier, or by Aalen and Johansen.

Pseudo-values stand in for outcomes that censoring hides: how the estimate of everybody changes when
one patient is left out. They are exact and cost as much as the estimate itself.

Andersen PK, Klein JP, Rosthøj S (2003) Generalised linear models for correlated
pseudo-observations, with applications to multi-state models. Biometrika 90:15-27,
doi:10.1093/biomet/90.1.15.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from haemony.analysis.prediction.predictions import Predictions
from haemony.analysis.survival.curves.aalen_johansen import aalen_johansen
from haemony.analysis.survival.data.arrays import Floats, Integers
from haemony.analysis.survival.data.counts import suffix_sums, sums_by
from haemony.analysis.survival.data.given import number
from haemony.analysis.survival.data.response import Grid
from haemony.analysis.survival.intervals import ConfType


def observed_risks(
    found: Predictions,
    time: float,
    *,
    groups: Integers | None = None,
    conf_type: ConfType = "log",
    level: float = 0.95,
) -> pl.DataFrame:
    """The risk of the event by a time: group, time, state, incidence, std_err, lower, upper.

    Null in a group whose follow-up ends earlier.
    """
    fit = aalen_johansen(found.response, groups=groups, conf_type=conf_type, level=level)
    return fit.at([time]).filter(pl.col("state") == found.state())


def marginal_risks(found: Predictions) -> Floats:
    """(T,) the risk of the event by each horizon, for everybody alike."""
    fit = aalen_johansen(found.response).at(found.times)
    return fit.filter(pl.col("state") == found.state())["incidence"].to_numpy()


def pseudo_values(found: Predictions, time: float) -> Floats:
    """(n,) jackknife pseudo-values of the risk of the event by a time; their mean is near the risk.

    Leaving out a patient lowers the number at risk by one until the patient's own end, takes away
    what happened then, and changes nothing later: the estimate is put together from a part before,
    a step, and a part after.
    """
    time = number(time, "time")
    grid = Grid.of(found.response)
    size = len(grid.times)
    counted = grid.times <= time
    event = sums_by(grid.stop, found.had_event.astype(np.float64), size) * counted
    any_event = sums_by(grid.stop, found.response.died.astype(np.float64), size) * counted
    at_risk = suffix_sums(sums_by(grid.stop, None, size))
    whole, survival = _incidence(event, any_event, at_risk)
    before, left = _incidence(event, any_event, at_risk - 1)
    after = np.divide(whole[-1] - whole, survival, out=np.zeros(size), where=survival > 0)
    own = grid.stop
    own_event = event[own] - (found.had_event & counted[own])
    own_any = any_event[own] - (found.response.died & counted[own])
    others = np.maximum(at_risk[own] - 1, 1)
    start, alive = np.concatenate([[0.0], before])[own], np.concatenate([[1.0], left])[own]
    without = start + alive * (own_event / others + (1 - own_any / others) * after[own])
    n = len(found)
    return np.asarray(n * whole[-1] - (n - 1) * without)


def _incidence(event: Floats, any_event: Floats, at_risk: Floats) -> tuple[Floats, Floats]:
    """Incidence (K,) and survival (K,) after each time."""
    n = np.maximum(at_risk, 1)
    survival = np.asarray(np.cumprod(np.maximum(1 - any_event / n, 0.0)), dtype=np.float64)
    entering = np.concatenate([[1.0], survival[:-1]])
    return np.cumsum(entering * event / n), survival
