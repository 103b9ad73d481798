"""Lines of treatment from rows of drugs: each rule on a table that a clinician can read."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from haemony.harmonise.regimens import Courses, Role, ingredients, lines_of, regimens
from haemony.harmonise.regimens.course import RowsTwice
from haemony.harmonise.regimens.table import match
from haemony.model.disease import installed

Rows = Sequence[tuple[str, int, int]]


def drugs(rows: Rows, person: int = 1) -> pl.DataFrame:
    """Rows of one person: drug, first day, last day; numbered as they stand."""
    return pl.DataFrame(
        [(number, person, *row) for number, row in enumerate(rows, 1)],
        schema={
            "row": pl.Int64,
            "person_id": pl.Int64,
            "drug": pl.String,
            "start": pl.Int32,
            "end": pl.Int32,
        },
        orient="row",
    )


def named(rows: Rows, disease: str, transplants: Sequence[int] = ()) -> list[str | None]:
    """The regimens of one person's lines, in order."""
    return lines_of(drugs(rows), disease=disease, transplants={1: transplants}).lines[
        "regimen"
    ].to_list()  # fmt: skip


def phases(courses: Courses) -> dict[int, tuple[int, str]]:
    """Line and phase of every placed row."""
    columns = courses.placed.select("row", "line", "phase")
    return {row: (line, phase) for row, line, phase in columns.iter_rows()}


P = "prednisone"
D = "dexamethasone"
USUAL: Mapping[str, tuple[str, Rows]] = {
    "7+3": ("aml", [("cytarabine", 0, 6), ("daunorubicin", 0, 2)]),
    "FLAG-Ida": ("aml", [("fludarabine", 0, 4), ("cytarabine", 0, 4), ("idarubicin", 1, 3)]),
    "azacitidine-venetoclax": ("aml", [("azacitidine", 0, 6), ("venetoclax", 0, 27)]),
    "VRd": ("myeloma", [("bortezomib", 0, 10), ("lenalidomide", 0, 13), (D, 0, 11)]),
    "Dara-VRd": (
        "myeloma",
        [("bortezomib", 0, 10), ("lenalidomide", 0, 13), (D, 0, 11), ("daratumumab", 1, 15)],
    ),
    "R-CHOP": (
        "nhl",
        [("rituximab", 0, 0), ("cyclophosphamide", 1, 1), ("doxorubicin", 1, 1),
         ("vincristine", 1, 1), (P, 1, 5)],
    ),
    "BEACOPP": (
        "hodgkin",
        [("bleomycin", 7, 7), ("etoposide", 0, 2), ("doxorubicin", 0, 0),
         ("cyclophosphamide", 0, 0), ("vincristine", 7, 7), ("procarbazine", 0, 6), (P, 0, 13)],
    ),
    "ABVD": (
        "hodgkin",
        [("doxorubicin", 0, 0), ("bleomycin", 0, 0), ("vinblastine", 0, 0), ("dacarbazine", 0, 0)],
    ),
    "FCR": ("cll", [("fludarabine", 1, 3), ("cyclophosphamide", 1, 3), ("rituximab", 0, 0)]),
    "ibrutinib": ("cll", [("ibrutinib", 0, 400)]),
    "imatinib": ("cml", [("imatinib", 0, 900)]),
}  # fmt: skip


@pytest.mark.parametrize("name", USUAL)
def test_a_usual_regimen_is_recognised(name: str) -> None:
    """Drugs that start within the window combine, and the combination has its name."""
    disease, rows = USUAL[name]

    assert named(rows, disease) == [name]
    assert named(rows, "") == [name]


@pytest.mark.parametrize("name", [one.name for one in regimens()])
def test_every_regimen_of_the_table_is_found_by_its_own_rule(name: str) -> None:
    """Its required drugs, given together in one of its diseases, make it and nothing else."""
    regimen = next(one for one in regimens() if one.name == name)
    rows = [(sorted(group)[0], 0, 1) for group in regimen.required]

    for disease in sorted(regimen.diseases):
        assert named(rows, disease) == [name], disease


def test_the_table_is_sound() -> None:
    """Diseases exist, no drug is required and forbidden, windows and gaps are days."""
    for regimen in regimens():
        assert regimen.diseases <= set(installed()), regimen.name
        assert not regimen.own & regimen.forbidden, regimen.name
        assert 0 <= regimen.window_days < regimen.gap_days, regimen.name
        assert regimen.source, regimen.name


