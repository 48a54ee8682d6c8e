"""Which fields do cards have beside the built-in ones?"""

from __future__ import annotations

from typing import Any

from sandbox.amocrm import fields, php, query
from sandbox.amocrm.account import Account
from sandbox.amocrm.http import Answer, Call, Refused, Route, collection, hal, nothing, problem
from sandbox.amocrm.types import Json
from sandbox.amocrm.validation import Faults, all_of, named, one_of, request_id

_WRITABLE = (
    "name", "code", "sort", "group_id", "is_api_only", "required_statuses", "hidden_statuses", "remind", "currency",
    "tracking_callback",
)  # fmt: skip
_TYPES = frozenset(fields.OLD_TYPES)


def index(call: Call, kind: str) -> Answer:
    """Pages of fifty, whatever is asked for."""
    rows = list(call.account.fields[kind].values())
    wanted, order = call.params.get("filter"), call.params.get("order")
    if isinstance(wanted, dict) and "type" in wanted:
        rows = [one for one in rows if one["type"] in php.values(wanted["type"])]
    if isinstance(order, dict) and order:
        key, direction = next(iter(order.items()))
        if key in {"sort", "id"}:
            rows.sort(key=lambda one: one[key], reverse=direction == "desc")
    return query.dictionary(call, "custom_fields", [_shown(call, one) for one in rows], 50)


def one(call: Call, kind: str, id: int) -> Answer:
    field = call.account.fields[kind].get(id)
    return hal(_shown(call, field)) if field else problem(404, "Custom field not found")


def _shown(call: Call, field: Json) -> Json:
    return field | {"_links": call.self_link(f"/api/v4/{field['entity_type']}/custom_fields/{field['id']}")}


def add(call: Call, kind: str) -> Answer:
    call.must_be_admin()
    account, items = call.account, call.items()
    all_of(items, lambda item, faults: _check(account, kind, item, faults))
    made = []
    for at, item in enumerate(items):
        written = {key: item[key] for key in _WRITABLE if item.get(key) is not None and key != "name"}
        field = fields.definition(account, kind, item["name"], item["type"], **written)
        field["enums"] = _enums(account, item.get("enums"), None)
        account.fields[kind][field["id"]] = field
        made.append(_shown(call, field) | {"request_id": request_id(item, at)})
    return collection(call, "custom_fields", made, status=201, counted=True)


def _check(account: Account, kind: str, item: Json, faults: Faults) -> None:
    for key in ("name", "type"):
        if not item.get(key):
            faults.add("FieldMissing" if key not in item else "NotBlank", key)
    if item.get("type") and item["type"] not in _TYPES:
        faults.add("NotSupportedChoice", "type")
    if item.get("type") == "monetary" and not item.get("currency"):
        faults.add("FieldMissing", "currency")
    if item.get("code") and any(one["code"] == item["code"] for one in account.fields[kind].values()):
        faults.add("NotUnique", "code", "This value is already used.")


def _enums(account: Account, written: Any, before: list[Json] | None) -> list[Json] | None:
    if not isinstance(written, list):
        return before
    return [
        {
            "id": one.get("id") or account.ids.next("enums"),
            "value": one.get("value", ""),
            "sort": one.get("sort", at),
            "code": one.get("code"),
        }
        for at, one in enumerate(written)
    ]


def change_many(call: Call, kind: str) -> Answer:
    call.must_be_admin()
    items = call.items()
    changed = [_change(call, kind, item.get("id"), item) for item in items]
    return collection(call, "custom_fields", changed, counted=True)


def change_one(call: Call, kind: str, id: int) -> Answer:
    call.must_be_admin()
    return hal(_change(call, kind, id, call.object()))


def _change(call: Call, kind: str, id: Any, item: Json) -> Json:
    field = call.account.fields[kind].get(id)
    if field is None:
        raise Refused(problem(404, "Custom field not found"))
    one_of(item, lambda written, faults: _check_enums(field, written, faults))
    field |= {key: item[key] for key in _WRITABLE if item.get(key) is not None}
    field["enums"] = _enums(call.account, item.get("enums"), field["enums"])
    return _shown(call, field)


