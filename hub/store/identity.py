"""Which handles and cards are one client: the touched part of the graph is decided anew, nothing else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import Connection, delete, select, update

from hub.core.identity import LARGEST, CardNode, Component, identities, is_shared
from hub.core.records import Card
from hub.store import people, repairs
from hub.store.bulk import among, chunks, renew, upsert
from hub.store.schema import cases, contacts, handles, record_handles, records
from hub.store.schema import repairs as repair_rows

K = TypeVar("K", bound=tuple[str, ...])


@dataclass(frozen=True, slots=True)
class Lists:
    """Handles that join nobody: listed switchboards, and our own people's."""

    shared: frozenset[str] = frozenset()
    team: frozenset[str] = frozenset()

    @property
    def barriers(self) -> frozenset[str]:
        """What no client hangs together by."""
        return self.shared | self.team


@dataclass(slots=True)
class _Card:
    id: int
    node: CardNode
    rank: tuple[float, str]
    contact: int | None


@dataclass(slots=True)
class _Graph:
    """The part of the graph that hangs together with what was touched, in parts that are no more than LARGEST."""

    handles: dict[str, Any] = field(default_factory=dict)
    cards: dict[int, _Card] = field(default_factory=dict)
    parent: dict[str, str] = field(default_factory=dict)
    sizes: dict[str, int] = field(default_factory=dict)
    shared: set[str] = field(default_factory=set)

    def root(self, node: str) -> str:
        self.sizes.setdefault(node, 1)
        while self.parent.setdefault(node, node) != node:
            self.parent[node] = node = self.parent[self.parent[node]]
        return node

    def join(self, one: str, other: str) -> None:
        first, second = sorted((self.root(one), self.root(other)))
        if first != second:
            self.parent[second] = first
            self.sizes[first] += self.sizes[second]

    def is_large(self, node: str) -> bool:
        """Whether the part is beyond what the machine may decide."""
        return self.sizes[self.root(node)] > LARGEST


def found(connection: Connection, cards: Mapping[K, Card], taken: Collection[str]) -> dict[K, int]:
    """Let new cards (by the parts of their references) that share no handle found contacts: card → its contact.

    taken: handles that are known already, or by which nobody is joined. The other cards are for `recompute`: it would
    say the same of these, but would have to look for their neighbours.
    """
    carriers = Counter(handle for card in cards.values() for handle in set(card.handles))
    founded = {
        key: _founder(card.handles, ["/".join(key)])
        for key, card in cards.items()
        if not any(handle in taken or carriers[handle] > 1 for handle in card.handles)
    }
    _name(connection, [(contact, "person", cards[key].name) for key, contact in founded.items()])
    return founded


def _founder(values: Collection[str], cards: Iterable[str]) -> int:
    """The contact of a client: that of his first handle by number, so that no order of arrival matters."""
    return min(map(people.number, values or (f"card:{ref}" for ref in cards)))


def _name(connection: Connection, clients: Iterable[tuple[int, str, str | None]]) -> None:
    """(contact, kind, name) of contacts that live."""
    rows = [{"id": contact, "kind": kind, "name": name, "merged_into": None} for contact, kind, name in clients]
    upsert(connection, contacts, rows, on=("id",))


def recompute(
    connection: Connection, cards: Iterable[int], lists: Lists, now: datetime, lost: Iterable[str] = ()
) -> set[int]:
    """Decide anew who the touched cards (ids of their records) and their handles belong to.

    lost: handles that they had, or that stand on the lists no longer. Returns the contacts that were decided anew, and
    those that something was taken from.
    """
    graph = _explore(connection, set(cards), frozenset(lost), lists)
    _ask_about_large(connection, graph, now)
    small = [card for card in graph.cards.values() if not graph.is_large(card.node.ref)]
    values = {value for value in graph.handles if not graph.is_large(value)}
    parts = identities(values, [card.node for card in small], listed=lists.shared | graph.shared, team=lists.team)
    ours = [Component((value,), ()) for value in sorted(values & lists.team)]
    by_ref = {card.node.ref: card for card in small}
    homes = [(_founder(client.handles, client.cards), client) for client in (*parts.clients, *ours)]
    _settle(connection, homes, graph, by_ref)
    left = _rekey(connection, homes, graph, by_ref)
    return {*left, *(contact for contact, _ in homes)}


