"""What the cells of a column say for or against an element: range, codes, shapes."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache

from haemony.intake.dictionary import ColumnType
from haemony.intake.draft.column import Column, share_of
from haemony.intake.draft.knowledge import value_words, yes_or_no
from haemony.intake.draft.memory import NOTHING, Memory
from haemony.intake.draft.words import letter_pairs_shared, words
from haemony.model.element import Catalogue, Element, Finding, ValueType

SHAPES: Mapping[str, str] = {
    "karyotype_iscn": r"^\d{2}([~-]\d{2,3})?(<\d+n>)?,\s*[XY?]",
    "variant_protein": r"^p\.",
    "variant_coding": r"^[cn]\.",
    "variant_transcript": r"^(N[MR]_|ENST)\d+",
    "variant_assembly": r"(?i)^(grch3[78]|hg(19|38))",
    "variant_chromosome": r"(?i)^(chr)?([1-9]|1\d|2[0-4]|X|Y|MT?)$",
    "variant_reference": r"^([ACGT]+|-)$",
    "variant_alternate": r"^([ACGT]+|-)$",
}
"""What the cells of some elements look like."""

_TELLING = (frozenset(SHAPES) | {"variant_gene"}) - {
    "variant_chromosome",
    "variant_reference",
    "variant_alternate",
}
"""Elements whose cells look like nothing else, so that no header is needed."""

_NOT = frozenset({"no", "not", "non", "without", "kein", "keine", "ohne"})
_GENERIC = frozenset({"risk", "group", "grade", "stage", "class", "stadium", "gruppe", "type"})
"""Words of codes that say no more than the name of their element: ``Low risk``."""

_CENTURY = 1900
_FITS = 0.99
_BINARY = 2


@dataclass(frozen=True, slots=True)
class Fit:
    """How well the cells fit an element.

    Attributes:
        score: 0 to 1.
        factor: Below 1 where the cells contradict the element.
        telling: Whether the cells alone, whatever the header, point to the element.
        texts: The evidence, in words.
        unit: The unit in which they fit.
        value_map: The element's value for each code that is understood.
    """

    score: float
    factor: float = 1.0
    telling: bool = False
    texts: tuple[str, ...] = ()
    unit: str = ""
    value_map: Mapping[str, str] = field(default_factory=dict)


class Codes:
    """What the codes of elements are called; every question is answered once."""

    def __init__(self, memory: Memory = NOTHING) -> None:
        self._memory = memory
        self._known: dict[str, Mapping[str, tuple[str, ...]]] = {}
        self._found: dict[tuple[str, str], str] = {}
        self._mapped: dict[tuple[str, tuple[tuple[str, str], ...]], Mapping[str, str]] = {}

    def mapped(self, element: Element, values: Mapping[str, str]) -> Mapping[str, str]:
        """The element's code for each permitted value (with its meaning) that is understood."""
        key = element.name, tuple(values.items())
        if key not in self._mapped:
            self._mapped[key] = {
                value: code
                for value, meaning in values.items()
                if (code := self.code(element, value, meaning))
            }
        return self._mapped[key]

    def code(self, element: Element, value: str, meaning: str) -> str:
        """The element's code for one permitted value, if its text or meaning says so."""
        texts = filter(None, (meaning, value))
        return next((code for text in texts if (code := self._code_of(element, text))), "")

    def _code_of(self, element: Element, text: str) -> str:
        key = element.name, text
        if key not in self._found:
            self._found[key] = _code_of_text(element, text, self._names(element))
        return self._found[key]

    def _names(self, element: Element) -> Mapping[str, tuple[str, ...]]:
        """Every word for each code of an element."""
        if element.name not in self._known:
            taught = value_words(element.name)
            known = {
                code: (code, *taught.get(code, ()), *self._memory.words_for(element.name, code))
                for code in element.codes
            }
            for value in element.values:
                known[value.code] = (*known[value.code], value.label)
            self._known[element.name] = known
        return self._known[element.name]


def fit(element: Element, column: Column, catalogue: Catalogue, codes: Codes) -> Fit:
    """Judge the cells of a column against an element.

    Args:
        element: What it may feed.
        column: The column.
        catalogue: For the genes.
        codes: What the codes of elements are called.
    """
    if not column.texts.len():
        return Fit(0.0, 0.8, texts=("the column is empty",))
    if element.type.is_numeric:
        return _numeric(element, column)
    if element.codes:
        return _coded(element, column, codes)
    return _text(element, column, catalogue)


