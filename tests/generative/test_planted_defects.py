"""Every defect that is planted is found where it was planted, and has one documented outcome.

Into one sound contribution of in-silico patients a defect is planted, in rows that Hypothesis
chooses. The rule that is meant for it names these rows, it says nothing of the sound contribution,
and what becomes of the cell or row is what ``docs/reference/oddities.md`` promises.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from enum import Enum
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import hypothesis.strategies as st
import polars as pl
import pytest
from hypothesis import Phase, given, settings

import haemony as hm
from haemony.harmonise.harmonised import to_omop
from haemony.harmonise.omop.cdm import table as cdm_table
from haemony.intake import check
from haemony.intake.dictionary import ColumnType, Entry, Role
from haemony.model.errors import RefusedByPolicy
from haemony.privacy import protect, split
from haemony.privacy.detect import IdentifierFound, check_identifiers
from haemony.privacy.identities import KeyTable
from haemony.privacy.split import NumbersFound, Split
from haemony.quality import dqd
from haemony.quality.grade import Graded, Level, grade
from haemony.quality.omop import grade_tables
from haemony.quality.queries import queries
from support.protection import DOMAIN, SHIFT, SITE, person_of
from support.sound import AML, Cell, Row, Source, sound

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "oddities.md"
HEADER = 1

few = settings(max_examples=2, deadline=None, phases=[Phase.explicit, Phase.generate])
"""Few examples of each of many defects; the rows of a failure need no shrinking."""


class Outcome(Enum):
    """What becomes of a cell or row with a defect, in the words of the documentation."""

    BLOCKED = "admission is blocked"
    ASIDE = "the value is kept aside"
    ROW_ASIDE = "the row is kept aside"
    KEPT = "it is kept"


@dataclass(frozen=True)
class Found:
    """One finding: what found it, in which words, where."""

    kind: str
    text: str
    column: str
    rows: frozenset[int]


@dataclass(frozen=True)
class Said:
    """Everything that is said of a contribution, and which of its cells reach the lake.

    Attributes:
        found: The findings.
        blocked: Whether it cannot be admitted.
        aside: File, row and column of what is kept aside.
        used: File, row and column of every cell that a row of the lake comes from.
    """

    found: tuple[Found, ...]
    blocked: bool
    aside: frozenset[tuple[str, int, str]] = frozenset()
    used: frozenset[tuple[str, int, str]] = frozenset()

    def by(self, kind: str, text: str) -> list[Found]:
        """The findings of one kind whose words hold a text."""
        return [one for one in self.found if one.kind == kind and text in one.text]


def findings(contribution: hm.Contribution) -> Said:
    """Everything that check, seal, harmonisation and grade say of a contribution."""
    checked = check(contribution, AML.catalogue)
    found = list(_grouped("check", checked.problems, "rule"))
    if not checked.sound:
        return Said(tuple(found), blocked=True)
    try:
        halves = split(checked, SITE)
        check_identifiers(halves.payload, AML.catalogue)
    except RefusedByPolicy as refusal:
        return Said((*found, *_refused(refusal)), blocked=True)
    graded = _graded(halves)
    assert graded.verdicts[Level.CONFORMANT].holds, "no cell is without an account"
    aside = graded.tables["set_aside"]
    found += [*_grouped("aside", aside, "reason"), *_judged(graded)]
    places = aside.select("file", "row", "column").iter_rows()
    return Said(tuple(found), False, frozenset(places), frozenset(_used(graded)))


def _graded(halves: Split) -> Graded:
    """What came from the partner, joined with its keys, harmonised and graded."""
    keys = KeyTable.of(halves.identities, lambda name: DOMAIN.patient_key("hospital", name))
    return grade(to_omop(protect(halves.payload, keys, shift_key=SHIFT), AML, 1))


def _grouped(kind: str, frame: pl.DataFrame, text: str) -> Iterator[Found]:
    for (words, column), part in frame.group_by(text, "column", maintain_order=True):
        rows = frozenset(part["row"].drop_nulls().to_list()) - {0}
        yield Found(kind, str(words), str(column or ""), rows)


def _refused(refusal: RefusedByPolicy) -> Iterator[Found]:
    if isinstance(refusal, IdentifierFound):
        for suspect in refusal.suspects:
            yield Found("seal", suspect.why, suspect.column, frozenset())
    if isinstance(refusal, NumbersFound):
        yield Found("seal", "the patient's own number", refusal.column, frozenset())


def _judged(graded: Graded) -> Iterator[Found]:
    """Broken rules, contradictions, karyotypes that cannot be read; what the partner is asked."""
    for rule in graded.rules:
        if rule.broken:
            where = graded.broken.filter(pl.col("rule") == rule.rule)
            yield Found("rule", rule.rule, "", frozenset(where["row"]))
    for (element,), part in graded.harmonised.differing.group_by("element"):
        yield Found("contradiction", str(element), "", frozenset(part["row"]))
    karyotypes = graded.tables["karyotype"].filter(pl.col("state") == "unreadable")
    traced = graded.tables["lineage"].filter(pl.col("table_name") == "karyotype")
    rows = traced.join(karyotypes, left_on="row_id", right_on="karyotype_id", how="semi")["row"]
    if rows.len():
        yield Found("karyotype", "unreadable", "karyotype", frozenset(rows))
    for query in queries(graded):
        yield Found("query", f"{query.kind}: {query.text}", query.column, frozenset(query.examples))


def _used(graded: Graded) -> Iterator[tuple[str, int, str]]:
    for file, row, columns in graded.tables["lineage"].select("file", "row", "columns").iter_rows():
        for column in columns.split(","):
            yield file, row, column.strip()


Rows = Sequence[int]
Expect = Callable[[Source, Rows], frozenset[int] | None]


def where_planted(_: Source, at: Rows) -> frozenset[int] | None:
    """The rows in which the defect was planted, as a spreadsheet numbers them."""
    return frozenset(place + 1 + HEADER for place in at)


def of_the_whole(_: Source, at: Rows) -> frozenset[int] | None:
    """No rows: the column or file is meant."""
    del at
    return None


@dataclass(frozen=True)
class Defect:
    """One way in which a contribution goes wrong.

    Attributes:
        name: What a steward calls it.
        table: The table it is planted in.
        column: The column whose cells it spoils; empty where rows or the file are meant.
        plant: Spoils some rows of the sound contribution.
        kind: What finds it.
        text: Words of its finding.
        outcome: What becomes of the cells.
        among: Which rows can carry it.
        rows: Fewest and most rows.
        expect: The rows that the finding names.
    """

    name: str
    table: str
    column: str
    plant: Callable[[Source, Rows], Source]
    kind: str
    text: str
    outcome: Outcome
    among: Callable[[Row], bool] = lambda _: True
    rows: tuple[int, int] = (1, 2)
    expect: Expect = where_planted


def cells(
    name: str,
    place: str,
    text: Cell,
    found: tuple[str, str],
    outcome: Outcome,
    among: Callable[[Row], bool] | None = None,
    rows: tuple[int, int] = (1, 2),
    expect: Expect = where_planted,
) -> Defect:
    """A defect of cells: what is written into ``table.column``, and how it is found."""
    table, column = place.split(".")

    def plant(source: Source, at: Rows) -> Source:
        return source.put(table, column, at, text)

    def filled(row: Row) -> bool:
        return bool(row[column])

    return Defect(name, table, column, plant, *found, outcome, among or filled, rows, expect)


def lines(
    name: str, change: Callable[[bytes], bytes], text: str, outcome: Outcome, most: int = 2
) -> Defect:
    """A defect of the file: what is done to lines of the clinical table."""

    def plant(source: Source, at: Rows) -> Source:
        return source.spoil_lines("clinical", at, change)

    return Defect(name, "clinical", "", plant, "check", text, outcome, rows=(1, most))


def whole(name: str, plant: Callable[[Source], Source], text: str, kind: str = "check") -> Defect:
    """A defect of a column or a file, wherever its rows are; it blocks."""
    return Defect(name, "clinical", "", lambda source, _: plant(source), kind, text,
                  Outcome.BLOCKED, expect=of_the_whole)  # fmt: skip


def said_wrong(name: str, column: str, change: Callable[[Entry], Entry], text: str) -> Defect:
    """A defect of the dictionary: what it says of a column; it blocks."""
    return whole(name, lambda source: source.declare(column, change), text)


def _date(text: str) -> date:
    return date.fromisoformat(text)


def _before(column: str, days: int = 1) -> Cell:
    return lambda row: str(_date(row[column]) - timedelta(days=days))


def _after(column: str, days: int = 9) -> Cell:
    return lambda row: str(_date(row[column]) + timedelta(days=days))


def _serial(row: Row) -> str:
    return str((_date(row["last_contact"]) - date(1899, 12, 30)).days)


def _has(*columns: str, **cells_: str) -> Callable[[Row], bool]:
    def has(row: Row) -> bool:
        return all(row[name] for name in columns) and all(row[k] == v for k, v in cells_.items())

    return has


def _other_sign(column: str) -> Cell:
    return lambda row: "0" if row[column] == "1" else "1"


def _both_fusions(source: Source, at: Rows) -> Source:
    return source.put("clinical", "t_8_21", at, "1").put("clinical", "inv_16", at, "1")


def _normal_and_complex(source: Source, at: Rows) -> Source:
    names = ("normal_karyotype", "complex_karyotype")
    return source.put("clinical", names[0], at, "1").put("clinical", names[1], at, "1")


def _twice(source: Source, at: Rows) -> Source:
    rows = source.rows("clinical")
    return source.append("clinical", [{**rows[place], "wbc": "77.7"} for place in at])


def _first_and_second(source: Source, at: Rows) -> frozenset[int]:
    return frozenset(where_planted(source, at) or ()) | _second(source, at)


def _second(source: Source, at: Rows) -> frozenset[int]:
    end = source.tables["clinical"].height + 1 + HEADER
    return frozenset(range(end, end + len(at)))


def _all_twice(source: Source) -> Source:
    return source.append("clinical", source.rows("clinical")[:9])


def _stranger(source: Source, at: Rows) -> Source:
    return source.put("variants", "patient", at, "S-999")


def _without_chromosome(source: Source, at: Rows) -> Source:
    return source.put("variants", "gene", at, "MLL2").put("variants", "chromosome", at, "")


def _common_change(row: Row) -> bool:
    """One that five calls share, so that the planted ones stay the fewer."""
    same = [other for other in sound().rows("variants") if _change(other) == _change(row)]
    return row["reference"] != "-" and len(same) >= 5


def _change(row: Row) -> tuple[str, str]:
    return row["gene"], row["coding"]


def _moved(bases: int) -> Cell:
    return lambda row: str(int(row["position"]) + bases)


def _recoded(source: Source) -> Source:
    codes = {"f": "2", "m": "1"}
    return source.put("clinical", "sex", range(20), lambda row: codes[row["sex"]])


def _renamed(source: Source, old: str, new: str) -> Source:
    frame = source.tables["clinical"]
    return source.with_table("clinical", frame.rename({old: new}))


def _numbers_repeated(source: Source) -> Source:
    every = range(source.tables["clinical"].height)
    return source.put("clinical", "karyotype", every, lambda row: row["patient"])


def _latin(source: Source) -> Source:
    told = source.put("clinical", "kind", [0], "in silico, geprüft")
    return told.spoil("clinical", lambda content: content.decode().encode("latin-1"))


_UMLAUTS = "geprüfte Größe".encode()


def _opened(content: bytes) -> bytes:
    """The last cell with a quote before it."""
    before, _, last = content.rpartition(b",")
    return before + b',"' + last


def _spoil_all(change: Callable[[bytes], bytes]) -> Callable[[Source], Source]:
    return lambda source: source.spoil("clinical", change)


WRONG, RANGE = ("aside", "not what the dictionary declares"), ("aside", "outside the plausible")
ASIDE, ROW_ASIDE, KEPT, BLOCKED = Outcome.ASIDE, Outcome.ROW_ASIDE, Outcome.KEPT, Outcome.BLOCKED
NUMBER, DATE = ("check", "a finite number"), ("check", "a date as YYYY-MM-DD")

DEFECTS: tuple[Defect, ...] = (
    # Who a row is about
    cells("a row without a patient", "laboratory.patient", "",
          ("check", "every row names its patient"), ROW_ASIDE),
    Defect("a variant of a patient whom nobody knows", "variants", "patient", _stranger,
           "aside", "the patient has no row in the patient table", ROW_ASIDE),
    Defect("a patient with two rows", "clinical", "", _twice, "check", "one row per patient",
           KEPT, expect=_first_and_second),
    Defect("a patient with two rows and other values", "clinical", "wbc", _twice, "aside",
           "contradicted by clinical.csv wbc", ASIDE, expect=_second),
    whole("many patients with two rows", _all_twice, "at most 5% of the rows repeat a patient"),
    # Columns and their declaration
    whole("a column that is not declared", lambda s: _renamed(s, "kind", "type of patient"),
          "every column is in the dictionary"),
    whole("a declared column that is not there", lambda s: _renamed(s, "wbc", "WBC"),
          "every column of the dictionary is in the file"),
    said_wrong("an unknown unit", "hb", lambda e: replace(e, unit="g/cL"),
               "the unit of haemoglobin can be converted"),
    said_wrong("a code for a value that is none", "sex",
               lambda e: replace(e, value_map={"f": "female", "m": "mail"}),
               "value_map gives values of sex"),
    said_wrong("an element that the catalogue lacks", "wbc", lambda e: replace(e, element="wcb"),
               "the catalogue holds the element"),
    said_wrong("numbers declared as text", "wbc", lambda e: replace(e, type=ColumnType.TEXT),
               "wbc takes numbers"),
    said_wrong("a form of dates that nobody reads", "relapse",
               lambda e: replace(e, unit="Q1/YYYY"), "the form of a date is one"),
    said_wrong("a column that names people", "kind", lambda e: replace(e, role=Role.DIRECT),
               "no direct identifier leaves the partner"),
    # Cells
    cells("a value that is not listed", "clinical.sex", "x", ("check", "one of: f, m"), ASIDE),
    whole("two codings of one field", _recoded,
          "at most 5% of a mapped column's cells contradict the dictionary"),
    cells("a few cells in another coding", "clinical.dead", "dead", ("check", "one of: 0, 1"),
          ASIDE),
    cells("text among numbers", "clinical.wbc", "high", NUMBER, ASIDE),
    cells("a decimal comma", "clinical.hb", "8,1", WRONG, ASIDE),
    cells("a fraction among whole numbers", "clinical.age", "61.5", ("check", "a whole number"),
          ASIDE),
    cells("an infinite number", "clinical.wbc", "inf", NUMBER, ASIDE),
    cells("a number out of range", "clinical.plt", "77000", RANGE, ASIDE),
    cells("an impossible age", "clinical.age", "161", RANGE, ASIDE),
    cells("a negative time", "clinical.last_contact", _before("diagnosed", 40), RANGE, ASIDE),
    cells("another unit in some cells", "clinical.hb", lambda row: f"{float(row['hb']) * 10:.0f}",
          ("check", "one unit in a column"), ASIDE, rows=(3, 9)),
    cells("999 for unknown", "clinical.age", "999",
          ("check", "codes for missing values are declared"), ASIDE, rows=(2, 9)),
    cells("-1 for unknown", "clinical.plt", "-1",
          ("check", "codes for missing values are declared"), ASIDE),
    cells("n.d. for unknown", "clinical.wbc", "n.d.", NUMBER, ASIDE),
    cells("a date in another form", "clinical.last_contact",
          lambda row: f"{_date(row['last_contact']):%d.%m.%Y}", DATE, ASIDE),
    cells("the day number of a spreadsheet", "clinical.last_contact", _serial,
          ("check", "dates are no day numbers of a spreadsheet"), ASIDE),
    cells("a laboratory value without its day", "laboratory.on", "",
          ("aside", "its day is not known"), ROW_ASIDE),
    cells("two columns that contradict each other", "laboratory.hb_g_per_l", "222",
          ("aside", "contradicted by clinical.csv hb"), ASIDE, among=_has(visit="0")),
    # What cannot be true together
    cells("a relapse before the remission", "clinical.relapse", _before("remission"),
          ("rule", "remission precedes relapse"), ASIDE, among=_has("remission", "relapse")),
    cells("a remission after the last contact", "clinical.remission", _after("last_contact"),
          ("rule", "remission lies within follow-up"), ASIDE),
    cells("a relapse after the last contact", "clinical.relapse", _after("last_contact"),
          ("rule", "relapse lies within follow-up"), ASIDE),
    cells("a transplant after the last contact", "clinical.transplant", _after("last_contact"),
          ("rule", "nobody is treated after death"), ASIDE),
    cells("a vital status without a last contact", "clinical.last_contact", "",
          ("aside", "vital status without a day of last contact"), KEPT),
    cells("a cause of death of the living", "clinical.cause", "infection",
          ("aside", "a cause of death of a person who is not known to be dead"), ASIDE,
          among=_has(dead="0")),
    Defect("a normal and complex karyotype", "clinical", "normal_karyotype", _normal_and_complex,
           "rule", "a normal karyotype is not complex", KEPT),
    Defect("two class-defining fusions", "clinical", "inv_16", _both_fusions, "rule",
           "class-defining fusions exclude each other", KEPT),
    cells("a stated finding against the karyotype", "clinical.t_8_21", _other_sign("t_8_21"),
          ("contradiction", "t_8_21"), KEPT),
    cells("a gene column against the calls", "clinical.npm1", _other_sign("npm1"),
          ("contradiction", "NPM1"), KEPT),
    cells("a karyotype that nobody can read", "clinical.karyotype", "fourty-six, normal?",
          ("karyotype", "unreadable"), KEPT),
    # Variants
    cells("a call without a gene", "variants.gene", "", ("aside", "its row has no variant_gene"),
          ROW_ASIDE),
    cells("a call that the laboratory rejected", "variants.call", "rejected",
          ("aside", "the laboratory did not accept the call"), ROW_ASIDE),
    cells("a gene that a spreadsheet made a date", "variants.gene", "2-Sep",
          ("aside", "a spreadsheet turned it into a date"), ROW_ASIDE),
    cells("a gene that a spreadsheet made a number", "variants.gene", "2.31E+13",
          ("aside", "a spreadsheet turned it into a number"), ROW_ASIDE),
    cells("a gene that nobody knows", "variants.gene", "NMP1",
          ("aside", "its assay lists no gene of this name"), ROW_ASIDE),
    Defect("a name of several genes", "variants", "gene", _without_chromosome, "aside",
           "several genes have borne its name", ROW_ASIDE),
    cells("two assemblies in one file", "variants.assembly", "hg19",
          ("check", "one genome assembly in a file"), KEPT),
    cells("a position counted from 0", "variants.position", _moved(-1),
          ("aside", "counted from 0 or from 1"), ASIDE, among=_common_change),
    cells("a position in another assembly", "variants.position", _moved(-412_345),
          ("aside", "another assembly"), ASIDE, among=_common_change),
    cells("a position behind the chromosome's end", "variants.position", "249500000",
          ("aside", "behind the end of its chromosome"), ASIDE),
    # What would leave the partner
    cells("an e-mail address", "clinical.karyotype", "46,XX, ask a.meier@clinic.example",
          ("seal", "e-mail addresses"), BLOCKED, expect=of_the_whole),
    cells("a telephone number", "clinical.karyotype", "46,XX call 06221 5638 001",
          ("seal", "telephone numbers"), BLOCKED, expect=of_the_whole),
    cells("a name with its title", "clinical.karyotype", "46,XX, seen by Dr. Anna Meier",
          ("seal", "names with a title"), BLOCKED, expect=of_the_whole),
    cells("a calendar date in free text", "clinical.karyotype", "46,XX of 3.5.2012",
          ("seal", "calendar dates"), BLOCKED, expect=of_the_whole),
    cells("a long number in free text", "clinical.karyotype", "4711081542",
          ("seal", "numbers of eight digits or more"), BLOCKED, expect=of_the_whole),
    whole("a column that repeats the patient numbers", _numbers_repeated,
          "the patient's own number", "seal"),
    # The file
    lines("a row with too many cells", lambda line: line + b",1", "too many cells", BLOCKED),
    lines("a row with too few cells", lambda line: line.rsplit(b",", 3)[0], "too few cells",
          BLOCKED),
    lines("a NUL character", lambda line: line.replace(b"in silico", b"in\0silico"),
          "NUL character", BLOCKED),
    lines("bytes that are no text", lambda line: line.replace(b"in silico", _UMLAUTS + b"\xfc"),
          "undecodable bytes", BLOCKED),
    lines("a blank line", lambda line: b"\n" + line, "blank line", KEPT, most=1),
    whole("a quote that is never closed", _spoil_all(_opened), "unterminated quote"),
    whole("a column name twice", _spoil_all(lambda content: content.replace(b"plt", b"wbc", 1)),
          "duplicate column name"),
    whole("a table without rows", _spoil_all(lambda content: content.split(b"\n")[0] + b"\n"),
          "the patient table has rows"),
    whole("a file that is empty", _spoil_all(lambda _: b""), "the file can be read"),
    replace(whole("umlauts in Latin-1", _latin, "assumed encoding"), outcome=KEPT),
)  # fmt: skip


@cache
def said_of_the_sound() -> Said:
    """What is said of the contribution in which nothing is wrong."""
    return said(sound())


def said(source: Source) -> Said:
    """What is said of a contribution once it is written."""
    with TemporaryDirectory() as folder:
        return findings(source.write(Path(folder) / "contribution"))


def test_a_sound_contribution_raises_nothing() -> None:
    """No rule speaks of the sound contribution but to say how many patients have no call."""
    told = said_of_the_sound()

    assert not told.blocked
    assert not told.aside
    assert [one.text for one in told.found] == ["8 of 48 patients have no row in this file"]


@pytest.mark.parametrize("defect", DEFECTS, ids=lambda defect: defect.name)
@few
@given(data=st.data())
def test_a_planted_defect_is_found_where_it_was_planted(
    defect: Defect, data: st.DataObject
) -> None:
    """The rule that is meant for it names its rows, and what becomes of them is as documented."""
    source = sound()
    able = [at for at, row in enumerate(source.rows(defect.table)) if defect.among(row)]
    least, most = defect.rows
    chosen = st.lists(st.sampled_from(able), min_size=least, max_size=most, unique=True)
    at = sorted(data.draw(chosen))

    told = said(defect.plant(source, at))

    mine = told.by(defect.kind, defect.text)
    rows = defect.expect(source, at)
    assert mine, [one.text for one in told.found]
    if rows is not None:
        assert frozenset().union(*(one.rows for one in mine)) == rows
    check_outcome(defect, told, rows)


def check_outcome(defect: Defect, told: Said, rows: frozenset[int] | None) -> None:
    """Fail unless what becomes of the cells is what the defect's outcome promises."""
    file = f"{defect.table}.csv"
    assert told.blocked is (defect.outcome is BLOCKED)
    for row in rows or ():
        cell = (file, row, defect.column)
        in_row = {column for f, r, column in told.used if (f, r) == (file, row)}
        if defect.outcome is ASIDE:
            assert cell in told.aside
            assert cell not in told.used
        elif defect.outcome is ROW_ASIDE:
            assert any(place[:2] == (file, row) for place in told.aside)
            assert not in_row
        elif defect.outcome is KEPT and defect.column:
            assert in_row


