"""Does the account say what the hub wanted it to say, once, whatever went wrong on the way?"""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from hub.sdk import (
    AddNote,
    AmendTask,
    AuthFailed,
    CloseTask,
    Context,
    CreateLead,
    CreateTask,
    Effect,
    LogCall,
    NothingToDo,
    Rejected,
    Sent,
    Stored,
    Temporary,
)
from plugins.amocrm.connector import CONNECTOR
from plugins.amocrm.settings import Settings

sys.path.insert(0, str(Path(__file__).parent))
from account import Account, account

NOW = datetime.now(UTC).replace(microsecond=0)
KNOWN = "phone:+79031112233"
UNKNOWN = "phone:+79995550011"


class Desk:
    """The hub's hand in an account: sends effects as delivery does, and looks what became of them."""

    def __init__(self, amo: Account, client: Any, settings: Settings) -> None:
        self.amo, self.client = amo, client
        assert CONNECTOR.push is not None
        self.pushes = {push.effect: push for push in CONNECTOR.push(settings)}

    async def send(self, effect: Effect) -> Sent:
        return await self.pushes[type(effect)].send(self.client, effect)

    async def until_sent(self, effect: Effect) -> Sent:
        """As delivery does: again after trouble."""
        for _ in range(5):
            try:
                return await self.send(effect)
            except Temporary:
                continue
        pytest.fail("never sent")

    async def rows(self, path: str) -> list[Any]:
        return await self.client.rows(path)


@asynccontextmanager
async def desk(**options: Any) -> AsyncIterator[Desk]:
    async with account() as amo, amo.client(**options) as client:
        yield Desk(amo, client, client.settings)


def task(**changes: Any) -> CreateTask:
    given = {
        "key": "17/task/amo", "at": NOW, "client": KNOWN, "text": "Перезвонить: Пётр", "case": "missed_call:pbx/call/1",
        "due_at": NOW + timedelta(minutes=15), "card": "51001", "owner": "8100002", "number": 17,
    }  # fmt: skip
    return CreateTask(**{**given, **changes})


def amended(sent: Sent, **changes: Any) -> AmendTask:
    made = task()
    given = {
        "key": "17/task/amo/1", "at": NOW, "client": KNOWN, "text": made.text, "case": made.case,
        "due_at": made.due_at, "card": made.card, "owner": made.owner, "replaces": sent.id,
    }  # fmt: skip
    return AmendTask(**{**given, **changes})


def closing(sent: Sent) -> CloseTask:
    return CloseTask(
        key="17/task/amo/1",
        at=NOW,
        client=KNOWN,
        text="Перезвонили в 10:31",
        case="missed_call:pbx/call/1",
        replaces=sent.id,
    )


def call(**changes: Any) -> LogCall:
    return LogCall(**{**_told(), "key": "call/pbx/call/1/amo", **changes})


def lead(**changes: Any) -> CreateLead:
    given = {
        "key": f"lead/amo/{UNKNOWN}",
        "client": UNKNOWN,
        "title": "+7 999 555-00-11 · sales",
        "outcome": "abandoned_wait",
    }
    return CreateLead(**{**_told(), **given, "duration": 0, **changes})


def _told() -> dict[str, Any]:
    return {
        "at": NOW - timedelta(minutes=5), "client": KNOWN, "text": "Разговор", "call": "pbx/call/1", "direction": "inbound",
        "outcome": "answered", "started_at": NOW - timedelta(minutes=5), "duration": 73, "line": "74950010100",
        "line_group": "sales", "recordings": ("https://rec.example/1.mp3",), "owner": "8100002", "card": "51001",
    }  # fmt: skip


# what is offered


def test_everything_is_offered_and_nothing_is_on() -> None:
    assert CONNECTOR.push is not None
    offered = CONNECTOR.push(Settings(domain="vostok.amocrm.ru"))
    assert [push.effect for push in offered if push.on] == []
    assert all(push.switch for push in offered)


def test_each_line_switches_on_what_it_says() -> None:
    assert CONNECTOR.push is not None
    settings = Settings.model_validate({"domain": "vostok.amocrm.ru", "tasks": True, "unknown_callers": "lead"})
    on = {push.effect for push in CONNECTOR.push(settings) if push.on}
    assert on == {CreateTask, AmendTask, CloseTask, CreateLead}


# tasks


