"""What did our own people do in a stretch of time: what they said of themselves, wrote and decided."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection, select

from hub.core import records as rec
from hub.store.schema import records


def said_or_done(
    connection: Connection, kind: Literal["presence", "message", "mark"], since: datetime, until: datetime
) -> Iterator[Any]:
    """The records of a kind of that time, in order, those that are gone left out."""
    rows = connection.execute(
        select(records.c.body, records.c.gone_at, records.c.changed_at)
        .where(records.c.kind == kind, records.c.at >= since, records.c.at < until, records.c.body.is_not(None))
        .order_by(records.c.at, records.c.id)
    )
    for row in rows:
        if row.gone_at is None or (row.changed_at is not None and row.changed_at > row.gone_at):
            yield rec.stored(row.body)
