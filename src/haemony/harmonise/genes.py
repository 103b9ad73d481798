"""Gene symbols: approved, earlier, shared by several genes, or turned into a date by a spreadsheet.

``gene_history.csv`` holds the earlier names that haematologists still meet, from the records of the
HUGO Gene Nomenclature Committee, and the families that spreadsheets spoil. It is no list of all
human genes: a symbol it does not hold is *unknown*, which says nothing against the gene.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib.resources import files
from types import MappingProxyType

import polars as pl

from haemony.model.element import Gene
from haemony.model.tables import rows

_NONE: Mapping[str, Gene] = MappingProxyType({})


class How(StrEnum):
    """By which way a symbol was approved."""

    APPROVED = "approved symbol"
    EARLIER = "earlier name"
    CASE = "approved symbol in other case"
    CHROMOSOME = "earlier name of several genes, one of them on this chromosome"


@dataclass(frozen=True, slots=True)
class Approved:
    """A text that means one gene."""

    written: str
    symbol: str
    how: How


@dataclass(frozen=True, slots=True)
class Ambiguous:
    """A name that several genes have borne; only its source knows which is meant."""

    written: str
    candidates: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Mangled:
    """What a spreadsheet made of a symbol; the candidates are shown, and none is taken."""

    written: str
    candidates: tuple[str, ...]
    reason: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """A text that the history does not hold."""

    written: str


Answer = Approved | Ambiguous | Mangled | Unknown

ANSWERS = pl.Schema(
    [
        ("written", pl.String()),
        ("symbol", pl.String()),
        ("state", pl.String()),
        ("candidates", pl.List(pl.String())),
        ("reason", pl.String()),
    ]
)
"""One row per text: its approved symbol where there is one, and why not where there is none."""


def approve(symbol: str, genes: Mapping[str, Gene] = _NONE, *, chromosome: str = "") -> Answer:
    """Find the approved symbol that a text means.

    Args:
        symbol: The text as it was written.
        genes: The genes of a catalogue, which are known beside the history.
        chromosome: Where the gene lies, if the source says; settles a name of several genes.

    Example:
        >>> approve("SFRS2").symbol
        'SRSF2'
        >>> approve("MLL2").candidates
        ('KMT2B', 'KMT2D')
        >>> approve("MLL2", chromosome="chr12").symbol
        'KMT2D'
        >>> approve("1-Mar").candidates
        ('MARCHF1', 'MTARC1')
    """
    return _approve(symbol, _names_with(genes) if genes else _names(), chromosome)


def _approve(symbol: str, names: _Names, chromosome: str) -> Answer:
    text = symbol.strip()
    if text in names.approved:
        return Approved(symbol, text, How.APPROVED)
    if text.upper() in names.approved and text.upper() not in names.earlier:
        return Approved(symbol, text.upper(), How.CASE)
    bearers = names.earlier.get(text.upper(), ())
    if len(bearers) == 1:
        return Approved(symbol, bearers[0], How.EARLIER)
    if bearers:
        return _settled(symbol, bearers, names, chromosome)
    return _spoilt(symbol, text, names) or Unknown(symbol)


def table(
    symbols: pl.Series,
    genes: Mapping[str, Gene] = _NONE,
    chromosomes: pl.Series | None = None,
) -> pl.DataFrame:
    """Approve a column of symbols, in its order: columns as in :data:`ANSWERS`.

    Args:
        symbols: The texts as they were written; an absent one gives nulls.
        genes: The genes of a catalogue, which are known beside the history.
        chromosomes: Where each gene lies, if the source says.
    """
    names = _names_with(genes) if genes else _names()
    nowhere = pl.Series("place", [None], dtype=pl.String).new_from_index(0, symbols.len())
    places = nowhere if chromosomes is None else chromosomes.alias("place")
    texts = pl.DataFrame([symbols.alias("written"), places.fill_null("")])
    rows = [
        (place, *_row(_approve(text, names, place)))
        for text, place in texts.unique().drop_nulls("written").iter_rows()
    ]
    known = pl.DataFrame(rows, {"place": pl.String, **ANSWERS}, orient="row")
    answered = texts.join(known, on=["written", "place"], how="left", maintain_order="left")
    return answered.select(ANSWERS.names())


def _row(answer: Answer) -> tuple[str, str | None, str, list[str], str | None]:
    state = type(answer).__name__.lower()
    if isinstance(answer, Approved):
        return answer.written, answer.symbol, state, [answer.symbol], answer.how
    if isinstance(answer, Unknown):
        return answer.written, None, state, [], None
    reason = answer.reason if isinstance(answer, Mangled) else "a name of several genes"
    return answer.written, None, state, list(answer.candidates), reason


@dataclass(frozen=True, slots=True)
class _Names:
    """Approved symbols, and the genes that have borne every earlier name."""

    approved: frozenset[str]
    earlier: Mapping[str, tuple[str, ...]]
    chromosomes: Mapping[str, str]


@cache
def _names() -> _Names:
    approved: set[str] = set()
    earlier: dict[str, tuple[str, ...]] = {}
    chromosomes: dict[str, str] = {}
    for _, row in rows(files(__package__) / "gene_history.csv"):
        approved.add(row["symbol"])
        chromosomes[row["symbol"]] = row["chromosome"]
        for name in row["earlier_names"].upper().split():
            earlier[name] = tuple(sorted({*earlier.get(name, ()), row["symbol"]}))
    return _Names(frozenset(approved), earlier, chromosomes)


def _names_with(genes: Mapping[str, Gene]) -> _Names:
    known = _names()
    earlier = dict(known.earlier)
    for gene in genes.values():
        for name in gene.former:
            earlier[name.upper()] = tuple(sorted({*earlier.get(name.upper(), ()), gene.symbol}))
    return _Names(known.approved | frozenset(genes), earlier, known.chromosomes)


def _settled(
    symbol: str, bearers: tuple[str, ...], names: _Names, chromosome: str
) -> Approved | Ambiguous:
    where = chromosome.strip().lower().removeprefix("chr").upper()
    there = [gene for gene in bearers if where and names.chromosomes.get(gene) == where]
    if len(there) == 1:
        return Approved(symbol, there[0], How.CHROMOSOME)
    return Ambiguous(symbol, bearers)


# What spreadsheets do: SEPT2 becomes the second of September, of the year it was typed in.

_MONTHS = {
    1: "jan januar janvier ene enero gennaio",
    2: "feb februar fév février febr febrero",
    3: "mar mrz mär märz mars march marzo maart mrt",
    4: "apr april avr avril abr",
    5: "may mai mayo maggio mei",
    6: "jun june juni juin junio",
    7: "jul july juli juil juillet julio",
    8: "aug august août ago",
    9: "sep sept september septembre sett set",
    10: "oct okt october oktober octobre ott",
    11: "nov november novembre",
    12: "dec dez december dezember déc décembre dic",
}
_MONTH_OF = {name: month for month, names in _MONTHS.items() for name in names.split()}
_STEMS = {3: ("MARCH", "MARC"), 9: ("SEPT", "SEP"), 10: ("OCT",), 12: ("DEC",)}
_DAY_MONTH = re.compile(r"0?([0-9]{1,2})[.]?[-/ ]?([^\W\d_]{3,9})[.]?(?:[-/ ][0-9]{2,4})?")
_MONTH_DAY = re.compile(r"([^\W\d_]{3,9})[.]?[-/ ]0?([0-9]{1,2})")
_ISO = re.compile(r"[0-9]{4}-([0-9]{2})-([0-9]{2})(?:[T ].*)?")
_NUMBERS = re.compile(r"([0-9]{1,2})[-/.]([0-9]{1,2})(?:[-/.][0-9]{2,4}|[.])?")
_SERIAL = re.compile(r"[1-9][0-9]{4}(?:\.0+)?")
_SCIENTIFIC = re.compile(r"[0-9](?:[.,][0-9]+)?E\+?[0-9]{1,2}", re.IGNORECASE)
_EPOCHS = (dt.date(1899, 12, 30), dt.date(1904, 1, 1))
_PLAUSIBLE = range(29000, 60000)
"""Serial numbers of days from 1979, when spreadsheets began, to 2064."""


def _spoilt(symbol: str, text: str, names: _Names) -> Mangled | None:
    """What a text was before a spreadsheet took it for a date or a number."""
    if _SCIENTIFIC.fullmatch(text):
        return Mangled(symbol, (), "a spreadsheet turned it into a number; the digits are lost")
    dates = list(_dates(text))
    candidates = {name for day, month in dates for name in _bearers(day, month, names)}
    if candidates:
        return Mangled(symbol, tuple(sorted(candidates)), "a spreadsheet turned it into a date")
    serial = _serial(text, names)
    if serial:
        reason = "the number of a day, as a spreadsheet stores a date, or an identifier"
        return Mangled(symbol, serial, reason)
    if dates:
        return Mangled(symbol, (), "a date, and no gene's name that we know becomes it")
    return None


def _dates(text: str) -> Iterator[tuple[int, int]]:
    """Every day and month that a text may mean."""
    if match := _DAY_MONTH.fullmatch(text):
        if month := _MONTH_OF.get(match[2].lower()):
            yield int(match[1]), month
    elif match := _MONTH_DAY.fullmatch(text):
        if month := _MONTH_OF.get(match[1].lower()):
            yield int(match[2]), month
    elif match := _ISO.fullmatch(text):
        yield int(match[2]), int(match[1])
    elif match := _NUMBERS.fullmatch(text):
        first, second = int(match[1]), int(match[2])
        yield from {(first, second), (second, first)}


def _serial(text: str, names: _Names) -> tuple[str, ...]:
    if not _SERIAL.fullmatch(text) or int(text[:5]) not in _PLAUSIBLE:
        return ()
    for epoch in _EPOCHS:
        date = epoch + dt.timedelta(days=int(text[:5]))
        found = _bearers(date.day, date.month, names)
        if found:
            return found
    return ()


def _bearers(day: int, month: int, names: _Names) -> tuple[str, ...]:
    """The genes one of whose earlier names a spreadsheet reads as this day."""
    written = (f"{stem}{day}" for stem in _STEMS.get(month, ()))
    return tuple(sorted({gene for name in written for gene in names.earlier.get(name, ())}))
