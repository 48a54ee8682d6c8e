"""What people decide on the pages becomes marks, and marks change cases, through the running engine."""

from __future__ import annotations

import asyncio
import re
from html import unescape

import httpx

from hub.engine.hub import Hub
from hub.store import cases, history, pages
from tests.web import story
from tests.web.conftest import running
from tests.web.test_guard import token_of
from tests.web.test_pages import text_of

KEY = "missed_call:pbx/call/u1"


async def choose(client: httpx.AsyncClient, member: str = "vera") -> None:
    token = token_of((await client.get("/")).text)
    await client.post("/me", data={"token": token, "member": member, "back": "/"})


async def state_of(hub: Hub, key: str = KEY) -> dict:
    (row,) = await hub.db.read(cases.listing, key=key)
    return row


async def test_a_case_closed_on_the_page_is_closed_by_hand_with_reason_and_name(hub: Hub) -> None:
    async with running(hub) as (client, _):
        await choose(client)
        token = token_of((await client.get("/")).text)
        form = {
            "token": token,
            "on": KEY,
            "kind": "closed",
            "reason": "wrong_number",
            "note": "искали аптеку",
            "back": "/",
        }
        answer = await client.post("/marks", data=form)
        assert answer.status_code == 303
        row = await state_of(hub)
        assert (row["state"], row["resolution"], row["closed_by_member"]) == ("closed", "closed_by_hand", "vera")
        after = (await client.get(answer.headers["location"])).text
        assert "Закрыто: +7 921 604-18-33" in text_of(after)
        assert "Закрыто рукой: ошиблись номером · Вера Бондаренко" in text_of(after)
        contact = (await hub.db.read(pages.search, "9216041833"))[0].id
        history = text_of((await client.get(f"/contacts/{contact}")).text)
        assert "искали аптеку" in history


async def test_a_closing_can_be_taken_back_at_once(hub: Hub) -> None:
    async with running(hub) as (client, _):
        await choose(client)
        token = token_of((await client.get("/")).text)
        answer = await client.post(
            "/marks", data={"token": token, "on": KEY, "kind": "closed", "reason": "spam", "back": "/"}
        )
        hub.now = lambda: story.NOW.replace(second=30)
        page = (await client.get(answer.headers["location"])).text
        assert "Вернуть" in page
        answer = await client.post("/marks", data={"token": token_of(page), "on": KEY, "kind": "reopened", "back": "/"})
        assert answer.status_code == 303
        assert (await state_of(hub))["state"] == "open"
        assert "снова ждёт" in (await client.get(answer.headers["location"])).text


async def test_who_takes_a_client_becomes_the_one_whose_turn_it_is(hub: Hub) -> None:
    async with running(hub) as (client, _):
        await choose(client)
        token = token_of((await client.get("/")).text)
        await client.post("/marks", data={"token": token, "on": KEY, "kind": "taken", "back": "/"})
        assert (await state_of(hub))["assignee"] == "vera"
        text = text_of((await client.get("/?who=mine")).text)
        assert "+7 921 604-18-33" in text
        assert "взято 14:32" in text
        assert "Хачатрян" not in text.partition("Закрыто за последний час")[0]


async def test_the_same_form_sent_twice_is_one_mark(hub: Hub) -> None:
    async with running(hub) as (client, _):
        await choose(client)
        token = token_of((await client.get("/")).text)
        form = {"token": token, "on": KEY, "kind": "taken", "back": "/"}
        await asyncio.gather(client.post("/marks", data=form), client.post("/marks", data=form))
        await client.post("/marks", data=form)
        marks = await hub.db.read(history.marks_on, [KEY.partition(":")[2]])
        assert len(marks) == 1


async def test_who_has_not_said_who_he_is_is_asked_first_and_loses_nothing(hub: Hub) -> None:
    async with running(hub) as (client, _):
        token = token_of((await client.get("/")).text)
        form = {
            "token": token,
            "on": KEY,
            "kind": "closed",
            "reason": "spam",
            "note": 'a "note"',
            "back": "/?who=nobody",
        }
        asked = await client.post("/marks", data=form)
        assert asked.status_code == 200
        assert "Кто вы?" in asked.text
        hidden = {
            name: unescape(value)
            for name, value in re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', asked.text)
        }
        answer = await client.post("/marks", data=hidden | {"member": "boris"})
        assert answer.status_code == 303
        assert answer.headers["location"].startswith("/?who=nobody&done=")
        assert (await state_of(hub))["closed_by_member"] == "boris"
        assert client.cookies["member"] == "boris"
        (mark,) = await hub.db.read(history.marks_on, [KEY.partition(":")[2]])
        assert mark.record.note == 'a "note"'


async def test_an_unknown_reason_kind_or_case_changes_nothing(hub: Hub) -> None:
    async with running(hub) as (client, _):
        await choose(client)
        token = token_of((await client.get("/")).text)
        refused = [
            ({"kind": "closed", "reason": "bored", "on": KEY}, 403),
            ({"kind": "closed", "on": KEY}, 403),
            ({"kind": "excused", "on": KEY}, 403),
            ({"kind": "taken", "on": "missed_call:pbx/call/none"}, 404),
        ]
        for form, status in refused:
            assert (await client.post("/marks", data={"token": token, "back": "/", **form})).status_code == status
        assert (await state_of(hub))["state"] == "open"
        assert await hub.db.read(history.marks_on, [KEY.partition(":")[2]]) == []


async def test_without_a_team_the_page_says_how_to_get_one(tmp_path) -> None:
    hub = story.open_story(tmp_path, '[hub]\nlanguage = "en"\n[connections.pbx]\nplugin = "records"\ntoken = "t"\n')
    await story.tell(hub, "pbx", [story.missed("u1", "14:08:35", story.UNKNOWN, 31, "103")])
    async with running(hub) as (client, _):
        html = (await client.get("/")).text
        assert "The team is empty" in html
        answer = await client.post("/marks", data={"token": token_of(html), "on": KEY, "kind": "taken", "back": "/"})
        assert "add yourself to config.toml" in answer.text
    hub.close()
