"""From which parts is the web made: webhooks in front, then the pages, the read API and what machines ask."""

from __future__ import annotations

import secrets

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import PlainTextResponse, Response
from starlette.exceptions import HTTPException
from starlette.middleware.gzip import GZipMiddleware
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Receive, Scope, Send

from hub import __version__, log
from hub.engine.broadcast import Broadcaster
from hub.engine.hub import Hub
from hub.engine.receive import Receiver
from hub.errors import Temporary
from hub.web import api, events, health, marks
from hub.web.desk import FOLDER, Desk
from hub.web.guard import Guard
from hub.web.health import Progress
from hub.web.pages import calls, connecting, connections, contacts, deliveries, messages, now, preview, repairs
from hub.web.remote import Network
from hub.web.webhooks import PREFIX, Webhooks

_log = log.get("web")


def build(hub: Hub, receiver: Receiver, broadcaster: Broadcaster, runner: Progress | None = None) -> ASGIApp:
    """The whole web of one hub.

    runner: the engine of this process, whose progress `/readyz` tells. The server in front must leave
    `scope["client"]` as it is (uvicorn: proxy_headers=False): proxies are judged here.
    """
    network = Network(hub.settings.web)
    pages = _pages(Desk(hub, receiver, broadcaster), runner)
    webhooks = Webhooks(hub, receiver, network)
    guarded = Guard(pages, network)

    async def front(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"].startswith(PREFIX):
            await webhooks(scope, receive, send)
        else:
            await guarded(scope, receive, send)

    return front


def _pages(desk: Desk, runner: Progress | None) -> FastAPI:
    app = FastAPI(
        title="crmhub",
        version=__version__,
        docs_url=None,
        redoc_url=None,
        openapi_url="/api/openapi.json",
        description="Read API of the hub. Rows are those of the command line with --json.",
    )
    app.include_router(connecting.router(desk))  # before the page of a connection, which any name fits
    for part in (now, calls, messages, contacts, connections, repairs, deliveries, preview, marks, api):
        app.include_router(part.router(desk))
    app.include_router(events.router(desk.broadcaster))
    app.include_router(health.router(desk.hub, runner))
    app.mount("/static", _Static(directory=FOLDER / "static"))
    app.add_middleware(GZipMiddleware, minimum_size=1024, compresslevel=6)
    _errors(app, desk)
    return app


class _Static(StaticFiles):
    """Static files; an address with `?v=` never changes its content."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        lasting = b"v=" in scope["query_string"] and response.status_code == 200
        response.headers["Cache-Control"] = "public, max-age=31536000, immutable" if lasting else "no-cache"
        return response


def _errors(app: FastAPI, desk: Desk) -> None:
    """Error pages say what happened, that data is safe, and the next step (ui.md 3)."""

    @app.exception_handler(HTTPException)
    async def refused(request: Request, error: HTTPException) -> Response:
        if _for_machines(request) or error.status_code not in {403, 404}:
            return PlainTextResponse(f"{error.detail}\n", error.status_code, dict(error.headers or {}))
        return desk.plain(request, f"error-{error.status_code}.html", error.status_code)

    @app.exception_handler(RequestValidationError)
    async def misunderstood(request: Request, error: RequestValidationError) -> Response:
        if _for_machines(request):
            return PlainTextResponse("".join(f"{_place(item['loc'])}: {item['msg']}\n" for item in error.errors()), 422)
        return desk.plain(request, "error-404.html", 404)

    @app.exception_handler(Temporary)
    async def unreachable(request: Request, error: Temporary) -> Response:
        _log.error("the store does not answer", why=str(error))
        wait = {"Retry-After": str(int(error.retry_after or 5))}
        if _for_machines(request):
            return PlainTextResponse(f"{error}\n", 503, wait)
        response = desk.plain(request, "error-503.html", 503)
        response.headers.update(wait)
        return response

    @app.exception_handler(Exception)
    async def broken(request: Request, error: Exception) -> Response:
        number = f"{secrets.token_hex(2)}-{secrets.token_hex(2)}".upper()
        _log.error("page failed", path=request.url.path, number=number, exc_info=error)
        if _for_machines(request):
            return PlainTextResponse(f"The hub broke; its log has this under {number}.\n", 500)
        return desk.plain(request, "error-500.html", 500, number=number)


def _for_machines(request: Request) -> bool:
    return request.url.path.startswith("/api/")


def _place(location: tuple[int | str, ...]) -> str:
    return ".".join(str(part) for part in location)
