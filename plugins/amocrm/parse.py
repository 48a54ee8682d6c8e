"""Which records do amoCRM's objects mean?"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal, TypeAlias

from hub.sdk import (
    Call,
    Card,
    Change,
    Context,
    Deal,
    Gone,
    Handle,
    Leg,
    Member,
    MemberRef,
    Parse,
    Record,
    Stored,
    Submission,
    Target,
    Task,
    canonical,
    read_number,
)
from plugins.amocrm import objects
from plugins.amocrm.marker import is_ours, key_of
from plugins.amocrm.objects import CustomField, read
from plugins.amocrm.settings import Settings

WON, LOST = 142, 143
"""Stages that every pipeline of every account has under the same numbers."""
MISSED = frozenset({1, 3, 6, 7})
"""`call_status` of calls in which nobody talked: left a message, not in, no answer, busy."""

_SEVERAL = re.compile(r";(?!ext=)|[/|\n]| и ")
_MOMENT = timedelta(milliseconds=1)


def _each(one: Callable[[Any, Settings, Context], Iterable[Record]]) -> Parse:
    """A parser of items that stand alone."""

    def parse(items: Sequence[Stored], settings: Settings, context: Context) -> Iterator[Record]:
        for item in items:
            yield from one(item.payload, settings, context)

    return parse


# people


def user(payload: Any, _settings: Settings, _context: Context) -> Iterator[Record]:
    """One of us. Who was deleted there disappears from the list; the hub keeps his name."""
    found = read(objects.User, payload)
    handles = [Handle(f"user:{found.id}"), *_addresses([found.email])]
    yield Member(
        id=str(found.id),
        name=found.name,
        handles=tuple(handles),
        active=found.rights.is_active and not found.hub.removed,
    )


def contact(payload: Any, _settings: Settings, context: Context) -> Iterator[Record]:
    """A person's card."""
    yield _card(read(objects.Client, payload), "contact", context)


def company(payload: Any, _settings: Settings, context: Context) -> Iterator[Record]:
    """A company's card; contacts and companies are numbered apart, so that its id says what it is."""
    yield _card(read(objects.Client, payload), "company", context)


def _card(found: objects.Client, what: Literal["contact", "company"], context: Context) -> Record:
    id_ = card_id(what, found.id)
    if found.is_deleted:
        return Gone(of="card", id=id_, at=found.updated_at, changed_at=changed_at(found))
    path = "contacts" if what == "contact" else "companies"
    return Card(
        id=id_,
        name=found.name,
        handles=_handles(found.custom_fields_values, context.country),
        owner=_owner(found.responsible_user_id),
        company=found.name if what == "company" else None,
        created_at=found.created_at,
        changed_at=changed_at(found),
        url=_page(found, path, found.id),
    )


def card_id(what: str, id_: int) -> str:
    """Id of the card of a contact (its number) or of a company (`company-` and its number)."""
    return str(id_) if what == "contact" else f"{what}-{id_}"


# sales


def lead(payload: Any, _settings: Settings, _context: Context) -> Iterator[Record]:
    """A deal; its stage's and pipeline's names were added when it was read."""
    trashed = read(objects.Trashed, payload)
    if trashed.is_deleted:
        yield Gone(of="deal", id=str(trashed.id), at=trashed.updated_at, changed_at=changed_at(trashed))
        return
    found = read(objects.Lead, payload)
    cards = [card_id("contact", stub.id) for stub in found.embedded.contacts]
    cards += [card_id("company", stub.id) for stub in found.embedded.companies]
    yield Deal(
        id=str(found.id),
        title=found.name,
        cards=tuple(dict.fromkeys(cards)),
        owner=_owner(found.responsible_user_id),
        pipeline=found.hub.pipeline,
        stage=found.hub.stage,
        state=state_of(found.status_id),
        amount=found.price,
        currency=found.hub.currency,
        created_at=found.created_at,
        closed_at=found.closed_at,
        changed_at=changed_at(found),
        url=_page(found, "leads", found.id),
    )


