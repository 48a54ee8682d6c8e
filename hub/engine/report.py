"""How is a report made: rows of a period from the store, or as of another moment, counted by the core."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from hub.core import offers, report, waited
from hub.core.calls import instant_text
from hub.core.derive import judged
from hub.core.figures import Figure, Row
from hub.core.policy import Rulebook
from hub.core.report import Facts
from hub.core.timeline import Timeline
from hub.core.touches import Touched, touched
from hub.core.waits import KIND
from hub.engine import coverage, current, evaluate
from hub.engine.hub import Hub
from hub.store import calls, timeline
from hub.store.bulk import chunks
from hub.store.people import LONG_AGO

TOUCHING = ("leads", "touches")
"""Reports that count how often we and clients touched each other."""
BEFORE = timedelta(days=30)
"""How far before the period cases are read that may hold its sessions."""


LONG_CALL = timedelta(hours=12)
"""How long before the period a call may have begun in which one of us still talks."""


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
    if name in TOUCHING:
        found = await _with_touches(hub, name, found, since, until, now)
    zone = hub.settings.timezone
    rows = await asyncio.to_thread(report.report, name, found, await hub.book(), ZoneInfo(zone), by)
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


async def _with_touches(hub: Hub, name: str, found: Facts, since: datetime, until: datetime, now: datetime) -> Facts:
    """The rows with the touches of the period, or of the clients who sent forms in it."""
    if name == "leads":
        leads = {row["contact"]["id"] for row in found.cases if row["kind"] == "new_lead"}
        return replace(found, clients=await clients_touched(hub, sorted(leads), LONG_AGO, now), now=now)
    around = await hub.db.read(evaluate.clients, min(until, now), since)
    clients = await clients_touched(hub, around, since - BEFORE, now)
    rows = [touch.row(contact) for contact, touched in clients.items() for touch in touched.touches]
    return replace(found, touches=report.period(rows, "at", since, until), now=now)


async def clients_touched(hub: Hub, contacts: Sequence[int], since: datetime, now: datetime) -> dict[int, Touched]:
    """What touched each of these clients from `since` on, as it was known at `now`."""
    book = await hub.book()
    found: dict[int, Touched] = {}
    for part in chunks(contacts, evaluate.BATCH):
        loaded = await hub.db.read(timeline.load, dict.fromkeys(part, since), now)
        found |= await asyncio.to_thread(_touched, loaded.timelines, book, now)
    return found


def _touched(timelines: Mapping[int, Timeline], book: Rulebook, now: datetime) -> dict[int, Touched]:
    return {contact: touched(judged(known, book, now)[0]) for contact, known in timelines.items()}


def _shown(value: Any, *, members: bool) -> Any:
    return value.row(members=members) if isinstance(value, Figure) else value


async def _stored(hub: Hub, since: datetime, until: datetime, now: datetime) -> Facts:
    around = await hub.db.read(calls.listing, since=since - LONG_CALL, until=until)
    cases = await current.listing(hub, now, since=since - BEFORE, until=until)
    missed = await hub.db.read(calls.missed_offers, since, until)
    return _facts(around, cases, offers.by_members(missed, around, await hub.book()), since, until)


async def _evaluated(hub: Hub, since: datetime, until: datetime, now: datetime) -> Facts:
    found = await evaluate.at(hub, now, since - BEFORE, until)
    missed = report.period(found.offers, "at", since, until)
    return _facts(found.calls, found.cases, offers.by_members(missed, found.calls, await hub.book()), since, until)


def _facts(
    around: Sequence[Row], cases: Sequence[Row], missed: Sequence[Row], since: datetime, until: datetime
) -> Facts:
    opened = report.period(cases, "opened_at", since, until)
    inbound = [row for row in around if row["direction"] == "inbound"]
    return Facts(
        calls=report.period(inbound, "started_at", since, until),
        cases=opened,
        waits=[waited.view(row) for row in opened if row["kind"] == KIND],
        offers=missed,
        earlier=report.period(cases, "opened_at", since - BEFORE, since),
    )