def test_a_call_whose_gene_cannot_be_told_leaves_its_genes_open(tmp_path: Path) -> None:
    """Who has such a call is negative in none of the genes that it may lie in."""
    calls = sound().rows("variants")
    at = next(place for place, row in enumerate(calls) if row["gene"] == "DNMT3A")
    patient = calls[at]["patient"]
    shared = _without_chromosome(sound(), [at])
    mistyped = sound().put("variants", "gene", [at], "DNTM3A")

    sure, several, any_ = (
        _negative(source.write(tmp_path / name), patient)
        for name, source in (("sound", sound()), ("several", shared), ("any", mistyped))
    )

    assert sure - several == {"KMT2D"}
    assert len(sure) > 30
    assert not any_


def _negative(contribution: hm.Contribution, patient: str) -> set[str]:
    """What the absence of a call makes negative in a patient."""
    graded = _graded(split(check(contribution, AML.catalogue), SITE))
    facts = graded.harmonised.facts.filter(
        pl.col("person_id") == person_of(patient),
        pl.col("file") == "variants.csv",
        pl.col("row").is_null(),
        pl.col("code") == "negative",
    )
    return set(facts["element"])


# What a partner brings in OMOP already: the same patients as tables of the CDM.

Tables = dict[str, pl.DataFrame]
KINDS = ("person", "observation_period", "death", "condition_occurrence", "measurement",
         "observation", "procedure_occurrence")  # fmt: skip
