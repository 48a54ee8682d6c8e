"""What did the vendor send back, when no hub runs that could be asked?"""

from __future__ import annotations

import asyncio
import hmac
from contextlib import suppress
from types import TracebackType
from typing import Self
from urllib.parse import SplitResult, parse_qsl, urlsplit

from hub.settings.schema import is_loopback

_PAGE = (
    b"HTTP/1.1 %s\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: %d\r\nReferrer-Policy: no-referrer\r\n"
    b"Cache-Control: no-store\r\nConnection: close\r\n\r\n%s"
)
_LARGEST = 16 * 1024


class Redirect:
    """Listens where the vendor sends the browser to, if that is a free port of this machine; else it only waits."""

    def __init__(self, address: str, state: str) -> None:
        """`state`: what was given to the vendor; whoever does not bring it back is sent away."""
        self.query: dict[str, str] = {}
        self._address = urlsplit(address)
        self._state = state
        self._came = asyncio.Event()
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        host, port = self._address.hostname or "", self._address.port
        if self._address.scheme == "http" and port and is_loopback(host):
            with suppress(OSError):  # the running hub listens there, and hands over what comes
                self._server = await asyncio.start_server(self._serve, host, port, limit=_LARGEST)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._server is not None:
            self._server.close()

    async def wait(self, seconds: float) -> None:
        """Until the answer is here, and so long at most."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._came.wait()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError, asyncio.LimitOverrunError, ConnectionError, TimeoutError):
            async with asyncio.timeout(10):
                head = await reader.readuntil(b"\r\n\r\n")
            method, _, rest = head.decode("latin-1").partition(" ")
            status, text = self._answer(method, urlsplit(rest.partition(" ")[0]))
            writer.write(_PAGE % (status, len(text), text))
            await writer.drain()
        writer.close()

    def _answer(self, method: str, address: SplitResult) -> tuple[bytes, bytes]:
        query = dict(parse_qsl(address.query))
        if method != "GET" or address.path != self._address.path:
            return b"404 Not Found", b"There is no such page.\n"
        if not hmac.compare_digest(query.get("state", ""), self._state):
            return b"400 Bad Request", b"This sign-in was not begun here.\n"
        self.query = query
        self._came.set()
        return b"200 OK", b"Go back to the terminal; this page may be closed.\n"
