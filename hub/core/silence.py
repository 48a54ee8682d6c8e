"""Is a source strangely silent: how much would usually have come since the last time? (metrics.md 10)

How much comes is learned hour by hour of the week, from the hours of the last weeks in which we worked. If facts come
independently of each other, none at all in a stretch in which `m` are usual has the probability e^-m; below 5 % somebody
should look.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from hub.core import hours
from hub.core.calendars import Calendar
from hub.core.session import Span, length, union

WEEK = timedelta(days=7)
HOUR = timedelta(hours=1)
WEEKS = 8
"""From how many weeks it is learned."""
ENOUGH = 2
"""In fewer weeks nothing is learned."""
STRANGE = -math.log(0.05)
"""How many facts are usual in a stretch in which none is strange."""
LONGEST = timedelta(days=3)
"""A silence is not looked at farther back: by then it is known."""


@dataclass(frozen=True, slots=True)
class Silence:
    """Nothing came since then. worked: the working seconds of it; usual: the seconds from one fact to the next otherwise."""

    since: datetime
    worked: int
    usual: int


def hours_before(since: datetime, now: datetime, first: datetime) -> list[datetime]:
    """The hours of the weeks before that tell what is usual between the two moments, none before `first`."""
    return [hour - week * WEEK for hour in _hours(since, now) for week in _weeks(hour, first)]


def silence(
    since: datetime,
    now: datetime,
    first: datetime,
    counts: Mapping[datetime, int],
    calendars: Sequence[Calendar],
) -> Silence | None:
    """The silence since the last fact if it is strange at `now`, else None.

    first: since when the source is known. counts: how much came in each of `hours_before`; an hour without is zero.
    calendars: somebody works whenever one of them does.
    """
    since = max(since, now - LONGEST)
    expected = worked = 0.0
    for hour in _hours(since, now):
        seconds = _worked(max(hour, since), min(hour + HOUR, now), calendars)
        before = [hour - week * WEEK for week in _weeks(hour, first)]
        working = {then: part for then in before if (part := _worked(then, then + HOUR, calendars))}
        if not seconds or len(working) < ENOUGH:
            continue
        worked += seconds
        expected += seconds * sum(counts.get(then, 0) for then in working) / sum(working.values())
    if expected < STRANGE:
        return None
    return Silence(since, int(worked), int(worked / expected))


def _hours(since: datetime, now: datetime) -> Iterator[datetime]:
    at = since.replace(minute=0, second=0, microsecond=0)
    while at < now:
        yield at
        at += HOUR


def _weeks(hour: datetime, first: datetime) -> Iterator[int]:
    return (week for week in range(1, WEEKS + 1) if hour - week * WEEK >= first)


def _worked(start: datetime, end: datetime, calendars: Sequence[Calendar]) -> float:
    return length(open_spans(start, end, calendars)).total_seconds()


def open_spans(start: datetime, end: datetime, calendars: Sequence[Calendar]) -> list[Span]:
    """When anybody works between the moments, by any of the calendars."""
    return union(span for calendar in calendars for span in hours.intervals(start, end, calendar))
