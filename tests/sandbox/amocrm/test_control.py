"""Does the control plane play a user of the pages, and does the command keep what it promises?"""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from sandbox.amocrm import keep
from tests.sandbox.amocrm.conftest import client_of, phone, running

ROOT = Path(__file__).parents[3]


async def test_touches_are_seen_as_changes_of_that_user(api):
    await api.touch("contacts", 51001, "rename", name="Новое имя", by=8100002)
    contact = await api.read("/api/v4/contacts/51001")
    assert (contact["name"], contact["updated_by"]) == ("Новое имя", 8100002)
    (newest,) = await api.items("/api/v4/contacts?order[updated_at]=desc&limit=1")
    assert newest["id"] == 51001


async def test_a_share_of_the_cards_is_touched(api):
    begin = (await api.control("touch", entity="contacts", id=51001, action="set", set={"name": "x"}))["touched"]
    assert begin == [51001]
    touched = (await api.control("touch", entity="contacts", share=0.1))["touched"]
    assert len(touched) == 3
    changed = await api.items(f"/api/v4/contacts?filter[updated_at][from]={int(time.time()) - 60}&limit=250")
    assert {one["id"] for one in changed} == {*touched, 51001}


async def test_several_touches_in_one_request(api):
    changes = [
        {"entity": "contacts", "action": "create", "name": "Аня", "phone": "+79990000001"},
        {"entity": "leads", "id": 900101, "action": "close", "won": False, "loss_reason_id": 4002},
        {"entity": "leads", "id": 900101, "action": "note", "text": "перезвонить завтра"},
    ]
    created, lead, _ = (await api.control("touch", changes=changes))["touched"]
    assert [one["id"] for one in await api.items("/api/v4/contacts?query=9990000001")] == [created]
    assert (await api.read(f"/api/v4/leads/{lead}"))["status_id"] == 143
    assert len(await api.items("/api/v4/leads/900101/notes")) == 1


@pytest.mark.parametrize(
    ("name", "asked"),
    [
        ("touch", {"entity": "contacts", "id": 5, "action": "rename"}), ("touch", {"entity": "contacts", "id": 51001, "action": "nope"}),
        ("touch", {"entity": "leads", "id": 900101, "action": "stage", "status_id": 5}), ("set", {"nope": 1}),
        ("set", {"faults": [{"kind": "nope"}]}), ("set", {"webhooks": {"nope": 1}}),
    ],
)  # fmt: skip
async def test_what_cannot_be_done_is_told(api, name, asked):
    told = await api.ask("POST", f"/_ctl/{name}", asked, 400)
    assert told["detail"].startswith(f"/_ctl/{name}: ")


async def test_an_unknown_name_lists_the_known_ones(api):
    assert "hooks/flush" in (await api.ask("POST", "/_ctl/nope", {}, 404))["detail"]


async def test_the_state_shows_what_was_written(api):
    await api.ask("POST", "/api/v4/tasks", [{"text": "x", "complete_till": 1_900_000_000}])
    await api.ask(
        "POST", "/api/v4/calls", [{"direction": "inbound", "duration": 1, "source": "h", "phone": "9031112233"}]
    )
    state = await api.control("state", only=["tasks", "calls", "counts", "requests"])
    assert state["tasks"][-1]["text"] == "x"
    assert [call["params"]["phone"] for call in state["calls"]] == ["9031112233"]
    assert state["requests"][0] == ["POST", "/api/v4/tasks", 200]
    assert {"leads", "contacts", "events", "unsorted"} <= set(await api.control("state"))


async def test_the_page_shows_people_tasks_calls_and_stages_escaped(api):
    lead = await api.made("/api/v4/leads", {"name": "<b>Сделка</b>"})
    await api.made("/api/v4/contacts", {"name": "<script>x</script>", "custom_fields_values": phone("+79990000001")})
    await api.made(
        "/api/v4/tasks",
        {"text": "Перезвонить & спросить", "complete_till": 1_600_000_000, "entity_id": lead, "entity_type": "leads"},
    )
    await api.ask(
        "POST", "/api/v4/calls", [{"direction": "inbound", "duration": 73, "source": "h", "phone": "9990000001"}]
    )
    page = await api.get("/_ctl/")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    for text in (
        "&lt;b&gt;Сделка",
        "&lt;script&gt;",
        "Перезвонить &amp; спросить",
        "☎ входящий 9990000001 · 1:13",
        "Переговоры",
    ):
        assert text in page.text
    assert "<script" not in page.text
    assert "class='when late'" in page.text


