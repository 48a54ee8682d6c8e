"""Is the right one told in time, once, in words that are true, and is what he answers carried out?"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from hub.engine import current, deliver, digests, work
from hub.engine.hub import Hub
from hub.engine.receive import arrival
from hub.errors import Temporary, Unanswered, Unreachable
from hub.sdk import Raw
from hub.store import cases, inbox, outbox, repairs, staff
from tests.engine.chat import Chat
from tests.engine.conftest import CONFIG, Workshop, live, rows

TEAM = CONFIG.replace('notify = ["src:anna"]', 'notify = ["chat:anna", "mail:anna"]').replace(
    'notify = ["nowhere:1", "src:boris"]', 'notify = ["chat:boris"]'
)
LINKS = {"src": 'plugin = "records"', "chat": 'plugin = "chat"', "mail": 'plugin = "mail"'}
IVAN = "phone:+79211234567"
BEGIN = datetime.fromisoformat("2026-03-10T10:00:00+03:00")


@pytest.fixture
def chat() -> Chat:
    return Chat()


@pytest.fixture
def mail() -> Chat:
    return Chat(edits=False)


def opened(workshop: Workshop, chat: Chat, mail: Chat, config: str = TEAM) -> Hub:
    made = workshop.hub(chat.connector("chat"), mail.connector("mail"), config=config, connections=LINKS)
    live(made, BEGIN - timedelta(hours=1))
    return made


@pytest.fixture
def hub(sqlite_workshop: Workshop, chat: Chat, mail: Chat) -> Hub:
    return opened(sqlite_workshop, chat, mail)


def at(minutes: float) -> datetime:
    return BEGIN + timedelta(minutes=minutes)


def missed(id: str, minutes: float, client: str = IVAN, seconds: float = 30, **keys: Any) -> dict[str, Any]:
    """A call that Anna's telephone rang for in vain."""
    start, end = at(minutes).isoformat(), (at(minutes) + timedelta(seconds=seconds)).isoformat()
    leg = {"kind": "member", "to": "ext:101", "started_at": start, "ended_at": end, "result": "no_answer"}
    return {
        "record": "call", "id": id, "direction": "inbound", "client": client, "line": "74950010100", "final": True,
        "started_at": start, "ended_at": end, "hangup_by": "client", "legs": [leg], **keys,
    }  # fmt: skip


def reached(id: str, minutes: float, seconds: float = 60) -> dict[str, Any]:
    start, end = at(minutes).isoformat(), (at(minutes) + timedelta(seconds=seconds)).isoformat()
    legs = [
        {"kind": "member", "to": "ext:101", "started_at": start, "answered_at": start, "ended_at": end},
        {"kind": "client", "to": IVAN, "started_at": start, "answered_at": start, "ended_at": end},
    ]
    return missed(id, minutes, seconds=seconds) | {"direction": "outbound", "legs": legs}


def put(hub: Hub, *records: dict[str, Any]) -> None:
    items = [arrival("src", Raw("record", f"{row['record']}/{row['id']}", row), hub.now()) for row in records]
    with hub.db.begin() as store:
        inbox.put(store, items)


def tell(hub: Hub, what: str, id: str, /, connection: str = "chat", **values: Any) -> None:
    """The messenger tells the hub something."""
    payload = {"what": what, "at": hub.now().isoformat(), **values}
    payload |= {"id": id} if what != "returned" else {}
    with hub.db.begin() as store:
        inbox.put(store, [arrival(connection, Raw("told", id, payload), hub.now())])


def press(hub: Hub, minutes: float, id: str, action: str, by: str = "chat:anna", on: str = "m1") -> None:
    hub.now.time = at(minutes)  # type: ignore[attr-defined]
    tell(hub, "press", id, by=by, on=on, action=action)


async def settle(hub: Hub, minutes: float) -> None:
    """Everything that is due at that minute of the test's morning."""
    hub.now.time = at(minutes)  # type: ignore[attr-defined]
    await work.catch_up(hub, hub.now())
    busy = True
    while busy:
        busy = False
        for name in ("chat", "mail"):
            busy |= await deliver.step(hub, hub.links[name])
        busy |= await deliver.undeliverable(hub)


