"""What are attached files called? Names as text to show, never as paths (contract 11.4)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import unquote_to_bytes

from plugins.email import charset
from plugins.email.mime import Part


def file_name(part: Part, hint: str = "") -> str:
    """The name of an attached file, as text to show and never as a path; a stand-in where there is none (contract 11.4)."""
    for name in ("disposition filename", "name"):
        found = _extended(part.parameters, name) or _plain(part.parameters.get(name, ""), hint)
        if found:
            return found
    return part.type.partition("/")[2] or "file"


def _extended(parameters: Mapping[str, str], name: str) -> str:
    """RFC 2231: `name*=UTF-8''%D0…`, also in pieces `name*0*=`."""
    pieces: list[tuple[int, str, bool]] = []
    for key, value in parameters.items():
        found = re.fullmatch(rf"{re.escape(name)}\*(?:(\d{{1,3}})(\*?))?", key)
        if found:
            pieces.append((int(found[1] or 0), value, found[1] is None or found[2] == "*"))
    if not pieces:
        return ""
    label, raw = "", b""
    for number, value, encoded in sorted(pieces):
        piece = value
        if encoded and number == 0 and piece.count("'") >= 2:
            label, _, piece = piece.split("'", 2)
        raw += unquote_to_bytes(piece.encode("latin-1", "replace")) if encoded else piece.encode("latin-1", "replace")
    return _safe(charset.decode(raw, label))


def _plain(value: str, hint: str) -> str:
    raw = value.encode("latin-1", "replace")
    if re.search(rb"%[0-9A-Fa-f]{2}", raw) and b" " not in raw:
        raw = unquote_to_bytes(raw)
    return _safe(charset.words(raw, hint))


def _safe(name: str) -> str:
    cleaned = re.sub("[\\x00-\\x1f\\x7f\u200e\u200f\u202a-\u202e\u2066-\u2069]", "", name)
    return re.split(r"[/\\:]", cleaned)[-1].strip(" .")[:150]
