"""Is a vendor's account asked evenly, whoever asks, and left alone after it found that too much?"""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pytest

from hub.store import budgets
from hub.store.budgets import Full, Pace, Slot, micros
from hub.store.database import Database

NOW = datetime(2026, 3, 10, 7, tzinfo=UTC)
AT = micros(NOW)
STEP = 146_571
NARROW = Pace("amo:vostok:hub", STEP)
WIDE = Pace("amo:vostok", 20_520)


def reserve(store: Database, *paces: Pace, at: int = AT, ahead: int = 10_000_000) -> Slot | Full:
    with store.begin() as connection:
        return budgets.reserve(connection, paces, at, at + ahead)


def slots(store: Database, count: int, *paces: Pace) -> list[int]:
    found = [reserve(store, *paces) for _ in range(count)]
    assert all(isinstance(slot, Slot) for slot in found)
    return [slot.at - AT for slot in found]


def strike(store: Database, slot: Slot | Full, *, at: datetime = NOW, seconds: float | None = None) -> datetime | None:
    assert isinstance(slot, Slot)
    with store.begin() as connection:
        return budgets.strike(connection, slot, at, seconds, 0.0)


def test_slots_follow_each_other_by_a_step_from_now_on(store: Database) -> None:
    assert slots(store, 3, NARROW) == [0, STEP, 2 * STEP]
    later = reserve(store, NARROW, at=AT + 60_000_000)
    assert isinstance(later, Slot)
    assert later.at == AT + 60_000_000


def test_a_burst_may_come_at_once_and_then_waits_for_its_turn(store: Database) -> None:
    assert slots(store, 5, Pace("b24", 500_000, burst=3)) == [0, 0, 0, 500_000, 1_000_000]


def test_the_narrowest_of_several_limits_decides_and_all_are_moved(store: Database) -> None:
    assert slots(store, 3, WIDE, NARROW) == [0, STEP, 2 * STEP]
    assert slots(store, 1, WIDE) == [2 * STEP + WIDE.step]


def test_a_slot_that_another_limit_puts_off_is_put_off_in_all(store: Database) -> None:
    slots(store, 20, WIDE)
    both = reserve(store, NARROW, WIDE)
    assert isinstance(both, Slot)
    assert both.at == AT + 20 * WIDE.step
    assert slots(store, 1, NARROW) == [20 * WIDE.step + STEP]


def test_what_is_too_far_ahead_is_refused_and_takes_nothing(store: Database) -> None:
    slots(store, 2, NARROW, WIDE)
    refused = reserve(store, NARROW, WIDE, ahead=STEP)
    assert refused == Full(AT + 2 * STEP, rests=False)
    assert slots(store, 1, NARROW, WIDE) == [2 * STEP]


def test_a_slot_that_was_missed_is_free_again_unless_somebody_came_after(store: Database) -> None:
    for nobody_came in (True, False):
        slot = reserve(store, NARROW, at=AT + 60_000_000)
        if not nobody_came:
            reserve(store, NARROW, at=AT + 60_000_000)
        with store.begin() as connection:
            budgets.give_back(connection, slot)
        after = reserve(store, NARROW, at=AT + 60_000_000)
        assert isinstance(after, Slot)
        assert after.at - AT - 60_000_000 == (0 if nobody_came else 3 * STEP)


def test_two_who_ask_at_once_never_get_the_same_slot(store: Database) -> None:
    found: list[int] = []

    def ask() -> None:
        found.extend(slots(store, 10, NARROW, WIDE))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == [number * STEP for number in range(40)]


def test_after_a_refusal_the_whole_account_rests_longer_each_time(store: Database) -> None:
    rests, at = [], NOW
    for _ in range(4):
        until = strike(store, reserve(store, NARROW, WIDE, at=micros(at)), at=at)
        assert until is not None
        rests.append((until - at).total_seconds())
        at = until + timedelta(seconds=1)
    assert rests == [1, 2, 4, 8]


def test_nobody_gets_a_slot_within_a_rest(store: Database) -> None:
    strike(store, reserve(store, NARROW, WIDE), seconds=30)
    assert reserve(store, Pace("amo:vostok:other", 1_000), WIDE) == Full(AT + 30_000_000, rests=True)
    after = reserve(store, NARROW, WIDE, at=AT + 31_000_000)
    assert isinstance(after, Slot)


def test_requests_that_were_on_their_way_when_the_rest_began_make_it_no_longer(store: Database) -> None:
    flying = [reserve(store, NARROW) for _ in range(3)]
    assert strike(store, flying[0]) == NOW + timedelta(seconds=1)
    assert strike(store, flying[1]) is None
    assert strike(store, flying[2], seconds=60) == NOW + timedelta(seconds=60)


def test_each_refusal_makes_the_pace_slower_until_it_is_long_ago(store: Database) -> None:
    strike(store, reserve(store, NARROW))
    at = AT + 2_000_000
    first, second = reserve(store, NARROW, at=at), reserve(store, NARROW, at=at)
    assert isinstance(first, Slot)
    assert isinstance(second, Slot)
    assert second.at - first.at == STEP + STEP // 10
    with store.begin() as connection:
        budgets.calm_down(connection, NOW + timedelta(hours=2))
    at += 3_600_000_000
    first, second = reserve(store, NARROW, at=at), reserve(store, NARROW, at=at)
    assert isinstance(first, Slot)
    assert isinstance(second, Slot)
    assert second.at - first.at == STEP


@pytest.mark.parametrize("rests", [True, False])
def test_a_clock_that_was_set_back_does_not_silence_an_account(store: Database, rests: bool) -> None:
    slot = reserve(store, NARROW, at=AT + 3_600_000_000)
    if rests:
        strike(store, slot, at=NOW, seconds=7_200)
    with store.begin() as connection:
        budgets.calm_down(connection, NOW)
    found = reserve(store, NARROW)
    assert isinstance(found, Full) == rests


def test_one_sees_whether_any_account_of_a_connection_rests(store: Database) -> None:
    until = strike(store, reserve(store, NARROW, WIDE), seconds=30)
    with store.begin() as connection:
        assert budgets.resting(connection, [WIDE.account, "another"], NOW) == until
        assert budgets.resting(connection, [WIDE.account], NOW + timedelta(seconds=31)) is None
        assert budgets.resting(connection, [], NOW) is None