async def half_used(hub: Hub) -> None:
    """A client was missed, and Anna is told that half of the time is used."""
    put(hub, missed("c1", 0))
    await settle(hub, 1)
    await settle(hub, 8.1)


async def steps(hub: Hub) -> list[tuple[int, str, str]]:
    (case,) = await current.listing(hub, hub.now())
    return [(step["step"], step["to"], step["state"]) for step in case["steps"]]


def states(hub: Hub) -> list[tuple[str, str]]:
    return [(row["key"], row["state"]) for row in rows(hub, outbox.listing)]


# What is said.


async def test_a_notice_says_who_waits_how_long_and_whose_turn_it_is(hub: Hub, chat: Chat) -> None:
    await half_used(hub)
    (message,) = chat.of("anna")
    assert message.whole.splitlines() == [
        "⏳ +7 921 123-45-67 ждёт 7 мин, осталось 7 мин",
        "",
        "Звонил в 10:00 на «sales», ждал 30 с",
        "Не взяли: Anna",
        "",
        "Очередь ваша.",
    ]
    assert message.actions == ["take", "hand", "later", "close"]


async def test_a_head_reads_that_it_is_overdue_and_that_nobody_tried(hub: Hub, chat: Chat) -> None:
    await half_used(hub)
    await settle(hub, 16)
    (message,) = chat.of("boris")
    assert message.title == "🔴 +7\u00a0921\u00a0123-45-67: срок вышел в 10:15"
    assert message.text.endswith("Очередь: Anna. Попыток не было")
    assert len(message.whole) <= 600


async def test_what_a_client_wrote_is_quoted_and_needs_no_reply_if_somebody_says_so(hub: Hub, chat: Chat) -> None:
    words = "Просим обновить КП с учётом доставки до Петрозаводска"
    put(
        hub,
        {
            "record": "message", "id": "w1", "at": at(0).isoformat(), "channel": "email", "direction": "in", "author": "client",
            "client": "email:timur@example.ru", "line": "74950010100", "thread": "t", "text": words,
        },
    )  # fmt: skip
    await settle(hub, 8)
    (message,) = chat.of("anna")
    assert message.title.replace("\u00a0", " ") == "✉️ timur@example.ru ждёт ответа 8 мин, осталось 7 мин"
    assert f"«{words}»" in message.text
    press(hub, 9, "p1", "close")
    press(hub, 9, "p2", "close:thanks")
    await settle(hub, 9)
    (case,) = rows(hub, cases.listing)
    assert (case["state"], case["resolution"], case["reason"]) == ("closed", "no_reply_needed", "thanks")
    assert chat.answers[-1] == "Закрыто: «отвечать нечего». Отменить можно 10 минут."
    assert message.title == "☑️ timur@example.ru: ответа не нужно"


# What is pressed.


async def test_who_takes_it_is_answered_and_the_message_says_who_has_it(hub: Hub, chat: Chat) -> None:
    await half_used(hub)
    press(hub, 9, "p1", "take")
    await settle(hub, 9)
    assert chat.answers == ["Взяли. Следующий шаг не раньше 10:24, часы идут."]
    (message,) = chat.of("anna")
    assert message.title.endswith("в работе в 10:09, Anna")
    assert "take" not in message.actions
    (case,) = rows(hub, cases.listing)
    assert case["assignee"] == "anna"


async def test_a_button_pressed_twice_or_told_twice_does_it_once(hub: Hub, chat: Chat) -> None:
    await half_used(hub)
    press(hub, 9, "p1", "take")
    await settle(hub, 9)
    press(hub, 10, "p1", "take")
    press(hub, 10, "p2", "take")
    await settle(hub, 10)
    assert chat.answers == ["Взяли. Следующий шаг не раньше 10:24, часы идут."] * 2


async def test_who_is_too_late_reads_who_has_it(hub: Hub, chat: Chat) -> None:
    await half_used(hub)
    press(hub, 9, "p1", "take")
    press(hub, 9, "p2", "take", by="chat:boris")
    await settle(hub, 9)
    assert chat.answers[1] == "Уже в работе в 10:09: Anna."


