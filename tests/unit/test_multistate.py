"""Histories, state occupation, transition probabilities and transition-specific models."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import polars as pl
import pytest

from haemony.analysis import multistate as ms
from haemony.analysis import survival
from haemony.model.errors import HaemonyError

WELL = ms.Scheme.read("illness–death", "well -> ill, dead; ill -> dead")
MOMENTS = [ms.Moment("ill", "ill_day"), ms.Moment("dead", "day", status="died")]


def patients(**changes: list[object]) -> pl.DataFrame:
    """Six patients: ill on the way or not, dead or not."""
    columns: dict[str, list[object]] = {
        "ill_day": [2, None, 3, None, 6, 4],
        "day": [5, 4, 9, 7, 8, 12],
        "died": [1, 1, 0, 0, 1, 1],
        "age": [50, 61, 43, 70, 66, 58],
    }
    return pl.DataFrame(columns | changes, strict=False)


def told(**changes: list[object]) -> ms.Histories:
    """Their histories."""
    return ms.histories(patients(**changes), WELL, MOMENTS, until="day")


def rows(found: ms.Histories) -> list[tuple[object, ...]]:
    """From, to, start and stop of each row."""
    return found.table().select("from", "to", "start", "stop").rows()


class TestScheme:
    """Which states there are, and which may follow which."""

    def test_a_scheme_reads_like_the_drawing(self) -> None:
        """One line per state; what nobody leaves is absorbing."""
        scheme = ms.Scheme.read("s", "a -> b, d\nb -> a, d")

        assert scheme.states == ("a", "b", "d")
        assert scheme.absorbing == ("d",)
        assert str(scheme) == "s:\n  a -> b, d\n  b -> a, d"

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("a - b", "cannot be read"),
            ("a -> ", "cannot be read"),
            ("a -> a", "leads nowhere"),
            ("a -> b, b", "twice"),
            ("", "nothing can happen"),
        ],
    )
    def test_a_scheme_that_makes_no_sense_is_refused(self, text: str, said: str) -> None:
        """The message says what is wrong with it."""
        with pytest.raises(ms.BadScheme, match=said):
            ms.Scheme.read("s", text)

    def test_a_transition_that_is_not_allowed_is_named_with_those_that_are(self) -> None:
        """Whoever mistypes an arrow sees the arrows there are."""
        with pytest.raises(ms.BadScheme, match="no transition 'ill -> well', only well -> ill"):
            WELL.transition("ill -> well")

    @pytest.mark.parametrize(
        "scheme",
        [
            ms.AML_COURSE,
            ms.AML_TRANSPLANT,
            ms.ILLNESS_DEATH,
            ms.PLASMA_CELL,
            ms.PLATELET_RECOVERY,
        ],
        ids=lambda scheme: scheme.name,
    )
    def test_ready_schemes_lead_from_the_first_state_to_an_end(self, scheme: ms.Scheme) -> None:
        """Every state but the first is entered, and some are never left."""
        targets = {arrow.target for arrow in scheme.transitions}

        assert set(scheme.states) - targets == {scheme.states[0]}
        assert scheme.absorbing


class TestHistories:
    """From a table with one row per patient to start–stop rows."""

    def test_each_stay_becomes_a_row(self) -> None:
        """Two rows for those who fall ill, one for the others; nothing ends without a reason."""
        assert rows(told())[:4] == [
            ("well", "ill", 0, 2),
            ("ill", "dead", 2, 5),
            ("well", "dead", 0, 4),
            ("well", "ill", 0, 3),
        ]

    def test_covariates_follow_their_patients_and_outcomes_do_not(self) -> None:
        """Columns that tell the course are no covariates; the time of entry is."""
        covariates = told().covariates

        assert covariates.columns == ["age", "entered"]
        assert covariates.rows()[:3] == [(50, 0), (50, 2), (61, 0)]

    def test_events_count_every_stay_once(self) -> None:
        """What leaves a state and what stays add up to what entered it."""
        events = told().events()

        by_state = events.group_by("from", maintain_order=True).agg(
            pl.col("count").sum(), pl.col("entered").first()
        )
        assert by_state["count"].to_list() == by_state["entered"].to_list()
        assert events.row(0) == ("well", "ill", 4, 6, pytest.approx(2 / 3))

    def test_numbers_at_risk_are_those_just_before_a_time(self) -> None:
        """On day 4, five are under observation and one of them is about to die."""
        at = told().at_risk([4])

        assert dict(at.select("state", "n").rows()) == {"well": 4, "ill": 2}

    @pytest.mark.parametrize(
        ("rule", "expected"),
        [
            (
                ms.SameTime.HALF_UNIT,
                [("well", "ill", 0, 5), ("ill", "dead", 5, 5.5)],
            ),
            (ms.SameTime.DIRECT, [("well", "dead", 0, 5)]),
            (ms.SameTime.LEAVE_OUT, []),
        ],
        ids=lambda value: value.value if isinstance(value, ms.SameTime) else "",
    )
    def test_what_falls_on_one_day_is_read_as_the_rule_says(
        self, rule: ms.SameTime, expected: list[object]
    ) -> None:
        """Ill and dead on day 5: half a day apart, passed through, or left out and counted."""
        table = patients(ill_day=[5, None, 3, None, 6, 4])

        found = ms.histories(table, WELL, MOMENTS, until="day", same_time=rule)

        first = found.table().filter(pl.col("patient") == 0)
        assert first.select("from", "to", "start", "stop").rows() == expected
        assert dict(found.left_out) == (
            {"two states at the same time": 1} if rule is ms.SameTime.LEAVE_OUT else {}
        )

    def test_a_state_reached_at_the_last_follow_up_lasts_half_a_day(self) -> None:
        """Ill on day 9 and censored on day 9: half a day in the new state, as in mstate."""
        found = told(ill_day=[2, None, 9, None, 6, 4])

        assert ("ill", None, 9, 9.5) in rows(found)

    def test_times_that_differ_by_rounding_are_the_same_time(self) -> None:
        """0.1 + 0.2 and 0.3 fall together: ill and dead at one time, half a unit apart."""
        table = pl.DataFrame({"ill_day": [0.3], "day": [0.1 + 0.2], "died": [1]})

        found = ms.histories(table, WELL, MOMENTS, until="day", unit=0.1)

        assert rows(found)[1] == ("ill", "dead", 0.3, pytest.approx(0.35))
        with pytest.raises(survival.NothingToAnalyse):
            ms.occupation(found, since=0.35)

    def test_late_entry_begins_in_the_state_held_then(self) -> None:
        """Ill since day 2, observed from day 3: the first row is spent ill."""
        table = patients().with_columns(entry=pl.Series([3, 0, 0, 0, 0, 0]))

        found = ms.histories(table, WELL, MOMENTS, until="day", entry="entry")

        assert rows(found)[0] == ("ill", "dead", 3, 5)
        assert found.covariates["entered"][0] == 2

    @pytest.mark.parametrize(
        ("changes", "reason"),
        [
            ({"ill_day": [6, None, 3, None, 6, 4]}, "ill after the end of observation"),
            ({"ill_day": [-1, None, 3, None, 6, 4]}, "ill before the time origin"),
            ({"day": [None, 4, 9, 7, 8, 12]}, "the time of dead is missing"),
            ({"died": [None, 1, 0, 0, 1, 1]}, "whether dead is missing"),
            (
                {"day": [0, 4, 9, 7, 8, 12], "ill_day": [None] * 6, "died": [0, 1, 0, 0, 1, 1]},
                "no time under observation",
            ),
        ],
    )
    def test_an_impossible_course_is_left_out_and_counted(
        self, changes: dict[str, list[object]], reason: str
    ) -> None:
        """The reason stands beside the number, and the other five stay."""
        found = told(**changes)

        assert dict(found.left_out) == {reason: 1}
        assert found.n == 5

    def test_a_relapse_without_remission_is_named(self) -> None:
        """What cannot follow what is said in the words of the scheme."""
        table = pl.DataFrame(
            {
                "complete_remission_day": [30, None],
                "relapse_day": [90, 50],
                "last_contact_day": [200, 100],
                "vital_status": ["dead", "alive"],
            }
        )

        found = ms.histories(table, ms.AML_COURSE, ms.COURSE, until="last_contact_day")

        assert dict(found.left_out) == {"relapse cannot follow diagnosis": 1}
        assert rows(found)[-1] == ("relapse", "dead after relapse", 90, 200)

    def test_a_transplant_outside_first_remission_is_no_state(self) -> None:
        """One in remission, one after relapse, one without remission: only the first is entered."""
        table = pl.DataFrame(
            {
                "complete_remission_day": [30, 30, None],
                "relapse_day": [None, 90, None],
                "transplant_day": [100, 150, 60],
                "last_contact_day": [200, 300, 90],
                "vital_status": ["dead", "alive", "dead"],
            }
        )

        found = ms.histories(
            table, ms.AML_TRANSPLANT, ms.COURSE_WITH_TRANSPLANT, until="last_contact_day"
        )

        assert not found.left_out
        assert [row[1] for row in rows(found)] == [
            *("remission", "transplant", "dead after transplant"),
            *("remission", "relapse", None),
            "dead without remission",
        ]

    def test_a_covariate_can_weigh_the_patients(self) -> None:
        """Weights belong to patients and are positive."""
        assert told().weighted("age").weights is not None
        with pytest.raises(survival.BadCovariate, match="age"):
            told(age=[0, 1, 1, 1, 1, 1]).weighted("age")

    @pytest.mark.parametrize(
        ("change", "error", "said"),
        [
            ({"day": ["x"] * 6}, ms.BadHistory, "'day' is not numeric"),
            ({"died": [2] * 6}, ms.BadHistory, "other values than 0 and 1"),
            ({"died": ["yes"] * 6}, ms.BadHistory, "is text"),
            ({"entered": [1] * 6}, ms.BadHistory, "a column 'entered' of its own"),
            ({"day": [None] * 6}, survival.NothingToAnalyse, "no patient's course fits"),
        ],
    )
    def test_a_table_that_tells_no_course_is_refused(
        self, change: dict[str, list[object]], error: type[HaemonyError], said: str
    ) -> None:
        """The message names the column and the cause."""
        with pytest.raises(error, match=said):
            told(**change)

    def test_a_moment_that_may_lead_to_two_states_is_refused(self) -> None:
        """From one state a moment leads to one state."""
        with pytest.raises(ms.BadHistory, match="may lead to ill and dead"):
            ms.histories(patients(), WELL, [ms.Moment("x", "day", ("ill", "dead"))], until="day")

    def test_repeated_identifiers_are_refused(self) -> None:
        """One row per patient, or start–stop rows."""
        with pytest.raises(ms.BadHistory, match="'died' repeat"):
            ms.histories(patients(), WELL, MOMENTS, until="day", patient="died")


class TestRows:
    """Start–stop rows that exist already."""

    LONG: Mapping[str, list[object]] = {
        "id": [1, 1, 2, 3, 3, 4, 4],
        "a": ["well", "ill", "well", "well", "well", "ill", "ill"],
        "b": ["ill", "dead", "censored", "well", "dead", "ill", None],
        "t0": [0, 2, 0, 0, 3, 0, 4],
        "t1": [2, 5, 4, 3, 6, 4, 9],
    }

    def read(self, **changes: list[object]) -> ms.Histories:
        """Read them, some columns changed."""
        return ms.histories_from_rows(
            {**self.LONG, **changes},
            WELL,
            patient="id",
            origin="a",
            target="b",
            start="t0",
            stop="t1",
            censored="censored",
        )

    def test_a_stay_in_pieces_keeps_its_time_of_entry(self) -> None:
        """Rows that only split a stay are no transitions."""
        found = self.read()

        assert found.covariates["entered"].to_list() == [0, 2, 0, 0, 0, 0, 0]
        assert found.events().filter(pl.col("to").is_not_null())["count"].to_list() == [1, 1, 1]

    @pytest.mark.parametrize(
        ("changes", "reason"),
        [
            ({"t1": [2, 5, 4, 3, 6, 4, 4]}, "a row ends at or before its start"),
            ({"t0": [0, 2, 0, 0, 3, 0, 3]}, "rows overlap"),
            (
                {"a": ["well", "ill", "well", "well", "well", "ill", "well"]},
                "a row begins in another state than the last ended",
            ),
            (
                {"b": ["ill", "dead", "censored", "well", "dead", "well", None]},
                "ill -> well is no transition of the scheme",
            ),
        ],
    )
    def test_rows_that_do_not_fit_leave_with_their_patient(
        self, changes: dict[str, list[object]], reason: str
    ) -> None:
        """Counted by the first reason found."""
        found = self.read(**changes)

        assert dict(found.left_out) == {reason: 1}
        assert found.patients.to_list() == [1, 2, 3]

    @pytest.mark.parametrize(
        ("changes", "said"),
        [
            ({"a": ["sick"] * 7}, "'sick' are no states"),
            ({"t0": [float("nan")] * 7}, "some rows lack"),
            ({"t1": ["x"] * 7}, "not numeric"),
        ],
    )
    def test_unknown_states_and_times_are_refused(
        self, changes: dict[str, list[object]], said: str
    ) -> None:
        """The message names what is wrong."""
        with pytest.raises(ms.BadHistory, match=said):
            self.read(**changes)


class TestOccupation:
    """Who is where when."""

    def test_without_censoring_it_is_a_count(self) -> None:
        """Shares are the patients in each state over all patients, errors are binomial."""
        found = ms.occupation(told(died=[1] * 6)).at([4.5])

        assert found["probability"].to_list() == pytest.approx([2 / 6, 3 / 6, 1 / 6])
        expected = [np.sqrt(p * (1 - p) / 6) for p in (2 / 6, 3 / 6, 1 / 6)]
        assert found["std_err"].to_list() == pytest.approx(expected)

    def test_it_is_unknown_after_the_last_follow_up_unless_everybody_has_arrived(self) -> None:
        """With somebody left, later is unknown; with nobody left it is known for ever."""
        censored = ms.occupation(told(died=[1, 1, 0, 0, 1, 0])).at([50])
        everybody = ms.occupation(told(died=[1] * 6)).at([50])

        assert censored["probability"].to_list() == [None] * 3
        assert everybody["probability"].to_list() == pytest.approx([0, 0, 1])

    def test_lengths_of_stay_add_up_to_the_horizon(self) -> None:
        """Every day is spent somewhere."""
        stay = ms.occupation(told()).stay(9)

        assert stay["mean"].sum() == pytest.approx(9)
        assert stay["group"].unique().to_list() == ["all"]

    def test_a_horizon_beyond_follow_up_is_refused(self) -> None:
        """What nobody was watched for is not extrapolated."""
        with pytest.raises(survival.BeyondFollowUp):
            ms.occupation(told(died=[1, 1, 0, 0, 1, 0])).stay(50)

    @pytest.mark.parametrize(
        ("call", "error", "said"),
        [
            (lambda h: ms.occupation(h, start="dying"), ms.BadScheme, "no state 'dying'"),
            (lambda h: ms.occupation(h, start={"well": 0.5}), ms.BadHistory, "add up to one"),
            (lambda h: ms.occupation(h, by="sex"), survival.UnknownColumn, "sex"),
            (lambda h: ms.occupation(h, since=100), survival.NothingToAnalyse, "nobody is under"),
            (lambda h: h.landmark("ill", 1), survival.NothingToAnalyse, "nobody"),
            (lambda h: ms.hazards(h, variance="x"), ms.BadHistory, "greenwood"),
            (lambda h: ms.transition_cox(h, "sex"), survival.UnknownColumn, "sex"),
            (lambda h: ms.transition_cox(h, ["age"]), survival.BadFormula, "no text"),
            (lambda h: ms.transition_cox(h, "strata(age)"), survival.BadFormula, "strata"),
            (lambda h: ms.transition_cox(h, {"a -> b": "age"}), ms.BadScheme, "a -> b"),
        ],
    )
    def test_questions_without_an_answer_are_refused(
        self,
        call: Callable[[ms.Histories], object],
        error: type[HaemonyError],
        said: str,
    ) -> None:
        """An error that names the cause, never a number."""
        with pytest.raises(error, match=said):
            call(told())

    @pytest.mark.parametrize(
        "estimate",
        [ms.occupation, ms.hazards, lambda h: ms.transition_cox(h, "age"), ms.markov_test],
    )
    def test_without_any_transition_nothing_is_estimated(
        self, estimate: Callable[[ms.Histories], object]
    ) -> None:
        """Nobody moved: the message says so."""
        still = told(ill_day=[None] * 6, died=[0] * 6)

        with pytest.raises(survival.NothingToAnalyse):
            estimate(still)

    def test_a_patient_without_a_group_is_not_put_into_one(self) -> None:
        """Missing is no group."""
        with pytest.raises(ms.BadHistory, match="'age' is missing"):
            ms.occupation(told(age=[None, 61, 43, 70, 66, 58]), by="age")

    def test_one_transition_is_enough(self) -> None:
        """One event among six gives an estimate with an error."""
        found = ms.occupation(told(ill_day=[None] * 6, died=[0, 1, 0, 0, 0, 0])).at([4])

        assert found["probability"].to_list() == pytest.approx([5 / 6, 0, 1 / 6])
        assert found["std_err"].to_list() == pytest.approx([np.sqrt(5 / 216), 0, np.sqrt(5 / 216)])


class TestModels:
    """Cox models for transitions, and what they say of one patient."""

    @staticmethod
    def cohort(n: int = 300, seed: int = 7) -> pl.DataFrame:
        """Patients whose risk depends on x."""
        rng = np.random.default_rng(seed)
        x = rng.integers(0, 2, n)
        ill = np.ceil(rng.exponential(30 / (1 + x)))
        dead = np.ceil(rng.exponential(60 / (1 + 0.5 * x)))
        end = np.minimum(dead, np.ceil(rng.uniform(20, 120, n)))
        return pl.DataFrame(
            {
                "x": x,
                "site": np.where(rng.random(n) < 0.5, "a", "b"),
                "ill_day": np.where(ill < end, ill, np.nan),
                "day": end,
                "died": (dead <= end).astype(int),
            }
        )

    @classmethod
    def histories(cls) -> ms.Histories:
        """Their courses."""
        return ms.histories(cls.cohort(), WELL, MOMENTS, until="day")

    def test_transitions_that_share_nothing_are_fitted_one_by_one(self) -> None:
        """Each transition's coefficients are those of its own Cox model."""
        h = self.histories()
        fit = ms.transition_cox(h, "x + site")

        table = h.table().filter(pl.col("from") == "ill")
        alone = survival.cox(
            "Surv(start, stop, died) ~ x + site",
            table.with_columns(died=(pl.col("to") == "dead").fill_null(False)),
        )

        mine = fit.table().filter(pl.col("transition") == "ill -> dead")
        assert mine["estimate"].to_list() == pytest.approx(alone.coefficients.tolist())
        assert mine["std_err"].to_list() == pytest.approx(alone.standard_errors.tolist())

    def test_a_single_transition_predicts_what_cox_predicts(self) -> None:
        """Alive to dead: survival, limits and all, of the Cox model."""
        table = self.cohort()
        scheme = ms.Scheme.read("survival", "alive -> dead")
        h = ms.histories(table, scheme, [ms.Moment("dead", "day", status="died")], until="day")
        times = [10, 40, 80]

        mine = ms.transition_cox(h, "x").predict({"x": 1}).at(times, "alive")
        theirs = survival.cox("Surv(day, died) ~ x", table).predict(pl.DataFrame({"x": [1]}), times)

        alive = mine.filter(pl.col("state") == "alive")
        for one, other in (("probability", "survival"), ("lower", "lower"), ("upper", "upper")):
            assert alive[one].to_list() == pytest.approx(theirs[other].to_list(), abs=1e-12)

    def test_without_covariates_the_hazards_are_those_of_nelson_and_aalen(self) -> None:
        """Breslow's baseline without covariates is the plain estimate, its variance Aalen's."""
        h = self.histories()

        model = ms.transition_cox(h, "1", ties="breslow").hazards({"x": 0}, convention="product")
        plain = ms.hazards(h, variance="aalen")

        assert model.cumulative == pytest.approx(plain.cumulative)
        assert model.std_err == pytest.approx(plain.std_err)

    def test_simulated_courses_agree_with_the_product_of_hazards(self) -> None:
        """With a forward clock, shares of courses are the predicted probabilities."""
        fit = ms.transition_cox(self.histories(), "x")

        drawn = ms.simulate(fit, {"x": 1}, [20, 60], state="well", seed=3, paths=40_000)

        exact = fit.predict({"x": 1}).at([20, 60], "well")["probability"].to_numpy()
        distance = np.abs(drawn.probability.ravel() - exact)
        assert (distance <= 4 * drawn.monte_carlo_error.ravel() + 1e-12).all()

    def test_drawn_models_vary_as_the_delta_method_says(self) -> None:
        """Standard errors by simulation are near those of the formula."""
        fit = ms.transition_cox(self.histories(), "x")

        drawn = ms.simulate(fit, {"x": 1}, [40], state="well", seed=5, paths=1_000, draws=200)

        formula = fit.predict({"x": 1}).at([40], "well")["std_err"].to_numpy()
        assert drawn.std_err is not None
        assert drawn.std_err[0] == pytest.approx(formula, rel=0.2)

    def test_a_seed_fixes_a_simulation(self) -> None:
        """The same seed gives the same answer, another seed another."""
        fit = ms.transition_cox(self.histories(), "x", clock=ms.Clock.RESET)

        one, same, other = (
            ms.simulate(fit, {"x": 0}, [30], state="ill", since=5, entered=2, seed=s, paths=500)
            for s in (1, 1, 2)
        )

        assert one.probability.tolist() == same.probability.tolist()
        assert one.probability.tolist() != other.probability.tolist()

    def test_a_reset_clock_counts_from_the_time_of_entry(self) -> None:
        """After long in a state with all its risk behind, nothing more happens."""
        fit = ms.transition_cox(self.histories(), "1", clock=ms.Clock.RESET)

        late = ms.simulate(fit, {"x": 0}, [1010], state="ill", since=1000, entered=0, seed=1)
        fresh = ms.simulate(fit, {"x": 0}, [1010], state="ill", since=1000, seed=1)

        assert late.probability[0, 1] == 1
        assert fresh.probability[0, 1] < 0.95

    def test_hazards_that_look_back_are_not_multiplied(self) -> None:
        """With the time of entry among the covariates the state alone does not tell the future."""
        fit = ms.transition_cox(self.histories(), {"ill -> dead": "entered"})

        with pytest.raises(ms.BadHistory, match="use simulate"):
            fit.predict({"x": 1})
        assert ms.simulate(fit, {"x": 1}, [30], state="well", seed=1, paths=200).paths == 200

    def test_times_out_of_order_are_refused(self) -> None:
        """The past, the present and the future come in this order."""
        fit = ms.transition_cox(self.histories(), "x")

        with pytest.raises(ms.BadHistory, match="in this order"):
            ms.simulate(fit, {"x": 1}, [3], state="ill", since=5, seed=1)
        with pytest.raises(survival.BeyondFollowUp):
            ms.simulate(fit, {"x": 1}, [5000], state="ill", since=5, seed=1)

    def test_incomplete_rows_are_left_out_and_counted(self) -> None:
        """Not tested is not negative."""
        table = self.cohort().with_columns(x=pl.when(pl.col("day") > 100).then(None).otherwise("x"))
        h = ms.histories(table, WELL, MOMENTS, until="day")

        fit = ms.transition_cox(h, "x")

        assert fit.rows + fit.missing.rows == len(h)
        assert fit.missing.by_variable == {"x": fit.missing.rows}

    def test_a_transition_that_never_happened_is_said(self) -> None:
        """Its hazard is zero, and a note names it."""
        h = ms.histories(
            self.cohort().with_columns(ill_day=pl.lit(None, pl.Float64)), WELL, MOMENTS, until="day"
        )

        fit = ms.transition_cox(h, "x")

        assert "well -> ill never happened: its hazard is zero" in fit.notes
        assert fit.predict({"x": 1}).at([50], "well")["probability"][1] == 0

    def test_a_covariate_that_separates_is_named(self) -> None:
        """An infinite coefficient has no standard error, and a note says why."""
        table = self.cohort().with_columns(x=(pl.col("died") == 1).cast(pl.Int64))
        h = ms.histories(table, WELL, MOMENTS, until="day")

        fit = ms.transition_cox(h, {"ill -> dead": "x"})

        assert fit.infinite == ("x (ill -> dead)",)
        assert fit.table()["std_err"].to_list() == [None]
        assert any("no finite estimate" in note for note in fit.notes)

    def test_a_constant_covariate_is_refused_with_its_transition(self) -> None:
        """Nothing to compare."""
        with pytest.raises(HaemonyError, match="x"):
            ms.transition_cox(
                ms.histories(self.cohort().with_columns(x=1), WELL, MOMENTS, until="day"), "x"
            )

    def test_what_is_shared_must_act_in_all_its_transitions(self) -> None:
        """A shared effect of a covariate that one transition lacks is refused."""
        with pytest.raises(ms.BadHistory, match="'x' should have the same effect on ill -> dead"):
            ms.transition_cox(
                self.histories(),
                {"well -> dead": "x"},
                same_effect={"x": ["well -> dead", "ill -> dead"]},
            )

    def test_a_prediction_is_for_one_patient(self) -> None:
        """Two rows are refused."""
        fit = ms.transition_cox(self.histories(), "x")

        with pytest.raises(ms.BadHistory, match="one patient, and 2 rows"):
            fit.predict(pl.DataFrame({"x": [0, 1]}))
        with pytest.raises(survival.UnknownColumn, match="x"):
            fit.predict({"y": 0})

    def test_a_term_is_tested_over_all_transitions(self) -> None:
        """The Wald test of one coefficient is the square of its z; an unknown term is refused."""
        fit = ms.transition_cox(self.histories(), {"well -> ill": "x", "ill -> dead": "site"})

        z = fit.table()["z"][0]
        assert fit.test("x").statistic == pytest.approx(z**2)
        with pytest.raises(ms.BadHistory, match="choose of: x, site"):
            fit.test("sex")

    def test_the_markov_property_is_rejected_where_it_is_broken(self) -> None:
        """Who falls ill late dies faster: the time of entry matters."""
        rng = np.random.default_rng(2)
        ill = np.ceil(rng.exponential(30, 400))
        dead = ill + np.ceil(rng.exponential(400 / (1 + ill)))
        table = pl.DataFrame({"ill_day": ill, "day": dead, "died": 1})

        found = ms.markov_test(ms.histories(table, WELL, MOMENTS, until="day"))

        assert found["transition"].to_list() == ["ill -> dead"]
        assert found["p"][0] < 1e-4
        assert found["hazard_ratio"][0] > 1

    def test_results_print(self) -> None:
        """Each result says how many patients it rests on."""
        h = self.histories()
        fit = ms.transition_cox(h, "x")

        assert str(h).startswith("300 patients")
        assert str(fit).startswith("300 patients")
        assert "well" in str(ms.occupation(h))
        assert "well" in str(fit.predict({"x": 1}))
        drawn = ms.simulate(fit, {"x": 1}, [3], state="well", seed=1, paths=100)
        assert "Monte Carlo error at most" in str(drawn)


