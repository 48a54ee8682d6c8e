"""An object is judged by the rules in force at its start (design 7, metrics 11.2)."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from hub.core.derive import derive
from hub.core.policy import Rulebook
from hub.core.rules import RULES
from tests.core.timelines import at, rulebook, timeline

MIDDAY = at("12:00")


def changed_at_midday(sales: str) -> Rulebook:
    """The rules of the examples, with another line group from 12:00 on."""
    before, after = rulebook(), rulebook(sales=sales)
    first = before.versions[0]
    return replace(before, versions=(first, replace(after.versions[0], version=2, active_from=MIDDAY)))


def case_of(text: str, book: Rulebook):
    (found,) = derive(timeline(text), book, RULES, at("18:00")).cases
    return found


def test_a_later_change_of_the_target_leaves_earlier_cases_alone():
    book = changed_at_midday('callback_target = "5m"')
    before, after = case_of("11:59 in m1 42s", book), case_of("12:00 in m1 42s", book)
    assert (before.due_at, before.rules_version) == (at("12:14:42"), 1)
    assert (after.due_at, after.rules_version) == (at("12:05:42"), 2)


def test_a_call_is_judged_by_the_limits_at_its_start():
    book = changed_at_midday('short_abandon = "60s"')
    (early, late) = derive(timeline("11:59:50 in a 42s\n12:00 in b 42s"), book, RULES, at("18:00")).verdicts
    assert (early.excluded, late.excluded) == (None, "short_abandon")
    assert (early.rules_version, late.rules_version) == (1, 2)


def test_what_joins_a_case_does_not_change_its_rules():
    book = changed_at_midday('callback_target = "5m"')
    found = case_of("11:50 in m1 42s\n12:01 in m2 42s", book)
    assert (found.client_attempts, found.due_at) == (2, at("12:05:42"))  # 11:50:42 and a quarter of an hour


def test_the_first_version_reaches_back_for_ever():
    book = rulebook()
    later = replace(book, versions=(replace(book.versions[0], active_from=MIDDAY + timedelta(days=900)),))
    assert case_of("10:00 in m1 42s", later).due_at == at("10:15:42")
