"""Who is one client? Cards join their handles, switchboards join nobody, and undoing restores what was before."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from hub.core.records import Record, from_json
from hub.store import contacts, facts, identity, people, repairs
from hub.store.database import Database
from hub.store.facts import Fact
from hub.store.identity import Lists
from hub.store.schema import cases, handles, metadata
from hub.store.schema import contacts as contact_rows
from hub.store.schema import records as record_rows

NOW = datetime(2026, 3, 10, 7, tzinfo=UTC)
IVAN, OLGA, OFFICE = "phone:+79211234567", "phone:+79217654321", "phone:+74950000000"
MAIL = "email:ivan@example.ru"


def card(id: str, *own: str, name: str | None = None, version: int = 1) -> Record:
    return from_json({"record": "card", "id": id, "name": name or id, "handles": list(own), "version": version})


def call(id: str, client: str) -> Record:
    return from_json(
        {
            "record": "call",
            "id": id,
            "direction": "inbound",
            "client": client,
            "started_at": "2026-03-10T10:00:00+03:00",
            "legs": [],
        }
    )


def put(store: Database, *found: Record, system: str = "crm", lists: Lists | None = None) -> None:
    with store.begin() as connection:
        facts.put(connection, [Fact(system, record, NOW) for record in found], NOW, lists=lists or Lists())


def clients(store: Database) -> set[frozenset[str]]:
    """Handles and cards (`card:` and id) that are one contact."""
    found: dict[int, set[str]] = {}
    with store.begin() as connection:
        for row in connection.execute(select(handles)):
            found.setdefault(row.contact_id, set()).add(row.value)
        for row in connection.execute(select(record_rows).where(record_rows.c.contact_id.is_not(None))):
            found.setdefault(row.contact_id, set()).add(f"card:{row.source_id}")
    return {frozenset(nodes) for nodes in found.values()}


def ids(store: Database) -> dict[str, int]:
    with store.begin() as connection:
        return {row.value: row.contact_id for row in connection.execute(select(handles))}


def listed(store: Database) -> dict[str, tuple[str, list[str]]]:
    settle(store)
    with store.begin() as connection:
        return {row["name"]: (row["kind"], row["handles"]) for row in contacts.listing(connection)}


def settle(store: Database) -> set[int]:
    """As if everything that was due had been derived; whose turn it was."""
    with store.begin() as connection:
        due = people.due(connection, NOW, 1_000)
        people.settle(connection, {row.id: (row.revision, None) for row in due})
    return {row.id for row in due}


def test_a_card_makes_its_handles_one_client(store: Database) -> None:
    put(store, call("1", IVAN), call("2", OLGA))
    put(store, card("a", IVAN, MAIL))
    assert clients(store) == {frozenset({IVAN, MAIL, "card:a"}), frozenset({OLGA})}


def test_cards_of_two_systems_join_by_a_common_handle(store: Database) -> None:
    put(store, card("a", IVAN))
    put(store, card("b", IVAN, OLGA), system="pbx")
    assert clients(store) == {frozenset({IVAN, OLGA, "card:a", "card:b"})}


def test_a_card_that_loses_a_handle_lets_it_go(store: Database) -> None:
    put(store, call("1", IVAN), call("2", OLGA))
    before = ids(store)
    put(store, card("a", IVAN, OLGA))
    put(store, card("a", OLGA, version=2))
    assert clients(store) == {frozenset({IVAN}), frozenset({OLGA, "card:a"})}
    assert ids(store) == before


def test_an_absorbed_contact_is_a_tombstone_and_lives_again_after_a_split(store: Database) -> None:
    put(store, call("1", IVAN), call("2", OLGA))
    before = ids(store)
    put(store, card("a", IVAN, OLGA))
    survivor = ids(store)[IVAN]
    (absorbed,) = set(before.values()) - {survivor}
    with store.begin() as connection:
        assert contacts.survivor(connection, absorbed) == survivor
    assert set(listed(store)) == {"a"}
    put(store, card("a", IVAN, version=2))
    with store.begin() as connection:
        assert contacts.survivor(connection, absorbed) == absorbed


def test_a_card_without_handles_is_a_client_until_it_gets_one(store: Database) -> None:
    put(store, card("a"))
    assert listed(store) == {"a": ("person", [])}
    put(store, call("1", IVAN), card("a", IVAN, version=2))
    assert listed(store) == {"a": ("person", [IVAN])}
    put(store, card("a", version=3))
    assert listed(store) == {"a": ("person", []), None: ("person", [IVAN])}


def test_a_listed_handle_is_a_client_of_its_own_and_no_bridge(store: Database) -> None:
    lists = Lists(shared=frozenset({OFFICE}))
    put(store, call("1", OFFICE), card("a", IVAN, OFFICE), card("b", OLGA, OFFICE), lists=lists)
    assert clients(store) == {frozenset({IVAN, "card:a"}), frozenset({OLGA, "card:b"}), frozenset({OFFICE})}
    assert listed(store)[None] == ("shared", [OFFICE])


def test_a_handle_of_ours_is_no_bridge_and_no_client(store: Database) -> None:
    lists = Lists(team=frozenset({OFFICE}))
    put(store, card("a", IVAN, OFFICE), card("b", OLGA, OFFICE), lists=lists)
    assert clients(store) == {frozenset({IVAN, "card:a"}), frozenset({OLGA, "card:b"}), frozenset({OFFICE})}


def test_a_handle_on_cards_of_four_names_in_one_system_is_shared_as_if_it_always_had_been(store: Database) -> None:
    for number in range(3):
        put(store, card(f"c{number}", OFFICE, f"phone:+7921000000{number}"))
    assert len(clients(store)) == 1
    put(store, card("c3", OFFICE))
    assert clients(store) == {
        frozenset({OFFICE}),
        frozenset({"card:c3"}),
        *(frozenset({f"card:c{number}", f"phone:+7921000000{number}"}) for number in range(3)),
    }


def test_four_names_in_four_systems_or_four_cards_of_one_name_are_one_client(store: Database) -> None:
    for number in range(4):
        put(store, card(f"c{number}", OFFICE), system=f"crm{number}")
        put(store, card(f"d{number}", OFFICE, name="Office"))
    assert len(clients(store)) == 1


def test_a_shared_handle_that_loses_its_fourth_name_is_a_bridge_again(store: Database) -> None:
    put(store, *(card(f"c{number}", OFFICE) for number in range(4)))
    put(store, card("c3", version=2))
    assert clients(store) == {frozenset({OFFICE, "card:c0", "card:c1", "card:c2"}), frozenset({"card:c3"})}


def test_the_name_of_a_client_is_that_of_the_card_changed_last(store: Database) -> None:
    for number, name, at in [("a", "Ivan", "2026-01-02"), ("b", "Ivan P.", "2026-01-03"), ("c", "I.", "2026-01-01")]:
        put(
            store,
            from_json(
                {
                    "record": "card",
                    "id": number,
                    "name": name,
                    "handles": [IVAN],
                    "changed_at": f"{at}T00:00:00Z",
                }
            ),
        )
    assert set(listed(store)) == {"Ivan P."}


def test_both_sides_of_a_merge_and_of_a_split_are_due(store: Database) -> None:
    put(store, call("1", IVAN), call("2", OLGA))
    both = settle(store)
    put(store, card("a", IVAN, OLGA))
    assert settle(store) == both
    put(store, card("a", IVAN, version=2))
    assert settle(store) == both


def test_a_stored_case_goes_with_the_handle_of_the_fact_that_opened_it(store: Database) -> None:
    put(store, call("1", IVAN), call("2", OLGA))
    row: dict[str, Any] = {
        "kind": "missed_call",
        "line_group": "sales",
        "state": "open",
        "opened_at": NOW,
        "started_at": NOW,
        "evidence": [],
        "taken": [],
        "row": {},
    }
    with store.begin() as connection:
        for number, handle in [("1", IVAN), ("2", OLGA)]:
            contact = people.number(handle)
            connection.execute(cases.insert(), {**row, "contact_id": contact, "key": f"missed_call:crm/call/{number}"})

    def owners() -> dict[str, int]:
        with store.begin() as connection:
            return {found.key: found.contact_id for found in connection.execute(select(cases))}

    before = owners()
    put(store, card("a", IVAN, OLGA))
    assert len(set(owners().values())) == 1
    put(store, card("a", OLGA, version=2))
    assert owners() == before


# Many


def chain(length: int) -> list[Record]:
    """Cards that hang together in a row: c0 – h0 – c1 – h1 …, each of another name."""
    return [card(f"c{number:03}", *(f"user:x/{near}" for near in (number, number + 1))) for number in range(length)]


def test_many_clients_in_one_import_are_each_decided(store: Database) -> None:
    put(store, *(card(f"c{number:03}", f"user:x/{number}", f"user:y/{number}") for number in range(300)))
    assert len(clients(store)) == 300


@pytest.mark.parametrize("together", [True, False])
def test_a_component_that_is_too_large_asks_a_person_and_stops_nobody_else(store: Database, together: bool) -> None:
    everything = [*chain(150), card("z", IVAN, MAIL)]
    for part in [everything] if together else [everything[begin : begin + 40] for begin in range(0, 160, 40)]:
        put(store, *part)
    assert frozenset({IVAN, MAIL, "card:z"}) in clients(store)
    with store.begin() as connection:
        (asked,) = {row["kind"] for row in repairs.listing(connection)}
    assert asked == "identity_too_large"


def test_a_switchboard_that_is_listed_later_mends_what_was_too_large(store: Database) -> None:
    put(store, *(card(f"c{number:03}", OFFICE, f"user:x/{number}", name="Office") for number in range(150)))
    lists = Lists(shared=frozenset({OFFICE}))
    with store.begin() as connection:
        assert len(repairs.listing(connection)) == 1
        identity.review(connection, [OFFICE], lists, NOW)
        assert repairs.listing(connection) == []
    assert len(clients(store)) == 151


def test_a_list_that_changes_parts_and_joins_again(store: Database) -> None:
    put(store, call("1", OFFICE), card("a", IVAN, OFFICE), card("b", OLGA, OFFICE))
    joined, before = clients(store), ids(store)
    for lists, parts in [(Lists(shared=frozenset({OFFICE})), 3), (Lists(), 1), (Lists(team=frozenset({OFFICE})), 3)]:
        with store.begin() as connection:
            identity.review(connection, [OFFICE], lists, NOW)
        assert len(clients(store)) == parts
    with store.begin() as connection:
        identity.review(connection, [OFFICE], Lists(), NOW)
    assert (clients(store), ids(store)) == (joined, before)


# Any order


NAMES = ("Ivan", "Olga", "Pavel", "Rita", "Sveta", "Timur")
HANDLES = tuple(f"user:x/{number}" for number in range(7))

cards = st.lists(
    st.tuples(
        st.sampled_from([f"k{number}" for number in range(8)]),
        st.sampled_from(NAMES),
        st.sets(st.sampled_from(HANDLES), max_size=3),
        st.sampled_from(["one", "two"]),
    ),
    min_size=2,
    max_size=14,
)


def picture(store: Database) -> Any:
    """The clients who have a fact or a card, with their ids; a handle that nobody carries any more is nobody."""
    settle(store)
    with store.begin() as connection:
        rows = contacts.listing(connection)
    return sorted((row["id"], row["kind"], row["name"] or "", row["handles"]) for row in rows)


def made(found: Sequence[tuple[str, str, Collection[str], str]]) -> list[Fact]:
    return [
        Fact(system, card(key, *sorted(own), name=name, version=number), NOW)
        for number, (key, name, own, system) in enumerate(found)
    ]


@given(found=cards, data=st.data())
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_contacts_and_their_ids_do_not_depend_on_the_order_of_arrival(
    sqlite_store: Database, found: Any, data: st.DataObject
) -> None:
    everything = made(found)
    order = data.draw(st.permutations(everything))
    pictures = []
    for parts in ([everything], [[item] for item in order]):
        with sqlite_store.begin() as connection:
            for table in reversed(metadata.sorted_tables):
                connection.execute(table.delete())
            for part in parts:
                facts.put(connection, part, NOW)
        pictures.append(picture(sqlite_store))
    assert pictures[0] == pictures[1]


def test_every_order_of_a_merge_and_a_split_ends_the_same(sqlite_store: Database) -> None:
    found = made(
        [
            ("k0", "Ivan", {HANDLES[0], HANDLES[1]}, "one"),
            ("k1", "Olga", {HANDLES[1], HANDLES[2]}, "one"),
            ("k0", "Ivan", {HANDLES[0]}, "one"),
        ]
    )
    results = []
    for order in itertools.permutations([*found, Fact("pbx", call("1", HANDLES[1]), NOW)]):
        with sqlite_store.begin() as connection:
            for table in reversed(metadata.sorted_tables):
                connection.execute(table.delete())
            for item in order:
                facts.put(connection, [item], NOW)
        results.append(picture(sqlite_store))
    assert all(result == results[0] for result in results)


def everything(store: Database) -> Any:
    """Handles and cards with their contacts, and the contacts that live."""
    with store.begin() as connection:
        return (
            sorted(connection.execute(select(handles.c.value, handles.c.contact_id, handles.c.shared)).all()),
            sorted(connection.execute(select(record_rows.c.id, record_rows.c.contact_id)).all()),
            sorted(
                (row.id, row.kind, row.name or "")
                for row in connection.execute(select(contact_rows).where(contact_rows.c.merged_into.is_(None)))
            ),
        )


@given(found=cards, calls=st.sets(st.sampled_from(HANDLES), max_size=2), parts=st.integers(1, 14))
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_card_that_founds_a_contact_gets_what_looking_at_all_cards_gives_him(
    sqlite_store: Database, found: Any, calls: set[str], parts: int
) -> None:
    told = [*(Fact("pbx", call(handle, handle), NOW) for handle in sorted(calls)), *made(found)]
    with sqlite_store.begin() as connection:
        for table in reversed(metadata.sorted_tables):
            connection.execute(table.delete())
        for begin in range(0, len(told), parts):
            facts.put(connection, told[begin : begin + parts], NOW)
    before = everything(sqlite_store)
    with sqlite_store.begin() as connection:
        cards = connection.scalars(select(record_rows.c.id).where(record_rows.c.kind == "card"))
        identity.recompute(connection, cards, Lists(), NOW, HANDLES)
    assert everything(sqlite_store) == before
