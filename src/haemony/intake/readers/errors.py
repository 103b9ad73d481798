"""Why a data file cannot be read at all.

A flaw that leaves the rest of a file readable is a `Defect` on the table instead. Every class here
names the file, the cause and the next step; none of them ever quotes a cell.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from haemony.model.errors import Exit, HaemonyError, UsageError


class UnreadableFile(HaemonyError):
    """A data file yields no table."""

    def __init__(self, path: Path, cause: str, remedy: str) -> None:
        self.path, self.cause, self.remedy = path, cause, remedy
        super().__init__(f"{path}: {cause}; {remedy}")


class MissingFile(UnreadableFile):
    """The file is not there."""

    exit_code = Exit.USAGE

    def __init__(self, path: Path) -> None:
        super().__init__(path, "there is no such file", "check the name and the folder")


class NotAFile(UnreadableFile):
    """The path leads to a folder, a link or a device."""

    exit_code = Exit.USAGE

    def __init__(self, path: Path, kind: str) -> None:
        self.kind = kind
        super().__init__(path, f"this is {kind}, not a file", "name the data file itself")


class ForbiddenFile(UnreadableFile):
    """The operating system does not let us read the file."""

    exit_code = Exit.ENVIRONMENT

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(
            path,
            f"the operating system refuses to read it ({reason})",
            "give the account that runs haemony permission to read it",
        )


class EmptyFile(UnreadableFile):
    """The file holds nothing."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, "the file is empty", "export it again from its source")


class UnknownFormat(UnreadableFile):
    """The content is none of the formats haemony reads."""

    def __init__(self, path: Path, found: str) -> None:
        self.found = found
        super().__init__(
            path,
            f"this looks like {found}",
            "export the table as CSV, XLSX, Parquet, SAS, SPSS, Stata or RData",
        )


class MisnamedFile(UnreadableFile):
    """The extension promises one format and the content is another."""

    def __init__(self, path: Path, *, claimed: str, found: str, suffix: str) -> None:
        self.claimed, self.found = claimed, found
        super().__init__(
            path,
            f"the name says {claimed}, the content is {found}",
            f"rename the file so that it ends in {suffix}",
        )


class LegacySpreadsheet(UnreadableFile):
    """A spreadsheet format that haemony does not read."""

    def __init__(self, path: Path, found: str) -> None:
        self.found = found
        super().__init__(path, f"this is {found}", "open it and save it as .xlsx")


class PasswordProtected(UnreadableFile):
    """The file is encrypted."""

    def __init__(self, path: Path) -> None:
        super().__init__(
            path, "the file is protected by a password", "save a copy without the password"
        )


class TooLarge(UnreadableFile):
    """The file would expand beyond the limits in force."""

    def __init__(self, path: Path, *, expanded: int, allowed: int) -> None:
        self.expanded, self.allowed = expanded, allowed
        super().__init__(
            path,
            f"it expands to {expanded:,} bytes or more, {allowed:,} are allowed",
            "if the file is genuine, split it or raise the limits",
        )


class DamagedFile(UnreadableFile):
    """The format is recognised and its content is broken."""

    def __init__(self, path: Path, form: str) -> None:
        self.form = form
        super().__init__(
            path, f"the {form} is damaged or cut off", "copy or export it again from its source"
        )


class ReaderFault(UnreadableFile):
    """The reader itself failed, which says nothing about the file."""

    exit_code = Exit.ENVIRONMENT

    def __init__(self, path: Path, form: str) -> None:
        self.form = form
        super().__init__(
            path,
            f"the reader for this {form} could not be started",
            "check the installation with `pip check`, then report it to haemony's developers",
        )


class UnreadableEncoding(UnreadableFile):
    """A container's texts do not fit the encoding it declares."""

    def __init__(self, path: Path, form: str) -> None:
        super().__init__(
            path,
            f"the texts in this {form} do not fit its declared encoding",
            "name the right encoding in the layout",
        )


class OversizedCell(UnreadableFile):
    """One cell runs on and on, mostly because a quote is never closed."""

    def __init__(self, path: Path, *, row: int, longest: int) -> None:
        self.row, self.longest = row, longest
        super().__init__(
            path,
            f"a cell in or after row {row} is longer than {longest:,} characters",
            "look there for a quote that is never closed, or name another quote in the layout",
        )


class NestedColumn(UnreadableFile):
    """A column holds lists or records instead of single values."""

    def __init__(self, path: Path, column: str) -> None:
        self.column = column
        super().__init__(
            path,
            f"column {column!r} holds lists or records",
            "give every value a column or a row of its own",
        )


class NoTable(UnreadableFile):
    """A container without a single table."""

    def __init__(self, path: Path, contents: Sequence[str] = ()) -> None:
        self.contents = tuple(contents)
        held = f" (it holds {', '.join(self.contents)})" if self.contents else ""
        super().__init__(path, f"no table in this file{held}", "export the data as one table")


class SeveralTables(UnreadableFile):
    """A file holds several tables where only one can be read."""

    def __init__(self, path: Path, count: int) -> None:
        self.count = count
        super().__init__(path, f"the file holds {count} data sets", "export one data set per file")


class UnknownTable(UnreadableFile):
    """The layout names a table that the container lacks."""

    exit_code = Exit.USAGE

    def __init__(self, path: Path, table: str, available: Sequence[str]) -> None:
        self.table, self.available = table, tuple(available)
        super().__init__(
            path,
            f"there is no table {table!r}",
            f"name one of {', '.join(repr(name) for name in available)} in the layout",
        )


class MissingHeader(UnreadableFile):
    """The layout places the header where the file has no row."""

    exit_code = Exit.USAGE

    def __init__(self, path: Path, row: int) -> None:
        self.row = row
        super().__init__(
            path, f"there is no header in row {row}", "correct header_row in the layout"
        )


class InvalidLayout(UsageError):
    """A layout that contradicts itself or names what does not exist."""

    def __init__(self, field: str, expected: str) -> None:
        self.field, self.expected = field, expected
        super().__init__(f"the layout's {field} must be {expected}; correct it or leave it out")
