"""Hierarchies, models, risk and anonymised tables, by examples small enough to check by hand."""

from __future__ import annotations

from datetime import date
from fractions import Fraction
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from haemony.privacy import Recoding, anonymise, risk
from haemony.privacy.anonymity import (
    AverageRisk,
    DeltaPresence,
    Effort,
    EntropyLDiversity,
    Hierarchical,
    Hierarchy,
    KAnonymity,
    KMap,
    Model,
    Monotone,
    Ordered,
    Period,
    RecursiveCLDiversity,
    TCloseness,
    dates,
    draft,
    intervals,
    ordered,
    special_uniques,
    tree,
)
from haemony.privacy.anonymity.faults import (
    BadHierarchy,
    BadModel,
    MissingValues,
    NoSuchColumn,
    NotReachable,
    UnknownValues,
)
from haemony.privacy.anonymity.lattice import Problem, allowed_rows
from haemony.privacy.anonymity.optimum import optimum
from haemony.privacy.anonymity.table import Table

STAGE = Hierarchy.of_rows(
    "stage", [("I", "early", "*"), ("II", "early", "*"), ("III", "late", "*"), ("IV", "late", "*")]
)
SEX = Hierarchy.of_rows("sex", [("f", "*"), ("m", "*")])


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ([], "has no row"),
        ([("a", "*"), ("a", "*")], "more than once"),
        ([("a", "*"), ("b", "x", "*")], "cells in row 2"),
        ([("a", "x"), ("b", "y")], "ends with 2 labels"),
        ([("a", "x", "1", "*"), ("b", "x", "2", "*")], "part again at level 2"),
        ([("a", "b", "*"), ("b", "c", "*")], "different sets of leaves"),
    ],
)
def test_a_hierarchy_that_contradicts_itself_is_refused(
    rows: list[tuple[str, ...]], reason: str
) -> None:
    """Each contradiction is named, with what to do about it."""
    with pytest.raises(BadHierarchy, match=reason):
        Hierarchy.of_rows("stage", rows)


@pytest.mark.parametrize("separator", [";", ","])
def test_a_hierarchy_is_read_from_a_file(tmp_path: Path, separator: str) -> None:
    """One row per leaf, last column most general; written back it reads the same."""
    path = tmp_path / "stage.csv"
    path.write_text("\n".join(separator.join(row) for row in STAGE.rows), encoding="utf-8")

    read = Hierarchy.read("stage", path)
    read.write(tmp_path / "again.csv")

    assert read == STAGE
    assert Hierarchy.read("stage", tmp_path / "again.csv") == STAGE


def test_a_value_without_a_leaf_is_counted_and_not_shown() -> None:
    """The error says how many values and rows and in which column, never which value."""
    frame = pl.DataFrame({"stage": ["I", "secret", "secret", "hidden"]})

    with pytest.raises(UnknownValues) as refused:
        anonymise(frame, {"stage": STAGE}, [KAnonymity(1)])

    assert (refused.value.column, refused.value.values, refused.value.rows) == ("stage", 2, 3)
    assert "secret" not in str(refused.value)


def test_missing_is_a_value_of_its_own() -> None:
    """Without a leaf for it, it is refused; with one, it is a class apart, not a wildcard."""
    frame = pl.DataFrame({"stage": ["I", "I", None, "II", "II"]})

    with pytest.raises(MissingValues, match="missing in 1 row"):
        anonymise(frame, {"stage": STAGE}, [KAnonymity(2)])
    found = anonymise(
        frame, {"stage": STAGE.with_missing()}, [KAnonymity(2)], suppression_limit=0.2
    )

    assert found.frame["stage"].to_list() == ["I", "I", "*", "II", "II"]
    assert risk(frame, ["stage"]).uniques == 1


def test_a_missing_cell_that_stays_is_null() -> None:
    """Two rows that lack a value are equal in it, and lack it still afterwards."""
    frame = pl.DataFrame({"stage": ["I", "I", None, None]})

    found = anonymise(frame, {"stage": STAGE.with_missing()}, [KAnonymity(2)])

    assert found.frame["stage"].to_list() == ["I", "I", None, None]
    assert found.loss.total == 0


