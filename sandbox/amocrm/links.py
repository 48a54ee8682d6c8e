"""Which card belongs to which?"""

from __future__ import annotations

from typing import Any

Card = tuple[str, int]
"""Kind, plural, and id."""


class Links:
    """Both cards know of a link. Beside it stands what the vendor calls metadata: `main_contact`, quantity."""

    def __init__(self) -> None:
        self._of: dict[Card, dict[Card, dict[str, Any]]] = {}

    def add(self, one: Card, other: Card, **metadata: Any) -> bool:
        """False when it was there already; its metadata is renewed all the same."""
        known = other in self._of.get(one, {})
        self._of.setdefault(one, {})[other] = metadata
        self._of.setdefault(other, {})[one] = metadata
        return not known

    def remove(self, one: Card, other: Card) -> bool:
        self._of.get(other, {}).pop(one, None)
        return self._of.get(one, {}).pop(other, None) is not None

    def drop(self, card: Card) -> None:
        for other in list(self._of.get(card, {})):
            self.remove(card, other)

    def of(self, card: Card, kind: str) -> list[int]:
        """Ids of the cards of a kind linked to this one, in the order of linking."""
        linked = self._of.get(card)
        return [id for other, id in linked if other == kind] if linked else []

    def all_of(self, card: Card) -> dict[Card, dict[str, Any]]:
        return self._of.get(card, {})

    def metadata(self, one: Card, other: Card) -> dict[str, Any]:
        return self._of.get(one, {}).get(other, {})

    def main_contact(self, lead: int) -> int | None:
        """The main contact of a lead, otherwise its first one."""
        contacts = self.of(("leads", lead), "contacts")
        main = (one for one in contacts if self.metadata(("leads", lead), ("contacts", one)).get("main_contact"))
        return next(main, contacts[0] if contacts else None)

    def set_main(self, lead: int, contact: int) -> None:
        for one in self.of(("leads", lead), "contacts"):
            self.metadata(("leads", lead), ("contacts", one))["main_contact"] = one == contact
