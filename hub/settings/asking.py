"""What does a connector want to know of an operator, and which value is meant by what he types?"""

from __future__ import annotations

import tomllib
import types
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from hub.settings.secrets import SOURCES, secret_of
from hub.settings.template import toml

Kind = Literal["text", "secret", "number", "switch", "choice", "date", "list", "toml"]
_YES, _NO = frozenset({"yes", "y", "true", "on", "1", "да"}), frozenset({"no", "n", "false", "off", "0", "нет"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One key of a connection, as a person is asked for it.

    label: what a person calls it. hint: where he finds it. first: it is needed to get in, and asked before everything
    that may be decided later.
    """

    key: str
    kind: Kind
    label: str = ""
    hint: str = ""
    required: bool = False
    default: Any = None
    example: str = ""
    choices: tuple[str, ...] = ()
    first: bool = True


def questions(model: type[BaseModel], first: Collection[str] = ()) -> tuple[Question, ...]:
    """The keys of a connector's settings in the order of its model.

    first: those that are needed to get in, where they are not all.
    """
    asked = [_question(field.alias or name, field) for name, field in model.model_fields.items()]
    return tuple(replace(item, first=not first or item.key in first) for item in asked)


def value_of(question: Question, text: str) -> Any:
    """What a typed text means, None for nothing. ValueError says how it is written.

    Any key may name a secret instead of holding it: `env:NAME`, `file:PATH`, `stored:NAME`.
    """
    text = text.strip()
    if not text:
        return None
    source, _, name = text.partition(":")
    if source in SOURCES and name:
        return {source: name}
    return _READ[question.kind](question, text)


def answers(asked: Collection[Question], typed: Mapping[str, str]) -> dict[str, Any]:
    """Key → value of what was typed. ValueError names a key that is not asked for, or says how it is written."""
    known = {item.key: item for item in asked}
    given: dict[str, Any] = {}
    for key, text in typed.items():
        if key not in known:
            raise ValueError(f"there is no key {key}; known are {', '.join(known)}")
        try:
            given[key] = value_of(known[key], text)
        except ValueError as error:
            raise ValueError(f"{key}: {error}") from None
    return {key: value for key, value in given.items() if value is not None}


def text_of(question: Question, value: Any) -> str:
    """The text by which a person gives this value."""
    secret = secret_of(value)
    if value is None:
        return ""
    if secret is not None:
        return f"{secret.source}:{secret.name}"
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    if question.kind == "switch":
        return "yes" if value else "no"
    if question.kind == "list":
        return ", ".join(map(str, value))
    return toml(value) if question.kind == "toml" and not isinstance(value, str) else str(value)


def _question(key: str, field: FieldInfo) -> Question:
    kind, choices = _kind(field.annotation)
    default = None if field.default is PydanticUndefined else field.default
    if default is None and field.default_factory is not None:
        default = field.get_default(call_default_factory=True)
    return Question(
        key=key,
        kind=kind,
        label=field.title or key,
        hint=field.description or "",
        required=field.is_required(),
        default=default,
        example=str(next(iter(field.examples or ()), "")),
        choices=choices,
    )


def _kind(annotation: Any) -> tuple[Kind, tuple[str, ...]]:
    inner = _without_none(annotation)
    if get_origin(inner) is Literal:
        return "choice", tuple(map(str, get_args(inner)))
    if get_origin(inner) in {list, tuple, set, frozenset} and get_args(inner)[0] is str:
        return "list", ()
    plain: Mapping[Any, Kind] = {bool: "switch", int: "number", float: "number", date: "date", SecretStr: "secret"}
    if inner in plain:
        return plain[inner], ()
    compound = get_origin(inner) is not None or (isinstance(inner, type) and issubclass(inner, BaseModel))
    return ("toml" if compound else "text"), ()


def _without_none(annotation: Any) -> Any:
    if get_origin(annotation) in {Union, types.UnionType}:
        kinds = [kind for kind in get_args(annotation) if kind is not type(None)]
        return kinds[0] if len(kinds) == 1 else annotation
    return annotation


def _text(_question: Question, text: str) -> str:
    return text


def _number(question: Question, text: str) -> int | float:
    try:
        return int(text) if text.lstrip("-").isdecimal() else float(text)
    except ValueError:
        raise ValueError(
            f'"{text}" is no number; write for example {question.default or question.example or 5}'
        ) from None


def _switch(_question: Question, text: str) -> bool:
    if text.lower() in _YES | _NO:
        return text.lower() in _YES
    raise ValueError(f'"{text}" is neither yes nor no')


def _choice(question: Question, text: str) -> str:
    if text in question.choices:
        return text
    raise ValueError(f'"{text}" is none of {", ".join(question.choices)}')


def _date(_question: Question, text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ValueError(f'"{text}" is no date; write for example 2026-01-31') from None


def _list(question: Question, text: str) -> Any:
    if text.startswith("["):
        return _toml(question, text)
    return [part.strip() for part in text.split(",") if part.strip()]


def _toml(question: Question, text: str) -> Any:
    """A compound value as TOML writes it; a plain text where the key also takes one."""
    if not text.startswith(("{", "[")):
        return text
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f'"{text}" cannot be read ({error}); {question.hint}') from None


_READ: Mapping[Kind, Callable[[Question, str], Any]] = {
    "text": _text,
    "secret": _text,
    "number": _number,
    "switch": _switch,
    "choice": _choice,
    "date": _date,
    "list": _list,
    "toml": _toml,
}
