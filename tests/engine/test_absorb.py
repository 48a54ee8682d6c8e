"""Do items become facts, and does one that cannot be understood stop nobody else?"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict
from sqlalchemy import event, select
from sqlalchemy.exc import OperationalError

from hub.engine import absorb
from hub.engine.hub import Hub
from hub.engine.receive import arrival
from hub.errors import Malformed, Temporary
from hub.sdk import Call, instant
from hub.sdk.connector import Connector, Raw
from hub.store import inbox, people, repairs
from hub.store.database import Priority
from hub.store.schema import inbox as inbox_rows
from hub.store.schema import records
from tests.engine.conftest import Workshop, rows


class Settings(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def parse(items: Any, _settings: Any, _context: Any) -> Iterable[Call]:
    """One call of all the group's items: it begins with the first, ends with the last. Some items are bad."""
    for item in items:
        if item.payload.get("bad") == "malformed":
            raise Malformed("no such packet")
        if item.payload.get("bad") == "bug":
            raise KeyError("a bug")
    times = sorted(instant(item.payload["at"]) for item in items)
    number = items[0].payload.get("id", items[0].group)
    yield Call(
        id=number,
        direction="inbound",
        client=items[0].payload.get("client", "phone:+79211234567"),
        started_at=times[0],
        ended_at=times[-1],
        version=items[0].payload.get("version"),
        legs=(),
    )


PBX = Connector("toy", Settings, parse={"packet": parse})


@pytest.fixture
def hub(workshop: Workshop) -> Hub:
    return workshop.hub(PBX, connections={"pbx": 'plugin = "toy"', "src": 'plugin = "records"'})


def packet(
    item: str, group: str | None = "g", at: str = "2026-03-10T10:00:00+03:00", joins: tuple[str, ...] = (), **keys: Any
) -> Raw:
    return Raw("packet", item, {"at": at, **keys}, group, joins)


async def take(hub: Hub, *raws: Raw, connection: str = "pbx", clock_offset: int = 0) -> None:
    rows_ = [arrival(connection, raw, hub.now(), clock_offset=clock_offset) for raw in raws]
    await hub.db.run(inbox.put, rows_)
    while await absorb.step(hub):
        pass


def facts(hub: Hub) -> dict[str, Any]:
    return {f"{row.connection}/{row.source_id}": row for row in rows(hub, lambda c: c.execute(select(records)))}


def states(hub: Hub) -> dict[str, tuple[str, str | None]]:
    return {row.item: (row.state, row.error) for row in rows(hub, lambda c: c.execute(select(inbox_rows)))}


async def test_a_group_is_parsed_as_a_whole_whenever_something_comes(hub: Hub) -> None:
    await take(hub, packet("1"))
    await take(hub, packet("2", at="2026-03-10T10:01:00+03:00"))
    (row,) = facts(hub).values()
    assert row.tie_at - row.at == timedelta(minutes=1)


async def test_groups_that_turn_out_to_be_one_make_one_call(hub: Hub) -> None:
    await take(hub, packet("1", "a"), packet("2", "b", at="2026-03-10T10:01:00+03:00"))
    assert set(facts(hub)) == {"pbx/a", "pbx/b"}
    await take(hub, packet("3", "b", at="2026-03-10T10:02:00+03:00", joins=("a",)))
    assert set(facts(hub)) == {"pbx/a"}
    assert facts(hub)["pbx/a"].tie_at - facts(hub)["pbx/a"].at == timedelta(minutes=2)


@pytest.mark.parametrize(("bad", "why"), [("malformed", "no such packet"), ("bug", "KeyError: 'a bug'")])
async def test_an_item_that_cannot_be_parsed_is_buried_with_its_reason_and_the_others_go_on(
    hub: Hub, bad: str, why: str
) -> None:
    await take(hub, packet("1", None, id="1"), packet("2", None, id="2", bad=bad), packet("3", None, id="3"))
    assert set(facts(hub)) == {"pbx/1", "pbx/3"}
    state, error = states(hub)["2"]
    assert state == "dead"
    assert why in str(error)
    assert [row["key"] for row in rows(hub, repairs.listing)] == ["dead:pbx"]


async def test_a_group_with_a_bad_item_keeps_what_it_said_before(hub: Hub) -> None:
    await take(hub, packet("1"))
    await take(hub, packet("2", bad="bug"))
    await take(hub, packet("3", at="2026-03-10T10:05:00+03:00"))
    assert facts(hub)["pbx/g"].tie_at - facts(hub)["pbx/g"].at == timedelta(minutes=5)
    assert states(hub)["2"][0] == "dead"


