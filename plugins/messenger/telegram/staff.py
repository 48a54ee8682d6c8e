"""What do our own people tell the bot: a button that was pressed, a code that links an account, coming and going?"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta

from hub.sdk import Context, MemberRef, Presence, PresenceState, Press, Record, Said
from plugins.messenger.telegram.objects import CallbackQuery, Message, handle, moment

SOURCE = "telegram"

_WORDS: Mapping[PresenceState, tuple[str, ...]] = {
    "in": ("/in", "на работе", "на месте", "начал", "начала", "пришел", "пришла", "at work"),
    "out": ("/out", "закончил", "закончила", "ушел", "ушла", "домой", "off work"),
    "away": ("/away", "обед", "на обеде", "отошел", "отошла", "lunch"),
    "busy": ("/busy", "занят", "занята"),
    "free": ("/free", "вернулся", "вернулась", "свободен", "свободна", "back"),
}
STATES: Mapping[str, PresenceState] = {word: state for state, words in _WORDS.items() for word in words}
"""Command or words of one of us → what he says of himself."""

_CODE = re.compile(r"(/start )?mgr_[A-Za-z0-9_-]+\s*")
"""Other words behind a link tell where a client came from."""
_BUTTONS: Mapping[str, PresenceState] = {"start": "in", "end": "out"}
_WORKDAY = re.compile(r"wd:(start|end):(\d{4}-\d\d-\d\d)")
"""The button says for which day it was meant: one of yesterday begins no day."""
_EARLIEST, _LATEST = timedelta(hours=-12), timedelta(hours=14)
"""Between these a place on Earth is off UTC: a day is today where somebody can be having it."""


def said(message: Message, id: str) -> Iterator[Record | Said]:
    """What one of us writes to the bot; what he corrects later is not said again, nor what he writes to a group."""
    if message.from_ is None or not message.text:
        return
    by, at = handle(message.from_.id), moment(message.date)
    state = STATES.get(_plain(message.text))
    if state is not None:
        yield Presence(id=id, member=MemberRef(by), at=at, state=state, source=SOURCE)
    if message.chat.is_private:
        yield Said(id, at, by, message.text, str(message.chat.id), state)


def is_code(message: Message) -> bool:
    """Whether somebody unknown shows a code, by a link or by hand: the hub knows whether it makes him one of us."""
    return message.chat.is_private and _CODE.fullmatch(message.text) is not None


def shown(message: Message, id: str) -> Said:
    """The code that he shows; a private chat has the number of who talks there."""
    number = message.chat.id
    return Said(id, moment(message.date), handle(number), message.text, str(number))


def pressed(query: CallbackQuery, at: datetime, context: Context) -> Iterator[Record | Press]:
    """A button under a message of ours. A press has no time of its own: it is when we heard of it."""
    by = handle(query.from_.id)
    state = _meant(query.data, at) if by in context.team else None
    if state is not None:
        yield Presence(id=f"press/{query.id}", member=MemberRef(by), at=at, state=state, source=SOURCE)
    if query.message is not None and query.data:
        yield Press(query.id, at, by, f"{query.message.chat.id}/{query.message.message_id}", query.data, state)


def _meant(action: str, at: datetime) -> PresenceState | None:
    """What a button of the working day says of whoever presses it; nothing on another day than its own."""
    found = _WORKDAY.fullmatch(action)
    if found is None:
        return None
    try:
        day = date.fromisoformat(found[2])
    except ValueError:
        return None
    return _BUTTONS[found[1]] if (at + _EARLIEST).date() <= day <= (at + _LATEST).date() else None


def _plain(text: str) -> str:
    """Without the name of the bot behind a command, signs behind a sentence, and dots above a letter."""
    words = text.strip().lower().rstrip(" .!").replace("ё", "е")
    return words.partition("@")[0] if words.startswith("/") else words
