"""Do published figures of a month stay, and is each later difference restated with its cause?"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

from hub.core.records import from_json
from hub.engine import closing, derive, report
from hub.engine.hub import Hub
from hub.store import facts, published
from hub.store.facts import Fact
from tests.engine.conftest import Workshop, live

FEBRUARY = datetime(2026, 2, 3, 9, tzinfo=UTC)
MARCH_TENTH = datetime(2026, 3, 9, 21, 30, tzinfo=UTC)
"""10 March by Moscow's clock, 9 March by Greenwich's."""


def call(number: str, at: datetime) -> Any:
    leg = {"kind": "member", "to": "ext:101", "started_at": at.isoformat(), "result": "no_answer"}
    return from_json(
        {
            "record": "call",
            "id": number,
            "direction": "inbound",
            "client": f"phone:+7921123456{number}",
            "line": "74950010100",
            "final": True,
            "started_at": at.isoformat(),
            "ended_at": (at + timedelta(seconds=40)).isoformat(),
            "hangup_by": "client",
            "legs": [{**leg, "ended_at": (at + timedelta(seconds=40)).isoformat()}],
        }
    )


def come(hub: Hub, now: datetime, *records: Any) -> None:
    with hub.db.begin() as connection:
        facts.put(connection, [Fact("src", record, now) for record in records], now)
    while asyncio.run(derive.step(hub, now)) is not None:
        pass


def looked(hub: Hub, now: datetime) -> None:
    asyncio.run(closing.step(hub, now))


def of_february(hub: Hub, now: datetime) -> dict[str, Any]:
    since, until = datetime(2026, 1, 31, 21, tzinfo=UTC), datetime(2026, 2, 28, 21, tzinfo=UTC)
    answer = asyncio.run(report.make(hub, "missed", since, until, now=now, stored=True))
    return asyncio.run(closing.beside(hub, answer, "2026-02"))


def missed(answer: dict[str, Any]) -> tuple[Any, Any]:
    """(now, as published) of the first group with calls."""
    row = next(row for row in answer["rows"] if row["line_group"] == "sales")
    return row["missed"]["value"], row["missed"].get("published", "not published")


def test_a_month_closes_on_its_day_and_what_comes_late_is_restated(workshop: Workshop) -> None:
    hub = workshop.hub()
    live(hub, FEBRUARY)
    come(hub, FEBRUARY + timedelta(hours=1), call("1", FEBRUARY))
    before = MARCH_TENTH - timedelta(days=1)
    looked(hub, before)
    assert missed(of_february(hub, before)) == (1, "not published")
    looked(hub, MARCH_TENTH)
    answer = of_february(hub, MARCH_TENTH)
    assert (missed(answer), answer["restatements"]) == ((1, 1), [])
    later = MARCH_TENTH + timedelta(days=2)
    come(hub, later, call("2", FEBRUARY + timedelta(days=1)))
    assert missed(of_february(hub, later)) == (2, 1)
    looked(hub, later)
    answer = of_february(hub, later)
    (told,) = (row for row in answer["restatements"] if row["figure"] == "missed")
    assert (told["old"], told["new"], told["cause"]) == (1, 2, "late facts: src/call/2")
    assert missed(answer) == (2, 1)


def test_a_difference_is_restated_once(sqlite_workshop: Workshop) -> None:
    hub = sqlite_workshop.hub()
    live(hub, FEBRUARY)
    come(hub, FEBRUARY + timedelta(hours=1), call("1", FEBRUARY))
    looked(hub, MARCH_TENTH)
    come(hub, MARCH_TENTH, call("2", FEBRUARY))
    for days in (1, 2, 3):
        looked(hub, MARCH_TENTH + timedelta(days=days))
    rows = of_february(hub, MARCH_TENTH)["restatements"]
    assert [row["figure"] for row in rows].count("missed") == 1


def test_a_month_is_looked_at_once_a_day(sqlite_workshop: Workshop) -> None:
    hub = sqlite_workshop.hub()
    live(hub, FEBRUARY)
    come(hub, FEBRUARY + timedelta(hours=1), call("1", FEBRUARY))
    looked(hub, MARCH_TENTH)
    come(hub, MARCH_TENTH, call("2", FEBRUARY))
    looked(hub, MARCH_TENTH + timedelta(minutes=1))
    assert of_february(hub, MARCH_TENTH)["restatements"] == []


def test_of_a_month_in_which_nothing_was_connected_nothing_is_published(sqlite_workshop: Workshop) -> None:
    hub = sqlite_workshop.hub()
    come(hub, FEBRUARY + timedelta(hours=1), call("1", FEBRUARY))
    live(hub, MARCH_TENTH)
    looked(hub, MARCH_TENTH)
    with hub.db.begin() as connection:
        assert published.months(connection) == []
