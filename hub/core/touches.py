"""How often did we and a client touch each other: attempts, contacts and automatic mails (metrics.md 8).

A touch is a valid attempt of ours or a contact; touches of one channel and direction within `touch_gap` are one, which is
a contact if any of them is. Contacts are talks of `contact_min_talk`, the client's reply to a human message of ours, and
held meetings.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal, TypeAlias

from hub.core.attempts import SPOKEN, is_clients, is_ours
from hub.core.calls import instant_text
from hub.core.context import Context
from hub.core.history import states
from hub.core.records import Message
from hub.core.session import Span

Kind: TypeAlias = Literal["attempt", "contact", "auto"]
CALL, MEETING = "call", "meeting"
NEVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Touch:
    """One touch. by: who of us. channel: `call`, `meeting`, or that of the message."""

    ref: str
    at: datetime
    by: str | None
    channel: str
    direction: Literal["in", "out"]
    kind: Kind
    line: str | None
    line_group: str

    def row(self, contact: int) -> dict[str, Any]:
        """As reports count it."""
        return {
            "ref": self.ref,
            "contact": contact,
            "at": instant_text(self.at),
            "member": self.by,
            "channel": self.channel,
            "direction": self.direction,
            "kind": self.kind,
            "line": self.line,
            "line_group": self.line_group,
        }


@dataclass(frozen=True, slots=True)
class Touched:
    """One client's touches in order. decided: when deals of his were won or lost. suppressed: when he was left in peace."""

    touches: tuple[Touch, ...]
    decided: tuple[datetime, ...]
    suppressed: tuple[Span, ...]


def touched(context: Context) -> Touched:
    """What happened between us and one client."""
    found = sorted((*_calls(context), *_messages(context), *_meetings(context)), key=lambda item: (item.at, item.ref))
    decided = (at for deal in context.timeline.deals for at, state in states(deal) if state in ("won", "lost"))
    return Touched(tuple(_joined(found, context)), tuple(sorted(decided)), tuple(_suppressed(context)))


def _calls(context: Context) -> Iterator[Touch]:
    for verdict in context.verdicts.values():
        if verdict.direction == "internal" or verdict.excluded in ("internal", "test_number", "blocked"):
            continue
        group = context.group_of(verdict)
        enough = group.policy.contact_min_talk
        talks = [talk for talk in verdict.talks if talk.verified and talk.member is not None]
        long = [talk for talk in talks if _length(talk.lasted(context.now)) >= enough.total_seconds()]
        tried = verdict.dialled is not None and verdict.dialled.valid
        if not long and not tried:
            continue
        yield Touch(
            ref=verdict.ref,
            at=verdict.started_at,
            by=long[0].member if long else verdict.dialled_by or verdict.answered_by,
            channel=CALL,
            direction="out" if verdict.direction == "outbound" else "in",
            kind="contact" if long else "attempt",
            line=verdict.line,
            line_group=group.name,
        )


def _length(span: Span) -> float:
    return (span[1] - span[0]).total_seconds()


def _messages(context: Context) -> Iterator[Touch]:
    """Ours are attempts if they arrived; his is a contact where it answers one of ours that nobody had answered yet."""
    team = context.book.team
    waiting: dict[str, Message] = {}
    for fact in context.timeline.messages:
        message = fact.record
        if is_ours(message) and fact.ref not in context.undelivered:
            waiting[message.channel] = message
            yield _message(fact.ref, message, team.named(message.member, message.at), "attempt", context)
        elif is_clients(message) and message.channel in waiting:
            ours = waiting.pop(message.channel)
            yield _message(fact.ref, message, team.named(ours.member, ours.at), "contact", context)
        elif message.direction == "out" and message.content in SPOKEN and not is_ours(message):
            yield _message(fact.ref, message, team.named(message.member, message.at), "auto", context)


def _message(ref: str, message: Message, by: str | None, kind: Kind, context: Context) -> Touch:
    return Touch(
        ref=ref,
        at=message.at,
        by=by,
        channel=message.channel,
        direction=message.direction,
        kind=kind,
        line=message.line,
        line_group=context.book.at(message.at).group_of(message.line).name,
    )


def _meetings(context: Context) -> Iterator[Touch]:
    for fact in context.timeline.meetings:
        meeting = fact.record
        if meeting.state == "held":
            yield Touch(
                ref=fact.ref,
                at=meeting.starts_at,
                by=context.book.team.named(meeting.member, meeting.starts_at),
                channel=MEETING,
                direction="out",
                kind="contact",
                line=None,
                line_group=context.book.at(meeting.starts_at).default.name,
            )


def _joined(found: Sequence[Touch], context: Context) -> Iterator[Touch]:
    """Touches that are one told as one: the first, or the first of them that is a contact."""
    runs: dict[tuple[str, str, bool], list[Touch]] = {}
    done: list[list[Touch]] = []
    for touch in found:
        key = (touch.channel, touch.direction, touch.kind == "auto")
        run = runs.get(key)
        gap = context.book.at(touch.at).group(touch.line_group).policy.touch_gap
        if run is not None and touch.at - run[0].at < gap:
            run.append(touch)
        else:
            runs[key] = [touch]
            done.append(runs[key])
    return (next((touch for touch in run if touch.kind == "contact"), run[0]) for run in done)


def _suppressed(context: Context) -> Iterator[Span]:
    """When somebody had said that the client is not to be contacted."""
    own = set(context.timeline.contact.handles)
    since: datetime | None = None
    until = NEVER
    for fact in context.timeline.marks:
        mark = fact.record
        if mark.on not in own or mark.kind not in ("suppressed", "unsuppressed"):
            continue
        if since is not None:
            yield (since, min(until, mark.at))
        since, until = (mark.at, mark.until or NEVER) if mark.kind == "suppressed" else (None, NEVER)
    if since is not None:
        yield (since, until)
