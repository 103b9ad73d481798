"""What the karyotype reader promises, in formulas small enough to check by eye."""

from __future__ import annotations

import pytest

from haemony.harmonise.karyotype import (
    Karyotype,
    KaryotypeRuleError,
    Kind,
    Sign,
    State,
    abnormality_count,
    compile_rule,
    is_complex,
    is_monosomal,
    is_normal,
    matches,
    parse,
    sex,
    to_iscn,
)


def texts(karyotype: Karyotype) -> list[str]:
    """The distinct findings."""
    return [item.text for item in karyotype.abnormalities]


def clones(karyotype: Karyotype) -> list[list[str]]:
    """The abnormalities of each clone."""
    return [[item.text for item in clone.abnormalities] for clone in karyotype.clones]


def test_a_formula_gives_number_sex_abnormalities_and_cells() -> None:
    """The parts of a clone arrive where they belong."""
    found = parse("45,XY,del(5)(q13q33),-7[12]/46,XY[8]")

    first, second = found.clones

    assert found.state is State.EVALUABLE
    assert (first.modal_number, first.sex, first.cells) == (45, "XY", 12)
    assert [item.kind for item in first.abnormalities] == [Kind.DELETION, Kind.NUMERICAL]
    assert (second.modal_number, second.abnormalities, second.cells) == (46, (), 8)


def test_breakpoints_belong_to_their_chromosomes() -> None:
    """In t(8;21)(q22;q22) the first band is on 8 and the second on 21."""
    (joined,) = parse("46,XX,t(8;21)(q22;q22.1)").abnormalities

    places = [(point.chromosome, point.arm, point.band) for point in joined.breakpoints]

    assert places == [("8", "q", "22"), ("21", "q", "22.1")]


@pytest.mark.parametrize(
    ("text", "state"),
    [
        ("no metaphases", State.NO_METAPHASES),
        ("Keine auswertbaren Metaphasen", State.NO_METAPHASES),
        ("no metaphases / FISH: t(15;17) positive", State.NO_METAPHASES),
        ("culture failed", State.NO_METAPHASES),
        ("na", State.NOT_DONE),
        ("NA", State.NOT_DONE),
        ("", State.NOT_DONE),
        ("nicht durchgeführt", State.NOT_DONE),
        ("no analysis", State.NOT_DONE),
        ("FISH: del(5q) negative", State.NOT_DONE),
        ("nuc ish(D7S486x1)[100]", State.NOT_DONE),
        ("polyploid cells with changes", State.UNREADABLE),
        ("46,XX", State.EVALUABLE),
    ],
)
def test_words_instead_of_a_formula_have_a_state(text: str, state: State) -> None:
    """What was not examined is told from what was examined and found normal."""
    assert parse(text).state is state


@pytest.mark.parametrize("text", ["no metaphases", "na", "polyploid cells with changes"])
def test_without_a_karyotype_every_answer_is_not_tested(text: str) -> None:
    """No metaphases is never a negative finding."""
    found = parse(text)

    answers = [
        *(matches(rule, found) for rule in ("-7", "t(8;21)", "!-7", "normal | complex")),
        is_normal(found),
        is_complex(found),
        is_monosomal(found),
        abnormality_count(found),
        sex(found),
    ]

    assert answers == [None] * len(answers)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("46,XX,-7,+8[5]/47,sl,+21[6]/48,sdl1,+22[7]", ["-7", "+8", "+21", "+22"]),
        ("46,XX,-7,+8[5]/47,idem,+21[6]/47,idem,+22[7]", ["-7", "+8", "+22"]),
        ("46,XX,-7,+8[5]/47,sl,+21[6]/48,sdl,+22[7]", ["-7", "+8", "+21", "+22"]),
        ("46,XX,-7,+mar[5]/45,idem,-mar[6]", ["-7"]),
        ("46,XX,-7,+8[5]/46,idem,-8,+9[6]", ["-7", "+9"]),
        ("47,XX,+8[5]/94,idemx2[6]", ["+8"]),
    ],
)
def test_subclones_inherit(text: str, expected: list[str]) -> None:
    """`sl` and `idem` mean the clone listed first, `sdl` a sideline; what is lost again is gone."""
    assert clones(parse(text))[-1] == expected


