"""Killed before its first commit, its second, its third …: does the daemon lose anything, or do anything twice?

The same small day is played for each commit that an undisturbed daemon makes: a sender repeats until it is accepted, a
receiver of notices counts, and the daemon dies by SIGKILL just before the n-th commit, is started, and dies three times more.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import os
import shutil
import signal
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
import sqlalchemy

from hub.core.crm import KINDS
from hub.store import calls, cases, outbox
from hub.store.database import Database
from tests.cli.conftest import callback, missed
from tests.crash.test_kills import Notices
from tests.daemon import STOP_LIMIT, free_port
from tests.days import CONFIG
from tests.nursery import born

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]

SECRET = b"crash-secret"
EVERY = int(os.environ.get("CRMHUB_EVERY_COMMIT", "10"))
"""1: die before each commit; 10: before every tenth, the further deaths of each play lie between."""
MOST = 400
"""More commits than the day takes."""
PATIENCE = 60.0


class Play:
    """One folder, one daemon that is killed now and then, one sender, one receiver."""

    def __init__(self, folder: Path, port: int, notices: Notices) -> None:
        self.folder, self.url, self.notices = folder, f"http://127.0.0.1:{port}", notices
        text = CONFIG.replace('callback_target = "30m"', 'callback_target = "5m"')
        text = text.replace('mon-fri = "09:00-13:00 14:00-18:00"', 'mon-sun = "00:00-24:00"')  # it is played now
        text += f"""
