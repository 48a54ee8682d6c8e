"""What is in the dictionaries: the account, its users, roles, pipelines and loss reasons?"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sandbox.amocrm import query
from sandbox.amocrm.account import Account
from sandbox.amocrm.http import Answer, Call, Route, collection, hal, nothing, problem
from sandbox.amocrm.types import Json
from sandbox.amocrm.validation import all_of, named, require


def account(call: Call) -> Answer:
    """The account; what `with` asks for is added."""
    one = call.account
    shown = {
        "id": one.id, "name": one.name, "subdomain": one.subdomain, "created_at": 1_577_836_800, "created_by": 0,
        "updated_at": 1_577_836_800, "updated_by": 0, "current_user_id": call.user_id, "country": "RU", "currency": "RUB",
        "currency_symbol": "₽", "customers_mode": one.settings["customers_mode"],
        "is_unsorted_on": one.settings["is_unsorted_on"], "mobile_feature_version": 0, "is_loss_reason_enabled": True,
        "is_helpbot_enabled": False, "is_technical_account": False, "contact_name_display_order": 1,
    }  # fmt: skip
    plain = {
        "amojo_id": one.settings["amojo_id"], "uuid": one.settings["uuid"], "version": 16,
        "drive_url": f"https://drive-b.{one.domain}", "is_api_filter_enabled": one.settings["is_api_filter_enabled"],
    }  # fmt: skip
    shown |= {key: value for key, value in plain.items() if key in call.wanted}
    embedded = {key: value for key, value in _inner(one).items() if key in call.wanted}
    return hal(shown | {"_links": call.self_link("/api/v4/account")} | ({"_embedded": embedded} if embedded else {}))


def _inner(one: Account) -> Json:
    offset = datetime.now(one.timezone).strftime("%z")
    return {
        "users_groups": one.groups,
        "task_types": one.task_types,
        "amojo_rights": {"can_direct": True, "can_create_groups": True},
        "entity_names": {"leads": {"ru": {"gender": "f", "plural_form": {"dative": "сделкам", "default": "сделки"}}}},
        "datetime_settings": {
            "date_pattern": "d.m.Y H:i", "short_date_pattern": "d.m.Y", "short_time_pattern": "H:i", "date_format": "d.m.Y",
            "time_format": "H:i:s", "timezone": one.timezone.key, "timezone_offset": f"{offset[:3]}:{offset[3:]}",
        },
        "invoices_settings": {"lang": "ru", "currency": "RUB"},
    }  # fmt: skip


def users(call: Call) -> Answer:
    call.must_be_admin()
    return query.dictionary(call, "users", [_user(call, one) for one in call.account.users.values()])


def user(call: Call, id: int) -> Answer:
    call.must_be_admin()
    found = call.account.users.get(id)
    return hal(_user(call, found)) if found else nothing()


def _user(call: Call, one: Json) -> Json:
    account, rights = call.account, one["rights"]
    shown = {key: one[key] for key in ("id", "name", "email", "lang", "rights")}
    shown |= {key: one.get(key) for key in ("uuid", "amojo_id", "user_rank", "phone_number") if key in call.wanted}
    roles = (
        [_role(call, account.roles[rights["role_id"]])]
        if "role" in call.wanted and rights["role_id"] in account.roles
        else []
    )
    groups = [group for group in account.groups if "group" in call.wanted and group["id"] == rights["group_id"]]
    shown["_links"] = call.self_link(f"/api/v4/users/{one['id']}")
    return shown | {"_embedded": {"roles": roles, "groups": groups}}


def add_users(call: Call) -> Answer:
    """At most ten at once, refused above a hundred."""
    call.must_be_admin()
    items, account = call.items(10), call.account
    if len(account.users) + len(items) > 100:
        return problem(403, "Users limit exceeded")
    all_of(items, lambda item, faults: require(item, ("name", "email"), faults))
    rows = [new_user(account, str(one["name"]), str(one["email"]), rights=one.get("rights")) for one in items]
    return collection(call, "users", [_user(call, row) for row in rows], status=201, counted=True)


def new_user(
    account: Account, name: str, email: str, *, id: int = 0, rights: Any = None, is_admin: bool = False, is_free: bool = False,
    group_id: int | None = None, phone: str | None = None,
) -> Json:  # fmt: skip
    """A user with all rights to cards unless told otherwise."""
    letters = {
        "view": "A",
        "edit": "A",
        "add": "A",
        "delete": "A" if is_admin else "D",
        "export": "M" if is_admin else "D",
    }
    full = {
        **{kind: dict(letters) for kind in ("leads", "contacts", "companies")}, "tasks": {"edit": "A", "delete": "A"},
        "mail_access": not is_free, "catalog_access": not is_free, "files_access": not is_free, "status_rights": None,
        "is_admin": is_admin, "is_free": is_free, "is_active": not is_free, "group_id": group_id, "role_id": None,
    }  # fmt: skip
    row: Json = {
        "id": id or account.ids.next("users"), "name": name, "email": email, "lang": "ru",
        "rights": full | _given(rights, full), "uuid": account.ids.uuid(),
        "amojo_id": account.ids.uuid(), "user_rank": None, "phone_number": phone,
        "api_key": account.ids.hex(32),
    }  # fmt: skip
    account.users[row["id"]] = row
    return row


def _given(rights: Any, full: Json) -> Json:
    """What was written of a user's rights, as far as it has their shape."""
    written = rights if isinstance(rights, dict) else {}
    return {key: value for key, value in written.items() if key in full and type(value) is type(full[key])}


