"""Each clause of the missed-call case, told as a timeline (metrics 3, 7 and 11.2)."""

from __future__ import annotations

import pytest

from hub.core.cases import Case, Length
from hub.core.derive import Derived, derive
from hub.core.rules import RULES
from tests.core.timelines import CLIENT, at, rulebook, timeline

BOOK = rulebook()


def derived(text: str, now: str = "12:00", book=BOOK, **more) -> Derived:
    return derive(timeline(text, **more), book, RULES, at(now))


def cases(text: str, now: str = "12:00", book=BOOK, kind: str = "missed_call", **more) -> list[Case]:
    return [case for case in derived(text, now, book, **more).cases if case.kind == kind]


def only(text: str, now: str = "12:00", book=BOOK, **more) -> Case:
    (case,) = cases(text, now, book, **more)
    return case


# 3.1 Opening and grouping


def test_a_miss_opens_a_case_at_its_end():
    case = only("10:00 in m1 42s")
    assert (case.key, case.opened_at, case.due_at) == ("missed_call:src/call/m1", at("10:00:42"), at("10:15:42"))
    assert (case.state, case.client_attempts, case.priority, case.in_hours) == ("open", 1, "normal", True)


def test_no_case_before_the_call_is_judged():
    assert not cases("10:00 in m1 42s unfinished", "10:01:01")
    assert cases("10:00 in m1 42s unfinished", "10:01:02")


def test_further_misses_while_it_is_open_join():
    case = only("""
        10:00 in m1 42s
        11:10 in m2 50s
    """)
    assert (case.client_attempts, case.last_attempt_at, case.opened_by) == (2, at("11:10"), "src/call/m1")
    assert case.evidence == ("src/call/m1", "src/call/m2")


def test_another_line_of_the_group_joins_and_another_group_does_not():
    text = """
        10:00 in m1 42s
        10:05 in m2 42s line 84950010102
        10:06 in m3 42s line 74950010200
    """
    assert {(case.line_group, case.client_attempts) for case in cases(text)} == {("sales", 2), ("support", 1)}


def test_of_two_misses_at_once_the_one_that_ends_first_opens():
    case = only("""
        10:00:00 in long 300s
        10:01:00 in quick 30s
    """)
    assert (case.opened_by, case.opened_at, case.last_attempt_at) == ("src/call/quick", at("10:01:30"), at("10:01"))


def test_a_miss_after_closing_opens_a_new_case_that_names_the_previous():
    text = """
        10:00 in m1 42s
        10:05 out d1 60s talk 8
        10:50 in m2 42s
    """
    first, second = cases(text)
    assert (second.previous, second.flags, first.state) == (first.key, (), "recovered")


def test_a_miss_soon_after_the_talk_is_an_unhappy_return():
    text = """
        10:00 in m1 42s
        10:05 out d1 60s talk 8
        {} in m2 42s
    """
    assert "returned_unhappy" in cases(text.format("10:35:59"))[1].flags  # the talk ended 10:06:00
    assert "returned_unhappy" not in cases(text.format("10:36:00"))[1].flags


def test_a_miss_soon_after_a_case_that_was_closed_by_hand_counts_from_the_closing():
    text = """
        10:00 in m1 42s
        10:05 mark closed on src/call/m1 because handled_offline
        {} in m2 42s
    """
    assert "returned_unhappy" in cases(text.format("10:34:59"))[1].flags
    assert "returned_unhappy" not in cases(text.format("10:35"))[1].flags


def test_a_withheld_number_is_a_case_of_its_own_closed_at_once():
    case = only("10:00 in m1 42s caller withheld", known=(), contact="withheld")
    assert (case.state, case.resolution, case.closed_at) == ("closed", "no_callback_number", at("10:00:42"))
    assert (case.breached, case.steps, case.silently_lost) == (False, (), False)


def test_a_colleague_never_waits():
    assert not cases("10:00 in m1 42s caller phone:+79990000103")


def test_calls_of_tests_blocked_callers_and_self_service_open_nothing():
    assert not cases("""
        10:00 in m1 42s test
        10:01 in m2 42s spam
        10:02 in m3 42s | menu 0-42 complete
    """)


