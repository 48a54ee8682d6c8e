"""What do the pages ask of the store besides the listings: each function is one question of one page."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC as _UTC
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, func, or_, select

from hub.core import records as rec
from hub.core.records import Record
from hub.store.bulk import chunks, plain
from hub.store.schema import calls, cases, connections, contacts, handles, inbox, outbox, records, repairs


@dataclass(frozen=True, slots=True)
class Person:
    """A client as a page names him; handles are canonical, those that stand for one call only are left out."""

    id: int
    kind: str
    name: str | None
    handles: tuple[str, ...] = ()
    merged_into: int | None = None


@dataclass(frozen=True, slots=True)
class Frame:
    """What every page shows around itself. received_at: when anything came last, by any connection."""

    overdue: int
    repairs: int
    states: Mapping[str, str] = field(default_factory=dict)
    received_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """Rows of a list that is read by time; older: where the next, older page begins, None at the end."""

    rows: list[dict[str, Any]]
    older: str | None


def frame(connection: Connection, now: datetime, own: str) -> Frame:
    """Badges and freshness; `own` is the hub's own connection, which is not counted."""
    rows = connection.execute(
        select(connections.c.name, connections.c.state, connections.c.received_at).where(connections.c.name != own)
    ).all()
    return Frame(
        overdue=connection.scalar(select(func.count()).where(cases.c.state == "open", cases.c.due_at <= now)) or 0,
        repairs=connection.scalar(select(func.count()).select_from(repairs)) or 0,
        states={row.name: row.state for row in rows},
        received_at=max((row.received_at for row in rows if row.received_at), default=None),
    )


def people(connection: Connection, ids: Iterable[int]) -> dict[int, Person]:
    """Contact id → the client."""
    found: dict[int, Person] = {}
    for part in chunks(ids):
        own: dict[int, list[str]] = {}
        for row in connection.execute(
            select(handles.c.contact_id, handles.c.value).where(handles.c.contact_id.in_(part))
        ):
            if not row.value.startswith(("withheld:", "none:")):
                own.setdefault(row.contact_id, []).append(row.value)
        for row in connection.execute(select(contacts).where(contacts.c.id.in_(part))):
            found[row.id] = Person(row.id, row.kind, row.name, tuple(sorted(own.get(row.id, ()))), row.merged_into)
    return found


def survivor(connection: Connection, contact: int) -> Person | None:
    """The client of that id, or the one that took him in; None when there was never such a client."""
    seen: set[int] = set()
    while contact not in seen:
        seen.add(contact)
        person = people(connection, [contact]).get(contact)
        if person is None or person.merged_into is None:
            return person
        contact = person.merged_into
    return None


def search(connection: Connection, text: str, limit: int = 50) -> list[Person]:
    """Clients whose name, number or address holds `text`; a number may be written in any way."""
    wanted = text.strip()
    if not wanted:
        return []
    digits = "".join(sign for sign in wanted if sign.isdigit())
    addresses: list[ColumnElement[bool]] = [handles.c.value.contains(wanted.lower(), autoescape=True)]
    if len(digits) >= 4 and not any(sign.isalpha() for sign in wanted):
        addresses.append(handles.c.value.contains(digits[-10:] if len(digits) > 10 else digits, autoescape=True))
    spellings = {wanted, wanted.lower(), wanted.upper(), wanted.capitalize(), wanted.title()}  # SQLite folds ASCII only
    names = [contacts.c.name.contains(spelling, autoescape=True) for spelling in sorted(spellings)]
    by_address = select(handles.c.contact_id).where(
        or_(*addresses), ~handles.c.value.startswith("withheld:"), ~handles.c.value.startswith("none:")
    )
    statement = select(contacts.c.id).where(
        contacts.c.merged_into.is_(None), or_(contacts.c.id.in_(by_address), *names)
    )
    ids = connection.scalars(statement.order_by(contacts.c.name, contacts.c.id).limit(limit)).all()
    found = people(connection, ids)
    return [found[number] for number in ids]


def recent_people(connection: Connection, limit: int = 50) -> list[tuple[Person, datetime]]:
    """Clients by their latest call, newest first."""
    last = func.max(calls.c.started_at).label("at")
    newest = (
        select(calls.c.contact_id, calls.c.started_at)
        .where(calls.c.direction != "internal")
        .order_by(calls.c.started_at.desc())
        .limit(limit * 20)
        .subquery()
    )
    last = func.max(newest.c.started_at).label("at")
    rows = connection.execute(
        select(newest.c.contact_id, last).group_by(newest.c.contact_id).order_by(last.desc()).limit(limit)
    ).all()
    found = people(connection, [row.contact_id for row in rows])
    return [(found[row.contact_id], row.at) for row in rows if row.contact_id in found]


# Cases


def _case(row: Any, person: Person | None) -> dict[str, Any]:
    body: dict[str, Any] = {
        "key": row.key,
        "kind": row.kind,
        "line_group": row.line_group,
        "state": row.state,
        "resolution": row.resolution,
        **row.row,
    }
    contact = {"id": row.contact_id, "name": None, "handles": []}
    if person is not None:
        contact = {"id": person.id, "name": person.name, "handles": list(person.handles)}
    return body | {
        "number": row.id,
        "contact": contact,
        "contact_kind": person.kind if person else "person",
        "evidence": list(row.evidence),
        "opened_at": row.opened_at,
        "due_at": row.due_at,
        "closed_at": row.closed_at,
    }


