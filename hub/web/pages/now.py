"""Who waits for us now, worst first; which calls are in progress; what was settled in the last hour, and how."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response
from sqlalchemy import Connection

from hub.core import hours, owners
from hub.core.policy import Rulebook
from hub.engine.hub import OWN
from hub.store import history, pages
from hub.texts import N_
from hub.texts.formats import Formats
from hub.web import reading, words
from hub.web.desk import Desk, Visitor
from hub.web.marks import KINDS
from hub.web.waits import Reading, Row, Wait, client_name, line_name

FIRST = 50
"""Rows that are shown at once."""
WEEK = timedelta(days=7)
AHEAD = timedelta(days=2)
"""How far the end of working hours is looked for."""
RUNNING = timedelta(hours=12)
"""A call that began earlier and has no end is a fault of its source, not a call in progress."""
DECIDED = frozenset({"closed_by_hand", "no_reply_needed"})
"""Endings that a person decided and can take back."""
CALLED = frozenset({"missed_call", "lost_in_transfer"})
"""Cases that a callback ends; how soon those are answered who wrote is a figure of its own."""
GROUPS = ((N_("Overdue"), "late"), (N_("Due today"), ""), (N_("No rush"), ""))


@dataclass(frozen=True, slots=True)
class State:
    """Everything the page is made of, read in one snapshot."""

    open: list[dict[str, Any]]
    counts: tuple[int, int]
    closed: list[dict[str, Any]]
    silent: list[dict[str, Any]]
    today: list[dict[str, Any]]
    running: list[dict[str, Any]]
    calls: dict[str, dict[str, Any]]
    facts: dict[str, history.Event]
    taken: list[history.Event]
    people: dict[int, pages.Person]
    received: dict[str, datetime | None]
    has_calls: bool


@dataclass(frozen=True, slots=True)
class Closed:
    """A line of what was settled."""

    contact: int
    client: str
    how: str
    at: datetime
    good: bool
    key: str | None


@dataclass(frozen=True, slots=True)
class Running:
    """A call in progress. seconds: since it rings or since the talk began."""

    contact: int | None
    who: str
    where: str
    icon: str
    talks: bool
    seconds: int


@dataclass(frozen=True, slots=True)
class Colleague:
    """One of us now: what he does, and how many clients wait for him."""

    name: str
    state: str
    tone: str
    waits: int
    overdue: int


def read(connection: Connection, now: datetime, midnight: datetime) -> State:
    """The page's one question to the store."""
    waiting = pages.open_cases(connection)
    hour_ago = now - timedelta(hours=1)
    closed = pages.closed_cases(connection, min(hour_ago, midnight), "recovered", "closed", "lost")
    lost = pages.closed_cases(connection, now - WEEK, "closed", "lost")
    running = pages.running_calls(connection, now - RUNNING)
    recent = [case for case in closed if case["closed_at"] >= hour_ago]
    refs = {ref for case in waiting for ref in case["evidence"]}
    refs |= {case["closed_by"] for case in recent if case.get("closed_by")}
    targets = {target for case in waiting for target in reading.targets(case)}
    rows = pages.connections_seen(connection, OWN)
    return State(
        open=waiting,
        counts=pages.waiting(connection, now),
        closed=closed,
        silent=[case for case in lost if case.get("silently_lost")],
        today=pages.opened_cases(connection, midnight),
        running=running,
        calls=pages.calls_by_ref(connection, refs),
        facts=history.by_ref(connection, refs),
        taken=history.marks_on(connection, targets),
        people=pages.people(connection, {call["contact"] for call in running}),
        received=rows,
        has_calls=pages.any_call(connection),
    )


def router(desk: Desk) -> APIRouter:
    """`/` and its live parts."""
    routes = APIRouter(include_in_schema=False)

    @routes.get("/")
    async def now(request: Request) -> Response:
        visitor = desk.visitor(request)
        view = await _view(desk, visitor, request)
        template = "now/empty.html" if view["is_first"] else "now/page.html"
        return await desk.page(request, template, here="now", visitor=visitor, **view)

    @routes.get("/now/{part}")
    async def fragment(request: Request, part: str) -> Response:
        visitor = desk.visitor(request)
        if part not in {"headline", "calls", "waits", "closed", "team", "news"}:
            return desk.plain(request, "error-404.html", 404)
        view = await _view(desk, visitor, request)
        return desk.fragment(request, f"now/{part}.html", visitor, **view)

    return routes


