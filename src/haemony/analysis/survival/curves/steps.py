"""Curves as they are read: by group, at given times, as one tidy frame.

A curve is a step function: it holds each value until the next of its times. Before the first it has
its initial value, and after the last it is known only where nobody is left; what is not known is
null.
"""

from __future__ import annotations

import difflib
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Generic, Protocol, TypeVar

import numpy as np
import polars as pl
from numpy.typing import ArrayLike

from haemony.analysis.survival import printing
from haemony.analysis.survival.data.arrays import Floats
from haemony.analysis.survival.data.complete import Missing
from haemony.analysis.survival.data.frames import tidy
from haemony.analysis.survival.data.given import times_asked
from haemony.analysis.survival.faults import UnknownColumn
from haemony.analysis.survival.intervals import ConfType


@dataclass(frozen=True, eq=False)
class StepCurve:
    """What happened in one group at its T distinct event and censoring times.

    Attributes:
        group: its name, such as "NPM1=positive"; "all" without groups.
        n: the number of rows.
        times: (T,) in the unit of the response.
        n_risk: (T,) weighted number under observation just before each time.
        n_event: (T,) weighted number of events.
        n_censored: (T,) weighted number censored.
    """

    INITIAL: ClassVar[Mapping[str, float]]
    """The names of the estimates, in order, and their values before the first time."""

    group: str
    n: int
    times: Floats
    n_risk: Floats
    n_event: Floats
    n_censored: Floats

    @property
    def events(self) -> float:
        """The weighted number of events."""
        return float(self.n_event.sum())

    @property
    def settled(self) -> bool:
        """Whether nobody is left after the last time, so that nothing can change any more."""
        return False

    def at(self, times: ArrayLike) -> pl.DataFrame:
        """The estimates at given times, one row per time."""
        times = times_asked(times)
        following = np.searchsorted(self.times, times, side="left")
        counted = {
            "group": [self.group] * len(times),
            "time": times,
            "n_risk": np.append(self.n_risk, 0.0)[following],
        }
        return tidy(pl.DataFrame(counted | self.held(times)))

    def table(self) -> pl.DataFrame:
        """The whole curve, one row per time."""
        counted = [pl.Series("n_event", self.n_event), pl.Series("n_censored", self.n_censored)]
        rows = self.at(self.times)
        return rows.select(pl.col("group", "time", "n_risk"), *counted, pl.col(*self.INITIAL))

    def held(self, times: Floats) -> dict[str, Floats]:
        """The estimates at times (m,) by name, (m,) or (m, J); NaN where they are not known."""
        position = np.searchsorted(self.times, times, side="right")
        unknown = (times > self.times[-1]) & (not self.settled)
        found = {}
        for name, first in self.INITIAL.items():
            values = getattr(self, name)
            found[name] = np.concatenate([np.full_like(values[:1], first), values])[position]
            found[name][unknown] = np.nan
        return found


class Readable(Protocol):
    """The curve, or the set of curves, of one group."""

    @property
    def group(self) -> str:
        """Its name."""

    def at(self, times: ArrayLike) -> pl.DataFrame:
        """Its estimates at given times."""

    def table(self) -> pl.DataFrame:
        """All of it."""


C_co = TypeVar("C_co", bound=Readable, covariant=True)
S_co = TypeVar("S_co", bound=StepCurve, covariant=True)


@dataclass(frozen=True, eq=False)
class Curves(Generic[C_co]):
    """Curves, or sets of curves, one per group.

    Attributes:
        curves: in the order of the groups.
        conf_type: the scale of the confidence limits.
        level: their coverage.
    """

    curves: tuple[C_co, ...]
    conf_type: ConfType
    level: float

    def __getitem__(self, group: str) -> C_co:
        """What belongs to the group of this name."""
        for curve in self.curves:
            if curve.group == group:
                return curve
        known = [curve.group for curve in self.curves]
        raise UnknownColumn(group, nearest=difflib.get_close_matches(group, known, n=2))

    def at(self, times: ArrayLike) -> pl.DataFrame:
        """The estimates at given times, in the columns of `table` that are not counts of a time.

        Before the first time of a group they have their initial values; after its last time they
        are unknown, so null, unless nobody is left who could still have an event.

        Raises:
            BadCovariate: a time is not a number.
        """
        wanted = times_asked(times)
        return pl.concat([curve.at(wanted) for curve in self.curves])

    def table(self) -> pl.DataFrame:
        """All curves as one tidy frame, one row per group and time (and state)."""
        return pl.concat([curve.table() for curve in self.curves])


@dataclass(frozen=True, eq=False)
class StepCurves(Curves[S_co]):
    """Curves of groups as they print.

    Attributes:
        missing: rows left out as incomplete.
        notes: what a reader must know.
    """

    missing: Missing
    notes: tuple[str, ...]

    @abstractmethod
    def summary(self) -> pl.DataFrame:
        """The table that is printed."""

    def __str__(self) -> str:
        n, events = sum(curve.n for curve in self.curves), sum(c.events for c in self.curves)
        head = printing.counted(n, events, self.missing.rows)
        return printing.page(head, printing.grid(self.summary()), notes=self.notes)
