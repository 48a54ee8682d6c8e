"""Contract, sections 9 and 11: notes, calls and what waits to be accepted."""

import pytest

from tests.sandbox.amocrm.conftest import phone

CALL = {
    "direction": "inbound",
    "duration": 73,
    "source": "hub",
    "phone": "8 999 555-00-11",
    "uniq": "c-1",
    "call_status": 4,
}


async def person(api, number="+79995550011", kind="contacts", **more):
    return await api.made(f"/api/v4/{kind}", {"name": "Пётр", "custom_fields_values": phone(number), **more})


async def lead_of(api, contact, **more):
    return await api.made("/api/v4/leads", {"_embedded": {"contacts": [{"id": contact}]}, **more})


async def test_a_call_lands_on_the_contact_with_the_same_ten_digits(api):
    contact = await person(api)
    told = await api.ask("POST", "/api/v4/calls", [CALL])
    assert (told["_total_items"], told["errors"]) == (1, [])
    (call,) = told["_embedded"]["calls"]
    assert (call["entity_id"], call["entity_type"], call["account_id"], call["request_id"]) == (
        contact,
        "contact",
        30215544,
        "0",
    )
    assert call["_embedded"]["entity"]["id"] == contact
    (note,) = await api.items(f"/api/v4/contacts/{contact}/notes")
    assert (note["id"], note["note_type"], note["entity_id"]) == (call["id"], "call_in", contact)
    assert note["params"]["uniq"] == "c-1"
    assert note["params"]["duration"] == 73
    assert "entity_type" not in note


async def test_a_call_lands_on_the_only_open_lead(api):
    contact = await person(api)
    lead = await lead_of(api, contact)
    await lead_of(api, contact, status_id=142)
    (call,) = (await api.ask("POST", "/api/v4/calls", [CALL | {"direction": "outbound"}]))["_embedded"]["calls"]
    assert (call["entity_id"], call["entity_type"]) == (lead, "lead")
    assert [note["note_type"] for note in await api.items(f"/api/v4/leads/{lead}/notes")] == ["call_out"]


async def test_with_two_open_leads_a_call_lands_on_the_contact(api):
    contact = await person(api)
    for _ in range(2):
        await lead_of(api, contact)
    (call,) = (await api.ask("POST", "/api/v4/calls", [CALL]))["_embedded"]["calls"]
    assert (call["entity_id"], call["entity_type"]) == (contact, "contact")


async def test_a_call_lands_on_the_only_customer_or_on_a_company(api):
    contact = await person(api)
    customer = await api.made("/api/v4/customers", {"name": "x"})
    await api.ask(
        "POST", f"/api/v4/contacts/{contact}/link", [{"to_entity_id": customer, "to_entity_type": "customers"}]
    )
    company = await person(api, "+74950000001", "companies")
    asked = [CALL, CALL | {"phone": "74950000001"}]
    landed = [
        (one["entity_type"], one["entity_id"])
        for one in (await api.ask("POST", "/api/v4/calls", asked))["_embedded"]["calls"]
    ]
    assert landed == [("customer", customer), ("company", company)]


async def test_an_unknown_number_is_400_without_a_problem_body(api):
    told = await api.ask("POST", "/api/v4/calls", [CALL], 400)
    assert told == {
        "_total_items": 0,
        "errors": [{"title": "Entity not found", "detail": "Entity not found", "status": 263, "request_id": "0"}],
        "_embedded": {"calls": []},
    }


async def test_in_a_mixed_batch_the_known_ones_are_kept(api):
    await person(api)
    told = await api.ask(
        "POST", "/api/v4/calls", [CALL | {"phone": "111", "request_id": "a"}, CALL | {"request_id": "b"}]
    )
    assert [one["request_id"] for one in told["errors"]] == ["a"]
    assert [one["request_id"] for one in told["_embedded"]["calls"]] == ["b"]


async def test_explicit_nulls_and_float_durations_are_accepted(api):
    await person(api)
    odd = {
        "uniq": None,
        "link": None,
        "call_status": None,
        "call_result": None,
        "created_at": 1_768_000_000.5,
        "duration": 7.0,
    }
    (call,) = (await api.ask("POST", "/api/v4/calls", [CALL | odd]))["_embedded"]["calls"]
    note = await api.read(f"/api/v4/contacts/notes/{call['id']}")
    assert (note["created_at"], note["params"]["duration"]) == (1_768_000_000, 7)


async def test_uniq_is_not_unique(api):
    contact = await person(api)
    for _ in range(2):
        await api.ask("POST", "/api/v4/calls", [CALL])
    assert len(await api.items(f"/api/v4/contacts/{contact}/notes?filter[note_type][]=call_in")) == 2


@pytest.mark.parametrize(
    ("change", "refusals"),
    [
        ({"phone": None}, [("NotBlank", "phone")]), ({"direction": "in"}, [("NotSupportedChoice", "direction")]),
        ({"duration": "7"}, [("InvalidType", "duration")]), ({"call_status": 9}, [("NotSupportedChoice", "call_status")]),
    ],
)  # fmt: skip
async def test_a_malformed_call_is_a_validation_error(api, change, refusals):
    assert await api.refusals("POST", "/api/v4/calls", [CALL | change]) == refusals