[web]
listen = "127.0.0.1:{port}"
[policy]
callback_target = "5m"
batch_alerts = "9999 in 1s"
[connections.src]
plugin = "records"
secret = "{SECRET.decode()}"
notify_url = "http://127.0.0.1:{notices.port}/"
[connections.crm]
plugin = "records"
notify_url = "http://127.0.0.1:{notices.port}/"
writes = ["tasks", "calls", "leads"]
"""
        (folder / "config.toml").write_text(text, encoding="utf-8")

    async def first_run(self) -> Path:
        """A store whose connections have been live for ten minutes; every play begins with a copy of it."""
        daemon = born(self.folder)
        await self._answer()
        await asyncio.sleep(0.5)
        daemon.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(daemon.wait) == 0
        engine = sqlalchemy.create_engine(f"sqlite:///{self.folder / 'var' / 'hub.db'}")
        with engine.begin() as connection:
            early = orjson.dumps(dict.fromkeys(KINDS, "2020-01-01T00:00:00+00:00"))
            connection.exec_driver_sql("UPDATE connections SET live_since = live_since - 600000")
            connection.exec_driver_sql("UPDATE connections SET carries = ? WHERE name = 'crm'", (early,))
        engine.dispose()
        return Path(shutil.copytree(self.folder / "var", self.folder / "begin"))

    async def _answer(self) -> None:
        async with asyncio.timeout(PATIENCE), httpx.AsyncClient() as client:
            while True:
                try:
                    if (await client.get(f"{self.url}/readyz")).status_code == httpx.codes.OK:
                        return
                except httpx.TransportError:
                    pass
                await asyncio.sleep(0.01)

    async def run(self, records: list[dict[str, Any]], deaths: list[int]) -> int:
        """Play the day; how often the daemon died."""
        shutil.rmtree(self.folder / "var")
        shutil.copytree(self.folder / "begin", self.folder / "var")
        self.notices.keys = Counter()
        sender = asyncio.create_task(self._send(records), name="sender")
        died = 0
        for commits in [*deaths, 0]:
            daemon = born(self.folder, commits)
            watch = asyncio.create_task(asyncio.to_thread(daemon.wait), name="watch")
            done = asyncio.create_task(self._until_done(sender, len(records)), name="done")
            await asyncio.wait((watch, done), return_when=asyncio.FIRST_COMPLETED, timeout=PATIENCE)
            if not watch.done() and commits:  # the day was over before its time had come
                os.kill(daemon.pid, signal.SIGKILL)
            elif not watch.done():
                assert done.done(), f"killed before commits {deaths}: not done in time"
                done.result()
                await self._answer()  # before, it has no hand free for signals
                os.kill(daemon.pid, signal.SIGTERM)
            async with asyncio.timeout(STOP_LIMIT):
                status = await watch
            assert status == (-signal.SIGKILL if commits else 0), (self.folder / "daemon.log").read_text()[-3000:]
            died += commits > 0 and not done.done()
            done.cancel()
        return died

    async def _send(self, records: list[dict[str, Any]]) -> None:
        async with httpx.AsyncClient(timeout=10) as client:
            for record in records:
                body = json.dumps(record).encode()
                while not await _accepted(client, f"{self.url}/hooks/src", body):
                    await asyncio.sleep(0.02)

    async def _until_done(self, sender: asyncio.Task[None], count: int) -> None:
        """All sent, understood, derived, and all notices settled."""
        await asyncio.shield(sender)
        while True:
            if await asyncio.to_thread(self._is_done, count):
                return
            await asyncio.sleep(0.05)

    def _is_done(self, count: int) -> bool:
        engine = sqlalchemy.create_engine(f"sqlite:///{self.folder / 'var' / 'hub.db'}")
        queries = (
            "SELECT count(*) FROM inbox WHERE state = 'new'",
            "SELECT count(*) FROM contacts WHERE due_at IS NOT NULL",
            "SELECT count(*) FROM outbox WHERE state IN ('planned', 'sending') AND due_at IS NOT NULL OR state = 'sending'",
            f"SELECT {count} - count(*) FROM calls",
        )
        with engine.connect() as connection:
            left = [connection.exec_driver_sql(query).scalar() for query in queries]
        engine.dispose()
        return left == [0, 0, 0, 0]

    def kept(self) -> tuple[list[Any], list[Any], list[Any]]:
        """Calls, cases and effects as they are stored."""
        store = Database(f"sqlite:///{self.folder / 'var' / 'hub.db'}")
        try:
            with store.begin() as connection:
                return calls.listing(connection), cases.listing(connection), outbox.listing(connection)
        finally:
            store.close()


async def _accepted(client: httpx.AsyncClient, url: str, body: bytes) -> bool:
    stamp = str(int(time.time()))
    signature = hmac.new(SECRET, f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
    headers = {"X-Hub-Timestamp": stamp, "X-Hub-Signature": f"v1={signature}"}
    try:
        return (await client.post(url, content=body, headers=headers)).is_success
    except httpx.TransportError:
        return False


def day(now: datetime) -> list[dict[str, Any]]:
    """Three clients whom nobody answers, one of them twice; one is called back."""
    begin = now - timedelta(seconds=180)
    return [
        *(missed(str(number), begin, client=f"phone:+7921000000{number}") for number in range(3)),
        missed("3", begin + timedelta(seconds=1), client="phone:+79210000000"),
        callback("4", begin + timedelta(seconds=30), client="phone:+79210000001"),
    ]


def without_moments(rows: list[Any]) -> list[Any]:
    """Rows without what depends on when they were derived."""
    return [
        {key: value for key, value in row.items() if key not in {"steps", "breached", "breached_at", "late_by"}}
        for row in rows
    ]


def _assert_the_crm_knows(effects: list[dict[str, Any]], deaths: list[int]) -> None:
    """Each call once, a lead for each client once, one task for each who still waits, and none left for who does not."""
    told = [row for row in effects if row["kind"] in ("log_call", "create_lead")]
    assert Counter(row["body"]["call"] for row in told) == Counter(f"src/call/{number}" for number in range(5)), deaths
    assert Counter(row["body"]["client"][-1] for row in told if row["kind"] == "create_lead") == Counter("012"), deaths
    assert {row["state"] for row in told} == {"sent"}, deaths
    tasks = [
        (row["kind"], row["body"]["client"][-1])
        for row in effects
        if row["kind"].endswith("_task") and row["state"] == "sent"
    ]
    assert [client for kind, client in sorted(tasks) if kind == "create_task" and client != "1"] == ["0", "2"], deaths
    of_who_was_called_back = sorted(kind for kind, client in tasks if client == "1")
    assert of_who_was_called_back in ([], ["close_task", "create_task"]), deaths


async def test_killed_before_any_commit_nothing_is_lost_and_nothing_happens_twice(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    died = plays = 0
    async with Notices() as notices:
        play = Play(tmp_path, free_port(), notices)
        await play.first_run()
        records = day(datetime.now(UTC))
        await play.run(records, [])
        wanted_calls, wanted_cases, _ = play.kept()
        for commit in range(1, MOST, EVERY):
            deaths = [commit, commit // 2 + 1, commit * 7 % 60 + 1, commit * 11 % 30 + 1]
            found = await play.run(records, deaths)
            died, plays = died + found, plays + 1
            found_calls, found_cases, effects = play.kept()
            assert found_calls == wanted_calls, deaths
            assert without_moments(found_cases) == without_moments(wanted_cases), deaths
            states = {row["key"]: row["state"] for row in effects}
            assert {key for key, state in states.items() if state == "sent"} <= set(notices.keys) <= set(states), deaths
            assert set(states.values()) <= {"sent", "dropped"}, deaths
            assert "sent" in states.values(), deaths
            notes = [row["body"] for row in effects if row["kind"] == "notify"]
            steps = Counter((body["case"], body["step"], body["to"]) for body in notes)
            assert set(steps.values()) == {1}, deaths
            assert {body["case"] for body in notes} >= {"missed_call:src/call/0", "missed_call:src/call/2"}
            _assert_the_crm_knows(effects, deaths)
            if not found:
                break
    with capsys.disabled():
        print(f"\n{died} deaths in {plays} plays", end="")
    assert plays > 8
