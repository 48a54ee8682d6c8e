"""Contract, section 10: each change is remembered."""

import pytest


async def latest(api, entity, id):
    return [
        (one["type"], one["value_before"], one["value_after"])
        for one in await api.items(f"/api/v4/events?filter[entity][]={entity}&filter[entity_id][]={id}")
    ]


async def test_events_come_newest_first_with_the_documented_keys(api):
    id = await api.made("/api/v4/leads", {"name": "x"})
    await api.ask("PATCH", f"/api/v4/leads/{id}", {"status_id": 32003})
    event, *_ = await api.items(f"/api/v4/events?filter[entity]=lead&filter[entity_id]={id}")
    assert (event["type"], event["entity_type"], event["created_by"]) == ("lead_status_changed", "lead", 8100001)
    assert event["value_before"] == [{"lead_status": {"id": 32002, "pipeline_id": 3100}}]
    assert event["value_after"] == [{"lead_status": {"id": 32003, "pipeline_id": 3100}}]
    assert len(event["id"]) == 26
    assert event["id"] == event["id"].lower()
    assert event["_embedded"]["entity"]["id"] == id
    assert (await api.read(f"/api/v4/events/{event['id']}"))["id"] == event["id"]


async def test_the_life_of_a_lead(api):
    id = await api.made("/api/v4/leads", {"name": "x", "price": 5})
    await api.ask(
        "PATCH", f"/api/v4/leads/{id}", {"responsible_user_id": 8100002, "price": 6, "tags_to_add": [{"name": "vip"}]}
    )
    await api.touch("leads", id, "delete")
    await api.touch("leads", id, "restore")
    told = await latest(api, "lead", id)
    assert [type for type, *_ in reversed(told)] == [
        "lead_added", "entity_tag_added", "entity_responsible_changed", "sale_field_changed", "lead_deleted", "lead_restored",
    ]  # fmt: skip
    values = {type: (before, after) for type, before, after in told}
    assert values["entity_responsible_changed"] == (
        [{"responsible_user": {"id": 8100001}}],
        [{"responsible_user": {"id": 8100002}}],
    )
    assert values["sale_field_changed"] == ([{"sale_field_value": {"sale": 5}}], [{"sale_field_value": {"sale": 6}}])
    assert values["entity_tag_added"] == ([], [{"tag": {"name": "vip"}}])
    assert values["lead_deleted"] == ([], [])
    assert set(values["lead_added"][1][0]) == {"note"}


async def test_the_life_of_a_task(api):
    id = await api.made("/api/v4/tasks", {"text": "а", "complete_till": 1_900_000_000})
    await api.ask("PATCH", f"/api/v4/tasks/{id}", {"text": "б", "complete_till": 1_900_000_001, "task_type_id": 2})
    await api.ask("PATCH", f"/api/v4/tasks/{id}", {"is_completed": True, "result": {"text": "да"}})
    told = {type: (before, after) for type, before, after in await latest(api, "task", id)}
    assert told["task_text_changed"] == ([{"task": {"text": "а"}}], [{"task": {"text": "б"}}])
    assert told["task_deadline_changed"] == (
        [{"task_deadline": {"timestamp": 1_900_000_000}}],
        [{"task_deadline": {"timestamp": 1_900_000_001}}],
    )
    assert told["task_type_changed"] == ([{"task_type": {"id": 1}}], [{"task_type": {"id": 2}}])
    assert told["task_completed"] == ([], [])
    assert set(told) >= {"task_added", "task_result_added"}


async def test_a_changed_phone_is_an_event_of_its_field(api):
    await api.touch("contacts", 51001, "phone", phone="+79990000001")
    (event,) = await api.items("/api/v4/events?filter[type][]=custom_field_value_changed")
    assert event["type"] == "custom_field_70011_value_changed"
    assert event["value_after"] == [
        {"custom_field_value": {"field_id": 70011, "field_type": 8, "enum_id": 88001, "text": "+79990000001"}}
    ]


async def test_links_are_events_of_both(api):
    lead, contact = await api.made("/api/v4/leads", {}), await api.made("/api/v4/contacts", {"name": "x"})
    await api.ask("POST", f"/api/v4/leads/{lead}/link", [{"to_entity_id": contact, "to_entity_type": "contacts"}])
    await api.ask(
        "POST", f"/api/v4/leads/{lead}/unlink", [{"to_entity_id": contact, "to_entity_type": "contacts"}], 204
    )
    told = {type: after for type, _, after in await latest(api, "lead", lead)}
    assert told["contact_linked"] == [{"link": {"entity": {"type": "contact", "id": contact}}}]
    assert told["contact_unlinked"] == [{"unlink": {"entity": {"type": "contact", "id": contact}}}]
    assert {type for type, *_ in await latest(api, "contact", contact)} >= {"lead_linked", "lead_unlinked"}


