"""Webhooks that are lost, doubled, late and out of order: does the hub end up with what the CRM has all the same?

Two hubs read one account: one is told by webhooks on which nobody can rely, the other by none. And of an account in which
little has changed, is only that fetched?
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import orjson
import pytest

from plugins.amocrm.changes import OVERLAP
from sandbox.amocrm import AmoServer
from sandbox.amocrm.seed import ADMIN, MANAGER
from tests.crm.office import Office

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

CONTACTS = 1000
STORM = {"loss": 0.3, "double": 0.4, "delay": 0.1, "shuffle": 1.5}
SETTLED = 3.0
"""Seconds after which nobody changes anything under a second that has been."""


async def changes(office: Office, dice: random.Random) -> None:
    """What a dozen people do at once: names, numbers, owners, stages, tasks; cards are deleted and restored."""
    contacts = [row["id"] for row in office.rows("contacts")]
    leads = [row["id"] for row in office.rows("leads")]
    dice.shuffle(contacts)
    dice.shuffle(leads)
    steps: list[dict[str, Any]] = [
        *({"entity": "contacts", "id": id_, "action": "rename", "name": f"renamed {id_}"} for id_ in contacts[:5]),
        *({"entity": "contacts", "id": contacts[0], "action": "rename", "name": f"again {n}"} for n in range(4)),
        *({"entity": "contacts", "id": id_, "action": "phone", "phone": f"+7921{id_:07}"} for id_ in contacts[5:8]),
        *({"entity": "leads", "id": id_, "action": "responsible", "user_id": MANAGER} for id_ in leads[:3]),
        *({"entity": "leads", "id": id_, "action": "responsible", "user_id": ADMIN} for id_ in leads[:3]),
        *({"entity": "leads", "id": id_, "action": "close", "won": bool(id_ % 2)} for id_ in leads[3:6]),
        *({"entity": "contacts", "id": id_, "action": "delete"} for id_ in contacts[8:11]),
        *({"entity": "leads", "id": id_, "action": "delete"} for id_ in leads[6:8]),
        *({"entity": "contacts", "action": "create", "name": f"new {n}", "phone": f"+792288{n:05}"} for n in range(3)),
        *(
            {"entity": "tasks", "id": row["id"], "action": "complete", "text": "done"}
            for row in office.rows("tasks")[:3]
        ),
    ]
    for step in steps:
        await office.touch(changes=[step])
        await asyncio.sleep(dice.uniform(0, 0.1))
    await asyncio.sleep(1)  # nobody changes his mind within a second
    for entity, id_ in (("contacts", contacts[8]), ("leads", leads[6])):
        await office.touch(entity, id_, "restore")


class Both:
    """Two hubs on one account; only the first is sent webhooks."""

    def __init__(self, folder: Path, amo: AmoServer) -> None:
        self.amo = amo
        self.told = Office(folder / "told", amo)
        self.untold = Office(folder / "untold", amo, hooks=False)

    async def start(self) -> None:
        for office in (self.told, self.untold):
            await office.open()
            await office.start()
        for office in (self.told, self.untold):
            await office.settled()

    async def a_minute_later(self) -> None:
        await self.told.control("hooks/flush", {})
        await asyncio.sleep(SETTLED)
        for office in (self.told, self.untold):
            office.ring()
            await office.settled()


def names(office: Office) -> dict[str, str]:
    """Name of each contact that is there, by its id, as the hub knows it."""
    rows = office.sql(
        "SELECT source_id, body, changed_at, gone_at FROM records WHERE kind = 'card' AND body IS NOT NULL"
    )
    return {
        id_: orjson.loads(body)["name"]
        for id_, body, changed_at, gone_at in rows
        if id_.isdecimal() and (gone_at is None or gone_at < changed_at)
    }


@pytest.fixture
async def both(tmp_path: Path) -> AsyncIterator[Both]:
    async with AmoServer(contacts=CONTACTS, rps=None) as amo:
        made = Both(tmp_path, amo)
        try:
            await made.start()
            yield made
        finally:
            made.told.daemon.kill()
            made.untold.daemon.kill()


async def test_whatever_becomes_of_webhooks_the_hub_ends_with_what_the_crm_has(both: Both) -> None:
    office = both.told
    assert names(office) == {str(row["id"]): row["name"] for row in office.rows("contacts")}

    # one in a hundred is changed: it is told of it at once, and fetches that alone
    before, asked = int(both.amo.world.clock.now()), len(both.amo.world.requests)
    changed = await office.touch(entity="contacts", share=0.01)
    await office.until(lambda: sum(name.endswith(" *") for name in names(office).values()) == len(changed))
    assert len(changed) == CONTACTS // 100
    lists = [
        parse_qs(urlsplit(path).query) for method, path, _ in both.amo.world.requests[asked:] if _is_list(method, path)
    ]
    assert lists
    assert all(int(query["filter[updated_at][from]"][0]) >= before - OVERLAP - 60 for query in lists)
    assert {query["page"][0] for query in lists} == {"1"}

    await office.control("set", {"webhooks": STORM})
    await changes(office, random.Random(20264))
    await both.a_minute_later()
    assert both.told.records() == both.untold.records()
    assert names(office) == {str(row["id"]): row["name"] for row in office.rows("contacts")}
    states = {one.state for one in both.amo.world.default.hooks.deliveries}
    assert states >= {"done", "lost"}
    assert not office.sql("SELECT 1 FROM inbox WHERE state = 'dead'")


def _is_list(method: str, path: str) -> bool:
    return method == "GET" and path.startswith("/api/v4/contacts?") and "updated_at" in path
