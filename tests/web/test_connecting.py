"""The wizard: system, access, check, done; nothing is saved before all is green, and nobody else's answer is taken."""

from __future__ import annotations

import html
import re
import tomllib
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx
import pytest

from hub.engine.hub import Hub, open_hub
from hub.store import connections, drafts, repairs, tokens
from hub.store.database import Priority
from sandbox.amocrm import AmoServer
from tests.web import story
from tests.web.conftest import app_of, browser
from tests.web.test_guard import token_of
from tests.web.test_pages import text_of

HUB = "http://localhost:8080"
REDIRECT = f"{HUB}/oauth/amo"


@pytest.fixture
async def crm() -> AsyncIterator[AmoServer]:
    async with AmoServer(contacts=3, redirect_uri=REDIRECT) as server:
        yield server


@pytest.fixture
async def page(fresh: Hub) -> AsyncIterator[httpx.AsyncClient]:
    """A browser on a hub of its own."""
    async with browser(app_of(fresh)) as client:
        yield client


def typed(crm: AmoServer, **changed: str) -> dict[str, str]:
    """The form as a person fills it in."""
    keys = {name: crm.credentials[name] for name in ("base_url", "client_id", "client_secret", "redirect_uri")}
    rest = {"calls": "auto", "unknown_callers": "off", "task_type": "1", "source_name": "crmhub"}
    return {"as": "amo", **{f"key.{name}": value for name, value in (keys | rest | changed).items()}}


async def sent(page: httpx.AsyncClient, plugin: str, form: dict[str, str], path: str = "") -> httpx.Response:
    token = token_of((await page.get(f"/connections/new/{plugin}")).text)
    return await page.post(f"/connections/new/{plugin}{path}", data={"token": token, **form})


async def begun(page: httpx.AsyncClient, crm: AmoServer, **changed: str) -> tuple[str, str]:
    """Where the draft is, and the address at which the person consents."""
    answer = await sent(page, "amocrm", typed(crm, **changed))
    assert answer.status_code == 303, text_of(answer.text)
    draft = answer.headers["location"]
    return draft, consent_of((await page.get(draft)).text)


def consent_of(text: str) -> str:
    found = re.search(r'href="([^"]+/oauth\?[^"]+)"', text)
    assert found is not None, text_of(text)
    return html.unescape(found[1])


async def decided(consent: str, decision: str = "allow") -> str:
    """Where the vendor sends the browser back to, without its host."""
    async with httpx.AsyncClient() as vendor:
        answer = await vendor.get(f"{consent}&decision={decision}")
    return answer.headers["location"].removeprefix(HUB)


def config(hub: Hub) -> dict[str, Any]:
    return tomllib.loads(hub.settings.path.read_text(encoding="utf-8"))["connections"]


async def test_every_connector_can_be_picked(page: httpx.AsyncClient) -> None:
    text = text_of((await page.get("/connections/new")).text)
    assert "Asterisk, FreePBX, Issabel АТС, вживую" in text
    assert "Записи (собственный формат хаба)" in text
    assert "amoCRM" in text_of((await page.get("/connections/new?q=amo")).text)
    assert "Asterisk" not in text_of((await page.get("/connections/new?q=amo")).text)
    assert (await page.get("/connections/new/nothing")).status_code == 404


@pytest.mark.parametrize("plugin", ["amocrm", "asterisk", "records"])
async def test_the_form_asks_for_every_key_with_its_hint(fresh: Hub, page: httpx.AsyncClient, plugin: str) -> None:
    text = (await page.get(f"/connections/new/{plugin}")).text
    model = fresh.registry.connectors[plugin].settings
    assert set(re.findall(r'name="key\.(\w+)"', text)) == set(model.model_fields)
    assert re.findall(r'<label for="([\w-]+)"', text) == re.findall(
        r'<(?:input|select)[^>]* id="((?:key-|as)[\w-]*)"', text
    )


