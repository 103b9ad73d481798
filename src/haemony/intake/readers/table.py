"""What every reader returns: the cells as text, and what was odd about the file.

A `RawTable` is the file before anybody has decided what a column means, so it keeps each cell as
the text that was written and remembers the row number under which its steward sees it.
"""

from __future__ import annotations

import codecs
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType

import polars as pl

from haemony.intake.readers.errors import InvalidLayout


@dataclass(frozen=True, slots=True)
class Layout:
    """How a file is laid out; whatever is left out is detected.

    Args:
        encoding: A codec name such as `utf-8` or `windows-1252`.
        delimiter: The character between two cells of delimited text.
        quote: The character around cells of delimited text; empty where nothing is quoted.
        decimal: `.` or `,`, the mark before the fraction of a number.
        header_row: The row that names the columns, as a spreadsheet numbers it.
        table: The sheet of a workbook or the object of an R file.
        row_numbers: A column to add, which holds the row number of each record: a source that
            names nobody has one row per patient.
    """

    encoding: str | None = None
    delimiter: str | None = None
    quote: str | None = None
    decimal: str | None = None
    header_row: int | None = None
    table: str | None = None
    row_numbers: str | None = None

    def __post_init__(self) -> None:
        if self.encoding is not None and not _is_text_codec(self.encoding):
            raise InvalidLayout("encoding", "a known text encoding such as utf-8 or windows-1252")
        if self.delimiter is not None and not _is_mark(self.delimiter):
            raise InvalidLayout("delimiter", "one character that is no line break")
        if self.quote and not _is_mark(self.quote):
            raise InvalidLayout("quote", "one character that is no line break, or empty")
        if self.delimiter is not None and self.delimiter == self.quote:
            raise InvalidLayout("quote", "another character than its delimiter")
        if self.decimal not in {None, ".", ","}:
            raise InvalidLayout("decimal", "'.' or ','")
        if self.header_row is not None and self.header_row < 1:
            raise InvalidLayout("header_row", "1 or more")


_ESCAPES = {"idna", "punycode", "raw_unicode_escape", "undefined", "unicode_escape", "utf_7"}
"""Python codecs that turn text into escapes; no program exports a table in them."""


def _is_text_codec(name: str) -> bool:
    try:
        codec = codecs.lookup(name)
        "".encode(name)
    except (LookupError, ValueError):
        return False
    return codec.name.replace("-", "_") not in _ESCAPES


def _is_mark(text: str) -> bool:
    return len(text) == 1 and text not in "\r\n\0" and not "\ud800" <= text <= "\udfff"


class DefectKind(StrEnum):
    """What can be wrong with a file that is readable all the same."""

    TOO_MANY_CELLS = "too many cells"
    TOO_FEW_CELLS = "too few cells"
    CUT_OFF = "cut off"
    UNTERMINATED_QUOTE = "unterminated quote"
    BLANK_LINE = "blank line"
    DUPLICATE_NAME = "duplicate column name"
    EMPTY_NAME = "empty column name"
    UNNAMED_ROW_NAMES = "row names without a column name"
    EMPTY_TRAILING_COLUMNS = "empty trailing columns"
    TITLE_ABOVE_HEADER = "title above the header"
    UNDECODABLE = "undecodable bytes"
    ASSUMED_ENCODING = "assumed encoding"
    AMBIGUOUS_DELIMITER = "ambiguous delimiter"
    NUL = "NUL character"
    ERROR_CELL = "spreadsheet error"
    UNCALCULATED_FORMULA = "uncalculated formula"
    MERGED_CELLS = "merged cells"
    DATES_AMONG_OTHERS = "dates among other values"

    @property
    def is_notice(self) -> bool:
        """Whether every cell is certain all the same, so that the defect need not stop anybody."""
        return self in _NOTICES


_NOTICES = frozenset(
    {
        DefectKind.BLANK_LINE,
        DefectKind.UNNAMED_ROW_NAMES,
        DefectKind.EMPTY_TRAILING_COLUMNS,
        DefectKind.ASSUMED_ENCODING,
    }
)


@dataclass(frozen=True, slots=True)
class Defect:
    """One flaw of a readable file, at the place where its steward can find it."""

    row: int | None
    column: str | None
    kind: DefectKind
    message: str


@dataclass(frozen=True, slots=True)
class RawTable:
    """One table of a file: every cell as text, an empty cell as null.

    Args:
        name: The sheet, the R object, or the file's own name without its extension.
        path: The file.
        frame: String columns only, in the order of the file.
        layout: What was detected or given; reading with it again gives the same table.
        labels: A column's label, where the format has labels.
        value_labels: For a column, its codes (written as in `frame`) and their meanings.
        missing: For a column, the codes (written as in `frame`) that stand for missing values.
        defects: Everything that was odd, in the order of the file.
        blank_before: For each blank line among the records, the index of the record after it.
    """

    name: str
    path: Path
    frame: pl.DataFrame
    layout: Layout
    labels: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    value_labels: Mapping[str, Mapping[str, str]] = field(
        default_factory=lambda: MappingProxyType({})
    )
    missing: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: MappingProxyType({}))
    defects: tuple[Defect, ...] = ()
    blank_before: tuple[int, ...] = ()

    def with_row_numbers(self, column: str | None) -> RawTable:
        """The same table with file and row number as a first column; itself where none is named.

        The file is part of it, as a partner's other files have the same row numbers.

        >>> frame = pl.DataFrame({"age": ["61", "45"]})
        >>> table = RawTable("clinical", Path("clinical.csv"), frame, Layout())
        >>> table.with_row_numbers("patient").frame["patient"].to_list()
        ['clinical.csv:2', 'clinical.csv:3']
        """
        if column is None:
            return self
        file = self.path.name
        rows = [f"{file}:{self.row_number(index)}" for index in range(self.frame.height)]
        numbers = pl.Series(column, rows, dtype=pl.String)
        return replace(self, frame=pl.DataFrame([numbers, *self.frame.get_columns()]))

    def row_number(self, index: int) -> int:
        """The row under which a spreadsheet shows the record at `index` of the frame.

        >>> frame = pl.DataFrame({"age": ["61", "45"]})
        >>> RawTable("clinical", Path("clinical.csv"), frame, Layout()).row_number(0)
        2
        """
        return record_row(index, self.layout.header_row or 1, self.blank_before)


def record_row(index: int, header_row: int, blank_before: tuple[int, ...]) -> int:
    """Number a record as a spreadsheet does: blank lines count, line breaks in cells do not.

    >>> [record_row(index, 1, blank_before=(1,)) for index in range(3)]
    [2, 4, 5]
    """
    return header_row + 1 + index + bisect_right(blank_before, index)
