"""What if a mail server misbehaves? A wire in front of a real one that knows lines and literals, and follows rules.

It stands between a client and an unencrypted IMAP or SMTP server of this machine. A rule names lines of one side by a
pattern and says what befalls them:

    answer    the client's line is not passed on; `text` is the answer ({tag}: the tag of its command)
    replace   what the pattern finds is replaced by `text`; literals stay as they are
    insert    `text` is put before the line
    drop      the line, with its literals, does not come through
    cut       the connection breaks instead of this line
    half      the line comes through up to the middle of its first literal, then the connection breaks
    stall     the line is held back for `seconds`

`skip` lines that fit pass first; then the rule strikes `count` times, for ever when None. A line fits by its text without
the line's end; literals are not looked into, what follows DATA is.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, Self

_LITERAL = re.compile(rb"\{(\d+)\+?\}$")
_CHUNK = 65_536


@dataclass
class Rule:
    """One misfortune. struck: how often it came over somebody."""

    do: Literal["answer", "replace", "insert", "drop", "cut", "half", "stall"]
    on: str
    text: str = ""
    side: Literal["client", "server"] = "server"
    skip: int = 0
    count: int | None = None
    seconds: float = 0.0
    seen: int = 0
    struck: int = 0

    def strikes(self, side: str, line: bytes) -> bool:
        """Whether it befalls this line; counts."""
        if side != self.side or not re.search(self.on.encode(), line):
            return False
        self.seen += 1
        if self.seen <= self.skip or (self.count is not None and self.struck >= self.count):
            return False
        self.struck += 1
        return True


class _Broken(Exception):
    """The connection ends here."""


class MailProxy:
    """A server at `port` that is the one at `target`, but for the rules. said: all lines of clients, in order."""

    def __init__(self, target: int, rules: Iterable[Rule] = ()) -> None:
        self.target = target
        self.rules = list(rules)
        self.said: list[str] = []
        self.port = 0
        self._links: set[asyncio.StreamWriter] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._carry, "127.0.0.1", 0, limit=8 * 1024 * 1024)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        self.cut()

    def cut(self) -> None:
        """Break every connection."""
        for link in self._links:
            link.transport.abort()

    def count(self, pattern: str) -> int:
        """How many lines of clients fit."""
        return sum(bool(re.search(pattern, line)) for line in self.said)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.target, limit=8 * 1024 * 1024)
        self._links |= {writer, far_writer}
        ways = [
            asyncio.create_task(self._relay("client", reader, far_writer, writer)),
            asyncio.create_task(self._relay("server", far_reader, writer, writer)),
        ]
        try:
            with contextlib.suppress(
                asyncio.CancelledError
            ):  # the server's own tasks are reported when they are cancelled
                await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            for link in (writer, far_writer):
                self._links.discard(link)
                link.close()

    async def _relay(
        self, side: str, reader: asyncio.StreamReader, to: asyncio.StreamWriter, client: asyncio.StreamWriter
    ) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, _Broken):
            while True:
                segments = await _line(side, reader)
                if side == "client":
                    self.said.append(segments[0].decode("utf-8", "replace"))
                passed = await self._pass_on(side, segments, to, client)
                if side == "client" and passed and (found := _LITERAL.search(segments[0])):
                    to.write(await reader.readexactly(int(found[1])))

    async def _pass_on(
        self, side: str, segments: Sequence[bytes], to: asyncio.StreamWriter, client: asyncio.StreamWriter
    ) -> bool:
        """Whether the line came through."""
        for rule in self.rules:
            if not rule.strikes(side, b" ".join(segments[::2])):
                continue
            text = rule.text.encode()
            match rule.do:
                case "stall":
                    await asyncio.sleep(rule.seconds)
                case "replace":
                    segments = [
                        part if number % 2 else re.sub(rule.on.encode(), text, part)
                        for number, part in enumerate(segments)
                    ]
                case "insert":
                    to.write(text)
                case "answer":
                    client.write(text.replace(b"{tag}", segments[0].partition(b" ")[0]))
                    await client.drain()
                    return False
                case "drop":
                    return False
                case "half":
                    to.write(segments[0] + b"\r\n" + segments[1][: len(segments[1]) // 2] if len(segments) > 1 else b"")
                    await to.drain()
                    raise _Broken
                case "cut":
                    raise _Broken
        to.write(_joined(segments))
        await to.drain()
        return True


async def _line(side: str, reader: asyncio.StreamReader) -> list[bytes]:
    """Texts and literals in turn; of a client the first text alone, for the server must ask for what follows."""
    segments = [(await reader.readuntil(b"\n")).rstrip(b"\r\n")]
    while side == "server" and (found := _LITERAL.search(segments[-1])):
        segments.append(await reader.readexactly(int(found[1])))
        segments.append((await reader.readuntil(b"\n")).rstrip(b"\r\n"))
    return segments


def _joined(segments: Sequence[bytes]) -> bytes:
    """A line as it goes over the wire."""
    found = bytearray()
    for number, part in enumerate(segments):
        found += part if number % 2 else part + b"\r\n"
    return bytes(found)
