"""Laws of Cox models with extras that hold for every cohort."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from haemony.analysis import survival
from haemony.analysis.survival.data.episodes import merge_events, split
from haemony.analysis.survival.data.splines import natural_basis, restricted_basis
from haemony.analysis.survival.regression.comparisons import compare
from haemony.analysis.survival.regression.exact_ties import conditional_total
from haemony.analysis.survival.regression.profile import profile_intervals
from haemony.model.errors import HaemonyError

FEW = settings(max_examples=20)


@st.composite
def cohorts(draw: st.DrawFn) -> pl.DataFrame:
    """Small cohorts with ties, a covariate of its own value for each patient, and dated grafts."""
    n = draw(st.integers(8, 30))

    def column(low: int, high: int) -> list[int]:
        return draw(st.lists(st.integers(low, high), min_size=n, max_size=n))

    died = column(0, 1)
    died[0] = died[1] = 1
    grafts = [day if day < 12 else None for day in column(0, 20)]
    return pl.DataFrame(
        {
            "id": range(n),
            "days": column(1, 12),
            "died": died,
            "age": draw(st.permutations(range(20, 20 + n))),
            "gene": column(0, 1),
            "graft_day": grafts,
        },
        schema_overrides={"graft_day": pl.Int64},
    )


def fitted(formula: str, table: pl.DataFrame, **options: object) -> survival.CoxFit | None:
    """A fit with finite coefficients, or None."""
    try:
        fit = survival.cox(formula, table, **options)  # type: ignore[arg-type]
    except HaemonyError:
        return None
    return fit if fit.converged and np.abs(fit.coefficients).max(initial=0) < 5 else None


@FEW
@given(
    st.lists(st.floats(-3, 3), min_size=3, max_size=9),
    st.data(),
)
def test_the_exact_likelihood_is_the_sum_over_all_sets(
    eta: list[float], data: st.DataObject
) -> None:
    """The Fourier series gives what counting every set gives, with its mean."""
    chosen = data.draw(st.integers(1, len(eta) - 1))
    values = np.array(eta)

    total, mean, covariance = conditional_total(values, np.eye(len(eta)), chosen)

    sets = [list(rows) for rows in combinations(range(len(eta)), chosen)]
    weight = np.exp([values[rows].sum() for rows in sets])
    members = np.array([np.bincount(rows, minlength=len(eta)) for rows in sets])
    expected = weight @ members / weight.sum()
    spread = (members - expected).T @ (weight[:, None] * (members - expected)) / weight.sum()
    assert total == pytest.approx(np.log(weight.sum()), abs=1e-10)
    assert mean == pytest.approx(expected, abs=1e-10)
    assert covariance == pytest.approx(spread, abs=1e-10)


@FEW
@given(cohorts())
def test_without_ties_every_treatment_is_one(table: pl.DataFrame) -> None:
    """Efron, Breslow and the exact likelihood differ in ties alone."""
    apart = table.with_columns(days=pl.col("age"))
    fits = [
        fitted("Surv(days, died) ~ gene", apart, ties=ties)
        for ties in ("efron", "breslow", "exact")
    ]
    if all(fits):
        first = fits[0]
        assert first is not None
        for fit in fits:
            assert fit is not None
            assert fit.coefficients == pytest.approx(first.coefficients, abs=1e-8)
            assert fit.log_likelihood.fitted == pytest.approx(first.log_likelihood.fitted)


@FEW
@given(cohorts(), st.lists(st.integers(0, 14), max_size=4))
def test_cutting_follow_up_changes_nothing(table: pl.DataFrame, cuts: list[int]) -> None:
    """The same likelihood, whatever the intervals."""
    whole = fitted("Surv(days, died) ~ age + gene", table)
    made = split(table.drop("graft_day"), "Surv(days, died)", at=cuts)

    assert made.table["event"].sum() == table["died"].sum()
    assert (made.table["stop"] - made.table["start"]).sum() == table["days"].sum()
    if whole is not None:
        parts = survival.cox(f"{made.response} ~ age + gene", made.table)
        assert parts.coefficients == pytest.approx(whole.coefficients, abs=1e-8)


@FEW
@given(cohorts())
def test_merging_events_loses_no_time_and_no_death(table: pl.DataFrame) -> None:
    """Follow-up adds up, and time before a graft is never time after it."""
    made = merge_events(table, "Surv(days, died)", {"graft": "graft_day"})
    rows = made.table

    assert (rows["stop"] - rows["start"]).sum() == table["days"].sum()
    assert rows["event"].sum() == table["died"].sum()
    after = rows.filter(pl.col("graft") == 1)
    assert (after["start"] >= after["graft_day"]).all()
    before = rows.filter(pl.col("graft") == 0)
    assert before.filter(pl.col("stop") > pl.col("graft_day")).is_empty()
    assert sum(made.placed["graft"].values()) == table["graft_day"].count()


@FEW
@given(cohorts())
def test_a_ridge_only_shrinks(table: pl.DataFrame) -> None:
    """The heavier the penalty, the nearer zero, and the fewer degrees of freedom."""
    fits = [fitted(f"Surv(days, died) ~ ridge(age, theta={theta})", table) for theta in (0, 1, 10)]
    if all(fits):
        sizes = [abs(fit.coefficients[0]) for fit in fits if fit]
        degrees = [fit.df for fit in fits if fit]
        assert sizes == sorted(sizes, reverse=True)
        assert degrees == sorted(degrees, reverse=True)


@FEW
@given(cohorts())
def test_a_profile_limit_is_where_the_test_says_five_per_cent(table: pl.DataFrame) -> None:
    """Held at its limit, a coefficient is just rejected."""
    fit = fitted("Surv(days, died) ~ age + gene", table)
    if fit is None:
        return
    for row in profile_intervals(fit, ["age"]).iter_rows(named=True):
        assert row["lower"] <= row["estimate"] <= row["upper"]
        for limit in (row["lower"], row["upper"]):
            if np.isfinite(limit):
                held = table.with_columns(held=limit * pl.col("age"))
                rest = survival.cox("Surv(days, died) ~ gene + offset(held)", held)
                fall = fit.log_likelihood.fitted - rest.log_likelihood.fitted
                assert 2 * fall == pytest.approx(3.841458820694124, abs=1e-7)


@FEW
@given(cohorts())
def test_a_larger_model_is_never_less_likely(table: pl.DataFrame) -> None:
    """The likelihood-ratio statistic of nested models is not negative."""
    models = [fitted(f"Surv(days, died) ~ {terms}", table) for terms in ("age", "age + gene")]
    if all(models):
        test = compare(*(model for model in models if model)).tests[0]
        assert test.statistic >= -1e-9
        assert test.df == 1


@FEW
@given(st.lists(st.integers(0, 100), min_size=12, max_size=40, unique=True))
def test_two_bases_of_one_spline_span_one_space(values: list[int]) -> None:
    """Harrell's basis follows from the natural one with the same knots, and is straight outside."""
    x = np.array(sorted(values), dtype=float)
    knots = np.quantile(x, [0.1, 0.5, 0.9])

    natural = natural_basis(x, knots[1:2], (float(knots[0]), float(knots[-1])))
    restricted = restricted_basis(x, knots)

    basis = np.column_stack([np.ones(len(x)), natural])
    left = restricted - basis @ np.linalg.lstsq(basis, restricted)[0]
    assert np.abs(left).max() < 1e-8 * np.abs(restricted).max()
    outside = restricted_basis(knots[-1] + np.array([1.0, 2.0, 3.0]), knots)
    assert np.diff(outside, 2, axis=0) == pytest.approx(np.zeros((1, 2)), abs=1e-8)
