"""Laws of the karyotype reader that hold for every text."""

from __future__ import annotations

from time import perf_counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from haemony.harmonise.karyotype import (
    Karyotype,
    State,
    abnormality_count,
    is_complex,
    is_monosomal,
    is_normal,
    matches,
    parse,
    sex,
)
from haemony.harmonise.karyotype.tidying import LONGEST

AUTOSOMES = st.integers(1, 22).map(str)
BANDS = st.sampled_from(["p11", "p13", "p13.1", "q11", "q13", "q22", "q22.3", "q31"])
RULES = ("-7", "t(8;21)(q22;q22)", "loss(5q) | add(5q)", "any(9) & !-9", "abn(12p)", "complex")

WHOLE = st.builds("{}{}".format, st.sampled_from("+-"), AUTOSOMES)
ONE_BREAK = st.builds("{}({})({})".format, st.sampled_from(["del", "add"]), AUTOSOMES, BANDS)
TWO_CHROMOSOMES = (
    st.lists(st.integers(1, 22), min_size=2, max_size=2, unique=True)
    .map(sorted)
    .flatmap(
        lambda pair: st.builds(
            "{}({};{})({};{})".format,
            st.sampled_from(["t", "dic"]),
            st.just(pair[0]),
            st.just(pair[1]),
            BANDS,
            BANDS,
        )
    )
)
DERIVATIVE = st.builds("der({0})t({0};{1})({2};{3})".format, AUTOSOMES, AUTOSOMES, BANDS, BANDS)
ITEMS = st.one_of(WHOLE, ONE_BREAK, TWO_CHROMOSOMES, DERIVATIVE)
FORMULAS = st.lists(ITEMS, unique=True, max_size=8)

PIECES = st.sampled_from(
    [
        "46",
        "45~47",
        "XX",
        "XY",
        ",",
        "/",
        "//",
        ";",
        "(",
        ")",
        "[",
        "]",
        "+",
        "-",
        "?",
        "x2",
        "cp",
        "idem",
        "sl",
        "sdl1",
        "der",
        "t",
        "ins",
        "inc",
        "mar",
        "5",
        "q13",
        "p",
        "::",
        "->",
        "\n",
        " ",
        "fish",
        "no metaphases",
        "na",
        "komplex",
        "*",
        "\x00",
        "é",
        "²",
        "_x000D_",
        "<4n>",
    ]
)


def ask_everything(karyotype: Karyotype) -> None:
    """Put every question there is."""
    for question in (is_normal, is_complex, is_monosomal, abnormality_count, sex):
        question(karyotype)
    for rule in RULES:
        matches(rule, karyotype)


@given(st.text(max_size=200))
def test_no_text_is_refused(text: str) -> None:
    """Whatever stands in the cell, there is an answer."""
    ask_everything(parse(text))


@settings(max_examples=300)
@given(st.lists(PIECES, max_size=60).map("".join))
def test_no_wreck_of_a_formula_is_refused(text: str) -> None:
    """Fragments of formulas in any order are read without an error."""
    ask_everything(parse(text))


@given(FORMULAS, st.sampled_from(["XX", "XY"]), st.integers(3, 99))
def test_what_is_written_is_read(items: list[str], sexes: str, cells: int) -> None:
    """A formula composed of abnormalities gives back the same abnormalities."""
    found = parse(",".join(["46", sexes, *items]) + f"[{cells}]")

    (clone,) = found.clones

    assert [item.text for item in clone.abnormalities] == items
    assert (clone.sex, clone.cells) == (sexes, cells)
    assert found.state is State.EVALUABLE
    assert found.notes == found.remarks == ()


@given(FORMULAS, FORMULAS)
def test_writing_out_and_referring_say_the_same(stem: list[str], own: list[str]) -> None:
    """`sl` is an abbreviation, not another karyotype."""
    gains = [item for item in own if item not in stem and not item.startswith(("+", "-"))]
    first = ",".join(["46", "XX", *stem])

    short = parse(f"{first}[9]/46,sl{''.join(f',{item}' for item in gains)}[9]")
    full = parse(f"{first}[9]/{','.join([first, *gains])}[9]")

    assert [item.text for item in short.abnormalities] == [item.text for item in full.abnormalities]


@given(FORMULAS)
def test_spelling_does_not_matter(items: list[str]) -> None:
    """Capitals, quotes and spaces around a formula change no finding."""
    text = ",".join(["46", "XX", *items])

    read = {
        tuple(item.text for item in parse(form).abnormalities)
        for form in (text, text.lower(), text.upper(), f'"{text}"', f"  {text} \n", f"={text}")
    }

    assert len(read) == 1


@given(FORMULAS)
def test_normal_and_complex_exclude_each_other(items: list[str]) -> None:
    """No karyotype is both; without abnormalities it is normal."""
    found = parse(",".join(["46", "XY", *items]))

    assert is_normal(found) is (not items)
    assert not (is_normal(found) and is_complex(found))


@given(st.text(max_size=60), st.sampled_from(RULES))
def test_denial_turns_the_answer_round(text: str, rule: str) -> None:
    """`!` swaps yes and no, and leaves not tested alone."""
    if "|" in rule or "&" in rule:
        return
    found = parse(text)

    plain, denied = matches(rule, found), matches(f"!{rule}", found)

    assert denied is (None if plain is None else not plain)


@pytest.mark.parametrize(
    "unit",
    [
        "(",
        ")",
        "[",
        ",",
        "+",
        "-7,",
        "der(",
        "t(1;",
        "46,XX/",
        "?",
        "1",
        "x",
        "idem,",
        "q1",
        "fish(",
        "46 ",
        "no ",
        "(aaaa",
        "1-",
        "~",
        ";",
        "\n",
        "cp[",
        "mar",
        "46,xx,idem,",
        "a ",
    ],
)
def test_repetition_does_not_explode(unit: str) -> None:
    """The longest text of one repeated fragment is read within seconds."""
    text = (unit * LONGEST)[:LONGEST]

    begun = perf_counter()
    parse(text)

    assert perf_counter() - begun < 5
