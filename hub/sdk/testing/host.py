"""A host without a hub, to open a connector's client in a test."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

import httpx

from hub.errors import AuthFailed, HubError, Rejected, Temporary
from hub.sdk.connector import Context


@dataclass(slots=True)
class Bench:
    """The services of the hub with a clock that stands still. transport: a simulator called in process."""

    connection: str = "bench"
    context: Context = field(default_factory=lambda: Context("bench"))
    since: datetime | None = None
    time: datetime = datetime(2026, 3, 10, 7, tzinfo=UTC)
    transport: httpx.AsyncBaseTransport | None = None
    classify: Callable[[httpx.Response], HubError | None] | None = None

    def now(self) -> datetime:
        """The moment the bench was set to."""
        return self.time

    @asynccontextmanager
    async def http(self, base_url: str, *, secrets: Sequence[str] = ()) -> AsyncIterator[_BenchHttp]:
        """A client for the simulator, without retries."""
        async with httpx.AsyncClient(base_url=base_url, transport=self.transport) as client:
            yield _BenchHttp(client, self.classify)


@dataclass(frozen=True, slots=True)
class _BenchHttp:
    client: httpx.AsyncClient
    classify: Callable[[httpx.Response], HubError | None] | None

    async def request(self, method: str, path: str, **options: object) -> httpx.Response:
        """One request, its refusal sorted by who must act."""
        try:
            response = await self.client.request(method, path, **options)  # type: ignore[arg-type]
        except httpx.TransportError as error:
            raise Temporary(repr(error)) from error
        error_found = self.classify(response) if self.classify else None
        if error_found is not None:
            raise error_found
        if response.status_code in {401, 403}:
            raise AuthFailed(str(response.status_code))
        if response.status_code == 429 or response.status_code >= 500:
            raise Temporary(str(response.status_code))
        if response.status_code >= 300:
            raise Rejected(str(response.status_code))
        return response
