"""How content is put into bytes for an envelope: JSON, squeezed, and read back with limits.

Nothing but JSON is read from a message. Richer formats have parsers that a crafted file can make
crash or swell; here depth, size and numbers are bounded before anything is built.
"""

from __future__ import annotations

import json
import zlib
from typing import Any

LARGEST = 2**30
"""Bytes of JSON that a message holds at most."""


class Malformed(ValueError):
    """Bytes that are not what they should be; the envelope that held them is refused."""


def pack(value: object) -> bytes:
    """A value as squeezed JSON; equal values give equal bytes."""
    return zlib.compress(plain(value), level=1)


def plain(value: object) -> bytes:
    """A value as JSON that is not squeezed: its size says nothing of what the values are."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()


def unpack(content: bytes, largest: int = LARGEST) -> Any:  # noqa: ANN401 JSON
    """Read what :func:`pack` wrote.

    Raises:
        Malformed: When it is anything else, too large, too deep, or holds a number that is none.

    Example:
        >>> unpack(pack({"rows": [1, None, "a"]}))
        {'rows': [1, None, 'a']}
    """
    reader = zlib.decompressobj()
    try:
        text = reader.decompress(content, largest)
    except zlib.error:
        raise Malformed("it is not squeezed") from None
    if reader.unconsumed_tail or not reader.eof:
        raise Malformed("it is cut short or too large")
    return parsed(text)


def parsed(text: bytes) -> Any:  # noqa: ANN401 JSON
    """Read JSON, without numbers that are none.

    Raises:
        Malformed: When it is no JSON, or too deep.
    """

    def refuse(_name: str) -> None:
        raise Malformed("it holds a number that is none")

    try:
        return json.loads(text, parse_constant=refuse)
    except (ValueError, RecursionError):
        raise Malformed("it is no JSON") from None
