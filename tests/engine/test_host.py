"""What may a plugin rely on when it speaks HTTP: limits, retries, errors sorted, secrets struck out?"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime

import httpx
import pytest
import respx

from hub.engine import host as host_module
from hub.engine.host import ConnectionHost, ConnectionHttp
from hub.errors import AuthFailed, HubError, Rejected, Temporary
from hub.sdk import Context

URL = "https://vendor.example"
SECRET = "s3cret/+="


@pytest.fixture
def vendor(monkeypatch: pytest.MonkeyPatch) -> Iterator[respx.MockRouter]:
    """The vendor's answers. Pauses between tries take no time."""
    monkeypatch.setattr(host_module, "_pause", lambda _state: 0.0)
    with respx.mock(base_url=URL, assert_all_called=False) as router:
        yield router


@pytest.fixture
async def http() -> AsyncIterator[ConnectionHttp]:
    host = ConnectionHost("amo", Context("amo"), lambda: datetime(2026, 3, 10, 7, tzinfo=UTC))
    async with host.http(URL, secrets=[SECRET, ""]) as client:
        yield client


async def test_a_read_is_tried_three_times(vendor: respx.MockRouter, http: ConnectionHttp) -> None:
    route = vendor.get("/cards").mock(
        side_effect=[httpx.Response(502), httpx.ConnectError("gone"), httpx.Response(200)]
    )
    assert (await http.request("GET", "/cards")).status_code == 200
    assert route.call_count == 3
    vendor.get("/down").mock(return_value=httpx.Response(503))
    with pytest.raises(Temporary):
        await http.request("GET", "/down")
    assert vendor.calls.call_count == 6


async def test_a_write_is_never_tried_again_by_itself(vendor: respx.MockRouter, http: ConnectionHttp) -> None:
    route = vendor.post("/tasks").mock(side_effect=[httpx.ReadTimeout("slow"), httpx.Response(200)])
    with pytest.raises(Temporary):
        await http.request("POST", "/tasks")
    assert route.call_count == 1


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, Rejected),
        (401, AuthFailed),
        (403, AuthFailed),
        (404, Rejected),
        (408, Temporary),
        (409, Rejected),
        (425, Temporary),
        (429, Temporary),
        (500, Temporary),
        (503, Temporary),
        (301, Rejected),
        (302, Rejected),
    ],
)
async def test_a_refusal_is_sorted_by_who_must_act(
    vendor: respx.MockRouter, http: ConnectionHttp, status: int, error: type[HubError]
) -> None:
    vendor.post("/x").mock(return_value=httpx.Response(status, headers={"Location": "https://thief.example/"}))
    with pytest.raises(error):
        await http.request("POST", "/x")


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "17"}, 17.0),
        ({"Retry-After": "Tue, 10 Mar 2026 07:02:00 GMT", "Date": "Tue, 10 Mar 2026 07:00:00 GMT"}, 120.0),
        ({"Retry-After": "Tue, 10 Mar 2026 06:00:00 GMT", "Date": "Tue, 10 Mar 2026 07:00:00 GMT"}, 0.0),
        ({"Retry-After": "soon"}, None),
        ({}, None),
    ],
)
async def test_the_vendor_says_how_long_to_wait(
    vendor: respx.MockRouter, http: ConnectionHttp, headers: dict[str, str], seconds: float | None
) -> None:
    vendor.post("/x").mock(return_value=httpx.Response(429, headers=headers))
    with pytest.raises(Temporary) as caught:
        await http.request("POST", "/x")
    assert caught.value.retry_after == seconds


async def test_a_redirect_is_not_followed_for_the_secret_must_not_reach_another_host(
    vendor: respx.MockRouter, http: ConnectionHttp
) -> None:
    vendor.get("/x").mock(return_value=httpx.Response(302, headers={"Location": "https://thief.example/"}))
    thief = respx.get("https://thief.example/").mock(return_value=httpx.Response(200))
    with pytest.raises(Rejected):
        await http.request("GET", "/x", headers={"Authorization": SECRET})
    assert not thief.called


@pytest.mark.parametrize("text", [f"bad token {SECRET}", "no such path /bots3cret%2F%2B%3D/send"])
async def test_a_secret_shows_in_no_error_even_where_it_stood_in_the_path(
    vendor: respx.MockRouter, http: ConnectionHttp, text: str
) -> None:
    vendor.post(url__regex=".*").mock(return_value=httpx.Response(400, text=text))
    with pytest.raises(Rejected) as caught:
        await http.request("POST", "/bots3cret%2F%2B%3D/send")
    assert "s3cret" not in str(caught.value)
    vendor.post(url__regex=".*").mock(side_effect=httpx.ConnectError(f"https://vendor.example/bot{SECRET}/send failed"))
    with pytest.raises(Temporary) as lost:
        await http.request("POST", "/x")
    assert "s3cret" not in str(lost.value)
    assert lost.value.__cause__ is None


async def test_a_vendor_that_speaks_in_bodies_is_classified_first(vendor: respx.MockRouter) -> None:
    def classify(response: httpx.Response) -> HubError | None:
        return Temporary("QUERY_LIMIT") if "QUERY_LIMIT" in response.text else None

    host = ConnectionHost("b24", Context("b24"), lambda: datetime.now(UTC), classify)
    vendor.post("/x").mock(return_value=httpx.Response(200, json={"error": "QUERY_LIMIT"}))
    async with host.http(URL) as http:
        with pytest.raises(Temporary, match="QUERY_LIMIT"):
            await http.request("POST", "/x")
