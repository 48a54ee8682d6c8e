"""How does an administrator let an integration in, and how does it come by its tokens?"""

from __future__ import annotations

import contextlib
import html as markup
from typing import Any
from urllib.parse import urlencode

import httpx
import orjson

from sandbox.amocrm import php
from sandbox.amocrm.http import HTML, PROBLEM, Answer, Call, hal, problem
from sandbox.amocrm.oauth import SCOPES, Grant, Integration
from sandbox.amocrm.world import World

_PAGE = """<!doctype html><html lang="ru"><meta charset="utf-8"><title>amoCRM</title>
<style>body{{font:16px system-ui;max-width:26rem;margin:4rem auto;padding:0 1rem;color-scheme:light dark}}
a{{display:inline-block;padding:.6rem 1.2rem;border:1px solid;border-radius:.5rem;margin-right:.6rem;text-decoration:none}}</style>
<h1>{name}</h1><p>просит доступ к аккаунту <b>{account}</b></p><p><a href="{allow}">Разрешить</a><a href="{deny}">Отказать</a></p>"""


async def page(world: World, call: Call) -> Answer:
    """`GET /oauth`: asks, or with `decision=allow|deny` answers by itself."""
    asked = call.params
    integration = world.authority.integrations.get(str(asked.get("client_id", "")))
    if integration is None and not asked.get("secrets_uri"):
        return problem(400, "Unknown client_id")
    decision = asked.get("decision")
    if decision not in {"allow", "deny"}:
        return _ask(call, str(asked.get("name") or (integration.name if integration else "sandbox")))
    state = str(asked.get("state", ""))
    redirect_uri = integration.redirect_uri if integration else str(asked.get("redirect_uri", ""))
    if decision == "deny":
        return _redirect(redirect_uri, {"error": "access_denied", "state": state})
    integration = integration or await _external(world, asked, redirect_uri, state)
    code = world.authority.code(call.account, integration.client_id, world.admin_id)
    told = {"code": code.text, "referer": world.account_host or call.account.host, "state": state}
    widget = {"from_widget": "1"} if asked.get("from_widget") else {}
    return _redirect(
        redirect_uri, told | {"platform": "1" if call.account.domain.startswith("amocrm") else "2"} | widget
    )


def _ask(call: Call, name: str) -> Answer:
    allow, deny = (f"/oauth?{markup.escape(call.query)}&amp;decision={word}" for word in ("allow", "deny"))
    text = _PAGE.format(name=markup.escape(name), account=markup.escape(call.account.host), allow=allow, deny=deny)
    return Answer(200, text.encode(), HTML)


def _redirect(uri: str, told: dict[str, str]) -> Answer:
    joint = "&" if "?" in uri else "?"
    return Answer(302, b"", HTML, (("Location", f"{uri}{joint}{urlencode(told)}"),))


async def _external(world: World, asked: php.Tree, redirect_uri: str, state: str) -> Integration:
    """The button on somebody's site: an integration is made on the fly, its secrets are posted before the redirect."""
    scopes = tuple(php.values(asked.get("scopes"))) or SCOPES
    integration = world.authority.register(redirect_uri, str(asked.get("name") or "external"), scopes)
    secrets = {"client_id": integration.client_id, "client_secret": integration.client_secret, "state": state}
    async with httpx.AsyncClient(timeout=3, trust_env=False) as client:
        with contextlib.suppress(httpx.HTTPError, httpx.InvalidURL):
            await client.post(str(asked["secrets_uri"]), json=secrets)
    return integration


def token(world: World, call: Call) -> Answer:
    """`POST /oauth2/access_token`: a code or a refresh token against a pair."""
    given, authority = call.form(), world.authority
    integration = authority.integrations.get(str(given.get("client_id", "")))
    missing = [key for key in ("client_id", "client_secret", "grant_type", "redirect_uri") if not given.get(key)]
    if missing:
        return _refused(400, f"Check the `{missing[0]}` parameter")
    if integration is None or integration.client_secret != given["client_secret"]:
        return _refused(401, "Client authentication failed")
    if integration.redirect_uri != given["redirect_uri"]:
        return _refused(400, "Check the `redirect_uri` parameter")
    if integration.is_disabled:
        return _refused(401, "Client authentication failed")
    if given["grant_type"] == "authorization_code":
        return _exchange(world, call, integration, given.get("code"))
    if given["grant_type"] == "refresh_token":
        return _refresh(world, call, integration, given.get("refresh_token"))
    return _refused(400, "Check that all required parameters have been provided")