def state_of(status_id: int) -> Literal["open", "won", "lost"]:
    """What a stage means for the deal."""
    return "won" if status_id == WON else "lost" if status_id == LOST else "open"


def task(payload: Any, _settings: Settings, context: Context) -> Iterator[Record]:
    """A task, ours recognised by the mark at the end of its text."""
    found = read(objects.Task, payload)
    if found.is_deleted:
        yield Gone(of="task", id=str(found.id), at=found.updated_at, changed_at=changed_at(found))
        return
    on, number = found.entity_type or "", found.entity_id
    path = on if on in {"leads", "contacts", "companies"} else None
    yield Task(
        id=str(found.id),
        title=found.text,
        card=card_id(_SINGULAR[on], number) if number and on in {"contacts", "companies"} else None,
        deal=str(number) if number and on == "leads" else None,
        owner=_owner(found.responsible_user_id),
        created_at=found.created_at,
        due_at=found.complete_till,
        done_at=found.updated_at if found.is_completed else None,
        key=key_of(found.text, context.connection),
        changed_at=changed_at(found),
        url=_page(found, path, number) if path and number else None,
    )


_SINGULAR = {"contacts": "contact", "companies": "company", "leads": "lead"}


def unsorted(payload: Any, _settings: Settings, context: Context) -> Iterator[Record]:
    """A form that somebody filled in. Calls, mails and chats among the incoming leads come by their own ways."""
    found = read(objects.Unsorted, payload)
    if found.category != "forms":
        return
    told = {name: str(value) for name, value in found.metadata.items() if value not in (None, "")}
    people = found.embedded.contacts
    handles = dict.fromkeys(
        handle for person in people for handle in _handles(person.custom_fields_values, context.country)
    )
    source = {key: told[name] for key, name in (("page", "form_page"), ("referer", "referer")) if name in told}
    yield Submission(
        id=found.uid,
        at=found.created_at,
        form=told.get("form_name") or found.source_name,
        handles=tuple(handles),
        name=next((person.name for person in people if person.name), None),
        source=source or None,
    )


# what happened


def note(payload: Any, settings: Settings, context: Context) -> Iterator[Record]:
    """A call that the CRM was told of, unless it was the hub that told it, or a telephony tells the hub itself."""
    if not settings.reads_calls(context) or not is_call(payload):
        return
    found = read(objects.CallNote, payload)
    said = found.params
    if is_ours(said.uniq, context.connection):
        return
    started = found.created_at
    ended = started + timedelta(seconds=max(said.duration or 0, 0))
    talked = bool(said.duration) and said.call_status not in MISSED
    client = read_number(said.phone, context.country).handle
    legs = [_leg(found, talked=talked, started=started, ended=ended)]
    inbound = found.note_type == "call_in"
    if not inbound:
        legs.append(
            Leg(
                kind="client",
                to=Target(client or said.phone),
                started_at=started,
                answered_at=started if talked else None,
                ended_at=ended,
                result="answered" if talked else "no_answer",
            )
        )
    yield Call(
        id=str(found.id),
        direction="inbound" if inbound else "outbound",
        client=client,
        client_raw=said.phone,
        started_at=started,
        ended_at=ended,
        final=True,
        recordings=(said.link,) if said.link else (),
        legs=tuple(legs),
        changed_at=changed_at(found),
    )


def _leg(found: objects.CallNote, *, talked: bool, started: datetime, ended: datetime) -> Leg:
    """Our side of the call; a CRM knows no ringing, only whether somebody talked."""
    owner = _owner(found.responsible_user_id)
    answered = talked or found.note_type == "call_out"
    return Leg(
        kind="member",
        to=Target(owner) if owner else None,
        started_at=started,
        answered_at=started if answered else None,
        ended_at=ended,
        result="answered" if answered else "no_answer",
    )


def is_call(payload: Any) -> bool:
    """Whether a note is one of a call; of other and of unknown notes the hub takes nothing."""
    return not isinstance(payload, dict) or payload.get("note_type", "call_in") in {"call_in", "call_out"}


