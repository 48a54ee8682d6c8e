"""What becomes of a written card: is it right, what does it lack, and what does it change?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sandbox.amocrm import changes, fields
from sandbox.amocrm.account import Account
from sandbox.amocrm.types import KINDS, LOST, WON, Json
from sandbox.amocrm.validation import (
    Check,
    Faults,
    author,
    integer,
    is_integer,
    nested,
    number,
    read,
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
