"""A day between the telephone and a CRM: is each task, call, lead and note there once, right and in order?"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import event

from hub.cli.setup import writes
from hub.core.records import instant
from hub.engine import deliver, work
from hub.engine.hub import Hub
from hub.engine.preview import preview
from hub.engine.receive import arrival
from hub.errors import Temporary
from hub.registry import Link
from hub.sdk import CreateTask, Raw
from hub.store import inbox, outbox
from tests.engine.conftest import CONFIG, Workshop, live, rows
from tests.engine.crm import ALL_ON, Crm, Settings

IVAN = "phone:+79211234567"
TEAM = CONFIG.replace('handles = ["ext:src/101"]', 'handles = ["ext:src/101", "user:amo/504141"]')
SRC = 'plugin = "records"'


@pytest.fixture
def crm() -> Crm:
    return Crm()


def opened(workshop: Workshop, crm: Crm, amo: str = ALL_ON) -> Hub:
    return workshop.hub(crm.connector(), config=TEAM, connections={"src": SRC, "amo": amo})


@pytest.fixture
def hub(sqlite_workshop: Workshop, crm: Crm) -> Hub:
    made = opened(sqlite_workshop, crm)
    live(made, made.now() - timedelta(hours=1))
    return made


def at(hub: Hub, minutes: float) -> datetime:
    """So many minutes after the test's morning began; the clock of the hub stands where the test moved it."""
    return datetime(2026, 3, 10, 7, tzinfo=hub.now().tzinfo) + timedelta(minutes=minutes)


def call(
    hub: Hub,
    id: str,
    minutes: float,
    seconds: float = 40,
    talk: float | None = None,
    direction: str = "inbound",
    client: str = IVAN,
    phone: str = "101",
    **keys: Any,
) -> dict[str, Any]:
    """A call that began then; talk: how many seconds of it somebody talked."""
    start = at(hub, minutes)
    end = start + timedelta(seconds=seconds)
    answered = end - timedelta(seconds=talk) if talk is not None else None
    legs = [{"kind": "member", "to": f"ext:{phone}", "started_at": start, "answered_at": answered, "ended_at": end}]
    if direction == "outbound":
        legs[0]["answered_at"] = start
        legs.append({"kind": "client", "to": client, "started_at": start, "answered_at": answered, "ended_at": end})
    for leg in legs:
        leg.update({key: value.isoformat() for key, value in leg.items() if isinstance(value, datetime)})
    return {
        "record": "call",
        "id": id,
        "direction": direction,
        "client": client,
        "line": "74950010100",
        "final": True,
        "started_at": start.isoformat(),
        "ended_at": end.isoformat(),
        "hangup_by": "client",
        "legs": legs,
        **keys,
    }


def taken(hub: Hub, call_id: str, minutes: float) -> dict[str, Any]:
    """Boris takes over the wait that this call opened."""
    moment = at(hub, minutes).isoformat()
    return {"record": "mark", "id": "t", "at": moment, "by": "boris", "kind": "taken", "on": f"src/call/{call_id}"}


def card(id: str = "c1", handles: tuple[str, ...] = (IVAN,), **keys: Any) -> dict[str, Any]:
    return {
        "record": "card",
        "id": id,
        "name": "Пётр Ильин",
        "handles": list(handles),
        "changed_at": "2026-03-01T10:00:00+03:00",
        **keys,
    }


def deal(id: str, cards: tuple[str, ...] = ("c1",), **keys: Any) -> dict[str, Any]:
    return {
        "record": "deal",
        "id": id,
        "cards": list(cards),
        "created_at": "2026-03-01T10:00:00+03:00",
        "changed_at": "2026-03-01T10:00:00+03:00",
        **keys,
    }


def put(hub: Hub, connection: str, *records: dict[str, Any], as_live: bool = False) -> None:
    items = [
        arrival(connection, Raw("record", f"{row['record']}/{row['id']}", row), hub.now(), as_live=as_live)
        for row in records
    ]
    with hub.db.begin() as store:
        inbox.put(store, items)


