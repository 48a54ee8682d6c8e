"""What every step works with: the configuration, the plugins, the store and the clock of one hub."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Container, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from hub import clock, registry
from hub import settings as configuration
from hub.charts.drawing import Drawer
from hub.clock import Clock
from hub.core import crm
from hub.core.effects import KINDS
from hub.core.evening import Evening
from hub.core.notices import Notices
from hub.core.policy import Rulebook, Team
from hub.core.wording import Wording
from hub.engine.budget import Budgets
from hub.engine.lock import Busy, Lock
from hub.engine.memo import Memo
from hub.engine.tokens import Refreshes
from hub.errors import ConfigError, Mistake
from hub.registry import Link, Registry
from hub.sdk.connector import Context
from hub.settings import Settings, Vault
from hub.store import connections, identity, inbox, migrate, people, pulses, rules, secrets, staff
from hub.store.database import Database, Priority
from hub.store.identity import Lists
from hub.store.keyring import Keyring

LOCK = "hub.lock"
"""The file in the data folder that the process holds which absorbs and derives."""
OWN = "hub"
"""The connection by which people's marks on the pages come in: it speaks the hub's own format."""

COLLECT_AFTER = 50_000
"""New objects after which Python looks for rings of them. A page of a vendor's answers has ten thousand, all of them in
use, and what was loaded at start lives as long as the process: looking at these over and over costs a fifth of all."""


@dataclass(slots=True)
class Hub:
    """One hub, opened. Its store belongs to it: `close` when done.

    written: the team as the configuration has it, without linked accounts. reported: what the reports of one moment are
    made of.
    """

    settings: Settings
    registry: Registry
    links: Mapping[str, Link]
    db: Database
    now: Clock = clock.now
    keyring: Keyring = field(init=False, repr=False)
    budgets: Budgets = field(init=False, repr=False)
    refreshes: Refreshes = field(init=False, repr=False)
    written: Team = field(init=False, repr=False)
    drawer: Drawer = field(default_factory=Drawer, repr=False)
    reported: Memo[Any] = field(default_factory=Memo, repr=False)
    _book: tuple[int, Rulebook] | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        self.keyring = keyring_of(self.settings)
        self.budgets = Budgets(self.db, self.now)
        self.refreshes = Refreshes(self.db, self.keyring, self.now)
        self.written = self.settings.team
        self.meet()

    def meet(self) -> None:
        """Let the team have the accounts that its people have linked by now."""
        with self.db.begin() as connection:
            linked = staff.ways(connection).linked
        names = {name: link.connector.name for name, link in self.links.items()}
        self.settings = replace(self.settings, team=self.written.with_accounts(linked, names))
        self._book = None

    def context(self, connection: str) -> Context:
        """What the parsers of a connection may know of us."""
        return context_of(self.settings, connection, self.links)

    @property
    def lists(self) -> Lists:
        """Handles by which no cards become one client."""
        team = self.settings.team
        ours = frozenset(item.handle for member in team.members.values() for item in member.handles)
        return Lists(self.settings.shared, ours)

    @property
    def words(self) -> Wording:
        """How the CRM connections are spoken to."""
        return Wording(self.settings.language, ZoneInfo(self.settings.timezone), self.settings.team)

    @property
    def notices(self) -> Notices:
        """How our own people are spoken to."""
        settings = self.settings
        return Notices(settings.language, ZoneInfo(settings.timezone), settings.team, settings.web.public_url)

    @property
    def evening(self) -> Evening:
        """How the day is summed up for them."""
        settings = self.settings
        return Evening(settings.language, ZoneInfo(settings.timezone), settings.team, settings.web.public_url)

    @property
    def carried(self) -> dict[str, frozenset[str]]:
        """Connection → the kinds of effects that its CRM is told, of those that are told any."""
        return _told(self.links, lambda link: link.pushes)

    @property
    def offered(self) -> dict[str, frozenset[str]]:
        """As `carried`, with what is switched off, too."""
        return _told(self.links, lambda link: link.offered)

    async def book(self) -> Rulebook:
        """The versions of the rules with the team as it is configured."""
        newest = await self.db.read(rules.newest)
        if self._book is None or self._book[0] != newest:
            stored = await self.db.read(rules.versions)
            versions = tuple(
                configuration.rules_from_json(body, version, active_from) for version, active_from, body in stored
            )
            self._book = (newest, self.settings.rulebook(versions))
        return self._book[1]

    def close(self) -> None:
        """Let go of the store."""
        self.db.close()


def _told(links: Mapping[str, Link], pushes: Callable[[Link], Container[type]]) -> dict[str, frozenset[str]]:
    found = {name: frozenset(kind for kind in crm.KINDS if KINDS[kind] in pushes(link)) for name, link in links.items()}
    return {name: kinds for name, kinds in found.items() if kinds}


def context_of(settings: Settings, connection: str, links: Mapping[str, Link] | None = None) -> Context:
    """What the parsers of a connection may know of us and of the other connections."""
    team = settings.team
    handles = {item.handle: member.key for member in team.members.values() for item in member.handles}
    lines = frozenset(line for group in settings.rules.groups.values() for line in group.lines)
    telephony = any(link.connector.telephony for name, link in (links or {}).items() if name != connection)
    return Context(connection, settings.country, handles, lines, telephony)


def keyring_of(settings: Settings) -> Keyring:
    """The keys that stored secrets are encrypted with."""
    return Keyring(settings.data, os.environ)


def vault_of(settings: Settings) -> Vault:
    """Where the secrets of a configuration are looked up."""
    plain = Vault(environ=os.environ, folder=settings.folder)

    def stored(name: str) -> str | None:
        return secrets.look_up(settings.database_url(plain), keyring_of(settings), name)

    return replace(plain, stored=stored)


def load_settings(path: Path) -> tuple[Settings, Registry, Mapping[str, Link]]:
    """Read and check a configuration with the plugins that are there. ConfigError lists every mistake."""
    if not path.exists():
        raise ConfigError([Mistake(str(path), "there is no such file; make one with `crmhub init`")], path.name)
    settings = configuration.load(path)
    found = registry.load()
    return settings, found, registry.links(settings, found, vault_of(settings))


def open_hub(path: Path, now: Clock = clock.now) -> Hub:
    """Open the hub of a configuration: its store is made or migrated, its rules are accepted as a version.

    Beside a running hub nothing is accepted: that one goes by what it has read, and takes over a change when it is
    started again.
    """
    settings, found, links = load_settings(path)
    if settings.database is None:
        settings.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    url = settings.database_url(vault_of(settings))
    migrate.upgrade(url)
    db = Database(url)
    own = Link(OWN, found.connectors["records"], found.connectors["records"].settings.model_validate({}))
    hub = Hub(settings, found, {**links, OWN: own}, db, now)
    gc.freeze()
    gc.set_threshold(COLLECT_AFTER, 10, 10)
    with suppress(Busy), Lock(settings.data / LOCK):
        accept(hub)
    return hub


@contextmanager
def stored_hub(settings: Settings, found: Registry, links: Mapping[str, Link]) -> Iterator[Hub | None]:
    """The hub on the store that is there, which is neither made, migrated nor changed; None where there is none."""
    url = settings.database_url(vault_of(settings))
    if not migrate.is_current(url):
        yield None
        return
    hub = Hub(settings, found, links, Database(url))
    try:
        yield hub
    finally:
        hub.close()


def accept(hub: Hub) -> None:
    """Take what the configuration says now into the store; what depends on a change is derived anew."""
    with hub.db.begin() as connection:
        _take_over(connection, hub, hub.now())


async def relink(hub: Hub) -> None:
    """One of us linked an account or gave one up: from now on it is, or is not, a handle of his like any other."""
    hub.meet()
    await hub.db.write(Priority.ABSORB, _take_over, hub, hub.now())


def _take_over(connection: Connection, hub: Hub, moment: datetime) -> None:
    settings = hub.settings
    team = sorted(
        [item.handle, str(item.from_), member.key]
        for member in settings.team.members.values()
        for item in member.handles
    )
    plans = [
        [member.key, member.deputy, repr(member.calendar), repr(member.absences)]
        for _, member in sorted(settings.team.members.items())
    ]
    lists = [sorted(settings.blocked), sorted(settings.test), sorted(settings.shared), settings.country]
    connections.ensure(connection, [(link.name, link.connector.name) for link in hub.links.values()])
    carried = hub.carried
    for name in hub.links:
        connections.carry(connection, name, carried.get(name, ()), moment)
    if rules.accept(connection, configuration.rules_json(settings.rules), moment):
        people.mark_all_due(connection, moment, only_open=True)
    if rules.remember(connection, "plans", plans):
        people.mark_all_due(connection, moment, only_open=True)
    if rules.remember(connection, "team", [team, lists]):
        people.mark_all_due(connection, moment)
    if rules.remember(connection, "pulses", pulses.VERSION):
        pulses.rebuild(connection)
    before = set(rules.recall(connection, "barriers") or ())
    if rules.remember(connection, "barriers", sorted(hub.lists.barriers)):
        identity.review(connection, before ^ hub.lists.barriers, hub.lists, moment)
    for link in hub.links.values():
        reads = [[name, str(getattr(link.settings, name))] for name in link.connector.parse_reads]
        if reads and rules.remember(connection, f"parse:{link.name}", [reads, team]):
            inbox.replay(connection, connection_name=link.name, states=("done",))