def test_numbers_dates_orders_and_trees_become_hierarchies() -> None:
    """Each constructor nests its levels and codes what lies outside."""
    age = intervals("age", range(101), [5, 10], bottom=20, top=80)
    days = dates("day", [date(2019, 2, 3)], [Period.MONTH, Period.QUARTER, Period.YEAR])
    stages = ordered("stage", ["I", "II", "III"], [2])
    codes = tree("code", {"C92.0": "C92", "C92": "C81-C96", "C90": "C81-C96"})

    assert age.rows[19] == ("19", "<20", "<20", "*")
    assert age.rows[64] == ("64", "60-64", "60-69", "*")
    assert age.rows[80] == ("80", "80+", "80+", "*")
    assert days.rows == (("2019-02-03", "2019-02", "2019-Q1", "2019", "*"),)
    assert stages.levels[1] == ("I to II", "I to II", "III")
    assert codes.rows == (("C92.0", "C92", "C81-C96", "*"), ("C90", "C90", "C81-C96", "*"))


@pytest.mark.parametrize(
    ("widths", "top", "reason"), [([5, 12], None, "width 12"), ([5, 10], 85, "cuts an interval")]
)
def test_intervals_that_do_not_nest_are_refused(
    widths: list[int], top: int | None, reason: str
) -> None:
    """Widths must be multiples, and a bound must not cut an interval."""
    with pytest.raises(BadHierarchy, match=reason):
        intervals("age", range(100), widths, top=top)


def test_codes_in_a_circle_are_refused() -> None:
    """A tree has no circle."""
    with pytest.raises(BadHierarchy, match="circle"):
        tree("code", {"a": "b", "b": "c", "c": "b"})


@pytest.mark.parametrize(
    "column",
    [
        pl.Series("age", [61, None, 47]),
        pl.Series("wbc", [1.5, 220.0, None]),
        pl.Series("id", [1, 5_000_000]),
        pl.Series("day", [date(2019, 5, 2), None]),
        pl.Series("sex", ["f", "m", ""]),
        pl.Series("dead", [True, None]),
    ],
    ids=lambda column: column.name,
)
def test_a_draft_fits_its_column(column: pl.Series) -> None:
    """Every cell is a leaf of the hierarchy that is drafted for it, also after a round trip."""
    drafted = draft(column)

    assert len(drafted.encode(column)) == len(column)
    assert drafted.size <= 1_000


def test_loss_counts_the_hierarchy_and_not_the_data() -> None:
    """Of four stages two are seen; generalised to early each cell still leaves 2 of 4 open."""
    frame = pl.DataFrame({"stage": ["I", "II"]})

    found = anonymise(frame, {"stage": STAGE}, [KAnonymity(2)])

    assert found.frame["stage"].to_list() == ["early", "early"]
    assert found.loss.total == Fraction(1, 3)
    assert found.discernibility == 4
    assert found.average_class_size == 2


def test_suppressed_rows_stay_and_are_counted() -> None:
    """A lonely row keeps its place and its other columns, with stars; it counts as fully lost."""
    frame = pl.DataFrame({"stage": ["I", "I", "IV"], "alive": [1, 0, 1]})

    found = anonymise(
        frame,
        {"stage": STAGE},
        [KAnonymity(2)],
        suppression_limit=0.34,
        recoding=Recoding.FULL_DOMAIN,
    )

    assert found.frame.rows() == [("I", 1), ("I", 0), ("*", 1)]
    assert found.class_sizes.tolist() == [2, 2, 0]
    assert found.suppressed == 1
    assert found.loss.total == Fraction(1, 3)
    assert found.risk_before.uniques == 1
    assert found.risk_after.uniques == 0


def test_local_recoding_generalises_only_where_it_must() -> None:
    """The two early patients stay as they are; only the late ones are joined."""
    frame = pl.DataFrame({"stage": ["I", "I", "III", "IV"]})

    found = anonymise(frame, {"stage": STAGE}, [KAnonymity(2)])

    assert found.frame["stage"].to_list() == ["I", "I", "late", "late"]


