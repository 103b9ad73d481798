"""The way back: tables of the OMOP CDM become a contribution that is admitted like any other."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import date
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

import haemony as hm
from haemony.analysis.synthetic import contribution as in_silico
from haemony.harmonise.facts import FACTS
from haemony.harmonise.from_omop import (
    About,
    DayZero,
    FolderTaken,
    Rewritten,
    rewrite,
    write_contribution,
)
from haemony.harmonise.from_omop.errors import Nobody, NoOrigin, NoTable
from haemony.harmonise.from_omop.rewrite import CLINICAL
from haemony.harmonise.from_omop.values import answers, units
from haemony.harmonise.harmonised import Harmonised, to_omop
from haemony.harmonise.omop.cdm import table, tables
from haemony.harmonise.omop.read import READ, read
from haemony.harmonise.omop.write import Context
from haemony.harmonise.omop.write import write as write_tables
from haemony.intake import check
from haemony.intake.contribution import Origin, SourceKind
from haemony.model.disease import installed
from haemony.privacy import SiteKey, split
from haemony.services.cli import app
from support.protection import person_of, protected
from support.tables import blanked

AML = hm.disease("aml")
BLOOD = hm.disease("blood")
BESIDE_THE_CDM = {"variant", "karyotype"}

PERSON = """
person_id,gender_concept_id,year_of_birth,month_of_birth,day_of_birth,care_site_id
1,8507,1950,3,1,7
2,8532,1960,,,7
3,442985,1970,,,8
4,8532,1980,,,8
"""
PERIOD = """
observation_period_id,person_id,observation_period_start_date,observation_period_end_date
1,1,2009-01-01,2015-06-30
2,2,2009-02-01,2016-06-30
3,3,2009-03-01,2017-06-30
4,4,2009-04-01,2018-06-30
"""
DEATH = "person_id,death_date,cause_concept_id\n1,2012-05-05,4229440"
CONDITION = """
condition_occurrence_id,person_id,condition_concept_id,condition_start_date,condition_type_concept_id
1,1,140352,2011-03-01,32879
2,1,140352,2010-03-01,32879
3,2,140352,2010-04-01,32879
4,3,140352,2010-05-01,32817
5,4,320128,2010-06-01,32879
6,1,320128,2010-06-01,32879
"""
MEASUREMENT = """
measurement_id,person_id,measurement_concept_id,measurement_date,value_as_number,unit_concept_id,value_as_concept_id,operator_concept_id
1,1,3000963,2010-03-02,9.1,8713,,
2,2,3000963,2010-04-02,91,8636,,
3,2,3000963,2010-05-02,5.6,8753,,
4,3,3000963,2010-05-02,12,8554,,
5,3,3000963,2010-05-03,12,,,
6,1,3010813,2010-03-02,0.1,9444,,4171756
7,1,3010813,2010-03-03,12.5,8848,,4172703
8,2,3010813,,12.5,9444,,
9,2,3000905,2010-04-02,44,9444,,
10,1,{npm1},2010-03-01,,,9191,
11,2,{npm1},2010-04-01,,,4132135,
12,3,{npm1},2010-05-01,,,45877994,
13,4,3010813,2010-06-01,5,9444,,
""".replace("{npm1}", str(AML.catalogue["NPM1"].concept_id))
EPISODE = """
episode_id,person_id,episode_concept_id,episode_start_date,episode_source_concept_id
1,1,32946,2010-04-10,
2,1,32946,2011-04-10,
3,2,32949,2010-09-01,{relapse}
4,2,32949,2010-10-01,
""".replace("{relapse}", str(AML.catalogue["relapse_day"].values[0].concept_id))
PROCEDURE = """
procedure_occurrence_id,person_id,procedure_concept_id,procedure_date,modifier_concept_id
1,2,4120445,2010-11-01,99
2,2,4326177,2010-11-02,
"""
CDM = {
    "person": PERSON,
    "observation_period": PERIOD,
    "death": DEATH,
    "condition_occurrence": CONDITION,
    "measurement": MEASUREMENT,
    "episode": EPISODE,
    "procedure_occurrence": PROCEDURE,
}


def frame(name: str, text: str) -> pl.DataFrame:
    """A table of the CDM from its cells."""
    raw = pl.read_csv(text.strip().encode(), infer_schema_length=0)
    dates = [pl.col(c).str.to_date() for c in raw.columns if c.endswith("_date")]
    return table(name).shape(raw.with_columns(dates))


def small(**changed: str) -> dict[str, pl.DataFrame]:
    """The small CDM above, some of its tables exchanged."""
    return {name: frame(name, text) for name, text in (CDM | changed).items()}


def about(code: str = "aml") -> About:
    """What a contribution of a test says of itself."""
    return About(
        "back", "Back from OMOP (in silico)", "hospital", "nobody", code, SourceKind.HOSPITAL,
        "not stated", ("DUO:0000042",), in_silico=True,
    )  # fmt: skip


def cells(rewritten: Rewritten, sheet: str) -> list[dict[str, object]]:
    """The rows of one table of the contribution."""
    return next(s.frame for s in rewritten.sheets if s.name == sheet).to_dicts()


def entry(rewritten: Rewritten, sheet: str, column: str) -> dict[str, object]:
    """The line of the dictionary of one column."""
    found = next(s for s in rewritten.sheets if s.name == sheet)
    one = next(e for e in found.entries if e.column == column)
    return {"element": one.element, "unit": one.unit, "at": one.at, "note": one.note}


def reasons(rewritten: Rewritten, name: str) -> dict[tuple[int | None, str], int]:
    """Rows of a CDM table that found no place, by concept and reason."""
    left = rewritten.left_out.filter(pl.col("table") == name)
    counts = left.group_by("concept_id", "reason").agg(pl.col("rows").sum())
    return {(concept, reason): n for concept, reason, n in counts.iter_rows()}


def harmonised(rewritten: Rewritten, disease: hm.Disease, folder: Path) -> Harmonised:
    """The contribution written, checked, protected and harmonised like any other."""
    write_contribution(rewritten, about(disease.code), folder)
    report = check(hm.Contribution.load(folder), disease.catalogue)
    assert report.sound, report.summary().to_dicts()
    return to_omop(protected(report), disease, 1)


def facts(given: Mapping[str, pl.DataFrame], disease: hm.Disease) -> pl.DataFrame:
    """What the catalogue reads of tables, every source value blanked."""
    return read(disease.catalogue.values(), blanked(given))


def as_they_return(before: pl.DataFrame, rewritten: Rewritten) -> pl.DataFrame:
    """Facts of those who take part, under the persons that they become."""
    people = {p: person_of(str(p)) for p in rewritten.sheets[0].frame["person_id"]}
    mine = before.filter(pl.col("person_id").is_in(list(people)))
    return mine.with_columns(pl.col("person_id").replace_strict(people))


def unlike(one: pl.DataFrame, other: pl.DataFrame) -> set[str]:
    """Elements of which one frame has facts that the other has not."""
    return set(one.join(other, on=READ.names(), how="anti", nulls_equal=True)["element"])


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory) -> dict[str, pl.DataFrame]:
    """The tables of a release of three kinds of in-silico contributions."""
    home = tmp_path_factory.mktemp("released")
    folders = [
        in_silico.write_contribution(shape, home / shape.name, patients=40)
        for shape in in_silico.Shape
    ]
    workspace = hm.Workspace.init(home / "commons")
    hm.admit([hm.Contribution.load(folder) for folder in folders], workspace)
    release = workspace.lake.latest()
    every = {name: release.table(name) for name in tables()}
    return {name: rows for name, rows in every.items() if rows.height}


@pytest.mark.parametrize(("wanted", "patients"), ((None, 80), (DayZero.RANDOMISATION, 40)))
def test_a_release_comes_back(
    released: dict[str, pl.DataFrame], wanted: DayZero | None, patients: int, tmp_path: Path
) -> None:
    """Every value of every element comes back from the lake's own tables, on its day.

    Centres come back as other pseudonyms: the lake knows none of their names.
    """
    rewritten = rewrite(released, AML, wanted=wanted)

    again = facts(harmonised(rewritten, AML, tmp_path).tables, AML)

    before = as_they_return(facts(released, AML), rewritten)
    assert (rewritten.patients, rewritten.persons) == (patients, 120)
    assert before.height == again.height > 2_000
    assert unlike(before, again) == unlike(again, before) == {"centre"}


def test_centres_come_back_as_the_same_groups(
    released: dict[str, pl.DataFrame], tmp_path: Path
) -> None:
    """Patients of one centre are still patients of one centre, whatever it is now called."""
    rewritten = rewrite(released, AML)

    again = facts(harmonised(rewritten, AML, tmp_path).tables, AML)

    def groups(every: pl.DataFrame) -> set[frozenset[int]]:
        named = every.filter(pl.col("element") == "centre").group_by("code").agg("person_id")
        return {frozenset(people) for people in named["person_id"]}

    assert groups(again) == groups(as_they_return(facts(released, AML), rewritten)) != set()


def test_without_the_tables_beside_the_cdm_texts_do_not_come_back(
    released: dict[str, pl.DataFrame], tmp_path: Path
) -> None:
    """OMOP alone holds no variant's name and no karyotype's text; all their findings return."""
    alone = {name: rows for name, rows in released.items() if name not in BESIDE_THE_CDM}

    rewritten = rewrite(alone, AML)

    again = facts(harmonised(rewritten, AML, tmp_path).tables, AML)
    before = as_they_return(facts(released, AML), rewritten)
    beside = {element.name for name in BESIDE_THE_CDM for element in AML.catalogue.of(name)}
    assert unlike(again, before) == {"centre"}
    assert unlike(before, again) - {"centre"} <= beside
    assert {"karyotype_iscn", "variant_gene"} <= unlike(before, again)


EVERYBODY = [900_001, 900_002]


def everything(disease: hm.Disease) -> dict[str, pl.DataFrame]:
    """The tables of a lake in which two persons have a value of every element."""
    rows: list[tuple[object, ...]] = []
    for element in disease.catalogue.values():
        if element.record or element.name == "centre":
            continue
        for nth, person in enumerate(EVERYBODY, 1):
            number = (element.low or 0) + nth if element.type.is_numeric else None
            code = element.codes[-nth] if len(element.codes) > 1 else f"text {nth}"
            code = None if element.type.is_numeric else code
            rows.append((person, element.name, 0, number, code, "file.csv", nth, element.name))
    stated = pl.DataFrame(rows, schema=FACTS, orient="row")
    dead = stated.with_columns(
        pl.when(pl.col("element") == "vital_status")
        .then(pl.lit("dead"))
        .otherwise("code")
        .alias("code")
    )
    anchors = pl.DataFrame({"person_id": EVERYBODY, "anchor": [date(2001, 2, 3), date(2000, 5, 6)]})
    context = Context(disease, anchors, Origin.DIAGNOSIS, SourceKind.COHORT, 1)
    return write_tables(dead, stated.clear(), {}, context)


@pytest.mark.nightly
@pytest.mark.parametrize("code", ("blood", "aml"))
def test_every_element_comes_back_as_a_contribution(code: str, tmp_path: Path) -> None:
    """Whatever a catalogue can write, the way back can read: no element is forgotten."""
    disease = hm.disease(code)
    there = everything(disease)
    written = {name: rows for name, rows in there.items() if name != "lineage"}

    rewritten = rewrite(written, disease)

    again = facts(harmonised(rewritten, disease, tmp_path).tables, disease)
    before = as_they_return(facts(written, disease), rewritten)
    assert again.height == before.height > 500
    assert unlike(before, again) == unlike(again, before) == set()


def test_no_row_vanishes() -> None:
    """Rows of a table = rows written + rows counted as left out."""
    given = small()

    rewritten = rewrite(given, AML)

    left = rewritten.left_out
    for name in ("measurement", "episode"):
        here = [s.frame.height for s in rewritten.sheets if s.name.startswith(name)]
        lost = left.filter(pl.col("table") == name)["rows"].sum()
        assert sum(here) + lost == given[name].height, name
    first = rewritten.patients
    lost = left.filter(pl.col("table") == "condition_occurrence")["rows"].sum()
    assert first + lost == given["condition_occurrence"].height


def test_day_0_is_the_first_row_of_the_diagnosis() -> None:
    """Persons without the diagnosis are left out, and named with the reason."""
    rewritten = rewrite(small(), AML)

    assert [(row["person_id"], row["day_0"]) for row in cells(rewritten, "patients")] == [
        (1, date(2010, 3, 1)),
        (2, date(2010, 4, 1)),
        (3, date(2010, 5, 1)),
    ]
    assert rewritten.persons_left.rows() == [(4, "has no dated row of the diagnosis")]
    assert rewritten.source is SourceKind.REGISTRY
    assert reasons(rewritten, "measurement")[
        None, "the person takes no part; see persons_left_out.csv"
    ] == 1  # fmt: skip


def test_a_partner_may_know_the_disease_by_other_concepts() -> None:
    """Concepts given by hand are the diagnosis; so is what the partner's hierarchy has below it."""
    below = pl.DataFrame({"ancestor_concept_id": [140352], "descendant_concept_id": [320128]})

    by_hand = rewrite(small(), AML, origin_concepts=[320128])
    by_hierarchy = rewrite(small() | {"concept_ancestor": below}, AML)

    assert [row["person_id"] for row in cells(by_hand, "patients")] == [1, 4]
    assert by_hierarchy.patients == 4


