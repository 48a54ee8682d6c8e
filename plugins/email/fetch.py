"""How are mails fetched: their headers, and of the rest only what is wanted; never marking anything as read?"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hub.sdk import Raw
from plugins.email import wire
from plugins.email.item import Place, Section, item, wanted
from plugins.email.session import Lacks, Session
from plugins.email.wire import Value

BATCH = 200
"""Mails of one command, and of one page."""
SMALL = 32 * 1024
"""Of history only parts are fetched that are no longer than this: plain texts and reports, no web pages."""

_ITEMS = "UID FLAGS INTERNALDATE RFC822.SIZE BODYSTRUCTURE BODY.PEEK[HEADER]"
_WITHOUT_STRUCTURE = "UID FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[HEADER]"
_HEADER = "BODY[HEADER]"


@dataclass(frozen=True, slots=True)
class Where:
    """The mailbox whose mails are fetched: all of a `Place` but the mail."""

    account: str
    role: str
    mailbox: str
    uidvalidity: int
    sees_sent: bool

    def place(self, uid: int) -> Place:
        """The place of one mail."""
        return Place(
            account=self.account,
            role="sent" if self.role == "sent" else "inbox",
            mailbox=self.mailbox,
            uidvalidity=self.uidvalidity,
            uid=uid,
            sees_sent=self.sees_sent,
        )


async def mails(
    session: Session, where: Where, numbers: Sequence[int], *, small: bool = False, whole_text: bool = False
) -> list[Raw]:
    """The raws of these mails of the selected mailbox, by number; one that is gone meanwhile is left out.

    small: only short parts beside the header. A mail of which the server gives no readable header is handed on without
    one, so that it is seen and stops nobody.
    """
    found = await _fetched(session, numbers, _ITEMS)
    lost = [number for number in numbers if _HEADER not in found.get(number, {})]
    if lost:
        found |= await _singly(session, lost)
    sections = {
        number: _sections(items.get("BODYSTRUCTURE"), small=small)
        for number, items in found.items()
        if _HEADER in items
    }
    parts = await _parts(session, sections)
    return [
        item(
            where.place(number),
            _bytes(items.get(_HEADER)),
            received_at=wire.moment(items.get("INTERNALDATE")),
            flags=[flag for flag in wire.texts(items.get("FLAGS")) if flag != "\\Recent"],
            size=wire.number(items.get("RFC822.SIZE")),
            structure=items.get("BODYSTRUCTURE"),
            parts=parts.get(number, {}),
            whole_text=whole_text,
        )
        for number, items in sorted(found.items())
    ]


async def _fetched(session: Session, numbers: Sequence[int], items: str) -> dict[int, dict[str, Value]]:
    """What came of the mails that were asked for; a server may say a mail in several lines, and speak of others."""
    asked = frozenset(numbers)
    found: dict[int, dict[str, Value]] = defaultdict(dict)
    answer = await session.command(f"UID FETCH {wire.uid_set(numbers)} ({items})")
    for line in answer.of("FETCH"):
        told = line.items
        number = wire.number(told.get("UID"))
        if number in asked:
            found[number] |= told
    return dict(found)


async def _singly(session: Session, numbers: Sequence[int]) -> dict[int, dict[str, Value]]:
    """Mails one by one and without what is hardest to read; what is gone is in no answer."""
    found: dict[int, dict[str, Value]] = {}
    for number in numbers:
        told = await _fetched(session, [number], _WITHOUT_STRUCTURE)
        if session.damaged and not told:
            told = {number: {}}
        found |= told
    return found


def _sections(structure: Value, *, small: bool) -> tuple[Section, ...]:
    found = wanted(structure if isinstance(structure, list) else None)
    return tuple(section for section in found if not small or section.limit <= SMALL)


async def _parts(session: Session, sections: Mapping[int, tuple[Section, ...]]) -> dict[int, dict[str, bytes]]:
    """The wanted parts; mails that want the same are asked for together."""
    alike: dict[tuple[Section, ...], list[int]] = defaultdict(list)
    for number, found in sections.items():
        if found:
            alike[found].append(number)
    parts: dict[int, dict[str, bytes]] = {}
    for found, numbers in alike.items():
        asked = " ".join(f"BODY.PEEK[{section.number}]<0.{section.limit}>" for section in found)
        try:
            told = await _fetched(session, numbers, f"UID {asked}")
        except Lacks:  # a server that does not find a part of its own counting
            continue
        for number, items in told.items():
            names = {section.number: f"BODY[{section.number}]" for section in found}
            parts[number] = {part: items[name] for part, name in names.items() if isinstance(items.get(name), bytes)}
    return parts


def _bytes(value: Value) -> bytes:
    return value if isinstance(value, bytes) else b""