# Priority


def test_three_dials_in_fifteen_minutes_are_urgent_and_due_with_the_end_of_the_third():
    case = only("""
        10:00 in m1 20s
        10:05 in m2 20s
        10:12 in m3 42s
    """)
    assert (case.priority, case.due_at, case.breached) == ("high", at("10:12:42"), True)


def test_three_dials_in_more_than_fifteen_minutes_are_not():
    text = """
        10:00:00 in m1 20s
        10:05:00 in m2 20s
        10:15:01 in m3 42s
    """
    assert only(text).priority == "normal"
    assert only(text.replace("10:15:01", "10:15:00")).priority == "high"


def test_a_third_dial_brings_the_promise_forward_never_back():
    case = only("""
        10:00 in m1 20s
        10:14 in m2 20s
        10:15 in m3 200s
    """)
    assert (case.priority, case.due_at) == ("high", at("10:15:20"))  # not 10:18:20


def test_out_of_hours_too():
    case = only(
        """
        20:00 in m1 20s
        20:03 in m2 20s
        20:06 in m3 42s
    """,
        "21:00",
    )
    assert (case.due_at, case.breached, case.late_by) == (at("20:06:42"), True, 0)


def test_a_wish_to_be_called_back_is_urgent():
    assert only("10:00 in m1 42s callback").priority == "high"


def test_a_deal_that_was_open_while_the_case_was_makes_it_urgent():
    miss = "10:00 in m1 42s\n10:30 out d1 60s talk 8\n"
    assert only(miss + "2026-01-10 10:00 deal d open").priority == "high"
    assert only(miss + "10:20 deal d open").priority == "high"
    assert only(miss + "10:40 deal d open").priority == "normal"
    assert only(miss + "2026-01-10 10:00 deal d open\n2026-02-10 10:00 deal d won").priority == "normal"
    assert only(miss + "2026-01-10 10:00 deal d open\n10:00 deal d gone").priority == "normal"


# Short abandons


def test_a_short_dial_of_a_stranger_opens_nothing():
    assert not cases("10:00 in s1 4s")


def test_a_short_dial_of_a_known_client_opens_a_case_of_low_priority_without_a_promise():
    for known in ("2026-01-10 10:00 card k owner 102", "2026-01-10 10:00 deal d open"):
        case = only(f"10:00 in s1 4s\n{known}")
        assert (case.priority, case.due_at, case.breached, case.late_by) == ("low", None, None, None)
        assert (case.opened_at, case.state) == (at("10:00:04"), "open")


def test_a_card_that_nobody_owns_makes_nobody_known():
    assert not cases("10:00 in s1 4s\n2026-01-10 10:00 card k")


def test_a_card_that_got_its_owner_later_makes_nobody_known_yet():
    assert not cases("10:00 in s1 4s\n10:01 card k owner 102")


def test_a_second_short_dial_within_half_an_hour_opens_one():
    text = """
        10:00:00 in s1 4s
        {} in s2 4s
    """
    case = only(text.format("10:30:04"))  # from end to start
    assert (case.opened_by, case.client_attempts, case.priority) == ("src/call/s2", 2, "low")
    assert not cases(text.format("10:30:05"))


def test_an_answered_redial_opens_nothing_and_settles_the_first():
    assert not cases("""
        10:00 in s1 4s
        10:05 in a1 60s talk 5
        10:10 in s2 4s
    """)


def test_a_full_miss_within_the_window_opens_an_ordinary_case_with_the_dial_as_an_attempt():
    case = only("""
        10:00 in s1 4s
        10:10 in m1 42s
    """)
    assert (case.opened_by, case.client_attempts, case.priority) == ("src/call/m1", 2, "normal")
    assert (case.opened_at, case.due_at) == (at("10:10:42"), at("10:25:42"))


def test_a_full_miss_makes_a_low_case_ordinary_and_due_from_its_own_end():
    text = """
        10:00 in s1 4s
        10:10 in s2 4s
        10:30 in m1 42s
    """
    case = only(text)
    assert (case.opened_by, case.opened_at, case.client_attempts) == ("src/call/s2", at("10:10:04"), 3)
    assert (case.priority, case.due_at) == ("normal", at("10:45:42"))
    assert only(text, "10:20").priority == "low"


