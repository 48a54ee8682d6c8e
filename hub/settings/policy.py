"""How are the settings of `[policy]` written, and what do they mean?

Every setting of metrics is a field of `hub.core.policy.Policy`; its type decides how it is written. Two are written as
metrics names them, one text for two fields: `episode_gap` and `batch_alerts`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from datetime import timedelta
from functools import cache
from typing import Any, Literal, get_args, get_origin, get_type_hints

from hub.core.policy import Policy
from hub.settings.durations import duration_text, parse_duration
from hub.settings.mistakes import Path, Wrong, unknown_key

Fields = dict[str, Any]

_CLOCK = re.compile(r"([01]?\d|2[0-3]):[0-5]\d")
_BATCH = re.compile(r"(\d+)\s+in\s+(.+)")


@cache
def _kinds() -> Mapping[str, Any]:
    return get_type_hints(Policy)


def names() -> tuple[str, ...]:
    """All names that may stand in `[policy]` and in a line group."""
    return ("episode_gap", *_kinds())


def default_text(name: str) -> str:
    """The default of a setting as it is written in the file."""
    if name == "episode_gap":
        return f"{{ chat = {default_text('episode_gap_chat')}, email = {default_text('episode_gap_email')} }}"
    if name == "batch_alerts":
        return f'"{Policy().batch_alerts} in {duration_text(Policy().batch_window)}"'
    value = plain(getattr(Policy(), name))
    return f'"{value}"' if isinstance(value, str) else str(value).lower()


def read_policy(table: Mapping[str, Any], base: Policy, path: Path, wrong: Wrong) -> Policy:
    """`base` with what the table sets; mistakes are noted and leave the setting as it was."""
    changes: Fields = {}
    for name, value in table.items():
        if name not in names():
            wrong.add((*path, name), unknown_key(name, names()))
            continue
        try:
            changes |= _read(name, value)
        except ValueError as error:
            wrong.add((*path, name), str(error), f"{name} = {default_text(name)}")
    return replace(base, **changes)


def _read(name: str, value: Any) -> Fields:
    if name == "episode_gap":
        return _episode_gap(value)
    if name == "batch_alerts" and isinstance(value, str):
        return _batch_alerts(value)
    return {name: _reader(_kinds()[name])(value)}


def _episode_gap(value: Any) -> Fields:
    if not isinstance(value, dict) or not value or not value.keys() <= {"chat", "email"}:
        raise ValueError(f"{value!r} is not a length of time for chat and one for email")
    return {f"episode_gap_{channel}": parse_duration(gap) for channel, gap in value.items()}


def _batch_alerts(value: str) -> Fields:
    found = _BATCH.fullmatch(value.strip())
    if found is None:
        raise ValueError(f"{value!r} is not a number of alerts in a length of time")
    return {"batch_alerts": _whole(int(found[1])), "batch_window": parse_duration(found[2])}


def _reader(kind: Any) -> Callable[[Any], Any]:
    if kind is timedelta:
        return parse_duration
    if kind is bool:
        return _truth
    if kind is int:
        return _whole
    if kind is str:
        return _time_of_day
    if get_origin(kind) is Literal:
        return _choice(get_args(kind))
    return _duration_or_none


def _duration_or_none(value: Any) -> timedelta | None:
    return None if value == "none" else parse_duration(value)


def _truth(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"{value!r} is neither true nor false")
    return value


def _whole(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ValueError(f"{value!r} is no whole number from 1 on")
    return value


def _time_of_day(value: Any) -> str:
    if not isinstance(value, str) or not _CLOCK.fullmatch(value):
        raise ValueError(f"{value!r} is no time of day")
    return value.rjust(5, "0")


def _choice(known: tuple[str, ...]) -> Callable[[Any], str]:
    def read(value: Any) -> str:
        if value not in known:
            raise ValueError(f"{value!r} is none of {', '.join(known)}")
        return str(value)

    return read


def plain(value: Any) -> Any:
    """A setting's value as text, number or truth."""
    if value is None:
        return "none"
    return duration_text(value) if isinstance(value, timedelta) else value


def policy_table(policy: Policy, base: Policy | None = None) -> Fields:
    """The table that `read_policy` reads back: all settings, or only those that differ from `base`."""
    values = {item.name: getattr(policy, item.name) for item in fields(Policy)}
    return {name: plain(value) for name, value in values.items() if base is None or value != getattr(base, name)}
