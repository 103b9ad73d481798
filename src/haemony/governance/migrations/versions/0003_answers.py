"""Answers to the queries that grading raises."""

from alembic import op
from sqlalchemy import Column, DateTime, Integer, String

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "answer",
        Column("id", Integer, primary_key=True),
        Column("at", DateTime(timezone=True), nullable=False),
        Column("contribution", String(64), nullable=False, index=True),
        Column("query", String(16), nullable=False),
        Column("state", String(16), nullable=False),
        Column("text", String(2000), nullable=False),
        Column("by", String(255), nullable=False),
    )


def downgrade() -> None:
    """Remove it."""
    op.drop_table("answer")
