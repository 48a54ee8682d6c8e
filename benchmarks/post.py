"""How many requests a second does a server answer? A sender that costs little beside what it measures."""

import asyncio
import time
from collections.abc import Callable
from urllib.parse import urlsplit

Build = Callable[[int], tuple[dict[str, str], bytes]]
"""Headers and body of the n-th request."""


async def post(url: str, build: Build, requests: int, connections: int = 64) -> tuple[float, list[float]]:
    """Post `requests` bodies over `connections` kept open; seconds for all of them, and for each.

    Raises RuntimeError at the first answer that is not 2xx.
    """
    parts = urlsplit(url)
    numbers = iter(range(requests))
    took: list[float] = []

    async def send() -> None:
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
        for number in numbers:
            headers, body = build(number)
            head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
            started = time.perf_counter()
            writer.write(
                f"POST {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\nContent-Length: {len(body)}\r\n{head}\r\n".encode()
                + body
            )
            await _answer(reader)
            took.append(time.perf_counter() - started)
        writer.close()

    started = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for _ in range(connections):
            group.create_task(send())
    return time.perf_counter() - started, took


async def _answer(reader: asyncio.StreamReader) -> None:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    length = next(
        (int(line.split(":")[1]) for line in head.lower().split("\r\n") if line.startswith("content-length:")), 0
    )
    body = await reader.readexactly(length)
    if head.split(" ", 2)[1][0] != "2":
        raise RuntimeError(f"the server said: {head.splitlines()[0]} {body[:200]!r}")
