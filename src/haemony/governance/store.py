"""The governance store of a party: events, withdrawals, messages, behind a handful of verbs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from enum import StrEnum
from functools import cached_property
from importlib.resources import files
from itertools import islice
from typing import Any

from alembic import command
from alembic.config import Config
from sqlalchemy import ColumnElement, Engine, create_engine, func, insert, select, text, update
from sqlalchemy.exc import OperationalError, ProgrammingError

from haemony.governance.schema import REVISION, answer, event, message, patient, review, withdrawal
from haemony.model.errors import EnvironmentFault

EVERYWHERE = ""
"""Stands for every contribution, present and to come."""

AT_ONCE = 500
"""Values that one query compares with."""


class NoGovernance(EnvironmentFault):
    """The governance database cannot be opened."""

    def __init__(self, url: str) -> None:
        self.url = url
        super().__init__(
            f"the governance database at {url} cannot be opened; check `[governance] url` in "
            "haemony.toml and the permissions of its folder"
        )


class Act(StrEnum):
    """What a party did with a message."""

    SEALED = "sealed"
    RELAYED = "relayed"
    RECEIVED = "received"
    ASKED = "asked"
    OBEYED = "obeyed"


@dataclass(frozen=True, slots=True)
class Message:
    """A message between the parties, as a party's ledger remembers it.

    Attributes:
        partner: Name of the partner whose contribution it is about.
        subject: Id of the contribution.
        number: Counts the messages of a partner about a contribution upwards.
        message: Its random id.
        digest: Hash of the contribution's files, where this party knows it.
    """

    partner: str
    subject: str
    number: int
    message: str
    digest: str = ""


@dataclass(frozen=True, slots=True)
class Patient:
    """One line of the trustee's map."""

    partner: str
    pseudonym: bytes
    patient_key: bytes
    person_id: int
    withdrawn: bool = False
    encoding: bytes | None = None


@dataclass(frozen=True, slots=True)
class Review:
    """A pair of pseudonyms that may be one patient.

    Attributes:
        held: Pseudonym of the patient who was there before.
        new: Pseudonym of the one who came later.
        probability: How likely they are one.
        reason: Why people decide.
        decision: ``open``, ``same`` or ``different``.
        id: Its number; 0 before it is stored.
    """

    held: bytes
    new: bytes
    probability: float
    reason: str
    decision: str = "open"
    id: int = 0