def test_further_short_dials_add_attempts():
    assert only("10:00 in m1 42s\n10:30 in s1 4s").client_attempts == 2
    assert only("10:00 in s1 4s\n10:10 in s2 4s\n11:30 in s3 4s").client_attempts == 3


def test_low_beats_high():
    assert only("10:00 in s1 4s\n10:02 in s2 4s\n10:04 in s3 4s").priority == "low"


def test_a_menu_left_too_soon_is_low_too():
    assert only("10:00 in s1 8s | menu 0-8\n10:02 in s2 8s | menu 0-8").priority == "low"


# 3.2 Attempts


ATTEMPTS = [
    ("answered whatever its ring", "10:05 out d 5s talk 2", [(True, None, 2)]),
    ("rang fifteen seconds", "10:05 out d 15s", [(True, None, 15)]),
    ("rang fourteen", "10:05 out d 14s", [(False, "weak", 14)]),
    ("busy at once", "10:05 out d 2s | 101 0-2 +0 | client 0-2 busy", [(True, None, 2)]),
    ("declined", "10:05 out d 2s | 101 0-2 +0 | client 0-2 declined", [(True, None, 2)]),
    ("not available", "10:05 out d 2s | 101 0-2 +0 | client 0-2 unreachable", [(True, None, None)]),
    ("the client's voicemail", "10:05 out d 9s | 101 0-9 +0 | client 0-3 no_answer | voicemail 3-9", [(True, None, 3)]),
    ("nobody knows how long it rang", "10:05 out d 9s | 101 0-9 +0", [(True, "unknown", None)]),
    ("our own phone was never taken", "10:05 out d 9s | 101 0-9", []),
    ("began before the miss", "09:59 out d 30s", []),
    ("the trunk failed", "10:05 out d 1s | 101 0-1 +0 | client 0-1 failed", [(False, "weak", None)]),
]


@pytest.mark.parametrize(("line", "wanted"), [row[1:] for row in ATTEMPTS], ids=[row[0] for row in ATTEMPTS])
def test_what_an_attempt_is_worth(line, wanted):
    case = only(f"10:00 in m1 42s\n{line}")
    assert [(attempt.valid, attempt.quality, attempt.ring) for attempt in case.attempts] == wanted


def test_an_attempt_names_who_dialled_and_when():
    (attempt,) = only("10:00 in m1 42s\n10:05 out d 20s from 102").attempts
    assert (attempt.at, attempt.by, attempt.kind) == (at("10:05"), "boris", "call")


def test_the_first_attempt_is_the_first_valid_call():
    case = only("""
        10:00 in m1 42s
        10:03 msg out by 101
        10:05 out d1 4s
        10:09:30 out d2 22s
    """)
    assert case.first_attempt == Length(528, 528)
    assert [attempt.kind for attempt in case.attempts] == ["message", "call", "call"]


def test_a_call_that_still_rings_becomes_valid_when_it_has_rung_long_enough():
    text = "10:00 in m1 42s\n10:05:00 out d1 | 101 0- +0 | client 0-"
    assert not only(text, "10:05:14").attempts[0].valid
    assert only(text, "10:05:15").attempts[0].valid
    assert derived(text, "10:05:10").wake_at == at("10:05:15")


def test_messages_of_bots_campaigns_and_notes_are_no_attempts():
    assert not only("""
        10:00 in m1 42s
        10:03 msg out author bot
        10:04 msg out author campaign
        10:05 msg out by 101 content note
        10:06 msg out by 101 automatic
    """).attempts


def test_a_message_that_did_not_arrive_is_not_valid():
    assert [attempt.valid for attempt in only("10:00 in m1 42s\n10:03 msg out by 101 failed").attempts] == [False]


def test_attempts_after_the_closing_belong_to_nobody():
    assert len(only("10:00 in m1 42s\n10:05 out d1 60s talk 8\n10:20 out d2 60s talk 8").attempts) == 1


