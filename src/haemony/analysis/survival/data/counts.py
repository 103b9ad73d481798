"""How many are at risk, have the event or are censored at each time: the basis of every curve."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from haemony.analysis.survival.data.arrays import Floats, Integers
from haemony.analysis.survival.data.response import Grid, Surv


@dataclass(frozen=True, eq=False)
class Counts:
    """Weighted counts of one group at its distinct event and censoring times.

    Attributes:
        times: (T,) sorted.
        n_risk: (T,) under observation just before each time.
        n_event: (T, J) events of each kind.
        n_censored: (T,) leaving without an event.
    """

    times: Floats
    n_risk: Floats
    n_event: Floats
    n_censored: Floats


def suffix_sums(values: Floats) -> Floats:
    """Sums of each element and all that follow it, along the first axis.

    >>> suffix_sums(np.array([1.0, 2.0, 3.0]))
    array([6., 5., 3.])
    """
    return np.cumsum(values[::-1], axis=0)[::-1]


def sums_by(position: Integers, weight: Floats | None, size: int) -> Floats:
    """Sums (size,) of the weights (n,) by position (n,); numbers of rows without weights."""
    return np.bincount(position, weight, size).astype(np.float64, copy=False)


def stable_order(codes: Integers) -> Integers:
    """The positions (n,) that sort whole numbers from 0 on; equals keep their order.

    Sixteen bits at a time, for which NumPy counts instead of comparing.

    >>> stable_order(np.array([2, 0, 2, 1]))
    array([1, 3, 0, 2])
    """
    order = np.argsort(codes.astype(np.uint16), kind="stable")
    for shift in range(16, int(codes.max(initial=0)).bit_length(), 16):
        digit = (codes[order] >> shift).astype(np.uint16)
        order = order[np.argsort(digit, kind="stable")]
    return order


def count(response: Surv, grid: Grid, rows: Integers | slice, weights: Floats | None) -> Counts:
    """Count one group's follow-up.

    Args:
        response: all follow-ups.
        grid: where their times lie.
        rows: the positions of the group.
        weights: (n,) case weights of all rows, or None for one each.
    """
    size = len(grid.times)
    weight = None if weights is None else weights[rows]
    stop, event = grid.stop[rows], response.event[rows]
    leaving = sums_by(stop, weight, size)
    at_risk = suffix_sums(leaving)
    if grid.start is not None:
        at_risk = at_risk - suffix_sums(sums_by(grid.start[rows], weight, size))
    seen = np.flatnonzero(np.bincount(stop, minlength=size))
    n_event = np.empty((len(seen), len(response.states)))
    for kind in range(len(response.states)):
        mine = event == kind + 1
        n_event[:, kind] = sums_by(stop[mine], None if weight is None else weight[mine], size)[seen]
    return Counts(
        times=grid.times[seen],
        n_risk=at_risk[seen],
        n_event=n_event,
        n_censored=leaving[seen] - n_event.sum(axis=1),
    )
