"""The governance store: events and withdrawals, behind a handful of verbs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from importlib.resources import files
from typing import Any

from alembic import command
from alembic.config import Config
from sqlalchemy import Engine, create_engine, insert, select
from sqlalchemy.exc import OperationalError

from haemony.governance.schema import event, withdrawal
from haemony.model.errors import EnvironmentFault


class NoGovernance(EnvironmentFault):
    """The governance database cannot be opened."""

    def __init__(self, url: str) -> None:
        self.url = url
        super().__init__(
            f"the governance database at {url} cannot be opened; check `[governance] url` in "
            "haemony.toml and the permissions of its folder"
        )


@dataclass(frozen=True)
class GovernanceStore:
    """Decisions and events of one workspace."""

    url: str

    @cached_property
    def _engine(self) -> Engine:
        return create_engine(self.url)

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
        """Patients of a contribution who have left, and may not come back with a new version."""
        query = select(withdrawal.c.person_id).where(
            withdrawal.c.contribution == contribution, withdrawal.c.person_id.is_not(None)
        )
        with self._engine.connect() as connection:
            return frozenset(connection.execute(query).scalars())

    def close(self) -> None:
        """Give the connections back."""
        self._engine.dispose()
