"""What stands beside a figure: excused failures, the oldest wait, a bot's part, and what was cancelled by hand."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

from hub.core import report, waited
from hub.core.derive import derive
from hub.core.figures import Figure
from hub.core.rules import RULES
from tests.core.timelines import at, rulebook, timeline

BOOK = rulebook()


def figures(*stories: str, now: str = "18:00") -> dict[str, Figure]:
    """The figures of clients who each lived through one story."""
    cases: list[Any] = []
    for number, text in enumerate(stories):
        found = derive(timeline(text), BOOK, RULES, at(now)).cases
        cases += [case.row() | {"ref": f"{number}/{case.key}"} for case in found]
    waits = [waited.view(row) for row in cases if row["kind"] == "awaiting_reply"]
    return report.whole(report.Facts([], cases, waits), BOOK, ZoneInfo("Europe/Moscow"))


GOOD = "10:00 msg in\n10:05 msg out by 101"
LATE = "10:00 msg in id q\n11:00 msg out by 101"


def test_an_excused_breach_stays_a_failure_and_is_shown_apart():
    found = figures(GOOD, LATE + "\n12:00 mark excused because fire on src/message/q")["share_within_target"]
    assert (found.value, found.more["excused"], found.more["value_excused"]) == (0.5, 1, 1.0)
    plain = figures(GOOD, LATE)["share_within_target"]
    assert (plain.value, plain.more["excused"], plain.more["value_excused"]) == (0.5, 0, 0.5)


def test_what_is_not_excused_for_a_reply_in_time_is_no_excuse():
    found = figures("10:00 msg in id q\n10:05 msg out by 101\n12:00 mark excused on src/message/q")[
        "share_within_target"
    ]
    assert (found.value, found.more["excused"], found.more["value_excused"]) == (1.0, 0, 1.0)


def test_a_case_that_was_late_may_be_excused_too():
    found = figures("10:00:00 in m1 30s\n11:00:00 out d1 60s talk 5\n12:00 mark excused on src/call/m1")["recovered"]
    assert (found.value, found.more["excused"], found.more["value_excused"]) == (0.0, 1, None)


def test_the_oldest_who_waits_is_told_by_both_clocks():
    found = figures("12:30 msg in", "17:00 msg in")["still_waiting"]
    assert (found.value, found.more["oldest"]) == (2, {"wall": 19_800, "working": 16_200})
    assert figures(GOOD)["still_waiting"].more["oldest"] == {"wall": None, "working": None}


def test_a_bot_takes_its_part_away_only_beside_the_whole_wait():
    found = figures(
        "10:00 msg in\n10:00:05 msg out author bot\n10:10 msg out by 101 content handoff\n10:15 msg out by 101"
    )
    assert (found["median"].value, found["bot_adjusted_median"].value) == (900, 300)
    assert figures(GOOD)["bot_adjusted_median"].value == 300


def test_what_needed_no_reply_has_its_share():
    found = figures("10:00 msg in id q\n10:05 mark no_reply_needed on src/message/q", GOOD)["no_reply_needed_share"]
    assert (found.value, found.n) == (0.5, 2)
