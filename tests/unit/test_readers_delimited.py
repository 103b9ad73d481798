"""Delimited text: every cell as it was written, every oddity reported."""

from __future__ import annotations

import gzip
from pathlib import Path

import polars as pl
import pytest

from haemony.intake.readers import DefectKind, Layout, RawTable, read
from haemony.intake.readers.errors import EmptyFile, InvalidLayout, MissingHeader, OversizedCell


def written(folder: Path, text: str | bytes, name: str = "clinical.csv") -> Path:
    """A file of exactly this content."""
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def found(table: RawTable) -> list[tuple[int | None, str | None, DefectKind]]:
    """Where each defect is, and of which kind."""
    return [(defect.row, defect.column, defect.kind) for defect in table.defects]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|", "^", "~", ":"])
def test_any_delimiter_is_found(tmp_path: Path, delimiter: str) -> None:
    """The delimiter that cuts header and records alike is the delimiter."""
    text = "\n".join(delimiter.join(row) for row in (["id", "sex"], ["1", "f"], ["2", "m"]))

    table = read(written(tmp_path, text))

    assert table.frame.rows() == [("1", "f"), ("2", "m")]
    assert table.layout.delimiter == delimiter
    assert table.defects == ()


@pytest.mark.parametrize(
    ("encoding", "mark"),
    [
        ("utf-8", b""),
        ("utf-8", b"\xef\xbb\xbf"),
        ("utf-16-le", b"\xff\xfe"),
        ("utf-16-be", b"\xfe\xff"),
        ("utf-16-le", b""),
        ("utf-16-be", b""),
    ],
)
def test_unicode_needs_no_layout(tmp_path: Path, encoding: str, mark: bytes) -> None:
    """UTF-8 and UTF-16 are recognised with and without a byte order mark."""
    path = written(tmp_path, mark + "id,Größe\n1,groß\n".encode(encoding))

    table = read(path)

    assert table.frame.to_dict(as_series=False) == {"id": ["1"], "Größe": ["groß"]}
    assert table.layout.encoding == encoding
    assert table.defects == ()


@pytest.mark.parametrize(
    ("data", "encoding", "cell"),
    [
        (b"id,x\n1,gro\xdf \x80\n", "windows-1252", "groß €"),
        (b"id,x\n1,\xe4\x81\n", "iso-8859-1", "ä\x81"),
    ],
)
def test_an_assumed_encoding_is_said(tmp_path: Path, data: bytes, encoding: str, cell: str) -> None:
    """Where every byte is valid the encoding is an assumption, and the table says so."""
    table = read(written(tmp_path, data))

    assert table.frame["x"].to_list() == [cell]
    assert table.layout.encoding == encoding
    assert found(table) == [(None, None, DefectKind.ASSUMED_ENCODING)]


def test_a_given_encoding_is_no_assumption(tmp_path: Path) -> None:
    """What the layout states is taken as stated."""
    path = written(tmp_path, "id,x\n1,ß\n".encode("cp1252"))

    table = read(path, Layout(encoding="windows-1252"))

    assert table.frame["x"].to_list() == ["ß"]
    assert table.defects == ()


def test_undecodable_bytes_are_placed(tmp_path: Path) -> None:
    """Broken bytes in a UTF-8 file are shown as U+FFFD and reported where they stand."""
    path = written(tmp_path, "id,name\n1,Jürgen Größe\n2,Zoë Müß\n".encode() + b"3,\xff\n")

    table = read(path)

    assert table.layout.encoding == "utf-8"
    assert table.frame["name"].to_list()[2] == "\ufffd"
    assert found(table) == [(4, "name", DefectKind.UNDECODABLE)]


