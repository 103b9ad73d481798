"""Resampling: no learner sees the patients it is judged on, and every split can be shared."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from scipy.stats import t as student

from haemony.analysis import prediction, survival
from haemony.analysis.survival.data.arrays import Floats
from haemony.analysis.survival.faults import BadCovariate, BadFormula, NothingToAnalyse

OS = "Surv(time, event) ~ 1"
COX = prediction.CoxLearner("Surv(time, event) ~ x + z")


def cohort(n: int = 120, seed: int = 5, kinds: int = 1) -> pl.DataFrame:
    """Made-up patients of three sources."""
    draw = np.random.default_rng(seed)
    x = draw.normal(size=n)
    time = np.ceil(draw.exponential(20 / np.exp(0.7 * x)))
    leaving = np.ceil(draw.exponential(40, n))
    event = np.where(time <= leaving, draw.integers(1, kinds + 1, n), 0)
    return pl.DataFrame(
        {
            "id": [f"p{i:03}" for i in range(n)],
            "time": np.minimum(time, leaving),
            "event": event,
            "x": x,
            "z": draw.integers(0, 2, n).astype(np.float64),
            "source": draw.choice(["A", "B", "C"], n),
        }
    )


@dataclass
class Watching:
    """A learner that remembers which patients it was shown."""

    seen: list[set[str]] = field(default_factory=list)

    def fit(self, table: pl.DataFrame) -> Watching:
        """Look at the training patients."""
        self.seen.append(set(table["id"]))
        return self

    def score(self, table: pl.DataFrame) -> Floats:
        """Rank by x."""
        return table["x"].to_numpy()


@dataclass(frozen=True)
class Failing:
    """A learner that fails when source A is not there to learn from."""

    def fit(self, table: pl.DataFrame) -> prediction.ScoreModel:
        """Fail, or rank by x."""
        if "A" not in set(table["source"]):
            raise NothingToAnalyse("no source A", remedy="add it")
        return Watching()


SPLITTERS: dict[str, Callable[[int], prediction.Splits]] = {
    "folds": lambda n: prediction.Splits.folds(n, 4, repeats=2, seed=3),
    "holdouts": lambda n: prediction.Splits.holdouts(n, 5, seed=3),
    "bootstraps": lambda n: prediction.Splits.bootstraps(n, 5, seed=3),
}


@pytest.mark.parametrize("kind", SPLITTERS)
def test_nobody_is_tested_on_a_model_that_saw_them(kind: str) -> None:
    """In every split, what a learner is shown and what it is judged on have nobody in common."""
    table, watching = cohort(), Watching()
    splits = SPLITTERS[kind](table.height)

    prediction.split_validate(OS, table, {"w": watching}, splits=splits)

    for seen, part in zip(watching.seen, splits.parts, strict=True):
        assert not seen & set(table["id"].gather(part.test))


@pytest.mark.parametrize("kind", SPLITTERS)
def test_a_seed_decides_the_splits(kind: str) -> None:
    """The same seed makes the same splits."""
    one, again = (SPLITTERS[kind](50).table() for _ in range(2))

    assert one.equals(again)


def test_each_patient_is_tested_once_per_repeat() -> None:
    """K folds divide everybody, and events evenly where asked."""
    table = cohort()
    splits = prediction.Splits.folds(120, 5, repeats=3, seed=1, balance=table["event"])

    tested = np.concatenate([part.test for part in splits.parts])
    assert (np.bincount(tested) == 3).all()
    events = [table["event"].gather(part.test).sum() for part in splits.parts]
    assert max(events) - min(events) <= 1


@pytest.mark.parametrize("share", [0.2, 0.3, 0.37, 0.8])
def test_random_splits_test_everybody_equally_often(share: float) -> None:
    """No patient is tested two times more often than another, and events are spread evenly."""
    table = cohort()
    splits = prediction.Splits.holdouts(120, 20, share=share, seed=4, balance=table["event"])

    often = np.bincount(np.concatenate([part.test for part in splits.parts]), minlength=120)
    assert often.max() - often.min() <= 1
    assert {len(part.test) for part in splits.parts} == {round(120 * share)}
    events = [table["event"].gather(part.test).sum() for part in splits.parts]
    assert max(events) - min(events) <= 1


def test_splits_travel_by_patient_id(tmp_path: Path) -> None:
    """Written to a file and read for the same patients in another order, splits are the same."""
    table = cohort()
    splits = prediction.Splits.bootstraps(120, 3, seed=2)
    splits.table(table["id"]).write_csv(tmp_path / "splits.csv")
    turned = table.reverse()

    back = prediction.Splits.read(pl.read_csv(tmp_path / "splits.csv"), turned["id"])

    assert back.kind == "bootstraps"
    for mine, theirs in zip(splits.parts, back.parts, strict=True):
        assert mine.name == theirs.name
        assert sorted(table["id"].gather(mine.train)) == sorted(turned["id"].gather(theirs.train))
        assert set(table["id"].gather(mine.test)) == set(turned["id"].gather(theirs.test))


def test_splits_of_other_patients_are_refused() -> None:
    """Splits are read only for the patients they divide, and made only where possible."""
    table = prediction.Splits.folds(10, 2, seed=1).table([f"p{i}" for i in range(10)])

    with pytest.raises(prediction.BadSplits, match="ids"):
        prediction.Splits.read(table, [f"q{i}" for i in range(10)])
    with pytest.raises(prediction.BadSplits, match="lack kind"):
        prediction.Splits.read(table.drop("kind"))
    with pytest.raises(prediction.BadSplits, match="different ones"):
        prediction.Splits.folds(10, 2, seed=1).table(["same"] * 10)
    for make in (
        lambda: prediction.Splits.folds(3, 4, seed=1),
        lambda: prediction.Splits.holdouts(3, share=0.01, seed=1),
        lambda: prediction.Splits.bootstraps(1, seed=1),
        lambda: prediction.Splits.by_source(["A", "A"]),
        lambda: prediction.Splits.folds(4, 2, seed=1, balance=[1, 2]),
    ):
        with pytest.raises(prediction.BadSplits):
            make()
    with pytest.raises(prediction.BadSplits, match="divide 10 rows"):
        splits = prediction.Splits.folds(10, 2, seed=1)
        prediction.split_validate(OS, cohort(), {"cox": COX}, splits=splits)


def test_a_split_is_judged_as_one_would_by_hand() -> None:
    """The value of a split is the measure of the training model's predictions on the test part."""
    table = cohort()
    splits = prediction.Splits.folds(120, 3, seed=1)

    found = prediction.split_validate(
        OS, table, {"cox": COX}, splits=splits, measure="brier", times=[10]
    )

    part = splits.parts[1]
    risk = COX.fit(table[part.train]).risk(table[part.test], [10])
    by_hand = prediction.brier(OS, table[part.test], risks={"cox": risk}, times=[10]).table()
    row = found.table().filter(pl.col("split") == part.name).row(0, named=True)
    assert row["brier"] == pytest.approx(by_hand["brier"][1])
    assert row["std_err"] == pytest.approx(by_hand["std_err"][1])
    assert (row["n_train"], row["n_test"]) == (80, 40)


