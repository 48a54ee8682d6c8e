"""How streams are read: a page's items and its cursor are committed together."""

from __future__ import annotations

import asyncio
import traceback
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import aclosing
from datetime import datetime, timedelta
from statistics import median

from sqlalchemy import Connection

from hub import log, meters
from hub.engine.host import lend
from hub.engine.hub import Hub
from hub.engine.receive import arrival
from hub.errors import AuthFailed, HubError, Temporary, Throttled
from hub.registry import Link
from hub.sdk.connector import Page, Stream
from hub.store import connections, inbox, repairs
from hub.store.database import Priority
from hub.store.inbox import Arrival

_log = log.get("pull")

PAUSES = (1.0, 2.0, 5.0, 10.0, 30.0)
"""Seconds before a stream that broke is opened again (contracts/telephony.md 1.1)."""
RUNG_EVERY = 1.0
"""Seconds between two looks whether somebody rang for a stream that is pulled."""
STORE_PAUSE = 5.0
"""Seconds before a stream goes on whose trouble could not be noted, because the store cannot be written."""
STEADY = timedelta(seconds=30)
"""A stream that held this long begins again with the shortest pause."""


class Puller:
    """Keeps one stream of one connection read. `kick` is called after each commit."""

    def __init__(self, hub: Hub, link: Link, stream: Stream, kick: Callable[[], None]) -> None:
        self._hub = hub
        self._link = link
        self._stream = stream
        self._kick = kick
        self._offsets: deque[timedelta] = deque(maxlen=100)
        self._failures = 0
        self._up = False
        self._begun = hub.now()

    @property
    def name(self) -> str:
        """As its task is called."""
        return f"pull:{self._key}"

    @property
    def _key(self) -> str:
        return f"{self._link.name}/{self._stream.name}"

    async def run(self, stop: asyncio.Event) -> None:
        """Read until told to stop; trouble with this stream never leaves it."""
        while not stop.is_set():
            begun = self._hub.now()
            try:
                pause = await self._attempt()
            except Temporary as error:
                _log.error("a stream waits for the store", connection=self._link.name, why=str(error))
                pause = STORE_PAUSE
            if self._hub.now() - begun > STEADY:
                self._failures = 0
            await self._rest(pause, stop)

    async def _attempt(self) -> float:
        """Read once, or for as long as a live stream lasts; the seconds to wait before the next time."""
        row = await self._hub.db.read(connections.get, self._link.name)
        if row is not None and row.state == "paused":
            return 5.0
        try:
            await self._read()
        except AuthFailed as error:
            await self._refused(error)
            return 5.0
        except Throttled as error:
            return await self._rests(error)
        except HubError as error:
            return await self._broke(str(error), error.retry_after if isinstance(error, Temporary) else None)
        except Exception:  # noqa: BLE001 - one of the four places: a stream's bug stops only this stream
            return await self._broke(traceback.format_exc(), None)
        if self._stream.live is not None:
            return await self._broke("the stream ended", None)
        return self._stream.every.total_seconds()

    async def _rest(self, seconds: float, stop: asyncio.Event) -> None:
        """Wait; a stream that is pulled now and then may be rung for meanwhile."""
        clock = asyncio.get_running_loop().time  # the wall clock may be set back by an hour
        until = clock() + seconds
        while (left := until - clock()) > 0 and not stop.is_set():
            await _sleep(left if self._stream.live is not None else min(left, RUNG_EVERY), stop)
            if self._stream.live is None and await self._is_rung():
                return

    async def _is_rung(self) -> bool:
        try:
            due = await self._hub.db.read(connections.due_at, self._link.name, self._stream.name)
        except Temporary:
            return False
        return due is not None and due <= self._hub.now()

    async def _read(self) -> None:
        self._begun = self._hub.now()
        link = self._link = await asyncio.to_thread(self._link.renewed)
        if link.problem is not None:
            raise AuthFailed(str(link.problem))
        assert link.connector.open is not None, "a connector with streams can be opened"
        host = lend(self._hub, link, backfill=self._stream.backfill)
        async with link.connector.open(link.settings, host) as client:
            cursor = await self._hub.db.read(connections.cursor, link.name, self._stream.name)
            read = self._stream.live or self._stream.pull
            assert read is not None, "a stream has pull or live"
            pages: AsyncIterator[Page] = read(client, cursor)
            found = False
            async with aclosing(pages) as open_pages:  # type: ignore[type-var]
                async for page in open_pages:
                    found = True
                    await self._commit(page)
            if not found and self._stream.live is None:  # it was looked at all the same, and is due again in its time
                await self._commit(Page())

    async def _commit(self, page: Page) -> None:
        now = self._hub.now()
        offset = self._clock_offset(page)
        wrong = offset if abs(timedelta(milliseconds=offset or 0)) > self._hub.settings.policy.clock_tolerance else 0
        rows = [arrival(self._link.name, raw, now, clock_offset=wrong or 0) for raw in page.items]
        # A vendor may forget what he told once he is asked on from the cursor: that must survive a power cut, as a webhook does.
        is_last = self._stream.live is not None and page.cursor is not None
        priority = Priority.RECEIVE if rows and is_last else Priority.ABSORB
        await self._hub.db.write(priority, self._keep, rows, page, now, offset)
        meters.RECEIVED.labels(self._link.name, "stream").inc(len(rows))
        if not self._up:
            self._up = True
            meters.LINK_UP.labels(self._link.name, self._stream.name).set(1)
            _log.info("connected", connection=self._link.name, stream=self._stream.name)
        self._kick()

    def _clock_offset(self, page: Page) -> int | None:
        if page.offset is None:
            return None
        self._offsets.append(page.offset)
        return int(median(offset.total_seconds() for offset in self._offsets) * 1000)

    def _keep(self, connection: Connection, rows: list[Arrival], page: Page, now: datetime, offset: int | None) -> None:
        name, stream = self._link.name, self._stream.name
        if rows:
            inbox.put(connection, rows)
        rung_at = connections.due_at(connection, name, stream)
        was_rung = rung_at is not None and self._begun <= rung_at <= now  # while it was being read: once more, then
        connections.advance(
            connection,
            name,
            stream,
            now=now,
            cursor=page.cursor,
            complete_until=page.complete_until,
            due_at=rung_at if was_rung else now + self._stream.every,
        )
        if page.wake:
            connections.wake(connection, name, page.wake, now)
        if rows or offset is not None:
            connections.received(connection, name, now, offset)
        if page.mended is not None:
            self._compared(connection, page.mended, now)
        if not self._up:
            for key in (f"stream:{self._key}", f"access:{name}"):
                repairs.clear(connection, key)

    def _compared(self, connection: Connection, mended: Sequence[str], now: datetime) -> None:
        """Say what a comparison with the source has found, or that nothing is wrong any more."""
        key = f"mended:{self.name}"
        repairs.clear(connection, key)
        if mended:
            repairs.note(
                connection,
                key,
                kind="mended",
                connection_name=self._link.name,
                now=now,
                title=f"{self._link.name}: a comparison found what had been missed, and put it right: {'; '.join(mended)}",
                advice="nothing to do; if it comes again, see whether webhooks arrive, and tell the plugin's authors",
            )

    async def _broke(self, why: str, retry_after: float | None) -> float:
        pause = retry_after or PAUSES[min(self._failures, len(PAUSES) - 1)]
        self._failures += 1
        now = self._hub.now()
        last = why.strip().splitlines()[-1]
        if self._up or self._failures == 1:
            _log.warning("disconnected", connection=self._link.name, stream=self._stream.name, why=why)
        self._up = False
        meters.LINK_UP.labels(self._link.name, self._stream.name).set(0)

        def note(connection: Connection) -> None:
            connections.failed(connection, self._link.name, self._stream.name, last, now + timedelta(seconds=pause))
            repairs.note(
                connection,
                f"stream:{self._key}",
                kind="unreachable",
                connection_name=self._link.name,
                now=now,
                title=f"{self._link.name}: {last}",
                advice=f"see what `crmhub check {self._link.name}` says; it is tried again by itself",
            )

        await self._hub.db.write(Priority.SETTLE, note)
        return pause

    async def _rests(self, error: Throttled) -> float:
        """The account rests, which is no trouble with this stream; a long rest has told the operator already."""
        pause = error.retry_after or PAUSES[0]
        due_at = self._hub.now() + timedelta(seconds=pause)
        await self._hub.db.write(
            Priority.SETTLE, connections.failed, self._link.name, self._stream.name, str(error), due_at
        )
        return pause

    async def _refused(self, error: AuthFailed) -> None:
        """Access was refused: this connection pauses, the others go on."""
        self._up = False
        meters.LINK_UP.labels(self._link.name, self._stream.name).set(0)
        _log.error("access refused", connection=self._link.name, stream=self._stream.name, why=str(error))

        await self._hub.db.write(
            Priority.SETTLE, connections.refused, self._link.name, str(error), self._link.advice, self._hub.now()
        )


async def _sleep(seconds: float, stop: asyncio.Event) -> None:
    try:
        async with asyncio.timeout(seconds):
            await stop.wait()
    except TimeoutError:
        return
