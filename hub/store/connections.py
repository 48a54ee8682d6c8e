"""How each connection is doing, and how far its streams were read."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, literal_column, select, update

from hub.core.crm import Target
from hub.store import repairs
from hub.store.bulk import insert_new, plain, upsert
from hub.store.schema import connections, inbox, streams


def ensure(connection: Connection, names: Iterable[tuple[str, str]]) -> None:
    """A row for each (name, plugin) of the configuration."""
    rows = [{"name": name, "plugin": plugin} for name, plugin in names]
    insert_new(connection, connections, rows, on=("name",))


def go_live(connection: Connection, name: str, now: datetime) -> None:
    """The daemon runs this connection: from its first time on, what opens may have effects."""
    connection.execute(
        update(connections).where(connections.c.name == name, connections.c.live_since.is_(None)).values(live_since=now)
    )


def carry(connection: Connection, name: str, kinds: Iterable[str], now: datetime) -> None:
    """These kinds of effects are switched on; what began before a kind was is told to nobody."""
    before = connection.scalar(select(connections.c.carries).where(connections.c.name == name)) or {}
    carries = {kind: before.get(kind, now.isoformat()) for kind in sorted(kinds)}
    if carries != before:
        connection.execute(update(connections).where(connections.c.name == name).values(carries=carries))


def targets(connection: Connection, kinds: Mapping[str, Collection[str]]) -> list[Target]:
    """The connections that carry any of the given kinds, each kind with the moment from which on it does."""
    rows = connection.execute(select(connections).where(connections.c.name.in_(kinds)).order_by(connections.c.name))
    return [Target(row.name, {kind: _since(row, kind) for kind in kinds[row.name]}) for row in rows]


def _since(row: Any, kind: str) -> datetime | None:
    """When both the connection was live and the kind switched on; None before that."""
    switched = (row.carries or {}).get(kind)
    if row.live_since is None or switched is None:
        return None
    moments: tuple[datetime, datetime] = (row.live_since, datetime.fromisoformat(switched))
    return max(moments)


def get(connection: Connection, name: str) -> Any:
    """The row of one connection, None when there is none."""
    return connection.execute(select(connections).where(connections.c.name == name)).first()


def pause(connection: Connection, name: str, because: str) -> None:
    """Access was refused: nothing is read or sent until the operator has acted."""
    connection.execute(update(connections).where(connections.c.name == name).values(state="paused", because=because))


def refused(connection: Connection, name: str, why: str, advice: str, now: datetime) -> None:
    """As `pause`, and the operator is told what to do."""
    pause(connection, name, why)
    repairs.note(
        connection,
        f"access:{name}",
        kind="access_refused",
        connection_name=name,
        now=now,
        title=f"{name}: {why}",
        advice=advice,
    )


def resume(connection: Connection, name: str) -> None:
    """Go on, with everything due at once."""
    connection.execute(update(connections).where(connections.c.name == name).values(state="active", because=None))


def authorised(connection: Connection, name: str, now: datetime) -> None:
    """A person gave access: what was asked of the operator is done, and everything is due at once."""
    resume(connection, name)
    repairs.clear(connection, f"access:{name}")
    connection.execute(update(streams).where(streams.c.connection == name).values(due_at=now))


def received(connection: Connection, name: str, now: datetime, offset: int | None = None) -> None:
    """Something came by this connection; offset: source − ours in milliseconds, where it was measured."""
    values: dict[str, Any] = {"received_at": now}
    if offset is not None:
        values["clock_offset"] = offset
    connection.execute(update(connections).where(connections.c.name == name).values(**values))


def cursor(connection: Connection, name: str, stream: str) -> Any:
    """Where the stream goes on, None at its beginning."""
    return connection.scalar(select(streams.c.cursor).where(streams.c.connection == name, streams.c.stream == stream))


def advance(
    connection: Connection,
    name: str,
    stream: str,
    *,
    now: datetime,
    cursor: Any = None,
    complete_until: datetime | None = None,
    due_at: datetime | None = None,
) -> None:
    """A page of the stream was read and is committed together with this."""
    row: dict[str, Any] = {"connection": name, "stream": stream, "pulled_at": now, "failures": 0, "error": None}
    if cursor is not None:
        row["cursor"] = cursor
    if complete_until is not None:
        row["complete_until"] = complete_until
    if due_at is not None:
        row["due_at"] = due_at
    upsert(connection, streams, [row], on=("connection", "stream"))


def failed(connection: Connection, name: str, stream: str, error: str, due_at: datetime) -> None:
    """The stream could not be read; it is tried again at `due_at`."""
    insert_new(connection, streams, [{"connection": name, "stream": stream}], on=("connection", "stream"))
    connection.execute(
        update(streams)
        .where(streams.c.connection == name, streams.c.stream == stream)
        .values(failures=streams.c.failures + 1, error=error, due_at=due_at)
    )


def due_at(connection: Connection, name: str, stream: str) -> datetime | None:
    """When the stream is to be pulled next, None when it never was."""
    return connection.scalar(select(streams.c.due_at).where(streams.c.connection == name, streams.c.stream == stream))


def wake(connection: Connection, name: str, stream_names: Iterable[str], now: datetime) -> None:
    """Pull these streams now."""
    rows = [{"connection": name, "stream": stream, "due_at": now} for stream in stream_names]
    upsert(connection, streams, rows, on=("connection", "stream"))


def listing(connection: Connection) -> list[dict[str, Any]]:
    """The rows of `crmhub connections`: state, streams, what waits and what could not be understood."""
    counts = {
        (row.connection, state): row.n
        for state in ("new", "dead")
        for row in connection.execute(
            select(inbox.c.connection, func.count().label("n"))
            .where(inbox.c.state == literal_column(f"'{state}'"))  # a parameter would not find the index of these few
            .group_by(inbox.c.connection)
        )
    }
    by_name: dict[str, list[dict[str, Any]]] = {}
    for row in connection.execute(select(streams).order_by(streams.c.connection, streams.c.stream)):
        known = plain(row)
        known.pop("cursor")
        by_name.setdefault(known.pop("connection"), []).append(known)
    return [
        {
            "name": row.name,
            "plugin": row.plugin,
            "state": row.state,
            "because": row.because,
            "live_since": row.live_since,
            "received_at": row.received_at,
            "clock_offset": row.clock_offset,
            "waiting": counts.get((row.name, "new"), 0),
            "dead": counts.get((row.name, "dead"), 0),
            "streams": by_name.get(row.name, []),
        }
        for row in connection.execute(select(connections).order_by(connections.c.name))
    ]
