"""Who runs which lane when: one task a lane, run again at once while it finds work."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from sqlalchemy import Connection

from hub import log, meters
from hub.engine import absorb, deliver, derive, digests, reports, upkeep
from hub.engine.broadcast import Broadcaster
from hub.engine.hub import Hub
from hub.engine.pull import Puller
from hub.engine.receive import Receiver
from hub.engine.subscribe import Subscriber, is_subscribed
from hub.errors import HubError
from hub.store import connections, outbox, people, staff, tokens
from hub.store.database import Priority

_log = log.get("runner")

IDLE = 1.0
"""Seconds after which a lane looks for due work that nobody kicked it for."""
GIVE_WAY = 1.0
"""Seconds that a step waits while senders crowd: receiving goes first, yet nothing starves."""
REPORTS = 60.0
"""Seconds between looks at whether a report is due that the calendars did not foretell: the clock may have been put."""
TROUBLE = 5.0
"""Seconds a lane waits after a step that failed as a whole."""


@dataclass(frozen=True, slots=True)
class Lane:
    """What one worker does in order. kicked: set when there may be work; next_due: when there is work by time alone."""

    name: str
    step: Callable[[], Awaitable[bool]]
    kicked: asyncio.Event
    next_due: Callable[[Connection], datetime | None] | None = None
    idle: float = IDLE


class Runner:
    """The embedded engine: all lanes of one hub in one process."""

    def __init__(self, hub: Hub, broadcaster: Broadcaster) -> None:
        self.hub = hub
        self.broadcaster = broadcaster
        self.receiver = Receiver(hub)
        self.stop = asyncio.Event()
        self.absorbed_at = time.monotonic()
        self._derive = asyncio.Event()
        self._deliver = {name: asyncio.Event() for name, link in hub.links.items() if link.pushes} | {
            "": asyncio.Event()
        }
        self._upkeep = asyncio.Event()

    async def run(self) -> None:
        """Run until `stop` is set: reading ends at once, what is being delivered is let finish."""
        await self._begin()
        async with asyncio.TaskGroup() as group:
            readers: list[Puller | Subscriber] = [*self._pullers(), *self._subscribers()]
            streams = [group.create_task(self._stream(reader), name=reader.name) for reader in readers]
            lanes = [
                Lane("absorb", self._absorb, self.receiver.arrived),
                Lane("derive:0", self._derive_step, self._derive, people.next_due),
                Lane("digests", self._digests_step, asyncio.Event(), lambda _: digests.next_due(self.hub), REPORTS),
                Lane("reports", self._reports_step, asyncio.Event(), lambda _: reports.next_due(self.hub), REPORTS),
                Lane("upkeep", self._upkeep_step, self._upkeep, idle=upkeep.EVERY.total_seconds()),
                *self._pushes(),
            ]
            for lane in lanes:
                group.create_task(self._run(lane), name=lane.name)
            await self.stop.wait()
            for task in streams:
                task.cancel()
            for lane in lanes:
                lane.kicked.set()
        await self.hub.refreshes.finish()

    async def _begin(self) -> None:
        hub = self.hub
        await deliver.recover(hub)
        for link in hub.links.values():
            await hub.db.write(Priority.SETTLE, connections.go_live, link.name, hub.now())
            if link.problem is None:
                await hub.db.write(Priority.SETTLE, connections.resume, link.name)
                await hub.db.write(Priority.SETTLE, tokens.forgive, link.name)

    def _pullers(self) -> list[Puller]:
        return [
            Puller(self.hub, link, stream, self.receiver.arrived.set)
            for link in self.hub.links.values()
            for stream in link.streams.values()
        ]

    def _subscribers(self) -> list[Subscriber]:
        return [Subscriber(self.hub, link) for link in self.hub.links.values() if is_subscribed(self.hub, link)]

    def _pushes(self) -> list[Lane]:
        """A lane for each connection that carries effects, so that none waits for another's vendor; one for the rest."""
        lanes = [
            Lane(
                f"push:{name}",
                partial(deliver.step, self.hub, self.hub.links[name]),
                event,
                partial(self._next_push, name),
            )
            for name, event in self._deliver.items()
            if name
        ]
        rest = partial(self._next_push, None)
        return [*lanes, Lane("push", partial(deliver.undeliverable, self.hub), self._deliver[""], rest)]

    def _next_push(self, name: str | None, connection: Connection) -> datetime | None:
        """When the lane has something to do next; a paused one waits for the operator."""
        state = connections.get(connection, name) if name else None
        if state is not None and state.state == "paused":
            return None
        return outbox.next_due(connection, deliver.routed(self.hub, name, staff.ways(connection).closed))

    async def _stream(self, reader: Puller | Subscriber) -> None:
        try:
            await reader.run(self.stop)
        except asyncio.CancelledError:
            if not self.stop.is_set():
                raise

    async def _absorb(self) -> bool:
        worked = await absorb.step(self.hub, heard=self._send)
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
        if "outbox" in changed:
            self._send()
        return True

    async def _digests_step(self) -> bool:
        planned = await digests.step(self.hub)
        if planned:
            self._send()
        return planned

    async def _reports_step(self) -> bool:
        planned = await reports.step(self.hub)
        if planned:
            self._send()
        return planned

    def _send(self) -> None:
        """There may be something to deliver."""
        for event in self._deliver.values():
            event.set()

    async def _upkeep_step(self) -> bool:
        return await upkeep.step(self.hub)

    async def _run(self, lane: Lane) -> None:
        """Work while there is work; then wait for a kick, for the next due moment, or for a look all the same."""
        while not self.stop.is_set():
            lane.kicked.clear()
            try:
                await self.receiver.calm(GIVE_WAY)
                begun = time.perf_counter()
                worked = await lane.step()
                meters.STEP_SECONDS.labels(lane.name).observe(time.perf_counter() - begun)
                pause = 0.0 if worked else await self._pause(lane)
            except HubError as error:
                _log.error("lane stopped for a moment", lane=lane.name, why=str(error))
                pause = TROUBLE
            except Exception:  # noqa: BLE001 - one of the four places: a bug in a step must not end the daemon
                _log.exception("a bug stopped a lane for a moment", lane=lane.name)
                pause = TROUBLE
            if pause:
                await self._wait(lane.kicked, pause)

    async def _pause(self, lane: Lane) -> float:
        due = await self.hub.db.read(lane.next_due) if lane.next_due is not None else None
        if due is None:
            return lane.idle
        return min(lane.idle, max((due - self.hub.now()) / timedelta(seconds=1), 0.01))

    async def _wait(self, kicked: asyncio.Event, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await kicked.wait()
        except TimeoutError:
            return
