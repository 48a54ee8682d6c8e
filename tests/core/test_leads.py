"""How soon is a client reached who sent a form? Numbers worked out by hand (metrics.md 8)."""

from __future__ import annotations

from typing import Any

from hub.core.cases import Case
from hub.core.derive import derive
from hub.core.rules import RULES
from hub.core.timeline import ContactView
from tests.core.test_waits import US, marked, said, talked
from tests.core.timelines import CLIENT, at, from_records, rulebook

BOOK = rulebook()


def sent(number: str, time: str, **more: Any) -> dict[str, Any]:
    row = {"record": "submission", "id": number, "at": at(time).isoformat(), "form": "price", "handles": [CLIENT]}
    return row | {"line": "74950010100"} | more


def leads(*records: dict[str, Any], now: str = "18:00") -> list[Case]:
    line = from_records(list(records), ContactView(1, "Client", (CLIENT,)))
    return [case for case in derive(line, BOOK, RULES, at(now)).cases if case.kind == "new_lead"]


def only(*records: dict[str, Any], now: str = "18:00") -> Case:
    found = leads(*records, now=now)
    assert len(found) == 1, found
    return found[0]


def test_the_clock_runs_from_the_form_to_the_talk():
    case = only(sent("a", "12:50"), talked("14:10", 30))
    assert case.time_to_reach is not None
    assert (case.time_to_reach.wall, case.time_to_reach.working) == (4800, 1200)
    assert (case.due_at, case.late_by, case.resolution) == (at("14:05"), 300, "callback_reached")


def test_a_message_of_a_human_is_an_attempt_and_the_answer_to_it_a_contact():
    case = only(sent("a", "10:00"), said("m", "10:05", **US), said("r", "10:25"))
    assert case.first_attempt is not None
    assert case.time_to_reach is not None
    assert (case.first_attempt.working, case.time_to_reach.working) == (300, 1500)
    robot = only(sent("a", "10:00"), said("m", "10:05", direction="out", author="bot"), said("r", "10:25"))
    assert (robot.first_attempt, robot.time_to_reach) == (None, None)


def test_the_wished_time_begins_the_clock_and_earlier_contact_is_zero():
    wish = sent("a", "10:00", wants_at=at("15:00").isoformat())
    assert only(wish, talked("15:04", 30)).late_by is None
    early = only(wish, talked("11:00", 30))
    assert early.opened_at == at("15:00")
    assert early.time_to_reach is not None
    assert early.time_to_reach.wall == 0


def test_the_same_form_again_says_nothing_new_and_another_joins():
    again, other = sent("b", "10:10"), sent("c", "10:11", form="callback")
    case = only(sent("a", "10:00"), again, other)
    assert (case.client_attempts, case.evidence) == (2, ("src/submission/a", "src/submission/c", "src/submission/b"))
    assert len(leads(sent("a", "10:00"), talked("10:02", 60), again)) == 1
    assert [item.opened_at for item in leads(sent("a", "10:00"), talked("10:02", 60), sent("b", "10:10:01"))] == [
        *(at("10:00"), at("10:10:01")),
    ]


def test_a_lead_is_lost_after_its_own_time_and_never_exhausted():
    calls = [talked(f"2026-03-{day} 10:00", 5) for day in (10, 11, 12)]
    case = only(sent("a", "09:30"), *calls, now="2026-03-20 10:00")
    assert (case.resolution, case.closed_at, case.silently_lost) == ("expired", at("2026-03-17 09:30"), False)


def test_a_mark_on_any_form_closes_the_lead():
    case = only(sent("a", "10:00"), sent("b", "10:05"), marked("closed", "10:30", "src/submission/b", reason="spam"))
    assert (case.resolution, case.reason) == ("closed_by_hand", "spam")
