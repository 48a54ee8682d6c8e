"""A pretend account over real HTTP, its user's hands, and what a hub would have read of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
from pydantic import SecretStr

from hub.sdk import Context, Page, Raw, Stream, Tokens
from hub.sdk.testing import Bench
from plugins.amocrm.client import Amo
from plugins.amocrm.connector import CONNECTOR
from plugins.amocrm.settings import Settings
from sandbox.amocrm import AmoServer


@dataclass
class Account:
    """What a test does with the account: as its user (`touch`), as its server (`set`), as the hub (`client`)."""

    told: dict[str, Any]
    hands: httpx.AsyncClient
    options: dict[str, Any] = field(default_factory=dict)
    context: Context = field(default_factory=lambda: Context("amo"))
    bench: Bench | None = None

    def settings(self, **options: Any) -> Settings:
        keys = ("base_url", "client_id", "client_secret", "redirect_uri")
        return Settings.model_validate({**{key: self.told[key] for key in keys}, **self.options, **options})

    @asynccontextmanager
    async def client(self, **options: Any) -> AsyncIterator[Amo]:
        settings = self.settings(**options)
        assert CONNECTOR.open is not None
        assert CONNECTOR.login is not None
        self.bench = self.bench or Bench(
            "amo",
            self.context,
            classify=CONNECTOR.classify,
            settings=settings,
            login=CONNECTOR.login(settings),
            held=Tokens(SecretStr(self.told["access_token"]), SecretStr(self.told["refresh_token"])),
        )
        async with CONNECTOR.open(settings, self.bench) as client:
            yield client

    async def control(self, name: str, /, **content: Any) -> Any:
        answer = await self.hands.post(f"/_ctl/{name}", json=content)
        assert answer.is_success, answer.text
        return answer.json() if answer.content else None

    async def touch(self, entity: str, id_: int, action: str, **content: Any) -> Any:
        return await self.control("touch", entity=entity, id=id_, action=action, **content)

    async def set(self, **content: Any) -> None:
        await self.control("set", **content)

    async def state(self, *only: str) -> Any:
        return await self.control("state", only=list(only))


@asynccontextmanager
async def account(**options: Any) -> AsyncIterator[Account]:
    """An account without limits, so that tests are quick."""
    async with (
        AmoServer(**{"contacts": 30, "rps": None, **options}) as server,
        httpx.AsyncClient(base_url=server.base_url) as hands,
    ):
        made = Account(dict(server.credentials), hands)
        await made.set(account_rps=None)
        yield made


@dataclass
class Shelf:
    """What was read: cursors, every raw, and of each object the version that wins."""

    cursors: dict[str, Any] = field(default_factory=dict)
    raws: list[Raw] = field(default_factory=list)

    async def pull(self, client: Amo, name: str, pages: int | None = None) -> list[Raw]:
        """Read a stream to its end, or as if the process had been killed after so many pages."""
        stream = streams(client.settings)[name]
        assert stream.pull is not None
        found: list[Raw] = []
        async with aclosing(stream.pull(client, self.cursors.get(name))) as read:  # type: ignore[type-var]
            async for page in read:
                self.keep(name, page)
                found += page.items
                pages = pages - 1 if pages is not None else None
                if pages == 0:
                    break
        return found

    def keep(self, name: str, page: Page) -> None:
        self.raws += page.items
        if page.cursor is not None:
            self.cursors[name] = page.cursor

    def newest(self, kind: str) -> dict[str, Any]:
        """Of each object what was changed last."""
        found: dict[str, Any] = {}
        for raw in self.raws:
            known = found.get(raw.id)
            if raw.kind == kind and (known is None or known["updated_at"] <= raw.payload["updated_at"]):
                found[raw.id] = raw.payload
        return found


def streams(settings: Settings) -> dict[str, Stream]:
    """The streams of an account by name."""
    assert CONNECTOR.streams is not None
    return {stream.name: stream for stream in CONNECTOR.streams(settings)}
