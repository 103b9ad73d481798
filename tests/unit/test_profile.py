"""Profiles: what may be told of a variable to anybody, and what may not."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

import haemony as hm
from haemony.quality.profile import BadGuard, Bar, Guard, bars, profile, quantiles

AML = hm.disease("aml").catalogue


def of(name: str, values: list[object], owners: list[str] | None = None) -> object:
    """The profile of one element."""
    frame = pl.DataFrame({name: values})
    (found,) = profile(frame, [AML[name]], pl.Series(owners or ["one"] * len(values)))
    return found


def test_a_guard_that_protects_nobody_is_refused() -> None:
    """The threshold is at least twice the base, so that a told count is never about nobody."""
    with pytest.raises(BadGuard, match="protects nobody"):
        Guard(threshold=5, base=5)


def test_few_people_are_not_counted() -> None:
    """A value that nine people have is not told, nor the one that would give it away."""
    found = of("sex", ["male"] * 60 + ["female"] * 9 + [None] * 31)

    assert found.known == 70
    assert found.values == {"male": None, "female": None}
    assert found.completeness == 0.7


def test_a_variable_that_few_have_has_no_completeness() -> None:
    """With nine values in a release the variable is there, and nothing more is said."""
    found = of("wbc", [1.0] * 9 + [None] * 91)

    assert (found.known, found.completeness, found.quantiles, found.bars) == (None, None, {}, ())


def test_a_variable_that_nobody_has_is_no_part_of_it() -> None:
    """Elements without a value are left out."""
    frame = pl.DataFrame({"wbc": pl.Series([None, None], dtype=pl.Float64)})

    assert profile(frame, [AML["wbc"]], pl.Series(["one", "one"])) == ()


def test_contributions_are_told_apart() -> None:
    """Who brings a variable is told, a contribution without it with 0."""
    found = of("wbc", [1.0] * 40 + [None] * 20, ["one"] * 40 + ["two"] * 20)

    assert found.known_by == {"one": 40, "two": 0}


def test_texts_are_counted_and_never_listed() -> None:
    """A text may name somebody: only how many have one is told."""
    found = of("karyotype_iscn", ["46,XX[20]"] * 40)

    assert (found.known, found.values, found.quantiles) == (40, {}, {})


def test_the_extremes_are_never_told() -> None:
    """The largest white count of a release is one patient's; it stays inside."""
    numbers = [float(i) for i in range(199)] + [987.0]

    found = of("wbc", numbers)

    told = [*found.quantiles.values(), *(bar.high for bar in found.bars if bar.high)]
    assert max(told) < 200
    assert found.bars[0].low is None
    assert found.bars[-1].high is None


def test_quantiles_are_means_of_neighbours() -> None:
    """With 100 values and ten neighbours the median is the mean of the ten in the middle."""
    numbers = np.arange(100.0) ** 2

    assert quantiles(numbers, 10)[0.5] == pytest.approx(np.mean(numbers[45:55]), rel=5e-3)
    assert 0.05 not in quantiles(numbers, 10)


sizes = st.lists(st.integers(0, 40), min_size=1, max_size=6)


@given(sizes)
def test_no_told_count_is_about_few(counts: list[int]) -> None:
    """Every told count is a multiple of the base, zero or from the threshold on, near the truth."""
    guard = Guard()

    told = guard.cells({str(i): people for i, people in enumerate(counts)})

    for i, people in enumerate(counts):
        count = told[str(i)]
        if count is not None:
            assert count % guard.base == 0
            assert abs(count - people) <= guard.base / 2
            assert people == 0 or people >= guard.threshold


@given(sizes)
def test_a_single_hidden_cell_has_company(counts: list[int]) -> None:
    """One hidden cell would follow from the total: another hides with it, if there is one."""
    told = Guard().cells({str(i): people for i, people in enumerate(counts)})

    hidden = sum(count is None for count in told.values())
    assert hidden != 1 or not any(told.values())


@given(st.lists(st.floats(-1e6, 1e6, allow_subnormal=False), max_size=300), st.integers(10, 20))
def test_every_bar_holds_many(numbers: list[float], threshold: int) -> None:
    """Each bar holds at least as many people as the threshold, and together they hold everybody."""
    guard = Guard(threshold, 1)

    found = bars(np.sort(np.array(numbers, dtype=float)), guard)

    assert all(bar.people >= threshold for bar in found)
    assert not found or sum(bar.people for bar in found) == len(numbers)
    assert all(isinstance(bar, Bar) for bar in found)


@given(st.lists(st.floats(0, 1e6), min_size=60, max_size=200), st.integers(0, 199))
def test_no_quantile_is_one_persons_value(numbers: list[float], who: int) -> None:
    """Moving one person's value moves a quantile by no more than its share of the neighbours."""
    changed = list(numbers)
    changed[who % len(numbers)] = 0.0

    before = quantiles(np.sort(np.array(numbers)), 10)
    after = quantiles(np.sort(np.array(changed)), 10)

    spread = np.sort(np.array(numbers))
    for share, number in before.items():
        place = round(share * len(numbers))
        near = spread[max(place - 7, 0) : place + 8]
        assert abs(after[share] - number) <= (near[-1] - near[0]) + 1e-2 * abs(number)