def that_may_tell(column: Column, catalogue: Catalogue) -> tuple[Element, ...]:
    """The elements to which the cells of a column could point under any header."""
    if column.type is ColumnType.CATEGORY and spelled_out(column.values) > 1:
        return tuple(element for element in catalogue.values() if element.values)
    if column.type is ColumnType.TEXT:
        return tuple(catalogue[name] for name in sorted(_TELLING) if name in catalogue)
    return ()


def is_medical(column: Column) -> bool:
    """Whether the cells are karyotypes, HGVS names or alleles, not free text."""
    return not column.is_numeric and any(column.share(shape) >= 0.5 for shape in SHAPES.values())


def _numeric(element: Element, column: Column) -> Fit:
    if element.type is ValueType.DAY and column.is_dated:
        return Fit(0.8, texts=("the cells are dates",))
    if against := _against_numbers(element, column):
        return against
    shares = {unit: _within(element, column, factor) for unit, factor in element.units.items()}
    if not shares:
        share = _within(element, column, 1.0)
        return Fit(share, texts=(f"{share:.0%} of the values lie in the plausible range",))
    unit, texts = _unit(element, column, shares)
    share = shares[unit]
    factor = 1.0 if share >= 0.5 else 0.6
    said = f"{share:.0%} of the values lie within {element.low:g}–{element.high:g} {element.unit}"
    return Fit(share, factor, texts=(f"{said} if in {unit}", *texts), unit=unit)


def _against_numbers(element: Element, column: Column) -> Fit | None:
    """What forbids a column to feed a numeric element, if anything does."""
    if not column.is_numeric:
        return Fit(0.0, 0.35, texts=("against it: the cells are not numbers",))
    if column.distinct <= _BINARY and column.numbers.len() > 5:
        return Fit(0.0, 0.45, texts=(f"against it: only {column.distinct} different values",))
    if element.type is ValueType.INTEGER and column.type is ColumnType.NUMBER:
        return Fit(0.0, 0.5, texts=("against it: the cells have fractions",))
    if column.is_calendar:
        return Fit(0.0, 0.5, texts=("against it: the cells are calendar years",))
    if column.unit and element.units and column.unit not in element.units:
        return Fit(0.0, 0.6, texts=(f"against it: {column.unit} is no unit of it",))
    return None


def _unit(
    element: Element, column: Column, shares: Mapping[str, float]
) -> tuple[str, tuple[str, ...]]:
    """The unit said by header or unit column; else one in which the values fit, and the others."""
    if column.unit:
        return column.unit, (column.unit_why,)
    fitting = [unit for unit, share in shares.items() if share >= _FITS]
    best = max(shares, key=lambda unit: shares[unit])
    unit = element.unit if element.unit in fitting else best
    others = [other for other in fitting if element.units[other] != element.units[unit]]
    if others:
        return unit, (f"unit to be confirmed: the range also allows {', '.join(others)}",)
    return unit, ("unit by range alone",)


def _within(element: Element, column: Column, factor: float) -> float:
    low = element.low if element.low is not None else float("-inf")
    high = element.high if element.high is not None else float("inf")
    return _between(column, low / factor, high / factor)


def _between(column: Column, low: float, high: float) -> float:
    """Share of the numbers from low to high, both included."""
    inside = bisect_right(column.in_order, high) - bisect_left(column.in_order, low)
    return inside / len(column.in_order)


def _coded(element: Element, column: Column, codes: Codes) -> Fit:
    if column.is_numeric and (bands := _bands(element)):
        share = max(
            sum(_between(column, low - start, high - start) for low, high in bands)
            for start in (0, _CENTURY)
        )
        if share >= _FITS:
            return Fit(share, texts=(f"{share:.0%} of the values lie in its bands",))
    if column.type is not ColumnType.CATEGORY:
        return Fit(0.0, 0.3, texts=(f"against it: {column.distinct} different values",))
    mapped = codes.mapped(element, column.values)
    share = sum(column.counts.get(value, 0) for value in mapped) / column.texts.len()
    plain = set(column.values) <= {"0", "1"}
    telling = share >= _FITS and spelled_out(mapped) > 1 and len(set(mapped.values())) > 1
    if plain and mapped:
        texts = ("0 and 1 taken for " + " and ".join(element.codes[:2]),)
    elif mapped:
        texts = (f"codes fit: {', '.join(f'{k}={v}' for k, v in mapped.items())}",)
    else:
        texts = ("none of the codes is understood",)
    factor = 1.0 if mapped else (0.8 if _is_numbered(column) else 0.75)
    score = 0.6 * share if plain else share
    return Fit(score, factor, telling, texts, value_map=mapped)


