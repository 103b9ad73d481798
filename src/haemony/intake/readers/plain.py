"""The fast way through plain delimited text.

Most files are plain: records of one width, no line break inside a cell, quotes only around whole
cells. For exactly these, Polars' CSV reader and Python's csv module cut the same cells, and Polars
does it many times faster. Anything less plain is left to the csv module.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator

import numpy as np
import polars as pl
from numpy.typing import NDArray

from haemony.intake.readers.dialect import Dialect

_LINE_FEED = ord("\n")
_BLOCK = 1 << 18
_Flags = NDArray[np.bool_]


def plain_frame(body: str, dialect: Dialect) -> pl.DataFrame | None:
    """The records below the header as a frame of texts, or None where the text is not plain."""
    if not body or not (dialect.delimiter + dialect.quote).isascii() or "\0" in body:
        return None
    data = _with_line_feeds(body.encode())
    width = _uniform_width(data, dialect) if data else None
    if width is None:
        return None
    return pl.read_csv(
        data,
        has_header=False,
        schema={str(position): pl.String for position in range(width)},
        separator=dialect.delimiter,
        quote_char=dialect.quote or None,
    )


def _with_line_feeds(data: bytes) -> bytes:
    """The same lines, each ended by a line feed; nothing where line ends are mixed."""
    if b"\r" in data:
        if not data.count(b"\r") == data.count(b"\n") == data.count(b"\r\n"):
            return b""
        data = data.replace(b"\r\n", b"\n")
    return data if data.endswith(b"\n") else data + b"\n"


def _uniform_width(data: bytes, dialect: Dialect) -> int | None:
    """The number of cells in every record, if all are alike and cut without doubt."""
    found: int | None = None
    for block in _blocks(data):
        width = _block_width(block, dialect)
        if width is None or found not in {None, width}:
            return None
        found = width
    return found


def _blocks(data: bytes) -> Iterator[NDArray[np.uint8]]:
    """The data in blocks of whole lines, small enough for the processor's cache."""
    start = 0
    while start < len(data):
        end = data.find(b"\n", min(start + _BLOCK, len(data) - 1)) + 1
        yield np.frombuffer(data, dtype=np.uint8, offset=start, count=end - start)
        start = end


def _block_width(codes: NDArray[np.uint8], dialect: Dialect) -> int | None:
    cuts, ends = codes == ord(dialect.delimiter), codes == _LINE_FEED
    if dialect.quote:
        quotes = codes == ord(dialect.quote)
        if quotes.any():
            inside = np.bitwise_xor.accumulate(quotes)
            if (inside & ends).any() or not _wraps_whole_cells(quotes, inside, cuts | ends):
                return None
            cuts &= ~inside
    return _width(np.flatnonzero(cuts), np.flatnonzero(ends))


def _wraps_whole_cells(quotes: _Flags, inside: _Flags, borders: _Flags) -> bool:
    """Whether each quote opens at a border, closes at a border, or is one of a doubled pair."""
    opening, closing = quotes & inside, quotes & ~inside
    beside = borders | quotes
    opened_well = not (opening[1:] & ~beside[:-1]).any()
    closed_well = not (closing[:-1] & ~beside[1:]).any()
    return opened_well and closed_well


def _width(cuts: NDArray[np.intp], ends: NDArray[np.intp]) -> int | None:
    lengths = np.diff(ends, prepend=-1) - 1
    if lengths.min() == 0 or lengths.max() > csv.field_size_limit():
        return None
    counts = np.diff(np.searchsorted(cuts, ends), prepend=0)
    return int(counts[0]) + 1 if (counts == counts[0]).all() else None
