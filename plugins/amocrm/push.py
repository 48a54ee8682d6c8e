"""How does the hub write into the CRM: looking before it creates, so that everything is there once?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hub.sdk import (
    AddNote,
    AmendTask,
    CallEffect,
    CloseTask,
    CreateLead,
    CreateTask,
    CrmEffect,
    LogCall,
    NothingToDo,
    Push,
    Sent,
)
from plugins.amocrm.client import PAGE, Amo, Row, UnknownNumber, embedded
from plugins.amocrm.marker import mark, marked
from plugins.amocrm.places import Place, contact_by_phone, first_there, last_ten, page_of, place_of, places, with_number
from plugins.amocrm.settings import Settings

EARLIER = 3600
"""Seconds before the moment an effect tells of, by which the vendor's clock may be behind the PBX's."""
_STATUS = {"answered": 4, "voicemail": 1, "busy": 7, "busy_declined": 7, "callback_requested": 2}
_NO_ANSWER = 6
_PLURAL = {"contact": "contacts", "company": "companies", "lead": "leads", "customer": "customers"}
"""Calls name what they are on in the singular, addresses in the plural."""


def pushes(settings: Settings) -> Sequence[Push]:
    """All that can be written; nothing is, unless the administrator switches it on."""
    tasks, calls = (settings.tasks, "tasks = true"), (settings.log_calls, "log_calls = true")
    leads = (settings.unknown_callers != "off", 'unknown_callers = "unsorted"')
    return (
        Push(CreateTask, create_task, on=tasks[0], switch=tasks[1]),
        Push(AmendTask, amend_task, on=tasks[0], switch=tasks[1]),
        Push(CloseTask, close_task, on=tasks[0], switch=tasks[1]),
        Push(LogCall, log_call, on=calls[0], switch=calls[1]),
        Push(CreateLead, create_lead, on=leads[0], switch=leads[1]),
        Push(AddNote, add_note, on=settings.notes, switch="notes = true"),
    )


def _since(effect: CrmEffect) -> int:
    return int(effect.at.timestamp()) - EARLIER


# tasks


async def create_task(client: Amo, effect: CreateTask) -> Sent:
    """A task on the deal or the card; for a client whom the CRM does not know one that stands alone."""
    written = await _task_with_mark(client, effect)
    if written is not None:
        return _sent_task(client, written)
    place = await place_of(client, effect)
    task: Row = {
        "text": marked(effect.text, effect.key),
        "complete_till": int(effect.due_at.timestamp()),
        "task_type_id": client.settings.task_type,
        **_responsible(effect),
    }
    if place is not None:
        task |= {"entity_id": place.id, "entity_type": place.path}
    made = embedded(await client.send("POST", "/api/v4/tasks", [task]))[0]
    return _sent_task(client, {**task, "id": made["id"]})


async def _task_with_mark(client: Amo, effect: CrmEffect) -> Row | None:
    """The task that was written already: on the deal, on the card, or, wherever it went, among the newest."""
    asked: list[list[tuple[str, str | int]]] = [
        [("filter[entity_type]", place.path), ("filter[entity_id]", place.id)] for place in places(effect)
    ]
    for params in [*asked, []]:
        rows = await client.rows("/api/v4/tasks", [*params, ("order[created_at]", "desc")], PAGE)
        for row in rows:
            text = str(row.get("text") or "").rstrip()
            if text.endswith(mark(effect.key)) and int(row.get("created_at") or 0) >= _since(effect):
                return row
    return None


async def amend_task(client: Amo, effect: AmendTask) -> Sent:
    """Make the task what the hub says now; only what differs is written."""
    task = await _task(client, effect)
    wanted = {
        "text": marked(effect.text, effect.key),
        "complete_till": int(effect.due_at.timestamp()),
        "is_completed": False,
        **_responsible(effect),
    }
    changed = {key: value for key, value in wanted.items() if task.get(key) != value}
    if changed:
        await client.send("PATCH", f"/api/v4/tasks/{task['id']}", changed)
    return _sent_task(client, task)


async def close_task(client: Amo, effect: CloseTask) -> Sent:
    """Mark it done, with how it ended; one that a person has closed stays as he left it."""
    task = await _task(client, effect)
    if not task.get("is_completed"):
        await client.send(
            "PATCH", f"/api/v4/tasks/{task['id']}", {"is_completed": True, "result": {"text": effect.text}}
        )
    return _sent_task(client, task)


async def _task(client: Amo, effect: AmendTask | CloseTask) -> Row:
    task = await client.get(f"/api/v4/tasks/{effect.replaces}") if effect.replaces else None
    if task is None:
        raise NothingToDo("the task was deleted in amoCRM")
    return task


def _sent_task(client: Amo, task: Row) -> Sent:
    path, number = task.get("entity_type"), task.get("entity_id")
    url = page_of(client, Place(path, number)) if path and number else f"{client.settings.url}/todo"
    return Sent(id=str(task["id"]), url=url)


def _responsible(effect: CrmEffect) -> Row:
    return {"responsible_user_id": int(effect.owner)} if effect.owner else {}


# calls


async def log_call(client: Amo, effect: LogCall) -> Sent:
    """The call in the client's history, once: found again by its unique id, which the vendor does not keep unique."""
    if effect.phone is None:
        raise NothingToDo("the caller withheld his number")
    return await _logged(client, effect, places(effect))


