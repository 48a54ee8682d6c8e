"""What did the hub miss of the last three days, in spite of hooks, log and windows?"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from hub.sdk import Page, Raw
from plugins.amocrm.changes import OVERLAP
from plugins.amocrm.client import Amo, Row
from plugins.amocrm.feeds import COMPANIES, CONTACTS, LEADS, TASKS, Feed, Reader, by_ids
from plugins.amocrm.parse import card_id
from plugins.amocrm.windows import Window, step

DAYS = 3
NIGHT = timedelta(hours=3)
"""When a night's comparison begins, in the account's own time."""
_KINDS: Mapping[str, str] = {"contact": "card", "company": "card", "lead": "deal", "task": "task"}
_SHOWN = 10
"""Ids that are told of each difference."""


@dataclass(slots=True)
class Found:
    """What differed of one list: ids, by what was wrong with them."""

    what: str
    missing: list[int] = field(default_factory=list)
    outdated: list[int] = field(default_factory=list)
    gone: list[int] = field(default_factory=list)

    @property
    def lines(self) -> list[str]:
        """For the operator."""
        return [
            f"{len(ids)} {self.what} {wrong}: {', '.join(map(str, ids[:_SHOWN]))}{' …' if len(ids) > _SHOWN else ''}"
            for wrong, ids in (
                ("were missing", self.missing),
                ("were out of date", self.outdated),
                ("had been deleted", self.gone),
            )
            if ids
        ]


async def reconcile(client: Amo, cursor: Any) -> AsyncIterator[Page]:
    """Once a night: compare what was changed within the last days, hand on what differs, and say so."""
    night = await _night(client)
    if cursor is None or cursor["night"] == night:  # the first night everything is being fetched anyway
        yield Page(cursor=cursor or {"night": night})
        return
    lines: list[str] = []
    for feed in (CONTACTS, COMPANIES, LEADS, TASKS):
        found = Found(feed.stream)
        async for items in _compare(client, feed, found):
            yield Page(items)
        lines += found.lines
    yield Page(cursor={"night": night}, mended=lines)


async def _night(client: Amo) -> str:
    """The day of the night that it is, or that was last."""
    account = await client.get("/api/v4/account", (("with", "datetime_settings"),)) or {}
    named = ((account.get("_embedded") or {}).get("datetime_settings") or {}).get("timezone")
    try:
        zone: Any = ZoneInfo(str(named))
    except (ZoneInfoNotFoundError, ValueError):
        zone = UTC
    return (client.vendor_now().astimezone(zone) - NIGHT).date().isoformat()


async def _compare(client: Amo, feed: Feed, found: Found) -> AsyncIterator[Sequence[Raw]]:
    now = await client.vendor_second()
    since, until = now - DAYS * 86_400, now - OVERLAP
    known = await _known(client, feed, since)
    reader = Reader.of(client, feed)
    window: Window | None = Window(since, until)
    while window is not None:
        read = await step(reader, window)
        window = read.rest(window)
        yield await reader.raws([row for row in read.rows if _differs(row, reader, known, found)])
        for row in read.rows:
            known.pop(row["id"], None)
    left = sorted(number for number, second in known.items() if second <= until)
    yield await _not_met(client, feed, left, found)


async def _known(client: Amo, feed: Feed, since: int) -> dict[int, int]:
    """Number → second of what the hub has of a list, changed since then."""
    start = datetime.fromtimestamp(since, UTC)
    records = await client.host.known(_KINDS[feed.raw], start)
    prefix = card_id(feed.raw, 0)[:-1] if feed is COMPANIES else ""
    return {
        int(number): round(changed.timestamp())
        for id_, changed in records.items()
        if id_.startswith(prefix) and (number := id_.removeprefix(prefix)).isdecimal()
    }


def _differs(row: Row, reader: Reader, known: Mapping[int, int], found: Found) -> bool:
    second = known.get(row["id"])
    if second is None:
        found.missing.append(row["id"])
    elif second < reader.stamp_of(row):
        found.outdated.append(row["id"])
    else:
        return False
    return True


async def _not_met(client: Amo, feed: Feed, numbers: Sequence[int], found: Found) -> list[Raw]:
    """What the hub has and the list had not: changed meanwhile, or deleted."""
    there = {row["id"]: row for row in await by_ids(client, feed, numbers)}
    found.gone += [number for number in numbers if number not in there]
    now = await client.vendor_second()
    gone = [Raw(feed.raw, str(number), {"id": number, "updated_at": now, "is_deleted": True}) for number in found.gone]
    return [*await Reader.of(client, feed).raws(list(there.values())), *gone]
