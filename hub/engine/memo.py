"""What several ask for at the same moment is made once: the last value is kept until somebody asks for another."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

T = TypeVar("T")


class Memo(Generic[T]):
    """The last value, and what it was made for. Only one is made at a time."""

    def __init__(self) -> None:
        self._held: tuple[Hashable, T] | None = None
        self._one = asyncio.Lock()

    async def get(self, key: Hashable, make: Callable[[], Awaitable[T]]) -> T:
        """The value of this key."""
        async with self._one:
            if self._held is None or self._held[0] != key:
                self._held = None
                self._held = (key, await make())
            return self._held[1]
