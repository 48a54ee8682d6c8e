"""How are times, lengths, numbers of people and amounts written for a reader?"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from babel.dates import format_date

from hub.core import handles
from hub.texts import N_, Texts

SECONDS, MINUTES, HOURS, DAYS = N_("s"), N_("min"), N_("h"), N_("d")
"""Units as they stand behind a number."""


@dataclass(frozen=True, slots=True)
class Formats:
    """Formatting for one reader: his language, the hub's zone, and the moment the page is made."""

    texts: Texts
    zone: ZoneInfo
    now: datetime

    def local(self, at: datetime | str) -> datetime:
        """The moment in the hub's zone; texts are read as ISO 8601."""
        moment = datetime.fromisoformat(at) if isinstance(at, str) else at
        return moment.astimezone(self.zone)

    def duration(self, seconds: float | timedelta | None) -> str:
        """`20 s`, `34 min`, `5 h 52 min`, `2 d 04 h`; hub.js counts on in the same form."""
        if seconds is None:
            return ""
        whole = int(seconds.total_seconds() if isinstance(seconds, timedelta) else seconds)
        if whole < 60:
            return self._long(whole, SECONDS)
        if whole < 3600:
            return self._long(whole // 60, MINUTES)
        if whole < 172_800:
            return f"{self._long(whole // 3600, HOURS)}\u00a0{self._long(whole // 60 % 60, MINUTES, 2)}"
        return f"{self._long(whole // 86_400, DAYS)}\u00a0{self._long(whole // 3600 % 24, HOURS, 2)}"

    def exact(self, seconds: float | None) -> str:
        """As `duration`, with the seconds below an hour: `6 min 12 s`."""
        if seconds is None or seconds < 60 or seconds >= 3600 or not int(seconds) % 60:
            return self.duration(seconds)
        return f"{self.duration(seconds)}\u00a0{self._long(int(seconds) % 60, SECONDS)}"

    def _long(self, n: int, unit: str, digits: int = 1) -> str:
        return f"{n:0{digits}d}\u00a0{self.texts.say(unit)}"

    def stopwatch(self, seconds: float) -> str:
        """`3:12`, as a running call is shown."""
        return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"

    def clock(self, at: datetime | str) -> str:
        """`14:32`."""
        return f"{self.local(at):%H:%M}"

    def clock_seconds(self, at: datetime | str) -> str:
        """`14:32:08`."""
        return f"{self.local(at):%H:%M:%S}"

    def day(self, at: datetime | str) -> str:
        """`today`, `yesterday`, `tomorrow`, else `24 November`, with the year when it is another."""
        day, today = self.local(at).date(), self.local(self.now).date()
        near = {0: self.texts.say("today"), -1: self.texts.say("yesterday"), 1: self.texts.say("tomorrow")}
        return str(near.get((day - today).days) or self.date(day))

    def date(self, day: date) -> str:
        """`24 November`, with the year when it is not this one."""
        pattern = "d MMMM" if day.year == self.local(self.now).year else "d MMMM y"
        return format_date(day, pattern, locale=self.texts.language).replace(" ", "\u00a0", 1)

    def full_day(self, at: datetime | str) -> str:
        """`Tuesday, 24 November`; the reader's language decides the order."""
        day = self.local(at).date()
        weekday = format_date(day, "EEEE", locale=self.texts.language)
        return f"{weekday}, {self.date(day)}"

    def moment(self, at: datetime | str) -> str:
        """`14:12` today, otherwise with its day: `yesterday at 17:55`, `24 November, 17:55`."""
        days = (self.local(at).date() - self.local(self.now).date()).days
        if days == 0:
            return self.clock(at)
        if days in {-1, 1}:
            return self.texts.say("%(day)s at %(time)s", day=self.day(at), time=self.clock(at))
        return self.texts.say("%(day)s, %(time)s", day=self.day(at), time=self.clock(at))

    def ago(self, at: datetime | str | None) -> str:
        """`4 s ago`, `2 min ago`; beyond a day the moment."""
        if at is None:
            return self.texts.say("never")
        passed = (self.now - self.local(at)).total_seconds()
        if passed < 1:
            return self.texts.say("just now")
        if passed >= 86_400:
            return self.moment(at)
        return self.texts.say("%(time)s ago", time=self.duration(passed))

    def number(self, n: int) -> str:
        """Thousands apart."""
        return self.texts.number(n)

    def handle(self, handle: str | None) -> str:
        """An address as people write it: `+7 921 604-18-33`, `ivan@example.ru`, `ext. 101`."""
        if not handle:
            return ""
        kind, value = handles.kind_of(handle), handles.value_of(handle)
        if kind == "phone":
            return phone(value)
        if kind == "ext":
            return self.texts.say("ext. %(number)s", number=value.rpartition("/")[2])
        if kind == "user":
            return self.texts.say("user %(id)s", id=value.rpartition("/")[2])
        return value if kind in {"email", "id"} else f"{kind}: {value}" if value else handle


def phone(number: str) -> str:
    """A number as people write it, its parts held together."""
    return handles.shown(number).replace(" ", "\u00a0")
