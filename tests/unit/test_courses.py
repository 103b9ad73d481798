"""The risk of event data: who shares what an adversary knows, counted one by one."""

from __future__ import annotations

import polars as pl
import pytest

from haemony.privacy.anonymity.faults import BadModel, NoSuchColumn
from haemony.privacy.courses import (
    Estimated,
    Precision,
    course_curve,
    course_risk,
    curve_table,
)

COURSES = pl.DataFrame(
    [
        ("A", "remission", 30), ("A", "relapse", 200), ("A", "death", 500),
        ("B", "remission", 30), ("B", "relapse", 200), ("B", "death", 480),
        ("C", "remission", 35), ("C", "relapse", 203),
        ("D", "remission", 30),
    ],
    orient="row",
    schema=["person", "event", "day"],
)  # fmt: skip


def test_one_known_event_is_shared_by_all_who_have_it() -> None:
    """A, B: remission with three, relapse with two, death alone; C: alone twice; D with three."""
    found = course_risk(COURSES, 1)

    each = (1 / 3 + 1 / 2 + 1) / 3
    assert found.mean.value == pytest.approx((each + each + 1 + 1 / 3) / 4)
    assert found.unique.value == pytest.approx((1 / 3 + 1 / 3 + 1 + 0) / 4)
    assert found.ever_unique.value == pytest.approx(3 / 4)
    assert found.complete
    assert (found.highest, found.persons, found.short, found.subsets) == (1, 4, 0, 9)


def test_who_has_fewer_events_is_known_by_all_of_them() -> None:
    """With two known events, D is known by her remission alone."""
    found = course_risk(COURSES, 2)

    assert found.short == 1
    assert found.mean.value == pytest.approx(((1 / 2 + 1 + 1) / 3 * 2 + 1 + 1 / 3) / 4)


def test_coarser_days_let_more_people_share() -> None:
    """By quarter everybody shares her remission; without days nobody is alone with one event."""
    quarter = course_risk(COURSES, 1, Precision.QUARTER)
    none = course_risk(COURSES, 1, Precision.NONE)

    assert quarter.unique.value == 0
    assert none.mean.value == pytest.approx(((1 / 4 + 1 / 3 + 1 / 2) / 3 * 2 + 7 / 24 + 1 / 4) / 4)


def test_equal_events_in_a_period_count_once() -> None:
    """Two transfusions in a week are one item of that week and two of their days."""
    events = pl.DataFrame({"person": ["A", "A"], "event": ["transfusion"] * 2, "day": [8, 9]})

    assert course_risk(events, 1, Precision.WEEK).subsets == 1
    assert course_risk(events, 1, Precision.DAY).subsets == 2


def test_an_unknown_day_is_a_period_of_its_own() -> None:
    """It is no wildcard: nobody with a known day shares it."""
    events = pl.DataFrame({"person": ["A", "B"], "event": ["relapse"] * 2, "day": [None, 10]})

    assert course_risk(events, 1, Precision.QUARTER).unique == Estimated(1.0, 0.0)


def test_the_curve_has_a_point_for_each_precision_and_p() -> None:
    """Its table has one row each, risk rising with p and falling with the period."""
    curve = curve_table(course_curve(COURSES))

    assert curve.height == 25
    assert curve["complete"].all()
    by_precision = curve.filter(pl.col("known") == 2)["mean"].to_list()
    assert by_precision == sorted(by_precision, reverse=True)


def test_senseless_calls_are_refused() -> None:
    """Each with its cause and the next step."""
    with pytest.raises(BadModel, match="at least 1"):
        course_risk(COURSES, 0)
    with pytest.raises(BadModel, match="threshold"):
        course_risk(COURSES, 1, threshold=0)
    with pytest.raises(NoSuchColumn):
        course_risk(COURSES, 1, person="patient")
    with pytest.raises(BadModel, match="1 rows name no person"):
        course_risk(COURSES.with_columns(event=pl.col("event").replace("death", None))[:3], 1)
    with pytest.raises(BadModel, match="no event"):
        course_risk(COURSES.clear(), 1)
