"""How does the hub know again what it wrote itself, when it comes back?"""

from __future__ import annotations

import re

_MARK = re.compile(r"\[hub ([0-9A-Za-z-]+)\]\s*$")


def marked(text: str, key: str) -> str:
    """The text with the mark of an effect at its end: `[hub 17]` for the key `17/task/amo`."""
    return f"{text.rstrip()} {mark(key)}"


def mark(key: str) -> str:
    """The mark of an effect's key: its case, for the rest is the same for all tasks of a connection."""
    return f"[hub {key.partition('/')[0]}]"


def key_of(text: str | None, connection: str) -> str | None:
    """The key of the effect that wrote a task with this text; None where a person wrote it."""
    found = _MARK.search(text or "")
    return f"{found[1]}/task/{connection}" if found else None


def is_ours(uniq: str | None, connection: str) -> bool:
    """Whether a call's unique id is the key of an effect of this connection: it was the hub that wrote the call."""
    text = uniq or ""
    return (text.startswith("call/") and text.endswith(f"/{connection}")) or text.startswith(f"lead/{connection}/")
