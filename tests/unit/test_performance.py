"""Measures of predictions: what they say, what they refuse, and what they never get wrong."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from haemony.analysis import prediction, survival
from haemony.analysis.prediction.censoring import censoring_model, outcome_weights
from haemony.analysis.survival.data.arrays import Floats
from haemony.analysis.survival.faults import (
    BadCovariate,
    BadFormula,
    BadResponse,
    BeyondFollowUp,
    NothingToAnalyse,
    UnknownColumn,
)

OS = "Surv(time, event) ~ 1"
MEASURES: tuple[Callable[..., object], ...] = (
    prediction.auc,
    prediction.brier,
    prediction.calibration,
    prediction.decision_curve,
)


def cohort(n: int = 160, seed: int = 7, kinds: int = 1) -> pl.DataFrame:
    """Made-up patients with tied times, a score that matters, and two covariates."""
    draw = np.random.default_rng(seed)
    x, z = draw.normal(size=n), draw.integers(0, 2, n).astype(np.float64)
    rate = np.exp(0.8 * x) / 20
    time = np.ceil(draw.exponential(1 / rate))
    leaving = np.ceil(draw.exponential(30 / np.exp(0.4 * z)))
    event = np.where(time <= leaving, draw.integers(1, kinds + 1, n), 0)
    return pl.DataFrame(
        {
            "time": np.minimum(time, leaving),
            "event": event,
            "x": x,
            "z": z,
            "risk": (1 - np.exp(-rate * 10)).round(2),
        }
    )


def laid_out(right: str = "1", **changes: object) -> prediction.Predictions:
    """The cohort's predictions by 10 days."""
    table = cohort(**changes)
    return prediction.predictions(
        f"Surv(time, event) ~ {right}", table, risks={"model": "risk"}, times=[10]
    )


def test_without_censoring_the_area_is_mann_whitneys() -> None:
    """Everybody's outcome known: the share of pairs in which the case has the higher risk."""
    table = cohort().with_columns(event=pl.lit(1))

    area = prediction.auc(OS, table, risks={"model": "risk"}, times=[10]).table()

    case = (table["time"] <= 10).to_numpy()
    risk = table["risk"].to_numpy()
    pairs = risk[case][:, None] - risk[~case]
    assert area["auc"].item() == pytest.approx(np.mean((np.sign(pairs) + 1) / 2), abs=1e-12)


def test_without_censoring_the_brier_score_is_a_mean_square() -> None:
    """Everybody's outcome known: the mean squared distance of risk from outcome."""
    table = cohort().with_columns(event=pl.lit(1))

    score = prediction.brier(OS, table, risks={"model": "risk"}, times=[10]).table()

    outcome = (table["time"] <= 10).to_numpy()
    assert score["brier"][1] == pytest.approx(np.mean((outcome - table["risk"].to_numpy()) ** 2))
    assert score["brier"][0] == pytest.approx(outcome.mean() * (1 - outcome.mean()))


def test_the_index_of_accuracy_compares_with_the_null_model() -> None:
    """The index is one minus the ratio of two Brier scores, and the null model's own is none."""
    found = prediction.brier(laid_out())

    null, mine = found.table()["brier"]
    assert found.accuracy_table()["ipa"].item() == pytest.approx(1 - mine / null)
    assert found.accuracy_table()["model"].to_list() == ["model"]


def test_the_integral_has_two_rules() -> None:
    """The step rule holds a score until the next horizon, the trapezoid joins scores."""
    table, times = cohort(), [5, 10]
    by_rule = {
        rule: prediction.brier(OS, table, risks={"model": "risk"}, times=times, rule=rule)
        for rule in ("step", "trapezoid")
    }

    first, second = by_rule["step"].table().filter(pl.col("model") == "model")["brier"]
    step, trapezoid = (found.integrated_table()["ibs"][1] for found in by_rule.values())
    assert step == pytest.approx(first * 5 / 10)
    assert trapezoid == pytest.approx((first * 5 / 2 + (first + second) / 2 * 5) / 10)


def test_competing_events_are_controls_only_where_asked() -> None:
    """Of the two definitions one counts those with another event as controls, the other nobody."""
    found = laid_out(kinds=2)

    wide = prediction.auc(found)
    narrow = prediction.auc(found, controls="event-free")

    others = int(np.count_nonzero(found.had_other & (found.time <= 10)))
    assert wide.controls[0] - narrow.controls[0] == others > 0
    assert wide.table()["auc"].item() != narrow.table()["auc"].item()


