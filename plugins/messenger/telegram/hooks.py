"""Which webhooks are Telegram's, and how does it come to send them?"""

from __future__ import annotations

import hmac
from datetime import UTC, datetime, timedelta

import orjson

from hub.sdk import Forged, Malformed, Received, Temporary, WebhookRequest
from plugins.messenger.telegram.client import Bot
from plugins.messenger.telegram.items import ALLOWED, business_connection, raws
from plugins.messenger.telegram.settings import Settings

HEADER = "x-telegram-bot-api-secret-token"
LOOK = timedelta(minutes=10)
"""Between two looks whether they arrive."""


def webhook(request: WebhookRequest, settings: Settings) -> Received:
    """One update. The secret in its header is the proof; the last part of the address is the bot's name, the line."""
    given = request.headers.get(HEADER, "")
    if not settings.webhook or not hmac.compare_digest(given.encode(), settings.hook_secret.encode()) or not given:
        raise Forged(
            "the secret of the webhook is wrong, or webhook = true is not set; `crmhub check` says what Telegram has"
        )
    try:
        update = orjson.loads(request.body)
    except orjson.JSONDecodeError as error:
        raise Malformed(f"not JSON: {error}") from error
    if not isinstance(update, dict):
        raise Malformed("an update is an object")
    owner = settings.accounts.get(business_connection(update) or "")
    return Received(list(raws(update, request.path.strip("/") or f"@{settings.bot}", owner)))


async def subscribe(bot: Bot, url: str) -> datetime | None:
    """Have the updates sent to us, and say what keeps them from arriving."""
    if not bot.settings.webhook:
        return None
    await bot.call(
        "setWebhook",
        repeat=True,
        url=f"{url.rstrip('/')}/{await bot.line()}",
        secret_token=bot.settings.hook_secret,
        allowed_updates=ALLOWED,
    )
    info = await bot.call("getWebhookInfo", repeat=True)
    failed_at, now = info.get("last_error_date"), bot.host.now()
    if (
        isinstance(failed_at, int)
        and info.get("pending_update_count")
        and now - datetime.fromtimestamp(failed_at, UTC) < LOOK
    ):
        raise Temporary(
            f"Telegram cannot deliver to {url}: {info.get('last_error_message')}; {info['pending_update_count']} updates wait there"
        )
    return now + LOOK
