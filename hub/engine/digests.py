"""To whom is the evening's summary due, and when? Each is planned once, by its key, when its moment has come."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime

from sqlalchemy import Connection

from hub.core import schedule
from hub.core.effects import Digest
from hub.core.policy import Rulebook
from hub.core.schedule import Due, Plan
from hub.engine.deliver import routes
from hub.engine.hub import Hub
from hub.engine.letters import EVENING
from hub.store import outbox, rules
from hub.store.database import Priority
from hub.store.outbox import Planned

SINCE = "digests"
"""Kept in the store: recipient → since when he gets digests; nobody gets those of before."""


async def step(hub: Hub) -> bool:
    """Plan what is due; True when anything was."""
    return await hub.db.write(Priority.DERIVE, _plan, recipients(hub), hub.settings.rulebook(), hub.now())


def next_due(hub: Hub) -> datetime | None:
    """When the next one is due to anybody."""
    book, now = hub.settings.rulebook(), hub.now()
    coming = (_evenings(member, book).upcoming("daily", now) for member in recipients(hub))
    return min((due.at for due in coming if due is not None), default=None)


def recipients(hub: Hub) -> list[str]:
    """The heads of line groups and the head of sales, as far as a digest can reach them."""
    heads = {group.head for group in hub.settings.rules.groups.values()} | {hub.settings.head_of_sales}
    return sorted(member for kind, member in routes(hub) if kind == "digest" and member in heads)


def _evenings(member: str, book: Rulebook) -> schedule.Recipient:
    """The evenings of the days on which he works, at the time that his line group names."""
    one = schedule.recipient(member, Plan(), book)
    return replace(one, plan=Plan(weekly=False, monthly=False, at=one.fallback))


def _plan(connection: Connection, who: Collection[str], book: Rulebook, now: datetime) -> bool:
    known = rules.recall(connection, SINCE) or {}
    since = {member: known.get(member, now.isoformat()) for member in who}
    rules.remember(connection, SINCE, since)
    due: dict[str, tuple[str, Due]] = {}
    for member in who:
        latest = _evenings(member, book).latest("daily", now)
        if latest is not None and latest.at > datetime.fromisoformat(since[member]) and now - latest.at <= EVENING:
            due[f"digest/{latest.day.isoformat()}/{member}"] = (member, latest)
    fresh = sorted(due.keys() - {row.key for row in outbox.by_key(connection, due)})
    planned = [Digest(key=key, at=due[key][1].at, to=due[key][0]) for key in fresh]
    outbox.plan(connection, [Planned(effect, None, None, now) for effect in planned])
    return bool(planned)
