"""Does it hold against a Telegram over real HTTP, with its queue, its limits and its people?"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from hub import clock
from hub.engine.host import ConnectionHost
from hub.sdk import Card, Context, HubError, Message, Page, Press, Raw, Said, Temporary, Throttled, Unreachable
from plugins.messenger.telegram import client
from plugins.messenger.telegram.client import Bot
from plugins.messenger.telegram.connector import CONNECTOR
from plugins.messenger.telegram.settings import Settings
from plugins.messenger.telegram.tests.recorded import IVAN, TEAM, parsed
from plugins.messenger.telegram.tests.test_push import AMENDED, NOTICE
from plugins.messenger.telegram.updates import updates
from sandbox.telegram import TelegramServer
from sandbox.telegram.control import _ACTS
from sandbox.telegram.people import touch

ANNA = 777000111


class Vendor:
    """A pretend Telegram, and the hub's own way to it."""

    def __init__(self, server: TelegramServer) -> None:
        self.server = server
        self.cursor: Any = None

    def touch(self, action: str, **what: Any) -> list[dict[str, Any]]:
        told: list[dict[str, Any]] = touch(self.server.world, {"action": action, **what})["touched"]
        return told

    def set(self, **what: Any) -> None:
        _ACTS["set"](self.server.world, what)

    @asynccontextmanager
    async def open(self, hook_url: str | None = None, **options: Any) -> AsyncIterator[Bot]:
        assert CONNECTOR.open is not None
        host = ConnectionHost("tg", Context("tg", team=TEAM), clock.now, CONNECTOR.classify, hook_url)
        settings = Settings.model_validate({**self.server.credentials, **options})
        async with CONNECTOR.open(settings, host) as bot:
            yield bot

    async def read(self, *, stored: bool = True) -> list[Raw]:
        """All that waits. stored: whether the hub lived long enough to keep it, otherwise it dies of the first page."""
        found: list[Raw] = []
        async with self.open() as bot:
            while items := (page := await _page(bot, self.cursor)).items:
                found += items
                if not stored:
                    break
                self.cursor = page.cursor
        return found

    async def push(self, effect: Any) -> Any:
        assert CONNECTOR.push is not None
        push = {push.effect: push for push in CONNECTOR.push(Settings())}[type(effect)]
        async with self.open() as bot:
            return await push.send(bot, effect)


async def _page(bot: Bot, cursor: Any) -> Page:
    async with aclosing(updates(bot, cursor)) as pages:
        async for page in pages:
            return page
    raise AssertionError("the stream ended")


@pytest.fixture
async def vendor() -> AsyncIterator[Vendor]:
    client._paces.clear()
    async with TelegramServer(rps=0) as server:
        made = Vendor(server)
        await made.read()  # what the bot asks for is told from now on
        yield made


def messages(found: list[Raw]) -> list[Message]:
    return [item for item in parsed(found) if isinstance(item, Message)]


async def test_what_was_not_stored_comes_again_and_is_the_same(vendor: Vendor) -> None:
    for text in ("раз", "два"):
        vendor.touch("write", user_id=ANNA, name="Анна Петрова", text=text)
    lost = await vendor.read(stored=False)
    found = await vendor.read()
    assert lost
    assert found[: len(lost)] == lost
    assert [item.text for item in messages(found)] == ["раз", "два"]
    vendor.touch("write", user_id=ANNA, text="три")
    assert [item.text for item in messages(await vendor.read())] == ["три"]


async def test_a_talk_in_a_manager_s_own_account(vendor: Vendor) -> None:
    connected = vendor.touch("connect", user_id=IVAN, name="Иван")[0]["business_connection"]["id"]
    asked = vendor.touch("write", user_id=ANNA, name="Анна", connection=connected, text="Есть вопрос")
    number = asked[0]["business_message"]["message_id"]
    vendor.touch("write", user_id=IVAN, chat_id=ANNA, connection=connected, text="Слушаю вас")
    vendor.touch("edit", chat_id=ANNA, connection=connected, message_id=number, text="Есть вопрос по доставке")
    client_s, reply = messages(await vendor.read())
    assert (client_s.direction, client_s.text, client_s.line) == ("in", "Есть вопрос по доставке", f"telegram:{IVAN}")
    assert (reply.direction, reply.member) == ("out", f"telegram:{IVAN}")


