"""Who goes first, what becomes of errors, and how does the store end?"""

from __future__ import annotations

import asyncio
import threading
from datetime import UTC, datetime

import pytest
from sqlalchemy import Connection, select, text
from sqlalchemy.exc import IntegrityError

from hub.errors import Temporary
from hub.store.database import Database, Priority
from hub.store.schema import meta


def keep(connection: Connection, name: str) -> None:
    connection.execute(meta.insert(), {"name": name, "value": 1})


def names(connection: Connection) -> list[str]:
    return list(connection.scalars(select(meta.c.name).order_by(meta.c.name)))


async def test_a_write_is_seen_by_the_next_read(store: Database) -> None:
    await store.run(keep, "a")
    assert await store.read(names) == ["a"]


async def test_a_transaction_that_fails_leaves_nothing(store: Database) -> None:
    def half(connection: Connection) -> None:
        keep(connection, "a")
        raise KeyError("a bug")

    with pytest.raises(KeyError):
        await store.run(half)
    assert await store.read(names) == []


async def test_an_error_of_the_database_reaches_who_asked_and_nobody_else(store: Database) -> None:
    await store.run(keep, "a")
    first, second = await asyncio.gather(store.run(keep, "a"), store.run(keep, "b"), return_exceptions=True)
    assert isinstance(first, IntegrityError)
    assert second is None
    assert await store.read(names) == ["a", "b"]


async def test_a_receive_overtakes_a_queue_of_back_fill(sqlite_store: Database) -> None:
    begun, go_on, order = threading.Event(), threading.Event(), []

    def block(_connection: Connection) -> None:
        begun.set()
        go_on.wait(10)

    def note(_connection: Connection, name: str) -> None:
        order.append(name)

    first = asyncio.create_task(sqlite_store.write(Priority.BACKFILL, block))
    await asyncio.to_thread(begun.wait, 10)
    rest = [
        asyncio.create_task(sqlite_store.write(priority, note, name))
        for priority, name in [
            (Priority.BACKFILL, "backfill 1"),
            (Priority.BACKFILL, "backfill 2"),
            (Priority.DERIVE, "derive"),
            (Priority.ABSORB, "absorb"),
            (Priority.SETTLE, "settle"),
            (Priority.RECEIVE, "receive"),
        ]
    ]
    await asyncio.sleep(0)
    go_on.set()
    await asyncio.gather(first, *rest)
    assert order == ["receive", "settle", "absorb", "derive", "backfill 1", "backfill 2"]


async def test_a_long_transaction_is_told_when_somebody_outside_waits(sqlite_store: Database) -> None:
    begun, go_on, seen = threading.Event(), threading.Event(), []

    def long(_connection: Connection) -> None:
        seen.append(sqlite_store.is_awaited())
        begun.set()
        go_on.wait(10)
        seen.append(sqlite_store.is_awaited())

    first = asyncio.create_task(sqlite_store.write(Priority.ABSORB, long))
    await asyncio.to_thread(begun.wait, 10)
    rest = [asyncio.create_task(sqlite_store.write(priority, keep, priority.name)) for priority in Priority]
    await asyncio.sleep(0)
    go_on.set()
    await asyncio.gather(first, *rest)
    assert seen == [False, True]
    assert not sqlite_store.is_awaited()


async def test_a_write_that_nobody_waits_for_any_more_is_not_done(sqlite_store: Database) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def block(_connection: Connection) -> None:
        begun.set()
        go_on.wait(10)

    first = asyncio.create_task(sqlite_store.run(block))
    await asyncio.to_thread(begun.wait, 10)
    second = asyncio.create_task(sqlite_store.run(keep, "a"))
    await asyncio.sleep(0)
    second.cancel()
    await asyncio.gather(second, return_exceptions=True)
    go_on.set()
    await first
    assert await sqlite_store.read(names) == []


async def test_closing_finishes_what_waits(store: Database) -> None:
    writes = [asyncio.create_task(store.write(Priority.BACKFILL, keep, str(number))) for number in range(20)]
    await asyncio.sleep(0)
    await asyncio.to_thread(store.close)
    await asyncio.gather(*writes)
    again = Database(store.url)
    assert len(await again.read(names)) == 20
    again.close()


async def test_a_closed_store_refuses_work_instead_of_keeping_it_waiting(store: Database) -> None:
    store.close()
    for work in (store.run(keep, "a"), store.read(names)):
        with pytest.raises(Temporary, match="closed"):
            async with asyncio.timeout(5):
                await work


async def test_a_store_that_cannot_be_written_is_temporary(sqlite_store: Database) -> None:
    def fill(connection: Connection) -> None:
        pages = connection.scalar(text("PRAGMA page_count"))
        connection.execute(text(f"PRAGMA max_page_count = {pages}"))
        connection.execute(meta.insert(), {"name": "a", "value": "x" * 100_000})

    with pytest.raises(Temporary, match="full"):
        await sqlite_store.run(fill)

    def room(connection: Connection) -> None:
        connection.execute(text("PRAGMA max_page_count = 1000000"))
        keep(connection, "b")

    await sqlite_store.run(room)
    assert await sqlite_store.read(names) == ["b"]


async def test_a_read_sees_one_moment_while_a_write_goes_on(sqlite_store: Database) -> None:
    written, looked = threading.Event(), threading.Event()

    def look(connection: Connection) -> tuple[list[str], list[str]]:
        before = names(connection)
        looked.set()
        written.wait(10)
        return before, names(connection)

    reading = asyncio.create_task(sqlite_store.read(look))
    await asyncio.to_thread(looked.wait, 10)
    await sqlite_store.run(keep, "a")
    written.set()
    assert await reading == ([], [])


def test_now_is_cut_to_what_is_kept() -> None:
    from hub.clock import now

    assert now().microsecond % 1000 == 0
    assert now().tzinfo is UTC
    assert now() <= datetime.now(UTC)
