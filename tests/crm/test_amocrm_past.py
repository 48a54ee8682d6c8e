"""A back-fill that is killed again and again: does the hub know in the end what it would have known without?"""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import pytest

from sandbox.amocrm import AmoServer
from tests.crm.office import Office, Request, nothing
from tests.nursery import born

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

CONTACTS = int(os.environ.get("CRMHUB_PAST_CONTACTS", "2000"))
DEATHS = (1, 3, 5, 7, 9)
"""Pages of contacts, counted from the beginning, with which the hub dies before it has read them."""


def identity(office: Office) -> list[tuple[str, str | None, list[str]]]:
    """Who is who: of each client kind, name and addresses."""
    clients: dict[int, tuple[str, str | None, list[str]]] = {}
    for id_, kind, name, handle in office.sql(
        "SELECT contacts.id, kind, name, value FROM contacts JOIN handles ON contact_id = contacts.id ORDER BY value"
    ):
        clients.setdefault(id_, (kind, name, []))[2].append(handle)
    return sorted(clients.values(), key=lambda client: client[2])


async def read(folder: Path, amo: AmoServer, deaths: tuple[int, ...] = ()) -> tuple[Office, int]:
    """A hub that has read the whole account, and how often it died meanwhile."""
    office = Office(folder, amo, hooks=False)
    await office.open()
    died = sum([await _until_dead(office, page) for page in deaths])
    daemon = born(folder)
    await office.settled()
    daemon.send_signal(signal.SIGTERM)
    assert await asyncio.to_thread(daemon.wait) == 0
    return office, died


async def _until_dead(office: Office, last: int) -> bool:
    """Run until the vendor has put together so many pages of contacts; the last one is not read any more."""

    def die(_request: Request) -> None:
        if sum(method == "GET" and path.startswith("/api/v4/contacts?") for method, path, _ in office.requests) >= last:
            office.requests.seen = nothing
            os.kill(daemon.pid, signal.SIGKILL)

    office.requests.seen = die
    daemon = born(office.folder)
    return bool(await asyncio.to_thread(daemon.wait) == -signal.SIGKILL)


async def test_killed_five_times_on_the_way_the_past_is_read_as_if_nothing_had_been(tmp_path: Path) -> None:
    async with AmoServer(contacts=CONTACTS) as amo:
        calm, _ = await read(tmp_path / "calm", amo)
        killed, died = await read(tmp_path / "killed", amo, DEATHS)
        assert died == len(DEATHS)
        assert killed.records() == calm.records()
        assert identity(killed) == identity(calm)
        cards = [id_ for kind, id_ in killed.records() if kind == "card" and id_.isdecimal()]
        assert sorted(map(int, cards)) == sorted(row["id"] for row in amo.world.default.table("contacts").rows.values())
