"""What holds for every table of events."""

from __future__ import annotations

from itertools import combinations
from unittest.mock import patch

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from haemony.privacy import courses
from haemony.privacy.courses import Precision, course_risk

tables = st.lists(
    st.tuples(st.integers(0, 7), st.sampled_from("abcd"), st.integers(-20, 60)), min_size=1,
    max_size=40,
).map(lambda rows: pl.DataFrame(rows, orient="row", schema=["person", "event", "day"]))  # fmt: skip


def by_hand(events: pl.DataFrame, known: int) -> tuple[float, float]:
    """Mean risk and unique share, from sets."""
    items: dict[int, set[tuple[str, int]]] = {}
    for person, event, day in events.iter_rows():
        items.setdefault(person, set()).add((event, day))
    means, uniques = [], []
    for own in items.values():
        shared = [
            sum(set(subset) <= other for other in items.values())
            for subset in combinations(sorted(own), min(known, len(own)))
        ]
        means.append(np.mean([1 / n for n in shared]))
        uniques.append(np.mean([n == 1 for n in shared]))
    return float(np.mean(means)), float(np.mean(uniques))


@settings(deadline=None)
@given(events=tables, known=st.integers(1, 5))
def test_all_subsets_give_the_risk_by_definition(events: pl.DataFrame, known: int) -> None:
    """Bitsets count what sets count."""
    found = course_risk(events, known, draws=10**6)

    assert found.complete
    assert (found.mean.value, found.unique.value) == pytest.approx(by_hand(events, known))
    assert found.mean.error == 0


@settings(deadline=None)
@given(events=tables, known=st.integers(1, 5))
def test_rare_items_are_counted_as_common_ones_are(events: pl.DataFrame, known: int) -> None:
    """With room for one bitset only, everything else goes by the people of the rarest item."""
    with patch.object(courses, "BITSETS", 0), patch.object(courses, "CHUNK", 64):
        rare = course_risk(events, known, draws=10**6)

    assert rare == course_risk(events, known, draws=10**6)


@settings(deadline=None)
@given(events=tables, known=st.integers(1, 4))
def test_more_knowledge_is_never_less_risk(events: pl.DataFrame, known: int) -> None:
    """Over all subsets, the mean risk rises with p."""
    less, more = (course_risk(events, p, draws=10**6) for p in (known, known + 1))

    assert more.mean.value >= less.mean.value - 1e-12


@settings(deadline=None)
@given(events=tables)
def test_a_risk_does_not_depend_on_the_order_of_rows(events: pl.DataFrame) -> None:
    """Nor on what persons are called."""
    other = events.reverse().with_columns(person=100 + pl.col("person"))

    assert course_risk(events, 2, draws=1) == course_risk(other, 2, draws=1)


@pytest.mark.parametrize(("draws", "people"), [(3, 10_000), (3, 60), (1, 10_000)])
def test_errors_speak_true(draws: int, people: int) -> None:
    """Over 200 seeds, estimates spread as their errors say, around the complete figure."""
    rng = np.random.default_rng(5)
    events = pl.DataFrame(
        {
            "person": np.repeat(np.arange(150), 8),
            "event": rng.choice(list("abcdefgh"), 1200),
            "day": rng.integers(0, 90, 1200),
        }
    )
    truth = course_risk(events, 2, Precision.WEEK, draws=10**6).mean.value

    found = [
        course_risk(events, 2, Precision.WEEK, draws=draws, people=people, seed=seed).mean
        for seed in range(200)
    ]

    values, errors = np.array([(e.value, e.error) for e in found]).T
    assert values.mean() == pytest.approx(truth, abs=4 * values.std() / np.sqrt(200))
    if draws > 1:
        assert np.sqrt((errors**2).mean()) == pytest.approx(values.std(), rel=0.2)
    else:
        assert np.sqrt((errors**2).mean()) >= 0.9 * values.std()
