"""What holds of a bot, and what has to be done about the rest?"""

from __future__ import annotations

from collections.abc import Sequence

from hub.sdk import Checked, HubError
from plugins.messenger.telegram.client import Bot, Row
from plugins.messenger.telegram.settings import API


async def check(bot: Bot) -> Sequence[Checked]:
    """The token first, without which nothing can be asked."""
    try:
        me = await bot.me()
        info = await bot.call("getWebhookInfo", repeat=True)
    except HubError as error:
        return [Checked("the bot", ok=False, problem=str(error))]
    return [
        Checked(f"the bot is @{me.get('username')} (“{me.get('first_name')}”)", ok=True),
        await _line(bot),
        _updates(bot, info),
        _groups(me),
        _accounts(bot, me),
    ]


async def _line(bot: Bot) -> Checked:
    """Whether somebody promised an answer to those who write to the bot."""
    line = await bot.line()
    if line.lower() in {name.strip().lower() for name in bot.host.context.lines}:
        return Checked(f"the line {line} is in a group of lines", ok=True)
    return Checked(
        f"the line {line} is in no group of lines",
        ok=True,
        problem="nobody is promised an answer there: write it, and telegram:<number> of a manager's own account, "
        "into lines of a group in [lines]",
    )


def _updates(bot: Bot, info: Row) -> Checked:
    """Whether updates reach the hub."""
    ours, url = bot.host.hook_url, str(info.get("url") or "")
    is_ours = ours is not None and url.startswith(ours.rstrip("/") + "/")
    if not bot.settings.webhook:
        if url and not is_ours:
            return Checked(
                "updates are asked for",
                ok=False,
                problem=f"another program has them sent to {url}; take a bot of its own",
            )
        return Checked("updates are asked for", ok=True)
    if ours is None or not (ours.startswith("https://") or bot.settings.base_url != API):
        return Checked(
            "updates come by webhook", ok=False, problem="set public_url in [web], with https; or leave webhook out"
        )
    if url and not is_ours:
        return Checked(
            "updates come by webhook", ok=True, problem=f"they go to {url} now; the running hub changes that"
        )
    if info.get("last_error_message") and info.get("pending_update_count"):
        return Checked(
            "updates come by webhook", ok=False, problem=f"Telegram could not deliver: {info['last_error_message']}"
        )
    return Checked("updates come by webhook", ok=True)


def _groups(me: Row) -> Checked:
    if me.get("can_read_all_group_messages"):
        return Checked("groups: the bot sees every message", ok=True)
    return Checked(
        "groups: the bot sees only commands and answers to itself",
        ok=True,
        problem="for groups with clients switch its privacy mode off (@BotFather → Bot Settings → Group Privacy), then add it anew",
    )


def _accounts(bot: Bot, me: Row) -> Checked:
    if me.get("can_connect_to_business") and bot.settings.webhook and not bot.settings.accounts:
        return Checked(
            "managers can connect their own accounts",
            ok=True,
            problem="by webhook nobody can tell whose account it is: leave webhook out, or write accounts",
        )
    if me.get("can_connect_to_business"):
        return Checked("managers can connect their own accounts", ok=True)
    return Checked(
        "managers cannot connect their own accounts",
        ok=True,
        problem="if they shall, switch on Business Mode (@BotFather → Bot Settings → Business Mode)",
    )
