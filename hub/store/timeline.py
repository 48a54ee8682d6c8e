"""What happened between each of these contacts and us: facts read in bulk, as the values that rules are given."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from sqlalchemy import Connection, func, select

from hub.core import records as rec
from hub.core.timeline import ContactView, Fact, History, Timeline
from hub.store.bulk import chunks
from hub.store.people import LONG_AGO
from hub.store.schema import connections, contacts, deal_cards, handles, records, versions

_OF_FACTS = {"call": "calls", "message": "messages", "submission": "submissions", "meeting": "meetings"}


@dataclass(frozen=True, slots=True)
class Loaded:
    """Timelines by contact, and the record row of each fact by its reference."""

    timelines: Mapping[int, Timeline]
    rows: Mapping[str, int]


def load(connection: Connection, starts: Mapping[int, datetime], until: datetime | None = None) -> Loaded:
    """The timeline of each contact from `starts[contact]` on. until: deletions later than this are not yet known."""
    views = _views(connection, starts)
    owners = {number: view.id for view, numbers in views.values() for number in numbers}
    live_since = dict(connection.execute(select(connections.c.name, connections.c.live_since)).all())
    parts: dict[int, dict[str, list[Any]]] = {contact: defaultdict(list) for contact in views}
    refs: dict[str, int] = {}
    ids: dict[str, int] = {}
    for row in _facts(connection, owners, min(starts.values(), default=LONG_AGO)):
        contact = owners[row.handle_id]
        if row.at < starts[contact] or _gone(row, until):
            continue
        fact = _fact(row, live_since)
        parts[contact][_OF_FACTS[row.kind]].append(fact)
        refs[fact.ref] = contact
        ids[fact.ref] = row.id
    refs |= {value: view.id for view, _ in views.values() for value in view.handles}
    for row in _naming(connection, refs, "mark"):
        if not _gone(row, until):
            parts[refs[row.target]]["marks"].append(_fact(row, live_since))
    _add_owners(connection, parts, until)
    first = _first_inbound(connection, owners)
    written = _first_message(connection, owners)
    timelines = {
        contact: Timeline(
            contact=view,
            first_inbound=first.get(contact),
            text_known=contact in written and written[contact] < starts[contact],
            **cast(Any, {kind: _ordered(found) for kind, found in parts[contact].items()}),
        )
        for contact, (view, _) in views.items()
    }
    return Loaded(timelines, ids)


def _ordered(found: list[Any]) -> tuple[Any, ...]:
    if found and isinstance(found[0], Fact):
        return tuple(sorted(found, key=lambda fact: (rec.moment(fact.record) or LONG_AGO, fact.ref)))
    return tuple(sorted(found, key=lambda history: history.ref))


def _views(connection: Connection, ids: Iterable[int]) -> dict[int, tuple[ContactView, list[int]]]:
    rows: dict[int, Any] = {}
    own: dict[int, list[tuple[str, int]]] = defaultdict(list)
    for part in chunks(ids):
        rows.update({row.id: row for row in connection.execute(select(contacts).where(contacts.c.id.in_(part)))})
        for row in connection.execute(select(handles).where(handles.c.contact_id.in_(part))):
            own[row.contact_id].append((row.value, row.id))
    found: dict[int, tuple[ContactView, list[int]]] = {}
    for contact, row in rows.items():
        pairs = sorted(own[contact])
        public = tuple(value for value, _ in pairs if not value.startswith(("withheld:", "none:")))
        found[contact] = (ContactView(contact, row.name, public, row.kind), [number for _, number in pairs])
    return found


def _facts(connection: Connection, owners: Mapping[int, int], since: datetime) -> Iterable[Any]:
    for part in chunks(owners):
        yield from connection.execute(
            select(records).where(records.c.handle_id.in_(part), records.c.at >= since, records.c.kind.in_(_OF_FACTS))
        )


def _naming(connection: Connection, targets: Iterable[str], kind: str) -> Iterable[Any]:
    """Marks or changes that are about any of these."""
    for part in chunks(targets):
        yield from connection.execute(select(records).where(records.c.target.in_(part), records.c.kind == kind))


def _gone(row: Any, until: datetime | None) -> bool:
    """Deleted at its source, and not brought back by a newer version; a deletion after `until` is not yet known."""
    if row.body is None:
        return True
    if row.gone_at is None or (until is not None and row.gone_at.year < 9999 and row.gone_at > until):
        return False
    return row.changed_at is None or row.changed_at <= row.gone_at


def _fact(row: Any, live_since: Mapping[str, datetime | None]) -> Fact[Any]:
    since = live_since.get(row.connection)
    live = row.as_live or (since is not None and row.at is not None and row.at >= since)
    return Fact(f"{row.connection}/{row.kind}/{row.source_id}", rec.stored(row.body), live, row.clamped, row.as_live)


def _first_inbound(connection: Connection, owners: Mapping[int, int]) -> dict[int, str]:
    """Contact → reference of the first inbound call ever, one step into an index for each handle."""
    found: dict[int, tuple[datetime, str]] = {}
    for part in chunks(owners):
        earliest = (
            select(records.c.handle_id, func.min(records.c.at).label("at"))
            .where(records.c.handle_id.in_(part), records.c.inbound, records.c.gone_at.is_(None))
            .group_by(records.c.handle_id)
            .subquery()
        )
        rows = connection.execute(
            select(records.c.handle_id, records.c.at, records.c.connection, records.c.source_id)
            .join(earliest, (records.c.handle_id == earliest.c.handle_id) & (records.c.at == earliest.c.at))
            .where(records.c.inbound)
        )
        for row in rows:
            mark = (row.at, f"{row.connection}/call/{row.source_id}")
            contact = owners[row.handle_id]
            found[contact] = min(found.get(contact, mark), mark)
    return {contact: ref for contact, (_, ref) in found.items()}


def _first_message(connection: Connection, owners: Mapping[int, int]) -> dict[int, datetime]:
    """Contact → the first message with him ever: from then on there is a way to write to him (metrics.md 3.3)."""
    found: dict[int, datetime] = {}
    for part in chunks(owners):
        rows = connection.execute(
            select(records.c.handle_id, func.min(records.c.at).label("at"))
            .where(records.c.handle_id.in_(part), records.c.kind == "message", records.c.gone_at.is_(None))
            .group_by(records.c.handle_id)
        )
        for row in rows:
            contact = owners[row.handle_id]
            found[contact] = min(found.get(contact, row.at), row.at)
    return found


def _add_owners(connection: Connection, parts: dict[int, dict[str, list[Any]]], until: datetime | None) -> None:
    """Cards and deals with all their versions and what was logged of them."""
    cards = _rows(connection, select(records).where(records.c.kind == "card"), records.c.contact_id, parts)
    by_key = {(row.connection, row.source_id): row.contact_id for row in cards}
    links: dict[int, set[int]] = defaultdict(set)
    for part in chunks({source_id for _, source_id in by_key}):
        for link in connection.execute(select(deal_cards).where(deal_cards.c.card.in_(part))):
            if (link.connection, link.card) in by_key:
                links[link.record_id].add(by_key[link.connection, link.card])
    deals = _rows(connection, select(records), records.c.id, links)
    histories = _histories(connection, [*cards, *deals], until)
    for row in cards:
        parts[row.contact_id]["cards"].append(histories[row.id])
    for row in deals:
        for contact in links[row.id]:
            parts[contact]["deals"].append(histories[row.id])


def _rows(connection: Connection, statement: Any, column: Any, values: Iterable[int]) -> list[Any]:
    return [
        row
        for part in chunks(values)
        for row in connection.execute(statement.where(column.in_(part)))
        if row.body is not None
    ]


def _histories(connection: Connection, rows: list[Any], until: datetime | None) -> dict[int, History[Any]]:
    logged: dict[str, list[rec.Change]] = defaultdict(list)
    for change in _naming(connection, (f"{row.connection}/{row.kind}/{row.source_id}" for row in rows), "change"):
        if not _gone(change, until):
            logged[change.target].append(cast(rec.Change, rec.stored(change.body)))
    kept: dict[int, list[Any]] = defaultdict(list)
    for part in chunks(row.id for row in rows):
        for version in connection.execute(select(versions).where(versions.c.record_id.in_(part))):
            kept[version.record_id].append(version)
    found: dict[int, History[Any]] = {}
    for row in rows:
        ordered = sorted(
            kept.get(row.id) or [row],
            key=lambda version: rec.order(rec.stored(version.body), bytes(version.digest).hex()),
        )
        revived = row.gone_at is not None and row.changed_at is not None and row.changed_at > row.gone_at
        ref = f"{row.connection}/{row.kind}/{row.source_id}"
        found[row.id] = History(
            ref,
            tuple(rec.stored(version.body) for version in ordered),
            None if revived else row.gone_at,
            tuple(sorted(logged[ref], key=lambda change: (change.at, change.id))),
        )
    return found
