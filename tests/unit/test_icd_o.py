"""ICD-O-3 codes generalise along the ranges of the classification; nothing else counts as one."""

from __future__ import annotations

from itertools import pairwise

import polars as pl
import pytest

from haemony.privacy.anonymity import draft, icd_o
from haemony.privacy.anonymity.faults import BadHierarchy
from haemony.privacy.anonymity.icd_o import HEADINGS, SECTIONS, SIDES, SITES, is_icd_o

REGISTRY = {
    "984-993 myeloid leukaemias": (9840, 9861, 9866, 9867, 9870, 9871, 9872, 9873, 9874, 9875, 9891,
                                   9895, 9896, 9897, 9910, 9920, 9930, 9931),
    "998-999 myelodysplastic syndromes": (9980, 9982, 9983, 9985, 9986, 9987, 9989, 9991, 9992),
    "965-966 Hodgkin lymphomas": (9650, 9651, 9652, 9653, 9659, 9663, 9665),
    "973 plasma cell tumours": (9731, 9732, 9733, 9734),
    "982-983 lymphoid leukaemias": (9820, 9823, 9826, 9827, 9832, 9833, 9834, 9837),
    "967-969 mature B-cell lymphomas": (9671, 9673, 9680, 9687, 9690, 9691, 9698, 9699),
    "970-971 mature T- and NK-cell lymphomas": (9700, 9702, 9705, 9708, 9714, 9719),
}  # fmt: skip
"""Codes as HAEMACARE groups them (Sant 2010, doi:10.1182/blood-2010-05-282632)."""


@pytest.mark.parametrize("heading", REGISTRY)
def test_registry_codes_stand_under_their_heading(heading: str) -> None:
    """What registries count as one disease lies under one heading."""
    codes = [f"{code}/3" for code in REGISTRY[heading]]

    rows = icd_o("morphology", codes).rows

    assert {row[2] for row in rows} == {heading}
    assert {row[4] for row in rows} == {"959-999 blood and lymph"}


def test_ranges_stand_in_order_and_within_each_other() -> None:
    """No code has two headings, and no heading two sections."""
    for scheme in (HEADINGS, SECTIONS, SIDES, SITES):
        ends = [end for group in scheme for end in (group.first, group.last)]
        assert ends == sorted(ends)
        assert all(a.last < b.first for a, b in pairwise(scheme))
    for inner, outer in ((HEADINGS, SECTIONS), (SECTIONS, SIDES)):
        for group in inner:
            around = [big for big in outer if big.first <= group.first and group.last <= big.last]
            assert len(around) == 1, group


def test_codes_of_one_tumour_join_first() -> None:
    """Behaviours of one morphology join before morphologies do; sites likewise."""
    told = icd_o("morphology", ["9989/3", "9989/1", "9985/3", "9989"])

    assert told.levels[1] == ("9985/*", "9989/*", "9989/*", "9989/*")
    assert icd_o("site", ["C42.1", "C42.2", "C421"]).levels[1] == ("C42.*",) * 3


@pytest.mark.parametrize(
    "codes", [["9861/3", "C42.1"], ["9861/3", "AML"], ["9600/3"], ["C92.0"], ["C43.1"], [""]]
)
def test_what_is_no_code_is_refused(codes: list[str]) -> None:
    """Other texts, codes of ICD-10 and codes outside all ranges: refused without their values."""
    with pytest.raises(BadHierarchy, match="no morphology or site of ICD-O-3") as caught:
        icd_o("diagnosis", codes)

    assert not any(code and code in str(caught.value).split("; write")[0] for code in codes)


def test_a_draft_knows_them() -> None:
    """Codes beyond doubt are drafted as such; numbers of four digits are numbers."""
    codes = pl.Series("morphology", ["9861/3", None, "9732/3"])

    drafted = draft(codes)

    assert drafted.height == 6
    assert len(drafted.encode(codes)) == 3
    assert not is_icd_o(pl.Series(["9861", "9732"]))
    assert draft(pl.Series("wbc", [9861, 9732])).levels[1][0] == "9730-9734"
    assert draft(pl.Series("diagnosis", ["C92.0", "C91.1"])).height == 2
