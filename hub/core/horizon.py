"""What was known at a moment, and when is the next thing known that the record already tells? (model.md 4, `--at`)"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime

from hub.core.history import version_from
from hub.core.records import Card, Deal, Message
from hub.core.session import cut
from hub.core.timeline import Fact, History, R_co, Timeline


def known(timeline: Timeline, at: datetime) -> Timeline:
    """The timeline as it was known at `at`: facts with a source time up to then, cut there.

    The newest version of a fact counts, so late data does; cards and deals are as their versions said then.
    The same value where nothing lies beyond.
    """
    if next_known(timeline, at) is None:
        return timeline
    return replace(
        timeline,
        calls=tuple(
            fact if call is fact.record else replace(fact, record=call)
            for fact in timeline.calls
            if (call := cut(fact.record, at)) is not None
        ),
        messages=tuple(_message(fact, at) for fact in timeline.messages if fact.record.at <= at),
        submissions=tuple(fact for fact in timeline.submissions if fact.record.at <= at),
        meetings=tuple(fact for fact in timeline.meetings if fact.record.starts_at <= at),
        marks=tuple(fact for fact in timeline.marks if fact.record.at <= at),
        cards=tuple(_histories(timeline.cards, at)),
        deals=tuple(_histories(timeline.deals, at)),
    )


def next_known(timeline: Timeline, at: datetime) -> datetime | None:
    """The earliest moment after `at` that any fact of the timeline, calls apart from their inside, names."""
    return min((moment for moment in _moments(timeline) if moment > at), default=None)


def _moments(timeline: Timeline) -> Iterator[datetime]:
    for call in timeline.calls:
        yield call.record.started_at
        if call.record.ended_at is not None:
            yield call.record.ended_at
        for leg in call.record.legs:
            yield from (at for at in (leg.started_at, leg.answered_at, leg.ended_at) if at is not None)
        yield from (item.at for item in call.record.transfers)
    for message in timeline.messages:
        yield message.record.at
        if message.record.deleted_at is not None:
            yield message.record.deleted_at
    yield from (fact.record.at for fact in timeline.submissions)
    yield from (fact.record.starts_at for fact in timeline.meetings)
    yield from (fact.record.at for fact in timeline.marks)
    histories: tuple[History[Card] | History[Deal], ...] = (*timeline.cards, *timeline.deals)
    for history in histories:
        yield from (at for version in history.versions if (at := version_from(version)) is not None)
        yield from (change.at for change in history.changes)
        if history.gone_at is not None:
            yield history.gone_at


def _message(fact: Fact[Message], at: datetime) -> Fact[Message]:
    deleted = fact.record.deleted_at
    if deleted is None or deleted <= at:
        return fact
    return replace(fact, record=replace(fact.record, deleted_at=None, deleted_by=None))


def _histories(histories: Iterable[History[R_co]], at: datetime) -> Iterator[History[R_co]]:
    for history in histories:
        versions = tuple(
            version
            for version in history.versions
            if not isinstance(version, Card | Deal) or (version_from(version) or at) <= at
        )
        changes = tuple(change for change in history.changes if change.at <= at)
        if versions or changes:  # of what only the log told until then, the first version says who it is
            gone_at = history.gone_at if history.gone_at is not None and history.gone_at <= at else None
            kept = versions or history.versions[:1]
            yield replace(history, versions=kept, gone_at=gone_at, changes=changes)
