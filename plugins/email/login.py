"""How does a person give the hub access to his mailbox without giving it a password? (OAuth 2.0)"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from urllib.parse import urlencode

import orjson
from pydantic import SecretStr

from hub.sdk import AuthFailed, Http, Login, Rejected, Temporary, Tokens
from plugins.email.providers import Consent
from plugins.email.settings import Settings


def login(settings: Settings) -> Login | None:
    """By the provider's consent page; None with a password, and where the provider is not known."""
    consent = settings.known.consent
    if not settings.by_token or consent is None:
        return None
    return Login(partial(address, consent), partial(exchange, consent), partial(refresh, consent))


def address(consent: Consent, settings: Settings, redirect_uri: str, state: str) -> str:
    """The page on which the mailbox's owner allows the access."""
    asked = {
        "client_id": settings.client_id,
        "response_type": "code",
        "redirect_uri": redirect_uri,
        "scope": consent.scope,
        "state": state,
        "login_hint": settings.address,
        **dict(consent.extra),
    }
    return f"{consent.page}?{urlencode(asked)}"


async def exchange(
    consent: Consent, http: Http, settings: Settings, query: Mapping[str, str], redirect_uri: str
) -> Tokens:
    """Tokens for the code that came to the redirect page."""
    if "code" not in query:
        why = query.get("error_description") or query.get("error") or "the code is missing"
        raise Rejected(f"{settings.known.title} gave no access: {why}; allow it on its page")
    asked = {"grant_type": "authorization_code", "code": query["code"], "redirect_uri": redirect_uri}
    return await _tokens(consent, http, settings, asked)


async def refresh(consent: Consent, http: Http, settings: Settings, tokens: Tokens) -> Tokens:
    """A new access token; a provider that gives no new refresh token goes on taking the old one."""
    if tokens.refresh is None:
        raise AuthFailed("there is no refresh token; log in again")
    asked = {"grant_type": "refresh_token", "refresh_token": tokens.refresh.get_secret_value()}
    return await _tokens(consent, http, settings, asked, kept=tokens.refresh)


async def _tokens(
    consent: Consent, http: Http, settings: Settings, asked: Mapping[str, str], kept: SecretStr | None = None
) -> Tokens:
    secret = settings.client_secret.get_secret_value() if settings.client_secret else ""
    form = {**asked, "client_id": settings.client_id, "client_secret": secret}
    try:
        answer = await http.request("POST", consent.token, data=form)
    except Rejected as error:  # 400 invalid_grant: the consent is over
        raise AuthFailed(f"{error}; log in again") from None
    try:
        pair: dict[str, Any] = orjson.loads(answer.content)
        access = SecretStr(pair["access_token"])
    except (orjson.JSONDecodeError, KeyError, TypeError):
        raise Temporary(f"{settings.known.title} gave half an answer instead of tokens") from None
    renewed = SecretStr(pair["refresh_token"]) if pair.get("refresh_token") else kept
    life = pair.get("expires_in")
    ends = datetime.now(UTC) + timedelta(seconds=int(life)) if life else None
    return Tokens(access, renewed, ends)
