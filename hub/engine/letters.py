"""How does a report become a letter: its figures are gathered at the moment it is sent, put into words, its charts drawn."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from hub import log
from hub.core import hours, report, schedule, summary
from hub.core.effects import Digest, Report
from hub.core.figures import Row
from hub.core.policy import LineGroup, Rulebook
from hub.core.records import instant
from hub.core.report import Facts
from hub.core.schedule import Name, Recipient
from hub.core.summary import Deal, Scope, Task
from hub.engine import coverage, current
from hub.engine import report as reports
from hub.engine.hub import OWN, Hub
from hub.errors import NothingToDo, Temporary
from hub.letters.bulletin import Before, Bulletin, Gap
from hub.letters.composing import Letter, compose
from hub.store import cases, unfinished
from hub.texts import texts
from hub.texts.formats import Formats

_log = log.get("letters")

CHARTED = 28
"""Days of the charts: four whole weeks, so that weekdays weigh the same."""
EVENING = timedelta(hours=3)
"""How long after its moment an evening's summary is of use: not the next morning."""
NOTHING = "there is nothing to tell"
SUPERSEDED = "the next report is due"


@dataclass(frozen=True, slots=True)
class Gathered:
    """What all reports of one moment and period are made of. deals: None where no CRM is connected, or of the past."""

    facts: Facts
    open_cases: Sequence[Row]
    lost: Sequence[Row]
    deals: Sequence[Deal] | None
    tasks: Sequence[Task]
    completeness: float | None
    gaps: tuple[Gap, ...]


@dataclass(frozen=True, slots=True)
class Asked:
    """Whose report of what. since, until: the period; previous: when the report before was due; at: as of when."""

    name: Name
    member: str
    first: date
    last: date
    since: datetime
    until: datetime
    previous: datetime | None
    at: datetime
    url: str | None


async def write(hub: Hub, effect: Report, now: datetime) -> Report:
    """The report with its words and pictures, as things stand now. NothingToDo: why it is not sent after all."""
    name, day, book = _name(effect.name), date.fromisoformat(effect.day), await hub.book()
    told = await bulletin(hub, effect.to, name, day, now)
    if effect.key == schedule.key(name, day, effect.to):  # one that a person asked for goes out whatever it tells
        latest = schedule.recipient(effect.to, hub.settings.reports, book).latest(name, now)
        if latest is not None and latest.day > day:
            raise NothingToDo(SUPERSEDED)
        if told.summary.scope.member is not None and told.is_empty:
            raise NothingToDo(NOTHING)
    letter, images = await illustrated(hub, told, now)
    return replace(effect, title=letter.title, text=letter.text, html=letter.html, images=images)


async def sum_up(hub: Hub, effect: Digest, now: datetime) -> Digest:
    """The digest as things stand now. NothingToDo where there is nothing to tell, or it is too late."""
    if now - effect.at > EVENING:
        raise NothingToDo("the evening is over")
    day = date.fromisoformat(effect.key.split("/")[1])  # digest/<day>/<recipient>
    told = await bulletin(hub, effect.to, "daily", day, now)
    if told.summary.is_empty:
        raise NothingToDo(NOTHING)
    gaps = [(gap.connection, gap.since) for gap in told.gaps if gap.until is None]
    shown = hub.evening.digest(told.summary, gaps)
    return replace(effect, title=shown.title, text=shown.text, buttons=shown.buttons)


async def illustrated(hub: Hub, told: Bulletin, now: datetime) -> tuple[Letter, dict[str, bytes]]:
    """The letter with its pictures as PNG; without them where they cannot be drawn, for the figures must not wait."""
    letter = await asyncio.to_thread(compose, told, formats_of(hub, now))
    try:
        drawn = await hub.drawer.png(list(letter.charts.values()), hub.settings.language)
    except (Temporary, OSError) as error:
        _log.warning("a report goes without its pictures", why=str(error))
        return compose(told, formats_of(hub, now), with_pictures=False), {}
    return letter, dict(zip(letter.charts, drawn, strict=True))


def formats_of(hub: Hub, now: datetime) -> Formats:
    """How the hub writes to its people."""
    return Formats(texts(hub.settings.language), ZoneInfo(hub.settings.timezone), now)


async def bulletin(hub: Hub, member: str, name: Name, day: date, now: datetime, *, stored: bool = True) -> Bulletin:
    """All that one of us is told of a period that ends with this day. stored: as things are, else evaluated as of `now`."""
    book, zone = await hub.book(), ZoneInfo(hub.settings.timezone)
    first, last = schedule.covered(name, day)
    since, until = _midnight(first, zone), min(now, _midnight(last + timedelta(days=1), zone))
    who = schedule.recipient(member, hub.settings.reports, book)
    previous = _previous(who, name, day, since)

    async def gather() -> Gathered:
        return await _gather(hub, min(since, previous or since), until, now, stored=stored)

    found = await hub.reported.get((since, previous, until, now, stored), gather)
    asked = Asked(name, member, first, last, since, until, previous, now, hub.settings.web.public_url)
    return await asyncio.to_thread(_told, asked, found, who, book, zone)


