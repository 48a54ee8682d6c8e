"""What is there to tell one of us of a day, a week or a month: the figures of the reports and of the evening's digest.

A head is told of his line groups, the head of sales of all, everybody else of what he owns. The figures are those of
`crmhub report`, counted from the same rows (metrics.md 2.6, 3.4, 4.2, 11.1).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from hub.core import hours, report, waited
from hub.core.figures import Figure, Row
from hub.core.policy import Rulebook, TeamMember
from hub.core.records import instant
from hub.core.report import TO_CALL_BACK, Facts
from hub.core.waits import KIND

SILENT_DAYS = timedelta(days=7)
"""The headline "silently lost in 7 days" (metrics.md 3.4)."""
Fate = Literal["recovered", "lost", "silent", "early", "closed"]
FATES: tuple[Fate, ...] = ("recovered", "early", "lost", "silent", "closed")
"""What became of a client who was missed; early: too early to tell, closed: by hand and without evidence."""


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose figures they are. member: only what he owns; groups: only these line groups; neither: everything."""

    member: str | None = None
    groups: frozenset[str] | None = None

    def has(self, row: Row) -> bool:
        """Whether a case or an open wait is within it."""
        if self.member is not None:
            return self.member in (row["owner"], row.get("assignee"))
        return self.groups is None or row["line_group"] in self.groups


def scope_of(member: str, book: Rulebook) -> Scope:
    """What one of us is told of: everything, his line groups, or his own."""
    if member == book.head_of_sales:
        return Scope()
    groups = book.versions[-1].groups.values()
    headed = frozenset(group.name for group in groups if group.head == member)
    return Scope(groups=headed) if headed else Scope(member=member)


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """A client who waits or was lost. case: key of the case; name: his own or his address; contact: his number.

    handle: None where nothing but the name is known. channel: of a message, else None.
    """

    case: str
    kind: str
    contact: int
    name: str | None
    handle: str | None
    channel: str | None = None
    owner: str | None
    line_group: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting(Client):
    """A client who waits still. since: from when. wall, working: seconds so far, working None where no hours are known."""

    since: datetime
    due_at: datetime | None
    breached: bool
    wall: int
    working: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Lost(Client):
    """A client lost without one valid attempt of ours. at: when he was given up."""

    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """How soon first messages were answered, in working seconds. values: all of them where there are few, ascending.

    in_time of promised: the share within the target.
    """

    median: int | None
    p90: int | None
    n: int
    values: tuple[int, ...] = ()
    in_time: int = 0
    promised: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Deal:
    """An open deal. ref: its reference. owner: key of `[team]`, else a handle. cards: ids of its clients' cards there."""

    ref: str
    connection: str
    title: str | None = None
    cards: tuple[str, ...] = ()
    owner: str | None = None
    amount: float | None = None
    currency: str | None = None
    created_at: datetime | None = None
    url: str | None = None


