"""How do the figures of a month close: published once, later differences restated with their cause (metrics.md 10)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from hub.core import closed
from hub.core.calls import instant_text
from hub.core.closed import Month
from hub.core.policy import DEFINITION_VERSION
from hub.core.report import NAMES
from hub.engine import report
from hub.engine.hub import Hub
from hub.store import connections, published, rules
from hub.store.database import Priority

RIPENS = timedelta(days=35)
"""How long after its publication a month may still change because what was open in it ends."""
LOOKED = "closing"
"""The day on which closed months were looked at, as it is remembered."""


async def step(hub: Hub, now: datetime) -> None:
    """Once a day of the hub's zone: publish the month that has closed, and restate those that have changed."""
    zone = ZoneInfo(hub.settings.timezone)
    if not await hub.db.write(Priority.BACKFILL, rules.remember, LOOKED, now.astimezone(zone).date().isoformat()):
        return
    month = closed.closed_last(now, hub.settings.policy.freeze_after, zone)
    if await hub.db.read(_is_due, month):
        figures = await _figures(hub, month, now)
        await hub.db.write(Priority.BACKFILL, published.publish, await _row(hub, month, figures, now))
    for row in await hub.db.read(published.months):
        await _look(hub, row, now)


def _is_due(connection: Connection, month: Month) -> bool:
    """Whether the month is to be published: the hub was live in it, and it was not yet."""
    live = (row["live_since"] for row in connections.listing(connection))
    began = min((since for since in live if since is not None), default=None)
    return began is not None and began < month.until and published.get(connection, month.name) is None


async def _figures(hub: Hub, month: Month, now: datetime) -> dict[str, list[dict[str, Any]]]:
    """The values of all reports of the month."""
    found = {}
    for name in NAMES:
        answer = await report.make(hub, name, month.since, month.until, now=now, stored=True)
        found[name] = closed.values(answer["rows"])
    return found


async def _row(hub: Hub, month: Month, figures: dict[str, Any], now: datetime) -> dict[str, Any]:
    return {
        "month": month.name,
        "since": month.since,
        "until": month.until,
        "published_at": now,
        "definition_version": DEFINITION_VERSION,
        "rules_version": (await hub.book()).versions[-1].version,
        "figures": figures,
    }


async def _look(hub: Hub, row: Any, now: datetime) -> None:
    """Restate a published month, if anything may have changed it."""
    version = (await hub.book()).versions[-1].version
    same = (row.definition_version, row.rules_version) == (DEFINITION_VERSION, version)
    if same and not row.late and now - row.published_at > RIPENS:
        return
    fresh = await _figures(hub, Month(row.month, row.since, row.until), now)
    before = await hub.db.read(published.restated, row.month)
    why = closed.cause(row.late, (row.definition_version, DEFINITION_VERSION), (row.rules_version, version))
    rows = [
        {
            "month": row.month,
            "report": found.report,
            "row": dict(found.row),
            "figure": found.figure,
            "old": found.old,
            "new": found.new,
            "cause": why,
            "at": now,
        }
        for found in closed.differences(row.figures, before, fresh)
    ]
    await hub.db.write(Priority.BACKFILL, published.restate, row.month, rows, DEFINITION_VERSION, version)


async def beside(hub: Hub, answer: dict[str, Any], month: str) -> dict[str, Any]:
    """A report's answer with what was published of the month: `published` of each figure, and the restatements.

    `published_at` is null while the month is open; figures always show what is true now.
    """
    row = await hub.db.read(published.get, month)
    name = answer["name"]
    said = {closed.key_of(item["row"]): item["figures"] for item in (row.figures.get(name, ()) if row else ())}
    for item in answer["rows"]:
        known = said.get(closed.key_of({key: value for key, value in item.items() if not isinstance(value, dict)}), {})
        for figure, value in item.items():
            if isinstance(value, dict) and row is not None:
                value["published"] = known.get(figure)
    return answer | {
        "month": month,
        "published_at": instant_text(row.published_at) if row else None,
        "restatements": [
            {**{key: found[key] for key in ("row", "figure", "old", "new", "cause")}, "at": instant_text(found["at"])}
            for found in await hub.db.read(published.restated, month, name)
        ],
    }
