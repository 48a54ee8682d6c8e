"""What published clients of amoCRM send, as seen on the wire: the sandbox must understand each of them unchanged."""

import base64
import json
import re

import httpx
import pytest


async def test_a_host_and_a_path_joined_with_two_slashes(amo, api):
    assert (await api.get(f"{amo.base_url}//api/v4/account")).status_code == 200


async def test_a_token_request_as_a_form_with_basic_authorization(amo):
    known = amo.credentials
    body = {
        "client_id": known["client_id"], "client_secret": known["client_secret"], "grant_type": "authorization_code",
        "code": known["auth_code"], "redirect_uri": known["redirect_uri"],
    }  # fmt: skip
    basic = base64.b64encode(f"{known['client_id']}:{known['client_secret']}".encode()).decode()
    async with httpx.AsyncClient(base_url=amo.base_url, verify=False) as client:
        answer = await client.post("/oauth2/access_token", data=body, headers={"Authorization": f"Basic {basic}"})
    assert set(answer.json()) == {"token_type", "expires_in", "server_time", "access_token", "refresh_token"}


async def test_a_token_request_at_the_shared_host(amo, api):
    known = amo.credentials
    body = {
        "client_id": known["client_id"], "client_secret": known["client_secret"], "grant_type": "refresh_token",
        "refresh_token": known["refresh_token"], "redirect_uri": known["redirect_uri"],
    }  # fmt: skip
    assert (await api.post("/oauth2/access_token", json=body, headers={"Host": "www.amocrm.ru"})).status_code == 200


@pytest.mark.parametrize(
    "host",
    ["vostok.amocrm.ru", "vostok.amocrm.com", "vostok.kommo.com", "vostok.localhost:8090", "127.0.0.1", "localhost:1"],
)
async def test_an_account_is_known_by_the_first_label_of_the_host(api, host):
    assert (await api.get("/api/v4/account", headers={"Host": host})).json()["subdomain"] == "vostok"


async def test_json_sent_as_text_under_a_form_content_type(api):
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    hook = {"destination": "https://hub.example/x", "settings": ["add_lead"], "sort": 10}
    assert (await api.post("/api/v4/webhooks", content=json.dumps(hook), headers=headers)).status_code == 201
    assert (
        await api.request("DELETE", "/api/v4/webhooks", content=json.dumps(hook), headers=headers)
    ).status_code == 204


async def test_an_empty_query_parameter_is_none(api):
    assert len(await api.items("/api/v4/contacts?page=1&limit=250&query=")) == 30


async def test_all_pages_of_events_by_hundreds_until_there_is_no_next(api):
    await api.ask("POST", "/api/v4/contacts", [{"name": "x"}] * 150)
    page, seen = 1, []
    while (answer := await api.get(f"/api/v4/events?page={page}&limit=100")).status_code == 200:
        seen += [one["id"] for one in answer.json()["_embedded"]["events"]]
        if "next" not in answer.json()["_links"]:
            break
        page += 1
    assert len(seen) == len(set(seen)) > 150


async def test_pipelines_and_stages_asked_for_with_pages(api):
    assert "next" not in (await api.read("/api/v4/leads/pipelines?page=1&limit=250"))["_links"]
    assert "next" not in (await api.read("/api/v4/leads/pipelines/3100/statuses?page=1&limit=250"))["_links"]


async def test_a_whole_contact_written_back(api):
    contact = await api.read("/api/v4/contacts/51001?with=leads,customers")
    contact["name"] = "Новое"
    await api.ask("PATCH", "/api/v4/contacts", [contact])
    assert (await api.read("/api/v4/contacts/51001"))["name"] == "Новое"


async def test_links_of_a_lead_written_back_as_they_were_read(api):
    lead = await api.read("/api/v4/leads/900101?with=contacts")
    await api.ask("PATCH", "/api/v4/leads/900101", {"_embedded": {"contacts": lead["_embedded"]["contacts"]}})
    again = await api.read("/api/v4/leads/900101?with=contacts")
    assert again["_embedded"]["contacts"] == lead["_embedded"]["contacts"]