# 3.3 Resolution


def test_r1_a_talk_of_ten_seconds_reaches_him():
    case = only("10:00 in m1 42s\n10:05:00 out d1 18s talk 8 from 102")
    assert (case.state, case.resolution, case.closed_at) == ("recovered", "callback_reached", at("10:05:08"))
    assert (case.closed_by, case.closed_by_member) == ("src/call/d1", "boris")
    assert case.time_to_reach == Length(266, 266)


def test_r1_a_shorter_one_may_be_his_voicemail():
    assert only("10:00 in m1 42s\n10:05 out d1 17s talk 8").state == "open"


def test_r1_unless_a_person_says_that_it_was_a_contact():
    text = "10:00 in m1 42s\n10:05 out d1 17s talk 8\n10:07 mark contacted on src/call/d1"
    assert (only(text).resolution, only(text).closed_at) == ("callback_reached", at("10:05:08"))
    assert only(text, "10:06").state == "open"


def test_r1_closes_as_soon_as_the_talk_is_long_enough():
    text = "10:00 in m1 42s\n10:05:00 out d1 | 101 0- +0 | client 0- +8"
    assert only(text, "10:05:17").state == "open"
    assert derived(text, "10:05:12").wake_at == at("10:05:18")
    assert only(text, "10:05:18").closed_at == at("10:05:08")


def test_r1_a_robot_reaches_nobody():
    assert only("10:00 in m1 42s\n10:05 out d1 60s origin autodial | client 0-60 +5 | bot 5-60").state == "open"
    assert only("10:00 in m1 42s\n10:05 out d1 60s origin autodial | client 0-60 +5 | bot 5-9 | 102 9-60 +12").closed_at


def test_r2_the_client_got_through():
    case = only("10:00 in m1 42s\n10:05 in a1 30s talk 7 from 103")
    assert (case.resolution, case.closed_at, case.closed_by_member) == ("client_got_through", at("10:05:07"), "vera")


def test_r2_needs_a_second_of_talk_and_counts_while_it_lasts():
    assert only("10:00 in m1 42s\n10:05 in a1 | 101 0- +7", "10:05:08").resolution == "client_got_through"


def test_r3_an_exchange_of_messages_in_any_order():
    case = only("10:00 in m1 42s\n10:05 msg in\n10:07 msg out by 102")
    assert (case.resolution, case.closed_at, case.closed_by_member) == ("other_channel", at("10:07"), "boris")
    assert case.time_to_reach == Length(378, 378)
    case = only("10:00 in m1 42s\n10:05 msg out by 102 id o\n10:07 msg in id i")
    assert (case.closed_by, case.closed_at) == ("src/message/i", at("10:07"))


def test_r3_one_side_alone_is_no_exchange():
    assert only("10:00 in m1 42s\n10:05 msg out by 102").state == "open"
    assert only("10:00 in m1 42s\n10:05 msg in").state == "open"
    assert only("10:00 in m1 42s\n09:50 msg in\n10:05 msg out by 102").state == "open"
    assert only("10:00 in m1 42s\n10:04 msg in\n10:05 msg out author bot").state == "open"
    assert only("10:00 in m1 42s\n10:04 msg in\n10:05 msg out by 101 failed").state == "open"


def test_r3_our_message_alone_where_the_policy_says_so():
    book = rulebook(policy="soft_close_on_message = true")
    assert only("10:00 in m1 42s\n10:05 msg out by 102", book=book).resolution == "other_channel"


def test_r3_a_held_meeting():
    case = only("10:00 in m1 42s\n11:00 meeting held")
    assert (case.resolution, case.closed_at, case.time_to_reach) == ("other_channel", at("11:00"), Length(3558, 3558))
    assert only("10:00 in m1 42s\n11:00 meeting planned").state == "open"


TRIES = """
    2026-03-10 10:00 in m1 42s
    2026-03-10 11:00 out d1 20s
    2026-03-10 12:00 out d2 20s
    2026-03-11 10:00 out d3 20s
"""
NEXT = "2026-03-11 12:00"


