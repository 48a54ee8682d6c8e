"""Which version of the rules is in force, and what is remembered between two starts?"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hub.store import connections, repairs, rules
from hub.store.database import Database
from hub.store.people import LONG_AGO

NOW = datetime(2026, 3, 10, 7, tzinfo=UTC)


def test_the_first_version_reaches_back_for_ever_and_later_ones_begin_when_they_are_accepted(store: Database) -> None:
    with store.begin() as connection:
        assert rules.newest(connection) == 0
        assert rules.accept(connection, {"target": 15}, NOW)
        assert not rules.accept(connection, {"target": 15}, NOW + timedelta(days=1))
        assert rules.accept(connection, {"target": 20}, NOW + timedelta(days=2))
        assert rules.accept(connection, {"target": 15}, NOW + timedelta(days=3))
        assert rules.versions(connection) == [
            (1, LONG_AGO, {"target": 15}),
            (2, NOW + timedelta(days=2), {"target": 20}),
            (3, NOW + timedelta(days=3), {"target": 15}),
        ]
        assert rules.newest(connection) == 3


def test_the_order_of_keys_makes_no_new_version(store: Database) -> None:
    with store.begin() as connection:
        rules.accept(connection, {"a": 1, "b": {"c": 2, "d": 3}}, NOW)
        assert not rules.accept(connection, {"b": {"d": 3, "c": 2}, "a": 1}, NOW)


def test_remembering_says_whether_the_value_is_another(store: Database) -> None:
    with store.begin() as connection:
        assert rules.remember(connection, "team", [["ext:pbx/101", "anna"]])
        assert not rules.remember(connection, "team", [["ext:pbx/101", "anna"]])
        assert rules.remember(connection, "team", [])
        assert rules.recall(connection, "team") == []


def test_a_repair_keeps_its_beginning_and_is_counted_until_it_is_over(store: Database) -> None:
    keys = {"kind": "unreachable", "title": "no answer", "advice": "look", "connection_name": "pbx"}
    with store.begin() as connection:
        repairs.note(connection, "stream:pbx/live", now=NOW, **keys)
        repairs.note(connection, "stream:pbx/live", now=NOW + timedelta(hours=1), **keys)
        (row,) = repairs.listing(connection, "pbx")
        assert (row["since"], row["count"]) == (NOW, 2)
        repairs.clear(connection, "stream:pbx/live")
        assert repairs.listing(connection) == []


def test_a_connection_is_live_since_its_first_run(store: Database) -> None:
    with store.begin() as connection:
        connections.ensure(connection, [("pbx", "asterisk")])
        connections.ensure(connection, [("pbx", "asterisk")])
        assert connections.get(connection, "pbx").live_since is None
        connections.go_live(connection, "pbx", NOW)
        connections.go_live(connection, "pbx", NOW + timedelta(days=1))
        assert connections.get(connection, "pbx").live_since == NOW


def test_a_cursor_moves_with_its_page_and_failures_are_counted_until_one_succeeds(store: Database) -> None:
    with store.begin() as connection:
        assert connections.cursor(connection, "pbx", "cdr") is None
        connections.advance(connection, "pbx", "cdr", now=NOW, cursor={"id": 7}, complete_until=NOW)
        connections.advance(connection, "pbx", "cdr", now=NOW)
        assert connections.cursor(connection, "pbx", "cdr") == {"id": 7}
        for _ in range(2):
            connections.failed(connection, "pbx", "cdr", "no route", NOW + timedelta(minutes=1))
        connections.ensure(connection, [("pbx", "asterisk")])
        (stream,) = connections.listing(connection)[0]["streams"]
        assert (stream["failures"], stream["error"], stream["complete_until"]) == (2, "no route", NOW)
        connections.wake(connection, "pbx", ["cdr"], NOW)
        assert connections.due_at(connection, "pbx", "cdr") == NOW
        connections.advance(connection, "pbx", "cdr", now=NOW)
        (stream,) = connections.listing(connection)[0]["streams"]
        assert (stream["failures"], stream["error"]) == (0, None)