def perturbed(found: prediction.Predictions, weight: Floats) -> tuple[float, float]:
    """AUC and Brier score with case weights, censoring by a weighted Cox model."""
    fit = survival.cox(
        survival.Surv.right(found.time, found.response.event == 0),
        covariates=found.covariates,
        weights=weight,
    )
    baseline = fit.baseline_hazard()
    hazard = np.concatenate([[0.0], baseline["hazard"].to_numpy()])
    relative = np.exp(fit.linear_predictors)
    steps = np.searchsorted(baseline["time"].to_numpy(), found.time, side="left")
    until = np.searchsorted(baseline["time"].to_numpy(), 10.0, side="right")
    case = weight * (found.time <= 10) * found.had_event * np.exp(relative * hazard[steps])
    control = weight * (found.time > 10) * np.exp(relative * hazard[until])
    risk = found.risks[0, :, 0]
    wins = (risk[:, None] > risk) + 0.5 * (risk[:, None] == risk)
    area = case @ wins @ control / (case.sum() * control.sum())
    return float(area), float((case @ (1 - risk) ** 2 + control @ risk**2) / weight.sum())


def test_the_influence_of_a_patient_through_a_cox_model_of_censoring_is_a_derivative() -> None:
    """Each patient's influence, censoring weights included, is what a small weight changes."""
    found = laid_out("x + z", n=60)
    assert len(np.unique(found.time)) < 50
    model = censoring_model(found, "cox")
    case, _, control = outcome_weights(found, model, 10.0)
    risk = found.risks[0, :, 0]
    squares = case * (1 - risk) ** 2 + control * risk**2
    influence = squares - squares.mean() + model.influence(squares, 10.0)

    for row in (0, 17, 42):
        nudge = np.zeros(60)
        nudge[row] = 1e-5
        up, down = perturbed(found, 1 + nudge), perturbed(found, 1 - nudge)
        assert 60 * (up[1] - down[1]) / 2e-5 == pytest.approx(influence[row], abs=1e-6)


def weighted_uno(found: prediction.Predictions, weight: Floats) -> float:
    """Uno's C until 15 with case weights, pair by pair."""
    time, risk = found.time, found.risks[0, :, 0]
    died, g = found.response.died, np.ones(len(found))
    for moment in np.unique(time[~died]):
        at_risk = weight[(time > moment) | ((time == moment) & ~died)].sum()
        step = 1 - weight[(time == moment) & ~died].sum() / at_risk
        g = np.where(time > moment, g * step, g)
    later = (time > time[:, None]) | ((time == time[:, None]) & ~died)
    counts = np.where(died & (time <= 15), weight / g**2, 0.0)[:, None] * weight * later
    wins = (risk[:, None] > risk) + 0.5 * (risk[:, None] == risk)
    return float((counts * wins).sum() / counts.sum())


def test_unos_standard_error_is_that_of_the_infinitesimal_jackknife() -> None:
    """With its weights re-estimated for every patient, "full" sums squared derivatives."""
    table = cohort(50).with_columns(time=pl.col("time") + pl.int_range(50) / 1000)
    found = prediction.predictions(OS, table, risks={"model": "risk"}, times=[15])
    nudges = 1e-5 * np.eye(50)

    c = prediction.c_index(found, variance="full").table()

    changes = [(weighted_uno(found, 1 + n) - weighted_uno(found, 1 - n)) / 2e-5 for n in nudges]
    assert c["c"].item() == pytest.approx(weighted_uno(found, np.ones(50)), abs=1e-12)
    assert c["std_err"].item() == pytest.approx(np.sqrt(np.square(changes).sum()), rel=1e-3)


def test_who_had_a_competing_event_stays_comparable() -> None:
    """Wolbers' C is Harrell's with those who had another event outliving everybody."""
    table = cohort(kinds=2)
    forever = table.with_columns(
        time=pl.when(pl.col("event") == 2).then(1e6).otherwise("time"),
        event=(pl.col("event") == 1).cast(pl.Int64),
    )

    mine = prediction.c_index(OS, table, risks={"model": "risk"}, weighting="harrell").table()

    theirs = survival.concordance("Surv(time, event) ~ risk", forever, higher="shorter")
    assert mine["c"].item() == pytest.approx(theirs.value, abs=1e-12)
    assert mine["std_err"].item() == pytest.approx(theirs.std_err, abs=1e-12)


