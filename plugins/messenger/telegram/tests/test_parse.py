"""Who wrote to whom, what counts as a client's message, and what becomes of it when it is changed or taken back?"""

from __future__ import annotations

import copy
import random
from datetime import UTC, datetime
from typing import Any

import pytest

from hub.sdk import Card, Member, Message, Presence, Press, Said
from plugins.messenger.telegram.tests.recorded import (
    ANNA,
    IVAN,
    LINE,
    RECEIVED,
    TEAM,
    UPDATES,
    items,
    parsed,
    told,
)

GROUP = {"id": -1001987654321, "title": "Стройка, вопросы", "type": "supergroup"}
CLIENT = {"id": 777000111, "is_bot": False, "first_name": "Анна"}
MEMBER = {"id": IVAN, "is_bot": False, "first_name": "Иван"}


def changed(name: str, **other: Any) -> dict[str, Any]:
    """A recorded update whose message says something else."""
    update = copy.deepcopy(UPDATES[name])
    kind = next(key for key in update if key != "update_id")
    update[kind] |= other
    return update


def in_group(number: int, user: dict[str, Any], **other: Any) -> dict[str, Any]:
    message = {"message_id": number, "from": user, "chat": GROUP, "date": 1794819607 + number, "text": "текст", **other}
    return {"update_id": 845130000 + number, "message": message}


def only(found: list[Any], kind: type) -> Any:
    (one,) = [item for item in found if isinstance(item, kind)]
    return one


# private chats with the bot


def test_what_a_client_writes_is_his_message_to_the_bot() -> None:
    message = only(told("forward"), Message)
    assert (message.direction, message.author, message.client, message.line) == ("in", "client", ANNA, LINE)
    assert (message.at, message.text) == (datetime(2026, 11, 16, 9, 1, 50, tzinfo=UTC), "пересланный текст")


def test_what_he_sends_is_called_by_its_kind() -> None:
    kinds = [only(told(name), Message).content for name in ("photo", "voice", "document", "location", "shared_contact")]
    assert kinds == ["photo", "voice", "file", "location", "contact"]


def test_no_file_is_kept_but_its_name_at_the_vendor_s() -> None:
    raw = items(UPDATES["photo"])[0]
    assert raw.payload["update"] == UPDATES["photo"]


@pytest.mark.parametrize("text", ["/start", "/start autumn_sale"])
def test_pressing_start_waits_for_no_answer(text: str) -> None:
    (message,) = [item for item in parsed(items(changed("forward", text=text))) if not isinstance(item, Card)]
    assert message.automatic is True
    assert message.automatic_because == "pressed Start"


def test_an_edit_is_a_newer_version_of_the_message() -> None:
    before = changed("edit", text="Здравствуйте!")
    before = {"update_id": 1, "message": before["edited_message"] | {"edit_date": None}}
    found = [item for item in parsed(items(before, UPDATES["edit"])) if isinstance(item, Message)]
    assert len(found) == 1
    assert found[0].text == "Здравствуйте, сколько стоит доставка в Тверь?"
    assert found[0].changed_at is not None
    assert found[0].at < found[0].changed_at


def test_the_pictures_of_an_album_are_one_message() -> None:
    pictures = [
        changed("photo", message_id=number, caption=caption)
        for number, caption in ((14, "Вот такая деталь"), (15, ""), (16, "и с другой стороны"))
    ]
    found = items(*pictures)
    message = only(parsed(found), Message)
    assert (message.id, message.text) == ("777000111/14", "Вот такая деталь\nи с другой стороны")
    for seed in range(5):
        shuffled = random.Random(seed).sample(found, len(found))
        assert only(parsed(shuffled), Message) == message


def test_what_the_vendor_notes_is_nobody_s_message() -> None:
    update = changed("forward", pinned_message={"message_id": 1})
    del update["message"]["text"]
    assert not [item for item in parsed(items(update)) if isinstance(item, Message)]


def test_new_kinds_of_updates_are_let_pass() -> None:
    assert parsed(items({"update_id": 7, "something_new": {"id": 1}})) == []
    assert told("blocked") == []


def test_a_message_with_what_nobody_knows_yet_is_read_all_the_same() -> None:
    assert only(parsed(items(changed("forward", novelty={"deep": [1]}, effect_id="5"))), Message).text


