"""How does a vendor come to send us his webhooks: asked at each start, and again when he has to be."""

from __future__ import annotations

import asyncio
import traceback
from datetime import datetime, timedelta

from hub import log
from hub.engine.host import lend
from hub.engine.hub import Hub
from hub.errors import AuthFailed, HubError, Temporary
from hub.registry import Link
from hub.store import connections, repairs
from hub.store.database import Priority

_log = log.get("subscribe")

LOOK = 5.0
"""Seconds between two looks whether it is time."""
AGAIN = timedelta(minutes=10)
"""So long after a failure it is tried again."""


def is_subscribed(hub: Hub, link: Link) -> bool:
    """Whether the connection's webhooks are asked for by us, and can reach us."""
    return link.connector.subscribe is not None and hub.settings.web.public_url is not None


class Subscriber:
    """Keeps the webhooks of one connection coming. Its troubles are told and stop nothing: the pull brings all."""

    def __init__(self, hub: Hub, link: Link) -> None:
        self._hub = hub
        self._link = link
        self._due: datetime | None = hub.now()

    @property
    def name(self) -> str:
        """As its task is called."""
        return f"subscribe:{self._link.name}"

    async def run(self, stop: asyncio.Event) -> None:
        """Ask when it is due, until told to stop."""
        while not stop.is_set():
            try:
                await self.step()
            except Temporary as error:
                _log.error("webhooks wait for the store", connection=self._link.name, why=str(error))
            await asyncio.sleep(LOOK)

    async def step(self) -> None:
        """Ask if it is due. What was paused asks anew: a vendor drops the hooks of whom he takes the access."""
        row = await self._hub.db.read(connections.get, self._link.name)
        if row is not None and row.state == "paused":
            self._due = self._hub.now()
        elif self._due is not None and self._due <= self._hub.now():
            self._due = await self._ask()

    async def _ask(self) -> datetime | None:
        """When to ask again."""
        link = await asyncio.to_thread(self._link.renewed)
        host = lend(self._hub, link)
        connector, address = link.connector, host.hook_url
        assert connector.open is not None, "what sends webhooks can be opened"
        assert connector.subscribe is not None, "see is_subscribed"
        assert address is not None, "see is_subscribed"
        try:
            async with connector.open(link.settings, host) as client:
                until = await connector.subscribe(client, address)
        except AuthFailed as error:
            advice, now = link.advice, self._hub.now()
            await self._hub.db.write(Priority.SETTLE, connections.refused, link.name, str(error), advice, now)
            return now
        except HubError as error:
            return await self._broke(str(error))
        except Exception:  # noqa: BLE001 - as in a stream: a bug here must not end the daemon
            return await self._broke(traceback.format_exc())
        await self._hub.db.write(Priority.SETTLE, repairs.clear, self._key)
        _log.info("webhooks are asked for", connection=link.name, until=until)
        return until

    @property
    def _key(self) -> str:
        return f"hooks:{self._link.name}"

    async def _broke(self, why: str) -> datetime:
        last = why.strip().splitlines()[-1]
        _log.warning("webhooks cannot be asked for", connection=self._link.name, why=why)
        now = self._hub.now()
        await self._hub.db.write(
            Priority.SETTLE,
            repairs.note,
            self._key,
            kind="no_webhooks",
            connection_name=self._link.name,
            now=now,
            title=f"{self._link.name} sends no webhooks: {last}",
            advice="everything is still pulled, only later; it is tried again by itself",
        )
        return now + AGAIN
