"""Which handles and cards are one client: the touched part of the graph is decided anew, nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, select, update

from hub.store import people, repairs
from hub.store.bulk import chunks, insert_new
from hub.store.schema import cases, contacts, handles, record_handles, records

LARGEST = 200
"""Nodes of one component: beyond, a person must say who is who (design.md 6)."""
SHARED_FROM = 4
"""Different names in one system from which on a handle is a switchboard (model.md 3)."""

Touch = Callable[[int | None, datetime | None], None]


@dataclass(slots=True)
class _Card:
    id: int
    ref: str
    connection: str
    name: str | None
    rank: tuple[float, str]
    contact: int | None
    handles: set[int] = field(default_factory=set)


@dataclass(slots=True)
class _Graph:
    """The part of the graph that hangs together with what was touched."""

    handles: dict[int, Any] = field(default_factory=dict)
    cards: dict[int, _Card] = field(default_factory=dict)
    shared: set[int] = field(default_factory=set)
    too_large: bool = False


def recompute(
    connection: Connection, cards: Iterable[int], touch: Touch, shared: frozenset[str], now: datetime
) -> None:
    """Decide anew who the touched cards and their handles belong to."""
    graph = _explore(connection, set(cards), shared)
    if graph.too_large:
        first = min(card.ref for card in graph.cards.values())
        repairs.note(
            connection, f"identity:{first}", kind="identity_too_large", now=now,
            title=f"over {LARGEST} cards and handles hang together around {first}",
            advice="find the switchboard among their handles and add it to [hub] shared_handles",
        )
        return
    moves: dict[int, int] = {}
    for members in _components(graph):
        _settle(connection, graph, members, moves)
    _rekey(connection, graph, moves, touch)


def _explore(connection: Connection, frontier: set[int], listed: frozenset[str]) -> _Graph:
    """Everything reachable from the cards by way of handles that are not shared, or that was one client until now."""
    graph = _Graph()
    known_contacts: set[int] = set()
    pending_cards, pending_handles = frontier, set[int]()
    while pending_cards or pending_handles:
        owners: set[int] = set()
        for card in _cards(connection, pending_cards - graph.cards.keys()):
            graph.cards[card.id] = card
            pending_handles |= card.handles
            owners |= {card.contact} - {None}  # type: ignore[arg-type]
        fresh = pending_handles - graph.handles.keys()
        pending_handles, pending_cards = set(), set()
        for handle, cards in _owners(connection, fresh).items():
            graph.handles[handle.id] = handle
            owners.add(handle.contact_id)
            if handle.value in listed or _is_shared(cards):
                graph.shared.add(handle.id)
            else:
                pending_cards |= {card.id for card in cards}
        pending_handles, more_cards = _of_contacts(connection, owners - known_contacts)
        pending_cards |= more_cards
        known_contacts |= owners
        pending_cards -= graph.cards.keys()
        pending_handles -= graph.handles.keys()
        if len(graph.handles) + len(graph.cards) > LARGEST:
            graph.too_large = True
            return graph
    return graph


def _of_contacts(connection: Connection, ids: set[int]) -> tuple[set[int], set[int]]:
    """The handles and cards that belong to these contacts now."""
    own_handles: set[int] = set()
    own_cards: set[int] = set()
    for part in chunks(ids):
        own_handles |= set(connection.scalars(select(handles.c.id).where(handles.c.contact_id.in_(part))))
        own_cards |= set(connection.scalars(select(records.c.id).where(records.c.contact_id.in_(part))))
    return own_handles, own_cards


def _cards(connection: Connection, ids: set[int]) -> list[_Card]:
    found: dict[int, _Card] = {}
    for part in chunks(ids):
        for row in connection.execute(select(records).where(records.c.id.in_(part))):
            found[row.id] = _card(row)
        links = connection.execute(select(record_handles).where(record_handles.c.record_id.in_(part)))
        for link in links:
            if link.record_id in found:
                found[link.record_id].handles.add(link.handle_id)
    return list(found.values())


def _card(row: Any) -> _Card:
    """A card that was deleted still says who its handles belonged to: it owns what came before."""
    changed = row.changed_at.timestamp() if row.changed_at else 0.0
    ref = f"{row.connection}/card/{row.source_id}"
    return _Card(row.id, ref, row.connection, row.body.get("name") if row.body else None, (changed, ref), row.contact_id)


def _owners(connection: Connection, ids: set[int]) -> dict[Any, list[_Card]]:
    """Handle row → the cards that carry it."""
    rows: dict[int, Any] = {}
    links: dict[int, set[int]] = {}
    for part in chunks(ids):
        rows.update({row.id: row for row in connection.execute(select(handles).where(handles.c.id.in_(part)))})
        for link in connection.execute(select(record_handles).where(record_handles.c.handle_id.in_(part))):
            links.setdefault(link.handle_id, set()).add(link.record_id)
    kinds = select(records.c.id).where(records.c.kind == "card")
    all_ids = {record for found in links.values() for record in found}
    card_ids = {row for part in chunks(all_ids) for row in connection.scalars(kinds.where(records.c.id.in_(part)))}
    cards = {card.id: card for card in _cards(connection, card_ids)}
    return {
        row: [cards[number] for number in links.get(id_, ()) if number in cards]
        for id_, row in rows.items()
    }


def _is_shared(cards: list[_Card]) -> bool:
    names: dict[str, set[str]] = {}
    for card in cards:
        if card.name:
            names.setdefault(card.connection, set()).add(card.name.casefold())
    return any(len(found) >= SHARED_FROM for found in names.values())


def _components(graph: _Graph) -> list[tuple[set[int], set[int]]]:
    """(handles, cards) of each client; a shared handle is a client of its own and never a bridge."""
    parent: dict[tuple[str, int], tuple[str, int]] = {}

    def find(node: tuple[str, int]) -> tuple[str, int]:
        while parent.setdefault(node, node) != node:
            node = parent[node]
        return node

    for handle in graph.handles:
        find(("handle", handle))
    for card in graph.cards.values():
        find(("card", card.id))
        for handle in card.handles - graph.shared:
            parent[find(("handle", handle))] = find(("card", card.id))
    groups: dict[tuple[str, int], tuple[set[int], set[int]]] = {}
    for node in list(parent):
        members = groups.setdefault(find(node), (set(), set()))
        members[0 if node[0] == "handle" else 1].add(node[1])
    return list(groups.values())


def _settle(
    connection: Connection, graph: _Graph, members: tuple[set[int], set[int]], moves: dict[int, int]
) -> None:
    """Give one client its contact: that of its first handle by number, so that no order of arrival matters."""
    own_handles, own_cards = members
    cards = [graph.cards[number] for number in own_cards]
    founders = [people.number(graph.handles[number].value) for number in own_handles]
    contact = min(founders) if founders else min(people.number(f"card:{card.ref}") for card in cards)
    names = [card for card in cards if card.name]
    name = max(names, key=lambda card: card.rank).name if names else None
    shared = bool(own_handles & graph.shared)
    kind = "shared" if shared else "person"
    insert_new(connection, contacts, [{"id": contact, "kind": kind}], on=("id",))
    connection.execute(
        update(contacts).where(contacts.c.id == contact).values(kind=kind, name=name, merged_into=None)
    )
    for number in own_handles:
        moves[number] = contact
    if own_cards:
        connection.execute(update(records).where(records.c.id.in_(own_cards)).values(contact_id=contact))
    connection.execute(update(handles).where(handles.c.id.in_(own_handles)).values(shared=shared))


def _rekey(connection: Connection, graph: _Graph, moves: dict[int, int], touch: Touch) -> None:
    """Move handles, leave tombstones where a contact has nothing left, and let both sides be derived anew."""
    moved = {
        number: (graph.handles[number].contact_id, contact)
        for number, contact in moves.items() if graph.handles[number].contact_id != contact
    }
    if moved:
        connection.execute(
            update(handles).where(handles.c.id == bindparam("handle")).values(contact_id=bindparam("contact")),
            [{"handle": number, "contact": new} for number, (_, new) in moved.items()],
        )
        for old in {old for old, _ in moved.values()}:
            _move_cases(connection, old)
        _bury(connection, dict(moved.values()))
    for contact in {*moves.values(), *(old for old, _ in moved.values())}:
        touch(contact, people.LONG_AGO)


def _move_cases(connection: Connection, old: int) -> None:
    """A stored case goes with the handle of the fact that opened it."""
    for row in connection.execute(select(cases.c.id, cases.c.key).where(cases.c.contact_id == old)).all():
        name, kind, source_id = row.key.partition(":")[2].split("/", 2)
        owner = connection.scalar(
            select(handles.c.contact_id)
            .join(records, records.c.handle_id == handles.c.id)
            .where(records.c.connection == name, records.c.kind == kind, records.c.source_id == source_id)
        )
        if owner is not None and owner != old:
            connection.execute(update(cases).where(cases.c.id == row.id).values(contact_id=owner))


def _bury(connection: Connection, moved: dict[int, int]) -> None:
    for old, new in moved.items():
        left = connection.scalar(select(handles.c.id).where(handles.c.contact_id == old).limit(1))
        cards = connection.scalar(select(records.c.id).where(records.c.contact_id == old).limit(1))
        if left is None and cards is None:
            connection.execute(
                update(contacts).where(contacts.c.id == old)
                .values(merged_into=new, due_at=None, wake_at=None, changed_from=None)
            )
