"""How much came from each source, hour by hour, and when it was strangely silent."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, Connection, case, delete, func, select, type_coerce, update
from sqlalchemy.dialects import postgresql, sqlite

from hub.store.bulk import chunks
from hub.store.schema import gaps, pulses, records

KINDS = ("call", "message", "submission")
"""What clients and we do all day: of a source that tells nothing else nobody can say whether it is silent."""
VERSION = 1
"""Of what is counted; raised when the same records would be counted otherwise."""
HOUR = timedelta(hours=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def hour_of(at: datetime) -> datetime:
    """The hour that a moment lies in."""
    return at - (at - _EPOCH) % HOUR


def count(connection: Connection, facts: Iterable[tuple[str, str, datetime]]) -> None:
    """Note (connection, kind, moment) of facts that were never seen before; other kinds are not counted."""
    counted: dict[tuple[str, str, datetime], tuple[int, datetime]] = {}
    for name, kind, at in facts:
        if kind in KINDS:
            key = (name, kind, hour_of(at))
            number, last = counted.get(key, (0, at))
            counted[key] = (number + 1, max(last, at))
    rows = [
        {"connection": name, "kind": kind, "hour": hour, "count": number, "last_at": last}
        for (name, kind, hour), (number, last) in sorted(counted.items())
    ]
    insert: Any = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
    for part in chunks(rows):
        statement = insert(pulses).values(part)
        new = statement.excluded
        changed = {
            "count": pulses.c["count"] + new["count"],
            "last_at": case((new.last_at > pulses.c.last_at, new.last_at), else_=pulses.c.last_at),
        }
        same = ("connection", "kind", "hour")
        connection.execute(statement.on_conflict_do_update(index_elements=same, set_=changed))


def rebuild(connection: Connection) -> None:
    """Count all facts anew."""
    connection.execute(delete(pulses))
    at = type_coerce(records.c.at, BigInteger)
    hour = (at - at % (HOUR // timedelta(milliseconds=1))).label("hour")
    found = (
        select(records.c.connection, records.c.kind, hour, func.count(), func.max(records.c.at))
        .where(records.c.kind.in_(KINDS), records.c.at.is_not(None), records.c.body.is_not(None))
        .group_by(records.c.connection, records.c.kind, hour)
    )
    connection.execute(pulses.insert().from_select(["connection", "kind", "hour", "count", "last_at"], found))


def sources(connection: Connection, names: Sequence[str], since: datetime, until: datetime) -> list[Any]:
    """(connection, kind, first_at, last_at) of each kind that came by one of these connections between the hours."""
    return list(
        connection.execute(
            select(
                pulses.c.connection,
                pulses.c.kind,
                func.min(pulses.c.hour).label("first_at"),
                func.max(pulses.c.last_at).label("last_at"),
            )
            .where(pulses.c.connection.in_(names), pulses.c.hour >= since, pulses.c.hour <= until)
            .group_by(pulses.c.connection, pulses.c.kind)
            .order_by(pulses.c.connection, pulses.c.kind)
        )
    )


def lag(connection: Connection, name: str, kind: str, at: datetime) -> timedelta:
    """How long after its moment the fact of that moment came; zero where it is not known."""
    received_at = connection.scalar(
        select(func.max(records.c.received_at)).where(
            records.c.kind == kind, records.c.at == at, records.c.connection == name
        )
    )
    return received_at - at if received_at is not None else timedelta(0)


def counts(connection: Connection, name: str, kind: str, hours: Iterable[datetime]) -> dict[datetime, int]:
    """How many facts there were in these hours; hours without any are left out."""
    found: dict[datetime, int] = {}
    for part in chunks(hours):
        rows = connection.execute(
            select(pulses.c.hour, pulses.c["count"]).where(
                pulses.c.connection == name, pulses.c.kind == kind, pulses.c.hour.in_(part)
            )
        )
        found.update(rows.all())
    return found


# Gaps


def open_gap(connection: Connection, name: str, kind: str, since: datetime) -> None:
    """The source is strangely silent since then; said again, nothing changes."""
    if _standing(connection, name, kind) is None:
        insert: Any = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
        statement = insert(gaps).values(connection=name, kind=kind, since=since, until=None)
        connection.execute(statement.on_conflict_do_update(index_elements=gaps.primary_key, set_={"until": None}))


def close_gap(connection: Connection, name: str, kind: str, until: datetime) -> bool:
    """Something came again: whether there was a gap to close."""
    since = _standing(connection, name, kind)
    if since is None:
        return False
    own = (gaps.c.connection == name) & (gaps.c.kind == kind) & (gaps.c.since == since)
    connection.execute(update(gaps).where(own).values(until=until))
    return True


def _standing(connection: Connection, name: str, kind: str) -> datetime | None:
    return connection.scalar(
        select(gaps.c.since).where(gaps.c.connection == name, gaps.c.kind == kind, gaps.c.until.is_(None))
    )


def gaps_of(connection: Connection, names: Sequence[str], since: datetime, until: datetime) -> list[Any]:
    """The gaps that reach into the period and have not been filled since: nothing that came later lies inside them."""
    rows = connection.execute(
        select(gaps)
        .where(gaps.c.connection.in_(names), gaps.c.since < until, gaps.c.until.is_(None) | (gaps.c.until > since))
        .order_by(gaps.c.connection, gaps.c.since)
    ).all()
    return [row for row in rows if not _filled(connection, row)]


def _filled(connection: Connection, gap: Any) -> bool:
    inside = select(pulses.c.hour).where(
        pulses.c.connection == gap.connection,
        pulses.c.kind == gap.kind,
        pulses.c.hour >= hour_of(gap.since),
        pulses.c.last_at > gap.since,
    )
    if gap.until is not None:
        inside = inside.where(pulses.c.last_at < gap.until)
    return gap.until is not None and connection.scalar(inside.limit(1)) is not None