async def settle(hub: Hub) -> None:
    """Absorb, derive and deliver everything that is due."""
    await work.catch_up(hub, hub.now())
    for name in hub.carried:
        while await deliver.step(hub, hub.links[name]):
            pass
    while await deliver.undeliverable(hub):
        pass


def clock(hub: Hub, minutes: float) -> None:
    hub.now.time = at(hub, minutes)  # type: ignore[attr-defined]


def states(hub: Hub, kind: str = "") -> list[tuple[str, str]]:
    return [(row["key"], row["state"]) for row in rows(hub, outbox.listing) if row["kind"].startswith(kind)]


async def test_a_missed_call_becomes_a_task_of_the_right_one_until_the_right_moment(hub: Hub, crm: Crm) -> None:
    put(hub, "amo", card(owner="user:504141"), deal("d1", owner="user:504141"))
    put(hub, "src", call(hub, "m1", 0))
    clock(hub, 1)
    await settle(hub)
    (task,) = crm.tasks.values()
    assert task["text"] == "Перезвонить: Пётр Ильин, +7 921 123-45-67. Звонил в 10:00 на «sales», ждёт до 10:15"
    assert (task["owner"], task["card"], task["deal"]) == ("504141", "c1", "d1")
    assert task["due_at"] == at(hub, 0) + timedelta(seconds=40, minutes=15)
    assert [entry.text for entry in crm.calls.values()] == ["Не дождался ответа, ждал 40 с"]
    assert crm.leads == {}


async def test_the_callback_closes_the_task_and_is_logged_once(hub: Hub, crm: Crm) -> None:
    put(hub, "amo", card())
    put(hub, "src", call(hub, "m1", 0))
    clock(hub, 1)
    await settle(hub)
    put(hub, "src", call(hub, "o1", 5, seconds=60, talk=50, direction="outbound", phone="102"))
    clock(hub, 7)
    for _ in range(3):
        put(hub, "src", call(hub, "o1", 5, seconds=60, talk=50, direction="outbound", phone="102"))
        await settle(hub)
    (task,) = crm.tasks.values()
    assert (task["done"], task["result"]) == (True, "Перезвонили в 10:05 (Boris)")
    logged = [(entry.direction, entry.outcome, entry.duration) for entry in crm.calls.values()]
    assert logged == [("inbound", "abandoned_wait", 0), ("outbound", "answered", 50)]
    assert len(crm.asked) == 4


async def test_late_data_reopens_a_task_and_closes_it_as_no_miss(hub: Hub, crm: Crm) -> None:
    put(hub, "amo", card())
    put(hub, "src", call(hub, "m1", 0))
    clock(hub, 1)
    await settle(hub)
    put(hub, "src", call(hub, "o1", 5, seconds=60, talk=50, direction="outbound"))
    clock(hub, 7)
    await settle(hub)
    put(hub, "src", {"record": "gone", "id": "o1", "of": "call"})
    await settle(hub)
    assert [(task["done"], task["due_at"]) for task in crm.tasks.values()] == [
        (False, at(hub, 15) + timedelta(seconds=40))
    ]
    put(hub, "src", call(hub, "m1", 0, talk=20, version=2))
    await settle(hub)
    (task,) = crm.tasks.values()
    assert (task["done"], task["result"]) == (True, "Перезванивать не нужно: на звонок ответили")


async def test_a_third_dial_brings_the_deadline_forward_and_who_takes_it_gets_the_task(hub: Hub, crm: Crm) -> None:
    put(hub, "amo", card())
    put(hub, "src", call(hub, "m1", 0))
    clock(hub, 1)
    await settle(hub)
    put(hub, "src", call(hub, "m2", 2), call(hub, "m3", 4))
    clock(hub, 5)
    await settle(hub)
    (task,) = crm.tasks.values()
    assert task["due_at"] == at(hub, 4) + timedelta(seconds=40)
    assert task["text"].startswith("Перезвонить: Пётр Ильин, +7 921 123-45-67. Звонил 3 раза, последний раз в 10:04")
    put(hub, "src", taken(hub, "m1", 5))
    await settle(hub)
    assert task["owner"] is None, "boris has no account there"
    assert len(crm.tasks) == 1


