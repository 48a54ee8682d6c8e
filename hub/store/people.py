"""Whose handle is it: handles, contacts, and which of them are due to be looked at again."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any

from sqlalchemy import Connection, bindparam, case, exists, func, or_, select, union, update

from hub.store.bulk import among, chunks, insert_new
from hub.store.schema import contacts, handles, records

LONG_AGO = datetime.fromisoformat("1970-01-01T00:00:00+00:00")


def number(handle: str) -> int:
    """The id of the contact that a handle founds: 53 bits of its digest, so it is the same however facts arrive."""
    return int.from_bytes(hashlib.blake2b(handle.encode(), digest_size=7).digest()) >> 3


def kind_of_contact(handle: str) -> str:
    """`withheld:` and `none:` handles stand for one call each; the others are addresses of people."""
    head = handle.partition(":")[0]
    return head if head in {"withheld", "none"} else "person"


def add(
    connection: Connection, values: Iterable[str], founded: Mapping[str, int] = MappingProxyType({})
) -> dict[str, tuple[int, int]]:
    """Handle → (its id, its contact's id) of handles that were not known; each gets a contact of its own.

    founded: new handle → the contact that is there for it already.
    """
    fresh = sorted(values)
    rows = [{"id": number(value), "kind": kind_of_contact(value)} for value in fresh if value not in founded]
    insert_new(connection, contacts, rows, on=("id",))
    insert_new(
        connection,
        handles,
        [{"value": value, "contact_id": founded.get(value) or number(value)} for value in fresh],
        on=("value",),
    )
    return lookup(connection, fresh)


_BY_VALUE = select(handles.c.value, handles.c.id, handles.c.contact_id).where(among(handles.c.value))
_BY_ID = select(handles.c.id, handles.c.contact_id).where(among(handles.c.id))


def lookup(connection: Connection, values: Collection[str]) -> dict[str, tuple[int, int]]:
    """Handle → (its id, its contact's id) of the handles that are known."""
    rows = connection.execute(_BY_VALUE, {"values": values}) if values else ()
    return {value: (handle, contact) for value, handle, contact in rows}


def contacts_of(connection: Connection, handle_ids: Collection[int]) -> dict[int, int]:
    """Handle id → contact id."""
    rows = connection.execute(_BY_ID, {"values": handle_ids}) if handle_ids else ()
    return {handle: contact for handle, contact in rows}  # noqa: C416 - a row is no pair


_TO_BE_JUDGED = union(
    select(handles.c.contact_id).where(
        among(handles.c.contact_id), exists().where(records.c.handle_id == handles.c.id)
    ),
    select(contacts.c.id).where(among(contacts.c.id), contacts.c.revision > 0),
)


def to_be_judged(connection: Connection, ids: Collection[int]) -> set[int]:
    """Which of these contacts have a fact, or have been judged before: the others have nothing to be judged by."""
    return set(connection.scalars(_TO_BE_JUDGED, {"values": ids})) if ids else set()


def mark_due(connection: Connection, changed: Mapping[int, datetime], now: datetime) -> None:
    """Contacts whose facts changed, each with the moment of its earliest changed fact."""
    earlier = or_(contacts.c.changed_from.is_(None), contacts.c.changed_from > bindparam("since"))
    statement = (
        update(contacts)
        .where(contacts.c.id == bindparam("contact"))
        .values(
            revision=contacts.c.revision + 1,
            due_at=case((contacts.c.rest_until > bindparam("now"), contacts.c.rest_until), else_=bindparam("now")),
            changed_from=case((earlier, bindparam("since")), else_=contacts.c.changed_from),
        )
    )
    rows = [{"contact": contact, "since": since, "now": now} for contact, since in sorted(changed.items())]
    if rows:
        connection.execute(statement, rows)


FRESH = timedelta(seconds=5)
"""How long a contact that became due goes before those that have waited longer: after a changed rule they are many."""


def due(connection: Connection, now: datetime, limit: int, resting: timedelta = timedelta(0)) -> list[Any]:
    """Contacts that must be derived: something changed, or the moment has come.

    A long queue keeps neither of them waiting: what just happened, what time brought, and what waits longest each have
    their share. resting: how long before their time those are taken that were left alone for a moment.
    """
    columns = (contacts.c.id, contacts.c.revision, contacts.c.changed_from, contacts.c.wake_at)
    share = max(limit // 3, 1)
    old = connection.execute(
        select(*columns).where(contacts.c.due_at <= now - FRESH).order_by(contacts.c.due_at, contacts.c.id).limit(limit)
    ).all()
    fresh = connection.execute(
        select(*columns)
        .where(contacts.c.due_at > now - FRESH, contacts.c.due_at <= now + resting)
        .order_by(contacts.c.due_at, contacts.c.id)
        .limit(limit)
    ).all()
    woken = connection.execute(
        select(*columns)
        .where(contacts.c.wake_at <= now, or_(contacts.c.due_at.is_(None), contacts.c.due_at > now + resting))
        .order_by(contacts.c.wake_at, contacts.c.id)
        .limit(limit)
    ).all()
    first = [*fresh[:share], *woken[:share], *old[:share]]
    return [*first, *fresh[share:], *woken[share:], *old[share:]][:limit]


def count_due(connection: Connection, now: datetime) -> int:
    """How many contacts must be derived."""
    count = select(func.count()).select_from(contacts)
    return connection.scalar(count.where(or_(contacts.c.due_at <= now, contacts.c.wake_at <= now))) or 0


def next_due(connection: Connection) -> datetime | None:
    """When the next contact has to be derived."""
    moments = [
        connection.scalar(select(func.min(column)).where(column.is_not(None)))
        for column in (contacts.c.due_at, contacts.c.wake_at)
    ]
    return min((moment for moment in moments if moment is not None), default=None)


def settle(
    connection: Connection,
    derived: Mapping[int, tuple[int, datetime | None]],
    rest: Mapping[int, datetime] = MappingProxyType({}),
    ahead: Mapping[int, datetime] = MappingProxyType({}),
) -> set[int]:
    """Contact → (the revision it was derived at, when to wake): note it where nothing changed meanwhile.

    rest: contacts that are to be left alone for a moment. ahead: contacts some of whose facts lie in the future, each
    with the moment from which on everything must be looked at again when they come true. Returns the contacts for which nothing changed; what was
    derived for the others must be thrown away.
    """
    current: set[int] = set()
    for part in chunks(derived):
        rows = connection.execute(
            select(contacts.c.id, contacts.c.revision)
            .where(contacts.c.id.in_(part))
            .order_by(contacts.c.id)
            .with_for_update()  # where absorb runs beside us, nothing is marked due between this look and the note
        )
        current |= {row.id for row in rows if derived[row.id][0] == row.revision}
    if current:
        connection.execute(
            update(contacts)
            .where(contacts.c.id == bindparam("contact"))
            .values(
                due_at=None,
                changed_from=bindparam("ahead"),
                error=None,
                wake_at=bindparam("wake"),
                rest_until=bindparam("rest"),
                seen_at=_first_fact(),
            ),
            [
                {
                    "contact": contact,
                    "wake": derived[contact][1],
                    "rest": rest.get(contact),
                    "ahead": ahead.get(contact),
                }
                for contact in sorted(current)
            ],
        )
    return current


def _first_fact() -> Any:
    """When the first fact of a contact was, one step into an index for each of its handles."""
    of_handle = (
        select(records.c.at)
        .where(records.c.handle_id == handles.c.id, records.c.gone_at.is_(None), records.c.at.is_not(None))
        .order_by(records.c.at)
        .limit(1)
        .correlate(handles)
        .scalar_subquery()
    )
    return select(func.min(of_handle)).where(handles.c.contact_id == bindparam("contact")).scalar_subquery()


def push_away(connection: Connection, contact: int, until: datetime, error: str) -> None:
    """A contact that cannot be derived stops nobody else: try it again later and show why."""
    connection.execute(update(contacts).where(contacts.c.id == contact).values(due_at=until, wake_at=None, error=error))


def mark_all_due(connection: Connection, now: datetime, *, only_open: bool = False) -> None:
    """Derive every contact anew, or only those with something that time or rules can still change."""
    statement = update(contacts).where(contacts.c.merged_into.is_(None))
    if only_open:
        statement = statement.where(contacts.c.wake_at.is_not(None))
    connection.execute(statement.values(revision=contacts.c.revision + 1, due_at=now, changed_from=LONG_AGO))
