"""How Alembic is run: on the connection it is given, in that connection's transaction."""

from __future__ import annotations

from typing import Any, Literal

from alembic import context

from hub.store.schema import Instant, Json, metadata


def plain(kind: str, item: Any, _autogen: Any) -> str | Literal[False]:
    """Migrations name the types that databases have: they must not change when our own types do."""
    if kind == "type" and isinstance(item, Instant):
        return "sa.BigInteger()"
    if kind == "type" and isinstance(item, Json):
        return "sa.LargeBinary()"
    return False


def run() -> None:
    """Migrate the given connection."""
    connection = context.config.attributes["connection"]
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("SELECT pg_advisory_xact_lock(716253)")  # two processes that start at once
    context.configure(connection=connection, target_metadata=metadata, render_item=plain)
    context.run_migrations()


run()
