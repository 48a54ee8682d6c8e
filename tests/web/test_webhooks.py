"""The webhook road: verified, kept before it is answered, and bounded whatever the sender claims."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from hub import meters
from hub.engine.hub import Hub
from hub.errors import Temporary
from hub.settings import Web
from hub.store import inbox, repairs
from hub.web import webhooks
from hub.web.remote import Network, headers_of
from tests.web import story
from tests.web.conftest import app_of, browser

TOKEN = {"Authorization": "Bearer open-sesame-of-the-test"}
RECORD = story.missed("w-1", "10:00:00", story.ROST, 20, "101")


@pytest.fixture
async def sender(fresh: Hub) -> AsyncIterator[httpx.AsyncClient]:
    async with browser(app_of(fresh), address="https://hub.example.org") as client:
        yield client


async def test_a_record_is_kept_before_the_answer(sender: httpx.AsyncClient, fresh: Hub) -> None:
    answer = await sender.post("/hooks/pbx", json=RECORD, headers=TOKEN)
    assert answer.status_code == 200
    assert await fresh.db.read(inbox.waiting) == 1


async def test_many_records_come_as_an_array_or_as_lines(sender: httpx.AsyncClient, fresh: Hub) -> None:
    rows = [RECORD | {"id": f"w-{number}"} for number in range(3)]
    assert (await sender.post("/hooks/pbx", json=rows[:2], headers=TOKEN)).status_code == 200
    lines = "\n".join(json.dumps(row) for row in rows)
    assert (await sender.post("/hooks/pbx/anything", content=lines, headers=TOKEN)).status_code == 200
    assert await fresh.db.read(inbox.waiting) == 3


async def test_a_forged_request_is_refused_and_counted(sender: httpx.AsyncClient, fresh: Hub) -> None:
    before = meters.REFUSED.labels("pbx", "forged")._value.get()
    answer = await sender.post("/hooks/pbx", json=RECORD, headers={"Authorization": "Bearer guess"})
    assert answer.status_code == 401
    assert "X-Hub-Signature" in answer.text
    assert meters.REFUSED.labels("pbx", "forged")._value.get() == before + 1
    assert await fresh.db.read(inbox.waiting) == 0


@pytest.mark.parametrize("path", ["/hooks/none", "/hooks/hub", "/hooks/", "/hooks/hub/x"])
async def test_an_unknown_connection_and_the_hubs_own_are_404(sender: httpx.AsyncClient, path: str) -> None:
    assert (await sender.post(path, json=RECORD, headers=TOKEN)).status_code == 404


async def test_what_is_not_json_is_refused_with_the_reason(sender: httpx.AsyncClient) -> None:
    answer = await sender.post("/hooks/pbx", content=b"\xff\xfe nonsense", headers=TOKEN)
    assert answer.status_code == 400
    assert "not JSON" in answer.text


async def test_a_body_of_fifty_megabytes_is_refused_with_a_clear_text(sender: httpx.AsyncClient, fresh: Hub) -> None:
    answer = await sender.post("/hooks/pbx", content=b"x" * 50_000_000, headers=TOKEN)
    assert answer.status_code == 413
    assert "10485760 bytes" in answer.text
    assert await fresh.db.read(inbox.waiting) == 0


async def call(hub: Hub, headers: dict[str, str], chunks: list[Any]) -> tuple[list[dict[str, Any]], int]:
    """Drive the handler as a server does; the messages it sent, and how many chunks it asked for."""
    given = iter(chunks)
    asked = 0
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        nonlocal asked
        asked += 1
        return next(given, {"type": "http.disconnect"})

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "path": "/hooks/pbx",
        "method": "POST",
        "query_string": b"a=1&b=",
        "scheme": "http",
        "client": ("127.0.0.1", 1),
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
    }
    await app_of(hub)(scope, receive, send)
    return sent, asked


def chunk(size: int, more: bool = True) -> dict[str, Any]:
    return {"type": "http.request", "body": b"x" * size, "more_body": more}


async def test_a_length_that_lies_low_does_not_get_more_into_memory(fresh: Hub) -> None:
    endless = [chunk(1_000_000) for _ in range(200)]
    sent, asked = await call(fresh, {"content-length": "10", "authorization": TOKEN["Authorization"]}, endless)
    assert sent[0]["status"] == 413
    assert asked * 1_000_000 <= webhooks.PATIENCE + 2_000_000


async def test_a_length_that_is_hopeless_is_refused_without_reading(fresh: Hub) -> None:
    sent, asked = await call(fresh, {"content-length": str(10**12)}, [chunk(1_000_000)])
    assert sent[0]["status"] == 413
    assert asked == 0


async def test_who_asks_before_sending_is_told_at_once(fresh: Hub) -> None:
    sent, asked = await call(fresh, {"content-length": "20000000", "expect": "100-continue"}, [chunk(1_000_000)])
    assert (sent[0]["status"], asked) == (413, 0)


async def test_a_sender_that_hangs_up_leaves_nothing(fresh: Hub) -> None:
    sent, _ = await call(fresh, {"content-length": "5000", **TOKEN}, [chunk(100)])
    assert sent == []
    assert await fresh.db.read(inbox.waiting) == 0


async def test_a_sender_that_never_ends_is_not_waited_for(fresh: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhooks, "SLOWEST", 0.01)
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        await asyncio.sleep(60)
        return chunk(1)

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "path": "/hooks/pbx",
        "method": "POST",
        "query_string": b"",
        "scheme": "http",
        "client": None,
        "headers": [],
    }
    await app_of(fresh)(scope, receive, send)
    assert sent[0]["status"] == 408


@pytest.mark.parametrize("length", ["", "-1", "١٢", "1e9", "0x10"])
async def test_a_strange_length_is_not_believed(fresh: Hub, length: str) -> None:
    body = {"type": "http.request", "body": json.dumps(RECORD).encode(), "more_body": False}
    raw = [(b"content-length", length.encode()), (b"authorization", TOKEN["Authorization"].encode())]
    given = iter([body])
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return next(given)

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "path": "/hooks/pbx",
        "method": "POST",
        "query_string": b"",
        "scheme": "http",
        "client": None,
        "headers": raw,
    }
    await app_of(fresh)(scope, receive, send)
    assert sent[0]["status"] == 200


async def test_a_missing_secret_asks_the_sender_to_repeat_and_a_person_to_repair(tmp_path, monkeypatch) -> None:
    monkeypatch.delenv("NOT_THERE", raising=False)
    config = '[connections.shop]\nplugin = "records"\nsecret = { env = "NOT_THERE" }\n'
    hub = story.open_story(tmp_path, config)
    async with browser(app_of(hub)) as client:
        answer = await client.post("/hooks/shop", json=RECORD)
        await client.post("/hooks/shop", json=RECORD)
        assert answer.status_code == 503
        assert answer.headers["retry-after"] == "300"
        found = await hub.db.read(repairs.listing)
        assert [(row["connection"], row["count"]) for row in found] == [("shop", 1)]
        assert "NOT_THERE" in (await client.get("/repairs")).text
        page = (await client.get("/connections")).text
        assert "не пускает" in page
    hub.close()


async def test_a_store_that_cannot_be_written_asks_the_sender_to_repeat(fresh: Hub, monkeypatch) -> None:
    def full(*_: object) -> None:
        raise Temporary("the store cannot be written: database or disk is full", retry_after=7)

    monkeypatch.setattr(inbox, "put", full)
    async with browser(app_of(fresh)) as client:
        answer = await client.post("/hooks/pbx", json=RECORD, headers=TOKEN)
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "7"
    assert "send it again" in answer.text


async def test_webhooks_come_under_any_name(fresh: Hub) -> None:
    async with browser(app_of(fresh), address="https://tunnel.example.net") as client:
        assert (await client.post("/hooks/pbx", json=RECORD, headers=TOKEN)).status_code == 200
        assert (await client.get("/")).status_code == 421


def test_only_a_trusted_proxy_is_believed_about_who_asks() -> None:
    scope = {"client": ("10.0.0.2", 1), "scheme": "http", "headers": []}
    headers = {
        "host": "hub:8080",
        "x-forwarded-for": "6.6.6.6, 203.0.113.9",
        "x-forwarded-proto": "https",
        "x-forwarded-host": "hub.example.org",
    }
    trusting = Network(Web(trusted_proxy=("10.0.0.0/24",))).remote(scope, headers)
    assert (trusting.address, trusting.scheme, trusting.host) == ("203.0.113.9", "https", "hub.example.org")
    wary = Network(Web()).remote(scope, headers)
    assert (wary.address, wary.scheme, wary.host) == ("10.0.0.2", "http", "hub:8080")


def test_a_header_sent_twice_is_joined() -> None:
    assert headers_of({"headers": [(b"X-A", b"1"), (b"x-a", b"2")]}) == {"x-a": "1, 2"}