def test_a_subclone_that_repeats_the_first_clone_refers_to_the_one_before() -> None:
    """`idem` cannot add what the first clone has already."""
    found = parse("46,XY,del(11)(q21)[4]/46,XY,del(9)(q13)[5]/46,idem,del(11)(q21)[6]")

    assert clones(found)[2] == ["del(9)(q13)", "del(11)(q21)"]


@pytest.mark.parametrize(
    ("broken", "clean"),
    [
        ('"46,XX,del(5)(q13q33)[9]"', "46,XX,del(5)(q13q33)[9]"),
        ("46,xx,del(5)(q13q33)[9]", "46,XX,del(5)(q13q33)[9]"),
        ("46, XX, del(5) (q13q33) [9]", "46,XX,del(5)(q13q33)[9]"),
        ("46,XX,del(5(q13q33),-7[9]", "46,XX,del(5)(q13q33),-7[9]"),
        ("46,XX,del(5)(q13q33,-7[9]", "46,XX,del(5)(q13q33),-7[9]"),
        ("46,XX,t(5;13)q22;q31),-7", "46,XX,t(5;13)(q22;q31),-7"),
        ("46,XX,t(5:13)(q22:q31),-7", "46,XX,t(5;13)(q22;q31),-7"),
        ("46,XX,t(5;13);(q22;q31),-7", "46,XX,t(5;13)(q22;q31),-7"),
        ("47,XX+8,-7", "47,XX,+8,-7"),
        ("45 X,-Y,+8", "45,X,-Y,+8"),
        ("46,XX,t(5;13)(q22;q31) -7", "46,XX,t(5;13)(q22;q31),-7"),
        ("46,XX,t(5;13)(q22;q31)-7", "46,XX,t(5;13)(q22;q31),-7"),
        ("46,XX,−7,+8", "46,XX,-7,+8"),
        ("46,XX,add(7)(p15)*2", "46,XX,add(7)(p15)x2"),
        ("47,XX,+8[4]\n46,XX[6]", "47,XX,+8[4]/46,XX[6]"),
        ("47,XX,+8[4]; 46,XX[6]", "47,XX,+8[4]/46,XX[6]"),
        ("47,XX,+8[4] 46,XX[6]", "47,XX,+8[4]/46,XX[6]"),
        ("47,XX,+8[4]46,XX[6]", "47,XX,+8[4]/46,XX[6]"),
        ("47,XX,+8[4]/46,XX[6] (repeat sample)", "47,XX,+8[4]/46,XX[6]"),
        ("47,XX,+8[4]/46,XX[6]; FISH +8 in 30%", "47,XX,+8[4]/46,XX[6]"),
        ("47,XX,+8[4].ish t(9;22)(ABL1+,BCR+)", "47,XX,+8[4]"),
    ],
)
def test_damage_is_repaired(broken: str, clean: str) -> None:
    """Lost commas and brackets, line breaks, spreadsheet quotes and remarks change nothing."""
    assert texts(parse(broken)) == texts(parse(clean))
    assert [c.cells for c in parse(broken).clones] == [c.cells for c in parse(clean).clones]


@pytest.mark.parametrize(
    ("shorthand", "rule"),
    [
        ("del5q", "del(5q)"),
        ("5q-", "loss(5q)"),
        ("46,XX,del(5q)", "del(5q)"),
        ("46,XX,del(5q13q33)", "del(5)(q13q33)"),
        ("46,XX,-5q", "loss(5q)"),
        ("46,XY,iso(17q)", "loss(17p)"),
        ("46,XY,minus Y", "-Y"),
        ("trisomy 8", "+8"),
        ("plus8", "+8"),
        ("Monosomie 7", "-7"),
        ("48,XX,+2x8", "+8"),
        ("48,XX,+8x2", "+8"),
    ],
)
def test_shorthand_of_letters_and_databases_is_read(shorthand: str, rule: str) -> None:
    """Findings written without ISCN's form are found all the same."""
    assert matches(rule, parse(shorthand)) is True


