"""Every page asks its questions on both databases."""

from __future__ import annotations

import re
from pathlib import Path

from hub.store import pages
from tests.web import story
from tests.web.conftest import running
from tests.web.test_guard import token_of
from tests.web.test_pages import ADDRESSES, text_of


async def test_every_page_is_the_same_on_both_databases(tmp_path: Path, database_url: str) -> None:
    config = story.CONFIG.replace("[hub]", f'[hub]\ndatabase = "{database_url}"', 1)
    hub = story.open_story(tmp_path, config)
    await story.tell_all(hub)
    bad = {"record": "call", "id": "bad", "direction": "sideways", "started_at": "2026-11-24T10:00:00+03:00"}
    await story.tell(hub, "pbx", [bad])
    async with running(hub) as (client, _):
        contact = (await hub.db.read(pages.search, "мельник"))[0].id
        for address in (
            *ADDRESSES,
            f"/contacts/{contact}",
            "/api/calls",
            "/api/cases",
            "/api/connections",
            "/api/repairs",
        ):
            assert (await client.get(address)).status_code == 200, address
        item = re.search(r'href="(/inbox/\d+)"', (await client.get("/deliveries?state=inbox")).text)
        assert item is not None
        assert (await client.get(item[1])).status_code == 200
        html = (await client.get("/")).text
        assert "Ждут нас 4" in text_of(html)
        form = {
            "token": token_of(html),
            "on": "missed_call:pbx/call/u1",
            "kind": "closed",
            "reason": "spam",
            "member": "vera",
            "back": "/",
        }
        assert (await client.post("/marks", data=form)).status_code == 303
        assert "Закрыто рукой: реклама, спам · Вера Бондаренко" in text_of((await client.get("/")).text)
    hub.close()
