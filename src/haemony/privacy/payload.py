"""What leaves the partner for the platform: tables by token, in a form that can be sealed.

A payload holds no patient number, no site pseudonym, no calendar date and no column the dictionary
did not map. Its only word for a patient is a random token, made for this one seal.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import polars as pl

from haemony.intake.contribution import Assay, Description, Origin, SourceKind
from haemony.intake.dictionary import ColumnType, Entry, Role, Status

TOKEN = "token"  # noqa: S105 the name of a column
ROW = "source_row"

SET_ASIDE = pl.Schema(
    {
        "stage": pl.String,
        "file": pl.String,
        "row": pl.Int64,
        "column": pl.String,
        "element": pl.String,
        "reason": pl.String,
    }
)
"""One kept-aside row or value: where it stands in the source, and why it was not used."""


class Malformed(ValueError):
    """Bytes that are no payload; the envelope that held them is refused."""


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
    """

    description: Description
    digest: str
    tokens: tuple[str, ...]
    tables: Mapping[str, Table]
    set_aside: pl.DataFrame
    rows_in: Mapping[str, int]
    problems: pl.DataFrame

    def to_bytes(self) -> bytes:
        """A ZIP archive: ``payload.json`` and one Parquet file per table."""
        tables = list(self.tables.values())
        head = {
            "description": asdict(self.description),
            "digest": self.digest,
            "tokens": self.tokens,
            "rows_in": dict(self.rows_in),
            "tables": [_head(table) for table in tables],
        }
        whole = io.BytesIO()
        with zipfile.ZipFile(whole, "w", zipfile.ZIP_STORED) as archive:
            _add(archive, "payload.json", json.dumps(head, ensure_ascii=False).encode())
            _add(archive, "set_aside", _parquet(self.set_aside))
            _add(archive, "problems", _parquet(self.problems))
            for index, table in enumerate(tables):
                _add(archive, f"tables/{index}", _parquet(table.frame))
        return whole.getvalue()

    @classmethod
    def from_bytes(cls, content: bytes) -> Payload:
        """Read what :meth:`to_bytes` wrote.

        Raises:
            Malformed: When it is anything else.
        """
        try:
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                head = json.loads(archive.read("payload.json"))
                tables = [
                    _table(given, pl.read_parquet(archive.read(f"tables/{index}")))
                    for index, given in enumerate(head["tables"])
                ]
                return cls(
                    _description(head["description"]),
                    str(head["digest"]),
                    tuple(map(str, head["tokens"])),
                    {table.name: table for table in tables},
                    pl.read_parquet(archive.read("set_aside")).cast(SET_ASIDE),
                    {str(name): int(rows) for name, rows in head["rows_in"].items()},
                    pl.read_parquet(archive.read("problems")),
                )
        except (zipfile.BadZipFile, KeyError, ValueError, TypeError, pl.exceptions.PolarsError):
            raise Malformed("no payload") from None


def _add(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    """Add a file without the time of day at which it was added."""
    archive.writestr(zipfile.ZipInfo(name), content)


def _parquet(frame: pl.DataFrame) -> bytes:
    whole = io.BytesIO()
    frame.write_parquet(whole, compression="zstd", statistics=False)
    return whole.getvalue()


def _head(table: Table) -> dict[str, Any]:
    entries = [asdict(entry) for entry in table.entries]
    return {"name": table.name, "file": table.file, "decimal": table.decimal, "entries": entries}


def _table(given: Mapping[str, Any], frame: pl.DataFrame) -> Table:
    entries = tuple(_entry(entry) for entry in given["entries"])
    wanted = {TOKEN: pl.String(), ROW: pl.Int64()}
    wanted |= {entry.column: pl.String() for entry in entries}
    wanted |= {entry.at: pl.String() for entry in entries if entry.at}
    if frame.schema != pl.Schema({name: wanted.get(name, pl.String()) for name in frame.columns}):
        raise Malformed("a table has cells that are no text")
    if not wanted.keys() <= set(frame.columns):
        raise Malformed("a table lacks a declared column")
    return Table(str(given["name"]), str(given["file"]), frame, entries, str(given["decimal"]))


def _description(given: Mapping[str, Any]) -> Description:
    assays = tuple(Assay(**{**a, "genes": tuple(a["genes"])}) for a in given["assays"])
    return Description(
        **{
            **given,
            "source": SourceKind(given["source"]),
            "origin": Origin(given["origin"]),
            "conditions": tuple(given["conditions"]),
            "assays": assays,
        }
    )


def _entry(given: Mapping[str, Any]) -> Entry:
    return Entry(
        **{
            **given,
            "type": ColumnType(given["type"]),
            "role": Role(given["role"]),
            "status": Status(given["status"]),
            "missing": tuple(given["missing"]),
        }
    )
