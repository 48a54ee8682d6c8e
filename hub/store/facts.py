"""How records become facts on timelines: the newest version of each, whoever arrives first."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeAlias

import orjson
from sqlalchemy import Connection, Select, and_, bindparam, delete, select

from hub.core import records as rec
from hub.core.records import Call, Card, Change, Deal, Gone, Mark, Message, Record, Task
from hub.core.threads import EMAIL, REACH
from hub.store import identity, people, published, pulses
from hub.store.bulk import among, chunks, insert, renew
from hub.store.identity import Lists
from hub.store.schema import calls, deal_cards, offers, record_handles, records, versions

BEGINNING = people.LONG_AGO
NOBODY = Lists()
_SEVERAL = (rec.Card, rec.Submission, rec.Meeting)
_OWNING = (rec.Card, rec.Deal)
_Key: TypeAlias = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Fact:
    """A record on its way in, handles of ours qualified. root: the group that yielded it."""

    connection: str
    record: Record
    received_at: datetime
    root: str | None = None
    as_live: bool = False
    clamped: bool = False

    @property
    def key(self) -> _Key:
        """(connection, kind, id): what makes it the same fact."""
        kind = self.record.of if isinstance(self.record, Gone) else rec.kind(self.record)
        return self.connection, kind, self.record.id


@dataclass(slots=True)
class Outcome:
    """What putting facts changed: how many were new or newer, how many said nothing new, and who is due.

    seen: contacts that certainly have, or had, a fact.
    """

    changed: int = 0
    duplicates: int = 0
    due: dict[int, datetime] = field(default_factory=dict)
    seen: set[int] = field(default_factory=set)

    def touch(self, contact: int | None, since: datetime | None, *, seen: bool = False) -> None:
        """The contact's timeline changed at `since`."""
        if contact is not None:
            self.due[contact] = min(self.due.get(contact, since or BEGINNING), since or BEGINNING)
            if seen:
                self.seen.add(contact)


@dataclass(frozen=True, slots=True)
class _Version:
    """What a record says, as it is stored; equal content, equal digest."""

    record: Record
    body: dict[str, Any]
    digest: bytes


def _version(record: Record) -> _Version:
    body = rec.to_json(record)
    return _Version(record, body, hashlib.blake2b(orjson.dumps(body), digest_size=16).digest())


@dataclass(slots=True)
class _Change:
    """The row that a fact becomes, beside the row it replaces."""

    row: dict[str, Any]
    record: Record | None
    before: Any | None


@dataclass(slots=True)
class _Weighed:
    """Which facts win over what is stored, and every version that was told of objects that own."""

    changes: dict[_Key, _Change] = field(default_factory=dict)
    told: dict[_Key, dict[bytes, _Version]] = field(default_factory=dict)
    duplicates: int = 0


