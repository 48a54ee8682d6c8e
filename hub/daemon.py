"""`crmhub run`: all lanes and the pages in one process, until a signal says stop."""

from __future__ import annotations

import asyncio
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

import uvicorn

from hub import clock, log
from hub.engine.broadcast import Broadcaster
from hub.engine.connecting import ASKED
from hub.engine.hub import LOCK, Hub, accept, load_settings, open_hub
from hub.engine.lock import Lock
from hub.engine.runner import Runner
from hub.errors import ConfigError, Mistake, Temporary
from hub.settings import Settings, Web
from hub.store import rules
from hub.web.app import build

_log = log.get("daemon")

GRACE = 8.0
"""Seconds that running deliveries and requests get after a signal; the process ends within 10."""
BACKLOG = 2048
LOOK = 1.0
"""Seconds between looks at whether somebody changed the configuration."""
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
    stop = stop or asyncio.Event()
    read_at, hub = clock.now(), open_hub(config)
    try:
        with Lock(hub.settings.data / LOCK, PATIENCE), _listening(hub.settings.web) as listening:
            accept(hub)  # a command that held the lock a moment ago has kept it from being accepted
            await _serve(hub, listening, ready, stop, read_at)
            while not stop.is_set():
                hub.close()
                read_at, hub = clock.now(), open_hub(config)
                accept(hub)
                _log.info("the configuration was read again")
                await _serve(hub, listening, lambda _: None, stop, read_at)
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


async def _serve(
    hub: Hub, listening: socket.socket, ready: Callable[[str], None], stop: asyncio.Event, read_at: datetime
) -> None:
    """Until a signal says stop, or the configuration is to be read again: who asks meanwhile waits at the socket.

    read_at: when the configuration was read that the hub goes by.
    """
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
            serving = group.create_task(server.serve([listening.dup()]), name="web")  # which it closes in the end
            group.create_task(_announce(server, serving, listening, ready, stop), name="announce")
            changed = group.create_task(_changed(hub, read_at), name="configuration")
            ends = {group.create_task(stop.wait(), name="stop"), changed}
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            for end in ends:
                end.cancel()
            _log.info("stopping")
            limit.reschedule(loop.time() + GRACE)
            broadcaster.close()
            runner.stop.set()
            server.should_exit = True
    except TimeoutError:
        _log.warning("stopped before everything was finished; what was claimed is looked at when the hub starts again")


async def _changed(hub: Hub, read_at: datetime) -> None:
    """Until somebody who changed the configuration since asks the hub to go by it, and it can."""
    while True:
        await asyncio.sleep(LOOK)
        with suppress(Temporary):  # the store is out of reach for a moment
            asked = await hub.db.read(rules.recall, ASKED)
            if asked is not None and datetime.fromisoformat(asked) > read_at:
                if _may_go_by(hub.settings):
                    return
                read_at = datetime.fromisoformat(asked)


def _may_go_by(running: Settings) -> bool:
    """Whether the file as it is now can be gone by without a new process; else the log says what is in the way."""
    try:
        settings, _, _ = load_settings(running.path)
    except ConfigError as error:
        _log.error("the changed configuration has mistakes; the hub goes on by the old one", why=str(error))
        return False
    kept = (settings.web, settings.data, settings.database) == (running.web, running.data, running.database)
    if not kept:
        _log.warning("[web], data or database was changed; the hub goes by it when it is started anew")
    return kept


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