def test_a_limit_is_read_as_decimal_digits() -> None:
    """29 of 100 rows are 29, although 0.29 * 100 is less in binary."""
    assert allowed_rows(0.29, 100) == 29
    assert allowed_rows(0.05, 30_162) == 1_508


def test_models_that_cannot_be_reached_are_refused() -> None:
    """Too few rows for k, and none may be suppressed."""
    frame = pl.DataFrame({"stage": ["I", "II"]})

    for recoding in Recoding:
        with pytest.raises(NotReachable, match="2 rows fail and 0 may be suppressed"):
            anonymise(frame, {"stage": STAGE}, [KAnonymity(3)], recoding=recoding)


def test_a_population_is_needed_where_a_model_looks_at_one() -> None:
    """k-map without a population is refused, and so is local recoding with one."""
    frame = pl.DataFrame({"stage": ["I"]})

    with pytest.raises(BadModel, match="none is given"):
        anonymise(frame, {"stage": STAGE}, [KMap(2)], recoding=Recoding.FULL_DOMAIN)
    with pytest.raises(BadModel, match="full-domain"):
        anonymise(frame, {"stage": STAGE}, [KMap(2)], population=frame)


def test_k_map_counts_the_population() -> None:
    """A patient alone in the table is safe among three of the population."""
    frame = pl.DataFrame({"stage": ["I", "III"]})
    everyone = pl.DataFrame({"stage": ["I", "I", "I", "III", "IV"]})

    found = anonymise(
        frame,
        {"stage": STAGE},
        [KMap(3)],
        suppression_limit=0.5,
        recoding=Recoding.FULL_DOMAIN,
        population=everyone,
    )

    assert found.frame["stage"].to_list() == ["I", "*"]
    assert found.risk_after.journalist is not None
    assert found.risk_after.journalist.highest == pytest.approx(1 / 3)


def test_presence_of_people_who_are_not_in_the_table_counts_too() -> None:
    """Nobody of stage II is in the table, so at the leaves their chance is 0, below a half."""
    frame = pl.DataFrame({"stage": ["I"]})
    everyone = pl.DataFrame({"stage": ["I", "II"]})

    found = anonymise(
        frame,
        {"stage": STAGE},
        [DeltaPresence(0.5, 0.5)],
        suppression_limit=1.0,
        recoding=Recoding.FULL_DOMAIN,
        population=everyone,
    )

    assert found.frame["stage"].to_list() == ["early"]


def test_average_risk_lets_small_classes_fail_first() -> None:
    """Four rows in two classes have mean 1/2; without the single one it is 1/3."""
    frame = pl.DataFrame({"stage": ["I", "I", "I", "IV"]})

    found = anonymise(
        frame,
        {"stage": STAGE},
        [AverageRisk(0.4)],
        suppression_limit=0.25,
        recoding=Recoding.FULL_DOMAIN,
    )

    assert found.frame["stage"].to_list() == ["I", "I", "I", "*"]
    assert found.risk_after.prosecutor.mean == pytest.approx(1 / 3)


@pytest.mark.parametrize(
    "model",
    [EntropyLDiversity("alive", 2), RecursiveCLDiversity("alive", 2, 2)],
    ids=lambda model: type(model).__name__,
)
def test_a_part_may_pass_where_the_whole_fails(model: Model) -> None:
    """Stage I is diverse, stage II is not, both together are not: stage II alone is suppressed."""
    frame = pl.DataFrame({"stage": ["I"] * 2 + ["II"] * 10, "alive": [0] + [1] * 11})

    found = anonymise(
        frame,
        {"stage": STAGE},
        [model],
        suppression_limit=0.84,
        recoding=Recoding.FULL_DOMAIN,
    )

    assert found.frame["stage"].to_list() == ["I"] * 2 + ["*"] * 10
    assert found.loss.total == Fraction(10, 12)


def test_distances_of_the_published_salary_example() -> None:
    """Li et al. 2007: {3,4,5}k against nine salaries lies at 0.375, {6,8,11}k at 0.167."""
    salaries = tuple(f"{k}" for k in range(3, 12))
    whole = np.full(9, 1 / 9)
    low, spread = np.zeros((1, 9)), np.zeros((1, 9))
    low[0, [0, 1, 2]] = 1 / 3
    spread[0, [3, 5, 8]] = 1 / 3

    assert Ordered().distances(low - whole, salaries) == pytest.approx([0.375])
    assert Ordered().distances(spread - whole, salaries) == pytest.approx([1 / 6])


