"""Is a source that falls silent noticed, told once, and cleared by itself when it speaks again?"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

from hub.core.records import from_json
from hub.engine import silence
from hub.engine.hub import Hub
from hub.store import facts, pulses, repairs
from hub.store.facts import Fact
from hub.store.schema import pulses as table
from tests.engine.conftest import Workshop, live, rows

MONDAY = datetime(2026, 1, 5, 7, tzinfo=UTC)


def come(hub: Hub, *moments: datetime) -> None:
    """A message at each of these moments."""
    with hub.db.begin() as connection:
        facts.put(connection, [Fact("src", said(at), at) for at in moments], hub.now())


def said(at: datetime) -> object:
    keys = {"channel": "telegram", "direction": "in", "author": "client", "client": "telegram:1"}
    return from_json({"record": "message", "id": at.isoformat(), "at": at.isoformat(), **keys})


def every_ten_minutes(since: datetime, until: datetime) -> list[datetime]:
    return [since + timedelta(minutes=10 * number) for number in range((until - since) // timedelta(minutes=10))]


def silent(hub: Hub, now: datetime) -> list[str]:
    asyncio.run(silence.watch(hub, now))
    return [row["title"] for row in rows(hub, repairs.listing) if row["kind"] == "silent"]


def test_a_silence_is_a_repair_until_something_comes(workshop: Workshop) -> None:
    hub = workshop.hub()
    now = MONDAY + timedelta(days=21, hours=1)
    live(hub, MONDAY)
    come(hub, *every_ten_minutes(MONDAY, now))
    assert silent(hub, now) == []
    later = now + timedelta(minutes=40)
    assert silent(hub, later) == ["src: no messages for 50 min, usually 10 min"]
    assert silent(hub, later + timedelta(minutes=10)) == ["src: no messages for 60 min, usually 10 min"]
    back = later + timedelta(minutes=11)
    with hub.db.begin() as connection:
        assert [gap.until for gap in pulses.gaps_of(connection, ["src"], now, back)] == [None]
    come(hub, back)
    assert silent(hub, back) == []
    with hub.db.begin() as connection:
        (gap,) = pulses.gaps_of(connection, ["src"], now, back)
        assert (gap.since, gap.until) == (now - timedelta(minutes=10), back)
        assert pulses.gaps_of(connection, ["src"], back, back + timedelta(days=1)) == []


def test_a_gap_that_was_filled_later_is_none(sqlite_workshop: Workshop) -> None:
    hub = sqlite_workshop.hub()
    now = MONDAY + timedelta(days=21, hours=1)
    live(hub, MONDAY)
    come(hub, *every_ten_minutes(MONDAY, now))
    silent(hub, now + timedelta(hours=1))
    come(hub, now + timedelta(hours=1, minutes=5))
    silent(hub, now + timedelta(hours=1, minutes=6))
    with hub.db.begin() as connection:
        assert len(pulses.gaps_of(connection, ["src"], now, now + timedelta(days=1))) == 1
    come(hub, now + timedelta(minutes=5))
    with hub.db.begin() as connection:
        assert pulses.gaps_of(connection, ["src"], now, now + timedelta(days=1)) == []


def test_history_alone_promises_nothing(sqlite_workshop: Workshop) -> None:
    hub = sqlite_workshop.hub()
    now = MONDAY + timedelta(days=21)
    come(hub, *every_ten_minutes(MONDAY, now))
    live(hub, now)
    assert silent(hub, now + timedelta(days=1)) == []


def test_of_files_that_are_imported_now_and_then_nothing_is_expected_between(sqlite_workshop: Workshop) -> None:
    hub = sqlite_workshop.hub()
    now = MONDAY + timedelta(days=21)
    live(hub, MONDAY)
    with hub.db.begin() as connection:
        moments = every_ten_minutes(MONDAY, now - timedelta(hours=2))
        facts.put(connection, [Fact("src", said(at), now) for at in moments], now)
    assert silent(hub, now + timedelta(hours=1)) == []


def test_counts_are_the_same_when_they_are_made_anew(workshop: Workshop) -> None:
    hub = workshop.hub()
    come(hub, *every_ten_minutes(MONDAY, MONDAY + timedelta(hours=3)))
    come(hub, MONDAY, MONDAY + timedelta(minutes=1))
    with hub.db.begin() as connection:
        counted = connection.execute(table.select().order_by(table.c.hour)).all()
        pulses.rebuild(connection)
        assert connection.execute(table.select().order_by(table.c.hour)).all() == counted
    assert [row.count for row in counted] or len(counted) == 3
