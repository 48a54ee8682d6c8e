"""Which parts of the pages have changed: names over server-sent events, never data."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from fastapi import APIRouter
from fastapi.responses import StreamingResponse

from hub.engine.broadcast import Broadcaster

ALIVE = 15.0
"""Seconds of silence after which a comment is sent, so that proxies keep the line open."""

CALM = 0.5
"""Seconds between two tellings: the first is at once, what follows is told together."""


def router(broadcaster: Broadcaster) -> APIRouter:
    """`GET /events`: an event for each name."""
    routes = APIRouter()

    @routes.get("/events", include_in_schema=False)
    async def events() -> StreamingResponse:
        return StreamingResponse(
            stream(broadcaster), media_type="text/event-stream", headers={"X-Accel-Buffering": "no"}
        )

    return routes


async def stream(broadcaster: Broadcaster) -> AsyncIterator[str]:
    """The text of the stream, until the hub stops or the listener is gone."""
    async with broadcaster.listen() as listener:
        yield "retry: 2000\n\n"
        while not broadcaster.closed:
            names = await listener.changed(ALIVE)
            yield "".join(f"event: {name}\ndata: 1\n\n" for name in sorted(names)) or ": still here\n\n"
            await asyncio.sleep(CALM)
