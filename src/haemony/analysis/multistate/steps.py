"""Counts at every time and the matrices of transition probabilities over one step."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np

from haemony.analysis.multistate.histories import Histories
from haemony.analysis.multistate.scheme import Scheme
from haemony.analysis.survival.data.arrays import Floats, Integers
from haemony.analysis.survival.data.counts import sums_by
from haemony.analysis.survival.data.response import distinct

ROUNDING = 1e-12
"""A chance to stay below this is what rounding leaves of none."""


@dataclass(frozen=True, eq=False)
class Steps:
    """The T distinct times at which somebody moves or leaves, and who was at risk.

    Attributes:
        scheme: S states and K transitions.
        times: (T,) sorted.
        first: (n,) position of the first of these times at which each row is at risk.
        last: (n,) position of the last, its own end.
        weight: (n,) case weights.
        n_risk: (T, S) weighted number in each state just before each time.
        n_event: (T, K) weighted number of each transition.
        n_censored: (T,) weighted number whose observation ends without one.
    """

    scheme: Scheme
    times: Floats
    first: Integers
    last: Integers
    weight: Floats
    n_risk: Floats
    n_event: Floats
    n_censored: Floats

    @classmethod
    def of(cls, histories: Histories) -> Self:
        """Count the rows of histories."""
        every, both = distinct(np.concatenate([histories.start, histories.stop]))
        n = len(histories)
        begin, end = both[:n], both[n:]
        present = np.bincount(end, minlength=len(every)) > 0
        number = np.cumsum(present).astype(np.intp)
        first, last, size = number[begin], number[end] - 1, int(number[-1])
        weight = np.ones(n) if histories.weights is None else histories.weights
        states, kinds = len(histories.scheme.states), len(histories.scheme.transitions)
        n_risk = at_risk(first, last, histories.origin, weight, (size, states))
        if histories.weights is not None:
            anybody = at_risk(first, last, histories.origin, np.ones(n), (size, states))
            n_risk[anybody == 0] = 0.0
        moved = histories.moved
        cell = last[moved] * kinds + histories.transition[moved]
        n_event = sums_by(cell, weight[moved], size * kinds).reshape(size, kinds)
        follows = np.append(histories.patient[1:] == histories.patient[:-1], False)
        follows &= np.append(begin[1:], -1) == end
        gone = ~moved & ~follows
        return cls(
            scheme=histories.scheme,
            times=every[present],
            first=first,
            last=last,
            weight=weight,
            n_risk=n_risk,
            n_event=n_event,
            n_censored=sums_by(last[gone], weight[gone], size),
        )

    @cached_property
    def hazard(self) -> Floats:
        """(T, K) increments of the cumulative transition hazards (Nelson–Aalen)."""
        risk = self.n_risk[:, self.scheme.arrows[:, 0]]
        return np.divide(self.n_event, risk, out=np.zeros_like(risk), where=self.n_event > 0)

    @cached_property
    def matrices(self) -> Floats:
        """(T, S, S) probabilities of moving from state to state at each time."""
        return unit_steps(self.scheme, self.hazard)


def unit_steps(scheme: Scheme, hazard: Floats) -> Floats:
    """(T, S, S) one plus the hazards (T, K) as matrices, rows adding to one.

    >>> unit_steps(Scheme.read("", "alive -> dead"), np.array([[0.25]])).tolist()
    [[[0.75, 0.25], [0.0, 1.0]]]
    """
    matrices = np.eye(len(scheme.states)) + generators(scheme, hazard)
    stay = np.einsum("tss->ts", matrices)
    stay[np.abs(stay) < ROUNDING] = 0.0
    return matrices


def generators(scheme: Scheme, hazard: Floats) -> Floats:
    """(T, S, S) hazards (T, K) as matrices, rows adding to zero."""
    size = len(scheme.states)
    matrices = np.zeros((len(hazard), size, size))
    origin, target = scheme.arrows.T
    matrices[:, origin, target] = hazard
    diagonal = np.arange(size)
    matrices[:, diagonal, diagonal] = -matrices.sum(axis=2)
    return matrices


def at_risk(
    first: Integers, last: Integers, column: Integers, weight: Floats, shape: tuple[int, int]
) -> Floats:
    """Sums (T, S) of weights (n,) over the rows at risk at each time, by column."""
    size, columns = shape
    come = sums_by(first * columns + column, weight, (size + 1) * columns)
    leave = sums_by((last + 1) * columns + column, weight, (size + 1) * columns)
    return np.cumsum((come - leave).reshape(size + 1, columns), axis=0)[:size]


def spread(start: Floats, matrices: Floats) -> Floats:
    """(T + 1, S) state probabilities before the first and after each step, from a start (S,)."""
    probability = np.empty((len(matrices) + 1, len(start)))
    probability[:] = start
    identity = np.eye(len(start))
    moves = np.flatnonzero((matrices != identity).any(axis=(1, 2)))
    now = np.asarray(start, dtype=np.float64)
    bounds = np.append(moves + 1, len(matrices) + 1)
    for step, begin, end in zip(moves, bounds[:-1], bounds[1:], strict=True):
        now = now @ matrices[step]
        probability[begin:end] = now
    return probability


def integrals(times: Floats, matrices: Floats, since: float, horizon: float) -> Floats:
    """(T + 1, S, S) mean time in each state up to a horizon, from each state and time.

    The first is from `since` on, the others from just after each of the times (T,); rows are the
    states at that time. Backwards, since the time ahead is the time to the next step and then what
    that step leads to.
    """
    ends = np.minimum(np.append(times, horizon), horizon)
    length = np.diff(np.concatenate([[min(since, horizon)], ends]))
    ahead = np.zeros((len(times) + 1, *matrices.shape[1:]))
    identity = np.eye(matrices.shape[1])
    ahead[-1] = max(length[-1], 0.0) * identity
    inside = int(np.searchsorted(times, horizon, side="left"))
    for k in range(len(times) - 1, -1, -1):
        if k < inside:
            ahead[k] = length[k] * identity + matrices[k] @ ahead[k + 1]
        else:
            ahead[k] = max(length[k], 0.0) * identity
    return ahead
