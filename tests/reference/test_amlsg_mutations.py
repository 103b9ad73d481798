"""k^m-anonymity of the mutation profiles of the three AMLSG trials.

Accepted calls alone count. No call means negative; 27 patients of whom the clinical table tells no
CEBPA result are not tested for it. Genes are grouped by function, after Papaemmanuil et al. 2016
(doi:10.1056/NEJMoa1516192) and the Cancer Genome Atlas 2013 (doi:10.1056/NEJMoa1301689).
"""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from haemony.privacy.anonymity import Hierarchy
from haemony.privacy.setvalued import Profiles, km_anonymise, km_violations

GROUPS = {
    "NPM1": "NPM1",
    "FLT3": "FLT3",
    "DNA methylation": "DNMT3A TET2 IDH1 IDH2",
    "chromatin": "ASXL1 EZH2 KDM6A KDM5A MLL MLL2 MLL3 MLL5 BCOR CREBBP EP300 ATRX PHF6",
    "spliceosome": "SFRS2 SF3B1 U2AF1 U2AF2 ZRSR2 SF1 SF3A1 PRPF40B",
    "cohesin": "STAG2 RAD21",
    "signalling": "NRAS KRAS NF1 PTPN11 CBL CBLB BRAF KIT JAK2 MPL SH2B3 GNAS PTEN",
    "transcription": "RUNX1 CEBPA GATA2 ETV6 IKZF1 WT1 CUX1 MYC",
    "tumour suppressors": "TP53 RB1 CDKN2A FBXW7",
}


@pytest.fixture(scope="module")
def findings(shared_data: Path) -> pl.DataFrame:
    """One row per patient, one three-valued column per gene."""
    folder = shared_data / "amlsg"
    patients = pl.read_csv(folder / "clinical.csv", infer_schema=False).select(
        "CEBPA", person=pl.col("PDID")
    )
    calls = pl.read_csv(
        folder / "genetic.tsv", separator="\t", infer_schema=False, quote_char=None
    ).filter(pl.col("FINAL_CALL") == "OK")
    positive = calls.select(person="SAMPLE_NAME", gene="GENE", finding=pl.lit("positive")).unique()
    genes = sorted(gene for group in GROUPS.values() for gene in group.split())
    wide = positive.pivot("gene", index="person", values="finding")
    assert set(wide.columns[1:]) == set(genes)
    joined = patients.rename({"CEBPA": "judged"}).join(wide, on="person", how="left")
    untested = (pl.col("judged") == "NA") | pl.col("judged").is_null()
    return joined.select(
        pl.when(untested & (gene == "CEBPA")).then(pl.col(gene)).otherwise(
            pl.col(gene).fill_null("negative")
        ).alias(gene)
        for gene in genes
    )  # fmt: skip


@pytest.fixture(scope="module")
def profiles(findings: pl.DataFrame) -> Profiles:
    """Who has which genes mutated."""
    return Profiles.of_findings(findings, findings.columns)


@pytest.fixture(scope="module")
def groups() -> Hierarchy:
    """Genes, their groups, everything."""
    return Hierarchy.of_rows(
        "gene", [(gene, name, "*") for name, genes in GROUPS.items() for gene in genes.split()]
    )


@pytest.mark.parametrize(
    ("k", "m", "by_size", "exposed"),
    [
        (5, 1, {1: 12}, 23),
        (5, 2, {1: 12, 2: 438}, 339),
        (12, 1, {1: 21}, 91),
        (12, 2, {1: 21, 2: 537}, 568),
        (12, 3, {1: 21, 2: 537, 3: 1262}, 662),
    ],
)
def test_few_genes_expose_many_patients(
    profiles: Profiles, k: int, m: int, by_size: dict[int, int], exposed: int
) -> None:
    """Combinations held by fewer than k patients, by size, and the patients who hold one."""
    found = km_violations(profiles, k, m)

    assert found.by_size == by_size
    assert found.exposed == exposed


def test_single_genes_counted_by_polars(findings: pl.DataFrame, profiles: Profiles) -> None:
    """The 21 rare genes are those that one group-by finds, too."""
    carriers = {gene: int((findings[gene] == "positive").sum()) for gene in findings.columns}

    found = km_violations(profiles, 12, 1).table

    assert dict(zip(found["items"].list.first(), found["people"], strict=True)) == {
        gene: count for gene, count in carriers.items() if 0 < count < 12
    }


def test_groups_keep_more_than_suppression_alone(
    findings: pl.DataFrame, profiles: Profiles, groups: Hierarchy
) -> None:
    """12^2-anonymity is reached by both: eight groups at a loss of 0.131, six genes at 0.476."""
    alone = Hierarchy.of_rows("gene", [(gene, "*") for gene in profiles.items])

    grouped = km_anonymise(profiles, groups, 12, 2)
    suppressed = km_anonymise(profiles, alone, 12, 2)

    for found in (grouped, suppressed):
        told = found.recode(findings)
        assert told.height == 1540
        assert km_violations(Profiles.of_findings(told, told.columns), 12, 2).table.is_empty()
    assert round(grouped.loss, 3) == 0.131
    assert round(suppressed.loss, 3) == 0.476


def test_untested_patients_are_not_told_as_negative(
    findings: pl.DataFrame, profiles: Profiles, groups: Hierarchy
) -> None:
    """27 patients without a CEBPA result: in its group positive by another gene, or not tested."""
    found = km_anonymise(profiles, groups, 5, 1)
    label = found.labels["CEBPA"]
    assert label is not None

    told = found.recode(findings).filter(findings["CEBPA"].is_null())[label]

    assert told.len() == 27
    assert set(told) <= {None, "positive"}
