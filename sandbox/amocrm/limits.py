"""How often may one call, and what if he does not stop?"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from sandbox.amocrm.http import Answer, html

WINDOW = 1.0
"""Seconds that requests are counted over."""


@dataclass
class Limits:
    """A sliding second for each integration and for the account; who goes on is banned. None lifts a limit."""

    rps: int | None = 7
    account_rps: int | None = 50
    ban_after: int | None = 30
    """Refused requests within `ban_within` seconds that bring the ban."""
    ban_within: float = 60
    ban_seconds: float = 3600
    now: Callable[[], float] = time.monotonic
    """Seconds; a test may hold them."""
    refused: int = 0
    """Requests answered with 429 or 403 so far."""
    _windows: dict[tuple[int, str], deque[float]] = field(default_factory=dict)
    _refusals: dict[tuple[int, str], deque[float]] = field(default_factory=dict)
    _banned: dict[tuple[int, str], float] = field(default_factory=dict)

    def judge(self, account_id: int, client_id: str) -> Answer | None:
        """None lets the request through; otherwise what the proxy says."""
        now, who = self.now(), (account_id, client_id)
        if self._banned.get(who, 0) > now:
            self.refused += 1
            return html(403)
        mine, everyone = self._window(who, now), self._window((account_id, "*"), now)
        if _is_full(mine, self.rps) or _is_full(everyone, self.account_rps):
            return self._refuse(who, now)
        mine.append(now)
        everyone.append(now)
        return None

    def unban(self) -> None:
        self._banned.clear()
        self._refusals.clear()

    def ban(self, account_id: int, client_id: str, seconds: float) -> None:
        self._banned[account_id, client_id] = self.now() + seconds

    def _window(self, who: tuple[int, str], now: float) -> deque[float]:
        window = self._windows.setdefault(who, deque())
        while window and window[0] <= now - WINDOW:
            window.popleft()
        return window

    def _refuse(self, who: tuple[int, str], now: float) -> Answer:
        self.refused += 1
        refusals = self._refusals.setdefault(who, deque())
        refusals.append(now)
        while refusals[0] <= now - self.ban_within:
            refusals.popleft()
        if self.ban_after is not None and len(refusals) >= self.ban_after:
            refusals.clear()
            self.ban(*who, self.ban_seconds)
        return html(429)


def _is_full(window: deque[float], most: int | None) -> bool:
    return most is not None and len(window) >= most
