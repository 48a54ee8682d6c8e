"""Is each update stored before it is confirmed, whatever numbers it has and whoever else wants them?"""

from __future__ import annotations

from contextlib import aclosing
from typing import Any

import pytest

from hub.sdk import AuthFailed, Page
from plugins.messenger.telegram.client import Bot, Conflict
from plugins.messenger.telegram.settings import Settings
from plugins.messenger.telegram.tests.bot import Refuse, Vendor, one_after_the_other
from plugins.messenger.telegram.tests.recorded import IVAN, UPDATES
from plugins.messenger.telegram.updates import streams, updates


async def pages(bot: Bot, count: int, cursor: Any = None) -> list[Page]:
    found: list[Page] = []
    async with aclosing(updates(bot, cursor)) as read:
        async for page in read:
            found.append(page)
            if len(found) == count:
                break
    return found


async def test_what_is_stored_is_confirmed_by_the_next_question() -> None:
    vendor = Vendor({"getUpdates": one_after_the_other([UPDATES["forward"], UPDATES["photo"]], [])})
    async with vendor.open() as bot:
        first, second = await pages(bot, 2)
    assert [raw.kind for raw in first.items] == ["update", "chat", "update", "chat"]
    assert first.cursor["offset"] == 845120004
    assert second.cursor is None
    assert [given.get("offset") for given in vendor.of("getUpdates")] == [None, 845120004]


async def test_reading_goes_on_at_the_cursor() -> None:
    vendor = Vendor({"getUpdates": []})
    async with vendor.open() as bot:
        await pages(bot, 1, {"offset": 845120004, "owners": {}})
    assert vendor.of("getUpdates")[0]["offset"] == 845120004


async def test_all_is_there_once_an_answer_is_not_full() -> None:
    many = [{**UPDATES["forward"], "update_id": number} for number in range(1, 101)]
    vendor = Vendor({"getUpdates": one_after_the_other(many, [])})
    async with vendor.open() as bot:
        first, second = await pages(bot, 2)
    assert (first.complete_until, second.complete_until) == (None, vendor.bench.time)


async def test_numbers_that_begin_anew_lower_are_followed() -> None:
    vendor = Vendor({"getUpdates": [{**UPDATES["forward"], "update_id": 17}]})
    async with vendor.open() as bot:
        (page,) = await pages(bot, 1, {"offset": 845120004, "owners": {}})
    assert page.cursor["offset"] == 18


async def test_the_first_answer_comes_at_once_and_later_ones_when_there_is_something() -> None:
    vendor = Vendor({"getUpdates": []})
    async with vendor.open() as bot:
        await pages(bot, 2)
    assert [given["timeout"] for given in vendor.of("getUpdates")] == [0, 25]
    assert "message_reaction" in vendor.of("getUpdates")[0]["allowed_updates"]


async def test_whose_own_account_it_is_is_remembered() -> None:
    vendor = Vendor({"getUpdates": one_after_the_other([UPDATES["connected"]], [UPDATES["own_in"]])})
    async with vendor.open() as bot:
        first, second = await pages(bot, 2)
    assert first.cursor["owners"] == second.cursor["owners"] == {"bcAbCdEf12345": IVAN}
    assert second.items[0].payload["owner"] == IVAN
    assert not vendor.of("getBusinessConnection")


async def test_whose_it_is_is_asked_where_it_was_connected_before() -> None:
    connected = UPDATES["connected"]["business_connection"]
    vendor = Vendor({"getUpdates": [UPDATES["own_in"]], "getBusinessConnection": connected})
    async with vendor.open() as bot:
        first, second = await pages(bot, 2)
    assert first.items[0].payload["owner"] == IVAN
    assert len(vendor.of("getBusinessConnection")) == 1
    assert second.cursor["owners"] == {"bcAbCdEf12345": IVAN}


async def test_an_account_that_is_not_told_loses_no_message() -> None:
    def refused(_given: dict[str, Any]) -> None:
        raise Refuse(400, "Bad Request: business connection not found")

    vendor = Vendor({"getUpdates": [UPDATES["own_in"]], "getBusinessConnection": refused})
    async with vendor.open() as bot:
        (page,) = await pages(bot, 1)
    assert "owner" not in page.items[0].payload
    assert page.items[0].group == "bcAbCdEf12345/777000111/301"


async def test_an_update_of_any_shape_holds_up_no_other() -> None:
    odd: list[Any] = [{"update_id": 1, "message": shape} for shape in (None, 7, [], {"chat": 5, "date": 10**30})]
    odd += [{"update_id": 2, "deleted_business_messages": {"message_ids": 5}}, 7, {"no": "number"}, UPDATES["forward"]]
    vendor = Vendor({"getUpdates": odd})
    async with vendor.open() as bot:
        (page,) = await pages(bot, 1)
    assert page.items[-2].group == "777000111/18"


async def test_a_webhook_of_ours_is_taken_away_first() -> None:
    vendor = Vendor({"getUpdates": [], "getWebhookInfo": {"url": "https://hub.example/hooks/tg/@hub_test_bot"}})
    vendor.bench.hook_url = "https://hub.example/hooks/tg"
    async with vendor.open() as bot:
        await pages(bot, 1)
    assert [name for name, _ in vendor.asked][:2] == ["getWebhookInfo", "deleteWebhook"]


@pytest.mark.parametrize("ours", [None, "https://hub.example/hooks/tg"])
async def test_a_webhook_of_somebody_else_stays(ours: str | None) -> None:
    vendor = Vendor({"getWebhookInfo": {"url": "https://helpdesk.example/bot"}})
    vendor.bench.hook_url = ours
    async with vendor.open() as bot:
        with pytest.raises(AuthFailed, match="helpdesk"):
            await pages(bot, 1)
    assert not vendor.of("deleteWebhook")


async def test_another_program_that_asks_is_told() -> None:
    def conflict(_given: dict[str, Any]) -> None:
        raise Refuse(
            409, "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running"
        )

    async with Vendor({"getUpdates": conflict}).open() as bot:
        with pytest.raises(Conflict, match="only one bot instance"):
            await pages(bot, 1)


def test_by_webhook_nothing_is_asked() -> None:
    assert [stream.name for stream in streams(Settings())] == ["updates"]
    assert streams(Settings(webhook=True)) == ()
