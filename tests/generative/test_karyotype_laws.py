"""Laws of the karyotype reader that hold for every text."""

from __future__ import annotations

from time import perf_counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from haemony.harmonise.cytogenetics import shape
from haemony.harmonise.karyotype import (
    SCHEMES,
    Karyotype,
    Kind,
    Questions,
    State,
    abnormality_count,
    is_complex,
    is_monosomal,
    is_normal,
    matches,
    parse,
    sex,
    to_iscn,
)
from haemony.harmonise.karyotype.tidying import LONGEST

AUTOSOMES = st.integers(1, 22).map(str)
BANDS = st.sampled_from(["p11", "p13", "p13.1", "q11", "q13", "q22", "q22.3", "q31"])
RULES = (
    "-7",
    "t(8;21)(q22;q22)",
    "t(v;11q23)",
    "loss(5q) | add(5q)",
    "gain(1q) & !+1",
    "any(9) & !-9",
    "abn(12p)",
    "del(20q)",
    "mar",
    "normal",
    "complex",
    "complex(eln2022)",
    "complex(ipssr)",
    "monosomal",
)

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

# A grammar of what laboratories write: every kind of item, clone and remark that ISCN has, and the
# usual slips beside them.
ARM_BANDS = st.sampled_from(
    ["p", "q", "p11", "q13", "q22.1", "q31", "?q21", "q2?1", "q11~13", "q?"]
)
NAMES = st.sampled_from([*map(str, range(1, 23)), "X", "Y", "?"])
KINDS_OF_ONE = st.sampled_from(
    ["del", "add", "dup", "inv", "i", "iso", "idic", "r", "trp", "hsr", "fra", "ider"]
)
KINDS_OF_TWO = st.sampled_from(["t", "dic", "ins", "der", "tas", "rob"])
OF_ONE = st.builds("{}({})({}{})".format, KINDS_OF_ONE, NAMES, ARM_BANDS, ARM_BANDS | st.just(""))
OF_TWO = st.builds("{}({};{})({};{})".format, KINDS_OF_TWO, NAMES, NAMES, ARM_BANDS, ARM_BANDS)
OF_THREE = st.builds(
    "t({};{};{})({};{};{})".format, NAMES, NAMES, NAMES, ARM_BANDS, ARM_BANDS, ARM_BANDS
)
BUILT = st.builds("der({}){}{}".format, NAMES, OF_TWO, OF_ONE | st.just(""))
LOOSE = st.sampled_from(
    [
        *("+mar", "+2mar", "+1~3mar", "+mar1", "+m", "dmin", "4~20dmin", "+r", "mar", "inc", "na"),
        *("5q-", "20q-", "del5q", "del(5q)", "iso(17q)", "i(17q)", "minus 7", "trisomy 8", "-Y"),
        *("inv(9)(p12q13)c", "+21c", "1qh+", "+8x2", "2xdel(5)(q13)", "?+8", "+?8", "+8 or +9"),
        *(
            "der(5)",
            "abn(16)(q22)",
            "der(5)(5pter->5q13::17q11->17qter)",
            "complex",
            ">3 anomalies",
        ),
    ]
)
SIGNED = st.builds("{}{}".format, st.sampled_from("+-"), NAMES)
ANY_ITEM = st.builds(
    "{}{}{}{}".format,
    st.sampled_from(["", "", "", "?", "+", "-"]),
    st.one_of(SIGNED, OF_ONE, OF_TWO, OF_THREE, BUILT, LOOSE),
    st.sampled_from(["", "", "", "c", "x2", "[3]", "?"]),
    st.sampled_from(["", "", "", " ", ")"]),
)
NUMBERS = st.sampled_from(["46", "45~47", "43-45", "92<4n>", "23<1n>", "~50", "47", "4", ""])
SEXES = st.sampled_from(
    ["XX", "XY", "xx", "X", "XXYc", "XXXX", "?", "", "idem", "sl", "sdl1", "sdl"]
)
COUNTS = st.sampled_from(["", "[1]", "[2]", "[3]", "[20]", "[cp8]", "[cp]", "[12+3]", "[?]", "(4)"])
ANY_CLONE = st.builds(
    lambda number, sexes, items, cells: ",".join(filter(None, [number, sexes, *items])) + cells,
    NUMBERS,
    SEXES,
    st.lists(ANY_ITEM, max_size=6),
    COUNTS,
)
REMARKS = st.sampled_from(
    [
        *("", "", ".nuc ish(CEP8x3)[90/200]", ".ish del(5)(q31q31)(EGR1-)", " FISH: t(15;17)"),
        *(".arr[GRCh38] 5q13q33(64_158)x1", " (schlechte Qualität)", "\nBefund folgt", " PCR neg."),
    ]
)
GRAMMAR = st.builds(
    lambda clones, between, remark: between.join(clones) + remark,
    st.lists(ANY_CLONE, min_size=1, max_size=4),
    st.sampled_from(["/", "/", "/", "//", "\n", "; ", " / ", "/\n"]),
    REMARKS,
)

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
    for scheme in SCHEMES.values():
        assert scheme.group_of(karyotype) in {None, *scheme.groups}
    parse(to_iscn(karyotype))


