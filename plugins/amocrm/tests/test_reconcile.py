"""Is what was missed found within a night, and put right?"""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
from account import Account, Shelf, account, streams

KINDS = {"contact": "card", "company": "card", "lead": "deal", "task": "task"}


async def read_all(amo: Account, client: Any, shelf: Shelf) -> None:
    """As a hub that has read everything: what it knows, it is asked by the comparison."""
    for name in ("contacts", "companies", "leads", "tasks"):
        await shelf.pull(client, f"{name}_history")
    assert amo.bench is not None
    amo.bench.records = {"card": {}, "deal": {}, "task": {}}
    for kind, record in KINDS.items():
        for id_, row in shelf.newest(kind).items():
            named = f"company-{id_}" if kind == "company" else id_
            amo.bench.records[record][named] = datetime.fromtimestamp(row["updated_at"], UTC)


async def night(client: Any) -> tuple[list[Any], list[str]]:
    """What the comparison of a night hands on, and says."""
    stream = streams(client.settings)["reconcile"]
    assert stream.pull is not None
    items: list[Any] = []
    said: list[str] = []
    async for page in stream.pull(client, {"night": "2020-01-01"}):
        items += page.items
        said = list(page.mended) if page.mended is not None else said
    return items, said


async def test_a_night_without_differences_says_nothing() -> None:
    async with account() as amo, amo.client() as client:
        await amo.set(clock_shift=-3600)
        for id_ in (51001,):
            await amo.touch("contacts", id_, "rename", name="Новое имя")
        await read_all(amo, client, Shelf())
        assert await night(client) == ([], [])


async def test_what_was_missing_outdated_or_deleted_is_put_right() -> None:
    async with account() as amo, amo.client() as client:
        await amo.set(clock_shift=-3600)
        contacts = [int(row["id"]) for row in (await amo.state("contacts"))["contacts"]][:3]
        for id_ in contacts:
            await amo.touch("contacts", id_, "rename", name="Новое имя")
        await read_all(amo, client, Shelf())
        assert amo.bench is not None
        cards = amo.bench.records["card"]
        del cards[str(contacts[0])]
        cards[str(contacts[1])] -= timedelta(hours=1)
        await amo.touch("contacts", contacts[2], "delete")
        items, said = await night(client)
        assert {raw.id: raw.payload.get("is_deleted", False) for raw in items} == {
            str(contacts[0]): False, str(contacts[1]): False, str(contacts[2]): True,
        }  # fmt: skip
        assert said == [
            f"1 contacts were missing: {contacts[0]}",
            f"1 contacts were out of date: {contacts[1]}",
            f"1 contacts had been deleted: {contacts[2]}",
        ]


async def test_it_is_done_once_a_night() -> None:
    async with account() as amo, amo.client() as client:
        shelf = Shelf()
        assert await shelf.pull(client, "reconcile") == []
        tonight = shelf.cursors["reconcile"]
        await shelf.pull(client, "reconcile")
        assert shelf.cursors["reconcile"] == tonight
