"""Contract, sections 1 and 5: envelopes, pages, filters, order, `with`."""

from urllib.parse import quote

import pytest

from tests.sandbox.amocrm.conftest import phone, running


async def test_a_page_is_an_envelope_with_links_to_the_called_host(api):
    answer = await api.get("/api/v4/contacts?limit=2", headers={"Host": "vostok.amocrm.ru"})
    page = answer.json()
    assert answer.headers["content-type"] == "application/hal+json"
    assert page["_page"] == 1
    assert page["_links"]["self"]["href"] == "http://vostok.amocrm.ru/api/v4/contacts?limit=2&page=1"
    assert page["_links"]["next"]["href"] == "http://vostok.amocrm.ru/api/v4/contacts?limit=2&page=2"
    assert "_total_items" not in page
    assert page["_embedded"]["contacts"][0]["_links"]["self"]["href"].startswith(
        "http://vostok.amocrm.ru/api/v4/contacts/"
    )


async def test_links_may_begin_with_a_public_address(api):
    await api.control("set", public_url="https://vostok.amocrm.ru")
    page = await api.read("/api/v4/leads?limit=1")
    assert page["_links"]["next"]["href"].startswith("https://vostok.amocrm.ru/api/v4/leads?")


async def test_the_scheme_of_a_proxy_is_echoed(api):
    answer = await api.get("/api/v4/account", headers={"Host": "vostok.amocrm.ru", "X-Forwarded-Proto": "https"})
    assert answer.json()["_links"]["self"]["href"] == "https://vostok.amocrm.ru/api/v4/account"


async def test_following_next_gives_everything_once_and_ends_with_204(api):
    seen, href = [], "/api/v4/contacts?limit=10"
    while True:
        answer = await api.get(href)
        if answer.status_code == 204:
            break
        page = answer.json()
        seen += [one["id"] for one in page["_embedded"]["contacts"]]
        href = page["_links"]["next"]["href"]
    assert answer.content == b""
    assert len(seen) == len(set(seen)) == 30


async def test_later_pages_link_back(api):
    links = (await api.read("/api/v4/contacts?limit=10&page=2"))["_links"]
    assert links["first"]["href"].endswith("page=1")
    assert links["prev"]["href"].endswith("page=1")


async def test_the_last_page_has_no_next(api):
    assert "next" not in (await api.read("/api/v4/contacts?limit=20&page=2"))["_links"]


async def test_fifty_a_page_by_default_and_250_at_most():
    async with running(rps=None, contacts=300) as (_, api):
        assert len(await api.items("/api/v4/contacts")) == 50
        assert len(await api.items("/api/v4/contacts?limit=1000")) == 250


@pytest.mark.parametrize("contacts", [0, 1, 77])
async def test_there_are_exactly_as_many_contacts_as_asked_for(contacts):
    async with running(rps=None, contacts=contacts) as (_, api):
        assert len(await api.items("/api/v4/contacts?limit=250")) == contacts


async def test_the_same_seed_gives_the_same_people():
    async with (
        running(rps=None, seed=7) as (_, one),
        running(rps=None, seed=7) as (_, other),
        running(rps=None, seed=8) as (_, odd),
    ):
        names = [[row["name"] for row in await api.items("/api/v4/contacts")] for api in (one, other, odd)]
    assert names[0] == names[1] != names[2]


async def test_dictionaries_tell_their_total(api):
    page = await api.read("/api/v4/users?limit=2")
    assert (page["_total_items"], page["_page_count"], len(page["_embedded"]["users"])) == (3, 2, 2)
    assert page["_links"]["next"]["href"].endswith("limit=2&page=2")


async def test_custom_fields_come_in_pages_of_fifty_whatever_is_asked_for(api):
    await api.ask("POST", "/api/v4/leads/custom_fields", [{"name": f"f{at}", "type": "text"} for at in range(60)], 201)
    page = await api.read("/api/v4/leads/custom_fields?limit=250")
    assert len(page["_embedded"]["custom_fields"]) == 50
    assert page["_page_count"] == 2


async def test_a_trailing_slash_is_tolerated(api):
    await api.read("/api/v4/users/")


async def test_an_unknown_path_is_404_and_a_wrong_method_405(api):
    assert (await api.read("/api/v4/nothing", 404))["title"] == "Not Found"
    assert (await api.ask("DELETE", "/api/v4/contacts", status=405))["status"] == 405
    assert (await api.ask("GET", "/api/v4/notes", status=404))["status"] == 404


async def test_a_missing_card_is_204(api):
    for path in ("/api/v4/contacts/1", "/api/v4/leads/1", "/api/v4/companies/1", "/api/v4/tasks/1", "/api/v4/events/x"):
        answer = await api.get(path)
        assert (answer.status_code, answer.content) == (204, b"")


