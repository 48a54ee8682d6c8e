"""Does a request leave in its slot, live work before history, and never too many within a vendor's second?"""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from hub import clock
from hub.engine.budget import Budget, Budgets, Window
from hub.errors import Throttled
from hub.sdk import Limit
from hub.store.database import Database
from tests.engine.conftest import Clock

ACCOUNT = "vendor:hub"


@pytest.fixture
def store(migrated_file: Path, tmp_path: Path) -> Iterator[Database]:
    shutil.copy(migrated_file, tmp_path / "hub.db")
    database = Database(f"sqlite:///{tmp_path / 'hub.db'}")
    yield database
    database.close()


@pytest.fixture
def budgets(store: Database) -> Budgets:
    return Budgets(store, clock.now)


def lane(budgets: Budgets, rate: float, *, backfill: bool = False, burst: int = 1) -> Budget:
    return budgets.of("amo", [Limit(ACCOUNT, rate, burst), Limit("vendor", 10 * rate)], backfill=backfill)


async def send(budget: Budget, left: list[tuple[float, Any]], name: Any = "") -> None:
    """As a request does: let go, off, answered."""
    taken = await budget.take()
    taken = await budget.leaves(taken)
    budget.left(taken)
    left.append((time.monotonic(), name))
    budget.answered(taken)


def shortest(left: list[tuple[float, Any]], most: int) -> float:
    """The shortest time within which one more than allowed left."""
    return min(later[0] - earlier[0] for earlier, later in zip(left, left[most:], strict=False))


@pytest.mark.parametrize("backfill", [False, True])
async def test_one_more_than_allowed_takes_longer_than_a_second(budgets: Budgets, backfill: bool) -> None:
    left: list[tuple[float, Any]] = []
    budget = lane(budgets, 4, backfill=backfill)
    await asyncio.gather(*(send(budget, left) for _ in range(6)))
    assert shortest(left, 4) > 1.0
    assert min(later[0] - earlier[0] for earlier, later in pairwise(left)) > 0.1


async def test_a_process_that_stands_still_sends_no_more_than_allowed(budgets: Budgets) -> None:
    left: list[tuple[float, Any]] = []
    budget = lane(budgets, 8, backfill=True)

    async def stand_still() -> None:
        for _ in range(3):
            await asyncio.sleep(0.2)
            time.sleep(0.12)  # noqa: ASYNC251 - what is tested

    await asyncio.gather(stand_still(), *(send(budget, left) for _ in range(12)))
    assert shortest(left, 8) > 1.0


async def test_live_work_goes_before_history(budgets: Budgets) -> None:
    left: list[tuple[float, Any]] = []
    history, live = lane(budgets, 20, backfill=True), lane(budgets, 20)
    await asyncio.gather(
        *(send(history, left, "history") for _ in range(4)), *(send(live, left, "live") for _ in range(6))
    )
    names = [name for _, name in left]
    assert names[-2:] == [
        "history",
        "history",
    ]  # what had its slot before keeps it: one, or two where the store is slow


async def test_history_alone_has_the_whole_rate(budgets: Budgets) -> None:
    left: list[tuple[float, Any]] = []
    budget = lane(budgets, 20, backfill=True)
    await asyncio.gather(*(send(budget, left) for _ in range(11)))
    assert left[-1][0] - left[0][0] < 10 / 20 * 1.3


async def test_a_connection_that_took_long_to_make_gets_another_slot(budgets: Budgets) -> None:
    left: list[tuple[float, Any]] = []
    budget = lane(budgets, 10)
    slow = await budget.take()
    await asyncio.gather(*(send(budget, left) for _ in range(3)))
    moved = await budget.leaves(slow)
    assert moved is not None
    assert slow is not None
    assert moved.departure.at >= left[-1][0]
    assert moved.slot.at > slow.slot.at


async def test_who_leaves_at_once_keeps_his_slot(budgets: Budgets) -> None:
    budget = lane(budgets, 10)
    taken = await budget.take()
    assert await budget.leaves(taken) is taken


async def test_a_burst_leaves_at_once(budgets: Budgets) -> None:
    left: list[tuple[float, Any]] = []
    budget = budgets.of("b24", [Limit("b24", 2.0, burst=5)], backfill=False)
    await asyncio.gather(*(send(budget, left) for _ in range(5)))
    assert left[-1][0] - left[0][0] < 0.4


async def test_a_short_rest_is_waited_for_and_a_long_one_told(store: Database) -> None:
    moved = Clock()
    budget = Budgets(store, moved).of("amo", [Limit(ACCOUNT, 1000.0)], backfill=True)
    taken = await budget.take()
    await budget.struck(taken, Throttled("too many", 0.2))
    begun = time.monotonic()
    moved.move(seconds=0.001)
    waiting = asyncio.create_task(budget.take())
    await asyncio.sleep(0.05)
    assert not waiting.done()
    moved.move(seconds=1)
    taken = await waiting
    assert time.monotonic() - begun < 5
    await budget.struck(taken, Throttled("too many", 300))
    with pytest.raises(Throttled, match="for another 300 s") as caught:
        await budget.take()
    assert caught.value.retry_after == pytest.approx(300, abs=1)


async def test_without_a_limit_nothing_is_held_back(budgets: Budgets) -> None:
    budget = budgets.of("amo", [], backfill=False)
    assert await budget.take() is None
    assert await budget.leaves(None) is None
    budget.left(None)
    budget.answered(None)
    error = Throttled("too many")
    await budget.struck(None, error)
    assert error.retry_after is None


def test_an_account_with_a_slow_rate_has_a_window_of_one() -> None:
    slow = Window.of(Limit("x", 0.5))
    assert (slow.most, round(slow.seconds, 2)) == (1, 2.05)
