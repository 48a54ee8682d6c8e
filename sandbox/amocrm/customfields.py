"""Which fields do cards have beside the built-in ones?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sandbox.amocrm import fields, php, query
from sandbox.amocrm.account import Account
from sandbox.amocrm.http import Answer, Call, Refused, Route, collection, hal, nothing, problem
from sandbox.amocrm.types import Json
from sandbox.amocrm.validation import (
    Check,
    Faults,
    all_of,
    any_value,
    boolean,
    choice,
    integer,
    is_integer,
    named,
    one_of,
    read,
    request_id,
    require,
    text,
)

_CHECKS: dict[str, Check] = {
    "name": text, "type": choice(*fields.OLD_TYPES), "code": text, "sort": integer, "group_id": any_value,
    "is_api_only": boolean, "required_statuses": any_value, "hidden_statuses": any_value, "remind": any_value,
    "currency": text, "tracking_callback": text,
}  # fmt: skip


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
    return hal(_shown(call, field)) if field else nothing()


def _shown(call: Call, field: Json) -> Json:
    return field | {"_links": call.self_link(f"/api/v4/{field['entity_type']}/custom_fields/{field['id']}")}


def add(call: Call, kind: str) -> Answer:
    call.must_be_admin()
    account, items, made = call.account, call.items(), []
    for at, given in enumerate(all_of(items, lambda item, faults: _new(account, kind, item, faults))):
        field = fields.definition(account, kind, given.pop("name"), given.pop("type"), **given)
        account.fields[kind][field["id"]] = field
        made.append(_shown(call, field) | {"request_id": request_id(items[at], at)})
    return collection(call, "custom_fields", made, status=201, counted=True)


def _new(account: Account, kind: str, item: Json, faults: Faults) -> Json:
    require(item, ("name", "type"), faults)
    if item.get("type") == "monetary" and not item.get("currency"):
        faults.add("FieldMissing", "currency")
    if item.get("code") and any(one["code"] == item["code"] for one in account.fields[kind].values()):
        faults.add("NotUnique", "code", "This value is already used.")
    return read(account, item, _CHECKS, faults) | _choices(account, item, (), faults)


def _choices(account: Account, item: Json, before: Sequence[Json], faults: Faults) -> Json:
    """The choices of a field as written; those without an id are new, the others must be the field's own."""
    written = item.get("enums")
    if not isinstance(written, list):
        return {}
    known, enums = {one["id"] for one in before}, []
    for at, one in enumerate(written):
        place = f"enums.{at}"
        if not isinstance(one, dict):
            faults.wrong_type(place, "array")
            continue
        given = read(account, one, {"id": integer, "value": text, "sort": integer, "code": text}, faults, f"{place}.")
        if "id" in given and given["id"] not in known:
            faults.add("NotSupportedChoice", f"{place}.id")
        enums.append({"id": 0, "value": "", "sort": at, "code": None} | given)
    for enum in enums:
        enum["id"] = enum["id"] or account.ids.next("enums")
    return {"enums": enums}


def change_many(call: Call, kind: str) -> Answer:
    call.must_be_admin()
    changed = [_change(call, kind, item.get("id"), item) for item in call.items()]
    return collection(call, "custom_fields", changed, counted=True)


def change_one(call: Call, kind: str, id: int) -> Answer:
    call.must_be_admin()
    return hal(_change(call, kind, id, call.object()))


def _change(call: Call, kind: str, id: Any, item: Json) -> Json:
    account, field = call.account, call.account.fields[kind].get(id) if is_integer(id) else None
    if field is None:
        raise Refused(problem(404, "Custom field not found"))
    field |= one_of(
        {**item, "type": field["type"]},
        lambda written, faults: (
            read(account, written, _CHECKS, faults) | _choices(account, written, field["enums"] or (), faults)
        ),
    )
    return _shown(call, field)


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
