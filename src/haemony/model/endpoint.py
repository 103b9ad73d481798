"""Endpoints are rules with versions, and responses are names that a year gave them.

Two papers that both say *event-free survival* may mean two things. An :class:`Endpoint` therefore
says where its clock starts, which events end it, what counts as failure, who is censored, which
other endpoints rule it out, whose rule it is and which version of it. What a catalogue cannot tell
is listed as :class:`Unavailable` with the reason, and is not bent into shape.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from importlib.resources.abc import Traversable

from haemony.model.tables import TableSlip, rows


class Anchor(StrEnum):
    """Moments of a patient's course at which a clock can start or a value become known."""

    DAY_0 = "day 0 of the source"
    TREATMENT = "start of the first treatment"
    RESPONSE = "response"
    REMISSION = "first complete remission"
    TRANSPLANT = "transplant"
    STOP = "stop of treatment"
    FOLLOW_UP = "follow-up"

    @property
    def element(self) -> str:
        """The element that holds its day; empty for day 0 and where none does."""
        return {
            "start of the first treatment": "treatment_start_day",
            "first complete remission": "complete_remission_day",
            "transplant": "transplant_day",
            "stop of treatment": "treatment_stop_day",
        }.get(self.value, "")

    @property
    def rank(self) -> int:
        """Place in the usual course; a value of a higher rank is in the future of a lower one."""
        return {"day 0 of the source": 0, "start of the first treatment": 1}.get(
            self.value, {"transplant": 3, "stop of treatment": 3, "follow-up": 4}.get(self.value, 2)
        )


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A time-to-event endpoint: a rule with a version.

    Attributes:
        name: Prefix of its two columns, ``<name>_days`` and ``<name>_event``.
        label: What charts show.
        version: Version of the definition; results carry it.
        origin: When its clock starts.
        days: SQL expression for the time in days from that origin.
        event: SQL expression that is true when the event happened.
        events: The events in words.
        failure: What counts as failure of treatment and when it is dated; empty where nothing does.
        censoring: Who is censored, and when.
        competing: Endpoints with the same clock whose events rule this one out.
        own: Whether the definition is each source's own, so that sources may differ.
        source: Who defined it: a citation with its DOI, or empty.
        note: What else a reader must know.
    """

    name: str
    label: str
    version: str
    origin: Anchor
    days: str
    event: str
    events: str
    failure: str
    censoring: str
    competing: tuple[str, ...]
    own: bool
    source: str
    note: str

    @property
    def definition(self) -> str:
        """The definition in words: origin, events, failure, censoring, competing events."""
        said = [
            f"From {_the(self.origin)} to {self.events}",
            f"Failure: {self.failure}" if self.failure else "",
            f"Censored: {self.censoring}" if self.censoring else "",
            self.note,
        ]
        return " ".join(f"{part.rstrip('.')}." for part in said if part)

    @property
    def names(self) -> frozenset[str]:
        """The names in its expressions: the elements it is reckoned from, and words of SQL."""
        text = re.sub(r"'[^']*'", "", f"{self.days} {self.event}")
        return frozenset(re.findall(r"[A-Za-z_]\w*", text))


@dataclass(frozen=True, slots=True)
class Unavailable:
    """An endpoint that a disease's catalogue cannot tell.

    Attributes:
        name: What people would type.
        label: What it is called.
        reason: Which element is not there.
    """

    name: str
    label: str
    reason: str


@dataclass(frozen=True, slots=True)
class Response:
    """One category of one set of response criteria.

    Attributes:
        criteria: The set, named with its year: ``ELN 2022``.
        disease: What it was written for.
        code: The category's short name: ``CRh``.
        label: The category in words.
        rule: What it takes, in our own words.
        element: The element that records it; empty where the catalogue has none.
        value: The element's value for it.
        source: Who wrote the criteria.
    """

    criteria: str
    disease: str
    code: str
    label: str
    rule: str
    element: str
    value: str
    source: str


def endpoints_of(folders: Iterable[Traversable]) -> dict[str, Endpoint]:
    """Read the ``endpoints.csv`` of folders.

    Raises:
        TableSlip: When an origin is unknown, or a competing endpoint is not there or has another
            clock.
    """
    found = {}
    for file, line, row in _lines(folders, "endpoints.csv"):
        if row["origin"] not in list(Anchor):
            raise TableSlip(file, line, f"{row['origin']!r} is no origin of a clock")
        origin, own = Anchor(row.pop("origin")), row.pop("own") == "yes"
        competing = tuple(row.pop("competing").split())
        found[row["name"]] = Endpoint(**row, origin=origin, competing=competing, own=own)
    for end in found.values():
        for other in end.competing:
            if other not in found or found[other].days != end.days:
                raise TableSlip("endpoints.csv", 0, f"{end.name} and {other} share no clock")
    return found


def unavailable_of(
    folders: Iterable[Traversable], available: Mapping[str, Endpoint]
) -> dict[str, Unavailable]:
    """Read the ``unavailable.csv`` of folders; what a later folder makes available is not in it."""
    every = {
        row["name"]: Unavailable(row["name"], row["label"], row["reason"])
        for _, _, row in _lines(folders, "unavailable.csv")
    }
    return {name: one for name, one in every.items() if name not in available}


def responses_of(folders: Iterable[Traversable]) -> tuple[Response, ...]:
    """Read the ``responses.csv`` of folders."""
    return tuple(Response(**row) for _, _, row in _lines(folders, "responses.csv"))


def later_of(folders: Iterable[Traversable]) -> dict[str, Anchor]:
    """Read the ``later.csv`` of folders: elements whose value is known only after day 0.

    Raises:
        TableSlip: When a moment is unknown.
    """
    found = {}
    for file, line, row in _lines(folders, "later.csv"):
        if row["known_at"] not in list(Anchor):
            raise TableSlip(file, line, f"{row['known_at']!r} is no moment of a course")
        found[row["element"]] = Anchor(row["known_at"])
    return found


def _lines(folders: Iterable[Traversable], name: str) -> Iterator[tuple[str, int, dict[str, str]]]:
    for folder in folders:
        if (folder / name).is_file():
            for line, row in rows(folder / name):
                yield name, line, dict(row)


def _the(anchor: Anchor) -> str:
    return anchor.value if anchor is Anchor.DAY_0 else f"the {anchor.value}"