def _is_numbered(column: Column) -> bool:
    """Whether the codes are numbers whose meaning only the steward knows."""
    return all(value.isdigit() for value in column.values)


def spelled_out(codes: Iterable[str]) -> int:
    """How many codes are words, and not merely 0, 1, yes, no."""
    plain = yes_or_no()
    return sum(value.casefold() not in plain and not value.isdigit() for value in codes)


@cache
def _span(code: str) -> tuple[float, float] | None:
    """The numbers that a code such as 1995-1999 stands for."""
    found = re.fullmatch(r"(\d+)\s*[-–]\s*(\d+)", code)
    return (float(found[1]), float(found[2])) if found else None


def _bands(element: Element) -> tuple[tuple[float, float], ...]:
    """The spans of numbers that an element has as codes, if all its codes are such."""
    if not element.values or not _span(element.values[0].code):
        return ()
    spans = (_span(value.code) for value in element.values)
    return tuple(span for span in spans if span)


def _code_of_text(element: Element, text: str, known: Mapping[str, tuple[str, ...]]) -> str:
    whole = text.casefold().replace("_", " ").strip()
    telling = [word for word in whole.split() if word not in _GENERIC]
    bare = " ".join(telling) or whole
    for code, names in known.items():
        if any(bare == name.casefold() for name in names):
            return code
    if len(element.codes) == _BINARY and element.name != "sex" and bare in yes_or_no():
        return element.codes[yes_or_no()[bare] == "yes"]
    if element.type is ValueType.FINDING and (code := _finding(element, bare)):
        return code
    return _nearly(bare, known) if len(bare) > 2 else ""


def _finding(element: Element, text: str) -> str:
    """``no ITD`` is negative and ``ITD`` positive for FLT3-ITD."""
    spoken = words(text)
    if len(spoken) > 1 and spoken[0] in _NOT:
        return Finding.NEGATIVE
    return Finding.POSITIVE if set(spoken) <= set(words(element.name)) else ""


def _nearly(text: str, known: Mapping[str, tuple[str, ...]]) -> str:
    """The code whose words are abbreviated by, or spelled nearly like, the text."""
    tests: tuple[Callable[[str], bool], ...] = (
        lambda name: _abbreviates(words(text), words(name)),
        lambda name: _spelled_alike(text, name.casefold()),
    )
    for holds in tests:
        for code, names in known.items():
            if any(holds(name) for name in names):
                return code
    return ""


def _spelled_alike(one: str, other: str) -> bool:
    """Whether two words of some length differ in a letter or two, and in no digit."""
    digits = [[letter for letter in text if letter.isdigit()] for text in (one, other)]
    long = min(len(one), len(other)) > 4
    return long and digits[0] == digits[1] and letter_pairs_shared(one, other) >= 0.8


def _abbreviates(short: tuple[str, ...], full: tuple[str, ...]) -> bool:
    """Whether every word begins the word at its place: ``Inter-1`` for ``intermediate-1``."""
    return len(short) == len(full) > 0 and all(
        long.startswith(word) and (len(word) > 2 or word == long)
        for word, long in zip(short, full, strict=True)
    )


def _text(element: Element, column: Column, catalogue: Catalogue) -> Fit:
    if element.name == "variant_gene" and not column.is_numeric:
        return _genes(column, catalogue)
    shape = SHAPES.get(element.name)
    if shape is None:
        if column.type is ColumnType.NUMBER:
            return Fit(0.0, 0.5, texts=("against it: the cells are numbers",))
        return Fit(0.5)
    share = column.share(shape)
    telling = share >= 0.8 and element.name in _TELLING
    if share >= 0.5:
        return Fit(share, 1.0, telling, (f"{share:.0%} of the cells have its shape",))
    return Fit(0.0, 0.6, texts=(f"against it: {share:.0%} of the cells have its shape",))


def _genes(column: Column, catalogue: Catalogue) -> Fit:
    known = column.texts.is_in(list(catalogue.symbols))
    genes = column.texts.filter(known).n_unique()
    share = share_of(known)
    telling = genes >= 5 and column.share(r"^[A-Za-z][A-Za-z0-9.-]{1,15}$") > 0.95
    if genes < 2 and share < _FITS:
        return Fit(0.0, 0.5, texts=("against it: no gene symbols of the catalogue",))
    said = f"{genes} gene symbols of the catalogue in {share:.0%} of the cells"
    return Fit(1.0 if telling else 0.5, 1.0, telling, (said,))
