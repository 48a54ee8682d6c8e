"""How are updates asked for: each is stored before it is confirmed, and never mind how they are numbered?"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any, TypeAlias

from hub.sdk import AuthFailed, Page, Raw, Rejected, Stream, Unreachable
from plugins.messenger.telegram.client import Bot
from plugins.messenger.telegram.items import ALLOWED, business_connection, raws
from plugins.messenger.telegram.settings import Settings

Owners: TypeAlias = dict[str, int]
"""Business connection → number of the manager whose own account it is."""

PATIENCE = 25
"""Seconds that the vendor keeps a question open while nothing comes: less than the client waits for an answer."""
MOST = 100
"""Updates of one answer."""


def streams(settings: Settings) -> Sequence[Stream]:
    """One stream, unless the updates come by webhook."""
    return () if settings.webhook else (Stream("updates", live=updates),)


async def updates(bot: Bot, cursor: Any) -> AsyncIterator[Page]:
    """Updates as they come.

    Asking from a number on makes the vendor forget all before it: the cursor is that number, and it is asked for only once
    the page before is stored. After a week of silence the numbers begin anew anywhere, so that none is compared.
    """
    await _take_over(bot)
    line = await bot.line()
    offset: int | None = (cursor or {}).get("offset")
    owners: Owners = dict((cursor or {}).get("owners") or {})
    patience = 0  # the first answer says that it works
    while True:
        asked = bot.host.now()
        told = await bot.call("getUpdates", offset=offset, limit=MOST, timeout=patience, allowed_updates=ALLOWED)
        found = [update for update in told if isinstance(update, dict) and isinstance(update.get("update_id"), int)]
        items: list[Raw] = []
        for update in found:
            items += raws(update, line, await _owner(bot, owners, update))
        offset = found[-1]["update_id"] + 1 if found else offset
        yield Page(
            items,
            cursor={"offset": offset, "owners": owners} if found else None,
            complete_until=asked if len(told) < MOST else None,
        )
        patience = PATIENCE


async def _owner(bot: Bot, owners: Owners, update: dict[str, Any]) -> int | None:
    """Whose own account an update is of: told when it was connected, asked for where that was before our time."""
    connected = update.get("business_connection")
    if isinstance(connected, dict):
        _note(owners, connected)
    name = business_connection(update)
    if name is not None and name not in owners:
        try:
            _note(owners, await bot.call("getBusinessConnection", repeat=True, business_connection_id=name))
        except (Rejected, Unreachable):
            return None
    return owners.get(name) if name is not None else None


def _note(owners: Owners, connected: dict[str, Any]) -> None:
    name, user = connected.get("id"), connected.get("user")
    if isinstance(name, str) and isinstance(user, dict) and isinstance(user.get("id"), int):
        owners[name] = user["id"]


async def _take_over(bot: Bot) -> None:
    """A webhook keeps updates from being asked for: ours is taken away, that of somebody else is not."""
    url = str((await bot.call("getWebhookInfo", repeat=True)).get("url") or "")
    if not url:
        return
    ours = bot.host.hook_url
    if ours is None or not url.startswith(ours.rstrip("/") + "/"):
        raise AuthFailed(
            f"the bot sends its updates to {url}: make a bot of its own for the hub, or have that program let go of this one "
            "(deleteWebhook)"
        )
    await bot.call("deleteWebhook", repeat=True)