_LOGGED: Mapping[str, Literal["deal", "card", "task"]] = {
    "lead": "deal",
    "contact": "card",
    "company": "card",
    "task": "task",
}


def event(payload: Any, _settings: Settings, _context: Context) -> Iterator[Record]:
    """A line of the account's log: who answered for an object until when, how a deal stood, what was deleted."""
    found = read(objects.Event, payload)
    of = _LOGGED.get(found.entity_type)
    if of is None:
        return
    on = card_id(found.entity_type, found.entity_id) if of == "card" else str(found.entity_id)
    if found.type == f"{found.entity_type}_deleted":
        yield Gone(of=of, id=on, at=found.created_at, changed_at=found.created_at)
        return
    change = _CHANGES.get(found.type)
    if change is None or of == "task":
        return
    field, value = change
    before, after = value(found.value_before), value(found.value_after)
    if before != after:
        yield Change(
            id=found.id,
            of=of,
            on=on,
            at=found.created_at,
            field=field,
            before=MemberRef(before) if before else None,
            after=MemberRef(after) if after else None,
        )


_Values: TypeAlias = Sequence[Mapping[str, Any]]


def _responsible(values: _Values) -> str | None:
    number = _number(values, "responsible_user")
    return f"user:{number}" if number else None


def _state(values: _Values) -> str | None:
    number = _number(values, "lead_status")
    return state_of(number) if number is not None else None


def _number(values: _Values, what: str) -> int | None:
    for value in values:
        inner = value.get(what)
        if isinstance(inner, dict) and str(inner.get("id", "")).isdecimal():
            return int(inner["id"])
    return None


_CHANGES: Mapping[str, tuple[Literal["owner", "state"], Callable[[_Values], str | None]]] = {
    "entity_responsible_changed": ("owner", _responsible),
    "lead_status_changed": ("state", _state),
}


def hook(_payload: Any, _settings: Settings, _context: Context) -> Iterator[Record]:
    """A webhook is a hint where to look; the truth is what is then read."""
    yield from ()


# shared


def changed_at(found: objects.Versioned) -> datetime:
    """The version: `updated_at`, which has whole seconds.

    What was read within its own second may change again in it, so that it counts as a millisecond older than what is
    read once the second is over. A restored object is newer than its deletion, whatever it says.
    """
    if found.hub.restored_at is not None:
        return max(found.updated_at, found.hub.restored_at + _MOMENT)
    return found.updated_at - _MOMENT if found.hub.unsettled else found.updated_at


def _owner(user_id: int | None) -> MemberRef | None:
    return MemberRef(f"user:{user_id}") if user_id else None


def _page(found: objects.Item, path: str, number: int) -> str | None:
    return f"{found.site}/{path}/detail/{number}" if found.site else None


def _handles(fields: Iterable[CustomField], country: str) -> tuple[Handle, ...]:
    """Telephone numbers and addresses of a card, as they can be reached; what is neither is left out."""
    handles: dict[Handle, None] = {}
    for field in fields:
        texts = [str(value.value) for value in field.values if value.value]
        found = _phones(texts, country) if field.field_code == "PHONE" else _addresses(texts)
        handles |= dict.fromkeys(found)
    return tuple(handles)


def _phones(texts: Iterable[str], country: str) -> Iterator[Handle]:
    """People write several numbers into one field; behind a comma may be an extension, too."""
    for text in texts:
        for part in _SEVERAL.split(text):
            whole = read_number(part, country).handle
            found = [whole] if whole else [read_number(piece, country).handle for piece in part.split(",")]
            yield from (handle for handle in found if handle)


def _addresses(texts: Iterable[str | None]) -> Iterator[Handle]:
    for text in texts:
        if text and "@" in text and " " not in text.strip():
            try:
                yield canonical(f"email:{text.strip()}")
            except ValueError:
                continue


PARSE: Mapping[str, Parse] = {
    "user": _each(user),
    "contact": _each(contact),
    "company": _each(company),
    "lead": _each(lead),
    "task": _each(task),
    "unsorted": _each(unsorted),
    "note": _each(note),
    "event": _each(event),
    "hook": _each(hook),
}
