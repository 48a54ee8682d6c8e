"""Does a real hub end with exactly what was written, however often it is killed and whatever goes wrong?"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from plugins.messenger.telegram.tests.recorded import IVAN
from sandbox.telegram import TelegramServer
from tests.daemon import Daemon, free_port
from tests.inside import crmhub

pytestmark = pytest.mark.slow

ANNA, OLEG, GROUP = 777000111, 777000222, -1001987654321
TROUBLE = [
    {"kind": "lost", "path": "*/getUpdates", "skip": 1, "count": 1},
    {"kind": "half", "path": "*/getUpdates", "skip": 2, "count": 1},
    {"kind": "status", "status": 429, "seconds": 1, "path": "*/getUpdates", "skip": 3, "count": 1},
]
PATIENCE = 60
"""Seconds that a slow machine may take to have everything."""


class People:
    """Those who write to the bot, and what each of their messages says in the end."""

    def __init__(self, hands: httpx.AsyncClient) -> None:
        self.hands = hands
        self.said: dict[str, str] = {}

    async def control(self, name: str, /, **content: Any) -> Any:
        answer = await self.hands.post(f"/_ctl/{name}", json=content)
        assert answer.is_success, answer.text
        return answer.json()

    async def touch(self, action: str, **content: Any) -> dict[str, Any]:
        (update,) = (await self.control("touch", action=action, **content))["touched"]
        return next(value for value in update.values() if isinstance(value, dict))

    async def write(self, text: str, **content: Any) -> int:
        told = await self.touch("write", text=text, **content)
        number: int = told["message_id"]
        account = f"{IVAN}/" if content.get("connection") else ""
        self.said[f"{account}{told['chat']['id']}/{number}"] = text
        return number

    async def answers(self) -> list[str]:
        """What the bot has sent, once it has sent anything."""
        async with asyncio.timeout(PATIENCE):
            while not (sent := (await self.control("state", only=["sent"]))["sent"]):
                await asyncio.sleep(0.1)
        return [call["arguments"]["text"] for call in sent]

    async def talk(self, turn: int, connection: str) -> None:
        """Some of everything."""
        first = await self.write(f"вопрос {turn}", user_id=ANNA, name="Анна Петрова")
        await self.write(f"в группе {turn}", user_id=OLEG, name="Олег", chat_id=GROUP, title="Стройка")
        await self.write(f"личное {turn}", user_id=ANNA, connection=connection)
        await self.write(f"ответ {turn}", user_id=IVAN, chat_id=ANNA, connection=connection)
        await self.touch("edit", user_id=ANNA, message_id=first, text=f"вопрос {turn}, исправленный")
        self.said[f"{ANNA}/{first}"] = f"вопрос {turn}, исправленный"


@asynccontextmanager
async def people() -> AsyncIterator[tuple[TelegramServer, People]]:
    async with TelegramServer(rps=0) as server, httpx.AsyncClient(base_url=server.base_url) as hands:
        yield server, People(hands)


def configure(folder: Path, port: int, server: TelegramServer, *, webhook: bool) -> None:
    address = f"http://127.0.0.1:{port}"
    keys = {**server.credentials, "plugin": "telegram", "webhook": webhook}
    lines = [f"{key} = {json.dumps(value)}" for key, value in keys.items()]
    web = f'[web]\nlisten = "127.0.0.1:{port}"\npublic_url = "{address}"\n'
    team = f'[team.ivan]\nname = "Иван"\nhandles = ["telegram:{IVAN}"]\n'
    text = f"{web}{team}[connections.tg]\n" + "\n".join(lines)
    (folder / "config.toml").write_text(text, encoding="utf-8")


def known(folder: Path) -> dict[str, str]:
    """What the hub has: the messages that it exports, each as its newest version says it."""
    done = crmhub(folder, "--config", folder / "config.toml", "export", "--connection", "tg")
    assert done.code == 0, done.err
    found = map(json.loads, done.out.splitlines())
    return {row["id"]: row["text"] for row in found if row["record"] == "message"}


async def agree(folder: Path, said: dict[str, str]) -> None:
    """Wait until the hub has what was written, and nothing else."""
    clock = asyncio.get_running_loop().time
    until = clock() + PATIENCE
    while (found := await asyncio.to_thread(known, folder)) != said:
        if clock() > until:
            assert found == said
        await asyncio.sleep(0.2)


async def test_killed_and_in_trouble_and_by_either_way_it_has_what_was_written_once(tmp_path: Path) -> None:
    async with people() as (server, they):
        hub = Daemon(tmp_path, free_port())
        configure(tmp_path, hub.port, server, webhook=False)
        connection = (await they.touch("connect", user_id=IVAN, name="Иван"))["id"]
        await they.control("set", faults=TROUBLE, webhook={"scale": 0.01, "double": 0.5})
        try:
            await asyncio.to_thread(hub.start)
            await they.talk(1, connection)
            await they.touch("write", user_id=IVAN, text="/in")
            await they.talk(2, connection)
            await agree(tmp_path, they.said)
            answers = await they.answers()
            assert [text.rstrip("0123456789:.") for text in answers] == ["На работе с "]
            hub.kill()
            await they.write("пока его нет", user_id=ANNA)
            configure(tmp_path, hub.port, server, webhook=True)
            await asyncio.to_thread(hub.start)
            await they.write("когда он снова есть", user_id=ANNA)
            await agree(tmp_path, they.said)
            assert server.token.partition(":")[2] not in hub.log
        finally:
            hub.kill()