def test_composite_and_ranges_and_uncertainty_are_kept() -> None:
    """`cp`, `~`, `?` and `inc` are facts about the clone, not noise."""
    (clone,) = parse("43~45,XY,?del(5)(q13~15q3?3),-7,+1-3mar,inc[cp9]").clones
    deletion, _, marker = clone.abnormalities

    assert (clone.modal_number, clone.modal_upper) == (43, 45)
    assert (clone.composite, clone.cells, clone.incomplete) == (True, 9, True)
    assert deletion.uncertain
    assert (deletion.breakpoints[0].band, deletion.breakpoints[0].upper) == ("13", "15")
    assert (marker.kind, marker.sign, marker.copies) == (Kind.MARKER, Sign.GAINED, 1)


def test_constitutional_changes_and_variants_are_no_findings() -> None:
    """A person born with inv(9) or trisomy 21 has a normal leukaemia karyotype."""
    for text in ("46,XY,inv(9)(p12q13)", "46,XX,inv(9)(p11q13)c", "46,XX,1qh+", "47,XY,+21c"):
        found = parse(text)

        assert found.abnormalities == ()
        assert matches("+21 | any(9) | any(1)", found) is False


def test_a_donors_cells_are_not_the_patients() -> None:
    """Behind `//` stands the donor's karyotype."""
    found = parse("45,XY,-7[3]//47,XX,+8[17]")

    assert texts(found) == ["-7"]
    assert sex(found) == "male"


def test_one_cell_is_no_clone() -> None:
    """ISCN asks for two cells with a gain and three with a loss; shared cells are added up."""
    assert is_normal(parse("47,XY,+8[1]/46,XY[19]")) is True
    assert is_normal(parse("45,XY,-20[2]/46,XY[18]")) is True
    assert is_normal(parse("47,XY,+8[2]/46,XY[18]")) is False
    assert texts(parse("47,XY,+8[1]/48,XY,+8,+9[5]")) == ["+8", "+9"]


