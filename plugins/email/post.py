"""How is a mail handed over to be sent, so that it goes out once whatever breaks?"""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any

import aiosmtplib
from aiosmtplib import SMTP, SMTPResponseException

from hub.sdk import (
    AmendNotice,
    AuthFailed,
    Digest,
    Effect,
    HubError,
    NothingToDo,
    Notify,
    Push,
    Rejected,
    Report,
    Sent,
    StaffEffect,
    Temporary,
    Uncertain,
    Unreachable,
)
from plugins.email import folders, wire
from plugins.email.account import Account
from plugins.email.compose import Letter, letter
from plugins.email.folders import Folder
from plugins.email.session import Host, Session
from plugins.email.settings import Settings

STEP = 10.0
"""Seconds for each answer before the mail itself is handed over."""
EARLY = 20.0
"""Seconds after which a mail is not begun to be handed over any more: the hub would give up in the middle."""
ACCEPT = 30.0
"""Seconds within which a server says whether it has taken a mail."""
FILED = 2.0
"""Seconds after which a provider has filed what it sent."""

_ENHANCED = re.compile(r"\b([245])\.(\d{1,3})\.(\d{1,3})\b")
_NO_SUCH = frozenset({"1.1", "1.2", "1.3", "1.6", "1.10", "2.1"})
"""Subjects of enhanced codes (RFC 3463): no such mailbox, no such domain, moved, no mail taken, switched off."""
_FULL = frozenset({"2.2"})


def pushes(settings: Settings) -> Sequence[Push]:
    """Everything that is told to our own people; what cannot be edited is corrected once.

    What was sent is filed and looked for before it is sent once more; without a file a mail that the hub died over may
    come twice, with one Message-ID, by which most programs show it once.
    """
    ways: Mapping[type[Effect], Any] = {Notify: send, AmendNotice: correct, Digest: send, Report: send}
    return [Push(effect, way, on=settings.send, switch="send") for effect, way in ways.items()]


async def send(client: Account, effect: StaffEffect) -> Sent:
    """Hand a mail over. Sent.id: its Message-ID, by which a returned one is recognised.

    Raises Uncertain when the connection broke after the mail was handed over and it is found nowhere: it is never sent
    twice by itself.
    """
    begun = asyncio.get_running_loop().time()
    settings = client.settings
    mail = letter(effect, settings.address, settings.sender, client.host.now())
    if (settings.keep_sent or settings.known.files_sent) and await _is_filed(client, mail.id):
        return Sent(mail.id)
    smtp = await _ready(client)
    await _addressed(smtp, settings.smtp_host, mail)
    if asyncio.get_running_loop().time() - begun > EARLY:
        await client.hang_up()
        raise Temporary(f"{settings.smtp_host} is too slow")
    try:
        with _sorted(settings.smtp_host, mail.recipient):
            await smtp.data(mail.content, timeout=ACCEPT)
    except _Broken as error:
        await client.hang_up()
        await asyncio.sleep(FILED)
        if await _is_filed(client, mail.id):
            return Sent(mail.id)
        raise Uncertain(f"{error} after the mail to {mail.recipient} was handed over") from None
    if settings.keep_sent and not settings.known.files_sent:
        await _file(client, mail)
    return Sent(mail.id)


async def correct(client: Account, effect: AmendNotice) -> Sent:
    """A mail cannot be edited: only where the notice was wrong it is corrected, by one more mail."""
    if not effect.correction:
        raise NothingToDo("a mail that was right is not amended")
    return await send(client, effect)


# The connection.


async def _ready(client: Account) -> SMTP:
    """A connection that is logged in: the one of the mail before, if it still answers."""
    held = client.smtp
    if held is not None:
        with suppress(aiosmtplib.SMTPException, OSError):
            await held.rset(timeout=STEP)
            return held
        await client.hang_up()
    host = client.settings.smtp_host
    smtp = await _dialled(host)
    client.smtp = smtp
    try:
        if not host.plain or smtp.supports_extension("auth"):
            await client.let_in(partial(_with_password, client, smtp), partial(_with_token, client, smtp))
    except BaseException:
        await client.hang_up()
        raise
    return smtp


async def greeted(client: Account) -> bool:
    """Log in as for a mail. True where the server tells when one cannot be delivered (DSN)."""
    return (await _ready(client)).supports_extension("dsn")


