"""Causal analyses: what they promise beside R's figures, what they refuse, and why."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
import pytest

from haemony.analysis import causal, survival
from haemony.analysis.causal import Trial
from haemony.analysis.logistic import logistic
from haemony.analysis.survival import (
    BadCovariate,
    BadFormula,
    BadResponse,
    BeyondFollowUp,
    CollinearCovariates,
    ConstantCovariate,
    NothingToAnalyse,
    UnknownColumn,
)


def patients(n: int = 120, seed: int = 1) -> pl.DataFrame:
    """Patients of two arms who are not alike, and who may be transplanted later."""
    draw = np.random.default_rng(seed)
    age, sex = draw.integers(20, 75, n), draw.integers(0, 2, n)
    arm = (draw.random(n) < 1 / (1 + np.exp(-(age - 48) / 15))).astype(int)
    days = np.ceil(draw.exponential(900 / np.exp(age / 40), n)) + 1
    graft = np.ceil(draw.exponential(200, n))
    return pl.DataFrame(
        {
            "age": age,
            "sex": np.where(sex, "male", "female"),
            "arm": arm,
            "days": days,
            "died": draw.integers(0, 2, n),
            "graft": np.where((graft < days) & (draw.random(n) < 0.6), graft, np.nan),
        }
    ).fill_nan(None)


TRIAL = Trial("remission", "days", "died", "graft", "transplant", confounders="age + sex")


class TestLogistic:
    def test_it_names_coefficients_without_a_finite_estimate(self) -> None:
        """Whoever has the marker is always treated: its odds ratio is infinite, and it is said."""
        table = pl.DataFrame(
            {"treated": [1, 1, 1, 0, 0, 1, 0, 1], "marker": [1, 1, 1, 0, 0, 0, 0, 0]}
            | {"age": [40, 61, 52, 66, 38, 59, 44, 47]}
        )

        fit = logistic("treated ~ marker + age", table)

        assert dict(zip(fit.names, fit.separated, strict=True))["marker"]
        assert "marker: no finite estimate" in fit.notes[0]
        assert "separation" in str(fit)

    def test_rows_without_a_value_are_counted(self) -> None:
        """NaN and null are missing alike."""
        table = patients().with_columns(
            age=pl.when(pl.int_range(pl.len()) < 7).then(float("nan")).otherwise(pl.col("age"))
        )

        fit = logistic("arm ~ age + sex", table)

        assert (fit.n, fit.missing.rows, dict(fit.missing.by_variable)) == (113, 7, {"age": 7})

    @pytest.mark.parametrize(
        ("formula", "error", "says"),
        [
            ("arm ~ height", UnknownColumn, "no column 'height'"),
            ("arm ~ one", ConstantCovariate, "one never varies"),
            ("arm ~ age + double", CollinearCovariates, "double"),
            ("one ~ age", NothingToAnalyse, "'one' is always true"),
            ("sex ~ age", BadCovariate, "not coded as 0 and 1"),
            ("age", BadFormula, "left side must be one true-or-false column"),
            ("arm ~ age + strata(sex)", BadFormula, "no strata"),
        ],
    )
    def test_what_it_refuses(self, formula: str, error: type[Exception], says: str) -> None:
        """Each refusal names the cause and the column."""
        table = patients().with_columns(one=pl.lit(1), double=2 * pl.col("age"))

        with pytest.raises(error, match=says):
            logistic(formula, table)


class TestPropensity:
    def test_overlap_weights_balance_exactly(self) -> None:
        """Li, Morgan and Zaslavsky's theorem: no mean of the score's covariates differs."""
        score = causal.propensity("arm ~ age + sex", patients())

        balance = score.balance(score.weights("overlap"))

        assert abs(balance.frame["difference"][0]) > 0.3
        assert balance.worst < 1e-10
        assert "largest difference after 0.000" in str(balance)

    def test_stabilised_weights_average_one(self) -> None:
        """And truncation draws in as many as lie beyond the two quantiles."""
        score = causal.propensity("arm ~ age + sex", patients())

        plain = score.weights("ate", stabilised=True)
        drawn = score.weights("ate", stabilised=True, truncate=(0.05, 0.95))

        assert plain.values.mean() == pytest.approx(1, abs=0.05)
        assert drawn.limits == (drawn.values.min(), drawn.values.max())
        assert 0 < drawn.truncated <= 12
        assert plain.table()["effective_n"].to_list() < [120, 120]

    def test_no_overlap_is_refused(self) -> None:
        """A covariate that decides every treatment leaves nothing to compare."""
        table = patients().with_columns(arm=(pl.col("age") > 50).cast(pl.Int64))

        with pytest.raises(causal.NoOverlap, match="age decides it"):
            causal.propensity("arm ~ age", table)

    def test_poor_overlap_is_warned_of(self) -> None:
        """Where most scores lie near 0 or 1, the notes advise overlap weights."""
        age = pl.Series(range(200))
        table = pl.DataFrame({"age": age, "arm": (age + age % 7 * 4 > 112).cast(pl.Int64)})

        notes = causal.propensity("arm ~ age", table).notes

        assert any("overlap weights" in note for note in notes)

    def test_what_weights_refuse(self) -> None:
        """Unknown estimands, and stabilising what must not be."""
        score = causal.propensity("arm ~ age", patients())

        with pytest.raises(BadCovariate, match="'estimand' is not known"):
            score.weights("all")
        with pytest.raises(BadCovariate, match="makes no sense for 'att'"):
            score.weights("att", stabilised=True)
        with pytest.raises(BadCovariate, match="not a pair of quantiles"):
            score.weights(truncate=(0.9, 0.1))


class TestMatching:
    def test_partners_are_near_and_used_once(self) -> None:
        """No partner twice, none beyond the caliper, and balance improves."""
        score = causal.propensity("arm ~ age + sex", patients(300))

        matched = causal.match(score)

        assert len(set(matched.untreated.tolist())) == len(matched.untreated)
        assert matched.distance.max() <= matched.caliper
        assert len(matched.treated) + matched.unmatched == score.treated.sum()
        assert matched.balance.worst < abs(matched.balance.frame["difference"][0]) / 2
        assert matched.rows["pair"].value_counts()["count"].unique().to_list() == [2]

    def test_greedy_choice_by_hand(self) -> None:
        """The treated with the highest score chooses first; the nearest free partner is taken."""
        table = pl.DataFrame({"arm": [1, 1, 0, 0, 0, 0], "x": [10, 6, 9, 5, 1, 2]})

        pairs = causal.match(causal.propensity("arm ~ x", table), caliper=None).table()

        assert pairs.select("treated", "untreated").rows() == [(0, 2), (1, 3)]

    def test_it_says_who_found_no_partner(self) -> None:
        """A narrow caliper leaves treated patients out, and the estimand changes."""
        matched = causal.match(causal.propensity("arm ~ age", patients()), caliper=0.02)

        assert "found no partner" in matched.notes[0]
        with pytest.raises(BadCovariate, match="not positive"):
            causal.match(causal.propensity("arm ~ age", patients()), caliper=0)


class TestWeightedCurves:
    def test_clones_are_one_patient(self) -> None:
        """The difference between two groups that hold the same patients has no error."""
        table = patients().with_row_index("patient").with_columns(w=pl.lit(1.5))
        both = pl.concat([table.with_columns(copy=pl.lit(k)) for k in (0, 1)])

        known = causal.survival_difference(
            "Surv(days, died) ~ copy + cluster(patient)", both, time=50, weights="w"
        )
        unknown = causal.survival_difference("Surv(days, died) ~ copy", both, time=50, weights="w")

        assert (known["difference"][0], known["std_err"][0]) == (0, 0)
        assert unknown["std_err"][0] > 0.01

    def test_independent_groups_add_their_variances(self) -> None:
        """And each variance is that of the curve itself."""
        table = patients().with_columns(w=1 + pl.col("age") / 50)
        curves = survival.kaplan_meier(
            "Surv(days, died) ~ arm", table, weights="w", variance="robust"
        ).at([60])

        found = causal.survival_difference("Surv(days, died) ~ arm", table, time=60, weights="w")

        assert found["std_err"][0] ** 2 == pytest.approx((curves["std_err"] ** 2).sum())
        low, high = curves["survival"]
        assert found["difference"][0] == pytest.approx(high - low)

    def test_beyond_follow_up_is_refused(self) -> None:
        """A difference where nobody is followed any more is not known."""
        table = patients().with_columns(w=pl.lit(1.0), died=pl.lit(0))

        with pytest.raises(BeyondFollowUp, match="1e\\+06"):
            causal.survival_difference("Surv(days, died) ~ arm", table, time=1e6, weights="w")

    def test_the_bootstrap_is_the_seed(self) -> None:
        """The same seed gives the same limits; its error is near the robust one, often smaller."""
        found = causal.iptw_curves("Surv(days, died) ~ arm", patients(), given="age + sex")

        once, again = (found.bootstrap([60], seed=3, runs=60) for _ in range(2))

        assert once.equals(again)
        robust = found.difference(60)["std_err"][0]
        assert once["std_err"][2] == pytest.approx(robust, rel=0.4)
        expected = found.curves.at([60])["survival"].to_list()
        assert once["survival"].to_list()[:2] == pytest.approx(expected)

    def test_the_right_side_is_the_treatment(self) -> None:
        """Covariates belong to `given`."""
        with pytest.raises(BadFormula, match="the treatment alone"):
            causal.iptw_cox("Surv(days, died) ~ arm + age", patients(), given="sex")


class TestAverages:
    def test_influences_add_up_to_nothing(self) -> None:
        """Standardised or doubly robust: the changes by all patients cancel."""
        table = patients()
        formula = "Surv(days, died) ~ arm * age + strata(sex)"

        plain = causal.standardise(formula, table, treatment="arm", times=[20, 60])
        robust = causal.doubly_robust(
            formula, table, treatment="arm", given="age", censoring="1", times=[20, 60]
        )

        for found in (plain, robust):
            assert found.influence is not None
            assert found.influence.sum(axis=2) == pytest.approx(np.zeros((2, 2)), abs=1e-10)
        assert plain.settings == ("arm=0", "arm=1")
        assert "arm=1" in str(robust)

    def test_without_censoring_the_models_of_it_do_not_matter(self) -> None:
        """Nothing is hidden, so nothing is filled in."""
        table = patients().with_columns(died=pl.lit(1))
        options = {"treatment": "arm", "given": "age", "times": [40]}

        one = causal.doubly_robust("Surv(days, died) ~ arm", table, censoring="1", **options)
        two = causal.doubly_robust("Surv(days, died) ~ arm", table, censoring="age", **options)

        assert one.survival.tolist() == two.survival.tolist()

    def test_what_they_refuse(self) -> None:
        """A treatment outside the formula, and times after follow-up."""
        with pytest.raises(BadFormula, match="'arm' is not in it"):
            causal.standardise("Surv(days, died) ~ age", patients(), treatment="arm", times=[9])
        with pytest.raises(BeyondFollowUp):
            causal.standardise("Surv(days, died) ~ arm", patients(), treatment="arm", times=[9e9])


class TestTimes:
    """A number that nobody was followed to is refused, whoever is asked for it."""

    @staticmethod
    def ask(analysis: str, times: float, table: pl.DataFrame | None = None) -> object:
        """Ask one analysis for its figures at some times."""
        table = patients() if table is None else table
        if analysis in {"difference", "bootstrap"}:
            found = causal.iptw_curves("Surv(days, died) ~ arm", table, given="age")
            if analysis == "difference":
                return found.difference(times)
            return found.bootstrap(times, seed=1, runs=3)
        options: dict[str, Any] = {"treatment": "arm", "times": times}
        if analysis == "doubly_robust":
            options |= {"given": "age", "censoring": "1"}
        estimator = getattr(causal, analysis)
        return estimator("Surv(days, died) ~ arm + age", table, **options)

    ANALYSES = ("standardise", "doubly_robust", "difference", "bootstrap")

    @pytest.mark.parametrize("analysis", ANALYSES)
    @pytest.mark.parametrize("times", [float("nan"), -1, "30", None, [], [20, None]])
    def test_no_time_is_refused_with_the_last_follow_up(self, analysis: str, times: object) -> None:
        """Missing, negative, words, nothing: the answer names what would be one."""
        with pytest.raises(BadCovariate, match="give numbers from 0 on, no later than the last"):
            self.ask(analysis, times)

    @pytest.mark.parametrize("analysis", ANALYSES)
    @pytest.mark.parametrize("times", [1e5, float("inf")])
    def test_beyond_follow_up_is_refused(self, analysis: str, times: float) -> None:
        """So is a time after the last one of a treatment, and infinity."""
        with pytest.raises(BeyondFollowUp, match="choose an earlier one") as fault:
            self.ask(analysis, times)
        assert fault.value.last == (1451 if analysis == "standardise" else 1171)

    def test_a_treatment_is_followed_no_longer_than_its_patients(self) -> None:
        """Doubly robust: the other arm's follow-up does not lend itself."""
        table = patients().with_columns(
            days=pl.when(pl.col("arm") == 1)
            .then(pl.col("days").clip(upper_bound=200))
            .otherwise("days"),
            died=pl.when((pl.col("arm") == 1) & (pl.col("days") > 199)).then(0).otherwise("died"),
        )

        with pytest.raises(BeyondFollowUp, match="the horizon 500 lies beyond") as fault:
            self.ask("doubly_robust", 500, table)
        assert (fault.value.group, fault.value.last) == ("arm=1", 200)

    def test_where_all_have_died_every_time_is_known(self) -> None:
        """Nobody is left in either arm: survival afterwards is zero, not unknown."""
        table = patients().with_columns(died=pl.lit(1))
        found = causal.iptw_curves("Surv(days, died) ~ arm", table, given="age")

        assert found.difference(1e5)["difference"].to_list() == pytest.approx([0], abs=1e-12)

    def test_a_bootstrap_needs_runs(self) -> None:
        """One resample has no spread."""
        found = causal.iptw_curves("Surv(days, died) ~ arm", patients(), given="age")

        with pytest.raises(BadCovariate, match="'runs' is no number of resamples"):
            found.bootstrap([20], seed=1, runs=1)

    @pytest.mark.parametrize("wrong", ["30", None, True, float("nan"), float("inf"), 0])
    def test_lengths_of_time_are_positive_numbers(self, wrong: float) -> None:
        """Landmarks, intervals, grace periods and horizons."""
        for call in (
            lambda: causal.landmark(TRIAL, patients(), at=wrong),
            lambda: causal.sequential_trials(TRIAL, patients(), every=wrong),
            lambda: causal.clone_censor_weight(TRIAL, patients(), grace=wrong),
        ):
            with pytest.raises(BadCovariate, match="positive time"):
                call()


