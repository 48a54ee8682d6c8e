"""Contract, section 2.2: a queue that is confirmed by asking on, for one reader."""

import asyncio

import pytest

from sandbox.telegram.happening import happen
from tests.sandbox.telegram.conftest import ANNA, DIALOG, GROUP, IVAN, message, until


async def test_an_offset_confirms_everything_below(bot):
    first, second = await bot.hears(id=11), await bot.hears(id=12)
    assert await bot.told(offset=first) == [first, second]
    assert await bot.told(offset=second, limit=5) == [second]
    assert await bot.told(offset=1) == [second]


async def test_without_an_offset_the_oldest_unconfirmed_come(bot):
    first, second = await bot.hears(id=11), await bot.hears(id=12)
    assert await bot.told(limit=1) == [first]
    assert await bot.told(offset=second + 1) == []
    await bot.hears(id=13)
    assert len(await bot.told(offset=0)) == 1


async def test_a_negative_offset_forgets_all_but_the_last(bot):
    for id in range(11, 16):
        last = await bot.hears(id=id)
    assert await bot.told(offset=-2) == [last - 1, last]
    assert await bot.told() == [last - 1, last]


async def test_a_senseless_offset_starts_from_the_oldest(bot):
    first = await bot.hears()
    assert await bot.told(offset=first + 2) == [first]
    assert await bot.told(offset=1) == [first]


async def test_the_same_question_at_once_gets_one_update(bot):
    first, _ = await bot.hears(id=11), await bot.hears(id=12)
    assert len(await bot.told(offset=first)) == 2
    assert await bot.told(offset=first) == [first]


async def test_a_limit_stays_within_its_bounds(bot):
    for id in range(11, 115):
        happen(bot.server.world, {"message": message(id=id)})
    assert len(await bot.told(limit=1000)) == 100
    assert len(await bot.told(limit=0, offset=1)) == 1


async def test_a_long_poll_ends_when_something_happens(bot):
    waiting = asyncio.create_task(bot.told(timeout=30))
    await until(lambda: bot.server.world.updates._waiting)
    id = await bot.hears()
    assert await waiting == [id]


async def test_a_long_poll_ends_with_its_time(bot):
    assert await bot.told(timeout=1) == []


async def test_a_second_reader_ends_the_first(bot):
    first = asyncio.create_task(bot.refusal("getUpdates", timeout=30))
    await until(lambda: bot.server.world.updates._waiting)
    second = asyncio.create_task(bot.told(timeout=30, offset=1))
    assert await first == (
        "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running"
    )
    id = await bot.hears()
    assert await second == [id]


async def test_a_webhook_ends_the_reader_and_keeps_others_out(bot, receiver):
    reader = asyncio.create_task(bot.refusal("getUpdates", timeout=30))
    await until(lambda: bot.server.world.updates._waiting)
    await bot.ask("setWebhook", url=receiver.address)
    assert await reader == "Conflict: terminated by setWebhook request"
    assert await bot.refusal("getUpdates") == (
        "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first"
    )


async def test_what_was_not_fetched_for_a_day_is_gone(bot):
    await bot.hears()
    await bot.control("set", clock_shift=86_401)
    assert await bot.told() == []


REACTION = {
    "chat": DIALOG, "message_id": 11, "user": ANNA, "date": 1, "old_reaction": [],
    "new_reaction": [{"type": "emoji", "emoji": "👍"}],
}  # fmt: skip


async def test_reactions_are_told_only_to_who_asks(bot):
    await bot.happens(message_reaction=REACTION)
    assert await bot.told() == []
    await bot.ask("getUpdates", allowed_updates=["message_reaction"], offset=1)
    id = await bot.happens(message_reaction=REACTION)
    assert await bot.told(offset=1) == [id]


async def test_what_is_allowed_sticks_and_counts_when_something_happens(bot):
    old = await bot.hears(id=11)
    await bot.ask("getUpdates", allowed_updates=["callback_query"])
    await bot.hears(id=12)
    assert await bot.told(offset=1) == [old]
    await bot.ask("getUpdates", offset=old + 2, allowed_updates=[])
    id = await bot.hears(id=13)
    assert id in await bot.told(offset=1)


async def test_the_state_follows_what_the_bot_is_not_told(bot):
    await bot.ask("getUpdates", allowed_updates=["callback_query"])
    await bot.hears()
    assert (await bot.ask("sendMessage", chat_id=777000111, text="Да"))["message_id"] == 12


async def test_an_update_of_an_unknown_kind_is_told(bot):
    id = await bot.happens(brand_new={"chat": DIALOG})
    assert await bot.told() == [id]


