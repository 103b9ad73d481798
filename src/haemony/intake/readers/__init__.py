"""Partners' files, read as they are.

Whatever the format, the answer is a `RawTable`: every cell as text, every oddity listed, nothing
guessed about meaning. A file that yields no table raises an `UnreadableFile` that says what to do.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Protocol, cast

from haemony.intake.readers.errors import InvalidLayout, UnreadableFile
from haemony.intake.readers.formats import Format, recognise
from haemony.intake.readers.limits import Limits
from haemony.intake.readers.numerals import parse_number
from haemony.intake.readers.table import Defect, DefectKind, Layout, RawTable

__all__ = [
    "Defect",
    "DefectKind",
    "Format",
    "InvalidLayout",
    "Layout",
    "Limits",
    "RawTable",
    "UnreadableFile",
    "parse_number",
    "read",
    "recognise",
    "tables",
]

_LIMITS = Limits()
_MODULES = {
    Format.DELIMITED: "delimited",
    Format.XLSX: "spreadsheet",
    Format.PARQUET: "parquet",
    Format.XPORT: "statistical",
    Format.SAS: "statistical",
    Format.SAV: "statistical",
    Format.POR: "statistical",
    Format.STATA: "statistical",
    Format.R: "rdata",
    Format.VCF: "vcf",
    Format.MAF: "maf",
}


class _Reader(Protocol):
    """What the module of each format offers."""

    def read(self, path: Path, layout: Layout, limits: Limits) -> RawTable: ...
    def tables(self, path: Path, limits: Limits) -> tuple[str, ...]: ...


def read(path: Path, layout: Layout | None = None, *, limits: Limits = _LIMITS) -> RawTable:
    """Read one table of a file.

    Args:
        path: The file; its content decides which format it is read as.
        layout: What is known about the file; the rest is detected.
        limits: How much a compressed file may expand to.

    Raises:
        UnreadableFile: The file yields no table; the message says why and what to do.
    """
    layout = layout or Layout()
    return _reader(path).read(path, layout, limits).with_row_numbers(layout.row_numbers)


def tables(path: Path, *, limits: Limits = _LIMITS) -> tuple[str, ...]:
    """List the tables of a file: sheets of a workbook, data frames of an R file, or just one."""
    return _reader(path).tables(path, limits)


def _reader(path: Path) -> _Reader:
    """The module for a file's format, loaded only now: some bring libraries slow to import."""
    return cast("_Reader", import_module(f"{__name__}.{_MODULES[recognise(path)]}"))