async def test_items_of_a_connection_that_is_not_configured_wait_as_dead_letters_for_a_replay(
    workshop: Workshop, hub: Hub
) -> None:
    without = workshop.hub(connections={"src": 'plugin = "records"'})
    await take(without, packet("1"))
    assert "no longer configured" in str(states(without)["1"][1])
    again = workshop.hub(PBX, connections={"pbx": 'plugin = "toy"'})
    await again.db.run(inbox.replay, connection_name="pbx", states=("dead",))
    while await absorb.step(again):
        pass
    assert set(facts(again)) == {"pbx/g"}
    await again.db.run(repairs.clear_finished)
    assert rows(again, repairs.listing) == []


async def test_an_item_of_a_kind_that_nobody_parses_is_a_dead_letter(hub: Hub) -> None:
    await take(hub, Raw("fax", "1", {}))
    assert "no parser for items of kind fax" in str(states(hub)["1"][1])


@pytest.mark.parametrize("poison", [{"version": 2**64 - 1}, {"id": "x", "client": "phone:+7\x00"}])
async def test_a_row_that_no_database_can_hold_is_found_and_buried(hub: Hub, poison: dict[str, Any]) -> None:
    found = [packet(str(number), None, id=str(number)) for number in range(20)]
    found[13] = packet("13", None, **{"id": "13", **poison})
    await take(hub, *found)
    dead = {name for name, (state, _) in states(hub).items() if state == "dead"}
    assert dead == {"13"}
    assert [row["key"] for row in rows(hub, repairs.listing)] == ["dead:pbx"]
    assert len(facts(hub)) == 19


async def test_trouble_of_the_store_buries_nobody(sqlite_workshop: Workshop) -> None:
    hub = sqlite_workshop.hub(PBX, connections={"pbx": 'plugin = "toy"'})
    broken = [True]

    def fail(connection: Any, cursor: Any, statement: str, *rest: Any) -> None:
        if broken and statement.startswith("INSERT INTO records"):
            raise OperationalError(statement, {}, Exception("disk I/O error"))

    event.listen(hub.db._relaxed, "before_cursor_execute", fail)
    with pytest.raises(Temporary, match="disk I/O error"):
        await take(hub, packet("1"))
    assert states(hub)["1"] == ("new", None)
    broken.clear()
    await absorb.step(hub)
    assert set(facts(hub)) == {"pbx/g"}


async def test_a_long_batch_ends_with_a_slice_when_somebody_waits_and_goes_on_later(sqlite_workshop: Workshop) -> None:
    hub = sqlite_workshop.hub(PBX, connections={"pbx": 'plugin = "toy"'})
    count = absorb.SLICE + 50
    raws = [packet(str(number), None, id=str(number)) for number in range(count)]
    await hub.db.run(inbox.put, [arrival("pbx", raw, hub.now()) for raw in raws])
    loop, come = asyncio.get_running_loop(), []

    def somebody_comes(*_: object) -> None:
        if not come:
            come.append(asyncio.run_coroutine_threadsafe(hub.db.write(Priority.SETTLE, lambda _: None), loop))
        while not hub.db.is_awaited() and not come[0].done():
            time.sleep(0.001)

    event.listen(hub.db._relaxed, "before_cursor_execute", somebody_comes)
    assert await absorb.step(hub)
    event.remove(hub.db._relaxed, "before_cursor_execute", somebody_comes)
    assert await hub.db.read(inbox.waiting) == 50
    assert await absorb.step(hub)
    assert not await absorb.step(hub)
    assert len(facts(hub)) == count


async def test_the_whole_record_is_shifted_by_the_clock_of_its_source(hub: Hub) -> None:
    await take(hub, packet("1"), packet("2", at="2026-03-10T10:01:00+03:00"), clock_offset=3_600_000)
    row = facts(hub)["pbx/g"]
    assert row.clamped
    assert (row.at, row.tie_at - row.at) == (instant("2026-03-10T09:00:00+03:00"), timedelta(minutes=1))


async def test_handles_of_ours_are_qualified_by_their_connection(hub: Hub) -> None:
    record = {
        "record": "call",
        "id": "1",
        "direction": "inbound",
        "client": "phone:+79211234567",
        "started_at": "2026-03-10T10:00:00+03:00",
        "legs": [{"kind": "member", "to": "ext:101", "started_at": "2026-03-10T10:00:00+03:00"}],
    }
    await take(hub, Raw("record", "1", record), connection="src")
    assert facts(hub)["src/1"].body["legs"][0]["to"] == "ext:src/101"


async def test_what_was_absorbed_is_due(hub: Hub) -> None:
    await take(hub, packet("1"))
    found = rows(hub, lambda c: people.due(c, hub.now(), 10))
    assert [row.changed_from for row in found] == [instant("2026-03-10T10:00:00+03:00")]
