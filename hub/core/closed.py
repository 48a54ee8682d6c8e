"""When is a month closed, and which of its published figures would be others now? (metrics.md 10)"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias
from zoneinfo import ZoneInfo

Published: TypeAlias = Mapping[str, Sequence[Mapping[str, Any]]]
"""Report → its rows as {row: what it is of, figures: name → value}."""


@dataclass(frozen=True, slots=True)
class Month:
    """A month of the hub's zone: its name `2026-02`, and where it begins and ends."""

    name: str
    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class Difference:
    """A figure that would be another now. old and new are values, None where there is none."""

    report: str
    row: Mapping[str, Any]
    figure: str
    old: float | None
    new: float | None


def month_of(at: datetime, zone: ZoneInfo) -> Month:
    """The month that a moment lies in."""
    first = at.astimezone(zone).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    following = (first + timedelta(days=32)).replace(day=1)
    return Month(f"{first:%Y-%m}", first.astimezone(UTC), following.astimezone(UTC))


def named(text: str, zone: ZoneInfo) -> Month:
    """The month of that name. ValueError: it is none."""
    try:
        return month_of(datetime.strptime(text, "%Y-%m").replace(day=15, tzinfo=zone), zone)
    except ValueError:
        raise ValueError(f"{text!r} is no month; write for example 2026-02") from None


def closed_last(now: datetime, freeze_after: int, zone: ZoneInfo) -> Month:
    """The latest month whose figures are closed: from that day of the next month on."""
    this = month_of(now, zone)
    before = month_of(this.since - timedelta(days=1), zone)
    if now.astimezone(zone).day >= freeze_after:
        return before
    return month_of(before.since - timedelta(days=1), zone)


def values(rows: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Of a report's answer only what is published: each row's keys and the values of its figures."""
    return [
        {
            "row": {name: value for name, value in row.items() if not isinstance(value, dict)},
            "figures": {name: value["value"] for name, value in row.items() if isinstance(value, dict)},
        }
        for row in rows
    ]


def differences(published: Published, restated: Iterable[Mapping[str, Any]], now: Published) -> Iterator[Difference]:
    """What differs from what was said last: when it was published, or in the latest restatement."""
    said = _flat(published)
    for row in restated:
        said[row["report"], key_of(row["row"]), row["figure"]] = (row["row"], row["new"])
    fresh = _flat(now)
    for key in sorted({*said, *fresh}):
        row, old = said.get(key, ({}, None))
        current, new = fresh.get(key, (row, None))
        if old != new:
            yield Difference(key[0], current, key[2], old, new)


def _flat(found: Published) -> dict[tuple[str, str, str], tuple[Mapping[str, Any], Any]]:
    return {
        (report, key_of(item["row"]), name): (item["row"], value)
        for report, rows in found.items()
        for item in rows
        for name, value in item["figures"].items()
    }


def key_of(row: Mapping[str, Any]) -> str:
    """One text of what a row is of."""
    return "/".join(f"{name}={value}" for name, value in sorted(row.items()))


def cause(late: Sequence[str], definitions: tuple[int, int], rules: tuple[int, int]) -> str:
    """Why figures of a closed month are others: late facts, other rules or definitions, or time that went on."""
    found = [f"late facts: {', '.join(late)}"] if late else []
    for what, (before, after) in (("definitions", definitions), ("rules", rules)):
        if before != after:
            found.append(f"{what}: version {after} instead of {before}")
    return "; ".join(found) or "what was open then has ended since, or clients were joined or parted"