def put(
    connection: Connection,
    facts: Sequence[Fact],
    now: datetime,
    *,
    replaced: Iterable[tuple[str, Sequence[str]]] = (),
    lists: Lists = NOBODY,
) -> Outcome:
    """Store what is new or newer and mark the contacts it concerns.

    replaced: per connection the group keys that were parsed anew; what they yielded before and no longer yield is
    withdrawn. lists: handles by which no cards become one client.
    """
    keyed = [(fact.key, fact) for fact in facts]
    keys = {key for key, _ in keyed}
    stored = _stored(connection, keys)
    withdrawn = _withdrawn(connection, replaced, keys)
    weighed = _weigh(keyed, stored)
    changes, outcome = weighed.changes, Outcome(duplicates=weighed.duplicates)
    if not changes and not withdrawn and not weighed.told:
        return outcome
    before = [change.before for change in changes.values() if change.before is not None]
    lost = identity.handles_of(connection, [row.id for row in (*before, *withdrawn) if row.kind == "card"])
    for contact, since in _of_deals(connection, {row.id: BEGINNING for row in before if row.kind == "deal"}):
        outcome.touch(contact, since)  # those of the cards that a deal is taken from
    handles, founded = _meet(connection, changes, lists)
    _write(connection, changes, handles, founded)
    pulses.count(connection, _never_seen(changes))
    published.came_late(connection, _of_before(changes, now))
    ids = {key: row.id for key, row in stored.items()} | _new_ids(connection, changes)
    _link(connection, changes, ids, handles)
    late = _keep_versions(connection, weighed.told, stored, ids)
    _touch_owned(connection, [stored[key] for key in late if key not in changes], outcome)
    _withdraw(connection, withdrawn)
    settled = [change for key, change in changes.items() if key not in founded]
    cards = _touch(connection, [*settled, *(_Change({}, None, row) for row in withdrawn)], ids, outcome)
    outcome.changed = len(changes) + len(withdrawn)
    if cards:
        for contact in identity.recompute(connection, cards, lists, now, lost):
            outcome.touch(contact, BEGINNING)
    judged = outcome.seen | people.to_be_judged(connection, outcome.due.keys() - outcome.seen)
    people.mark_due(connection, {contact: outcome.due[contact] for contact in judged}, now)
    return outcome


_SAME = and_(records.c.connection == bindparam("name"), records.c.kind == bindparam("kind"), among(records.c.source_id))
_WHOLE = select(records).where(_SAME)
_IDS = select(records.c.id, records.c.source_id).where(_SAME)


def _stored(connection: Connection, keys: Iterable[_Key], statement: Select[Any] = _WHOLE) -> dict[_Key, Any]:
    """The rows of the records that are there."""
    found: dict[_Key, Any] = {}
    by_kind: dict[tuple[str, str], list[str]] = {}
    for name, kind, source_id in keys:
        by_kind.setdefault((name, kind), []).append(source_id)
    for (name, kind), source_ids in by_kind.items():
        rows = connection.execute(statement, {"name": name, "kind": kind, "values": source_ids})
        found.update({(name, kind, row.source_id): row for row in rows})
    return found


_YIELDED = select(records).where(records.c.connection == bindparam("name"), among(records.c.root))


def _withdrawn(connection: Connection, replaced: Iterable[tuple[str, Sequence[str]]], kept: set[_Key]) -> list[Any]:
    roots: dict[str, list[str]] = {}
    for name, keys in replaced:
        roots.setdefault(name, []).extend(keys)
    return [
        row
        for name, values in roots.items()
        for row in connection.execute(_YIELDED, {"name": name, "values": values})
        if (name, row.kind, row.source_id) not in kept
    ]


def _weigh(keyed: Iterable[tuple[_Key, Fact]], stored: Mapping[_Key, Any]) -> _Weighed:
    weighed = _Weighed()
    changes = weighed.changes
    for key, fact in keyed:
        before = stored.get(key)
        current = changes[key].row if key in changes else (before._mapping if before is not None else None)
        if isinstance(fact.record, Gone):
            newer, row = None, _gone_row(fact, current)
        else:
            version = _version(fact.record)
            newer = row = _newer_row(key, fact, version, current)
            if isinstance(fact.record, _OWNING):
                weighed.told.setdefault(key, {})[version.digest] = version
        if row is None and fact.as_live and current is not None and not current["as_live"]:
            row = {**_columns(current), "as_live": True}
        if row is None:
            weighed.duplicates += 1
            continue
        record = fact.record if newer is not None else changes[key].record if key in changes else None
        changes[key] = _Change(row, record, before)
    return weighed


