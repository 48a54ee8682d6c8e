"""Which promises were in force when: accepted versions of the rules."""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import Connection, func, insert, select

from hub.store.bulk import upsert
from hub.store.people import LONG_AGO
from hub.store.schema import meta, rules


def accept(connection: Connection, body: Any, now: datetime) -> bool:
    """Keep `body` as the newest version if it differs from the one in force; the first reaches back for ever.

    Returns whether a version was added.
    """
    content = hashlib.blake2b(orjson.dumps(body, option=orjson.OPT_SORT_KEYS), digest_size=16).digest()
    last = connection.execute(select(rules).order_by(rules.c.version.desc()).limit(1)).first()
    if last is not None and bytes(last.digest) == content:
        return False
    connection.execute(
        insert(rules),
        {
            "version": (last.version if last else 0) + 1,
            "active_from": now if last else LONG_AGO,
            "digest": content,
            "body": body,
        },
    )
    return True


def versions(connection: Connection) -> list[tuple[int, datetime, Any]]:
    """(version, active from, body) of every accepted version, oldest first."""
    rows = connection.execute(select(rules).order_by(rules.c.version))
    return [(row.version, row.active_from, row.body) for row in rows]


def newest(connection: Connection) -> int:
    """The number of the newest version, 0 before the first."""
    return connection.scalar(select(func.max(rules.c.version))) or 0


def remember(connection: Connection, name: str, value: Any) -> bool:
    """Keep one named value; whether it is another than before."""
    before = connection.scalar(select(meta.c.value).where(meta.c.name == name))
    if before == value:
        return False
    upsert(connection, meta, [{"name": name, "value": value}], on=("name",))
    return True


def recall(connection: Connection, name: str) -> Any:
    """The value kept under that name, None when there is none."""
    return connection.scalar(select(meta.c.value).where(meta.c.name == name))
