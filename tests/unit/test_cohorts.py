"""Who belongs to a cohort, and what becomes of those who do not."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from haemony.analysis.cohorts import CannotJudge, Condition, Criterion, Known, OneOf, Within, select

INFINITE = float("inf")
SEX = pl.Enum(["male", "female"])
PEOPLE = pl.DataFrame(
    {
        "person": list("ABCDE"),
        "age": [17, 25, 61, None, 70],
        "sex": ["male", "female"] * 2 + [None],
    },
    schema_overrides={"sex": SEX},
)


def people_after(*criteria: Criterion) -> list[str]:
    """Who is left."""
    return select(PEOPLE, criteria).table["person"].to_list()


def test_unknown_is_not_the_same_as_not_met() -> None:
    """One patient is too young and one has no age: each is counted under its own reason."""
    cohort = select(PEOPLE, [Criterion("adults", "age", Within(18, INFINITE))])

    (step,) = cohort.steps

    assert (step.before, step.not_met, step.missing, step.remaining) == (5, 1, 1, 3)
    assert cohort.table["person"].to_list() == ["B", "C", "E"]


def test_each_criterion_counts_those_that_the_ones_before_left() -> None:
    """A patient leaves once, at the first criterion that is not met."""
    cohort = select(
        PEOPLE,
        [
            Criterion("adults", "age", Within(18, INFINITE)),
            Criterion("women", "sex", OneOf(("female",))),
        ],
    )

    found = cohort.attrition().rows()

    assert found == [("adults", 5, 1, 1, 3), ("women", 3, 1, 1, 1)]


@pytest.mark.parametrize(
    ("condition", "left"),
    [
        (Known(), "ABCE"),
        (Within(25, 61), "BC"),
        (Within(-INFINITE, 25), "AB"),
        (OneOf((25, 70)), "BE"),
    ],
)
def test_limits_are_included(condition: Condition, left: str) -> None:
    """At least 25 and at most 61 keeps both 25 and 61."""
    assert people_after(Criterion("age", "age", condition)) == list(left)


def test_no_criterion_keeps_everybody() -> None:
    """A study of everybody needs no criterion."""
    assert people_after() == list("ABCDE")


@pytest.mark.parametrize(
    ("element", "condition", "cause"),
    [
        ("sex", Within(18, INFINITE), "is not a number"),
        ("sex", OneOf(("woman",)), "has no value 'woman' among 'male', 'female'"),
        ("sex", OneOf((1,)), "is a text, not a number"),
        ("age", OneOf(("old",)), "is a number, not a text"),
    ],
)
def test_a_condition_that_does_not_fit_its_column_is_refused(
    element: str, condition: Condition, cause: str
) -> None:
    """A misspelt value is an error: it would silently empty the cohort."""
    with pytest.raises(CannotJudge, match=cause):
        select(PEOPLE, [Criterion("label", element, condition)])


ages = st.lists(st.one_of(st.none(), st.integers(0, 100)), max_size=30)
limits = st.lists(st.tuples(st.integers(0, 100), st.integers(0, 100)), max_size=4)


@given(ages, limits)
def test_nobody_vanishes(values: list[int | None], ranges: list[tuple[int, int]]) -> None:
    """People at the beginning = people left + people counted at some criterion."""
    people = pl.DataFrame({"age": values}, schema={"age": pl.Int64})

    cohort = select(people, [Criterion(f"{a} to {b}", "age", Within(a, b)) for a, b in ranges])

    gone = sum(step.not_met + step.missing for step in cohort.steps)
    assert cohort.people == cohort.table.height + gone
    for step, following in zip(cohort.steps, cohort.steps[1:], strict=False):
        assert following.before == step.remaining
