"""What partners' tables are like: each oddity has one documented outcome."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

import haemony as hm
from haemony.intake import check
from haemony.intake.dictionary import (
    ColumnType,
    Entry,
    Role,
    Status,
    read_dictionary,
    write_dictionary,
)
from haemony.model.disease import installed, together
from support.contributions import ENTRIES, SMALL, contribution

YES_NO = {"0": "no", "1": "yes"}
TIMES = """\
patient,time,died,ttp,progressed,cause
A,10,1,5,1,gvhd
B,20,0,20,0,
C,30,1,30,0,gvhd
D,40,0,12,,gvhd
"""
STATUS = (
    Entry("clinical", "patient", role=Role.PATIENT),
    Entry("clinical", "time", type=ColumnType.NUMBER, unit="mo", element="last_contact_day"),
    Entry("clinical", "died", type=ColumnType.CATEGORY, values=YES_NO, element="vital_status",
          value_map={"0": "alive", "1": "dead"}),
    Entry("clinical", "ttp", type=ColumnType.NUMBER, unit="mo", element="progression_day",
          where="progressed=1"),
    Entry("clinical", "progressed", type=ColumnType.CATEGORY, values=YES_NO,
          status=Status.UNMAPPED, note="Says whether ttp is the time of an event."),
    Entry("clinical", "cause", type=ColumnType.CATEGORY, values={"gvhd": "GvHD"},
          element="cause_of_death", value_map={"gvhd": "graft-versus-host disease"}),
)  # fmt: skip


def blocking(given: hm.Contribution) -> list[str]:
    """The rules whose breach blocks admission."""
    problems = check(given, hm.disease(given.disease).catalogue).problems
    return problems.filter(pl.col("severity") == "error")["rule"].to_list()


def test_the_time_of_an_event_that_did_not_happen_is_no_event(
    workspace: hm.Workspace, tmp_path: Path
) -> None:
    """A time speaks where its condition holds; elsewhere, or where that is unknown, it is missing.

    The cells are counted as missing, and the account still adds up.
    """
    release = hm.admit([contribution(tmp_path / "c", TIMES, STATUS)], workspace).release

    table = release.features(["last_contact_day", "progression_day", "vital_status"])
    (member,) = release.manifest.members
    (row,) = [row for row in member.grade["account"] if row["element"] == "progression_day"]
    assert table.sort("last_contact_day")["progression_day"].to_list() == [152, None, None, None]
    assert (row["cells"], row["missing"], row["kept"], row["set_aside"]) == (4, 3, 1, 0)


def test_the_cause_of_a_death_needs_a_death(workspace: hm.Workspace, tmp_path: Path) -> None:
    """A cause is kept with the death it explains; of the living it is kept aside, with why."""
    release = hm.admit([contribution(tmp_path / "c", TIMES, STATUS)], workspace).release

    table = release.features(["last_contact_day", "cause_of_death"]).sort("last_contact_day")
    aside = release.table("set_aside").filter(pl.col("element") == "cause_of_death")
    gvhd = "graft-versus-host disease"
    assert table["cause_of_death"].to_list() == [gvhd, None, gvhd, None]
    assert aside["reason"].to_list() == ["a cause of death of a person who is not known to be dead"]
    assert release.table("death")["cause_concept_id"].null_count() == 0


@pytest.mark.parametrize("where", ["nowhere=1", "progressed=2", "progressed"])
def test_a_condition_names_a_column_and_its_values(tmp_path: Path, where: str) -> None:
    """A condition over a column that is not there, or a value it never holds, blocks."""
    entries = [replace(e, where=where) if e.column == "ttp" else e for e in STATUS]

    given = contribution(tmp_path / "c", TIMES, entries)

    assert [f"the column of its condition, {where!r}, lists these values"] == blocking(given)


def test_a_source_that_names_nobody_has_one_row_per_patient(
    workspace: hm.Workspace, tmp_path: Path
) -> None:
    """Where no column holds patient numbers, the number of the row is one."""
    given = contribution(tmp_path / "c", "age\n61\n34\n", [
        Entry("clinical", "row", role=Role.PATIENT),
        Entry("clinical", "age", type=ColumnType.INTEGER, unit="a", element="age_at_diagnosis"),
    ])  # fmt: skip
    described = tmp_path / "c" / "contribution.yaml"
    text = described.read_text(encoding="utf-8")
    layout = "{file: clinical.csv, layout: {row_numbers: row}}"
    described.write_text(text.replace("{file: clinical.csv}", layout), encoding="utf-8")

    release = hm.admit([hm.Contribution.load(given.folder)], workspace).release

    assert sorted(release.features(["age_at_diagnosis"])["age_at_diagnosis"]) == [34, 61]


def test_thousands_of_columns_take_one_line(tmp_path: Path) -> None:
    """A name with * stands for all columns of that pattern, and says why they are not used."""
    wide = "patient,age,probe_1,probe_2\nA,61,0.5,0.7\n"
    pattern = Entry("clinical", "probe_*", status=Status.UNMAPPED, note="Expression, attached.")

    assert not blocking(contribution(tmp_path / "a", wide, [*ENTRIES[:2], pattern]))
    mapped = replace(pattern, status=Status.CONFIRMED, element="wbc", type=ColumnType.NUMBER)
    given = contribution(tmp_path / "b", wide, [*ENTRIES[:2], mapped])
    assert "a pattern of columns is unmapped" in blocking(given)


def test_a_patient_twice_counts_once(workspace: hm.Workspace, tmp_path: Path) -> None:
    """Of a repeated patient the first row's values are used; others are kept aside, by name."""
    many = "".join(f"P{i},{20 + i},f,5,100,0,,,0,\n" for i in range(30))
    text = SMALL + many + "A,61,f,99,850,1,40,300,1,\n"

    release = hm.admit([contribution(tmp_path / "c", text)], workspace).release

    aside = release.table("set_aside")
    assert release.table("person").height == 33
    assert release.features(["wbc"])["wbc"].max() == 88.0
    assert aside.select("element", "reason").rows() == [
        ("wbc", "contradicted by clinical.csv wbc, which takes precedence")
    ]


