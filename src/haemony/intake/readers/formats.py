"""Which format a file really has: its content decides, its name only claims."""

from __future__ import annotations

import lzma
import re
import stat
import zipfile
import zlib
from enum import StrEnum
from pathlib import Path

from haemony.intake.readers.encoding import looks_binary
from haemony.intake.readers.errors import (
    DamagedFile,
    EmptyFile,
    ForbiddenFile,
    LegacySpreadsheet,
    MisnamedFile,
    MissingFile,
    NotAFile,
    PasswordProtected,
    UnknownFormat,
)
from haemony.intake.readers.limits import open_unpacked

_HEAD = 4096


class Format(StrEnum):
    """A family of formats that one reader reads."""

    DELIMITED = "delimited text"
    XLSX = "Excel workbook"
    PARQUET = "Parquet"
    XPORT = "SAS transport file"
    SAS = "SAS data set"
    SAV = "SPSS file"
    POR = "SPSS portable file"
    STATA = "Stata file"
    R = "R data"
    VCF = "VCF"
    MAF = "MAF with comment lines"


_SUFFIXES = {
    ".csv": Format.DELIMITED,
    ".tsv": Format.DELIMITED,
    ".tab": Format.DELIMITED,
    ".txt": Format.DELIMITED,
    ".xlsx": Format.XLSX,
    ".xlsm": Format.XLSX,
    ".parquet": Format.PARQUET,
    ".xpt": Format.XPORT,
    ".sas7bdat": Format.SAS,
    ".sav": Format.SAV,
    ".zsav": Format.SAV,
    ".por": Format.POR,
    ".dta": Format.STATA,
    ".rdata": Format.R,
    ".rda": Format.R,
    ".rds": Format.R,
    ".vcf": Format.VCF,
}
_COMPRESSIONS = {".gz", ".bz2", ".xz"}

_SIGNATURES = (
    (b"PAR1", Format.PARQUET),
    (b"HEADER RECORD*******LIB", Format.XPORT),
    (bytes(12) + b"\xc2\xea\x81\x60\xb3\x14\x11\xcf\xbd\x92\x08\x00", Format.SAS),
    (b"$FL2", Format.SAV),
    (b"$FL3", Format.SAV),
    (b"<stata_dta>", Format.STATA),
    (b"##fileformat=VCF", Format.VCF),
)
_OLD_STATA = re.compile(rb"[\x69\x6c\x6e\x6f\x71-\x73][\x01\x02]\x01\x00", re.DOTALL)
_R = re.compile(rb"RD[AX][23]\n|X\n\0\0\0[\2\3]\0|A\n[23]\n[0-9]+\n|B\n[\2\3]\0\0\0")
_MAF = re.compile(rb"(?:\xef\xbb\xbf)?(?:#[^\n]*\n)+[^\n]*\bHugo_Symbol\t")
_PORTABLE = b"SPSS PORT FILE"
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ENCRYPTED_OFFICE = "EncryptedPackage".encode("utf-16-le")
_FOREIGN = ((b"%PDF", "a PDF document"), (b"\x89PNG", "an image"), (b"SQLite format 3", "SQLite"))


def recognise(path: Path) -> Format:
    """Find the format of a file from its content, and hold its name against it.

    Content without any known signature is taken for delimited text.

    Raises:
        UnreadableFile: There is no readable file, or it is none of the formats read here.
    """
    head = _head(path)
    found = _by_signature(path, head) or _text(path, head)
    claimed = claimed_format(path)
    is_text = claimed is Format.DELIMITED and found is Format.MAF
    if claimed not in {None, found} and not is_text:
        raise MisnamedFile(path, claimed=claimed, found=found, suffix=_suffix(found))
    return found


def claimed_format(path: Path) -> Format | None:
    """The format that the file's name claims, if it claims any.

    >>> claimed_format(Path("clinical.csv.gz")), claimed_format(Path("clinical"))
    (<Format.DELIMITED: 'delimited text'>, None)
    """
    inner = path.with_suffix("") if path.suffix.lower() in _COMPRESSIONS else path
    return _SUFFIXES.get(inner.suffix.lower())


def _suffix(found: Format) -> str:
    if found is Format.MAF:  # not among the suffixes: a MAF without comments is plain text
        return ".maf"
    return next(suffix for suffix, form in _SUFFIXES.items() if form is found)


def _head(path: Path) -> bytes:
    """The first bytes of the content, unpacked if they are compressed."""
    try:
        _check_regular(path)
        with open_unpacked(path) as stream:
            head = stream.read(_HEAD)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise MissingFile(path) from error
    except (EOFError, lzma.LZMAError, zlib.error) as error:
        raise DamagedFile(path, "compressed file") from error
    except OSError as error:
        if error.errno is None:  # gzip and bz2 report broken content as an OSError of their own
            raise DamagedFile(path, "compressed file") from error
        raise ForbiddenFile(path, error.strerror or "no reason given") from error
    if not head:
        raise EmptyFile(path)
    return head


def _check_regular(path: Path) -> None:
    mode = path.lstat().st_mode
    if stat.S_ISLNK(mode):
        raise NotAFile(path, "a symbolic link")
    if stat.S_ISDIR(mode):
        raise NotAFile(path, "a folder")
    if not stat.S_ISREG(mode):
        raise NotAFile(path, "a device or pipe")


def _by_signature(path: Path, head: bytes) -> Format | None:
    if head.startswith(b"PK\x03\x04"):
        return _archive(path)
    if head.startswith(_OLE):
        raise _ole(path)
    if head.startswith(b"PARE"):
        raise PasswordProtected(path)
    for signature, form in _SIGNATURES:
        if head.startswith(signature):
            return form
    if _R.match(head):
        return Format.R
    if _MAF.match(head):
        return Format.MAF
    if _PORTABLE in head.replace(b"\r", b"").replace(b"\n", b"")[:500]:
        return Format.POR
    return Format.STATA if _OLD_STATA.match(head) else None


def _archive(path: Path) -> Format:
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError, UnicodeDecodeError) as error:
        raise DamagedFile(path, "ZIP archive or Excel workbook") from error
    names = {member.filename for member in members}
    if any(member.flag_bits & 1 for member in members):
        raise PasswordProtected(path)
    if "xl/workbook.xml" in names:
        return Format.XLSX
    if "xl/workbook.bin" in names:
        raise LegacySpreadsheet(path, "a binary Excel workbook (.xlsb)")
    if "content.xml" in names:
        raise LegacySpreadsheet(path, "an OpenDocument file")
    raise UnknownFormat(path, "a ZIP archive that is no Excel workbook")


def _ole(path: Path) -> PasswordProtected | LegacySpreadsheet:
    """An old Office container: either Excel 97 or a modern workbook under a password."""
    if _ENCRYPTED_OFFICE in path.read_bytes():
        return PasswordProtected(path)
    return LegacySpreadsheet(path, "an Excel 97-2003 workbook (.xls)")


def _text(path: Path, head: bytes) -> Format:
    """What has no signature is text, unless its name promises something else."""
    for signature, kind in _FOREIGN:
        if head.startswith(signature):
            raise UnknownFormat(path, kind)
    claimed = claimed_format(path)
    if claimed not in {None, Format.DELIMITED} and looks_binary(head):
        raise DamagedFile(path, str(claimed))
    return Format.DELIMITED
