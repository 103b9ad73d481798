"""Each kind of block of a plan, answered on a cohort that can be counted by hand."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from haemony import study
from haemony.analysis import survival
from haemony.analysis.report.results import document
from unit.test_cautions import HEAD, cohort
from unit.test_study import FakeRelease, OneManifest, OneMember

EIGHT = pl.DataFrame(
    {
        "age_at_diagnosis": [30.0, 40, 50, 60, 35, 45, 55, 65],
        "transplant_day": [10, 60, None, None, 20, 30, None, 200],
        "os_days": [100, 90, 40, 80, 300, 25, 400, 250],
        "os_event": [True, True, True, False, False, True, True, True],
        "cir_days": [100, 90, 40, 80, 300, 25, 400, 250],
        "cir_event": [True, False, False, False, True, True, False, False],
        "nrm_days": [100, 90, 40, 80, 300, 25, 400, 250],
        "nrm_event": [False, True, True, False, False, False, True, True],
    }
)


def run(text: str, table: pl.DataFrame) -> study.StudyResult:
    """A protocol on made-up patients of one source."""
    member = OneMember({"title": "A trial", "origin": "diagnosis"})
    release = FakeRelease(table, manifest=OneManifest((member,)))
    return study.run(study.parse(HEAD + text), release)


def test_competing_events_add_up() -> None:
    """Relapse, death without it and being free of both are everybody, at every time."""
    text = '[[competing_risks]]\ntitle = "C"\nendpoint = "cir"\nat = [0.1, 1]\n'

    (found,) = run(text, EIGHT).competing

    (curve,) = found.curves
    assert curve.states == ("Cumulative incidence of relapse", "Death without relapse")
    assert curve.n_event.sum(axis=0).tolist() == [3, 4]
    assert curve.incidence.sum(axis=1) + curve.survival == pytest.approx(np.ones(len(curve.times)))


def test_an_endpoint_without_competitors_has_no_competing_risks() -> None:
    """The refusal names one that has."""
    text = '[[competing_risks]]\ntitle = "C"\nendpoint = "os"\n'

    with pytest.raises(study.BadProtocol, match=r"nothing competes with 'os'; choose .*\"cir\""):
        run(text, EIGHT)


def test_a_landmark_fixes_the_groups_of_who_is_still_watched() -> None:
    """By day 50 two had died; of the six others two had a transplant, one more only later."""
    text = '[[landmark]]\ntitle = "L"\nendpoint = "os"\nexposure = "transplant_day"\nday = 50\n'

    (found,) = run(text + "at = [0.1]\n", EIGHT).landmarks

    assert found.before == 2
    assert {curve.group: curve.n for curve in found.curves} == {
        "no transplant by the landmark": 4,
        "Transplant by the landmark": 2,
    }
    assert min(curve.times.min() for curve in found.curves) == 30


def test_an_exposure_counts_from_its_day_on() -> None:
    """The model is Cox's on two rows for whoever is exposed, as a statistician would split them."""
    text = '[[time_dependent]]\ntitle = "X"\nendpoint = "os"\nexposure = "transplant_day"\n'
    table = cohort()

    (found,) = run(text, table).time_dependent

    changes = pl.col("transplant_day").is_not_null()
    before = table.filter(changes).select(
        start=pl.lit(0), stop="transplant_day", died=pl.lit(value=False), x=pl.lit(0)
    )
    after = table.select(
        start=pl.col("transplant_day").fill_null(0),
        stop="os_days",
        died="os_event",
        x=changes.cast(pl.Int32),
    )
    split = pl.concat([before.cast(pl.Int64), after.cast(pl.Int64)])
    fit = survival.cox("Surv(start, stop, died) ~ x", split)
    assert (found.n, found.exposed) == (table.height, table["transplant_day"].count())
    assert found.model.effects[0].value == pytest.approx(float(np.exp(fit.coefficients[0])))


def test_exposure_before_the_origin_counts_from_it_and_is_told() -> None:
    """Patients with a transplant before day 0 are exposed from the start; too few are not told."""
    text = '[[time_dependent]]\ntitle = "X"\nendpoint = "os"\nexposure = "transplant_day"\n'
    table = EIGHT.with_columns(transplant_day=pl.Series([-10, -60, None, None, 20, 24, None, 200]))

    (found,) = run(text, table).time_dependent

    assert found.exposed == 5
    assert found.model.notes[0] == (
        "Transplant before day 0 of the source in fewer than 5 patients, who count as exposed from "
        "then on"
    )
    assert not any("before day 0" in note for note in found.naive.notes)


