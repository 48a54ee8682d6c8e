"""Which reports are due, and to whom? Each is planned once, by its key, when its moment has come."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from sqlalchemy import Connection

from hub.core import schedule, summary
from hub.core.effects import Report
from hub.core.policy import Rulebook
from hub.core.schedule import Due, Recipient
from hub.engine.deliver import routes
from hub.engine.hub import Hub
from hub.store import outbox, rules
from hub.store.database import Priority
from hub.store.outbox import Planned

SINCE = "reports"
"""Kept in the store: recipient → since when he gets reports; nobody gets those of before."""


async def step(hub: Hub) -> bool:
    """Plan what is due; True when anything was."""
    who = recipients(hub)
    return await hub.db.write(Priority.DERIVE, _plan, who, hub.now())


def next_due(hub: Hub) -> datetime | None:
    """When the next report is due to anybody, by the calendars alone."""
    now = hub.now()
    coming = (who.upcoming(name, now) for who in recipients(hub).values() for name in schedule.NAMES)
    return min((due.at for due in coming if due is not None), default=None)


def recipients(hub: Hub) -> dict[str, Recipient]:
    """Those of us whom a report can reach and who are to get any."""
    book, plan = hub.settings.rulebook(), hub.settings.reports
    reached = [member for kind, member in routes(hub) if kind == "report"]
    return {member: schedule.recipient(member, plan, book) for member in reached if _is_wanted(member, book, hub)}


def _is_wanted(member: str, book: Rulebook, hub: Hub) -> bool:
    return hub.settings.reports.managers or summary.scope_of(member, book).member is None


def _plan(connection: Connection, who: Mapping[str, Recipient], now: datetime) -> bool:
    known: Mapping[str, str] = rules.recall(connection, SINCE) or {}
    since = {member: known.get(member, now.isoformat()) for member in who}
    rules.remember(connection, SINCE, since)
    due = {
        schedule.key(due.name, due.day, member): (member, due)
        for member, one in who.items()
        for due in _latest(one, now)
        if due.at > datetime.fromisoformat(since[member])
    }
    planned = due.keys() - {row.key for row in outbox.by_key(connection, due)}
    effects = [_effect(key, *due[key]) for key in sorted(planned)]
    outbox.plan(connection, [Planned(effect, None, None, now) for effect in effects])
    return bool(effects)


def _latest(one: Recipient, now: datetime) -> Iterable[Due]:
    return (due for name in schedule.NAMES if (due := one.latest(name, now)) is not None)


def _effect(key: str, member: str, due: Due) -> Report:
    return Report(key=key, at=due.at, to=member, name=due.name, day=due.day.isoformat())
