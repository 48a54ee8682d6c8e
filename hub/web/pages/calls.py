"""What came in and went out, how did each call end, and what became of the missed ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response
from sqlalchemy import Connection

from hub.core.records import Call, Record
from hub.store import pages
from hub.texts import N_
from hub.texts.formats import Formats
from hub.web import legs, words
from hub.web.calls_words import verdict_of
from hub.web.desk import Desk
from hub.web.filters import Asked
from hub.web.waits import Reading, Row, client_name, line_name
from hub.web.words import Verdict

SIZE = 50
"""Calls on one page."""
LOOKED_AT = 2000
"""Calls that are looked through for filters without an index, before the reader is asked to go on."""

PERIODS: Mapping[str, tuple[str, int | None]] = {
    "today": (N_("Today"), 0),
    "week": (N_("7 days"), 6),
    "month": (N_("4 weeks"), 27),
    "all": (N_("All time"), None),
}
OUTCOMES: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "missed": (N_("Missed"), {"missed": True}),
    "answered": (N_("Answered"), {"outcome": "answered", "direction": "inbound"}),
    "inbound": (N_("All inbound"), {"direction": "inbound"}),
    "outbound": (N_("Outbound"), {"direction": "outbound"}),
    "short": (N_("Short abandons"), {"excluded": "short_abandon"}),
    "internal": (N_("Internal"), {"direction": "internal"}),
}
HOURS = {"in": N_("Working"), "out": N_("Off hours")}


@dataclass(frozen=True, slots=True)
class Filters:
    """The filter is the address (ui.md 2); what it says wrongly is shown as not understood."""

    period: str
    outcome: str
    line: str
    manager: str
    hours: str
    query: str
    before: str
    wrong: Sequence[str]


@dataclass(frozen=True, slots=True)
class Shown:
    """A call as a row of the page. fate: tone, text and small line about its case."""

    number: int
    at: datetime
    contact: int
    client: str
    address: str
    line: str
    verdict: Verdict
    because: str
    direction: str
    waited: str
    rang: str
    fate: tuple[str, str, str] | None
    picture: legs.Picture | None
    more: str


def read(
    connection: Connection,
    filters: Filters,
    since: datetime | None,
    wanted: Mapping[str, Any],
) -> tuple[pages.Page, dict[int, pages.Person], dict[int, Record], list[dict[str, Any]]]:
    """A page of calls with their clients, legs and cases."""
    ids = [person.id for person in pages.search(connection, filters.query, 200)] if filters.query else None
    found: list[dict[str, Any]] = []
    before: str | None = filters.before or None
    looked = 0
    while True:
        page = pages.calls_page(
            connection,
            limit=SIZE * 4 if filters.manager or filters.hours else SIZE,
            before=before,
            since=since,
            contact_ids=ids,
            **wanted,
        )
        looked += len(page.rows)
        for row in page.rows:
            if _fits(row, filters):
                found.append(row)
                if len(found) == SIZE:
                    break
        before = page.older
        if len(found) == SIZE or before is None or looked >= LOOKED_AT:
            break
    if len(found) == SIZE:
        last = found[-1]
        is_end = page.older is None and last["number"] == page.rows[-1]["number"]
        before = None if is_end else pages.position(datetime.fromisoformat(last["started_at"]), last["number"])
    contacts = {row["contact"] for row in found}
    return (
        pages.Page(found, before),
        pages.people(connection, contacts),
        pages.bodies(connection, [row["number"] for row in found]),
        pages.cases_of(connection, contacts),
    )


def _fits(row: Row, filters: Filters) -> bool:
    if filters.manager:
        took_part = {
            row.get("answered_by"),
            *(row.get("talk_by") or {}),
            *(ring["member"] for ring in row.get("rang") or ()),
        }
        if filters.manager not in took_part:
            return False
    return not filters.hours or row.get("in_hours") is (filters.hours == "in")


def router(desk: Desk) -> APIRouter:
    """`/calls`."""
    routes = APIRouter(include_in_schema=False)

    @routes.get("/calls")
    async def calls(request: Request) -> Response:
        visitor = desk.visitor(request)
        formats = visitor.formats
        book = await desk.hub.book()
        groups = sorted(book.at(formats.now).groups)
        filters = _filters(request.query_params, groups, desk.members)
        days = PERIODS[filters.period][1]
        since = None if days is None else _midnight(formats, desk, days)
        wanted: dict[str, Any] = dict(OUTCOMES[filters.outcome][1]) if filters.outcome else {}
        if filters.line:
            wanted["line_group"] = filters.line
        page, people, bodies, cases = await desk.hub.db.read(read, filters, since, wanted)
        names = names_of(desk)
        reading = Reading(
            book=book,
            formats=formats,
            names=names,
            calls={row["ref"]: row for row in page.rows},
        )
        return await desk.page(
            request,
            "calls.html",
            here="calls",
            visitor=visitor,
            query="",
            calls=[_shown(row, people, bodies, cases, reading) for row in page.rows],
            older=page.older,
            filters=filters,
            periods=PERIODS,
            outcomes=OUTCOMES,
            hours=HOURS,
            groups=groups,
            since=since,
            first=not filters.before,
            chips=_chips(filters, desk),
            search=filters.query,
        )

    return routes


def _midnight(formats: Formats, desk: Desk, days: int) -> datetime:
    day: date = formats.local(formats.now).date() - timedelta(days=days)
    return datetime.combine(day, time(), desk.zone)


def _filters(given: Mapping[str, str], groups: Sequence[str], members: Mapping[str, Any]) -> Filters:
    asked = Asked(given)
    return Filters(
        period=asked.one_of("period", PERIODS, "month"),
        outcome=asked.one_of("outcome", OUTCOMES),
        line=asked.one_of("line", groups),
        manager=asked.one_of("manager", members),
        hours=asked.one_of("hours", HOURS),
        query=asked.query,
        before=asked.before,
        wrong=asked.wrong,
    )


def _chips(filters: Filters, desk: Desk) -> list[tuple[str, bool]]:
    """(text, whether it is to be translated) of each filter that is set."""
    found: list[tuple[str, bool]] = []
    if filters.outcome:
        found.append((OUTCOMES[filters.outcome][0], True))
    if filters.line:
        found.append((filters.line, False))
    if filters.manager:
        found.append((desk.members[filters.manager].name, False))
    if filters.hours:
        found.append((HOURS[filters.hours], True))
    if filters.query:
        found.append((filters.query, False))
    return found


def names_of(desk: Desk) -> dict[str, str]:
    """Keys of the team and all their handles → the name."""
    return {
        ref: member.name
        for key, member in desk.members.items()
        for ref in (key, *(item.handle for item in member.handles))
    }


def _shown(
    row: Row, people: Mapping[int, pages.Person], bodies: Mapping[int, Record], cases: Sequence[Row], reading: Reading
) -> Shown:
    formats = reading.formats
    person = people.get(row["contact"])
    record = bodies.get(row["number"])
    verdict = verdict_of(row)
    address = formats.handle(row.get("client")) or (row.get("client_raw") or "")
    client = client_name(person.name if person else None, person.handles if person else (), formats)
    if row["direction"] == "internal":
        client = formats.texts.say("between ourselves")
    return Shown(
        number=row["number"],
        at=datetime.fromisoformat(row["started_at"]),
        contact=row["contact"],
        client=client,
        address="" if address == client else address,
        line=_line(row, formats),
        verdict=verdict,
        because=_because(row, verdict, reading),
        direction=row["direction"],
        waited=formats.exact(row["client_wait"]) if row["client_wait"] is not None else "",
        rang=_rang(row, reading),
        fate=_fate(row, cases, reading),
        picture=legs.picture(record, formats, reading.names) if isinstance(record, Call) and record.legs else None,
        more=more(row, formats),
    )


def _rang(row: Row, reading: Reading) -> str:
    """Whose telephones rang for the client; our own when we call are no news."""
    rings = row.get("rang") or () if row["direction"] == "inbound" else ()
    return ", ".join(dict.fromkeys(reading.name(ring["member"]) for ring in rings))


def _line(row: Row, formats: Formats) -> str:
    number = line_name(row.get("line"), formats)
    return number if row["line_group"] == "default" else str(row["line_group"])


def _because(row: Row, verdict: Verdict, reading: Reading) -> str:
    texts = reading.formats.texts
    if row["outcome"] == "answered" and not row.get("excluded"):
        who = reading.name(row.get("answered_by"))
        talk = reading.formats.exact(row["talk"])
        return " · ".join(filter(None, (who, talk and texts.say("talked %(time)s", time=talk))))
    if row["direction"] == "inbound" and row.get("in_hours") is False and row.get("missed"):
        return texts.say("off hours")
    if row["direction"] == "outbound" and row.get("ring_wait"):
        return texts.say("rang %(time)s", time=reading.formats.exact(row["ring_wait"]))
    return texts.say(verdict.because) if verdict.because else ""


def _fate(row: Row, cases: Sequence[Row], reading: Reading) -> tuple[str, str, str] | None:
    """What became of the client who called: tone, text, small line."""
    formats = reading.formats
    texts = formats.texts
    case = next((case for case in cases if row["ref"] in case["evidence"]), None)
    if case is None:
        return None
    if case["state"] == "open":
        wait = reading.wait(case)
        late = texts.say("%(time)s overdue", time=formats.duration(wait.late)) if wait.late is not None else ""
        return "link", texts.say("waits %(time)s", time=formats.duration(wait.clock.seconds)), late
    reached = case.get("time_to_reach") or {}
    time_ = reached.get("wall") if reached.get("working") is None else reached["working"]
    resolution = texts.say(words.RESOLUTIONS.get(case["resolution"] or "", N_("closed")))
    if case["state"] == "recovered":
        after = texts.say("in %(time)s", time=formats.duration(time_)) if time_ is not None else ""
        who = reading.name(case.get("closed_by_member"))
        return "good", resolution, ", ".join(filter(None, (after, who)))
    if case.get("silently_lost"):
        return "worst", texts.say("silently lost"), resolution
    if case.get("resolution") == "closed_by_hand":
        reason = words.REASONS.get(case.get("reason") or "", ("", ""))[0]
        return "soft", resolution, texts.say(reason) if reason else ""
    return "soft", resolution, ""


def more(row: Row, formats: Formats) -> str:
    """What else is known of a call, in one line."""
    texts = formats.texts
    parts = [words.HANGUP.get(row.get("hangup_by") or "")]
    parts += [words.FLAGS.get(flag) for flag in row.get("flags") or ()]
    said = [texts.say(part) for part in parts if part]
    if row.get("queue"):
        said.append(texts.say("queue %(name)s", name=row["queue"]))
    said.append(f"{row['connection']} · {row['id']}")
    line = " · ".join(said)
    return line[:1].upper() + line[1:]
