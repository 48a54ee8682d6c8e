"""Does the hub get access and keep it, and never tell a secret to a stranger?"""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import httpx
import pytest
from pydantic import SecretStr

from hub.sdk import AuthFailed, HubError, Login, Rejected, Temporary, Tokens
from hub.sdk.testing import Bench
from plugins.amocrm.client import classify
from plugins.amocrm.connector import CONNECTOR
from plugins.amocrm.login import claims
from plugins.amocrm.settings import Settings

sys.path.insert(0, str(Path(__file__).parent))
from account import Account, account

KEYS = {
    "domain": "vostok.amocrm.ru",
    "client_id": "4b1f",
    "client_secret": "q8",
    "redirect_uri": "https://hub.example/cb",
}
PAIR = {"expires_in": 86400, "server_time": 1767950400, "access_token": "e.e.e", "refresh_token": "def502"}


def login(settings: Settings) -> Login:
    assert CONNECTOR.login is not None
    found = CONNECTOR.login(settings)
    assert found is not None
    return found


@asynccontextmanager
async def http(transport: httpx.AsyncBaseTransport | None = None) -> AsyncIterator[Any]:
    async with Bench("amo", classify=classify, transport=transport).http("") as given:
        yield given


class Vendor(httpx.AsyncBaseTransport):
    """Answers by host and path; says what it was asked."""

    def __init__(self, answers: dict[str, tuple[int, Any]]) -> None:
        self.answers = answers
        self.asked: list[httpx.Request] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        status, body = self.answers.get(f"{request.url.host}{request.url.path}", (404, {"title": "Not Found"}))
        return httpx.Response(status, json=body)


# consent


async def test_a_person_consents_and_the_code_becomes_tokens() -> None:
    async with account() as amo, http() as given:
        settings = amo.settings()
        way = login(settings)
        where = way.address(settings, settings.redirect_uri, "opaque")
        answer = await amo.hands.get(f"{where}&decision=allow")
        query = dict(parse_qsl(urlsplit(answer.headers["location"]).query))
        assert query["state"] == "opaque"
        tokens, told = await way.exchange(given, settings, query, settings.redirect_uri)  # type: ignore[misc]
        assert told == {"domain": query["referer"], "redirect_uri": settings.redirect_uri, "account_id": 30215544}
        assert tokens.expires_at - datetime.now(UTC) > timedelta(hours=23)
        await works_with(amo, tokens)


async def works_with(amo: Account, tokens: Tokens) -> None:
    amo.bench = None
    amo.told["access_token"] = tokens.access.get_secret_value()
    async with amo.client() as client:
        assert (await client.account())["id"] == 30215544


async def test_a_code_works_once() -> None:
    async with account() as amo, http() as given:
        settings = amo.settings()
        query = {"code": amo.told["auth_code"], "referer": "vostok.amocrm.ru"}
        await login(settings).exchange(given, settings, query, settings.redirect_uri)
        with pytest.raises(HubError, match=r"log in again|refused"):
            await login(settings).exchange(given, settings, query, settings.redirect_uri)


async def test_who_says_no_gives_no_tokens() -> None:
    settings = Settings.model_validate(KEYS)
    async with http(Vendor({})) as given:
        with pytest.raises(Rejected, match="access_denied"):
            await login(settings).exchange(given, settings, {"error": "access_denied"}, "https://hub.example/cb")


@pytest.mark.parametrize(
    "referer", ["evil.example", "vostok.amocrm.ru.evil.example", "evil.example/vostok.amocrm.ru", "a@b"]
)
async def test_the_secret_goes_to_no_stranger(referer: str) -> None:
    settings, vendor = Settings.model_validate(KEYS), Vendor({})
    async with http(vendor) as given:
        with pytest.raises(Rejected, match="no address of an account"):
            await login(settings).exchange(given, settings, {"code": "c", "referer": referer}, "https://hub.example/cb")
    assert vendor.asked == []


async def test_another_account_than_before_is_refused() -> None:
    async with account() as amo, http() as given:
        settings = amo.settings(account_id=7)
        query = {"code": amo.told["auth_code"], "referer": "vostok.amocrm.ru"}
        with pytest.raises(Rejected, match="account 30215544"):
            await login(settings).exchange(given, settings, query, settings.redirect_uri)


@pytest.mark.parametrize(
    ("domain", "page"),
    [("vostok.amocrm.ru", "www.amocrm.ru"), ("vostok.kommo.com", "www.kommo.com"), ("", "www.amocrm.ru")],
)
def test_the_consent_page_is_where_the_account_lives(domain: str, page: str) -> None:
    settings = Settings.model_validate({**KEYS, "domain": domain})
    found = urlsplit(login(settings).address(settings, "https://hub.example/cb", "st&te"))
    assert (found.hostname, found.path) == (page, "/oauth")
    assert parse_qs(found.query) == {"client_id": ["4b1f"], "state": ["st&te"], "mode": ["popup"]}


def test_a_long_lived_token_needs_no_login() -> None:
    assert CONNECTOR.login is not None
    assert CONNECTOR.login(Settings.model_validate({"domain": "vostok.amocrm.ru", "token": "e.e.e"})) is None


# renewal


async def test_a_refresh_token_works_once() -> None:
    async with account() as amo, http() as given:
        settings = amo.settings()
        old = Tokens(SecretStr(amo.told["access_token"]), SecretStr(amo.told["refresh_token"]))
        new = await login(settings).refresh(given, settings, old)
        await works_with(amo, new)
        with pytest.raises(AuthFailed, match="revoked"):
            await login(settings).refresh(given, settings, old)


