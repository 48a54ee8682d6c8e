"""How effects reach the outside, each once: claimed, sent, settled. Each connection is a lane of its own."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from hub import log, meters
from hub.core import crm
from hub.core.effects import KINDS, Digest, Report
from hub.core.handles import kind_of
from hub.engine import letters
from hub.engine.host import lend
from hub.engine.hub import Hub
from hub.engine.resolve import NO_LONGER, Carrier, Drop, Wait, resolve
from hub.engine.tell import Elsewhere, Message, Prepared, Teller, prepare
from hub.errors import AuthFailed, HubError, NothingToDo, Temporary, Unanswered, Uncertain, Unreachable
from hub.registry import Link
from hub.sdk.connector import Push, Sent
from hub.store import connections, outbox, repairs, staff
from hub.store.database import Priority
from hub.store.outbox import Routed

_log = log.get("deliver")

BATCH = 50
SEND_SECONDS = 60
_PAUSES = (5, 30, 120, 600, 1800)
PERHAPS = "perhaps sent: "
"""How the reason begins for which something is sent again that may have arrived."""
AGAIN = "↻"
"""Stands before a notice that its reader may have already (design.md 2)."""
NOTICES = tuple(kind for kind in KINDS if kind not in crm.KINDS)


async def recover(hub: Hub) -> None:
    """What a process that died had claimed: send it again where that is safe, otherwise ask a person.

    A notice to our own people is repeated once even where the vendor cannot tell, a message to a client never.
    """
    for row in await hub.db.read(outbox.claimed):
        link = hub.links.get(row.connection)
        push = link.pushes.get(KINDS[row.kind]) if link else None
        again = push is not None and (push.repeat == "safe" or (row.kind in NOTICES and row.attempts < 2))
        if again:
            why = f"{PERHAPS}the hub stopped while this was being sent"
            await hub.db.write(Priority.SETTLE, outbox.postpone, row.id, hub.now(), error=why)
        else:
            why = "the hub stopped while this was being sent; look whether it arrived, then retry or leave it"
            await hub.db.write(Priority.SETTLE, outbox.settle, row.id, "unknown", hub.now(), error=why)


def addresses(hub: Hub, link: Link, closed: Collection[str]) -> dict[str, str]:
    """Member → the first of his addresses that this connection serves and that is not known to be closed."""
    found: dict[str, str] = {}
    for key, member in hub.settings.team.members.items():
        for handle in member.notify:
            if handle not in closed and kind_of(handle) in {link.name, link.connector.name}:
                found.setdefault(key, handle)
    return found


def routes(hub: Hub, closed: Collection[str] = ()) -> dict[tuple[str, str], str]:
    """(kind of notice, recipient) → the connection that serves the first of his channels that any can serve."""
    offered = [(link, kind) for link in hub.links.values() for kind in NOTICES if KINDS[kind] in link.pushes]
    found: dict[tuple[str, str], str] = {}
    for key, member in hub.settings.team.members.items():
        for handle in member.notify:
            for link, kind in offered:
                if handle not in closed and kind_of(handle) in {link.name, link.connector.name}:
                    found.setdefault((kind, key), link.name)
    return found


def routed(hub: Hub, connection: str | None, closed: Collection[str] = ()) -> Routed:
    """The effects of one connection's lane; None: those that no connection carries. closed: handles not to be used."""
    ways, told = routes(hub, closed), [(kind, name) for name, kinds in hub.carried.items() for kind in kinds]
    pinned = [(kind, link.name) for link in hub.links.values() for kind in NOTICES if KINDS[kind] in link.pushes]
    if connection is None:
        return Routed(frozenset(ways), frozenset(told), frozenset(pinned), rest=True)
    return Routed(
        frozenset(pair for pair, name in ways.items() if name == connection),
        frozenset(pair for pair in told if pair[1] == connection),
        frozenset(pair for pair in pinned if pair[1] == connection),
    )


async def undeliverable(hub: Hub, now: datetime | None = None) -> bool:
    """Drop what is due and nobody can carry, and say so; False when there is nothing."""
    moment = now or hub.now()
    closed = (await hub.db.read(staff.ways)).closed
    rows = await hub.db.read(outbox.due, moment, BATCH, routed(hub, None, closed))
    for row in rows:
        await hub.db.write(Priority.SETTLE, _nobody_to_tell, row, moment)
    return bool(rows)


