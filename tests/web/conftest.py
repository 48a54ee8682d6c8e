"""A hub with a day's story, and a browser for it."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from starlette.types import ASGIApp

from hub.engine.broadcast import Broadcaster
from hub.engine.hub import Hub, open_hub
from hub.engine.receive import Receiver
from hub.engine.runner import Runner
from hub.web.app import build
from tests.web import story


@pytest.fixture(scope="session")
def day(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a hub in which the whole story has happened."""
    folder = tmp_path_factory.mktemp("day")
    hub = story.open_story(folder)
    asyncio.run(story.tell_all(hub))
    hub.close()
    return folder


@pytest.fixture(scope="session")
def told(day: Path) -> Iterator[Hub]:
    """The hub of the story, for tests that only look."""
    hub = open_hub(day / "config.toml", now=lambda: story.NOW)
    yield hub
    hub.close()


@pytest.fixture
def hub(day: Path, tmp_path: Path) -> Iterator[Hub]:
    """A hub of the story of its own, for tests that change something."""
    shutil.copytree(day, tmp_path / "hub")
    hub = open_hub(tmp_path / "hub" / "config.toml", now=lambda: story.NOW)
    yield hub
    hub.close()


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Hub]:
    """The same company before anything happened."""
    hub = story.open_story(tmp_path)
    yield hub
    hub.close()


def app_of(hub: Hub) -> ASGIApp:
    """The web of a hub without its engine."""
    return build(hub, Receiver(hub), Broadcaster())


def browser(app: ASGIApp, *, address: str = "http://localhost:8080", remote: str = "127.0.0.1") -> httpx.AsyncClient:
    """A client that keeps cookies and follows no redirect by itself."""
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False, client=(remote, 50_000))
    return httpx.AsyncClient(transport=transport, base_url=address)


@pytest.fixture
async def page(told: Hub) -> AsyncIterator[httpx.AsyncClient]:
    """A browser on the story."""
    async with browser(app_of(told)) as client:
        yield client


@asynccontextmanager
async def running(hub: Hub) -> AsyncIterator[tuple[httpx.AsyncClient, Runner]]:
    """A browser on a hub whose engine runs, as in the daemon."""
    broadcaster = Broadcaster()
    runner = Runner(hub, broadcaster)
    task = asyncio.create_task(runner.run(), name="runner")
    try:
        async with browser(build(hub, runner.receiver, broadcaster, runner)) as client:
            yield client, runner
    finally:
        runner.stop.set()
        await task
