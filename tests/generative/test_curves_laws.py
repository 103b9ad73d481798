"""Laws of robust curves, tests and competing-risks models that hold for every cohort."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from haemony.analysis.survival.comparing.gray import gray
from haemony.analysis.survival.comparing.logrank import logrank
from haemony.analysis.survival.comparing.maxcombo import maxcombo
from haemony.analysis.survival.competing.fine_gray import Convention, FineGray, fine_gray
from haemony.analysis.survival.curves.aalen_johansen import aalen_johansen
from haemony.analysis.survival.curves.kaplan_meier import kaplan_meier
from haemony.analysis.survival.curves.nelson_aalen import nelson_aalen
from haemony.analysis.survival.curves.restricted_mean import restricted_loss, restricted_mean
from haemony.model.errors import HaemonyError

T = TypeVar("T")
few = settings(
    max_examples=15, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much]
)


@st.composite
def cohorts(draw: st.DrawFn) -> pl.DataFrame:
    """Small cohorts with many ties, two groups, late entries, weights and two kinds of event."""
    n = draw(st.integers(8, 40))

    def column(low: int, high: int) -> list[int]:
        return draw(st.lists(st.integers(low, high), min_size=n, max_size=n))

    start, length = column(0, 3), column(1, 12)
    died = column(0, 1)
    died[0] = 1
    return pl.DataFrame(
        {
            "id": range(n),
            "start": start,
            "days": [a + b for a, b in zip(start, length, strict=True)],
            "died": died,
            "kind": [d * k for d, k in zip(died, column(1, 2), strict=True)],
            "x": column(0, 9),
            "gene": column(0, 1),
            "weight": column(1, 3),
        }
    )


@few
@given(cohorts())
def test_the_jackknife_of_single_rows_is_greenwoods_variance(table: pl.DataFrame) -> None:
    """For rows watched from the origin that count once, the robust error is Greenwood's."""
    formula = "Surv(days, died) ~ gene"

    robust = kaplan_meier(formula, table, variance="robust")
    plain = kaplan_meier(formula, table)

    for one, other in zip(robust.curves, plain.curves, strict=True):
        assert one.std_err == pytest.approx(other.std_err, abs=1e-7, nan_ok=True)


@few
@given(cohorts())
def test_a_patient_in_two_rows_of_one_cluster_is_one_patient(table: pl.DataFrame) -> None:
    """Follow-up split at day four changes no curve and no robust error."""
    early = table.filter(pl.col("days") > 4).with_columns(
        days=pl.lit(4), died=pl.lit(0), kind=pl.lit(0)
    )
    early = early.filter(pl.col("start") < 4)
    late = table.with_columns(
        start=pl.when(pl.col("days") > 4).then(pl.max_horizontal("start", 4)).otherwise("start")
    )
    columns = ["id", "start", "days", "died", "kind"]
    parts = pl.concat([part.select(pl.col(columns).cast(pl.Int64)) for part in (early, late)])
    at = np.unique(table["days"].to_numpy())

    for estimate, event in ((kaplan_meier, "died"), (nelson_aalen, "died")):
        whole = estimate(f"Surv(start, days, {event}) ~ cluster(id)", table).at(at)
        split = estimate(f"Surv(start, days, {event}) ~ cluster(id)", parts).at(at)
        assert split["std_err"].to_numpy() == pytest.approx(
            whole["std_err"].to_numpy(), abs=1e-7, nan_ok=True
        )
    whole = aalen_johansen("Surv(start, days, kind) ~ cluster(id)", table).at(at)
    split = aalen_johansen("Surv(start, days, kind) ~ cluster(id)", parts).at(at)
    assert split["std_err"].to_numpy() == pytest.approx(
        whole["std_err"].to_numpy(), abs=1e-7, nan_ok=True
    )


@few
@given(cohorts())
def test_the_closed_form_and_the_rows_give_one_error(table: pl.DataFrame) -> None:
    """Weights of one send the incidences through the rows, with the same answer."""
    plain = aalen_johansen("Surv(days, kind) ~ gene", table)
    weighted = aalen_johansen("Surv(days, kind) ~ gene", table.with_columns(one=1.0), weights="one")

    for one, other in zip(plain.curves, weighted.curves, strict=True):
        assert one.std_err == pytest.approx(other.std_err, abs=1e-7)


