"""Is a mailbox of a real Dovecot read as the contract asks: nothing lost, nothing twice, nothing marked?"""

import asyncio
import contextlib
from datetime import timedelta
from typing import Any

import pytest
from pydantic import SecretStr

from hub.sdk import AuthFailed, Raw, Temporary, Throttled, Tokens
from plugins.email import streams, visit
from plugins.email.check import check
from sandbox.mailproxy import MailProxy, Rule
from tests.live.mail.kit import IVAN, NOW, account, at_least, items_of, mail, options, subjects, through
from tests.live.mail.server import MailServer, running

pytestmark = pytest.mark.live


@pytest.fixture
def box(server: MailServer) -> MailServer:
    """The server with empty folders of Ivan's."""
    for folder in ("INBOX", "Sent", "Archive"):
        server.clear(IVAN, folder)
    return server


# What comes in.


async def test_new_mail_is_heard_of_at_once_and_a_second_look_brings_nothing(box):
    box.put(IVAN, [mail(1), mail(2)], at=NOW - timedelta(hours=3))
    async with account(options(box)) as client:
        found, cursor = await items_of(streams.inbox(client, None), at_least(2))
        assert subjects(found) == ["Question 1", "Question 2"]
        again, cursor = await items_of(streams.inbox(client, cursor), at_least(0))
        assert again == []
        stream = streams.inbox(client, cursor)
        waiting = asyncio.create_task(items_of(stream, at_least(1)))
        await asyncio.sleep(0.3)
        box.put(IVAN, [mail(3)])
        fresh, _ = await asyncio.wait_for(waiting, 5)
        assert subjects(fresh) == ["Question 3"]


async def test_nothing_is_ever_marked_as_read(box):
    box.put(IVAN, [mail(number) for number in range(5)])
    async with account(options(box)) as client:
        await items_of(streams.inbox(client, None), at_least(5))
        await items_of(streams.history(client, None), at_least(5))
    with box.mailbox(IVAN) as owner:
        owner.select("INBOX", readonly=True)
        assert owner.search(None, "SEEN")[1] == [b""]


async def test_a_mail_that_was_moved_is_the_same_mail(box):
    box.put(IVAN, [mail(1)])
    async with account(options(box, folders=["Archive"])) as client:
        before, _ = await items_of(streams.inbox(client, None), at_least(1))
        with box.mailbox(IVAN) as owner:
            owner.select("INBOX")
            assert owner.uid("MOVE", before[0].id.rpartition("/")[2], "Archive")[0] == "OK"
        after, _ = await items_of(streams.more(client, None), at_least(1))
    assert {raw.group for raw in before} == {raw.group for raw in after}
    assert before[0].id != after[0].id


async def test_a_mailbox_that_was_numbered_anew_brings_known_mails_again_and_old_ones_not(box):
    with box.mailbox(IVAN) as owner:
        owner.create("Renumbered")
    box.put(IVAN, [mail(1)], "Renumbered", NOW - timedelta(days=30))
    box.put(IVAN, [mail(2)], "Renumbered", NOW - timedelta(hours=3))
    async with account(options(box, folders=["Renumbered"])) as client:
        before, cursor = await items_of(streams.more(client, None), at_least(1))
        with box.mailbox(IVAN) as owner:
            owner.delete("Renumbered")
            owner.create("Renumbered")
        box.put(IVAN, [mail(1)], "Renumbered", NOW - timedelta(days=30))
        box.put(IVAN, [mail(3)], "Renumbered", NOW - timedelta(hours=2))
        box.put(IVAN, [mail(2)], "Renumbered", NOW - timedelta(hours=3))
        after, cursor = await items_of(streams.more(client, cursor), at_least(2))
        assert subjects(after) == ["Question 3", "Question 2"]
        assert {raw.group for raw in before} < {raw.group for raw in after}
        assert (await items_of(streams.more(client, cursor), at_least(0)))[0] == []
    with box.mailbox(IVAN) as owner:
        owner.delete("Renumbered")


async def test_a_mail_that_was_answered_meanwhile_says_so(box):
    box.put(IVAN, [mail(1), mail(2)])
    async with account(options(box)) as client:
        found, cursor = await items_of(streams.inbox(client, None), at_least(2))
        with box.mailbox(IVAN) as owner:
            owner.select("INBOX")
            owner.uid("STORE", found[1].id.rpartition("/")[2], "+FLAGS", r"(\Answered \Seen)")
            owner.uid("STORE", found[0].id.rpartition("/")[2], "+FLAGS", r"(\Seen)")
        again, _ = await items_of(streams.inbox(client, cursor), at_least(1))
    assert [(raw.id, raw.payload["flags"]) for raw in again] == [(found[1].id, ["\\Answered", "\\Seen"])]


