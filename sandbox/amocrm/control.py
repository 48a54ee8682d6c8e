"""How do tests bend the vendor? `POST /_ctl/…` with a JSON object; README.md lists them all."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from dataclasses import fields as fields_of
from typing import Any
from urllib.parse import urlencode

import orjson

from sandbox import faults
from sandbox.amocrm import consent, seed
from sandbox.amocrm.hooks import Weather
from sandbox.amocrm.http import Answer, Call, Refused, problem
from sandbox.amocrm.oauth import uninstall_signature
from sandbox.amocrm.touch import touch
from sandbox.amocrm.types import Json
from sandbox.amocrm.world import World


async def answer(world: World, call: Call) -> Answer:
    """Any 2xx means it was done."""
    name = call.path.removeprefix("/_ctl").strip("/")
    act = _ACTS.get(name)
    if act is None:
        raise Refused(problem(404, f"/_ctl/{name} is not known; there are {', '.join(sorted(_ACTS))}"))
    asked = call.object() if call.body else {}
    try:
        done = act(world, call, asked)
        told = done if isinstance(done, (dict, list)) else await done
    except (ValueError, KeyError, TypeError) as error:
        raise Refused(problem(400, f"/_ctl/{name}: {error}")) from error
    return Answer(200, orjson.dumps(told), "application/json")


def change_settings(world: World, call: Call, asked: Json) -> Json:
    """`/_ctl/set`: every key is independent of the others."""
    odd = set(asked) - set(_SETTERS)
    if odd:
        raise ValueError(f"no setting {', '.join(sorted(odd))}; there are {', '.join(sorted(_SETTERS))}")
    for key, value in asked.items():
        _SETTERS[key](world, call, value)
    return {"set": sorted(asked)}


def _limit(name: str) -> Callable[[World, Call, Any], None]:
    def change(world: World, call: Call, value: Any) -> None:
        setattr(world.limits, name, value or None)

    return change


def _seconds(name: str) -> Callable[[World, Call, Any], None]:
    def change(world: World, call: Call, value: Any) -> None:
        setattr(world.limits, name, float(value))

    return change


def _rules(world: World, call: Call, value: Any) -> None:
    world.faults = faults.Faults(faults.read(value or ()), world.seed)


def _latency(world: World, call: Call, value: Any) -> None:
    world.latency = (value or 0) / 1000


def _expire(world: World, call: Call, value: Any) -> None:
    if value:
        world.authority.expire()


def _revoke(world: World, call: Call, value: Any) -> None:
    if value:
        world.authority.revoke(value if isinstance(value, str) else None)


def _revoke_refresh(world: World, call: Call, value: Any) -> None:
    for grant in world.authority.refresh.values():
        grant.is_revoked = grant.is_revoked or bool(value)


def _disable(world: World, call: Call, value: Any) -> None:
    """An administrator switches the integration off, which revokes its tokens, or on again."""
    world.integration.is_disabled = bool(value)
    if value:
        world.authority.revoke(world.integration.client_id)


def _ban(world: World, call: Call, value: Any) -> None:
    if value:
        world.limits.ban(
            call.account.id, world.integration.client_id, float(world.limits.ban_seconds if value is True else value)
        )
    else:
        world.limits.unban()


def _unban(world: World, call: Call, value: Any) -> None:
    if value:
        world.limits.unban()


def _shift(world: World, call: Call, value: Any) -> None:
    world.clock.shift = float(value or 0)


def _webhooks(world: World, call: Call, value: Any) -> None:
    odd = set(value) - {field.name for field in fields_of(Weather)}
    if odd:
        raise ValueError(f"webhooks know no {', '.join(sorted(odd))}")
    for name, one in value.items():
        setattr(call.account.hooks.weather, name, one)
    call.account.hooks.kick()


def _of_account(name: str) -> Callable[[World, Call, Any], None]:
    def change(world: World, call: Call, value: Any) -> None:
        call.account.settings[name] = value

    return change


def _subdomain(world: World, call: Call, value: Any) -> None:
    account = call.account
    world.former.add(account.subdomain)
    world.former.discard(str(value))
    del world.accounts[account.subdomain]
    account.subdomain = str(value)
    world.accounts[account.subdomain] = account


def _domain(world: World, call: Call, value: Any) -> None:
    call.account.domain = str(value)


def _redirect_uri(world: World, call: Call, value: Any) -> None:
    world.integration.redirect_uri = str(value)


def _uninstall_uri(world: World, call: Call, value: Any) -> None:
    world.integration.uninstall_uri = str(value or "")


def _public_url(world: World, call: Call, value: Any) -> None:
    world.public_url = str(value or "").rstrip("/")


def _account_host(world: World, call: Call, value: Any) -> None:
    world.account_host = str(value or "")


_SETTERS: dict[str, Callable[[World, Call, Any], None]] = {
    "rps": _limit("rps"), "account_rps": _limit("account_rps"), "ban_after": _limit("ban_after"), "ban_within": _seconds("ban_within"),
    "ban_seconds": _seconds("ban_seconds"), "ban": _ban, "unban": _unban, "latency_ms": _latency, "faults": _rules,
    "expire_tokens": _expire, "revoke_tokens": _revoke, "revoke_refresh_tokens": _revoke_refresh,
    "disable_integration": _disable, "clock_shift": _shift, "webhooks": _webhooks, "subdomain": _subdomain, "domain": _domain,
    "redirect_uri": _redirect_uri, "uninstall_uri": _uninstall_uri, "public_url": _public_url,
    "account_host": _account_host, "is_paid": _of_account("is_paid"),
    "is_api_filter_enabled": _of_account("is_api_filter_enabled"), "is_unsorted_on": _of_account("is_unsorted_on"),
    "customers_mode": _of_account("customers_mode"),
    "duplicate_control": _of_account("duplicate_control"),
}  # fmt: skip


def tell_state(world: World, call: Call, asked: Json) -> Json:
    """`/_ctl/state`: everything that tests ask about; `only` names parts of it."""
    account = call.account
    parts: dict[str, Callable[[], Any]] = {
        **{kind: _rows(account.table(kind).rows) for kind in account.tables},
        "trash": lambda: {kind: list(account.table(kind).trash.values()) for kind in account.tables},
        "calls": lambda: [row for row in account.table("notes").rows.values() if row["note_type"] in {"call_in", "call_out"}],
        "unsorted": lambda: list(account.unsorted.values()), "events": lambda: account.events,
        "webhooks": lambda: list(account.hooks.subscriptions.values()), "deliveries": account.hooks.told,
        "popups": lambda: account.popups, "users": lambda: list(account.users.values()),
        "requests": lambda: world.requests[-10_000:],
        "counts": lambda: {
            "refreshes": world.authority.refreshes, "refused": world.limits.refused, "faults": world.faults.struck,
            "requests": len(world.requests), **{kind: len(account.table(kind).rows) for kind in account.tables},
        },
    }  # fmt: skip
    names = asked.get("only") or [name for name in parts if name != "requests"]
    return {name: parts[name]() for name in ([names] if isinstance(names, str) else names)}


def _rows(rows: dict[int, Json]) -> Callable[[], list[Json]]:
    return lambda: list(rows.values())


async def flush(world: World, call: Call, asked: Json) -> Json:
    """`/_ctl/hooks/flush`: send what is queued now, repeats too, and answer when it was."""
    await call.account.hooks.flush()
    return {"idle": call.account.hooks.is_idle}


def deliveries(world: World, call: Call, asked: Json) -> list[Json]:
    return call.account.hooks.told()


def tokens(world: World, call: Call, asked: Json) -> Json:
    """`/_ctl/tokens`: a fresh code and pair; with `long_lived` seconds, a token of the interface instead."""
    if asked.get("long_lived"):
        user_id = asked.get("user_id", world.admin_id)
        grant = world.authority.long_lived(call.account, world.integration.client_id, user_id, int(asked["long_lived"]))
        return {"access_token": grant.text}
    if asked.get("user_id"):
        return world.authority.pair(call.account, world.integration.client_id, asked["user_id"])
    admin = call.account.users[world.admin_id]
    old = {"user_login": admin["email"], "user_hash": admin["api_key"]}
    return world.credentials(call.origin, call.account) | old


async def uninstall(world: World, call: Call, asked: Json) -> Json:
    """`/_ctl/uninstall`: an administrator removes the integration; its hook hears of it, its tokens are worth nothing."""
    one = world.integration
    world.authority.revoke(one.client_id)
    if one.uninstall_uri:
        told = {
            "account_id": call.account.id, "client_uuid": one.client_id,
            "signature": uninstall_signature(one, call.account),
        }  # fmt: skip
        await consent.visit(f"{one.uninstall_uri}?{urlencode(told)}")
    return {"uninstalled": one.client_id}


async def install(world: World, call: Call, asked: Json) -> Json:
    """`/_ctl/install`: a widget is installed, which visits the redirect address with a code and asks nobody."""
    code = world.authority.code(call.account, world.integration.client_id, world.admin_id)
    told = {"code": code.text, "referer": world.account_host or call.account.host, "from_widget": "1"}
    await consent.visit(f"{world.integration.redirect_uri}?{urlencode(told)}")
    return {"code": code.text}


def add_account(world: World, call: Call, asked: Json) -> Json:
    """`/_ctl/account`: another company at the same vendor, with its own cards; its tokens are had at its own host."""
    subdomain = str(asked["subdomain"])
    if subdomain in world.accounts:
        raise ValueError(f"{subdomain} is there already")
    id = max(one.id for one in world.accounts.values()) + 1
    account = seed.new_account(id, subdomain, str(asked.get("name", subdomain.capitalize())), world.clock, world.seed)
    seed.people(account, random.Random(f"{subdomain}/{world.seed}"), int(asked.get("contacts", 0)))
    world.accounts[subdomain] = account
    world.start_hooks(account)
    return {"id": account.id, "subdomain": subdomain}


def touched(world: World, call: Call, asked: Json) -> Json:
    return touch(call.account, asked, by=int(asked.get("by", world.admin_id)))


_ACTS: dict[str, Callable[[World, Call, Json], Json | list[Json] | Awaitable[Json]]] = {
    "set": change_settings, "touch": touched, "state": tell_state, "hooks/flush": flush, "hooks/deliveries": deliveries,
    "tokens": tokens, "install": install, "uninstall": uninstall, "account": add_account,
}  # fmt: skip
