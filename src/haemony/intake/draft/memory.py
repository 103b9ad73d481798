"""What accepted contributions have taught: how others called an element, and coded its values.

Every confirmed line of a dictionary is a person's judgement. A draft remembers them: the column
names and labels under which an element came before, and the codes that meant its values. A name
that meant different things in different contributions counts for each in proportion, so that a
column called ``time`` teaches little.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from haemony.intake.dictionary import Dictionary
from haemony.intake.draft.knowledge import Form
from haemony.intake.draft.words import words
from haemony.model.element import Catalogue

_BASE = 0.1
"""What a contribution weighs that shares no element with this one."""


@dataclass(frozen=True)
class Memory:
    """What dictionaries taught.

    Attributes:
        forms: Names of elements, each with the share of contributions in which it meant that one.
        codes: The words, in small letters, that meant each code of an element.
        together: The elements of each contribution, by its id.
    """

    forms: tuple[Form, ...] = ()
    codes: Mapping[str, Mapping[str, tuple[str, ...]]] = field(
        default_factory=lambda: MappingProxyType({})
    )
    together: Mapping[str, frozenset[str]] = field(default_factory=lambda: MappingProxyType({}))

    @classmethod
    def of(cls, dictionaries: Mapping[str, Dictionary]) -> Memory:
        """Learn from dictionaries that a person has confirmed.

        Args:
            dictionaries: Each by the id of its contribution.

        Example:
            >>> from haemony.intake.dictionary import Entry
            >>> trial = Dictionary((Entry("clinical", "Leukos", element="wbc"),))
            >>> [(form.element, form.text, form.origin) for form in Memory.of({"98A": trial}).forms]
            [('wbc', 'Leukos', 'column of 98A')]
        """
        seen: Counter[tuple[str, str]] = Counter()
        first: dict[tuple[str, str], tuple[str, str]] = {}
        codes: dict[str, dict[str, list[str]]] = {}
        for name, dictionary in dictionaries.items():
            for entry in dictionary.mapped():
                for text in filter(None, {entry.column, entry.label}):
                    key = ("".join(words(text)), entry.element)
                    seen[key] += 1
                    place = "column" if text == entry.column else "label"
                    first.setdefault(key, (text, f"{place} of {name}"))
                for value, code in entry.value_map.items():
                    if code and not value.isdigit():
                        codes.setdefault(entry.element, {}).setdefault(code, []).append(
                            value.casefold()
                        )
        told = {name: {c: tuple(w) for c, w in of.items()} for name, of in codes.items()}
        together = {
            name: frozenset(entry.element for entry in dictionary.mapped())
            for name, dictionary in dictionaries.items()
        }
        return cls(tuple(_forms(seen, first)), told, together)

    def words_for(self, element: str, code: str) -> tuple[str, ...]:
        """The words that meant a code of an element before."""
        return tuple(self.codes.get(element, {}).get(code, ()))

    def frequency(self, beside: Collection[str]) -> Mapping[str, float]:
        """How often elements came, 0 to 1, where contributions like this one count more.

        Args:
            beside: Elements that this contribution seems to have; those it shares with another
                say how alike both are.
        """
        weights = {
            name: _BASE + len(elements & set(beside)) / (len(beside) or 1)
            for name, elements in self.together.items()
        }
        total = sum(weights.values())
        found: dict[str, float] = {}
        for name, elements in self.together.items():
            for element in elements:
                found[element] = found.get(element, 0.0) + weights[name] / total
        return found

    def known_to(self, catalogue: Catalogue) -> tuple[Form, ...]:
        """The names of elements that a catalogue holds."""
        return tuple(form for form in self.forms if form.element in catalogue)


def _forms(
    seen: Counter[tuple[str, str]], first: Mapping[tuple[str, str], tuple[str, str]]
) -> Iterable[Form]:
    every: Counter[str] = Counter()
    for (name, _), times in seen.items():
        every[name] += times
    for (name, element), times in seen.items():
        text, origin = first[name, element]
        yield Form(element, text, origin, times / every[name])


NOTHING = Memory()
"""The memory of somebody who has seen no contribution yet."""
