"""Laws of reading that hold for every table, dialect and garbage."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import hypothesis.strategies as st
import pytest
from hypothesis import example, given, settings

from haemony.intake.readers import Layout, read
from haemony.intake.readers.delimited import _exact, _plain
from haemony.intake.readers.dialect import Dialect
from haemony.model.errors import HaemonyError

ENCODINGS = ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252", "latin-1"]
EXTENSIONS = [
    "csv",
    "tsv",
    "txt",
    "xlsx",
    "parquet",
    "xpt",
    "sas7bdat",
    "sav",
    "zsav",
    "por",
    "dta",
    "RData",
    "rda",
    "rds",
    "csv.gz",
    "dat",
]
SIGNATURES = [
    *(b"", b"PK\x03\x04", b"PAR1", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", b"\x1f\x8b\x08\x00"),
    *(b"BZh9", b"\xfd7zXZ\x00", b"RDX3\nX\n\0\0\0\3", b"X\n\0\0\0\2\0", b"A\n2\n1\n", b"\xff\xfe"),
]


def cells(encoding: str = "utf-8") -> st.SearchStrategy[str]:
    """Texts that the encoding can hold, with more quotes, breaks and marks than usual."""
    plain = st.characters(codec=encoding, exclude_characters="\0")
    return st.text(st.one_of(st.sampled_from("\"',;\t|\r\n 1a"), plain), max_size=6)


@st.composite
def tables(draw: st.DrawFn, encoding: str) -> list[list[str]]:
    """A header of unique names and records of its width."""
    width = draw(st.integers(2, 5))
    names = st.text(st.sampled_from("abcdefgh ,;\"'\n"), min_size=1, max_size=4)
    header = draw(st.lists(names.filter(str.strip), min_size=width, max_size=width, unique=True))
    records = st.lists(cells(encoding), min_size=width, max_size=width)
    return [header, *draw(st.lists(records, max_size=6))]


def _quotings(table: list[list[str]]) -> list[int]:
    """The csv module leaves a line break unquoted that is not the one it writes."""
    breaks = any(mark in cell for row in table for cell in row for mark in "\r\n")
    return [csv.QUOTE_ALL] if breaks else [csv.QUOTE_MINIMAL, csv.QUOTE_ALL]


@given(data=st.data())
def test_what_the_csv_module_writes_is_read_back(tmp_path: Path, data: st.DataObject) -> None:
    """Whatever the dialect, the encoding and the line end: the same cells come back."""
    encoding = data.draw(st.sampled_from(ENCODINGS))
    table = data.draw(tables(encoding.removesuffix("-sig")))
    delimiter, quote = data.draw(st.sampled_from(",;\t|^")), data.draw(st.sampled_from("\"'"))
    stream = io.StringIO(newline="")
    writer = csv.writer(
        stream,
        delimiter=delimiter,
        quotechar=quote,
        lineterminator=data.draw(st.sampled_from(["\n", "\r\n", "\r"])),
        quoting=data.draw(st.sampled_from(_quotings(table))),
    )
    writer.writerows(table)
    path = tmp_path / "table.csv"
    path.write_bytes(stream.getvalue().encode(encoding))

    raw = read(path, Layout(encoding=encoding, delimiter=delimiter, quote=quote))

    assert raw.frame.columns == table[0]
    assert [[cell or "" for cell in row] for row in raw.frame.rows()] == table[1:]
    assert raw.defects == ()


@settings(max_examples=300, deadline=None)
@given(
    text=st.text(st.sampled_from('ab1"\n\r,; é'), max_size=40),
    delimiter=st.sampled_from(",;"),
    quote=st.sampled_from(['"', ""]),
)
@example('a,b\n"1","2"\n', ",", '"')
@example('a,b\r\n"1""",2\r\n', ",", '"')
def test_the_fast_way_is_the_exact_way(text: str, delimiter: str, quote: str) -> None:
    """Wherever the fast way dares to answer, the csv module gives the same answer."""
    dialect = Dialect(delimiter, quote)

    fast = _plain(text, dialect, Layout())

    if fast is not None:
        exact = _exact(text, dialect, Layout(), Path("table.csv"))
        assert fast.header == exact.header
        assert fast.frame.rows() == exact.frame.rows()
        assert exact.defects == ()


@given(rows=st.lists(st.lists(st.sampled_from(["61", "f", "", "46,XX"]), max_size=5), max_size=8))
def test_no_record_vanishes(tmp_path: Path, rows: list[list[str]]) -> None:
    """However ragged a file is, every record with a cell has a row and a number of its own."""
    path = tmp_path / "table.csv"
    with path.open("w", newline="") as file:
        csv.writer(file, delimiter=";").writerows([["id", "age", "sex"], *rows])

    raw = read(path, Layout(delimiter=";"))

    numbers = [raw.row_number(index) for index in range(raw.frame.height)]
    assert numbers == [row for row, cells in enumerate(rows, start=2) if cells]


@pytest.mark.parametrize("extension", EXTENSIONS)
@given(signature=st.sampled_from(SIGNATURES), garbage=st.binary(max_size=300))
def test_garbage_is_refused_or_read_but_never_breaks(
    tmp_path: Path, extension: str, signature: bytes, garbage: bytes
) -> None:
    """Random bytes under any name end in a table or in an error that helps."""
    path = tmp_path / f"garbage.{extension}"
    path.write_bytes(signature + garbage)

    try:
        read(path)
    except HaemonyError as refusal:
        assert path.name in str(refusal)