async def test_a_case_solved_before_its_task_was_written_writes_none(hub: Hub, crm: Crm) -> None:
    put(hub, "amo", card())
    put(hub, "src", call(hub, "m1", 0))
    clock(hub, 1)
    await work.catch_up(hub, hub.now())
    put(hub, "src", call(hub, "o1", 1, seconds=60, talk=50, direction="outbound"))
    clock(hub, 3)
    await settle(hub)
    assert crm.tasks == {}
    assert [state for _, state in states(hub, "c")][:1] == ["dropped"]
    assert {state for _, state in states(hub, "close")} == {"dropped"}


async def test_only_the_last_of_several_amendments_is_sent(hub: Hub, crm: Crm) -> None:
    put(hub, "amo", card())
    put(hub, "src", call(hub, "m1", 0))
    clock(hub, 1)
    await settle(hub)
    put(hub, "src", call(hub, "m2", 2), call(hub, "m3", 4))
    clock(hub, 5)
    await work.catch_up(hub, hub.now())
    put(hub, "src", taken(hub, "m1", 5))
    await settle(hub)
    assert [state for _, state in states(hub, "amend_task")] == ["dropped", "sent"]


# Callers whom the CRM does not know


async def test_an_unknown_caller_becomes_one_lead_and_everything_else_goes_onto_it(
    workshop: Workshop, crm: Crm
) -> None:
    hub = opened(workshop, crm)
    live(hub, hub.now() - timedelta(hours=1))
    put(hub, "src", call(hub, "m1", 0), call(hub, "m2", 1))
    clock(hub, 2)
    await settle(hub)
    (lead,) = crm.leads.values()
    assert (lead.title, lead.call, lead.phone) == ("+7 921 123-45-67 · sales", "src/call/m1", "+79211234567")
    assert [(entry.call, entry.card) for entry in crm.calls.values()] == [("src/call/m2", "c51000")]
    (task,) = crm.tasks.values()
    assert (task["card"], task["deal"]) == ("c51000", "d51000")
    assert [type(effect).__name__ for effect in crm.asked] == ["CreateLead", "CreateTask", "LogCall"]


async def test_what_follows_a_lead_waits_until_it_is_made(hub: Hub, crm: Crm) -> None:
    def busy(_effect: Any) -> None:
        raise Temporary("busy")

    crm.before = busy
    put(hub, "src", call(hub, "m1", 0), call(hub, "m2", 1))
    clock(hub, 2)
    await settle(hub)
    assert [type(effect).__name__ for effect in crm.asked] == ["CreateLead"]
    crm.before = lambda _effect: None
    clock(hub, 4)
    await settle(hub)
    clock(hub, 5)
    await settle(hub)
    assert [type(effect).__name__ for effect in crm.asked][1:] == ["CreateLead", "CreateTask", "LogCall"]


async def test_a_lead_that_came_back_as_cards_is_the_known_client_from_then_on(hub: Hub, crm: Crm) -> None:
    put(hub, "src", call(hub, "m1", 0))
    clock(hub, 1)
    await settle(hub)
    put(hub, "amo", card("c51000"), deal("d51000", ("c51000",), state="lost", changed_at=at(hub, 2).isoformat()))
    put(hub, "src", call(hub, "m2", 30, talk=20))
    clock(hub, 31)
    await settle(hub)
    assert len(crm.leads) == 1
    (entry,) = crm.calls.values()
    assert (entry.call, entry.card, entry.deal) == ("src/call/m2", "c51000", None), "its deal is lost by now"


async def test_a_card_made_by_somebody_meanwhile_makes_the_lead_a_logged_call(hub: Hub, crm: Crm) -> None:
    put(hub, "src", call(hub, "m1", 0))
    clock(hub, 1)
    await work.catch_up(hub, hub.now())
    put(hub, "amo", card())
    await settle(hub)
    assert crm.leads == {}
    assert [(entry.key, entry.card) for entry in crm.calls.values()] == [("call/src/call/m1/amo", "c1")]


