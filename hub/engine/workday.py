"""How are the working days of our people read: what was planned, what they said, and what they did."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from hub.core import owners
from hub.core.attempts import is_ours
from hub.core.policy import LineGroup, Rulebook, Team
from hub.core.records import instant
from hub.core.session import Span
from hub.core.workday import Declared, workdays
from hub.engine.hub import Hub
from hub.store import calls, presence

AROUND = timedelta(days=2)
"""How far outside the days something may belong to their shifts, or still have run."""


@dataclass(slots=True)
class Done:
    """What was said and done, by member (the handle of whoever is nobody's)."""

    declared: dict[str, list[Declared]] = field(default_factory=lambda: defaultdict(list))
    active: dict[str, list[Span]] = field(default_factory=lambda: defaultdict(list))


async def listing(hub: Hub, since: datetime, until: datetime, now: datetime) -> list[dict[str, Any]]:
    """The rows of `crmhub workdays` of the days that the period touches in the hub's zone, as of `now`."""
    zone, book = ZoneInfo(hub.settings.timezone), await hub.book()
    last = (max(until, since + timedelta.resolution) - timedelta.resolution).astimezone(zone).date()
    days = (since.astimezone(zone).date(), last)
    done = await hub.db.read(read, book.team, since - AROUND, min(until + AROUND, now + timedelta.resolution), now)
    rows: list[dict[str, Any]] = []
    for member in [*book.team.members, *sorted({*done.declared, *done.active} - book.team.members.keys())]:
        rows += _of(member, days, book, done, now, zone)
    return sorted(rows, key=lambda row: (row["day"], row["member"]))


def _of(
    member: str, days: tuple[date, date], book: Rulebook, done: Done, now: datetime, zone: ZoneInfo
) -> Iterator[dict[str, Any]]:
    rules = book.at(now)
    group = _group_of(member, rules.groups.values()) or rules.default
    planned = owners.planned(book.team, member, group)
    found = workdays(
        member,
        planned,
        done.declared.get(member, ()),
        done.active.get(member, ()),
        days,
        rules.default.policy,
        now,
        zone,
    )
    return (day.row() for day in found)


def _group_of(member: str, groups: Iterable[LineGroup]) -> LineGroup | None:
    """The line group that he works for: its exceptions are his where his calendar names none."""
    return next((group for group in groups if member in (*group.duty, *group.owners.values(), group.head)), None)


def read(connection: Connection, team: Team, since: datetime, until: datetime, now: datetime) -> Done:
    """Everything of that time. The cost is that of the period."""
    done = Done()
    for said in presence.said_or_done(connection, "presence", since, until):
        name = team.named(said.member, said.at)
        if name is not None:
            done.declared[name].append(Declared(said.at, said.state, said.source))
    for message in presence.said_or_done(connection, "message", since, until):
        author = team.key_of(message.member, message.at) if is_ours(message) else None
        if author is not None:
            done.active[author].append((message.at, message.at))
    for mark in presence.said_or_done(connection, "mark", since, until):
        by = team.key_of(mark.by, mark.at)
        if by is not None:
            done.active[by].append((mark.at, mark.at))
    for row in calls.listing(connection, since=since, until=until):
        for name, span in on_the_phone(row, now):
            if name in team.members:
                done.active[name].append(span)
    return done


def on_the_phone(row: dict[str, Any], now: datetime) -> Iterator[tuple[str, Span]]:
    """(member, when) of those who talked or dialled in a call; up to now while it runs."""
    for talk in row["talks"]:
        if talk["member"] is not None:
            yield talk["member"], (instant(talk["from"]), instant(talk["to"]) if talk["to"] else now)
    if row["dialled_by"] is not None:
        yield row["dialled_by"], (instant(row["started_at"]), instant(row["ended_at"]) if row["ended_at"] else now)
