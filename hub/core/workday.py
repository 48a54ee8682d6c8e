"""When did one of us work: as planned, as he said himself, and as his calls and messages show (metrics.md 9).

Nothing here shrinks what he owes: waits are measured by the planned schedule whatever he declared.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from hub.core.calendars import EPOCH_ORDINAL, Calendar, instant
from hub.core.calls import instant_text
from hub.core.policy import Policy
from hub.core.session import Span, length, union, within

DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Declared:
    """What somebody said of himself, or his telephone said of him: `in` or `out`. source: by which way."""

    at: datetime
    state: str
    source: str | None = None


@dataclass(frozen=True, slots=True)
class Stretch:
    """Planned time without activity. seconds: of planned time in it."""

    start: datetime
    end: datetime
    seconds: int

    def row(self) -> dict[str, Any]:
        return {"from": instant_text(self.start), "to": instant_text(self.end), "seconds": self.seconds}


@dataclass(frozen=True, slots=True, kw_only=True)
class Workday:
    """A day of one of us, as it stands at a moment. A shift belongs to the day on which it begins.

    planned: the intervals of his shift, none on a day off. late, early_out: seconds, None where he was not or nobody
    can say. missing_in: nobody saw or heard of him until `missing_after` the beginning; None before that.
    auto_closed: he said that he came and never that he went, so the day ended as planned.
    """

    member: str
    day: date
    planned: tuple[Span, ...]
    declared_in: datetime | None
    declared_out: datetime | None
    auto_closed: bool
    sources: tuple[str, ...]
    observed: Span | None
    late: int | None
    early_out: int | None
    missing_in: bool | None
    silent: tuple[Stretch, ...]

    def row(self) -> dict[str, Any]:
        """The row of `crmhub workdays`."""
        return {
            "ref": f"{self.member}/{self.day.isoformat()}",
            "member": self.member,
            "day": self.day.isoformat(),
            "planned_in": instant_text(self.planned[0][0]) if self.planned else None,
            "planned_out": instant_text(self.planned[-1][1]) if self.planned else None,
            "planned": length(self.planned) // timedelta(seconds=1) if self.planned else None,
            "declared_in": instant_text(self.declared_in),
            "declared_out": instant_text(self.declared_out),
            "auto_closed": self.auto_closed,
            "sources": list(self.sources),
            "observed_first": instant_text(self.observed[0]) if self.observed else None,
            "observed_last": instant_text(self.observed[1]) if self.observed else None,
            "late": self.late,
            "early_out": self.early_out,
            "missing_in": self.missing_in,
            "silent_stretches": [stretch.row() for stretch in self.silent],
        }


@dataclass(frozen=True, slots=True)
class _Shift:
    """A planned working day, or a day off (no intervals)."""

    day: date
    planned: tuple[Span, ...] = ()

    @property
    def begins(self) -> datetime:
        return self.planned[0][0]

    @property
    def ends(self) -> datetime:
        return self.planned[-1][1]

    def far(self, span: Span) -> timedelta:
        """How far from the shift something happened; zero within it."""
        return max(self.begins - span[1], span[0] - self.ends, timedelta())


def workdays(
    member: str,
    calendar: Calendar | None,
    declared: Iterable[Declared],
    active: Iterable[Span],
    days: tuple[date, date],
    policy: Policy,
    now: datetime,
    zone: ZoneInfo,
) -> tuple[Workday, ...]:
    """The days of one of us from the first to the last of `days`, days off only where something happened.

    declared, active: also of the days around, for a shift reaches over midnight. Activity has a length: a call in
    progress is one. zone: of days that no calendar tells.
    """
    first, last = days
    shifts = _shifts(calendar, first - DAY, last + DAY)
    said: dict[_Shift, list[Declared]] = {}
    for item in sorted(set(declared), key=lambda item: (item.at, item.state)):
        if item.at <= now and item.state in ("in", "out"):
            said.setdefault(_of_declared(item, shifts, policy, zone), []).append(item)
    did: dict[_Shift, list[Span]] = {}
    for span in active:
        if span[0] <= now:
            cut = (span[0], max(span[0], min(span[1], now)))
            did.setdefault(_of_activity(cut, shifts, policy, zone), []).append(cut)
    found = {*(shift for shift in shifts if shift.begins <= now), *said, *did}
    return tuple(
        _workday(member, shift, said.get(shift, []), did.get(shift, []), policy, now)
        for shift in sorted(found, key=lambda shift: (shift.day, shift.planned))
        if first <= shift.day <= last
    )


def _shifts(calendar: Calendar | None, first: date, last: date) -> list[_Shift]:
    if calendar is None:
        return []
    found = []
    for number in range(first.toordinal(), last.toordinal() + 1):
        spans = [(instant(start), instant(end)) for start, end in calendar.shifts(number - EPOCH_ORDINAL)]
        if spans:
            found.append(_Shift(date.fromordinal(number), tuple(union(spans))))
    return found


def _of_declared(item: Declared, shifts: Sequence[_Shift], policy: Policy, zone: ZoneInfo) -> _Shift:
    """The shift that somebody came to or went from: the nearest by its beginning or end, not far from it."""
    near = [shift for shift in shifts if shift.far((item.at, item.at)) <= policy.shift_around]
    if not near:
        return _Shift(item.at.astimezone(zone).date())

    def distance(shift: _Shift) -> timedelta:
        return abs((shift.begins if item.state == "in" else shift.ends) - item.at)

    return min(near, key=lambda shift: (distance(shift), shift.begins))


def _of_activity(span: Span, shifts: Sequence[_Shift], policy: Policy, zone: ZoneInfo) -> _Shift:
    near = [shift for shift in shifts if shift.far(span) <= policy.shift_around]
    if not near:
        return _Shift(span[0].astimezone(zone).date())
    return min(near, key=lambda shift: (shift.far(span), shift.begins))


def _workday(
    member: str, shift: _Shift, said: Sequence[Declared], did: Sequence[Span], policy: Policy, now: datetime
) -> Workday:
    came = next((item.at for item in said if item.state == "in"), None)
    went = next((item.at for item in reversed(said) if item.state == "out"), None)
    if went is not None and any(item.state == "in" and item.at > went for item in said):
        went = None  # he came back and has not gone since
    forgot = bool(shift.planned) and came is not None and went is None and shift.ends <= now
    observed = (min(start for start, _ in did), max(end for _, end in did)) if did else None
    return Workday(
        member=member,
        day=shift.day,
        planned=shift.planned,
        declared_in=came,
        declared_out=shift.ends if forgot else went,
        auto_closed=forgot,
        sources=tuple(sorted({item.source for item in said if item.source is not None})),
        observed=observed,
        late=_beyond(came - shift.begins, policy) if came and shift.planned else None,
        early_out=_beyond(shift.ends - went, policy) if went and shift.planned else None,
        missing_in=_missing(shift, came, observed, policy, now),
        silent=tuple(_silent(shift, did, policy, now)),
    )


def _beyond(by: timedelta, policy: Policy) -> int | None:
    """The whole seconds, where they are more than the grace."""
    return by // timedelta(seconds=1) if by > policy.grace else None


def _missing(shift: _Shift, came: datetime | None, observed: Span | None, policy: Policy, now: datetime) -> bool | None:
    """Whether there was neither a word nor a trace of him by then; who comes later was missing all the same."""
    if not shift.planned:
        return None
    limit = shift.begins + policy.missing_after
    if now < limit:
        return None
    seen = min((at for at in (came, observed[0] if observed else None) if at is not None), default=None)
    return seen is None or seen > limit


def _silent(shift: _Shift, did: Sequence[Span], policy: Policy, now: datetime) -> Iterable[Stretch]:
    """Planned time without activity, longer than `silent_stretch`; a pause that was planned is no part of it."""
    if not shift.planned:
        return
    at, until = shift.begins, min(shift.ends, now)
    for start, end in [*sorted(did), (until, until)]:
        quiet = (at, min(start, until))
        planned = length(within(quiet, shift.planned)) if quiet[0] < quiet[1] else timedelta()
        if planned > policy.silent_stretch:
            yield Stretch(*quiet, planned // timedelta(seconds=1))
        at = max(at, end)
