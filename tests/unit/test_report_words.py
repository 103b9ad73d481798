"""What a report says in words: of whom it speaks, what a ratio compares, what cannot be told."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from html import unescape
from pathlib import Path

import polars as pl
import pytest

from haemony import study
from haemony.analysis.cohorts import CannotJudge, Criterion, OneOf, select
from haemony.analysis.evidence import Doubt
from haemony.services.cli import commons
from unit.test_cautions import COX, HEAD, LATE, cohort, two_sources
from unit.test_study import FakeRelease, OneManifest, OneMember

SUBGROUPS = '[[subgroups]]\ntitle = "S"\nendpoint = "os"\neffect = "NPM1"\nwithin = ["sex"]\n'
ECOG = pl.Enum(["0", "1", "2", "3", "4"])


def page(text: str, release: FakeRelease, folder: Path) -> str:
    """The report of a study, without markup."""
    study.run(study.parse(HEAD + text), release).write(folder)
    html = (folder / "report.html").read_text(encoding="utf-8")
    bare = re.sub(r"<(style|svg).*?</\1>", "", html, flags=re.DOTALL)
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", bare)))


def one_source(table: pl.DataFrame) -> FakeRelease:
    """A release of one source."""
    member = OneMember({"title": "A trial", "origin": "diagnosis"})
    return FakeRelease(table, manifest=OneManifest((member,)))


def two_diseases() -> FakeRelease:
    """A trial in AML, in silico, and a registry of MDS."""
    release = two_sources()
    trial, registry = release.manifest.members
    facts = {"origin": "diagnosis"}
    members = (
        replace(trial, facts={**trial.facts, **facts, "disease": "aml", "in_silico": True}),
        replace(registry, facts={**registry.facts, **facts, "disease": "mds"}),
    )
    return replace(release, manifest=OneManifest(members))


def test_a_report_speaks_of_the_patients_who_are_studied(tmp_path: Path) -> None:
    """Patients in silico of a release whom a study leaves out make nobody in it unreal."""
    only = '[[cohort]]\nlabel = "C"\nelement = "contribution"\nequals = "{}"\n' + LATE

    real = page(only.format("registry"), two_diseases(), tmp_path / "real")
    made = page(only.format("trial"), two_diseases(), tmp_path / "made")

    assert "in silico" not in real.partition("Contributions to the release")[0].lower()
    assert "Study report · myelodysplastic syndrome" in real
    assert "In silico: all of these patients" in made


def test_diseases_pooled_unawares_are_said() -> None:
    """Two diseases in one curve are a warning, unless the plan speaks of the diagnosis."""
    release = two_diseases()
    named = replace(release, table=release.table.with_columns(diagnosis=pl.lit("x")))
    spoken = LATE + '[[baseline]]\nelements = ["diagnosis"]\n'

    (caution,) = study.run(study.parse(HEAD + LATE), release).cautions
    aware = study.run(study.parse(HEAD + spoken), named).cautions

    assert caution.doubt is Doubt.DISEASES
    assert "acute myeloid leukaemia 150, myelodysplastic syndrome 250" in caution.cause
    assert aware == ()


def test_a_hazard_ratio_says_what_it_compares(tmp_path: Path) -> None:
    """Which value against which stands beside the effect, not the element alone."""
    table = cohort().with_columns(sex=pl.col("sex").cast(pl.Enum(["male", "female"])))
    text = SUBGROUPS.replace('"NPM1"', '"sex"').replace('["sex"]', '["NPM1"]')

    assert "Effect of Sex, female (vs male) on overall survival" in page(
        text, one_source(table), tmp_path
    )


def test_columns_have_their_labels_everywhere(tmp_path: Path) -> None:
    """Notes and tests of proportional hazards speak of labels, not of columns."""
    grades = pl.Series(["0", "1", "2", "0"] * 100, dtype=ECOG)
    said = page(
        COX.format("ecog + age_at_diagnosis"),
        one_source(cohort().with_columns(ecog=grades)),
        tmp_path,
    )

    assert "ECOG performance status: no patient analysed is 3, 4" in said
    assert re.search(r"Term χ² df p ECOG performance status ", said)


def test_what_is_infinite_is_not_printed_as_a_number(tmp_path: Path) -> None:
    """No ratio of 0.00, no coefficient; and why the diagnostics are not there."""
    table = cohort().with_columns(os_event=pl.col("os_event") & (pl.col("NPM1") == "negative"))

    said = page(COX.format("NPM1 + age_at_diagnosis"), one_source(table), tmp_path)

    assert "NPM1 mutation no finite estimate – – – –" in said
    assert "cannot be told while an estimate is infinite" in said
    assert "(–––)" not in said


def test_a_curve_that_ends_at_zero_has_no_empty_limits(tmp_path: Path) -> None:
    """When the last patient has died survival is 0 %, without limits."""
    table = cohort().with_columns(os_event=True)

    said = page(LATE.replace("[1]", "[1, 90]"), one_source(table), tmp_path)

    assert " 0% " in said
    assert "(–––)" not in said


def test_small_groups_have_no_mean_and_no_difference(tmp_path: Path) -> None:
    """Three patients leave neither their mean nor the difference that gives it back."""
    table = cohort().with_columns(study=pl.Series(["A"] * 197 + ["B"] * 200 + ["C"] * 3))
    text = '[[rmst]]\ntitle = "R"\nendpoint = "os"\nhorizon = 1\nby = ["study"]\n'

    said = page(text, one_source(table), tmp_path)
    means = json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))["means"][0]

    assert [one["value"] is None for one in means["differences"]] == [False, True]
    assert "Difference: C, less A too few to show –" in said
    assert "not reached" not in said.partition("Mean of overall survival")[2]


def test_limits_below_zero_are_told_apart_by_a_word(tmp_path: Path) -> None:
    """A dash between negative limits cannot be read."""
    text = '[[rmst]]\ntitle = "R"\nendpoint = "os"\nhorizon = 1\nby = ["NPM1"]\n'

    said = page(text, one_source(cohort()), tmp_path)

    assert re.search(r"\(−0\.\d\d to −?0\.\d\d\)", said)
    assert "–−" not in said


def test_a_row_has_one_number_of_decimals(tmp_path: Path) -> None:
    """Medians of groups in a row are comparable digit by digit."""
    ages = [float(40 + i % 30) for i in range(399)] + [40.5]
    table = cohort().with_columns(age_at_diagnosis=pl.Series(ages))
    text = '[[baseline]]\nby = "study"\nelements = ["age_at_diagnosis"]\n'

    row = page(text, one_source(table), tmp_path).partition("Age at diagnosis")[2][:200]

    decimals = {len(one.partition(".")[2]) for one in re.findall(r"\d+(?:\.\d+)? \(", row)}
    assert len(decimals) == 1


def test_no_date_is_made_of_what_is_no_day(tmp_path: Path) -> None:
    """A source that does not state its cut-off gives an RO-Crate no date of publication."""
    facts = {"title": "A trial", "origin": "diagnosis", "data_cut_off": "not stated"}
    release = FakeRelease(cohort(), manifest=OneManifest((OneMember(facts),)))

    page(LATE, release, tmp_path)

    whole = json.loads((tmp_path / "ro-crate-metadata.json").read_text(encoding="utf-8"))
    (root,) = [one for one in whole["@graph"] if one["@id"] == "./"]
    assert "datePublished" not in root


@pytest.mark.parametrize(
    ("old", "new", "guess"),
    [
        ("[[cox]]", "[[coxx]]", "did you mean [[cox]]?"),
        ("seed = 1", "sead = 1\nseed = 1", "did you mean seed?"),
        ("seed = 1", 'seed = 1\ntime_unit = "year"', "did you mean years?"),
        ("seed = 1", 'seed = 1\nmissing = "complete case"', "did you mean complete cases?"),
        ('endpoint = "os"', 'endpoint = "oss"', "did you mean os"),
    ],
)
def test_a_misspelt_word_is_guessed(old: str, new: str, guess: str) -> None:
    """Whoever mistypes is told the word, not only the list of all words."""
    text = (HEAD + COX.format("age_at_diagnosis")).replace(old, new, 1)

    with pytest.raises(study.BadProtocol) as refusal:
        study.run(study.parse(text), one_source(cohort()))

    assert guess in str(refusal.value)


@pytest.mark.parametrize("text", ["myelodysplastic syndrom", "MDS"])
def test_a_misspelt_value_is_guessed(text: str) -> None:
    """Of sixty diagnoses the near one is named, also by its initials, and not all sixty."""
    many = [f"lymphoma {chr(97 + i)}" for i in range(15)]
    values = pl.Enum(["myelodysplastic syndrome", *many])
    people = pl.DataFrame({"diagnosis": ["myelodysplastic syndrome"]}, schema={"diagnosis": values})
    if text == "MDS":
        people = people.cast(pl.Enum(["mild dysplastic state", *values.categories]))

    with pytest.raises(CannotJudge) as refusal:
        select(people, [Criterion("C", "diagnosis", OneOf((text,)))])

    assert "did you mean" in str(refusal.value)
    assert "lymphoma o" not in str(refusal.value)


def test_a_template_and_a_source_are_guessed(tmp_path: Path) -> None:
    """The near one first, then all."""
    with pytest.raises(study.UnknownTemplate, match=r"did you mean prognostic-factor\?"):
        study.new(tmp_path, "prognostic")
    fault = commons.UnknownSource(["amlgs"], ["amlsg", "ebmt_1"], tmp_path)
    assert "did you mean amlsg?" in str(fault)
    assert "holds amlsg, ebmt_1" in str(fault)
