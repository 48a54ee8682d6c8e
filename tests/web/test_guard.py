"""Who may see the pages, what every answer forbids, and which forms are ours."""

from __future__ import annotations

import re
import stat
from pathlib import Path

import httpx
import pytest

from hub.engine.broadcast import Broadcaster
from hub.engine.hub import Hub
from hub.engine.runner import Runner
from hub.store import repairs
from hub.web import health
from hub.web.forms import Forms, key_of, once
from tests.web import story
from tests.web.conftest import app_of, browser


def token_of(html: str) -> str:
    found = re.search(r'name="token" value="([^"]+)"', html)
    assert found is not None
    return found[1]


@pytest.mark.parametrize("path", ["/", "/calls", "/nothing", "/static/hub.css", "/healthz", "/api/cases"])
async def test_every_answer_forbids_what_pages_do_not_need(page: httpx.AsyncClient, path: str) -> None:
    headers = (await page.get(path)).headers
    policy = headers["content-security-policy"]
    assert policy.startswith("default-src 'self'; ")
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"
    assert headers["x-frame-options"] == "DENY"


async def test_pages_are_not_kept_by_anybody_and_static_files_are(page: httpx.AsyncClient) -> None:
    html = await page.get("/")
    assert html.headers["cache-control"] == "no-store"
    css = re.search(r'href="(/static/hub.css\?v=[^"]+)"', html.text)
    assert css is not None
    assert "immutable" in (await page.get(css[1])).headers["cache-control"]


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "hub.local:8080", "[::2]:8080", ""])
async def test_a_foreign_name_that_points_here_sees_nothing(told: Hub, host: str) -> None:
    async with browser(app_of(told)) as client:
        answer = await client.get("/", headers={"Host": host})
        assert answer.status_code == 421
        assert "seat" not in answer.cookies


@pytest.mark.parametrize(
    "host", ["localhost", "localhost:8080", "127.0.0.1:8080", "127.8.9.1", "[::1]:8080", "LOCALHOST:1"]
)
async def test_loopback_under_any_of_its_names_is_served(told: Hub, host: str) -> None:
    async with browser(app_of(told)) as client:
        assert (await client.get("/", headers={"Host": host})).status_code == 200


async def test_health_is_told_under_any_name(told: Hub) -> None:
    async with browser(app_of(told), address="http://10.1.2.3:8080") as client:
        assert (await client.get("/healthz")).text == "ok\n"
        assert (await client.get("/readyz")).text == "ok\n"


async def test_readyz_says_that_absorb_is_stuck(told: Hub) -> None:
    runner = Runner(told, Broadcaster())
    assert await health.problems(told, runner) == []
    runner.absorbed_at -= 120
    assert await health.problems(told, runner) == ["absorb is stuck: its last step was 120 s ago"]


async def test_a_trusted_proxy_decides_which_names_it_serves(tmp_path: Path) -> None:
    config = '[web]\nlisten = "0.0.0.0:8080"\ntrusted_proxy = ["10.0.0.2"]\n'
    hub = story.open_story(tmp_path, config)
    async with browser(app_of(hub), address="http://hub.example.org", remote="10.0.0.2") as client:
        assert (await client.get("/")).status_code == 200
    async with browser(app_of(hub), address="http://hub.example.org", remote="10.0.0.3") as client:
        assert (await client.get("/")).status_code == 421
    hub.close()


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "http://localhost:9999"},
    ],
)
async def test_a_form_of_another_site_is_refused(told: Hub, headers: dict[str, str]) -> None:
    async with browser(app_of(told)) as client:
        token = token_of((await client.get("/")).text)
        answer = await client.post("/me", data={"token": token, "member": "anna", "back": "/"}, headers=headers)
        assert answer.status_code == 403
        assert "member" not in client.cookies


async def test_a_form_without_our_token_is_refused(page: httpx.AsyncClient) -> None:
    await page.get("/")
    for token in ("", "x", "x.y", "x." + "0" * 32):
        answer = await page.post("/me", data={"token": token, "member": "anna", "back": "/"})
        assert answer.status_code == 403
        assert "Ничего не изменено" in answer.text


async def test_a_token_is_good_for_one_browser_only(told: Hub) -> None:
    app = app_of(told)
    async with browser(app) as one, browser(app) as other:
        token = token_of((await one.get("/")).text)
        await other.get("/")
        assert (await other.post("/me", data={"token": token, "member": "anna", "back": "/"})).status_code == 403
        assert (await one.post("/me", data={"token": token, "member": "anna", "back": "/"})).status_code == 303


async def test_a_form_that_is_too_large_is_refused(page: httpx.AsyncClient) -> None:
    token = token_of((await page.get("/")).text)
    assert (await page.post("/me", data={"token": token, "note": "x" * 100_000})).status_code == 413


