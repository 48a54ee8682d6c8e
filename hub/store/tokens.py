"""The tokens that a person's consent gave, and who of all workers refreshes them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import ColumnElement, Connection, and_, or_, select, update

from hub.store.bulk import upsert
from hub.store.keyring import Keyring
from hub.store.schema import tokens


@dataclass(frozen=True, slots=True)
class Pair:
    """An access token and the token that renews it."""

    access: str
    refresh: str | None = None
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Held:
    """What is stored of a connection. generation: counts the pairs; refused: why the vendor takes it no more."""

    pair: Pair
    generation: int
    refreshed_at: datetime
    claimed_until: datetime | None
    refused: str | None


def get(connection: Connection, keyring: Keyring, name: str) -> Held | None:
    """The newest pair of a connection, None when nobody authorised it."""
    row = connection.execute(select(tokens).where(tokens.c.connection == name)).first()
    if row is None:
        return None
    body = orjson.loads(keyring.decrypt(row.body))
    pair = Pair(body["access"], body["refresh"], row.expires_at)
    return Held(pair, row.generation, row.refreshed_at, row.claimed_until, row.refused)


def refreshed_at(connection: Connection, name: str) -> datetime | None:
    """When the pair was given or renewed last, None when nobody authorised the connection or it is refused."""
    return connection.scalar(
        select(tokens.c.refreshed_at).where(tokens.c.connection == name, tokens.c.refused.is_(None))
    )


def keep(connection: Connection, keyring: Keyring, name: str, pair: Pair, now: datetime) -> None:
    """A person has authorised: this pair replaces whatever there was, also one that is being refreshed."""
    before = connection.scalar(select(tokens.c.generation).where(tokens.c.connection == name))
    row = {"connection": name, "generation": (before or 0) + 1, **_columns(keyring, pair, now)}
    upsert(connection, tokens, [row], on=("connection",))


def claim(connection: Connection, name: str, generation: int, now: datetime, until: datetime) -> bool:
    """Whether it is for the caller alone to refresh this pair, until he has done so or time is up."""
    free = or_(tokens.c.claimed_until.is_(None), tokens.c.claimed_until <= now)
    return _change(connection, name, generation, free, claimed_until=until)


def claim_over(connection: Connection, name: str, generation: int, until: datetime) -> bool:
    """The refresh came to nothing; nobody tries again before that moment."""
    return _change(connection, name, generation, claimed_until=until)


def renew(connection: Connection, name: str, generation: int, *, keyring: Keyring, pair: Pair, now: datetime) -> bool:
    """The claimed pair was refreshed; False when a person authorised meanwhile, whose pair stays."""
    return _change(connection, name, generation, **{**_columns(keyring, pair, now), "generation": generation + 1})


def refuse(connection: Connection, name: str, generation: int, why: str) -> bool:
    """The vendor renews this pair no more; False when there is another already."""
    return _change(connection, name, generation, claimed_until=None, refused=why)


def forgive(connection: Connection, name: str) -> None:
    """Let a refused pair be tried again: the operator may have mended what the vendor refused it for."""
    connection.execute(update(tokens).where(tokens.c.connection == name).values(refused=None))


def unused_since(connection: Connection, name: str, moment: datetime) -> bool:
    """Whether the pair was last renewed before that moment and can be renewed."""
    old = and_(tokens.c.connection == name, tokens.c.refreshed_at <= moment, tokens.c.refused.is_(None))
    return connection.scalar(select(tokens.c.connection).where(old)) is not None


def _columns(keyring: Keyring, pair: Pair, now: datetime) -> dict[str, Any]:
    body = orjson.dumps({"access": pair.access, "refresh": pair.refresh}).decode()
    return {
        "body": keyring.encrypt(body),
        "expires_at": pair.expires_at,
        "refreshed_at": now,
        "claimed_until": None,
        "refused": None,
    }


def _change(connection: Connection, name: str, of: int, *conditions: ColumnElement[bool], **values: Any) -> bool:
    """Change the row while it is still of that generation; whether it was."""
    changed = connection.execute(
        update(tokens).where(tokens.c.connection == name, tokens.c.generation == of, *conditions).values(**values)
    )
    return changed.rowcount == 1
