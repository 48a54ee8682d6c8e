"""How long is it from a client's message to the alert at the messenger, while fifty messages a second flow in?"""

import asyncio
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from sandbox.telegram import TelegramServer
from sandbox.telegram.people import touch
from sandbox.telegram.world import World
from tests.daemon import Daemon, free_port

RATE = 50
"""Messages a second, those that are alerted among them."""
EVERY = 25
"""Each so many-th message begins a wait that somebody is alerted of at once."""
MANAGERS = 10
"""Who are alerted in turn: the messenger takes a message a second into one chat."""
CLIENTS = 400
"""Who write and are answered in between, in chats that have a long time."""
BUSY, MANAGER, CLIENT, PROBE = 800_000, 900_000, 1_000_000, 2_000_000
WARM = 5.0
"""Seconds that are not measured."""

CONFIG = """\
[hub]
timezone = "Europe/Moscow"
country = "RU"
language = "ru"

[web]
listen = "127.0.0.1:{port}"

[calendars.always]
[[calendars.always.hours]]
from = 2020-01-01
days = {{ mon-sun = "00:00-24:00" }}

[connections.telegram]
plugin = "telegram"
base_url = "{base_url}"
token = "{token}"

[lines.busy]
calendar = "always"
lines = ["telegram:{busy}"]
first_response_target = "4h"

[team.busy]
name = "Busy"
handles = ["telegram:{busy}"]

[lines.quick]
calendar = "always"
lines = [{quick}]
first_response_target = "5m"    # so little that the owner is told at once
batch_alerts = "1000 in 2m"
"""
MEMBER = """
[team.m{number}]
name = "Manager {number}"
handles = ["telegram:{id}"]
notify = ["telegram:{id}"]
"""


def run(scale: float) -> Iterator[tuple[str, str]]:
    """`scale` × 60 seconds at the full rate; then alerts alone, one after the other, as the baseline."""
    busy, behind = asyncio.run(_measure(int(60 * scale * RATE / EVERY), RATE, EVERY))
    alone, _ = asyncio.run(_measure(max(10, int(30 * scale)), 2, 1))
    yield f"alert at {RATE} messages a second", _told(busy)
    yield "alert, nothing else flowing", _told(alone)
    yield "ratio of medians", f"{statistics.median(busy) / statistics.median(alone):.2f}"
    yield "messages absorbed late", f"{behind:.2f} s behind at the end"


def _told(took: list[float]) -> str:
    ordered = sorted(took)
    p99 = ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))]
    return f"{statistics.median(ordered) * 1000:.0f} ms (median), 99 % within {p99 * 1000:.0f} ms, of {len(ordered)}"


async def _measure(probes: int, rate: float, every: int) -> tuple[list[float], float]:
    """Seconds from event to alert of each probe, and how long the hub took to read the last message."""
    with tempfile.TemporaryDirectory() as name:
        async with TelegramServer(rps=0) as telegram:
            daemon = Daemon(Path(name), free_port())
            managers = range(MANAGER, MANAGER + MANAGERS)
            quick = ", ".join(f'"telegram:{manager}"' for manager in managers)
            text = CONFIG.format(
                port=daemon.port, base_url=telegram.base_url, token=telegram.token, busy=BUSY, quick=quick
            ) + "".join(MEMBER.format(number=one - MANAGER, id=one) for one in managers)
            (daemon.folder / "config.toml").write_text(text, encoding="utf-8")
            await asyncio.to_thread(daemon.start)
            try:
                return await _play(telegram.world, probes, rate, every)
            finally:
                await asyncio.to_thread(daemon.stop)


async def _play(world: World, probes: int, rate: float, every: int) -> tuple[list[float], float]:
    for manager in (BUSY, *range(MANAGER, MANAGER + MANAGERS)):
        told = {"action": "connect", "user_id": manager, "name": f"Manager {manager}"}
        touch(world, {**told, "connection": f"bc{manager}"})
    asked: dict[int, float] = {}
    begun, number = time.monotonic(), 0
    while len(asked) < probes + int(WARM * rate / every):
        await asyncio.sleep(max(0.0, begun + number / rate - time.monotonic()))
        if number % every == every - 1:
            probe = len(asked)
            asked[probe] = time.time()
            _writes(world, PROBE + probe, MANAGER + probe % MANAGERS)
        else:
            _talks(world, number)
        number += 1
    ended = time.monotonic()
    await _until(lambda: not world.updates.pending or len(_alerts(world)) >= len(asked), 30)
    behind = time.monotonic() - ended
    await _until(lambda: len(_alerts(world)) >= len(asked), 30)
    came = _alerts(world)
    skipped = int(WARM * rate / every)
    return [came.get(probe, float("inf")) - at for probe, at in asked.items() if probe >= skipped], behind


def _writes(world: World, client: int, manager: int) -> None:
    """Somebody new writes to a manager's own account."""
    told = {"action": "write", "user_id": client, "name": f"Клиент {client}", "text": "Здравствуйте, есть вопрос"}
    touch(world, {**told, "connection": f"bc{manager}"})


def _talks(world: World, number: int) -> None:
    """A client writes and is answered with the next message, in one of many chats."""
    client = CLIENT + number // 2 % CLIENTS
    if number % 2 == 0 or client not in world.connections[f"bc{BUSY}"].chats:
        _writes(world, client, BUSY)
    else:
        touch(world, {"action": "write", "user_id": BUSY, "chat_id": client, "text": "Да", "connection": f"bc{BUSY}"})


def _alerts(world: World) -> dict[int, float]:
    """When the messenger got the first alert about each probe."""
    found: dict[int, float] = {}
    for call in world.calls:
        text = call["arguments"].get("text", "") if call["method"] == "sendmessage" and "result" in call else ""
        _, _, rest = text.partition("Клиент ")
        if rest[:7].isdigit() and int(rest[:7]) >= PROBE:
            found.setdefault(int(rest[:7]) - PROBE, call["at"])
    return found


async def _until(holds: Callable[[], bool], seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            while not holds():
                await asyncio.sleep(0.05)
    except TimeoutError:
        return