async def test_notes_are_read_by_card_by_kind_and_changed(api):
    lead = await api.made("/api/v4/leads", {})
    told = await api.ask("POST", f"/api/v4/leads/{lead}/notes", [{"note_type": "common", "params": {"text": "раз"}}])
    (made,) = told["_embedded"]["notes"]
    assert set(made) == {"id", "entity_id", "request_id", "_links"}
    assert made["_links"]["self"]["href"].endswith(f"/api/v4/leads/{lead}/notes/{made['id']}")
    await api.ask("PATCH", f"/api/v4/leads/{lead}/notes/{made['id']}", {"params": {"text": "два"}})
    await api.ask("PATCH", "/api/v4/leads/notes", [{"id": made["id"], "params": {"text": "три"}}])
    for path in (f"/api/v4/leads/{lead}/notes/{made['id']}", f"/api/v4/leads/notes/{made['id']}"):
        assert (await api.read(path))["params"] == {"text": "три"}
    assert (await api.get(f"/api/v4/contacts/notes/{made['id']}")).status_code == 204
    assert [one["id"] for one in await api.items("/api/v4/leads/notes?order[id]=desc&filter[note_type]=common")] == [
        made["id"]
    ]


@pytest.mark.parametrize(
    "note",
    [
        {"note_type": "sms_out", "params": {"text": "x", "phone": "+7999"}},
        {"note_type": "extended_service_message", "params": {"service": "hub", "text": "x"}},
        {"note_type": "geolocation", "params": {"text": "x", "address": "y", "longitude": "1.5", "latitude": "2.5"}},
        {
            "note_type": "call_in",
            "params": {"uniq": "1", "duration": 5, "source": "hub", "phone": "+7999", "call_responsible": "Пётр"},
        },
        {"note_type": "attachment", "params": {"file_uuid": "u", "file_name": "a.pdf"}},
    ],
)
async def test_notes_of_all_types_are_kept_as_written(api, note):
    lead = await api.made("/api/v4/leads", {})
    id = await api.made("/api/v4/leads/notes", {"entity_id": lead, **note})
    assert (await api.read(f"/api/v4/leads/notes/{id}"))["params"] == note["params"]


async def test_the_popup_tells_whose_card_is_shown(api, amo):
    contact = await person(api)
    told = await api.ask(
        "POST", "/api/v2/events", {"add": [{"type": "phone_call", "phone_number": "+79995550011", "users": [8100001]}]}
    )
    (item,) = told["_embedded"]["items"]
    assert told["_links"] == {"self": {"href": "/api/v2/events", "method": "post"}}
    assert (item["element_id"], item["element_type"]) == (contact, 1)
    for users in (8100001, "8100001", None):
        told = await api.ask(
            "POST", "/api/v2/events", {"add": [{"type": "phone_call", "phone_number": "1", "users": users}]}
        )
        assert (told["_embedded"]["items"][0]["element_id"], told["_embedded"]["items"][0]["element_type"]) == (
            None,
            None,
        )
    assert [popup["users"] for popup in amo.world.default.popups] == [[8100001], [8100001], [8100001], None]


def sip(number="79035556677", **more):
    return {
        "request_id": "c-1", "source_name": "АТС офис", "source_uid": "pbx-main", "pipeline_id": 3100, "created_at": 1_768_000_000,
        "_embedded": {
            "leads": [{"name": f"Звонок с +{number}"}],
            "contacts": [{"name": f"+{number}", "custom_fields_values": phone(f"+{number}")}], "companies": [],
        },
        "metadata": {
            "is_call_event_needed": True, "uniq": "b1-2", "duration": 54, "service_code": "hub", "link": "https://rec.example/2.mp3",
            "phone": number, "called_at": 1_768_000_000, "from": number, "call_responsible": 8100001,
        },
        **more,
    }  # fmt: skip


async def test_an_unsorted_call_makes_a_lead_with_a_hidden_contact(api):
    told = await api.ask("POST", "/api/v4/leads/unsorted/sip", [sip()])
    (made,) = told["_embedded"]["unsorted"]
    assert (told["_total_items"], made["request_id"]) == (1, "c-1")
    assert 38 <= len(made["uid"]) <= 60
    lead, contact = made["_embedded"]["leads"][0]["id"], made["_embedded"]["contacts"][0]["id"]
    assert (await api.read(f"/api/v4/leads/{lead}"))["status_id"] == 32001
    assert (await api.get(f"/api/v4/contacts/{contact}")).status_code == 204
    assert await api.items("/api/v4/contacts?query=9035556677") == []
    assert (await api.read(f"/api/v4/leads/{lead}?with=contacts"))["_embedded"]["contacts"] == []
    assert await api.items("/api/v4/events?filter[type]=contact_added") == []
    (note,) = await api.items(f"/api/v4/leads/{lead}/notes")
    assert note["note_type"] == "call_in"


