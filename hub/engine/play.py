"""How are records played through the rules: from files or the own store, under a configuration, nothing sent or kept."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

from hub.core import records, whatif
from hub.core.calls import instant_text
from hub.core.cases import MEMORY
from hub.core.handles import kind_of
from hub.core.play import Event, Played, Story, Told, play
from hub.core.records import Call, Mark, Meeting, Message, Record, Submission, WrongRecord
from hub.engine import absorb, evaluate, files
from hub.engine.deliver import routes
from hub.engine.hub import OWN, Hub
from hub.engine.receive import arrival
from hub.errors import Malformed
from hub.registry import Link, Registry
from hub.sdk.connector import Raw, Refused, Stored
from hub.settings import Settings
from hub.store import inbox, migrate, timeline
from hub.store.bulk import chunks
from hub.store.database import Database, Priority
from hub.store.people import LONG_AGO

BEFORE = MEMORY + timedelta(days=7)
"""How long before the first day facts may matter for it."""
NOTICE = "notify"


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be played: from when, until when; None is from the first fact, to the last thing that happens."""

    since: datetime | None
    until: datetime | None


# Where the facts come from


@contextmanager
def rehearsal(settings: Settings, registry: Registry, links: Mapping[str, Link]) -> Iterator[Hub]:
    """A hub of that configuration on a store of its own, which is thrown away with everything in it."""
    with tempfile.TemporaryDirectory(prefix="crmhub-play-") as folder:
        url = f"sqlite:///{Path(folder) / 'play.db'}"
        migrate.upgrade(url)
        own = Link(OWN, registry.connectors["records"], registry.connectors["records"].settings.model_validate({}))
        hub = Hub(replace(settings, data=Path(folder), database=None), registry, {**links, OWN: own}, Database(url))
        try:
            yield hub
        finally:
            hub.close()


async def of_files(hub: Hub, link: Link, paths: Sequence[tuple[Path, str]]) -> tuple[list[Story], list[Refused]]:
    """The clients' stories that files tell, and what of the files was refused. hub: a rehearsal's. paths: with names."""
    raws: list[Raw] = []
    refused: list[Refused] = []
    for path, name in paths:
        for item in files.read(hub, link, path, name):
            (refused if isinstance(item, Refused) else raws).append(item)  # type: ignore[arg-type]
    now = hub.now()
    for part in chunks(raws, absorb.BATCH):
        await hub.db.write(Priority.BACKFILL, inbox.put, [arrival(link.name, raw, now, as_live=True) for raw in part])
    while await absorb.step(hub, now=now):
        pass
    dead = await hub.db.read(inbox.dead_after, link.name, 0)
    earlier = _versions(hub, link, raws, now)
    everybody = await hub.db.read(evaluate.clients, _FOREVER)
    return await _stories(hub, everybody, None, None, earlier), [*refused, *(Refused(*item) for item in dead)]


_FACTS = (Call, Message, Submission, Meeting, Mark)
_FOREVER = datetime.fromisoformat("9999-01-01T00:00:00+00:00")


def _versions(hub: Hub, link: Link, raws: Iterable[Raw], now: datetime) -> dict[str, tuple[Told, ...]]:
    """Reference → how the fact was told before, of facts told more than once with the moments of change."""
    context = hub.context(link.name)
    told: dict[str, dict[str, Record]] = {}
    for raw in raws:
        if raw.group is not None:
            continue  # the items of a group make one fact together
        try:
            parsed = link.connector.parse[raw.kind](
                [Stored(raw.kind, raw.id, raw.payload, now)], link.settings, context
            )
            full = [records.qualified(item, link.name) for item in parsed if isinstance(item, _FACTS)]
        except (WrongRecord, Malformed):
            continue  # it was refused when it was absorbed
        for record in full:
            told.setdefault(records.reference(link.name, record), {})[str(records.to_json(record))] = record
    return {ref: tuple(_told(list(versions.values()))) for ref, versions in told.items() if len(versions) > 1}


def _told(versions: list[Record]) -> Iterator[Told]:
    """Each version but the newest, until the next one came."""
    ordered = sorted(versions, key=lambda record: records.order(record, str(records.to_json(record))))
    for older, newer in pairwise(ordered):
        if newer.changed_at is not None:
            yield Told(newer.changed_at, older)


async def of_store(hub: Hub, since: datetime, until: datetime) -> list[Story]:
    """The stories of the clients with facts since then, as they are known today."""
    wanted = await hub.db.read(evaluate.clients, until, since)
    return await _stories(hub, wanted, since - BEFORE, until, {})


async def _stories(
    hub: Hub,
    contacts: Sequence[int],
    since: datetime | None,
    until: datetime | None,
    earlier: Mapping[str, tuple[Told, ...]],
) -> list[Story]:
    found: list[Story] = []
    for part in chunks(contacts, evaluate.BATCH):
        loaded = await hub.db.read(timeline.load, dict.fromkeys(part, since or LONG_AGO), until)
        for known in loaded.timelines.values():
            own = {ref: earlier[ref] for ref in loaded.rows if ref in earlier} if earlier else {}
            found.append(Story(_live(known), own))
    return found


def _live(known: Any) -> Any:
    """The timeline as if everything had come while its connection was live."""
    names = ("calls", "messages", "submissions", "meetings", "marks")
    return replace(known, **{name: tuple(replace(fact, live=True) for fact in getattr(known, name)) for name in names})


# What it comes to


def run(stories: Iterable[Story], hub: Hub, asked: Asked) -> list[Played]:
    """All cases under the rules of that hub's configuration, by their opening."""
    book = hub.settings.rulebook()
    found = [case for story in stories for case in play(story, book, hub.registry.rules, asked.since, asked.until)]
    return sorted(found, key=lambda played: (played.case.opened_at, played.case.key))


def answer(hub: Hub, asked: Asked, cases: Sequence[Played]) -> dict[str, Any]:
    """The answer of `crmhub play`."""
    channels = channels_of(hub)
    return {
        "from": instant_text(asked.since),
        "to": instant_text(asked.until),
        "timezone": hub.settings.timezone,
        "config": str(hub.settings.path),
        "cases": [played.row() | {"events": [_event(event, channels) for event in played.events]} for played in cases],
        "totals": whatif.totals(cases),
    }


def compared(hub: Hub, before: Sequence[Played], after: Sequence[Played]) -> dict[str, Any]:
    """The part `compare` of the answer: what the configuration of that hub would have done instead."""
    channels = channels_of(hub)
    return {
        "config": str(hub.settings.path),
        **whatif.compare(before, after),
        "cases": [played.row() | {"events": [_event(event, channels) for event in played.events]} for played in after],
        "totals": whatif.totals(after),
    }


def channels_of(hub: Hub) -> dict[str, tuple[str, str]]:
    """Member → (connection that would carry a notice to him, his handle there)."""
    found: dict[str, tuple[str, str]] = {}
    for (kind, member), name in routes(hub).items():
        if kind == NOTICE:
            served = {name, hub.links[name].connector.name}
            handles = hub.settings.team.members[member].notify
            found[member] = name, next(handle for handle in handles if kind_of(handle) in served)
    return found


def _event(event: Event, channels: Mapping[str, tuple[str, str]]) -> dict[str, Any]:
    name, handle = channels.get(event.to or "", (None, None)) if event.what in ("step", "corrected") else (None, None)
    return event.row() | {"connection": name, "handle": handle}
