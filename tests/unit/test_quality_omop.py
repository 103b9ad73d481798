"""OMOP tables that a partner brings: each way of getting them wrong is found, a good set passes."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import polars as pl
import pytest
import typer
from typer.testing import CliRunner

from haemony.harmonise.omop.cdm import UnknownTable, table
from haemony.intake.contribution import ContributionFault
from haemony.intake.omop import OmopContribution
from haemony.intake.readers.errors import MissingFile
from haemony.model.disease import disease
from haemony.quality.cdm import Finding
from haemony.quality.grade import COMPUTED, Level
from haemony.quality.mapping import UnknownMappingColumn
from haemony.quality.omop import OmopGrade, cdm_rules, grade_contribution, grade_tables
from haemony.services.cli import grading
from haemony.services.report.omop import omop_grade_page

AML = disease("aml")
PERSONS = range(1, 13)

PERSON = "person_id,gender_concept_id,year_of_birth,race_concept_id,ethnicity_concept_id\n" + (
    "".join(f"{i},{8507 if i % 2 else 8532},{1938 + 3 * i},0,0\n" for i in PERSONS)
)
PERIOD = (
    "observation_period_id,person_id,observation_period_start_date,observation_period_end_date,"
    "period_type_concept_id\n"
) + "".join(f"{i},{i},2011-02-{i:02},2014-05-{i:02},32879\n" for i in PERSONS)
DEATH = "person_id,death_date\n3,2012-08-09\n8,2013-01-30\n"
CONDITION = (
    "condition_occurrence_id,person_id,condition_concept_id,condition_start_date,"
    "condition_type_concept_id,condition_source_value,condition_status_source_value\n"
) + "".join(f"{i},{i},140352,2011-02-{i:02},32879,C92.0,\n" for i in PERSONS)
LABORATORY = ((3010813, 9444, 12.5), (3000963, 8713, 9.1), (3007461, 9444, 61))
MEASUREMENT = (
    "measurement_id,person_id,measurement_concept_id,measurement_date,measurement_type_concept_id,"
    "value_as_number,unit_concept_id\n"
) + "".join(
    f"{10 * i + k},{i},{concept},2011-02-{i:02},32879,{value},{unit}\n"
    for i in PERSONS
    for k, (concept, unit, value) in enumerate(LABORATORY)
)
OBSERVATION = (
    "observation_id,person_id,observation_concept_id,observation_date,observation_type_concept_id,"
    "value_as_number,unit_concept_id,observation_source_value\n"
) + "".join(f"{i},{i},4014046,2011-04-{i:02},32879,1,,CR\n" for i in PERSONS)

GOOD = {
    "person": PERSON,
    "observation_period": PERIOD,
    "death": DEATH,
    "condition_occurrence": CONDITION,
    "measurement": MEASUREMENT,
    "observation": OBSERVATION,
}

HEAD = """\
id: cdm
title: Small tables for a test (in silico)
partner: hospital
contact: nobody
disease: aml
source: {source}
in_silico: true
conditions_of_use: ["DUO:0000042"]
nulls: ["(null)"]
tables:
"""

Give = Callable[..., OmopContribution]


def describe(
    folder: Path, given: Mapping[str, str], *, source: str = "omop", more: str = ""
) -> None:
    """Write a contribution: one file per table."""
    lines = HEAD.format(source=source)
    for name, text in given.items():
        (folder / f"{name}.csv").write_text(text, encoding="utf-8")
        lines += f"  {name}: {{file: {name}.csv, layout: {{delimiter: ','}}}}\n"
    (folder / "contribution.yaml").write_text(lines + more, encoding="utf-8")


@pytest.fixture
def give(tmp_path: Path) -> Give:
    """Write a contribution in which some tables differ from the good ones; None leaves one out."""

    def write(*, more: str = "", **changed: str | None) -> OmopContribution:
        given = {n: text for n, text in {**GOOD, **changed}.items() if text is not None}
        describe(tmp_path, given, more=more)
        return OmopContribution.load(tmp_path)

    return write


def found(graded: OmopGrade, check: str) -> list[Finding]:
    """Every finding of a check."""
    return [weighed.finding for weighed in graded.findings if weighed.rule.check == check]


def only(graded: OmopGrade, check: str) -> Finding:
    """The one finding of a check."""
    (finding,) = found(graded, check)
    return finding


def test_good_tables_reach_level_3(give: Give) -> None:
    """Tables that tell sex, follow-up, deaths and core measurements have no finding at all."""
    graded = grade_contribution(give(), AML)

    assert graded.findings == ()
    assert graded.level is Level.PLAUSIBLE
    assert graded.patients == 12
    assert graded.rows["measurement"] == 36


def test_a_table_may_come_in_several_files(give: Give, tmp_path: Path) -> None:
    """The files of one table are judged as one."""
    give()
    header, *rows = PERSON.splitlines(keepends=True)
    (tmp_path / "person.csv").write_text(header + "".join(rows[:5]), encoding="utf-8")
    (tmp_path / "rest.csv").write_text(header + "".join(rows[5:]), encoding="utf-8")
    text = (tmp_path / "contribution.yaml").read_text(encoding="utf-8")
    text = text.replace("file: person.csv", "files: [person.csv, rest.csv]")
    (tmp_path / "contribution.yaml").write_text(text, encoding="utf-8")

    graded = grade_contribution(OmopContribution.load(tmp_path), AML)

    assert (graded.level, graded.patients) == (Level.PLAUSIBLE, 12)


# Level 0


def test_a_file_that_cannot_be_read_is_named(give: Give) -> None:
    """An empty file is a finding of level 0, and the other tables are judged all the same."""
    graded = grade_contribution(give(death=""), AML)

    assert graded.level is Level.UNGRADED
    assert only(graded, "readable file").explanation.startswith("death.csv: the file is empty")
    assert found(graded, "death")


def test_a_row_with_too_many_cells_is_a_flaw(give: Give) -> None:
    """What is cut in the wrong place is not trusted."""
    graded = grade_contribution(give(death=DEATH + "9,2013-01-30,32879\n"), AML)

    assert only(graded, "sound file").broken == 1
    assert graded.level is Level.UNGRADED


def test_a_column_that_the_cdm_does_not_have_is_found(give: Give) -> None:
    """Columns are compared by name, whatever their case."""
    graded = grade_contribution(
        give(death="PERSON_ID,Death_Date,cause\n3,2012-08-09,relapse\n"), AML
    )

    assert only(graded, "declared column").where == "death.cause"
    assert graded.level is Level.UNGRADED


# Level 1


@pytest.mark.parametrize(
    ("written", "where"),
    [
        ("three,2012-08-09", "death.person_id"),
        ("3.5,2012-08-09", "death.person_id"),
        ("3,09.08.2012", "death.death_date"),
        ("3,2012-13-09", "death.death_date"),
    ],
)
def test_a_value_of_another_type_is_found(give: Give, written: str, where: str) -> None:
    """Whole numbers and ISO dates, as the CDM declares them."""
    graded = grade_contribution(give(death=f"person_id,death_date\n{written}\n"), AML)

    assert only(graded, "type").where == where
    assert graded.level is Level.RECEIVED


def test_what_databases_export_is_understood(give: Give) -> None:
    """Midnights in date fields, whole numbers with .0 and the declared null are no slips."""
    text = (
        "person_id,death_date,death_datetime,cause_concept_id\n"
        "3.0,2012-08-09 00:00:00,2012-08-09T04:30:00.000,(null)\n"
    )

    assert grade_contribution(give(death=text), AML).findings == ()


def test_keys_of_64_bits_stay_apart(give: Give) -> None:
    """Two ids that one float would hold are two persons."""
    head = PERSON.splitlines()[0]
    two = f"{head}\n9007199254740992,8507,1950,0,0\n9007199254740993,8532,1950,0,0\n"

    graded = grade_contribution(give(person=two), AML)

    assert graded.patients == 2
    assert not found(graded, "unique key")


def test_required_fields_keys_and_references_are_checked(give: Give) -> None:
    """A missing race, a repeated key and an event of nobody stand against level 1."""
    persons = PERSON.replace("1,8507,1941,0,0", "1,8507,1941,,0")
    repeated = OBSERVATION.replace("\n2,2,", "\n1,2,")

    graded = grade_contribution(
        give(person=persons, observation=repeated, death=DEATH + "77,2012-01-01\n"), AML
    )

    assert only(graded, "required").where == "person.race_concept_id"
    assert only(graded, "unique key").where == "observation.observation_id"
    assert only(graded, "reference").where == "death.person_id"
    assert graded.level is Level.RECEIVED


def test_without_persons_there_is_nothing_to_point_to(give: Give) -> None:
    """The person table is asked for by name; tables without a single patient reach no level 1."""
    absent = grade_contribution(give(person=None), AML)
    header = PERSON.splitlines()[0] + "\n"
    empty = grade_contribution(give(person=header), AML)

    assert only(absent, "table").explanation == "the person table was not brought"
    assert only(empty, "table").explanation == "the person table has no rows"
    assert absent.level is empty.level is Level.RECEIVED


def test_no_matching_concept_is_a_reference_to_nothing_lost() -> None:
    """Concept 0 says that no concept matches; a vocabulary without a row for it is no fault."""
    persons = table("person").shape(
        pl.DataFrame({"person_id": [1], "gender_concept_id": [8507], "year_of_birth": [1950],
                      "race_concept_id": [0], "ethnicity_concept_id": [4]})
    )  # fmt: skip
    vocabulary = table("concept").shape(
        pl.DataFrame({"concept_id": [8507, 8532], "domain_id": ["Gender", "Gender"]})
    )

    graded = grade_tables({"person": persons, "concept": vocabulary}, AML)

    references = [f.field for f in found(graded, "reference") if f.table == "person"]
    assert references == ["ethnicity_concept_id"]


# Level 2


def test_what_a_study_needs_must_be_told(give: Give) -> None:
    """Without follow-up, deaths and a core measurement the tables stay at level 1."""
    without_platelets = "".join(
        line for line in MEASUREMENT.splitlines(keepends=True) if ",3007461," not in line
    )

    graded = grade_contribution(
        give(observation_period=None, death=None, measurement=without_platelets), AML
    )

    assert [w.rule.check for w in graded.findings] == [
        "observation period", "death", "core measurement",
    ]  # fmt: skip
    assert "Platelet count" in only(graded, "core measurement").explanation
    assert graded.level is Level.CONFORMANT


def test_unknown_sex_counts_as_unknown(give: Give) -> None:
    """0 and 8551 are honest, and say that the sex is not known."""
    graded = grade_contribution(give(person=PERSON.replace(",8507,", ",0,")), AML)

    assert (only(graded, "sex").broken, only(graded, "sex").rows) == (6, 12)
    assert not found(graded, "gender concept")


def test_a_few_missing_values_are_no_finding(give: Give) -> None:
    """The disease sets the share of patients for whom a core value must be known."""
    lines = MEASUREMENT.splitlines(keepends=True)

    assert grade_contribution(give(measurement="".join(lines[:-6])), AML).findings == ()


# Level 3


def test_sex_that_is_no_gender_concept(give: Give) -> None:
    """Concepts of another domain in gender_concept_id are named."""
    graded = grade_contribution(give(person=PERSON.replace(",8507,", ",442985,")), AML)

    finding = only(graded, "gender concept")
    assert (finding.broken, finding.rows) == (6, 12)
    assert "442985" in finding.explanation


def test_events_before_birth_on_one_placeholder_date(give: Give) -> None:
    """A constant date is told as what it is: before birth, before 1900, the same for everybody."""
    constant = "".join(
        line if i == 0 else line.replace(f"2011-02-{i:02}", "1800-01-01")
        for i, line in enumerate(CONDITION.splitlines(keepends=True))
    )

    graded = grade_contribution(give(condition_occurrence=constant), AML)

    for check in ("after birth", "plausible date", "one date"):
        assert (only(graded, check).broken, only(graded, check).rows) == (12, 12), check
    assert not found(graded, "reckoned birth")
    assert graded.level is Level.COMPLETE


def test_an_event_after_death(give: Give) -> None:
    """One event in twelve is more than the one in a hundred that is tolerated."""
    late = OBSERVATION.replace("2011-04-03", "2013-04-03")

    assert only(grade_contribution(give(observation=late), AML), "before death").broken == 1


@pytest.mark.parametrize("absent", ["0", "No", "absent"])
def test_an_absent_finding_is_no_condition(give: Give, absent: str) -> None:
    """Rows that say 'absent' are counted, and so is what a count of the concept would say."""
    lines = [line.removesuffix("\n") for line in CONDITION.splitlines(keepends=True)]
    marked = [line + (absent if i > 2 else "1") for i, line in enumerate(lines[1:], 1)]

    graded = grade_contribution(
        give(condition_occurrence="\n".join([lines[0], *marked]) + "\n"), AML
    )

    finding = only(graded, "absent finding")
    assert finding.where == "condition_occurrence.condition_status_source_value"
    assert (finding.broken, finding.rows) == (10, 12)
    assert "12 cases, of which 2 are real" in finding.explanation


def test_an_absent_finding_in_a_value_column(give: Give) -> None:
    """A value column of the partner's own is looked at too, and so is a status concept."""
    head, *lines = CONDITION.splitlines()
    rows = [f"{line},{int(i < 3)}" for i, line in enumerate(lines)]
    valued = "\n".join([head + ",value_as_number", *rows]) + "\n"
    coded = CONDITION.replace("condition_status_source_value", "condition_status_concept_id")
    coded = coded.replace("C92.0,", "C92.0,4132135")

    assert only(
        grade_contribution(give(condition_occurrence=valued), AML), "absent finding"
    ).broken == 9  # fmt: skip
    assert only(
        grade_contribution(give(condition_occurrence=coded), AML), "absent finding"
    ).broken == 12  # fmt: skip


