"""Contract, sections 4, 6, 7 and 8: what may be written, and what is refused in which words."""

import pytest

from tests.sandbox.amocrm.conftest import phone


async def test_created_items_answer_id_request_id_and_link(amo, api):
    told = await api.ask("POST", "/api/v4/contacts", [{"name": "А", "request_id": "mine"}, {"name": "Б"}])
    first, second = told["_embedded"]["contacts"]
    assert (first["request_id"], second["request_id"]) == ("mine", "1")
    assert second["id"] > first["id"]
    assert first["_links"]["self"]["href"] == f"{amo.base_url}/api/v4/contacts/{first['id']}"
    assert set(told) == {"_links", "_embedded"}


async def test_one_bad_item_refuses_the_whole_batch(api):
    before = len(await api.items("/api/v4/contacts?limit=250"))
    told = await api.ask("POST", "/api/v4/contacts", [{"name": "А"}, {"name": 5, "request_id": "second"}], 400)
    assert told == {
        "validation-errors": [
            {"request_id": "second", "errors": [{"code": "InvalidType", "path": "name", "detail": "This value should be of type string."}]}
        ],
        "title": "Bad Request", "type": "https://httpstatus.es/400", "status": 400, "detail": "Request validation failed",
    }  # fmt: skip
    assert len(await api.items("/api/v4/contacts?limit=250")) == before


@pytest.mark.parametrize(
    ("kind", "item", "refusals"),
    [
        ("leads", {"price": "100"}, [("InvalidType", "price")]),
        ("leads", {"status_id": 1}, [("NotSupportedChoice", "status_id")]),
        ("leads", {"pipeline_id": 1}, [("NotSupportedChoice", "pipeline_id")]),
        ("leads", {"responsible_user_id": 1}, [("NotSupportedChoice", "responsible_user_id")]),
        ("leads", {"responsible_user_id": "8100001"}, [("InvalidType", "responsible_user_id"), ("NotSupportedChoice", "responsible_user_id")]),
        ("leads", {"created_by": 9}, [("NotSupportedChoice", "created_by")]),
        ("leads", {"custom_fields_values": [{"field_id": 9, "values": [{"value": "x"}]}]}, [("NotSupportedChoice", "custom_fields_values.0.field_id")]),
        ("leads", {"_embedded": {"contacts": [{"id": 9}]}}, [("NotSupportedChoice", "_embedded.contacts.0.id")]),
        ("contacts", {"custom_fields_values": phone("+7999", enum_code="NOPE")}, [("NotSupportedChoice", "custom_fields_values.0.values.0.enum_code")]),
        ("companies", {"name": ["x"]}, [("InvalidType", "name")]),
        ("tasks", {"text": "x"}, [("FieldMissing", "complete_till")]),
        ("tasks", {"text": "", "complete_till": 1}, [("NotBlank", "text")]),
        ("tasks", {"text": "x", "complete_till": "1"}, [("InvalidType", "complete_till")]),
        ("tasks", {"text": "x", "complete_till": 1, "entity_id": 5}, [("FieldMissing", "entity_type")]),
        ("tasks", {"text": "x", "complete_till": 1, "entity_id": 5, "entity_type": "leads"}, [("NotSupportedChoice", "entity_id")]),
        ("tasks", {"text": "x", "complete_till": 1, "task_type_id": 77}, [("NotSupportedChoice", "task_type_id")]),
        ("contacts/notes", {"entity_id": 51001, "note_type": "common", "params": {}}, [("FieldMissing", "params.text")]),
        ("contacts/notes", {"entity_id": 1, "note_type": "common", "params": {"text": "x"}}, [("NotSupportedChoice", "entity_id")]),
    ],
)  # fmt: skip
async def test_what_is_refused(api, kind, item, refusals):
    assert await api.refusals("POST", f"/api/v4/{kind}", [item]) == refusals


async def test_an_unknown_choice_is_refused_with_indexes_not_ids(api):
    select = next(one for one in await api.items("/api/v4/leads/custom_fields") if one["type"] == "select")
    text = next(one for one in await api.items("/api/v4/leads/custom_fields") if one["type"] == "text")
    values = [
        {"field_id": text["id"], "values": [{"value": "x"}]},
        {"field_id": select["id"], "values": [{"value": "нет такого"}]},
    ]
    assert await api.refusals("POST", "/api/v4/leads", [{"custom_fields_values": values}]) == [
        ("NotSupportedChoice", "custom_fields_values.1.values.0.value")
    ]


