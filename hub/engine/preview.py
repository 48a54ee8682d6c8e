"""What would the CRM connections have been told in the last days, had everything they can carry been switched on?"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from hub.core import effects
from hub.core.cases import MEMORY, Case
from hub.core.crm import Client, Planner, Target, lead_keys, place
from hub.core.derive import derive
from hub.core.effects import Told
from hub.core.policy import Rulebook
from hub.core.timeline import Fact, Timeline
from hub.engine.evaluate import BATCH, clients
from hub.engine.hub import Hub
from hub.store import outbox, timeline
from hub.store.bulk import chunks

BEFORE = MEMORY + timedelta(days=7)
"""How long before the asked days facts may matter for them."""


async def preview(hub: Hub, since: datetime, until: datetime, connection: str | None = None) -> list[dict[str, Any]]:
    """The rows of `crmhub effects --preview`; `on` says whether it is switched on now. Nothing is stored."""
    offered = {name: kinds for name, kinds in hub.offered.items() if connection in {None, name}}
    targets = [Target(name, dict.fromkeys(kinds)) for name, kinds in sorted(offered.items())]
    looking = _Looking(Planner(targets, hub.words, hub.settings.team), await hub.book(), hub, since, until)
    rows: list[dict[str, Any]] = []
    for part in chunks(await hub.db.read(clients, until, since), BATCH):
        loaded = await hub.db.read(timeline.load, dict.fromkeys(part, since - BEFORE), until)
        known = {
            contact: found
            for contact, found in loaded.timelines.items()
            if found.calls or found.messages or found.submissions
        }
        keys = {key for found in known.values() for target in targets for key in lead_keys(target.connection, found)}
        leads = {row.key for row in await hub.db.read(outbox.by_key, keys) if row.at < since}
        rows += await asyncio.to_thread(looking.rows, known.values(), leads)
    return sorted(rows, key=lambda row: (row["at"], row["connection"], row["key"]))


@dataclass(frozen=True, slots=True)
class _Looking:
    """How one client after the other is looked at."""

    plans: Planner
    book: Rulebook
    hub: Hub
    since: datetime
    until: datetime

    def rows(self, timelines: Iterable[Timeline], leads: set[str]) -> list[dict[str, Any]]:
        """What would have been told of these clients. leads: keys of leads that were made before."""
        return [row for found in timelines for row in self._of_client(found, leads)]

    def _of_client(self, found: Timeline, leads: set[str]) -> Iterator[dict[str, Any]]:
        """Each call and case at its own moment."""
        as_live = replace(
            found,
            calls=tuple(map(_live, found.calls)),
            messages=tuple(map(_live, found.messages)),
            submissions=tuple(map(_live, found.submissions)),
        )
        derived = derive(as_live, self.book, self.hub.registry.rules, self.until)
        carried = self.hub.carried
        whole = Client(as_live, {call.ref: call for call in derived.verdicts}, derived.cases, self.until)
        for connection, effect in (*self._calls(whole, leads), *self._cases(whole)):
            yield _row(self._placed(as_live, connection, effect), connection, carried)

    def _calls(self, whole: Client, leads: set[str]) -> Iterator[tuple[str, Told]]:
        made = set(leads)
        for call in sorted(whole.verdicts.values(), key=lambda call: (call.started_at, call.ref)):
            if call.started_at < self.since:
                continue
            then = Client(whole.timeline, {call.ref: call}, whole.cases, call.ended_at or self.until)
            for connection, effect in self.plans.of_calls(then, self.plans.fresh(then, {}), made):
                made.add(effect.key)
                yield connection, effect

    def _cases(self, whole: Client) -> Iterator[tuple[str, Told]]:
        for case in whole.cases:
            closed_at = case.closed_at
            if case.opened_at < self.since or (closed_at is not None and closed_at <= case.opened_at):
                continue
            opened = self._of_case(_as_opened(case), whole, case.opened_at, {})
            yield from opened
            if closed_at is not None:
                before = {
                    connection: [effect] for connection, effect in opened if isinstance(effect, effects.CreateTask)
                }
                closing = self._of_case(case, whole, closed_at, before)
                yield from (item for item in closing if isinstance(item[1], effects.CloseTask))

    def _of_case(
        self, case: Case, whole: Client, now: datetime, before: Mapping[str, list[Any]]
    ) -> list[tuple[str, Told]]:
        then = Client(whole.timeline, whole.verdicts, whole.cases, now)
        return list(self.plans.of_case(case.key, case, then, before))

    def _placed(self, found: Timeline, connection: str, effect: Told) -> Told:
        where = place(found, connection, effect.client, effect.at)
        owner = self.plans.team.account(effect.to, connection, effect.at)
        return replace(effect, card=where.card, deal=where.deal, owner=owner)


def _live(fact: Fact[Any]) -> Fact[Any]:
    return replace(fact, live=True, as_live=True)


def _as_opened(case: Case) -> Case:
    return replace(case, state="open", resolution=None, closed_at=None, closed_by=None, closed_by_member=None)


def _row(effect: Told, connection: str, carried: Mapping[str, frozenset[str]]) -> dict[str, Any]:
    """As a row of `crmhub effects`, with whether it is switched on."""
    kind = effects.kind(effect)
    return {
        "key": effect.key,
        "kind": kind,
        "connection": connection,
        "to": effect.to,
        "at": effect.at,
        "state": "preview",
        "attempts": 0,
        "error": None,
        "due_at": None,
        "settled_at": None,
        "url": None,
        "body": effects.body(effect),
        "on": kind in carried.get(connection, ()),
    }
