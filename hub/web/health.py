"""Is the hub alive, can it take work, and how much has it done: for machines that watch it."""

from __future__ import annotations

import asyncio
import time
from typing import Protocol

from fastapi import APIRouter, Response
from fastapi.responses import PlainTextResponse

from hub import meters
from hub.engine.hub import Hub
from hub.errors import Temporary
from hub.store import pages

STUCK = 60.0
"""Seconds without a step of absorb after which the hub calls itself not ready."""
PATIENCE = 2.0
"""Seconds that the store has to answer in."""


class Progress(Protocol):
    """What the engine tells of itself. absorbed_at: `time.monotonic()` of absorb's last step."""

    @property
    def absorbed_at(self) -> float: ...


def router(hub: Hub, runner: Progress | None) -> APIRouter:
    """`/healthz`, `/readyz`, `/metrics`."""
    routes = APIRouter()

    @routes.get("/healthz", include_in_schema=False)
    async def healthz() -> PlainTextResponse:
        return PlainTextResponse("ok\n")

    @routes.get("/readyz", include_in_schema=False)
    async def readyz() -> PlainTextResponse:
        reasons = await problems(hub, runner)
        if reasons:
            return PlainTextResponse("".join(f"{reason}\n" for reason in reasons), 503, {"Retry-After": "5"})
        return PlainTextResponse("ok\n")

    @routes.get("/metrics", include_in_schema=False)
    async def metrics() -> Response:
        return Response(meters.exposition(), media_type="text/plain; version=0.0.4; charset=utf-8")

    return routes


async def problems(hub: Hub, runner: Progress | None) -> list[str]:
    """Why the hub cannot take work; empty when it can."""
    reasons: list[str] = []
    try:
        async with asyncio.timeout(PATIENCE):
            await hub.db.read(pages.alive)
    except (Temporary, TimeoutError) as error:
        reasons.append(f"the store does not answer: {error or 'no answer in time'}")
    if runner is not None and (seconds := time.monotonic() - runner.absorbed_at) > STUCK:
        reasons.append(f"absorb is stuck: its last step was {int(seconds)} s ago")
    return reasons
