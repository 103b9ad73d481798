"""k^m-anonymity of small mutation tables that can be checked by eye."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from haemony.privacy.anonymity import Hierarchy
from haemony.privacy.anonymity.faults import BadModel, NoSuchColumn, UnknownValues
from haemony.privacy.setvalued import Profiles, km_anonymise, km_violations

CARRIED = [
    "NPM1 DNMT3A", "NPM1 DNMT3A", "NPM1 FLT3", "NPM1 FLT3", "NPM1", "TP53", "NRAS", "KRAS", "",
]  # fmt: skip
GENES = ["NPM1", "DNMT3A", "FLT3", "TP53", "NRAS", "KRAS"]
FINDINGS = pl.DataFrame(
    {
        gene: ["positive" if gene in carried.split() else "negative" for carried in CARRIED]
        for gene in GENES
    }
)
PROFILES = Profiles.of_findings(FINDINGS, GENES)
PATHWAYS = Hierarchy.of_rows(
    "gene",
    [
        (gene, {"NRAS": "RAS", "KRAS": "RAS"}.get(gene, gene), "*")
        for gene in GENES
    ],
)  # fmt: skip


def test_every_combination_that_too_few_hold_is_listed() -> None:
    """One carrier each of TP53, NRAS, KRAS; pairs are held by two or nobody."""
    found = km_violations(PROFILES, k=2, m=2)

    assert found.table["items"].to_list() == [["KRAS"], ["NRAS"], ["TP53"]]
    assert found.table["people"].to_list() == [1, 1, 1]
    assert (found.exposed, found.persons) == (3, 9)


def test_a_combination_is_minimal_when_no_part_of_it_violates() -> None:
    """For k = 3, NPM1 with DNMT3A is held by two; so is DNMT3A alone, which is why."""
    found = km_violations(PROFILES, k=3, m=2).table

    minimal = dict(zip(map(tuple, found["items"]), found["minimal"], strict=True))
    assert minimal["DNMT3A",]
    assert not minimal["NPM1", "DNMT3A"]


def test_rare_genes_of_one_pathway_are_told_together() -> None:
    """NRAS and KRAS become RAS with two carriers; TP53 has no company and is suppressed."""
    found = km_anonymise(PROFILES, PATHWAYS, k=2, m=2)

    assert found.labels["NRAS"] == found.labels["KRAS"] == "RAS"
    assert found.suppressed == ("TP53",)
    assert found.loss == pytest.approx((2 * 1 / 5 + 1) / 12)


def test_a_label_is_negative_only_when_all_of_it_was_tested() -> None:
    """Positive if one is, negative if all are, else not tested; other columns stay."""
    found = km_anonymise(PROFILES, PATHWAYS, k=2, m=2)
    rows = FINDINGS[:4].with_columns(
        NRAS=pl.Series(["positive", "negative", None, None]),
        KRAS=pl.Series([None, "negative", "negative", None]),
        sex=pl.Series(["f", "m", "f", "m"]),
    )

    told = found.recode(rows)

    assert told["RAS"].to_list() == ["positive", "negative", None, None]
    assert told["sex"].to_list() == ["f", "m", "f", "m"]
    assert "TP53" not in told.columns


def test_senseless_calls_are_refused() -> None:
    """Each with its cause."""
    with pytest.raises(BadModel, match="k is 1"):
        km_violations(PROFILES, k=1, m=2)
    with pytest.raises(NoSuchColumn):
        Profiles.of_findings(FINDINGS, ["RUNX1"])
    with pytest.raises(UnknownValues):
        Profiles.of_findings(pl.DataFrame({"NPM1": ["mutated"]}), ["NPM1"])
    with pytest.raises(UnknownValues):
        km_anonymise(PROFILES, Hierarchy.of_rows("gene", [("NPM1", "*")]), k=2, m=2)
    with pytest.raises(BadModel, match="each item once"):
        Profiles(("NPM1", "NPM1"), np.zeros((1, 2), dtype=np.bool_))
