"""Follow-up cut into intervals: covariates that change, events that recur.

A transplant changes the hazard from its day on, not before: who is counted as transplanted from the
first day had to live long enough to get there (immortal time). Here a covariate holds over
(start, stop], and a change at time t counts after t, as in R's `tmerge`.

Therneau T, Crowson C, Atkinson E (2024) Using time dependent covariates and time dependent
coefficients in the Cox model, vignette of R's survival. Prentice RL, Williams BJ, Peterson AV
(1981) On the regression analysis of multivariate failure time data. Biometrika 68:373-379,
doi:10.1093/biomet/68.2.373. Andersen PK, Gill RD (1982) Annals of Statistics 10:1100-1120.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import polars as pl
from numpy.typing import ArrayLike

from haemony.analysis.survival import printing
from haemony.analysis.survival.data.complete import known_columns
from haemony.analysis.survival.data.formula import read
from haemony.analysis.survival.data.frames import Tabular, column_names, polars_table, tidy
from haemony.analysis.survival.data.given import figures
from haemony.analysis.survival.data.response import LATEST
from haemony.analysis.survival.faults import BadCovariate, BadResponse

SHOWN = 10
FROM, TO, ROW, TIME, VALUE = "(from)", "(to)", "(row)", "(time)", "(value)"


@dataclass(frozen=True, eq=False)
class Episodes:
    """Patients' follow-up in intervals.

    Attributes:
        table: one row per patient and interval, all columns of the patients' table repeated.
        start: the column with the beginning of each interval.
        stop: the column with its end.
        event: the column that says whether the event ends it.
        placed: for each change, how many lay before, within and after the follow-up, or at its end.
        patients: rows of the table that was cut.
    """

    table: pl.DataFrame
    start: str
    stop: str
    event: str
    placed: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    patients: int = 0

    @property
    def response(self) -> str:
        """The left side of a formula for these rows."""
        return f"Surv({self.start}, {self.stop}, {self.event})"

    def __str__(self) -> str:
        """How many intervals, where the changes lay, and the first rows."""
        head = f"{self.patients:,} rows in {self.table.height:,} intervals: {self.response}"
        places = [{"change": name} | dict(where) for name, where in self.placed.items()]
        changes = printing.grid(pl.DataFrame(places)) if places else ""
        return printing.page(head, changes, printing.grid(self.table, most=SHOWN))


def split(table: Tabular, response: str, *, at: ArrayLike, episode: str = "episode") -> Episodes:
    """Cut follow-up at given times, as R's `survSplit`.

    Args:
        table: one row per patient, or per patient and interval.
        response: such as "Surv(days, died)" or "Surv(entry, days, died)".
        at: the times to cut at.
        episode: the new column that numbers the intervals between cuts, from 1.

    Raises:
        BadResponse: a follow-up is incomplete, infinite or runs backwards.
        BadCovariate: a cut is not a finite number.

    >>> table = pl.DataFrame({"days": [5, 12], "died": [1, 0]})
    >>> split(table, "Surv(days, died)", at=[10]).table.rows()
    [(0.0, 5.0, 1, 1), (0.0, 10.0, 0, 1), (10.0, 12.0, 0, 2)]
    """
    plan = _plan(table, response)
    cuts = _cuts(at)
    grid = pl.DataFrame({TIME: cuts}, schema={TIME: pl.Float64})
    inside = plan.rows.select(ROW, FROM, TO).join_where(
        grid, pl.col(TIME) > pl.col(FROM), pl.col(TIME) < pl.col(TO)
    )
    pieces = _cut(plan, inside.select(ROW, TIME))
    number = pl.lit(1)
    for cut in cuts:
        number = number + (pl.col(FROM) >= cut).cast(pl.Int32)
    return _finish(plan, pieces.with_columns(number.alias(episode)), (episode,), {})


def merge_events(
    table: Tabular,
    response: str,
    changes: Mapping[str, str | Tabular],
    *,
    patient: str | None = None,
) -> Episodes:
    """Start–stop rows from patients and dated changes, as R's `tmerge` with `tdc`.

    Args:
        table: one row per patient.
        response: the patients' follow-up, such as "Surv(days, died)".
        changes: under the name of each new covariate, either the column of `table` with the time
            of one change, null where it never came (the covariate is 0 before and 1 after); or a
            long table with the columns `patient`, "time" and "value", whose value holds until the
            next (null before the first).
        patient: the column that names the patient in long tables.

    Raises:
        BadResponse: a follow-up is incomplete, infinite or runs backwards.
        BadCovariate: a long table's patient occurs twice in `table`, a time is infinite, or a
            column is wanting.

    >>> table = pl.DataFrame({"days": [90, 50], "died": [1, 1], "graft_day": [30, None]})
    >>> merge_events(table, "Surv(days, died)", {"graft": "graft_day"}).table.select(
    ...     "start", "stop", "event", "graft").rows()
    [(0.0, 30.0, 0, 0), (30.0, 90.0, 1, 1), (0.0, 50.0, 1, 0)]
    """
    plan = _plan(table, response)
    dated = {name: _dated(plan, name, source, patient) for name, source in changes.items()}
    times = [change.select(ROW, TIME) for change in dated.values()]
    pieces = _cut(plan, pl.concat(times) if times else plan.rows.select(ROW, TIME=FROM).clear())
    for name, change in dated.items():
        pieces = _carried(pieces, change, name, once=isinstance(changes[name], str))
    placed = {name: _placed(plan, change) for name, change in dated.items()}
    return _finish(plan, pieces, tuple(changes), placed)


def recurrent(
    table: Tabular, response: str, events: Tabular, *, patient: str, number: str = "episode"
) -> Episodes:
    """Start–stop rows for events that recur, such as infections, with their number and the gap.

    For Andersen and Gill's model fit "Surv(start, stop, event) ~ … + cluster(patient)"; for that of
    Prentice, Williams and Peterson add strata(episode), in total time or, with
    "Surv(gap, event)", since the last event.

    Args:
        table: one row per patient.
        response: follow-up as "Surv(days, died)"; its event is the end of follow-up by death, which
            does not recur and is kept in its own column.
        events: a long table with the columns `patient` and "time".
        patient: the column that names the patient.
        number: the new column that says which event an interval waits for, from 1.

    Raises:
        BadResponse: two events of one patient fall on one time, or a follow-up is incomplete,
            infinite or runs backwards.

    >>> table = pl.DataFrame({"id": [1, 2], "days": [90, 50], "died": [0, 1]})
    >>> events = pl.DataFrame({"id": [1, 1], "time": [20, 60]})
    >>> recurrent(table, "Surv(days, died)", events, patient="id").table.select(
    ...     "id", "start", "stop", "event", "episode", "gap").rows()[:3]
    [(1, 0.0, 20.0, 1, 1, 20.0), (1, 20.0, 60.0, 1, 2, 40.0), (1, 60.0, 90.0, 0, 3, 30.0)]
    """
    plan = _plan(table, response)
    dated = _long(plan, "event", events, patient, (TIME,))
    if dated.select(ROW, TIME).is_duplicated().any():
        raise BadResponse(
            "some patients have two events at one time", remedy="count such events as one"
        )
    pieces = _cut(plan, dated.select(ROW, TIME)).join(
        dated.with_columns(pl.lit(1, dtype=pl.Int64).alias(VALUE)).select(ROW, TIME, VALUE),
        left_on=[ROW, TO],
        right_on=[ROW, TIME],
        how="left",
    )
    pieces = pieces.with_columns(
        (pl.col(FROM).rank("ordinal").over(ROW)).cast(pl.Int64).alias(number),
        (pl.col(TO) - pl.col(FROM)).alias("gap"),
        pl.col(VALUE).fill_null(0),
    )
    made = _finish(plan, pieces, (number, "gap", VALUE), {"event": _placed(plan, dated)})
    ended = made.table.rename({"event": plan.event if plan.event != "event" else "ended"})
    return replace(made, table=ended.rename({VALUE: "event"}))


@dataclass(frozen=True, eq=False)
class Plan:
    """Patients' rows with their follow-up under fixed names."""

    rows: pl.DataFrame
    columns: tuple[str, ...]
    times: tuple[str, ...]
    event: str


