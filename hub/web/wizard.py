"""What does the form of a connection show, and which connection is meant by what was typed into it?"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from hub import settings as configuration
from hub.engine import connecting
from hub.engine.connecting import Candidate
from hub.engine.hub import Hub, vault_of
from hub.errors import ConfigError
from hub.sdk.connector import Connector
from hub.settings import Question, questions, text_of, value_of
from hub.texts import N_, of_connector
from hub.web.desk import Form, Visitor


@dataclass(frozen=True, slots=True)
class Field:
    """A key of the connection as the form shows it.

    choices: (value, what it is called). kept: a secret is there, and need not be typed again.
    """

    question: Question
    label: str
    hint: str
    value: str
    choices: Sequence[tuple[str, str]] = ()
    error: str = ""
    kept: bool = False

    @property
    def writes(self) -> bool:
        """Whether it switches on something that the connection does by itself."""
        return self.question.kind == "switch" or "off" in self.question.choices


@dataclass(frozen=True, slots=True)
class Wizard:
    """What the form holds. again: an existing connection is signed in to anew."""

    connector: Connector
    name: str
    again: bool
    fields: Sequence[Field]
    name_error: str = ""

    @property
    def wrong(self) -> bool:
        """Whether anything has to be corrected."""
        return bool(self.name_error) or any(field.error for field in self.fields)


def speech(connector: Connector, visitor: Visitor) -> Callable[[str], str]:
    """Says a text of the connector's own in the reader's language."""
    return partial(of_connector, connector.words.get(visitor.texts.language, {}))


def existing(hub: Hub, connector: Connector, name: str) -> Mapping[str, Any] | None:
    """The keys of a connection as the file has them now, None where there is none of this connector."""
    found = configuration.load(hub.settings.path).connections.get(name)
    return found.options if found is not None and found.plugin == connector.name else None


def empty(
    hub: Hub, visitor: Visitor, connector: Connector, name: str, before: Mapping[str, Any] | None, own: str
) -> Wizard:
    """The form before anything was given; of an existing connection it is filled, and its secrets are empty."""
    known = dict(before or {})
    chosen = name or _free_name(hub, connector)
    known.setdefault("redirect_uri", f"{own}/oauth/{chosen}")
    return filled(visitor, connector, chosen, again=before is not None, options=known)


def filled(
    visitor: Visitor,
    connector: Connector,
    name: str,
    *,
    again: bool,
    options: Mapping[str, Any],
    typed: Form | None = None,
    errors: Mapping[str, str] | None = None,
    name_error: str = "",
) -> Wizard:
    """typed: what was given just now, which is shown as it was typed; secrets are never shown."""
    say = speech(connector, visitor)
    fields = []
    for item in questions(connector.settings, connector.asks):
        value = options.get(item.key, item.default)
        kept = item.kind == "secret" and options.get(item.key) is not None
        if item.kind == "secret" and not (isinstance(value, Mapping) and "stored" not in value):
            value = None
        shown = text_of(item, value) if typed is None or item.kind == "secret" else typed.get(f"key.{item.key}", "")
        error = (errors or {}).get(item.key, "")
        choices = [(choice, say(choice)) for choice in item.choices]
        fields.append(Field(item, say(item.label), say(item.hint), shown, choices, error, kept))
    return Wizard(connector, name, again, fields, name_error)


def read(
    hub: Hub, visitor: Visitor, connector: Connector, sent: Form, earlier: Candidate | None
) -> tuple[Wizard, Candidate | None]:
    """The form as it was sent, and the connection that it means; None where something has to be corrected."""
    say = visitor.texts.say
    name = sent.get("as", "").strip()
    again = sent.get("again") == "yes"
    before = existing(hub, connector, name) if again else None
    if earlier is not None and earlier.connector is connector and earlier.again == (before is not None):
        start = earlier if earlier.name == name else earlier.renamed(name)
    else:
        start = Candidate(name=name, connector=connector, options=dict(before or {}), again=before is not None)
    given, errors = _answers(connector, sent, start.options)
    name_error = "" if before is not None else _name_error(hub, name, say)
    candidate = None
    if not name_error and not errors:
        try:
            candidate = replace(start, tokens=None).with_options(given)
            candidate.link(vault_of(hub.settings))
        except ConfigError as error:
            candidate, errors = None, by_key(error, connector, name)
    form = filled(
        visitor,
        connector,
        name,
        again=before is not None,
        options=start.options,
        typed=sent,
        errors=errors,
        name_error=name_error,
    )
    return form, candidate


def _answers(connector: Connector, sent: Form, before: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """Key → value of what was typed, and key → what is wrong. What is as by default stays out of config.toml."""
    given: dict[str, Any] = {}
    errors: dict[str, str] = {}
    for item in questions(connector.settings, connector.asks):
        typed = sent.get(f"key.{item.key}", "no" if item.kind == "switch" else "")
        try:
            value = value_of(item, typed)
        except ValueError as error:
            errors[item.key] = str(error)
            continue
        if item.kind == "secret" and value is None:
            continue  # an empty secret is the one that is there
        if value is not None and (item.key in before or text_of(item, value) != text_of(item, item.default)):
            given[item.key] = value
        elif value is None and item.key in before:
            given[item.key] = None
    return given, errors


def by_key(error: ConfigError, connector: Connector, name: str) -> dict[str, str]:
    hints = {item.key: item.hint for item in questions(connector.settings, connector.asks)}
    found: dict[str, str] = {}
    for mistake in error.mistakes:
        key = mistake.key.removeprefix(f"connections.{name}").lstrip(".").partition(".")[0]
        key = key if key in hints else next(iter(hints))
        example = f" ({mistake.example})" if mistake.example else ""
        found.setdefault(key, mistake.problem.removesuffix(f"; {hints[key]}") + example)
    return found


def _name_error(hub: Hub, name: str, say: Callable[..., str]) -> str:
    if not connecting.NAME.fullmatch(name):
        return say(N_("Latin letters, digits, - and _ only"))
    if name in connecting.RESERVED:
        return say(N_("This name is taken by the hub itself"))
    if name in configuration.load(hub.settings.path).connections:
        return say(N_("There is a connection of this name already"))
    return ""


def _free_name(hub: Hub, connector: Connector) -> str:
    taken = configuration.load(hub.settings.path).connections.keys() | connecting.RESERVED
    wanted = connector.name
    return next(name for name in (wanted, *(f"{wanted}{number}" for number in range(2, 1000))) if name not in taken)
