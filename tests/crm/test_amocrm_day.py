"""A day between the telephone and amoCRM, from a missed call to the callback: does the CRM know what the telephone knows?

One real hub process and one pretend amoCRM over HTTP; every client of the day is a story of his own, told by a test.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from sandbox.amocrm import AmoServer
from sandbox.amocrm.seed import ADMIN, MANAGER
from tests.crm.office import ALL_ON, Office, Request, ago, answered, callback, digits, lost, missed

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

OLGA, PETR = ADMIN, MANAGER
CALLED = ago(minutes=5)
"""When the clients of the day called; the hub has been running for half an hour."""
PEOPLE = ("ivan", "carded", "handed over", "handed on", "moved", "lost", "voided", "reopened", "hurried")
"""Clients whom the CRM knows."""


def phone(name: str) -> str:
    """As telephony and CRM know him."""
    others = ("stranger", "visitor", "old", "early")
    return f"phone:+7921555{(*PEOPLE, *others).index(name):04}"


@dataclass
class Known:
    """A client's card and open deal in the CRM."""

    card: int
    deal: int | None = None


@dataclass
class Day:
    """What was there in the evening. morning: what had been written while nothing was switched on."""

    morning: list[Request]
    clients: dict[str, Known]
    cases: list[dict[str, Any]]
    effects: list[dict[str, Any]]
    tasks: list[dict[str, Any]]
    calls: list[dict[str, Any]]
    notes: list[dict[str, Any]]
    leads: list[dict[str, Any]]
    contacts: list[dict[str, Any]]
    unsorted: list[dict[str, Any]]
    written_tasks: dict[str, dict[str, Any]]
    """Client → his task as it was written first."""

    def task(self, name: str) -> dict[str, Any]:
        """The client's only task."""
        (found,) = [task for task in self.tasks if _is_of(task, name)]
        return found

    def case(self, name: str) -> dict[str, Any]:
        (found,) = [case for case in self.cases if phone(name) in case["contact"]["handles"]]
        return found

    def calls_of(self, name: str) -> list[dict[str, Any]]:
        return [note for note in self.calls if note["params"]["phone"].endswith(phone(name)[-10:])]


def _is_of(task: dict[str, Any], name: str) -> bool:
    """Whether a task of the hub is to call this client back."""
    return phone(name)[-10:] in digits(task["text"])


def written(asked: list[Request]) -> list[Request]:
    """Requests that write cards, tasks, notes or calls."""
    return [one for one in asked if one[0] != "GET" and "/webhooks" not in one[1] and "/oauth2" not in one[1]]


async def play(folder: Path) -> Day:
    async with AmoServer(contacts=6) as amo:
        office = Office(folder, amo)
        try:
            return await _play(office)
        finally:
            await asyncio.to_thread(office.daemon.kill)


