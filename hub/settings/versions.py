"""How are accepted rules kept, so that a call of last month is judged by what was promised then?

The text is stable: equal rules give equal text, so the store sees whether a new version is needed. Production calendars
are written out, for a later release may ship a corrected one.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any

from hub.core.calendars import WEEKDAYS
from hub.core.hours import (
    Calendar,
    DayException,
    ProductionCalendar,
    ProductionDay,
    WeekHours,
    hours_text,
    parse_hours,
)
from hub.core.policy import LineGroup, Policy, Rules
from hub.settings import policy as policy_table
from hub.settings.mistakes import Wrong

Json = dict[str, Any]


def rules_json(rules: Rules) -> str:
    """The rules as JSON text, without their number and date."""
    calendars = {group.calendar.name: group.calendar for group in rules.groups.values() if group.calendar}
    content = {
        "country": rules.country,
        "calendars": {name: _calendar_json(calendar) for name, calendar in calendars.items()},
        "lines": {name: _group_json(group) for name, group in rules.groups.items()},
    }
    return json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def rules_from_json(text: str, version: int = 1, active_from: datetime | None = None) -> Rules:
    """The rules of a kept version. Settings that this release no longer knows are left out."""
    content = json.loads(text)
    calendars = {name: _calendar(name, body) for name, body in content["calendars"].items()}
    return Rules(
        version=version,
        active_from=active_from or datetime.min.replace(tzinfo=UTC),
        country=content["country"],
        groups={name: _group(name, body, calendars) for name, body in content["lines"].items()},
    )


def _group_json(group: LineGroup) -> Json:
    return {
        "calendar": group.calendar.name if group.calendar else None,
        "lines": list(group.lines),
        "head": group.head,
        "duty": list(group.duty),
        "owners": dict(group.owners),
        "owner_order": list(group.owner_order),
        "critical": group.critical,
        "policy": policy_table.policy_table(group.policy),
    }


def _group(name: str, body: Json, calendars: Mapping[str, Calendar]) -> LineGroup:
    return LineGroup(
        name=name,
        calendar=calendars.get(body["calendar"] or ""),
        lines=tuple(body["lines"]),
        head=body["head"],
        duty=tuple(body["duty"]),
        owners=body["owners"],
        owner_order=tuple(body["owner_order"]),
        critical=body["critical"],
        policy=policy_table.read_policy(body["policy"], Policy(), ("lines", name), Wrong()),
    )


def _calendar_json(calendar: Calendar) -> Json:
    production = calendar.production
    return {
        "timezone": calendar.zone,
        "hours": [
            {"from": version.from_.isoformat(), "days": dict(zip(WEEKDAYS, map(hours_text, version.days), strict=True))}
            for version in calendar.versions
        ],
        "exceptions": [
            {"on": day.on.isoformat(), "hours": hours_text(day.hours), "why": day.why} for day in calendar.exceptions
        ],
        "production": production and {"country": production.country, "days": [*map(_day_json, production.days)]},
    }


def _day_json(day: ProductionDay) -> list[Any]:
    moved = day.moved_from.isoformat() if day.moved_from else None
    return [day.on.isoformat(), day.closed, moved, day.shortened, day.why]


def _calendar(name: str, body: Json) -> Calendar:
    production = body["production"]
    return Calendar(
        name,
        body["timezone"],
        tuple(WeekHours.of(date.fromisoformat(part["from"]), part["days"]) for part in body["hours"]),
        tuple(
            DayException(date.fromisoformat(day["on"]), parse_hours(day["hours"]), day["why"])
            for day in body["exceptions"]
        ),
        production and ProductionCalendar(production["country"], tuple(map(_day, production["days"]))),
    )


def _day(body: list[Any]) -> ProductionDay:
    on, closed, moved, shortened, why = body
    return ProductionDay(date.fromisoformat(on), closed, date.fromisoformat(moved) if moved else None, shortened, why)