TODAY = date(2026, 1, 15)


@cache
def omop() -> Mapping[str, pl.DataFrame]:
    """The sound contribution in OMOP, with a vocabulary of the concepts that it uses."""
    with TemporaryDirectory() as folder:
        checked = check(sound().write(Path(folder) / "contribution"), AML.catalogue)
        tables = _graded(split(checked, SITE)).tables
    return {name: tables[name] for name in KINDS}


MISPLACED, OBSOLETE = 2_100_000_001, 2_100_000_002
"""Concepts of this test's own vocabulary: one of a condition, one that is no standard."""


@cache
def vocabulary() -> pl.DataFrame:
    """Every concept that the tables use, standard and of the domain its field asks for."""
    domains: dict[int, str] = {}
    for name, frame in omop().items():
        for field in cdm_table(name).fields:
            if field.references and field.references[0] == "concept":
                for concept in frame[field.name].drop_nulls().unique():
                    domains[concept] = field.domain or domains.get(concept, "")
    rows: list[tuple[int, str, str | None]]
    rows = [(concept, domain or "Metadata", "S") for concept, domain in sorted(domains.items())]
    rows += [(MISPLACED, "Condition", "S"), (OBSOLETE, "Measurement", None)]
    names_ = ("concept_id", "domain_id", "standard_concept")
    return cdm_table("concept").shape(pl.DataFrame(rows, names_, orient="row"))


