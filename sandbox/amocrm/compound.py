"""How does a lead come in together with its contact and its company, in one request?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sandbox.amocrm import changes, drafts, unsorted
from sandbox.amocrm.account import Account
from sandbox.amocrm.http import Answer, Call, Route, hal
from sandbox.amocrm.search import last_ten, phones
from sandbox.amocrm.types import LOST, WON, Json
from sandbox.amocrm.validation import Faults, all_of, is_integer, nested, request_id

_FIELDS = 40
"""Custom field values that a card may have here."""


@dataclass
class Planned:
    """A lead, and a contact and a company: each there already or new."""

    lead: drafts.Draft
    people: dict[str, int | drafts.Draft | None]
    category: str = ""
    """Of an unsorted lead, otherwise empty."""
    told: Json | None = None


def create(call: Call) -> Answer:
    """At most fifty leads; the answer is a bare array."""
    account, items = call.account, call.items(50)
    planned = all_of(items, lambda item, faults: _plan(call, item, faults))
    return hal([_keep(account, one, request_id(items[at], at), call.user_id) for at, one in enumerate(planned)])


def _plan(call: Call, item: Json, faults: Faults) -> Planned:
    account, embedded = call.account, nested(item, "_embedded")
    alone = {**item, "_embedded": {key: value for key, value in embedded.items() if key in {"tags", "source"}}}
    lead = drafts.draft(account, "leads", alone, faults, by=call.user_id)
    people = {kind: _person(call, kind, embedded.get(kind), faults) for kind in ("contacts", "companies")}
    if len(item.get("custom_fields_values") or ()) > _FIELDS:
        faults.add("TooMany", "custom_fields_values", f"This collection should contain {_FIELDS} elements or less.")
    metadata = embedded.get("metadata")
    if not isinstance(metadata, dict):
        return Planned(lead, people)
    category = metadata.get("category")
    if category not in ("sip", "forms"):
        faults.add("NotSupportedChoice", "_embedded.metadata.category")
        return Planned(lead, people)
    return Planned(lead, people, str(category), unsorted.metadata(account, str(category), metadata, faults))


def _person(call: Call, kind: str, written: Any, faults: Faults) -> int | drafts.Draft | None:
    """One at most, by id or as a whole card."""
    if not written:
        return None
    path = f"_embedded.{kind}"
    if not isinstance(written, list) or len(written) > 1 or not isinstance(written[0], dict):
        faults.add("TooMany", path, "This collection should contain 1 element or less.")
        return None
    one = written[0]
    if one.get("id") is None:
        return drafts.draft(call.account, kind, one, faults, by=call.user_id, path=f"{path}.0.")
    if not is_integer(one["id"]):
        faults.wrong_type(f"{path}.0.id", "int")
    elif call.account.row(kind, one["id"]) is None:
        faults.add("NotSupportedChoice", f"{path}.0.id")
    return one["id"] if is_integer(one["id"]) else None


def _keep(account: Account, one: Planned, request: str, by: int) -> Json:
    if one.category:
        return _keep_unsorted(account, one, request, by)
    contact, company = (_settled(account, kind, one.people[kind], by) for kind in ("contacts", "companies"))
    known = _same_lead(account, contact, one.lead) if account.settings["duplicate_control"] and contact else None
    lead = drafts.keep(account, one.lead, by=by) if known is None else known
    if known is not None:
        changes.change(account, "leads", known, {}, by)
    card = ("leads", lead["id"])
    if contact:
        changes.link(account, card, ("contacts", contact), by, main_contact=True)
    if company:
        changes.link(account, card, ("companies", company), by)
    if contact and company:
        changes.link(account, ("contacts", contact), ("companies", company), by)
    return {
        "id": lead["id"], "contact_id": contact, "company_id": company, "request_id": [request], "merged": known is not None,
    }  # fmt: skip


def _settled(account: Account, kind: str, person: int | drafts.Draft | None, by: int) -> int | None:
    """The id of a card that is there, found as a duplicate, or new."""
    if person is None or isinstance(person, int):
        return person
    found = _duplicate(account, kind, person) if account.settings["duplicate_control"] else None
    return found or int(drafts.keep(account, person, by=by)["id"])


def _duplicate(account: Account, kind: str, person: drafts.Draft) -> int | None:
    """A card with the same phone; with more than three of them nobody is taken."""
    table = account.table(kind)
    for phone in filter(None, map(last_ten, phones(person.row))):
        same = [id for id in table.search.by_phone(table.rows, phone) if account.row(kind, id)]
        if 1 <= len(same) <= 3:
            return same[0]
    return None


def _same_lead(account: Account, contact: int, lead: drafts.Draft) -> Json | None:
    """An open lead of this contact in the same pipeline."""
    rows = (account.row("leads", id) for id in account.links.of(("contacts", contact), "leads"))
    is_open = (row for row in rows if row and row["status_id"] not in {WON, LOST})
    return next((row for row in is_open if row["pipeline_id"] == lead.row["pipeline_id"]), None)


def _keep_unsorted(account: Account, one: Planned, request: str, by: int) -> Json:
    parts = {kind: [person] if isinstance(person, drafts.Draft) else [] for kind, person in one.people.items()}
    told = one.told or {}
    given = {
        "pipeline_id": one.lead.row["pipeline_id"], "metadata": told, "source_uid": told.get("service_code", told.get("form_id")),
        "source_name": told.get("form_name", told.get("service_code")),
    }  # fmt: skip
    row = unsorted.keep(account, one.category, given, {"leads": [one.lead], **parts}, by=by)
    contacts, companies = row["ids"]["contacts"], row["ids"]["companies"]
    return {
        "id": row["ids"]["leads"][0], "contact_id": contacts[0] if contacts else None,
        "company_id": companies[0] if companies else None, "request_id": [request], "merged": False,
    }  # fmt: skip


ROUTES = (Route("POST", "/api/v4/leads/complex", create),)
