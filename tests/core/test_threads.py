"""Which mails belong together, whichever came first, and who waits for an answer to them? (metrics.md 5)"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.core import threads
from hub.core.attempts import bad_addresses
from hub.core.derive import derive
from hub.core.rules import RULES
from hub.core.timeline import ContactView, Timeline
from hub.core.waited import view
from tests.core.timelines import at, from_records, rulebook

ANNA = "email:anna@customer.test"
BOOK = rulebook()


def mail(number: str, time: str, *answers: str, **more: Any) -> dict[str, Any]:
    """A mail of Anna that answers others; `ours=True` makes it one of ours."""
    ours = more.pop("ours", False)
    row = {
        "record": "message",
        "id": number,
        "message_id": f"{number}@x.test",
        "at": at(time).isoformat(),
        "channel": "email",
        "client": ANNA,
        "line": "sales@example.ru",
        "references": [f"{one}@x.test" for one in answers],
        "subject": f"Счёт номер {number}",
    }
    whose = (
        {"direction": "out", "author": "member", "member": "ext:101"}
        if ours
        else {"direction": "in", "author": "client"}
    )
    return row | whose | more


def timeline(*rows: dict[str, Any]) -> Timeline:
    """The timeline of mails from the mailbox `src`, or from the `connection` that a row names."""
    anna = ContactView(1, "Anna", (ANNA,))
    plain = [{key: value for key, value in row.items() if key != "connection"} for row in rows]
    first = from_records([row for row, whole in zip(plain, rows, strict=True) if "connection" not in whole], anna)
    other = from_records([row for row, whole in zip(plain, rows, strict=True) if "connection" in whole], anna)
    second = [replace(fact, ref=fact.ref.replace("src/", "second/", 1)) for fact in other.messages]
    return replace(
        first, messages=tuple(sorted((*first.messages, *second), key=lambda fact: (fact.record.at, fact.ref)))
    )


def together(*rows: dict[str, Any]) -> set[frozenset[str]]:
    """The ids of mails, by thread."""
    found: dict[str | None, set[str]] = {}
    for fact in threads.read(timeline(*rows)).messages:
        found.setdefault(fact.record.thread, set()).add(fact.record.id)
    return {frozenset(ids) for ids in found.values()}


def waits(*rows: dict[str, Any], now: str = "18:00") -> list[dict[str, Any]]:
    cases = derive(timeline(*rows), BOOK, RULES, at(now)).cases
    return [view(case.row()) for case in cases if case.kind == "awaiting_reply"]


def sets(*groups: str) -> set[frozenset[str]]:
    return {frozenset(group.split()) for group in groups}


def test_what_names_the_same_mail_is_one_thread():
    assert together(mail("a", "10:00"), mail("b", "10:05", "a"), mail("c", "10:09", "b"), mail("d", "10:10")) == sets(
        "a b c", "d"
    )


def test_a_mail_that_nobody_has_seen_joins_those_who_name_it():
    assert together(mail("b", "10:05", "ghost"), mail("c", "10:09", "ghost")) == sets("b c")


def test_a_late_mail_joins_what_seemed_two_threads():
    apart = [mail("a", "10:00"), mail("c", "10:09", "b")]
    assert together(*apart) == sets("a", "c")
    assert together(*apart, mail("b", "10:05", "a")) == sets("a b c")


def test_mails_that_answer_each_other_are_one_thread():
    assert together(mail("a", "10:00", "b"), mail("b", "10:05", "a")) == sets("a b")


def test_a_subject_joins_what_names_nothing():
    rows = [mail("a", "10:00", subject="Счёт на кассу"), mail("b", "10:05", subject="RE: Fwd: [#A1] счет  на кассу")]
    assert together(*rows) == sets("a b")


@pytest.mark.parametrize(
    "second",
    [
        {"subject": "Re: Счёт на другую кассу"},
        {"subject": "Re: Счёт на кассу", "client": "email:boss@customer.test"},
        {"subject": "Re: Счёт на кассу", "at": at("2026-04-20 10:00").isoformat()},
    ],
    ids=["another subject", "another client", "after 30 days"],
)
def test_what_is_alike_by_half_stays_apart(second):
    assert together(mail("a", "10:00", subject="Счёт на кассу"), mail("b", "10:05", **second)) == sets("a", "b")


@pytest.mark.parametrize("subject", ["", "Re: вопрос", "Заявка с сайта", "(без темы)", "Счёт", "Test"])
def test_subjects_that_everybody_writes_join_nothing(subject):
    more = {"subject": subject} if subject else {"subject": None}
    assert together(mail("a", "10:00", **more), mail("b", "10:05", **more)) == sets("a", "b")


def test_an_id_that_many_subjects_share_is_none():
    rows = [mail(str(number), f"10:{number:02}", "shared", subject=f"Заказ номер {number}") for number in range(10, 17)]
    assert len(together(*rows)) == 7
    assert len(together(*rows[:5])) == 1


def test_threads_that_a_source_names_itself_stay_as_named():
    plain = {"message_id": None, "references": [], "subject": None}
    rows = [
        mail("a", "10:00", thread="t", **plain),
        mail("b", "10:01", thread="t", **plain),
        mail("t", "10:02", thread="u", **plain),
    ]
    assert together(*rows) == sets("a b", "t")


IDS = "abcdefgh"


ANSWERS = st.lists(st.sets(st.sampled_from(IDS), max_size=2), min_size=8, max_size=8)
SUBJECTS = st.lists(st.sampled_from(["Счёт на кассу", "Акт сверки", "Re: Акт сверки", None]), min_size=8, max_size=8)


def written(answers: list[set[str]], subjects: list[str | None]) -> list[dict[str, Any]]:
    return [
        mail(number, f"10:{position:02}", *sorted(named - {number}), subject=subject, ours=position % 3 == 2)
        for position, (number, named, subject) in enumerate(zip(IDS, answers, subjects, strict=True))
    ]


@settings(max_examples=100, deadline=None)
@given(ANSWERS, SUBJECTS, st.randoms(use_true_random=False))
def test_threads_are_the_same_for_every_order_of_arrival(answers, subjects, chance):
    rows = written(answers, subjects)
    assert together(*chance.sample(rows, len(rows))) == together(*rows)


@settings(max_examples=50, deadline=None)
@given(ANSWERS, st.randoms(use_true_random=False))
def test_what_ids_joined_once_stays_joined(answers, chance):
    rows = chance.sample(written(answers, [None] * 8), 8)
    whole = together(*rows)
    for count in range(1, 8):
        assert all(any(group <= thread for thread in whole) for group in together(*rows[:count]))


# Two mailboxes


def test_a_mail_in_two_mailboxes_is_one_and_one_answer_ends_it():
    both = [
        mail("a", "10:00"),
        mail("a", "10:00:02", connection="second"),
        mail("b", "10:20", "a", ours=True, connection="second"),
    ]
    (found,) = waits(*both)
    assert (found["state"], found["wall"], found["thread"]) == ("answered", 1200, "a@x.test")
    only = [mail("a", "10:00"), mail("a", "10:00", connection="second")]
    (waiting,) = waits(*only, now="10:30")
    assert (waiting["state"], waiting["breached"]) == ("open", True)


def test_a_decision_on_either_copy_counts():
    mark = {
        "record": "mark",
        "id": "m",
        "at": at("10:10").isoformat(),
        "by": "anna",
        "kind": "no_reply_needed",
        "on": "second/message/a",
    }
    (found,) = waits(mail("a", "10:00"), mail("a", "10:00", connection="second"), mark)
    assert found["cancelled_because"] == "no_reply_needed"


def test_a_mailbox_that_sees_no_answers_measures_nobody():
    assert waits(mail("a", "10:00", coverage="inbound_only")) == []
    both = [mail("a", "10:00", coverage="inbound_only"), mail("a", "10:00", connection="second")]
    assert len(waits(*both)) == 1


# Machines and bounces


def test_who_answers_at_once_without_a_word_is_suspected_until_a_person_says_otherwise():
    rows = [mail("a", "10:00"), mail("b", "10:05", "a", ours=True), mail("c", "10:06:29", "b", bare=True)]
    assert [found["state"] for found in waits(*rows)] == ["answered"]
    suspect = threads.read(timeline(*rows)).messages[-1].record
    assert (suspect.automatic, suspect.automatic_because) == ("suspected", "at once and without a word")
    mark = {
        "record": "mark",
        "id": "m",
        "at": at("10:10").isoformat(),
        "by": "anna",
        "kind": "reopened",
        "on": "src/message/c",
    }
    assert [found["state"] for found in waits(*rows, mark)] == ["answered", "open"]
    listed = [derive(timeline(*some), BOOK, RULES, at("18:00")).suspected for some in (rows, [*rows, mark])]
    assert [[fact.record.id for fact in found] for found in listed] == [["c"], []]


@pytest.mark.parametrize(
    "answer",
    [
        mail("c", "10:06:30", "b", bare=True),
        mail("c", "10:05:10", "b"),
        mail("c", "10:05:10", "elsewhere", bare=True),
    ],
    ids=["later", "with words", "in another thread"],
)
def test_a_quick_client_is_no_machine(answer):
    assert len(waits(mail("a", "10:00"), mail("b", "10:05", "a", ours=True), answer)) == 2


BOUNCE = {"author": "system", "direction": "in", "member": None, "automatic": True}


def test_a_bounce_concerns_the_mail_in_whichever_mailbox_it_lies():
    rows = [mail("a", "10:00"), mail("b", "10:05", "a", ours=True)]
    bounce = mail("x", "10:06", "b", **BOUNCE, delivery="failed", concerns="b", connection="second")
    assert [found["state"] for found in waits(*rows, bounce)] == ["open"]


def test_a_bounce_that_names_no_mail_means_the_last_to_that_address():
    rows = [
        mail("a", "10:00"),
        mail("b", "10:05", "a", ours=True),
        mail("x", "10:06", **BOUNCE, delivery="bounced_hard"),
    ]
    assert [found["state"] for found in waits(*rows)] == ["open"]
    late = mail("x", "2026-03-17 10:06", **BOUNCE, delivery="bounced_hard")
    assert [found["state"] for found in waits(*rows[:2], late, now="2026-03-18 10:00")] == ["answered"]


def test_a_delay_that_ended_well_undoes_nothing():
    rows = [
        mail("a", "10:00"),
        mail("b", "10:05", "a", ours=True),
        mail("x", "10:06", "b", **BOUNCE, delivery="bounced_soft", concerns="b"),
    ]
    assert [found["state"] for found in waits(*rows, now="2026-03-11 10:05")] == ["answered"]
    assert [found["state"] for found in waits(*rows, now="2026-03-11 10:07")] == ["open"]
    arrived = mail("y", "2026-03-11 09:00", "b", **BOUNCE, delivery="delivered", concerns="b", content="receipt")
    assert [found["state"] for found in waits(*rows, arrived, now="2026-03-11 10:07")] == ["answered"]


def test_an_address_is_bad_until_something_comes_from_it():
    bounced = [mail("b", "10:05", ours=True), mail("x", "10:06", "b", **BOUNCE, delivery="bounced_hard", concerns="b")]
    assert list(bad_addresses(timeline(*bounced))) == [ANNA]
    assert bad_addresses(timeline(*bounced, mail("c", "11:00"))) == {}
    failed = [bounced[0], bounced[1] | {"delivery": "failed"}]
    assert bad_addresses(timeline(*failed)) == {}