@dataclass(frozen=True)
class Spoilt:
    """One way in which tables of the CDM go wrong.

    Attributes:
        name: What a steward calls it.
        table: The table it is planted in.
        plant: The frame with its marked rows (``at``) spoilt.
        check: The check of the data quality dashboard that finds it, and names the rows' keys.
        finding: The finding of the grade that speaks of it; empty where the dashboard alone does.
        among: Which rows can carry it.
    """

    name: str
    table: str
    plant: Callable[[pl.DataFrame, pl.Expr], pl.DataFrame]
    check: str
    finding: str = ""
    among: Callable[[], pl.Expr] = lambda: pl.lit(value=True)


def field_set(field: str, value: pl.Expr | date | int | None) -> Callable[..., pl.DataFrame]:
    """Write a value into a field of the marked rows."""

    def plant(frame: pl.DataFrame, at: pl.Expr) -> pl.DataFrame:
        new = value if isinstance(value, pl.Expr) else pl.lit(value)
        spoilt = pl.when(at).then(new).otherwise(field).cast(frame.schema[field]).alias(field)
        return frame.with_columns(spoilt)

    return plant


def doubled(frame: pl.DataFrame, at: pl.Expr) -> pl.DataFrame:
    """The marked rows a second time."""
    return pl.concat([frame, frame.filter(at)])


