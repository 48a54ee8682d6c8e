"""Who is told, inside this process, that something on the pages changed: names only, never data."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager


class Broadcaster:
    """Sends names of changed fragments to everybody who listens; a slow listener loses nothing but repetitions."""

    def __init__(self) -> None:
        self._listeners: set[Listener] = set()
        self.closed = False

    def publish(self, names: Iterable[str]) -> None:
        """Tell all listeners that these fragments changed."""
        changed = set(names)
        for listener in self._listeners:
            listener.add(changed)

    def close(self) -> None:
        """The process ends: wake every listener, so that open streams of events end too."""
        self.closed = True
        self.publish(())

    @asynccontextmanager
    async def listen(self) -> AsyncIterator[Listener]:
        """A listener for as long as the block lasts."""
        listener = Listener()
        self._listeners.add(listener)
        try:
            yield listener
        finally:
            self._listeners.discard(listener)


class Listener:
    """One page that is being looked at."""

    def __init__(self) -> None:
        self._names: set[str] = set()
        self._ready = asyncio.Event()

    def add(self, names: set[str]) -> None:
        """Remember names until they are taken."""
        self._names |= names
        self._ready.set()

    async def changed(self, seconds: float) -> set[str]:
        """The names since the last call; an empty set when nothing happened for so many seconds."""
        try:
            async with asyncio.timeout(seconds):
                await self._ready.wait()
        except TimeoutError:
            return set()
        self._ready.clear()
        names, self._names = self._names, set()
        return names
