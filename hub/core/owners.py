"""Whose case is it: the owner who is accountable and the assignee who must act now (metrics.md 7)."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from hub.core import hours
from hub.core.handles import same_line
from hub.core.history import held_at
from hub.core.hours import Calendar
from hub.core.policy import LineGroup, Team
from hub.core.records import Card, Deal
from hub.core.session import Talk
from hub.core.timeline import History, Timeline


@dataclass(frozen=True, slots=True)
class Ownership:
    """Who is accountable and why, and who must act. absent: the owner is not planned to work when it is due."""

    owner: str | None
    because: str | None
    assignee: str | None
    absent: bool


@dataclass(frozen=True, slots=True)
class Question:
    """Whose is what happened on this line at this moment?

    at: the call's time, which decides who owns. due_at: when it must be done, None without a promise.
    talks: those of ours who talked with the client, by the talk's start. order: other than the group's.
    """

    line: str | None
    at: datetime
    due_at: datetime | None
    group: LineGroup
    team: Team
    timeline: Timeline
    talks: Sequence[Talk]
    country: str = "RU"
    order: tuple[str, ...] | None = None


def planned(team: Team, key: str | None, group: LineGroup) -> Calendar | None:
    """The planned schedule of one of us for the figures of a group; None where nobody knows it."""
    member = team.members.get(key) if key is not None else None
    if member is None:
        return None
    return hours.planned(member.calendar, group.calendar, member.absences)


def at_work(team: Team, key: str | None, at: datetime | None, group: LineGroup) -> bool | None:
    """Whether one of us is planned to work at that moment or until it; None where nobody knows.

    A promise that falls due at closing time is still kept by those who work until then.
    """
    if key is None or key not in team.members:
        return False
    if at is None:
        return None
    horizon, calendar = group.policy.no_calendar_horizon, planned(team, key, group)
    open_now = hours.is_open(at, calendar, horizon)
    return open_now if open_now is not False else hours.open_before(at, calendar, horizon)


def ownership(question: Question, forced: tuple[str, str] | None = None) -> Ownership:
    """Owner and assignee. forced: an owner whom no order can change, and why."""
    owner, because = forced or owner_by_order(question)
    due_at, group, team = question.due_at, question.group, question.team
    if owner is None:
        return Ownership(None, None, _stand_in(None, due_at, group, team), absent=False)
    if at_work(team, owner, due_at, group) is not False:
        return Ownership(owner, because, owner, absent=False)
    return Ownership(owner, because, _stand_in(owner, due_at, group, team) or owner, absent=True)


def owner_by_order(question: Question) -> tuple[str | None, str | None]:
    """(who owns it, why): the first in the order whom anything names."""
    for because in question.group.owner_order if question.order is None else question.order:
        found = _SOURCES[because](question)
        if found is not None:
            return found, because
    return None, None


def duty(group: LineGroup, at: datetime | None, team: Team) -> str | None:
    """The first on the roster who is planned to work then, else the first."""
    return next((key for key in group.duty if at_work(team, key, at, group)), next(iter(group.duty), None))


def deputy(team: Team, key: str | None) -> str | None:
    """Who stands in for one of us."""
    member = team.members.get(key) if key is not None else None
    return member.deputy if member else None


def _stand_in(owner: str | None, at: datetime | None, group: LineGroup, team: Team) -> str | None:
    """Who must act when the owner does not work: his deputy, the roster, the head; somebody at work first."""
    candidates = [deputy(team, owner), duty(group, at, team), group.head]
    named = [key for key in candidates if key is not None and key != owner]
    return next((key for key in named if at_work(team, key, at, group) is not False), next(iter(named), None))


# Where an owner may come from, in the words of `owner_order`.


def open_deals(deals: Sequence[History[Deal]], at: datetime) -> list[Deal]:
    """The deals open at that moment, the latest created first."""
    held = [deal for history in deals if isinstance(deal := held_at(history, at), Deal) and deal.state == "open"]
    return sorted(held, key=lambda deal: (_or_never(deal.created_at), deal.id), reverse=True)


def owned_cards(cards: Sequence[History[Card]], at: datetime) -> list[Card]:
    """The cards that somebody owned at that moment, the latest changed first."""
    held = [card for history in cards if isinstance(card := held_at(history, at), Card) and card.owner is not None]
    return sorted(held, key=lambda card: (_or_never(card.changed_at), card.id), reverse=True)


def _or_never(at: datetime | None) -> float:
    return at.timestamp() if at is not None else float("-inf")


def _deal_owner(question: Question) -> str | None:
    owners = (deal.owner for deal in open_deals(question.timeline.deals, question.at))
    return question.team.named(next((owner for owner in owners if owner is not None), None), question.at)


def _card_owner(question: Question) -> str | None:
    cards = owned_cards(question.timeline.cards, question.at)
    return question.team.named(cards[0].owner, question.at) if cards else None


def _line_owner(question: Question) -> str | None:
    """Whoever the line is given to; an own account that clients write to is its holder's."""
    if question.line is None:
        return None
    line = same_line(question.line, question.country)
    owners = question.group.owners.items()
    given = next((key for name, key in owners if same_line(name, question.country) == line), None)
    account = f"email:{line}" if "@" in line else question.line  # a mailbox is a line by its address alone
    return given or question.team.key_of(account, question.at)


def _last_talk(question: Question) -> str | None:
    """The employee who last talked with the client; a number that is nobody's of the team is no employee."""
    policy = question.group.policy
    since = question.at - policy.owner_memory
    earlier = bisect_left(question.talks, question.at, key=lambda talk: talk.start)
    for talk in reversed(question.talks[:earlier]):
        if talk.start < since:
            return None
        if talk.end is None or talk.end - talk.start >= policy.answer_min_talk:
            return talk.member
    return None


def _duty(question: Question) -> str | None:
    return duty(question.group, question.due_at, question.team)


def _head(question: Question) -> str | None:
    return question.group.head


_SOURCES: Mapping[str, Callable[[Question], str | None]] = {
    "deal_owner": _deal_owner,
    "card_owner": _card_owner,
    "line_owner": _line_owner,
    "last_talk": _last_talk,
    "duty": _duty,
    "head": _head,
}