@few
@given(cohorts(), st.integers(2, 9))
def test_another_unit_of_time_changes_no_test(table: pl.DataFrame, unit: int) -> None:
    """Days or weeks: tests stay, and restricted means change by the unit."""
    other = table.with_columns(days=pl.col("days") * unit)
    formula = "Surv(days, died) ~ gene"

    one, two = (answer(lambda t: logrank(formula, t, weight="gehan"), t) for t in (table, other))
    assert one.statistic == pytest.approx(two.statistic)
    mean, scaled = (restricted_mean(formula, t) for t in (table, other))
    assert scaled.std_err == pytest.approx(unit * mean.std_err)


@few
@given(cohorts())
def test_maxcombo_is_blind_to_the_names_of_groups(table: pl.DataFrame) -> None:
    """Swapped labels turn every z and leave the p-value, which no single test undercuts."""
    swapped = table.with_columns(gene=1 - pl.col("gene"))

    one, other = (
        answer(lambda t: maxcombo("Surv(days, died) ~ gene", t), t) for t in (table, swapped)
    )

    assert one.z == pytest.approx(-other.z)
    assert one.p == pytest.approx(other.p, abs=1e-7)
    assert 0 <= one.table()["p"].min() - 1e-9 <= one.p <= 1


@few
@given(cohorts())
def test_gray_is_blind_to_the_order_of_patients(table: pl.DataFrame) -> None:
    """Shuffled rows and swapped labels leave the statistics, and scores sum to zero."""
    shuffled = table.sample(fraction=1, shuffle=True, seed=1)
    other = shuffled.with_columns(gene=1 - pl.col("gene"))

    one, two = (answer(lambda t: gray("Surv(days, kind) ~ gene", t), t) for t in (table, other))

    assert one.statistic == pytest.approx(two.statistic, nan_ok=True)
    assert one.score.sum(axis=1) == pytest.approx(np.zeros(len(one.states)), abs=1e-9)


@few
@given(cohorts())
def test_time_lived_and_lost_fill_the_horizon(table: pl.DataFrame) -> None:
    """Event-free time and the times lost to all causes add up to tau."""
    lived = restricted_mean("Surv(days, died) ~ gene", table)
    lost = restricted_loss("Surv(days, kind) ~ gene", table)

    assert lived.mean[:, 0] + lost.mean.sum(axis=1) == pytest.approx(np.full(len(lost.n), lost.tau))


@few
@given(cohorts())
def test_without_censoring_fine_and_gray_keep_the_failed_for_ever(table: pl.DataFrame) -> None:
    """Then a competing event is a follow-up without end, and both conventions say the same."""
    everyone = table.with_columns(kind=pl.when(pl.col("kind") == 0).then(2).otherwise("kind"))
    endless = everyone.with_columns(
        days=pl.when(pl.col("kind") == 2).then(99).otherwise("days"),
        died=(pl.col("kind") == 1).cast(pl.Int64),
        kind=pl.when(pl.col("kind") == 2).then(0).otherwise("kind"),
    )

    def fitted(rows: pl.DataFrame, convention: Convention) -> FineGray:
        return answer(
            lambda t: fine_gray(
                "Surv(days, kind) ~ x",
                t,
                convention=convention,
                ties="breslow",
                cause="1",
                variance="robust",
            ),
            rows,
        )

    one, two, three = (
        fitted(everyone, "cmprsk"),
        fitted(everyone, "finegray"),
        fitted(endless, "cmprsk"),
    )
    assume(one.converged)
    for other in (two, three):
        assert one.coefficients == pytest.approx(other.coefficients, abs=1e-7)
        assert one.standard_errors == pytest.approx(other.standard_errors, abs=1e-7)


def answer(estimator: Callable[[pl.DataFrame], T], table: pl.DataFrame) -> T:
    """A result, or another cohort where the data end in a named fault."""
    try:
        return estimator(table)
    except HaemonyError:
        assume(False)
        raise