async def test_a_merge_names_the_survivor_only(api):
    one, other, *_ = [row["id"] for row in await api.items("/api/v4/contacts")]
    await api.touch("contacts", one, "merge", loser=other)
    assert (await api.get(f"/api/v4/contacts/{other}")).status_code == 204
    (event,) = await api.items("/api/v4/events?filter[type]=entity_merged")
    assert (event["entity_id"], event["value_before"], event["value_after"]) == (one, [], [])


async def test_the_survivor_of_a_merge_has_the_phones_and_leads_of_both(api):
    one, other, *_ = await api.items("/api/v4/contacts?with=leads")
    number = other["custom_fields_values"][0]["values"][0]["value"]
    leads = [lead["id"] for row in (one, other) for lead in row["_embedded"]["leads"]]
    await api.touch("contacts", one["id"], "merge", loser=other["id"])
    row = await api.read(f"/api/v4/contacts/{one['id']}?with=leads")
    assert number in [value["value"] for value in row["custom_fields_values"][0]["values"]]
    assert {lead["id"] for lead in row["_embedded"]["leads"]} == set(leads)


async def test_events_are_filtered_by_value_and_author(api):
    id = await api.made("/api/v4/leads", {})
    await api.ask("PATCH", f"/api/v4/leads/{id}", {"status_id": 142})
    await api.touch("leads", id, "responsible", user_id=8100002, by=8100002)
    status = (
        "filter[value_after][leads_statuses][0][pipeline_id]=3100&filter[value_after][leads_statuses][0][status_id]=142"
    )
    assert id in [one["entity_id"] for one in await api.items(f"/api/v4/events?{status}")]
    other = "filter[value_after][leads_statuses][0][status_id]=32004"
    assert await api.items(f"/api/v4/events?{other}&filter[entity]=lead&filter[entity_id]={id}") == []
    (event,) = await api.items(
        "/api/v4/events?filter[created_by][]=8100002&filter[value_after][responsible_user_id]=8100002"
    )
    assert event["entity_id"] == id


@pytest.mark.parametrize(
    "range",
    [
        "filter[created_at]={0},{0}",
        "filter[created_at][from]={0}&filter[created_at][to]={0}",
        "filter[created_at][]={0}&filter[created_at][]={0}",
    ],
)
async def test_events_of_a_time_in_every_spelling(api, range):
    events = await api.items("/api/v4/events?limit=100")
    moment = events[3]["created_at"]
    found = await api.items(f"/api/v4/events?{range.format(moment)}")
    assert {one["id"] for one in found} == {one["id"] for one in events if one["created_at"] == moment}


async def test_a_bare_time_means_after(api):
    events = await api.items("/api/v4/events?limit=100")
    moment = events[3]["created_at"]
    found = await api.items(f"/api/v4/events?filter[created_at]={moment}&limit=100")
    assert [one["id"] for one in found] == [one["id"] for one in events if one["created_at"] >= moment]


async def test_types_in_every_spelling(api):
    for spelling in (
        "filter[type][]=lead_added&filter[type][]=task_added",
        "filter[type][0]=lead_added&filter[type][1]=task_added",
        "filter[type]=lead_added,task_added",
    ):
        assert {one["type"] for one in await api.items(f"/api/v4/events?{spelling}")} == {"lead_added"}


async def test_a_hundred_a_page_at_most(api):
    await api.ask("POST", "/api/v4/contacts", [{"name": "x"}] * 120)
    assert len(await api.items("/api/v4/events?limit=250")) == 100


async def test_entity_ids_need_exactly_one_entity(api):
    await api.read("/api/v4/events?filter[entity_id]=1", 400)
    await api.read("/api/v4/events?filter[entity_id]=1&filter[entity]=lead,contact", 400)


async def test_types_are_listed_and_names_come_with_with(api):
    types = (await api.read("/api/v4/events/types?language_code=ru"))["_embedded"]["events_types"]
    assert {"key", "type", "lang"} == set(types[0])
    event = (await api.items("/api/v4/events?filter[type]=lead_added&with=lead_name"))[0]
    assert event["_embedded"]["entity"]["name"]


async def test_the_seed_tells_who_had_a_lead_before(api):
    changed = await api.items(
        "/api/v4/events?filter[type][]=entity_responsible_changed&filter[type][]=lead_status_changed"
    )
    assert changed
