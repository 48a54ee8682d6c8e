"""Updates as the vendor gives them, from the contract's pages, and what the hub makes of them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from hub.sdk import Context, Raw, Stored
from plugins.messenger.telegram.connector import CONNECTOR
from plugins.messenger.telegram.items import raws

FOLDER = Path(__file__).parents[1] / "fixtures"
UPDATES: dict[str, dict[str, Any]] = {
    name: json.loads(line)
    for name, line in (
        row.split(" ", 1) for row in (FOLDER / "updates.txt").read_text(encoding="utf-8").splitlines() if row
    )
}
LINE = "@hub_test_bot"
IVAN = 777000900
ANNA = "telegram:777000111"
TEAM = {f"telegram:{IVAN}": "ivan"}
RECEIVED = datetime(2026, 11, 16, 9, tzinfo=UTC)


def items(*updates: dict[str, Any], owner: int | None = None) -> list[Raw]:
    """The raws of updates that come one after the other."""
    return [raw for update in updates for raw in raws(update, LINE, owner)]


def parsed(found: Sequence[Raw], team: dict[str, str] | None = None, **options: Any) -> list[Any]:
    """All that is said by items, each group parsed by itself, whatever came together."""
    context = Context("tg", team=TEAM if team is None else team)
    settings = CONNECTOR.settings.model_validate(options)
    told: list[Any] = []
    for kind, stored in _groups(found):
        told += CONNECTOR.parse[kind](stored, settings, context)
    return told


def _groups(found: Iterable[Raw]) -> list[tuple[str, list[Stored]]]:
    roots: dict[str, str] = {}
    groups: dict[str, tuple[str, list[Stored]]] = {}

    def root(key: str) -> str:
        while roots.setdefault(key, key) != key:
            key = roots[key]
        return key

    numbered = [(number, raw, raw.group or f"alone {number}") for number, raw in enumerate(found)]
    for _, raw, key in numbered:
        for other in raw.joins:
            roots[root(other)] = root(key)
    for number, raw, key in numbered:
        at = RECEIVED + timedelta(milliseconds=number)
        groups.setdefault(root(key), (raw.kind, []))[1].append(Stored(raw.kind, raw.id, raw.payload, at, raw.group))
    return list(groups.values())


def told(*names: str, owner: int | None = None, **options: Any) -> list[Any]:
    """What recorded updates say."""
    return parsed(items(*(UPDATES[name] for name in names), owner=owner), **options)
