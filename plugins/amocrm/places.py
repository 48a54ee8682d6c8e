"""Where in an account does something about a client go: onto his deal, his card, or whoever has his number?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hub.sdk import CrmEffect
from plugins.amocrm.client import Amo, Row


@dataclass(frozen=True, slots=True)
class Place:
    """A contact, company or lead; path: its plural, as addresses and tasks name it."""

    path: str
    id: int


def places(effect: CrmEffect) -> list[Place]:
    """Where the effect may go, the best first: the open deal, then the card."""
    found = [Place("leads", int(effect.deal))] if effect.deal else []
    if effect.card:
        what, dash, number = effect.card.rpartition("-")
        found.append(Place("companies" if dash and what == "company" else "contacts", int(number)))
    return found


async def exists(client: Amo, place: Place) -> bool:
    """Whether it is still there, and not in the trash."""
    row = await client.get(f"/api/v4/{place.path}/{place.id}")
    return row is not None and not row.get("is_deleted")


async def first_there(client: Amo, on: Sequence[Place]) -> Place | None:
    """The first of these places that is still there."""
    for place in on:
        if await exists(client, place):
            return place
    return None


async def place_of(client: Amo, effect: CrmEffect) -> Place | None:
    """The first place that is still there; else that of the client's number, if the CRM knows it by now."""
    place = await first_there(client, places(effect))
    if place is not None:
        return place
    person = await contact_by_phone(client, effect.phone)
    return Place("contacts", person["id"]) if person is not None else None


async def contact_by_phone(client: Amo, phone: str | None) -> Row | None:
    """The oldest contact with this number."""
    return next(iter(await with_number(client, "contacts", phone)), None)


async def with_number(client: Amo, path: str, phone: str | None) -> list[Row]:
    """Contacts or companies with this number, the oldest first.

    The vendor searches any text, so that the last ten digits are compared, by which he finds the owner of a call, too.
    """
    digits = last_ten(phone)
    if digits is None:
        return []
    rows = await client.rows(f"/api/v4/{path}", (("query", digits), ("with", "leads"), ("order[id]", "asc")), 50)
    return [row for row in rows if any(last_ten(number) == digits for number in _numbers(row))]


def _numbers(row: Row) -> list[str]:
    fields = [field for field in row.get("custom_fields_values") or () if field.get("field_code") == "PHONE"]
    return [str(value.get("value", "")) for field in fields for value in field.get("values") or ()]


def last_ten(phone: str | None) -> str | None:
    """The last ten digits, by which the vendor compares numbers; None where there are not so many."""
    digits = "".join(sign for sign in phone or "" if sign.isdecimal())
    return digits[-10:] if len(digits) >= 10 else None


def page_of(client: Amo, place: Place) -> str:
    """Where a person opens it."""
    return f"{client.settings.url}/{place.path}/detail/{place.id}"
