"""The open core: what haemony knows of OMOP's concepts without any vocabulary loaded.

``core.csv`` holds facts about ids (domain, vocabulary, standard or not), each read from public
files; it holds no name and no code, so that nothing is shipped that a licence keeps. Labels are
ours and come from the catalogue. ``licences.csv`` says what may be passed on of each vocabulary;
one that is not listed is treated as restricted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib.resources import files

from haemony.model.element import LOCAL_CONCEPTS
from haemony.model.tables import rows

OURS = "haemony"
STANDARD = "S"


class Licence(StrEnum):
    """What may be passed on of a concept."""

    OPEN = "open"
    NOTICE = "notice"
    NON_COMMERCIAL = "non-commercial"
    ID_ONLY = "id-only"

    @property
    def names_may_leave(self) -> bool:
        """Whether names and codes may be passed on with the id."""
        return self in {Licence.OPEN, Licence.NOTICE}


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of one concept.

    Attributes:
        id: Its OMOP id.
        domain: Its OMOP domain; empty where it is not known.
        vocabulary: The vocabulary it comes from.
        standard: ``S`` standard, ``C`` classification, ``N`` neither; empty where nobody said.
        name: Its name in the vocabulary; empty in the open core.
        invalid: ``D`` deleted, ``U`` updated; empty for a valid one.
    """

    id: int
    domain: str
    vocabulary: str
    standard: str
    name: str = ""
    invalid: str = ""

    @property
    def licence(self) -> Licence:
        """What may be passed on of it."""
        return licence_of(self.vocabulary)


@cache
def core() -> Mapping[int, Known]:
    """The concepts of the open core, by id.

    Raises:
        TableSlip: When a line of ``core.csv`` is not a concept.

    Example:
        >>> core()[140352].domain, core()[140352].licence.value
        ('Condition', 'id-only')
    """
    return {
        int(row["concept_id"]): Known(
            int(row["concept_id"]), row["domain"], row["vocabulary"], row["standard"]
        )
        for _, row in rows(files("haemony.harmonise.vocabulary") / "core.csv")
    }


@cache
def licences() -> Mapping[str, Licence]:
    """What may be passed on of each vocabulary that somebody has looked into."""
    table = rows(files("haemony.harmonise.vocabulary") / "licences.csv")
    return {row["vocabulary"]: Licence(row["class"]) for _, row in table}


def licence_of(vocabulary: str) -> Licence:
    """What may be passed on of a vocabulary; the least, where nobody has looked into it.

    Example:
        >>> licence_of("LOINC").value, licence_of("a new one").value
        ('notice', 'id-only')
    """
    return licences().get(vocabulary, Licence.ID_ONLY)


def is_local(concept_id: int) -> bool:
    """Whether an id is one of ours."""
    return concept_id >= LOCAL_CONCEPTS
