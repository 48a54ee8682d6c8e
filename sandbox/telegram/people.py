"""What do people do? Each act becomes the updates that the vendor would tell of it; `/_ctl/touch` names them."""

from __future__ import annotations

import zlib
from collections.abc import Callable

from sandbox.telegram.chats import Chat
from sandbox.telegram.happening import happen
from sandbox.telegram.types import Json
from sandbox.telegram.world import World


def touch(world: World, asked: Json) -> Json:
    """Carry out `action`; raises ValueError or KeyError for what is not understood. The answer tells the updates."""
    act = _ACTS.get(asked.get("action", ""))
    if act is None:
        raise ValueError(f"there is no action {asked.get('action')!r}; there are {', '.join(sorted(_ACTS))}")
    updates = act(world, asked)
    return {"touched": [_told(world, update) for update in updates]}


def _told(world: World, update: Json) -> Json:
    id, is_told = happen(world, update)
    return {"update_id": id, "is_told": is_told, **update}


def person(world: World, asked: Json) -> Json:
    """Whoever acts: `user_id` and, of somebody new, `name` and `username`."""
    id = int(asked.get("user_id") or zlib.crc32(str(asked.get("name", "Анна")).encode()) + 1_000_000)
    known = world.people.get(id, {"id": id, "is_bot": False, "first_name": "Анна", "language_code": "ru"})
    name = str(asked.get("name", "")).split(maxsplit=1)
    more = dict(zip(("first_name", "last_name"), name, strict=False))
    if asked.get("username"):
        more["username"] = asked["username"]
    return known | more


def _private(user: Json) -> Json:
    return {
        "id": user["id"],
        **{key: user[key] for key in ("first_name", "last_name", "username") if key in user},
        "type": "private",
    }


def _place(world: World, asked: Json, user: Json) -> Json:
    """The group in `chat_id`, otherwise the person's own chat with the bot."""
    id = int(asked.get("chat_id") or user["id"])
    if id == user["id"]:
        return _private(user)
    known = world.chats.get(id)
    kind = "supergroup" if id < -(10**12) else "group"
    return known.about if known else {"id": id, "title": asked.get("title", "Продажи"), "type": kind}


def _write(world: World, asked: Json) -> list[Json]:
    """`text` or `content`, from `user_id`, into `chat_id` or through the manager's `connection`."""
    user = person(world, asked)
    content = asked.get("content") or {"text": str(asked["text"])}
    if content.get("text", "").startswith("/"):
        command = content["text"].split(maxsplit=1)[0]
        content = content | {"entities": [{"offset": 0, "length": len(command), "type": "bot_command"}]}
    if asked.get("connection"):
        return [_to_manager(world, asked, user, content)]
    about = _place(world, asked, user)
    chat = world.chat(about)
    message = {"message_id": world.next_message_id(chat), "from": user, "chat": about, "date": int(world.now())}
    replied = chat.message(int(asked.get("reply_to", 0)))
    return [{"message": message | ({"reply_to_message": replied} if replied else {}) | content}]


def _to_manager(world: World, asked: Json, user: Json, content: Json) -> Json:
    connection = world.connections[asked["connection"]]
    is_own = user["id"] == connection.user["id"]
    client = world.people[int(asked["chat_id"])] if is_own else user
    about = _private(client)
    id = world.next_message_id(Chat(0, about), connection)
    head = {"business_connection_id": asked["connection"], "message_id": id, "from": user, "chat": about}
    return {"business_message": {**head, "date": int(world.now()), **content}}


def _chat_of(world: World, asked: Json) -> Chat:
    id = int(asked.get("chat_id") or asked["user_id"])
    return world.connections[asked["connection"]].chats[id] if asked.get("connection") else world.chats[id]


def _edit(world: World, asked: Json) -> list[Json]:
    """`message_id` says `text` now."""
    old = _chat_of(world, asked).received[int(asked["message_id"])]
    key = "caption" if "caption" in old else "text"
    kind = "edited_business_message" if "business_connection_id" in old else "edited_message"
    return [{kind: {**old, "edit_date": int(world.now()), key: str(asked["text"])}}]


