"""Do the lanes work together, survive trouble and end when they are told to?"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any

from pydantic import BaseModel, ConfigDict

from hub.clock import now
from hub.core.effects import Notify
from hub.engine import runner as runner_module
from hub.engine.broadcast import Broadcaster
from hub.engine.receive import arrival
from hub.engine.runner import Runner
from hub.errors import Temporary
from hub.sdk.connector import Connector, Page, Push, Raw, Sent, Stream
from hub.store import calls, cases, connections, outbox
from tests.engine.conftest import Workshop, rows


class Settings(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def missed(id: str, at: datetime, client: str = "phone:+79211234567") -> Raw:
    end = at + timedelta(seconds=40)
    leg = {
        "kind": "member",
        "to": "ext:101",
        "started_at": at.isoformat(),
        "ended_at": end.isoformat(),
        "result": "no_answer",
    }
    return Raw(
        "record",
        f"call/{id}",
        {
            "record": "call",
            "id": id,
            "direction": "inbound",
            "client": client,
            "line": "74950010100",
            "final": True,
            "started_at": at.isoformat(),
            "ended_at": end.isoformat(),
            "hangup_by": "client",
            "legs": [leg],
        },
    )


@asynccontextmanager
async def running(runner: Runner) -> AsyncIterator[None]:
    task = asyncio.create_task(runner.run())
    try:
        yield
    finally:
        runner.stop.set()
        async with asyncio.timeout(8):
            await task


async def until(holds: Any, seconds: float = 15) -> None:
    async with asyncio.timeout(seconds):
        while not holds():
            await asyncio.sleep(0.02)


async def test_from_a_record_to_a_case_to_a_notice(workshop: Workshop) -> None:
    got: list[Any] = []

    @asynccontextmanager
    async def open_bot(_settings: Any, _host: Any) -> Any:
        yield None

    async def send(_client: Any, effect: Any) -> Sent:
        got.append(effect)
        return Sent(id="1")

    bot = Connector("bot", Settings, open=open_bot, push=lambda _settings: [Push(Notify, send)])
    hub = workshop.hub(
        bot,
        connections={"src": 'plugin = "records"', "tell": 'plugin = "bot"'},
        config=runner_config().replace('["src:anna"]', '["tell:anna"]'),
    )
    hub.now = now
    runner = Runner(hub, Broadcaster())
    with hub.db.begin() as connection:
        connections.go_live(connection, "src", now() - timedelta(hours=1))
        connections.go_live(connection, "tell", now() - timedelta(hours=1))
    async with running(runner):
        await runner.receiver.keep([arrival("src", missed("1", now() - timedelta(minutes=10)), now())])
        await until(lambda: got)
        await until(lambda: {row["state"] for row in rows(hub, outbox.listing)} >= {"sent"})
    assert [row["missed"] for row in rows(hub, calls.listing)] == [True]
    assert [row["state"] for row in rows(hub, cases.listing)] == ["open"]
    assert len({effect.key for effect in got}) == len(got)


def runner_config() -> str:
    from tests.engine.conftest import CONFIG

    return CONFIG


async def test_it_stops_within_seconds_while_a_live_stream_is_open_and_a_vendor_hangs(
    sqlite_workshop: Workshop,
) -> None:
    never, seen = asyncio.Event(), []

    @asynccontextmanager
    async def open_toy(_settings: Any, _host: Any) -> Any:
        yield None
        seen.append("closed")

    async def live(_client: Any, _cursor: Any) -> AsyncIterator[Page]:
        try:
            yield Page()
            seen.append("open")
            await never.wait()
        finally:
            seen.append("generator closed")

    toy = Connector("toy", Settings, open=open_toy, streams=lambda _settings: [Stream("events", live=live)])
    hub = sqlite_workshop.hub(toy, connections={"pbx": 'plugin = "toy"'})
    hub.now = now
    runner = Runner(hub, Broadcaster())
    async with running(runner):
        await until(lambda: seen == ["open"])
        begun = time.monotonic()
    assert time.monotonic() - begun < 3
    assert "generator closed" in seen


async def test_a_step_that_fails_as_a_whole_is_tried_again(sqlite_workshop: Workshop, monkeypatch: Any) -> None:
    monkeypatch.setattr(runner_module, "TROUBLE", 0.01)
    hub = sqlite_workshop.hub()
    hub.now = now
    failures: list[Exception] = [Temporary("the store is full"), KeyError("a bug"), Temporary("again")]
    real = runner_module.absorb.step

    async def step(hub: Any, **options: Any) -> bool:
        if failures:
            raise failures.pop()
        return await real(hub, **options)

    monkeypatch.setattr(runner_module.absorb, "step", step)
    runner = Runner(hub, Broadcaster())
    async with running(runner):
        await runner.receiver.keep([arrival("src", missed("1", now() - timedelta(minutes=1)), now())])
        await until(lambda: rows(hub, calls.listing))
    assert failures == []


async def test_connections_are_live_since_the_first_run(workshop: Workshop) -> None:
    hub = workshop.hub()
    async with running(Runner(hub, Broadcaster())):
        await until(lambda: rows(hub, lambda connection: [connections.get(connection, "src").live_since])[0])
    first = hub.now()
    workshop.clock.move(days=1)
    async with running(Runner(hub, Broadcaster())):
        pass
    assert rows(hub, lambda connection: [connections.get(connection, "src").live_since]) == [first]
