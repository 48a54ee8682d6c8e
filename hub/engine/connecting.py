"""How does a connection come to be: keys are given, access is asked for and tried, and only then is anything saved?"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pydantic import SecretStr
from sqlalchemy import Connection as Transaction

from hub import registry
from hub import settings as configuration
from hub.engine import access
from hub.engine.host import ConnectionHost, lend
from hub.engine.hub import OWN, Hub, vault_of
from hub.errors import HubError
from hub.registry import Link
from hub.sdk.connector import Checked, Connector, Tokens
from hub.settings import Connection, Vault, Wrong, questions
from hub.store import connections, rules
from hub.store.database import Priority

PATIENCE = 30.0
"""Seconds that a system gets to answer a check."""
ASKED = "configuration asked for"
"""Remembered in the store: when a running hub was last asked to read its configuration again."""
NAME = re.compile(r"[A-Za-z0-9_-]{1,40}")
"""What a connection may be called: its name stands in addresses and references."""
RESERVED = frozenset({OWN, "new", "list"})
"""Names that no connection may have: the hub's own, and addresses of pages."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A connection as it would be.

    options: as they will stand in config.toml, with secrets named; None takes a key out. secrets: name in the store → the
    secret itself. tokens: what an authorisation gave. again: the connection is there already.
    """

    name: str
    connector: Connector
    options: Mapping[str, Any] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    tokens: Tokens | None = None
    again: bool = False

    def with_options(self, given: Mapping[str, Any]) -> Candidate:
        """With these keys changed; a secret that is given as it is goes into the store, and the key names it."""
        secret = {item.key for item in questions(self.connector.settings) if item.kind == "secret"}
        options, secrets = dict(self.options), dict(self.secrets)
        for key, value in given.items():
            held = value.get_secret_value() if isinstance(value, SecretStr) else value
            if key in secret and isinstance(held, str):
                secrets[f"{self.name}.{key}"] = held
                held = {"stored": f"{self.name}.{key}"}
            options[key] = held
        return replace(self, options=options, secrets=secrets)

    def renamed(self, name: str) -> Candidate:
        """Under another name; secrets that were given with it are kept under that."""
        given = {
            key: self.secrets[value["stored"]]
            for key, value in self.options.items()
            if isinstance(value, dict) and value.get("stored") in self.secrets
        }
        return replace(self, name=name, secrets={}).with_options(given)

    def vault(self, stored: Vault) -> Vault:
        """Where secrets are looked up, those of the candidate first."""
        return replace(stored, stored=lambda name: self.secrets.get(name) or stored.stored(name))

    def link(self, vault: Vault) -> Link:
        """What the connection would be. ConfigError lists what is wrong with its keys."""
        wrong = Wrong()
        given = {key: value for key, value in self.options.items() if value is not None}
        connection = Connection(self.name, self.connector.name, given)
        link = registry.linked(connection, self.connector, self.vault(vault), "the connection", wrong)
        if link is None:
            raise wrong.error("the connection")
        if link.problem is not None:
            raise link.problem
        return link


def redirect_uri(link: Link, own: str) -> str:
    """Where the vendor sends the person back to: as the keys say, else to the page of the hub at `own`."""
    return str(getattr(link.settings, "redirect_uri", None) or f"{own}/oauth/{link.name}")


async def exchange(hub: Hub, candidate: Candidate, link: Link, query: Mapping[str, str], redirect: str) -> Candidate:
    """The candidate with the tokens that the vendor gives for what it sent to the redirect page."""
    tokens, changed = await access.exchange(hub.settings, link, query, redirect)
    return replace(candidate.with_options(changed), tokens=tokens)


async def tried(hub: Hub, candidate: Candidate, link: Link) -> Sequence[Checked]:
    """What the candidate's check says, with the tokens that were just given or, of an old connection, with its own."""
    host = lend(hub, link)
    return await check(link, host if candidate.tokens is None else host.with_tokens(candidate.tokens))


async def check(link: Link, host: ConnectionHost) -> Sequence[Checked]:
    """Try the connection and say line by line what holds; nothing is kept."""
    connector = link.connector
    if link.problem is not None:
        return [
            Checked("its secrets can be found", ok=False, problem=str(mistake)) for mistake in link.problem.mistakes
        ]
    if connector.open is None or connector.check is None:
        return [Checked("its keys are right", ok=True)]
    try:
        async with asyncio.timeout(PATIENCE), connector.open(link.settings, host) as client:
            return list(await connector.check(client))
    except TimeoutError:
        problem = f"no answer within {PATIENCE:.0f} s; is the address right?"
        return [Checked("it answers", ok=False, problem=problem)]
    except (HubError, OSError) as error:
        return [Checked("it can be opened", ok=False, problem=str(error))]


async def save(hub: Hub, candidate: Candidate) -> bool:
    """Keep it: secrets and tokens in the store, keys in config.toml; all of it or nothing.

    A running hub is asked to read its configuration again where that has changed (True); a new consent alone it takes
    over by itself. ConfigError where the file has other mistakes, with which no hub would start.
    """
    path = hub.settings.path
    before = _text(path)
    connector, language = candidate.connector, hub.settings.language
    after = configuration.with_connection(
        before,
        candidate.name,
        connector.name,
        connector.settings,
        candidate.options,
        "en" if language == "en" else "ru",
        connector.words.get(language),
    )
    registry.links(configuration.parse(after, path), hub.registry, candidate.vault(vault_of(hub.settings)))
    changed = after != before or bool(candidate.secrets)
    await hub.db.write(Priority.SETTLE, _keep, hub, candidate, after, changed)
    return changed


def _keep(transaction: Transaction, hub: Hub, candidate: Candidate, text: str, changed: bool) -> None:
    connections.ensure(transaction, [(candidate.name, candidate.connector.name)])
    access.keep(transaction, hub, candidate.name, candidate.tokens, candidate.secrets)
    if changed:
        rules.remember(transaction, ASKED, hub.now().isoformat())
        configuration.write(hub.settings.path, text)  # last: a file that cannot be written leaves nothing behind


def _text(path: Path) -> str:
    """The file as it is, line ends too."""
    return path.read_bytes().decode("utf-8-sig")
