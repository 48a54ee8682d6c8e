"""What would the hub have written lately, had it been switched on? Nothing is written by looking."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from datetime import timedelta
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from hub.core import effects
from hub.engine.preview import preview
from hub.texts import N_
from hub.web import words
from hub.web.desk import Desk, Visitor

SHOWN = 200
"""Rows of the list; the figures above it count all."""
PATIENCE = 20.0
"""Seconds that a reader waits for it; the command line takes its time."""
DAYS: Mapping[str, tuple[int, str]] = {"1": (1, N_("24 hours")), "7": (7, N_("7 days")), "30": (30, N_("30 days"))}


def router(desk: Desk) -> APIRouter:
    """`/deliveries/preview`."""
    routes = APIRouter(include_in_schema=False)

    @routes.get("/deliveries/preview")
    async def would_have_been(request: Request) -> Response:
        visitor, query = desk.visitor(request), request.query_params
        connection = query["connection"] if query.get("connection") in desk.hub.offered else None
        days = query["days"] if query.get("days") in DAYS else "7"
        now = visitor.formats.now
        since = now - timedelta(days=DAYS[days][0])
        rows: list[dict[str, Any]] | None = None
        with suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE):
                rows = await preview(desk.hub, since, now, connection)
        found = rows or []
        return await desk.page(
            request,
            "preview.html",
            here="deliveries",
            visitor=visitor,
            days=days,
            all_days=DAYS,
            connection=connection,
            connections=sorted(desk.hub.offered),
            figures=_figures(desk, found, connection) if rows is not None else [],
            rows=[_shown(desk, visitor, row) for row in reversed(found[-SHOWN:])],
            more=max(len(found) - SHOWN, 0),
            too_long=rows is None,
        )

    return routes


def _figures(desk: Desk, rows: list[dict[str, Any]], connection: str | None) -> list[dict[str, Any]]:
    """How often each thing that can be switched on would have been written."""
    counts = Counter((row["connection"], effects.KINDS[row["kind"]]) for row in rows)
    return [
        {
            "what": words.WRITES[effect][0],
            "connection": name,
            "n": counts[name, effect],
            "on": push.on,
            "line": push.switch,
        }
        for name in sorted(desk.hub.offered)
        if connection in {None, name}
        for effect, push in desk.hub.links[name].offered.items()
        if effect in words.WRITES
    ]


def _shown(desk: Desk, visitor: Visitor, row: Mapping[str, Any]) -> dict[str, Any]:
    body, push = row["body"], desk.hub.links[row["connection"]].offered[effects.KINDS[row["kind"]]]
    return {
        "at": row["at"],
        "what": words.EFFECTS.get(row["kind"], row["kind"]),
        "text": body.get("title") or body["text"],
        "client": body["contact"] or visitor.formats.handle(body["client"]),
        "to": desk.name(visitor, row["to"]) if row["to"] else "",
        "connection": row["connection"],
        "on": row["on"],
        "line": push.switch,
    }
