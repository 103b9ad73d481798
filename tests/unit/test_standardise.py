"""Standardised survival under settings: what it averages over, what its errors count, refusals."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest

from haemony.analysis import causal, survival
from haemony.analysis.survival import (
    BadCovariate,
    BadFormula,
    BeyondFollowUp,
    ConstantCovariate,
    NothingToAnalyse,
    UnknownColumn,
)

ADJUSTED = "Surv(days, died) ~ age + NPM1 + strata(trial)"
WORLDS = {"wild type": {"NPM1": "negative"}, "mutated": {"NPM1": "positive"}}


def patients(n: int = 80, seed: int = 1) -> pl.DataFrame:
    """Patients of two trials, no two of whom die on one day."""
    draw = np.random.default_rng(seed)
    age, mutated = draw.integers(20, 80, n).astype(float), draw.integers(0, 2, n)
    late = draw.integers(0, 2, n)
    days = draw.exponential(100 * np.exp(0.5 * mutated - age / 60)) + 1
    return pl.DataFrame(
        {
            "days": np.minimum(days, np.where(late, 100, 60)),
            "died": (draw.random(n) < 0.8) & (days < np.where(late, 100, 60)),
            "age": age,
            "NPM1": np.where(mutated, "positive", "negative"),
            "trial": np.where(late, "B", "A"),
            "stage": draw.integers(1, 4, n),
            "fit": draw.integers(0, 2, n) == 1,
            "known": draw.normal(size=n) / 3,
        }
    )


def at(found: causal.Averages, setting: str, column: str) -> list[float]:
    """One column of one setting's rows."""
    return found.table().filter(pl.col("setting") == setting)[column].to_list()


class TestWhatIsAveraged:
    def test_the_average_of_one_patient_is_that_patients_prediction(self) -> None:
        """With nothing to average over, estimate and limits are those of predict."""
        table = patients()
        one = table.slice(3, 1)

        average = causal.standardise(
            ADJUSTED,
            table,
            settings={"as is": {}},
            over=one,
            times=[10, 20],
            variance="fixed cohort",
            conf_type="log",
        ).table()

        alone = survival.cox(ADJUSTED, table).predict(one, [10, 20])
        for column in ("survival", "lower", "upper"):
            assert average[column].to_list() == pytest.approx(alone[column].to_list())

    def test_settings_are_compared(self) -> None:
        """Each later one with the first, with a p-value that goes with its limits."""
        settings = {"as is": {}, **WORLDS}

        found = causal.standardise(ADJUSTED, patients(), settings=settings, times=[10, 30])

        gap = found.difference()
        assert gap["setting"].unique(maintain_order=True).to_list() == ["wild type", "mutated"]
        assert gap["reference"].unique().to_list() == ["as is"]
        clear = (gap["lower"] > 0) | (gap["upper"] < 0)
        assert (gap["p"] < 0.05).to_list() == clear.to_list()
        lowest, middle, highest = (
            at(found, name, "survival")[0] for name in ("wild type", "as is", "mutated")
        )
        assert lowest < middle < highest
        assert "mutated" in str(found)

    def test_a_treatment_is_two_settings(self) -> None:
        """Its values are set as they are written, truth values and texts alike."""
        for name, values in (("fit", (False, True)), ("NPM1", ("negative", "positive"))):
            table = patients().with_columns(pl.col("NPM1").cast(pl.Enum(["negative", "positive"])))
            formula = "Surv(days, died) ~ fit * age + NPM1"
            settings = {f"{name}={value}": {name: value} for value in values}

            one = causal.standardise(formula, table, treatment=name, times=[20])
            two = causal.standardise(formula, table, settings=settings, times=[20])

            assert one.table().equals(two.table())

    def test_several_columns_and_strata_are_set_together(self) -> None:
        """Everybody alike is the prediction of that one patient."""
        table = patients()
        alike = {"age": 50, "NPM1": "negative", "trial": "B"}

        found = causal.standardise(
            ADJUSTED, table, settings={"alike": alike}, times=[20], variance="fixed cohort"
        )

        expected = survival.cox(ADJUSTED, table).predict(pl.DataFrame([alike]), [20])
        assert found.survival[0] == pytest.approx(expected["survival"].to_numpy())

    def test_offsets_count(self) -> None:
        """A known doubling of the hazard squares each patient's survival."""
        settings = {"none": {"known": 0}, "twice": {"known": np.log(2)}}

        found = causal.standardise(
            "Surv(days, died) ~ age + offset(known)",
            patients(),
            settings=settings,
            over=patients().head(1).drop("known"),
            times=[15],
        )

        none, twice = found.survival[:, 0]
        assert twice == pytest.approx(none**2)

    def test_another_cohort_needs_what_is_left_as_it_is(self) -> None:
        """A column that every setting sets may be absent; incomplete rows are counted."""
        other = (
            patients(30, seed=2)
            .drop("NPM1")
            .with_columns(
                age=pl.when(pl.int_range(pl.len()) < 4).then(float("nan")).otherwise("age")
            )
        )

        found = causal.standardise(ADJUSTED, patients(), settings=WORLDS, over=other, times=[20])

        assert (found.n, found.cohort_missing.rows) == (26, 4)
        said = str(found)
        assert "standardised over 26 patients of another cohort" in said
        assert "of the other cohort left out: 4 rows, incomplete (age missing in 4)" in said
        with pytest.raises(UnknownColumn, match="no column 'NPM1'"):
            causal.standardise(
                ADJUSTED, patients(), settings={**WORLDS, "as is": {}}, over=other, times=[20]
            )
        with pytest.raises(NothingToAnalyse, match="no row of the cohort"):
            causal.standardise(
                ADJUSTED, patients(), settings=WORLDS, over=other.head(3), times=[20]
            )

    def test_a_cohort_of_which_everything_is_set(self) -> None:
        """Its rows alone count."""
        found = causal.standardise(
            "Surv(days, died) ~ NPM1",
            patients(),
            settings=WORLDS,
            over={"patient": np.arange(5)},
            times=[20],
        )

        assert found.n == 5

    def test_rows_that_begin_later_need_a_cohort(self) -> None:
        """Delayed entry is for models; whom the average is about is said by `over`."""
        late = patients().with_columns(entry=pl.col("days") / 4)
        formula = "Surv(entry, days, died) ~ age + NPM1"
        options: dict[str, Any] = {"settings": WORLDS, "times": [40]}

        found = causal.standardise(
            formula, late, over=patients(), variance="fixed cohort", **options
        )

        fit = survival.cox(formula, late)
        set_to = patients().with_columns(NPM1=pl.lit("positive"))
        expected = fit.predict(set_to, [40])["survival"].mean()
        assert at(found, "mutated", "survival") == pytest.approx([expected])
        with pytest.raises(BadFormula, match="give one to average `over`"):
            causal.standardise(formula, late, variance="fixed cohort", **options)
        with pytest.raises(BadFormula, match="one row per patient from time zero"):
            causal.standardise(formula, late, over=patients(), **options)


