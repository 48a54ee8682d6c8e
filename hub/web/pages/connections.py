"""Is everything alive: how each connection is doing, and what one of them has to say about itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import Response
from pydantic import BaseModel, SecretStr
from sqlalchemy import Connection

from hub.engine.hub import OWN
from hub.registry import Link
from hub.settings.secrets import secret_of
from hub.store import budgets, connections, pages, repairs, tokens
from hub.texts import N_
from hub.texts.formats import Formats
from hub.web.desk import Desk, Visitor
from hub.web.pages.repairs import told
from hub.web.switches import switches

DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class State:
    """How a connection is doing: tone of its dot, a word, a sentence."""

    tone: str
    word: str
    because: str


@dataclass(frozen=True, slots=True)
class Stream:
    """One way in of a connection."""

    name: str
    way: str
    tone: str
    state: str
    pulled_at: datetime | None
    complete_until: datetime | None
    backfill: bool = False


@dataclass(frozen=True, slots=True)
class Shown:
    """A connection as a row of the page."""

    name: str
    title: str
    plugin: str
    state: State
    received_at: datetime | None
    today: int
    waiting: int
    dead: int
    complete_until: datetime | None
    live_since: datetime | None
    clock_offset: int
    streams: tuple[Stream, ...]
    row: Mapping[str, Any]


def read(connection: Connection, since: datetime) -> tuple[list[dict[str, Any]], dict[str, int]]:
    """All connections, and how much came by each."""
    return connections.listing(connection), pages.volume(connection, since)


def router(desk: Desk) -> APIRouter:
    """`/connections` and `/connections/<name>`."""
    routes = APIRouter(include_in_schema=False)

    @routes.get("/connections")
    async def all_of_them(request: Request) -> Response:
        visitor = desk.visitor(request)
        shown = await _all(desk, visitor)
        return await desk.page(request, "connections/page.html", here="connections", visitor=visitor, connections=shown)

    @routes.get("/connections/list")
    async def fragment(request: Request) -> Response:
        visitor = desk.visitor(request)
        return desk.fragment(request, "connections/list.html", visitor, connections=await _all(desk, visitor))

    @routes.get("/connections/{name}")
    async def one(request: Request, name: str) -> Response:
        visitor = desk.visitor(request)
        shown = next((item for item in await _all(desk, visitor) if item.name == name), None)
        if shown is None:
            raise HTTPException(404)
        dead = await desk.hub.db.read(pages.dead_items, name)
        found = await desk.hub.db.read(repairs.listing, name)
        return await desk.page(
            request,
            "connections/one.html",
            here="connections",
            visitor=visitor,
            c=shown,
            dead=dead,
            repairs=[told(row, desk, visitor) for row in found],
            access=_access(desk, name),
            login=desk.hub.links[name].login,
            switches=switches(desk.hub.links[name].offered.values()),
            standing=await _standing(desk, visitor, desk.hub.links[name]),
        )

    return routes


async def _all(desk: Desk, visitor: Visitor) -> list[Shown]:
    rows, volume = await desk.hub.db.read(read, visitor.formats.now - DAY)
    by_name = {row["name"]: row for row in rows}
    shown = [
        _shown(link, by_name[name], volume.get(name, 0), visitor.formats)
        for name, link in desk.hub.links.items()
        if name != OWN and name in by_name
    ]
    order = {"late": 0, "soon": 1, "off": 2, "": 3}
    return sorted(shown, key=lambda item: (order.get(item.state.tone, 3), item.name))


def _shown(link: Link, row: Mapping[str, Any], today: int, formats: Formats) -> Shown:
    offered = link.streams if link.problem is None else {}
    known = {item["stream"]: item for item in row["streams"]}
    streams = tuple(_stream(name, offered.get(name), known.get(name), formats) for name in {**offered, **known})
    return Shown(
        name=link.name,
        title=link.connector.title or link.connector.name,
        plugin=link.connector.name,
        state=_state(link, row, formats),
        received_at=row["received_at"],
        today=today,
        waiting=row["waiting"],
        dead=row["dead"],
        live_since=row["live_since"],
        clock_offset=row["clock_offset"],
        streams=streams,
        row=row,
        complete_until=min((item.complete_until for item in streams if item.complete_until), default=None),
    )


def _state(link: Link, row: Mapping[str, Any], formats: Formats) -> State:
    """The word of ui.md 4, the worst first."""
    say = formats.texts.say
    if link.problem is not None:
        return State("late", N_("refused"), str(link.problem.mistakes[0]))
    if row["state"] == "paused":
        return State("late", N_("refused"), row["because"] or "")
    broken = [item for item in row["streams"] if item["failures"]]
    if broken:
        again = min((item["due_at"] for item in broken if item["due_at"]), default=None)
        when = say("tried again at %(time)s", time=formats.clock_seconds(again)) if again else ""
        return State("soon", N_("does not answer"), " · ".join(filter(None, (broken[0]["error"], when))))
    if row["waiting"] > 1000:
        return State(
            "soon", N_("catching up"), say("%(n)s items wait to be understood", n=formats.number(row["waiting"]))
        )
    if row["received_at"] is None:
        way = N_("waits for the first webhook or file") if not link.streams else N_("connected, nothing has come yet")
        reached = any(item["pulled_at"] for item in row["streams"]) or not link.streams
        return State("off", N_("no data yet"), say(way if reached else N_("has not connected yet")))
    return State("", N_("working"), "")


def _stream(name: str, stream: Any, row: Mapping[str, Any] | None, formats: Formats) -> Stream:
    say = formats.texts.say
    if stream is None:
        way = say("no longer configured")
    elif stream.live is not None:
        way = say("open line, at once")
    elif stream.backfill:
        way = say("history, in the free seconds")
    else:
        way = say("asked every %(time)s", time=formats.duration(stream.every))
    made = partial(Stream, name, str(way), backfill=stream is not None and stream.backfill)
    if row is None or (row["pulled_at"] is None and not row["failures"]):
        return made("line", say("not read yet"), None, None)
    if row["failures"]:
        return made("soon", str(row["error"] or say("does not answer")), row["pulled_at"], row["complete_until"])
    word = say("connected") if stream is not None and stream.live is not None else say("read")
    return made("good", str(word), row["pulled_at"], row["complete_until"])


async def _standing(desk: Desk, visitor: Visitor, link: Link) -> list[tuple[str, str]]:
    """How the access stands: when it was renewed, how much the vendor lets us ask, and whether we rest."""
    say, formats = visitor.texts.say, visitor.formats
    found: list[tuple[str, str]] = []
    if link.login is not None:
        renewed = await desk.hub.db.read(tokens.refreshed_at, link.name)
        found.append((say("Signed in"), formats.moment(renewed) if renewed else say("not yet")))
    if link.limits:
        rates = [f"{limit.rate:g}" for limit in link.limits]
        found.append((say("Requests a second, at most"), ", ".join(rates)))
        rests = await desk.hub.db.read(budgets.resting, [limit.account for limit in link.limits], formats.now)
        if rests is not None:
            found.append((say("Rests until"), formats.clock_seconds(rests)))
    return found


def _access(desk: Desk, name: str) -> list[tuple[str, str, str]]:
    """(key, value, what it is) of the connection's settings; secrets only by where they come from."""
    link = desk.hub.links[name]
    options = desk.hub.settings.connections[name].options
    fields: Mapping[str, Any] = type(link.settings).model_fields
    found = []
    for key, value in options.items():
        field = fields.get(key)
        found.append((key, _told(value, getattr(link.settings, key, None)), (field.description or "") if field else ""))
    return found


def _told(value: Any, parsed: Any) -> str:
    secret = secret_of(value)
    if secret is not None:
        return f"{secret.source} {secret.name}"
    if isinstance(parsed, SecretStr):
        return "••••••"
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {_told(inner, _inner(parsed, key))}" for key, inner in value.items())
    if isinstance(value, list):
        return ", ".join(str(inner) for inner in value)
    return str(value).lower() if isinstance(value, bool) else str(value)


def _inner(parsed: Any, key: str) -> Any:
    if isinstance(parsed, BaseModel):
        return getattr(parsed, key, None)
    return parsed.get(key) if isinstance(parsed, Mapping) else None