@pytest.mark.parametrize(
    ("text", "rule", "answer"),
    [
        ("45,XX,-5", "-5 | loss(5q)", True),
        ("46,XX,der(5)t(5;17)(q11;p11)", "loss(5q)", True),
        ("46,XX,der(5)t(5;17)(q11;p11)", "loss(5p)", False),
        ("46,XX,t(5;17)(q11;p11)", "loss(5q)", False),
        ("46,XX,der(5)t(5;17)(q11;p11),der(17)t(5;17)", "loss(5q)", False),
        ("45,XX,dic(5;17)(q11;p11)", "loss(5q) & loss(17p)", True),
        ("46,XX,i(17)(q10)", "loss(17p) & gain(17q)", True),
        ("46,XX,idic(17)(p11)", "loss(17p) & gain(17q)", True),
        ("46,XX,i(7)(p10)", "loss(7q)", True),
        ("46,XX,+1,der(1;7)(q10;p10)", "gain(1q) & loss(7q)", True),
        ("46,XX,add(5)(q31)", "loss(5q)", False),
        ("46,XX,add(5)(q31)", "add(5q)", True),
        ("47,XX,+del(8)(p11)", "gain(8q)", True),
        ("47,XX,+del(5)(q13)", "loss(5q)", False),
        ("46,XX,dup(1)(q21q32)", "gain(1q)", True),
        ("46,XX,r(7)(p22q36)", "loss(7q)", True),
        ("46,XX,t(3;12)(q26;p13)", "abn(12p)", True),
        ("46,XX,t(3;12)(q26;p13)", "abn(12q)", False),
        ("46,XX,t(7;12)(q22;p13)", "any(7)", True),
        ("46,XX,t(7;12)(q22;p13)", "any(7) & !loss(7q)", True),
        ("46,XX,t(8;21)(q22;q22)", "t(8;21)(q22;q22)", True),
        ("46,XX,t(8;21)(q22;q22.3)", "t(8;21)(q22;q22)", True),
        ("46,XX,t(8;21)", "t(8;21)(q22;q22)", True),
        ("46,XX,t(8;21)(p11;q22)", "t(8;21)(q22;q22)", False),
        ("46,XX,t(8;13;21)(q22;q14;q22)", "t(8;21)(q22;q22)", True),
        ("46,XX,t(16;16)(p13;q22)", "inv(16)(p13q22) | t(16;16)(p13;q22)", True),
        ("46,XX,inv(16)(p13.1q22)", "inv(16)(p13q22)", True),
        ("46,XX,t(10;11)(p12;q23)", "t(v;11q23)", True),
        ("46,XX,t(10;11)(p12;q13)", "t(v;11q23)", False),
        ("46,XX,t(1;11)", "t(v;11q23)", False),
        ("46,XX,der(10)t(10;11)(p12;q23)", "t(v;11q23)", True),
        ("46,XX,der(10)t(10;11)(p12;q23)", "rcp(v;11q23)", False),
        ("46,XX,t(9;11)(p21.3;q23)", "t(9;11)(p21~23;q23)", True),
        ("46,XX,t(9;11;19)(p22;q23;q13)", "t(9;11;v)", True),
        ("47,XX,+add(11)(p15)", "+add(11)", True),
        ("46,XX,add(11)(p15)", "+add(11)", False),
        ("47,XX,+11", "+any(11)", True),
        ("47,XX,+del(11)(q23)", "+any(11)", True),
        ("46,XX,-11,+der(11)t(7;11)(q22;p15)", "+any(11)", False),
        ("47,XX,+der(6)t(6;11)(q27;q23)", "+any(11)", False),
        ("46,XX,-17,+i(17)(q10)", "gain(17q)", True),
        ("45,XX,-11,idic(11)(p11)", "gain(11q)", False),
        ("46,XX,idic(11)(p11)", "gain(11q)", True),
        ("46,XX,del(11)(14q22)", "loss(11q)", True),
        ("46,XX,del(11)(14q22)", "any(14q)", False),
        ("47,XX,+mar", "mar", True),
        ("46,XX", "normal", True),
        ("44,XX,-5,-7", "monosomal", True),
    ],
)
def test_a_rule_answers_as_a_cytogeneticist_would(text: str, rule: str, *, answer: bool) -> None:
    """Losses through derivatives, isochromosomes, dicentrics count; balanced exchanges do not."""
    assert matches(rule, parse(text)) is answer


def test_an_unreadable_item_leaves_open_only_what_it_may_be() -> None:
    """ISCN lists chromosomes in ascending order, so a gap between 8 and 10 is about 8, 9 or 10."""
    found = parse("44,XY,-8,na,-10")

    assert matches("-9", found) is None
    assert matches("-8", found) is True
    assert matches("-20", found) is False
    assert matches("!-9", found) is None


def test_a_karyotype_called_complex_is_complex_and_nothing_else_is_known() -> None:
    """The word says that there are three abnormalities, not which."""
    found = parse("komplexer Karyotyp")

    assert is_complex(found) is True
    assert matches("-7", found) is None
    assert is_monosomal(found) is None


@pytest.mark.parametrize(
    ("text", "count", "answer"),
    [
        ("44,XY,del(5)(q13q33),-7,-17", 3, True),
        ("45,XY,del(5)(q13q33),-7", 2, False),
        ("48,XY,+8,inv(16)(p13q22),+22", 3, False),
        ("47,XY,+8,t(9;11)(p22;q23),+19", 3, False),
        ("46,XX,-5,-7,+2mar", 4, True),
        ("48,XX,+8,+8", 2, False),
        ("47,XX,+8[5]/47,XX,+9[5]/47,XX,+21[5]", 3, True),
        ("46,XX,+mar,-5,inv(9)(p12q13)c", 2, False),
    ],
)
def test_complex_means_three_without_a_class_of_its_own(
    text: str, count: int, *, answer: bool
) -> None:
    """Shared abnormalities count once, constitutional ones not at all (ELN)."""
    found = parse(text)

    assert abnormality_count(found) == count
    assert is_complex(found) is answer