async def test_tasks_chosen_by_both_names_of_their_type(api):
    lead = await api.made("/api/v4/leads", {})
    id = await api.made("/api/v4/tasks", {"text": "x", "complete_till": 5, "entity_id": lead, "entity_type": "leads"})
    query = f"filter[entity_type][]=leads&filter[entity_id][]={lead}&filter[task_type_id]=1&filter[task_type]=1"
    assert [one["id"] for one in await api.items(f"/api/v4/tasks?{query}")] == [id]


async def test_several_orders_keep_the_first(api):
    await api.made("/api/v4/leads/notes", {"entity_id": 900101, "note_type": "common", "params": {"text": "x"}})
    assert await api.items("/api/v4/leads/notes?limit=250&page=1&order[updated_at]=asc&order[id]=asc")


async def test_a_call_with_nulls_and_a_duration_as_a_float(api):
    call = {
        "phone": "9031112233", "source": "x", "duration": 7.0, "uniq": None, "link": None, "call_status": 4, "call_result": None,
        "direction": "inbound", "created_by": 8100001,
    }  # fmt: skip
    (made,) = (await api.ask("POST", "/api/v4/calls", [call]))["_embedded"]["calls"]
    assert made["entity_type"] in {"contact", "lead"}


async def test_unsorted_calls_with_a_number_as_phone_and_an_empty_company(api):
    item = {
        "source_uid": "u", "source_name": "n", "pipeline_id": 3100,
        "metadata": {
            "is_call_event_needed": True, "uniq": "a", "duration": 54, "service_code": "s", "link": "l", "phone": 79998888888,
            "called_at": 1_510_261_296, "from": "onlinePBX",
        },
        "_embedded": {"contacts": [{"name": "q"}], "leads": [{"name": "l"}], "companies": [{}]},
    }  # fmt: skip
    (made,) = (await api.ask("POST", "/api/v4/leads/unsorted/sip", [item]))["_embedded"]["unsorted"]
    assert made["_embedded"]["companies"] == []


async def test_a_page_follows_the_modified_since_header_not(api):
    answer = await api.get("/api/v4/contacts", headers={"If-Modified-Since": "Tue, 24 Nov 2035 00:00:00 UTC"})
    assert answer.status_code == 200


async def test_an_old_client_signs_in_by_json_and_asks_with_type_json(amo, api):
    known = await api.control("tokens")
    async with httpx.AsyncClient(base_url=amo.base_url, params={"type": "json"}, verify=False) as old:
        await old.post(
            "/private/api/auth.php",
            content=json.dumps({"USER_LOGIN": known["user_login"], "USER_HASH": known["user_hash"]}),
        )
        account = (await old.get("/private/api/v2/json/accounts/current")).json()["response"]["account"]
        stages = {one["name"]: one["id"] for one in account["leads_statuses"]}
        lead = {
            "name": "deal",
            "status_id": stages["Переговоры"],
            "price": 10,
            "date_create": 1_790_000_000,
            "last_modified": 1_790_000_000,
        }
        body = json.dumps({"request": {"leads": {"add": [lead]}}})
        made = (await old.post("/private/api/v2/json/leads/set", content=body)).json()["response"]["leads"]["add"][0][
            "id"
        ]
        shown = (
            await old.get("/private/api/v2/json/leads/list", params={"id": made, "limit_rows": 1, "type": "lead"})
        ).json()
    assert (shown["response"]["leads"][0]["status_id"], shown["response"]["leads"][0]["price"]) == (
        stages["Переговоры"],
        "10",
    )


async def test_every_answer_has_a_request_id_of_its_own(api):
    ids = {
        (await api.get(path)).headers["x-request-id"]
        for path in ("/api/v4/account", "/api/v4/account", "/api/v4/nothing")
    }
    assert len(ids) == 3
    assert all(re.fullmatch("[0-9a-f]+", one) for one in ids)
