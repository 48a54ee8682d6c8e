"""Contract, section 12: who is told, in which words, and how often."""

import asyncio
from urllib.parse import parse_qsl

import pytest

from sandbox.amocrm import php


async def told(api, receiver):
    """What the receiver was sent since the last look, as trees."""
    await api.control("hooks/flush")
    bodies = [php.parse(body) for body in receiver.bodies]
    receiver.bodies.clear()
    return bodies


async def subscribe(api, receiver, *settings):
    return await api.ask(
        "POST", "/api/v4/webhooks", {"destination": receiver.address, "settings": list(settings), "sort": 10}, 201
    )


async def test_a_subscription_is_made_changed_found_and_ended(api, receiver):
    made = await subscribe(api, receiver, "add_lead")
    assert {key: made[key] for key in ("destination", "settings", "disabled", "sort", "created_by", "account_id")} == {
        "destination": receiver.address, "settings": ["add_lead"], "disabled": False, "sort": 1, "created_by": 8100001, "account_id": 30215544,
    }  # fmt: skip
    again = await subscribe(api, receiver, "update_lead")
    assert (again["id"], again["settings"]) == (made["id"], ["update_lead"])
    assert len(await api.items(f"/api/v4/webhooks?filter[destination]={receiver.address}")) == 1
    assert await api.items("/api/v4/webhooks?filter[destination]=https://other.example") == []
    await api.ask("DELETE", "/api/v4/webhooks", {"destination": receiver.address}, 204)
    await api.ask("DELETE", "/api/v4/webhooks", {"destination": receiver.address}, 404)


async def test_unknown_settings_and_strange_addresses_are_refused(api, receiver):
    body = {"destination": receiver.address, "settings": ["add_lead", "nope"]}
    assert await api.refusals("POST", "/api/v4/webhooks", body) == [("NotSupportedChoice", "settings.1")]
    await api.ask(
        "POST", "/api/v4/webhooks", {"destination": "https://xn--e1afmkfd.example/x", "settings": ["add_lead"]}, 422
    )
    answer = await api.post("/api/v4/webhooks", json=body, headers={"X-Context-User-ID": "8100002"})
    assert answer.status_code == 403


async def test_a_body_is_a_form_of_an_old_client(api, receiver):
    await subscribe(api, receiver, "add_contact")
    await api.made("/api/v4/contacts", {"name": "Пётр Ильин"})
    await api.control("hooks/flush")
    (head,), (body,) = receiver.heads, receiver.bodies
    assert "amoCRM-WebHook-client/2.0" in head
    assert "content-type: application/x-www-form-urlencoded" in head.lower()
    assert "connection: close" in head.lower()
    pairs = dict(parse_qsl(body))
    assert pairs["contacts[add][0][name]"] == "Пётр Ильин"
    assert pairs["contacts[add][0][type]"] == "contact"
    assert pairs["account[id]"] == "30215544"
    assert pairs["account[subdomain]"] == "vostok"
    assert pairs["account[_links][self]"] == "https://vostok.amocrm.ru"
    assert "+" in body.split("name%5D=")[1][:60]


async def test_a_moved_lead_is_told_with_its_old_stage(api, receiver):
    id = await api.made(
        "/api/v4/leads", {"name": "Поставка", "price": 125000, "_embedded": {"tags": [{"name": "vip"}]}}
    )
    await subscribe(api, receiver, "status_lead")
    await api.touch("leads", id, "stage", status_id=142)
    (body,) = await told(api, receiver)
    lead = body["leads"]["status"]["0"]
    assert {key: lead[key] for key in ("id", "name", "status_id", "old_status_id", "pipeline_id", "old_pipeline_id", "price", "modified_user_id")} == {
        "id": str(id), "name": "Поставка", "status_id": "142", "old_status_id": "32002", "pipeline_id": "3100",
        "old_pipeline_id": "3100", "price": "125000", "modified_user_id": "8100001",
    }  # fmt: skip
    assert lead["tags"]["0"]["name"] == "vip"
    assert lead["date_create"].isdigit()
    assert lead["last_modified"] == lead["updated_at"]


async def test_subscribers_of_updates_alone_see_the_old_stage_too(api, receiver):
    id = await api.made("/api/v4/leads", {})
    await subscribe(api, receiver, "update_lead")
    await api.touch("leads", id, "stage", status_id=143)
    (body,) = await told(api, receiver)
    assert list(body["leads"]) == ["update"]
    assert body["leads"]["update"]["0"]["old_status_id"] == "32002"


