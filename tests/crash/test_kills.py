"""Is nothing lost and nothing doubled when the daemon is killed between any two commits?

A sender repeats each record until it is accepted, a PBX talks whether anybody listens or not, a receiver of notices
counts them; meanwhile the real daemon is killed at random moments.
"""

import asyncio
import csv
import hashlib
import hmac
import json
import os
import random
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from sandbox.ami import AmiServer
from sandbox.recording import Recording
from tests.daemon import Daemon, free_port

KILLS = int(os.environ.get("CRMHUB_KILLS", "10"))
"""How often the daemon is killed. CRMHUB_KILLS=200 takes some ten minutes."""
pytestmark = [pytest.mark.slow, pytest.mark.timeout(600 + 30 * KILLS)]
SEED = int(os.environ.get("CRMHUB_SEED", "20264"))
"""Of the moments at which it is killed."""
RECORDING = Path(__file__).parents[2] / "plugins" / "telephony" / "asterisk" / "fixtures" / "mixed-stream"
SECRET = b"crash-secret"
PACE = 0.02
"""Seconds between two records of the sender."""
RANG = timedelta(seconds=1)
"""How long a client of the sender rings. Short, for nobody is told of a call that began before the hub first ran."""
REPAIRED = 120.0
"""Seconds within which every call is told right: the event log is read at a reconnect, then 15 and 60 seconds later."""

CONFIG = """
[hub]
timezone = "Europe/Moscow"

[web]
listen = "127.0.0.1:{port}"

[policy]
clock_tolerance = "1h"
callback_target = "5m"      # so short that the first notice goes out at once
short_abandon = "0s"
batch_alerts = "9999 in 1s"    # each for itself, so that each can be counted

[calendars.always]
[[calendars.always.hours]]
from = 2020-01-01
days = {{ mon-sun = "00:00-24:00" }}

[lines.sales]
calendar = "always"
lines = ["74950010100", "74950010101", "74950010102"]
head = "boris"

[team.anna]
name = "Anna"
handles = ["ext:pbx/101", "ext:src/101"]
calendar = "always"
notify = ["src:anna"]

[team.boris]
name = "Boris"
handles = ["ext:pbx/102", "ext:src/102"]
calendar = "always"
notify = ["src:boris"]

[connections.src]
plugin = "records"
secret = "crash-secret"
notify_url = "http://127.0.0.1:{notices}/"

[connections.pbx]
plugin = "asterisk"
port = {ami}
username = "hub"
secret = "hub-secret"
trunk_channels = ["PJSIP/trunk-"]
queues = {{ sales = ["101", "102", "103"], support = ["104", "105"] }}
outbound_prefix = "8"
company_number = "74950010100"
cdr = "cdr.csv"
cel = "cel.csv"
"""


class Notices:
    """Receives what the hub sends and counts it by its key."""

    def __init__(self):
        self.keys = Counter()
        self.port = 0

    async def __aenter__(self):
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_):
        self._server.close()

    async def _serve(self, reader, writer):
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                headers = dict(line.lower().split(": ", 1) for line in head.split("\r\n")[1:] if ": " in line)
                await reader.readexactly(int(headers.get("content-length", 0)))
                self.keys[headers["idempotency-key"]] += 1
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
                await writer.drain()
        writer.close()


def missed_call(number, now):
    """A client's call that just ended and that nobody took."""
    start, end = now - RANG, now
    leg = {
        "kind": "member",
        "to": "ext:101",
        "started_at": start.isoformat(),
        "ended_at": end.isoformat(),
        "result": "no_answer",
    }
    return {
        "record": "call", "id": f"c{number}", "direction": "inbound", "client": f"phone:+7931{number:07d}", "line": "74950010101",
        "started_at": start.isoformat(), "ended_at": end.isoformat(), "hangup_by": "client", "final": True, "legs": [leg],
    }  # fmt: skip


async def send(url, accepted, stop):
    """Post one record after the other, each until it is accepted, as a webhook's sender does."""
    async with httpx.AsyncClient(timeout=5) as client:
        number = 0
        while not stop.is_set():
            body = json.dumps(missed_call(number, datetime.now(UTC))).encode()
            while not await _accepted(client, url, body):
                await asyncio.sleep(0.05)
            accepted.append(f"c{number}")
            number += 1
            await asyncio.sleep(PACE)