def test_a_horizon_without_cases_has_no_area() -> None:
    """Before the first event there is nothing to compare, and a note says so."""
    table = pl.DataFrame({"time": [3, 5, 6, 9], "event": [0, 1, 1, 0], "risk": [0.1, 0.4, 0.3, 0]})

    found = prediction.auc(OS, table, risks={"model": "risk"}, times=[2, 5])

    assert found.table()["auc"].to_list() == [None, 1.0]
    assert found.notes == ("at 2 there are 0 cases and 4 controls, so no area",)


def test_a_perfect_model_and_a_constant_one() -> None:
    """Perfect separation gives one, a constant risk one half, and neither a warning."""
    table = cohort(80).with_columns(
        perfect=(-pl.col("time") / 1000).exp(), flat=pl.lit(0.5), event=pl.lit(1)
    )
    risks = {"perfect": "perfect", "flat": "flat"}

    area = prediction.auc(OS, table, risks=risks, times=[10])
    c = prediction.c_index(OS, table, risks=risks, tau=[10])

    assert area.table()["auc"].to_list() == pytest.approx([1.0, 0.5])
    assert area.table()["std_err"].to_list() == pytest.approx([0.0, 0.0], abs=1e-12)
    assert c.table()["c"].to_list() == pytest.approx([1.0, 0.5])


def test_a_model_does_not_differ_from_itself() -> None:
    """Two identical models differ by nothing, with no p-value rather than a wrong one."""
    found = prediction.auc(OS, cohort(), risks={"a": "risk", "b": "risk"}, times=[10])

    row = found.differences().row(0, named=True)
    assert (row["difference"], row["std_err"], row["p"]) == (0.0, 0.0, None)


def test_rows_without_a_risk_are_left_out_and_counted() -> None:
    """A missing risk or covariate leaves the patient out for all models, and is said."""
    table = cohort().with_columns(
        other=pl.when(pl.int_range(160) < 5).then(None).otherwise("risk"),
        z=pl.when(pl.int_range(160) == 9).then(float("nan")).otherwise("z"),
    )

    found = prediction.predictions(
        "Surv(time, event) ~ z", table, risks={"a": "risk", "b": "other"}, times=[10]
    )

    assert (len(found), found.missing.rows) == (154, 6)
    assert dict(found.missing.by_variable) == {"predicted risk": 5, "z": 1}
    assert found.kept[0] == 5


def test_arrays_do_as_well_as_a_table() -> None:
    """A `Surv` with arrays gives what the formula gives."""
    table = cohort()
    response = survival.Surv.right(table["time"].to_numpy(), table["event"].to_numpy())

    for measure in MEASURES[:2]:
        mine = measure(response, risks={"model": table["risk"].to_numpy()}, times=[10])
        same = measure(OS, table, risks={"model": "risk"}, times=[10])
        assert mine.table().equals(same.table())


