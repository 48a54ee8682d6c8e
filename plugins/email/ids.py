"""How is a mail named? By its Message-ID, else by a fingerprint; and which Message-IDs are our own (contract 8.1, 11.7)."""

from __future__ import annotations

import hashlib
import re

from plugins.email.header import Header

_BRACKETED = re.compile(r"<([^<>]{1,998})>")
_OURS = re.compile(r"[0-9a-f]{32}\.hub@")
LONG = 200
"""A Message-ID longer than this is named by its hash."""


def identifiers(value: bytes) -> tuple[str, ...]:
    """The Message-IDs of a field, in order, each once; free text between them is no id."""
    text = value.decode("latin-1")
    found = [_clean(one) for one in _BRACKETED.findall(text)]
    if not found:
        found = [_clean(word) for word in text.replace(",", " ").split() if "@" in word][:1]
    return tuple(dict.fromkeys(one for one in found if 3 <= len(one) <= 998))


def _clean(text: str) -> str:
    return re.sub(r"\s+", "", text).strip("<>\"'")


def message_id(header: Header) -> str | None:
    """The mail's own Message-ID, None where it has none."""
    return next(iter(identifiers(header.get("message-id"))), None)


def key_of(header: Header) -> str:
    """The name of the mail: the same for every copy of it, in whichever folder and account."""
    own = message_id(header)
    if own is None:
        stable = (header.word(name) for name in ("from", "to", "date", "subject"))
        return f"{hashlib.sha256(chr(0).join(stable).encode()).hexdigest()[:32]}@without.id"
    return short(own)


def short(identifier: str) -> str:
    """The id as it names a fact."""
    return identifier if len(identifier) <= LONG else hashlib.sha256(identifier.encode()).hexdigest()[:32]


def is_ours(identifier: str) -> bool:
    """Whether the hub made that Message-ID, for a notice or a report (compose.message_id)."""
    return _OURS.match(identifier) is not None