async def test_values_of_dates_are_bare_and_all_others_objects(api, receiver):
    fields = {one["type"]: one for one in await api.items("/api/v4/leads/custom_fields")}
    await subscribe(api, receiver, "add_lead")
    values = [
        {"field_id": fields["select"]["id"], "values": [{"value": "Базовый"}]},
        {"field_id": fields["date"]["id"], "values": [{"value": 1_768_262_400}]},
    ]
    await api.made("/api/v4/leads", {"custom_fields_values": values})
    (body,) = await told(api, receiver)
    chosen, date = body["leads"]["add"]["0"]["custom_fields"].values()
    assert chosen["values"]["0"] == {"value": "Базовый", "enum": str(fields["select"]["enums"][0]["id"])}
    assert date["values"]["0"].isdigit()


async def test_companies_sit_among_the_contacts(api, receiver):
    await subscribe(api, receiver, "add_company", "update_company", "delete_company", "restore_company")
    id = await api.made(
        "/api/v4/companies",
        {"name": "ООО", "custom_fields_values": [{"field_code": "PHONE", "values": [{"value": "1"}]}]},
    )
    (body,) = await told(api, receiver)
    company = body["contacts"]["add"]["0"]
    assert (company["id"], company["type"], company["custom_fields"]["0"]["code"]) == (str(id), "company", "PHONE")
    await api.touch("companies", id, "delete")
    (body,) = await told(api, receiver)
    assert body["contacts"]["delete"]["0"] == {"id": str(id), "type": "company"}
    await api.touch("companies", id, "restore")
    (body,) = await told(api, receiver)
    assert body["contacts"]["restore"]["0"]["name"] == "ООО"


async def test_a_contact_tells_its_leads_its_company_and_its_old_owner(api, receiver):
    company, lead = await api.made("/api/v4/companies", {"name": "ООО"}), await api.made("/api/v4/leads", {})
    contact = await api.made("/api/v4/contacts", {"name": "x"})
    for to, kind in ((company, "companies"), (lead, "leads")):
        await api.ask("POST", f"/api/v4/contacts/{contact}/link", [{"to_entity_id": to, "to_entity_type": kind}])
    await subscribe(api, receiver, "responsible_contact")
    await api.touch("contacts", contact, "responsible", user_id=8100002)
    (body,) = await told(api, receiver)
    told_of = body["contacts"]["responsible"]["0"]
    assert (told_of["old_responsible_user_id"], told_of["company_name"], told_of["linked_company_id"]) == (
        "8100001",
        "ООО",
        str(company),
    )
    assert told_of["linked_leads_id"] == {str(lead): {"ID": str(lead)}}


async def test_a_batch_comes_in_one_body_with_several_blocks_and_indexes(api, receiver):
    await subscribe(api, receiver, "add_lead", "add_contact", "note_contact")
    await api.ask(
        "POST",
        "/api/v4/leads/complex",
        [{"_embedded": {"contacts": [{"name": "а"}]}}, {"_embedded": {"contacts": [{"name": "б"}]}}],
    )
    (body,) = await told(api, receiver)
    assert list(body["leads"]["add"]) == list(body["contacts"]["add"]) == ["0", "1"]


async def test_a_call_note_is_told_as_upper_case_json(api, receiver):
    await subscribe(api, receiver, "note_contact", "note_lead")
    contact = await api.made(
        "/api/v4/contacts",
        {"name": "x", "custom_fields_values": [{"field_code": "PHONE", "values": [{"value": "+79995550011"}]}]},
    )
    await api.ask(
        "POST",
        "/api/v4/calls",
        [{"direction": "inbound", "duration": 73, "source": "hub", "phone": "9995550011", "uniq": "u"}],
    )
    (body,) = await told(api, receiver)
    note = body["contacts"]["note"]["0"]["note"]
    assert (note["note_type"], note["element_type"], note["element_id"]) == ("10", "1", str(contact))
    assert '"DURATION":"73"' in note["text"]
    assert '"SRC":"hub"' in note["text"]
    assert note["date_create"][4] == "-"


async def test_tasks_are_told_in_local_time_and_with_action_close(api, receiver):
    await subscribe(api, receiver, "add_task", "update_task")
    lead = (await api.items("/api/v4/leads?limit=1"))[0]["id"]
    id = await api.made(
        "/api/v4/tasks", {"text": "x", "complete_till": 1_768_262_400, "entity_id": lead, "entity_type": "leads"}
    )
    (body,) = await told(api, receiver)
    task = body["task"]["add"]["0"]
    assert (task["complete_till"], task["element_type"], task["status"]) == ("2026-01-13 03:00:00", "2", "0")
    await api.touch("tasks", id, "complete", text="готово")
    (body,) = await told(api, receiver)
    task = body["task"]["update"]["0"]
    assert (task["status"], task["action_close"], task["result"]["text"]) == ("1", "1", "готово")


