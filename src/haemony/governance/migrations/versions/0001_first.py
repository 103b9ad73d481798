"""The first tables: events and withdrawals."""

from alembic import op
from sqlalchemy import JSON, BigInteger, Column, DateTime, Integer, String

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create both tables."""
    op.create_table(
        "event",
        Column("id", Integer, primary_key=True),
        Column("at", DateTime(timezone=True), nullable=False),
        Column("action", String(64), nullable=False, index=True),
        Column("subject", String(255), nullable=False),
        Column("details", JSON, nullable=False),
    )
    op.create_table(
        "withdrawal",
        Column("id", Integer, primary_key=True),
        Column("at", DateTime(timezone=True), nullable=False),
        Column("contribution", String(64), nullable=False, index=True),
        Column("person_id", BigInteger, nullable=True),
    )


def downgrade() -> None:
    """Drop both tables."""
    op.drop_table("withdrawal")
    op.drop_table("event")
