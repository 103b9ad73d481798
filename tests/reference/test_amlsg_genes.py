"""Genes of the AMLSG trials from a release: the published pairs and trios, and the splits."""

from __future__ import annotations

import amlsg_prediction
import gene_pairs
import numpy as np
import polars as pl
import pytest

import haemony as hm
from haemony.analysis import genomics, survival


@pytest.fixture(scope="module")
def table(amlsg_release: hm.Release) -> pl.DataFrame:
    """Outcome, trial and alterations."""
    return amlsg_release.features(["os_days", "os_event", "study", *gene_pairs.ALTERATIONS])


def test_pairs_come_together_as_published(table: pl.DataFrame) -> None:
    """DNMT3A and NPM1 in 228 patients (8.27), KIT and t(8;21) 18.8, RUNX1 and SRSF2 8.4."""
    found = genomics.comutation(table, gene_pairs.ALTERATIONS, least=20)
    rows = [found.pair(*pair) for pair in gene_pairs.KNOWN_PAIRS]

    assert rows[0]["both"] == 228
    assert round(found.pair("DNMT3A", "NPM1")["odds_ratio"], 2) == 8.27
    assert round(rows[1]["odds_ratio"], 1) == 18.8
    assert round(rows[2]["odds_ratio"], 1) == 8.4
    assert [row["n"] for row in rows] == [1540, 1419, 1540]


def test_five_year_survival_of_the_trio(table: pl.DataFrame) -> None:
    """NPM1, FLT3-ITD and DNMT3A .223 (93), NPM1 and DNMT3A .614 (135), NPM1 alone .558 (131)."""
    trio = table.with_columns(genomics.genotypes(table, gene_pairs.TRIO))
    curves = survival.kaplan_meier("Surv(os_days, os_event) ~ genotype", trio)
    found = {
        row["group"].removeprefix("genotype="): round(row["survival"], 3)
        for row in curves.at([5 * 365.25]).iter_rows(named=True)
    }
    sizes = {curve.group.removeprefix("genotype="): curve.n for curve in curves.curves}

    names = ["NPM1+FLT3_ITD+DNMT3A", "NPM1+DNMT3A", "NPM1"]
    assert [found[name] for name in names] == [0.223, 0.614, 0.558]
    assert [sizes[name] for name in names] == [93, 135, 131]


def test_all_pairs_are_tested(table: pl.DataFrame) -> None:
    """56 alterations have 20 carriers: 1,540 pairs, 1,080 of them can be tested."""
    found = genomics.interactions(
        gene_pairs.FORMULA, table, gene_pairs.ALTERATIONS, permutations=2, workers=2
    )

    assert (len(found.names), found.pairs, len(found.first)) == (56, 1540, 1080)
    assert found.patients == 1540
    assert found.table().row(0)[:2] == ("DNMT3A", "RAD21")


def test_the_splits_are_drawn_as_said() -> None:
    """Twenty times 308 of 1,540 rows, from the seed that the page names."""
    splits = amlsg_prediction.splits()

    assert len(splits) == 20
    assert {len(rows) for rows in splits} == {308}
    assert all(len(np.unique(rows)) == 308 and rows.max() < 1540 for rows in splits)
    assert amlsg_prediction.SPLITS.read_text(encoding="utf-8") == amlsg_prediction.draw_splits()


def test_a_release_predicts(amlsg_release: hm.Release) -> None:
    """The features of a release give the inputs; one split is predicted well above the ELN."""
    patients = amlsg_prediction.cohort(amlsg_release)
    split = amlsg_prediction.splits()[:1]

    mine = amlsg_prediction.measure(patients, amlsg_prediction.main_effects, split)
    eln = amlsg_prediction.measure(patients, amlsg_prediction.eln_alone, split)

    assert len(patients.trial) == 1540
    assert mine.mean > eln.mean + 0.03
    assert mine.trials["AML HD98A"][0] > 0.68
