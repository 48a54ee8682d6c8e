"""A client wrote and waits for a reply: each wait as a case, with its promise, its owners and its steps (metrics.md 4, 7)."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

from hub.core import hours, marks, owners
from hub.core.cases import STATES, Case, Resolution
from hub.core.context import Context
from hub.core.ladder import Ladder
from hub.core.policy import LineGroup
from hub.core.records import Mark
from hub.core.session import seconds
from hub.core.timeline import Fact
from hub.core.turns import Turn, shares, turns
from hub.core.waited import Length, Waited
from hub.core.waits import KIND, Wait, waits

__all__ = ["KIND", "find"]


def find(context: Context) -> tuple[Case, ...]:
    """The cases of clients who wrote."""
    return tuple(_case(wait, context) for wait in waits(context))


def _case(wait: Wait, context: Context) -> Case:
    group, opening, ended = wait.group, wait.opening, wait.ended
    started_at, now, team = opening.record.at, context.now, context.book.team
    until = ended.at if ended else now
    target = group.policy.target(KIND, wait.kind)
    due_at = _due(started_at, target, group)
    decisions = _decisions(wait, until, context)
    question = owners.Question(
        opening.record.line, started_at, due_at, group, team, context.timeline, context.talks, context.book.country
    )
    held = turns(question, until, [fact for fact in decisions if fact.record.kind == "taken"])
    owned = _owned(question, held[-1])
    breached = _breached(wait, due_at, now)
    live = context.is_live(opening.ref)
    ladder = Ladder(
        group=group,
        team=team,
        head_of_sales=context.book.head_of_sales,
        assignee=_given(question, held).assignee,
        opened_at=started_at,
        promised_at=started_at if due_at else None,
        target=target or timedelta(),
        due_at=due_at,
        closed_at=ended.at if ended else None,
        marks=tuple(decisions),
        live=live,
        now=now,
        quiet=partial(marks.suppressed, context.timeline),
    )
    resolution = _resolution(wait, context)
    return Case(
        kind=KIND,
        line_group=group.name,
        priority="normal",
        state=STATES[resolution] if resolution else "open",
        resolution=resolution,
        opened_at=started_at,
        opened_by=opening.ref,
        evidence=wait.evidence,
        due_at=due_at,
        breached=breached,
        late_by=_worked(due_at, until, group) if breached and due_at else None,
        closed_at=ended.at if ended else None,
        closed_by=ended.by if ended else None,
        closed_by_member=ended.member if ended else None,
        reason=_reason(wait, decisions),
        client_attempts=len(wait.said),
        last_attempt_at=wait.said[-1].record.at,
        attempts=(tried := context.attempts_between(started_at, until, included=True)),
        first_attempt=next((_length(started_at, item.at, group) for item in tried if item.valid), None),
        time_to_reach=_length(started_at, until, group) if ended and ended.state == "answered" else None,
        owner=owned.owner,
        owner_because=owned.because,
        assignee=owned.assignee,
        owner_absent=owned.absent,
        in_hours=hours.is_open(started_at, group.calendar, group.policy.no_calendar_horizon),
        flags=("excused",) if any(fact.record.kind == "excused" for fact in decisions) else (),
        steps=ladder.steps,
        rules_version=context.book.at(started_at).version,
        contact_id=context.timeline.contact.id,
        contact_name=context.timeline.contact.name,
        contact_handles=context.timeline.contact.handles,
        wait=_waited(wait, until, held, context),
        taken_by=owned.owner if owned.because == "taken" else None,
        live=live,
        started_at=started_at,
        wake_at=_wake(wait, due_at, ladder.wake_at, now),
    )


# The promise


def _due(started_at: datetime, target: timedelta | None, group: LineGroup) -> datetime | None:
    if target is None:
        return None
    return hours.due(started_at, target.total_seconds(), group.calendar, group.policy.no_calendar_horizon)


def _breached(wait: Wait, due_at: datetime | None, now: datetime) -> bool | None:
    """Whether the promise was broken: open or ended after it was due. Nobody's answer does not end the clock."""
    if due_at is None:
        return None
    if wait.ended is None or wait.ended.state == "unanswered":
        return due_at <= now
    return wait.ended.at > due_at