def test_a_clone_may_tell_less_of_what_another_tells_in_full() -> None:
    """ISCN gives breakpoints once: del(5)(q) beside del(5)(q14q34) is no second abnormality."""
    assert abnormality_count(parse("46,XX,del(5)(q14q34)[12]/46,XX,del(5)(q),+8[5]")) == 2
    assert abnormality_count(parse("46,XX,t(6;13)(q11;p11)[3]/47,XX,t(6;13),+8[4]")) == 2
    assert abnormality_count(parse("46,XX,del(5)(q14q34)[12]/46,XX,del(5)(p)[5]")) == 2
    assert abnormality_count(parse("46,XX,del(5)(q13q31)[9]/46,XX,del(5)(q14q34)[5]")) == 2
    assert abnormality_count(parse("46,XX,del(5)(q),del(5)(q14q34)[9]")) == 2


def test_a_cell_has_one_y_to_lose() -> None:
    """45,X,-Y,-Y is a slip of the pen."""
    assert abnormality_count(parse("45,X,-Y,-Y[9]/46,XY[11]")) == 1


@pytest.mark.parametrize(
    "text", [">3 abnormalities", "\u22653 aberrations", ">2 Anomalien", "complex karyotype"]
)
def test_many_abnormalities_make_a_complex_karyotype(text: str) -> None:
    """The number is told, the abnormalities are not."""
    assert is_complex(parse(text)) is True
    assert matches("-7", parse(text)) is None


def test_insertions_into_11q23_and_breaks_in_3q26_define_a_class() -> None:
    """KMT2A and MECOM rearranged in another way are no complex karyotype, either."""
    assert is_complex(parse("48,XY,+8,ins(10;11)(p13;q23q13),+19")) is False
    assert is_complex(parse("45,XY,inv(3)(p21q26),-7,del(12)(p12)")) is False


def test_a_monosomal_karyotype_needs_an_autosome() -> None:
    """Two autosomal monosomies, or one and a rearrangement; never in core-binding-factor AML."""
    assert is_monosomal(parse("44,XY,-5,-7")) is True
    assert is_monosomal(parse("45,XY,del(5)(q13),-7")) is True
    assert is_monosomal(parse("45,XY,-7")) is False
    assert is_monosomal(parse("44,X,-Y,-7")) is False
    assert is_monosomal(parse("45,XY,-7,inv(16)(p13q22)")) is False


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("46,XX", "female"),
        ("46,XY", "male"),
        ("45,X,-Y", "male"),
        ("45,X,-X", "female"),
        ("46,X,t(X;7)(q13;q22)", "female"),
        ("45,X", None),
    ],
)
def test_sex_survives_the_loss_of_a_sex_chromosome(text: str, expected: str | None) -> None:
    """Lost and rearranged sex chromosomes are put back."""
    assert sex(parse(text)) == expected


def test_a_lone_x_beside_normal_male_cells_is_a_lost_y() -> None:
    """The sign may be left out where the other clone makes it plain."""
    assert matches("-Y", parse("45,X[9]/46,XY[11]")) is True


def test_a_lone_x_leaves_open_which_sex_chromosome_is_lost() -> None:
    """45,X alone may be a lost Y, a lost X or, from birth, neither; it is never normal."""
    found = parse("45,X[20]")

    assert matches("-Y", found) is None
    assert matches("-X", found) is None
    assert matches("-7", found) is False
    assert is_normal(found) is False
    assert abnormality_count(found) == 1
    assert matches("-Y", parse("45,Xc[20]")) is False
    assert matches("-Y", parse("26,X,+1,+8,+21[20]")) is False


def test_an_unspecified_abnormality_leaves_open_what_it_is() -> None:
    """abn(16)(q22) may be an inv(16); it is no t(8;21), and no lost chromosome."""
    found = parse("46,XX,abn(16)(q22)[20]")

    assert matches("inv(16) | t(16;16)", found) is None
    assert matches("loss(16q)", found) is None
    assert matches("abn(16q)", found) is True
    assert matches("any(16)", found) is True
    assert matches("-16", found) is False
    assert matches("t(8;21)", found) is False


