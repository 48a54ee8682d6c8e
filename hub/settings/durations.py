"""How is a length of time written: `5s`, `15m`, `24h`, `7d`, `1h30m`."""

from __future__ import annotations

import re
from datetime import timedelta

_UNITS = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}
_DURATION = re.compile(r"(?:\d+\s*[dhms]\s*)+")
_PART = re.compile(r"(\d+)\s*([dhms])")
_EXAMPLE = 'write a number with a unit, such as "5s", "15m", "24h" or "7d"'


def parse_duration(text: object) -> timedelta:
    """Read a length of time. ValueError, with an example, for anything that is not one."""
    if not isinstance(text, str) or not _DURATION.fullmatch(text.strip()):
        raise ValueError(f"{text!r} is no length of time; {_EXAMPLE}")
    seconds = sum(int(count) * _UNITS[unit] for count, unit in _PART.findall(text))
    if seconds > 36_525 * _UNITS["d"]:
        raise ValueError(f"{text!r} is longer than a hundred years; {_EXAMPLE}")
    return timedelta(seconds=seconds)


def duration_text(duration: timedelta) -> str:
    """A text that `parse_duration` reads back, in the unit people use for it: `60s`, `15m`, `24h`, `7d`."""
    seconds = duration // timedelta(seconds=1)
    for unit, least in (("d", 7 * 86_400), ("h", 3_600), ("m", 61)):
        if seconds >= least and seconds % _UNITS[unit] == 0:
            return f"{seconds // _UNITS[unit]}{unit}"
    return f"{seconds}s"
