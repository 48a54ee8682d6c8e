"""What do 100,000 contacts of a CRM cost, from pages to clients? A process of its own that reads, absorbs and derives.

python -m benchmarks.backfill FOLDER FILE...
"""

import asyncio
import json
import resource
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import orjson
from sqlalchemy import func, select

from benchmarks import contacts, history
from hub.engine.broadcast import Broadcaster
from hub.engine.hub import Hub, open_hub
from hub.engine.runner import Runner
from hub.registry import Link
from hub.store import connections, inbox, people, schema

PHASES = (("first", None), ("1 % changed", 0.01), ("all again", None))
"""What is read one after the other: the name of the pages, and which part of the contacts has changed."""


def run(scale: float) -> Iterator[tuple[str, str]]:
    """Back-fill `scale` × 100,000 contacts, then 1 % changed, then all again; a bare table is the measure."""
    count = int(100_000 * scale)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "config.toml").write_text(history.CONFIG.format(port=0), encoding="utf-8")
        files = [
            _write(folder / f"{number}.pages", contacts.pages(count, part)) for number, (_, part) in enumerate(PHASES)
        ]
        bare = _bare(folder / "bare.db", files[0])
        command = [sys.executable, "-m", "benchmarks.backfill", str(folder), *map(str, files)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        results = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    for (what, _), result in zip(PHASES, results, strict=True):
        rate = result["read"] / result["seconds"]
        yield (
            f"contacts: {what}",
            f"{result['read']:,} in {result['cpu']:.2f} CPU s: {rate:,.0f}/s, RSS {result['rss']:.0f} MB",
        )
    yield "clients", f"{results[0]['clients']:,}"
    yield "a bare table of their JSON", f"{bare:.2f} CPU s"
    yield "ratio", f"{results[0]['cpu'] / bare:.1f}"


def _write(path: Path, pages: Iterable[bytes]) -> Path:
    with path.open("wb") as file:
        file.writelines(page + b"\n" for page in pages)
    return path


def _bare(path: Path, pages: Path) -> float:
    """CPU seconds of reading the pages and inserting each contact as it is, a commit a page."""
    begun = time.process_time()
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=NORMAL")
    connection.execute("CREATE TABLE contacts (id INTEGER PRIMARY KEY, body BLOB)")
    with pages.open("rb") as lines:
        for line in lines:
            rows = [(item["id"], orjson.dumps(item)) for item in orjson.loads(line)["_embedded"]["contacts"]]
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany("INSERT INTO contacts VALUES (?, ?)", rows)
            connection.execute("COMMIT")
    connection.close()
    return time.process_time() - begun


# The process that is measured


def main(folder: Path, files: Iterable[Path]) -> None:
    """Read each file to its end and print what it cost."""
    hub = open_hub(folder / "config.toml")
    try:
        for file in files:
            print(json.dumps(asyncio.run(_measure(hub, file))), flush=True)
    finally:
        hub.close()


async def _measure(hub: Hub, file: Path) -> dict[str, float]:
    """One connection of the hub reads the pages of a file, and everything that follows is done."""
    link = Link("crm", contacts.CONNECTOR, contacts.Settings(pages=file))
    await hub.db.run(connections.ensure, [("crm", "contacts")])
    await hub.db.run(lambda connection: connection.execute(schema.streams.delete()))
    runner = Runner(replace(hub, links={"crm": link}), Broadcaster())
    begun, cpu = time.perf_counter(), time.process_time()
    running = asyncio.create_task(runner.run())
    pages = sum(1 for _ in file.open("rb"))
    while await hub.db.read(connections.cursor, "crm", "contacts") != pages:
        await asyncio.sleep(0.2)
    while await hub.db.read(inbox.waiting) or await hub.db.read(people.count_due, hub.now()):
        await asyncio.sleep(0.2)
    seconds, spent = time.perf_counter() - begun, time.process_time() - cpu
    runner.stop.set()
    await running
    clients = await hub.db.read(
        lambda connection: connection.scalar(
            select(func.count(schema.records.c.contact_id.distinct())).where(schema.records.c.kind == "card")
        )
    )
    read = sum(len(orjson.loads(line)["_embedded"]["contacts"]) for line in file.open("rb"))
    rss = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"read": read, "seconds": seconds, "cpu": spent, "rss": rss, "clients": clients or 0}


if __name__ == "__main__":
    main(Path(sys.argv[1]), map(Path, sys.argv[2:]))
