"""How does the second version list and write cards, tasks and notes? Most ids are texts, dates are numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from email.utils import parsedate_to_datetime
from typing import Any

import orjson

from sandbox.amocrm import bodies, changes, drafts, notes, php, tasks
from sandbox.amocrm.account import Account
from sandbox.amocrm.fields import DATES
from sandbox.amocrm.http import Answer, Call, Refused
from sandbox.amocrm.types import ELEMENT, Json
from sandbox.amocrm.validation import Faults

CONTAINERS = {
    "leads": "leads", "contacts": "contacts", "company": "contacts", "customers": "customers", "notes": "notes", "tasks": "tasks",
}  # fmt: skip
"""What stands in the address, and the key that its answers have: companies call themselves contacts."""

_KINDS = {"company": "companies"}
_KIND_OF = {number: kind for kind, number in ELEMENT.items()}
_NOTE_TYPE_OF = {4: "common", 10: "call_in", 11: "call_out", 25: "service_message", 102: "sms_in", 103: "sms_out"}


def listed(call: Call, name: str) -> Json | None:
    """`…/list`: None when nothing was found."""
    account, kind = call.account, _KINDS.get(name, name)
    if name == "contacts" and call.params.get("type") == "company":
        kind = "companies"
    rows = [row for row in _found(call, kind) if not row.get("is_unsorted")]
    begin, most = (_number(call.params.get(key)) for key in ("limit_offset", "limit_rows"))
    part = rows[begin or 0 : (begin or 0) + min(most or 500, 500)]
    if not part:
        return None
    shown = [_SHOWN[kind](account, row) for row in part]
    return {"customers": {"customers": shown}} if name == "customers" else {CONTAINERS[name]: shown}


def _number(value: object) -> int:
    return int(value) if str(value or "").isdigit() else 0  # type: ignore[call-overload]


def _found(call: Call, kind: str) -> Iterator[Json]:
    table, params = call.account.table(kind), call.params
    ids, owners, statuses, elements = (
        set(php.integers(params.get(key))) for key in ("id", "responsible_user_id", "status", "element_id")
    )
    words = str(params.get("query") or "")
    within = table.search.by_text(table.rows, words) if words else None
    since = _since(call.headers.get("if-modified-since", ""))
    element = {"contact": "contacts", "lead": "leads", "company": "companies", "customer": "customers"}.get(
        str(params.get("type"))
    )
    for id in table.ids:
        row = table.rows[id]
        if (
            (not ids or id in ids)
            and (within is None or id in within)
            and (not owners or row["responsible_user_id"] in owners)
            and (kind != "leads" or not statuses or row["status_id"] in statuses)
            and (
                kind not in {"tasks", "notes"}
                or ((not elements or row["entity_id"] in elements) and element in {None, row["entity_type"]})
            )
            and row["updated_at"] >= since
        ):
            yield row


def _since(text: str) -> float:
    try:
        return parsedate_to_datetime(text).timestamp() if text else 0
    except ValueError:
        return 0


def _card(account: Account, kind: str, row: Json) -> Json:
    tags = [account.tags[kind][id] for id in account.tagged.get((kind, row["id"]), ())]
    blocks = row["custom_fields_values"]
    return {
        "id": str(row["id"]), "name": row["name"], "date_create": row["created_at"], "last_modified": row["updated_at"],
        "created_user_id": str(row["created_by"]), "modified_user_id": row["updated_by"], "account_id": str(account.id),
        "responsible_user_id": str(row["responsible_user_id"]), "group_id": row["group_id"],
        "closest_task": row["closest_task_at"] or "", "deleted": 0,
        "tags": [{"id": tag["id"], "name": tag["name"], "element_type": ELEMENT[kind]} for tag in tags],
        "custom_fields": [_field(block) for block in blocks] if blocks else None,
    }  # fmt: skip


def _field(block: Json) -> Json:
    values = [
        {"value": _text(block, one["value"]), **({"enum": str(one["enum_id"])} if one.get("enum_id") else {})}
        for one in block["values"]
    ]
    return {
        "id": str(block["field_id"]),
        "name": block["field_name"],
        "code": block["field_code"] or "",
        "values": values,
    }


def _text(block: Json, value: Any) -> Any:
    if isinstance(value, bool):
        return str(int(value))
    return value if block["field_type"] in DATES or isinstance(value, (dict, list)) else str(value)


def _company_of(account: Account, kind: str, row: Json) -> Json:
    companies = account.linked(kind, row["id"], "companies")
    company = account.table("companies").rows.get(companies[0]) if companies else None
    return {
        "linked_company_id": str(company["id"]) if company else "",
        "company_name": company["name"] if company else "",
    }


def _lead(account: Account, row: Json) -> Json:
    main = account.main_contact(row["id"])
    return _card(account, "leads", row) | {
        "price": str(row["price"]), "status_id": str(row["status_id"]), "pipeline_id": row["pipeline_id"],
        "date_close": row["closed_at"] or "", "loss_reason_id": row["loss_reason_id"] or 0,
        "main_contact_id": main or False, **_company_of(account, "leads", row),
    }  # fmt: skip


def _contact(account: Account, row: Json) -> Json:
    leads = [str(id) for id in account.linked("contacts", row["id"], "leads")]
    return (
        _card(account, "contacts", row)
        | {"type": "contact", "linked_leads_id": leads}
        | _company_of(account, "contacts", row)
    )


def _company(account: Account, row: Json) -> Json:
    leads = [str(id) for id in account.linked("companies", row["id"], "leads")]
    return _card(account, "companies", row) | {"type": "company", "linked_leads_id": leads}


def _customer(account: Account, row: Json) -> Json:
    contacts = account.links.of(("customers", row["id"]), "contacts")
    own = {"main_user_id": row["responsible_user_id"], "next_date": row["next_date"], "next_price": row["next_price"]}
    return _card(account, "customers", row) | own | {"main_contact_id": contacts[0] if contacts else False}


def _task(account: Account, row: Json) -> Json:
    kind = next((one["code"] for one in account.task_types if one["id"] == row["task_type_id"]), None)
    return {
        "id": str(row["id"]), "element_id": str(row["entity_id"] or 0), "element_type": str(ELEMENT.get(row["entity_type"] or "", 0)),
        "task_type": kind or str(row["task_type_id"]), "date_create": row["created_at"], "created_user_id": str(row["created_by"]),
        "last_modified": row["updated_at"], "text": row["text"], "responsible_user_id": str(row["responsible_user_id"]),
        "complete_till": row["complete_till"], "status": str(int(row["is_completed"])), "group_id": row["group_id"],
        "account_id": str(account.id), "result": row["result"] or [],
    }  # fmt: skip


def _note(account: Account, row: Json) -> Json:
    told = bodies.note(account, row)["note"]
    return {
        "id": str(row["id"]), "element_id": str(row["entity_id"]), "element_type": str(told["element_type"]),
        "note_type": str(told["note_type"]), "date_create": row["created_at"], "created_user_id": str(row["created_by"]),
        "last_modified": row["updated_at"], "text": told["text"], "responsible_user_id": str(row["responsible_user_id"]),
        "account_id": str(account.id), "group_id": row["group_id"], "editable": "Y", "attachement": "",
    }  # fmt: skip


_SHOWN: dict[str, Callable[[Account, Json], Json]] = {
    "leads": _lead, "contacts": _contact, "companies": _company, "customers": _customer, "tasks": _task, "notes": _note,
}  # fmt: skip


def links(call: Call) -> list[Json]:
    """`contacts/links`: pairs of contact and lead."""
    account = call.account
    contacts, leads = (set(php.integers(call.params.get(key))) for key in ("contacts_link", "deals_link"))
    return [
        {
            "contact_id": str(contact),
            "lead_id": str(lead),
            "last_modified": account.table("leads").rows[lead]["updated_at"],
        }
        for lead in account.table("leads").ids
        for contact in account.links.of(("leads", lead), "contacts")
        if (not contacts or contact in contacts) and (not leads or lead in leads)
    ]


def written(call: Call, name: str) -> Json:
    """`…/set` with `add`, `update` or both; the answer names its container as the request did."""
    asked = call.form().get("request")
    asked = asked if isinstance(asked, dict) else {}
    container, verbs = next(iter(asked.items()), (CONTAINERS[name], {}))
    done: Json = {}
    for verb in ("add", "update"):
        items = _objects(verbs.get(verb)) if isinstance(verbs, dict) else []
        if items:
            made = [_write(call, _KINDS.get(name, name), verb, item, at) for at, item in enumerate(items)]
            done[verb] = {"customers": made} if name == "customers" else made
    if not done:
        raise _refused("Пустой массив", "201")
    return {container: done}


def _listed(value: Any) -> list[Any]:
    """A list as PHP writes it: an array, or an object whose keys are numbers."""
    if isinstance(value, dict) and all(str(key).isdigit() for key in value):
        return list(value.values())
    return value if isinstance(value, list) else []


def _objects(value: Any) -> list[Json]:
    """A list of objects, or a single one."""
    found = [value] if isinstance(value, dict) and not _listed(value) else _listed(value)
    return [one for one in found if isinstance(one, dict)]


def _write(call: Call, kind: str, verb: str, item: Json, at: int) -> Json:
    """One item; raises Refused."""
    table, faults = call.account.table(kind), Faults()
    if verb == "add":
        row = _ADD.get(kind, _add_card)(call, kind, item, faults)
        return {"id": row["id"], "request_id": _number(item.get("request_id")) or at}
    found = table.rows.get(_number(item.get("id")))
    if found is None:
        raise _refused("Запись не найдена", "209")
    if _number(item.get("last_modified")) < found["updated_at"]:
        raise _refused(
            "Last modified date is older than in database",
            "212",
            {"update": {"errors": {str(found["id"]): "Last modified date is older than in database"}}},
        )
    _update(call, kind, found, item, faults)
    return {"id": found["id"], "last_modified": found["updated_at"]}


def _refused(text: str, code: str, more: Json | None = None) -> Refused:
    body = {"response": {"error": text, "error_code": code, **(more or {})}}
    return Refused(Answer(400, orjson.dumps(body), 'application/json; charset="utf-8"'))


def _must_be_right(faults: Faults) -> None:
    if faults.errors:
        told = "; ".join(f"{one['path']}: {one['detail']}" for one in faults.errors)
        raise _refused(told, "203")


def _add_card(call: Call, kind: str, item: Json, faults: Faults) -> Json:
    account = call.account
    draft = drafts.draft(account, kind, _modern(account, kind, item), faults, by=call.user_id)
    _must_be_right(faults)
    row = drafts.keep(account, draft, by=call.user_id)
    _link(call, kind, row, item)
    return row


def _add_task(call: Call, kind: str, item: Json, faults: Faults) -> Json:
    row = tasks.drafted(call.account, _modern_task(call.account, item), faults, by=call.user_id)
    _must_be_right(faults)
    return tasks.keep(call.account, row, by=call.user_id)


def _add_note(call: Call, kind: str, item: Json, faults: Faults) -> Json:
    element, id = _KIND_OF.get(_number(item.get("element_type")), ""), _number(item.get("element_id"))
    if element not in call.account.tables or id not in call.account.table(element).rows:
        raise _refused("Элемент не найден", "209")
    text = str(item.get("text") or "")
    type = _NOTE_TYPE_OF.get(_number(item.get("note_type")), "common")
    return notes.keep(
        call.account, notes.blank(call.account, element, id, type, _params(type, text), call.user_id), call.user_id
    )


def _params(type: str, text: str) -> Json:
    """A call's text is JSON with upper-case keys."""
    if type not in {"call_in", "call_out"}:
        return {"text": text}
    try:
        told = orjson.loads(text)
    except orjson.JSONDecodeError:
        return {"text": text}
    told = {str(key).lower(): value for key, value in told.items()} if isinstance(told, dict) else {}
    return {"source": told.pop("src", ""), **told, "duration": _number(told.get("duration"))}


