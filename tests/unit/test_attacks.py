"""Attacks on released tables: what each counts as a success, and what it refuses."""

from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest

from haemony.privacy.anonymity import Hierarchy
from haemony.privacy.anonymity.faults import MissingValues, NoSuchColumn, UnknownValues
from haemony.privacy.attacks import (
    Attack,
    Categorical,
    Generalised,
    Numeric,
    Outcome,
    Predicates,
    Rate,
    Rehearsal,
    Verdict,
    halves,
    inference,
    linkability,
    singling_out,
)
from haemony.privacy.attacks.faults import BadAttack

AGE = Hierarchy.of_rows(
    "age", [(str(a), f"{a // 10 * 10}-{a // 10 * 10 + 9}", "*") for a in range(20, 60)]
)


def copied(people: pl.DataFrame, columns: dict[str, object], members: int) -> Rehearsal:
    """A release of the first rows as they are; the rest are the control."""
    return Rehearsal(people[:members], people[:members], people[members:], columns)  # type: ignore[arg-type]


def test_a_label_holds_the_leaves_under_it() -> None:
    """A cell that holds the truth is nearer than one that does not, and the narrower the nearer."""
    reading = Generalised(AGE).read(pl.Series("age", ["20-29", "25", "*", "30-39", "26"]))

    (distances,) = reading.distances(reading.truth(pl.Series([25])))

    assert distances.tolist() == [0.5 * 9 / 39, 0, 0.5, 1, 1]


def test_a_star_among_names_says_nothing() -> None:
    """Without a hierarchy, ``*`` stands for every name, released or not."""
    reading = Categorical().read(pl.Series("sex", ["f", "*", "m", None]))

    near = reading.distances(reading.truth(pl.Series(["f", "unheard of", None])))

    assert near.tolist() == [[0, 0.5, 1, 1], [1, 0.5, 1, 1], [1, 0.5, 1, 0]]


def test_numbers_are_apart_by_the_released_rows_between_them() -> None:
    """Distance ignores the unit: the largest value counts as one step, however large."""
    plain = Numeric().read(pl.Series("wbc", [1.0, 2.0, 3.0, 4.0]))
    skewed = Numeric().read(pl.Series("wbc", [1.0, 2.0, 3.0, 4e6]))

    assert plain.distances(plain.truth(pl.Series([3.0]))).tolist() == [[0.5, 0.25, 0, 0.25]]
    assert skewed.distances(skewed.truth(pl.Series([3.0]))).tolist() == [[0.5, 0.25, 0, 0.25]]


def test_a_missing_number_is_midway_from_every_other() -> None:
    """Missing agrees with missing, and neither agrees with nor contradicts a number."""
    reading = Numeric().read(pl.Series("wbc", [1.0, None, 3.0]))

    near = reading.distances(reading.truth(pl.Series([1.0, None])))

    assert near.tolist() == [[0, 0.5, 0.5], [0.5, 0, 0.5]]


def test_rows_at_the_same_distance_vote() -> None:
    """The secret is what most of the nearest rows say, not what the first of them says."""
    released = pl.DataFrame({"age": ["20-29"] * 5, "NPM1": ["-", "+", "+", "-", "+"]})
    people = pl.DataFrame({"age": [22], "NPM1": ["+"]})
    columns = {"age": Generalised(AGE), "NPM1": Categorical()}

    found = inference(Rehearsal(released, people, people, columns), "NPM1")

    assert found.on_members == Rate(1, 1)


def test_a_number_is_right_within_its_tolerance() -> None:
    """Relative to the truth, or in the unit, whichever is wider."""
    released = pl.DataFrame({"sex": ["f", "m"], "wbc": [104.0, 12.0]})
    people = pl.DataFrame({"sex": ["f", "m"], "wbc": [100.0, 10.0]})

    def hits(column: Numeric) -> int:
        columns = {"sex": Categorical(), "wbc": column}
        return inference(Rehearsal(released, people, people, columns), "wbc").on_members.successes

    assert hits(Numeric(relative=0.05)) == 1
    assert hits(Numeric(relative=0.03)) == 0
    assert hits(Numeric(relative=0.05, absolute=2)) == 2


