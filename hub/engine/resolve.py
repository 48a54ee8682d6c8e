"""What does an effect in a CRM still lack before it can be sent: its turn, a reason, and the vendor's ids?"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta
from typing import Any, TypeAlias

from sqlalchemy import Connection

from hub.core import crm, effects
from hub.core.effects import (
    AmendTask,
    CloseTask,
    CreateLead,
    CreateTask,
    Effect,
    LogCall,
)
from hub.core.policy import Team
from hub.store import outbox, people, timeline

SOON = timedelta(seconds=5)
"""How long an effect waits for one that is being sent at this moment."""
NO_LONGER = "the client no longer waits"
SUPERSEDED = "superseded by a later one"
_UNSETTLED = (*outbox.OPEN, "sending")
_NUMBER = 0x7FFF_FFFF


@dataclass(frozen=True, slots=True)
class Wait:
    """It is not its turn: what it follows has not been sent, or its reader is not at work (state `held`)."""

    until: datetime
    state: str = "planned"


@dataclass(frozen=True, slots=True)
class Drop:
    """There is no reason to send it any more."""

    because: str


Resolved: TypeAlias = Effect | Wait | Drop


@dataclass(frozen=True, slots=True)
class Carrier:
    """The connection that an effect goes by. pushes: the effects that it carries now."""

    name: str
    pushes: Collection[type]
    team: Team


def resolve(connection: Connection, row: Any, carrier: Carrier, now: datetime) -> Resolved:
    """What a CRM is told by an outbox row, as the vendor needs it, or why not now. row: as `outbox.due` gives it."""
    effect = effects.from_body(row.kind, row.body)
    over = row.case_state is not None and row.case_state != "open"
    if isinstance(effect, CreateTask) and over and row.attempts == 0:
        return Drop(NO_LONGER)
    turned = _in_turn(connection, row, effect, carrier.name, now)
    if isinstance(turned, Wait | Drop):
        return turned
    placed = _placed(connection, row, turned, carrier, now)
    if isinstance(placed, CreateLead) and placed.card is not None and row.attempts == 0:
        return _known_by_now(placed, carrier)
    return placed


# A task is written once, then only its last state matters.


def _in_turn(connection: Connection, row: Any, effect: Any, name: str, now: datetime) -> Any:
    """The effect when it is its turn; what is said of one task is said in order, and only the last of it."""
    if not isinstance(effect, CreateTask | AmendTask | CloseTask):
        return effect
    said = outbox.tasks(connection, row.case_id, name)
    later = [other for other in said if other.id > row.id and other.state not in ("dropped", "dead")]
    if later and not (isinstance(effect, CreateTask) and row.attempts):  # it may be there: then it has to be amended
        return Drop(SUPERSEDED)
    if isinstance(effect, CreateTask):
        return effect
    first = next((other for other in said if other.kind == "create_task" and other.state in _UNSETTLED), None)
    if first is not None:
        return Wait(_turn(first, now))
    sent = [other for other in said if other.state == "sent"]
    if sent:
        return replace(effect, replaces=next((other.vendor_id for other in reversed(sent) if other.vendor_id), None))
    if isinstance(effect, CloseTask):
        return Drop("its task was never written")
    return CreateTask(**{**_values(effect, CreateTask), "key": said[0].key})


def _turn(before: Any, now: datetime) -> datetime:
    return max(before.due_at or now, now) + SOON


def _values(effect: Any, cls: type[Any]) -> dict[str, Any]:
    """The values that two kinds of effects have in common."""
    return {item.name: getattr(effect, item.name) for item in fields(cls) if hasattr(effect, item.name)}


# Where in the CRM the client is.


def _placed(connection: Connection, row: Any, effect: Any, carrier: Carrier, now: datetime) -> Resolved:
    """The effect with card, deal and account of the carrier; it waits for a lead that is made of the same client."""
    own = people.lookup(connection, [effect.client])
    contact = next((contact for _, contact in own.values()), None)
    known = timeline.load(connection, {contact: now}).timelines[contact] if contact is not None else None
    keys = crm.lead_keys(carrier.name, known) if known else {f"lead/{carrier.name}/{effect.client}"}
    leads = outbox.by_key(connection, keys)
    if not isinstance(effect, CreateLead):
        before = next((lead for lead in leads if lead.id < row.id and lead.state in _UNSETTLED), None)
        if before is not None:
            return Wait(_turn(before, now))
    found = crm.place(known, carrier.name, effect.client, now) if known else crm.Place()
    made = _made(leads, known, carrier.name)
    placed: Effect = replace(
        effect,
        card=found.card or made.card,
        deal=found.deal or made.deal,
        number=(row.case_id or row.id) & _NUMBER,
        owner=carrier.team.account(effect.to, carrier.name, now),
    )
    return placed


def _made(leads: Sequence[Any], known: Any, name: str) -> crm.Place:
    """What we made of the client and has not come back as a record yet; afterwards the records know better."""
    back = {history.ref for history in (*known.cards, *known.deals)} if known else set()
    lead = next((lead for lead in reversed(leads) if lead.state == "sent"), None)
    if lead is None:
        return crm.Place()
    return crm.Place(
        lead.card if f"{name}/card/{lead.card}" not in back else None,
        lead.deal if f"{name}/deal/{lead.deal}" not in back else None,
    )


def _known_by_now(lead: CreateLead, carrier: Carrier) -> Resolved:
    """Somebody made a card of him before we did: his call is logged, and no lead is made."""
    if LogCall not in carrier.pushes:
        return Drop("the CRM knows him by now")
    return LogCall(**{**_values(lead, LogCall), "key": f"call/{lead.call}/{carrier.name}"})