# What was before.


async def test_history_goes_on_where_it_was_when_the_hub_was_killed(box, monkeypatch):
    monkeypatch.setattr(streams, "BATCH", 10)
    box.put(IVAN, [mail(number) for number in range(45)])
    box.put(IVAN, [mail(100 + number, From=IVAN, To="anna@customer.test") for number in range(7)], "Sent")
    found: list[Raw] = []
    cursor: Any = None
    pages = 0
    async with account(options(box)) as client:
        while pages < 40:
            async with contextlib.aclosing(streams.history(client, cursor)) as stream:
                page = await anext(stream, None)  # one page, and the process is gone
            if page is None:
                break
            pages += 1
            found += page.items
            cursor = page.cursor
    assert len(found) == len({raw.id for raw in found}) == 52
    assert [raw.payload["role"] for raw in found] == ["inbox"] * 45 + ["sent"] * 7
    assert subjects(found)[:2] == ["Question 35", "Question 36"]


async def test_history_is_fetched_from_the_day_that_was_asked_for(box):
    for days in (1, 20, 40, 60):
        box.put(IVAN, [mail(days)], at=NOW - timedelta(days=days))
    async with account(options(box, since=(NOW - timedelta(days=30)).date())) as client:
        found = [raw async for page in streams.history(client, None) for raw in page.items]
    assert subjects(found) == ["Question 1", "Question 20"]


async def test_history_leaves_web_pages_and_files_where_they_are(box):
    page = "<p>x</p>" * 20_000
    html = mail(1, page, **{"Content-Type": "text/html; charset=utf-8", "MIME-Version": "1.0"})
    box.put(IVAN, [html, mail(2, "plain text")])
    async with account(options(box)) as client:
        found = [raw async for page in streams.history(client, None) for raw in page.items]
    texts = {raw.payload["header"].split("Subject: ")[1].split("\r\n")[0]: raw.payload["text"] for raw in found}
    assert not texts["Question 1"]
    assert "plain text" in texts["Question 2"]
    assert max(len(str(raw.payload)) for raw in found) < 4_000


# Sent.


@pytest.mark.parametrize("profile", ["yandex", "mailru", "courier"])
async def test_the_folder_of_sent_mail_is_found(profile):
    with running(profile) as server:
        name = {"yandex": "Sent", "mailru": "Отправленные", "courier": "INBOX.Sent"}[profile]
        wire = {"mailru": "&BB4EQgQ,BEAEMAQyBDsENQQ9BD0ESwQ1-"}.get(profile, name)
        server.put(IVAN, [mail(1, From=IVAN)], wire)
        async with account(options(server)) as client:
            found, _ = await items_of(streams.sent(client, None), at_least(1))
            assert [(raw.payload["mailbox"], raw.payload["role"]) for raw in found] == [(name, "sent")]
            lines = await check(client)
        assert any(line.ok and line.what.startswith(f"sent mail: {name}, 1") for line in lines)


async def test_without_a_folder_of_sent_mail_the_operator_is_told_and_mails_say_so():
    with running("bare") as server:
        server.put(IVAN, [mail(1)])
        async with account(options(server, send=False)) as client:
            with pytest.raises(Temporary, match="what our people answer cannot be seen") as caught:
                await anext(streams.sent(client, None))
            assert caught.value.retry_after == 3600
            found, _ = await items_of(streams.inbox(client, None), at_least(1))
            assert [raw.payload["sees_sent"] for raw in found] == [False]
            assert [line.what for line in await check(client) if not line.ok] == ["sent mail"]


async def test_a_use_that_is_told_by_xlist_alone_is_understood(box):
    async with MailProxy(box.ports["imap"]) as proxy:
        proxy.rules = [
            Rule("replace", r"\[CAPABILITY [^]]*\]", "[CAPABILITY IMAP4rev1 XLIST IDLE]"),
            Rule("replace", r"\\Sent", ""),
            Rule(
                "answer",
                "XLIST",
                '* XLIST (\\HasNoChildren \\Sent) "/" Archive\r\n* XLIST (\\Inbox) "/" INBOX\r\n{tag} OK done\r\n',
                side="client",
            ),
        ]
        box.put(IVAN, [mail(1)], "Archive")
        async with account(through(proxy)) as client:
            found, _ = await items_of(streams.sent(client, None), at_least(1))
    assert [raw.payload["mailbox"] for raw in found] == ["Archive"]


