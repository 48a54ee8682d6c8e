"""Which ringing counts against one of us (metrics 2.4)."""

from __future__ import annotations

from datetime import datetime

import pytest

from hub.core.calls import session_of
from hub.core.offers import by_members, offers
from tests.core.timelines import at, rulebook, timeline

BOOK = rulebook()
AWAY = 'absences = [ { from = 2026-03-10, to = 2026-03-10, why = "ill" } ]'


def missed(line: str, book=BOOK, busy: dict[str, list[tuple[datetime, datetime]]] | None = None) -> list[str]:
    (fact,) = timeline(line).calls
    session = session_of(fact, book, at("2026-03-11 18:00"))
    found = offers(session, fact.ref, book, busy or {})
    return [f"{offer.member} {offer.seconds}" + (f" {offer.share}%" if offer.share != 100 else "") for offer in found]


def test_hunting_produces_offers_one_by_one():
    assert missed("10:00 in c 60s | 101 0-8 | 102 8-16 | 103 16-60 +20") == ["anna 8", "boris 8"]


def test_an_offer_needs_five_seconds_of_ringing():
    assert missed("10:00 in c 60s | 101 0-4 | 102 4-60 +20") == []


def test_a_device_that_never_rang_offered_nothing():
    assert missed("10:00 in c 60s | 101 0-9 unreachable | 102 9-60 +20") == []


def test_who_was_relieved_by_a_colleague_missed_nothing():
    assert missed("10:00 in c 60s | 101 0-60 +9 | 102 0-9 elsewhere | 103 0-9 cancelled") == []


def test_who_stopped_ringing_before_the_colleague_answered_missed_it():
    assert missed("10:00 in c 60s | 101 0-12 | 102 0-60 +30") == ["anna 12"]


def test_who_declined_missed_it_though_a_colleague_answered():
    assert missed("10:00 in c 60s | 101 0-8 declined | 102 0-60 +8") == ["anna 8"]


def test_who_answered_on_another_device_missed_nothing():
    assert missed("10:00 in c 60s | 101 0-20 | +79990000101 10-60 +25") == []


def test_a_group_that_nobody_answered_is_the_teams_miss():
    assert missed("10:00 in c 20s | 101 0-20 | 102 0-20") == []


@pytest.mark.parametrize(
    ("blame", "wanted"), [("each", ["anna 20", "boris 20"]), ("split", ["anna 20 50%", "boris 20 50%"])]
)
def test_unless_the_policy_blames_its_members(blame, wanted):
    book = rulebook(policy=f'ringall_blame = "{blame}"')
    assert missed("10:00 in c 20s | 101 0-20 | 102 0-20", book) == wanted


def test_one_phone_alone_is_its_members_miss():
    assert missed("10:00 in c 20s") == ["anna 20"]


def test_rounds_of_a_queue_are_told_apart():
    book = rulebook(policy='ringall_blame = "each"')
    assert missed("10:00 in c 40s | queue 0-40 | 101 0-15 | 102 0-15 | 101 20-40 | 102 20-40", book) == [
        "anna 15",
        "boris 15",
        "anna 20",
        "boris 20",
    ]


def test_who_is_not_planned_to_work_misses_nothing():
    assert missed("20:00 in c 20s") == []
    assert missed("10:00 in c 20s", rulebook(anna=AWAY)) == []


def test_the_part_of_the_ringing_that_lies_in_his_hours_counts():
    assert missed("08:59:50 in c 15s") == ["anna 15"]
    assert missed("08:59:50 in c 14s") == []


def test_who_is_on_another_call_misses_nothing():
    assert missed("10:00:00 in c 20s", busy={"anna": [(at("09:59"), at("10:00:16"))]}) == []
    assert missed("10:00:00 in c 20s", busy={"anna": [(at("09:59"), at("10:00:15"))]}) == ["anna 20"]
    assert missed("10:00:00 in c 20s", busy={"boris": [(at("09:59"), at("10:01"))]}) == ["anna 20"]


def test_only_clients_calls_that_were_judged_count():
    assert missed("10:00 out c 20s | 101 0-20 | client 20-20") == []
    assert missed("10:00 in c 20s test") == []
    assert missed("10:00 in c 20s caller phone:+79990000103") == []
    assert missed("10:00 in c | 101 0-20 | 102 20-") == []


def test_who_talks_on_another_call_misses_no_offer_whenever_that_is_told():
    row = {"ref": "src/call/m1", "member": "anna", "line_group": "sales", "at": at("10:00"), "seconds": 30}

    def busy(*talk: str) -> bool:
        calls = [
            {
                "ref": "src/call/other",
                "talks": [
                    {"member": "anna", "from": f"2026-03-10T{talk[0]}+03:00", "to": f"2026-03-10T{talk[1]}+03:00"}
                ],
            }
        ]
        return bool(by_members([row], calls, rulebook())[0]["busy"])

    assert busy("09:59:00", "10:00:26")
    assert not busy("09:59:00", "10:00:25")
    assert not busy("10:00:30", "10:05:00")
    own = [{"ref": "src/call/m1", "talks": [{"member": "anna", "from": "2026-03-10T10:00:00+03:00", "to": None}]}]
    assert not by_members([row], own, rulebook())[0]["busy"]