@pytest.mark.parametrize("body", [{"name": "x"}, [], ["x"], [{}] * 251])
async def test_a_post_takes_an_array_of_1_to_250_objects(api, body):
    assert (await api.ask("POST", "/api/v4/contacts", body, 400))["title"] == "Bad Request"


async def test_a_broken_body_is_400(api):
    answer = await api.post("/api/v4/contacts", content=b"[{")
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"


async def test_json_is_read_whatever_the_content_type_says(api):
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    assert (await api.post("/api/v4/contacts", content=b'[{"name":"x"}]', headers=headers)).status_code == 200


async def test_defaults_of_a_lead(api):
    lead = await api.read(f"/api/v4/leads/{await api.made('/api/v4/leads', {})}")
    assert lead["name"] == f"Сделка #{lead['id']}"
    assert (lead["pipeline_id"], lead["status_id"], lead["responsible_user_id"]) == (3100, 32002, 8100001)
    assert (lead["price"], lead["closed_at"], lead["custom_fields_values"]) == (0, None, None)


async def test_times_may_be_set_and_floats_are_cut(api):
    item = {"name": "x", "created_at": 1_700_000_000.7, "updated_at": 1_700_000_100, "created_by": 0}
    lead = await api.read(f"/api/v4/leads/{await api.made('/api/v4/leads', item)}")
    assert (lead["created_at"], lead["updated_at"], lead["created_by"]) == (1_700_000_000, 1_700_000_100, 0)


async def test_a_patch_of_one_answers_the_bare_item(api):
    id = await api.made("/api/v4/leads", {"name": "x"})
    told = await api.ask("PATCH", f"/api/v4/leads/{id}", {"price": 7})
    assert set(told) == {"id", "updated_at", "_links"}
    assert set(await api.ask("PATCH", f"/api/v4/contacts/{await api.made('/api/v4/contacts', {'name': 'x'})}", {})) == {"id", "name", "updated_at", "_links"}  # fmt: skip


async def test_a_patch_of_many_changes_only_what_is_listed(api):
    one, other = [await api.made("/api/v4/leads", {"name": name, "price": 5}) for name in "аб"]
    told = await api.ask("PATCH", "/api/v4/leads", [{"id": one, "price": 6}, {"id": other, "name": "в"}])
    assert [row["id"] for row in told["_embedded"]["leads"]] == [one, other]
    rows = [await api.read(f"/api/v4/leads/{id}") for id in (one, other)]
    assert [(row["name"], row["price"]) for row in rows] == [("а", 6), ("в", 5)]


async def test_an_array_is_refused_where_one_lead_is_addressed(api):
    await api.ask("PATCH", f"/api/v4/leads/{await api.made('/api/v4/leads', {})}", [{"price": 1}], 405)


async def test_a_full_lead_written_back_fails_when_its_creator_is_gone(api, amo):
    id = await api.made("/api/v4/leads", {"created_by": 8100002})
    lead = await api.read(f"/api/v4/leads/{id}")
    del amo.world.default.users[8100002]
    assert ("NotSupportedChoice", "created_by") in await api.refusals("PATCH", f"/api/v4/leads/{id}", lead)


async def test_closing_and_reopening_a_lead(api):
    id = await api.made("/api/v4/leads", {})
    await api.ask("PATCH", f"/api/v4/leads/{id}", {"status_id": 143, "loss_reason_id": 4001})
    lead = await api.read(f"/api/v4/leads/{id}?with=loss_reason")
    assert lead["closed_at"] is not None
    assert lead["_embedded"]["loss_reason"][0]["name"] == "Слишком дорого"
    await api.ask("PATCH", f"/api/v4/leads/{id}", {"status_id": 32002, "loss_reason_id": None})
    lead = await api.read(f"/api/v4/leads/{id}")
    assert (lead["closed_at"], lead["loss_reason_id"]) == (None, None)


async def test_a_stage_of_another_pipeline_is_refused_beside_its_pipeline(api):
    assert await api.refusals("POST", "/api/v4/leads", [{"pipeline_id": 3101, "status_id": 32002}]) == [
        ("NotSupportedChoice", "status_id")
    ]
    lead = await api.read(f"/api/v4/leads/{await api.made('/api/v4/leads', {'pipeline_id': 3101})}")
    assert lead["status_id"] == 32012


