"""What a good statistician would say: each warning fires where it should, and only there."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from haemony import study
from haemony.analysis.evidence import Caution, Doubt
from haemony.model.disease import disease
from unit.test_study import FakeRelease, OneManifest, OneMember

FINDING = pl.Enum(["negative", "positive"])
HEAD = 'title = "T"\nquestion = "Q"\nseed = 1\n'
COX = '[[cox]]\ntitle = "M"\nendpoint = "os"\nformula = "{}"\n'


def cohort(n: int = 400) -> pl.DataFrame:
    """Patients whose survival goes with age alone; half had NPM1 mutated, some a transplant."""
    draw = np.random.default_rng(7)
    age = draw.uniform(20, 80, n)
    days = draw.exponential(900 * np.exp(-(age - 50) / 40)).round() + 1
    ends = draw.uniform(500, 3000, n).round()
    transplant = draw.uniform(50, 400, n).round()
    had = (draw.random(n) < 0.5) & (transplant < np.minimum(days, ends))
    return pl.DataFrame(
        {
            "age_at_diagnosis": age,
            "sex": draw.choice(["male", "female"], n),
            "study": draw.choice(["A", "B"], n),
            "NPM1": draw.choice(["negative", "positive"], n),
            "transplant_day": np.where(had, transplant, np.nan),
            "os_days": np.minimum(days, ends),
            "os_event": days <= ends,
        },
        schema_overrides={"NPM1": FINDING},
    ).with_columns(
        pl.col("transplant_day").fill_nan(None).cast(pl.Int64), pl.col("os_days").cast(pl.Int64)
    )


def warned(text: str, table: pl.DataFrame | None = None, **facts: str) -> list[Caution]:
    """The warnings of a protocol on made-up patients."""
    member = OneMember({"title": "A trial", "origin": "diagnosis", **facts})
    people = cohort() if table is None else table
    release = FakeRelease(people, manifest=OneManifest((member,)))
    return list(study.run(study.parse(HEAD + text), release).cautions)


def doubts(found: list[Caution]) -> set[Doubt]:
    """The kinds of warning."""
    return {caution.doubt for caution in found}


def test_a_plain_study_has_no_warnings() -> None:
    """A warning means something because it is absent elsewhere."""
    assert warned(COX.format("I(age_at_diagnosis / 10) + NPM1")) == []


def test_a_value_of_the_future_is_immortal_time() -> None:
    """A transplant used as known at day 0 is named with its number and what to do."""
    table = cohort().with_columns(
        transplanted=pl.when(pl.col("transplant_day").is_null())
        .then(pl.lit("no"))
        .otherwise(pl.lit("yes"))
    )

    found = warned(COX.format("transplanted + age_at_diagnosis"), table)

    (caution,) = [one for one in found if one.doubt is Doubt.IMMORTAL_TIME]
    assert caution.key == "cox[1]"
    assert "known only at the transplant" in caution.cause
    assert "[[time_dependent]] or [[landmark]]" in caution.remedy
    assert caution.number == 400


def test_a_prediction_from_the_future_is_immortal_time() -> None:
    """Whoever has a transplant lived until then, and no model may know that at day 0."""
    text = (
        '[[prediction]]\ntitle = "P"\nendpoint = "os"\nmodels = ["cox"]\nsplits = 2\n'
        'groups = { a = ["age_at_diagnosis", "transplant_day"] }\n'
    )

    (caution,) = [one for one in warned(text, cohort()) if one.doubt is Doubt.IMMORTAL_TIME]

    assert caution.key == "prediction[1]"
    assert "is used from day 0 on" in caution.cause


def test_what_is_known_at_the_origin_is_no_immortal_time() -> None:
    """Where all patients are followed from their transplant, its type is known from the start."""
    table = cohort().with_columns(transplant_type=pl.Series(["autologous", "haploidentical"] * 200))
    text = COX.format("transplant_type")

    assert Doubt.IMMORTAL_TIME in doubts(warned(text, table))
    assert Doubt.IMMORTAL_TIME not in doubts(warned(text, table, origin="transplant"))


def test_a_prediction_from_the_future_is_named() -> None:
    """Response to induction is not known at diagnosis, when the prediction is made."""
    responses = ["complete remission", "refractory"] * 200
    table = cohort().with_columns(induction_response=pl.Series(responses))
    text = (
        '[[prediction]]\ntitle = "P"\nendpoint = "os"\nmodels = ["cox"]\nsplits = 2\n'
        'groups = { clinical = ["age_at_diagnosis"], course = ["induction_response"] }\n'
    )

    (caution,) = warned(text, table)

    assert (caution.doubt, caution.key) == (Doubt.IMMORTAL_TIME, "prediction[1]")
    assert "known only at the response and is used from day 0 on" in caution.cause
    assert "take it out of `groups`" in caution.remedy
    assert warned(text.replace(', course = ["induction_response"]', "")) == []


def test_the_naive_analysis_is_biased_and_says_so() -> None:
    """A transplant without any effect looks protective when its time before counts as after."""
    text = '[[time_dependent]]\ntitle = "X"\nendpoint = "os"\nexposure = "transplant_day"\n'
    member = OneMember({"title": "A trial", "origin": "diagnosis"})
    release = FakeRelease(cohort(2000), manifest=OneManifest((member,)))

    found = study.run(study.parse(HEAD + text), release)

    (exposure,) = found.time_dependent
    fair, naive = exposure.model.effects[0], exposure.naive.effects[0]
    assert None not in (fair.lower, fair.upper, naive.upper)
    assert (fair.lower or 9) < 1 < (fair.upper or 0)
    assert (naive.upper or 9) < 0.9
    assert doubts(list(found.cautions)) == {Doubt.IMMORTAL_TIME}


def test_too_few_events_are_counted() -> None:
    """Fewer than ten events per coefficient are said with both numbers."""
    few = cohort().head(24)

    found = warned(COX.format("age_at_diagnosis + NPM1 + sex"), few)

    (caution,) = [one for one in found if one.doubt is Doubt.FEW_EVENTS]
    assert "events for 3 coefficients" in caution.cause
    assert caution.number is not None
    assert caution.number < 10


def test_an_effect_that_turns_is_not_proportional() -> None:
    """A gene that kills early and protects late is named as the strongest departure."""
    n = 300
    mutated = np.arange(n) % 2 == 0
    days = np.where(mutated, np.where(np.arange(n) % 4 == 0, 20, 3000), 400) + np.arange(n) % 97
    table = pl.DataFrame(
        {
            "NPM1": np.where(mutated, "positive", "negative"),
            "os_days": days,
            "os_event": True,
        },
        schema_overrides={"NPM1": FINDING},
    )

    found = warned(COX.format("NPM1"), table)

    (caution,) = [one for one in found if one.doubt is Doubt.HAZARDS]
    assert "strongest for NPM1 mutation" in caution.cause


def test_an_infinite_estimate_is_named_and_reported(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """Where nobody with a mutation died the model has no finite estimate, and the page holds."""
    table = cohort().with_columns(os_event=pl.col("os_event") & (pl.col("NPM1") == "negative"))
    member = OneMember({"title": "A trial", "origin": "diagnosis"})
    release = FakeRelease(table, manifest=OneManifest((member,)))

    result = study.run(study.parse(HEAD + COX.format("NPM1 + age_at_diagnosis")), release)
    result.write(tmp_path_factory.mktemp("separated"))

    assert Doubt.SEPARATION in doubts(list(result.cautions))
    assert result.models[0].hazards is None


def test_patients_who_were_not_tested_may_live_differently() -> None:
    """Missing values that go with survival are said even where they are few."""
    sick = pl.col("os_days") < 150
    table = cohort().with_columns(NPM1=pl.when(~sick).then("NPM1"))

    found = warned(COX.format("NPM1 + age_at_diagnosis"), table)

    (caution,) = [one for one in found if one.doubt is Doubt.MISSING]
    assert "they live differently" in caution.cause


def test_many_tests_and_tiny_groups_are_said() -> None:
    """Subgroups come with the chance of a false finding, and those too small are named."""
    table = cohort().with_columns(ecog=pl.Series(["0"] * 395 + ["4"] * 5))
    text = (
        '[[subgroups]]\ntitle = "S"\nendpoint = "os"\neffect = "NPM1"\n'
        'within = ["sex", "ecog", "study"]\n'
    )

    found = warned(text, table)

    assert {Doubt.MULTIPLE, Doubt.TINY} <= doubts(found)


def test_a_time_beyond_follow_up_is_not_shown_and_said() -> None:
    """Survival at 20 years of a cohort watched for 8 is refused as a number, not guessed."""
    text = '[[kaplan_meier]]\ntitle = "K"\nendpoint = "os"\nat = [5, 20]\n'

    (caution,) = warned(text)

    assert caution.doubt is Doubt.EXTRAPOLATION
    assert "at 20 years is asked for" in caution.cause


def test_times_before_the_origin_are_left_out_and_counted() -> None:
    """Follow-up that ends before day 0 is no follow-up; the patients are not silently lost."""
    table = cohort().with_columns(
        os_days=pl.when(pl.int_range(pl.len()) < 7).then(-5).otherwise("os_days")
    )
    text = '[[kaplan_meier]]\ntitle = "K"\nendpoint = "os"\nat = [1]\n'

    (caution,) = warned(text, table)

    assert (caution.doubt, caution.number) == (Doubt.ORIGIN, 7)


LATE = '[[kaplan_meier]]\ntitle = "K"\nendpoint = "os"\nat = [1]\n'


def test_late_entry_is_modelled() -> None:
    """Who came under observation on day 100 is at risk from then on, not from day 0."""
    table = cohort().filter(pl.col("os_days") > 100).with_columns(entry_day=pl.lit(100))
    member = OneMember({"title": "A trial", "origin": "diagnosis"})
    release = FakeRelease(table, manifest=OneManifest((member,)))

    modelled = study.run(study.parse(HEAD + LATE), release)
    ignored = study.run(study.parse(HEAD + 'late_entry = "ignore"\n' + LATE), release)

    clock = modelled.endpoints[0].clock
    assert (clock.modelled, clock.late) == (True, table.height)
    assert doubts(list(modelled.cautions)) == set()
    assert doubts(list(ignored.cautions)) == {Doubt.LATE_ENTRY}
    # Nobody is at risk before entry, so the curve is that of survival given 100 days.
    assert modelled.survival[0].curves[0].n == ignored.survival[0].curves[0].n


def two_sources() -> FakeRelease:
    """A trial that counts from randomisation and a registry that counts from diagnosis."""
    members = (
        replace(OneMember({"title": "T", "origin": "randomisation"}), id="trial"),
        replace(OneMember({"title": "R", "origin": "diagnosis"}), id="registry"),
    )
    table = cohort().with_columns(
        owner=pl.when(pl.int_range(pl.len()) < 150)
        .then(pl.lit("trial"))
        .otherwise(pl.lit("registry")),
        efs_days=pl.col("os_days"),
        efs_event=pl.col("os_event"),
    )
    return FakeRelease(table, manifest=OneManifest(members), disease=disease("aml"))


def test_time_origins_are_not_pooled_unless_the_plan_says_so() -> None:
    """The refusal gives the line to write; named, it is a warning with the numbers."""
    release = two_sources()

    with pytest.raises(study.CannotPool, match=r'origins = \["diagnosis", "randomisation"\]'):
        study.run(study.parse(HEAD + LATE), release)
    named = HEAD + '[pooling]\norigins = ["diagnosis", "randomisation"]\n' + LATE
    found = study.run(study.parse(named), release)

    (caution,) = found.cautions
    assert caution.doubt is Doubt.ORIGIN
    assert "randomisation in 150" in caution.cause
    assert [source.studied for source in found.provenance.sources] == [150, 250]


def test_definitions_of_each_source_are_not_pooled_unless_the_plan_says_so() -> None:
    """Event-free survival is what each source calls so."""
    release = two_sources()
    pooled = (
        HEAD
        + '[pooling]\norigins = ["diagnosis", "randomisation"]\n{}\n'
        + LATE.replace('"os"', '"efs"')
    )

    with pytest.raises(study.CannotPool, match=r'definitions = \["efs"\]'):
        study.run(study.parse(pooled.format("")), release)
    found = study.run(study.parse(pooled.format('definitions = ["efs"]')), release)

    assert Doubt.DEFINITION in doubts(list(found.cautions))


def test_one_source_alone_is_never_refused() -> None:
    """Refusals are about mixing: criteria that leave one source leave nothing to mix."""
    text = '[[cohort]]\nlabel = "Registry"\nelement = "study"\nequals = "A"\n' + LATE
    release = two_sources()
    alone = release.table.with_columns(
        study=pl.when(pl.col("owner") == "trial").then(pl.lit("B")).otherwise(pl.lit("A"))
    )

    assert study.run(study.parse(HEAD + text), replace(release, table=alone)).cautions == ()