async def _logged(client: Amo, effect: CallEffect, on: Sequence[Place]) -> Sent:
    written = await _note_of_call(client, await _all_places(client, effect, on), effect)
    if written is not None:
        return written
    try:
        made = embedded(await client.send("POST", "/api/v4/calls", [_call(effect, client.settings)]))
    except UnknownNumber:
        made = []
    if not made:
        return await _noted_call(client, effect, on)
    place = Place(_PLURAL[made[0]["entity_type"]], made[0]["entity_id"])
    return Sent(id=str(made[0]["id"]), url=page_of(client, place))


async def _all_places(client: Amo, effect: CallEffect, on: Sequence[Place]) -> dict[str, set[int]]:
    """Where the vendor may have put the call, by path: onto whoever has the number, and their deals."""
    found: dict[str, set[int]] = {"contacts": set(), "companies": set(), "leads": set()}
    for place in on:
        found[place.path].add(place.id)
    for path in ("contacts", "companies"):
        for row in await with_number(client, path, effect.phone):
            found[path].add(row["id"])
            found["leads"] |= {stub["id"] for stub in (row.get("_embedded") or {}).get("leads") or ()}
    return found


async def _note_of_call(client: Amo, where: Mapping[str, set[int]], effect: CallEffect) -> Sent | None:
    since = min(_since(effect), int(effect.started_at.timestamp()) - EARLIER)
    for path, ids in where.items():
        if not ids:
            continue
        newest = sorted(ids)[-PAGE:]
        rows = await client.rows(
            f"/api/v4/{path}/notes",
            (
                *(("filter[entity_id][]", number) for number in newest),
                ("filter[note_type][]", "call_in"),
                ("filter[note_type][]", "call_out"),
                ("filter[updated_at][from]", since),
                ("order[updated_at]", "desc"),
            ),
        )
        for row in rows:
            if _params(row).get("uniq") == effect.key:
                return Sent(id=str(row["id"]), url=page_of(client, Place(path, row["entity_id"])))
    return None


async def _noted_call(client: Amo, effect: CallEffect, on: Sequence[Place]) -> Sent:
    """Where the vendor's search by number finds nobody whom the hub knows: the call as a note on his card."""
    place = await first_there(client, on)
    if place is None:
        raise NothingToDo("amoCRM has no contact or company with this number")
    call = _call(effect, client.settings)
    own = ("created_by", "responsible_user_id", "created_at")
    params = {key: value for key, value in call.items() if key not in {*own, "direction", "request_id"}}
    note: Row = {
        "note_type": "call_in" if effect.direction == "inbound" else "call_out",
        "params": params,
        **{key: call[key] for key in own if key in call},
    }
    made = embedded(await client.send("POST", f"/api/v4/{place.path}/{place.id}/notes", [note]))[0]
    return Sent(id=str(made["id"]), url=page_of(client, place))


def _call(effect: CallEffect, settings: Settings) -> Row:
    """For the account's analytics a call counts only where author and responsible are the same employee."""
    call: Row = {
        "direction": effect.direction,
        "duration": effect.duration,
        "source": settings.source_name,
        "phone": effect.phone,
        "uniq": effect.key,
        "call_result": effect.text,
        "call_status": _STATUS.get(effect.outcome, _NO_ANSWER),
        "created_at": int(effect.started_at.timestamp()),
        "request_id": effect.key,
    }
    link = _recording(effect)
    if link:
        call["link"] = link
    if effect.owner:
        employee = int(effect.owner)
        call |= {"created_by": employee, "responsible_user_id": employee, "call_responsible": employee}
    return call


def _recording(effect: CallEffect) -> str:
    return next((text for text in effect.recordings if text.startswith(("http://", "https://"))), "")


# leads


async def create_lead(client: Amo, effect: CreateLead) -> Sent:
    """An unknown caller becomes an incoming lead, or contact and lead, with the call that he made; once per number."""
    if effect.phone is None:
        raise NothingToDo("the caller withheld his number")
    person = await contact_by_phone(client, effect.phone)
    if person is not None:
        return await _known_by_now(client, effect, person)
    return await (_unsorted if client.settings.unknown_callers == "unsorted" else _contact_and_lead)(client, effect)


