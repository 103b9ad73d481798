"""What header and label of a column name: an element by its words, an abnormality, a gene.

The values of a column name elements too: ``BCR/ABL`` among the values of *molecular class*.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from haemony.intake.dictionary import ColumnType
from haemony.intake.draft.column import Column
from haemony.intake.draft.knowledge import RULE, Form, Index, yes_or_no
from haemony.intake.draft.lesions import lesions, overlap, qualifiers
from haemony.intake.draft.words import likeness
from haemony.model.element import Catalogue, Element, ValueType

_METHODS = ("copy number", "fish", "karyotype")
"""Methods that find abnormalities of chromosomes; without other evidence the last is likeliest."""

_SERIES = re.compile(r"(?i)^c(\d{1,2}|x|y)([pq]?)([ugld]?)$")
_SERIES_KINDS = {"u": "cnloh", "g": "gain", "l": "loss", "d": "loss", "": "chr"}
_ENOUGH_OF_A_SERIES = 5
_GENE = re.compile(r"^([A-Z][A-Za-z0-9]*[A-Z0-9])(?=[a-z_\W]|$)")
_QUALIFIERS = {
    "del": ("deleted", "lost"), "loss": ("deleted", "lost"), "amp": ("amplified",),
    "gain": ("amplified",), "noncan": ("other",), "nc": ("other",), "vaf": ("allele", "burden"),
    "cs": ("clone",), "ccf": ("clone",), "e": ("exon",), "ex": ("exon",), "bi": ("biallelic",),
    "dm": ("biallelic",), "dbl": ("biallelic",), "ar": ("ratio",), "r": ("rearranged",),
    "rearr": ("rearranged",), "tr": ("rearranged",), "fus": ("fusion", "rearranged"),
}  # fmt: skip
"""What is written behind a gene, and the words for it in the names of elements."""

_NAMED_BY_A_VALUE = 0.45


@dataclass(frozen=True, slots=True)
class Named:
    """How well a column names an element: a score (above 1 between exact names), and how."""

    score: float
    why: str


class Names:
    """Knows what the columns of one table name.

    Args:
        columns: The columns of the table; abnormalities are read in the light of all of them.
        catalogue: The elements they may feed.
        index: Every known spelling of their names.
    """

    def __init__(self, columns: Sequence[Column], catalogue: Catalogue, index: Index) -> None:
        self._catalogue = catalogue
        self._index = index
        self._series = _series(columns)
        self._genes = _by_gene(catalogue)
        self._method = self._of_table(columns)

    def of(self, column: Column) -> Mapping[str, Named]:
        """The elements that a column names by its header and its label."""
        best: dict[str, Named] = {}
        for place, text in self._texts(column):
            told = (
                *self._spelled(place, text),
                *self._abnormal(place, self._series.get(text, text)),
                *self._of_gene(place, text),
            )
            for element, named in told:
                if named.score > best.get(element, Named(0.0, "")).score:
                    best[element] = named
        return best

    def in_values(self, column: Column) -> Mapping[str, tuple[str, Named]]:
        """The findings that single values of a column name, each with that value."""
        found: dict[str, tuple[str, Named]] = {}
        plain = yes_or_no()
        if column.type is not ColumnType.CATEGORY:
            return found
        for value, meaning in column.values.items():
            text = meaning or value
            letters = sum(map(str.isalpha, text))
            if text.casefold() in plain or len(text) < 3 or not letters:
                continue
            for name in self._meant(text):
                found.setdefault(
                    name, (value, Named(_NAMED_BY_A_VALUE, f"its value “{value}” names it"))
                )
        return found

    def _meant(self, text: str) -> Iterable[str]:
        """The findings that a text names exactly, or by an abnormality."""
        for form in self._index.near(text):
            if self._is_finding(form) and likeness(text, form.text).score >= 0.9:
                yield form.element
        mine = lesions(text)
        for form in self._index.of_regions(mine):
            if self._is_finding(form) and overlap(mine, lesions(form.text)) >= 0.9:
                yield form.element

    def _is_finding(self, form: Form) -> bool:
        return self._catalogue[form.element].type is ValueType.FINDING

    def _texts(self, column: Column) -> list[tuple[str, str]]:
        texts = [("header", column.title)]
        if column.title != column.name:
            texts.append(("header", column.name))
        return texts + [("label", column.label)] * bool(column.label)

    def _spelled(self, place: str, text: str) -> Iterable[tuple[str, Named]]:
        """Elements whose names the words of a text are alike to."""
        mine = lesions(text)
        for form in self._index.near(text):
            like = likeness(text, form.text)
            theirs = lesions(form.text) if mine else mine
            if not like.score or (theirs and not overlap(mine, theirs)):
                continue
            score = like.score * (0.35 + 0.65 * form.weight)
            if like.score == 1.0 and form.origin == "name":
                score = 1.02
            if like.score >= 0.9:
                score += self._bonus(form.element)
            said = f"the {place} {like.manner} its {form.origin} “{form.text}”"
            yield form.element, Named(score, said)

    def _abnormal(self, place: str, text: str) -> Iterable[tuple[str, Named]]:
        """Elements that name the same abnormalities as a text."""
        mine = lesions(text)
        for form in self._index.of_regions(mine):
            shared = overlap(mine, lesions(form.text))
            if not shared:
                continue
            score = shared * (0.35 + 0.65 * form.weight) + self._bonus(form.element)
            score += _by_qualifiers(qualifiers(text), qualifiers(form.text), form)
            score -= 0.15 * (("other" in form.element) != ("other" in text.lower()))
            label = self._catalogue[form.element].label
            yield form.element, Named(score, f"the {place} names the abnormality {label}")

    def _bonus(self, element: str) -> float:
        """A little more for the method by which the table seems to have been made."""
        method = self._catalogue[element].method
        return 0.06 if method in _METHODS and method == self._method else 0.0

    def _of_table(self, columns: Sequence[Column]) -> str:
        """The method whose elements explain most abnormalities of a table."""
        explained: Counter[str] = Counter()
        for column in columns:
            mine = lesions(self._series.get(column.name, column.name))
            explained.update(
                {
                    self._catalogue[form.element].method
                    for form in self._index.of_regions(mine)
                    if overlap(mine, lesions(form.text)) >= 0.9
                }
            )
        return max(_METHODS, key=lambda method: (explained[method], _METHODS.index(method)))

    def _of_gene(self, place: str, text: str) -> Iterable[tuple[str, Named]]:
        """Elements of the gene that a text begins with; what follows tells them apart."""
        symbol = self._gene(text)
        rest = _pieces(text[len(symbol) :]) if symbol else ()
        if not rest:
            return
        approved = self._catalogue.symbols[symbol]
        for element in self._genes.get(approved, ()):
            score = 0.42 + 0.45 * _qualified(rest, element.name[len(approved) :])
            yield element.name, Named(score, f"the {place} begins with the gene {symbol}")

    def _gene(self, text: str) -> str:
        """The longest gene symbol that a text begins with."""
        found = _GENE.match(text.strip())
        longest = found[1] if found else ""
        for length in range(len(longest), 2, -1):
            if longest[:length] in self._catalogue.symbols:
                return longest[:length]
        return ""


def _series(columns: Sequence[Column]) -> dict[str, str]:
    """Columns such as C1p, C4, C9g, if there are enough of them to be the chromosomes."""
    found = {
        column.name: f"{_SERIES_KINDS[match[3].lower()]}{match[1]}{match[2]}"
        for column in columns
        if (match := _SERIES.match(column.name)) and column.type is ColumnType.CATEGORY
    }
    seen = {lesion.chromosome for text in found.values() for lesion in lesions(text)}
    return found if len(seen) >= _ENOUGH_OF_A_SERIES else {}


def _by_gene(catalogue: Catalogue) -> dict[str, tuple[Element, ...]]:
    """The elements of each gene: the gene, and those whose names begin with its symbol."""
    found: dict[str, list[Element]] = {}
    for element in catalogue.values():
        symbol = element.name.split("_")[0]
        if symbol in catalogue.genes:
            found.setdefault(symbol, []).append(element)
    return {symbol: tuple(elements) for symbol, elements in found.items()}


def _pieces(text: str) -> tuple[str, ...]:
    """The words and numbers of what follows a gene: ``e12`` gives both."""
    return tuple(re.findall(r"[a-z]+|\d+", text.lower()))


def _qualified(mine: Sequence[str], of_element: str) -> float:
    """Share of the pieces behind a gene that the rest of an element's name says, too."""
    theirs = _pieces(of_element)
    said = sum(any(_same_qualifier(piece, other) for other in theirs) for piece in mine)
    return said / len(mine) - 0.1 * (not said and bool(theirs))


def _same_qualifier(piece: str, other: str) -> bool:
    if piece.isdigit() or other.isdigit():
        return piece == other
    begins = len(piece) > 1 and other.startswith(piece)
    return piece == other or begins or other in _QUALIFIERS.get(piece, ())


def _by_qualifiers(mine: Iterable[str], theirs: frozenset[str], form: Form) -> float:
    """More where both say the same beside an abnormality, less where only the element does."""
    if form.origin == RULE or not theirs:
        return 0.0
    shared = {word for word in theirs if any(_same_qualifier(piece, word) for piece in mine)}
    return 0.05 if shared else -0.06
