"""How does a lane get into the mailbox: with what, and how often may a refused login be tried?"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import TypeVar
from weakref import WeakKeyDictionary

import aiosmtplib
from aiosmtplib import SMTP

from hub.sdk import AuthFailed, Host, Temporary
from plugins.email import providers
from plugins.email.session import Session, connected, log_in, log_in_with_token
from plugins.email.settings import Settings

REMEMBERED = 60.0
"""Seconds for which a refused password is not tried again: by then the hub has paused the connection. Without it each lane
would try for itself, and providers lock an account after a few wrong ones."""

_T = TypeVar("_T")


@dataclass(slots=True)
class _Gate:
    """Logins to one account, one after the other. refused: what was refused, when, and how it was said."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    refused: tuple[bytes, float, str] = (b"", 0.0, "")


_GATES: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, _Gate]] = WeakKeyDictionary()


def _gate(settings: Settings) -> _Gate:
    gates = _GATES.setdefault(asyncio.get_running_loop(), {})
    return gates.setdefault(f"{settings.imap_host} {settings.smtp_host} {settings.login_name}", _Gate())


@dataclass(slots=True)
class Account:
    """A mailbox, opened for one lane. smtp: the connection by which mails are handed over, made when it is needed."""

    settings: Settings
    host: Host
    smtp: SMTP | None = None
    _held: Session | None = None
    _open: AsyncExitStack = field(default_factory=AsyncExitStack)

    @asynccontextmanager
    async def session(self) -> AsyncIterator[Session]:
        """A connection that is logged in. AuthFailed when the operator has to act."""
        if not self.settings.imap_host.name:
            raise AuthFailed('the IMAP server is not known; write for example imap = "mail.example.ru:993"')
        async with connected(self.settings.imap_host) as session:
            await self.let_in(
                lambda password: log_in(session, self.settings.login_name, password),
                lambda token: log_in_with_token(session, self.settings.login_name, token),
            )
            yield session

    async def reader(self) -> Session:
        """A connection that is kept for the lane, to look for what was sent; a new one where the last has died."""
        if self._held is not None:
            with suppress(Temporary):
                await self._held.command("NOOP")
                return self._held
            self._held = None
        self._held = await self._open.enter_async_context(self.session())
        return self._held

    async def hang_up(self) -> None:
        """End the connection by which mails are handed over; whether the server hears that does not matter."""
        smtp, self.smtp = self.smtp, None
        if smtp is not None:
            with suppress(aiosmtplib.SMTPException, OSError):
                await smtp.quit(timeout=2)
            smtp.close()

    async def close(self) -> None:
        """End whatever is open."""
        await self.hang_up()
        self._held = None
        await self._open.aclose()

    async def let_in(
        self, with_password: Callable[[str], Awaitable[_T]], with_token: Callable[[str], Awaitable[_T]]
    ) -> _T:
        """Log in with what there is; a refused token is renewed once, a refused password is not tried again."""
        try:
            if self.settings.by_token:
                return await self._with_token(with_token)
            return await self._with_password(with_password)
        except AuthFailed as error:
            raise AuthFailed(f"{error}; {self.settings.known.advice}") from None

    async def _with_token(self, log_in: Callable[[str], Awaitable[_T]]) -> _T:
        token = await self.host.tokens.access()
        try:
            return await log_in(token)
        except AuthFailed:
            renewed = await self.host.tokens.renewed(token)
            if renewed == token:
                raise
        return await log_in(renewed)

    async def _with_password(self, log_in: Callable[[str], Awaitable[_T]]) -> _T:
        if self.settings.password is None:
            raise AuthFailed("there is no password")
        password = self.settings.password.get_secret_value()
        if self.settings.known is providers.PROVIDERS["google"]:
            password = password.replace(" ", "")  # shown in groups of four
        gate, clock = _gate(self.settings), asyncio.get_running_loop().time
        digest = hashlib.sha256(password.encode()).digest()
        async with gate.lock:
            refused, at, said = gate.refused
            if refused == digest and clock() - at < REMEMBERED:
                raise AuthFailed(said)
            try:
                return await log_in(password)
            except AuthFailed as error:
                gate.refused = (digest, clock(), str(error))
                raise


@asynccontextmanager
async def open_account(settings: Settings, host: Host) -> AsyncIterator[Account]:
    """A mailbox for one lane; it dials when a stream, a check or a mail to be sent begins."""
    account = Account(settings, host)
    try:
        yield account
    finally:
        await account.close()