def test_r4_three_valid_attempts_on_two_working_days():
    case = only(TRIES, NEXT)
    assert (case.state, case.resolution, case.closed_at) == ("lost", "exhausted", at("2026-03-11 10:00"))
    assert (case.closed_by, case.silently_lost) == ("src/call/d3", False)


def test_r4_two_are_not_enough_nor_one_day():
    assert only(TRIES.replace("12:00 out d2 20s", "12:00 out d2 14s"), NEXT).state == "open"
    assert only(TRIES.replace("03-11 10:00 out", "03-10 17:00 out"), NEXT).state == "open"


def test_r4_a_day_off_is_no_working_day():
    text = """
        2026-03-06 10:00 in m1 42s
        2026-03-06 11:00 out d1 20s
        2026-03-06 12:00 out d2 20s
        2026-03-07 12:00 out d3 20s
    """
    assert only(text, "2026-03-08 12:00").state == "open"


def test_r4_attempts_closer_than_ten_minutes_count_once():
    assert only(TRIES.replace("12:00 out d2", "11:09 out d2"), NEXT).state == "open"
    assert only(TRIES.replace("12:00 out d2", "11:10 out d2"), NEXT).state == "lost"


def test_r4_from_the_last_one_that_counted():
    text = TRIES.replace("12:00 out d2 20s", "11:06 out d2 20s\n 2026-03-10 11:12 out d9 20s")
    assert only(text, NEXT).state == "lost"  # d9 is 12 minutes after d1, though 6 after d2, which did not count


def test_r4_also_a_message_where_one_can_write_to_the_client():
    both = (CLIENT, "telegram:5550009")
    assert only(TRIES, NEXT, known=both).state == "open"
    written = TRIES + "2026-03-11 11:00 msg out by 101 id o"
    case = only(written, NEXT, known=both)
    assert (case.closed_by, case.closed_at) == ("src/message/o", at("2026-03-11 11:00"))
    assert only(TRIES + "2026-03-10 10:30 msg out by 101", NEXT, known=both).closed_by == "src/call/d3"


def test_r4_any_earlier_message_is_a_way_to_write():
    assert only(TRIES + "2026-03-02 11:00 msg in", NEXT).state == "open"


def test_r4_a_talk_with_the_last_attempt_is_a_reach():
    case = only(TRIES.replace("d3 20s", "d3 60s talk 9"), NEXT)
    assert (case.resolution, case.closed_at) == ("callback_reached", at("2026-03-11 10:00:09"))


def test_r5_a_person_closes_it_with_a_reason():
    case = only("10:00 in m1 42s\n10:07 mark closed on src/call/m1 by vera because handled_offline")
    assert (case.state, case.resolution, case.reason) == ("closed", "closed_by_hand", "handled_offline")
    assert (case.closed_at, case.closed_by_member, case.breached) == (at("10:07"), "vera", False)
    assert case.closed_by.startswith("src/mark/")


@pytest.mark.parametrize("on", ["src/call/m2", "missed_call:src/call/m1", "missed_call:src/call/m2", CLIENT])
def test_r5_any_evidence_key_or_handle_means_the_case(on):
    text = f"10:00 in m1 42s\n10:02 in m2 42s\n10:07 mark closed on {on} because spam"
    assert only(text).resolution == "closed_by_hand"


def test_r5_a_key_of_another_kind_means_another_case():
    assert only("10:00 in m1 42s\n10:07 mark closed on lost_in_transfer:src/call/m1 because spam").state == "open"


def test_r5_a_mark_on_the_client_closes_only_what_was_open():
    text = f"10:00 mark closed on {CLIENT} because spam\n10:01 in m1 42s"
    assert only(text).state == "open"


def test_r5_a_reopened_case_is_as_if_it_had_not_been_closed():
    text = """
        10:00 in m1 42s
        10:05 mark closed on src/call/m1 because spam
        10:10 in m2 42s
        10:20 mark reopened on src/call/m1
    """
    assert len(cases(text, "10:15")) == 2
    case = only(text)
    assert (case.state, case.client_attempts, case.breached) == ("open", 2, True)


