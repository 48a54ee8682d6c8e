"""A mail server that says what was recorded of a real one, line by line, and expects what a client says."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field


@dataclass
class Dialogue:
    """`S:` lines are said, `C:` lines expected, without the tag of a command; `{tag}` is the last one.

    `L:` is a literal: its length stands at the end of the line before as `{}`. port: where it listens. missed: lines that
    came otherwise than was recorded.
    """

    text: str
    port: int = 0
    missed: list[tuple[str, str]] = field(default_factory=list)

    async def play(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Go through the lines once."""
        lines = [line.strip() for line in self.text.strip().splitlines()]
        tag = ""
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            for number, line in enumerate(lines):
                who, _, words = line.partition(" ")
                if who == "C:":
                    said = (await reader.readuntil(b"\r\n"))[:-2].decode()
                    first, _, rest = said.partition(" ")
                    tag, said = (first, rest) if first.startswith("h") else (tag, said)
                    if said != words:
                        self.missed.append((words, said))
                        break
                elif who == "L:":
                    writer.write(words.encode().decode("unicode_escape").encode("latin-1"))
                else:
                    follows = number + 1 < len(lines) and lines[number + 1].startswith("L:")
                    if follows:
                        length = len(lines[number + 1][3:].encode().decode("unicode_escape"))
                        words = words.replace("{}", f"{{{length}}}")
                    writer.write((words.replace("{tag}", tag) + "\r\n").encode())
                    await writer.drain()
        writer.close()


@asynccontextmanager
async def server(text: str) -> AsyncIterator[Dialogue]:
    """A server for one dialogue; what was not as recorded fails the test."""
    dialogue = Dialogue(text)
    listening = await asyncio.start_server(dialogue.play, "127.0.0.1", 0)
    dialogue.port = listening.sockets[0].getsockname()[1]
    try:
        yield dialogue
    finally:
        listening.close()
    assert dialogue.missed == []