def _exchange(world: World, call: Call, integration: Integration, code: Any) -> Answer:
    grant = world.authority.codes.get(str(code or ""))
    if grant is None or not _fits(grant, call, integration):
        return _refused(400, "Cannot decrypt the authorization code" if code else "Check the `code` parameter")
    return _renew(world, call, grant, "Authorization code has been revoked", "Authorization code has expired", 400)


def _refresh(world: World, call: Call, integration: Integration, token: Any) -> Answer:
    grant = world.authority.refresh.get(str(token or ""))
    if not token:
        return _refused(400, "Check the `refresh_token` parameter")
    if grant is None or not _fits(grant, call, integration):
        return _refused(401, "Cannot decrypt the refresh token")
    answer = _renew(world, call, grant, "Token has been revoked", "Token has expired", 401)
    world.authority.refreshes += answer.status == 200
    return answer


def _fits(grant: Grant, call: Call, integration: Integration) -> bool:
    return grant.client_id == integration.client_id and grant.account_id == call.account.id


def _renew(world: World, call: Call, grant: Grant, revoked: str, expired: str, status: int) -> Answer:
    """A new pair against a grant that can be used once."""
    if grant.is_revoked:
        return _refused(status, revoked)
    if grant.expires_at <= call.account.now():
        return _refused(status, expired)
    grant.is_revoked = True
    return Answer(
        200, orjson.dumps(world.authority.pair(call.account, grant.client_id, grant.user_id)), "application/json"
    )


def _refused(status: int, hint: str) -> Answer:
    body = {
        "hint": hint, "title": "Некорректный запрос", "type": "https://developers.amocrm.ru/v3/errors/OAuthProblemJson",
        "status": status, "detail": "В запросе отсутствует ряд параметров или параметры невалидны",
    }  # fmt: skip
    return Answer(status, orjson.dumps(body), PROBLEM)


def subdomain(world: World, call: Call) -> Answer:
    """Where the account of a token lives now."""
    refresh = world.authority.refresh.get(call.headers.get("x-refresh-token", ""))
    grant = refresh or world.authority.access.get(call.headers.get("authorization", "").removeprefix("Bearer ").strip())
    if grant is None or grant.is_revoked:
        return unauthorized()
    account = world.account_by_id(grant.account_id)
    top = account.domain.rpartition(".")[2]
    return hal({"id": account.id, "subdomain": account.subdomain, "domain": account.host, "top_level_domain": top})


async def exchange_api_key(world: World, call: Call) -> Answer:
    """An old key against a code, which comes to the redirect address; once in five minutes."""
    given = call.form()
    integration = world.authority.integrations.get(str(given.get("client_uuid", "")))
    user = next((one for one in call.account.users.values() if one["email"] == given.get("login")), None)
    if integration is None or integration.client_secret != given.get("client_secret") or user is None:
        return problem(401, "Unauthorized")
    now, key = call.account.now(), f"{integration.client_id}/{user['id']}"
    if now - world.exchanged.get(key, -300) < 300:
        return problem(429, "Too Many Requests")
    world.exchanged[key] = now
    code = world.authority.code(call.account, integration.client_id, user["id"])
    told = {"code": code.text, "referer": call.account.host, "state": str(given.get("state", "")), "from_exchange": "1"}
    await visit(f"{integration.redirect_uri}?{urlencode(told)}")
    return Answer(202)


async def visit(address: str) -> None:
    """The vendor waits three seconds, ignores the answer and never repeats."""
    async with httpx.AsyncClient(timeout=3, trust_env=False) as client:
        with contextlib.suppress(httpx.HTTPError, httpx.InvalidURL):
            await client.get(address)


def unauthorized() -> Answer:
    return problem(401, "Неверный логин или пароль")