def _plan(table: Tabular, response: str) -> Plan:
    model = read(f"{response} ~ 1")
    frame = tidy(polars_table(table))
    known_columns(model.response, frame.columns)
    *times, event = model.response
    for name in times:
        if not frame[name].dtype.is_numeric():
            raise BadResponse(f"the time {name!r} is not numeric", remedy="give it as a number")
    if not (
        frame[event].dtype.is_numeric() or isinstance(frame[event].dtype, pl.Enum | pl.Boolean)
    ):
        raise BadResponse(
            f"the event {event!r} is neither numbers, truth values nor an Enum",
            remedy="recode it so that 1 or true is the event",
        )
    kept = tuple(name for name in frame.columns if name not in model.response)
    rows = frame.with_row_index(ROW).with_columns(
        (pl.col(times[0]) if len(times) == 2 else pl.lit(0.0)).cast(pl.Float64).alias(FROM),
        pl.col(times[-1]).cast(pl.Float64).alias(TO),
    )
    _check_follow_up(frame, times, event)
    return Plan(rows, kept, tuple(times), event)


def _check_follow_up(frame: pl.DataFrame, times: Sequence[str], event: str) -> None:
    """Refuse rows that are not followed from one finite time to a later one."""
    for name in (*times, event):
        gone = frame[name].null_count()
        if gone:
            raise BadResponse(
                f"{name!r} is missing in {gone} rows, which have no complete follow-up",
                remedy="leave these rows out first",
            )
    for name in (*times, *([event] if frame[event].dtype.is_numeric() else [])):
        endless = _endless(frame[name])
        if endless:
            raise BadResponse(
                f"{name!r} is infinite, or nearly so, in {endless} rows",
                remedy="mend these rows, or leave them out",
            )
    if len(times) == 1:
        early, wrong = times[0], frame[times[0]] <= 0
        reason = "does not lie after the time origin"
    else:
        early, wrong = times[1], frame[times[1]] <= frame[times[0]]
        reason = f"does not lie after {times[0]!r}"
    if wrong.any():
        raise BadResponse(
            f"{early!r} {reason} in {wrong.sum()} rows",
            remedy="check the time origin of these rows, or leave them out",
        )