def test_the_standard_error_over_splits_is_corrected() -> None:
    """Nadeau and Bengio: the variance over J splits times 1/J plus test over training size."""
    table = cohort()
    splits = prediction.Splits.holdouts(120, 8, share=0.25, seed=1)

    found = prediction.split_validate(OS, table, {"cox": COX, "w": Watching()}, splits=splits)

    row, values = found.summary().row(0, named=True), found.value[:, 0, 0]
    std_err = np.sqrt((1 / 8 + 30 / 90) * values.var(ddof=1))
    assert row["std_err"] == pytest.approx(std_err)
    assert row["upper"] == pytest.approx(values.mean() + student.ppf(0.975, 7) * std_err)
    assert row["lower_percentile"] == pytest.approx(np.quantile(values, 0.025))
    difference = found.differences().row(0, named=True)
    assert difference["difference"] == pytest.approx(np.diff(found.value[:, 0]).mean())
    assert 0 < difference["p"] <= 1


def test_a_source_left_out_has_its_own_standard_error() -> None:
    """Leaving out each source shows one value with its standard error per source."""
    table = cohort()

    found = prediction.split_validate(
        OS, table, {"cox": COX}, splits=prediction.Splits.by_source(table["source"])
    )

    rows = found.table()
    assert rows["split"].to_list() == ["A", "B", "C"]
    assert rows["std_err"].is_not_null().all()
    assert found.summary()["std_err"].to_list() == [None]