def test_nobody_becomes_ill_by_the_way_back() -> None:
    """Without a diagnosis nobody is admitted to a disease; people without one keep having none."""
    as_aml = rewrite(small(), AML, wanted=DayZero.OBSERVATION)
    as_blood = rewrite(small(), BLOOD, wanted=DayZero.OBSERVATION)

    assert as_aml.persons_left.rows() == [
        (4, "has no row of the diagnosis of acute myeloid leukaemia")
    ]
    diagnoses = [row["diagnosis_concept_id"] for row in cells(as_blood, "patients")]
    assert diagnoses == ["140352", "140352", "140352", "0"]
    assert "no blood disease" in str(next(
        e.value_map for e in as_blood.sheets[0].entries if e.element == "diagnosis"
    ))  # fmt: skip


def test_an_age_that_is_derived_says_so() -> None:
    """From a date of birth to the day, from a year of birth within a year, and marked as such."""
    rewritten = rewrite(small(), AML)

    ages = [(row["age_at_day_0"], row["age_derived_from"]) for row in cells(rewritten, "patients")]
    assert ages == [(60.0, "date of birth"), (50.0, "year of birth"), (40.0, "year of birth")]
    said = entry(rewritten, "patients", "age_at_day_0")
    assert said["element"] == "age_at_diagnosis"
    assert "Of 2 of 3 persons the CDM gives the year of birth alone" in str(said["note"])