# who is he


def test_a_client_is_called_by_his_name() -> None:
    card = only(told("text"), Card)
    assert (card.id, card.name, card.handles) == ("777000111", "Анна Петрова", (ANNA,))
    assert card.url == "https://t.me/anna_p"


def test_his_own_number_is_his_and_another_s_is_not() -> None:
    assert only(told("shared_contact"), Card).handles == (ANNA, "phone:+79161234567")
    stranger = changed("shared_contact", contact={"phone_number": "79160000000", "first_name": "Олег", "user_id": 1})
    assert only(parsed(items(stranger)), Card).handles == (ANNA,)
    unknown = changed("shared_contact", contact={"phone_number": "79160000000", "first_name": "Олег"})
    assert only(parsed(items(unknown)), Card).handles == (ANNA,)


def test_his_number_stays_when_he_writes_again() -> None:
    later = changed("forward", date=1794819710 + 86_400)
    card = only(parsed(items(UPDATES["shared_contact"], later)), Card)
    assert card.handles == (ANNA, "phone:+79161234567")


def test_a_day_on_which_he_is_called_as_before_changes_no_card() -> None:
    days = [changed("forward", date=1794819710 + day * 86_400) for day in range(3)]
    cards = {only(parsed(items(*days[:count])), Card) for count in (1, 2, 3)}
    assert len(cards) == 1
    renamed = changed("forward", date=1794819710 + 3 * 86_400)
    renamed["message"]["chat"]["first_name"] = "Анна Сергеевна"
    card = only(parsed(items(*days, renamed)), Card)
    assert (card.name, card.changed_at) == ("Анна Сергеевна", datetime(2026, 11, 19, tzinfo=UTC))


# managers' own accounts


def own(*names: str, **options: Any) -> list[Any]:
    return told(*names, owner=IVAN, **options)


def test_a_client_writes_to_a_manager_s_own_account() -> None:
    message = only(own("own_in"), Message)
    assert (message.direction, message.client, message.line) == ("in", ANNA, "telegram:777000900")


def test_what_the_owner_of_the_account_writes_is_his_reply() -> None:
    message = only(own("own_out"), Message)
    assert (message.direction, message.author, message.client) == ("out", "member", ANNA)
    assert (message.member, message.line) == ("telegram:777000900", "telegram:777000900")


def test_what_a_bot_writes_for_him_is_a_bot_s() -> None:
    assert only(own("own_bot"), Message).author == "bot"


def test_a_greeting_of_the_account_is_no_reply() -> None:
    message = only(parsed(items(changed("own_out", is_from_offline=True), owner=IVAN)), Message)
    assert message.automatic is True


def test_a_deletion_is_a_newer_version_of_the_message() -> None:
    message = only(own("own_in", "own_edit", "own_deleted"), Message)
    assert message.text == "Иван, добрый день! Есть вопрос по доставке"
    assert message.deleted_by == "client"
    assert message.deleted_at is not None
    assert message.deleted_at >= RECEIVED


def test_a_deletion_of_what_was_never_seen_says_nothing() -> None:
    assert own("own_deleted") == []


def test_several_are_deleted_at_once() -> None:
    gone = changed("own_deleted", message_ids=[301, 302])
    found = parsed(items(UPDATES["own_in"], UPDATES["own_out"], gone, owner=IVAN))
    assert {item.id: item.deleted_by for item in found if isinstance(item, Message)} == {
        "777000900/777000111/301": "client",
        "777000900/777000111/302": "member",
    }


def test_an_album_ends_with_its_last_picture() -> None:
    pictures = [
        changed("own_in", message_id=number, media_group_id="7", text="", photo=[{"file_id": "a"}])
        for number in (310, 311)
    ]
    for ids, ended in (([310], False), ([310, 311], True)):
        gone = changed("own_deleted", message_ids=ids)
        message = only(parsed(items(*pictures, gone, owner=IVAN)), Message)
        assert (message.deleted_at is not None) is ended


def test_a_chat_goes_on_when_the_account_is_connected_anew() -> None:
    again = changed("own_edit", business_connection_id="bcNew")
    message = only(parsed(items(UPDATES["own_in"], again, owner=IVAN)), Message)
    assert message.text == "Иван, добрый день! Есть вопрос по доставке"