def test_one_concept_for_several_findings(give: Give) -> None:
    """-5 and -7 of one patient under one concept cannot be told apart; the concept is named."""
    more = "".join(
        f"{100 * k + i},{i},4311407,2011-02-{i:02},32879,0,,{what}\n"
        for i in PERSONS
        for k, what in enumerate(("minus.5", "minus.7"), 1)
    )

    finding = only(grade_contribution(give(observation=OBSERVATION + more), AML), "one concept")

    assert (finding.broken, finding.rows) == (24, 36)
    assert "4311407 stands for minus.5, minus.7" in finding.explanation


def test_a_source_text_of_few_patients_is_never_shown(give: Give) -> None:
    """What fewer than ten patients share may be a note about one of them."""
    more = "".join(
        f"{100 * k + i},{i},4311407,2011-02-{i:02},32879,0,,note {k} on {i}\n"
        for i in PERSONS
        for k in (1, 2)
    )

    graded = grade_contribution(give(observation=OBSERVATION + more), AML)

    assert only(graded, "one concept").broken == 24
    assert "note" not in "".join(weighed.reason for weighed in graded.findings)


def test_laboratory_values_belong_to_measurement(give: Give) -> None:
    """A number in mmol/L is a laboratory value, whatever its concept."""
    more = "".join(f"{100 + i},{i},4244232,2011-02-{i:02},32879,5.1,8753,HB\n" for i in PERSONS)

    finding = only(
        grade_contribution(give(observation=OBSERVATION + more), AML), "laboratory value"
    )

    assert (finding.broken, finding.rows) == (12, 24)
    assert "4244232 (haemoglobin)" in finding.explanation