async def test_a_press_names_the_notice_as_it_was_sent(vendor: Vendor) -> None:
    vendor.touch("write", user_id=IVAN, name="Иван", text="/start mgr_code1")
    (said,) = [item for item in parsed(await vendor.read(), team={}) if isinstance(item, Said)]
    assert said.text == "/start mgr_code1"
    made = await vendor.push(NOTICE)
    vendor.touch("press", user_id=IVAN, message_id=int(made.id.rpartition("/")[2]), data="take")
    (press,) = [item for item in parsed(await vendor.read()) if isinstance(item, Press)]
    assert (press.on, press.action, press.by) == (made.id, "take", f"telegram:{IVAN}")
    amended = replace(AMENDED, replaces=made.id)
    assert await vendor.push(amended) == made
    assert await vendor.push(amended) == made  # it says so already


async def test_a_recipient_who_blocked_the_bot_is_unreachable(vendor: Vendor) -> None:
    with pytest.raises(Unreachable):
        await vendor.push(NOTICE)  # he has never written to it
    vendor.touch("write", user_id=IVAN, text="/start")
    made = await vendor.push(NOTICE)
    vendor.touch("block", user_id=IVAN)
    with pytest.raises(Unreachable):
        await vendor.push(NOTICE)
    vendor.touch("unblock", user_id=IVAN)
    assert (await vendor.push(NOTICE)).id != made.id


async def test_a_group_that_moves_stays_one_client_and_can_be_written_to(vendor: Vendor) -> None:
    vendor.touch("write", user_id=ANNA, name="Анна", chat_id=-4001122, title="Стройка", text="Когда привезёте?")
    vendor.touch("migrate", user_id=ANNA, chat_id=-4001122, to=-1001987654321)
    found = parsed(await vendor.read())
    (card,) = [item for item in found if isinstance(item, Card)]
    assert card.handles == ("telegram:-4001122", "telegram:-1001987654321")
    made = await vendor.push(replace(NOTICE, address="-4001122"))
    assert made.id.startswith("-1001987654321/")


async def test_asking_too_often_says_for_how_long(vendor: Vendor) -> None:
    vendor.touch("write", user_id=IVAN, text="/start")
    vendor.set(rps=1)
    await vendor.push(NOTICE)
    with pytest.raises(Throttled) as caught:
        await vendor.push(NOTICE)
    assert caught.value.retry_after is not None
    assert caught.value.retry_after >= 1


async def test_the_way_can_be_changed_and_nothing_is_lost(vendor: Vendor) -> None:
    """By webhook and back: what the webhook could not deliver is asked for."""
    ours = "http://127.0.0.1:1/hooks/tg"  # nobody listens there
    assert CONNECTOR.subscribe is not None
    async with vendor.open(ours, webhook=True) as bot:
        await CONNECTOR.subscribe(bot, ours)
    vendor.touch("write", user_id=ANNA, name="Анна", text="Есть кто?")
    async with vendor.open(ours) as bot:
        page = await _page(bot, vendor.cursor)
    assert [item.text for item in messages(list(page.items))] == ["Есть кто?"]


async def test_no_error_shows_the_token() -> None:
    """It stands in every address, of a vendor that refuses it and of one that is not there."""
    async with TelegramServer() as server:
        wrong = {"base_url": server.base_url, "token": server.token[:-4] + "AAAA"}
        gone = {"base_url": "http://127.0.0.1:1", "token": server.token}
        for given in (wrong, gone):
            settings = Settings.model_validate(given)
            host = ConnectionHost("tg", Context("tg"), clock.now, CONNECTOR.classify)
            assert CONNECTOR.open is not None
            async with CONNECTOR.open(settings, host) as bot:
                with pytest.raises(HubError) as caught:
                    await bot.call("getMe")
            key = given["token"].partition(":")[2]
            assert key not in f"{caught.value} {caught.value!r} {settings!r} {bot.settings!r}"
            assert caught.value.__cause__ is None
            assert given is wrong or isinstance(caught.value, Temporary)
