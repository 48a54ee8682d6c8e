"""Is a silence strange, given what usually comes at that hour of the week, while we work?"""

from __future__ import annotations

import math
from datetime import datetime, timedelta

from hub.core.silence import HOUR, STRANGE, WEEK, hours_before, silence
from tests.core.timelines import at, rulebook

OFFICE = rulebook().versions[0].groups["sales"].calendar
FIRST = at("2025-12-01 00:00")


def judged(since: datetime, now: datetime, every: timedelta, first: datetime = FIRST):
    """The silence where in every hour of the weeks before one fact came in so long a time."""
    assert OFFICE is not None
    counts = {hour: round(HOUR / every) for hour in hours_before(since, now, first)}
    return silence(since, now, first, counts, [OFFICE])


def test_three_times_the_usual_pause_is_strange():
    every = timedelta(minutes=12)
    assert judged(at("10:00"), at("10:35"), every) is None
    found = judged(at("10:00"), at("10:47"), every)
    assert found is not None
    assert (found.worked, found.usual) == (47 * 60, 12 * 60)


def test_the_limit_is_five_per_cent():
    assert math.isclose(math.exp(-STRANGE), 0.05)


def test_lunch_nights_and_holidays_are_no_silence():
    every = timedelta(minutes=10)
    assert judged(at("12:45"), at("14:10"), every) is None
    assert judged(at("17:45"), at("2026-03-11 09:10"), every) is None
    assert judged(at("2026-03-06 17:50"), at("09:15"), every) is None


def test_a_quiet_source_may_be_silent_longer_than_a_busy_one():
    assert judged(at("09:00"), at("11:50"), HOUR) is None
    assert judged(at("09:00"), at("17:30"), HOUR) is not None


def test_in_one_week_nothing_is_learned():
    now = at("17:00")
    assert judged(at("09:00"), now, timedelta(minutes=1), first=now - WEEK) is None


def test_hours_in_which_nothing_ever_comes_expect_nothing():
    assert OFFICE is not None
    assert silence(at("10:00"), at("17:00"), FIRST, {}, [OFFICE]) is None


def test_without_a_calendar_nothing_is_judged():
    assert (
        silence(
            at("10:00"), at("17:00"), FIRST, {hour: 60 for hour in hours_before(at("10:00"), at("17:00"), FIRST)}, []
        )
        is None
    )


def test_what_is_read_does_not_grow_with_the_history():
    since, now = at("10:00"), at("10:40")
    assert len(hours_before(since, now, at("2016-01-01 00:00"))) == len(hours_before(since, now, FIRST)) == 8