def test_a_failing_learner_is_noted_and_the_others_count() -> None:
    """Where a learner fails the others are still judged, and the note says where and why."""
    table = cohort()
    splits = prediction.Splits.by_source(table["source"])

    found = prediction.split_validate(OS, table, {"f": Failing(), "cox": COX}, splits=splits)

    assert np.isnan(found.value[:, 0]).tolist() == [[True, False], [False, False], [False, False]]
    assert found.notes == ("f failed in A: no source A; add it",)
    assert found.summary()["splits"].to_list() == [2, 3]
    with pytest.raises(prediction.NoFitSucceeded, match="'f'"):
        only = table.filter(pl.col("source") != "A")
        splits = prediction.Splits.folds(only.height, 3, seed=1)
        prediction.split_validate(OS, only, {"f": Failing()}, splits=splits)


@dataclass(frozen=True)
class Runaway:
    """A learner whose scores are infinite for the highest x."""

    def fit(self, table: pl.DataFrame) -> Runaway:
        """Learn nothing."""
        del table
        return self

    def score(self, table: pl.DataFrame) -> Floats:
        """Rank by x, without an end."""
        x = table["x"].to_numpy()
        return np.where(x == x.max(), np.inf, x)


def test_a_learner_that_runs_away_fails_alone() -> None:
    """Infinite predictions are no ranks; the other learners are judged on everybody."""
    table = cohort()
    splits = prediction.Splits.by_source(table["source"])
    both = {"cox": COX, "r": Runaway()}

    with pytest.raises(prediction.NoFitSucceeded, match=r"'r'.*predicts infinite numbers"):
        prediction.split_validate(OS, table, both, splits=splits)


def test_what_was_left_out_of_test_parts_prints() -> None:
    """The measure, its level, and the rows without an outcome or a prediction."""
    table = cohort().with_columns(x=pl.when(pl.int_range(pl.len()) >= 4).then("x"))
    splits = prediction.Splits.folds(table.height, 3, seed=1)

    crossed = prediction.split_validate(OS, table, {"cox": COX}, splits=splits)
    drawn = prediction.bootstrap_validate(OS, table, {"cox": COX}, draws=2)

    assert crossed.missing.sum() == 4
    assert "(4 left out in test parts: incomplete)\nmeasure: harrell; level: 0.95" in str(crossed)
    assert (drawn.n, drawn.missing) == (table.height - 4, 4)
    assert "(4 rows left out: incomplete), 2 bootstrap samples" in str(drawn)


def broken(table: pl.DataFrame) -> object:
    """Train as a foreign library that chokes on these patients."""
    raise ValueError(f"cannot handle {table['x'][0]}")


@pytest.mark.parametrize(
    ("learner", "words"),
    [
        (prediction.FittedBy(broken, lambda _m, _t, _u: np.zeros(1)), "'train' raises ValueError"),
        (prediction.FittedBy(len, lambda _m, _t, _u: np.zeros((2, 1))), r"gives shape \(2, 1\)"),
    ],
)
def test_a_foreign_library_that_fails_is_named_without_its_words(
    learner: prediction.FittedBy, words: str
) -> None:
    """Where it failed and how is told; what it said may hold values of patients."""
    table = cohort()
    splits = prediction.Splits.folds(table.height, 3, seed=1)

    with pytest.raises(prediction.NoFitSucceeded, match=words) as refusal:
        prediction.split_validate(OS, table, {"f": learner}, splits=splits, times=[10])

    assert "cannot handle" not in str(refusal.value)


