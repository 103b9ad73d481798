"""From a table with one row per patient to histories.

Whoever cannot have had the course that the table tells is left out and counted with the reason;
nobody is bent into shape in silence.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum

import numpy as np
import polars as pl

from haemony.analysis.multistate.faults import BadHistory
from haemony.analysis.multistate.histories import (
    STAYS,
    Histories,
    SameTime,
    Texts,
    assembled,
    note,
    numeric,
    slack,
)
from haemony.analysis.multistate.scheme import AML_COURSE, AML_TRANSPLANT, Scheme
from haemony.analysis.survival.data.arrays import Flags, Floats, Integers
from haemony.analysis.survival.data.complete import known_columns
from haemony.analysis.survival.data.frames import Tabular, column_names, polars_table, readable
from haemony.analysis.survival.data.given import number
from haemony.analysis.survival.faults import NothingToAnalyse


class Elsewhere(Enum):
    """What a moment means that comes in a state from which the scheme lets it lead nowhere.

    REFUSE: the course is impossible; the patient is left out and counted.
    IGNORE: it happened and is not the model's concern, such as a transplant after relapse where
    only a transplant in first remission is a state.
    """

    REFUSE = "refuse"
    IGNORE = "ignore"


@dataclass(frozen=True, slots=True)
class Moment:
    """One thing that can happen to a patient, and the columns that say when.

    Attributes:
        name: what happens, for messages.
        time: the column of its time; empty where it never happened.
        into: the states that it may lead to, of which the scheme allows one from each state; the
            state of its own name by default.
        status: the column that says whether it happened; without one a time says so.
        happened: the text in that column for yes; 1 and true are yes as well.
        elsewhere: what it means in a state from which it leads nowhere.
    """

    name: str
    time: str
    into: tuple[str, ...] = ()
    status: str | None = None
    happened: str | None = None
    elsewhere: Elsewhere = Elsewhere.REFUSE

    @property
    def states(self) -> tuple[str, ...]:
        """The states that it may lead to."""
        return self.into or (self.name,)

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that it reads."""
        return (self.time,) if self.status is None else (self.time, self.status)


COURSE = (
    Moment("remission", "complete_remission_day"),
    Moment("relapse", "relapse_day"),
    Moment(
        "death", "last_contact_day", AML_COURSE.absorbing, status="vital_status", happened="dead"
    ),
)
"""The moments of `AML_COURSE` in the words of the element catalogue."""

COURSE_WITH_TRANSPLANT = (
    COURSE[0],
    Moment("transplant", "transplant_day", elsewhere=Elsewhere.IGNORE),
    COURSE[1],
    replace(COURSE[2], into=AML_TRANSPLANT.absorbing),
)
"""The moments of `AML_TRANSPLANT`; a transplant outside first remission is no state of it."""


@dataclass(frozen=True, eq=False)
class _Timeline:
    """What is known of N patients, before it becomes rows.

    Attributes:
        times: (N, M) times of the moments in order; infinite where they never happened.
        which: (N, M) which moment each is.
        entry: (N,) start of observation.
        until: (N,) its end.
        reason: (N,) why a patient cannot be used; empty where it can.
    """

    times: Floats
    which: Integers
    entry: Floats
    until: Floats
    reason: Texts