async def test_unsorted_items_are_told_when_they_come_and_when_they_go(api, receiver):
    from tests.sandbox.amocrm.test_calls import sip

    await subscribe(api, receiver, "add_unsorted", "delete_unsorted")
    (made,) = (await api.ask("POST", "/api/v4/leads/unsorted/sip", [sip()]))["_embedded"]["unsorted"]
    (body,) = await told(api, receiver)
    assert (body["unsorted"]["add"]["0"]["uid"], body["unsorted"]["add"]["0"]["category"]) == (made["uid"], "sip")
    await api.touch("unsorted", 0, "accept", uid=made["uid"])
    (body,) = await told(api, receiver)
    gone = body["unsorted"]["delete"]["0"]
    assert (gone["action"], gone["accept_result"]["leads"]["0"]) == ("accept", str(made["_embedded"]["leads"][0]["id"]))


async def test_a_deleted_lead_tells_little(api, receiver):
    await subscribe(api, receiver, "delete_lead")
    await api.touch("leads", 900101, "delete")
    (body,) = await told(api, receiver)
    assert set(body["leads"]["delete"]["0"]) == {"id", "status_id", "pipeline_id"}


async def test_the_loser_of_a_merge_is_told_deleted(api, receiver):
    await subscribe(api, receiver, "delete_contact")
    one, other, *_ = [row["id"] for row in await api.items("/api/v4/contacts")]
    await api.touch("contacts", one, "merge", loser=other)
    (body,) = await told(api, receiver)
    assert body["contacts"]["delete"]["0"]["id"] == str(other)


async def test_hooks_come_by_themselves(api, receiver):
    await subscribe(api, receiver, "add_lead")
    await api.made("/api/v4/leads", {})
    await asyncio.wait_for(receiver.came.wait(), 5)


@pytest.mark.parametrize(("status", "attempts"), [(500, 5), (499, 5), (404, 3), (302, 3)])
async def test_repeats_go_on_only_after_server_errors(api, receiver, status, attempts):
    await subscribe(api, receiver, "add_lead")
    await api.control("set", webhooks={"scale": 0})
    receiver.status = status
    await api.made("/api/v4/leads", {})
    for _ in range(attempts + 1):
        await api.control("hooks/flush")
    assert len(receiver.bodies) == attempts
    (delivery,) = await api.control("hooks/deliveries")
    assert (delivery["state"], [one["status"] for one in delivery["attempts"]]) == ("given up", [status] * attempts)


async def test_a_repeat_waits_for_its_time(api, receiver, amo):
    await subscribe(api, receiver, "add_lead")
    receiver.status = 500
    await api.made("/api/v4/leads", {})
    await asyncio.wait_for(receiver.came.wait(), 5)
    for _ in range(100):
        if amo.world.default.hooks.deliveries[0].attempts:
            break
        await asyncio.sleep(0.01)
    delivery = amo.world.default.hooks.deliveries[0]
    assert delivery.due - delivery.attempts[0]["at"] == pytest.approx(300, abs=1)


async def test_after_a_hundred_invalid_answers_nobody_is_told(api, receiver):
    await subscribe(api, receiver, "add_lead")
    await api.control("set", webhooks={"hold": True})
    receiver.status = 404
    for _ in range(101):
        await api.made("/api/v4/leads", {})
    await api.control("hooks/flush")
    (one,) = await api.items("/api/v4/webhooks")
    assert one["disabled"] is True
    await api.made("/api/v4/leads", {})
    await api.control("hooks/flush")
    assert len(receiver.bodies) == 101


@pytest.mark.parametrize(("weather", "copies"), [({"loss": 1}, 0), ({"double": 1}, 2), ({}, 1)])
async def test_hooks_may_be_lost_and_doubled(api, receiver, weather, copies):
    await subscribe(api, receiver, "add_lead")
    await api.control("set", webhooks=weather)
    await api.made("/api/v4/leads", {})
    await api.control("hooks/flush")
    assert len(receiver.bodies) == copies


async def test_hooks_may_overtake_each_other(api, receiver, amo):
    await subscribe(api, receiver, "update_lead")
    await api.control("set", webhooks={"shuffle": 60})
    for price in range(8):
        await api.touch("leads", 900101, "price", price=price + 1)
    dues = [one.due for one in amo.world.default.hooks.deliveries]
    assert dues != sorted(dues)


async def test_held_hooks_wait_for_the_flush(api, receiver):
    await subscribe(api, receiver, "add_lead")
    await api.control("set", webhooks={"hold": True})
    await api.made("/api/v4/leads", {})
    await asyncio.sleep(0.05)
    assert receiver.bodies == []
    assert len(await told(api, receiver)) == 1
