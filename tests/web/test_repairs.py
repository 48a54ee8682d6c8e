"""Repairs are told in the reader's language, with what the system itself said."""

from __future__ import annotations

import pytest

from hub.engine.hub import Hub
from hub.store import repairs
from hub.store.database import Priority
from tests.web import story
from tests.web.conftest import app_of, browser
from tests.web.test_pages import text_of

NOTED = [
    ("access:pbx", "access_refused", "pbx", "pbx: wrong password", "pbx не пускает wrong password Исправьте доступ"),
    (
        "stream:pbx/ami",
        "unreachable",
        "pbx",
        "pbx: connection refused",
        "pbx не отвечает connection refused Повторяем сами",
    ),
    ("dead:pbx", "dead_items", "pbx", "pbx: …", "pbx: принятое не разобрано"),
    ("dead_effect:crm", "dead_effects", "crm", "crm …", "crm отказалась принять окончательно"),
    ("channel:anna", "no_channel", None, "anna …", "Анна Ковалёва – некуда извещать, что клиенты ждут Впишите способ"),
    ("crowd:77", "crowd", None, "phone:+74950010100 has more …", "+7 495 001-01-00 – столько звонков"),
    ("call:pbx/call/1", "unjudged_call", "pbx", "…", "Неизвестно, чем кончился звонок pbx/call/1"),
    ("identity:crm/card/1", "identity_too_large", None, "…", "Больше 200 карточек и номеров связаны вокруг crm/card/1"),
    ("resting:pbx", "resting", "pbx", "pbx: blocked", "pbx просит пока не спрашивать blocked Ничего не потеряно"),
    (
        "webhooks:pbx",
        "no_webhooks",
        "pbx",
        "pbx: 403",
        "pbx не сообщает нам об изменениях 403 Всё по-прежнему читается",
    ),
    (
        "silent:pbx/call",
        "silent",
        "pbx",
        "pbx: no calls for 47 min",
        "pbx молчит подозрительно долго no calls for 47 min",
    ),
    ("mended:pbx", "mended", "pbx", "pbx: 2 cards", "pbx: сверка нашла пропущенное и исправила 2 cards Делать ничего"),
    ("new:1", "something_new", None, "A new kind", "A new kind do this"),
]


@pytest.mark.parametrize(("key", "kind", "connection", "title", "said"), NOTED)
async def test_each_kind_says_what_is_wrong_and_what_to_do(
    fresh: Hub, key: str, kind: str, connection: str | None, title: str, said: str
) -> None:
    await fresh.db.write(
        Priority.SETTLE,
        repairs.note,
        key,
        kind=kind,
        title=title,
        advice="do this",
        now=story.NOW,
        connection_name=connection,
    )
    async with browser(app_of(fresh)) as client:
        assert said in text_of((await client.get("/repairs")).text)
        if connection:
            assert said in text_of((await client.get(f"/connections/{connection}")).text)


async def test_nothing_to_repair_is_said_too(fresh: Hub) -> None:
    async with browser(app_of(fresh)) as client:
        assert "Чинить нечего" in text_of((await client.get("/repairs")).text)
