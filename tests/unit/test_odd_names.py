"""Columns whose names are no words: in backquotes a formula takes them wherever a column stands."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import polars as pl
import pytest

from haemony.analysis import causal, pooling, prediction, random_effects, survival
from haemony.analysis.survival import BadFormula, UnknownColumn
from haemony.analysis.survival.data.formula import read
from unit.test_hostile_input import patients

ODD = {
    "days": "tot?",
    "died": "dead, or not",
    "row": "from ~ day",
    "age": "age?",
    "wbc": "1 wbc",
    "site": "site (A/B)",
    "arm": "arm!",
}
PLAIN = "Surv(days, died)"
QUOTED = "Surv(`tot?`, `dead, or not`)"


def odd() -> pl.DataFrame:
    """The same patients under odd names, beside columns that look like them."""
    return patients().rename(ODD).with_columns(age_=0.5, quoted_age_=0.25)


@pytest.mark.parametrize(
    ("plain", "quoted"),
    [
        ("age", "`age?`"),
        ("log(wbc) + strata(site)", "log(`1 wbc`) + strata(`site (A/B)`)"),
        ("age + strata(site, arm)", "`age?` + strata(`site (A/B)`, `arm!`)"),
        ("age + cluster(site)", "`age?` + cluster(`site (A/B)`)"),
        ("age + offset(risk)", "`age?` + offset(`risk`)"),
        ("age + frailty(site)", "`age?` + frailty(`site (A/B)`)"),
        ("ridge(age, log(wbc), theta=2)", "ridge(`age?`, log(`1 wbc`), theta=2)"),
        ("arm * C(site)", "`arm!` * C(`site (A/B)`)"),
        ("I(age + 0.5 * wbc)", "I(`age?` + age_ * `1 wbc`)"),
        ("I(wbc > 9) + ns(age, df=3)", "I(`1 wbc` > 9) + ns(`age?`, df=3)"),
    ],
)
def test_a_model_of_odd_names_is_that_of_plain_ones(plain: str, quoted: str) -> None:
    """In the response, in strata, cluster, offset, frailty and ridge, and in transformations."""
    by_words = survival.cox(f"{PLAIN} ~ {plain}", patients())

    found = survival.cox(f"{QUOTED} ~ {quoted}", odd())

    assert found.coefficients.tolist() == by_words.coefficients.tolist()
    assert found.standard_errors.tolist() == by_words.standard_errors.tolist()


def test_names_that_look_alike_stay_apart() -> None:
    """`age?`, `age!` and age_ would be one word to Python."""
    table = patients().with_columns(
        pl.col("age").alias("age?"), pl.col("wbc").alias("age!"), age_=pl.col("risk")
    )

    model = read("Surv(days, died) ~ I(`age?` + 2 * `age!` + 3 * age_)")
    found = survival.cox("Surv(days, died) ~ I(`age?` + 2 * `age!` + 3 * age_)", table)
    summed = table.with_columns(all=pl.col("age") + 2 * pl.col("wbc") + 3 * pl.col("risk"))

    assert set(model.covariates) == {"age?", "age!", "age_"}
    assert found.coefficients == pytest.approx(
        survival.cox("Surv(days, died) ~ all", summed).coefficients, rel=1e-12
    )


def test_entry_comes_under_an_odd_name_too() -> None:
    """Late entry needs three columns; a '~' within backquotes parts nothing."""
    entered = odd().with_columns(pl.col("from ~ day") / 100)

    found = survival.kaplan_meier("Surv(`from ~ day`, `tot?`, `dead, or not`) ~ 1", entered)

    assert read("Surv(`from ~ day`, `tot?`, `dead, or not`) ~ 1").response[0] == "from ~ day"
    assert found.curves[0].n == 60


@pytest.mark.parametrize(
    "ask",
    [
        lambda table, left, n: survival.split(table, left, at=[200]).table[n["wbc"]],
        lambda table, left, n: (
            causal.iptw_cox(f"{left} ~ `{n['arm']}`", table, given=f"`{n['age']}`").fit.coefficients
        ),
        lambda table, left, n: causal.doubly_robust(
            f"{left} ~ `{n['arm']}` + `{n['age']}`",
            table,
            treatment=n["arm"],
            given=f"`{n['age']}`",
            censoring="1",
            times=[200],
        ).survival.ravel(),
        lambda table, left, n: (
            pooling.one_stage(f"{left} ~ `{n['age']}`", table, source=n["site"]).fit.coefficients
        ),
        lambda table, left, n: pooling.missingness(
            table.with_columns(pl.when(pl.col(n["wbc"]) > 3).then(pl.col(n["wbc"]))),
            [n["wbc"], n["age"]],
            left,
        ).frame.select("hazard_ratio", "predictable"),
        lambda table, left, n: (
            prediction.CauseSpecificCox(
                f"{left.replace('died', 'cause').replace('dead, or not', 'cause')} ~ `{n['age']}`",
                cause="1",
            )
            .fit(table)
            .risk(table[:3], [200])
            .ravel()
        ),
    ],
)
def test_odd_names_go_through_every_analysis(ask: Callable[..., pl.Series]) -> None:
    """Analyses that write formulas of their own quote what they were given."""
    by_words = ask(patients(), PLAIN, {name: name for name in ODD})

    found = ask(odd(), QUOTED, ODD)

    assert np.asarray(found).tolist() == np.asarray(by_words).tolist()


@pytest.mark.parametrize(
    ("formula", "says"),
    [
        ("Surv(`tot?, died) ~ age", "no '~' outside of backquotes"),
        ("Surv(``, died) ~ age", "odd names in backquotes"),
        ("Surv(tot?, died) ~ age", "odd names in backquotes"),
        ("Surv(`a` `b`, died) ~ age", "odd names in backquotes"),
        ("Surv(days, died) ~ `age?`(wbc)", "cannot be read"),
        ("Surv(days, died) ~ log(`age)", "cannot be read"),
        ("Surv(days, died) ~ strata(log(`age?`))", "takes columns as they are"),
        ("Surv(days, died) ~ I(`x`.__class__)", "more than a transformation"),
        ("Surv(days, died) ~ I(`__import__('os')`())", "calls something else"),
    ],
)
def test_backquotes_open_no_door(formula: str, says: str) -> None:
    """What stands in them is a name: it is never run, and what stands outside is still checked."""
    with pytest.raises(BadFormula, match=says):
        read(formula)


def test_an_unknown_odd_name_is_told_without_its_quotes() -> None:
    """The column that is not there, as the table would have it."""
    with pytest.raises(UnknownColumn, match="has no column 'tot!'; did you mean 'tot\\?'"):
        survival.kaplan_meier("Surv(`tot!`, `dead, or not`) ~ 1", odd())


def test_groups_of_random_effects_hold_names_with_colons() -> None:
    """A colon within backquotes is part of a name, and no interaction."""
    odd_names = patients().rename({"age": "age:years"})

    found, plain = (
        random_effects.cox(f"{PLAIN} ~ 1", table, groups={"all": terms}, variances=0.5)
        for table, terms in (
            (odd_names, ["age:years", "wbc", "`age:years`:wbc"]),
            (patients(), ["age", "wbc", "age:wbc"]),
        )
    )

    assert found.coefficients.tolist() == plain.coefficients.tolist()
