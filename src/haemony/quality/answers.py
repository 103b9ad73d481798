"""What people have decided about the queries that grading raises."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """How far a query has come."""

    OPEN = "open"
    ANSWERED = "answered"
    ACCEPTED = "accepted"


@dataclass(frozen=True, slots=True)
class Answer:
    """What people have decided about a query."""

    state: State
    text: str
    by: str
