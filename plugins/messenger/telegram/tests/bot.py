"""A bot whose vendor is a function of the test: what was asked, and what is answered."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import httpx

from hub.sdk import Context
from hub.sdk.testing import Bench
from plugins.messenger.telegram.client import Bot
from plugins.messenger.telegram.connector import CONNECTOR
from plugins.messenger.telegram.settings import Settings

TOKEN = "123456789:AAtoken_of_the-test"
ME = {
    "id": 123456789,
    "is_bot": True,
    "first_name": "Hub",
    "username": "hub_test_bot",
    "can_read_all_group_messages": False,
    "can_connect_to_business": True,
}


class Refuse(Exception):
    """The vendor says no."""

    def __init__(self, code: int, said: str, **parameters: Any) -> None:
        self.code, self.said, self.parameters = code, said, parameters


@dataclass
class Vendor:
    """answers: method → what it gives, or a function of its arguments that may raise Refuse. asked: what was asked."""

    answers: dict[str, Any] = field(default_factory=dict)
    asked: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    bench: Bench = field(default_factory=lambda: Bench("tg", Context("tg"), time=datetime(2026, 11, 16, 9, tzinfo=UTC)))

    def __post_init__(self) -> None:
        self.answers = {"getMe": ME, "getWebhookInfo": {"url": ""}, "sendMessage": _sent, **self.answers}
        self.bench.transport = httpx.MockTransport(self._answer)
        self.bench.classify = CONNECTOR.classify

    def _answer(self, request: httpx.Request) -> httpx.Response:
        assert request.url.path.startswith(f"/bot{TOKEN}/")
        method, given = request.url.path.rpartition("/")[2], json.loads(request.content)
        self.asked.append((method, given))
        answer: Any = self.answers.get(method, True)
        try:
            result = answer(given) if isinstance(answer, Callable) else answer
        except Refuse as no:
            body = {"ok": False, "error_code": no.code, "description": no.said, "parameters": no.parameters}
            return httpx.Response(no.code, json=body)
        return httpx.Response(200, json={"ok": True, "result": result})

    def of(self, method: str) -> list[dict[str, Any]]:
        """The arguments of each call of a method."""
        return [given for name, given in self.asked if name == method]

    @asynccontextmanager
    async def open(self, **options: Any) -> AsyncIterator[Bot]:
        assert CONNECTOR.open is not None
        async with CONNECTOR.open(Settings.model_validate({"token": TOKEN, **options}), self.bench) as bot:
            yield bot


def _sent(given: dict[str, Any]) -> dict[str, Any]:
    return {"message_id": 40, "chat": {"id": int(given["chat_id"])}, "text": given["text"]}


def one_after_the_other(*answers: Any) -> Callable[[dict[str, Any]], Any]:
    """Each call gets the next answer; the last one stays."""
    rest = list(answers)

    def answer(given: dict[str, Any]) -> Any:
        found = rest.pop(0) if len(rest) > 1 else rest[0]
        if isinstance(found, Refuse):
            raise found
        return found(given) if isinstance(found, Callable) else found

    return answer
