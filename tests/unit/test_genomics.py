"""Pairs of alterations: three values, exact tests, interactions."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from haemony.analysis import genomics, survival
from haemony.analysis.genomics.pair_fits import Follow
from haemony.analysis.survival import BadCovariate, BadFormula, NothingToAnalyse, Surv
from haemony.analysis.survival.faults import UnknownColumn
from haemony.analysis.survival.regression.risk_sets import RiskSets


def patients(n: int = 300, seed: int = 4, interaction: float = 0.0) -> pl.DataFrame:
    """Four alterations of which a and b may interact; some patients not tested for d."""
    rng = np.random.default_rng(seed)
    x = (rng.random((n, 4)) < 0.4).astype(float)
    eta = 0.5 * x[:, 0] + interaction * x[:, 0] * x[:, 1]
    death = rng.exponential(300 * np.exp(-eta))
    columns: dict[str, object] = dict(zip("abcd", x.T, strict=True))
    columns["d"] = np.where(rng.random(n) < 0.2, np.nan, x[:, 3])
    table = pl.DataFrame(
        {"days": np.ceil(np.minimum(death, 800)), "died": death <= 800,
         "trial": rng.integers(0, 2, n), "age": rng.normal(0, 1, n), **columns}
    )  # fmt: skip
    return table.with_columns(pl.col("d").fill_nan(None))


def test_the_untested_count_nowhere() -> None:
    """A null leaves the pair's table; words, truth values and numbers are read alike."""
    words = pl.DataFrame(
        {"NPM1": ["positive", "positive", "negative", None], "RUNX1": [True, False, None, True]}
    )

    found = genomics.comutation(words, ["NPM1", "RUNX1"]).table().row(0, named=True)

    assert (found["n"], found["both"], found["first_only"]) == (2, 1, 1)


def test_a_column_of_something_else_is_refused() -> None:
    """Numbers other than 0 and 1, unknown words and unknown columns."""
    with pytest.raises(BadCovariate, match="null is untested"):
        genomics.Findings.of(pl.DataFrame({"a": [0, 2]}), ["a"])
    with pytest.raises(BadCovariate, match="null is untested"):
        genomics.Findings.of(pl.DataFrame({"a": ["yes", "positive"]}), ["a"])
    with pytest.raises(UnknownColumn, match="did you mean 'NPM1'"):
        genomics.Findings.of(pl.DataFrame({"NPM1": [1]}), ["NPM2"])


def test_nobody_tested_is_a_finding_too() -> None:
    """A column of nulls is untested in everybody."""
    found = genomics.Findings.of(pl.DataFrame({"a": [None, None]}), ["a"])

    assert found.tested.sum() == 0


def test_extreme_tables_have_infinite_or_zero_odds() -> None:
    """Empty cells give 0 and infinity with one open limit; empty margins give no estimate."""
    tests = genomics.fisher([[0, 5, 5, 9], [5, 0, 0, 5], [0, 0, 3, 4]])

    assert tests.odds_ratio[0] == 0
    assert tests.lower[0] == 0
    assert np.isinf(tests.odds_ratio[1])
    assert np.isinf(tests.upper[1])
    assert np.isnan(tests.odds_ratio[2])
    assert tests.p[2] == pytest.approx(1)


@pytest.mark.parametrize("tables", [[[1, 2, 3]], [[1, 2, 3, -1]], [[1, 2, 3, 0.5]]])
def test_tables_of_something_else_are_refused(tables: list[list[float]]) -> None:
    """Fourfold tables of whole numbers only."""
    with pytest.raises(BadCovariate, match="four counts"):
        genomics.fisher(tables)


def test_levels_and_methods_are_checked() -> None:
    """A level beyond one, an unknown method, p-values beyond one."""
    with pytest.raises(BadCovariate, match="between 0 and 1"):
        genomics.fisher([[1, 1, 1, 1]], level=95)
    with pytest.raises(BadCovariate, match="choose one of BH"):
        genomics.adjust([0.5], "fdr")
    with pytest.raises(BadCovariate, match="outside 0 to 1"):
        genomics.adjust([1.5])