@pytest.mark.parametrize(
    ("changes", "fault", "words"),
    [
        ({"risks": {"m": "nothing"}}, UnknownColumn, "no column 'nothing'"),
        ({"risks": {}}, prediction.BadRisks, "names no model"),
        ({"risks": {"m": [0.1, 0.2]}}, prediction.BadRisks, "shape"),
        ({"risks": {"m": ["risk", "risk"]}}, prediction.BadRisks, "1 horizons"),
        ({"risks": {"m": "word"}}, prediction.BadRisks, "not numeric"),
        ({"times": None}, prediction.BadRisks, "positive horizons"),
        ({"times": [10, 5]}, prediction.BadRisks, "do not ascend"),
        ({"times": [-1]}, prediction.BadRisks, "positive horizons"),
        ({"times": [1e6]}, BeyondFollowUp, "beyond the follow-up"),
        ({"formula": "Surv(z, time, event) ~ 1"}, BadResponse, "from one origin"),
        ({"formula": "Surv(time, word) ~ 1"}, BadResponse, "word"),
        ({"formula": "Surv(time, never) ~ 1"}, NothingToAnalyse, "nobody had the event"),
        ({"formula": "Surv(below, event) ~ 1"}, BadResponse, "before the time origin"),
        ({"formula": "Surv(time, event) ~ strata(z)"}, BadFormula, "plain covariates"),
        (
            {"cause": "relapse"},
            prediction.BadRisks,
            "'relapse' is no event of this follow-up; choose",
        ),
        ({"table": None}, BadFormula, "without a table"),
    ],
)
def test_a_refusal_names_its_cause(
    changes: dict[str, object], fault: type[Exception], words: str
) -> None:
    """Whatever cannot be judged is refused in words that name the cause."""
    table = cohort().with_columns(
        word=pl.lit("yes"), never=pl.lit(0), below=-pl.col("time"), z=-pl.lit(1.0)
    )
    given: dict[str, object] = {
        "formula": OS,
        "table": table,
        "risks": {"m": "risk"},
        "times": [10],
    }
    given |= changes
    formula, frame = given.pop("formula"), given.pop("table")

    for measure in MEASURES:
        with pytest.raises(fault, match=words):
            measure(formula, frame, **given)


def test_scores_are_no_probabilities() -> None:
    """Measures of probabilities refuse scores; measures of order accept them."""
    table = cohort().with_columns(score=pl.col("x") * 10)
    given = {"risks": {"m": "score"}, "times": [10]}

    for measure in MEASURES[1:]:
        with pytest.raises(prediction.BadRisks, match="outside 0 to 1"):
            measure(OS, table, **given)
    assert prediction.auc(OS, table, **given).table()["auc"].item() > 0.6


@pytest.mark.parametrize(
    "option",
    [{"censoring": "forest"}, {"variance": "none"}, {"controls": "all"}, {"censoring": "cox"}],
)
def test_an_unknown_option_is_refused(option: dict[str, str]) -> None:
    """An option that is not known, or a Cox model without covariates, is named."""
    with pytest.raises(prediction.BadRisks, match=next(iter(option))):
        prediction.auc(laid_out(), **option)


def test_one_event_and_all_tied() -> None:
    """One event, or everything on one day, gives numbers or nulls and never a warning."""
    one = pl.DataFrame({"time": [1, 2, 3, 4], "event": [0, 1, 0, 0], "risk": [0.1, 0.7, 0.2, 0.4]})
    tied = one.with_columns(time=pl.lit(3), event=pl.lit(1))

    for table in (one, tied):
        for measure in MEASURES:
            extra = {"draws": 5} if measure in MEASURES[2:] else {}
            found = measure(OS, table, risks={"m": "risk"}, times=[3], **extra)
            assert str(found)
    assert prediction.c_index(OS, tied, risks={"m": "risk"}).table()["c"].to_list() == [None]


def test_a_patient_who_stands_for_many_is_named() -> None:
    """Where hardly anybody is watched until the horizon, each result warns of the weights."""
    n = 60
    table = pl.DataFrame(
        {
            "time": [*range(1, n + 1)],
            "event": [1, *([0] * (n - 3)), 1, 1],
            "risk": [i / n for i in range(n)],
        }
    )
    given = {"risks": {"m": "risk"}}

    for found in (
        prediction.auc(OS, table, times=[2, 59], **given),
        prediction.brier(OS, table, times=[2, 59], **given),
        prediction.c_index(OS, table, tau=[2, 59], **given),
    ):
        (note,) = found.notes
        assert note.startswith("at 59 one patient stands for")
        assert note in str(found)


def test_roc_curves_end_in_the_corners_and_have_the_area() -> None:
    """A curve runs from nobody to everybody, and the area under it is the one that `auc` gives."""
    found = laid_out(kinds=2)

    (curve,) = prediction.roc(found)

    assert curve.sensitivity[[0, -1]].tolist() == pytest.approx([0, 1])
    assert curve.area == pytest.approx(prediction.auc(found).table()["auc"].item(), abs=1e-12)
    assert curve.table().height == len(np.unique(found.risks)) + 1
    with pytest.raises(prediction.BadRisks, match="no cases"):
        prediction.roc(replace(found, times=np.array([0.5])))