def _cuts(at: ArrayLike) -> list[float]:
    """The times to cut at, in order, each once."""
    times = np.unique(np.atleast_1d(figures(at, "at", remedy="give times such as [365, 730]")))
    if not np.isfinite(times).all():
        raise BadCovariate(
            "at", reason="holds times that are not finite", remedy="give times such as [365, 730]"
        )
    return [float(time) for time in times]


def _cut(plan: Plan, times: pl.DataFrame) -> pl.DataFrame:
    """Intervals (row, from, to) of every row, cut at the times (row, time) inside them."""
    whole = plan.rows.select(ROW, FROM, TO)
    inside = (
        times.join(whole, on=ROW)
        .filter(pl.col(TIME) > pl.col(FROM), pl.col(TIME) < pl.col(TO))
        .select(ROW, pl.col(TIME).alias(FROM))
    )
    begins = pl.concat([whole.select(ROW, FROM), inside]).unique().sort(ROW, FROM)
    return begins.join(whole.select(ROW, pl.col(TO).alias("(last)")), on=ROW).select(
        ROW,
        FROM,
        pl.col(FROM).shift(-1).over(ROW).fill_null(pl.col("(last)")).alias(TO),
        (pl.col(FROM).shift(-1).over(ROW).is_null()).alias("(final)"),
    )


def _finish(
    plan: Plan,
    pieces: pl.DataFrame,
    new: Iterable[str],
    placed: Mapping[str, Mapping[str, int]],
) -> Episodes:
    names = tuple(new)
    clash = sorted({*names, "start", "stop", "event"} & set(plan.columns))
    if clash:
        raise BadCovariate(
            ", ".join(clash), reason="is the name of a new column", remedy="rename yours"
        )
    event = plan.rows[plan.event]
    none = False if event.dtype == pl.Boolean else 0
    if isinstance(event.dtype, pl.Enum):
        none = event.dtype.categories[0]
    table = pieces.join(plan.rows.select(ROW, *plan.columns, plan.event), on=ROW).sort(ROW, FROM)
    return Episodes(
        table.select(
            *plan.columns,
            pl.col(FROM).alias("start"),
            pl.col(TO).alias("stop"),
            pl.when(pl.col("(final)"))
            .then(pl.col(plan.event))
            .otherwise(pl.lit(none).cast(event.dtype))
            .alias("event"),
            *names,
        ),
        "start",
        "stop",
        "event",
        placed,
        plan.rows.height,
    )


