"""When does a month close, and what differs from what was published?"""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest

from hub.core.closed import cause, closed_last, differences, month_of, named
from tests.core.timelines import at

ZONE = ZoneInfo("Europe/Moscow")


def test_a_month_lies_between_two_midnights_of_its_zone():
    month = month_of(at("2026-02-28 23:59"), ZONE)
    assert (month.name, month.since, month.until) == ("2026-02", at("2026-02-01 00:00"), at("2026-03-01 00:00"))
    assert month_of(at("2026-12-31 12:00"), ZONE).until == at("2027-01-01 00:00")
    assert named("2026-02", ZONE) == month


def test_what_is_no_month_is_refused():
    with pytest.raises(ValueError, match="2026-02"):
        named("2026-13", ZONE)


@pytest.mark.parametrize(
    ("now", "month"),
    [
        ("2026-03-09 23:59", "2026-01"),
        ("2026-03-10 00:00", "2026-02"),
        ("2026-01-10 00:00", "2025-12"),
        ("2026-01-09 12:00", "2025-11"),
    ],
)
def test_a_month_is_closed_from_the_tenth_of_the_next_on(now, month):
    assert closed_last(at(now), 10, ZONE).name == month


def rows(value):
    return {"missed": [{"row": {"line_group": "sales"}, "figures": {"missed": value}}]}


def test_the_latest_restatement_is_what_was_said_last():
    told = [{"report": "missed", "row": {"line_group": "sales"}, "figure": "missed", "new": 2}]
    assert [(item.old, item.new) for item in differences(rows(1), [], rows(2))] == [(1, 2)]
    assert list(differences(rows(1), told, rows(2))) == []
    assert [(item.old, item.new) for item in differences(rows(1), told, rows(1))] == [(2, 1)]


def test_a_row_that_came_or_went_differs_in_all_its_figures():
    assert [(item.old, item.new) for item in differences({}, [], rows(1))] == [(None, 1)]
    assert [(item.old, item.new) for item in differences(rows(1), [], {})] == [(1, None)]


def test_the_cause_names_what_came_late_before_anything_else():
    assert cause(["src/call/1"], (1, 2), (1, 1)) == "late facts: src/call/1; definitions: version 2 instead of 1"
    assert "ended since" in cause([], (1, 1), (3, 3))
