"""What a good statistician warns of."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Doubt(StrEnum):
    """What a good statistician warns of."""

    IMMORTAL_TIME = "immortal time"
    FEW_EVENTS = "few events per variable"
    HAZARDS = "hazards are not proportional"
    SEPARATION = "no finite estimate"
    MISSING = "missing values may be informative"
    MULTIPLE = "many tests"
    TINY = "tiny groups"
    EXTRAPOLATION = "beyond follow-up"
    DISEASES = "pooled diseases"
    ORIGIN = "time origin"
    LATE_ENTRY = "late entry"
    DEFINITION = "pooled definitions"
    SELECTION = "selected patients"
    OVERLAP = "groups hardly overlap"
    BALANCE = "groups still differ"


@dataclass(frozen=True, slots=True)
class Caution:
    """A warning: what is wrong where, how much, and what to do.

    Attributes:
        doubt: the kind of warning.
        key: the block of the protocol, such as "cox[1]"; empty for the whole study.
        title: the block's heading; empty for the whole study.
        cause: what was seen, with its number, in one sentence.
        remedy: what to do, in one sentence.
        number: the number that raised it; None where there is none.
    """

    doubt: Doubt
    key: str
    title: str
    cause: str
    remedy: str
    number: float | None