async def test_a_connection_is_signed_in_to_tried_and_saved(
    fresh: Hub, page: httpx.AsyncClient, crm: AmoServer
) -> None:
    draft, consent = await begun(page, crm, tasks="yes")
    assert consent.startswith(f"{crm.base_url}/oauth?")
    back = await page.get(await decided(consent))
    assert (back.status_code, back.headers["location"]) == (303, draft)
    text = (await page.get(draft)).text
    assert "Вход есть: аккаунт «Восток», номер 30215544" in text_of(text)
    assert "amo" not in config(fresh)
    saved = await sent(page, "amocrm", {"draft": draft.partition("draft=")[2]}, "/save")
    assert saved.headers["location"] == "/connections/new/amocrm?done=amo"
    section = config(fresh)["amo"]
    assert section["client_secret"] == {"stored": "amo.client_secret"}
    assert section["tasks"] is True
    assert await fresh.db.read(tokens.get, fresh.keyring, "amo") is not None
    assert "Подключение amo готово" in text_of((await page.get(saved.headers["location"])).text)
    assert (await page.get(draft)).status_code == 410
    hub = open_hub(fresh.settings.path)
    assert hub.links["amo"].problem is None
    hub.close()


async def test_no_page_shows_a_secret_a_code_or_a_token(page: httpx.AsyncClient, crm: AmoServer) -> None:
    draft, consent = await begun(page, crm)
    location = await decided(consent)
    answers = [await page.get(draft), await page.get(location), await page.get(draft), await page.get(location)]
    pages = "".join(answer.text for answer in answers)
    held = [crm.credentials["client_secret"], *crm.world.authority.access, *crm.world.authority.codes]
    assert not [text for text in held if text in pages]


async def test_an_account_may_make_the_integration_itself(fresh: Hub, page: httpx.AsyncClient, crm: AmoServer) -> None:
    draft, consent = await begun(page, crm, client_id="", client_secret="")
    asked = dict(parse_qsl(urlsplit(consent).query))
    assert (asked["redirect_uri"], asked["secrets_uri"]) == (REDIRECT, f"{REDIRECT}/keys")
    told = {"client_id": crm.credentials["client_id"], "client_secret": crm.credentials["client_secret"]}
    for wrong in ({}, {**told, "state": "another"}, {"state": asked["state"]}, []):
        assert (await page.post("/oauth/amo/keys", json=wrong)).status_code == 400
    assert (await page.post("/oauth/amo/keys", json={**told, "state": asked["state"]})).status_code == 200
    back = {"code": crm.credentials["auth_code"], "referer": "vostok.amocrm.ru", "state": asked["state"]}
    answer = await page.get(f"/oauth/amo?{urlencode(back)}")
    assert answer.headers["location"] == draft
    assert "vostok" in text_of((await page.get(draft)).text).lower()
    saved = await sent(page, "amocrm", {"draft": draft.partition("draft=")[2]}, "/save")
    assert saved.status_code == 303
    assert config(fresh)["amo"]["client_id"] == told["client_id"]
    assert config(fresh)["amo"]["client_secret"] == {"stored": "amo.client_secret"}


async def test_a_refusal_at_the_vendor_is_told_and_may_be_tried_again(page: httpx.AsyncClient, crm: AmoServer) -> None:
    draft, consent = await begun(page, crm)
    await page.get(await decided(consent, "deny"))
    text = (await page.get(draft)).text
    assert "Вы не разрешили" in text_of(text)
    assert consent_of(text) != consent
    assert (await page.get(await decided(consent_of(text)))).status_code == 303
    assert "Вход есть" in text_of((await page.get(draft)).text)


async def test_a_wrong_secret_is_told_with_what_the_vendor_said(
    fresh: Hub, page: httpx.AsyncClient, crm: AmoServer
) -> None:
    draft, consent = await begun(page, crm, client_secret="wrong")
    await page.get(await decided(consent))
    text = text_of((await page.get(draft)).text)
    assert "Client authentication failed" in text
    again = await sent(page, "amocrm", {**typed(crm), "draft": draft.partition("draft=")[2]})
    assert again.headers["location"] == draft
    await page.get(await decided(consent_of((await page.get(draft)).text)))
    assert "Вход есть" in text_of((await page.get(draft)).text)
    assert "amo" not in config(fresh)


