"""How do notices, their amendments, the evening's summary and answers reach our own people?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hub.sdk import AmendNotice, Answer, Buttons, Digest, NothingToDo, Notify, Push, Sent, StaffEffect, Unreachable
from plugins.messenger.telegram import text
from plugins.messenger.telegram.client import Bot, Moved, Unchanged, Unfit
from plugins.messenger.telegram.settings import Settings


async def notify(bot: Bot, effect: Notify) -> Sent:
    """A notice as one message with its buttons."""
    return await _send(bot, effect.address, *text.notice(effect), effect)


async def digest(bot: Bot, effect: Digest) -> Sent:
    """A summary, which may need several messages; each waits for the one before, the last has the buttons."""
    *before, (title, last) = text.parts(effect.title, effect.text)
    for head, body in before:
        await _send(bot, effect.address, head, body)
    return await _send(bot, effect.address, title, last, effect)


async def amend(bot: Bot, effect: AmendNotice) -> Sent:
    """Edit the notice in its place, which makes no sound. One that cannot be edited and was wrong is corrected by another."""
    chat, _, number = (effect.replaces or "").rpartition("/")
    if not number.isdigit():
        raise NothingToDo("the notice was not delivered here")
    try:
        return await _edit(bot, chat, int(number), effect)
    except (NothingToDo, Unreachable, Moved) as error:
        if effect.correction:
            return await _send(bot, effect.address or chat, *text.notice(effect), effect)
        raise NothingToDo(str(error)) from None


async def answer(bot: Bot, effect: Answer) -> Sent:
    """Words over the chat after a press, or a message to whoever wrote."""
    if effect.press is None:
        return await _send(bot, effect.chat or effect.address, *text.notice(effect, text.LONGEST), effect)
    shown = text.cut(text.plain(effect.title, effect.text), text.TOAST)
    await bot.call("answerCallbackQuery", callback_query_id=effect.press, text=shown or None)
    return Sent()


# the calls


async def _send(bot: Bot, chat: str, title: str, body: str, effect: StaffEffect | None = None) -> Sent:
    """One message. A group that moved is followed; what the vendor refuses of the form is left out."""
    buttons = effect.buttons if effect else ()
    try:
        return await _post(bot, chat, text=text.html(title, body), parse_mode="HTML", **_keys(buttons))
    except Moved as moved:
        return await _send(bot, str(moved.chat), title, body, effect)
    except Unfit:
        return await _post(bot, chat, text=text.plain(title, body), **_keys(buttons, opens=False))


async def _post(bot: Bot, chat: str, **message: Any) -> Sent:
    await bot.pace.wait(chat, bot.host.now())
    made = await bot.call("sendMessage", chat_id=chat, link_preview_options={"is_disabled": True}, **message)
    return Sent(f"{made['chat']['id']}/{made['message_id']}")


async def _edit(bot: Bot, chat: str, number: int, effect: AmendNotice) -> Sent:
    title, body = text.notice(effect)
    place = {"chat_id": chat, "message_id": number, "link_preview_options": {"is_disabled": True}}
    buttons = {"reply_markup": text.keyboard(effect.buttons)}  # without any those that were there go
    try:
        await bot.call(
            "editMessageText", repeat=True, **place, text=text.html(title, body), parse_mode="HTML", **buttons
        )
    except Unchanged:
        pass
    except Unfit:
        fewer = {"reply_markup": text.keyboard(effect.buttons, opens=False)}
        await bot.call("editMessageText", repeat=True, **place, text=text.plain(title, body), **fewer)
    return Sent(effect.replaces)


def _keys(buttons: Buttons, *, opens: bool = True) -> dict[str, Any]:
    keyboard = text.keyboard(buttons, opens=opens)
    return {"reply_markup": keyboard} if keyboard["inline_keyboard"] else {}


def pushes(_settings: Settings) -> Sequence[Push]:
    """What a bot can tell. Nothing marks a message as sent, so that one whose fate is unknown is not sent again."""
    return (
        Push(Notify, notify, repeat="never"),
        Push(AmendNotice, amend),
        Push(Digest, digest, repeat="never"),
        Push(Answer, answer, repeat="never"),
    )
