"""How is a request held back until its slot in the account's budget, whoever else asks that account?"""

from __future__ import annotations

import asyncio
import random
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from statistics import quantiles

from sqlalchemy import Connection

from hub import log, meters
from hub.clock import Clock
from hub.errors import Throttled
from hub.sdk.connector import Limit
from hub.store import budgets, repairs
from hub.store.budgets import Full, Pace, Slot, micros
from hub.store.database import Database, Priority

_log = log.get("budget")

_SECOND = 1_000_000
HEADROOM = 1.026
"""A vendor that takes 7 requests a second is sent 8 within 1.026 s: on their way some are faster than others."""
WINDOW = 1.023
"""The same for those that left late: how long is a second of the vendor's, whatever became of the slots."""
SLACK = 0.002
"""Seconds between being let go and leaving that are not looked at."""
LEAST_GRACE = 0.05
"""Seconds that a slot holds in any case: a fast pace is finer than a process can wait."""
AHEAD = 10 * _SECOND
"""How far ahead live work reserves, in microseconds; back-fill takes the next slot alone."""
PATIENCE = 10.0
"""Seconds of an account's rest that are waited for; a longer one is told to the caller."""
LONG = 60.0
"""Seconds from which on a rest is shown to the operator."""


@dataclass(slots=True, eq=False)
class Departure:
    """When a request left, by the event loop's clock."""

    at: float


@dataclass(slots=True)
class Window:
    """What left this process within a second of an account's.

    Slots alone keep an even pace, but a process that stood still for a moment sends late, and too close to what follows.
    """

    most: int
    seconds: float
    left: list[Departure] = field(default_factory=list)

    @classmethod
    def of(cls, limit: Limit) -> Window:
        """As many as the vendor takes at once or within a second, whichever is more."""
        most = max(int(limit.rate), limit.burst, 1)
        return cls(most, WINDOW * most / limit.rate if limit.burst == 1 else 0.0)

    def take_back(self, departure: Departure) -> None:
        """It did not leave."""
        if departure in self.left:  # else so many left since that it says nothing more
            self.left.remove(departure)

    def free_at(self) -> float:
        """From when on one more may leave."""
        self.left.sort(key=lambda departure: departure.at)
        del self.left[: -self.most]
        return self.left[0].at + self.seconds if len(self.left) == self.most else 0.0


@dataclass(slots=True)
class _Account:
    """What the lanes of one process share of an account.

    struck_at: when the vendor last found it too much. took: how long the last answers took.
    """

    window: Window
    backfill: asyncio.Lock = field(default_factory=asyncio.Lock)
    struck_at: float = 0.0
    took: deque[float] = field(default_factory=lambda: deque(maxlen=64))

    def usual(self) -> float:
        """How long an answer takes, three times of four."""
        return quantiles(self.took, n=4)[2] if len(self.took) > 1 else 0.0


@dataclass(frozen=True, slots=True)
class Taken:
    """A slot, when it is by the event loop's clock, which nobody sets back, and when its request left."""

    slot: Slot
    due: float
    departure: Departure


@dataclass(frozen=True, slots=True)
class Budgets:
    """The budgets of all accounts that this process asks."""

    db: Database
    now: Clock
    _accounts: dict[str, _Account] = field(default_factory=dict)

    def of(self, connection: str, limits: Sequence[Limit], *, backfill: bool) -> Budget:
        """The budget of one lane of a connection."""
        accounts = tuple(self._accounts.setdefault(limit.account, _Account(Window.of(limit))) for limit in limits)
        return Budget(self.db, self.now, connection, tuple(map(_pace, limits)), accounts, backfill)


def _pace(limit: Limit) -> Pace:
    return Pace(limit.account, round(_SECOND * HEADROOM / limit.rate), limit.burst)


