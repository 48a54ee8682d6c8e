"""Who wants to be told of what?"""

from __future__ import annotations

from sandbox.amocrm import php
from sandbox.amocrm.http import Answer, Call, Route, hal, nothing, problem
from sandbox.amocrm.types import Json
from sandbox.amocrm.validation import Faults, Verdict, require

_CARDS = ("lead", "contact", "company")
SETTINGS = frozenset(
    [f"{verb}_{card}" for verb in ("add", "update", "delete", "responsible", "restore", "note") for card in _CARDS]
    + [f"{verb}_customer" for verb in ("add", "update", "delete", "responsible", "note")]
    + [f"{verb}_task" for verb in ("add", "update", "delete", "responsible")]
    + [f"{verb}_unsorted" for verb in ("add", "update", "delete")]
    + ["status_lead", "add_talk", "update_talk", "add_chat_template_review", "add_message"]
)


def index(call: Call) -> Answer:
    call.must_be_admin()
    wanted = call.params.get("filter")
    destinations = (
        php.values(wanted.get("destination")) if isinstance(wanted, dict) and "destination" in wanted else None
    )
    rows = [
        one
        for one in call.account.hooks.subscriptions.values()
        if destinations is None or one["destination"] in destinations
    ]
    if not rows:
        return nothing()
    return hal({"_total_items": len(rows), "_links": call.self_link(call.path), "_embedded": {"webhooks": rows}})


def subscribe(call: Call) -> Answer:
    """The same destination again changes what it is told of."""
    call.must_be_admin()
    account, item = call.account, call.object()
    faults, verdict = Faults(), Verdict()
    require(item, ("destination", "settings"), faults)
    settings = item.get("settings")
    if isinstance(settings, list):
        for at, one in enumerate(settings):
            if not isinstance(one, str) or one not in SETTINGS:
                faults.add("NotSupportedChoice", f"settings.{at}")
    elif settings is not None:
        faults.wrong_type("settings", "array")
    verdict.judge("0", faults)
    verdict.end()
    destination = str(item["destination"])
    if not destination.startswith(("http://", "https://")) or "xn--" in destination:
        return problem(422, "Destination is not a valid URL")
    known = account.hooks.subscriptions
    if destination not in known and len(known) >= 100:
        return problem(422, "Webhooks limit exceeded")
    known[destination] = row = _row(call, destination, list(settings or ()), known.get(destination))
    return hal(row | {"_links": call.self_link("/api/v4/webhooks")}, 201)


def _row(call: Call, destination: str, settings: list[str], before: Json | None) -> Json:
    now = call.account.now()
    new = (
        {"id": call.account.ids.next("hooks"), "destination": destination, "created_at": now}
        if before is None
        else before
    )
    return {
        **new, "updated_at": now, "account_id": call.account.id, "created_by": call.user_id, "sort": 1, "disabled": False,
        "settings": settings,
    }  # fmt: skip


def unsubscribe(call: Call) -> Answer:
    call.must_be_admin()
    destination = call.form().get("destination") or call.params.get("destination")
    removed = call.account.hooks.subscriptions.pop(str(destination), None)
    return nothing() if removed else problem(404, "Webhook not found")


ROUTES = (
    Route("GET", "/api/v4/webhooks", index),
    Route("POST", "/api/v4/webhooks", subscribe),
    Route("DELETE", "/api/v4/webhooks", unsubscribe),
)
