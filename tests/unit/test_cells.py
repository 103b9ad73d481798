"""Cells: from exact text to value, as the dictionary declares it."""

from __future__ import annotations

from datetime import date

import polars as pl
import pytest

from haemony.intake.cells import parse
from haemony.intake.dictionary import ColumnType, Entry


def column(kind: ColumnType, unit: str = "", missing: tuple[str, ...] = ()) -> Entry:
    """A dictionary entry of one type."""
    return Entry("clinical", "x", type=kind, unit=unit, missing=missing)


def test_a_decimal_comma_is_a_decimal_mark() -> None:
    """In a file with decimal commas 8,1 is eight point one."""
    cells = parse(pl.Series(["8,1", "7"]), column(ColumnType.NUMBER), decimal=",")

    assert cells.values.to_list() == [8.1, 7.0]


@pytest.mark.parametrize("text", ["eight", "8;1", "inf", "-Inf", "nan", "1e999", "0x10", "8 1"])
def test_what_is_no_finite_number_is_wrong(text: str) -> None:
    """Nothing that is not a finite decimal number passes as one."""
    cells = parse(pl.Series([text]), column(ColumnType.NUMBER))

    assert cells.wrong.to_list() == [True]
    assert cells.values.to_list() == [None]


def test_a_missing_code_is_the_same_number_in_another_spelling() -> None:
    """The code -9 also covers -9.0, which other programs write for it."""
    cells = parse(pl.Series(["-9", "-9.0", "12"]), column(ColumnType.NUMBER, missing=("-9",)))

    assert cells.missing.to_list() == [True, True, False]


@pytest.mark.parametrize(
    ("form", "text"),
    [("", "2019-05-02"), ("DD.MM.YYYY", "02.05.2019"), ("MM/DD/YYYY", "05/02/2019")],
)
def test_dates_are_read_in_their_declared_form(form: str, text: str) -> None:
    """The second of May 2019, as three partners write it."""
    cells = parse(pl.Series([text, "31.02.2019"]), column(ColumnType.DATE, form))

    assert cells.values.to_list() == [date(2019, 5, 2), None]
    assert cells.wrong.to_list() == [False, True]


def test_a_value_outside_the_permitted_ones_is_wrong() -> None:
    """What the dictionary does not list is not guessed."""
    entry = Entry("c", "x", type=ColumnType.CATEGORY, values={"0": "no", "1": "yes"})

    cells = parse(pl.Series(["1", "2", ""]), entry)

    assert cells.values.to_list() == ["1", None, None]
    assert cells.wrong.to_list() == [False, True, False]
