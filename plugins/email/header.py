"""What stands in the header of a mail? Fields as raw bytes, because what they claim about their charset is often wrong."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

_LINES = re.compile(rb"\r\n|\n|\r")
_NAME = re.compile(rb"([!-9;-~]{1,100})[ \t]*:(.*)", re.DOTALL)
MOST = 1_000
"""Fields that are looked at."""


@dataclass(frozen=True, slots=True)
class Header:
    """The fields of a header. Names are lower case, values unfolded bytes, the topmost first."""

    fields: Mapping[str, tuple[bytes, ...]]

    def get(self, name: str) -> bytes:
        """The topmost field of that name, empty where there is none."""
        return self.fields.get(name, (b"",))[0]

    def all(self, name: str) -> tuple[bytes, ...]:
        """All fields of that name."""
        return self.fields.get(name, ())

    def word(self, name: str) -> str:
        """The topmost field in lower case, for fields that machines write: no decoding."""
        return self.get(name).decode("latin-1").strip().lower()

    def __contains__(self, name: str) -> bool:
        return name in self.fields


def read(raw: bytes) -> Header:
    """The fields up to the first empty line; a line that is no field belongs to nobody."""
    fields: dict[str, list[bytes]] = {}
    for name, value in _fields(raw):
        fields.setdefault(name, []).append(value)
    return Header({name: tuple(values) for name, values in fields.items()})


def _fields(raw: bytes) -> Iterator[tuple[str, bytes]]:
    name, value = "", b""
    for number, line in enumerate(_LINES.split(raw.lstrip(b"\r\n"))):
        if not line or number >= MOST:
            break
        if line[:1] in b" \t":
            value += b" " + line.strip()
            continue
        if name:
            yield name, value.strip()
        name = ""
        found = _NAME.fullmatch(line)
        if found:
            name, value = found[1].decode("ascii").lower(), found[2]
    if name:
        yield name, value.strip()
