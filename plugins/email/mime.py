"""Which parts has a mail, from the server's BODYSTRUCTURE or from its bytes? No input makes this fail."""

from __future__ import annotations

import base64
import binascii
import email
import quopri
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from plugins.email import header

Structure: TypeAlias = Sequence[Any]
"""BODYSTRUCTURE as nested lists of bytes (or str), int and None."""

MOST = 300
"""Parts that are looked at; what has more is built to break readers."""
DEPTH = 30
_ENCLOSED = ("message/rfc822", "message/global")


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A leaf of a mail's tree. number: as IMAP counts. parameters: of Content-Type and, as `disposition …`, of
    Content-Disposition; undecoded, names in lower case. size: in bytes, still in its transfer encoding.
    """

    number: str
    type: str
    parameters: Mapping[str, str] = field(default_factory=dict)
    encoding: str = ""
    disposition: str = ""
    size: int = 0

    @property
    def shown(self) -> bool:
        """Whether a reader shows it as the mail's text; one with a file name is an attachment."""
        return self.disposition != "attachment" and not any(
            name.startswith(("disposition filename", "name")) for name in self.parameters
        )


# From BODYSTRUCTURE


def leaves(structure: Structure | None) -> tuple[Part, ...]:
    """The leaves in order; none where the server's answer is no structure."""
    if not isinstance(structure, list | tuple):
        return ()
    try:
        return tuple(_limited(_leaves(structure, "", 0)))
    except (IndexError, TypeError, ValueError, AttributeError):  # servers write it wrong in many ways (contract 3.4)
        return ()


def _limited(parts: Iterator[Part]) -> Iterator[Part]:
    for _, part in zip(range(MOST), parts, strict=False):
        yield part


def _leaves(node: Structure, number: str, depth: int) -> Iterator[Part]:
    if depth > DEPTH:
        return
    if isinstance(node[0], list | tuple):
        children = list(_leading(node))
        for position, child in enumerate(children, 1):
            yield from _leaves(child, f"{number}.{position}" if number else str(position), depth + 1)
        return
    if not isinstance(node[0], bytes | str):
        raise TypeError("a part begins with its type")
    mime = f"{_word(node[0])}/{_word(node[1])}"
    behind = 9 if mime.startswith("text/") else 11 if mime in _ENCLOSED else 8  # index of what follows the MD5
    disposition, more = _disposition(node[behind - 1 :]) if len(node) > behind - 1 else ("", {})
    yield Part(
        number=number or "1",
        type=mime,
        parameters={**_pairs(node[2]), **more},
        encoding=_word(node[5]),
        disposition=disposition,
        size=int(node[6]) if node[6] else 0,
    )


def _leading(node: Structure) -> Iterator[Structure]:
    for child in node:
        if not isinstance(child, list | tuple):
            return
        yield child


def _disposition(behind: Structure) -> tuple[str, dict[str, str]]:
    """("attachment" ("filename" "x")) wherever it stands behind the size: servers leave fields out."""
    for value in behind:
        if isinstance(value, list | tuple) and value and isinstance(value[0], bytes | str):
            if len(value) > 1 and not isinstance(value[1], list | tuple | None.__class__):
                continue
            pairs = _pairs(value[1]) if len(value) > 1 else {}
            return _word(value[0]), {f"disposition {name}": text for name, text in pairs.items()}
    return "", {}


def _pairs(values: Any) -> dict[str, str]:
    if not isinstance(values, list | tuple):
        return {}
    return {_word(name): _text(value) for name, value in zip(values[::2], values[1::2], strict=False)}


def _text(value: Any) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value) if value is not None else ""


def _word(value: Any) -> str:
    return _text(value).strip().lower()


# From bytes

_OF_PARTS = ("content-type", "content-transfer-encoding", "content-disposition")


def parts_of(head: bytes, text: bytes) -> tuple[tuple[Part, ...], dict[str, bytes]]:
    """The leaves of a mail given as bytes, and their contents in their transfer encoding; enclosed headers, too."""
    contents: dict[str, bytes] = {}
    try:
        known = header.read(head)  # a damaged header would end too early for the standard parser
        fields = b"".join(b"%s: %s\r\n" % (name.encode(), known.get(name)) for name in _OF_PARTS if name in known)
        message = email.message_from_bytes(fields + b"\r\n" + text)
        return tuple(_limited(_walk(message, "", 0, contents))), contents
    except Exception:  # noqa: BLE001 - the standard parser fails on some damage; then it is one text
        return (Part(number="1", type="text/plain", size=len(text)),), {"1": text}


