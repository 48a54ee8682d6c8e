"""Does a person's consent become access to the mailbox, and does it stay?"""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from pydantic import SecretStr, ValidationError

from hub.sdk import AuthFailed, Login, Rejected, Temporary, Tokens
from hub.sdk.testing import Bench
from plugins.email import providers
from plugins.email.login import login
from plugins.email.settings import Settings

ADDRESSES = {
    "yandex": "ivan@yandex.ru",
    "mailru": "ivan@bk.ru",
    "google": "ivan@gmail.com",
    "microsoft": "ivan@outlook.com",
}


def settings(address: str = "ivan@gmail.com", **more: Any) -> Settings:
    return Settings(address=address, client_id="id-1", client_secret=SecretStr("secret-1"), **more)


def consent(given: Settings) -> Login:
    found = login(given)
    assert found is not None
    return found


@pytest.mark.parametrize("name", ADDRESSES)
def test_each_provider_is_seen_by_the_address_and_has_a_page(name: str) -> None:
    given = settings(ADDRESSES[name])
    assert given.known is providers.PROVIDERS[name]
    page = urlsplit(consent(given).address(given, "https://hub.example/oauth/mail", "state-1"))
    asked = parse_qs(page.query)
    assert page.scheme == "https"
    assert (asked["client_id"], asked["state"], asked["response_type"]) == (["id-1"], ["state-1"], ["code"])
    assert asked["redirect_uri"] == ["https://hub.example/oauth/mail"]
    assert "secret-1" not in page.query


def test_a_password_needs_nobody_s_consent_and_an_unknown_provider_offers_none() -> None:
    assert login(settings(password="app-password")) is None
    assert login(settings("ivan@example.test", imap="mail.example.test:993")) is None
    assert login(settings("ivan@example.test", provider="microsoft")) is not None


class Vendor:
    """A token endpoint: what it was asked, and what it answers."""

    def __init__(self, status: int = 200, answer: Any = None) -> None:
        self.asked: list[dict[str, list[str]]] = []
        self.status, self.answer = status, answer or {"access_token": "a-1", "refresh_token": "r-1", "expires_in": 3600}

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append({"url": [str(request.url)], **parse_qs(request.content.decode())})
        return httpx.Response(self.status, json=self.answer)

    @property
    def bench(self) -> Bench:
        return Bench(transport=httpx.MockTransport(self))


async def test_a_code_becomes_tokens() -> None:
    vendor, given = Vendor(), settings()
    async with vendor.bench.http("") as http:
        tokens = await consent(given).exchange(http, given, {"code": "c-1"}, "https://hub.example/oauth/mail")
        with pytest.raises(Rejected, match="access_denied"):
            await consent(given).exchange(http, given, {"error": "access_denied"}, "https://hub.example/oauth/mail")
    assert isinstance(tokens, Tokens)
    assert (tokens.access.get_secret_value(), tokens.expires_at is not None) == ("a-1", True)
    assert vendor.asked[0]["url"] == ["https://oauth2.googleapis.com/token"]
    assert vendor.asked[0]["code"] == ["c-1"]


async def test_a_refresh_token_is_kept_where_no_new_one_comes() -> None:
    vendor, given = Vendor(answer={"access_token": "a-2", "expires_in": 3600}), settings()
    async with vendor.bench.http("") as http:
        tokens = await consent(given).refresh(http, given, Tokens(SecretStr("a-1"), SecretStr("r-1")))
    assert tokens.refresh is not None
    assert (tokens.access.get_secret_value(), tokens.refresh.get_secret_value()) == ("a-2", "r-1")


async def test_a_consent_that_is_over_needs_a_person_and_half_an_answer_nobody() -> None:
    given, held = settings(), Tokens(SecretStr("a-1"), SecretStr("r-1"))
    for vendor, error in ((Vendor(400, {"error": "invalid_grant"}), AuthFailed), (Vendor(200, {"x": 1}), Temporary)):
        async with vendor.bench.http("") as http:
            with pytest.raises(error):
                await consent(given).refresh(http, given, held)


@pytest.mark.parametrize(
    ("said", "tls", "port"),
    [
        ("mail.example.test:993", True, 993),
        ("mail.example.test:143", False, 143),
        ("starttls://mail.example.test:2143", False, 2143),
        ("tls://mail.example.test:143", True, 143),
    ],
)
def test_a_port_says_how_the_connection_is_encrypted(said: str, *, tls: bool, port: int) -> None:
    host = settings("ivan@example.test", imap=said).imap_host
    assert (host.name, host.port, host.tls, host.plain) == ("mail.example.test", port, tls, False)


def test_only_this_very_machine_is_talked_to_without_encryption() -> None:
    assert settings("a@b.test", imap="127.0.0.1:143", smtp="localhost:25", unencrypted=True).imap_host.plain
    with pytest.raises(ValidationError, match="this very machine"):
        settings("a@b.test", imap="mail.example.test:143", smtp="localhost:25", unencrypted=True)


def test_a_server_that_is_not_known_is_said_to_be_so() -> None:
    assert settings("ivan@example.test").imap_host.name == ""
    assert settings("ivan@example.test", provider="yandex").imap_host.name == "imap.yandex.ru"
