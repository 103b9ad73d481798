"""What holds for every rate, every excess and every attack."""

from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from haemony.privacy.attacks import (
    Categorical,
    Excess,
    Numeric,
    Predicates,
    Rate,
    Rehearsal,
    ratio_interval,
    singling_out,
)

rates = st.integers(1, 400).flatmap(
    lambda attempts: st.builds(Rate, st.integers(0, attempts), st.just(attempts))
)


@given(rate=rates)
def test_a_wilson_interval_holds_its_share(rate: Rate) -> None:
    """It lies between 0 and 1 and around the share."""
    interval = rate.wilson()

    assert 0 <= interval.low <= rate.share <= interval.high <= 1
    assert interval.low < interval.high


@given(members=rates, control=rates)
def test_an_interval_holds_its_estimate(members: Rate, control: Rate) -> None:
    """The excess lies in its interval, which never goes beyond 1."""
    excess = Excess.of(members, control)

    assert excess.interval.low < excess.interval.high <= 1
    assert math.isnan(excess.estimate) or (
        excess.interval.low - 1e-9 <= excess.estimate <= excess.interval.high + 1e-9
    )


@given(members=rates, control=rates)
def test_the_ratio_turned_round_has_the_interval_turned_round(members: Rate, control: Rate) -> None:
    """Which share stands above the line makes no difference."""
    one = ratio_interval(members.failures, members.attempts, control.failures, control.attempts)
    other = ratio_interval(control.failures, control.attempts, members.failures, members.attempts)

    for bound, inverse in zip(one, reversed(other), strict=True):
        if bound == 0:
            assert inverse == math.inf
        elif bound == math.inf:
            assert inverse == 0
        else:
            assert bound * inverse == pytest.approx(1, rel=1e-8)


@given(members=rates, control=rates)
def test_more_confidence_is_a_wider_interval(members: Rate, control: Rate) -> None:
    """99 % holds 95 %."""
    narrow = Excess.of(members, control, 0.95).interval
    wide = Excess.of(members, control, 0.99).interval

    assert wide.low <= narrow.low
    assert wide.high >= narrow.high


@pytest.mark.parametrize("attempts", [(40, 40), (60, 30)])
@pytest.mark.parametrize("shares", [(0.5, 0.5), (0.9, 0.6), (0.3, 0.25), (0.97, 0.9), (0.1, 0.02)])
def test_intervals_of_the_excess_hold_the_truth_as_often_as_they_say(
    attempts: tuple[int, int], shares: tuple[float, float]
) -> None:
    """Exact coverage, summed over all outcomes: 94 to 98 %, more where successes are rare."""
    truth = (shares[0] - shares[1]) / (1 - shares[1])
    probability = [binom.pmf(np.arange(n + 1), n, p) for n, p in zip(attempts, shares, strict=True)]
    likely = np.outer(*probability)
    held = 0.0
    for members, control in np.argwhere(likely > 1e-7):
        excess = Excess.of(Rate(int(members), attempts[0]), Rate(int(control), attempts[1]))
        held += likely[members, control] * (truth in excess.interval)

    assert 0.94 <= held <= 0.98


def test_intervals_of_the_excess_by_simulation() -> None:
    """At the sizes that releases have, 95 of 100 intervals hold the truth."""
    rng = np.random.default_rng(1)
    held = []
    for members, control in [(0.62, 0.6), (0.05, 0.01), (0.9, 0.3)]:
        truth = (members - control) / (1 - control)
        for ours, theirs in zip(
            rng.binomial(770, members, 1000), rng.binomial(770, control, 1000), strict=True
        ):
            held.append(truth in Excess.of(Rate(int(ours), 770), Rate(int(theirs), 770)).interval)

    assert np.mean(held) == pytest.approx(0.95, abs=3 * math.sqrt(0.95 * 0.05 / len(held)))


numbers = st.integers(1, 10_000).map(lambda tenths: tenths / 8)
tables = st.lists(
    st.tuples(numbers, st.none() | numbers, st.sampled_from(["a", "b", "c", "*", None])),
    min_size=6,
    max_size=40,
).map(lambda rows: pl.DataFrame(rows, orient="row", schema={"x": pl.Float64, "y": pl.Float64,
                                                            "z": pl.String}))  # fmt: skip
COLUMNS = {"x": Numeric(), "y": Numeric(), "z": Categorical()}


@settings(max_examples=40, deadline=None)
@given(people=tables)
def test_the_unit_does_not_change_who_is_near(people: pl.DataFrame) -> None:
    """Distances are the same in other units: powers of two, so that no digit is lost."""
    half = people.height // 2
    other = people.with_columns(pl.col("x", "y") * 4)
    here, there = (
        Rehearsal(table[:half], table[:half], table[half:], COLUMNS) for table in (people, other)
    )

    for one, two in zip(
        here.distances(people, list(COLUMNS)), there.distances(other, list(COLUMNS)), strict=True
    ):
        np.testing.assert_allclose(one[1], two[1], atol=1e-12)


@settings(max_examples=40, deadline=None)
@given(people=tables)
def test_a_copied_row_is_at_no_distance_from_its_person(people: pl.DataFrame) -> None:
    """Gower's distance is 0 on the diagonal of an untouched release, and lies in [0, 1]."""
    told = people.filter(pl.col("z").ne_missing("*"))
    if told.is_empty():
        return
    rehearsal = Rehearsal(told, told, told, COLUMNS)

    for block, distances in rehearsal.distances(told, list(COLUMNS)):
        assert np.allclose(np.diag(distances[:, block]), 0)
        assert distances.min() >= 0
        assert distances.max() <= 1


@settings(max_examples=40, deadline=None)
@given(people=tables, seed=st.integers(0, 9))
def test_attacks_on_equals_find_no_excess(people: pl.DataFrame, seed: int) -> None:
    """Where the control are the members themselves, singling out finds an excess of exactly 0."""
    if people["x"].n_unique() < 2:
        return
    rehearsal = Rehearsal(people, people, people, COLUMNS)

    found = singling_out(rehearsal, Predicates.UNIVARIATE, ["x"], seed=seed)

    assert found.on_members == found.on_control
    assert found.excess.estimate == 0 or math.isnan(found.excess.estimate)
