"""Working time on calendars nobody thought of: laws that always hold, and a slow oracle that asks every minute."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from hub.core.hours import (
    Absence,
    Calendar,
    DayException,
    ProductionCalendar,
    ProductionDay,
    WeekHours,
    due,
    intervals,
    is_open,
    worked,
)

ZONES = [
    "Europe/Moscow",
    "Europe/Berlin",
    "America/New_York",
    "Asia/Kolkata",
    "Australia/Lord_Howe",
    "Pacific/Kiritimati",
]
FIRST, LAST = date(2026, 3, 1), date(2026, 4, 10)  # both hemispheres change their clocks here
DAYS = st.dates(FIRST, LAST)
# Clocks change before four: a time that comes twice or never is told apart in the table of test_hours.
EDGE = st.integers(16, 96).map(lambda quarter: quarter * 15)


@st.composite
def spans(draw):
    edges = sorted(set(draw(st.lists(EDGE, max_size=4))))
    pairs = list(zip(edges[::2], edges[1::2], strict=False))
    if len(edges) % 2 and edges[-1] < 1440:
        pairs.append((edges[-1], 1440 + draw(st.integers(16, 20)) * 15))  # over midnight
    return tuple(pairs)


@st.composite
def calendars(draw):
    week = st.tuples(*[spans()] * 7)
    starts = draw(st.lists(DAYS, max_size=2, unique=True))
    versions = tuple(WeekHours(start, draw(week)) for start in [date(2020, 1, 1), *starts])
    exceptions = tuple(DayException(on, draw(spans())) for on in draw(st.lists(DAYS, max_size=3, unique=True)))
    special = [
        draw(st.builds(ProductionDay, st.just(on), st.booleans(), st.none() | DAYS, st.booleans()))
        for on in draw(st.lists(DAYS, max_size=4, unique=True))
    ]
    away = draw(st.lists(DAYS.map(lambda on: Absence(on, on + timedelta(days=2))), max_size=1))
    zone = draw(st.sampled_from(ZONES))
    return Calendar("any", zone, versions, exceptions, ProductionCalendar("XX", tuple(special)), tuple(away))


INSTANTS = st.datetimes(datetime(2026, 3, 3), datetime(2026, 4, 8), timezones=st.just(UTC))


def length(a, b, calendar):
    return worked(a, b, calendar) or timedelta()


@given(calendars(), st.lists(INSTANTS, min_size=3, max_size=3))
def test_working_time_adds_up(calendar, moments):
    a, b, c = sorted(moments)
    assert length(a, b, calendar) + length(b, c, calendar) == length(a, c, calendar)


@given(calendars(), INSTANTS, INSTANTS)
def test_working_time_is_the_sum_of_its_intervals_and_never_more_than_the_span(calendar, one, other):
    a, b = min(one, other), max(one, other)
    pieces = list(intervals(a, b, calendar))
    assert sum((end - start for start, end in pieces), timedelta()) == length(a, b, calendar) <= b - a
    assert all(start < end for start, end in pieces)
    assert all(end < start for (_, end), (start, _) in pairwise(pieces))


@given(calendars(), INSTANTS, st.integers(1, 400_000))
def test_due_is_the_inverse_of_working_time(calendar, a, wanted):
    moment = due(a, wanted, calendar)
    if moment is not None:
        assert worked(a, moment, calendar) == timedelta(seconds=wanted)
        assert length(a, moment - timedelta(microseconds=1), calendar) < timedelta(seconds=wanted)


@given(calendars(), INSTANTS, st.integers(0, 100_000), st.integers(0, 100_000))
def test_due_grows_with_the_length(calendar, a, one, other):
    early, late = due(a, min(one, other), calendar), due(a, max(one, other), calendar)
    assert (early is None) <= (late is None)
    assert early is None or late is None or early <= late


@given(calendars(), INSTANTS)
def test_an_instant_is_open_where_working_time_passes(calendar, a):
    assert bool(is_open(a, calendar)) == bool(length(a, a + timedelta(microseconds=1), calendar))


@settings(max_examples=40, deadline=None)
@given(calendars(), INSTANTS.map(lambda at: at.replace(second=0, microsecond=0)), st.integers(0, 3 * 1440))
def test_working_time_equals_the_minutes_at_which_the_wall_clock_is_within_hours(calendar, a, minutes):
    zone = ZoneInfo(calendar.zone)
    count = sum(works_at((a + timedelta(minutes=n)).astimezone(zone), calendar) for n in range(minutes))
    assert length(a, a + timedelta(minutes=minutes), calendar) == timedelta(minutes=count)


def works_at(local: datetime, calendar: Calendar) -> bool:
    """What a person reads off the wall clock: is this within a shift of today, or of yesterday?"""
    minute, today = local.hour * 60 + local.minute, local.date()
    yesterday = today - timedelta(days=1)
    return any(start <= minute < end for start, end in calendar.hours(today)) or any(
        start <= minute + 1440 < end for start, end in calendar.hours(yesterday)
    )
