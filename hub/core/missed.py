"""When does a missed call open a case, and what joins it? (metrics.md 2.3 and 3.1)"""

from __future__ import annotations

from collections.abc import Iterable

from hub.core.calls import Verdict
from hub.core.cases import Case, Growing, Waiting
from hub.core.context import Context
from hub.core.deals import any_open
from hub.core.owners import owned_cards

KIND = "missed_call"
SHORT = ("short_abandon", "ivr_short")
"""Exclusions that say nothing about us, but still something about a client who is known or dials again."""


def find(context: Context) -> tuple[Case, ...]:
    """The missed-call cases of a timeline, one series a line group."""
    groups: dict[str, list[Verdict]] = {}
    for verdict in context.verdicts.values():
        if verdict.missed or verdict.excluded in SHORT:
            groups.setdefault(verdict.line_group, []).append(verdict)
    return tuple(case for name in sorted(groups) for case in _series(groups[name], context))


def _series(dials: Iterable[Verdict], context: Context) -> list[Case]:
    """Sessions in order of their end: the first miss opens, others join while it is open."""
    grown: list[Growing] = []
    earlier: Verdict | None = None  # a short dial that opened nothing yet
    for dial in sorted(dials, key=lambda dial: (dial.ended_at or context.now, dial.ref)):
        if grown and grown[-1].takes(dial):
            _join(grown[-1], dial)
            continue
        if earlier is not None and not _redial(earlier, dial, context):
            earlier = None
        if not dial.missed and earlier is None and not _known(dial, context):
            earlier = dial
            continue
        grown.append(_open(dial, earlier, grown[-1] if grown else None, context))
        earlier = None
    return [item.case() for item in grown]


def _open(dial: Verdict, earlier: Verdict | None, before: Growing | None, context: Context) -> Growing:
    previous, flags = before.followed_by(dial.started_at) if before else (None, ())
    dials = (earlier, dial) if earlier is not None else (dial,)
    opened_at = dial.ended_at or context.now
    return Growing(
        Waiting(
            kind=KIND,
            group=context.group_of(dial),
            opening=dial,
            dials=tuple(sorted(dials, key=lambda item: (item.started_at, item.ref))),
            opened_at=opened_at,
            since=dial.started_at,
            promised_at=opened_at if dial.missed else None,
            previous=previous,
            flags=flags,
        ),
        context,
    )


def _join(case: Growing, dial: Verdict) -> None:
    """A further session; a full miss makes a case of low priority an ordinary one, due from its own end."""
    if case.waiting.promised_at is None and dial.missed:
        case.join(dial, promised_at=dial.ended_at)
    else:
        case.join(dial)


def _redial(earlier: Verdict, dial: Verdict, context: Context) -> bool:
    """Whether the client dialled again soon, and nobody had talked with him meanwhile."""
    if earlier.ended_at is None:
        return False
    group = context.group_of(dial)
    if dial.started_at - earlier.ended_at > group.policy.redial_window:
        return False
    met = next(context.evidence.talks_since(earlier.started_at, group), None)
    return met is None or met.start >= dial.started_at


def _known(dial: Verdict, context: Context) -> bool:
    """Whether the caller is somebody's client: a card with an owner, or an open deal, at the call's time."""
    at = dial.started_at
    return bool(owned_cards(context.timeline.cards, at)) or any_open(context.timeline.deals, at)
