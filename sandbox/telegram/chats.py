"""What is known of a chat: who is there, what was said, and may the bot write?"""

from __future__ import annotations

from dataclasses import dataclass, field

from sandbox.telegram.answers import Refused, bad
from sandbox.telegram.types import GROUPS, Json


@dataclass
class Chat:
    """A chat of the bot, or one of a manager's chats seen through a business connection."""

    id: int
    about: Json
    """As it stands in updates."""
    status: str = "member"
    """The bot's, in a group."""
    closed: str = ""
    """Why the bot may not write, in the vendor's words."""
    moved_to: int = 0
    """The supergroup that this group became."""
    heard_at: float = 0
    """When somebody else than the bot last wrote."""
    highest: int = 0
    """The highest number of a message so far, also of one that is deleted."""
    received: dict[int, Json] = field(default_factory=dict)
    sent: dict[int, Json] = field(default_factory=dict)
    """What the bot wrote. Apart from what it received, because a raw update may carry any number."""
    since: dict[int, float] = field(default_factory=dict)
    """When each message came."""
    reactions: dict[int, list[Json]] = field(default_factory=dict)
    """The bot's own, by message."""

    @property
    def kind(self) -> str:
        return str(self.about.get("type", "private"))

    @property
    def is_group(self) -> bool:
        return self.kind in GROUPS

    def message(self, id: int) -> Json | None:
        return self.sent.get(id) or self.received.get(id)

    def forget(self, id: int) -> None:
        for kept in (self.received, self.sent, self.since, self.reactions):
            kept.pop(id, None)

    def hear(self, message: Json, at: float) -> None:
        """Somebody wrote, or changed what he wrote."""
        self.received[message["message_id"]] = message
        self.heard_at = at
        self._count(message["message_id"], at)

    def keep(self, message: Json, at: float) -> None:
        """The bot wrote."""
        self.sent[message["message_id"]] = message
        self._count(message["message_id"], at)

    def _count(self, id: int, at: float) -> None:
        self.since.setdefault(id, at)
        self.highest = max(self.highest, id)

    def must_be_open(self) -> None:
        """Raises Refused."""
        if self.moved_to:
            raise bad("group chat was upgraded to a supergroup chat", migrate_to_chat_id=self.moved_to)
        if self.closed:
            raise Refused(403, self.closed)


def why_closed(kind: str, status: str) -> str:
    """What is said to a bot that was thrown out of a chat or has left it; empty when it may write."""
    if status not in {"kicked", "left"}:
        return ""
    if kind == "private":
        return "Forbidden: bot was blocked by the user"
    if status == "kicked":
        return f"Forbidden: bot was kicked from the {kind} chat"
    return f"Forbidden: bot is not a member of the {kind} chat"


@dataclass
class Connection:
    """A manager's own account with the bot connected to it."""

    about: Json
    chats: dict[int, Chat] = field(default_factory=dict)
    """The manager's, by the client's id."""

    @property
    def user(self) -> Json:
        user: Json = self.about["user"]
        return user
