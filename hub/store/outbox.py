"""What is to be done outside, each once: planned, claimed, settled."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, bindparam, false, func, or_, select, true, tuple_, update

from hub.core import effects
from hub.core.effects import Effect
from hub.store.bulk import chunks, insert_new
from hub.store.schema import cases, outbox

OPEN = ("planned", "held")


@dataclass(frozen=True, slots=True)
class Planned:
    """An effect on its way into the outbox; due_at: when it may be delivered (the recipient's hours)."""

    effect: Effect
    case_id: int | None
    contact_id: int | None
    due_at: datetime
    state: str = "planned"


def plan(connection: Connection, planned: Sequence[Planned]) -> None:
    """Add what is not there yet: a key happens once, for ever."""
    rows = [
        {
            "key": item.effect.key,
            "kind": effects.kind(item.effect),
            "case_id": item.case_id,
            "contact_id": item.contact_id,
            "recipient": item.effect.to,
            "at": item.effect.at,
            "due_at": item.due_at,
            "state": item.state,
            "body": effects.body(item.effect),
        }
        for item in planned
    ]
    insert_new(connection, outbox, rows, on=("key",))


@dataclass(frozen=True, slots=True)
class Routed:
    """Effects by (kind, recipient): those `among` the pairs, or all that are not `apart` from them."""

    among: frozenset[tuple[str, str]] | None = None
    apart: frozenset[tuple[str, str]] = frozenset()

    @property
    def holds(self) -> ColumnElement[bool]:
        """The condition on the outbox."""
        pair = tuple_(outbox.c.kind, outbox.c.recipient)
        if self.among is not None:
            return pair.in_(sorted(self.among)) if self.among else false()
        return or_(outbox.c.recipient.is_(None), pair.not_in(sorted(self.apart))) if self.apart else true()


EVERYBODY = Routed()


def due(connection: Connection, now: datetime, limit: int, routed: Routed = EVERYBODY) -> list[Any]:
    """Effects whose moment has come, with the state of their case."""
    return list(
        connection.execute(
            select(outbox, cases.c.state.label("case_state"))
            .outerjoin(cases, cases.c.id == outbox.c.case_id)
            .where(outbox.c.due_at <= now, outbox.c.state.in_(OPEN), routed.holds)
            .order_by(outbox.c.due_at, outbox.c.id)
            .limit(limit)
        )
    )


def next_due(connection: Connection, routed: Routed = EVERYBODY) -> datetime | None:
    """When the next effect may be delivered."""
    moment: datetime | None = connection.scalar(
        select(func.min(outbox.c.due_at)).where(outbox.c.due_at.is_not(None), routed.holds)
    )
    return moment


def claim(connection: Connection, row_id: int, connection_name: str) -> bool:
    """Take one effect for delivery; False when somebody else has it or it is no longer wanted."""
    taken = connection.execute(
        update(outbox)
        .where(outbox.c.id == row_id, outbox.c.state.in_(OPEN))
        .values(state="sending", connection=connection_name, attempts=outbox.c.attempts + 1, due_at=None)
    )
    return taken.rowcount == 1


def settle(
    connection: Connection,
    row_id: int,
    state: str,
    now: datetime,
    *,
    vendor_id: str | None = None,
    url: str | None = None,
    error: str | None = None,
) -> None:
    """Note how a delivery ended."""
    connection.execute(
        update(outbox)
        .where(outbox.c.id == row_id)
        .values(state=state, settled_at=now, due_at=None, vendor_id=vendor_id, url=url, error=error)
    )


def postpone(
    connection: Connection, row_id: int, until: datetime, *, state: str = "planned", error: str | None = None
) -> None:
    """Try again later."""
    connection.execute(update(outbox).where(outbox.c.id == row_id).values(state=state, due_at=until, error=error))


def wait(connection: Connection, row_ids: Iterable[int], until: datetime, *, error: str | None = None) -> None:
    """None of these was tried: the connection that carries them is in trouble."""
    for part in chunks(row_ids):
        waiting = update(outbox).where(outbox.c.id.in_(part), outbox.c.state.in_(OPEN))
        connection.execute(waiting.values(due_at=until, error=func.coalesce(error, outbox.c.error)))


def drop(connection: Connection, row_id: int, why: str, now: datetime) -> None:
    """It is no longer true, or there is nobody to tell."""
    connection.execute(
        update(outbox)
        .where(outbox.c.id == row_id, outbox.c.state.in_(OPEN))
        .values(state="dropped", error=why, settled_at=now, due_at=None)
    )


def claimed(connection: Connection) -> list[Any]:
    """What a process that died had taken and not settled."""
    return list(connection.execute(select(outbox).where(outbox.c.state == "sending").order_by(outbox.c.id)))


def retry(connection: Connection, keys: Iterable[str], now: datetime) -> int:
    """Let dead or unknown effects be delivered again, because a person said so. Returns how many."""
    count = 0
    for part in chunks(keys):
        count += connection.execute(
            update(outbox)
            .where(outbox.c.key.in_(part), outbox.c.state.in_(("dead", "unknown", "dropped")))
            .values(state="planned", due_at=now, error=None)
        ).rowcount
    return count


def states(connection: Connection, case_ids: Sequence[int]) -> dict[int, list[Any]]:
    """Case row → its effects, so that steps can say what became of them."""
    found: dict[int, list[Any]] = {}
    for part in chunks(case_ids):
        rows = connection.execute(
            select(outbox.c.case_id, outbox.c.key, outbox.c.recipient, outbox.c.state, outbox.c.kind)
            .where(outbox.c.case_id.in_(part))
            .order_by(outbox.c.id)
        )
        for row in rows:
            found.setdefault(row.case_id, []).append(row)
    return found


def move(connection: Connection, cases_merged: Sequence[tuple[int, int]]) -> None:
    """(row that was merged, row that stays): nothing that was planned for a merged case is sent for it."""
    if cases_merged:
        connection.execute(
            update(outbox)
            .where(outbox.c.case_id == bindparam("merged"), outbox.c.state.in_(OPEN))
            .values(state="dropped", error="the case was merged into another", due_at=None),
            [{"merged": merged} for merged, _ in cases_merged],
        )


def listing(
    connection: Connection,
    *,
    state: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    limit: int | None = None,
) -> list[dict[str, Any]]:
    """The rows of `crmhub effects`."""
    statement = select(outbox).order_by(outbox.c.at, outbox.c.id)
    if state is not None:
        statement = statement.where(outbox.c.state == state)
    if since is not None:
        statement = statement.where(outbox.c.at >= since)
    if until is not None:
        statement = statement.where(outbox.c.at < until)
    if limit is not None:
        statement = statement.limit(limit)
    return [
        {
            "key": row.key,
            "kind": row.kind,
            "connection": row.connection,
            "to": row.recipient,
            "at": row.at,
            "state": row.state,
            "attempts": row.attempts,
            "error": row.error,
            "due_at": row.due_at,
            "settled_at": row.settled_at,
            "url": row.url,
            "body": row.body,
        }
        for row in connection.execute(statement)
    ]


def last_sent(connection: Connection, case_id: int, recipient: str) -> Any:
    """The last notice of a case that reached this recipient, None when there was none."""
    return connection.execute(
        select(outbox)
        .where(
            outbox.c.case_id == case_id,
            outbox.c.recipient == recipient,
            outbox.c.kind == "notify",
            outbox.c.state == "sent",
        )
        .order_by(outbox.c.id.desc())
        .limit(1)
    ).first()