def test_an_unread_item_may_be_a_marker() -> None:
    """A marker stands anywhere in the formula."""
    assert matches("mar", parse("44,XY,-8,na,-10")) is None


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("47,XXYc[20]", True),
        ("47,XY,+21c[20]", True),
        ("45,XX,der(13;14)(q10;q10)c[20]", True),
        ("45,XX,rob(13;14)(q10;q10)c[20]", True),
        ("48,XXYc,+8[20]", False),
        ("47,XXY[20]", False),
        ("47,XY,+21[20]", False),
    ],
)
def test_what_the_patient_was_born_with_is_normal(text: str, *, answer: bool) -> None:
    """Constitutional chromosomes, marked by c, change the number that is expected."""
    assert is_normal(parse(text)) is answer


def test_one_abnormal_cell_alone_is_not_normal() -> None:
    """Where no other cell was seen there is neither a clone nor a normal karyotype."""
    found = parse("45,XX,-7[1]")

    assert is_normal(found) is None
    assert matches("normal", found) is None


@pytest.mark.parametrize(
    "rule",
    ["", "-7 |", "t(8;21", "loss(5)", "+25", "foo(7)", "t(8;21)(q22)", "inv(16)(x13)", "7q-"],
)
def test_a_bad_rule_is_refused_with_the_fix(rule: str) -> None:
    """The error names the rule, and says what to write."""
    with pytest.raises(KaryotypeRuleError) as refused:
        compile_rule(rule)

    assert repr(rule) in str(refused.value)
    assert refused.value.fix in str(refused.value)


def test_a_text_of_absurd_length_is_unreadable() -> None:
    """Whole documents in a karyotype column are refused, not worked through."""
    assert parse("46,XX," + "-7," * 10_000).state is State.UNREADABLE


def test_a_rebuilt_chromosome_without_breakpoint_leaves_its_arms_open() -> None:
    """der(17) may or may not have lost 17p; that it concerns 17, and not 5, is certain."""
    found = parse("46,XX,der(17)[9]/46,XX[11]")

    assert matches("loss(17p)", found) is None
    assert matches("any(17)", found) is True
    assert matches("loss(5q)", found) is False
    assert matches("-17", found) is False


@pytest.mark.parametrize("form", ["der(17)t(3;17)(p10;q10)", "der(3;17)(p10;q10)"])
def test_a_whole_arm_translocation_keeps_the_arms_it_names(form: str) -> None:
    """Written for one chromosome or for both, 3p and 17q are kept and 17p is lost."""
    found = parse(f"46,XX,{form}[9]")

    assert matches("loss(17p)", found) is True
    assert matches("abn(17p)", found) is True
    assert matches("loss(17q)", found) is False


@pytest.mark.parametrize(
    ("text", "residue"),
    [
        ("46,XX,del(5)(q13q33)[20]", ()),
        ("46,XX,del(5)(q13q33)xyz[20]", ("xyz",)),
        ("46,XX,del(11)(14q22)[20]", ("14",)),
        ("46,XX,+8,na,-10[20]", ("na",)),
        ("46,XX[20] (schlechte Qualität)", ("(schlechte qualität)",)),
        ("46,XX[20].nuc ish(CEP8x3)[90/200]", ()),
        ("46,XX[20] PCR: negativ", ()),
    ],
)
def test_what_was_not_understood_is_left_over(text: str, residue: tuple[str, ...]) -> None:
    """Pieces of the formula and free text are kept; results of other methods are none."""
    assert parse(text).residue == residue


@pytest.mark.parametrize(
    ("text", "in_situ", "arrays"),
    [
        ("47,XX,+8[3].nuc ish(CEP8x3)[90/200]", ("nuc ish(cep8x3)[90/200]",), ()),
        ("46,XX[9].ish t(9;22)(ABL1+;BCR+)", ("ish t(9;22)(abl1+;bcr+)",), ()),
        ("46,XY[9].arr(1-22)x2,(X,Y)x1", (), ("arr(1-22)x2,(x,y)x1",)),
        ("arr[GRCh38] 5q13.1q33.3(64_158)x1", (), ("arr[grch38] 5q13.1q33.3(64 158)x1",)),
        ("nuc ish(D5S23x2,EGR1x1)[80/200]", ("nuc ish(d5s23x2,egr1x1)[80/200]",), ()),
    ],
)
def test_other_methods_are_set_apart(
    text: str, in_situ: tuple[str, ...], arrays: tuple[str, ...]
) -> None:
    """FISH and arrays are kept as written, and give no abnormality of the karyotype."""
    found = parse(text)

    assert (found.in_situ, found.arrays) == (in_situ, arrays)
    assert not any(item.is_structural for item in found.abnormalities)