async def test_a_stranger_and_one_who_has_no_part_in_it_are_refused(
    sqlite_workshop: Workshop, chat: Chat, mail: Chat
) -> None:
    hub = opened(sqlite_workshop, chat, mail, TEAM.replace('name = "Mute"', 'name = "Mute"\nhandles = ["chat:mute"]'))
    await half_used(hub)
    press(hub, 9, "p1", "close:spam", by="chat:nobody")
    press(hub, 9, "p2", "close:spam", by="chat:mute")
    await settle(hub, 9)
    assert chat.answers == [
        "Вас нет в команде. Код для входа даст администратор хаба.",
        "Это ожидание ведёт Anna.",
    ]
    assert [case["state"] for case in rows(hub, cases.listing)] == ["open"]


async def test_closing_asks_for_the_reason_and_can_be_undone_for_ten_minutes(hub: Hub, chat: Chat) -> None:
    await half_used(hub)
    press(hub, 9, "p1", "close")
    await settle(hub, 9)
    (message,) = chat.of("anna")
    assert message.title.startswith("Почему не перезваниваем")
    assert message.actions[0] == "close:handled_offline"
    press(hub, 10, "p2", "close:wrong_number")
    await settle(hub, 10)
    assert message.title.endswith("закрыто, ошиблись номером")
    assert message.actions == ["undo"]
    press(hub, 19, "p3", "take")
    press(hub, 19, "p4", "undo")
    await settle(hub, 19)
    assert chat.answers[-2:] == [
        "Уже закрыто. Закрыто в хабе в 10:10 (Anna): ошиблись номером.",
        "Вернули: клиент снова ждёт.",
    ]
    assert "осталось" not in message.title
    assert message.title.startswith("🔴")
    press(hub, 20, "p5", "close:spam")
    await settle(hub, 20)
    press(hub, 31, "p6", "undo")
    await settle(hub, 31)
    assert chat.answers[-1] == "Отменить уже нельзя: прошло больше 10 минут."
    assert [case["state"] for case in rows(hub, cases.listing)] == ["closed"]


async def test_whoever_it_is_handed_to_is_told_and_has_it(hub: Hub, chat: Chat) -> None:
    await half_used(hub)
    press(hub, 9, "p1", "hand")
    await settle(hub, 9)
    (message,) = chat.of("anna")
    assert message.actions == ["hand:boris", "hand:mute", "back"]
    press(hub, 10, "p2", "hand:boris")
    await settle(hub, 10)
    assert chat.answers[-1] == "Передано: Boris."
    assert [item.title for item in chat.of("boris")] == [message.title]
    (case,) = rows(hub, cases.listing)
    assert case["assignee"] == "boris"
    put(hub, reached("c2", 12))
    await settle(hub, 14)
    assert {item.title for item in chat.messages.values()} == {"✅ +7\u00a0921\u00a0123-45-67: поговорили"}


async def test_a_warning_put_off_comes_later_and_needs_a_reason_once_overdue(hub: Hub, chat: Chat) -> None:
    await half_used(hub)
    press(hub, 9, "p1", "snooze:15")
    await settle(hub, 9)
    assert chat.answers == ["Отложено до 10:24, часы идут."]
    await settle(hub, 20)
    assert chat.of("boris") == []
    await settle(hub, 24)
    assert len(chat.of("boris")) == 1
    press(hub, 25, "p2", "snooze:30")
    await settle(hub, 25)
    assert chat.messages["m1"].actions[0] == "snooze:30:asked_later"
    press(hub, 26, "p3", "snooze:30:asked_later")
    await settle(hub, 26)
    assert chat.answers[-1] == "Отложено до 10:56, часы идут."


# What becomes of a notice.


async def test_the_message_is_edited_when_the_client_was_reached(hub: Hub, chat: Chat) -> None:
    await half_used(hub)
    put(hub, reached("c2", 9, 185))
    await settle(hub, 13)
    (message,) = chat.of("anna")
    assert message.whole == (
        "✅ +7 921 123-45-67: поговорили\n\nПерезвонили в 10:09 (Anna), 3 мин 05 с\nКлиент ждал 8 мин при сроке 15 мин"
    )
    assert len(chat.messages) == 1