def test_limits_stay_where_the_measure_can_be() -> None:
    """Two splits that disagree give a wide interval, which still ends at 0 and 1."""
    table = cohort()
    splits = prediction.Splits.folds(table.height, 20, seed=1)
    few = prediction.Splits("holdouts", table.height, splits.parts[:2])

    found = prediction.split_validate(OS, table, {"cox": COX}, splits=few)

    for part in (found.table(), found.summary()):
        assert part["lower"].min() >= 0
        assert part["upper"].max() <= 1


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: prediction.Splits.folds(9, "3", seed=1), "'count' is no whole number from 2"),
        (
            lambda: prediction.Splits.holdouts(9, 2, share="half", seed=1),
            "'share' holds something else than numbers",
        ),
        (lambda: prediction.Splits.bootstraps(9, 0.5, seed=1), "'draws' is no whole number"),
        (lambda: prediction.Splits.by_source(["a", None, "b"]), "unknown in 1 rows"),
        (lambda: prediction.Splits.by_source([1.0, np.nan, np.nan, 2.0]), "unknown in 2 rows"),
    ],
)
def test_splits_of_nothing_sensible_are_refused(make: Callable[[], object], words: str) -> None:
    """Texts for numbers, and rows whose source nobody knows."""
    with pytest.raises(BadCovariate, match=words):
        make()


def test_what_is_no_learner_or_split_is_refused() -> None:
    """Before anything is fitted."""
    table = cohort()
    splits = prediction.Splits.folds(table.height, 3, seed=1)

    def judged(**changes: object) -> None:
        prediction.split_validate(
            **{"formula": OS, "table": table, "learners": {"c": COX}, "splits": splits} | changes
        )

    for changes, words in (
        ({"splits": None}, "are no Splits"),
        ({"learners": {"c": None}}, "'c' has no fit"),
        ({"times": ["soon"]}, "'times' is not numeric"),
        ({"level": "high"}, "'level' holds something else than numbers"),
    ):
        with pytest.raises(BadCovariate, match=words):
            judged(**changes)


def test_optimism_is_what_the_draws_lose_on_everybody() -> None:
    """Harrell's correction, by hand, from the draws that the result keeps."""
    table = cohort()

    found = prediction.bootstrap_validate(OS, table, {"cox": COX}, draws=12, seed=4)

    model = COX.fit(table)
    apparent = survival.concordance(
        "Surv(time, event) ~ s", table.with_columns(s=model.score(table)), higher="shorter"
    )
    assert found.apparent.item() == pytest.approx(apparent.value)
    assert found.optimism.item() == pytest.approx((found.drawn - found.tested).mean())
    rows = {row["estimate"]: row for row in found.table().iter_rows(named=True)}
    shift = np.quantile(found.drawn, 0.025) - found.optimism.item()
    assert rows["optimism-corrected"]["lower"] == pytest.approx(shift)
    again = prediction.bootstrap_validate(OS, table, {"cox": COX}, draws=12, seed=4)
    assert again.table().equals(found.table())


