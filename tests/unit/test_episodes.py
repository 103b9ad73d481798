"""Follow-up that is cut into intervals: what is refused, and how it prints."""

from __future__ import annotations

import math

import polars as pl
import pytest

from haemony.analysis.survival.data.episodes import merge_events, recurrent, split
from haemony.analysis.survival.faults import BadCovariate, BadResponse

RESPONSE = "Surv(days, died)"


def patients(*days: float | None, **columns: object) -> pl.DataFrame:
    """Three patients, the last with the days given."""
    table = {"id": [1, 2, 3], "days": [5.0, 12.0, *days], "died": [1, 0, 1]}
    return pl.DataFrame(table | columns)


@pytest.mark.parametrize(
    ("day", "said"),
    [
        (math.nan, "'days' is missing in 1 rows"),
        (None, "'days' is missing in 1 rows"),
        (math.inf, "'days' is infinite, or nearly so, in 1 rows; mend these rows"),
        (1e300, "'days' is infinite, or nearly so, in 1 rows; mend these rows"),
        (-4.0, "'days' does not lie after the time origin in 1 rows; check the time origin"),
        (0.0, "'days' does not lie after the time origin in 1 rows; check the time origin"),
    ],
)
def test_follow_up_that_cannot_be_cut_is_refused(day: float | None, said: str) -> None:
    """The column is named, and the next step; the value is not."""
    with pytest.raises(BadResponse, match=said):
        split(patients(day), RESPONSE, at=[10])
    with pytest.raises(BadResponse, match=said):
        merge_events(patients(day, graft_day=3), RESPONSE, {"graft": "graft_day"})
    with pytest.raises(BadResponse, match=said):
        recurrent(patients(day), RESPONSE, pl.DataFrame({"id": [1], "time": [2]}), patient="id")


def test_an_interval_that_runs_backwards_is_refused() -> None:
    """Start–stop rows must end after they begin."""
    table = patients(9.0, entry=[0.0, 12.0, 1.0])

    with pytest.raises(BadResponse, match="'days' does not lie after 'entry' in 1 rows"):
        split(table, "Surv(entry, days, died)", at=[10])


def test_an_event_that_is_text_is_refused() -> None:
    """No code for "no event" can be written into the intervals before the last."""
    with pytest.raises(BadResponse, match="'died' is neither numbers, truth values nor an Enum"):
        split(patients(9.0, died=["yes", "no", "yes"]), RESPONSE, at=[10])


@pytest.mark.parametrize("cut", [math.nan, math.inf, "ten", None])
def test_a_cut_that_is_no_time_is_refused(cut: float | str | None) -> None:
    """NaN is no time to cut at."""
    with pytest.raises(BadCovariate, match=r"'at' holds .*; give times such as"):
        split(patients(9.0), RESPONSE, at=[cut])


@pytest.mark.parametrize("day", [math.inf, -math.inf, 1e300])
def test_a_change_that_lies_infinitely_far_away_is_refused(day: float) -> None:
    """A change that never came is null, not infinite."""
    long = pl.DataFrame({"id": [1], "time": [day], "value": [7.0]})

    with pytest.raises(BadCovariate, match="'graft' is infinite, or nearly so, in 1 rows; where"):
        merge_events(patients(9.0, graft=[None, 3.0, day]), RESPONSE, {"x": "graft"})
    with pytest.raises(BadCovariate, match="'time' is infinite, or nearly so, in 1 rows; mend it"):
        merge_events(patients(9.0), RESPONSE, {"x": long}, patient="id")


def test_a_change_without_a_time_never_came() -> None:
    """NaN is null, in a column as in a long table; before the origin it holds from the start."""
    column = merge_events(patients(9.0, graft=[math.nan, 3.0, -2.0]), RESPONSE, {"x": "graft"})
    long = pl.DataFrame({"id": [1, 3], "time": [math.nan, -2.0], "value": [7.0, 8.0]})
    stepped = merge_events(patients(9.0), RESPONSE, {"x": long}, patient="id")

    assert column.table["x"].to_list() == [0, 0, 1, 1]
    assert stepped.table["x"].to_list() == [None, None, 8.0]
    assert stepped.placed["x"] == {"before": 1, "within": 0, "at_end": 0, "after": 0}


def test_intervals_print_their_number_their_changes_and_the_first_rows() -> None:
    """Not as Python sees them: how many, where the changes lay, and what the rows look like."""
    printed = str(merge_events(patients(9.0, graft=[None, 3, 20]), RESPONSE, {"x": "graft"}))
    events = pl.DataFrame({"id": [1, 2], "time": [2, 4]})
    again = str(recurrent(patients(9.0), RESPONSE, events, patient="id"))

    assert printed.startswith("3 rows in 4 intervals: Surv(start, stop, event)\n\nchange  before")
    assert "x            0       1       0      1" in printed
    assert "id  graft  start  stop  event  x" in printed
    assert again.startswith("3 rows in 5 intervals")
