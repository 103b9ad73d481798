"""Whether the concepts that the catalogue uses are right: known, valid, standard, in their domain.

With a vocabulary loaded it has the last word. What it does not hold is judged by the open core, and
said to be missing from the download. A concept that neither knows is wrong.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from haemony.harmonise.vocabulary.core import STANDARD, Known, core
from haemony.harmonise.vocabulary.loaded import Vocabulary
from haemony.harmonise.vocabulary.local import registry
from haemony.harmonise.vocabulary.local import successors as local_successors
from haemony.harmonise.vocabulary.uses import OWN_TABLE, Use, expected_domains, uses

_SAID = {"D": "deleted", "U": "replaced by another"}


class Problem(StrEnum):
    """What can be wrong with a concept where it is used."""

    UNKNOWN = "unknown id"
    INVALID = "no longer valid"
    NOT_STANDARD = "not standard"
    WRONG_DOMAIN = "wrong domain"
    SUPERSEDED = "superseded"
    NOT_LOADED = "not in the download"

    @property
    def blocks(self) -> bool:
        """Whether the concept is wrong; what a download merely lacks is said and no more."""
        return self is not Problem.NOT_LOADED


@dataclass(frozen=True, slots=True)
class Fault:
    """One concept that is wrong in one place.

    Attributes:
        use: Where the concept is used.
        problem: What is wrong.
        said: What the vocabulary says.
        advice: What to do.
    """

    use: Use
    problem: Problem
    said: str
    advice: str


def check(vocabulary: Vocabulary | None, used: Iterable[Use] | None = None) -> tuple[Fault, ...]:
    """Judge every concept in use.

    Args:
        vocabulary: The loaded one; the open core alone judges where there is none.
        used: Where concepts are used; by the installed diseases unless given.

    Returns:
        What is wrong, in the order of the concepts.

    Example:
        >>> leukaemia = Use(140352, "AML", "", "", "", "measurement", "measurement_concept_id")
        >>> [fault.problem.value for fault in check(None, [leukaemia])]
        ['wrong domain']
    """
    asked = tuple(uses() if used is None else used)
    standard = {use.concept_id for use in asked if not use.is_local}
    loaded = vocabulary.known(standard) if vocabulary else {}
    found: list[Fault] = []
    for use in asked:
        if use.is_local:
            found += _local_faults(use)
        elif use.concept_id in loaded:
            found += _faults(use, loaded[use.concept_id])
        elif use.concept_id in core():
            found += _not_loaded(use, core()[use.concept_id], vocabulary)
        else:
            text = (
                f"{'neither the download nor' if vocabulary else 'not even'} the open core knows it"
            )
            advice = "look the id up in Athena, or use a local concept"
            found.append(Fault(use, Problem.UNKNOWN, text, advice))
    return _advised(found, vocabulary)


def _not_loaded(use: Use, known: Known, vocabulary: Vocabulary | None) -> Iterator[Fault]:
    yield from _faults(use, known)
    if vocabulary is None:
        return
    if known.vocabulary in vocabulary.vocabularies:
        text = f"the download brings {known.vocabulary} without this concept"
        advice = "load a complete download to be sure"
    else:
        text = f"the download brings nothing of {known.vocabulary}"
        advice = f"choose {known.vocabulary} in Athena to have it checked"
    yield Fault(use, Problem.NOT_LOADED, text, advice)


def _local_faults(use: Use) -> Iterator[Fault]:
    successor = local_successors().get(use.concept_id)
    if successor is not None:
        label = registry()[use.concept_id].label
        advice = f"use {successor} instead"
        yield Fault(use, Problem.SUPERSEDED, f"{label!r} has a successor", advice)


def _faults(use: Use, known: Known) -> Iterator[Fault]:
    if known.invalid:
        text = f"{known.vocabulary} says: {_SAID.get(known.invalid, known.invalid)}"
        yield Fault(use, Problem.INVALID, text, "look for a valid concept")
    if not use.field or use.field.endswith("_source_concept_id"):
        return
    if known.standard not in {STANDARD, ""} and not known.invalid:
        text = f"{known.vocabulary} concept of domain {known.domain}, not standard"
        yield Fault(use, Problem.NOT_STANDARD, text, "look for the standard concept")
    mine, wanted = set(known.domain.split("/")), expected_domains(use)
    if not known.domain:
        return
    if wanted and not mine & wanted:
        text = f"{known.domain}; {use.place} takes {' or '.join(sorted(wanted))}"
        advice = f"choose a concept of {' or '.join(sorted(wanted))}, or another table"
        yield Fault(use, Problem.WRONG_DOMAIN, text, advice)
    if use.field == "observation_concept_id" and known.domain in OWN_TABLE:
        text = f"{known.domain}; such concepts have a table of their own"
        advice = f"write it to {OWN_TABLE[known.domain]}"
        yield Fault(use, Problem.WRONG_DOMAIN, text, advice)


def _advised(found: list[Fault], vocabulary: Vocabulary | None) -> tuple[Fault, ...]:
    """Name the concepts to use instead, where the vocabulary knows them."""
    mendable = {Problem.INVALID, Problem.NOT_STANDARD}
    ids = {fault.use.concept_id for fault in found if fault.problem in mendable}
    targets = vocabulary.successors(ids) if vocabulary and ids else {}
    names = vocabulary.known([t for to in targets.values() for t in to]) if vocabulary else {}
    advised = []
    for fault in found:
        to = targets.get(fault.use.concept_id, ()) if fault.problem in mendable else ()
        said = " and ".join(f"{t} ({names[t].name})" if t in names else str(t) for t in to)
        one = Fault(fault.use, fault.problem, fault.said, f"use {said}") if to else fault
        advised.append(one)
    return tuple(advised)
