"""Which talks go on in chats, whose chats are they, and who follows a lead?"""

from __future__ import annotations

from typing import Any

from sandbox.amocrm import php
from sandbox.amocrm.account import Account
from sandbox.amocrm.http import Answer, Call, Refused, Route, collection, hal, nothing, problem
from sandbox.amocrm.types import PLURAL, Json
from sandbox.amocrm.validation import Faults, all_of, integer, read, request_id, require, text


def one(call: Call, id: int) -> Answer:
    return hal(_shown(call, _found(call, id)))


def _found(call: Call, id: int) -> Json:
    talk = call.account.talks.get(id)
    if talk is None:
        raise Refused(problem(404, "Talk not found"))
    return talk


def _shown(call: Call, talk: Json) -> Json:
    mine = {"contacts": talk["contact_id"], PLURAL.get(talk["entity_type"] or "", ""): talk["entity_id"]}
    embedded = {kind: [{"id": mine[kind]}] if mine.get(kind) else [] for kind in ("contacts", "leads", "customers")}
    return talk | {"_links": call.self_link(f"/api/v4/talks/{talk['talk_id']}"), "_embedded": embedded}


def close(call: Call, id: int) -> Answer:
    talk = _found(call, id)
    if not talk["is_in_work"]:
        return problem(422, "Talk is already closed")
    talk |= {"is_in_work": False, "updated_at": call.account.now()}
    call.account.hooks.say("update_talk", "talk", "update", told(talk))
    return Answer(202)


def begin(account: Account, contact_id: int, lead_id: int | None, origin: str) -> Json:
    """A talk that somebody began in a messenger."""
    now = account.now()
    talk: Json = {
        "talk_id": account.ids.next("talks"), "created_at": now, "updated_at": now, "rate": 0, "contact_id": contact_id,
        "chat_id": account.ids.uuid(), "entity_id": lead_id, "entity_type": "lead" if lead_id else None, "is_in_work": True,
        "is_read": False, "origin": origin, "missed_at": None, "account_id": account.id,
    }  # fmt: skip
    account.talks[talk["talk_id"]] = talk
    account.chats.append({"id": account.ids.next("chats"), "chat_id": talk["chat_id"], "contact_id": contact_id})
    account.hooks.say("add_talk", "talk", "add", told(talk))
    return talk


def told(talk: Json) -> Json:
    """What a webhook says of a talk; truth is 0 or 1."""
    keys = ("talk_id", "created_at", "updated_at", "rate", "contact_id", "chat_id", "entity_id", "entity_type", "is_in_work", "is_read", "origin")  # fmt: skip
    return {key: talk[key] for key in keys}


def chats(call: Call) -> Answer:
    """The chats of some contacts, or the contacts of some chats."""
    contacts, wanted = php.integers(call.params.get("contact_id")), php.values(call.params.get("chat_id"))
    rows = [
        one for one in call.account.chats
        if (not contacts or one["contact_id"] in contacts) and (not wanted or one["chat_id"] in wanted)
    ]  # fmt: skip
    return collection(call, "chats", rows, counted=True) if rows else nothing()


def add_chats(call: Call) -> Answer:
    call.must_be_admin()
    items, account, made = call.items(), call.account, []
    for at, given in enumerate(all_of(items, lambda item, faults: _chat(account, item, faults))):
        row = {"chat_id": given["chat_id"], "contact_id": given["contact_id"], "id": account.ids.next("chats")}
        account.chats.append(row)
        made.append(row | {"request_id": request_id(items[at], at)})
    return collection(call, "chats", made, counted=True)


def _chat(account: Account, item: Json, faults: Faults) -> dict[str, Any]:
    require(item, ("contact_id", "chat_id"), faults)
    given = read(account, item, {"contact_id": integer, "chat_id": text}, faults)
    if "contact_id" in given and account.row("contacts", given["contact_id"]) is None:
        faults.add("NotSupportedChoice", "contact_id")
    return given


def subscriptions(call: Call, id: int) -> Answer:
    if call.account.row("leads", id) is None:
        return problem(404, "Lead not found")
    rows = [{"subscriber_id": user_id, "type": "user"} for user_id in call.account.subscriptions.get(id, ())]
    if not rows:
        return nothing()
    head = {"_total_items": len(rows), "_page": 1, "_page_count": 1, "_links": call.self_link(call.path)}
    return hal(head | {"_embedded": {"subscriptions": rows}})


ROUTES = (
    Route("GET", "/api/v4/talks/{id}", one),
    Route("POST", "/api/v4/talks/{id}/close", close),
    Route("GET", "/api/v4/contacts/chats", chats),
    Route("POST", "/api/v4/contacts/chats", add_chats),
    Route("GET", "/api/v4/leads/{id}/subscriptions", subscriptions),
)