async def test_an_answer_is_good_once_in_the_browser_where_it_began_and_for_an_hour(
    fresh: Hub, page: httpx.AsyncClient, crm: AmoServer
) -> None:
    _, consent = await begun(page, crm)
    location = await decided(consent)
    async with browser(app_of(fresh)) as other:
        await other.get("/")
        assert "уже не действует" in text_of((await other.get(location)).text)
    assert (await page.get(location)).status_code == 303
    assert (await page.get(location)).status_code == 400
    assert (await page.get("/oauth/amo?code=1&state=guessed")).status_code == 400
    assert (await page.get("/oauth/amo?code=1")).status_code == 400
    draft, consent = await begun(page, crm)
    now = fresh.now()
    fresh.now = lambda: now + timedelta(minutes=61)
    assert (await page.get(await decided(consent))).status_code == 400
    assert (await page.get(draft)).status_code == 410


async def test_a_draft_is_nobody_elses(fresh: Hub, page: httpx.AsyncClient, crm: AmoServer) -> None:
    draft, _ = await begun(page, crm)
    async with browser(app_of(fresh)) as other:
        assert (await other.get(draft)).status_code == 410
        saved = await sent(other, "amocrm", {"draft": draft.partition("draft=")[2]}, "/save")
        assert saved.status_code == 410
    kept = b"".join(path.read_bytes() for path in fresh.settings.data.iterdir() if path.is_file())
    assert crm.credentials["client_secret"].encode() not in kept


async def test_nothing_is_saved_that_is_not_green(fresh: Hub, page: httpx.AsyncClient, crm: AmoServer) -> None:
    draft, consent = await begun(page, crm)
    number = {"draft": draft.partition("draft=")[2]}
    before = fresh.settings.path.read_text(encoding="utf-8")
    assert (await sent(page, "amocrm", number, "/save")).headers["location"] == draft
    await page.get(await decided(consent))
    crm.world.authority.revoke(None)
    assert (await sent(page, "amocrm", number, "/save")).headers["location"] == draft
    text = (await page.get(draft)).text
    assert "Сохранить можно, когда все проверки зелёные" in text_of(text)
    assert "disabled" in text
    assert fresh.settings.path.read_text(encoding="utf-8") == before


@pytest.mark.parametrize(
    ("plugin", "changed", "said"),
    [
        ("records", {"as": "pbx"}, "Подключение с таким именем уже есть"),
        ("records", {"as": "имя"}, "Только латиница"),
        ("records", {"as": "new"}, "занято самим хабом"),
        ("records", {"key.notify_url": "nowhere"}, "valid URL"),
        ("asterisk", {"key.port": "many"}, "is no number"),
        ("asterisk", {"key.timezone": "Mars"}, "is no time zone"),
    ],
)
async def test_a_mistake_is_told_at_its_key_and_what_was_typed_stays(
    page: httpx.AsyncClient, plugin: str, changed: dict[str, str], said: str
) -> None:
    answer = await sent(page, plugin, {"as": "shop", "key.secret": "s3", **changed})
    assert answer.status_code == 422
    assert said in "".join(re.findall(r'class="err">([^<]+)', answer.text))
    assert all(f'value="{value}"' in answer.text for value in changed.values())
    assert "s3" not in answer.text


async def test_another_name_keeps_the_secret_that_was_given(fresh: Hub, page: httpx.AsyncClient) -> None:
    first = await sent(page, "records", {"as": "shop", "key.secret": "s3"})
    number = first.headers["location"].partition("draft=")[2]
    await sent(page, "records", {"as": "store", "draft": number, "key.secret": ""})
    await sent(page, "records", {"draft": number}, "/save")
    assert config(fresh)["store"]["secret"] == {"stored": "store.secret"}
    hub = open_hub(fresh.settings.path)
    assert hub.links["store"].problem is None
    hub.close()


async def test_a_form_of_another_site_begins_nothing(fresh: Hub, page: httpx.AsyncClient) -> None:
    forged = {"token": "x.y", "as": "shop", "key.secret": "s3"}
    assert (await page.post("/connections/new/records", data=forged)).status_code == 403
    token = token_of((await page.get("/connections/new/records")).text)
    headers = {"Origin": "https://evil.example"}
    answer = await page.post("/connections/new/records", data={**forged, "token": token}, headers=headers)
    assert answer.status_code == 403
    with fresh.db.begin() as connection:
        assert connection.execute(drafts.select(drafts.drafts)).first() is None


