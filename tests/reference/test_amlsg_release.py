"""The AMLSG trials, from their files to a release: nobody lost, every count as in the source."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

import haemony as hm
from haemony.harmonise.facts import FACTS
from haemony.harmonise.harmonised import to_omop
from haemony.harmonise.omop.read import READ, read
from haemony.intake import check
from support.protection import protected
from support.tables import blanked

CLASSES = {
    "NPM1": 418, "chromatin-spliceosome": 275, "TP53-aneuploidy": 199, "no class": 166,
    "inv(16)": 81, "CEBPA-biallelic": 66, "no drivers": 62, "t(15;17)": 60, "t(8;21)": 60,
    "two or more classes": 56, "MLL": 44, "inv(3)": 20, "IDH2-R172": 18, "t(6;9)": 15,
}  # fmt: skip
"""Patients per genomic class in the New England Journal of Medicine, 2016."""


def test_nobody_is_lost(amlsg_release: hm.Release) -> None:
    """1,540 patients in, 1,540 out; 904 died; quality level 3."""
    (member,) = amlsg_release.manifest.members
    table = amlsg_release.features(["os_days", "os_event", "study"])

    assert member.patients == table.height == 1540
    assert table["os_event"].sum() == 904
    assert table["os_days"].null_count() == 0
    assert member.level == 3
    assert dict(table["study"].value_counts().iter_rows()) == {
        "AMLSG 07-04": 740, "AML HD98A": 627, "AML HD98B": 173,
    }  # fmt: skip


def test_every_cell_is_accounted_for(amlsg_release: hm.Release) -> None:
    """Cells = missing + kept + kept aside in every column; under 1 % are kept aside."""
    (member,) = amlsg_release.manifest.members
    account = member.grade["account"]

    for row in account:
        assert row["cells"] == row["missing"] + row["kept"] + row["set_aside"], row
    aside = sum(row["set_aside"] for row in account)
    assert 0 < aside < 0.01 * sum(row["cells"] - row["missing"] for row in account)


def test_rows_kept_aside_have_reasons(amlsg_release: hm.Release) -> None:
    """85 contradictory FLT3-ITD results, 37 + 70 rows without a patient, 6 calls not accepted."""
    aside = amlsg_release.table("set_aside").group_by("reason").len()

    counts = dict(aside.iter_rows())
    assert counts["contradicted by clinical.csv FLT3_ITD, which takes precedence"] == 85
    assert counts["the patient has no row in the patient table"] == 37 + 70
    assert aside["reason"].null_count() == 0


def test_classes_are_those_of_the_paper(amlsg_release: hm.Release) -> None:
    """The genomic classes have the published sizes."""
    table = amlsg_release.features(["genomic_class"])

    assert dict(table["genomic_class"].value_counts().iter_rows()) == CLASSES


def test_denominators_differ_by_gene(amlsg_release: hm.Release) -> None:
    """Tested patients: DNMT3A and NPM1 all, CEBPA 1,513, KMT2A-PTD 1,373, t(8;21) 1,419."""
    names = ["DNMT3A", "NPM1", "CEBPA", "KMT2A_PTD", "t_8_21"]
    table = amlsg_release.features(names)

    tested = {name: table.height - table[name].null_count() for name in names}
    assert tested == {
        "DNMT3A": 1540,
        "NPM1": 1540,
        "CEBPA": 1513,
        "KMT2A_PTD": 1373,
        "t_8_21": 1419,
    }


def test_gene_frequencies_equal_the_source(amlsg_release: hm.Release, shared_data: Path) -> None:
    """Carriers of every gene of the panel, counted in the files and in the release."""
    symbols = amlsg_release.disease.catalogue.symbols
    patients = pl.read_csv(shared_data / "amlsg/clinical.csv", infer_schema=False)["PDID"]
    calls = pl.read_csv(
        shared_data / "amlsg/genetic.tsv", separator="\t", infer_schema=False, quote_char=None
    ).filter(
        (pl.col("FINAL_CALL") == "OK")
        & pl.col("SAMPLE_NAME").is_in(patients.implode())
        & (pl.col("VARIANT_TYPE") != "PTD")
    )
    expected = dict(
        calls.with_columns(pl.col("GENE").replace(dict(symbols)))
        .group_by("GENE")
        .agg(pl.col("SAMPLE_NAME").n_unique())
        .iter_rows()
    )
    stated = {"NPM1", "CEBPA"}  # the clinical table wins for these

    genes = sorted(set(expected) - stated)
    table = amlsg_release.features(genes)

    assert {gene: (table[gene] == "positive").sum() for gene in genes} == {
        gene: expected[gene] for gene in genes
    }
    assert all(table[gene].null_count() == 0 for gene in genes)


def test_one_sql_script_on_omop_equals_the_source(
    amlsg_release: hm.Release, shared_data: Path
) -> None:
    """Median survival, remission, relapse and transplant from the OMOP tables alone."""
    source = pl.read_csv(shared_data / "amlsg/clinical.csv", infer_schema=False)
    script = (Path(__file__).parent / "states.sql").read_text(encoding="utf-8")

    with amlsg_release.connect() as connection:
        answer = connection.sql(script)
        row = dict(zip(answer.columns, answer.fetchall()[0], strict=True))

    known = {name: source[column].is_not_null().sum() for name, column in _STATES.items()}
    assert row == {"patients": 1540, "deaths": 904, "median_days": 850, **known}


_STATES = {"remissions": "CR_date", "relapses": "Recurrence_date", "transplants": "TPL_date"}


def test_what_is_written_comes_back(amlsg: hm.Contribution) -> None:
    """Every fact of the trials comes back from OMOP through its element, source values blanked."""
    known = hm.disease(amlsg.disease)
    in_memory = protected(check(amlsg, known.catalogue))
    harmonised = to_omop(in_memory, known, 1)

    back = read(known.catalogue.values(), blanked(harmonised.tables))

    written = harmonised.facts.select(READ.names()).sort(READ.names(), nulls_last=True)
    assert written.height > 100_000
    assert back.sort(READ.names(), nulls_last=True).equals(written)
    assert set(FACTS.names()) > set(READ.names())


@pytest.mark.parametrize("table", ["person", "measurement", "observation", "episode", "death"])
def test_every_row_has_lineage(amlsg_release: hm.Release, table: str) -> None:
    """Rows lead back to cells; only day 0 follows from the contribution as a whole."""
    rows = amlsg_release.table(table)
    key = {"person": "person_id", "death": "person_id"}.get(table, f"{table}_id")
    if table == "observation":
        rows = rows.filter(pl.col("observation_concept_id") != 2_000_000_001)

    traced = amlsg_release.table("lineage").filter(pl.col("table_name") == table)

    assert rows[key].is_in(traced["row_id"].implode()).all()
