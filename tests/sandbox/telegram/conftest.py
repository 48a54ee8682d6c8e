"""A fresh pretend Telegram for each test, without limits unless a test sets them, and its bot's client."""

import asyncio
import itertools

import httpx
import pytest

from sandbox.telegram import TelegramServer
from tests.sandbox.receiver import Receiver

ANNA = {"id": 777000111, "is_bot": False, "first_name": "Анна"}
IVAN = {"id": 777000900, "is_bot": False, "first_name": "Иван"}
DIALOG = {"id": 777000111, "first_name": "Анна", "type": "private"}
GROUP = {"id": -4001122, "title": "Продажи", "type": "group"}


class Bot(httpx.AsyncClient):
    """The bot's client, and the hand on the control plane."""

    def __init__(self, server):
        super().__init__(timeout=10, trust_env=False, verify=False)
        self.server, self.path = server, f"{server.base_url}/bot{server.token}"
        self._numbers = itertools.count(845120001)

    async def ask(self, method, /, **asked):
        """The result of a call that succeeds."""
        answer = await self.call(method, **asked)
        assert answer.status_code == 200, answer.text
        return answer.json()["result"]

    async def call(self, method, /, **asked):
        return await self.post(f"{self.path}/{method}", json=asked)

    async def refusal(self, method, /, **asked):
        """The description, whose code is the status of the answer."""
        answer = await self.call(method, **asked)
        told = answer.json()
        assert (told["ok"], told["error_code"]) == (False, answer.status_code)
        return told["description"]

    async def control(self, name, /, **asked):
        answer = await self.post(f"{self.server.base_url}/_ctl/{name}", json=asked)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def happens(self, **update):
        """A raw update; the answer is its number."""
        return (await self.control("update", update_id=next(self._numbers), **update))["update_id"]

    async def hears(self, text="Здравствуйте", chat=DIALOG, user=ANNA, id=11, **more):
        return await self.happens(message=message(text, chat, user, id, **more))

    async def told(self, **asked):
        return [one["update_id"] for one in await self.ask("getUpdates", **asked)]


def message(text="Здравствуйте", chat=DIALOG, user=ANNA, id=11, **more):
    told = {"message_id": id, "from": user, "chat": chat, "date": 1794819607, **more}
    return told if text is None else told | {"text": text}


@pytest.fixture
async def server():
    async with TelegramServer(rps=0) as one:
        yield one


@pytest.fixture
async def bot(server):
    async with Bot(server) as one:
        yield one


@pytest.fixture
async def receiver():
    async with Receiver() as one:
        yield one


async def until(holds):
    """As soon as it does."""
    async with asyncio.timeout(5):
        while not holds():
            await asyncio.sleep(0.005)