def test_an_age_at_another_day_0_is_no_age_at_diagnosis() -> None:
    """An age is mapped only where the catalogue has a word for it."""
    rewritten = rewrite(small(), BLOOD, wanted=DayZero.OBSERVATION)

    assert entry(rewritten, "patients", "age_at_day_0")["element"] == ""


def test_death_and_follow_up() -> None:
    """The dead were last seen on the day they died; the others at the end of their observation."""
    rewritten = rewrite(small(), AML)

    assert [(row["last_contact"], row["vital_status"]) for row in cells(rewritten, "patients")] == [
        (date(2012, 5, 5), "dead"),
        (date(2016, 6, 30), "alive"),
        (date(2017, 6, 30), "alive"),
    ]
    assert reasons(rewritten, "death") == {(None, "the catalogue has no such cause of death"): 1}


def test_without_a_table_of_deaths_nobody_is_said_to_be_alive() -> None:
    """A CDM that brings no DEATH knows of no vital status."""
    given = small()
    del given["death"]

    columns = {e.column for e in rewrite(given, AML).sheets[0].entries}

    assert "last_contact" in columns
    assert "vital_status" not in columns


def test_units_keep_their_columns() -> None:
    """Each unit the element knows has its column; a value in another unit is set aside, counted."""
    rewritten = rewrite(small(), AML)

    haemoglobin = cells(rewritten, "measurement_haemoglobin")
    assert [list(row.values())[2:] for row in haemoglobin] == [
        [9.1, None, None],
        [None, 91.0, None],
        [None, None, 5.6],
    ]
    for column, unit in (("value", "g/dL"), ("value_8636", "g/L"), ("value_8753", "mmol/L")):
        said = entry(rewritten, "measurement_haemoglobin", column)
        assert (said["element"], said["unit"], said["at"]) == ("haemoglobin", unit, "date")
    left = reasons(rewritten, "measurement")
    assert left[3000963, "the element knows no such unit"] == 1
    assert left[3000963, "its unit is not known"] == 1


