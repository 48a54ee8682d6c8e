"""Whatever a client sends, is he answered by the vendor's own refusals and never by a crash?"""

import random

from sandbox.amocrm.app import _MODULES
from tests.sandbox.amocrm.test_calls import CALL, sip

ODD = (
    None,
    True,
    0,
    -1,
    1.5,
    10**30,
    2**53,
    "",
    "x",
    "1",
    [],
    [None],
    ["x"],
    [[]],
    [1],
    {},
    {"id": "x"},
    {"values": 1},
    "2026-99-99",
    float("1e300"),
)
BODIES = {
    "leads": {"name": "x", "price": 1, "status_id": 32002, "pipeline_id": 3100, "_embedded": {"tags": [{"name": "t"}], "contacts": [{"id": 51001}], "source": {"external_id": "e"}}, "tags_to_add": [{"id": 1}], "custom_fields_values": [{"field_id": 70020, "values": [{"value": "x", "enum_id": 1}]}]},
    "contacts": {"name": "x", "first_name": "y", "custom_fields_values": [{"field_code": "PHONE", "values": [{"value": "1", "enum_code": "WORK"}]}], "created_at": 5},
    "tasks": {"text": "x", "complete_till": 5, "entity_id": 51001, "entity_type": "contacts", "result": {"text": "x"}, "duration": 5},
    "notes": {"entity_id": 51001, "note_type": "call_in", "params": {"uniq": "1", "duration": 5, "source": "s", "phone": "1", "call_status": 4}},
    "calls": CALL, "unsorted": sip(), "complex": {"_embedded": {"contacts": [{"name": "x"}], "companies": [{"id": 61001}], "metadata": sip()["metadata"] | {"category": "sip"}}},
    "link": {"to_entity_id": 51001, "to_entity_type": "contacts", "metadata": {"is_main": True}, "entity_id": 900101},
    "custom_fields": {"name": "x", "type": "select", "enums": [{"value": "a", "sort": 1}], "code": "X"},
    "pipelines": {"name": "x", "sort": 5, "is_main": True, "is_unsorted_on": True, "_embedded": {"statuses": [{"name": "s", "sort": 1}]}},
    "statuses": {"name": "x", "sort": 5, "color": "#fff"}, "webhooks": {"destination": "http://127.0.0.1:9/x", "settings": ["add_lead"]},
    "sources": {"name": "s", "external_id": "e", "pipeline_id": 3100}, "chats": {"contact_id": 51001, "chat_id": "u"},
    "users": {"name": "x", "email": "y", "rights": {"leads": {}}}, "roles": {"name": "x", "rights": {}}, "tags": {"name": "x", "color": "y"},
    "accept": {"user_id": 8100001, "status_id": 32002}, "mode": {"mode": "segments", "is_enabled": True},
}  # fmt: skip
QUERIES = (
    "page", "limit", "query", "with", "filter", "filter[id]", "filter[id][]", "filter[updated_at]", "filter[updated_at][from]", "filter[statuses][0]",
    "filter[statuses][0][pipeline_id]", "filter[custom_fields_values][70020]", "filter[custom_fields_values][70031][from]", "order", "order[id]",
    "order[updated_at]", "filter[entity]", "filter[entity_id][]", "filter[created_at]", "filter[value_after][leads_statuses][0]", "filter[value_before]",
    "filter[is_completed]", "filter[note_type]", "filter[type][]", "filter[name]", "contact_id[]", "filter[to_entity_id]", "filter[price][to]",
)  # fmt: skip
VALUES = ("", "x", "1", "-1", "51001", "99999999999999999999", "1,2", "a[b]", "%5B", "1.5", "asc", "lead")


def mutated(value, dice):
    """The same with one place spoilt."""
    if isinstance(value, dict) and value and dice.random() < 0.8:
        key = dice.choice(list(value))
        return {**value, key: mutated(value[key], dice)}
    if isinstance(value, list) and value and dice.random() < 0.8:
        at = dice.randrange(len(value))
        return [*value[:at], mutated(value[at], dice), *value[at + 1 :]]
    return dice.choice(ODD)


async def test_no_body_and_no_query_brings_a_crash(api, amo):
    dice = random.Random(5)
    waiting = await api.ask("POST", "/api/v4/leads/unsorted/sip", [sip("79990000000")])
    uid = waiting["_embedded"]["unsorted"][0]["uid"]
    routes = [route for module in _MODULES for route in module.ROUTES]
    for route in routes * 3:
        kind = dice.choice(("leads", "contacts", "companies", "customers"))
        id = {"leads": "900101", "contacts": "51001", "companies": "61001"}.get(kind, "1")
        path = (
            route.pattern.replace("{kind}", kind).replace("{id}", id, 1).replace("{id}", "32002").replace("{uid}", uid)
        )
        path = (
            path.replace("pipelines/900101", "pipelines/3100")
            .replace("pipelines/51001", "pipelines/3100")
            .replace("pipelines/61001", "pipelines/3100")
        )
        query = "&".join(f"{dice.choice(QUERIES)}={dice.choice(VALUES)}" for _ in range(dice.randrange(4)))
        names = [name for name in reversed(path.split("/")) if name in BODIES] + [
            {"unlink": "link", "groups": "tags", "sip": "unsorted", "forms": "unsorted"}.get(
                path.split("/")[-1], "leads"
            )
        ]
        body = mutated(BODIES[names[0]], dice)
        body = body if route.method == "DELETE" or dice.random() < 0.2 else [body]
        if route.method == "PATCH":
            body = dice.choice(
                [
                    body[0] if isinstance(body, list) and body else body,
                    [
                        {"id": int(id), **(one if isinstance(one, dict) else {})}
                        for one in (body if isinstance(body, list) else [body])
                    ],
                ]
            )
        answer = await api.request(
            route.method,
            f"{path}?{query}",
            **({} if route.method == "GET" else {"json": body if body != 10**30 else 5}),
        )
        assert answer.status_code < 500, (route.method, path, query, body, answer.text)


OLD = {
    "leads": {"name": "x", "price": "5", "status_id": "32003", "tags": "a,b", "custom_fields": [{"id": "70021", "values": [{"value": "x"}]}]},
    "contacts": {"name": "x", "linked_leads_id": ["900101"], "company_name": "q", "custom_fields": [{"id": 70011, "values": [{"value": "+7", "enum": "WORK"}]}]},
    "customers": {"name": "x", "next_date": 5, "contact_id": 51001},
    "tasks": {"element_id": "51001", "element_type": "1", "task_type": "1", "text": "x", "complete_till": 5, "status": "1"},
    "notes": {"element_id": "51001", "element_type": 1, "note_type": "10", "text": '{"DURATION": 5}'},
}  # fmt: skip


async def test_no_body_of_an_old_client_brings_a_crash(api):
    dice = random.Random(3)
    for name, verb in [(name, verb) for name in OLD for verb in ("add", "update")] * 20:
        item = mutated(OLD[name], dice)
        known = {"id": {"leads": 900101, "contacts": 51001, "tasks": 7001}.get(name, 1), "last_modified": 4_000_000_000}
        item = known | item if isinstance(item, dict) and verb == "update" else item
        body = (
            mutated({"request": {name: {verb: [item]}}}, dice)
            if dice.random() < 0.2
            else {"request": {name: {verb: [item]}}}
        )
        answer = await api.post(f"/private/api/v2/json/{name}/set", json=body)
        assert answer.status_code < 500, (name, body, answer.text)
