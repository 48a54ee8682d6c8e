"""Records of our own format: what is refused, what is read, and what comes back the same."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.core import records
from hub.core.records import (
    Call,
    Card,
    Gone,
    Mark,
    Meeting,
    Presence,
    WrongRecord,
    from_json,
    instant,
    qualified,
    to_json,
)

GOLDEN = sorted((Path(__file__).parents[1] / "golden").glob("g*/records*.jsonl"))
CALL = {
    "record": "call",
    "id": "1",
    "direction": "inbound",
    "client": "phone:8 921 123-45-67",
    "started_at": "2026-03-10T10:00:00+03:00",
    "legs": [{"kind": "member", "to": "ext:101", "started_at": "2026-03-10T10:00:00.1234+03:00"}],
}


def problems(data: dict[str, object]) -> list[str]:
    with pytest.raises(WrongRecord) as caught:
        from_json(data)
    return caught.value.problems


def test_a_call_is_read_with_handles_canonical_and_times_in_utc_milliseconds() -> None:
    call = from_json(CALL)
    assert isinstance(call, Call)
    assert call.client == "phone:+79211234567"
    assert call.started_at == datetime(2026, 3, 10, 7, tzinfo=UTC)
    assert call.legs[0].started_at == datetime(2026, 3, 10, 7, 0, 0, 123000, tzinfo=UTC)


def test_every_mistake_of_a_record_is_named_with_its_key() -> None:
    found = problems(
        {
            "record": "call",
            "id": "",
            "direction": "sideways",
            "started_at": "2026-03-10T10:00:00",
            "clinet": "x",
            "legs": [{"kind": "phone", "started_at": 5}],
            "final": 1,
        }
    )
    assert {problem.split(":")[0] for problem in found} == {
        "id",
        "direction",
        "started_at",
        "clinet",
        "legs[0].kind",
        "legs[0].started_at",
        "final",
    }


@pytest.mark.parametrize("key", ["id", "direction", "started_at", "legs"])
def test_a_missing_required_key_is_refused(key: str) -> None:
    assert problems({name: value for name, value in CALL.items() if name != key}) == [f"{key}: is required"]


def test_an_unknown_kind_is_refused() -> None:
    assert problems({"record": "fax", "id": "1"})[0].startswith("record: 'fax' is none of member card")


def test_a_time_without_an_offset_is_refused_with_a_right_one() -> None:
    with pytest.raises(ValueError, match=r"has no offset; write 2026-03-10T10:00:00\+03:00"):
        instant("2026-03-10T10:00:00")


def test_a_call_that_ends_before_it_begins_is_refused() -> None:
    assert problems({**CALL, "ended_at": "2026-03-10T09:00:00+03:00"}) == ["ended_at: is before started_at"]


def test_a_closing_mark_needs_a_reason_of_the_list() -> None:
    mark = {
        "record": "mark",
        "id": "1",
        "at": "2026-03-10T10:00:00Z",
        "by": "anna",
        "kind": "closed",
        "on": "src/call/1",
    }
    assert problems(mark)[0].startswith("reason: None is none of wrong_number spam")
    assert isinstance(from_json({**mark, "reason": "spam"}), Mark)


def test_the_id_of_a_presence_defaults_to_member_and_moment() -> None:
    data = {"record": "presence", "member": "anna", "at": "2026-03-10T09:00:00Z", "state": "in"}
    found = from_json(data)
    assert isinstance(found, Presence)
    assert found.id == "anna@2026-03-10T09:00:00Z"


def test_a_meeting_may_name_one_client() -> None:
    found = from_json(
        {"record": "meeting", "id": "1", "starts_at": "2026-03-10T09:00:00Z", "client": "phone:+79211234567"}
    )
    assert isinstance(found, Meeting)
    assert found.handles == ("phone:+79211234567",)


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.parent.name)
def test_what_is_stored_comes_back_the_same(path: Path) -> None:
    for line in path.read_text(encoding="utf-8").splitlines():
        record = records.qualified(from_json(json.loads(line)), "src")
        written = json.loads(json.dumps(to_json(record)))
        assert records.stored(written) == record
        assert from_json(written) == record


def test_short_handles_of_a_connection_become_full_ones() -> None:
    call = records.qualified(from_json(CALL), "pbx")
    assert isinstance(call, Call)
    assert call.legs[0].to == "ext:pbx/101"
    assert records.qualified(call, "pbx") == call


ORDERS = [
    ("neither", {}),
    ("changed", {"changed_at": "2026-03-10T10:00:00Z"}),
    ("changed later", {"changed_at": "2026-03-11T10:00:00Z"}),
    ("version", {"version": 1}),
    ("higher", {"version": 2}),
]


def test_version_beats_changed_at_beats_neither() -> None:
    keys = [records.order(from_json({"record": "card", "id": "1", **extra}), "h") for _, extra in ORDERS]
    assert keys == sorted(keys)
    assert len(set(keys)) == len(keys)


@given(st.integers(-10_000_000, 10_000_000), st.integers(-12, 14))
def test_an_instant_means_the_same_in_every_zone(seconds: int, hours: int) -> None:
    moment = datetime(2026, 3, 10, tzinfo=UTC) + timedelta(seconds=seconds)
    assert instant(moment.astimezone(timezone(timedelta(hours=hours))).isoformat()) == moment


def test_a_shifted_record_keeps_its_durations() -> None:
    call = from_json({**CALL, "ended_at": "2026-03-10T10:01:00+03:00"})
    assert isinstance(call, Call)
    moved = records.shifted(call, timedelta(minutes=-2))
    assert moved.started_at == call.started_at - timedelta(minutes=2)
    assert moved.legs[0].started_at == call.legs[0].started_at - timedelta(minutes=2)
    assert moved.client == call.client


def test_gone_names_what_is_gone() -> None:
    gone = from_json({"record": "gone", "of": "card", "id": "7"})
    assert isinstance(gone, Gone)
    assert records.reference("amo", gone) == "amo/card/7" == records.reference("amo", Card(id="7"))
    assert problems({"record": "gone", "of": "fax", "id": "7"})[0].startswith("of:")


def test_a_change_of_state_names_states():
    with pytest.raises(WrongRecord, match=r"after: 'closed' is none of open won lost"):
        from_json(
            {
                "record": "change",
                "id": "1",
                "of": "deal",
                "on": "7",
                "at": "2026-03-10T10:00:00+03:00",
                "field": "state",
                "before": "open",
                "after": "closed",
            }
        )


def test_a_change_of_owner_names_one_of_us_by_the_account_of_its_connection():
    read = from_json(
        {
            "record": "change",
            "id": "1",
            "of": "deal",
            "on": "7",
            "at": "2026-03-10T10:00:00+03:00",
            "field": "owner",
            "before": "user:5",
            "after": None,
        }
    )
    assert (qualified(read, "amo").before, qualified(read, "amo").after) == ("user:amo/5", None)
