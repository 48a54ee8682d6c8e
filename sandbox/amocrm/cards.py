"""How are leads, contacts, companies and customers listed, shown, created and changed?"""

from __future__ import annotations

import math
from typing import Any

from sandbox.amocrm import drafts, query
from sandbox.amocrm.account import Account
from sandbox.amocrm.http import Answer, Call, Refused, Route, collection, hal, nothing, problem
from sandbox.amocrm.query import Filter, Listing, Test
from sandbox.amocrm.types import Json
from sandbox.amocrm.validation import Faults, all_of, is_integer, one_of, request_id


def field_filter(account: Account, node: Any) -> Test:
    """`filter[custom_fields_values][{id}]`: values, enum ids, or a range."""
    tests = (
        [_field_test(int(id), wanted) for id, wanted in node.items() if id.isdigit()] if isinstance(node, dict) else []
    )
    return lambda row: all(test(row) for test in tests)


def _field_test(field_id: int, wanted: Any) -> Test:
    def values(row: Json) -> list[Json]:
        blocks = row["custom_fields_values"] or ()
        return next((block["values"] for block in blocks if block["field_id"] == field_id), [])

    if isinstance(wanted, dict) and {"from", "to"} & set(wanted):
        since, until = (
            _bound(wanted.get(key), otherwise) for key, otherwise in (("from", -math.inf), ("to", math.inf))
        )
        return lambda row: any(since <= _bound(value["value"], math.nan) <= until for value in values(row))
    texts = {str(value) for value in wanted.values()} if isinstance(wanted, dict) else {str(wanted)}

    def passes(value: Json) -> bool:
        shown = str(int(value["value"])) if isinstance(value["value"], bool) else str(value["value"])
        return (str(value["enum_id"]) if value.get("enum_id") else shown) in texts

    return lambda row: any(passes(value) for value in values(row))


def _bound(value: Any, otherwise: float) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        return otherwise


def status_filter(account: Account, node: Any) -> Test:
    """`filter[statuses][i][pipeline_id]` with `[status_id]`: pairs, one of which fits."""
    pairs = [one for one in node.values() if isinstance(one, dict)] if isinstance(node, dict) else []
    wanted = {(str(one.get("pipeline_id")), str(one.get("status_id"))) for one in pairs}
    return lambda row: (str(row["pipeline_id"]), str(row["status_id"])) in wanted


_FILTERS: dict[str, Filter] = {
    "name": query.named("name"), "created_by": query.one_of("created_by"), "updated_by": query.one_of("updated_by"),
    "responsible_user_id": query.one_of("responsible_user_id"), "created_at": query.between("created_at"),
    "closest_task_at": query.between("closest_task_at"), "custom_fields_values": field_filter,
}  # fmt: skip
LISTINGS = {
    "leads": Listing(
        _FILTERS
        | {
            "price": query.between("price"), "pipeline_id": query.one_of("pipeline_id"), "statuses": status_filter,
            "closed_at": query.between("closed_at"), "status_id": query.one_of("status_id"),
        },
        ("created_at", "updated_at", "id"),
    ),
    "contacts": Listing(_FILTERS),
    "companies": Listing(_FILTERS),
    "customers": Listing(_FILTERS),
}  # fmt: skip


def may(call: Call, kind: str, right: str) -> Test | None:
    """Which cards the user may see or edit, None for all of them."""
    letter = "A" if call.is_admin else call.account.users[call.user_id]["rights"].get(kind, {}).get(right, "A")
    if letter == "A":
        return None
    if letter == "G":
        group = call.account.group_of(call.user_id)
        return lambda row: bool(row["group_id"] == group)
    return lambda row: letter == "M" and bool(row["responsible_user_id"] == call.user_id)


def must_add(call: Call, kind: str) -> None:
    """Raises Refused where the user's rights do not allow new cards."""
    if not call.is_admin and call.account.users[call.user_id]["rights"].get(kind, {}).get("add") == "D":
        raise Refused(problem(403, "Недостаточно прав"))


def index(call: Call, kind: str) -> Answer:
    """A page of cards."""
    query.must_filter(call)
    if kind == "leads" and "only_deleted" in call.wanted:
        return _deleted(call)
    table, tests, found = call.account.table(kind), list[Test](), None
    if call.account.unsorted and kind != "leads":
        tests.append(_is_shown)
    if seen := may(call, kind, "view"):
        tests.append(seen)
    if words := str(call.params.get("query") or "").strip():
        found = table.search.by_text(table.rows, words)
    rows, page, limit = query.chosen(call, table, LISTINGS[kind], tests=tests, within=found)
    return query.envelope(call, kind, [shown(call, kind, row) for row in rows], page, limit)


def _is_shown(row: Json) -> bool:
    return not row.get("is_unsorted")


def _deleted(call: Call) -> Answer:
    page, limit = query.paging(call)
    trash = [call.account.table("leads").trash[id] for id in sorted(call.account.table("leads").trash)]
    keys = ("id", "updated_at", "updated_by", "is_deleted", "account_id")
    shown_keys = [
        {key: row[key] for key in keys} | {"_links": call.self_link(f"/api/v4/leads/{row['id']}")}
        for row in trash[(page - 1) * limit : page * limit]
    ]
    return query.envelope(call, "leads", shown_keys, page, limit)


