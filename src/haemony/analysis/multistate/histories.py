"""Who was in which state from when to when: the rows on which every multi-state analysis rests."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from functools import cached_property

import numpy as np
import polars as pl
from numpy.typing import ArrayLike, NDArray

from haemony.analysis.multistate.faults import BadHistory
from haemony.analysis.multistate.scheme import Scheme
from haemony.analysis.survival import printing
from haemony.analysis.survival.data.arrays import Flags, Floats, Integers
from haemony.analysis.survival.data.complete import known_columns, positive_weights
from haemony.analysis.survival.data.frames import numbers
from haemony.analysis.survival.data.given import number, times_asked
from haemony.analysis.survival.data.response import LATEST, TIE_TOLERANCE
from haemony.analysis.survival.faults import NothingToAnalyse

Texts = NDArray[np.object_]
ENTERED = "entered"
STAYS = -1
"""The target of a row at whose end observation ends, or only a new row begins."""


class SameTime(Enum):
    """What two states reached at the same time mean, or one reached at the very start or end.

    HALF_UNIT: both were visited in the order in which the moments are declared; the second is set
    half a unit of time later (the third half of that again), and so is an end of observation.
    DIRECT: the earlier state was left in no time, so only the later one counts; the scheme must
    allow the direct way.
    LEAVE_OUT: such patients are left out and counted.
    """

    HALF_UNIT = "half a unit later"
    DIRECT = "directly"
    LEAVE_OUT = "leave out"


@dataclass(frozen=True, eq=False)
class Histories:
    """The courses of patients through the states of a scheme, as n start–stop rows.

    Attributes:
        scheme: the states and the transitions allowed.
        patients: (N,) the identifiers, in the order of the table.
        patient: (n,) position of each row's patient; rows of a patient follow one another.
        origin: (n,) position of the state the row is spent in.
        target: (n,) position of the state entered at its end; -1 where observation ends.
        start: (n,) time at which the row begins.
        stop: (n,) time at which it ends; `origin` is held over (start, stop].
        covariates: (n rows) what else is known, repeated over a patient's rows, and `entered`, the
            time at which the row's state was entered.
        weights: (n,) case weights, or None for one each.
        left_out: how many patients were left out, by reason.
        rule: how times that coincide were read.
    """

    scheme: Scheme
    patients: pl.Series
    patient: Integers
    origin: Integers
    target: Integers
    start: Floats
    stop: Floats
    covariates: pl.DataFrame
    weights: Floats | None = None
    left_out: Mapping[str, int] = field(default_factory=dict)
    rule: SameTime = SameTime.HALF_UNIT

    def __len__(self) -> int:
        return len(self.stop)

    @property
    def n(self) -> int:
        """The number of patients."""
        return len(self.patients)

    @property
    def moved(self) -> Flags:
        """(n,) whether the row ends with a transition."""
        moved: Flags = self.target != STAYS
        return moved

    @cached_property
    def transition(self) -> Integers:
        """(n,) position of the transition at each row's end; -1 without one."""
        number = self.scheme.numbers[self.origin, np.maximum(self.target, 0)]
        return np.where(self.moved, number, STAYS)

    def table(self) -> pl.DataFrame:
        """The rows: patient, from, to (null where observation ends), start, stop, covariates."""
        names = pl.Series([*self.scheme.states, None], dtype=pl.String)
        entered = np.where(self.moved, self.target, len(self.scheme.states))
        frame = pl.DataFrame(
            {
                "patient": self.patients.gather(self.patient),
                "from": names.gather(self.origin),
                "to": names.gather(entered),
                "start": self.start,
                "stop": self.stop,
            }
        )
        return frame.hstack(self.covariates.drop(frame.columns, strict=False))

    def events(self) -> pl.DataFrame:
        """How often each transition happened: from, to, count, entered, proportion.

        `entered` is the number of stays in the state of origin; a null `to` counts the stays that
        were watched to their end without a transition, or are absorbing.
        """
        arrivals = self._arrivals()
        arrows = self.scheme.arrows
        counts = np.bincount(self.transition[self.moved], minlength=len(arrows))
        rows = []
        for i, state in enumerate(self.scheme.states):
            mine = np.flatnonzero(arrows[:, 0] == i)
            rows += [(state, self.scheme.states[arrows[k, 1]], int(counts[k])) for k in mine]
            rows.append((state, None, int(arrivals[i] - counts[mine].sum())))
        entered = {state: int(arrivals[i]) for i, state in enumerate(self.scheme.states)}
        return pl.DataFrame(
            rows, schema={"from": pl.String, "to": pl.String, "count": pl.Int64}, orient="row"
        ).with_columns(
            entered=pl.col("from").replace_strict(entered, return_dtype=pl.Int64),
            proportion=pl.when(
                pl.col("from").replace_strict(entered, return_dtype=pl.Int64) > 0
            ).then(pl.col("count") / pl.col("from").replace_strict(entered)),
        )

    def at_risk(self, times: ArrayLike) -> pl.DataFrame:
        """How many are under observation in each state just before given times."""
        wanted = times_asked(times)
        frames = []
        for state in self.scheme.transient:
            mine = self.origin == self.scheme.state(state)
            begun = np.searchsorted(np.sort(self.start[mine]), wanted, side="left")
            gone = np.searchsorted(np.sort(self.stop[mine]), wanted, side="left")
            frames.append(pl.DataFrame({"state": state, "time": wanted, "n": begun - gone}))
        return pl.concat(frames)

    def chosen(self, rows: Flags | Integers) -> Histories:
        """Some of the rows, with the patients that they belong to."""
        kept = np.flatnonzero(rows) if rows.dtype == np.bool_ else rows
        used, patient = np.unique(self.patient[kept], return_inverse=True)
        return replace(
            self,
            patients=self.patients.gather(used),
            patient=patient.astype(np.intp),
            origin=self.origin[kept],
            target=self.target[kept],
            start=self.start[kept],
            stop=self.stop[kept],
            covariates=self.covariates[kept.tolist()],
            weights=None if self.weights is None else self.weights[kept],
        )

    def since(self, time: float) -> Histories:
        """What is left of the rows after a time, entered late at that time."""
        time = number(time, "since")
        later = self.chosen(self.stop > time + slack(self.stop))
        return replace(later, start=np.maximum(later.start, time))

    def landmark(self, state: str, time: float) -> Histories:
        """The further course of the patients who are under observation in a state at a time.

        Putter H, Spitoni C (2018) Non-parametric estimation of transition probabilities in
        non-Markov multi-state models: the landmark Aalen–Johansen estimator. Statistical Methods in
        Medical Research 27:2081-2092. doi:10.1177/0962280216674497

        Raises:
            NothingToAnalyse: nobody is in that state then.
        """
        time = number(time, "landmark")
        there = (self.start <= time) & (time + slack(self.stop) < self.stop)
        there &= self.origin == self.scheme.state(state)
        who = np.zeros(self.n, dtype=bool)
        who[self.patient[there]] = True
        if not who.any():
            raise NothingToAnalyse(
                f"nobody is under observation in {state!r} at the landmark",
                remedy="choose another state, or a time at which it is occupied",
            )
        return self.chosen(who[self.patient]).since(time)

    def weighted(self, column: str) -> Histories:
        """The same rows with a covariate as case weights."""
        known_columns([column], self.covariates.columns)
        return replace(self, weights=positive_weights(numbers(self.covariates[column]), column))

    def _arrivals(self) -> Integers:
        """(S,) the stays in each state: first rows, and every state that was entered."""
        size = len(self.scheme.states)
        first = np.append(True, self.patient[1:] != self.patient[:-1])[: len(self)]
        return np.bincount(self.origin[first], minlength=size) + np.bincount(
            self.target[self.moved], minlength=size
        )

    def __str__(self) -> str:
        """How many moved where, and who was left out."""
        head = f"{self.n:,} patients, {len(self):,} rows; {self.scheme.name}"
        notes = [f"left out: {count} ({reason})" for reason, count in self.left_out.items()]
        return printing.page(head, printing.grid(self.events()), notes=notes)


