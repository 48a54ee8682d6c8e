"""What is to be done outside, each once: planned, claimed, settled."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, false, func, not_, or_, select, tuple_, update

from hub.core import effects
from hub.core.crm import KINDS, TASKS
from hub.core.effects import Effect
from hub.store.bulk import chunks, insert_new
from hub.store.schema import cases, outbox

OPEN = ("planned", "held")
ON_RECORD = ("log_call", "add_note", "report")
"""Kinds that nobody waits for: after a busy minute a task to call back must not stand behind them."""


@dataclass(frozen=True, slots=True)
class Planned:
    """An effect on its way into the outbox.

    due_at: when it may be delivered (the recipient's hours). connection: who carries it; None: whoever can, then.
    """

    effect: Effect
    case_id: int | None
    contact_id: int | None
    due_at: datetime
    connection: str | None = None


def plan(connection: Connection, planned: Sequence[Planned]) -> None:
    """Add what is not there yet: a key happens once, for ever."""
    rows = [
        {
            "key": item.effect.key,
            "kind": effects.kind(item.effect),
            "case_id": item.case_id,
            "contact_id": item.contact_id,
            "connection": item.connection,
            "recipient": item.effect.to,
            "at": item.effect.at,
            "due_at": item.due_at,
            "body": effects.body(item.effect),
        }
        for item in planned
    ]
    insert_new(connection, outbox, rows, on=("key",))


@dataclass(frozen=True, slots=True)
class Routed:
    """Effects that a lane carries.

    told: what a CRM is told, by (kind, connection). notices: what our own people are told that nobody has tried yet, by
    (kind, recipient); pinned: what one connection alone can go on with, by (kind, connection). rest: all others instead,
    those that nobody carries.
    """

    notices: frozenset[tuple[str, str]] = frozenset()
    told: frozenset[tuple[str, str]] = frozenset()
    pinned: frozenset[tuple[str, str]] = frozenset()
    rest: bool = False

    @property
    def holds(self) -> ColumnElement[bool]:
        """The condition on the outbox."""
        of_crm, free = outbox.c.kind.in_(KINDS), outbox.c.connection.is_(None)
        told = _among(outbox.c.connection, self.told)
        notice = or_(
            and_(free, _among(outbox.c.recipient, self.notices)),
            and_(not_(free), _among(outbox.c.connection, self.pinned)),
        )
        if not self.rest:
            return or_(and_(of_crm, told), and_(not_(of_crm), notice))
        return or_(and_(of_crm, not_(told)), and_(not_(of_crm), not_(notice)))


def _among(column: ColumnElement[str | None], pairs: frozenset[tuple[str, str]]) -> ColumnElement[bool]:
    """Whether (kind, column) is one of the pairs; a column that is empty is in none."""
    pair = tuple_(outbox.c.kind, func.coalesce(column, ""))
    return pair.in_(sorted(pairs)) if pairs else false()


EVERYBODY = Routed(rest=True)


def due(connection: Connection, now: datetime, limit: int, routed: Routed = EVERYBODY) -> list[Any]:
    """Effects whose moment has come, with the state of their case; what is only put on record goes behind the rest."""
    return list(
        connection.execute(
            select(outbox, cases.c.state.label("case_state"))
            .outerjoin(cases, cases.c.id == outbox.c.case_id)
            .where(outbox.c.due_at <= now, outbox.c.state.in_(OPEN), routed.holds)
            .order_by(outbox.c.kind.in_(ON_RECORD), outbox.c.due_at, outbox.c.id)
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


def claim_together(connection: Connection, rows: Sequence[Any], connection_name: str) -> list[Any]:
    """Take notices that one message tells; those that somebody else has are left out. The first leads: without it none."""
    if not claim(connection, rows[0].id, connection_name):
        return []
    taken = [rows[0], *(row for row in rows[1:] if claim(connection, row.id, connection_name))]
    if len(taken) > 1:
        ids = [row.id for row in taken]
        connection.execute(update(outbox).where(outbox.c.id.in_(ids)).values(told_with=rows[0].key))
    return taken


def settle(
    connection: Connection,
    row_id: int,
    state: str,
    now: datetime,
    /,
    *,
    error: str | None = None,
    **made: str | None,
) -> None:
    """Note how a delivery ended. made: the columns that say what was made (vendor_id, url, card, deal)."""
    connection.execute(
        update(outbox)
        .where(outbox.c.id == row_id)
        .values(state=state, settled_at=now, due_at=None, error=error, **made)
    )


def postpone(
    connection: Connection, row_id: int, until: datetime, *, state: str = "planned", error: str | None = None
) -> None:
    """Try again later."""
    connection.execute(update(outbox).where(outbox.c.id == row_id).values(state=state, due_at=until, error=error))


def hold(connection: Connection, row_id: int, until: datetime, state: str) -> None:
    """It is not its turn yet; what was done meanwhile stays done."""
    waiting = update(outbox).where(outbox.c.id == row_id, outbox.c.state.in_(OPEN))
    connection.execute(waiting.values(due_at=until, state=state))


def wait(connection: Connection, row_ids: Iterable[int], until: datetime, *, error: str | None = None) -> None:
    """None of these was tried: the connection that carries them is in trouble."""
    for part in chunks(row_ids):
        waiting = update(outbox).where(outbox.c.id.in_(part), outbox.c.state.in_(OPEN))
        connection.execute(waiting.values(due_at=until, error=func.coalesce(error, outbox.c.error)))


def pin(connection: Connection, row_id: int, name: str | None) -> None:
    """Only this connection can go on with it; None: whoever can."""
    connection.execute(update(outbox).where(outbox.c.id == row_id, outbox.c.state.in_(OPEN)).values(connection=name))


def reroute(connection: Connection, row_ids: Iterable[int], now: datetime, why: str) -> None:
    """Its recipient cannot be reached by the way that was tried: it goes by his next one."""
    for part in chunks(row_ids):
        again = {"state": "planned", "connection": None, "vendor_id": None, "told_with": None, "attempts": 0}
        statement = update(outbox).where(outbox.c.id.in_(part))
        connection.execute(statement.values(**again, due_at=now, settled_at=None, error=why))


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
            .values(state="planned", due_at=now, settled_at=None, error=None)
        ).rowcount
    return count


def states(connection: Connection, case_ids: Sequence[int]) -> dict[int, list[Any]]:
    """Case row → its effects, so that steps can say what became of them."""
    found: dict[int, list[Any]] = {}
    for part in chunks(case_ids):
        rows = connection.execute(
            select(outbox.c.case_id, outbox.c.key, outbox.c.recipient, outbox.c.state, outbox.c.kind, outbox.c.at)
            .where(outbox.c.case_id.in_(part))
            .order_by(outbox.c.id)
        )
        for row in rows:
            found.setdefault(row.case_id, []).append(row)
    return found


def listing(
    connection: Connection,
    *,
    state: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    connection_name: str | None = None,
    limit: int | None = None,
) -> list[dict[str, Any]]:
    """The rows of `crmhub effects`."""
    statement = select(outbox).order_by(outbox.c.at, outbox.c.id)
    if connection_name is not None:
        statement = statement.where(outbox.c.connection == connection_name)
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


def sent_notice(connection: Connection, case_id: int, recipient: str, step: str = "") -> Any:
    """The last notice of a case that reached this recipient, or that of a step; None when there was none."""
    statement = select(outbox).where(
        outbox.c.case_id == case_id,
        outbox.c.recipient == recipient,
        outbox.c.kind == "notify",
        outbox.c.state == "sent",
    )
    if step:
        statement = statement.where(outbox.c.key == f"{case_id}/{step}/{recipient}")
    return connection.execute(statement.order_by(outbox.c.id.desc()).limit(1)).first()


def told(connection: Connection, case_id: int) -> frozenset[str]:
    """Whom of us a notice of the case reached."""
    statement = select(outbox.c.recipient).where(
        outbox.c.case_id == case_id, outbox.c.kind == "notify", outbox.c.state == "sent"
    )
    return frozenset(connection.scalars(statement))


def amended(connection: Connection, case_ids: Iterable[int]) -> dict[int, list[Any]]:
    """Case row → what was planned to amend its notices, in order."""
    found: dict[int, list[Any]] = {}
    for part in chunks(case_ids):
        rows = connection.execute(
            select(outbox.c.id, outbox.c.case_id, outbox.c.recipient, outbox.c.state, outbox.c.body)
            .where(outbox.c.case_id.in_(part), outbox.c.kind == "amend_notice")
            .order_by(outbox.c.id)
        )
        for row in rows:
            found.setdefault(row.case_id, []).append(row)
    return found


def made(connection: Connection, name: str, vendor_id: str) -> list[Any]:
    """What this connection sent as this message: one effect, or the notices that it told together."""
    return list(
        connection.execute(
            select(outbox).where(outbox.c.vendor_id == vendor_id, outbox.c.connection == name).order_by(outbox.c.id)
        )
    )


def together(connection: Connection, leader: str) -> list[Any]:
    """The notices that one message tells, the leading one first."""
    rows = connection.execute(select(outbox).where(outbox.c.told_with == leader).order_by(outbox.c.id)).all()
    return sorted(rows, key=lambda row: row.key != leader)


def waiting_notices(connection: Connection, recipient: str, now: datetime, name: str) -> list[Any]:
    """The notices that one of us may get now by this connection, of clients who still wait, the oldest first."""
    return list(
        connection.execute(
            select(outbox)
            .outerjoin(cases, cases.c.id == outbox.c.case_id)
            .where(
                outbox.c.recipient == recipient,
                outbox.c.settled_at.is_(None),
                outbox.c.kind == "notify",
                outbox.c.state.in_(OPEN),
                outbox.c.due_at <= now,
                outbox.c.told_with.is_(None),
                or_(outbox.c.connection.is_(None), outbox.c.connection == name),
                func.coalesce(cases.c.state, "open") == "open",
            )
            .order_by(outbox.c.at, outbox.c.id)
        )
    )


def messages_since(connection: Connection, recipient: str, since: datetime) -> list[datetime]:
    """When one of us got a notice lately, a time for each message."""
    rows = connection.execute(
        select(outbox.c.key, outbox.c.told_with, outbox.c.settled_at).where(
            outbox.c.recipient == recipient,
            outbox.c.settled_at > since,
            outbox.c.kind == "notify",
            outbox.c.state == "sent",
        )
    )
    return sorted(row.settled_at for row in rows if row.told_with in (None, row.key))


def of_cases(connection: Connection, case_ids: Sequence[int]) -> dict[int, dict[str, list[Effect]]]:
    """Case row → connection → what was planned for its CRM, in order, whatever became of it."""
    found: dict[int, dict[str, list[Effect]]] = {}
    for part in chunks(case_ids):
        rows = connection.execute(
            select(outbox.c.case_id, outbox.c.connection, outbox.c.kind, outbox.c.body)
            .where(outbox.c.case_id.in_(part), outbox.c.kind.in_(KINDS))
            .order_by(outbox.c.id)
        )
        for row in rows:
            effect = effects.from_body(row.kind, row.body)
            found.setdefault(row.case_id, {}).setdefault(row.connection, []).append(effect)
    return found


def by_key(connection: Connection, keys: Iterable[str]) -> list[Any]:
    """The effects of these keys, as far as they were planned."""
    return [
        row
        for part in chunks(sorted(keys))
        for row in connection.execute(select(outbox).where(outbox.c.key.in_(part)).order_by(outbox.c.id))
    ]


def tasks(connection: Connection, case_id: int, name: str) -> list[Any]:
    """What was planned for the task of a case in one connection, in order."""
    return list(
        connection.execute(
            select(outbox)
            .where(outbox.c.case_id == case_id, outbox.c.connection == name, outbox.c.kind.in_(TASKS))
            .order_by(outbox.c.id)
        )
    )
