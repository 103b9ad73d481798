"""What the draft knows beforehand, from tables a haematologist or a steward can edit.

``synonyms.csv`` names elements, their values (``sex=male``) and plain *yes* and *no* in several
languages; ``identifiers.csv`` the words that betray an identifier; ``unit_spellings.csv`` how units
are written in headers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from haemony.intake.draft.lesions import Lesion, lesions
from haemony.intake.draft.words import initials, words
from haemony.model.element import Catalogue
from haemony.model.tables import rows

_TABLES = files("haemony.intake")


@dataclass(frozen=True, slots=True)
class Form:
    """One way to write the name of an element, and where it is known from.

    Attributes:
        element: The element.
        text: How it is written.
        origin: Where that is known from.
        weight: How surely the text means this element and no other, 0 to 1.
    """

    element: str
    text: str
    origin: str
    weight: float = 1.0


@cache
def synonyms() -> tuple[tuple[str, str, str], ...]:
    """Every line of ``synonyms.csv``: what it names, the synonym, its language."""
    table = rows(_TABLES / "synonyms.csv")
    return tuple((row["element"], row["synonym"], row["language"]) for _, row in table)


@cache
def identifying_words() -> tuple[tuple[str, str], ...]:
    """Kind of identifier and the word that betrays it."""
    return tuple((row["kind"], row["word"]) for _, row in rows(_TABLES / "identifiers.csv"))


@cache
def _spellings() -> Mapping[str, str]:
    table = [(row["spelling"], row["unit"]) for _, row in rows(_TABLES / "unit_spellings.csv")]
    lower = {text.casefold(): unit for text, unit in table if not text.startswith("G/")}
    return lower | dict(table)


def unit_of(text: str) -> str:
    """The UCUM unit that a text names, or nothing.

    A capital G per litre is giga, a small one gram.

    Example:
        >>> unit_of("G/l"), unit_of("g/l"), unit_of("Monate"), unit_of("blasts")
        ('10*9/L', 'g/L', 'mo', '')
    """
    bare = text.strip().strip("()[]").replace(" ", "").replace("μ", "µ")
    return _spellings().get(bare) or _spellings().get(bare.casefold(), "")


def forms(catalogue: Catalogue) -> tuple[Form, ...]:
    """Every spelling of every element: name, label, synonyms, former gene symbols."""
    found = [Form(e.name, e.name, "name") for e in catalogue.values()]
    found += [Form(e.name, e.label, "label") for e in catalogue.values()]
    found += [
        Form(name, text, f"synonym ({language})")
        for name, text, language in synonyms()
        if name in catalogue
    ]
    found += [
        Form(e.name, e.from_karyotype.split("&")[0], RULE)
        for e in catalogue.values()
        if e.from_karyotype
    ]
    for former, symbol in catalogue.symbols.items():
        if former != symbol:
            found += [
                Form(name, name.replace(symbol, former, 1), "former gene symbol")
                for name in catalogue
                if name == symbol or name.startswith(f"{symbol}_")
            ]
    return tuple({(form.element, form.text.casefold()): form for form in reversed(found)}.values())


RULE = "rule"
"""Origin of spellings that only their abnormalities make comparable."""


class Index:
    """Finds the spellings that a header could be alike to, without comparing it with all."""

    def __init__(self, every: Iterable[Form]) -> None:
        self._by_part: dict[str, list[Form]] = {}
        self._abnormal: dict[str, list[Form]] = {}
        for form in every:
            for lesion in lesions(form.text):
                self._abnormal.setdefault(lesion.chromosome, []).append(form)
            if form.origin != RULE:
                for part in (*_parts(form.text), *_short(form.text)):
                    self._by_part.setdefault(part, []).append(form)

    def near(self, text: str) -> tuple[Form, ...]:
        """The spellings that share a word with a text, or several of its letter triples."""
        shared: Counter[Form] = Counter()
        for part in (*_parts(text), *(f"i:{word}" for word in words(text))):
            shared.update(dict.fromkeys(self._by_part.get(part, ()), 1 if "3:" in part else 3))
        return tuple(form for form, count in shared.items() if count > 2)

    def of_regions(self, mine: Iterable[Lesion]) -> tuple[Form, ...]:
        """The spellings that name an abnormality of one of the same chromosomes."""
        found = (form for lesion in mine for form in self._abnormal.get(lesion.chromosome, ()))
        return tuple(dict.fromkeys(found))


def _short(text: str) -> set[str]:
    """The ways to write a text by first letters and by the beginning of a single word."""
    mine = words(text)
    kept = tuple(word for word in mine if word not in {"day", "date", "time"})
    first = {short for spoken in (mine, kept) if spoken for short in initials(spoken)}
    return {f"i:{short}" for short in first} | ({f"i:{mine[0][:2]}"} if len(mine) == 1 else set())


def _parts(text: str) -> set[str]:
    """The words of a text and their beginnings, the whole of it, and its letter triples."""
    mine = words(text)
    whole = "".join(mine)
    begun = {f"^{word[:3]}" for word in mine if len(word) > 2}
    return {*mine, whole} | begun | {f"3:{whole[i : i + 3]}" for i in range(len(whole) - 2)}


@cache
def _value_words() -> Mapping[str, Mapping[str, tuple[str, ...]]]:
    found: dict[str, dict[str, tuple[str, ...]]] = {}
    for name, text, _ in synonyms():
        element, sign, code = name.partition("=")
        if sign:
            of = found.setdefault(element, {})
            of[code] = (*of.get(code, ()), text)
    return found


def value_words(element: str) -> Mapping[str, tuple[str, ...]]:
    """The words for each code of an element, from lines such as ``sex=male``."""
    return _value_words().get(element, {})


@cache
def yes_or_no() -> Mapping[str, str]:
    """``yes`` or ``no`` for every plain word that means one of them."""
    return {text.casefold(): name for name, text, _ in synonyms() if name in {"yes", "no"}}