async def test_a_task_goes_onto_the_open_deal_of_the_one_responsible() -> None:
    async with desk() as hub:
        (deal,) = (await hub.client.rows("/api/v4/leads", (), 1))[:1]
        sent = await hub.send(task(deal=str(deal["id"])))
        found = await hub.client.get(f"/api/v4/tasks/{sent.id}")
        assert (found["entity_type"], found["entity_id"]) == ("leads", deal["id"])
        assert (found["responsible_user_id"], found["text"]) == (8100002, "Перезвонить: Пётр [hub 17]")
        assert found["complete_till"] == int(task().due_at.timestamp())
        assert sent.url == f"{hub.client.settings.url}/leads/detail/{deal['id']}"


async def test_a_task_goes_onto_the_card_where_no_deal_is_open() -> None:
    async with desk() as hub:
        sent = await hub.send(task())
        found = await hub.client.get(f"/api/v4/tasks/{sent.id}")
        assert (found["entity_type"], found["entity_id"]) == ("contacts", 51001)


async def test_a_task_goes_onto_a_company() -> None:
    async with desk() as hub:
        (company,) = await hub.client.rows("/api/v4/companies", (), 1)
        sent = await hub.send(task(card=f"company-{company['id']}"))
        found = await hub.client.get(f"/api/v4/tasks/{sent.id}")
        assert (found["entity_type"], found["entity_id"]) == ("companies", company["id"])


async def test_a_task_for_somebody_unknown_stands_alone() -> None:
    async with desk() as hub:
        sent = await hub.send(task(card=None, client=UNKNOWN))
        found = await hub.client.get(f"/api/v4/tasks/{sent.id}")
        assert found["entity_id"] is None
        assert await hub.send(task(card=None, client=UNKNOWN)) == sent


async def test_a_card_that_was_deleted_meanwhile_is_found_by_its_number() -> None:
    async with desk() as hub:
        sent = await hub.send(task(card="99999"))
        found = await hub.client.get(f"/api/v4/tasks/{sent.id}")
        assert (found["entity_type"], found["entity_id"]) == ("contacts", 51001)


async def test_a_task_sent_twice_is_there_once() -> None:
    async with desk() as hub:
        before = len(await hub.rows("/api/v4/tasks"))
        assert await hub.send(task()) == await hub.send(task())
        assert len(await hub.rows("/api/v4/tasks")) == before + 1


async def test_a_task_whose_answer_was_lost_is_there_once_even_where_a_deal_was_opened_since() -> None:
    async with desk() as hub:
        (deal,) = (await hub.client.rows("/api/v4/leads", (), 1))[:1]
        before = len(await hub.rows("/api/v4/tasks"))
        await hub.amo.set(faults=[{"kind": "lost", "method": "POST", "path": "/api/v4/tasks", "count": 1}])
        with pytest.raises(Temporary):
            await hub.send(task())
        await hub.send(task(deal=str(deal["id"])))
        assert len(await hub.rows("/api/v4/tasks")) == before + 1


async def test_a_task_of_an_older_hub_with_the_same_mark_is_not_taken_for_ours() -> None:
    async with desk() as hub:
        await hub.amo.set(clock_shift=-86_400)
        old = await hub.send(task())
        await hub.amo.set(clock_shift=0)
        assert (await hub.send(task())).id != old.id


async def test_an_amendment_writes_what_differs() -> None:
    async with desk() as hub:
        sent = await hub.send(task())
        later = NOW + timedelta(hours=1)
        await hub.send(amended(sent, due_at=later, owner="8100001"))
        found = await hub.client.get(f"/api/v4/tasks/{sent.id}")
        assert (found["complete_till"], found["responsible_user_id"]) == (int(later.timestamp()), 8100001)
        assert found["text"] == "Перезвонить: Пётр [hub 17]"


async def test_an_amendment_that_changes_nothing_writes_nothing() -> None:
    async with desk() as hub:
        sent = await hub.send(task())
        await hub.amo.set(faults=[{"kind": "status", "method": "PATCH", "status": 500}])
        await hub.send(amended(sent))


async def test_a_task_is_closed_with_how_it_ended_and_opened_again() -> None:
    async with desk() as hub:
        sent = await hub.send(task())
        await hub.send(closing(sent))
        await hub.send(closing(sent))
        found = await hub.client.get(f"/api/v4/tasks/{sent.id}")
        assert (found["is_completed"], found["result"]) == (True, {"text": "Перезвонили в 10:31"})
        await hub.send(amended(sent))
        assert not (await hub.client.get(f"/api/v4/tasks/{sent.id}"))["is_completed"]


