"""Delimited text: CSV, TSV and their relatives, exactly as Python's csv module reads them."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

import polars as pl

from haemony.intake.readers.cells import empty_as_null, text_column
from haemony.intake.readers.dialect import Dialect, detect_dialect
from haemony.intake.readers.encoding import Text, decode, looks_binary
from haemony.intake.readers.errors import EmptyFile, MissingHeader, OversizedCell, UnknownFormat
from haemony.intake.readers.headers import empty_tail, unique_names, without_empty_tail
from haemony.intake.readers.limits import Limits, unpacked
from haemony.intake.readers.numerals import detect_decimal
from haemony.intake.readers.plain import plain_frame
from haemony.intake.readers.table import Defect, DefectKind, Layout, RawTable, record_row

_SEPARATOR_LINE = re.compile(r"sep=(.)(?:\r\n|\r|\n|$)", re.IGNORECASE)
_END = "\ue000"
"""Stands behind the last line: a record of its own, unless a quote is still open there."""


@dataclass(frozen=True, slots=True)
class _Grid:
    """Cells in place, below a header that may still be one name short."""

    header: list[str]
    frame: pl.DataFrame
    header_row: int
    blank_before: tuple[int, ...] = ()
    defects: tuple[Defect, ...] = ()

    def row(self, index: int) -> int:
        return record_row(index, self.header_row, self.blank_before)


def tables(path: Path, limits: Limits) -> tuple[str, ...]:
    """The one table of a text file, named as the file."""
    del limits
    return (table_name(path),)


def table_name(path: Path) -> str:
    """The file's name without its extensions.

    >>> table_name(Path("study/clinical.csv.gz"))
    'clinical'
    """
    return path.with_suffix("").stem if path.suffix.lower() == ".gz" else path.stem


def read(path: Path, layout: Layout, limits: Limits) -> RawTable:
    """Read delimited text; what the layout leaves open is detected."""
    text = _text(path, layout, limits)
    content, layout = _without_separator_line(text.content, layout)
    dialect, doubts = detect_dialect(content, layout)
    grid = _plain(content, dialect, layout) or _exact(content, dialect, layout, path)
    grid = _settled(grid)
    names, renamed = unique_names(grid.header, grid.header_row)
    frame = grid.frame.rename(dict(zip(grid.frame.columns, names, strict=True)))
    found = [*grid.defects, *renamed, *_marked(frame, grid, text)]
    return RawTable(
        name=table_name(path),
        path=path,
        frame=frame,
        layout=_found(layout, text, dialect, grid, frame),
        defects=(*_assumption(text), *doubts, *sorted(found, key=lambda it: it.row or 0)),
        blank_before=grid.blank_before,
    )


def _text(path: Path, layout: Layout, limits: Limits) -> Text:
    data = unpacked(path, limits)
    if layout.encoding is None and looks_binary(data):
        raise UnknownFormat(path, "binary data without a known signature")
    text = decode(data, layout.encoding)
    if not text.content.strip("\ufeff\r\n\t \x1a"):
        raise EmptyFile(path)
    return text


def _without_separator_line(content: str, layout: Layout) -> tuple[str, Layout]:
    """Take the line `sep=;`, which tells Excel the delimiter, at its word."""
    match = _SEPARATOR_LINE.match(content)
    if match is None or match.end() == len(content):
        return content, layout
    return content[match.end() :], replace(layout, delimiter=layout.delimiter or match[1])


def _plain(content: str, dialect: Dialect, layout: Layout) -> _Grid | None:
    """The fast way, where header and records are plain."""
    first, line_feed, body = content.partition("\n")
    line = first.removesuffix("\r")
    if layout.header_row not in {None, 1} or not line_feed or not line or "\r" in line:
        return None
    header = plain_frame(line, dialect)
    frame = plain_frame(body, dialect) if header is not None else None
    if header is None or frame is None or frame.width - header.width not in {0, 1}:
        return None
    return _Grid(_header(line, dialect), _emptied(frame), header_row=1)


def _header(line: str, dialect: Dialect) -> list[str]:
    return next(dialect.cut([line]))


def _emptied(frame: pl.DataFrame) -> pl.DataFrame:
    return pl.DataFrame([empty_as_null(column) for column in frame])


def _exact(content: str, dialect: Dialect, layout: Layout, path: Path) -> _Grid:
    """The exact way, for everything that is not plain."""
    rows, unterminated = _rows(content, dialect, path)
    position = _header_position(rows, layout.header_row, path)
    header, body = rows[position], rows[position + 1 :]
    header_row = position + 1
    body, blank_before = _without_blanks(body, one_column=len(header) == 1)
    tail = _overhang(header, body)
    header = header[: len(header) - tail]
    grid = _Grid(header, _frame(header, body), header_row, blank_before)
    defects = [
        *_blank_lines(grid),
        *([empty_tail(header_row, tail)] if tail else []),
        *_ragged(body, grid),
        *([_unterminated(grid)] if unterminated else []),
    ]
    return replace(grid, defects=tuple(defects))


def _rows(content: str, dialect: Dialect, path: Path) -> tuple[list[list[str]], bool]:
    """All rows, a blank line being an empty one, and whether a quote was left open."""
    lines = chain(io.StringIO(content, newline=""), [_END])
    rows: list[list[str]] = []
    try:
        rows.extend(dialect.cut(lines))
    except csv.Error as error:
        longest = csv.field_size_limit()
        raise OversizedCell(path, row=len(rows) + 1, longest=longest) from error
    unterminated = rows[-1] != [_END]
    if unterminated:
        rows[-1][-1] = rows[-1][-1].removesuffix(_END)
    else:
        rows.pop()
    while rows and not rows[-1]:
        rows.pop()
    return rows, unterminated


def _header_position(rows: list[list[str]], header_row: int | None, path: Path) -> int:
    if header_row is None:
        first = next((position for position, row in enumerate(rows) if row), None)
        if first is None:
            raise EmptyFile(path)
        return first
    if header_row > len(rows) or not rows[header_row - 1]:
        raise MissingHeader(path, header_row)
    return header_row - 1


def _without_blanks(
    body: list[list[str]], *, one_column: bool
) -> tuple[list[list[str]], tuple[int, ...]]:
    """Set blank lines aside; in a table of one column they are records with an empty cell."""
    if one_column:
        return [row or [""] for row in body], ()
    records: list[list[str]] = []
    blank_before: list[int] = []
    for row in body:
        if row:
            records.append(row)
        else:
            blank_before.append(len(records))
    return records, tuple(blank_before)


def _overhang(header: list[str], body: list[list[str]]) -> int:
    """How many nameless cells the header has beyond records that all end earlier."""
    widths = {len(row) for row in body}
    longest = max(widths, default=len(header))
    nameless = all(not name.strip() for name in header[longest:])
    return max(0, len(header) - longest) if len(widths) == 1 and nameless else 0


def _frame(header: Sequence[str], body: list[list[str]]) -> pl.DataFrame:
    """The records as columns: short ones padded, long ones as far as they fit."""
    width = len(header)
    if body and all(len(row) == width + 1 for row in body):
        width += 1
    padding = [""] * width
    fitted = (row if len(row) == width else (row + padding)[:width] for row in body)
    columns: Iterator[tuple[str, ...]] = zip(*fitted, strict=True) if body else iter([()] * width)
    return pl.DataFrame([text_column(str(place), cells) for place, cells in enumerate(columns)])


def _blank_lines(grid: _Grid) -> list[Defect]:
    """One defect per blank line: each stands as many rows further down as others precede it."""
    first = grid.header_row + 1
    return [
        Defect(first + index + earlier, None, DefectKind.BLANK_LINE, "this line is blank")
        for earlier, index in enumerate(grid.blank_before)
    ]


def _ragged(body: list[list[str]], grid: _Grid) -> list[Defect]:
    width, last = grid.frame.width, len(body) - 1
    return [
        _misfit(grid.row(index), expected=width, found=len(row), is_last=index == last)
        for index, row in enumerate(body)
        if len(row) != width
    ]


def _misfit(row: int, *, expected: int, found: int, is_last: bool) -> Defect:
    cells = f"{expected} cells expected, {found} found"
    if found > expected:
        message = f"{cells}; the cells beyond the header are left out of the table"
        return Defect(row, None, DefectKind.TOO_MANY_CELLS, message)
    if is_last:
        message = f"{cells} in the last record; the file may be cut off"
        return Defect(row, None, DefectKind.CUT_OFF, message)
    return Defect(row, None, DefectKind.TOO_FEW_CELLS, f"{cells}; the rest is empty in the table")


def _unterminated(grid: _Grid) -> Defect:
    row = grid.row(grid.frame.height - 1) if grid.frame.height else grid.header_row
    message = "a quote opens in this record and never closes; what follows became one cell"
    return Defect(row, None, DefectKind.UNTERMINATED_QUOTE, message)


def _settled(grid: _Grid) -> _Grid:
    """Bring the header to the width of the frame and drop an empty tail."""
    if grid.frame.width > len(grid.header):
        grid = _with_surplus(grid)
    header, frame, tail = without_empty_tail(grid.header, grid.frame, grid.header_row)
    names = [name or "" for name in header]
    return replace(grid, header=names, frame=frame, defects=(*grid.defects, *tail))


def _with_surplus(grid: _Grid) -> _Grid:
    """Explain why every record has one cell more than the header has names."""
    last = grid.frame.to_series(-1)
    if last.null_count() == last.len():
        defect = empty_tail(grid.header_row, 1)
        return replace(grid, frame=grid.frame[:, :-1], defects=(*grid.defects, defect))
    first = grid.frame.to_series(0)
    if first.len() > 1 and not first.null_count() and first.n_unique() == first.len():
        return _with_row_names(grid)
    width = len(grid.header)
    surplus = tuple(
        _misfit(grid.row(index), expected=width, found=width + 1, is_last=False)
        for index in range(grid.frame.height)
    )
    return replace(grid, frame=grid.frame[:, :-1], defects=(*grid.defects, *surplus))


def _with_row_names(grid: _Grid) -> _Grid:
    """R writes row names as a first column without a name."""
    name = "row_names"
    while name in grid.header:
        name += "_"
    message = f"the header has one name fewer than the records have cells; {name!r} is the first"
    defect = Defect(grid.header_row, name, DefectKind.UNNAMED_ROW_NAMES, message)
    return replace(grid, header=[name, *grid.header], defects=(*grid.defects, defect))


def _marked(frame: pl.DataFrame, grid: _Grid, text: Text) -> list[Defect]:
    """The cells with bytes that were no text or that no table should hold."""
    defects: list[Defect] = []
    if text.damaged:
        message = f"bytes here are not {text.encoding}; each is shown as U+FFFD"
        defects += _holding(frame, grid, "\ufffd", DefectKind.UNDECODABLE, message)
    if "\0" in text.content:
        defects += _holding(frame, grid, "\0", DefectKind.NUL, "a NUL character stands here")
    return defects


def _holding(
    frame: pl.DataFrame, grid: _Grid, mark: str, kind: DefectKind, message: str
) -> list[Defect]:
    in_names = [
        Defect(grid.header_row, name, kind, message) for name in frame.columns if mark in name
    ]
    in_cells = [
        Defect(grid.row(index), column.name, kind, message)
        for column in frame
        for index in column.str.contains(mark, literal=True).fill_null(value=False).arg_true()
    ]
    return in_names + in_cells


def _assumption(text: Text) -> list[Defect]:
    if not text.assumed:
        return []
    message = (
        f"the text is not UTF-8 and was read as {text.encoding}; "
        "if letters look wrong, name the encoding in the layout"
    )
    return [Defect(None, None, DefectKind.ASSUMED_ENCODING, message)]


def _found(
    layout: Layout, text: Text, dialect: Dialect, grid: _Grid, frame: pl.DataFrame
) -> Layout:
    return Layout(
        encoding=text.encoding,
        delimiter=dialect.delimiter,
        quote=dialect.quote,
        decimal=layout.decimal or detect_decimal(frame.head(1000)),
        header_row=grid.header_row,
    )
