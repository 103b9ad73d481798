"""Every score can be fed: each of its inputs is an element, of the right kind and unit."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path

import pytest
from score_inputs import PAGE, render

import haemony as hm
from haemony.model.element import Catalogue, Element, ValueType
from haemony.model.tables import rows

TABLE = files("haemony.diseases") / "common" / "score_inputs.csv"
LINES = [line for _, line in rows(TABLE)]
SCORES = {line["score"] for line in LINES}
NUMBERS = {ValueType.NUMBER, ValueType.INTEGER}


@cache
def catalogue(code: str) -> Catalogue:
    """The catalogue of a disease; the entry points are asked once."""
    return hm.disease(code).catalogue


def elements(line: Mapping[str, str]) -> dict[str, Element]:
    """The element of a line in each disease that the line names."""
    return {code: catalogue(code)[line["element"]] for code in line["diseases"].split()}


def by_score(score: str) -> list[Mapping[str, str]]:
    """The lines of one score."""
    return [line for line in LINES if line["score"] == score]


@pytest.mark.parametrize("score", sorted(SCORES))
def test_every_input_is_an_element_of_its_diseases(score: str) -> None:
    """No disease whose patients have the score lacks one of its inputs."""
    for line in by_score(score):
        assert line["diseases"], line
        for code in line["diseases"].split():
            assert line["element"] in catalogue(code), (code, line["element"])


@pytest.mark.parametrize("score", sorted(SCORES))
def test_every_element_is_of_the_type_the_score_asks_for(score: str) -> None:
    """A number is fed by a number, a finding by a finding, a group by one with its values."""
    for line in by_score(score):
        wanted = ValueType(line["type"])
        for code, element in elements(line).items():
            kinds = NUMBERS if wanted is ValueType.NUMBER else {wanted}
            assert element.type in kinds, (code, line)
            distinguished = set(line["values"].split("|")) - {""}
            assert distinguished <= set(element.codes), (code, line)
            assert bool(distinguished) is (wanted is ValueType.CATEGORY), line


@pytest.mark.parametrize("score", sorted(SCORES))
def test_every_unit_converts_to_that_of_the_score(score: str) -> None:
    """What the lake holds can be given in the unit that the formula is written for."""
    for line in by_score(score):
        for code, element in elements(line).items():
            assert line["unit"] in element.units or line["unit"] == element.unit, (code, line)


def test_white_cells_are_given_to_mipi_per_microlitre() -> None:
    """The factor between the two units is that of the trap: 8 × 10⁹/L are 8,000 per microlitre."""
    (line,) = [line for line in by_score("MIPI") if line["element"] == "wbc"]

    factor = elements(line)["nhl"].units[line["unit"]]

    assert 8 / factor == pytest.approx(8_000)


def test_mixed_diseases_have_every_input() -> None:
    """A contribution of any blood cancer can feed every score."""
    blood = catalogue("blood")

    assert [line["element"] for line in LINES if line["element"] not in blood] == []


def test_a_score_is_one_version_and_asks_for_nothing_twice() -> None:
    """Each score has one version, and each element feeds an input once per disease."""
    for score in SCORES:
        assert len({line["version"] for line in by_score(score)}) == 1, score
        asked = [
            (line["input"], line["element"], code)
            for line in by_score(score)
            for code in line["diseases"].split()
        ]
        assert len(asked) == len(set(asked)), score


def test_every_known_score_is_in_the_table(shared_data: Path) -> None:
    """The scores that are to be computed, those still to be described included, are all fed."""
    known = shared_data.parent / "clinical_scores.md"
    if not known.is_file():
        pytest.skip(f"the list of scores is absent ({known})")

    wanted = named_scores(known.read_text(encoding="utf-8"))

    assert len(wanted) == 45
    assert wanted - SCORES == set()


def named_scores(text: str) -> set[str]:
    """The first column of the table of scores, and the list of those still to add."""
    table = re.findall(r"^\| ([^|]+?) \|", text.split("## 1.", maxsplit=1)[0], re.MULTILINE)
    (rest,) = re.findall(r"Still to add[^:]*: (.*?)\.\s*$", text, re.DOTALL)
    names = [*table[1:], *re.sub(r"\([^)]*\)", "", rest).split(",")]
    return {" ".join(re.sub(r"\([^)]*\)", "", name).split()) for name in names}


def test_the_page_is_that_of_the_table() -> None:
    """The reference page says what the table says."""
    assert PAGE.read_text(encoding="utf-8") == render(LINES)
