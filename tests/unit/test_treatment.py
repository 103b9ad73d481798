"""Drugs in a contribution: exposures as stated, lines of treatment as inferred."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

import haemony as hm
from haemony.harmonise.omop import concepts
from haemony.harmonise.omop.read import READ, read
from haemony.intake.dictionary import ColumnType, Entry, Role, write_dictionary
from haemony.lake.lineage import trace_row
from support.contributions import ENTRIES, contribution
from support.tables import blanked

DRUGS = """\
patient,substance,first,last
A,Ara-C,0,6
A,DNR,0,2
A,Ara-C,320,324
A,Fludara,320,324
A,IDA,321,
B,Ara-C,1,7
B,Mystery,1,2
C,DNR,,
"""
NAMES = {
    "Ara-C": "cytarabine",
    "DNR": "daunorubicin",
    "Fludara": "fludarabine",
    "IDA": "idarubicin",
}


@pytest.fixture
def release(workspace: hm.Workspace, tmp_path: Path) -> hm.Release:
    """Two patients with drugs, and one whose drug has no day."""
    folder = tmp_path / "c"
    contribution(folder)
    described = (folder / "contribution.yaml").read_text(encoding="utf-8")
    (folder / "contribution.yaml").write_text(
        f"{described}  drugs: {{file: drugs.csv}}\n", encoding="utf-8"
    )
    (folder / "drugs.csv").write_text(DRUGS, encoding="utf-8")
    days = {"first": "drug_day", "last": "drug_end_day"}
    entries = (
        *ENTRIES,
        Entry("drugs", "patient", role=Role.PATIENT),
        Entry("drugs", "substance", type=ColumnType.CATEGORY, element="drug",
              values={**NAMES, "Mystery": "unknown here"}, value_map={**NAMES, "Mystery": ""}),
        *(Entry("drugs", column, type=ColumnType.INTEGER, unit="d", element=element)
          for column, element in days.items()),
    )  # fmt: skip
    write_dictionary(entries, folder / "dictionary.csv")
    return hm.admit([hm.Contribution.load(folder)], workspace).release


def test_a_drug_is_an_exposure(release: hm.Release) -> None:
    """Substance, start and end as stated; an end that nobody stated stays none."""
    drugs = release.table("drug_exposure")

    assert drugs.height == 7
    assert drugs.filter(pl.col("drug_concept_id") == concepts.NO_CONCEPT).height == 1
    assert drugs.filter(pl.col("drug_concept_id") == 1311078).height == 3
    open_end = drugs.filter(pl.col("verbatim_end_date").is_null())
    assert open_end.height == 1
    assert (open_end["drug_exposure_end_date"] == open_end["drug_exposure_start_date"]).all()
    assert set(drugs["drug_type_concept_id"]) == {32879}


def test_what_cannot_be_kept_is_kept_aside(release: hm.Release) -> None:
    """A drug without a day, and a code that nobody declared, are named with the reason."""
    aside = release.table("set_aside").filter(pl.col("file") == "drugs.csv")

    assert sorted(aside.select("element", "row").rows()) == [("drug", 8), ("drug", 9)]
    assert "its row has no drug_day" in set(aside["reason"])


def test_lines_are_inferred_and_say_so(release: hm.Release) -> None:
    """7+3 and FLAG-Ida are two lines of one patient; each leads to its drugs."""
    lines = release.lines_of_treatment()

    two = lines.filter(pl.col("line").max().over("person_id") == 2)
    assert two.select("line", "regimen", "start", "end").rows() == [
        (1, "7+3", 0, 6),
        (2, "FLAG-Ida", 320, 324),
    ]
    assert two["drugs"].to_list() == [
        ["cytarabine", "daunorubicin"],
        ["cytarabine", "fludarabine", "idarubicin"],
    ]
    episodes = release.table("episode").filter(
        pl.col("episode_concept_id") == concepts.LINE_OF_TREATMENT
    )
    assert set(episodes["episode_type_concept_id"]) == {concepts.INFERRED}
    ties = release.table("episode_event").join(episodes, on="episode_id")
    assert set(ties["episode_event_field_concept_id"]) == {concepts.DRUG_ID}
    assert set(ties["event_id"]) < set(release.table("drug_exposure")["drug_exposure_id"])
    assert ties.height == 6


def test_a_line_has_a_lineage(release: hm.Release) -> None:
    """An inferred line leads back to the row of its first drug."""
    episodes = release.table("episode").filter(
        pl.col("episode_concept_id") == concepts.LINE_OF_TREATMENT
    )

    traces = [trace_row(release, f"episode/{row}") for row in episodes["episode_id"]]

    assert {origin.file for trace in traces for origin in trace} == {"drugs.csv"}


def test_the_course_of_the_disease_is_untouched(release: hm.Release) -> None:
    """Remission and relapse come back as before; ids of episodes are each given once."""
    episodes = release.table("episode")
    table = release.features(["complete_remission_day", "relapse_day"])

    assert episodes["episode_id"].is_unique().all()
    assert sorted(table["complete_remission_day"].drop_nulls()) == [35, 40]
    assert table["relapse_day"].drop_nulls().to_list() == [300]


def test_drugs_come_back(release: hm.Release) -> None:
    """What was written is read back through the elements, source texts blanked."""
    elements = hm.disease("aml").catalogue.of("drug_exposure")
    names = ("drug_exposure", "observation")

    back = read(elements, blanked({name: release.table(name) for name in names}))

    assert back.columns == READ.names()
    days = back.filter(pl.col("element") == "drug_day")["number"].sort().to_list()
    assert days == [0, 0, 1, 1, 320, 320, 321]
    ends = back.filter(pl.col("element") == "drug_end_day")["number"].sort().to_list()
    assert ends == [2, 2, 6, 7, 324, 324]
    drugs = back.filter(pl.col("element") == "drug")["code"].value_counts().sort("code").rows()
    assert drugs == [("cytarabine", 3), ("daunorubicin", 1), ("fludarabine", 1), ("idarubicin", 1)]
