"""How is one IMAP connection held: greeting, TLS, login, commands and their answers, IDLE?"""

from __future__ import annotations

import asyncio
import base64
import re
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from itertools import count

from hub.sdk import AuthFailed, HubError, Malformed, Temporary, Throttled
from plugins.email import wire
from plugins.email.wire import Data, Line, Status

CONNECT = 20.0
COMMAND = 60.0
"""Seconds within which a server must go on answering; it may say much, but not pause so long."""
BIGGEST_LINE = 8 * 1024 * 1024
"""Bytes of one line without its literals: an answer to SEARCH names a million mails."""
BIGGEST_LITERAL = 64 * 1024 * 1024
BUSY = 60.0
"""Seconds that an account rests which has too many connections or logins."""

_BACKOFF = re.compile(r"Backoff Time: (\d+) milliseconds", re.IGNORECASE)
_LATER_CODES = frozenset({"UNAVAILABLE", "INUSE", "LIMIT", "SERVERBUG"})
_LATER_WORDS = re.compile(r"too many|try (again )?later|temporar|throttled|not connected", re.IGNORECASE)


class Lacks(Temporary):
    """The server does not know or will not do this command; there is another way to the same."""


@dataclass(frozen=True, slots=True)
class Host:
    """Where a server is, and how its name is proved. tls: from the first byte; else STARTTLS; plain: neither."""

    name: str
    port: int
    tls: bool = True
    plain: bool = False
    ca_file: str = ""

    def __str__(self) -> str:
        return f"{self.name}:{self.port}"

    @property
    def trusted(self) -> ssl.SSLContext:
        """The system's authorities and the operator's own; names are always verified."""
        context = ssl.create_default_context()
        if self.ca_file:
            try:
                context.load_verify_locations(self.ca_file)
            except (OSError, ssl.SSLError) as error:
                raise Temporary(f"ca_file {self.ca_file} cannot be read: {error}") from None
        return context


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command brought: the untagged lines before its end, and the end."""

    data: Sequence[Data]
    notes: Sequence[Status]
    end: Status

    def of(self, name: str) -> list[Data]:
        """The lines of one kind."""
        return [line for line in self.data if line.name == name]

    def code(self, name: str) -> tuple[str, ...] | None:
        """What stands behind a code, in whichever line it came; None where it did not."""
        found = [status.code[1:] for status in (*self.notes, self.end) if status.code[:1] == (name,)]
        return found[-1] if found else None


@dataclass(slots=True)
class Session:
    """One connection. told: what the server wants its operator to read (`[ALERT]`)."""

    host: Host
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    capabilities: frozenset[str] = frozenset()
    enabled: frozenset[str] = frozenset()
    alerts: list[str] = field(default_factory=list)
    damaged: int = 0
    """Lines that could not be read since the last command began."""
    _tags: count[int] = field(default_factory=lambda: count(1))

    def has(self, capability: str) -> bool:
        """Whether the server lists it."""
        return capability in self.capabilities

    # lines

    async def line(self, patience: float = COMMAND) -> Line:
        """The next line with its literals. Temporary when the connection ends or says nothing for so long."""
        try:
            async with asyncio.timeout(patience) as limit:
                segments: list[bytes] = []
                while True:
                    text = (await self.reader.readuntil(b"\n")).rstrip(b"\r\n")
                    segments.append(text)
                    length = wire.literal_of(text)
                    if length is None:
                        return Line(tuple(segments))
                    if length > BIGGEST_LITERAL:
                        raise Temporary(f"{self.host} wants to send {length} bytes in one piece")
                    limit.reschedule(asyncio.get_running_loop().time() + patience + length / 20_000)
                    segments.append(await self.reader.readexactly(length))
        except TimeoutError:
            raise Temporary(f"{self.host} has said nothing for {patience:.0f} s") from None
        except asyncio.LimitOverrunError:
            raise Temporary(f"{self.host} sends a line without an end") from None
        except (asyncio.IncompleteReadError, OSError) as error:
            raise Temporary(f"{self.host} hung up{_reason(error)}") from None

    async def send(self, text: bytes) -> None:
        """A line, or a piece that ends one."""
        try:
            self.writer.write(text)
            async with asyncio.timeout(COMMAND):
                await self.writer.drain()
        except TimeoutError:
            raise Temporary(f"{self.host} takes nothing") from None
        except OSError as error:
            raise Temporary(f"{self.host} hung up{_reason(error)}") from None

    # commands

    async def command(self, words: str, *, goes_on: Callable[[Line], bytes] | None = None) -> Answer:
        """Send a command and read to its end. goes_on: what is said when the server asks for more.

        Errors are raised by who must act; NO of a login is for whoever logs in.
        """
        answer = await self.asked(words, goes_on=goes_on)
        if answer.end.name != "OK":
            raise _refusal(self.host, words, answer.end)
        return answer

    async def asked(self, words: str, *, goes_on: Callable[[Line], bytes] | None = None) -> Answer:
        """As `command`, with whatever end."""
        tag = f"h{next(self._tags)}"
        self.damaged = 0
        await self.send(f"{tag} {words}\r\n".encode("utf-8", "surrogateescape"))
        found: list[Data] = []
        notes: list[Status] = []
        while True:
            line = await self.line()
            if line.tag == "+":
                await self.send(goes_on(line) if goes_on else b"\r\n")
            elif line.tag == "*":
                self._note(line, found, notes)
            elif line.tag == tag:
                end = wire.status(line)
                if end is None:
                    raise Temporary(f"{self.host} ends a command with {line.segments[0][:80]!r}")
                self._learn(end)
                return Answer(found, notes, end)

    def _note(self, line: Line, found: list[Data], notes: list[Status]) -> None:
        said = wire.status(line)
        if said is None:
            try:
                item = wire.data(line)
            except Malformed:
                self.damaged += 1
                return
            if item.name == "CAPABILITY":
                self.capabilities = _capabilities(wire.texts(item.values))
            elif item.name == "ENABLED":
                self.enabled |= _capabilities(wire.texts(item.values))
            found.append(item)
            return
        if said.name == "BYE":
            raise bye(self.host, said)
        self._learn(said)
        notes.append(said)

    def _learn(self, said: Status) -> None:
        if said.code[:1] == ("CAPABILITY",):
            self.capabilities = _capabilities(said.code[1:])
        elif said.code[:1] == ("ALERT",) and said.text not in self.alerts:
            self.alerts.append(said.text)

    # doorbell

    async def idle(self, seconds: float) -> bool:
        """Wait until something changes in the selected mailbox; False when nothing did for so long."""
        tag = f"h{next(self._tags)}"
        await self.send(f"{tag} IDLE\r\n".encode())
        while (line := await self.line()).tag != "+":
            said = wire.status(line)
            if line.tag == tag:
                raise Lacks(f"{self.host} does not know IDLE: {said.text if said else ''}")
            self._note(line, [], [])
        rung = await self._rung(seconds)
        await self.send(b"DONE\r\n")
        while (line := await self.line()).tag != tag:
            if line.tag == "*":
                self._note(line, [], [])
        return rung

    async def _rung(self, seconds: float) -> bool:
        """Whether the server pushed anything but a sign of life within the time."""
        clock = asyncio.get_running_loop().time
        until = clock() + seconds
        while (left := until - clock()) > 0:
            waiting = asyncio.ensure_future(self.reader.read(1))
            done, _ = await asyncio.wait({waiting}, timeout=left)
            if not done:
                waiting.cancel()
                with suppress(asyncio.CancelledError):
                    await waiting
                return False
            first = waiting.result()
            if not first:
                raise Temporary(f"{self.host} hung up")
            pushed = await self.line()
            pushed = Line((first + pushed.segments[0], *pushed.segments[1:]))
            said = wire.status(pushed)
            if said is None:
                return True
            self._note(pushed, [], [])
        return False

    async def enable(self, capability: str) -> bool:
        """Switch an extension on, before anything is selected."""
        if "ENABLE" in self.capabilities:
            with suppress(Lacks):
                await self.command(f"ENABLE {capability}")
        return capability in self.enabled

    async def logout(self) -> None:
        """Say good-bye; whether it is heard does not matter."""
        with suppress(HubError, OSError):
            async with asyncio.timeout(2):
                await self.asked("LOGOUT")


@asynccontextmanager
async def connected(host: Host) -> AsyncIterator[Session]:
    """A connection that has heard the greeting and, where it must be, is encrypted; nobody has logged in."""
    context = None if host.plain else host.trusted
    try:
        async with asyncio.timeout(CONNECT):
            reader, writer = await asyncio.open_connection(
                host.name,
                host.port,
                ssl=context if host.tls else None,
                server_hostname=host.name if host.tls and context else None,
                limit=BIGGEST_LINE,
            )
    except TimeoutError:
        raise Temporary(f"{host} does not answer within {CONNECT:.0f} s") from None
    except ssl.SSLCertVerificationError as error:
        raise Temporary(
            f"{host} cannot prove its name: {error.verify_message}; an authority of your own goes into ca_file"
        ) from None
    except (OSError, ssl.SSLError) as error:
        raise Temporary(f"{host} cannot be reached{_reason(error)}") from None
    _keep_alive(writer)
    session = Session(host, reader, writer)
    try:
        await _greeted(session)
        if not host.tls and not host.plain:
            await _encrypted(session, context)
        yield session
        await session.logout()
    finally:
        writer.transport.abort() if writer.transport else None


async def _greeted(session: Session) -> None:
    line = await session.line()
    said = wire.status(line)
    if said is None:
        raise Temporary(f"{session.host} is no IMAP server: it says {line.segments[0][:80]!r}")
    if said.name == "BYE":
        raise bye(session.host, said)
    if said.name == "PREAUTH" and not session.host.tls:
        raise Temporary(f"{session.host} lets everybody in before the connection is encrypted")
    if said.name not in {"OK", "PREAUTH"}:
        raise Temporary(f"{session.host} does not let us in: {said.text}")
    if said.code[:1] == ("CAPABILITY",):
        session.capabilities = _capabilities(said.code[1:])
    else:
        await session.command("CAPABILITY")


async def _encrypted(session: Session, context: ssl.SSLContext | None) -> None:
    """STARTTLS; what was said before it may have been put in by somebody in between, and is forgotten."""
    assert context is not None, "a connection that becomes encrypted has somebody to trust"
    await session.command("STARTTLS")
    if session.reader._buffer:  # type: ignore[attr-defined]  # noqa: SLF001 - answers injected before the handshake
        raise Temporary(f"{session.host} said something between STARTTLS and the handshake")
    try:
        async with asyncio.timeout(CONNECT):
            await session.writer.start_tls(context, server_hostname=session.host.name)
    except TimeoutError:
        raise Temporary(f"{session.host} does not finish the handshake") from None
    except ssl.SSLCertVerificationError as error:
        raise Temporary(f"{session.host} cannot prove its name: {error.verify_message}") from None
    except (OSError, ssl.SSLError) as error:
        raise Temporary(f"{session.host} cannot encrypt{_reason(error)}") from None
    session.capabilities = frozenset()
    await session.command("CAPABILITY")


async def log_in(session: Session, user: str, password: str) -> None:
    """With a password. AuthFailed when it is refused: it must not be tried again by itself."""
    if session.has("LOGINDISABLED"):
        raise AuthFailed(f"{session.host} takes no password over this connection")
    if user.isascii() and password.isascii() and not session.has("AUTH=PLAIN"):
        answer = await session.asked(f"LOGIN {wire.quoted(user)} {wire.quoted(password)}")
    else:
        answer = await _authenticated(session, "PLAIN", f"\0{user}\0{password}")
    await _let_in(session, answer.end)


async def log_in_with_token(session: Session, user: str, token: str) -> None:
    """With an access token (XOAUTH2). AuthFailed when it is refused."""
    answer = await _authenticated(session, "XOAUTH2", f"user={user}\x01auth=Bearer {token}\x01\x01")
    await _let_in(session, answer.end)


async def _authenticated(session: Session, mechanism: str, said: str) -> Answer:
    """A SASL exchange of one message; whatever is asked for afterwards is answered by an empty line.

    A refused token is explained in such a question (RFC 7628), and the refusal comes only after the empty line.
    """
    initial = base64.b64encode(said.encode()).decode()
    if session.has("SASL-IR"):
        return await session.asked(f"AUTHENTICATE {mechanism} {initial}")
    answers = iter((f"{initial}\r\n".encode(),))
    return await session.asked(f"AUTHENTICATE {mechanism}", goes_on=lambda _line: next(answers, b"\r\n"))


async def _let_in(session: Session, end: Status) -> None:
    if end.name != "OK":
        raise login_refusal(session.host, end)
    if end.code[:1] != ("CAPABILITY",):  # the list grows with the login
        await session.command("CAPABILITY")
    if session.has("ID"):
        await session.asked('ID ("name" "crmhub")')


def login_refusal(host: Host, end: Status) -> HubError:
    """Who acts on NO or BAD to a login: nobody where the server is busy, otherwise the operator."""
    if (end.code[:1] and end.code[0] in _LATER_CODES) or _LATER_WORDS.search(end.text):
        return Throttled(f"{host} lets nobody in now: {end.text}", _pause(end.text))
    return AuthFailed(f"{host} refuses the login: {end.text or end.name}")


def bye(host: Host, said: Status) -> HubError:
    """The server hangs up and says why."""
    return Temporary(f"{host} hung up: {said.text}", _asked_pause(said.text))


def _refusal(host: Host, words: str, end: Status) -> HubError:
    name = words.split(" ", 2)
    what = f"{host} refuses {' '.join(name[:2]) if name[0] == 'UID' else name[0]}: {end.text or end.name}"
    if _BACKOFF.search(end.text):
        return Throttled(what, _asked_pause(end.text))
    if (end.code[:1] and end.code[0] in _LATER_CODES) or (end.name == "NO" and _LATER_WORDS.search(end.text)):
        return Temporary(what)
    return Lacks(what)


def _asked_pause(text: str) -> float | None:
    found = _BACKOFF.search(text)
    return int(found[1]) / 1000 if found else None


def _pause(text: str) -> float:
    return _asked_pause(text) or BUSY


def _capabilities(words: Sequence[str]) -> frozenset[str]:
    return frozenset(word.upper() for word in words)


def _keep_alive(writer: asyncio.StreamWriter) -> None:
    """Let the machine notice that the other side has vanished."""
    link = writer.get_extra_info("socket")
    if link is not None:
        link.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)


def _reason(error: BaseException) -> str:
    return f": {error}" if str(error) and not isinstance(error, asyncio.IncompleteReadError) else ""