def test_genotypes_are_written_out() -> None:
    """Who carries what, null where one was not tested; survival curves can be drawn by it."""
    table = patients()
    labelled = table.with_columns(genomics.genotypes(table, ["a", "b"]))

    curves = survival.kaplan_meier("Surv(days, died) ~ genotype", labelled)

    assert {curve.group for curve in curves.curves} == {
        "genotype=a", "genotype=a+b", "genotype=b", "genotype=none",
    }  # fmt: skip
    assert genomics.genotypes(table, ["d"]).null_count() == table["d"].null_count()


def test_an_interaction_is_found() -> None:
    """The pair that interacts comes first, its effect near the truth, below any shuffled one."""
    table = patients(600, interaction=1.2)

    found = genomics.interactions(
        "Surv(days, died) ~ strata(trial)", table, list("abcd"), permutations=30
    )
    top = found.table().row(0, named=True)

    assert (top["first"], top["second"]) == ("a", "b")
    assert top["interaction"] == pytest.approx(1.2, abs=0.5)
    assert top["p_family"] == pytest.approx(1 / 31)
    assert top["q_permutation"] == 0
    assert found.pairs == 6
    assert "6 pairs, 6 tested" in str(found)


def test_threads_change_nothing() -> None:
    """The same seed gives the same rates for one thread and for two."""
    table = patients()
    one, two = (
        genomics.interactions(
            "Surv(days, died) ~ 1", table, list("abcd"), permutations=8, workers=workers
        )
        for workers in (1, 2)
    )

    assert one.table().equals(two.table())


def test_covariates_enter_every_test() -> None:
    """Age and a known offset adjust the pairs; incomplete rows are counted."""
    table = patients().with_columns(age=pl.when(pl.col("days") > 5).then("age"))
    found = genomics.interactions(
        "Surv(days, died) ~ age + strata(trial)", table, list("abc"), permutations=0
    )

    assert found.missing.rows == table["age"].null_count()
    assert found.patients == 300 - found.missing.rows
    assert np.isnan(found.q_permutation).all()


def test_a_pair_that_says_nothing_new_is_not_tested() -> None:
    """An alteration that contains the other, or pairs nobody carries together, are counted."""
    table = patients().with_columns(part=pl.col("a") * (pl.col("c")), never=1 - pl.col("a"))
    follow = Follow(
        RiskSets.of(Surv.right(table["days"], table["died"]), np.zeros(300, dtype=np.intp)),
        np.ones(300),
    )
    fits = follow.fit(
        genomics.Findings.of(table, ["a", "part", "never"]), np.array([0, 0]), np.array([1, 2])
    )

    assert np.isnan(fits.statistic).all()


@pytest.mark.parametrize(
    ("formula", "names", "options", "error", "said"),
    [
        ("Surv(days, died) ~ cluster(trial)", "abc", {}, BadFormula, "cluster"),
        ("Surv(days, died) ~ 1", "abc", {"least": 500}, NothingToAnalyse, "500 carriers"),
        ("Surv(days, died) ~ 1", "abc", {"together": 299}, NothingToAnalyse, "299 patients"),
        ("Surv(days, died) ~ 1", "abc", {"block": 1}, BadCovariate, "'block' is no whole"),
    ],
)
def test_what_cannot_be_tested_is_refused(
    formula: str, names: str, options: dict[str, int], error: type[Exception], said: str
) -> None:
    """Each fault names its cause and the next step."""
    with pytest.raises(error, match=said):
        genomics.interactions(formula, patients(), list(names), **options)


def test_comutation_needs_two_alterations_and_known_pairs() -> None:
    """Too few carriers, or a pair that was not asked for."""
    with pytest.raises(NothingToAnalyse, match="fewer than two"):
        genomics.comutation(patients(), ["a"])
    found = genomics.comutation(patients(), list("abc"))
    assert "co-mutation of 3 alterations: 3 pairs" in str(found)
    with pytest.raises(NothingToAnalyse, match="were not compared"):
        found.pair("a", "d")
