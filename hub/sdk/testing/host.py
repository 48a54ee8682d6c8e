"""A host without a hub, to open a connector's client in a test."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import httpx

from hub.errors import AuthFailed, HubError, Temporary
from hub.sdk.connector import Context, Login, Tokens
from hub.sdk.refusal import refusal


@dataclass(slots=True)
class Bench:
    """The services of the hub with a clock that stands still, no budget and no retries.

    transport: a simulator called in process. settings, login, held: for a connector that is authorised: its settings,
    how it logs in, and the tokens it begins with; `held` is afterwards what the last refresh gave. records: what the hub
    has, by kind: id → when it was changed.
    """

    connection: str = "bench"
    context: Context = field(default_factory=lambda: Context("bench"))
    time: datetime = datetime(2026, 3, 10, 7, tzinfo=UTC)
    transport: httpx.AsyncBaseTransport | None = None
    classify: Callable[[httpx.Response], HubError | None] | None = None
    hook_url: str | None = None
    settings: Any = None
    login: Login | None = None
    held: Tokens | None = None
    records: dict[str, dict[str, datetime]] = field(default_factory=dict)

    async def known(self, kind: str, since: datetime) -> Mapping[str, datetime]:
        """The records that the bench was given."""
        return {id_: at for id_, at in self.records.get(kind, {}).items() if at >= since}

    def now(self) -> datetime:
        """The moment the bench was set to."""
        return self.time

    @property
    def tokens(self) -> _BenchAccess:
        """The tokens that are held, refreshed as `login` says."""
        return _BenchAccess(self)

    @asynccontextmanager
    async def http(
        self, base_url: str, *, secrets: Sequence[str] = (), bearer: str | None = None, tokens: bool = False
    ) -> AsyncIterator[_BenchHttp]:
        """A client for the simulator."""
        async with httpx.AsyncClient(base_url=base_url, transport=self.transport) as client:
            yield _BenchHttp(self, client, bearer, self.tokens if tokens else None)


@dataclass(frozen=True, slots=True)
class _BenchAccess:
    bench: Bench

    async def access(self) -> str:
        held = self._held()
        if held.expires_at is not None and held.expires_at <= self.bench.time:
            return await self.renewed(held.access.get_secret_value())
        return held.access.get_secret_value()

    async def renewed(self, refused: str) -> str:
        held = self._held()
        if held.access.get_secret_value() == refused:
            if self.bench.login is None or held.refresh is None:
                raise AuthFailed("the access token is refused and cannot be renewed")
            async with self.bench.http("") as http:
                self.bench.held = await self.bench.login.refresh(http, self.bench.settings, held)
        return self._held().access.get_secret_value()

    def _held(self) -> Tokens:
        if self.bench.held is None:
            raise AuthFailed("nobody has authorised this connection yet")
        return self.bench.held


@dataclass(frozen=True, slots=True)
class _BenchHttp:
    bench: Bench
    client: httpx.AsyncClient
    bearer: str | None
    tokens: _BenchAccess | None

    async def request(self, method: str, path: str, *, repeat: bool = False, **options: Any) -> httpx.Response:
        """One request, its refusal sorted by who must act."""
        bearer = await self.tokens.access() if self.tokens else self.bearer
        response = await self._send(method, path, options, bearer)
        if response.status_code == 401 and self.tokens is not None and bearer is not None:
            response = await self._send(method, path, options, await self.tokens.renewed(bearer))
        found = self.bench.classify(response) if self.bench.classify else None
        found = found or refusal(response, self.bench.connection)
        if found is not None:
            raise found
        return response

    async def _send(self, method: str, path: str, options: dict[str, Any], bearer: str | None) -> httpx.Response:
        headers = httpx.Headers(options.get("headers"))
        if bearer is not None:
            headers["Authorization"] = f"Bearer {bearer}"
        try:
            return await self.client.request(method, path, **{**options, "headers": headers})
        except httpx.TransportError as error:
            raise Temporary(repr(error)) from error