# Getting in.


async def test_a_wrong_password_is_tried_once_by_however_many_lanes(box):
    async with MailProxy(box.ports["imap"]) as proxy, account(through(proxy, password="wrong")) as client:
        lanes = (streams.inbox(client, None), streams.sent(client, None), streams.history(client, None))
        ends = await asyncio.gather(*(anext(lane) for lane in lanes), return_exceptions=True)
        assert [type(end) for end in ends] == [AuthFailed] * 3
        assert proxy.count(r"(?i) (LOGIN|AUTHENTICATE) ") == 1


async def test_a_token_lets_in_and_a_refused_one_is_renewed_once(box):
    async with account(
        options(box, password=None, provider="google", imap=f"localhost:{box.ports['imaps']}"),
        held=Tokens(SecretStr(box.token(IVAN))),
    ) as client:
        assert (await check(client))[0].ok
    async with account(
        options(box, password=None, provider="google"), held=Tokens(SecretStr(box.token(IVAN, ttl=-60)))
    ) as client:
        with pytest.raises(AuthFailed, match="cannot be renewed"):
            await anext(streams.inbox(client, None))


async def test_a_server_that_cannot_prove_its_name_is_not_talked_to(box):
    async with account(options(box, ca_file="")) as client:
        with pytest.raises(Temporary, match=r"cannot prove its name.*ca_file"):
            await anext(streams.inbox(client, None))
    async with account(options(box, imap=f"starttls://localhost:{box.ports['imap']}")) as client:
        assert (await check(client))[0].ok
    async with account(options(box, imap=f"starttls://localhost:{box.ports['imap']}", ca_file="")) as client:
        with pytest.raises(Temporary, match="cannot prove its name"):
            await anext(streams.inbox(client, None))


# What goes wrong.


async def test_a_server_without_idle_is_looked_at(box, monkeypatch):
    monkeypatch.setattr(streams, "LOOK", 0.1)
    rules = [Rule("answer", "IDLE$", "{tag} BAD unknown command\r\n", side="client")]
    async with MailProxy(box.ports["imap"], rules) as proxy, account(through(proxy)) as client:
        waiting = asyncio.create_task(items_of(streams.inbox(client, None), at_least(1)))
        await asyncio.sleep(0.3)
        box.put(IVAN, [mail(1)])
        found, _ = await asyncio.wait_for(waiting, 5)
        assert subjects(found) == ["Question 1"]
        assert proxy.count("IDLE$") == 1


async def test_a_deaf_doorbell_is_found_by_the_regular_visit(box, monkeypatch):
    monkeypatch.setattr(streams, "VISIT", 0.3)
    deaf = [Rule("drop", r"^\* \d+ (EXISTS|RECENT)$", skip=2)]
    async with MailProxy(box.ports["imap"], deaf) as proxy, account(through(proxy)) as client:
        waiting = asyncio.create_task(items_of(streams.inbox(client, None), at_least(1)))
        await asyncio.sleep(0.4)
        box.put(IVAN, [mail(1)])
        found, _ = await asyncio.wait_for(waiting, 5)
        assert subjects(found) == ["Question 1"]


@pytest.mark.parametrize("search", ["{tag} NO [UNAVAILABLE] UID SEARCH Backend error\r\n", "{tag} BAD unknown\r\n"])
async def test_history_is_walked_where_search_breaks_down(box, monkeypatch, search):
    monkeypatch.setattr(visit, "WALK", 10)
    box.put(IVAN, [mail(number) for number in range(15)], at=NOW - timedelta(days=300))
    box.put(IVAN, [mail(number) for number in range(15, 30)], at=NOW - timedelta(days=3))
    rules = [Rule("answer", "UID SEARCH", search, side="client")]
    since = (NOW - timedelta(days=30)).date()
    async with MailProxy(box.ports["imap"], rules) as proxy, account(through(proxy, since=since)) as client:
        found = [raw async for page in streams.history(client, None) for raw in page.items]
    assert set(subjects(found)) >= {f"Question {number}" for number in range(15, 30)}
    assert len(found) < 30


