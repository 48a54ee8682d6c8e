"""What is known of a client besides his calls: facts and marks as events, his cards, and what was done for him outside."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select

from hub.core import records as rec
from hub.core.records import Record
from hub.store.bulk import chunks, plain
from hub.store.schema import handles, inbox, outbox, records

FACTS = ("message", "submission", "meeting")
"""Kinds of facts on a client's page besides calls, which are shown by their verdicts."""


@dataclass(frozen=True, slots=True)
class Event:
    """A fact or a mark on a client's page; inserted at `at`."""

    ref: str
    kind: str
    at: datetime
    record: Record


def facts_of(connection: Connection, contact: int, limit: int, before: datetime | None = None) -> list[Event]:
    """Messages, submissions and meetings of the client, the latest first."""
    own = select(handles.c.id).where(handles.c.contact_id == contact)
    statement = select(records).where(
        records.c.handle_id.in_(own),
        records.c.kind.in_(FACTS),
        records.c.gone_at.is_(None),
        records.c.body.is_not(None),
    )
    if before is not None:
        statement = statement.where(records.c.at < before)
    rows = connection.execute(statement.order_by(records.c.at.desc(), records.c.id.desc()).limit(limit))
    return [_event(row) for row in rows]


def marks_on(connection: Connection, targets: Iterable[str]) -> list[Event]:
    """What people decided about these cases, facts or handles, oldest first."""
    found: list[Event] = []
    for part in chunks(targets):
        rows = connection.execute(
            select(records).where(
                records.c.target.in_(part),
                records.c.kind == "mark",
                records.c.body.is_not(None),
                records.c.gone_at.is_(None),
            )
        )
        found += [_event(row) for row in rows]
    return sorted(found, key=lambda event: (event.at, event.ref))


def by_ref(connection: Connection, refs: Iterable[str]) -> dict[str, Event]:
    """Reference → the fact or mark; references to calls are left out."""
    wanted: dict[tuple[str, str], list[str]] = {}
    for ref in refs:
        name, _, rest = ref.partition("/")
        kind, _, source_id = rest.partition("/")
        if kind in {*FACTS, "mark"}:
            wanted.setdefault((name, kind), []).append(source_id)
    found: dict[str, Event] = {}
    for (name, kind), ids in wanted.items():
        for part in chunks(ids):
            rows = connection.execute(
                select(records).where(
                    records.c.connection == name,
                    records.c.kind == kind,
                    records.c.source_id.in_(part),
                    records.c.body.is_not(None),
                )
            )
            found.update({event.ref: event for event in map(_event, rows)})
    return found


def has_mark(connection: Connection, own: str, number: str) -> bool:
    """Whether a mark of that id has come in, understood or still waiting."""
    kept = connection.scalar(
        select(records.c.id).where(records.c.connection == own, records.c.kind == "mark", records.c.source_id == number)
    )
    if kept is not None:
        return True
    waiting = select(inbox.c.id).where(
        inbox.c.state == "new", inbox.c.connection == own, inbox.c.item == f"mark/{number}"
    )
    return connection.scalar(waiting.limit(1)) is not None


def _event(row: Any) -> Event:
    record = rec.stored(row.body)
    at = row.at or rec.moment(record) or row.received_at
    return Event(f"{row.connection}/{row.kind}/{row.source_id}", row.kind, at, record)


def cards_of(connection: Connection, contact: int) -> list[tuple[str, Record]]:
    """(connection, card) of the client in each system."""
    rows = connection.execute(
        select(records.c.connection, records.c.body)
        .where(records.c.contact_id == contact, records.c.kind == "card", records.c.body.is_not(None))
        .order_by(records.c.connection, records.c.source_id)
        .limit(20)
    )
    return [(row.connection, rec.stored(row.body)) for row in rows]


def effects_of(connection: Connection, contact: int, limit: int = 200) -> list[dict[str, Any]]:
    """What was done outside for this client, the latest first."""
    rows = connection.execute(
        select(outbox).where(outbox.c.contact_id == contact).order_by(outbox.c.id.desc()).limit(limit)
    )
    return [plain(row) for row in rows]
