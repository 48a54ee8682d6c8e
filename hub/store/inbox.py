"""What has been received and not yet understood, and the raws that are kept for their group and for replay."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import ColumnElement, Connection, and_, bindparam, delete, exists, func, or_, select, text, true, update

from hub.store.bulk import among, chunks, insert_new, upsert
from hub.store.schema import group_aliases, inbox, packs

LONGEST_REASON = 4_000
"""Characters that are kept of the reason why an item is dead."""
_KEPT = text("state <> 'dead'")


@dataclass(frozen=True, slots=True)
class Arrival:
    """One item on its way in; `payload` is JSON-ready."""

    connection: str
    kind: str
    item: str
    payload: Any
    received_at: datetime
    group: str | None = None
    joins: tuple[str, ...] = ()
    as_live: bool = False
    clock_offset: int = 0


@dataclass(frozen=True, slots=True)
class Kept:
    """A raw as it is stored; `id` is None for one that was unpacked."""

    id: int | None
    connection: str
    kind: str
    item: str
    payload: Any
    received_at: datetime
    as_live: bool
    clock_offset: int = 0
    group: str | None = None
    joins: tuple[str, ...] = ()
    new: bool = False


@dataclass(slots=True)
class Group:
    """All kept raws of one group, in order of receipt, and the keys that belong to it."""

    connection: str
    root: str
    keys: set[str] = field(default_factory=set)
    raws: list[Kept] = field(default_factory=list)


@dataclass(slots=True)
class Batch:
    """What absorb works on: single items and whole groups; `repeats` are rows that say what their group has already."""

    singles: list[Kept] = field(default_factory=list)
    groups: list[Group] = field(default_factory=list)
    repeats: list[int] = field(default_factory=list)


def put(connection: Connection, arrivals: Sequence[Arrival]) -> None:
    """Keep what arrived; an item that equals one that waits or was understood says nothing new and is dropped."""
    rows = [_row(arrival) for arrival in arrivals]
    insert_new(connection, inbox, rows, on=("connection", "kind", "item", "digest"), where=_KEPT)


def _row(arrival: Arrival) -> dict[str, Any]:
    payload = orjson.dumps(arrival.payload)
    return {
        "connection": arrival.connection,
        "kind": arrival.kind,
        "item": arrival.item,
        "group_key": arrival.group,
        "joins": list(arrival.joins) or None,
        "payload": payload,
        "digest": hashlib.blake2b(payload, digest_size=16, person=b"live" if arrival.as_live else b"").digest(),
        "received_at": arrival.received_at,
        "as_live": arrival.as_live,
        "clock_offset": arrival.clock_offset,
    }


def waiting(connection: Connection) -> int:
    """How many items wait to be understood."""
    return connection.scalar(select(func.count()).where(inbox.c.state == "new")) or 0


def batch(connection: Connection, limit: int) -> Batch:
    """The oldest waiting items, each with all kept raws of its group."""
    rows = connection.execute(select(inbox).where(inbox.c.state == "new").order_by(inbox.c.id).limit(limit)).all()
    result = Batch(singles=[_kept(row) for row in rows if row.group_key is None])
    grouped = [row for row in rows if row.group_key is not None]
    for name in dict.fromkeys(row.connection for row in grouped):
        edges = [(row.group_key, row.joins or ()) for row in grouped if row.connection == name]
        result.groups += _groups(connection, name, edges)
    for group in result.groups:
        result.repeats += _drop_repeats(group)
    return result


def _kept(row: Any) -> Kept:
    return Kept(
        row.id,
        row.connection,
        row.kind,
        row.item,
        orjson.loads(row.payload),
        row.received_at,
        row.as_live,
        row.clock_offset,
        row.group_key,
        tuple(row.joins or ()),
        row.state == "new",
    )


def _groups(connection: Connection, name: str, edges: Iterable[tuple[str, Sequence[str]]]) -> list[Group]:
    """Whole groups around the given (key, joins): a raw of the group that was not asked for may join further ones."""
    roots: dict[str, str] = {}
    known: dict[str, list[Any]] = {}
    pending = list(edges)
    while pending:
        fresh = {key for key, joins in pending for key in (key, *joins)} - roots.keys()
        roots.update(_known_roots(connection, name, fresh))
        for key, joins in pending:
            for other in joins:
                _join(roots, key, other)
        rows = _raws(connection, name, roots.keys() - known.keys())
        known.update({key: rows.get(key, []) for key in roots.keys() - known.keys()})
        pending = [
            (row.group_key, row.joins)
            for found in rows.values()
            for row in found
            if any(
                other not in roots or _find(roots, other) != _find(roots, row.group_key) for other in row.joins or ()
            )
        ]
    groups: dict[str, Group] = {}
    for key, rows_of_key in known.items():
        root = _find(roots, key)
        group = groups.setdefault(root, Group(name, root))
        group.keys.add(key)
        group.raws += [_kept(row) for row in rows_of_key]
    _unpack(connection, groups)
    for group in groups.values():
        group.raws.sort(key=lambda raw: (raw.received_at, raw.id or 0))
    return list(groups.values())


def _known_roots(connection: Connection, name: str, keys: set[str]) -> dict[str, str]:
    """Key → root for the keys and everything that shares a root with one of them."""
    found = {key: key for key in keys}
    for part in chunks(keys):
        own = select(group_aliases.c.root).where(group_aliases.c.connection == name, group_aliases.c.key.in_(part))
        rows = connection.execute(
            select(group_aliases.c.key, group_aliases.c.root).where(
                group_aliases.c.connection == name,
                or_(group_aliases.c.root.in_(own), group_aliases.c.root.in_(part)),
            )
        )
        for key, root in rows:
            found[key] = root
            found.setdefault(root, root)
    return found


def _find(roots: dict[str, str], key: str) -> str:
    while roots.setdefault(key, key) != key:
        key = roots[key]
    return key


def _join(roots: dict[str, str], one: str, other: str) -> None:
    """The smaller name is the root: whoever comes first in time would depend on the order of arrival."""
    first, second = sorted((_find(roots, one), _find(roots, other)))
    roots[second] = first


def _raws(connection: Connection, name: str, keys: set[str]) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for part in chunks(keys):
        rows = connection.execute(
            select(inbox)
            .where(inbox.c.connection == name, inbox.c.group_key.in_(part), inbox.c.state != "dead")
            .order_by(inbox.c.id)
        )
        for row in rows:
            found.setdefault(row.group_key, []).append(row)
    return found


def _unpack(connection: Connection, groups: dict[str, Group]) -> None:
    """Packs lie under the root the group had then: any of its keys."""
    owner = {key: group for group in groups.values() for key in group.keys}
    name = next((group.connection for group in groups.values()), "")
    for part in chunks(owner):
        rows = connection.execute(select(packs).where(packs.c.connection == name, packs.c.root.in_(part)))
        for row in rows:
            owner[row.root].raws += [
                Kept(None, name, kind, item, payload, datetime.fromisoformat(at), as_live, offset, key, tuple(joins))
                for kind, item, payload, at, as_live, offset, key, joins in orjson.loads(zlib.decompress(row.items))
            ]


def _drop_repeats(group: Group) -> list[int]:
    """Keep the first of equal items; the row ids of new rows that only repeat."""
    seen: set[tuple[str, str, bytes, bool]] = set()
    kept: list[Kept] = []
    repeats: list[int] = []
    for raw in sorted(group.raws, key=lambda raw: raw.new):
        mark = (raw.kind, raw.item, orjson.dumps(raw.payload), raw.as_live)
        if mark not in seen:
            seen.add(mark)
            kept.append(raw)
        elif raw.id is not None:
            repeats.append(raw.id)
    group.raws = sorted(kept, key=lambda raw: (raw.received_at, raw.id or 0))
    return repeats


_DONE = update(inbox).where(among(inbox.c.id)).values(state="done", error=None)


def settle(connection: Connection, done: Sequence[int], dead: Sequence[tuple[int, str]]) -> None:
    """Mark rows as understood, or as dead with the reason."""
    if done:
        connection.execute(_DONE, {"values": done})
    if dead:
        connection.execute(
            update(inbox).where(inbox.c.id == bindparam("row")).values(state="dead", error=bindparam("why")),
            [{"row": row, "why": why[:LONGEST_REASON]} for row, why in dead],
        )


def forget(connection: Connection, ids: Sequence[int]) -> None:
    """Take rows out that say nothing new."""
    for part in chunks(ids):
        connection.execute(delete(inbox).where(inbox.c.id.in_(part)))


def keep_roots(connection: Connection, groups: Sequence[Group]) -> None:
    """Remember which keys became one group."""
    rows = [
        {"connection": group.connection, "key": key, "root": group.root}
        for group in groups
        if len(group.keys) > 1
        for key in group.keys
    ]
    upsert(connection, group_aliases, rows, on=("connection", "key"))


def replay(connection: Connection, *, connection_name: str | None, states: Sequence[str]) -> int:
    """Let kept raws be parsed again: `dead` ones after a fix, `done` ones when a setting changed. Returns how many."""
    if "done" in states:
        _lay_out(connection, connection_name)
    mine = true() if connection_name is None else inbox.c.connection == connection_name
    if "dead" in states:
        _drop_dead_repeats(connection, mine)
    chosen = and_(inbox.c.state.in_(states), mine)
    return connection.execute(update(inbox).where(chosen).values(state="new", error=None)).rowcount


def _drop_dead_repeats(connection: Connection, mine: ColumnElement[bool]) -> None:
    """Of equal items only one is kept besides the dead; now the dead ones shall be kept, too."""
    other = inbox.alias()
    same = (other.c[name] == inbox.c[name] for name in ("connection", "kind", "item", "digest"))
    repeated = exists().where(or_(other.c.state != "dead", other.c.id < inbox.c.id), *same)
    connection.execute(delete(inbox).where(inbox.c.state == "dead", mine, repeated))


def _lay_out(connection: Connection, name: str | None) -> None:
    """Packed raws as rows again."""
    statement = select(packs)
    if name is not None:
        statement = statement.where(packs.c.connection == name)
    for row in connection.execute(statement).all():
        arrivals = [
            Arrival(row.connection, kind, item, payload, datetime.fromisoformat(at), key, tuple(joins), as_live, offset)
            for kind, item, payload, at, as_live, offset, key, joins in orjson.loads(zlib.decompress(row.items))
        ]
        put(connection, arrivals)
        connection.execute(delete(packs).where(packs.c.connection == row.connection, packs.c.root == row.root))


def pack(connection: Connection, group: Group) -> None:
    """Fold the raws of a finished group into one compressed row."""
    items = [
        (
            raw.kind,
            raw.item,
            raw.payload,
            raw.received_at.isoformat(),
            raw.as_live,
            raw.clock_offset,
            raw.group,
            raw.joins,
        )
        for raw in group.raws
    ]
    row = {
        "connection": group.connection,
        "root": group.root,
        "items": zlib.compress(orjson.dumps(items), 6),
        "received_at": max(raw.received_at for raw in group.raws),
    }
    connection.execute(delete(packs).where(packs.c.connection == group.connection, packs.c.root.in_(group.keys)))
    upsert(connection, packs, [row], on=("connection", "root"))
    forget(connection, [raw.id for raw in group.raws if raw.id is not None])


def quiet_groups(connection: Connection, before: datetime, limit: int) -> list[tuple[str, str]]:
    """(connection, key) of groups that hold unpacked raws from before that moment."""
    rows = connection.execute(
        select(inbox.c.connection, inbox.c.group_key)
        .where(inbox.c.group_key.is_not(None), inbox.c.state == "done", inbox.c.received_at < before)
        .distinct()
        .limit(limit)
    )
    return [(row.connection, row.group_key) for row in rows]


def pack_group(connection: Connection, name: str, key: str, before: datetime | None = None) -> int:
    """Pack the whole group around a key, unless something came since that moment. Returns how many were packed."""
    count = 0
    for group in _groups(connection, name, [(key, ())]):
        _drop_repeats(group)
        if group.raws and not any(raw.new or (before is not None and raw.received_at >= before) for raw in group.raws):
            pack(connection, group)
            count += 1
    return count


def expire(connection: Connection, before: datetime, limit: int = 5_000) -> int:
    """Delete raws received before that moment; records outlive them. Returns how many rows went."""
    old = select(inbox.c.id).where(inbox.c.received_at < before, inbox.c.state != "new").limit(limit)
    gone = connection.execute(delete(inbox).where(inbox.c.id.in_(old))).rowcount
    return gone + connection.execute(delete(packs).where(packs.c.received_at < before)).rowcount


def newest(connection: Connection) -> int:
    """The id of the row that came last, 0 before the first."""
    return connection.scalar(select(func.max(inbox.c.id))) or 0


def dead_after(connection: Connection, name: str, row_id: int) -> list[tuple[str, str]]:
    """(item, reason) of what came after that row and could not be understood."""
    rows = connection.execute(
        select(inbox.c.item, inbox.c.error)
        .where(inbox.c.state == "dead", inbox.c.connection == name, inbox.c.id > row_id)
        .order_by(inbox.c.id)
    )
    return [(row.item, row.error) for row in rows]
