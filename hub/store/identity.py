"""Which handles and cards are one client: the touched part of the graph is decided anew, nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, delete, select, update

from hub.core.identity import LARGEST, CardNode, Component, identities, is_shared
from hub.store import people, repairs
from hub.store.bulk import chunks, insert_new
from hub.store.schema import cases, contacts, handles, record_handles, records
from hub.store.schema import repairs as repair_rows

Touch = Callable[[int | None, datetime | None], None]


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


def recompute(
    connection: Connection,
    cards: Iterable[int],
    touch: Touch,
    lists: Lists,
    now: datetime,
    lost: Iterable[str] = (),
) -> None:
    """Decide anew who the touched cards (ids of their records) and their handles belong to; lost: handles they had."""
    graph = _explore(connection, set(cards), set(lost), lists)
    _ask_about_large(connection, graph, now)
    small = [card for card in graph.cards.values() if not graph.is_large(card.node.ref)]
    values = {value for value in graph.handles if not graph.is_large(value)}
    found = identities(values, [card.node for card in small], listed=lists.shared | graph.shared, team=lists.team)
    ours = [Component((value,), ()) for value in sorted(values & lists.team)]
    by_ref = {card.node.ref: card for card in small}
    moves = [_settle(connection, client, by_ref) for client in (*found.clients, *ours)]
    _rekey(connection, graph, by_ref, moves, touch)


def review(connection: Connection, values: Iterable[str], lists: Lists, now: datetime) -> None:
    """These handles were put on the lists, or taken off: decide anew for all cards that carry one."""
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
    due: dict[int, datetime] = {}

    def touch(contact: int | None, since: datetime | None) -> None:
        if contact is not None:
            due[contact] = since or people.LONG_AGO

    recompute(connection, cards, touch, lists, now)
    people.mark_due(connection, due, now)


def handles_of(connection: Connection, cards: Iterable[int]) -> set[str]:
    """What these cards (ids of their records) carry now."""
    return {value for card in _cards(connection, cards) for value in card.node.handles}


def _explore(connection: Connection, wanted_cards: set[int], wanted_handles: set[str], lists: Lists) -> _Graph:
    """Everything reachable by way of handles that are not shared, or that was one client until now."""
    graph = _Graph()
    known_contacts: set[int] = set()
    while wanted_cards or wanted_handles:
        owners: dict[int, str] = {}
        for card in _cards(connection, wanted_cards - graph.cards.keys()):
            graph.cards[card.id] = card
            graph.root(card.node.ref)
            if card.contact is not None:
                owners[card.contact] = card.node.ref
            wanted_handles |= set(card.node.handles)
        fresh = wanted_handles - graph.handles.keys()
        wanted_handles, wanted_cards = set(), set()
        for row, carriers in _carriers(connection, fresh):
            graph.handles[row.value] = row
            owners[row.contact_id] = row.value
            graph.root(row.value)
            if row.value in lists.team:
                continue
            if is_shared(row.value, [card.node for card in carriers], lists.shared):
                graph.shared.add(row.value)  # not all its carriers are looked at, so it must be remembered
                continue
            for card in carriers:
                graph.join(row.value, card.node.ref)
            if not graph.is_large(row.value):
                wanted_cards |= {card.id for card in carriers}
        for contact, node, value, card_id in _of_contacts(connection, owners.keys() - known_contacts):
            graph.join(owners[contact], node)
            if not graph.is_large(node):
                wanted_handles |= {value} - {None}  # type: ignore[arg-type]
                wanted_cards |= {card_id} - {None}  # type: ignore[arg-type]
        known_contacts |= owners.keys()
        wanted_cards -= graph.cards.keys()
        wanted_handles -= graph.handles.keys()
    return graph


def _of_contacts(connection: Connection, ids: Iterable[int]) -> Iterable[tuple[int, str, str | None, int | None]]:
    """(contact, node, handle, card) of the handles and cards that belong to these contacts now."""
    for part in chunks(ids):
        own = select(handles.c.contact_id, handles.c.value).where(handles.c.contact_id.in_(part))
        for contact, value in connection.execute(own):
            yield contact, value, value, None
        cards = select(records).where(records.c.contact_id.in_(part))
        for row in connection.execute(cards):
            yield row.contact_id, _ref(row), None, row.id


def _ref(row: Any) -> str:
    return f"{row.connection}/card/{row.source_id}"


def _cards(connection: Connection, ids: Iterable[int]) -> list[_Card]:
    """Cards with their handles. One that was deleted still says whose its handles were: it owns what came before."""
    rows: dict[int, Any] = {}
    own: dict[int, list[str]] = {}
    for part in chunks(ids):
        rows.update({row.id: row for row in connection.execute(select(records).where(records.c.id.in_(part)))})
        links = connection.execute(
            select(record_handles.c.record_id, handles.c.value)
            .join(handles, handles.c.id == record_handles.c.handle_id)
            .where(record_handles.c.record_id.in_(part))
        )
        for link in links:
            own.setdefault(link.record_id, []).append(link.value)
    return [
        _Card(
            row.id,
            CardNode(_ref(row), row.body.get("name") if row.body else None, tuple(sorted(own.get(row.id, ())))),
            (row.changed_at.timestamp() if row.changed_at else 0.0, _ref(row)),
            row.contact_id,
        )
        for row in rows.values()
    ]


def _carriers(connection: Connection, values: Iterable[str]) -> list[tuple[Any, list[_Card]]]:
    """Handle rows, each with the cards that carry it."""
    rows: dict[int, Any] = {}
    links: dict[int, set[int]] = {}
    for part in chunks(values):
        rows.update({row.id: row for row in connection.execute(select(handles).where(handles.c.value.in_(part)))})
    for numbers in chunks(rows):
        found = connection.execute(
            select(record_handles.c.handle_id, record_handles.c.record_id)
            .join(records, records.c.id == record_handles.c.record_id)
            .where(record_handles.c.handle_id.in_(numbers), records.c.kind == "card")
        )
        for link in found:
            links.setdefault(link.handle_id, set()).add(link.record_id)
    cards = {card.id: card for card in _cards(connection, {number for found in links.values() for number in found})}
    return [(row, [cards[number] for number in sorted(links.get(id_, ()))]) for id_, row in rows.items()]


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


def _settle(connection: Connection, client: Component, by_ref: dict[str, _Card]) -> tuple[int, Component]:
    """Give one client its contact: that of its first handle by number, so that no order of arrival matters."""
    founders = client.handles or [f"card:{ref}" for ref in client.cards]
    contact = min(map(people.number, founders))
    named = [by_ref[ref] for ref in client.cards if by_ref[ref].node.name]
    name = max(named, key=lambda card: card.rank).node.name if named else None
    insert_new(connection, contacts, [{"id": contact, "kind": client.kind}], on=("id",))
    connection.execute(
        update(contacts).where(contacts.c.id == contact).values(kind=client.kind, name=name, merged_into=None)
    )
    ids = [by_ref[ref].id for ref in client.cards if by_ref[ref].contact != contact]
    for part in chunks(ids):
        connection.execute(update(records).where(records.c.id.in_(part)).values(contact_id=contact))
    for values in chunks(client.handles):
        connection.execute(update(handles).where(handles.c.value.in_(values)).values(shared=client.kind == "shared"))
    return contact, client


def _rekey(
    connection: Connection, graph: _Graph, by_ref: dict[str, _Card], moves: list[tuple[int, Component]], touch: Touch
) -> None:
    """Move handles, leave tombstones where a contact has nothing left, and let both sides be derived anew."""
    moved = [
        (graph.handles[value].id, graph.handles[value].contact_id, contact)
        for contact, client in moves
        for value in client.handles
        if graph.handles[value].contact_id != contact
    ]
    if moved:
        connection.execute(
            update(handles).where(handles.c.id == bindparam("handle")).values(contact_id=bindparam("contact")),
            [{"handle": number, "contact": new} for number, _, new in moved],
        )
    left = {old: new for _, old, new in moved}
    for old in left:
        _move_cases(connection, old)
    for contact, client in moves:
        left |= {old: contact for ref in client.cards if (old := by_ref[ref].contact) not in (None, contact)}
    _bury(connection, left)
    for contact in {contact for contact, _ in moves} | left.keys():
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
            connection.execute(update(contacts).where(contacts.c.id == old).values(merged_into=new))