LONG_BEFORE, LONG_AFTER, FUTURE = date(1880, 5, 4), date(2020, 6, 7), date(2030, 1, 1)
DATED = "measurement_date"


def _of_haemoglobin() -> pl.Expr:
    return pl.col("measurement_concept_id") == AML.catalogue["haemoglobin"].concept_id


def _of_the_dead() -> pl.Expr:
    return pl.col("person_id").is_in(omop()["death"]["person_id"].implode())


SPOILT: tuple[Spoilt, ...] = (
    Spoilt("a row of a person who is not there", "measurement", field_set("person_id", 7),
           "field_isforeignkey_measurement_person_id", "reference"),
    Spoilt("a key twice", "condition_occurrence", doubled,
           "field_isprimarykey_condition_occurrence_condition_occurrence_id", "unique key"),
    Spoilt("a required field without a value", "condition_occurrence",
           field_set("condition_concept_id", None),
           "field_isrequired_condition_occurrence_condition_concept_id", "required"),
    Spoilt("an event before birth", "measurement", field_set(DATED, LONG_BEFORE),
           "field_plausibleafterbirth_measurement_measurement_date", "after birth"),
    Spoilt("an event after death", "measurement", field_set(DATED, LONG_AFTER),
           "field_plausiblebeforedeath_measurement_measurement_date", "before death", _of_the_dead),
    Spoilt("an event in the future", "measurement", field_set(DATED, FUTURE),
           "field_plausiblevaluehigh_measurement_measurement_date"),
    Spoilt("a period that ends before it starts", "observation_period",
           field_set("observation_period_end_date", pl.col("observation_period_start_date").dt
                     .offset_by("-3d")),
           "field_plausiblestartbeforeend_observation_period_observation_period_start_date"),
    Spoilt("a concept that is no standard", "measurement",
           field_set("measurement_concept_id", OBSOLETE),
           "field_isstandardvalidconcept_measurement_measurement_concept_id"),
    Spoilt("a concept of another domain", "measurement",
           field_set("measurement_concept_id", MISPLACED),
           "field_fkdomain_measurement_measurement_concept_id"),
    Spoilt("a unit of another quantity", "measurement",
           field_set("unit_concept_id", AML.catalogue["wbc"].unit_concept_id),
           "concept_plausibleunitconceptids_measurement_measurement_concept_id_3000963",
           among=_of_haemoglobin),
    Spoilt("a year of birth in the future", "person", field_set("year_of_birth", 2031),
           "field_plausiblevaluehigh_person_year_of_birth"),
)  # fmt: skip


