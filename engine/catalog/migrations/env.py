"""What Alembic runs: on the connection, and in the transaction, that it is given."""

from __future__ import annotations

from alembic import context

from engine.catalog.schema import Table

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Table.metadata,
    render_as_batch=True,
    transaction_per_migration=False,
)
context.run_migrations()
