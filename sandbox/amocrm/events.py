"""What does the audit log answer?"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

from sandbox.amocrm import php, query
from sandbox.amocrm.http import Answer, Call, Refused, Route, hal, nothing, problem
from sandbox.amocrm.types import PLURAL, SINGULAR, Json

Test = Callable[[Json], bool]

_NAMES = {
    "contact_name": "contact", "lead_name": "lead", "company_name": "company", "customer_name": "customer",
}  # fmt: skip
_TYPES = (
    "lead_added", "lead_deleted", "lead_restored", "lead_status_changed", "lead_linked", "lead_unlinked", "contact_added",
    "contact_deleted", "contact_restored", "contact_linked", "contact_unlinked", "company_added", "company_deleted",
    "company_restored", "company_linked", "company_unlinked", "customer_added", "customer_deleted",
    "customer_status_changed", "customer_linked", "customer_unlinked", "task_added", "task_deleted", "task_completed",
    "task_type_changed", "task_text_changed", "task_deadline_changed", "task_result_added", "incoming_call",
    "outgoing_call", "incoming_chat_message", "outgoing_chat_message", "entity_direct_message", "incoming_sms",
    "outgoing_sms", "entity_tag_added", "entity_tag_deleted", "entity_linked", "entity_unlinked", "sale_field_changed",
    "name_field_changed", "ltv_field_changed", "custom_field_value_changed", "entity_responsible_changed",
    "robot_replied", "intent_identified", "nps_rate_added", "link_followed", "transaction_added", "common_note_added",
    "common_note_deleted", "attachment_note_added", "targeting_in_note_added", "targeting_out_note_added",
    "geo_note_added", "service_note_added", "site_visit_note_added", "message_to_cashier_note_added",
    "key_action_completed", "entity_merged",
)  # fmt: skip


def index(call: Call) -> Answer:
    """A page of the log, newest first."""
    page, limit = query.paging(call, 100)
    tests = list(_tests(call))
    found = (event for event in reversed(call.account.events) if all(test(event) for test in tests))
    items = [shown(call, event) for event in islice(found, (page - 1) * limit, page * limit)]
    return query.envelope(call, "events", items, page, limit)


def one(call: Call, id: str) -> Answer:
    event = next((event for event in call.account.events if event["id"] == str(id)), None)
    return hal(shown(call, event)) if event else nothing()


def types(call: Call) -> Answer:
    """The types by name; the language is English whatever is asked for."""
    known = dict.fromkeys([*_TYPES, *(event["type"] for event in call.account.events)])
    items = [{"key": key, "type": 4, "lang": key.replace("_", " ").capitalize()} for key in known]
    return hal(
        {
            "_total_items": len(items),
            "_links": call.self_link("/api/v4/events/types"),
            "_embedded": {"events_types": items},
        }
    )


def shown(call: Call, event: Json) -> Json:
    plural = PLURAL[event["entity_type"]]
    entity: Json = {"id": event["entity_id"], "_links": call.self_link(f"/api/v4/{plural}/{event['entity_id']}")}
    if any(event["entity_type"] == _NAMES.get(name) for name in call.wanted):
        row = call.account.table(plural).rows.get(event["entity_id"])
        entity |= {"name": row["name"] if row else ""}
    return {**event, "_links": call.self_link(f"/api/v4/events/{event['id']}"), "_embedded": {"entity": entity}}


def _tests(call: Call) -> Iterator[Test]:
    wanted = call.params.get("filter")
    wanted = wanted if isinstance(wanted, dict) else {}
    entities = php.values(wanted.get("entity"))
    if "entity_id" in wanted and len(entities) != 1:
        raise Refused(problem(400, "filter[entity_id] needs exactly one filter[entity]"))
    for key, most in (("entity_id", 10), ("created_by", 10)):
        if len(php.values(wanted.get(key))) > most:
            raise Refused(problem(400, f"filter[{key}] takes at most {most} values"))
    for key, build in _FILTERS.items():
        if key in wanted:
            yield build(wanted[key])


def _ids(node: Any) -> Test:
    wanted = set(php.values(node))
    return lambda event: event["id"] in wanted


def _created(node: Any) -> Test:
    """A moment and all after it, a range, or `from,to`."""
    if isinstance(node, dict) and not {"from", "to"} & set(node):
        node = ",".join(php.values(node))
    if not isinstance(node, dict):
        since, _, until = str(node).partition(",")
        node = {"from": since, "to": until}
    first, last = (
        int(text) if text.isdigit() else None for text in (str(node.get("from", "")), str(node.get("to", "")))
    )
    return lambda event: (
        (first is None or event["created_at"] >= first) and (last is None or event["created_at"] <= last)
    )


def _authors(node: Any) -> Test:
    wanted = set(php.integers(node))
    return lambda event: event["created_by"] in wanted


def _entities(node: Any) -> Test:
    wanted = {SINGULAR.get(value, value) for value in php.values(node)}
    return lambda event: event["entity_type"] in wanted


def _entity_ids(node: Any) -> Test:
    wanted = set(php.integers(node))
    return lambda event: event["entity_id"] in wanted


def _event_types(node: Any) -> Test:
    """`custom_field_value_changed` means those of all fields."""
    wanted = set(php.values(node))
    any_field = "custom_field_value_changed" in wanted
    return lambda event: event["type"] in wanted or (any_field and event["type"].startswith("custom_field_"))


def _value(side: str) -> Callable[[Any], Test]:
    def build(node: Any) -> Test:
        wanted = node if isinstance(node, dict) else {"value": node}
        return lambda event: all(_has(event[f"value_{side}"], key, inner) for key, inner in wanted.items())

    return build


def _has(values: list[Json], key: str, node: Any) -> bool:
    if key in {"leads_statuses", "customers_statuses"}:
        pairs = list(node.values()) if isinstance(node, dict) else []
        pairs = [{"status_id": one} if isinstance(one, str) else one for one in pairs]
        return any(_is_status(value, pair) for value in values for pair in pairs)
    wanted = set(php.values(node))
    if key == "responsible_user_id":
        return any(str(value.get("responsible_user", {}).get("id")) in wanted for value in values)
    if key == "custom_field_values":
        return any(str(value.get("custom_field_value", {}).get("enum_id")) in wanted for value in values)
    return any(str(leaf) in wanted for value in values for inner in value.values() for leaf in inner.values())


def _is_status(value: Json, pair: Json) -> bool:
    status = value.get("lead_status") or value.get("customer_status") or {}
    is_there = str(status.get("id")) == str(pair.get("status_id")) if "status_id" in pair else True
    return (
        bool(status)
        and is_there
        and ("pipeline_id" not in pair or str(status.get("pipeline_id")) == str(pair["pipeline_id"]))
    )


_FILTERS: dict[str, Callable[[Any], Test]] = {
    "id": _ids, "created_at": _created, "created_by": _authors, "entity": _entities, "entity_id": _entity_ids,
    "type": _event_types, "value_before": _value("before"), "value_after": _value("after"),
}  # fmt: skip

ROUTES = (
    Route("GET", "/api/v4/events", index),
    Route("GET", "/api/v4/events/types", types),
    Route("GET", "/api/v4/events/{uid}", one),
)