@cache
def checked_omop() -> dqd.Results:
    """What the dashboard says of the tables in which nothing is wrong."""
    return dqd.run({**omop(), "concept": vocabulary()}, today=TODAY)


@pytest.mark.parametrize("spoilt", SPOILT, ids=lambda spoilt: spoilt.name)
@few
@given(data=st.data())
def test_a_defect_of_omop_tables_is_found(spoilt: Spoilt, data: st.DataObject) -> None:
    """The dashboard's check counts just the rows that were spoilt and names them by their keys."""
    frame = omop()[spoilt.table]
    key = cdm_table(spoilt.table).key or ""
    able = frame.filter(spoilt.among())[key].to_list()
    keys = data.draw(st.lists(st.sampled_from(able), min_size=1, max_size=3, unique=True))
    planted = spoilt.plant(frame, pl.col(key).is_in(keys))

    tables = {**omop(), spoilt.table: planted}
    result = dqd.run({**tables, "concept": vocabulary()}, today=TODAY)[spoilt.check]
    graded = {weighed.finding.check for weighed in grade_tables(tables, AML).findings}

    assert checked_omop()[spoilt.check].status is dqd.Status.PASSED
    twice = 2 if spoilt.plant is doubled else 1
    assert result.tally.broken == len(keys) * twice
    assert set(result.tally.examples) <= set(keys)
    assert not spoilt.finding or spoilt.finding in graded


def test_sound_omop_tables_are_asked_nothing() -> None:
    """No check of the grade speaks of the tables in which nothing is wrong."""
    assert not grade_tables(omop(), AML).findings


def test_the_documentation_promises_every_outcome() -> None:
    """Each defect has one line in the reference, which says what becomes of the cell or row."""
    page = PAGE.read_text(encoding="utf-8")
    lines_ = [line.strip("| ").split(" | ") for line in page.splitlines() if line.startswith("| ")]
    promised = {line[0].lower(): line[2] for line in lines_ if line[0] != "oddity"}

    planted = {d.name.lower(): d.outcome for d in DEFECTS} | {s.name.lower(): KEPT for s in SPOILT}

    assert len(DEFECTS) + len(SPOILT) == len(planted) > 40
    assert promised.keys() == planted.keys()
    wrong = [name for name, outcome in planted.items() if outcome.value not in promised[name]]
    assert not wrong
