"""The shipped production calendar against what the law says, and calendars from other places."""

from __future__ import annotations

from datetime import date, timedelta

import holidays
import pytest

from hub.core.hours import Calendar, ProductionCalendar, WeekHours, hours_text
from hub.settings.production import production_calendar

OFFICE = {"mon-thu": "09:00-18:00", "fri": "09:00-16:45"}


@pytest.fixture(scope="module")
def russia() -> ProductionCalendar:
    return production_calendar("RU")


def dates(year: int) -> list[date]:
    return [
        date(year, 1, 1) + timedelta(days=n) for n in range(366) if (date(year, 1, 1) + timedelta(days=n)).year == year
    ]


def works(on: date, calendar: ProductionCalendar) -> bool:
    """Whether a five-day week works on this date."""
    day = calendar.get(on)
    return on.weekday() < 5 if day is None else not day.closed and (day.moved_from is not None or on.weekday() < 5)


@pytest.mark.parametrize(
    ("year", "days", "shortened"),
    [(2021, 247, 4), (2022, 247, 3), (2023, 247, 3), (2024, 248, 5), (2025, 247, 4), (2026, 247, 4), (2027, 247, 4)],
)
def test_a_year_has_its_official_number_of_working_and_shortened_days(russia, year, days, shortened):
    assert sum(works(on, russia) for on in dates(year)) == days
    assert sum(day.shortened for day in russia.days if day.on.year == year) == shortened


@pytest.mark.parametrize("year", range(2021, 2028))
def test_closed_and_moved_days_are_those_the_library_knows(russia, year):
    library = holidays.country_holidays("RU", years=year)
    if year == 2027 and date(2027, 2, 22) not in library:
        pytest.skip("this version of the library is older than the decree for 2027")
    assert {day.on for day in russia.days if day.closed and day.on.year == year} == {
        on for on in library if on.year == year
    }


@pytest.mark.parametrize("year", range(2021, 2028))
def test_shortened_days_are_the_working_eves_of_public_holidays(russia, year):
    fixed = {(1, 1), (2, 23), (3, 8), (5, 1), (5, 9), (6, 12), (11, 4)}
    eves = {
        on for on in dates(year) if (tomorrow := on + timedelta(days=1)) and (tomorrow.month, tomorrow.day) in fixed
    }
    short = {day.on for day in russia.days if day.shortened and day.on.year == year}
    # A moved Saturday is an eve when only closed days lie between it and the holiday.
    assert short >= {on for on in eves if works(on, russia)}
    assert all(works(on, russia) and not works(on + timedelta(days=1), russia) for on in short)


@pytest.mark.parametrize(
    ("day", "hours"),
    [
        ("2024-04-27", "09:00-18:00"),  # Saturday for a Monday
        ("2024-11-02", "09:00-17:00"),  # Saturday for a Tuesday, and an eve
        ("2024-12-28", "09:00-18:00"),
        ("2024-04-29", ""),
        ("2025-11-01", "09:00-17:00"),
        ("2026-01-09", ""),
        ("2026-04-30", "09:00-17:00"),
        ("2026-05-08", "09:00-15:45"),  # a Friday, and an eve
        ("2027-02-20", "09:00-17:00"),
        ("2027-02-22", ""),
        ("2026-03-10", "09:00-18:00"),
    ],
)
def test_hours_of_an_office_in_russia(russia, day, hours):
    office = Calendar("office", "Europe/Moscow", (WeekHours.of(date(2020, 1, 1), OFFICE),), (), russia)
    assert hours_text(office.hours(date.fromisoformat(day))) == hours


def test_years_that_are_not_shipped_know_public_holidays(russia):
    assert russia.get(date(2030, 1, 1)).closed


def test_another_country_has_its_public_holidays():
    germany = production_calendar("de")
    assert germany.get(date(2026, 10, 3)).closed
    assert germany.get(date(2026, 10, 2)) is None


def test_a_file_of_ones_own(tmp_path):
    (tmp_path / "ours.toml").write_text(
        'country = "RU"\n[2026]\nclosed = [{ on = 2026-07-01, why = "birthday of the company" }]\n'
        "working = [{ on = 2026-07-04, for = 2026-07-01 }]\nshortened = [2026-06-30]\n",
        encoding="utf-8",
    )
    ours = production_calendar("ours.toml", tmp_path)
    assert [(day.on.day, day.closed, day.shortened) for day in ours.days] == [
        (30, False, True), (1, True, False), (4, False, False)
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[2026]\nclosed = [{ day = 2026-07-01 }]\n", "closed"),
        ("[2026]\nclosed = [{ from = 2026-07-01 }]\n", "give either on"),
        ("[holidays]\n", "holidays"),
        ('yearly = ["02-30"]\n', "bad"),
        ('yearly = ["1 May"]\n', "yearly"),
        ("[2026\n", r"bad\.toml"),
    ],
)
def test_a_wrong_file_says_where(tmp_path, content, message):
    (tmp_path / "bad.toml").write_text(content, encoding="utf-8")
    with pytest.raises(ValueError, match=message):
        production_calendar("bad.toml", tmp_path)


def test_an_unknown_country_and_a_missing_file_are_refused(tmp_path):
    with pytest.raises(ValueError, match="DE"):
        production_calendar("QQ")
    with pytest.raises(ValueError, match="beside config"):
        production_calendar("none.toml", tmp_path)