def _cases(connection: Connection, statement: Select[Any]) -> list[dict[str, Any]]:
    rows = connection.execute(statement).all()
    known = people(connection, {row.contact_id for row in rows})
    return [_case(row, known.get(row.contact_id)) for row in rows]


def open_cases(connection: Connection, limit: int = 1000) -> list[dict[str, Any]]:
    """Everybody who waits, the earliest due first, those without a due moment last."""
    return _cases(
        connection,
        select(cases)
        .where(cases.c.state == "open")
        .order_by(cases.c.due_at.is_(None), cases.c.due_at, cases.c.opened_at, cases.c.id)
        .limit(limit),
    )


def waiting(connection: Connection, now: datetime) -> tuple[int, int]:
    """How many wait, and how many of them longer than we promised."""
    row = connection.execute(
        select(func.count(), func.count().filter(cases.c.due_at <= now)).where(cases.c.state == "open")
    ).one()
    return row[0], row[1]


def closed_cases(connection: Connection, since: datetime, *states: str) -> list[dict[str, Any]]:
    """Cases closed from `since` on in one of the states, the latest first."""
    return _cases(
        connection,
        select(cases)
        .where(cases.c.closed_at >= since, cases.c.state.in_(states))
        .order_by(cases.c.closed_at.desc(), cases.c.id.desc())
        .limit(2000),
    )


def opened_cases(connection: Connection, since: datetime) -> list[dict[str, Any]]:
    """Cases opened from `since` on, void ones left out."""
    return _cases(
        connection,
        select(cases)
        .where(cases.c.opened_at >= since, cases.c.state != "void")
        .order_by(cases.c.opened_at)
        .limit(5000),
    )


def cases_page(
    connection: Connection,
    kind: str,
    *,
    limit: int,
    before: str | None = None,
    since: datetime | None = None,
    contact_ids: Sequence[int] | None = None,
    **wanted: Any,
) -> Page:
    """Cases of one kind, the latest first, void ones left out; `before` is the `older` of the page that was seen."""
    order = (cases.c.opened_at.desc(), cases.c.id.desc())
    statement = select(cases).where(cases.c.kind == kind, cases.c.state != "void").order_by(*order).limit(limit + 1)
    mark = _position(before)
    if mark is not None:
        at, number = mark
        statement = statement.where(cases.c.opened_at <= at, or_(cases.c.opened_at < at, cases.c.id < number))
    if since is not None:
        statement = statement.where(cases.c.opened_at >= since)
    if contact_ids is not None:
        statement = statement.where(cases.c.contact_id.in_(contact_ids))
    for name, value in wanted.items():
        if value is not None:
            statement = statement.where(cases.c[name] == value)
    rows = _cases(connection, statement)
    older = position(rows[limit - 1]["opened_at"], rows[limit - 1]["number"]) if len(rows) > limit else None
    return Page(rows[:limit], older)


def cases_of(connection: Connection, contact_ids: Iterable[int]) -> list[dict[str, Any]]:
    """All cases of these clients, the latest first, void ones left out."""
    found: list[dict[str, Any]] = []
    for part in chunks(contact_ids):
        found += _cases(
            connection,
            select(cases)
            .where(cases.c.contact_id.in_(part), cases.c.state != "void")
            .order_by(cases.c.opened_at.desc(), cases.c.id.desc()),
        )
    return found


def case(connection: Connection, key: str) -> dict[str, Any] | None:
    """The case of that key, the latest when a key was used twice."""
    found = _cases(connection, select(cases).where(cases.c.key == key).order_by(cases.c.id.desc()).limit(1))
    return found[0] if found else None


# Calls


def _call(row: Any) -> dict[str, Any]:
    return {
        **row.row,
        "number": row.record_id,
        "id": row.source_id,
        "connection": row.connection,
        "ref": f"{row.connection}/call/{row.source_id}",
        "contact": row.contact_id,
    }


_CALLS = select(calls, records.c.connection, records.c.source_id).join(records, records.c.id == calls.c.record_id)


def calls_page(
    connection: Connection,
    *,
    limit: int,
    before: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    contact_ids: Sequence[int] | None = None,
    **wanted: Any,
) -> Page:
    """Calls, the latest first; `before` is the `older` of the page that was seen."""
    statement = _CALLS.order_by(calls.c.started_at.desc(), calls.c.record_id.desc()).limit(limit + 1)
    mark = _position(before)
    if mark is not None:
        at, number = mark
        statement = statement.where(calls.c.started_at <= at, or_(calls.c.started_at < at, calls.c.record_id < number))
    if since is not None:
        statement = statement.where(calls.c.started_at >= since)
    if until is not None:
        statement = statement.where(calls.c.started_at < until)
    if contact_ids is not None:
        statement = statement.where(calls.c.contact_id.in_(contact_ids))
    for name, value in wanted.items():
        if value is not None:
            statement = statement.where(calls.c[name] == value)
    rows = connection.execute(statement).all()
    older = position(rows[limit - 1].started_at, rows[limit - 1].record_id) if len(rows) > limit else None
    return Page([_call(row) for row in rows[:limit]], older)


