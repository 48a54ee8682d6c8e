"""Is each effect kept once, taken once, and settled?"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from hub.core.effects import LogCall, Notify
from hub.store import outbox
from hub.store.database import Database
from hub.store.outbox import Planned

NOW = datetime(2026, 3, 10, 7, tzinfo=UTC)


def notice(key: str = "1/1/anna", to: str = "anna") -> Notify:
    return Notify(
        key=key,
        case="missed_call:src/call/1",
        kind="missed_call",
        step="1",
        to=to,
        contact="Ivan",
        line_group="sales",
        at=NOW,
    )


def plan(store: Database, *notices: Notify, due_at: datetime = NOW) -> None:
    with store.begin() as connection:
        outbox.plan(connection, [Planned(item, None, None, due_at) for item in notices])


def rows(store: Database) -> list[dict[str, Any]]:
    with store.begin() as connection:
        return outbox.listing(connection)


def due(store: Database, now: datetime = NOW) -> list[Any]:
    with store.begin() as connection:
        return outbox.due(connection, now, 100)


def test_a_key_is_planned_once_for_ever(store: Database) -> None:
    plan(store, notice())
    plan(store, notice(), notice("1/1/boris", "boris"))
    (first, _) = due(store)
    with store.begin() as connection:
        outbox.claim(connection, first.id, "bot")
        outbox.settle(connection, first.id, "sent", NOW, vendor_id="77")
    plan(store, notice())
    assert [(row["key"], row["state"]) for row in rows(store)] == [("1/1/anna", "sent"), ("1/1/boris", "planned")]


def test_what_somebody_must_act_on_goes_before_what_is_only_put_on_record(store: Database) -> None:
    call = LogCall(
        key="call/src/call/1/crm",
        at=NOW,
        client="phone:+79210000001",
        text="",
        call="src/call/1",
        direction="inbound",
        outcome="answered",
        started_at=NOW,
        duration=1,
        line_group="sales",
    )
    with store.begin() as connection:
        outbox.plan(connection, [Planned(call, None, None, NOW - timedelta(minutes=9))])
    plan(store, notice())
    assert [row.kind for row in due(store)] == ["notify", "log_call"]


def test_an_effect_is_not_due_before_its_moment(store: Database) -> None:
    plan(store, notice(), due_at=NOW + timedelta(minutes=1))
    assert due(store) == []
    with store.begin() as connection:
        assert outbox.next_due(connection) == NOW + timedelta(minutes=1)
    assert len(due(store, NOW + timedelta(minutes=1))) == 1


def test_an_effect_is_taken_by_one_alone(store: Database) -> None:
    plan(store, notice())
    (row,) = due(store)
    with store.begin() as connection:
        assert outbox.claim(connection, row.id, "bot")
        assert not outbox.claim(connection, row.id, "bot")
        assert [claimed.key for claimed in outbox.claimed(connection)] == ["1/1/anna"]
        assert outbox.next_due(connection) is None
    assert due(store) == []


def test_what_was_dropped_can_neither_be_taken_nor_dropped_again(store: Database) -> None:
    plan(store, notice())
    (row,) = due(store)
    with store.begin() as connection:
        outbox.drop(connection, row.id, "the client no longer waits", NOW)
        outbox.drop(connection, row.id, "another reason", NOW)
        assert not outbox.claim(connection, row.id, "bot")
    assert rows(store)[0]["error"] == "the client no longer waits"


def test_a_postponed_effect_is_due_again_with_its_tries_counted(store: Database) -> None:
    plan(store, notice())
    (row,) = due(store)
    with store.begin() as connection:
        outbox.claim(connection, row.id, "bot")
        outbox.postpone(connection, row.id, NOW + timedelta(seconds=30), error="busy")
    (again,) = due(store, NOW + timedelta(seconds=30))
    assert (again.attempts, again.error, again.state) == (1, "busy", "planned")


def test_a_person_may_retry_what_is_dead_but_not_what_was_sent(store: Database) -> None:
    plan(store, notice("a"), notice("b"))
    with store.begin() as connection:
        for row, state in zip(outbox.due(connection, NOW, 10), ("dead", "sent"), strict=True):
            outbox.claim(connection, row.id, "bot")
            outbox.settle(connection, row.id, state, NOW)
        assert outbox.retry(connection, ["a", "b", "unheard of"], NOW) == 1
    assert [row.key for row in due(store)] == ["a"]


def test_the_notice_that_reached_somebody_last_is_found_for_its_correction(store: Database) -> None:
    from hub.store.schema import cases

    with store.begin() as connection:
        case = connection.execute(
            cases.insert(),
            {
                "contact_id": 1,
                "kind": "missed_call",
                "line_group": "sales",
                "key": "k",
                "state": "open",
                "started_at": NOW,
                "opened_at": NOW,
                "evidence": [],
                "taken": [],
                "row": {},
            },
        ).inserted_primary_key[0]
        outbox.plan(connection, [Planned(notice(key), case, 1, NOW) for key in ("a", "b", "c")])
        for row, (state, vendor) in zip(
            outbox.due(connection, NOW, 10), [("sent", "1"), ("sent", "2"), ("dead", None)], strict=True
        ):
            outbox.settle(connection, row.id, state, NOW, vendor_id=vendor)
        assert outbox.sent_notice(connection, case, "anna").vendor_id == "2"
        assert outbox.sent_notice(connection, case, "boris") is None
