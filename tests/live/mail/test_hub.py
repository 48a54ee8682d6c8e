"""Does a real hub have each mail of a real mailbox once and tell of each wait once, however it is killed?"""

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.daemon import Daemon, free_port
from tests.inside import crmhub
from tests.live.mail.kit import mail
from tests.live.mail.server import MailServer, password_of

pytestmark = [pytest.mark.live, pytest.mark.slow]

OLGA, SALES = "olga@example.test", "sales@example.test"
CONFIG = """\
[hub]
timezone = "Europe/Moscow"
[web]
listen = "127.0.0.1:{port}"
[calendars.always]
timezone = "Europe/Moscow"
[[calendars.always.hours]]
from = 2020-01-01
days = {{ mon-sun = "00:00-24:00" }}
[team.olga]
name = "Olga"
handles = ["email:olga@example.test"]
notify = ["email:olga@example.test"]
calendar = "always"
[lines.sales]
lines = ["sales@example.test"]
duty = ["olga"]
calendar = "always"
first_response_target = "2s"
[connections.mail]
plugin = "email"
address = "sales@example.test"
password = "{password}"
imap = "localhost:{imaps}"
smtp = "localhost:{submissions}"
ca_file = "{ca_file}"
"""


def until(look: Callable[[], bool], seconds: float = 60) -> None:
    """Wait until it holds."""
    deadline = time.monotonic() + seconds
    while not look():
        assert time.monotonic() < deadline, "it did not come to that"
        time.sleep(0.2)


def notices(server: MailServer) -> list[bytes]:
    """The Message-IDs of what Olga was told."""
    with server.mailbox(OLGA) as owner:
        count = int(owner.select("INBOX", readonly=True)[1][0])
        return [
            owner.fetch(str(number), "(BODY.PEEK[HEADER.FIELDS (MESSAGE-ID)])")[1][0][1]
            for number in range(1, count + 1)
        ]


def test_a_hub_that_is_killed_has_each_mail_once_and_tells_of_each_wait_once(server, tmp_path):
    for user in (SALES, OLGA):
        server.clear(user)
    server.clear(SALES, "Sent")
    port = free_port()
    (tmp_path / "config.toml").write_text(
        CONFIG.format(port=port, password=password_of(SALES), ca_file=server.ca_file, **server.ports)
    )
    old = datetime.now(UTC) - timedelta(days=20)
    server.put(SALES, [mail(number, To=SALES, From=f"c{number}@customer.test") for number in range(60)], at=old)
    daemon = Daemon(tmp_path, port)
    daemon.start()
    try:
        until(lambda: len(_messages(daemon)) >= 60)
        server.put(SALES, [mail(100, To=SALES, From="anna@customer.test")])
        until(lambda: len(notices(server)) >= 1)
        daemon.kill()
        server.put(SALES, [mail(101, To=SALES, From="boris@customer.test")])
        daemon.start()
        until(lambda: {"100@customer.test", "101@customer.test"} <= set(_messages(daemon)))
        until(lambda: len({key.partition("/")[0] for key in _sent(daemon)}) == 2)
    finally:
        daemon.kill()
    found = _messages(daemon)
    assert len(found) == len(set(found)) == 62
    told = notices(server)
    assert len(told) == len(set(told)) == len(_sent(daemon)) >= 2


def _messages(daemon: Daemon) -> list[str]:
    """Ids of the messages that the hub has."""
    done = crmhub(daemon.folder, "--config", daemon.folder / "config.toml", "export", "--connection", "mail")
    return [row["id"] for line in done.out.splitlines() if (row := json.loads(line))["record"] == "message"]


def _effects(daemon: Daemon) -> list[dict[str, Any]]:
    return list(daemon.json("effects"))


def _sent(daemon: Daemon) -> list[str]:
    """Keys of the notices that have gone out; a reminder may wait to be sent together with others."""
    return [row["key"] for row in _effects(daemon) if row["state"] == "sent"]
