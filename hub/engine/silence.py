"""Which sources are strangely silent now: each is a repair until something comes again (metrics.md 10)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from hub.core.calendars import Calendar
from hub.core.policy import Rules
from hub.core.silence import LONGEST, WEEK, WEEKS, Silence, hours_before, silence
from hub.engine.hub import OWN, Hub
from hub.store import connections, pulses, repairs
from hub.store.database import Priority

LAGGARD = timedelta(hours=1)
"""What comes so late comes in heaps, as files that somebody imports: between two of them nobody expects anything."""
_WORDS = {"call": "calls", "message": "messages", "submission": "forms"}


@dataclass(frozen=True, slots=True)
class Source:
    """A kind of facts of one connection: the latest of them, and the silence since then if it is strange."""

    connection: str
    kind: str
    last_at: datetime
    silent: Silence | None


async def watch(hub: Hub, now: datetime) -> None:
    """Note the sources that are strangely silent, and clear those that speak again."""
    calendars = calendars_of(hub.settings.rules)
    sources = await hub.db.read(look, [name for name in hub.links if name != OWN], calendars, now)
    if sources:
        await hub.db.write(Priority.BACKFILL, keep, sources)


def calendars_of(rules: Rules) -> list[Calendar]:
    """The hours of all line groups: somebody works when any of them is open."""
    return [group.calendar for group in rules.groups.values() if group.calendar is not None]


def look(connection: Connection, names: Sequence[str], calendars: Sequence[Calendar], now: datetime) -> list[Source]:
    """Each kind of facts of the live connections. The cost does not grow with the history: only some weeks are read."""
    states = {name: connections.get(connection, name) for name in names}
    live = {name: row.live_since for name, row in states.items() if _is_live(row)}
    rows = pulses.sources(connection, list(live), pulses.hour_of(now) - WEEKS * WEEK, now)
    return [
        Source(row.connection, row.kind, row.last_at, _silence(connection, row, calendars, now))
        for row in rows
        if row.last_at >= live[row.connection]  # of history alone nothing more is expected
    ]


def _is_live(row: Any) -> bool:
    """Whether it should bring something: one whose access was refused is a repair already."""
    return row is not None and row.live_since is not None and row.state == "active"


def _silence(connection: Connection, row: Any, calendars: Sequence[Calendar], now: datetime) -> Silence | None:
    since = max(row.last_at, now - LONGEST)
    wanted = hours_before(since, now, row.first_at)
    counts = pulses.counts(connection, row.connection, row.kind, wanted)
    found = silence(row.last_at, now, row.first_at, counts, calendars)
    if found is None or pulses.lag(connection, row.connection, row.kind, row.last_at) > LAGGARD:
        return None
    return found


def keep(connection: Connection, sources: Sequence[Source]) -> None:
    """Write what was found: a repair and an open gap for each that is silent."""
    for source in sources:
        key = f"silent:{source.connection}/{source.kind}"
        if source.silent is None:
            pulses.close_gap(connection, source.connection, source.kind, source.last_at)
            repairs.clear(connection, key)
            continue
        pulses.open_gap(connection, source.connection, source.kind, source.last_at)
        repairs.clear(connection, key)  # how long it lasts is told anew
        repairs.note(
            connection,
            key,
            kind="silent",
            connection_name=source.connection,
            now=source.last_at,
            title=f"{source.connection}: {_told(_WORDS[source.kind], source.silent)}",
            advice=f"see that it is at work, and what `crmhub check {source.connection}` says; this goes by itself",
        )


def _told(what: str, silent: Silence) -> str:
    return f"no {what} for {_length(silent.worked)}, usually {_length(silent.usual)}"


def _length(seconds: int) -> str:
    """In whole minutes; from two hours on in hours."""
    minutes = max(1, round(seconds / 60))
    return f"{minutes} min" if minutes < 120 else f"{round(minutes / 60)} h"