def _newer_row(key: _Key, fact: Fact, version: _Version, current: Any | None) -> dict[str, Any] | None:
    """The row of a record that is newer than what is stored; None when it says nothing new or is older."""
    record, content = fact.record, version.digest
    if current is not None and current["digest"] is not None:
        if current["digest"] == content:
            return None
        if fact.root is None and _order(current) >= rec.order(record, content.hex()):
            return None
    name, kind, source_id = key
    tie = getattr(record, "ended_at", None) or getattr(record, "at", None)
    return {
        "connection": name,
        "kind": kind,
        "source_id": source_id,
        "root": fact.root,
        "version": record.version,
        "changed_at": record.changed_at,
        "tie_at": tie,
        "digest": content,
        "at": rec.moment(record),
        "target": _target(name, record),
        "inbound": isinstance(record, Call) and record.direction == "inbound",
        "as_live": fact.as_live or bool(current is not None and current["as_live"]),
        "clamped": fact.clamped,
        "unfinished": _is_unfinished(record),
        "gone_at": current["gone_at"] if current is not None else None,
        "received_at": fact.received_at,
        "body": version.body,
    }


def _order(row: Any) -> tuple[int, float, float, str]:
    tie = row["tie_at"].timestamp() if row["tie_at"] else 0.0
    content = row["digest"].hex()
    if row["version"] is not None:
        return (2, float(row["version"]), tie, content)
    if row["changed_at"] is not None:
        return (1, row["changed_at"].timestamp(), tie, content)
    return (0, 0.0, tie, content)


_NEVER_BACK = datetime.fromisoformat("9999-01-01T00:00:00+00:00")


def _gone_row(fact: Fact, current: Any | None) -> dict[str, Any] | None:
    """The row with its end noted; a `gone` without a moment wins over every version."""
    assert isinstance(fact.record, Gone)
    at = fact.record.at or fact.record.changed_at or _NEVER_BACK
    if current is not None:
        if current["gone_at"] is not None and current["gone_at"] >= at:
            return None
        return {**_columns(current), "gone_at": at}
    name, kind, source_id = fact.key
    empty = dict.fromkeys(("root", "version", "changed_at", "tie_at", "digest", "at", "target", "body"))
    return {
        "connection": name,
        "kind": kind,
        "source_id": source_id,
        **empty,
        "inbound": False,
        "as_live": False,
        "clamped": False,
        "unfinished": False,
        "gone_at": at,
        "received_at": fact.received_at,
    }


def _is_unfinished(record: Record) -> bool:
    """Whether somebody has still to do something about it."""
    if isinstance(record, Task):
        return record.done_at is None
    return isinstance(record, Deal) and record.state == "open"


def _columns(current: Any) -> dict[str, Any]:
    return {column.name: current[column.name] for column in records.c if column.name != "id" and column.name in current}


def _target(connection: str, record: Record) -> str | None:
    """What a mark, a change or a bounce is about, as it is looked up: a handle, or a reference (a case key's rest)."""
    if isinstance(record, Message):
        return f"{connection}/message/{record.concerns}" if record.concerns is not None else None
    if isinstance(record, Change):
        return f"{connection}/{record.of}/{record.on}"
    if not isinstance(record, Mark):
        return None
    head, colon, rest = record.on.partition(":")
    return rest if colon and rest.count("/") >= 2 and head.isidentifier() else record.on


def _meet(
    connection: Connection, changes: Mapping[_Key, _Change], lists: Lists
) -> tuple[dict[str, int], dict[_Key, int]]:
    """Handle → its id, of all handles of these records; new card → its contact, where nobody else has its handles."""
    values: set[str] = set()
    cards: dict[_Key, Card] = {}
    for key, change in changes.items():
        if change.record is not None:
            values.update(rec.handles_of(change.record))
            values.update(_own_handle(key, change.record))
        if isinstance(change.record, Card) and change.before is None:
            cards[key] = change.record
    known = people.lookup(connection, values)
    founded = identity.found(connection, cards, known.keys() | lists.barriers)
    homes: dict[str, int] = {handle: contact for key, contact in founded.items() for handle in cards[key].handles}
    known |= people.add(connection, values - known.keys(), homes)
    return {value: handle_id for value, (handle_id, _) in known.items()}, founded


