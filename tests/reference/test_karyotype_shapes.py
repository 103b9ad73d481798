"""Asking a karyotype's shape instead of its text never changes an answer."""

from __future__ import annotations

import csv
from pathlib import Path

import haemony as hm
from haemony.harmonise.cytogenetics import shape
from haemony.harmonise.karyotype import SCHEMES, is_scheme, matches, parse


def test_cell_counts_above_three_change_no_answer(shared_data: Path) -> None:
    """Every rule of the catalogue answers the same for every real text and its shape."""
    with (shared_data / "amlsg/karyotypes.tsv").open(encoding="utf-8", newline="") as file:
        texts = {row["karyotype"] for row in csv.DictReader(file, delimiter="\t")}
    every = [e.from_karyotype for e in hm.disease("aml").catalogue.values() if e.from_karyotype]
    rules = [rule for rule in every if not is_scheme(rule)]

    different = [
        (rule, text)
        for text in texts
        for rule in rules
        if matches(rule, parse(text)) != matches(rule, parse(shape(text)))
    ]

    assert len(texts) > 600
    assert not different
    assert not [
        text
        for text in texts
        for known in SCHEMES.values()
        if known.group_of(parse(text)) != known.group_of(parse(shape(text)))
    ]