async def test_names_of_contacts_are_composed(api):
    parts = await api.read(
        f"/api/v4/contacts/{await api.made('/api/v4/contacts', {'first_name': 'Пётр', 'last_name': 'Ильин'})}"
    )
    assert parts["name"] == "Пётр Ильин"
    whole = await api.read(f"/api/v4/contacts/{await api.made('/api/v4/contacts', {'name': 'Пётр Ильин'})}")
    assert (whole["first_name"], whole["last_name"]) == ("", "")


async def test_a_phone_is_kept_as_typed_and_labelled_work_when_not_said(api):
    contact = await api.read(
        f"/api/v4/contacts/{await api.made('/api/v4/contacts', {'name': 'x', 'custom_fields_values': phone('8 (999) 1')})}"
    )
    (block,) = contact["custom_fields_values"]
    assert {key: block[key] for key in ("field_id", "field_name", "field_code", "field_type")} == {
        "field_id": 70011, "field_name": "Телефон", "field_code": "PHONE", "field_type": "multitext",
    }  # fmt: skip
    assert block["values"] == [{"value": "8 (999) 1", "enum_id": 88001, "enum_code": "WORK"}]


async def test_fields_merge_and_values_of_one_field_are_replaced(api):
    id = await api.made("/api/v4/contacts", {"name": "x", "custom_fields_values": phone("1")})
    email = [{"field_code": "EMAIL", "field_name": "ignored", "values": [{"value": "a@b.ru", "enum_code": "PRIV"}]}]
    await api.ask("PATCH", f"/api/v4/contacts/{id}", {"custom_fields_values": email})
    await api.ask(
        "PATCH",
        f"/api/v4/contacts/{id}",
        {"custom_fields_values": [{"field_id": 70011, "values": [{"value": "2"}, {"value": "3"}]}]},
    )
    blocks = {
        one["field_code"]: [value["value"] for value in one["values"]]
        for one in (await api.read(f"/api/v4/contacts/{id}"))["custom_fields_values"]
    }
    assert blocks == {"PHONE": ["2", "3"], "EMAIL": ["a@b.ru"]}
    for gone in ({"field_code": "PHONE", "values": None}, {"field_code": "EMAIL", "values": []}):
        await api.ask("PATCH", f"/api/v4/contacts/{id}", {"custom_fields_values": [gone]})
    assert (await api.read(f"/api/v4/contacts/{id}"))["custom_fields_values"] is None


@pytest.mark.parametrize(
    ("type", "written", "read"),
    [
        ("text", "а", "а"), ("numeric", 12.5, "12.5"), ("numeric", "7", "7"), ("checkbox", True, True), ("url", "http://x", "http://x"),
        ("date_time", 1_768_000_000, 1_768_000_000), ("date_time", "2026-01-10T02:06:40+03:00", 1_768_000_000),
        ("date", 1_768_000_000, 1_767_992_400), ("birthday", "2026-01-10T02:06:40+03:00", 1_767_992_400), ("textarea", "а\nб", "а\nб"),
        ("legal_entity", {"name": "ООО", "vat_id": "7700"}, {"name": "ООО", "vat_id": "7700"}),
    ],
)  # fmt: skip
async def test_what_is_written_into_a_field_is_read_back_as(api, type, written, read):
    (field,) = (await api.ask("POST", "/api/v4/leads/custom_fields", [{"name": "поле", "type": type}], 201))[
        "_embedded"
    ]["custom_fields"]
    id = await api.made(
        "/api/v4/leads", {"custom_fields_values": [{"field_id": field["id"], "values": [{"value": written}]}]}
    )
    (block,) = (await api.read(f"/api/v4/leads/{id}"))["custom_fields_values"]
    assert block["values"] == [{"value": read}]


async def test_choices_are_named_by_text_id_or_code(api):
    asked = [
        {
            "name": "поле",
            "type": "multiselect",
            "enums": [{"value": "один", "sort": 1, "code": "ONE"}, {"value": "два", "sort": 2}],
        }
    ]
    (field,) = (await api.ask("POST", "/api/v4/leads/custom_fields", asked, 201))["_embedded"]["custom_fields"]
    one, two = field["enums"]
    for values in (
        [{"value": "один"}, {"value": "два"}],
        [{"enum_id": one["id"]}, {"enum_id": two["id"]}],
        [{"enum_code": "ONE"}, {"value": "два"}],
    ):
        id = await api.made("/api/v4/leads", {"custom_fields_values": [{"field_id": field["id"], "values": values}]})
        (block,) = (await api.read(f"/api/v4/leads/{id}"))["custom_fields_values"]
        assert block["values"] == [
            {"value": "один", "enum_id": one["id"], "enum_code": "ONE"}, {"value": "два", "enum_id": two["id"], "enum_code": None},
        ]  # fmt: skip