@dataclass(frozen=True, slots=True)
class Budget:
    """What one lane may ask of its accounts; without any limit it may always ask."""

    db: Database
    now: Clock
    connection: str
    paces: tuple[Pace, ...] = ()
    accounts: tuple[_Account, ...] = ()
    backfill: bool = False

    async def take(self, missed: Slot | None = None) -> Taken | None:
        """Wait for the next slot; the request must leave now. Throttled while the account rests for long.

        missed: a slot that went by, which is given back.
        """
        if not self.paces:
            return None
        begun = time.perf_counter()
        try:
            slot, due = await self._slot(missed)
            return Taken(slot, due, await self._let_go())
        finally:
            meters.BUDGET_SECONDS.labels(self.connection).observe(time.perf_counter() - begun)

    async def leaves(self, taken: Taken | None) -> Taken | None:
        """The request leaves only now, for a connection had to be made or the process stood still: is it in time?"""
        if taken is None or _now() - taken.departure.at <= SLACK:
            return taken
        for account in self.accounts:
            account.window.take_back(taken.departure)
        if _now() - taken.due > self._grace:
            return await self.take(taken.slot)
        return Taken(taken.slot, taken.due, await self._let_go())

    def left(self, taken: Taken | None) -> None:
        """It left."""
        if taken is not None:
            taken.departure.at = _now()

    def answered(self, taken: Taken | None) -> None:
        """The answer is there: one that took unusually long may have reached the vendor's counter late."""
        if taken is not None:
            took = _now() - taken.departure.at
            taken.departure.at += max(took - self.accounts[0].usual(), 0.0)
            self.accounts[0].took.append(took)

    @property
    def _grace(self) -> float:
        """Seconds after which a slot is gone: by then the next one may have been used."""
        return max(self._step, LEAST_GRACE)

    @property
    def _step(self) -> float:
        return max(pace.step for pace in self.paces) / _SECOND

    async def _slot(self, missed: Slot | None) -> tuple[Slot, float]:
        if not self.backfill:
            return await self._wait(missed)
        async with self.accounts[0].backfill:  # one at a time asks for the next slot, the others would be refused
            return await self._wait(missed)

    async def _wait(self, missed: Slot | None) -> tuple[Slot, float]:
        """A slot that is now, and when it was exactly."""
        lead = 0.0  # seconds that the store needs to answer: a slot must not be gone when we hear of it
        while True:
            asked = _now()
            now = micros(self.now()) + round(lead * _SECOND)
            latest = now + (round(self._step * _SECOND) if self.backfill else AHEAD)
            found = await self.db.write(Priority.ABSORB, _reserve, self.paces, now, latest, missed)
            missed = None
            if isinstance(found, Full):
                self._must_not_rest(found, now)
                await asyncio.sleep(min(max((found.at - latest) / _SECOND, 0.001), 1.0))
                continue
            due, answered = asked + lead + (found.at - now) / _SECOND, _now()
            await asyncio.sleep(due - answered)
            if _now() - due <= self._grace and all(account.struck_at <= asked for account in self.accounts):
                return found, due
            missed, lead = found, min(2 * (answered - asked), 1.0)

    async def _let_go(self) -> Departure:
        """Wait until the vendor's second has room, which it nearly always has."""
        while (seconds := max(account.window.free_at() for account in self.accounts) - _now()) > 0:
            await asyncio.sleep(seconds)
        departure = Departure(_now())
        for account in self.accounts:
            account.window.left.append(departure)
        return departure

    def _must_not_rest(self, full: Full, now: int) -> None:
        seconds = (full.at - now) / _SECOND
        if full.rests and seconds > PATIENCE:
            raise Throttled(
                f"{self.connection} is not asked for another {seconds:.0f} s: it was asked too often", seconds
            )

    async def struck(self, taken: Taken | None, error: Throttled) -> None:
        """The vendor found it too much: all work of these accounts rests, in every process."""
        meters.THROTTLED.labels(self.connection).inc()
        if taken is None:
            return
        for account in self.accounts:
            account.struck_at = _now()
        now = self.now()
        until = await self.db.write(Priority.SETTLE, self._strike, taken.slot, now, error)
        if until is not None:
            seconds = (until - now).total_seconds()
            error.retry_after = seconds
            _log.warning("asked too often", connection=self.connection, rests=round(seconds, 1), why=str(error))

    def _strike(self, connection: Connection, slot: Slot, now: datetime, error: Throttled) -> datetime | None:
        spread = random.random() / 2 if error.retry_after is None else 0.0  # noqa: S311 - no secret
        until = budgets.strike(connection, slot, now, error.retry_after, spread)
        if until is not None and (until - now).total_seconds() >= LONG:
            repairs.note(
                connection,
                f"resting:{self.connection}",
                kind="resting",
                connection_name=self.connection,
                now=now,
                title=f"{self.connection} is not asked until {until:%H:%M} UTC: {error}",
                advice="nothing is lost and it goes on by itself; when it comes again, look for another program that "
                "asks the same account, or ask the vendor to lift the block",
            )
        return until


def _now() -> float:
    return asyncio.get_running_loop().time()


def _reserve(connection: Connection, paces: Sequence[Pace], now: int, latest: int, missed: Slot | None) -> Slot | Full:
    if missed is not None:
        budgets.give_back(connection, missed)
    return budgets.reserve(connection, paces, now, latest)