def test_true_risks_are_well_calibrated() -> None:
    """Risks that are right have ratio and slope one, intercept zero and a curve on the diagonal."""
    table = cohort(4000, seed=3)

    found = prediction.calibration(OS, table, risks={"m": "risk"}, times=[10], draws=30)

    by_name = {row["measure"]: row for row in found.table().iter_rows(named=True)}
    for name, truth in (("observed/expected", 1.0), ("intercept", 0.0), ("slope", 1.0)):
        assert by_name[name]["lower"] < truth < by_name[name]["upper"]
    assert 0 < by_name["ICI"]["value"] < 0.03
    assert by_name["ICI"]["lower"] < by_name["E90"]["upper"]


def test_doubled_odds_are_badly_calibrated() -> None:
    """Risks that are too extreme have a slope below one."""
    table = cohort(4000, seed=3).with_columns(
        risk=1 - (-((-(1 - pl.col("risk")).log()) ** 2) * 2).exp()
    )

    found = prediction.calibration(OS, table, risks={"m": "risk"}, times=[10], draws=0)

    slope = found.table().filter(pl.col("measure") == "slope")["upper"].item()
    assert slope < 0.75


def test_both_smoothers_agree_where_both_serve() -> None:
    """Hazard and pseudo-values draw nearly one curve; only the latter serve competing risks."""
    found = laid_out(n=3000, seed=4)

    hazard, pseudo = (
        prediction.calibration(found, smoother=smoother, draws=0).parts[0].smooth
        for smoother in ("hazard", "pseudo-values")
    )

    assert hazard is not None
    assert pseudo is not None
    assert np.abs(hazard.at_predictions - pseudo.at_predictions).mean() < 0.02
    assert (hazard.lower <= hazard.observed).all()
    assert (pseudo.observed <= pseudo.upper).all()
    with pytest.raises(prediction.BadRisks, match="compete"):
        prediction.calibration(laid_out(kinds=2), smoother="hazard")


def test_a_constant_risk_has_no_curve() -> None:
    """One risk for everybody has a ratio and an intercept, but neither slope nor curve."""
    table = cohort().with_columns(risk=pl.lit(0.4))

    found = prediction.calibration(OS, table, risks={"m": "risk"}, times=[10])

    known = found.table().drop_nulls("value")["measure"].to_list()
    assert known == ["observed/expected", "intercept"]
    assert found.notes == (
        "m at 10: no two risks between 0 and 1 differ, so there is no slope and no curve",
    )
    assert found.groups_table().height == 1


@pytest.mark.parametrize(
    ("risk", "known", "note"),
    [
        (1.0, ["observed/expected"], "every risk is 0 or 1, so there is no intercept, slope"),
        (0.0, [], "every risk is 0, so there is no observed/expected"),
    ],
)
def test_certainty_for_everybody_has_no_intercept(risk: float, known: list[str], note: str) -> None:
    """Risks of 0 or 1 lie off the scale: no number of ours stands in for infinity."""
    table = cohort().with_columns(risk=pl.lit(risk))

    found = prediction.calibration(OS, table, risks={"m": "risk"}, times=[10])

    assert found.table().drop_nulls("value")["measure"].to_list() == known
    assert any(note in one for one in found.notes)
    assert prediction.auc(OS, table, risks={"m": "risk"}, times=[10]).table()[
        "auc"
    ].item() == pytest.approx(0.5)


def test_a_few_certain_patients_do_not_tilt_the_slope() -> None:
    """Intercept and slope are those of the others; a note counts who was left out."""
    table = cohort(600)
    few = table.with_columns(
        risk=pl.when(pl.int_range(600) < 4).then(pl.int_range(600) % 2).otherwise("risk")
    )

    whole = prediction.calibration(OS, table, risks={"m": "risk"}, times=[10], draws=0).table()
    found = prediction.calibration(OS, few, risks={"m": "risk"}, times=[10], draws=3)

    value = dict(found.table().select("measure", "value").iter_rows())
    plain = dict(whole.select("measure", "value").iter_rows())
    assert value["slope"] == pytest.approx(plain["slope"], abs=0.1)
    assert value["ICI"] == pytest.approx(plain["ICI"], abs=0.02)
    assert "4 of 600 risks are 0 or 1" in found.notes[0]
    assert found.parts[0].smooth is not None
    assert found.parts[0].smooth.at_predictions.shape == (600,)


