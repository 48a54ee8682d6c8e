"""What is done now and then: groups are packed, old raws deleted, idle tokens renewed, figures refreshed."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

from sqlalchemy import Connection

from hub import log, meters
from hub.engine import closing, silence
from hub.engine.host import access_of
from hub.engine.hub import Hub
from hub.errors import AuthFailed, Temporary
from hub.registry import Link
from hub.store import budgets, cases, connections, drafts, inbox, repairs, staff
from hub.store.database import Priority

_log = log.get("upkeep")

QUIET = timedelta(hours=1)
"""A group to which nothing came for so long is packed."""
EVERY = timedelta(minutes=1)


async def step(hub: Hub) -> bool:
    """One round; True when there is more to do at once."""
    now = hub.now()
    more = False
    for connection, key in await hub.db.read(inbox.quiet_groups, now - QUIET, 50):
        more |= await hub.db.write(Priority.BACKFILL, inbox.pack_group, connection, key, now - QUIET) > 0
    if await hub.db.write(Priority.BACKFILL, inbox.expire, now - hub.settings.keep_raw):
        more = True
    await hub.db.write(Priority.BACKFILL, repairs.clear_finished)
    await silence.watch(hub, now)
    await closing.step(hub, now)
    await hub.db.write(Priority.BACKFILL, drafts.expire, now)
    await hub.db.write(Priority.BACKFILL, staff.try_again, now)
    await hub.db.write(Priority.BACKFILL, _budgets, hub, now)
    for link in hub.links.values():
        await _keep_alive(hub, link)
    meters.WAITING.set(await hub.db.read(inbox.waiting))
    for group, count in (await hub.db.read(cases.open_counts)).items():
        meters.OPEN_CASES.labels(group).set(count)
    return more


def _budgets(connection: Connection, hub: Hub, now: datetime) -> None:
    """An account whose rest is over is asked again by itself; the operator need not look any more."""
    budgets.calm_down(connection, now)
    for link in hub.links.values():
        if budgets.resting(connection, [limit.account for limit in link.limits], now) is None:
            repairs.clear(connection, f"resting:{link.name}")


async def _keep_alive(hub: Hub, link: Link) -> None:
    """Renew the tokens of a connection that has not been asked for long."""
    if link.login is None:
        return
    link = await asyncio.to_thread(link.renewed)
    try:
        await access_of(hub, link).keep_alive(link.login.every if link.login else timedelta.max)
    except AuthFailed as error:
        await hub.db.write(Priority.SETTLE, connections.refused, link.name, str(error), link.advice, hub.now())
    except Temporary as error:
        _log.warning("idle tokens are renewed later", connection=link.name, why=str(error))
