"""What does the PBX say now? Events as raws in small pages, and a cursor that knows which calls were going on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from hub.sdk import Host, Page, Raw
from plugins.telephony.asterisk import gap
from plugins.telephony.asterisk.groups import Groups
from plugins.telephony.asterisk.keep import kept, worth_reading
from plugins.telephony.asterisk.presence import FIELDS, Logins
from plugins.telephony.asterisk.session import Heard, Session, opened
from plugins.telephony.asterisk.settings import Settings
from plugins.telephony.asterisk.wire import Packet, read_fields, read_stamp, stamp_of

PAGE_TIME = 0.25
PAGE_ITEMS = 200
_QUIET = 15.0
"""After so many seconds without events the cursor is moved on all the same: the connection is known to have held."""
_ON_ITS_WAY = 1_000
"""How much of the silence, in ms, may be an event that has not reached us yet."""
_BOOTED_WAIT = 2.0


@dataclass(slots=True)
class Pbx:
    """An opened connection of the hub: nothing is connected until a stream or a check asks."""

    settings: Settings
    host: Host


@dataclass(slots=True)
class Listener:
    """What the cursor holds, and how packets become raws.

    All times are the PBX's, in ms: detail records know no other clock, and ours may differ. last: when we last
    listened. skew: how far its clock is ahead of ours, None where it never told.
    """

    name: str
    groups: Groups
    last: int
    skew: int | None = None
    boot: int = 0
    repair: dict[str, Any] = field(default_factory=dict)
    logins: Logins = field(default_factory=Logins)

    def cursor(self) -> dict[str, Any]:
        """Compact and JSON-ready: when we last listened, when the PBX booted, the channels that live."""
        return {"last": self.last, "boot": self.boot, "alive": self.groups.alive(), "repair": self.repair}

    @property
    def offset(self) -> timedelta | None:
        """By how much the source's clock is ahead of ours, where it is known."""
        return None if self.skew is None else timedelta(milliseconds=self.skew)

    def raws(self, heard: Heard) -> list[Raw]:
        """The raw of a packet, none if the fold reads nothing of it."""
        if not worth_reading(heard.event, heard.block):
            self.last = max(self.last, self.time_of(heard))
            return []
        return self.raw(heard.event, read_fields(heard.block), self.time_of(heard), heard.offset)

    def raw(self, event: str, fields: Packet, at: int, offset: int) -> list[Raw]:
        """As `raws`, of fields that are read already."""
        self.last = max(self.last, at)
        small = kept(event, fields, self.groups.first)
        if small is None or event in {"FullyBooted", "Shutdown"}:
            return []
        if event in FIELDS:
            return self.logins.raws(self.name, offset, at, event, small)
        group, joins = self.groups.assign(event, small)
        if group is None:
            return []
        payload = {"s": self.name, "p": [[offset, at, event, small]]}
        return [Raw("ami", f"{self.name}/{offset}", payload, group, joins)]

    def time_of(self, heard: Heard) -> int:
        """The PBX's time of an event: its Timestamp, else our clock moved as far as the PBX's was last seen beside it."""
        at = stamp_of(heard.block)
        if at is None:
            return heard.received + (self.skew or 0)
        self.skew = at - heard.received
        return at


async def live(client: Pbx, cursor: Any) -> AsyncIterator[Page]:
    """Listen until the connection breaks (Temporary), first mending what was missed since the cursor."""
    before: Mapping[str, Any] = cursor if isinstance(cursor, Mapping) else {}
    async with opened(client.settings, client.host.now) as session:
        listener, items = await _begin(session, before)
        yield Page(items, listener.cursor(), wake=_other_streams(client) if before else (), offset=listener.offset)
        async for page in _listen(session, listener, client):
            yield page


def _other_streams(client: Pbx) -> tuple[str, ...]:
    """What to read at once after a gap."""
    return ("cdr",) if client.settings.cdr is not None else ()


