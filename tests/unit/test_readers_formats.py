"""Content decides what a file is; whatever cannot be read says why and what to do."""

from __future__ import annotations

import gzip
import os
import zipfile
from importlib import import_module
from pathlib import Path

import polars as pl
import pytest
import xlsxwriter

from haemony.intake.readers import _MODULES, Format, Limits, UnreadableFile, read, recognise
from haemony.intake.readers.errors import (
    DamagedFile,
    ForbiddenFile,
    LegacySpreadsheet,
    MisnamedFile,
    MissingFile,
    NotAFile,
    PasswordProtected,
    TooLarge,
    UnknownFormat,
)
from haemony.model.errors import Exit, HaemonyError

OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


def workbook(path: Path) -> Path:
    """The smallest genuine workbook."""
    with xlsxwriter.Workbook(path) as book:
        book.add_worksheet().write_row(0, 0, ["id"])
    return path


def test_a_workbook_named_csv_says_so(tmp_path: Path) -> None:
    """The content is recognised, and a name that claims something else is refused."""
    path = workbook(tmp_path / "clinical.xlsx").rename(tmp_path / "clinical.csv")

    with pytest.raises(MisnamedFile, match=r"Excel workbook.*\.xlsx"):
        read(path)


def test_text_named_xlsx_says_so(tmp_path: Path) -> None:
    """The same holds the other way round."""
    path = tmp_path / "clinical.xlsx"
    path.write_text("id,age\n1,61\n")

    with pytest.raises(MisnamedFile, match=r"delimited text.*\.csv"):
        read(path)


@pytest.mark.parametrize("name", ["clinical", "clinical.dat", "clinical.maf"])
def test_an_unknown_extension_is_no_obstacle(tmp_path: Path, name: str) -> None:
    """A name that claims nothing is not held against the content."""
    path = tmp_path / name
    path.write_text("id,age\n1,61\n")

    assert recognise(path) is Format.DELIMITED
    assert read(path).frame.rows() == [("1", "61")]


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (OLE + bytes(600), LegacySpreadsheet),
        (OLE + bytes(600) + "EncryptedPackage".encode("utf-16-le"), PasswordProtected),
        (b"PARE" + bytes(100), PasswordProtected),
        (b"%PDF-1.7\n", UnknownFormat),
        (bytes(range(256)) * 8, UnknownFormat),
        (b"PK\x03\x04garbage", DamagedFile),
        (b"\x1f\x8bgarbage", DamagedFile),
        (gzip.compress(b"id,age\n" * 1000, mtime=0)[:-20], DamagedFile),
    ],
)
def test_the_unreadable_is_named(
    tmp_path: Path, content: bytes, error: type[UnreadableFile]
) -> None:
    """Each kind of unreadable content has its own error, which names the file."""
    path = tmp_path / "clinical"
    path.write_bytes(content)

    with pytest.raises(error, match="clinical"):
        read(path)


@pytest.mark.parametrize(
    ("member", "error"),
    [
        ("content.xml", LegacySpreadsheet),
        ("xl/workbook.bin", LegacySpreadsheet),
        ("notes.txt", UnknownFormat),
    ],
)
def test_an_archive_is_not_a_workbook(
    tmp_path: Path, member: str, error: type[UnreadableFile]
) -> None:
    """OpenDocument, binary workbooks and plain archives are told apart."""
    path = tmp_path / "clinical.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(member, "x")

    with pytest.raises(error):
        read(path)


@pytest.mark.parametrize("extension", ["sav", "dta", "sas7bdat", "xpt", "rds", "parquet", "xlsx"])
def test_garbage_under_a_known_name_is_damaged(tmp_path: Path, extension: str) -> None:
    """Bytes without a signature are a damaged file of the claimed format."""
    path = tmp_path / f"clinical.{extension}"
    path.write_bytes(bytes(range(256)) * 8)

    with pytest.raises(DamagedFile):
        read(path)


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    """Folders, links, pipes and absent files never reach a reader."""
    (tmp_path / "real.csv").write_text("id\n1\n")
    (tmp_path / "link.csv").symlink_to(tmp_path / "real.csv")
    os.mkfifo(tmp_path / "pipe.csv")

    for path in (tmp_path, tmp_path / "link.csv", tmp_path / "pipe.csv"):
        with pytest.raises(NotAFile):
            read(path)
    with pytest.raises(MissingFile):
        read(tmp_path / "absent.csv")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_forbidden_file_is_a_matter_of_the_machine(tmp_path: Path) -> None:
    """A missing permission is the environment's fault, not the file's."""
    path = tmp_path / "clinical.csv"
    path.write_text("id\n1\n")
    path.chmod(0)

    with pytest.raises(ForbiddenFile) as refused:
        read(path)
    assert refused.value.exit_code is Exit.ENVIRONMENT


def test_a_compressed_bomb_is_not_unpacked(tmp_path: Path) -> None:
    """A text that expands beyond its limits is refused while it expands."""
    path = tmp_path / "clinical.csv.gz"
    path.write_bytes(gzip.compress(b"id,age\n" + b"1,61\n" * 1_000_000))

    with pytest.raises(TooLarge):
        read(path, limits=Limits(expanded=1_000_000))


def test_a_workbook_bomb_is_not_opened(tmp_path: Path) -> None:
    """The archive's own directory tells that it would expand a thousandfold."""
    path = workbook(tmp_path / "clinical.xlsx")
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/worksheets/sheet2.xml", bytes(20_000_000))

    with pytest.raises(TooLarge):
        read(path)


def test_a_parquet_bomb_is_not_read(tmp_path: Path) -> None:
    """Run-length encoding packs a billion cells into nothing; their number tells."""
    path = tmp_path / "clinical.parquet"
    pl.DataFrame({"id": pl.repeat(1, 1_000_000, eager=True)}).write_parquet(path)

    with pytest.raises(TooLarge):
        read(path, limits=Limits(expanded=1_000_000))


def test_a_genuine_file_may_be_well_compressed(tmp_path: Path) -> None:
    """The ratio alone condemns no small file."""
    path = tmp_path / "clinical.csv.gz"
    path.write_bytes(gzip.compress(b"id,age\n" + b"1,61\n" * 100_000))

    assert read(path).frame.height == 100_000


def test_every_error_belongs_to_the_tree() -> None:
    """Callers catch one class."""
    assert issubclass(UnreadableFile, HaemonyError)


@pytest.mark.parametrize("form", Format)
def test_every_format_has_a_reader(form: Format) -> None:
    """No format is recognised that nobody reads."""
    module = import_module(f"haemony.intake.readers.{_MODULES[form]}")

    assert callable(module.read)
    assert callable(module.tables)