async def test_unsorted_items_are_read_back_with_loose_types(api):
    await api.ask("POST", "/api/v4/leads/unsorted/sip", [sip()])
    (item,) = await api.items("/api/v4/leads/unsorted?filter[category][]=sip&order[created_at]=desc")
    assert (item["metadata"]["phone"], item["metadata"]["duration"]) == (79035556677, "54")
    assert (item["category"], item["source_uid"]) == ("sip", "pbx-main")
    assert (await api.read(f"/api/v4/leads/unsorted/{item['uid']}"))["uid"] == item["uid"]
    assert await api.items("/api/v4/leads/unsorted?filter[category][]=forms") == []


async def test_the_same_again_is_refused(api):
    await api.ask("POST", "/api/v4/leads/unsorted/sip", [sip()])
    assert await api.refusals("POST", "/api/v4/leads/unsorted/sip", [sip(request_id="c-2")]) == [
        ("NotUnique", "metadata")
    ]


async def test_all_of_the_metadata_is_required(api):
    item = sip()
    del item["metadata"]["uniq"], item["source_uid"]
    assert await api.refusals("POST", "/api/v4/leads/unsorted/sip", [item]) == [
        ("FieldMissing", "source_uid"),
        ("FieldMissing", "metadata.uniq"),
    ]


async def test_a_pipeline_without_unsorted_refuses(api):
    await api.ask("PATCH", "/api/v4/leads/pipelines/3101", {"is_unsorted_on": False})
    assert await api.refusals("POST", "/api/v4/leads/unsorted/sip", [sip(pipeline_id=3101)]) == [
        ("NotSupportedChoice", "pipeline_id")
    ]


async def test_accepting_shows_the_contact_and_moves_the_lead(api):
    (made,) = (await api.ask("POST", "/api/v4/leads/unsorted/sip", [sip()]))["_embedded"]["unsorted"]
    told = await api.ask(
        "POST", f"/api/v4/leads/unsorted/{made['uid']}/accept", {"user_id": 8100002, "status_id": 32003}
    )
    lead, contact = told["_embedded"]["leads"][0]["id"], told["_embedded"]["contacts"][0]["id"]
    row = await api.read(f"/api/v4/leads/{lead}")
    assert (row["status_id"], row["responsible_user_id"]) == (32003, 8100002)
    assert [one["id"] for one in await api.items("/api/v4/contacts?query=9035556677")] == [contact]
    assert [one["entity_id"] for one in await api.items("/api/v4/events?filter[type]=contact_added")] == [contact]
    await api.ask("POST", f"/api/v4/leads/unsorted/{made['uid']}/accept", {}, 404)
    (call,) = (await api.ask("POST", "/api/v4/calls", [CALL | {"phone": "9035556677"}]))["_embedded"]["calls"]
    assert call["entity_type"] == "lead"


async def test_declining_closes_the_lead(api):
    (made,) = (await api.ask("POST", "/api/v4/leads/unsorted/sip", [sip()]))["_embedded"]["unsorted"]
    await api.ask("DELETE", f"/api/v4/leads/unsorted/{made['uid']}/decline", {"user_id": 8100001})
    assert (await api.read(f"/api/v4/leads/{made['_embedded']['leads'][0]['id']}"))["status_id"] == 143
    summary = await api.read("/api/v4/leads/unsorted/summary")
    assert (summary["total"], summary["accepted"], summary["declined"]) == (0, 0, 1)
    assert summary["categories"]["sip"] == {"total": 0}


async def test_a_form_waits_as_a_call_does(api):
    item = {
        "source_name": "Сайт", "source_uid": "site", "_embedded": {"leads": [{"name": "Заявка"}], "contacts": [{"name": "Аня"}]},
        "metadata": {"form_id": "f1", "form_name": "Заявка", "form_page": "https://x", "ip": "1.1.1.1", "form_sent_at": 1_768_000_000, "referer": "https://y"},
    }  # fmt: skip
    await api.ask("POST", "/api/v4/leads/unsorted/forms", [item])
    (told,) = await api.items("/api/v4/leads/unsorted")
    assert told["metadata"]["form_sent_at"] == "1768000000"


async def test_complex_leads_with_metadata_wait_too(api):
    metadata = sip()["metadata"] | {"category": "sip"}
    item = {"name": "x", "_embedded": {"metadata": metadata, "contacts": [{"name": "y"}]}}
    (told,) = await api.ask("POST", "/api/v4/leads/complex", [item])
    (waiting,) = await api.items("/api/v4/leads/unsorted")
    assert waiting["_embedded"]["leads"][0]["id"] == told["id"]


async def test_an_unknown_uid_is_404(api):
    await api.read("/api/v4/leads/unsorted/aa40", 404)
    await api.ask("POST", "/api/v4/leads/unsorted/aa40/accept", {}, 404)
    await api.ask("DELETE", "/api/v4/leads/unsorted/aa40/decline", {}, 404)