def test_r5_after_reopening_it_may_be_closed_again():
    text = """
        10:00 in m1 42s
        10:05 mark closed on src/call/m1 because spam
        10:20 mark reopened on src/call/m1
        10:30 mark closed on src/call/m1 because wrong_number
    """
    assert (only(text).closed_at, only(text).reason) == (at("10:30"), "wrong_number")


def test_r6_after_seven_days_it_is_lost_in_silence():
    before, after = (only("10:00 in m1 42s", now) for now in ("2026-03-17 10:00:41", "2026-03-17 10:00:42"))
    assert (before.state, before.silently_lost) == ("open", False)
    assert (after.state, after.resolution, after.silently_lost) == ("lost", "expired", True)
    assert after.closed_at == at("2026-03-17 10:00:42")


def test_r6_is_not_silent_if_anything_valid_was_tried():
    late = "2026-03-18 10:00"
    assert not only("10:00 in m1 42s\n10:05 out d1 20s", late).silently_lost
    assert not only("10:00 in m1 42s\n10:05 msg out by 101", late).silently_lost
    assert only("10:00 in m1 42s\n10:05 out d1 4s", late).silently_lost


def test_who_asked_not_to_be_called_is_lost_in_silence_if_nobody_tried():
    case = only("10:00 in m1 42s\n10:07 mark closed on src/call/m1 because asked_not_to_call")
    assert (case.state, case.silently_lost) == ("closed", True)


def test_the_earliest_evidence_wins():
    case = only("10:00 in m1 42s\n10:05 out d1 60s talk 8\n10:04 mark closed on src/call/m1 because spam")
    assert case.resolution == "closed_by_hand"


def test_a_talk_that_runs_when_the_miss_begins_is_evidence_at_time_zero():
    case = only("09:55 out d1 420s talk 8\n10:00 in m1 42s")
    assert (case.resolution, case.time_to_reach, case.closed_at) == ("callback_reached", Length(0, 0), at("09:55:08"))
    assert case.attempts == ()


def test_a_talk_that_ended_before_the_miss_is_none():
    assert only("09:55 out d1 200s talk 8\n10:00 in m1 42s").state == "open"


def test_a_dial_during_the_callback_adds_an_attempt_and_no_case():
    case = only("""
        10:00:00 in m1 42s
        10:05:00 out d1 120s talk 20
        10:05:10 in m2 8s
        10:06:00 in m3 8s
    """)
    assert (case.client_attempts, case.closed_at) == (3, at("10:05:20"))


def test_a_callback_to_another_number_of_the_same_person_counts():
    text = "10:00 in m1 42s\n10:05 out d1 60s talk 8 caller phone:+79215554433"
    assert only(text, known=(CLIENT, "phone:+79215554433")).state == "recovered"


def test_talk_by_another_group_resolves_and_is_flagged():
    case = only("10:00 in m1 42s\n10:05 out d1 60s talk 8 line 74950010200")
    assert (case.state, case.flags) == ("recovered", ("by_other_group",))
    assert not only("10:00 in m1 42s\n10:05 out d1 60s talk 8 line 79999").flags


def test_an_answer_by_a_number_that_is_nobodys_is_flagged():
    case = only("10:00 in m1 42s\n10:05 in a1 60s | +79995550000 0-60 +9")
    assert (case.resolution, case.flags) == ("client_got_through", ("unverified",))


# 11.2 The promise


def test_the_promise_is_met_at_the_very_instant_and_broken_after_it():
    met = only("10:00:00 in m1 42s\n10:15:34 out d1 60s talk 8")
    assert (met.closed_at, met.breached, met.breached_at, met.late_by) == (at("10:15:42"), False, None, None)
    late = only("10:00:00 in m1 42s\n10:15:35 out d1 60s talk 8")
    assert (late.breached, late.breached_at, late.late_by) == (True, at("10:15:42"), 1)


def test_an_open_case_is_broken_when_it_falls_due():
    assert only("10:00 in m1 42s", "10:15:41").breached is False
    assert derived("10:00 in m1 42s", "10:15:41").wake_at == at("10:15:42")
    broken = only("10:00 in m1 42s", "10:15:42")
    assert (broken.breached, broken.late_by) == (True, 0)


