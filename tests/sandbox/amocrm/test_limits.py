"""Contract, section 3, and what goes wrong on purpose."""

import time

import httpx
import pytest

from tests.sandbox.amocrm.conftest import client_of, running


async def statuses(api, count, path="/api/v4/account"):
    return [(await api.get(path)).status_code for _ in range(count)]


async def test_the_eighth_request_of_a_second_is_429_in_html():
    async with running() as (amo, api):
        amo.world.limits.now = lambda: 100.0
        assert await statuses(api, 7) == [200] * 7
        answer = await api.get("/api/v4/account")
    assert answer.status_code == 429
    assert answer.headers["content-type"] == "text/html"
    assert "<title>429 Too Many Requests</title>" in answer.text
    assert "retry-after" not in answer.headers


async def test_the_window_slides():
    async with running(rps=3) as (amo, api):
        for moment, expected in (
            (100.0, [200, 200]),
            (100.6, [200, 429]),
            (101.1, [200, 200, 429]),
            (101.7, [200, 429]),
        ):
            amo.world.limits.now = lambda moment=moment: moment
            assert await statuses(api, len(expected)) == expected


async def test_each_integration_has_its_own_second_and_the_account_one_for_all():
    async with running() as (amo, api):
        amo.world.limits.now = lambda: 100.0
        other = amo.world.authority.register("https://other.example/cb")
        pair = amo.world.authority.pair(amo.world.default, other.client_id, 8100001)
        await api.control("set", account_rps=10)
        async with client_of(amo, pair["access_token"]) as stranger:
            assert await statuses(api, 7) == [200] * 7
            assert await statuses(stranger, 4) == [200, 200, 200, 429]


async def test_thirty_refusals_bring_a_ban_that_is_lifted_by_hand():
    async with running(rps=1) as (amo, api):
        amo.world.limits.now = lambda: 100.0
        told = await statuses(api, 33)
        assert told == [200, *[429] * 30, 403, 403]
        answer = await api.get("/api/v4/account")
        assert (answer.status_code, answer.headers["content-type"]) == (403, "text/html")
        assert "403 Forbidden" in answer.text
        await api.control("set", unban=True, rps=None)
        assert await statuses(api, 10) == [200] * 10


async def test_limits_are_changed_while_it_runs_and_the_control_plane_has_none():
    async with running() as (_, api):
        for _ in range(60):
            await api.control("state", only=["counts"])
        await api.control("set", rps=None, account_rps=None)
        assert await statuses(api, 60) == [200] * 60
        await api.control("set", ban=True)
        assert await statuses(api, 1) == [403]
        await api.control("set", ban=False)
        assert await statuses(api, 1) == [200]


async def test_tokens_are_had_beside_the_limit():
    async with running(rps=1) as (_, api):
        await statuses(api, 1)
        answer = await api.post("/oauth2/access_token", json={})
    assert answer.status_code == 400


async def test_a_status_on_purpose_is_html(api):
    await api.control("set", faults=[{"kind": "status", "status": 504, "count": 1}])
    answer = await api.get("/api/v4/account")
    assert (answer.status_code, answer.headers["content-type"]) == (504, "text/html")
    assert await statuses(api, 1) == [200]


async def test_a_lost_answer_has_done_its_work(api):
    await api.control("set", faults=[{"kind": "lost", "method": "POST", "path": "/api/v4/tasks", "count": 1}])
    before = len(await api.items("/api/v4/tasks"))
    with pytest.raises(httpx.RemoteProtocolError):
        await api.post("/api/v4/tasks", json=[{"text": "x", "complete_till": 1_900_000_000}])
    assert len(await api.items("/api/v4/tasks")) == before + 1


async def test_a_lost_refresh_has_killed_the_old_token(amo, api):
    await api.control("set", faults=[{"kind": "lost", "path": "/oauth2/*", "count": 1}])
    keys = ("client_id", "client_secret", "redirect_uri", "refresh_token")
    asked = {**{key: amo.credentials[key] for key in keys}, "grant_type": "refresh_token"}
    with pytest.raises(httpx.RemoteProtocolError):
        await api.post("/oauth2/access_token", json=asked)
    assert (await api.post("/oauth2/access_token", json=asked)).status_code == 401


async def test_half_a_body_breaks_off(api):
    await api.control("set", faults=[{"kind": "half", "count": 1}])
    with pytest.raises(httpx.RemoteProtocolError):
        await api.get("/api/v4/contacts")
    assert await statuses(api, 1) == [200]


async def test_a_token_may_expire_for_one_request(api):
    await api.control("set", faults=[{"kind": "expired", "count": 1, "skip": 1}])
    assert await statuses(api, 3) == [200, 401, 200]


async def test_latency_is_waited_for(api):
    await api.control("set", latency_ms=30, faults=[{"kind": "latency", "seconds": 0.03}])
    begin = time.monotonic()
    await api.get("/api/v4/account")
    assert time.monotonic() - begin >= 0.06


async def test_what_struck_is_counted(api):
    await api.control("set", faults=[{"kind": "status", "count": 2}])
    await statuses(api, 3)
    assert (await api.control("state", only="counts"))["counts"]["faults"] == {"status": 2}
