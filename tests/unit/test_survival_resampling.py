"""Bootstrap and cross-validation of Cox models."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from haemony.analysis.survival.faults import BadCovariate, NothingToAnalyse
from haemony.analysis.survival.regression.cox import CoxFit, cox
from haemony.analysis.survival.regression.refitting import Refitting
from haemony.analysis.survival.regression.resampling import bootstrap, cross_validate
from support.survival_cohorts import synthetic

FORMULA = "Surv(start, stop, event) ~ age + gene"


@pytest.fixture(scope="module")
def patients() -> pl.DataFrame:
    """A made-up cohort with ties, late entries and two rows per patient."""
    return synthetic(240)


@pytest.fixture(scope="module")
def fit(patients: pl.DataFrame) -> CoxFit:
    """A model of it that knows which rows belong to one patient."""
    return cox(f"{FORMULA} + cluster(patient)", patients)


def test_the_same_seed_gives_the_same_samples(fit: CoxFit) -> None:
    """A bootstrap can be repeated, and another seed gives another one."""
    one, same, other = (bootstrap(fit, repeats=30, seed=seed) for seed in (1, 1, 2))

    assert np.array_equal(one.replicates, same.replicates)
    assert not np.array_equal(one.replicates, other.replicates)


def test_patients_are_drawn_with_all_their_rows(fit: CoxFit, patients: pl.DataFrame) -> None:
    """Both rows of a patient are in a sample equally often, and a sample has as many patients."""
    drawn = bootstrap(fit, lambda refit: refit.times, repeats=5).replicates

    assert np.array_equal(drawn[:, 0::2], drawn[:, 1::2])
    assert set(drawn.sum(axis=1)) == {patients.height}


def test_the_bootstrap_agrees_with_the_robust_standard_error(fit: CoxFit) -> None:
    """The spread over samples of patients is near the sandwich's; intervals lie close together."""
    again = bootstrap(fit, repeats=400, seed=3)

    assert again.std_err == pytest.approx(fit.standard_errors, rel=0.15)
    normal = again.interval("normal")
    for kind in ("percentile", "basic", "bca"):
        for limit, other in zip(again.interval(kind), normal, strict=True):
            assert np.abs(limit - other).max() < 0.5 * fit.standard_errors.max()


def test_acceleration_of_a_statistic_is_that_of_the_coefficients(patients: pl.DataFrame) -> None:
    """Leaving each patient out says what the residuals say, to first order."""
    model = cox(FORMULA, patients.head(60))

    from_residuals = bootstrap(model, repeats=40).acceleration
    from_refits = bootstrap(model, lambda refit: refit.coefficients, repeats=40).acceleration

    assert from_refits == pytest.approx(from_residuals, abs=0.03)


def test_a_statistic_sees_sample_and_patients(fit: CoxFit) -> None:
    """The optimism of C: better in the sample than in the patients, on average; named as asked."""
    everyone = np.ones(240, dtype=np.intp)

    found = bootstrap(
        fit,
        lambda refit: refit.concordance().value - refit.concordance(everyone).value,
        names=["optimism"],
        repeats=60,
        seed=4,
    )

    assert found.observed == pytest.approx([0.0])
    assert 0 < found.replicates.mean() < 0.05
    assert found.table()["term"].to_list() == ["optimism"]
    assert "60 bootstrap samples" in str(found)


def test_c_of_a_sample_is_c_of_its_rows(fit: CoxFit, patients: pl.DataFrame) -> None:
    """A patient taken twice counts twice, as in the table with repeated rows."""
    times = np.arange(240) // 2 % 3
    rows = patients[np.repeat(np.arange(240), times).tolist()]

    refit = Refitting.of(fit).to(times)

    assert refit.concordance().value == pytest.approx(cox(FORMULA, rows).concordance.value)