def test_bounds_and_undated_values_are_not_values() -> None:
    """*Less than 0.1* is not 0.1, and a value without a day belongs to none."""
    rewritten = rewrite(small(), AML)

    assert [row["value_8848"] for row in cells(rewritten, "measurement_wbc")] == [12.5]
    left = reasons(rewritten, "measurement")
    assert left[3010813, "is a bound, no value"] == 1
    assert left[3010813, "has no date"] == 1


def test_a_concept_stands_for_an_element_only_when_somebody_says_so() -> None:
    """A near concept is left out, and taken when the partner names it."""
    strict, lenient = rewrite(small(), AML), rewrite(small(), AML, also={3000905: "wbc"})

    assert reasons(strict, "measurement")[
        3000905, "no element of the disease bears the concept"
    ] == 1  # fmt: skip
    assert len(cells(lenient, "measurement_wbc")) == len(cells(strict, "measurement_wbc")) + 1


def test_findings_are_positive_or_negative_or_left_out() -> None:
    """*Present* and *absent* say what *positive* and *negative* say; nothing else does."""
    rewritten = rewrite(small(), AML)

    assert [row["value"] for row in cells(rewritten, "measurement_NPM1")] == ["9191", "4132135"]
    concept = AML.catalogue["NPM1"].concept_id
    assert reasons(rewritten, "measurement")[concept, "the element has no such value"] == 1


