"""Killed while it tells a CRM of calls: is each task, entry and lead there once, whatever died or went wrong?

The daemon dies by SIGKILL in the moment in which the vendor has written something and not answered yet, before its n-th
commit, and at random while answers get lost. What stands in the CRM in the end is what stands there after a quiet day.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from sandbox.amocrm import AmoServer
from sandbox.amocrm.seed import ADMIN, MANAGER
from sandbox.faults import Fault, Faults
from tests.crm.office import ALL_ON, Office, Request, ago, callback, digits, lost, missed, nothing
from tests.daemon import STOP_LIMIT
from tests.nursery import Child, born

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]

EVERY = int(os.environ.get("CRMHUB_EVERY_CRM_COMMIT", "20"))
"""1: die before each of the first hundred commits; 20: before every twentieth."""
KILLS = int(os.environ.get("CRMHUB_CRM_KILLS", "2"))
"""How often the daemon is killed at random."""
LONG = 900.0
"""Seconds within which a day ends: what was begun several times and then fails is tried again after minutes."""
WRITES = ("POST /calls", "POST /tasks", "PATCH /tasks/", "POST /leads/complex", "POST /notes")
"""Everything by which the hub writes."""
FAULTS = (
    Fault("lost", "POST", "/api/v4/tasks", count=1),
    Fault("half", "POST", "/api/v4/leads/complex", count=1),
    Fault("status", "GET", "/api/v4/*", status=429, skip=20, count=1),
    Fault("half", "GET", "/api/v4/*", skip=10, count=1),
)


@dataclass
class Company:
    """An office whose hub dies now and then. Each day has clients of its own, known by their place in it."""

    office: Office
    days: int = 0
    deaths: int = 0
    _living: Child | None = field(default=None, init=False)

    async def day(self, *lives: Life) -> dict[str, Any]:
        """Play a day in which the hub lives so, and dies each time; what the CRM shows of it in the evening."""
        self.days += 1
        begin, numbers = ago(minutes=10), [f"phone:+7921{self.days:04}{place:03}" for place in range(4)]
        await self._know(numbers[:3])
        records = self._calls(numbers, begin)
        over = asyncio.create_task(self._over(records), name="the day")
        try:
            for life in lives:
                await self._until_dead(life, over)
            await self._die()
            self.live()
            await over
        finally:
            over.cancel()
        return self._evening(numbers, int(begin.timestamp()))

    async def _until_dead(self, life: Life, over: asyncio.Future[None]) -> None:
        """Live until the death that the life brings with it, or until the day is over."""
        await self._die()
        disarm = life(self)
        assert self._living is not None
        ended = asyncio.create_task(asyncio.to_thread(self._living.wait), name="watch")
        await asyncio.wait((ended, over), return_when=asyncio.FIRST_COMPLETED)
        disarm()
        self.deaths += ended.done()
        if not ended.done():
            self.kill()
        async with asyncio.timeout(STOP_LIMIT):
            assert await ended == -signal.SIGKILL, self.office.daemon.log[-3000:]
        self._living = None

    async def _die(self) -> None:
        """End the life that goes on since the last day."""
        if self._living is not None:
            self._living.kill()
            await asyncio.to_thread(self._living.wait)
        self._living = None

    def live(self, commits: int = 0) -> None:
        """Start; dies before its n-th commit, 0: never."""
        self._living = born(self.office.folder, commits)

    def kill(self) -> None:
        if self._living is not None:
            self._living.kill()

    # what happens on a day

    async def _know(self, numbers: Sequence[str]) -> None:
        """The CRM has had cards of these since yesterday, and a deal with the first."""
        await self.office.control("set", {"clock_shift": -86_400})
        for place, number in enumerate(numbers):
            made = {"name": f"client {place}", "phone": number[6:], "set": {"responsible_user_id": ADMIN}}
            (card,) = await self.office.touch("contacts", action="create", **made)
            if place == 0:
                deal = {"name": "deal", "contact": card, "set": {"responsible_user_id": MANAGER}}
                await self.office.touch("leads", action="create", **deal)
        await self.office.control("set", {"clock_shift": 0})

    def _calls(self, numbers: Sequence[str], begin: datetime) -> list[dict[str, Any]]:
        """Everybody calls, one of them is lost in a transfer, a stranger calls again, and one is called back."""
        day, minute = self.days, timedelta(minutes=1)
        return [
            missed(f"{day}/0", begin, numbers[0]),
            missed(f"{day}/1", begin, numbers[1]),
            lost(f"{day}/2", begin, numbers[2]),
            missed(f"{day}/3", begin, numbers[3]),
            missed(f"{day}/3/again", begin + minute, numbers[3]),
            callback(f"{day}/0/back", begin + 2 * minute, numbers[0]),
        ]

    async def _over(self, records: Sequence[dict[str, Any]]) -> None:
        """All is told, judged and written. Nobody is called back before his task is there: else none would be written."""
        for record in records:
            if record["direction"] == "outbound":
                client = record["client"]
                await self.office.until(lambda client=client: self.office.tasks_of(client), f"{client}: no task", LONG)
            await self.office.post(record)
        await self.office.until(lambda: self._is_over(len(records)), f"day {self.days} does not end", LONG)

    def _is_over(self, count: int) -> bool:
        known = f"SELECT 1 FROM calls JOIN records ON records.id = record_id WHERE source_id LIKE '{self.days}/%'"
        return len(self.office.sql(known)) == count and self.office.is_judged() and self.office.is_told()

    # what the CRM shows

    def _tasks(self, numbers: Iterable[str]) -> list[dict[str, Any]]:
        return [task for task in self.office.tasks if any(number in digits(task["text"]) for number in numbers)]

    def _evening(self, clients: Sequence[str], origin: int) -> dict[str, Any]:
        """What the CRM has of these clients, without what differs from day to day."""
        who = {number[-10:]: place for place, number in enumerate(clients)}
        names = self._names(who)
        tasks = [
            (
                names[task["entity_type"], task["entity_id"]],
                task["responsible_user_id"],
                task["complete_till"] - origin,
                task["is_completed"],
                task["result"] and task["result"]["text"].partition(" в ")[0],
            )
            for task in self._tasks(who)
        ]
        calls = [
            (
                who[call["params"]["phone"][-10:]],
                call["note_type"],
                call["created_at"] - origin,
                call["params"]["duration"],
                call["params"]["call_status"],
                call["responsible_user_id"],
            )
            for call in self.office.calls
            if call["params"]["phone"][-10:] in who
        ]
        notes = [
            place
            for note in self.office.rows("notes")
            for place in (names.get(("leads", note["entity_id"])), names.get(("contacts", note["entity_id"])))
            if place and note["note_type"] == "common"
        ]
        return {"cards": sorted(names.values()), "tasks": sorted(tasks), "calls": sorted(calls), "notes": sorted(notes)}

    def _names(self, who: dict[str, int]) -> dict[tuple[str, int], str]:
        """Kind and id of each card and lead of these clients → what it is."""
        links, names = self.office.amo.world.default.links, {}
        for row in self.office.rows("contacts"):
            phone = digits(str((row["custom_fields_values"] or [{}])[0].get("values")))
            place = next((place for number, place in who.items() if number in phone), None)
            if place is not None:
                names["contacts", row["id"]] = f"card of {place}"
                names |= {("leads", lead): f"lead of {place}" for lead in links.of(("contacts", row["id"]), "leads")}
        return names


Life: TypeAlias = Callable[[Company], Callable[[], object]]
"""Starts the daemon and sees to it that it dies; what it returns calls that off."""


def before_commit(number: int) -> Life:
    """Dies just before its n-th commit."""

    def start(company: Company) -> Callable[[], object]:
        company.live(number)
        return lambda: None

    return start


def once_written(pending: set[str]) -> Life:
    """Dies when the vendor has written any of these and not answered yet; it is pending no more."""

    def start(company: Company) -> Callable[[], object]:
        def die(request: Request) -> None:
            method, path, status = request
            for write in sorted(pending):
                kind, _, part = write.partition(" ")
                if kind == method and part in path and status < 300:
                    pending.discard(write)
                    company.office.requests.seen = nothing
                    company.kill()
                    return

        company.live()
        company.office.requests.seen = die
        return lambda: setattr(company.office.requests, "seen", nothing)

    return start


def after(seconds: float) -> Life:
    """Dies after so long."""

    def start(company: Company) -> Callable[[], object]:
        company.live()
        return asyncio.get_running_loop().call_later(seconds, company.kill).cancel

    return start


@asynccontextmanager
async def company(folder: Path) -> AsyncIterator[Company]:
    async with AmoServer(contacts=6) as amo:
        office = Office(folder, amo, hooks=False, **ALL_ON)
        await office.open()
        made = Company(office)
        try:
            yield made
        finally:
            made.kill()


@dataclass(frozen=True)
class Days:
    """Evenings of a quiet day and of those on which the hub died, and how often it died on the latter."""

    quiet: dict[str, Any]
    disturbed: dict[str, list[dict[str, Any]]]
    deaths: dict[str, int]


async def play(folder: Path) -> Days:
    dice = random.Random(20264)
    commits = [before_commit(number) for number in range(1, 101, EVERY)]
    lives = {
        "write": [once_written(set(WRITES))] * len(WRITES),
        "moment": [*commits, *(after(dice.uniform(0.3, 3)) for _ in range(KILLS))],
    }
    evenings: dict[str, list[dict[str, Any]]] = {}
    deaths = {}
    async with company(folder) as made:
        quiet = await made.day()
        for what, all_of_them in lives.items():
            before = made.deaths
            for first in range(0, len(all_of_them), 10):
                made.office.amo.world.faults = Faults(FAULTS if what == "moment" else ())
                evenings.setdefault(what, []).append(await made.day(*all_of_them[first : first + 10]))
            deaths[what] = made.deaths - before
    return Days(quiet, evenings, deaths)


@pytest.fixture(scope="module")
def days(tmp_path_factory: pytest.TempPathFactory) -> Days:
    return asyncio.run(play(tmp_path_factory.mktemp("kills")))


def test_a_quiet_day_has_a_task_for_everybody_and_an_entry_for_each_call(days: Days) -> None:
    assert {what: len(rows) for what, rows in days.quiet.items()} == {"cards": 6, "tasks": 4, "calls": 6, "notes": 1}


def test_killed_whenever_it_has_written_something_it_writes_nothing_twice(days: Days) -> None:
    assert days.deaths["write"] == len(WRITES)
    assert days.disturbed["write"] == [days.quiet]


def test_killed_before_any_commit_while_answers_get_lost_the_crm_ends_as_on_a_quiet_day(days: Days) -> None:
    assert days.deaths["moment"] > len(days.disturbed["moment"])
    assert [evening for evening in days.disturbed["moment"] if evening != days.quiet] == []