def test_a_letter_cut_in_half_does_not_change_the_encoding(tmp_path: Path) -> None:
    """A file that ends within a UTF-8 sequence is still UTF-8."""
    table = read(written(tmp_path, "id,x\n1,ü\n2,ü\n3,ü".encode()[:-1]))

    assert table.frame["x"].to_list() == ["ü", "ü", "\ufffd"]
    assert found(table) == [(4, "x", DefectKind.UNDECODABLE)]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_every_line_end_is_read(tmp_path: Path, end: str) -> None:
    """LF, CRLF and bare CR end a line alike."""
    table = read(written(tmp_path, end.join(["id,sex", "1,f", "2,m", ""])))

    assert table.frame.rows() == [("1", "f"), ("2", "m")]
    assert table.defects == ()


def test_mixed_line_ends_are_read(tmp_path: Path) -> None:
    """A file that was stitched together keeps all its records."""
    table = read(written(tmp_path, "id,sex\r\n1,f\n2,m\r3,f"))

    assert table.frame["id"].to_list() == ["1", "2", "3"]


@pytest.mark.parametrize("inner", ["\n", "\r\n", "\r"])
def test_a_line_break_in_quotes_belongs_to_the_cell(tmp_path: Path, inner: str) -> None:
    """Line breaks inside quotes stay as they are, and rows are counted as records."""
    karyotype = f"46,XX[10]{inner}/47,XX,+8[5]"
    path = written(tmp_path, f'id\tkaryotype\n1\t"{karyotype}"\n2\t"46,XY"\n', "k.tsv")

    table = read(path)

    assert table.frame["karyotype"].to_list() == [karyotype, "46,XY"]
    assert [table.row_number(index) for index in range(2)] == [2, 3]


def test_decimal_commas_are_recorded_not_rewritten(tmp_path: Path) -> None:
    """The text of a number stays; the layout tells which mark it uses."""
    table = read(written(tmp_path, "id;wbc\n1;3,5\n2;12,25\n"))

    assert table.frame["wbc"].to_list() == ["3,5", "12,25"]
    assert table.layout.decimal == ","


def test_an_empty_cell_is_null(tmp_path: Path) -> None:
    """Nothing between delimiters, or between quotes, is an empty cell; a space is not."""
    table = read(written(tmp_path, 'id,a,b,c\n1,,"", \n'))

    assert table.frame.row(0) == ("1", None, None, " ")


def test_ragged_rows_stay_and_are_all_reported(tmp_path: Path) -> None:
    """No record is dropped, and no surplus cell is glued to another."""
    table = read(written(tmp_path, "id,a,b\n1,x\n2,x,y,z\n3,x,y\n4,x\n5,p,q\n"))

    assert table.frame.height == 5
    assert table.frame.row(1) == ("2", "x", "y")
    assert found(table) == [
        (2, None, DefectKind.TOO_FEW_CELLS),
        (3, None, DefectKind.TOO_MANY_CELLS),
        (5, None, DefectKind.TOO_FEW_CELLS),
    ]
    assert "3 cells expected, 4 found" in table.defects[1].message


def test_a_short_last_record_looks_cut_off(tmp_path: Path) -> None:
    """A file that ends in the middle of a record says so."""
    table = read(written(tmp_path, "id,a,b\n1,x,y\n2,x"))

    assert table.frame.row(1) == ("2", "x", None)
    assert found(table) == [(3, None, DefectKind.CUT_OFF)]


def test_an_unterminated_quote_names_its_row(tmp_path: Path) -> None:
    """What a forgotten quote swallowed is still there, and the row is named."""
    table = read(written(tmp_path, 'id,note\n1,fine\n2,"open\n3,lost\n'))

    assert table.frame["note"].to_list() == ["fine", "open\n3,lost\n"]
    assert found(table) == [(3, None, DefectKind.UNTERMINATED_QUOTE)]


def test_a_quote_that_swallows_the_file_is_refused(tmp_path: Path) -> None:
    """A cell of a megabyte is no cell; the error names the row to look at."""
    path = written(tmp_path, 'id,note\n1,"open\n' + "2,lost\n" * 100_000)

    with pytest.raises(OversizedCell, match="row 2"):
        read(path)


