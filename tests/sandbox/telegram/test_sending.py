"""Contract, sections 2.5 to 2.7: what the bot may write, change and take back, and what is said when it may not."""

import json

import pytest

from sandbox.telegram import TelegramServer
from tests.sandbox.telegram.conftest import ANNA, DIALOG, GROUP, IVAN, Bot, message

BUTTONS = {
    "inline_keyboard": [[{"text": "Взять", "callback_data": "take"}, {"text": "Сайт", "url": "https://x.example/1"}]]
}


@pytest.fixture
async def chat(bot):
    """The dialog with Anna, whose message has the number 11."""
    await bot.hears()
    return DIALOG["id"]


def member(chat, status):
    bot = {"id": 123456789, "is_bot": True, "first_name": "Hub", "username": "hub_test_bot"}
    told = {"old_chat_member": {"status": "member", "user": bot}, "new_chat_member": {"status": status, "user": bot}}
    return {"chat": chat, "from": ANNA, "date": 1794819900, **told}


async def test_a_message_is_numbered_after_the_ones_before(bot, chat):
    sent = await bot.ask("sendMessage", chat_id=chat, text="  Чем помочь?  ", protect_content=True)
    assert {key: sent[key] for key in ("message_id", "chat", "text")} == {
        "message_id": 12,
        "chat": DIALOG,
        "text": "Чем помочь?",
    }
    assert sent["from"]["username"] == "hub_test_bot"
    assert isinstance(sent["date"], int)


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        ({"chat_id": 1}, "chat not found"),
        ({"chat_id": ""}, "chat_id is empty"),
        ({"chat_id": "@nobody"}, "chat not found"),
        ({"text": "  "}, "message text is empty"),
        ({"text": "ы" * 4097}, "message is too long"),
        ({"text": "<b>", "parse_mode": "HTML"}, 'can\'t parse entities: Can\'t find end tag corresponding to start tag "b"'),
        ({"text": "a < b", "parse_mode": "HTML"}, "can't parse entities: Unclosed start tag at byte offset 2"),
        ({"text": "ы<x>", "parse_mode": "HTML"}, 'can\'t parse entities: Unsupported start tag "x" at byte offset 2'),
        ({"text": "a.", "parse_mode": "MarkdownV2"}, "can't parse entities: Character '.' is reserved and must be escaped with the preceding '\\'"),
        ({"text": "a", "parse_mode": "rtf"}, "unsupported parse_mode"),
        ({"reply_parameters": {"message_id": 999}}, "message to be replied not found"),
        ({"reply_to_message_id": 999}, "message to be replied not found"),
        ({"reply_markup": {"inline_keyboard": [[{"text": "x", "callback_data": "ы" * 33}]]}}, "BUTTON_DATA_INVALID"),
        ({"reply_markup": {"inline_keyboard": [[{"text": "x", "url": "http://localhost/1"}]]}}, "inline keyboard button URL 'http://localhost/1' is invalid: Wrong HTTP URL"),
        ({"reply_markup": "{"}, "can't parse reply markup JSON object"),
    ],
)  # fmt: skip
async def test_a_message_that_cannot_be_sent(bot, chat, asked, why):
    assert await bot.refusal("sendMessage", **({"chat_id": chat, "text": "x"} | asked)) == f"Bad Request: {why}"


async def test_the_longest_text_passes(bot, chat):
    await bot.ask("sendMessage", chat_id=chat, text="<b>" + "ы" * 4096 + "</b>", parse_mode="HTML")


@pytest.mark.parametrize(
    ("text", "mode", "plain", "entities"),
    [
        ("😀 <b>a<i>b</i></b> &lt;&amp;", "HTML", "😀 ab <&", [(3, 2, "bold"), (4, 1, "italic")]),
        ('<a href="https://x.example/?a=1&amp;b=2">x</a>', "HTML", "x", [(0, 1, "text_link")]),
        ("*a* _b_ `c*`", "Markdown", "a b c*", [(0, 1, "bold"), (2, 1, "italic"), (4, 2, "code")]),
        ("*a* __b__ \\. [x](http://y.example)", "MarkdownV2", "a b . x", [(0, 1, "bold"), (2, 1, "underline"), (6, 1, "text_link")]),
        ("/start mgr_1 https://ya.ru @anna_p", "", "/start mgr_1 https://ya.ru @anna_p", [(0, 6, "bot_command"), (13, 13, "url"), (27, 7, "mention")]),
    ],
)  # fmt: skip
async def test_markup_becomes_entities(bot, chat, text, mode, plain, entities):
    sent = await bot.ask("sendMessage", chat_id=chat, text=text, parse_mode=mode)
    assert sent["text"] == plain
    assert [(one["offset"], one["length"], one["type"]) for one in sent["entities"]] == entities


