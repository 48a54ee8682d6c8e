"""When does each of us get which report? Dates of 2026 worked out with a wall calendar."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime

import pytest

from hub import settings
from hub.core.schedule import Plan, covered, recipient
from tests.core.timelines import at, rulebook

AWAY = "absences = [{ from = 2026-03-11, to = 2026-03-22 }]"
OWN_HOURS = """
[calendars.own]
timezone = "Asia/Vladivostok"
exceptions = [{ on = 2026-03-13, hours = "" }]
[[calendars.own.hours]]
from = 2020-01-01
days = { mon-fri = "10:00-19:00", thu = "22:00-06:00" }
"""
BOOK = rulebook()


def of(member: str = "anna", book=BOOK, **plan):
    return recipient(member, Plan(**plan), book)


def with_hours_of_her_own():
    book = rulebook(more=OWN_HOURS)
    calendar = settings.parse(OWN_HOURS).calendars["own"]
    anna = replace(book.team.members["anna"], calendar=calendar)
    return replace(book, team=replace(book.team, members={**book.team.members, "anna": anna}))


def shown(due) -> tuple[str, datetime] | None:
    return (due.day.isoformat(), due.at) if due else None


@pytest.mark.parametrize(
    ("now", "day", "moment"),
    [
        ("2026-03-11 17:59:59", "2026-03-10", "2026-03-10 18:00"),  # the day before is due until this one is
        ("2026-03-11 18:00", "2026-03-11", "2026-03-11 18:00"),  # to the second
        ("2026-03-15 12:00", "2026-03-13", "2026-03-13 18:00"),  # on Sunday: Friday's
        ("2026-03-16 17:00", "2026-03-13", "2026-03-13 18:00"),  # and on Monday until the evening
    ],
)
def test_the_daily_report_is_due_at_the_end_of_the_working_day_until_the_next_is(now, day, moment):
    assert shown(of().latest("daily", at(now))) == (day, at(moment))


def test_nothing_is_due_long_after_its_moment():
    assert of(book=rulebook(anna=AWAY)).latest("daily", at("2026-03-14 18:00")) is not None
    assert of(book=rulebook(anna=AWAY)).latest("daily", at("2026-03-14 18:00:01")) is None


def test_who_is_away_gets_none_and_on_coming_back_the_first_of_a_day_that_he_works():
    one = of(book=rulebook(anna=AWAY))
    assert shown(one.latest("daily", at("2026-03-12 19:00"))) == ("2026-03-10", at("2026-03-10 18:00"))
    assert shown(one.upcoming("daily", at("2026-03-12 19:00"))) == ("2026-03-23", at("2026-03-23 18:00"))


@pytest.mark.parametrize(
    ("plan", "day", "moment"),
    [
        ({}, "2026-03-16", "2026-03-16 18:00"),
        ({"at": "20:30"}, "2026-03-16", "2026-03-16 20:30"),
        ({"closed_days": True}, "2026-03-14", "2026-03-14 19:00"),  # a Saturday has no end: digest_at
        ({"closed_days": True, "at": "09:15"}, "2026-03-14", "2026-03-14 09:15"),
    ],
)
def test_closed_days_and_the_time_of_day_are_as_set(plan, day, moment):
    assert shown(of(**plan).upcoming("daily", at("2026-03-13 21:00"))) == (day, at(moment))


def test_what_is_switched_off_is_never_due():
    one = of(daily=False, weekly=False, monthly=False)
    assert [one.latest(name, at("2026-03-13 19:00")) for name in ("daily", "weekly", "monthly")] == [None] * 3


def test_the_weekly_report_comes_on_the_last_working_day_of_the_week():
    assert shown(of().upcoming("weekly", at("2026-03-10 12:00"))) == ("2026-03-13", at("2026-03-13 18:00"))


def test_a_calendar_and_zone_of_his_own_decide_and_a_night_shift_ends_the_day_after():
    one = of(book=with_hours_of_her_own())
    assert shown(one.upcoming("daily", at("2026-03-10 11:59"))) == ("2026-03-10", at("2026-03-10 12:00"))
    thursday = ("2026-03-12", at("2026-03-12 23:00"))  # 06:00 of Friday, which is closed, in Vladivostok
    assert shown(one.upcoming("daily", at("2026-03-12 12:00"))) == thursday
    assert shown(one.upcoming("weekly", at("2026-03-10 12:00"))) == thursday


def test_the_monthly_report_comes_when_the_first_working_day_of_the_next_begins():
    one = of()
    assert shown(one.upcoming("monthly", at("2026-03-10 12:00"))) == ("2026-03-31", at("2026-04-01 09:00"))
    assert shown(one.upcoming("monthly", at("2026-04-20 12:00"))) == ("2026-04-30", at("2026-05-01 09:00"))
    assert shown(one.upcoming("monthly", at("2026-10-20 12:00"))) == ("2026-10-31", at("2026-11-02 09:00"))  # Monday


@pytest.mark.parametrize(
    ("name", "day", "first"),
    [
        ("daily", "2026-03-10", "2026-03-10"),
        ("weekly", "2026-03-13", "2026-03-07"),
        ("monthly", "2026-02-28", "2026-02-01"),
    ],
)
def test_a_report_covers_its_day_seven_days_or_its_month(name, day, first):
    assert covered(name, date.fromisoformat(day)) == (date.fromisoformat(first), date.fromisoformat(day))


def test_the_evening_and_the_weekend_lie_between_two_reports():
    assert shown(of().before("daily", date(2026, 3, 16))) == ("2026-03-13", at("2026-03-13 18:00"))
