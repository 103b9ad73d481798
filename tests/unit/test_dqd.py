"""The DataQualityDashboard's check types: each finds what is planted, and nothing else."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

import haemony as hm
from haemony.harmonise.omop.cdm import UnknownTable, table
from haemony.harmonise.vocabulary import Vocabulary
from haemony.model.tables import TableSlip
from haemony.quality import dqd
from haemony.quality.dqd import Impact, Results, Status, Thresholds, conditions
from haemony.quality.dqd.definitions import checks, types
from haemony.quality.dqd.document import document, encode
from haemony.quality.dqd.thresholds import UnknownCheck
from haemony.services.cli import app
from haemony.services.cli.checks import tables_of
from haemony.services.report.checks import checks_page

TODAY = date(2026, 1, 15)
MALE, FEMALE, LEUKAEMIA, WHITE_CELLS, BILLION, REGISTRY = 8507, 8532, 140352, 3010813, 9444, 32879
ONE_SEX = 197236
"""A condition that the R package takes for one of women alone."""

Tables = dict[str, pl.DataFrame]


def day(text: str) -> date:
    """A day as ISO 8601."""
    return date.fromisoformat(text)


def sound() -> Tables:
    """Two patients: a man who died, a woman who lives. Nothing is wrong with what is there."""
    begin, end, last = day("2020-03-01"), day("2020-03-10"), day("2021-05-04")
    return {
        "person": pl.DataFrame(
            {
                "person_id": [1, 2],
                "gender_concept_id": [MALE, FEMALE],
                "gender_source_value": ["m", "f"],
                "year_of_birth": [1950, 1961],
                "race_concept_id": [0, 0],
                "ethnicity_concept_id": [0, 0],
            }
        ),
        "observation_period": pl.DataFrame(
            {
                "observation_period_id": [1, 2],
                "person_id": [1, 2],
                "observation_period_start_date": [begin, begin],
                "observation_period_end_date": [last, last],
                "period_type_concept_id": [REGISTRY, REGISTRY],
            }
        ),
        "visit_occurrence": pl.DataFrame(
            {
                "visit_occurrence_id": [11, 12],
                "person_id": [1, 2],
                "visit_concept_id": [9201, 9201],
                "visit_start_date": [begin, begin],
                "visit_end_date": [end, end],
                "visit_type_concept_id": [REGISTRY, REGISTRY],
            }
        ),
        "condition_occurrence": pl.DataFrame(
            {
                "condition_occurrence_id": [21, 22, 23],
                "person_id": [1, 2, 2],
                "condition_concept_id": [LEUKAEMIA, LEUKAEMIA, ONE_SEX],
                "condition_start_date": [begin, begin, begin],
                "condition_end_date": [end, None, end],
                "condition_type_concept_id": [REGISTRY, REGISTRY, REGISTRY],
                "condition_source_value": ["C92.0", "C92.0", "N85"],
                "condition_source_concept_id": [LEUKAEMIA, LEUKAEMIA, ONE_SEX],
                "visit_occurrence_id": [11, 12, None],
            }
        ),
        "condition_era": pl.DataFrame(
            {
                "condition_era_id": [1, 2],
                "person_id": [1, 2],
                "condition_concept_id": [LEUKAEMIA, LEUKAEMIA],
                "condition_era_start_date": [begin, begin],
                "condition_era_end_date": [end, end],
                "condition_occurrence_count": [1, 1],
            }
        ),
        "drug_era": pl.DataFrame(
            {
                "drug_era_id": [1, 2],
                "person_id": [1, 2],
                "drug_concept_id": [1311078, 1311078],
                "drug_era_start_date": [begin, begin],
                "drug_era_end_date": [end, end],
                "drug_exposure_count": [1, 2],
                "gap_days": [0, 0],
            }
        ),
        "measurement": pl.DataFrame(
            {
                "measurement_id": [31, 32, 33],
                "person_id": [1, 2, 2],
                "measurement_concept_id": [WHITE_CELLS] * 3,
                "measurement_date": [begin, begin, end],
                "measurement_type_concept_id": [REGISTRY] * 3,
                "value_as_number": [12.5, 3.1, 4.0],
                "unit_concept_id": [BILLION, BILLION, None],
                "unit_source_value": ["Gpt/l", "Gpt/l", None],
                "measurement_source_value": ["WBC", "WBC", "WBC"],
                "measurement_source_concept_id": [WHITE_CELLS] * 3,
                "visit_occurrence_id": [11, 12, 12],
            }
        ),
        "death": pl.DataFrame(
            {"person_id": [1], "death_date": [last], "death_type_concept_id": [REGISTRY]}
        ),
        "concept": _concepts(),
        "concept_ancestor": pl.DataFrame(
            {"ancestor_concept_id": [444094, 4025213], "descendant_concept_id": [ONE_SEX, 5]}
        ),
    }


def _concepts() -> pl.DataFrame:
    rows = [
        (0, "Metadata", "Undefined", None),
        (MALE, "Gender", "Gender", "S"),
        (FEMALE, "Gender", "Gender", "S"),
        (9201, "Visit", "Visit", "S"),
        (REGISTRY, "Type Concept", "Type Concept", "S"),
        (LEUKAEMIA, "Condition", "Disorder", "S"),
        (ONE_SEX, "Condition", "Disorder", "S"),
        (WHITE_CELLS, "Measurement", "Lab Test", "S"),
        (BILLION, "Unit", "Unit", "S"),
        (1311078, "Drug", "Ingredient", "S"),
        (44, "Drug", "Clinical Drug", None),
    ]
    columns = ["concept_id", "domain_id", "concept_class_id", "standard_concept"]
    return pl.DataFrame(rows, schema=columns, orient="row").with_columns(
        invalid_reason=pl.lit(None, pl.String)
    )


def run(tables: Tables) -> Results:
    """Run the checks on a fixed day."""
    return dqd.run(tables, today=TODAY)


Change = Callable[[pl.DataFrame], pl.DataFrame]


def put(row: int, **cells: object) -> Change:
    """Write other values into one row."""

    def change(frame: pl.DataFrame) -> pl.DataFrame:
        here = pl.int_range(pl.len()) == row
        return frame.with_columns(
            pl.when(here)
            .then(pl.lit(value, frame.schema.get(name)))
            .otherwise(pl.col(name) if name in frame.columns else None)
            .alias(name)
            for name, value in cells.items()
        )

    return change


PLANTED = """
measurePersonCompleteness | condition_era | 0 | person_id = 2 | 1 of 2 | 1
isRequired | person.gender_concept_id | 1 | = | 1 of 2 | 2
isForeignKey | measurement.person_id | 0 | = 7 | 1 of 3 | 31
isForeignKey | death.death_type_concept_id | 0 | = 99 | 1 of 1 | 1
fkDomain | person.gender_concept_id | 0 | = 9444 | 1 of 2 | 1
fkClass | drug_era.drug_concept_id | 0 | = 44 | 1 of 2 | 1
isStandardValidConcept | drug_era.drug_concept_id | 1 | = 44 | 1 of 2 | 2
measureValueCompleteness | measurement.value_as_number | 1 | = | 1 of 3 | 32
standardConceptRecordCompleteness | measurement.measurement_concept_id | 0 | = 0 | 1 of 3 | 31
standardConceptRecordCompleteness | measurement.unit_concept_id | 1 | = | 1 of 2 | 32
sourceConceptRecordCompleteness | measurement.measurement_source_concept_id | 0 | = 0 | 1 of 3 | 31
sourceValueCompleteness | person.gender_source_value | 0 | gender_concept_id = 0 | 1 of 2 | 1
plausibleValueLow | person.year_of_birth | 0 | = 1849 | 1 of 2 | 1
plausibleValueLow | measurement.measurement_date | 0 | = 1949-12-31 | 1 of 3 | 31
plausibleValueHigh | measurement.measurement_date | 0 | = 2026-01-17 | 1 of 3 | 31
plausibleValueHigh | person.year_of_birth | 0 | = 2028 | 1 of 2 | 1
plausibleTemporalAfter | measurement.measurement_date | 2 | = 1961-05-31 | 1 of 3 | 33
plausibleTemporalAfter | condition_occurrence.condition_end_date | 0 | = 2020-02-28 | 1 of 3 | 21
plausibleDuringLife | condition_occurrence.condition_start_date | 0 | = 2021-07-04 | 1 of 1 | 21
plausibleBeforeDeath | measurement.measurement_date | 0 | = 2021-07-04 | 1 of 1 | 31
plausibleAfterBirth | measurement.measurement_date | 1 | = 1960-12-31 | 1 of 3 | 32
plausibleStartBeforeEnd | condition_occurrence.condition_start_date | 2 | = 2020-03-11 | 1 of 2 | 23
withinVisitDates | measurement.measurement_date | 2 | = 2020-03-18 | 1 of 3 | 33
plausibleGender | condition_occurrence.condition_concept_id.197236 | 2 | person_id = 1 | 1 of 1 | 23
plausibleUnitConceptIds | measurement.measurement_concept_id.3010813 | 2 | {unit} | 1 of 3 | 33
"""
"""Check, place, the row that is changed, its new value (of another field where one is named), what
is counted, and the key of the row found.
"""

BY_ID = {check.id: check for check in checks()}
SOUND = run(sound())


def planted() -> list[tuple[str, ...]]:
    """The lines of the table above."""
    lines = PLANTED.strip().splitlines()
    return [tuple(cell.strip() for cell in line.split("|")) for line in lines]


@pytest.mark.parametrize(("kind", "place", "row", "cell", "counts", "found"), planted())
def test_what_is_planted_is_found_and_nothing_else(
    kind: str, place: str, row: str, cell: str, counts: str, found: str
) -> None:
    """No row breaks it before the flaw, one after it: counted of the right ones, and named."""
    check = "_".join((types()[kind].level, kind, *place.split("."))).lower()
    tables, name = sound(), BY_ID[check].table
    cell = cell.replace("{unit}", "unit_concept_id = 8554")
    field, _, text = (part.strip() for part in cell.partition("="))

    flawed = put(int(row), **{field or BY_ID[check].field: _value(text)})(tables[name])
    after = run({**tables, name: flawed})[check]

    assert SOUND[check].tally.broken == 0
    assert f"{after.tally.broken} of {after.tally.rows}" == counts
    assert after.tally.examples == (int(found),)
    assert after.tally.patients == 1
    assert counts in after.question


def _value(text: str) -> object:
    if not text:
        return None
    return day(text) if "-" in text else int(text)


def test_rows_that_share_a_key_are_all_found() -> None:
    """A repeated key counts every row that bears it, not only the later ones."""
    tables = sound()
    tables["measurement"] = pl.concat([tables["measurement"], tables["measurement"][2:]])

    found = run(tables)["field_isprimarykey_measurement_measurement_id"]

    assert (found.tally.broken, found.tally.rows, found.tally.examples) == (2, 4, (33,))


def test_a_patient_with_conditions_and_no_era_is_found() -> None:
    """Of the patients with a mapped condition, those without an era; 0 is no condition."""
    tables = sound()
    tables["condition_era"] = tables["condition_era"][:1]
    unmapped = put(0, condition_concept_id=0)(tables["condition_occurrence"])
    check = "table_measureconditioneracompleteness_condition_era"

    found = run(tables)[check].tally
    fewer = run({**tables, "condition_occurrence": unmapped})[check].tally

    assert (found.broken, found.rows, found.examples) == (1, 2, (2,))
    assert (fewer.broken, fewer.rows) == (1, 1)


@pytest.mark.parametrize(
    ("start", "broken"), [("2021-05-04", 1), ("2021-05-05", 1), ("2021-05-06", 0)]
)
def test_periods_that_overlap_or_touch_are_found(start: str, broken: int) -> None:
    """The next day is still the same period; the day after that is another."""
    tables = sound()
    later = put(
        0,
        observation_period_id=3,
        observation_period_start_date=day(start),
        observation_period_end_date=day("2021-06-01"),
    )(tables["observation_period"])[:1]
    tables["observation_period"] = pl.concat([tables["observation_period"], later])

    found = run(tables)["table_measureobservationperiodoverlap_observation_period"].tally

    assert (found.broken, found.rows) == (broken, 2)


def test_sound_tables_fail_nothing_but_for_what_was_not_brought() -> None:
    """Every judged check passes; only the absence of whole tables and optional fields is told."""
    results = SOUND

    assert {r.check.type.name for r in results.failures} == {"cdmTable", "cdmField"}
    absent = {result.check.table for result in results.failures if not result.check.field}
    assert not absent & sound().keys()
    assert not results.of(Status.ERROR) or all(
        "absent" in result.reason for result in results.of(Status.ERROR)
    )


def test_whatever_is_no_whole_number_is_found() -> None:
    """Text and fractions in a field of whole numbers are counted; a whole float is not one."""
    tables = sound()
    tables["person"] = tables["person"].with_columns(
        year_of_birth=pl.Series(["1950", "19x1"]), month_of_birth=pl.Series([4.0, 4.5])
    )

    results = run(tables)

    assert results["field_cdmdatatype_person_year_of_birth"].tally.broken == 1
    assert results["field_cdmdatatype_person_month_of_birth"].tally.broken == 1
    assert results["field_cdmdatatype_person_person_id"].tally.broken == 0


def test_a_concept_below_one_of_the_other_sex_is_found() -> None:
    """The hierarchy of the vocabulary tells which concepts belong to one sex."""
    check = next(
        c
        for c in checks()
        if c.id.startswith("concept_plausiblegenderusedesc") and 444094 in c.concepts
    )
    tables = sound()

    assert run(tables)[check.id].tally.broken == 0
    tables["condition_occurrence"] = put(2, person_id=1)(tables["condition_occurrence"])
    found = run(tables)[check.id]

    assert (found.tally.broken, found.tally.rows, found.tally.examples) == (1, 1, (23,))
    assert found.status is Status.FAILED
    assert "patients who are not female" in found.question


def test_absent_tables_and_fields_are_told_once() -> None:
    """An absent table fails cdmTable alone; an absent field fails cdmField alone."""
    tables = sound()
    del tables["death"]
    tables["person"] = tables["person"].drop("year_of_birth")

    results = run(tables)

    assert results["table_cdmtable_death"].status is Status.FAILED
    assert results["field_cdmfield_person_year_of_birth"].status is Status.FAILED
    others = [
        result
        for result in results
        if result.check.table == "death" or result.check.field == "year_of_birth"
        if result.check.type.name not in {"cdmTable", "cdmField"}
    ]
    assert {result.status for result in others} == {Status.NOT_APPLICABLE}
    assert results["field_cdmfield_death_death_date"].reason == "the table death is absent"
    reason = results["field_isrequired_person_year_of_birth"].reason
    assert reason == "person has no field year_of_birth"


def test_an_empty_table_says_nothing_but_that_patients_have_no_rows() -> None:
    """Checks of fields are not applicable; cdmField and measurePersonCompleteness still speak."""
    tables = sound()
    tables["measurement"] = table("measurement").empty()

    results = run(tables)

    assert results["field_isrequired_measurement_person_id"].reason == "measurement has no rows"
    assert results["field_cdmfield_measurement_person_id"].status is Status.PASSED
    persons = results["table_measurepersoncompleteness_measurement"]
    assert (persons.status, persons.tally.broken) == (Status.FAILED, 2)


def test_an_empty_field_is_not_applicable_unless_its_emptiness_is_the_question() -> None:
    """Two checks judge a field without a single value: isRequired, measureValueCompleteness."""
    tables = sound()
    tables["measurement"] = tables["measurement"].with_columns(
        measurement_type_concept_id=pl.lit(None, pl.Int64)
    )
    place = "measurement_measurement_type_concept_id"

    results = run(tables)

    assert results[f"field_isrequired_{place}"].status is Status.FAILED
    assert results[f"field_measurevaluecompleteness_{place}"].tally.broken == 3
    for kind in ("cdmdatatype", "fkdomain", "isforeignkey", "isstandardvalidconcept"):
        found = results[f"field_{kind}_{place}"]
        assert found.reason == "measurement_type_concept_id of measurement has no value", kind


def test_a_concept_that_nobody_has_is_not_applicable() -> None:
    """A check of a concept speaks only where the concept occurs."""
    found = SOUND["concept_plausiblegender_condition_occurrence_condition_concept_id_26662"]

    assert found.status is Status.NOT_APPLICABLE
    assert found.reason == "no row of condition_occurrence has the concept 26662"


@pytest.mark.parametrize("labels", [True, False])
def test_without_a_vocabulary_concepts_are_not_judged(labels: bool) -> None:
    """Without CONCEPT nothing is looked up; a CONCEPT of labels serves references alone."""
    tables = sound()
    del tables["concept_ancestor"]
    if labels:
        tables["concept"] = tables["concept"].select("concept_id")
    else:
        del tables["concept"]

    results = run(tables)

    for kind in ("fkdomain", "isstandardvalidconcept"):
        reason = results[f"field_{kind}_person_gender_concept_id"].reason
        assert reason.startswith("it needs a vocabulary, and"), kind
    reference = results["field_isforeignkey_person_gender_concept_id"]
    assert reference.status is (Status.PASSED if labels else Status.NOT_APPLICABLE)
    assert "concept_ancestor is absent" in results[_below()].reason


def _below() -> str:
    return next(c.id for c in checks() if c.type.name == "plausibleGenderUseDescendants")


def test_a_check_that_lacks_another_table_is_an_error() -> None:
    """As in the R package, whose query would fail: the reason names what is lacking."""
    tables = sound()
    del tables["death"], tables["condition_era"]

    results = run(tables)

    found = results["field_plausiblebeforedeath_measurement_measurement_date"]
    assert (found.status, found.reason) == (
        Status.ERROR,
        "it needs the table death, which is absent",
    )
    eras = results["table_measureconditioneracompleteness_condition_era"]
    assert eras.status is Status.ERROR


def test_eras_are_not_asked_for_without_conditions() -> None:
    """Nothing to build eras from: not applicable, however empty the eras are."""
    tables = sound()
    tables["condition_occurrence"] = tables["condition_occurrence"].clear()
    tables["condition_era"] = tables["condition_era"].clear()

    found = run(tables)["table_measureconditioneracompleteness_condition_era"]

    assert found.reason == "condition_occurrence has no rows"


def test_other_thresholds_change_verdicts_and_read_nothing() -> None:
    """A share beyond the threshold fails, one at the threshold passes; the counts stay."""
    tables = sound()
    tables["measurement"] = put(1, value_as_number=None)(tables["measurement"])
    check = "field_measurevaluecompleteness_measurement_value_as_number"
    results = run(tables)

    strict = results.judged({check: 33})
    lenient = results.judged({check: 34})

    assert results[check].status is Status.PASSED
    assert (strict[check].status, lenient[check].status) == (Status.FAILED, Status.PASSED)
    assert strict.outcomes is results.outcomes
    assert strict[check].percent == 33.33
    assert results.judged({check: 0})[check].status is Status.FAILED
    with pytest.raises(UnknownCheck, match="field_nothing"):
        results.judged({"field_nothing": 1})


def test_thresholds_are_read_from_our_table_or_theirs(tmp_path: Path) -> None:
    """Ours names what it means, the narrower row weighs more; theirs has a column per check."""
    ours, theirs = tmp_path / "ours.csv", tmp_path / "theirs.csv"
    ours.write_text(
        "check,table,field,concept,threshold\n"
        "measureValueCompleteness,,,,50\n"
        "measureValueCompleteness,measurement,,,20\n"
        "plausibleUnitConceptIds,measurement,,3010813,9\n"
    )
    theirs.write_text(
        "cdmTableName,cdmFieldName,isRequired,isRequiredThreshold,measureValueCompletenessThreshold\n"
        "MEASUREMENT,value_as_number,No,,15\n"
    )
    number = BY_ID["field_measurevaluecompleteness_measurement_value_as_number"]
    birth = BY_ID["field_measurevaluecompleteness_person_month_of_birth"]
    unit = BY_ID["concept_plausibleunitconceptids_measurement_measurement_concept_id_3010813"]

    read = Thresholds.read(ours)

    assert [read.of(check) for check in (number, birth, unit)] == [20, 50, 9]
    assert [Thresholds.read(theirs).of(check) for check in (number, birth)] == [15, 100]


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("isRequired,,,,most", TableSlip),
        ("isRequired,,,,101", TableSlip),
        ("no,,,,1", UnknownCheck),
    ],
)
def test_a_threshold_that_cannot_be_is_named(
    line: str, fault: type[Exception], tmp_path: Path
) -> None:
    """A slip in a table of thresholds stops the run; nothing is guessed."""
    path = tmp_path / "thresholds.csv"
    path.write_text(f"check,table,field,concept,threshold\n{line}\n")

    with pytest.raises(fault):
        Thresholds.read(path)


def test_impact_follows_what_a_failure_breaks() -> None:
    """The CDM: high. A convention, or half of the rows: medium. Else low."""
    tables = sound()
    measured = put(0, person_id=7, measurement_date=day("1900-01-01"))(tables["measurement"])
    tables["measurement"] = measured
    tables["drug_era"] = put(0, drug_concept_id=44)(tables["drug_era"])
    results = run(tables)

    assert results["field_isforeignkey_measurement_person_id"].impact is Impact.HIGH
    assert results["field_fkclass_drug_era_drug_concept_id"].impact is Impact.MEDIUM
    assert results["field_plausiblevaluelow_measurement_measurement_date"].impact is Impact.LOW
    assert [r.impact for r in results.failures] == sorted(
        (r.impact for r in results.failures), key=list(Impact).index
    )


def test_a_table_that_the_cdm_does_not_have_is_refused() -> None:
    """A misspelt table is not silently left out."""
    with pytest.raises(UnknownTable):
        run({"persons": pl.DataFrame()})


def test_lazy_tables_give_the_same_results(tmp_path: Path) -> None:
    """In memory or on disk: every tally is the same."""
    tables = sound()
    lazy = {}
    for name, frame in tables.items():
        frame.write_parquet(tmp_path / f"{name}.parquet")
        lazy[name] = pl.scan_parquet(tmp_path / f"{name}.parquet")

    assert dqd.run(lazy, today=TODAY).outcomes == run(tables).outcomes


def test_the_document_has_the_shape_of_the_r_package() -> None:
    """Keys, nesting and arithmetic of its JSON; the same tables give the same bytes."""
    results = run(sound())
    metadata = {"cdmSourceName": "two patients"}

    text = encode(results, metadata)
    read = json.loads(text)

    assert text == encode(run(sound()), metadata)
    assert read == document(results, metadata)
    assert read["Metadata"] == [metadata]
    overview = {key: value for key, [value] in read["Overview"].items()}
    assert overview["countTotal"] == len(read["CheckResults"]) == len(checks())
    assert overview["countPassed"] + overview["countOverallFailed"] == overview["countTotal"]
    by_id = {row["checkId"]: row for row in read["CheckResults"]}
    row = by_id["field_isrequired_person_gender_concept_id"]
    assert (row["cdmTableName"], row["cdmFieldName"]) == ("PERSON", "GENDER_CONCEPT_ID")
    assert (row["numViolatedRows"], row["numDenominatorRows"]) == (0, 2)
    assert (row["passed"], row["failed"], row["notApplicable"], row["isError"]) == (1, 0, 0, 0)
    assert (row["category"], row["context"], row["checkLevel"]) == (
        "Conformance",
        "Validation",
        "FIELD",
    )
    absent = by_id["field_isrequired_note_note_id"]
    assert absent["notApplicableReason"] == "the table note is absent"
    assert "numViolatedRows" not in absent
    assert sum(row["failed"] for row in by_id.values()) == overview["countOverallFailed"]


def test_every_sentence_fills_its_places() -> None:
    """No check asks for a word that it cannot give, and each is an id of its own."""
    every = checks()

    assert len({check.id for check in every}) == len(every)
    assert {check.type for check in every} == set(types().values())
    for check in every:
        assert "{" not in check.asks
        assert check.type.question.format(broken=1, rows=2, **check.words).endswith(("?", "."))


def test_the_reference_names_every_check_type() -> None:
    """No check type is left undocumented."""
    text = (Path(__file__).parents[2] / "docs" / "reference" / "checks.md").read_text()

    assert [name for name in types() if f"`{name}`" not in text] == []


def test_a_birthday_that_does_not_exist_stops_nothing() -> None:
    """31 February: birth is not known; the month or the day is judged on its own."""
    tables = sound()
    tables["person"] = tables["person"].with_columns(month_of_birth=13, day_of_birth=31)

    results = run(tables)

    assert results["field_plausiblevaluehigh_person_month_of_birth"].tally.broken == 2
    after = results["field_plausibleafterbirth_measurement_measurement_date"].tally
    assert (after.broken, after.rows) == (0, 3)


def test_a_committee_reads_what_failed_and_what_to_ask() -> None:
    """The page names the question, the place and the extent; nothing runs, nothing loads."""
    tables = sound()
    tables["measurement"] = put(0, person_id=7)(tables["measurement"])
    results = run(tables)

    page = checks_page(results, "two patients", {"in_silico": "invented.", "source": ""})

    for words in (
        "Checks of two patients",
        "In silico: invented.",
        "In 1 of 3 rows of measurement, person_id has a value that person.person_id does not hold.",
        "For example measurement/31.",
        "the table note is absent",
    ):
        assert words in page, words
    assert "<script" not in page
    assert "http://" not in page


def test_the_command_checks_a_release(tmp_path: Path, amlsg_workspace: hm.Workspace) -> None:
    """Local concepts are not standard, and trials have no visits: told, exit 1; nothing else."""
    page, written = tmp_path / "checks.html", tmp_path / "dqd.json"
    options = ["--workspace", str(amlsg_workspace.folder), "--json"]
    lenient = tmp_path / "thresholds.csv"
    lenient.write_text(
        "check,table,field,concept,threshold\n"
        "measurePersonCompleteness,,,,100\n"
        "measureConditionEraCompleteness,,,,100\n"
        "isStandardValidConcept,,,,100\n"
    )

    given = [*options, "--html", str(page), "--dqd", str(written)]
    strict = CliRunner().invoke(app, ["release", "check", *given])
    eased = CliRunner().invoke(app, ["release", "check", *options, "--thresholds", str(lenient)])

    said = json.loads(strict.stdout)
    assert strict.exit_code == 1
    assert {found["check"] for found in said["failed"]} == {
        "measurePersonCompleteness",
        "measureConditionEraCompleteness",
        "isStandardValidConcept",
    }
    assert said["errors"] == []
    assert json.loads(written.read_text())["Overview"]["countTotal"] == [len(checks())]
    assert (
        "condition eras" not in page.read_text() or "Condition eras were built" in page.read_text()
    )
    assert (eased.exit_code, json.loads(eased.stdout)["failed"]) == (0, [])


def test_concepts_are_looked_up_in_the_vocabulary_that_is_loaded(
    tmp_path: Path, amlsg_release: hm.Release
) -> None:
    """Domains come from it; our own concepts come from the release; what it lacks is told."""
    table("concept").shape(_concepts()).write_parquet(tmp_path / "concept.parquet")
    vocabulary = Vocabulary(tmp_path, "v1", {"concept": "concept.parquet"}, {"concept": 11})

    results = dqd.run(tables_of(amlsg_release, vocabulary), today=TODAY)

    sex = results["field_fkdomain_person_gender_concept_id"]
    assert (sex.status, sex.tally.rows) == (Status.PASSED, 1540)
    lost = results["field_isforeignkey_measurement_measurement_concept_id"]
    assert 0 < lost.tally.broken < lost.tally.rows


def test_keys_are_compared_part_by_part(monkeypatch: pytest.MonkeyPatch) -> None:
    """However few keys are sorted at once, negative ones too: the same rows share theirs."""
    keys = pl.DataFrame({"person_id": [5, -3, 5, 8, None, -3, 2, None]})
    monkeypatch.setattr(conditions, "SORTED_AT_ONCE", 3)

    found = run({"person": keys})["field_isprimarykey_person_person_id"].tally

    assert (found.broken, found.rows, found.examples) == (4, 8, (-3, 5))