@pytest.mark.parametrize(
    "back", ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)", "/\tx", ""]
)
async def test_a_form_leads_to_no_other_site(page: httpx.AsyncClient, back: str) -> None:
    token = token_of((await page.get("/")).text)
    answer = await page.post("/me", data={"token": token, "member": "anna", "back": back})
    assert answer.headers["location"] == "/"


async def test_the_chosen_member_is_remembered(page: httpx.AsyncClient) -> None:
    token = token_of((await page.get("/calls")).text)
    answer = await page.post("/me", data={"token": token, "member": "anna", "back": "/calls?outcome=missed"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/calls?outcome=missed")
    cookie = answer.headers["set-cookie"]
    assert "SameSite=lax" in cookie
    assert "HttpOnly" in cookie
    assert 'aria-current="true"' in (await page.get("/")).text
    assert "Анна Ковалёва</span>" in (await page.get("/")).text


async def test_a_name_in_any_alphabet_is_remembered(tmp_path: Path) -> None:
    config = '[team."анна"]\nname = "Анна"\n[connections.pbx]\nplugin = "records"\ntoken = "t"\n'
    hub = story.open_story(tmp_path, config)
    async with browser(app_of(hub)) as client:
        token = token_of((await client.get("/")).text)
        assert (await client.post("/me", data={"token": token, "member": "анна", "back": "/"})).status_code == 303
        assert '<button class="pick" name="member" value="анна" aria-current="true">' in (await client.get("/")).text
    hub.close()


@pytest.mark.parametrize("path", ["/", "/healthz", "/api/calls", "/static/hub.css"])
async def test_head_is_answered_as_get(page: httpx.AsyncClient, path: str) -> None:
    assert (await page.head(path)).status_code == 200


async def test_language_and_theme_are_chosen_without_script(page: httpx.AsyncClient) -> None:
    token = token_of((await page.get("/")).text)
    await page.post("/look", data={"token": token, "lang": "en", "back": "/"})
    await page.post("/look", data={"token": token, "theme": "dark", "back": "/"})
    html = (await page.get("/")).text
    assert '<html lang="en" data-theme="dark">' in html
    assert "Waiting" in html or "Waiting for us" in html


async def test_the_language_of_the_address_wins_and_stays(page: httpx.AsyncClient) -> None:
    assert '<html lang="en"' in (await page.get("/?lang=en")).text
    assert '<html lang="en"' in (await page.get("/calls")).text
    assert '<html lang="ru"' in (await page.get("/calls?lang=ru")).text
    assert '<html lang="ru"' in (await page.get("/calls?lang=zz")).text


def test_the_key_of_forms_is_made_once_and_for_us_alone(tmp_path: Path) -> None:
    key = key_of(tmp_path / "var")
    assert key_of(tmp_path / "var") == key
    assert stat.S_IMODE((tmp_path / "var" / "web.key").stat().st_mode) == 0o600
    assert len(key) == 32


def test_the_same_form_sent_twice_asks_for_the_same_thing() -> None:
    forms = Forms(b"k" * 32)
    number = forms.number(forms.token("a-seat"), "a-seat")
    assert number is not None
    assert once(number, "closed", "case") == once(number, "closed", "case")
    assert once(number, "closed", "case") != once(number, "taken", "case")


async def test_docs_of_the_framework_that_load_foreign_scripts_are_off(page: httpx.AsyncClient) -> None:
    for path in ("/docs", "/redoc", "/openapi.json"):
        assert (await page.get(path)).status_code == 404


async def test_a_bug_shows_a_number_and_keeps_its_secrets(hub: Hub) -> None:
    """A row that no version of the hub ever wrote, as a broken disk or a hand in the database leaves it."""
    with hub.db.begin() as connection:
        repairs.note(connection, "k", kind="unreachable", title="t", advice="a", now=hub.now())
        connection.exec_driver_sql("UPDATE repairs SET since = 'the secret is 42'")
    async with browser(app_of(hub)) as client:
        answer = await client.get("/repairs")
    assert answer.status_code == 500
    assert "Сломались мы, не вы" in answer.text
    assert "42" not in re.sub(r"[0-9A-F]{4}-[0-9A-F]{4}|v=[0-9a-f]+", "", answer.text.partition("<main")[2])


async def test_when_the_store_is_gone_pages_and_readyz_say_so(hub: Hub) -> None:
    """Somebody takes the tables away under the running hub."""
    with hub.db.begin() as connection:
        for table in ("connections", "contacts", "inbox"):
            connection.exec_driver_sql(f"ALTER TABLE {table} RENAME TO {table}_gone")
    async with browser(app_of(hub)) as client:
        answer = await client.get("/")
        assert answer.status_code == 503
        assert answer.headers["retry-after"] == "5"
        assert "Хранилище не отвечает" in answer.text
        ready = await client.get("/readyz")
        assert ready.status_code == 503
        assert "the store does not answer" in ready.text
        assert (await client.get("/healthz")).status_code == 200
