"""Is a webhook answered only after its commit, and do requests that wait share one?"""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from sqlalchemy import event, select

from hub.engine.receive import Receiver, arrival
from hub.errors import Temporary
from hub.sdk.connector import Connector, Raw, Received, WebhookRequest
from hub.store import inbox
from hub.store.schema import inbox as inbox_rows
from hub.store.schema import streams
from tests.engine.conftest import Workshop, rows


def commits(hub: Any) -> list[None]:
    seen: list[None] = []
    event.listen(hub.db.durable, "commit", lambda _connection: seen.append(None))
    return seen


def raw(number: int, payload: Any = None) -> Raw:
    return Raw("record", str(number), payload or {"record": "gone", "of": "call", "id": str(number)})


async def test_requests_that_come_while_one_commits_share_the_next_commit(workshop: Workshop) -> None:
    hub = workshop.hub()
    receiver, seen = Receiver(hub), commits(hub)
    first = asyncio.create_task(receiver.keep([arrival("src", raw(0), hub.now())]))
    await asyncio.sleep(0)
    rest = [asyncio.create_task(receiver.keep([arrival("src", raw(number), hub.now())])) for number in range(1, 200)]
    await asyncio.gather(first, *rest)
    assert len(seen) <= 3
    assert rows(hub, lambda connection: [inbox.waiting(connection)]) == [200]


async def test_what_was_answered_for_is_there_for_another_process(workshop: Workshop) -> None:
    hub = workshop.hub()
    await Receiver(hub).keep([arrival("src", raw(1), hub.now())])
    other = workshop.hub()
    assert rows(other, lambda connection: [inbox.waiting(connection)]) == [1]


async def test_a_store_that_cannot_be_written_fails_everybody_who_shared_the_commit_and_nobody_later(
    sqlite_workshop: Workshop,
) -> None:
    hub = sqlite_workshop.hub()
    receiver = Receiver(hub)
    pages: list[int] = []

    def full(connection: Any) -> None:
        pages.append(connection.exec_driver_sql("PRAGMA max_page_count").scalar())
        connection.exec_driver_sql("PRAGMA max_page_count = 1")

    await hub.db.write(0, full)  # type: ignore[arg-type]
    big = {"record": "gone", "of": "call", "id": "x" * 2_000_000}
    results = await asyncio.gather(
        *(receiver.keep([arrival("src", raw(number, big), hub.now())]) for number in range(5)), return_exceptions=True
    )
    assert {type(result) for result in results} == {Temporary}
    await hub.db.write(0, lambda connection: connection.exec_driver_sql(f"PRAGMA max_page_count = {pages[0]}"))  # type: ignore[arg-type]
    await receiver.keep([arrival("src", raw(9), hub.now())])
    assert rows(hub, lambda connection: [inbox.waiting(connection)]) == [1]


async def test_one_request_that_cannot_be_kept_fails_alone(workshop: Workshop) -> None:
    hub = workshop.hub()
    receiver = Receiver(hub)
    found = [raw(number) for number in range(5)]
    found[3] = raw(3, {"text": "\ud800"})  # half a character: no JSON holds it
    first = asyncio.create_task(receiver.keep([arrival("src", found[0], hub.now())]))
    await asyncio.sleep(0)
    results = await asyncio.gather(
        first, *(receiver.keep([arrival("src", item, hub.now())]) for item in found[1:]), return_exceptions=True
    )
    assert [type(result).__name__ for result in results] == [
        "NoneType",
        "NoneType",
        "NoneType",
        "TypeError",
        "NoneType",
    ]


async def test_a_name_with_a_zero_character_is_kept(workshop: Workshop) -> None:
    hub = workshop.hub()
    await Receiver(hub).keep([arrival("src", Raw("record", "a\0b", {}), hub.now())])
    assert rows(hub, lambda connection: connection.scalars(select(inbox_rows.c.item))) == ["a\ufffdb"]


async def test_a_request_that_was_given_up_disturbs_nobody(workshop: Workshop) -> None:
    hub = workshop.hub()
    receiver = Receiver(hub)
    given_up = asyncio.create_task(receiver.keep([arrival("src", raw(1), hub.now())]))
    other = asyncio.create_task(receiver.keep([arrival("src", raw(2), hub.now())]))
    await asyncio.sleep(0)
    given_up.cancel()
    await other
    with pytest.raises(asyncio.CancelledError):
        await given_up


async def test_a_doorbell_wakes_its_stream(workshop: Workshop) -> None:
    bell = Connector(
        "bell",
        settings=type(workshop.hub().links["src"].settings),
        webhook=lambda request, settings: Received(wake=("orders",)),
    )
    hub = workshop.hub(bell, connections={"door": 'plugin = "bell"'})
    request = WebhookRequest("POST", "", "/hooks/door", {}, {}, b"", "127.0.0.1", hub.now())
    await Receiver(hub).webhook(hub.links["door"], request)
    found = rows(hub, lambda connection: connection.execute(select(streams.c.stream, streams.c.due_at)))
    assert [tuple(row) for row in found] == [("orders", hub.now())]


async def test_other_work_gives_way_to_a_crowd_of_senders_but_not_for_ever(workshop: Workshop) -> None:
    hub = workshop.hub()
    receiver, clock = Receiver(hub), asyncio.get_running_loop().time
    begun = clock()
    await receiver.keep([arrival("src", raw(0), hub.now())])
    await receiver.calm(5.0)
    assert clock() - begun < 4.0  # one sender is no crowd
    crowd = [asyncio.create_task(receiver.keep([arrival("src", raw(number), hub.now())])) for number in range(1, 60)]
    await asyncio.gather(*crowd)
    begun = clock()
    await receiver.calm(5.0)
    assert 0.0 < clock() - begun < 4.0  # over as soon as nobody comes any more
