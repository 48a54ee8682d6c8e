"""Which figures were published of closed months, and what was restated since (metrics.md 10)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select, update

from hub.store.bulk import insert, insert_new, plain
from hub.store.schema import published, restatements

MOST = 20
"""So many late facts of a month are named; that there were more makes no difference."""


def months(connection: Connection) -> list[Any]:
    """The published months, in order."""
    return list(connection.execute(select(published).order_by(published.c.month)))


def get(connection: Connection, month: str) -> Any:
    """One published month, `2026-02`; None where it was not published."""
    return connection.execute(select(published).where(published.c.month == month)).first()


def publish(connection: Connection, row: dict[str, Any]) -> None:
    """Keep the figures of a month for good; what was published once stays."""
    insert_new(connection, published, [{**row, "late": []}], on=("month",))


def came_late(connection: Connection, facts: Iterable[tuple[str, datetime]]) -> None:
    """Note (reference, moment) of facts that came or changed after their month was published."""
    told = sorted(set(facts), key=lambda fact: (fact[1], fact[0]))
    if not told:
        return
    reached = select(published).where(published.c.until > told[0][1], published.c.since <= told[-1][1])
    for row in connection.execute(reached).all():
        fresh = [ref for ref, at in told if row.since <= at < row.until and ref not in row.late]
        if fresh and len(row.late) < MOST:
            late = [*row.late, *fresh][:MOST]
            connection.execute(update(published).where(published.c.month == row.month).values(late=late))


def restate(
    connection: Connection, month: str, rows: Sequence[dict[str, Any]], definition_version: int, rules_version: int
) -> None:
    """Note what the published figures would be now, and that nothing late is left to be looked at."""
    insert(connection, restatements, rows)
    connection.execute(
        update(published)
        .where(published.c.month == month)
        .values(late=[], definition_version=definition_version, rules_version=rules_version)
    )


def restated(connection: Connection, month: str, report: str | None = None) -> list[dict[str, Any]]:
    """The restatements of a month, oldest first."""
    statement = select(restatements).where(restatements.c.month == month).order_by(restatements.c.id)
    if report is not None:
        statement = statement.where(restatements.c.report == report)
    return [plain(row) for row in connection.execute(statement)]
