"""What data that nobody had tried showed: answers that looked sound and were not, and tracebacks.

Each case was found by asking R, or the formula itself, about tables that no other test uses.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import polars as pl
import pytest

from haemony.analysis import multistate, survival
from haemony.analysis.survival.faults import (
    BadCovariate,
    BadFormula,
    NothingToAnalyse,
    UnknownColumn,
)
from haemony.analysis.survival.regression.refitting import Refit


def patients(n: int = 90, seed: int = 3) -> pl.DataFrame:
    """Patients with tied times, two kinds of event, centres, weights and a known effect."""
    draw = np.random.default_rng(seed)
    x, z, known = draw.normal(size=(3, n))
    days = np.ceil(30 * draw.exponential(np.exp(-0.5 * x - known / 2)))
    kind = draw.integers(0, 3, n)
    return pl.DataFrame(
        {
            "days": days,
            "died": (kind == 1).astype(int),
            "kind": kind,
            "x": x,
            "z": z,
            "known": known,
            "arm": draw.choice(["a", "b"], n),
            "centre": draw.integers(0, 3, n),
            "site": draw.integers(0, 20, n),
            "weight": draw.gamma(2, 0.5, n) + 0.1,
        }
    )


def test_the_known_effect_of_a_new_patient_counts() -> None:
    """A new patient's offset raises the hazard as R's `survfit(newdata=)` has it."""
    table = patients()
    fit = survival.cox("Surv(days, died) ~ x + offset(known)", table)
    new = table.head(1).with_columns(known=pl.lit(0.0))

    plain = fit.predict(new, [20])["survival"].item()
    raised = fit.predict(new.with_columns(known=pl.lit(np.log(2.0))), [20])["survival"].item()
    ratio = survival.hazard_ratios(fit, new.with_columns(known=pl.lit(np.log(2.0))), new)

    assert raised == pytest.approx(plain**2)
    assert ratio["hazard_ratio"].item() == pytest.approx(2)
    with pytest.raises(UnknownColumn, match="known"):
        fit.predict(new.drop("known"), [20])


def test_every_model_of_competing_events_knows_the_offsets_of_new_patients() -> None:
    """Fine–Gray and cause-specific predictions rise with a patient's offset."""
    table = patients()
    formula = "Surv(days, kind) ~ x + offset(known)"
    new = pl.concat([table.head(1), table.head(1).with_columns(pl.col("known") + 1)])

    for fit in (survival.fine_gray(formula, table), survival.cause_specific_cox(formula, table)):
        low, high = fit.predict(new, [20])["incidence"]

        assert high > low
    away = survival.fine_gray(formula, table).predict(new, [20])["incidence"].to_numpy()
    assert np.log(-np.log1p(-away)) @ [-1, 1] == pytest.approx(1)


@pytest.mark.parametrize("order", ["C", "F"])
def test_patients_with_equal_covariates_tie(order: str) -> None:
    """Equal rows have equal linear predictors wherever they lie, so that concordance ties them."""
    draw = np.random.default_rng(1)
    kinds = draw.normal(size=(12, 8))
    which = draw.integers(0, 12, 503)
    x = np.asarray(kinds[which], order=order)
    follow_up = survival.Surv.right(draw.integers(1, 60, 503), draw.integers(0, 2, 503))

    fit = survival.cox(follow_up, covariates=x)
    again = Refit(fit, np.ones(503, dtype=np.intp), fit.coefficients)

    assert len(np.unique(fit.linear_predictors)) == 12
    assert len(np.unique(again.linear_predictors)) == 12


def test_fewer_clusters_than_coefficients_still_print() -> None:
    """A fit whose robust variance has no inverse prints, says so, and refuses the joint tests."""
    table = patients()
    model = "x + z + known + cluster(centre)"
    cox = survival.cox(f"Surv(days, died) ~ {model}", table)
    fine_gray = survival.fine_gray(f"Surv(days, kind) ~ {model}", table, variance="robust")

    for fit in (cox, fine_gray):
        assert "no inverse" in str(fit)
        assert "Wald" not in str(fit)
        with pytest.raises(NothingToAnalyse, match="few clusters"):
            _ = fit.wald_test
    two = table.with_columns(pl.col("centre") % 2)
    with pytest.raises(NothingToAnalyse, match="few clusters"):
        _ = survival.cox(f"Surv(days, died) ~ {model}", two).robust_score_test


ESTIMATORS: dict[str, Callable[..., object]] = {
    "curve": lambda terms, table: survival.kaplan_meier(f"Surv(days, died) ~ arm + {terms}", table),
    "incidence": lambda terms, table: survival.aalen_johansen(
        f"Surv(days, kind) ~ arm + {terms}", table
    ),
    "follow-up": lambda terms, table: survival.follow_up(
        f"Surv(days, died) ~ arm + {terms}", table
    ),
    "log-rank": lambda terms, table: survival.logrank(f"Surv(days, died) ~ arm + {terms}", table),
    "pairs": lambda terms, table: survival.pairwise_logrank(
        f"Surv(days, died) ~ centre + {terms}", table
    ),
    "MaxCombo": lambda terms, table: survival.maxcombo(f"Surv(days, died) ~ arm + {terms}", table),
    "Gray": lambda terms, table: survival.gray(f"Surv(days, kind) ~ arm + {terms}", table),
    "concordance": lambda terms, table: survival.concordance(
        f"Surv(days, died) ~ x + {terms}", table
    ),
}


