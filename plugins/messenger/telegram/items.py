"""Which raws does an update become, and which of them belong together?

Everything that is said about one message (its edits, its end, the other pictures of an album) is parsed together, and
everything that is known of one chat: who talks there may change his name, show his number, or move with his group.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, TypeAlias

from hub.sdk import Raw

Row: TypeAlias = Mapping[str, Any]

MESSAGES = ("message", "edited_message", "business_message", "edited_business_message")
ALLOWED = (*MESSAGES, "business_connection", "deleted_business_messages", "message_reaction", "callback_query")
"""The kinds of updates that the bot asks for."""
LAST_SECOND = 1 << 32
"""Beyond it a number is no date."""


def business_connection(update: Row) -> str | None:
    """The id of the connection by which an update of a manager's own account comes."""
    for kind in ("business_message", "edited_business_message", "deleted_business_messages"):
        found = _text(update, kind, "business_connection_id")
        if found is not None:
            return found
    return None


def raws(update: Row, line: str, owner: int | None = None) -> Iterator[Raw]:
    """An update as items to keep. line: the bot's; owner: number of the manager's account that it is of."""
    name = str(update.get("update_id"))
    payload = {"update": update, "line": line} | ({} if owner is None else {"owner": owner})
    account = str(owner) if owner is not None else business_connection(update)
    if (deleted := update.get("deleted_business_messages")) is not None:
        yield from _deleted(name, deleted, payload, account)
    elif (kind := next((kind for kind in MESSAGES if kind in update), None)) is not None:
        message = update[kind]
        yield _message(name, message, payload, account)
        yield from _chat(message, owner)
    elif (reaction := update.get("message_reaction")) is not None:
        place = _place(reaction, None, _number(reaction, "message_id"))
        by = _number(reaction, "user", "id") or _number(reaction, "actor_chat", "id")
        yield Raw("update", name, payload, f"{place}/reaction/{by}")
    elif (connection := _text(update, "business_connection", "id")) is not None:
        yield Raw("update", name, payload, f"business/{connection}")
    else:
        yield Raw("update", name, payload)


def _message(name: str, message: Any, payload: Row, account: str | None) -> Raw:
    place = _place(message, account, _number(message, "message_id"))
    album = _text(message, "media_group_id")
    if album is None:
        return Raw("update", name, payload, place)
    return Raw("update", name, payload, f"{_place(message, account, None)}/album/{album}", joins=(place,))


def _deleted(name: str, deleted: Any, payload: Row, account: str | None) -> Iterator[Raw]:
    """One item for each message that was deleted: it belongs to what was said."""
    ids = deleted.get("message_ids") if isinstance(deleted, dict) else None
    for number in ids if isinstance(ids, list) else ():
        yield Raw("update", f"{name}/{number}", {**payload, "message_id": number}, _place(deleted, account, number))


def _place(told: Any, account: str | None, message: Any) -> str:
    """The name of a message, or of a chat: numbers of messages count in a chat, of an own account in the account."""
    return "/".join(str(part) for part in (account, _number(told, "chat", "id"), message) if part is not None)


# who talks there


def _chat(message: Any, owner: int | None) -> Iterator[Raw]:
    """What a message tells of its chat, once a day: the same again says nothing new and is not kept."""
    chat, date = _row(message, "chat"), _number(message, "date")
    if chat is None or _number(chat, "id") in {None, owner} or date is None or not 0 <= date < LAST_SECOND:
        return
    told: dict[str, Any] = {"on": f"{datetime.fromtimestamp(date, UTC):%Y-%m-%d}", "chat": chat}
    joins: tuple[str, ...] = ()
    phone = own_number(message)
    if phone is not None:
        told["phone"] = phone
    moved = _number(message, "migrate_to_chat_id") or _number(message, "migrate_from_chat_id")
    if moved is not None:
        told["moved"] = moved
        joins = (f"chat/{moved}",)
    yield Raw("chat", str(chat["id"]), told, f"chat/{chat['id']}", joins)


def own_number(message: Any) -> str | None:
    """The number of who wrote, if he showed his own: anybody may forward the card of somebody else."""
    user = _number(message, "contact", "user_id")
    if user is None or user != _number(message, "from", "id") or user != _number(message, "chat", "id"):
        return None
    return _text(message, "contact", "phone_number")


# reading what may be of any shape


def _value(row: Any, *path: str) -> Any:
    for key in path:
        row = row.get(key) if isinstance(row, dict) else None
    return row


def _row(row: Any, *path: str) -> Row | None:
    found = _value(row, *path)
    return found if isinstance(found, dict) else None


def _number(row: Any, *path: str) -> int | None:
    found = _value(row, *path)
    return found if isinstance(found, int) and not isinstance(found, bool) else None


def _text(row: Any, *path: str) -> str | None:
    found = _value(row, *path)
    return found if isinstance(found, str) and found else None