def _check_enums(field: Json, item: Json, faults: Faults) -> None:
    known = {one["id"] for one in field["enums"] or ()}
    for at, enum in enumerate(item.get("enums") or ()):
        if enum.get("id") is not None and enum["id"] not in known:
            faults.add("NotSupportedChoice", f"enums.{at}.id")


def delete(call: Call, kind: str, id: int) -> Answer:
    """Its values vanish from the cards."""
    call.must_be_admin()
    field = call.account.fields[kind].get(id)
    if field is None:
        return problem(404, "Custom field not found")
    if not field["is_deletable"]:
        return problem(422, "Custom field cannot be deleted")
    del call.account.fields[kind][id]
    for row in call.account.table(kind).rows.values():
        kept = [block for block in row["custom_fields_values"] or () if block["field_id"] != id]
        row["custom_fields_values"] = kept or None
    return nothing()


def groups(call: Call, kind: str) -> Answer:
    rows = [_group(call, kind, one) for one in _groups(call.account, kind)]
    return query.dictionary(call, "custom_field_groups", rows)


def _groups(account: Account, kind: str) -> list[Json]:
    main = {"id": "default", "name": "Основное", "is_predefined": True, "type": None, "entity_type": kind, "sort": 0}
    return [main, *account.field_groups[kind]]


def _group(call: Call, kind: str, one: Json) -> Json:
    return one | {"_links": call.self_link(f"/api/v4/{kind}/custom_fields/groups/{one['id']}")}


def group(call: Call, kind: str, uid: str) -> Answer:
    return hal(_group(call, kind, _found_group(call, kind, uid)))


def _found_group(call: Call, kind: str, uid: object) -> Json:
    found = next((one for one in _groups(call.account, kind) if one["id"] == str(uid)), None)
    if found is None:
        raise Refused(problem(404, "Custom field group not found"))
    return found


def add_groups(call: Call, kind: str) -> Answer:
    call.must_be_admin()
    account, made = call.account, []
    for item in all_of(call.items(), named):
        number = account.ids.next("groups")
        row = {
            "id": f"{kind}_{number}{account.ids.hex(10)}", "name": item["name"], "is_predefined": False, "type": None,
            "entity_type": kind, "sort": item.get("sort", number),
        }  # fmt: skip
        account.field_groups[kind].append(row)
        made.append(_group(call, kind, row))
    return collection(call, "custom_field_groups", made, status=201, counted=True)


def change_group(call: Call, kind: str, uid: str) -> Answer:
    call.must_be_admin()
    found, item = _found_group(call, kind, uid), call.object()
    found |= {key: item[key] for key in ("name", "sort") if item.get(key) is not None}
    return hal(_group(call, kind, found))


def delete_group(call: Call, kind: str, uid: str) -> Answer:
    call.must_be_admin()
    found = _found_group(call, kind, uid)
    if found["is_predefined"]:
        return problem(422, "Custom field group cannot be deleted")
    call.account.field_groups[kind].remove(found)
    return nothing()


ROUTES = (
    Route("GET", "/api/v4/{kind}/custom_fields", index),
    Route("POST", "/api/v4/{kind}/custom_fields", add),
    Route("PATCH", "/api/v4/{kind}/custom_fields", change_many),
    Route("GET", "/api/v4/{kind}/custom_fields/groups", groups),
    Route("POST", "/api/v4/{kind}/custom_fields/groups", add_groups),
    Route("GET", "/api/v4/{kind}/custom_fields/groups/{uid}", group),
    Route("PATCH", "/api/v4/{kind}/custom_fields/groups/{uid}", change_group),
    Route("DELETE", "/api/v4/{kind}/custom_fields/groups/{uid}", delete_group),
    Route("GET", "/api/v4/{kind}/custom_fields/{id}", one),
    Route("PATCH", "/api/v4/{kind}/custom_fields/{id}", change_one),
    Route("DELETE", "/api/v4/{kind}/custom_fields/{id}", delete),
)
