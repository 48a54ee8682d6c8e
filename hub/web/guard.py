"""May this request see the pages at all, and what does each answer forbid the browser to do?"""

from __future__ import annotations

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hub.web.remote import Network, headers_of

POLICY = "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
LARGEST_FORM = 64 * 1024
"""Bytes of a form; the pages' own are far smaller."""

_HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=()",
}
_OPEN = frozenset({"/healthz", "/readyz"})
"""Asked by machines, under whatever name they know us; they tell nothing about anybody."""


class Guard:
    """Refuses names and forms that are not ours, and sets the headers of every answer."""

    def __init__(self, app: ASGIApp, network: Network) -> None:
        self._app = app
        self._network = network

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = headers_of(scope)
        remote = self._network.remote(scope, headers)
        scope.setdefault("state", {})["remote"] = remote
        if scope["path"] not in _OPEN and not self._network.knows_host(remote):
            name = remote.host.encode("ascii", "replace").decode()
            await plain(send, 421, f"This hub is not called {name!r}. Open it as http://localhost:<port>.\n")
            return
        if scope["method"] not in {"GET", "HEAD", "OPTIONS"}:
            if not _is_own(headers, remote.host):
                await plain(send, 403, "This form was sent from another site.\n")
                return
            if not _fits(headers):
                await plain(send, 413, f"A form of this hub has at most {LARGEST_FORM} bytes and says its length.\n")
                return

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                sent = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    sent.setdefault(name, value)
                if not scope["path"].startswith("/static/"):
                    sent.setdefault("Cache-Control", "no-store")
            await send(message)

        if scope["method"] == "HEAD":  # the server leaves the body out by itself
            scope = {**scope, "method": "GET"}
        await self._app(scope, receive, guarded)


def _is_own(headers: dict[str, str], host: str) -> bool:
    """Whether a changing request came from a page of ours; programs send neither header."""
    if headers.get("sec-fetch-site", "same-origin") not in {"same-origin", "none"}:
        return False
    origin = headers.get("origin")
    return origin is None or origin.partition("://")[2] == host


def _fits(headers: dict[str, str]) -> bool:
    length = headers.get("content-length", "")
    return length.isascii() and length.isdecimal() and int(length) <= LARGEST_FORM


async def plain(send: Send, status: int, text: str, headers: tuple[tuple[bytes, bytes], ...] = ()) -> None:
    """A short answer in plain text."""
    body = text.encode()
    start = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", b"%d" % len(body)), *headers]
    await send({"type": "http.response.start", "status": status, "headers": start})
    await send({"type": "http.response.body", "body": body})