# Who


def _decisions(wait: Wait, until: datetime, context: Context) -> list[Fact[Mark]]:
    """What people decided about the wait while it lasted; an excuse also afterwards, on one of its messages."""
    found = context.marks.on(KIND, wait.evidence, wait.opening.record.at)
    own = context.timeline.contact.handles
    return [
        fact
        for fact in found
        if fact.record.at <= until or (fact.record.kind == "excused" and fact.record.on not in own)
    ]


def _owned(question: owners.Question, last: Turn) -> owners.Ownership:
    """Who owns it in the end and who must act; whoever took it acts himself."""
    if last.owner is not None and last.because == "taken":
        return owners.Ownership(last.owner, last.because, last.owner, absent=False)
    return _by_order(question, last)


def _given(question: owners.Question, held: tuple[Turn, ...]) -> owners.Ownership:
    """Who owned it and had to act before anybody took it: whoever took it was told of nothing that was earlier."""
    before = (turn for turn in reversed(held) if turn.because != "taken")
    return _by_order(question, next(before, held[0]))


def _by_order(question: owners.Question, last: Turn) -> owners.Ownership:
    forced = (last.owner, last.because) if last.owner is not None and last.because is not None else None
    return owners.ownership(replace(question, order=()), forced)


# How it ended


def _resolution(wait: Wait, context: Context) -> Resolution | None:
    ended = wait.ended
    if ended is None:
        return None
    if ended.state == "unanswered":
        return "expired"
    if ended.because == "call":
        outbound = ended.by is not None and context.verdicts[ended.by].direction == "outbound"
        return "callback_reached" if outbound else "client_got_through"
    return _WORDS[ended.because or "message"]


_WORDS: dict[str, Resolution] = {
    "message": "replied",
    "meeting": "other_channel",
    "no_reply_needed": "no_reply_needed",
    "bot_resolved": "bot_resolved",
    "client_deleted": "client_deleted",
}


def _reason(wait: Wait, decisions: list[Fact[Mark]]) -> str | None:
    """The reason that a person gave with his mark."""
    by = wait.ended.by if wait.ended and wait.ended.state == "cancelled" else None
    return next((fact.record.reason for fact in decisions if fact.ref == by), None)


# How long


def _waited(wait: Wait, until: datetime, held: tuple[Turn, ...], context: Context) -> Waited:
    group, started_at, ended = wait.group, wait.opening.record.at, wait.ended
    own, routing = shares(held, group, context.book.team)
    answered = ended is not None and ended.state == "answered"
    return Waited(
        kind=wait.kind,
        channel=wait.opening.record.channel,
        line=wait.opening.record.line,
        thread=wait.opening.record.thread,
        stopped_by=ended.because if ended and answered else None,
        replied_by=ended.member if ended and answered else None,
        length=_length(started_at, until, group),
        off_hours=hours.off_hours(started_at, until, group.calendar, group.policy.no_calendar_horizon),
        own=own,
        routing=routing,
        handoff_at=wait.handoff_at,
        bot_adjusted=_length(wait.handoff_at, until, group) if wait.handoff_at else None,
    )


def _length(start: datetime, end: datetime, group: LineGroup) -> Length:
    return Length(seconds(start, end), _worked(start, end, group))


def _worked(start: datetime, end: datetime, group: LineGroup) -> int | None:
    return hours.seconds(start, end, group.calendar, group.policy.no_calendar_horizon)


def _wake(wait: Wait, due_at: datetime | None, ladder: datetime | None, now: datetime) -> datetime | None:
    """The next moment at which time alone changes it."""
    moments = (ladder, due_at if wait.ended is None else None, wait.wakes_at)
    return min((at for at in moments if at is not None and at > now), default=None)
