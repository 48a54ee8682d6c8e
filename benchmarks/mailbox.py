"""What does a mailbox of 100,000 mails cost, from a real Dovecot to facts, with the hub killed on the way?

python -m benchmarks.mailbox FOLDER FILE      the fetching alone, kept in a bare table: a process of its own
"""

import asyncio
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson

from benchmarks import history
from hub.sdk.testing import Bench
from plugins.email import streams
from plugins.email.account import open_account
from plugins.email.settings import Settings
from tests.daemon import free_port
from tests.live.mail.server import MAIL_UID, MailServer, NoMailServer, password_of, running

USER = "sales@example.test"
DAYS = 80
KILLS = 3
WHOLE = 10_000
"""Mails that a whole hub is let to understand, too: deriving takes longer than fetching."""
_CONNECTION = """
[connections.mail]
plugin = "email"
address = "{user}"
password = "{password}"
imap = "localhost:{imaps}"
smtp = "localhost:465"
ca_file = "{ca_file}"
since = {since}
send = false
"""


def run(scale: float) -> Iterator[tuple[str, str]]:
    """Fetch `scale` × 100,000 mails without their bodies, then let a hub read them that is killed on the way."""
    count = int(100_000 * scale)
    try:
        with running() as server, tempfile.TemporaryDirectory() as name:
            _fill(server, count)
            folder = Path(name)
            yield from _fetched(server, folder, count)
            if count <= WHOLE:
                yield from _understood(server, folder, count)
    except NoMailServer as reason:
        yield "mailbox", f"not measured: {reason}"


def _fetched(server: MailServer, folder: Path, count: int) -> Iterator[tuple[str, str]]:
    """A tenth in one go, then all with kills: what it costs, and whether memory stays the same."""
    for part, kills in ((0.1, 0), (1.0, KILLS)):
        wanted = int(count * part)
        (folder / "given.json").write_text(json.dumps({"settings": _options(server), "limit": wanted}))
        kept = folder / f"{wanted}.db"
        command = [sys.executable, "-m", "benchmarks.mailbox", str(folder), str(kept)]
        moments = [wanted * (number + 1) // (kills + 1) for number in range(kills)]
        begun, most, child = time.perf_counter(), 0, subprocess.Popen(command)
        while child.poll() is None:
            time.sleep(0.1)
            most = max(most, _peak(child.pid))
            if moments and _kept(kept) >= moments[0]:
                moments.pop(0)
                child.send_signal(signal.SIGKILL)
                child.wait()
                child = subprocess.Popen(command)
        seconds = time.perf_counter() - begun
        said = json.loads((folder / "said.json").read_text())
        assert _kept(kept) >= wanted, "some are lost"
        each = said["cpu"] / said["mails"] * 1e6
        told = f"{_kept(kept) / seconds:,.0f}/s with {kills} kills, {each:.0f} µs CPU each, RSS {most / 1024:.0f} MB"
        yield f"mailbox: {_kept(kept):,} fetched", told


def _kept(file: Path) -> int:
    """How many mails the process has kept; each id can be kept once."""
    return _count(file, "SELECT count(*) FROM mails")


def _understood(server: MailServer, folder: Path, count: int) -> Iterator[tuple[str, str]]:
    """A hub reads the mailbox and is killed at random moments until all is there."""
    options, port = _options(server), free_port()
    since = (datetime.now(UTC) - timedelta(days=DAYS + 5)).date()
    text = history.CONFIG.format(port=port) + _CONNECTION.format(
        user=USER, password=options["password"], imaps=server.ports["imaps"], ca_file=server.ca_file, since=since
    )
    (folder / "config.toml").write_text(text, encoding="utf-8")
    dice, begun, most = random.Random(7), time.perf_counter(), 0
    kills = sorted(dice.uniform(0.05, 0.8) * count for _ in range(KILLS))
    child = _hub(folder)
    try:
        while (there := _messages(folder)) < count or _waiting(folder):
            time.sleep(0.25)
            most = max(most, _peak(child.pid))
            if kills and there >= kills[0]:
                kills.pop(0)
                child.send_signal(signal.SIGKILL)
                child.wait()
                child = _hub(folder)
        seconds = time.perf_counter() - begun
    finally:
        child.kill()
        child.wait()
    yield (
        f"mailbox: {there:,} understood",
        f"{there / seconds:,.0f}/s with {KILLS} kills, RSS at most {most / 1024:.0f} MB, none lost, none twice",
    )


def _hub(folder: Path) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "hub", "--config", str(folder / "config.toml"), "run"]
    with (folder / "hub.log").open("ab") as log:
        return subprocess.Popen(command, stdout=log, stderr=log)


def _messages(folder: Path) -> int:
    return _asked(folder, "SELECT count(*) FROM records WHERE kind = 'message'")