async def test_a_task_that_a_person_closed_keeps_his_result() -> None:
    async with desk() as hub:
        sent = await hub.send(task())
        await hub.amo.touch("tasks", int(sent.id or 0), "complete", text="Сам перезвонил")
        await hub.send(closing(sent))
        assert (await hub.client.get(f"/api/v4/tasks/{sent.id}"))["result"] == {"text": "Сам перезвонил"}


async def test_a_task_that_was_deleted_is_nothing_to_do() -> None:
    async with desk() as hub:
        with pytest.raises(NothingToDo, match="deleted"):
            await hub.send(closing(Sent(id="999999")))
        with pytest.raises(NothingToDo, match="deleted"):
            await hub.send(amended(Sent(id="999999")))


async def test_a_task_of_ours_comes_back_with_the_key_of_its_effect() -> None:
    async with desk() as hub:
        sent = await hub.send(task())
        row = await hub.client.get(f"/api/v4/tasks/{sent.id}")
        (record,) = CONNECTOR.parse["task"]([Stored("task", "1", row, NOW)], hub.client.settings, Context("amo"))
        assert record.key == task().key  # type: ignore[union-attr]


async def test_a_refusal_says_what_was_wrong() -> None:
    async with desk() as hub:
        with pytest.raises(Rejected, match=r"responsible_user_id: The value you selected is not a valid choice"):
            await hub.send(task(owner="123"))


# calls


async def test_a_call_is_in_the_clients_history_once() -> None:
    async with desk() as hub:
        sent = await hub.send(call())
        assert await hub.send(call()) == sent
        (note,) = [row for row in await _call_notes(hub) if row["params"]["uniq"] == call().key]
        said = note["params"]
        assert (note["note_type"], said["duration"], said["call_status"]) == ("call_in", 73, 4)
        assert said["link"] == "https://rec.example/1.mp3"
        assert note["created_by"] == note["responsible_user_id"] == 8100002


async def _call_notes(hub: Desk) -> list[Any]:
    found = []
    for path in ("contacts", "leads", "companies"):
        found += await hub.rows(f"/api/v4/{path}/notes")
    return [row for row in found if row["note_type"] in {"call_in", "call_out"}]


async def test_a_call_of_a_company_that_the_hub_does_not_know_is_logged_once() -> None:
    async with desk() as hub:
        number = {"field_code": "PHONE", "values": [{"value": "8 (800) 555-35-35"}]}
        await hub.client.send("POST", "/api/v4/companies", [{"name": "Новая", "custom_fields_values": [number]}])
        told = call(client="phone:+78005553535", card=None)
        assert await hub.send(told) == await hub.send(told)
        assert len([row for row in await _call_notes(hub) if row["params"]["uniq"] == told.key]) == 1


@pytest.mark.parametrize(
    ("outcome", "status"),
    [
        ("answered", 4),
        ("busy", 7),
        ("no_answer", 6),
        ("voicemail", 1),
        ("member_no_answer", 6),
        ("callback_requested", 2),
    ],
)
async def test_each_outcome_has_its_result_code(outcome: str, status: int) -> None:
    async with desk() as hub:
        await hub.send(call(outcome=outcome, duration=0, direction="outbound", recordings=()))
        (note,) = [row for row in await _call_notes(hub) if row["params"]["uniq"] == call().key]
        assert (note["note_type"], note["params"]["call_status"]) == ("call_out", status)


@pytest.mark.parametrize("kind", ["lost", "half"])
async def test_a_call_whose_answer_was_lost_is_logged_once(kind: str) -> None:
    async with desk() as hub:
        await hub.amo.set(faults=[{"kind": kind, "method": "POST", "path": "/api/v4/calls", "count": 1}])
        await hub.until_sent(call())
        assert len([row for row in await _call_notes(hub) if row["params"]["uniq"] == call().key]) == 1


async def test_a_call_of_a_number_that_the_search_misses_goes_onto_the_card_that_the_hub_knows() -> None:
    async with desk() as hub:
        sent = await hub.send(call(client=UNKNOWN))
        assert await hub.send(call(client=UNKNOWN)) == sent
        (note,) = [row for row in await _call_notes(hub) if row["params"]["uniq"] == call().key]
        assert (note["entity_id"], note["params"]["phone"]) == (51001, "+79995550011")


