"""What a person must repair, each until it is repaired."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, select

from hub.store.bulk import chunks, plain, upsert
from hub.store.schema import inbox, outbox, repairs


def note(
    connection: Connection,
    key: str,
    *,
    kind: str,
    title: str,
    advice: str,
    now: datetime,
    connection_name: str | None = None,
) -> None:
    """Ask for a repair; asked again, it keeps its beginning and is counted."""
    before = connection.execute(select(repairs).where(repairs.c.key == key)).first()
    row = {
        "key": key,
        "connection": connection_name,
        "kind": kind,
        "title": title,
        "advice": advice,
        "since": before.since if before else now,
        "count": before._mapping["count"] + 1 if before else 1,
    }
    upsert(connection, repairs, [row], on=("key",))


def clear(connection: Connection, *keys: str) -> None:
    """The trouble is over. Looked up first: nearly always there is nothing to clear."""
    for part in chunks(keys):
        found = connection.scalars(select(repairs.c.key).where(repairs.c.key.in_(part))).all()
        if found:
            connection.execute(delete(repairs).where(repairs.c.key.in_(found)))


def clear_finished(connection: Connection) -> None:
    """Take away what was repaired without our being told: nothing dead or doubtful is left of a connection."""
    for kind, table, state in (
        ("dead_items", inbox, "dead"),
        ("dead_effects", outbox, "dead"),
        ("unknown_effects", outbox, "unknown"),
    ):
        asked = select(repairs.c.key, repairs.c.connection).where(repairs.c.kind == kind)
        for key, name in connection.execute(asked).all():
            left = select(table.c.id).where(table.c.state == state, table.c.connection == name).limit(1)
            if connection.scalar(left) is None:
                clear(connection, key)


def listing(connection: Connection, connection_name: str | None = None) -> list[dict[str, Any]]:
    """The rows of `crmhub repairs`, oldest first."""
    statement = select(repairs).order_by(repairs.c.since, repairs.c.key)
    if connection_name is not None:
        statement = statement.where(repairs.c.connection == connection_name)
    return [plain(row) for row in connection.execute(statement)]