@dataclass(frozen=True, slots=True)
class Task:
    """An open task: of a deal, of a client's card, or of neither."""

    connection: str
    deal: str | None = None
    card: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """One of us in the report of his head. fates: of the clients that he missed. overdue: of those waiting. away: until
    which date he is absent.
    """

    member: str
    missed: int
    fates: Mapping[Fate, int]
    response: Response
    waiting: int
    overdue: int
    away: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """What one of us is told of a period. at: as of when; it ends then where that is within the period.

    inbound: calls that were answered or missed. fates: of the clients who were missed in the period. in_time: of
    those reached, how many within the promise; None where nothing was promised. silent: lost without an attempt in the
    seven days up to `at`. waiting: who waits at `at`, the longest overdue first. stale: open deals without a next step;
    None: no CRM is connected, or the moment is not now. people: of a head. completeness: share of the facts that are
    there, None: unknown.
    """

    scope: Scope
    since: datetime
    until: datetime
    at: datetime
    inbound: int
    missed: int
    missed_off_hours: int
    fates: Mapping[Fate, int]
    in_time: int | None
    response: Response
    silent: tuple[Lost, ...]
    waiting: tuple[Waiting, ...]
    stale: tuple[Deal, ...] | None = None
    people: tuple[Person, ...] = ()
    completeness: float | None = None

    @property
    def miss_rate(self) -> float | None:
        """Share of the calls that were missed; None without any."""
        return self.missed / self.inbound if self.inbound else None

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to tell."""
        return not (
            self.inbound or self.response.n or self.waiting or self.silent or self.stale or any(self.fates.values())
        )


def summary(
    scope: Scope,
    facts: Facts,
    open_cases: Sequence[Row],
    lost: Sequence[Row],
    book: Rulebook,
    zone: ZoneInfo,
    *,
    since: datetime,
    until: datetime,
    at: datetime,
    deals: Sequence[Deal] | None = None,
    tasks: Iterable[Task] = (),
    completeness: float | None = None,
) -> Summary:
    """The figures of one of us.

    facts: of the period. open_cases: rows of `crmhub cases` that are open at `at`. lost: those silently lost of late,
    as `silently_lost` picks them. deals: all that are open, None where that is not known.
    """
    people = report.report("managers", facts, book, zone)
    by_member = {row["member"]: row for row in people}
    mine = within(scope, facts)
    figures = by_member.get(scope.member, {}) if scope.member else report.whole(mine, book, zone)
    cases = cases_of(mine)
    waiting = _waiting([row for row in open_cases if scope.has(row)], book, at)
    return Summary(
        scope=scope,
        since=since,
        until=until,
        at=at,
        inbound=_count(figures, "answered") + _count(figures, "missed"),
        missed=_count(figures, "missed"),
        missed_off_hours=_count(figures, "missed_off_hours"),
        fates=Counter(map(fate, cases)),
        in_time=figures["recovered"].more["above"] if any(case["due_at"] for case in cases) else None,
        response=_response(figures),
        silent=tuple(_lost(row) for row in lost if scope.has(row)),
        waiting=waiting,
        stale=None if deals is None else _stale(scope, mine, deals, tasks, book, at),
        people=() if scope.member else tuple(_people(scope, mine, by_member, waiting, book, at)),
        completeness=completeness,
    )


def within(scope: Scope, facts: Facts) -> Facts:
    """The facts of a scope: of one of us, the cases that he owns and the waits that he had a part in."""

    def has(row: Row) -> bool:
        if scope.member is not None:
            return scope.member in (row.get("owner"), row.get("member"), row.get("answered_by"))
        return scope.groups is None or row.get("line_group") in scope.groups

    return Facts(
        calls=[row for row in facts.calls if has(row)],
        cases=[row for row in facts.cases if has(row)],
        waits=[row for row in facts.waits if has(row)],
        offers=[row for row in facts.offers if has(row)],
        earlier=[row for row in facts.earlier if has(row)],
    )


def cut(facts: Facts, since: datetime, until: datetime) -> Facts:
    """The facts of a shorter period, with what opened before it."""
    return Facts(
        calls=report.period(facts.calls, "started_at", since, until),
        cases=report.period(facts.cases, "opened_at", since, until),
        waits=report.period(facts.waits, "started_at", since, until),
        offers=report.period(facts.offers, "at", since, until),
        earlier=[*facts.earlier, *(case for case in facts.cases if instant(case["opened_at"]) < since)],
    )


def silently_lost(rows: Iterable[Row], at: datetime) -> list[Row]:
    """The cases that became silently lost in the seven days up to `at`, the last first (metrics.md 3.4)."""
    found = [row for row in rows if row["silently_lost"] and row["closed_at"] is not None]
    recent = [row for row in found if at - SILENT_DAYS <= instant(row["closed_at"]) < at]
    return sorted(recent, key=lambda row: (instant(row["closed_at"]), row["key"]), reverse=True)


def cases_of(facts: Facts) -> list[Row]:
    """The clients to call back who were missed in the period, without what turned out to be no miss."""
    return [row for row in facts.cases if row["kind"] in TO_CALL_BACK and report.why_no_case(row) is None]


def fate(case: Row) -> Fate:
    """What became of a client who was missed."""
    if case["state"] == "recovered":
        return "recovered"
    if report.is_lost(case):
        return "silent" if case["silently_lost"] else "lost"
    return "closed" if case["state"] == "closed" else "early"


def _count(figures: Mapping[str, Figure], name: str) -> int:
    return int(figures[name].value or 0) if name in figures else 0


def _response(figures: Mapping[str, Figure]) -> Response:
    if "median" not in figures:
        return Response(median=None, p90=None, n=0)
    median, p90, share = figures["median"], figures["p90"], figures["share_within_target"]
    return Response(
        median=_whole(median.value),
        p90=_whole(p90.value),
        n=median.n,
        values=tuple(median.more.get("values", ())),
        in_time=share.more["above"],
        promised=share.n,
    )


def _whole(value: float | None) -> int | None:
    return None if value is None else int(value)


def _client(case: Row) -> dict[str, str | int | None]:
    contact = case["contact"]
    wait = case.get("wait") or {}
    return {
        "case": case["key"],
        "kind": case["kind"],
        "contact": contact["id"],
        "name": contact["name"],
        "handle": next(iter(contact["handles"]), None),
        "channel": wait.get("channel"),
        "owner": case["assignee"] or case["owner"],
        "line_group": case["line_group"],
    }


def _lost(case: Row) -> Lost:
    return Lost(**_client(case), at=instant(case["closed_at"]))  # type: ignore[arg-type]


def _waiting(cases: Iterable[Row], book: Rulebook, at: datetime) -> tuple[Waiting, ...]:
    """Those past their promise first, then by how long they have waited."""
    found = [_one_waiting(case, book, at) for case in cases]
    return tuple(sorted(found, key=lambda one: (not one.breached, one.due_at or at, one.since, one.case)))


def _one_waiting(case: Row, book: Rulebook, at: datetime) -> Waiting:
    since = instant(case["opened_at"])
    group = book.at(since).group(case["line_group"])
    working = hours.seconds(since, at, group.calendar, group.policy.no_calendar_horizon)
    due_at = instant(case["due_at"]) if case["due_at"] else None
    return Waiting(
        **_client(case),  # type: ignore[arg-type]
        since=since,
        due_at=due_at,
        breached=case["breached"] is True,
        wall=max(int((at - since).total_seconds()), 0),
        working=working,
    )


# Deals


def _stale(
    scope: Scope, facts: Facts, deals: Sequence[Deal], tasks: Iterable[Task], book: Rulebook, at: datetime
) -> tuple[Deal, ...]:
    """The deals of the scope without a next step: of a head, those of the people of his groups."""
    owned = [replace(deal, owner=book.team.named(deal.owner, at)) for deal in without_next_step(deals, tasks)]
    if scope == Scope():
        return tuple(owned)
    people = {scope.member} if scope.member else _staff(scope, facts, book)
    return tuple(deal for deal in owned if deal.owner in people)


def without_next_step(deals: Iterable[Deal], tasks: Iterable[Task]) -> list[Deal]:
    """The open deals for which nobody has anything to do, the oldest first; a task of its client counts, too."""
    tasks = list(tasks)
    planned = {(task.connection, task.deal) for task in tasks if task.deal is not None}
    clients = {(task.connection, task.card) for task in tasks if task.card is not None and task.deal is None}

    def has_next(deal: Deal) -> bool:
        own = (deal.connection, deal.ref.rpartition("/")[2])
        return own in planned or any((deal.connection, card) in clients for card in deal.cards)

    never = datetime.max.replace(tzinfo=UTC)
    return sorted((deal for deal in deals if not has_next(deal)), key=lambda deal: (deal.created_at or never, deal.ref))


# People


def _people(
    scope: Scope,
    facts: Facts,
    by_member: Mapping[str, Row],
    waiting: Sequence[Waiting],
    book: Rulebook,
    at: datetime,
) -> Iterable[Person]:
    """Those who belong to the scope, as the team is configured."""
    staff = _staff(scope, facts, book)
    rows = report.report("managers", facts, book, ZoneInfo(book.team.timezone)) if scope.groups is not None else None
    figures = by_member if rows is None else {row["member"]: row for row in rows}
    for key, member in book.team.members.items():
        if key in staff:
            own = [case for case in cases_of(facts) if case["owner"] == key]
            yield Person(
                member=key,
                missed=_count(figures[key], "missed"),
                fates=Counter(map(fate, own)),
                response=_response(figures[key]),
                waiting=sum(one.owner == key for one in waiting),
                overdue=sum(one.owner == key and one.breached for one in waiting),
                away=_away(member, at),
            )


def _staff(scope: Scope, facts: Facts, book: Rulebook) -> set[str]:
    """The people of the line groups, and whoever had to do with them in the period."""
    groups = [
        group for group in book.versions[-1].groups.values() if scope.groups is None or group.name in scope.groups
    ]
    named = {key for group in groups for key in (*group.duty, *group.owners.values())}
    acted = {row.get(word) for row in (*facts.cases, *facts.waits) for word in ("owner", "replied_by")}
    answered = {row.get("answered_by") for row in facts.calls}
    return {key for key in (*named, *acted, *answered) if key in book.team.members and key is not None}


def _away(member: TeamMember, at: datetime) -> date | None:
    zone = ZoneInfo(member.calendar.zone) if member.calendar else at.tzinfo
    today = at.astimezone(zone).date()
    return next((away.to for away in member.absences if away.from_ <= today <= away.to), None)


# Days


def by_day(
    cases: Iterable[Row], zone: ZoneInfo, days: Sequence[date], what: Callable[[Row], Fate] = fate
) -> dict[date, Counter[Fate]]:
    """Day → fates of the clients who were missed on it; every day asked for is there."""
    found: dict[date, Counter[Fate]] = {day: Counter() for day in days}
    for case in cases:
        day = instant(case["opened_at"]).astimezone(zone).date()
        if day in found:
            found[day][what(case)] += 1
    return found


def response_by_day(waits: Iterable[Row], zone: ZoneInfo, days: Sequence[date]) -> dict[date, Response]:
    """Day → how soon the first messages of it were answered; days without an answer are left out."""
    on: dict[date, list[Row]] = {}
    for row in waits:
        on.setdefault(instant(row["started_at"]).astimezone(zone).date(), []).append(row)
    found = {day: _response(report.response(Facts((), (), on[day]))) for day in days if day in on}
    return {day: response for day, response in found.items() if response.n}


def waits_of(cases: Iterable[Row]) -> list[Row]:
    """The waits for a reply among cases."""
    return [waited.view(case) for case in cases if case["kind"] == KIND]
