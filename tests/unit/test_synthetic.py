"""In-silico patients: the same from the same seed, like their margins, consistent, and labelled."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import haemony as hm
from haemony.analysis import survival
from haemony.analysis.synthetic import (
    Margins,
    NoMargin,
    Population,
    Shape,
    TooFewPatients,
    TooManyContributions,
    aml_margins,
    call_variants,
    draw_aml,
    write_benchmark,
    write_contribution,
)
from haemony.analysis.synthetic.benchmark import sizes
from haemony.analysis.synthetic.company_trial import draw_trial
from haemony.analysis.synthetic.draws import generator
from haemony.analysis.synthetic.karyotypes import NO_METAPHASES
from haemony.harmonise import karyotype
from haemony.intake import check
from haemony.intake.readers import read
from haemony.model.disease import disease
from haemony.quality import Level

MANY = 40_000
SHAPES = list(Shape)


@pytest.fixture(scope="module")
def margins() -> Margins:
    """The published figures."""
    return aml_margins()


@pytest.fixture(scope="module")
def population() -> Population:
    """Enough in-silico patients to see a margin in."""
    return draw_aml(MANY, seed=7)


def sampling_error(share: float, size: int) -> float:
    """Four standard errors of a share, and a little for rounding."""
    return 4 * math.sqrt(share * (1 - share) / size) + 0.002


def files(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Every file below a folder with its content."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            yield str(path.relative_to(folder)), path.read_bytes()


def fingerprint(folder: Path) -> dict[str, str]:
    """The hash of every file below a folder."""
    return {name: hashlib.sha256(content).hexdigest() for name, content in files(folder)}


@pytest.mark.parametrize("shape", SHAPES)
def test_the_same_seed_gives_the_same_bytes(shape: Shape, tmp_path: Path) -> None:
    """Two writings from one seed agree in every file; another seed gives other patients."""
    first = write_contribution(shape, tmp_path / "a", patients=60, seed=11)
    again = write_contribution(shape, tmp_path / "b", patients=60, seed=11)
    other = write_contribution(shape, tmp_path / "c", patients=60, seed=12)

    assert fingerprint(first) == fingerprint(again)
    assert fingerprint(first) != fingerprint(other)


def test_class_shares_are_the_published_ones(population: Population, margins: Margins) -> None:
    """Every genomic class has its share of patients."""
    names, shares = margins.shares("class patients")
    drawn = population.patients["genomic_class"]

    for name, share in zip(names, shares, strict=True):
        assert (drawn == name).mean() == pytest.approx(share, abs=sampling_error(share, MANY))


@pytest.mark.parametrize("mutation", ["NPM1", "FLT3_ITD", "TP53", "DNMT3A_R882", "CEBPA_biallelic"])
def test_mutations_are_as_frequent_as_published(
    mutation: str, population: Population, margins: Margins
) -> None:
    """Within every class a mutation has its published share of carriers."""
    carrier = population.carries(mutation)
    expected = margins.by_class(f"mutation {mutation}")

    for name, share in zip(margins.classes, expected, strict=True):
        mine = carrier.filter(population.patients["genomic_class"] == name)
        assert mine.mean() == pytest.approx(share, abs=sampling_error(share, mine.len()))


def test_blood_counts_have_the_published_medians(population: Population, margins: Margins) -> None:
    """Medians of white cells by class, and of haemoglobin, platelets and LDH."""
    frame = population.patients

    for name, median in margins.of("wbc median (10*9/L)").items():
        drawn = frame.filter(pl.col("genomic_class") == name)["wbc"]
        spread = margins.one("wbc log sd within class") * 1.2533 / math.sqrt(drawn.len())
        assert math.log(drawn.median() or 0) == pytest.approx(math.log(median), abs=5 * spread)
    assert frame["haemoglobin"].median() == pytest.approx(9.1, abs=0.1)
    assert frame["platelets"].median() == pytest.approx(53, abs=2)
    assert frame["ldh"].median() == pytest.approx(435, abs=15)


def test_ages_and_sexes_are_the_published_ones(population: Population, margins: Margins) -> None:
    """Age and sex follow the class; nobody is younger than 18 or older than 84."""
    frame = population.patients

    for name, share in margins.of("male share").items():
        mine = frame.filter(pl.col("genomic_class") == name)
        assert mine["male"].mean() == pytest.approx(share, abs=sampling_error(share, mine.height))
        expected = margins.of("age median (a)")[name]
        assert mine["age"].median() == pytest.approx(expected, abs=2)
    assert frame["age"].is_between(18, 84).all()


def test_survival_is_close_to_the_published_one(population: Population, margins: Margins) -> None:
    """Five-year survival by class; it follows from the course and is not drawn itself.

    Classes of fewer than 20 real patients are known to within ten points at best.
    """
    curves = survival.kaplan_meier(
        "Surv(last_contact_day, dead) ~ genomic_class", population.patients
    ).at([1826])
    drawn = dict(curves.select(pl.col("group").str.split("=").list.last(), "survival").iter_rows())
    whole = survival.kaplan_meier("Surv(last_contact_day, dead) ~ 1", population.patients)

    published = margins.of("five-year overall survival")
    for name, patients in margins.of("class patients").items():
        assert drawn[name] == pytest.approx(published[name], abs=0.06 if patients >= 20 else 0.1)
    assert whole.at([1826])["survival"][0] == pytest.approx(published["all"], abs=0.02)


def test_remission_and_transplant_shares_are_the_published_ones(
    population: Population, margins: Margins
) -> None:
    """Remissions and transplants in first remission are as frequent as published."""
    frame = population.patients
    remitted = frame.filter(pl.col("complete_remission_day").is_not_null())

    first = (remitted["transplant_phase"] == "CR1").fill_null(value=False).mean()
    assert remitted.height / MANY == pytest.approx(1269 / 1540, abs=0.02)
    assert first == pytest.approx(margins.one("transplant share in first remission"), abs=0.01)


def test_courses_are_consistent_in_time(population: Population) -> None:
    """Remission before relapse, nothing after last contact, no relapse without a remission."""
    frame = population.patients
    remission, relapse = pl.col("complete_remission_day"), pl.col("relapse_day")
    last, transplant = pl.col("last_contact_day"), pl.col("transplant_day")

    impossible = frame.filter(
        (remission >= relapse)
        | (relapse > last)
        | (remission > last)
        | (transplant > last)
        | (last < 1)
        | (relapse.is_not_null() & remission.is_null())
        | ((pl.col("transplant_phase") == "CR1") & (transplant <= remission))
        | ((pl.col("transplant_phase") == "CR1") & (transplant >= relapse))
        | (pl.col("transplant_phase").is_in(["CR2", "first relapse"]) & (transplant <= relapse))
        | (transplant.is_null() != pl.col("transplant_type").is_null())
    )

    assert impossible.height == 0
    assert frame["last_contact_day"].null_count() == 0


def test_karyotypes_are_valid_and_say_what_was_drawn() -> None:
    """Every text can be read; class-defining fusions, monosomy 7 and complexity come back."""
    patients = draw_aml(3000, seed=5)
    frame = patients.patients
    evaluable = frame.filter(pl.col("karyotype_iscn") != NO_METAPHASES)
    texts = {text: karyotype.parse(text) for text in evaluable["karyotype_iscn"].unique()}

    def found(rule: str) -> set[int]:
        answers = {text: karyotype.matches(rule, parsed) for text, parsed in texts.items()}
        assert None not in answers.values()
        positive = [text for text, answer in answers.items() if answer]
        return set(evaluable.filter(pl.col("karyotype_iscn").is_in(positive))["patient"])

    def drawn(abnormality: str) -> set[int]:
        mine = patients.abnormalities.filter(pl.col("abnormality") == abnormality)["patient"]
        return set(mine) & set(evaluable["patient"])

    assert found("t(8;21)") == drawn("class t(8;21)")
    assert found("inv(16) | t(16;16)") == drawn("class inv(16)")
    assert found("-7") == drawn("minus_7")
    assert found("-Y") == drawn("minus_Y")
    assert drawn("minus_Y") <= set(frame.filter("male")["patient"])


def test_calls_agree_with_mutations() -> None:
    """Every mutation has its call; a biallelic CEBPA has two."""
    patients = draw_aml(2000, seed=3)

    calls = call_variants(patients, generator(1))

    biallelic = patients.mutations.filter(pl.col("mutation") == "CEBPA_biallelic").height
    assert calls.height == patients.mutations.height + biallelic
    assert set(calls.filter(pl.col("gene") == "NPM1")["patient"]) == set(
        patients.patients.filter(patients.carries("NPM1"))["patient"]
    )
    assert calls["vaf"].is_between(1, 99).all()


def test_the_drug_of_the_trial_has_the_published_effect(margins: Margins) -> None:
    """Hazard ratio of death, four-year survival and the kinds of FLT3 mutation of the trial."""
    patients, treated = draw_trial(12_000, generator(2))
    frame = patients.patients.with_columns(drug=treated.cast(pl.Int64))

    fit = survival.cox("Surv(last_contact_day, dead) ~ drug", frame)
    curves = survival.kaplan_meier("Surv(last_contact_day, dead) ~ drug", frame).at([1461])

    ratio = margins.of("trial death hazard ratio")["midostaurin"]
    error = 4 * float(fit.standard_errors[0])
    assert float(fit.coefficients[0]) == pytest.approx(math.log(ratio), abs=error)
    alive = margins.of("trial four-year overall survival")
    assert curves["survival"][0] == pytest.approx(alive["placebo"], abs=0.04)
    assert curves["survival"][1] == pytest.approx(alive["midostaurin"], abs=0.04)
    assert frame["age"].is_between(18, 59).all()
    assert (patients.carries("FLT3_ITD") | patients.carries("FLT3_TKD")).all()
    assert patients.carries("FLT3_ITD").mean() == pytest.approx(555 / 717, abs=0.01)


@pytest.mark.parametrize("shape", SHAPES)
def test_every_text_shown_says_in_silico(shape: Shape, tmp_path: Path) -> None:
    """Title, partner, contact, every file's name and content say in silico."""
    folder = write_contribution(shape, tmp_path / "made", patients=40)

    contribution = hm.Contribution.load(folder)

    assert contribution.in_silico
    for shown in (contribution.title, contribution.partner, contribution.contact):
        assert "in silico" in shown.lower().replace("-", " ")
    for name, _ in files(folder):
        assert "in_silico" in name or name in {"contribution.yaml", "dictionary.csv"}
    for path, layout in contribution.tables.values():
        text = read(path, layout).frame.write_csv().lower()
        said = [text.count(word) for word in ("in silico", "in-silico", "insilico")]
        assert sum(said) >= 40 * 0.5


