"""What the hub lends to an open connection: the clock, and HTTP that limits, retries, measures and redacts."""

from __future__ import annotations

import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache
from typing import Any
from urllib.parse import quote

import httpx
from pydantic import BaseModel, SecretStr
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, stop_after_attempt, wait_exponential_jitter

from hub import clock, meters
from hub.clock import Clock
from hub.engine.budget import PATIENCE, Budget, Taken
from hub.engine.hub import Hub, context_of
from hub.engine.tokens import StoredAccess
from hub.errors import AuthFailed, HubError, Rejected, Temporary, Throttled, Unanswered
from hub.registry import Link
from hub.sdk.connector import Context, Tokens
from hub.sdk.host import Access
from hub.sdk.refusal import refusal, retry_after
from hub.settings import Settings
from hub.store import facts

_READS = frozenset({"GET", "HEAD", "OPTIONS"})
_ATTEMPTS = 3
_TIMEOUT = httpx.Timeout(30, connect=10)
_NEVER_LEFT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError, httpx.UnsupportedProtocol)


@dataclass(frozen=True, slots=True)
class GivenAccess:
    """Tokens that are not stored: of a connection that is being tried, or that nobody has authorised."""

    connection: str
    tokens: Tokens | None = None

    async def access(self) -> str:
        """The access token as it was given."""
        if self.tokens is None:
            raise AuthFailed(f"nobody has given {self.connection} access yet: crmhub connect {self.connection}")
        return self.tokens.access.get_secret_value()

    async def renewed(self, refused: str) -> str:
        """Nothing: it is new, and refused."""
        raise AuthFailed(f"{self.connection} refuses the access that it has just given")


@dataclass(frozen=True, slots=True)
class ConnectionHost:
    """The services of the hub for one connection and lane. budget: None where requests are not held back."""

    connection: str
    context: Context
    now: Clock
    classify: Callable[[httpx.Response], HubError | None] | None = None
    hook_url: str | None = None
    secrets: tuple[str, ...] = ()
    budget: Budget | None = None
    access: Access | None = None
    versions: Callable[[str, datetime], Awaitable[Mapping[str, datetime]]] | None = None

    async def known(self, kind: str, since: datetime) -> Mapping[str, datetime]:
        """The connection's records of a kind that were changed since then; none before anything is stored."""
        return await self.versions(kind, since) if self.versions else {}

    @property
    def tokens(self) -> Access:
        """The connection's tokens."""
        return self.access or GivenAccess(self.connection)

    def with_tokens(self, tokens: Tokens) -> ConnectionHost:
        """The same with tokens that were just given and are not stored yet."""
        return replace(self, access=GivenAccess(self.connection, tokens))

    @asynccontextmanager
    async def http(
        self, base_url: str, *, secrets: Sequence[str] = (), bearer: str | None = None, tokens: bool = False
    ) -> AsyncIterator[ConnectionHttp]:
        """A client for `base_url`; it follows no redirect, for a secret must not reach another host."""
        async with httpx.AsyncClient(
            base_url=base_url, verify=_trusted(), timeout=_TIMEOUT, follow_redirects=False
        ) as client:
            yield ConnectionHttp(self, client, (*self.secrets, *secrets), bearer, self.tokens if tokens else None)


@cache
def _trusted() -> ssl.SSLContext:
    """Whose certificates are believed; read once, for each client would take tens of milliseconds to read them anew."""
    return httpx.create_ssl_context()


def lend(hub: Hub, link: Link, *, backfill: bool = False) -> ConnectionHost:
    """The services of the hub for one lane of a connection. backfill: its requests go behind all others."""
    return replace(
        _bare(hub.settings, link),
        context=hub.context(link.name),
        now=hub.now,
        budget=hub.budgets.of(link.name, link.limits, backfill=backfill),
        access=access_of(hub, link),
        versions=lambda kind, since: hub.db.read(facts.versions_since, link.name, kind, since),
    )


def trial(settings: Settings, link: Link) -> ConnectionHost:
    """The services of the hub where there is no store yet: without a budget and without tokens."""
    return _bare(settings, link)


def access_of(hub: Hub, link: Link) -> StoredAccess:
    """The stored tokens of a connection, renewed as its connector says."""
    login = link.login

    async def refresh(tokens: Tokens) -> Tokens:
        assert login is not None, "only what has a login is renewed"
        host = replace(
            _bare(hub.settings, link), now=hub.now, budget=hub.budgets.of(link.name, link.limits, backfill=False)
        )
        async with host.http("", secrets=list(secrets_in([tokens.access, tokens.refresh]))) as http:
            return await login.refresh(http, link.settings, tokens)

    return hub.refreshes.of(link.name, refresh if login else None)


