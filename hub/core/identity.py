"""Which handles and cards are one client? A pure function of what the systems say and what people decided.

Handles and cards are nodes, a card's handles its edges. A client is a connected component, without shared handles, plus
what people joined, minus what they split (model.md 3, design.md 6). Only the touched part needs to be given.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

LARGEST = 200
"""Nodes of one component: beyond it nothing is decided, a person must say who is who."""
SHARED_FROM = 4
"""Cards of different names in one system from which on a handle is a switchboard."""


@dataclass(frozen=True, slots=True)
class CardNode:
    """A card as the graph sees it. ref: `connection/card/id`."""

    ref: str
    name: str | None
    handles: tuple[str, ...]

    @property
    def system(self) -> str:
        return self.ref.partition("/")[0]


@dataclass(frozen=True, slots=True)
class Cut:
    """A person said that these nodes are another client than the rest of the component; the newest decision first."""

    nodes: frozenset[str]


@dataclass(frozen=True, slots=True)
class Component:
    """One client: his handles and cards, sorted. kind `shared`: one handle of many, a client of its own."""

    handles: tuple[str, ...]
    cards: tuple[str, ...]
    kind: Literal["person", "shared"] = "person"

    @property
    def nodes(self) -> tuple[str, ...]:
        return (*self.handles, *self.cards)


@dataclass(frozen=True, slots=True)
class TooLarge:
    """A component that nobody may decide but a person; its nodes keep the contact they have."""

    nodes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Identities:
    """Who is who, each list in a fixed order."""

    clients: tuple[Component, ...]
    too_large: tuple[TooLarge, ...] = ()


def is_shared(handle: str, cards: Iterable[CardNode], listed: Collection[str] = ()) -> bool:
    """Whether a handle is a switchboard: listed, or on more than three cards of different names in one system."""
    if handle in listed:
        return True
    names: dict[str, set[str]] = {}
    for card in cards:
        if card.name and handle in card.handles:
            names.setdefault(card.system, set()).add(" ".join(card.name.casefold().split()))
    return any(len(found) >= SHARED_FROM for found in names.values())


def shared_handles(cards: Sequence[CardNode], listed: Collection[str] = ()) -> frozenset[str]:
    """The switchboards among the handles of these cards."""
    by_handle: dict[str, list[CardNode]] = {}
    for card in cards:
        for handle in card.handles:
            by_handle.setdefault(handle, []).append(card)
    return frozenset(handle for handle, found in by_handle.items() if is_shared(handle, found, listed))


def identities(
    handles: Collection[str],
    cards: Sequence[CardNode],
    *,
    listed: Collection[str] = (),
    team: Collection[str] = (),
    joins: Iterable[tuple[str, str]] = (),
    splits: Iterable[Cut] = (),
) -> Identities:
    """The clients of the part that is given.

    handles: those to be placed, those of the cards besides. team: handles of ours, never a client's and never a bridge.
    joins: pairs of nodes (handles or card references) that people said are one client; one with an end outside the part
    counts for nothing, and a shared handle is joined to nobody. splits: nodes that people took out of a client; what they are joined with by cards inside the split stays
    together.
    """
    shared = shared_handles(cards, listed) | frozenset(listed)
    ours = frozenset(team)
    nodes = {*handles, *(handle for card in cards for handle in card.handles)} - ours
    cuts = list(splits)
    links = _Links({*nodes, *(card.ref for card in cards)})
    for left, right in _edges(cards, joins):
        if links.knows(left, right) and not ({left, right} & (shared | ours)) and not _parted(left, right, cuts):
            links.join(left, right)
    return _sorted(links.groups(), {card.ref for card in cards}, shared)


def _edges(cards: Iterable[CardNode], joins: Iterable[tuple[str, str]]) -> Iterable[tuple[str, str]]:
    for card in cards:
        for handle in card.handles:
            yield card.ref, handle
    yield from joins


def _parted(left: str, right: str, cuts: Iterable[Cut]) -> bool:
    return any((left in cut.nodes) != (right in cut.nodes) for cut in cuts)


def _sorted(groups: Iterable[set[str]], cards: set[str], shared: Collection[str]) -> Identities:
    clients: list[Component] = []
    large: list[TooLarge] = []
    for group in sorted(groups, key=min):
        if len(group) > LARGEST:
            large.append(TooLarge(tuple(sorted(group))))
            continue
        own = tuple(sorted(group - cards))
        kind: Literal["person", "shared"] = "shared" if any(handle in shared for handle in own) else "person"
        clients.append(Component(own, tuple(sorted(group & cards)), kind))
    return Identities(tuple(clients), tuple(large))


class _Links:
    """Which nodes hang together (union-find)."""

    def __init__(self, nodes: Iterable[str]) -> None:
        self._parent = {node: node for node in nodes}

    def _root(self, node: str) -> str:
        root = node
        while self._parent.setdefault(root, root) != root:
            root = self._parent[root]
        while self._parent[node] != root:
            self._parent[node], node = root, self._parent[node]
        return root

    def knows(self, left: str, right: str) -> bool:
        """Whether both nodes belong to what is looked at."""
        return left in self._parent and right in self._parent

    def join(self, left: str, right: str) -> None:
        first, second = sorted((self._root(left), self._root(right)))
        self._parent[second] = first

    def groups(self) -> Iterable[set[str]]:
        found: dict[str, set[str]] = {}
        for node in self._parent:
            found.setdefault(self._root(node), set()).add(node)
        return found.values()


def surviving(component: Component, contacts: Mapping[str, int]) -> int | None:
    """The contact that a client keeps: the oldest, that is the smallest id, of those his nodes had; None if none had.

    contacts: node → contact id, of the nodes that have one.
    """
    return min((contacts[node] for node in component.nodes if node in contacts), default=None)


def placed(clients: Sequence[Component], contacts: Mapping[str, int]) -> dict[Component, int | None]:
    """Client → the contact id he keeps; None: he needs a new one.

    Where one contact falls apart, the part with its first handle keeps it, the others need new ones; the answer does
    not depend on the order of anything.
    """
    wanted = sorted(
        ((surviving(client, contacts), client.nodes, client) for client in clients),
        key=lambda item: (item[0] is None, item[0] or 0, item[1]),
    )
    used: set[int] = set()
    found: dict[Component, int | None] = {}
    for _, _, client in wanted:
        free = sorted({contacts[node] for node in client.nodes if node in contacts} - used)
        found[client] = free[0] if free else None
        used.update(free[:1])
    return found