class TestErrors:
    @pytest.mark.parametrize("elsewhere", [False, True])
    def test_influence_is_what_a_patients_weight_changes(self, elsewhere: bool) -> None:
        """The derivative of each average by a case weight, strata and another cohort included."""
        table = patients()
        cohort = patients(30, seed=2) if elsewhere else table
        settings = {"as is": {}, "mutated in B": {"NPM1": "positive", "trial": "B"}}

        def averages(patient: int, more: float) -> list[float]:
            weight = np.where(np.arange(80) == patient, 1 + more, 1.0)
            fit = survival.cox(ADJUSTED, table.with_columns(w=weight), weights="w", robust=False)
            over = np.ones(30) if elsewhere else weight
            return [
                float(
                    np.average(
                        fit.predict(
                            cohort.with_columns(pl.lit(v).alias(k) for k, v in setting.items()),
                            [30],
                        )["survival"],
                        weights=over,
                    )
                )
                for setting in settings.values()
            ]

        found = causal.standardise(
            ADJUSTED, table, settings=settings, over=cohort if elsewhere else None, times=[30]
        )

        assert found.influence is not None
        assert found.influence.shape == (2, 1, 110 if elsewhere else 80)
        for patient in (0, 33):
            up, down = (np.array(averages(patient, side * 1e-4)) for side in (1, -1))
            assert found.influence[:, 0, patient] == pytest.approx((up - down) / 2e-4, rel=1e-5)

    def test_a_larger_cohort_leaves_the_error_of_the_model(self) -> None:
        """Twice the patients averaged over: half of what their sampling adds, nothing else."""
        other = patients(30, seed=2)
        options: dict[str, Any] = {"settings": WORLDS, "times": [20]}

        once = causal.standardise(ADJUSTED, patients(), over=other, **options)
        twice = causal.standardise(ADJUSTED, patients(), over=pl.concat([other, other]), **options)

        assert once.influence is not None
        sampling = (once.influence[..., 80:] ** 2).sum(axis=2)
        assert once.std_err**2 - twice.std_err**2 == pytest.approx(sampling / 2)

    def test_a_fixed_cohort_has_no_influence(self) -> None:
        """Nobody of it could have been another; where covariates vary little, errors agree."""
        options: dict[str, Any] = {"settings": WORLDS, "times": [20]}

        sampled = causal.standardise(ADJUSTED, patients(), **options)
        fixed = causal.standardise(ADJUSTED, patients(), variance="fixed cohort", **options)

        assert fixed.influence is None
        assert fixed.covariance.shape == sampled.covariance.shape == (1, 2, 2)
        assert fixed.survival.tolist() == sampled.survival.tolist()
        assert fixed.std_err == pytest.approx(sampled.std_err, rel=0.05)
        assert "about these patients alone" in str(fixed)

    def test_a_fixed_cohort_takes_models_that_a_sample_does_not(self) -> None:
        """Robust errors, drawn coefficients, exact ties; a frailty has no average."""
        months = patients().with_columns(pl.col("days").ceil())
        options: dict[str, Any] = {"settings": {"old": {"age": 70}}, "times": [20]}
        for formula, ties in (
            ("Surv(days, died) ~ age + cluster(stage)", "efron"),
            ("Surv(days, died) ~ ridge(age, theta=3)", "efron"),
            ("Surv(days, died) ~ age", "exact"),
        ):
            choice: dict[str, Any] = {"ties": ties, **options}

            found = causal.standardise(formula, months, variance="fixed cohort", **choice)

            fit = survival.cox(formula, months, ties=ties)
            alone = fit.predict({"age": [70.0]}, [20])
            assert at(found, "old", "survival") == pytest.approx(alone["survival"].to_list())
            with pytest.raises((BadFormula, BadCovariate), match=r"cluster and ridge|'exact'"):
                causal.standardise(formula, months, **choice)
        with pytest.raises(BadFormula, match="no place for a frailty"):
            causal.standardise(
                "Surv(days, died) ~ age + frailty(stage)",
                months,
                variance="fixed cohort",
                **options,
            )

    def test_limits_are_symmetric_on_the_scale_asked_for(self) -> None:
        """Those of the survival curve's own scales; a difference is on its own."""
        options: dict[str, Any] = {"settings": WORLDS, "times": [20, 50]}

        plain = causal.standardise(ADJUSTED, patients(), **options)
        bent = causal.standardise(ADJUSTED, patients(), conf_type="log-log", **options)

        low, middle, high = (plain.table()[name] for name in ("lower", "survival", "upper"))
        assert (high - middle).to_list() == pytest.approx((middle - low).to_list())
        low, middle, high = (
            (-bent.table()[name].log()).log() for name in ("lower", "survival", "upper")
        )
        assert (high - middle).to_list() == pytest.approx((middle - low).to_list())
        assert plain.difference().equals(bent.difference())

    def test_a_setting_differs_in_nothing_from_itself(self) -> None:
        """The difference is zero without error, and has no p-value."""
        settings = {"one": WORLDS["mutated"], "two": WORLDS["mutated"]}
        for variance in ("sampled", "fixed cohort"):
            options: dict[str, Any] = {"settings": settings, "variance": variance}

            found = causal.standardise(ADJUSTED, patients(), times=[20], **options)

            shown = found.difference().select("difference", "std_err", "p").row(0)
            assert shown == (0.0, 0.0, None)

    def test_a_stratum_without_an_event_has_no_error(self) -> None:
        """Everybody in a trial in which nobody dies: survival is one, how surely is not known."""
        table = patients().with_columns(died=pl.col("died") & (pl.col("trial") == "A"))

        found = causal.standardise(
            "Surv(days, died) ~ age + strata(trial)",
            table,
            settings={"A": {"trial": "A"}, "B": {"trial": "B"}},
            times=[20],
        )

        assert found.table()["std_err"].to_list() == [None, None]
        assert "without an event in the strata of B, no standard errors are known" in str(found)