@pytest.mark.parametrize("name", ESTIMATORS)
def test_no_term_of_a_formula_is_ignored_in_silence(name: str) -> None:
    """Curves and tests refuse an offset, and tests of independent rows a cluster."""
    with pytest.raises(BadFormula, match="offset"):
        ESTIMATORS[name]("offset(known)", patients())
    if name in ("log-rank", "pairs", "MaxCombo", "Gray"):
        with pytest.raises(BadCovariate, match="cluster"):
            ESTIMATORS[name]("cluster(site)", patients())


def test_the_limits_of_follow_up_allow_for_clusters() -> None:
    """Follow-up is a curve of censoring, and its limits are those of that curve with clusters."""
    table = patients()

    watched = survival.follow_up("Surv(days, died) ~ cluster(site)", table).curves[0]
    turned = survival.kaplan_meier(
        "Surv(days, alive) ~ cluster(site)", table.with_columns(alive=1 - pl.col("died").cast(int))
    ).curves[0]

    assert watched.std_err == pytest.approx(turned.std_err)
    plain = survival.follow_up("Surv(days, died) ~ 1", table).curves[0]
    assert not np.allclose(watched.std_err, plain.std_err)


def test_concordance_has_the_standard_error_of_clusters() -> None:
    """Rows of one patient are one observation: copies of all rows leave the standard error."""
    table = patients().with_row_index("patient")

    once = survival.concordance("Surv(days, died) ~ x", table)
    twice = survival.concordance(
        "Surv(days, died) ~ x + cluster(patient)", pl.concat([table, table])
    )

    assert twice.value == pytest.approx(once.value)
    assert twice.std_err == pytest.approx(once.std_err)


def test_new_rows_without_a_stratum_and_no_rows_are_refused() -> None:
    """A missing stratum, or nobody at all, is named instead of a traceback."""
    table = patients()
    fit = survival.cox("Surv(days, died) ~ x + strata(arm)", table)

    with pytest.raises(BadCovariate, match="'arm' is missing"):
        fit.predict(table.head(2).with_columns(arm=pl.lit(None, dtype=pl.String)), [20])
    with pytest.raises(BadCovariate, match="nobody"):
        fit.predict(table.head(0), [20])


def test_whole_numbers_beyond_64_bits_are_numbers() -> None:
    """Unsigned numbers that no signed one holds are covariates, and no error tells their values."""
    table = patients().with_columns(large=pl.int_range(pl.len()) % 7)
    far = pl.col("large").cast(pl.UInt64) * 2**52 + 2**63

    fit = survival.cox("Surv(days, died) ~ large", table.with_columns(large=far))

    plain = survival.cox("Surv(days, died) ~ large", table)
    assert fit.wald_test.statistic == pytest.approx(plain.wald_test.statistic)


@pytest.mark.parametrize(
    "kind", [pl.Int8, pl.UInt8, pl.Int16, pl.UInt32, pl.UInt64, pl.Decimal(9, 2)]
)
def test_every_kind_of_number_gives_the_same_fit(kind: pl.DataType) -> None:
    """Times, events, weights and covariates may be numbers of any width."""
    table = patients().with_columns(
        pl.col("days").clip(1, 99), w=1 + pl.col("kind"), age=pl.col("site")
    )
    plain = survival.cox("Surv(days, died) ~ age + arm", table, weights="w")

    given = table.with_columns(pl.col("days", "died", "age", "w").cast(kind))

    fit = survival.cox("Surv(days, died) ~ age + arm", given, weights="w")
    assert fit.coefficients == pytest.approx(plain.coefficients, abs=1e-12)


def test_nobody_dies_more_than_once() -> None:
    """The incidence of a patient whose hazard is beyond one at a time is at most one."""
    table = patients(40)
    fit = survival.cause_specific_cox("Surv(days, kind) ~ x", table)
    doomed = pl.DataFrame({"x": [6.0]})
    for kind in ("product", "exponential"):
        both = [
            fit.predict(doomed, [100], cause=cause, survival_from=kind)["incidence"].item()
            for cause in fit.fits
        ]

        assert max(both) <= 1
        if kind == "product":
            assert sum(both) == pytest.approx(1)


def test_a_variance_that_is_zero_is_not_what_rounding_leaves() -> None:
    """The hazard of a single weighted patient who is left is certain: its error is nought."""
    table = pl.DataFrame({"days": [14, 6, 5], "died": [1, 0, 0], "w": [0.581, 1.183, 0.152]})

    curve = survival.nelson_aalen("Surv(days, died) ~ 1", table, weights="w").curves[0]

    assert curve.hazard[-1] == 1
    assert curve.hazard_std_err[-1] == 0


def test_weighted_states_that_all_leave_are_empty() -> None:
    """When everybody leaves a state its probability is nought, never below it."""
    draw = np.random.default_rng(8)
    n = 40
    day = draw.integers(1, 9, n)
    rows = {
        "id": np.arange(n),
        "from": ["well"] * n,
        "to": draw.choice(["ill", "dead"], n).tolist(),
        "start": np.zeros(n),
        "stop": day,
        "w": draw.gamma(2, 0.5, n) + 0.01,
    }
    scheme = multistate.Scheme.read("three ends", "well -> ill, dead; ill -> dead")
    told = multistate.histories_from_rows(
        rows, scheme, patient="id", origin="from", target="to", start="start", stop="stop"
    )

    curve = multistate.occupation(told.weighted("w")).curves[0]

    assert curve.probability[-1, 0] == 0
    assert np.isnan(curve.lower[-1, 0])
