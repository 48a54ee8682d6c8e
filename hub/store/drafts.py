"""Which connections are being made, and what did the vendor answer to whom?"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Row, delete, or_, select, update

from hub.store.bulk import upsert
from hub.store.schema import drafts


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A draft as it is kept. state, seat: digests; body: encrypted."""

    id: str
    state: str | None
    seat: str | None
    body: bytes
    expires_at: datetime


def keep(connection: Connection, draft: Kept) -> None:
    """Keep a draft, or what has become of it."""
    row = {name: getattr(draft, name) for name in Kept.__slots__}
    upsert(connection, drafts, [{**row, "answer": None}], on=("id",))


def get(connection: Connection, number: str, now: datetime) -> Kept | None:
    """The draft, None when there is none or its time is over."""
    row = connection.execute(select(drafts).where(drafts.c.id == number, drafts.c.expires_at > now)).first()
    return _kept(row) if row is not None else None


def take(connection: Connection, state: str, seat: str | None, now: datetime) -> Kept | None:
    """The draft that this state was given out for, to this browser or to the command line; a state is good once."""
    row = connection.execute(
        update(drafts)
        .where(drafts.c.state == state, drafts.c.expires_at > now, or_(drafts.c.seat == seat, drafts.c.seat.is_(None)))
        .values(state=None)
        .returning(drafts)
    ).first()
    return _kept(row) if row is not None else None


def waiting(connection: Connection, state: str, now: datetime) -> Kept | None:
    """The draft that this state was given out for; the state stays good."""
    row = connection.execute(select(drafts).where(drafts.c.state == state, drafts.c.expires_at > now)).first()
    return _kept(row) if row is not None else None


def rewrite(connection: Connection, number: str, body: bytes) -> None:
    """What has become of a draft while its person is at the vendor's."""
    connection.execute(update(drafts).where(drafts.c.id == number).values(body=body))


def answer(connection: Connection, number: str, body: bytes) -> None:
    """What the vendor sent, for the command that waits for it."""
    connection.execute(update(drafts).where(drafts.c.id == number).values(answer=body))


def answered(connection: Connection, number: str) -> bytes | None:
    """What the vendor sent, None until it has."""
    return connection.scalar(select(drafts.c.answer).where(drafts.c.id == number))


def drop(connection: Connection, number: str) -> None:
    """The connection was saved, or nobody wants it any more."""
    connection.execute(delete(drafts).where(drafts.c.id == number))


def expire(connection: Connection, now: datetime) -> None:
    """Forget what nobody finished."""
    connection.execute(delete(drafts).where(drafts.c.expires_at <= now))


def _kept(row: Row[tuple[object, ...]]) -> Kept:
    return Kept(**{name: getattr(row, name) for name in Kept.__slots__})
