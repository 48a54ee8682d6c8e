"""What stands on a card's feed: notes of all types, among them calls?"""

from __future__ import annotations

from typing import Any

from sandbox.amocrm import bodies, query
from sandbox.amocrm.account import Account
from sandbox.amocrm.http import Answer, Call, Route, collection, hal, nothing, problem
from sandbox.amocrm.query import Listing
from sandbox.amocrm.types import SINGULAR, Json
from sandbox.amocrm.validation import (
    Check,
    Faults,
    all_of,
    any_value,
    author,
    boolean,
    integer,
    is_integer,
    loose_text,
    one_of,
    read,
    request_id,
    responsible,
    text,
    whole,
)

_CALL: dict[str, Check] = {
    "uniq": text, "duration": whole, "source": text, "link": text, "phone": loose_text, "call_result": loose_text,
    "call_status": integer, "call_responsible": any_value,
}  # fmt: skip
_TEXT: dict[str, Check] = {"text": text}
PARAMS: dict[str, tuple[tuple[str, ...], dict[str, Check]]] = {
    "common": (("text",), _TEXT),
    "call_in": (("uniq", "duration", "source", "phone"), _CALL),
    "call_out": (("uniq", "duration", "source", "phone"), _CALL),
    "service_message": (("service", "text"), {**_TEXT, "service": text}),
    "extended_service_message": (("service", "text"), {**_TEXT, "service": text}),
    "message_cashier": (("status", "text"), {**_TEXT, "status": text}),
    "geolocation": (
        ("text", "address", "longitude", "latitude"),
        {**_TEXT, "address": text, "longitude": loose_text, "latitude": loose_text},
    ),
    "sms_in": (("text", "phone"), {**_TEXT, "phone": loose_text}),
    "sms_out": (("text", "phone"), {**_TEXT, "phone": loose_text}),
    "attachment": (
        ("file_uuid", "file_name"),
        {
            **_TEXT,
            "file_uuid": text,
            "version_uuid": text,
            "file_name": text,
            "original_name": text,
            "is_drive_attachment": boolean,
        },
    ),
}
"""The types that may be written: what is required, what is known."""

EVENTS = {
    "common": "common_note_added", "call_in": "incoming_call", "call_out": "outgoing_call", "sms_in": "incoming_sms",
    "sms_out": "outgoing_sms", "attachment": "attachment_note_added", "service_message": "service_note_added",
    "extended_service_message": "service_note_added", "geolocation": "geo_note_added",
    "message_cashier": "message_to_cashier_note_added",
}  # fmt: skip

_CHECKS: dict[str, Check] = {
    "created_by": author, "updated_by": author, "created_at": whole, "updated_at": whole, "responsible_user_id": responsible,
}  # fmt: skip

LISTING = Listing(
    {"entity_id": query.one_of("entity_id"), "note_type": query.named("note_type")},
    ("updated_at", "id"),
    is_bare_range=True,
)


def index(call: Call, kind: str, entity_id: int | None = None) -> Answer:
    def belongs(row: Json) -> bool:
        return row["entity_type"] == kind and entity_id in {None, row["entity_id"]}

    rows, page, limit = query.chosen(call, call.account.table("notes"), LISTING, tests=[belongs])
    return query.envelope(call, "notes", [shown(call, row) for row in rows], page, limit)


def one(call: Call, kind: str, id: int) -> Answer:
    row = call.account.row("notes", id)
    return hal(shown(call, row)) if row and row["entity_type"] == kind else nothing()


def one_of_card(call: Call, kind: str, entity_id: int, id: int) -> Answer:
    row = call.account.row("notes", id)
    is_here = row is not None and (row["entity_type"], row["entity_id"]) == (kind, entity_id)
    return hal(shown(call, row)) if row and is_here else nothing()


def shown(call: Call, row: Json) -> Json:
    return {key: value for key, value in row.items() if key != "entity_type"} | {"_links": _links(call, row)}


def _links(call: Call, row: Json) -> Json:
    return call.self_link(f"/api/v4/{row['entity_type']}/{row['entity_id']}/notes/{row['id']}")


def create(call: Call, kind: str, entity_id: int | None = None) -> Answer:
    """POST of an array; all or nothing. With a card in the address the items need none."""
    if entity_id is not None and entity_id not in call.account.table(kind).rows:
        return problem(404, "Entity not found")
    place = {} if entity_id is None else {"entity_id": entity_id}
    items, made = call.items(), []
    for at, draft in enumerate(all_of(items, lambda item, faults: _draft(call, kind, item | place, faults))):
        row = keep(call.account, draft, call.user_id)
        request = request_id(items[at], at)
        made.append(
            {"id": row["id"], "entity_id": row["entity_id"], "request_id": request, "_links": _links(call, row)}
        )
    return collection(call, "notes", made)