@given(st.text(max_size=200))
def test_no_text_is_refused(text: str) -> None:
    """Whatever stands in the cell, there is an answer."""
    ask_everything(parse(text))


@settings(max_examples=300)
@given(st.lists(PIECES, max_size=60).map("".join))
def test_no_wreck_of_a_formula_is_refused(text: str) -> None:
    """Fragments of formulas in any order are read without an error."""
    ask_everything(parse(text))


@settings(max_examples=500)
@given(GRAMMAR)
def test_no_formula_of_the_grammar_is_refused(text: str) -> None:
    """Every kind of item, clone and remark is read without an error, in any combination."""
    ask_everything(parse(text))


@settings(max_examples=500)
@given(GRAMMAR)
def test_printing_is_stable(text: str) -> None:
    """Of a formula that was understood, reading and printing what was printed changes nothing."""
    found = parse(text)
    if any(item.kind is Kind.UNREAD for clone in found.clones for item in clone.abnormalities):
        return  # a gap is printed as a gap
    if found.state is not State.EVALUABLE:
        return

    printed = to_iscn(found)
    again = parse(printed)

    assert to_iscn(again) == printed
    assert [
        [(item.text, item.copies, item.cells) for item in c.abnormalities] for c in again.clones
    ] == [[(item.text, item.copies, item.cells) for item in c.abnormalities] for c in found.clones]


@given(GRAMMAR)
def test_many_rules_at_once_answer_as_one_by_one(text: str) -> None:
    """Leaving out rules that cannot hold changes no answer."""
    found = parse(text)

    assert Questions({rule: rule for rule in RULES}).answers(found) == {
        rule: matches(rule, found) for rule in RULES
    }


@given(GRAMMAR)
def test_counts_above_three_decide_nothing(text: str) -> None:
    """A formula and its shape get the same answers and groups."""
    found, shaped = parse(text), parse(shape(text))

    assert [matches(rule, found) for rule in RULES] == [matches(rule, shaped) for rule in RULES]
    assert [s.group_of(found) for s in SCHEMES.values()] == [
        s.group_of(shaped) for s in SCHEMES.values()
    ]


@given(FORMULAS, REMARKS)
def test_other_methods_never_give_bands(items: list[str], remark: str) -> None:
    """FISH, arrays and remarks behind a formula change no abnormality."""
    formula = ",".join(["46", "XX", *items]) + "[20]"

    plain, remarked = parse(formula), parse(formula + remark)

    assert [item.text for item in remarked.abnormalities] == [
        item.text for item in plain.abnormalities
    ]


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