class TestLeftOut:
    """No row leaves an analysis without being told of."""

    TABLE = patients().with_columns(
        age=pl.when(pl.int_range(pl.len()) < 7).then(None).otherwise("age"),
        days=pl.when(pl.int_range(pl.len()) == 7).then(None).otherwise("days"),
    )

    @pytest.mark.parametrize(
        ("analysis", "rows"),
        [
            (lambda t: causal.iptw_curves("Surv(days, died) ~ arm", t, given="age"), 8),
            (lambda t: causal.iptw_cox("Surv(days, died) ~ arm", t, given="age"), 8),
            (
                lambda t: causal.standardise(
                    "Surv(days, died) ~ arm + age", t, treatment="arm", times=[20]
                ),
                8,
            ),
            (
                lambda t: causal.doubly_robust(
                    "Surv(days, died) ~ arm",
                    t,
                    treatment="arm",
                    given="age",
                    censoring="1",
                    times=[20],
                ),
                8,
            ),
            (lambda t: causal.propensity("arm ~ age", t), 7),
            (lambda t: causal.match(causal.propensity("arm ~ age", t)), 7),
            (lambda t: causal.time_dependent(TRIAL, t), 8),
            (lambda t: causal.landmark(TRIAL, t, at=20), 8),
            (lambda t: causal.sequential_trials(TRIAL, t, every=30), 8),
            (lambda t: causal.clone_censor_weight(TRIAL, t, grace=60), 8),
            (lambda t: causal.naive_ever_exposed(TRIAL, t), 8),
            (lambda t: causal.immortal_time(t, "graft", "days"), 1),
        ],
    )
    def test_results_print_how_many_and_why(
        self, analysis: Callable[[pl.DataFrame], object], rows: int
    ) -> None:
        """The count, and the variables that are missing."""
        said = str(analysis(self.TABLE))

        missing = {8: "missing in", 7: "(age missing in 7)", 1: "(days missing in 1)"}[rows]
        assert f"left out: {rows} row" in said
        assert missing in said

    def test_exposure_before_time_zero_is_told_and_can_count(self) -> None:
        """A trial enrols nobody who has had the treatment; asked to, it counts them from zero."""
        table = patients().with_columns(
            graft=pl.when(pl.int_range(pl.len()) < 5).then(-30.0).otherwise("graft")
        )

        without = causal.time_dependent(TRIAL, table)
        started = causal.time_dependent(replace(TRIAL, earlier="from the start"), table)

        assert without.n == started.n - 5
        assert "5 patients with transplant before remission left out" in without.notes[0]
        assert "left out: 5 rows, transplant before remission" in str(without)
        assert "5 patients with transplant before remission counted as exposed" in started.notes[0]
        begins = started.rows.filter(pl.col("trial_patient") < 5)
        assert begins.select("trial_start", "transplant").unique().rows() == [(0.0, 1)]
        with pytest.raises(BadCovariate, match="'earlier' is not a known choice"):
            replace(TRIAL, **dict.fromkeys(["earlier"], "never"))

    def test_infinity_is_no_day(self) -> None:
        """Neither for an exposure, where it would read as never, nor for follow-up."""
        for name in ("graft", "days"):
            table = patients().with_columns(
                pl.when(pl.int_range(pl.len()) < 3)
                .then(float("inf"))
                .otherwise(pl.col(name))
                .alias(name)
            )

            with pytest.raises(BadResponse, match=f"'{name}' is infinite in 3 rows"):
                causal.time_dependent(TRIAL, table)
            with pytest.raises(BadResponse, match=f"'{name}' is infinite in 3 rows"):
                causal.immortal_time(table, "graft", "days")