def test_a_generalised_secret_is_guessed_to_the_leaf() -> None:
    """``20-29`` is no right guess of 23: one of ten leaves is drawn, and rarely the right one."""
    people = pl.DataFrame({"id": range(300), "age": [20 + i % 10 for i in range(300)]})
    released = people.with_columns(age=pl.lit("20-29"))
    columns = {"id": Numeric(), "age": Generalised(AGE)}

    found = inference(Rehearsal(released, people, people, columns), "age")

    assert 0.1 in found.on_members.wilson(0.999)


def test_people_without_the_secret_are_not_attacked() -> None:
    """Nothing is learned from an empty cell."""
    people = pl.DataFrame({"id": range(8), "NPM1": ["+", None] * 4})

    found = inference(copied(people, {"id": Numeric(), "NPM1": Categorical()}, 4), "NPM1")

    assert found.on_members == Rate(2, 2)


def test_a_row_links_what_leads_to_it_from_both_sides() -> None:
    """Two of three members find the same released row from both sides."""
    released = pl.DataFrame({"wbc": [1, 2, 3], "ldh": [10, 30, 20]})
    members = pl.DataFrame({"wbc": [1, 2, 3], "ldh": [10, 30, 30]})
    columns = {"wbc": Numeric(), "ldh": Numeric()}

    found = linkability(Rehearsal(released, members, members, columns), (["wbc"], ["ldh"]))

    assert found.on_members == Rate(2, 3)


def test_ties_are_broken_independently_on_both_sides() -> None:
    """A release that says nothing links no more often than chance, though all rows are tied."""
    people = pl.DataFrame({"a": ["x"] * 800, "b": ["y"] * 800})
    rehearsal = copied(people, {"a": Categorical(), "b": Categorical()}, 400)

    found = linkability(rehearsal, (["a"], ["b"]), neighbours=20)

    chance = 1 - math.comb(380, 20) / math.comb(400, 20)
    assert chance in found.on_members.wilson(0.999)
    assert chance in found.by_guessing.wilson(0.999)


def test_a_copied_extreme_is_singled_out() -> None:
    """The one person above all others fits the predicate learned from her row."""
    people = pl.DataFrame({"wbc": [1, 1, 2, 2, 90, 1, 2, 1, 2, 2]})

    found = singling_out(copied(people, {"wbc": Numeric()}, 5), Predicates.UNIVARIATE)

    assert found.on_members == Rate(1, 3)
    assert found.on_control == Rate(0, 3)


def test_a_blurred_row_still_singles_out() -> None:
    """Predicates reach as far as they can, so that noise smaller than the gaps is no protection."""
    people = pl.DataFrame(
        {"x": [i * 37 % 200 for i in range(200)], "y": [i * 73 % 199 for i in range(200)]}
    )
    blurred = people[:100].with_columns(pl.col("x", "y") + 0.4)
    rehearsal = Rehearsal(blurred, people[:100], people[100:], {"x": Numeric(), "y": Numeric()})

    found = singling_out(rehearsal)

    assert found.on_members.share > 0.9
    assert found.excess.interval.low > 0.5