@pytest.mark.parametrize("edits", [True, False])
async def test_a_wrong_notice_is_edited_or_corrected_once(hub: Hub, chat: Chat, edits: bool) -> None:
    chat.edits = edits
    await half_used(hub)
    await settle(hub, 12.6)
    late = missed("c1", 0)
    late["legs"][0] |= {"answered_at": at(0.2).isoformat(), "result": "answered"}
    put(hub, late | {"version": 2})
    await settle(hub, 13)
    await settle(hub, 14)
    titles = [message.title for message in chat.of("anna")]
    wrong = "⚪ +7\u00a0921\u00a0123-45-67: отбой, это не пропуск"
    assert titles.count(wrong) == (2 if edits else 1)
    assert len(titles) == (2 if edits else 3)
    assert "На звонок ответили в 10:00 (Anna), узнали в 10:13." in chat.of("anna")[-1].text


async def test_what_a_case_says_of_its_steps_is_what_became_of_them(hub: Hub, chat: Chat) -> None:
    await half_used(hub)
    assert await steps(hub) == [(0, "anna", "sent"), (1, "anna", "sent")]
    chat.before = raising(Temporary("busy"))
    await settle(hub, 12.6)
    assert (await steps(hub))[-1] == (2, "anna", "planned")
    chat.before = lambda _effect: None
    put(hub, reached("c2", 12.7))
    await settle(hub, 14)
    assert (await steps(hub))[-1] == (2, "anna", "dropped")


async def test_a_step_that_went_to_somebody_else_is_shown_as_it_went(hub: Hub) -> None:
    await half_used(hub)
    put(
        hub, {"record": "mark", "id": "t", "at": at(9).isoformat(), "by": "boris", "kind": "taken", "on": "src/call/c1"}
    )
    await settle(hub, 10)
    assert await steps(hub) == [(0, "anna", "sent"), (1, "anna", "sent")]


async def test_cases_that_become_one_are_told_of_once_and_say_so(hub: Hub, chat: Chat) -> None:
    other = "phone:+79217654321"
    put(hub, missed("c1", 0), missed("c2", 1, other))
    await settle(hub, 2)
    await settle(hub, 9.6)
    assert len(chat.of("anna")) == 2
    put(hub, {"record": "card", "id": "k", "name": "Ivan", "handles": [IVAN, other], "changed_at": at(9).isoformat()})
    await settle(hub, 10)
    await settle(hub, 12.6)
    assert await steps(hub) == [(0, "anna", "sent"), (1, "anna", "sent"), (2, "anna", "sent")]
    titles = [message.title for message in chat.of("anna")]
    assert titles[1] == "⚪ Ivan: отбой, ждёт по другому обращению"
    assert len(titles) == 3


def raising(error: Exception) -> Any:
    def fail(_effect: Any) -> None:
        raise error

    return fail


# Too many at once.


async def many(hub: Hub, count: int, minutes: float = 0) -> None:
    put(hub, *(missed(f"c{minutes}-{n}", minutes, f"phone:+7921000{int(minutes):02}{n:02}") for n in range(count)))


async def test_more_than_three_at_once_are_one_message(hub: Hub, chat: Chat) -> None:
    await many(hub, 5)
    await settle(hub, 1)
    await settle(hub, 8.1)
    (message,) = chat.of("anna")
    assert message.title == "⏳ Ждут нас: 5"
    assert message.text.count("осталось") == 5
    assert len(message.effect.also) == 4
    assert [state for _, state in states(hub)] == ["sent"] * 5


async def test_a_list_is_edited_as_its_clients_are_reached(hub: Hub, chat: Chat) -> None:
    await many(hub, 4)
    put(hub, missed("c1", 0.1))
    await settle(hub, 1)
    await settle(hub, 8.1)
    put(hub, reached("c2", 9))
    await settle(hub, 11)
    (message,) = chat.of("anna")
    assert message.title == "⏳ Ждут нас: 4"
    assert "✅ +7\u00a0921\u00a0123-45-67: поговорили" in message.text


