"""Which webhooks are taken, and how does the vendor come to send them?"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest

from hub.sdk import Forged, Malformed, Received, Temporary, WebhookRequest
from plugins.messenger.telegram.connector import CONNECTOR
from plugins.messenger.telegram.hooks import HEADER
from plugins.messenger.telegram.settings import Settings
from plugins.messenger.telegram.tests.bot import TOKEN, Vendor
from plugins.messenger.telegram.tests.recorded import IVAN, LINE, UPDATES, items

SETTINGS = Settings.model_validate({"token": TOKEN, "webhook": True})
URL = "https://hub.example/hooks/tg"


def received(body: bytes, secret: str | None = None, settings: Settings = SETTINGS, path: str = LINE) -> Received:
    assert CONNECTOR.webhook is not None
    headers = {HEADER: SETTINGS.hook_secret if secret is None else secret}
    at = datetime(2026, 11, 16, 9, tzinfo=UTC)
    return CONNECTOR.webhook(WebhookRequest("POST", path, URL, headers, {}, body, "127.0.0.1", at), settings)


def test_an_update_is_the_same_by_either_way() -> None:
    assert received(orjson.dumps(UPDATES["forward"])).items == items(UPDATES["forward"])


def test_the_owner_of_an_account_is_told_by_the_settings() -> None:
    settings = SETTINGS.model_copy(update={"accounts": {"bcAbCdEf12345": IVAN}})
    assert received(orjson.dumps(UPDATES["own_in"]), settings=settings).items == items(UPDATES["own_in"], owner=IVAN)


@pytest.mark.parametrize("secret", ["", "wrong", "секрет", SETTINGS.hook_secret + "x"])
def test_another_secret_is_forged(secret: str) -> None:
    with pytest.raises(Forged):
        received(orjson.dumps(UPDATES["forward"]), secret)


@pytest.mark.parametrize("options", [{"token": TOKEN}, {"webhook": True}])
def test_what_was_not_asked_for_is_forged(options: dict[str, Any]) -> None:
    settings = Settings.model_validate(options)
    for secret in (settings.hook_secret, SETTINGS.hook_secret):
        with pytest.raises(Forged):
            received(orjson.dumps(UPDATES["forward"]), secret, settings)


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"7"])
def test_what_is_no_update_is_malformed(body: bytes) -> None:
    with pytest.raises(Malformed):
        received(body)


def test_the_secret_is_no_part_of_the_token() -> None:
    assert TOKEN.partition(":")[2] not in SETTINGS.hook_secret
    assert len(SETTINGS.hook_secret) == 64


# asking for them


async def test_the_updates_are_asked_for_with_a_secret_and_the_name_of_the_line() -> None:
    vendor = Vendor()
    async with vendor.open(webhook=True) as bot:
        assert CONNECTOR.subscribe is not None
        until = await CONNECTOR.subscribe(bot, URL)
    (given,) = vendor.of("setWebhook")
    assert (given["url"], given["secret_token"]) == (f"{URL}/{LINE}", SETTINGS.hook_secret)
    assert {"message_reaction", "business_message", "callback_query"} <= set(given["allowed_updates"])
    assert until == vendor.bench.time + timedelta(minutes=10)


async def test_where_the_hub_asks_no_webhook_is_set() -> None:
    vendor = Vendor()
    async with vendor.open() as bot:
        assert CONNECTOR.subscribe is not None
        assert await CONNECTOR.subscribe(bot, URL) is None
    assert vendor.asked == []


async def test_what_cannot_be_delivered_is_told() -> None:
    at = int(datetime(2026, 11, 16, 8, 55, tzinfo=UTC).timestamp())
    info = {"url": URL, "last_error_date": at, "last_error_message": "Connection refused", "pending_update_count": 3}
    async with Vendor({"getWebhookInfo": info}).open(webhook=True) as bot:
        assert CONNECTOR.subscribe is not None
        with pytest.raises(Temporary, match="Connection refused; 3 updates wait"):
            await CONNECTOR.subscribe(bot, URL)