class TestRefusals:
    @pytest.mark.parametrize("times", [float("nan"), -1, "30", None, []])
    def test_times_that_are_none(self, times: Any) -> None:  # noqa: ANN401 anything at all
        """Nothing is said of a time that is missing, negative or a word."""
        with pytest.raises(BadCovariate, match="give numbers from 0 on, no later than the last"):
            causal.standardise(
                ADJUSTED, patients(), settings=WORLDS, times=times, variance="fixed cohort"
            )

    def test_follow_up_ends_with_the_strata_in_use(self) -> None:
        """Trial A is followed for 60 days; everybody in B can be asked about for 100."""
        table = patients()

        found = causal.standardise(
            ADJUSTED, table, settings={"all in B": {"trial": "B"}}, times=[90]
        )

        assert 0 < found.survival[0, 0] < 1
        with pytest.raises(BeyondFollowUp, match="the horizon 90 lies beyond") as fault:
            causal.standardise(ADJUSTED, table, settings=WORLDS, times=[90])
        assert (fault.value.group, fault.value.last) == ("trial=A", 60)

    @pytest.mark.parametrize(
        ("setting", "error", "says"),
        [
            ({"NPM1": "unclear"}, BadCovariate, "'NPM1' has a level that the fit never saw"),
            ({"NPM1": 1}, BadCovariate, "'NPM1' cannot take the value it is set to"),
            ({"NPM1": None}, BadCovariate, "'NPM1' cannot take"),
            ({"age": "old"}, BadCovariate, "'age' cannot take"),
            ({"age": "50"}, BadCovariate, "'age' cannot take"),
            ({"age": float("nan")}, BadCovariate, "'age' cannot take"),
            ({"age": float("inf")}, BadCovariate, "'age' cannot take"),
            ({"fit": 2}, BadCovariate, "'fit' cannot take"),
            ({"fit": "yes"}, BadCovariate, "'fit' cannot take"),
            ({"stage": 9}, BadCovariate, "a level that the fit never saw"),
            ({"trial": "C"}, BadCovariate, "'trial' has a stratum that the fit never saw"),
            ({"weight": 70}, BadFormula, "the set column 'weight' is not in it"),
            ({"days": 70}, BadFormula, "the set column 'days' is not in it"),
        ],
    )
    def test_values_that_nobody_has(
        self, setting: dict[str, object], error: type[Exception], says: str
    ) -> None:
        """A value of another kind, or one that no patient fitted had; the value is not told."""
        formula = "Surv(days, died) ~ age + NPM1 + fit + C(stage) + strata(trial)"

        with pytest.raises(error, match=says):
            causal.standardise(formula, patients(), settings={"odd": setting}, times=[10])

    def test_a_cohort_of_a_stratum_unknown(self) -> None:
        """Even where the fit has one stratum only, whose hazard is not everybody's."""
        table = patients().filter(pl.col("trial") == "A")
        other = patients().filter(pl.col("trial") == "B")

        with pytest.raises(
            BadCovariate, match="'trial' has a stratum that the fit never saw; name"
        ):
            causal.standardise(ADJUSTED, table, settings=WORLDS, over=other, times=[10])

    @pytest.mark.parametrize(
        ("values", "says"),
        [
            (pl.lit("secret"), "'age' is of type String where the fit had numbers"),
            (pl.lit(float("inf")), "'age' is not a finite number in 80 rows"),
        ],
    )
    def test_a_cohort_of_another_kind(self, values: pl.Expr, says: str) -> None:
        """Words where the model has numbers; no value is told."""
        other = patients().with_columns(age=values)

        with pytest.raises(BadCovariate, match=says) as refused:
            causal.standardise(ADJUSTED, patients(), settings=WORLDS, over=other, times=[10])
        assert "secret" not in str(refused.value)

    def test_hazards_beyond_any_number(self) -> None:
        """Nobody is so old; a code that stands for unknown may be."""
        far = {"code": {"age": 1e6}}

        with pytest.raises(BadCovariate, match="80 patients whose hazard would be beyond any"):
            causal.standardise(ADJUSTED, patients(), settings=far, times=[20])

    @pytest.mark.parametrize(
        ("options", "says"),
        [
            ({}, "'treatment' and settings are two ways"),
            ({"treatment": "fit", "settings": WORLDS}, "'treatment' and settings are two ways"),
            ({"settings": {}}, "'settings' name no setting"),
            ({"settings": {"NPM1": "positive"}}, "'settings' do not say which columns"),
            ({"settings": ["NPM1"]}, "'settings' name no setting"),
            ({"settings": WORLDS, "variance": "robust"}, "'variance' is not a known choice"),
            ({"settings": WORLDS, "conf_type": "none"}, "'conf_type' is not a known choice"),
            ({"treatment": "NPM1"}, "'NPM1' is not coded as 0 and 1"),
        ],
    )
    def test_options_that_are_none(self, options: dict[str, Any], says: str) -> None:
        """Each is named, with what to give instead."""
        with pytest.raises(BadCovariate, match=says):
            causal.standardise(ADJUSTED, patients(), times=[10], **options)

    def test_a_treatment_that_all_have(self) -> None:
        """There is no other value to set."""
        table = patients().with_columns(fit=pl.lit(value=True))

        with pytest.raises(ConstantCovariate, match="fit never varies"):
            causal.standardise(
                "Surv(days, died) ~ age + strata(fit)", table, treatment="fit", times=[10]
            )

    def test_one_setting_has_nothing_to_differ_from(self) -> None:
        """Its average prints; a difference is refused."""
        found = causal.standardise(ADJUSTED, patients(), settings={"as is": {}}, times=[10])

        assert "as is" in str(found)
        with pytest.raises(BadCovariate, match="give two settings to compare"):
            found.difference()