class TestNothingToCompare:
    """What cannot be compared is refused with its cause, never with another library's error."""

    def test_no_trial_of_the_sequence_has_both_groups(self) -> None:
        """All are exposed at time zero, or nobody ever."""
        everybody = patients().with_columns(graft=pl.lit(0.0))
        nobody = patients().with_columns(graft=pl.lit(None))

        with pytest.raises(causal.NobodyLeft, match="no trial every 30 days has patients in both"):
            causal.sequential_trials(TRIAL, everybody, every=30)
        with pytest.raises(causal.NobodyLeft, match="nobody follows the strategy 'transplant'"):
            causal.sequential_trials(TRIAL, nobody, every=30)

    @pytest.mark.parametrize("name", ["days", "died", "age"])
    def test_a_column_without_any_value(self, name: str) -> None:
        """The variable that nobody has is named."""
        table = patients().with_columns(pl.lit(None).alias(name))

        with pytest.raises(
            NothingToAnalyse, match=f"120 rows, incomplete \\({name} missing in 120"
        ):
            causal.sequential_trials(TRIAL, table, every=30)

    def test_immortal_time_of_nobody(self) -> None:
        """Without an end of follow-up there is no time."""
        with pytest.raises(NothingToAnalyse, match="nobody has a time 'days'"):
            causal.immortal_time(patients().with_columns(days=pl.lit(None)), "graft", "days")

    @pytest.mark.parametrize("analysis", ["standardise", "doubly_robust"])
    @pytest.mark.parametrize("arm", [0, 1])
    @pytest.mark.parametrize("outcome", ["arm + age", "arm * age", "age + strata(arm)"])
    def test_a_treatment_that_decides_the_event_has_no_standard_error(
        self, analysis: str, arm: int, outcome: str
    ) -> None:
        """Nobody of one arm dies: survival is one, and how surely is not known."""
        table = patients().with_columns(
            died=pl.when(pl.col("arm") == arm).then(0).otherwise(pl.col("died"))
        )
        options: dict[str, Any] = {"treatment": "arm", "times": 60, "conf_type": "log-log"}
        if analysis == "doubly_robust":
            options |= {"given": "age", "censoring": "1"}

        found = getattr(causal, analysis)(f"Surv(days, died) ~ {outcome}", table, **options)

        assert found.survival[arm, 0] == pytest.approx(1, abs=1e-3)
        shown = found.table()[arm].select("std_err", "lower", "upper").row(0)
        assert shown == (None, None, None)
        assert found.difference().select("lower", "p").row(0) == (None, None)
        assert "no standard errors are known" in str(found)

    def test_an_infinite_ratio_is_printed_as_such(self) -> None:
        """Not as a number with limits that are none."""
        table = patients().with_columns(
            died=pl.when(pl.col("graft").is_null()).then(0).otherwise(1)
        )

        assert "hazard ratio without a finite estimate" in str(causal.time_dependent(TRIAL, table))

    def test_patients_who_die_are_counted_once(self) -> None:
        """Also where they take part in several trials; their rows are told beside."""
        found = causal.sequential_trials(TRIAL, patients(), every=30)

        died = found.rows.filter(pl.col("trial_event") == 1)["trial_patient"].n_unique()
        assert found.fit.events > died
        assert f"events = {died} (in {found.fit.events} rows)" in str(found)

    def test_no_score_looks_ahead(self) -> None:
        """Neither the follow-up nor the treatment itself explains who is treated."""
        for given in ("days", "age + log1p(days)"):
            with pytest.raises(causal.LooksAhead, match="the score uses days"):
                causal.iptw_cox("Surv(days, died) ~ arm", patients(), given=given)
            with pytest.raises(causal.LooksAhead, match="the score uses days"):
                causal.doubly_robust(
                    "Surv(days, died) ~ arm",
                    patients(),
                    treatment="arm",
                    given=given,
                    censoring="1",
                    times=[20],
                )
        with pytest.raises(BadFormula, match="on both of its sides"):
            causal.propensity("arm ~ arm + age", patients())

    @pytest.mark.parametrize("name", ["trial_start", "trial_weight", "trial_patient"])
    def test_columns_are_not_written_over(self, name: str) -> None:
        """A confounder whose name the analysis needs itself would be replaced, so it is refused."""
        with pytest.raises(BadCovariate, match=f"'{name}' is a name that the analysis needs"):
            replace(TRIAL, confounders=f"age + {name}")
        with pytest.raises(BadCovariate, match="'iptw_weight' is a name"):
            causal.iptw_cox(
                "Surv(days, died) ~ iptw_weight",
                patients().rename({"arm": "iptw_weight"}),
                given="age",
            )

    def test_incidences_have_no_difference_of_survival(self) -> None:
        """With several kinds of event the refusal says what to read instead."""
        table = patients().with_columns(died=pl.int_range(pl.len()) % 3)
        found = causal.iptw_curves("Surv(days, died) ~ arm", table, given="age")

        with pytest.raises(BadCovariate, match="incidences of several kinds of event; read them"):
            found.difference(20)

    def test_options_that_are_none(self) -> None:
        """A caliper, an order, quantiles, weights, measures."""
        score = causal.propensity("arm ~ age", patients())
        curves = causal.iptw_curves("Surv(days, died) ~ arm", patients(), given="age")
        calls: list[tuple[str, Callable[[Any], object], Any]] = [
            ("'caliper' is not positive", lambda one: causal.match(score, caliper=one), "0.2"),
            ("'order' is not a known", lambda one: causal.match(score, order=one), "nearest"),
            ("not a pair of quantiles", lambda one: score.weights(truncate=one), (0.1,)),
            ("not a pair of quantiles", lambda one: score.weights(truncate=one), 0.5),
            ("not a pair of quantiles", lambda one: score.weights(truncate=one), ("a", "b")),
            ("'weights' are not 120 numbers", score.balance, np.ones(3)),
            ("'weights' are not 120 numbers", score.balance, np.zeros(120)),
            ("'weights' are not 120 numbers", score.balance, np.full(120, np.nan)),
            ("'measure' is not a known", lambda one: causal.e_value(2.0, measure=one), "ratio"),
            ("not a positive ratio", causal.e_value, "2"),
            ("'time' is 2 times", curves.difference, [20, 40]),
        ]

        for says, call, wrong in calls:
            with pytest.raises(BadCovariate, match=says):
                call(wrong)