def test_a_remark_ends_where_the_next_clone_begins() -> None:
    """FISH between two clones takes no clone away."""
    found = parse("46,XX,t(9;22)(q34;q11)[3].ish t(9;22)(ABL1+,BCR+)/46,XX[7]")

    assert [clone.cells for clone in found.clones] == [3, 7]


def test_ploidy_is_kept() -> None:
    """A tetraploid clone is told from a diploid one, and is not normal."""
    first, second = parse("92<4n>,XXYY[3]/46,XY[9]").clones

    assert (first.modal_number, first.ploidy, first.sex) == (92, "4n", "XXYY")
    assert second.ploidy == ""
    assert is_normal(parse("46,XY,4n[9]")) is False


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("45,xx,-7[3]/46,idem,+marker[5]\n46,xx [2]", "45,XX,-7[3]/46,XX,-7,+mar[5]/46,XX[2]"),
        ("46,XX,iso(17q)", "46,XX,i(17)(q)"),
        ("47,XX,+2x8[cp9]", "47,XX,+8x2[cp9]"),
        ("47,XXYc,+8[3]", "47,XXYc,+8[3]"),
        ("45,XY,-7[3]//46,XX[17]", "45,XY,-7[3]//46,XX[17]"),
        ("43-45,XY,?del(5)(q13-15q33),inc[4]", "43~45,XY,?del(5)(q13~15q33),inc[4]"),
        ("no metaphases", "no metaphases"),
    ],
)
def test_a_karyotype_is_printed_as_iscn(text: str, printed: str) -> None:
    """Two spellings of one karyotype are one text; what is inherited is written out."""
    assert to_iscn(parse(text)) == printed
    assert to_iscn(parse(printed)) == printed


def test_a_loss_in_two_cells_needs_a_clone_around_it() -> None:
    """Two cells with the same gain or rearrangement are a clone; two with losses alone are none."""
    assert texts(parse("44,XX,-5,-7[2]/46,XX[18]")) == []
    assert texts(parse("46,XX,-7,+8[2]/46,XX[18]")) == ["-7", "+8"]
    assert texts(parse("45,XX,t(9;22)(q34;q11),-7[2]/46,XX[18]")) == ["t(9;22)(q34;q11)", "-7"]


def test_a_stray_bracket_joins_no_numbers() -> None:
    """`+2)1` is no trisomy 21, and a number parted by a space is none."""
    assert parse("47,XX,+2)1[9]").residue
    assert parse("47,XX,+2 1[9]").residue
    assert matches("+21", parse("47,XX,+2)1[9]")) is not True


def test_only_a_donors_cells_are_no_karyotype_of_the_patient() -> None:
    """ISCN writes `//46,XX[20]` when all cells are the donor's."""
    found = parse("//46,XX[20]")

    assert found.state is State.NOT_DONE
    assert matches("normal", found) is None


@pytest.mark.parametrize("marked", ["?+8x2", "+8x2", "+?8x2", "+2x8"])
def test_two_extra_copies_are_two_of_eight(marked: str) -> None:
    """Doubt and multiplier in any order leave the chromosome what it is."""
    (gained,) = parse(f"48,XX,{marked}[9]").abnormalities

    assert (gained.text, gained.copies) == ("+8", 2)


def test_markers_are_counted_and_not_named() -> None:
    """Three, two and one marker in three clones are three abnormalities at most."""
    assert abnormality_count(parse("49,XY,+3mar[2]/48,XY,2mar[7]/47,XY,+mar[9]")) == 3
    assert abnormality_count(parse("46,XY,-20,+mar[7]/47,XY,-20,+marx2[9]")) == 3
