"""Are servers understood as they were recorded: Yandex, Mail.ru, Gmail, Exchange, and those that are up to no good?"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import SecretStr

from hub.sdk import AuthFailed, Temporary, Throttled, Tokens
from hub.sdk.testing import Bench
from plugins.email import fetch, folders
from plugins.email.account import Account, open_account
from plugins.email.fetch import Where
from plugins.email.session import Host, connected, log_in
from plugins.email.settings import Settings
from plugins.email.tests.dialogue import server

WHERE = Where("ivan@example.test", "inbox", "INBOX", 7, sees_sent=True)


def host(port: int) -> Host:
    return Host("127.0.0.1", port, tls=False, plain=True)


def settings(port: int, **more: Any) -> Settings:
    given = {"address": "ivan@example.test", "imap": f"127.0.0.1:{port}", "smtp": "127.0.0.1:25", "unencrypted": True}
    return Settings.model_validate({**given, **more})


def account(port: int, token: str | None = None, **more: Any) -> Any:
    held = Tokens(SecretStr(token)) if token else None
    return open_account(settings(port, **more), Bench(time=datetime(2026, 11, 16, tzinfo=UTC), held=held))


YANDEX = """
S: * OK Yandex IMAP4rev1 at imap ready to talk with ::ffff:203.0.113.9, 2026-Nov-16 12:00:00
C: CAPABILITY
S: * CAPABILITY IMAP4rev1 CHILDREN UNSELECT LITERAL+ NAMESPACE XLIST UIDPLUS ENABLE ID AUTH=PLAIN IDLE MOVE
S: {tag} OK CAPABILITY Completed.
C: AUTHENTICATE PLAIN
S: +
C: AGl2YW4Ac2VjcmV0
S: {tag} OK LOGIN Completed.
C: CAPABILITY
S: * CAPABILITY IMAP4rev1 CHILDREN UNSELECT LITERAL+ NAMESPACE XLIST UIDPLUS ENABLE ID IDLE MOVE
S: {tag} OK CAPABILITY Completed.
C: ID ("name" "crmhub")
S: * ID ("name" "Yandex Mail" "vendor" "Yandex")
S: {tag} OK ID Completed.
C: LIST "" "*"
S: * LIST (\\HasNoChildren \\Unmarked) "|" Drafts
S: * LIST (\\HasNoChildren \\Unmarked) "|" "Sent"
S: * LIST (\\Marked \\NoInferiors) "|" INBOX
S: * LIST (\\HasNoChildren) "|" "&BBoEOwQ4BDUEPQRCBEs-|&BB0EPgQyBEsENQ-"
S: {tag} OK LIST Completed.
C: XLIST "" "*"
S: * XLIST (\\HasNoChildren \\Unmarked \\Drafts) "|" Drafts
S: * XLIST (\\HasNoChildren \\Unmarked \\Sent) "|" Sent
S: * XLIST (\\HasNoChildren \\Unmarked \\Junk \\Spam) "|" Spam
S: * XLIST (\\HasNoChildren \\Marked \\NoInferiors \\Inbox) "|" INBOX
S: {tag} OK XLIST Completed.
C: EXAMINE "Sent"
S: * BYE Autologout; idle for too long
S: * BYE Autologout; idle for too long
"""


async def test_yandex_tells_the_use_of_folders_by_xlist_and_hangs_up_twice() -> None:
    async with server(YANDEX) as yandex, connected(host(yandex.port)) as session:
        await log_in(session, "ivan", "secret")
        found = await folders.folders(session)
        sent = await folders.sent(session, found)
        assert sent is not None
        assert [folder.name for folder in found if "\\JUNK" in folder.flags] == ["Spam"]
        assert "Клиенты|Новые" in [folder.name for folder in found]
        with pytest.raises(Temporary, match="Autologout"):
            await session.command(f"EXAMINE {sent.quoted}")


MAILRU = """
S: * OK Welcome [CAPABILITY IMAP4rev1 ID XLIST UIDPLUS UNSELECT MOVE LIST-STATUS]
C: CAPABILITY
S: * CAPABILITY IMAP4rev1 ID XLIST UIDPLUS UNSELECT MOVE LIST-STATUS
S: {tag} OK CAPABILITY completed
C: LOGIN "ivan" "a\\"b\\\\c"
S: {tag} OK [CAPABILITY IMAP4rev1 ID XLIST UIDPLUS UNSELECT MOVE LIST-STATUS] Authentication successful
C: ID ("name" "crmhub")
S: * ID NIL
S: {tag} OK ID completed
C: UID FETCH 3:4 (UID FLAGS INTERNALDATE RFC822.SIZE BODYSTRUCTURE BODY.PEEK[HEADER])
S: * 1 FETCH (RFC822.SIZE 9.37e+06 FLAGS (\\Seen) UID 3 INTERNALDATE "16-Nov-2026 12:00:07 +0300" BODY[HEADER] {}
L: Message-ID: <a@b>\\r\\n\\r\\n
S: )
S: * 9 EXISTS
S: * 2 FETCH (FLAGS (\\Seen))
S: * 2 FETCH (UID 4 BODYSTRUCTURE ("text" "plain" NIL NIL NIL "7bit" 5 1) BODY[HEADER] "")
S: {tag} OK FETCH completed
C: UID FETCH 3 (UID BODY.PEEK[TEXT]<0.131072>)
S: * 1 FETCH (UID 3 BODY[TEXT]<0> {}
L: text
S: )
S: {tag} OK FETCH completed
C: UID FETCH 4 (UID BODY.PEEK[1]<0.8192>)
S: {tag} NO [CANNOT] no such part
C: IDLE
S: {tag} BAD Unknown command
C: LOGOUT
S: * BYE
S: {tag} OK bye
"""


async def test_mailru_writes_numbers_as_fractions_leaves_items_out_and_knows_no_idle() -> None:
    async with server(MAILRU) as mailru, connected(host(mailru.port)) as session:
        await log_in(session, "ivan", 'a"b\\c')
        first, second = await fetch.mails(session, WHERE, [3, 4])
        assert (first.payload["size"], first.payload["internaldate"]) == (9_370_000, "2026-11-16T09:00:07+00:00")
        assert (second.payload["size"], second.payload["internaldate"]) == (None, None)
        assert "text" in first.payload["text"]
        assert second.payload["text"] == ""
        with pytest.raises(Temporary, match="does not know IDLE"):
            await session.idle(1)


REFUSED_TOKEN = """
S: * OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=XOAUTH2] Gimap ready
C: AUTHENTICATE XOAUTH2 dXNlcj1pdmFuQGV4YW1wbGUudGVzdAFhdXRoPUJlYXJlciB0b2stMTIzAQE=
S: + eyJzdGF0dXMiOiI0MDEiLCJzY2hlbWVzIjoiYmVhcmVyIiwic2NvcGUiOiJtYWlsIn0=
C:
S: {tag} NO [AUTHENTICATIONFAILED] Authentication failed.
"""


async def test_a_refused_token_is_answered_by_an_empty_line_before_the_refusal_comes() -> None:
    async with (
        server(REFUSED_TOKEN) as gmail,
        account(gmail.port, "tok-123", provider="google", client_id="x") as client,
    ):
        with pytest.raises(AuthFailed):
            await _in(client)


async def _in(client: Account) -> None:
    async with client.session():
        pass


SHOUTS = """
S: * OK [CAPABILITY IMAP4rev1] ready
C: LOGIN "ivan@example.test" "secret"
S: {tag} NO %s
"""


@pytest.mark.parametrize(
    ("said", "error"),
    [
        ("[AUTHENTICATIONFAILED] Authentication failed.", AuthFailed),
        ("LOGIN invalid credentials or IMAP is disabled", AuthFailed),
        ("[PRIVACYREQUIRED] not like this", AuthFailed),
        ("[UNAVAILABLE] LOGIN internal server error", Throttled),
        ("[INUSE] mailbox is locked", Throttled),
        ("Too many simultaneous connections", Throttled),
    ],
)
async def test_a_refused_login_is_sorted_by_who_must_act(said: str, error: type[Exception]) -> None:
    async with server(SHOUTS % said) as one, account(one.port, password="secret") as client:
        with pytest.raises(error) as caught:
            await _in(client)
        assert type(caught.value) is error


async def test_a_refusal_says_what_this_provider_s_users_have_to_do() -> None:
    said = "[AUTHENTICATIONFAILED] LOGIN invalid credentials or IMAP is disabled"
    async with server(SHOUTS % said) as yandex, account(yandex.port, provider="yandex", password="secret") as client:
        with pytest.raises(AuthFailed, match=r"IMAP is disabled; .*imap\.yandex\.ru.*app password"):
            await _in(client)


async def test_a_password_in_cyrillic_goes_in_base64() -> None:
    text = """
    S: * OK [CAPABILITY IMAP4rev1 SASL-IR] ready
    C: AUTHENTICATE PLAIN AGl2YW4A0L/QsNGA0L7Qu9GM
    S: {tag} OK [CAPABILITY IMAP4rev1] in
    """
    async with server(text) as one, connected(host(one.port)) as session:
        await log_in(session, "ivan", "пароль")


async def test_nobody_says_a_password_where_it_is_forbidden() -> None:
    text = "S: * OK [CAPABILITY IMAP4rev1 LOGINDISABLED STARTTLS] ready"
    async with server(text) as one, connected(host(one.port)) as session:
        with pytest.raises(AuthFailed, match="no password"):
            await log_in(session, "ivan", "secret")


@pytest.mark.parametrize(
    ("greeting", "why"),
    [
        ("S: * PREAUTH [CAPABILITY IMAP4rev1] welcome", "before the connection is encrypted"),
        ("S: * BYE [UNAVAILABLE] too busy", "too busy"),
        ("S: 220 mx.example.test ESMTP", "no IMAP server"),
        ("S: * OK [CAPABILITY IMAP4rev1]\nC: STARTTLS\nS: {tag} BAD what?", "refuses STARTTLS"),
    ],
)
async def test_a_connection_is_encrypted_or_none(greeting: str, why: str) -> None:
    async with server(greeting) as one:
        with pytest.raises(Temporary, match=why):
            async with connected(Host("127.0.0.1", one.port, tls=False)):
                pass


async def test_what_is_said_between_starttls_and_the_handshake_is_not_believed() -> None:
    text = "S: * OK [CAPABILITY IMAP4rev1 STARTTLS]\nC: STARTTLS\nS: {tag} OK go\nS: * CAPABILITY IMAP4rev1 AUTH=EVIL"
    async with server(text) as one:
        with pytest.raises(Temporary):
            async with connected(Host("127.0.0.1", one.port, tls=False)):
                pass


async def test_a_provider_s_alert_is_shown_to_the_operator() -> None:
    text = """
    S: * OK [CAPABILITY IMAP4rev1] ready
    C: LOGIN "ivan" "secret"
    S: * OK [ALERT] Your mailbox is nearly full
    S: {tag} OK [CAPABILITY IMAP4rev1] in
    """
    async with server(text) as one, connected(host(one.port)) as session:
        await log_in(session, "ivan", "secret")
        assert session.alerts == ["Your mailbox is nearly full"]
