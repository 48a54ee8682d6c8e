"""How timelines become verdicts, cases and effects: contacts that are due are judged anew, in batches."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from hub import log, meters
from hub.core.attempts import bad_addresses, soft_bounces
from hub.core.calls import Verdict
from hub.core.cases import Case
from hub.core.crm import Client, Planner, lead_keys
from hub.core.derive import Derived, derive
from hub.core.horizon import next_known
from hub.core.policy import Rulebook
from hub.core.reconcile import Reconciled, StoredCase, Void, reconcile
from hub.core.rules import CaseRule
from hub.core.steps import EARLIER, MENU, OPEN, amend, plan, standing, taken_by
from hub.core.timeline import Timeline
from hub.engine.hub import Hub
from hub.store import calls, cases, connections, outbox, people, repairs, timeline
from hub.store.database import Priority
from hub.store.outbox import Planned

_log = log.get("derive")

BATCH = 50
"""Contacts in one transaction (design.md 8)."""
IMPORT_BATCH = 500
MANY = 500
"""Facts of one client from which on it is derived at most every REST."""
REST = timedelta(seconds=1)
CROWD = 2_000
"""Facts of one client within the window from which on it cannot be a person."""
LATER = timedelta(hours=1)
"""How far a contact is pushed away whose derivation fails."""


@dataclass(frozen=True, slots=True)
class Work:
    """What one batch needs: timelines in their windows, stored cases, and rows of the calls."""

    revisions: Mapping[int, int]
    since: Mapping[int, datetime]
    timelines: Mapping[int, Timeline]
    rows: Mapping[str, int]
    stored: Mapping[int, Sequence[Any]]


@dataclass(slots=True)
class Result:
    """What a batch turned out to be, ready to be written; `failed` holds the contacts that could not be derived.

    ahead: contacts with facts that lie in the future, as from a source whose clock is ahead of ours, or with a bounce that
    time will decide: then what was judged by now is judged again.
    """

    derived: dict[int, Derived] = field(default_factory=dict)
    reconciled: dict[int, Reconciled] = field(default_factory=dict)
    failed: dict[int, str] = field(default_factory=dict)
    ahead: set[int] = field(default_factory=set)


async def step(
    hub: Hub, now: datetime | None = None, limit: int = BATCH, resting: timedelta = timedelta(0)
) -> set[str] | None:
    """Derive one batch; what changed: names of page fragments, and `outbox` for what is to be sent. None: nothing was due.

    resting: how long before their time clients are taken who rest.
    """
    moment = now or hub.now()
    work = await hub.db.read(gather, moment, limit, resting)
    if not work.revisions:
        return None
    book = await hub.book()
    result = await asyncio.to_thread(judge, work, book, hub.registry.rules, moment)
    changed = await hub.db.write(Priority.DERIVE, keep, work, result, moment, await planner(hub))
    for contact, why in result.failed.items():
        _log.error("a contact could not be derived", contact=contact, why=why)
    meters.DERIVED.inc(len(result.derived))
    return changed


async def planner(hub: Hub) -> Planner:
    """Who plans what the CRM connections are told, as they are switched on now."""
    carried = hub.carried
    targets = await hub.db.read(connections.targets, carried) if carried else []
    return Planner(targets, hub.words, hub.settings.team)


def gather(connection: Connection, now: datetime, limit: int, resting: timedelta = timedelta(0)) -> Work:
    """The contacts that are due, with all that judging them needs."""
    due = people.due(connection, now, limit, resting)
    windows = cases.windows(connection, {row.id: _changed(row, now) for row in due})
    since = {contact: found.believe_from for contact, found in windows.items()}
    loaded = timeline.load(connection, {contact: found.read_from for contact, found in windows.items()})
    return Work(
        {row.id: row.revision for row in due}, since, loaded.timelines, loaded.rows, cases.in_play(connection, since)
    )


def _changed(row: Any, now: datetime) -> datetime:
    """The earliest moment that may look different: of a changed fact, or what time alone brought since."""
    return min((at for at in (row.changed_from, row.wake_at) if at is not None), default=now)


def judge(work: Work, book: Rulebook, rules: Sequence[CaseRule], now: datetime) -> Result:
    """Derive every contact of the batch; one that fails stops nobody else."""
    result = Result()
    for contact, known in work.timelines.items():
        try:
            derived = derive(known, book, rules, now)
            fresh = [case for case in derived.cases if case.started_at >= work.since[contact]]
            result.reconciled[contact] = reconcile([_stored(row) for row in work.stored[contact]], fresh)
            result.derived[contact] = derived
            if next_known(known, now) is not None or any(at > now for at in soft_bounces(known.messages)):
                result.ahead.add(contact)
        except Exception:  # noqa: BLE001 - one of the four places: a bug in a rule stops only this contact
            result.failed[contact] = traceback.format_exc()
    return result


def _stored(row: Any) -> StoredCase:
    return StoredCase(
        id=row.id,
        kind=row.kind,
        line_group=row.line_group,
        opened_at=row.opened_at,
        evidence=tuple(row.evidence),
        taken=frozenset(row.taken),
        void=row.resolution if row.state == "void" else None,
        merged_into=row.merged_into,
    )


def keep(connection: Connection, work: Work, result: Result, now: datetime, plans: Planner) -> set[str]:
    """Write a batch; contacts that changed meanwhile are left for the next one. What changed, as `step` says it."""
    for contact, why in result.failed.items():
        people.push_away(connection, contact, now + LATER, why)
    settled = people.settle(
        connection,
        {contact: (work.revisions[contact], derived.wake_at) for contact, derived in result.derived.items()},
        {contact: now + REST for contact in result.derived if _facts(work.timelines[contact]) > MANY},
        {contact: work.since[contact] for contact in result.ahead},
    )
    _note_crowds(connection, [work.timelines[contact] for contact in settled], now)
    _note_addresses(connection, [work.timelines[contact] for contact in settled], now)
    clients = {contact: _client(work, contact, result.derived[contact], now) for contact in sorted(settled)}
    changed: set[str] = set()
    planned: list[Planned] = []
    derived = {contact: result.derived[contact] for contact in clients}
    if _keep_calls(connection, work, derived, clients, plans, now, planned):
        changed |= {"calls", "headline"}
    reconciled = {contact: result.reconciled[contact] for contact in clients}
    if _keep_cases(connection, work, reconciled, clients, plans, now, planned):
        changed |= {"waits", "closed", "headline"}
    outbox.plan(connection, planned)
    return changed | {"outbox"} if planned else changed


def _client(work: Work, contact: int, derived: Derived, now: datetime) -> Client:
    """The client with the calls whose verdicts may be believed."""
    believed = {verdict.ref: verdict for verdict in derived.verdicts if verdict.started_at >= work.since[contact]}
    return Client(work.timelines[contact], believed, derived.cases, now)


def _facts(known: Timeline) -> int:
    return len(known.calls) + len(known.messages)


def _note_crowds(connection: Connection, timelines: Sequence[Timeline], now: datetime) -> None:
    for known in timelines:
        if _facts(known) > CROWD and known.contact.kind == "person":
            handle = next(iter(known.contact.handles), str(known.contact.id))
            repairs.note(
                connection,
                f"crowd:{known.contact.id}",
                kind="crowd",
                now=now,
                title=f"{handle} has more calls and messages than one client can have",
                advice="if it is a switchboard or a line of yours, add it to [hub] shared_handles or to [lines]",
            )


def _note_addresses(connection: Connection, timelines: Sequence[Timeline], now: datetime) -> None:
    """An address of a client that does not exist needs a person, until something comes from it."""
    wrote = [known for known in timelines if known.messages]
    bad = {
        f"bad_address:{known.contact.id}/{address}": address
        for known in wrote
        for address, bounce in bad_addresses(known).items()
        if bounce.live
    }
    for key, address in bad.items():
        repairs.note(
            connection,
            key,
            kind="bad_address",
            now=now,
            title=f"{address} does not exist: what was written there came back",
            advice="put the address right in the CRM, or call",
        )
    known_ones = (f"bad_address:{known.contact.id}/{handle}" for known in wrote for handle in known.contact.handles)
    repairs.clear(connection, *(key for key in known_ones if key not in bad))


def _keep_calls(
    connection: Connection,
    work: Work,
    derived: Mapping[int, Derived],
    clients: Mapping[int, Client],
    plans: Planner,
    now: datetime,
    planned: list[Planned],
) -> bool:
    """Write the verdicts of what may have changed, take away those of calls that are no more, and tell of the rest."""
    rows: list[dict[str, Any]] = []
    missed: list[dict[str, Any]] = []
    verdicts: list[Verdict] = []
    for contact, found in derived.items():
        believed = clients[contact].verdicts
        rows += [_call_row(work.rows[ref], contact, verdict) for ref, verdict in believed.items()]
        missed += [
            {
                "record_id": work.rows[offer.ref],
                "member": offer.member,
                "at": offer.at,
                "seconds": offer.seconds,
                "share": offer.share,
            }
            for offer in found.offers
            if offer.ref in believed
        ]
        verdicts += believed.values()
    _note_repairs(connection, verdicts, now)
    told = calls.told(connection, work.since, derived)
    orphans = sorted(told.keys() - {row["record_id"] for row in rows})
    calls.remove(connection, orphans)
    if plans.targets:
        planned += _told(connection, work, clients, told, plans, now)
        rows = [{**row, "told": sorted(told.get(row["record_id"], ())) or None} for row in rows]
    calls.put(connection, rows, missed)
    return bool(rows or orphans)


def _told(
    connection: Connection,
    work: Work,
    clients: Mapping[int, Client],
    told: dict[int, set[str]],
    plans: Planner,
    now: datetime,
) -> list[Planned]:
    """What the CRM connections are to be told of calls; `told` then holds that they were."""
    fresh = {
        contact: found
        for contact, client in clients.items()
        if (found := list(plans.fresh(client, {ref: told.get(work.rows[ref], ()) for ref in client.verdicts})))
    }
    keys = {
        key
        for contact, found in fresh.items()
        for target in {target.connection for target, _ in found}
        for key in lead_keys(target, clients[contact].timeline)
    }
    leads = {row.key for row in outbox.by_key(connection, keys)}
    planned: list[Planned] = []
    for contact, found in fresh.items():
        for target, effect in plans.of_calls(clients[contact], found, leads):
            planned.append(Planned(effect, None, contact, now, target))
            told.setdefault(work.rows[effect.call], set()).add(target)
    return planned


def _call_row(record_id: int, contact: int, verdict: Verdict) -> dict[str, Any]:
    return {
        "record_id": record_id,
        "contact_id": contact,
        "started_at": verdict.started_at,
        "ended_at": verdict.ended_at,
        "direction": verdict.direction,
        "outcome": verdict.outcome,
        "missed": verdict.missed,
        "excluded": verdict.excluded,
        "line_group": verdict.line_group,
        "pending": verdict.wake_at is not None,
        "row": verdict.row(),
    }


def _note_repairs(connection: Connection, verdicts: Sequence[Verdict], now: datetime) -> None:
    """A call that nobody can judge needs a person, until it can be judged."""
    for verdict in verdicts:
        if verdict.needs_repair:
            repairs.note(
                connection,
                f"call:{verdict.ref}",
                kind="unjudged_call",
                connection_name=verdict.connection,
                now=now,
                title=f"{verdict.connection}: how the call {verdict.id} ended is not known",
                advice="give the connection its call records, or look at the call and close the wait by hand",
            )
    judged = [f"call:{verdict.ref}" for verdict in verdicts if not verdict.needs_repair]
    repairs.clear(connection, *judged)


def _keep_cases(
    connection: Connection,
    work: Work,
    found: Mapping[int, Reconciled],
    clients: Mapping[int, Client],
    plans: Planner,
    now: datetime,
    planned: list[Planned],
) -> bool:
    """Write what was reconciled, and plan what follows from it."""
    before = {row.id: row for rows in work.stored.values() for row in rows}
    fresh = [(contact, new) for contact, reconciled in found.items() for new in reconciled.new]
    ids = cases.add(connection, [_case_row(contact, new.case, new.taken) for contact, new in fresh])
    rows_that_stand = [
        *(
            (contact, update.id, update.case, update.taken)
            for contact, reconciled in found.items()
            for update in reconciled.updates
        ),
        *((contact, row_id, new.case, new.taken) for row_id, (contact, new) in zip(ids, fresh, strict=True)),
    ]
    renewed: list[dict[str, Any]] = []
    written = outbox.of_cases(connection, list(before)) if plans.targets else {}
    amended = outbox.amended(connection, [row.id for row in before.values() if row.taken])
    for contact, row_id, case, taken in rows_that_stand:
        notices = plan(row_id, case, taken, now)
        planned += [Planned(notice, row_id, contact, notice.at) for notice in notices]
        if row_id in before:
            planned += _amendments(contact, row_id, case, taken, amended.get(row_id, ()), now)
        planned += [
            Planned(effect, row_id, contact, now, target)
            for target, effect in plans.of_case(row_id, case, clients[contact], written.get(row_id, {}))
        ]
        if notices or row_id in before:
            renewed.append({"id": row_id, **_case_row(contact, case, taken | taken_by(notices))})
    voids = [(contact, before[void.id], void) for contact, reconciled in found.items() for void in reconciled.voids]
    for contact, row, void in voids:
        planned += _corrections(contact, row, void, len(amended.get(row.id, ())), now)
        planned += [
            Planned(effect, row.id, contact, now, target)
            for target, effect in plans.of_void(void.because, written.get(row.id, {}), now)
        ]
    cases.renew(connection, renewed)
    cases.renew(connection, [{"id": row.id, **_void_row(row, void)} for _, row, void in voids])
    return bool(rows_that_stand or voids)


def _case_row(contact: int, case: Case, taken: Collection[str]) -> dict[str, Any]:
    body = case.row()
    del body["contact"]  # the client is looked up when it is shown: names change
    return {
        "contact_id": contact,
        "kind": case.kind,
        "line_group": case.line_group,
        "key": case.key,
        "state": case.state,
        "resolution": case.resolution,
        "started_at": case.started_at,
        "opened_at": case.opened_at,
        "due_at": case.due_at,
        "closed_at": case.closed_at,
        "merged_into": None,
        "evidence": list(case.evidence),
        "taken": sorted(taken),
        "row": body,
    }


def _void_row(row: Any, void: Void) -> dict[str, Any]:
    return {
        "state": "void",
        "resolution": void.because,
        "merged_into": void.into,
        "taken": sorted(void.taken),
        "row": {**row.row, "state": "void", "resolution": void.because},
    }


def _amendments(
    contact: int, row_id: int, case: Case, taken: Collection[str], before: Sequence[Any], now: datetime
) -> list[Planned]:
    """What those are told who were told of a case that stands otherwise than they last heard."""
    said = [row.body["because"] for row in before if row.body["because"] not in (EARLIER, MENU)]
    stands = standing(case)
    if stands == (said[-1] if said else OPEN):
        return []
    name = case.contact_name or ""
    return [
        Planned(notice, row_id, contact, now)
        for notice in amend(row_id, case.key, name, taken, stands, len(before), now)
    ]


def _corrections(contact: int, row: Any, void: Void, before: int, now: datetime) -> list[Planned]:
    because = "merged" if void.because == "merged" else "void"
    return [
        Planned(notice, void.id, contact, now)
        for notice in amend(void.id, row.key, "", void.taken, because, before, now)
    ]
