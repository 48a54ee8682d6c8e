"""How does a test run the real daemon? As a process of its own, in a folder with a config.toml."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

START_LIMIT = 120.0
"""Seconds until `/readyz` must answer 200. A second or two, on a machine that other tests keep busy many times that."""
STOP_LIMIT = 10.0
"""Seconds that SIGTERM may take: the promise of `crmhub run`."""


def environment() -> dict[str, str]:
    """That of this process; the program that is run is the one beside these tests, wherever another is installed."""
    return {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}


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
    _process: subprocess.Popen[bytes] | None = None

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
        with (self.folder / "daemon.log").open("ab") as log:
            command = self._command("run")
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.folder, env=environment()
            )
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
        """What a command of the same configuration prints with `--json`."""
        command = self._command(*arguments, "--json")
        done = subprocess.run(
            command, check=False, capture_output=True, text=True, cwd=self.folder, timeout=60, env=environment()
        )
        if done.returncode:
            raise RuntimeError(f"{command} ended with {done.returncode}:\n{done.stderr}")
        return json.loads(done.stdout)

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
        try:
            return httpx.get(f"{self.url}/readyz", timeout=2).status_code == httpx.codes.OK
        except httpx.TransportError:
            return False

    def _command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "hub", "--config", str(self.folder / "config.toml"), *arguments]
