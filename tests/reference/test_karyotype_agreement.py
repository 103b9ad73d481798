"""The karyotype reader against the hand-coded columns of two sources.

Reader and rules were refined with the AMLSG strings in view. The MDS cohort met a finished reader;
the faults it showed were mended since (decision record 0008 has the figures before and after).
"""

from __future__ import annotations

import csv

import karyotype_agreement as agreement
import karyotype_unseen as unseen
import pytest

import haemony as hm
from haemony.harmonise.karyotype import State

OTHER_TESTS = {
    "t_6_9": "15 carriers; one had a cryptic t(6;9) that the formula does not show",
    "t_9_11": "18 carriers; t(9;11)(p21;q23) is coded as t(v;11)",
    "t_v_11": "a written 11q23 translocation and an insertion are not coded, a t(9;11) is",
    "minus7q": "7q was also tested by FISH; -7 and -7q are mixed up in three patients",
    "abn7other": "one patient's formula says nothing about chromosome 7; a lost 7p is not coded",
    "minus9q": "unknown material at the end of 9q is coded as a loss in three patients",
    "minus18_18q": "two derivatives that have lost 18q are not coded",
    "plus21": "a written -21 is coded as +21, and so is an extra add(21)",
    "abn3q_other": "three breaks in or losses of 3q are not coded",
    "plus11_11q": "add(11)(q23) is coded as a gain in two of five patients",
    "mono4_4q_abn4q": "trisomy 4 is coded in ten of thirteen patients",
}
"""Columns that miss the target by the catalogue's rules: beyond the formula, or against it."""

OUT_OF_REACH = {"minus7q", "abn7other", "minus9q", "plus11_11q", "mono4_4q_abn4q"}
"""Those that no reader of the formulas could bring to the target, even if it knew the codes."""


@pytest.fixture(scope="module")
def agreements() -> list:
    """Every column compared with its rule, once for all tests."""
    directory = agreement.shared_data() / "amlsg"
    if not directory.is_dir():
        pytest.skip("the AMLSG data are not here; set HAEMONY_SHARED_DATA to compare with them")
    return agreement.agree(agreement.read_cases(directory), agreement.read_rules())


def test_each_abnormality_agrees(agreements: list) -> None:
    """Sensitivity and predictive value are .95 or more, as coded, or on review where named."""
    review = agreement.read_review()

    short = {
        item.finding
        for item in agreement.abnormalities(agreements)
        if min(item.sensitivity, item.ppv) < 0.95
    }
    checked = [agreement.reviewed(item, review) for item in agreements if item.finding in short]

    assert short == set(OTHER_TESTS)
    assert all(min(item.sensitivity, item.ppv) >= 0.95 for item in checked)


def test_some_columns_are_out_of_reach(agreements: list) -> None:
    """The best reader of the same formulas, knowing all codes, misses the target in five."""
    named = agreement.abnormalities(agreements)

    short = {item.finding for item in named if min(item.reach.sensitivity, item.reach.ppv) < 0.95}

    assert short == OUT_OF_REACH
    assert all(item.both <= item.reach.both for item in named)


def test_together_they_agree(agreements: list) -> None:
    """Pooled, sensitivity is .97; predictive value is .977, and .99 with the chromosomes."""
    named = agreement.abnormalities(agreements)
    every = agreement.pooled([*named, *agreement.chromosomes(agreements)])

    assert agreement.pooled(named).sensitivity >= 0.97
    assert agreement.pooled(named).ppv >= 0.977
    assert every.sensitivity >= 0.97
    assert every.ppv >= 0.99


def test_the_rules_are_those_of_the_catalogue() -> None:
    """Every finding has one definition: the table asks what the lake asks."""
    catalogue = hm.disease("aml").catalogue
    rules = agreement.read_rules()

    assert len(agreement.elements()) == 27
    assert {column: rules[column] for column in agreement.elements()} == {
        column: catalogue[name].from_karyotype for column, name in agreement.elements().items()
    }


def test_normal_and_complex_agree(agreements: list) -> None:
    """The words about the whole karyotype meet the same target."""
    words = [item for item in agreements if item.finding in agreement.SUMMARIES]

    assert all(min(item.sensitivity, item.ppv) >= 0.95 for item in words)


def test_every_disagreement_was_reviewed(agreements: list) -> None:
    """No disagreement lacks a class and a reason, and none is listed that is gone."""
    found = {item.key for row in agreements for item in row.disagreements}

    assert found == set(agreement.read_review())


@pytest.fixture(scope="module")
def mds() -> list:
    """The patients of the MDS cohort whose karyotype is given."""
    directory = agreement.shared_data() / unseen.FOLDER
    if not directory.is_dir():
        pytest.skip("the MDS cohort is not here; set HAEMONY_SHARED_DATA to compare with it")
    return unseen.read_patients(directory)


def test_texts_of_other_centres_are_read(mds: list) -> None:
    """Of 2,949 texts from many centres all but three are read, 98 % of them in full."""
    read = [one.karyotype for one in mds if one.karyotype.state is State.EVALUABLE]

    assert len(mds) == 2949
    assert len(mds) - len(read) == 3
    assert sum(unseen.is_in_full(karyotype) for karyotype in read) / len(mds) >= 0.98


def test_findings_agree_with_another_source(mds: list) -> None:
    """Where the source rests on karyotypes: pooled sensitivity .93 and predictive value .97.

    The source counts losses in two cells, and changes in one; ISCN accepts neither as a clone.
    """
    pairs = unseen.compare(mds, unseen.element_rules())
    everyone = agreement.pooled(pair[0] for pair in pairs)
    unsequenced = agreement.pooled(pair[1] for pair in pairs)

    assert everyone.sensitivity >= 0.865
    assert everyone.ppv >= 0.93
    assert unsequenced.sensitivity >= 0.93
    assert unsequenced.ppv >= 0.97


def test_the_page_is_what_the_build_writes(agreements: list, mds: list) -> None:
    """The published tables show today's figures."""
    written = agreement.PAGE.read_text(encoding="utf-8")
    second = agreement.sections(agreement.shared_data())

    assert len(mds) > 0
    assert written == agreement.page(agreements, agreement.read_review(), second)


def test_the_review_tells_nothing_about_a_patient() -> None:
    """Keys are hashes, classes are three, and every row has a reason."""
    with agreement.REVIEW.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))

    assert all(len(row["key"]) == 16 and int(row["key"], 16) >= 0 for row in rows)
    assert {row["class"] for row in rows} <= {"ours", "source", "undecidable"}
    assert all(row["reason"] and "PD" not in row["reason"] for row in rows)