async def test_a_missing_pipeline_is_404_by_name(api):
    told = await api.read("/api/v4/leads/pipelines/1", 404)
    assert told == {
        "title": "Not Found",
        "type": "https://httpstatus.es/404",
        "status": 404,
        "detail": "Pipeline not found",
    }


async def ids_by(api, query):
    return [one["id"] for one in await api.items(f"/api/v4/contacts?{query}")]


async def test_ids_are_filtered_in_every_spelling(api):
    first, second, *_ = await ids_by(api, "")
    for query in (
        f"filter[id][]={first}&filter[id][]={second}", f"filter[id][0]={first}&filter[id][1]={second}",
        f"filter[id]={first},{second}", f"filter%5Bid%5D%5B%5D={first}&filter%5Bid%5D%5B%5D={second}",
    ):  # fmt: skip
        assert await ids_by(api, query) == [first, second]
    assert await ids_by(api, f"filter[id]={second}") == [second]


async def test_the_same_key_given_twice_keeps_the_last_value(api):
    first, second, *_ = await ids_by(api, "")
    assert await ids_by(api, f"filter[id]={first}&filter[id]={second}") == [second]


async def test_ranges_of_updated_at_include_both_ends(api):
    rows = await api.items("/api/v4/contacts?order[updated_at]=asc")
    since, until = rows[3]["updated_at"], rows[7]["updated_at"]
    query = f"filter[updated_at][from]={since}&filter[updated_at][to]={until}&order[updated_at]=asc"
    assert await ids_by(api, query) == [row["id"] for row in rows[3:8]]
    newest = await ids_by(api, f"filter[updated_at][from]={since}&order[updated_at]=desc&limit=2&page=2")
    assert newest == [row["id"] for row in rows[::-1][2:4]]


async def test_a_bare_updated_at_finds_nothing_on_cards_but_means_after_on_tasks(api):
    rows = await api.items("/api/v4/leads?order[updated_at]=asc")
    assert await api.items(f"/api/v4/leads?filter[updated_at]={rows[0]['updated_at']}") == []
    tasks = await api.items("/api/v4/tasks?order[id]=asc")
    moment = sorted(task["updated_at"] for task in tasks)[2]
    later = await api.items(f"/api/v4/tasks?filter[updated_at]={moment}")
    assert {task["id"] for task in later} == {task["id"] for task in tasks if task["updated_at"] >= moment}


async def test_different_filters_combine_with_and(api):
    mine = await ids_by(api, "filter[responsible_user_id][]=8100001")
    everybody = await ids_by(api, "filter[responsible_user_id]=8100001,8100002")
    assert len(everybody) == 30
    assert await ids_by(api, f"filter[responsible_user_id]=8100001&filter[id]={mine[0]},{mine[1]}") == mine[:2]


async def test_leads_are_filtered_by_pairs_of_pipeline_and_stage(api):
    rows = await api.items("/api/v4/leads?limit=250")
    wanted = {(3100, 32002), (3101, 143)}
    pairs = "&".join(
        f"filter[statuses][{at}][pipeline_id]={pipeline}&filter[statuses][{at}][status_id]={stage}"
        for at, (pipeline, stage) in enumerate(wanted)
    )
    found = await api.items(f"/api/v4/leads?{pairs}")
    assert [one["id"] for one in found] == [
        one["id"] for one in rows if (one["pipeline_id"], one["status_id"]) in wanted
    ]


async def test_leads_are_filtered_by_price_and_pipeline(api):
    found = await api.items(
        "/api/v4/leads?filter[price][from]=100000&filter[price][to]=500000&filter[pipeline_id][]=3100"
    )
    assert found
    assert all(100_000 <= one["price"] <= 500_000 and one["pipeline_id"] == 3100 for one in found)


async def test_custom_fields_are_filtered_by_value_choice_and_range(api):
    fields = {one["type"]: one for one in await api.items("/api/v4/leads/custom_fields")}
    text, select, date = fields["text"]["id"], fields["select"], fields["date"]["id"]
    values = [
        {"field_id": text, "values": [{"value": "A-17"}]}, {"field_id": select["id"], "values": [{"value": "Базовый"}]},
        {"field_id": date, "values": [{"value": 1_767_960_000}]},
    ]  # fmt: skip
    id = await api.made("/api/v4/leads", {"name": "x", "custom_fields_values": values})
    for query in (
        f"[{text}][]=A-17", f"[{select['id']}][]={select['enums'][0]['id']}", f"[{date}][from]=1767900000&filter[custom_fields_values][{date}][to]=1768000000",
    ):  # fmt: skip
        assert [one["id"] for one in await api.items(f"/api/v4/leads?filter[custom_fields_values]{query}")] == [id]