def _delete(world: World, asked: Json) -> list[Json]:
    """In a manager's chat; of other chats the bot is told nothing, the messages are only gone."""
    chat, ids = _chat_of(world, asked), [int(one) for one in asked["message_ids"]]
    if not asked.get("connection"):
        for id in ids:
            chat.forget(id)
        return []
    told = {"business_connection_id": asked["connection"], "chat": chat.about, "message_ids": ids}
    return [{"deleted_business_messages": told}]


def _press(world: World, asked: Json) -> list[Json]:
    """The button with `data` under `message_id`."""
    chat = _chat_of(world, asked)
    message = chat.sent[int(asked["message_id"])]
    data = [
        button.get("callback_data")
        for row in (message.get("reply_markup") or {}).get("inline_keyboard", ())
        for button in row
    ]
    if asked["data"] not in data:
        raise ValueError(f"there is no button {asked['data']!r} under the message; there are {data}")
    id = str(world.dice.randrange(10**18, 9 * 10**18))
    press = {"id": id, "from": person(world, asked), "message": message, "chat_instance": str(-(10**18) - abs(chat.id))}
    return [{"callback_query": press | {"data": asked["data"]}}]


def _react(world: World, asked: Json) -> list[Json]:
    """`emoji` on `message_id`; an empty one takes it back."""
    chat, user = _chat_of(world, asked), person(world, asked)
    new = [{"type": "emoji", "emoji": asked["emoji"]}] if asked.get("emoji") else []
    told = {"chat": chat.about, "message_id": int(asked["message_id"]), "user": user, "date": int(world.now())}
    return [{"message_reaction": told | {"old_reaction": [], "new_reaction": new}}]


def _membership(old: str, new: str) -> Callable[[World, Json], list[Json]]:
    def act(world: World, asked: Json) -> list[Json]:
        user = person(world, asked)
        told = {"chat": _place(world, asked, user), "from": user, "date": int(world.now())}
        after = {"status": new, "user": world.bot} | ({"until_date": 0} if new == "kicked" else {})
        return [
            {"my_chat_member": told | {"old_chat_member": {"status": old, "user": world.bot}, "new_chat_member": after}}
        ]

    return act


def _migrate(world: World, asked: Json) -> list[Json]:
    """The group `chat_id` becomes the supergroup `to`."""
    old, user = world.chats[int(asked["chat_id"])], person(world, asked)
    to = int(asked.get("to") or int(f"-100{abs(old.id)}0"))
    new = {**old.about, "id": to, "type": "supergroup"}
    first = {"message_id": world.next_message_id(old), "from": user, "chat": old.about, "date": int(world.now())}
    second = {"message_id": 1, "from": user, "chat": new, "date": int(world.now())}
    return [{"message": first | {"migrate_to_chat_id": to}}, {"message": second | {"migrate_from_chat_id": old.id}}]


def _connect(world: World, asked: Json) -> list[Json]:
    """The manager `user_id` connects the bot to his own account, or with `is_enabled` false ends that."""
    user = person(world, asked)
    id = asked.get("connection") or f"bc{world.dice.getrandbits(60):x}"
    told: Json = {"id": id, "user": user, "user_chat_id": user["id"], "date": int(world.now())}
    if asked.get("is_enabled", True):
        told["rights"] = {"can_reply": True, "can_read_messages": True}
    return [{"business_connection": told | {"is_enabled": bool(asked.get("is_enabled", True))}}]


_ACTS: dict[str, Callable[[World, Json], list[Json]]] = {
    "write": _write, "edit": _edit, "delete": _delete, "press": _press, "react": _react, "connect": _connect,
    "block": _membership("member", "kicked"), "unblock": _membership("kicked", "member"), "migrate": _migrate,
    "join": _membership("left", "member"), "kick": _membership("member", "kicked"), "leave": _membership("member", "left"),
}  # fmt: skip