async def test_a_call_of_somebody_unknown_is_nothing_to_do() -> None:
    async with desk() as hub:
        with pytest.raises(NothingToDo, match="no contact"):
            await hub.send(call(client=UNKNOWN, card=None))


async def test_a_call_without_a_number_is_nothing_to_do() -> None:
    async with desk() as hub:
        with pytest.raises(NothingToDo, match="withheld"):
            await hub.send(call(client="withheld:pbx/1"))


async def test_a_call_of_ours_that_comes_back_is_no_new_call() -> None:
    async with desk() as hub:
        await hub.send(call())
        (row,) = [row for row in await _call_notes(hub) if row["params"]["uniq"] == call().key]
        parse = CONNECTOR.parse["note"]
        assert list(parse([Stored("note", "1", row, NOW)], hub.client.settings, Context("amo"))) == []


# leads


async def test_an_unknown_caller_becomes_contact_and_lead_with_his_call_once() -> None:
    async with desk(unknown_callers="lead") as hub:
        sent = await hub.send(lead())
        again = await hub.send(lead())
        assert (again.card, again.deal) == (sent.card, sent.deal)
        made = await hub.client.get(f"/api/v4/leads/{sent.deal}", (("with", "contacts"),))
        assert (made["name"], made["responsible_user_id"]) == ("+7 999 555-00-11 · sales", 8100002)
        assert [row["id"] for row in made["_embedded"]["contacts"]] == [int(sent.card or 0)]
        assert len([row for row in await _call_notes(hub) if row["params"]["uniq"] == lead().key]) == 1


async def test_an_unknown_caller_becomes_an_incoming_lead_once() -> None:
    async with desk(unknown_callers="unsorted") as hub:
        sent = await hub.send(lead())
        assert await hub.send(lead()) == sent
        (row,) = [row for row in await hub.rows("/api/v4/leads/unsorted") if row["metadata"].get("uniq") == lead().key]
        assert row["uid"] == sent.id


@pytest.mark.parametrize("policy", ["lead", "unsorted"])
async def test_a_lead_whose_answer_was_lost_is_there_once(policy: str) -> None:
    async with desk(unknown_callers=policy) as hub:
        leads = len(await hub.rows("/api/v4/leads")) + len(await hub.rows("/api/v4/leads/unsorted"))
        await hub.amo.set(faults=[{"kind": "lost", "method": "POST", "path": "/api/v4/leads/*", "count": 1}])
        await hub.until_sent(lead())
        assert len(await hub.rows("/api/v4/leads")) + len(await hub.rows("/api/v4/leads/unsorted")) <= leads + 2
        await hub.amo.set(faults=[])
        before = (await hub.rows("/api/v4/leads"), await hub.rows("/api/v4/leads/unsorted"))
        await hub.until_sent(lead())
        assert (await hub.rows("/api/v4/leads"), await hub.rows("/api/v4/leads/unsorted")) == before


async def test_a_caller_who_is_known_by_now_gets_no_lead() -> None:
    async with desk(unknown_callers="lead") as hub:
        before = len(await hub.rows("/api/v4/leads"))
        sent = await hub.send(lead(client=KNOWN, key=f"lead/amo/{KNOWN}"))
        assert sent.card == "51001"
        assert len(await hub.rows("/api/v4/leads")) == before
        assert len([row for row in await _call_notes(hub) if row["params"]["uniq"] == f"lead/amo/{KNOWN}"]) == 1


# notes


async def test_a_note_is_on_the_card_once() -> None:
    note = AddNote(key="17/note/amo", at=NOW, client=KNOWN, text="Потерян при переводе", case="lost:1", card="51001")
    async with desk() as hub:
        assert await hub.send(note) == await hub.send(note)
        texts = [row["params"].get("text") for row in await hub.rows("/api/v4/contacts/51001/notes")]
        assert texts.count("Потерян при переводе [hub 17]") == 1


async def test_a_note_on_nobody_is_nothing_to_do() -> None:
    note = AddNote(key="17/note/amo", at=NOW, client=UNKNOWN, text="Потерян при переводе", case="lost:1")
    async with desk() as hub:
        with pytest.raises(NothingToDo):
            await hub.send(note)


# access


async def test_access_that_was_taken_away_is_for_a_person() -> None:
    async with desk() as hub:
        await hub.amo.set(disable_integration=True)
        with pytest.raises(AuthFailed):
            await hub.send(task())