async def test_nothing_that_the_crm_cannot_place_is_a_dead_letter(hub: Hub, crm: Crm) -> None:
    crm.knows_callers = False
    put(hub, "src", call(hub, "o1", 0, talk=20, direction="outbound"))
    clock(hub, 1)
    await settle(hub)
    assert [(row["state"], row["error"]) for row in rows(hub, outbox.listing)] == [
        ("dropped", "the CRM knows nobody by this number")
    ]


# What is told to nobody


async def test_history_and_what_began_before_it_was_switched_on_is_told_to_nobody(
    sqlite_workshop: Workshop, crm: Crm
) -> None:
    off = opened(sqlite_workshop, crm, 'plugin = "crm"')
    live(off, off.now() - timedelta(hours=1))
    put(off, "src", call(off, "m1", 0), call(off, "old", -120))
    clock(off, 2)
    await settle(off)
    hub = opened(sqlite_workshop, crm)
    put(hub, "src", call(hub, "m1", 0, version=2), call(hub, "m2", 3, client="phone:+79210000002"))
    clock(hub, 4)
    await settle(hub)
    assert {effect.client for effect in crm.asked} == {"phone:+79210000002"}


async def test_what_is_imported_as_live_is_told_even_before_the_first_run(sqlite_workshop: Workshop, crm: Crm) -> None:
    hub = opened(sqlite_workshop, crm)
    put(hub, "src", call(hub, "m1", 0), as_live=True)
    clock(hub, 1)
    await settle(hub)
    assert [type(effect).__name__ for effect in crm.asked] == ["CreateLead", "CreateTask"]


@pytest.mark.parametrize("caller", ["phone:+79990000101", None])
async def test_our_own_people_and_withheld_numbers_are_told_to_nobody(
    sqlite_workshop: Workshop, crm: Crm, caller: str | None
) -> None:
    team = TEAM.replace('"ext:src/101"', '"ext:src/101", "phone:+79990000101"')
    hub = sqlite_workshop.hub(crm.connector(), config=team, connections={"src": SRC, "amo": ALL_ON})
    live(hub, hub.now() - timedelta(hours=1))
    put(hub, "src", call(hub, "m1", 0, client=caller))
    clock(hub, 1)
    await settle(hub)
    assert crm.asked == []


async def test_a_client_who_is_not_to_be_contacted_gets_no_task(hub: Hub, crm: Crm) -> None:
    put(hub, "amo", card())
    put(
        hub,
        "src",
        {"record": "mark", "id": "s", "at": at(hub, -30).isoformat(), "by": "anna", "kind": "suppressed", "on": IVAN},
    )
    put(hub, "src", call(hub, "m1", 0))
    clock(hub, 1)
    await settle(hub)
    assert crm.tasks == {}


async def test_what_was_planned_for_a_push_that_is_off_by_now_is_dropped(sqlite_workshop: Workshop, crm: Crm) -> None:
    hub = opened(sqlite_workshop, crm)
    live(hub, hub.now() - timedelta(hours=1))
    put(hub, "src", call(hub, "m1", 0))
    clock(hub, 1)
    await work.catch_up(hub, hub.now())
    await settle(opened(sqlite_workshop, crm, 'plugin = "crm"'))
    assert crm.asked == []
    assert {state for _, state in states(hub)} == {"dropped"}


async def test_calls_of_the_crm_itself_are_not_told_to_it(hub: Hub, crm: Crm) -> None:
    put(hub, "amo", card(), call(hub, "own", 0, talk=20))
    clock(hub, 1)
    await settle(hub)
    assert crm.calls == {}


# Killed at any point


