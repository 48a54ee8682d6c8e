"""Each clause of the definition of a call: its outcome, waits, talks, and what leaves it out (metrics 2)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from hub.core.calls import Verdict, cut, judge
from tests.core.timelines import at, rulebook, timeline

BOOK = rulebook()


def verdict(line: str, now: str = "12:00", book=BOOK, **more) -> Verdict:
    """The verdict on the one call of a text."""
    (fact,) = timeline(line).calls
    return judge(fact, book, at(now), **more)


OUTCOMES = [
    ("a caller on the block list is blocked", "in c 42s caller phone:+79211239999", "blocked"),
    ("a call that the provider marked as spam is blocked even if answered", "in c 42s spam talk 3", "blocked"),
    ("talk of a second is an answer", "in c 7s | 101 0-7 +6", "answered"),
    ("talk under a second is none", "in c 6.9s | 101 0-6.9 +6", "abandoned_wait"),
    ("an answer beats a wish to be called back", "in c 60s callback | 101 0-60 +5", "answered"),
    ("a wish to be called back beats a message left", "in c 60s callback voicemail 9", "callback_requested"),
    ("a message of three seconds is voicemail", "in c 60s voicemail 3", "voicemail"),
    ("a message of two seconds is none", "in c 60s voicemail 2", "abandoned_wait"),
    (
        "a call that ended in a complete answer served itself",
        "in c 60s | menu 0-10 | menu 10-60 complete",
        "self_served",
    ),
    (
        "a complete answer that is left for a queue is none",
        "in c 60s | menu 0-10 complete | queue 10-60",
        "abandoned_wait",
    ),
    ("a call without any leg failed", "in c 3s bare", "failed_technical"),
    ("a failed trunk before anybody rang is technical", "in c 3s by system | 101 0-1 failed", "failed_technical"),
    ("a failed device beside one that rang is not", "in c 30s by system | 101 0-1 failed | 102 0-30", "no_answer"),
    ("a failed leg behind a queue is not", "in c 30s | queue 0-30 | 101 0-1 failed", "abandoned_wait"),
    ("a client who leaves in the menu abandons it", "in c 30s | menu 0-30", "abandoned_ivr"),
    ("a menu that times out is abandoned", "in c 30s by system | menu 0-30 timeout", "abandoned_ivr"),
    (
        "a menu that times out and says goodbye is abandoned",
        "in c 30s by system | menu 0-20 timeout | announcement 20-30",
        "abandoned_ivr",
    ),
    ("a client who leaves the greeting of a direct mailbox abandons it", "in c 30s | voicemail 0-30", "abandoned_ivr"),
    ("a closed queue has no staff", "in c 30s by system | queue 0-1 closed", "no_staff"),
    ("a closed queue has no staff whoever hangs up", "in c 30s | queue 0-1 closed | announcement 1-30", "no_staff"),
    ("unreachable devices are no staff", "in c 3s | 101 0-1 unreachable | 102 1-2 unreachable", "no_staff"),
    ("unreachable devices behind a queue are no staff", "in c 30s | queue 0-30 | 101 0-1 unreachable", "no_staff"),
    ("an announcement that ends the call is no staff", "in c 20s by system | announcement 0-20", "no_staff"),
    (
        "an announcement behind a queue that rang nobody too",
        "in c 60s by system | queue 0-50 timeout | announcement 50-60",
        "no_staff",
    ),
    ("an announcement that the client leaves is an abandoned menu", "in c 20s | announcement 0-20", "abandoned_ivr"),
    ("all phones busy or declined", "in c 20s by system | 101 0-2 busy | 102 0-20 declined", "busy_declined"),
    ("busy beats the client's hang-up", "in c 20s | 101 0-2 busy", "busy_declined"),
    ("an unreachable phone was not reached", "in c 20s | 101 0-2 busy | 102 0-1 unreachable", "busy_declined"),
    ("one phone that only rang is enough for no busy", "in c 20s | 101 0-2 busy | 102 0-20", "abandoned_wait"),
    ("a client who leaves a queue abandons the wait", "in c 20s | menu 0-5 | queue 5-20", "abandoned_wait"),
    ("also in the greeting of the mailbox behind it", "in c 40s | 101 0-20 | voicemail 20-40", "abandoned_wait"),
    ("ringing that runs out is no answer", "in c 40s by system", "no_answer"),
    ("an unknown end is no answer", "in c 40s by unknown", "no_answer"),
    ("what no rule knows is unknown", "in c 40s by member", "unknown_unanswered"),
    ("a mapped mobile is a human", "in c 40s | +79990000102 0-40 +10", "answered"),
    ("a bridged unmapped number is an answer", "in c 40s | +79995550000 0-40 +10", "answered"),
    ("our call that the client takes is answered", "out c 40s talk 10", "answered"),
    ("our call that rings out", "out c 40s", "no_answer"),
    ("our call to a busy client", "out c 4s | 101 0-4 +0 | client 0-4 busy", "busy"),
    ("our call that the client declines", "out c 4s | 101 0-4 +0 | client 0-4 declined", "busy"),
    ("our call to a wrong number", "out c 1s | 101 0-1 +0 | client 0-1 failed", "failed"),
    ("our call whose own phone nobody took", "out c 10s | 101 0-10", "member_no_answer"),
    ("our call that says nothing of the client", "out c 30s | 101 0-30 +0", "no_answer"),
    ("a robot's call that is taken", "out c 30s | client 0-30 +5 | bot 5-30", "answered"),
    ("a colleague who answers", "internal c 30s | 101 0-30 +0 | 102 0-30 +5", "answered"),
    ("a colleague who is busy", "internal c 3s | 101 0-3 +0 | 102 0-3 busy", "no_answer"),
]


@pytest.mark.parametrize(("line", "outcome"), [row[1:] for row in OUTCOMES], ids=[row[0] for row in OUTCOMES])
def test_the_first_rule_that_fits_names_the_outcome(line, outcome):
    assert verdict(f"10:00 {line}").outcome == outcome


EXCLUSIONS = [
    ("a hang-up within five seconds", "in c 4s", "short_abandon"),
    ("five seconds are not short", "in c 5s", None),
    ("a busy call that the client leaves at once", "in c 2s | 101 0-1 busy", "short_abandon"),
    ("a short call that we ended", "in c 2s by system", None),
    ("a short call with a wish to be called back", "in c 4s callback", None),
    ("a short call with a message", "in c 4s voicemail 3", None),
    ("a menu left within ten seconds", "in c 9s | menu 0-9", "ivr_short"),
    ("a menu left within three", "in c 3s | menu 0-3", "ivr_short"),
    ("a menu left after ten", "in c 10s | menu 0-10", None),
    ("an answered call that began with a quick answer", "in c 60s talk 2", None),
    ("a call among us", "internal c 60s", "internal"),
    ("a call from a colleague's mobile", "in c 60s caller phone:+79990000103", "internal"),
    ("a test number", "in c 60s caller phone:+79211238888", "test_number"),
    ("a test, answered too", "in c 60s talk 5 test", "test_number"),
    ("a blocked caller", "in c 60s caller phone:+79211239999", "blocked"),
    ("a client who served himself", "in c 60s | menu 0-60 complete", "self_served"),
]


@pytest.mark.parametrize(("line", "excluded"), [row[1:] for row in EXCLUSIONS], ids=[row[0] for row in EXCLUSIONS])
def test_exclusions_are_set_whatever_the_outcome(line, excluded):
    found = verdict(f"10:00 {line}")
    assert found.excluded == excluded
    assert found.missed == (excluded is None and found.outcome != "answered")


def test_without_counting_menus_each_of_them_is_left_out():
    book = rulebook(policy="count_ivr_abandon = false")
    assert verdict("10:00 in c 50s | menu 0-50", book=book).excluded == "ivr_short"


def test_a_limit_of_zero_switches_short_abandons_off():
    assert verdict("10:00 in c 1s", book=rulebook(sales='short_abandon = "0s"')).excluded is None


def test_calls_of_ours_are_never_missed():
    assert not verdict("10:00 out c 30s").missed


# Waits and talks


def test_waits_run_to_the_answer():
    found = verdict("10:00 in c 60s | menu 0-10 | queue 10-25 | 101 15-60 +25")
    assert (found.client_wait, found.ring_wait, found.talk, found.answered_by) == (25, 15, 35, "anna")


def test_waits_of_an_unanswered_call_run_to_its_end():
    found = verdict("10:00 in c 60s | menu 0-10 | 101 15-60")
    assert (found.client_wait, found.ring_wait, found.talk) == (60, 45, 0)


def test_a_device_that_never_rang_starts_no_ringing():
    found = verdict("10:00 in c 30s | 101 0-1 unreachable | 102 10-30")
    assert found.ring_wait == 20
    assert [ring["seconds"] for ring in found.row()["rang"]] == [None, 20]


def test_seconds_are_floored_once():
    found = verdict("10:00 in c 20.9s | 101 0-10.9 +5 | 102 10.9-20.9 +10.9")
    assert found.talk == 15  # 15.9, not 5 + 10
    assert found.talk_by == (("anna", 5), ("boris", 10))


def test_talk_is_the_union_of_all_talks():
    assert verdict("10:00 in c 60s | 101 0-40 +10 | 102 20-60 +30").talk == 50


def test_ring_wait_of_our_call_is_how_long_the_clients_phone_rang():
    found = verdict("10:00 out c 60s | 101 0-60 +4 | client 5-60 +17")
    assert (found.ring_wait, found.client_wait, found.talk) == (12, None, 43)


def test_in_our_call_talk_counts_only_while_the_client_is_there():
    found = verdict("10:00 out c 60s talk 20")
    assert (found.talk, found.talk_by, found.answered_at) == (40, (("anna", 40),), at("10:00:20"))


def test_our_own_phone_does_not_ring_in_a_call_that_we_dialled():
    assert verdict("10:00 out c 60s talk 20").rings == ()
    assert [ring.member for ring in verdict("10:00 out c 9s | 101 0-9 +3 | client 3-9").rings] == ["anna"]


def test_the_target_of_an_attended_transfer_talks_from_the_transfer_on():
    found = verdict("10:00 in c 60s | 101 0-30 +5 | 102 10-60 +15 | attended 101>102 @30")
    assert found.talk_by == (("anna", 25), ("boris", 30))
    assert (found.first_human, found.last_human, found.longest_human) == ("anna", "boris", "boris")


def test_the_target_of_a_blind_transfer_talks_from_his_answer_on():
    found = verdict("10:00 in c 60s | 101 0-30 +5 | 102 30-60 +40 | blind 101>102 @30")
    assert found.talk_by == (("anna", 25), ("boris", 20))
    assert found.row()["transfers"] == [
        {"kind": "blind", "from": "anna", "to": "boris", "at": "2026-03-10T07:00:30Z", "answered": True}
    ]


def test_an_earlier_talk_with_the_same_colleague_stays_a_talk():
    found = verdict("10:00 in c 90s | 102 0-20 +5 | 101 20-60 +25 | 102 40-90 +45 | attended 101>102 @60")
    assert dict(found.talk_by) == {"boris": 15 + 30, "anna": 35}


def test_a_cancelled_ring_counts_as_no_answer():
    assert verdict("10:00 in c 30s | 101 0-30 cancelled").rings[0].result == "no_answer"


def test_the_first_long_enough_talk_is_the_answer():
    found = verdict("10:00 in c 60s | 101 0-5.5 +5 | 102 6-60 +10")
    assert (found.answered_by, found.client_wait) == ("boris", 10)


def test_a_talk_of_a_stranger_is_unverified_unless_one_of_us_talked_too():
    assert "unverified" in verdict("10:00 in c 40s | +79995550000 0-40 +10").flags
    assert verdict("10:00 in c 40s | +79995550000 0-40 +10").answered_by == "phone:+79995550000"
    assert "unverified" not in verdict("10:00 in c 60s | +79995550000 0-40 +10 | 101 40-60 +45").flags


def test_in_hours_is_told_by_the_start():
    assert verdict("12:59:50 in c 42s", "13:30").in_hours is True
    assert verdict("13:00:00 in c 42s", "13:30").in_hours is False
    assert verdict("10:00 in c 42s line 7000").in_hours is None  # the group `default` has no calendar


def test_a_first_time_caller_is_flagged():
    assert "first_time_caller" in verdict("10:00 in c 42s", first_time=True).flags
    assert "first_time_caller" not in verdict("10:00 out c 42s", first_time=True).flags


def test_a_line_belongs_to_its_group_in_whatever_form_it_is_written():
    assert verdict("10:00 in c 42s line 84950010200").line_group == "support"
    assert verdict("10:00 in c 42s line +74950010102").line_group == "sales"
    assert verdict("10:00 in c 42s line 70000000000").line_group == "default"


# When it is judged


def test_a_running_call_has_no_outcome():
    found = verdict("10:00 in c | 101 0-", "10:00:30")
    assert (found.outcome, found.missed, found.ended_at, found.client_wait, found.talk) == (
        None,
        False,
        None,
        None,
        None,
    )
    assert found.wake_at is None


def test_a_final_call_is_judged_at_its_end():
    assert verdict("10:00 in c 42s", "10:00:42").outcome == "abandoned_wait"
    assert verdict("10:00 in c 42s", "10:00:41").outcome is None


def test_another_call_settles_first():
    before, after = (verdict("10:00 in c 42s unfinished", now) for now in ("10:01:01", "10:01:02"))
    assert (before.outcome, before.wake_at) == (None, at("10:01:02"))
    assert (after.outcome, after.wake_at) == ("abandoned_wait", None)


def test_a_call_whose_source_tells_no_hang_up_ends_with_its_last_leg():
    found = verdict("10:00 in c unfinished | 101 0-20 | 102 20-42", "10:02")
    assert (found.outcome, found.client_wait, found.ended_at) == ("no_answer", 42, at("10:00:42"))


def test_a_call_without_legs_and_end_lasts():
    assert verdict("10:00 in c bare", "18:00").outcome is None


def test_an_answered_call_that_lasts_shows_who_answered():
    found = verdict("10:00 in c | 101 0- +8 | 102 0-8 elsewhere", "10:00:30")
    assert (found.outcome, found.answered_by, found.client_wait, found.ended_at) == (None, "anna", 8, None)


def test_a_gap_leaves_the_outcome_open():
    found = verdict("10:00 in c partial | 101 0-", "10:14")
    assert (found.outcome, found.missed, found.needs_repair) == (None, False, False)
    assert found.wake_at == at("10:15")
    assert verdict("10:00 in c partial | 101 0-", "10:15").needs_repair


def test_a_gap_after_somebody_had_talked_is_an_answer_when_patience_ends():
    assert verdict("10:00 in c partial | 101 0- +8", "10:15:07").outcome is None
    found = verdict("10:00 in c partial | 101 0- +8", "10:15:08")
    assert (found.outcome, found.answered_by, found.needs_repair) == ("answered", "anna", False)


def test_after_a_restart_of_the_exchange_a_partial_call_is_judged_as_it_stood():
    assert verdict("10:00 in c 30s by system partial").outcome == "no_answer"


# Lost in transfer


LOST = [
    ("twenty seconds of ringing after a transfer", "| 101 0-30 +5 | 102 30-50 | blind 101>102 @30", True),
    ("nineteen seconds", "| 101 0-30 +5 | 102 30-49 | blind 101>102 @30", False),
    ("a queue", "| 101 0-30 +5 | queue 30-60", True),
    ("a hold without return, though the talk goes on", "| 101 0-60 +5 | hold 35-60", True),
    ("a hold with return", "| 101 0-60 +5 | hold 10-40", False),
    ("a menu is no waiting", "| 101 0-30 +5 | menu 30-60", False),
    ("a colleague took over", "| 101 0-30 +5 | 102 30-61 +60 | blind 101>102 @30", False),
    ("never answered", "| queue 0-60 | 101 0-60", False),
]


@pytest.mark.parametrize(("legs", "lost"), [row[1:] for row in LOST], ids=[row[0] for row in LOST])
def test_an_answered_client_who_waits_again_and_leaves_is_lost(legs, lost):
    length = max(float(part) for part in legs.replace("-", " ").split() if part.isdigit() and int(part) < 100)
    found = verdict(f"10:00 in c {length}s {legs}")
    assert ("lost_in_transfer" in found.flags) is lost
    assert (found.lost_at is not None) is lost


def test_only_the_clients_own_hang_up_is_a_loss():
    assert "lost_in_transfer" not in verdict("10:00 in c 60s by system | 101 0-30 +5 | queue 30-60").flags


# Cutting


@pytest.mark.parametrize("line", [row[1] for row in OUTCOMES])
def test_the_verdict_at_a_moment_is_that_of_the_call_as_it_was_known(line):
    (fact,) = timeline(f"10:00 {line}").calls
    for step in range(0, 70, 7):
        now = at("10:00") + timedelta(seconds=step)
        known = cut(fact.record, now)
        assert known is not None
        before, after = judge(fact, BOOK, now), judge(type(fact)(fact.ref, known), BOOK, now)
        assert before.row() == after.row()


def test_nothing_changes_between_wakes():
    """Time alone changes a verdict only where it said it would."""
    for _, line, _ in OUTCOMES:
        (fact,) = timeline(f"10:00 {line} ").calls
        known = judge(fact, BOOK, at("10:00"))
        for step in range(1, 100):
            now = at("10:00") + timedelta(seconds=step)
            fresh = judge(fact, BOOK, now)
            if known.wake_at is None or now < known.wake_at:
                assert fresh.row() == known.row(), (line, step)
            known = fresh
