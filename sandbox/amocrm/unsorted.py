"""What waits to be accepted: calls and forms of people whom nobody knows yet?"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

import orjson

from sandbox.amocrm import changes, drafts, notes, query
from sandbox.amocrm.account import Account
from sandbox.amocrm.cards import stub
from sandbox.amocrm.http import Answer, Call, Refused, Route, collection, hal, problem
from sandbox.amocrm.query import Test
from sandbox.amocrm.types import LOST, Json
from sandbox.amocrm.validation import (
    Check,
    Faults,
    all_of,
    any_value,
    boolean,
    integer,
    is_integer,
    loose_text,
    nested,
    one_of,
    read,
    request_id,
    require,
    responsible,
    text,
    whole,
)

_SIP: dict[str, Check] = {
    "is_call_event_needed": boolean, "uniq": text, "duration": whole, "service_code": text, "link": text,
    "phone": loose_text, "called_at": whole, "from": loose_text, "call_responsible": any_value,
}  # fmt: skip
_FORMS: dict[str, Check] = {
    "form_id": loose_text, "form_name": text, "form_page": text, "ip": text, "form_sent_at": whole, "referer": text,
    "visitor_uid": text,
}  # fmt: skip
_CATEGORIES: dict[str, tuple[dict[str, Check], tuple[str, ...]]] = {
    "sip": (_SIP, ("uniq", "duration", "service_code", "link", "phone", "called_at", "from")),
    "forms": (_FORMS, ("form_id", "form_name", "form_page", "form_sent_at")),
}
"""What is known and what is required of `metadata`."""
_PARTS = ("leads", "contacts", "companies")


def create_sip(call: Call) -> Answer:
    return _create(call, "sip")


def create_forms(call: Call) -> Answer:
    return _create(call, "forms")


def _create(call: Call, category: str) -> Answer:
    """POST of an array; all or nothing."""
    items, made = call.items(), []
    for at, (given, parts) in enumerate(all_of(items, lambda item, faults: _draft(call, category, item, faults))):
        row = keep(call.account, category, given, parts, by=call.user_id)
        call.account.seen_unsorted.add(_fingerprint(category, items[at]))
        made.append(_made(call, row, request_id(items[at], at)))
    return collection(call, "unsorted", made, counted=True)


def _draft(call: Call, category: str, item: Json, faults: Faults) -> tuple[Json, dict[str, list[drafts.Draft]]]:
    account = call.account
    require(item, ("source_name", "source_uid", "metadata"), faults)
    checks: dict[str, Check] = {
        "source_name": text, "source_uid": text, "created_at": whole, "pipeline_id": drafts.pipeline,
    }  # fmt: skip
    given = read(account, item, checks, faults)
    given["pipeline_id"] = given.get("pipeline_id") or account.main_pipeline()["id"]
    pipeline = account.pipelines.get(given["pipeline_id"])
    if pipeline is not None and not pipeline["is_unsorted_on"]:
        faults.add("NotSupportedChoice", "pipeline_id")
    if _fingerprint(category, item) in account.seen_unsorted:
        faults.add("NotUnique", "metadata", "This value is already used.")
    given["metadata"] = metadata(account, category, item.get("metadata"), faults)
    embedded = nested(item, "_embedded")
    return given, {kind: _parts(call, kind, embedded.get(kind), faults) for kind in _PARTS}


def metadata(account: Account, category: str, written: Any, faults: Faults) -> Json:
    checks, required = _CATEGORIES[category]
    if not isinstance(written, dict):
        if written is not None:
            faults.wrong_type("metadata", "array")
        return {}
    require(written, required, faults, "metadata.")
    return read(account, written, checks, faults, "metadata.")


def _parts(call: Call, kind: str, written: Any, faults: Faults) -> list[drafts.Draft]:
    if written is not None and not isinstance(written, list):
        faults.wrong_type(f"_embedded.{kind}", "array")
        return []
    return [
        drafts.draft(
            call.account,
            kind,
            one if isinstance(one, dict) else {},
            faults,
            by=call.user_id,
            path=f"_embedded.{kind}.{at}.",
        )
        for at, one in enumerate(written or ())
        if one
    ]


def _fingerprint(category: str, item: Json) -> str:
    told = {key: value for key, value in item.items() if key != "request_id"}
    return hashlib.sha256(category.encode() + orjson.dumps(told, option=orjson.OPT_SORT_KEYS)).hexdigest()


def keep(account: Account, category: str, given: Json, parts: dict[str, list[drafts.Draft]], *, by: int) -> Json:
    """A lead in the special stage, its contact and company hidden."""
    pipeline = account.pipelines[given["pipeline_id"]]
    leads = parts["leads"] or [drafts.draft(account, "leads", {}, Faults(), by=by)]
    stage = next(one["id"] for one in pipeline["statuses"] if one["type"] == 1)
    for one in leads:
        one.row |= {"pipeline_id": pipeline["id"], "status_id": stage}
    for one in parts["contacts"] + parts["companies"]:
        one.row["is_unsorted"] = True
    ids = {
        kind: [drafts.keep(account, one, by=by)["id"] for one in (leads if kind == "leads" else parts[kind])]
        for kind in _PARTS
    }
    for lead in ids["leads"]:
        for at, contact in enumerate(ids["contacts"]):
            account.links.add(("leads", lead), ("contacts", contact), main_contact=at == 0)
        for company in ids["companies"]:
            account.links.add(("leads", lead), ("companies", company))
    row = {
        "uid": account.ids.hex(57), "source_uid": given["source_uid"], "source_name": given["source_name"], "category": category,
        "pipeline_id": pipeline["id"], "created_at": given.get("created_at", account.now()), "metadata": given["metadata"],
        "account_id": account.id, "ids": ids, "is_open": True, "updated_at": account.now(),
    }  # fmt: skip
    account.unsorted[row["uid"]] = row
    if category == "sip" and given["metadata"].get("is_call_event_needed"):
        _note_call(account, given["metadata"], ids["leads"][0], by)
    account.hooks.say("add_unsorted", "unsorted", "add", _told(account, row))
    return row


def _note_call(account: Account, told: Json, lead_id: int, by: int) -> None:
    params = {key: told.get(key) for key in ("uniq", "duration", "link", "phone", "call_responsible")}
    params |= {"source": told.get("service_code"), "call_status": None, "call_result": ""}
    notes.keep(account, notes.blank(account, "leads", lead_id, "call_in", params, by), by)


def _told(account: Account, row: Json) -> Json:
    """What a webhook says of an item."""
    return {
        "uid": row["uid"], "category": row["category"], "account_id": account.id, "source": row["source_name"],
        "pipeline_id": row["pipeline_id"], "lead_id": row["ids"]["leads"][0], "source_data": row["metadata"],
        "created_at": row["created_at"],
        "data": {kind: [{"id": id} for id in row["ids"][kind]] for kind in _PARTS},
    }  # fmt: skip


def _made(call: Call, row: Json, request: str) -> Json:
    return {
        "uid": row["uid"], "account_id": row["account_id"], "request_id": request,
        "_links": call.self_link(f"/api/v4/leads/unsorted/{row['uid']}"), "_embedded": _embedded(call, row),
    }  # fmt: skip


def _embedded(call: Call, row: Json) -> Json:
    return {kind: [stub(call, kind, id) for id in row["ids"][kind]] for kind in ("contacts", "leads", "companies")}


def index(call: Call) -> Answer:
    page, limit = query.paging(call)
    tests = list(_tests(call))
    rows = [row for row in call.account.unsorted.values() if row["is_open"] and all(test(row) for test in tests)]
    order = call.params.get("order")
    key, direction = next(iter(order.items())) if isinstance(order, dict) and order else ("created_at", "asc")
    if key in {"created_at", "updated_at"}:
        rows.sort(key=lambda row: row[key], reverse=direction == "desc")
    part = rows[(page - 1) * limit : page * limit]
    return query.envelope(call, "unsorted", [shown(call, row) for row in part], page, limit)


_FILTERS = {
    "uid": query.named("uid"), "category": query.named("category"), "pipeline_id": query.one_of("pipeline_id"),
}  # fmt: skip


def _tests(call: Call) -> Iterator[Test]:
    wanted = nested(call.params, "filter")
    return (build(call.account, wanted[key]) for key, build in _FILTERS.items() if key in wanted)


def _between(call: Call) -> Iterator[Test]:
    """The summary also knows when items came in."""
    if moments := nested(call.params, "filter").get("created_at"):
        yield query.between("created_at")(call.account, moments)


def one(call: Call, uid: str) -> Answer:
    return hal(shown(call, _found(call, uid)))


def _found(call: Call, uid: object) -> Json:
    row = call.account.unsorted.get(str(uid))
    if row is None or not row["is_open"]:
        raise Refused(problem(404, "Unsorted not found"))
    return row


def shown(call: Call, row: Json) -> Json:
    """An item of the list; the types of its metadata are loose."""
    keys = ("uid", "source_uid", "source_name", "category", "pipeline_id", "created_at")
    return {
        **{key: row[key] for key in keys}, "metadata": _loose(row["metadata"]), "account_id": row["account_id"],
        "_links": call.self_link(f"/api/v4/leads/unsorted/{row['uid']}"), "_embedded": _embedded(call, row),
    }  # fmt: skip


def _loose(told: Json) -> Json:
    loose = dict(told)
    if str(told.get("phone", "")).isdigit():
        loose["phone"] = int(told["phone"])
    for key in ("duration", "form_sent_at"):
        if key in told:
            loose[key] = str(told[key])
    return loose


def summary(call: Call) -> Answer:
    tests = [*_tests(call), *_between(call)]
    rows = [row for row in call.account.unsorted.values() if all(test(row) for test in tests)]
    still = [row for row in rows if row["is_open"]]
    counts = {
        name: {"total": sum(row["category"] == name for row in still)} for name in ("sip", "mail", "forms", "chats")
    }
    done = {name: sum(row.get("became") == name for row in rows) for name in ("accepted", "declined")}
    times = [row["updated_at"] - row["created_at"] for row in rows if not row["is_open"]]
    average = sum(times) // len(times) if times else 0
    return hal({
        "total": len(still), **done, "average_sort_time": average, "categories": counts,
        "_links": call.self_link("/api/v4/leads/unsorted/summary"),
    })  # fmt: skip


def accept(call: Call, uid: str) -> Answer:
    """The lead becomes a regular one, its contact and company are seen from now on."""
    row, account = _found(call, uid), call.account
    user_id, status_id = _deciding(call, row)
    pipeline = account.pipelines[row["pipeline_id"]]
    settle(account, row, status_id or drafts.first_status(pipeline), user_id)
    return hal(_decided(call, row))


def decline(call: Call, uid: str) -> Answer:
    """The lead is closed as lost, what was hidden stays hidden."""
    row, account = _found(call, uid), call.account
    user_id, _ = _deciding(call, row)
    refuse(account, row, user_id)
    return hal(_decided(call, row))


def settle(account: Account, row: Json, status_id: int, user_id: int) -> None:
    """Accept an item."""
    row |= {"is_open": False, "became": "accepted", "updated_at": account.now()}
    for kind in ("contacts", "companies"):
        for id in row["ids"][kind]:
            if hidden := account.table(kind).rows.get(id):
                changes.reveal(account, kind, hidden, user_id)
    for id in row["ids"]["leads"]:
        lead = account.row("leads", id)
        if lead:
            changes.change(account, "leads", lead, {"status_id": status_id, "responsible_user_id": user_id}, user_id)
    _tell_end(account, row, "accept", ("leads", "contacts"))


def refuse(account: Account, row: Json, user_id: int) -> None:
    """Decline an item."""
    row |= {"is_open": False, "became": "declined", "updated_at": account.now()}
    for id in row["ids"]["leads"]:
        lead = account.row("leads", id)
        if lead:
            changes.change(account, "leads", lead, {"status_id": LOST}, user_id)
    _tell_end(account, row, "decline", ("leads",))


def _tell_end(account: Account, row: Json, action: str, kinds: tuple[str, ...]) -> None:
    result = {kind: row["ids"][kind] for kind in kinds}
    account.hooks.say(
        "delete_unsorted", "unsorted", "delete", _told(account, row) | {"action": action, f"{action}_result": result}
    )


def _deciding(call: Call, row: Json) -> tuple[int, int | None]:
    """Who decides, and the stage he wants; raises Refused."""
    given = call.object() if call.body else {}
    checked = one_of(given, lambda item, faults: _decision(call.account, row, item, faults))
    return checked.get("user_id", call.user_id), checked.get("status_id")


def _decision(account: Account, row: Json, item: Json, faults: Faults) -> Json:
    checked = read(account, item, {"user_id": responsible, "status_id": integer}, faults)
    if "status_id" in checked and not account.has_status(row["pipeline_id"], checked["status_id"]):
        faults.add("NotSupportedChoice", "status_id")
    return checked


def _decided(call: Call, row: Json) -> Json:
    keys = ("uid", "category", "pipeline_id", "created_at", "account_id")
    embedded = {kind: [stub(call, kind, id) for id in row["ids"][kind]] for kind in _PARTS}
    links = call.self_link(f"/api/v4/leads/unsorted/{row['uid']}")
    return {**{key: row[key] for key in keys}, "_links": links, "_embedded": embedded}


def link(call: Call, uid: str) -> Answer:
    """Join a chat to a lead that is there already; other categories cannot."""
    row, told = _found(call, uid), call.object().get("link")
    told = told if isinstance(told, dict) else {}
    lead = call.account.row("leads", told["entity_id"]) if is_integer(told.get("entity_id")) else None
    if row["category"] != "chats" or lead is None:
        return problem(400, "Request validation failed")
    row |= {"is_open": False, "became": "accepted", "updated_at": call.account.now()}
    row["ids"]["leads"] = [lead["id"]]
    return hal(_decided(call, row))


ROUTES = (
    Route("GET", "/api/v4/leads/unsorted", index),
    Route("GET", "/api/v4/leads/unsorted/summary", summary),
    Route("POST", "/api/v4/leads/unsorted/sip", create_sip),
    Route("POST", "/api/v4/leads/unsorted/forms", create_forms),
    Route("GET", "/api/v4/leads/unsorted/{uid}", one),
    Route("POST", "/api/v4/leads/unsorted/{uid}/accept", accept),
    Route("DELETE", "/api/v4/leads/unsorted/{uid}/decline", decline),
    Route("POST", "/api/v4/leads/unsorted/{uid}/link", link),
)