def _waiting(folder: Path) -> int:
    return _asked(folder, "SELECT count(*) FROM inbox WHERE state = 'new'")


def _asked(folder: Path, statement: str) -> int:
    return _count(folder / "var" / "hub.db", statement)


def _count(file: Path, statement: str) -> int:
    if not file.exists():
        return 0
    connection = sqlite3.connect(f"file:{file}?mode=ro", uri=True, timeout=10)
    try:
        return int(connection.execute(statement).fetchone()[0])
    except sqlite3.OperationalError:  # it is still being made
        return 0
    finally:
        connection.close()


def _peak(pid: int) -> int:
    """Most memory of a process so far, in KB."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("VmHWM")), 0)


# The mailbox


def _options(server: MailServer) -> dict[str, Any]:
    return {
        "address": USER,
        "password": password_of(USER),
        "imap": f"localhost:{server.ports['imaps']}",
        "smtp": "localhost:465",
        "ca_file": server.ca_file,
    }


def _fill(server: MailServer, count: int) -> None:
    """Mails as files, as Dovecot keeps them: APPEND would take minutes."""
    place = server.folder / "mail" / "example.test" / "sales" / "Maildir"
    for part in ("cur", "new", "tmp"):
        (place / part).mkdir(parents=True, exist_ok=True)
    now = int(time.time())
    for number in range(count):
        at = now - int(DAYS * 86_400 * (1 - number / count))
        file = place / "cur" / f"{at}.M{number:06}.bench:2,S"
        file.write_bytes(_mail(number, at))
        os.utime(file, (at, at))
    for path in (server.folder / "mail").rglob("*"):
        os.chown(path, MAIL_UID, MAIL_UID)


def _mail(number: int, at: int) -> bytes:
    client = number % 5_000
    received = datetime.fromtimestamp(at, UTC).strftime("%a, %d %b %Y %H:%M:%S +0000")
    by = f"by mx.example.test with ESMTPS id {number:08X}\r\n\tfor <{USER}>; {received}"
    lines = [
        f"Return-Path: <client{client}@customer.test>",
        f"Received: from mx.customer.test (mx.customer.test [192.0.2.10])\r\n\t{by}",
        "DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=customer.test; s=mail;\r\n\tb=" + "A" * 300,
        f"From: =?utf-8?B?0JDQvdC90LA=?= <client{client}@customer.test>",
        f"To: {USER}",
        f"Subject: =?utf-8?B?0JLQvtC/0YDQvtGB?= {number}",
        f"Date: {received}",
        f"Message-ID: <{number}@customer.test>",
        "MIME-Version: 1.0",
        'Content-Type: multipart/alternative; boundary="b"',
    ]
    text = f"Добрый день! Вопрос номер {number}: сколько стоит доставка?\r\n".encode()
    page = b"<p>" + text.strip() + b"</p><div>" + b"x" * 4_000 + b"</div>\r\n"
    plain = b"--b\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n" + text
    rich = b"--b\r\nContent-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n" + page
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + plain + rich + b"--b--\r\n"


# The process that is measured


async def _fetch(given: dict[str, Any], kept: Path) -> dict[str, float]:
    """Fetch history; each page is kept together with its cursor, as the hub does it."""
    since = (datetime.now(UTC) - timedelta(days=DAYS + 5)).date()
    settings = Settings.model_validate({**given["settings"], "since": since})
    store = sqlite3.connect(kept, isolation_level=None)
    store.executescript(
        "PRAGMA journal_mode=WAL; CREATE TABLE IF NOT EXISTS mails (id TEXT PRIMARY KEY, payload BLOB);"
        "CREATE TABLE IF NOT EXISTS cursors (name TEXT PRIMARY KEY, value TEXT);"
    )
    row = store.execute("SELECT value FROM cursors").fetchone()
    mails, cpu = 0, time.process_time()
    async with open_account(settings, Bench(time=datetime.now(UTC))) as client:
        async for page in streams.history(client, json.loads(row[0]) if row else None):
            store.execute("BEGIN IMMEDIATE")
            store.executemany(
                "INSERT INTO mails VALUES (?, ?)", [(raw.id, orjson.dumps(raw.payload)) for raw in page.items]
            )
            store.execute("INSERT OR REPLACE INTO cursors VALUES ('history', ?)", (json.dumps(page.cursor),))
            store.execute("COMMIT")
            mails += len(page.items)
            if store.execute("SELECT count(*) FROM mails").fetchone()[0] >= given["limit"]:
                break
    return {"mails": mails, "cpu": time.process_time() - cpu}


if __name__ == "__main__":
    place = Path(sys.argv[1])
    result = asyncio.run(_fetch(json.loads((place / "given.json").read_text()), Path(sys.argv[2])))
    (place / "said.json").write_text(json.dumps(result))