def test_one_horizon_has_no_integral() -> None:
    """Nothing to integrate is no score of zero, which would be perfect."""
    one = prediction.brier(OS, cohort(), risks={"m": "risk"}, times=[10])
    two = prediction.brier(OS, cohort(), risks={"m": "risk"}, times=[5, 10])

    assert one.integrated_table()["ibs"].to_list() == [None, None]
    assert "ibs" not in str(one)
    assert two.integrated_table()["ibs"].null_count() == 0


def test_what_is_no_finite_number_is_refused() -> None:
    """Texts, infinities and nothing at all: each is named, for every measure."""
    table = cohort()
    n = table.height
    cases: list[tuple[object, type[Exception], str]] = [
        (np.array(["high"] * n), prediction.BadRisks, "'m' is not numeric"),
        (np.where(np.arange(n) < 2, np.inf, 0.5), prediction.BadRisks, "2 infinite risks"),
        (np.full(n, np.nan), NothingToAnalyse, "no row has a predicted risk of every model"),
    ]

    for measure in MEASURES:
        for given, fault, words in cases:
            with pytest.raises(fault, match=words):
                measure(OS, table, risks={"m": given}, times=[10])
    with pytest.raises(prediction.BadRisks, match="'times' is not numeric"):
        prediction.auc(OS, table, risks={"m": "risk"}, times=["soon"])


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"level": 2}, "'level' is not between 0 and 1"),
        ({"level": "high"}, "'level' holds something else than numbers"),
        ({"risks": "risk"}, "'risks' names no model"),
        ({"risks": ["risk"]}, "'risks' names no model"),
        ({"risks": {3: "risk"}}, "'risks' names no model"),
    ],
)
def test_options_are_read_before_anything_is_estimated(
    options: dict[str, object], words: str
) -> None:
    """A level, or risks without names, are refused at once and not when a table is asked for."""
    given: dict[str, object] = {"risks": {"m": "risk"}, "times": [10], **options}

    for measure in MEASURES:
        with pytest.raises(BadCovariate, match=words):
            measure(OS, cohort(), **given)


def test_counts_of_draws_are_whole_numbers() -> None:
    """Neither less than none nor half a sample; thresholds are numbers, names are given once."""
    found = laid_out()

    for draws in (-1, 2.5, "many"):
        for measure in (prediction.calibration, prediction.decision_curve):
            with pytest.raises(BadCovariate, match="'draws' is no whole number from 0 on"):
                measure(found, draws=draws)
    with pytest.raises(BadCovariate, match="'groups' is no whole number from 2 on"):
        prediction.calibration(found, groups=2.5)
    with pytest.raises(prediction.BadRisks, match="'thresholds' is not numeric"):
        prediction.decision_curve(found, thresholds=["low"])
    with pytest.raises(prediction.BadRisks, match="'Treat all' is a strategy's name"):
        prediction.decision_curve(replace(found, models=("Treat all",)))


def test_a_model_of_censoring_says_what_it_cannot_tell() -> None:
    """An infinite coefficient of the weights is a note of the measure that uses them."""
    table = cohort().with_columns(kept=(pl.col("event") == 0).cast(pl.Int8))

    found = prediction.auc(
        "Surv(time, event) ~ kept", table, risks={"m": "risk"}, times=[10], censoring="cox"
    )

    assert found.notes[0].startswith("in the model of censoring: x1 has no finite")


def test_an_unknown_column_comes_with_what_there_is() -> None:
    """Without a name like it, the columns are listed, at most twelve of them."""
    table = cohort()
    wide = table.with_columns(pl.lit(i).alias(f"gene{i}") for i in range(20))

    with pytest.raises(UnknownColumn, match=r"it has 'time', 'event', 'x', 'z', 'risk'$"):
        prediction.auc(OS, table, risks={"m": "probability"}, times=[10])
    with pytest.raises(UnknownColumn, match=r"'gene6' and 13 more$"):
        survival.cox("Surv(time, event) ~ sideways", wide)
    with pytest.raises(UnknownColumn, match=r"it has 'time'.*'risk'$"):
        prediction.auc("Surv(weeks, event) ~ 1", table, risks={"m": "risk"}, times=[10])