async def _view(desk: Desk, visitor: Visitor, request: Request) -> dict[str, Any]:
    formats = visitor.formats
    midnight = datetime.combine(formats.local(formats.now).date(), time(), desk.zone)
    state = await desk.hub.db.read(read, formats.now, midnight)
    book = await desk.hub.book()
    cases = Reading(
        book=book,
        formats=formats,
        names={key: member.name for key, member in desk.members.items()},
        calls=state.calls,
        facts=state.facts,
        busy=_busy(state.running),
        taken=reading.taken_marks(state.open, state.taken, book),
    )
    who = request.query_params.get("who", "")
    me = visitor.member.key if visitor.member else None
    waits = [cases.wait(row) for row in state.open]
    shown = [wait for wait in waits if _wanted(wait, who, me)]
    recent = [row for row in state.closed if row["closed_at"] >= formats.now - timedelta(hours=1)]
    return {
        "who": who,
        "groups": _groups(shown, formats),
        "rest": max(len(shown) - FIRST, 0),
        "total": state.counts[0],
        "total_overdue": state.counts[1],
        "waits": waits,
        "overdue": [wait for wait in waits if wait.late is not None],
        "longest": max(waits, key=lambda wait: wait.clock.seconds, default=None),
        "silent": state.silent,
        "reading": cases,
        "median": _median(state.today, book),
        "running": [_running(call, state.people, cases) for call in state.running],
        "closed": [_closed(row, cases, state.facts) for row in recent if row.get("resolution") != "no_callback_number"],
        "team": _team(waits, state.running, cases),
        "closed_today": [row for row in state.closed if row["closed_at"] >= midnight],
        "last_closed": next(iter(state.closed), None),
        "work": _work(book, formats),
        "received": {name: at for name, at in state.received.items() if name in desk.hub.links},
        "has_calls": state.has_calls,
        "is_first": len(desk.hub.links) <= 1,
        "back": "/" + (f"?who={who}" if who in {"mine", "nobody"} else ""),
        "reasons": words.REASONS,
        "done": _done(request, state, cases),
    }


def _wanted(wait: Wait, who: str, me: str | None) -> bool:
    if who == "mine":
        return wait.turn is not None and wait.turn == me
    return wait.turn is None if who == "nobody" else True


def _groups(waits: Sequence[Wait], formats: Formats) -> list[tuple[str, str, int, list[Wait]]]:
    """(title, tone, how many, those shown): overdue by how much the promise is broken, then by what is left."""
    today = formats.local(formats.now).date()
    parts: tuple[list[Wait], list[Wait], list[Wait]] = ([], [], [])
    for wait in waits:
        if wait.late is not None:
            parts[0].append(wait)
        elif wait.due_at is not None and formats.local(wait.due_at).date() == today:
            parts[1].append(wait)
        else:
            parts[2].append(wait)
    parts[0].sort(key=lambda wait: (-(wait.late or 0), wait.key))
    left = FIRST
    groups = []
    for (title, tone), found in zip(GROUPS, parts, strict=True):
        shown = found[:left]
        left -= len(shown)
        if shown:
            groups.append((title, tone, len(found), shown))
    return groups


def _busy(running: Sequence[Row]) -> Mapping[str, datetime]:
    return {
        call["answered_by"]: datetime.fromisoformat(call["answered_at"])
        for call in running
        if call.get("answered_by") and call.get("answered_at")
    }


