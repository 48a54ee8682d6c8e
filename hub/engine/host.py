"""What the hub lends to an open connection: the clock, and HTTP that limits, retries, measures and redacts."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import httpx
from pydantic import BaseModel, SecretStr
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, stop_after_attempt, wait_exponential_jitter

from hub import meters
from hub.clock import Clock
from hub.engine.hub import Hub
from hub.errors import AuthFailed, HubError, Temporary
from hub.registry import Link
from hub.sdk.connector import Context
from hub.sdk.host import Access
from hub.sdk.refusal import refusal

_READS = frozenset({"GET", "HEAD", "OPTIONS"})
_ATTEMPTS = 3
_TIMEOUT = httpx.Timeout(30, connect=10)


class NoTokens:
    """The access of a connection that has none."""

    def __init__(self, connection: str) -> None:
        self.connection = connection

    async def access(self) -> str:
        """Nothing: a person has to authorise."""
        raise AuthFailed(f"nobody has authorised {self.connection} yet: crmhub connect {self.connection}")

    async def renewed(self, refused: str) -> str:
        """As `access`."""
        return await self.access()


@dataclass(frozen=True, slots=True)
class ConnectionHost:
    """The services of the hub for one connection and lane."""

    connection: str
    context: Context
    now: Clock
    classify: Callable[[httpx.Response], HubError | None] | None = None
    hook_url: str | None = None
    secrets: tuple[str, ...] = ()
    tokens: Access = NoTokens("it")
    backfill: bool = False

    @asynccontextmanager
    async def http(
        self, base_url: str, *, secrets: Sequence[str] = (), bearer: str | None = None, tokens: bool = False
    ) -> AsyncIterator[ConnectionHttp]:
        """A client for `base_url`; it follows no redirect, for a secret must not reach another host."""
        hidden = tuple(secret for secret in (*self.secrets, *secrets, bearer or "") if secret)
        async with httpx.AsyncClient(base_url=base_url, timeout=_TIMEOUT, follow_redirects=False) as client:
            yield ConnectionHttp(self, client, hidden, bearer, self.tokens if tokens else None)


def lend(hub: Hub, link: Link, *, backfill: bool = False) -> ConnectionHost:
    """The services of the hub for one lane of a connection. backfill: its requests go behind all others."""
    public = hub.settings.web.public_url
    return ConnectionHost(
        link.name,
        hub.context(link.name),
        hub.now,
        link.connector.classify,
        hook_url=f"{public}/hooks/{link.name}" if public else None,
        secrets=tuple(secrets_in(link.settings)),
        tokens=NoTokens(link.name),
        backfill=backfill,
    )


def secrets_in(value: Any) -> Iterator[str]:
    """Every secret that a connection's settings hold."""
    if isinstance(value, SecretStr):
        yield value.get_secret_value()
    elif isinstance(value, BaseModel):
        yield from secrets_in([inner for _, inner in value])
    elif isinstance(value, dict):
        yield from secrets_in(list(value.values()))
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from secrets_in(inner)


@dataclass(frozen=True, slots=True)
class ConnectionHttp:
    """One vendor's address, with errors sorted by who must act."""

    host: ConnectionHost
    client: httpx.AsyncClient
    secrets: tuple[str, ...]
    bearer: str | None = None
    tokens: Access | None = None

    async def request(self, method: str, path: str, *, repeat: bool = False, **options: Any) -> httpx.Response:
        """One request; reads are tried up to three times. Raises Temporary, Throttled, AuthFailed or Rejected."""
        if method.upper() not in _READS and not repeat:
            return await self._authorised(method, path, options)
        retrying = AsyncRetrying(
            retry=retry_if_exception_type(Temporary), stop=stop_after_attempt(_ATTEMPTS), wait=_pause, reraise=True
        )
        return await retrying(self._authorised, method, path, options)

    async def _authorised(self, method: str, path: str, options: dict[str, Any]) -> httpx.Response:
        """Send with the access token there is; where the vendor refuses it, once more with a new one."""
        bearer = await self.tokens.access() if self.tokens else self.bearer
        response = await self._send(method, path, options, bearer)
        if response.status_code == 401 and self.tokens is not None and bearer is not None:
            response = await self._send(method, path, options, await self.tokens.renewed(bearer))
        self._judge(response)
        return response

    async def _send(self, method: str, path: str, options: dict[str, Any], bearer: str | None) -> httpx.Response:
        headers = httpx.Headers(options.get("headers"))
        if bearer is not None:
            headers["Authorization"] = f"Bearer {bearer}"
        begun = time.perf_counter()
        try:
            response = await self.client.request(method, path, **{**options, "headers": headers})
        except httpx.RequestError as error:
            self._measure(begun, type(error).__name__)
            raise Temporary(self._redacted(f"{self.host.connection} cannot be reached: {error!r}")) from None
        self._measure(begun, str(response.status_code))
        return response

    def _measure(self, begun: float, status: str) -> None:
        meters.REQUEST_SECONDS.labels(self.host.connection, status).observe(time.perf_counter() - begun)

    def _judge(self, response: httpx.Response) -> None:
        """Raise what the answer means; a vendor that speaks in bodies is asked first."""
        error = self.host.classify(response) if self.host.classify else None
        error = error or refusal(response, self.host.connection)
        if error is None:
            return
        error.args = tuple(self._redacted(part) if isinstance(part, str) else part for part in error.args)
        raise error

    def _redacted(self, text: str) -> str:
        for secret in self.secrets:
            text = text.replace(secret, "***").replace(quote(secret, safe=""), "***")
        return text


def _pause(state: RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    if isinstance(error, Temporary) and error.retry_after is not None:
        return min(error.retry_after, 30.0)
    return wait_exponential_jitter(initial=0.5, max=10)(state)
