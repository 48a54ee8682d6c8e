"""The same rows as the command line, over HTTP, to read only (model.md 4)."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

import orjson
from fastapi import APIRouter, HTTPException, Query, Response

from hub.core import waited
from hub.core.records import instant
from hub.store import calls, cases, connections, repairs
from hub.web.desk import Desk

MOST = 1000
From = Annotated[str | None, Query(alias="from", description="From this moment on: 2026-03-10T10:00:42+03:00.")]
To = Annotated[str | None, Query(alias="to", description="Before this moment.")]
Limit = Annotated[int, Query(ge=1, le=MOST, description="At most so many rows.")]
Row = dict[str, Any]


def router(desk: Desk) -> APIRouter:
    """`/api/…`: arrays of rows, described in `/api/openapi.json`."""
    routes = APIRouter(prefix="/api", tags=["read"])
    db = desk.hub.db

    @routes.get("/calls", response_model=list[Row], summary="Calls and how each was judged")
    async def list_calls(
        from_: From = None,
        to: To = None,
        connection: str | None = None,
        line_group: str | None = None,
        direction: str | None = None,
        outcome: str | None = None,
        missed: bool | None = None,
        limit: Limit = 200,
    ) -> Response:
        return _json(
            await db.read(
                calls.listing,
                since=_moment(from_),
                until=_moment(to),
                source=connection,
                line_group=line_group,
                direction=direction,
                outcome=outcome,
                missed=missed,
                newest_first=True,
                limit=limit,
            )
        )

    @routes.get("/cases", response_model=list[Row], summary="Clients who wait or waited, with the evidence")
    async def list_cases(
        from_: From = None,
        to: To = None,
        state: str | None = None,
        kind: str | None = None,
        line_group: str | None = None,
        void: bool = False,
        limit: Limit = 200,
    ) -> Response:
        return _json(
            await db.read(
                cases.listing,
                since=_moment(from_),
                until=_moment(to),
                void=void,
                state=state,
                kind=kind,
                line_group=line_group,
                newest_first=True,
                limit=limit,
            )
        )

    @routes.get("/waits", response_model=list[Row], summary="Clients who wrote and wait or waited for a reply")
    async def list_waits(
        from_: From = None,
        to: To = None,
        state: Literal["open", "answered", "cancelled", "unanswered"] | None = None,
        line_group: str | None = None,
        limit: Limit = 200,
    ) -> Response:
        rows = await db.read(
            cases.listing,
            since=_moment(from_),
            until=_moment(to),
            kind="awaiting_reply",
            state=waited.CASES[state] if state else None,
            line_group=line_group,
            newest_first=True,
            limit=limit,
        )
        return _json([waited.view(row) for row in rows])

    @routes.get("/connections", response_model=list[Row], summary="How each connection is doing")
    async def list_connections() -> Response:
        return _json(await db.read(connections.listing))

    @routes.get("/repairs", response_model=list[Row], summary="What a person must put right")
    async def list_repairs() -> Response:
        return _json(await db.read(repairs.listing))

    return routes


def _moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        return instant(text.replace(" ", "+"))  # a plus that was not escaped
    except ValueError as error:
        raise HTTPException(422, str(error)) from error


def _json(rows: list[Row]) -> Response:
    return Response(orjson.dumps(rows), media_type="application/json")