def test_calibration_groups_are_of_equal_size() -> None:
    """Each group has its share of patients, its mean risk, and the observed risk with limits."""
    groups = prediction.calibration(laid_out(kinds=2), groups=4, draws=0).groups_table()

    assert groups["n"].sum() == 160
    assert groups["n"].min() > 30
    assert (groups["lower"] <= groups["observed"]).all()
    assert groups["predicted"].is_sorted()


def test_net_benefit_without_censoring_is_the_textbooks() -> None:
    """Everybody known: true positives less false positives at the odds of the threshold."""
    table = cohort().with_columns(event=pl.lit(1))

    found = prediction.decision_curve(
        OS, table, risks={"m": "risk"}, times=[10], thresholds=[0.2, 0.5], draws=0
    )

    outcome, risk = (table["time"] <= 10).to_numpy(), table["risk"].to_numpy()
    for i, threshold in enumerate((0.2, 0.5)):
        above = risk >= threshold
        odds = threshold / (1 - threshold)
        by_hand = (np.mean(above & outcome), np.mean(above & ~outcome) * odds)
        assert found.net_benefit[0, 2, i] == pytest.approx(by_hand[0] - by_hand[1])


def test_net_benefit_is_unknown_where_nobody_was_watched_long_enough() -> None:
    """Above a threshold at which all were censored before the horizon there is no net benefit."""
    table = pl.DataFrame(
        {"time": [2, 3, 9, 9], "event": [0, 0, 0, 1], "risk": [0.9, 0.8, 0.2, 0.3]}
    )

    found = prediction.decision_curve(
        OS, table, risks={"m": "risk"}, times=[5], thresholds=[0.1, 0.5, 0.95], draws=0
    ).table()

    mine = found.filter(pl.col("strategy") == "m")["net_benefit"].to_list()
    assert mine[1:] == [None, 0.0]
    assert mine[0] is not None


def test_differences_of_net_benefit_are_paired() -> None:
    """Less oneself is nothing; less treating all has limits from the same draws."""
    found = prediction.decision_curve(laid_out(), thresholds=[0.3], draws=40)

    row = found.differences().filter(pl.col("strategy") == "model").row(0, named=True)
    whole = dict(found.table().select("strategy", "net_benefit").iter_rows())
    assert row["difference"] == pytest.approx(whole["model"] - whole["Treat all"])
    assert row["lower"] < row["difference"] < row["upper"]
    with pytest.raises(prediction.BadRisks, match="is no strategy; choose"):
        found.differences("Treat some")
    with pytest.raises(prediction.BadRisks, match="thresholds"):
        prediction.decision_curve(laid_out(), thresholds=[0.5, 1.0])


def test_a_seed_decides_every_draw() -> None:
    """The same seed gives the same limits, another seed others."""
    found = laid_out()

    def limits(seed: int) -> tuple[list[float], list[float]]:
        calibrated = prediction.calibration(found, draws=10, seed=seed).table()
        decided = prediction.decision_curve(found, draws=10, seed=seed).table()
        return calibrated["upper"].to_list(), decided["upper"].to_list()

    assert limits(1) == limits(1)
    assert limits(1) != limits(2)


def test_results_print_like_a_statistician_expects() -> None:
    """Each result prints how many were judged, and its tables."""
    found = laid_out(kinds=2)

    printed = [
        str(prediction.auc(found)),
        str(prediction.brier(found)),
        str(prediction.c_index(found)),
        str(prediction.calibration(found, draws=0)),
        str(prediction.decision_curve(found, draws=0)),
    ]

    assert all(text.startswith("n = 160") for text in printed)
    assert all("level: 0.95" in text for text in printed)
    assert all("censoring: kaplan-meier; variance: " in text for text in printed[:3])
    assert "weighting: uno; tau: 10;" in printed[2]
    assert "smoother: pseudo-values; knots: 4; draws: 0;" in printed[3]
    assert "Null model" in printed[1]


def test_results_print_who_was_left_out_and_how_they_were_made() -> None:
    """Harrell's C has no model of censoring; rows without a risk are counted."""
    table = cohort().with_columns(risk=pl.when(pl.int_range(160) >= 3).then("risk"))

    printed = str(prediction.c_index(OS, table, risks={"m": "risk"}, weighting="harrell"))

    assert printed.startswith("n = 157 (3 rows left out: incomplete)\nweighting: harrell; tau: ")
    assert "censoring" not in printed
