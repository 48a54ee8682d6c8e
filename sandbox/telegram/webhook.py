"""Who is called when something happens, in which order, and what if he does not listen?"""

from __future__ import annotations

import asyncio
import re
import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from ipaddress import ip_address
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, urlsplit

import httpx

from sandbox.telegram.answers import bad
from sandbox.telegram.types import DAY, Json
from sandbox.telegram.updates import Pending

if TYPE_CHECKING:
    from sandbox.telegram.world import World

PATIENCE = 60.0
"""Seconds within which a receiver must answer."""

LONGEST = 90.0
"""Seconds of the longest pause before a repeat; the real ones are between one and two minutes."""

_PORTS = {80, 88, 443, 8443}
_GONE_HOURS = 23


@dataclass
class Webhook:
    """The address, and the way of updates to it."""

    world: World
    url: str = ""
    secret: str = ""
    connections: int = 40
    has_certificate: bool = False
    ip: str = ""
    error_at: int = 0
    error: str = ""
    scale: float = 1
    """By what the pauses before repeats are multiplied."""
    double: float = 0
    """The chance that an update is told twice."""
    hold: bool = False
    """Nothing is sent for now."""
    attempts: deque[Json] = field(default_factory=lambda: deque(maxlen=20_000))
    """What was sent, and what was answered."""
    _gone_since: float = 0
    _tasks: dict[str, asyncio.Task[None]] = field(default_factory=dict)
    _client: httpx.AsyncClient | None = None
    _hurried: asyncio.Event = field(default_factory=asyncio.Event)
    _slots: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(40))

    def set(self, url: str, secret: str, connections: int, ip: str, *, has_certificate: bool) -> None:
        self.stop()
        self.url, self.secret, self.connections, self.has_certificate = url, secret, connections, has_certificate
        self.ip = ip or _ip(urlsplit(url))
        self.error, self.error_at, self._gone_since = "", 0, 0
        self._slots = asyncio.Semaphore(connections)
        for one in self.world.updates.pending:
            one.failures, one.pause, one.due = 0, 1, 0
        self.kick()

    def remove(self) -> None:
        self.stop()
        self.url = self.secret = self.ip = self.error = ""
        self.error_at, self.connections, self.has_certificate = 0, 40, False

    def tell(self, one: Pending) -> None:
        """Something is to be told."""
        if self.url and not self.hold and one.queue not in self._tasks:
            self._tasks[one.queue] = asyncio.create_task(self._deliver(one.queue), name=f"webhook of {one.queue}")

    def kick(self) -> None:
        """Look at all that waits: the address or the weather changed."""
        self.world.updates.expire(self.world.now())
        for one in self.world.updates.pending:
            self.tell(one)

    def hurry(self) -> None:
        """No repeat waits any longer."""
        for one in self.world.updates.pending:
            one.due = 0
        self._hurried.set()
        self._hurried = asyncio.Event()
        self.kick()

    def stop(self) -> None:
        for task in self._tasks.values():
            task.cancel()
        self._tasks.clear()

    async def close(self) -> None:
        tasks = list(self._tasks.values())
        self.stop()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._client:
            await self._client.aclose()

    async def _deliver(self, queue: str) -> None:
        """One queue, in order, until it is empty."""
        try:
            while self.url and not self.hold and (one := self._first(queue)):
                while (left := one.due - time.monotonic()) > 0:
                    with suppress(TimeoutError):
                        await asyncio.wait_for(self._hurried.wait(), left)
                async with self._slots:
                    await self._attempt(one)
        finally:
            if self._tasks.get(queue) is asyncio.current_task():
                del self._tasks[queue]

    def _first(self, queue: str) -> Pending | None:
        return next((one for one in self.world.updates.pending if one.queue == queue), None)

    async def _attempt(self, one: Pending) -> None:
        answer, error = await self._post(one)
        if answer is not None and answer.is_success:
            self._gone_since = 0
            if self.world.dice.random() < self.double:
                await self._post(one)
            self.world.updates.remove(one)
            await self._obey(answer)
            return
        self.error, self.error_at = error, int(self.world.now())
        self._plan(one, answer)
        if answer is not None and self._is_gone(answer):
            self.remove()

    async def _post(self, one: Pending) -> tuple[httpx.Response | None, str]:
        head = {"Content-Type": "application/json", "Accept-Encoding": "gzip, deflate"}
        if self.secret:
            head["X-Telegram-Bot-Api-Secret-Token"] = self.secret
        answer, error = None, ""
        try:
            async with asyncio.timeout(PATIENCE):
                answer = await self._opened().post(self.url, json=one.update, headers=head)
            reason = answer.reason_phrase or HTTPStatus(answer.status_code).phrase
            error = f"Wrong response from the webhook: {answer.status_code} {reason}"
        except (TimeoutError, httpx.TimeoutException):
            error = "Read timeout expired"
        except httpx.ConnectError as failure:
            error = (
                "Connection refused" if "refused" in str(failure) or "attempts failed" in str(failure) else str(failure)
            )
        except (httpx.HTTPError, ValueError, OSError) as failure:
            error = str(failure) or "Webhook connection closed"
        status = answer.status_code if answer is not None else None
        told = {
            "at": time.time(),
            "update_id": one.id,
            "status": status,
            "error": "" if status and status < 300 else error,
        }
        self.attempts.append(told)
        return answer, error

    def _opened(self) -> httpx.AsyncClient:
        if self._client is None:
            self._client = httpx.AsyncClient(timeout=PATIENCE, trust_env=False, verify=False)  # noqa: S501 - loopback
        return self._client

    def _plan(self, one: Pending, answer: httpx.Response | None) -> None:
        """Again at once, then after pauses that double, unless the receiver says when."""
        asked = answer.headers.get("retry-after", "") if answer is not None else ""
        wait = min(float(asked), 3600.0) if asked.isdigit() else 0.0
        if not wait and one.failures:
            one.pause = min(LONGEST, one.pause * 2)
            wait = one.pause * self.scale
        one.failures += 1
        one.due = time.monotonic() + wait
        if self.world.now() + wait > one.at + DAY:
            self.world.updates.remove(one)

    def _is_gone(self, answer: httpx.Response) -> bool:
        """410 for most of a day switches the webhook off."""
        if answer.status_code != HTTPStatus.GONE:
            self._gone_since = 0
            return False
        self._gone_since = self._gone_since or self.world.now()
        return self.world.now() - self._gone_since > _GONE_HOURS * 3600

    async def _obey(self, answer: httpx.Response) -> None:
        """The answer may hold one call, whose result nobody learns."""
        if answer.content and self.world.obey:
            await self.world.obey(answer.headers.get("content-type", ""), answer.content)


def check_url(url: str) -> str:
    """The address as it will be called; raises Refused. Plain http is for this machine only."""
    try:
        parts = urlsplit(url if "://" in url else f"https://{url}")
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        raise bad("invalid webhook URL specified") from None
    if parts.scheme not in {"http", "https"} or not parts.hostname or re.search(r"\s", url):
        raise bad("invalid webhook URL specified")
    if is_loopback(parts.hostname):
        return parts.geturl()
    if parts.scheme != "https":
        raise bad("bad webhook: An HTTPS URL must be provided for webhook")
    if port not in _PORTS:
        raise bad("bad webhook: Webhook can be set up only on ports 80, 88, 443 or 8443")
    return parts.geturl()


def check_secret(secret: str) -> None:
    """Raises Refused."""
    if len(secret) > 256:
        raise bad("secret token is too long")
    if not re.fullmatch(r"[A-Za-z0-9_-]*", secret):
        raise bad("secret token contains unallowed characters")


def is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _ip(parts: SplitResult) -> str:
    host = parts.hostname or ""
    try:
        return str(ip_address(host))
    except ValueError:
        return "127.0.0.1" if is_loopback(host) else ""
