"""Rank the elements a column may feed, each with the evidence for it.

A score is no probability: it orders suggestions, and a person decides. Half of what counts is the
name (header or label against names, labels and synonyms), the rest is what the cells say.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from haemony.intake.draft.column import Column
from haemony.intake.draft.evidence import Fit, fit, may_tell
from haemony.intake.draft.knowledge import Index, forms, named_lesions
from haemony.intake.draft.lesions import lesions, overlap
from haemony.intake.draft.memory import NOTHING, Memory
from haemony.intake.draft.words import likeness
from haemony.model.element import Catalogue, Element

MOST = 5
"""Suggestions kept per column."""

LEAST = 0.35
"""The lowest score worth showing."""

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


def rank(
    columns: Sequence[Column], catalogue: Catalogue, memory: Memory = NOTHING
) -> tuple[tuple[Suggestion, ...], ...]:
    """The suggestions for every column of one table, best first.

    Args:
        columns: The columns of the table.
        catalogue: The elements they may feed.
        memory: What contributions before have taught.
    """
    index = Index((*forms(catalogue), *memory.known_to(catalogue)))
    first = [_of_column(column, catalogue, index, memory) for column in columns]
    likely = {found[0].element for found in first if found}
    kinds = _is_variant_table(likely)
    return tuple(_settled(found, likely, catalogue, variants=kinds) for found in first)


def _of_column(
    column: Column, catalogue: Catalogue, index: Index, memory: Memory
) -> tuple[Suggestion, ...]:
    named = _by_name(column, catalogue, index)
    found = []
    for element in catalogue.values():
        name, why = named.get(element.name, (0.0, ""))
        if name < LEAST and not may_tell(element, column):
            continue
        cells = fit(element, column, catalogue, memory)
        if name < LEAST and not cells.telling:
            continue
        found.append(_suggestion(element, name, why, cells))
    return tuple(sorted(found, key=lambda suggestion: -suggestion.score))


def _suggestion(element: Element, name: float, why: str, cells: Fit) -> Suggestion:
    score = 0.75 * name + 0.25 * cells.score
    if cells.telling:
        score = max(score, 0.65 + 0.3 * name)
    evidence = tuple(filter(None, (why if name >= LEAST else "", *cells.texts)))
    return Suggestion(
        element.name, min(score * cells.factor, 0.99), evidence, cells.unit, cells.value_map
    )


def _by_name(column: Column, catalogue: Catalogue, index: Index) -> dict[str, tuple[float, str]]:
    """How well header and label name each element, and how."""
    best: dict[str, tuple[float, str]] = {}
    texts = [("header", column.title)] + [("label", column.label)] * bool(column.label)
    for place, text in texts:
        for form in index.near(text):
            like = likeness(text, form.text)
            score = like.score * form.weight
            if score > best.get(form.element, (0.0, ""))[0]:
                said = f"the {place} {like.manner} its {form.origin} “{form.text}”"
                best[form.element] = score, said
        mine = lesions(text)
        for element in catalogue.values() if mine else ():
            score = 0.97 * max((overlap(mine, its) for its in named_lesions(element)), default=0.0)
            score -= 0.15 * (("other" in element.name) != ("other" in text.lower()))
            if score > best.get(element.name, (0.0, ""))[0]:
                best[element.name] = score, f"the {place} names the abnormality {element.label}"
    return best


def _is_variant_table(likely: set[str]) -> bool:
    return "variant_gene" in likely and len([n for n in likely if n.startswith("variant_")]) > 2


def _settled(
    found: tuple[Suggestion, ...], likely: set[str], catalogue: Catalogue, *, variants: bool
) -> tuple[Suggestion, ...]:
    """Take into account what the other columns of the table seem to be."""
    weighed = []
    for suggestion in found:
        is_variant = catalogue[suggestion.element].record == "variant"
        score = suggestion.score * (1.0 if is_variant == variants else 0.6)
        partner = _partner(suggestion.element, likely)
        evidence = suggestion.evidence
        if partner:
            score = min(score + 0.03, 0.99)
            evidence = (*evidence, f"another column seems to be {partner}")
        weighed.append(replace(suggestion, score=round(score, 2), evidence=evidence))
    ranked = sorted(weighed, key=lambda suggestion: -suggestion.score)
    return tuple(suggestion for suggestion in ranked if suggestion.score >= LEAST)[:MOST]


def _partner(element: str, likely: set[str]) -> str:
    pairs = {**dict(COMPANIONS), **{other: one for one, other in COMPANIONS}}
    partner = pairs.get(element, "")
    return partner if partner in likely else ""
