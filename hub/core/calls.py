"""How is a call judged: the row of `crmhub calls`, a pure function of the call, the rules at its start and now."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from hub.core import hours
from hub.core.outcome import MISSED, Excluded, Outcome, excluded, outcome
from hub.core.policy import DEFINITION_VERSION, Rulebook
from hub.core.records import Call, Transfer
from hub.core.session import HUMAN, Ring, Session, Talk, cut, length, moments, seconds
from hub.core.timeline import Fact

__all__ = ["Verdict", "cut", "instant_text", "judge"]


@dataclass(frozen=True, slots=True)
class Dialled:
    """What our dialling a client was worth as an attempt to reach him (metrics.md 3.2).

    quality: `weak` where it counts for nothing, `unknown` where nobody knows how long it rang, else None.
    ring: whole seconds that his phone rang, None while it rings or where it never did. wake_at: when it becomes valid.
    """

    valid: bool
    quality: str | None
    ring: int | None
    wake_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """A call as it is judged at a moment (model.md 4). Durations are whole seconds; None is "not known" or "not yet".

    answered_at: when the first human answered; of our own calls, when the client and one of us could first talk.
    dialled, dialled_by: what our dialling a client was worth, None where he was not dialled, and who dialled.
    talks, rings: the exact stretches that the seconds are taken of. judged_at: when it is judged if nothing more is
    heard. lost_at: when the last human left the line, of a call lost in transfer. wake_at: the next moment after now
    at which time alone changes the verdict.
    """

    id: str
    ref: str
    connection: str
    direction: str
    outcome: Outcome | None
    missed: bool
    excluded: Excluded | None
    client: str | None
    client_raw: str | None
    line: str | None
    line_group: str
    started_at: datetime
    answered_at: datetime | None
    ended_at: datetime | None
    client_wait: int | None
    ring_wait: int | None
    talk: int | None
    answered_by: str | None
    first_human: str | None
    last_human: str | None
    longest_human: str | None
    talk_by: tuple[tuple[str, int], ...]
    hangup_by: str | None
    in_hours: bool | None
    rang_humans: int
    queue: str | None
    rings: tuple[Ring, ...]
    talks: tuple[Talk, ...]
    transfers: tuple[tuple[str, str | None, str | None, datetime, bool | None], ...]
    recordings: tuple[str, ...]
    flags: tuple[str, ...]
    completeness: str
    origin: str | None
    rules_version: int
    definition_version: int
    dialled: Dialled | None
    dialled_by: str | None
    judged_at: datetime | None
    lost_at: datetime | None
    wake_at: datetime | None

    @property
    def needs_repair(self) -> bool:
        """Whether a person should look: a gap that nothing filled, or a call that no rule understands."""
        return self.outcome == "unknown_unanswered" or "gap_open" in self.flags

    @property
    def unverified(self) -> bool:
        """Whether only numbers that are nobody's of the team talked with the client."""
        return "unverified" in self.flags

    def row(self) -> dict[str, Any]:
        """The row of `crmhub calls --json`; whoever knows the contact adds it."""
        return {
            "id": self.id,
            "ref": self.ref,
            "connection": self.connection,
            "direction": self.direction,
            "outcome": self.outcome,
            "missed": self.missed,
            "excluded": self.excluded,
            "client": self.client,
            "client_raw": self.client_raw,
            "line": self.line,
            "line_group": self.line_group,
            "started_at": instant_text(self.started_at),
            "answered_at": instant_text(self.answered_at),
            "ended_at": instant_text(self.ended_at),
            "client_wait": self.client_wait,
            "ring_wait": self.ring_wait,
            "talk": self.talk,
            "answered_by": self.answered_by,
            "first_human": self.first_human,
            "last_human": self.last_human,
            "longest_human": self.longest_human,
            "talk_by": dict(self.talk_by),
            "talks": [_talk_row(talk) for talk in self.talks],
            "dialled_by": self.dialled_by if self.direction == "outbound" else None,
            "hangup_by": self.hangup_by,
            "in_hours": self.in_hours,
            "rang_humans": self.rang_humans,
            "queue": self.queue,
            "rang": [_ring_row(ring) for ring in self.rings],
            "transfers": [
                {"kind": kind, "from": from_, "to": to, "at": instant_text(at), "answered": answered}
                for kind, from_, to, at, answered in self.transfers
            ],
            "recordings": list(self.recordings),
            "flags": list(self.flags),
            "completeness": self.completeness,
            "origin": self.origin,
            "rules_version": self.rules_version,
            "definition_version": self.definition_version,
        }