def _told(asked: Asked, found: Gathered, who: Recipient, book: Rulebook, zone: ZoneInfo) -> Bulletin:
    """The bulletin of what was gathered; long, for a month of a large team."""
    scope = summary.scope_of(asked.member, book)
    told = summary.summary(
        scope,
        summary.cut(found.facts, asked.since, asked.until),
        found.open_cases,
        found.lost,
        book,
        zone,
        since=asked.since,
        until=asked.until,
        at=asked.at,
        deals=found.deals,
        tasks=found.tasks,
        completeness=found.completeness,
    )
    first = Bulletin(
        name=asked.name,
        member=asked.member,
        first=asked.first,
        last=asked.last,
        summary=told,
        team=book.team,
        before=_before(scope, found.facts, asked.previous, asked.since, book, zone) if asked.previous else None,
        gaps=found.gaps,
        url=asked.url,
    )
    return _drawn(first, summary.within(scope, found.facts), who, book, zone)


def _previous(who: Recipient, name: Name, day: date, since: datetime) -> datetime | None:
    """When the daily report before was made, if that was before this day; what came in since is told, too."""
    due = who.before(name, day) if name == "daily" else None
    return due.at if due is not None and due.at < since else None


async def _gather(hub: Hub, since: datetime, until: datetime, now: datetime, *, stored: bool) -> Gathered:
    facts = await reports.facts(hub, since, until, now, stored=stored)
    known = [*facts.earlier, *facts.cases]
    week = now - summary.SILENT_DAYS
    open_cases: Sequence[Row]
    deals: list[Deal] | None = None
    tasks: list[Task] = []
    if stored:
        open_cases = await current.listing(hub, now, state="open")
        lost = [*known, *await hub.db.read(cases.listing, closed_since=week, state="lost")]
        if await hub.db.read(unfinished.any_deals, [name for name in hub.links if name != OWN]):
            deals, tasks = await hub.db.read(unfinished.deals), await hub.db.read(unfinished.tasks)
    else:
        open_cases, lost = [case for case in known if case["state"] == "open"], known
    covered = await coverage.rows_of(hub, since, until, now)
    gaps = [
        Gap(connection=source["connection"], since=instant(gap["from"]), until=_passed(instant(gap["to"]), now))
        for source in covered["sources"]
        for gap in source["gaps"]
    ]
    silent = summary.silently_lost({row["key"]: row for row in lost}.values(), now)
    return Gathered(facts, open_cases, silent, deals, tasks, covered["completeness"], tuple(gaps))


def _passed(end: datetime, now: datetime) -> datetime | None:
    return end if end < now else None


def _before(scope: Scope, facts: Facts, previous: datetime, since: datetime, book: Rulebook, zone: ZoneInfo) -> Before:
    """What came in since the report before and before the first day of this one."""
    facts = summary.cut(facts, previous, since)
    told = summary.summary(scope, facts, (), (), book, zone, since=previous, until=since, at=since)
    return Before(since=previous, missed=told.missed, fates=told.fates)


# What the charts show.


def _drawn(told: Bulletin, facts: Facts, who: Recipient, book: Rulebook, zone: ZoneInfo) -> Bulletin:
    first = told.first if told.name == "monthly" else told.last - timedelta(days=CHARTED - 1)
    days = [first + timedelta(days=number) for number in range((told.last - first).days + 1)]
    known = Facts(facts.calls, [*facts.earlier, *facts.cases], ())
    groups = _groups(told.summary.scope, book)
    longer = told.name != "daily"
    return replace(
        told,
        days=summary.by_day(summary.cases_of(known), zone, days),
        closed=[day for day in days if who.calendar is not None and not hours.works_on(day, who.calendar)],
        response=summary.response_by_day(summary.waits_of(known.cases), zone, days) if longer else {},
        target=_target(groups),
        heat=_heat(facts, told, zone) if told.name == "monthly" and told.summary.scope.member is None else {},
    )


def _groups(scope: Scope, book: Rulebook) -> list[LineGroup]:
    groups = book.versions[-1].groups.values()
    return [group for group in groups if scope.groups is None or group.name in scope.groups]


def _target(groups: Sequence[LineGroup]) -> int | None:
    """How soon a first message is to be answered, where that is the same everywhere."""
    targets = {group.policy.first_response_target for group in groups}
    only = targets.pop() if len(targets) == 1 else None
    return None if only is None else int(only.total_seconds())


def _heat(facts: Facts, told: Bulletin, zone: ZoneInfo) -> Counter[tuple[int, int]]:
    """(weekday, hour) → calls missed then."""
    missed = report.period(
        (row for row in facts.calls if row["missed"]), "started_at", told.summary.since, told.summary.until
    )
    moments = (instant(row["started_at"]).astimezone(zone) for row in missed)
    return Counter((at.weekday(), at.hour) for at in moments)


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), zone)


def _name(text: str) -> Name:
    return next(name for name in schedule.NAMES if name == text)