async def _known_by_now(client: Amo, effect: CreateLead, person: Row) -> Sent:
    """Somebody, or an earlier attempt of ours, made the contact: only the call is missing."""
    logged = await _logged(client, effect, [Place("contacts", person["id"])])
    leads = (person.get("_embedded") or {}).get("leads") or ()
    deal = str(leads[-1]["id"]) if leads else None
    return Sent(id=deal or logged.id, url=logged.url, card=str(person["id"]), deal=deal)


async def _contact_and_lead(client: Amo, effect: CreateLead) -> Sent:
    settings = client.settings
    lead: Row = {
        "name": effect.title,
        **_responsible(effect),
        "request_id": effect.key,
        "_embedded": {
            "tags": [{"name": settings.source_name}],
            "contacts": [{**_contact(effect), **_responsible(effect)}],
        },
    }
    if settings.pipeline is not None:
        lead["pipeline_id"] = settings.pipeline
    made = (await client.send("POST", "/api/v4/leads/complex", [lead]))[0]
    place = Place("leads", made["id"])
    await _logged(client, effect, [place, Place("contacts", made["contact_id"])])
    return Sent(id=str(made["id"]), url=page_of(client, place), card=str(made["contact_id"]), deal=str(made["id"]))


def _contact(effect: CreateLead) -> Row:
    number = {"field_code": "PHONE", "values": [{"value": effect.phone, "enum_code": "WORK"}]}
    return {"name": effect.contact or effect.phone, "custom_fields_values": [number]}


async def _unsorted(client: Amo, effect: CreateLead) -> Sent:
    waiting = await _waiting(client, effect)
    if waiting is None:
        made = await client.send("POST", "/api/v4/leads/unsorted/sip", [_incoming(effect, client.settings)])
        waiting = embedded(made)[0]
    lead, person = (_first(waiting, what) for what in ("leads", "contacts"))
    return Sent(
        id=waiting["uid"],
        url=page_of(client, Place("leads", lead)) if lead else None,
        card=str(person) if person else None,
        deal=str(lead) if lead else None,
    )


def _first(row: Row, what: str) -> int | None:
    stubs: list[Row] = (row.get("_embedded") or {}).get(what) or []
    return stubs[0]["id"] if stubs else None


async def _waiting(client: Amo, effect: CreateLead) -> Row | None:
    """The incoming lead of this number that still waits to be accepted."""
    digits = last_ten(effect.phone)
    params = (("filter[category][]", "sip"), ("order[created_at]", "desc"))
    async for row in client.all_rows("/api/v4/leads/unsorted", params):
        said = row.get("metadata") or {}
        if said.get("uniq") == effect.key or (digits and last_ten(str(said.get("phone", ""))) == digits):
            return row
    return None


def _incoming(effect: CreateLead, settings: Settings) -> Row:
    started = int(effect.started_at.timestamp())
    phone = (effect.phone or "").removeprefix("+")
    found: Row = {
        "request_id": effect.key,
        "source_name": settings.source_name,
        "source_uid": settings.source_name,
        "created_at": started,
        "_embedded": {"leads": [{"name": effect.title}], "contacts": [_contact(effect)], "companies": []},
        "metadata": {
            "is_call_event_needed": True,
            "uniq": effect.key,
            "duration": effect.duration,
            "service_code": settings.source_name,
            "link": _recording(effect) or settings.url,  # required, also of a call that nobody recorded
            "phone": phone,
            "called_at": started,
            "from": phone,
            "call_responsible": int(effect.owner) if effect.owner else settings.source_name,
        },
    }
    if settings.pipeline is not None:
        found["pipeline_id"] = settings.pipeline
    return found


# notes


async def add_note(client: Amo, effect: AddNote) -> Sent:
    """A note on the deal or the card."""
    for place in places(effect):
        written = await _note_with_mark(client, place, effect)
        if written is not None:
            return Sent(id=str(written["id"]), url=page_of(client, place))
    on = await place_of(client, effect)
    if on is None:
        raise NothingToDo("amoCRM has no contact, company or lead of this client")
    note = {"note_type": "common", "params": {"text": marked(effect.text, effect.key)}}
    made = embedded(await client.send("POST", f"/api/v4/{on.path}/{on.id}/notes", [note]))[0]
    return Sent(id=str(made["id"]), url=page_of(client, on))


async def _note_with_mark(client: Amo, place: Place, effect: AddNote) -> Row | None:
    rows = await client.rows(
        f"/api/v4/{place.path}/{place.id}/notes",
        (
            ("filter[note_type][]", "common"),
            ("filter[updated_at][from]", _since(effect)),
            ("order[updated_at]", "desc"),
        ),
    )
    sign = mark(effect.key)
    return next((row for row in rows if str(_params(row).get("text", "")).rstrip().endswith(sign)), None)


def _params(row: Row) -> dict[str, Any]:
    """PHP's empty array, or null, where a note has no parameters."""
    params = row.get("params")
    return params if isinstance(params, dict) else {}
