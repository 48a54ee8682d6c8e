"""How records become facts on timelines: the newest version of each, whoever arrives first."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import Connection, bindparam, delete, insert, select, update

from hub.core import records as rec
from hub.core.handles import Handle
from hub.core.records import Call, Card, Change, Deal, Gone, Mark, Record
from hub.store import identity, people
from hub.store.bulk import chunks, insert_new
from hub.store.identity import Lists
from hub.store.schema import calls, deal_cards, offers, record_handles, records, versions

BEGINNING = people.LONG_AGO
NOBODY = Lists()
_SEVERAL = (rec.Card, rec.Submission, rec.Meeting)
_OWNING = (rec.Card, rec.Deal)


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
    def key(self) -> tuple[str, str, str]:
        """(connection, kind, id): what makes it the same fact."""
        kind = self.record.of if isinstance(self.record, Gone) else rec.kind(self.record)
        return self.connection, kind, self.record.id


@dataclass(slots=True)
class Outcome:
    """What putting facts changed: how many were new or newer, how many said nothing new, and who is due."""

    changed: int = 0
    duplicates: int = 0
    due: dict[int, datetime] = field(default_factory=dict)

    def touch(self, contact: int | None, since: datetime | None) -> None:
        """The contact's timeline changed at `since`."""
        if contact is not None:
            self.due[contact] = min(self.due.get(contact, since or BEGINNING), since or BEGINNING)


def digest(body: dict[str, Any]) -> bytes:
    """The content of a record's JSON as a short digest: equal content, equal digest."""
    return hashlib.blake2b(orjson.dumps(body), digest_size=16).digest()


@dataclass(slots=True)
class _Change:
    """The row that a fact becomes, beside the row it replaces."""

    row: dict[str, Any]
    record: Record | None
    before: Any | None


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
    outcome = Outcome()
    stored = _stored(connection, {fact.key for fact in facts})
    withdrawn = _withdrawn(connection, replaced, {fact.key for fact in facts})
    changes, histories = _weigh(facts, stored, outcome)
    if not changes and not withdrawn and not histories:
        return outcome
    _write(connection, changes)
    ids = _ids(connection, changes)
    before = [row for key, row in stored.items() if key in changes]
    lost = identity.handles_of(connection, [row.id for row in before if row.kind == "card"])
    deals = {row.id: BEGINNING for row in before if row.kind == "deal"}
    for contact, since in _of_deals(connection, deals):  # those of the cards that a deal is taken from
        outcome.touch(contact, since)
    _link(connection, changes, ids)
    older = _keep_versions(connection, histories, {key: row.id for key, row in stored.items()} | ids)
    _touch_owned(connection, [stored[key] for key in older if key in stored and key not in changes], outcome)
    _withdraw(connection, withdrawn)
    touched = _touch(connection, [*changes.values(), *(_Change({}, None, row) for row in withdrawn)], ids, outcome)
    outcome.changed = len(changes) + len(withdrawn)
    if touched:
        identity.recompute(connection, touched, outcome.touch, lists, now, lost)
    people.mark_due(connection, outcome.due, now)
    return outcome


def _stored(connection: Connection, keys: Iterable[tuple[str, str, str]]) -> dict[tuple[str, str, str], Any]:
    found: dict[tuple[str, str, str], Any] = {}
    by_kind: dict[tuple[str, str], list[str]] = {}
    for name, kind, source_id in keys:
        by_kind.setdefault((name, kind), []).append(source_id)
    for (name, kind), source_ids in by_kind.items():
        for part in chunks(source_ids):
            rows = connection.execute(
                select(records).where(
                    records.c.connection == name, records.c.kind == kind, records.c.source_id.in_(part)
                )
            )
            found.update({(name, kind, row.source_id): row for row in rows})
    return found


def _withdrawn(
    connection: Connection, replaced: Iterable[tuple[str, Sequence[str]]], kept: set[tuple[str, str, str]]
) -> list[Any]:
    rows: list[Any] = []
    for name, roots in replaced:
        for part in chunks(roots):
            found = connection.execute(select(records).where(records.c.connection == name, records.c.root.in_(part)))
            rows += [row for row in found if (name, row.kind, row.source_id) not in kept]
    return rows


def _weigh(
    facts: Sequence[Fact], stored: dict[tuple[str, str, str], Any], outcome: Outcome
) -> tuple[dict[tuple[str, str, str], _Change], list[tuple[tuple[str, str, str], Record]]]:
    """Which facts win over what is stored, and which versions of owning objects have to be kept."""
    changes: dict[tuple[str, str, str], _Change] = {}
    histories: list[tuple[tuple[str, str, str], Record]] = []
    for fact in facts:
        before = stored.get(fact.key)
        current = changes[fact.key].row if fact.key in changes else (before._mapping if before is not None else None)
        newer = None if isinstance(fact.record, Gone) else _newer_row(fact, current)
        row = _gone_row(fact, current) if isinstance(fact.record, Gone) else newer
        if isinstance(fact.record, _OWNING):
            histories.append((fact.key, fact.record))
        if row is None and fact.as_live and current is not None and not current["as_live"]:
            row = {**_columns(current), "as_live": True}
        if row is None:
            outcome.duplicates += 1
            continue
        record = fact.record if newer is not None else changes[fact.key].record if fact.key in changes else None
        changes[fact.key] = _Change(row, record, before)
    return changes, histories