@dataclass(frozen=True)
class GovernanceStore:
    """Decisions and events of one workspace."""

    url: str

    @cached_property
    def _engine(self) -> Engine:
        return create_engine(self.url, hide_parameters=True)

    def upgrade(self) -> None:
        """Bring the database to the current schema; creates it where it is absent."""
        config = Config()
        config.set_main_option("script_location", str(files("haemony.governance") / "migrations"))
        try:
            with self._engine.begin() as connection:
                config.attributes["connection"] = connection
                command.upgrade(config, "head")
        except OperationalError as fault:
            raise NoGovernance(self._engine.url.render_as_string()) from fault

    def keep_current(self) -> None:
        """Upgrade a database that an earlier version of haemony made; leave a new one alone."""
        try:
            with self._engine.connect() as connection:
                found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
        except (OperationalError, ProgrammingError):
            return
        if found != REVISION:
            self.upgrade()

    def record(self, action: str, subject: str, details: Mapping[str, Any] | None = None) -> None:
        """Append an event; callers keep patient values and numbers out of it."""
        row = {"at": datetime.now(UTC), "action": action, "subject": subject}
        with self._engine.begin() as connection:
            connection.execute(insert(event).values(**row, details=dict(details or {})))

    def events(self) -> list[dict[str, Any]]:
        """All events, oldest first."""
        with self._engine.connect() as connection:
            rows = connection.execute(select(event).order_by(event.c.id))
            return [dict(row._mapping) for row in rows]

    def withdraw(self, contribution: str, person: int | None = None) -> None:
        """Record that a contribution, or one of its patients, has left."""
        row = {"at": datetime.now(UTC), "contribution": contribution, "person_id": person}
        with self._engine.begin() as connection:
            connection.execute(insert(withdrawal).values(**row))

    def withdrawn_persons(self, contribution: str) -> frozenset[int]:
        """Patients who have left, this contribution or all, and may not come back with it."""
        here = withdrawal.c.contribution.in_([contribution, EVERYWHERE])
        query = select(withdrawal.c.person_id).where(here, withdrawal.c.person_id.is_not(None))
        with self._engine.connect() as connection:
            return frozenset(connection.execute(query).scalars())

    def note(self, act: Act, sent: Message) -> None:
        """Record that an envelope was sealed, relayed or received."""
        row = {"at": datetime.now(UTC), "act": act.value, **asdict(sent)}
        with self._engine.begin() as connection:
            connection.execute(insert(message).values(**row))

    def messages(self, act: Act, partner: str, subject: str) -> list[Message]:
        """What this party did with the messages of a partner about a contribution, oldest first."""
        query = (
            select(message)
            .where(message.c.act == act.value, message.c.partner == partner)
            .where(message.c.subject == subject)
            .order_by(message.c.id)
        )
        with self._engine.connect() as connection:
            rows = connection.execute(query).mappings()
            return [Message(*(row[part.name] for part in fields(Message))) for row in rows]

    def partners_of(self, act: Act, subject: str) -> set[str]:
        """The partners whose messages about a contribution this party has taken."""
        query = select(message.c.partner).where(
            message.c.act == act.value, message.c.subject == subject
        )
        with self._engine.connect() as connection:
            return set(connection.execute(query).scalars())

    def patients(self, pseudonyms: Iterable[bytes]) -> list[Patient]:
        """What the trustee's map holds of these pseudonyms, whichever partner brought them."""
        found: list[Patient] = []
        for some in batched(pseudonyms, AT_ONCE):
            found += self._patients(patient.c.pseudonym.in_(some))
        return found

    def patients_of(self, person: int) -> list[Patient]:
        """What the trustee's map holds of a person: every partner that brought it."""
        return self._patients(patient.c.person_id == person)

    def _patients(self, which: ColumnElement[bool]) -> list[Patient]:
        with self._engine.connect() as connection:
            rows = connection.execute(select(patient).where(which).order_by(patient.c.id))
            return [
                Patient(*(row[part.name] for part in fields(Patient))) for row in rows.mappings()
            ]

    def forget(self, person: int, act: Act, sent: Message) -> None:
        """Mark a person as withdrawn in the trustee's map, and note the message, in one step."""
        row = {"at": datetime.now(UTC), "act": act.value, **asdict(sent)}
        with self._engine.begin() as connection:
            gone = update(patient).where(patient.c.person_id == person).values(withdrawn=True)
            connection.execute(gone)
            connection.execute(insert(message).values(**row))

    def encoded(self) -> dict[str, list[Patient]]:
        """The patients of the trustee's map who can be linked, by partner."""
        found: dict[str, list[Patient]] = {}
        for one in self._patients(patient.c.encoding.is_not(None)):
            found.setdefault(one.partner, []).append(one)
        return found

    def patients_by_key(self, keys: Iterable[bytes]) -> list[Patient]:
        """What the trustee's map holds under these patient keys."""
        found: list[Patient] = []
        for some in batched(keys, AT_ONCE):
            found += self._patients(patient.c.patient_key.in_(some))
        return found

    def shared_keys(self, keys: Iterable[bytes]) -> frozenset[bytes]:
        """Those of the patient keys that more than one pseudonym was given."""
        found: set[bytes] = set()
        for some in batched(keys, AT_ONCE):
            query = (
                select(patient.c.patient_key)
                .where(patient.c.patient_key.in_(some))
                .group_by(patient.c.patient_key)
                .having(func.count() > 1)
            )
            with self._engine.connect() as connection:
                found |= set(connection.execute(query).scalars())
        return frozenset(found)

    def reviews(self) -> list[Review]:
        """Pairs for people to decide, and those they have decided, oldest first."""
        with self._engine.connect() as connection:
            rows = connection.execute(select(review).order_by(review.c.id)).mappings()
            return [Review(*(row[part.name] for part in fields(Review))) for row in rows]

    def decide(self, number: int, decision: str, new: bytes, held: Patient) -> None:
        """Record a decision; *same* gives the later patient the key of the earlier one."""
        with self._engine.begin() as connection:
            chosen = update(review).where(review.c.id == number).values(decision=decision)
            connection.execute(chosen)
            if decision == "same":
                values = {
                    "patient_key": held.patient_key,
                    "person_id": held.person_id,
                    "withdrawn": held.withdrawn,
                }
                merged = update(patient).where(patient.c.pseudonym == new).values(**values)
                connection.execute(merged)

    def remember(
        self, known: Iterable[Patient], act: Act, sent: Message, unsure: Iterable[Review] = ()
    ) -> None:
        """Add patients to the trustee's map, and the message that brought them, in one step."""
        rows = [asdict(one) for one in known]
        pairs = [{**asdict(one), "at": datetime.now(UTC)} for one in unsure]
        for pair in pairs:
            del pair["id"]
        row = {"at": datetime.now(UTC), "act": act.value, **asdict(sent)}
        with self._engine.begin() as connection:
            if rows:
                connection.execute(insert(patient), rows)
            if pairs:
                connection.execute(insert(review), pairs)
            connection.execute(insert(message).values(**row))

    def answer(self, contribution: str, query: str, state: str, words: str, by: str) -> None:
        """Record what was decided about a query; earlier decisions stay on record."""
        row = {"at": datetime.now(UTC), "contribution": contribution, "query": query}
        with self._engine.begin() as connection:
            connection.execute(insert(answer).values(**row, state=state, text=words, by=by))

    def answers(self, contribution: str) -> dict[str, tuple[str, str, str]]:
        """State, text and person of the last decision about each query of a contribution."""
        rows = select(answer).where(answer.c.contribution == contribution).order_by(answer.c.id)
        with self._engine.connect() as connection:
            found = connection.execute(rows).mappings()
            return {row["query"]: (row["state"], row["text"], row["by"]) for row in found}

    def close(self) -> None:
        """Give the connections back."""
        self._engine.dispose()


def batched(values: Iterable[bytes], size: int) -> Iterator[list[bytes]]:
    """Lists of at most ``size`` values."""
    rest = iter(values)
    while some := list(islice(rest, size)):
        yield some