async def test_a_reply_shows_what_it_answers(bot, chat):
    sent = await bot.ask("sendMessage", chat_id=chat, text="Да", reply_parameters={"message_id": 11})
    assert sent["reply_to_message"] == message()
    alone = {"message_id": 999, "allow_sending_without_reply": True}
    assert "reply_to_message" not in await bot.ask("sendMessage", chat_id=chat, text="Да", reply_parameters=alone)


@pytest.mark.parametrize(
    ("kind", "status", "why"),
    [
        ("private", "kicked", "bot was blocked by the user"),
        ("group", "kicked", "bot was kicked from the group chat"),
        ("supergroup", "kicked", "bot was kicked from the supergroup chat"),
        ("channel", "kicked", "bot was kicked from the channel chat"),
        ("group", "left", "bot is not a member of the group chat"),
        ("channel", "left", "bot is not a member of the channel chat"),
    ],
)
async def test_a_closed_chat_opens_again(bot, kind, status, why):
    where = {"id": 5 if kind == "private" else -1005, "first_name": "x", "title": "x", "type": kind}
    await bot.happens(my_chat_member=member(where, status))
    assert await bot.refusal("sendMessage", chat_id=where["id"], text="x") == f"Forbidden: {why}"
    await bot.happens(my_chat_member=member(where, "member"))
    await bot.ask("sendMessage", chat_id=where["id"], text="x")


async def test_who_gave_up_his_account_and_a_deleted_group(bot, chat):
    await bot.hears(chat=GROUP)
    await bot.control("set", deactivate=chat, delete_group=GROUP["id"])
    assert await bot.refusal("sendMessage", chat_id=chat, text="x") == "Forbidden: user is deactivated"
    assert await bot.refusal("sendMessage", chat_id=GROUP["id"], text="x") == "Forbidden: the group chat was deleted"


async def test_who_was_seen_in_a_group_only_cannot_be_written_to(bot):
    await bot.hears(chat=GROUP, user=IVAN)
    assert await bot.refusal("sendMessage", chat_id=IVAN["id"], text="x") == (
        "Forbidden: bot can't initiate conversation with a user"
    )


async def test_a_group_that_became_a_supergroup_tells_its_new_number(bot):
    await bot.hears(chat=GROUP)
    await bot.hears(None, chat=GROUP, id=51, migrate_to_chat_id=-1001987654321)
    answer = await bot.call("sendMessage", chat_id=GROUP["id"], text="x")
    assert answer.json() == {
        "ok": False, "error_code": 400, "description": "Bad Request: group chat was upgraded to a supergroup chat",
        "parameters": {"migrate_to_chat_id": -1001987654321},
    }  # fmt: skip
    sent = await bot.ask("sendMessage", chat_id=-1001987654321, text="x")
    assert sent["chat"] == {"id": -1001987654321, "title": "Продажи", "type": "supergroup"}


async def test_a_message_is_edited_once_to_the_same_words(bot, chat):
    id = (await bot.ask("sendMessage", chat_id=chat, text="Ждёт", reply_markup=BUTTONS))["message_id"]
    edited = await bot.ask("editMessageText", chat_id=chat, message_id=id, text="Взято")
    assert (edited["text"], "reply_markup" in edited, edited["edit_date"] > 0) == ("Взято", False, True)
    assert await bot.refusal("editMessageText", chat_id=chat, message_id=id, text="Взято") == (
        "Bad Request: message is not modified: specified new message content and reply markup are exactly the same as a "
        "current content and reply markup of the message"
    )
    assert (await bot.ask("editMessageReplyMarkup", chat_id=chat, message_id=id, reply_markup=BUTTONS))[
        "text"
    ] == "Взято"


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        ({"message_id": 11}, "message can't be edited"),
        ({"message_id": 999}, "message to edit not found"),
        ({}, "message identifier is not specified"),
        ({"message_id": 12, "text": ""}, "message text is empty"),
        ({"message_id": 12, "reply_markup": {"remove_keyboard": True}}, "inline keyboard expected"),
        ({"message_id": 13}, "there is no text in the message to edit"),
    ],
)
async def test_a_message_that_cannot_be_edited(bot, chat, asked, why):
    await bot.ask("sendMessage", chat_id=chat, text="x")
    await bot.ask("sendLocation", chat_id=chat, latitude=55.7, longitude=37.6)
    assert await bot.refusal("editMessageText", **({"chat_id": chat, "text": "y"} | asked)) == f"Bad Request: {why}"


