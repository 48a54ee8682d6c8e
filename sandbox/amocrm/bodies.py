"""How does a webhook say what happened? In the names of the old interface, every value a text."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import orjson

from sandbox.amocrm.account import Account
from sandbox.amocrm.fields import DATES
from sandbox.amocrm.types import ELEMENT, Json

GROUPS = {"leads": "leads", "contacts": "contacts", "companies": "contacts", "customers": "customers", "tasks": "task"}
"""The block of a kind: companies sit among the contacts, tasks are singular."""

NOTE_TYPES = {
    "common": 4, "call_in": 10, "call_out": 11, "service_message": 25, "extended_service_message": 25, "sms_in": 102,
    "sms_out": 103, "message_cashier": 17, "geolocation": 21, "attachment": 5,
}  # fmt: skip


def body(account: Account, kind: str, action: str, row: Json, more: Json) -> Json:
    """One item of a block."""
    if action == "delete":
        return _deletion(kind, row)
    if kind == "tasks":
        return _task(account, row) | more
    return (
        (_lead(account, row) if kind == "leads" else _person(account, kind, row)) | more | _shared(account, kind, row)
    )


def account_block(account: Account) -> Json:
    return {"subdomain": account.subdomain, "id": account.id, "_links": {"self": f"https://{account.host}"}}


def _deletion(kind: str, row: Json) -> Json:
    if kind == "leads":
        return {"id": row["id"], "status_id": row["status_id"], "pipeline_id": row["pipeline_id"]}
    return {"id": row["id"], **({"type": _type(kind)} if kind in {"contacts", "companies"} else {})}


def _type(kind: str) -> str:
    return "company" if kind == "companies" else "contact"


def _lead(account: Account, row: Json) -> Json:
    return {
        "id": row["id"],
        "name": row["name"],
        "status_id": row["status_id"],
        "pipeline_id": row["pipeline_id"],
        "price": row["price"],
    }


def _person(account: Account, kind: str, row: Json) -> Json:
    companies = account.links.of((kind, row["id"]), "companies") if kind == "contacts" else []
    company = account.table("companies").rows.get(companies[0]) if companies else None
    leads = account.links.of((kind, row["id"]), "leads")
    return {
        "id": row["id"], "name": row["name"],
        **({"company_name": company["name"], "linked_company_id": company["id"]} if company else {}),
        **({"linked_leads_id": {str(id): {"ID": id} for id in leads}} if leads else {}),
        **({"type": _type(kind)} if kind != "customers" else {}),
    }  # fmt: skip


def _shared(account: Account, kind: str, row: Json) -> Json:
    tags = [account.tags[kind][id] for id in account.tagged.get((kind, row["id"]), ())]
    return {
        "responsible_user_id": row["responsible_user_id"], "last_modified": row["updated_at"],
        "modified_user_id": row["updated_by"], "created_user_id": row["created_by"], "date_create": row["created_at"],
        "account_id": account.id, "created_at": row["created_at"], "updated_at": row["updated_at"],
        **({"tags": [{"id": tag["id"], "name": tag["name"]} for tag in tags]} if tags else {}),
        **({"custom_fields": [_field(block) for block in row["custom_fields_values"]]} if row["custom_fields_values"] else {}),
    }  # fmt: skip


def _field(block: Json) -> Json:
    """Dates are bare values, all others objects."""
    is_date = block["field_type"] in DATES
    values: list[Any] = [
        one["value"] if is_date else {"value": one["value"], **({"enum": one["enum_id"]} if one.get("enum_id") else {})}
        for one in block["values"]
    ]
    code = {"code": block["field_code"]} if block["field_code"] else {}
    return {"id": block["field_id"], "name": block["field_name"], "values": values, **code}


def _task(account: Account, row: Json) -> Json:
    result = {"result": {"id": row["id"], "text": row["result"]["text"]}} if row["result"] else {}
    return {
        "id": row["id"], "element_id": row["entity_id"] or 0, "element_type": ELEMENT.get(row["entity_type"] or "", 0),
        "task_type": row["task_type_id"], "date_create": local(account, row["created_at"]), "text": row["text"],
        "status": int(row["is_completed"]), "account_id": account.id, "created_user_id": row["created_by"],
        "last_modified": local(account, row["updated_at"]), "responsible_user_id": row["responsible_user_id"],
        "complete_till": local(account, row["complete_till"]), "action_close": 0, **result,
    }  # fmt: skip


def note(account: Account, row: Json) -> Json:
    """A note below `leads[note][0][note]`."""
    params = row["params"] or {}
    text = params.get("text", "")
    if row["note_type"] in {"call_in", "call_out"}:
        upper = {name: params.get(name.lower()) for name in ("UNIQ", "LINK", "PHONE", "DURATION")}
        call = upper | {
            "SRC": params.get("source"),
            "call_status": params.get("call_status"),
            "call_result": params.get("call_result"),
        }
        text = orjson.dumps(call | {"DURATION": str(params.get("duration", 0))}).decode()
    author = account.users.get(row["created_by"], {}).get("name", "amoCRM")
    return {
        "note": {
            "id": row["id"], "note_type": NOTE_TYPES.get(row["note_type"], 4), "element_type": ELEMENT[row["entity_type"]],
            "element_id": row["entity_id"], "text": text, "created_by": row["created_by"],
            "metadata": orjson.dumps({"event_source": {"type": 1, "author_name": author}}).decode(),
            "main_user_id": row["responsible_user_id"], "group_id": row["group_id"],
            "date_create": local(account, row["created_at"]), "timestamp_x": local(account, row["updated_at"]),
            "account_id": account.id,
        }
    }  # fmt: skip


def local(account: Account, moment: int) -> str:
    return datetime.fromtimestamp(moment, account.timezone).strftime("%Y-%m-%d %H:%M:%S")