def _nobody_to_tell(connection: Connection, row: Any, now: datetime) -> None:
    if row.kind in crm.KINDS:
        outbox.drop(connection, row.id, f"{row.connection} is not to be told any more", now)
    elif row.kind in ("answer", "amend_notice"):
        outbox.drop(connection, row.id, "the way that it answers to is gone", now)
    elif row.connection is not None:
        outbox.pin(connection, row.id, None)  # a connection that is gone had begun with it: whoever can goes on
    elif row.case_state is not None and row.case_state != "open":
        outbox.drop(connection, row.id, NO_LONGER, now)
    else:
        outbox.drop(connection, row.id, f"{row.recipient} has no channel for notices", now)
        staff.ask_for_channel(connection, row.recipient, "no channel is set, or each one set is closed", now)


async def is_paused(hub: Hub, link: Link) -> bool:
    """Whether the connection's access was refused: nothing goes out before the operator has acted."""
    state = await hub.db.read(connections.get, link.name)
    return state is not None and state.state == "paused"


async def step(hub: Hub, link: Link, now: datetime | None = None) -> bool:
    """Deliver what is due by one connection, in order; False when there is nothing to do.

    After a failure of the connection the rest waits as long as the vendor asks.
    """
    moment = now or hub.now()
    if await is_paused(hub, link):
        return False
    closed = (await hub.db.read(staff.ways)).closed
    rows = await hub.db.read(outbox.due, moment, BATCH, routed(hub, link.name, closed))
    if not rows:
        return False
    link = await asyncio.to_thread(link.renewed)
    if link.problem is not None:
        await hub.db.write(Priority.SETTLE, _refused, link, str(link.problem), hub.now())
        return False
    assert link.connector.open is not None, "a connector with pushes can be opened"
    teller = Teller(link.name, addresses(hub, link, closed), hub.notices, await hub.book())
    waiting = [row.id for row in rows]
    try:
        async with link.connector.open(link.settings, lend(hub, link)) as client:
            for row in rows:
                waiting.remove(row.id)
                pause = await _deliver(hub, link, client, row, teller, moment)
                if pause is not None:
                    await hub.db.write(Priority.SETTLE, outbox.wait, waiting, hub.now() + pause)
                    break
    except AuthFailed as error:
        await hub.db.write(Priority.SETTLE, _refused, link, str(error), hub.now())
    except (Temporary, OSError) as error:
        pause = timedelta(seconds=getattr(error, "retry_after", None) or _PAUSES[0])
        await hub.db.write(Priority.SETTLE, outbox.wait, waiting, hub.now() + pause, error=str(error))
    return True


async def _prepared(hub: Hub, link: Link, row: Any, teller: Teller, now: datetime) -> Prepared:
    """The message of a row, with all rows that it tells; or why there is none now."""
    if row.kind in crm.KINDS:
        effect = await hub.db.read(resolve, row, Carrier(link.name, link.pushes, hub.settings.team), now)
        return effect if isinstance(effect, Drop | Wait) else Message(effect, [row])
    return await hub.db.read(prepare, row, teller, now)


async def _written(hub: Hub, effect: Any, now: datetime) -> Any:
    """What sums up a day or more is gathered when it is sent."""
    if isinstance(effect, Report):
        return await letters.write(hub, effect, now)
    return await letters.sum_up(hub, effect, now) if isinstance(effect, Digest) else effect


async def _deliver(hub: Hub, link: Link, client: Any, row: Any, teller: Teller, now: datetime) -> timedelta | None:
    """Send one effect. Where the connection is in trouble: how long the others have to wait, too."""
    found = await _prepared(hub, link, row, teller, now)
    if not isinstance(found, Message):
        await hub.db.write(Priority.SETTLE, _not_now, row.id, found, hub.now())
        return None
    push = link.pushes[type(found.effect)]
    rows = await hub.db.write(Priority.SETTLE, outbox.claim_together, found.rows, link.name)
    if not rows:
        return None
    try:
        effect = await _written(hub, found.effect, now)
        if push.repeat == "never" and row.kind in NOTICES and (row.error or "").startswith(PERHAPS):
            effect = replace(effect, title=f"{AGAIN} {effect.title}")
        async with asyncio.timeout(SEND_SECONDS):
            sent = await push.send(client, effect)
    except (Temporary, TimeoutError) as error:
        return await _later(hub, link, push, rows, error)
    except AuthFailed as error:
        await hub.db.write(Priority.SETTLE, _refused, link, str(error), hub.now(), [item.id for item in rows])
        meters.DELIVERED.labels(link.name, "refused").inc()
        return timedelta(0)
    except NothingToDo as error:
        await hub.db.write(Priority.SETTLE, _all_settled, rows, "dropped", hub.now(), str(error))
        meters.DELIVERED.labels(link.name, "dropped").inc()
    except Uncertain as error:
        await hub.db.write(Priority.SETTLE, _nobody_can_tell, link.name, rows, str(error), hub.now())
        meters.DELIVERED.labels(link.name, "unknown").inc()
    except Unreachable as error:
        handle = teller.handles.get(row.recipient)
        await hub.db.write(Priority.SETTLE, staff.unreachable, rows, handle, str(error), hub.now())
        meters.DELIVERED.labels(link.name, "unreachable").inc()
    except HubError as error:
        await _bury(hub, link, rows, str(error))
    except Exception:  # noqa: BLE001 - one of the four places: a bug in a push is a dead letter
        await _bury(hub, link, rows, traceback.format_exc())
    else:
        await hub.db.write(Priority.SETTLE, _sent, link, rows, teller.handles.get(row.recipient), sent, hub.now())
        meters.DELIVERED.labels(link.name, "sent").inc()
    return None


