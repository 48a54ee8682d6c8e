"""What does an IMAP server say, and how is it told something? The grammar of RFC 3501 as real servers bend it; pure."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, TypeAlias

from hub.sdk import Malformed

Value: TypeAlias = Any
"""bytes (atom, quoted, literal), None for NIL, or a list of values."""

_LITERAL = re.compile(rb"~?\{(\d+)\+?\}$")
_TOKEN = re.compile(rb'[ \t]*(?:([()])|"((?:[^"\\]|\\.)*)"|((?:[^ \t()"\[]|\[[^\]]*\])+))', re.DOTALL)
_ESCAPED = re.compile(rb"\\(.)", re.DOTALL)
_DEEPEST = 60
"""Parentheses within parentheses that are followed; what nests deeper is built to break readers."""
_STATUSES = frozenset({"OK", "NO", "BAD", "BYE", "PREAUTH"})


@dataclass(frozen=True, slots=True)
class Line:
    """What a server says in one go: texts and literals in turn, as they came."""

    segments: tuple[bytes, ...]

    @property
    def tag(self) -> str:
        """`*`, `+`, or the tag of the command that is answered."""
        return self.segments[0].partition(b" ")[0].decode("ascii", "replace")


@dataclass(frozen=True, slots=True)
class Status:
    """OK, NO, BAD, BYE or PREAUTH. code: what stands in brackets, in parts, the first in capitals; () without."""

    name: str
    code: tuple[str, ...]
    text: str


@dataclass(frozen=True, slots=True)
class Data:
    """Any other untagged line. number: of `5 EXISTS`, `5 FETCH`; values: what follows the name."""

    name: str
    number: int | None
    values: list[Value]

    @property
    def items(self) -> dict[str, Value]:
        """What a FETCH line says of its mail, by name; of any other line nothing."""
        return pairs(self.values[0]) if self.values and isinstance(self.values[0], list) else {}


def literal_of(text: bytes) -> int | None:
    """The length of the literal that follows this piece of a line, None where the line ends."""
    found = _LITERAL.search(text)
    return int(found[1]) if found else None


def status(line: Line) -> Status | None:
    """The line as a status, None where it is data."""
    _, _, rest = line.segments[0].partition(b" ")
    word, _, text = rest.partition(b" ")
    name = word.decode("ascii", "replace").upper()
    if name not in _STATUSES:
        return None
    text = b"".join((text, *line.segments[1:])).strip()
    code: tuple[str, ...] = ()
    if text.startswith(b"["):
        inside, _, text = text[1:].partition(b"]")
        words = inside.decode("utf-8", "replace").split()
        code = (words[0].upper(), *words[1:]) if words else ()
    return Status(name, code, text.strip().decode("utf-8", "replace"))


def data(line: Line) -> Data:
    """The line as data. Malformed where its parentheses or quotes do not end."""
    _, _, first = line.segments[0].partition(b" ")
    values = _values((first, *line.segments[1:]))
    number = None
    if values and isinstance(values[0], bytes) and values[0].isdigit():
        number = int(values.pop(0))
    if not values or not isinstance(values[0], bytes):
        raise Malformed("a line without a word")
    return Data(values.pop(0).decode("ascii", "replace").upper(), number, values)


def _values(segments: Sequence[bytes]) -> list[Value]:
    stack: list[list[Value]] = [[]]
    for word in _tokens(segments):
        if word == "(":
            if len(stack) > _DEEPEST:
                raise Malformed("parentheses nest too deep")
            stack.append([])
        elif word == ")":
            if len(stack) == 1:
                raise Malformed("a parenthesis is closed that was never opened")
            inner = stack.pop()
            stack[-1].append(inner)
        else:
            stack[-1].append(word)
    if len(stack) > 1:
        raise Malformed("a parenthesis is never closed")
    return stack[0]


def _tokens(segments: Sequence[bytes]) -> Iterator[bytes | str | None]:
    """Parentheses as text, NIL as None, everything else as bytes."""
    for number, segment in enumerate(segments):
        if number % 2:
            yield segment
            continue
        text = _LITERAL.sub(b"", segment) if number + 1 < len(segments) else segment
        text, place = text.rstrip(), 0
        while place < len(text):
            found = _TOKEN.match(text, place)
            if found is None:
                raise Malformed(f"{text[place : place + 20]!r} cannot be read")
            place = found.end()
            paren, quoted, atom = found.groups()
            if paren is not None:
                yield paren.decode()
            elif quoted is not None:
                yield _ESCAPED.sub(rb"\1", quoted) if b"\\" in quoted else quoted
            else:
                yield None if atom.upper() == b"NIL" else atom


def pairs(values: Iterable[Value]) -> dict[str, Value]:
    """`(UID 3 FLAGS (…))` as a dictionary; a name said twice has its last value, one without a value None."""
    words = list(values)
    found: dict[str, Value] = {}
    for name, value in zip(words[::2], [*words[1::2], None], strict=False):
        if isinstance(name, bytes):
            found[_plain(name)] = value
    return found


def _plain(name: bytes) -> str:
    """The name of a FETCH item without its origin: `BODY[1]<0>` is `BODY[1]`."""
    text = name.decode("ascii", "replace").upper()
    return text.partition("<")[0] if text.endswith(">") else text


def number(value: Value) -> int | None:
    """A number, also one that a server writes as 9.37e+06; None for anything else."""
    if not isinstance(value, bytes):
        return None
    try:
        return int(value)
    except ValueError:
        pass
    try:
        return int(float(value))
    except (ValueError, OverflowError):
        return None


def texts(values: Value) -> tuple[str, ...]:
    """The words of a list, such as flags."""
    return tuple(word.decode("utf-8", "replace") for word in values or () if isinstance(word, bytes))


# Numbers of mails.


def uids(text: bytes | str) -> Iterator[int]:
    """The numbers of a set such as `2,4:6`, in its order; of what is no set, nothing."""
    words = text if isinstance(text, str) else text.decode("ascii", "replace")
    for word in words.split(","):
        low, colon, high = word.partition(":")
        if low.isdecimal() and (not colon or high.isdecimal()):
            first, last = sorted((int(low), int(high or low)))
            yield from range(first, last + 1)


def uid_set(numbers: Iterable[int]) -> str:
    """Numbers as a set, neighbours drawn together: `2,4:6`."""
    runs: list[list[int]] = []
    for number_ in sorted(numbers):
        if runs and number_ <= runs[-1][1] + 1:
            runs[-1][1] = number_
        else:
            runs.append([number_, number_])
    return ",".join(str(low) if low == high else f"{low}:{high}" for low, high in runs)


# Names of mailboxes.

_RUN = re.compile(r"&([^&-]*)-")
_SPECIAL = re.compile(r"[^\x20-\x7e]+|&")


def decoded(raw: bytes) -> str:
    """A mailbox's name for people, from modified UTF-7 (RFC 3501, 5.1.3); as it stands where it is none."""
    text = raw.decode("utf-8", "replace")
    try:
        return _RUN.sub(lambda run: _from_base64(run[1]) if run[1] else "&", text)
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return text


