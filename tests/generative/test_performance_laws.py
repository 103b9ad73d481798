"""Laws that measures of predictions obey whatever the patients and the predictions."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from haemony.analysis import prediction, survival
from haemony.analysis.prediction.censoring import censoring_model, outcome_weights
from haemony.analysis.survival.data.arrays import Floats

OS = "Surv(time, event) ~ 1"


@st.composite
def tables(draw: st.DrawFn, kinds: int = 1) -> pl.DataFrame:
    """Patients with heavy ties, of whom some have the event before day 5 and some do not."""
    n = draw(st.integers(12, 40))
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    time = np.concatenate([rng.integers(1, 10, n), [2, 3, 9, 9]]).astype(np.float64)
    event = np.concatenate([rng.integers(0, kinds + 1, n), [1, 1, 0, 0]])
    risk = rng.integers(0, 21, n + 4) / 20
    other = rng.integers(0, 21, n + 4) / 20
    return pl.DataFrame({"time": time, "event": event, "risk": risk, "other": other})


def judged(table: pl.DataFrame, horizon: float = 5.0) -> prediction.Predictions:
    """Both risks as predictions by a horizon."""
    return prediction.predictions(
        OS, table, risks={"m": "risk", "o": "other"}, times=[horizon], cause="1"
    )


def figures(table: pl.DataFrame, horizon: float = 5.0) -> Floats:
    """Areas, scores, concordances and net benefits with their standard errors."""
    found = judged(table, horizon)
    frames = (
        prediction.auc(found).table(),
        prediction.auc(found).differences().drop("p"),
        prediction.brier(found).table(),
        prediction.brier(found).accuracy_table(),
        prediction.c_index(found).table(),
        prediction.decision_curve(found, thresholds=[0.2, 0.4], draws=0).table(),
    )
    numbers = [frame.drop("time").select(pl.col(pl.Float64)).to_numpy().ravel() for frame in frames]
    return np.concatenate(numbers).astype(np.float64)


@given(tables(kinds=2), st.randoms(use_true_random=False))
@settings(max_examples=20, deadline=None)
def test_the_order_of_rows_means_nothing(table: pl.DataFrame, shuffle: object) -> None:
    """Patients in any order give the same figures."""
    order = list(range(table.height))
    shuffle.shuffle(order)

    np.testing.assert_allclose(figures(table[order]), figures(table), atol=1e-10)


@given(tables(kinds=2), st.sampled_from([0.001, 7.0, 365.25]))
@settings(max_examples=20, deadline=None)
def test_the_unit_of_time_means_nothing(table: pl.DataFrame, unit: float) -> None:
    """Days, weeks or years give the same figures at the same horizon."""
    scaled = table.with_columns(time=pl.col("time") * unit)

    np.testing.assert_allclose(figures(scaled, 5.0 * unit), figures(table), atol=1e-9)


@given(tables(kinds=2))
@settings(max_examples=20, deadline=None)
def test_only_the_order_of_risks_matters_to_discrimination(table: pl.DataFrame) -> None:
    """A rising function of the risks changes no area and no concordance; a falling one mirrors."""
    changed = table.with_columns(risk=pl.col("risk").exp() * 3, other=-pl.col("risk"))

    for measure in (prediction.auc, prediction.c_index):
        before = measure(judged(table)).estimates
        after = measure(judged(changed)).estimates
        assert after.value[0, 0] == pytest.approx(before.value[0, 0], abs=1e-12)
        assert after.value[0, 1] == pytest.approx(1 - before.value[0, 0], abs=1e-12)
        assert after.std_err[0, 1] == pytest.approx(before.std_err[0, 0], abs=1e-12)


@given(tables(kinds=2))
@settings(max_examples=20, deadline=None)
def test_weights_stand_for_everybody(table: pl.DataFrame) -> None:
    """Inverse probability weights of known outcomes add up to the number of patients."""
    found = judged(table)
    weights = outcome_weights(found, censoring_model(found, "kaplan-meier"), 5.0)

    assert sum(part.sum() for part in weights) == pytest.approx(len(found))


@given(tables(kinds=2))
@settings(max_examples=20, deadline=None)
def test_pseudo_values_are_the_jackknife(table: pl.DataFrame) -> None:
    """Each is n times the estimate less n - 1 times the one without the patient."""
    found = judged(table)
    n = len(found)

    values = prediction.pseudo_values(found, 5.0)

    def estimate(rows: list[int]) -> float:
        fit = survival.aalen_johansen("Surv(time, event) ~ 1", table[rows]).at([5.0])
        return float(fit.filter(pl.col("state") == "1")["incidence"][0])

    everybody = list(range(n))
    for left_out in (0, n // 2, n - 1):
        others = [i for i in everybody if i != left_out]
        by_hand = n * estimate(everybody) - (n - 1) * estimate(others)
        assert values[left_out] == pytest.approx(by_hand, abs=1e-9)


@given(tables(kinds=2))
@settings(max_examples=20, deadline=None)
def test_a_model_sure_of_everybody_treats_all(table: pl.DataFrame) -> None:
    """Net benefit of a risk of one is that of treating all, and of a risk of zero that of none."""
    sure = table.with_columns(risk=pl.lit(1.0), other=pl.lit(0.0))

    found = prediction.decision_curve(judged(sure), thresholds=[0.1, 0.6], draws=0)

    none, everybody, ones, zeros = found.net_benefit[0]
    np.testing.assert_allclose(ones, everybody, atol=1e-12)
    np.testing.assert_array_equal(zeros, none)


@given(st.integers(4, 60), st.integers(2, 4), st.integers(0, 1000))
@settings(max_examples=30, deadline=None)
def test_every_split_survives_its_journey(n: int, folds: int, seed: int) -> None:
    """Folds divide everybody without overlap, and come back from a table as they were."""
    splits = prediction.Splits.folds(n, folds, seed=seed)

    back = prediction.Splits.read(splits.table())

    assert sorted(np.concatenate([part.test for part in splits.parts])) == list(range(n))
    for mine, again in zip(splits.parts, back.parts, strict=True):
        assert not set(mine.train) & set(mine.test)
        np.testing.assert_array_equal(mine.train, again.train)
        np.testing.assert_array_equal(mine.test, again.test)
