"""From bytes to text: which encoding a file was written in, decided the same way every time."""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_SAMPLE = 1 << 16
_MANY = 8
_ONLY_WINDOWS = bytes(range(0x80, 0xA0))
_NOT_WINDOWS = b"\x81\x8d\x8f\x90\x9d"
_CONTROLS = bytes({*range(0x20), 0x7F} - set(b"\t\n\v\f\r\x1a\x1c\x1d\x1e\x1f"))
_NON_ASCII = re.compile(r"[^\x00-\x7f\ufffd]")


@dataclass(frozen=True, slots=True)
class Text:
    """A file's text and how it was decoded.

    Args:
        content: The text, without a byte order mark; U+FFFD where bytes could not be decoded.
        encoding: The codec's name.
        damaged: Whether some bytes could not be decoded.
        assumed: Whether the encoding is a mere convention, as every byte is valid in it.
    """

    content: str
    encoding: str
    damaged: bool
    assumed: bool


def decode(data: bytes, given: str | None = None) -> Text:
    """Decode with the encoding that is given, or else with the one that the bytes suggest.

    A byte order mark decides. Without one, zeros at every other place mean UTF-16; valid UTF-8 is
    UTF-8, and so is text in which more UTF-8 sequences are valid than broken. Whatever remains
    is taken for Windows-1252, or for Latin-1 where it has bytes that Windows-1252 lacks.

    >>> decode("Köln".encode("windows-1252")).encoding
    'windows-1252'
    """
    encoding = _canonical(given, data) if given else detect(data)
    body = data[len(_mark(data, encoding)) :]
    assumed = given is None and encoding in {"windows-1252", "iso-8859-1"}
    try:
        return Text(body.decode(encoding), encoding, damaged=False, assumed=assumed)
    except UnicodeError:
        return Text(body.decode(encoding, "replace"), encoding, damaged=True, assumed=assumed)


def detect(data: bytes) -> str:
    """The encoding that the bytes themselves suggest."""
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return encoding
    return _wide(data[:_SAMPLE]) or _narrow(data)


def looks_binary(data: bytes) -> bool:
    """Whether the bytes can hardly be meant as text.

    >>> looks_binary(bytes(range(256))), looks_binary(b"id,age")
    (True, False)
    """
    sample = data[:_SAMPLE]
    if not sample or detect(sample).startswith("utf-16"):
        return False
    controls = len(sample) - len(sample.translate(None, _CONTROLS))
    likely = 0.03 if not _is_utf8(sample) else 0.3
    return controls >= _MANY and controls > likely * len(sample)


def _canonical(name: str, data: bytes) -> str:
    encoding = codecs.lookup(name).name
    if encoding in {"utf-8-sig", "ascii"}:
        return "utf-8"
    if encoding in {"utf-16", "utf-32"}:
        return encoding + ("-be" if _mark(data, encoding + "-be") else "-le")
    return {"cp1252": "windows-1252", "iso8859-1": "iso-8859-1"}.get(encoding, encoding)


def _mark(data: bytes, encoding: str) -> bytes:
    return next((m for m, name in _MARKS if name == encoding and data.startswith(m)), b"")


def _wide(sample: bytes) -> str | None:
    """UTF-16 without a mark: mostly ASCII, so zeros stand at every other place."""
    units = len(sample) // 2
    if not units or len(sample) % 2:
        return None
    even, odd = sample[0::2].count(0), sample[1::2].count(0)
    if odd > 0.5 * units and even < 0.1 * units:
        return "utf-16-le"
    if even > 0.5 * units and odd < 0.1 * units:
        return "utf-16-be"
    return None


def _narrow(data: bytes) -> str:
    if _is_utf8(data) or _is_damaged_utf8(data):
        return "utf-8"
    return "iso-8859-1" if _has_any(data, _NOT_WINDOWS) else "windows-1252"


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        return error.reason == "unexpected end of data" and len(data) == _SAMPLE
    return True


def _is_damaged_utf8(data: bytes) -> bool:
    text = data.decode("utf-8", "replace")
    return len(_NON_ASCII.findall(text)) > text.count("\ufffd")


def _has_any(data: bytes, unwanted: bytes) -> bool:
    return len(data.translate(None, unwanted)) != len(data)
