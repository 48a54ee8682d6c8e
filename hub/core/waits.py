"""When does a client wait for a reply: what starts a wait, joins it, ends it and cancels it (metrics.md 4 and 5)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal, TypeAlias

from hub.core import marks
from hub.core.attempts import SPOKEN, is_clients, is_ours
from hub.core.cases import MEMORY
from hub.core.context import Context
from hub.core.policy import LineGroup
from hub.core.records import Message
from hub.core.threads import EMAIL
from hub.core.timeline import Fact

KIND = "awaiting_reply"
Kind: TypeAlias = Literal["first", "next", "reply_to_outreach"]


@dataclass(frozen=True, slots=True)
class Ending:
    """What ended a wait. because: `message`, `call`, `meeting`; why it was cancelled; nothing when nobody answered."""

    state: Literal["answered", "cancelled", "unanswered"]
    at: datetime
    because: str | None = None
    by: str | None = None
    member: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """A stretch in which the client had said something and no human of ours had answered.

    said: what he said, the first unanswered message first. evidence: all of it, what he took back included.
    wakes_at: when time alone ends it, None once it has ended.
    """

    kind: Kind
    group: LineGroup
    said: tuple[Fact[Message], ...]
    evidence: tuple[str, ...]
    ended: Ending | None
    handoff_at: datetime | None
    wakes_at: datetime | None

    @property
    def opening(self) -> Fact[Message]:
        """The message from which he waits."""
        return self.said[0]


def waits(context: Context) -> list[Wait]:
    """The waits of a timeline, by their start."""
    spoken: dict[tuple[str | None, ...], list[Fact[Message]]] = {}
    for fact in context.timeline.messages:
        spoken.setdefault(_conversation(fact.record, context), []).append(fact)
    found = [wait for facts in spoken.values() for wait in _Conversation(context).waits(facts)]
    return sorted(found, key=lambda wait: (wait.opening.record.at, wait.opening.ref))


def _conversation(message: Message, context: Context) -> tuple[str | None, ...]:
    """A message elsewhere ends no wait. A thread of mail is one, whichever of our mailboxes are in copy."""
    if message.channel == EMAIL and message.thread is not None:
        return (EMAIL, message.thread)
    return (message.channel, None, context.book.at(message.at).group_of(message.line).name)


@dataclass(slots=True)
class _Engagement:
    """A run of messages without a long silence. last_at: of the latest by the client or a human of ours."""

    began_at: datetime
    by_client: bool
    last_at: datetime
    waits: int = 0

    def kind(self, at: datetime, gap: timedelta) -> Kind:
        """What a wait that starts now is. After so long nobody remembers how it began: then it is a later one."""
        if self.waits or at - self.began_at >= MEMORY - gap:
            return "next"
        return "first" if self.by_client else "reply_to_outreach"


@dataclass(slots=True)
class _Open:
    """A wait while its messages are gone through. bot_at: the bot's last word since the client's."""

    kind: Kind
    group: LineGroup
    said: list[Fact[Message]]
    met: Ending | None
    bot_at: datetime | None = None
    handed_over: bool = False
    handoff_at: datetime | None = None

    @property
    def started_at(self) -> datetime:
        return self.said[0].record.at

    def standing(self, at: datetime) -> list[Fact[Message]]:
        """What the client has not taken back before that moment."""
        return [fact for fact in self.said if (taken_back := _taken_back(fact)) is None or taken_back >= at]

    def ended(self, ending: Ending | None, wakes_at: datetime | None, now: datetime) -> Wait:
        said = self.standing(ending.at if ending else now + timedelta.resolution) or self.said
        evidence = tuple(fact.ref for fact in self.said)
        return Wait(
            kind=self.kind,
            group=self.group,
            said=tuple(said),
            evidence=evidence,
            ended=ending,
            handoff_at=self.handoff_at,
            wakes_at=wakes_at,
        )


def _taken_back(fact: Fact[Message]) -> datetime | None:
    """When the client deleted what he had said."""
    return fact.record.deleted_at if fact.record.deleted_by == "client" else None


@dataclass(slots=True)
class _Conversation:
    """One conversation gone through in order: what each message does to the wait that is open, if one is."""

    context: Context
    engagement: _Engagement | None = None
    open: _Open | None = None
    closings: list[datetime] = field(default_factory=list)
    found: list[Wait] = field(default_factory=list)

    def waits(self, facts: Sequence[Fact[Message]]) -> list[Wait]:
        refs = {fact.ref for fact in facts}
        closed = (mark.record for mark in self.context.timeline.marks if mark.record.kind == "closed")
        self.closings = [mark.at for mark in closed if mark.on in refs]
        for fact in sorted(facts, key=lambda fact: (fact.record.at, fact.record.direction == "out", fact.ref)):
            self._until(fact.record.at)
            self._take(fact)
        now = self.context.now
        self._until(now + timedelta.resolution)
        if self.open is not None:
            self.found.append(self.open.ended(None, self._next_ending(self.open).at, now))
        return self.found

    def _take(self, fact: Fact[Message]) -> None:
        message = fact.record
        if message.content == "handoff":
            self._hand_over(message.at)
        elif fact.ref in self.context.undelivered:
            return
        elif _asks(fact, self.context):
            self._engage(message, by_client=True)
            self._ask(fact)
        elif is_ours(message):
            self._engage(message, by_client=False)
            self._close(Ending("answered", message.at, "message", fact.ref, self._named(message)))
        elif _is_bots(message) and self.open is not None:
            self.open.bot_at = message.at

    def _named(self, message: Message) -> str | None:
        return self.context.book.team.named(message.member, message.at)

    def _engage(self, message: Message, *, by_client: bool) -> None:
        """The message goes on with the engagement, or begins one: after a silence, or after it was closed."""
        before = self.engagement
        silent = before is not None and message.at - before.last_at >= self._gap(message)
        closed = before is not None and any(before.last_at < at <= message.at for at in self.closings)
        if before is None or (self.open is None and (silent or closed)):
            self.engagement = _Engagement(message.at, by_client, message.at)
        else:
            before.last_at = message.at

    def _gap(self, message: Message) -> timedelta:
        policy = self.context.book.at(message.at).group_of(message.line).policy
        return policy.episode_gap_email if message.channel == EMAIL else policy.episode_gap_chat

    def _ask(self, fact: Fact[Message]) -> None:
        """The client says something: a wait begins, or the one that is open goes on from its first message."""
        message = fact.record
        if self.open is not None:
            self.open.said.append(fact)
            if self.open.bot_at is not None:
                self.open.handoff_at = self.open.handoff_at or message.at
                self.open.bot_at = None
            return
        assert self.engagement is not None, "a message of the client belongs to an engagement"
        group = self.context.book.at(message.at).group_of(message.line)
        kind = self.engagement.kind(message.at, self._gap(message))
        self.open = _Open(kind, group, [fact], self._met(message.at, group))

    def _met(self, since: datetime, group: LineGroup) -> Ending | None:
        """The talk or meeting that answers what was written at `since`; one that runs answers at once."""
        if not group.policy.cross_channel_stop:
            return None
        met = self.context.evidence.answers_since(since, group)
        found = (Ending("answered", max(item.start, since), what, item.ref, item.member) for what, item in met)
        return min(found, key=lambda ending: (ending.at, ending.because), default=None)

    def _hand_over(self, at: datetime) -> None:
        if self.open is not None:
            self.open.handed_over = True
            self.open.handoff_at = self.open.handoff_at or at

    def _until(self, moment: datetime) -> None:
        """End the open wait by whatever ends it before that moment."""
        if self.open is not None:
            ending = self._next_ending(self.open)
            if ending.at < moment:
                self._close(ending)

    def _close(self, ending: Ending) -> None:
        if self.open is None or self.engagement is None:
            return
        self.found.append(self.open.ended(ending, None, self.context.now))
        if ending.because != "client_deleted":  # as if nothing had been said: the next wait takes its place
            self.engagement.waits += 1
        self.open = None

    def _next_ending(self, wait: _Open) -> Ending:
        """What ends the wait unless a message does before: at the latest its time runs out."""
        return min(self._endings(wait), key=lambda ending: ending.at)

    def _endings(self, wait: _Open) -> Iterator[Ending]:
        if wait.met is not None:
            yield wait.met
        refs = [fact.ref for fact in wait.said]
        decided = marks.no_reply_needed(self.context.marks.on(KIND, refs, wait.started_at))
        if decided is not None:
            by = self.context.book.team.named(decided.record.by, decided.record.at)
            yield Ending("cancelled", decided.record.at, "no_reply_needed", decided.ref, by)
        if wait.bot_at is not None and not wait.handed_over:
            yield Ending("cancelled", wait.bot_at + wait.group.policy.bot_grace, "bot_resolved")
        deleted = [_taken_back(fact) for fact in wait.said]
        if all(deleted):
            last = max(at for at in (*deleted, wait.said[-1].record.at) if at is not None)
            yield Ending("cancelled", last, "client_deleted")
        yield Ending("unanswered", self._expires_at(wait))

    def _expires_at(self, wait: _Open) -> datetime:
        """When it is as old as a wait can get, counted from the first message that then still stands."""
        for fact in wait.said:
            expires = fact.record.at + wait.group.policy.wait_ttl
            if fact in wait.standing(expires):
                return expires
        return wait.started_at + wait.group.policy.wait_ttl


def _asks(fact: Fact[Message], context: Context) -> bool:
    """Whether the client said something that waits for an answer; a person may overrule a suspicion.

    Where nobody sees what is answered, nobody can tell who waits.
    """
    if fact.record.coverage == "inbound_only":
        return False
    if fact.record.automatic != "suspected":
        return is_clients(fact.record)
    overruled = any(mark.record.kind == "reopened" for mark in context.marks.on(KIND, [fact.ref], fact.record.at))
    return overruled and fact.record.author == "client" and fact.record.content in SPOKEN


def suspected(context: Context) -> tuple[Fact[Message], ...]:
    """What a machine wrote in the client's name, most likely: it starts no wait until a person says otherwise."""
    return tuple(
        fact
        for fact in context.timeline.messages
        if fact.record.automatic == "suspected" and fact.record.author == "client" and not _asks(fact, context)
    )


def _is_bots(message: Message) -> bool:
    """Whether a bot answered; an automatic acknowledgement is no answer of anybody."""
    return (
        message.direction == "out" and message.author == "bot" and message.content in SPOKEN and not message.automatic
    )
