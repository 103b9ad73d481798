"""Laws of multi-state estimates that hold for every set of courses."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from haemony.analysis import multistate as ms
from haemony.analysis import survival
from haemony.analysis.multistate.hazards import Variance
from haemony.analysis.multistate.histories import STAYS
from haemony.analysis.multistate.steps import Steps

SCHEME = ms.Scheme.read("there and back", "well -> ill, dead; ill -> well, dead")
SIMPLE = settings(max_examples=25)


@st.composite
def courses(draw: st.DrawFn) -> ms.Histories:
    """Few patients, late entries, many ties, states entered again and again, odd weights."""
    rows: list[tuple[int, str, str | None, int, int]] = []
    weights: list[float] = []
    n = draw(st.integers(2, 12))
    for patient in range(n):
        state = draw(st.sampled_from(["well", "well", "ill"]))
        now = draw(st.integers(0, 2))
        weight = draw(st.sampled_from([0.5, 1.0, 2.0]))
        for _ in range(draw(st.integers(1, 4))):
            after = now + draw(st.integers(1, 4))
            options = ["dead", None, "ill" if state == "well" else "well"]
            target = draw(st.sampled_from(options))
            rows.append((patient, state, target, now, after))
            weights.append(weight)
            if target in ("dead", None):
                break
            state, now = str(target), after
    assume(any(target for _, _, target, _, _ in rows))
    table = pl.DataFrame(
        rows,
        schema={
            "id": pl.Int64,
            "a": pl.String,
            "b": pl.String,
            "t0": pl.Int64,
            "t1": pl.Int64,
        },
        orient="row",
    ).with_columns(weight=pl.Series(weights))
    return read(table)


def read(table: pl.DataFrame) -> ms.Histories:
    """Start–stop rows as histories."""
    return ms.histories_from_rows(
        table, SCHEME, patient="id", origin="a", target="b", start="t0", stop="t1"
    )


def as_rows(told: ms.Histories) -> pl.DataFrame:
    """Histories as the table that they were read from."""
    return told.table().select(
        id="patient", a="from", b="to", t0="start", t1="stop", weight="weight"
    )


def jackknife(told: ms.Histories, weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """(T, S) standard errors, each patient carried through each time, as the definition has it."""
    steps = Steps.of(replace(told, weights=weights))
    size = len(SCHEME.states)
    p = np.bincount(told.origin, minlength=size) * 0.0
    first = int(np.flatnonzero(steps.n_event.any(axis=1))[0])
    present = (steps.first <= first) & (first <= steps.last)
    p = np.bincount(told.origin[present], weights[present], size) / weights[present].sum()
    influence = np.zeros((told.n, size))
    found = []
    for t, move in enumerate(steps.matrices):
        after = influence @ move
        for r in range(len(told)):
            if steps.first[r] <= t <= steps.last[r]:
                j = told.origin[r]
                ends = steps.last[r] == t and told.target[r] != STAYS
                to = told.target[r] if ends else j
                change = np.eye(size)[to] - move[j]
                after[told.patient[r]] += weights[r] * p[j] / steps.n_risk[t, j] * change
        influence, p = after, p @ move
        found.append(np.sqrt(np.square(influence).sum(axis=0)))
    return np.array(found)


@SIMPLE
@given(courses())
def test_everybody_is_somewhere(told: ms.Histories) -> None:
    """At every time the shares of all states lie in [0, 1] and add up to one."""
    curve = ms.occupation(told).curves[0]

    assert curve.probability.sum(axis=1) == pytest.approx(np.ones(len(curve.times)))
    assert curve.probability.min() >= -1e-12


@SIMPLE
@given(courses(), st.booleans())
def test_the_fast_standard_error_is_the_jackknife(told: ms.Histories, equal: bool) -> None:
    """Sums over risk sets give what carrying every patient through every time gives."""
    weights = told.covariates["weight"].to_numpy() * (not equal) + equal

    curve = ms.occupation(replace(told, weights=weights)).curves[0]

    assert curve.std_err == pytest.approx(jackknife(told, weights), abs=1e-10)


@SIMPLE
@given(courses())
def test_the_order_of_rows_and_the_unit_of_time_do_not_matter(told: ms.Histories) -> None:
    """Shuffled rows in other units give the same shares and errors."""
    shuffled = as_rows(told).sample(fraction=1, shuffle=True, seed=1)
    weeks = shuffled.with_columns(pl.col("t0", "t1") / 7)

    one, other = (ms.occupation(h).curves[0] for h in (told, read(weeks)))

    assert other.times * 7 == pytest.approx(one.times)
    assert other.probability == pytest.approx(one.probability)
    assert other.std_err == pytest.approx(one.std_err)


@SIMPLE
@given(courses())
def test_splitting_a_stay_changes_nothing(told: ms.Histories) -> None:
    """A stay in two rows is one stay."""
    rows = as_rows(told)
    long = rows.filter(pl.col("t1") - pl.col("t0") > 1)
    middle = pl.col("t0") + 1
    parts = [
        rows.filter(pl.col("t1") - pl.col("t0") <= 1),
        long.with_columns(t1=middle, b=pl.lit(None, pl.String)),
        long.with_columns(t0=middle),
    ]

    split = read(pl.concat(parts))

    one, other = ms.occupation(told).curves[0], ms.occupation(split).curves[0]
    same = np.isin(other.times, one.times)
    assert other.probability[same] == pytest.approx(one.probability)
    assert other.std_err[same] == pytest.approx(one.std_err, abs=1e-9)
    assert split.covariates["entered"].n_unique() == told.covariates["entered"].n_unique()


@SIMPLE
@given(courses())
def test_a_weight_is_a_number_of_patients(told: ms.Histories) -> None:
    """Shares with weight two are those of patients counted twice."""
    rows = as_rows(told)
    weights = rows["id"].to_numpy() % 2 + 1.0
    twice = rows.filter(pl.col("id") % 2 == 1).with_columns(pl.col("id") + 1000)

    weighted = ms.occupation(replace(told, weights=weights)).curves[0]
    repeated = ms.occupation(read(pl.concat([rows, twice]))).curves[0]

    assert weighted.probability == pytest.approx(repeated.probability)
    assert weighted.n_risk == pytest.approx(repeated.n_risk)


@SIMPLE
@given(courses())
def test_transition_probabilities_and_occupation_are_one_estimate(told: ms.Histories) -> None:
    """From a state known at a time, both give the same shares, and every row adds up to one."""
    curve = ms.occupation(told, start="well", since=0).curves[0]
    matrices = ms.transition_probabilities(ms.hazards(told))

    position = np.searchsorted(matrices.times, curve.times, side="right") - 1
    assert curve.probability == pytest.approx(matrices.probability[position, 0], abs=1e-12)
    assert matrices.probability.sum(axis=2) == pytest.approx(
        np.ones(matrices.probability.shape[:2])
    )


@SIMPLE
@given(courses(), st.integers(1, 8))
def test_the_way_through_a_moment_is_the_product_of_two_ways(told: ms.Histories, at: int) -> None:
    """Chapman and Kolmogorov: P(s, u) = P(s, t) P(t, u)."""
    estimate = ms.hazards(told)

    whole = ms.transition_probabilities(estimate)
    rest = ms.transition_probabilities(estimate, since=at)

    until = whole.probability[np.searchsorted(whole.times, at, side="right") - 1]
    assert until @ rest.probability[-1] == pytest.approx(whole.probability[-1], abs=1e-12)


@SIMPLE
@given(courses(), st.sampled_from(["greenwood", "aalen"]))
def test_both_ways_to_a_covariance_agree(told: ms.Histories, variance: Variance) -> None:
    """Carried forward step by step, or summed from the end: the same covariance of each row."""
    found = ms.transition_probabilities(ms.hazards(told, variance=variance))

    whole = found.covariance(float(found.times[-1]))

    assert np.einsum("ghgk->ghk", whole) == pytest.approx(found.variance[-1], abs=1e-12)
    assert np.abs(whole.sum(axis=3)).max() < 1e-12


@SIMPLE
@given(courses(), st.integers(2, 20))
def test_lengths_of_stay_share_the_time(told: ms.Histories, horizon: int) -> None:
    """Mean stays add up to the time that passes, from every state."""
    last = float(told.stop.max())
    horizon = int(min(horizon, last))
    estimate = ms.transition_probabilities(ms.hazards(told))

    stay = estimate.stay(horizon).group_by("from").agg(pl.col("mean").sum())

    assert stay["mean"].to_list() == pytest.approx([horizon] * 3)


@st.composite
def outcomes(draw: st.DrawFn) -> pl.DataFrame:
    """One row per patient: days, and no event or one of two kinds."""
    n = draw(st.integers(3, 30))
    days = draw(st.lists(st.integers(1, 9), min_size=n, max_size=n))
    kind = draw(st.lists(st.integers(0, 2), min_size=n, max_size=n))
    assume(1 in kind)
    return pl.DataFrame({"days": days, "kind": kind})


@SIMPLE
@given(outcomes())
def test_kaplan_and_meier_are_aalen_and_johansen_with_one_end(table: pl.DataFrame) -> None:
    """Two states: survival, Greenwood's error and the restricted mean are those of one curve."""
    rows = table.with_columns(died=(pl.col("kind") > 0).cast(pl.Int64))
    scheme = ms.Scheme.competing("alive", ["dead"])
    told = ms.histories(rows, scheme, [ms.Moment("dead", "days", status="died")], until="days")

    curve = ms.occupation(told).curves[0]
    theirs = survival.kaplan_meier("Surv(days, died) ~ 1", rows).curves[0]

    alive = theirs.survival > 0
    assert curve.probability[:, 0] == pytest.approx(theirs.survival)
    assert curve.std_err[alive, 0] == pytest.approx(theirs.std_err[alive], abs=1e-9)
    tau = float(theirs.times[-1])
    mean, error = theirs.restricted_mean(tau)
    assert curve.stay(tau)["mean"][0] == pytest.approx(mean)
    assert curve.stay(tau)["std_err"][0] == pytest.approx(error, abs=1e-9)


