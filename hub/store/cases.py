"""Clients who wait or waited: permanent rows under changing verdicts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, and_, bindparam, func, insert, or_, select, update

from hub.store import contacts, outbox
from hub.store.bulk import Row, chunks
from hub.store.schema import calls, cases
from hub.store.schema import contacts as contact_rows


def fronts(connection: Connection, changed: Mapping[int, datetime]) -> dict[int, datetime]:
    """Contact → the moment from which on everything is derived again, given its earliest changed fact.

    It lies before every case that is open or was open at that moment, and before every call not judged yet: what
    closed before it cannot change (design.md 7, "Window").
    """
    found = dict(changed)
    pending = set(found)
    while pending:
        moved: set[int] = set()
        for part in chunks(pending):
            for contact, begun, ended in _spans(connection, part, min(found[contact] for contact in part)):
                if begun < found[contact] and (ended is None or ended >= found[contact]):
                    found[contact] = begun
                    moved.add(contact)
        pending = moved
    return found


def _spans(connection: Connection, part: list[int], since: datetime) -> Iterable[tuple[int, datetime, datetime | None]]:
    yield from connection.execute(
        select(cases.c.contact_id, cases.c.opened_at, cases.c.closed_at).where(
            cases.c.contact_id.in_(part), cases.c.state != "void",
            or_(cases.c.state == "open", cases.c.closed_at >= since),
        )
    ).tuples()
    yield from connection.execute(
        select(calls.c.contact_id, calls.c.started_at, calls.c.ended_at).where(
            calls.c.contact_id.in_(part), calls.c.outcome.is_(None), calls.c.direction == "inbound"
        )
    ).tuples()


def in_play(connection: Connection, since: Mapping[int, datetime]) -> dict[int, list[Any]]:
    """Contact → its stored cases that a derivation from that moment on may change, void ones included."""
    found: dict[int, list[Any]] = {contact: [] for contact in since}
    for part in chunks(since):
        earliest = min(since[contact] for contact in part)
        rows = connection.execute(
            select(cases)
            .where(
                cases.c.contact_id.in_(part),
                or_(
                    cases.c.state == "open", cases.c.closed_at >= earliest,
                    and_(cases.c.state == "void", cases.c.opened_at >= earliest),
                ),
            )
            .order_by(cases.c.opened_at, cases.c.id)
        )
        for row in rows:
            end = row.closed_at if row.state != "void" else row.opened_at
            if end is None or end >= since[row.contact_id]:
                found[row.contact_id].append(row)
    return found


def add(connection: Connection, rows: Sequence[Row]) -> list[int]:
    """Insert cases; their permanent ids, in the same order."""
    return [connection.execute(insert(cases), dict(row)).inserted_primary_key[0] for row in rows]


def renew(connection: Connection, rows: Sequence[Row]) -> None:
    """Overwrite cases by their `id`. Rows share their keys."""
    if rows:
        names = [name for name in rows[0] if name != "id"]
        connection.execute(
            update(cases).where(cases.c.id == bindparam("row_id")).values({name: bindparam(name) for name in names}),
            [{**{name: row[name] for name in names}, "row_id": row["id"]} for row in rows],
        )


def listing(
    connection: Connection, *, now: datetime, since: datetime | None = None, until: datetime | None = None,
    void: bool = False, contact: int | None = None, newest_first: bool = False, limit: int | None = None,
    closed_since: datetime | None = None, **wanted: Any,
) -> list[dict[str, Any]]:
    """The rows of `crmhub cases`, by opening; `wanted` compares columns (state, kind, line_group, key …)."""
    statement = select(cases, contact_rows.c.name, contact_rows.c.kind.label("contact_kind")).join(
        contact_rows, contact_rows.c.id == cases.c.contact_id
    )
    order = (cases.c.opened_at, cases.c.key, cases.c.id)
    statement = statement.order_by(*(column.desc() for column in order) if newest_first else order)
    if since is not None:
        statement = statement.where(cases.c.opened_at >= since)
    if until is not None:
        statement = statement.where(cases.c.opened_at < until)
    if closed_since is not None:
        statement = statement.where(cases.c.closed_at >= closed_since)
    if contact is not None:
        statement = statement.where(cases.c.contact_id == contact)
    if not void:
        statement = statement.where(cases.c.state != "void")
    for name, value in wanted.items():
        if value is not None:
            statement = statement.where(cases.c[name] == value)
    if limit is not None:
        statement = statement.limit(limit)
    rows = connection.execute(statement).all()
    own = contacts.handles_of(connection, list({row.contact_id for row in rows}))
    effects = outbox.states(connection, [row.id for row in rows])
    return [shown(row, own.get(row.contact_id, []), effects.get(row.id, []), now) for row in rows]


def shown(row: Any, handles: list[str], effects: list[Any], now: datetime) -> dict[str, Any]:
    """One row of `crmhub cases`: the verdict, the client, and what became of each step."""
    became = {tuple(effect.key.split("/")[1:3]): effect.state for effect in effects if effect.kind == "notify"}
    body = dict(row.row)
    body["contact"] = {"id": row.contact_id, "name": row.name, "handles": handles}
    body["steps"] = [
        {**step, "state": became.get((str(step["step"]), step["to"]), step["state"])} for step in body["steps"]
    ]
    return body


def open_counts(connection: Connection) -> dict[str, int]:
    """Line group → how many clients wait."""
    rows = connection.execute(
        select(cases.c.line_group, func.count()).where(cases.c.state == "open").group_by(cases.c.line_group)
    )
    return dict(rows.tuples().all())
