"""A messenger in process: what each of our people sees in his chat, what he presses, how it fails."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from hub.errors import NothingToDo
from hub.sdk import AmendNotice, Answer, Connector, Digest, Notify, Press, Push, Returned, Said, Sent, Stored


class Settings(BaseModel):
    """Nothing to set."""

    model_config = ConfigDict(extra="forbid", frozen=True)


@dataclass
class Message:
    """A message as it stands in a chat. rings: how often it made a sound."""

    to: str
    title: str
    text: str
    actions: list[str]
    effect: Any
    rings: int = 1

    @property
    def whole(self) -> str:
        return f"{self.title}\n\n{self.text}".replace("\u00a0", " ").strip()


@dataclass
class Chat:
    """Messages by their id, answers in order. before, after: called around each call, may raise."""

    messages: dict[str, Message] = field(default_factory=dict)
    answers: list[str] = field(default_factory=list)
    asked: list[Any] = field(default_factory=list)
    before: Callable[[Any], None] = lambda _effect: None
    after: Callable[[Any], None] = lambda _effect: None
    edits: bool = True
    repeat: Literal["safe", "never"] = "safe"

    async def send(self, _client: Any, effect: Any) -> Sent:
        self.asked.append(effect)
        self.before(effect)
        sent = self._amend(effect) if isinstance(effect, AmendNotice) else self._post(effect)
        self.after(effect)
        return sent

    def _amend(self, effect: AmendNotice) -> Sent:
        if not self.edits:
            if not effect.correction:
                raise NothingToDo("a mail cannot be edited")
            return self._post(effect)
        message = self.messages[effect.replaces or ""]
        message.title, message.text, message.actions = effect.title, effect.text, _actions(effect)
        return Sent(effect.replaces)

    def _post(self, effect: Any) -> Sent:
        if isinstance(effect, Answer):
            self.answers.append(effect.text)
            return Sent()
        known = next((number for number, held in self.messages.items() if held.effect.key == effect.key), None)
        if known is not None and self.repeat == "safe":
            return Sent(known)
        number = f"m{len(self.messages) + 1}"
        self.messages[number] = Message(effect.address, effect.title, effect.text, _actions(effect), effect)
        return Sent(number)

    def of(self, to: str) -> list[Message]:
        return [message for message in self.messages.values() if message.to == to]

    def connector(self, name: str = "chat") -> Connector:
        @asynccontextmanager
        async def open_chat(_settings: Any, _host: Any) -> Any:
            yield None

        kinds = (Notify, AmendNotice, Digest, Answer)
        return Connector(
            name,
            Settings,
            open=open_chat,
            parse={"told": parse},
            push=lambda _settings: [Push(kind, self.send, self.repeat) for kind in kinds],
        )


def _actions(effect: Any) -> list[str]:
    return [button.action or f"url:{button.url}" for row in effect.buttons for button in row]


def parse(items: Any, _settings: Any, _context: Any) -> Any:
    """What a test says that the messenger told."""
    for item in items:
        yield told(item)


def told(item: Stored) -> Press | Said | Returned:
    kinds = {"press": Press, "said": Said, "returned": Returned}
    values = {key: value for key, value in item.payload.items() if key != "what"}
    return kinds[item.payload["what"]](**values | {"at": datetime.fromisoformat(values["at"])})