def test_episodes_and_transplants() -> None:
    """The first remission, the relapse with its subtype, and the transplant's own row."""
    rewritten = rewrite(small(), AML)

    assert cells(rewritten, "episode_complete_remission_day") == [
        {"person_id": 1, "date": date(2010, 4, 10)}
    ]
    assert cells(rewritten, "episode_relapse_day") == [{"person_id": 2, "date": date(2010, 9, 1)}]
    assert [row["date"] for row in cells(rewritten, "procedure_transplant")] == [date(2010, 11, 1)]
    assert set(reasons(rewritten, "episode").values()) == {1}
    assert len(reasons(rewritten, "episode")) == 2
    assert len(reasons(rewritten, "procedure_occurrence")) == 2


def test_the_small_cdm_is_admitted(tmp_path: Path, workspace: hm.Workspace) -> None:
    """What a clinician reads in the CDM is what the release holds, in the catalogue's units."""
    write_contribution(rewrite(small(), AML), about(), tmp_path / "back")

    hm.admit([hm.Contribution.load(tmp_path / "back")], workspace)

    names = ["sex", "age_at_diagnosis", "haemoglobin", "NPM1", "last_contact_day", "vital_status"]
    held = workspace.lake.latest().features(names).sort("age_at_diagnosis", descending=True)
    assert held.drop("person_id").rows() == [
        ("male", 60.0, 9.1, "positive", 796, "dead"),
        ("female", 50.0, 9.1, "negative", 2282, "alive"),
        (None, 40.0, None, None, 2617, "alive"),
    ]


def test_numbers_of_persons_do_not_leave_the_partner(tmp_path: Path) -> None:
    """They are what a pseudonym is made from; what is sealed for the platform has none."""
    given = {
        name: rows.with_columns(pl.col("person_id") + 777_000) for name, rows in small().items()
    }
    write_contribution(rewrite(given, AML), about(), tmp_path)
    halves = split(check(hm.Contribution.load(tmp_path), AML.catalogue), SiteKey(b"p" * 32))

    travels = "".join(str(part.frame.to_dicts()) for part in halves.payload.tables.values())

    assert "77700" not in travels
    assert "2010-" not in travels


def test_the_folder_says_what_was_left_out(tmp_path: Path) -> None:
    """Counts stand in the description's comments; the lists stay out of what is sealed."""
    write_contribution(rewrite(small(), AML), about(), tmp_path)

    text = (tmp_path / "contribution.yaml").read_text(encoding="utf-8")
    listed = hm.Contribution.load(tmp_path).files

    assert "# Of 4 persons 3 take part.\n#   1 left out: has no dated row of the diagnosis" in text
    assert {"left_out.csv", "persons_left_out.csv"}.isdisjoint(path.name for path in listed)
    with pytest.raises(FolderTaken, match="give another folder"):
        write_contribution(rewrite(small(), AML), about(), tmp_path)


def test_refusals_name_the_next_step() -> None:
    """No people, no diagnosis, no such origin: each says what to do."""
    given = small()
    with pytest.raises(NoTable, match="person"):
        rewrite({}, AML)
    with pytest.raises(Nobody, match="--origin-concept"):
        rewrite(given, hm.disease("cll"))
    with pytest.raises(NoOrigin, match="--origin diagnosis"):
        rewrite(given, AML, wanted=DayZero.RANDOMISATION)


def test_every_unit_is_one_that_an_element_knows() -> None:
    """The table of unit concepts holds no unit that nothing uses, and every concept of our own."""
    catalogues = [hm.disease(code).catalogue for code in installed()]
    known = {unit for catalogue in catalogues for e in catalogue.values() for unit in e.units}
    own = {e.unit_concept_id: e.unit for c in catalogues for e in c.values() if e.unit_concept_id}

    assert set(units().values()) <= known
    assert {c: u for c, u in units().items() if c in own} == {
        c: u for c, u in own.items() if c in units()
    }
    assert set(answers().values()) == {"positive", "negative"}


