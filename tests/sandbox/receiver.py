"""Who hears what a pretend vendor tells? A plain HTTP server that keeps it, and answers what a test wants."""

import asyncio
from urllib.parse import parse_qs, urlsplit


class Receiver:
    def __init__(self):
        self.bodies, self.queries, self.heads = [], [], []
        self.status, self.more, self.body = 200, "", ""
        self.came = asyncio.Event()

    async def __aenter__(self):
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.address = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/hook"
        return self

    async def __aexit__(self, *_):
        self._server.close()

    async def _serve(self, reader, writer):
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        length = next(
            (int(line.split(":")[1]) for line in head.split("\r\n") if line.lower().startswith("content-length")), 0
        )
        self.bodies.append((await reader.readexactly(length)).decode())
        self.queries.append(parse_qs(urlsplit(head.split(" ")[1]).query))
        self.heads.append(head)
        status = self.status(self.bodies[-1]) if callable(self.status) else self.status
        writer.write(
            f"HTTP/1.1 {status} x\r\n{self.more}Content-Length: {len(self.body)}\r\nConnection: close\r\n\r\n{self.body}".encode()
        )
        await writer.drain()
        writer.close()
        self.came.set()
