"""Contract, section 2: how a client is let in and how it stays in."""

import asyncio
import base64
import hashlib
import hmac
import json
from urllib.parse import parse_qs, urlsplit

import httpx

from tests.sandbox.amocrm.conftest import client_of


def claims_of(token):
    part = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


def refresh(known, **other):
    keys = ("client_id", "client_secret", "redirect_uri", "refresh_token")
    return {**{key: known[key] for key in keys}, "grant_type": "refresh_token", **other}


def exchange(known, **other):
    keys = ("client_id", "client_secret", "redirect_uri")
    return {
        **{key: known[key] for key in keys},
        "grant_type": "authorization_code",
        "code": known["auth_code"],
        **other,
    }


async def test_a_code_is_exchanged_for_a_pair_once(amo, api):
    pair = await api.ask("POST", "/oauth2/access_token", exchange(amo.credentials))
    assert pair["token_type"] == "Bearer"
    assert pair["expires_in"] == 86400
    again = await api.ask("POST", "/oauth2/access_token", exchange(amo.credentials), 400)
    assert again["hint"] == "Authorization code has been revoked"


async def test_a_code_lives_twenty_minutes(amo, api):
    await api.control("set", clock_shift=21 * 60)
    assert (await api.ask("POST", "/oauth2/access_token", exchange(amo.credentials), 400))[
        "hint"
    ] == "Authorization code has expired"


async def test_a_refresh_token_is_used_once_and_the_second_time_is_401(amo, api):
    pair = await api.ask("POST", "/oauth2/access_token", refresh(amo.credentials))
    told = await api.ask("POST", "/oauth2/access_token", refresh(amo.credentials), 401)
    assert told == {
        "hint": "Token has been revoked", "title": "Некорректный запрос",
        "type": "https://developers.amocrm.ru/v3/errors/OAuthProblemJson", "status": 401,
        "detail": "В запросе отсутствует ряд параметров или параметры невалидны",
    }  # fmt: skip
    await api.ask("POST", "/oauth2/access_token", refresh(amo.credentials, refresh_token=pair["refresh_token"]))


async def test_an_unknown_refresh_token_cannot_be_decrypted(amo, api):
    told = await api.ask("POST", "/oauth2/access_token", refresh(amo.credentials, refresh_token="def502"), 401)
    assert told["hint"] == "Cannot decrypt the refresh token"


async def test_the_redirect_uri_is_compared_byte_for_byte_on_refresh_too(amo, api):
    odd = amo.credentials["redirect_uri"] + "/"
    told = await api.ask("POST", "/oauth2/access_token", refresh(amo.credentials, redirect_uri=odd), 400)
    assert told["status"] == 400
    assert "redirect_uri" in told["hint"]


async def test_a_wrong_secret_fails_authentication(amo, api):
    told = await api.ask("POST", "/oauth2/access_token", refresh(amo.credentials, client_secret="x"), 401)
    assert told["hint"] == "Client authentication failed"


async def test_a_missing_parameter_is_named(amo, api):
    told = await api.ask("POST", "/oauth2/access_token", {"grant_type": "refresh_token"}, 400)
    assert told["hint"] == "Check the `client_id` parameter"


async def test_the_token_request_may_be_a_form(amo, api):
    answer = await api.post("/oauth2/access_token", data=refresh(amo.credentials))
    assert answer.status_code == 200


async def test_the_access_token_is_a_jwt_with_the_documented_claims(amo):
    claims = claims_of(amo.credentials["access_token"])
    assert claims["aud"] == amo.credentials["client_id"]
    assert claims["account_id"] == 30215544
    assert claims["sub"] == "8100001"
    assert claims["exp"] - claims["iat"] == 86400
    assert claims["base_domain"] == "amocrm.ru"
    assert claims["api_domain"] == "api-b.amocrm.ru"
    assert "crm" in claims["scopes"]


async def test_consent_redirects_with_code_referer_state_and_platform(amo, api):
    known = amo.credentials
    answer = await api.get(
        "/oauth", params={"client_id": known["client_id"], "state": "s 1", "mode": "popup", "decision": "allow"}
    )
    assert answer.status_code == 302
    target = urlsplit(answer.headers["location"])
    told = parse_qs(target.query)
    assert f"{target.scheme}://{target.netloc}{target.path}" == known["redirect_uri"]
    assert (told["referer"], told["state"], told["platform"]) == (["vostok.amocrm.ru"], ["s 1"], ["1"])
    await api.ask("POST", "/oauth2/access_token", exchange(known, code=told["code"][0]))


async def test_a_kommo_account_says_so_everywhere(amo, api):
    await api.control("set", domain="kommo.com")
    answer = await api.get(
        "/oauth", params={"client_id": amo.credentials["client_id"], "state": "s", "decision": "allow"}
    )
    told = parse_qs(urlsplit(answer.headers["location"]).query)
    assert (told["referer"], told["platform"]) == (["vostok.kommo.com"], ["2"])
    claims = claims_of((await api.control("tokens"))["access_token"])
    assert (claims["base_domain"], claims["api_domain"]) == ("kommo.com", "api-b.kommo.com")


async def test_refused_consent_tells_access_denied(amo, api):
    answer = await api.get(
        "/oauth", params={"client_id": amo.credentials["client_id"], "state": "s", "decision": "deny"}
    )
    assert answer.headers["location"] == amo.credentials["redirect_uri"] + "?error=access_denied&state=s"


async def test_consent_without_a_decision_asks(amo, api):
    answer = await api.get("/oauth", params={"client_id": amo.credentials["client_id"], "state": '"><script>'})
    assert "Разрешить" in answer.text
    assert "<script>" not in answer.text


