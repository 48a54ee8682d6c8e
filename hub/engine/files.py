"""How a file that a plugin can read becomes items, or calls judged on the spot."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from hub.core import records
from hub.core.calls import judge as judge_call
from hub.core.records import Call
from hub.core.timeline import Fact
from hub.engine.hub import OWN, Hub
from hub.errors import ConfigError, Mistake
from hub.registry import Link
from hub.sdk.connector import Raw, Refused, Stored


def link_of(hub: Hub, name: str | None) -> Link:
    """The connection a file belongs to; without a name the only one whose plugin reads files."""
    readers = {link.name: link for link in hub.links.values() if link.connector.read is not None and link.name != OWN}
    if name is None and len(readers) == 1:
        return next(iter(readers.values()))
    link = readers.get(name or "")
    if link is None:
        names = ", ".join(sorted(readers)) or "none"
        problem = "say which connection the file belongs to" if name is None else f'"{name}" is none that reads files'
        example = f"--connection {min(readers, default='pbx')}"
        raise ConfigError([Mistake("--connection", f"{problem}; these do: {names}", example)], hub.settings.path.name)
    return link


def read(hub: Hub, link: Link, path: Path, name: str) -> Iterator[Raw | Refused]:
    """The items of a file or folder, and what of it was refused."""
    assert link.connector.read is not None, "link_of chose it"
    yield from link.connector.read(path, name, link.settings, hub.context(link.name))


async def judge(hub: Hub, file: str, connection: str | None, now: datetime) -> list[dict[str, Any]]:
    """The calls of a recording as `crmhub calls` would show them, without storing anything."""
    link = link_of(hub, connection)
    groups: dict[str, list[Stored]] = {}
    roots: dict[str, str] = {}
    for number, item in enumerate(read(hub, link, Path(file), Path(file).name)):
        if isinstance(item, Refused):
            raise ConfigError([Mistake(item.where, item.why)], file)
        key = item.group or f"single {number}"
        for other in item.joins:
            roots[_root(roots, other)] = _root(roots, key)
        groups.setdefault(key, []).append(Stored(item.kind, item.id, item.payload, now, item.group))
    joined: dict[str, list[Stored]] = {}
    for key, items in groups.items():
        joined.setdefault(_root(roots, key), []).extend(items)
    book = await hub.book()
    context = hub.context(link.name)
    rows = []
    for items in joined.values():
        for record in link.connector.parse[items[0].kind](items, link.settings, context):
            if isinstance(record, Call):
                fact = Fact(records.reference(link.name, record), records.qualified(record, link.name))
                rows.append({**judge_call(fact, book, now).row(), "contact": None})  # type: ignore[arg-type]
    return sorted(rows, key=lambda row: (row["started_at"], row["ref"]))


def _root(roots: dict[str, str], key: str) -> str:
    while roots.get(key, key) != key:
        key = roots[key]
    return key