def _median(cases: Sequence[Row], book: Rulebook) -> dict[str, int] | None:
    """Working time to reach of today's cases that were recovered, by nearest rank; None where there are none."""
    reached = sorted(
        seconds
        for row in cases
        if row["kind"] in CALLED and row["state"] == "recovered"
        if (seconds := (row.get("time_to_reach") or {}).get("working")) is not None
    )
    if not reached:
        return None
    kept = sum(
        1
        for row in cases
        if row["kind"] in CALLED
        and row["state"] == "recovered"
        and ((row.get("time_to_reach") or {}).get("working") or 0)
        <= book.at(row["opened_at"]).group(row["line_group"]).policy.callback_target.total_seconds()
    )
    waiting = sum(1 for row in cases if row["kind"] in CALLED and row["state"] == "open")
    return {
        "median": reached[(len(reached) - 1) // 2],
        "p90": reached[max(-(-len(reached) * 9 // 10) - 1, 0)],
        "n": len(reached),
        "kept": kept,
        "waiting": waiting,
    }


def _running(call: Row, people: Mapping[int, pages.Person], reading: Reading) -> Running:
    formats = reading.formats
    texts = formats.texts
    person = people.get(call["contact"])
    client = client_name(person.name if person else None, person.handles if person else (), formats)
    line = line_name(call.get("line"), formats)
    inbound = call["direction"] == "inbound"
    if call.get("answered_at"):
        member = reading.name(call.get("answered_by") or call.get("first_human"))
        passed = formats.now - datetime.fromisoformat(call["answered_at"])
        place = call["line_group"] if call["line_group"] != "default" else line
        where = str(place) if inbound else texts.say("we are calling")
        return Running(
            call["contact"], f"{member} – {client}", where, "phone" if inbound else "out", True, _whole(passed)
        )
    passed = formats.now - datetime.fromisoformat(call["started_at"])
    ringing = [ring["member"] for ring in call.get("rang") or () if ring.get("result") is None]
    names = ", ".join(dict.fromkeys(reading.name(member) for member in ringing))
    if inbound:
        where = texts.say("rings at %(names)s", names=names) if names else texts.say("in the queue or the menu")
        return Running(call["contact"], f"{client} → {line}" if line else client, where, "in", False, _whole(passed))
    return Running(call["contact"], client, texts.say("we are calling"), "out", False, _whole(passed))


def _team(waits: Sequence[Wait], running: Sequence[Row], reading: Reading) -> list[Colleague]:
    """All of us: who owes most first, who is away last."""
    formats = reading.formats
    say = formats.texts.say
    team = reading.book.team
    ringing = {ring["member"] for call in running for ring in call.get("rang") or () if ring.get("result") is None}
    found = []
    for key, member in team.members.items():
        own = [wait for wait in waits if wait.turn == key]
        calendar = owners.planned(team, key, reading.book.at(formats.now).default)
        if key in reading.busy:
            state, tone = (
                say("on the phone for %(time)s", time=formats.duration(formats.now - reading.busy[key])),
                "good",
            )
        elif key in ringing:
            state, tone = say("rings"), "soon"
        elif calendar is not None and hours.is_open(formats.now, calendar) is False:
            opens = hours.next_opening(formats.now, calendar)
            state, tone = say("away until %(time)s", time=formats.moment(opens)) if opens else say("away"), "mute"
        else:
            state, tone = say("no call at the moment"), ""
        late = sum(1 for wait in own if wait.late is not None)
        found.append(Colleague(member.name, state, tone, len(own), late))
    return sorted(found, key=lambda item: (-item.overdue, -item.waits, item.tone == "mute", item.name))


def _whole(passed: timedelta) -> int:
    return max(int(passed.total_seconds()), 0)


def _closed(row: Row, reading: Reading, marks: Mapping[str, history.Event]) -> Closed:
    return Closed(
        row["contact"]["id"],
        reading.client(row),
        how(row, reading, marks),
        row["closed_at"],
        row["state"] == "recovered",
        row["key"] if row.get("resolution") in DECIDED else None,
    )


def how(row: Row, reading: Reading, marks: Mapping[str, history.Event]) -> str:
    """In a sentence, by which evidence a case was closed."""
    formats = reading.formats
    texts = formats.texts
    call = reading.calls.get(row.get("closed_by") or "")
    member = reading.name(row.get("closed_by_member") or (call or {}).get("answered_by"))
    time = (row.get("time_to_reach") or {}).get("working")
    if time is None:
        time = (row.get("time_to_reach") or {}).get("wall")
    talk = formats.exact(call["talk"]) if call and call.get("talk") else ""
    match row.get("resolution"):
        case "callback_reached":
            text = texts.say("Called back in %(time)s", time=formats.duration(time))
        case "client_got_through":
            text = texts.say("The client got through in %(time)s", time=formats.duration(time))
        case "replied":
            text = texts.say("Answered in %(time)s", time=formats.duration(time))
        case "closed_by_hand":
            mark = marks.get(row.get("closed_by") or "")
            reason = words.REASONS.get(getattr(mark.record, "reason", None) or "", ("", ""))[0] if mark else ""
            text = texts.say("Closed by hand")
            return ": ".join(filter(None, (text, texts.say(reason).lower() if reason else ""))) + _by(member)
        case resolution:
            text = texts.say(words.RESOLUTIONS.get(resolution or "", N_("closed")))
            return text[:1].upper() + text[1:]
    said = texts.say("%(what)s, talked for %(time)s", what=text, time=talk) if talk else text
    return said + _by(member)


def _by(member: str) -> str:
    return f" · {member}" if member else ""


def _work(book: Rulebook, formats: Formats) -> str:
    """Until when work lasts, or when it begins: of the line group that works longest."""
    calendars = [group.calendar for group in book.at(formats.now).groups.values() if group.calendar is not None]
    ends = [
        end
        for calendar in calendars
        if hours.is_open(formats.now, calendar)
        for _, end in list(hours.intervals(formats.now, formats.now + AHEAD, calendar))[:1]
    ]
    if ends and max(ends) == formats.now + AHEAD:
        return formats.texts.say("working hours around the clock")
    if ends:
        return formats.texts.say("working hours until %(time)s", time=formats.moment(max(ends)))
    opens = [found for calendar in calendars if (found := hours.next_opening(formats.now, calendar)) is not None]
    if opens:
        return formats.texts.say("working hours from %(time)s", time=formats.moment(min(opens)))
    return formats.texts.say("no calendar")


def _done(request: Request, state: State, reading: Reading) -> dict[str, str] | None:
    """What the reader has just done, so that it can be undone at once."""
    key = request.query_params.get("done")
    kind = request.query_params.get("kind", "closed")
    row = next((row for row in (*state.closed, *state.open) if row["key"] == key), None)
    if row is None or kind not in KINDS:
        return None
    return {"key": row["key"], "client": reading.client(row), "kind": kind}
