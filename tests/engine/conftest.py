"""What the tests of the engine share: a hub whose clock is moved, with connectors that the tests make up."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from hub import registry, settings
from hub.core.rules import RULES
from hub.engine.hub import OWN, Hub, accept
from hub.registry import Link, Registry
from hub.sdk.connector import Connector
from hub.settings import Vault
from hub.store import connections as connection_rows
from hub.store.database import Database
from plugins.records.connector import CONNECTOR as RECORDS

CONFIG = """
[hub]
timezone = "Europe/Moscow"
country = "RU"

[calendars.office]
timezone = "Europe/Moscow"
[[calendars.office.hours]]
from = 2020-01-01
days = { mon-sun = "00:00-24:00" }

[lines.sales]
calendar = "office"
lines = ["74950010100"]
head = "boris"
duty = ["anna"]

[team.anna]
name = "Anna"
handles = ["ext:src/101"]
notify = ["src:anna"]

[team.boris]
name = "Boris"
handles = ["ext:src/102"]
notify = ["nowhere:1", "src:boris"]

[team.mute]
name = "Mute"
"""


@dataclass
class Clock:
    """A clock that is moved, never waited for."""

    time: datetime = datetime(2026, 3, 10, 7, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.time

    def move(self, **by: float) -> datetime:
        self.time += timedelta(**by)
        return self.time


@dataclass
class Workshop:
    """Makes hubs on one store: each is closed at the end, as if its process had ended."""

    url: str
    folder: Path
    clock: Clock = field(default_factory=Clock)
    hubs: list[Hub] = field(default_factory=list)

    def hub(self, *connectors: Connector, config: str = CONFIG, connections: Mapping[str, str] | None = None) -> Hub:
        """A hub with a connection `src` of `records` unless `connections` (name → further keys) says otherwise."""
        known = {connector.name: connector for connector in (*connectors, RECORDS)}
        wanted = connections or {"src": 'plugin = "records"\nsecret = { env = "HOOK_SECRET" }'}
        sections = "".join(f"\n[connections.{name}]\n{keys}\n" for name, keys in wanted.items())
        path = self.folder / "config.toml"
        path.write_text(config + sections, encoding="utf-8")
        loaded = settings.load(path)
        found = Registry(known, RULES, {})
        vault = Vault(environ={**os.environ, "HOOK_SECRET": "hub-hook-secret"}, folder=self.folder)
        links = registry.links(loaded, found, vault)
        own = Link(OWN, RECORDS, RECORDS.settings.model_validate({}))
        hub = Hub(loaded, found, {**links, OWN: own}, Database(self.url), self.clock)
        accept(hub)
        self.hubs.append(hub)
        return hub


@pytest.fixture
def workshop(store_url: str, tmp_path: Path) -> Iterator[Workshop]:
    """Hubs on SQLite and on PostgreSQL."""
    made = Workshop(store_url, tmp_path)
    yield made
    for hub in made.hubs:
        hub.close()


@pytest.fixture
def sqlite_workshop(migrated_file: Path, tmp_path: Path) -> Iterator[Workshop]:
    """Hubs on SQLite alone, where the store makes no difference."""
    (tmp_path / "hub.db").write_bytes(migrated_file.read_bytes())
    made = Workshop(f"sqlite:///{tmp_path / 'hub.db'}", tmp_path)
    yield made
    for hub in made.hubs:
        hub.close()


def live(hub: Hub, now: datetime | None = None) -> None:
    """As if the daemon had first run now."""
    with hub.db.begin() as connection:
        for name in hub.links:
            connection_rows.go_live(connection, name, now or hub.now())


def rows(hub: Hub, listing: Callable[..., Sequence[Any]], **wanted: Any) -> list[Any]:
    """What a listing of the store prints."""
    with hub.db.begin() as connection:
        return list(listing(connection, **wanted))
