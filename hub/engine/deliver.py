"""How effects reach the outside, each once: claimed, sent, settled. Each connection is a lane of its own."""

from __future__ import annotations

import asyncio
import traceback
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from hub import log, meters
from hub.core import crm
from hub.core.effects import KINDS
from hub.core.handles import kind_of
from hub.engine.host import lend
from hub.engine.hub import Hub
from hub.engine.resolve import NO_LONGER, Carrier, Drop, Wait, resolve
from hub.errors import AuthFailed, HubError, NothingToDo, Temporary, Uncertain
from hub.registry import Link
from hub.sdk.connector import Push, Sent
from hub.store import connections, outbox, repairs
from hub.store.database import Priority
from hub.store.outbox import Routed

_log = log.get("deliver")

BATCH = 50
SEND_SECONDS = 60
_PAUSES = (5, 30, 120, 600, 1800)


async def recover(hub: Hub) -> None:
    """What a process that died had claimed: send it again where that is safe, otherwise ask a person.

    A notice to our own people is repeated once even where the vendor cannot tell, a message to a client never.
    """
    for row in await hub.db.read(outbox.claimed):
        link = hub.links.get(row.connection)
        push = link.pushes.get(KINDS[row.kind]) if link else None
        again = push is not None and (push.repeat == "safe" or (row.kind == "notify" and row.attempts < 2))
        if again:
            await hub.db.write(Priority.SETTLE, outbox.postpone, row.id, hub.now())
        else:
            why = "the hub stopped while this was being sent; look whether it arrived, then retry or leave it"
            await hub.db.write(Priority.SETTLE, outbox.settle, row.id, "unknown", hub.now(), error=why)


NOTICES = tuple(kind for kind in KINDS if kind not in crm.KINDS)


def routes(hub: Hub) -> dict[tuple[str, str], str]:
    """(kind of notice, recipient) → the connection that serves the first of his channels that any can serve."""
    offered = [(link, kind) for link in hub.links.values() for kind in NOTICES if KINDS[kind] in link.pushes]
    found: dict[tuple[str, str], str] = {}
    for key, member in hub.settings.team.members.items():
        for channel in map(kind_of, member.notify):
            for link, kind in offered:
                if channel in {link.name, link.connector.name}:
                    found.setdefault((kind, key), link.name)
    return found


def routed(hub: Hub, connection: str | None) -> Routed:
    """The effects of one connection's lane; None: those that no connection carries."""
    ways, told = routes(hub), [(kind, name) for name, kinds in hub.carried.items() for kind in kinds]
    if connection is None:
        return Routed(frozenset(ways), frozenset(told), rest=True)
    return Routed(
        frozenset(pair for pair, name in ways.items() if name == connection),
        frozenset(pair for pair in told if pair[1] == connection),
    )


async def undeliverable(hub: Hub, now: datetime | None = None) -> bool:
    """Drop what is due and nobody can carry, and say so; False when there is nothing."""
    moment = now or hub.now()
    rows = await hub.db.read(outbox.due, moment, BATCH, routed(hub, None))
    for row in rows:
        await hub.db.write(Priority.SETTLE, _nobody_to_tell, row, moment)
    return bool(rows)


def _nobody_to_tell(connection: Connection, row: Any, now: datetime) -> None:
    if row.kind in crm.KINDS:
        outbox.drop(connection, row.id, f"{row.connection} is not to be told any more", now)
        return
    if row.kind == "notify" and row.case_state is not None and row.case_state != "open":
        outbox.drop(connection, row.id, NO_LONGER, now)
        return
    outbox.drop(connection, row.id, f"{row.recipient} has no channel for notices", now)
    repairs.note(
        connection,
        f"channel:{row.recipient}",
        kind="no_channel",
        now=now,
        title=f"{row.recipient} cannot be told that clients wait",
        advice=f'give [team.{row.recipient}] a channel, for example notify = ["email:anna@example.ru"]',
    )


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
    rows = await hub.db.read(outbox.due, moment, BATCH, routed(hub, link.name))
    if not rows:
        return False
    link = await asyncio.to_thread(link.renewed)
    if link.problem is not None:
        await hub.db.write(Priority.SETTLE, _refused, link, str(link.problem), hub.now())
        return False
    assert link.connector.open is not None, "a connector with pushes can be opened"
    waiting = [row.id for row in rows]
    try:
        async with link.connector.open(link.settings, lend(hub, link)) as client:
            for row in rows:
                waiting.remove(row.id)
                pause = await _deliver(hub, link, client, row, moment)
                if pause is not None:
                    await hub.db.write(Priority.SETTLE, outbox.wait, waiting, hub.now() + pause)
                    break
    except AuthFailed as error:
        await hub.db.write(Priority.SETTLE, _refused, link, str(error), hub.now())
    except (Temporary, OSError) as error:
        pause = timedelta(seconds=getattr(error, "retry_after", None) or _PAUSES[0])
        await hub.db.write(Priority.SETTLE, outbox.wait, waiting, hub.now() + pause, error=str(error))
    return True


