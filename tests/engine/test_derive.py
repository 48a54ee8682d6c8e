"""Contacts are judged when something changed and when their moment has come."""

from __future__ import annotations

import json
import shutil
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from hub.core.records import instant
from hub.engine import absorb, current, derive, work
from hub.engine.hub import Hub, open_hub
from hub.engine.receive import arrival
from hub.sdk import Raw
from hub.store import calls, connections, inbox, people, schema

GOLDEN = Path(__file__).parents[1] / "golden"


@pytest.fixture
def hub(tmp_path: Path) -> Any:
    shutil.copy(GOLDEN / "g24" / "config.toml", tmp_path)
    opened = open_hub(tmp_path / "config.toml")
    yield opened
    opened.close()


def put(hub: Hub, name: str, now: datetime) -> None:
    lines = (GOLDEN / name / "records.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    with hub.db.begin() as connection:
        inbox.put(connection, [arrival("src", Raw("record", row["id"], row), now) for row in rows])


async def test_what_lies_ahead_is_judged_when_its_moment_has_come(hub: Hub) -> None:
    """Records of the whole day arrive in the morning, as from a moved clock."""
    morning = instant("2026-03-10T09:30:00+03:00")
    put(hub, "g24", morning)
    await work.catch_up(hub, morning)
    assert len(await hub.db.read(calls.listing)) == 1
    assert len(await current.listing(hub, morning)) == 1
    evening = morning + timedelta(hours=8)
    await work.catch_up(hub, evening)
    assert len(await hub.db.read(calls.listing)) == 4
    assert {case["opened_by"] for case in await current.listing(hub, evening)} == {"src/call/m0", "src/call/f"}


async def test_the_senders_are_woken_only_where_there_is_something_to_send(hub: Hub) -> None:
    morning = instant("2026-03-10T09:00:00+03:00")
    with hub.db.begin() as connection:
        connections.go_live(connection, "src", morning)
    put(hub, "g24", morning)
    await absorb.step(hub, now=morning)
    woken, planned = [], []
    for moment in (morning + timedelta(minutes=minutes) for minutes in range(180)):
        before = await hub.db.read(_outbox)
        if (changed := await derive.step(hub, moment)) is not None:
            woken.append("outbox" in changed)
            planned.append(await hub.db.read(_outbox) > before)
    assert woken == planned
    assert set(woken) == {True, False}


def _outbox(connection: Any) -> int:
    return int(connection.scalar(select(func.count()).select_from(schema.outbox)))


async def test_a_contact_that_changes_while_it_is_derived_is_derived_again(hub: Hub) -> None:
    now = instant("2026-03-10T12:00:00+03:00")
    put(hub, "g24", now)
    await absorb.step(hub, now=now)
    gathered = await hub.db.read(derive.gather, now, 50)
    result = derive.judge(gathered, await hub.book(), hub.registry.rules, now)
    contact, plans = min(gathered.revisions), await derive.planner(hub)
    with hub.db.begin() as connection:
        people.mark_due(connection, {contact: now}, now)
    with hub.db.begin() as connection:
        derive.keep(connection, gathered, result, now, plans)
    still_due = [row.id for row in await hub.db.read(people.due, now, 50)]
    assert still_due == [contact]