def review(connection: Connection, values: Iterable[str], lists: Lists, now: datetime) -> None:
    """These handles were put on the lists, or taken off: decide anew for all cards that carry one."""
    values = set(values)
    connection.execute(delete(repair_rows).where(repair_rows.c.kind == "identity_too_large"))
    cards: set[int] = set()
    for part in chunks(values):
        cards |= set(
            connection.scalars(
                select(records.c.id)
                .join(record_handles, record_handles.c.record_id == records.c.id)
                .join(handles, handles.c.id == record_handles.c.handle_id)
                .where(handles.c.value.in_(part), records.c.kind == "card")
            )
        )
    decided = recompute(connection, cards, lists, now, values)
    people.mark_due(connection, dict.fromkeys(decided, people.LONG_AGO), now)


def handles_of(connection: Connection, cards: Collection[int]) -> set[str]:
    """What these cards (ids of their records) carry now."""
    return {value for card in _cards(connection, cards) for value in card.node.handles}


def _explore(connection: Connection, wanted_cards: set[int], lost: Collection[str], lists: Lists) -> _Graph:
    """Everything reachable by way of handles that are not shared, or that was one client until now."""
    graph = _Graph()
    known_contacts: set[int] = set()
    wanted_handles = set(lost)
    while wanted_cards or wanted_handles:
        owners: dict[int, str] = {}
        for card in _cards(connection, wanted_cards - graph.cards.keys()):
            graph.cards[card.id] = card
            graph.root(card.node.ref)
            if card.contact is not None:
                owners[card.contact] = card.node.ref
            wanted_handles |= set(card.node.handles)
        unknown = wanted_handles - graph.handles.keys()
        fresh = connection.execute(_HANDLES, {"values": unknown}).all() if unknown else ()
        wanted_handles, wanted_cards = set(), set()
        bridges: list[Any] = []
        for row in fresh:
            graph.handles[row.value] = row
            owners[row.contact_id] = row.value
            graph.root(row.value)
            if row.value in lists.team:
                continue
            if row.value in lists.shared or (row.shared and row.value not in lost):
                graph.shared.add(row.value)  # one more card makes no switchboard a bridge again
            else:
                bridges.append(row)
        for value, carriers in _carriers(connection, bridges, graph).items():
            if is_shared(value, [card.node for card in carriers]):
                graph.shared.add(value)  # not all its carriers are looked at, so it must be remembered
                continue
            for card in carriers:
                graph.join(value, card.node.ref)
            if not graph.is_large(value):
                wanted_cards |= {card.id for card in carriers}
        for contact, node, handle, card_id in _of_contacts(connection, owners.keys() - known_contacts):
            graph.join(owners[contact], node)
            if handle is not None and not graph.is_large(node):
                wanted_handles.add(handle)
            if card_id is not None and not graph.is_large(node):
                wanted_cards.add(card_id)
        known_contacts |= owners.keys()
        wanted_cards -= graph.cards.keys()
        wanted_handles -= graph.handles.keys()
    return graph


_HANDLES_OF = select(handles.c.contact_id, handles.c.value).where(among(handles.c.contact_id))
_CARDS_OF = select(records.c.contact_id, records.c.connection, records.c.source_id, records.c.id).where(
    among(records.c.contact_id)
)


def _of_contacts(connection: Connection, ids: Collection[int]) -> Iterator[tuple[int, str, str | None, int | None]]:
    """(contact, node, handle, card) of the handles and cards that belong to these contacts now."""
    if ids:
        for contact, value in connection.execute(_HANDLES_OF, {"values": ids}):
            yield contact, value, value, None
        for contact, name, source_id, card_id in connection.execute(_CARDS_OF, {"values": ids}):
            yield contact, f"{name}/card/{source_id}", None, card_id


_CARDS = select(
    records.c.id, records.c.connection, records.c.source_id, records.c.body, records.c.changed_at, records.c.contact_id
).where(among(records.c.id))
_CARRIED = (
    select(record_handles.c.record_id, handles.c.value)
    .join(handles, handles.c.id == record_handles.c.handle_id)
    .where(among(record_handles.c.record_id))
)


def _cards(connection: Connection, ids: Collection[int]) -> list[_Card]:
    """Cards with their handles. One that was deleted still says whose its handles were: it owns what came before."""
    if not ids:
        return []
    own: dict[int, list[str]] = {}
    for card_id, value in connection.execute(_CARRIED, {"values": ids}):
        own.setdefault(card_id, []).append(value)
    found: list[_Card] = []
    for card_id, name, source_id, body, changed_at, contact in connection.execute(_CARDS, {"values": ids}):
        ref = f"{name}/card/{source_id}"
        node = CardNode(ref, body.get("name") if body else None, tuple(sorted(own.get(card_id, ()))))
        found.append(_Card(card_id, node, (changed_at.timestamp() if changed_at else 0.0, ref), contact))
    return found


