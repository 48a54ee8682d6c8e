"""How many records a second does the webhook take, each answered only after its commit, and what does a bare server do?"""

import asyncio
import hashlib
import hmac
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import httpx

from benchmarks import history
from benchmarks.post import Build, post
from tests.daemon import Daemon, free_port

SECRET = b"benchmark-secret"


def run(scale: float) -> Iterator[tuple[str, str]]:
    """Post `scale` × 20,000 records one by one to the daemon, then the same bodies to a server that only commits."""
    count = int(20_000 * scale)
    bodies = [
        line.encode() for line in history.lines(count, clients=count // 8 + 1, until=datetime.now(UTC), years=0.1)
    ]
    hub, hub_tail = _measure_hub(bodies)
    yield "webhook of records", f"{hub:,.0f} a second, 99 % within {hub_tail * 1000:.0f} ms"
    bare, bare_tail = _measure_bare(bodies)
    yield "a server that only commits", f"{bare:,.0f} a second, 99 % within {bare_tail * 1000:.0f} ms"
    yield "ratio", f"{hub / bare:.2f}"


def _measure_hub(bodies: list[bytes]) -> tuple[float, float]:
    with tempfile.TemporaryDirectory() as name:
        daemon = Daemon(Path(name), free_port())
        (daemon.folder / "config.toml").write_text(history.CONFIG.format(port=daemon.port), encoding="utf-8")
        daemon.start()
        try:
            return _measure(f"{daemon.url}/hooks/src", bodies, signed(bodies))
        finally:
            daemon.stop()


def _measure_bare(bodies: list[bytes]) -> tuple[float, float]:
    with tempfile.TemporaryDirectory() as name, _bare(Path(name) / "bare.db") as url:
        return _measure(url, bodies, lambda number: ({"Content-Type": "application/json"}, bodies[number]))


@contextmanager
def _bare(file: Path) -> Iterator[str]:
    port = free_port()
    process = subprocess.Popen([sys.executable, "-m", "benchmarks.bare", str(port), file])
    url = f"http://127.0.0.1:{port}/hooks/bare"
    try:
        deadline = time.monotonic() + 20
        while True:
            try:
                httpx.get(url)
                break
            except httpx.TransportError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)
        yield url
    finally:
        process.terminate()
        process.wait()


def signed(bodies: list[bytes]) -> Build:
    """Requests as a signing sender makes them (docs: the plugin `records`)."""

    def build(number: int) -> tuple[dict[str, str], bytes]:
        stamp = str(int(time.time()))
        signature = hmac.new(SECRET, stamp.encode() + b"." + bodies[number], hashlib.sha256).hexdigest()
        headers = {"Content-Type": "application/json", "X-Hub-Timestamp": stamp, "X-Hub-Signature": f"v1={signature}"}
        return headers, bodies[number]

    return build


def _measure(url: str, bodies: list[bytes], build: Build) -> tuple[float, float]:
    """Requests a second, and the time within which 99 % were answered."""
    seconds, took = asyncio.run(post(url, build, len(bodies)))
    return len(bodies) / seconds, sorted(took)[int(len(took) * 0.99)]
