"""How is a mailbox followed: what comes in at once, what was sent within half a minute, what was before in peace?"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from typing import Any

from hub.sdk import Page, Raw, Stream, Temporary
from plugins.email import fetch, folders, visit
from plugins.email.account import Account
from plugins.email.fetch import BATCH, Where
from plugins.email.folders import INBOX, Folder
from plugins.email.session import Lacks, Session
from plugins.email.settings import Settings
from plugins.email.visit import LOOK_BACK, Spot

LOOK = 60.0
"""Seconds between two looks at the inbox of a server that cannot ring (IDLE)."""
LOOK_SENT = 30.0
"""Seconds between two looks at folders that nobody rings for."""
VISIT = 600.0
"""Seconds after which a mailbox is looked at whatever the doorbell says: some go deaf."""
LIST_AGAIN = timedelta(hours=1)
"""Between two looks which folders there are."""
HISTORY = timedelta(days=90)
"""The history that is fetched where the operator names no day."""
_ONCE = timedelta(days=1)
_FROM = " from"
"""Place in the cursor of history for the day it began with; no folder has a name like that."""


def streams(settings: Settings) -> Sequence[Stream]:
    """The inbox, sent mail, further folders, and what was before; nothing of a mailbox that only sends."""
    if not settings.read:
        return ()
    further = [Stream("folders", live=more)] if settings.folders else []
    return (
        Stream("inbox", live=inbox),
        Stream("sent", live=sent),
        *further,
        Stream("history", history, every=_ONCE, backfill=True),
    )


async def inbox(client: Account, cursor: Any) -> AsyncIterator[Page]:
    """The inbox: rung for where the server can (IDLE), looked at each minute where not."""
    spot = Spot.of(cursor)
    async with client.session() as session:
        await _prepared(session)
        sees_sent, listed_at = await _sees_sent(client, session), client.host.now()
        while True:
            followed = _Followed(client, session, INBOX, "inbox", sees_sent=sees_sent)
            async for spot, items in followed.since(spot):  # noqa: B020 - it goes on from where it came to
                yield _page(items, spot.stored, spot)
            await _until_rung(client.settings, session)
            if client.host.now() - listed_at > LIST_AGAIN:
                sees_sent, listed_at = await _sees_sent(client, session), client.host.now()


async def sent(client: Account, cursor: Any) -> AsyncIterator[Page]:
    """The folder of sent mail. Without one nobody can tell what was answered: said to the operator, looked for hourly."""
    async with client.session() as session:
        await _prepared(session)
        folder = await folders.sent(session, await folders.folders(session), client.settings.sent)
        if folder is None:
            raise Temporary(_no_sent(client.settings), LIST_AGAIN.total_seconds())
        stored = cursor if cursor and cursor.get("folder") == _key(folder) else None
        spot = Spot.of(stored)
        while True:
            followed = _Followed(client, session, folder, "sent", sees_sent=True)
            async for spot, items in followed.since(spot):  # noqa: B020 - as in the inbox
                yield _page(items, {"folder": _key(folder), **spot.stored}, spot)
            await _rest(session, LOOK_SENT)


async def more(client: Account, cursor: Any) -> AsyncIterator[Page]:
    """Folders into which rules sort clients' mail, one after the other."""
    spots: dict[str, Any] = dict(cursor or {})
    async with client.session() as session:
        await _prepared(session)
        found = await folders.folders(session)
        wanted = [folders.named(found, name) for name in client.settings.folders]
        if None in wanted:
            lost = ", ".join(name for name in client.settings.folders if folders.named(found, name) is None)
            raise Temporary(f"there is no folder {lost}; there are {_names(found)}", LIST_AGAIN.total_seconds())
        sees_sent = await _sees_sent(client, session)
        while True:
            for folder in filter(None, wanted):
                followed = _Followed(client, session, folder, "inbox", sees_sent=sees_sent)
                async for spot, items in followed.since(Spot.of(spots.get(_key(folder)))):
                    spots[_key(folder)] = spot.stored
                    yield _page(items, dict(spots), spot)
            await _rest(session, LOOK)