def position(at: datetime, number: int) -> str:
    """A place in a list that is read by time, as it stands in an address."""
    return f"{int(at.timestamp() * 1000)}-{number}"


def _position(text: str | None) -> tuple[datetime, int] | None:
    at, dash, number = (text or "").partition("-")
    if not dash or not at.isdecimal() or not number.isdecimal() or len(at) > 14 or len(number) > 18:
        return None
    return rec.instant(datetime.fromtimestamp(int(at) / 1000, tz=_UTC)), int(number)


def running_calls(connection: Connection, since: datetime) -> list[dict[str, Any]]:
    """Calls that began from `since` on and have not ended."""
    statement = _CALLS.where(calls.c.ended_at.is_(None), calls.c.started_at >= since)
    return [_call(row) for row in connection.execute(statement.order_by(calls.c.started_at))]


def calls_by_ref(connection: Connection, refs: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Reference → the verdict on that call; references to other things are left out."""
    wanted: dict[str, list[str]] = {}
    for ref in refs:
        name, _, rest = ref.partition("/")
        kind, _, source_id = rest.partition("/")
        if kind == "call":
            wanted.setdefault(name, []).append(source_id)
    found: dict[str, dict[str, Any]] = {}
    for name, ids in wanted.items():
        for part in chunks(ids):
            rows = connection.execute(
                _CALLS.where(records.c.connection == name, records.c.kind == "call", records.c.source_id.in_(part))
            )
            found.update({call["ref"]: call for call in map(_call, rows)})
    return found


def call_counts(connection: Connection, contact: int) -> tuple[int, datetime | None]:
    """How many calls the client and we had with each other, and when the first was."""
    row = connection.execute(
        select(func.count(), func.min(calls.c.started_at)).where(calls.c.contact_id == contact)
    ).one()
    return row[0], row[1]


def any_call(connection: Connection) -> bool:
    """Whether any call was ever judged."""
    return connection.scalar(select(calls.c.record_id).limit(1)) is not None


def bodies(connection: Connection, record_ids: Iterable[int]) -> dict[int, Record]:
    """Record id → the record itself."""
    found: dict[int, Record] = {}
    for part in chunks(record_ids):
        for row in connection.execute(select(records.c.id, records.c.body).where(records.c.id.in_(part))):
            if row.body is not None:
                found[row.id] = rec.stored(row.body)
    return found


# Connections


def dead_items(connection: Connection, name: str | None = None, limit: int = 20) -> list[dict[str, Any]]:
    """What was received and could not be understood, the latest first."""
    columns = (inbox.c.id, inbox.c.connection, inbox.c.kind, inbox.c.item, inbox.c.received_at, inbox.c.error)
    statement = select(*columns).where(inbox.c.state == "dead").order_by(inbox.c.id.desc()).limit(limit)
    if name is not None:
        statement = statement.where(inbox.c.connection == name)
    return [plain(row) for row in connection.execute(statement)]


def item(connection: Connection, number: int) -> dict[str, Any] | None:
    """One received item with its payload as bytes of JSON."""
    row = connection.execute(select(inbox).where(inbox.c.id == number)).first()
    return None if row is None else plain(row)


def volume(connection: Connection, since: datetime) -> dict[str, int]:
    """Connection → how many items are kept that it received from `since` on."""
    rows = connection.execute(
        select(inbox.c.connection, func.count().label("n"))
        .where(inbox.c.received_at >= since)
        .group_by(inbox.c.connection)
    )
    return {row.connection: row.n for row in rows}


# Deliveries


def deliveries(
    connection: Connection, states: Sequence[str], limit: int, before: int | None = None
) -> list[dict[str, Any]]:
    """Effects in one of the states, the latest first."""
    statement = select(outbox).where(outbox.c.state.in_(states)).order_by(outbox.c.id.desc()).limit(limit)
    if before is not None:
        statement = statement.where(outbox.c.id < before)
    return [plain(row) for row in connection.execute(statement)]


def delivery_counts(connection: Connection) -> dict[str, int]:
    """State → how many effects are in it."""
    rows = connection.execute(select(outbox.c.state, func.count().label("n")).group_by(outbox.c.state))
    return {row.state: row.n for row in rows}


def alive(connection: Connection) -> None:
    """Return if the store answers and its tables are there."""
    connection.scalar(select(inbox.c.id).limit(1))


def connections_seen(connection: Connection, own: str) -> dict[str, datetime | None]:
    """Connection → when anything came by it last; the hub's own is left out."""
    rows = connection.execute(
        select(connections.c.name, connections.c.received_at)
        .where(connections.c.name != own)
        .order_by(connections.c.name)
    )
    return {row.name: row.received_at for row in rows}


def dead_count(connection: Connection) -> int:
    """How many received items could not be understood."""
    return connection.scalar(select(func.count()).where(inbox.c.state == "dead")) or 0
