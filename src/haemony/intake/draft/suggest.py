"""Rank the elements a column may feed, each with the evidence for it.

A score is no probability: it orders suggestions, and a person decides. Three quarters of what
counts is the name (header or label against names, labels and synonyms), the rest is what the cells
say. Other columns of the table and contributions before decide between near equals. A column whose
name says nothing still gets what its cells allow, under scores too low for the dictionary.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from haemony.intake.dictionary import ColumnType
from haemony.intake.draft.column import Column
from haemony.intake.draft.evidence import Codes, Fit, fit, spelled_out, that_may_tell
from haemony.intake.draft.knowledge import Index, forms
from haemony.intake.draft.memory import NOTHING, Memory
from haemony.intake.draft.names import Named, Names
from haemony.intake.draft.pairs import pairs, state_of
from haemony.intake.draft.words import words
from haemony.model.element import Catalogue, Element, ValueType

MOST = 5
"""Suggestions kept per column."""

LEAST = 0.35
"""The lowest score that a name must reach to be evidence."""

ENOUGH = 0.5
"""The lowest score that is written into the dictionary."""

COMPANIONS = (
    ("last_contact_day", "vital_status"),
    ("event_free_day", "event_free_status"),
    ("transplant_day", "transplant_type"),
    ("complete_remission_day", "relapse_day"),
    ("variant_gene", "variant_protein"),
    ("variant_chromosome", "variant_position"),
    ("variant_reference", "variant_alternate"),
    ("marrow_blasts", "blood_blasts"),
)
"""Elements that seldom come alone."""


@dataclass(frozen=True, slots=True)
class Suggestion:
    """One element a column may feed.

    Attributes:
        element: Its name in the catalogue.
        score: 0 to 1; orders the suggestions of a column.
        evidence: What speaks for it and against it.
        unit: The unit the values seem to be in.
        value_map: The element's value for each code that is understood.
    """

    element: str
    score: float
    evidence: tuple[str, ...]
    unit: str = ""
    value_map: Mapping[str, str] = field(default_factory=dict)


BY_CELLS = 0.3
"""The highest score of what the cells alone suggest."""

_CLEAR = 0.8
_EXACT = 0.9
_TAKEN = 0.75
_USUAL = 0.12
_BESIDE = 0.6
_UNKNOWN_CODES = 0.2
_SPOKEN = 4
"""How much more codes in words that an element understands say than 0 and 1."""

_WIDE = 200
"""Beyond so many columns whose names say nothing, they are measurements of one kind."""

_TIMES = frozenset({"time", "day", "date", "month", "week", "survival"})
"""Words of headers that speak of times."""

_PARTNERS = {**dict(COMPANIONS), **{other: one for one, other in COMPANIONS}}
_UNNAMED = Named(0.0, "")


class Known:
    """All that is known before a table is looked at; made once, used for every table.

    Args:
        catalogue: The elements that columns may feed.
        memory: What contributions before have taught.
    """

    def __init__(self, catalogue: Catalogue, memory: Memory = NOTHING) -> None:
        self.catalogue, self.memory = catalogue, memory
        self.index = Index((*forms(catalogue), *memory.known_to(catalogue)))
        self.codes = Codes(memory)


def rank(columns: Sequence[Column], known: Known) -> tuple[tuple[Suggestion, ...], ...]:
    """The suggestions for every column of one table, best first."""
    names = Names(columns, known.catalogue, known.index)
    first = [_of_column(column, names.of(column), known) for column in columns]
    table = _Table.of(columns, first, known)
    settled = [
        _with_values(table.settled(column, found), names.in_values(column))
        for column, found in zip(columns, first, strict=True)
    ]
    if sum(not found for found in settled) <= _WIDE:
        settled = [
            (*found, *table.by_cells(column, found))
            for column, found in zip(columns, settled, strict=True)
        ]
    return tuple(tuple(map(_rounded, found[:MOST])) for found in settled)


def _of_column(column: Column, named: Mapping[str, Named], known: Known) -> tuple[Suggestion, ...]:
    """What name and cells of one column suggest, whatever stands beside it."""
    found = []
    clear = {name for name, its in named.items() if its.score >= LEAST}
    for name in sorted(clear):
        element = known.catalogue[name]
        cells = fit(element, column, known.catalogue, known.codes)
        found.append(_suggestion(element, named[name], cells))
    for element in that_may_tell(column, known.catalogue):
        if element.name not in clear:
            cells = fit(element, column, known.catalogue, known.codes)
            if cells.telling:
                found.append(_suggestion(element, named.get(element.name, _UNNAMED), cells))
    return tuple(found)


def _with_values(
    found: tuple[Suggestion, ...], named: Mapping[str, tuple[str, Named]]
) -> tuple[Suggestion, ...]:
    """Add the findings that single values name, below what the whole column names."""
    known = {suggestion.element for suggestion in found}
    more = [
        Suggestion(element, name.score, (name.why,), value_map={value: "positive"})
        for element, (value, name) in named.items()
        if element not in known
    ]
    return tuple(sorted((*found, *more), key=lambda suggestion: -suggestion.score))


def _suggestion(element: Element, name: Named, cells: Fit) -> Suggestion:
    score = 0.75 * name.score + 0.25 * cells.score
    if cells.telling:
        score = max(score, 0.65 + 0.3 * name.score)
    score *= cells.factor
    if name.score >= _EXACT:
        score = max(score, LEAST)
    evidence = tuple(filter(None, (name.why if name.score >= LEAST else "", *cells.texts)))
    return Suggestion(element.name, score, evidence, cells.unit, cells.value_map)


def _rounded(suggestion: Suggestion) -> Suggestion:
    return replace(suggestion, score=round(min(suggestion.score, 0.99), 2))


@dataclass(frozen=True, slots=True)
class _Table:
    """What the columns of a table seem to be, together.

    Attributes:
        known: What was known before.
        likely: The best element of every column that has one.
        taken: For each element the column that names it best, and how well.
        usual: How often each element came in contributions like this one, 0 to 1.
        beside: For a time the column that says whether its event came, and the other way round.
        best: The best element of every column, by its name, and its score.
        lists_variants: Whether each row seems to be a variant.
    """

    known: Known
    likely: frozenset[str]
    taken: Mapping[str, tuple[str, float]]
    usual: Mapping[str, float]
    beside: Mapping[str, str]
    best: Mapping[str, tuple[str, float]]
    lists_variants: bool

    @classmethod
    def of(
        cls,
        columns: Sequence[Column],
        first: Sequence[tuple[Suggestion, ...]],
        known: Known,
    ) -> _Table:
        best: dict[str, tuple[str, float]] = {}
        taken: dict[str, tuple[str, float]] = {}
        for column, found in zip(columns, first, strict=True):
            if not found:
                continue
            top = max(found, key=lambda suggestion: suggestion.score)
            best[column.name] = top.element, top.score
            if top.score > max(_CLEAR, taken.get(top.element, ("", 0.0))[1]):
                taken[top.element] = column.name, top.score
        likely = frozenset(element for element, _ in best.values())
        clear = {element for element, score in best.values() if score >= _CLEAR}
        kinds = [name for name in likely if name.startswith("variant_")]
        found_pairs = {time: state.name for time, state in pairs(columns).items()}
        return cls(
            known,
            likely,
            taken,
            known.memory.frequency(clear),
            found_pairs | {state: time for time, state in found_pairs.items()},
            best,
            "variant_gene" in kinds and len(kinds) > 2,
        )

    def settled(self, column: Column, found: Sequence[Suggestion]) -> tuple[Suggestion, ...]:
        """The suggestions of one column in the light of all columns, best first."""
        told = self._told(column, found)
        again = {suggestion.element for suggestion in told}
        every = (*(one for one in found if one.element not in again), *told)
        weighed = [self._weighed(column, suggestion) for suggestion in every]
        ranked = sorted(weighed, key=lambda suggestion: -suggestion.score)
        return tuple(suggestion for suggestion in ranked if suggestion.score >= LEAST)

    def _weighed(self, column: Column, suggestion: Suggestion) -> Suggestion:
        element = self.known.catalogue[suggestion.element]
        score = suggestion.score
        evidence = suggestion.evidence
        if (element.record == "variant") != self.lists_variants:
            score *= 0.6
        holder, its = self.taken.get(element.name, ("", 0.0))
        if holder not in {"", column.name} and its > score + 0.05:
            score *= _TAKEN
            evidence = (*evidence, f"against it: {holder} names it better")
        score += _USUAL * self.usual.get(element.name, 0.0)
        if partner := self._partner(element.name):
            score += 0.03
            evidence = (*evidence, f"another column seems to be {partner}")
        return replace(suggestion, score=score, evidence=evidence)

    def _partner(self, element: str) -> str:
        partner = _PARTNERS.get(element, "")
        return partner if partner in self.likely else ""

    def _told(self, column: Column, found: Sequence[Suggestion]) -> tuple[Suggestion, ...]:
        """What the time or the state beside a column tells about it."""
        other = self.beside.get(column.name, "")
        theirs, score = self.best.get(other, ("", 0.0))
        mine = self._other_half(theirs)
        if not mine:
            return ()
        known = {suggestion.element: suggestion.score for suggestion in found}
        cells = fit(self.known.catalogue[mine], column, self.known.catalogue, self.known.codes)
        score = _BESIDE * score * cells.factor
        if known.get(mine, 0.0) >= score:
            return ()
        texts = (f"{other} beside it seems to be {theirs}", *cells.texts)
        return (Suggestion(mine, score, texts, cells.unit, cells.value_map),)

    def _other_half(self, element: str) -> str:
        """The state of a day, or the day of a state."""
        if not element:
            return ""
        if self.known.catalogue[element].type is ValueType.DAY:
            return state_of(element, self.known.catalogue)
        days = (e.name for e in self.known.catalogue.values() if e.type is ValueType.DAY)
        return next((day for day in days if state_of(day, self.known.catalogue) == element), "")

    def by_cells(self, column: Column, found: Sequence[Suggestion]) -> tuple[Suggestion, ...]:
        """What the cells allow where names say little: the usual elements that they fit."""
        missing = MOST - len(found)
        named = {suggestion.element for suggestion in found}
        if missing <= 0 or not column.texts.len():
            return ()
        fitting: list[Suggestion] = []
        most = _SPOKEN if spelled_out(column.values) else 1
        for chance, element in self._chances(column):
            if len(fitting) >= missing and fitting[missing - 1].score >= BY_CELLS * chance * most:
                break
            if element.name not in named and (cells := self._fitting(column, element)):
                said = _SPOKEN if spelled_out(cells.value_map) else 1
                score = BY_CELLS * min(chance * cells.score * said, 1.0)
                texts = ("by its cells alone", *cells.texts)
                fitting.append(Suggestion(element.name, score, texts, cells.unit, cells.value_map))
                fitting.sort(key=lambda suggestion: -suggestion.score)
        return tuple(fitting[:missing])

    def _fitting(self, column: Column, element: Element) -> Fit | None:
        """How the cells fit an element, unless they contradict it."""
        cells = fit(element, column, self.known.catalogue, self.known.codes)
        if not cells.score and element.codes and column.type is ColumnType.CATEGORY:
            cells = replace(cells, score=_UNKNOWN_CODES * cells.factor, factor=1.0)
        return cells if cells.factor == 1.0 and cells.score > 0 else None

    def _chances(self, column: Column) -> list[tuple[float, Element]]:
        """How likely each element is before the cells are looked at, the likeliest first."""
        elements = (e for e in self.known.catalogue.values() if not (e.method or e.record))
        chances = [(self._chance(column, element), element) for element in elements]
        return sorted(chances, key=lambda pair: -pair[0])

    def _chance(self, column: Column, element: Element) -> float:
        usual = 0.05 + 0.95 * self.usual.get(element.name, 0.0)
        if element.name in self.taken:
            usual *= 0.3
        if _TIMES.intersection(words(column.name)) and element.unit != "d":
            usual *= 0.3
        return usual
