"""A client filled in a form: when does a lead begin, and which further forms belong to it? (metrics.md 8)"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from hub.core import hours
from hub.core.cases import Case, Growing, Waiting
from hub.core.context import Context
from hub.core.policy import LineGroup
from hub.core.records import Submission
from hub.core.timeline import Fact

KIND = "new_lead"
SAME = timedelta(minutes=10)
"""The same form again so soon is the same lead: sent twice, not asked twice."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A form that a client sent, as a case looks at it. ended_at: the lead's clock, later where he named a time."""

    ref: str
    line: str | None
    started_at: datetime
    ended_at: datetime | None
    in_hours: bool | None
    rules_version: int


def find(context: Context) -> tuple[Case, ...]:
    """The leads of a timeline, one series a line group."""
    groups: dict[str, list[Fact[Submission]]] = {}
    for fact in context.timeline.submissions:
        groups.setdefault(_group(fact, context).name, []).append(fact)
    return tuple(case for name in sorted(groups) for case in _series(groups[name], context))


def _group(fact: Fact[Submission], context: Context) -> LineGroup:
    return context.book.at(fact.record.at).group_of(fact.record.line)


def _series(facts: Iterable[Fact[Submission]], context: Context) -> list[Case]:
    """Forms in order: the first opens, others join while it is open, the same one again says nothing new."""
    grown: list[Growing] = []
    counted: dict[str | None, datetime] = {}
    for fact in facts:
        form, at = fact.record.form, fact.record.at
        if grown and form in counted and at - counted[form] <= SAME:
            grown[-1].echo(fact.ref)
            continue
        counted[form] = at
        asked = _asked(fact, context)
        if grown and grown[-1].takes(asked):
            grown[-1].join(asked)
        else:
            grown.append(_open(asked, fact, grown[-1] if grown else None, context))
    return [item.case() for item in grown]


def _asked(fact: Fact[Submission], context: Context) -> Asked:
    group, clock = _group(fact, context), _clock(fact.record)
    return Asked(
        ref=fact.ref,
        line=fact.record.line,
        started_at=fact.record.at,
        ended_at=clock,
        in_hours=hours.is_open(clock, group.calendar, group.policy.no_calendar_horizon),
        rules_version=context.book.at(fact.record.at).version,
    )


def _clock(submission: Submission) -> datetime:
    """When the lead begins: as the form was sent, or at the time that the client asked for."""
    return max(submission.at, submission.wants_at or submission.at)


def _open(asked: Asked, fact: Fact[Submission], before: Growing | None, context: Context) -> Growing:
    previous, flags = before.followed_by(asked.started_at) if before else (None, ())
    opened_at = _clock(fact.record)
    return Growing(
        Waiting(
            kind=KIND,
            group=_group(fact, context),
            opening=asked,
            dials=(asked,),
            opened_at=opened_at,
            since=asked.started_at,
            promised_at=opened_at,
            previous=previous,
            flags=flags,
        ),
        context,
    )