class Killed(BaseException):
    """The process is gone: nothing catches it."""


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("at_write", range(5))
async def test_killed_at_any_write_there_is_one_of_each(
    sqlite_workshop: Workshop, crm: Crm, when: str, at_write: int
) -> None:
    """A lead with a call, another call, a task, its closing, the callback: the hub dies around one of the writes."""
    left = [at_write]

    def dies(_effect: Any) -> None:
        left[0] -= 1
        if left[0] == -1:
            raise Killed

    setattr(crm, when, dies)
    hub = opened(sqlite_workshop, crm)
    live(hub, hub.now() - timedelta(hours=1))

    async def go_on(hub: Hub) -> Hub:
        try:
            await settle(hub)
        except Killed:
            hub = opened(sqlite_workshop, crm)
            await deliver.recover(hub)
            await settle(hub)
        return hub

    put(hub, "src", call(hub, "m1", 0), call(hub, "m2", 1))
    clock(hub, 2)
    hub = await go_on(hub)
    put(hub, "src", call(hub, "o1", 5, seconds=60, talk=50, direction="outbound"))
    clock(hub, 8)
    hub = await go_on(hub)
    clock(hub, 20)
    await settle(hub)
    assert left[0] < 0, "it was killed"
    assert sorted(crm.leads) == [f"lead/amo/{IVAN}"]
    assert sorted(crm.calls) == ["call/src/call/m2/amo", "call/src/call/o1/amo"]
    assert [(task["done"], task["card"]) for task in crm.tasks.values()] == [(True, "c51000")]
    assert {state for _, state in states(hub)} == {"sent"}


async def test_a_task_that_may_be_there_is_closed_though_its_answer_was_lost(hub: Hub, crm: Crm) -> None:
    def lost(effect: Any) -> None:
        if isinstance(effect, CreateTask):
            raise Temporary("no answer")

    put(hub, "amo", card())
    put(hub, "src", call(hub, "m1", 0))
    clock(hub, 1)
    crm.after = lost
    await settle(hub)
    assert len(crm.tasks) == 1
    crm.after = lambda _effect: None
    put(hub, "src", call(hub, "o1", 1, seconds=60, talk=50, direction="outbound"))
    for minute in (4, 5, 6, 7):
        clock(hub, minute)
        await settle(hub)
    assert [task["done"] for task in crm.tasks.values()] == [True]


# Before it is switched on


async def test_a_preview_lists_what_would_have_been_written_and_writes_nothing(
    sqlite_workshop: Workshop, crm: Crm
) -> None:
    hub = opened(sqlite_workshop, crm, 'plugin = "crm"\ntasks = true')
    put(hub, "src", call(hub, "m1", 0), call(hub, "m2", 1), call(hub, "o1", 5, 60, talk=50, direction="outbound"))
    put(hub, "src", call(hub, "long ago", -60 * 24 * 9), call(hub, "other", 3, client="phone:+79210000002"))
    put(hub, "amo", card(owner="user:504141", handles=("phone:+79210000002",)))
    clock(hub, 20)
    await work.catch_up(hub, hub.now())
    found = await preview(hub, hub.now() - timedelta(days=7), hub.now())
    assert [(row["kind"], row["body"].get("call") or row["body"]["text"], row["on"]) for row in found] == [
        ("create_lead", "src/call/m1", False),
        (
            "create_task",
            "Перезвонить: +7 921 123-45-67. Звонил 2 раза, последний раз в 10:01 на «sales», ждёт до 10:15",
            True,
        ),
        ("log_call", "src/call/m2", False),
        ("log_call", "src/call/other", False),
        ("create_task", "Перезвонить: Пётр Ильин, +7 921 000-00-02. Звонил в 10:03 на «sales», ждёт до 10:18", True),
        ("log_call", "src/call/o1", False),
        ("close_task", "Перезвонили в 10:05 (Anna)", True),
    ]
    (task,) = [row for row in found if row["kind"] == "create_task" and row["body"]["contact"]]
    assert (task["body"]["card"], task["body"]["owner"]) == ("c1", "504141")
    assert rows(hub, outbox.listing) == []
    assert await preview(hub, hub.now() - timedelta(days=7), hub.now(), "src") == []


def test_a_check_says_what_is_written_and_what_switches_the_rest_on(hub: Hub, crm: Crm) -> None:
    half = Link("amo", crm.connector(), Settings(tasks=True))
    assert writes(half) == [
        "on   amo: writes a task to call back after a missed call, closed once the client was reached",
        "off  amo: would write each call in the client's card, once; switched on by log_calls = true",
        (
            "off  amo: would write a lead for an unknown caller, never a second one for the same number; "
            "switched on by leads = true"
        ),
        "off  amo: would write a note where a client was lost in a transfer; switched on by notes = true",
    ]


