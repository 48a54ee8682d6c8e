"""How long does a client wait for a reply? Each line of the definition with numbers worked out by hand (metrics.md 4, 7)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.core.derive import derive
from hub.core.rules import RULES
from hub.core.timeline import ContactView
from hub.core.waited import view
from tests.core.timelines import CLIENT, at, from_records, rulebook

BOOK = rulebook()
US = {"direction": "out", "author": "member", "member": "ext:101"}
BOT = {"direction": "out", "author": "bot"}


def said(number: str, time: str, **more: Any) -> dict[str, Any]:
    """A message of the client at `10:00` of the day, or of `2026-03-11 10:00`; `more` makes it another."""
    plain = {"channel": "telegram", "direction": "in", "author": "client", "client": CLIENT, "line": "@shop_bot"}
    return {"record": "message", "id": number, "at": at(time).isoformat(), **plain, **more}


def marked(kind: str, time: str, on: str, by: str = "anna", **more: Any) -> dict[str, Any]:
    row = {"record": "mark", "id": f"{kind}{time}", "at": at(time).isoformat(), "by": by, "kind": kind, "on": on}
    return row | more


def talked(time: str, seconds: int, direction: str = "outbound") -> dict[str, Any]:
    """A talk that begins at `time`."""
    start, end = at(time), at(time) + timedelta(seconds=seconds)
    leg = {"started_at": start.isoformat(), "answered_at": start.isoformat(), "ended_at": end.isoformat()}
    legs = [leg | {"kind": "member", "to": "ext:102", "result": "answered"}]
    if direction == "outbound":
        legs.append(leg | {"kind": "client", "to": CLIENT, "result": "answered"})
    whole = {"id": f"t{time}", "direction": direction, "client": CLIENT, "line": "74950010100", "final": True}
    ends = {"started_at": start.isoformat(), "ended_at": end.isoformat(), "hangup_by": "member", "legs": legs}
    return {"record": "call"} | whole | ends


def waits(*records: dict[str, Any], now: str = "18:00", book: Any = BOOK) -> list[dict[str, Any]]:
    line = from_records(list(records), ContactView(1, "Client", (CLIENT,)))
    cases = derive(line, book, RULES, at(now)).cases
    return [view(case.row()) for case in cases if case.kind == "awaiting_reply"]


def only(*records: dict[str, Any], now: str = "18:00", book: Any = BOOK) -> dict[str, Any]:
    found = waits(*records, now=now, book=book)
    assert len(found) == 1, found
    return found[0]


def test_the_first_unanswered_message_is_the_start():
    found = only(said("a", "10:07"), said("b", "10:20"), said("c", "10:31:05", **US))
    assert (found["kind"], found["state"], found["stopped_by"], found["replied_by"]) == (
        *("first", "answered", "message", "anna"),
    )
    assert (found["wall"], found["working"]) == (1445, 1445)
    assert (found["breached"], found["late_by"]) == (True, 545)  # due 10:22, 9 min 5 s late


@pytest.mark.parametrize("content", ["note", "reaction", "receipt", "edit", "form"])
def test_what_says_nothing_neither_starts_nor_ends(content):
    assert waits(said("a", "10:00", content=content)) == []
    assert only(said("a", "10:00"), said("b", "10:05", **US, content=content))["state"] == "open"


@pytest.mark.parametrize(
    "other", [{"author": "campaign"}, {"author": "system"}, {"author": "member", "automatic": True}]
)
def test_no_machine_answers(other):
    found = only(said("a", "10:00"), said("b", "10:01", **({"direction": "out"} | other)), now="10:40")
    assert (found["state"], found["wall"], found["late_by"]) == ("open", 2400, 1500)


def test_a_bot_that_was_enough_cancels_after_its_last_word():
    found = only(said("a", "10:00"), said("b", "10:00:04", **BOT), said("c", "10:03", **BOT))
    assert (found["state"], found["cancelled_because"]) == ("cancelled", "bot_resolved")
    assert (found["ended_at"], found["wall"]) == ("2026-03-10T07:33:00Z", 1980)


def test_a_client_who_writes_on_after_the_bot_keeps_his_start():
    found = only(said("a", "10:00"), said("b", "10:01", **BOT), said("c", "10:11"), said("d", "10:41", **US))
    assert (found["wall"], found["handoff_at"]) == (2460, "2026-03-10T07:11:00Z")
    assert found["bot_adjusted"] == {"wall": 1800, "working": 1800}


def test_a_hand_off_keeps_the_wait_whatever_the_bot_says_later():
    hand = said("h", "10:02", direction="out", author="bot", content="handoff")
    found = only(said("a", "10:00"), said("b", "10:01", **BOT), hand, said("c", "10:05", **BOT), now="12:30")
    assert (found["state"], found["wall"], found["bot_adjusted"]["wall"]) == ("open", 9000, 8880)


def test_a_human_who_simply_answers_after_a_bot_adjusts_nothing():
    found = only(said("a", "10:00"), said("b", "10:01", **BOT), said("c", "10:20", **US))
    assert (found["handoff_at"], found["bot_adjusted"], found["wall"]) == (None, None, 1200)


def test_a_reply_that_failed_is_no_reply():
    found = only(said("a", "10:00"), said("b", "10:10", **US, delivery="failed"), said("c", "11:00", **US))
    assert found["wall"] == 3600


def test_a_soft_bounce_voids_a_reply_after_a_day():
    bounce = said("x", "10:12", author="system", delivery="bounced_soft", concerns="b")
    records = (said("a", "10:00"), said("b", "10:10", **US), bounce)
    assert only(*records, now="2026-03-11 10:11")["state"] == "answered"
    late = only(*records, now="2026-03-11 10:12")
    assert (late["state"], late["wall"]) == ("open", 87_120)  # a day and twelve minutes


def test_what_the_client_took_back_was_never_said():
    gone = {"deleted_at": at("10:06").isoformat(), "deleted_by": "client"}
    found = only(said("a", "10:00", **gone), said("b", "10:04"), said("c", "10:30", **US))
    assert (found["started_at"], found["wall"]) == ("2026-03-10T07:04:00Z", 1560)
    empty, after = waits(said("a", "10:00", **gone), said("b", "10:20"), said("c", "10:30", **US))
    assert (empty["cancelled_because"], empty["wall"]) == ("client_deleted", 360)
    assert (after["kind"], after["wall"]) == ("first", 600)


def test_taking_back_after_the_answer_changes_nothing():
    gone = {"deleted_at": at("10:20").isoformat(), "deleted_by": "client"}
    assert only(said("a", "10:00", **gone), said("b", "10:10", **US))["wall"] == 600


def test_a_talk_of_ten_seconds_answers_and_a_shorter_one_does_not():
    assert only(said("a", "10:00"), talked("10:10", 9), now="10:30")["state"] == "open"
    found = only(said("a", "10:00"), talked("10:10", 10), now="10:30")
    assert (found["stopped_by"], found["replied_by"], found["wall"]) == ("call", "boris", 600)
    short = only(said("a", "10:00"), talked("10:10", 9, "inbound"), now="10:30")
    assert short["state"] == "open"


def test_a_talk_that_runs_answers_at_once():
    assert only(said("a", "10:05"), talked("10:00", 600))["wall"] == 0


def test_talks_do_not_answer_where_the_policy_says_so():
    book = rulebook(policy="cross_channel_stop = false")
    assert only(said("a", "10:00"), talked("10:10", 60), book=book)["state"] == "open"


def test_no_reply_needed_cancels_and_can_be_taken_back():
    mark = marked("no_reply_needed", "10:15", "src/message/a", reason="thanks")
    found = only(said("a", "10:00"), mark)
    assert (found["state"], found["cancelled_because"], found["wall"]) == ("cancelled", "no_reply_needed", 900)
    assert only(said("a", "10:00"), mark, marked("reopened", "10:20", "src/message/a"))["state"] == "open"


@pytest.mark.parametrize("on", ["src/message/a", CLIENT, "awaiting_reply:src/message/a"])
def test_closing_leaves_the_wait_open(on):
    assert only(said("a", "10:00"), marked("closed", "10:15", on, reason="duplicate"))["state"] == "open"


def test_after_fourteen_days_nobody_answers_any_more():
    found = only(said("a", "10:00"), said("b", "2026-03-24 10:00:01", **US), now="2026-03-30 12:00")
    assert (found["state"], found["ended_at"]) == ("unanswered", "2026-03-24T07:00:00Z")
    assert only(said("a", "10:00"), said("b", "2026-03-24 10:00", **US), now="2026-03-30 12:00")["state"] == "answered"


def test_engagements_decide_what_a_wait_is():
    kinds = [
        found["kind"]
        for found in waits(
            *(said("a", "10:00"), said("b", "10:05", **US)),
            *(said("c", "11:00"), said("d", "11:05", **US)),
            *(said("e", "2026-03-11 11:04:59"), said("f", "2026-03-11 12:00", **US)),
            *(said("g", "2026-03-12 12:00"), said("h", "2026-03-12 12:01", **US)),
            *(said("i", "2026-03-16 09:00", **US), said("j", "2026-03-16 09:30"), said("k", "2026-03-16 09:40", **US)),
            *(said("l", "2026-03-16 10:00"), said("m", "2026-03-16 10:01", **US)),
            now="2026-03-20 12:00",
        )
    ]
    assert kinds == ["first", "next", "next", "first", "reply_to_outreach", "next"]


def test_only_first_responses_have_a_target_unless_one_is_set():
    records = (said("a", "10:00"), said("b", "10:05", **US), said("c", "11:00"), said("d", "11:20", **US))
    assert [found["due_at"] is None for found in waits(*records)] == [False, True]
    book = rulebook(policy='next_response_target = "10m"')
    assert [found["late_by"] for found in waits(*records, book=book)] == [None, 600]


def test_a_wait_is_of_one_channel_and_one_group():
    records = (said("a", "10:00"), said("b", "10:01", channel="whatsapp"), said("c", "10:02", line="74950010200"))
    found = waits(*records, said("d", "10:10", **US))
    assert [item["state"] for item in found] == ["answered", "open", "open"]


def test_a_thread_of_mail_is_one_wait_for_all_mailboxes():
    mail = {"channel": "email", "line": "sales@example.ru", "thread": "t"}
    copy = mail | {"line": "other@example.ru"}
    other = mail | {"thread": "u"}
    found = waits(
        said("a", "10:00", **mail),
        said("b", "10:00", **copy),
        said("c", "10:30", **other),
        said("d", "11:00", **(US | copy)),
    )
    assert [(item["thread"], item["state"]) for item in found] == [("t", "answered"), ("u", "open")]


def test_turns_follow_cards_deals_and_who_took_it():
    card = {"record": "card", "id": "k", "handles": [CLIENT], "owner": "user:101"}
    dated = card | {"changed_at": at("10:10").isoformat()}
    found = only(
        said("a", "10:00"), dated, marked("taken", "10:25", "src/message/a", by="boris"), said("b", "12:00", **US)
    )
    assert (found["routing"], found["owner"]) == (600, "boris")
    assert found["own"] == [{"member": "anna", "seconds": 900}, {"member": "boris", "seconds": 5700}]
    assert found["replied_by"] == "anna"


def test_whoever_is_written_to_in_his_own_account_owns_the_wait():
    found = only(said("a", "10:00", line="user:src/101"), now="10:05")
    assert (found["owner"], found["own"]) == ("anna", [{"member": "anna", "seconds": 300}])


def test_off_hours_needs_both_ends_outside():
    out = only(said("a", "13:10"), said("b", "13:50", **US))
    assert (out["working"], out["off_hours"]) == (0, True)
    half = only(said("a", "13:10"), said("b", "14:00:30", **US))
    assert (half["working"], half["off_hours"]) == (30, False)


@st.composite
def chats(draw: Any) -> list[dict[str, Any]]:
    """A chat of some days, with owners and decisions."""
    now = at("2026-03-10 08:00")
    rows: list[dict[str, Any]] = []
    for number in range(draw(st.integers(1, 14))):
        now += timedelta(milliseconds=draw(st.integers(1, 40_000_000)))
        time = f"{now + timedelta(hours=3):%Y-%m-%d %H:%M:%S.%f}"[:-3]
        what = draw(st.sampled_from(["in", "in", "in", "us", "us", "bot", "failed", "taken", "owner", "handoff"]))
        if what == "taken":
            rows.append(marked("taken", time, CLIENT, by=draw(st.sampled_from(["anna", "boris"]))))
        elif what == "owner":
            who = draw(st.sampled_from(["user:101", "user:102"]))
            row = {"record": "card", "id": f"k{number}", "handles": [CLIENT], "owner": who}
            rows.append(row | {"changed_at": now.isoformat()})
        else:
            more = {
                "us": US,
                "bot": BOT,
                "failed": US | {"delivery": "failed"},
                "handoff": BOT | {"content": "handoff"},
            }
            rows.append(said(f"m{number}", time, **more.get(what, {})))
    return rows


@given(chats())
@settings(max_examples=80)
def test_turns_add_up_to_the_working_time_of_the_team(rows):
    for found in waits(*rows, now="2026-04-20 12:00"):
        assert sum(item["seconds"] for item in found["own"]) + found["routing"] == found["working"]


@given(chats(), st.randoms())
@settings(max_examples=40)
def test_neither_order_nor_repetition_of_messages_matters(rows, shuffler):
    told = waits(*rows, now="2026-04-20 12:00")
    shuffler.shuffle(rows)
    assert waits(*rows, now="2026-04-20 12:00") == told


@given(chats())
@settings(max_examples=60)
def test_a_missing_reply_never_shortens_the_waiting(rows):
    """Silence of a source: without our replies the clients together have not waited less."""
    silent = [row for row in rows if row["record"] != "message" or row["author"] == "client"]
    whole, less = (sum(found["wall"] for found in waits(*part, now="2026-03-20 12:00")) for part in (rows, silent))
    assert less >= whole
