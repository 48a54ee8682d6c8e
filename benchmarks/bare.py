"""What does a server cost that only commits what it receives? The measure for the hub's webhook.

python -m benchmarks.bare PORT FILE
"""

import asyncio
import queue
import sqlite3
import sys
import threading

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

Waiting = tuple[bytes, asyncio.AbstractEventLoop, "asyncio.Future[None]"]


def write(path: str, waiting: "queue.SimpleQueue[Waiting]") -> None:
    """Insert what waits, commit it together with `synchronous=FULL`, then let those who wait go on."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("CREATE TABLE inbox (id INTEGER PRIMARY KEY, body BLOB)")
    while True:
        batch = [waiting.get()]
        while not waiting.empty() and len(batch) < 500:
            batch.append(waiting.get())
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany("INSERT INTO inbox (body) VALUES (?)", [(body,) for body, _, _ in batch])
        connection.execute("COMMIT")
        _release(batch)


def _release(batch: list[Waiting]) -> None:
    loop = batch[0][1]
    loop.call_soon_threadsafe(lambda: [future.set_result(None) for _, _, future in batch if not future.done()])


def application(path: str) -> Starlette:
    waiting: queue.SimpleQueue[Waiting] = queue.SimpleQueue()
    threading.Thread(target=write, args=(path, waiting), daemon=True).start()

    async def receive(request: Request) -> Response:
        loop = asyncio.get_running_loop()
        committed = loop.create_future()
        waiting.put((await request.body(), loop, committed))
        await committed
        return Response()

    return Starlette(routes=[Route("/hooks/bare", receive, methods=["POST"])])


if __name__ == "__main__":
    uvicorn.run(
        application(sys.argv[2]), host="127.0.0.1", port=int(sys.argv[1]), log_level="warning", access_log=False
    )
