"""The screen without identities: it warns when it should, stays silent otherwise, never merges."""

from __future__ import annotations

import warnings

import numpy as np
import polars as pl
import pytest

from haemony.analysis.synthetic import draw_aml
from haemony.privacy.linkage.errors import BadScreen
from haemony.privacy.linkage.similar import SuspiciousPairs, screen

COLUMNS = {"age": 1.0, "male": 0.0, "wbc": 0.2, "haemoglobin": 0.2, "platelets": 2.0, "ldh": 5.0}


def trial(patients: int, seed: int) -> pl.DataFrame:
    """Clinical values of in-silico patients, anonymised."""
    return draw_aml(patients, seed).patients.select(*COLUMNS)


def test_patients_recruited_twice_are_suspected() -> None:
    """Ten patients of one trial, rounded anew, stand in the other: listed, with a warning."""
    first, second = trial(500, 1), trial(600, 2)
    copied = first.head(10).with_columns(pl.col("age") + 1, pl.col("haemoglobin").round(0))

    with pytest.warns(SuspiciousPairs, match="ask both partners"):
        result = screen(first, pl.concat([second, copied]), COLUMNS, differing=1)

    listed = set(result.pairs.select("left", "right").rows())
    assert {(i, 600 + i) for i in range(10)} <= listed
    assert result.alarming
    assert result.found < 30


def test_strangers_do_not_alarm() -> None:
    """Trials without common patients: hits as chance predicts, in at least 18 of 20 pairs."""
    quiet, found, expected = 0, 0, 0.0
    for seed in range(20):
        first, second = trial(400, 100 + seed), trial(300, 200 + seed)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SuspiciousPairs)
            result = screen(first, second, {"age": 1, "male": 0, "haemoglobin": 0.5})
        quiet += not result.alarming
        found, expected = found + result.found, expected + result.expected

    assert quiet >= 18
    assert found == pytest.approx(expected, rel=0.05)


def test_the_expected_number_keeps_the_dependence_of_columns() -> None:
    """Two columns that are one: counted within the tables, not multiplied as if independent."""
    rng = np.random.default_rng(3)
    first, second = (pl.DataFrame({"a": rng.integers(0, 20, n)}) for n in (200, 300))
    first, second = (frame.with_columns(b="a") for frame in (first, second))

    result = screen(first, second, {"a": 0, "b": 0})

    assert result.found == pytest.approx(200 * 300 / 20, rel=0.1)
    assert result.expected_low < result.found < result.expected_high


def test_a_missing_value_neither_agrees_nor_differs() -> None:
    """It lowers what is known; a pair needs enough known columns."""
    first = pl.DataFrame(
        {"age": [41], "sex": ["f"], "wbc": [None]}, schema_overrides={"wbc": float}
    )
    second = pl.DataFrame({"age": [41], "sex": ["f"], "wbc": [3.1]})
    columns = {"age": 0.0, "sex": 0.0, "wbc": 0.1}

    assert screen(first, second, columns).found == 0
    listed = screen(first, second, columns, least_known=2).pairs
    assert listed.rows() == [(0, 0, 2, 2)]


def test_a_tolerance_is_inclusive() -> None:
    """3.1 and 3.3 are 0.2 apart, floating point or not."""
    first, second = pl.DataFrame({"wbc": [3.1]}), pl.DataFrame({"wbc": [3.3]})

    assert screen(first, second, {"wbc": 0.2}).found == 1
    assert screen(first, second, {"wbc": 0.1}).found == 0


def test_one_row_tables_have_no_expectation() -> None:
    """Without two patients in a table nothing says what chance gives."""
    one = pl.DataFrame({"age": [41]})

    result = screen(one, one, {"age": 0})

    assert result.found == 1
    assert not result.alarming


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        ({}, "no column"),
        ({"height": 0.0}, "not in both"),
        ({"sex": 1.0}, "tolerance of sex"),
        ({"age": -1.0}, "tolerance of age"),
        ({"age": float("inf")}, "tolerance of age"),
        ({"mixed": 0.0}, "number in one table only"),
    ],
)
def test_what_cannot_be_screened_is_refused(columns: dict[str, float], reason: str) -> None:
    """The message names the column."""
    first = pl.DataFrame({"age": [1], "sex": ["f"], "mixed": [1]})
    second = pl.DataFrame({"age": [1], "sex": ["f"], "mixed": ["1"]})

    with pytest.raises(BadScreen, match=reason):
        screen(first, second, columns)


def test_nonsense_about_how_much_may_differ_is_refused() -> None:
    """More differing columns than known ones would make every pair suspicious."""
    one = pl.DataFrame({"age": [1]})

    with pytest.raises(BadScreen):
        screen(one, one, {"age": 0}, differing=1)
