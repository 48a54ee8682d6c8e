"""What may the bot do to messages that are there: edit, delete, react, answer a press?"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sandbox.telegram.answers import bad
from sandbox.telegram.arguments import Call
from sandbox.telegram.chats import Chat
from sandbox.telegram.keyboards import inline_only, read_markup, shown
from sandbox.telegram.sending import CAPTION, medium, read_text
from sandbox.telegram.types import DAY, Json
from sandbox.telegram.world import World

_SAME = (
    "message is not modified: specified new message content and reply markup are exactly the same as a current content "
    "and reply markup of the message"
)
_MEDIA = {"photo", "document", "voice", "audio", "video", "animation", "video_note", "sticker"}
_REACTIONS = (
    "👍 👎 ❤ 🔥 🥰 👏 😁 🤔 🤯 😱 🤬 😢 🎉 🤩 🤮 💩 🙏 👌 🕊 🤡 🥱 🥴 😍 🐳 ❤‍🔥 🌚 🌭 💯 🤣 ⚡ 🍌 🏆 💔 🤨 😐 🍓 🍾 💋 🖕 😈 😴 😭 🤓 👻 👨‍💻 👀 🎃 🙈 😇 😨 🤝 ✍ "
    "🤗 🫡 🎅 🎄 ☃ 💅 🤪 🗿 🆒 💘 🙉 🦄 😘 💊 🙊 😎 👾 🤷‍♂ 🤷 🤷‍♀ 😡"
)
_EMOJI = frozenset(_REACTIONS.split())


def _edited(world: World, call: Call, change: Callable[[Json], Json], keyboard: Json | None) -> Json:
    """The message with what was changed; raises Refused. A keyboard that is not given is taken away."""
    chat, message = _own(world, call)
    changed = change(message)
    kept = {key: value for key, value in changed.items() if key not in {"reply_markup", "edit_date"}}
    changed = kept | shown(keyboard)
    if {**message, "edit_date": 0} == {**changed, "edit_date": 0}:
        raise bad(_SAME)
    changed["edit_date"] = int(world.now())
    chat.sent[message["message_id"]] = changed
    return changed


def _own(world: World, call: Call) -> tuple[Chat, Json]:
    """A message of the bot that may be edited; raises Refused."""
    if call.text("inline_message_id"):
        raise bad("MESSAGE_ID_INVALID")
    chat = world.place(call.text("chat_id"), call.text("business_connection_id"))
    id = call.integer("message_id")
    if not id:
        raise bad("message identifier is not specified")
    if id not in chat.sent:
        raise bad("message can't be edited" if id in chat.received else "message to edit not found")
    return chat, chat.sent[id]


def _edit_text(world: World, call: Call) -> Json:
    content = read_text(call)
    keyboard = inline_only(read_markup(call))

    def change(message: Json) -> Json:
        if "text" not in message:
            raise bad("there is no text in the message to edit")
        return {key: value for key, value in message.items() if key not in {"text", "entities"}} | content

    return _edited(world, call, change, keyboard)


def _edit_caption(world: World, call: Call) -> Json:
    content = read_text(call, "caption", CAPTION)
    keyboard = inline_only(read_markup(call))

    def change(message: Json) -> Json:
        if not _MEDIA & set(message):
            raise bad("there is no caption in the message to edit")
        return {key: value for key, value in message.items() if key not in {"caption", "caption_entities"}} | content

    return _edited(world, call, change, keyboard)


def _edit_media(world: World, call: Call) -> Json:
    item = call.json("media", dict, "InputMedia") or {}
    one = Call(call.method, {key: value for key, value in item.items() if isinstance(value, str)}, call.files)
    content = medium(world, one, str(item.get("type", "document")), "media") | read_text(one, "caption", CAPTION)
    keyboard = inline_only(read_markup(call))
    gone = _MEDIA | {"text", "entities", "caption", "caption_entities"}
    return _edited(
        world, call, lambda message: {key: message[key] for key in message if key not in gone} | content, keyboard
    )


def _edit_markup(world: World, call: Call) -> Json:
    return _edited(world, call, dict, inline_only(read_markup(call)))


def _delete(world: World, call: Call) -> bool:
    chat = world.place(call.text("chat_id"))
    _remove(world, chat, call.integer("message_id"))
    return True


def _delete_many(world: World, call: Call) -> bool:
    chat = world.place(call.text("chat_id"))
    for id in call.json("message_ids", list, "message identifiers") or ():
        if chat.message(int(id)):
            _remove(world, chat, int(id))
    return True


def _remove(world: World, chat: Chat, id: int) -> None:
    if chat.message(id) is None:
        raise bad("message to delete not found")
    is_foreign = id not in chat.sent and chat.kind != "private" and chat.status not in {"administrator", "creator"}
    if is_foreign or world.now() - chat.since[id] > 2 * DAY:
        raise bad("message can't be deleted for everyone")
    chat.forget(id)


def _delete_of_manager(world: World, call: Call) -> bool:
    """Through a business connection; what is not there is passed over."""
    connection = world.connection(call.text("business_connection_id"))
    for id in call.json("message_ids", list, "message identifiers") or ():
        for chat in connection.chats.values():
            chat.forget(int(id))
    return True


def _react(world: World, call: Call) -> bool:
    reactions = call.json("reaction", list, "reaction types") or []
    chat = world.place(call.text("chat_id"))
    id = call.integer("message_id")
    if chat.message(id) is None:
        raise bad("message to react not found")
    if len(reactions) > 1:
        raise bad("REACTIONS_TOO_MANY")
    if any(one.get("type") == "emoji" and one.get("emoji", "").rstrip("\ufe0f") not in _EMOJI for one in reactions):
        raise bad("REACTION_INVALID")
    chat.reactions[id] = reactions
    return True


def _answer_press(world: World, call: Call) -> bool:
    press = world.presses.get(call.text("callback_query_id"))
    if press is None or world.now() - press.at > world.press_seconds:
        raise bad("query is too old and response timeout expired or query ID is invalid")
    if len(call.text("text")) > 200:
        raise bad("MESSAGE_TOO_LONG")
    press.answer = press.answer or dict(call.arguments)
    return True


def _read_message(world: World, call: Call) -> bool:
    chat = world.place(call.text("chat_id"), call.text("business_connection_id"))
    if chat.message(call.integer("message_id")) is None:
        raise bad("message not found")
    return True


def _pin(world: World, call: Call) -> bool:
    chat = world.place(call.text("chat_id"), call.text("business_connection_id"))
    if chat.message(call.integer("message_id")) is None:
        raise bad("message to pin not found")
    return True


def _unpin(world: World, call: Call) -> bool:
    world.place(call.text("chat_id"), call.text("business_connection_id"))
    return True


METHODS: dict[str, Callable[[World, Call], Any]] = {
    "editmessagetext": _edit_text, "editmessagecaption": _edit_caption, "editmessagereplymarkup": _edit_markup,
    "editmessagemedia": _edit_media, "deletemessage": _delete, "deletemessages": _delete_many,
    "deletebusinessmessages": _delete_of_manager, "setmessagereaction": _react, "answercallbackquery": _answer_press,
    "readbusinessmessage": _read_message, "pinchatmessage": _pin, "unpinchatmessage": _unpin,
    "unpinallchatmessages": _unpin,
}  # fmt: skip
