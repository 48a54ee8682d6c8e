"""Is what was received kept once, handed out by whole groups, and there again when it is wanted?"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select

from hub.store import inbox
from hub.store.database import Database
from hub.store.inbox import Arrival
from hub.store.schema import inbox as rows
from hub.store.schema import packs

NOW = datetime(2026, 3, 10, 7, tzinfo=UTC)


def item(
    name: str,
    payload: object = "a",
    *,
    group: str | None = None,
    joins: Sequence[str] = (),
    second: int = 0,
    as_live: bool = False,
) -> Arrival:
    return Arrival("pbx", "packet", name, payload, NOW + timedelta(seconds=second), group, tuple(joins), as_live)


def put(store: Database, *arrivals: Arrival) -> None:
    with store.begin() as connection:
        inbox.put(connection, arrivals)


def absorb(store: Database, limit: int = 1_000) -> inbox.Batch:
    """What the absorb lane does, without parsing."""
    with store.begin() as connection:
        batch = inbox.batch(connection, limit)
        inbox.keep_roots(connection, batch.groups)
        new = [*batch.singles, *(raw for group in batch.groups for raw in group.raws if raw.new)]
        inbox.settle(connection, [raw.id for raw in new if raw.id is not None], [])
        inbox.forget(connection, batch.repeats)
    return batch


def states(store: Database) -> list[str]:
    with store.begin() as connection:
        return sorted(connection.scalars(select(rows.c.state)))


def named(groups: Iterable[inbox.Group]) -> set[frozenset[str]]:
    return {frozenset(raw.item for raw in group.raws) for group in groups}


def test_an_item_that_equals_one_still_waiting_is_dropped(store: Database) -> None:
    put(store, item("1"), item("1"))
    put(store, item("1"), item("1", "other content"))
    assert [raw.payload for raw in absorb(store).singles] == ["a", "other content"]


def test_an_item_that_was_absorbed_and_comes_again_unchanged_is_dropped(store: Database) -> None:
    put(store, item("1"))
    absorb(store)
    put(store, item("1"), item("1", "other content"))
    assert states(store) == ["done", "new"]


def test_an_item_that_was_not_understood_may_come_again(store: Database) -> None:
    put(store, item("1"))
    with store.begin() as connection:
        inbox.settle(connection, [], [(inbox.batch(connection, 10).singles[0].id or 0, "a bug")])
    put(store, item("1"), item("1"))
    assert states(store) == ["dead", "new"]
    absorb(store)
    with store.begin() as connection:
        assert inbox.replay(connection, connection_name="pbx", states=("dead",)) == 0
    assert states(store) == ["done"]


def test_an_item_imported_as_live_is_no_repeat_of_one_that_was_not(store: Database) -> None:
    put(store, item("1"), item("1", as_live=True), item("2", group="g"))
    put(store, item("2", group="g", as_live=True))
    batch = absorb(store)
    assert [raw.as_live for raw in batch.singles] == [False, True]
    assert [raw.as_live for raw in batch.groups[0].raws] == [False, True]


def test_a_new_item_brings_all_kept_raws_of_its_group_in_order_of_receipt(store: Database) -> None:
    put(store, item("1", group="g", second=5), item("other", group="h"))
    absorb(store)
    put(store, item("2", group="g", second=1))
    batch = absorb(store)
    assert [[raw.item for raw in group.raws] for group in batch.groups] == [["2", "1"]]
    assert [raw.new for raw in batch.groups[0].raws] == [True, False]


def test_a_repeat_within_a_group_is_forgotten(store: Database) -> None:
    put(store, item("1", group="g"))
    absorb(store)
    put(store, item("1", group="g", second=9), item("2", group="g", second=9))
    batch = absorb(store)
    assert [raw.item for raw in batch.groups[0].raws] == ["1", "2"]
    assert states(store) == ["done", "done"]


JOINED = (
    item("1", group="a"),
    item("2", group="b", joins=["a"]),
    item("3", group="c", joins=["b"]),
    item("4", group="d", joins=["e"]),
    item("5", group="e"),
    item("6", group="c", joins=["d"]),
)


@pytest.mark.parametrize("seed", range(12))
def test_joins_make_one_group_transitively_whatever_the_order(store: Database, seed: int) -> None:
    order = next(itertools.islice(itertools.permutations(JOINED), seed * 53, None))
    for arrival in order:
        put(store, arrival)
        batch = absorb(store)
    assert named(batch.groups) == {frozenset("123456")}
    assert {group.root for group in batch.groups} == {"a"}
    assert batch.groups[0].keys == set("abcde")


def test_a_join_found_in_an_old_raw_brings_the_whole_group_that_it_names(store: Database) -> None:
    """The raw that joins was buried while the others made their group, and is understood only now."""
    put(store, item("1", group="x", joins=["b"]))
    with store.begin() as connection:
        inbox.settle(connection, [raw.id for raw in inbox.batch(connection, 10).groups[0].raws], [])  # type: ignore[misc]
    put(store, item("2", group="b"), item("3", group="a", joins=["b"]))
    absorb(store)
    put(store, item("4", group="x"))
    assert named(absorb(store).groups) == {frozenset("1234")}


def test_groups_of_two_connections_are_strangers(store: Database) -> None:
    put(store, item("1", group="g"), Arrival("other", "packet", "2", "a", NOW, "g"))
    assert named(absorb(store).groups) == {frozenset("1"), frozenset("2")}


def test_a_quiet_group_is_packed_and_unpacked_when_something_comes(store: Database) -> None:
    put(store, item("1", {"deep": [1, None, "я"]}, group="a"), item("2", group="b", joins=["a"], as_live=True))
    first = absorb(store).groups[0].raws
    with store.begin() as connection:
        assert inbox.quiet_groups(connection, NOW, 10) == []
        quiet = inbox.quiet_groups(connection, NOW + timedelta(minutes=1), 10)
        assert {key for _, key in quiet} == {"a", "b"}
        for name, key in quiet:
            inbox.pack_group(connection, name, key)
        assert connection.scalar(select(func.count()).select_from(packs)) == 1
    assert states(store) == []
    put(store, item("3", group="b", second=1))
    raws = absorb(store).groups[0].raws
    assert [(raw.item, raw.payload, raw.as_live, raw.group, raw.joins, raw.received_at) for raw in raws[:2]] == [
        (raw.item, raw.payload, raw.as_live, raw.group, raw.joins, raw.received_at) for raw in first
    ]
    assert [raw.new for raw in raws] == [False, False, True]


def test_a_group_packed_twice_holds_everything_once(store: Database) -> None:
    put(store, item("1", group="a"))
    absorb(store)
    with store.begin() as connection:
        inbox.pack_group(connection, "pbx", "a")
    put(store, item("1", group="a"), item("2", group="a", second=1))
    absorb(store)
    with store.begin() as connection:
        inbox.pack_group(connection, "pbx", "a")
    put(store, item("3", group="a", second=2))
    assert [raw.item for raw in absorb(store).groups[0].raws] == ["1", "2", "3"]


def test_a_group_with_something_new_is_not_packed(store: Database) -> None:
    put(store, item("1", group="a"))
    absorb(store)
    put(store, item("2", group="a"))
    with store.begin() as connection:
        inbox.pack_group(connection, "pbx", "a")
    assert states(store) == ["done", "new"]


def test_replay_parses_dead_items_again(store: Database) -> None:
    put(store, item("1"), item("2"))
    with store.begin() as connection:
        batch = inbox.batch(connection, 10)
        inbox.settle(connection, [batch.singles[0].id or 0], [(batch.singles[1].id or 0, "a bug")])
        assert [why for _, why in inbox.dead_after(connection, "pbx", 0)] == ["a bug"]
        assert inbox.replay(connection, connection_name="pbx", states=("dead",)) == 1
        assert inbox.dead_after(connection, "pbx", 0) == []
    assert [raw.item for raw in absorb(store).singles] == ["2"]


def test_replay_of_everything_unpacks_and_keeps_equal_items_once(store: Database) -> None:
    put(store, item("1", group="a"), item("2"))
    absorb(store)
    with store.begin() as connection:
        inbox.pack_group(connection, "pbx", "a")
    put(store, item("2"), item("3", group="a", second=1))
    absorb(store)
    put(store, item("2"))
    with store.begin() as connection:
        inbox.replay(connection, connection_name="pbx", states=("dead", "done"))
    batch = absorb(store)
    assert [raw.item for raw in batch.singles] == ["2"]
    assert [raw.item for raw in batch.groups[0].raws] == ["1", "3"]


def test_replay_of_one_connection_leaves_the_others_alone(store: Database) -> None:
    put(store, item("1"), Arrival("other", "packet", "2", "a", NOW))
    absorb(store)
    with store.begin() as connection:
        inbox.replay(connection, connection_name="other", states=("done",))
    assert [raw.item for raw in absorb(store).singles] == ["2"]


def test_raws_expire_but_never_what_still_waits(store: Database) -> None:
    put(store, item("old", group="a"), item("packed", group="b"), item("young", second=100))
    absorb(store)
    with store.begin() as connection:
        inbox.pack_group(connection, "pbx", "b")
    put(store, item("waiting"))
    with store.begin() as connection:
        assert inbox.expire(connection, NOW + timedelta(seconds=50)) == 2
        assert connection.scalars(select(rows.c.item).order_by(rows.c.id)).all() == ["young", "waiting"]
        assert connection.scalar(select(func.count()).select_from(packs)) == 0


def test_a_batch_is_bounded_and_takes_the_oldest_first(store: Database) -> None:
    put(store, *(item(str(number)) for number in range(10)))
    assert [raw.item for raw in absorb(store, 4).singles] == ["0", "1", "2", "3"]
    with store.begin() as connection:
        assert inbox.waiting(connection) == 6
