"""The drawings of states: shares stacked to one, and schemes with their numbers."""

from __future__ import annotations

import itertools

import polars as pl
import pytest

from haemony.analysis import multistate as ms
from haemony.analysis.protocol import TimeUnit
from haemony.analysis.report.figures.drawing import SERIES
from haemony.analysis.report.figures.states import diagram, stacked

THERE_AND_BACK = ms.Scheme.read(
    "there and back",
    """
    diagnosis -> remission, relapse, dead
    remission -> transplant, relapse, dead
    transplant -> remission, relapse, dead
    relapse -> transplant, dead
    """,
)


def course() -> ms.Histories:
    """Forty patients, most of whom reach remission."""
    table = pl.DataFrame(
        {
            "remission": [20 + i if i % 4 else None for i in range(40)],
            "relapse": [200 + 9 * i if i % 4 and i % 3 else None for i in range(40)],
            "last": [600 + 15 * i if i % 4 else 30 + i for i in range(40)],
            "dead": [int(i % 5 > 1) for i in range(40)],
        }
    )
    return ms.histories(
        table,
        ms.AML_COURSE,
        [
            ms.Moment("remission", "remission"),
            ms.Moment("relapse", "relapse"),
            ms.Moment("death", "last", ms.AML_COURSE.absorbing, status="dead"),
        ],
        until="last",
    )


def test_bands_fill_the_height() -> None:
    """At every step the lowest band begins at nothing and the highest ends at everybody."""
    told = course()

    sketch = stacked(ms.occupation(told).table(), told.scheme, TimeUnit.YEARS, "x.svg", until=2)

    bands = [layer for layer in sketch.spec["layer"] if layer["mark"]["type"] == "area"]
    assert len(bands) == len(told.scheme.states)
    assert {row["lo"] for row in bands[0]["data"]["values"]} == {0}
    assert {row["hi"] for row in bands[-1]["data"]["values"]} == {1}
    for below, above in itertools.pairwise(bands):
        tops = [row["hi"] for row in below["data"]["values"]]
        assert tops == [row["lo"] for row in above["data"]["values"]]


def test_names_of_bands_never_overlap() -> None:
    """States with next to nobody in them are still named, one line apart."""
    told = course()

    sketch = stacked(ms.occupation(told).table(), told.scheme, TimeUnit.DAYS, "x.svg")

    heights = sorted(
        layer["encoding"]["y"]["value"]
        for layer in sketch.spec["layer"]
        if layer["mark"]["type"] == "text"
    )
    assert all(b - a >= 15 for a, b in itertools.pairwise(heights))


def test_a_drawing_says_what_it_shows() -> None:
    """The alternative text has the shares at the end, and the page's colours are roles."""
    told = course()
    sketch = stacked(ms.occupation(told).table(), told.scheme, TimeUnit.YEARS, "x.svg", until=2)

    drawn = sketch.drawn("source").inline

    assert "After 2 years" in sketch.alt
    assert "remission" in sketch.alt
    assert "var(--fig-series-1" in drawn
    assert f'"{SERIES[0]}"' not in drawn


def test_one_patient_can_be_drawn_as_well() -> None:
    """Transition probabilities from one state have the same shape."""
    told = course()
    p = ms.transition_probabilities(ms.hazards(told), since=100)

    sketch = stacked(p.table("remission"), told.scheme, TimeUnit.DAYS, "x.svg")

    assert "<svg" in sketch.drawn("source").svg


def test_small_numbers_are_not_told() -> None:
    """Counts below the threshold appear as such, in the drawing and in its text."""
    told = course()
    small = told.events().filter(
        pl.col("to").is_not_null() & (pl.col("count") > 0) & (pl.col("count") < 12)
    )

    sketch = diagram(told.scheme, told.events(), "x.svg", least=12)

    assert small.height
    assert "<12" in sketch.alt
    for row in small.iter_rows(named=True):
        assert f"{row['from']} to {row['to']} <12" in sketch.alt


@pytest.mark.parametrize(
    "scheme",
    [ms.AML_COURSE, ms.AML_TRANSPLANT, ms.PLATELET_RECOVERY, THERE_AND_BACK],
    ids=lambda scheme: scheme.name,
)
def test_every_state_stands_inside_the_drawing(scheme: ms.Scheme) -> None:
    """Boxes and arrows lie within the frame, whatever the scheme."""
    events = pl.DataFrame(
        [(a.origin, a.target, 30, 60, 0.5) for a in scheme.transitions]
        + [(state, None, 30, 60, 0.5) for state in scheme.states],
        schema=["from", "to", "count", "entered", "proportion"],
        orient="row",
    )

    spec = diagram(scheme, events, "x.svg").spec

    for layer in spec["layer"]:
        for row in layer["data"]["values"]:
            for field, size in (("x", "width"), ("x2", "width"), ("y", "height"), ("y2", "height")):
                assert 0 <= row.get(field, 0) <= spec[size]
