"""What would have been written: counted, listed, and nothing of it done."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from sqlalchemy import func, select

from hub.engine.hub import Hub, open_hub
from hub.store import schema
from hub.web.pages import preview
from tests.web import story
from tests.web.conftest import app_of, browser
from tests.web.test_pages import text_of

CRM = '\n[connections.amo]\nplugin = "amocrm"\nbase_url = "http://127.0.0.1:9"\ntoken = "t"\ntasks = true\n'


@pytest.fixture
async def hub(day: Path, tmp_path: Path) -> AsyncIterator[Hub]:
    """The hub of the story, to which a CRM was connected afterwards."""
    path = tmp_path / "config.toml"
    path.write_text(story.CONFIG + CRM, encoding="utf-8")
    hub = open_hub(path, now=lambda: story.NOW)
    await story.tell_all(hub)
    yield hub
    hub.close()


@pytest.fixture
async def page(hub: Hub) -> AsyncIterator[httpx.AsyncClient]:
    async with browser(app_of(hub)) as client:
        yield client


async def test_it_counts_what_is_on_and_what_is_off_with_the_line_that_switches_it_on(page: httpx.AsyncClient) -> None:
    text = text_of((await page.get("/deliveries/preview")).text)
    assert re.search(r"Задача на каждого клиента, который ждёт \d+ amo · включено", text)
    assert re.search(r"Звонки в карточку клиента [1-9]\d* amo · выключено; включает строка log_calls = true", text)


async def test_looking_writes_nothing(hub: Hub, page: httpx.AsyncClient) -> None:
    counted = select(func.count()).select_from(schema.outbox)
    with hub.db.begin() as connection:
        before = connection.scalar(counted)
    assert (await page.get("/deliveries/preview?days=30")).status_code == 200
    with hub.db.begin() as connection:
        assert connection.scalar(counted) == before


async def test_it_is_reached_from_deliveries_and_from_the_page_of_the_connection(page: httpx.AsyncClient) -> None:
    assert 'href="/deliveries/preview"' in (await page.get("/deliveries")).text
    shown = (await page.get("/connections/amo")).text
    assert 'href="/deliveries/preview?connection=amo"' in shown
    assert "включает строка log_calls = true" in text_of(shown)


async def test_unknown_parameters_are_taken_for_none(page: httpx.AsyncClient) -> None:
    assert (await page.get("/deliveries/preview?days=x&connection=nobody")).status_code == 200


async def test_what_takes_too_long_is_said_instead_of_waited_for(
    page: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preview, "PATIENCE", 0.0)
    assert "Выберите время покороче" in text_of((await page.get("/deliveries/preview")).text)
