"""How does a test that is no coroutine meet a pretend vendor? It serves in a thread of its own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sandbox.amocrm import AmoServer


@contextmanager
def serving(**options: Any) -> Iterator[AmoServer]:
    """A fresh vendor, up while the block lasts."""
    up, loop, stop = threading.Event(), asyncio.new_event_loop(), asyncio.Event()
    server = AmoServer(**options)

    async def serve() -> None:
        async with server:
            up.set()
            await stop.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),), name="pretend vendor")
    thread.start()
    assert up.wait(30), "the vendor did not come up"
    try:
        yield server
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
        loop.close()
