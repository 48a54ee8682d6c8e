"""Which plugins are there, and what does each connection of the configuration turn out to be?"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, partial
from importlib.metadata import entry_points
from typing import Any, cast

import pluggy
from pydantic import BaseModel, ValidationError

from hub.core.rules import RULES, CaseRule
from hub.errors import ConfigError, Mistake
from hub.sdk import hooks
from hub.sdk.connector import Connector, Limit, Login, Push, Stream
from hub.sdk.hooks import hookimpl
from hub.settings import Connection as ConnectionSettings
from hub.settings import Settings, Vault, Wrong, from_model
from hub.settings.secrets import secret_of

GROUP = "hub.plugins"
"""The entry-point group in which plugins, ours and anybody's, are found."""


@dataclass(frozen=True, slots=True)
class Registry:
    """Everything that was registered at start."""

    connectors: Mapping[str, Connector]
    rules: Sequence[CaseRule]
    sources: Mapping[str, str]
    """Connector → the distribution it came from."""


@hookimpl
def hub_case_rules() -> Sequence[CaseRule]:
    """The hub's own rules come through the same hook as anybody's."""
    return RULES


@cache
def load() -> Registry:
    """Find all plugins and ask each what it has. A misspelt hook is an error here, not a silence later."""
    manager = pluggy.PluginManager("hub")
    manager.add_hookspecs(hooks)
    manager.register(sys.modules[__name__], "hub")
    origins: dict[str, str] = {}
    for entry in entry_points(group=GROUP):
        module = entry.load()
        if not manager.is_registered(module):
            manager.register(module, entry.name)
            origins[entry.name] = entry.dist.name if entry.dist else ""
    manager.check_pending()
    connectors: dict[str, Connector] = {}
    sources: dict[str, str] = {}
    for implementation in manager.hook.hub_connectors.get_hookimpls():
        offered = cast(Iterable[Connector], implementation.function())
        for connector in offered:
            if connector.name in connectors:
                raise ConfigError([Mistake(connector.name, "two plugins offer a connector of this name")], "plugins")
            connectors[connector.name] = connector
            sources[connector.name] = origins.get(implementation.plugin_name, "")
    rules = [rule for found in manager.hook.hub_case_rules() for rule in found]
    return Registry(connectors, sorted(rules, key=lambda rule: rule.name), sources)


@dataclass(frozen=True, slots=True)
class Link:
    """A connection of the configuration with the connector that speaks for it.

    settings: the connector's own model. problem: why it cannot be opened (a secret that cannot be found); files can
    still be imported and raws parsed. again: reads the secrets once more; None where there is nothing to read.
    """

    name: str
    connector: Connector
    settings: BaseModel
    problem: ConfigError | None = None
    again: Callable[[], Link | None] | None = field(default=None, repr=False, compare=False)

    def renewed(self) -> Link:
        """This link with its secrets as they are now: one that was renewed is used without a restart."""
        return (self.again() if self.again else None) or self

    @property
    def login(self) -> Login | None:
        """How a person authorises this connection, None where its settings need no person."""
        return self.connector.login(self.settings) if self.connector.login else None

    @property
    def limits(self) -> Sequence[Limit]:
        """How many requests its vendor takes."""
        return self.connector.limits(self.settings) if self.connector.limits else ()

    @property
    def advice(self) -> str:
        """What the operator does when access is refused."""
        if self.login is not None:
            return f"run `crmhub connect {self.name}` and give access anew; everything goes on by itself"
        return f"correct the access in config.toml and start the hub again; `crmhub check {self.name}`"

    @property
    def streams(self) -> Mapping[str, Stream]:
        """The ways in that these settings offer."""
        offered = self.connector.streams(self.settings) if self.connector.streams else ()
        return {stream.name: stream for stream in offered}

    @property
    def pushes(self) -> Mapping[type, Push]:
        """The ways out that these settings switch on, by the effect they carry."""
        return {effect: push for effect, push in self.offered.items() if push.on}

    @property
    def offered(self) -> Mapping[type, Push]:
        """All ways out that the connector has, by the effect they carry."""
        pushes = self.connector.push(self.settings) if self.connector.push else ()
        return {push.effect: push for push in pushes}


def links(settings: Settings, registry: Registry, vault: Vault) -> dict[str, Link]:
    """Every connection of the configuration, its keys checked by its plugin. ConfigError lists all mistakes."""
    wrong = Wrong()
    found: dict[str, Link] = {}
    for name, connection in settings.connections.items():
        connector = registry.connectors.get(connection.plugin)
        if connector is None:
            known = ", ".join(sorted(registry.connectors))
            wrong.add(
                ("connections", name, "plugin"),
                f'no plugin offers "{connection.plugin}"; known are {known}',
                'plugin = "records"',
            )
            continue
        link = linked(connection, connector, vault, settings.path.name, wrong)
        if link is not None:
            found[name] = link
    if wrong.found:
        raise wrong.error(settings.path.name, _text(settings))
    return found


def _text(settings: Settings) -> str:
    try:
        return settings.path.read_text(encoding="utf-8")
    except OSError:
        return ""


def linked(
    connection: ConnectionSettings, connector: Connector, vault: Vault, source: str, wrong: Wrong
) -> Link | None:
    """The connection with its keys checked; None where they are wrong, which is noted."""
    problem = None
    try:
        options = connection.resolved(vault, source)
    except ConfigError as error:
        problem, options = error, _without_secrets(connection.options)
    again = partial(linked, connection, connector, vault, source, Wrong())
    try:
        return Link(connection.name, connector, connector.settings.model_validate(options), problem, again)
    except ValidationError as error:
        place = ("connections", connection.name)
        wrong.found += from_model(error, connector.settings, place, also=("plugin",))
        return None


def _without_secrets(value: Any) -> Any:
    """The options with an empty text for each reference: enough to check the rest and to parse."""
    if isinstance(value, Mapping):
        if secret_of(dict(value)) is not None:
            return "-"
        return {key: _without_secrets(inner) for key, inner in value.items()}
    return [_without_secrets(inner) for inner in value] if isinstance(value, list) else value
