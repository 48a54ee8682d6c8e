"""What was a card or deal at a moment: its versions and its source's log of changes, told together (metrics.md 7)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Literal, TypeAlias

from hub.core.records import Card, Deal
from hub.core.timeline import History

EVER = datetime.min.replace(tzinfo=UTC)
Course: TypeAlias = Sequence[tuple[datetime, Any]]
"""The values that a field took, each with the moment from which on it did, in order of time."""


def version_from(record: Card | Deal) -> datetime | None:
    """From when on a version of a card or deal holds; None: as long as anybody remembers."""
    return record.changed_at or record.created_at


def held_at(history: History[Card] | History[Deal], at: datetime) -> Card | Deal | None:
    """The object as it was at that moment; None before there was one, and from its deletion on.

    Without a log an object is known from its first version on; with one from its creation on, as far as the log tells.
    """
    if history.gone_at is not None and history.gone_at <= at:
        return None
    versions: Sequence[Card | Deal] = history.versions
    version = next((item for item in reversed(versions) if (version_from(item) or EVER) <= at), None)
    if not history.changes or (version is None and (created_at(history) or EVER) > at):
        return version
    held = version or versions[0]
    heard = [change.at for change in history.changes if change.at <= at]
    then = max([*heard, *([held.changed_at] if version is not None and held.changed_at else [])], default=None)
    told: dict[str, Any] = {"owner": _value_at(_course(history, "owner", held.owner), at), "changed_at": then}
    if isinstance(held, Deal):
        told["state"] = _value_at(states(history), at)
    return replace(held, **told)


def states(history: History[Any]) -> Course:
    """The states of a deal from its creation on: it was open until a version or the log says otherwise."""
    return _course(history, "state", "open")


def _course(history: History[Card] | History[Deal], field: Literal["owner", "state"], at_first: str | None) -> Course:
    """What versions and log say of a field; of both at one moment the log is the exact one.

    What it was before the first change is what that change says it replaced. Where the log is silent it was `at_first`
    from the creation to the first version.
    """
    seen = [(version_from(version) or EVER, getattr(version, field)) for version in history.versions]
    logged = [change for change in history.changes if change.field == field]
    began = created_at(history)
    if not logged:
        return [(began, at_first), *seen] if began is not None and began < seen[0][0] else seen
    dated = [step for step in seen if step[0] > EVER]
    rest = sorted([*dated, *((change.at, change.after) for change in logged)], key=lambda step: step[0])
    return [(min(began or EVER, rest[0][0]), logged[0].before), *rest]


def _value_at(course: Course, at: datetime) -> Any:
    return next((value for begins, value in reversed(course) if begins <= at), course[0][1])


def created_at(history: History[Card] | History[Deal]) -> datetime | None:
    """When the object was made, as any of its versions says."""
    return min((version.created_at for version in history.versions if version.created_at), default=None)
