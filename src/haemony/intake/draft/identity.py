"""Which column says who the patient is, and which give away more than they should.

A column suspected here shows none of its values: neither in the draft nor in any message.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from statistics import median

from haemony.intake.dictionary import ColumnType, Role
from haemony.intake.draft.column import Column, share_of
from haemony.intake.draft.knowledge import identifying_words
from haemony.intake.draft.words import words

_DIRECT = ("name", "contact", "address", "birth", "number", "text")
_KINDS = {
    "name": "names people",
    "contact": "says how to reach people",
    "address": "says where people live",
    "birth": "holds dates of birth",
    "number": "holds numbers given by an authority, an insurer or a hospital",
    "text": "holds free text, which may name people",
}
_PATTERNS = {
    "contact": (
        r"^[^@\s]+@[^@\s]+\.[a-zA-Z]{2,}$",
        r"^(\+|00)\d[\d /()-]{6,}$|^0\d{2,5}[ /-]\d{4,}$",
    ),
    "number": (
        r"^\d{3}-\d{2}-\d{4}$",
        r"^[A-Z]\d{9}$",
        r"^\d{8}[A-Z]$",
        r"^[A-Z]{6}\d{2}[A-Z]\d{2}[A-Z]\d{3}[A-Z]$",
        r"^\d{3} \d{3} \d{4}$",
        r"^[12] ?\d{2} ?\d{2} ?\d[\dAB] ?\d{3} ?\d{3}( ?\d{2})?$",
    ),
    "name": (r"^[A-ZÄÖÜÉ][a-zäöüßéèáàñç'-]+,? (von |van |de )?[A-ZÄÖÜÉ][a-zäöüßéèáàñç'-]+$",),
}
_OFTEN = 0.5
_FEW_NAMES = 6
"""Up to so many different texts of two capitalised words are rather states of a disease."""

_WORDY = r"\S+\s+\S+\s+\S+\s+\S+"


@dataclass(frozen=True, slots=True)
class Suspicion:
    """The role a column may have, and what speaks for it."""

    role: Role
    why: str

    @property
    def hides(self) -> bool:
        """Whether the column may show no value."""
        return self.role in {Role.PATIENT, Role.DIRECT}


def direct(column: Column, *, medical: bool) -> Suspicion | None:
    """Suspect a direct identifier, by the header or by the shape of the cells.

    Args:
        column: The column.
        medical: Whether its cells have a shape that medicine uses (karyotypes, HGVS names).
    """
    kind = _named(column, _DIRECT)
    if kind and not (kind == "text" and column.is_numeric):
        return Suspicion(Role.DIRECT, f"by its header it {_KINDS[kind]}")
    if medical or column.is_measured:
        return None
    if kind := _shaped(column):
        return Suspicion(Role.DIRECT, f"by the shape of its cells it {_KINDS[kind]}")
    if column.type is ColumnType.TEXT and column.share(_WORDY) >= 0.3:
        return Suspicion(Role.DIRECT, "it holds free text, which may name people")
    return None


def _shaped(column: Column) -> str:
    """The kind of identifier that the cells look like."""
    if column.share(r"^\d{5}$") >= 0.95 and column.share(r"^0") > 0:
        return "address"
    long_numbers = column.share(r"^\+?\d{9,}$") >= _OFTEN
    if long_numbers and column.distinct >= 0.9 * column.texts.len():
        return "number"
    for kind, patterns in _PATTERNS.items():
        few = kind == "name" and column.distinct <= _FEW_NAMES
        if not few and any(column.share(pattern) >= _OFTEN for pattern in patterns):
            return kind
    return ""


def early_dates(column: Column, others: Sequence[Column]) -> Suspicion | None:
    """Suspect dates of birth: dates that lie decades before the other dates of the table."""
    dated = [other for other in others if other.type is ColumnType.DATE and other is not column]
    if column.type is not ColumnType.DATE or not dated:
        return None
    mine = _year(column)
    if mine + 15 < min(map(_year, dated)):
        return Suspicion(Role.DIRECT, "its dates lie decades before all others: dates of birth")
    return None


def early_years(column: Column, others: Sequence[Column]) -> Suspicion | None:
    """Suspect years of birth: calendar years that lie decades before the others of the table."""
    if not column.is_calendar:
        return None
    later = [
        median(other.in_order) if other.is_calendar else _year(other)
        for other in others
        if other is not column and (other.is_calendar or other.type is ColumnType.DATE)
    ]
    if later and median(column.in_order) + 15 < min(later):
        return Suspicion(Role.QUASI, "its years lie decades before all others: years of birth")
    return None


def _year(column: Column) -> float:
    return median(int(text[:4]) for text in column.texts.to_list() if text[:4].isdigit())


def quasi(column: Column) -> Suspicion | None:
    """Suspect a quasi-identifier: dates, and headers such as country or occupation."""
    if column.type is ColumnType.DATE:
        return Suspicion(Role.QUASI, "dates tell patients apart")
    if _named(column, ("quasi",)):
        return Suspicion(Role.QUASI, "by its header it describes the person, not the disease")
    return None


def _named(column: Column, kinds: tuple[str, ...]) -> str:
    """The kind of identifier that a header or label names."""
    for text in filter(None, (column.title, column.label)):
        mine = words(text)
        for kind, word in _identifying():
            if kind in kinds and _names(mine, word):
                return kind
    return ""


@cache
def _identifying() -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Kind of identifier and the words that betray it."""
    return tuple((kind, words(text)) for kind, text in identifying_words())


def _names(mine: tuple[str, ...], word: tuple[str, ...]) -> bool:
    """The same words; or all of them, if they are too telling to stand there by chance."""
    if sorted(mine) == sorted(word) or "".join(mine) == "".join(word):
        return True
    return (len(word) > 1 or len(word[0]) > 6) and set(word) <= set(mine)


def patient_columns(tables: Mapping[str, Sequence[Column]]) -> dict[str, Column]:
    """The column of each table that most likely says which patient a row is about."""
    likely = {
        name: [column for column in columns if _could_be(column)]
        for name, columns in tables.items()
    }
    chosen = {}
    for name, columns in likely.items():
        elsewhere = [
            other
            for key, others in likely.items()
            if key != name
            for other in others
            if other.is_unique
        ]
        ranked = [(_weight(column, elsewhere), column) for column in columns]
        best = max(ranked, key=lambda pair: pair[0], default=None)
        if best and best[0] >= 1.5:
            chosen[name] = best[1]
    return chosen


def looks_like_patient(column: Column) -> bool:
    """Whether a header speaks of a patient or sample number."""
    return _could_be(column) and bool(_named(column, ("patient",)))


def _could_be(column: Column) -> bool:
    if column.distinct < 2 or column.texts.len() < _OFTEN * column.rows:
        return False
    if column.type in {ColumnType.NUMBER, ColumnType.DATE, ColumnType.CATEGORY}:
        return False
    texts_like_numbers = column.type is ColumnType.TEXT and column.share(r"^\S*\d\S*$") > 0.9
    return bool(_named(column, ("patient",))) or (column.is_unique and texts_like_numbers)


def _weight(column: Column, elsewhere: Sequence[Column]) -> float:
    named = 2.0 * bool(_named(column, ("patient",)))
    shared = any(_shared(column, other) >= _OFTEN for other in elsewhere)
    return named + 1.5 * column.is_unique + 2.0 * shared


def _shared(column: Column, other: Column) -> float:
    """Share of the different texts of a column that another one holds, too."""
    mine = column.texts.unique()
    return share_of(mine.is_in(other.texts.implode()))
