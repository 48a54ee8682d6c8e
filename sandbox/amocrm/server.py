"""How does the pretend amoCRM come up on a port, inside a test or by itself?"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import socket
from collections.abc import Generator, Iterable
from typing import Any, Self

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

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


class _Server(uvicorn.Server):
    """uvicorn without its own signal handlers: whoever started us decides when to stop."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield


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
        self._tasks: list[asyncio.Task[Any]] = []

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def __aenter__(self) -> Self:
        listening = socket.create_server(("127.0.0.1", self.port), backlog=256)
        self.port = listening.getsockname()[1]
        config = uvicorn.Config(
            App(self.world), http=_Protocol, ws="none", lifespan="off", access_log=False, log_config=None, log_level="error",
            timeout_graceful_shutdown=1, server_header=False, proxy_headers=False, timeout_keep_alive=75,
        )  # fmt: skip
        self._server = _Server(config)
        serving = asyncio.create_task(self._server.serve([listening]), name="serve the pretend amoCRM")
        hooks = [asyncio.create_task(one.hooks.run(), name="deliver webhooks") for one in self.world.accounts.values()]
        self._tasks = [serving, *hooks]
        while not self._server.started and not serving.done():
            await asyncio.sleep(0.001)
        self.credentials = self.world.credentials(self.base_url)
        return self

    async def __aexit__(self, *_: object) -> None:
        serving, *hooks = self._tasks
        for task in hooks:
            task.cancel()
        self._server.should_exit = True
        await asyncio.gather(serving, *hooks, return_exceptions=True)


def settle_memory() -> None:
    """What was seeded lives as long as we do: the collector need not look at it again and again."""
    gc.collect()
    gc.freeze()
