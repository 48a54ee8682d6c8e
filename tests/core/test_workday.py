"""When did one of us work: planned, declared, observed, and what follows from the three (metrics.md 9)."""

from __future__ import annotations

from datetime import date
from zoneinfo import ZoneInfo

import pytest

from hub import settings
from hub.core.policy import Policy
from hub.core.workday import Declared, Workday, workdays
from tests.core.timelines import at, rulebook

ZONE = ZoneInfo("Europe/Moscow")
TUESDAY = date(2026, 3, 10)
OFFICE = rulebook().versions[0].groups["sales"].calendar
NIGHTS = (
    settings.parse(
        """
[calendars.night]
timezone = "Europe/Moscow"
[[calendars.night.hours]]
from = 2020-01-01
days = { mon-sun = "22:00-06:00" }
[lines.x]
calendar = "night"
"""
    )
    .rulebook()
    .versions[0]
    .groups["x"]
    .calendar
)


def day(said: str = "", did: str = "", now: str = "2026-03-10 23:00", calendar=OFFICE, on: date = TUESDAY) -> Workday:
    """A day: `in 09:03, out 18:00`, activities `09:10-09:20, 12:00`."""
    declared = [
        Declared(at(when), state, "telegram")
        for state, _, when in (item.strip().partition(" ") for item in said.split(","))
        if when
    ]
    spans = []
    for item in filter(None, (item.strip() for item in did.split(","))):
        start, _, end = item.partition("-")
        spans.append((at(start), at(end or start)))
    (found,) = (
        row for row in workdays("anna", calendar, declared, spans, (on, on), Policy(), at(now), ZONE) if row.day == on
    )
    return found


@pytest.mark.parametrize(
    ("said", "late"),
    [("in 08:50", None), ("in 09:00", None), ("in 09:05", None), ("in 09:05:01", 301), ("in 10:00", 3_600), ("", None)],
)
def test_late_is_who_says_so_more_than_the_grace_after_the_beginning(said, late):
    assert day(said).late == late


@pytest.mark.parametrize(
    ("said", "early"), [("in 09:00, out 17:55", None), ("in 09:00, out 17:54", 360), ("in 09:00, out 18:30", None)]
)
def test_early_is_who_goes_more_than_the_grace_before_the_end(said, early):
    assert day(said).early_out == early


@pytest.mark.parametrize(
    ("said", "did", "now", "missing"),
    [
        ("", "", "09:29", None),
        ("", "", "09:30", True),
        ("in 09:30", "", "12:00", False),
        ("in 09:31", "", "12:00", True),
        ("", "09:20", "12:00", False),
        ("", "11:00", "12:00", True),
    ],
)
def test_missing_is_who_neither_came_nor_did_anything_in_time(said, did, now, missing):
    assert day(said, did, now).missing_in is missing


def test_the_first_coming_and_the_last_going_count():
    found = day("in 09:00, in 09:20, out 13:00, in 14:00, out 18:00, out 18:10")
    assert (found.declared_in, found.declared_out) == (at("09:00"), at("18:10"))


def test_a_forgotten_going_is_closed_at_the_planned_end():
    found = day("in 09:00")
    assert (found.declared_out, found.auto_closed, found.early_out) == (at("18:00"), True, None)


def test_before_the_end_nobody_has_forgotten_anything():
    found = day("in 09:00", now="17:00")
    assert (found.declared_out, found.auto_closed) == (None, False)


def test_who_came_back_and_did_not_go_again_has_forgotten():
    assert day("in 09:00, out 13:00, in 14:00").auto_closed


def test_a_night_shift_belongs_to_the_day_on_which_it_begins():
    found = day("in 21:40, out 2026-03-11 06:10", now="2026-03-11 12:00", calendar=NIGHTS)
    assert (found.declared_in, found.declared_out, found.late) == (at("21:40"), at("2026-03-11 06:10"), None)
    late = day("in 2026-03-11 00:30", now="2026-03-11 12:00", calendar=NIGHTS)
    assert late.late == 9_000


def test_far_from_any_shift_it_is_a_day_off():
    saturday = date(2026, 3, 14)
    found = day("in 2026-03-14 12:00", now="2026-03-14 20:00", on=saturday)
    assert (found.planned, found.declared_in, found.late, found.missing_in) == ((), at("2026-03-14 12:00"), None, None)


def test_silence_is_planned_time_longer_than_an_hour_lunch_apart():
    found = day("in 09:00", "09:10-09:20, 10:25-12:30, 14:20, 16:00-18:00")
    assert [(item.start, item.end, item.seconds) for item in found.silent] == [
        (at("09:20"), at("10:25"), 3_900),
        (at("14:20"), at("16:00"), 6_000),
    ]


def test_a_call_in_progress_is_activity():
    assert day(did="09:00-12:59, 14:30", now="14:50").silent == ()


def test_who_did_nothing_was_silent_all_day_as_far_as_it_has_passed():
    (whole,) = day().silent
    assert whole.seconds == 8 * 3_600
    (half,) = day(now="11:00").silent
    assert half.seconds == 2 * 3_600


def test_telling_it_twice_or_in_any_order_changes_nothing():
    told = [Declared(at(when), state) for state, when in (("in", "09:10"), ("out", "17:00"), ("in", "09:00"))]
    did = [(at("09:10"), at("09:20")), (at("12:00"), at("12:05"))]

    def of(declared, active):
        return workdays("anna", OFFICE, declared, active, (TUESDAY, TUESDAY), Policy(), at("23:00"), ZONE)

    assert of(told, did) == of([*reversed(told), *told], [*reversed(did), *did])


def test_what_is_not_yet_known_at_a_moment_does_not_count():
    later = day("in 09:00, out 18:00", "09:10, 17:00", now="12:00")
    assert (later.declared_out, later.observed) == (None, (at("09:10"), at("09:10")))


def test_a_coming_before_the_shift_has_begun_is_of_that_shift():
    assert day("in 08:50", now="08:55").planned[0][0] == at("09:00")
