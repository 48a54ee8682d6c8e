"""How does the hub get access to an account, and keep it?"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import httpx
import orjson
from pydantic import SecretStr

from hub.sdk import AuthFailed, Http, HubError, Login, Malformed, Rejected, Temporary, Tokens
from plugins.amocrm.settings import DOMAIN, Settings

_SHARED = {"amocrm.ru": "www.amocrm.ru", "amocrm.com": "www.amocrm.com", "kommo.com": "www.kommo.com"}
"""Hosts of the consent page, by where the account lives."""
_DEFAULT = "www.amocrm.ru"
_BUTTON = {"name": "crmhub", "description": "Ни один клиент не потерян: звонки, задачи и сделки в одной ленте"}
"""How the account's administrator sees an integration that is made by the button."""


def login(settings: Settings) -> Login | None:
    """By the integration's consent page; not with a long-lived token, which needs none."""
    return None if settings.token is not None else Login(address, exchange, refresh, keys=keys)


def address(settings: Settings, redirect_uri: str, state: str) -> str:
    """The page on which a person chooses the account and allows the access.

    The first time it must be an administrator; his access keeps full rights even after he has left. Without an
    integration the account makes one for the hub there and then, as for the vendor's button “external integration”; its
    keys come to `redirect_uri`/keys before the person comes back.
    """
    site = settings.base_url or f"https://{_SHARED.get(settings.domain.partition('.')[2], _DEFAULT)}"
    asked = {"state": state, "mode": "popup"}
    if settings.client_id:
        return f"{site}/oauth?" + urlencode({"client_id": settings.client_id, **asked})
    button = {**_BUTTON, "redirect_uri": redirect_uri, "secrets_uri": f"{redirect_uri}/keys", "scopes[]": "crm"}
    return f"{site}/oauth?" + urlencode({**asked, **button})


def keys(posted: Mapping[str, Any]) -> Mapping[str, Any]:
    """Options of the connection from what the account tells of an integration that it has made for the hub."""
    if not all(isinstance(posted.get(name), str) for name in ("client_id", "client_secret")):
        raise Malformed("these are no keys of an integration")
    return {"client_id": posted["client_id"], "client_secret": SecretStr(posted["client_secret"])}


async def exchange(
    http: Http, settings: Settings, query: Mapping[str, str], redirect_uri: str
) -> tuple[Tokens, Mapping[str, Any]]:
    """Tokens for the code that came to the redirect page, and which account it is."""
    if "code" not in query:
        raise Rejected(
            f"amoCRM gave no access: {query.get('error') or 'the code is missing'}; allow it on amoCRM's page"
        )
    domain = _chosen(settings, query.get("referer", ""))
    tokens = await _tokens(
        http,
        settings.base_url or f"https://{domain}",
        {**_integration(settings, redirect_uri), "grant_type": "authorization_code", "code": query["code"]},
    )
    number = claims(tokens.access.get_secret_value()).get("account_id")
    if settings.account_id is not None and number != settings.account_id:
        raise Rejected(
            f"that was account {number} ({domain}), this connection is of account {settings.account_id}: choose that "
            "one on amoCRM's page, or make a connection of its own for the other"
        )
    return tokens, {"domain": domain, "redirect_uri": redirect_uri, "account_id": number}


def _chosen(settings: Settings, referer: str) -> str:
    """The account's host, to which the secret goes: never one that is not the vendor's."""
    domain = referer.lower() or settings.domain
    if not domain and settings.base_url:  # a sandbox, of which a code was given without the address around it
        return ""
    if not DOMAIN.fullmatch(domain):
        raise Rejected(f"{domain or 'nothing'} is no address of an account; log in again")
    return domain


async def refresh(http: Http, settings: Settings, tokens: Tokens) -> Tokens:
    """A new pair for the refresh token, which works once; also where the account got another address meanwhile."""
    if tokens.refresh is None:
        raise AuthFailed("there is no refresh token; log in again")
    asked = {
        **_integration(settings, settings.redirect_uri),
        "grant_type": "refresh_token",
        "refresh_token": tokens.refresh.get_secret_value(),
    }
    try:
        return await _tokens(http, settings.url, asked)
    except (AuthFailed, Rejected):
        moved = await _moved(http, settings, tokens)
        if moved is None:
            raise
        return await _tokens(http, f"https://{moved}", asked)


async def _moved(http: Http, settings: Settings, tokens: Tokens) -> str | None:
    """The account's new domain, None where it has the one that we know, or nobody can say."""
    said = claims(tokens.access.get_secret_value()).get("api_domain")
    if settings.base_url or tokens.refresh is None or not isinstance(said, str) or not DOMAIN.fullmatch(said):
        return None
    url = f"https://{said}/oauth2/account/current/subdomain"
    try:
        answer = await http.request("GET", url, headers={"X-Refresh-Token": tokens.refresh.get_secret_value()})
    except (AuthFailed, Rejected):
        return None
    return other_domain(answer, settings)


def other_domain(answer: httpx.Response, settings: Settings) -> str | None:
    """The domain in an answer about the account's address, None where it is the one that we know."""
    try:
        found = orjson.loads(answer.content)
    except orjson.JSONDecodeError:
        return None
    domain = found.get("domain") if isinstance(found, dict) else None
    known = not isinstance(domain, str) or domain == settings.domain or not DOMAIN.fullmatch(domain)
    return None if known else domain


async def renamed(http: Http, settings: Settings) -> str | None:
    """The account's new domain as its access token can ask for it, None where it has none."""
    if settings.base_url:
        return None
    site = _SHARED.get(settings.domain.partition(".")[2], _DEFAULT)
    try:
        return other_domain(await http.request("GET", f"https://{site}/oauth2/account/subdomain"), settings)
    except HubError:
        return None


def _integration(settings: Settings, redirect_uri: str) -> dict[str, str]:
    secret = settings.client_secret.get_secret_value() if settings.client_secret else ""
    return {"client_id": settings.client_id, "client_secret": secret, "redirect_uri": redirect_uri}


async def _tokens(http: Http, site: str, asked: Mapping[str, str]) -> Tokens:
    answer = await http.request("POST", f"{site}/oauth2/access_token", json=dict(asked))
    try:
        pair = orjson.loads(answer.content)
        return Tokens(SecretStr(pair["access_token"]), SecretStr(pair["refresh_token"]), _end(pair))
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError):
        raise Temporary("amoCRM gave half an answer instead of tokens") from None


def _end(pair: Mapping[str, Any]) -> datetime | None:
    """When the access token ends."""
    if "server_time" not in pair:
        return None
    return datetime.fromtimestamp(int(pair["server_time"]) + int(pair["expires_in"]), UTC)


def claims(token: str) -> dict[str, Any]:
    """What an access token says about itself; nothing where it is none. Only the vendor verifies it."""
    try:
        body = token.split(".")[1]
        found = orjson.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    except (IndexError, ValueError, binascii.Error):
        return {}
    return found if isinstance(found, dict) else {}
