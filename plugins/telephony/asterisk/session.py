"""How do we speak with a manager interface? One TCP connection: login, answers to actions, events as they come."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime

from hub.sdk import AuthFailed, Malformed, Temporary
from plugins.telephony.asterisk.settings import Settings
from plugins.telephony.asterisk.wire import Decoder, NotAmi, Packet, event_of, packet, read_fields

CONNECT_TIMEOUT = 10.0
ANSWER_TIMEOUT = 10.0
PING_EVERY = 20.0
_GREETING = b"Asterisk Call Manager/"
_LONGEST_LINE = 256


@dataclass(frozen=True, slots=True)
class Heard:
    """A packet as it came: when (ms, our clock), where in the stream, its event (empty for an answer), its bytes."""

    received: int
    offset: int
    event: str
    block: bytes


@dataclass(slots=True)
class Session:
    """An open connection. The reading task only reads and queues, for the PBX drops a slow reader."""

    settings: Settings
    now: Callable[[], datetime]
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    version: str = ""
    heard: asyncio.Queue[Heard | Exception] = field(default_factory=asyncio.Queue)
    booted: asyncio.Future[str] = field(default_factory=lambda: asyncio.get_running_loop().create_future())
    """Seconds since the PBX booted, as FullyBooted tells after the login."""
    _answers: dict[str, asyncio.Queue[Packet]] = field(default_factory=dict)
    _number: int = 0
    _decoder: Decoder = field(default_factory=Decoder)

    async def ask(self, action: str, **fields: str) -> asyncio.Queue[Packet]:
        """Send an action; its answer and the items of its list arrive in the queue."""
        self._number += 1
        ident = f"hub-{self._number}"
        answers: asyncio.Queue[Packet] = asyncio.Queue()
        self._answers[ident] = answers
        try:
            self.writer.write(packet([("Action", action), ("ActionID", ident), *fields.items()]))
            await self.writer.drain()
        except ConnectionError as error:
            raise Temporary(f"{self.where} closed the connection ({error})") from None
        return answers

    async def answer(self, action: str, **fields: str) -> Packet:
        """The answer to an action; raises Temporary when none comes in ten seconds."""
        return await self._next(await self.ask(action, **fields), action)

    async def listing(self, action: str, complete: str) -> list[Packet]:
        """The items of a list; empty where the account may not ask for it."""
        answers = await self.ask(action)
        if (await self._next(answers, action)).get("response") != "Success":
            return []
        items: list[Packet] = []
        while (item := await self._next(answers, action)).get("event") != complete:
            items.append(item)
        return items

    async def _next(self, answers: asyncio.Queue[Packet], action: str) -> Packet:
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT):
                return await answers.get()
        except TimeoutError:
            raise Temporary(f"{self.where} did not answer {action} within {ANSWER_TIMEOUT:.0f} s") from None

    @property
    def where(self) -> str:
        """Address and port, for messages."""
        return f"{self.settings.host}:{self.settings.port}"

    async def read(self) -> None:
        """Read until the connection ends; why it ended is the last thing in `heard`."""
        error: Exception = Temporary(f"{self.where} closed the connection")
        try:
            while chunk := await self.reader.read(65_536):
                received = int(self.now().timestamp() * 1000)
                for offset, block in self._decoder.feed(chunk):
                    self._sort(received, offset, block)
        except NotAmi as wrong:
            error = Malformed(f"{self.where}: {wrong}; is this the manager interface's port (manager.conf, port=)?")
        except OSError as broken:
            error = Temporary(f"{self.where}: the connection broke ({broken})")
        self.heard.put_nowait(error)

    def _sort(self, received: int, offset: int, block: bytes) -> None:
        event = event_of(block)
        if b"ActionID: hub-" in block:
            fields = read_fields(block)
            answers = self._answers.get(fields.get("actionid", ""))
            if answers is not None and event != "OriginateResponse":
                answers.put_nowait(fields)
                return
        if event == "FullyBooted" and not self.booted.done():
            self.booted.set_result(read_fields(block).get("uptime", ""))
        if event:
            self.heard.put_nowait(Heard(received, offset, event, block))

    async def keep_alive(self) -> None:
        """Ask for a sign of life every twenty seconds; none in ten ends the session."""
        try:
            while True:
                await asyncio.sleep(PING_EVERY)
                await self.answer("Ping")
        except Temporary as error:
            self.heard.put_nowait(error)


@asynccontextmanager
async def opened(settings: Settings, now: Callable[[], datetime]) -> AsyncIterator[Session]:
    """A session that is logged in. Raises Temporary, AuthFailed or Malformed, each saying what to do."""
    where = f"{settings.host}:{settings.port}"
    try:
        async with asyncio.timeout(CONNECT_TIMEOUT):
            reader, writer = await asyncio.open_connection(settings.host, settings.port)
    except TimeoutError:
        raise Temporary(f"{where} does not answer; a firewall, or the PBX is down") from None
    except OSError as error:
        raise Temporary(
            f"{where} cannot be reached ({error.strerror or error}); is Asterisk up, and enabled=yes in manager.conf?"
        ) from None
    session = Session(settings, now, reader, writer)
    tasks: list[asyncio.Task[None]] = []
    try:
        session.version = await _greeting(reader, where)
        tasks.append(asyncio.create_task(session.read(), name=f"read {where}"))
        await _login(session)
        tasks.append(asyncio.create_task(session.keep_alive(), name=f"ping {where}"))
        yield session
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        writer.close()


async def _greeting(reader: asyncio.StreamReader, where: str) -> str:
    try:
        async with asyncio.timeout(ANSWER_TIMEOUT):
            line = await reader.readuntil(b"\n")
    except TimeoutError:
        raise Temporary(f"{where} accepts connections and says nothing") from None
    except (asyncio.IncompleteReadError, ConnectionError) as error:
        said = getattr(error, "partial", b"")
        if said:
            raise _not_ami(where, said) from None
        raise Temporary(f"{where} closes the connection at once; does permit= in manager.conf name us?") from None
    except asyncio.LimitOverrunError:
        raise _not_ami(where, b"") from None
    if not line.startswith(_GREETING) or len(line) > _LONGEST_LINE:
        raise _not_ami(where, line)
    return line[len(_GREETING) :].strip().decode("ascii", "replace")


def _not_ami(where: str, said: bytes) -> Malformed:
    shown = repr(said[:24])
    return Malformed(
        f"{where} is not a manager interface: it greets with {shown} instead of 'Asterisk Call Manager'; "
        "see port= in manager.conf (usually 5038)"
    )


async def _login(session: Session) -> None:
    """Log in, by MD5 challenge where the PBX offers one so that the secret does not cross the network."""
    settings = session.settings
    secret = settings.secret.get_secret_value()
    try:
        challenge = (await session.answer("Challenge", AuthType="MD5")).get("challenge")
        if challenge:
            key = hashlib.md5((challenge + secret).encode()).hexdigest()  # noqa: S324 - the protocol's own
            said = await session.answer("Login", AuthType="MD5", Username=settings.username, Key=key, Events="on")
        else:
            said = await session.answer("Login", Username=settings.username, Secret=secret, Events="on")
    except Temporary:
        if not session.heard.empty() and isinstance(error := session.heard.get_nowait(), Exception):
            raise error from None
        raise
    if said.get("response") != "Success":
        raise AuthFailed(
            f"{session.where} refuses the account {settings.username!r} ({said.get('message', 'no reason given')}); "
            "check username, secret and permit= in manager.conf, then `manager reload` there"
        )
