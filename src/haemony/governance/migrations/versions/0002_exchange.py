"""Messages between the parties, and the trustee's map of patients."""

from alembic import op
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Float,
    Index,
    Integer,
    LargeBinary,
    String,
    UniqueConstraint,
)

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Create both tables."""
    op.create_table(
        "message",
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
    op.create_table(
        "review",
        Column("id", Integer, primary_key=True),
        Column("at", DateTime(timezone=True), nullable=False),
        Column("held", LargeBinary(32), nullable=False),
        Column("new", LargeBinary(32), nullable=False),
        Column("probability", Float, nullable=False),
        Column("reason", String(64), nullable=False),
        Column("decision", String(16), nullable=False),
    )
    op.create_table(
        "patient",
        Column("id", Integer, primary_key=True),
        Column("partner", String(255), nullable=False),
        Column("pseudonym", LargeBinary(32), nullable=False),
        Column("patient_key", LargeBinary(32), nullable=False, index=True),
        Column("person_id", BigInteger, nullable=False, index=True),
        Column("withdrawn", Boolean, nullable=False),
        Column("encoding", LargeBinary, nullable=True),
        UniqueConstraint("pseudonym", "partner"),
    )


def downgrade() -> None:
    """Drop both tables."""
    op.drop_table("patient")
    op.drop_table("review")
    op.drop_table("message")