@pytest.mark.parametrize("kind", ["status", "half"])
async def test_trouble_on_the_way_is_no_refusal(kind: str) -> None:
    async with account() as amo, http() as given:
        settings = amo.settings()
        await amo.set(faults=[{"kind": kind, "status": 500, "path": "/oauth2/access_token", "count": 1}])
        old = Tokens(SecretStr(amo.told["access_token"]), SecretStr(amo.told["refresh_token"]))
        with pytest.raises(Temporary):
            await login(settings).refresh(given, settings, old)


def jwt(**said: Any) -> str:
    import base64
    import json

    body = base64.urlsafe_b64encode(json.dumps(said).encode()).decode().rstrip("=")
    return f"e30.{body}.x"


RENAMED = {
    "vostok.amocrm.ru/oauth2/access_token": (401, {"title": "Unauthorized", "hint": "Token has been revoked"}),
    "api-b.amocrm.ru/oauth2/account/current/subdomain": (200, {"subdomain": "novy", "domain": "novy.amocrm.ru"}),
    "novy.amocrm.ru/oauth2/access_token": (200, PAIR),
}


async def test_tokens_of_a_renamed_account_are_renewed_at_its_new_address() -> None:
    settings, vendor = Settings.model_validate(KEYS), Vendor(RENAMED)
    old = Tokens(SecretStr(jwt(api_domain="api-b.amocrm.ru")), SecretStr("def5"))
    async with http(vendor) as given:
        new = await login(settings).refresh(given, settings, old)
    assert new.refresh is not None
    assert new.refresh.get_secret_value() == "def502"
    assert new.expires_at == datetime.fromtimestamp(1767950400 + 86400, UTC)
    assert vendor.asked[1].headers["X-Refresh-Token"] == "def5"


@pytest.mark.parametrize(
    "spoil",
    [
        lambda answers: answers.pop("api-b.amocrm.ru/oauth2/account/current/subdomain"),
        lambda answers: answers.update(
            {"api-b.amocrm.ru/oauth2/account/current/subdomain": (200, {"domain": "evil.example"})}
        ),
        lambda answers: answers.update({"api-b.amocrm.ru/oauth2/account/current/subdomain": (200, [])}),
    ],
)
async def test_a_refresh_that_is_refused_for_good_is_for_a_person(spoil: Callable[[dict[str, Any]], Any]) -> None:
    answers: dict[str, Any] = dict(RENAMED)
    spoil(answers)
    settings, vendor = Settings.model_validate(KEYS), Vendor(answers)
    old = Tokens(SecretStr(jwt(api_domain="api-b.amocrm.ru")), SecretStr("def5"))
    async with http(vendor) as given:
        with pytest.raises(AuthFailed, match="revoked"):
            await login(settings).refresh(given, settings, old)
    assert {request.url.host for request in vendor.asked} <= {"vostok.amocrm.ru", "api-b.amocrm.ru"}


async def test_the_refresh_token_goes_to_no_stranger() -> None:
    settings, vendor = Settings.model_validate(KEYS), Vendor(RENAMED)
    old = Tokens(SecretStr(jwt(api_domain="evil.example")), SecretStr("def5"))
    async with http(vendor) as given:
        with pytest.raises(AuthFailed):
            await login(settings).refresh(given, settings, old)
    assert {request.url.host for request in vendor.asked} == {"vostok.amocrm.ru"}


async def test_an_account_that_moved_says_where_to() -> None:
    settings = Settings.model_validate({"domain": "vostok.amocrm.ru", "token": "e.e.e"})
    vendor = Vendor(
        {
            "vostok.amocrm.ru/api/v4/account": (401, {"title": "Unauthorized"}),
            "www.amocrm.ru/oauth2/account/subdomain": (200, {"domain": "novy.amocrm.ru"}),
        }
    )
    assert CONNECTOR.open is not None
    async with CONNECTOR.open(settings, Bench("amo", classify=classify, transport=vendor)) as client:
        with pytest.raises(AuthFailed, match=r'domain = "novy\.amocrm\.ru"'):
            await client.account()


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "a.e30.c", "a.W10.c", "...."])
def test_any_text_may_be_a_token(token: str) -> None:
    assert claims(token) == {}


async def test_a_connection_without_an_account_asks_for_a_login() -> None:
    assert CONNECTOR.open is not None
    with pytest.raises(AuthFailed, match="crmhub connect"):
        async with CONNECTOR.open(Settings(), Bench("amo")):
            pass


# settings


@pytest.mark.parametrize(
    ("typed", "domain"),
    [
        ("Vostok.amocrm.ru", "vostok.amocrm.ru"),
        ("https://vostok.amocrm.ru/leads/", "vostok.amocrm.ru"),
        ("a-1.kommo.com", "a-1.kommo.com"),
    ],
)
def test_an_address_is_taken_as_it_is_copied(typed: str, domain: str) -> None:
    assert Settings.model_validate({"domain": typed}).domain == domain


@pytest.mark.parametrize("typed", ["vostok", "amocrm.ru", "vostok.example", "http://evil.example/vostok.amocrm.ru"])
def test_another_address_is_a_mistake(typed: str) -> None:
    with pytest.raises(ValueError, match=r"vostok\.amocrm\.ru"):
        Settings.model_validate({"domain": typed})