def _bare(settings: Settings, link: Link) -> ConnectionHost:
    public = settings.web.public_url
    return ConnectionHost(
        link.name,
        context_of(settings, link.name),
        clock.now,
        link.connector.classify,
        hook_url=f"{public}/hooks/{link.name}" if public else None,
        secrets=tuple(secrets_in(link.settings)),
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
            retry=retry_if_exception(_passes_soon), stop=stop_after_attempt(_ATTEMPTS), wait=_pause, reraise=True
        )
        return await retrying(self._authorised, method, path, options)

    async def _authorised(self, method: str, path: str, options: dict[str, Any]) -> httpx.Response:
        """Send with the access token there is; where the vendor refuses it, once more with a new one."""
        if self.tokens is None:
            return await self._judged(method, path, options, self.bearer)
        bearer = await self.tokens.access()
        try:
            return await self._judged(method, path, options, bearer, renewable=True)
        except _Unauthorised:
            return await self._judged(method, path, options, await self.tokens.renewed(bearer))

    async def _judged(
        self, method: str, path: str, options: dict[str, Any], bearer: str | None, *, renewable: bool = False
    ) -> httpx.Response:
        """Send, and raise what the answer means; a vendor that speaks in bodies is asked first."""
        taken = await self.host.budget.take() if self.host.budget else None
        response, taken = await self._send(method, path, options, bearer, taken)
        if response.status_code == 401 and renewable:
            raise _Unauthorised
        error = self.host.classify(response) if self.host.classify else None
        error = error or refusal(response, self.host.connection)
        if error is None:
            return response
        error.args = tuple(self._redacted(str(part), bearer) for part in error.args)
        if isinstance(error, Throttled) and self.host.budget:
            error.retry_after = error.retry_after or retry_after(response)
            await self.host.budget.struck(taken, error)
        raise error

    async def _send(
        self, method: str, path: str, options: dict[str, Any], bearer: str | None, taken: Taken | None
    ) -> tuple[httpx.Response, Taken | None]:
        """Send now, or in another slot where a connection had to be made first and the one taken has gone by."""
        name, begun = self.host.connection, time.perf_counter()
        headers = httpx.Headers(options.get("headers"))
        if bearer is not None:
            headers["Authorization"] = f"Bearer {bearer}"

        async def trace(event: str, _told: Any) -> None:
            nonlocal taken
            if self.host.budget and event.endswith("send_request_headers.started"):
                taken = await self.host.budget.leaves(taken)
            if self.host.budget and event.endswith("send_request_headers.complete"):
                self.host.budget.left(taken)

        extensions = {**options.get("extensions", {}), "trace": trace}
        status = "error"
        try:
            response = await self.client.request(
                method, path, **{**options, "headers": headers, "extensions": extensions}
            )
            status = str(response.status_code)
            if self.host.budget:
                self.host.budget.answered(taken)
        except httpx.RequestError as error:
            status = type(error).__name__
            why = self._redacted(f"{name} cannot be reached: {_reason(error)}", bearer)
            raise (Temporary(why) if isinstance(error, _NEVER_LEFT) else Unanswered(why)) from None
        except httpx.InvalidURL as error:
            raise Rejected(self._redacted(f"{name} has no such address: {error}", bearer)) from None
        finally:
            meters.REQUEST_SECONDS.labels(name, status).observe(time.perf_counter() - begun)
        return response, taken

    def _redacted(self, text: str, bearer: str | None) -> str:
        for secret in filter(None, (*self.secrets, bearer)):
            text = text.replace(secret, "***").replace(quote(secret, safe=""), "***")
        return text


class _Unauthorised(Exception):
    """The access token was refused and may be renewed."""


def _reason(error: httpx.RequestError) -> str:
    """Why nothing came back, for an operator: `name or service not known`, `ReadTimeout`."""
    return f"{error} ({type(error).__name__})" if str(error) else type(error).__name__


def _passes_soon(error: BaseException) -> bool:
    return isinstance(error, Temporary) and (error.retry_after or 0.0) <= PATIENCE


def _pause(state: RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    if isinstance(error, Temporary) and error.retry_after is not None:
        return error.retry_after
    return wait_exponential_jitter(initial=0.5, max=10)(state)
