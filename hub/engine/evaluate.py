"""What was true at another moment: the same rules over the same facts, nothing stored (model.md 4, `--at`)."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, select

from hub.core.calls import instant_text
from hub.core.derive import derive
from hub.core.policy import Rulebook
from hub.core.records import Message
from hub.core.rules import CaseRule
from hub.core.timeline import ContactView, Fact
from hub.engine.hub import Hub
from hub.store import calls, cases, timeline
from hub.store.bulk import chunks
from hub.store.people import LONG_AGO
from hub.store.schema import contacts, handles, records
from hub.store.timeline import Loaded

BATCH = 500
AROUND = timedelta(days=1)
"""A case that opens within the asked time may have begun so long before it."""
_FACTS = ("call", "message", "submission", "meeting")


@dataclass(slots=True)
class Evaluated:
    """Rows as `crmhub calls` and `crmhub cases` print them, the rings that members did not take, suspected messages."""

    calls: list[dict[str, Any]] = field(default_factory=list)
    cases: list[dict[str, Any]] = field(default_factory=list)
    offers: list[dict[str, Any]] = field(default_factory=list)
    suspected: list[dict[str, Any]] = field(default_factory=list)


async def at(
    hub: Hub,
    moment: datetime,
    since: datetime | None = None,
    until: datetime | None = None,
    contacts: Sequence[int] | None = None,
) -> Evaluated:
    """Everything as of `moment`: facts with a source time up to then, rules with that as now; late data counts.

    since, until: only clients with facts around that time are looked at. contacts: only these clients.
    """
    book = await hub.book()
    found = Evaluated()
    wanted = await hub.db.read(clients, moment, since, until) if contacts is None else contacts
    for part in chunks(wanted, BATCH):
        loaded = await hub.db.read(timeline.load, dict.fromkeys(part, LONG_AGO), moment)
        await asyncio.to_thread(_add, found, loaded, book, hub.registry.rules, moment)
    await hub.db.read(cases.overlay, found.cases)
    found.calls.sort(key=lambda row: (row["started_at"], row["connection"], row["id"]))
    found.suspected.sort(key=lambda row: (row["at"], row["ref"]))
    found.cases.sort(key=lambda row: (row["opened_at"], row["key"]))
    return found


def clients(
    connection: Connection, moment: datetime, since: datetime | None = None, until: datetime | None = None
) -> list[int]:
    """Those with facts up to `moment`, or only around the asked time."""
    facts = select(records.c.handle_id).where(
        records.c.kind.in_(_FACTS), records.c.at <= moment, records.c.handle_id.is_not(None)
    )
    if since is not None:
        facts = facts.where(records.c.at >= since - AROUND)
    if until is not None:
        facts = facts.where(records.c.at < until)
    known = select(handles.c.contact_id).where(handles.c.id.in_(facts)).distinct()
    return list(connection.scalars(select(contacts.c.id).where(contacts.c.id.in_(known)).order_by(contacts.c.id)))


def _add(found: Evaluated, loaded: Loaded, book: Rulebook, rules: Sequence[CaseRule], moment: datetime) -> None:
    for contact, known in loaded.timelines.items():
        derived = derive(known, book, rules, moment)
        found.calls += [
            calls.head(verdict.connection, verdict.id, contact) | verdict.row() for verdict in derived.verdicts
        ]
        found.cases += [case.row() for case in derived.cases]
        found.offers += [asdict(offer) for offer in derived.offers]
        found.suspected += [_suspect(fact, known.contact) for fact in derived.suspected]


def _suspect(fact: Fact[Message], client: ContactView) -> dict[str, Any]:
    """A message that starts no wait because a machine wrote it, most likely. ref: what a `reopened` mark names."""
    message = fact.record
    return {
        "ref": fact.ref,
        "at": instant_text(message.at),
        "contact": {"id": client.id, "name": client.name, "handles": list(client.handles)},
        "channel": message.channel,
        "line": message.line,
        "thread": message.thread,
        "subject": message.subject,
        "because": message.automatic_because,
    }