def _own_handle(key: _Key, record: Record) -> tuple[str, ...]:
    """The handle that a fact hangs on; a card hangs on none. A withheld call is a contact of its own."""
    if isinstance(record, Card):
        return ()
    if isinstance(record, Call) and record.client is None:
        return (f"{'withheld' if record.direction == 'inbound' else 'none'}:{'/'.join(key)}",)
    return rec.handles_of(record)[:1]


def _write(
    connection: Connection, changes: Mapping[_Key, _Change], handles: Mapping[str, int], founded: Mapping[_Key, int]
) -> None:
    for key, change in changes.items():
        if change.record is not None:
            own = _own_handle(key, change.record)
            change.row["handle_id"] = handles[own[0]] if own else None
            change.row["contact_id"] = change.before.contact_id if change.before is not None else founded.get(key)
        elif change.before is None:
            change.row |= {"handle_id": None, "contact_id": None}
    insert(connection, records, [change.row for change in changes.values() if change.before is None])
    renew(
        connection,
        records,
        [{**change.row, "id": change.before.id} for change in changes.values() if change.before is not None],
    )


def _never_seen(changes: Mapping[_Key, _Change]) -> Iterator[tuple[str, str, datetime]]:
    """(connection, kind, moment) of the facts that come for the first time."""
    for (name, kind, _), change in changes.items():
        at = change.row["at"]
        if at is not None and (change.before is None or change.before.at is None):
            yield name, kind, at


def _of_before(changes: Mapping[_Key, _Change], now: datetime) -> Iterator[tuple[str, datetime]]:
    """(reference, moment) of what is older than a day: its month may be closed already."""
    for key, change in changes.items():
        at = change.row["at"]
        if at is not None and at < now - timedelta(days=1):
            yield "/".join(key), at


def _new_ids(connection: Connection, changes: Mapping[_Key, _Change]) -> dict[_Key, int]:
    """Row ids of the new records that have links of their own."""
    linked = [
        key
        for key, change in changes.items()
        if change.before is None and isinstance(change.record, (*_SEVERAL, *_OWNING))
    ]
    return {key: row.id for key, row in _stored(connection, linked, _IDS).items()}


def _link(
    connection: Connection, changes: Mapping[_Key, _Change], ids: Mapping[_Key, int], handles: Mapping[str, int]
) -> None:
    """Handles of records that have several, cards of deals."""
    several = {key: change.record for key, change in changes.items() if isinstance(change.record, _SEVERAL)}
    deals = {key: change.record for key, change in changes.items() if isinstance(change.record, Deal)}
    for table, linked in ((record_handles, several), (deal_cards, deals)):
        for part in chunks(ids[key] for key in linked if changes[key].before is not None):
            connection.execute(delete(table).where(table.c.record_id.in_(part)))
    insert(
        connection,
        record_handles,
        [
            {"record_id": ids[key], "handle_id": handles[handle]}
            for key, record in several.items()
            for handle in dict.fromkeys(record.handles)
        ],
    )
    insert(
        connection,
        deal_cards,
        [
            {"record_id": ids[key], "connection": key[0], "card": card}
            for key, deal in deals.items()
            for card in dict.fromkeys(deal.cards)
        ],
    )


def _keep_versions(
    connection: Connection,
    told: Mapping[_Key, Mapping[bytes, _Version]],
    stored: Mapping[_Key, Any],
    ids: Mapping[_Key, int],
) -> set[_Key]:
    """Keep what owning objects were at any time, once they have been more than one thing.

    Returns the keys of the stored ones of which something was told that was not known.
    """
    rows: dict[tuple[int, bytes], dict[str, Any]] = {}
    for key, versions_told in told.items():
        before = stored.get(key)
        found = {
            content: {"version": version.record.version, "changed_at": version.record.changed_at, "body": version.body}
            for content, version in versions_told.items()
        }
        if before is not None and before.digest is not None:
            found[before.digest] = {"version": before.version, "changed_at": before.changed_at, "body": before.body}
        if len(found) > 1:
            rows |= {(ids[key], content): row for content, row in found.items()}
    for part in chunks({record_id for record_id, _ in rows}):
        kept = select(versions.c.record_id, versions.c.digest).where(versions.c.record_id.in_(part))
        for record_id, content in connection.execute(kept):
            rows.pop((record_id, bytes(content)), None)
    insert(
        connection,
        versions,
        [{"record_id": record_id, "digest": content, **row} for (record_id, content), row in rows.items()],
    )
    fresh = {record_id for record_id, _ in rows}
    return {key for key in told if key in stored and stored[key].id in fresh}


