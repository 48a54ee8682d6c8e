"""How a webhook's items are kept before it is answered: whoever waits at the same time shares one commit."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import TypeAlias

from hub import meters
from hub.engine.hub import Hub
from hub.errors import Temporary
from hub.registry import Link
from hub.sdk.connector import Raw, Received, WebhookRequest
from hub.store import connections, inbox
from hub.store.database import Priority
from hub.store.inbox import Arrival

MOST = 5_000
"""Items that one commit takes."""


CROWD = 4
"""Requests that share one commit from which on senders are waiting for each other."""
PAUSE = 0.05
"""Seconds of silence after which a crowd has gone."""

Waiting: TypeAlias = tuple[Sequence[Arrival], "asyncio.Future[None]"]
"""What one request brought, and who waits for its commit."""


class Receiver:
    """Commits what arrives, many requests at once; `received` returns once its items survive a power cut."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._waiting: list[Waiting] = []
        self._committing: asyncio.Task[None] | None = None
        self.arrived = asyncio.Event()
        self._crowd = 0
        self._committed_at = float("-inf")

    async def webhook(self, link: Link, request: WebhookRequest) -> Received:
        """Verify by the plugin, keep, and only then let it be answered. Raises Forged, Temporary."""
        assert link.connector.webhook is not None, "asked before"
        received = link.connector.webhook(request, link.settings)
        if received.items:
            await self.keep([arrival(link.name, raw, request.received_at) for raw in received.items])
            meters.RECEIVED.labels(link.name, "webhook").inc(len(received.items))
        if received.wake:
            await self._hub.db.write(Priority.RECEIVE, connections.wake, link.name, received.wake, request.received_at)
        return received

    async def keep(self, arrivals: Sequence[Arrival]) -> None:
        """Wait until these are committed. A store that cannot be written fails everyone who shared the commit."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((arrivals, done))
        if self._committing is None or self._committing.done():
            self._committing = asyncio.create_task(self._commit(), name="receive")
        await done

    async def calm(self, at_most: float) -> None:
        """Wait while senders crowd for commits, for whoever is outside goes first; at most so many seconds."""
        clock = asyncio.get_running_loop().time
        until = clock() + at_most

        def crowded() -> bool:
            return self._crowd >= CROWD and clock() - self._committed_at < PAUSE and clock() < until

        while crowded():
            await asyncio.sleep(PAUSE)

    async def _commit(self) -> None:
        while self._waiting:
            taken, size = [], 0
            while self._waiting and size < MOST:
                taken.append(self._waiting.pop(0))
                size += len(taken[-1][0])
            self._crowd, self._committed_at = len(taken), float("inf")  # a commit that takes long is no silence
            await self._keep_all(taken)
            self._committed_at = asyncio.get_running_loop().time()

    async def _keep_all(self, taken: Sequence[Waiting]) -> None:
        """One commit for all; where one of several cannot be stored, each is tried for itself."""
        try:
            rows = [row for arrivals, _ in taken for row in arrivals]
            await self._hub.db.write(Priority.RECEIVE, inbox.put, rows)
        except Exception as error:  # noqa: BLE001 - it is raised to each request that waits for this commit
            if len(taken) > 1 and not isinstance(error, Temporary):
                for one in taken:
                    await self._keep_all([one])
                return
            for _, done in taken:
                if not done.done():
                    done.set_exception(error)
        else:
            for _, done in taken:
                if not done.done():
                    done.set_result(None)
            self.arrived.set()


def arrival(
    connection: str, raw: Raw, received_at: datetime, *, as_live: bool = False, clock_offset: int = 0
) -> Arrival:
    """A plugin's raw on its way into the inbox; clock_offset in milliseconds where the source's clock is wrong."""
    return Arrival(
        connection,
        raw.kind,
        raw.id.replace("\0", "\ufffd"),
        raw.payload,
        received_at,
        raw.group,
        raw.joins,
        as_live,
        clock_offset,
    )
