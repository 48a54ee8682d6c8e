"""How much of a vendor's rate is used, and is it ever exceeded? Against a pretend amoCRM that counts a sliding second."""

import asyncio
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import httpx

from hub import clock
from hub.engine.budget import Budgets
from hub.engine.host import ConnectionHost
from hub.sdk import Context, Limit
from hub.store import migrate
from hub.store.database import Database

RATE = 7
LIMITS = (Limit("amocrm:vostok:hub", RATE), Limit("amocrm:vostok", 50))
LANES = 6
WARM = 2.0
"""Seconds until every lane has its connection."""


def run(scale: float) -> Iterator[tuple[str, str]]:
    """Ask for `scale` × 20 s as history, as live work, both at once, and in a process that stands still now and then."""
    for what, backfill, stall in (
        ("history alone", LANES, 0.0), ("live work", 0, 0.0), ("both", LANES // 2, 0.0), ("history, with stalls", LANES, 0.05)
    ):  # fmt: skip
        with _vendor(latency_ms=30) as vendor:
            yield what, asyncio.run(_measure(vendor, backfill, stall, 20 * scale))


@contextmanager
def _vendor(latency_ms: float) -> Iterator[Any]:
    command = [sys.executable, "-c", "import sys; from sandbox.amocrm import serve; serve(sys.argv[1:])"]
    process = subprocess.Popen([*command, "--latency-ms", str(latency_ms)], stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        yield json.loads(process.stdout.readline())
    finally:
        process.terminate()
        process.wait()


@asynccontextmanager
async def _store() -> AsyncIterator[Database]:
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{Path(folder) / 'hub.db'}"
        migrate.upgrade(url)
        db = Database(url)
        yield db
        db.close()


async def _measure(vendor: Any, backfill: int, stall: float, seconds: float) -> str:
    async with _store() as db:
        budgets, answered, until = Budgets(db, clock.now), list[float](), time.monotonic() + WARM + seconds
        cpu = time.process_time()
        async with asyncio.TaskGroup() as group:
            for number in range(LANES):
                lane = budgets.of("amo", LIMITS, backfill=number < backfill)
                host = ConnectionHost("amo", Context("amo"), clock.now, budget=lane)
                group.create_task(_ask(host, vendor, until, answered))
            if stall:
                group.create_task(_stand_still(stall, until))
        cpu = time.process_time() - cpu
    state = await asyncio.to_thread(httpx.post, f"{vendor['base_url']}/_ctl/state", json={"only": "counts"})
    counted = [moment for moment in answered if moment > answered[0] + WARM]
    rate = (len(counted) - 1) / (counted[-1] - counted[0])
    share = f"{rate:.2f} a second, {rate / RATE:.1%} of what is allowed"
    return f"{share}, {state.json()['counts']['refused']} refused, {cpu / len(answered) * 1000:.1f} ms CPU each"


async def _ask(host: ConnectionHost, vendor: Any, until: float, answered: list[float]) -> None:
    async with host.http(vendor["base_url"], bearer=vendor["access_token"]) as http:
        while time.monotonic() < until:
            await http.request("GET", "/api/v4/contacts", params={"limit": 1})
            answered.append(time.monotonic())


async def _stand_still(seconds: float, until: float) -> None:
    """What a busy event loop does to everybody's timing."""
    while time.monotonic() < until:
        await asyncio.sleep(0.7)
        time.sleep(seconds)  # noqa: ASYNC251 - that is what is measured
