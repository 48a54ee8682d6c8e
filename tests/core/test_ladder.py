"""Whom the steps of a case warn, and when (metrics 11.3)."""

from __future__ import annotations

import pytest

from hub.core.cases import Case
from hub.core.derive import derive
from hub.core.rules import RULES
from hub.core.steps import amend, plan, taken_by
from tests.core.timelines import at, rulebook, timeline

CARD = "2026-01-10 10:00 card k owner 101\n"
MISS = CARD + "10:00:00 in m1 60s\n"  # due 10:16, half 10:08:30, four fifths 10:13


def case(text: str = MISS, now: str = "18:00", live: bool = True, **configuration) -> Case:
    (found,) = derive(timeline(text, live=live), rulebook(**configuration), RULES, at(now)).cases
    return found


def ladder(text: str = MISS, now: str = "18:00", live: bool = True, **configuration) -> list[tuple[int, str, str]]:
    local = at("10:00").tzinfo
    assert local is not None
    return [
        (step.step, f"{(step.at + (at('13:00') - at('10:00'))):%d %H:%M:%S}", step.to)
        for step in case(text, now, live, **configuration).steps
    ]


def test_the_ladder_in_its_order():
    assert ladder(anna='deputy = "boris"') == [
        (0, "10 10:01:00", "anna"),
        (1, "10 10:08:30", "anna"),
        (2, "10 10:13:00", "anna"),
        (2, "10 10:13:00", "boris"),
        (3, "10 10:16:00", "gleb"),
        (4, "10 10:31:00", "dina"),
    ]


def test_a_step_exists_from_its_instant_on():
    assert [step for step, _, _ in ladder(now="10:12:59")] == [0, 1]
    assert [step for step, _, _ in ladder(now="10:13:00")] == [0, 1, 2]


def test_a_step_exists_only_if_the_case_was_still_open():
    assert [step for step, _, _ in ladder(MISS + "10:12:50 out d1 60s talk 10")] == [0, 1]


def test_a_quick_target_warns_at_the_start():
    assert ladder(sales='callback_target = "9m"')[:2] == [(0, "10 10:01:00", "anna"), (1, "10 10:01:00", "anna")]
    assert ladder(sales='callback_target = "10m"')[1] == (1, "10 10:06:00", "anna")


def test_times_are_working_time_of_the_line():
    assert ladder(CARD + "12:50:00 in m1 60s", now="18:00") == [
        (0, "10 12:51:00", "anna"),
        (1, "10 12:58:30", "anna"),
        (2, "10 14:03:00", "anna"),
        (3, "10 14:06:00", "gleb"),
        (4, "10 14:21:00", "dina"),
    ]


def test_when_nobody_is_on_duty_the_ladder_starts_at_the_next_opening():
    assert ladder(CARD + "20:00:00 in m1 60s", "2026-03-11 09:10") == [
        (0, "11 09:00:00", "anna"),
        (1, "11 09:07:30", "anna"),
    ]
    assert ladder(CARD + "20:00:00 in m1 60s", "2026-03-11 08:59") == []


ROUND = """
[calendars.always]
timezone = "Europe/Moscow"
[[calendars.always.hours]]
from = 2020-01-01
days = { mon-sun = "00:00-24:00" }

[lines.night]
calendar = "always"
lines = ["74950010300"]
head = "gleb"
MORE_NIGHT
"""


def test_a_line_that_never_sleeps_waits_for_people_who_do():
    night = "03:00:00 in m1 60s line 74950010300"
    found = ladder(night, "2026-03-10 09:20", more=ROUND.replace("MORE_NIGHT", ""))
    assert found == [
        (0, "10 09:00:00", "gleb"),
        (1, "10 09:07:30", "gleb"),
        (2, "10 09:12:00", "gleb"),
        (3, "10 09:15:00", "gleb"),
    ]
    assert case(night, "2026-03-10 03:30", more=ROUND.replace("MORE_NIGHT", "")).breached  # the clock did not wait


PART = """
[calendars.afternoon]
timezone = "Europe/Moscow"
[[calendars.afternoon.hours]]
from = 2020-01-01
days = { mon-fri = "14:00-18:00" }

[lines.other]
calendar = "office"
lines = ["74950010400"]
head = "zoe"
MORE_OTHER

[team.zoe]
name = "Зоя"
calendar = "afternoon"
"""
TO_ZOE = MISS.replace("60s", "60s line 74950010400")


def test_a_message_waits_for_its_recipients_hours():
    found = case(TO_ZOE, "11:00", more=PART.replace("MORE_OTHER", "")).steps
    assert (found[3].step, found[3].to, found[3].at, found[3].state) == (3, "zoe", at("14:00"), "held")
    assert case(TO_ZOE, "14:00", more=PART.replace("MORE_OTHER", "")).steps[3].state == "planned"


def test_one_that_was_solved_meanwhile_is_dropped():
    found = case(TO_ZOE + "11:00 out d1 60s talk 9", "15:00", more=PART.replace("MORE_OTHER", "")).steps
    assert (found[3].step, found[3].state) == (3, "dropped")


def test_a_critical_line_breaks_quiet_hours():
    found = case(TO_ZOE, "11:00", more=PART.replace("MORE_OTHER", "critical = true")).steps
    assert (found[3].at, found[3].state) == (at("10:16"), "planned")