async def _accepted(client, url, body):
    stamp = str(int(time.time()))
    signature = hmac.new(SECRET, f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
    headers = {"X-Hub-Timestamp": stamp, "X-Hub-Signature": f"v1={signature}"}
    try:
        return (await client.post(url, content=body, headers=headers)).is_success
    except httpx.TransportError:
        return False


async def kill_again_and_again(daemon, dice):
    for _ in range(KILLS):
        await asyncio.to_thread(daemon.start)
        await asyncio.sleep(dice.uniform(0, 0.6))
        daemon.kill()
    await asyncio.to_thread(daemon.start)


async def write_logs(folder, recording, pbx, speed):
    """Detail records and channel events, each appended when the PBX would have written it."""
    for name in ("cdr.csv", "cel.csv"):
        (folder / name).touch()
    begin, started = await pbx.playing, time.time()
    due = [
        *((moment, "cel.csv", line) for moment, line in events(recording.file(RECORDING, "cel.csv", begin).decode())),
        *((moment, "cdr.csv", line) for moment, line in details(recording.file(RECORDING, "cdr.csv", begin).decode(), recording.zone)),
    ]  # fmt: skip
    for moment, name, line in sorted(due):
        await asyncio.sleep(max(0.0, started + (moment - begin) / speed - time.time()))
        with (folder / name).open("a", encoding="utf-8", newline="") as file:
            file.write(line)


def events(text):
    """The lines of an event log, each with its moment: it is written as it happens."""
    return [(float(row[1]), line) for line, row in rows(text)]


def details(text, zone):
    """The lines of a file of call detail records, each with the moment at which its caller's channel has ended.

    All rows of a channel are written together then; their times are whole seconds, rounded down.
    """
    ends = {}
    for _, row in rows(text):
        end = datetime.fromisoformat(row[2]).replace(tzinfo=zone).timestamp()
        ends[row[7]] = max(end + 1, ends.get(row[7], 0))
    return [(ends[row[7]], line) for line, row in rows(text)]


def rows(text):
    lines = text.splitlines(keepends=True)
    return zip(lines, csv.reader(lines), strict=True)


async def until(holds, limit):
    """Look again and again until it holds or the time is up: then the tests say what does not."""
    deadline = time.monotonic() + limit
    while not await asyncio.to_thread(holds) and time.monotonic() < deadline:
        await asyncio.sleep(1)


@dataclass
class Outcome:
    """What was sent, and what the hub made of it. killed_at: when the last kill was over."""

    accepted: list[str]
    truths: list[dict]
    calls: list[dict]
    cases: list[dict]
    effects: list[dict]
    notices: Counter
    killed_at: datetime


def misjudged(calls, accepted, truths):
    """What is not told as it was, one sentence each."""
    known = {(call["connection"], call["id"]): call for call in calls}
    for name in accepted:
        if ("src", name) not in known or known["src", name]["outcome"] is None:
            yield f"{name} is not judged"
    for want in truths:
        call = known.get(("pbx", want["linkedid"]))
        yield from [f"{want['linkedid']} is no call"] if call is None else told(want, call)


def told(want, call):
    """Where direction, client or whether somebody answered is not what the phones saw.

    Why nobody did may have been said while nobody listened: no detail record tells that a message was left, nor does each
    tell who hung up.
    """
    client = f"phone:{want['client_number']}" if want["client_number"] else None
    seen = (want["direction"], client, want["outcome"] == "answered")
    if (call["direction"], call["client"], call["outcome"] == "answered") != seen or call["outcome"] is None:
        yield f"{want['linkedid']}: {call['direction']} {call['client']} {call['outcome']}, the phones saw {seen}"


def overdue(effects, moment):
    """What should have been delivered by that moment and waits all the same."""
    return [
        effect
        for effect in effects
        if effect["state"] in {"planned", "sending"} and datetime.fromisoformat(effect["at"]) <= moment
    ]


async def play(folder):
    recording = Recording.load(RECORDING)
    daemon, accepted, stop = Daemon(folder, free_port()), [], asyncio.Event()
    speed = max(1.0, recording.length / (KILLS * 1.2))
    async with AmiServer(recording, speed=speed, runs=1) as pbx, Notices() as notices:
        config = CONFIG.format(port=daemon.port, ami=pbx.port, notices=notices.port)
        (folder / "config.toml").write_text(config, encoding="utf-8")
        logs = asyncio.create_task(write_logs(folder, recording, pbx, speed), name="the PBX's own logs")
        sender = asyncio.create_task(send(f"{daemon.url}/hooks/src", accepted, stop), name="sender")
        try:
            await kill_again_and_again(daemon, random.Random(SEED))
            killed_at = datetime.now(UTC)
            await until(lambda: notices.keys, REPAIRED)
            stop.set()
            await asyncio.gather(sender, logs, pbx.finished.wait())
            truths = json.loads(recording.file(RECORDING, "expected.json", await pbx.playing))["calls"]
            await until(lambda: not any(misjudged(daemon.json("calls"), accepted, truths)), REPAIRED)
            await until(lambda: not overdue(daemon.json("effects"), killed_at), REPAIRED)
        finally:
            logs.cancel()
            sender.cancel()
            await asyncio.to_thread(daemon.stop)
        calls, cases, effects = [await asyncio.to_thread(daemon.json, what) for what in ("calls", "cases", "effects")]
        return Outcome(accepted, truths, calls, cases, effects, notices.keys, killed_at)


@pytest.fixture(scope="module")
def outcome(tmp_path_factory):
    return asyncio.run(play(tmp_path_factory.mktemp("crash")))


def test_every_record_that_was_accepted_is_a_call_once(outcome):
    counted = Counter(call["id"] for call in outcome.calls if call["connection"] == "src")
    assert counted == Counter(outcome.accepted)


def test_every_client_who_was_missed_waits_once(outcome):
    handles = [handle for case in outcome.cases for handle in case["contact"]["handles"]]
    counted = Counter(handle for handle in handles if handle.startswith("phone:+7931"))
    assert counted == Counter(f"phone:+7931{int(name[1:]):07d}" for name in outcome.accepted)


def test_every_call_of_the_pbx_is_told_once_as_the_phones_saw_it(outcome):
    counted = Counter(call["id"] for call in outcome.calls if call["connection"] == "pbx")
    assert counted == Counter(want["linkedid"] for want in outcome.truths)
    wrong = list(misjudged(outcome.calls, outcome.accepted, outcome.truths))
    assert not wrong, "\n".join(wrong)


def test_no_notice_got_lost_between_sending_and_settling(outcome, capsys):
    with capsys.disabled():
        print(f"\n{KILLS} kills, {len(outcome.accepted)} records accepted, {outcome.notices.total()} notices", end="")
    states = {effect["key"]: effect["state"] for effect in outcome.effects}
    assert outcome.notices
    assert set(outcome.notices) <= {key for key, state in states.items() if state == "sent"}
    assert set(states.values()) & {"sending", "unknown", "dead"} == set()
    assert overdue(outcome.effects, outcome.killed_at) == []