def _touch_owned(connection: Connection, rows: list[Any], outcome: Outcome) -> None:
    """An older version came late: who owned what at its time may be another."""
    for row in rows:
        outcome.touch(row.contact_id, BEGINNING)
    for contact, since in _of_deals(connection, {row.id: BEGINNING for row in rows if row.kind == "deal"}):
        outcome.touch(contact, since)


def _withdraw(connection: Connection, rows: list[Any]) -> None:
    """Take away what a group no longer yields, with its verdict."""
    for part in chunks([row.id for row in rows]):
        for table in (offers, calls, record_handles, deal_cards, versions):
            connection.execute(delete(table).where(table.c.record_id.in_(part)))
        connection.execute(delete(records).where(records.c.id.in_(part)))


def _touch(connection: Connection, changes: Iterable[_Change], ids: Mapping[_Key, int], outcome: Outcome) -> set[int]:
    """Note whose timeline changed; returns the cards whose identity must be decided anew."""
    handles_touched: dict[int, datetime] = {}
    targets: dict[str, datetime] = {}
    cards: set[int] = set()
    deals: dict[int, datetime] = {}
    for change in changes:
        since = _since(change)
        before, row = change.before, change.row
        kind = row.get("kind") or (before.kind if before is not None else "")
        row_id = before.id if before is not None else ids.get((row["connection"], kind, row["source_id"]))
        for handle_id in _either(change, "handle_id"):
            handles_touched[handle_id] = min(handles_touched.get(handle_id, since), since)
        if kind in ("mark", "change", "message"):
            if kind == "change" or _reopens(change):
                since = BEGINNING  # whose it was before it changed, and what a mark takes back, may be long ago
            for target in _either(change, "target"):
                targets[target] = min(targets.get(target, since), since)
        elif kind == "card" and row_id is not None:
            cards.add(row_id)
        elif kind == "deal" and row_id is not None:
            known = before is not None or (row.get("body") or {}).get("created_at")
            deals[row_id] = since if known else BEGINNING  # its log may tell of a time before its first version
    owners = people.contacts_of(connection, handles_touched)
    for handle_id, since in handles_touched.items():
        outcome.touch(owners.get(handle_id), since, seen=True)
    for contact, since in [*_targets(connection, targets), *_of_deals(connection, deals)]:
        outcome.touch(contact, since)
    return cards


def _either(change: _Change, column: str) -> set[Any]:
    """What the column holds now and what it held before."""
    values = (change.row.get(column), change.before._mapping[column] if change.before is not None else None)
    return {value for value in values if value is not None}


def _reopens(change: _Change) -> bool:
    """Whether the change is about a mark that takes an earlier closing back."""
    bodies = (change.row.get("body"), change.before.body if change.before is not None else None)
    return any(body is not None and body.get("kind") == "reopened" for body in bodies)


def _since(change: _Change) -> datetime:
    """The earliest moment that a change can matter for."""
    moments = [
        moment
        for source in (change.row, change.before._mapping if change.before is not None else {})
        for moment in (source.get("at"), source.get("changed_at"))
        if moment is not None
    ]
    since = min(moments, default=BEGINNING)
    return since - REACH if _is_mail(change) and since - BEGINNING > REACH else since


