"""What waits to be told to the bot, and who is told it?"""

from __future__ import annotations

import asyncio
import random
import time
from bisect import bisect_left
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from sandbox.telegram.answers import conflict
from sandbox.telegram.types import DAY, KINDS, SELDOM, Json

USUAL = KINDS - SELDOM
"""What is told to who asked for nothing special."""


@dataclass
class Pace:
    """Who asks the same again and again is made slower."""

    now: Callable[[], float] = time.monotonic
    _offset: int | None = None
    _at: float = 0

    def slow(self, offset: int, timeout: int, limit: int) -> tuple[int, int]:
        """The timeout and the limit that the question gets."""
        now, is_same = self.now(), offset == self._offset
        since = now - self._at
        self._offset, self._at = offset, now
        if is_same and since < 3:
            timeout = max(timeout, 3)
        return timeout, 1 if is_same and since < 0.5 else limit


@dataclass(eq=False)
class Pending:
    """An update on its way; the rest is about its way to a webhook."""

    id: int
    kind: str
    update: Json
    at: float
    queue: str
    """Updates of one queue are told one after the other."""
    failures: int = 0
    pause: float = 1
    due: float = 0


@dataclass
class Updates:
    """The queue. Asking with an offset forgets everything below."""

    dice: random.Random
    allowed: frozenset[str] = USUAL
    pending: list[Pending] = field(default_factory=list)
    newest: int | None = None
    """The number of the update that came last, told or not."""
    given: int = 0
    """The highest number that came with a raw update."""
    _waiting: asyncio.Future[None] | None = None

    def next_id(self) -> int:
        return self.dice.randrange(10**8, 9 * 10**8) if self.newest is None else self.newest + 1

    def number(self, asked: int | None) -> int:
        """What a raw update is numbered. Its own number stays, unless one of our own making has taken it meanwhile."""
        if asked is None:
            return self.next_id()
        is_taken = self.newest is not None and self.given < asked <= self.newest
        self.given = asked
        return self.next_id() if is_taken else asked

    def is_wanted(self, kind: str) -> bool:
        return kind in self.allowed or (kind not in KINDS and self.allowed == USUAL)

    def add(self, one: Pending) -> None:
        if self.pending and one.id < self.pending[-1].id:
            self.pending.insert(self._place(one.id + 1), one)
        else:
            self.pending.append(one)
            self.newest = one.id
        self.wake()

    def _place(self, number: int) -> int:
        """How many wait whose number is lower."""
        return bisect_left(self.pending, number, key=lambda one: one.id)

    def note(self, id: int) -> None:
        """A number that nobody is told of is used up all the same."""
        if not self.pending or id > self.pending[-1].id:
            self.newest = id

    def expire(self, now: float) -> None:
        if self.pending and self.pending[0].at + DAY <= now:
            self.pending = [one for one in self.pending if one.at + DAY > now]

    def take(self, offset: int, limit: int) -> list[Json]:
        """Up to `limit` updates from `offset` on; what is below it is forgotten, of a senseless one nothing."""
        if offset < 0:
            del self.pending[:offset]
        elif offset and self.newest is not None and offset <= self.newest + 1:
            del self.pending[: self._place(offset)]
        return [one.update for one in self.pending[:limit]]

    def drop(self) -> None:
        self.pending.clear()

    def remove(self, one: Pending) -> None:
        if one in self.pending:
            self.pending.remove(one)

    def choose(self, names: Iterable[Any]) -> None:
        """What is told from now on: an empty list, or one that names nothing known, means the usual."""
        known = [str(name).lower() for name in names if isinstance(name, str)]
        self.allowed = frozenset(known) & KINDS or USUAL

    def chosen(self) -> list[str] | None:
        """None for the usual."""
        return None if self.allowed == USUAL else sorted(self.allowed)

    async def wait(self, seconds: float) -> None:
        """Until something comes or the time is over; raises Refused when another reader takes our place."""
        self.end_wait("terminated by other getUpdates request; make sure that only one bot instance is running")
        waiting = self._waiting = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(seconds):
                await waiting
        except TimeoutError:
            return
        finally:
            if self._waiting is waiting:
                self._waiting = None

    def wake(self) -> None:
        if self._waiting and not self._waiting.done():
            self._waiting.set_result(None)

    def end_wait(self, why: str) -> None:
        """A reader that waits is told to go."""
        if self._waiting and not self._waiting.done():
            self._waiting.set_exception(conflict(why))
        self._waiting = None
