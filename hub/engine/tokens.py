"""How is an access token kept valid, when many ask for it at once and each refresh token works only once?"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from pydantic import SecretStr

from hub import log, meters
from hub.clock import Clock
from hub.errors import AuthFailed, Rejected, Temporary
from hub.sdk.connector import Tokens
from hub.store import tokens
from hub.store.database import Database, Priority
from hub.store.keyring import Keyring
from hub.store.tokens import Held, Pair

_log = log.get("tokens")

Refresh = Callable[[Tokens], Awaitable[Tokens]]

EARLY = timedelta(minutes=5)
"""So long before it expires a token is renewed; of a short life, the last tenth."""
CLAIM = timedelta(seconds=60)
"""How long others wait for the worker who renews it, and then take it that he died."""
ANSWER = 40.0
"""Seconds within which a vendor must have renewed a token; the rest of the claim is for storing it."""
LOOK = 0.2
"""Seconds between two looks whether another process has renewed it."""
AGAIN = 5.0
"""Seconds after which a renewal that came to nothing is tried again."""
SAVE = 1.0
"""Seconds between two tries to store a new pair: without it the access is lost, so it is tried while the process lives."""


@dataclass(frozen=True, slots=True)
class Refreshes:
    """Renewals that are under way in this process, by connection: who asks meanwhile waits for the same."""

    db: Database
    keyring: Keyring
    now: Clock
    _running: dict[str, asyncio.Task[Held]] = field(default_factory=dict)

    def of(self, connection: str, refresh: Refresh | None) -> StoredAccess:
        """The tokens of one connection. refresh: how its vendor renews them, None where he does not."""
        return StoredAccess(self, connection, refresh)

    def begin(self, connection: str, work: Callable[[], Coroutine[Any, Any, Held]]) -> asyncio.Task[Held]:
        """The renewal that runs, or a new one. Wait for it shielded: a pair that was fetched must be stored."""
        if connection not in self._running:
            task = asyncio.create_task(work(), name=f"refresh:{connection}")
            self._running[connection] = task
            task.add_done_callback(partial(self._done, connection))
        return self._running[connection]

    def _done(self, connection: str, task: asyncio.Task[Held]) -> None:
        del self._running[connection]
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.warning("an access was not renewed", connection=connection, why=str(error))

    async def finish(self) -> None:
        """Wait for what is under way, before the process ends."""
        await asyncio.gather(*self._running.values(), return_exceptions=True)


@dataclass(frozen=True, slots=True)
class StoredAccess:
    """The access of one connection, as the store has it: every process sees the same pair."""

    refreshes: Refreshes
    connection: str
    refresh: Refresh | None

    async def access(self) -> str:
        """A valid access token; one that is old but valid is used while a new one is fetched."""
        held, now = await self._held(), self.refreshes.now()
        if self.refresh is None or not _is_old(held, now):
            return held.pair.access
        renewal = self._renew(held)
        return held.pair.access if _is_valid(held, now) else (await asyncio.shield(renewal)).pair.access

    async def renewed(self, refused: str) -> str:
        """The access token after the vendor refused this one: refreshed, unless somebody already did."""
        held = await self._held()
        if held.pair.access != refused:
            return held.pair.access
        return (await asyncio.shield(self._renew(held))).pair.access

    async def keep_alive(self, every: timedelta) -> None:
        """Renew a pair that nobody has renewed for so long, that it does not die of idleness."""
        unused = self.refreshes.now() - every
        if await self.refreshes.db.read(tokens.unused_since, self.connection, unused):
            await asyncio.shield(self._renew(await self._held()))

    async def _held(self) -> Held:
        held = await self.refreshes.db.read(tokens.get, self.refreshes.keyring, self.connection)
        if held is None:
            raise AuthFailed(f"nobody has given {self.connection} access yet")
        if held.refused is not None:
            raise AuthFailed(held.refused)
        return held

    def _renew(self, held: Held) -> asyncio.Task[Held]:
        return self.refreshes.begin(self.connection, lambda: self._alone(held))

    async def _alone(self, held: Held) -> Held:
        """Renew it, or see another process do so."""
        clock, generation = asyncio.get_running_loop().time, held.generation
        until = clock() + CLAIM.total_seconds()
        while clock() < until:
            now = self.refreshes.now()
            if await self._write(tokens.claim, generation, now, now + CLAIM):
                return await self._refresh(held)
            await asyncio.sleep(LOOK)
            held = await self._held()
            if held.generation != generation:
                return held
        raise Temporary(f"{self.connection}: another process renews the access and does not come to an end", AGAIN)

    async def _refresh(self, held: Held) -> Held:
        """Ask the vendor, and store what he gave before anybody uses it."""
        try:
            pair = await self._ask(held)
        except (AuthFailed, Rejected) as error:
            return await self._refused(held, str(error))
        except BaseException:
            meters.REFRESHED.labels(self.connection, "failed").inc()
            await self._write(tokens.claim_over, held.generation, self.refreshes.now() + timedelta(seconds=AGAIN))
            raise
        await self._store(held, pair)
        meters.REFRESHED.labels(self.connection, "renewed").inc()
        return await self._held()

    async def _ask(self, held: Held) -> Pair:
        if self.refresh is None or held.pair.refresh is None:
            raise AuthFailed(f"the access of {self.connection} is over and cannot be renewed")
        before = Tokens(SecretStr(held.pair.access), SecretStr(held.pair.refresh), held.pair.expires_at)
        try:
            async with asyncio.timeout(ANSWER):
                return pair_of(await self.refresh(before))
        except TimeoutError:
            raise Temporary(f"{self.connection} did not renew the access within {ANSWER:.0f} s") from None

    async def _store(self, held: Held, pair: Pair) -> None:
        while True:
            try:
                await self._write(
                    partial(tokens.renew, keyring=self.refreshes.keyring, pair=pair, now=self.refreshes.now()),
                    held.generation,
                )
            except Temporary as error:
                _log.error("a renewed access waits for the store", connection=self.connection, why=str(error))
                await asyncio.sleep(SAVE)
            else:
                return

    async def _refused(self, held: Held, said: str) -> Held:
        """The vendor renews it no more: unless a person has authorised meanwhile, one has to."""
        meters.REFRESHED.labels(self.connection, "refused").inc()
        lost = "; the last renewal was not finished, so that the new access was lost" if held.claimed_until else ""
        await self._write(tokens.refuse, held.generation, said + lost)
        return await self._held()

    async def _write(self, change: Callable[..., bool], generation: int, *values: Any) -> bool:
        return await self.refreshes.db.write(Priority.SETTLE, change, self.connection, generation, *values)


def pair_of(given: Tokens) -> Pair:
    """Tokens of the door as the store keeps them."""
    refresh = given.refresh.get_secret_value() if given.refresh else None
    return Pair(given.access.get_secret_value(), refresh, given.expires_at)


def _is_valid(held: Held, now: datetime) -> bool:
    return held.pair.expires_at is None or held.pair.expires_at > now


def _is_old(held: Held, now: datetime) -> bool:
    """Whether it is time to renew it."""
    if held.pair.expires_at is None:
        return False
    life = held.pair.expires_at - held.refreshed_at
    return held.pair.expires_at - min(EARLY, life / 10) <= now
