"""What does the hub know of its configuration once it has been accepted?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from hub.core.calendars import Calendar
from hub.core.policy import Policy, Rulebook, Rules, Team
from hub.core.schedule import Plan
from hub.settings.mistakes import Wrong
from hub.settings.secrets import Secret, Vault, look_up, resolved


@dataclass(frozen=True, slots=True)
class Web:
    """Where the pages are served, and whose word about the remote address is taken.

    public_url: how vendors reach us from outside, without a slash at its end; None when they cannot.
    """

    host: str = "127.0.0.1"
    port: int = 8080
    trusted_proxy: tuple[str, ...] = ()
    public_url: str | None = None


@dataclass(frozen=True, slots=True)
class Connection:
    """A configured connection: which plugin, and the keys that the plugin itself checks; secrets are still references."""

    name: str
    plugin: str
    options: Mapping[str, Any] = field(default_factory=dict, repr=False)  # a secret may stand in it in the clear

    def resolved(self, vault: Vault, source: str = "config.toml") -> dict[str, Any]:
        """The options with all secrets in place. ConfigError lists every reference that leads nowhere."""
        wrong = Wrong()
        options = resolved(dict(self.options), ("connections", self.name), vault, wrong)
        if wrong.found:
            raise wrong.error(source)
        return dict(options)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """An accepted `config.toml`. Paths are absolute; a relative one in the file is relative to the file."""

    path: Path
    timezone: str
    country: str
    language: str
    data: Path
    database: str | Secret | None = None
    keep_raw: timedelta
    shared: frozenset[str] = frozenset()
    blocked: frozenset[str] = frozenset()
    test: frozenset[str] = frozenset()
    head_of_sales: str | None = None
    web: Web = Web()
    reports: Plan = Plan()
    policy: Policy = Policy()
    calendars: Mapping[str, Calendar] = field(default_factory=dict)
    rules: Rules = Rules()
    team: Team = Team()
    connections: Mapping[str, Connection] = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        """Where the file lies: files that it names are looked for here."""
        return self.path.parent

    def database_url(self, vault: Vault) -> str:
        """The SQLAlchemy URL of the store. ConfigError where it is kept as a secret that cannot be found."""
        if self.database is None:
            return f"sqlite:///{self.data / 'hub.db'}"
        if isinstance(self.database, str):
            return self.database
        try:
            return look_up(self.database, vault)
        except ValueError as error:
            wrong = Wrong([(("hub", "database"), str(error), '{ env = "HUB_DATABASE" }')])
            raise wrong.error(self.path.name) from error

    def rulebook(self, versions: tuple[Rules, ...] = ()) -> Rulebook:
        """Everything a judgement depends on, with the stored versions of the rules where there are any."""
        return Rulebook(
            versions=versions or (self.rules,),
            team=self.team,
            country=self.country,
            blocked=self.blocked,
            test=self.test,
            shared=self.shared,
            head_of_sales=self.head_of_sales,
        )
