"""Which character separates the cells of a text, and which one quotes them.

The delimiter is the one that cuts the records as it cuts the header. Nothing random and nothing
learned: the same text always gets the same answer, and where two answers are equally good the
table says so.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from haemony.intake.readers.table import Defect, DefectKind, Layout

_USUAL = "\t;|,"
_RARE = "\x1f\x01^~: "
_ABSENT = "\x1f"
_SAMPLE = 4 << 20
_RECORDS = 100


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a text is cut into records and cells; an empty quote means that nothing is quoted."""

    delimiter: str
    quote: str

    def cut(self, lines: Iterable[str]) -> Iterator[list[str]]:
        """Cut lines (with their line ends) as Python's csv module does."""
        if self.quote:
            return csv.reader(lines, delimiter=self.delimiter, quotechar=self.quote)
        return csv.reader(lines, delimiter=self.delimiter, quoting=csv.QUOTE_NONE, quotechar=None)


@dataclass(frozen=True, slots=True)
class _Fit:
    """How well one delimiter explains the first records."""

    delimiter: str
    header: tuple[str, ...]
    widths: Counter[int]

    @property
    def width(self) -> int:
        return len(self.header)

    @property
    def share(self) -> float:
        """The share of records as wide as the header, or all wider by the name of the row."""
        records = self.widths.total()
        agreeing = max(self.widths[self.width], self.widths[self.width + 1])
        return agreeing / records if records else 1.0

    @property
    def rank(self) -> tuple[bool, int, float]:
        return self.share >= 0.5, self.width, self.share

    @property
    def is_possible(self) -> bool:
        return self.width > 1 and (self.share > 0 or max(self.widths) > 1)

    @property
    def is_certain(self) -> bool:
        return self.width > 1 and self.widths.total() > 0 and self.share == 1


def detect_dialect(text: str, layout: Layout) -> tuple[Dialect, list[Defect]]:
    """Find the delimiter and the quote that the layout leaves open.

    >>> text = chr(10).join(["age;wbc", "61;3,5"])
    >>> detect_dialect(text, Layout())[0]
    Dialect(delimiter=';', quote='"')
    """
    quote = layout.quote if layout.quote is not None else _quote(text, layout.delimiter)
    if layout.delimiter is not None:
        return Dialect(layout.delimiter, quote), []
    fits = [_fit(text, Dialect(mark, quote), layout.header_row) for mark in _USUAL if mark != quote]
    possible = sorted((fit for fit in fits if fit.is_possible), key=lambda fit: fit.rank)
    if possible:
        best = [fit for fit in possible if fit.rank == possible[-1].rank]
        return Dialect(best[0].delimiter, quote), _ambiguity(best)
    return Dialect(_rare(text, quote, layout.header_row), quote), _title(text, quote)


def _quote(text: str, delimiter: str | None) -> str:
    """A double quote, unless the first line wraps its cells in single ones."""
    if delimiter == '"':
        return ""
    first = text.lstrip("\r\n").split("\n", 1)[0].rstrip("\r")
    wrapped = len(first) > 1 and first[0] == first[-1] == "'" and '"' not in first
    return "'" if wrapped and delimiter != "'" else '"'


def _fit(text: str, dialect: Dialect, header_row: int | None) -> _Fit:
    records = [record for record in _first(text, dialect)[(header_row or 1) - 1 :] if record]
    header = tuple(records[0]) if records else ()
    return _Fit(dialect.delimiter, header, Counter(len(record) for record in records[1:]))


def _first(text: str, dialect: Dialect) -> list[list[str]]:
    """The first records, blank lines included, as far as they are certainly whole."""
    records: list[list[str]] = []
    try:
        for record in dialect.cut(io.StringIO(text[:_SAMPLE], newline="")):
            records.append(record)
            if len(records) == _RECORDS:
                return records
    except csv.Error:
        return records
    return records[:-1] if len(text) > _SAMPLE and len(records) > 2 else records


def _ambiguity(best: list[_Fit]) -> list[Defect]:
    if len(best) == 1:
        return []
    marks = " and ".join(repr(fit.delimiter) for fit in best)
    message = f"{marks} would cut every record alike; name the delimiter in the layout"
    return [Defect(None, None, DefectKind.AMBIGUOUS_DELIMITER, message)]


def _rare(text: str, quote: str, header_row: int | None) -> str:
    """An unusual delimiter that cuts every record alike, or one that cuts nothing at all."""
    for mark in _RARE:
        unlikely = mark == " " and not (quote and text.startswith(quote))
        if mark in text[:_SAMPLE] and mark != quote and not unlikely:
            fit = _fit(text, Dialect(mark, quote), header_row)
            if fit.is_certain:
                return mark
    return next((mark for mark in _USUAL if mark not in text and mark != quote), _ABSENT)


def _title(text: str, quote: str) -> list[Defect]:
    """A first row of one cell above what looks like a header of several."""
    for mark in _USUAL:
        records = _first(text, Dialect(mark, quote)) if mark != quote else []
        if len(records) > 2 and _looks_titled(records):
            message = (
                f"the rows below it are cut by {mark!r}; "
                "if row 1 is a title, name the header_row in the layout"
            )
            return [Defect(1, None, DefectKind.TITLE_ABOVE_HEADER, message)]
    return []


def _looks_titled(records: list[list[str]]) -> bool:
    title, names, *body = records
    return (
        len(title) == 1
        and len(names) > 1
        and len(set(names)) == len(names)
        and all(name.strip() and not name.strip()[0].isdigit() for name in names)
        and all(len(record) == len(names) for record in body)
    )