def test_late_by_is_working_time():
    assert only("17:40 in m1 42s", "2026-03-11 09:10").late_by == (18 * 60 + 0) * 60 - (17 * 3600 + 55 * 60 + 42) + 600


def test_closing_by_hand_stops_the_clock_and_expiry_does_not():
    assert only("10:00 in m1 42s\n10:07 mark closed on src/call/m1 because spam").breached is False
    expired = only("10:00 in m1 42s", "2026-03-20 10:00")
    assert (expired.breached, expired.breached_at) == (True, at("10:15:42"))
    assert expired.late_by == only("10:00 in m1 42s", "2026-03-17 10:00:42").late_by


def test_without_a_calendar_the_promise_is_unknown():
    case = only("10:00 in m1 42s line 7000")
    assert (case.line_group, case.due_at, case.breached, case.late_by, case.in_hours) == (
        "default",
        None,
        None,
        None,
        None,
    )
    assert only("10:00 in m1 42s line 7000\n10:05 out d1 60s talk 8").time_to_reach == Length(266, None)


def test_a_breach_may_be_excused_and_stays_one():
    case = only("10:00 in m1 42s\n11:00 mark excused on src/call/m1 because outage")
    assert (case.breached, case.flags) == (True, ("excused",))


def test_the_rules_at_the_start_hold():
    case = only("10:00 in m1 42s", book=rulebook(sales='callback_target = "5m"'))
    assert case.due_at == at("10:05:42")


# 2.5 Lost in transfer


LOST = "10:00 in c1 60s | 101 0-30 +5 | 102 30-60 | blind 101>102 @30"


def test_a_client_lost_in_transfer_waits_from_the_end_of_the_session():
    (case,) = cases(LOST, kind="lost_in_transfer")
    assert (case.key, case.opened_at, case.due_at) == ("lost_in_transfer:src/call/c1", at("10:01"), at("10:16"))
    assert (case.owner, case.owner_because, case.state) == ("anna", "last_human", "open")
    assert not cases(LOST)


def test_his_own_session_is_no_evidence_and_a_callback_is():
    (case,) = cases(LOST + "\n10:05 out d1 60s talk 8", kind="lost_in_transfer")
    assert (case.resolution, case.closed_at) == ("callback_reached", at("10:05:08"))


# 7 Attribution


def owner(text: str, now: str = "12:00", **configuration) -> tuple[str | None, str | None, str | None, bool]:
    case = only(text, now, rulebook(**configuration))
    return (case.owner, case.owner_because, case.assignee, case.owner_absent)


EVERYTHING = """
    2026-01-10 10:00 deal d owner 103 open
    2026-01-10 10:00 card k owner 102
    2026-03-02 10:00 in a1 60s talk 5 from 104
    10:00 in m1 42s
"""
LINE_AND_DUTY = 'owners = { "84950010100" = "anna" }\nduty = ["dina"]'


def test_the_owner_is_the_first_of_the_order_that_exists():
    text = EVERYTHING
    assert owner(text, sales=LINE_AND_DUTY)[:2] == ("vera", "deal_owner")
    text = "\n".join(line for line in text.splitlines() if " deal " not in line)
    assert owner(text, sales=LINE_AND_DUTY)[:2] == ("boris", "card_owner")
    text = "\n".join(line for line in text.splitlines() if " card " not in line)
    assert owner(text, sales=LINE_AND_DUTY)[:2] == ("anna", "line_owner")
    assert owner(text, sales='duty = ["dina"]')[:2] == ("gleb", "last_talk")
    assert owner("10:00 in m1 42s", sales='duty = ["dina"]')[:2] == ("dina", "duty")
    assert owner("10:00 in m1 42s")[:2] == ("gleb", "head")


def test_a_group_may_have_an_order_of_its_own():
    assert owner(EVERYTHING, sales='owner_order = ["card_owner", "deal_owner"]')[:2] == ("boris", "card_owner")
    assert owner("10:00 in m1 42s", sales='owner_order = ["card_owner"]')[:2] == (None, None)


