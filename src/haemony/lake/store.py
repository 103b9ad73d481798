"""Content-addressed files on disk: written whole or not at all, named by what they hold.

Every write goes to a temporary name in the same folder, is flushed to disk, and is then renamed:
a killed process leaves either nothing or the whole file. Parquet is written eagerly with fixed row
groups and compression from totally sorted frames, so equal frames give equal bytes.
"""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import struct
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from haemony.lake.errors import CannotWrite

ROW_GROUP = 131_072
TEMPORARY = ".tmp-"


@dataclass(frozen=True, slots=True)
class Stored:
    """A file in the store: the hash of its bytes and of what it says, and its size."""

    sha256: str
    content: str
    rows: int
    bytes: int


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn what a disk can refuse into one error that says the lake is as before."""
    try:
        yield
    except OSError as fault:
        reasons = {
            errno.ENOSPC: "the disk is full",
            errno.EDQUOT: "the disk quota is used up",
            errno.EROFS: "the disk is read-only",
            errno.EACCES: "permission is denied",
        }
        reason = reasons.get(
            fault.errno or 0, os.strerror(fault.errno) if fault.errno else "it fails"
        )
        raise CannotWrite(path, reason) from fault


def sync_folder(folder: Path) -> None:
    """Make renames in a folder durable."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file whole: temporary name, flush, rename."""
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f"{TEMPORARY}{os.getpid()}-{path.name}")
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        sync_folder(path.parent)


@contextmanager
def staged(path: Path, content: bytes) -> Iterator[None]:
    """Write a file beside its place, let something else be done, then put it in place.

    What is done in between is recorded before anybody can see the file.
    """
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{TEMPORARY}{os.getpid()}-staged-{path.name}")
    write_bytes(temporary, content)
    try:
        yield
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    with writing(path):
        temporary.replace(path)
        sync_folder(path.parent)


def left_staged(path: Path) -> list[Path]:
    """Files staged for this place by processes that were killed before they put them there."""
    return sorted(path.parent.glob(f"{TEMPORARY}[0-9]*-staged-{path.name}"))


@dataclass(frozen=True, slots=True)
class Store:
    """The folder of content-addressed files."""

    folder: Path

    def path(self, sha256: str) -> Path:
        """Where a file of this hash lies."""
        return self.folder / sha256[:2] / f"{sha256}.parquet"

    def put(self, frame: pl.DataFrame) -> Stored:
        """Write a frame as Parquet under the hash of its bytes; :meth:`sync` makes it durable."""
        with writing(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            temporary = self.folder / f"{TEMPORARY}{os.getpid()}.parquet"
            with temporary.open("wb") as file:
                frame.write_parquet(
                    file,
                    compression="zstd",
                    compression_level=1,
                    row_group_size=ROW_GROUP,
                    statistics=True,
                )
                file.flush()
                os.fsync(file.fileno())
            sha256 = hash_file(temporary)
            size = temporary.stat().st_size
            target = self.path(sha256)
            target.parent.mkdir(exist_ok=True)
            temporary.replace(target)
        return Stored(sha256, content_hash(frame), frame.height, size)

    def sync(self, hashes: Iterable[str]) -> None:
        """Make files that were put durable under their names; call before naming them anywhere."""
        with writing(self.folder):
            for folder in {self.path(sha256).parent for sha256 in hashes}:
                sync_folder(folder)
            sync_folder(self.folder)

    def clear_temporary(self) -> None:
        """Remove what killed processes left behind; call only while holding the lake's lock."""
        for left in self.folder.glob(f"{TEMPORARY}*"):
            shutil.rmtree(left) if left.is_dir() else left.unlink()


def hash_file(path: Path) -> str:
    """SHA-256 of a file's bytes, as hexadecimal text."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def content_hash(frame: pl.DataFrame) -> str:
    """SHA-256 of what a frame says, whatever program wrote its file.

    Column by column: name, type, one byte per row for *known*, then the values (numbers as 8 bytes
    little endian, dates as days, texts as UTF-8 with their lengths), nulls as zero or empty. Of
    lists their lengths, then all their values as a column.
    """
    whole = hashlib.sha256(struct.pack("<q", frame.height))
    for series in frame.get_columns():
        whole.update(f"{series.name}\0{series.dtype}\0".encode())
        whole.update(series.is_not_null().to_numpy().astype(np.uint8).tobytes())
        for part in _values(series):
            whole.update(part)
    return whole.hexdigest()


def _values(series: pl.Series) -> Iterator[bytes]:
    if series.null_count() == series.len():
        return
    if series.dtype == pl.String:
        text = series.fill_null("")
        yield text.str.len_bytes().to_numpy().astype("<u8").tobytes()
        yield (text.str.join("").item() or "").encode()
        return
    if isinstance(series.dtype, pl.List):
        yield series.list.len().fill_null(0).to_numpy().astype("<u8").tobytes()
        inner = series.drop_nulls().explode(empty_as_null=False)
        yield inner.is_not_null().to_numpy().astype(np.uint8).tobytes()
        yield from _values(inner)
        return
    if series.dtype in {pl.Float32, pl.Float64}:
        yield series.fill_null(0.0).to_numpy().astype("<f8").tobytes()
        return
    yield series.to_physical().cast(pl.Int64).fill_null(0).to_numpy().astype("<i8").tobytes()
