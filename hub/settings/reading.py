"""What does a `config.toml` say, and what is wrong with it?

Each table is read on its own, so that one mistake hides no other; references between tables are checked against the names
that are written in the file, so that a table with a mistake is not called unknown as well.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path as FilePath
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from hub.core import handles
from hub.core.hours import Absence, Calendar, DayException, ProductionCalendar
from hub.core.policy import LineGroup, Policy, Rules, Team, TeamHandle, TeamMember
from hub.core.schedule import Plan
from hub.errors import ConfigError, Mistake
from hub.settings import policy as policy_table
from hub.settings.mistakes import Path, Wrong, did_you_mean, from_model, unknown_key
from hub.settings.production import production_calendar
from hub.settings.schema import (
    EXAMPLES,
    CalendarTable,
    ConnectionTable,
    HubTable,
    LineTable,
    MemberTable,
    ReportsTable,
    WebTable,
)
from hub.settings.secrets import check_references
from hub.settings.values import Connection, Settings, Web

Model = TypeVar("Model", bound=BaseModel)

SECTIONS = ("hub", "web", "reports", "policy", "calendars", "lines", "team", "connections")
NAMED = {"calendars": "office", "lines": "sales", "team": "anna", "connections": "pbx"}  # with a name to show
OWN_CONNECTION = "hub"  # marks and notes that people make in the hub itself
_NAME = re.compile(r"\w(?:[\w .-]*\w)?")  # letters of any alphabet
_SHORT_NAME = re.compile(r"[A-Za-z0-9_-]+")  # a connection's stands in addresses and references


def load(path: FilePath) -> Settings:
    """Read and check a configuration file. ConfigError lists all mistakes, each with its key and a right example."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        problem = "there is no such file; `crmhub init` writes one, `--config FILE` names another"
        raise ConfigError([Mistake(str(path), problem)], path.name) from error
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError([Mistake(str(path), f"cannot be read: {error}")], path.name) from error
    return parse(text, path)


