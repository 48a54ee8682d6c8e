"""Which buttons stand under a message?"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from sandbox.telegram.answers import bad
from sandbox.telegram.arguments import Call
from sandbox.telegram.types import Json

_KINDS = (
    "url", "callback_data", "web_app", "login_url", "switch_inline_query", "switch_inline_query_current_chat",
    "switch_inline_query_chosen_chat", "copy_text", "callback_game", "pay",
)  # fmt: skip


def read_markup(call: Call, *, is_private: bool = True) -> Json | None:
    """The keyboard that was asked for, whatever its kind; raises Refused."""
    markup = call.json("reply_markup", dict, "reply markup")
    if not markup:
        return None
    if "inline_keyboard" in markup:
        return {"inline_keyboard": _rows(markup["inline_keyboard"])}
    for row in markup.get("keyboard") or ():
        for button in row:
            if isinstance(button, dict) and button.get("request_contact") and not is_private:
                raise bad("phone number can be requested in private chats only")
    return markup if isinstance(markup, dict) else None


def inline_only(markup: Json | None) -> Json | None:
    """What may stand under a message that is edited; raises Refused."""
    if markup and "inline_keyboard" not in markup:
        raise bad("inline keyboard expected")
    return markup


def shown(markup: Json | None) -> Json:
    """What a message tells of its buttons."""
    return {"reply_markup": markup} if markup and markup.get("inline_keyboard") else {}


def _rows(rows: Any) -> list[list[Json]]:
    if not isinstance(rows, list) or not all(isinstance(row, list) for row in rows):
        raise bad('can\'t parse inline keyboard: Field "inline_keyboard" must be of type Array of Arrays')
    read = [[_button(button) for button in row] for row in rows]
    return [row for row in read if row]


def _button(button: Any) -> Json:
    if not isinstance(button, dict) or not isinstance(button.get("text"), str):
        raise bad("can't parse inline keyboard button: InlineKeyboardButton must be an Object with a text")
    if not any(button.get(kind) is not None for kind in _KINDS):
        raise bad("can't parse inline keyboard button: Text buttons are unallowed in the inline keyboard")
    data = button.get("callback_data")
    if data is not None and not 1 <= len(str(data).encode()) <= 64:
        raise bad("BUTTON_DATA_INVALID")
    if (url := button.get("url")) is not None:
        _check_url(str(url))
    return {key: value for key, value in button.items() if value is not None}


def _check_url(url: str) -> None:
    """A name without a dot, such as localhost, is no address for the vendor."""
    parts = urlsplit(url if "://" in url or url.startswith(("tg:", "mailto:", "tel:")) else f"http://{url}")
    if parts.scheme in {"tg", "ton", "mailto", "tel"}:
        return
    if parts.scheme not in {"http", "https", "ftp"} or "." not in (parts.hostname or ""):
        raise bad(f"inline keyboard button URL '{url}' is invalid: Wrong HTTP URL")
