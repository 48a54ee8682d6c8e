"""Do reports say how much may be missing, and from when on figures may still change?"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

from hub.engine import report
from hub.engine.hub import Hub
from hub.sdk.connector import Connector, Page, Stream
from hub.store import connections, pulses
from plugins.records.connector import CONNECTOR as RECORDS
from plugins.records.connector import Settings
from tests.engine.conftest import Workshop, live

MORNING = datetime(2026, 3, 10, 5, tzinfo=UTC)
NOW = MORNING + timedelta(hours=4)


async def _pull(client: Any, cursor: Any) -> Any:
    yield Page()


POLLED = Connector(
    name="polled",
    settings=Settings,
    parse=RECORDS.parse,
    streams=lambda _: (
        Stream("calls", pull=_pull),
        Stream("cards", pull=_pull),
        Stream("old", pull=_pull, backfill=True),
    ),
)


def told(hub: Hub) -> dict[str, Any]:
    """What a report of the morning says besides its rows."""
    return asyncio.run(report.make(hub, "missed", MORNING, NOW, now=NOW, stored=True))


def read(hub: Hub, name: str, stream: str, until: datetime) -> None:
    with hub.db.begin() as connection:
        connections.advance(connection, name, stream, now=until, complete_until=until)


def brought(hub: Hub, name: str, at: datetime) -> None:
    with hub.db.begin() as connection:
        pulses.count(connection, [(name, "call", at)])


def test_without_a_live_source_nobody_can_say(sqlite_workshop: Workshop) -> None:
    answer = told(sqlite_workshop.hub())
    assert (answer["completeness"], answer["provisional_after"], answer["sources"]) == (None, None, [])


def test_figures_are_provisional_after_the_least_that_any_stream_confirmed(sqlite_workshop: Workshop) -> None:
    hub = sqlite_workshop.hub(POLLED, connections={"crm": 'plugin = "polled"'})
    live(hub, MORNING)
    read(hub, "crm", "calls", NOW - timedelta(minutes=5))
    read(hub, "crm", "cards", NOW - timedelta(minutes=2))
    read(hub, "crm", "old", MORNING - timedelta(days=300))
    answer = told(hub)
    assert answer["provisional_after"] == "2026-03-10T08:55:00Z"
    assert answer["completeness"] == 1.0


def test_a_source_that_confirms_nothing_makes_the_whole_period_provisional(sqlite_workshop: Workshop) -> None:
    hub = sqlite_workshop.hub(
        POLLED, connections={"crm": 'plugin = "polled"', "src": 'plugin = "records"\ntoken = "t"'}
    )
    live(hub, MORNING)
    read(hub, "crm", "calls", NOW)
    assert told(hub)["provisional_after"] == "2026-03-10T09:00:00Z"
    brought(hub, "src", MORNING + timedelta(hours=1))
    answer = told(hub)
    assert answer["provisional_after"] == "2026-03-10T05:00:00Z"
    assert {source["connection"]: source["confirmed_until"] for source in answer["sources"]} == {
        "crm": "2026-03-10T09:00:00Z",
        "src": None,
    }


def test_a_gap_takes_its_share_of_the_working_time(sqlite_workshop: Workshop) -> None:
    hub = sqlite_workshop.hub()
    live(hub, MORNING)
    brought(hub, "src", MORNING + timedelta(hours=1))
    with hub.db.begin() as connection:
        pulses.open_gap(connection, "src", "call", NOW - timedelta(hours=1))
    answer = told(hub)
    assert answer["completeness"] == 0.75
    assert answer["sources"][0]["gaps"] == [
        {"from": "2026-03-10T08:00:00Z", "to": "2026-03-10T09:00:00Z", "because": "silent"}
    ]


def test_what_a_broken_stream_did_not_read_is_a_gap_until_it_is_read(sqlite_workshop: Workshop) -> None:
    hub = sqlite_workshop.hub(POLLED, connections={"crm": 'plugin = "polled"'})
    live(hub, MORNING)
    read(hub, "crm", "calls", NOW - timedelta(hours=2))
    with hub.db.begin() as connection:
        connections.failed(connection, "crm", "calls", "no answer", NOW)
    assert told(hub)["completeness"] == 0.5
    read(hub, "crm", "calls", NOW)
    assert told(hub)["completeness"] == 1.0
