"""On whose card does a call land? The calls interface, and the popup that tells an employee who is calling."""

from __future__ import annotations

from typing import Any

from sandbox.amocrm import notes, php
from sandbox.amocrm.account import Account
from sandbox.amocrm.http import Answer, Call, Refused, Route, hal, problem
from sandbox.amocrm.types import ELEMENT, LOST, SINGULAR, WON, Json
from sandbox.amocrm.validation import (
    Check,
    Faults,
    all_of,
    any_value,
    author,
    choice,
    loose_text,
    read,
    request_id,
    require,
    responsible,
    text,
    whole,
)

_CHECKS: dict[str, Check] = {
    "direction": choice("inbound", "outbound"), "duration": whole, "source": text, "phone": loose_text, "uniq": text,
    "link": text, "call_result": loose_text, "call_status": choice(1, 2, 3, 4, 5, 6, 7, 8), "call_responsible": any_value,
    "responsible_user_id": responsible, "created_by": author, "updated_by": author, "created_at": whole, "updated_at": whole,
}  # fmt: skip
_PARAMS = ("uniq", "duration", "source", "link", "phone", "call_result", "call_status", "call_responsible")


def target(account: Account, phone: object) -> tuple[str, int] | None:
    """The card that a call with this number belongs to; None when nobody has it."""
    owner = person(account, phone)
    if owner is None:
        return None
    leads = [id for id in account.links.of(owner, "leads") if _is_active(account, id)]
    customers = account.links.of(owner, "customers")
    if len(leads) == 1 and not customers:
        return "leads", leads[0]
    if len(customers) == 1 and not leads:
        return "customers", customers[0]
    return owner


def person(account: Account, phone: object) -> tuple[str, int] | None:
    """The contact, otherwise the company, with the same last ten digits."""
    for kind in ("contacts", "companies"):
        table = account.table(kind)
        found = [id for id in table.search.by_phone(table.rows, phone) if account.row(kind, id)]
        if found:
            return kind, found[0]
    return None


def _is_active(account: Account, lead_id: int) -> bool:
    row = account.row("leads", lead_id)
    return row is not None and row["status_id"] not in {WON, LOST}


def create(call: Call) -> Answer:
    """Calls with a known number are kept, the others told of: the one place where a batch is not all or nothing."""
    account, items = call.account, call.items()
    checked = all_of(items, lambda item, faults: _checked(account, item, faults))
    made, errors = [], []
    for at, (item, given) in enumerate(zip(items, checked, strict=True)):
        request, card = request_id(item, at), target(account, given["phone"])
        if card is None:
            errors.append(
                {"title": "Entity not found", "detail": "Entity not found", "status": 263, "request_id": request}
            )
        else:
            made.append(_shown(call, _keep(account, given, card, call.user_id), request))
    return hal({"_total_items": len(made), "errors": errors, "_embedded": {"calls": made}}, 200 if made else 400)


def _checked(account: Account, item: Json, faults: Faults) -> Json:
    require(item, ("direction", "duration", "source", "phone"), faults)
    return read(account, item, _CHECKS, faults)


def _keep(account: Account, given: Json, card: tuple[str, int], by: int) -> Json:
    kind, id = card
    params = {"uniq": "", "link": "", "call_result": "", "call_status": None} | {
        key: given[key] for key in _PARAMS if key in given
    }
    params.setdefault("call_responsible", given.get("responsible_user_id", by))
    type = "call_in" if given["direction"] == "inbound" else "call_out"
    more = {
        key: given[key]
        for key in ("responsible_user_id", "created_by", "updated_by", "created_at", "updated_at")
        if key in given
    }
    row = notes.blank(account, kind, id, type, params, by) | more
    return notes.keep(account, row, by)


def _shown(call: Call, row: Json, request: str) -> Json:
    entity = {"id": row["entity_id"], "_links": call.self_link(f"/api/v4/{row['entity_type']}/{row['entity_id']}")}
    return {
        "id": row["id"], "entity_id": row["entity_id"], "entity_type": SINGULAR[row["entity_type"]],
        "account_id": row["account_id"], "request_id": request, "_embedded": {"entity": entity},
    }  # fmt: skip


def popup(call: Call) -> Answer:
    """`POST /api/v2/events`: who is calling, shown to the users named, or to everybody."""
    written = call.form().get("add")
    items = list(written.values()) if isinstance(written, dict) else written
    if not isinstance(items, list) or not items:
        raise Refused(problem(400, "Request validation failed"))
    shown = [_popup(call.account, item) for item in items if isinstance(item, dict)]
    return hal({"_links": {"self": {"href": "/api/v2/events", "method": "post"}}, "_embedded": {"items": shown}})


def _popup(account: Account, item: Json) -> Json:
    card = target(account, item.get("phone_number"))
    kind, id = card or ("", None)
    shown = {
        "element_id": id, "element_type": ELEMENT.get(kind), "uid": account.ids.uuid(), "phone_number": item.get("phone_number"),
    }  # fmt: skip
    account.popups.append({**shown, "users": _users(item.get("users")), "at": account.now()})
    return shown


def _users(written: Any) -> list[int] | None:
    if written is None or written == []:
        return None
    return [int(one) for one in written] if isinstance(written, list) else php.integers(str(written))


ROUTES = (
    Route("POST", "/api/v4/calls", create),
    Route("POST", "/api/v2/events", popup),
)
