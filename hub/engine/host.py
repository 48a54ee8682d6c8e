"""What the hub lends to an open connection: the clock, and HTTP that limits, retries, measures and redacts."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import quote

import httpx
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, stop_after_attempt, wait_exponential_jitter

from hub import meters
from hub.clock import Clock
from hub.errors import AuthFailed, HubError, Rejected, Temporary
from hub.sdk.connector import Context

_READS = frozenset({"GET", "HEAD", "OPTIONS"})
_ATTEMPTS = 3
_TIMEOUT = httpx.Timeout(30, connect=10)


@dataclass(frozen=True, slots=True)
class ConnectionHost:
    """The services of the hub for one connection."""

    connection: str
    context: Context
    since: datetime | None
    now: Clock
    classify: Callable[[httpx.Response], HubError | None] | None = None

    @asynccontextmanager
    async def http(self, base_url: str, *, secrets: Sequence[str] = ()) -> AsyncIterator[ConnectionHttp]:
        """A client for `base_url`; it follows no redirect, for a secret must not reach another host."""
        async with httpx.AsyncClient(base_url=base_url, timeout=_TIMEOUT, follow_redirects=False) as client:
            yield ConnectionHttp(self, client, tuple(secret for secret in secrets if secret))


@dataclass(frozen=True, slots=True)
class ConnectionHttp:
    """One vendor's address, with errors sorted by who must act."""

    host: ConnectionHost
    client: httpx.AsyncClient
    secrets: tuple[str, ...]

    async def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        """One request; reads are tried up to three times. Raises Temporary, AuthFailed or Rejected."""
        if method.upper() not in _READS:
            return await self._once(method, path, options)
        retrying = AsyncRetrying(
            retry=retry_if_exception_type(Temporary), stop=stop_after_attempt(_ATTEMPTS), wait=_pause, reraise=True
        )
        return await retrying(self._once, method, path, options)

    async def _once(self, method: str, path: str, options: dict[str, Any]) -> httpx.Response:
        begun = time.perf_counter()
        try:
            response = await self.client.request(method, path, **options)
        except httpx.RequestError as error:
            self._measure(begun, type(error).__name__)
            raise Temporary(self._redacted(f"{self.host.connection} cannot be reached: {error!r}")) from None
        self._measure(begun, str(response.status_code))
        self._judge(response)
        return response

    def _measure(self, begun: float, status: str) -> None:
        meters.REQUEST_SECONDS.labels(self.host.connection, status).observe(time.perf_counter() - begun)

    def _judge(self, response: httpx.Response) -> None:
        """Raise what the answer means; a vendor that speaks in bodies is asked first."""
        error = self.host.classify(response) if self.host.classify else None
        if error is not None:
            raise error
        if response.status_code < 300:
            return
        text = self._redacted(f"{self.host.connection} answered {response.status_code}: {response.text[:300]}")
        if response.status_code in {401, 403}:
            raise AuthFailed(text)
        if response.status_code in {408, 425, 429} or response.status_code >= 500:
            raise Temporary(text, _retry_after(response))
        raise Rejected(text)

    def _redacted(self, text: str) -> str:
        for secret in self.secrets:
            text = text.replace(secret, "***").replace(quote(secret, safe=""), "***")
        return text


def _retry_after(response: httpx.Response) -> float | None:
    """Seconds, from either form of the header (RFC 9110, 10.2.3)."""
    text = response.headers.get("Retry-After", "").strip()
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    answered = parsedate_to_datetime(response.headers["Date"]) if "Date" in response.headers else datetime.now(UTC)
    return max((moment - answered).total_seconds(), 0.0)


def _pause(state: RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    if isinstance(error, Temporary) and error.retry_after is not None:
        return min(error.retry_after, 30.0)
    return wait_exponential_jitter(initial=0.5, max=10)(state)
