"""Cumulative transition hazards: what transition probabilities are made of."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import polars as pl

from haemony.analysis.multistate.faults import BadHistory
from haemony.analysis.multistate.histories import Histories
from haemony.analysis.multistate.scheme import Scheme
from haemony.analysis.multistate.steps import Steps, generators, unit_steps
from haemony.analysis.survival import printing
from haemony.analysis.survival.data.arrays import Flags, Floats
from haemony.analysis.survival.data.frames import tidy
from haemony.analysis.survival.data.given import number
from haemony.analysis.survival.faults import NothingToAnalyse
from haemony.analysis.survival.intervals import normal_quantile

Variance = Literal["greenwood", "aalen"]
Convention = Literal["product", "exponential"]
ROUNDING = 1e-9
TAYLOR = 12
SMALL = 0.25


@dataclass(frozen=True, eq=False)
class Hazards:
    """Increments of K cumulative transition hazards at T times.

    Increments of different times vary independently, but for the coefficients of a regression,
    which move all of them.

    Attributes:
        scheme: the states and the transitions.
        times: (T,) in the unit of the histories.
        increments: (T, K) of the cumulative hazards.
        covariance: (T, K, K) of the increments at each time.
        gradient: (T, K, p) derivative of each increment by the coefficients; p may be 0.
        coefficient_covariance: (p, p) of the coefficients.
        convention: whether a step moves people by 1 + hazard ("product", as mstate has it and as
            Aalen and Johansen's estimate is defined) or by exp(hazard) ("exponential", as R's
            `survfit` has it after a Cox model; it never leaves [0, 1]).
        until: the last time under observation; later nothing is known.
    """

    scheme: Scheme
    times: Floats
    increments: Floats
    covariance: Floats
    gradient: Floats
    coefficient_covariance: Floats
    convention: Convention
    until: float

    def __post_init__(self) -> None:
        if self.convention not in ("product", "exponential"):
            raise BadHistory(
                f"{self.convention!r} is no way to turn hazards into probabilities",
                remedy="choose 'product' or 'exponential'",
            )

    @property
    def cumulative(self) -> Floats:
        """(T, K) the cumulative hazards."""
        return np.cumsum(self.increments, axis=0)

    @property
    def std_err(self) -> Floats:
        """(T, K) their standard errors."""
        variance = np.diagonal(self.cumulative_covariance(), axis1=1, axis2=2)
        return np.sqrt(np.maximum(variance, 0.0))

    def cumulative_covariance(self) -> Floats:
        """(T, K, K) covariance of the cumulative hazards at each time."""
        moved = np.cumsum(self.gradient, axis=0)
        carried = moved @ self.coefficient_covariance @ moved.transpose(0, 2, 1)
        return np.asarray(np.cumsum(self.covariance, axis=0) + carried)

    def after(self, time: float) -> Hazards:
        """The hazards later than a time."""
        return self._some(self.times > number(time, "time"))

    def possible(self) -> Hazards:
        """The hazards before the first step by which more than everybody would leave a state."""
        if self.convention != "product":
            return self
        moves = unit_steps(self.scheme, self.increments)
        wrong = np.flatnonzero((moves < -ROUNDING).any(axis=(1, 2)))
        if not wrong.size:
            return self
        first = self.times[wrong[0]]
        return replace(self._some(self.times < first), until=float(np.nextafter(first, -np.inf)))

    def _some(self, chosen: Flags) -> Hazards:
        return replace(
            self,
            times=self.times[chosen],
            increments=self.increments[chosen],
            covariance=self.covariance[chosen],
            gradient=self.gradient[chosen],
        )

    def steps(self) -> tuple[Floats, Floats]:
        """(T, S, S) the probabilities of moving at each time, and over half of that step.

        With the convention "product" there is no half step: it is one.
        """
        if self.convention == "product":
            moves = unit_steps(self.scheme, self.increments)
            return moves, np.broadcast_to(np.eye(len(self.scheme.states)), moves.shape)
        half = exponentials(generators(self.scheme, self.increments / 2))
        return np.asarray(half @ half), half

    def table(self, level: float = 0.95) -> pl.DataFrame:
        """One row per transition and time: transition, time, hazard, std_err, lower, upper.

        The limits are symmetric on the logarithmic scale; null before the first event.
        """
        hazard, std_err = self.cumulative, self.std_err
        wide = normal_quantile(level) * np.divide(
            std_err, hazard, out=np.full_like(hazard, np.nan), where=hazard > 0
        )
        return tidy(
            pl.DataFrame(
                {
                    "transition": np.repeat(
                        [str(arrow) for arrow in self.scheme.transitions], len(hazard)
                    ),
                    "time": np.tile(self.times, hazard.shape[1]),
                    "hazard": hazard.T.ravel(),
                    "std_err": std_err.T.ravel(),
                    "lower": (hazard * np.exp(-wide)).T.ravel(),
                    "upper": (hazard * np.exp(wide)).T.ravel(),
                }
            )
        )

    def __str__(self) -> str:
        """The cumulative hazards at the last time."""
        rows = self.table().group_by("transition", maintain_order=True).last()
        return printing.page(
            f"Cumulative hazards, {len(self.times):,} times, watched until {self.until:g}",
            printing.grid(rows),
        )


def hazards(histories: Histories, *, variance: Variance = "greenwood") -> Hazards:
    """The Nelson–Aalen estimate of every transition hazard.

    Andersen PK, Borgan O, Gill RD, Keiding N (1993) Statistical Models Based on Counting Processes,
    sections IV.1 and IV.4. Case weights count as numbers of patients.

    Args:
        histories: the courses.
        variance: of the increments: "greenwood" is that of a multinomial draw among those at risk,
            "aalen" (the default of R's mstate) that of Poisson counts, a little larger.

    Raises:
        NothingToAnalyse: no transition is seen.

    >>> from haemony.analysis.multistate import Scheme, histories_from_rows
    >>> rows = {"id": [1, 2], "from": ["a", "a"], "to": ["b", None], "start": [0, 0],
    ...     "stop": [2, 3]}
    >>> told = histories_from_rows(rows, Scheme.read("", "a -> b"), patient="id", origin="from",
    ...     target="to", start="start", stop="stop")
    >>> hazards(told).table().select("hazard", "std_err").row(0)
    (0.5, 0.3535533905932738)
    """
    if not histories.moved.any():
        raise NothingToAnalyse(
            "no transition is seen", remedy="check the states and the time origin"
        )
    steps = Steps.of(histories)
    seen = steps.n_event.any(axis=1)
    increments, events = steps.hazard[seen], steps.n_event[seen]
    kinds = len(histories.scheme.transitions)
    risk = steps.n_risk[seen][:, histories.scheme.arrows[:, 0]]
    covariance = np.zeros((len(increments), kinds, kinds))
    rate = np.divide(increments, risk, out=np.zeros_like(risk), where=events > 0)
    covariance[:, np.arange(kinds), np.arange(kinds)] = rate
    if variance == "greenwood":
        origin = histories.scheme.arrows[:, 0]
        together = (origin[:, None] == origin)[None] * increments[:, :, None]
        covariance -= together * rate[:, None, :]
    elif variance != "aalen":
        raise BadHistory(
            f"{variance!r} is no variance of hazards", remedy="choose 'greenwood' or 'aalen'"
        )
    return Hazards(
        scheme=histories.scheme,
        times=steps.times[seen],
        increments=increments,
        covariance=covariance,
        gradient=np.zeros((len(increments), kinds, 0)),
        coefficient_covariance=np.zeros((0, 0)),
        convention="product",
        until=float(steps.times[-1]),
    )


def exponentials(matrices: Floats) -> Floats:
    """(T, S, S) matrix exponentials, by Taylor's series of a small part and squaring.

    >>> exponentials(np.array([[[0.0, 1.0], [0.0, 0.0]]])).tolist()
    [[[1.0, 1.0], [0.0, 1.0]]]
    """
    largest = float(np.abs(matrices).sum(axis=2).max(initial=0.0))
    doublings = max(0, int(np.ceil(np.log2(max(largest, SMALL) / SMALL))))
    small = matrices / 2.0**doublings
    total = np.broadcast_to(np.eye(matrices.shape[1]), matrices.shape).copy()
    for order in range(TAYLOR, 0, -1):
        total = np.eye(matrices.shape[1]) + small @ total / order
    for _ in range(doublings):
        total = total @ total
    return total