async def _deliver(hub: Hub, link: Link, client: Any, row: Any, now: datetime) -> timedelta | None:
    """Send one effect. Where the connection is in trouble: how long the others have to wait, too."""
    effect = await hub.db.read(resolve, row, Carrier(link.name, link.pushes, hub.settings.team), now)
    if isinstance(effect, Drop):
        await hub.db.write(Priority.SETTLE, outbox.drop, row.id, effect.because, hub.now())
        return None
    if isinstance(effect, Wait):
        await hub.db.write(Priority.SETTLE, outbox.wait, [row.id], effect.until)
        return None
    push = link.pushes[type(effect)]
    if not await hub.db.write(Priority.SETTLE, outbox.claim, row.id, link.name):
        return None
    try:
        async with asyncio.timeout(SEND_SECONDS):
            sent = await push.send(client, effect)
    except (Temporary, TimeoutError) as error:
        return await _later(hub, link, push, row, error)
    except AuthFailed as error:
        await hub.db.write(Priority.SETTLE, _refused, link, str(error), hub.now(), row.id)
        meters.DELIVERED.labels(link.name, "refused").inc()
        return timedelta(0)
    except NothingToDo as error:
        await hub.db.write(Priority.SETTLE, outbox.settle, row.id, "dropped", hub.now(), error=str(error))
        meters.DELIVERED.labels(link.name, "dropped").inc()
    except Uncertain as error:
        await hub.db.write(Priority.SETTLE, _nobody_can_tell, link.name, row, str(error), hub.now())
        meters.DELIVERED.labels(link.name, "unknown").inc()
    except HubError as error:
        await _bury(hub, link, row, str(error))
    except Exception:  # noqa: BLE001 - one of the four places: a bug in a push is a dead letter
        await _bury(hub, link, row, traceback.format_exc())
    else:
        await hub.db.write(Priority.SETTLE, _sent, link.name, row, sent, hub.now())
        meters.DELIVERED.labels(link.name, "sent").inc()
    return None


def _sent(connection: Connection, name: str, row: Any, sent: Sent, now: datetime) -> None:
    outbox.settle(connection, row.id, "sent", now, vendor_id=sent.id, url=sent.url, card=sent.card, deal=sent.deal)
    for key in (f"access:{name}", f"channel:{row.recipient}"):
        repairs.clear(connection, key)


def _nobody_can_tell(connection: Connection, name: str, row: Any, why: str, now: datetime) -> None:
    """It may have gone out: a person looks before it is sent once more."""
    outbox.settle(connection, row.id, "unknown", now, error=why)
    repairs.note(
        connection,
        f"unknown_effect:{name}",
        kind="unknown_effects",
        connection_name=name,
        now=now,
        title=f"{name}: nobody can tell whether something was sent: {why}",
        advice="see `crmhub effects --state unknown`, look whether it arrived, then `crmhub effects --retry KEY` or leave it",
    )


async def _later(hub: Hub, link: Link, push: Push, row: Any, error: Exception) -> timedelta:
    """Try again, unless nobody can tell whether it happened and it must not happen twice."""
    hold = timedelta(seconds=getattr(error, "retry_after", None) or _PAUSES[0])
    why = str(error) or f"{link.name} did not answer within {SEND_SECONDS} s"
    if push.repeat == "never" and row.kind != "notify":
        await hub.db.write(Priority.SETTLE, outbox.settle, row.id, "unknown", hub.now(), error=why)
        return hold
    pause = max(hold, timedelta(seconds=_PAUSES[min(row.attempts, len(_PAUSES) - 1)]))
    await hub.db.write(Priority.SETTLE, outbox.postpone, row.id, hub.now() + pause, error=why)
    meters.DELIVERED.labels(link.name, "postponed").inc()
    return hold


def _refused(connection: Connection, link: Link, why: str, now: datetime, row_id: int | None = None) -> None:
    """Access was refused: the connection pauses, and what was claimed waits with the others."""
    connections.refused(connection, link.name, why, link.advice, now)
    if row_id is not None:
        outbox.postpone(connection, row_id, now, error=why)


async def _bury(hub: Hub, link: Link, row: Any, why: str) -> None:
    def bury(connection: Connection) -> None:
        outbox.settle(connection, row.id, "dead", hub.now(), error=why)
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
    _log.error("refused", connection=link.name, key=row.key, why=why)
    meters.DELIVERED.labels(link.name, "dead").inc()
