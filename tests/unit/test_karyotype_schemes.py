"""Groups that the karyotype alone decides, in formulas small enough to check by eye."""

from __future__ import annotations

from dataclasses import replace

import polars as pl
import pytest

import haemony as hm
from haemony.harmonise import cytogenetics
from haemony.harmonise.facts import FACTS
from haemony.harmonise.karyotype import KaryotypeRuleError, matches, parse, scheme
from haemony.model.element import Catalogue, Element, Value, ValueType


def group(name: str, text: str) -> str | None:
    """The group of a karyotype text."""
    return scheme(f"scheme:{name}").group_of(parse(text))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("46,XX[20]", "good"),
        ("45,X,-Y[20]", "very good"),
        ("46,XX,del(11)(q14q23)[9]/46,XX[11]", "very good"),
        ("46,XX,del(5)(q13q33)[9]", "good"),
        ("46,XY,del(12)(p12)[9]", "good"),
        ("46,XY,del(20)(q11)[9]", "good"),
        ("47,XX,+8,del(5)(q13q33)[9]", "good"),
        ("46,XY,del(7)(q22)[9]", "intermediate"),
        ("47,XX,+8[9]", "intermediate"),
        ("46,XX,i(17)(q10)[9]", "intermediate"),
        ("47,XX,+8,del(20)(q11)[9]", "intermediate"),
        ("45,XX,-7[9]", "poor"),
        ("46,XX,inv(3)(q21q26)[9]", "poor"),
        ("46,XX,t(3;12)(q26;p13)[9]", "poor"),
        ("46,XX,del(3)(q21)[9]", "poor"),
        ("46,XX,del(7)(q22),+8[9]", "poor"),
        ("46,XX,+1,der(1;7)(q10;p10)[9]", "poor"),
        ("47,XX,+8,del(20)(q11),inv(2)(p21q31)[9]", "poor"),
        ("44,XX,-5,-7,-17,+mar[9]", "very poor"),
        (">3 abnormalities", "very poor"),
        ("complex karyotype", None),
        ("45,X[20]", None),
        ("46,XX,del(5)[9]", None),
        ("46,XX,+8,xyz[9]", None),
        ("44,XX,-5,-7,-17,+mar,xyz[9]", "very poor"),
        ("45,XX,-7[1]", None),
        ("no metaphases", None),
    ],
)
def test_the_cytogenetic_group_of_the_ipss_r(text: str, expected: str | None) -> None:
    """As printed by Schanz (2012); open where something unknown could change it."""
    assert group("ipss_r", text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("46,XX,del(5)(q13q33)[9]/47,XX,+8[5]", "intermediate"),
        ("45,XX,-7[12]/47,XX,+8[4]", "intermediate"),
        ("46,XX,del(5)(q13q33)[9]/47,idem,+8[5]", "good"),
        ("47,XX,+8[9]/47,XX,+9[5]/47,XX,+21[5]", "intermediate"),
        ("44,XX,-5,-7,-17,+mar[9]/47,XX,+8[4]", "very poor"),
    ],
)
def test_independent_clones_are_not_added_up(text: str, expected: str) -> None:
    """Clones that share nothing make the group intermediate, unless one is complex on its own."""
    assert group("ipss_r", text) == expected


def test_an_incomplete_karyotype_has_one_abnormality_more() -> None:
    """`inc` says that there are further changes: three and they make more than three."""
    assert group("ipss_r", "44,XX,-5,-17,+mar,inc[9]") == "very poor"
    assert group("ipss_r", "46,XX,del(5)(q13q33),inc[9]") is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("46,XX,t(8;21)(q22;q22)[9]", "favourable"),
        ("45,X,-Y,t(8;21)(q22;q22)[9]", "favourable"),
        ("46,XX[20]", "intermediate"),
        ("47,XX,+8[9]", "intermediate"),
        ("46,XX,t(9;11)(p21;q23)[9]", "intermediate"),
        ("46,XX,t(6;11)(q27;q23)[9]", "adverse"),
        ("46,XX,der(5)t(5;17)(q11;p11)[9]", "adverse"),
        ("46,XX,t(5;12)(q31;p13)[9]", "intermediate"),
        ("46,XX,t(15;17)(q24;q21)[9]", None),
        ("46,XX,xyz[9]", None),
    ],
)
def test_the_risk_by_karyotype_of_the_eln(text: str, expected: str | None) -> None:
    """A balanced t(5;v) is no loss of 5q; promyelocytic leukaemia has no group."""
    assert group("eln_2017", text) == expected
    assert group("eln_2022", text) == expected


