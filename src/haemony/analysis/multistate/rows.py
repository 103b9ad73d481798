"""From start–stop rows that exist already to histories."""

from __future__ import annotations

import numpy as np
import polars as pl

from haemony.analysis.multistate.faults import BadHistory
from haemony.analysis.multistate.histories import (
    STAYS,
    Histories,
    assembled,
    note,
    numeric,
    slack,
)
from haemony.analysis.multistate.scheme import ARROW, Scheme
from haemony.analysis.survival.data.complete import known_columns
from haemony.analysis.survival.data.frames import Tabular, column_names, polars_table, readable
from haemony.analysis.survival.faults import NothingToAnalyse


def histories_from_rows(
    table: Tabular,
    scheme: Scheme,
    *,
    patient: str,
    origin: str,
    target: str,
    start: str,
    stop: str,
    censored: str | None = None,
) -> Histories:
    """Take start–stop rows that exist already, one per patient and stay.

    Args:
        table: those columns; all others are kept as covariates.
        scheme: the states and the transitions allowed.
        patient: the column of the identifier.
        origin: the column of the state a row is spent in.
        target: the column of the state entered at its end; null where observation ends.
        start: the column of the time at which the row begins.
        stop: the column of the time at which it ends.
        censored: a text in the target column that means the same as null.

    Patients with a gap between states, with overlapping rows or with a forbidden transition are
    left out and counted. A row whose target is its own state only splits a stay.

    >>> rows = {"id": [1, 1], "from": ["well", "ill"], "to": ["ill", None],
    ...     "start": [0, 2], "stop": [2, 5]}
    >>> scheme = Scheme.read("illness–death", "well -> ill, dead; ill -> dead")
    >>> histories_from_rows(rows, scheme, patient="id", origin="from", target="to",
    ...     start="start", stop="stop").n
    1
    """
    needed = [patient, origin, target, start, stop]
    long = readable(polars_table(table), known_columns(needed, column_names(table)))
    for name in (start, stop):
        values = numeric(long, name)
        long = long.with_columns(
            pl.Series(name, np.where(np.isfinite(values), values, np.nan)).fill_nan(None)
        )
    if long.select(patient, origin, start, stop).null_count().sum_horizontal()[0]:
        raise BadHistory(
            f"some rows lack {patient!r}, {origin!r}, {start!r} or {stop!r}",
            remedy="complete them, or leave their patients out",
        )
    long = long.sort(patient, start, maintain_order=True)
    names = pl.col(target).cast(pl.String)
    gone = names.is_null() | (names == censored if censored else pl.lit(False))
    gone |= names == pl.col(origin).cast(pl.String)
    codes = dict(scheme.index)
    strange = set(long[origin].cast(pl.String)) - set(codes)
    strange |= set(long.filter(~gone)[target].cast(pl.String)) - set(codes)
    if strange:
        raise BadHistory(
            f"{', '.join(sorted(map(repr, strange)))} are no states of {scheme.name!r}",
            remedy="recode them, or say which text means censored",
        )
    people = long[patient].unique(maintain_order=True)
    place = pl.DataFrame({patient: people, "number": np.arange(len(people))})
    rows = pl.DataFrame(
        {
            "patient": long.join(place, on=patient, how="left", maintain_order="left")["number"],
            "origin": long[origin].cast(pl.String).replace_strict(codes, return_dtype=pl.Int64),
            "target": long.select(
                pl.when(gone).then(STAYS).otherwise(names.replace_strict(codes, default=STAYS))
            ).to_series(),
            "start": long[start].cast(pl.Float64),
            "stop": long[stop].cast(pl.Float64),
        }
    )
    rows = _with_entered(rows)
    reasons = _row_faults(rows, scheme)
    wrong = pl.DataFrame({"patient": rows["patient"], "reason": reasons}).filter(
        pl.col("reason") != ""
    )
    wrong = wrong.unique("patient", keep="first", maintain_order=True)
    left_out = dict(wrong["reason"].value_counts(sort=True).rows())
    kept = ~rows["patient"].is_in(wrong["patient"].to_list())
    if not kept.any():
        raise NothingToAnalyse(
            "no patient's rows fit the scheme", remedy=f"mend them: {'; '.join(left_out)}"
        )
    extra = long.drop(needed).filter(kept)
    return assembled(scheme, rows.filter(kept), people, extra, left_out)


def _row_faults(rows: pl.DataFrame, scheme: Scheme) -> list[str]:
    """Why each row cannot be used; empty where it can."""
    patient, origin, target = (rows[c].to_numpy() for c in ("patient", "origin", "target"))
    start, stop = rows["start"].to_numpy(), rows["stop"].to_numpy()
    reason = np.full(len(rows), "", dtype=object)
    note(reason, stop <= start + slack(stop), "a row ends at or before its start")
    forbidden = (target != STAYS) & (scheme.numbers[origin, target] < 0)
    for o, t in {
        (int(o), int(t)) for o, t in zip(origin[forbidden], target[forbidden], strict=True)
    }:
        arrow = f"{scheme.states[o]} {ARROW} {scheme.states[t]}"
        note(reason, (origin == o) & (target == t), f"{arrow} is no transition of the scheme")
    follows = np.append(False, patient[1:] == patient[:-1])
    held = np.where(target == STAYS, origin, target)
    before = np.append(-1, held[:-1])
    note(reason, follows & (origin != before), "a row begins in another state than the last ended")
    note(reason, follows & (start < np.append(0.0, stop[:-1])), "rows overlap")
    return [str(text) for text in reason]


def _with_entered(rows: pl.DataFrame) -> pl.DataFrame:
    """The time at which each row's state was entered: the start of the first of its rows."""
    begins = (pl.col("origin") != pl.col("origin").shift(1).over("patient")).fill_null(True)
    begins |= pl.col("target").shift(1).over("patient").fill_null(STAYS) != STAYS
    return rows.with_columns(entered=pl.when(begins).then("start").forward_fill().over("patient"))
