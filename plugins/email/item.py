"""What is kept of a mail, and which of its parts are fetched for that? Pure: bytes in, values out.

A mailbox is asked for header and BODYSTRUCTURE; `wanted` says what else to fetch, `item` makes the raw item of all of
it. Bodies stay in the mailbox: of the text only its beginning is kept.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Literal, TypeAlias

from hub.sdk import Raw
from plugins.email import header, ids, mime, text
from plugins.email.mime import Part, Structure

KIND = "mail"
PLAIN_BYTES = 8 * 1024
"""How much is fetched of a plain text."""
PAGE_BYTES = 64 * 1024
"""How much of an HTML text, whose first kilobytes are often nothing but style."""
REPORT_BYTES = 32 * 1024
"""How much of what a report says to machines."""
WHOLE_BYTES = 128 * 1024
"""How much of everything below the header, where BODYSTRUCTURE cannot be understood."""
KEPT = 2_000
"""Characters of the text that are kept unless the whole text is asked for: answers, forms and causes fit in."""
KEPT_WHOLE = 50_000

Role: TypeAlias = Literal["inbox", "sent"]
REPORTS = ("message/delivery-status", "message/disposition-notification", "message/feedback-report")
"""Types of what a report says to machines."""


@dataclass(frozen=True, slots=True)
class Section:
    """A part to fetch: `BODY.PEEK[<number>]<0.<limit>>`."""

    number: str
    limit: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a mail lies. account: address of the mailbox. role: `sent` for the folder of what was sent from it.

    mailbox: the folder's name as people read it. sees_sent: whether the account's folder of sent mail is read; without
    it nobody can tell what was answered (metrics.md 5, coverage).
    """

    account: str
    role: Role
    mailbox: str
    uidvalidity: int
    uid: int
    sees_sent: bool = True


def wanted(structure: Structure | None) -> tuple[Section, ...]:
    """What to fetch beside the header: the text, and what a report says to machines."""
    parts = mime.leaves(structure)
    if all(part.size == 0 for part in parts):  # not understood, or a multipart whose boundary the server did not find
        return (Section("TEXT", WHOLE_BYTES),)
    return (*_texts(parts), *_reports(parts))


def _texts(parts: Sequence[Part]) -> Iterator[Section]:
    """The first plain text; the first page, too, where that says next to nothing or is missing."""
    shown = [part for part in parts if part.shown]
    plain = next((part for part in shown if part.type == "text/plain"), None)
    page = next((part for part in shown if part.type == "text/html"), None)
    if plain is not None:
        yield Section(plain.number, PLAIN_BYTES)
    if page is not None and (plain is None or plain.size < max(300, page.size / 10)):
        yield Section(page.number, PAGE_BYTES)


def _reports(parts: Sequence[Part]) -> Iterator[Section]:
    """What is reported, and the header of the mail that it is about."""
    if any(part.type in REPORTS for part in parts):
        for part in parts:
            if part.type in REPORTS or part.type == "text/rfc822-headers":
                yield Section(part.number, REPORT_BYTES)
            elif part.type in ("message/rfc822", "message/global"):
                yield Section(f"{part.number}.HEADER", REPORT_BYTES)


def item(
    place: Place,
    head: bytes,
    *,
    received_at: datetime | None,
    flags: Sequence[str] = (),
    size: int | None = None,
    structure: Structure | None = None,
    parts: Mapping[str, bytes] | None = None,
    whole_text: bool = False,
) -> Raw:
    """The raw item of a mail. All copies of one mail, in whichever folders, are one group and become one fact.

    head: the raw header. received_at: INTERNALDATE. parts: what `wanted` named, number → bytes as fetched, still in
    their transfer encoding; None for history by headers alone: then the mail has no text. whole_text: the operator
    wants texts to be kept.
    """
    fetched = dict(parts or {})
    tree = mime.leaves(structure)
    if "TEXT" in fetched:
        tree, fetched = mime.parts_of(head, fetched["TEXT"])
    payload: dict[str, Any] = {
        "account": place.account,
        "role": place.role,
        "mailbox": place.mailbox,
        "sees_sent": place.sees_sent,
        "internaldate": received_at.astimezone(UTC).isoformat() if received_at else None,
        "flags": sorted(flags),
        "size": size,
        "header": head.decode("latin-1"),
        "parts": [asdict(part) for part in tree],
        "text": text.beginning(tree, fetched, KEPT_WHOLE if whole_text else KEPT) if parts is not None else None,
        "reports": {
            number: fetched[number].decode("latin-1")
            for number in (section.number for section in _reports(tree))
            if number in fetched
        },
    }
    key = ids.key_of(header.read(head))
    return Raw(KIND, f"{place.mailbox}/{place.uidvalidity}/{place.uid}", payload, group=key)