def test_names_are_made_unique_and_whole(tmp_path: Path) -> None:
    """Repeated and missing names are replaced the same way every time."""
    table = read(written(tmp_path, "id,,id,id_2\n1,2,3,4\n"))

    assert table.frame.columns == ["id", "column_2", "id_3", "id_2"]
    assert found(table) == [
        (1, "column_2", DefectKind.EMPTY_NAME),
        (1, "id_3", DefectKind.DUPLICATE_NAME),
    ]


@pytest.mark.parametrize(
    "text", ["id,a,,\n1,x,,\n2,y,,\n", "id,a,,\n1,x\n2,y\n", "id,a\n1,x,\n2,y,\n"]
)
def test_empty_trailing_columns_are_left_out(tmp_path: Path, text: str) -> None:
    """Columns without a name and without a value are no columns."""
    table = read(written(tmp_path, text))

    assert table.frame.to_dict(as_series=False) == {"id": ["1", "2"], "a": ["x", "y"]}
    assert found(table) == [(1, None, DefectKind.EMPTY_TRAILING_COLUMNS)]
    assert table.defects[0].kind.is_notice


def test_row_names_of_r_become_a_column(tmp_path: Path) -> None:
    """R writes row names without a name for them; they are kept as a column."""
    table = read(written(tmp_path, "age,sex\nP1,61,f\nP2,45,m\n"))

    assert table.frame.columns == ["row_names", "age", "sex"]
    assert found(table) == [(1, "row_names", DefectKind.UNNAMED_ROW_NAMES)]


def test_blank_lines_count_as_rows_but_are_no_records(tmp_path: Path) -> None:
    """Row numbers are those of a spreadsheet, which shows blank lines."""
    table = read(written(tmp_path, "\nid,a\n1,x\n\n\n2,y\n\n"))

    assert table.layout.header_row == 2
    assert [table.row_number(index) for index in range(2)] == [3, 6]
    assert found(table) == [(4, None, DefectKind.BLANK_LINE), (5, None, DefectKind.BLANK_LINE)]


def test_a_long_file_is_read_the_same_either_way(tmp_path: Path) -> None:
    """What is fast and what is exact agree on a file of many blocks."""
    lines = [f'{row},"cell, {row}",{"x" * (row % 90)}' for row in range(20_000)]
    plain = written(tmp_path, "\n".join(["id,note,fill", *lines]), "plain.csv")
    other = written(tmp_path, "\r".join(["id,note,fill", *lines]), "other.csv")

    assert read(plain).frame.equals(read(other).frame)


def test_one_column_needs_no_delimiter(tmp_path: Path) -> None:
    """A table of one column is not cut at the commas of its values; blanks are empty cells."""
    table = read(written(tmp_path, "karyotype\n46,XX\n\n46,XY,t(8;21)\n"))

    assert table.frame["karyotype"].to_list() == ["46,XX", None, "46,XY,t(8;21)"]
    assert table.defects == ()


def test_a_header_alone_is_a_table_without_rows(tmp_path: Path) -> None:
    """A table may be empty; a file may not."""
    table = read(written(tmp_path, "id,age\n"))

    assert table.frame.schema == {"id": pl.String, "age": pl.String}
    assert table.frame.height == 0


@pytest.mark.parametrize("content", [b"", b"\xef\xbb\xbf", b"\r\n\r\n", b"  \n"])
def test_an_empty_file_is_refused(tmp_path: Path, content: bytes) -> None:
    """A file without a single name is empty, whatever white space it holds."""
    with pytest.raises(EmptyFile, match=r"clinical\.csv"):
        read(written(tmp_path, content))


