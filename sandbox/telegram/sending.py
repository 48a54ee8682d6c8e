"""What does the bot write? Every method that puts a message into a chat."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sandbox.telegram import files, markup
from sandbox.telegram.answers import bad
from sandbox.telegram.arguments import Call
from sandbox.telegram.chats import Chat
from sandbox.telegram.happening import happen
from sandbox.telegram.keyboards import read_markup, shown
from sandbox.telegram.types import Json
from sandbox.telegram.world import World

TEXT, CAPTION = 4096, 1024
"""Characters after markup."""

_MEDIA = ("photo", "document", "voice", "audio", "video", "animation", "video_note", "sticker")


def read_text(call: Call, name: str = "text", most: int = TEXT) -> Json:
    """A text or caption with its entities, as a message has it; raises Refused."""
    entities = call.json("entities" if name == "text" else "caption_entities", list, "message entities")
    text, read = markup.read(call.text(name), "" if entities else call.text("parse_mode"))
    text, read = markup.trimmed(text, entities or read)
    if name == "text" and not text:
        raise bad("message text is empty")
    if len(text) > most:
        raise bad("message is too long" if name == "text" else "message caption is too long")
    if not text:
        return {}
    key = "entities" if name == "text" else "caption_entities"
    return {name: text} | ({key: read} if read else {})


def send(world: World, call: Call, content: Json) -> Json:
    """Put it into the chat that was asked for; raises Refused."""
    keyboard = read_markup(call, is_private=not call.text("chat_id").startswith(("-", "@")))
    connection_id = call.text("business_connection_id")
    chat = world.place(call.text("chat_id"), connection_id)
    replied = _replied(world, chat, call)
    world.limits.must_allow_send(chat)
    return write(world, chat, content, connection_id, more=_more(call) | replied | shown(keyboard))


def write(world: World, chat: Chat, content: Json, connection_id: str = "", more: Json | None = None) -> Json:
    """The message as the bot sees it; through a business connection the manager wrote it, and the bot is told."""
    connection = world.connections.get(connection_id)
    id = world.next_message_id(chat, connection)
    who: Json = {"from": world.bot} if chat.kind != "channel" else {"sender_chat": chat.about}
    if connection:
        who = {"business_connection_id": connection_id, "from": connection.user, "sender_business_bot": world.bot}
    message = {"message_id": id, **who, "chat": chat.about, "date": int(world.now()), **(more or {}), **content}
    chat.keep(message, world.now())
    if connection:
        happen(world, {"business_message": message})
    else:
        world.number(chat, id)
    return message


def _more(call: Call) -> Json:
    more: Json = {}
    if call.flag("protect_content"):
        more["has_protected_content"] = True
    if thread := call.integer("message_thread_id"):
        more["message_thread_id"] = thread
    return more


def _replied(world: World, chat: Chat, call: Call) -> Json:
    """What the message answers; raises Refused when that is not there and had to be."""
    asked = call.json("reply_parameters", dict, "reply parameters") or {}
    id = asked.get("message_id") or call.integer("reply_to_message_id")
    if not id:
        return {}
    may_lack = asked.get("allow_sending_without_reply") or call.flag("allow_sending_without_reply")
    elsewhere = asked.get("chat_id")
    place = world.find(str(elsewhere)) if elsewhere is not None else chat
    found = place.message(int(id)) if place else None
    if found is None:
        if may_lack:
            return {}
        raise bad("message to be replied not found")
    if place is not chat:
        return {}
    return {"reply_to_message": {key: value for key, value in found.items() if key != "reply_to_message"}}


def _text(world: World, call: Call) -> Json:
    return send(world, call, read_text(call))


def medium(world: World, call: Call, kind: str, name: str = "") -> Json:
    """What a message tells of a file: uploaded, known by its file_id, or behind an address; raises Refused."""
    name = name or kind
    asked = call.text(name)
    upload = call.files.get(name)
    if asked.startswith("attach://"):
        upload = call.files.get(asked.removeprefix("attach://"))
    if upload is not None:
        if len(upload.content) > (files.MOST_PHOTO if kind == "photo" else files.MOST_UP):
            raise bad("file is too big")
        if not upload.content:
            raise bad("file must be non-empty")
        return _as_told(kind, world.files.keep(kind, upload).about)
    if not asked:
        raise bad(f"there is no {kind.replace('_', ' ')} in the request")
    if asked.startswith(("http://", "https://")):
        return _as_told(kind, world.files.keep(kind, files.behind(asked)).about)
    known = world.files.get(asked)
    if known is None:
        raise bad("wrong file identifier/HTTP URL specified")
    return _as_told(known.kind if kind == "document" else kind, known.about)


_EXTRA: dict[str, Json] = {
    "voice": {"duration": 0, "mime_type": "audio/ogg"}, "audio": {"duration": 0},
    "video": {"duration": 0, "width": 640, "height": 480}, "animation": {"duration": 0, "width": 640, "height": 480},
    "video_note": {"duration": 0, "length": 240},
    "sticker": {"width": 512, "height": 512, "type": "regular", "is_animated": False, "is_video": False},
}  # fmt: skip


def _as_told(kind: str, about: Json) -> Json:
    if kind == "photo":
        return {"photo": [{**about, "width": about.get("width", 1280), "height": about.get("height", 960)}]}
    told = {**_EXTRA.get(kind, {}), **about}
    return {kind: told} if kind != "animation" else {"animation": told, "document": about}


def _media(kind: str) -> Callable[[World, Call], Json]:
    def act(world: World, call: Call) -> Json:
        content = medium(world, call, kind) | read_text(call, "caption", CAPTION)
        for name in ("duration", "width", "height"):
            if kind in content and isinstance(content[kind], dict) and call.integer(name):
                content[kind] = content[kind] | {name: call.integer(name)}
        return send(world, call, content)

    return act


def _album(world: World, call: Call) -> list[Json]:
    items = call.json("media", list, "media") or []
    if not 2 <= len(items) <= 10:
        raise bad("Wrong number of messages in the group: there must be from 2 to 10")
    group = str(world.dice.randrange(10**16, 10**17))
    contents = [_item(world, call, item) | {"media_group_id": group} for item in items]
    first = send(world, call, contents[0])
    connection_id = call.text("business_connection_id")
    chat = world.place(call.text("chat_id"), connection_id)
    return [first, *(write(world, chat, content, connection_id, _more(call)) for content in contents[1:])]


def _item(world: World, call: Call, item: Any) -> Json:
    if not isinstance(item, dict) or item.get("type") not in _MEDIA:
        raise bad('can\'t parse InputMedia: Field "type" must be one of photo, video, document, audio')
    one = Call(call.method, {key: value for key, value in item.items() if isinstance(value, str)}, call.files)
    return medium(world, one, item["type"], "media") | read_text(one, "caption", CAPTION)


def _location(world: World, call: Call) -> Json:
    return send(world, call, {"location": _point(call)})


def _point(call: Call) -> Json:
    latitude, longitude = call.decimal("latitude"), call.decimal("longitude")
    if latitude is None or longitude is None:
        raise bad("latitude is empty" if latitude is None else "longitude is empty")
    return {"latitude": latitude, "longitude": longitude}


def _venue(world: World, call: Call) -> Json:
    place = {"location": _point(call), "title": call.text("title"), "address": call.text("address")}
    return send(world, call, {"venue": place, "location": place["location"]})


def _contact(world: World, call: Call) -> Json:
    phone, name = call.text("phone_number"), call.text("first_name")
    if not phone or not name:
        raise bad("phone_number is empty" if not phone else "first_name is empty")
    more = {key: call.text(key) for key in ("last_name", "vcard") if call.text(key)}
    return send(world, call, {"contact": {"phone_number": phone, "first_name": name, **more}})


def _dice(world: World, call: Call) -> Json:
    return send(world, call, {"dice": {"emoji": call.text("emoji") or "🎲", "value": world.dice.randint(1, 6)}})


def _source(world: World, call: Call) -> tuple[Chat, Json]:
    """The message that is to be forwarded or copied; raises Refused."""
    chat = world.find(call.text("from_chat_id"))
    if chat is None:
        raise bad("chat not found")
    found = chat.message(call.integer("message_id"))
    if found is None:
        raise bad(f"message to {'copy' if call.method == 'copymessage' else 'forward'} not found")
    return chat, found


_OWN = {
    "message_id",
    "from",
    "sender_chat",
    "chat",
    "date",
    "edit_date",
    "reply_to_message",
    "reply_markup",
    "media_group_id",
}


def _forward(world: World, call: Call) -> Json:
    _, found = _source(world, call)
    sender: Json = (
        {"type": "user", "sender_user": found["from"]}
        if "from" in found
        else {"type": "hidden_user", "sender_user_name": ""}
    )
    origin = {"forward_origin": {**sender, "date": found["date"]}}
    return send(world, call, {**origin, **{key: value for key, value in found.items() if key not in _OWN}})


def _copy(world: World, call: Call) -> Json:
    _, found = _source(world, call)
    content = {key: value for key, value in found.items() if key not in _OWN | {"forward_origin"}}
    return {"message_id": send(world, call, content)["message_id"]}


METHODS: dict[str, Callable[[World, Call], Any]] = {
    "sendmessage": _text, **{f"send{kind.replace('_', '')}": _media(kind) for kind in _MEDIA}, "sendmediagroup": _album,
    "sendlocation": _location, "sendvenue": _venue, "sendcontact": _contact, "senddice": _dice,
    "forwardmessage": _forward, "copymessage": _copy,
}  # fmt: skip