def instant_text(at: datetime | None) -> str | None:
    """An instant as RFC 3339 in UTC, with milliseconds only where there are any."""
    if at is None:
        return None
    timespec = "milliseconds" if at.microsecond else "seconds"
    return at.isoformat(timespec=timespec).replace("+00:00", "Z")


def _ring_row(ring: Ring) -> dict[str, Any]:
    took = seconds(ring.start, ring.end) if ring.rang and ring.end is not None else None
    return {"member": ring.member, "from": instant_text(ring.start), "seconds": took, "result": ring.result}


def _talk_row(talk: Talk) -> dict[str, Any]:
    return {"member": talk.member, "from": instant_text(talk.start), "to": instant_text(talk.end)}


def session_of(fact: Fact[Call], book: Rulebook, now: datetime) -> Session:
    """The call as it is known at `now`, by the rules in force at its start."""
    whole = fact.record
    known = cut(whole, now) or replace(whole, legs=(), transfers=(), ended_at=None, hangup_by=None, final=False)
    return Session(known, book.at(whole.started_at).group_of(whole.line), book.team, fact.connection, now)


def judge(fact: Fact[Call], book: Rulebook, now: datetime, *, first_time: bool = False) -> Verdict:
    """The verdict on a call as it is known at `now`.

    first_time: this is the first inbound call of the contact ever (an "ever" question, which the caller of this
    function answers). Facts later than `now` count as not yet known (`cut`), so evaluating the past is the same code.
    """
    return verdict_on(session_of(fact, book, now), fact, book, first_time=first_time)


