"""Which marks of people belong to which case?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from hub.core.policy import Rulebook
from hub.core.records import Mark
from hub.store.history import Event

Row = Mapping[str, Any]


def targets(row: Row) -> set[str]:
    """Everything by which a mark may name this case (model.md 2): its key, its evidence, the client's handles."""
    evidence = row["evidence"]
    return {row["key"], *evidence, *(f"{row['kind']}:{ref}" for ref in evidence), *row["contact"]["handles"]}


def taken_marks(rows: Iterable[Row], marks: Iterable[Event], book: Rulebook) -> dict[str, tuple[datetime, str]]:
    """Case key → when it was taken last, and by which of us."""
    found: dict[str, tuple[datetime, str]] = {}
    events = [(event, event.record) for event in marks if isinstance(event.record, Mark)]
    for row in rows:
        named = targets(row)
        for event, mark in events:
            if mark.kind == "taken" and mark.on in named and event.at >= row["opened_at"]:
                found[row["key"]] = (event.at, book.team.named(mark.by, event.at) or mark.by)
    return found
