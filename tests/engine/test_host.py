"""What may a plugin rely on when it speaks HTTP: limits, retries, errors sorted, secrets struck out?"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

import httpx
import pytest
import respx
from pydantic import BaseModel, SecretStr

from hub.engine import host as host_module
from hub.engine import upkeep
from hub.engine.access import exchange, grant
from hub.engine.host import ConnectionHost, ConnectionHttp, lend, trial
from hub.engine.hub import Hub
from hub.errors import AuthFailed, ConfigError, HubError, Rejected, Temporary, Throttled, Unanswered
from hub.sdk import Connector, Context, Limit, Login, Tokens
from hub.store import repairs
from tests.engine.conftest import CONFIG, Clock, Workshop, rows

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
    ("trouble", "error"),
    [
        (httpx.ConnectError("gone"), Temporary),
        (httpx.ConnectTimeout("slow"), Temporary),
        (httpx.ReadTimeout("slow"), Unanswered),
        (httpx.RemoteProtocolError("cut off"), Unanswered),
    ],
)
async def test_what_may_have_been_done_is_told_from_what_never_left(
    vendor: respx.MockRouter, http: ConnectionHttp, trouble: Exception, error: type[HubError]
) -> None:
    vendor.post("/tasks").mock(side_effect=trouble)
    with pytest.raises(HubError) as caught:
        await http.request("POST", "/tasks")
    assert type(caught.value) is error


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


async def test_a_write_that_may_be_done_twice_is_tried_again_where_the_plugin_says_so(
    vendor: respx.MockRouter, http: ConnectionHttp
) -> None:
    route = vendor.put("/hooks").mock(side_effect=[httpx.RemoteProtocolError("half"), httpx.Response(200)])
    assert (await http.request("PUT", "/hooks", repeat=True)).status_code == 200
    assert route.call_count == 2


@pytest.mark.parametrize(
    "trouble", [httpx.Response(502), httpx.Response(504), httpx.RemoteProtocolError("half a body")]
)
async def test_a_read_survives_what_passes_soon(
    vendor: respx.MockRouter, http: ConnectionHttp, trouble: httpx.Response | Exception
) -> None:
    route = vendor.get("/x").mock(side_effect=[trouble, httpx.Response(200)])
    assert (await http.request("GET", "/x")).status_code == 200
    assert route.call_count == 2


async def test_a_read_is_not_tried_again_before_the_vendor_wishes(
    vendor: respx.MockRouter, http: ConnectionHttp
) -> None:
    route = vendor.get("/x").mock(return_value=httpx.Response(503, headers={"Retry-After": "120"}))
    with pytest.raises(Temporary) as caught:
        await http.request("GET", "/x")
    assert (route.call_count, caught.value.retry_after) == (1, 120.0)


async def test_of_a_web_page_in_the_way_an_operator_reads_its_title(
    vendor: respx.MockRouter, http: ConnectionHttp
) -> None:
    page = "<html><head><title>502 Bad\n Gateway</title></head><body><center>nginx</center></body></html>"
    vendor.post("/x").mock(return_value=httpx.Response(502, text=page))
    with pytest.raises(Temporary, match=r"^amo answered 502: 502 Bad Gateway$"):
        await http.request("POST", "/x")


async def test_why_nobody_answers_is_told_in_words(vendor: respx.MockRouter, http: ConnectionHttp) -> None:
    vendor.post("/x").mock(side_effect=[httpx.ConnectError("Name or service not known"), httpx.ReadTimeout("")])
    with pytest.raises(Temporary, match=r"^amo cannot be reached: Name or service not known \(ConnectError\)$"):
        await http.request("POST", "/x")
    with pytest.raises(Temporary, match=r"^amo cannot be reached: ReadTimeout$"):
        await http.request("POST", "/x")


async def test_an_address_that_is_none_is_refused_in_words(http: ConnectionHttp) -> None:
    with pytest.raises(Rejected, match="amo has no such address: Invalid port"):
        await http.request("POST", "https://vendor.example:eighty/send")


# With a hub behind it


class Settings(BaseModel):
    token: SecretStr = SecretStr("settings-s3cret")
    nested: list[dict[str, SecretStr]] = [{"pin": SecretStr("nested-s3cret")}]


@dataclass
class Account:
    """A vendor that renews `access-0` to `access-1` and so on."""

    renewed: list[str] = field(default_factory=list)

    async def refresh(self, _http: object, _settings: object, before: Tokens) -> Tokens:
        self.renewed.append(before.access.get_secret_value())
        return Tokens(SecretStr(f"access-{len(self.renewed)}"), SecretStr("refresh"))

    async def exchange(self, _http: object, _settings: object, query: dict[str, str], uri: str) -> Tokens:
        return Tokens(SecretStr(f"{query['code']} for {uri}"))

    def connector(self) -> Connector:
        login = Login(lambda *_: "https://vendor.example/oauth", self.exchange, self.refresh)
        limits = (Limit("vendor:hub", 1000.0), Limit("vendor", 5000.0))
        return Connector("toy", Settings, login=lambda _: login, limits=lambda _: limits, classify=banned)


def banned(response: httpx.Response) -> HubError | None:
    return Throttled(f"the vendor has banned us: {response.text}", 3600) if response.status_code == 403 else None


@pytest.fixture
def account() -> Account:
    return Account()


@pytest.fixture
def hub(sqlite_workshop: Workshop, account: Account) -> Hub:
    return sqlite_workshop.hub(account.connector(), connections={"amo": 'plugin = "toy"', "b": 'plugin = "toy"'})


def clock_of(hub: Hub) -> Clock:
    assert isinstance(hub.now, Clock)
    return hub.now


async def granted(hub: Hub) -> ConnectionHost:
    await grant(hub, "amo", Tokens(SecretStr("access-0"), SecretStr("refresh")))
    return lend(hub, hub.links["amo"])


async def test_a_fixed_token_and_the_stored_one_are_sent_as_bearer(vendor: respx.MockRouter, hub: Hub) -> None:
    route = vendor.get("/x").mock(return_value=httpx.Response(200))
    host = await granted(hub)
    async with host.http(URL, bearer="fixed") as fixed, host.http(URL, tokens=True) as stored:
        await fixed.request("GET", "/x")
        await stored.request("GET", "/x", headers={"X-Context-User-ID": "7"})
    assert [call.request.headers["Authorization"] for call in route.calls] == ["Bearer fixed", "Bearer access-0"]
    assert route.calls[1].request.headers["X-Context-User-ID"] == "7"


async def test_a_refused_token_is_renewed_once_and_the_request_repeated_once(
    vendor: respx.MockRouter, hub: Hub, account: Account
) -> None:
    route = vendor.post("/x").mock(side_effect=[httpx.Response(401), httpx.Response(200), *[httpx.Response(401)] * 2])
    async with (await granted(hub)).http(URL, tokens=True) as http:
        await http.request("POST", "/x")
        with pytest.raises(AuthFailed):
            await http.request("POST", "/x")
    sent = [call.request.headers["Authorization"].removeprefix("Bearer ") for call in route.calls]
    assert sent == ["access-0", "access-1", "access-1", "access-2"]
    assert account.renewed == ["access-0", "access-1"]


async def test_no_secret_of_the_settings_and_no_token_shows_in_an_error(vendor: respx.MockRouter, hub: Hub) -> None:
    said = "settings-s3cret nested-s3cret access-0 fixed"
    vendor.post("/x").mock(return_value=httpx.Response(400, text=said))
    host = await granted(hub)
    async with host.http(URL, tokens=True) as http:
        with pytest.raises(Rejected, match=r"\*\*\* \*\*\* \*\*\* fixed$"):
            await http.request("POST", "/x")
    async with host.http(URL, bearer="fixed") as http:
        with pytest.raises(Rejected, match=r"\*\*\* \*\*\* access-0 \*\*\*$"):
            await http.request("POST", "/x")


async def test_after_too_many_requests_every_lane_of_the_account_rests_and_goes_on(
    vendor: respx.MockRouter, hub: Hub
) -> None:
    answers = [httpx.Response(429, headers={"Retry-After": "30"}), httpx.Response(200)]
    route = vendor.post("/x").mock(side_effect=answers)
    mine, other = (lend(hub, hub.links[name], backfill=name == "b") for name in ("amo", "b"))
    async with mine.http(URL) as http, other.http(URL) as another:
        with pytest.raises(Throttled) as caught:
            await http.request("POST", "/x")
        assert caught.value.retry_after == 30
        with pytest.raises(Throttled, match=r"^b is not asked for another 30 s"):
            await another.request("POST", "/x")
        assert route.call_count == 1
        clock_of(hub).move(seconds=31)
        await another.request("POST", "/x")
    assert rows(hub, repairs.listing) == []


async def test_a_ban_is_shown_until_it_is_over(vendor: respx.MockRouter, hub: Hub) -> None:
    vendor.get("/x").mock(return_value=httpx.Response(403, text="you with settings-s3cret"))
    async with lend(hub, hub.links["amo"]).http(URL) as http:
        for _ in range(2):
            with pytest.raises(Throttled):
                await http.request("GET", "/x")
    (asked,) = rows(hub, repairs.listing)
    assert asked["title"] == "amo is not asked until 08:00 UTC: the vendor has banned us: you with ***"
    clock_of(hub).move(minutes=59)
    await upkeep.step(hub)
    assert rows(hub, repairs.listing)
    clock_of(hub).move(minutes=2)
    await upkeep.step(hub)
    assert rows(hub, repairs.listing) == []


async def test_a_connection_is_tried_before_anything_of_it_is_stored(vendor: respx.MockRouter, hub: Hub) -> None:
    route = vendor.get("/x").mock(return_value=httpx.Response(200))
    link = hub.links["amo"]
    given, told = await exchange(hub.settings, link, {"code": "7"}, "https://hub.example/oauth/amo")
    assert (given.access.get_secret_value(), told) == ("7 for https://hub.example/oauth/amo", {})
    async with lend(hub, link).with_tokens(given).http(URL, tokens=True) as http:
        await http.request("GET", "/x")
    assert route.calls[0].request.headers["Authorization"] == "Bearer 7 for https://hub.example/oauth/amo"
    with pytest.raises(AuthFailed, match="crmhub connect amo"):
        await trial(hub.settings, link).tokens.access()
    with pytest.raises(ConfigError, match="nobody's consent"):
        await exchange(hub.settings, hub.links["hub"], {}, "")


def test_webhooks_have_an_address_where_the_hub_can_be_reached(sqlite_workshop: Workshop, account: Account) -> None:
    public = CONFIG + '\n[web]\npublic_url = "https://hub.example.ru/crm/"\n'
    assert [
        lend(made, made.links["amo"]).hook_url
        for config in (public, CONFIG)
        for made in [sqlite_workshop.hub(account.connector(), config=config, connections={"amo": 'plugin = "toy"'})]
    ] == ["https://hub.example.ru/crm/hooks/amo", None]
