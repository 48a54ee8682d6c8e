"""How did we try to reach the client: calls and messages of ours, each worth something or nothing (metrics.md 3.2)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from hub.core import hours
from hub.core.calls import Verdict, instant_text
from hub.core.policy import LineGroup, Team
from hub.core.records import Message
from hub.core.timeline import Fact, Timeline

SPOKEN = ("text", "voice", "photo", "file", "sticker", "location", "contact")
"""Contents by which somebody says something; notes, reactions, receipts and the like say nothing."""
SOFT_BOUNCE_HOLDS = timedelta(hours=24)
"""How long a soft bounce leaves a message undecided; after it the message counts as not delivered (metrics.md 4)."""

BOUNCES_WITHIN = timedelta(days=5)
"""How long after a message a bounce may come that does not say which one it concerns: servers give up by then."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try of ours. quality: `weak`, `unknown`, else None. ring: whole seconds that the client's phone rang."""

    ref: str
    at: datetime
    by: str | None
    kind: str
    valid: bool
    quality: str | None = None
    ring: int | None = None

    def row(self) -> dict[str, Any]:
        return {
            "at": instant_text(self.at),
            "by": self.by,
            "kind": self.kind,
            "valid": self.valid,
            "quality": self.quality,
            "ring": self.ring,
        }


def attempts(timeline: Timeline, verdicts: Mapping[str, Verdict], team: Team, now: datetime) -> tuple[Attempt, ...]:
    """All tries of ours on the timeline, in order of their start."""
    undelivered = failed_messages(timeline, now)
    calls = (_call(verdict) for verdict in verdicts.values())
    messages = (
        Attempt(
            fact.ref,
            fact.record.at,
            team.named(fact.record.member, fact.record.at),
            "message",
            fact.ref not in undelivered,
        )
        for fact in timeline.messages
        if is_ours(fact.record)
    )
    found = [*(attempt for attempt in calls if attempt is not None), *messages]
    return tuple(sorted(found, key=lambda attempt: (attempt.at, attempt.ref)))


def is_ours(message: Message) -> bool:
    """Whether one of us said something to the client; bots, campaigns and automatic replies are no people."""
    return (
        message.direction == "out"
        and message.author == "member"
        and message.content in SPOKEN
        and not message.automatic
    )


def is_clients(message: Message) -> bool:
    """Whether the client said something to us."""
    return (
        message.direction == "in" and message.author == "client" and message.content in SPOKEN and not message.automatic
    )


def failed_messages(timeline: Timeline, now: datetime) -> frozenset[str]:
    """References of messages that did not arrive, told by themselves or by a bounce that concerns them."""
    told = [fact for fact in timeline.messages if fact.record.delivery is not None]
    if not told:
        return frozenset()
    arrived = {ref for fact in told if fact.record.delivery in ("delivered", "read") for ref in _meant(fact, timeline)}
    failed = (fact for fact in told if fact.record.delivery in ("failed", "bounced_hard", "bounced_soft"))
    return frozenset(
        ref
        for fact in failed
        for ref in _meant(fact, timeline)
        if fact.record.delivery != "bounced_soft" or (_decided_at(fact.record) <= now and ref not in arrived)
    )


def _meant(fact: Fact[Message], timeline: Timeline) -> Iterator[str]:
    """The message whose delivery this one tells: itself, the one it concerns, else our last to that address."""
    bounce = fact.record
    if bounce.author != "system":
        yield fact.ref
    elif bounce.concerns is not None:
        yield f"{fact.connection}/message/{bounce.concerns}"
        same = f"/message/{bounce.concerns}"  # a mail has the same name in every mailbox
        yield from (other.ref for other in timeline.messages if other.record.message_id and other.ref.endswith(same))
    else:
        sent = (
            other
            for other in timeline.messages
            if is_ours(other.record)
            and (other.record.client, other.record.channel) == (bounce.client, bounce.channel)
            and timedelta(0) <= bounce.at - other.record.at <= BOUNCES_WITHIN
        )
        last = max(sent, key=lambda other: (other.record.at, other.ref), default=None)
        if last is not None:
            yield last.ref


def bad_addresses(timeline: Timeline) -> dict[str, Fact[Message]]:
    """Addresses of the client that do not exist, each with the hard bounce after which nothing came from it (metrics.md 5)."""
    bad: dict[str, Fact[Message]] = {}
    for fact in timeline.messages:
        message = fact.record
        if message.delivery == "bounced_hard":
            bad[message.client] = fact
        elif message.direction == "in" and message.author == "client":
            bad.pop(message.client, None)
    return bad


def _decided_at(bounce: Message) -> datetime:
    """When a soft bounce stops being undecided. A message that tells it of itself was changed when it bounced."""
    bounced_at = bounce.at if bounce.author == "system" else bounce.changed_at or bounce.at
    return bounced_at + SOFT_BOUNCE_HOLDS


def soft_bounces(messages: Sequence[Fact[Message]]) -> list[datetime]:
    """When the messages of soft bounces stop being undecided."""
    return [_decided_at(fact.record) for fact in messages if fact.record.delivery == "bounced_soft"]


def _call(verdict: Verdict) -> Attempt | None:
    dialled = verdict.dialled
    if dialled is None or verdict.excluded == "internal":
        return None
    return Attempt(
        verdict.ref,
        verdict.started_at,
        verdict.dialled_by or verdict.answered_by,
        "call",
        dialled.valid,
        dialled.quality,
        dialled.ring,
    )


def exhausting(tried: Sequence[Attempt], group: LineGroup, *, text_known_at: datetime | None) -> Attempt | None:
    """The attempt or message with which we had done all that we promise without reaching anybody (R4), or None.

    text_known_at: since when a way to write to the client is known, None if there is none. Attempts closer together
    than `attempt_gap` count once; a day counts if the line's calendar works on it.
    """
    calendar, policy = group.calendar, group.policy
    if calendar is None:
        return None
    counted, days, written = 0, set[date](), False
    last: datetime | None = None
    for attempt in tried:
        if not attempt.valid:
            continue
        if attempt.kind == "message":
            written = True
        elif last is None or attempt.at - last >= policy.attempt_gap:
            last, counted = attempt.at, counted + 1
            day = hours.local_date(attempt.at, calendar)
            if hours.works_on(day, calendar):
                days.add(day)
        else:
            continue
        needs_text = text_known_at is not None and text_known_at <= attempt.at
        if counted >= policy.exhausted_attempts and len(days) >= policy.exhausted_days and (written or not needs_text):
            return attempt
    return None
