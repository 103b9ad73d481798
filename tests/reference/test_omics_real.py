"""Readers and language of genomics, held against the files that partners really send."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from haemony.harmonise import genes, hgvs
from haemony.harmonise.copynumber import Call, Measure, arm_calls, copies_at, read_segments
from haemony.harmonise.expression import (
    Orientation,
    Scale,
    Summary,
    annotated,
    by_gene,
    read_expression,
)
from haemony.intake.readers import read
from haemony.intake.readers.alleles import Kind
from haemony.intake.readers.maf import read_maf

NAMES = [
    ("amlsg/genetic.tsv", "CDNA_CHANGE", "c", 1394, 1385),
    ("amlsg/genetic.tsv", "AA_CHANGE", "p", 1296, 1292),
    ("tcga_laml/tcga_laml.maf.tsv", "Protein_Change", "p", 1986, 1974),
    ("mds_tp53_iwg/maf_TP53.tsv", "cDNA_CHANGE", "c", 277, 277),
    ("mds_tp53_iwg/maf_TP53.tsv", "PROTEIN_CHANGE", "p", 251, 250),
    ("apl_relapse/APL_primary.maf.tsv", "amino_acid_change", "p", 220, 218),
    ("apl_relapse/APL_relapse.maf.tsv", "amino_acid_change", "p", 141, 140),
]


@pytest.mark.parametrize(("file", "column", "level", "distinct", "understood"), NAMES)
def test_real_names_are_read_and_print_stably(
    shared_data: Path, file: str, column: str, level: str, distinct: int, understood: int
) -> None:
    """5,536 of 5,565 distinct names (99.5 %) are read; the rest is kept with its reason."""
    texts = read(shared_data / file).frame[column].drop_nulls().unique().sort()

    named = hgvs.table(texts, level)
    known = named.filter(pl.col("unread").is_null())

    assert (named.height, known.height) == (distinct, understood)
    assert hgvs.table(known["name"])["name"].equals(known["name"])
    assert hgvs.table(known["short"])["name"].equals(known["name"])


def test_every_name_of_the_genomic_vocabulary_prints_as_it_was_written(shared_data: Path) -> None:
    """122,367 HGVS names that others wrote canonically come back letter for letter."""
    path = shared_data.parent / "omop" / "vocab" / "CONCEPT_SYNONYM.csv"
    if not path.is_file():
        pytest.skip("the vocabulary with HGVS synonyms is absent")
    texts = read(path).frame["concept_synonym_name"].unique()
    texts = texts.filter(texts.str.contains(r":[cgp]\.") & ~texts.str.contains(r"\["))

    named = hgvs.table(texts)

    assert (named.height, named["unread"].count()) == (122_367, 0)
    assert named.filter(pl.col("name") != pl.col("text")).height == 0


AMLSG_TERMS = {
    "misssense": {"missense", "start lost"},
    "missense": {"missense"},
    "nonsense": {"nonsense"},
    "deletion_frameshift": {"frameshift"},
    "insertion_frameshift": {"frameshift"},
}


def test_consequences_agree_with_the_laboratory(shared_data: Path) -> None:
    """Where AMLSG names a consequence and the protein name is read, both say the same."""
    calls = read(shared_data / "amlsg" / "genetic.tsv").frame
    told = hgvs.table(calls["AA_CHANGE"], "p")["consequence"]
    both = calls.select("CONSEQUENCE", told.alias("told")).drop_nulls()
    both = both.filter(pl.col("CONSEQUENCE").is_in(list(AMLSG_TERMS)))

    agree = [said in AMLSG_TERMS[given] for given, said in both.iter_rows()]

    assert len(agree) == 3168
    assert sum(agree) == len(agree)


def test_the_chromosome_settles_mll2_in_amlsg(shared_data: Path) -> None:
    """Every MLL2 of AMLSG that has a position lies on chromosome 12 and is KMT2D."""
    calls = read(shared_data / "amlsg" / "genetic.tsv").frame.filter(pl.col("GENE") == "MLL2")
    answers = [
        genes.approve("MLL2", chromosome=chromosome or "") for chromosome in calls["CHR"].to_list()
    ]

    assert calls.height > 0
    assert {type(genes.approve("MLL2"))} == {genes.Ambiguous}
    assert {answer.symbol for answer in answers if isinstance(answer, genes.Approved)} == {"KMT2D"}


@pytest.mark.parametrize(
    ("file", "rows", "unplaced"),
    [
        ("tcga_laml/tcga_laml.maf.tsv", 2207, 0),
        ("apl_relapse/APL_primary.maf.tsv", 269, 4),
        ("apl_relapse/APL_relapse.maf.tsv", 161, 1),
    ],
)
def test_real_mafs_become_calls(shared_data: Path, file: str, rows: int, unplaced: int) -> None:
    """Every row is a call; only internal tandem duplications lack position and alleles."""
    maf = read_maf(shared_data / file)
    without = maf.calls.filter(pl.col("position").is_null() | pl.col("type").is_null())

    assert (maf.calls.height, maf.assembly) == (rows, "GRCh37")
    assert without["gene"].to_list() == ["FLT3_ITD"] * unplaced
    assert set(maf.calls["type"].drop_nulls()) <= set(Kind) - {Kind.STRUCTURAL, Kind.NONE}


def test_tcga_mutation_counts_are_those_published(shared_data: Path) -> None:
    """Patients with a non-silent mutation: FLT3 52, DNMT3A 48, NPM1 33, IDH2 20, TP53 15."""
    calls = read_maf(shared_data / "tcga_laml" / "tcga_laml.maf.tsv").calls
    loud = calls.filter(pl.col("consequence") != "Silent")
    counts = loud.group_by("gene").agg(pl.col("sample").n_unique())
    found = dict(counts.iter_rows())

    assert {gene: found[gene] for gene in ("FLT3", "DNMT3A", "NPM1", "IDH2", "TP53")} == {
        "FLT3": 52,
        "DNMT3A": 48,
        "NPM1": 33,
        "IDH2": 20,
        "TP53": 15,
    }


def test_all_expression_finds_abl1_and_klf9(shared_data: Path) -> None:
    """BCR/ABL against NEG in B-ALL: two probes of ABL1 come first, KLF9 among the first six."""
    folder = shared_data / "all_chiaretti_affy"
    found = read_expression(folder / "expression_rma_log2.csv.gz")
    patients = read(folder / "phenotype.csv").frame
    b_cell = patients.filter(pl.col("BT").str.starts_with("B"))
    group = dict(b_cell.select("sample", "mol.biol").iter_rows())

    first, second = (
        found.values[:, [p for p, s in enumerate(found.samples) if group.get(s) == name]]
        for name in ("BCR/ABL", "NEG")
    )
    spread = first.var(1, ddof=1) / first.shape[1] + second.var(1, ddof=1) / second.shape[1]
    t = (first.mean(1) - second.mean(1)) / np.sqrt(spread)
    top = [found.probes[place] for place in np.argsort(-np.abs(t))[:6]]

    assert found.values.shape == (12625, 128)
    assert (found.missing, found.duplicates, found.scale) == (0, 0, Scale.LOG)
    assert (first.shape[1], second.shape[1]) == (37, 42)
    assert top[:2] == ["1636_g_at", "39730_at"]
    assert "40202_at" in top

    symbols = {"1636_g_at": "ABL1", "39730_at": "ABL", "40202_at": "KLF9"}
    by_mean = by_gene(annotated(found, symbols), Summary.HIGHEST_MEAN)
    assert by_mean.genes == ("ABL1", "KLF9")


def test_rosenwald_matrices_are_turned(shared_data: Path) -> None:
    """Patients in rows become columns; the outcome is set aside and named."""
    dlbcl = read_expression(
        shared_data / "dlbcl_rosenwald_expr" / "dlbcl.csv.gz",
        id_column="pid",
        aside=("event", "time"),
    )
    mantle = read_expression(
        shared_data / "mcl_rosenwald_expr" / "mcl.csv",
        orientation=Orientation.SAMPLES_IN_ROWS,
        aside=("event", "time"),
    )

    assert (dlbcl.values.shape, dlbcl.scale) == ((7399, 240), Scale.LOG_RATIO)
    assert (mantle.values.shape, mantle.scale) == ((574, 92), Scale.LOG_RATIO)


def test_tcga_segments_agree_with_gistic(shared_data: Path) -> None:
    """GISTIC's copy changes at its peaks are ours; so the segments are differences, not logarithms.

    The source capped log2 ratios at 1.5 (a difference of 3.657) and set broad changes to zero, so
    that no chromosome is lost or gained as a whole.
    """
    folder = shared_data / "tcga_laml"
    segments = read_segments(folder / "LAML_CBS_segments.tsv", Measure.DIFFERENCE)
    lesions = read(folder / "gistic_all_lesions.conf_99.tsv").frame
    ours, theirs = [], []
    for row in lesions.filter(pl.col("Unique Name").str.contains("CN values")).iter_rows(
        named=True
    ):
        place = re.match(r"chr(\w+):(\d+)-(\d+)", row["Peak Limits"])
        assert place is not None
        region = copies_at(segments, place[1], int(place[2]) - 1, int(place[3]))
        copies = dict(region.select("sample", "copies").iter_rows())
        for name in lesions.columns[9:]:
            if name[:12] in copies and row[name] is not None:
                ours.append(copies[name[:12]] - 2)
                theirs.append(float(row[name]))
    gap = np.abs(np.array(ours) - np.array(theirs))

    assert len(gap) == 3056
    assert np.mean(gap < 0.05) > 0.94


def test_tcga_arms_lost_in_part_are_gistic_deletions(shared_data: Path) -> None:
    """Whoever has lost a part of 5q or 7q has the lesion of GISTIC's peak there."""
    folder = shared_data / "tcga_laml"
    segments = read_segments(folder / "LAML_CBS_segments.tsv", Measure.DIFFERENCE)
    arms = arm_calls(segments, "GRCh37")
    lesions = read(folder / "gistic_all_lesions.conf_99.tsv").frame
    seen = total = 0
    for arm, band in (("5q", "5q31.2"), ("7q", "7q32.3"), ("12p", "12p13.2"), ("20q", "20q13.13")):
        lost = arms.filter(
            (pl.col("arm") == arm) & pl.col("call").is_in([Call.LOSS, Call.PART_LOST])
        )
        row = lesions.filter(
            pl.col("Descriptor").str.strip_chars().eq(band)
            & ~pl.col("Unique Name").str.contains("CN values")
        ).row(0, named=True)
        called = {name[:12] for name in lesions.columns[9:] if row[name] in {"1", "2"}}
        total += lost.height
        seen += len(set(lost["sample"]) & called)

    assert total == 22
    assert seen / total > 0.8