def test_months_of_a_survival_rate(give: Give) -> None:
    """A rate in months is neither a rate nor a time."""
    more = "".join(f"{100 + i},{i},40482950,2011-02-{i:02},32879,17,9580,OS\n" for i in PERSONS)

    finding = only(grade_contribution(give(observation=OBSERVATION + more), AML), "quantity")

    assert finding.broken == 12
    assert finding.explanation == "40482950 (rate of survival) has values in the unit 9580 (month)"


@pytest.mark.parametrize(
    ("name", "old", "new", "where"),
    [
        ("observation", ",4014046,", ",36017899,", "observation.observation_concept_id"),
        ("condition_occurrence", ",140352,", ",9444,", "condition_occurrence.condition_concept_id"),
        ("measurement", ",9444\n", ",35949045\n", "measurement.unit_concept_id"),
    ],
)
def test_a_concept_outside_its_domain(
    give: Give, name: str, old: str, new: str, where: str
) -> None:
    """A test among observations, a unit among conditions, a gene among units."""
    graded = grade_contribution(give(**{name: GOOD[name].replace(old, new)}), AML)

    assert only(graded, "domain").where == where


def test_births_before_1900(give: Give) -> None:
    """Nobody in care today was born then."""
    old = PERSON.replace(",1941,", ",1880,").replace(",1944,", ",1881,")

    finding = only(grade_contribution(give(person=old), AML), "birth year")

    assert (finding.broken, finding.rows) == (2, 12)


