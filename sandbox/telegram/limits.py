"""How often may the bot write, and how long must it wait otherwise?"""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field

from sandbox.telegram.answers import flood
from sandbox.telegram.chats import Chat


@dataclass
class Limits:
    """Sliding windows: so many sends within so many seconds. None lifts one."""

    rps: float | None = 30
    """Sends a second, altogether."""
    chat_burst: int | None = 20
    """Sends into one chat within as many seconds: one a second, and short bursts pass."""
    group_minute: int | None = 20
    """Sends into one group within a minute."""
    hook_burst: int | None = 5
    """Changes of the webhook within as many seconds."""
    now: Callable[[], float] = time.monotonic
    refused: int = 0
    """Calls answered with 429 so far."""
    _windows: dict[Hashable, deque[float]] = field(default_factory=dict)

    def only(self, rps: float | None) -> None:
        """From now on so many sends a second and no other limit; None lifts all."""
        self.rps = rps or None
        self.chat_burst = self.group_minute = self.hook_burst = None
        self._windows.clear()

    def must_allow_send(self, chat: Chat) -> None:
        """Raises Refused; otherwise the send counts."""
        wanted = [("all", *self._all()), (chat.id, self.chat_burst, self.chat_burst or 1)]
        if chat.is_group:
            wanted.append((("group", chat.id), self.group_minute, 60))
        self._must_allow(wanted)

    def must_allow_hook(self) -> None:
        """Raises Refused; otherwise the change counts."""
        self._must_allow([("hook", self.hook_burst, self.hook_burst or 1)])

    def _all(self) -> tuple[int | None, float]:
        """Half a send a second is one in two."""
        if self.rps is None:
            return None, 1
        return max(1, int(self.rps)), max(1, 1 / self.rps)

    def _must_allow(self, wanted: list[tuple[Hashable, int | None, float]]) -> None:
        now, windows = self.now(), []
        for name, most, seconds in wanted:
            if most is None:
                continue
            window = self._windows.setdefault(name, deque())
            while window and window[0] <= now - seconds:
                window.popleft()
            if len(window) >= most:
                self.refused += 1
                raise flood(max(1, math.ceil(window[0] + seconds - now)))
            windows.append(window)
        for window in windows:
            window.append(now)