def test_an_account_whose_owner_is_not_known_is_on_the_bot_s_line() -> None:
    found = [item for item in told("own_in", "own_out") if isinstance(item, Message)]
    assert [item.direction for item in found] == ["in", "out"]
    assert {item.line for item in found} == {LINE}
    assert found[1].member == "telegram:777000900"


@pytest.mark.parametrize("user", [IVAN, 777000222])
def test_colleagues_and_notes_to_oneself_are_no_clients(user: int) -> None:
    chat = {"id": user, "first_name": "Свой", "type": "private"}
    update = changed("own_in", chat=chat, **{"from": {**CLIENT, "id": user}})
    assert parsed(items(update, owner=IVAN), team={**TEAM, "telegram:777000222": "oleg"}) == []


def test_codes_of_the_vendor_are_no_client_s_message() -> None:
    chat = {"id": 777000, "first_name": "Telegram", "type": "private"}
    update = changed("own_in", chat=chat, **{"from": {**CLIENT, "id": 777000}})
    (message,) = parsed(items(update, owner=IVAN))
    assert message.author == "system"


def test_whose_account_it_is_is_known_until_it_is_let_go() -> None:
    assert only(told("connected"), Member).active is True
    member = only(told("disconnected", "connected"), Member)
    assert (member.handles, member.active) == (("telegram:777000900",), False)


# groups


def test_a_group_is_one_client_whoever_writes_there() -> None:
    others = [in_group(1, CLIENT), in_group(2, {**CLIENT, "id": 777000222})]
    found = [item for item in parsed(items(*others)) if isinstance(item, Message)]
    assert {(item.client, item.author, item.direction) for item in found} == {
        ("telegram:-1001987654321", "client", "in")
    }
    assert found[0].url == "https://t.me/c/1987654321/1"
    assert only(parsed(items(others[0])), Card).name == "Стройка, вопросы"


def test_one_of_us_answers_in_a_group() -> None:
    message = only(parsed(items(in_group(3, MEMBER))), Message)
    assert (message.direction, message.author, message.member) == ("out", "member", "telegram:777000900")


def test_an_anonymous_administrator_is_one_of_us_nobody_knows_who() -> None:
    message = only(parsed(items(in_group(4, {**CLIENT, "id": 1087968824, "is_bot": True}, sender_chat=GROUP))), Message)
    assert (message.direction, message.author, message.member) == ("out", "member", None)


def test_another_bot_in_a_group_is_no_client() -> None:
    message = only(parsed(items(in_group(5, {**CLIENT, "id": 5, "is_bot": True}))), Message)
    assert (message.direction, message.author) == ("out", "bot")


def test_posts_of_a_channel_are_no_questions() -> None:
    assert not [
        item
        for item in parsed(items(in_group(6, CLIENT, sender_chat={"id": -1002, "type": "channel"}, is_automatic_forward=True)))
        if isinstance(item, Message)
    ]  # fmt: skip


def test_a_topic_of_a_forum_is_a_thread() -> None:
    update = in_group(7, CLIENT, message_thread_id=4, is_topic_message=True)
    assert only(parsed(items(update)), Message).thread == "-1001987654321/4"


def test_nothing_in_a_group_of_our_own_is_a_client_s() -> None:
    update = in_group(8, CLIENT)
    assert parsed(items(update), own_chats=[GROUP["id"]]) == []
    assert parsed(items(update), team={f"telegram:{GROUP['id']}": "boris"}) == []


def test_a_group_that_moved_is_one_client() -> None:
    arrived = in_group(1, MEMBER, migrate_from_chat_id=-4001122)
    del arrived["message"]["text"]
    before = changed("migrated", message_id=50, text="Когда привезёте?", **{"from": CLIENT})
    del before["message"]["migrate_to_chat_id"]
    for update in ([before, UPDATES["migrated"], arrived], [arrived, before], [UPDATES["migrated"], before]):
        card = only(parsed(items(*update)), Card)
        assert card.handles == ("telegram:-4001122", "telegram:-1001987654321")
        assert card.id == "-4001122"


# reactions