async def _play(office: Office) -> Day:
    await office.open(timedelta(hours=3))
    clients = await _people(office)
    await office.start()
    await office.post(missed("early", ago(hours=2), phone("early")))
    await office.until(lambda: office.sql("SELECT 1 FROM cases"))
    await office.until(office.is_judged)
    morning = written(office.requests)
    await office.stop()

    office.configure(**ALL_ON)
    await office.open(granted=False)
    await office.start()
    await office.settled()  # who owns which deal is read before anybody calls
    await office.post(missed("old", ago(hours=1), phone("old")))
    await office.post(*(missed(name, CALLED, phone(name)) for name in PEOPLE if name != "lost"))
    await office.post(lost("lost", CALLED, phone("lost")), missed("stranger", CALLED, phone("stranger")))
    await office.until(lambda: len(office.tasks) == len(PEOPLE) + 1)
    await office.settled()
    first = [dict(task) for task in office.tasks]

    await office.touch("leads", clients["moved"].deal or 0, "responsible", user_id=PETR)
    minutes = timedelta(minutes=1)
    await office.post(
        callback("ivan back", CALLED + minutes, phone("ivan"), ext="102"),
        callback("reopened back", CALLED + minutes, phone("reopened")),
        missed("stranger again", CALLED + minutes, phone("stranger")),
        *(missed(f"hurried {n}", CALLED + n * minutes, phone("hurried")) for n in (1, 2)),
        answered("voided", CALLED, phone("voided"), version=2),
    )
    done = {"ivan", "reopened", "voided"}
    await office.until(lambda: sum(task["is_completed"] for task in office.tasks) == len(done))
    await office.settled()
    await office.post({"record": "gone", "of": "call", "id": "reopened back"})
    await office.until(lambda: sum(task["is_completed"] for task in office.tasks) == len(done) - 1)
    await office.settled()
    await office.stop()

    office.configure(**{**ALL_ON, "unknown_callers": "unsorted"})
    await office.start()
    await office.post(missed("visitor", CALLED, phone("visitor")))
    await office.until(lambda: office.amo.world.default.unsorted)
    await office.post(missed("visitor again", CALLED + minutes, phone("visitor")))
    await office.until(
        lambda: "call/src/call/visitor again/amo" in {row[0] for row in office.sql("SELECT key FROM outbox")}
    )
    await office.settled()
    await office.stop()
    cases, effects = office.kept()
    day = Day(
        morning,
        clients,
        cases,
        effects,
        office.tasks,
        office.calls,
        [row for row in office.rows("notes") if row["note_type"] == "common"],
        office.rows("leads"),
        office.rows("contacts"),
        list(office.amo.world.default.unsorted.values()),
        {},
    )
    day.written_tasks = {name: task for name in PEOPLE for task in first if _is_of(task, name)}
    return day


async def _people(office: Office) -> dict[str, Known]:
    """Cards that have been there for a week, as the day finds them."""
    clients = {}
    await office.control("set", {"clock_shift": -7 * 86_400})
    for name in PEOPLE:
        owner = PETR if name in {"carded", "handed on"} else OLGA
        card = await _made(office, "contacts", name=name, phone=phone(name)[6:], set={"responsible_user_id": owner})
        clients[name] = Known(card)
        if name != "carded":
            owner = PETR if name in {"ivan", "handed on"} else OLGA
            made = {"contact": card, "set": {"responsible_user_id": owner}}
            clients[name].deal = await _made(office, "leads", name=f"deal of {name}", **made)
    await office.control("set", {"clock_shift": -600})  # before the calls
    await office.touch("leads", clients["handed over"].deal or 0, "responsible", user_id=PETR)
    await office.control("set", {"clock_shift": 0})  # after the calls
    await office.touch("leads", clients["handed on"].deal or 0, "responsible", user_id=OLGA)
    return clients


async def _made(office: Office, entity: str, **more: Any) -> int:
    return int((await office.touch(entity, action="create", **more))[0])


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Day]:
    return asyncio.run(play(tmp_path_factory.mktemp("day")))


def test_nothing_is_written_before_somebody_switches_it_on(day: Day) -> None:
    assert day.morning == []


def test_what_was_before_it_was_switched_on_is_told_to_nobody(day: Day) -> None:
    told = {row["body"]["client"] for row in day.effects if row["connection"] == "amo"}
    assert phone("ivan") in told
    assert not told & {phone("old"), phone("early")}


def test_a_missed_call_is_a_task_on_the_open_deal_of_its_responsible_until_the_promise_ends(day: Day) -> None:
    task, case = day.written_tasks["ivan"], day.case("ivan")
    assert (task["entity_type"], task["entity_id"]) == ("leads", day.clients["ivan"].deal)
    assert task["responsible_user_id"] == PETR
    assert task["complete_till"] == int(datetime.fromisoformat(case["due_at"]).timestamp())
    # With the day where the promise ends after midnight: this day is played at any hour.
    assert re.match(r"Перезвонить: ivan, \+7 921 555-00-00\. Звонил (\d\d\.\d\d )?в \d\d:\d\d на ", task["text"])
    assert not task["is_completed"]