async def test_what_follows_three_messages_waits_and_comes_in_one(hub: Hub, chat: Chat) -> None:
    for n in range(6):
        put(hub, missed(f"c{n}", n * 0.1, f"phone:+792100000{n:02}"))
    await settle(hub, 2)
    for n in range(6):
        await settle(hub, 8.01 + n * 0.1)
    assert len(chat.of("anna")) == 3
    await settle(hub, 9.5)
    assert len(chat.of("anna")) == 3
    await settle(hub, 10.02)
    assert [bool(message.effect.also) for message in chat.of("anna")] == [False, False, False, True]
    assert [state for _, state in states(hub)] == ["sent"] * 6


# Ways that are closed.


async def test_who_cannot_be_reached_is_told_by_his_next_channel(hub: Hub, chat: Chat, mail: Chat) -> None:
    chat.before = raising(Unreachable("bot was blocked by the user"))
    await half_used(hub)
    assert [message.to for message in mail.messages.values()] == ["anna"]
    assert [row["key"] for row in rows(hub, repairs.listing)] == ["channel:anna"]  # told after all, and it is not right
    await settle(hub, 12.6)
    assert len(chat.asked) == 1, "a way that is closed is left alone"
    assert len(mail.messages) == 2
    chat.before = lambda _effect: None
    tell(hub, "said", "s1", by="chat:anna", text="/start", chat="anna")
    await settle(hub, 13)
    assert rows(hub, repairs.listing) == []
    put(hub, missed("c5", 14, "phone:+79210000005"))
    await settle(hub, 22.1)
    assert len(chat.of("anna")) == 1, "he let the bot in again"


async def test_what_may_have_arrived_is_said_once_more_and_marked(hub: Hub, chat: Chat) -> None:
    chat.repeat = "never"
    chat.after = raising(Unanswered("no answer within 30 s"))
    await half_used(hub)
    chat.after = lambda _effect: None
    await settle(hub, 9)
    first, again = chat.of("anna")
    assert not first.title.startswith("↻")
    assert again.title.startswith("↻ ⏳")
    await settle(hub, 10)
    assert len(chat.of("anna")) == 2


async def test_who_has_no_other_channel_is_a_repair(hub: Hub, chat: Chat) -> None:
    chat.before = raising(Unreachable("bot was blocked by the user"))
    await half_used(hub)
    await settle(hub, 16)
    assert "channel:boris" in [row["key"] for row in rows(hub, repairs.listing)]
    assert ("1/3/boris", "dropped") in states(hub)


async def test_a_notice_that_came_back_goes_by_the_next_way(hub: Hub, chat: Chat, mail: Chat) -> None:
    await half_used(hub)
    tell(hub, "returned", "r1", of="m1", why="550 no such user", hard=True)
    await settle(hub, 9)
    assert [message.to for message in mail.messages.values()] == ["anna"]
    tell(hub, "returned", "r2", of="m1", why="550 no such user", hard=True)
    await settle(hub, 10)
    assert len(mail.messages) == 1


# Accounts.


def ways(hub: Hub) -> dict[str, str]:
    with hub.db.begin() as store:
        return dict(staff.ways(store).linked)


async def test_a_code_links_an_account_once_and_stop_ends_it(hub: Hub, chat: Chat) -> None:
    code = await hub.db.run(staff.invite, "mute", hub.now())
    tell(hub, "said", "s1", by="chat:777", text=f"/start {code}", chat="777")
    await settle(hub, 1)
    assert chat.answers == ["Готово, Mute: извещения будут приходить сюда. Отключить: /stop"]
    assert hub.settings.team.key_of("chat:777", hub.now()) == "mute"
    tell(hub, "said", "s2", by="chat:888", text=f"/start {code}", chat="888")
    await settle(hub, 2)
    assert chat.answers[-1].startswith("Код не подошёл")
    assert ways(hub) == {"chat:777": "mute"}
    tell(hub, "said", "s3", by="chat:777", text="/stop", chat="777")
    await settle(hub, 3)
    assert ways(hub) == {}
    assert hub.settings.team.key_of("chat:777", hub.now()) is None


