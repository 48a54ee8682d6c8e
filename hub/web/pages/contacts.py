"""What happened with this client, and what is next? Also: which client is meant by a name or a number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import RedirectResponse, Response
from sqlalchemy import Connection

from hub.core import hours
from hub.core.handles import kind_of, value_of
from hub.core.records import Card, Record
from hub.store import history, pages
from hub.web import reading as marks_of
from hub.web import words
from hub.web.desk import Desk, Visitor
from hub.web.history import Entry, Teller, upcoming
from hub.web.pages.calls import names_of
from hub.web.pages.now import how
from hub.web.ruler import Ruler, ruler
from hub.web.waits import Reading, Row, Wait, client_name

SIZE = 40
"""Events on one page of the history."""
AHEAD = timedelta(days=14)
"""How far steps to come are looked for."""
SHOW = ("all", "calls", "text", "proof")


@dataclass(frozen=True, slots=True)
class Known:
    """All that the page asks of the store. refs, said: calls and messages that any case names."""

    person: pages.Person
    cases: list[dict[str, Any]]
    calls: pages.Page
    refs: dict[str, dict[str, Any]]
    facts: list[history.Event]
    said: dict[str, history.Event]
    marks: list[history.Event]
    effects: list[dict[str, Any]]
    cards: list[tuple[str, Any]]
    count: int
    first: datetime | None
    bodies: dict[int, Record]


@dataclass(frozen=True, slots=True)
class Open:
    """An open case as a verdict: the wait, its ruler, and the steps that follow."""

    wait: Wait
    ruler: Ruler
    steps: Sequence[tuple[datetime, int, str]]


def read(connection: Connection, person: pages.Person, before: datetime | None) -> Known:
    """Everything about one client, his events before a moment."""
    cases = pages.cases_of(connection, [person.id])
    named = {target for case in cases for target in marks_of.targets(case)}
    refs = {ref for case in cases[:50] for ref in (*case["evidence"], case.get("closed_by") or "")}
    calls = pages.calls_page(connection, limit=SIZE, until=before, contact_ids=[person.id])
    count, first = pages.call_counts(connection, person.id)
    return Known(
        person,
        cases,
        calls,
        pages.calls_by_ref(connection, refs),
        history.facts_of(connection, person.id, SIZE, before),
        history.by_ref(connection, refs),
        history.marks_on(connection, named),
        history.effects_of(connection, person.id),
        history.cards_of(connection, person.id),
        count,
        first,
        pages.bodies(connection, [row["number"] for row in calls.rows]),
    )


def router(desk: Desk) -> APIRouter:
    """`/contacts`, `/contacts/<id>` and what belongs to it."""
    routes = APIRouter(include_in_schema=False)

    @routes.get("/contacts")
    async def contacts(request: Request) -> Response:
        visitor = desk.visitor(request)
        query = request.query_params.get("q", "").strip()[:100]
        if query:
            people = await desk.hub.db.read(pages.search, query)
            found: list[tuple[pages.Person, datetime | None]] = [(person, None) for person in people]
        else:
            found = [(person, last) for person, last in await desk.hub.db.read(pages.recent_people)]
        if query and len(found) == 1:
            return desk.see(f"/contacts/{found[0][0].id}")
        cases = await desk.hub.db.read(pages.cases_of, [person.id for person, _ in found])
        reading = Reading(await desk.hub.book(), visitor.formats, names_of(desk))
        waiting = {case["contact"]["id"]: reading.wait(case) for case in reversed(cases) if case["state"] == "open"}
        rows = [
            (person, client_name(person.name, person.handles, visitor.formats), at, waiting.get(person.id))
            for person, at in found
        ]
        return await desk.page(request, "contacts.html", here="contacts", visitor=visitor, query=query, rows=rows)

    @routes.get("/contacts/{number}")
    async def contact(request: Request, number: int) -> Response:
        if not 0 < number < 2**63:
            raise HTTPException(404)
        person = await desk.hub.db.read(pages.survivor, number)
        if person is None:
            raise HTTPException(404)
        if person.id != number:
            return RedirectResponse(f"/contacts/{person.id}?joined=1", 301)
        visitor = desk.visitor(request)
        view = await _view(desk, request, person, visitor)
        return await desk.page(request, "contact/page.html", here="contacts", visitor=visitor, **view)

    @routes.get("/contacts/{number}/call")
    async def call(number: int) -> Response:
        """On to the telephone: a messenger opens addresses of the web alone."""
        person = await desk.hub.db.read(pages.survivor, number) if 0 < number < 2**63 else None
        phones = [value_of(handle) for handle in person.handles if kind_of(handle) == "phone"] if person else []
        if not phones:
            raise HTTPException(404)
        return RedirectResponse(f"tel:{phones[0]}", 303)

    @routes.get("/contacts/{number}/now")
    async def fragment(request: Request, number: int) -> Response:
        person = await desk.hub.db.read(pages.survivor, number) if 0 < number < 2**63 else None
        if person is None:
            raise HTTPException(404)
        visitor = desk.visitor(request)
        return desk.fragment(request, "contact/now.html", visitor, **await _view(desk, request, person, visitor))

    return routes


async def _view(desk: Desk, request: Request, person: pages.Person, visitor: Visitor) -> dict[str, Any]:
    formats = visitor.formats
    before = _moment(request.query_params.get("before"))
    known = await desk.hub.db.read(read, person, before)
    book = await desk.hub.book()
    reading = Reading(
        book=book,
        formats=formats,
        names=names_of(desk),
        calls=known.refs | {row["ref"]: row for row in known.calls.rows},
        facts=known.said,
        taken=marks_of.taken_marks(known.cases, known.marks, book),
    )
    show = request.query_params.get("show", "all")
    show = show if show in SHOW else "all"
    entries, older = _entries(known, reading, show, before)
    waiting = [_open(case, desk, reading, known) for case in known.cases if case["state"] == "open"]
    waiting.sort(key=lambda item: (item.wait.due_at is None, item.wait.due_at or item.wait.row["opened_at"]))
    last = next((case for case in known.cases if case["state"] != "open"), None)
    marks = {event.ref: event for event in known.marks}
    name = client_name(person.name, person.handles, formats)
    handles = sorted(person.handles, key=lambda handle: (not handle.startswith("phone:"), handle))
    return {
        "person_": person,
        "name": name,
        "handles": handles,
        "known": known,
        "waiting": waiting,
        "last": last,
        "phone": next((handle[6:].partition(";")[0] for handle in handles if handle.startswith("phone:")), None),
        "last_how": how(last, reading, marks) if last else "",
        "last_ruler": ruler(last, reading, None) if last and last["due_at"] else None,
        "days": _days(entries, formats),
        "future": _future(waiting, reading) if before is None else [],
        "older": older,
        "show": show,
        "shows": SHOW,
        "reading": reading,
        "reasons": words.REASONS,
        "back": f"/contacts/{person.id}",
        "path": f"/contacts/{person.id}",
        "before": before,
        "joined": "joined" in request.query_params,
        "cards": [(link, card) for link, card in known.cards if isinstance(card, Card)],
        "steps": words.STEPS,
        "step_states": words.STEP_STATES,
    }


def _open(case: Row, desk: Desk, reading: Reading, known: Known) -> Open:
    named = marks_of.targets(case)
    marks = [event for event in known.marks if getattr(event.record, "on", None) in named]
    steps = upcoming(case, reading, marks, desk.members, desk.hub.settings.head_of_sales, reading.now + AHEAD)
    following = None
    if steps:
        at, _, to = min(steps)
        following = (
            at,
            reading.formats.texts.say(
                "%(time)s notice to %(name)s", time=reading.formats.moment(at), name=reading.name(to)
            ),
        )
    return Open(reading.wait(case), ruler(case, reading, following), sorted(steps))


def _moment(text: str | None) -> datetime | None:
    try:
        found = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    return found if found.tzinfo is not None else None


def _entries(known: Known, reading: Reading, show: str, before: datetime | None) -> tuple[list[Entry], str | None]:
    """The newest events before the moment, and where the older ones begin."""
    teller = Teller(reading, known.cases, known.bodies)
    found = [teller.call(row) for row in known.calls.rows] + [teller.fact(event) for event in known.facts]
    rest = [teller.mark(event) for event in known.marks]
    rest += [teller.effect(row) for row in known.effects if row["state"] not in {"planned", "held"}]
    reached = [known.calls.rows[-1]["started_at"]] if known.calls.older else []
    floor = max((datetime.fromisoformat(at) for at in reached), default=None)
    if len(known.facts) == SIZE:
        floor = max(floor or known.facts[-1].at, known.facts[-1].at)
    found += [entry for entry in rest if before is None or entry.at < before]
    if floor is not None:
        found = [entry for entry in found if entry.at >= floor]
    if show == "proof":
        found = [entry for entry in found if entry.proof or entry.pill]
    elif show in {"calls", "text"}:
        kind = "call" if show == "calls" else "text"
        found = [entry for entry in found if entry.kind == kind]
    found.sort(key=lambda entry: entry.at, reverse=True)
    return found, floor.isoformat() if floor else None


def _days(entries: Sequence[Entry], formats: Any) -> list[tuple[str, list[Entry]]]:
    """Events by the day in the hub's zone, newest first."""
    days: list[tuple[str, list[Entry]]] = []
    for entry in entries:
        near = formats.day(entry.at)
        full = formats.full_day(entry.at)
        title = (
            full
            if near == formats.date(formats.local(entry.at).date())
            else f"{near}, {formats.date(formats.local(entry.at).date())}"
        )
        if not days or days[-1][0] != title:
            days.append((title, []))
        days[-1][1].append(entry)
    return days


