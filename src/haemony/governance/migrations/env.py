"""Alembic's way in: it is called by the store itself, never by hand."""

from alembic import context

from haemony.governance.schema import metadata

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=metadata)
with context.begin_transaction():
    context.run_migrations()