def test_hierarchical_distance_is_the_height_of_the_join() -> None:
    """All mass from I to II crosses half the tree, from I to IV all of it."""
    moves = np.array([[1.0, -1.0, 0.0, 0.0], [1.0, 0.0, 0.0, -1.0]])

    assert Hierarchical(STAGE).distances(moves, STAGE.leaves).tolist() == [0.5, 1.0]


def test_models_say_when_they_are_monotone() -> None:
    """Sizes stay monotone under suppression, distributions do not."""
    assert KAnonymity(5).monotone is Monotone.ALWAYS
    assert TCloseness("stage", 0.2).monotone is Monotone.WITHOUT_SUPPRESSION


def test_a_search_cut_short_says_how_far_it_came() -> None:
    """One evaluation knows the top alone: loss 1, bound 0, and no claim of an optimum."""
    frame = pl.DataFrame({"stage": ["I", "I", "III", "III"], "sex": ["f", "f", "m", "m"]})
    table = Table.of(frame, {"stage": STAGE, "sex": SEX})
    problem = Problem(table, (KAnonymity(2),), 0)

    short, done = optimum(problem, Effort(evaluations=1)).proof, optimum(problem).proof

    assert (short.optimal, short.loss, short.bound, short.gap) == (False, 1.0, 0.0, 1.0)
    assert (done.optimal, done.loss, done.gap, done.lattice) == (True, 0.0, 0.0, 6)


def test_risks_of_three_attackers() -> None:
    """Two alike and one alone; in the population the one alone has three doubles."""
    frame = pl.DataFrame({"stage": ["I", "I", "IV"]})
    everyone = pl.DataFrame({"stage": ["I", "I", "IV", "IV", "IV", "IV"]})

    found = risk(frame, ["stage"], threshold=0.5, population=everyone)

    assert found.prosecutor.highest == 1
    assert found.prosecutor.mean == pytest.approx(2 / 3)
    assert found.prosecutor.above_threshold == pytest.approx(1 / 3)
    assert found.journalist is not None
    assert found.journalist.highest == 0.5
    assert found.marketer == pytest.approx((1 / 2 + 1 / 2 + 1 / 4) / 3)
    assert found.share_in_classes_below(2) == pytest.approx(1 / 3)
    assert found.class_sizes.rows() == [(1, 1, 1), (2, 1, 2)]
    with pytest.raises(BadModel, match="1 rows of the table are not in the population"):
        risk(frame, ["stage"], population=everyone.filter(pl.col("stage") == "I"))


def test_a_class_at_the_threshold_is_not_above_it() -> None:
    """Eleven exceed 0.09, twelve do not."""
    eleven = risk(pl.DataFrame({"stage": ["I"] * 11}), ["stage"])
    twelve = risk(pl.DataFrame({"stage": ["I"] * 12}), ["stage"])

    assert eleven.prosecutor.above_threshold == 1
    assert twelve.prosecutor.above_threshold == 0


def test_special_uniques_are_minimal() -> None:
    """Who is alone by age is not counted again by age and sex."""
    frame = pl.DataFrame(
        {"sex": ["f", "f", "m", "m"], "age": [61, 70, 61, 90], "stage": ["I", "I", "I", "I"]}
    )

    found = special_uniques(frame, ["sex", "age", "stage"], largest=3)

    assert found.by_set == {("age",): 2, ("sex", "age"): 2}
    assert found.smallest.tolist() == [2, 1, 2, 1]
    assert found.scores.tolist() == [1, 2, 1, 2]


@pytest.mark.parametrize("call", [anonymise, risk])
def test_unknown_columns_are_named(call: object) -> None:
    """The error names the column that is absent and those that are there."""
    frame = pl.DataFrame({"stage": ["I"]})

    with pytest.raises(NoSuchColumn, match="no column 'sex'; it has stage"):
        if call is risk:
            risk(frame, ["sex"])
        else:
            anonymise(frame, {"sex": SEX}, [KAnonymity(1)])
