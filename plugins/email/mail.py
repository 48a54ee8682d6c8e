"""What is a mail, once its bytes are read? Who, to whom, about what, and which mails it answers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any

from plugins.email import addresses, charset, dates, filenames, header, ids, mime, quotes
from plugins.email.addresses import Address
from plugins.email.header import Header
from plugins.email.mime import Part

_REPLY = re.compile(
    r"^\s*(?:(?:re|fw|fwd|aw|wg|sv|vs|rv|tr|r|i|antw|odp|на|ha|отв|ответ|пер|пересл|пд)\s*(?:[\[(^]\s*\d{1,3}\s*[\])]?|\d{0,2})\s*[:：]|"
    r"\[[^\[\]]{1,40}\]|(?:автоответ|auto)\s*[:：])\s*",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Mail:
    """A mail as its raw item holds it. text: the beginning of its text, None where only its header was fetched.

    reports: what it says to machines, by number of the part.
    """

    header: Header
    parts: tuple[Part, ...] = ()
    text: str | None = None
    reports: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def hint(self) -> str:
        """The charset of the body, in which raw letters of the header are likely written."""
        return next((part.parameters["charset"] for part in self.parts if "charset" in part.parameters), "")

    def people(self, *names: str) -> tuple[Address, ...]:
        """The addresses of these fields, in order, each once."""
        found = (one for name in names for field in self.header.all(name) for one in addresses.read(field, self.hint))
        return tuple({one.value: one for one in reversed(list(found))}.values())[::-1]

    @cached_property
    def sender(self) -> Address | None:
        """Who wrote it, by its first From."""
        return next(iter(self.people("from")), None)

    @cached_property
    def to(self) -> tuple[Address, ...]:
        """Whom it is for: To, then Cc."""
        return self.people("to", "cc")

    @cached_property
    def reply_to(self) -> tuple[Address, ...]:
        return self.people("reply-to")

    @cached_property
    def subject(self) -> str:
        return charset.words(self.header.get("subject"), self.hint)

    @cached_property
    def bare_subject(self) -> str:
        """The subject without what programs put before it."""
        return without_prefixes(self.subject)

    @cached_property
    def key(self) -> str:
        return ids.key_of(self.header)

    @cached_property
    def references(self) -> tuple[str, ...]:
        """Message-IDs of the mails that it answers, the first one first."""
        found = [one for name in ("references", "in-reply-to") for one in ids.identifiers(self.header.get(name))]
        return tuple(dict.fromkeys(ids.short(one) for one in found if ids.short(one) != self.key))[:100]

    @cached_property
    def written_at(self) -> datetime | None:
        return dates.read(self.header.get("date").decode("latin-1"))

    @cached_property
    def received_at(self) -> datetime | None:
        """When the topmost server of ours took it."""
        return dates.read(self.header.get("received").decode("latin-1").rpartition(";")[2])

    @cached_property
    def cut(self) -> quotes.Cut:
        """Its text without what it answers."""
        return quotes.cut(self.text or "")

    @cached_property
    def type(self) -> str:
        """Type of the whole, as its header says."""
        return mime.split(self.header.get("content-type").decode("latin-1"))[0]

    @cached_property
    def report_type(self) -> str:
        parameters = mime.split(self.header.get("content-type").decode("latin-1"))[1]
        return parameters.get("report-type", "").strip().lower() if self.type == "multipart/report" else ""

    def has_part(self, *types: str) -> bool:
        return self.type in types or any(part.type in types for part in self.parts)

    @cached_property
    def attachments(self) -> tuple[str, ...]:
        """Names of the files that it brings."""
        return tuple(filenames.file_name(part, self.hint) for part in self.parts if _is_file(part))


def _is_file(part: Part) -> bool:
    return (
        not part.shown
        and not part.type.startswith(("text/calendar", "message/", "multipart/"))
        and not (part.disposition != "attachment" and "content-id" in part.parameters)
    )


def without_prefixes(subject: str) -> str:
    """The subject without `Re:`, `Fwd:`, counters and tags before it."""
    for _ in range(20):
        shorter = _REPLY.sub("", subject, count=1)
        if shorter == subject:
            break
        subject = shorter
    return subject.strip()


def of_payload(payload: Mapping[str, Any]) -> Mail:
    """The mail of a raw item."""
    return Mail(
        header=header.read(payload["header"].encode("latin-1")),
        parts=tuple(mime.Part(**part) for part in payload["parts"]),
        text=payload["text"],
        reports=payload["reports"],
    )
