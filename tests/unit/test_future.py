"""Values of the future in criteria and in landmarks are warned of; values of the past are not."""

from __future__ import annotations

import polars as pl
import pytest

from haemony import study
from haemony.analysis.evidence import Caution, Doubt
from unit.test_cautions import COX, HEAD, cohort, two_sources, warned

PLAIN = COX.format("age_at_diagnosis")
LANDMARK = (
    '[[landmark]]\ntitle = "L"\nendpoint = "os"\nexposure = "transplant_day"\nday = 183\n'
    'adjust = "{}"\nat = [1]\n'
)


def criterion(element: str, condition: str, block: str = "cohort") -> str:
    """A criterion of a plan."""
    return f'[[{block}]]\nlabel = "C"\nelement = "{element}"\n{condition}\n'


def immortal(text: str, table: pl.DataFrame | None = None, **facts: str) -> list[Caution]:
    """The warnings of immortal time."""
    return [one for one in warned(text, table, **facts) if one.doubt is Doubt.IMMORTAL_TIME]


def course() -> pl.DataFrame:
    """Patients with a remission on day 40 and a response to induction, where they lived to it."""
    lived = pl.col("os_days") >= 40
    return cohort().with_columns(
        complete_remission_day=pl.when(lived).then(40),
        induction_response=pl.when(lived).then(pl.lit("complete remission")),
        transplanted=pl.when(pl.col("transplant_day").is_null())
        .then(pl.lit("no"))
        .otherwise(pl.lit("yes")),
    )


@pytest.mark.parametrize(
    ("element", "condition"),
    [
        ("transplant_day", "known = true"),
        ("complete_remission_day", "at_most = 60"),
        ("induction_response", 'equals = "complete remission"'),
        ("os_days", "at_least = 30"),
        ("transplanted", 'equals = "yes"'),
    ],
)
def test_a_cohort_selected_by_the_future_is_immortal_time(element: str, condition: str) -> None:
    """Whoever is studied because of what happened after day 0 lived until then."""
    (caution,) = immortal(criterion(element, condition) + PLAIN, course())

    assert (caution.key, caution.title) == ("cohort", "Who was studied")
    assert "the criterion “C” is met only" in caution.cause
    assert "Overall survival is counted from day 0 on" in caution.cause
    assert "[[landmark]]" in caution.remedy


@pytest.mark.parametrize(
    ("element", "condition"),
    [
        ("age_at_diagnosis", "at_least = 18"),
        ("os_days", "known = true"),
        ("os_days", "at_least = 0"),
        ("os_event", "known = true"),
        ("NPM1", "known = true"),
    ],
)
def test_a_cohort_selected_by_the_past_is_not(element: str, condition: str) -> None:
    """What is known at day 0 selects no survivors, nor does asking that patients were followed."""
    assert immortal(criterion(element, condition) + PLAIN, course()) == []


def test_a_clock_that_starts_with_the_criterion_is_right() -> None:
    """Patients in remission are followed from remission: nothing of the future is used."""
    table = course().with_columns(rfs_days=pl.col("os_days") - 40, rfs_event=pl.col("os_event"))
    text = criterion("complete_remission_day", "known = true") + PLAIN

    assert immortal(text.replace('"os"', '"rfs"'), table.filter(pl.col("rfs_days") > 0)) == []
    assert len(immortal(text, table)) == 1


def test_a_source_that_starts_at_transplant_may_select_by_transplant() -> None:
    """Where day 0 is the transplant everybody has one."""
    text = criterion("transplanted", 'equals = "yes"') + PLAIN

    assert immortal(text, course(), origin="transplant") == []


def test_populations_and_changes_are_looked_at_as_well() -> None:
    """Each warning names the part of the plan that looks ahead, and only where it is used."""
    part = '[[population]]\nname = "P"\n' + criterion(
        "transplant_day", "known = true", "population.criteria"
    )
    change = '[[sensitivity]]\nname = "S"\n' + criterion(
        "os_days", "at_least = 30", "sensitivity.criteria"
    )

    unused = immortal(part + PLAIN)
    used = immortal(part + PLAIN + 'population = "P"\n')
    changed = immortal(PLAIN + change)

    assert unused == []
    assert [one.key for one in used] == ["population[1]"]
    assert [(one.key, one.title) for one in changed] == [("sensitivity[1]", "S")]


def test_a_landmark_adjusted_for_the_future_is_immortal_time() -> None:
    """A remission after the landmark is not known at it; how often that happens is counted."""
    late = course().with_columns(
        complete_remission_day=pl.when(pl.int_range(pl.len()) < 50)
        .then(200)
        .otherwise(pl.col("complete_remission_day")),
        complete_remission=pl.lit("yes"),
        sex=pl.Series(["male", "female"] * 200),
    )

    (caution,) = immortal(LANDMARK.format("complete_remission_day"), late)

    there = late.filter(pl.col("os_days") > 183).filter(pl.col("complete_remission_day") > 183)
    assert caution.key == "landmark[1]"
    assert caution.number == there.height
    assert f"known only after it in {there.height} patients" in caution.cause


def test_a_landmark_adjusted_for_what_was_known_by_then_is_right() -> None:
    """Remissions on day 40 are known on day 183, and so is age."""
    text = LANDMARK.format("age_at_diagnosis + complete_remission_day")
    varied = course().with_columns(
        complete_remission_day=pl.when(pl.col("os_days") >= 40).then(
            20 + pl.int_range(pl.len()) % 20
        )
    )

    assert immortal(text, varied) == []


def test_what_has_no_day_may_be_later_than_a_landmark() -> None:
    """The response to induction has no day: nobody can tell whether the landmark was after it."""
    table = course().with_columns(
        induction_response=pl.Series(["complete remission", "refractory"] * 200)
    )

    (caution,) = immortal(LANDMARK.format("induction_response"), table)

    assert "no day says whether that was before it" in caution.cause
    assert caution.number is None


def test_an_endpoint_that_many_lack_is_said() -> None:
    """Survival that is unknown of a third of the patients is not that of all of them."""
    lacking = pl.int_range(pl.len()) % 3 == 0
    table = cohort().with_columns(
        os_days=pl.when(~lacking).then("os_days"), os_event=pl.when(~lacking).then("os_event")
    )

    (caution,) = [one for one in warned(PLAIN, table) if one.doubt is Doubt.MISSING]

    assert "134 of 400 patients (34%) have no known time or status of Overall" in caution.cause
    assert [one for one in warned(PLAIN) if one.doubt is Doubt.MISSING] == []


def test_the_contribution_is_an_element_of_every_release() -> None:
    """A plan can narrow its cohort to contributions, and compare them, by their ids."""
    only = criterion("contribution", 'equals = "registry"') + PLAIN
    beside = (
        '[pooling]\norigins = ["diagnosis", "randomisation"]\n'
        '[[kaplan_meier]]\ntitle = "K"\nendpoint = "os"\nby = ["contribution"]\nat = [1]\n'
    )

    alone = study.run(study.parse(HEAD + only), two_sources())
    both = study.run(study.parse(HEAD + beside), two_sources())

    assert [source.studied for source in alone.provenance.sources] == [0, 250]
    assert [curve.group for curve in both.survival[0].curves] == ["registry", "trial"]