async def _begin(session: Session, before: Mapping[str, Any]) -> tuple[Listener, list[Raw]]:
    """Compare what lived when we last listened with what lives now."""
    start, skew = await _clock(session)
    alive = [(uid, linkedid, name) for uid, linkedid, name in before.get("alive", ())]
    boot = _booted(await _uptime(session), start)
    listener = Listener(str(start), Groups(alive), start, skew, boot, dict(before.get("repair", {})))
    rows = await session.listing("CoreShowChannels", "CoreShowChannelsComplete")
    queues = await session.listing("QueueStatus", "QueueStatusComplete")
    last = int(before.get("last", 0))
    restarted = bool(last and listener.boot and listener.boot > last + 1_000)
    items = _markers(alive, last, start, restarted=restarted)
    present = {row.get("uniqueid", "") for row in rows}
    listener.groups.forget(uid for uid, _, _ in alive if restarted or uid not in present)
    for number, row in enumerate([*rows, *(entry for entry in queues if entry.get("event") == "QueueEntry")]):
        items += listener.raw(row.get("event", ""), row, start, number - 1_000_000)
    for row in queues:
        if row.get("event") == "QueueMember":
            listener.logins.known(row)
    items += _heard_meanwhile(session, listener)
    if session.settings.cel is not None:
        listener.repair = gap.planned(last, start, listener.repair)
    return listener, items


def _heard_meanwhile(session: Session, listener: Listener) -> list[Raw]:
    """What was said until the lists were complete: kept with them, for they leave out who hung up in that moment."""
    items: list[Raw] = []
    while not session.heard.empty():
        heard = session.heard.get_nowait()
        if isinstance(heard, Exception):
            session.heard.put_nowait(heard)  # the last of all: nothing is heard after it
            break
        items += listener.raws(heard)
    return items


async def _clock(session: Session) -> tuple[int, int | None]:
    """A moment at which we listen already, and how far the PBX's clock is ahead of ours; the answer to Ping tells both."""
    stamp = read_stamp((await session.answer("Ping")).get("timestamp", ""))
    received = int(session.now().timestamp() * 1000)
    return (received, None) if stamp is None else (stamp, stamp - received)


async def _uptime(session: Session) -> str:
    """Seconds since the PBX booted; empty where the account does not see class `system`."""
    try:
        async with asyncio.timeout(_BOOTED_WAIT):
            return await session.booted
    except TimeoutError:
        return ""


def _booted(uptime: str, start: int) -> int:
    return start - int(uptime) * 1000 if uptime.isdigit() else 0


def _markers(alive: Sequence[tuple[str, str, str]], last: int, start: int, *, restarted: bool) -> list[Raw]:
    """One marker for each call that was going on when we stopped listening."""
    return [
        Raw("gap", f"{group}/{last}-{start}", {"from": last, "to": start, "restart": restarted}, group)
        for group in dict.fromkeys(linkedid for _, linkedid, _ in alive)
    ]


async def _listen(session: Session, listener: Listener, client: Pbx) -> AsyncIterator[Page]:
    """Pages of at most 250 ms or 200 items; in silence the cursor alone moves on."""
    while True:
        due = gap.due(listener.repair, listener.last)
        if due:
            rows = await asyncio.to_thread(gap.rows, client.settings, listener.repair)
            listener.repair = gap.later(listener.repair)
            yield Page(rows, listener.cursor(), wake=_other_streams(client))
        items, offset, error = await _collect(session, listener)
        yield Page(items, listener.cursor(), _moment(listener), offset=offset)
        if error is not None:
            raise error


async def _collect(session: Session, listener: Listener) -> tuple[list[Raw], timedelta | None, Exception | None]:
    items: list[Raw] = []
    offset: timedelta | None = None
    patience = min(_QUIET, gap.PATIENCE) if listener.repair else _QUIET
    try:
        async with asyncio.timeout(patience):
            first = await session.heard.get()
    except TimeoutError:
        now = int(session.now().timestamp() * 1000) + (listener.skew or 0)
        listener.last = max(listener.last, now - _ON_ITS_WAY)
        return [], None, None
    loop = asyncio.get_running_loop()
    until = loop.time() + PAGE_TIME
    heard: Heard | Exception = first
    while True:
        if isinstance(heard, Exception):
            return items, offset, heard
        found = listener.raws(heard)
        items += found
        if found:
            offset = listener.offset
        if len(items) >= PAGE_ITEMS or (left := until - loop.time()) <= 0:
            return items, offset, None
        try:
            async with asyncio.timeout(left):
                heard = await session.heard.get()
        except TimeoutError:
            return items, offset, None


def _moment(listener: Listener) -> datetime:
    return datetime.fromtimestamp(listener.last / 1000, UTC)
