"""How timelines become verdicts, cases and effects: contacts that are due are judged anew, in batches."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from hub import log, meters
from hub.core.cases import Case
from hub.core.derive import Derived, derive
from hub.core.policy import Rulebook
from hub.core.reconcile import Reconciled, StoredCase, reconcile
from hub.core.rules import CaseRule
from hub.core.steps import plan
from hub.core.timeline import Timeline
from hub.engine.hub import Hub
from hub.store import calls, cases, outbox, people, repairs, timeline
from hub.store.database import Priority
from hub.store.outbox import Planned

_log = log.get("derive")

BATCH = 50
"""Contacts in one transaction (design.md 8)."""
IMPORT_BATCH = 500
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
    """What a batch turned out to be, ready to be written; `failed` holds the contacts that could not be derived."""

    derived: dict[int, Derived] = field(default_factory=dict)
    reconciled: dict[int, Reconciled] = field(default_factory=dict)
    failed: dict[int, str] = field(default_factory=dict)


async def step(hub: Hub, now: datetime | None = None, limit: int = BATCH) -> set[str] | None:
    """Derive one batch; the names of page fragments that changed, None when nothing was due."""
    moment = now or hub.now()
    work = await hub.db.read(gather, moment, limit)
    if not work.revisions:
        return None
    book = await hub.book()
    result = await asyncio.to_thread(judge, work, book, hub.registry.rules, moment)
    changed = await hub.db.write(Priority.DERIVE, keep, work, result, book, moment)
    for contact, why in result.failed.items():
        _log.error("a contact could not be derived", contact=contact, why=why)
    meters.DERIVED.inc(len(result.derived))
    return changed


def gather(connection: Connection, now: datetime, limit: int) -> Work:
    """The contacts that are due, with all that judging them needs."""
    due = people.due(connection, now, limit)
    windows = cases.windows(connection, {row.id: row.changed_from or now for row in due})
    since = {contact: found.believe_from for contact, found in windows.items()}
    loaded = timeline.load(connection, {contact: found.read_from for contact, found in windows.items()})
    return Work(
        {row.id: row.revision for row in due}, since, loaded.timelines, loaded.rows, cases.in_play(connection, since)
    )


def judge(work: Work, book: Rulebook, rules: Sequence[CaseRule], now: datetime) -> Result:
    """Derive every contact of the batch; one that fails stops nobody else."""
    result = Result()
    for contact, known in work.timelines.items():
        try:
            derived = derive(known, book, rules, now)
            fresh = [case for case in derived.cases if case.closed_at is None or case.closed_at >= work.since[contact]]
            result.reconciled[contact] = reconcile([_stored(row) for row in work.stored[contact]], fresh)
            result.derived[contact] = derived
        except Exception:  # noqa: BLE001 - one of the four places: a bug in a rule stops only this contact
            result.failed[contact] = traceback.format_exc()
    return result


def _stored(row: Any) -> StoredCase:
    return StoredCase(
        row_id=row.id, kind=row.kind, line_group=row.line_group, state=row.state, opened_at=row.opened_at,
        evidence=tuple(row.evidence), taken=tuple(row.taken),
    )


def keep(connection: Connection, work: Work, result: Result, book: Rulebook, now: datetime) -> set[str]:
    """Write a batch; contacts that changed meanwhile are left for the next one."""
    for contact, why in result.failed.items():
        people.push_away(connection, contact, now + LATER, why)
    settled = people.settle(
        connection,
        {contact: (work.revisions[contact], derived.wake_at) for contact, derived in result.derived.items()},
    )
    _keep_calls(connection, work, {contact: result.derived[contact] for contact in settled}, now)
    changed = {"calls", "headline", "waits", "closed"}
    _keep_cases(connection, {contact: result.reconciled[contact] for contact in settled}, book, now)
    return changed