def write(given: Mapping[str, str], folder: Path, names: Iterable[str] = CDM) -> Path:
    """The tables of a CDM as files in a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / f"{name.upper()}.csv").write_text(given[name].strip() + "\n", encoding="utf-8")
    return folder


def test_the_command(tmp_path: Path) -> None:
    """From a folder of files to a contribution that passes its check, in two commands."""
    cdm, out = write(CDM, tmp_path / "Our CDM"), str(tmp_path / "out")

    made = CliRunner().invoke(
        app, ["contribution", "from-omop", str(cdm), "-o", out, "--disease", "aml", "--json"]
    )
    checked = CliRunner().invoke(app, ["contribution", "check", out, "--json"])

    value = json.loads(made.stdout)
    assert made.exit_code == checked.exit_code == 0
    assert (value["contribution"], value["persons"], value["patients"]) == ("our-cdm", 4, 3)
    assert value["elements"]["haemoglobin"] == 3
    assert {row["near"] for row in value["left_out"] if row["concept_id"] == 3000905} == {"wbc"}


def test_the_command_speaks(tmp_path: Path) -> None:
    """It says who was left out, what found no element, and what may be one."""
    cdm = write(CDM, tmp_path / "cdm")
    again = ["--also", "3000905=wbc"]
    line = ["contribution", "from-omop", str(cdm), "--disease", "aml", "-o"]

    first = CliRunner().invoke(app, [*line, str(tmp_path / "a")])
    second = CliRunner().invoke(app, [*line, str(tmp_path / "b"), *again])
    wrong = CliRunner().invoke(app, [*line, str(tmp_path / "c"), "--also", "wbc"])

    assert "3 of 4 persons; day 0: diagnosis" in first.stdout
    assert "1 rows may be wbc: --also 3000905=wbc" in first.stdout
    assert "may be wbc" not in second.stdout
    assert wrong.exit_code != 0


def test_parquet_is_read_as_well(tmp_path: Path) -> None:
    """A CDM may lie in Parquet; what comes out is the same."""
    folder = tmp_path / "cdm"
    folder.mkdir()
    for name, rows in small().items():
        rows.write_parquet(folder / f"{name}.parquet")
    line = ["contribution", "from-omop", str(folder), "--disease", "aml", "-o", str(tmp_path / "o")]

    made = CliRunner().invoke(app, line)

    write_contribution(rewrite(small(), AML), about(), tmp_path / "expected")
    assert made.exit_code == 0, made.output
    for sheet in ("patients.csv", "measurement_haemoglobin.csv"):
        assert (tmp_path / "o" / sheet).read_bytes() == (tmp_path / "expected" / sheet).read_bytes()


def test_unused_tables_of_the_cdm_are_counted() -> None:
    """Every table of the way back that is about persons is accounted for."""
    devices = frame(
        "device_exposure", "device_exposure_id,person_id,device_concept_id\n1,1,19\n2,1,19"
    )

    rewritten = rewrite(small() | {"device_exposure": devices}, AML)

    assert "device_exposure" in CLINICAL
    assert reasons(rewritten, "device_exposure") == {(19, "no element reads this table"): 2}


def test_drugs_that_are_substances_come_along() -> None:
    """Ingredients become a sheet with start and end; products are counted, with the way out."""
    drugs = frame(
        "drug_exposure",
        "drug_exposure_id,person_id,drug_concept_id,drug_exposure_start_date,"
        "drug_exposure_end_date,verbatim_end_date\n"
        "1,1,1311078,2011-01-03,2011-01-09,\n"
        "2,1,1311799,2011-01-03,2011-01-03,\n"
        "3,1,1311799,2011-01-04,2011-01-04,2011-01-04\n"
        "4,1,19,2011-01-03,2011-01-03,",
    )

    rewritten = rewrite(small() | {"drug_exposure": drugs}, AML)

    (sheet,) = [sheet for sheet in rewritten.sheets if sheet.name == "drug_exposure"]
    assert sheet.frame["end"].is_null().to_list() == [False, True, False]
    assert {entry.element for entry in sheet.entries} >= {"drug", "drug_day", "drug_end_day"}
    (((concept, why), rows),) = reasons(rewritten, "drug_exposure").items()
    assert (concept, rows) == (19, 1)
    assert "map products to ingredients" in why
