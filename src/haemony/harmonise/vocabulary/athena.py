"""An Athena download as it comes: a zip file or a folder of tab-separated tables.

Athena writes one file per table, tab-separated, without quoting, dates as YYYYMMDD. The tables of
a full download hold tens of millions of rows, so they are never held in memory: DuckDB streams each
file into Parquet within a fixed amount of it.
"""

from __future__ import annotations

import codecs
import shutil
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as StillRunning
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import duckdb
import polars as pl

from haemony.harmonise.omop.cdm import Table, table
from haemony.harmonise.vocabulary.errors import BadVocabularyFile, CannotKeep, NoDownload

REQUIRED = (
    "vocabulary",
    "domain",
    "concept",
    "concept_relationship",
    "concept_ancestor",
    "concept_synonym",
)
"""Tables without which a download cannot serve."""

OPTIONAL = ("concept_class", "relationship", "drug_strength")
"""Tables that are taken where they come along."""

MEMORY = "1GB"
"""What DuckDB may hold while it streams a table; whatever is more goes to disk."""

ROW_GROUP = 131_072
_POLL = 0.5
_MOST_HEADER = 1 << 16
_TYPES = {"integer": "BIGINT", "float": "DOUBLE", "date": "DATE", "datetime": "TIMESTAMP"}

_DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError)
"""What reading a damaged zip file, or one packed or locked in another way, may raise."""

Watch = Callable[[str], None]


@dataclass(frozen=True)
class Download:
    """The files of a download.

    Attributes:
        path: The zip file or the folder.
        members: By table: the file in the folder, or the name inside the zip file.
    """

    path: Path
    members: Mapping[str, str]

    @classmethod
    def open(cls, path: Path) -> Download:
        """Look what a zip file or a folder holds; nothing is read yet.

        Raises:
            NoDownload: When it is neither, or lacks a table that is required.
        """
        wanted = {f"{name}.csv": name for name in (*REQUIRED, *OPTIONAL)}
        members: dict[str, str] = {}
        for listed in _listing(path):
            name = wanted.get(PurePosixPath(listed).name.lower())
            if name and members.setdefault(name, listed) != listed:
                raise NoDownload(path, f"it holds {name.upper()}.csv twice")
        absent = [f"{name.upper()}.csv" for name in REQUIRED if name not in members]
        if absent:
            raise NoDownload(path, f"it lacks {', '.join(absent)}")
        return cls(
            path, {name: members[name] for name in (*REQUIRED, *OPTIONAL) if name in members}
        )

    @contextmanager
    def file(self, name: str, scratch: Path) -> Iterator[Path]:
        """The file of one table on disk; from a zip file it is unpacked to a scratch folder.

        Raises:
            BadVocabularyFile: When the zip file is damaged.
        """
        if self.path.is_dir():
            yield self.path / self.members[name]
            return
        unpacked = scratch / f"{name}.csv"
        try:
            with (
                zipfile.ZipFile(self.path) as archive,
                archive.open(self.members[name]) as packed,
                unpacked.open("wb") as target,
            ):
                shutil.copyfileobj(packed, target, 1 << 20)
        except _DAMAGED as fault:
            raise BadVocabularyFile(self.members[name], "the zip file is damaged") from fault
        try:
            yield unpacked
        finally:
            unpacked.unlink()


def _listing(path: Path) -> list[str]:
    if path.is_dir():
        return sorted(file.name for file in path.iterdir() if file.is_file())
    if not path.is_file():
        raise NoDownload(path, "there is no such file or folder")
    if not zipfile.is_zipfile(path):
        raise NoDownload(path, "it is neither a folder nor a zip file")
    try:
        with zipfile.ZipFile(path) as archive:
            return sorted(archive.namelist())
    except zipfile.BadZipFile:
        raise NoDownload(path, "the zip file is damaged") from None


def to_parquet(name: str, file: Path, target: Path, scratch: Path, watch: Watch) -> int:
    """Stream the file of one table into Parquet; return how many rows it has.

    Args:
        name: The table.
        file: Its file.
        target: The Parquet file to write.
        scratch: Where DuckDB puts what does not fit into memory.
        watch: Told how far it is.

    Raises:
        BadVocabularyFile: When a line does not say what the table declares; the first is named.
        CannotKeep: When the disk refuses.
    """
    declared = table(name)
    columns = _columns(declared, file)
    with duckdb.connect() as connection:
        connection.execute("SET memory_limit = $1", [MEMORY])
        connection.execute("SET temp_directory = $1", [str(scratch)])
        frame = connection.read_csv(
            str(file),
            auto_detect=False,
            header=True,
            sep="\t",
            quotechar="",
            escapechar="",
            date_format="%Y%m%d",
            columns=columns,
            store_rejects=True,
            rejects_limit=1,
        )
        wanted = frame.select(*(duckdb.ColumnExpression(f.name) for f in declared.fields))
        try:
            _run(
                lambda: wanted.write_parquet(
                    str(target), compression="zstd", row_group_size=ROW_GROUP
                ),
                connection,
                watch,
            )
        except duckdb.IOException as fault:
            raise CannotKeep(target.parent, "the disk is full or forbids it") from fault
        except (duckdb.InvalidInputException, duckdb.ConversionException) as fault:
            raise BadVocabularyFile(file.name, "it is no tab-separated table in UTF-8") from fault
        slip = connection.execute(_FIRST_SLIP).fetchone()
    if slip:
        line, column, kind = slip[0], slip[1] or "whole line", str(slip[2]).lower()
        raise BadVocabularyFile(file.name, f"line {line}, {column}: {kind.replace('_', ' ')}")
    return int(pl.scan_parquet(target).select(pl.len()).collect().item())


_FIRST_SLIP = "SELECT line, column_name, error_type FROM reject_errors ORDER BY line LIMIT 1"


def _run(task: Callable[[], object], connection: duckdb.DuckDBPyConnection, watch: Watch) -> None:
    """Run a task and say every half second how far the connection is with it."""
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(task)
        try:
            while not _ended(running):
                if (done := connection.query_progress()) > 0:
                    watch(f"{done:.0f} %")
        except BaseException:
            connection.interrupt()
            raise


def _ended(running: Future[object]) -> bool:
    try:
        running.result(timeout=_POLL)
    except StillRunning:
        return False
    return True


def _columns(declared: Table, file: Path) -> dict[str, str]:
    """Name and DuckDB type of every column of the file, in the order of its header."""
    try:
        with file.open("rb") as opened:
            first = opened.readline(_MOST_HEADER).removeprefix(codecs.BOM_UTF8)
    except OSError as fault:
        raise BadVocabularyFile(file.name, "it cannot be read") from fault
    names = first.decode("utf-8", "replace").rstrip("\r\n").lower().split("\t")
    types = {field.name: _TYPES.get(field.datatype, "VARCHAR") for field in declared.fields}
    lacking = [name for name in types if name not in names]
    if lacking or len(set(names)) != len(names):
        what = f"its header lacks {', '.join(lacking)}" if lacking else "its header repeats a name"
        raise BadVocabularyFile(file.name, what)
    return {name: types.get(name, "VARCHAR") for name in names}
