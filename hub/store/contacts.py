"""Clients as the hub knows them, for those who look."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from sqlalchemy import Connection, exists, or_, select

from hub.store.bulk import chunks
from hub.store.schema import contacts, handles, records


def listing(
    connection: Connection, *, search: str | None = None, limit: int | None = None, ids: list[int] | None = None
) -> list[dict[str, Any]]:
    """The rows of `crmhub contacts`: people and switchboards with a fact or a card, not single withheld calls."""
    statement = (
        select(contacts)
        .where(contacts.c.kind.in_(("person", "shared")), contacts.c.merged_into.is_(None))
        .where(or_(contacts.c.seen_at.is_not(None), exists().where(records.c.contact_id == contacts.c.id)))
        .order_by(contacts.c.seen_at, contacts.c.id)
    )
    if ids is not None:
        statement = statement.where(contacts.c.id.in_(ids))
    if search:
        digits = "".join(sign for sign in search if sign.isdigit())
        like = [contacts.c.name.icontains(search, autoescape=True)]
        for part in {search.lower(), digits} - {""}:
            found = select(handles.c.contact_id).where(handles.c.value.contains(part, autoescape=True))
            like.append(contacts.c.id.in_(found))
        statement = statement.where(or_(*like))
    if limit is not None:
        statement = statement.limit(limit)
    rows = connection.execute(statement).all()
    own = handles_of(connection, [row.id for row in rows])
    return [
        {
            "id": row.id,
            "ref": f"contact/{row.id}",
            "name": row.name,
            "kind": row.kind,
            "handles": own[row.id],
            "seen_at": row.seen_at,
            "error": row.error,
        }
        for row in rows
    ]


def handles_of(connection: Connection, ids: list[int]) -> dict[int, list[str]]:
    """Contact → its handles, sorted; the stand-ins of withheld calls left out."""
    own: dict[int, list[str]] = defaultdict(list)
    for part in chunks(ids):
        rows = connection.execute(
            select(handles.c.contact_id, handles.c.value)
            .where(handles.c.contact_id.in_(part))
            .order_by(handles.c.value)
        )
        for row in rows:
            if not row.value.startswith(("withheld:", "none:")):
                own[row.contact_id].append(row.value)
    return own


def survivor(connection: Connection, contact: int) -> int | None:
    """Where an absorbed contact went, the contact itself if it lives, None if there never was one."""
    for _ in range(100):
        row = connection.execute(select(contacts.c.id, contacts.c.merged_into).where(contacts.c.id == contact)).first()
        if row is None or row.merged_into is None:
            return row.id if row is not None else None
        contact = row.merged_into
    return contact