async def test_numbers_may_start_anew_when_nothing_waits(bot):
    first = await bot.hears()
    await bot.told(offset=first + 1)
    await bot.control(
        "update", update_id=5000, message={"message_id": 12, "from": ANNA, "chat": DIALOG, "date": 1, "text": "x"}
    )
    assert await bot.told(offset=first + 1) == [5000]


async def test_a_number_taken_by_the_sandbox_is_not_given_twice(bot):
    await bot.happens(business_connection=CONNECTION)
    await bot.happens(business_message=in_business())
    await bot.ask("sendMessage", chat_id=777000111, text="Отвечу", business_connection_id="bc1")
    await bot.happens(business_message=in_business(id=320))
    told = await bot.told()
    assert told == sorted(set(told))
    assert len(told) == 4


CONNECTION = {
    "id": "bc1", "user": IVAN, "user_chat_id": IVAN["id"], "date": 1, "is_enabled": True,
    "rights": {"can_reply": True, "can_read_messages": True},
}  # fmt: skip


def in_business(id=301, user=ANNA, **more):
    return {
        "business_connection_id": "bc1",
        "message_id": id,
        "from": user,
        "chat": DIALOG,
        "date": 1,
        "text": "вопрос",
        **more,
    }


async def test_a_manager_writes_through_his_connection_and_the_bot_is_told(bot):
    await bot.happens(business_connection=CONNECTION)
    assert await bot.ask("getBusinessConnection", business_connection_id="bc1") == CONNECTION
    await bot.happens(business_message=in_business())
    await bot.happens(business_message=in_business(302, IVAN))
    sent = await bot.ask("sendMessage", chat_id=777000111, text="Через час", business_connection_id="bc1")
    assert (sent["message_id"], sent["from"], sent["sender_business_bot"]["id"]) == (303, IVAN, 123456789)
    assert (await bot.ask("getUpdates"))[-1]["business_message"] == sent


async def test_the_manager_can_be_written_to_his_client_cannot(bot):
    await bot.happens(business_connection=CONNECTION)
    await bot.happens(business_message=in_business())
    await bot.ask("sendMessage", chat_id=IVAN["id"], text="Ждут")
    assert await bot.refusal("sendMessage", chat_id=777000111, text="x") == (
        "Forbidden: bot can't initiate conversation with a user"
    )


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"is_enabled": False}, "BUSINESS_CONNECTION_INVALID"),
        ({"rights": {}}, "BUSINESS_CONNECTION_NOT_ALLOWED"),
        ({"id": "bc2"}, "chat not found"),
    ],
)
async def test_a_connection_without_the_right_to_write(bot, change, why):
    await bot.happens(business_connection=CONNECTION)
    await bot.happens(business_message=in_business())
    changed = CONNECTION | change
    await bot.happens(business_connection=changed)
    asked = {"chat_id": 777000111, "text": "x", "business_connection_id": changed["id"]}
    assert await bot.refusal("sendMessage", **asked) == f"Bad Request: {why}"


async def test_a_managers_chat_is_closed_after_a_silent_day(bot):
    await bot.happens(business_connection=CONNECTION)
    await bot.happens(business_message=in_business())
    await bot.control("set", clock_shift=86_500)
    asked = {"chat_id": 777000111, "text": "x", "business_connection_id": "bc1"}
    assert await bot.refusal("sendMessage", **asked) == "Bad Request: BUSINESS_PEER_USAGE_MISSING"


async def test_people_act_in_groups_and_through_connections(bot):
    await bot.control("touch", action="join", chat_id=GROUP["id"], title="Продажи", user_id=1, name="Иван Орлов")
    await bot.control("touch", action="write", chat_id=GROUP["id"], user_id=1, text="/start mgr_1")
    await bot.control("touch", action="connect", user_id=1, connection="bc1")
    await bot.control("touch", action="write", user_id=2, name="Анна", connection="bc1", text="вопрос")
    await bot.control("touch", action="write", user_id=1, chat_id=2, connection="bc1", text="ответ")
    await bot.control("touch", action="edit", user_id=2, connection="bc1", message_id=1, text="вопрос?")
    await bot.control("touch", action="delete", user_id=2, connection="bc1", message_ids=[1])
    updates = await bot.ask("getUpdates")
    kinds = [next(kind for kind in one if kind != "update_id") for one in updates]
    assert kinds == [
        "my_chat_member", "message", "business_connection", "business_message", "business_message",
        "edited_business_message", "deleted_business_messages",
    ]  # fmt: skip
    assert updates[4]["business_message"]["chat"]["id"] == 2