async def test_answers_that_are_bent_are_understood(box):
    box.put(IVAN, [mail(number) for number in range(6)])
    rules = [
        Rule("insert", r"^\* \d+ FETCH", "* 9 EXISTS\r\n* 1 FETCH (FLAGS (\\Seen))\r\n* OK [X] hm\r\n", count=3),
        Rule("replace", r"RFC822.SIZE \d+", "RFC822.SIZE 9.37e+06", count=1),
        Rule("replace", r"INTERNALDATE \"[^\"]*\" ", "", skip=1, count=1),
        Rule("replace", r"BODYSTRUCTURE \(.*?\) BODY\[", 'BODYSTRUCTURE ("TEXT" ( BODY[', skip=2, count=1),
    ]
    async with MailProxy(box.ports["imap"], rules) as proxy, account(through(proxy)) as client:
        found, _ = await items_of(streams.inbox(client, None), at_least(6))
    assert subjects(found) == [f"Question {number}" for number in range(6)]
    assert sum(raw.payload["internaldate"] is None for raw in found) == 1
    assert 9_370_000 in {raw.payload["size"] for raw in found}


async def test_a_mail_that_cannot_be_fetched_stops_nobody(box):
    box.put(IVAN, [mail(number) for number in range(3)])
    rules = [Rule("replace", r"^(\* 2 FETCH) \(.*UID.*FLAGS", r"\1 ((((UID FLAGS")]
    async with MailProxy(box.ports["imap"], rules) as proxy, account(through(proxy)) as client:
        found, cursor = await items_of(streams.inbox(client, None), at_least(3))
    assert [bool(raw.payload["header"]) for raw in found] == [True, False, True]
    assert cursor["last"] == int(found[-1].id.rpartition("/")[2])


@pytest.mark.parametrize(
    "rule",
    [
        Rule("half", r"FETCH \(UID .*BODY\[HEADER\]", skip=1, count=1),
        Rule("cut", r"^h\d+ OK", skip=6, count=1),
        Rule("insert", r"FETCH \(UID", "* BYE Autologout; idle for too long\r\n" * 3, count=1),
        Rule("answer", "UID FETCH", "{tag} NO [UNAVAILABLE] later\r\n", side="client", skip=1, count=1),
    ],
    ids=["in a literal", "before an end", "BYE three times", "a busy moment"],
)
async def test_whatever_breaks_nothing_is_lost_and_nothing_comes_twice(box, monkeypatch, rule):
    monkeypatch.setattr(streams, "BATCH", 4)
    box.put(IVAN, [mail(number) for number in range(10)])
    found: list[Raw] = []
    cursor = None
    breaks = 0
    async with MailProxy(box.ports["imap"], [rule]) as proxy, account(through(proxy)) as client:
        while len(found) < 10 and breaks < 5:
            try:
                async with asyncio.timeout(5), contextlib.aclosing(streams.inbox(client, cursor)) as pages:
                    async for page in pages:
                        found += page.items
                        cursor = page.cursor
                        if len(found) >= 10:
                            break
            except Temporary:
                breaks += 1
    assert subjects(found) == [f"Question {number}" for number in range(10)]
    assert breaks == 1


async def test_a_server_that_asks_for_a_pause_gets_it(box):
    text = "{tag} BAD Request is throttled. Suggested Backoff Time: 92415 milliseconds\r\n"
    rules = [Rule("answer", "EXAMINE", text, side="client")]
    async with MailProxy(box.ports["imap"], rules) as proxy, account(through(proxy)) as client:
        with pytest.raises(Throttled) as caught:
            await anext(streams.inbox(client, None))
    assert caught.value.retry_after == 92.415


async def test_a_server_that_counts_backwards_loses_nothing(box):
    box.put(IVAN, [mail(number) for number in range(3)], at=NOW - timedelta(hours=1))
    async with account(options(box)) as client:
        _, cursor = await items_of(streams.inbox(client, None), at_least(3))
    box.put(IVAN, [mail(3)])
    rules = [Rule("replace", r"UIDNEXT \d+", "UIDNEXT 2")]
    async with MailProxy(box.ports["imap"], rules) as proxy, account(through(proxy)) as client:
        fresh, cursor = await items_of(streams.inbox(client, cursor), at_least(1))
        assert subjects(fresh) == ["Question 3"]
        assert (await items_of(streams.inbox(client, cursor), at_least(0)))[0] == []
        box.clear(IVAN)
        box.put(IVAN, [mail(4)])
        later = {**cursor, "last": cursor["last"] + 100}
        fresh, _ = await items_of(streams.inbox(client, later), at_least(1))
        assert subjects(fresh) == ["Question 4"]
