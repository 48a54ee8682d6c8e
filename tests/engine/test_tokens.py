"""Is an expired access renewed once however many ask, in one process and in several, and never lost by our doing?"""

from __future__ import annotations

import asyncio
import multiprocessing
import sqlite3
from collections.abc import Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict, SecretStr
from sqlalchemy import event
from sqlalchemy.exc import OperationalError

from hub.engine import upkeep
from hub.engine.access import grant
from hub.engine.broadcast import Broadcaster
from hub.engine.host import access_of, lend
from hub.engine.hub import Hub
from hub.engine.pull import Puller
from hub.engine.runner import Runner
from hub.engine.tokens import Refreshes
from hub.errors import AuthFailed, Rejected, Temporary
from hub.sdk import Connector, Login, Page, Stream, Tokens
from hub.store import connections, repairs, tokens
from hub.store.database import Database
from hub.store.keyring import Keyring
from hub.store.tokens import Pair
from tests.engine.conftest import Clock, Workshop, rows

HOUR = timedelta(hours=1)


class Settings(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


@dataclass
class Vendor:
    """Renews tokens as amoCRM does: each refresh token once. `trouble` is raised instead, once each."""

    clock: Callable[[], datetime]
    valid: str = "refresh-0"
    asked: list[str] = field(default_factory=list)
    trouble: list[Exception] = field(default_factory=list)
    gate: asyncio.Event | None = None

    async def refresh(self, _http: Any, _settings: Any, before: Tokens) -> Tokens:
        assert before.refresh is not None
        given = before.refresh.get_secret_value()
        self.asked.append(given)
        if self.gate is not None:
            await self.gate.wait()
        if self.trouble:
            raise self.trouble.pop(0)
        if given != self.valid:
            raise Rejected("Token has been revoked")
        number = int(self.valid.partition("-")[2]) + 1
        self.valid = f"refresh-{number}"
        return Tokens(SecretStr(f"access-{number}"), SecretStr(self.valid), self.clock() + 24 * HOUR)

    async def pull(self, client: Any, _cursor: Any) -> Any:
        yield Page(cursor=await client.tokens.access())

    def connector(self) -> Connector:
        @asynccontextmanager
        async def open_vendor(_settings: Any, host: Any) -> Any:
            yield host

        login = Login(lambda *_: "https://vendor.example", self.exchange, self.refresh)
        return Connector(
            "toy", Settings, open=open_vendor, login=lambda _: login, streams=lambda _: [Stream("cards", self.pull)]
        )

    async def exchange(self, _http: Any, _settings: Any, _query: Any, _uri: str) -> Tokens:
        raise NotImplementedError


@dataclass
class Bench:
    """A hub with an authorised connection whose access ends in an hour."""

    workshop: Workshop
    vendor: Vendor
    hub: Hub

    @property
    def clock(self) -> Clock:
        return self.workshop.clock

    async def access(self, hub: Hub | None = None) -> str:
        chosen = hub or self.hub
        return await lend(chosen, chosen.links["amo"]).tokens.access()

    async def renewed(self, refused: str) -> str:
        return await lend(self.hub, self.hub.links["amo"]).tokens.renewed(refused)

    async def given(self, number: int) -> None:
        pair = Tokens(SecretStr(f"access-{number}"), SecretStr(f"refresh-{number}"), self.clock() + HOUR)
        await grant(self.hub, "amo", pair)

    def again(self) -> Hub:
        """Another process on the same store."""
        return self.workshop.hub(self.vendor.connector(), connections={"amo": 'plugin = "toy"'})


@pytest.fixture
async def bench(workshop: Workshop) -> Bench:
    vendor = Vendor(workshop.clock)
    made = Bench(workshop, vendor, workshop.hub(vendor.connector(), connections={"amo": 'plugin = "toy"'}))
    await made.given(0)
    return made


def state(hub: Hub) -> tuple[str, set[str]]:
    (row,) = [row for row in rows(hub, connections.listing) if row["name"] == "amo"]
    return row["state"], {row["key"] for row in rows(hub, repairs.listing)}


async def test_a_fresh_token_is_used_as_it_is(bench: Bench) -> None:
    assert await bench.access() == "access-0"
    assert bench.vendor.asked == []


async def test_twenty_who_ask_at_once_with_an_expired_token_make_one_refresh(bench: Bench) -> None:
    bench.clock.move(hours=2)
    assert await asyncio.gather(*(bench.access() for _ in range(20))) == ["access-1"] * 20
    assert bench.vendor.asked == ["refresh-0"]


async def test_twenty_whose_token_was_refused_make_one_refresh(bench: Bench) -> None:
    assert await asyncio.gather(*(bench.renewed("access-0") for _ in range(20))) == ["access-1"] * 20
    assert await bench.renewed("access-0") == "access-1"
    assert bench.vendor.asked == ["refresh-0"]


async def test_several_workers_on_one_store_make_one_refresh(bench: Bench) -> None:
    others = [bench.again() for _ in range(2)]
    bench.clock.move(hours=2)
    found = await asyncio.gather(*(bench.access(hub) for hub in (bench.hub, *others) for _ in range(7)))
    assert found == ["access-1"] * 21
    assert bench.vendor.asked == ["refresh-0"]


async def test_an_old_token_is_renewed_before_it_expires_and_nobody_waits_for_that(bench: Bench) -> None:
    bench.vendor.gate = asyncio.Event()
    bench.clock.move(minutes=56)
    assert await bench.access() == "access-0"
    bench.vendor.gate.set()
    await bench.hub.refreshes.finish()
    assert await bench.access() == "access-1"


async def test_a_caller_who_goes_away_does_not_break_off_the_refresh(bench: Bench) -> None:
    bench.vendor.gate = asyncio.Event()
    bench.clock.move(hours=2)
    caller = asyncio.create_task(bench.access())
    while not bench.vendor.asked:
        await asyncio.sleep(0)
    caller.cancel()
    await asyncio.gather(caller, return_exceptions=True)
    bench.vendor.gate.set()
    await bench.hub.refreshes.finish()
    assert await bench.access() == "access-1"
    assert bench.vendor.asked == ["refresh-0"]


async def test_a_hub_that_stops_waits_until_a_renewed_access_is_stored(bench: Bench) -> None:
    bench.vendor.gate = asyncio.Event()
    bench.clock.move(hours=2)
    runner = Runner(bench.hub, Broadcaster())
    running = asyncio.create_task(runner.run())
    while not bench.vendor.asked:
        await asyncio.sleep(0.01)
    runner.stop.set()
    await asyncio.sleep(0.05)
    assert not running.done()
    bench.vendor.gate.set()
    await running
    assert await bench.access() == "access-1"


async def test_a_vendor_that_cannot_be_asked_leaves_the_same_refresh_token(bench: Bench) -> None:
    bench.vendor.trouble = [Temporary("bad gateway")]
    bench.clock.move(hours=2)
    with pytest.raises(Temporary, match="bad gateway"):
        await bench.access()
    bench.clock.move(seconds=5)
    assert await bench.access() == "access-1"
    assert bench.vendor.asked == ["refresh-0", "refresh-0"]


async def test_a_refused_refresh_is_not_tried_again_and_pauses_the_connection(bench: Bench) -> None:
    bench.vendor.valid = "refresh-9"
    bench.clock.move(hours=2)
    puller = Puller(bench.hub, bench.hub.links["amo"], bench.hub.links["amo"].streams["cards"], lambda: None)
    await puller._attempt()
    assert state(bench.hub) == ("paused", {"access:amo"})
    (asked,) = rows(bench.hub, repairs.listing)
    assert "Token has been revoked" in asked["title"]
    assert "crmhub connect amo" in asked["advice"]
    with pytest.raises(AuthFailed, match="revoked"):
        await bench.access()
    assert bench.vendor.asked == ["refresh-0"]


async def test_after_a_new_consent_the_same_reader_goes_on_by_itself(bench: Bench) -> None:
    bench.vendor.valid = "refresh-9"
    bench.clock.move(hours=2)
    puller = Puller(bench.hub, bench.hub.links["amo"], bench.hub.links["amo"].streams["cards"], lambda: None)
    await puller._attempt()
    assert await puller._attempt() == 5.0
    await bench.given(9)
    assert await puller._attempt() > 5.0
    assert state(bench.hub) == ("active", set())
    assert rows(bench.hub, lambda connection: [connections.cursor(connection, "amo", "cards")]) == ["access-9"]


async def test_a_hub_that_was_killed_while_it_refreshed_says_that_the_access_was_lost(bench: Bench) -> None:
    bench.clock.move(hours=2)
    now = bench.clock()
    with bench.hub.db.begin() as connection:
        tokens.claim(connection, "amo", 1, now, now + timedelta(seconds=60))
    bench.vendor.valid = "refresh-1"
    bench.clock.move(seconds=60)
    with pytest.raises(AuthFailed, match="the last renewal was not finished, so that the new access was lost"):
        await bench.access(bench.again())


async def test_a_person_who_consents_during_a_refresh_wins(bench: Bench) -> None:
    bench.vendor.gate = asyncio.Event()
    bench.vendor.trouble = [Rejected("revoked")]
    bench.clock.move(hours=2)
    asking = asyncio.create_task(bench.access())
    while not bench.vendor.asked:
        await asyncio.sleep(0)
    await bench.given(7)
    bench.vendor.gate.set()
    assert await asking == "access-7"


async def test_a_pair_that_cannot_be_stored_yet_is_not_used_and_not_lost(sqlite_workshop: Workshop) -> None:
    vendor = Vendor(sqlite_workshop.clock)
    made = Bench(
        sqlite_workshop, vendor, sqlite_workshop.hub(vendor.connector(), connections={"amo": 'plugin = "toy"'})
    )
    await made.given(0)
    made.clock.move(hours=2)
    fails = [1]

    def fail(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if statement.startswith("UPDATE tokens SET body") and fails[0]:
            fails[0] -= 1
            raise OperationalError(statement, {}, Exception("disk full"))

    event.listen(made.hub.db.durable, "before_cursor_execute", fail)
    assert await made.access() == "access-1"
    assert fails == [0]


async def test_idle_tokens_are_renewed_once_a_week(bench: Bench) -> None:
    with bench.hub.db.begin() as connection:
        lasting = Pair("access-0", "refresh-0", bench.clock() + timedelta(days=400))
        tokens.keep(connection, bench.hub.keyring, "amo", lasting, bench.clock())
    bench.clock.move(days=6)
    await upkeep.step(bench.hub)
    assert bench.vendor.asked == []
    bench.clock.move(days=1)
    await upkeep.step(bench.hub)
    await upkeep.step(bench.hub)
    assert bench.vendor.asked == ["refresh-0"]


async def test_idle_tokens_that_are_refused_pause_the_connection(bench: Bench) -> None:
    bench.vendor.valid = "refresh-9"
    bench.clock.move(days=8)
    await upkeep.step(bench.hub)
    assert state(bench.hub) == ("paused", {"access:amo"})


async def test_what_needs_no_login_is_kept_as_it_is(bench: Bench) -> None:
    assert (
        await access_of(bench.hub, bench.hub.links["hub"]).refreshes.db.read(tokens.unused_since, "hub", bench.clock())
        is False
    )
    with pytest.raises(AuthFailed, match="nobody has given hub access"):
        await lend(bench.hub, bench.hub.links["hub"]).tokens.access()


# Real processes: one vendor (a table that counts), one store.


def worker(url: str, folder: str, ledger: str, start: Any) -> None:
    async def refresh(before: Tokens) -> Tokens:
        with sqlite3.connect(ledger, timeout=30) as vendor:
            assert before.refresh is not None
            vendor.execute("INSERT INTO refreshes VALUES (?)", [before.refresh.get_secret_value()])
        await asyncio.sleep(0.1)
        return Tokens(SecretStr("access-1"), SecretStr("refresh-1"), datetime.now(UTC) + HOUR)

    async def work() -> list[str]:
        db = Database(url)
        access = Refreshes(db, Keyring(Path(folder), {}), lambda: datetime.now(UTC)).of("amo", refresh)
        start.wait()
        try:
            return await asyncio.gather(*(access.access() for _ in range(10)))
        finally:
            db.close()

    assert asyncio.run(work()) == ["access-1"] * 10


def test_two_processes_with_ten_requests_each_make_one_refresh(store_url: str, tmp_path: Path) -> None:
    ledger = tmp_path / "vendor.db"
    with sqlite3.connect(ledger) as vendor:
        vendor.execute("CREATE TABLE refreshes (token TEXT)")
    db = Database(store_url)
    with db.begin() as connection:
        expired = Pair("access-0", "refresh-0", datetime.now(UTC) - HOUR)
        tokens.keep(connection, Keyring(tmp_path, {}), "amo", expired, datetime.now(UTC) - 24 * HOUR)
    db.close()
    context = multiprocessing.get_context("spawn")
    start = context.Barrier(2)
    processes = [context.Process(target=worker, args=(store_url, str(tmp_path), str(ledger), start)) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0, 0]
    with sqlite3.connect(ledger) as vendor:
        assert vendor.execute("SELECT token FROM refreshes").fetchall() == [("refresh-0",)]
