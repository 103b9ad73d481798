"""What leaves the partner for the platform: tables by token, in a form that can be sealed.

A payload holds no patient number, no site pseudonym, no calendar date and no column that neither
the dictionary maps nor the description names as one of an omics file. Its only word for a patient
is a random token, made for this one seal.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import polars as pl

from haemony.intake.contribution import Assay, Description, Origin, SourceKind
from haemony.intake.dictionary import ColumnType, Entry, Role, Status
from haemony.intake.problems import PROBLEMS
from haemony.privacy.omics import ROW, SET_ASIDE, TOKEN, Profiles, from_wire, to_wire
from haemony.privacy.wire import Malformed, pack, unpack

__all__ = ["ROW", "SET_ASIDE", "TOKEN", "Payload", "Table"]

_TOKEN = re.compile("[0-9a-f]{32}")
_DIGEST = re.compile("[0-9a-f]{64}")


@dataclass(frozen=True)
class Table:
    """One table without patient numbers.

    Attributes:
        name: Its name in the contribution.
        file: The file it came from.
        frame: Who the row is about (``token``, later ``person_id``), ``source_row``, and the mapped
            columns as exact text; dates as days.
        entries: What these columns mean and feed.
        decimal: Decimal mark of its numbers.
    """

    name: str
    file: str
    frame: pl.DataFrame
    entries: tuple[Entry, ...]
    decimal: str


@dataclass(frozen=True)
class Payload:
    """A contribution whose patients are tokens.

    Attributes:
        description: What the contribution says of itself.
        digest: Hash of its files under the partner's key: the identity of this version.
        tokens: The tokens of the patient table, sorted.
        tables: Its tables, by name.
        set_aside: Rows kept aside, columns as in :data:`SET_ASIDE`.
        rows_in: Rows read, by file.
        problems: What the check found.
        profiles: Its expression matrix and its segments.
    """

    description: Description
    digest: str
    tokens: tuple[str, ...]
    tables: Mapping[str, Table]
    set_aside: pl.DataFrame
    rows_in: Mapping[str, int]
    problems: pl.DataFrame
    profiles: tuple[Profiles, ...] = ()

    def to_bytes(self) -> bytes:
        """Squeezed JSON; every column of text as its distinct values and their places."""
        return pack(
            {
                "description": asdict(self.description),
                "digest": self.digest,
                "tokens": self.tokens,
                "rows_in": dict(self.rows_in),
                "tables": [
                    {**_head(table), "columns": _columns(table.frame)}
                    for table in self.tables.values()
                ],
                "set_aside": _columns(self.set_aside),
                "problems": _columns(self.problems),
                "profiles": [to_wire(profiles, _columns) for profiles in self.profiles],
            }
        )

    @classmethod
    def from_bytes(cls, content: bytes) -> Payload:
        """Read what :meth:`to_bytes` wrote.

        Raises:
            Malformed: When it is anything else.
        """
        given = unpack(content)
        try:
            tables = [_table(each) for each in given["tables"]]
            payload = cls(
                _description(given["description"]),
                str(given["digest"]),
                tuple(given["tokens"]),
                {table.name: table for table in tables},
                _frame(given["set_aside"], SET_ASIDE),
                {str(name): int(rows) for name, rows in given["rows_in"].items()},
                _frame(given["problems"], PROBLEMS),
                tuple(from_wire(each, _frame) for each in given["profiles"]),
            )
        except (LookupError, ValueError, TypeError, AttributeError, OverflowError):
            raise Malformed("no payload") from None
        except pl.exceptions.PolarsError:
            raise Malformed("no payload") from None
        payload._check()
        return payload

    def _check(self) -> None:
        """Refuse a payload whose parts do not fit together."""
        tokens = set(self.tokens)
        frames = [table.frame for table in self.tables.values()]
        frames += [each.frame for each in self.profiles]
        elements = [each.element for each in self.profiles]
        whole = (
            len(tokens) == len(self.tokens)
            and all(isinstance(token, str) and _TOKEN.fullmatch(token) for token in tokens)
            and _DIGEST.fullmatch(self.digest)
            and all(frame[TOKEN].is_in(list(tokens)).all() for frame in frames)
            and not any(frame[TOKEN].null_count() for frame in frames)
            and len(elements) == len(set(elements))
            and all(assay.calls in self.tables for assay in self.description.assays)
            and all(assay.tested in self.tables for assay in self.description.assays)
        )
        if not whole:
            raise Malformed("its parts do not fit together")


def _head(table: Table) -> dict[str, Any]:
    entries = [asdict(entry) for entry in table.entries]
    return {"name": table.name, "file": table.file, "decimal": table.decimal, "entries": entries}


def _columns(frame: pl.DataFrame) -> dict[str, Any]:
    """The columns of a frame: numbers as they are, texts as distinct values and their places."""
    return {
        column.name: _texts(column) if column.dtype == pl.String else column.to_list()
        for column in frame.get_columns()
    }


def _texts(column: pl.Series) -> dict[str, Any]:
    values = column.drop_nulls().unique(maintain_order=True)
    places = dict(zip(values, range(values.len()), strict=True))
    return {"values": values.to_list(), "at": [places.get(text) for text in column]}


def _frame(given: Mapping[str, Any], schema: pl.Schema) -> pl.DataFrame:
    """A frame of text and numbers, of just this schema."""
    if list(given) != schema.names():
        raise Malformed("a table has other columns than it says")
    columns = []
    for name, dtype in schema.items():
        cells = _read_texts(given[name]) if dtype == pl.String else given[name]
        columns.append(pl.Series(name, cells, dtype=dtype, strict=True))
    return pl.DataFrame(columns)


def _read_texts(given: Mapping[str, Any]) -> list[str | None]:
    values = given["values"]
    if not all(isinstance(value, str) for value in values):
        raise Malformed("a text is none")
    return [None if place is None else values[_place(place)] for place in given["at"]]


def _place(place: object) -> int:
    if not isinstance(place, int) or place < 0:
        raise Malformed("a place is none")
    return place


def _table(given: Mapping[str, Any]) -> Table:
    entries = tuple(_entry(entry) for entry in given["entries"])
    needed = {column for entry in entries for column in entry.needs}
    names = list(given["columns"])
    if not {TOKEN, ROW, *needed} <= set(names):
        raise Malformed("a table lacks a declared column")
    schema = pl.Schema({name: pl.Int64() if name == ROW else pl.String() for name in names})
    frame = _frame(given["columns"], schema)
    return Table(str(given["name"]), str(given["file"]), frame, entries, str(given["decimal"]))


def _description(given: Mapping[str, Any]) -> Description:
    assays = tuple(Assay(**{**a, "genes": tuple(a["genes"])}) for a in given["assays"])
    return Description(
        **{
            **given,
            "source": SourceKind(given["source"]),
            "origin": Origin(given["origin"]),
            "conditions": tuple(given["conditions"]),
            "diagnosis": str(given["diagnosis"]),
            "assays": assays,
        }
    )


def _entry(given: Mapping[str, Any]) -> Entry:
    texts = ("table", "column", "label", "unit", "element", "at", "where", "note")
    entry = Entry(
        **{
            **given,
            **{name: str(given[name]) for name in texts},
            "type": ColumnType(given["type"]),
            "role": Role(given["role"]),
            "status": Status(given["status"]),
            "missing": tuple(map(str, given["missing"])),
            "values": {str(key): str(text) for key, text in given["values"].items()},
            "value_map": {str(key): str(text) for key, text in given["value_map"].items()},
            "precedence": int(given["precedence"]),
        }
    )
    if not -(2**31) < entry.precedence < 2**31:
        raise Malformed("a precedence is none")
    return entry