def _newer_row(fact: Fact, current: Any | None) -> dict[str, Any] | None:
    """The row of a record that is newer than what is stored; None when it says nothing new or is older."""
    record, body = fact.record, rec.to_json(fact.record)
    content = digest(body)
    if current is not None and current["digest"] is not None:
        if current["digest"] == content:
            return None
        if fact.root is None and _order(current) >= rec.order(record, content.hex()):
            return None
    name, kind, source_id = fact.key
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
        "gone_at": current["gone_at"] if current is not None else None,
        "received_at": fact.received_at,
        "body": body,
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
        "gone_at": at,
        "received_at": fact.received_at,
    }


def _columns(current: Any) -> dict[str, Any]:
    return {column.name: current[column.name] for column in records.c if column.name != "id" and column.name in current}


def _target(connection: str, record: Record) -> str | None:
    """What a mark or a change is about, as it is looked up: a handle, or a reference (a case key without its kind)."""
    if isinstance(record, Change):
        return f"{connection}/{record.of}/{record.on}"
    if not isinstance(record, Mark):
        return None
    head, colon, rest = record.on.partition(":")
    return rest if colon and rest.count("/") >= 2 and head.isidentifier() else record.on


def pseudo_handle(record: Record, ref: str) -> str | None:
    """The handle that a fact without a client hangs on: a withheld call is a contact of its own."""
    if isinstance(record, Call) and record.client is None:
        return f"withheld:{ref}" if record.direction == "inbound" else f"none:{ref}"
    return None


def _write(connection: Connection, changes: dict[tuple[str, str, str], _Change]) -> None:
    wanted: dict[tuple[str, str, str], Handle | str] = {}
    for key, change in changes.items():
        if change.record is not None and not isinstance(change.record, Card):
            own = rec.handles_of(change.record)
            handle = own[0] if own else pseudo_handle(change.record, "/".join(key))
            if handle:
                wanted[key] = handle
    known = people.ensure(connection, wanted.values())
    for key, change in changes.items():
        if change.record is not None:
            change.row["handle_id"] = known[wanted[key]][0] if key in wanted else None
            change.row["contact_id"] = change.before.contact_id if change.before is not None else None
        elif change.before is None:
            change.row |= {"handle_id": None, "contact_id": None}
    fresh = [change.row for change in changes.values() if change.before is None]
    if fresh:
        connection.execute(insert(records), fresh)
    renewed = [{**change.row, "row_id": change.before.id} for change in changes.values() if change.before is not None]
    if renewed:
        columns = [name for name in renewed[0] if name != "row_id"]
        connection.execute(
            update(records).where(records.c.id == bindparam("row_id")).values({n: bindparam(n) for n in columns}),
            renewed,
        )


def _ids(connection: Connection, changes: dict[tuple[str, str, str], _Change]) -> dict[tuple[str, str, str], int]:
    """Row ids of the changed records that have links of their own."""
    known = {key: change.before.id for key, change in changes.items() if change.before is not None}
    linked = [
        key for key, change in changes.items() if key not in known and isinstance(change.record, (*_SEVERAL, *_OWNING))
    ]
    return known | {key: row.id for key, row in _stored(connection, linked).items()}


def _link(
    connection: Connection, changes: dict[tuple[str, str, str], _Change], ids: dict[tuple[str, str, str], int]
) -> None:
    """Handles of records that have several, cards of deals."""
    several = {key: change.record for key, change in changes.items() if isinstance(change.record, _SEVERAL)}
    known = people.ensure(connection, (handle for record in several.values() for handle in record.handles))
    for part in chunks([ids[key] for key in several]):
        connection.execute(delete(record_handles).where(record_handles.c.record_id.in_(part)))
    rows = [
        {"record_id": ids[key], "handle_id": known[handle][0]}
        for key, record in several.items()
        for handle in dict.fromkeys(record.handles)
    ]
    insert_new(connection, record_handles, rows, on=("record_id", "handle_id"))
    deals = {key: change.record for key, change in changes.items() if isinstance(change.record, Deal)}
    for part in chunks([ids[key] for key in deals]):
        connection.execute(delete(deal_cards).where(deal_cards.c.record_id.in_(part)))
    cards = [
        {"record_id": ids[key], "connection": key[0], "card": card}
        for key, deal in deals.items()
        for card in dict.fromkeys(deal.cards)
    ]
    insert_new(connection, deal_cards, cards, on=("record_id", "connection", "card"))


def _keep_versions(
    connection: Connection, histories: list[tuple[tuple[str, str, str], Record]], ids: dict[tuple[str, str, str], int]
) -> set[tuple[str, str, str]]:
    """Keep what owning objects were at any time; the keys of those that had been something else, too."""
    rows: dict[tuple[int, bytes], tuple[tuple[str, str, str], Record]] = {
        (ids[key], digest(rec.to_json(record))): (key, record) for key, record in histories if key in ids
    }
    for part in chunks({record_id for record_id, _ in rows}):
        kept = select(versions.c.record_id, versions.c.digest).where(versions.c.record_id.in_(part))
        for record_id, content in connection.execute(kept):
            rows.pop((record_id, bytes(content)), None)
    fresh = [
        {
            "record_id": record_id,
            "digest": content,
            "version": record.version,
            "changed_at": record.changed_at,
            "body": rec.to_json(record),
        }
        for (record_id, content), (_, record) in rows.items()
    ]
    if fresh:
        connection.execute(insert(versions), fresh)
    return {key for key, _ in rows.values()}


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


def _touch(
    connection: Connection, changes: Iterable[_Change], ids: dict[tuple[str, str, str], int], outcome: Outcome
) -> set[int]:
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
        if kind in ("mark", "change"):
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
        outcome.touch(owners.get(handle_id), since)
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
    return min(moments, default=BEGINNING)


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
