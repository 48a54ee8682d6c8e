"""How much may be missing from the figures of a period: watermarks of the sources, and their gaps (metrics.md 10)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from hub.core.calls import instant_text
from hub.core.session import Span, length, within
from hub.core.silence import WEEK, WEEKS, open_spans
from hub.engine.hub import OWN, Hub
from hub.engine.silence import calendars_of
from hub.registry import Link
from hub.store import connections, pulses


@dataclass(frozen=True, slots=True)
class Gap:
    """A stretch in which a source may have had more than we know. because: `silent` or `unread`."""

    since: datetime
    until: datetime
    because: str


@dataclass(frozen=True, slots=True)
class Source:
    """A connection that brings facts. confirmed_until: nothing older is missing; None where nobody can say so."""

    connection: str
    confirmed_until: datetime | None
    gaps: tuple[Gap, ...]


async def rows_of(hub: Hub, since: datetime, until: datetime, now: datetime) -> dict[str, Any]:
    """The keys `completeness`, `provisional_after` and `sources` of a report. Null: no source is connected live.

    completeness: share of the working time of the period, as far as it has passed, in which no source had a gap.
    provisional_after: from then on figures may still change; a source that never confirms makes the whole period so.
    """
    links = {name: link for name, link in hub.links.items() if name != OWN}
    end = min(until, now)
    found = await hub.db.read(sources, links, since, end, now)
    spans = open_spans(since, end, calendars_of(hub.settings.rules)) or [(since, max(since, end))]
    confirmed = [source.confirmed_until or since for source in found]
    return {
        "completeness": _share(spans, [gap for source in found for gap in source.gaps]) if found else None,
        "provisional_after": instant_text(min(confirmed)) if found else None,
        "sources": [
            {
                "connection": source.connection,
                "confirmed_until": instant_text(source.confirmed_until),
                "completeness": _share(spans, source.gaps),
                "gaps": [
                    {"from": instant_text(gap.since), "to": instant_text(gap.until), "because": gap.because}
                    for gap in source.gaps
                ],
            }
            for source in found
        ],
    }


def _share(spans: Sequence[Span], gaps: Sequence[Gap]) -> float | None:
    """What is left of the spans without the gaps; None of nothing."""
    whole = length(spans)
    missing = length(part for gap in gaps for part in within((gap.since, gap.until), spans))
    return 1 - missing / whole if whole else None


def sources(
    connection: Connection, links: Mapping[str, Link], since: datetime, end: datetime, now: datetime
) -> list[Source]:
    """The live connections that brought facts lately or that say how far they have been read."""
    rows = {row["name"]: row for row in connections.listing(connection) if row["name"] in links}
    live = {name: row for name, row in rows.items() if row["live_since"] is not None and row["live_since"] < end}
    recent = pulses.sources(connection, list(live), pulses.hour_of(since) - WEEKS * WEEK, now)
    brings = {row.connection for row in recent if row.last_at >= live[row.connection]["live_since"]}
    silent: dict[str, list[Gap]] = {}
    for gap in pulses.gaps_of(connection, list(live), since, end):
        silent.setdefault(gap.connection, []).append(Gap(gap.since, gap.until or now, "silent"))
    found: list[Source] = []
    for name, row in live.items():
        marks = _watermarks(links[name], row["streams"])
        if name in brings or marks:
            until = min(marks, default=None)
            unread = [Gap(until, now, "unread")] if until is not None and _is_down(row) and until < end else []
            found.append(Source(name, until, (*silent.get(name, ()), *unread)))
    return found


def _watermarks(link: Link, rows: Sequence[Mapping[str, Any]]) -> list[datetime]:
    """How far each stream confirmed that nothing is missing; a stream that stays open confirms what it has brought.

    History that is still being read is not what figures of now wait for.
    """
    streams = {name: stream for name, stream in link.streams.items() if not stream.backfill}
    marks = (
        row["complete_until"] or (row["pulled_at"] if streams[row["stream"]].live is not None else None)
        for row in rows
        if row["stream"] in streams
    )
    return [mark for mark in marks if mark is not None]


def _is_down(row: Mapping[str, Any]) -> bool:
    """Whether a stream of it cannot be read now."""
    return row["state"] == "paused" or any(stream["failures"] for stream in row["streams"])
