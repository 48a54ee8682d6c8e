"""How does a test run the real daemon? As a process of its own, in a folder with a config.toml."""

import http.client
import signal
import socket
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tests.inside import crmhub
from tests.nursery import Child, born

START_LIMIT = 120.0
"""Seconds until `/readyz` must answer 200. A second or two, on a machine that other tests keep busy many times that."""
STOP_LIMIT = 10.0
"""Seconds that SIGTERM may take: the promise of `crmhub run`."""


def free_port() -> int:
    """A TCP port of loopback that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Daemon:
    """`crmhub run` on `folder/config.toml`, which must listen on `port`."""

    folder: Path
    port: int
    _process: Child | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """Of the process that was started last."""
        assert self._process is not None
        return self._process.pid

    @property
    def log(self) -> str:
        return (self.folder / "daemon.log").read_text(encoding="utf-8", errors="replace")

    def start(self) -> None:
        """Start it and wait until it says that it is ready."""
        self._process = born(self.folder)
        deadline = time.monotonic() + START_LIMIT
        while not self._ready():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise RuntimeError(f"crmhub run did not become ready:\n{self.log[-4000:]}")
            time.sleep(0.05)

    def stop(self) -> int:
        """End it as an operator would and return its exit code; it may not take longer than promised."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        try:
            return self._process.wait(STOP_LIMIT)
        finally:
            self.kill()

    def kill(self) -> None:
        """End it without a chance to tidy up."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()

    def json(self, *arguments: str) -> Any:
        """What a command of the same configuration prints with `--json`, run beside the daemon in this process."""
        done = crmhub(self.folder, "--config", self.folder / "config.toml", *arguments, "--json")
        if done.code:
            raise RuntimeError(f"{arguments} ended with {done.code}:\n{done.err}")
        return done.rows

    async def events(self, path: str = "/events") -> AsyncIterator[tuple[float, str]]:
        """Lines of the pages' live stream, each with the moment at which it came (seconds since the epoch)."""
        async with (
            httpx.AsyncClient(base_url=self.url, timeout=None) as client,
            client.stream("GET", path, headers={"Accept": "text/event-stream"}) as response,
        ):
            response.raise_for_status()
            async for line in response.aiter_lines():
                yield time.time(), line

    def _ready(self) -> bool:
        asking = http.client.HTTPConnection("127.0.0.1", self.port, timeout=2)  # costs nothing, asked so often
        try:
            asking.request("GET", "/readyz")
            return asking.getresponse().status == httpx.codes.OK
        except (OSError, http.client.HTTPException):
            return False
        finally:
            asking.close()