_ADD: dict[str, Callable[[Call, str, Json, Faults], Json]] = {"tasks": _add_task, "notes": _add_note}


def _update(call: Call, kind: str, row: Json, item: Json, faults: Faults) -> None:
    account = call.account
    if kind == "notes":
        params = _params(row["note_type"], str(item["text"])) if "text" in item else row["params"]
        account.table("notes").change(row, {"params": params, "updated_at": account.now(), "updated_by": call.user_id})
        return
    if kind == "tasks":
        planned = tasks.patch(account, row, _modern_task(account, item), faults)
        _must_be_right(faults)
        tasks.apply(account, row, planned, call.user_id)
        return
    planned = drafts.patch(account, kind, row, _modern(account, kind, item), faults)
    _must_be_right(faults)
    drafts.apply(account, kind, row, planned, by=call.user_id)
    _link(call, kind, row, item)


def _modern(account: Account, kind: str, item: Json) -> Json:
    """The item as the fourth version has it."""
    modern: Json = {key: item[key] for key in ("name", "first_name", "last_name") if isinstance(item.get(key), str)}
    for old, new in (
        ("responsible_user_id", "responsible_user_id"), ("main_user_id", "responsible_user_id"), ("status_id", "status_id"),
        ("pipeline_id", "pipeline_id"), ("price", "price"), ("next_price", "next_price"), ("next_date", "next_date"),
        ("created_user_id", "created_by"), ("date_create", "created_at"), ("date_close", "closed_at"),
    ):  # fmt: skip
        value = str(item.get(old) or "")
        if new in drafts.CHECKS[kind] and value.replace(".", "", 1).isdigit():
            modern[new] = int(float(value))
    if item.get("custom_fields"):
        modern["custom_fields_values"] = [_modern_field(one) for one in _objects(item["custom_fields"])]
    if "tags" in item:
        modern["_embedded"] = {"tags": [{"name": name} for name in _tags(item["tags"])]}
    return modern


