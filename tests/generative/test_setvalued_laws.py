"""What holds for every table of sets."""

from __future__ import annotations

from itertools import combinations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from haemony.privacy.anonymity import Hierarchy
from haemony.privacy.setvalued import Profiles, km_anonymise, km_violations

ITEMS = "abcdef"
GROUPS = Hierarchy.of_rows("item", [(i, "ab" if i in "ab" else "cde" if i in "cde" else "f", "*")
                                    for i in ITEMS])  # fmt: skip
sets = st.lists(st.frozensets(st.sampled_from(ITEMS)), min_size=1, max_size=25)


def profiles(people: list[frozenset[str]]) -> Profiles:
    """Who holds what."""
    held = np.array([[item in own for item in ITEMS] for own in people], dtype=np.bool_)
    return Profiles(tuple(ITEMS), held)


@settings(deadline=None)
@given(people=sets, k=st.integers(2, 5), m=st.integers(1, 4))
def test_violations_are_those_that_sets_show(people: list[frozenset[str]], k: int, m: int) -> None:
    """Every combination looked at one by one."""
    expected = {
        combination: count
        for size in range(1, m + 1)
        for combination in combinations(ITEMS, size)
        if 0 < (count := sum(set(combination) <= own for own in people)) < k
    }

    found = km_violations(profiles(people), k, m)

    assert dict(zip(map(tuple, found.table["items"]), found.table["people"], strict=True)) == (
        expected
    )
    assert found.exposed == sum(any(set(c) <= own for c in expected) for own in people)
    for items, minimal in zip(found.table["items"], found.table["minimal"], strict=True):
        parts = [c for c in expected if set(c) < set(items)]
        assert minimal == (not parts)


@settings(deadline=None)
@given(people=sets, k=st.integers(2, 5), m=st.integers(1, 3))
def test_the_result_is_km_anonymous_and_true(people: list[frozenset[str]], k: int, m: int) -> None:
    """No violation is left, and each label told is above an item that the person holds."""
    found = km_anonymise(profiles(people), GROUPS, k, m)

    assert km_violations(found.profiles, k, m).table.is_empty()
    for own, told in zip(people, found.profiles.held, strict=True):
        labels = {found.labels[item] for item in own} - {None}
        assert {found.profiles.items[i] for i in np.flatnonzero(told)} == labels
    assert 0 <= found.loss <= 1


@settings(deadline=None)
@given(people=sets, k=st.integers(2, 5), m=st.integers(1, 3))
def test_what_violates_nothing_is_left_alone(people: list[frozenset[str]], k: int, m: int) -> None:
    """Everybody k times over: nothing is lost."""
    found = km_anonymise(profiles(people * k), GROUPS, k, m)

    assert found.loss == 0
    assert all(label == item for item, label in found.labels.items())
