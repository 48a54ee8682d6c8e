"""How a process without the daemon's loops does everything that is due, once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from hub.engine import absorb, derive
from hub.engine.hub import Hub


async def catch_up(hub: Hub, now: datetime, progress: Callable[[str], None] = lambda _: None) -> None:
    """Absorb and derive until nothing is due at `now`."""
    while await absorb.step(hub, now=now):
        progress("absorbed")
    while await derive.step(hub, now, derive.IMPORT_BATCH, derive.REST) is not None:
        progress("derived")
