"""What does an update change? Each is what happened at the vendor: the state follows, and the bot is told if it asked for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from sandbox.telegram.chats import Chat, Connection, why_closed
from sandbox.telegram.types import Json
from sandbox.telegram.updates import Pending
from sandbox.telegram.world import Press, World


def happen(world: World, update: Json, number: int | None = None) -> tuple[int, bool]:
    """Let it happen. The answer is its number and whether the bot is told; raises ValueError for what is no update."""
    kinds = [key for key in update if key != "update_id"]
    if len(kinds) != 1 or not isinstance(update[kinds[0]], dict):
        raise ValueError("an update has one object beside its update_id, such as message")
    [kind] = kinds
    told = update[kind]
    follow = _FOLLOW.get(kind)
    if follow:
        follow(world, told)
    world.files.learn(told)
    world.people.update((user["id"], user) for user in _users(told))
    id = world.updates.number(number)
    is_wanted = world.updates.is_wanted(kind)
    if is_wanted:
        one = Pending(id, kind, {"update_id": id, kind: told}, world.now(), _queue(kind, told, id))
        world.updates.add(one)
        world.webhook.tell(one)
    else:
        world.updates.note(id)
    return id, is_wanted


def _said(world: World, message: Json) -> None:
    """Somebody wrote to the bot or into its group, or changed what he wrote."""
    chat = world.chat(message["chat"])
    _add(world, chat, message)
    if message.get("migrate_to_chat_id"):
        _move(world, chat, message["migrate_to_chat_id"])
    elif message.get("migrate_from_chat_id"):
        old = world.chats.get(message["migrate_from_chat_id"])
        if old:
            old.moved_to = chat.id
    elif message.get("left_chat_member", {}).get("id") == world.bot["id"]:
        chat.closed = chat.closed or why_closed(chat.kind, "left")
    else:
        chat.closed = ""


def _add(world: World, chat: Chat, message: Json) -> None:
    chat.hear(message, world.now())
    world.number(chat, message["message_id"])


def _move(world: World, chat: Chat, to: int) -> None:
    """A group became a supergroup."""
    chat.moved_to = to
    if to not in world.chats:
        world.chat({**chat.about, "id": to, "type": "supergroup"})


def _said_to_manager(world: World, message: Json) -> None:
    id = message["business_connection_id"]
    user = (
        message["from"]
        if message["from"]["id"] != message["chat"]["id"]
        else {"id": 0, "is_bot": False, "first_name": ""}
    )
    unknown = Connection({"id": id, "user": user, "is_enabled": True, "rights": {"can_reply": True}})
    connection = world.connections.setdefault(id, unknown)
    about = message["chat"]
    chat = connection.chats.setdefault(about["id"], Chat(about["id"], about))
    chat.hear(message, world.now())


def _removed_from_manager(world: World, told: Json) -> None:
    connection = world.connections.get(told["business_connection_id"])
    chat = connection.chats.get(told["chat"]["id"]) if connection else None
    if chat:
        for id in told["message_ids"]:
            chat.forget(id)


def _connected(world: World, about: Json) -> None:
    """The manager may be written to as well."""
    known = world.connections.get(about["id"])
    if known:
        known.about = about
    else:
        world.connections[about["id"]] = Connection(about)
    user, chat_id = about["user"], about.get("user_chat_id")
    if about.get("is_enabled") and chat_id and chat_id not in world.chats:
        names = {key: user[key] for key in ("first_name", "last_name", "username") if key in user}
        world.chat({"id": chat_id, **names, "type": "private"})


def _my_member(world: World, told: Json) -> None:
    chat = world.chat(told["chat"])
    chat.status = told["new_chat_member"]["status"]
    is_out = chat.status == "restricted" and told["new_chat_member"].get("is_member") is False
    chat.closed = why_closed(chat.kind, "left" if is_out else chat.status)


def _pressed(world: World, told: Json) -> None:
    world.presses[str(told["id"])] = Press(world.now(), told["from"])
    message = told.get("message")
    if not message:
        return
    connection = world.connections.get(message.get("business_connection_id", ""))
    chat = connection.chats.get(message["chat"]["id"]) if connection else world.chat(message["chat"])
    if chat is None:
        return
    if connection is None:
        chat.closed = ""
    if message.get("date") and message["message_id"] not in chat.sent:
        chat.keep(message, world.now())
        world.number(chat, message["message_id"])


def _in_chat(world: World, told: Json) -> None:
    """Nothing more than that the chat is known."""
    if isinstance(told.get("chat"), dict):
        world.chat(told["chat"])


_FOLLOW: dict[str, Callable[[World, Json], None]] = {
    "message": _said, "edited_message": _said, "channel_post": _said, "edited_channel_post": _said,
    "business_message": _said_to_manager, "edited_business_message": _said_to_manager,
    "deleted_business_messages": _removed_from_manager, "business_connection": _connected, "my_chat_member": _my_member,
    "callback_query": _pressed, "message_reaction": _in_chat, "message_reaction_count": _in_chat,
    "chat_member": _in_chat,
}  # fmt: skip


def _users(told: Any) -> Iterator[Json]:
    """Everybody who is named in an update."""
    if isinstance(told, dict):
        if "is_bot" in told and isinstance(told.get("id"), int):
            yield told
        for value in told.values():
            yield from _users(value)
    elif isinstance(told, list):
        for value in told:
            yield from _users(value)


def _queue(kind: str, told: Json, id: int) -> str:
    """Order holds within a chat; a manager's chats, membership and reactions have queues of their own."""
    place = told.get("chat") or (told.get("message") or {}).get("chat") or told.get("from") or told.get("user") or {}
    group = "chat"
    if "business_connection_id" in told:
        group = f"business {told['business_connection_id']}"
    elif kind in {"business_connection", "my_chat_member", "chat_member", "chat_join_request"} or "reaction" in kind:
        group = kind
    return f"{group} {place.get('id', f'update {id}')}"
