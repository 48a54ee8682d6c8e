"""How is a report made: rows of a period from the store, or as of another moment, counted by the core."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from hub.core import report, waited
from hub.core.calls import instant_text
from hub.core.report import Facts, Row
from hub.core.waits import KIND
from hub.engine import coverage, current, evaluate
from hub.engine.hub import Hub
from hub.store import calls

BEFORE = timedelta(days=30)
"""How far before the period cases are read that may hold its sessions."""


async def make(
    hub: Hub,
    name: str,
    since: datetime,
    until: datetime,
    *,
    now: datetime,
    stored: bool,
    by: tuple[str, ...] = (),
    members: bool = False,
) -> dict[str, Any]:
    """The answer of `crmhub report`. stored: rows as they are kept, else evaluated as of `now`. ValueError: see `report`."""
    found = await facts(hub, since, until, now, stored=stored)
    zone = hub.settings.timezone
    rows = report.report(name, found, await hub.book(), ZoneInfo(zone), by)
    return {
        "name": name,
        "from": instant_text(since),
        "to": instant_text(until),
        "at": instant_text(now),
        "timezone": zone,
        **await coverage.rows_of(hub, since, until, now),
        "rows": [{key: _shown(value, members=members) for key, value in row.items()} for row in rows],
    }


async def facts(hub: Hub, since: datetime, until: datetime, now: datetime, *, stored: bool) -> Facts:
    """The rows of a period, as they are kept, else evaluated as of `now`."""
    return await (_stored(hub, since, until, now) if stored else _evaluated(hub, since, until, now))


def _shown(value: Any, *, members: bool) -> Any:
    return value.row(members=members) if isinstance(value, report.Figure) else value


async def _stored(hub: Hub, since: datetime, until: datetime, now: datetime) -> Facts:
    inbound = await hub.db.read(calls.listing, since=since, until=until, direction="inbound")
    cases = await current.listing(hub, now, since=since - BEFORE, until=until)
    offers = await hub.db.read(calls.missed_offers, since, until)
    return _facts(inbound, cases, offers, since, until)


async def _evaluated(hub: Hub, since: datetime, until: datetime, now: datetime) -> Facts:
    found = await evaluate.at(hub, now, since - BEFORE, until)
    inbound = [row for row in found.calls if row["direction"] == "inbound"]
    return _facts(
        report.period(inbound, "started_at", since, until),
        found.cases,
        report.period(found.offers, "at", since, until),
        since,
        until,
    )


def _facts(
    inbound: list[Row] | Any, cases: list[Row] | Any, offers: list[Row] | Any, since: datetime, until: datetime
) -> Facts:
    opened = report.period(cases, "opened_at", since, until)
    return Facts(
        calls=inbound,
        cases=opened,
        waits=[waited.view(row) for row in opened if row["kind"] == KIND],
        offers=offers,
        earlier=report.period(cases, "opened_at", since - BEFORE, since),
    )