def test_many_repeated_patients_block(tmp_path: Path) -> None:
    """Where more than one row in twenty repeats a patient, the table is not one of patients."""
    given = contribution(tmp_path / "c", SMALL + "A,61,f,99,850,1,40,300,1,\n")

    assert blocking(given) == ["at most 5% of the rows repeat a patient"]


def test_a_table_of_calls_may_be_all_there_is(workspace: hm.Workspace, tmp_path: Path) -> None:
    """A source of variants alone has as many rows of a patient as the patient has calls."""
    calls = "patient,gene\nA,NPM1\nA,FLT3\nB,TP53\n"
    entries = [ENTRIES[0], Entry("clinical", "gene", element="variant_gene")]

    release = hm.admit([contribution(tmp_path / "c", calls, entries)], workspace).release

    assert release.table("person").height == 2
    assert sorted(release.table("variant")["gene"]) == ["FLT3", "NPM1", "TP53"]


def test_a_protein_change_may_be_written_in_either_code(
    workspace: hm.Workspace, tmp_path: Path
) -> None:
    """p.Arg882His is p.R882H, whichever a laboratory writes; another residue is another finding."""
    entries = [
        *ENTRIES[:2],
        Entry("calls", "patient", role=Role.PATIENT),
        Entry("calls", "gene", element="variant_gene"),
        Entry("calls", "protein", element="variant_protein"),
    ]
    given = contribution(tmp_path / "c", "patient,age\nA,50\nB,60\nC,70\n", entries)
    calls = "A,DNMT3A,p.Arg882His\nB,DNMT3A,p.R882C\nC,DNMT3A,p.(Arg320Ter)\n"
    (given.folder / "calls.csv").write_text("patient,gene,protein\n" + calls, encoding="utf-8")
    described = given.folder / "contribution.yaml"
    content = described.read_text(encoding="utf-8")
    assay = "{name: panel, method: sequencing, calls: calls, tested: clinical, genes: [DNMT3A]}"
    described.write_text(
        f"{content}  calls: {{file: calls.csv}}\nassays:\n  - {assay}\n", encoding="utf-8"
    )

    release = hm.admit([hm.Contribution.load(given.folder)], workspace).release

    table = release.features(["age_at_diagnosis", "DNMT3A_R882"]).sort("age_at_diagnosis")
    assert table["DNMT3A_R882"].to_list() == ["positive", "positive", "negative"]


def test_a_patient_of_whom_nobody_knows_is_not_alive(
    workspace: hm.Workspace, tmp_path: Path
) -> None:
    """Last contact without a vital status is kept, and nobody is taken to be alive for it."""
    text = TIMES.replace("B,20,0", "B,20,")

    release = hm.admit([contribution(tmp_path / "c", text, STATUS)], workspace).release

    table = release.features(["last_contact_day", "vital_status"]).sort("last_contact_day")
    assert table["vital_status"].to_list() == ["dead", None, "dead", "alive"]
    assert table["last_contact_day"].null_count() == 0


