"""What does the daemon live through besides being killed: a full disk, a second daemon, an import beside it, SIGTERM?"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.cli.conftest import Desk, missed
from tests.daemon import STOP_LIMIT, Daemon, free_port
from tests.days import CONFIG

pytestmark = pytest.mark.slow

SECRET = b"crash-secret"
NOW = datetime.now(UTC) - timedelta(minutes=2)


@pytest.fixture
def start() -> Iterator[Callable[[Path], Daemon]]:
    """Starts daemons, each in a folder of its own, and ends them."""
    started: list[Daemon] = []

    def make(folder: Path, **keys: str) -> Daemon:
        daemon = Daemon(folder, free_port())
        text = CONFIG.replace("[hub]", "[hub]\n" + "\n".join(f'{name} = "{value}"' for name, value in keys.items()))
        sections = f'\n[web]\nlisten = "127.0.0.1:{daemon.port}"\n[connections.src]\nplugin = "records"\nsecret = "{SECRET.decode()}"\n'
        (folder / "config.toml").write_text(text + sections, encoding="utf-8")
        started.append(daemon)
        daemon.start()
        return daemon

    yield make
    for daemon in started:
        daemon.kill()


def post(daemon: Daemon, record: dict[str, Any]) -> int:
    body, stamp = json.dumps(record).encode(), str(int(time.time()))
    signature = hmac.new(SECRET, f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
    headers = {"X-Hub-Timestamp": stamp, "X-Hub-Signature": f"v1={signature}"}
    return httpx.post(f"{daemon.url}/hooks/src", content=body, headers=headers, timeout=60).status_code


def until(holds: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.1)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 12 MB; only root can make one."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=12m", "none", str(place)]
    if (
        not hasattr(os, "geteuid")
        or os.geteuid() != 0
        or subprocess.run(mount, check=False, capture_output=True).returncode
    ):
        pytest.skip("only root can make a small disk")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=False)


def test_a_full_disk_is_answered_503_and_lived_through(
    tmp_path: Path, small_disk: Path, start: Callable[..., Daemon]
) -> None:
    daemon = start(tmp_path, data=str(small_disk / "var"))
    answers = [post(daemon, missed("before", NOW))]
    filler = small_disk / "filler"
    with suppress(OSError), filler.open("wb") as file:
        while True:
            file.write(b"x" * 65_536)
            file.flush()
    kept = []
    for number in range(40):
        answers.append(
            post(daemon, missed(str(number), NOW, client=f"phone:+792100000{number:02}", client_raw="x" * 100_000))
        )
        if answers[-1] == 200:
            kept.append(str(number))
    assert answers[0] == 200
    assert 503 in answers
    assert set(answers) == {200, 503}
    assert httpx.get(f"{daemon.url}/healthz").status_code == 200
    time.sleep(6)  # the lanes meet the full disk, too
    assert httpx.get(f"{daemon.url}/healthz").status_code == 200
    filler.unlink()
    for number in range(40):
        if str(number) not in kept:
            until(
                lambda number=number: (
                    post(daemon, missed(str(number), NOW, client=f"phone:+792100000{number:02}")) == 200
                )
            )  # type: ignore[misc]
    until(lambda: len(daemon.json("calls")) == 41)
    until(lambda: all(row["missed"] for row in daemon.json("calls")))
    assert daemon.stop() == 0


def test_a_second_daemon_on_the_same_store_is_refused(tmp_path: Path, start: Callable[..., Daemon]) -> None:
    daemon = start(tmp_path)
    done = Desk(tmp_path).spawn("run")
    assert done.code == 3
    assert "is held by a running hub" in done.err
    assert httpx.get(f"{daemon.url}/readyz").status_code == 200


def test_an_import_beside_the_running_daemon_is_done_by_it(tmp_path: Path, start: Callable[..., Daemon]) -> None:
    start(tmp_path)
    desk = Desk(tmp_path)
    records = [
        missed(str(number), NOW - timedelta(days=number), client=f"phone:+7921000{number:04}") for number in range(300)
    ]
    done = desk.spawn("import", "--connection", "src", desk.file([*records, "nonsense"]))
    assert done.code == 1
    assert "300 items read, 1 refused" in done.err
    assert len(desk.ask("calls")) == 300
    assert len(desk.ask("cases")) == 300
    assert desk.ask("effects") == [], "history alerts nobody, also while the daemon is running"


def test_sigterm_ends_it_within_ten_seconds_whoever_is_connected(tmp_path: Path, start: Callable[..., Daemon]) -> None:
    daemon = start(tmp_path)
    assert post(daemon, missed("1", NOW)) == 200

    async def end() -> tuple[int, float]:
        async def listen() -> None:
            with suppress(httpx.HTTPError):
                async for _ in daemon.events():
                    seen.set()

        seen = asyncio.Event()
        listening = asyncio.create_task(listen())
        _, writer = await asyncio.open_connection("127.0.0.1", daemon.port)
        writer.write(b"POST /hooks/src HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nhalf a bo")
        await writer.drain()
        async with asyncio.timeout(10):
            await seen.wait()
        begun = time.monotonic()
        code = await asyncio.to_thread(daemon.stop)
        took = time.monotonic() - begun
        listening.cancel()
        writer.close()
        return code, took

    code, took = asyncio.run(end())
    assert code == 0
    assert took < STOP_LIMIT
    assert [row["id"] for row in daemon.json("calls")] == ["1"]


@pytest.mark.postgresql
def test_on_postgresql_what_was_accepted_survives_kills(
    tmp_path: Path, postgresql_url: str, start: Callable[..., Daemon]
) -> None:
    daemon = start(tmp_path, database=postgresql_url)
    sent = 0
    for _ in range(5):
        for _ in range(10):
            assert post(daemon, missed(str(sent), NOW, client=f"phone:+7921000{sent:04}")) == 200
            sent += 1
        daemon.kill()
        daemon.start()
    until(lambda: len(daemon.json("cases")) == sent)
    assert sorted(int(row["id"]) for row in daemon.json("calls")) == list(range(sent))
    assert daemon.stop() == 0


@pytest.mark.postgresql
def test_a_postgresql_that_goes_away_and_comes_back_is_lived_through(
    tmp_path: Path, postgresql: Any, start: Callable[..., Daemon]
) -> None:
    with postgresql.database() as url:
        daemon = start(tmp_path, database=url)
        assert post(daemon, missed("1", NOW)) == 200
        name = url.rpartition("/")[2]
        postgresql.execute(f"ALTER DATABASE {name} WITH ALLOW_CONNECTIONS false")
        postgresql.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")
        assert post(daemon, missed("2", NOW)) == 503
        time.sleep(3)
        assert httpx.get(f"{daemon.url}/healthz").status_code == 200
        postgresql.execute(f"ALTER DATABASE {name} WITH ALLOW_CONNECTIONS true")
        until(lambda: post(daemon, missed("2", NOW)) == 200)
        until(lambda: {row["id"] for row in daemon.json("calls")} == {"1", "2"})
        assert daemon.stop() == 0