def test_drugs_go_by_several_names_and_by_their_concept() -> None:
    """INN, the American name and the RxNorm ingredient are one drug."""
    assert ingredients()["hydroxyurea"] is ingredients()["hydroxycarbamide"]
    assert named([("1311078", 0, 6), (" Idarubicin ", 0, 2)], "aml") == ["7+3"]


def test_cycles_of_one_regimen_are_one_line() -> None:
    """R-CHOP every three weeks is one line, not six."""
    one = USUAL["R-CHOP"][1]
    six = [(drug, start + 21 * k, end + 21 * k) for k in range(6) for drug, start, end in one]

    courses = lines_of(drugs(six), disease="nhl")

    assert courses.lines.select("regimen", "line", "start", "end").rows() == [("R-CHOP", 1, 0, 110)]
    assert courses.lines["rows"][0].to_list() == list(range(1, 31))


def test_a_gap_starts_a_new_line_even_with_the_same_drug() -> None:
    """Azacitidine after more than the regimen's gap of 90 days is a line of its own."""
    rows = [("azacitidine", 0, 6), ("azacitidine", 96, 102), ("azacitidine", 193, 199)]

    courses = lines_of(drugs(rows), disease="mds")

    assert courses.lines["rows"].to_list() == [[1, 2], [3]]
    assert courses.lines["began"].to_list() == ["the first drug", "91 days without treatment"]


def test_a_new_drug_starts_a_new_line_with_what_is_given_beside_it() -> None:
    """FLAG-Ida on day 40 is not 7+3 with fludarabine, though cytarabine is in both."""
    rows = [
        *USUAL["7+3"][1],
        ("cytarabine", 39, 43),
        ("fludarabine", 40, 44),
        ("idarubicin", 41, 43),
    ]

    courses = lines_of(drugs(rows), disease="aml")

    assert courses.lines["regimen"].to_list() == ["7+3", "FLAG-Ida"]
    assert courses.lines["rows"].to_list() == [[1, 2], [3, 4, 5]]
    assert courses.lines["began"][1] == "a drug that is not of the line before: fludarabine"


def test_the_next_inhibitor_is_the_next_line() -> None:
    """Dasatinib twenty days after imatinib is the second line, no combination."""
    assert named([("imatinib", 0, 19), ("dasatinib", 20, 90)], "cml") == ["imatinib", "dasatinib"]


def test_a_late_partner_within_the_window_combines() -> None:
    """Venetoclax joins obinutuzumab in the fourth week, and rituximab venetoclax in the sixth."""
    first = [("obinutuzumab", 0, 0), ("venetoclax", 21, 300)]
    second = [("venetoclax", 0, 700), ("rituximab", 35, 35)]

    assert named(first, "cll") == ["venetoclax-obinutuzumab"]
    assert named(second, "cll") == ["venetoclax-rituximab"]


def test_maintenance_belongs_to_its_line() -> None:
    """Lenalidomide that goes on alone after VRd is maintenance, from the day it is alone."""
    rows = [*USUAL["VRd"][1], ("lenalidomide", 60, 300)]

    courses = lines_of(drugs(rows), disease="myeloma")

    assert courses.lines["maintenance_start"].to_list() == [60]
    assert phases(courses)[4] == (1, "maintenance")
    assert phases(courses)[2] == (1, "regimen")


def test_a_transplant_starts_no_line() -> None:
    """Melphalan before it is conditioning; the pause after it is counted from the transplant."""
    rows = [*USUAL["VRd"][1], ("melphalan", 118, 119), ("lenalidomide", 220, 500)]

    courses = lines_of(drugs(rows), disease="myeloma", transplants={1: [120]})

    assert courses.lines["regimen"].to_list() == ["VRd"]
    assert phases(courses)[4] == (1, "conditioning")
    assert phases(courses)[5] == (1, "maintenance")


def test_conditioning_without_a_line_before_it_is_unassigned() -> None:
    """Whose treatment before the transplant is not known has no line made of its conditioning."""
    courses = lines_of(drugs([("busulfan", 5, 8)]), disease="aml", transplants={1: [10]})

    assert courses.lines.height == 0
    assert courses.unassigned["reason"].to_list() == [
        "is given around a transplant, and no line is before it"
    ]