async def test_query_finds_names_emails_and_phones_at_once(api):
    item = {"name": "Иннокентий Редкий", "custom_fields_values": phone("+7 (999) 123-45-67")}
    id = await api.made("/api/v4/contacts", item)
    for words in ("иннокентий", "Редкий", "9991234567", "+7 (999) 123-45-67", "999) 123"):
        assert await ids_by(api, f"query={quote(words)}") == [id], words
    await api.touch("contacts", id, "phone", phone="+79990000000")
    assert await ids_by(api, "query=9991234567") == []
    assert await ids_by(api, "query=9990000000") == [id]


async def test_query_by_another_prefix_finds_nothing(api):
    await api.made("/api/v4/contacts", {"name": "x", "custom_fields_values": phone("89991234567")})
    assert await ids_by(api, "query=79991234567") == []


async def test_with_adds_stubs_and_unknown_names_are_ignored(api):
    plain = (await api.items("/api/v4/leads?limit=1"))[0]["_embedded"]
    assert set(plain) == {"tags", "companies"}
    rich = (await api.items("/api/v4/leads?limit=1&with=contacts,loss_reason,nonsense"))[0]["_embedded"]
    contact = rich["contacts"][0]
    assert contact["is_main"] is True
    assert contact["_links"]["self"]["href"].endswith(f"/api/v4/contacts/{contact['id']}")
    assert rich["loss_reason"] == []
    assert set((await api.items("/api/v4/companies?limit=1"))[0]["_embedded"]) == {"tags"}


async def test_a_lead_shows_the_documented_keys_in_order(api):
    lead = (await api.items("/api/v4/leads?limit=1"))[0]
    assert list(lead) == [
        "id", "name", "price", "responsible_user_id", "group_id", "status_id", "pipeline_id", "loss_reason_id", "source_id",
        "created_by", "updated_by", "created_at", "updated_at", "closed_at", "closest_task_at", "is_deleted",
        "custom_fields_values", "score", "account_id", "labor_cost", "_links", "_embedded",
    ]  # fmt: skip


async def test_account_shows_only_what_is_asked_for(api):
    plain = await api.read("/api/v4/account")
    assert plain["subdomain"] == "vostok"
    assert "amojo_id" not in plain
    assert "_embedded" not in plain
    rich = await api.read(
        "/api/v4/account?with=amojo_id,task_types,users_groups,datetime_settings,version,is_api_filter_enabled"
    )
    assert rich["version"] == 16
    assert set(rich["_embedded"]) == {"users_groups", "task_types", "datetime_settings"}
    assert rich["_embedded"]["datetime_settings"]["timezone"] == "Europe/Moscow"


async def test_users_show_rights_and_with_roles_and_groups(api):
    admin, manager, free = await api.items("/api/v4/users?with=role,group")
    assert admin["rights"]["is_admin"] is True
    assert manager["_embedded"]["groups"][0]["id"] == manager["rights"]["group_id"]
    assert free["rights"]["is_free"] is True


async def test_won_and_lost_are_the_same_in_every_pipeline(api):
    for pipeline in await api.items("/api/v4/leads/pipelines"):
        stages = pipeline["_embedded"]["statuses"]
        assert [stage["id"] for stage in stages[-2:]] == [142, 143]
        assert [stage["type"] for stage in stages] == [1, *[0] * (len(stages) - 1)]


async def test_deleted_leads_are_found_in_the_trash(api):
    id = (await api.items("/api/v4/leads?limit=1"))[0]["id"]
    await api.touch("leads", id, "delete")
    (gone,) = await api.items("/api/v4/leads?with=only_deleted")
    assert (gone["id"], gone["is_deleted"]) == (id, True)
    assert "name" not in gone
    assert (await api.get(f"/api/v4/leads/{id}")).status_code == 204
    await api.touch("leads", id, "restore")
    assert (await api.read(f"/api/v4/leads/{id}"))["is_deleted"] is False


async def test_an_ordinary_user_sees_what_his_rights_allow(api, amo):
    amo.world.default.users[8100002]["rights"]["contacts"]["view"] = "M"
    headers = {"X-Context-User-ID": "8100002"}
    rows = (await api.get("/api/v4/contacts?limit=250", headers=headers)).json()["_embedded"]["contacts"]
    assert {row["responsible_user_id"] for row in rows} == {8100002}


async def test_an_unpaid_account_is_402_and_filters_may_be_missing(api):
    await api.control("set", is_api_filter_enabled=False)
    assert (await api.read("/api/v4/leads?filter[id]=1", 402))["title"] == "Payment Required"
    await api.control("set", is_paid=False)
    await api.read("/api/v4/leads", 402)