def verdict_on(session: Session, fact: Fact[Call], book: Rulebook, *, first_time: bool = False) -> Verdict:
    """The verdict on a session that was read before; `fact` is what it was read from."""
    call, group = session.call, session.group
    became = outcome(session, book)
    left_out = excluded(session, book, became)
    answer = _answer(session)
    return Verdict(
        id=call.id,
        ref=fact.ref,
        connection=fact.connection,
        direction=call.direction,
        outcome=became,
        missed=call.direction == "inbound" and became in MISSED and left_out is None,
        excluded=left_out,
        client=call.client,
        client_raw=call.client_raw,
        line=call.line,
        line_group=group.name,
        started_at=call.started_at,
        answered_at=answer.start if answer else None,
        ended_at=call.ended_at or (session.end if session.judged else None),
        client_wait=_client_wait(session, answer),
        ring_wait=_ring_wait(session, answer),
        talk=_talk(session),
        answered_by=answer.member if answer else None,
        first_human=answer.member if answer else None,
        last_human=_last_human(session),
        longest_human=_longest_human(session),
        talk_by=tuple((member, spent // _SECOND) for member, spent in _talk_by(session)),
        hangup_by=call.hangup_by,
        in_hours=hours.is_open(call.started_at, group.calendar, group.policy.no_calendar_horizon),
        rang_humans=len({ring.member for ring in session.rings if ring.rang}),
        queue=call.queue or next((leg.to for leg in session.legs if leg.kind == "queue"), None),
        rings=session.rings,
        talks=session.talks,
        transfers=tuple(_transfer(session, item) for item in call.transfers),
        recordings=call.recordings,
        flags=_flags(session, fact, became, first_time=first_time),
        completeness=call.completeness,
        origin=call.origin,
        rules_version=book.at(call.started_at).version,
        definition_version=DEFINITION_VERSION,
        dialled=_dialled(session, became),
        dialled_by=next((session.name(leg) for leg in session.legs if leg.kind in HUMAN), None),
        judged_at=session.judged_at,
        lost_at=session.abandoned_since if _lost(session, became) else None,
        wake_at=_wake(fact.record, session),
    )


_SECOND = timedelta(seconds=1)


def _answer(session: Session) -> Talk | None:
    if session.partial and session.judged:  # whoever had answered counts, however little of it was seen
        return session.answer or next(iter(session.talks), None)
    return session.answer


def _client_wait(session: Session, answer: Talk | None) -> int | None:
    """From the client's dial to the answer or the end; only a client who calls us waits."""
    until = answer.start if answer else session.end
    if session.call.direction != "inbound" or until is None:
        return None
    return seconds(session.call.started_at, until)


def _ring_wait(session: Session, answer: Talk | None) -> int | None:
    if session.call.direction == "outbound":
        rang, ended = session.client_rang or (None, None)
        return seconds(rang, ended) if rang is not None and ended is not None else None
    until, start = answer.start if answer else session.end, session.waiting_starts
    return seconds(start, until) if start is not None and until is not None else None


def _talk(session: Session) -> int | None:
    if session.end is None and not session.judged:
        return None
    return length(talk.lasted(session.now) for talk in session.talks) // _SECOND


def _talk_by(session: Session) -> list[tuple[str, timedelta]]:
    """How long each of us talked, in order of their first talk; a stretch that lasts is not counted yet."""
    stretches: dict[str, list[tuple[datetime, datetime]]] = {}
    for talk in session.talks:
        if talk.member is not None and talk.end is not None:
            stretches.setdefault(talk.member, []).append((talk.start, talk.end))
    return [(member, length(spans)) for member, spans in stretches.items()]


def _last_human(session: Session) -> str | None:
    last = max(session.answers, key=lambda talk: (talk.end is None, talk.end or talk.start, talk.start), default=None)
    return last.member if last else None


def _longest_human(session: Session) -> str | None:
    if session.end is None:
        return None
    talkers = {talk.member for talk in session.answers}
    spent = [item for item in _talk_by(session) if item[0] in talkers]
    return max(spent, key=lambda item: item[1])[0] if spent else None


def _transfer(session: Session, item: Transfer) -> tuple[str, str | None, str | None, datetime, bool | None]:
    named = session.team.named
    return (item.kind, named(item.from_, item.at), named(item.to, item.at), item.at, item.answered)


def _lost(session: Session, became: Outcome | None) -> bool:
    """Whether an answered client was later left waiting and gave up (metrics.md 2.5)."""
    if became != "answered" or session.call.hangup_by != "client" or session.call.direction == "internal":
        return False
    return session.lost_for >= session.policy.transfer_lost > timedelta()


def _flags(session: Session, fact: Fact[Call], became: Outcome | None, *, first_time: bool) -> tuple[str, ...]:
    unverified = bool(session.answers) and not any(talk.verified for talk in session.answers)
    beyond_patience = session.partial and became is None and _patience_over(session)
    found = {
        "unverified": unverified,
        "lost_in_transfer": _lost(session, became),
        "first_time_caller": first_time and session.call.direction == "inbound",
        "gap_filled": session.call.completeness == "repaired",
        "partial": session.call.completeness == "partial",
        "gap_open": beyond_patience,
        "clock_clamped": fact.clamped,
    }
    return tuple(name for name, holds in found.items() if holds)


def _patience_ends(session: Session) -> datetime:
    heard = max(session.last_event, session.call.changed_at or session.last_event)
    return heard + session.policy.repair_patience


def _patience_over(session: Session) -> bool:
    return _patience_ends(session) <= session.now


def _dialled(session: Session, became: Outcome | None) -> Dialled | None:
    call, rang = session.call, session.client_rang
    if call.direction != "outbound":
        return None
    if not session.client_legs:  # nobody knows, unless our own phone was never taken: then he was not dialled
        known = session.judged and became != "member_no_answer"
        return Dialled(valid=True, quality="unknown", ring=None) if known else None
    ring = _ring_wait(session, None)
    if _network_answered(session):
        return Dialled(valid=True, quality=None, ring=ring)
    if rang is None:
        return Dialled(valid=False, quality="weak", ring=None)
    enough = rang[0] + session.policy.attempt_min_ring
    valid = enough <= (rang[1] or session.now)
    wake = enough if not valid and rang[1] is None else None
    return Dialled(valid, None if valid else "weak", ring, wake)


def _network_answered(session: Session) -> bool:
    """Whether the client answered, or his network did for him: busy, declined, not available, voicemail."""
    return any(
        leg.kind == "voicemail" or (leg.kind == "client" and (leg.answered_at or leg.result in _ANSWERS))
        for leg in session.legs
    )


_ANSWERS = ("answered", "busy", "declined", "unreachable")


def _wake(whole: Call, session: Session) -> datetime | None:
    """The next moment at which time alone changes the verdict: what is already recorded, or settling."""
    now = session.now
    known = [] if session.call is whole else [at for at in moments(whole) if at > now]
    if session.judged_at is not None:
        known.append(session.judged_at)
    if session.partial:
        known.append(_patience_ends(session))
    dialled = _dialled(session, None)
    if dialled is not None and dialled.wake_at is not None:
        known.append(dialled.wake_at)
    known.extend(talk.start + session.policy.answer_min_talk for talk in session.talks if talk.end is None)
    return min((at for at in known if at > now), default=None)