def _walk(message: Any, number: str, depth: int, contents: dict[str, bytes]) -> Iterator[Part]:
    if depth > DEPTH:
        return
    fields = {name.lower(): _raw(value) for name, value in reversed(list(message.raw_items()))}
    mime, parameters = split(fields.get("content-type", ""))
    disposition, more = split(fields.get("content-disposition", ""))
    payload = message._payload  # noqa: SLF001 - the public way replaces letters whose charset is not said or not known
    if isinstance(payload, list) and not mime.startswith("message/"):
        for position, child in enumerate(payload, 1):
            yield from _walk(child, f"{number}.{position}" if number else str(position), depth + 1, contents)
        return
    if "/" not in mime or mime.startswith("multipart/"):  # a multipart without its boundaries is one text
        mime = "text/plain"
    own = number or "1"
    if isinstance(payload, list):
        content = b"\r\n\r\n".join(child.as_bytes() for child in payload)
        if mime in _ENCLOSED:
            contents[f"{own}.HEADER"] = content.replace(b"\r\n", b"\n").partition(b"\n\n")[0]
    else:
        content = _bytes(payload)
    contents[own] = content
    yield Part(
        number=own,
        type=mime,
        parameters={**parameters, **{f"disposition {name}": text for name, text in more.items()}},
        encoding=fields.get("content-transfer-encoding", "").strip().lower(),
        disposition=disposition,
        size=len(content),
    )


def _bytes(payload: Any) -> bytes:
    return payload.encode("utf-8", "surrogateescape") if isinstance(payload, str) else b""


def _raw(value: Any) -> str:
    """A field of the standard parser as latin-1 text, as everything undecoded here."""
    return str(value).encode("utf-8", "surrogateescape").decode("latin-1")


_PARAMETER = re.compile(r';\s*([^\s=;"]{1,60})\s*=\s*(?:"((?:[^"\\]|\\.){0,2000})"|([^;]{0,2000}))', re.DOTALL)


def split(value: str) -> tuple[str, dict[str, str]]:
    """`text/plain; charset="x"` as its value and its parameters, both as they stand."""
    head, _, _ = value.partition(";")
    found = {
        name.lower(): re.sub(r"\\(.)", r"\1", quoted) if quoted else plain.strip().strip('"')
        for name, quoted, plain in reversed(_PARAMETER.findall(value[:20_000]))
    }
    return head.strip().lower(), found


# Contents

_BASE64_LINES = re.compile(rb"(?:[A-Za-z0-9+/]{60,76}\r?\n)+[A-Za-z0-9+/]{1,76}={0,2}\s*")
"""What is base64, whatever is said of it."""


def content(part: Part, raw: bytes) -> bytes:
    """The bytes of a part without its transfer encoding; one that is cut short gives what is there."""
    encoding = part.encoding.strip(" \t;\"'")
    if encoding == "base64" or (encoding not in _READABLE and _BASE64_LINES.fullmatch(raw)):
        return unbase64(raw)
    if encoding == "quoted-printable":
        return quopri.decodestring(raw)
    if encoding in ("x-uuencode", "uuencode", "x-uue"):
        return _uudecoded(raw)
    return raw


_READABLE = ("8bit", "binary", "quoted-printable")


def unbase64(raw: bytes) -> bytes:
    """As much as can be read: foreign signs are skipped, missing ends forgiven."""
    clean = re.sub(rb"[^A-Za-z0-9+/]", b"", raw.partition(b"=")[0] if raw.rstrip().endswith(b"=") else raw)
    if len(clean) % 4 == 1:
        clean = clean[:-1]
    try:
        return base64.b64decode(clean + b"=" * (-len(clean) % 4))
    except binascii.Error:
        return b""


def _uudecoded(raw: bytes) -> bytes:
    if not raw.lstrip().startswith(b"begin "):
        return raw
    found = []
    for line in raw.splitlines():
        if line.startswith(b"begin ") or line in (b"end", b"`"):
            continue
        try:
            found.append(binascii.a2b_uu(line))
        except binascii.Error:
            continue
    return b"".join(found)