def test_the_eln_groups_of_2017_and_2022_differ() -> None:
    """t(8;16) and t(3q26;v) came, hyperdiploid karyotypes without rearrangement went."""
    assert group("eln_2017", "46,XX,t(8;16)(p11;p13)[9]") == "intermediate"
    assert group("eln_2022", "46,XX,t(8;16)(p11;p13)[9]") == "adverse"
    assert group("eln_2017", "46,XX,t(3;12)(q26;p13)[9]") == "intermediate"
    assert group("eln_2022", "46,XX,t(3;12)(q26;p13)[9]") == "adverse"
    assert group("eln_2017", "49,XX,+8,+13,+21[9]") == "adverse"
    assert group("eln_2022", "49,XX,+8,+13,+21[9]") == "intermediate"


def test_complex_has_a_definition() -> None:
    """The same karyotype is complex by one definition and not by another."""
    hyperdiploid = parse("49,XX,+8,+13,+21[9]")
    core_binding = parse("48,XY,+8,inv(16)(p13q22),+22[9]")
    independent = parse("47,XX,+8[9]/47,XX,+9[5]/47,XX,+21[5]")

    rules = ("complex(eln2017)", "complex(eln2022)", "complex(ipssr)")

    assert [matches(rule, hyperdiploid) for rule in rules] == [True, False, True]
    assert [matches(rule, core_binding) for rule in rules] == [False, False, True]
    assert [matches(rule, independent) for rule in rules] == [True, False, False]


def test_a_monosomy_made_up_for_is_none() -> None:
    """-17,+i(17)(q10) is the old way to write i(17)(q10); a lost Y is no monosomy."""
    assert matches("monosomal(eln)", parse("46,XX,-17,+i(17)(q10),+8[9]")) is False
    assert matches("monosomal(eln)", parse("45,XX,-17,i(7)(q10)[9]")) is True
    assert matches("monosomal", parse("44,X,-Y,-7[9]")) is False


def test_an_unknown_scheme_is_refused_with_those_known() -> None:
    """The error names what can be written."""
    with pytest.raises(KaryotypeRuleError, match="scheme:ipss_r"):
        scheme("scheme:ipss_x")


def _catalogue(*codes: str) -> Catalogue:
    """The catalogue of AML with one more element: the group of the IPSS-R."""
    catalogue = hm.disease("aml").catalogue
    mine: Element = replace(
        catalogue["cytogenetic_risk"],
        name="ipss_r_cytogenetic",
        type=ValueType.CATEGORY,
        values=tuple(Value(code, code, 0) for code in codes),
        from_karyotype="scheme:ipss_r",
    )
    return Catalogue({**catalogue.elements, mine.name: mine}, catalogue.genes)


FIVE = ("very good", "good", "intermediate", "poor", "very poor")


def _stated(*texts: str) -> pl.DataFrame:
    rows = [(i, "karyotype_iscn", 0, None, t, "f.csv", i, "iscn") for i, t in enumerate(texts)]
    return pl.DataFrame(rows, schema=FACTS, orient="row")


def test_a_category_is_derived_by_its_scheme() -> None:
    """One fact per person with a group; who has none was not tested, or is left open."""
    stated = _stated("45,XX,-7[12]/46,XX[8]", "no metaphases", "46,XY[20]", "45,X[20]")

    found = cytogenetics.findings(stated, _catalogue(*FIVE))
    groups = found.filter(pl.col("element") == "ipss_r_cytogenetic")

    assert dict(groups.select("person_id", "code").rows()) == {0: "poor", 2: "good"}


def test_an_element_must_hold_every_group() -> None:
    """A category without one of the groups is refused before any karyotype is read."""
    with pytest.raises(KaryotypeRuleError, match="very poor"):
        cytogenetics.findings(_stated("46,XX"), _catalogue(*FIVE[:-1]))