def _is_mail(change: _Change) -> bool:
    body = change.row.get("body") or (change.before.body if change.before is not None else None)
    return body is not None and body.get("channel") == EMAIL


def _targets(connection: Connection, targets: dict[str, datetime]) -> list[tuple[int, datetime]]:
    """The contacts that marks and changes are about: of a handle, or of the fact, card or deal that a reference names."""
    found = [(contact, targets[value]) for value, (_, contact) in people.lookup(connection, targets).items()]
    references = {tuple(target.split("/", 2)): since for target, since in targets.items() if target.count("/") >= 2}
    rows = _stored(connection, references)  # type: ignore[arg-type]
    owners = people.contacts_of(connection, {row.handle_id for row in rows.values() if row.handle_id is not None})
    found += [
        (owners[row.handle_id], min(references[key], row.at or BEGINNING))
        for key, row in rows.items()
        if row.handle_id in owners
    ]
    found += [(row.contact_id, references[key]) for key, row in rows.items() if row.contact_id is not None]
    return found + _of_deals(connection, {row.id: references[key] for key, row in rows.items() if row.kind == "deal"})


def _of_deals(connection: Connection, deals: dict[int, datetime]) -> list[tuple[int, datetime]]:
    """The contacts of the cards that deals belong to."""
    found: list[tuple[int, datetime]] = []
    for part in chunks(deals):
        rows = connection.execute(
            select(deal_cards.c.record_id, records.c.contact_id)
            .join(
                records,
                (records.c.connection == deal_cards.c.connection)
                & (records.c.kind == "card")
                & (records.c.source_id == deal_cards.c.card),
            )
            .where(deal_cards.c.record_id.in_(part), records.c.contact_id.is_not(None))
        )
        found += [(row.contact_id, deals[row.record_id]) for row in rows]
    return found


@dataclass(frozen=True, slots=True)
class Exported:
    """One record with all that must be told so that it is the same again: its versions, its end."""

    id: int
    bodies: list[dict[str, Any]]


def connections_with_records(connection: Connection) -> list[str]:
    """Names of the connections that records came by."""
    return list(connection.scalars(select(records.c.connection).distinct().order_by(records.c.connection)))


def page(
    connection: Connection, name: str, after: int, since: datetime | None, until: datetime | None, limit: int = 1_000
) -> list[Exported]:
    """The next records of a connection in the hub's own format, by row id."""
    statement = select(records).where(records.c.connection == name, records.c.id > after)
    if since is not None:
        statement = statement.where(records.c.at >= since)
    if until is not None:
        statement = statement.where(records.c.at < until)
    rows = connection.execute(statement.order_by(records.c.id).limit(limit)).all()
    kept: dict[int, list[Any]] = {}
    for part in chunks(row.id for row in rows):
        for version in connection.execute(select(versions).where(versions.c.record_id.in_(part))):
            kept.setdefault(version.record_id, []).append(version.body)
    return [Exported(row.id, _bodies(row, kept.get(row.id, []))) for row in rows]


def _bodies(row: Any, kept: list[dict[str, Any]]) -> list[dict[str, Any]]:
    bodies = kept or ([row.body] if row.body is not None else [])
    if row.gone_at is not None:
        ended: dict[str, Any] = {"record": "gone", "of": row.kind, "id": row.source_id}
        if row.gone_at < _NEVER_BACK:
            ended["at"] = row.gone_at.isoformat()
        bodies = [*bodies, ended]
    return bodies


def versions_since(connection: Connection, name: str, kind: str, since: datetime) -> dict[str, datetime]:
    """Id → version of a connection's records of a kind that were changed since then and are not gone."""
    found = connection.execute(
        select(records.c.source_id, records.c.changed_at).where(
            records.c.connection == name,
            records.c.kind == kind,
            records.c.gone_at.is_(None),
            records.c.changed_at >= since,
        )
    )
    return {row.source_id: row.changed_at for row in found}
