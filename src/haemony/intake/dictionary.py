"""The dictionary: what every column of a contribution means, as a table people can edit.

One line per column (a column that feeds two elements has two lines). It is CSV or XLSX, so that a
data steward can keep it in a spreadsheet. Lists inside a cell are separated by ``|`` and pairs by
``=``: ``0=no|1=yes``.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from pathlib import Path
from typing import TypeVar

import polars as pl

from haemony.intake.readers import read
from haemony.model.errors import UsageError

ESCAPED = r"\="
"""An equals sign inside a value or its meaning: ``<\\=20`` is ``<=20``."""

EVERY = "*"
"""In the name of a column: one line for all columns of that pattern, none of which is mapped."""


class ColumnType(StrEnum):
    """What the cells of a column are."""

    TEXT = "text"
    INTEGER = "integer"
    NUMBER = "number"
    CATEGORY = "category"
    DATE = "date"


class Role(StrEnum):
    """What a column gives away about who the patient is."""

    DIRECT = "direct identifier"
    PATIENT = "patient identifier"
    QUASI = "quasi-identifier"
    SENSITIVE = "sensitive"
    OTHER = "other"


class Status(StrEnum):
    """How far a line of the dictionary has come."""

    CONFIRMED = "confirmed"
    SUGGESTED = "suggested"
    UNMAPPED = "unmapped"


Choice = TypeVar("Choice", bound=StrEnum)


class DictionaryFault(UsageError):
    """A line of a dictionary cannot be understood."""

    def __init__(self, file: str, line: int, reason: str) -> None:
        self.file, self.line, self.reason = file, line, reason
        super().__init__(f"{file}, row {line}: {reason}")


@dataclass(frozen=True, slots=True)
class Condition:
    """In which rows a cell speaks.

    Attributes:
        column: Another column of the row.
        texts: Its cells there; with *negated* its cells elsewhere.
        negated: Whether the cell speaks where the other column holds something else.
    """

    column: str
    texts: tuple[str, ...]
    negated: bool = False

    @classmethod
    def parse(cls, text: str) -> Condition:
        """Read ``COLUMN=value|value`` or ``COLUMN!=value|value``."""
        column, _, texts = text.partition("=")
        values = tuple(value.strip() for value in texts.split("|"))
        return cls(column.removesuffix("!").strip(), values, column.endswith("!"))

    def holds(self, frame: pl.DataFrame) -> pl.Series:
        """The rows in which the cell speaks; never where the other column is empty."""
        cells = frame[self.column].str.strip_chars()
        among = cells.is_in(list(self.texts))
        return (~among if self.negated else among).fill_null(value=False)


@dataclass(frozen=True, slots=True)
class Entry:
    """What one column means.

    Attributes:
        table: The table of the contribution.
        column: The column, as its header spells it.
        label: What it holds, in the partner's words.
        type: What its cells are.
        unit: UCUM unit of numbers.
        values: Permitted values and what each means; empty for free values.
        missing: Cell texts that mean *not known*; an empty cell always does.
        role: What it gives away about the patient.
        element: The catalogue element it feeds; empty when unmapped.
        value_map: The element's value for each permitted value.
        at: Column of the same table with the day (or date) the value belongs to.
        where: When the cell speaks: ``COLUMN=value|value`` or ``COLUMN!=value|value`` over another
            column of the same row. Elsewhere it counts as missing: the time of an event that did
            not happen is none.
        precedence: 1 wins where two columns feed the same element and disagree.
        status: Confirmed by a person, suggested by the draft, or deliberately unmapped.
        note: Why it is unmapped, or anything a curator should know.
    """

    table: str
    column: str
    label: str = ""
    type: ColumnType = ColumnType.TEXT
    unit: str = ""
    values: Mapping[str, str] = field(default_factory=dict)
    missing: tuple[str, ...] = ()
    role: Role = Role.OTHER
    element: str = ""
    value_map: Mapping[str, str] = field(default_factory=dict)
    at: str = ""
    where: str = ""
    precedence: int = 1
    status: Status = Status.CONFIRMED
    note: str = ""

    @property
    def condition(self) -> Condition | None:
        """What ``where`` says; nothing when the cell always speaks.

        Example:
            >>> Entry("clinical", "AMLT", where="AMLTC=1").condition
            Condition(column='AMLTC', texts=('1',), negated=False)
        """
        return Condition.parse(self.where) if self.where else None

    @property
    def needs(self) -> tuple[str, ...]:
        """The columns of its row without which its cells cannot be understood."""
        beside = [self.at, self.condition.column if self.condition else ""]
        return (self.column, *filter(None, beside))


HEADER = tuple(column.name for column in fields(Entry))
"""The columns of a dictionary file, in order."""


@dataclass(frozen=True, slots=True)
class Dictionary:
    """All entries of a contribution, in file order."""

    entries: tuple[Entry, ...]

    def __iter__(self) -> Iterator[Entry]:
        return iter(self.entries)

    def of(self, table: str) -> tuple[Entry, ...]:
        """The entries of one table."""
        return tuple(entry for entry in self.entries if entry.table == table)

    def columns(self, table: str) -> tuple[str, ...]:
        """The declared columns of one table, each once."""
        return tuple(dict.fromkeys(entry.column for entry in self.of(table)))

    def mapped(self, table: str | None = None) -> tuple[Entry, ...]:
        """The confirmed entries that feed an element."""
        return tuple(
            entry
            for entry in self.entries
            if entry.element
            and entry.status is Status.CONFIRMED
            and (table is None or entry.table == table)
        )

    def patients(self, table: str, frame: pl.DataFrame) -> pl.Series:
        """The patient of each row of a table; null where a row is of none.

        A row is of no patient where its number is empty or listed as missing, and where the
        condition of its line does not hold: a cell line among samples, a donor among recipients.
        """
        (entry, *_) = (e for e in self.of(table) if e.role is Role.PATIENT)
        numbers = frame[entry.column].str.strip_chars()
        named = (numbers != "") & ~numbers.is_in(list(entry.missing))
        if entry.condition:
            named = named & entry.condition.holds(frame)
        return pl.select(pl.when(named).then(numbers).alias(entry.column)).to_series()

    def patient_column(self, table: str) -> str | None:
        """The column that says which patient a row is about."""
        for entry in self.of(table):
            if entry.role is Role.PATIENT:
                return entry.column
        return None


def read_dictionary(path: Path) -> Dictionary:
    """Read a dictionary from CSV or XLSX.

    Raises:
        DictionaryFault: When a line cannot be understood; it names file, row and the way out.
    """
    raw = read(path)
    absent = [name for name in ("table", "column", "type", "role") if name not in raw.frame.columns]
    if absent:
        reason = f"the header lacks {', '.join(absent)}; a dictionary has {', '.join(HEADER)}"
        raise DictionaryFault(path.name, 1, reason)
    entries = []
    for index, row in enumerate(raw.frame.iter_rows(named=True)):
        cells = {name: (row.get(name) or "").strip() for name in HEADER}
        if any(cells.values()):
            entries.append(_entry(cells, path.name, raw.row_number(index)))
    return Dictionary(tuple(entries))


def write_dictionary(entries: Iterable[Entry], path: Path) -> None:
    """Write a dictionary as CSV, in UTF-8 with the mark that spreadsheets need to open it."""
    with path.open("w", encoding="utf-8-sig", newline="") as text:
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(HEADER)
        writer.writerows([_cell(getattr(entry, name)) for name in HEADER] for entry in entries)


def _escaped(text: str) -> str:
    return text.replace("=", ESCAPED)


def _cell(value: object) -> str:
    if isinstance(value, Mapping):
        return "|".join(f"{_escaped(key)}={_escaped(text)}" for key, text in value.items())
    if isinstance(value, tuple):
        return "|".join(value)
    return str(value)


def _entry(cells: Mapping[str, str], file: str, line: int) -> Entry:
    def choice(kind: type[Choice], name: str, default: Choice) -> Choice:
        text = cells[name] or default
        try:
            return kind(text)
        except ValueError:
            allowed = ", ".join(kind)
            reason = f"{name} {text!r} is not one of: {allowed}"
            raise DictionaryFault(file, line, reason) from None

    precedence = cells["precedence"] or "1"
    if not precedence.isdigit():
        raise DictionaryFault(
            file, line, "precedence is not a whole number; write 1 for the winner"
        )
    return Entry(
        table=cells["table"],
        column=cells["column"],
        label=cells["label"],
        type=choice(ColumnType, "type", ColumnType.TEXT),
        unit=cells["unit"],
        values=_pairs(cells["values"]),
        missing=tuple(filter(None, cells["missing"].split("|"))),
        role=choice(Role, "role", Role.OTHER),
        element=cells["element"],
        value_map=_pairs(cells["value_map"]),
        at=cells["at"],
        where=cells["where"],
        precedence=int(precedence),
        status=choice(Status, "status", Status.CONFIRMED),
        note=cells["note"],
    )


def _pairs(text: str) -> dict[str, str]:
    pairs = {}
    for part in filter(None, (piece.strip() for piece in text.split("|"))):
        key, _, meaning = part.replace(ESCAPED, "\0").partition("=")
        pairs[key.strip().replace("\0", "=")] = meaning.strip().replace("\0", "=")
    return pairs
