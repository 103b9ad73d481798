"""Our own concepts: the registry of what the catalogue does not say about them.

What a local concept means stands in the catalogue: its label and definition are those of the
element or value that uses it. ``local_concepts.csv`` adds only what is extra: the nearest wider
concept (standard, or ours), how far it is agreed, and which concept has taken its place. A concept
without a line there is proposed and has no wider one. The label stands in the registry only for a
superseded concept, which no element uses any more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib.resources import files
from typing import TypeVar

import polars as pl

from haemony.harmonise.omop.cdm import table
from haemony.harmonise.vocabulary.core import OURS, Known, core, is_local
from haemony.harmonise.vocabulary.loaded import Vocabulary
from haemony.harmonise.vocabulary.uses import Use, uses
from haemony.model.errors import UsageError
from haemony.model.tables import TableSlip, rows

Frame = TypeVar("Frame", pl.DataFrame, pl.LazyFrame)
Scan = Callable[[str], pl.LazyFrame]

_REGISTRY = "local_concepts.csv"


class Status(StrEnum):
    """How far a local concept is agreed."""

    PROPOSED = "proposed"
    ACCEPTED = "accepted"
    SUPERSEDED = "superseded"


class NoLocalConcept(UsageError):
    """Nothing of ours has this id."""

    def __init__(self, concept_id: int) -> None:
        self.concept_id = concept_id
        super().__init__(
            f"{concept_id} is no concept of ours; list them with `haemony vocabulary local`"
        )


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of the registry."""

    id: int
    parent: int | None
    status: Status
    superseded_by: int | None
    label: str


@dataclass(frozen=True, slots=True)
class Local:
    """A concept of ours.

    Attributes:
        id: Its id, 2,000,000,000 or more.
        label: What it means.
        definition: The definition of its element, if it is one.
        used: The elements and values that use it.
        parent: The nearest wider concept, standard or ours.
        status: How far it is agreed.
        superseded_by: The concept that has taken its place.
    """

    id: int
    label: str
    definition: str
    used: tuple[str, ...]
    parent: int | None
    status: Status
    superseded_by: int | None


@cache
def registry() -> Mapping[int, Entry]:
    """The lines of the registry, by id.

    Raises:
        TableSlip: When a line is none, or contradicts itself.
    """
    found: dict[int, Entry] = {}
    for line, row in rows(files("haemony.harmonise.vocabulary") / _REGISTRY):
        entry = _entry(line, row)
        if found.setdefault(entry.id, entry) is not entry:
            raise TableSlip(_REGISTRY, line, f"{entry.id} has two lines")
    return found


def _entry(line: int, row: Mapping[str, str]) -> Entry:
    try:
        entry = Entry(
            int(row["concept_id"]),
            int(row["parent"]) if row["parent"] else None,
            Status(row["status"]),
            int(row["superseded_by"]) if row["superseded_by"] else None,
            row["label"],
        )
    except ValueError as slip:
        raise TableSlip(_REGISTRY, line, f"cannot be understood ({slip})") from slip
    gone = entry.status is Status.SUPERSEDED
    if not is_local(entry.id):
        raise TableSlip(_REGISTRY, line, f"{entry.id} is no local concept")
    if gone != (entry.superseded_by is not None) or gone != bool(entry.label):
        reason = "a superseded concept names its successor and its label, and no other does"
        raise TableSlip(_REGISTRY, line, reason)
    return entry


def local_concepts(used: Iterable[Use] | None = None) -> Mapping[int, Local]:
    """All concepts of ours by id: those in use, and those that have been superseded.

    Args:
        used: Where concepts are used; by the installed diseases unless given.

    Example:
        >>> local_concepts()[2_000_000_101].label
        'Age at diagnosis'
    """
    by_id: dict[int, list[Use]] = {}
    for use in uses() if used is None else used:
        if is_local(use.concept_id):
            by_id.setdefault(use.concept_id, []).append(use)
    ids = sorted({*by_id, *(i for i, entry in registry().items() if entry.superseded_by)})
    return {i: _local(i, by_id.get(i, [])) for i in ids}


