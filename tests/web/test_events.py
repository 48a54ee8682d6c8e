"""The stream of events carries names, never data, and ends with the hub."""

from __future__ import annotations

import asyncio

from hub.engine.broadcast import Broadcaster
from hub.engine.hub import Hub
from hub.web import events
from tests.web import story
from tests.web.conftest import running


async def test_names_are_told_and_nothing_else() -> None:
    broadcaster = Broadcaster()
    stream = events.stream(broadcaster)
    assert await anext(stream) == "retry: 2000\n\n"
    broadcaster.publish(["waits", "headline"])
    assert await anext(stream) == "event: headline\ndata: 1\n\nevent: waits\ndata: 1\n\n"
    broadcaster.close()
    assert [part async for part in stream] in ([], [": still here\n\n"])


async def test_silence_is_broken_so_that_proxies_keep_the_line(monkeypatch) -> None:
    monkeypatch.setattr(events, "ALIVE", 0.01)
    stream = events.stream(Broadcaster())
    await anext(stream)
    assert await anext(stream) == ": still here\n\n"
    await stream.aclose()


async def test_a_missed_call_by_webhook_reaches_the_page_that_is_open(fresh: Hub) -> None:
    """From the webhook to the event on the page's stream, and the page then shows the client."""
    async with running(fresh) as (client, runner):
        stream = events.stream(runner.broadcaster)
        await anext(stream)
        record = story.missed("x", "14:20:00", story.KHACH, 20, "101")
        headers = {"Authorization": "Bearer open-sesame-of-the-test"}
        assert (await client.post("/hooks/pbx", json=record, headers=headers)).status_code == 200
        async with asyncio.timeout(10):
            async for told in stream:
                if "event: waits" in told:
                    break
        assert "+7\u00a0916\u00a0777-20-31" in (await client.get("/now/waits")).text
        await stream.aclose()
        assert (await client.get("/readyz")).status_code == 200