def _from_base64(run: str) -> str:
    padded = run.replace(",", "/") + "=" * (-len(run) % 4)
    return base64.b64decode(padded, validate=True).decode("utf-16-be")


def encoded(name: str) -> bytes:
    """A mailbox's name as it goes over the wire."""
    return _SPECIAL.sub(lambda run: "&-" if run[0] == "&" else _to_base64(run[0]), name).encode("ascii")


def _to_base64(run: str) -> str:
    return "&" + base64.b64encode(run.encode("utf-16-be")).decode().rstrip("=").replace("/", ",") + "-"


def quoted(text: bytes | str) -> str:
    """A text in quotes. Malformed where it cannot stand in quotes; it goes as a literal or in base64 then."""
    words = text if isinstance(text, str) else text.decode("ascii", "surrogateescape")
    if not words.isascii() or any(char in words for char in "\r\n\0"):
        raise Malformed("only ASCII can be quoted")
    return '"' + words.replace("\\", r"\\").replace('"', r"\"") + '"'


# Moments.

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MOMENT = re.compile(rb" ?(\d{1,2})-([A-Za-z]{3})-(\d{4}) (\d\d):(\d\d):(\d\d) ([+-])(\d\d)(\d\d)")


def moment(value: Value) -> datetime | None:
    """INTERNALDATE in UTC; None where the server gave none that can be read."""
    found = _MOMENT.match(value) if isinstance(value, bytes) else None
    if found is None:
        return None
    day, month, year, hour, minute, second, sign, hours, minutes = (part.decode() for part in found.groups())
    beside = timedelta(hours=int(hours), minutes=int(minutes)) * (-1 if sign == "-" else 1)
    try:
        month_number = _MONTHS.index(month.capitalize()) + 1
        local = datetime(
            int(year), month_number, int(day), int(hour), int(minute), int(second), tzinfo=timezone(beside)
        )
    except ValueError:
        return None
    return local.astimezone(UTC)


def day(at: datetime) -> str:
    """The day as SEARCH wants it, in English whatever the machine speaks."""
    return f"{at.day}-{_MONTHS[at.month - 1]}-{at.year}"
