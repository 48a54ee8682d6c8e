"""What is the whole pretend Telegram: one bot, its chats, and what waits to be told?"""

from __future__ import annotations

import random
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from sandbox.faults import Faults
from sandbox.telegram.answers import bad, forbidden
from sandbox.telegram.chats import Chat, Connection
from sandbox.telegram.files import Files
from sandbox.telegram.limits import Limits
from sandbox.telegram.types import DAY, Json
from sandbox.telegram.updates import Pace, Updates
from sandbox.telegram.webhook import Webhook

BOT = 123456789
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"


@dataclass
class Press:
    """A button was pressed; the answer is what the bot said to it."""

    at: float
    by: Json
    answer: Json | None = None


@dataclass
class World:
    """Everything behind one token."""

    seed: int = 1
    limits: Limits = field(default_factory=Limits)
    faults: Faults = field(default_factory=Faults)
    latency: float = 0
    """Seconds before every answer."""
    shift: float = 0
    """Seconds that the vendor's clock is ahead."""
    press_seconds: float = 60
    """How long a press can be answered."""
    chats: dict[int, Chat] = field(default_factory=dict)
    connections: dict[str, Connection] = field(default_factory=dict)
    people: dict[int, Json] = field(default_factory=dict)
    """Everybody who was seen, by id."""
    presses: dict[str, Press] = field(default_factory=dict)
    commands: list[Json] = field(default_factory=list)
    settings: dict[str, str] = field(default_factory=dict)
    """Name and descriptions of the bot, by method."""
    calls: deque[Json] = field(default_factory=lambda: deque(maxlen=20_000))
    """What the bot called, with all arguments as received and what was answered."""
    obey: Callable[[str, bytes], Awaitable[None]] | None = None
    """Carries out the call that the answer of a webhook holds."""
    last_id: int = 0
    """The highest number of a message in private chats and groups, which count together."""

    def __post_init__(self) -> None:
        self.dice = random.Random(self.seed)
        self.token = f"{BOT}:AA{''.join(self.dice.choices(_LETTERS, k=33))}"
        self.updates, self.pace = Updates(self.dice), Pace()
        self.files = Files(self.dice)
        self.webhook = Webhook(self)
        self.bot: Json = {"id": BOT, "is_bot": True, "first_name": "Hub", "username": "hub_test_bot"}

    def now(self) -> float:
        return time.time() + self.shift

    def chat(self, about: Json) -> Chat:
        """The chat that an update tells of, known from now on."""
        chat = self.chats.get(about["id"])
        if chat is None:
            chat = self.chats[about["id"]] = Chat(about["id"], about)
        chat.about = about
        return chat

    def next_message_id(self, chat: Chat, connection: Connection | None = None) -> int:
        if connection is not None:
            return 1 + max((one.highest for one in connection.chats.values()), default=0)
        if chat.kind in {"supergroup", "channel"}:
            return 1 + chat.highest
        return 1 + self.last_id

    def number(self, chat: Chat, message_id: int) -> None:
        """Later messages have higher numbers."""
        if chat.kind not in {"supergroup", "channel"}:
            self.last_id = max(self.last_id, message_id)

    def place(self, asked: str, connection_id: str = "") -> Chat:
        """The chat that may be written to; raises Refused."""
        if not asked.strip():
            raise bad("chat_id is empty")
        if connection_id:
            return self._of_manager(asked, connection_id)
        chat = self.find(asked)
        if chat is None:
            if known := self.people.get(_id(asked)):
                is_bot = known["is_bot"]
                raise forbidden(
                    "bot can't " + ("send messages to bots" if is_bot else "initiate conversation with a user")
                )
            raise bad("chat not found")
        chat.must_be_open()
        return chat

    def find(self, asked: str) -> Chat | None:
        """By number, or by the public name of a group or channel."""
        name = asked.strip().lower()
        if name.startswith("@"):
            return next((one for one in self.chats.values() if _public_name(one) == name), None)
        return self.chats.get(_id(name))

    def connection(self, id: str) -> Connection:
        """Raises Refused."""
        if id not in self.connections:
            raise bad("business connection not found")
        return self.connections[id]

    def _of_manager(self, asked: str, connection_id: str) -> Chat:
        connection = self.connection(connection_id)
        chat = connection.chats.get(_id(asked))
        if chat is None:
            raise bad("chat not found")
        if not connection.about.get("is_enabled"):
            raise bad("BUSINESS_CONNECTION_INVALID")
        if "rights" in connection.about and not connection.about["rights"].get("can_reply"):
            raise bad("BUSINESS_CONNECTION_NOT_ALLOWED")
        if self.now() - chat.heard_at > DAY:
            raise bad("BUSINESS_PEER_USAGE_MISSING")
        return chat

    def note(self, method: str, arguments: Any, **answer: Any) -> None:
        self.calls.append({"at": time.time(), "method": method, "arguments": arguments, **answer})


def _public_name(chat: Chat) -> str:
    return "" if chat.kind == "private" else f"@{chat.about.get('username', '')}".lower()


def _id(asked: str) -> int:
    try:
        return int(asked)
    except ValueError:
        return 0
