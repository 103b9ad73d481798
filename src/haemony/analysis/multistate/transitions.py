"""Where somebody in a given state at a given time will be later: transition probabilities.

Andersen PK, Borgan O, Gill RD, Keiding N (1993) Statistical Models Based on Counting Processes,
sections IV.4 and VII.2.3. de Wreede LC, Fiocco M, Putter H (2010) The mstate package for estimation
and prediction in non- and semi-parametric multi-state and competing risks models. Computer Methods
and Programs in Biomedicine 99:261-274. doi:10.1016/j.cmpb.2010.01.001
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl
from numpy.typing import ArrayLike

from haemony.analysis.multistate.hazards import Hazards
from haemony.analysis.multistate.occupation import ROUNDING, later
from haemony.analysis.multistate.steps import integrals
from haemony.analysis.survival import printing
from haemony.analysis.survival.data.arrays import Floats, Integers
from haemony.analysis.survival.data.given import number, times_asked
from haemony.analysis.survival.faults import BeyondFollowUp
from haemony.analysis.survival.intervals import ConfType, confidence_limits, normal_quantile


@dataclass(frozen=True, eq=False)
class TransitionProbabilities:
    """P(s, t): the probability of each of S states at T later times, by the state at time s.

    Attributes:
        hazards: the transition hazards after s.
        since: the time s.
        probability: (T + 1, S, S) at s and after each time; rows are the states at s.
        conf_type: the scale of the confidence limits.
        level: their coverage.
        notes: what a reader must know.
    """

    hazards: Hazards
    since: float
    probability: Floats
    conf_type: ConfType
    level: float
    _moves: Floats
    _half: Floats
    notes: tuple[str, ...] = ()

    @property
    def states(self) -> tuple[str, ...]:
        """The states, in the order of the scheme."""
        return self.hazards.scheme.states

    @property
    def times(self) -> Floats:
        """(T + 1,) s and the later times at which somebody moves."""
        return np.append(self.since, self.hazards.times)

    @cached_property
    def variance(self) -> Floats:
        """(T + 1, S, S, S) covariance of the probabilities of two states, by state at s.

        With the increments' Greenwood variance this is mstate's Greenwood-type covariance, with
        Aalen's its Aalen-type one.
        """
        told = self.hazards
        size, p = len(self.states), told.gradient.shape[2]
        pushes = self._pushes
        fresh = np.einsum("tgki,tkl,tglj->tgij", pushes, told.covariance, pushes, optimize=True)
        tilt = np.einsum("tgki,tkq->tgqi", pushes, told.gradient, optimize=True)
        found = np.zeros((len(self.times), size, size, size))
        own, moved = np.zeros((size, size, size)), np.zeros((size, p, size))
        for k, move in enumerate(self._moves):
            own = move.T @ own @ move + fresh[k]
            moved = moved @ move + tilt[k]
            found[k + 1] = own
            if p:
                found[k + 1] += moved.transpose(0, 2, 1) @ told.coefficient_covariance @ moved
        return found

    @property
    def std_err(self) -> Floats:
        """(T + 1, S, S) standard errors of the probabilities."""
        return np.sqrt(np.maximum(np.diagonal(self.variance, axis1=2, axis2=3), 0.0))

    def covariance(self, time: float) -> Floats:
        """(S, S, S, S) covariance of all probabilities at a time.

        The element [g, h, k, l] belongs to going from g to h and from k to l.

        Raises:
            BadHistory: the time does not lie after s.
            BeyondFollowUp: it lies after the last follow-up.
        """
        time = later(time, self.since)
        if time > self.hazards.until:
            raise BeyondFollowUp(time, group="the hazards", last=self.hazards.until)
        last = int(np.searchsorted(self.hazards.times, time, side="right"))
        return self._covariance(_onward(self._moves[:last], len(self._moves)))

    def at(self, times: ArrayLike, state: str | None = None) -> pl.DataFrame:
        """Probabilities at given times: from, time, state, probability, std_err, lower, upper.

        Args:
            times: when; before s and after the last follow-up it is null, unless nobody can move.
            state: the state at s; all states when it is left out.
        """
        wanted = times_asked(times)
        position = np.searchsorted(self.times, wanted, side="right") - 1
        return self._frame(position, wanted, state)

    def table(self, state: str | None = None) -> pl.DataFrame:
        """All of them as one tidy frame, one row per state at s, time and state."""
        return self._frame(np.arange(len(self.times)), self.times, state)

    def stay(self, horizon: float) -> pl.DataFrame:
        """Mean time in each state from s to a horizon: from, state, mean, std_err, lower, upper.

        Raises:
            BadHistory: the horizon is no time after s.
            BeyondFollowUp: it lies after the last follow-up and somebody can still move.
        """
        last, horizon = self.hazards.until, later(horizon, self.since)
        moving = [self.states.index(state) for state in self.hazards.scheme.transient]
        if horizon > last and (self.probability[-1][:, moving] > ROUNDING).any():
            raise BeyondFollowUp(horizon, group="the hazards", last=last)
        ahead = integrals(self.hazards.times, self._moves, self.since, horizon)
        spread = self._covariance(ahead[1:])
        size = len(self.states)
        variance = np.einsum("ghgh->gh", spread)
        mean, std_err = ahead[0].ravel(), np.sqrt(np.maximum(variance, 0.0)).ravel()
        half = normal_quantile(self.level) * std_err
        return pl.DataFrame(
            {
                "from": np.repeat(self.states, size),
                "state": np.tile(self.states, size),
                "mean": mean,
                "std_err": std_err,
                "lower": np.maximum(mean - half, 0.0),
                "upper": np.minimum(mean + half, horizon - self.since),
            }
        )

    @cached_property
    def _pushes(self) -> Floats:
        """(T, S, K, S) what one more unit of each hazard at each time does to each probability."""
        origin, target = self.hazards.scheme.arrows.T
        before = self.probability[:-1] @ self._half
        shift = np.eye(len(self.states))[target] - np.eye(len(self.states))[origin]
        return np.asarray(before[:, :, origin, None] * (shift @ self._half)[:, None])

    def _covariance(self, carried: Floats) -> Floats:
        """Covariance (S, S, S, S) of what later steps carry linearly (T, S, S)."""
        told, size = self.hazards, len(self.states)
        if not len(carried):
            return np.zeros((size,) * 4)
        reached = self._pushes @ carried[:, None]
        flat = reached.transpose(0, 2, 1, 3).reshape(len(carried), -1, size * size)
        fresh = (flat.transpose(0, 2, 1) @ told.covariance @ flat).sum(axis=0)
        tilt = np.einsum("tkx,tkq->qx", flat, told.gradient)
        total = fresh + tilt.T @ told.coefficient_covariance @ tilt
        return np.asarray(total.reshape((size,) * 4))

    def _frame(self, position: Integers, times: Floats, state: str | None) -> pl.DataFrame:
        size = len(self.states)
        chosen = range(size) if state is None else [self.hazards.scheme.state(state)]
        told = self.hazards
        moving = [told.scheme.state(transient) for transient in told.scheme.transient]
        position = np.maximum(position, 0)
        frames = []
        for origin in chosen:
            value = self.probability[position, origin]
            known = (times >= self.since) & (times <= max(told.until, self.since))
            known |= (times > told.until) & (value[:, moving].sum(axis=1) <= ROUNDING)
            std_err = self.std_err[position, origin]
            relative = np.divide(std_err, value, out=np.zeros_like(value), where=value > 0)
            lower, upper = confidence_limits(value, relative, self.conf_type, self.level)
            numbers = {"probability": value, "std_err": std_err, "lower": lower, "upper": upper}
            frames.append(
                pl.DataFrame(
                    {
                        "from": [self.states[origin]] * (len(times) * size),
                        "time": np.repeat(times, size),
                        "state": list(self.states) * len(times),
                        **{
                            name: np.where(known[:, None], array, np.nan).ravel()
                            for name, array in numbers.items()
                        },
                    }
                )
            )
        columns = ["probability", "std_err", "lower", "upper"]
        return pl.concat(frames).with_columns(pl.col(columns).fill_nan(None))

    def __str__(self) -> str:
        middle = np.unique(np.linspace(0, len(self.times) - 1, 5).astype(int))
        shown = printing.grid(self._frame(middle, self.times[middle], self.states[0]))
        return printing.page(shown, notes=self.notes)


def transition_probabilities(
    hazards: Hazards,
    *,
    since: float = 0.0,
    conf_type: ConfType = "log",
    level: float = 0.95,
) -> TransitionProbabilities:
    """The probabilities P(s, t) that transition hazards imply, if the process is Markov.

    Args:
        hazards: of `hazards` for a whole group, or of a fitted model for one patient.
        since: the time s at which the state is known.
        conf_type: the scale of the confidence limits.
        level: their coverage.

    Raises:
        BeyondFollowUp: nobody is under observation after s.

    >>> from haemony.analysis.multistate import Scheme, hazards, histories_from_rows
    >>> rows = {"id": [1, 2], "from": ["a", "a"], "to": ["b", None], "start": [0, 0],
    ...     "stop": [2, 3]}
    >>> told = histories_from_rows(rows, Scheme.read("", "a -> b"), patient="id", origin="from",
    ...     target="to", start="start", stop="stop")
    >>> transition_probabilities(hazards(told)).probability[-1].tolist()
    [[0.5, 0.5], [0.0, 1.0]]
    """
    if number(since, "since") > hazards.until:
        raise BeyondFollowUp(since, group="the hazards", last=hazards.until)
    later_on = hazards.after(since)
    ahead = later_on.possible()
    moves, half = ahead.steps()
    probability = np.empty((len(moves) + 1, *moves.shape[1:]))
    probability[0] = np.eye(moves.shape[1])
    for k, move in enumerate(moves):
        probability[k + 1] = probability[k] @ move
    notes: tuple[str, ...] = ()
    if ahead is not later_on:
        notes = (
            f"after {ahead.until:g} a step of 'product' would move more than everybody, so nothing "
            "is told; convention='exponential' goes on",
        )
    return TransitionProbabilities(ahead, since, probability, conf_type, level, moves, half, notes)


def _onward(moves: Floats, length: int) -> Floats:
    """(length, S, S) the product of the steps after each of `moves`; zero beyond them."""
    onward = np.zeros((length, *moves.shape[1:]))
    now = np.eye(moves.shape[1])
    for k in range(len(moves) - 1, -1, -1):
        onward[k] = now
        now = moves[k] @ now
    return onward
