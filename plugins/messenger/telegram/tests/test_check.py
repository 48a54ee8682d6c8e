"""Does a check say what holds, and what has to be done about the rest?"""

from __future__ import annotations

from typing import Any

from hub.sdk import Context
from plugins.messenger.telegram.connector import CONNECTOR
from plugins.messenger.telegram.tests.bot import ME, Refuse, Vendor
from plugins.messenger.telegram.words import RUSSIAN

OURS = "https://hub.example/hooks/tg"


async def checked(
    answers: dict[str, Any], hook_url: str | None = None, lines: tuple[str, ...] = ("@Hub_test_bot",), **options: Any
) -> list[tuple[str, bool, str]]:
    vendor = Vendor(answers)
    vendor.bench.hook_url = hook_url
    vendor.bench.context = Context("tg", lines=frozenset(lines))
    async with vendor.open(**options) as bot:
        assert CONNECTOR.check is not None
        return [(line.what, line.ok, line.problem) for line in await CONNECTOR.check(bot)]


async def test_what_holds_is_said() -> None:
    found = await checked({"getMe": {**ME, "can_read_all_group_messages": True}})
    assert found == [
        ("the bot is @hub_test_bot (“Hub”)", True, ""),
        ("the line @hub_test_bot is in a group of lines", True, ""),
        ("updates are asked for", True, ""),
        ("groups: the bot sees every message", True, ""),
        ("managers can connect their own accounts", True, ""),
    ]


async def test_a_line_that_nobody_answers_for_is_named() -> None:
    what, ok, problem = (await checked({}, lines=("@shop_bot",)))[1]
    assert (what, ok) == ("the line @hub_test_bot is in no group of lines", True)
    assert "[lines]" in problem


async def test_privacy_mode_and_business_mode_are_named() -> None:
    found = await checked({"getMe": {**ME, "can_connect_to_business": False}})
    assert ["BotFather" in problem for _, _, problem in found] == [False, False, False, True, True]
    assert all(ok for _, ok, _ in found)


async def test_a_token_that_nobody_knows_is_all_that_is_said() -> None:
    def unknown(_given: dict[str, Any]) -> None:
        raise Refuse(401, "Unauthorized")

    ((what, ok, problem),) = await checked({"getMe": unknown})
    assert (what, ok) == ("the bot", False)
    assert "@BotFather" in problem


async def test_another_program_that_has_the_updates_is_named() -> None:
    found = await checked({"getWebhookInfo": {"url": "https://helpdesk.example/bot"}}, OURS)
    assert found[2][1] is False
    assert "helpdesk" in found[2][2]


async def test_a_webhook_needs_an_address_of_ours() -> None:
    assert "public_url" in (await checked({}, None, webhook=True))[2][2]
    assert (await checked({"getWebhookInfo": {"url": f"{OURS}/@hub_test_bot"}}, OURS, webhook=True))[2][1:] == (
        True,
        "",
    )


async def test_by_webhook_somebody_has_to_say_whose_the_accounts_are() -> None:
    assert "write accounts" in (await checked({}, OURS, webhook=True))[-1][2]
    assert (await checked({}, OURS, webhook=True, accounts={"bcAbC": 777000900}))[-1][2] == ""


async def test_a_webhook_that_fails_is_told() -> None:
    info = {"url": f"{OURS}/@hub_test_bot", "last_error_message": "Wrong response", "pending_update_count": 2}
    assert (await checked({"getWebhookInfo": info}, OURS, webhook=True))[2][1:] == (
        False,
        "Telegram could not deliver: Wrong response",
    )


async def test_one_of_us_is_invited_by_a_link() -> None:
    async with Vendor().open() as bot:
        assert CONNECTOR.invitation is not None
        assert await CONNECTOR.invitation(bot, "mgr_8f2c") == "https://t.me/hub_test_bot?start=mgr_8f2c"


def test_every_key_is_said_in_russian() -> None:
    fields = CONNECTOR.settings.model_fields.values()
    said = {CONNECTOR.about, *(field.title for field in fields), *(field.description for field in fields)}
    assert said <= set(RUSSIAN)
