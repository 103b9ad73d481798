"""Laws of the survival analyses that hold for every cohort."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from haemony.analysis import survival
from haemony.model.errors import HaemonyError


@st.composite
def cohorts(draw: st.DrawFn) -> pl.DataFrame:
    """Small cohorts with many ties, two groups, late entries and at least one death."""
    n = draw(st.integers(6, 40))

    def column(low: int, high: int) -> list[int]:
        return draw(st.lists(st.integers(low, high), min_size=n, max_size=n))

    start, length = column(0, 3), column(1, 12)
    died = column(0, 1)
    died[0] = 1
    return pl.DataFrame(
        {
            "start": start,
            "days": [a + b for a, b in zip(start, length, strict=True)],
            "died": died,
            "kind": [d * k for d, k in zip(died, column(1, 2), strict=True)],
            "age": column(18, 80),
            "gene": column(0, 1),
            "weight": column(1, 3),
        }
    )


@given(cohorts())
def test_survival_never_rises(table: pl.DataFrame) -> None:
    """A curve starts at or below one, falls or stays, and its limits enclose it."""
    for curve in survival.kaplan_meier("Surv(start, days, died) ~ gene", table).curves:
        assert np.all(np.diff(curve.survival, prepend=1.0) <= 0)
        known = ~np.isnan(curve.lower)
        assert np.all(curve.lower[known] <= curve.survival[known] + 1e-12)
        assert np.all(curve.survival[known] <= curve.upper[known] + 1e-12)


@given(cohorts())
def test_nobody_vanishes_from_a_curve(table: pl.DataFrame) -> None:
    """Events and censored patients add up to the patients."""
    for curve in survival.kaplan_meier("Surv(days, died) ~ gene", table).curves:
        assert curve.n_event.sum() + curve.n_censored.sum() == curve.n


@given(cohorts())
def test_incidences_share_what_survival_leaves(table: pl.DataFrame) -> None:
    """Competing incidences and event-free survival always add up to one."""
    for curve in survival.aalen_johansen("Surv(days, kind) ~ gene", table).curves:
        total = curve.incidence.sum(axis=1) + curve.survival
        assert total == pytest.approx(np.ones(len(total)))


@given(cohorts())
def test_one_kind_of_event_makes_incidence_the_complement_of_survival(table: pl.DataFrame) -> None:
    """Without competition the incidence and its error are those of Kaplan and Meier."""
    alone = survival.aalen_johansen("Surv(days, died) ~ 1", table).curves[0]
    curve = survival.kaplan_meier("Surv(days, died) ~ 1", table).curves[0]

    alive = curve.survival > 0
    assert alone.incidence[:, 0] == pytest.approx(1 - curve.survival)
    assert alone.std_err[alive, 0] == pytest.approx(curve.std_err[alive], abs=1e-7)


@given(cohorts())
def test_a_weight_of_two_is_a_patient_counted_twice_in_curves(table: pl.DataFrame) -> None:
    """Case weights are counts."""
    weighted = survival.kaplan_meier("Surv(days, died) ~ gene", table, weights="weight")
    repeated = survival.kaplan_meier("Surv(days, died) ~ gene", repeat(table))

    for one, other in zip(weighted.curves, repeated.curves, strict=True):
        assert one.survival == pytest.approx(other.survival)
        assert one.std_err == pytest.approx(other.std_err, nan_ok=True)


@settings(deadline=None)
@given(cohorts())
def test_a_weight_of_two_is_a_patient_counted_twice_in_cox(table: pl.DataFrame) -> None:
    """With Breslow's treatment of ties, case weights are counts."""
    weighted = fitted("Surv(start, days, died) ~ age", table, ties="breslow", weights="weight")
    repeated = fitted("Surv(start, days, died) ~ age", repeat(table), ties="breslow")

    assert weighted.coefficients == pytest.approx(repeated.coefficients, abs=1e-7)
    assert weighted.standard_errors == pytest.approx(repeated.standard_errors, rel=1e-6)


