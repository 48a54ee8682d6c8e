"""By which ways are our own people reached: accounts that they linked themselves, and ways that turned out to be closed."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update

from hub.store import outbox, repairs
from hub.store.bulk import upsert
from hub.store.schema import channels, invites

CODE = "mgr_"
"""What every code begins with, so that it is told from other words behind a link."""
VALID = timedelta(hours=1)
"""How long a code works."""
AGAIN = timedelta(days=1)
"""After how long a closed way is tried once more: a mailbox comes back, a bot is let in again."""


@dataclass(frozen=True, slots=True)
class Ways:
    """What the store knows of the ways to our people. linked: handle → member. closed: handles not to be tried."""

    linked: Mapping[str, str]
    closed: frozenset[str]


def ways(connection: Connection) -> Ways:
    """All of them; they are few."""
    rows = connection.execute(select(channels).order_by(channels.c.linked_at, channels.c.handle)).all()
    linked = {row.handle: row.member for row in rows if row.linked_at is not None}
    return Ways(linked, frozenset(row.handle for row in rows if row.closed_at is not None))


def invite(connection: Connection, member: str, now: datetime) -> str:
    """A new code for one of us; those he had before, and all that are too old, work no more."""
    connection.execute(delete(invites).where((invites.c.member == member) | (invites.c.expires_at <= now)))
    code = f"{CODE}{secrets.token_urlsafe(12)}"
    connection.execute(insert(invites).values(code=_digest(code), member=member, expires_at=now + VALID))
    return code


def redeem(connection: Connection, code: str, now: datetime) -> str | None:
    """Whose code it is; it works once. None where it is wrong or too old."""
    row = connection.execute(select(invites).where(invites.c.code == _digest(code))).first()
    if row is None or row.expires_at <= now:
        return None
    connection.execute(delete(invites).where(invites.c.code == row.code))
    return str(row.member)


def _digest(code: str) -> bytes:
    return hashlib.blake2b(code.encode(), digest_size=16).digest()


def link(connection: Connection, handle: str, member: str, now: datetime) -> None:
    """The account is his from now on, and open."""
    row = {"handle": handle, "member": member, "linked_at": now, "closed_at": None, "why": None}
    upsert(connection, channels, [row], on=("handle",))


def unlink(connection: Connection, handle: str) -> bool:
    """Nobody's any more; False where it was not linked."""
    return connection.execute(delete(channels).where(channels.c.handle == handle)).rowcount > 0


def close(connection: Connection, handle: str, member: str, why: str, now: datetime) -> None:
    """He cannot be reached by it for now."""
    row = {"handle": handle, "member": member, "closed_at": now, "why": why}
    upsert(connection, channels, [row], on=("handle",))


def unreachable(connection: Connection, rows: Sequence[Any], handle: str | None, why: str, now: datetime) -> None:
    """These effects did not reach him by this way: he is told by his next one, and a person learns of it."""
    lost = [row for row in rows if row.kind not in REROUTED]
    for row in lost:
        outbox.settle(connection, row.id, "dropped", now, error=why)
    if handle is None:
        return
    member = rows[0].recipient
    close(connection, handle, member, why, now)
    outbox.reroute(connection, [row.id for row in rows if row.kind in REROUTED], now, why)
    ask_for_channel(connection, member, f"{handle} is closed ({why})", now)


REROUTED = ("notify", "digest", "report")
"""What goes by the next way where the first is closed; an answer and an amendment belong to one message."""


def ask_for_channel(connection: Connection, member: str, why: str, now: datetime) -> None:
    """Somebody has to give him a way by which he can be told, or mend the one that he has."""
    repairs.note(
        connection,
        f"channel:{member}",
        kind="no_channel",
        now=now,
        title=f"{member} cannot be told that clients wait as it is set: {why}",
        advice=f'give [team.{member}] a channel, for example notify = ["email:anna@example.ru"],'
        f" or let him link one: crmhub invite {member}",
    )


def is_closed(connection: Connection, member: str) -> bool:
    """Whether any way to him is closed."""
    closed = select(channels.c.handle).where(channels.c.member == member, channels.c.closed_at.is_not(None))
    return connection.scalar(closed.limit(1)) is not None


def open_again(connection: Connection, handle: str) -> None:
    """He was heard of by it: it is as the configuration or he himself says."""
    found = connection.execute(select(channels).where(channels.c.handle == handle)).first()
    if found is None or found.closed_at is None:
        return
    repairs.clear(connection, f"channel:{found.member}")
    if found.linked_at is None:
        connection.execute(delete(channels).where(channels.c.handle == handle))
    else:
        connection.execute(update(channels).where(channels.c.handle == handle).values(closed_at=None, why=None))


def try_again(connection: Connection, now: datetime) -> None:
    """Ways that were closed long ago are tried once more."""
    old = channels.c.closed_at <= now - AGAIN
    connection.execute(delete(channels).where(old, channels.c.linked_at.is_(None)))
    connection.execute(update(channels).where(old).values(closed_at=None, why=None))