def _tags(written: Any) -> list[str]:
    if isinstance(written, list):
        return [str(one.get("name")) if isinstance(one, dict) else str(one) for one in written]
    return [name.strip() for name in str(written or "").split(",") if name.strip()]


def _modern_field(one: Json) -> Json:
    return {
        "field_id": _number(one.get("id")),
        "values": [_modern_value(value) for value in _listed(one.get("values"))],
    }


def _modern_value(value: Any) -> Json:
    """A bare value is a choice's id, as multiselects are written, or the value itself."""
    if not isinstance(value, dict):
        return {"enum_id": _number(value), "value": value} if str(value).isdigit() else {"value": value}
    enum = value.get("enum")
    label = {} if enum in (None, "") else {"enum_id": int(enum)} if str(enum).isdigit() else {"enum_code": enum}
    return {"value": value.get("value"), **label}


def _modern_task(account: Account, item: Json) -> Json:
    modern: Json = {"text": item["text"]} if isinstance(item.get("text"), str) else {}
    for old, new in (
        ("element_id", "entity_id"), ("responsible_user_id", "responsible_user_id"), ("complete_till", "complete_till"),
        ("created_user_id", "created_by"), ("date_create", "created_at"),
    ):  # fmt: skip
        if str(item.get(old) or "").isdigit():
            modern[new] = int(item[old])
    if element := _KIND_OF.get(_number(item.get("element_type"))):
        modern["entity_type"] = element
    if item.get("status") is not None:
        modern["is_completed"] = str(item["status"]) in {"1", "True"}
    wanted = str(item.get("task_type") or "")
    type = next((one["id"] for one in account.task_types if wanted in {str(one["id"]), one["code"], one["name"]}), None)
    return modern | ({"task_type_id": type} if type else {})


def _link(call: Call, kind: str, row: Json, item: Json) -> None:
    """Leads of a contact, and its company, which a bare name creates."""
    account, card = call.account, (kind, row["id"])
    for lead in php.integers(",".join(map(str, _listed(item.get("linked_leads_id"))))):
        if account.row("leads", lead) and kind != "leads":
            changes.link(account, card, ("leads", lead), call.user_id)
    company = _number(item.get("linked_company_id"))
    name = str(item.get("company_name") or "")
    if name and not company and kind in {"contacts", "leads"}:
        known = (one["id"] for one in account.table("companies").rows.values() if one["name"] == name)
        company = next(known, 0) or _add_card(call, "companies", {"name": name}, Faults())["id"]
    if company and account.row("companies", company) and kind in {"contacts", "leads"}:
        changes.link(account, card, ("companies", company), call.user_id)
    contact = _number(item.get("contact_id") or item.get("main_contact_id"))
    if contact and account.row("contacts", contact) and kind == "customers":
        changes.link(account, card, ("contacts", contact), call.user_id)
