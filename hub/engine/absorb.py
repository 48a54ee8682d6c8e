"""How items become facts: whole groups are parsed by their plugin and replace what they yielded before."""

from __future__ import annotations

import asyncio
import traceback
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError, OperationalError

from hub import log, meters
from hub.core import records
from hub.core.records import Record, WrongRecord
from hub.engine.heard import Ears, Heard
from hub.engine.hub import OWN, Hub, relink
from hub.errors import Malformed
from hub.sdk.connector import Press, Returned, Said, Stored
from hub.store import connections, facts, inbox, repairs
from hub.store.bulk import chunks
from hub.store.database import Priority
from hub.store.facts import Fact
from hub.store.inbox import Group, Kept

_log = log.get("absorb")

BATCH = 1_000
"""Items in one transaction, if nobody outside waits meanwhile: what many of them change is written once."""
SLICE = 250
"""Items after which a transaction ends when somebody waits: a page, or some 25 ms."""


@dataclass(slots=True)
class Part:
    """One item or one group, parsed: what it yields, or why it cannot be understood."""

    connection: str
    new: list[int]
    facts: list[Fact] = field(default_factory=list)
    heard: list[Heard] = field(default_factory=list)
    group: Group | None = None
    error: str | None = None


async def step(
    hub: Hub, limit: int = BATCH, now: datetime | None = None, heard: Callable[[], None] = lambda: None
) -> bool:
    """Absorb one batch; False when nothing waits.

    now: the moment that contacts become due (default: the clock). heard: called when one of us told something, for he
    waits for an answer.
    """
    batch = await hub.db.read(inbox.batch, limit)
    if not batch.singles and not batch.groups:
        return False
    parts = await asyncio.to_thread(_parse, hub, batch.singles, batch.groups)
    moment = now or hub.now()
    ears = Ears(await hub.book(), hub.notices, hub.lists, OWN)
    written, linked = await hub.db.write(Priority.ABSORB, _keep, parts, batch.repeats, moment, ears, hub.db.is_awaited)
    if linked:
        await relink(hub)
    if any(part.heard for part in parts[:written]):
        heard()
    counts: Counter[tuple[str, bool]] = Counter()
    for part in parts[:written]:
        counts[part.connection, part.error is not None] += len(part.new)
        if part.error is not None:
            _log.warning("not understood", connection=part.connection, items=len(part.new), why=part.error)
    for (name, is_dead), items in counts.items():
        (meters.DEAD if is_dead else meters.ABSORBED).labels(name).inc(items)
    return True


def _parse(hub: Hub, singles: Sequence[Kept], groups: Sequence[Group]) -> list[Part]:
    contexts = {
        name: hub.context(name)
        for name in {*(raw.connection for raw in singles), *(group.connection for group in groups)}
    }
    parts = [Part(raw.connection, [raw.id] if raw.id is not None else []) for raw in singles]
    for part, raw in zip(parts, singles, strict=True):
        _fill(hub, part, [raw], contexts[raw.connection])
    for group in groups:
        part = Part(group.connection, [raw.id for raw in group.raws if raw.new and raw.id is not None], group=group)
        _fill(hub, part, group.raws, contexts[group.connection])
        parts.append(part)
    return parts


def _fill(hub: Hub, part: Part, raws: Sequence[Kept], context: Any) -> None:
    """Parse, or note the reason: a plugin's mistake never stops the others."""
    try:
        yielded = _yielded(hub, part.connection, raws, context)
    except (WrongRecord, Malformed) as error:
        part.error = str(error)
    except Exception:  # noqa: BLE001 - one of the four places: a bug in a parser is a dead letter
        part.error = traceback.format_exc()
    else:
        received_at = raws[0].received_at
        root = part.group.root if part.group is not None else None
        as_live = any(raw.as_live for raw in raws)
        offset = max((raw.clock_offset for raw in raws), key=abs)
        by = timedelta(milliseconds=-offset)
        for record in yielded:
            if isinstance(record, Press | Said | Returned):
                part.heard.append(record)
                continue
            right = records.shifted(record, by) if offset else record
            full = records.qualified(right, part.connection)
            part.facts.append(Fact(part.connection, full, received_at, root, as_live, clamped=bool(offset)))


def _yielded(hub: Hub, connection: str, raws: Sequence[Kept], context: Any) -> list[Record | Heard]:
    link = hub.links.get(connection)
    if link is None:
        raise Malformed(f"the connection {connection} is no longer configured; add it again and replay")
    parser = link.connector.parse.get(raws[0].kind)
    if parser is None:
        raise Malformed(f"the plugin {link.connector.name} has no parser for items of kind {raws[0].kind}")
    items = [Stored(raw.kind, raw.item, raw.payload, raw.received_at, raw.group) for raw in raws]
    return list(parser(items, link.settings, context))


def _keep(
    connection: Connection,
    parts: Sequence[Part],
    repeats: Sequence[int],
    now: datetime,
    ears: Ears,
    is_awaited: Callable[[], bool],
) -> tuple[int, bool]:
    """Write a batch, or the part of it after which somebody waited.

    Returns how many of its parts were written, and whether one of us linked an account or gave one up. Parts that turned
    out to be dead get their reason.
    """
    written, linked = 0, False
    inbox.forget(connection, repeats)
    for some in chunks(parts, SLICE):
        linked |= _put(connection, [part for part in some if part.error is None], now, ears)
        understood = [row for part in some if part.error is None for row in part.new]
        inbox.settle(connection, understood, [(row, part.error) for part in some if part.error for row in part.new])
        written += len(some)
        if is_awaited():
            break
    for name in sorted({part.connection for part in parts[:written] if part.error is not None}):
        repairs.note(
            connection,
            f"dead:{name}",
            kind="dead_items",
            connection_name=name,
            now=now,
            title=f"{name}: something received could not be understood",
            advice=f"look at it with `crmhub repairs`, then run `crmhub replay --connection {name}` after the fix",
        )
    return written, linked


def _put(connection: Connection, parts: Sequence[Part], now: datetime, ears: Ears) -> bool:
    """Store the parts; one that cannot be stored is found by halving and gets its reason, the others stay."""
    if not parts:
        return False
    try:
        with connection.begin_nested():
            return _put_all(connection, parts, now, ears)
    except OperationalError:
        raise  # the store itself is in trouble: no item is to blame
    except Exception as error:  # noqa: BLE001 - one of the four places: what no database can hold is a dead letter
        if len(parts) == 1:
            parts[0].error = str(error.orig) if isinstance(error, DBAPIError) else traceback.format_exc()
            return False
        middle = len(parts) // 2
        first = _put(connection, parts[:middle], now, ears)
        return _put(connection, parts[middle:], now, ears) or first


def _put_all(connection: Connection, parts: Sequence[Part], now: datetime, ears: Ears) -> bool:
    groups = [part.group for part in parts if part.group is not None]
    inbox.keep_roots(connection, groups)
    outcome = facts.put(
        connection,
        [fact for part in parts for fact in part.facts],
        now,
        replaced=[(group.connection, sorted(group.keys)) for group in groups],
        lists=ears.lists,
    )
    meters.DUPLICATES.inc(outcome.duplicates)
    for name in {part.connection for part in parts if part.new}:
        connections.received(connection, name, now)
    linked = False
    for part in parts:
        linked |= ears.hear(connection, part.connection, part.heard, now)
    return linked