def test_births_reckoned_from_ages_with_one_year(give: Give) -> None:
    """Birth plus age is one and the same year for all, and not the year of the record."""
    ages = "".join(
        f"{100 + i},{i},2000000101,2011-02-{i:02},32879,{2005 - (1938 + 3 * i)},9448,AGE\n"
        for i in PERSONS
    )
    true = "".join(
        f"{100 + i},{i},2000000101,2011-02-{i:02},32879,{2011 - (1938 + 3 * i)},9448,AGE\n"
        for i in PERSONS
    )

    constant = grade_contribution(give(observation=OBSERVATION + ages), AML)
    sound = grade_contribution(give(observation=OBSERVATION + true), AML)

    assert (only(constant, "reckoned birth").broken, constant.level) == (12, Level.COMPLETE)
    assert sound.findings == ()


# The mapping table

MAPPING = """
mapping: {file: mapping.csv, column: column, text: text, concept: concept, kind: kind, units: UNIT}
"""
MAPPED = """\
column;text;concept;kind
WBCU;Gpt/l;35949045;UNIT
HBU;mmol/l;8753;UNIT
minus.5;0;4311407;
minus.7;0;4311407;
sex;m/f;;
"""


def test_a_unit_mapped_to_a_gene(give: Give, tmp_path: Path) -> None:
    """Gpt/l is 10^9/L and no transaminase; columns that share a concept are a note."""
    (tmp_path / "mapping.csv").write_text(MAPPED, encoding="utf-8")

    graded = grade_contribution(give(more=MAPPING), AML)

    unit, shared = only(graded, "unit concept"), only(graded, "mapped once")
    assert (unit.broken, unit.rows) == (1, 2)
    assert unit.explanation.startswith("the unit Gpt/l is mapped to 35949045")
    assert "4311407 stands for minus.5, minus.7" in shared.explanation
    assert [w.rule.check for w in graded.findings if w.blocks] == ["unit concept"]


