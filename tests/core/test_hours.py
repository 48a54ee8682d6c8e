"""Working time against the published examples, the shapes of days, and a slow oracle."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from hub.core import hours
from hub.core.hours import (
    Absence,
    Calendar,
    DayException,
    ProductionCalendar,
    ProductionDay,
    WeekHours,
    due,
    hours_text,
    parse_hours,
    planned,
    seconds,
)

MOSCOW = ZoneInfo("Europe/Moscow")


def week(days: dict[str, str], from_: date = date(2020, 1, 1)) -> WeekHours:
    return WeekHours.of(from_, days)


def calendar(days: dict[str, str], zone: str = "Europe/Moscow", closed: str = "", **more) -> Calendar:
    exceptions = tuple(DayException(date.fromisoformat(day), ()) for day in closed.split())
    return Calendar("office", zone, (week(days),), exceptions, **more)


def at(text: str, zone: ZoneInfo = MOSCOW) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=zone)


LUNCH = {"mon-fri": "09:00-13:00 14:00-18:00"}
K1 = calendar(LUNCH, closed="2026-03-09")
ALWAYS = calendar({"mon-sun": "00:00-24:00"})
NIGHT = calendar({"mon-sun": "22:00-06:00"}, "Europe/Berlin")
BERLIN = ZoneInfo("Europe/Berlin")


# The published examples, metrics 12


@pytest.mark.parametrize(
    ("start", "end", "wall", "working"),
    [
        pytest.param("2026-03-06 17:40", "2026-03-10 09:25", 315_900, 2_700, id="G1 over weekend and holiday"),
        pytest.param("2026-03-10 12:50", "2026-03-10 14:10", 4_800, 1_200, id="G3 over lunch"),
        pytest.param("2026-03-07 11:00", "2026-03-07 12:00", 3_600, 0, id="G5 on Saturday"),
    ],
)
def test_working_time_of_the_published_waits(start, end, wall, working):
    assert (at(end) - at(start)).total_seconds() == wall
    assert seconds(at(start), at(end), K1) == working


@pytest.mark.parametrize(
    ("start", "minutes", "expected"),
    [
        pytest.param("2026-03-06 17:50", 15, "2026-03-10 09:05", id="G2 over the weekend"),
        pytest.param("2026-03-06 18:00", 10, "2026-03-10 09:10", id="G4 at closing time"),
        pytest.param("2026-03-10 13:00", 10, "2026-03-10 14:10", id="G4 at the beginning of lunch"),
        pytest.param("2026-03-06 19:30", 15, "2026-03-10 09:15", id="G26 off hours"),
        pytest.param("2026-03-10 12:50", 10, "2026-03-10 13:00", id="ends at closing time, not at the next opening"),
        pytest.param("2026-03-10 12:50", 0, "2026-03-10 12:50", id="no length"),
        pytest.param("2026-03-07 12:50", 0, "2026-03-07 12:50", id="no length, off hours"),
        pytest.param("2026-03-10 13:30", 15, "2026-03-10 14:15", id="a start inside lunch waits for its end"),
    ],
)
def test_due_moment(start, minutes, expected):
    assert due(at(start), minutes * 60, K1) == at(expected)


def test_a_wait_on_saturday_is_off_hours():
    assert hours.off_hours(at("2026-03-07 11:00"), at("2026-03-07 12:00"), K1) is True


def test_own_schedule_counts_in_its_own_zone():
    far = calendar({"mon-fri": "09:00-18:00"}, "Asia/Vladivostok")
    start, end = at("2026-03-10 05:00"), at("2026-03-10 05:20")
    assert seconds(start, end, K1) == 0
    assert hours.off_hours(start, end, K1) is True
    assert seconds(start, end, planned(far, K1)) == 1_200


def test_night_shift_over_the_clock_going_forward_has_seven_hours():
    assert seconds(at("2026-03-28 12:00", BERLIN), at("2026-03-29 12:00", BERLIN), NIGHT) == 25_200


def test_night_shift_over_the_clock_going_back_has_nine_hours():
    assert seconds(at("2026-10-24 12:00", BERLIN), at("2026-10-25 12:00", BERLIN), NIGHT) == 9 * 3600


def test_each_version_counts_its_own_days():
    versions = (week(LUNCH), week({"mon-fri": "09:00-20:00"}, date(2026, 4, 1)))
    both = Calendar("office", "Europe/Moscow", versions)
    assert seconds(at("2026-03-31 17:30"), at("2026-04-01 10:20"), both) == 6_600
    assert seconds(at("2026-03-31 17:30"), at("2026-04-01 10:20"), calendar({"mon-fri": "09:00-20:00"})) == 13_800


def test_reached_after_a_weekend_in_working_time():
    start, reached = at("2026-03-06 19:30"), at("2026-03-10 09:10")
    assert seconds(start, reached, K1) == 600
    assert hours.is_open(start, K1) is False


# Edges of an interval


@pytest.mark.parametrize(
    ("moment", "worked", "before"),
    [("08:59:59", False, False), ("09:00:00", True, False), ("12:59:59", True, True), ("13:00:00", False, True)],
)
def test_intervals_are_half_open(moment, worked, before):
    assert hours.is_open(at(f"2026-03-10 {moment}"), K1) is worked
    assert hours.open_before(at(f"2026-03-10 {moment}"), K1) is before


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        pytest.param("2026-03-10 18:00", "2026-03-11 09:00", True, id="from closing to opening"),
        pytest.param("2026-03-10 18:00", "2026-03-10 18:00", False, id="no length, the instant before was worked"),
        pytest.param("2026-03-10 09:00", "2026-03-10 09:00", False, id="no length, its own instant is worked"),
        pytest.param("2026-03-10 07:00", "2026-03-10 07:00", True, id="no length at night"),
        pytest.param("2026-03-10 17:59:59", "2026-03-10 20:00", False, id="a second was worked"),
    ],
)
def test_off_hours_needs_both_ends_outside(start, end, expected):
    assert hours.off_hours(at(start), at(end), K1) is expected


def test_a_sum_of_parts_takes_one_floor():
    start, end = at("2026-03-10 12:59:59.400"), at("2026-03-10 14:00:00.700")
    assert hours.worked(start, end, K1) == timedelta(seconds=1, milliseconds=300)
    assert seconds(start, end, K1) == 1


def test_an_end_before_the_start_counts_nothing():
    assert seconds(at("2026-03-10 12:00"), at("2026-03-10 11:00"), K1) == 0


def test_a_time_without_zone_is_refused():
    with pytest.raises(ValueError, match="time zone"):
        seconds(datetime(2026, 3, 10, 12), at("2026-03-10 13:00"), K1)


def test_next_opening():
    assert hours.next_opening(at("2026-03-06 18:00"), K1) == at("2026-03-10 09:00")
    assert hours.next_opening(at("2026-03-10 10:00"), K1) == at("2026-03-10 10:00")


def test_intervals_of_neighbouring_days_are_joined():
    found = list(hours.intervals(at("2026-03-10 12:00"), at("2026-03-13 12:00"), ALWAYS))
    assert found == [(at("2026-03-10 12:00"), at("2026-03-13 12:00"))]
    assert all(moment.tzinfo is UTC for moment in found[0])


def test_intervals_are_clipped_to_the_span():
    found = list(hours.intervals(at("2026-03-10 12:00"), at("2026-03-10 15:00"), K1))
    assert found == [
        (at("2026-03-10 12:00"), at("2026-03-10 13:00")),
        (at("2026-03-10 14:00"), at("2026-03-10 15:00")),
    ]


def test_due_counts_on_in_a_calendar_that_never_closes():
    assert due(at("2026-03-10 12:00"), 10 * 86_400, ALWAYS) == at("2026-03-20 12:00")


# What is not known


@pytest.mark.parametrize(
    "unknown",
    [
        pytest.param(None, id="no calendar"),
        pytest.param(Calendar("empty", "Europe/Moscow"), id="no hours"),
        pytest.param(calendar({"mon-fri": ""}), id="hours that are all closed"),
        pytest.param(
            Calendar("later", "Europe/Moscow", (week(LUNCH, date(2026, 7, 1)),)), id="begins after the horizon"
        ),
    ],
)
def test_without_working_time_around_nothing_is_known(unknown):
    start, end = at("2026-03-10 12:00"), at("2026-03-10 13:00")
    assert seconds(start, end, unknown) is None
    assert due(start, 900, unknown) is None
    assert hours.is_open(start, unknown) is None
    assert hours.open_before(start, unknown) is None
    assert hours.off_hours(start, end, unknown) is None
    assert hours.next_opening(start, unknown) is None
    assert list(hours.intervals(start, end, unknown)) == []


def closed_for(days: int) -> Calendar:
    """Every day 09:00-18:00, closed from 2026-05-01 for so many days."""
    closed = tuple(DayException(date(2026, 5, 1) + timedelta(days=n), ()) for n in range(days))
    return Calendar("summer", "Europe/Moscow", (week({"mon-sun": "09:00-18:00"}),), closed)


@pytest.mark.parametrize(
    ("moment", "closed", "expected"),
    [
        pytest.param("2026-06-29 12:00", 200, 0, id="work ended 59 days and 18 hours before"),
        pytest.param("2026-06-30 12:00", 200, None, id="work ended 60 days and 18 hours before"),
        pytest.param("2026-06-30 12:00", 120, 0, id="work begins within 60 days after"),
        pytest.param("2026-06-30 12:00", 121, None, id="work begins later"),
    ],
)
def test_a_closure_is_zero_near_work_and_unknown_far_from_it(moment, closed, expected):
    assert seconds(at(moment), at(moment) + timedelta(hours=1), closed_for(closed)) == expected
    assert hours.is_open(at(moment), closed_for(closed)) is (None if expected is None else False)


def test_due_passes_a_long_closure_when_there_is_work_near_the_start():
    assert due(at("2026-05-20 12:00"), 3600, closed_for(70)) == at("2026-07-10 10:00")
    assert due(at("2026-05-01 12:00"), 3600, closed_for(70)) == at("2026-07-10 10:00")


def test_due_ends_where_the_calendar_does():
    ends = Calendar("closing down", "Europe/Moscow", (week(LUNCH), week({}, date(2026, 4, 1))))
    assert due(at("2026-03-31 17:00"), 3600, ends) == at("2026-03-31 18:00")
    assert due(at("2026-03-31 17:00"), 3601, ends) is None


def test_the_horizon_is_a_setting():
    start = at("2026-05-20 12:00")
    assert seconds(start, start + timedelta(hours=1), closed_for(70), timedelta(days=10)) is None
    assert seconds(start, start + timedelta(hours=1), closed_for(70), timedelta(days=20)) == 0


def test_before_the_first_version_there_are_no_hours():
    begins = Calendar("new", "Europe/Moscow", (week(LUNCH, date(2026, 3, 10)),))
    assert seconds(at("2026-03-09 09:00"), at("2026-03-10 10:00"), begins) == 3600


# Midnight


def test_a_shift_runs_on_into_a_closed_day():
    weekdays = calendar({"mon-fri": "22:00-06:00"})
    assert hours.is_open(at("2026-03-14 05:59"), weekdays) is True  # Friday's shift
    assert hours.is_open(at("2026-03-14 22:00"), weekdays) is False
    assert hours.is_open(at("2026-03-16 05:00"), weekdays) is False  # Sunday had none


def test_a_shift_runs_on_into_an_exception_and_a_new_version():
    versions = (week({"mon-sun": "22:00-06:00"}), week({}, date(2026, 3, 11)))
    ends = Calendar("night", "Europe/Moscow", versions, (DayException(date(2026, 3, 10), ()),))
    assert seconds(at("2026-03-09 12:00"), at("2026-03-12 12:00"), ends) == 8 * 3600
    assert hours.is_open(at("2026-03-10 03:00"), ends) is True
    assert hours.is_open(at("2026-03-10 23:00"), ends) is False


def test_overlapping_shifts_of_two_days_count_once():
    early = calendar({"mon-sun": "22:00-06:00", "wed": "05:00-07:00"})
    assert seconds(at("2026-03-11 04:00"), at("2026-03-11 08:00"), early) == 3 * 3600
    assert list(hours.intervals(at("2026-03-11 04:00"), at("2026-03-11 08:00"), early)) == [
        (at("2026-03-11 04:00"), at("2026-03-11 07:00"))
    ]


# The clock is put forward or back


@pytest.mark.parametrize(
    ("zone", "day", "length"),
    [
        ("Europe/Berlin", "2026-03-29", 23),
        ("Europe/Berlin", "2026-10-25", 25),
        ("America/New_York", "2026-03-08", 23),
        ("America/New_York", "2026-11-01", 25),
        ("Australia/Lord_Howe", "2026-04-05", 24.5),
        ("Australia/Lord_Howe", "2026-10-04", 23.5),
        ("America/Havana", "2026-03-08", 23),
        ("America/Havana", "2026-11-01", 25),
        ("Europe/Moscow", "2014-10-26", 25),
        ("Asia/Kathmandu", "2026-03-29", 24),
        ("Pacific/Apia", "2011-12-30", 0),
    ],
)
def test_a_whole_day_has_its_real_hours(zone, day, length):
    on = date.fromisoformat(day)
    only = Calendar("day", zone, (WeekHours.of(date(2000, 1, 1), {}),), (DayException(on, ((0, 1440),)),))
    noon = datetime(on.year, on.month, on.day, 12, tzinfo=UTC)
    total = hours.worked(noon - timedelta(days=2), noon + timedelta(days=2), only)
    assert (total.total_seconds() / 3600 if total else 0) == length


@pytest.mark.parametrize(
    ("text", "day", "length"),
    [
        pytest.param("02:30-06:00", "2026-03-29", 3, id="a start that never comes is the moment of the change"),
        pytest.param("00:00-02:30", "2026-03-29", 2, id="an end that never comes is the moment of the change"),
        pytest.param("02:10-02:50", "2026-03-29", 0, id="a shift that never comes"),
        pytest.param("02:30-06:00", "2026-10-25", 4.5, id="a start that comes twice is the first"),
        pytest.param("00:00-02:30", "2026-10-25", 2.5, id="an end that comes twice is the first"),
        pytest.param("00:00-02:30 02:30-06:00", "2026-10-25", 7, id="neighbours leave no hole"),
    ],
)
def test_times_that_never_come_or_come_twice(text, day, length):
    on = date.fromisoformat(day)
    week_ = WeekHours.of(date(2000, 1, 1), {"mon": "10:00-11:00"})
    berlin = Calendar("b", "Europe/Berlin", (week_,), (DayException(on, parse_hours(text)),))
    assert seconds(at(f"{day} 00:00", BERLIN), at(f"{day} 23:59", BERLIN), berlin) == length * 3600


# Which hours a day has


def test_the_narrower_key_wins():
    keys = calendar({"mon-sun": "10:00-11:00", "mon-fri": "09:00-18:00", "wed": "", "sat": "10:00-15:00"})
    table = [hours_text(keys.hours(date(2026, 3, 9) + timedelta(days=n))) for n in range(7)]
    full = "09:00-18:00"
    assert table == [full, full, "", full, full, "10:00-15:00", "10:00-11:00"]


def test_day_keys_may_wrap_and_list():
    keys = calendar({"fri-mon": "10:00-11:00", "tue,thu": "09:00-18:00"})
    open_on = [bool(keys.hours(date(2026, 3, 9) + timedelta(days=n))) for n in range(7)]
    assert open_on == [True, True, False, True, True, True, True]


def test_two_keys_as_narrow_that_disagree_are_refused():
    with pytest.raises(ValueError, match=r"mon-fri.*tue-sat"):
        week({"mon-fri": "09:00-18:00", "tue-sat": "10:00-15:00"})


def test_a_narrower_key_settles_what_two_wide_ones_leave_open():
    with pytest.raises(ValueError, match="neither is narrower"):
        week({"mon-tue": "09:00-18:00", "tue-wed": "10:00-15:00"})
    settled = week({"mon-tue": "09:00-18:00", "tue-wed": "10:00-15:00", "tue": "12:00-13:00"})
    assert hours_text(settled.days[1]) == "12:00-13:00"


HOLIDAY = date(2026, 5, 1)
EVE = date(2026, 4, 30)
MOVED = date(2026, 4, 25)  # a Saturday that works for Monday the 27th
COUNTRY = ProductionCalendar(
    "XX",
    (
        ProductionDay(HOLIDAY, closed=True),
        ProductionDay(EVE, shortened=True),
        ProductionDay(MOVED, moved_from=date(2026, 4, 27)),
    ),
)


@pytest.mark.parametrize(
    ("thursday", "eve"),
    [
        ("09:00-18:00", "09:00-17:00"),
        ("09:00-13:00 14:00-18:00", "09:00-13:00 14:00-17:00"),
        ("09:00-13:00 14:00-14:30", "09:00-13:00"),
        ("09:00-13:00 17:00-18:00", "09:00-13:00"),
        ("22:00-06:00", "22:00-05:00"),
        ("20:00-00:30", "20:00-23:30"),
        ("00:00-24:00", "00:00-23:00"),
        ("09:00-09:30", ""),
        ("", ""),
    ],
)
def test_a_shortened_day_ends_an_hour_earlier(thursday, eve):
    assert hours_text(calendar({"thu": thursday}, production=COUNTRY).hours(EVE)) == eve


def test_a_moved_day_has_the_hours_of_the_weekday_it_was_moved_from():
    keys = calendar({"mon": "08:00-12:00", "sat": "10:00-15:00"}, production=COUNTRY)
    assert hours_text(keys.hours(MOVED)) == "08:00-12:00"


def test_a_holiday_is_closed_and_an_exception_beats_it():
    assert calendar(LUNCH, production=COUNTRY).hours(HOLIDAY) == ()
    duty = Calendar("d", "UTC", (week(LUNCH),), (DayException(HOLIDAY, parse_hours("10:00-12:00")),), COUNTRY)
    assert hours_text(duty.hours(HOLIDAY)) == "10:00-12:00"


def test_a_calendar_without_production_calendar_knows_no_holidays():
    assert calendar(LUNCH).hours(HOLIDAY) == parse_hours("09:00-13:00 14:00-18:00")


def test_a_working_day_is_one_on_which_a_shift_begins():
    night = calendar({"fri": "22:00-06:00"})
    assert hours.works_on(date(2026, 3, 13), night)
    assert not hours.works_on(date(2026, 3, 14), night)
    assert not hours.works_on(date(2026, 3, 14), None)


def test_the_local_date_is_of_the_calendars_zone():
    assert hours.local_date(datetime(2026, 3, 10, 22, tzinfo=UTC), K1) == date(2026, 3, 11)


# The planned schedule of a member


def test_absences_are_inclusive_and_of_the_schedules_zone():
    away = planned(K1, K1, [Absence(date(2026, 3, 11), date(2026, 3, 12))])
    open_on = [bool(away.hours(date(2026, 3, day))) for day in (10, 11, 12, 13)]
    assert open_on == [True, False, False, True]


def test_a_shift_begun_before_the_absence_is_worked_to_its_end():
    away = planned(NIGHT, None, [Absence(date(2026, 3, 11), date(2026, 3, 11))])
    assert hours.is_open(at("2026-03-11 05:00", BERLIN), away) is True
    assert hours.is_open(at("2026-03-11 23:00", BERLIN), away) is False


def test_an_absence_beats_a_personal_exception():
    day = date(2026, 3, 14)
    swap = Calendar("p", "UTC", (week(LUNCH),), (DayException(day, parse_hours("10:00-12:00")),))
    assert planned(swap, None).hours(day)
    assert not planned(swap, None, [Absence(day, day)]).hours(day)


def test_a_calendar_without_exceptions_takes_those_of_the_group():
    own = calendar({"mon-fri": "12:00-20:00"}, "Asia/Omsk")
    group = Calendar("g", "Europe/Moscow", (week(LUNCH),), (DayException(date(2026, 3, 9), ()),), COUNTRY)
    schedule = planned(own, group)
    assert schedule.hours(date(2026, 3, 9)) == ()
    assert schedule.hours(HOLIDAY) == ()
    assert hours_text(schedule.hours(date(2026, 3, 10))) == "12:00-20:00"
    assert schedule.zone == "Asia/Omsk"


def test_a_calendar_with_exceptions_keeps_its_own_alone():
    own = calendar({"mon-fri": "12:00-20:00"}, closed="2026-03-11")
    group = Calendar("g", "Europe/Moscow", (week(LUNCH),), (DayException(date(2026, 3, 9), ()),), COUNTRY)
    schedule = planned(own, group)
    assert schedule.hours(date(2026, 3, 9))
    assert schedule.hours(HOLIDAY)
    assert not schedule.hours(date(2026, 3, 11))


def test_a_member_without_calendar_has_that_of_the_group():
    assert planned(None, K1) is K1
    assert planned(K1, K1) is K1
    assert planned(None, None, [Absence(date(2026, 3, 11), date(2026, 3, 12))]) is None


# What is refused


@pytest.mark.parametrize(
    ("text", "minutes"),
    [
        ("", ()),
        ("09:00-13:00 14:00-18:00", ((540, 780), (840, 1080))),
        ("14:00-18:00, 9:00-13:00", ((540, 780), (840, 1080))),
        ("09:00-13:00 13:00-18:00", ((540, 1080),)),
        ("22:00-06:00", ((1320, 1800),)),
        ("00:00-24:00", ((0, 1440),)),
        ("18:00-00:00", ((1080, 1440),)),
        ("00:00-06:00 22:00-06:00", ((0, 360), (1320, 1800))),
    ],
)
def test_hours_are_read(text, minutes):
    assert parse_hours(text) == minutes
    assert parse_hours(hours_text(minutes)) == minutes


@pytest.mark.parametrize(
    "text",
    ["9-18", "09:00", "09:60-10:00", "24:00-25:00", "09:00-24:01", "10:00-10:00", "09:00-12:00 11:00-13:00", "always",
     "00:00-24:00 22:00-06:00", "22:00-06:00 23:00-01:00"],
)  # fmt: skip
def test_wrong_hours_are_refused_with_an_example(text):
    with pytest.raises(ValueError, match=r'"\d\d:\d\d-\d\d:\d\d'):
        parse_hours(text)


def test_a_wrong_day_is_refused_with_an_example():
    with pytest.raises(ValueError, match="mon-fri"):
        week({"monday": "09:00-18:00"})


def test_an_unknown_zone_is_refused_with_an_example():
    with pytest.raises(ValueError, match="Europe/Moscow"):
        Calendar("x", "Moscow")
    with pytest.raises(ValueError, match="Europe/Moscow"):
        Calendar("x", "../etc")


def test_the_same_date_twice_is_refused():
    with pytest.raises(ValueError, match="two versions"):
        Calendar("x", "UTC", (week({}), week({})))
    with pytest.raises(ValueError, match="two exceptions"):
        Calendar("x", "UTC", (), (DayException(HOLIDAY, ()), DayException(HOLIDAY, ())))
    with pytest.raises(ValueError, match="twice"):
        ProductionCalendar("XX", (ProductionDay(HOLIDAY), ProductionDay(HOLIDAY)))
    with pytest.raises(ValueError, match="before it begins"):
        Absence(date(2026, 3, 12), date(2026, 3, 11))


def test_versions_may_come_in_any_order_and_make_the_same_calendar():
    early, late = week(LUNCH), week({}, date(2026, 4, 1))
    one, other = (Calendar("x", "UTC", versions) for versions in [(early, late), (late, early)])
    assert one == other
    assert hash(one) == hash(other)
