"""Laws of causal and pooled analyses that hold for every cohort."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from haemony.analysis import causal, pooling, survival
from haemony.analysis.causal import Trial
from haemony.analysis.survival.regression.partial_likelihood import Ties

FEW = settings(max_examples=15)
SLOW = settings(max_examples=6)
TRIAL = Trial("cr", "days", "died", "graft", "transplant", confounders="age")


@st.composite
def cohorts(draw: st.DrawFn) -> pl.DataFrame:
    """Cohorts with many ties, two arms that differ, and a transplant at some time."""
    n, seed = draw(st.integers(40, 90)), draw(st.integers(0, 10_000))
    chance = np.random.default_rng(seed)
    age = chance.integers(0, 10, n)
    days = chance.integers(1, 30, n)
    graft = chance.integers(0, 20, n)
    return pl.DataFrame(
        {
            "age": age,
            "arm": (chance.random(n) < 0.25 + age / 20).astype(int),
            "days": days,
            "died": (chance.random(n) < 0.7).astype(int),
            "graft": np.where(chance.random(n) < 0.5, graft, np.nan),
        }
    ).fill_nan(None)


@SLOW
@given(cohorts())
def test_the_order_of_rows_does_not_matter(table: pl.DataFrame) -> None:
    """Weighted curves, standardised curves and trials are those of the patients, not the rows."""
    turned = table.reverse()

    for answer in (
        lambda t: causal.iptw_cox("Surv(days, died) ~ arm", t, given="age").fit.standard_errors,
        lambda t: (
            causal.standardise(
                "Surv(days, died) ~ arm + age", t, treatment="arm", times=[5]
            ).std_err
        ),
        lambda t: causal.time_dependent(TRIAL, t).fit.coefficients,
        lambda t: causal.clone_censor_weight(TRIAL, t, grace=8).fit.coefficients,
    ):
        assert answer(table) == pytest.approx(answer(turned), rel=1e-7, abs=1e-7)


@SLOW
@given(cohorts(), st.sampled_from(["efron", "breslow"]))
def test_a_cohort_is_its_patients(table: pl.DataFrame, ties: Ties) -> None:
    """Averaging over the patients of the model by another name, in another order, changes nothing.

    Nor does the order of settings: differences change their sign.
    """
    found = [
        causal.standardise(
            "Surv(days, died) ~ arm * age",
            table,
            settings={name: {"arm": arm, "age": 4} if arm else {"arm": arm} for name, arm in pair},
            over=over,
            times=[3, 8],
            variance="fixed cohort",
            ties=ties,
        )
        for pair, over in (
            ((("no", 0), ("yes", 1)), None),
            ((("yes", 1), ("no", 0)), table.select("age").reverse()),
        )
    ]

    here, there = (one.table().sort("setting", "time") for one in found)
    assert here["survival"].to_list() == pytest.approx(there["survival"].to_list())
    assert here["std_err"].to_list() == pytest.approx(there["std_err"].to_list())
    gaps = [one.difference()["difference"].to_numpy() for one in found]
    assert gaps[0] == pytest.approx(-gaps[1])


@SLOW
@given(cohorts(), st.sampled_from([7.0, 1 / 365.25]))
def test_the_unit_of_time_does_not_matter(table: pl.DataFrame, unit: float) -> None:
    """Days or years: the hazard ratios are the same under each design."""
    scaled = table.with_columns(pl.col("days", "graft") * unit)

    for design, options in (
        (causal.time_dependent, {}),
        (causal.landmark, {"at": 4.5}),
        (causal.clone_censor_weight, {"grace": 7.5}),
    ):
        one = design(TRIAL, table, **options)
        two = design(TRIAL, scaled, **{name: value * unit for name, value in options.items()})
        assert two.estimate == pytest.approx(one.estimate, rel=1e-7, abs=1e-7)


@FEW
@given(cohorts())
def test_overlap_weights_balance_the_score(table: pl.DataFrame) -> None:
    """The means of the score's covariates agree exactly between the arms."""
    score = causal.propensity("arm ~ age", table)

    assert score.balance(score.weights("overlap")).worst < 1e-8


@FEW
@given(cohorts())
def test_an_uninformative_score_changes_nothing(table: pl.DataFrame) -> None:
    """Weights that are equal within arms leave the curves of the arms as they are."""
    mirrored = pl.concat([table.with_columns(arm=pl.lit(k)) for k in (0, 1)])

    found = causal.iptw_curves("Surv(days, died) ~ arm", mirrored, given="age").curves

    plain = survival.kaplan_meier("Surv(days, died) ~ arm", mirrored)
    assert found.at([3, 9])["survival"].to_list() == pytest.approx(
        plain.at([3, 9])["survival"].to_list(), nan_ok=True
    )


@FEW
@given(st.lists(st.tuples(st.floats(-2, 2), st.floats(0.1, 1)), min_size=2, max_size=8))
def test_a_pooled_estimate_lies_among_the_sources(rows: list[tuple[float, float]]) -> None:
    """Whatever the method; heterogeneity is never negative, and its interval holds together."""
    estimates, errors = zip(*rows, strict=True)

    for method in ("fixed", "dersimonian-laird", "reml", "paule-mandel"):
        found = pooling.meta(estimates, errors, method=method)
        assert min(estimates) - 1e-9 <= found.estimate <= max(estimates) + 1e-9
        assert found.tau2 >= 0
        assert 0 <= found.i2 <= 100
        assert found.tau2_interval[0] <= found.tau2_interval[1]
        assert found.weights.sum() == pytest.approx(1)


@FEW
@given(st.integers(2, 6), st.integers(0, 1000))
def test_imputation_never_makes_an_estimate_surer(m: int, seed: int) -> None:
    """Rubin's variance is at least the mean variance, and missing information a share."""
    draw = np.random.default_rng(seed)

    found = pooling.rubin(draw.normal(size=(m, 3)), draw.uniform(0.1, 1, (m, 3)), complete_df=60)

    assert (found.standard_errors**2 >= np.diag(found.within)).all()
    assert ((found.fmi > 0) & (found.fmi <= 1)).all()
    assert (found.df <= 60).all()


def test_imputation_recovers_what_complete_cases_lose() -> None:
    """A covariate is lacking in those who die early: complete cases are biased, imputation less.

    The true log hazard ratio is 0.8; the mean of 8 cohorts of 300.
    """
    alone, imputed = [], []
    for seed in range(8):
        draw = np.random.default_rng(seed)
        x, z = draw.normal(size=300), draw.normal(size=300)
        x = 0.6 * z + 0.8 * x
        days = draw.exponential(np.exp(-0.8 * x))
        lacks = draw.random(300) < np.where(days < np.median(days), 0.7, 0.1)
        table = pl.DataFrame(
            {"x": np.where(lacks, np.nan, x), "z": z, "days": np.minimum(days, 3), "died": days < 3}
        )
        filled = pooling.impute(
            table, ["x", "z"], outcome="Surv(days, died)", seed=seed, imputations=5, iterations=5
        )
        alone.append(survival.cox("Surv(days, died) ~ x", table).coefficients[0])
        imputed.append(filled.cox("Surv(days, died) ~ x").estimates[0])

    assert np.mean(imputed) == pytest.approx(0.8, abs=0.08)
    assert abs(np.mean(alone) - 0.8) > 1.5 * abs(np.mean(imputed) - 0.8)
