"""Look for direct identifiers in what is about to leave the partner.

Roles in a dictionary say what a steward knows; these detectors look for what nobody has declared:
names, e-mail addresses, telephone numbers, calendar dates, national and insurance numbers,
postcodes, free text. A column they suspect stops the seal until a person has looked.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from haemony.intake.dictionary import ColumnType, Entry
from haemony.intake.draft.column import look_at
from haemony.intake.draft.evidence import is_medical
from haemony.intake.draft.identity import direct
from haemony.intake.readers import Layout, RawTable
from haemony.model.element import Catalogue, Element
from haemony.model.errors import RefusedByPolicy
from haemony.privacy.payload import Payload, Table

WITHIN = {
    "e-mail addresses": r"[^@\s]+@[^@\s]+\.[a-zA-Z]{2,}",
    "telephone numbers": r"(^|[\s:;(])(\+\d{1,3}|00\d{2}|0\d{2,5})[\s/()-]*\d{3,}[\d\s/-]{2,}\d",
    "calendar dates": (
        r"(?i)(^|\D)((19|20)\d{2}[-./ ]\d{1,2}[-./ ]\d{1,2}|\d{1,2}[-./ ]\d{1,2}[-./ ](19|20)\d{2}"
        r"|(19|20)\d{2}(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])"
        r"|\d{1,2}\.? ?(jan|feb|m[aä]r|apr|ma[iy]|jun|jul|aug|sep|o[ck]t|nov|de[cz])[a-zä]*\.? "
        r"?(19|20)\d{2})(\D|$)"
    ),
    "names with a title": r"(?i)(^|\W)(mr|mrs|ms|herr|frau|dr|prof|mme|sig|sra)\.? +\p{Lu}\p{Ll}+",
    "national or insurance numbers": (
        r"(^|\s)(\d{3}-\d{2}-\d{4}|[A-Z]\d{9}|\d{8}[A-Z]|\d{3} \d{3} \d{4}|[A-Z]{6}\d{2}[A-Z]\d{2}"
        r"[A-Z]\d{3}[A-Z])(\s|$)"
    ),
}
"""What stands anywhere in a cell of free text."""

LONG_NUMBER = r"^\s*\d{8,}\s*$"
"""No laboratory value has eight digits before the point; numbers of patients have."""

LONG = 10_000_000
"""Elements that may be as great, such as a position on a chromosome, number no patients."""

BEFORE_DAY_ZERO = -15 * 365
"""Dates of birth, once they are counted from day 0, lie so far before it."""


@dataclass(frozen=True, slots=True)
class Suspect:
    """A column that may name people.

    Attributes:
        table: Its table.
        column: Its header.
        cells: How many cells speak for it; 0 where the whole column does.
        why: What they look like; never what they hold.
    """

    table: str
    column: str
    cells: int
    why: str

    @property
    def place(self) -> str:
        """How to name it in ``--allow``."""
        return f"{self.table}.{self.column}"


class IdentifierFound(RefusedByPolicy):
    """What is about to be sealed looks as if it named people."""

    def __init__(self, suspects: tuple[Suspect, ...]) -> None:
        self.suspects = suspects
        said = "; ".join(
            f"{s.place}: {f'{s.cells} cells hold ' if s.cells else ''}{s.why}" for s in suspects
        )
        super().__init__(
            f"nothing is sealed, as direct identifiers never leave the partner. {said}. Take them "
            "out of the file; where a person has looked and they are none, "
            f"`--allow {suspects[0].place}` says so on the record"
        )


def check_identifiers(
    payload: Payload, catalogue: Catalogue, allowed: Collection[str] = ()
) -> None:
    """Stop where a column of a payload looks as if it named people.

    Args:
        payload: What is about to be sealed.
        catalogue: The elements its columns feed.
        allowed: Places (``table.column``) that a person has looked at and found harmless.

    Raises:
        IdentifierFound: With every suspect, by place and kind.
    """
    found = [s for table in payload.tables.values() for s in suspects(table, catalogue)]
    found = [suspect for suspect in found if suspect.place not in allowed]
    if found:
        raise IdentifierFound(tuple(found))


def suspects(table: Table, catalogue: Catalogue) -> Iterator[Suspect]:
    """The columns of a table that look as if they named people, each once."""
    told: set[str] = set()
    for entry in table.entries:
        if entry.column in told or entry.element == "centre":
            continue
        element = catalogue[entry.element]
        suspect = _free_text(table, entry) if _is_free(entry) else _number(table, entry, element)
        if suspect:
            told.add(entry.column)
            yield suspect


def _is_free(entry: Entry) -> bool:
    return entry.type in {ColumnType.TEXT, ColumnType.CATEGORY} and not entry.values


def _free_text(table: Table, entry: Entry) -> Suspect | None:
    texts = table.frame[entry.column]
    for why, pattern in (*WITHIN.items(), ("numbers of eight digits or more", LONG_NUMBER)):
        if cells := int(texts.str.contains(pattern).sum()):
            return Suspect(table.name, entry.column, cells, why)
    raw = RawTable(table.name, Path(table.file), table.frame, Layout())
    column = look_at(raw, entry.column, table.name)
    suspicion = direct(column, medical=is_medical(column))
    return Suspect(table.name, entry.column, 0, suspicion.why) if suspicion else None


def _number(table: Table, entry: Entry, element: Element) -> Suspect | None:
    texts = table.frame[entry.column]
    if entry.values:
        return None
    long = element.high is not None and element.high >= LONG
    if not long and (cells := int(texts.str.contains(LONG_NUMBER).sum())):
        return Suspect(table.name, entry.column, cells, "numbers of eight digits or more")
    if entry.unit == "d":
        early = texts.cast(pl.Float64, strict=False).drop_nulls() < BEFORE_DAY_ZERO
        if early.len() and early.mean() >= 0.5:  # type: ignore[operator]
            why = "days that lie decades before day 0, as dates of birth do"
            return Suspect(table.name, entry.column, int(early.sum()), why)
    return None