_HANDLES = select(handles).where(among(handles.c.value))
_CARRIERS = (
    select(record_handles.c.handle_id, record_handles.c.record_id)
    .join(records, records.c.id == record_handles.c.record_id)
    .where(among(record_handles.c.handle_id), records.c.kind == "card")
)


def _carriers(connection: Connection, rows: Iterable[Any], graph: _Graph) -> dict[str, list[_Card]]:
    """Handle → the cards that carry it, for these handle rows."""
    values = {row.id: row.value for row in rows}
    links: dict[str, set[int]] = {value: set() for value in values.values()}
    for handle_id, card_id in connection.execute(_CARRIERS, {"values": values}) if values else ():
        links[values[handle_id]].add(card_id)
    unknown = {number for found in links.values() for number in found} - graph.cards.keys()
    cards = graph.cards | {card.id: card for card in _cards(connection, unknown)}
    return {value: [cards[number] for number in sorted(found)] for value, found in links.items()}


def _ask_about_large(connection: Connection, graph: _Graph, now: datetime) -> None:
    """A person must say who is who; what was asked before and has become small is not asked any more."""
    refs: dict[str, list[str]] = {}
    for card in graph.cards.values():
        refs.setdefault(graph.root(card.node.ref), []).append(card.node.ref)
    asked = set(connection.scalars(select(repair_rows.c.key).where(repair_rows.c.kind == "identity_too_large")))
    for root, found in refs.items():
        if not graph.is_large(root):
            for key in asked & {f"identity:{ref}" for ref in found}:
                repairs.clear(connection, key)
            continue
        first = min(found)
        repairs.note(
            connection,
            f"identity:{first}",
            kind="identity_too_large",
            now=now,
            title=f"over {LARGEST} cards and handles hang together around {first}",
            advice="find the switchboard among their handles and add it to [hub] shared_handles",
        )


def _settle(
    connection: Connection, homes: Sequence[tuple[int, Component]], graph: _Graph, by_ref: Mapping[str, _Card]
) -> None:
    """Give each client its contact, name and cards."""
    named: list[tuple[int, str, str | None]] = []
    moved: list[dict[str, int]] = []
    marked: list[dict[str, Any]] = []
    for contact, client in homes:
        own = [by_ref[ref] for ref in client.cards]
        newest = max((card for card in own if card.node.name), key=lambda card: card.rank, default=None)
        named.append((contact, client.kind, newest.node.name if newest else None))
        moved += [{"id": card.id, "contact_id": contact} for card in own if card.contact != contact]
        shared = client.kind == "shared"
        marked += [
            {"id": row.id, "contact_id": contact, "shared": shared}
            for row in map(graph.handles.__getitem__, client.handles)
            if (row.contact_id, row.shared) != (contact, shared)
        ]
    _name(connection, named)
    renew(connection, records, moved)
    renew(connection, handles, marked)


def _rekey(
    connection: Connection, homes: Sequence[tuple[int, Component]], graph: _Graph, by_ref: Mapping[str, _Card]
) -> Iterable[int]:
    """Leave tombstones where a contact has nothing left; the contacts that something was taken from."""
    left = {
        old: contact
        for contact, client in homes
        for value in client.handles
        if (old := graph.handles[value].contact_id) != contact
    }
    _move_cases(connection, left)
    for contact, client in homes:
        left |= {old: contact for ref in client.cards if (old := by_ref[ref].contact) not in (None, contact)}
    _bury(connection, left)
    return left


def _move_cases(connection: Connection, left: Iterable[int]) -> None:
    """A stored case goes with the handle of the fact that opened it."""
    for part in chunks(left):
        stored = select(cases.c.id, cases.c.key, cases.c.contact_id).where(cases.c.contact_id.in_(part))
        for row in connection.execute(stored).all():
            name, kind, source_id = row.key.partition(":")[2].split("/", 2)
            owner = connection.scalar(
                select(handles.c.contact_id)
                .join(records, records.c.handle_id == handles.c.id)
                .where(records.c.connection == name, records.c.kind == kind, records.c.source_id == source_id)
            )
            if owner is not None and owner != row.contact_id:
                connection.execute(update(cases).where(cases.c.id == row.id).values(contact_id=owner))


_WITH_HANDLES = select(handles.c.contact_id).where(among(handles.c.contact_id))
_WITH_CARDS = select(records.c.contact_id).where(among(records.c.contact_id))


def _bury(connection: Connection, moved: Mapping[int, int]) -> None:
    living = {
        contact
        for statement in (_WITH_HANDLES, _WITH_CARDS)
        for contact in (connection.scalars(statement, {"values": moved}) if moved else ())
    }
    renew(connection, contacts, [{"id": old, "merged_into": new} for old, new in moved.items() if old not in living])
