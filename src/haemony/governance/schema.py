"""The tables of the governance store; Alembic's migrations bring a database to this state."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    UniqueConstraint,
)

metadata = MetaData()

REVISION = "0003"
"""The migration that brings a database to these tables."""

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

message = Table(
    "message",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("act", String(16), nullable=False),
    Column("partner", String(255), nullable=False),
    Column("subject", String(64), nullable=False),
    Column("number", Integer, nullable=False),
    Column("message", String(32), nullable=False),
    Column("digest", String(64), nullable=False),
    Index("message_of_subject", "act", "partner", "subject"),
)
"""Envelopes that this party sealed, relayed or received; the highest number of a subject counts."""

patient = Table(
    "patient",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("partner", String(255), nullable=False),
    Column("pseudonym", LargeBinary(32), nullable=False),
    Column("patient_key", LargeBinary(32), nullable=False, index=True),
    Column("person_id", BigInteger, nullable=False, index=True),
    Column("withdrawn", Boolean, nullable=False),
    Column("encoding", LargeBinary, nullable=True),
    UniqueConstraint("pseudonym", "partner"),
)
"""The trustee's map: which patient key a site pseudonym was given, and the person that the platform
makes of it. Empty at every other party."""

review = Table(
    "review",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("held", LargeBinary(32), nullable=False),
    Column("new", LargeBinary(32), nullable=False),
    Column("probability", Float, nullable=False),
    Column("reason", String(64), nullable=False),
    Column("decision", String(16), nullable=False),
)
"""Pairs of pseudonyms that may be one patient, for people to decide; at the trustee alone."""

answer = Table(
    "answer",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("contribution", String(64), nullable=False, index=True),
    Column("query", String(16), nullable=False),
    Column("state", String(16), nullable=False),
    Column("text", String(2000), nullable=False),
    Column("by", String(255), nullable=False),
)
"""What partners answered to queries and curators accepted; append-only, the last one counts."""