async def _dialled(host: Host) -> SMTP:
    if not host.name:
        raise AuthFailed('the SMTP server is not known; write for example smtp = "mail.example.ru:465"')
    smtp = SMTP(
        hostname=host.name,
        port=host.port,
        use_tls=host.tls,
        start_tls=not host.tls and not host.plain,
        tls_context=None if host.plain else host.trusted,
        timeout=STEP,
    )
    try:
        with _sorted(host, ""):
            await smtp.connect()
            await smtp.ehlo()
    except _Broken as error:
        raise Temporary(str(error)) from None
    return smtp


async def _with_password(client: Account, smtp: SMTP, password: str) -> None:
    """One try by one mechanism: the library's `login` would try a wrong password by each."""
    user, methods = client.settings.login_name, smtp.supported_auth_methods
    with _while_logging_in(client.settings.smtp_host):
        if "plain" in methods or "login" not in methods:
            await smtp.auth_plain(user, password)
        else:
            await smtp.auth_login(user, password)


async def _with_token(client: Account, smtp: SMTP, token: str) -> None:
    with _while_logging_in(client.settings.smtp_host):
        await smtp.auth_xoauth2(client.settings.login_name, token)


async def _addressed(smtp: SMTP, host: Host, mail: Letter) -> None:
    """Say from whom and to whom; ask to be told when it cannot be delivered."""
    tells = smtp.supports_extension("dsn")
    try:
        with _sorted(host, mail.recipient):
            await smtp.mail(mail.sender, options=["RET=HDRS", f"ENVID={mail.id}"] if tells else [])
            await smtp.rcpt(mail.recipient, options=["NOTIFY=FAILURE"] if tells else [])
    except _Broken as error:
        raise Temporary(str(error)) from None


# Errors, sorted by who must act.


class _Broken(Exception):
    """The connection broke, or the server says nothing more."""


@contextmanager
def _sorted(host: Host, recipient: str) -> Iterator[None]:
    try:
        yield
    except SMTPResponseException as error:
        raise refusal(host, error.code, error.message, recipient) from None
    except ssl.SSLCertVerificationError as error:
        raise Temporary(
            f"{host} cannot prove its name: {error.verify_message}; an authority of your own goes into ca_file"
        ) from None
    except (aiosmtplib.SMTPServerDisconnected, aiosmtplib.SMTPConnectError, TimeoutError, OSError) as error:
        raise _Broken(f"{host} hung up or said nothing: {error}") from None
    except aiosmtplib.SMTPException as error:
        raise Rejected(f"{host}: {error}") from None


@contextmanager
def _while_logging_in(host: Host) -> Iterator[None]:
    try:
        with _sorted(host, ""):
            yield
    except _Broken as error:
        raise Temporary(str(error)) from None
    except Rejected as error:
        raise AuthFailed(str(error)) from None


def refusal(host: Host, code: int, said: str, recipient: str) -> HubError:
    """What an answer means (RFC 5321, 3463): the enhanced code beats the three digits."""
    text = " ".join(said.split())
    found = _ENHANCED.search(text)
    grade, subject = (int(found[1]), f"{found[2]}.{found[3]}") if found else (code // 100, "")
    what = f"{host} answers {code} {text}"
    if code == 421 or grade == 4:
        return Temporary(what)
    if code in {530, 534, 535, 538}:
        return AuthFailed(what)
    if recipient and (subject in _NO_SUCH or subject in _FULL or (not subject and code in {550, 551, 552, 556})):
        return Unreachable(f"{recipient} takes no mail: {code} {text}")
    return Rejected(what)


# The folder of sent mail. Trouble with it does not keep a notice from being sent.


async def _is_filed(client: Account, identity: str) -> bool:
    with suppress(HubError):
        session = await client.reader()
        folder = await _sent_folder(client, session)
        if folder is not None:
            await session.command(f"EXAMINE {folder.quoted}")
            answer = await session.command(f"UID SEARCH HEADER Message-ID {wire.quoted(f'<{identity}>')}")
            return any(line.values for line in answer.of("SEARCH"))
    return False


async def _file(client: Account, mail: Letter) -> None:
    """Put a copy into the folder of sent mail, as read, unless the provider has done so."""
    with suppress(HubError):
        session = await client.reader()
        folder = await _sent_folder(client, session)
        if folder is not None:
            await session.command(
                f"APPEND {folder.quoted} (\\Seen) {{{len(mail.content)}}}", goes_on=lambda _line: mail.content + b"\r\n"
            )


async def _sent_folder(client: Account, session: Session) -> Folder | None:
    return await folders.sent(session, await folders.folders(session), client.settings.sent)
