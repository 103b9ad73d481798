"""How far apart two weighted survival curves are at a time, where patients may be in both.

The standard error is the infinitesimal jackknife over patients: clones, or rows of one patient in
both groups, are recognised by their cluster. Weights are taken as known.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from haemony.analysis.causal.times import within
from haemony.analysis.survival.curves.influence import Stays, leaving
from haemony.analysis.survival.curves.kaplan_meier import ROUNDING
from haemony.analysis.survival.data.arrays import Floats
from haemony.analysis.survival.data.counts import count, sums_by
from haemony.analysis.survival.data.frames import Tabular
from haemony.analysis.survival.data.response import Grid
from haemony.analysis.survival.data.sample import Sample, sample
from haemony.analysis.survival.faults import BadCovariate
from haemony.analysis.survival.intervals import normal_quantile


def survival_difference(
    formula: str, table: Tabular, *, time: float, weights: str, level: float = 0.95
) -> pl.DataFrame:
    """Survival of the second group less that of the first, at one time.

    Columns: group, reference, time, difference, std_err, lower, upper.

    Args:
        formula: such as "Surv(start, stop, died) ~ strategy + cluster(patient)".
        table: the columns that it names.
        time: when.
        weights: the column of weights.
        level: coverage of the limits.

    Raises:
        BeyondFollowUp: a group is not followed until then.
        BadCovariate: the time is missing, negative or no number, or there are not two groups.

    >>> table = pl.DataFrame({"days": [9, 13, 13, 18, 23, 30], "died": [1, 1, 0, 1, 1, 0],
    ...     "arm": [0, 1, 0, 1, 0, 1], "w": [1.0, 2.0, 1.0, 1.0, 1.0, 1.0]})
    >>> found = survival_difference("Surv(days, died) ~ arm", table, time=15, weights="w")
    >>> found.select(pl.col("difference", "std_err").round(4)).row(0)
    (-0.1667, 0.4097)
    """
    data = sample(formula, table, weights=weights).folded()
    labels = data.groups.labels
    if len(labels) != 2:
        raise BadCovariate(
            "groups", reason=f"are {len(labels)}, not two", remedy="compare two groups at a time"
        )
    grid = Grid.of(data.response)
    wanted = within(time, _followed(data, grid), "time")
    if len(wanted) != 1:
        raise BadCovariate("time", reason=f"is {len(wanted)} times", remedy="ask for one at a time")
    time = float(wanted[0])
    ids = np.arange(len(data.response)) if data.cluster is None else data.cluster
    values, moved = [], np.zeros(int(ids.max()) + 1)
    for code, side in enumerate((-1, 1)):
        value, parts = _moved(data, grid, code, time)
        values.append(value)
        moved += side * sums_by(ids[data.rows(code)], parts, len(moved))
    std_err, gap = float(np.sqrt(moved @ moved)), values[1] - values[0]
    half = normal_quantile(level) * std_err
    row = {
        "group": labels[1],
        "reference": labels[0],
        "time": time,
        "difference": gap,
        "std_err": std_err,
        "lower": gap - half,
        "upper": gap + half,
    }
    return pl.DataFrame([row])


def _followed(data: Sample, grid: Grid) -> dict[str, float]:
    """Until when each group is followed; without end where nobody is left event-free."""
    ends = {}
    for code, label in enumerate(data.groups.labels):
        counts = count(data.response, grid, data.rows(code), data.weights)
        died = counts.n_event.sum(axis=1)
        left = np.prod((counts.n_risk - died) / counts.n_risk)
        ends[label] = float(counts.times[-1]) if left > ROUNDING else np.inf
    return ends


def _moved(data: Sample, grid: Grid, code: int, time: float) -> tuple[float, Floats]:
    """Survival of a group at a time, and its change with each row of the group (m,)."""
    rows = data.rows(code)
    counts = count(data.response, grid, rows, data.weights)
    died = counts.n_event.sum(axis=1)
    survival = np.cumprod((counts.n_risk - died) / counts.n_risk)
    reached = int(np.searchsorted(counts.times, time, side="right"))
    value = float(np.append(1.0, survival)[reached])
    stays = Stays.of(data.response, grid, rows, data.weights, None)
    heights, drift = leaving(stays, counts, died, np.searchsorted(grid.times, counts.times))
    soon = grid.times <= time
    steps = np.where(soon, np.diff(drift, prepend=0.0), 0.0)
    total = stays.total(stays.jumps(np.where(soon, heights, 0.0)), np.cumsum(steps))
    return value, -value * total
