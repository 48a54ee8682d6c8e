"""Whose turn was it, moment by moment? A wait is cut where its owner changes (metrics.md 7)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import groupby, pairwise

from hub.core import hours, owners
from hub.core.calendars import Calendar
from hub.core.history import version_from
from hub.core.owners import Question
from hub.core.policy import LineGroup, Team
from hub.core.records import Card, Deal, Mark
from hub.core.timeline import Fact, History, Timeline

ORDER = ("deal_owner", "card_owner", "line_owner")
"""Who owns a wait that nobody took: duty and head act on it, but never own it."""


@dataclass(frozen=True, slots=True)
class Turn:
    """A stretch in which one of us, or nobody, owned the wait. because: `taken` or a word of `owner_order`."""

    owner: str | None
    because: str | None
    start: datetime
    end: datetime


def turns(question: Question, end: datetime, taken: Sequence[Fact[Mark]]) -> tuple[Turn, ...]:
    """The turns from `question.at` to `end`, at least one. taken: marks by which somebody took the wait, in order."""
    question = replace(question, order=ORDER)
    start = question.at
    changes = {start, *(at for at in _changes(question.timeline, taken) if start < at < end)}
    cuts = [*sorted(changes), max(end, start)]
    found = [Turn(*_owner(replace(question, at=begin), taken), begin, until) for begin, until in pairwise(cuts)]
    return tuple(_joined(list(same)) for _, same in groupby(found, key=lambda turn: (turn.owner, turn.because)))


def _joined(same: list[Turn]) -> Turn:
    return replace(same[0], end=same[-1].end)


def _changes(timeline: Timeline, taken: Sequence[Fact[Mark]]) -> Iterator[datetime]:
    """The moments at which the owner may change."""
    yield from (fact.record.at for fact in taken)
    histories: tuple[History[Card] | History[Deal], ...] = (*timeline.cards, *timeline.deals)
    for history in histories:
        yield from (at for version in history.versions if (at := version_from(version)) is not None)
        yield from (change.at for change in history.changes)
        if history.gone_at is not None:
            yield history.gone_at


def _owner(question: Question, taken: Sequence[Fact[Mark]]) -> tuple[str | None, str | None]:
    took = [fact.record for fact in taken if fact.record.at <= question.at]
    if took:
        return question.team.named(took[-1].by, took[-1].at), "taken"
    return owners.owner_by_order(question)


def shares(
    found: Sequence[Turn], group: LineGroup, team: Team
) -> tuple[tuple[tuple[str, int | None], ...], int | None]:
    """((member, seconds by his planned schedule)…, seconds nobody owned by the line's); None where no calendar says.

    Each turn is the difference of two whole numbers of seconds counted from the beginning, so the parts add up to the
    whole wait wherever calendars agree.
    """
    own: dict[str, int | None] = {}
    routing: int | None = 0
    for turn in found:
        if turn.owner is None:
            routing = _plus(routing, _seconds(found[0].start, turn, group.calendar, group))
        else:
            calendar = owners.planned(team, turn.owner, group) if turn.owner in team.members else group.calendar
            own[turn.owner] = _plus(own.get(turn.owner, 0), _seconds(found[0].start, turn, calendar, group))
    if group.calendar is None:
        routing = None
    return tuple(own.items()), routing


def _seconds(origin: datetime, turn: Turn, calendar: Calendar | None, group: LineGroup) -> int | None:
    horizon = group.policy.no_calendar_horizon
    until, before = (hours.seconds(origin, at, calendar, horizon) for at in (turn.end, turn.start))
    return None if until is None or before is None else until - before


def _plus(a: int | None, b: int | None) -> int | None:
    return None if a is None or b is None else a + b