def _not_now(connection: Connection, row_id: int, found: Drop | Wait | Elsewhere, now: datetime) -> None:
    if isinstance(found, Drop):
        outbox.drop(connection, row_id, found.because, now)
    elif isinstance(found, Elsewhere):
        outbox.pin(connection, row_id, found.connection)
    else:
        outbox.hold(connection, row_id, found.until, found.state)


def _all_settled(connection: Connection, rows: Sequence[Any], state: str, now: datetime, error: str) -> None:
    for row in rows:
        outbox.settle(connection, row.id, state, now, error=error)


def _sent(
    connection: Connection, link: Link, rows: Sequence[Any], handle: str | None, sent: Sent, now: datetime
) -> None:
    made = {"vendor_id": sent.id, "url": sent.url, "card": sent.card, "deal": sent.deal}
    for row in rows:
        address = None if row.kind in crm.KINDS else handle
        outbox.settle(connection, row.id, "sent", now, **made, address=address)
    repairs.clear(connection, f"access:{link.name}")
    if rows[0].kind in NOTICES and not staff.is_closed(connection, rows[0].recipient):
        repairs.clear(connection, f"channel:{rows[0].recipient}")


def _nobody_can_tell(connection: Connection, name: str, rows: Sequence[Any], why: str, now: datetime) -> None:
    """It may have gone out: a person looks before it is sent once more."""
    _all_settled(connection, rows, "unknown", now, why)
    repairs.note(
        connection,
        f"unknown_effect:{name}",
        kind="unknown_effects",
        connection_name=name,
        now=now,
        title=f"{name}: nobody can tell whether something was sent: {why}",
        advice="see `crmhub effects --state unknown`, look whether it arrived, then `crmhub effects --retry KEY` or leave it",
    )


async def _later(hub: Hub, link: Link, push: Push, rows: Sequence[Any], error: Exception) -> timedelta:
    """Try again, unless nobody can tell whether it happened and it must not happen twice; a notice may, once."""
    hold = timedelta(seconds=getattr(error, "retry_after", None) or _PAUSES[0])
    why = str(error) or f"{link.name} did not answer within {SEND_SECONDS} s"
    may_be_done = isinstance(error, Unanswered | TimeoutError)
    if push.repeat == "never" and may_be_done and (rows[0].kind not in NOTICES or rows[0].attempts):
        await hub.db.write(Priority.SETTLE, _nobody_can_tell, link.name, rows, why, hub.now())
        return hold
    why = f"{PERHAPS}{why}" if may_be_done else why
    pause = max(hold, timedelta(seconds=_PAUSES[min(rows[0].attempts, len(_PAUSES) - 1)]))
    await hub.db.write(Priority.SETTLE, _postponed, [row.id for row in rows], hub.now() + pause, why)
    meters.DELIVERED.labels(link.name, "postponed").inc()
    return hold


def _postponed(connection: Connection, row_ids: Sequence[int], until: datetime, why: str) -> None:
    for row_id in row_ids:
        outbox.postpone(connection, row_id, until, error=why)


def _refused(connection: Connection, link: Link, why: str, now: datetime, row_ids: Sequence[int] = ()) -> None:
    """Access was refused: the connection pauses, and what was claimed waits with the others."""
    connections.refused(connection, link.name, why, link.advice, now)
    _postponed(connection, row_ids, now, why)


async def _bury(hub: Hub, link: Link, rows: Sequence[Any], why: str) -> None:
    def bury(connection: Connection) -> None:
        _all_settled(connection, rows, "dead", hub.now(), why)
        repairs.note(
            connection,
            f"dead_effect:{link.name}",
            kind="dead_effects",
            connection_name=link.name,
            now=hub.now(),
            title=f"{link.name} refused something for good",
            advice="see `crmhub effects --state dead`, mend what it says, then `crmhub effects --retry KEY`",
        )

    await hub.db.write(Priority.SETTLE, bury)
    _log.error("refused", connection=link.name, key=rows[0].key, why=why)
    meters.DELIVERED.labels(link.name, "dead").inc()
