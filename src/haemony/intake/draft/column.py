"""One column as the draft sees it: its type, its codes, what stands for *missing*, its unit.

Cell texts leave this module only as permitted values: the few codes of a column that has few, each
in at least two rows. Whatever else a note says about cells, it says in counts.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import polars as pl

from haemony.intake.cells import parse
from haemony.intake.dictionary import ColumnType, Entry
from haemony.intake.draft.knowledge import unit_of
from haemony.intake.draft.words import without_brackets, words
from haemony.intake.readers import RawTable
from haemony.intake.suspicions import sentinels

MISSING_WORDS = frozenset(
    {"na", "n/a", "n.a.", "nan", "nd", "n.d.", "null", "none", "nil", "missing", "unknown",
     "unk", "unbek", "unbekannt", "fehlt", "fehlend", "k.a.", ".", "..", "?", "-", "--", "#n/a",
     "#na", "#null!", "inf", "-inf", "+inf", "not_available", "not_known", "keine_angabe",
     "not_done"}
)  # fmt: skip
"""Words that mean *not known* or *no number*, in small letters."""

_ONLY_AMONG_NUMBERS = frozenset({"inf", "-inf", "+inf", "-", "--", "none", "nil", "?"})
_MARKS = frozenset("|=")
_FEW = 20
_FEW_NUMBERS = 10
_MOSTLY = 0.95
_OTHER_DATE = r"^\d{1,2}[./]\d{1,2}[./]\d{2,4}$"
_BRACKET = re.compile(r"[(\[]([^)\]]*)[)\]]")


@dataclass(frozen=True)
class Column:
    """What can be said about one column without saying what is in its cells.

    Attributes:
        table: Name of its table.
        name: Its header.
        label: Its label, where the format has one.
        type: What its cells are.
        rows: Rows of the table.
        texts: The cells that are not missing.
        numbers: The same as numbers; empty unless nearly all are.
        distinct: How many different texts there are.
        values: Permitted values and meanings; empty for columns of many.
        missing: Cell texts that stand for *missing*.
        counts: Rows of each permitted value.
        unit: UCUM unit by header or unit column.
        unit_why: Where the unit is from.
        notes: What a person should know.
    """

    table: str
    name: str
    label: str
    type: ColumnType
    rows: int
    texts: pl.Series = field(repr=False)
    numbers: pl.Series = field(repr=False)
    distinct: int
    values: Mapping[str, str] = field(default_factory=dict)
    missing: tuple[str, ...] = ()
    counts: Mapping[str, int] = field(default_factory=dict, repr=False)
    unit: str = ""
    unit_why: str = ""
    notes: tuple[str, ...] = ()

    @property
    def is_unique(self) -> bool:
        """Whether every row has its own value."""
        return 0 < self.distinct == self.texts.len() == self.rows

    @property
    def is_numeric(self) -> bool:
        """Whether nearly all cells are numbers."""
        return self.numbers.len() > 0

    @cached_property
    def in_order(self) -> list[float]:
        """Its numbers, smallest first."""
        return sorted(self.numbers.to_list())

    @cached_property
    def is_dated(self) -> bool:
        """Whether its cells are dates, in whatever order of day and month."""
        if self.type is ColumnType.DATE:
            return True
        return self.type is ColumnType.TEXT and self.share(_OTHER_DATE) >= _MOSTLY

    @cached_property
    def is_calendar(self) -> bool:
        """Whether its cells are calendar years: whole, from 1900 on, and several."""
        few = self.type in {ColumnType.INTEGER, ColumnType.CATEGORY} and self.distinct > 3
        return few and self.is_numeric and 1900 <= self.in_order[0] <= self.in_order[-1] < 2050

    @cached_property
    def is_measured(self) -> bool:
        """Whether its cells are numbers most of which have decimals: nobody's identifier."""
        fractions = self.numbers.len() - int((self.numbers == self.numbers.floor()).sum())
        return self.numbers.len() == self.texts.len() > 0 and fractions > 0.5 * self.texts.len()

    @property
    def title(self) -> str:
        """The header without its unit."""
        return without_brackets(self.name)

    def share(self, pattern: str) -> float:
        """Share of the cells that match a pattern."""
        return share_of(self.texts.str.contains(pattern))


def share_of(holds: pl.Series) -> float:
    """Share of the rows that are true; 0 where there are none."""
    return int(holds.sum()) / holds.len() if holds.len() else 0.0


def look_at(raw: RawTable, name: str, table: str) -> Column:
    """Describe one column of a table as it was read."""
    text = raw.frame[name].str.strip_chars()
    filled = text.filter(text.is_not_null() & (text != ""))
    decimal = raw.layout.decimal or "."
    declared = raw.missing.get(name, ())
    filled = filled.filter(~filled.is_in(declared)) if declared else filled
    words_missing, known, numbers = _without_missing_words(filled, decimal)
    codes = _texts_of(known, numbers, sentinels(numbers))
    if codes:
        known = known.filter(~known.is_in(codes))
        numbers = _numbers(known, decimal)
    kind = _type(known, numbers)
    values, hidden = _values(known, raw.value_labels.get(name, {}), kind)
    unit, why = _header_unit(name)
    return Column(
        table=table,
        name=name,
        label=raw.labels.get(name, ""),
        type=kind,
        rows=raw.frame.height,
        texts=known,
        numbers=numbers,
        distinct=known.n_unique(),
        values=values,
        missing=tuple(dict.fromkeys((*declared, *words_missing, *codes))),
        counts={text: count for text, count in _counted(known) if text in values},
        unit=unit,
        unit_why=why,
        notes=tuple(_notes(known, numbers, kind, declared, words_missing, codes, hidden)),
    )