def histories(
    table: Tabular,
    scheme: Scheme,
    moments: Sequence[Moment],
    *,
    until: str,
    patient: str | None = None,
    start: str | None = None,
    entry: str | None = None,
    same_time: SameTime = SameTime.HALF_UNIT,
    unit: float = 1.0,
) -> Histories:
    """Turn a table with one row per patient into start–stop rows.

    Args:
        table: the columns that the moments name; all others are kept as covariates,
            and `entered`, the time at which a row's state was entered, is added.
        scheme: the states and the transitions allowed.
        moments: what can happen; of two at the same time the first declared came first.
        until: the column of the end of observation.
        patient: the column of the identifier; by default the row number.
        start: the state in which everybody begins; by default the scheme's first.
        entry: the column of the start of observation, for delayed entry.
        same_time: what coinciding times mean.
        unit: the unit of time of which half is added, such as 1 day.

    Raises:
        BadHistory: columns are no times, or identifiers repeat.
        NothingToAnalyse: nobody's course fits the scheme.

    >>> table = pl.DataFrame({"ill_day": [2, None, 3], "day": [5, 4, 3], "died": [1, 0, 1]})
    >>> moments = [Moment("ill", "ill_day"), Moment("dead", "day", status="died")]
    >>> scheme = Scheme.read("illness–death", "healthy -> ill, dead; ill -> dead")
    >>> found = histories(table, scheme, moments, until="day")
    >>> found.table().select("from", "to", "start", "stop").rows()[-2:]
    [('healthy', 'ill', 0.0, 3.0), ('ill', 'dead', 3.0, 3.5)]
    """
    unit = number(unit, "unit", above=0)
    needed = [column for moment in moments for column in moment.columns]
    needed += [until, *([patient] if patient else []), *([entry] if entry else [])]
    known_columns(needed, column_names(table))
    wide = readable(polars_table(table), needed)
    wide = wide.with_columns(pl.col(pl.Float32, pl.Float64).fill_nan(None))
    who = _identifiers(wide, patient)
    first = scheme.state(start or scheme.states[0])
    told = _timeline(wide, moments, until, entry)
    rows = _walk(told, scheme, first, _Rule(same_time, unit, entry is not None), moments)
    reasons = told.reason
    left_out = {str(r): int(np.count_nonzero(reasons == r)) for r in dict.fromkeys(reasons) if r}
    usable = pl.Series(reasons == "")
    rows = rows.filter(usable.gather(rows["patient"])).sort("patient", "start")
    if rows.is_empty():
        said = "".join(f"; {count}: {reason}" for reason, count in left_out.items())
        raise NothingToAnalyse(
            f"no patient's course fits the scheme {scheme.name!r}{said}",
            remedy="check the columns of the moments and the arrows of the scheme",
        )
    covariates = wide.drop(set(needed))[rows["patient"].to_list()]
    return assembled(scheme, rows, who, covariates, left_out, same_time)


def _identifiers(wide: pl.DataFrame, patient: str | None) -> pl.Series:
    if patient is None:
        return pl.Series(np.arange(wide.height))
    if wide[patient].null_count() or wide[patient].n_unique() < wide.height:
        raise BadHistory(
            f"the identifiers {patient!r} repeat or are missing",
            remedy="give one row per patient, or use histories_from_rows",
        )
    return wide[patient]


def _timeline(
    wide: pl.DataFrame, moments: Sequence[Moment], until: str, entry: str | None
) -> _Timeline:
    """The moments of each patient in order of time, and who lacks what."""
    n = wide.height
    reason = np.full(n, "", dtype=object)
    end = numeric(wide, until)
    begin = np.zeros(n) if entry is None else numeric(wide, entry)
    times = np.full((n, len(moments)), np.inf)
    for k, moment in enumerate(moments):
        at, happened = numeric(wide, moment.time), _happened(wide, moment)
        note(reason, np.isnan(happened), f"whether {moment.name} is missing")
        note(reason, (happened == 1) & ~np.isfinite(at), f"the time of {moment.name} is missing")
        times[:, k] = np.where((happened == 1) & np.isfinite(at), at, np.inf)
    note(reason, ~np.isfinite(end), "the end of observation is missing")
    note(reason, ~np.isfinite(begin), "the start of observation is missing")
    order = np.argsort(times, axis=1, kind="stable")
    return _Timeline(np.take_along_axis(times, order, axis=1), order, begin, end, reason)


def _happened(wide: pl.DataFrame, moment: Moment) -> Floats:
    """(N,) 1 where the moment happened, 0 where not, NaN where nobody knows."""
    if moment.status is None:
        return wide[moment.time].is_not_null().cast(pl.Float64).to_numpy()
    column = wide[moment.status]
    if moment.happened is not None:
        column = column.cast(pl.String) == moment.happened
    elif not (column.dtype.is_numeric() or column.dtype == pl.Boolean):
        raise BadHistory(
            f"the status {moment.status!r} is text",
            remedy=f"say which text means that {moment.name} happened",
        )
    values = column.cast(pl.Float64).fill_null(np.nan).to_numpy()
    if not np.isin(values[~np.isnan(values)], (0.0, 1.0)).all():
        raise BadHistory(
            f"the status {moment.status!r} has other values than 0 and 1",
            remedy=f"recode it so that 1 means that {moment.name} happened",
        )
    return values


def _targets(scheme: Scheme, moments: Sequence[Moment]) -> Integers:
    """(S, M) the state that each moment leads to from each state; -1 where it cannot happen."""
    into = np.full((len(scheme.states), len(moments)), STAYS, dtype=np.intp)
    for k, moment in enumerate(moments):
        for target in map(scheme.state, moment.states):
            for origin in np.flatnonzero(scheme.numbers[:, target] >= 0):
                if into[origin, k] != STAYS:
                    both = f"{scheme.states[into[origin, k]]} and {scheme.states[target]}"
                    raise BadHistory(
                        f"from {scheme.states[origin]!r}, {moment.name} may lead to {both}",
                        remedy="name in `into` one state for each state of origin",
                    )
                into[origin, k] = target
    return into


