"""How is what was before fetched, fast enough that the vendor's limit is what it takes?"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from datetime import UTC, datetime, time, timedelta
from typing import Any

from hub.sdk import Page
from plugins.amocrm.client import Amo
from plugins.amocrm.feeds import Feed, Reader, wanted
from plugins.amocrm.settings import Settings
from plugins.amocrm.windows import Step, Window, step

WIDTH = 12
"""Requests of one list that are under way at once: where answers take more than a second, 7 in a second still go out."""
LOG_DAYS = 90
"""Days of a log that are fetched where no day to begin from was given."""
_WEEK = 7 * 86_400
_FAR_EAST = timedelta(hours=14)
"""A day begins so much earlier than by UTC where it begins first."""


async def fetch(client: Amo, cursor: Any, feed: Feed) -> AsyncIterator[Page]:
    """Pages of the past, from windows that are read side by side; the cursor holds what is left of each.

    A window that turns out long is halved while there is room, so that they all end together however unevenly the
    account has grown.
    """
    if not wanted(client, feed):
        return
    if cursor is None:
        windows = _first(client.settings, feed, await client.vendor_second())
        yield Page(cursor=_stored(windows))
    else:
        windows = [Window.of(stored) for stored in cursor["windows"]]
    left = dict(enumerate(windows))
    reader = Reader.of(client, feed)
    flying: dict[asyncio.Task[Step], int] = {}
    try:
        while left:
            _send_out(reader, left, flying)
            ready, _ = await asyncio.wait(flying, return_when=asyncio.FIRST_COMPLETED)
            for task in ready:
                found, key = task.result(), flying.pop(task)
                rest = found.rest(left.pop(key))
                if rest is not None:
                    left[key] = rest
                    _halve(left, set(flying.values()))
                _send_out(reader, left, flying)  # the next request is under way while this page is kept
                yield Page(await reader.raws(found.rows), cursor=_stored(left.values()))
    finally:
        for task in flying:
            task.cancel()
        await asyncio.gather(*flying, return_exceptions=True)


def _first(settings: Settings, feed: Feed, now: int) -> list[Window]:
    """All of the past as one window; of a log, which cannot be halved while it is read, by weeks, the last first."""
    start = 0
    if settings.since is not None:
        start = int((datetime.combine(settings.since, time(), UTC) - _FAR_EAST).timestamp())
    elif feed.log:
        start = now - LOG_DAYS * 86_400
    if feed.sorted:
        return [Window(start, now)]
    return [Window(at, min(at + _WEEK - 1, now)) for at in range(start, now + 1, _WEEK)][::-1]


def _halve(left: dict[int, Window], busy: set[int]) -> None:
    """Halve the longest windows that nobody is reading while fewer are left than may be read at once."""
    while len(left) < WIDTH:
        key = max((key for key in left if key not in busy), key=lambda key: left[key].pages)
        if left[key].pages < 2:
            return
        left[key], left[max(left) + 1] = left[key].halves()


def _send_out(reader: Reader, left: dict[int, Window], flying: dict[asyncio.Task[Step], int]) -> None:
    """Let as many windows be read as may be at once."""
    busy = set(flying.values())
    for key in [key for key in left if key not in busy][: WIDTH - len(flying)]:
        name = f"{reader.client.host.connection}:{reader.feed.stream}:{key}"
        flying[asyncio.create_task(step(reader, left[key]), name=name)] = key


def _stored(windows: Iterable[Window]) -> dict[str, Any]:
    return {"windows": [window.stored for window in windows]}
