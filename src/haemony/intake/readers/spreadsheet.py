"""Excel workbooks: what their cells hold, and what Excel did to it.

Cells come through calamine. What it does not tell (errors, formulas that were never calculated,
merged cells) is looked up in the sheet's own XML.
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import fastexcel
import polars as pl

from haemony.intake.readers.cells import as_text, empty_as_null
from haemony.intake.readers.errors import DamagedFile, MissingHeader, NoTable, UnknownTable
from haemony.intake.readers.headers import unique_names, without_empty_tail
from haemony.intake.readers.limits import Limits
from haemony.intake.readers.sheetxml import extent, flaws, sheet_xml
from haemony.intake.readers.table import Defect, DefectKind, Layout, RawTable

_FORM = "Excel workbook"
_MOMENT = r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d+)?$"


def tables(path: Path, limits: Limits) -> tuple[str, ...]:
    """The workbook's sheets, in its order."""
    return tuple(_open(path, limits).sheet_names)


def read(path: Path, layout: Layout, limits: Limits) -> RawTable:
    """Read one sheet; without a name in the layout, the first that is not empty."""
    sheet = _sheet(path, _open(path, limits), layout, limits)
    body, mixed = _with_iso_dates(sheet)
    body, blank_before = _without_blank_rows(body)
    header, body, tail = without_empty_tail(sheet.header, body, sheet.header_row)
    names, renamed = unique_names(header, sheet.header_row)
    body = body.rename(dict(zip(body.columns, names, strict=True)))
    defects = [*tail, *renamed, *_mixed(sheet, mixed, names), *_flaws(sheet, names)]
    return RawTable(
        name=sheet.name,
        path=path,
        frame=body,
        layout=Layout(table=sheet.name, header_row=sheet.header_row),
        defects=tuple(sorted(defects, key=lambda defect: defect.row or 0)),
        blank_before=blank_before,
    )


def _open(path: Path, limits: Limits) -> fastexcel.ExcelReader:
    try:
        with zipfile.ZipFile(path) as archive:
            limits.check(path, sum(member.file_size for member in archive.infolist()))
            if archive.testzip() is not None:
                raise DamagedFile(path, _FORM)
        return fastexcel.read_excel(path)
    except _FAULTS as error:
        raise DamagedFile(path, _FORM) from error


_FAULTS = (
    fastexcel.FastExcelError,
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    NotImplementedError,
    OSError,
    RuntimeError,
    ValueError,
)


@dataclass(frozen=True, slots=True)
class _Sheet:
    """One sheet as calamine reads it.

    Args:
        cells: Every cell as text, from the sheet's first row on.
        first_column: Where the first column of `cells` stands in the sheet.
        header_row: The row that names the columns, counted from 1.
    """

    path: Path
    reader: fastexcel.ExcelReader
    name: str
    cells: pl.DataFrame
    first_column: int
    header_row: int = 1

    @property
    def header(self) -> list[str | None]:
        return list(self.cells.row(self.header_row - 1))


def _sheet(path: Path, reader: fastexcel.ExcelReader, layout: Layout, limits: Limits) -> _Sheet:
    names = reader.sheet_names
    if layout.table is not None and layout.table not in names:
        raise UnknownTable(path, layout.table, names)
    wanted = names if layout.table is None else [layout.table]
    for name in wanted:
        limits.check_cells(path, *extent(sheet_xml(path, name)))
        sheet = _loaded(path, reader, name)
        filled = _filled(sheet.cells)
        if filled.any():
            return _with_header(sheet, layout, filled)
    raise NoTable(path, [f"the empty sheet {name!r}" for name in wanted])


def _loaded(path: Path, reader: fastexcel.ExcelReader, name: str) -> _Sheet:
    try:
        loaded = reader.load_sheet(name, header_row=None, skip_rows=0, dtypes="string")
        columns = loaded.available_columns()
        cells = pl.DataFrame([empty_as_null(column) for column in loaded.to_polars()])
    except (*_FAULTS, pl.exceptions.PolarsError) as error:
        raise DamagedFile(path, _FORM) from error
    return _Sheet(path, reader, name, cells, columns[0].absolute_index if columns else 0)


