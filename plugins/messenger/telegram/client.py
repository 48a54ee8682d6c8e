"""How is the Bot API asked: its one form of a call, its refusals sorted by who must act, its pace in a chat."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeAlias

import httpx
import orjson

from hub.sdk import (
    AuthFailed,
    Host,
    Http,
    HubError,
    NothingToDo,
    Rejected,
    Temporary,
    Throttled,
    Unanswered,
    Unreachable,
)
from plugins.messenger.telegram.settings import Settings

Row: TypeAlias = dict[str, Any]


class Conflict(Temporary):
    """The updates go elsewhere: another program asks for them, or a webhook is set (409)."""


class Moved(Rejected):
    """The group became a supergroup; its number is now `chat`."""

    def __init__(self, message: str, chat: int) -> None:
        super().__init__(message)
        self.chat = chat


class Unchanged(Rejected):
    """The message says already what it is to say."""


class Unfit(Rejected):
    """Our markup or one of our buttons is refused; the plain text would be taken."""


# the client


@dataclass(slots=True)
class Bot:
    """An open bot."""

    host: Host
    settings: Settings
    http: Http
    pace: Pace
    _me: Row | None = field(default=None, init=False)

    async def call(self, method: str, /, *, repeat: bool = False, **arguments: Any) -> Any:
        """The result of a method; what is None is left out. repeat: it may be done twice."""
        given = {name: value for name, value in arguments.items() if value is not None}
        response = await self.http.request("POST", f"/{method}", json=given, repeat=repeat)
        answer = _answer(response)
        if answer is None or "result" not in answer:
            raise Unanswered(f"half an answer to {method}: {len(response.content)} bytes")
        return answer["result"]

    async def me(self) -> Row:
        """The bot itself, asked once."""
        if self._me is None:
            self._me = await self.call("getMe", repeat=True)
        return self._me

    async def line(self) -> str:
        """The line that clients write to: the name of the bot, as lines are named in the settings."""
        return f"@{(await self.me()).get('username') or self.settings.bot}"


async def invitation(bot: Bot, code: str) -> str:
    """The address that opens the bot with the code, which the messenger then sends as `/start <code>`."""
    return f"https://t.me/{(await bot.me())['username']}?start={code}"


@asynccontextmanager
async def open_bot(settings: Settings, host: Host) -> AsyncIterator[Bot]:
    """A client of the bot. The token stands in the address of every call, so that it is struck out of every error."""
    if settings.token is None:
        raise AuthFailed(f"{host.connection}: no bot yet; run `crmhub connect telegram --name {host.connection}`")
    token = settings.token.get_secret_value()
    async with host.http(f"{settings.base_url}/bot{token}", secrets=(token, settings.hook_secret)) as http:
        yield Bot(host, settings, http, _paces[f"{settings.base_url} {settings.bot}"])


# the pace in a chat


@dataclass(slots=True)
class Pace:
    """One message a second into a private chat, one in three seconds into a group; a short burst passes.

    The vendor names these limits and keeps them loosely; what he refuses all the same says when to go on (429).
    """

    burst: int = 5
    _due: dict[str, datetime] = field(default_factory=dict)

    async def wait(self, chat: str, now: datetime) -> None:
        """Wait until the next message may go into that chat."""
        step = timedelta(seconds=3 if chat.startswith(("-", "@")) else 1)
        due = max(self._due.get(chat, now), now) + step
        self._due = {name: at for name, at in self._due.items() if at > now}
        self._due[chat] = due
        await asyncio.sleep(max((due - self.burst * step - now).total_seconds(), 0.0))


_paces: defaultdict[str, Pace] = defaultdict(Pace)
"""Bot → its pace, which all lanes of this process share."""


# what an answer means


def classify(response: httpx.Response) -> HubError | None:
    """Who has to act on a refusal. The vendor says it in a sentence (`description`); a proxy in between says less."""
    answer = _answer(response)
    if answer is None or answer.get("ok") is not False:
        return None
    code, said = response.status_code, str(answer.get("description") or "no reason given")
    given = answer.get("parameters")
    parameters: Mapping[str, Any] = given if isinstance(given, dict) else {}
    if code == 429:
        seconds = parameters.get("retry_after")
        return Throttled(f"Telegram: {said}", float(seconds) if isinstance(seconds, int | float) else None)
    if code in {401, 404}:
        return _stranger(code, said)
    if code == 409:
        return Conflict(f"Telegram gives no updates: {said}")
    if code == 403:
        return Unreachable(f"Telegram: {said}")
    if code == 400:
        return _mistaken(said, parameters)
    return None


def _stranger(code: int, said: str) -> HubError:
    if "method" in said:
        return Rejected(f"this Bot API server is too old: {said}")
    return AuthFailed(f"Telegram knows no bot with this token ({code}, {said}): ask @BotFather for a new one")


_CLOSED = ("chat not found", "user not found", "peer_id_invalid", "not enough rights to send", "no rights to send", "chat_write_forbidden")  # fmt: skip
_GONE = ("message to edit not found", "message can't be edited", "message_id_invalid", "query is too old", "query_id_invalid")  # fmt: skip
_UNFIT = ("can't parse entities", "button", "reply markup")


def _mistaken(said: str, parameters: Mapping[str, Any]) -> HubError:
    """What a 400 is about; the sentences are the vendor's (contracts/messengers.md 2.1)."""
    lower, moved = said.lower(), parameters.get("migrate_to_chat_id")
    if isinstance(moved, int):
        return Moved(f"Telegram: {said}", moved)
    if "message is not modified" in lower:
        return Unchanged(f"Telegram: {said}")
    for kind, sentences in ((NothingToDo, _GONE), (Unreachable, _CLOSED), (Unfit, _UNFIT)):
        if any(sentence in lower for sentence in sentences):
            return kind(f"Telegram: {said}")
    return Rejected(f"Telegram: {said}")


def _answer(response: httpx.Response) -> Row | None:
    """The object that every answer of the vendor's is; None where somebody in between speaks."""
    try:
        found = orjson.loads(response.content)
    except orjson.JSONDecodeError:
        return None
    return found if isinstance(found, dict) else None
