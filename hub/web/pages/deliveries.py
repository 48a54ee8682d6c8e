"""Did it reach: what is on its way out, what was refused, and what came in that nobody could read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import Response
from sqlalchemy import Connection

from hub.store import pages
from hub.texts import N_
from hub.web import words
from hub.web.desk import Desk, Visitor
from hub.web.waits import client_name

SIZE = 50
STATES: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "pending": (N_("On their way"), ("planned", "held", "sending")),
    "dead": (N_("Undelivered"), ("dead", "unknown")),
    "inbox": (N_("Not understood"), ()),
    "done": (N_("Delivered"), ("sent", "dropped")),
}


def read(connection: Connection, state: str, before: int | None) -> dict[str, Any]:
    """A list of effects, or of received items that could not be understood, and how many there are of each."""
    effects = pages.deliveries(connection, STATES[state][1], SIZE + 1, before) if STATES[state][1] else []
    return {
        "effects": effects[:SIZE],
        "older": str(effects[SIZE - 1]["id"]) if len(effects) > SIZE else None,
        "dead": pages.dead_items(connection, limit=SIZE) if state == "inbox" else [],
        "counts": pages.delivery_counts(connection),
        "unread": pages.dead_count(connection),
        "people": pages.people(connection, {row["contact_id"] for row in effects if row["contact_id"]}),
    }


def router(desk: Desk) -> APIRouter:
    """`/deliveries` and `/inbox/<id>`."""
    routes = APIRouter(include_in_schema=False)

    @routes.get("/deliveries")
    async def deliveries(request: Request) -> Response:
        visitor = desk.visitor(request)
        state = request.query_params.get("state", "pending")
        state = state if state in STATES else "pending"
        before = request.query_params.get("before", "")
        found = await desk.hub.db.read(read, state, int(before) if before.isdecimal() and len(before) < 18 else None)
        counts = {
            key: found["unread"] if key == "inbox" else sum(found["counts"].get(name, 0) for name in names)
            for key, (_, names) in STATES.items()
        }
        rows = [_shown(row, found["people"], visitor) for row in found["effects"]]
        return await desk.page(
            request,
            "deliveries.html",
            here="deliveries",
            visitor=visitor,
            state=state,
            states=STATES,
            counts=counts,
            rows=rows,
            dead=found["dead"],
            older=found["older"],
            offers=bool(desk.hub.offered),
        )

    @routes.get("/inbox/{number}")
    async def item(request: Request, number: int) -> Response:
        row = await desk.hub.db.read(pages.item, number) if 0 < number < 2**63 else None
        if row is None:
            raise HTTPException(404)
        payload = orjson.dumps(orjson.loads(row["payload"]), option=orjson.OPT_INDENT_2).decode()
        error = (row["error"] or "").strip()
        return await desk.page(
            request,
            "item.html",
            here="deliveries",
            item=row,
            payload=payload[:200_000],
            error=error.splitlines()[-1] if error else "",
            trace=error if "\n" in error else "",
        )

    return routes


def _shown(row: Mapping[str, Any], people: Mapping[int, pages.Person], visitor: Visitor) -> dict[str, Any]:
    person = people.get(row["contact_id"])
    tone, state = words.DELIVERY_STATES.get(row["state"], ("", row["state"]))
    step = words.STEPS.get(str(row["body"].get("step")), "")
    return {
        **row,
        "what": words.EFFECTS.get(row["kind"], row["kind"]),
        "step": step,
        "tone": tone,
        "word": state,
        "client": client_name(person.name, person.handles, visitor.formats) if person else "",
    }