AWAY = 'absences = [ { from = 2026-03-10, to = 2026-03-10, why = "ill" } ]'


def test_an_absent_assignee_is_replaced_by_his_deputy():
    assert [to for _, _, to in ladder(anna=f'deputy = "boris"\n{AWAY}')] == ["boris", "boris", "boris", "gleb", "dina"]


def test_where_nobody_can_be_told_the_next_step_comes_at_once():
    away = PART.replace("MORE_OTHER", "").replace('name = "Зоя"', f'name = "Зоя"\n{AWAY}')
    found = ladder(TO_ZOE, more=away)
    assert found[-1] == (4, "10 10:16:00", "dina")  # the head is ill: head of sales at the breach
    assert 3 not in [step for step, _, _ in found]


def test_a_third_dial_brings_the_breach_forward_and_leaves_no_warning_behind_it():
    text = MISS + "10:03 in m2 60s\n10:06:00 in m3 60s"
    assert ladder(text) == [(0, "10 10:01:00", "anna"), (3, "10 10:07:00", "gleb"), (4, "10 10:22:00", "dina")]


def test_taken_pauses_the_next_step_not_the_clock():
    text = MISS + "10:10 mark taken on src/call/m1 by vera"
    assert ladder(text) == [
        (0, "10 10:01:00", "anna"),
        (1, "10 10:08:30", "anna"),
        (2, "10 10:25:00", "vera"),
        (3, "10 10:25:00", "gleb"),
        (4, "10 10:31:00", "dina"),
    ]
    assert case(text, "10:20").breached


def test_snoozed_steps_wait_until_their_moment():
    text = MISS + "10:05 mark snoozed on src/call/m1 until 11:00"
    assert [when for _, when, _ in ladder(text)] == ["10 10:01:00"] + ["10 11:00:00"] * 4


def test_after_the_breach_a_snooze_needs_a_reason():
    text = MISS + "10:20 mark snoozed on src/call/m1 until 11:00"
    assert ladder(text)[-1] == (4, "10 10:31:00", "dina")
    assert ladder(text + " because meeting")[-1] == (4, "10 11:00:00", "dina")


def test_a_case_of_low_priority_has_step_0_alone():
    assert ladder(CARD + "10:00 in s1 4s") == [(0, "10 10:00:04", "anna")]


def test_imported_history_is_history():
    assert {step.state for step in case(live=False).steps} == {"history"}


def test_states_of_a_live_case():
    assert [step.state for step in case(now="10:20").steps] == ["sent", "planned", "planned", "planned"]


# Planning


def keys(found: Case, taken: set[str], now: str) -> list[str]:
    return [notice.key for notice in plan(7, found, taken, at(now))]


def test_notices_are_planned_when_their_moment_has_come_each_once():
    found = case(now="10:14")
    notices = plan(7, found, set(), at("10:14"))
    assert [notice.key for notice in notices] == ["7/1/anna", "7/2/anna"]
    assert keys(case(now="10:16"), set(taken_by(notices)), "10:16") == ["7/3/gleb"]


def test_a_notice_says_what_it_is_about():
    (notice,) = plan(7, case(now="10:09"), set(), at("10:09"))
    assert (notice.case, notice.kind, notice.step, notice.to, notice.contact) == (
        "missed_call:src/call/m1",
        "missed_call",
        "1",
        "anna",
        "Client",
    )
    assert (notice.line_group, notice.at, notice.due_at) == ("sales", at("10:08:30"), at("10:16"))


def test_history_and_held_steps_plan_nothing():
    assert not plan(7, case(live=False), set(), at("18:00"))
    assert keys(case(TO_ZOE, "11:00", more=PART.replace("MORE_OTHER", "")), {"1/anna", "2/anna"}, "11:00") == [
        "7/4/dina"
    ]


def test_a_step_that_was_taken_for_another_is_not_repeated():
    found = case(now="10:09")
    assert not plan(7, found, {"1/boris"}, at("10:09"))


def test_a_second_recipient_of_a_step_is_told_though_the_first_was():
    found = case(now="10:14", anna='deputy = "boris"')
    assert keys(found, {"1/anna", "2/anna"}, "10:14") == ["7/2/boris"]


def test_everybody_who_was_told_is_told_once_that_it_is_void():
    found = [*amend(7, "missed_call:src/call/m1", "Client", {"1/anna", "2/anna", "3/gleb"}, "void", 0, at("11:00"))]
    assert [(notice.key, notice.to, notice.because, notice.step) for notice in found] == [
        ("7/void/anna", "anna", "void", ""),
        ("7/void/anna/1", "anna", "earlier", "1"),
        ("7/void/gleb", "gleb", "void", ""),
    ]
    assert [notice.to for notice in found if notice.correction] == ["anna", "gleb"]


@pytest.mark.parametrize("minute", range(1, 60, 7))
def test_planning_at_any_pace_plans_the_same(minute):
    """Whether the planner looks every minute or once at the end, each step comes once and the same."""
    taken: set[str] = set()
    seen: list[str] = []
    for step in range(1, minute + 1):
        now = f"10:{step:02d}"
        notices = plan(7, case(now=now), taken, at(now))
        seen += [notice.key for notice in notices]
        taken |= taken_by(notices)
    assert seen == keys(case(now=f"10:{minute:02d}"), set(), f"10:{minute:02d}")