@dataclass(frozen=True, slots=True)
class _Followed:
    """One folder that is followed over a connection."""

    client: Account
    session: Session
    folder: Folder
    role: str
    sees_sent: bool

    async def since(self, known: Spot | None) -> AsyncIterator[tuple[Spot, list[Raw]]]:
        """One visit: pages of what is new since the spot, each with the spot after it; the last one holds all."""
        now = self.client.host.now()
        box = await visit.opened(self.session, self.folder, known)
        if known is not None and box.next is not None and box.next <= known.last:
            box = replace(box, next=await visit.highest(self.session) + 1)  # it counts backwards; see what is there
        if known is None or not visit.is_same(known, box):
            known = await visit.begin(self.session, box, (known.at if known else now) - LOOK_BACK, now)
        fresh, answered = await visit.news(self.session, box, known)
        where = where_of(self.client.settings, self.folder, self.role, box.validity, sees_sent=self.sees_sent)
        for numbers in _batches(answered):
            yield known, await self._mails(where, numbers)
        for numbers in _batches(fresh):
            known = replace(known, last=numbers[-1])
            yield known, await self._mails(where, numbers)
        # The counter of the opening, not of later answers: what changed meanwhile is seen again, never lost.
        yield replace(known, last=max(known.last, (box.next or 1) - 1), at=now, modseq=box.modseq), []

    async def downwards(
        self, since: datetime, state: Mapping[str, Any]
    ) -> AsyncIterator[tuple[dict[str, Any], list[Raw]]]:
        """Pages of what came since a day, the newest first, each with how far down it reaches."""
        box = await visit.opened(self.session, self.folder)
        reached = {"validity": box.validity, "since": since.isoformat()}
        below = state["below"] if {**state, "below": None} == {**reached, "below": None} else None
        where = where_of(self.client.settings, self.folder, self.role, box.validity, sees_sent=self.sees_sent)
        numbers = await visit.since_day(self.session, box, since, below)
        for batch in _batches(numbers[::-1]):
            items = await self._mails(where, batch[::-1], small=True)
            yield {**reached, "below": batch[-1]}, items
        if below != 0:
            yield {**reached, "below": 0}, []

    async def _mails(self, where: Where, numbers: Sequence[int], *, small: bool = False) -> list[Raw]:
        return await fetch.mails(self.session, where, numbers, small=small, whole_text=self.client.settings.bodies)


async def history(client: Account, cursor: Any) -> AsyncIterator[Page]:
    """What was before, the newest first: headers and short parts, folder after folder; the cursor says how far down."""
    done: dict[str, Any] = dict(cursor or {})
    since = _since(client.settings, done, client.host.now())
    if client.settings.since is None:
        done[_FROM] = since.isoformat()
    async with client.session() as session:
        await _prepared(session)
        found = await folders.folders(session)
        outgoing = await folders.sent(session, found, client.settings.sent)
        wanted = [INBOX, outgoing, *(folders.named(found, name) for name in client.settings.folders)]
        for folder in filter(None, wanted):
            role = "sent" if folder == outgoing else "inbox"
            followed = _Followed(client, session, folder, role, sees_sent=outgoing is not None)
            async for reached, items in followed.downwards(since, done.get(_key(folder)) or {}):
                done[_key(folder)] = reached
                yield Page(items, cursor=dict(done))


def _page(items: Sequence[Raw], cursor: Any, spot: Spot) -> Page:
    """A page of a visit; the last one is empty and says that nothing older than its beginning is missing."""
    return Page(items, cursor=cursor, complete_until=None if items else spot.at)


def where_of(settings: Settings, folder: Folder, role: str, validity: int, *, sees_sent: bool) -> Where:
    """Where the mails of a folder lie."""
    return Where(settings.address, role, folder.name, validity, sees_sent)


async def _prepared(session: Session) -> None:
    """Switch on what makes looks cheaper, before anything is selected."""
    if session.has("QRESYNC"):
        await session.enable("QRESYNC")


async def _sees_sent(client: Account, session: Session) -> bool:
    return await folders.sent(session, await folders.folders(session), client.settings.sent) is not None


async def _until_rung(settings: Settings, session: Session) -> None:
    """Wait until the inbox may hold something new."""
    if session.has("IDLE"):
        with suppress(Lacks):
            await session.idle(min(settings.idle_minutes * 60.0, VISIT))
            return
        session.capabilities -= {"IDLE"}
    await _rest(session, LOOK)


async def _rest(session: Session, seconds: float) -> None:
    await asyncio.sleep(seconds)
    await session.command("NOOP")


def _since(settings: Settings, done: Mapping[str, Any], now: datetime) -> datetime:
    """The day from which on history is fetched; where nobody named one, the same as when it began."""
    if settings.since is not None:
        return datetime.combine(settings.since, time(), UTC)
    if _FROM in done:
        return datetime.fromisoformat(done[_FROM])
    return datetime.combine(now.date() - HISTORY, time(), UTC)


def _batches(numbers: Sequence[int]) -> list[Sequence[int]]:
    return [numbers[start : start + BATCH] for start in range(0, len(numbers), BATCH)]


def _key(folder: Folder) -> str:
    return folder.raw.decode("ascii", "surrogateescape")


def _names(found: Sequence[Folder]) -> str:
    return ", ".join(folder.name for folder in found if folder.holds_mail)


def _no_sent(settings: Settings) -> str:
    if settings.sent:
        return f"there is no folder {settings.sent}; what our people answer cannot be seen"
    return "no folder of sent mail is found, so that what our people answer cannot be seen; name it in the setting sent"
