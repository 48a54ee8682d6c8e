"""What becomes of a CRM's access: renewed once for all who ask, lost without losing anything, given anew while the hub runs?"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from hub.engine.access import grant
from hub.engine.host import lend
from hub.engine.hub import open_hub
from sandbox.amocrm import AmoServer
from tests.crm.office import Office

AWAY = 20.0
"""Seconds within which a running hub has caught up after a person has given access anew."""


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    async with AmoServer(contacts=12) as amo:
        office = Office(tmp_path, amo)
        await office.open()
        yield office


def refreshes(office: Office) -> int:
    return len([one for one in office.asked("/oauth2/access_token") if one[2] == 200])


async def test_twenty_requests_with_an_expired_token_make_one_refresh(office: Office) -> None:
    office.amo.world.limits.rps = None
    hubs = [open_hub(office.folder / "config.toml") for _ in range(2)]
    try:
        await grant(hubs[0], "amo", replace(office.pair(), expires_at=datetime(2026, 1, 1, tzinfo=UTC)))
        hosts = [lend(hub, hub.links["amo"]) for hub in hubs]
        async with (
            hosts[0].http(office.amo.base_url, tokens=True) as one,
            hosts[1].http(office.amo.base_url, tokens=True) as other,
        ):
            asked = [http.request("GET", "/api/v4/account") for http in (one, other) for _ in range(10)]
            answers = await asyncio.gather(*asked)
    finally:
        for hub in hubs:
            hub.close()
    assert {answer.status_code for answer in answers} == {200}
    assert refreshes(office) == 1


@pytest.mark.slow
async def test_a_hub_that_lost_its_access_says_what_to_do_and_catches_up_once_it_is_given_anew(office: Office) -> None:
    def named(name: str) -> bool:
        return bool(office.sql(f"SELECT 1 FROM records WHERE kind = 'card' AND CAST(body AS TEXT) LIKE '%{name}%'"))

    def state() -> list[tuple[str, str]]:
        found = office.sql("SELECT state, advice FROM connections JOIN repairs ON key = 'access:' || name")
        return [(row[0], row[1]) for row in found]

    await office.start()
    try:
        await office.settled()
        await office.control("set", {"revoke_tokens": True, "revoke_refresh_tokens": True})
        await office.touch("contacts", office.rows("contacts")[0]["id"], "rename", name="Wanted Meanwhile")
        await office.until(state, "the loss was not noticed")
        ((paused, advice),) = state()
        assert paused == "paused"
        assert "crmhub connect amo" in advice
        refused = len(office.asked())
        await asyncio.sleep(1)
        assert len(office.asked()) - refused < 3  # lanes that were at it; nobody goes on asking
        assert not named("Wanted Meanwhile")
        hub = open_hub(office.folder / "config.toml")
        await grant(hub, "amo", office.pair())
        hub.close()
        begun = time.monotonic()
        await office.until(lambda: named("Wanted Meanwhile"), "it did not go on")
        assert time.monotonic() - begun < AWAY
        assert state() == []
    finally:
        await office.stop()
