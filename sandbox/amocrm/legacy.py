"""How did old clients come in, before there was a fourth version? A login and a key against a session cookie."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from email.utils import formatdate

import orjson

from sandbox.amocrm import changes, php
from sandbox.amocrm.account import Account
from sandbox.amocrm.fields import OLD_TYPES
from sandbox.amocrm.http import Answer, Call, Refused
from sandbox.amocrm.legacy_cards import CONTAINERS, links, listed, written
from sandbox.amocrm.pipelines import in_order
from sandbox.amocrm.types import Json
from sandbox.amocrm.world import World

_JSON = 'application/json; charset="utf-8"'
_NOTE_TYPES = (
    (1, "DEAL_CREATED"), (2, "CONTACT_CREATED"), (3, "DEAL_STATUS_CHANGED"), (4, "COMMON"), (10, "CALL_IN"), (11, "CALL_OUT"),
    (12, "COMPANY_CREATED"), (13, "TASK_RESULT"), (25, "SYSTEM"), (102, "SMS_IN"), (103, "SMS_OUT"),
)  # fmt: skip


def answer(world: World, call: Call) -> Answer:
    """Everything below `/private/api`."""
    path = call.path.rstrip("/")
    if path == "/private/api/auth.php":
        return _sign_in(world, call)
    user_id = _who(world, call)
    if user_id is None:
        raise _error("Неверный логин или пароль", "110", 401)
    call.user_id = user_id
    if (over := world.limits.judge(call.account.id, f"user {user_id}")) is not None:
        return over
    if path == "/private/api/v2/json/accounts/current":
        return _json({"account": _account(call.account)}, call)
    if path == "/private/api/v2/json/contacts/links":
        return _json({"links": links(call)}, call)
    name, _, verb = path.removeprefix("/private/api/v2/json/").partition("/")
    if name not in CONTAINERS or verb not in _VERBS:
        raise _error("Запрашиваемый метод не поддерживается", "207", 404)
    told = _VERBS[verb](call, name)
    return _json(told, call) if told else Answer(204)


_VERBS: dict[str, Callable[[Call, str], Json | None]] = {"list": listed, "set": written}


def _sign_in(world: World, call: Call) -> Answer:
    """HTTP 200 for wrong credentials, too; XML unless the address says `type=json`."""
    given = call.form()
    user_id = _owner(world, call.account, given)
    is_json = call.params.get("type") == "json"
    now = call.account.now()
    cookies = () if user_id is None else _cookies(world, call.account, user_id)
    if not is_json:
        text = f'<?xml version="1.0"?><response><auth>{"true" if user_id else "false"}</auth><server_time>{now}</server_time></response>'
        return Answer(200, text.encode(), "text/xml; charset=utf-8", cookies)
    if user_id is None:
        refused = {
            "auth": False,
            "error": "Неверный логин или пароль",
            "error_code": "110",
            "ip": "127.0.0.1",
            "domain": call.account.host,
        }
        return _json(refused, call)
    one = call.account
    account = {
        "id": str(one.id), "name": one.name, "subdomain": one.subdomain, "language": "ru", "timezone": one.timezone.key,
    }  # fmt: skip
    told = _json({"auth": True, "accounts": [account], "user": {"id": str(user_id), "language": "ru"}}, call)
    return Answer(200, told.body, told.content_type, cookies)


def _cookies(world: World, account: Account, user_id: int) -> tuple[tuple[str, str], ...]:
    session = secrets.token_hex(16)
    world.sessions[session] = (account.id, user_id)
    until = formatdate(account.now() + 900, usegmt=True)
    return (
        ("Set-Cookie", f"session_id={session}; expires={until}; path=/; HttpOnly"),
        ("Set-Cookie", f"user_lang=ru; expires={until}; path=/"),
    )


def _owner(world: World, account: Account, given: Json) -> int | None:
    """Whose login and key these are. The key is the user's own; the integration's secret and tokens serve as well."""
    login, key = str(given.get("USER_LOGIN") or "").lower(), str(given.get("USER_HASH") or "")
    user = next((one for one in account.users.values() if one["email"].lower() == login), None)
    if user is None or not key or not user["rights"]["is_active"]:
        return None
    is_known = key in {user["api_key"], world.integration.client_secret} or world.authority.holder(account, key)
    return int(user["id"]) if is_known else None


def _who(world: World, call: Call) -> int | None:
    """By session cookie, by login and key in the address, or by a token of today."""
    cookies = dict(part.strip().partition("=")[::2] for part in call.headers.get("cookie", "").split(";"))
    account_id, user_id = world.sessions.get(cookies.get("session_id", ""), (0, 0))
    if account_id == call.account.id:
        return user_id
    grant = world.authority.holder(call.account, call.headers.get("authorization", "").removeprefix("Bearer ").strip())
    return grant.user_id if grant else _owner(world, call.account, call.params)


def _json(told: Json, call: Call, status: int = 200) -> Answer:
    return Answer(status, orjson.dumps({"response": told | {"server_time": call.account.now()}}), _JSON)


def _error(text: str, code: str, status: int = 400) -> Refused:
    return Refused(Answer(status, orjson.dumps({"response": {"error": text, "error_code": code}}), _JSON))


def _account(one: Account) -> Json:
    return {
        "id": str(one.id), "name": one.name, "subdomain": one.subdomain, "currency": "RUB", "timezone": one.timezone.key,
        "timezoneoffset": "+03:00", "language": "ru", "date_pattern": "d.m.Y H:i", "country": "ru",
        "notifications_base_url": f"https://{one.host}", "paid_from": False, "paid_till": False, "current_user": 0,
        "customers_enabled": "Y" if one.settings["customers_mode"] in {"segments", "dynamic", "periodicity"} else "N",
        "loss_reasons_enabled": "Y", "unsorted_on": "Y" if one.settings["is_unsorted_on"] else "N",
        "users": [_user(user) for user in one.users.values()],
        "groups": [{"id": group["id"], "name": group["name"]} for group in one.groups],
        "leads_statuses": [_status(stage) for stage in _regular(one.main_pipeline())],
        "pipelines": {str(id): _pipeline(pipeline) for id, pipeline in one.pipelines.items()},
        "custom_fields": {kind: [_field(field) for field in one.fields[kind].values()] for kind in ("contacts", "leads", "companies", "customers")},
        "note_types": [{"id": id, "name": code.capitalize(), "code": code, "editable": "Y" if id == 4 else "N"} for id, code in _NOTE_TYPES],
        "task_types": [{"id": one_type["id"], "name": one_type["name"], "code": one_type["code"]} for one_type in one.task_types],
    }  # fmt: skip


def _user(user: Json) -> Json:
    rights = user["rights"]
    letters = {f"rights_{one}_{verb}": rights[many][verb] for one, many in (("lead", "leads"), ("contact", "contacts"), ("company", "companies")) for verb in ("add", "view", "edit", "delete", "export")}  # fmt: skip
    return {
        "id": str(user["id"]), "name": user["name"], "last_name": None, "login": user["email"], "language": "ru",
        "group_id": rights["group_id"] or 0, "active": rights["is_active"], "is_admin": "Y" if rights["is_admin"] else "N",
        "free_user": "Y" if rights["is_free"] else "N", "phone_number": user["phone_number"] or "", **letters,
    }  # fmt: skip


def _regular(pipeline: Json) -> list[Json]:
    return [stage for stage in in_order(pipeline) if stage["type"] == 0]


def _status(stage: Json) -> Json:
    return {
        "id": str(stage["id"]), "name": stage["name"], "pipeline_id": stage["pipeline_id"], "color": stage["color"],
        "editable": "Y" if stage["is_editable"] else "N", "sort": str(stage["sort"]),
    }  # fmt: skip


def _pipeline(pipeline: Json) -> Json:
    return {
        "id": pipeline["id"], "value": pipeline["id"], "label": pipeline["name"], "name": pipeline["name"],
        "sort": pipeline["sort"], "is_main": pipeline["is_main"],
        "statuses": {str(stage["id"]): _status(stage) for stage in _regular(pipeline)}, "leads": 0,
    }  # fmt: skip


def _field(field: Json) -> Json:
    enums = {"enums": {str(one["id"]): one["value"] for one in field["enums"]}} if field["enums"] else {}
    return {
        "id": str(field["id"]), "name": field["name"], "code": field["code"] or "", "multiple": "Y" if field["type"] == "multitext" else "N",
        "type_id": str(OLD_TYPES.get(field["type"], 1)), "disabled": "0", "sort": field["sort"], **enums,
    }  # fmt: skip


def delete(world: World, call: Call) -> Answer:
    """`POST /ajax/{kind}/multiple/delete/`, a form of the pages that some clients use, as there is no other way."""
    user_id = _who(world, call)
    if user_id is None:
        raise _error("Неверный логин или пароль", "110", 401)
    name = call.path.split("/")[2]
    kind = {"todo": "tasks", "deals": "leads"}.get(name, name)
    for id in php.integers(php.parse(call.body.decode("utf-8", "replace")).get("ID")):
        for table in ("contacts", "companies") if kind == "contacts" else (kind,):
            if row := call.account.table(table).rows.get(id):
                changes.delete(call.account, table, row, user_id)
    return Answer(200, orjson.dumps({"status": "success", "message": "Удалено"}), _JSON)