def _local(concept_id: int, used: list[Use]) -> Local:
    entry = registry().get(concept_id, Entry(concept_id, None, Status.PROPOSED, None, ""))
    label = used[0].label if used else entry.label
    definition = next((use.definition for use in used if use.definition), "")
    who = tuple(dict.fromkeys(use.who for use in used))
    parent, status, successor = entry.parent, entry.status, entry.superseded_by
    return Local(concept_id, label, definition, who, parent, status, successor)


def chain(concept_id: int, vocabulary: Vocabulary | None = None) -> tuple[Known, ...]:
    """The wider concepts above one of ours, the nearest first.

    Ours come from the registry. From the first standard one on, the loaded vocabulary says what is
    above it; without one the chain ends there.

    Raises:
        NoLocalConcept: When the id is none of ours.
    """
    known = local_concepts()
    if concept_id not in known:
        raise NoLocalConcept(concept_id)
    above: list[Known] = []
    parent = known[concept_id].parent
    while parent is not None and is_local(parent):
        above.append(Known(parent, "", OURS, "", known[parent].label))
        parent = known[parent].parent
    if parent is None:
        return tuple(above)
    return (*above, *_standard(parent, vocabulary))


def _standard(concept_id: int, vocabulary: Vocabulary | None) -> tuple[Known, ...]:
    loaded = vocabulary.known([concept_id]) if vocabulary else {}
    first = loaded.get(concept_id) or core().get(concept_id, Known(concept_id, "", "", ""))
    return (first, *(vocabulary.ancestors(concept_id) if vocabulary and loaded else ()))


def successors() -> Mapping[int, int]:
    """The concept in use for each superseded one, however many steps away.

    Raises:
        TableSlip: When concepts supersede each other in a circle.
    """
    direct = {i: e.superseded_by for i, e in registry().items() if e.superseded_by is not None}
    return {concept: _last(concept, direct) for concept in direct}


def superseded_labels() -> Mapping[int, str]:
    """What each superseded concept was called: releases that still hold it need its label."""
    return {i: entry.label for i, entry in registry().items() if entry.superseded_by is not None}


def _last(concept: int, direct: Mapping[int, int]) -> int:
    seen = {concept}
    while (concept := direct.get(concept, 0)) in direct:
        if concept in seen:
            raise TableSlip(_REGISTRY, 0, f"{concept} supersedes itself in a circle")
        seen.add(concept)
    return concept


def renewed(name: str, frame: Frame, replaced: Mapping[int, int]) -> Frame:
    """A table with every superseded concept replaced by its successor, in all concept fields.

    Example:
        >>> frame = pl.DataFrame({"value_as_concept_id": [2_000_000_998, 9191]})
        >>> renewed("measurement", frame, {2_000_000_998: 2_000_000_999}).to_series().to_list()
        [2000000999, 9191]
    """
    present = set(frame.lazy().collect_schema().names())
    fields = [field for field in concept_fields(name) if field in present]
    return frame.with_columns(pl.col(fields).replace(dict(replaced))) if fields else frame


def concept_fields(name: str) -> tuple[str, ...]:
    """The fields of a table of the lake that hold concepts.

    Example:
        >>> concept_fields("episode_event")
        ('episode_event_field_concept_id',)
    """
    declared = table(name)
    return tuple(
        field.name
        for field in declared.fields
        if not field.primary_key
        and (field.name.endswith("_concept_id") or (field.references or ("",))[0] == "concept")
    )


def current(scan: Scan, replaced: Mapping[int, int] | None = None) -> Scan:
    """Read tables of any release as if superseded concepts had always been their successors.

    Args:
        scan: Gives the tables as they are.
        replaced: Successor by superseded concept; the registry's unless given.
    """
    mapping = successors() if replaced is None else replaced
    if not mapping:
        return scan
    return lambda name: renewed(name, scan(name), mapping)
