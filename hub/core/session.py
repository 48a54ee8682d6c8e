"""What happened in one call, leg by leg: who was rung, who talked with the client and when the client only waited.

A session is a call as it was known at a moment, seen by the rules in force at its start (metrics.md 2). Times are exact
here; whole seconds are taken once, by `seconds`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TypeAlias

from hub.core.once import once
from hub.core.policy import LineGroup, Policy, Team
from hub.core.records import Call, Leg

Span: TypeAlias = tuple[datetime, datetime]
"""A half-open stretch of time."""

NEVER_RANG = ("unreachable", "failed")
"""Results of a device that did not ring: such a leg has no ring time (model.md 2.1)."""
HUMAN = ("member", "external")
"""Kinds of legs that may reach a person; `external` is ours when mapped, else `unverified` (metrics.md 2.2)."""

FOREVER = datetime.max.replace(tzinfo=UTC)


def seconds(start: datetime, end: datetime) -> int:
    """Whole seconds between two moments: the floor of the exact difference, never below zero."""
    return max((end - start) // timedelta(seconds=1), 0)


def union(spans: Iterable[Span]) -> list[Span]:
    """The same time without overlaps, in order."""
    merged: list[Span] = []
    for start, end in sorted(spans):
        if end <= start:
            continue
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((start, end))
    return merged


def length(spans: Iterable[Span]) -> timedelta:
    """How long the spans are together, what they share counted once."""
    return sum((end - start for start, end in union(spans)), timedelta())


def within(span: Span, others: Sequence[Span]) -> list[Span]:
    """The parts of the span that lie in any of the others."""
    parts = ((max(span[0], start), min(span[1], end)) for start, end in others)
    return union(part for part in parts if part[0] < part[1])


def without(span: Span, others: Sequence[Span]) -> list[Span]:
    """The parts of the span that lie in none of the others."""
    left: list[Span] = []
    begin = span[0]
    for start, end in union(others):
        if start > begin and start < span[1]:
            left.append((begin, start))
        begin = max(begin, end)
    if begin < span[1]:
        left.append((begin, span[1]))
    return [part for part in left if part[0] < part[1]]


@dataclass(frozen=True, slots=True)
class Talk:
    """One stretch in which one of us talked with the client. `end` None: he still does.

    member: key of `[team]`, else the handle. verified: false for an external number that is nobody's of the team.
    """

    member: str | None
    start: datetime
    end: datetime | None
    verified: bool = True

    def lasted(self, now: datetime) -> Span:
        """The stretch, up to `now` while it lasts."""
        return (self.start, self.end if self.end is not None else max(now, self.start))


@dataclass(frozen=True, slots=True)
class Ring:
    """One ringing of one device of ours. `end` None: it still rings. rang: false for a device that never rang."""

    member: str | None
    start: datetime
    end: datetime | None
    result: str | None
    rang: bool


def cut(call: Call, at: datetime) -> Call | None:
    """The call as it was known at `at`; None before it began.

    What came later is absent: the end, later legs, answers and transfers (model.md 4). What is told at the end
    (who hung up, a voicemail's length, recordings, a wish to be called back) is absent while the call lasts.
    """
    if call.started_at > at:
        return None
    if _last_moment(call) <= at:
        return call
    legs = tuple(_cut_leg(leg, at) for leg in call.legs if leg.started_at <= at)
    transfers = tuple(item for item in call.transfers if item.at <= at)
    if call.ended_at is not None and call.ended_at <= at:
        return replace(call, legs=legs, transfers=transfers)
    return replace(
        call,
        legs=legs,
        transfers=transfers,
        ended_at=None,
        hangup_by=None,
        final=False,
        voicemail_seconds=None,
        recordings=(),
        callback_requested=False,
    )


def _cut_leg(leg: Leg, at: datetime) -> Leg:
    answered = leg.answered_at if leg.answered_at is not None and leg.answered_at <= at else None
    if leg.ended_at is not None and leg.ended_at <= at:
        return leg if answered == leg.answered_at else replace(leg, answered_at=answered)
    result = leg.result if leg.result == "answered" and answered is not None else None
    return replace(leg, answered_at=answered, ended_at=None, result=result, complete_answer=False)


def moments(call: Call) -> list[datetime]:
    """Every instant that the record names, in no order."""
    found = [call.started_at]
    if call.ended_at is not None:
        found.append(call.ended_at)
    for leg in call.legs:
        found.extend(at for at in (leg.started_at, leg.answered_at, leg.ended_at) if at is not None)
    found.extend(item.at for item in call.transfers)
    return found


def _last_moment(call: Call) -> datetime:
    return max(moments(call))


@dataclass(frozen=True)
class Session:
    """A call cut at `now`, with what is needed to read it."""

    call: Call
    group: LineGroup
    team: Team
    connection: str
    now: datetime

    @property
    def policy(self) -> Policy:
        return self.group.policy

    @once
    def last_event(self) -> datetime:
        """The last instant that is known of the call."""
        return _last_moment(self.call)

    @property
    def partial(self) -> bool:
        """Whether part of the call fell into a gap that nothing has filled yet (design.md 11)."""
        return self.call.completeness == "partial" and not self.call.final

    @once
    def running(self) -> bool:
        """Whether the call lasts: no hang-up is known and a leg is open, or there was none yet."""
        if self.call.ended_at is not None or self.call.final:
            return False
        return not self.call.legs or any(leg.ended_at is None for leg in self.call.legs)

    @once
    def end(self) -> datetime | None:
        """The hang-up; where a source tells none, the last thing that happened. None while the call lasts."""
        if self.call.ended_at is not None:
            return self.call.ended_at
        return None if self.running else self.last_event

    @once
    def judged_at(self) -> datetime | None:
        """When the call is judged if nothing more is heard of it; None: only when more is heard (metrics.md 2.1)."""
        if self.partial:
            heard = max(self.last_event, self.call.changed_at or self.last_event)
            return heard + self.policy.repair_patience if self.talks else None
        if self.call.final:
            return self.end
        return None if self.running else self.last_event + self.policy.settle

    @once
    def judged(self) -> bool:
        return self.judged_at is not None and self.judged_at <= self.now

    @once
    def legs(self) -> tuple[Leg, ...]:
        """The legs in order of time; in a call that is over, one without an end ended with the call."""
        closing = self.last_event if self.partial else self.end
        closed = (
            replace(leg, ended_at=max(closing, leg.started_at)) if leg.ended_at is None and closing else leg
            for leg in self.call.legs
        )
        return tuple(sorted(closed, key=_leg_order))

    def name(self, leg: Leg) -> str | None:
        """Who the leg leads to: a key of `[team]`, else the handle or name."""
        return self._key(leg) or leg.to

    def _key(self, leg: Leg) -> str | None:
        target: str | None = leg.to
        if target and leg.kind == "member" and ":" not in target and target not in self.team.members:
            target = f"ext:{self.connection}/{target}"  # a bare extension is this connection's
        return self.team.key_of(target, leg.started_at)

    @once
    def caller(self) -> Leg | None:
        """Our own phone from which an outbound or internal call was dialled; it never rang."""
        if self.call.direction == "inbound":
            return None
        first = next((leg for leg in self.legs if leg.kind in HUMAN), None)
        return first if first is not None and _answered_at(first) == first.started_at else None

    @once
    def humans(self) -> tuple[Leg, ...]:
        """Legs to people of ours, the caller's own phone left out."""
        return tuple(leg for leg in self.legs if leg.kind in HUMAN and leg is not self.caller)

    @once
    def rang_humans(self) -> tuple[Leg, ...]:
        """Those of them whose device rang."""
        return tuple(leg for leg in self.humans if leg.result not in NEVER_RANG)

    @once
    def rings(self) -> tuple[Ring, ...]:
        """Each ringing of each device of ours, in order of time."""
        return tuple(
            Ring(
                self.name(leg),
                leg.started_at,
                _answered_at(leg) or leg.ended_at,
                _result(leg),
                leg.result not in NEVER_RANG,
            )
            for leg in self.humans
        )

    @once
    def talks(self) -> tuple[Talk, ...]:
        """Each stretch in which one of us had the client, in order of time (model.md 2.1: talk)."""
        found = [
            Talk(self.name(leg), start, end, leg.kind == "member" or self._key(leg) is not None)
            for leg in self.legs
            if leg.kind in HUMAN and not (self.call.direction == "internal" and leg is self.caller)
            for start, end in self._stretches(leg)
        ]
        return tuple(sorted(found, key=lambda talk: (talk.start, talk.end or FOREVER, talk.member or "")))

    def _stretches(self, leg: Leg) -> list[tuple[datetime, datetime | None]]:
        answered = _answered_at(leg)
        if answered is None:
            return []
        stretch = (max(answered, self._handed_over(leg) or answered), leg.ended_at or FOREVER)
        if self.call.direction == "outbound":
            parts = within(stretch, self._reached)
        else:  # an answer that was seen with nothing after it is a talk of no length, known to have happened
            parts = [stretch] if stretch[0] <= stretch[1] else []
        return [(start, None if end == FOREVER else end) for start, end in parts]

    @once
    def _reached(self) -> list[Span]:
        """When the client's own phone was answered, of a call that we made."""
        return union(
            (answered, leg.ended_at or FOREVER)
            for leg in self.legs
            if leg.kind == "client" and (answered := _answered_at(leg)) is not None
        )

    def _handed_over(self, leg: Leg) -> datetime | None:
        """When an attended transfer gave the client to this leg; before that it was a consultation."""
        return self._handovers.get(id(leg))

    @once
    def _handovers(self) -> dict[int, datetime]:
        found: dict[int, datetime] = {}
        for item in self.call.transfers:
            if item.kind != "attended" or item.to is None:
                continue
            targets = [
                leg
                for leg in self.legs
                if leg.kind in HUMAN and leg.started_at <= item.at and (leg.to == item.to or self.name(leg) == item.to)
            ]
            if targets:
                found[id(targets[-1])] = item.at
        return found

    @once
    def answer(self) -> Talk | None:
        """The first talk long enough to be an answer; one that lasts counts up to now."""
        enough = self.policy.answer_min_talk
        return next((talk for talk in self.talks if (span := talk.lasted(self.now))[1] - span[0] >= enough), None)

    @once
    def answers(self) -> tuple[Talk, ...]:
        """All talks long enough to be an answer."""
        enough = self.policy.answer_min_talk
        return tuple(talk for talk in self.talks if (span := talk.lasted(self.now))[1] - span[0] >= enough)

    @once
    def client_legs(self) -> tuple[Leg, ...]:
        """The client's own legs of an outbound call."""
        return tuple(leg for leg in self.legs if leg.kind == "client")

    @once
    def client_rang(self) -> tuple[datetime, datetime | None] | None:
        """From when to when the client's phone rang in a call of ours; None if it never did."""
        rang = [leg for leg in self.client_legs if leg.result not in NEVER_RANG]
        if not rang:
            return None
        answered = min((at for leg in rang if (at := _answered_at(leg)) is not None), default=None)
        ends = [leg.ended_at for leg in rang]
        last = None if None in ends else max(end for end in ends if end is not None)
        return (rang[0].started_at, answered or last)

    @once
    def waiting_starts(self) -> datetime | None:
        """When the first queue or the first phone of ours began to ring."""
        return min(
            (leg.started_at for leg in self.legs if leg.kind == "queue" or leg in self.rang_humans), default=None
        )

    @once
    def abandoned_since(self) -> datetime | None:
        """When the last human left the line of an answered call; None if nobody was ever on it, or someone still is.

        While a `hold` leg lasts no human is on the line, though the member's talk goes on (metrics.md 2.5).
        """
        if self.end is None or not self.answers:
            return None
        holds = [(leg.started_at, leg.ended_at or self.end) for leg in self.legs if leg.kind == "hold"]
        on_line = [part for talk in self.talks for part in without(talk.lasted(self.end), holds)]
        last = max((end for _, end in on_line), default=None)
        return last if last is not None and last < self.end else None

    @once
    def lost_for(self) -> timedelta:
        """How long the client waited after the last human had left the line: queue, ringing, hold."""
        since, end = self.abandoned_since, self.end
        if since is None or end is None:
            return timedelta()
        waits = [(leg.started_at, leg.ended_at or end) for leg in self.legs if leg.kind in ("queue", "hold")] + [
            (ring.start, ring.end or end) for ring in self.rings if ring.rang
        ]
        return length(within((since, end), union(waits)))


def _leg_order(leg: Leg) -> tuple[datetime, datetime, str, str]:
    return (leg.started_at, leg.ended_at or FOREVER, leg.kind, leg.to or "")


def _answered_at(leg: Leg) -> datetime | None:
    """When the leg was answered; one that only says `answered` was so at its start."""
    return leg.answered_at or (leg.started_at if leg.result == "answered" else None)


def _result(leg: Leg) -> str | None:
    """What came of a ringing: nobody took it is `no_answer`, whoever stopped it (metrics.md 2.2)."""
    if _answered_at(leg) is not None:
        return "answered"
    if leg.ended_at is None:
        return None
    return "no_answer" if leg.result in (None, "cancelled", "timeout") else leg.result