def _future(waiting: Sequence[Open], reading: Reading) -> list[Entry]:
    """What follows unless somebody talks with the client, the farthest on top."""
    formats = reading.formats
    say = formats.texts.say
    found = []
    for item in waiting:
        calendar = reading.calendar(item.wait.row)
        for at, step, to in item.steps:
            text = say("Notice to %(name)s: %(what)s", name=reading.name(to), what=say(words.STEPS[str(step)]).lower())
            held = item.wait.taken_at is not None
            details = say("“Taken” puts the step off, the client's time runs on") if held else ""
            found.append(Entry(at=at, icon="bell", title=text, details=details))
        if item.wait.clock.runs and calendar is not None:
            _, end = next(hours.intervals(reading.now, reading.now + timedelta(days=2), calendar))
            opens = hours.next_opening(end, calendar)
            if opens is not None and opens > end:
                text = say("End of working hours: the clock stands still until %(time)s", time=formats.moment(opens))
                found.append(Entry(at=end, icon="pause", title=text))
        elif item.wait.due_at is not None and calendar is not None:
            opens = hours.next_opening(reading.now, calendar)
            if opens is not None and opens > reading.now:
                found.append(Entry(at=opens, icon="clock", title=say("Working hours begin: the clock goes on")))
    unique = {(entry.at, entry.title): entry for entry in found}
    return sorted(unique.values(), key=lambda entry: entry.at, reverse=True)[:8]