def test_without_a_deal_the_task_is_on_the_card_of_its_responsible(day: Day) -> None:
    task = day.written_tasks["carded"]
    assert (task["entity_type"], task["entity_id"]) == ("contacts", day.clients["carded"].card)
    assert task["responsible_user_id"] == PETR


def test_whoever_was_responsible_when_the_client_called_gets_the_task(day: Day) -> None:
    assert day.written_tasks["handed over"]["responsible_user_id"] == PETR, "changed before the call"
    assert day.written_tasks["handed on"]["responsible_user_id"] == PETR, "changed after the call"
    assert day.written_tasks["moved"]["responsible_user_id"] == OLGA, "changed after the task"
    assert day.task("moved")["responsible_user_id"] == OLGA


def test_the_callback_completes_the_task_and_says_who_called(day: Day) -> None:
    task = day.task("ivan")
    assert task["is_completed"]
    assert task["result"]["text"].startswith("Перезвонили в ")
    assert task["result"]["text"].endswith("(Пётр Сидоров)")


def test_each_call_is_logged_once_with_its_result(day: Day) -> None:
    uniq = [note["params"]["uniq"] for note in day.calls]
    assert len(uniq) == len(set(uniq))
    there, back = day.calls_of("ivan")
    assert [there["note_type"], back["note_type"]] == ["call_in", "call_out"]
    assert [there["params"]["call_status"], back["params"]["call_status"]] == [6, 4]
    assert [there["params"]["duration"], back["params"]["duration"]] == [0, 50]
    assert there["created_at"] == int(CALLED.timestamp())
    assert back["created_by"] == back["responsible_user_id"] == PETR


def test_a_stranger_becomes_one_lead_however_often_he_calls(day: Day) -> None:
    (card,) = [row for row in day.contacts if phone("stranger")[6:] in str(row["custom_fields_values"])]
    (lead,) = [row for row in day.leads if row["name"].startswith("+7 921 555-00-09")]
    assert len(day.calls_of("stranger")) == 2
    (task,) = [row for row in day.tasks if row["entity_id"] in {card["id"], lead["id"]}]
    assert task["responsible_user_id"] == OLGA


def test_a_stranger_becomes_one_incoming_lead_where_the_policy_says_so(day: Day) -> None:
    (waiting,) = day.unsorted
    assert str(waiting["metadata"]["phone"]) == phone("visitor")[7:]
    assert "+7 921 555-00-10" in {row["name"].partition(" · ")[0] for row in day.leads}


def test_a_client_who_was_lost_in_a_transfer_has_a_note_and_a_task(day: Day) -> None:
    (note,) = day.notes
    assert note["entity_id"] in {day.clients["lost"].deal, day.clients["lost"].card}
    assert note["params"]["text"].startswith("Клиент потерян при переводе")
    assert not day.task("lost")["is_completed"]


def test_a_call_that_turns_out_to_have_been_answered_takes_its_task_away(day: Day) -> None:
    task = day.task("voided")
    assert task["is_completed"]
    assert task["result"]["text"] == "Перезванивать не нужно: на звонок ответили"


def test_a_callback_that_never_was_reopens_the_task(day: Day) -> None:
    task, case = day.task("reopened"), day.case("reopened")
    assert not task["is_completed"]
    assert task["complete_till"] == int(datetime.fromisoformat(case["due_at"]).timestamp())


def test_a_third_call_brings_the_deadline_forward_in_the_crm(day: Day) -> None:
    task, before = day.task("hurried"), day.written_tasks["hurried"]
    assert task["id"] == before["id"]
    assert task["complete_till"] < before["complete_till"]
    assert "Звонил 3 раза" in task["text"]


def test_everything_that_was_planned_was_sent_or_had_no_reason_any_more(day: Day) -> None:
    assert {row["state"] for row in day.effects} <= {"sent", "dropped"}
