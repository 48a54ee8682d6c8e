"""Are a vendor's webhooks asked for when they can reach us, again when they must be, and is trouble only told?"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest
from pydantic import BaseModel

from hub.engine.hub import Hub
from hub.engine.subscribe import Subscriber, is_subscribed
from hub.errors import AuthFailed, Rejected
from hub.sdk import Connector
from hub.store import connections, repairs
from tests.engine.conftest import CONFIG, Clock, Workshop, rows

PUBLIC = CONFIG + '\n[web]\npublic_url = "https://hub.example.ru"\n'


class Settings(BaseModel):
    """It needs none."""


@dataclass
class Vendor:
    """Takes an address for its webhooks until `until`, or answers with `trouble`."""

    until: datetime | None = None
    trouble: Exception | None = None
    asked: list[str] = field(default_factory=list)

    async def subscribe(self, _client: Any, address: str) -> datetime | None:
        self.asked.append(address)
        if self.trouble is not None:
            raise self.trouble
        return self.until

    def connector(self) -> Connector:
        @asynccontextmanager
        async def open_vendor(_settings: Any, host: Any) -> AsyncIterator[Any]:
            yield host

        return Connector("toy", Settings, open=open_vendor, subscribe=self.subscribe)


def made(workshop: Workshop, vendor: Vendor, config: str = PUBLIC) -> tuple[Hub, Subscriber, Clock]:
    hub = workshop.hub(vendor.connector(), config=config, connections={"amo": 'plugin = "toy"'})
    return hub, Subscriber(hub, hub.links["amo"]), workshop.clock


async def test_the_vendor_is_asked_once_at_each_start(sqlite_workshop: Workshop) -> None:
    vendor = Vendor()
    _, subscriber, clock = made(sqlite_workshop, vendor)
    for _ in range(3):
        await subscriber.step()
        clock.move(days=30)
    assert vendor.asked == ["https://hub.example.ru/hooks/amo"]


async def test_the_vendor_is_asked_again_when_he_said(sqlite_workshop: Workshop) -> None:
    vendor = Vendor(until=sqlite_workshop.clock() + timedelta(days=1))
    _, subscriber, clock = made(sqlite_workshop, vendor)
    await subscriber.step()
    clock.move(hours=23)
    await subscriber.step()
    assert len(vendor.asked) == 1
    clock.move(hours=1)
    await subscriber.step()
    assert len(vendor.asked) == 2


@pytest.mark.parametrize("trouble", [Rejected("no rights for webhooks"), KeyError("bug")])
async def test_trouble_is_told_stops_nothing_and_is_cleared(sqlite_workshop: Workshop, trouble: Exception) -> None:
    vendor = Vendor(trouble=trouble)
    hub, subscriber, clock = made(sqlite_workshop, vendor)
    await subscriber.step()
    assert [row["key"] for row in rows(hub, repairs.listing)] == ["hooks:amo"]
    assert {row["state"] for row in rows(hub, connections.listing)} == {"active"}
    await subscriber.step()
    assert len(vendor.asked) == 1
    vendor.trouble = None
    clock.move(minutes=10)
    await subscriber.step()
    assert rows(hub, repairs.listing) == []


async def test_access_that_is_refused_pauses_the_connection(sqlite_workshop: Workshop) -> None:
    hub, subscriber, _ = made(sqlite_workshop, Vendor(trouble=AuthFailed("the token was revoked")))
    await subscriber.step()
    assert [row["key"] for row in rows(hub, repairs.listing)] == ["access:amo"]
    assert {row["name"]: row["state"] for row in rows(hub, connections.listing)}["amo"] == "paused"


async def test_a_connection_that_had_lost_its_access_asks_anew(sqlite_workshop: Workshop) -> None:
    vendor = Vendor()
    hub, subscriber, _ = made(sqlite_workshop, vendor)
    await subscriber.step()
    with hub.db.begin() as connection:
        connections.pause(connection, "amo", "revoked")
    await subscriber.step()
    assert len(vendor.asked) == 1
    with hub.db.begin() as connection:
        connections.authorised(connection, "amo", hub.now())
    await subscriber.step()
    assert len(vendor.asked) == 2


def test_nobody_is_asked_where_the_hub_cannot_be_reached(sqlite_workshop: Workshop) -> None:
    for config, expected in ((PUBLIC, True), (CONFIG, False)):
        hub, _, _ = made(sqlite_workshop, Vendor(), config)
        assert is_subscribed(hub, hub.links["amo"]) is expected
        assert not is_subscribed(hub, hub.links["hub"])
