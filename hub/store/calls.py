"""The verdicts on calls, and the rings that a member did not take."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, insert, select

from hub.store.bulk import Row, chunks, upsert
from hub.store.schema import calls, offers, records


def put(connection: Connection, verdicts: Sequence[Row], missed_offers: Sequence[Row]) -> None:
    """Write the verdicts of a batch, and the offers of those calls anew. Rows are those of the tables."""
    upsert(connection, calls, verdicts, on=("record_id",))
    for part in chunks([row["record_id"] for row in verdicts]):
        connection.execute(delete(offers).where(offers.c.record_id.in_(part)))
    if missed_offers:
        connection.execute(insert(offers), list(missed_offers))


def remove(connection: Connection, record_ids: Sequence[int]) -> None:
    """Take away the verdicts on calls that are no more."""
    for part in chunks(record_ids):
        for table in (offers, calls):
            connection.execute(delete(table).where(table.c.record_id.in_(part)))


def told(connection: Connection, since: Mapping[int, datetime], contact_ids: Iterable[int]) -> dict[int, set[str]]:
    """Call (its record) → the connections that were told of it, of the verdicts of the contacts from `since` on."""
    found: dict[int, set[str]] = {}
    for part in chunks(contact_ids):
        rows = connection.execute(
            select(calls.c.record_id, calls.c.contact_id, calls.c.started_at, calls.c.told).where(
                calls.c.contact_id.in_(part), calls.c.started_at >= min(since[contact] for contact in part)
            )
        )
        found.update({row.record_id: set(row.told or ()) for row in rows if row.started_at >= since[row.contact_id]})
    return found


def listing(
    connection: Connection,
    /,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    running: bool = False,
    source: str | None = None,
    contact: int | None = None,
    newest_first: bool = False,
    limit: int | None = None,
    **wanted: Any,
) -> list[dict[str, Any]]:
    """The rows of `crmhub calls`, by start; `wanted` compares columns (direction, outcome, line_group, missed …).

    source: the connection that they came by.
    """
    statement = select(calls.c.row, calls.c.contact_id, records.c.connection, records.c.source_id).join(
        records, records.c.id == calls.c.record_id
    )
    order = (calls.c.started_at, records.c.connection, records.c.source_id)
    statement = statement.order_by(*(column.desc() for column in order) if newest_first else order)
    if since is not None:
        statement = statement.where(calls.c.started_at >= since)
    if until is not None:
        statement = statement.where(calls.c.started_at < until)
    if running:
        statement = statement.where(calls.c.ended_at.is_(None))
    if contact is not None:
        statement = statement.where(calls.c.contact_id == contact)
    if source is not None:
        statement = statement.where(records.c.connection == source)
    for name, value in wanted.items():
        if value is not None:
            statement = statement.where(calls.c[name] == value)
    if limit is not None:
        statement = statement.limit(limit)
    return [head(row.connection, row.source_id, row.contact_id) | row.row for row in connection.execute(statement)]


def missed_offers(connection: Connection, since: datetime, until: datetime) -> list[dict[str, Any]]:
    """The rings of a period that members did not take."""
    rows = connection.execute(
        select(offers, calls.c.line_group, records.c.connection, records.c.source_id)
        .join(calls, calls.c.record_id == offers.c.record_id)
        .join(records, records.c.id == offers.c.record_id)
        .where(offers.c.at >= since, offers.c.at < until)
        .order_by(offers.c.at, offers.c.record_id, offers.c.member)
    )
    return [
        {
            "ref": f"{row.connection}/call/{row.source_id}",
            "member": row.member,
            "line_group": row.line_group,
            "at": row.at,
            "seconds": row.seconds,
        }
        for row in rows
    ]


def head(connection: str, source_id: str, contact: int) -> dict[str, Any]:
    """What a row of `crmhub calls` begins with, besides its verdict."""
    return {"id": source_id, "ref": f"{connection}/call/{source_id}", "connection": connection, "contact": contact}