async def test_a_second_account_has_its_own_cards_and_tokens(api):
    await api.control("account", subdomain="zapad", contacts=3)
    headers = {"Host": "zapad.amocrm.ru"}
    assert (await api.get("/api/v4/contacts", headers=headers)).status_code == 401
    token = (await api.ask_at("zapad", "tokens"))["access_token"]
    headers["Authorization"] = f"Bearer {token}"
    answer = await api.get("/api/v4/contacts", headers=headers)
    assert len(answer.json()["_embedded"]["contacts"]) == 3
    assert (await api.get("/api/v4/contacts", headers={"Authorization": f"Bearer {token}"})).status_code == 401


async def test_a_kept_vendor_goes_on_after_a_restart(tmp_path):
    async with running(rps=None) as (first, api):
        id = await api.made("/api/v4/contacts", {"name": "x", "custom_fields_values": phone("+79990000001")})
        token = first.credentials["access_token"]
    keep.save(first.world, tmp_path / "amo")
    async with running(rps=None, world=keep.load(tmp_path / "amo")) as (second, _), client_of(second, token) as api:
        assert [one["id"] for one in await api.items("/api/v4/contacts?query=9990000001")] == [id]
        assert await api.made("/api/v4/contacts", {"name": "y"}) > id
    assert keep.load(tmp_path / "nothing") is None


async def test_a_widget_is_installed_without_asking(api, receiver):
    await api.control("set", redirect_uri=receiver.address)
    code = (await api.control("install"))["code"]
    assert receiver.queries == [{"code": [code], "referer": ["vostok.amocrm.ru"], "from_widget": ["1"]}]


async def test_a_message_of_somebody_unknown_waits_and_is_linked_to_a_lead(api):
    (uid,) = (await api.control("touch", entity="unsorted", action="create", name="Пишет Аня", phone="+79990000002"))[
        "touched"
    ]
    (item,) = await api.items("/api/v4/leads/unsorted?filter[category]=chats")
    assert item["uid"] == uid
    link = {"link": {"entity_id": 900101, "entity_type": "leads", "metadata": {"contact_id": 51001}}}
    told = await api.ask("POST", f"/api/v4/leads/unsorted/{uid}/link", link)
    assert [one["id"] for one in told["_embedded"]["leads"]] == [900101]
    await api.read(f"/api/v4/leads/unsorted/{uid}", 404)


def start(*options):
    command = [sys.executable, "-m", "hub", "sandbox", "amocrm", *options]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)}
    )


def test_the_command_prints_one_json_line_serves_and_ends_on_sigterm(tmp_path):
    (tmp_path / "f.json").write_text('[{"kind": "status", "status": 500, "path": "/api/v4/leads", "count": 1}]')
    running = start("--port", "0", "--contacts", "7", "--seed", "3", "--rps", "2", "--faults", str(tmp_path / "f.json"))
    try:
        known = json.loads(running.stdout.readline())
        assert list(known) == [
            "base_url",
            "subdomain",
            "client_id",
            "client_secret",
            "redirect_uri",
            "auth_code",
            "access_token",
            "refresh_token",
        ]
        with httpx.Client(
            base_url=known["base_url"], headers={"Authorization": f"Bearer {known['access_token']}"}, verify=False
        ) as api:
            assert len(api.get("/api/v4/contacts").json()["_embedded"]["contacts"]) == 7
            assert api.get("/api/v4/leads").status_code == 500
            running.send_signal(signal.SIGTERM)
        assert running.wait(10) == 0
        assert running.stdout.read() == ""
    finally:
        running.kill()


def test_an_unknown_vendor_is_refused_with_the_known_ones():
    command = [sys.executable, "-m", "hub", "sandbox", "nobody"]
    ended = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert ended.returncode == 2
    assert "amocrm" in ended.stderr