def test_point632_plus_distrusts_what_overfits() -> None:
    """A learner by heart has .632+ nearer to the out-of-bag value than .632."""
    table = cohort()

    def remember(rows: pl.DataFrame) -> dict[str, float]:
        return dict(zip(rows["id"], (-rows["time"] / 10).exp(), strict=True))

    def recall(memory: dict[str, float], rows: pl.DataFrame, times: Floats) -> Floats:
        known = [memory.get(name, 0.5) for name in rows["id"]]
        return np.repeat(np.array(known)[:, None], len(times), axis=1)

    heart = prediction.FittedBy(remember, recall)

    found = prediction.bootstrap_validate(
        OS, table, {"heart": heart}, draws=8, measure="auc", times=[10]
    )

    assert found.apparent.item() == 1.0
    assert found.out_of_bag.item() == pytest.approx(0.5)
    assert found.point632.item() == pytest.approx(0.368 + 0.632 * 0.5)
    assert found.point632_plus.item() == pytest.approx(0.5)


def test_brier_without_information_shuffles_outcomes() -> None:
    """.632+ of the Brier score knows the score of all pairs of one's risk and another's outcome."""
    table = cohort().with_columns(event=pl.lit(1))

    found = prediction.bootstrap_validate(
        OS, table, {"cox": COX}, draws=3, measure="brier", times=[10]
    )

    risk = COX.fit(table).risk(table, [10])[:, 0]
    outcome = (table["time"] <= 10).to_numpy()
    assert found.no_information.item() == pytest.approx(np.mean((outcome[:, None] - risk) ** 2))


def test_what_a_measure_needs_is_said() -> None:
    """Brier needs probabilities and a horizon, areas a horizon, and unknown measures are named."""
    table, splits = cohort(), prediction.Splits.folds(120, 2, seed=1)

    for measure, times, words in (
        ("brier", None, "give a horizon"),
        ("auc", None, "give a horizon"),
        ("luck", None, "harrell"),
    ):
        with pytest.raises(prediction.BadRisks, match=words):
            prediction.split_validate(
                OS, table, {"cox": COX}, splits=splits, measure=measure, times=times
            )
    with pytest.raises(prediction.NoFitSucceeded, match="needs probabilities"):
        prediction.split_validate(
            OS, table, {"w": Watching()}, splits=splits, measure="brier", times=[10]
        )
    with pytest.raises(prediction.BadRisks, match="learners"):
        prediction.split_validate(OS, table, {}, splits=splits)


def test_a_cox_learner_predicts_as_the_fit_does() -> None:
    """Risks of whole tables are those of `CoxFit.predict`, strata included."""
    table = cohort()
    formula = "Surv(time, event) ~ x + strata(source)"

    risk = prediction.CoxLearner(formula).fit(table).risk(table[:6], [5, 20])

    one_by_one = survival.cox(formula, table).predict(table[:6], [5, 20])["survival"]
    np.testing.assert_allclose(risk, 1 - one_by_one.to_numpy().reshape(6, 2), atol=1e-12)


def test_a_row_that_a_model_cannot_judge_has_no_prediction() -> None:
    """A missing covariate, a level or a stratum never seen give NaN for that row alone."""
    table = cohort()
    by_level = prediction.CoxLearner("Surv(time, event) ~ x + source").fit(table)
    by_stratum = prediction.CoxLearner("Surv(time, event) ~ x + strata(source)").fit(table)
    new = table[:3].with_columns(source=pl.Series(["A", "D", "B"]), x=pl.Series([1.0, 2.0, None]))

    assert np.isnan(by_level.risk(new, [5])[:, 0]).tolist() == [False, True, True]
    assert np.isnan(by_stratum.risk(new, [5])[:, 0]).tolist() == [False, True, True]
    assert np.isnan(by_stratum.score(new)).tolist() == [False, False, True]


def test_with_one_cause_a_cause_specific_model_is_nearly_a_cox_model() -> None:
    """With nothing to compete, the product over small hazards is the exponential, nearly."""
    table = cohort(400)

    own = prediction.CauseSpecificCox("Surv(time, event) ~ x", "1").fit(table)
    cox = prediction.CoxLearner("Surv(time, event) ~ x").fit(table)

    assert np.abs(own.risk(table, [10]) - cox.risk(table, [10])).max() < 0.05
    with pytest.raises(BadFormula, match="never 'relapse'"):
        prediction.CauseSpecificCox("Surv(time, event) ~ x", "relapse").fit(table)
    with pytest.raises(BadFormula, match="offset"):
        prediction.CoxLearner("Surv(time, event) ~ x + offset(z)").fit(table)