def parse(text: str, path: FilePath = FilePath("config.toml")) -> Settings:
    """Read a configuration from its text; `path` is where relative names begin and what messages call it."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError([_syntax(error)], path.name) from error
    wrong = Wrong()
    settings = _Reader(document, path.absolute(), wrong).settings()
    if wrong.found:
        raise wrong.error(path.name, text)
    return settings


def _syntax(error: tomllib.TOMLDecodeError) -> Mistake:
    found = re.search(r"\(at line (\d+), column \d+\)", str(error))
    problem = "the text is no TOML: " + str(error).partition(" (at ")[0]
    return Mistake("syntax", problem, 'key = "text", key = 5, key = ["a", "b"]', int(found[1]) if found else None)


@dataclass(slots=True)
class _Reader:
    document: Mapping[str, Any]
    path: FilePath
    wrong: Wrong
    hub: HubTable = field(default_factory=HubTable)

    def settings(self) -> Settings:
        self._check_tables()
        self.hub = self._model(HubTable, self._section("hub"), ("hub",))
        web = self._web()
        policy = policy_table.read_policy(self._section("policy"), Policy(), ("policy",), self.wrong)
        calendars = dict(self._calendars())
        groups = dict(self._groups(policy, calendars))
        members = dict(self._members(calendars))
        self._known("team", self.hub.head_of_sales, ("hub", "head_of_sales"))
        self._check_lines()
        self._check_handles(members)
        groups.setdefault("default", LineGroup(name="default", policy=policy))
        return Settings(
            path=self.path,
            timezone=self.hub.timezone,
            country=self.hub.country,
            language=self.hub.language,
            data=(self.path.parent / self.hub.data).absolute(),
            database=self.hub.database,
            keep_raw=self.hub.keep_raw,
            shared=self._handles("shared_handles", self.hub.shared_handles),
            blocked=self._handles("blocked_handles", self.hub.blocked_handles),
            test=self._handles("test_handles", self.hub.test_handles),
            head_of_sales=self.hub.head_of_sales,
            web=web,
            reports=Plan(**self._model(ReportsTable, self._section("reports"), ("reports",)).model_dump()),
            policy=policy,
            calendars=calendars,
            rules=Rules(country=self.hub.country, groups=groups),
            team=Team(members=members, timezone=self.hub.timezone),
            connections=dict(self._connections()),
        )

    # Sections

    def _web(self) -> Web:
        table = self._model(WebTable, self._section("web"), ("web",))
        if not table.trusted_proxy and not table.is_loopback:
            self.wrong.add(
                ("web", "listen"),
                f"{table.listen} can be reached from outside, and nobody signs in yet: "
                "listen on 127.0.0.1, or name in trusted_proxy the proxy that guards the pages",
                EXAMPLES["listen"],
            )
        return Web(table.host, table.port, tuple(table.trusted_proxy), table.public_url)

    def _calendars(self) -> Iterator[tuple[str, Calendar]]:
        for name, table in self._tables("calendars"):
            calendar = self._calendar(name, self._model(CalendarTable, table, ("calendars", name)))
            if calendar:
                yield name, calendar

    def _calendar(self, name: str, table: CalendarTable) -> Calendar | None:
        path: Path = ("calendars", name)
        production = self._production(table.production_calendar, (*path, "production_calendar"))
        try:
            return Calendar(
                name,
                table.timezone or self.hub.timezone,
                tuple(version.week() for version in table.hours),
                tuple(DayException(day.on, day.hours, day.why) for day in table.exceptions),
                production,
            )
        except ValueError as error:
            key = "hours" if "versions" in str(error) else "exceptions"
            self.wrong.add((*path, key), str(error), EXAMPLES["from" if key == "hours" else "exceptions"])
            return None

    def _production(self, name: str | None, path: Path) -> ProductionCalendar | None:
        if name is None:
            return None
        return self._try(lambda: production_calendar(name, self.path.parent), path)

    def _groups(self, policy: Policy, calendars: Mapping[str, Calendar]) -> Iterator[tuple[str, LineGroup]]:
        promises = set(policy_table.names())
        for name, table in self._tables("lines"):
            path: Path = ("lines", name)
            own = {key: value for key, value in table.items() if key not in promises}
            promised = {key: value for key, value in table.items() if key in promises}
            group_policy = policy_table.read_policy(promised, policy, path, self.wrong)
            read = self._model(LineTable, own, path, also=policy_table.names())
            self._check_group(name, read)
            yield name, _group(name, read, calendars, group_policy)

    def _check_group(self, name: str, table: LineTable) -> None:
        path: Path = ("lines", name)
        self._known("calendars", table.calendar, (*path, "calendar"))
        self._known("team", table.head, (*path, "head"))
        for number, member in enumerate(table.duty):
            self._known("team", member, (*path, "duty", number))
        own = {handles.same_line(line, self.hub.country) for line in table.lines}
        for line, member in table.owners.items():
            self._known("team", member, (*path, "owners", line))
            if name != "default" and handles.same_line(line, self.hub.country) not in own:
                self.wrong.add(
                    (*path, "owners", line), f'"{line}" is none of the lines of this group', f'lines = ["{line}"]'
                )

    def _members(self, calendars: Mapping[str, Calendar]) -> Iterator[tuple[str, TeamMember]]:
        for key, table in self._tables("team"):
            path: Path = ("team", key)
            read = self._model(MemberTable, table, path, required={"name": key})
            self._known("calendars", read.calendar, (*path, "calendar"))
            self._known("team", read.deputy, (*path, "deputy"))
            if read.deputy == key:
                self.wrong.add(
                    (*path, "deputy"), f'"{key}" cannot be a deputy of himself; name a colleague or leave it out'
                )
            yield key, self._member(key, read, calendars)

    def _member(self, key: str, table: MemberTable, calendars: Mapping[str, Calendar]) -> TeamMember:
        return TeamMember(
            key=key,
            name=table.name,
            handles=tuple(self._team_handles(key, table)),
            calendar=calendars.get(table.calendar or ""),
            absences=tuple(Absence(away.from_, away.to, away.why) for away in table.absences),
            deputy=table.deputy,
            notify=tuple(
                self._each_handle(table.notify, ("team", key, "notify"), EXAMPLES["notify"]),
            ),
        )

    def _team_handles(self, key: str, table: MemberTable) -> Iterator[TeamHandle]:
        for number, given in enumerate(table.handles):
            path: Path = ("team", key, "handles", number)
            handle = self._handle(given.handle, path, EXAMPLES["handles"])
            kind, _, value = (handle or "").partition(":")
            if kind in {"ext", "user"} and "/" not in value:
                self.wrong.add(path, f'"{handle}" does not say of which connection', f'"{kind}:pbx/{value}"')
            elif handle:
                yield TeamHandle(handle, given.from_)

    def _connections(self) -> Iterator[tuple[str, Connection]]:
        for name, table in self._tables("connections"):
            path: Path = ("connections", name)
            read = self._model(ConnectionTable, table, path, required={"plugin": "unknown"})
            if name == OWN_CONNECTION:
                self.wrong.add(path, 'the name "hub" is taken by the hub itself; choose another', "[connections.pbx]")
            check_references(table, path, self.wrong)
            options = {key: value for key, value in table.items() if key != "plugin"}
            yield name, Connection(name, read.plugin, options)

    # Between tables

    def _check_lines(self) -> None:
        """A line belongs to one group."""
        owner: dict[str, str] = {}
        for name, table in self._tables("lines"):
            lines = table.get("lines")
            for number, line in enumerate(lines if isinstance(lines, list) else ()):
                group = owner.setdefault(handles.same_line(str(line), self.hub.country), name)
                if group != name:
                    self.wrong.add(
                        ("lines", name, "lines", number), f'"{line}" is a line of "{group}" too; leave it in one group'
                    )

    def _check_handles(self, members: Mapping[str, TeamMember]) -> None:
        """A handle belongs to one member at a time."""
        owner: dict[TeamHandle, str] = {}
        for key, member in members.items():
            for handle in member.handles:
                other = owner.setdefault(handle, key)
                if other != key:
                    self.wrong.add(
                        ("team", key, "handles"),
                        f'"{handle.handle}" is a handle of "{other}" too; leave it to one, or say from when it is the other\'s',
                        f'{{ handle = "{handle.handle}", from = 2026-03-01 }}',
                    )

    def _known(self, section: str, name: str | None, path: Path) -> None:
        """Note a name that the section does not have."""
        names = self._section(section)
        if name is None or name in names:
            return
        near = did_you_mean(name, names) or (f"; known are {', '.join(names)}" if names else "")
        self.wrong.add(path, f"there is no [{section}.{name}]{near}", EXAMPLES.get(str(path[-1]), ""))

    # Tables and values

    def _section(self, name: str) -> Mapping[str, Any]:
        value = self.document.get(name, {})
        return value if isinstance(value, dict) else {}

    def _check_tables(self) -> None:
        """Sections are known tables, and those of named things hold tables alone."""
        for name, value in self.document.items():
            if name not in SECTIONS:
                self.wrong.add((name,), unknown_key(name, SECTIONS), "[lines.sales]")
            elif not isinstance(value, dict):
                self.wrong.add((name,), f"{value!r} is no table", f"[{name}]")
            elif name in NAMED:
                self._check_names(name, value)

    def _check_names(self, section: str, tables: Mapping[str, Any]) -> None:
        header = f"[{section}.{NAMED[section]}]"
        pattern, allowed = (_SHORT_NAME, "Latin letters") if section == "connections" else (_NAME, "letters")
        for name, value in tables.items():
            if not pattern.fullmatch(name):
                self.wrong.add((section, name), f"is no name: use {allowed}, digits, - and _", header)
            elif not isinstance(value, dict):
                self.wrong.add((section, name), f"{value!r} is no table", header)

    def _tables(self, section: str) -> Iterator[tuple[str, dict[str, Any]]]:
        return ((name, value) for name, value in self._section(section).items() if isinstance(value, dict))

    def _model(
        self,
        model: type[Model],
        table: Mapping[str, Any],
        path: Path,
        also: Iterable[str] = (),
        required: Mapping[str, Any] | None = None,
    ) -> Model:
        """The table as a value. What is wrong is noted and left out, so that the rest can be checked further.

        `required` stands in for keys without a default.
        """
        try:
            return model.model_validate(dict(table))
        except ValidationError as error:
            for place, problem, example in from_model(error, model, path, EXAMPLES, also, quote=True):
                self.wrong.add(place, problem, example)
            bad = {detail["loc"][0] for detail in error.errors()}
            good = {key: value for key, value in table.items() if key not in bad}
            return model.model_validate({**(required or {}), **good})

    def _try(self, read: Callable[[], ProductionCalendar], path: Path) -> ProductionCalendar | None:
        try:
            return read()
        except ValueError as error:
            self.wrong.add(path, str(error), EXAMPLES.get(str(path[-1]), ""))
            return None

    def _handles(self, key: str, given: list[str]) -> frozenset[str]:
        return frozenset(self._each_handle(given, ("hub", key), EXAMPLES[key]))

    def _each_handle(self, given: list[str], path: Path, example: str) -> Iterator[str]:
        for number, text in enumerate(given):
            handle = self._handle(text, (*path, number), example)
            if handle:
                yield handle

    def _handle(self, text: str, path: Path, example: str) -> str | None:
        try:
            return handles.canonical(text, self.hub.country)
        except ValueError as error:
            self.wrong.add(path, str(error), example)
            return None


def _group(name: str, table: LineTable, calendars: Mapping[str, Calendar], policy: Policy) -> LineGroup:
    return LineGroup(
        name=name,
        calendar=calendars.get(table.calendar or ""),
        lines=tuple(table.lines),
        head=table.head,
        duty=tuple(table.duty),
        owners=table.owners,
        owner_order=tuple(table.owner_order),
        critical=table.critical,
        policy=policy,
    )