def test_class_means_single_nobody_out() -> None:
    """Numbers replaced by the mean of twelve: nearest to each mean are its twelve people."""
    rng = np.random.default_rng(3)
    people = pl.DataFrame({"wbc": rng.lognormal(3, 1, 960), "ldh": rng.lognormal(6, 0.5, 960)})
    members, control = halves(people)
    ranked = members.sort("wbc").with_row_index("class")
    means = ranked.with_columns(pl.col("wbc", "ldh").mean().over(pl.col("class") // 12))
    rehearsal = Rehearsal(means, members, control, {"wbc": Numeric(), "ldh": Numeric()})

    one = singling_out(rehearsal, Predicates.UNIVARIATE, ["wbc"])
    untouched = singling_out(copied(people, dict(rehearsal.columns), 480), columns=["wbc", "ldh"])

    assert one.on_members == Rate(0, 40)
    assert untouched.on_members.share == 1


def test_halves_share_nobody_and_lose_nobody() -> None:
    """Everybody is member or control, the control never smaller, the same for the same seed."""
    people = pl.DataFrame({"person": range(101)})

    members, control = halves(people, seed=4)

    assert (members.height, control.height) == (50, 51)
    assert sorted([*members["person"], *control["person"]]) == list(range(101))
    assert halves(people, seed=4)[0].equals(members)
    assert not halves(people, seed=5)[0].equals(members)


def test_equal_seeds_give_equal_outcomes() -> None:
    """Every draw comes from the seed."""
    people = pl.DataFrame({"x": [i * 37 % 101 for i in range(200)], "y": ["a", "b"] * 100})
    rehearsal = copied(people, {"x": Numeric(), "y": Categorical()}, 100)

    for _ in range(2):
        assert singling_out(rehearsal, seed=7) == singling_out(rehearsal, seed=7)
        assert inference(rehearsal, "y", attempts=9) == inference(rehearsal, "y", attempts=9)
        assert linkability(rehearsal, (["x"], ["y"])) == linkability(rehearsal, (["x"], ["y"]))
    assert singling_out(rehearsal, seed=7) != singling_out(rehearsal, seed=8)


@pytest.mark.parametrize(
    ("members", "control", "tolerated", "verdict"),
    [
        (90, 50, 0.0, Verdict.LEAKS),
        (90, 50, 0.79, Verdict.UNDECIDED),
        (50, 50, 0.09, Verdict.UNDECIDED),
        (30, 50, 0.0, Verdict.WITHIN),
    ],
)
def test_the_verdict_compares_the_interval_with_what_is_tolerated(
    members: int, control: int, tolerated: float, verdict: Verdict
) -> None:
    """Above as a whole: leaks; below as a whole: within; else undecided."""
    found = Outcome(Attack.INFERENCE, "NPM1", Rate(members, 100), Rate(control, 100), Rate(50, 100))

    assert found.verdict(tolerated) is verdict


def test_nothing_exceeds_a_control_that_is_always_right() -> None:
    """The excess is undefined, its interval open below, and the verdict undecided."""
    found = Outcome(Attack.INFERENCE, "sex", Rate(9, 9), Rate(9, 9), Rate(5, 9))

    assert math.isnan(found.excess.estimate)
    assert found.excess.interval.low == -math.inf
    assert found.excess.interval.high == 1
    assert found.verdict() is Verdict.UNDECIDED


def test_unreadable_cells_are_refused() -> None:
    """A label outside the hierarchy, an empty cell without a leaf, text among numbers."""
    with pytest.raises(UnknownValues, match="1 value of 'age' in 2 rows"):
        Generalised(AGE).read(pl.Series("age", ["20-24", "20-24", "20-29"]))
    with pytest.raises(MissingValues):
        Generalised(AGE).read(pl.Series("age", [None, "20-29"]))
    with pytest.raises(BadAttack, match="no column of numbers"):
        Numeric().read(pl.Series("age", ["20-29"]))


def test_impossible_attacks_are_refused() -> None:
    """Each with its cause and the next step."""
    people = pl.DataFrame({"a": ["x", "y"] * 10, "b": ["*"] * 20})
    both = {"a": Categorical(), "b": Categorical()}
    rehearsal = copied(people, both, 10)

    with pytest.raises(NoSuchColumn):
        copied(people.select("a"), both, 10)
    with pytest.raises(BadAttack, match="'control' is empty"):
        copied(people, both, 20)
    with pytest.raises(BadAttack, match="both sides know 'a'"):
        linkability(rehearsal, (["a"], ["a", "b"]))
    with pytest.raises(BadAttack, match="describes no column 'c'"):
        inference(rehearsal, "c")
    with pytest.raises(BadAttack, match="hold back as many"):
        singling_out(copied(people, both, 12))
    with pytest.raises(BadAttack, match="fewer than two columns"):
        singling_out(rehearsal)
    with pytest.raises(BadAttack, match="no released cell says anything"):
        singling_out(rehearsal, columns=["b"])
