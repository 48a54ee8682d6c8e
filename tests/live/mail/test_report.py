"""Does a report of the real daemon reach a mailbox of a real server, once, whole and as mail programs show it?"""

import email.policy
import json
import time
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from email.parser import BytesParser
from pathlib import Path

import pytest

from hub.engine.reports import SINCE
from hub.store import migrate, rules
from hub.store.database import Database
from tests.daemon import Daemon, free_port
from tests.inside import crmhub
from tests.live.mail.kit import IVAN
from tests.live.mail.server import MailServer, password_of

pytestmark = [pytest.mark.live, pytest.mark.slow]

CONFIG = """
[hub]
timezone = "Europe/Moscow"
head_of_sales = "ivan"

[web]
listen = "127.0.0.1:{port}"
public_url = "https://hub.example.test"

[reports]
at = "00:00"
closed_days = true
weekly = false
monthly = false

[lines.sales]
lines = ["74950010100"]
head = "ivan"

[team.ivan]
name = "Ivan"
notify = ["email:{ivan}"]

[connections.src]
plugin = "records"

[connections.box]
plugin = "email"
address = "{ivan}"
password = {{ file = "password" }}
read = false
imap = "localhost:{imap}"
smtp = "localhost:{smtp}"
ca_file = "{ca}"
"""
PATIENCE = 60.0


@pytest.fixture
def daemon(tmp_path: Path, server: MailServer) -> Daemon:
    """A daemon that stood still when the report was due, with a client who waits."""
    server.clear(IVAN)
    port = free_port()
    config = CONFIG.format(
        port=port, ivan=IVAN, imap=server.ports["imaps"], smtp=server.ports["submissions"], ca=server.ca_file
    )
    (tmp_path / "config.toml").write_text(config, encoding="utf-8")
    (tmp_path / "password").write_text(password_of(IVAN), encoding="utf-8")
    (tmp_path / "password").chmod(0o600)
    (tmp_path / "var").mkdir()
    url = f"sqlite:///{tmp_path / 'var' / 'hub.db'}"
    migrate.upgrade(url)
    database = Database(url)
    with database.begin() as connection:
        rules.remember(connection, SINCE, {"ivan": (datetime.now(UTC) - timedelta(days=2)).isoformat()})
    database.close()
    at = datetime.now(UTC) - timedelta(minutes=5)
    missed = {
        "record": "call",
        "id": "1",
        "direction": "inbound",
        "client": "phone:+79210000001",
        "line": "74950010100",
        "started_at": at.isoformat(),
        "ended_at": (at + timedelta(seconds=40)).isoformat(),
        "hangup_by": "client",
        "final": True,
        "legs": [
            {
                "kind": "queue",
                "to": "sales",
                "started_at": at.isoformat(),
                "ended_at": (at + timedelta(seconds=40)).isoformat(),
            }
        ],
    }
    (tmp_path / "missed.jsonl").write_text(json.dumps(missed), encoding="utf-8")
    return Daemon(tmp_path, port)


def received(server: MailServer) -> list[EmailMessage]:
    with server.mailbox(IVAN) as owner:
        owner.select("INBOX", readonly=True)
        numbers = owner.search(None, "ALL")[1][0].split()
        bodies = [owner.fetch(number, "(RFC822)")[1][0][1] for number in numbers]
    return [BytesParser(policy=email.policy.default).parsebytes(body) for body in bodies]


def test_a_report_arrives_once_whole(daemon: Daemon, server: MailServer) -> None:
    read = crmhub(
        daemon.folder,
        "--config",
        daemon.folder / "config.toml",
        "import",
        "--connection",
        "src",
        daemon.folder / "missed.jsonl",
    )
    assert read.code == 0, read.err
    daemon.start()
    try:
        deadline = time.monotonic() + PATIENCE
        while not received(server) and time.monotonic() < deadline:
            time.sleep(0.2)
        daemon.kill()
        daemon.start()
        time.sleep(0.5)
    finally:
        daemon.stop()
    [mail] = received(server)
    assert "1 ещё ждёт" in mail["Subject"]
    assert mail["Auto-Submitted"] == "auto-generated"
    assert "+7 921 000-00-01" in mail.get_body(("plain",)).get_content().replace("\u00a0", " ")
    page = mail.get_body(("html",)).get_content()
    assert "https://hub.example.test/contacts/" in page
    pictures = {part["Content-ID"].strip("<>"): part for part in mail.walk() if part.get_content_type() == "image/png"}
    assert {f"cid:{cid}" for cid in pictures} == {"cid:misses"}
    assert 'src="cid:misses"' in page
    assert len(mail.as_bytes()) < 200_000
