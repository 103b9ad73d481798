"""The times that an analysis is asked about: those patients were followed to, and no others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl
from numpy.typing import ArrayLike

from haemony.analysis.survival.data.arrays import Flags, Floats, Integers
from haemony.analysis.survival.data.response import Surv
from haemony.analysis.survival.faults import BadCovariate, BadResponse, BeyondFollowUp


def within(times: ArrayLike, last: Mapping[str, float], name: str = "times") -> Floats:
    """The times (m,) as numbers, refused unless every group is followed to each of them.

    Args:
        times: when.
        last: until when each group is followed; infinite where nobody is left to have an event.
        name: what the caller calls the times.

    Raises:
        BadCovariate: one is missing, negative or no number, or there are none.
        BeyondFollowUp: one lies after the last follow-up of a group.

    >>> within([10, 20], {"arm=0": 31.0, "arm=1": 24.0})
    array([10., 20.])
    """
    group = min(last, key=lambda one: last[one])
    given = np.atleast_1d(np.asarray(times))
    known = given.dtype.kind in "iuf" and given.ndim == 1 and given.size > 0
    wanted = given.astype(np.float64) if known else np.array([np.nan])
    if not (wanted >= 0).all():
        raise BadCovariate(
            name,
            reason="holds something that is no time after the origin",
            remedy="give numbers from 0 on, no later than the last follow-up",
        )
    if wanted.max() > last[group] or np.isinf(wanted.max()):
        raise BeyondFollowUp(float(wanted.max()), group=group, last=last[group])
    return wanted


def followed_to(response: Surv, codes: Integers, labels: Sequence[str]) -> dict[str, float]:
    """Until when each group is followed; without end where all who were left had the event."""
    return {label: _last(response, codes == code) for code, label in enumerate(labels)}


def positive_time(value: float, name: str, remedy: str = "give it in the unit used") -> float:
    """A length of time, refused unless it is a finite number above zero.

    Raises:
        BadCovariate: it is not.
    """
    number = isinstance(value, int | float | np.number) and not isinstance(value, bool)
    if not (number and 0 < value < np.inf):
        raise BadCovariate(name, reason="is not a positive time", remedy=remedy)
    return float(value)


def _last(response: Surv, mine: Flags) -> float:
    stop = response.stop[mine]
    last = float(stop.max())
    return np.inf if response.died[mine][stop == last].all() else last


def times_of(table: pl.DataFrame, name: str) -> pl.Series:
    """A column of times as numbers, null where missing; infinity is refused, for it is no day.

    Raises:
        BadResponse: the column is not numeric, or holds infinite values; how many is said.
    """
    column = table[name]
    if not (column.dtype.is_numeric() or column.dtype == pl.Null):
        raise BadResponse(f"the time {name!r} is not numeric", remedy="give it as a number")
    times = column.cast(pl.Float64).fill_nan(None)
    infinite = int(times.is_infinite().sum())
    if infinite:
        raise BadResponse(
            f"the time {name!r} is infinite in {infinite:,} rows",
            remedy="leave it empty where it never came, or mend it",
        )
    return times
