"""Do notices and reports go out by a real Postfix, each once, and does what comes back find its way?"""

import asyncio
import email
import email.policy
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from hub.sdk import (
    AmendNotice,
    AuthFailed,
    Button,
    NothingToDo,
    Notify,
    Rejected,
    Report,
    Returned,
    Stored,
    Temporary,
    Uncertain,
    Unreachable,
)
from plugins.email import post, streams
from plugins.email.connector import CONNECTOR
from sandbox.mailproxy import MailProxy, Rule
from tests.live.mail.kit import IVAN, NOW, account, at_least, items_of, options, through
from tests.live.mail.server import MailServer

pytestmark = pytest.mark.live

OLGA = "olga@example.test"
_OPEN = ((Button(label="Открыть", url="https://hub.example/case?a=1&b=2"), Button(label="Взять", action="take")),)


def notice(key: str = "7/T1/olga", to: str = OLGA) -> Notify:
    return Notify(
        key=key,
        at=NOW,
        to="olga",
        address=to,
        title="● Анна ждёт 12 мин",
        text="Спрашивает: где счёт?\nЛиния: продажи <1>",
        buttons=_OPEN,
        case="awaiting_reply:7",
        kind="awaiting_reply",
        step="T1",
        contact="Анна",
        line_group="sales",
    )


@pytest.fixture
def boxes(server: MailServer) -> MailServer:
    """The server with what these tests look at emptied."""
    for user, folder in ((IVAN, "INBOX"), (IVAN, "Sent"), (OLGA, "INBOX")):
        server.clear(user, folder)
    return server


def arrived(server: MailServer, user: str = OLGA, folder: str = "INBOX") -> list[Any]:
    """The mails in a folder, as a mail program reads them."""
    with server.mailbox(user) as owner:
        count = int(owner.select(folder, readonly=True)[1][0])
        raw = [owner.fetch(str(number), "(RFC822)")[1][0][1] for number in range(1, count + 1)]
    return [email.message_from_bytes(item, policy=email.policy.default) for item in raw]


async def delivered(server: MailServer, count: int = 1) -> list[Any]:
    """What has come to Olga, once so many are there."""
    async with asyncio.timeout(10):
        while len(found := arrived(server)) < count:
            await asyncio.sleep(0.05)
    return found


async def test_a_notice_is_a_mail_that_every_program_can_read(boxes):
    async with account(options(boxes)) as client:
        sent = await post.send(client, notice())
    (found,) = await delivered(boxes)
    assert found["Message-ID"] == f"<{sent.id}>"
    assert (found["Subject"], found["From"]) == ("● Анна ждёт 12 мин", "crmhub <ivan@example.test>")
    assert (found["Auto-Submitted"], found["X-Auto-Response-Suppress"]) == ("auto-generated", "All")
    assert found["Return-Path"] == "<ivan@example.test>"
    plain, page = (found.get_body((kind,)).get_content() for kind in ("plain", "html"))
    assert "где счёт?\nЛиния: продажи <1>\n\nОткрыть: https://hub.example/case?a=1&b=2" in plain.replace("\r\n", "\n")
    assert "продажи &lt;1&gt;" in page
    assert 'href="https://hub.example/case?a=1&amp;b=2"' in page
    assert "Взять" not in plain + page


async def test_a_report_carries_its_pictures(boxes):
    png = b"\x89PNG\r\n\x1a\n" + bytes(range(256))
    report = Report(
        key="report/2026-11-24/olga",
        at=NOW,
        to="olga",
        address=OLGA,
        title="Отчёт за 24 ноября",
        text="Потеряно: 1",
        html='<p>Потеряно: 1</p><img src="cid:misses" alt="Потерянные">',
        images={"misses": png},
        name="daily",
        day="2026-11-24",
    )
    async with account(options(boxes, smtp=f"starttls://localhost:{boxes.ports['submission']}")) as client:
        await post.send(client, report)
    (found,) = await delivered(boxes)
    assert [part.get_content_type() for part in found.walk()] == [
        "multipart/alternative",
        "text/plain",
        "multipart/related",
        "text/html",
        "image/png",
    ]
    (picture,) = [part for part in found.walk() if part.get_content_type() == "image/png"]
    assert (picture["Content-ID"], picture.get_content()) == ("<misses>", png)


async def test_a_wrong_notice_is_corrected_by_an_answer_to_it_and_a_right_one_left_alone(boxes):
    async with account(options(boxes)) as client:
        first = await post.send(client, notice())

        def amended(because: str) -> AmendNotice:
            return AmendNotice(
                key="7/T1/olga/void",
                at=NOW,
                to="olga",
                address=OLGA,
                title="Отбой: Анна",
                text="Ждал не клиент",
                case="awaiting_reply:7",
                contact="Анна",
                because=because,
                replaces=first.id,
            )

        with pytest.raises(NothingToDo):
            await post.correct(client, amended("taken"))
        await post.correct(client, amended("void"))
    found = await delivered(boxes, 2)
    assert found[1]["In-Reply-To"] == found[0]["Message-ID"]


