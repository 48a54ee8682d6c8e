"""Does one more call or message cost the same with a thousand stored and with very many?"""

import asyncio
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy

from benchmarks import history
from hub.engine import absorb, derive
from hub.engine.hub import Hub, open_hub
from hub.engine.receive import arrival
from hub.sdk import Raw
from hub.store import inbox, schema
from hub.store.database import Priority

BASE = 1_000
CLIENTS = 125
SAMPLES = 400
"""Calls or messages that are measured one by one."""

Make = Callable[..., Iterator[dict[str, Any]]]

# Which table's ids a column holds: copies of rows get ids of their own and point at copies.
IDS = {
    "contacts": {"id": "contacts"},
    "handles": {"id": "handles", "contact_id": "contacts"},
    "inbox": {"id": "inbox"},
    "records": {"id": "records", "handle_id": "handles"},
    "calls": {"record_id": "records", "contact_id": "contacts"},
    "offers": {"record_id": "records"},
    "cases": {"id": "cases", "contact_id": "contacts"},
}
NAMES = {"handles": {"value"}, "inbox": {"item"}, "records": {"source_id"}, "cases": {"key"}}
"""Columns whose text must stay unique."""
STILL = {"contacts": {"due_at", "wake_at"}}
"""Columns that are emptied, so that copies ask for no work."""


def run(scale: float) -> Iterator[tuple[str, str]]:
    """Absorb and derive single ones over 1,000 stored, then over `scale` × 1,000,000 calls, 100,000 messages."""
    for what, make, most in (("call", history.calls, 1_000_000), ("message", history.messages, 100_000)):
        large = max(2 * BASE, int(most * scale))
        small_cost, large_cost = _cost(make, BASE), _cost(make, large)
        yield f"one {what} over {BASE:,}", f"{small_cost * 1000:.2f} ms (median)"
        yield f"one {what} over {large:,}", f"{large_cost * 1000:.2f} ms (median)"
        yield "ratio", f"{large_cost / small_cost:.2f}"


def _cost(make: Make, stored: int) -> float:
    """Median seconds from an item in the inbox to what it makes of its client, with so many stored."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        now = datetime.now(UTC)
        (folder / "config.toml").write_text(history.CONFIG.format(port=0), encoding="utf-8")
        past = folder / "past.jsonl"
        past.write_text("\n".join(history.lines(BASE, make, clients=CLIENTS, until=now)) + "\n", encoding="utf-8")
        command = [sys.executable, "-m", "hub", "import", "--connection", "src", str(past)]
        subprocess.run(command, cwd=folder, check=True, capture_output=True)
        _multiply(folder / "var" / "hub.db", stored // BASE)
        hub = open_hub(folder / "config.toml")
        try:
            return asyncio.run(_measure(hub, make, now))
        finally:
            hub.close()


def _multiply(file: Path, times: int) -> None:
    """Copy everything stored until it is there `times` times."""
    engine = sqlalchemy.create_engine(f"sqlite:///{file}")
    with engine.begin() as connection:
        spans = {
            table: connection.execute(sqlalchemy.text(f"SELECT coalesce(max(id), 0) FROM {table}")).scalar_one()
            for table in sorted({target for columns in IDS.values() for target in columns.values()})
        }
        numbers = f"WITH RECURSIVE copy(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM copy WHERE n + 1 < {times})"
        for table, columns in IDS.items() if times > 1 else ():
            names = [column.name for column in schema.metadata.tables[table].columns]
            values = ", ".join(_copied(table, name, columns, spans) for name in names)
            connection.execute(
                sqlalchemy.text(
                    f"INSERT INTO {table} ({', '.join(names)}) {numbers} SELECT {values} FROM {table}, copy"
                )
            )
    with engine.connect() as connection:
        connection.execute(sqlalchemy.text("ANALYZE"))
    engine.dispose()


def _copied(table: str, column: str, columns: dict[str, str], spans: dict[str, int]) -> str:
    name = f"{table}.{column}"
    if column in columns:
        return f"{name} + n * {spans[columns[column]]}"
    if column in NAMES.get(table, ()):
        return f"{name} || '-' || n"
    return "NULL" if column in STILL.get(table, ()) else name


async def _measure(hub: Hub, make: Make, now: datetime) -> float:
    took = []
    for record in make(SAMPLES, clients=CLIENTS, until=now, years=0.01, seed=2):
        # As the plugin's webhook would name it: one record, one item.
        item = arrival("src", Raw("record", f"{record['record']}/{record['id']}", record), now)
        started = time.perf_counter()
        await hub.db.write(Priority.RECEIVE, inbox.put, [item])
        while await absorb.step(hub, now=now):
            pass
        while await derive.step(hub, now) is not None:
            pass
        took.append(time.perf_counter() - started)
    return statistics.median(took)