def test_a_mapping_table_without_the_named_column(give: Give, tmp_path: Path) -> None:
    """The description is wrong, not the data: it is refused with the column's name."""
    (tmp_path / "mapping.csv").write_text("column;text\na;b\n", encoding="utf-8")

    with pytest.raises(UnknownMappingColumn, match="'concept'"):
        grade_contribution(give(more=MAPPING), AML)


# The description


def test_only_omop_tables_come_without_a_dictionary(tmp_path: Path) -> None:
    """Another source is sent to the check that reads a dictionary."""
    describe(tmp_path, GOOD, source="registry")

    with pytest.raises(ContributionFault, match="haemony contribution check"):
        OmopContribution.load(tmp_path)


def test_an_unknown_table_and_an_absent_file_are_refused(give: Give, tmp_path: Path) -> None:
    """Both are slips of the description, with a message of their own."""
    with pytest.raises(UnknownTable, match="patients"):
        grade_contribution(give(patients="a\n1\n"), AML)
    contribution = give()
    (tmp_path / "death.csv").unlink()
    with pytest.raises(MissingFile):
        grade_contribution(contribution, AML)


# The report


def test_every_rule_says_why_and_how_to_mend() -> None:
    """The rules are complete, ordered by level, and every level has some."""
    rules = list(cdm_rules().values())

    assert all(rule.title and rule.why and rule.mend and rule.counts for rule in rules)
    assert [rule.level for rule in rules] == sorted(rule.level for rule in rules)
    assert {rule.level for rule in rules} == set(COMPUTED)


def test_the_page_says_why_in_words(give: Give) -> None:
    """What was found, how often, why it matters and how to mend it; nothing runs, nothing loads."""
    contribution = give(person=PERSON.replace(",8507,", ",442985,"))

    page = omop_grade_page(contribution, grade_contribution(contribution, AML))

    assert "In silico" in page
    assert "Level 3 is not reached" in page
    assert "6 of 12 rows" in page
    assert cdm_rules()["gender concept"].mend.split(";")[0].split("'")[0] in page
    assert "<script" not in page
    assert "http://" not in page


def test_the_command_tells_the_level(give: Give, tmp_path: Path) -> None:
    """Exit 0 at level 3, exit 1 below; JSON for programs, a page for people."""
    app = typer.Typer()
    grading.add_to(app)
    app.callback()(lambda: None)
    run, page = CliRunner(), tmp_path / "grade.html"

    give()
    good = run.invoke(app, ["grade", str(tmp_path), "--json"])
    give(death=None)
    bad = run.invoke(app, ["grade", str(tmp_path), "--json", "--html", str(page)])
    told = run.invoke(app, ["grade", str(tmp_path)])

    assert (good.exit_code, json.loads(good.stdout)["level"]) == (0, 3)
    assert (bad.exit_code, json.loads(bad.stdout)["level"]) == (1, 1)
    assert json.loads(bad.stdout)["findings"][0]["check"] == "death"
    assert page.is_file()
    assert told.exit_code == 1
    assert "level 2 complete: does not hold" in told.stdout