@pytest.mark.parametrize("shape", SHAPES)
def test_every_contribution_reaches_level_three(shape: Shape, tmp_path: Path) -> None:
    """Checked without errors, admitted into a workspace, graded plausible, nobody lost."""
    contribution = hm.Contribution.load(write_contribution(shape, tmp_path / "made"))
    workspace = hm.Workspace.init(tmp_path / "commons")

    checked = check(contribution, disease("aml").catalogue)
    release = hm.admit([contribution], workspace).release

    member = release.manifest.members[0]
    assert checked.errors == 0
    assert member.patients == {"trial group": 1540, "company trial": 717, "hospital": 680}[shape]
    assert (member.level, member.facts["in_silico"]) == (Level.PLAUSIBLE, True)
    table = release.features(["age_at_diagnosis", "wbc", "FLT3_ITD", "os_days", "os_event"])
    assert table["os_days"].null_count() == 0
    assert table["wbc"].null_count() < 0.05 * member.patients
    assert 6 < (table["wbc"].median() or 0) < 45


def test_units_and_dates_come_back_as_drawn(tmp_path: Path) -> None:
    """Months, fractions, mmol/L and calendar dates turn into the days and units of the lake."""
    written = [
        write_contribution(shape, tmp_path / shape.name, seed=4)
        for shape in (Shape.COMPANY_TRIAL, Shape.HOSPITAL)
    ]
    workspace = hm.Workspace.init(tmp_path / "commons")

    release = hm.admit([hm.Contribution.load(folder) for folder in written], workspace).release

    table = release.features(["haemoglobin", "ldh", "marrow_blasts", "platelets", "os_days"])
    assert table["haemoglobin"].median() == pytest.approx(9.1, abs=0.3)
    assert table["ldh"].median() == pytest.approx(435, rel=0.1)
    assert table["marrow_blasts"].median() == pytest.approx(75, abs=4)
    assert table["platelets"].median() == pytest.approx(53, abs=5)
    hospital = draw_aml(680, generator(4, 3)).patients["last_contact_day"].sort().to_list()
    drawn = release.table("observation_period").select(
        (pl.col("observation_period_end_date") - pl.col("observation_period_start_date"))
        .dt.total_days()
        .alias("days"),
        (pl.col("observation_period_id") // 2**32).alias("number"),
    )
    number = next(m.number for m in release.manifest.members if m.id == "insilico-hospital")
    assert drawn.filter(pl.col("number") == number)["days"].sort().to_list() == hospital


def test_the_benchmark_shares_its_patients_out(tmp_path: Path) -> None:
    """Sizes differ and add up; ids, partners and patient numbers are all distinct."""
    folders = write_benchmark(tmp_path, patients=300, contributions=5, seed=2)

    made = [hm.Contribution.load(folder) for folder in folders]
    numbers = pl.concat([one.read("clinical").frame["PATNR"] for one in made])

    assert [one.id for one in made] == [f"bench-{place:03d}" for place in range(1, 6)]
    assert len({one.partner for one in made}) == 5
    assert numbers.n_unique() == numbers.len() == 300
    assert len(set(sizes(300, 5, seed=2))) > 1
    assert sum(sizes(153_000, 60, seed=1)) == 153_000


def test_the_impossible_is_refused(margins: Margins) -> None:
    """Too few patients and unknown margins are named with the way out."""
    with pytest.raises(TooFewPatients, match="1 or more"):
        draw_aml(0, seed=1)
    with pytest.raises(TooManyContributions, match="fewer contributions"):
        sizes(100, 60, seed=1)
    with pytest.raises(NoMargin, match="no margin 'height'"):
        margins.one("height")
    with pytest.raises(NoMargin, match="class patients"):
        margins.one("class patients")


def test_every_margin_names_its_source() -> None:
    """No figure without a source that the module's documentation spells out."""
    table = pl.read_csv(Path(hm.__file__).parent / "analysis/synthetic/aml_margins.csv")

    assert set(table["source"]) == {"Papaemmanuil 2016", "Stone 2017"}
    assert table.select("feature", "group").is_duplicated().sum() == 0
    assert np.isfinite(table["value"].to_numpy()).all()
