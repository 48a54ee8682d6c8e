"""How effects reach the outside, each once: claimed, sent, settled."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from hub import log, meters
from hub.core import effects
from hub.core.effects import KINDS, Effect, Notify
from hub.core.handles import kind_of
from hub.engine.host import ConnectionHost
from hub.engine.hub import Hub
from hub.errors import AuthFailed, HubError, Temporary
from hub.registry import Link
from hub.sdk.connector import Push, Sent
from hub.store import connections, outbox, repairs
from hub.store.database import Priority

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


async def step(hub: Hub, now: datetime | None = None) -> bool:
    """Deliver what is due; False when nothing is. Connections are served side by side, each in order."""
    moment = now or hub.now()
    rows = await hub.db.read(outbox.due, moment, BATCH)
    lanes: dict[str, list[tuple[Any, Link, Push]]] = {}
    for row in rows:
        if row.kind == "notify" and row.case_state is not None and row.case_state != "open":
            await hub.db.write(Priority.SETTLE, outbox.drop, row.id, "the client no longer waits", moment)
            continue
        way = _way(hub, row)
        if way is None:
            await hub.db.write(Priority.SETTLE, _nobody_to_tell, row, moment)
        else:
            lanes.setdefault(way[0].name, []).append((row, *way))
    if lanes:
        async with asyncio.TaskGroup() as group:
            for name, items in lanes.items():
                group.create_task(_lane(hub, items), name=f"push:{name}")
    return bool(rows)


def _way(hub: Hub, row: Any) -> tuple[Link, Push] | None:
    """The first of the recipient's channels that some connection can serve."""
    member = hub.settings.team.members.get(row.recipient)
    for handle in member.notify if member else ():
        kind = kind_of(handle)
        for link in hub.links.values():
            push = link.pushes.get(KINDS[row.kind])
            if push is not None and kind in {link.name, link.connector.name}:
                return link, push
    return None


def _nobody_to_tell(connection: Connection, row: Any, now: datetime) -> None:
    outbox.drop(connection, row.id, f"{row.recipient} has no channel for notices", now)
    repairs.note(
        connection, f"channel:{row.recipient}", kind="no_channel", now=now,
        title=f"{row.recipient} cannot be told that clients wait",
        advice=f'give [team.{row.recipient}] a channel, for example notify = ["telegram:5550101"]',
    )


async def _lane(hub: Hub, items: Sequence[tuple[Any, Link, Push]]) -> None:
    link = items[0][1]
    state = await hub.db.read(connections.get, link.name)
    if link.problem is not None or (state is not None and state.state == "paused"):
        for row, _, _ in items:
            await hub.db.write(Priority.SETTLE, outbox.postpone, row.id, hub.now() + timedelta(minutes=5),
                               error=f"{link.name} is paused")
        return
    assert link.connector.open is not None, "a connector with pushes can be opened"
    host = ConnectionHost(link.name, hub.context(link.name), None, hub.now, link.connector.classify)
    async with link.connector.open(link.settings, host) as client:
        for row, _, push in items:
            await _deliver(hub, link, client, push, row)


async def _deliver(hub: Hub, link: Link, client: Any, push: Push, row: Any) -> None:
    effect = await _resolved(hub, row)
    if effect is None:
        await hub.db.write(Priority.SETTLE, outbox.drop, row.id, "there is no notice to amend", hub.now())
        return
    if not await hub.db.write(Priority.SETTLE, outbox.claim, row.id, link.name):
        return
    try:
        async with asyncio.timeout(SEND_SECONDS):
            sent = await push.send(client, effect)
    except (Temporary, TimeoutError) as error:
        await _later(hub, link, push, row, error)
    except AuthFailed as error:
        await hub.db.write(Priority.SETTLE, _paused, link.name, row.id, str(error), hub.now())
        meters.DELIVERED.labels(link.name, "refused").inc()
    except HubError as error:
        await _bury(hub, link, row, str(error))
    except Exception:  # noqa: BLE001 - one of the four places: a bug in a push is a dead letter
        await _bury(hub, link, row, traceback.format_exc())
    else:
        await _sent(hub, link, row, sent)


async def _resolved(hub: Hub, row: Any) -> Effect | None:
    """The effect as planned; an amendment with the vendor's id of what it amends, None when nothing was sent."""
    effect = effects.from_body(row.kind, row.body)
    if isinstance(effect, Notify):
        return effect
    before = await hub.db.read(outbox.last_sent, row.case_id, row.recipient)
    return None if before is None else replace(effect, replaces=before.vendor_id)


async def _sent(hub: Hub, link: Link, row: Any, sent: Sent) -> None:
    await hub.db.write(
        Priority.SETTLE, outbox.settle, row.id, "sent", hub.now(), vendor_id=sent.id, url=sent.url
    )
    meters.DELIVERED.labels(link.name, "sent").inc()


async def _later(hub: Hub, link: Link, push: Push, row: Any, error: Exception) -> None:
    """Try again, unless nobody can tell whether it happened and it must not happen twice."""
    if push.repeat == "never" and row.kind != "notify":
        await hub.db.write(Priority.SETTLE, outbox.settle, row.id, "unknown", hub.now(), error=str(error))
        return
    pause = getattr(error, "retry_after", None) or _PAUSES[min(row.attempts, len(_PAUSES) - 1)]
    await hub.db.write(
        Priority.SETTLE, outbox.postpone, row.id, hub.now() + timedelta(seconds=pause), error=str(error)
    )
    meters.DELIVERED.labels(link.name, "postponed").inc()


def _paused(connection: Connection, name: str, row_id: int, why: str, now: datetime) -> None:
    connections.pause(connection, name, why)
    outbox.postpone(connection, row_id, now + timedelta(minutes=5), error=why)
    repairs.note(
        connection, f"access:{name}", kind="access_refused", connection_name=name, now=now,
        title=f"{name}: {why}", advice=f"correct the access in config.toml and start the hub again; `crmhub check {name}`",
    )


async def _bury(hub: Hub, link: Link, row: Any, why: str) -> None:
    def bury(connection: Connection) -> None:
        outbox.settle(connection, row.id, "dead", hub.now(), error=why)
        repairs.note(
            connection, f"dead_effect:{link.name}", kind="dead_effects", connection_name=link.name, now=hub.now(),
            title=f"{link.name} refused something for good",
            advice="see `crmhub effects --state dead`, mend what it says, then `crmhub effects --retry KEY`",
        )

    await hub.db.write(Priority.SETTLE, bury)
    _log.error("refused", connection=link.name, key=row.key, why=why)
    meters.DELIVERED.labels(link.name, "dead").inc()
