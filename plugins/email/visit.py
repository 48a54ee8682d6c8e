"""What is new in a mailbox since the last look? A comparison of states, which may be made as often as one likes."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from hub.sdk import Temporary
from plugins.email import wire
from plugins.email.folders import Folder
from plugins.email.session import Answer, Lacks, Session

LOOK_BACK = timedelta(days=2)
"""A mailbox that is seen for the first time, or was numbered anew, is read from so long before; SEARCH knows days only,
and those of the server's zone."""
WALK = 1000
"""Numbers that are looked at in one go where SEARCH does not work."""


@dataclass(frozen=True, slots=True)
class Spot:
    """How far a mailbox has been read: its numbering, the highest number taken over, its counter of changes.

    at: when it was read last, our clock.
    """

    validity: int
    last: int
    at: datetime
    modseq: int | None = None

    @property
    def stored(self) -> dict[str, Any]:
        """As a cursor."""
        return {"validity": self.validity, "last": self.last, "modseq": self.modseq, "at": self.at.isoformat()}

    @classmethod
    def of(cls, stored: Mapping[str, Any] | None) -> Spot | None:
        """From a cursor; None where it has never been read."""
        if not stored:
            return None
        at = datetime.fromisoformat(stored["at"])
        return cls(stored["validity"], stored["last"], at, stored.get("modseq"))


@dataclass(frozen=True, slots=True)
class Opened:
    """What the server says of a mailbox as it is opened. vanished, changed: since the known spot, where it can tell."""

    validity: int
    next: int | None
    modseq: int | None = None
    changed: Sequence[int] = ()


async def opened(session: Session, folder: Folder, known: Spot | None = None) -> Opened:
    """Open a mailbox for reading only, so that nothing can ever be marked as read.

    Where the server keeps a log (QRESYNC) it tells at once whose flags have changed since `known`.
    """
    since = ""
    if known is not None and known.modseq and "QRESYNC" in session.enabled:
        since = f" (QRESYNC ({known.validity} {known.modseq}))"
    elif session.has("CONDSTORE"):
        since = " (CONDSTORE)"
    try:
        answer = await session.command(f"EXAMINE {folder.quoted}{since}")
    except Lacks:
        if not since:
            raise
        answer = await session.command(f"EXAMINE {folder.quoted}")
    return Opened(
        _number(answer, "UIDVALIDITY") or 1,
        _number(answer, "UIDNEXT"),
        _number(answer, "HIGHESTMODSEQ"),
        tuple(_answered(answer)),
    )


def _number(answer: Answer, code: str) -> int | None:
    words = answer.code(code)
    return wire.number(words[0].encode()) if words else None


def _answered(answer: Answer) -> list[int]:
    """Mails of an answer that somebody has answered: the one flag that tells something about a wait."""
    found = []
    for line in answer.of("FETCH"):
        told = line.items
        number = wire.number(told.get("UID"))
        if number is not None and "\\ANSWERED" in map(str.upper, wire.texts(told.get("FLAGS"))):
            found.append(number)
    return found


async def begin(session: Session, box: Opened, since: datetime, now: datetime) -> Spot:
    """The spot from which a mailbox is read that is new to us, or was numbered anew."""
    numbers = await since_day(session, box, since)
    last = min(numbers) - 1 if numbers else (box.next or 1) - 1
    return Spot(box.validity, last, now, None)


def is_same(known: Spot, box: Opened) -> bool:
    """Whether the numbers still mean the same mails. A server that counts backwards is broken, and is read anew."""
    return known.validity == box.validity and (box.next is None or box.next > known.last)


async def news(session: Session, box: Opened, known: Spot) -> tuple[list[int], list[int]]:
    """Numbers of mails that came since, ascending; and of known ones that were answered meanwhile."""
    fresh: list[int] = []
    if box.next is None or box.next > known.last + 1:
        answer = await session.command(f"UID FETCH {known.last + 1}:* (UID)")
        fresh = sorted({number for number in _uids(answer) if number > known.last})  # `n:*` always names the last mail
    return fresh, await _answered_since(session, box, known)


async def _answered_since(session: Session, box: Opened, known: Spot) -> list[int]:
    if known.modseq is None or box.modseq is None or box.modseq == known.modseq or not known.last:
        return []
    if "QRESYNC" in session.enabled:
        return [number for number in box.changed if number <= known.last]
    try:
        answer = await session.command(f"UID FETCH 1:{known.last} (UID FLAGS) (CHANGEDSINCE {known.modseq})")
    except Lacks:  # it lists CONDSTORE and does not have it
        return []
    return sorted(set(_answered(answer)))


def _uids(answer: Answer) -> list[int]:
    found = []
    for line in answer.of("FETCH"):
        told = line.items
        number = wire.number(told.get("UID"))
        if number is not None:
            found.append(number)
    return found


async def since_day(session: Session, box: Opened, since: datetime, below: int | None = None) -> list[int]:
    """Numbers of mails that came since a day, ascending; `below`: of those with a smaller number.

    Days are those of the server's zone, so that a day more is asked for.
    """
    day = wire.day(since - timedelta(days=1))
    which = f"UID 1:{below - 1} " if below is not None else ""
    if below is not None and below <= 1:
        return []
    ways = [f"UID SEARCH {which}SINCE {day}"]
    if session.has("ESEARCH"):
        ways.insert(0, f"UID SEARCH RETURN (ALL) {which}SINCE {day}")
    for way in ways:
        try:
            answer = await session.command(way)
        except Temporary:  # Lacks is one; some servers' search breaks down where reading does not
            continue
        return sorted(set(_found(answer)))
    return await _walked(session, box, since - timedelta(days=1), below)


def _found(answer: Answer) -> list[int]:
    numbers: list[int] = []
    for line in answer.of("ESEARCH"):
        words = [value for value in line.values if isinstance(value, bytes)]
        for name, value in itertools.pairwise(words):
            if name.upper() == b"ALL":
                numbers += wire.uids(value)
    for line in answer.of("SEARCH"):
        numbers += [number for value in line.values if (number := wire.number(value)) is not None]
    return numbers


async def _walked(session: Session, box: Opened, since: datetime, below: int | None) -> list[int]:
    """The same without SEARCH: numbers downwards, until all of a stretch came before."""
    found: list[int] = []
    high = (below if below is not None else box.next or await highest(session) + 1) - 1
    while high > 0:
        low = max(high - WALK + 1, 1)
        answer = await session.command(f"UID FETCH {low}:{high} (UID INTERNALDATE)")
        young, old = _by_day(answer, since)
        found += young
        if old and not young:
            break
        high = low - 1
    return sorted(set(found))


def _by_day(answer: Answer, since: datetime) -> tuple[list[int], list[int]]:
    young: list[int] = []
    old: list[int] = []
    for line in answer.of("FETCH"):
        told = line.items
        number, at = wire.number(told.get("UID")), wire.moment(told.get("INTERNALDATE"))
        if number is not None:
            (old if at is not None and at < since else young).append(number)
    return young, old


async def highest(session: Session) -> int:
    """The number of the last mail that is there; 0 of an empty mailbox."""
    return max(_uids(await session.command("UID FETCH * (UID)")), default=0)