def test_only_exposures_that_count_are_exposures() -> None:
    """A transplant in another phase is none; an unknown phase does not meet the criterion."""
    phases = ["CR1", "CR2", None, None, None, "CR1", None, "CR1"]
    text = (
        '[[time_dependent]]\ntitle = "X"\nendpoint = "os"\nexposure = "transplant_day"\n'
        '[[time_dependent.counts_if]]\nlabel = "in CR1"\n'
        'element = "transplant_phase"\nequals = "CR1"\n'
    )

    found = run(text, EIGHT.with_columns(transplant_phase=pl.Series(phases)))

    # one transplant in CR1 came after the end of observation
    assert found.time_dependent[0].exposed == 2


def test_an_exposure_that_nobody_had_names_its_element() -> None:
    """The block is named, and what the release would have to record."""
    text = '[[time_dependent]]\ntitle = "X"\nendpoint = "os"\nexposure = "transplant_day"\n'
    late = EIGHT.with_columns(transplant_day=pl.lit(9999))

    with pytest.raises(study.CannotAnswer, match=r"time_dependent\[1\].*'transplant_day'"):
        run(text, late)


def test_subgroups_are_judged_by_one_test_each() -> None:
    """The effect in each subgroup is its own Cox model; the test is of the interaction."""
    text = (
        '[[subgroups]]\ntitle = "S"\nendpoint = "os"\neffect = "NPM1"\n'
        'within = ["sex", "age_at_diagnosis"]\ncuts = { age_at_diagnosis = [50] }\n'
    )
    table = cohort()

    (found,) = run(text, table).subgroups

    sex, age = found.parts
    women = survival.cox("Surv(os_days, os_event) ~ NPM1", table.filter(pl.col("sex") == "female"))
    assert [part.label for part in found.parts] == ["Sex", "Age at diagnosis"]
    assert sex.effects[0].label == "female"
    assert sex.effects[0].value == pytest.approx(float(np.exp(women.coefficients[0])))
    assert sum(effect.n for effect in age.effects) == found.overall.n == table.height
    assert sex.interaction is not None
    assert sex.interaction.df == 1


def test_an_effect_of_many_groups_is_none() -> None:
    """Three studies have no single effect; the refusal says what would have."""
    text = '[[subgroups]]\ntitle = "S"\nendpoint = "os"\neffect = "study"\nwithin = ["sex"]\n'
    table = cohort().with_columns(study=pl.Series(["A", "B", "C", "D"] * 100))

    with pytest.raises(study.BadProtocol, match="'study' has not exactly two groups"):
        run(text, table)


def test_a_subgroup_without_events_has_no_estimate_and_says_why() -> None:
    """It is shown with its size, not left out and not made up."""
    text = '[[subgroups]]\ntitle = "S"\nendpoint = "os"\neffect = "NPM1"\nwithin = ["sex"]\n'
    table = cohort().with_columns(os_event=pl.col("os_event") & (pl.col("sex") == "male"))

    (found,) = run(text, table).subgroups

    women = found.parts[0].effects[0]
    assert (women.label, women.value, women.events) == ("female", None, 0)
    assert women.note


def test_means_beyond_follow_up_are_refused() -> None:
    """The message names the group and the last horizon that can be had."""
    text = '[[rmst]]\ntitle = "M"\nendpoint = "os"\nhorizon = 40\nby = ["NPM1"]\n'

    with pytest.raises(study.CannotAnswer, match=r"rmst\[1\].*beyond the follow-up"):
        run(text, cohort())


def test_a_difference_of_means_has_a_sign_and_a_size() -> None:
    """The second group less the first, in days; both groups' patients are counted."""
    text = '[[rmst]]\ntitle = "M"\nendpoint = "os"\nhorizon = 1\nby = ["NPM1"]\n'

    (found,) = run(text, cohort()).means

    wild, mutated = found.means
    (difference,) = found.differences
    assert difference.label == "NPM1 mutated, less NPM1 wild type"
    assert difference.value == pytest.approx((mutated.value or 0) - (wild.value or 0))
    assert difference.n == wild.n + mutated.n == 400


MODEL = '[[cox]]\ntitle = "M"\nendpoint = "os"\nformula = "NPM1 + age_at_diagnosis"\n'


