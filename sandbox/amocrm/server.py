"""How does the pretend amoCRM come up on a port, inside a test or by itself?"""

from __future__ import annotations

import gc
from collections.abc import Iterable
from typing import Self

from sandbox import faults
from sandbox.amocrm import seed as seeds
from sandbox.amocrm.app import App
from sandbox.amocrm.types import Json
from sandbox.amocrm.world import World
from sandbox.loopback import Loopback


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
        self._loopback = Loopback(App(self.world), port)
        self.credentials: Json = {}
        """What a client needs to connect: the JSON line of `crmhub sandbox amocrm`."""

    @property
    def base_url(self) -> str:
        return self._loopback.base_url

    @property
    def port(self) -> int:
        return self._loopback.port

    async def __aenter__(self) -> Self:
        await self._loopback.__aenter__()
        for account in self.world.accounts.values():
            self.world.start_hooks(account)
        self.credentials = self.world.credentials(self.base_url, self.world.default)
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self._loopback.__aexit__(*exception)
        await self.world.stop()


def settle_memory() -> None:
    """What was seeded lives as long as we do: the collector need not look at it again and again."""
    gc.collect()
    gc.freeze()