def test_the_owner_is_that_of_the_calls_time():
    text = "2026-01-10 10:00 card k owner 102\n{} card k owner 103\n10:00 in m1 42s"
    assert owner(text.format("09:59"))[0] == "vera"
    assert owner(text.format("10:01"))[0] == "boris"


def test_a_deleted_card_owns_what_came_before():
    text = "2026-01-10 10:00 card k owner 102\n{} card k gone\n10:00 in m1 42s"
    assert owner(text.format("10:01"))[0] == "boris"
    assert owner(text.format("09:59"))[0] == "gleb"


def test_the_latest_deal_and_the_latest_card_decide():
    deals = "2026-01-10 10:00 deal a owner 102 open\n2026-01-11 10:00 deal b owner 103 open\n10:00 in m1 42s"
    assert owner(deals)[0] == "vera"
    cards = "2026-01-10 10:00 card z owner 102\n2026-01-11 10:00 card a owner 103\n10:00 in m1 42s"
    assert owner(cards)[0] == "vera"


def test_a_deal_that_is_over_owns_nothing():
    assert (
        owner("2026-01-10 10:00 deal a owner 102 open\n2026-02-10 10:00 deal a owner 102 lost\n10:00 in m1 42s")[0]
        == "gleb"
    )


def test_who_talked_last_is_remembered_for_thirty_days():
    assert owner("2026-02-08 10:00 in a1 60s talk 5 from 102\n10:00 in m1 42s")[1] == "last_talk"
    assert owner("2026-02-08 09:59 in a1 60s talk 5 from 102\n10:00 in m1 42s")[1] == "head"


ABSENT = 'absences = [ { from = 2026-03-10, to = 2026-03-10, why = "ill" } ]'


def test_an_absent_owner_stays_and_his_deputy_acts():
    text = "2026-01-10 10:00 card k owner 101\n10:00 in m1 42s"
    assert owner(text, anna=f'{ABSENT}\ndeputy = "boris"') == ("anna", "card_owner", "boris", True)


def test_without_a_deputy_the_roster_acts_then_the_head():
    text = "2026-01-10 10:00 card k owner 101\n10:00 in m1 42s"
    assert owner(text, anna=ABSENT, sales='duty = ["vera"]') == ("anna", "card_owner", "vera", True)
    assert owner(text, anna=ABSENT) == ("anna", "card_owner", "gleb", True)


def test_an_absent_deputy_is_passed_over():
    text = "2026-01-10 10:00 card k owner 101\n10:00 in m1 42s"
    found = owner(text, anna=f'{ABSENT}\ndeputy = "boris"', boris=ABSENT, sales='duty = ["vera"]')
    assert found == ("anna", "card_owner", "vera", True)


def test_duty_is_the_first_who_works_when_it_is_due_else_the_first():
    assert owner("10:00 in m1 42s", sales='duty = ["anna", "vera"]', anna=ABSENT)[0] == "vera"
    assert owner("10:00 in m1 42s", sales='duty = ["anna"]', anna=ABSENT)[0] == "anna"


def test_who_works_until_it_is_due_is_not_absent():
    case = only("2026-01-10 10:00 card k owner 101\n17:44:18 in m1 42s", "18:30")
    assert (case.due_at, case.owner_absent) == (at("18:00"), False)


def test_whoever_takes_the_case_must_act_and_the_owner_stays():
    case = only("10:00 in m1 42s\n10:05 mark taken on src/call/m1 by vera")
    assert (case.owner, case.assignee) == ("gleb", "vera")


# 10 Late, repeated and unordered facts


def test_a_callback_that_was_recorded_before_the_miss_counts():
    case = only("10:05:00 out d1 60s talk 8\n09:59:20 in m1 40s")
    assert case.time_to_reach == Length(308, 308)


def test_a_merge_of_identities_joins_their_open_cases():
    text = "10:00 in m1 42s\n10:05 in m2 42s caller phone:+79215554433"
    case = only(text, known=(CLIENT, "phone:+79215554433"))
    assert (case.opened_at, case.client_attempts) == (at("10:00:42"), 2)