async def test_messages_are_deleted_where_the_bot_may(bot, chat):
    await bot.ask("deleteMessage", chat_id=chat, message_id=11)
    assert await bot.refusal("deleteMessage", chat_id=chat, message_id=11) == "Bad Request: message to delete not found"
    await bot.hears(chat=GROUP, id=51)
    theirs = {"chat_id": GROUP["id"], "message_id": 51}
    assert await bot.refusal("deleteMessage", **theirs) == "Bad Request: message can't be deleted for everyone"
    await bot.happens(my_chat_member=member(GROUP, "administrator"))
    await bot.ask("deleteMessage", **theirs)


async def test_after_two_days_nothing_is_deleted(bot, chat):
    await bot.control("set", clock_shift=2 * 86_400 + 60)
    assert await bot.refusal("deleteMessage", chat_id=chat, message_id=11) == (
        "Bad Request: message can't be deleted for everyone"
    )


async def test_the_bot_reacts_to_a_message(bot, chat):
    await bot.ask("setMessageReaction", chat_id=chat, message_id=11, reaction=[{"type": "emoji", "emoji": "👍"}])
    odd = [{"type": "emoji", "emoji": "x"}]
    assert (
        await bot.refusal("setMessageReaction", chat_id=chat, message_id=11, reaction=odd)
        == "Bad Request: REACTION_INVALID"
    )
    assert (
        await bot.refusal("setMessageReaction", chat_id=chat, message_id=99)
        == "Bad Request: message to react not found"
    )


async def test_a_press_is_answered_in_time(bot, chat):
    id = (await bot.ask("sendMessage", chat_id=chat, text="Ждёт", reply_markup=BUTTONS))["message_id"]
    await bot.control("touch", action="press", user_id=chat, message_id=id, data="take")
    press = (await bot.ask("getUpdates"))[-1]["callback_query"]
    assert (press["data"], press["message"]["reply_markup"]) == ("take", BUTTONS)
    assert await bot.ask("answerCallbackQuery", callback_query_id=press["id"], text="Принято") is True
    await bot.control("set", clock_shift=61)
    old = "Bad Request: query is too old and response timeout expired or query ID is invalid"
    assert await bot.refusal("answerCallbackQuery", callback_query_id=press["id"]) == old
    assert await bot.refusal("answerCallbackQuery", callback_query_id="1") == old


async def test_a_raw_press_can_be_answered_and_its_message_edited(bot):
    bots = message("Начать?", {**DIALOG, "id": IVAN["id"]}, {"id": 123456789, "is_bot": True, "first_name": "Hub"}, 40)
    await bot.happens(
        callback_query={"id": "3337", "from": IVAN, "message": bots, "chat_instance": "-1", "data": "wd:start"}
    )
    await bot.ask("answerCallbackQuery", callback_query_id="3337")
    await bot.ask("editMessageText", chat_id=IVAN["id"], message_id=40, text="Начали")
    await bot.ask("sendMessage", chat_id=IVAN["id"], text="x", reply_to_message_id=40)


async def test_an_uploaded_file_can_be_had_again(bot, chat):
    about = {"chat_id": str(chat), "caption": "<b>смета</b>", "parse_mode": "HTML"}
    answer = await bot.post(
        f"{bot.path}/sendDocument", data=about, files={"document": ("смета.pdf", b"%PDF", "application/pdf")}
    )
    sent = answer.json()["result"]
    assert (sent["document"]["file_name"], sent["caption"], sent["document"]["file_size"]) == ("смета.pdf", "смета", 4)
    path = (await bot.ask("getFile", file_id=sent["document"]["file_id"]))["file_path"]
    assert (await bot.get(f"{bot.server.base_url}/file/bot{bot.server.token}/{path}")).content == b"%PDF"
    again = await bot.ask("sendDocument", chat_id=chat, document=sent["document"]["file_id"])
    assert again["document"]["file_unique_id"] == sent["document"]["file_unique_id"]


