"""The tables of the governance store; Alembic's migrations bring a database to this state."""

from __future__ import annotations

from sqlalchemy import JSON, BigInteger, Column, DateTime, Integer, MetaData, String, Table

metadata = MetaData()

event = Table(
    "event",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("action", String(64), nullable=False, index=True),
    Column("subject", String(255), nullable=False),
    Column("details", JSON, nullable=False),
)
"""What happened: append-only, no patient value, no patient number."""

withdrawal = Table(
    "withdrawal",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("contribution", String(64), nullable=False, index=True),
    Column("person_id", BigInteger, nullable=True),
)
"""Contributions that left, or (with a person) single patients who did."""