def assembled(
    scheme: Scheme,
    rows: pl.DataFrame,
    people: pl.Series,
    covariates: pl.DataFrame,
    left_out: Mapping[str, int],
    rule: SameTime = SameTime.HALF_UNIT,
) -> Histories:
    """Histories of the patients who have rows, renumbered."""
    used, patient = np.unique(rows["patient"].to_numpy(), return_inverse=True)
    return Histories(
        scheme=scheme,
        patients=people.gather(used),
        patient=patient.astype(np.intp),
        origin=rows["origin"].to_numpy().astype(np.intp),
        target=rows["target"].to_numpy().astype(np.intp),
        start=rows["start"].to_numpy(),
        stop=rows["stop"].to_numpy(),
        covariates=_with_entered(covariates, rows["entered"]),
        left_out=left_out,
        rule=rule,
    )


def _with_entered(covariates: pl.DataFrame, entered: pl.Series) -> pl.DataFrame:
    if ENTERED in covariates.columns:
        raise BadHistory(
            f"the table has a column {ENTERED!r} of its own", remedy="give that column another name"
        )
    return covariates.with_columns(entered) if covariates.width else entered.to_frame()


def slack(times: Floats) -> float:
    """The difference below which two of these times are the same, as everywhere in R."""
    return TIE_TOLERANCE * max(1.0, float(np.abs(times).mean()) if len(times) else 1.0)


def numeric(table: pl.DataFrame, name: str) -> Floats:
    """A column as floats, NaN where missing."""
    if not (table[name].dtype.is_numeric() or table[name].dtype == pl.Null):
        raise BadHistory(f"the time {name!r} is not numeric", remedy="give it as a number")
    values = table[name].cast(pl.Float64).fill_null(np.nan).to_numpy()
    if (np.abs(values[np.isfinite(values)]) > LATEST).any():
        raise BadHistory(
            f"{name!r} holds times so large that no unit explains them",
            remedy="check whether a code for a missing time was read as one",
        )
    return values


def note(reason: Texts, where: Flags, text: str) -> None:
    """Write down a reason for those who have none yet."""
    reason[where & (reason == "")] = text
