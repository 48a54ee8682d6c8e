"""How does a plain text look as a message: escaped, within the vendor's lengths, cut between words?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from typing import Any

from hub.sdk import Buttons, StaffEffect

LONGEST = 4096
"""Most that a message holds after its markup is read, in UTF-16 units."""
NOTICE = 600
"""Most of a notice: it is read at a glance."""
TOAST = 200
"""Most that is shown over the chat after a button was pressed."""
_OPENS = ("https://", "http://", "tg://")
"""What a button can open; an address with `tel:` is refused with the whole message."""


def html(title: str, text: str) -> str:
    """The first line in bold, the rest below; nothing of it is taken for markup."""
    head = f"<b>{escape(title, quote=False)}</b>" if title else ""
    return "\n\n".join(filter(None, (head, escape(text, quote=False))))


def plain(title: str, text: str) -> str:
    """The same where no markup is read."""
    return "\n\n".join(filter(None, (title, text)))


def notice(effect: StaffEffect, most: int = NOTICE) -> tuple[str, str]:
    """Title and text of a notice, cut where they are too long."""
    title = cut(effect.title, most)
    return title, cut(effect.text, max(most - length(title) - 2, 1))


def cut(text: str, most: int) -> str:
    """The beginning of a text that is too long, up to a word's end."""
    if length(text) <= most:
        return text
    return next(_pieces(text, most - 1)).rstrip(" ,;:.–-") + "…"


def parts(title: str, text: str, most: int = LONGEST) -> Sequence[tuple[str, str]]:
    """A text as messages, in order; the title stands over the first one."""
    title = cut(title, most // 2)
    if length(plain(title, text)) <= most:
        return [(title, text)]
    first = next(_pieces(text, most - length(title) - 2))
    rest = text[len(first) :].strip()
    return [(title, first.strip()), *(("", piece.strip()) for piece in _pieces(rest, most))]


def _pieces(text: str, most: int) -> Iterator[str]:
    """Cut at the last end of a line that fits, else between words, else anywhere."""
    while length(text) > most:
        room = _fitting(text, most)
        window = text[: room + 1]
        at = next((end for sign in ("\n", " ") if (end := window.rfind(sign)) > room // 2), room)
        yield text[:at]
        text = text[at:].lstrip()
    if text:
        yield text


def _fitting(text: str, most: int) -> int:
    """How many characters are so many UTF-16 units."""
    units = 0
    for number, character in enumerate(text):
        units += 1 + (ord(character) > 0xFFFF)
        if units > most:
            return number
    return len(text)


def length(text: str) -> int:
    """Of a text in UTF-16 units, as the vendor counts."""
    return len(text) + sum(ord(character) > 0xFFFF for character in text)


def keyboard(buttons: Buttons, *, opens: bool = True) -> dict[str, Any]:
    """Rows of buttons under a message, none of them where there are none. opens: with those that open an address."""
    rows = [
        [found for button in row if (found := _button(button.label, button.action, button.url, opens=opens))]
        for row in buttons
    ]
    return {"inline_keyboard": [row for row in rows if row]}


def _button(label: str, action: str | None, url: str | None, *, opens: bool) -> dict[str, str] | None:
    if action is not None:
        return {"text": label, "callback_data": action}
    if opens and url is not None and url.startswith(_OPENS):
        return {"text": label, "url": url}
    return None
