"""What is done now and then: finished groups are packed, old raws deleted, figures about the hub refreshed."""

from __future__ import annotations

from datetime import timedelta

from hub import meters
from hub.engine.hub import Hub
from hub.store import cases, inbox, repairs
from hub.store.database import Priority

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
    meters.WAITING.set(await hub.db.read(inbox.waiting))
    for group, count in (await hub.db.read(cases.open_counts)).items():
        meters.OPEN_CASES.labels(group).set(count)
    return more
