"""What does a mail say to a person? The part to read, its letters, and the beginning of its text (contract 10.1)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from plugins.email import charset, mime, page
from plugins.email.mime import Part

SNIPPET = 300
"""Characters of a mail that a timeline shows."""
_NO_PAGES = re.compile(
    r"(?:cannot|can't|does not|doesn't|unable to) (?:display|support|read|view).{0,40}html|не поддерживает.{0,20}html",
    re.IGNORECASE,
)


def beginning(parts: Sequence[Part], fetched: Mapping[str, bytes], most: int) -> str:
    """The first `most` characters of the mail's text: the plain one, or its page where that says next to nothing."""
    plain = _first(parts, fetched, "text/plain")
    shown = _first(parts, fetched, "text/html")
    if shown is not None and (not plain or len(plain) < 300 or _NO_PAGES.search(plain[:500])):
        from_page = page.text(shown)
        if not plain or len(plain) < 0.3 * len(from_page) or _NO_PAGES.search(plain[:500]):
            plain = from_page
    return (plain or "").replace("\x00", "").replace("\r\n", "\n").replace("\r", "\n").strip()[:most]


def _first(parts: Sequence[Part], fetched: Mapping[str, bytes], mime_type: str) -> str | None:
    for part in parts:
        if part.shown and part.type == mime_type and part.number in fetched:
            return decoded(part, fetched[part.number])
    return None


def decoded(part: Part, raw: bytes) -> str:
    """The letters of a part."""
    return charset.repaired(charset.decode(mime.content(part, raw), part.parameters.get("charset", "")))


def snippet(text: str, most: int = SNIPPET) -> str | None:
    """The beginning of a text in one line, cut at a word; None where there is nothing."""
    line = re.sub(r"\s+", " ", text[: 4 * most]).strip()
    if len(line) <= most:
        return line or None
    head = line[: most - 1]
    return (head.rpartition(" ")[0] or head) + "…"
