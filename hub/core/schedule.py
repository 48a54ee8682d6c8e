"""When does each of us get which report, and which days does it cover?

Daily at the end of the recipient's working day, weekly with it on the last working day of the week, monthly when the
first working day of the next month begins. Who is away gets none, nor does anybody on a closed day unless it is so set.
A report whose hour has passed unseen (the hub stood still) is still due until the next of its kind is.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from hub.core import hours
from hub.core.calendars import EPOCH_ORDINAL, instant
from hub.core.hours import Calendar
from hub.core.policy import LineGroup, Rulebook

Name = Literal["daily", "weekly", "monthly"]
NAMES: tuple[Name, ...] = ("daily", "weekly", "monthly")
WEEK = 7
LATEST = timedelta(days=4)
"""A report is late, not history: after so long nobody wants it, even if there is none after it yet."""
_REACH: dict[Name, int] = {"daily": 16, "weekly": 16, "monthly": 62}
"""Days on either side among which a report of that name is looked for; the longest holidays lie within."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What `[reports]` says. at: the time of day instead of the working day's end, None: its end.

    closed_days: daily also on days on which the recipient does not work (never while he is away). managers: those who
    head nothing get their own.
    """

    daily: bool = True
    weekly: bool = True
    monthly: bool = True
    managers: bool = True
    closed_days: bool = False
    at: str | None = None

    def wants(self, name: Name) -> bool:
        return {"daily": self.daily, "weekly": self.weekly, "monthly": self.monthly}[name]


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """A report at its moment. day: the last day that it covers, in the recipient's zone."""

    name: Name
    day: date
    at: datetime


@dataclass(frozen=True, slots=True)
class Recipient:
    """When one of us works. calendar: without his absences, None: nobody knows; absent: the dates he is away."""

    plan: Plan
    calendar: Calendar | None
    zone: ZoneInfo
    fallback: str = "19:00"
    absences: tuple[hours.Absence, ...] = ()

    def latest(self, name: Name, now: datetime) -> Due | None:
        """The report of that name that is due now: the last whose moment has come, unless that was long ago."""
        passed = [due for due in self._around(name, now) if due.at <= now]
        return passed[-1] if passed and now - passed[-1].at <= LATEST else None

    def upcoming(self, name: Name, now: datetime) -> Due | None:
        """The next report of that name."""
        return next((due for due in self._around(name, now) if due.at > now), None)

    def before(self, name: Name, day: date) -> Due | None:
        """The report of that name before the one of this day."""
        noon = datetime.combine(day, time(12), self.zone)
        earlier = [due for due in self._around(name, noon) if due.day < day]
        return earlier[-1] if earlier else None

    def _around(self, name: Name, now: datetime) -> Iterator[Due]:
        """Its reports about now, in order."""
        if not self.plan.wants(name):
            return
        today, reach = now.astimezone(self.zone).date(), timedelta(days=_REACH[name])
        if name == "monthly":
            yield from self._months(today - reach, today + reach)
            return
        for day in _days(today - reach, today + reach):
            at = self._evening(day, name)
            if at is not None:
                yield Due(name=name, day=day, at=at)

    def _evening(self, day: date, name: Name) -> datetime | None:
        """The moment of a day's report; None where there is none."""
        if self._away(day):
            return None
        works = self._works(day)
        if name == "weekly":
            rest = _days(day + timedelta(days=1), day + timedelta(days=6 - day.weekday()))
            if not works or any(self._works(later) for later in rest):
                return None
        elif not (works or self.plan.closed_days):
            return None
        return self._end(day)

    def _end(self, day: date) -> datetime:
        shifts = self.calendar.shifts(day.toordinal() - EPOCH_ORDINAL) if self.calendar else ()
        if self.plan.at is None and shifts:
            return instant(max(end for _, end in shifts))
        return datetime.combine(day, time.fromisoformat(self.plan.at or self.fallback), self.zone)

    def _months(self, first: date, last: date) -> Iterator[Due]:
        """On the first day that he works after the month's end, when it begins."""
        months = [day for day in _days(first, last) if day.day == 1]
        for month in months:
            days = _days(month, month + timedelta(days=27))
            day = next((day for day in days if self._works(day) and not self._away(day)), None)
            if day is not None:
                yield Due(name="monthly", day=month - timedelta(days=1), at=self._begin(day))

    def _begin(self, day: date) -> datetime:
        shifts = self.calendar.shifts(day.toordinal() - EPOCH_ORDINAL) if self.calendar else ()
        if shifts:
            return instant(min(start for start, _ in shifts))
        return datetime.combine(day, time(9), self.zone)

    def _works(self, day: date) -> bool:
        return True if self.calendar is None else hours.works_on(day, self.calendar)

    def _away(self, day: date) -> bool:
        return any(absence.from_ <= day <= absence.to for absence in self.absences)


def recipient(member: str, plan: Plan, book: Rulebook) -> Recipient:
    """One of us with the calendar by which he works: his own, else that of a line group that he belongs to."""
    one = book.team.members[member]
    group = _group_of(member, book)
    calendar = hours.planned(one.calendar, group.calendar)
    zone = ZoneInfo(calendar.zone if calendar else book.team.timezone)
    return Recipient(plan, calendar, zone, group.policy.digest_at, one.absences)


def _group_of(member: str, book: Rulebook) -> LineGroup:
    """The group that he heads, else one that he works for, else the first that has hours."""
    groups = list(book.versions[-1].groups.values())
    for belongs in (
        lambda group: group.head == member,
        lambda group: member in (*group.duty, *group.owners.values()),
        lambda group: group.calendar is not None,
    ):
        found = next((group for group in groups if belongs(group)), None)
        if found is not None:
            return found
    return book.versions[-1].default


def covered(name: Name, day: date) -> tuple[date, date]:
    """The first and the last day of a report: the day, the seven days up to it, or its month."""
    if name == "daily":
        return day, day
    return (day - timedelta(days=WEEK - 1) if name == "weekly" else day.replace(day=1)), day


def key(name: Name, day: date, member: str) -> str:
    """The key of the effect: it happens once."""
    return f"report/{name}/{day.isoformat()}/{member}"


def _days(first: date, last: date) -> Iterator[date]:
    return (first + timedelta(days=number) for number in range((last - first).days + 1))
