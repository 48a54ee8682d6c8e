"""Contract, section 2.3: who is called, in which order, and what if he does not listen."""

import json

import pytest

from tests.sandbox.telegram.conftest import ANNA, DIALOG, GROUP, message, until


def texts(receiver):
    return [json.loads(body)["message"]["text"] for body in receiver.bodies]


async def test_an_update_is_posted_with_the_secret(bot, receiver):
    answer = (await bot.call("setWebhook", url=receiver.address, secret_token="s3cret")).json()
    assert answer == {"ok": True, "result": True, "description": "Webhook was set"}
    id = await bot.hears()
    await until(lambda: receiver.bodies)
    assert json.loads(receiver.bodies[0]) == {"update_id": id, "message": message()}
    assert "x-telegram-bot-api-secret-token: s3cret" in receiver.heads[0].lower()
    assert "content-type: application/json" in receiver.heads[0].lower()


async def test_what_waited_is_posted_unless_it_is_dropped(bot, receiver):
    await bot.hears("раз", id=11)
    await bot.ask("setWebhook", url=receiver.address, drop_pending_updates=True)
    await bot.hears("два", id=12)
    await until(lambda: receiver.bodies)
    assert texts(receiver) == ["два"]
    await bot.ask("deleteWebhook")
    await bot.hears("три", id=13)
    assert (await bot.ask("getWebhookInfo"))["pending_update_count"] == 1
    await bot.ask("setWebhook", url=receiver.address)
    await until(lambda: len(receiver.bodies) == 2)


async def test_setting_twice_and_deleting_twice_are_told_apart(bot, receiver):
    async def said(method, **asked):
        return (await bot.call(method, **asked)).json()["description"]

    assert await said("setWebhook", url=receiver.address) == "Webhook was set"
    assert await said("setWebhook", url=receiver.address) == "Webhook is already set"
    assert await said("setWebhook", url=receiver.address, allowed_updates=["message"]) == "Webhook was set"
    assert await said("setWebhook", url="") == "Webhook was deleted"
    assert await said("deleteWebhook") == "Webhook is already deleted"


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        ({"url": "http://hub.example.com/x"}, "bad webhook: An HTTPS URL must be provided for webhook"),
        ({"url": "http://10.0.0.1:8080/x"}, "bad webhook: An HTTPS URL must be provided for webhook"),
        (
            {"url": "https://hub.example.com:8080/x"},
            "bad webhook: Webhook can be set up only on ports 80, 88, 443 or 8443",
        ),
        ({"url": "https://"}, "invalid webhook URL specified"),
        ({"url": "ftp://hub.example.com"}, "invalid webhook URL specified"),
        ({"url": "https://hub.example.com:99999"}, "invalid webhook URL specified"),
        ({"url": "https://hub.example.com", "secret_token": "a b"}, "secret token contains unallowed characters"),
    ],
)
async def test_an_address_or_secret_that_cannot_be(bot, asked, why):
    assert await bot.refusal("setWebhook", **asked) == f"Bad Request: {why}"
    assert (await bot.ask("getWebhookInfo"))["url"] == ""


async def test_an_address_that_can_be_is_kept_as_it_is(bot):
    await bot.control("set", webhook={"hold": True})
    for url in (
        "https://hub.example.com/x",
        "https://hub.example.com:8443/x?y=1",
        "http://[::1]:9/x",
        "http://localhost:9/x",
    ):
        await bot.ask("setWebhook", url=url, max_connections=7)
        info = await bot.ask("getWebhookInfo")
        assert (info["url"], info["max_connections"], info["has_custom_certificate"]) == (url, 7, False)


async def test_without_a_webhook_the_info_is_short(bot):
    assert await bot.ask("getWebhookInfo") == {"url": "", "has_custom_certificate": False, "pending_update_count": 0}


async def test_later_updates_of_a_chat_wait_behind_a_failing_one(bot, receiver):
    receiver.status = lambda body: 500 if "раз" in body else 200
    await bot.ask("setWebhook", url=receiver.address)
    await bot.hears("раз", id=11)
    await bot.hears("два", id=12)
    await bot.hears("в группе", chat=GROUP, id=51)
    await until(lambda: len(receiver.bodies) >= 3)
    assert sorted(texts(receiver)) == ["в группе", "раз", "раз"]
    info = await bot.ask("getWebhookInfo")
    assert (info["pending_update_count"], info["last_error_message"]) == (2, "Wrong response from the webhook: 500 x")
    receiver.status = 200
    await bot.control("webhook/flush")
    await until(lambda: len(receiver.bodies) == 5)
    assert texts(receiver)[-2:] == ["раз", "два"]
    assert (await bot.ask("getWebhookInfo"))["pending_update_count"] == 0


async def test_a_repeat_comes_at_once_then_after_pauses_that_double(bot, receiver):
    receiver.status = 503
    await bot.ask("setWebhook", url=receiver.address)
    await bot.hears()
    await until(lambda: len(receiver.bodies) == 2)
    pending = bot.server.world.updates.pending
    await until(lambda: pending[0].failures == 2)
    assert pending[0].pause == 2
    await bot.control("webhook/flush")
    await until(lambda: pending[0].failures == 3)
    assert pending[0].pause == 4


async def test_the_receiver_may_say_when(bot, receiver):
    receiver.status, receiver.more = 503, "Retry-After: 1000\r\n"
    await bot.ask("setWebhook", url=receiver.address)
    await bot.hears()
    await until(lambda: bot.server.world.updates.pending[0].failures == 1)
    assert len(receiver.bodies) == 1


async def test_nobody_listens(bot):
    await bot.ask("setWebhook", url="http://127.0.0.1:1/x")
    await bot.hears()
    await until(lambda: bot.server.world.webhook.error)
    assert (await bot.ask("getWebhookInfo"))["last_error_message"] == "Connection refused"


async def test_gone_for_most_of_a_day_switches_the_webhook_off(bot, receiver):
    receiver.status = 410
    await bot.ask("setWebhook", url=receiver.address)
    await bot.hears()
    await until(lambda: bot.server.world.updates.pending[0].failures == 2)
    await bot.control("set", clock_shift=23.5 * 3600)
    await bot.control("webhook/flush")
    await until(lambda: not bot.server.world.webhook.url)
    assert (await bot.ask("getWebhookInfo"))["pending_update_count"] == 1


async def test_the_answer_may_be_a_call(bot, receiver):
    call = {"method": "sendMessage", "chat_id": ANNA["id"], "text": "x"}
    receiver.body, receiver.more = json.dumps(call), "Content-Type: application/json\r\n"
    await bot.ask("setWebhook", url=receiver.address)
    await bot.hears(chat=DIALOG)
    await until(lambda: bot.server.world.chats[ANNA["id"]].sent)


async def test_an_update_may_be_told_twice(bot, receiver):
    await bot.control("set", webhook={"double": 1})
    await bot.ask("setWebhook", url=receiver.address)
    await bot.hears()
    await until(lambda: len(receiver.bodies) == 2)
    assert receiver.bodies[0] == receiver.bodies[1]