def one(call: Call, kind: str, id: int) -> Answer:
    """One card, 204 for one that is not there."""
    row = call.account.row(kind, id)
    seen = may(call, kind, "view")
    return hal(shown(call, kind, row)) if row and (seen is None or seen(row)) else nothing()


def stub(call: Call, kind: str, id: int, **more: Any) -> Json:
    """A card inside another answer."""
    return {"id": id, **more, "_links": call.self_link(f"/api/v4/{kind}/{id}")}


def shown(call: Call, kind: str, row: Json) -> Json:
    """A card as lists and single answers have it."""
    return {
        **row,
        "_links": {"self": {"href": f"{call.origin}/api/v4/{kind}/{row['id']}"}},
        "_embedded": _embedded(call, kind, row),
    }


def _embedded(call: Call, kind: str, row: Json) -> Json:
    account, id, wanted = call.account, row["id"], call.wanted
    tags = account.tagged.get((kind, id))
    inner: Json = {"tags": [account.tags[kind][one] for one in tags] if tags else []}
    if kind != "companies":
        inner["companies"] = [stub(call, "companies", one) for one in account.linked(kind, id, "companies")]
    if not wanted:
        return inner
    if kind == "leads":
        return inner | _lead_extras(call, row)
    for other in ("leads", "contacts", "customers"):
        if other in wanted and other != kind:
            inner[other] = [stub(call, other, one) for one in account.linked(kind, id, other)]
    if "catalog_elements" in wanted:
        inner["catalog_elements"] = []
    if "segments" in wanted and kind == "customers":
        inner["segments"] = []
    return inner


def _lead_extras(call: Call, row: Json) -> Json:
    account, wanted = call.account, call.wanted
    inner: Json = {}
    if "contacts" in wanted:
        main, contacts = account.main_contact(row["id"]), account.linked("leads", row["id"], "contacts")
        inner["contacts"] = [stub(call, "contacts", one, is_main=one == main) for one in contacts]
    if "loss_reason" in wanted:
        reason = account.loss_reasons.get(row["loss_reason_id"] or 0)
        inner["loss_reason"] = (
            [reason | {"_links": call.self_link(f"/api/v4/leads/loss_reasons/{reason['id']}")}] if reason else []
        )
    if "catalog_elements" in wanted:
        inner["catalog_elements"] = []
    if "source" in wanted and (source := account.sources.get(row["source_id"] or 0)):
        inner["source"] = {"id": source["id"], "name": source["name"]}
    return inner


def create(call: Call, kind: str) -> Answer:
    """POST of an array; all or nothing."""
    must_add(call, kind)
    items = call.items()
    planned = all_of(items, lambda item, faults: drafts.draft(call.account, kind, item, faults, by=call.user_id))
    ids = [drafts.keep(call.account, one, by=call.user_id)["id"] for one in planned]
    made = [
        stub(call, kind, id, request_id=request_id(item, at))
        for at, (item, id) in enumerate(zip(items, ids, strict=True))
    ]
    return collection(call, kind, made)


def update_many(call: Call, kind: str) -> Answer:
    """PATCH of an array; all or nothing."""
    items = call.items()
    planned = all_of(items, lambda item, faults: _planned(call, kind, item.get("id"), item, faults))
    for row, written in planned:
        drafts.apply(call.account, kind, row, written, by=call.user_id)
    return collection(call, kind, [_changed(call, kind, row) for row, _ in planned])


def update_one(call: Call, kind: str, id: int) -> Answer:
    """PATCH of one object; an array is refused with 405."""
    if isinstance(call.json(), list):
        return problem(405, "Method Not Allowed")
    if call.account.row(kind, id) is None:
        return problem(404, "Entity not found")
    row, written = one_of(call.object(), lambda item, faults: _planned(call, kind, id, item, faults))
    drafts.apply(call.account, kind, row, written, by=call.user_id)
    return hal(_changed(call, kind, row))


def _planned(call: Call, kind: str, id: Any, item: Json, faults: Faults) -> tuple[Json, Json]:
    """The row to change and its new values."""
    row = _editable(call, kind, id, faults)
    return (row, drafts.patch(call.account, kind, row, item, faults)) if row else ({}, {})


def _editable(call: Call, kind: str, id: Any, faults: Faults) -> Json | None:
    """The row to change; raises Refused where the user may not."""
    if not is_integer(id):
        faults.add("FieldMissing", "id") if id is None else faults.wrong_type("id", "int")
        return None
    row = call.account.row(kind, id)
    if row is None:
        faults.add("NotSupportedChoice", "id")
    elif (test := may(call, kind, "edit")) and not test(row):
        raise Refused(problem(403, "Недостаточно прав"))
    return row


def _changed(call: Call, kind: str, row: Json) -> Json:
    name = {"name": row["name"]} if kind == "contacts" else {}
    return {
        "id": row["id"],
        **name,
        "updated_at": row["updated_at"],
        "_links": call.self_link(f"/api/v4/{kind}/{row['id']}"),
    }


ROUTES = (
    Route("GET", "/api/v4/{kind}", index),
    Route("GET", "/api/v4/{kind}/{id}", one),
    Route("POST", "/api/v4/{kind}", create),
    Route("PATCH", "/api/v4/{kind}", update_many),
    Route("PATCH", "/api/v4/{kind}/{id}", update_one),
)