async def test_what_was_sent_is_filed_and_not_sent_again(boxes):
    async with account(options(boxes)) as client:
        first = await post.send(client, notice())
    async with account(options(boxes)) as client:  # after a crash, in another process
        assert await post.send(client, notice()) == first
        await post.send(client, notice("8/T1/olga"))
    assert next(mail["Message-ID"] for mail in arrived(boxes, IVAN, "Sent")) == f"<{first.id}>"
    assert len(await delivered(boxes, 2)) == 2


_AFTER_THE_DOT = [
    Rule("cut", r"^250 2\.0\.0 Ok: queued", count=1),
    Rule("stall", r"^250 2\.0\.0 Ok: queued", count=1, seconds=2),
]


@pytest.mark.parametrize("lost", _AFTER_THE_DOT, ids=["broken", "silent"])
async def test_a_link_that_breaks_after_the_final_dot_sends_nothing_twice(boxes, monkeypatch, lost):
    monkeypatch.setattr(post, "FILED", 0.05)
    monkeypatch.setattr(post, "ACCEPT", 0.5)
    async with MailProxy(boxes.ports["smtp"], [lost]) as proxy:
        smtp = f"127.0.0.1:{proxy.port}"
        settings = {"imap": f"127.0.0.1:{boxes.ports['imap']}", "unencrypted": True, "smtp": smtp}
        async with account(options(boxes, **settings)) as client:
            with pytest.raises(Uncertain, match=r"after the mail to olga@example\.test was handed over"):
                await post.send(client, notice())
            # A provider that files what goes through it answers the question.
            filed = await delivered(boxes)
            boxes.put(IVAN, [filed[0].as_bytes()], "Sent")
            assert (await post.send(client, notice())).id == filed[0]["Message-ID"].strip("<>")
        assert proxy.count("^DATA") == 1
    assert len(await delivered(boxes)) == 1


REFUSALS = [
    ("RCPT", "550 5.1.1 <olga@example.test>: no such user", Unreachable),
    ("RCPT", "552 5.2.2 mailbox full", Unreachable),
    ("RCPT", "451 4.7.1 Greylisted, try again later", Temporary),
    ("RCPT", "452 4.5.3 too many recipients", Temporary),
    ("RCPT", "550 5.7.1 rejected by policy", Rejected),
    ("MAIL", "553 5.7.1 Sender address rejected: not owned by auth user", Rejected),
    ("MAIL", "421 4.3.2 closing", Temporary),
    ("DATA", "554 5.7.1 Message rejected under suspicion of SPAM", Rejected),
]


@pytest.mark.parametrize(("command", "said", "error"), REFUSALS, ids=[said[:9] for _, said, _ in REFUSALS])
async def test_refusals_are_sorted_by_who_must_act(boxes, command, said, error):
    rules = [Rule("answer", f"^{command}", f"{said}\r\n", side="client")]
    async with MailProxy(boxes.ports["smtp"], rules) as proxy:
        settings = through(proxy, imap=f"127.0.0.1:{boxes.ports['imap']}", smtp=f"127.0.0.1:{proxy.port}")
        async with account(settings) as client:
            with pytest.raises(error) as caught:
                await post.send(client, notice())
            assert type(caught.value) is error
    assert arrived(boxes) == []


async def test_a_mail_that_cannot_be_handed_over_in_good_time_is_not_begun(boxes, monkeypatch):
    monkeypatch.setattr(post, "EARLY", 0.0)
    async with account(options(boxes)) as client:
        with pytest.raises(Temporary, match="too slow"):
            await post.send(client, notice())
    assert arrived(boxes) == []


async def test_a_wrong_password_is_tried_once_for_sending_too(boxes):
    async with MailProxy(boxes.ports["smtp"]) as proxy:
        settings = through(
            proxy,
            imap=f"127.0.0.1:{boxes.ports['imap']}",
            smtp=f"127.0.0.1:{proxy.port}",
            password="wrong",
            keep_sent=False,
        )
        async with account(settings) as client:
            for _ in range(3):
                with pytest.raises(AuthFailed, match="535"):
                    await post.send(client, notice())
        assert proxy.count("^AUTH") == 1


async def test_a_notice_that_postfix_returns_is_known_by_its_id(boxes):
    async with account(options(boxes)) as client:
        sent = await post.send(client, notice(to="nobody@example.test"))
        found, _ = await items_of(streams.inbox(client, None), at_least(1))
        stored = [Stored(raw.kind, raw.id, raw.payload, datetime.now(UTC), raw.group) for raw in found]
        (heard,) = [
            item
            for raw in stored
            for item in CONNECTOR.parse["mail"]([raw], client.settings, client.host.context)
            if isinstance(item, Returned)
        ]
    assert (heard.of, heard.hard) == (sent.id, True)
    assert abs(heard.at - datetime.now(UTC)) < timedelta(minutes=5)
