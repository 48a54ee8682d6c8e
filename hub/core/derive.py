"""What follows from a client's timeline: calls judged, cases, missed offers, and when time alone changes any of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import chain

from hub.core import threads
from hub.core.attempts import soft_bounces
from hub.core.calls import Verdict, session_of, verdict_on
from hub.core.cases import MEMORY, Case
from hub.core.context import Context
from hub.core.horizon import known, next_known
from hub.core.offers import Offer, offers
from hub.core.policy import Rulebook
from hub.core.records import Message
from hub.core.rules import CaseRule
from hub.core.session import Session, Span
from hub.core.timeline import Fact, Timeline
from hub.core.waits import suspected


@dataclass(frozen=True, slots=True)
class Derived:
    """What one timeline says at a moment. wake_at: when time alone changes it, None if nothing is under way.

    suspected: messages in the client's name that look like a machine's.
    """

    verdicts: tuple[Verdict, ...]
    cases: tuple[Case, ...]
    offers: tuple[Offer, ...]
    wake_at: datetime | None
    suspected: tuple[Fact[Message], ...] = ()


def derive(
    timeline: Timeline,
    book: Rulebook,
    rules: Sequence[CaseRule],
    now: datetime,
    busy: Mapping[str, Sequence[Span]] | None = None,
) -> Derived:
    """Judge the calls and find the cases of one client, as everything was known at `now`.

    busy: when members were on other clients' calls, by key; without it only this client's calls say so.
    """
    context, sessions = judged(timeline, book, now)
    cases = tuple(case for rule in rules for case in rule.find(context))
    found = tuple(chain.from_iterable(offers(session, ref, book, busy or {}) for ref, session in sessions.items()))
    return Derived(tuple(context.verdicts.values()), cases, found, _wake(timeline, context, cases), suspected(context))


def judged(timeline: Timeline, book: Rulebook, now: datetime) -> tuple[Context, Mapping[str, Session]]:
    """What rules are given of one client: everything as it was known at `now`, each call judged; and its sessions."""
    then = threads.read(known(timeline, now))
    sessions = {fact.ref: session_of(fact, book, now) for fact in then.calls}
    verdicts = {
        fact.ref: verdict_on(sessions[fact.ref], fact, book, first_time=fact.ref == timeline.first_inbound)
        for fact in then.calls
    }
    return Context(then, book, verdicts, now), sessions


def _wake(timeline: Timeline, context: Context, cases: Sequence[Case]) -> datetime | None:
    now = context.now
    groups = [context.book.at(case.started_at).group(case.line_group) for case in cases if case.state == "open"]
    moments = [
        next_known(timeline, now),
        *(verdict.wake_at for verdict in context.verdicts.values()),
        *(case.wake_at for case in cases),
        *soft_bounces(context.timeline.messages),
        context.evidence.wake_at(groups),
    ]
    return min((at for at in moments if at is not None and at > now), default=None)


@dataclass(frozen=True, slots=True)
class Window:
    """What must be read, and what of the result may be believed.

    read_from: facts from here on are needed. believe_from: calls that begin and cases whose first session begins from
    here on are the same as from the whole history; older ones are frozen and stay as they are stored.
    """

    read_from: datetime
    believe_from: datetime


def window(changed: datetime, spans: Sequence[tuple[datetime, datetime | None]]) -> Window:
    """The window in which a contact has to be derived when a fact of `changed` changed.

    spans: (start of the first session, closing or None) of the contact's stored cases. A case is never cut in two: an
    open one, one that the changed fact falls into, and one that lasts at the beginning of the window are read whole.
    """
    believe = min([changed, *(start for start, end in spans if end is None)])
    believe = _before(believe, spans)
    return Window(_before(believe - MEMORY, spans), believe)


def _before(moment: datetime, spans: Sequence[tuple[datetime, datetime | None]]) -> datetime:
    """The latest moment up to `moment` that no case spans, with room for the dials that lead to one."""
    while True:
        cut = [start for start, end in spans if start - ROOM < moment and (end is None or moment <= end + ROOM)]
        if not cut:
            return moment
        moment = min(cut) - ROOM


ROOM = timedelta(hours=1)
"""Before a case lie dials that count as its first (`redial_window`), behind it a talk that still runs."""