# Lost in a transfer


async def test_a_client_lost_in_a_transfer_leaves_a_note_and_a_task_for_who_spoke_with_him(hub: Hub, crm: Crm) -> None:
    put(hub, "amo", card())
    start = at(hub, 0)

    def leg(kind: str, begin: int, end: int, to: str | None = None, answered: int | None = None) -> dict[str, Any]:
        moments = {"started_at": begin, "ended_at": end, "answered_at": answered}
        told = {
            key: (start + timedelta(seconds=value)).isoformat() for key, value in moments.items() if value is not None
        }
        return {"kind": kind, "to": to, **told}

    legs = [leg("member", 0, 30, "ext:101", 5), leg("queue", 30, 90)]
    for _ in range(2):
        put(hub, "src", call(hub, "t1", 0, seconds=90) | {"legs": legs})
        clock(hub, 2)
        await settle(hub)
    (task,) = crm.tasks.values()
    assert (
        task["text"]
        == "Перезвонить: Пётр Ильин, +7 921 123-45-67. Потерян при переводе в 10:00 на «sales», ждёт до 10:16"
    )
    assert task["owner"] == "504141"
    (note,) = crm.notes.values()
    assert note.text == (
        "Клиент потерян при переводе в 10:00 на «sales»: после разговора (Anna) ждал, пока ответит следующий, и положил трубку"
    )
    assert [entry.outcome for entry in crm.calls.values()] == ["answered"]


# Cost


async def test_a_client_with_many_told_calls_plans_nothing_again(hub: Hub, crm: Crm) -> None:
    put(hub, "amo", card())
    put(hub, "src", *(call(hub, f"c{number}", number, seconds=20, talk=10) for number in range(120)))
    clock(hub, 130)
    await settle(hub)
    assert len(crm.calls) == 120
    statements: list[str] = []

    @event.listens_for(hub.db._relaxed, "before_cursor_execute")
    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        statements.append(statement)

    put(hub, "amo", card(owner="user:504141", version=2))
    await settle(hub)
    assert len(crm.calls) == 120
    assert any("INTO calls" in statement for statement in statements), "its calls were judged anew"
    assert not [statement for statement in statements if "INTO outbox" in statement]


def test_instants_of_the_tests_are_moscows_ten_o_clock(hub: Hub) -> None:
    assert at(hub, 0) == instant("2026-03-10T10:00:00+03:00")


# Who wrote waits as well as who called.


async def test_a_message_without_a_reply_is_a_task_until_somebody_answers(hub: Hub, crm: Crm) -> None:
    put(hub, "amo", card(handles=(IVAN, "email:ivan@example.ru"), owner="user:504141"))
    mail = {
        "record": "message", "id": "w1", "at": at(hub, 0).isoformat(), "channel": "email", "direction": "in",
        "author": "client", "client": "email:ivan@example.ru", "line": "74950010100", "thread": "t", "text": "?",
    }  # fmt: skip
    put(hub, "src", mail)
    clock(hub, 1)
    await settle(hub)
    (task,) = crm.open_tasks
    assert task["text"] == "Ответить: Пётр Ильин, ivan@example.ru. Письмо в 10:00 на «sales», ждёт до 10:15"
    reply = mail | {"id": "w2", "at": at(hub, 5).isoformat(), "direction": "out", "author": "member", "member": "anna"}
    put(hub, "src", reply)
    clock(hub, 6)
    await settle(hub)
    assert crm.open_tasks == []


async def test_a_form_is_a_task_to_get_in_touch(hub: Hub, crm: Crm) -> None:
    form = {"record": "submission", "id": "f1", "at": at(hub, 0).isoformat(), "handles": [IVAN], "line": "74950010100"}
    put(hub, "src", form)
    clock(hub, 1)
    await settle(hub)
    (task,) = crm.open_tasks
    assert task["text"] == "Связаться: +7 921 123-45-67. Оставил заявку в 10:00 на «sales», ждёт до 10:15"
