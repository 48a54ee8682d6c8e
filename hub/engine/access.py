"""How does a person's consent become the access of a connection?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection

from hub.engine.host import trial
from hub.engine.hub import Hub
from hub.engine.tokens import pair_of
from hub.errors import ConfigError, Mistake
from hub.registry import Link
from hub.sdk.connector import Tokens
from hub.settings import Settings
from hub.store import connections, secrets, tokens
from hub.store.database import Priority


async def exchange(
    settings: Settings, link: Link, query: Mapping[str, str], redirect_uri: str
) -> tuple[Tokens, Mapping[str, Any]]:
    """Tokens for what the vendor sent to the redirect page, and options of the connection that he told on the way.

    Nothing is stored yet: try them with `lend(hub, link).with_tokens(tokens)`, then `grant`.
    """
    login = link.login
    if login is None:
        raise ConfigError([Mistake(f"connections.{link.name}", "its settings need nobody's consent")])
    async with trial(settings, link).http("") as http:
        given = await login.exchange(http, link.settings, query, redirect_uri)
    return given if isinstance(given, tuple) else (given, {})


async def grant(hub: Hub, name: str, given: Tokens | None = None, stored: Mapping[str, str] | None = None) -> None:
    """Keep what a person gave, tokens or secrets for `{ stored = "…" }`, and let the connection go on.

    All at once: a running hub sees the connection active only with its new access.
    """
    await hub.db.write(Priority.SETTLE, keep, hub, name, given, stored or {})


def keep(connection: Connection, hub: Hub, name: str, given: Tokens | None, stored: Mapping[str, str]) -> None:
    """As `grant`, within a transaction that does more."""
    now = hub.now()
    for key, secret in stored.items():
        secrets.put(connection, hub.keyring, key, secret)
    if given is not None:
        tokens.keep(connection, hub.keyring, name, pair_of(given), now)
    connections.authorised(connection, name, now)
