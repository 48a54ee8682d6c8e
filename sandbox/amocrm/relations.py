"""Which cards are linked, and who links them?"""

from __future__ import annotations

from typing import Any

from sandbox.amocrm import changes, php
from sandbox.amocrm.account import Account
from sandbox.amocrm.http import Answer, Call, Refused, Route, hal, nothing, problem
from sandbox.amocrm.types import KINDS, Json
from sandbox.amocrm.validation import Faults, Verdict, is_integer, nested, request_id

_ALLOWED = {
    "leads": ("contacts", "companies"),
    "contacts": ("companies", "customers", "leads"),
    "companies": ("contacts", "leads", "customers"),
    "customers": ("contacts", "companies"),
}
_ELEMENTS = "catalog_elements"


def of_one(call: Call, kind: str, id: int) -> Answer:
    """The links of a card; the items need not say whose."""
    if call.account.row(kind, id) is None:
        return nothing()
    items = [
        {key: value for key, value in one.items() if key not in {"entity_id", "entity_type"}}
        for one in _of(call, kind, id)
    ]
    return _listed(call, f"/api/v4/{kind}/{id}/links", items)


def of_many(call: Call, kind: str) -> Answer:
    wanted = call.params.get("filter")
    ids = php.integers(wanted.get("entity_id")) if isinstance(wanted, dict) else []
    if not ids:
        return problem(400, "filter[entity_id] is required")
    return _listed(call, f"/api/v4/{kind}/links", [one for id in ids for one in _of(call, kind, id)])


def _listed(call: Call, path: str, items: list[Json]) -> Answer:
    if not items:
        return nothing()
    return hal({"_total_items": len(items), "_links": call.self_link(path), "_embedded": {"links": items}})


def _of(call: Call, kind: str, id: int) -> list[Json]:
    wanted = call.params.get("filter")
    wanted = wanted if isinstance(wanted, dict) else {}
    to_kinds, to_ids = php.values(wanted.get("to_entity_type")), php.integers(wanted.get("to_entity_id"))
    links = call.account.links.all_of((kind, id))
    return [
        _shown(call.account, (kind, id), other)
        for other in links
        if (other[0] == _ELEMENTS or call.account.row(*other))
        and (not to_kinds or other[0] in to_kinds)
        and (not to_ids or other[1] in to_ids)
    ]


def _shown(account: Account, card: tuple[str, int], other: tuple[str, int]) -> Json:
    """Written as `is_main`, read as `main_contact`."""
    metadata: Json | None = None
    if {card[0], other[0]} == {"leads", "contacts"}:
        lead, contact = (card[1], other[1]) if card[0] == "leads" else (other[1], card[1])
        metadata = {"main_contact": account.main_contact(lead) == contact}
    elif other[0] == _ELEMENTS:
        metadata = dict(account.links.metadata(card, other))
    return {
        "entity_id": card[1], "entity_type": card[0], "to_entity_id": other[1], "to_entity_type": other[0], "metadata": metadata,
    }  # fmt: skip


def link_one(call: Call, kind: str, id: int) -> Answer:
    return _change(call, kind, id, joins=True)


def link_many(call: Call, kind: str) -> Answer:
    return _change(call, kind, None, joins=True)


def unlink_one(call: Call, kind: str, id: int) -> Answer:
    return _change(call, kind, id, joins=False)


def unlink_many(call: Call, kind: str) -> Answer:
    return _change(call, kind, None, joins=False)


def _change(call: Call, kind: str, id: int | None, *, joins: bool) -> Answer:
    """All or nothing."""
    account, items, verdict = call.account, call.items(), Verdict()
    if id is not None and account.row(kind, id) is None:
        raise Refused(problem(404, "Entity not found"))
    for at, item in enumerate(items):
        faults = Faults()
        _check(account, kind, item.get("entity_id") if id is None else id, item, faults, must_exist=joins)
        verdict.judge(request_id(item, at), faults)
    verdict.end()
    changed = [_apply(call, (kind, item["entity_id"] if id is None else id), item, joins=joins) for item in items]
    if not joins:
        return nothing()
    path = f"/api/v4/{kind}/{'' if id is None else f'{id}/'}link"
    shown = [_shown(account, card, other) for card, other in changed]
    return hal({"_total_items": len(shown), "_links": call.self_link(path), "_embedded": {"links": shown}})


def _check(account: Account, kind: str, id: Any, item: Json, faults: Faults, *, must_exist: bool) -> None:
    to_kind, to_id = item.get("to_entity_type"), item.get("to_entity_id")
    if not is_integer(id):
        faults.add("FieldMissing", "entity_id")
    elif must_exist and account.row(kind, id) is None:
        faults.add("NotSupportedChoice", "entity_id")
    if to_kind == _ELEMENTS:
        return
    if to_kind not in _ALLOWED[kind]:
        faults.add("FieldMissing" if to_kind is None else "NotSupportedChoice", "to_entity_type")
    if not is_integer(to_id):
        faults.add("FieldMissing", "to_entity_id") if to_id is None else faults.wrong_type("to_entity_id", "int")
    elif must_exist and to_kind in KINDS and account.row(str(to_kind), int(to_id or 0)) is None:
        faults.add("NotSupportedChoice", "to_entity_id")


def _apply(call: Call, card: tuple[str, int], item: Json, *, joins: bool) -> tuple[tuple[str, int], tuple[str, int]]:
    account, other = call.account, (str(item["to_entity_type"]), int(item["to_entity_id"]))
    if not joins:
        changes.unlink(account, card, other, call.user_id)
        return card, other
    written = nested(item, "metadata")
    if other[0] == "companies" and card[0] == "contacts":
        for company in account.links.of(card, "companies"):
            changes.unlink(account, card, ("companies", company), call.user_id)
    kept = written if other[0] == _ELEMENTS else {}
    changes.link(account, card, other, call.user_id, **kept)
    if {card[0], other[0]} == {"leads", "contacts"} and (written.get("is_main") or written.get("main_contact")):
        lead, contact = (card[1], other[1]) if card[0] == "leads" else (other[1], card[1])
        account.links.set_main(lead, contact)
    return card, other


ROUTES = (
    Route("GET", "/api/v4/{kind}/links", of_many),
    Route("POST", "/api/v4/{kind}/link", link_many),
    Route("POST", "/api/v4/{kind}/unlink", unlink_many),
    Route("GET", "/api/v4/{kind}/{id}/links", of_one),
    Route("POST", "/api/v4/{kind}/{id}/link", link_one),
    Route("POST", "/api/v4/{kind}/{id}/unlink", unlink_one),
)
