"""How does the pretend amoCRM come up on a port, inside a test or by itself?"""

from __future__ import annotations

import asyncio
import gc
import socket
from collections.abc import Iterable
from typing import Self

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from sandbox import faults
from sandbox.amocrm import seed as seeds
from sandbox.amocrm.app import App
from sandbox.amocrm.types import Json
from sandbox.amocrm.world import World


class _Protocol(HttpToolsProtocol):
    """HTTP whose application may break the connection."""

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["transport"] = self.transport  # type: ignore[typeddict-unknown-key]


class AmoServer:
    """A fresh vendor on loopback, up while the block lasts; `world` is its whole state, for tests to read and bend."""

    def __init__(
        self,
        *,
        port: int = 0,
        contacts: int = 30,
        seed: int = 1,
        rps: int | None = 7,
        latency_ms: float = 0,
        rules: Iterable[faults.Fault] = (),
        redirect_uri: str = seeds.REDIRECT,
        world: World | None = None,
    ) -> None:
        """`port` 0 takes a free one, told once it listens. `rps` None lifts both limits."""
        self.world = world or seeds.world(contacts=contacts, seed=seed, redirect_uri=redirect_uri)
        self.world.limits.rps = rps
        if rps is None:
            self.world.limits.account_rps = None
        self.world.latency = latency_ms / 1000
        self.world.faults = faults.Faults(rules, seed)
        self.port = port
        self.credentials: Json = {}
        """What a client needs to connect: the JSON line of `crmhub sandbox amocrm`."""
        self._state = ServerState()

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def __aenter__(self) -> Self:
        config = uvicorn.Config(
            App(self.world), http=_Protocol, ws="none", lifespan="off", access_log=False, log_config=None, log_level="error",
            timeout_keep_alive=75, proxy_headers=False,
        )  # fmt: skip
        config.load()
        loop = asyncio.get_running_loop()
        listening = socket.create_server(("127.0.0.1", self.port), backlog=256)
        self.port = listening.getsockname()[1]
        self._listener = await loop.create_server(lambda: _Protocol(config, self._state, {}), sock=listening)
        for account in self.world.accounts.values():
            self.world.start_hooks(account)
        self.credentials = self.world.credentials(self.base_url, self.world.default)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._listener.close()
        for connection in list(self._state.connections):
            connection.shutdown()
        if self._state.tasks:
            await asyncio.wait(self._state.tasks, timeout=1)
        for task in list(self._state.tasks):
            task.cancel()
        await self.world.stop()


def settle_memory() -> None:
    """What was seeded lives as long as we do: the collector need not look at it again and again."""
    gc.collect()
    gc.freeze()
