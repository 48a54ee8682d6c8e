"""Does a report cost what its period holds, however long the history before and after it is?"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import event

from hub.core.records import from_json
from hub.core.report import NAMES
from hub.engine import derive, report, workday
from hub.engine.hub import Hub
from hub.store import facts
from hub.store.facts import Fact
from tests.engine.conftest import Workshop

DAY = datetime(2026, 3, 10, 7, tzinfo=UTC)
SOME = ("managers", "touches")
LARGE = ("calls", "cases", "records", "offers", "contacts", "handles", "pulses")
"""Tables that grow with the history: none of them may be gone through from end to end."""


def calls(count: int, since: datetime) -> list[Any]:
    """Missed calls of different clients, one a day."""
    found = []
    for number in range(count):
        start = since + timedelta(days=number)
        end = (start + timedelta(seconds=40)).isoformat()
        leg = {
            "kind": "member",
            "to": "ext:101",
            "started_at": start.isoformat(),
            "ended_at": end,
            "result": "no_answer",
        }
        keys = {
            "direction": "inbound",
            "client": f"phone:+7921{since.year % 100}{number:05}",
            "line": "74950010100",
            "legs": [leg],
        }
        times = {"started_at": start.isoformat(), "ended_at": end, "final": True, "hangup_by": "client"}
        found.append(from_json({"record": "call", "id": f"{since.year}-{number}", **keys, **times}))
    return found


def come(hub: Hub, records: list[Any], now: datetime) -> None:
    with hub.db.begin() as connection:
        facts.put(connection, [Fact("src", record, now) for record in records], now)
    while asyncio.run(derive.step(hub, now, 500)) is not None:
        pass


def made(hub: Hub, name: str) -> list[Any]:
    since, until = DAY - timedelta(hours=7), DAY + timedelta(hours=17)
    if name == "workdays":
        return asyncio.run(workday.listing(hub, since, until, until))
    return asyncio.run(report.make(hub, name, since, until, now=until, stored=True))["rows"]


def test_no_statement_goes_through_a_table_that_grows(sqlite_workshop: Workshop) -> None:
    hub = sqlite_workshop.hub()
    come(hub, calls(3, DAY), DAY + timedelta(days=5))
    said: list[tuple[str, Any]] = []

    def heard(_c: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, many: bool) -> None:
        if statement.startswith("SELECT") and not many:
            said.append((statement, parameters))

    engines = {engine for engine in vars(hub.db).values() if hasattr(engine, "dialect")}
    for engine in engines:
        event.listen(engine, "before_cursor_execute", heard)
    for name in (*NAMES, "workdays"):
        made(hub, name)
    for engine in engines:
        event.remove(engine, "before_cursor_execute", heard)
    assert said
    with hub.db.begin() as connection:
        for statement, parameters in said:
            plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters).all()
            scanned = [row[3] for row in plan if row[3].startswith("SCAN") and row[3].split()[1] in LARGE]
            assert scanned == [], statement


def test_history_outside_the_period_changes_nothing(sqlite_workshop: Workshop) -> None:
    hub = sqlite_workshop.hub()
    come(hub, calls(3, DAY), DAY + timedelta(days=5))
    before = {name: made(hub, name) for name in SOME}
    come(hub, calls(20, DAY.replace(year=2024)), DAY + timedelta(days=5))
    assert {name: made(hub, name) for name in SOME} == before