class TestEValue:
    def test_the_published_example(self) -> None:
        """VanderWeele and Ding: risk ratio 3.9 (1.8 to 8.7) has 7.26, and 3.0 for the limit."""
        found = causal.e_value(3.9, 1.8, 8.7)

        assert (round(found.point, 2), round(found.limit or 0, 2)) == (7.26, 3.0)

    def test_protective_and_uncertain(self) -> None:
        """A ratio below one is inverted; an interval across one needs no confounder."""
        assert causal.e_value(1 / 3.9).point == pytest.approx(causal.e_value(3.9).point)
        assert causal.e_value(0.8, 0.6, 1.1).limit == 1
        assert causal.e_value(0.56, measure="hazard ratio").point == pytest.approx(2.3495, abs=1e-4)
        assert causal.e_value(4.0, measure="odds ratio").estimate == 2

    def test_nonsense_is_refused(self) -> None:
        """A negative ratio, or limits on the wrong side."""
        with pytest.raises(BadCovariate, match="not a positive ratio between its limits"):
            causal.e_value(0.5, 0.7, 0.9)


class TestTrial:
    @pytest.mark.parametrize(
        "confounders", ["age + days", "graft", "log1p(relapse)", "strata(died)"]
    )
    def test_confounders_may_not_look_ahead(self, confounders: str) -> None:
        """What happens after time zero is no confounder at time zero."""
        with pytest.raises(causal.LooksAhead, match="a confounder uses"):
            Trial("cr", "days", "died", "graft", confounders=confounders, later=("relapse",))

    def test_eligibility_may_not_look_ahead(self) -> None:
        """Choosing the transplanted, or the survivors, is refused."""
        with pytest.raises(causal.LooksAhead, match=r"eligibility uses graft.*\(cr\)"):
            Trial("cr", "days", "died", "graft", eligible=pl.col("graft").is_not_null())

    def test_everybody_left_out_is_counted(self) -> None:
        """Not eligible, incomplete, without follow-up, exposed before time zero."""
        table = pl.DataFrame(
            {
                "age": [17, 40, None, 50, 60, 70, 44],
                "sex": ["m"] * 7,
                "days": [9.0, 0.0, 9.0, 9.0, 9.0, 9.0, 8.0],
                "died": [1, 1, 1, 1, 0, 1, 1],
                "graft": [None, None, None, -3.0, 2.0, None, 0.0],
            }
        )
        trial = Trial(
            "cr", "days", "died", "graft", confounders="age", eligible=pl.col("age") != 17
        )

        enrolled = trial.enrol(table.with_columns(pl.col("age").fill_null(-1)))
        incomplete = Trial("cr", "days", "died", "graft", confounders="age").enrol(table)

        assert enrolled.attrition == (
            ("not eligible", 1),
            ("follow-up ends at or before cr", 1),
            ("exposed before cr", 1),
        )
        assert dict(incomplete.attrition)["a variable is missing"] == 1
        assert enrolled.begins.tolist() == [np.inf, 2, np.inf, 0]

    def test_follow_up_is_split_at_exposure(self) -> None:
        """Before it the patient is unexposed; on the last day it never counts."""
        table = pl.DataFrame(
            {"days": [10, 9, 8, 7], "died": [1, 1, 1, 0], "graft": [4, 9, 0, None]}
        )
        trial = Trial("cr", "days", "died", "graft", "transplant")

        found = causal.time_dependent(trial, table)

        rows = found.rows.sort("trial_patient", "trial_start")
        shown = rows.select(
            "trial_patient", "trial_start", "trial_stop", "trial_event", "transplant"
        )
        assert shown.rows() == [
            (0, 0, 4, 0, 0),
            (0, 4, 10, 1, 1),
            (1, 0, 9, 1, 0),
            (2, 0, 8, 1, 1),
            (3, 0, 7, 0, 0),
        ]
        assert "on the last day of follow-up or later counts as none" in found.notes[0]

    def test_only_the_naive_function_is_naive_and_it_says_so(self) -> None:
        """One name computes ever against never; its result and its print carry the warning."""
        naive = [name for name in causal.__all__ if "naive" in name]
        found = causal.naive_ever_exposed(TRIAL, patients())
        others = (
            causal.time_dependent(TRIAL, patients()),
            causal.landmark(TRIAL, patients(), at=20),
            causal.sequential_trials(TRIAL, patients(), every=30),
            causal.clone_censor_weight(TRIAL, patients(), grace=60),
        )

        assert naive == ["naive_ever_exposed"]
        assert "immortal time" in found.notes[0]
        assert "immortal time" in str(found)
        assert not any("immortal" in str(other) for other in others)
        assert found.hazard_ratio < min(other.hazard_ratio for other in others)
        assert causal.side_by_side(found, *others)["covariates"].unique().to_list() == ["age + sex"]

    def test_a_landmark_says_who_is_not_in_it(self) -> None:
        """Those gone before it, and those exposed after it."""
        found = causal.landmark(TRIAL, patients(), at=20)

        gone = int((patients()["days"] <= 20).sum())
        assert found.n == 120 - gone
        assert found.notes[0].startswith(f"{gone} patients no longer under observation")
        assert "after the landmark count as unexposed" in found.notes[1]

    def test_clones_start_with_everybody(self) -> None:
        """Both strategies begin with all patients not exposed at once, and weights average one."""
        found = causal.clone_censor_weight(TRIAL, patients(), grace=60)

        begin = found.rows.filter(pl.col("trial_start") == 0)
        assert begin.group_by("transplant").len().sort("transplant")["len"].to_list() == [120, 120]
        assert found.curves is not None
        gap = found.survival_difference(50)
        assert gap["std_err"][0] > 0
        with pytest.raises(BadCovariate, match="do not belong to the design"):
            causal.time_dependent(TRIAL, patients()).survival_difference(50)

    def test_what_the_designs_refuse(self) -> None:
        """Nobody exposed, no events, times that are no times, words for times."""
        nobody = patients().with_columns(graft=pl.lit(None, dtype=pl.Float64))
        with pytest.raises(causal.NobodyLeft, match="nobody follows the strategy 'transplant'"):
            causal.time_dependent(TRIAL, nobody)
        with pytest.raises(NothingToAnalyse, match="nobody had the event"):
            causal.time_dependent(TRIAL, patients().with_columns(died=pl.lit(0)))
        with pytest.raises(BadResponse, match="'graft' is not numeric"):
            causal.time_dependent(TRIAL, patients().with_columns(graft=pl.lit("soon")))
        with pytest.raises(NothingToAnalyse, match="no patient of the trial"):
            causal.time_dependent(TRIAL, patients().with_columns(days=pl.lit(-1)))
        for call in (
            lambda: causal.landmark(TRIAL, patients(), at=0),
            lambda: causal.sequential_trials(TRIAL, patients(), every=-1),
            lambda: causal.clone_censor_weight(TRIAL, patients(), grace=float("inf")),
        ):
            with pytest.raises(BadCovariate, match="positive time"):
                call()

    def test_an_infinite_ratio_has_no_limits(self) -> None:
        """Where no unexposed patient dies, the ratio is infinite: it is noted, not computed."""
        table = patients().with_columns(
            died=pl.when(pl.col("graft").is_null()).then(0).otherwise(1)
        )

        found = causal.time_dependent(TRIAL, table)

        assert found.table().select("lower", "upper", "p").row(0) == (None, None, None)
        assert any("transplant has no finite estimate" in note for note in found.notes)

    def test_a_horizon_ends_follow_up(self) -> None:
        """Deaths after it do not count."""
        short = Trial("cr", "days", "died", "graft", "transplant", horizon=30)

        found = causal.time_dependent(short, patients())

        assert found.rows["trial_stop"].max() == 30
        assert found.fit.events == int(
            patients().filter((pl.col("days") <= 30) & (pl.col("died") == 1)).height
        )


class TestImmortalTime:
    def test_exposure_at_time_zero_is_no_trap(self) -> None:
        """A treatment that begins with follow-up may be compared as it is."""
        table = pl.DataFrame({"days": [5, 6, 7], "start": [0, 0, None]})

        found = causal.immortal_time(table, "start", "days")

        assert (found.exposed, found.late, found.warning) == (2, 0, None)
        assert found.table()["share"].to_list() == [0]

    def test_the_follow_up_wrongly_credited(self) -> None:
        """Time before exposure as a share of what the exposed lived."""
        table = pl.DataFrame({"days": [100, 300, 50], "start": [50, 150, None]})

        found = causal.immortal_time(table, "start", "days")

        assert (found.credited, found.share, found.median_delay) == (200, 0.5, 100)
        assert "time_dependent, landmark" in str(found)