@dataclass(frozen=True, slots=True)
class _Rule:
    """How times that coincide are read, and whether patients enter late."""

    same_time: SameTime
    unit: float
    delayed: bool


@dataclass(frozen=True, eq=False)
class _Apart:
    """Times of moments (N, M) of which no two of a patient coincide.

    Attributes:
        times: (N, M) when each moment counts; infinite where it does not.
        early: (N, M) which moments lie before the start of observation.
        until: (N,) end of observation, moved behind the last moment where that rule holds.
    """

    times: Floats
    early: Flags
    until: Floats


def _separated(told: _Timeline, rule: _Rule) -> _Apart:
    """Set moments apart that coincide, and write down the patients whom the rule leaves out."""
    given = told.times
    hidden = rule.delayed or rule.same_time is SameTime.DIRECT
    early = np.isfinite(given) & hidden & (given <= told.entry[:, None])
    times, now = given.copy(), told.entry.copy()
    near = slack(given[np.isfinite(given)])
    step = np.full(len(now), rule.unit / 2)
    for rank in range(given.shape[1]):
        at = times[:, rank]
        counts = np.isfinite(at) & ~early[:, rank]
        tied = counts & (at <= now + near)
        match rule.same_time:
            case SameTime.HALF_UNIT:
                times[:, rank] = np.where(tied, now + step, at)
                step = np.where(tied, step / 2, step)
            case SameTime.LEAVE_OUT:
                note(told.reason, tied & (at >= 0), "two states at the same time")
            case SameTime.DIRECT if rank + 1 < given.shape[1]:
                times[counts & (given[:, rank + 1] <= at + near), rank] = np.inf
        now = np.where(counts & np.isfinite(times[:, rank]), times[:, rank], now)
    moved = now > told.entry
    until = told.until
    if rule.same_time is SameTime.HALF_UNIT:
        until = np.where(moved & (until <= now + near), now + step, until)
    return _Apart(times, early, until)


def _walk(
    told: _Timeline, scheme: Scheme, first: int, rule: _Rule, moments: Sequence[Moment]
) -> pl.DataFrame:
    """Lead all patients through their moments, one moment of each at a time.

    Returns:
        Rows (patient, origin, target, start, stop, entered); reasons are written into `told`.
    """
    into = _targets(scheme, moments)
    for k, moment in enumerate(moments):
        at = np.where(told.which == k, told.times, -np.inf).max(axis=1)
        seen = np.isfinite(at)
        note(told.reason, seen & (at > told.until), f"{moment.name} after the end of observation")
        note(told.reason, seen & (at < 0), f"{moment.name} before the time origin")
    apart = _separated(told, rule)
    n = len(told.entry)
    state = np.full(n, first, dtype=np.intp)
    now, entered = told.entry.copy(), np.zeros(n)
    rows: list[pl.DataFrame] = []
    for rank in range(told.times.shape[1]):
        at, which = apart.times[:, rank], told.which[:, rank]
        live = np.isfinite(at) & (told.reason == "")
        target = np.where(live, into[state, which], STAYS)
        for k, moment in enumerate(moments):
            wrong = live & (target == STAYS) & (which == k)
            if moment.elsewhere is Elsewhere.IGNORE:
                continue
            for origin in np.unique(state[wrong]):
                text = f"{moment.name} cannot follow {scheme.states[origin]}"
                note(told.reason, wrong & (state == origin), text)
        live &= target != STAYS
        spent = live & ~apart.early[:, rank]
        rows.append(_rows(spent, state, target, now, at, entered))
        state = np.where(live, target, state)
        entered = np.where(live, at, entered)
        now = np.where(spent, at, now)
    ended = (into[state] == STAYS).all(axis=1)
    with np.errstate(invalid="ignore"):
        watched = ~ended & (apart.until > now)
    rows.append(_rows(watched, state, np.full(n, STAYS), now, apart.until, entered))
    found = pl.concat(rows)
    present = np.bincount(found["patient"].to_numpy(), minlength=n) > 0
    note(told.reason, ~present, "no time under observation")
    if rule.same_time is SameTime.LEAVE_OUT:
        late = ~ended & (apart.until <= now)
        note(told.reason, late, "a state reached at the end of observation")
    return found


def _rows(
    where: Flags, state: Integers, target: Integers, start: Floats, stop: Floats, entered: Floats
) -> pl.DataFrame:
    """Rows of the patients chosen."""
    return pl.DataFrame(
        {
            "patient": np.flatnonzero(where),
            "origin": state[where],
            "target": target[where],
            "start": start[where],
            "stop": stop[where],
            "entered": entered[where],
        }
    )
