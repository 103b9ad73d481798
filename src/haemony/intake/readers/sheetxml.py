"""A workbook's own XML, for what the cells alone do not tell.

Errors, formulas that were never calculated and merged cells all look like empty cells to a reader
of values; and only the XML tells how far a sheet extends before somebody fills it in.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from html import unescape
from pathlib import Path
from posixpath import join, normpath

from haemony.intake.readers.errors import DamagedFile
from haemony.intake.readers.table import DefectKind

_ERROR = re.compile(rb"<(?:\w+:)?c\b([^>]*\bt=[\"']e[\"'][^>]*)>")
_UNCALCULATED = re.compile(
    rb"<(?:\w+:)?c\b((?![^>]*\bt=[\"']str[\"'])[^>]*[^>/])>\s*"
    rb"<(?:\w+:)?f\b(?:[^>]*/>|[^>]*>[^<]*</(?:\w+:)?f>)\s*"
    rb"(?:<(?:\w+:)?v\s*/>|<(?:\w+:)?v>\s*</(?:\w+:)?v>)?\s*</(?:\w+:)?c>"
)
_MERGED = re.compile(rb"<(?:\w+:)?mergeCell\b([^>]*)>")
_PLACE = re.compile(rb"\b(?:r|ref)=[\"']([A-Z]{1,3})(\d{1,7})")
_ROW = re.compile(rb"<(?:\w+:)?row\b[^>]*\br=[\"'](\d{1,9})[\"']")
_COLUMN = re.compile(rb"<(?:\w+:)?c\b[^>]*\br=[\"']([A-Z]{1,9})\d")
_SHEET = re.compile(r"<(?:\w+:)?sheet\b[^>]*>")
_RELATION = re.compile(r"<(?:\w+:)?Relationship\b[^>]*>")
_ATTRIBUTE = re.compile(r"([\w:]+)\s*=\s*([\"'])(.*?)\2", re.DOTALL)

_KINDS = (
    (_ERROR, DefectKind.ERROR_CELL, "Excel shows an error here; the cell is empty in the table"),
    (
        _UNCALCULATED,
        DefectKind.UNCALCULATED_FORMULA,
        "a formula without a stored result; open the file in Excel and save it",
    ),
    (_MERGED, DefectKind.MERGED_CELLS, "merged cells; only the first of them holds the value"),
)


@dataclass(frozen=True, slots=True)
class Flaw:
    """Something wrong with a cell; the row counts from 1, the column from 0.

    A file that does not say where its cells stand gives no row and the column -1.
    """

    row: int | None
    column: int
    kind: DefectKind
    message: str


def flaws(xml: bytes) -> Iterator[Flaw]:
    """The flaws that a sheet's XML reveals."""
    for pattern, kind, message in _KINDS:
        for match in pattern.finditer(xml):
            row, column = _place(match[1])
            yield Flaw(row, column, kind, message)


def extent(xml: bytes) -> tuple[int, int]:
    """The rows and columns that a sheet spans, from its corner to its farthest cells."""
    rows = max((int(row) for row in _ROW.findall(xml)), default=0)
    columns = max((_number(letters) for letters in set(_COLUMN.findall(xml))), default=0)
    return rows, columns


def sheet_xml(path: Path, name: str) -> bytes:
    """The XML of the sheet with this name."""
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.read(_member(archive, name))
    except KeyError as error:
        raise DamagedFile(path, "Excel workbook") from error


def _member(archive: zipfile.ZipFile, name: str) -> str:
    """Where the archive keeps a sheet: its name leads to a relation, that to a file."""
    workbook = archive.read("xl/workbook.xml").decode("utf-8", "replace")
    relations = archive.read("xl/_rels/workbook.xml.rels").decode("utf-8", "replace")
    sheets = {tag["name"]: _relation(tag) for tag in _tags(_SHEET, workbook) if "name" in tag}
    targets = {tag.get("Id"): tag.get("Target", "") for tag in _tags(_RELATION, relations)}
    return normpath(join("/xl", targets[sheets[name]])).lstrip("/")


def _tags(pattern: re.Pattern[str], xml: str) -> Iterator[dict[str, str]]:
    for match in pattern.finditer(xml):
        yield {name: unescape(value) for name, _, value in _ATTRIBUTE.findall(match[0])}


def _relation(tag: dict[str, str]) -> str | None:
    return next((value for name, value in tag.items() if name.endswith(":id")), None)


def _place(attributes: bytes) -> tuple[int | None, int]:
    """The row and the column of a reference such as `G2`."""
    reference = _PLACE.search(attributes)
    return (int(reference[2]), _number(reference[1]) - 1) if reference else (None, -1)


def _number(letters: bytes) -> int:
    """The number of a column, from 1: A is 1, AA is 27."""
    number = 0
    for letter in letters:
        number = number * 26 + letter - ord("A") + 1
    return number
