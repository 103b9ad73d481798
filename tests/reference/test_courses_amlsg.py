"""The risk of the courses of the three AMLSG trials: remission, relapse, transplant, last day.

The last day is death or the day last seen alive; 1,540 patients have 4,254 events, at most four
each, so that every subset is looked at and nothing is drawn.
"""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from haemony.privacy.courses import Precision, course_curve, course_risk

UNIQUE = {
    Precision.DAY: (33.8, 88.1, 88.8, 88.8, 88.8),
    Precision.WEEK: (8.9, 66.0, 80.9, 81.0, 81.0),
    Precision.MONTH: (2.3, 24.5, 55.9, 60.4, 60.4),
    Precision.QUARTER: (0.5, 6.7, 18.3, 26.4, 26.4),
    Precision.NONE: (0.0, 0.0, 0.0, 0.0, 0.0),
}
"""Per cent of subsets of p = 1 to 5 events that nobody else has."""


@pytest.fixture(scope="module")
def courses(shared_data: Path) -> pl.DataFrame:
    """One row per event."""
    patients = pl.read_csv(
        shared_data / "amlsg" / "clinical.csv", infer_schema_length=None, null_values=["", "NA"]
    )
    named = {"remission": "CR_date", "relapse": "Recurrence_date", "transplant": "TPL_date"}
    parts = [
        patients.select(person="PDID", event=pl.lit(event), day=column)
        for event, column in named.items()
    ]
    last = pl.when(pl.col("Status") == 1).then(pl.lit("death")).otherwise(pl.lit("last seen"))
    parts.append(patients.select(person="PDID", event=last, day="Date_LF"))
    return pl.concat(parts).drop_nulls("day")


def test_the_curve(courses: pl.DataFrame) -> None:
    """Of pairs of events by day, seven of eight are unique; by quarter, one of fifteen."""
    points = course_curve(courses)

    assert all(point.complete for point in points)
    for precision, shares in UNIQUE.items():
        found = [point.unique.value for point in points if point.precision is precision]
        assert [round(100 * share, 1) for share in found] == list(shares)


def test_one_known_event_counted_by_polars(courses: pl.DataFrame) -> None:
    """Mean risk for p = 1 by two group-bys: one over the people who share an item."""
    weeks = courses.with_columns(week=pl.col("day") // 7).unique(["person", "event", "week"])
    shared = weeks.with_columns(risk=1 / pl.len().over("event", "week"))
    expected = shared.group_by("person").agg(pl.col("risk").mean())["risk"].mean()

    assert course_risk(courses, 1, Precision.WEEK).mean.value == pytest.approx(expected)