def test_competing_risks_are_resampled_by_cause() -> None:
    """A model of one cause is judged on that cause."""
    table = cohort(200, kinds=2)
    learner = prediction.CauseSpecificCox("Surv(time, event) ~ x", "2")
    splits = prediction.Splits.folds(200, 3, seed=1)

    found = prediction.split_validate(
        OS, table, {"csc": learner}, splits=splits, measure="auc", times=[10], cause="2"
    )

    assert found.summary()["auc"].item() > 0.5
    with pytest.raises(prediction.NoFitSucceeded, match="give a horizon"):
        prediction.split_validate(OS, table, {"csc": learner}, splits=splits)


def test_a_penalised_model_chooses_inside_the_training_part() -> None:
    """The lasso of noise and one covariate keeps that one, and its risks are judged like others."""
    draw = np.random.default_rng(8)
    noise = [f"n{i}" for i in range(8)]
    table = cohort(200).hstack(pl.DataFrame(draw.normal(size=(200, 8)), schema=noise, orient="row"))
    formula = f"Surv(time, event) ~ x + {' + '.join(noise)}"
    learner = prediction.PenalisedCox(formula, choice="simple", folds=5, steps=25)

    model = learner.fit(table)
    found = prediction.split_validate(
        OS,
        table,
        {"lasso": learner},
        splits=prediction.Splits.folds(200, 2, seed=1),
        measure="brier",
        times=[10],
    )

    assert model.net.chosen("simple")["term"].to_list() == ["x"]
    assert 0 < found.summary()["brier"].item() < 0.25
    missing = table[:2].with_columns(x=pl.Series([None, 0.0]))
    assert np.isnan(model.risk(missing, [10])[:, 0]).tolist() == [True, False]
    with pytest.raises(BadFormula, match="plain covariates"):
        prediction.PenalisedCox("Surv(time, event) ~ x + strata(source)").fit(table)


def test_trees_need_their_library(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without xgboost the learner says what to install, and nothing else breaks."""

    def absent(name: str) -> None:
        raise ImportError(name)

    monkeypatch.setattr(importlib, "import_module", absent)

    with pytest.raises(prediction.MissingLibrary, match="install xgboost or xgboost-cpu"):
        prediction.TreesCox.boosted("Surv(time, event) ~ x").fit(cohort())


@pytest.mark.parametrize("kind", ["boosted", "forest"])
def test_trees_predict_what_they_were_taught(kind: str) -> None:
    """Boosting and a forest rank patients, give probabilities, and are the same for a seed."""
    pytest.importorskip("xgboost", reason="xgboost is an optional extra")
    table = cohort(300).with_columns(
        level=pl.Series(["lo", "hi"] * 150, dtype=pl.Enum(["lo", "hi"]))
    )
    formula = "Surv(time, event) ~ x + level"
    learner = (
        prediction.TreesCox.boosted(formula, rounds=30)
        if kind == "boosted"
        else prediction.TreesCox.forest(formula, trees=30)
    )

    model = learner.fit(table)

    risk = model.risk(table, [5, 20])
    assert ((risk >= 0) & (risk <= 1)).all()
    assert (risk[:, 1] >= risk[:, 0]).all()
    assert (learner.fit(table).score(table) == model.score(table)).all()
    area = prediction.auc(OS, table, risks={"m": risk}, times=[5, 20]).table()["auc"]
    assert area.min() > 0.65
    with pytest.raises(BadFormula, match="plain columns"):
        prediction.TreesCox.boosted("Surv(time, event) ~ log(x)").fit(table)
    with pytest.raises(prediction.BadRisks, match="is text"):
        prediction.TreesCox.boosted("Surv(time, event) ~ source").fit(table)
