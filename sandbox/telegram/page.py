"""What do the chats look like to those who are in them? One column a chat, with buttons to press and a line to write."""

from __future__ import annotations

from datetime import UTC, datetime
from html import escape

from sandbox.telegram.answers import Answer
from sandbox.telegram.chats import Chat
from sandbox.telegram.people import names
from sandbox.telegram.types import Json
from sandbox.telegram.world import World

HTML = "text/html; charset=utf-8"


def show(world: World) -> Answer:
    return Answer(200, f"<!doctype html><title>Telegram</title>{_chats(world)}".encode(), HTML)


def show_chats(world: World) -> Answer:
    return Answer(200, _chats(world).encode(), HTML)


def _chats(world: World) -> str:
    return "".join(_chat(chat) for chat in world.chats.values())


def _chat(chat: Chat) -> str:
    messages = sorted([*chat.received.values(), *chat.sent.values()], key=lambda one: one["message_id"])
    return f"<section><h2>{escape(str(chat.about.get('title') or names(chat.about)))}</h2>{''.join(map(_message, messages))}</section>"


def _message(message: Json) -> str:
    when = datetime.fromtimestamp(message["date"], UTC)
    return f"<p>{when:%H:%M} {escape(names(message.get('from', {})))}: {escape(str(message.get('text', '')))}</p>"