def test_a_rare_gene_makes_some_samples_infinite_or_impossible() -> None:
    """Samples without carriers are left out, without dead ones infinite, and both are said."""
    n = 60
    table = pl.DataFrame(
        {
            "days": np.arange(1, n + 1),
            "died": [1, 1, 0] * (n // 3),
            "x": np.sin(np.arange(n)),
            "rare": [int(i in (10, 14, 30)) for i in range(n)],
        }
    )

    found = bootstrap(cox("Surv(days, died) ~ x + rare", table), repeats=200, seed=5)

    said = "; ".join(found.notes)
    assert "samples are left out" in said
    assert "rare has no finite estimate in" in said
    lower, upper = found.interval()
    assert np.isinf(found.replicates[:, 1]).any()
    assert not np.isnan([lower, upper]).any()
    assert found.table()["std_err"].is_null().to_list() == [False, True]


def test_models_without_samples_are_refused(patients: pl.DataFrame) -> None:
    """Exact ties, infinite coefficients and wrong arguments are named."""
    alone = patients.with_columns(alone=(pl.col("event") == 0).cast(pl.Int8))
    endless = cox("Surv(stop, event) ~ age + alone", alone)
    plain = cox("Surv(stop, event) ~ age", patients)

    with pytest.raises(BadCovariate, match="infinite coefficient"):
        bootstrap(endless)
    with pytest.raises(BadCovariate, match="exact ties"):
        bootstrap(cox("Surv(stop, event) ~ age", patients.head(40), ties="exact"))
    with pytest.raises(BadCovariate, match="'folds' is no whole number from 2 to 240"):
        cross_validate(plain, folds=1)
    with pytest.raises(BadCovariate, match="give one per row"):
        cross_validate(plain, folds=["a", "b"])
    with pytest.raises(BadCovariate, match="give one name"):
        bootstrap(plain, names=["a", "b"], repeats=2)
    with pytest.raises(BadCovariate, match="choose percentile"):
        bootstrap(plain, repeats=2).interval("student")  # type: ignore[arg-type]


def test_samples_that_can_hardly_be_fitted_are_an_error() -> None:
    """Three genes with one carrier each are seldom all in a sample: the next step is named."""
    n = 24
    genes = {f"gene{i}": (np.arange(n) == 5 * i + 3).astype(int) for i in range(3)}
    table = pl.DataFrame({"days": np.arange(n) + 1, "died": [1] * n} | genes)
    fit = cox("Surv(days, died) ~ gene0 + gene1 + gene2", table)

    with pytest.raises(NothingToAnalyse, match="leave out covariates that few patients have"):
        bootstrap(fit, repeats=40)


def test_folds_hold_whole_patients_and_equally_many_events(fit: CoxFit) -> None:
    """Rows of a patient are left out together, and every row is predicted once per repeat."""
    found = cross_validate(fit, folds=5, repeats=2, seed=6)

    assert np.array_equal(found.fold[:, 0::2], found.fold[:, 1::2])
    assert np.isfinite(found.linear_predictors).all()
    assert found.table().group_by("repeat").agg(pl.col("n").sum())["n"].to_list() == [240, 240]
    assert found.table()["events"].max() - found.table()["events"].min() < 20


def test_leaving_each_site_out_is_fitting_the_others(patients: pl.DataFrame) -> None:
    """Given labels, each is predicted by the model of the other labels' rows."""
    fit = cox(FORMULA, patients)
    others = cox(FORMULA, patients.filter(pl.col("site") != "a"))
    x = fit.data.x[patients["site"].to_numpy() == "a"]

    found = cross_validate(fit, folds=patients["site"].to_numpy())

    assert found.folds["coefficients"][0].to_list() == pytest.approx(list(others.coefficients))
    predicted = found.linear_predictors[0][patients["site"].to_numpy() == "a"]
    assert predicted == pytest.approx((x - fit.means) @ others.coefficients)
    assert found.log_likelihood[0] < fit.log_likelihood.fitted
    assert 0.3 < found.concordance < 0.9
    assert "left out" in str(found)