async def test_the_button_of_a_site_makes_an_integration_and_posts_its_secrets(amo, api, receiver):
    button = {
        "name": "hub",
        "redirect_uri": "https://hub.example/cb",
        "secrets_uri": receiver.address,
        "state": "s",
        "decision": "allow",
    }
    answer = await api.get("/oauth", params=button)
    (told,) = [json.loads(body) for body in receiver.bodies]
    assert told["state"] == "s"
    code = parse_qs(urlsplit(answer.headers["location"]).query)["code"][0]
    known = told | {"redirect_uri": "https://hub.example/cb", "auth_code": code}
    pair = await api.ask("POST", "/oauth2/access_token", exchange(known))
    async with client_of(amo, pair["access_token"]) as other:
        await other.read("/api/v4/account")


async def test_expired_tokens_are_401_until_refreshed(amo, api):
    await api.control("set", expire_tokens=True)
    told = await api.read("/api/v4/account", 401)
    assert told == {
        "title": "Unauthorized",
        "type": "https://httpstatus.es/401",
        "status": 401,
        "detail": "Неверный логин или пароль",
    }
    pair = await api.ask("POST", "/oauth2/access_token", refresh(amo.credentials))
    api.headers["Authorization"] = f"Bearer {pair['access_token']}"
    await api.read("/api/v4/account")


async def test_a_token_dies_by_the_clock(amo, api):
    await api.control("set", clock_shift=86_400 + 1)
    await api.read("/api/v4/account", 401)


async def test_revoked_tokens_cannot_be_refreshed(amo, api):
    await api.control("set", revoke_tokens=True)
    await api.read("/api/v4/account", 401)
    await api.ask("POST", "/oauth2/access_token", refresh(amo.credentials), 401)


async def test_a_disabled_integration_has_lost_its_tokens_for_good(amo, api):
    await api.control("set", disable_integration=True)
    await api.read("/api/v4/account", 401)
    await api.control("set", disable_integration=False)
    await api.read("/api/v4/account", 401)
    code = (await api.control("tokens"))["auth_code"]
    await api.ask("POST", "/oauth2/access_token", exchange(amo.credentials, code=code))


async def test_twenty_refreshes_at_once_give_one_pair(amo, api):
    posts = (api.post("/oauth2/access_token", json=refresh(amo.credentials)) for _ in range(20))
    statuses = sorted(answer.status_code for answer in await asyncio.gather(*posts))
    assert statuses == [200, *[401] * 19]
    assert amo.world.authority.refreshes == 1


async def test_a_long_lived_token_works_until_its_day(amo, api):
    token = (await api.control("tokens", long_lived=5 * 86_400))["access_token"]
    async with client_of(amo, token) as other:
        await api.control("set", clock_shift=4 * 86_400)
        await other.read("/api/v4/account")
        await api.control("set", clock_shift=6 * 86_400)
        await other.read("/api/v4/account", 401)


async def test_another_user_is_acted_for_by_an_administrator_only(amo, api):
    as_manager = {"X-Context-User-ID": "8100002"}
    assert (await api.get("/api/v4/account", headers=as_manager)).json()["current_user_id"] == 8100002
    assert (await api.get("/api/v4/users", headers=as_manager)).status_code == 403
    assert (await api.get("/api/v4/account", headers={"X-Context-User-ID": "8100003"})).status_code == 401
    token = (await api.control("tokens", user_id=8100002))["access_token"]
    async with client_of(amo, token) as manager:
        assert (await manager.get("/api/v4/account", headers={"X-Context-User-ID": "8100001"})).status_code == 401


async def test_a_renamed_account_is_found_by_its_refresh_token(amo, api):
    await api.control("set", subdomain="zapad")
    old = {"Host": "vostok.amocrm.ru"}
    assert (await api.get("/api/v4/account", headers=old)).status_code == 404
    asked = {"Host": "api-b.amocrm.ru", "X-Refresh-Token": amo.credentials["refresh_token"]}
    told = (await api.get("/oauth2/account/current/subdomain", headers=asked)).json()
    assert told == {"id": 30215544, "subdomain": "zapad", "domain": "zapad.amocrm.ru", "top_level_domain": "ru"}
    assert (await api.get("/api/v4/account", headers={"Host": told["domain"]})).json()["subdomain"] == "zapad"
    assert (await api.get("/oauth2/account/subdomain")).json()["subdomain"] == "zapad"


async def test_an_old_key_is_exchanged_for_a_code_once_in_five_minutes(amo, api, receiver):
    await api.control("set", redirect_uri=receiver.address)
    known = amo.credentials
    asked = {
        "login": "olga@example.ru",
        "api_key": "x",
        "client_uuid": known["client_id"],
        "client_secret": known["client_secret"],
    }
    assert (await api.post("/oauth2/exchange_api_key", json=asked)).status_code == 202
    assert receiver.queries[0]["from_exchange"] == ["1"]
    assert (await api.post("/oauth2/exchange_api_key", json=asked)).status_code == 429


async def test_removal_of_the_integration_is_told_and_signed(amo, api, receiver):
    await api.control("set", uninstall_uri=receiver.address)
    await api.control("uninstall")
    told = {key: value[0] for key, value in receiver.queries[0].items()}
    signed = f"{amo.credentials['client_id']}|30215544".encode()
    expected = hmac.new(amo.credentials["client_secret"].encode(), signed, hashlib.sha256).hexdigest()
    assert told == {"account_id": "30215544", "client_uuid": amo.credentials["client_id"], "signature": expected}
    await api.read("/api/v4/account", 401)


async def test_no_token_is_401_and_says_so_in_json(amo):
    async with httpx.AsyncClient(base_url=amo.base_url, verify=False) as stranger:
        answer = await stranger.get("/api/v4/contacts")
    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["x-request-id"]
