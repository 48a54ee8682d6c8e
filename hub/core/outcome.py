"""What became of a call: the table of outcomes, the first rule that fits (metrics.md 2.2), and what leaves it out."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Literal, TypeAlias

from hub.core.handles import kind_of
from hub.core.policy import Rulebook
from hub.core.records import Leg
from hub.core.session import Session

Outcome: TypeAlias = Literal[
    "blocked",
    "answered",
    "callback_requested",
    "voicemail",
    "self_served",
    "failed_technical",
    "abandoned_ivr",
    "no_staff",
    "busy_declined",
    "abandoned_wait",
    "no_answer",
    "unknown_unanswered",
    "busy",
    "failed",
    "member_no_answer",
]
Excluded: TypeAlias = Literal["short_abandon", "ivr_short", "internal", "test_number", "blocked", "self_served"]

MISSED = frozenset(
    {
        "callback_requested",
        "voicemail",
        "failed_technical",
        "abandoned_ivr",
        "no_staff",
        "busy_declined",
        "abandoned_wait",
        "no_answer",
        "unknown_unanswered",
    }
)
"""Outcomes of a missed inbound call, unless it is excluded (metrics.md 2.3)."""

OURS = ("ext", "user")
"""Kinds of handles that are never a client's."""


def outcome(session: Session, book: Rulebook) -> Outcome | None:
    """What became of the call; None while it has not been judged."""
    if not session.judged:
        return None
    if session.partial:
        return "answered"  # somebody had talked, and nothing came that says more
    if session.call.direction == "inbound":
        return _inbound(session, book)
    return _outbound(session) if session.call.direction == "outbound" else _internal(session)


def is_ours(handle: str | None, book: Rulebook) -> bool:
    """Whether the handle is one of us; such a caller is never a client."""
    return handle is not None and (kind_of(handle) in OURS or book.team.owns(handle))


def excluded(session: Session, book: Rulebook, became: Outcome | None) -> Excluded | None:
    """Why the call is in no rate, whatever its outcome; None if it counts."""
    call = session.call
    if call.direction == "internal" or is_ours(call.client, book):
        return "internal"
    if call.test or call.client in book.test:
        return "test_number"
    if call.direction != "inbound":
        return None
    if _blocked(session, book):
        return "blocked"
    if became == "self_served":
        return "self_served"
    return _short(session, became)


def _short(session: Session, became: Outcome | None) -> Excluded | None:
    """Whether the client left so soon that it says nothing about us (metrics.md 2.3)."""
    policy, end = session.policy, session.end
    if became not in MISSED or end is None:
        return None
    wait = end - session.call.started_at
    if became == "abandoned_ivr" and (not policy.count_ivr_abandon or wait < policy.ivr_min):
        return "ivr_short"
    asked = session.call.callback_requested or _has_voicemail(session)
    if session.call.hangup_by == "client" and wait < policy.short_abandon and not asked:
        return "short_abandon"
    return None


def _blocked(session: Session, book: Rulebook) -> bool:
    return session.call.spam or session.call.client in book.blocked


def _has_voicemail(session: Session) -> bool:
    length = session.call.voicemail_seconds
    return length is not None and timedelta(seconds=length) >= session.policy.voicemail_min


# Inbound, in the order of the table.


def _self_served(session: Session) -> bool:
    last = _last_leg(session)
    return last is not None and last.complete_answer


def _failed_technical(session: Session) -> bool:
    if not session.legs:
        return True
    queue_rang = any(
        leg.kind == "queue" and leg.result not in ("closed", "failed", "unreachable") for leg in session.legs
    )
    return not session.rang_humans and not queue_rang and any(leg.result == "failed" for leg in session.legs)


def _abandoned_ivr(session: Session) -> bool:
    if any(leg.kind == "queue" for leg in session.legs) or session.humans:
        return False
    if session.call.hangup_by == "client":
        return True
    menus = [leg for leg in session.legs if leg.kind == "menu"]
    return bool(menus) and (menus[-1].result == "timeout" or _last_leg(session) == menus[-1])


def _no_staff(session: Session) -> bool:
    if session.rang_humans:
        return False
    queues = [leg for leg in session.legs if leg.kind == "queue"]
    if queues and all(leg.result in ("closed", "unreachable", "failed") for leg in queues):
        return True
    if session.humans and all(leg.result == "unreachable" for leg in session.humans):
        return True
    last = _last_leg(session)
    return last is not None and last.kind == "announcement" and session.call.hangup_by != "client"


def _busy_declined(session: Session) -> bool:
    reached = [leg for leg in session.rang_humans if leg.result != "forwarded"]
    return bool(reached) and all(leg.result in ("busy", "declined") for leg in reached)


def _abandoned_wait(session: Session) -> bool:
    return session.call.hangup_by == "client"


def _no_answer(session: Session) -> bool:
    return session.call.hangup_by in ("system", None)


_TABLE: tuple[tuple[Outcome, Callable[[Session], bool]], ...] = (
    ("answered", lambda session: session.answer is not None),
    ("callback_requested", lambda session: session.call.callback_requested),
    ("voicemail", _has_voicemail),
    ("self_served", _self_served),
    ("failed_technical", _failed_technical),
    ("abandoned_ivr", _abandoned_ivr),
    ("no_staff", _no_staff),
    ("busy_declined", _busy_declined),
    ("abandoned_wait", _abandoned_wait),
    ("no_answer", _no_answer),
)


def _inbound(session: Session, book: Rulebook) -> Outcome:
    if _blocked(session, book):
        return "blocked"
    return next((name for name, fits in _TABLE if fits(session)), "unknown_unanswered")


def _last_leg(session: Session) -> Leg | None:
    """The leg in which the call ended."""
    return max(session.legs, key=lambda leg: (leg.ended_at or session.now, leg.started_at), default=None)


# Outbound and internal.


def _outbound(session: Session) -> Outcome:
    if session.answer is not None:
        return "answered"
    ours = [leg for leg in session.legs if leg.kind in ("member", "external")]
    ours_answered = any(leg.answered_at is not None or leg.result == "answered" for leg in ours)
    if ours and not ours_answered:
        return "member_no_answer"  # a click-to-call whose first phone nobody took; or the client waited for nobody
    if not session.client_legs:
        return "no_answer" if ours_answered else "failed"
    if not ours and any(leg.result == "answered" or leg.answered_at for leg in session.client_legs):
        return "answered"  # a robot's call
    results = {leg.result for leg in session.client_legs}
    if results & {"busy", "declined"}:
        return "busy"
    return "failed" if results <= {"failed", "unreachable", "closed"} else "no_answer"


def _internal(session: Session) -> Outcome:
    return "answered" if session.answer is not None else "no_answer"
