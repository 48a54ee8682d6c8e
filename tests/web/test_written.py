"""Clients who wrote wait beside those who called: in their own words, with decisions that fit a message."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest

from hub.engine.hub import Hub
from hub.store import cases
from tests.web import story
from tests.web.conftest import app_of, browser, running
from tests.web.test_guard import token_of
from tests.web.test_marks import choose
from tests.web.test_pages import Checker, contact_of, text_of

KEY = "awaiting_reply:crm/message/m1"


@pytest.fixture
async def written(hub: Hub) -> AsyncIterator[httpx.AsyncClient]:
    """A browser on the day with what clients wrote, its engine running."""
    await story.tell(hub, "crm", story.WRITTEN)
    async with running(hub) as (client, _):
        yield client


async def test_a_row_quotes_what_the_client_wrote_last_and_names_the_channel(written: httpx.AsyncClient) -> None:
    page = (await written.get("/")).text
    text = text_of(page)
    assert "«Просим обновить КП с учётом доставки до Петрозаводска»" in text
    assert "sales@teplodom.example" in text
    assert "«Ау, есть кто живой? очень жду" in text
    assert "очень жду…»" in text
    assert "писал 2 раза" in text
    assert "Голосовое сообщение" in text
    assert "Форма «Заявка с сайта»: «Нужен котёл»" in text
    assert "Пётр просил позвонить 15:00" in text
    checker = Checker()
    checker.feed(page)
    assert checker.wrong == []


async def test_no_reply_needed_closes_the_wait_and_can_be_taken_back(hub: Hub, written: httpx.AsyncClient) -> None:
    await choose(written, "boris")
    token = token_of((await written.get("/")).text)
    form = {"token": token, "on": KEY, "kind": "no_reply_needed", "note": "это шутка", "back": "/"}
    answer = await written.post("/marks", data=form)
    (row,) = await hub.db.read(cases.listing, key=KEY)
    assert (row["state"], row["resolution"]) == ("closed", "no_reply_needed")
    after = (await written.get(answer.headers["location"])).text
    assert "ответа не нужно" in text_of(after)
    hub.now = lambda: story.NOW.replace(second=30)
    await written.post("/marks", data={"token": token_of(after), "on": KEY, "kind": "reopened", "back": "/"})
    (row,) = await hub.db.read(cases.listing, key=KEY)
    assert row["state"] == "open"


async def test_the_page_of_a_client_says_that_he_waits_for_a_reply(hub: Hub, written: httpx.AsyncClient) -> None:
    contact = await contact_of(hub, "t.abdrahmanov@stone.example")
    text = text_of((await written.get(f"/contacts/{contact}")).text)
    assert "Ждёт 12 мин ответа" in text
    assert "наш ответ, разговор от 10 с или встреча" in text
    assert "Ответа не нужно…" in text
    assert "Закрыть…" not in text


async def test_hostile_words_of_a_client_stay_words(hub: Hub) -> None:
    await story.tell(hub, "crm", [story.written("x", "14:30:00", "telegram:66", "<script>alert(1)</script> & «ok»")])
    async with running(hub) as (client, _):
        page = (await client.get("/")).text
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page


async def test_the_list_of_waits_says_how_long_each_waited_and_who_answered(
    hub: Hub,
) -> None:
    reply = story.written("m5", "14:30:00", story.STONE, "Отправили", "email", thread="t1")
    reply |= {"direction": "out", "author": "member", "member": "anna"}
    await story.tell(hub, "crm", [*story.WRITTEN, reply])
    async with browser(app_of(hub)) as page:
        text = text_of((await page.get("/messages")).text)
        assert "Карельский камень «Просим обновить КП" in text
        assert "ответили Анна Ковалёва 10 мин" in text
        assert "писал" not in text
        assert "Викто" not in text_of((await page.get("/messages?state=answered")).text)
        assert "не понял: state=late" in text_of((await page.get("/messages?state=late")).text)
        (row,) = (await page.get("/api/waits?state=answered")).json()
        assert (row["working"], row["replied_by"]) == (600, "anna")


async def test_older_waits_are_one_link_away(hub: Hub) -> None:
    many = [
        story.written(f"n{n}", f"10:{n // 2:02}:{n % 2 * 30:02}", f"telegram:{7000 + n}", f"вопрос {n}")
        for n in range(60)
    ]
    await story.tell(hub, "crm", many)
    async with browser(app_of(hub)) as page:
        first = (await page.get("/messages")).text
        older = first.split('href="/messages?before=')[1].split('"')[0]
        second = (await page.get(f"/messages?before={older}")).text
    assert "вопрос 59" in first
    seen = [n for n in range(60) if f"вопрос {n}»" in first] + [n for n in range(60) if f"вопрос {n}»" in second]
    assert sorted(seen) == list(range(60))


async def test_an_open_wait_names_whose_turn_it_is_and_no_share_that_stands_still(hub: Hub) -> None:
    await story.tell(hub, "crm", story.WRITTEN)
    hub.now = lambda: story.NOW.replace(minute=50)
    async with browser(app_of(hub)) as page:
        text = text_of((await page.get("/messages?state=open")).text)
    assert "ждёт Анна Ковалёва 30 мин" in text
    assert "Анна Ковалёва 12 мин" not in text
    assert "ждёт никто 26 мин" in text