def roles(call: Call) -> Answer:
    call.must_be_admin()
    return query.dictionary(call, "roles", [_role(call, one) for one in call.account.roles.values()])


def role(call: Call, id: int) -> Answer:
    call.must_be_admin()
    found = call.account.roles.get(id)
    return hal(_role(call, found)) if found else nothing()


def _role(call: Call, one: Json) -> Json:
    mine = [user["id"] for user in call.account.users.values() if user["rights"]["role_id"] == one["id"]]
    embedded = {"_embedded": {"users": mine}} if "users" in call.wanted else {}
    return one | {"_links": call.self_link(f"/api/v4/roles/{one['id']}")} | embedded


def add_roles(call: Call) -> Answer:
    call.must_be_admin()
    made = []
    for item in all_of(call.items(), named):
        row = {"id": call.account.ids.next("roles"), "name": item["name"], "rights": item.get("rights") or {}}
        call.account.roles[row["id"]] = row
        made.append(_role(call, row))
    return collection(call, "roles", made, status=201, counted=True)


def change_role(call: Call, id: int) -> Answer:
    call.must_be_admin()
    found, item = call.account.roles.get(id), call.object()
    if found is None:
        return problem(404, "Role not found")
    found |= {key: item[key] for key in ("name", "rights") if item.get(key) is not None}
    return hal(_role(call, found))


def delete_role(call: Call, id: int) -> Answer:
    call.must_be_admin()
    return nothing() if call.account.roles.pop(id, None) else problem(404, "Role not found")


def loss_reasons(call: Call) -> Answer:
    reasons = [_reason(call, one) for one in call.account.loss_reasons.values()]
    return query.dictionary(call, "loss_reasons", reasons)


def loss_reason(call: Call, id: int) -> Answer:
    found = call.account.loss_reasons.get(id)
    return hal(_reason(call, found)) if found else nothing()


def _reason(call: Call, one: Json) -> Json:
    return one | {"_links": call.self_link(f"/api/v4/leads/loss_reasons/{one['id']}")}


ROUTES = (
    Route("GET", "/api/v4/account", account),
    Route("GET", "/api/v4/users", users),
    Route("POST", "/api/v4/users", add_users),
    Route("GET", "/api/v4/users/{id}", user),
    Route("GET", "/api/v4/roles", roles),
    Route("POST", "/api/v4/roles", add_roles),
    Route("GET", "/api/v4/roles/{id}", role),
    Route("PATCH", "/api/v4/roles/{id}", change_role),
    Route("DELETE", "/api/v4/roles/{id}", delete_role),
    Route("GET", "/api/v4/leads/loss_reasons", loss_reasons),
    Route("GET", "/api/v4/leads/loss_reasons/{id}", loss_reason),
)
