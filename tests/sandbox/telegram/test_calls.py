"""Contract, section 2.1: how a method is called, and what is said to a call that makes no sense."""

import asyncio
import json
import sys

import httpx
import pytest

from tests.sandbox.telegram.conftest import GROUP

MARKUP = {"inline_keyboard": [[{"text": "Принять", "callback_data": "take"}]]}
ASKED = {
    "chat_id": "777000111",
    "text": "Добрый день & <b>всё</b>",
    "parse_mode": "HTML",
    "reply_markup": json.dumps(MARKUP),
}


async def by_query(bot):
    return await bot.get(f"{bot.path}/sendMessage", params=ASKED)


async def by_form(bot):
    return await bot.post(f"{bot.path}/sendMessage", data=ASKED)


async def by_parts(bot):
    return await bot.post(f"{bot.path}/SENDMESSAGE", files={name: (None, value) for name, value in ASKED.items()})


async def by_json(bot):
    return await bot.post(f"{bot.path}/sendmessage", json=ASKED | {"chat_id": 777000111, "reply_markup": MARKUP})


async def by_json_with_texts(bot):
    return await bot.post(f"{bot.path}/sendMessage", json=ASKED)


async def by_query_and_form(bot):
    return await bot.post(f"{bot.path}/sendMessage?chat_id=777000111", data={**ASKED, "chat_id": "777000111"})


@pytest.mark.parametrize("way", [by_query, by_form, by_parts, by_json, by_json_with_texts, by_query_and_form])
async def test_arguments_are_read_from_all_encodings(bot, way):
    await bot.hears()
    sent = (await way(bot)).json()["result"]
    assert sent["text"] == "Добрый день & всё"
    assert sent["entities"] == [{"offset": 14, "length": 3, "type": "bold"}]
    assert sent["reply_markup"] == MARKUP


async def test_the_bot_knows_itself(bot):
    assert await bot.ask("getMe") == {
        "id": 123456789, "is_bot": True, "first_name": "Hub", "username": "hub_test_bot", "can_join_groups": True,
        "can_read_all_group_messages": False, "supports_inline_queries": False, "can_connect_to_business": True,
        "has_main_web_app": False,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("path", "code", "description"),
    [
        ("bot123456789:AAwrong/getMe", 401, "Unauthorized"),
        ("botnothing/getMe", 404, "Not Found"),
        ("file/bot123456789:AAwrong/documents/file_1.pdf", 401, "Unauthorized"),
        ("elsewhere", 404, "Not Found"),
    ],
)
async def test_a_wrong_address(bot, path, code, description):
    answer = await bot.get(f"{bot.server.base_url}/{path}")
    assert (answer.status_code, answer.json()) == (code, {"ok": False, "error_code": code, "description": description})


async def test_an_unknown_method_is_not_found(bot):
    assert await bot.refusal("sendNothing") == "Not Found"


async def test_a_body_that_cannot_be_read_is_refused(bot):
    for kind, body in (("application/json", b"{"), ("multipart/form-data", b"x"), ("application/json", b"[1]")):
        answer = await bot.post(f"{bot.path}/getMe", content=body, headers={"Content-Type": kind})
        assert answer.status_code == 400


async def test_what_was_sent_is_listed_with_all_arguments(bot):
    await bot.hears(chat=GROUP)
    await bot.ask("sendMessage", chat_id=GROUP["id"], text="Да", disable_notification=True)
    [call] = (await bot.control("state", only=["sent"]))["sent"]
    assert call["arguments"] == {"chat_id": "-4001122", "text": "Да", "disable_notification": "true"}
    assert call["result"]["text"] == "Да"


async def test_a_fault_strikes_after_the_work_was_done(bot):
    await bot.hears()
    await bot.control("set", faults=[{"kind": "lost", "path": "*/sendMessage", "count": 1}])
    with pytest.raises(Exception, match=r"disconnected|reset|closed"):
        await bot.ask("sendMessage", chat_id=777000111, text="раз")
    await bot.control("set", faults=[{"kind": "status", "status": 429, "seconds": 7}])
    answer = await bot.call("getMe")
    assert (answer.headers["retry-after"], answer.json()["parameters"]) == ("7", {"retry_after": 7})
    await bot.control("set", faults=[])
    assert len((await bot.control("state", only=["chats"]))["chats"][0]["messages"]) == 2


async def test_what_the_control_plane_does_not_understand_is_refused(bot):
    base = f"{bot.server.base_url}/_ctl"
    for name, body in (
        ("update", {}),
        ("update", {"message": 1}),
        ("set", {"x": 1}),
        ("touch", {"action": "x"}),
        ("update", [1]),
    ):
        assert (await bot.post(f"{base}/{name}", json=body)).status_code == 400
    assert (await bot.post(f"{base}/nothing", json={})).status_code == 404


async def test_the_page_shows_chats_and_its_forms_work(bot):
    base = f"{bot.server.base_url}/_ctl"
    form = {"action": "write", "name": "Пётр Ильин", "text": "<i>почём?</i>", "user_id": "5"}
    assert (await bot.post(f"{base}/touch", data=form)).status_code == 303
    await bot.ask("sendMessage", chat_id=5, text="Секунду", reply_markup=MARKUP)
    page = (await bot.get(f"{base}/")).text
    assert "Пётр Ильин" in page
    assert "&lt;i&gt;почём?" in page
    [sent] = (await bot.control("state", only=["sent"]))["sent"]
    pressed = {
        "action": "press",
        "user_id": "5",
        "chat_id": "5",
        "message_id": sent["result"]["message_id"],
        "data": "take",
    }
    assert all(f'name="{name}" value="{value}"' in page for name, value in pressed.items())
    await bot.post(f"{base}/touch", data=pressed)
    press = (await bot.ask("getUpdates"))[-1]["callback_query"]
    await bot.ask("answerCallbackQuery", callback_query_id=press["id"], text="Принято")
    assert "Принято" in (await bot.get(f"{base}/chats")).text


async def test_the_command_prints_one_line_serves_and_ends_when_told():
    command = [sys.executable, "-c", "from sandbox.telegram import serve; serve(['--rps', '1'])"]
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    told = json.loads(await process.stdout.readline())
    assert set(told) == {"base_url", "token"}
    async with httpx.AsyncClient(base_url=told["base_url"], trust_env=False, verify=False) as client:
        waiting = asyncio.create_task(client.get(f"/bot{told['token']}/getUpdates", params={"timeout": 50}, timeout=60))
        assert (await client.get(f"/bot{told['token']}/getMe")).json()["ok"]
        process.terminate()
        assert await asyncio.wait_for(process.wait(), 10) == 0
        waiting.cancel()
