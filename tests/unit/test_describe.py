"""What a baseline table says, in tables small enough to check by hand."""

from __future__ import annotations

import math

import polars as pl
import pytest

from haemony.analysis.cells import shown_row, shown_table
from haemony.analysis.describe import (
    Comparison,
    Counts,
    Numbers,
    describe,
    largest_difference,
)

FINDING = pl.Enum(["negative", "positive"])
PATIENTS = pl.DataFrame(
    {
        "arm": ["a", "a", "a", "b", "b", None],
        "age": [40.0, 50.0, None, 60.0, 80.0, 70.0],
        "NPM1": ["positive", "negative", None, "negative", "negative", "positive"],
    },
    schema_overrides={"NPM1": FINDING},
)


def test_a_number_is_summarised_over_those_who_have_it() -> None:
    """Mean, SD and quartiles are of the known values; the missing one is counted."""
    age = describe(PATIENTS, ["age"]).variables[0].overall

    assert isinstance(age, Numbers)
    assert (age.n, age.missing, age.mean, age.median) == (5, 1, 60.0, 60.0)
    assert (age.lower, age.upper) == (50.0, 70.0)
    assert age.sd == pytest.approx(15.811388)


def test_shares_are_of_those_tested() -> None:
    """A patient who was not tested is in no denominator."""
    npm1 = describe(PATIENTS, ["NPM1"]).variables[0].overall

    assert npm1 == Counts(n=5, missing=1, counts=(3, 2))
    assert npm1.shares == (0.6, 0.4)


def test_groups_stand_beside_everybody() -> None:
    """A patient without a group counts in the overall column alone, and is named."""
    table = describe(PATIENTS, ["NPM1"], by="arm")

    assert table.groups == (("a", 3), ("b", 2))
    assert table.ungrouped == 1
    assert table.variables[0].groups == (Counts(2, 1, (1, 1)), Counts(2, 0, (2, 0)))


def test_levels_keep_the_order_of_the_catalogue_and_absent_ones_stay_out() -> None:
    """An Enum's order is that of its categories, not of the alphabet."""
    column = pl.Series("risk", ["adverse", "low", "adverse"], pl.Enum(["low", "mid", "adverse"]))

    assert describe(column.to_frame(), ["risk"]).variables[0].levels == ("low", "adverse")


def test_a_group_without_values_has_no_median() -> None:
    """Nothing known gives no number, not zero."""
    table = pl.DataFrame({"arm": ["a", "b"], "ldh": [200.0, None]})

    empty = describe(table, ["ldh"], by="arm").variables[0].groups[1]

    assert isinstance(empty, Numbers)
    assert (empty.n, empty.missing) == (0, 1)
    assert math.isnan(empty.median)


def test_nothing_is_compared_unless_asked() -> None:
    """Tests are off by default: in a large pool nearly everything is significant."""
    variable = describe(PATIENTS, ["age"], by="arm").variables[0]

    assert variable.difference is None
    assert variable.test is None


def test_a_standardised_difference_is_in_standard_deviations() -> None:
    """Means 45 and 70, variances 50 and 200: 25 / sqrt(125)."""
    age = describe(PATIENTS, ["age"], by="arm", comparison=Comparison.DIFFERENCES).variables[0]

    assert age.difference == pytest.approx(25 / math.sqrt(125))


def test_with_several_groups_the_largest_difference_counts() -> None:
    """Shares of .5, .5 and .6: the first pair does not differ, the others do."""
    groups = [Counts(100, 0, (k, 100 - k)) for k in (50, 50, 60)]

    assert largest_difference(groups) == pytest.approx(0.1 / math.sqrt((0.25 + 0.24) / 2))


def test_tests_are_kruskal_wallis_and_chi_squared() -> None:
    """The names of the tests come with their p-values."""
    table = pl.DataFrame(
        {"arm": list("aaaabbbb"), "age": [1, 2, 3, 4, 5, 6, 7, 8], "sex": list("mmmfmfff")}
    )

    age, sex = describe(table, ["age", "sex"], by="arm", comparison=Comparison.TESTS).variables

    assert age.test is not None
    assert sex.test is not None
    assert (age.test.name, round(age.test.p, 4)) == ("Kruskal–Wallis", 0.0209)
    assert (sex.test.name, round(sex.test.statistic, 6)) == ("chi-squared", 2.0)


def test_a_small_count_takes_another_with_it() -> None:
    """With the total in print, one hidden cell could be had by subtraction."""
    assert shown_row([3, 10, 40], 5) == ("<5", "hidden", 40)
    assert shown_row([0, 10, 40], 5) == (0, 10, 40)
    assert shown_row([3, 4, 40], 5) == ("<5", "<5", 40)
    assert shown_row([3, 10], 1) == (3, 10)


def test_no_row_or_column_of_a_table_gives_a_small_count_away() -> None:
    """Every row and column has no hidden cell, or at least two."""
    hidden = [
        [isinstance(cell, str) for cell in row]
        for row in shown_table([[2, 30, 9], [40, 50, 60], [60, 7, 80], [10, 11, 12]], 5)
    ]

    sums = [sum(line) for line in (*hidden, *zip(*hidden, strict=True))]
    assert 1 not in sums
    assert sum(map(sum, hidden)) == 4
