"""How is a request held back until its slot in the account's budget, whoever else asks that account?"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

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
HEADROOM = 1.02
"""A vendor that takes 7 requests a second gets 8 within 1.02 s: on their way some are faster than others by a little."""
SLACK = 0.008
"""Seconds by which a request may leave after its slot. Later, it would come too close to those behind it."""
AHEAD = 10 * _SECOND
"""How far ahead live work reserves, in microseconds; back-fill takes the next slot alone."""
PATIENCE = 10.0
"""Seconds of an account's rest that are waited for; a longer one is told to the caller."""
LONG = 60.0
"""Seconds from which on a rest is shown to the operator."""


@dataclass(slots=True)
class _Turn:
    """What the lanes of one process share of an account. struck_at: when the vendor last found it too much."""

    backfill: asyncio.Lock = field(default_factory=asyncio.Lock)
    struck_at: float = 0.0


@dataclass(frozen=True, slots=True)
class Taken:
    """A slot, and when it is by the event loop's clock, which nobody sets back."""

    slot: Slot
    due: float


@dataclass(frozen=True, slots=True)
class Budgets:
    """The budgets of all accounts that this process asks."""

    db: Database
    now: Clock
    _turns: dict[tuple[str, ...], _Turn] = field(default_factory=dict)

    def of(self, connection: str, limits: Sequence[Limit], *, backfill: bool) -> Budget:
        """The budget of one lane of a connection."""
        turn = self._turns.setdefault(tuple(limit.account for limit in limits), _Turn())
        return Budget(self.db, self.now, connection, tuple(map(_pace, limits)), turn, backfill)


def _pace(limit: Limit) -> Pace:
    return Pace(limit.account, round(_SECOND * HEADROOM / limit.rate), limit.burst)


@dataclass(frozen=True, slots=True)
class Budget:
    """What one lane may ask of its accounts; without any limit it may always ask."""

    db: Database
    now: Clock
    connection: str
    paces: tuple[Pace, ...]
    turn: _Turn
    backfill: bool = False

    async def take(self, missed: Taken | None = None) -> Taken | None:
        """Wait for the next slot; the request must leave now. Throttled while the account rests for long.

        missed: a slot that went by, which is given back.
        """
        if not self.paces:
            return None
        begun = time.perf_counter()
        try:
            if not self.backfill:
                return await self._wait(missed)
            async with self.turn.backfill:  # one at a time asks for the next slot, the others would be refused
                return await self._wait(missed)
        finally:
            meters.BUDGET_SECONDS.labels(self.connection).observe(time.perf_counter() - begun)

    async def in_time(self, taken: Taken | None) -> Taken | None:
        """The slot, or another one where it has gone by: a connection had to be made, or the process stood still."""
        return await self.take(taken) if taken is not None and _is_late(taken) else taken

    async def _wait(self, missed: Taken | None) -> Taken:
        clock = asyncio.get_running_loop().time
        lead = 0.0  # seconds that the store needs to answer: a slot must not be gone when we hear of it
        while True:
            asked = clock()
            now = micros(self.now()) + round(lead * _SECOND)
            latest = now + (max(pace.step for pace in self.paces) if self.backfill else AHEAD)
            found = await self.db.write(
                Priority.ABSORB, _reserve, self.paces, now, latest, missed.slot if missed else None
            )
            missed = None
            if isinstance(found, Full):
                self._must_not_rest(found, now)
                await asyncio.sleep(min(max((found.at - latest) / _SECOND, 0.001), 1.0))
                continue
            taken = Taken(found, asked + lead + (found.at - now) / _SECOND)
            answered = clock()
            await asyncio.sleep(taken.due - answered)
            if not _is_late(taken) and self.turn.struck_at <= asked:
                return taken
            missed, lead = taken, min(2 * (answered - asked), 1.0)

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
        self.turn.struck_at = asyncio.get_running_loop().time()
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


def _is_late(taken: Taken) -> bool:
    return asyncio.get_running_loop().time() - taken.due > SLACK


def _reserve(connection: Connection, paces: Sequence[Pace], now: int, latest: int, missed: Slot | None) -> Slot | Full:
    if missed is not None:
        budgets.give_back(connection, missed)
    return budgets.reserve(connection, paces, now, latest)