def reaction(number: int, *signs: str, user: dict[str, Any] = CLIENT, **other: Any) -> dict[str, Any]:
    told = {
        "chat": {"id": 777000111, "type": "private", "first_name": "Анна"},
        "message_id": 11,
        "user": user,
        "date": 1794819800 + number,
        "old_reaction": [],
        "new_reaction": [{"type": "emoji", "emoji": sign} for sign in signs],
        **other,
    }
    return {"update_id": 845140000 + number, "message_reaction": told}


def test_a_reaction_says_what_it_is_about() -> None:
    message = only(parsed(items(reaction(1, "👍"))), Message)
    assert (message.content, message.text, message.concerns) == ("reaction", "👍", "777000111/11")


def test_only_the_last_reaction_counts() -> None:
    assert only(parsed(items(reaction(2, "🔥"), reaction(1, "👍"))), Message).text == "🔥"
    assert parsed(items(reaction(1, "👍"), reaction(2))) == []


def test_reactions_of_two_people_are_two() -> None:
    found = parsed(items(reaction(1, "👍", chat=GROUP), reaction(2, "👍", user=MEMBER, chat=GROUP)))
    assert [(item.direction, item.author) for item in found] == [("in", "client"), ("out", "member")]


# our own people


def by_ivan(text: str, **other: Any) -> dict[str, Any]:
    chat = {"id": IVAN, "first_name": "Иван", "type": "private"}
    return changed("forward", text=text, chat=chat, **{"from": MEMBER}, **other)


def test_what_one_of_us_writes_to_the_bot_is_no_client_s_message() -> None:
    (said,) = parsed(items(by_ivan("Спасибо")))
    assert isinstance(said, Said)
    assert (said.by, said.text, said.chat) == ("telegram:777000900", "Спасибо", "777000900")


@pytest.mark.parametrize("text", ["/start mgr_8f2c", "mgr_8f2c"])
def test_a_code_that_somebody_unknown_shows_is_told_to_the_hub_alone(text: str) -> None:
    found = [item for item in parsed(items(changed("text", text=text))) if not isinstance(item, Card)]
    assert [(type(item), item.text, item.by, item.chat) for item in found] == [(Said, text, ANNA, "777000111")]
    assert not [item for item in told("forward") if isinstance(item, Said)]


def test_a_correction_by_one_of_us_takes_nothing_back() -> None:
    written = by_ivan("/in")
    edited = {"update_id": 845120099, "edited_message": written["message"] | {"edit_date": 1794819800, "text": "/in!"}}
    assert parsed(items(written, edited)) == parsed(items(written))
    assert parsed(items(edited)) == []


def test_a_press_says_who_pressed_what_under_which_message() -> None:
    assert only(told("press"), Press) == Press(
        "3337222112233445566", RECEIVED, "telegram:777000900", "777000900/40", "wd:start:2026-11-16", "in"
    )


def test_a_button_under_an_old_message_is_a_press_all_the_same() -> None:
    chat = {"id": IVAN, "type": "private"}
    update = changed("press", message={"message_id": 40, "date": 0, "chat": chat}, data="take")
    assert parsed(items(update)) == [
        Press("3337222112233445566", RECEIVED, "telegram:777000900", "777000900/40", "take")
    ]


@pytest.mark.parametrize(
    ("text", "state"),
    [
        ("/in", "in"), ("/in@hub_test_bot", "in"), ("На работе.", "in"), ("Пришёл!", "in"), ("/out", "out"),
        ("Ушла", "out"), ("обед", "away"), ("вернулся", "free"), ("/busy", "busy"),
    ],
)  # fmt: skip
def test_one_of_us_says_that_he_comes_and_goes(text: str, state: str) -> None:
    found = parsed(items(by_ivan(text)))
    presence = only(found, Presence)
    assert only(found, Said).state == state
    assert (presence.member, presence.state) == ("telegram:777000900", state)


def test_words_of_a_client_are_no_presence() -> None:
    assert not [item for item in parsed(items(changed("forward", text="На месте"))) if isinstance(item, Presence)]


def test_the_day_begins_by_its_own_button_only() -> None:
    assert only(told("press"), Presence).state == "in"
    for data in ("wd:start:2026-11-14", "wd:later:2026-11-16", "wd:start:2026-13-45", "take"):
        found = parsed(items(changed("press", data=data)))
        assert [type(item) for item in found] == [Press]


def test_a_stranger_s_press_begins_no_day() -> None:
    assert [type(item) for item in told("press", team={})] == [Press]
