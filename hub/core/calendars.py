"""Which shifts does a calendar give to a day?

A calendar is versions of a week, exceptions, and a production calendar; a shift is told in minutes of local time from the
midnight of the day on which it begins, so `22:00-06:00` is `(1320, 1800)`. Source of the rules: metrics 6.1.

What decides a day, the first that applies: an absence (planned schedules only) · an exception · the production calendar,
applied to the week in force · the week in force. A day before the first version has no hours.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import lru_cache
from itertools import pairwise
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

Span = tuple[int, int]  # minutes from midnight, half-open; an end past 1440 is on the next day
Spans = tuple[Span, ...]
Ticks = tuple[int, int]  # microseconds since the epoch, half-open

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAY = 24 * 60
SHORTER_BY = 60  # minutes by which a shortened day ends earlier
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
EPOCH_ORDINAL = EPOCH.toordinal()
SECOND = 1_000_000

_INTERVAL = re.compile(r"(\d{1,2}):(\d{2})[-–](\d{1,2}):(\d{2})")
_HOURS_EXAMPLE = 'write hours as "09:00-13:00 14:00-18:00", over midnight as "22:00-06:00", a closed day as ""'
_DAYS_EXAMPLE = 'write days as "mon-fri", "sat" or "mon,wed"'


def parse_hours(text: str) -> Spans:
    """Read `"09:00-13:00 14:00-18:00"`; `""` is a closed day. ValueError with an example where the text is wrong."""
    spans = sorted(_span(part) for part in re.split(r"[\s,;]+", text.strip()) if part)
    for (_, end), (start, _) in pairwise(spans):
        if start < end:
            raise ValueError(f'"{text}" has intervals that overlap; {_HOURS_EXAMPLE}')
    return _joined(spans)


def _span(text: str) -> Span:
    found = _INTERVAL.fullmatch(text)
    if found is None:
        raise ValueError(f'"{text}" is no interval of hours; {_HOURS_EXAMPLE}')
    hour, minute, to_hour, to_minute = map(int, found.groups())
    start, end = hour * 60 + minute, to_hour * 60 + to_minute
    if minute > 59 or to_minute > 59 or start >= DAY or end > DAY:
        raise ValueError(f'"{text}" is no time of day; {_HOURS_EXAMPLE}')
    if start == end:
        raise ValueError(f'"{text}" has no length; a whole day is "00:00-24:00"')
    return start, end if end > start else end + DAY


def _joined(spans: Iterable[Span]) -> Spans:
    """Intervals in order, those that touch made one."""
    out: list[Span] = []
    for start, end in spans:
        if out and out[-1][1] == start:
            out[-1] = (out[-1][0], end)
        else:
            out.append((start, end))
    return tuple(out)


def hours_text(spans: Spans) -> str:
    """The text that `parse_hours` reads back as these intervals."""
    return " ".join(f"{_clock(start)}-{_clock(end if end <= DAY else end - DAY)}" for start, end in spans)


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02d}:{minutes % 60:02d}"


def parse_days(text: str) -> frozenset[int]:
    """Weekdays (Monday is 0) of a day key: `mon`, `mon-fri`, `fri-mon` (over the week's end), `mon,wed`."""
    days: set[int] = set()
    for part in re.split(r"[\s,]+", text.strip().lower()):
        first, dash, last = part.partition("-")
        if first not in WEEKDAYS or (dash and last not in WEEKDAYS):
            raise ValueError(f'"{text}" is no day of the week; {_DAYS_EXAMPLE}')
        start, end = WEEKDAYS.index(first), WEEKDAYS.index(last if dash else first)
        days.update((start + i) % 7 for i in range((end - start) % 7 + 1))
    return frozenset(days)


@dataclass(frozen=True, slots=True)
class WeekHours:
    """The hours of a week, in force from a date on until the next version."""

    from_: date
    days: tuple[Spans, ...]  # seven, Monday first

    @classmethod
    def of(cls, from_: date, days: Mapping[str, str]) -> WeekHours:
        """Read `{"mon-fri": "09:00-18:00", "wed": ""}`: the narrower key wins. ValueError if two as narrow disagree."""
        keys = sorted(((parse_days(key), parse_hours(hours), key) for key, hours in days.items()), key=_width)
        week: dict[int, tuple[int, Spans, str]] = {}
        for weekdays, spans, key in keys:
            for day in weekdays:
                width, known, other = week.setdefault(day, (len(weekdays), spans, key))
                if width == len(weekdays) and known != spans:
                    raise ValueError(
                        f'"{other}" and "{key}" both name {WEEKDAYS[day]} and neither is narrower; '
                        f'add a key of its own: {WEEKDAYS[day]} = "09:00-18:00"'
                    )
        return cls(from_, tuple(week[day][1] if day in week else () for day in range(7)))


def _width(key: tuple[frozenset[int], Spans, str]) -> tuple[int, str]:
    return len(key[0]), key[2]


@dataclass(frozen=True, slots=True)
class DayException:
    """One date with hours of its own, whatever the week and the production calendar say."""

    on: date
    hours: Spans
    why: str = ""


@dataclass(frozen=True, slots=True)
class ProductionDay:
    """What a country's production calendar says of a date that is not as its weekday."""

    on: date
    closed: bool = False
    moved_from: date | None = None  # works in exchange for this date, with the hours of its weekday
    shortened: bool = False  # ends an hour earlier
    why: str = ""


@dataclass(frozen=True, slots=True)
class ProductionCalendar:
    """Holidays, moved working days and shortened eves of a country."""

    country: str
    days: tuple[ProductionDay, ...]
    _by_date: dict[date, ProductionDay] = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_by_date", {day.on: day for day in self.days})
        if len(self._by_date) != len(self.days):
            raise ValueError(f"the production calendar {self.country} names a date twice")

    def get(self, on: date) -> ProductionDay | None:
        """What is said of this date, None for a day as any other."""
        return self._by_date.get(on)


@dataclass(frozen=True, slots=True)
class Absence:
    """A member is away: both dates inclusive."""

    from_: date
    to: date
    why: str = ""

    def __post_init__(self) -> None:
        if self.to < self.from_:
            raise ValueError(f"the absence ends on {self.to}, before it begins on {self.from_}")


@dataclass(frozen=True, slots=True, eq=True)
class Calendar:
    """Working hours in a time zone; also a member's planned schedule, which has absences.

    Shifts are computed once a day and kept on the value; nothing else about it ever changes.
    ValueError: the zone is unknown, or a date is named twice.
    """

    name: str
    zone: str
    versions: tuple[WeekHours, ...] = ()
    exceptions: tuple[DayException, ...] = ()
    production: ProductionCalendar | None = None
    absences: tuple[Absence, ...] = ()
    _exception_on: dict[date, Spans] = field(init=False, compare=False, repr=False)
    _shifts: dict[int, tuple[Ticks, ...]] = field(init=False, compare=False, repr=False)
    settled: int = field(init=False, compare=False, repr=False)  # day since the epoch; from it on, weeks repeat
    _hash: int = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        zone_of(self.zone)
        versions = tuple(sorted(self.versions, key=lambda version: version.from_))
        object.__setattr__(self, "versions", versions)
        object.__setattr__(self, "_exception_on", {day.on: day.hours for day in self.exceptions})
        object.__setattr__(self, "_shifts", {})
        object.__setattr__(self, "settled", _last_named(self) - EPOCH_ORDINAL + 1)
        named = (self.name, self.zone, versions, self.exceptions, self.production, self.absences)
        object.__setattr__(self, "_hash", hash(named))
        if len({version.from_ for version in versions}) != len(versions):
            raise ValueError(f"the calendar {self.name} has two versions from the same date")
        if len(self._exception_on) != len(self.exceptions):
            raise ValueError(f"the calendar {self.name} has two exceptions on the same date")

    def __hash__(self) -> int:
        return self._hash

    def hours(self, on: date) -> Spans:
        """The shifts that begin on this local date, in minutes of local time."""
        if any(absence.from_ <= on <= absence.to for absence in self.absences):
            return ()
        if on in self._exception_on:
            return self._exception_on[on]
        week = next((version for version in reversed(self.versions) if version.from_ <= on), None)
        if week is None:
            return ()
        special = self.production.get(on) if self.production else None
        return week.days[on.weekday()] if special is None else _special(week, special)

    def shifts(self, day: int) -> tuple[Ticks, ...]:
        """The shifts that begin on a local day (days since the epoch), in microseconds of UTC."""
        known = self._shifts.get(day)
        if known is None:
            known = self._shifts[day] = self._computed(day)
        return known

    def _computed(self, day: int) -> tuple[Ticks, ...]:
        ordinal = day + EPOCH_ORDINAL
        if not 3 <= ordinal <= date.max.toordinal() - 3:
            return ()
        on, zone = date.fromordinal(ordinal), zone_of(self.zone)
        ends = ((_instant(on, start, zone), _instant(on, end, zone)) for start, end in self.hours(on))
        return tuple((start, end) for start, end in ends if start < end)


def _last_named(calendar: Calendar) -> int:
    """The ordinal of the last date that a calendar names."""
    dates = [version.from_ for version in calendar.versions] + [day.on for day in calendar.exceptions]
    dates += [day.on for day in calendar.production.days] if calendar.production else []
    dates += [absence.to for absence in calendar.absences]
    return max(dates, default=EPOCH.date()).toordinal()


def _special(week: WeekHours, day: ProductionDay) -> Spans:
    if day.closed:
        return ()
    spans = week.days[(day.moved_from or day.on).weekday()]
    return _shortened(spans) if day.shortened else spans


def _shortened(spans: Spans) -> Spans:
    """The same day ending an hour before its last end; what lies wholly after that goes."""
    last = max((end for _, end in spans), default=0) - SHORTER_BY
    return tuple((start, min(end, last)) for start, end in spans if start < last)


@lru_cache(maxsize=256)
def zone_of(name: str) -> ZoneInfo:
    """The time zone of this name; ValueError with an example when there is none."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(f'"{name}" is no time zone; write for example "Europe/Moscow"') from error


def _instant(on: date, minutes: int, zone: tzinfo) -> int:
    """Microseconds since the epoch of a local time, given in minutes from the midnight of a date.

    Where the clock is put back a time comes twice: the first is meant. Where it is put forward a time never comes: the
    moment of the change is meant. So a day of 24 hours has 23 or 25 real ones, and neighbours always touch.
    """
    local = datetime(on.year, on.month, on.day) + timedelta(minutes=minutes)  # noqa: DTZ001 local by intent
    early, late = (_as_utc(local, zone, fold) for fold in (0, 1))
    return early if early <= late else _change(late, early, zone)


def _as_utc(local: datetime, zone: tzinfo, fold: int) -> int:
    return ticks(local.replace(tzinfo=zone, fold=fold))


def _change(low: int, high: int, zone: tzinfo) -> int:
    """The moment within (low, high] at which the zone's clock is put forward."""
    before = _offset(low, zone)
    while high - low > SECOND:
        middle = (low + high) // 2 // SECOND * SECOND
        low, high = (middle, high) if _offset(middle, zone) == before else (low, middle)
    return high


def _offset(at: int, zone: tzinfo) -> timedelta | None:
    return instant(at).astimezone(zone).utcoffset()


def ticks(at: datetime) -> int:
    """Microseconds since the epoch. ValueError for a time without a zone."""
    if at.tzinfo is None:
        raise ValueError(f"{at.isoformat()} has no time zone")
    delta = at - EPOCH
    return (delta.days * 86_400 + delta.seconds) * SECOND + delta.microseconds


def instant(at: int) -> datetime:
    """The UTC moment of these microseconds since the epoch."""
    return EPOCH + timedelta(microseconds=at)


def planned(member: Calendar | None, group: Calendar | None, absences: Sequence[Absence] = ()) -> Calendar | None:
    """A member's planned schedule for the figures of a line group; None when neither has a calendar.

    The member's own calendar comes first; one that names no exceptions takes the group's exceptions, and its production
    calendar unless it has one of its own. A member without a calendar has the group's. Absences are dates of the
    schedule's own zone; a shift that begins on the eve of one is worked to its end. Source: metrics 6.1, 6.4.
    """
    return _planned(member, group, tuple(absences))


@lru_cache(maxsize=4096)
def _planned(member: Calendar | None, group: Calendar | None, absences: tuple[Absence, ...]) -> Calendar | None:
    own = member or group
    if own is None:
        return None
    if group is not None and not own.exceptions:
        own = _with(own, group.exceptions, own.production or group.production)
    return replace(own, absences=own.absences + absences) if absences else own


def _with(own: Calendar, exceptions: tuple[DayException, ...], production: ProductionCalendar | None) -> Calendar:
    """The same value where nothing differs, so that the shifts it knows are not computed anew."""
    if (exceptions, production) == (own.exceptions, own.production):
        return own
    return replace(own, exceptions=exceptions, production=production)
