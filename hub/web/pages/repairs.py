"""What must a person do: only what a person can put right, each gone by itself when it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from hub.store import repairs
from hub.web.desk import Desk
from hub.web.texts import N_

LOOKS: Mapping[str, tuple[str, str, str]] = {
    "access_refused": ("key", "late", N_("Access refused")),
    "unreachable": ("plug", "late", N_("Does not answer")),
    "not_understood": ("alert", "soon", N_("Not understood")),
    "dead_letter": ("send", "soon", N_("Undelivered")),
}
"""Icon, tone and name by kind; others look like an alert."""


def router(desk: Desk) -> APIRouter:
    """`/repairs`."""
    routes = APIRouter(include_in_schema=False)

    @routes.get("/repairs")
    async def to_repair(request: Request) -> Response:
        rows = await desk.hub.db.read(repairs.listing)
        return await desk.page(request, "repairs.html", here="repairs", repairs=[_shown(row, desk) for row in rows])

    return routes


def _shown(row: Mapping[str, Any], desk: Desk) -> dict[str, Any]:
    icon, tone, name = LOOKS.get(row["kind"], ("alert", "soon", ""))
    own = row["connection"] in desk.hub.links
    return {**row, "icon": icon, "tone": tone, "name": name, "href": f"/connections/{row['connection']}" if own else None}