def test_steroids_and_cytoreduction_make_no_line() -> None:
    """They join the line that opens soon after; alone they are unassigned."""
    rows = [("hydroxycarbamide", 0, 3), *[(d, s + 5, e + 5) for d, s, e in USUAL["7+3"][1]]]

    with_line = lines_of(drugs(rows), disease="aml")
    alone = lines_of(drugs([(P, 0, 5)]), disease="nhl")
    in_mpn = named([("hydroxyurea", 0, 300)], "et")

    assert with_line.lines["regimen"].to_list() == ["7+3"]
    assert phases(with_line)[1] == (1, "cytoreduction")
    assert alone.unassigned["reason"].to_list() == ["is steroid outside every line"]
    assert in_mpn == ["hydroxycarbamide"]


def test_a_steroid_that_nobody_wrote_down_is_said_to_be_absent() -> None:
    """VRd without dexamethasone is VRd, and the line says what no row names."""
    courses = lines_of(drugs(USUAL["VRd"][1][:2]), disease="myeloma")

    assert courses.lines["regimen"].to_list() == ["VRd"]
    assert "without dexamethasone, which no row names" in courses.lines["inferred"][0]


def test_drugs_that_make_no_regimen_are_a_line_without_a_name() -> None:
    """Nothing is bent into the nearest name."""
    courses = lines_of(drugs([("cytarabine", 0, 5), ("ibrutinib", 1, 9)]), disease="aml")

    assert courses.lines["regimen"].to_list() == [None]
    assert courses.lines["drugs"].to_list() == [["cytarabine", "ibrutinib"]]
    assert "no regimen of the table" in courses.lines["inferred"][0]


def test_rows_that_cannot_be_read_are_listed() -> None:
    """Unknown drugs, days that are absent and ends before starts: each with its reason."""
    rows = drugs([("water", 0, 1), ("imatinib", 5, 2), ("imatinib", 9, 9)])
    rows = rows.with_columns(
        pl.when(pl.col("row") == 3).then(None).otherwise("start").alias("start")
    )

    courses = lines_of(rows, disease="cml")

    assert courses.unassigned["reason"].to_list() == [
        "is no drug of the table of ingredients",
        "ends before it starts",
        "has no day on which it starts",
    ]
    with pytest.raises(RowsTwice, match="its own `row`"):
        lines_of(pl.concat([rows, rows]))


def test_the_disease_decides() -> None:
    """Lenalidomide alone is a regimen of MDS; rituximab with chlorambucil is none of AML."""
    assert named([("lenalidomide", 0, 20)], "mds") == ["lenalidomide"]
    assert match({"rituximab": 0}, "aml") is None


NAMES = sorted({one.name for one in ingredients().values()})
DOSES = st.tuples(
    st.integers(1, 3),
    st.sampled_from(
        [*NAMES[:40], "cytarabine", "daunorubicin", "prednisone", "melphalan", "water"]
    ),
    st.one_of(st.none(), st.integers(0, 400)),
    st.one_of(st.none(), st.integers(0, 420)),
)


@settings(max_examples=80, deadline=None)
@given(st.lists(DOSES, max_size=25), st.sampled_from(["", "aml", "nhl"]), st.integers(), st.data())
def test_every_row_has_one_place_whatever_the_order(
    rows: list[tuple[int, str, int | None, int | None]],
    disease: str,
    seed: int,
    data: st.DataObject,
) -> None:
    """Each row is in exactly one line or unassigned, and the order of the rows does not matter."""
    numbered = [(number, *row) for number, row in enumerate(rows)]
    schema = {"row": pl.Int64, "person_id": pl.Int64, "drug": pl.String,
              "start": pl.Int32, "end": pl.Int32}  # fmt: skip
    table = pl.DataFrame(numbered, schema=schema, orient="row")
    days = {person: data.draw(st.lists(st.integers(0, 400), max_size=2)) for person in (1, 2, 3)}
    shuffled = random.Random(seed).sample(numbered, len(numbered))  # noqa: S311 no secret

    courses = lines_of(table, disease=disease, transplants=days)
    again = lines_of(
        pl.DataFrame(shuffled, schema=schema, orient="row"), disease=disease, transplants=days
    )

    in_lines = [row for rows in courses.lines["rows"].to_list() for row in rows]
    assert sorted([*in_lines, *courses.unassigned["row"]]) == list(range(len(rows)))
    assert sorted(in_lines) == sorted(courses.placed["row"])
    for one, other in ((courses.lines, again.lines), (courses.placed, again.placed)):
        assert one.equals(other)
    assert courses.unassigned.equals(again.unassigned)


def test_roles_are_few() -> None:
    """Anticancer drugs make lines, steroids and cytoreduction do not."""
    roles = {one.role for one in ingredients().values()}

    assert roles == set(Role)