def test_a_change_of_the_plan_stands_beside_the_plan() -> None:
    """The same numbers, as planned and under the change; what is impossible is named."""
    text = MODEL + (
        '[[sensitivity]]\nname = "Women"\n[[sensitivity.criteria]]\n'
        'label = "women"\nelement = "sex"\nequals = "female"\n'
    )
    table = cohort()

    (found,) = run(text, table).sensitivities

    women = survival.cox(
        "Surv(os_days, os_event) ~ NPM1 + age_at_diagnosis", table.filter(pl.col("sex") == "female")
    )
    gene = found.compared[0]
    assert (gene.block, gene.scale, gene.planned.label) == ("M", "hazard ratio", "NPM1 mutation")
    assert gene.planned.n == 400
    assert gene.changed is not None
    assert gene.changed.value == pytest.approx(float(np.exp(women.coefficients[0])))
    assert found.refused == ()


def test_patients_not_tested_can_be_a_category_of_their_own() -> None:
    """Nobody is left out, and the coefficient is called what it is."""
    some = cohort().with_columns(NPM1=pl.when(pl.int_range(pl.len()) % 5 > 0).then("NPM1"))

    complete = run(MODEL, some).models[0]
    category = run('missing = "own category"\n' + MODEL, some).models[0]

    assert (complete.fit.n, complete.fit.missing.rows) == (320, 80)
    assert (category.fit.n, category.fit.missing.rows) == (400, 0)
    assert category.labels[:2] == ("NPM1 mutation", "NPM1 mutation, not tested")


def test_missing_covariates_can_be_imputed_beside_the_complete_cases() -> None:
    """Everybody is in the second model; the same seed draws the same, another seed does not."""
    some = cohort().with_columns(NPM1=pl.when(pl.int_range(pl.len()) % 5 > 0).then("NPM1"))

    first, again, other = (
        run(MODEL + "imputations = 3\n", some).models[0].imputed,
        run(MODEL + "imputations = 3\n", some).models[0].imputed,
        study.run(
            study.parse(HEAD.replace("seed = 1", "seed = 2") + MODEL + "imputations = 3\n"),
            FakeRelease(some),
        )
        .models[0]
        .imputed,
    )

    assert first is not None
    assert other is not None
    assert first.effects[0].n == 400
    assert first.effects[0].label == "NPM1 mutation"
    assert first == again
    assert first.effects[0].value != other.effects[0].value


def test_a_population_is_found_step_by_step() -> None:
    """Its blocks are about its patients alone; one without anybody is refused by its criterion."""
    women = (
        '[[population]]\nname = "women"\n[[population.criteria]]\n'
        'label = "women"\nelement = "sex"\nequals = "{}"\n'
    )
    text = women + MODEL + 'population = "women"\n'
    table = cohort()

    found = run(text.format("female"), table)

    assert found.models[0].fit.n == (table["sex"] == "female").sum()
    assert found.populations[0].cohort.steps[0].not_met == (table["sex"] == "male").sum()
    with pytest.raises(study.EmptyCohort, match="after the criterion 'women'"):
        run(text.format("other"), table)


def test_small_subgroups_do_not_leave_in_files() -> None:
    """Three patients of a subgroup are "<5", without their estimate."""
    text = '[[subgroups]]\ntitle = "S"\nendpoint = "os"\neffect = "NPM1"\nwithin = ["ecog"]\n'
    table = cohort().with_columns(ecog=pl.Series(["0"] * 397 + ["4"] * 3))

    effects = document(run(text, table))["subgroups"][0]["parts"][0]["effects"]

    assert [effect["n"] for effect in effects] == ["hidden", "<5"]
    assert [effect["value"] for effect in effects] == [None, None]


def test_courses_share_out_everybody() -> None:
    """The states of a course add up to one, and who went which way is counted."""
    table = EIGHT.with_columns(
        complete_remission_day=pl.Series([20, 30, None, 40, 30, None, 35, 50]),
        relapse_day=pl.Series([70, None, None, None, 280, None, None, None]),
        last_contact_day=pl.col("os_days"),
        vital_status=pl.when("os_event").then(pl.lit("dead")).otherwise(pl.lit("alive")),
    )

    (found,) = run('[[states]]\ntitle = "W"\nat = [0.5]\n', table).states

    (curve,) = found.occupation.curves
    assert curve.probability.sum(axis=1) == pytest.approx(np.ones(len(curve.times)))
    ways = {(r["from"], r["to"]): r["count"] for r in found.events.iter_rows(named=True)}
    assert ways["remission", "relapse"] == 2
    assert ways["diagnosis", "dead without remission"] == 2


def test_findings_that_are_none_are_refused() -> None:
    """Sex is no finding, and the message says what one is."""
    text = '[[comutation]]\ntitle = "P"\nelements = ["NPM1", "sex"]\n'

    with pytest.raises(study.BadProtocol, match="'sex' is no finding; name findings, such as"):
        run(text, cohort())
