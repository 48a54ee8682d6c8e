"""What counts as a touch, an attempt, a contact; and what was owed to a lead (metrics.md 8)."""

from __future__ import annotations

from typing import Any

import pytest

from hub.core import reach
from hub.core.derive import judged
from hub.core.policy import Policy
from hub.core.touches import Touched, touched
from tests.core.timelines import at, rulebook, timeline


def of(text: str, now: str = "23:00") -> Touched:
    context, _ = judged(timeline(text), rulebook(), at(now))
    return touched(context)


def told(text: str) -> list[tuple[str, str, str | None]]:
    return [(item.channel, item.kind, item.by) for item in of(text).touches]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("10:00 out d1 22s", [("call", "attempt", "anna")]),
        ("10:00 out d1 4s", []),
        ("10:00 out d1 60s talk 5 from 102", [("call", "contact", "boris")]),
        ("10:00 out d1 12s talk 5", [("call", "attempt", "anna")]),
        ("10:00 in m1 60s talk 5 from 102", [("call", "contact", "boris")]),
        ("10:00 in m1 40s", []),
        ("10:00 msg out by 101", [("telegram", "attempt", "anna")]),
        ("10:00 msg out by 101 failed", []),
        ("10:00 msg out author bot", [("telegram", "auto", None)]),
        ("10:00 msg in", []),
        ("10:00 msg out by 101\n10:30 msg in", [("telegram", "attempt", "anna"), ("telegram", "contact", "anna")]),
        ("10:00 msg out by 101 via email\n10:30 msg in", [("email", "attempt", "anna")]),
        ("10:00 meeting held", [("meeting", "contact", "anna")]),
    ],
)
def test_a_touch_is_a_valid_attempt_or_a_contact(text, expected):
    assert told(text) == expected


def test_within_ten_minutes_on_one_channel_it_is_one_and_the_contact_wins():
    assert told("10:00 out d1 22s\n10:05 out d2 60s talk 5\n10:09 out d3 22s") == [("call", "contact", "anna")]
    assert len(told("10:00 out d1 22s\n10:10 out d2 22s")) == 2
    assert len(told("10:00 out d1 22s\n10:05 msg out by 101")) == 2


def test_the_other_direction_is_another_touch():
    assert len(told("10:00 out d1 22s\n10:05 in m1 60s talk 5")) == 2


def test_a_mark_leaves_the_client_in_peace_until_its_day_or_until_it_is_lifted():
    found = of("10:00 mark suppressed until 12:00\n13:00 mark suppressed\n15:00 mark unsuppressed")
    assert found.suppressed == ((at("10:00"), at("12:00")), (at("13:00"), at("15:00")))


def lead(state: str = "open", **keys: Any) -> dict[str, Any]:
    return {
        "ref": "new_lead:src/submission/a",
        "contact": {"id": 1},
        "opened_at": at("09:00").isoformat(),
        "last_attempt_at": at("09:00").isoformat(),
        "state": state,
        "time_to_reach": None,
        **keys,
    }


def figures(text: str, now: str, row: dict[str, Any] | None = None) -> dict[str, Any]:
    found = reach.of_leads([row or lead()], {1: of(text, now)}, lambda _: Policy(touch_goal=3), at(now))
    return {name: (figure.value, figure.n, [rule for _, rule in figure.left_out]) for name, figure in found.items()}


TRIED = "10:00 out d1 22s\n12:00 out d2 22s\n12:30 msg out by 101"


def test_the_first_day_is_served_by_two_calls_and_a_message_or_a_contact():
    after = "2026-03-11 10:00"
    assert figures(TRIED, after)["first_day_share"] == (1.0, 1, [])
    assert figures("10:00 out d1 22s", after)["first_day_share"] == (0.0, 1, [])
    assert figures("10:00 out d1 60s talk 5", after)["first_day_share"] == (1.0, 1, [])


def test_what_is_not_yet_due_is_in_neither_half():
    assert figures("10:00 out d1 22s", "12:00")["first_day_share"] == (None, 0, ["not_yet_due"])
    assert figures(TRIED, "13:00")["first_day_share"] == (1.0, 1, [])


def test_while_a_client_is_left_in_peace_nothing_is_owed():
    left = figures("09:30 mark suppressed", "2026-03-12 10:00", lead("lost"))
    assert left["first_day_share"] == (None, 0, ["suppressed"])
    assert left["touch_goal_share"] == (None, 0, ["suppressed"])


def test_the_goal_is_of_leads_that_were_given_up():
    assert figures(TRIED, "2026-03-12 10:00", lead("lost"))["touch_goal_share"] == (1.0, 1, [])
    assert figures("10:00 out d1 22s", "2026-03-12 10:00", lead("lost"))["touch_goal_share"] == (0.0, 1, [])
    assert figures(TRIED, "2026-03-12 10:00")["touch_goal_share"] == (None, 0, ["open"])


def test_touches_before_the_time_that_the_client_asked_for_count():
    wished = lead("recovered", opened_at=at("15:00").isoformat())
    assert figures("11:00 out d1 60s talk 5", "2026-03-12 10:00", wished)["first_day_share"] == (1.0, 1, [])


def test_touches_are_counted_until_the_deal_is_decided():
    text = f"09:00 deal d owner 101 open\n11:00 deal d owner 101 won\n{TRIED}"
    assert figures(text, "2026-03-12 10:00")["touches_median"][0] == 1


def test_clients_reached_are_counted_once():
    rows = [touch.row(1) for touch in of("10:00 out d1 60s talk 5\n12:00 out d2 60s talk 5\n13:00 out d3 22s").touches]
    found = reach.touches(rows)
    assert (found["clients_reached"].value, found["contacts"].value, found["attempts"].value) == (1, 2, 1)
