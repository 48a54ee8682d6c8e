"""What proves that client and company have met: talks, exchanges of messages, meetings (metrics.md 3.3, R1 to R3)."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from hub.core.attempts import failed_messages, is_clients, is_ours
from hub.core.calls import Verdict
from hub.core.policy import LineGroup, Rulebook
from hub.core.records import Meeting, Message
from hub.core.session import FOREVER, length
from hub.core.timeline import Fact, Timeline


@dataclass(frozen=True, slots=True)
class Met:
    """One moment of having met: a talk, an exchange or a meeting.

    start: when it began, which is the reach. end: when a talk ended, None while it lasts. line_group: None where the
    source does not say.
    """

    resolution: Literal["callback_reached", "client_got_through", "other_channel"]
    start: datetime
    end: datetime | None
    ref: str
    member: str | None
    line_group: str | None
    unverified: bool = False


@dataclass(frozen=True, slots=True)
class Talked:
    """A session in which client and company talked; `lasted` up to now. contacted: a person says it was a contact."""

    verdict: Verdict
    start: datetime
    end: datetime | None
    lasted: timedelta
    contacted: bool

    def meets(self, group: LineGroup, now: datetime) -> Met | None:
        """What it proves by the group's policy, None if too little."""
        verdict = self.verdict
        if verdict.direction == "outbound" and self.lasted < group.policy.contact_min_talk and not self.contacted:
            return None
        return Met(
            "callback_reached" if verdict.direction == "outbound" else "client_got_through",
            self.start,
            self.end,
            verdict.ref,
            verdict.answered_by or verdict.dialled_by,
            verdict.line_group,
            verdict.unverified,
        )


class Evidence:
    """Everything on one timeline that may close a case, in order, ready to be asked from a moment on."""

    def __init__(self, timeline: Timeline, verdicts: Mapping[str, Verdict], book: Rulebook, now: datetime) -> None:
        self._now = now
        contacted = {fact.record.on for fact in timeline.marks if fact.record.kind == "contacted"}
        found = (_talked(verdict, verdict.ref in contacted, now) for verdict in verdicts.values())
        self.talks = sorted((talk for talk in found if talk), key=lambda talk: (talk.start, talk.verdict.ref))
        self._starts = [talk.start for talk in self.talks]
        self._longest = max(((talk.end or now) - talk.start for talk in self.talks), default=timedelta())
        undelivered = failed_messages(timeline, now)
        self._ours = [fact for fact in timeline.messages if is_ours(fact.record) and fact.ref not in undelivered]
        self._clients = [fact for fact in timeline.messages if is_clients(fact.record)]
        self._meetings = [fact for fact in timeline.meetings if fact.record.state == "held"]
        self._book = book

    def talks_since(self, since: datetime, group: LineGroup, without: Sequence[str] = ()) -> Iterator[Met]:
        """Talks that run or begin after `since`, by their start; those of the named calls left out."""
        for talk in self._after(since):
            met = talk.meets(group, self._now) if talk.verdict.ref not in without else None
            if met is not None:
                yield met

    def _after(self, since: datetime) -> Iterator[Talked]:
        """Talks that run or begin after `since`."""
        for talk in self.talks[bisect_left(self._starts, since - self._longest) :]:
            if (talk.end or FOREVER) > since:
                yield talk

    def answers_since(self, since: datetime, group: LineGroup) -> Iterator[tuple[str, Met]]:
        """What answers somebody who wrote, from `since` on: (`call`, a talk long enough), (`meeting`, a held one)."""
        enough = group.policy.contact_min_talk
        talks = (talk for talk in self._after(since) if talk.lasted >= enough or talk.contacted)
        talked = next((met for talk in talks if (met := talk.meets(group, self._now))), None)
        if talked is not None:
            yield "call", talked
        running = (
            met for met in map(self._held, self._meetings) if met.start >= since or since < (met.end or met.start)
        )
        held = min(running, key=lambda met: (met.start, met.ref), default=None)
        if held is not None:
            yield "meeting", held

    def first_since(self, since: datetime, group: LineGroup, without: Sequence[str] = ()) -> Met | None:
        """The earliest proof after `since`, None if there is none."""
        candidates = (
            next(self.talks_since(since, group, without), None),
            self._exchange(since, group),
            self._met(since),
        )
        return min((met for met in candidates if met is not None), key=lambda met: (met.start, met.ref), default=None)

    def _exchange(self, since: datetime, group: LineGroup) -> Met | None:
        """One of us wrote and the client wrote, in any order; where the policy says so, our message alone."""
        ours = _next(self._ours, since)
        if ours is None:
            return None
        theirs = next((fact for fact in _from(self._clients, since) if _stands(fact.record, ours.record)), None)
        if group.policy.soft_close_on_message:
            theirs = ours
        if theirs is None:
            return None
        later = max((ours, theirs), key=lambda fact: (fact.record.at, fact.ref))
        line_group = self._book.at(later.record.at).group_of(later.record.line).name if later.record.line else None
        member = self._book.team.named(ours.record.member, ours.record.at)
        return Met("other_channel", later.record.at, later.record.at, later.ref, member, line_group)

    def _met(self, since: datetime) -> Met | None:
        return next((self._held(fact) for fact in self._meetings if fact.record.starts_at >= since), None)

    def _held(self, fact: Fact[Meeting]) -> Met:
        meeting = fact.record
        member = self._book.team.named(meeting.member, meeting.starts_at)
        end = meeting.ends_at or meeting.starts_at
        return Met("other_channel", meeting.starts_at, end, fact.ref, member, None)

    def wake_at(self, groups: Sequence[LineGroup]) -> datetime | None:
        """When a talk of ours that lasts becomes long enough to prove something."""
        enough = min((group.policy.contact_min_talk for group in groups), default=None)
        if enough is None:
            return None
        missing = [enough - talk.lasted for talk in self.talks if talk.end is None and talk.lasted < enough]
        return self._now + min(missing) if missing else None


def _talked(verdict: Verdict, contacted: bool, now: datetime) -> Talked | None:
    if verdict.direction == "internal" or verdict.excluded in ("internal", "blocked") or verdict.outcome == "blocked":
        return None
    if verdict.direction == "inbound":
        if verdict.answered_at is None:
            return None
        start = verdict.answered_at
    else:
        if not verdict.talks and not contacted:
            return None
        start = verdict.answered_at or (verdict.talks[0].start if verdict.talks else verdict.started_at)
    spans = [talk.lasted(now) for talk in verdict.talks]
    lasting = any(talk.end is None for talk in verdict.talks)
    end = None if lasting else max((span[1] for span in spans), default=start)
    return Talked(verdict, start, end, length(spans), contacted and verdict.direction == "outbound")


def _from(facts: list[Fact[Message]], since: datetime) -> list[Fact[Message]]:
    return facts[bisect_left(facts, since, key=lambda fact: fact.record.at) :]


def _next(facts: list[Fact[Message]], since: datetime) -> Fact[Message] | None:
    return next(iter(_from(facts, since)), None)


def _stands(theirs: Message, ours: Message) -> bool:
    """A message that the client took back before we answered was never said."""
    deleted = theirs.deleted_at
    return deleted is None or theirs.deleted_by != "client" or deleted > max(ours.at, theirs.at)
