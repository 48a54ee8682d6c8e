"""Contract, section 17: what old clients ask and how they are answered."""

import json
import xml.etree.ElementTree as ET

import httpx
import pytest

from tests.sandbox.amocrm.conftest import phone

V2 = "/private/api/v2/json"


@pytest.fixture
async def old(amo, api):
    """A client of the old kind, signed in by its cookie."""
    known = await api.control("tokens")
    login = {"USER_LOGIN": known["user_login"], "USER_HASH": known["user_hash"]}
    async with httpx.AsyncClient(base_url=amo.base_url, verify=False) as client:
        assert (await client.post("/private/api/auth.php", data={**login, "type": "json"})).status_code == 200
        yield client


async def ask(old, path, body=None, status=200, **params):
    answer = await (
        old.get(f"{V2}/{path}", params=params)
        if body is None
        else old.post(f"{V2}/{path}", content=json.dumps({"request": body}), params=params)
    )
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == 'application/json; charset="utf-8"'
    return answer.json()["response"]


async def test_signing_in_answers_xml_and_sets_cookies(old, amo):
    assert {"session_id", "user_lang"} <= set(old.cookies)
    answer = await old.post(
        "/private/api/auth.php", data={"USER_LOGIN": "olga@example.ru", "USER_HASH": amo.credentials["client_secret"]}
    )
    tree = ET.fromstring(answer.text)
    assert (tree[0].tag, tree[0].text) == ("auth", "true")


async def test_wrong_credentials_are_200_and_false(old):
    answer = await old.post("/private/api/auth.php", data={"USER_LOGIN": "olga@example.ru", "USER_HASH": "wrong"})
    assert answer.status_code == 200
    assert ET.fromstring(answer.text)[0].text == "false"
    told = (await old.post("/private/api/auth.php?type=json", json={"USER_LOGIN": "nobody", "USER_HASH": "x"})).json()[
        "response"
    ]
    assert (told["auth"], told["error_code"]) == (False, "110")


async def test_signing_in_by_json_names_the_accounts(old, api):
    known = await api.control("tokens")
    login = {"USER_LOGIN": known["user_login"], "USER_HASH": known["user_hash"]}
    told = (await old.post("/private/api/auth.php?type=json", content=json.dumps(login))).json()["response"]
    assert told["auth"] is True
    assert told["accounts"] == [
        {"id": "30215544", "name": "Восток", "subdomain": "vostok", "language": "ru", "timezone": "Europe/Moscow"}
    ]


async def test_login_and_key_may_stand_in_every_address(amo, api):
    known = await api.control("tokens")
    params = {"USER_LOGIN": known["user_login"], "USER_HASH": known["user_hash"], "type": "json"}
    async with httpx.AsyncClient(base_url=amo.base_url, verify=False) as stranger:
        assert (await stranger.get(f"{V2}/accounts/current", params=params)).status_code == 200
        refused = await stranger.get(f"{V2}/accounts/current")
    assert refused.status_code == 401
    assert refused.json()["response"]["error_code"] == "110"


async def test_the_account_names_users_stages_and_fields_with_texts_as_ids(old):
    account = (await ask(old, "accounts/current"))["account"]
    assert account["id"] == "30215544"
    assert account["users"][0]["login"] == "olga@example.ru"
    assert account["users"][0]["last_name"] is None
    assert account["leads_statuses"][0] == {
        "id": "32002",
        "name": "Первичный контакт",
        "pipeline_id": 3100,
        "color": "#99ccff",
        "editable": "Y",
        "sort": "20",
    }
    field = next(one for one in account["custom_fields"]["contacts"] if one["code"] == "PHONE")
    assert (field["id"], field["multiple"], field["type_id"], field["enums"]["88001"]) == ("70011", "Y", "8", "WORK")
    assert account["pipelines"]["3100"]["statuses"]["142"]["name"] == "Успешно реализовано"
    assert {one["code"] for one in account["note_types"]} >= {"COMMON", "CALL_IN", "CALL_OUT"}
    assert [one["id"] for one in account["task_types"]] == [1, 2]


async def test_ids_of_a_list_are_texts_and_dates_numbers(old):
    contact = (await ask(old, "contacts/list", limit_rows=1))["contacts"][0]
    assert isinstance(contact["id"], str)
    assert isinstance(contact["responsible_user_id"], str)
    assert isinstance(contact["group_id"], int)
    assert isinstance(contact["date_create"], int)
    assert contact["closest_task"] == ""
    lead = (await ask(old, "leads/list", limit_rows=1))["leads"][0]
    assert (isinstance(lead["pipeline_id"], int), isinstance(lead["status_id"], str), lead["date_close"]) == (
        True,
        True,
        "",
    )


async def test_lists_are_paged_chosen_and_end_with_204(old):
    everybody = [one["id"] for one in (await ask(old, "contacts/list", limit_rows=500))["contacts"]]
    assert [
        one["id"] for one in (await ask(old, "contacts/list", limit_rows=5, limit_offset=10))["contacts"]
    ] == everybody[10:15]
    chosen = await old.get(f"{V2}/contacts/list?id[]={everybody[3]}&id[]={everybody[1]}")
    assert {one["id"] for one in chosen.json()["response"]["contacts"]} == {everybody[1], everybody[3]}
    assert (await old.get(f"{V2}/contacts/list?limit_offset=500")).status_code == 204
    assert (await old.get(f"{V2}/contacts/list?query=никого")).status_code == 204


