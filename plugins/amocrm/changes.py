"""How does a stream follow what is changed from now on?"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from hub.sdk import Page, Raw
from plugins.amocrm.client import Amo, Row
from plugins.amocrm.feeds import EVENT_LOG, FOR_EVER, OBJECTS, Feed, Reader, by_ids, wanted, with_hub
from plugins.amocrm.windows import Window, step

OVERLAP = 300
"""Seconds that are read again each time: what was written late under an older second is met there."""
REMEMBERED = 500
"""Rows of the overlap that are known to be the same and not handed on again; the others are, and do no harm."""


@dataclass(slots=True)
class Followed:
    """How far a list was followed.

    at: the newest second that was met. seen: what was handed on of the overlap, id → second. rest: the window that was
    left in the middle.
    """

    at: int
    seen: dict[str, int] = field(default_factory=dict)
    rest: list[int] | None = None

    @property
    def window(self) -> Window:
        """What is to be read: the rest of the last time, or all since then."""
        return Window.of(self.rest) if self.rest else Window(self.at - OVERLAP, FOR_EVER)

    @property
    def stored(self) -> dict[str, Any]:
        """As a cursor."""
        recent = [item for item in self.seen.items() if item[1] >= self.at - OVERLAP]
        recent = sorted(recent, key=lambda item: item[1])[-REMEMBERED:]
        return {"at": self.at, "seen": dict(recent), **({"rest": self.rest} if self.rest else {})}

    def met(self, reader: Reader, raw: Raw, now: int) -> None:
        """A row was handed on. One from the future, as imports write them, moves nothing."""
        second = reader.stamp_of(raw.payload)
        self.at = max(self.at, min(second, now))
        if not raw.payload.get("_hub", {}).get("unsettled"):
            self.seen[raw.id] = second


async def follow(client: Amo, cursor: Any, feed: Feed) -> AsyncIterator[Page]:
    """Pages of what was changed since the last time. The first time begins now: what was before is `past.py`'s."""
    if not wanted(client, feed):
        return
    if cursor is None:
        yield Page(cursor=Followed(await client.vendor_second()).stored)
        return
    followed = Followed(**cursor)
    reader = Reader.of(client, feed)
    window: Window | None = followed.window
    while window is not None:
        found = await step(reader, window)
        window = found.rest(window)
        now = await client.vendor_second()
        fresh = [row for row in found.rows if followed.seen.get(str(row.get("id"))) != reader.stamp_of(row)]
        items = await reader.raws(fresh)
        for raw in items:
            followed.met(reader, raw, now)
        if feed is EVENT_LOG:
            items += await _brought_back(client, fresh)
        followed.rest = window.stored if window is not None else None
        complete = datetime.fromtimestamp(now, UTC) if window is None else None
        yield Page(items, cursor=followed.stored, complete_until=complete)


async def _brought_back(client: Amo, events: Sequence[Row]) -> list[Raw]:
    """Objects that were restored, or are what others were merged into: read now, and newer than their deletion."""
    back: list[Raw] = []
    for name, feed in OBJECTS.items():
        at = {
            int(event["entity_id"]): int(event["created_at"])
            for event in events
            if event.get("entity_type") == name and event.get("type") in {f"{name}_restored", "entity_merged"}
        }
        if at:
            rows = [with_hub(row, restored_at=at[row["id"]]) for row in await by_ids(client, feed, sorted(at))]
            back += await Reader.of(client, feed).raws(rows)
    return back