async def test_whoever_comes_to_work_hears_since_when_and_old_words_are_not_answered(hub: Hub, chat: Chat) -> None:
    tell(hub, "said", "s1", by="chat:anna", text="/in", chat="anna", state="in")
    tell(hub, "said", "s2", by="chat:anna", text="Спасибо большое", chat="anna")
    await settle(hub, 14)
    assert [text.partition(",")[0] for text in chat.answers] == ["На работе с 10:00.", "Anna"]
    tell(hub, "said", "s3", by="chat:anna", text="Привет", chat="anna")
    await settle(hub, 30)
    assert len(chat.answers) == 2


async def test_a_code_that_is_too_old_links_nothing(hub: Hub, chat: Chat) -> None:
    code = await hub.db.run(staff.invite, "mute", hub.now())
    hub.now.time = at(61)  # type: ignore[attr-defined]
    tell(hub, "said", "s1", by="chat:777", text=f"/start {code}", chat="777")
    await settle(hub, 61)
    assert ways(hub) == {}


async def test_a_linked_account_is_told_first_and_known_after_a_restart(
    sqlite_workshop: Workshop, chat: Chat, mail: Chat
) -> None:
    hub = opened(sqlite_workshop, chat, mail)
    code = await hub.db.run(staff.invite, "anna", hub.now())
    tell(hub, "said", "s1", by="mail:anna@example.ru", text=f"/start {code}", chat="anna@example.ru", connection="mail")
    await settle(hub, 0)
    again = opened(sqlite_workshop, chat, mail)
    await half_used(again)
    assert chat.messages == {}
    assert [message.to for message in mail.messages.values()] == ["anna@example.ru"]


# Quiet hours.


async def test_a_notice_held_up_beyond_his_hours_waits_for_them_and_is_dropped_if_solved(
    sqlite_workshop: Workshop, chat: Chat, mail: Chat
) -> None:
    hub = opened(sqlite_workshop, chat, mail, TEAM.replace('"00:00-24:00"', '"09:00-10:20"'))
    chat.before = raising(Temporary("no route"))
    await half_used(hub)
    chat.before = lambda _effect: None
    await settle(hub, 60)
    assert chat.messages == {}
    assert ("1/1/anna", "held") in states(hub)
    assert (1, "anna", "held") in await steps(hub)
    put(hub, reached("c2", 61))
    await settle(hub, 24 * 60)
    assert chat.messages == {}
    assert ("1/1/anna", "dropped") in states(hub)


async def test_nobody_is_told_of_a_client_who_asked_to_be_left_alone(hub: Hub, chat: Chat) -> None:
    put(
        hub,
        missed("c1", 0),
        {"record": "mark", "id": "s", "at": at(-1).isoformat(), "by": "boris", "kind": "suppressed", "on": IVAN},
    )
    await settle(hub, 2)
    await settle(hub, 60)
    assert chat.messages == {}
    assert {state for _, _, state in await steps(hub)} == {"suppressed"}


# The evening.


async def test_a_head_reads_in_the_evening_what_is_open_and_who_was_lost(hub: Hub, chat: Chat) -> None:
    assert not await digests.step(hub), "nobody gets those of before"
    put(hub, missed("c1", 0), missed("c2", 0, "phone:+79210000002"))
    await settle(hub, 1)
    put(hub, reached("c3", 5))
    await settle(hub, 8 * 60 + 59)
    assert not await digests.step(hub)
    await settle(hub, 9 * 60)
    assert await digests.step(hub)
    assert not await digests.step(hub)
    await settle(hub, 9 * 60)
    message = chat.of("boris")[-1]
    assert message.whole.splitlines() == [
        "🌙 Вторник: закрыто 1, ждут до завтра: 1",
        "",
        "Пропущено 2 из 2 входящих (100 %)",
        "Вернули 1, рано судить 1, потеряны 0",
        "Просрочены: 1 – +7 921 000-00-02 (Anna)",
        "Молча за 7 дней не потерян никто",
    ]
    await settle(hub, 9 * 60 + 1)
    assert not await digests.step(hub), "once a day"


async def test_an_evening_is_not_told_the_next_morning(hub: Hub, chat: Chat) -> None:
    await digests.step(hub)
    put(hub, missed("c1", 0))
    await settle(hub, 13 * 60)
    assert not await digests.step(hub)
