"""The hub's own format: taken from files and requests, refused with a reason, sent out signed."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

import httpx
import pytest
import respx

from hub.sdk import (
    AmendNotice,
    AuthFailed,
    Connector,
    Context,
    Forged,
    LogCall,
    Malformed,
    NothingToDo,
    Notify,
    Raw,
    Refused,
    Rejected,
    Stored,
    Temporary,
    WebhookRequest,
)
from hub.sdk.testing import Bench, Contract, Sample
from plugins.records.connector import CONNECTOR
from plugins.records.signature import sign

SECRET, TOKEN = "hub-hook-secret", "hub-token"
NOW = datetime.fromtimestamp(1795428965, UTC)
CALL: dict[str, Any] = {
    "record": "call",
    "id": "1",
    "direction": "inbound",
    "client": "phone:89211234567",
    "line": "74950010100",
    "started_at": "2026-03-10T10:00:00+03:00",
    "ended_at": "2026-03-10T10:00:40+03:00",
    "final": True,
    "legs": [{"kind": "member", "to": "ext:101", "started_at": "2026-03-10T10:00:00+03:00", "result": "no_answer"}],
}
MARK = {
    "record": "mark",
    "id": "m",
    "at": "2026-03-10T11:00:00+03:00",
    "by": "anna",
    "kind": "taken",
    "on": "src/call/1",
}
GONE = {"record": "gone", "of": "call", "id": "1"}
# contracts/telephony.md 10, "Our webhook"
VECTOR_BODY = (
    b'{"event_id":"e-1","type":"call.ended","call_id":"c-1","at":"2026-11-23T13:16:05+03:00","direction":"inbound",'
    b'"client_number":"79990001101","outcome":"missed"}'
)
VECTOR = "v1=81a33413dd9cd59b2315584401f0dd6be6bc1ca51d8334d2ba803fa90ebcf6b8"


def raw(record: Mapping[str, Any]) -> Raw:
    return Raw("record", f"{record['record']}/{record['id']}", dict(record))


def request(body: bytes, headers: Mapping[str, str] | None = None, at: datetime = NOW) -> WebhookRequest:
    stamp = int(at.timestamp())
    signed = {"x-hub-timestamp": str(stamp), "x-hub-signature": sign(SECRET, stamp, body)}
    return WebhookRequest("POST", "", "/hooks/src", signed if headers is None else headers, {}, body, "127.0.0.1", NOW)


def settings(**keys: Any) -> Any:
    return CONNECTOR.settings.model_validate({"secret": SECRET, "token": TOKEN, **keys})


def receive(body: bytes, headers: Mapping[str, str] | None = None, **keys: Any) -> Any:
    assert CONNECTOR.webhook is not None
    return CONNECTOR.webhook(request(body, headers), settings(**keys))


class TestContract(Contract):
    connector: ClassVar[Connector] = CONNECTOR
    options: ClassVar[Mapping[str, Any]] = {"secret": SECRET, "token": TOKEN, "notify_url": "https://example.ru/n"}
    wrong_options: ClassVar[Mapping[str, Any]] = {"secret": 7, "notify_url": "no address"}
    samples: ClassVar[tuple[Sample, ...]] = (
        Sample("a call", [raw(CALL)], required=("record", "id", "direction", "started_at")),
        Sample("a mark", [raw(MARK)], required=("at", "by", "kind", "on")),
        Sample("a deletion", [raw(GONE)], required=("of", "id")),
    )
    signed: ClassVar[tuple[WebhookRequest, ...]] = (request(json.dumps(CALL).encode()), request(b"[]"))

    @pytest.fixture(autouse=True)
    def _file(self, tmp_path: Path) -> None:
        path = tmp_path / "records.jsonl"
        path.write_text("\n".join(json.dumps(record) for record in (CALL, MARK, GONE)), encoding="utf-8")
        type(self).files = (path,)


# Signature


def test_the_published_signature_fits() -> None:
    assert sign(SECRET, 1795428965, VECTOR_BODY) == VECTOR
    headers = {"x-hub-timestamp": "1795428965", "x-hub-signature": VECTOR}
    assert receive(VECTOR_BODY, headers).reply.status == 200


@pytest.mark.parametrize("seconds", [301, -301])
def test_a_timestamp_too_far_from_our_clock_is_forged(seconds: int) -> None:
    found = request(b"{}", at=NOW + timedelta(seconds=seconds))
    with pytest.raises(Forged, match="300 s"):
        receive(b"{}", found.headers)


@pytest.mark.parametrize("seconds", [299, -299])
def test_a_timestamp_within_five_minutes_is_taken(seconds: int) -> None:
    assert receive(b"[]", request(b"[]", at=NOW + timedelta(seconds=seconds)).headers).reply.status == 200


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"x-hub-signature": VECTOR},
        {"x-hub-signature": VECTOR, "x-hub-timestamp": "yesterday"},
        {"x-hub-signature": VECTOR, "x-hub-timestamp": "١٧٩٥٤٢٨٩٦٥"},
        {"x-hub-signature": VECTOR, "x-hub-timestamp": "9" * 400},
        {"x-hub-signature": VECTOR[3:], "x-hub-timestamp": "1795428965"},
        {"x-hub-signature": "v1=é", "x-hub-timestamp": "1795428965"},
        {"authorization": "Bearer wrong"},
        {"authorization": "Bearer "},
        {"authorization": f"Basic {TOKEN}"},
    ],
)
def test_a_request_without_a_right_proof_is_forged(headers: Mapping[str, str]) -> None:
    with pytest.raises(Forged):
        receive(VECTOR_BODY, headers)


def test_a_wrong_signature_is_not_saved_by_a_right_token() -> None:
    headers = {"x-hub-signature": VECTOR, "x-hub-timestamp": "1795428965", "authorization": f"Bearer {TOKEN}"}
    with pytest.raises(Forged):
        receive(b"{}", headers)


def test_a_sender_that_cannot_sign_shows_the_token() -> None:
    assert len(receive(json.dumps(CALL).encode(), {"authorization": f"Bearer {TOKEN}"}).items) == 1


def test_without_secret_and_token_everything_is_forged() -> None:
    stamp = int(NOW.timestamp())
    for headers in (
        {"x-hub-timestamp": str(stamp), "x-hub-signature": sign("", stamp, b"{}")},
        {"authorization": "Bearer "},
        {"authorization": "Bearer None"},
    ):
        with pytest.raises(Forged):
            receive(b"{}", headers, secret=None, token=None)


# Bodies


@pytest.mark.parametrize(
    ("body", "count"),
    [
        (json.dumps(CALL), 1),
        (json.dumps([CALL, MARK]), 2),
        (f"{json.dumps(CALL)}\n\n{json.dumps(MARK)}\r\n", 2),
        ("[]", 0),
        (json.dumps(CALL, indent=2), 1),
        (f"\ufeff{json.dumps(CALL)}", 1),
        (json.dumps({**CALL, "client_raw": "a\u2028b\x85c"}, ensure_ascii=False), 1),
        ("\n".join(json.dumps({**CALL, "client_raw": "a\u2028b"}, ensure_ascii=False) for _ in range(2)), 2),
    ],
)
def test_one_record_an_array_and_a_record_a_line_are_taken(body: str, count: int) -> None:
    received = receive(body.encode())
    assert received.reply.status == 200
    assert len(received.items) == count


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b'{"a": 1}\n{',
        b"7",
        b'"text"',
        b"[[1]]",
        b"null",
        b"\xff\xfe",
        b'{"id": "\\ud800"}',
        b"[" * 100_000,
        b'{"amount": NaN}',
    ],
)
def test_what_is_no_json_of_objects_is_answered_400_and_not_kept(body: bytes) -> None:
    received = receive(body)
    assert received.reply.status == 400
    assert received.items == ()
    assert received.reply.body.startswith(b"not JSON")


def test_a_record_that_is_wrong_is_kept_and_named_when_it_is_parsed() -> None:
    (item,) = receive(b'{"record": "call", "id": "9", "started_at": "2026-03-10T10:00:00"}').items
    stored = [Stored(item.kind, item.id, item.payload, NOW)]
    with pytest.raises(Malformed, match=r"direction: is required.*has no offset"):
        list(CONNECTOR.parse["record"](stored, settings(), Context("src")))


def test_numbers_are_read_by_the_country_of_the_hub() -> None:
    stored = [Stored("record", "1", {**CALL, "client": "phone:050 123 45 67"}, NOW)]
    (call,) = CONNECTOR.parse["record"](stored, settings(), Context("src", country="UA"))
    assert call.client == "phone:+380501234567"  # type: ignore[union-attr]


# Files


def read(path: Path) -> list[Raw | Refused]:
    assert CONNECTOR.read is not None
    return list(CONNECTOR.read(path, path.name, settings(), Context("src")))


def test_a_bad_line_is_named_with_its_reasons_and_the_others_are_taken(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    lines = [
        b"\xef\xbb\xbf" + json.dumps(CALL).encode(),
        b"",
        b"{",
        b"[]",
        b'{"record": "fax"}',
        json.dumps({**CALL, "id": None}).encode(),
        json.dumps({**CALL, "started_at": "2026-03-10T10:00:00", "x": 1}).encode(),
        b"\xff",
        b"[" * 100_000,
        json.dumps({**CALL, "started_at": "0001-01-01T00:00:00+03:00"}).encode(),
        json.dumps(MARK).encode() + b"\r",
    ]
    path.write_bytes(b"\n".join(lines))
    found = read(path)
    assert [item.id for item in found if isinstance(item, Raw)] == ["call/1", "mark/m"]
    told = {item.where: item.why for item in found if isinstance(item, Refused)}
    assert list(told) == [f"r.jsonl line {number}" for number in (3, 4, 5, 6, 7, 8, 9, 10)]
    assert told["r.jsonl line 6"] == "id: is required"
    assert "has no offset" in told["r.jsonl line 7"]
    assert "x: no such key" in told["r.jsonl line 7"]
    assert "beyond the calendar" in told["r.jsonl line 10"]


def test_an_empty_file_holds_nothing(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    path.write_bytes(b"")
    assert read(path) == []


# Notices


@pytest.fixture
def sink() -> Iterator[respx.MockRouter]:
    with respx.mock(assert_all_called=False) as router:
        yield router


NOTICE = Notify(
    key="7/2/anna",
    case="missed_call:src/call/1",
    kind="missed_call",
    step="2",
    to="anna",
    contact="Иван",
    line_group="sales",
    at=NOW,
    due_at=NOW + timedelta(minutes=3),
)


async def push(effect: Any, **keys: Any) -> Any:
    chosen = settings(**{"notify_url": "https://example.ru/in/notices?site=7", **keys})
    assert CONNECTOR.open is not None
    assert CONNECTOR.push is not None
    send = {item.effect: item.send for item in CONNECTOR.push(chosen)}[type(effect)]
    async with CONNECTOR.open(chosen, Bench(time=NOW, classify=CONNECTOR.classify)) as client:
        return await send(client, effect)


async def test_a_notice_is_posted_signed_to_exactly_the_address_that_was_given(sink: respx.MockRouter) -> None:
    route = sink.post("https://example.ru/in/notices?site=7").mock(
        return_value=httpx.Response(200, headers={"X-Notice-Id": "n-5"})
    )
    sent = await push(NOTICE)
    assert sent.id == "n-5"
    (call,) = route.calls
    assert str(call.request.url) == "https://example.ru/in/notices?site=7"
    assert call.request.headers["idempotency-key"] == "7/2/anna"
    stamp = int(call.request.headers["x-hub-timestamp"])
    assert call.request.headers["x-hub-signature"] == sign(SECRET, stamp, call.request.content)
    body = json.loads(call.request.content)
    assert (body["contact"], body["step"], body["to"]) == ("Иван", "2", "anna")
    assert datetime.fromisoformat(body["due_at"]) == NOTICE.due_at


async def test_without_a_secret_the_token_goes_along(sink: respx.MockRouter) -> None:
    route = sink.post(url__startswith="https://example.ru/").mock(return_value=httpx.Response(204))
    await push(NOTICE, secret=None)
    (call,) = route.calls
    assert call.request.headers["authorization"] == f"Bearer {TOKEN}"
    assert "x-hub-signature" not in call.request.headers


async def test_a_correction_names_what_it_replaces(sink: respx.MockRouter) -> None:
    route = sink.post(url__startswith="https://example.ru/").mock(return_value=httpx.Response(200))
    await push(
        AmendNotice(key="7/void/anna", case="k", to="anna", contact="Иван", because="void", at=NOW, replaces="n-5")
    )
    body = json.loads(route.calls[0].request.content)
    assert (body["replaces"], body["because"]) == ("n-5", "void")


LOGGED = LogCall(
    key="call/pbx/call/1/crm", at=NOW, client="phone:+79211234567", text="Разговор", call="pbx/call/1", direction="inbound",
    outcome="answered", started_at=NOW, duration=35, line_group="sales", recordings=("https://example.ru/1.mp3",), card="c1",
)  # fmt: skip


async def test_what_a_crm_is_told_is_posted_with_its_kind_and_what_was_made_comes_back(sink: respx.MockRouter) -> None:
    route = sink.post(url__startswith="https://example.ru/").mock(
        return_value=httpx.Response(200, headers={"X-Notice-Id": "n1", "X-Card-Id": "c1", "X-Deal-Id": "d1"})
    )
    sent = await push(LOGGED, writes=["calls"])
    assert (sent.id, sent.card, sent.deal) == ("n1", "c1", "d1")
    body = json.loads(route.calls[0].request.content)
    assert (body["effect"], body["client"], body["duration"], body["card"]) == (
        "log_call",
        "phone:+79211234567",
        35,
        "c1",
    )


def test_a_crm_is_told_only_what_was_asked_for() -> None:
    assert CONNECTOR.push is not None
    offered = CONNECTOR.push(settings(notify_url="https://example.ru/n", writes=["tasks", "calls"]))
    on = {item.effect.__name__ for item in offered if item.on}
    assert on == {"Notify", "AmendNotice", "Digest", "Answer", "CreateTask", "AmendTask", "CloseTask", "LogCall"}
    assert {item.switch for item in offered if not item.on} == {'writes = ["leads"]', 'writes = ["notes"]'}


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (410, NothingToDo),
        (401, AuthFailed),
        (403, AuthFailed),
        (404, Rejected),
        (422, Rejected),
        (429, Temporary),
        (502, Temporary),
    ],
)
async def test_a_refused_notice_is_sorted_by_who_must_act(
    sink: respx.MockRouter, status: int, error: type[Exception]
) -> None:
    sink.post(url__startswith="https://example.ru/").mock(return_value=httpx.Response(status))
    with pytest.raises(error):
        await push(NOTICE)


def test_nothing_goes_out_without_an_address() -> None:
    assert CONNECTOR.push is not None
    assert CONNECTOR.push(settings()) == ()


async def test_check_says_what_the_webhook_lacks() -> None:
    assert CONNECTOR.open is not None
    assert CONNECTOR.check is not None
    for keys, holds in (({}, True), ({"secret": None, "token": None}, False)):
        async with CONNECTOR.open(settings(**keys), Bench()) as client:
            results = await CONNECTOR.check(client)
        assert [result.ok for result in results] == [True, holds]


def test_a_copy_of_a_genuine_request_is_refused_later() -> None:
    genuine = request(b"[]")
    assert CONNECTOR.webhook is not None
    with pytest.raises(Forged):
        CONNECTOR.webhook(replace(genuine, received_at=NOW + timedelta(minutes=6)), settings())
