"""Cases as they stand at this moment: stored verdicts, with what the clock alone moves."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from hub.core import hours
from hub.core.policy import Rulebook
from hub.core.records import instant
from hub.core.waits import KIND
from hub.engine import evaluate
from hub.engine.hub import Hub
from hub.store import cases


async def listing(hub: Hub, now: datetime, **wanted: Any) -> list[dict[str, Any]]:
    """The rows of `crmhub cases`. Options are those of `store.cases`.

    How late an open case is runs up to `now`; an open wait for a reply, which grows in every length, is evaluated.
    """
    rows = await hub.db.read(cases.listing, **wanted)
    growing = {row["contact"]["id"] for row in rows if row["state"] == "open" and row["kind"] == KIND}
    found = (await evaluate.at(hub, now, contacts=sorted(growing))).cases if growing else []
    fresh = {row["key"]: row for row in found if row["kind"] == KIND}
    book = await hub.book()
    for row in rows:
        if row["state"] == "open":
            row.update(fresh.get(row["key"], {}))
            row["late_by"] = _late_by(row, book, now) if row["breached"] else row["late_by"]
    return rows


def _late_by(row: dict[str, Any], book: Rulebook, now: datetime) -> int | None:
    rules = next(rules for rules in book.versions if rules.version == row["rules_version"])
    group = rules.group(row["line_group"])
    return hours.seconds(instant(row["due_at"]), now, group.calendar, group.policy.no_calendar_horizon)