async def test_a_page_open_under_another_address_than_the_answer_comes_to_says_so(
    page: httpx.AsyncClient, crm: AmoServer
) -> None:
    answer = await sent(page, "amocrm", typed(crm, redirect_uri="http://127.0.0.1:8080/oauth/amo"))
    text = text_of((await page.get(answer.headers["location"])).text)
    assert "вернёт вас на http://127.0.0.1:8080, а эта страница открыта под другим адресом" in text


async def paused(hub: Hub, crm: AmoServer) -> None:
    """A connection of which the vendor has taken the access away."""
    text = hub.settings.path.read_text(encoding="utf-8")
    keys = {name: crm.credentials[name] for name in ("base_url", "client_id", "client_secret", "redirect_uri")}
    section = "".join(f'{name} = "{value}"\n' for name, value in keys.items())
    hub.settings.path.write_text(f'{text}\n[connections.amo]  # ours\nplugin = "amocrm"\n{section}', encoding="utf-8")


async def test_a_paused_connection_is_signed_in_to_from_its_page_and_its_repair(tmp_path: Path, crm: AmoServer) -> None:
    story.open_story(tmp_path).close()
    hub = open_hub(tmp_path / "config.toml", now=lambda: story.NOW)
    await paused(hub, crm)
    hub.close()
    hub = open_hub(tmp_path / "config.toml", now=lambda: story.NOW)
    await hub.db.write(Priority.SETTLE, connections.pause, "amo", "the token is revoked")
    await hub.db.write(
        Priority.SETTLE,
        repairs.note,
        "access:amo",
        kind="access_refused",
        title="amo: the token is revoked",
        advice="…",
        now=story.NOW,
        connection_name="amo",
    )
    before = hub.settings.path.read_text(encoding="utf-8")
    async with browser(app_of(hub)) as page:
        for path in ("/repairs", "/connections/amo"):
            text = (await page.get(path)).text
            assert 'action="/connections/amo/access"' in text
            assert "Войдите заново: подключение само продолжит" in text_of(text)
        answer = await page.post("/connections/amo/access", data={"token": token_of(text)})
        draft = answer.headers["location"]
        await page.get(await decided(consent_of((await page.get(draft)).text)))
        number = draft.partition("draft=")[2]
        saved = await page.post(
            "/connections/new/amocrm/save", data={"token": token_of((await page.get(draft)).text), "draft": number}
        )
        assert saved.headers["location"] == "/connections/new/amocrm?done=amo", text_of((await page.get(draft)).text)
        assert (await hub.db.read(connections.get, "amo")).state == "active"
        assert await hub.db.read(repairs.listing, "amo") == []
        shown = text_of((await page.get("/connections/amo")).text)
    assert "Вход" in shown
    after = hub.settings.path.read_text(encoding="utf-8")
    hub.close()
    changed = {"domain", "account_id"}
    assert [line for line in after.splitlines() if line.partition(" ")[0] not in changed] == before.splitlines()


async def test_the_form_of_a_connection_is_filled_and_its_secrets_are_empty(tmp_path: Path) -> None:
    hub = story.open_story(tmp_path)
    async with browser(app_of(hub)) as page:
        text = (await page.get("/connections/new/records?name=pbx")).text
        assert 'name="again" value="yes"' in text
        assert "open-sesame" not in text
        form = {"again": "yes", "as": "pbx", "key.notify_url": "http://127.0.0.1:9/"}
        answer = await page.post("/connections/new/records", data={"token": token_of(text), **form})
        draft = answer.headers["location"]
        token = token_of((await page.get(draft)).text)
        await page.post("/connections/new/records/save", data={"token": token, "draft": draft.partition("draft=")[2]})
    assert config(hub)["pbx"]["token"] == "open-sesame-of-the-test"
    assert config(hub)["pbx"]["notify_url"] == "http://127.0.0.1:9/"
    hub.close()


async def test_an_unknown_answer_says_what_to_do(page: httpx.AsyncClient) -> None:
    answer = await page.get(f"/oauth/amo?{urlencode({'error': 'access_denied'})}")
    assert answer.status_code == 400
    assert "Ничего не сохранено и не изменено" in text_of(answer.text)