@settings(deadline=None)
@given(cohorts(), st.integers(0, 1000))
def test_the_order_of_patients_does_not_matter(table: pl.DataFrame, seed: int) -> None:
    """Shuffled rows give the same estimates."""
    shuffled = table.sample(fraction=1, shuffle=True, seed=seed)

    one = fitted("Surv(start, days, died) ~ age", table)
    other = fitted("Surv(start, days, died) ~ age", shuffled)

    assert one.coefficients == pytest.approx(other.coefficients, abs=1e-8)
    assert one.concordance.value == pytest.approx(other.concordance.value, nan_ok=True)


@settings(deadline=None)
@given(cohorts(), st.integers(1, 1000), st.integers(-50, 50))
def test_units_and_origins_of_a_covariate_do_not_matter(
    table: pl.DataFrame, unit: int, origin: int
) -> None:
    """Age in other units changes the coefficient by the unit and the likelihood not at all."""
    other = table.with_columns(age=pl.col("age") * unit + origin)

    fit = fitted("Surv(days, died) ~ age", table)
    again = fitted("Surv(days, died) ~ age", other)

    assert again.coefficients * unit == pytest.approx(fit.coefficients, abs=1e-8)
    assert again.log_likelihood.fitted == pytest.approx(fit.log_likelihood.fitted)


@settings(deadline=None)
@given(cohorts())
def test_the_fit_is_at_least_as_likely_as_no_effect(table: pl.DataFrame) -> None:
    """The likelihood never falls by adding a covariate, and the score at the fit is zero."""
    fit = fitted("Surv(start, days, died) ~ age", table)

    assert fit.log_likelihood.fitted >= fit.log_likelihood.null - 1e-9
    residuals = survival.score_residuals(fit)
    assert residuals.sum(axis=0) == pytest.approx([0.0], abs=1e-6)


@given(cohorts())
def test_splitting_follow_up_into_intervals_changes_nothing(table: pl.DataFrame) -> None:
    """A patient in two consecutive intervals is the same patient."""
    early = table.filter(pl.col("days") > 4).with_columns(days=pl.lit(4), died=pl.lit(0), start=0)
    late = table.with_columns(start=pl.when(pl.col("days") > 4).then(4).otherwise(0))
    columns = ["start", "days", "died", "age"]
    split = pl.concat([part.select(pl.col(columns).cast(pl.Int64)) for part in (early, late)])

    whole = fitted("Surv(days, died) ~ age", table)
    parts = fitted("Surv(start, days, died) ~ age", split)

    assert parts.coefficients == pytest.approx(whole.coefficients, abs=1e-7)
    assert parts.standard_errors == pytest.approx(whole.standard_errors, rel=1e-6)


@given(cohorts())
def test_the_logrank_is_blind_to_the_names_of_groups(table: pl.DataFrame) -> None:
    """Swapping the labels of two groups leaves the statistic."""
    swapped = table.with_columns(gene=1 - pl.col("gene"))

    one, other = (compared("Surv(days, died) ~ gene", rows) for rows in (table, swapped))

    assert one.statistic == pytest.approx(other.statistic)
    assert one.observed.sum() == pytest.approx(one.expected.sum())


@given(cohorts())
def test_turning_a_score_round_turns_concordance_round(table: pl.DataFrame) -> None:
    """C and the C of the opposite score add up to one."""
    formula = "Surv(start, days, died) ~ age"

    one = survival.concordance(formula, table)
    other = survival.concordance(formula, table, higher="shorter")

    assume(one.concordant + one.discordant + one.tied > 0)
    assert one.value + other.value == pytest.approx(1)
    assert one.std_err == pytest.approx(other.std_err)


def repeat(table: pl.DataFrame) -> pl.DataFrame:
    """Each patient as often as the weight says."""
    return table.select(pl.all().repeat_by("weight")).explode(pl.all())


def fitted(formula: str, table: pl.DataFrame, **options: object) -> survival.CoxFit:
    """A fit with a finite estimate, or another cohort."""
    try:
        fit = survival.cox(formula, table, **options)  # type: ignore[arg-type]
    except HaemonyError:
        assume(False)
        raise
    assume(fit.converged and np.abs(fit.coefficients).max() < 1)
    return fit


def compared(formula: str, table: pl.DataFrame) -> survival.LogRank:
    """A test between two groups, or another cohort."""
    try:
        return survival.logrank(formula, table)
    except HaemonyError:
        assume(False)
        raise