def _with_header(sheet: _Sheet, layout: Layout, filled: pl.Series) -> _Sheet:
    header_row = layout.header_row or filled.to_list().index(True) + 1
    if header_row > filled.len() or not filled[header_row - 1]:
        raise MissingHeader(sheet.path, header_row)
    return replace(sheet, header_row=header_row)


def _filled(cells: pl.DataFrame) -> pl.Series:
    """Which rows hold anything."""
    return cells.select(pl.any_horizontal(pl.all().is_not_null())).to_series()


def _without_blank_rows(body: pl.DataFrame) -> tuple[pl.DataFrame, tuple[int, ...]]:
    """Set blank rows aside; in a table of one column they are records with an empty cell."""
    filled = _filled(body)
    last = filled.arg_true().max()
    body, filled = body[: _after(last)], filled[: _after(last)]
    if body.width == 1:
        return body, ()
    blank_before = (filled.cum_sum()).filter(~filled).to_list()
    return body.filter(filled), tuple(blank_before)


def _after(index: object) -> int:
    return index + 1 if isinstance(index, int) else 0


def _with_iso_dates(sheet: _Sheet) -> tuple[pl.DataFrame, list[int]]:
    """Write dates in ISO 8601, and find the columns that mix them with other values."""
    columns = list(sheet.cells[sheet.header_row :])
    places = [it for it, column in enumerate(columns) if column.str.contains(_MOMENT).any()]
    mixed = []
    for place, typed in zip(places, _typed(sheet, places), strict=True):
        columns[place] = _moments(columns[place], typed)
        if typed is None:
            mixed.append(place)
    return pl.DataFrame(columns), mixed


def _typed(sheet: _Sheet, places: list[int]) -> list[pl.Series | None]:
    """Columns in the one type that all their cells have; None where they have several."""
    if not places:
        return []
    try:
        loaded = sheet.reader.load_sheet(
            sheet.name,
            header_row=None,
            skip_rows=sheet.header_row,
            schema_sample_rows=None,
            dtype_coercion="strict",
            use_columns=[sheet.first_column + place for place in places],
        )
    except fastexcel.UnsupportedColumnTypeCombinationError:
        if len(places) == 1:
            return [None]
        return [_typed(sheet, [place])[0] for place in places]
    return list(loaded.to_polars())


def _moments(texts: pl.Series, typed: pl.Series | None) -> pl.Series:
    if typed is not None and typed.dtype == pl.String:
        return texts
    if typed is not None and isinstance(typed.dtype, pl.Duration):
        return as_text(typed).alias(texts.name)
    return _iso(texts)


def _iso(column: pl.Series) -> pl.Series:
    """Dates without a time where all are at midnight, times without a date where none has one."""
    is_moment = column.str.contains(_MOMENT).fill_null(value=False)
    moments = column.filter(is_moment)
    if moments.str.ends_with(" 00:00:00").all():
        written = column.str.slice(0, 10)
    elif moments.str.starts_with("1899-12-3").all():
        written = column.str.slice(11)
    else:
        written = column.str.replace(" ", "T", literal=True)
    return written.zip_with(is_moment, column)


def _mixed(sheet: _Sheet, places: list[int], names: list[str]) -> Iterator[Defect]:
    message = (
        "dates stand among other values; Excel turns texts such as gene names into dates, "
        "compare the column with its source"
    )
    for place in places:
        yield Defect(sheet.header_row, names[place], DefectKind.DATES_AMONG_OTHERS, message)


def _flaws(sheet: _Sheet, names: list[str]) -> Iterator[Defect]:
    """What only the sheet's XML tells."""
    for flaw in flaws(sheet_xml(sheet.path, sheet.name)):
        index = flaw.column - sheet.first_column
        name = names[index] if flaw.row is not None and 0 <= index < len(names) else None
        yield Defect(flaw.row, name, flaw.kind, flaw.message)