def _dated(plan: Plan, name: str, source: str | Tabular, patient: str | None) -> pl.DataFrame:
    """The changes of one covariate: row, time, value."""
    if isinstance(source, str):
        known_columns([source], plan.rows.columns)
        if not plan.rows[source].dtype.is_numeric() and plan.rows[source].dtype != pl.Null:
            raise BadCovariate(source, reason="is not a time", remedy="give it as a number")
        dated = plan.rows.select(
            ROW, pl.col(source).cast(pl.Float64).alias(TIME), pl.lit(1).alias(VALUE)
        ).drop_nulls(TIME)
        return _finite(dated, source, "where the change never came, leave it null")
    if patient is None:
        raise BadCovariate(name, reason="comes as a long table", remedy="name the patient column")
    return _long(plan, name, source, patient, (TIME, VALUE))


def _long(
    plan: Plan, name: str, source: Tabular, patient: str, wanted: Sequence[str]
) -> pl.DataFrame:
    known_columns([patient], plan.rows.columns)
    given = [patient, *(part.strip("()") for part in wanted)]
    frame = tidy(polars_table(source, known_columns(given, column_names(source))))
    if plan.rows[patient].is_duplicated().any():
        raise BadCovariate(
            patient, reason="names several rows of the table", remedy="give one row per patient"
        )
    if not frame["time"].dtype.is_numeric():
        raise BadCovariate("time", reason="is not numeric", remedy=f"mend it in {name!r}")
    renamed = frame.rename({part.strip("()"): part for part in wanted}).with_columns(
        pl.col(TIME).cast(pl.Float64)
    )
    _finite(renamed, "time", f"mend it in {name!r}")
    key = plan.rows.select(ROW, patient)
    return renamed.drop_nulls(TIME).join(key, on=patient).select(ROW, *wanted).sort(ROW, TIME)


def _finite(dated: pl.DataFrame, name: str, remedy: str) -> pl.DataFrame:
    """Changes of which none is infinitely far away."""
    endless = _endless(dated[TIME])
    if endless:
        reason = f"is infinite, or nearly so, in {endless} rows"
        raise BadCovariate(name, reason=reason, remedy=remedy)
    return dated


def _endless(times: pl.Series) -> int:
    """How many times no unit explains."""
    return int((times.cast(pl.Float64).abs() > LATEST).sum())


def _carried(pieces: pl.DataFrame, change: pl.DataFrame, name: str, *, once: bool) -> pl.DataFrame:
    """Intervals with the last value that a change gave at or before their start."""
    last = change.unique([ROW, TIME], keep="last", maintain_order=True).sort(TIME)
    joined = pieces.sort(FROM).join_asof(
        last.rename({VALUE: name}),
        left_on=FROM,
        right_on=TIME,
        by=ROW,
        strategy="backward",
        check_sortedness=False,
    )
    filled = joined.with_columns(pl.col(name).fill_null(0).cast(pl.Int64)) if once else joined
    return filled.drop(TIME, strict=False).sort(ROW, FROM)


def _placed(plan: Plan, change: pl.DataFrame) -> dict[str, int]:
    """Where the times of a change lie: at or before the start, within, at the end, after."""
    joined = change.join(plan.rows.select(ROW, FROM, TO), on=ROW)
    time = pl.col(TIME)
    found = joined.select(
        before=(time <= pl.col(FROM)).sum(),
        within=((time > pl.col(FROM)) & (time < pl.col(TO))).sum(),
        at_end=(time == pl.col(TO)).sum(),
        after=(time > pl.col(TO)).sum(),
    )
    return {name: int(found[name][0]) for name in found.columns}
