"""Are a page and its cursor one, and what becomes of a stream that breaks?"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict
from sqlalchemy import event
from sqlalchemy.exc import OperationalError

from hub.core.records import Card, Gone
from hub.engine.host import lend
from hub.engine.hub import Hub
from hub.engine.pull import PAUSES, Puller
from hub.errors import AuthFailed, Temporary
from hub.sdk.connector import Connector, Page, Raw, Stream
from hub.store import connections, facts, inbox, repairs
from hub.store.facts import Fact
from tests.engine.conftest import Workshop, rows


class Settings(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


@dataclass
class Vendor:
    """A stream in process: pages by number; the cursor is the number of the next. `trouble` is raised at a page."""

    pages: int = 5
    trouble: dict[int, Exception] = field(default_factory=dict)
    opened: list[Any] = field(default_factory=list)
    closed: int = 0
    wake: tuple[str, ...] = ()
    offset: timedelta | None = None
    mended: tuple[str, ...] | None = None

    async def read(self, _client: Any, cursor: Any) -> AsyncIterator[Page]:
        self.opened.append(cursor)
        try:
            for number in range(cursor or 0, self.pages):
                if number in self.trouble:
                    raise self.trouble.pop(number)
                items = [Raw("packet", f"{number}/{item}", number) for item in range(2)]
                yield Page(items, cursor=number + 1, wake=self.wake, offset=self.offset, mended=self.mended)
        finally:
            self.closed += 1

    def connector(self, **ways: Any) -> Connector:
        @asynccontextmanager
        async def open_vendor(_settings: Any, _host: Any) -> Any:
            yield self

        stream = Stream("events", **(ways or {"pull": self.read}))
        return Connector("toy", Settings, open=open_vendor, streams=lambda _settings: [stream])


def made(workshop: Workshop, vendor: Vendor, **ways: Any) -> tuple[Hub, Puller, list[None]]:
    hub = workshop.hub(vendor.connector(**ways), connections={"pbx": 'plugin = "toy"'})
    kicks: list[None] = []
    link = hub.links["pbx"]
    return hub, Puller(hub, link, link.streams["events"], lambda: kicks.append(None)), kicks


def items(hub: Hub) -> list[str]:
    with hub.db.begin() as connection:
        return [raw.item for raw in inbox.batch(connection, 1_000).singles]


def stream_row(hub: Hub) -> dict[str, Any]:
    (row,) = [row for row in rows(hub, connections.listing) if row["name"] == "pbx"]
    return row["streams"][0] if row["streams"] else {}


def cursor(hub: Hub) -> Any:
    return rows(hub, lambda connection: [connections.cursor(connection, "pbx", "events")])[0]


def asked(hub: Hub) -> set[str]:
    return {row["key"] for row in rows(hub, repairs.listing)}


async def test_every_page_is_committed_with_its_cursor_and_kicks_absorb(workshop: Workshop) -> None:
    hub, puller, kicks = made(workshop, Vendor())
    await puller._attempt()
    assert items(hub) == [f"{page}/{item}" for page in range(5) for item in range(2)]
    assert cursor(hub) == 5
    assert len(kicks) == 5


async def test_a_page_that_cannot_be_stored_leaves_the_cursor_where_it_was(sqlite_workshop: Workshop) -> None:
    vendor = Vendor()
    hub, puller, _ = made(sqlite_workshop, vendor)
    seen: list[str] = []

    def fail(connection: Any, cursor: Any, statement: str, *rest: Any) -> None:
        if statement.startswith("INSERT INTO streams"):
            seen.append(statement)
            if len(seen) == 3:
                raise OperationalError(statement, {}, Exception("disk full"))

    event.listen(hub.db._relaxed, "before_cursor_execute", fail)
    await puller._attempt()
    assert (cursor(hub), len(items(hub))) == (2, 4)
    await puller._attempt()
    assert (cursor(hub), len(items(hub))) == (5, 10)
    assert vendor.opened == [None, 2]


async def test_after_a_restart_reading_goes_on_where_the_last_page_ended(workshop: Workshop) -> None:
    vendor = Vendor(trouble={3: Temporary("gone")})
    _, puller, _ = made(workshop, vendor)
    await puller._attempt()
    again, other, _ = made(workshop, vendor)
    await other._attempt()
    assert vendor.opened == [None, 3]
    assert len(items(again)) == 10
    assert vendor.closed == 2


@pytest.mark.parametrize("error", [Temporary("no route"), KeyError("a bug")])
async def test_a_stream_that_breaks_is_noted_and_tried_again_more_and_more_slowly(
    workshop: Workshop, error: Exception
) -> None:
    vendor = Vendor(trouble={0: error})
    hub, puller, _ = made(workshop, vendor)
    assert await puller._attempt() == PAUSES[0]
    assert stream_row(hub)["failures"] == 1
    assert asked(hub) == {"stream:pbx/events"}
    vendor.trouble = {0: error}
    assert await puller._attempt() == PAUSES[1]
    await puller._attempt()
    assert stream_row(hub)["failures"] == 0
    assert asked(hub) == set()


async def test_the_vendor_may_say_when_to_come_back(workshop: Workshop) -> None:
    _, puller, _ = made(workshop, Vendor(trouble={0: Temporary("busy", retry_after=42)}))
    assert await puller._attempt() == 42


async def test_refused_access_pauses_the_connection_until_the_operator_has_acted(workshop: Workshop) -> None:
    vendor = Vendor(trouble={1: AuthFailed("wrong secret")})
    hub, puller, _ = made(workshop, vendor)
    await puller._attempt()
    assert asked(hub) == {"access:pbx"}
    await puller._attempt()
    assert vendor.opened == [None], "a paused connection is left alone"
    await hub.db.run(connections.resume, "pbx")
    await puller._attempt()
    assert vendor.opened == [None, 1]
    assert asked(hub) == set()


async def test_a_live_stream_that_ends_is_opened_again(workshop: Workshop) -> None:
    vendor = Vendor()
    hub, puller, _ = made(workshop, vendor, live=vendor.read)
    assert await puller._attempt() == PAUSES[0]
    assert stream_row(hub)["error"] == "the stream ended"


async def test_the_clock_of_a_source_is_known_by_the_median_and_kept_with_its_items(workshop: Workshop) -> None:
    vendor = Vendor(offset=timedelta(minutes=-70))
    hub, puller, _ = made(workshop, vendor)
    await puller._attempt()
    with hub.db.begin() as connection:
        assert {raw.clock_offset for raw in inbox.batch(connection, 100).singles} == {-4_200_000}
        assert connections.get(connection, "pbx").clock_offset == -4_200_000


async def test_a_clock_within_the_tolerance_shifts_nothing(workshop: Workshop) -> None:
    hub, puller, _ = made(workshop, Vendor(offset=timedelta(seconds=59)))
    await puller._attempt()
    with hub.db.begin() as connection:
        assert {raw.clock_offset for raw in inbox.batch(connection, 100).singles} == {0}
        assert connections.get(connection, "pbx").clock_offset == 59_000


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not holds():
            await asyncio.sleep(0.01)


async def test_a_doorbell_rings_before_the_interval_is_over(sqlite_workshop: Workshop) -> None:
    vendor = Vendor()
    hub, puller, _ = made(sqlite_workshop, vendor)
    stop = asyncio.Event()
    running = asyncio.create_task(puller.run(stop))
    await until(lambda: len(vendor.opened) == 1 and cursor(hub) == 5)
    await hub.db.run(connections.wake, "pbx", ["events"], hub.now())
    await until(lambda: len(vendor.opened) == 2)
    stop.set()
    await running


async def test_a_doorbell_that_rings_while_the_stream_is_read_is_heard_once(sqlite_workshop: Workshop) -> None:
    vendor = Vendor()

    async def read(client: Any, cursor: Any) -> AsyncIterator[Page]:
        async for page in vendor.read(client, cursor):
            if page.cursor == 3:
                await hub.db.run(connections.wake, "pbx", ["events"], hub.now())
            yield page

    hub, puller, _ = made(sqlite_workshop, vendor, pull=read)
    await puller._attempt()
    assert await puller._is_rung()
    sqlite_workshop.clock.move(seconds=1)
    await puller._attempt()
    assert not await puller._is_rung()


async def test_a_stream_lives_through_a_store_that_cannot_be_written(
    sqlite_workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    from hub.engine import pull

    monkeypatch.setattr(pull, "STORE_PAUSE", 0.01)
    vendor = Vendor()
    hub, puller, _ = made(sqlite_workshop, vendor)
    broken = [True]

    def fail(connection: Any, cursor: Any, statement: str, *rest: Any) -> None:
        if broken and statement.split(maxsplit=1)[0] in {"INSERT", "UPDATE"}:
            raise OperationalError(statement, {}, Exception("disk full"))

    for engine in (hub.db._relaxed, hub.db.durable):
        event.listen(engine, "before_cursor_execute", fail)
    stop = asyncio.Event()
    running = asyncio.create_task(puller.run(stop))
    await until(lambda: len(vendor.opened) >= 2)
    broken.clear()
    await until(lambda: cursor(hub) == 5)
    stop.set()
    await running


async def test_what_a_comparison_mended_is_told_until_the_next_finds_nothing(workshop: Workshop) -> None:
    vendor = Vendor(pages=1, mended=("2 contacts were missing: 1, 2",))
    hub, puller, _ = made(workshop, vendor)
    await puller._attempt()
    (told,) = rows(hub, repairs.listing)
    assert told["kind"] == "mended"
    assert "2 contacts were missing: 1, 2" in told["title"]
    vendor.pages, vendor.mended = 2, ()
    await puller._attempt()
    assert rows(hub, repairs.listing) == []


async def test_a_stream_may_ask_what_the_hub_has(workshop: Workshop) -> None:
    hub, _, _ = made(workshop, Vendor())
    known = [Card(id=str(number), changed_at=workshop.clock.time - timedelta(days=number)) for number in range(1, 5)]
    with hub.db.begin() as connection:
        facts.put(connection, [Fact("pbx", record, workshop.clock.time) for record in known], workshop.clock.time)
        gone = Fact("pbx", Gone(of="card", id="1", at=workshop.clock.time), workshop.clock.time)
        facts.put(connection, [gone], workshop.clock.time)
    host = lend(hub, hub.links["pbx"])
    since = workshop.clock.time - timedelta(days=3)
    assert await host.known("card", since) == {card.id: card.changed_at for card in known[1:3]}
    assert await host.known("deal", since) == {}