async def test_tags_are_replaced_added_and_taken_away(api):
    async def names():
        return [tag["name"] for tag in (await api.read(f"/api/v4/leads/{id}"))["_embedded"]["tags"]]

    id = await api.made("/api/v4/leads", {"_embedded": {"tags": [{"name": "vip"}]}})
    await api.ask("PATCH", f"/api/v4/leads/{id}", {"tags_to_add": [{"name": "новый"}]})
    assert await names() == ["vip", "новый"]
    await api.ask("PATCH", f"/api/v4/leads/{id}", {"tags_to_delete": [{"name": "vip"}]})
    assert await names() == ["новый"]
    await api.ask("PATCH", f"/api/v4/leads/{id}", {"_embedded": {"tags": [{"name": "другой"}]}})
    assert await names() == ["другой"]
    await api.ask("PATCH", f"/api/v4/leads/{id}", {"_embedded": {"tags": None}})
    assert await names() == []


async def test_posting_a_known_tag_gives_its_id_again(api):
    first, second = [await api.made("/api/v4/leads/tags", {"name": "vip"}) for _ in range(2)]
    assert first == second
    assert [one["name"] for one in await api.items("/api/v4/leads/tags?filter[name]=vip")] == ["vip"]
    assert await api.items("/api/v4/contacts/tags") == []


async def test_links_are_written_is_main_and_read_main_contact(api):
    lead, one, other = (
        await api.made("/api/v4/leads", {}),
        *[await api.made("/api/v4/contacts", {"name": name}) for name in "аб"],
    )
    told = await api.ask(
        "POST",
        f"/api/v4/leads/{lead}/link",
        [{"to_entity_id": one, "to_entity_type": "contacts", "metadata": {"is_main": True}}],
    )
    assert told["_total_items"] == 1
    assert told["_embedded"]["links"] == [
        {
            "entity_id": lead,
            "entity_type": "leads",
            "to_entity_id": one,
            "to_entity_type": "contacts",
            "metadata": {"main_contact": True},
        }
    ]
    await api.ask(
        "POST", "/api/v4/leads/link", [{"entity_id": lead, "to_entity_id": other, "to_entity_type": "contacts"}]
    )
    links = await api.items(f"/api/v4/leads/{lead}/links")
    assert {link["to_entity_id"]: link["metadata"]["main_contact"] for link in links} == {one: True, other: False}
    assert "entity_id" not in links[0]
    await api.ask("POST", f"/api/v4/leads/{lead}/unlink", [{"to_entity_id": one, "to_entity_type": "contacts"}], 204)
    assert [link["to_entity_id"] for link in await api.items(f"/api/v4/leads/links?filter[entity_id][]={lead}")] == [
        other
    ]
    assert (await api.read("/api/v4/leads/links", 400))["status"] == 400


async def test_a_contact_has_one_company_at_most(api):
    contact = await api.made("/api/v4/contacts", {"name": "x"})
    first, second = [await api.made("/api/v4/companies", {"name": name}) for name in "аб"]
    for company in (first, second):
        await api.ask(
            "POST", f"/api/v4/contacts/{contact}/link", [{"to_entity_id": company, "to_entity_type": "companies"}]
        )
    assert [one["id"] for one in (await api.read(f"/api/v4/contacts/{contact}"))["_embedded"]["companies"]] == [second]


