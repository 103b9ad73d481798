"""How large a file may grow when it is opened.

Compressed formats can expand a thousandfold; a small file must not exhaust the machine that only
wanted to look at it.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from haemony.intake.readers.errors import DamagedFile, TooLarge

_CHUNK = 1 << 20
_BYTES_PER_CELL = 16
"""What one cell takes in memory at the very least, however well the file packs it."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The expansion a reader accepts.

    Args:
        expanded: Bytes a file may occupy once it is unpacked.
        ratio: How many times larger than the file itself the unpacked content may be.
        harmless: Unpacked bytes below which the ratio does not matter.
    """

    expanded: int = 2 << 30
    ratio: int = 200
    harmless: int = 16 << 20

    def allowed(self, packed: int) -> int:
        """The bytes that a file of `packed` bytes may expand to.

        >>> Limits().allowed(1_000_000)
        200000000
        >>> Limits().allowed(10)
        16777216
        """
        return min(self.expanded, max(packed * self.ratio, self.harmless))

    def check(self, path: Path, expanded: int) -> None:
        """Refuse a file that declares more content than it may have."""
        allowed = self.allowed(path.stat().st_size)
        if expanded > allowed:
            raise TooLarge(path, expanded=expanded, allowed=allowed)

    def check_cells(self, path: Path, rows: int, columns: int) -> None:
        """Refuse a table whose bare cells would already fill the memory allowed."""
        expanded = rows * columns * _BYTES_PER_CELL
        if expanded > self.expanded:
            raise TooLarge(path, expanded=expanded, allowed=self.expanded)


def unpacked(path: Path, limits: Limits) -> bytes:
    """The file's content, without its gzip, bzip2 or xz wrapping, within the limits."""
    limits.check(path, path.stat().st_size)
    try:
        with open_unpacked(path) as stream:
            return _drained(stream, path, limits)
    except (EOFError, OSError, lzma.LZMAError, zlib.error) as error:
        raise DamagedFile(path, "compressed file") from error


def open_unpacked(path: Path) -> BinaryIO:
    """The file opened for reading through whatever compression its first bytes announce."""
    with path.open("rb") as file:
        start = file.read(6)
    if start.startswith(b"\x1f\x8b"):
        return cast("BinaryIO", gzip.open(path))
    if start.startswith(b"BZh"):
        return cast("BinaryIO", bz2.open(path))
    if start.startswith(b"\xfd7zXZ\x00"):
        return cast("BinaryIO", lzma.open(path))
    return path.open("rb")


def _drained(stream: BinaryIO, path: Path, limits: Limits) -> bytes:
    allowed = limits.allowed(path.stat().st_size)
    content = bytearray()
    while chunk := stream.read(_CHUNK):
        content += chunk
        if len(content) > allowed:
            raise TooLarge(path, expanded=len(content), allowed=allowed)
    return bytes(content)
