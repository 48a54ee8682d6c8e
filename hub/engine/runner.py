"""Who runs which lane when: one task a lane, run again at once while it finds work."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from hub import log, meters
from hub.engine import absorb, deliver, derive, upkeep
from hub.engine.broadcast import Broadcaster
from hub.engine.hub import Hub
from hub.engine.pull import Puller
from hub.engine.receive import Receiver
from hub.errors import HubError
from hub.store import connections, outbox, people
from hub.store.database import Priority

_log = log.get("runner")

IDLE = 1.0
"""Seconds after which a lane looks for due work that nobody kicked it for."""
TROUBLE = 5.0
"""Seconds a lane waits after a step that failed as a whole."""


class Runner:
    """The embedded engine: all lanes of one hub in one process."""

    def __init__(self, hub: Hub, broadcaster: Broadcaster) -> None:
        self.hub = hub
        self.broadcaster = broadcaster
        self.receiver = Receiver(hub)
        self.stop = asyncio.Event()
        self.absorbed_at = time.monotonic()
        self._derive = asyncio.Event()
        self._deliver = asyncio.Event()
        self._upkeep = asyncio.Event()

    async def run(self) -> None:
        """Run until `stop` is set: reading ends at once, what is being delivered is let finish."""
        await self._begin()
        async with asyncio.TaskGroup() as group:
            streams = [
                group.create_task(self._stream(puller), name=f"pull:{puller.name}") for puller in self._pullers()
            ]
            lanes = [
                self._lane("absorb", self._absorb, self.receiver.arrived, None),
                self._lane("derive:0", self._derive_step, self._derive, people.next_due),
                self._lane("push", self._deliver_step, self._deliver, outbox.next_due),
                self._lane("upkeep", self._upkeep_step, self._upkeep, None, idle=upkeep.EVERY.total_seconds()),
            ]
            for lane in lanes:
                group.create_task(lane)
            await self.stop.wait()
            for task in streams:
                task.cancel()
            for event in (self.receiver.arrived, self._derive, self._deliver, self._upkeep):
                event.set()

    async def _begin(self) -> None:
        hub = self.hub
        await deliver.recover(hub)
        for link in hub.links.values():
            await hub.db.write(Priority.SETTLE, connections.go_live, link.name, hub.now())
            if link.problem is None:
                await hub.db.write(Priority.SETTLE, connections.resume, link.name)

    def _pullers(self) -> list[Puller]:
        return [
            Puller(self.hub, link, stream, self.receiver.arrived.set)
            for link in self.hub.links.values() for stream in link.streams.values()
        ]

    async def _stream(self, puller: Puller) -> None:
        try:
            await puller.run(self.stop)
        except asyncio.CancelledError:
            if not self.stop.is_set():
                raise

    async def _absorb(self) -> bool:
        worked = await absorb.step(self.hub)
        self.absorbed_at = time.monotonic()
        if worked:
            self._derive.set()
            self.broadcaster.publish(("connections",))
        return worked

    async def _derive_step(self) -> bool:
        changed = await derive.step(self.hub)
        if changed is None:
            return False
        self.broadcaster.publish(changed)
        self._deliver.set()
        return True

    async def _deliver_step(self) -> bool:
        return await deliver.step(self.hub)

    async def _upkeep_step(self) -> bool:
        return await upkeep.step(self.hub)

    async def _lane(
        self, name: str, step: Callable[[], Awaitable[bool]], kicked: asyncio.Event,
        next_due: Callable[..., datetime | None] | None, idle: float = IDLE,
    ) -> None:
        """Work while there is work; then wait for a kick, for the next due moment, or for a look all the same."""
        while not self.stop.is_set():
            kicked.clear()
            try:
                begun = time.perf_counter()
                worked = await step()
                meters.STEP_SECONDS.labels(name).observe(time.perf_counter() - begun)
            except HubError as error:
                _log.error("lane stopped for a moment", lane=name, why=str(error))
                await self._wait(kicked, TROUBLE)
                continue
            except Exception:  # noqa: BLE001 - one of the four places: a bug in a step must not end the daemon
                _log.exception("a bug stopped a lane for a moment", lane=name)
                await self._wait(kicked, TROUBLE)
                continue
            if not worked:
                await self._wait(kicked, await self._pause(next_due, idle))

    async def _pause(self, next_due: Callable[..., datetime | None] | None, idle: float) -> float:
        due = await self.hub.db.read(next_due) if next_due is not None else None
        if due is None:
            return idle
        return min(idle, max((due - self.hub.now()) / timedelta(seconds=1), 0.01))

    async def _wait(self, kicked: asyncio.Event, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await kicked.wait()
        except TimeoutError:
            return
