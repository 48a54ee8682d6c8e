"""An access that expires, is taken away or gets lost while the hub runs: what waits is done once it is there again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import Connection, update

from hub.engine.access import grant
from hub.engine.host import lend
from hub.engine.hub import open_hub
from hub.store import schema
from sandbox.amocrm import AmoServer
from sandbox.faults import Fault, Faults
from tests.crm.office import ALL_ON, Office, Request, ago, missed, nothing

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900), pytest.mark.asyncio(loop_scope="module")]

KNOWN = 8
"""Clients of whom the CRM has a card; each test has callers of its own among them."""


def phone(number: int) -> str:
    return f"phone:+792155500{number:02}"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def office(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Office]:
    async with AmoServer(contacts=6) as amo:
        made = Office(tmp_path_factory.mktemp("access"), amo, **ALL_ON)
        await made.open()
        amo.world.default.hooks.weather.scale = 0.01  # a webhook that finds the hub down is repeated within seconds
        for number in range(KNOWN):
            await made.touch("contacts", action="create", name=f"client {number}", phone=phone(number)[6:])
        try:
            await made.start()
            await made.settled()
            yield made
        finally:
            made.daemon.kill()


async def called(office: Office, *numbers: int) -> None:
    """These clients call, and nobody takes it."""
    await office.post(*(missed(f"m{number}", ago(minutes=5), phone(number)) for number in numbers))


async def told(office: Office, *numbers: int) -> None:
    """Each of these who called has one task, and his call is logged once."""
    await office.until(lambda: all(office.tasks_of(phone(number)) for number in numbers))
    await office.settled()
    for number in numbers:
        assert len(office.tasks_of(phone(number))) == len(office.calls_of(phone(number))) == 1


def state(office: Office) -> str:
    return str(office.sql("SELECT state FROM connections WHERE name = 'amo'")[0][0])


def repairs(office: Office) -> list[Any]:
    return office.sql("SELECT title, advice FROM repairs WHERE connection = 'amo'")


def a_minute_later(store: Connection) -> None:
    """Whoever died while he renewed an access is waited for no more."""
    store.execute(update(schema.tokens).values(claimed_until=ago(seconds=1)))


async def test_twenty_requests_with_an_expired_token_make_one_refresh(tmp_path: Path) -> None:
    async with AmoServer(contacts=0, rps=None) as amo:
        office = Office(tmp_path, amo)
        await office.open()
        hubs = [open_hub(tmp_path / "config.toml") for _ in range(2)]
        try:
            await grant(hubs[0], "amo", replace(office.pair(), expires_at=datetime(2026, 1, 1, tzinfo=UTC)))
            one, other = [lend(hub, hub.links["amo"]).http(amo.base_url, tokens=True) for hub in hubs]
            async with one as here, other as there:
                asked = [http.request("GET", "/api/v4/account") for http in (here, there) for _ in range(10)]
                answers = await asyncio.gather(*asked)
        finally:
            for hub in hubs:
                hub.close()
        assert {answer.status_code for answer in answers} == {200}
        assert amo.world.authority.refreshes == 1


async def test_an_access_that_expires_is_renewed_once_whoever_asks(office: Office) -> None:
    before = office.amo.world.authority.refreshes
    await office.control("set", {"expire_tokens": True})
    office.ring()
    await called(office, 0, 1, 2)
    await told(office, 0, 1, 2)
    assert office.amo.world.authority.refreshes == before + 1
    assert repairs(office) == []


async def test_a_renewal_that_the_vendor_could_not_do_is_tried_again(office: Office) -> None:
    before = office.amo.world.authority.refreshes
    office.amo.world.faults = Faults([Fault("status", "POST", "/oauth2/access_token", status=502, count=1)])
    await office.control("set", {"expire_tokens": True})
    await called(office, 3)
    await told(office, 3)
    assert office.amo.world.authority.refreshes == before + 1
    assert (state(office), repairs(office)) == ("active", [])


async def test_without_access_work_waits_and_goes_on_with_a_new_one(office: Office) -> None:
    await office.control("set", {"revoke_tokens": True})
    await called(office, 4)
    await office.until(lambda: state(office) == "paused")
    ((title, advice),) = repairs(office)
    assert title.startswith("amo: ")
    assert "crmhub connect amo" in advice
    asked = len(office.requests)
    await called(office, 5)
    await office.until(lambda: office.sql("SELECT 1 FROM outbox WHERE key = 'call/src/call/m5/amo'"))
    await office.until(office.is_judged)
    assert not office.tasks_of(phone(4)) + office.tasks_of(phone(5))
    assert len(office.requests) == asked, "it is left alone"
    process = office.daemon.pid
    await office.consent()
    await told(office, 4, 5)
    assert (state(office), repairs(office), office.daemon.pid) == ("active", [], process)
    office.ring()
    await office.settled()


async def test_an_access_that_got_lost_on_the_way_into_the_store_is_asked_for_anew(office: Office) -> None:
    def die(request: Request) -> None:
        if request[1].startswith("/oauth2/access_token") and request[2] == 200:
            office.daemon.kill()

    before = office.amo.world.authority.refreshes
    office.requests.seen = die
    await office.control("set", {"expire_tokens": True})
    await called(office, 6)
    await office.until(lambda: office.amo.world.authority.refreshes > before)
    office.requests.seen = nothing
    office.store(a_minute_later)
    await office.start()
    await office.until(lambda: state(office) == "paused")
    ((title, _),) = repairs(office)
    assert "the last renewal was not finished" in title
    await called(office, 7)
    await office.consent()
    await told(office, 6, 7)
    assert (state(office), repairs(office)) == ("active", [])
