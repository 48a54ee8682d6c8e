"""Which version of a fact is believed, and whose timeline does it change, whoever arrives first?"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from hub.core.records import Record, from_json
from hub.store import facts, people, timeline
from hub.store.database import Database
from hub.store.facts import Fact
from hub.store.people import LONG_AGO
from hub.store.schema import contacts, metadata, records, versions

NOW = datetime(2026, 3, 10, 7, tzinfo=UTC)
IVAN = "phone:+79211234567"
OLGA = "phone:+79217654321"


def call(id: str = "1", **keys: Any) -> Record:
    return from_json(
        {
            "record": "call",
            "id": id,
            "direction": "inbound",
            "client": IVAN,
            "started_at": "2026-03-10T10:00:00+03:00",
            "legs": [],
            **keys,
        }
    )


def gone(id: str = "1", at: str | None = None, of: str = "call") -> Record:
    return from_json({"record": "gone", "of": of, "id": id, "at": at})


def mark(on: str, id: str = "m", at: str = "2026-03-10T11:00:00+03:00", **keys: Any) -> Record:
    return from_json({"record": "mark", "id": id, "at": at, "by": "anna", "kind": "taken", "on": on, **keys})


def fact(record: Record, **keys: Any) -> Fact:
    return Fact("src", record, NOW, **keys)


def put(store: Database, *found: Record | Fact, **keys: Any) -> facts.Outcome:
    with store.begin() as connection:
        taken = [item if isinstance(item, Fact) else fact(item) for item in found]
        return facts.put(connection, taken, NOW, **keys)


def current(store: Database, kind: str = "call", id: str = "1") -> Any:
    with store.begin() as connection:
        return connection.execute(select(records).where(records.c.kind == kind, records.c.source_id == id)).first()


def settle(store: Database) -> None:
    """As if everything that was due had been derived."""
    with store.begin() as connection:
        due = people.due(connection, NOW, 1_000)
        people.settle(connection, {row.id: (row.revision, None) for row in due})


def due(store: Database) -> dict[int, datetime]:
    with store.begin() as connection:
        return {row.id: row.changed_from for row in people.due(connection, NOW, 1_000)}


def contact_of(store: Database, handle: str) -> int:
    with store.begin() as connection:
        return people.lookup(connection, [handle])[handle][1]


def loaded(store: Database, handle: str, until: datetime | None = None) -> Any:
    contact = contact_of(store, handle)
    with store.begin() as connection:
        return timeline.load(connection, {contact: LONG_AGO}, until).timelines[contact]


# Versions


def test_the_same_content_again_is_a_duplicate(store: Database) -> None:
    assert put(store, call(line="1")).changed == 1
    again = put(store, call(line="1"))
    assert (again.changed, again.duplicates, again.due) == (0, 1, {})


@pytest.mark.parametrize(
    ("older", "newer"),
    [
        ({"version": 1}, {"version": 2}),
        ({"version": 9}, {"version": 10}),
        ({"changed_at": "2027-01-01T00:00:00Z"}, {"version": 1}),
        ({}, {"changed_at": "2020-01-01T00:00:00Z"}),
        ({"changed_at": "2026-03-10T10:00:00+03:00"}, {"changed_at": "2026-03-10T09:00:00+01:00"}),
        ({"ended_at": "2026-03-10T10:01:00+03:00"}, {"ended_at": "2026-03-10T10:02:00+03:00"}),
        ({}, {"ended_at": "2026-03-10T10:02:00+03:00"}),
        (
            {"version": 1, "ended_at": "2026-03-10T10:05:00+03:00"},
            {"version": 2, "ended_at": "2026-03-10T10:02:00+03:00"},
        ),
    ],
)
@pytest.mark.parametrize("together", [True, False])
def test_the_newer_version_wins_whichever_comes_first(
    store: Database, older: dict[str, Any], newer: dict[str, Any], together: bool
) -> None:
    for number, order in enumerate([[older, newer], [newer, older]]):
        found = [call(str(number), line=str(len(keys)) + "x", **keys) for keys in order]
        for part in [found] if together else [[record] for record in found]:
            put(store, *part)
        kept = current(store, id=str(number))
        assert {name: kept.body.get(name) for name in newer} == {
            name: call(**newer) and facts.rec.to_json(call(**newer))[name] for name in newer
        }


def test_of_two_that_cannot_be_ordered_the_same_one_wins(store: Database) -> None:
    one, other = call(line="7495001"), call(line="7495002")
    put(store, one)
    put(store, other)
    first = current(store).body
    put(store, one)
    assert current(store).body == first


def test_an_older_version_changes_nothing(store: Database) -> None:
    put(store, call(version=2))
    settle(store)
    assert put(store, call(version=1, line="x")).changed == 0
    assert due(store) == {}


def test_as_live_stays_whichever_version_said_so(store: Database) -> None:
    put(store, call(version=2))
    put(store, fact(call(version=1), as_live=True))
    assert current(store).as_live
    assert current(store).version == 2
    put(store, call(version=3))
    assert current(store).as_live


def test_what_is_imported_again_as_live_makes_its_contact_due(store: Database) -> None:
    put(store, call())
    settle(store)
    put(store, fact(call(), as_live=True))
    assert set(due(store)) == {contact_of(store, IVAN)}
    assert loaded(store, IVAN).calls[0].live


# The end of a fact


def test_what_was_deleted_is_off_the_timeline_and_its_contact_is_due(store: Database) -> None:
    put(store, call())
    settle(store)
    put(store, gone())
    assert set(due(store)) == {contact_of(store, IVAN)}
    assert loaded(store, IVAN).calls == ()


def test_a_newer_version_revives_and_an_older_one_does_not(store: Database) -> None:
    put(store, gone(at="2026-03-10T12:00:00+03:00"))
    put(store, call(changed_at="2026-03-10T11:59:00+03:00"))
    assert loaded(store, IVAN).calls == ()
    put(store, call(changed_at="2026-03-10T12:01:00+03:00"))
    assert len(loaded(store, IVAN).calls) == 1


def test_a_deletion_without_a_moment_is_for_ever(store: Database) -> None:
    put(store, gone(), call(changed_at="2026-03-10T12:01:00+03:00"))
    assert loaded(store, IVAN).calls == ()


def test_a_deletion_is_not_known_before_it_happened(store: Database) -> None:
    put(store, call(), gone(at="2026-03-10T12:00:00+03:00"))
    assert len(loaded(store, IVAN, until=datetime(2026, 3, 10, 8, 59, tzinfo=UTC)).calls) == 1
    assert loaded(store, IVAN, until=datetime(2026, 3, 10, 9, tzinfo=UTC)).calls == ()


# Groups


def test_what_a_group_no_longer_yields_is_withdrawn(store: Database) -> None:
    put(store, fact(call("1"), root="g"), fact(call("2", client=OLGA), root="g"), fact(call("3"), root="h"))
    settle(store)
    outcome = put(store, fact(call("1"), root="g"), replaced=[("src", ["g"])])
    assert outcome.changed == 1
    assert current(store, id="2") is None
    assert current(store, id="3") is not None
    assert set(due(store)) == {contact_of(store, OLGA)}


def test_a_card_of_a_group_is_withdrawn_with_its_links(store: Database) -> None:
    card = from_json({"record": "card", "id": "c", "name": "Ivan", "handles": [IVAN]})
    deal = from_json({"record": "deal", "id": "d", "cards": ["c"]})
    put(store, fact(card, root="g"), fact(deal, root="g"))
    put(store, replaced=[("src", ["g"])])
    with store.begin() as connection:
        for name in ("records", "record_handles", "deal_cards", "versions"):
            assert connection.execute(select(metadata.tables[name])).all() == []


def test_a_group_that_is_folded_anew_replaces_whatever_it_said_before(store: Database) -> None:
    put(store, fact(call(ended_at="2026-03-10T10:09:00+03:00"), root="g"))
    put(store, fact(call(ended_at="2026-03-10T10:02:00+03:00"), root="g"), replaced=[("src", ["g"])])
    assert current(store).tie_at == datetime(2026, 3, 10, 7, 2, tzinfo=UTC)


def test_a_connection_does_not_withdraw_what_another_one_said(store: Database) -> None:
    put(store, Fact("other", call("1"), NOW, root="g"))
    put(store, replaced=[("src", ["g"])])
    assert current(store) is not None


# Who is due


def test_a_fact_that_moves_to_another_client_makes_both_due(store: Database) -> None:
    put(store, call(version=1))
    settle(store)
    put(store, call(version=2, client=OLGA))
    assert set(due(store)) == {contact_of(store, IVAN), contact_of(store, OLGA)}


@pytest.mark.parametrize("first", ["mark", "fact"])
@pytest.mark.parametrize("on", ["src/call/1", "missed_call:src/call/1", IVAN])
def test_a_mark_reaches_its_contact_before_or_after_what_it_names(store: Database, first: str, on: str) -> None:
    found = [mark(on), call()]
    for record in found if first == "mark" else reversed(found):
        settle(store)
        put(store, record)
    assert set(due(store)) == {contact_of(store, IVAN)}
    assert [item.record.id for item in loaded(store, IVAN).marks] == ["m"]


def test_a_mark_on_a_number_in_national_form_reaches_its_contact(store: Database) -> None:
    put(store, call(), mark("phone:8 921 123-45-67"))
    assert len(loaded(store, IVAN).marks) == 1


def test_a_mark_that_was_deleted_makes_its_contact_due(store: Database) -> None:
    put(store, call(), mark("src/call/1"))
    settle(store)
    put(store, gone("m", of="mark"))
    assert set(due(store)) == {contact_of(store, IVAN)}
    assert loaded(store, IVAN).marks == ()


def test_the_earliest_changed_moment_is_remembered_until_it_is_derived(store: Database) -> None:
    put(store, call("1"))
    put(store, call("2", started_at="2026-03-09T10:00:00+03:00"))
    put(store, call("3", started_at="2026-03-11T10:00:00+03:00"))
    assert due(store) == {contact_of(store, IVAN): datetime(2026, 3, 9, 7, tzinfo=UTC)}
    settle(store)
    assert due(store) == {}


def test_a_withheld_call_is_a_contact_of_its_own(store: Database) -> None:
    put(store, call("1", client=None), call("2", client=None))
    with store.begin() as connection:
        assert sorted(connection.scalars(select(contacts.c.kind))) == ["withheld", "withheld"]


def test_the_deal_taken_from_a_client_makes_both_due(store: Database) -> None:
    cards = [
        from_json({"record": "card", "id": name, "name": name, "handles": [handle]})
        for name, handle in [("i", IVAN), ("o", OLGA)]
    ]
    deal = {"record": "deal", "id": "d", "owner": "anna"}
    put(store, call("1"), call("2", client=OLGA), *cards, from_json({**deal, "cards": ["i"], "version": 1}))
    settle(store)
    put(store, from_json({**deal, "cards": ["o"], "version": 2}))
    assert set(due(store)) == {contact_of(store, IVAN), contact_of(store, OLGA)}
    assert loaded(store, IVAN).deals == ()
    assert len(loaded(store, OLGA).deals) == 1


def test_an_older_version_of_a_card_that_comes_late_makes_its_client_due(store: Database) -> None:
    card = {"record": "card", "id": "i", "name": "Ivan", "handles": [IVAN]}
    put(store, call(), from_json({**card, "owner": "anna", "changed_at": "2026-03-02T00:00:00Z"}))
    settle(store)
    put(store, from_json({**card, "owner": "boris", "changed_at": "2026-03-01T00:00:00Z"}))
    assert set(due(store)) == {contact_of(store, IVAN)}
    assert [version.owner for version in loaded(store, IVAN).cards[0].versions] == ["boris", "anna"]
    settle(store)
    put(store, from_json({**card, "owner": "boris", "changed_at": "2026-03-01T00:00:00Z"}))
    assert due(store) == {}


def test_a_client_of_whom_there_are_only_cards_and_deals_has_nothing_to_be_judged(store: Database) -> None:
    card = {"record": "card", "id": "i", "name": "Ivan", "handles": [IVAN]}
    put(store, from_json({**card, "owner": "anna", "version": 1}))
    put(store, from_json({"record": "deal", "id": "d", "owner": "anna", "cards": ["i"]}))
    put(store, from_json({**card, "owner": "boris", "version": 2}))
    assert due(store) == {}
    put(store, call())
    assert set(due(store)) == {contact_of(store, IVAN)}
    assert [version.owner for version in loaded(store, IVAN).cards[0].versions] == ["anna", "boris"]


def test_only_what_was_more_than_one_thing_has_versions(store: Database) -> None:
    def kept() -> list[Any]:
        with store.begin() as connection:
            return sorted(row.body["version"] for row in connection.execute(select(versions)))

    told = [
        from_json({"record": "card", "id": "i", "name": str(n), "handles": [IVAN], "version": n}) for n in (1, 2, 3)
    ]
    put(store, told[1])
    put(store, told[1])
    assert kept() == []
    put(store, told[0])
    assert kept() == [1, 2]
    put(store, *told)
    assert kept() == [1, 2, 3]


# Any order, any slicing


VERSIONS: Sequence[dict[str, Any]] = (
    {"record": "call", "id": "1", "version": 1},
    {"record": "call", "id": "1", "version": 2, "client": OLGA},
    {"record": "call", "id": "1", "version": 2, "client": IVAN},
    {"record": "call", "id": "2"},
    {"record": "call", "id": "2", "ended_at": "2026-03-10T10:05:00+03:00"},
    {"record": "call", "id": "2", "changed_at": "2026-03-10T12:00:00+03:00"},
    {"record": "gone", "of": "call", "id": "2", "at": "2026-03-10T11:00:00+03:00"},
    {"record": "gone", "of": "call", "id": "2", "at": "2026-03-10T11:30:00+03:00"},
    {"record": "call", "id": "3", "changed_at": "2026-03-10T10:30:00+03:00"},
    {"record": "gone", "of": "call", "id": "3", "at": "2026-03-10T11:00:00+03:00"},
    {"record": "gone", "of": "call", "id": "4"},
    {"record": "call", "id": "4", "version": 5},
    {"record": "mark", "id": "m", "at": "2026-03-10T11:00:00+03:00", "by": "anna", "kind": "taken", "on": "src/call/1"},
    {
        "record": "card",
        "id": "c",
        "handles": [IVAN],
        "name": "Ivan",
        "changed_at": "2026-03-01T00:00:00Z",
        "owner": "anna",
    },
    {"record": "card", "id": "c", "handles": [IVAN, OLGA], "changed_at": "2026-03-02T00:00:00Z", "owner": "boris"},
    {"record": "card", "id": "c", "handles": [OLGA], "name": "Olga", "changed_at": "2026-03-03T00:00:00Z"},
    {"record": "gone", "of": "card", "id": "c", "at": "2026-03-04T00:00:00Z"},
    {"record": "deal", "id": "d", "cards": ["c"], "version": 1},
    {"record": "deal", "id": "d", "cards": [], "version": 2},
)


def built(keys: dict[str, Any]) -> Record:
    call_keys = {"direction": "inbound", "client": IVAN, "started_at": "2026-03-10T10:00:00+03:00", "legs": []}
    return from_json({**(call_keys if keys["record"] == "call" else {}), **keys})


def picture(store: Database) -> Any:
    """All that is believed, without the ids of rows."""
    with store.begin() as connection:
        rows = connection.execute(select(records).order_by(records.c.kind, records.c.source_id)).all()
        owners = {row.id: row.contact_id for row in connection.execute(select(facts.people.handles))}
        starts = {row.id: LONG_AGO for row in connection.execute(select(contacts.c.id))}
        timelines = timeline.load(connection, starts).timelines
    believed = [
        (row.kind, row.source_id, row.body, row.gone_at, row.as_live, row.contact_id, owners.get(row.handle_id))
        for row in rows
    ]
    told = {
        contact: known for contact, known in timelines.items() if known.contact.handles or known.calls or known.cards
    }
    return believed, told


@given(data=st.data())
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_order_repetition_and_slicing_believes_the_same(sqlite_store: Database, data: st.DataObject) -> None:
    everything = [fact(built(keys), as_live=keys.get("version") == 1) for keys in VERSIONS]
    order = data.draw(st.permutations(everything + everything[::3]))
    cuts = sorted(data.draw(st.sets(st.integers(1, len(order) - 1), max_size=6)))
    pictures = []
    for found, places in ((everything, []), (order, cuts)):
        empty(sqlite_store)
        for part in sliced(found, places):
            put(sqlite_store, *part)
        pictures.append(picture(sqlite_store))
    assert pictures[0] == pictures[1]


def sliced(found: Sequence[Fact], places: Sequence[int]) -> Iterable[Sequence[Fact]]:
    for begin, end in zip([0, *places], [*places, len(found)], strict=True):
        yield found[begin:end]


def empty(store: Database) -> None:
    with store.begin() as connection:
        for table in reversed(metadata.sorted_tables):
            connection.execute(table.delete())


# Revisions


def test_what_was_derived_from_an_older_revision_is_thrown_away(store: Database) -> None:
    put(store, call())
    with store.begin() as connection:
        (row,) = people.due(connection, NOW, 10)
    put(store, call("2"))
    with store.begin() as connection:
        assert people.settle(connection, {row.id: (row.revision, None)}) == set()
    assert set(due(store)) == {row.id}


def test_a_contact_wakes_when_its_moment_has_come(store: Database) -> None:
    put(store, call())
    with store.begin() as connection:
        (row,) = people.due(connection, NOW, 10)
        wake = NOW + timedelta(minutes=5)
        assert people.settle(connection, {row.id: (row.revision, wake)}) == {row.id}
        assert people.due(connection, NOW, 10) == []
        assert people.next_due(connection) == wake
        assert [found.id for found in people.due(connection, wake, 10)] == [row.id]


def test_a_contact_that_cannot_be_derived_is_pushed_away_and_comes_back(store: Database) -> None:
    put(store, call())
    with store.begin() as connection:
        (row,) = people.due(connection, NOW, 10)
        people.push_away(connection, row.id, NOW + timedelta(hours=1), "a bug")
        assert people.due(connection, NOW, 10) == []
        assert [found.id for found in people.due(connection, NOW + timedelta(hours=1), 10)] == [row.id]


def test_a_contact_is_known_since_its_first_fact(store: Database) -> None:
    put(
        store,
        call("1"),
        call("2", started_at="2026-01-09T10:00:00+03:00"),
        call("3", started_at="2025-01-09T10:00:00Z"),
    )
    put(store, gone("3"))
    put(store, from_json({"record": "card", "id": "c", "name": "Ivan", "handles": [IVAN]}))
    settle(store)
    with store.begin() as connection:
        assert connection.scalar(select(contacts.c.seen_at)) == datetime(2026, 1, 9, 7, tzinfo=UTC)


def test_a_long_queue_keeps_neither_what_just_happened_nor_what_time_brings_waiting(store: Database) -> None:
    old = [call(str(number), client=f"phone:+7921000{number:04}") for number in range(60)]
    put(store, *old)
    later = NOW + timedelta(minutes=10)
    with store.begin() as connection:
        facts.put(connection, [fact(call("fresh", client=OLGA))], later)
        facts.put(connection, [fact(call("woken", client=IVAN))], later)
        revision = next(row.revision for row in people.due(connection, later, 100) if row.id == people.number(IVAN))
        people.settle(connection, {people.number(IVAN): (revision, later)})
        found = [row.id for row in people.due(connection, later, 10)]
        assert {people.number(IVAN), people.number(OLGA)} <= set(found)
        assert len(set(found)) == len(found) == 10
        assert people.count_due(connection, later) == 62


# What a source logged of cards and deals


def change(id: str = "c1", of: str = "card", at: str = "2026-03-10T09:00:00+03:00", **keys: Any) -> Record:
    return from_json(
        {
            "record": "change",
            "id": id,
            "of": of,
            "on": "k",
            "at": at,
            "field": "owner",
            "before": "anna",
            "after": "boris",
            **keys,
        }
    )


CARD = {"record": "card", "id": "k", "handles": [IVAN], "owner": "boris", "changed_at": "2026-03-10T12:00:00+03:00"}
DEAL = {"record": "deal", "id": "k", "cards": ["k"], "owner": "boris", "changed_at": "2026-03-10T12:00:00+03:00"}


@pytest.mark.parametrize("of", ["card", "deal"])
@pytest.mark.parametrize("first", ["log", "object"])
def test_a_change_reaches_the_client_whichever_comes_first(store: Database, of: str, first: str) -> None:
    put(store, from_json(CARD), call())
    found = [change(of=of), from_json(DEAL if of == "deal" else {**CARD, "name": "Ivan"})]
    put(store, found[0] if first == "log" else found[1])
    settle(store)
    put(store, found[1] if first == "log" else found[0])
    assert due(store) == {contact_of(store, IVAN): LONG_AGO}
    histories = loaded(store, IVAN).deals if of == "deal" else loaded(store, IVAN).cards
    assert [entry.id for history in histories for entry in history.changes] == ["c1"]


def test_a_change_makes_nobody_else_due(store: Database) -> None:
    put(store, from_json(CARD), call(), from_json({**CARD, "id": "other", "handles": [OLGA]}), call("2", client=OLGA))
    settle(store)
    put(store, change())
    assert due(store).keys() == {contact_of(store, IVAN)}


def test_a_change_taken_back_is_no_more(store: Database) -> None:
    put(store, from_json(CARD), call(), change())
    put(store, gone("c1", of="change"))
    assert loaded(store, IVAN).cards[0].changes == ()


def test_a_card_with_another_number_or_owner_makes_only_its_own_clients_due(store: Database) -> None:
    third = "phone:+79210000003"
    put(store, from_json(CARD), call(), call("2", client=OLGA), call("3", client=third))
    settle(store)
    put(store, from_json({**CARD, "owner": "anna", "version": 2}))
    assert due(store).keys() == {contact_of(store, IVAN)}
    settle(store)
    put(store, from_json({**CARD, "handles": [OLGA], "version": 3}))
    assert due(store).keys() == {contact_of(store, IVAN), contact_of(store, OLGA)}