def test_days_of_repeated_values_may_be_years(workspace: hm.Workspace, tmp_path: Path) -> None:
    """The day a value belongs to is converted like any other time."""
    entries = [
        *ENTRIES[:2],
        Entry("labs", "patient", role=Role.PATIENT),
        Entry("labs", "years", type=ColumnType.NUMBER, unit="a", status=Status.UNMAPPED,
              note="When it was counted."),
        Entry("labs", "wbc", type=ColumnType.NUMBER, unit="10*9/L", element="wbc", at="years"),
    ]  # fmt: skip
    given = contribution(tmp_path / "c", "patient,age\nA,61\n", entries)
    (given.folder / "labs.csv").write_text("patient,years,wbc\nA,0,5\nA,2,7\n", encoding="utf-8")
    described = given.folder / "contribution.yaml"
    content = described.read_text(encoding="utf-8")
    described.write_text(content + "  labs: {file: labs.csv}\n", encoding="utf-8")

    release = hm.admit([hm.Contribution.load(given.folder)], workspace).release

    counts = release.table("measurement").sort("measurement_date")
    apart = counts["measurement_date"].diff().drop_nulls().dt.total_days().to_list()
    assert (counts["value_as_number"].to_list(), apart) == ([5.0, 7.0], [730])


def test_where_day_0_is_the_transplant_there_was_one(
    workspace: hm.Workspace, tmp_path: Path
) -> None:
    """A registry of transplants need not say that each happened on its day 0."""
    kind = Entry("clinical", "graft", type=ColumnType.CATEGORY, values={"MUD": ""},
                 element="transplant_type", value_map={"MUD": "allogeneic unrelated"})  # fmt: skip
    given = contribution(tmp_path / "c", "patient,graft\nA,MUD\nB,\n", [ENTRIES[0], kind])
    described = given.folder / "contribution.yaml"
    content = described.read_text(encoding="utf-8")
    described.write_text(content.replace("diagnosis}", "transplant}"), encoding="utf-8")

    release = hm.admit([hm.Contribution.load(given.folder)], workspace).release

    table = release.features(["transplant_day", "transplant_type"]).sort("transplant_type")
    assert table.drop("person_id").rows() == [(0, None), (0, "allogeneic unrelated")]
    assert not release.table("set_aside").height


def test_an_equals_sign_may_stand_in_a_value(tmp_path: Path) -> None:
    """A code such as <=20 is written with a backslash before its equals sign, and read back."""
    entry = Entry("clinical", "age", values={"<=20": "up to 20"}, value_map={"<=20": "a=b"})
    path = tmp_path / "dictionary.csv"

    write_dictionary([entry], path)
    (read,) = read_dictionary(path)

    assert "<\\=20=up to 20" in path.read_text(encoding="utf-8-sig")
    assert (read.values, read.value_map) == (entry.values, entry.value_map)


def test_one_release_holds_several_diseases(workspace: hm.Workspace, tmp_path: Path) -> None:
    """Each person has the disease of its source, or the one its source states."""
    leukaemia = contribution(tmp_path / "a", id="leukaemia", partner="hospital a")
    mixed = [*ENTRIES, Entry("clinical", "disease", type=ColumnType.CATEGORY,
             values={"PV": "", "MF": ""}, element="diagnosis",
             value_map={"PV": "polycythaemia vera", "MF": "myelofibrosis"})]  # fmt: skip
    lines = SMALL.splitlines()
    told = zip(lines, ["disease", "PV", "", "MF"], strict=True)
    text = "\n".join(f"{line},{what}" for line, what in told) + "\n"
    given = contribution(tmp_path / "b", text, mixed, id="neoplasms", partner="hospital b")
    described = given.folder / "contribution.yaml"
    content = described.read_text(encoding="utf-8")
    described.write_text(content.replace("disease: aml", "disease: mpn"), encoding="utf-8")

    hm.admit([leukaemia], workspace)
    release = hm.admit([hm.Contribution.load(given.folder)], workspace).release

    table = release.features(["diagnosis", "os_days", "NPM1", "aml_type"])
    assert sorted(table["diagnosis"].cast(pl.String)) == [
        *["acute myeloid leukaemia"] * 3,
        "myelofibrosis",
        "myeloproliferative neoplasm",
        "polycythaemia vera",
    ]
    assert release.disease.code == "aml+mpn"
    assert not table["os_days"].null_count()
    labels = release.table("concept")["concept_name"].to_list()
    assert {"polycythaemia vera", "acute myeloid leukaemia"} <= set(labels)


def test_a_name_means_one_thing_in_every_disease() -> None:
    """All diseases together are one catalogue: no element or endpoint is defined in two ways."""
    whole = together(map(hm.disease, installed()))

    elements = list(whole.catalogue.values())
    rows = [
        (
            e.table,
            e.concept_id,
            tuple(v.concept_id for v in e.values) if e.table == "episode" else (),
        )
        for e in elements
        if e.concept_id and not e.record
    ]
    assert len(elements) > 150
    assert len(rows) == len(set(rows))


@pytest.mark.parametrize("code", installed())
def test_a_value_means_one_concept(code: str) -> None:
    """Within an element each permitted value has a concept of its own, so that it can come back."""
    for element in hm.disease(code).catalogue.values():
        concepts = [value.concept_id for value in element.values]
        assert len(concepts) == len(set(concepts)), element.name
        assert len(element.codes) == len(set(element.codes)), element.name
