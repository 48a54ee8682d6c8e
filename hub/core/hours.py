"""How much working time lies between two moments, and when will so much have passed?

Everything here is exact: instants carry a zone, arithmetic is in microseconds of UTC, the calendar's zone only decides
where a local time lies. Intervals are half-open. The cost is per day touched, and a day's shifts are computed once.
Where a calendar is missing, or has no working time within `horizon` around the span, the answer is None: unknown, not zero.
Source: metrics 6.2, 6.3.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta

from hub.core.calendars import (
    EPOCH_ORDINAL,
    SECOND,
    Absence,
    Calendar,
    DayException,
    ProductionCalendar,
    ProductionDay,
    Span,
    Spans,
    Ticks,
    WeekHours,
    hours_text,
    instant,
    parse_days,
    parse_hours,
    planned,
    ticks,
    zone_of,
)

__all__ = [
    "HORIZON",
    "Absence",
    "Calendar",
    "DayException",
    "ProductionCalendar",
    "ProductionDay",
    "Span",
    "Spans",
    "WeekHours",
    "due",
    "hours_text",
    "intervals",
    "is_open",
    "local_date",
    "next_opening",
    "off_hours",
    "open_before",
    "parse_days",
    "parse_hours",
    "planned",
    "seconds",
    "worked",
    "works_on",
]

HORIZON = timedelta(days=60)
"""Default of `no_calendar_horizon`."""

_DAY = 86_400 * SECOND
_BARREN = 15  # days: a week that repeats and has hours at all opens within eight


def worked(a: datetime, b: datetime, calendar: Calendar | None, horizon: timedelta = HORIZON) -> timedelta | None:
    """W(a, b, calendar): the working time in `[a, b)`; zero where b is not after a."""
    total = _total(a, b, calendar, horizon)
    return None if total is None else timedelta(microseconds=total)


def seconds(a: datetime, b: datetime, calendar: Calendar | None, horizon: timedelta = HORIZON) -> int | None:
    """`worked` in whole seconds, one floor taken of the total."""
    total = _total(a, b, calendar, horizon)
    return None if total is None else total // SECOND


def due(a: datetime, seconds: float, calendar: Calendar | None, horizon: timedelta = HORIZON) -> datetime | None:
    """The earliest moment t with `worked(a, t) == seconds`, in UTC.

    A start at closing time begins to count at the next opening; a length that ends at closing time ends there. None also
    where the calendar ends before so much has been worked.
    """
    if calendar is None:
        return None
    low, left = ticks(a), round(seconds * SECOND)
    if not _has_hours(calendar, low, low, horizon):
        return None
    if left <= 0:
        return instant(low)
    for start, end in _pieces(calendar, low):
        if start + left <= end:
            return instant(start + left)
        left -= end - start
    return None


def is_open(at: datetime, calendar: Calendar | None, horizon: timedelta = HORIZON) -> bool | None:
    """Whether the instant is worked."""
    return _works(ticks(at), 0, calendar, horizon)


def open_before(at: datetime, calendar: Calendar | None, horizon: timedelta = HORIZON) -> bool | None:
    """Whether the instant before this one is worked: true at closing time, false at opening time."""
    return _works(ticks(at), -1, calendar, horizon)


def off_hours(a: datetime, b: datetime, calendar: Calendar | None, horizon: timedelta = HORIZON) -> bool | None:
    """Whether nothing was worked in `[a, b)` because both ends fall outside hours (metrics 6.3)."""
    total = _total(a, b, calendar, horizon)
    if total is None:
        return None
    return not total and not is_open(a, calendar, horizon) and not open_before(b, calendar, horizon)


def next_opening(at: datetime, calendar: Calendar | None, horizon: timedelta = HORIZON) -> datetime | None:
    """The moment itself if it is worked, else the next at which work begins; None where none begins within the horizon."""
    if calendar is None:
        return None
    low = ticks(at)
    first = next(_pieces(calendar, low, low + _length(horizon)), None)
    return None if first is None else instant(first[0])


def intervals(a: datetime, b: datetime, calendar: Calendar | None) -> Iterator[tuple[datetime, datetime]]:
    """The working intervals within `[a, b)` in UTC, in order; those that touch or overlap are one."""
    if calendar is None:
        return
    run: Ticks | None = None
    for start, end in _pieces(calendar, ticks(a), ticks(b)):
        if run is not None and start > run[1]:
            yield instant(run[0]), instant(run[1])
            run = None
        run = (start if run is None else run[0], end)
    if run is not None:
        yield instant(run[0]), instant(run[1])


def works_on(day: date, calendar: Calendar | None) -> bool:
    """Whether a shift begins on this date of the calendar's zone: a working day."""
    return calendar is not None and bool(calendar.shifts(day.toordinal() - EPOCH_ORDINAL))


def local_date(at: datetime, calendar: Calendar) -> date:
    """The date of this moment in the calendar's zone."""
    return at.astimezone(zone_of(calendar.zone)).date()


def _total(a: datetime, b: datetime, calendar: Calendar | None, horizon: timedelta) -> int | None:
    if calendar is None:
        return None
    low, high = ticks(a), ticks(b)
    total = sum(end - start for start, end in _pieces(calendar, low, high))
    return total if total or _has_hours(calendar, low, high, horizon) else None


def _works(at: int, shift: int, calendar: Calendar | None, horizon: timedelta) -> bool | None:
    if calendar is None:
        return None
    if next(_pieces(calendar, at + shift, at + shift + 1), None) is not None:
        return True
    return False if _has_hours(calendar, at, at, horizon) else None


def _has_hours(calendar: Calendar, low: int, high: int, horizon: timedelta) -> bool:
    around = _length(horizon)
    return next(_pieces(calendar, low - around, max(low, high) + around), None) is not None


def _length(duration: timedelta) -> int:
    return duration // timedelta(microseconds=1)


def _pieces(calendar: Calendar, low: int, high: int | None = None) -> Iterator[Ticks]:
    """Working intervals within `[low, high)`, in order and apart, those of neighbouring days not joined.

    Without `high`, as long as there are any.
    """
    reached = low
    for begin, until in _shifts(calendar, low, high):
        start = max(begin, reached)
        end = until if high is None else min(until, high)
        if start < end:
            yield start, end
            reached = end


def _shifts(calendar: Calendar, low: int, high: int | None) -> Iterator[Ticks]:
    """All shifts that may lie in `[low, high)`, by their beginning.

    A zone is at most a day off UTC and a shift ends before the second midnight after its beginning, so the shifts of two
    days earlier may still run.
    """
    day = low // _DAY - 2
    if high is not None:
        for number in range(day, high // _DAY + 2):
            yield from calendar.shifts(number)
        return
    last = max(day, calendar.settled) + _BARREN
    while day <= last:
        shifts = calendar.shifts(day)
        yield from shifts
        day += 1
        if shifts:
            last = max(last, day + _BARREN)