@pytest.mark.parametrize(
    ("content", "id", "folder"),
    [
        ({"photo": [{"file_id": "small", "file_unique_id": "s"}, {"file_id": "big", "file_unique_id": "b", "file_size": 98304}]}, "big", "photos/"),
        ({"voice": {"duration": 7, "mime_type": "audio/ogg", "file_id": "vo", "file_unique_id": "v", "file_size": 28114}}, "vo", "voice/"),
        ({"document": {"file_name": "Реквизиты.pdf", "file_id": "do", "file_unique_id": "d"}}, "do", "documents/"),
        ({"reply_to_message": message(None, document={"file_id": "in", "file_unique_id": "i"})}, "in", "documents/"),
    ],
)  # fmt: skip
async def test_any_file_that_was_seen_can_be_had(bot, content, id, folder):
    await bot.hears(None, **content)
    told = await bot.ask("getFile", file_id=id)
    assert told["file_path"].startswith(folder)
    answer = await bot.get(f"{bot.server.base_url}/file/bot{bot.server.token}/{told['file_path']}")
    assert len(answer.content) == told["file_size"]


async def test_a_file_nobody_saw_and_one_too_big(bot, chat):
    await bot.hears(None, id=12, video={"file_id": "long", "file_unique_id": "l", "file_size": 30_000_000})
    assert await bot.refusal("getFile", file_id="long") == "Bad Request: file is too big"
    assert (
        await bot.refusal("getFile", file_id="x") == "Bad Request: wrong file_id or the file is temporarily unavailable"
    )
    answer = await bot.get(f"{bot.server.base_url}/file/bot{bot.server.token}/documents/file_99.pdf")
    assert answer.status_code == 404


async def test_an_album_is_several_messages_of_one_group(bot, chat):
    media = [
        {"type": "photo", "media": "attach://a", "caption": "деталь"},
        {"type": "photo", "media": "https://x.example/b.jpg"},
    ]
    files = {"a": ("a.jpg", b"1"), "chat_id": (None, str(chat)), "media": (None, json.dumps(media))}
    first, second = (await bot.post(f"{bot.path}/sendMediaGroup", files=files)).json()["result"]
    assert first["media_group_id"] == second["media_group_id"]
    assert (first["caption"], second["message_id"]) == ("деталь", first["message_id"] + 1)


async def test_one_send_a_second_and_then_no_limit(bot, chat):
    await bot.control("set", rps=1)
    await bot.ask("sendMessage", chat_id=chat, text="раз")
    answer = await bot.call("sendMessage", chat_id=chat, text="два")
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "1")
    assert answer.json() == {
        "ok": False, "error_code": 429, "description": "Too Many Requests: retry after 1", "parameters": {"retry_after": 1},
    }  # fmt: skip
    await bot.ask("getMe")
    await bot.control("set", rps=None)
    for number in range(50):
        await bot.ask("sendMessage", chat_id=chat, text=str(number))


async def test_the_vendors_own_limits_let_bursts_pass():
    async with TelegramServer() as server, Bot(server) as bot:
        limits = server.world.limits
        now = limits.now()
        limits.now = lambda: now
        await bot.hears()
        await bot.hears(chat=GROUP, id=51)
        for number in range(20):
            await bot.ask("sendMessage", chat_id=DIALOG["id"], text=str(number))
        assert await bot.refusal("sendMessage", chat_id=DIALOG["id"], text="x") == "Too Many Requests: retry after 20"
        now += 1
        for number in range(20):
            await bot.ask("sendMessage", chat_id=GROUP["id"], text=str(number))
        now += 30
        assert await bot.refusal("sendMessage", chat_id=GROUP["id"], text="x") == "Too Many Requests: retry after 30"
        now += 30
        await bot.ask("sendMessage", chat_id=GROUP["id"], text="x")


async def test_thirty_sends_a_second_are_the_most():
    async with TelegramServer() as server, Bot(server) as bot:
        now = server.world.limits.now()
        server.world.limits.now = lambda: now
        for id in range(1, 32):
            await bot.hears(chat={**DIALOG, "id": id}, user={**ANNA, "id": id}, id=id)
        for id in range(1, 31):
            await bot.ask("sendMessage", chat_id=id, text="x")
        assert await bot.refusal("sendMessage", chat_id=31, text="x") == "Too Many Requests: retry after 1"
