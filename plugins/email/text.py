"""What does a mail say to a person? The part to read, its charset, and where its text begins."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from plugins.email import mime
from plugins.email.mime import Part


def beginning(parts: Sequence[Part], fetched: Mapping[str, bytes], most: int) -> str:
    """The first `most` characters of the mail's text."""
    for part in parts:
        if part.shown and part.type == "text/plain" and part.number in fetched:
            return mime.content(part, fetched[part.number]).decode("utf-8", "replace")[:most]
    return ""
