"""How are leads, contacts, companies and customers listed, shown, created and changed?"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from sandbox.amocrm import changes, fields, query
from sandbox.amocrm.account import Account
from sandbox.amocrm.http import Answer, Call, Refused, Route, collection, hal, nothing, problem
from sandbox.amocrm.query import Filter, Listing, Test
from sandbox.amocrm.types import KINDS, LOST, WON, Json
from sandbox.amocrm.validation import (
    Check,
    Faults,
    all_of,
    author,
    integer,
    is_integer,
    nested,
    number,
    one_of,
    read,
    request_id,
    responsible,
    text,
    whole,
)


def pipeline(account: Account, value: Any, path: str, faults: Faults) -> int:
    checked = integer(account, value, path, faults)
    if checked not in account.pipelines:
        faults.add("NotSupportedChoice", path)
    return checked


def loss_reason(account: Account, value: Any, path: str, faults: Faults) -> int:
    checked = integer(account, value, path, faults)
    if checked not in account.loss_reasons:
        faults.add("NotSupportedChoice", path)
    return checked


_COMMON: dict[str, Check] = {
    "name": text, "responsible_user_id": responsible, "created_by": author, "updated_by": author, "created_at": whole,
    "updated_at": whole,
}  # fmt: skip
CHECKS: dict[str, dict[str, Check]] = {
    "leads": {
        **_COMMON, "price": number, "status_id": integer, "pipeline_id": pipeline, "closed_at": whole,
        "loss_reason_id": loss_reason, "score": integer,
    },
    "contacts": {**_COMMON, "first_name": text, "last_name": text},
    "companies": _COMMON,
    "customers": {
        **_COMMON, "next_price": number, "next_date": whole, "status_id": integer, "periodicity": integer,
        "ltv": number, "purchases_count": integer, "average_check": number,
    },
}  # fmt: skip
_CLEARED = {"leads": ("closed_at", "loss_reason_id", "score"), "contacts": (), "companies": (), "customers": ()}
"""What a null empties; elsewhere a null is as good as nothing."""


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
    drafts = all_of(items, lambda item, faults: draft(call.account, kind, item, faults, by=call.user_id))
    ids = [keep(call.account, one, by=call.user_id)["id"] for one in drafts]
    made = [
        stub(call, kind, id, request_id=request_id(item, at))
        for at, (item, id) in enumerate(zip(items, ids, strict=True))
    ]
    return collection(call, kind, made)


@dataclass
class Draft:
    """A card that was checked but is not kept yet."""

    kind: str
    row: Json
    tags: list[str]
    links: list[tuple[str, int, Json]]


def draft(account: Account, kind: str, item: Json, faults: Faults, *, by: int, path: str = "") -> Draft:
    """What an item of a POST will become; what is wrong is noted in `faults`."""
    now = account.now()
    given = read(account, item, CHECKS[kind], faults, path)
    given["custom_fields_values"] = fields.merge(
        account, kind, None, item.get("custom_fields_values"), f"{path}custom_fields_values", faults
    )
    if kind == "leads":
        _place(account, given, None, faults, path)
    embedded = nested(item, "_embedded")
    tags = _tags(account, kind, item, embedded, [], faults, path)
    links = _links(account, kind, embedded, faults, path)
    source = embedded.get("source") if kind == "leads" else None
    if isinstance(source, dict) and source.get("external_id") is not None:
        given["source_id"] = next(
            (one["id"] for one in account.sources.values() if one["external_id"] == source["external_id"]), None
        )
    return Draft(kind, blank(account, kind, now, given.get("responsible_user_id", by), by) | given, tags, links)


def keep(account: Account, one: Draft, *, by: int) -> Json:
    """Give the draft an id and put it in."""
    kind, row = one.kind, one.row
    row = {"id": account.ids.next(kind), **row}
    if kind == "leads":
        row["name"] = row["name"] or f"Сделка #{row['id']}"
        if row["status_id"] in {WON, LOST} and row["closed_at"] is None:
            row["closed_at"] = account.now()
    _compose(row, kind)
    row["group_id"] = account.group_of(row["responsible_user_id"])
    account.tagged[kind, row["id"]] = [changes.tag_id(account, kind, name) for name in one.tags]
    for other, id, metadata in one.links:
        changes.link(account, (kind, row["id"]), (other, id), by, **metadata)
    changes.add(account, kind, row, by)
    return row


def blank(account: Account, kind: str, now: int, responsible_id: int, by: int) -> Json:
    """A new card of a kind, without its id, in the order of keys that the vendor shows."""
    own = {"responsible_user_id": responsible_id, "group_id": 0}
    made = {"created_by": by, "updated_by": by, "created_at": now, "updated_at": now}
    if kind == "leads":
        return {
            "name": "", "price": 0, **own, "status_id": 0, "pipeline_id": 0, "loss_reason_id": None, "source_id": None,
            **made, "closed_at": None, "closest_task_at": None, "is_deleted": False, "custom_fields_values": None,
            "score": None, "account_id": account.id, "labor_cost": None,
        }  # fmt: skip
    if kind == "customers":
        return {
            "name": "", "next_price": 0, "next_date": now, **own, "status_id": 1, "periodicity": 0, **made,
            "closest_task_at": None, "is_deleted": False, "custom_fields_values": None, "ltv": 0, "purchases_count": 0,
            "average_check": 0, "account_id": account.id,
        }  # fmt: skip
    parts = {"first_name": "", "last_name": ""} if kind == "contacts" else {}
    hidden = {"is_unsorted": False} if kind == "contacts" else {}
    return {
        "name": "", **parts, **own, **made, "is_deleted": False, **hidden, "closest_task_at": None,
        "custom_fields_values": None, "account_id": account.id,
    }  # fmt: skip


def _compose(row: Json, kind: str) -> None:
    if kind == "contacts" and not row["name"]:
        row["name"] = " ".join(filter(None, (row["first_name"], row["last_name"])))


def _place(account: Account, given: Json, row: Json | None, faults: Faults, path: str) -> None:
    """Pipeline and stage fit together; what is not said is the main pipeline and its first regular stage."""
    before = row or {}
    pipeline_id = given.get("pipeline_id") or before.get("pipeline_id")
    if row is None and pipeline_id is None and "status_id" in given:
        pipeline_id = next((id for id in account.pipelines if account.has_status(id, given["status_id"])), None)
    pipeline_id = pipeline_id or account.main_pipeline()["id"]
    if pipeline_id not in account.pipelines:
        return
    status_id = given.get("status_id")
    if status_id is None:
        same = before.get("pipeline_id") == pipeline_id
        status_id = before["status_id"] if same else first_status(account.pipelines[pipeline_id])
    elif not account.has_status(pipeline_id, status_id):
        other = next((id for id in account.pipelines if account.has_status(id, status_id)), None)
        if other is None or "pipeline_id" in given:
            faults.add("NotSupportedChoice", f"{path}status_id")
        else:
            pipeline_id = other
    given |= {"pipeline_id": pipeline_id, "status_id": status_id}


def first_status(pipeline_row: Json) -> int:
    """The first regular stage."""
    return int(next(one["id"] for one in pipeline_row["statuses"] if one["type"] == 0))


def _tags(
    account: Account, kind: str, item: Json, embedded: Json, before: list[str], faults: Faults, path: str
) -> list[str]:
    """Names of the tags after the change."""
    names = list(before)
    if "tags" in embedded:
        names = _tag_names(account, kind, embedded["tags"] or [], f"{path}_embedded.tags", faults)
    names += _tag_names(account, kind, item.get("tags_to_add") or [], f"{path}tags_to_add", faults)
    gone = _tag_names(account, kind, item.get("tags_to_delete") or [], f"{path}tags_to_delete", faults)
    return [name for name in dict.fromkeys(names) if name not in gone]


def _tag_names(account: Account, kind: str, written: Any, path: str, faults: Faults) -> list[str]:
    if not isinstance(written, list):
        faults.wrong_type(path, "array")
        return []
    names = []
    for at, one in enumerate(written):
        if isinstance(one, str):
            names.append(one)
        elif not isinstance(one, dict):
            faults.wrong_type(f"{path}.{at}", "array")
        elif one.get("name"):
            names.append(str(one["name"]))
        elif is_integer(one.get("id")) and (known := account.tags[kind].get(one["id"])):
            names.append(known["name"])
        else:
            faults.add("NotSupportedChoice", f"{path}.{at}.id")
    return names


def _links(account: Account, kind: str, embedded: Json, faults: Faults, path: str) -> list[tuple[str, int, Json]]:
    """Cards that a new one is linked to."""
    links: list[tuple[str, int, Json]] = []
    for other in KINDS:
        written = embedded.get(other) or []
        for at, one in enumerate(written if other != kind and isinstance(written, list) else []):
            place = f"{path}_embedded.{other}.{at}.id"
            id = one.get("id") if isinstance(one, dict) else None
            if not is_integer(id):
                faults.wrong_type(place, "int")
            elif account.row(other, int(id or 0)) is None:
                faults.add("NotSupportedChoice", place)
            else:
                main = (
                    {"main_contact": bool(one.get("is_main", at == 0))}
                    if (kind, other) == ("leads", "contacts")
                    else {}
                )
                links.append((other, int(id or 0), main))
    return links


def update_many(call: Call, kind: str) -> Answer:
    """PATCH of an array; all or nothing."""
    items = call.items()
    planned = all_of(items, lambda item, faults: _planned(call, kind, item.get("id"), item, faults))
    for row, written in planned:
        apply(call.account, kind, row, written, by=call.user_id)
    return collection(call, kind, [_changed(call, kind, row) for row, _ in planned])


def update_one(call: Call, kind: str, id: int) -> Answer:
    """PATCH of one object; an array is refused with 405."""
    if isinstance(call.json(), list):
        return problem(405, "Method Not Allowed")
    if call.account.row(kind, id) is None:
        return problem(404, "Entity not found")
    row, written = one_of(call.object(), lambda item, faults: _planned(call, kind, id, item, faults))
    apply(call.account, kind, row, written, by=call.user_id)
    return hal(_changed(call, kind, row))


def _planned(call: Call, kind: str, id: Any, item: Json, faults: Faults) -> tuple[Json, Json]:
    """The row to change and its new values."""
    row = _editable(call, kind, id, faults)
    return (row, patch(call.account, kind, row, item, faults)) if row else ({}, {})


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


def patch(account: Account, kind: str, row: Json, item: Json, faults: Faults) -> Json:
    """The new values of a row; what is wrong is noted in `faults`."""
    given = read(account, item, CHECKS[kind], faults)
    given |= {key: None for key in _CLEARED[kind] if key in item and item[key] is None}
    if "custom_fields_values" in item:
        given["custom_fields_values"] = fields.merge(
            account, kind, row["custom_fields_values"], item["custom_fields_values"], "custom_fields_values", faults
        )
    if kind == "leads" and ("status_id" in given or "pipeline_id" in given):
        _place(account, given, row, faults, "")
    if kind == "contacts" and ("first_name" in given or "last_name" in given) and not given.get("name"):
        named = row | given | {"name": ""}
        _compose(named, kind)
        given["name"] = named["name"]
    if {"_embedded", "tags_to_add", "tags_to_delete"} & set(item):
        before = changes.tag_names(account, kind, row["id"])
        given["_tags"] = _tags(account, kind, item, nested(item, "_embedded"), before, faults, "")
    return given


def apply(account: Account, kind: str, row: Json, written: Json, *, by: int) -> None:
    """Write what `patch` planned."""
    written = dict(written)
    tags = written.pop("_tags", None)
    if tags is not None:
        changes.tag(account, kind, row, tags, by)
    changes.change(account, kind, row, written, by)


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