@SIMPLE
@given(outcomes())
def test_competing_risks_are_a_scheme_with_two_ends(table: pl.DataFrame) -> None:
    """Cumulative incidences and their errors are state occupation probabilities."""
    scheme = ms.Scheme.competing("alive", ["one", "two"])
    rows = table.with_columns(
        one=(pl.col("kind") == 1).cast(pl.Int64), two=(pl.col("kind") == 2).cast(pl.Int64)
    )
    moments = [ms.Moment(name, "days", status=name) for name in ("one", "two")]
    told = ms.histories(rows, scheme, moments, until="days")

    curve = ms.occupation(told).curves[0]
    theirs = survival.aalen_johansen("Surv(days, kind) ~ 1", table).curves[0]

    columns = [scheme.state({"1": "one", "2": "two"}[state]) for state in theirs.states]
    assert curve.probability[:, columns] == pytest.approx(theirs.incidence)
    assert curve.std_err[:, columns] == pytest.approx(theirs.std_err, abs=1e-7)


@SIMPLE
@given(outcomes(), st.integers(0, 4))
def test_a_landmark_is_a_new_beginning(table: pl.DataFrame, day: int) -> None:
    """The curve of those alive at a landmark is the curve of their remaining time."""
    rows = table.with_columns(died=(pl.col("kind") > 0).cast(pl.Int64))
    later = rows.filter(pl.col("days") > day).with_columns(pl.col("days") - day)
    assume(later["died"].sum() > 0)
    scheme = ms.Scheme.competing("alive", ["dead"])
    death = [ms.Moment("dead", "days", status="died")]

    landed = ms.histories(rows, scheme, death, until="days").landmark("alive", day)
    anew = ms.histories(later, scheme, death, until="days")

    one, other = ms.occupation(landed).curves[0], ms.occupation(anew).curves[0]
    assert one.times - day == pytest.approx(other.times)
    assert one.probability == pytest.approx(other.probability)
    assert one.std_err == pytest.approx(other.std_err)
