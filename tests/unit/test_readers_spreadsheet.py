"""Workbooks: cells without loss, and what Excel did to them in words."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path

import pytest
import xlsxwriter
from xlsxwriter.worksheet import Worksheet

from haemony.intake.readers import DefectKind, Layout, RawTable, read, tables
from haemony.intake.readers.errors import MissingHeader, NoTable, TooLarge, UnknownTable

Fill = Callable[[xlsxwriter.Workbook, Worksheet], None]


def workbook(folder: Path, fill: Fill, *more: str) -> Path:
    """A workbook with the sheet `clinical`, filled, and empty ones in front of it."""
    path = folder / "study.xlsx"
    with xlsxwriter.Workbook(path) as book:
        for name in more:
            book.add_worksheet(name)
        fill(book, book.add_worksheet("clinical"))
    return path


def column(folder: Path, *cells: object, form: str = "General") -> RawTable:
    """A sheet of an id and one column, every cell in one number format."""

    def fill(book: xlsxwriter.Workbook, sheet: Worksheet) -> None:
        style = book.add_format({"num_format": form})
        sheet.write_row(0, 0, ["id", "x"])
        for row, cell in enumerate(cells, start=1):
            sheet.write(row, 0, f"P{row}")
            sheet.write(row, 1, cell, style)

    return read(workbook(folder, fill))


@pytest.mark.parametrize(
    ("cell", "form", "text"),
    [
        (61, "General", "61"),
        (0.1, "0.0%", "0.1"),
        (1e20, "General", "100000000000000000000"),
        ("001", "General", "001"),
        (" spaced ", "General", " spaced "),
        ("2020-01-01 00:00:00", "General", "2020-01-01 00:00:00"),
        (True, "General", "true"),
        (dt.date(2020, 9, 2), "dd/mm/yyyy", "2020-09-02"),
        (dt.datetime(2020, 9, 2, 3, 4, 5), "dd/mm/yy hh:mm:ss", "2020-09-02T03:04:05"),
        (dt.time(3, 4, 5), "hh:mm:ss", "03:04:05"),
        (dt.timedelta(days=1, hours=3), "[h]:mm:ss", "P1DT3H"),
    ],
)
def test_a_cell_is_read_without_loss(tmp_path: Path, cell: object, form: str, text: str) -> None:
    """The value counts, not how the sheet happens to display it."""
    table = column(tmp_path, cell, form=form)

    assert table.frame["x"].to_list() == [text]
    assert table.defects == ()


def test_dates_among_texts_are_suspicious(tmp_path: Path) -> None:
    """A gene that Excel turned into a date cannot be restored, but it is noticed."""
    table = column(tmp_path, dt.date(2024, 9, 2), "FLT3", form="d-mmm")

    assert table.frame["x"].to_list() == ["2024-09-02", "FLT3"]
    assert [(it.column, it.kind) for it in table.defects] == [("x", DefectKind.DATES_AMONG_OTHERS)]


def test_errors_and_uncalculated_formulas_are_placed(tmp_path: Path) -> None:
    """Cells that show an error or were never calculated are empty and reported."""

    def fill(_: xlsxwriter.Workbook, sheet: Worksheet) -> None:
        sheet.write_row(0, 0, ["id", "ratio"])
        sheet.write_column(1, 0, ["P1", "P2", "P3"])
        sheet.write_formula(1, 1, "=1/0", None, "#DIV/0!")
        sheet.write_formula(2, 1, "=1+1", None, "")
        sheet.write_formula(3, 1, "=1+1", None, 2)

    table = read(workbook(tmp_path, fill))

    assert table.frame["ratio"].to_list() == [None, None, "2"]
    assert [(it.row, it.column, it.kind) for it in table.defects] == [
        (2, "ratio", DefectKind.ERROR_CELL),
        (3, "ratio", DefectKind.UNCALCULATED_FORMULA),
    ]


def test_a_table_may_stand_anywhere_in_its_sheet(tmp_path: Path) -> None:
    """Rows and columns are numbered as the sheet numbers them, blank rows included."""

    def fill(_: xlsxwriter.Workbook, sheet: Worksheet) -> None:
        sheet.write_row(4, 2, ["id", "age"])
        sheet.write_row(5, 2, ["P1", 61])
        sheet.write_row(8, 2, ["P2", 45])
        sheet.write_formula(8, 3, "=1/0", None, "#DIV/0!")

    table = read(workbook(tmp_path, fill))

    assert table.frame["id"].to_list() == ["P1", "P2"]
    assert table.layout.header_row == 5
    assert [table.row_number(index) for index in range(2)] == [6, 9]
    assert [(it.row, it.column) for it in table.defects] == [(9, "age")]


def test_merged_cells_are_reported(tmp_path: Path) -> None:
    """Merging hides which rows a value belongs to."""

    def fill(_: xlsxwriter.Workbook, sheet: Worksheet) -> None:
        sheet.write_row(0, 0, ["centre", "id"])
        sheet.merge_range(1, 0, 2, 0, "Ulm")
        sheet.write_column(1, 1, ["P1", "P2"])

    table = read(workbook(tmp_path, fill))

    assert [(it.row, it.column, it.kind) for it in table.defects] == [
        (2, "centre", DefectKind.MERGED_CELLS)
    ]


def test_names_are_made_unique_and_trailing_columns_dropped(tmp_path: Path) -> None:
    """Headers of a sheet obey the same rules as those of a text."""

    def fill(book: xlsxwriter.Workbook, sheet: Worksheet) -> None:
        sheet.write_row(0, 0, ["id", "id", None, "age"])
        sheet.write_row(1, 0, ["P1", "a", "b", "61"])
        sheet.write_string(1, 4, "")
        sheet.write_blank(1, 5, None, book.add_format({"bold": True}))

    table = read(workbook(tmp_path, fill))

    assert table.frame.columns[:4] == ["id", "id_2", "column_3", "age"]
    assert {it.kind for it in table.defects} >= {DefectKind.DUPLICATE_NAME, DefectKind.EMPTY_NAME}


def test_the_first_sheet_with_content_is_read(tmp_path: Path) -> None:
    """Without a name the first sheet that holds anything is the table."""
    path = workbook(tmp_path, lambda _, sheet: sheet.write_column(0, 0, ["id", "P1"]), "notes")

    assert tables(path) == ("notes", "clinical")
    assert read(path).name == "clinical"
    assert read(path, Layout(table="clinical")).frame.rows() == [("P1",)]


def test_an_absent_sheet_is_named_with_those_present(tmp_path: Path) -> None:
    """The error lists what could have been meant."""
    path = workbook(tmp_path, lambda _, sheet: sheet.write(0, 0, "id"), "notes")

    with pytest.raises(UnknownTable, match="'notes', 'clinical'"):
        read(path, Layout(table="klinisch"))
    with pytest.raises(NoTable, match="notes"):
        read(path, Layout(table="notes"))
    with pytest.raises(MissingHeader):
        read(path, Layout(header_row=7))


def test_a_workbook_without_cells_holds_no_table(tmp_path: Path) -> None:
    """Empty sheets are no tables."""
    with pytest.raises(NoTable, match="clinical"):
        read(workbook(tmp_path, lambda _, __: None))


def test_two_far_off_cells_are_no_reason_to_fill_the_memory(tmp_path: Path) -> None:
    """A sheet spans all between its corners; the span is measured before it is filled in."""

    def fill(_: xlsxwriter.Workbook, sheet: Worksheet) -> None:
        sheet.write(0, 0, "id")
        sheet.write(1_048_575, 16_383, "far")

    with pytest.raises(TooLarge):
        read(workbook(tmp_path, fill))