def test_ten_thousand_columns_are_read(tmp_path: Path) -> None:
    """Width is no obstacle."""
    names = [f"gene{number}" for number in range(10_000)]

    table = read(written(tmp_path, ",".join(names) + "\n" + ",".join("1" for _ in names) + "\n"))

    assert table.frame.shape == (1, 10_000)


def test_excels_separator_line_is_obeyed(tmp_path: Path) -> None:
    """`sep=;` is an instruction to the reader and no header; reading again changes nothing."""
    path = written(tmp_path, "sep=;\r\nid;note\r\n1;a,b\r\n")

    table = read(path)

    assert table.frame.rows() == [("1", "a,b")]
    assert table.layout.delimiter == ";"
    assert table.row_number(0) == 2
    assert read(path, table.layout).frame.equals(table.frame)


def test_a_title_above_the_header_is_suspected(tmp_path: Path) -> None:
    """Nothing is guessed: the table tells how to read it, and the layout decides."""
    path = written(tmp_path, "Report of the trial\nid,age\n1,61\n2,45\n")

    guessed, told = read(path), read(path, Layout(header_row=2))

    assert found(guessed) == [(1, None, DefectKind.TITLE_ABOVE_HEADER)]
    assert told.frame.columns == ["id", "age"]
    assert told.row_number(0) == 3


def test_a_header_row_beyond_the_file_is_refused(tmp_path: Path) -> None:
    """A layout that points into nothing is corrected by its author."""
    with pytest.raises(MissingHeader, match="row 9"):
        read(written(tmp_path, "id,age\n1,61\n"), Layout(header_row=9))


def test_two_equally_good_delimiters_are_reported(tmp_path: Path) -> None:
    """Where two delimiters explain the file alike, somebody has to choose."""
    path = written(tmp_path, "gene,protein;score\nNPM1,p.W288fs;3\nFLT3,p.D835Y;4\n")

    assert found(read(path)) == [(None, None, DefectKind.AMBIGUOUS_DELIMITER)]
    assert read(path, Layout(delimiter=",")).defects == ()


def test_nul_characters_are_reported(tmp_path: Path) -> None:
    """A NUL stays in its cell and is placed."""
    table = read(written(tmp_path, "id,note\n1,fine and well\n2,a\0b\n"))

    assert table.frame["note"].to_list() == ["fine and well", "a\0b"]
    assert found(table) == [(3, "note", DefectKind.NUL)]


def test_single_quotes_around_the_header_quote_the_file(tmp_path: Path) -> None:
    """Some exports quote with apostrophes."""
    table = read(written(tmp_path, "'id','note'\n'1','a,b'\n"))

    assert table.frame.row(0) == ("1", "a,b")
    assert table.layout.quote == "'"


def test_a_quote_may_be_switched_off(tmp_path: Path) -> None:
    """Where nothing is quoted, a quote is a character like any other."""
    table = read(written(tmp_path, 'id,size\n1,"5\n2,6"\n'), Layout(quote=""))

    assert table.frame["size"].to_list() == ['"5', '6"']


def test_gzip_is_looked_through(tmp_path: Path) -> None:
    """A compressed text is the text."""
    path = written(tmp_path, gzip.compress(b"id,age\n1,61\n"), "clinical.csv.gz")

    table = read(path)

    assert table.name == "clinical"
    assert table.frame.rows() == [("1", "61")]


@pytest.mark.parametrize(
    "wrong",
    [
        {"encoding": "klingon"},
        {"encoding": "base64"},
        {"encoding": "idna"},
        {"delimiter": "ab"},
        {"delimiter": "\n"},
        {"delimiter": "'", "quote": "'"},
        {"decimal": ";"},
        {"header_row": 0},
    ],
)
def test_an_impossible_layout_is_refused_at_birth(wrong: dict[str, str | int]) -> None:
    """A layout that cannot be meant never reaches a file."""
    with pytest.raises(InvalidLayout, match=next(reversed(wrong))):
        Layout(**wrong)  # type: ignore[arg-type]