async def test_a_contact_is_set_with_phone_tags_lead_and_company(old, api):
    lead = (await ask(old, "leads/set", {"leads": {"add": [{"name": "L", "status_id": "32003", "price": "100"}]}}))[
        "leads"
    ]["add"][0]["id"]
    item = {
        "name": "C", "tags": "a, b", "linked_leads_id": [str(lead)], "company_name": "Новая",
        "custom_fields": [{"id": "70011", "values": [{"value": "+79995550011", "enum": "MOB"}]}],
    }  # fmt: skip
    told = await ask(old, "contacts/set", {"contacts": {"add": [item]}})
    (made,) = told["contacts"]["add"]
    assert (type(made["id"]), made["request_id"]) == (int, 0)
    contact = await api.read(f"/api/v4/contacts/{made['id']}?with=leads")
    assert [one["name"] for one in contact["_embedded"]["tags"]] == ["a", "b"]
    assert [one["id"] for one in contact["_embedded"]["leads"]] == [lead]
    assert contact["custom_fields_values"][0]["values"][0]["enum_code"] == "MOB"
    (shown,) = (await ask(old, "contacts/list", query="9995550011"))["contacts"]
    assert (shown["company_name"], shown["linked_leads_id"]) == ("Новая", [str(lead)])
    assert shown["custom_fields"][0]["values"] == [{"value": "+79995550011", "enum": "88005"}]
    (company,) = (await ask(old, "company/list", query="Новая", type="company"))["contacts"]
    assert company["type"] == "company"
    assert (await ask(old, "contacts/links", **{"deals_link[0]": lead}))["links"][0]["contact_id"] == str(made["id"])


async def test_an_update_older_than_the_stored_one_is_refused(old, api):
    id = await api.made("/api/v4/contacts", {"name": "C", "custom_fields_values": phone("1")})
    fresh = await ask(
        old, "contacts/set", {"contacts": {"update": [{"id": id, "name": "D", "last_modified": 4_000_000_000}]}}
    )
    assert fresh["contacts"]["update"][0]["id"] == id
    assert (await api.read(f"/api/v4/contacts/{id}"))["name"] == "D"
    told = await ask(old, "contacts/set", {"contacts": {"update": [{"id": id, "name": "E", "last_modified": 5}]}}, 400)
    assert told["error"] == "Last modified date is older than in database"
    assert (await api.read(f"/api/v4/contacts/{id}"))["name"] == "D"


async def test_customers_are_nested_once_more(old):
    told = await ask(old, "customers/set", {"customers": {"add": [{"name": "x", "next_date": 1_900_000_000}]}})
    id = told["customers"]["add"]["customers"][0]["id"]
    assert (await ask(old, "customers/list"))["customers"]["customers"][0]["id"] == str(id)


async def test_tasks_and_notes_are_set_on_elements(old, api):
    task = {
        "element_id": 51001,
        "element_type": 1,
        "task_type": "FOLLOW_UP",
        "text": "x",
        "complete_till": 1_900_000_000,
    }
    id = (await ask(old, "tasks/set", {"tasks": {"add": [task]}}))["tasks"]["add"][0]["id"]
    (shown,) = (await ask(old, "tasks/list", type="contact", element_id=51001))["tasks"]
    assert (shown["id"], shown["element_type"], shown["status"], shown["complete_till"]) == (
        str(id),
        "1",
        "0",
        1_900_000_000,
    )
    await ask(
        old, "tasks/set", {"tasks": {"update": [{"id": id, "status": 1, "text": "y", "last_modified": 4_000_000_000}]}}
    )
    assert (await api.read(f"/api/v4/tasks/{id}"))["is_completed"] is True
    note = {"element_id": "51001", "element_type": "1", "note_type": "4", "text": "привет"}
    id = (await ask(old, "notes/set", {"notes": {"add": [note]}}))["notes"]["add"][0]["id"]
    (shown,) = (await ask(old, "notes/list", type="contact", element_id=51001))["notes"]
    assert (shown["id"], shown["text"], shown["note_type"]) == (str(id), "привет", "4")


async def test_only_what_changed_since_is_listed(old, api):
    id = await api.made("/api/v4/contacts", {"name": "новый"})
    answer = await old.get(f"{V2}/contacts/list", headers={"If-Modified-Since": "Tue, 24 Nov 2026 00:00:00 UTC"})
    assert str(id) in [one["id"] for one in answer.json()["response"]["contacts"]]


async def test_a_card_is_deleted_as_the_pages_do(old, api):
    answer = await old.post("/ajax/contacts/multiple/delete/", data={"ID[]": 51001, "ACTION": "DELETE"})
    assert answer.json()["response"] if "response" in answer.json() else answer.json()["status"] == "success"
    assert (await api.get("/api/v4/contacts/51001")).status_code == 204