def _draft(call: Call, kind: str, item: Json, faults: Faults) -> Json:
    account = call.account
    given, entity_id = read(account, item, _CHECKS, faults), item.get("entity_id")
    if not is_integer(entity_id):
        faults.add("FieldMissing", "entity_id") if entity_id is None else faults.wrong_type("entity_id", "int")
    elif entity_id not in account.table(kind).rows:
        faults.add("NotSupportedChoice", "entity_id")
    type = item.get("note_type")
    params: Json = {}
    if type is None:
        faults.add("FieldMissing", "note_type")
    elif not isinstance(type, str) or type not in PARAMS:
        faults.add("NotSupportedChoice", "note_type")
    else:
        params = _params(account, str(type), item.get("params"), faults)
    return blank(account, kind, entity_id, str(type), params, call.user_id) | given


def _params(account: Account, type: str, written: Any, faults: Faults) -> Json:
    required, checks = PARAMS[type]
    if written is None:
        written = {}
    if not isinstance(written, dict):
        faults.wrong_type("params", "array")
        return {}
    for key in required:
        if written.get(key) is None:
            faults.add("FieldMissing", f"params.{key}")
    return read(account, written, checks, faults, "params.")


def blank(account: Account, kind: str, entity_id: Any, type: str, params: Json, by: int) -> Json:
    """A new note without its id; `entity_type` is ours, the vendor tells it by the address."""
    now = account.now()
    return {
        "entity_id": entity_id, "entity_type": kind, "created_by": by, "updated_by": by, "created_at": now,
        "updated_at": now, "responsible_user_id": by, "group_id": 0, "note_type": type, "params": params,
        "account_id": account.id,
    }  # fmt: skip


def keep(account: Account, row: Json, by: int) -> Json:
    """Give the note an id, put it in and tell of it."""
    row = {"id": account.ids.next("notes"), **row}
    row["group_id"] = account.group_of(row["responsible_user_id"])
    account.table("notes").add(row)
    kind = str(row["entity_type"])
    if event := EVENTS.get(row["note_type"]):
        account.record(event, kind, row["entity_id"], by, after=[{"note": {"id": row["id"]}}])
    account.hooks.say(f"note_{SINGULAR[kind]}", bodies.GROUPS[kind], "note", bodies.note(account, row))
    return row


def update_many(call: Call, kind: str, entity_id: int | None = None) -> Answer:
    planned = all_of(call.items(), lambda item, faults: _planned(call, kind, entity_id, item, faults))
    return collection(call, "notes", [_change(call, row, written) for row, written in planned])


def _planned(call: Call, kind: str, entity_id: int | None, item: Json, faults: Faults) -> tuple[Json, Json]:
    """The note to change and its new values."""
    row = call.account.row("notes", item["id"]) if is_integer(item.get("id")) else None
    if row is None or row["entity_type"] != kind or entity_id not in {None, row["entity_id"]}:
        faults.add("NotSupportedChoice", "id")
        return {}, {}
    return row, _patch(call.account, row, item, faults)


def update_one(call: Call, kind: str, entity_id: int, id: int) -> Answer:
    row = call.account.row("notes", id)
    if row is None or (row["entity_type"], row["entity_id"]) != (kind, entity_id):
        return problem(404, "Note not found")
    written = one_of(call.object(), lambda item, faults: _patch(call.account, row, item, faults))
    return hal(_change(call, row, written))


def update_bare(call: Call, kind: str, id: int) -> Answer:
    """As `update_one`, with an address that does not name the card."""
    row = call.account.row("notes", id)
    return update_one(call, kind, row["entity_id"], id) if row else problem(404, "Note not found")


def _patch(account: Account, row: Json, item: Json, faults: Faults) -> Json:
    given = read(account, item, _CHECKS, faults)
    if isinstance(item.get("params"), dict):
        _, checks = PARAMS.get(row["note_type"], ((), {}))
        given["params"] = (row["params"] or {}) | read(account, item["params"], checks, faults, "params.")
    return given


def _change(call: Call, row: Json, written: Json) -> Json:
    new = {"updated_at": call.account.now(), "updated_by": call.user_id} | written
    call.account.table("notes").change(row, new)
    return {
        "id": row["id"],
        "entity_id": row["entity_id"],
        "updated_at": row["updated_at"],
        "_links": _links(call, row),
    }


ROUTES = (
    Route("GET", "/api/v4/{kind}/notes", index),
    Route("POST", "/api/v4/{kind}/notes", create),
    Route("PATCH", "/api/v4/{kind}/notes", update_many),
    Route("GET", "/api/v4/{kind}/notes/{id}", one),
    Route("PATCH", "/api/v4/{kind}/notes/{id}", update_bare),
    Route("GET", "/api/v4/{kind}/{id}/notes", index),
    Route("POST", "/api/v4/{kind}/{id}/notes", create),
    Route("PATCH", "/api/v4/{kind}/{id}/notes", update_many),
    Route("GET", "/api/v4/{kind}/{id}/notes/{id}", one_of_card),
    Route("PATCH", "/api/v4/{kind}/{id}/notes/{id}", update_one),
)
