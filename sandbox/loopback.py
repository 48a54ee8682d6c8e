"""How does a pretend vendor come up on a port of this machine, answer, and go down?"""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, Self

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

Send = Callable[[Any], Awaitable[None]]
Receive = Callable[[], Awaitable[Any]]
Headers = list[tuple[bytes, bytes]]


class _Protocol(HttpToolsProtocol):
    """HTTP whose application may break the connection."""

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["transport"] = self.transport  # type: ignore[typeddict-unknown-key]


class Loopback:
    """An ASGI application on 127.0.0.1, up while the block lasts. Port 0 takes a free one, told once it listens."""

    def __init__(self, app: Any, port: int = 0) -> None:
        self.port = port
        self._app = app
        self._state = ServerState()

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def __aenter__(self) -> Self:
        config = uvicorn.Config(
            self._app, http=_Protocol, ws="none", lifespan="off", access_log=False, log_config=None, log_level="error",
            timeout_keep_alive=75, proxy_headers=False,
        )  # fmt: skip
        config.load()
        loop = asyncio.get_running_loop()
        listening = socket.create_server(("127.0.0.1", self.port), backlog=256)
        # A socket made by hand names no protocol, so asyncio leaves it to gather: 40 ms before each body.
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.port = listening.getsockname()[1]
        self._listener = await loop.create_server(lambda: _Protocol(config, self._state, {}), sock=listening)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._listener.close()
        for connection in list(self._state.connections):
            connection.shutdown()
        if self._state.tasks:
            await asyncio.wait(self._state.tasks, timeout=1)
        for task in list(self._state.tasks):
            task.cancel()


async def until_told(server: AbstractAsyncContextManager[Any], line: Callable[[], str]) -> None:
    """Serve until SIGTERM or Ctrl+C; `line` is printed first, once the server listens."""
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)
    async with server:
        print(line(), flush=True)
        await stop.wait()


async def read_body(receive: Receive) -> bytes:
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return body


async def reply(send: Send, status: int, headers: Headers, body: bytes) -> None:
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def reply_half(scope: Any, send: Send, status: int, headers: Headers, body: bytes) -> None:
    """The connection ends in the middle of the body."""
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body[: len(body) // 2], "more_body": True})
    scope["transport"].close()


def break_off(scope: Any) -> None:
    """The connection ends without an answer."""
    scope["transport"].abort()
