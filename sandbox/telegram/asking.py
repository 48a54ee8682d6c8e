"""What may the bot ask: who am I, what is new, who is there?"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import orjson

from sandbox.telegram import files
from sandbox.telegram.answers import Said, bad, conflict
from sandbox.telegram.arguments import Call
from sandbox.telegram.chats import Chat
from sandbox.telegram.types import Json
from sandbox.telegram.webhook import check_secret, check_url
from sandbox.telegram.world import World

LONGEST_POLL = 50
_MOST_BYTES = 4 * 2**20
"""About so large an answer with updates may be."""


def _me(world: World, call: Call) -> Json:
    return world.bot | {
        "can_join_groups": True, "can_read_all_group_messages": False, "supports_inline_queries": False,
        "can_connect_to_business": True, "has_main_web_app": False,
    }  # fmt: skip


async def _updates(world: World, call: Call) -> list[Json]:
    if world.webhook.url:
        raise conflict(
            "can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first"
        )
    offset, limit = call.integer("offset"), call.integer("limit", 100, 1, 100)
    timeout = call.integer("timeout", 0, 0, LONGEST_POLL)
    _choose(world, call)
    timeout, limit = world.pace.slow(offset, timeout, limit)
    world.updates.expire(world.now())
    found = world.updates.take(offset, limit)
    if not found and timeout:
        await world.updates.wait(timeout)
        found = world.updates.take(max(offset, 0), limit)
    return _bounded(found)


def _bounded(found: list[Json]) -> list[Json]:
    size = 0
    for place, one in enumerate(found):
        size += len(orjson.dumps(one))
        if size > _MOST_BYTES and place:
            return found[:place]
    return found


def _choose(world: World, call: Call) -> bool:
    """What is told from now on; the answer is whether that changed. What cannot be read changes nothing."""
    try:
        names = orjson.loads(call.text("allowed_updates") or "null")
    except orjson.JSONDecodeError:
        return False
    before = world.updates.allowed
    if isinstance(names, list) and all(isinstance(name, str) for name in names):
        world.updates.choose(names)
    return world.updates.allowed != before


def _set_webhook(world: World, call: Call) -> Said:
    if not call.text("url").strip():
        return _delete_webhook(world, call)
    hook, url, secret = world.webhook, check_url(call.text("url").strip()), call.text("secret_token")
    check_secret(secret)
    most = call.integer("max_connections", 40, 1, 100)
    has_certificate = "certificate" in call.files
    is_new = (url, secret, most, has_certificate) != (hook.url, hook.secret, hook.connections, hook.has_certificate)
    if is_new:
        world.limits.must_allow_hook()
    if call.flag("drop_pending_updates"):
        world.updates.drop()
    is_new = _choose(world, call) or is_new
    if not is_new:
        return Said(True, "Webhook is already set")
    world.updates.end_wait("terminated by setWebhook request")
    hook.set(url, secret, most, call.text("ip_address"), has_certificate=has_certificate)
    return Said(True, "Webhook was set")


def _delete_webhook(world: World, call: Call) -> Said:
    if call.flag("drop_pending_updates"):
        world.updates.drop()
    if not world.webhook.url:
        return Said(True, "Webhook is already deleted")
    world.webhook.remove()
    return Said(True, "Webhook was deleted")


def _webhook_info(world: World, call: Call) -> Json:
    hook = world.webhook
    world.updates.expire(world.now())
    told: Json = {
        "url": hook.url, "has_custom_certificate": hook.has_certificate,
        "pending_update_count": len(world.updates.pending),
    }  # fmt: skip
    if hook.url:
        told |= {"max_connections": hook.connections} | ({"ip_address": hook.ip} if hook.ip else {})
    if hook.error:
        told |= {"last_error_date": hook.error_at, "last_error_message": hook.error}
    if (chosen := world.updates.chosen()) is not None:
        told["allowed_updates"] = chosen
    return told


def _found(world: World, call: Call) -> Chat:
    if not call.text("chat_id").strip():
        raise bad("chat_id is empty")
    chat = world.find(call.text("chat_id"))
    if chat is None:
        raise bad("chat not found")
    return chat


def _chat(world: World, call: Call) -> Json:
    chat = _found(world, call)
    more: Json = {"accent_color_id": 1, "max_reaction_count": 11}
    more["accepted_gift_types"] = {
        "unlimited_gifts": True, "limited_gifts": True, "unique_gifts": True, "premium_subscription": True, "gifts_from_channels": True,
    }  # fmt: skip
    if chat.is_group:
        more["permissions"] = {"can_send_messages": True}
    return chat.about | more


def _member(world: World, call: Call) -> Json:
    chat, user_id = _found(world, call), call.integer("user_id")
    if user_id == world.bot["id"]:
        status = "kicked" if "kicked" in chat.closed else "left" if chat.closed else chat.status
        return {"user": world.bot, "status": status} | _rights(status)
    if user_id not in world.people:
        raise bad("member not found")
    return {"user": world.people[user_id], "status": "member"}


def _rights(status: str) -> Json:
    if status == "kicked":
        return {"until_date": 0}
    if status != "administrator":
        return {}
    names = (
        "is_anonymous", "can_manage_chat", "can_delete_messages", "can_manage_video_chats", "can_restrict_members",
        "can_promote_members", "can_change_info", "can_invite_users", "can_post_stories", "can_edit_stories", "can_delete_stories",
    )  # fmt: skip
    return {"can_be_edited": False} | {name: name == "can_delete_messages" for name in names}


def _administrators(world: World, call: Call) -> list[Json]:
    chat = _found(world, call)
    return (
        [{"user": world.bot, "status": "administrator"} | _rights("administrator")]
        if chat.status == "administrator"
        else []
    )


def _members(world: World, call: Call) -> int:
    chat = _found(world, call)
    return 1 + len({message["from"]["id"] for message in chat.received.values() if "from" in message})


def _leave(world: World, call: Call) -> bool:
    chat = _found(world, call)
    chat.must_be_open()
    if chat.kind == "private":
        raise bad("chat member status can't be changed in private chats")
    chat.status, chat.closed = "left", f"Forbidden: bot is not a member of the {chat.kind} chat"
    return True


def _file(world: World, call: Call) -> Json:
    if not call.text("file_id"):
        raise bad("file_id is empty")
    return files.tell(world.files.get(call.text("file_id")))


def _action(world: World, call: Call) -> bool:
    world.place(call.text("chat_id"), call.text("business_connection_id"))
    if not call.text("action"):
        raise bad("wrong parameter action in request")
    return True


def _connection(world: World, call: Call) -> Json:
    return world.connection(call.text("business_connection_id")).about


def _set_commands(world: World, call: Call) -> bool:
    commands = call.json("commands", list, "commands") or []
    if not all(isinstance(one, dict) and one.get("command") and one.get("description") for one in commands):
        raise bad("can't parse commands: a command has a command and a description")
    world.commands = commands
    return True


def _commands(world: World, call: Call) -> list[Json]:
    return world.commands


def _delete_commands(world: World, call: Call) -> bool:
    world.commands = []
    return True


def _setting(name: str) -> dict[str, Callable[[World, Call], Any]]:
    """The bot's name or one of its descriptions, by language."""
    key, most = name.replace("_", ""), {"name": 64, "description": 512, "short_description": 120}[name]

    def change(world: World, call: Call) -> bool:
        if len(call.text(name)) > most:
            raise bad(f"{name.replace('_', ' ')} is too long")
        world.settings[f"{name}/{call.text('language_code')}"] = call.text(name)
        return True

    def tell(world: World, call: Call) -> Json:
        plain = world.settings.get(f"{name}/", world.bot["first_name"] if name == "name" else "")
        return {name: world.settings.get(f"{name}/{call.text('language_code')}") or plain}

    return {f"setmy{key}": change, f"getmy{key}": tell}


def _yes(world: World, call: Call) -> bool:
    """Done, and nothing here is different for it."""
    return True


METHODS: dict[str, Callable[[World, Call], Any | Awaitable[Any]]] = {
    "getme": _me, "getupdates": _updates, "setwebhook": _set_webhook, "deletewebhook": _delete_webhook,
    "getwebhookinfo": _webhook_info, "getchat": _chat, "getchatmember": _member, "getchatadministrators": _administrators,
    "getchatmembercount": _members, "leavechat": _leave, "getfile": _file, "sendchataction": _action,
    "getbusinessconnection": _connection, "setmycommands": _set_commands, "getmycommands": _commands,
    "deletemycommands": _delete_commands, **_setting("name"), **_setting("description"), **_setting("short_description"),
    "setchatmenubutton": _yes, "logout": _yes, "close": _yes,
}  # fmt: skip
