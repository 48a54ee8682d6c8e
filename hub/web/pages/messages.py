"""Who wrote and waited for a reply, how long, and who answered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response
from sqlalchemy import Connection

from hub.core.waited import CASES, view
from hub.store import history, pages
from hub.texts import N_
from hub.web import words
from hub.web.desk import Desk
from hub.web.filters import Asked
from hub.web.pages.calls import PERIODS, names_of
from hub.web.waits import Clock, Reading, Row

SIZE = 50
"""Waits on one page."""
LOOKED_AT = 2000
"""Waits that are looked through for filters without an index, before the reader is asked to go on."""
STATES: Mapping[str, tuple[str, str]] = {
    "open": ("soon", N_("waits")),
    "answered": ("good", N_("answered")),
    "cancelled": ("line", N_("needs no reply")),
    "unanswered": ("late", N_("never answered")),
}
"""State of a wait (model.md 4): tone, text."""
KINDS = {
    "first": N_("First reply"),
    "next": N_("Later reply"),
    "reply_to_outreach": N_("Answers our message"),
}


@dataclass(frozen=True, slots=True)
class Filters:
    """The filter is the address (ui.md 2); what it says wrongly is shown as not understood."""

    period: str
    state: str
    kind: str
    line: str
    manager: str
    query: str
    before: str
    wrong: Sequence[str]


@dataclass(frozen=True, slots=True)
class Shown:
    """A wait as a row. ending: tone and text of its state, and a small line on how it ended; own: who let it wait."""

    key: str
    at: datetime
    contact: int
    client: str
    says: str
    channel: str
    line: str
    kind: str
    clock: Clock
    late: int | None
    ending: tuple[str, str, str]
    own: str


def read(
    connection: Connection, filters: Filters, since: datetime | None
) -> tuple[pages.Page, dict[str, history.Event]]:
    """A page of waits, and what the clients wrote."""
    ids = [person.id for person in pages.search(connection, filters.query, 200)] if filters.query else None
    wanted = {
        "state": CASES[filters.state] if filters.state else None,
        "line_group": filters.line or None,
    }
    found: list[dict[str, Any]] = []
    before: str | None = filters.before or None
    looked = 0
    while len(found) < SIZE and looked < LOOKED_AT:
        page = pages.cases_page(
            connection, "awaiting_reply", limit=SIZE, before=before, since=since, contact_ids=ids, **wanted
        )
        looked += len(page.rows)
        fitting = [row for row in page.rows if _fits(row, filters)]
        room = SIZE - len(found)
        found += fitting[:room]
        before = page.older
        if len(fitting) > room:
            before = pages.position(found[-1]["opened_at"], found[-1]["number"])
        if before is None:
            break
    return pages.Page(found, before), history.by_ref(connection, {ref for row in found for ref in row["evidence"]})


def _fits(row: Row, filters: Filters) -> bool:
    wait = row["wait"]
    if filters.kind and wait["kind"] != filters.kind:
        return False
    involved = {row.get("owner"), wait["replied_by"], *(part["member"] for part in wait["own"])}
    return not filters.manager or filters.manager in involved


def router(desk: Desk) -> APIRouter:
    """`/messages`."""
    routes = APIRouter(include_in_schema=False)

    @routes.get("/messages")
    async def messages(request: Request) -> Response:
        visitor = desk.visitor(request)
        formats = visitor.formats
        book = await desk.hub.book()
        groups = sorted(book.at(formats.now).groups)
        filters = _filters(request.query_params, groups, desk)
        days = PERIODS[filters.period][1]
        midnight = datetime.combine(formats.local(formats.now).date(), time(), desk.zone)
        since = None if days is None else midnight - timedelta(days=days)
        page, said = await desk.hub.db.read(read, filters, since)
        reading = Reading(book=book, formats=formats, names=names_of(desk), facts=said)
        return await desk.page(
            request,
            "messages.html",
            here="messages",
            visitor=visitor,
            query="",
            waits=[_shown(row, reading) for row in page.rows],
            older=page.older,
            filters=filters,
            periods=PERIODS,
            states=STATES,
            wait_kinds=KINDS,
            groups=groups,
            since=since,
            first=not filters.before,
        )

    return routes


def _filters(given: Mapping[str, str], groups: list[str], desk: Desk) -> Filters:
    asked = Asked(given)
    return Filters(
        period=asked.one_of("period", PERIODS, "month"),
        state=asked.one_of("state", STATES),
        kind=asked.one_of("kind", KINDS),
        line=asked.one_of("line", groups),
        manager=asked.one_of("manager", desk.members),
        query=asked.query,
        before=asked.before,
        wrong=asked.wrong,
    )


def _shown(row: Row, reading: Reading) -> Shown:
    formats = reading.formats
    say = formats.texts.say
    wait = view(row)
    shown = reading.wait(row)
    kind = KINDS[wait["kind"]]
    channel, group = reading.channel(wait["channel"]), shown.line[0]
    tone, text = STATES[wait["state"]]
    return Shown(
        key=row["key"],
        at=row["opened_at"],
        contact=row["contact"]["id"],
        client=shown.client,
        says=shown.says,
        channel=channel,
        line=group,
        kind=say(kind),
        clock=reading.clock(row, row["closed_at"]),
        late=shown.late if wait["state"] == "open" else row.get("late_by"),
        ending=(tone, say(text), _how(wait, reading)),
        own=_own(wait, reading),
    )


def _how(wait: Row, reading: Reading) -> str:
    """How it ended, in a few words."""
    say = reading.formats.texts.say
    name = reading.name(wait["replied_by"])
    if wait["stopped_by"] == "call":
        return ", ".join(filter(None, (say("by a call"), name)))
    if wait["stopped_by"] == "meeting":
        return say("by a meeting")
    if wait["state"] == "cancelled":
        because = words.RESOLUTIONS.get(wait["cancelled_because"] or "")
        return say(because) if because else ""
    if wait["state"] == "open":
        return reading.name(wait["owner"]) or say("nobody")
    return name


def _own(wait: Row, reading: Reading) -> str:
    """Whose time it was: each owner with his share. While it runs the shares grow, and whose turn it is stands beside."""
    formats = reading.formats
    if wait["state"] == "open":
        return ""
    parts = [
        f"{reading.name(part['member'])} {formats.duration(part['seconds'])}" if part["seconds"] else ""
        for part in wait["own"]
    ]
    if wait["routing"]:
        parts.append(formats.texts.say("nobody %(time)s", time=formats.duration(wait["routing"])))
    return ", ".join(filter(None, parts))