def _numbers(known: pl.Series, decimal: str) -> pl.Series:
    """The cells as numbers, if nearly all are; else nothing."""
    entry = Entry("", "", type=ColumnType.NUMBER)
    values = parse(known, entry, decimal).values.drop_nulls()
    enough = known.len() > 0 and values.len() >= _MOSTLY * known.len()
    return values if enough else values.clear()


def _without_missing_words(
    filled: pl.Series, decimal: str
) -> tuple[tuple[str, ...], pl.Series, pl.Series]:
    """Words for *missing*, and the other cells as texts and as numbers.

    A dash or *none* counts only among numbers, where it can mean nothing else.
    """
    spelled = filled.str.to_lowercase().str.replace_all(" ", "_", literal=True)
    named = spelled.is_in(list(MISSING_WORDS))
    if not named.any():
        return (), filled, _numbers(filled, decimal)
    rest = filled.filter(~named)
    numbers = _numbers(rest, decimal)
    found = tuple(
        text
        for text in filled.filter(named).unique().sort().to_list()
        if numbers.len() or text.lower() not in _ONLY_AMONG_NUMBERS
    )
    return found, filled.filter(~filled.is_in(found)), numbers


def _texts_of(
    known: pl.Series, numbers: pl.Series, sentinels: tuple[float, ...]
) -> tuple[str, ...]:
    """The spellings under which sentinel numbers stand in the file."""
    if not sentinels or numbers.len() == 0:
        return ()
    spelled = {f"{number:g}" for number in sentinels} | {f"{number:.1f}" for number in sentinels}
    return tuple(text for text in known.unique().sort().to_list() if text in spelled)


def _type(known: pl.Series, numbers: pl.Series) -> ColumnType:
    if not known.len():
        return ColumnType.TEXT
    distinct = known.n_unique()
    if numbers.len():
        whole = bool((numbers == numbers.floor()).all())
        if whole and distinct <= min(_FEW_NUMBERS, known.len() // 3):
            return ColumnType.CATEGORY
        return ColumnType.INTEGER if whole else ColumnType.NUMBER
    if share_of(known.str.contains(r"^\d{4}-\d{2}-\d{2}$")) >= _MOSTLY:
        return ColumnType.DATE
    return ColumnType.CATEGORY if distinct <= min(_FEW, known.len() // 3) else ColumnType.TEXT


def _values(
    known: pl.Series, labels: Mapping[str, str], kind: ColumnType
) -> tuple[dict[str, str], int]:
    """The permitted values of a column of few, and how many texts are left out.

    Left out are texts of single rows, and those with a mark that separates values in a dictionary.
    """
    if kind is not ColumnType.CATEGORY:
        return {}, 0
    counts = known.value_counts(sort=True)
    often = {text for text, count in counts.iter_rows() if count > 1}
    writable = {text for text in often | set(labels) if not set(text) & _MARKS}
    shown = sorted(writable, key=lambda text: (len(text), text))
    hidden = counts.filter(~pl.col(known.name).is_in(shown)).height
    return {text: labels.get(text, "").replace("|", "/") for text in shown}, hidden


def _counted(known: pl.Series) -> list[tuple[str, int]]:
    return list(known.value_counts().iter_rows()) if known.n_unique() <= _FEW else []


def _header_unit(name: str) -> tuple[str, str]:
    for text in _BRACKET.findall(name):
        if unit := unit_of(text):
            return unit, f"the header says {text.strip()}"
    for word in words(name):
        unit = unit_of(word) if len(word) > 2 else ""
        if unit:
            return unit, f"the header says {word}"
    return "", ""


def _notes(
    known: pl.Series,
    numbers: pl.Series,
    kind: ColumnType,
    declared: tuple[str, ...],
    spelled: tuple[str, ...],
    sentinels: tuple[str, ...],
    hidden: int,
) -> list[str]:
    notes = []
    if declared:
        notes.append(f"the file declares {', '.join(declared)} as missing")
    if spelled:
        notes.append(f"{', '.join(spelled)} read as missing")
    if sentinels:
        notes.append(f"{', '.join(sentinels)} read as missing: far from all other numbers")
    if numbers.len() and (odd := known.len() - numbers.len()):
        notes.append(f"{odd} cells are not numbers")
    if hidden:
        notes.append(
            f"{hidden} value(s) of a single row or with | or = not shown; add what is right"
        )
    if known.len() and known.n_unique() == 1:
        notes.append("the same value in all rows that have one")
    if not known.len():
        notes.append("empty in all rows")
    if kind is ColumnType.TEXT and share_of(known.str.contains(_OTHER_DATE)) >= _MOSTLY:
        notes.append("dates; set the type to date and the unit to their form, such as DD.MM.YYYY")
    return notes