BEYOND = [
    lambda h, time: ms.occupation(h).at(time),
    lambda h, time: ms.occupation(h).stay(time),
    lambda h, time: ms.occupation(h, since=time),
    lambda h, time: ms.transition_probabilities(ms.hazards(h)).at(time),
    lambda h, time: ms.transition_probabilities(ms.hazards(h)).stay(time),
    lambda h, time: ms.transition_probabilities(ms.hazards(h)).covariance(time),
    lambda h, time: ms.transition_probabilities(ms.hazards(h), since=time),
    lambda h, time: h.at_risk(time),
    lambda h, time: h.since(time),
    lambda h, time: h.landmark("ill", time),
]


class TestHardQuestions:
    """Times, covariates and options that have no answer get a reason, never a number."""

    @pytest.mark.parametrize("ask", BEYOND)
    @pytest.mark.parametrize("time", [np.nan, "late", [None], [[1, 2]]])
    def test_a_time_that_is_no_number_is_refused(
        self, ask: Callable[[ms.Histories, object], object], time: object
    ) -> None:
        """Neither NaN nor a text is a time."""
        with pytest.raises(survival.BadCovariate, match=r"number|finite|dimensions"):
            ask(told(), time)

    @pytest.mark.parametrize("horizon", [-5, 0, 1e300])
    def test_a_horizon_lies_after_the_beginning(self, horizon: float) -> None:
        """Nobody spends minus five days in a state."""
        p = ms.transition_probabilities(ms.hazards(told()))

        for ask in (ms.occupation(told()).stay, p.stay, p.covariance):
            with pytest.raises(ms.BadHistory, match="no time after the beginning at 0; give a"):
                ask(horizon)

    def test_nothing_is_known_of_a_beginning_after_the_last_follow_up(self) -> None:
        """Where everybody would be after a thousand million days was given as certain."""
        fit = ms.transition_cox(TestModels.histories(), "x")

        for ask in (
            lambda: ms.transition_probabilities(ms.hazards(told()), since=1e9),
            lambda: ms.transition_probabilities(ms.hazards(told())).covariance(1e9),
            lambda: fit.predict({"x": 1}, since=1e9),
        ):
            with pytest.raises(survival.BeyondFollowUp, match="beyond the follow-up"):
                ask()

    @pytest.mark.parametrize(
        ("x", "said"),
        [
            ("x", "'x' is not a number, as it was in the fit; give a number"),
            ([1, 2], "'x' is not a number, as it was in the fit"),
            (1e6, "'x' lies so far from its mean in the fit .*; check its unit"),
            (-1e300, "'x' lies so far from its mean in the fit .*; check its unit"),
            (np.nan, "'x' is not a finite number"),
            (None, "'x' is missing"),
        ],
    )
    def test_a_covariate_that_cannot_be_is_named(self, x: object, said: str) -> None:
        """No overflow and no traceback: which covariate, and what to do."""
        forward = ms.transition_cox(TestModels.histories(), "x")
        reset = ms.transition_cox(TestModels.histories(), "x", clock=ms.Clock.RESET)

        with pytest.raises(survival.BadCovariate, match=said):
            forward.predict({"x": x})
        with pytest.raises(survival.BadCovariate, match=said):
            ms.simulate(reset, {"x": x}, [30], state="well", seed=1, paths=50)

    def test_a_model_without_covariates_needs_none(self) -> None:
        """Nothing has to be said of the patient."""
        fit = ms.transition_cox(TestModels.histories(), "1")

        assert fit.predict({}).at([10], "well")["probability"].sum() == pytest.approx(1)

    def test_probabilities_below_zero_are_not_told(self) -> None:
        """Where one step of the product would move more than everybody, it ends, and says so."""
        fit = ms.transition_cox(TestModels.histories(), "x")

        product = fit.predict({"x": 9}, convention="product")
        exponential = fit.predict({"x": 9})

        assert product.probability.min() >= 0
        assert product.at([110], "well")["probability"].null_count() == 3
        assert "convention='exponential' goes on" in product.notes[0]
        assert product.notes[0] in str(product)
        assert exponential.notes == ()
        assert exponential.at([110], "well")["probability"].null_count() == 0

    def test_a_coefficient_without_end_has_no_wald_test(self) -> None:
        """Whoever dies carries the mark: its Wald statistic of nearly 0 says nothing."""
        table = TestModels.cohort().with_columns(mark="died")
        fit = ms.transition_cox(ms.histories(table, WELL, MOMENTS, until="day"), "mark")

        with pytest.raises(ms.BadHistory, match="no finite estimate, of which Wald's test says"):
            fit.test("mark")

    def test_a_category_that_all_share_is_refused_like_a_constant(self) -> None:
        """One level leaves nothing to compare, and was fitted as if it had not been named."""
        table = TestModels.cohort().with_columns(site=pl.lit("a"))

        with pytest.raises(survival.ConstantCovariate, match="site never varies"):
            ms.transition_cox(ms.histories(table, WELL, MOMENTS, until="day"), "x + site")

    @pytest.mark.parametrize(
        ("call", "error", "said"),
        [
            (lambda h: ms.occupation(h, shares="x"), survival.BadCovariate, "fixed, estimated"),
            (lambda h: ms.occupation(h, start={"well": np.nan}), survival.BadCovariate, "'start'"),
            (lambda h: ms.occupation(h, start={"well": "all"}), survival.BadCovariate, "'start'"),
            (lambda h: ms.transition_cox(h, "1", variance="x"), survival.BadCovariate, "robust"),
            (lambda h: ms.transition_cox(h, "1", clock="reset"), ms.BadHistory, "Clock.RESET"),
            (lambda h: h.weighted("entered"), survival.BadCovariate, "not positive"),
        ],
    )
    def test_options_are_checked(
        self, call: Callable[[ms.Histories], object], error: type[HaemonyError], said: str
    ) -> None:
        """An unknown choice is no default in disguise."""
        with pytest.raises(error, match=said):
            call(told())

    def test_a_simulation_draws_something(self) -> None:
        """Courses, a seed, and none or several models; and times that will come."""
        fit = ms.transition_cox(TestModels.histories(), "x")

        for few in ({"paths": 0}, {"draws": 1}, {"draws": -1}, {"seed": -1}):
            with pytest.raises(survival.BadCovariate, match=f"'{next(iter(few))}'"):
                ms.simulate(fit, {"x": 1}, [3], **{"state": "well", "seed": 1} | few)
        for times in ([np.inf], []):
            with pytest.raises(ms.BadHistory, match="in this order"):
                ms.simulate(fit, {"x": 1}, times, state="well", seed=1)

    def test_a_stay_longer_than_anybody_was_watched_is_remarked_on(self) -> None:
        """With the clock reset, hazards end with the longest stay: a note says what that means."""
        fit = ms.transition_cox(TestModels.histories(), "1", clock=ms.Clock.RESET)

        late = ms.simulate(fit, {}, [1010], state="ill", since=1000, entered=0, seed=1, paths=50)
        soon = ms.simulate(fit, {}, [10], state="ill", seed=1, paths=50)

        assert "longer than anybody was watched" in late.notes[0]
        assert late.notes[0] in str(late)
        assert soon.notes == ()

    @pytest.mark.parametrize("unit", [0, -1, np.nan])
    def test_half_of_no_unit_is_no_time(self, unit: float) -> None:
        """States of one day are set apart by half a unit, which must be some time."""
        with pytest.raises(survival.BadCovariate, match="'unit' is"):
            ms.histories(patients(), WELL, MOMENTS, until="day", unit=unit)

    def test_a_time_that_no_unit_explains_is_refused(self) -> None:
        """One day of 1e300 would tie all others."""
        with pytest.raises(ms.BadHistory, match="'day' holds times so large"):
            told(day=[5, 4, 9, 7, 8, 1e300])

    def test_curves_and_hazards_print_alone(self) -> None:
        """One group's shares, and the cumulative hazards at the last time."""
        assert str(ms.occupation(told())["all"]).startswith("all: 6 patients\n\ntime")
        assert "well -> ill" in str(ms.hazards(told()))
        assert str(ms.hazards(told())).startswith("Cumulative hazards, ")

    def test_models_without_covariates_are_drawn_too(self) -> None:
        """Their baselines alone vary."""
        fit = ms.transition_cox(TestModels.histories(), "1")

        found = ms.simulate(fit, {}, [20], state="well", seed=1, paths=50, draws=3)

        assert found.std_err is not None
        assert np.isfinite(found.std_err).all()

    def test_a_draw_beyond_all_numbers_is_said(self) -> None:
        """A coefficient without a finite estimate cannot be drawn from."""
        table = TestModels.cohort().with_columns(mark="died")
        fit = ms.transition_cox(ms.histories(table, WELL, MOMENTS, until="day"), "mark")

        with pytest.raises(HaemonyError, match="beyond all numbers"):
            ms.simulate(fit, {"mark": 1}, [20], state="well", seed=1, paths=50, draws=20)

    def test_nothing_happens_after_the_last_transition(self) -> None:
        """From the last follow-up on there is no step, and no error of a stay to be known."""
        h = told(died=[1, 1, 0, 0, 1, 0])
        p = ms.transition_probabilities(ms.hazards(h), since=9)

        assert p.stay(12)["std_err"].to_list() == [0.0] * 9

    def test_rounding_makes_no_negative_variance(self) -> None:
        """With fractional weights the last of a state leave with a hazard of 1 and no error."""
        table = patients(
            ill_day=[None] * 6,
            day=[2, 2, 2, 1, 1, 1],
            died=[1, 1, 1, 0, 0, 0],
            w=[0.1, 0.1, 0.1, 0.2, 0.2, 0.2],
        )
        h = ms.histories(table, WELL, MOMENTS, until="day").weighted("w")

        assert ms.hazards(h).std_err[:, 1].tolist() == [0]
