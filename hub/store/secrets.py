"""The secrets that a configuration names as `{ stored = "name" }`."""

from __future__ import annotations

from sqlalchemy import Connection, delete, inspect, select

from hub.errors import HubError
from hub.store.bulk import upsert
from hub.store.database import connect, exists
from hub.store.keyring import Keyring
from hub.store.schema import secrets


def put(connection: Connection, keyring: Keyring, name: str, secret: str) -> None:
    """Keep a secret under a name; one that is there is replaced."""
    upsert(connection, secrets, [{"name": name, "body": keyring.encrypt(secret)}], on=("name",))


def get(connection: Connection, keyring: Keyring, name: str) -> str | None:
    """The secret of that name, None when there is none. AuthFailed where no key fits."""
    body = connection.scalar(select(secrets.c.body).where(secrets.c.name == name))
    return None if body is None else keyring.decrypt(body)


def forget(connection: Connection, name: str) -> None:
    """Keep it no longer."""
    connection.execute(delete(secrets).where(secrets.c.name == name))


def look_up(url: str, keyring: Keyring, name: str) -> str | None:
    """The secret of that name in a store that may not be there yet. ValueError says why it cannot be read."""
    if not exists(url):
        return None
    engine = connect(url, write=False)
    try:
        with engine.begin() as connection:
            return get(connection, keyring, name) if inspect(connection).has_table(secrets.name) else None
    except HubError as error:
        raise ValueError(str(error)) from error
    finally:
        engine.dispose()
