"""What is still to be done in the CRM systems: open deals, and tasks that are not done. Cost: as many as there are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from sqlalchemy import Connection, or_, select

from hub.core import records as rec
from hub.core.summary import Deal, Task
from hub.store.schema import records


def deals(connection: Connection) -> list[Deal]:
    """The deals that are open now."""
    return [
        Deal(
            ref=f"{name}/deal/{deal.id}",
            connection=name,
            title=deal.title,
            cards=deal.cards,
            owner=deal.owner,
            amount=deal.amount,
            currency=deal.currency,
            created_at=deal.created_at,
            url=deal.url,
        )
        for name, deal in _of_kind(connection, "deal")
    ]


def tasks(connection: Connection) -> list[Task]:
    """The tasks that are to be done."""
    return [Task(name, task.deal, task.card) for name, task in _of_kind(connection, "task")]


def _of_kind(connection: Connection, kind: str) -> Iterator[tuple[str, Any]]:
    there = or_(records.c.gone_at.is_(None), records.c.changed_at > records.c.gone_at)
    rows = connection.execute(
        select(records.c.connection, records.c.body)
        .where(records.c.kind == kind, records.c.unfinished, there)
        .order_by(records.c.id)
    )
    return ((row.connection, rec.stored(row.body)) for row in rows)


def any_deals(connection: Connection, names: Iterable[str]) -> bool:
    """Whether any of these connections has ever told of a deal: it is a CRM."""
    looked = (
        connection.scalar(select(records.c.id).where(records.c.connection == name, records.c.kind == "deal").limit(1))
        for name in names
    )
    return any(found is not None for found in looked)
