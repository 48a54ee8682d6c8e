"""Which handles and cards are one client (model 3, design 6)."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hub.core.identity import CardNode, Component, Cut, Identities, identities, placed, shared_handles

P1, P2, P3, MAIL = "phone:+79210000001", "phone:+79210000002", "phone:+79210000003", "email:a@x.ru"


def card(ref: str, *handles: str, name: str | None = None) -> CardNode:
    return CardNode(ref, name or ref, handles)


def told(found: Identities) -> list[set[str]]:
    return [set(client.nodes) for client in found.clients]


def test_a_handle_seen_alone_is_a_client():
    assert told(identities([P1], [])) == [{P1}]


def test_one_handle_on_cards_of_several_systems_is_one_client():
    cards = [card("amo/card/1", P1), card("b24/card/9", P1, P2)]
    assert told(identities([P1], cards)) == [{P1, P2, "amo/card/1", "b24/card/9"}]


def test_a_handle_on_more_than_three_cards_of_different_names_is_shared():
    cards = [card(f"amo/card/{number}", P1, f"phone:+7921000001{number}", name=f"Name {number}") for number in range(4)]
    assert shared_handles(cards) == {P1}
    assert shared_handles(cards[:3]) == frozenset()
    found = identities([], cards)
    assert [client for client in found.clients if client.kind == "shared"] == [Component((P1,), (), "shared")]
    assert len(found.clients) == 5


def test_only_different_names_in_one_system_count():
    same = [card(f"amo/card/{number}", P1, name="Иван") for number in range(5)]
    assert not shared_handles(same)
    spread = [card(f"s{number}/card/1", P1, name=f"Name {number}") for number in range(5)]
    assert not shared_handles(spread)
    assert not shared_handles([CardNode(f"amo/card/{number}", None, (P1,)) for number in range(5)])


def test_a_listed_handle_is_shared_and_never_a_bridge():
    cards = [card("amo/card/1", P1, P2), card("amo/card/2", P1, P3)]
    found = identities([], cards, listed=[P1])
    assert {frozenset(client.nodes) for client in found.clients} == {
        frozenset({P1}),
        frozenset({P2, "amo/card/1"}),
        frozenset({P3, "amo/card/2"}),
    }


def test_a_handle_of_the_team_is_never_a_clients_nor_a_bridge():
    cards = [card("amo/card/1", P1, P2), card("amo/card/2", P1, P3)]
    found = identities([P1], cards, team=[P1])
    assert {frozenset(client.nodes) for client in found.clients} == {
        frozenset({P2, "amo/card/1"}),
        frozenset({P3, "amo/card/2"}),
    }


def test_people_join_what_no_card_does():
    assert told(identities([P1, MAIL], [], joins=[(P1, MAIL)])) == [{P1, MAIL}]


def test_a_shared_handle_is_joined_to_nobody():
    assert told(identities([P1, P2], [], listed=[P1], joins=[(P1, P2)])) == [{P1}, {P2}]


def test_people_split_what_cards_join():
    cards = [card("amo/card/1", P1), card("b24/card/9", P1, P2)]
    cut = Cut(frozenset({"b24/card/9", P2}))
    assert told(identities([], cards, splits=[cut])) == [{"amo/card/1", P1}, {"b24/card/9", P2}]


def test_without_the_split_all_is_as_before():
    cards = [card("amo/card/1", P1), card("b24/card/9", P1, P2)]
    assert identities([], cards, splits=[]) == identities([], cards)


def test_a_component_too_large_for_a_machine_is_left_to_a_person():
    cards = [card("amo/card/1", *(f"phone:+7921{number:07d}" for number in range(200)))]
    found = identities([], cards)
    assert not found.clients
    assert len(found.too_large[0].nodes) == 201


def test_the_oldest_contact_survives():
    (client,) = identities([], [card("amo/card/1", P1, P2)]).clients
    assert placed([client], {P1: 9, P2: 4, "amo/card/1": 7}) == {client: 4}
    assert placed([client], {}) == {client: None}


def test_what_falls_apart_keeps_one_contact_once():
    found = identities([P1, P2], []).clients
    assert placed(found, {P1: 4, P2: 4}) == {found[0]: 4, found[1]: None}


NODES = st.sampled_from([f"phone:+7921000000{number}" for number in range(8)])
CARDS = st.lists(st.tuples(st.sampled_from(["amo", "b24"]), st.sets(NODES, max_size=3)), max_size=8).map(
    lambda rows: [CardNode(f"{system}/card/{n}", f"n{n}", tuple(sorted(own))) for n, (system, own) in enumerate(rows)]
)
JOINS = st.lists(st.tuples(NODES, NODES), max_size=3)


@given(CARDS, JOINS, st.randoms())
def test_order_does_not_matter(cards, joins, chance):
    before = identities([], cards, joins=joins)
    mixed, pairs = list(cards), list(joins)
    chance.shuffle(mixed)
    chance.shuffle(pairs)
    assert identities([], mixed, joins=pairs) == before


@given(CARDS, JOINS)
def test_every_node_is_somebodys_once(cards, joins):
    found = identities([], cards, joins=joins)
    nodes = [node for client in found.clients for node in client.nodes]
    assert len(nodes) == len(set(nodes))
    assert {one.ref for one in cards} <= set(nodes)


@given(CARDS, JOINS)
def test_deciding_one_component_alone_says_the_same(cards, joins):
    """Only the touched part of the graph has to be looked at."""
    whole = identities([], cards, joins=joins)
    for client in whole.clients:
        if client.kind == "shared":
            continue
        near = [one for one in cards if one.ref in client.cards or set(one.handles) & set(client.handles)]
        shared = shared_handles(cards)
        own = identities(client.handles, near, joins=joins, listed=shared)
        assert client in own.clients