async def test_a_task_is_set_corrected_and_completed(api):
    lead = await api.made("/api/v4/leads", {})
    id = await api.made(
        "/api/v4/tasks",
        {"text": "Перезвонить", "complete_till": 1_900_000_000, "entity_id": lead, "entity_type": "leads"},
    )
    task = await api.read(f"/api/v4/tasks/{id}")
    assert (task["result"], task["is_completed"], task["task_type_id"], task["duration"]) == ([], False, 1, 0)
    assert (await api.read(f"/api/v4/leads/{lead}"))["closest_task_at"] == 1_900_000_000
    await api.ask("PATCH", f"/api/v4/tasks/{id}", {"complete_till": 1_900_000_100, "responsible_user_id": 8100002})
    told = await api.ask(
        "PATCH", "/api/v4/tasks", [{"id": id, "is_completed": True, "result": {"text": "Договорились"}}]
    )
    assert told["_embedded"]["tasks"][0]["request_id"] == "0"
    task = await api.read(f"/api/v4/tasks/{id}")
    assert (task["result"], task["is_completed"], task["responsible_user_id"]) == (
        {"text": "Договорились"},
        True,
        8100002,
    )
    assert (await api.read(f"/api/v4/leads/{lead}"))["closest_task_at"] is None
    assert [
        one["id"]
        for one in await api.items(
            f"/api/v4/tasks?filter[entity_type]=leads&filter[entity_id]={lead}&filter[is_completed]=1"
        )
    ] == [id]
    assert (
        await api.items(f"/api/v4/tasks?filter[entity_type]=leads&filter[entity_id]={lead}&filter[is_completed]=0")
        == []
    )


async def test_a_task_may_be_free_of_any_card(api):
    task = await api.read(
        f"/api/v4/tasks/{await api.made('/api/v4/tasks', {'text': 'x', 'complete_till': 1_900_000_000})}"
    )
    assert (task["entity_id"], task["entity_type"]) == (None, None)


async def test_a_lead_comes_with_contact_and_company_in_one_request(api):
    item = {
        "name": "Заявка", "request_id": "order-77",
        "_embedded": {"contacts": [{"name": "Пётр", "custom_fields_values": phone("+79995550011")}], "companies": [{"name": "ООО"}]},
    }  # fmt: skip
    (told,) = await api.ask("POST", "/api/v4/leads/complex", [item])
    assert (told["request_id"], told["merged"]) == (["order-77"], False)
    contact = await api.read(f"/api/v4/contacts/{told['contact_id']}?with=leads")
    assert [one["id"] for one in contact["_embedded"]["leads"]] == [told["id"]]
    assert [one["id"] for one in contact["_embedded"]["companies"]] == [told["company_id"]]


async def test_duplicate_control_joins_complex_leads_of_one_phone(api):
    await api.control("set", duplicate_control=True)
    item = {
        "name": "Заявка",
        "_embedded": {"contacts": [{"name": "Пётр", "custom_fields_values": phone("+79995550011")}]},
    }
    (first,) = await api.ask("POST", "/api/v4/leads/complex", [item])
    item["_embedded"]["contacts"][0]["custom_fields_values"] = phone("8 999 555-00-11")
    (second,) = await api.ask("POST", "/api/v4/leads/complex", [item])
    assert (second["id"], second["contact_id"], second["merged"]) == (first["id"], first["contact_id"], True)


async def test_complex_takes_one_contact_and_fifty_leads_at_most(api):
    two = {"_embedded": {"contacts": [{"name": "а"}, {"name": "б"}]}}
    assert await api.refusals("POST", "/api/v4/leads/complex", [two]) == [("TooMany", "_embedded.contacts")]
    await api.ask("POST", "/api/v4/leads/complex", [{}] * 51, 400)


async def test_pipelines_and_stages_are_kept_by_administrators(api):
    pipeline = await api.made("/api/v4/leads/pipelines", {"name": "Новая", "sort": 5, "is_main": False, "is_unsorted_on": True, "_embedded": {"statuses": [{"name": "Раз", "sort": 10}]}})  # fmt: skip
    stage = await api.made(
        f"/api/v4/leads/pipelines/{pipeline}/statuses", {"name": "Два", "sort": 20, "color": "#fffeb2"}
    )
    lead = await api.made("/api/v4/leads", {"pipeline_id": pipeline, "status_id": stage})
    assert (await api.ask("PATCH", f"/api/v4/leads/pipelines/{pipeline}/statuses/{stage}", {"name": "Три"}))[
        "name"
    ] == "Три"
    await api.ask("DELETE", f"/api/v4/leads/pipelines/{pipeline}", status=400)
    await api.ask("DELETE", f"/api/v4/leads/pipelines/{pipeline}/statuses/{stage}", status=204)
    names = [one["name"] for one in (await api.read(f"/api/v4/leads/pipelines/{pipeline}"))["_embedded"]["statuses"]]
    assert names == ["Неразобранное", "Раз", "Успешно реализовано", "Закрыто и не реализовано"]
    assert (await api.read(f"/api/v4/leads/{lead}"))["status_id"] != stage
    await api.touch("leads", lead, "delete")
    await api.ask("DELETE", f"/api/v4/leads/pipelines/{pipeline}", status=204)
    refused = await api.post("/api/v4/leads/pipelines", json=[{"name": "x"}], headers={"X-Context-User-ID": "8100002"})
    assert refused.status_code == 403


