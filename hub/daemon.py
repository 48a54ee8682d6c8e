"""`crmhub run`: all lanes and the pages in one process, until a signal says stop."""

from __future__ import annotations

import asyncio
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import uvicorn

from hub import log
from hub.engine.broadcast import Broadcaster
from hub.engine.hub import LOCK, Hub, accept, open_hub
from hub.engine.lock import Lock
from hub.engine.runner import Runner
from hub.errors import ConfigError, Mistake
from hub.settings import Web
from hub.web.app import build

_log = log.get("daemon")

GRACE = 8.0
"""Seconds that running deliveries and requests get after a signal; the process ends within 10."""
BACKLOG = 2048
PATIENCE = 5.0
"""Seconds that a command which holds the store may take to end before the daemon gives up."""


class _Server(uvicorn.Server):
    """uvicorn without its own signal handlers: the daemon decides when to stop."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def run(config: Path, ready: Callable[[str], None] = lambda _: None, stop: asyncio.Event | None = None) -> None:
    """Run the hub of a configuration. ready: called with the address once pages are served.

    Raises ConfigError when the configuration is wrong, Busy when another process works on the same store.
    """
    hub = open_hub(config)
    try:
        with Lock(hub.settings.data / LOCK, PATIENCE), _listening(hub.settings.web) as listening:
            accept(hub)  # a command that held the lock a moment ago has kept it from being accepted
            await _serve(hub, listening, ready, stop or asyncio.Event())
            _log.info("stopped")
    finally:
        hub.close()


@contextmanager
def _listening(web: Web) -> Iterator[socket.socket]:
    """The socket of the pages, taken before anything runs: whoever uses the port already is said at once."""
    family = socket.AF_INET6 if ":" in web.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as taken:
        if sys.platform != "win32":  # there it would let two programs share the port
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            taken.bind((web.host, web.port))
        except OSError as error:
            problem = (
                f"{web.host}:{web.port} cannot be used ({error.strerror}); end the program there or choose another"
            )
            raise ConfigError([Mistake("web.listen", problem, 'listen = "127.0.0.1:8081"')]) from None
        yield taken


async def _serve(hub: Hub, listening: socket.socket, ready: Callable[[str], None], stop: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        with suppress(NotImplementedError):  # Windows has no handlers in its loop: there Ctrl+C raises
            loop.add_signal_handler(number, stop.set)
    broadcaster = Broadcaster()
    runner = Runner(hub, broadcaster)
    web = hub.settings.web
    server = _Server(
        uvicorn.Config(
            build(hub, runner.receiver, broadcaster, runner),
            host=web.host,
            port=web.port,
            log_config=None,
            lifespan="off",
            access_log=False,
            proxy_headers=False,
            backlog=BACKLOG,
            timeout_graceful_shutdown=3,
            server_header=False,
        )
    )
    try:
        async with asyncio.timeout(None) as limit, asyncio.TaskGroup() as group:
            group.create_task(runner.run(), name="runner")
            serving = group.create_task(server.serve([listening]), name="web")
            group.create_task(_announce(server, serving, listening, ready, stop), name="announce")
            await stop.wait()
            _log.info("stopping")
            limit.reschedule(loop.time() + GRACE)
            broadcaster.close()
            runner.stop.set()
            server.should_exit = True
    except TimeoutError:
        _log.warning("stopped before everything was finished; what was claimed is looked at when the hub starts again")


async def _announce(
    server: uvicorn.Server,
    serving: asyncio.Task[None],
    listening: socket.socket,
    ready: Callable[[str], None],
    stop: asyncio.Event,
) -> None:
    while not server.started:
        if serving.done():
            stop.set()
            return
        await asyncio.sleep(0.02)
    host, port = listening.getsockname()[:2]
    address = f"http://{f'[{host}]' if ':' in host else host}:{port}"
    _log.info("serving", address=address)
    ready(address)
