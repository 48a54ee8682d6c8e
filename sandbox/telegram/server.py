"""How does the pretend Telegram come up on a port, inside a test or by itself?"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Self

from sandbox import faults
from sandbox.loopback import Loopback
from sandbox.telegram.app import App
from sandbox.telegram.types import Json
from sandbox.telegram.world import World


class TelegramServer:
    """A fresh vendor on loopback, up while the block lasts; `world` is its whole state, for tests to read and bend."""

    def __init__(
        self,
        *,
        port: int = 0,
        rps: float | None = None,
        latency_ms: float = 0,
        rules: Iterable[faults.Fault] = (),
        seed: int = 1,
    ) -> None:
        """`port` 0 takes a free one, told once it listens. `rps` None means the vendor's own limits, 0 none at all."""
        self.world = World(seed=seed, latency=latency_ms / 1000, faults=faults.Faults(rules, seed))
        if rps is not None:
            self.world.limits.only(rps)
        self._loopback = Loopback(App(self.world), port)

    @property
    def base_url(self) -> str:
        return self._loopback.base_url

    @property
    def port(self) -> int:
        return self._loopback.port

    @property
    def token(self) -> str:
        return self.world.token

    @property
    def credentials(self) -> Json:
        """What a client needs to connect: the JSON line of `crmhub sandbox telegram`."""
        return {"base_url": self.base_url, "token": self.token}

    async def __aenter__(self) -> Self:
        await self._loopback.__aenter__()
        return self

    async def __aexit__(self, *exception: object) -> None:
        self.world.updates.wake()
        await self._loopback.__aexit__(*exception)
        await self.world.webhook.close()