async def test_a_money_field_needs_a_currency_and_codes_are_unique(api):
    assert await api.refusals("POST", "/api/v4/leads/custom_fields", [{"name": "x", "type": "monetary"}]) == [
        ("FieldMissing", "currency")
    ]
    assert await api.refusals(
        "POST", "/api/v4/contacts/custom_fields", [{"name": "x", "type": "text", "code": "PHONE"}]
    ) == [("NotUnique", "code")]


async def test_choices_of_a_field_are_changed_by_their_ids(api):
    select = next(one for one in await api.items("/api/v4/leads/custom_fields") if one["type"] == "select")
    path = f"/api/v4/leads/custom_fields/{select['id']}"
    assert await api.refusals("PATCH", path, {"enums": [{"id": 5, "value": "x"}]}) == [
        ("NotSupportedChoice", "enums.0.id")
    ]
    more = await api.ask("PATCH", path, {"enums": [*select["enums"], {"value": "Третий", "sort": 3}]})
    assert [one["value"] for one in more["enums"]] == ["Базовый", "Полный", "Третий"]
    await api.ask("DELETE", path, status=204)
    await api.read(path, 204)


async def test_sources_are_the_integrations_own(api):
    id = await api.made("/api/v4/sources", {"name": "АТС", "external_id": "pbx", "pipeline_id": 3100})
    assert [one["external_id"] for one in await api.items("/api/v4/sources?filter[external_id][]=pbx")] == ["pbx"]
    lead = await api.made("/api/v4/leads", {"_embedded": {"source": {"external_id": "pbx", "type": "widget"}}})
    assert (await api.read(f"/api/v4/leads/{lead}"))["source_id"] == id
    await api.ask("DELETE", f"/api/v4/sources/{id}", status=204)
    assert await api.items("/api/v4/sources") == []


async def test_customers_have_a_mode(api):
    body = {"mode": "dynamic", "is_enabled": True}
    assert await api.ask("PATCH", "/api/v4/customers/mode", body) == body
    id = await api.made("/api/v4/customers", {"name": "x", "next_price": 5, "next_date": 1_900_000_000})
    assert (await api.read(f"/api/v4/customers/{id}"))["next_price"] == 5
    await api.control("set", customers_mode="unavailable")
    await api.ask("PATCH", "/api/v4/customers/mode", body, 402)


async def test_users_and_roles_are_added(api):
    assert (await api.ask("POST", "/api/v4/users", [{"name": "Ян", "email": "jan@example.ru"}], 201))["_embedded"][
        "users"
    ][0]["name"] == "Ян"
    await api.ask("POST", "/api/v4/users", [{"name": "Ян", "email": "x@y.z"}] * 11, 400)
    (role,) = (await api.ask("POST", "/api/v4/roles", [{"name": "Продавец"}], 201))["_embedded"]["roles"]
    await api.ask("DELETE", f"/api/v4/roles/{role['id']}", status=204)


async def test_subscriptions_and_talks(api, amo):
    lead = (await api.items("/api/v4/leads?limit=1"))[0]["id"]
    assert (await api.get(f"/api/v4/leads/{lead}/subscriptions")).status_code == 204
    await api.read("/api/v4/leads/1/subscriptions", 404)
    amo.world.default.subscriptions[lead] = [8100001]
    assert await api.items(f"/api/v4/leads/{lead}/subscriptions") == [{"subscriber_id": 8100001, "type": "user"}]
    talk = (await api.control("touch", action="talk", entity="contacts", id=51001, lead=lead))["touched"][0]
    assert (await api.read(f"/api/v4/talks/{talk}"))["_embedded"]["leads"] == [{"id": lead}]
    await api.ask("POST", f"/api/v4/talks/{talk}/close", {"force_close": True}, 202)
    await api.ask("POST", f"/api/v4/talks/{talk}/close", {"force_close": True}, 422)
    assert [one["contact_id"] for one in await api.items("/api/v4/contacts/chats?contact_id[]=51001")] == [51001]
