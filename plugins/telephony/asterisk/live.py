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
from plugins.telephony.asterisk.session import Heard, Session, opened
from plugins.telephony.asterisk.settings import Settings
from plugins.telephony.asterisk.wire import Packet, read_fields

PAGE_TIME = 0.25
PAGE_ITEMS = 200
_QUIET = 15.0
"""After so many seconds without events the cursor is moved on all the same: the connection is known to have held."""
_BOOTED_WAIT = 2.0


@dataclass(slots=True)
class Pbx:
    """An opened connection of the hub: nothing is connected until a stream or a check asks."""

    settings: Settings
    host: Host


@dataclass(slots=True)
class Listener:
    """What the cursor holds, and how packets become raws."""

    name: str
    groups: Groups
    skew: int = 0
    stamped: bool = False
    boot: int = 0
    last: int = 0
    repair: dict[str, Any] = field(default_factory=dict)

    def cursor(self) -> dict[str, Any]:
        """Compact and JSON-ready: when we last listened, when the PBX booted, the channels that live."""
        return {
            "last": self.last,
            "boot": self.boot,
            "stamped": self.stamped,
            "alive": self.groups.alive(),
            "repair": self.repair,
        }

    def raws(self, heard: Heard) -> list[Raw]:
        """The raw of a packet, none if the fold reads nothing of it."""
        if not worth_reading(heard.event, heard.block):
            self.last = max(self.last, heard.received + (self.skew if self.stamped else 0))
            return []
        fields = read_fields(heard.block)
        return self.raw(heard.event, fields, self.time_of(fields, heard.received), heard.offset)

    def raw(self, event: str, fields: Packet, at: int, offset: int) -> list[Raw]:
        """As `raws`, of fields that are read already."""
        self.last = max(self.last, at)
        small = kept(event, fields, self.groups.first)
        if small is None or event in {"FullyBooted", "Shutdown"}:
            return []
        group, joins = self.groups.assign(event, small)
        if group is None:
            return []
        payload = {"s": self.name, "p": [[offset, at, event, small]]}
        return [Raw("ami", f"{self.name}/{offset}", payload, group, joins)]

    def time_of(self, fields: Packet, received: int) -> int:
        """The PBX's time of an event: its Timestamp, else our clock."""
        stamp = fields.get("timestamp", "")
        if stamp.replace(".", "", 1).isdigit():
            self.stamped = True
            at = int(float(stamp) * 1000)
            self.skew = at - received
            return at
        return received + (self.skew if self.stamped else 0)


async def live(client: Pbx, cursor: Any) -> AsyncIterator[Page]:
    """Listen until the connection breaks (Temporary), first mending what was missed since the cursor."""
    before: Mapping[str, Any] = cursor if isinstance(cursor, Mapping) else {}
    async with opened(client.settings, client.host.now) as session:
        listener, items = await _begin(session, before)
        yield Page(items, listener.cursor(), wake=_other_streams(client) if before else ())
        async for page in _listen(session, listener, client):
            yield page


def _other_streams(client: Pbx) -> tuple[str, ...]:
    """What to read at once after a gap."""
    return ("cdr",) if client.settings.cdr is not None else ()


async def _begin(session: Session, before: Mapping[str, Any]) -> tuple[Listener, list[Raw]]:
    """Compare what lived when we last listened with what lives now."""
    received = int(session.now().timestamp() * 1000)
    stamped = bool(before.get("stamped"))
    skew = await _skew(session) if stamped else 0
    start = received + skew
    alive = [(uid, linkedid, name) for uid, linkedid, name in before.get("alive", ())]
    listener = Listener(
        str(start),
        Groups(alive),
        skew,
        stamped,
        _booted(await _uptime(session), start),
        start,
        dict(before.get("repair", {})),
    )
    rows = await session.listing("CoreShowChannels", "CoreShowChannelsComplete")
    queues = await session.listing("QueueStatus", "QueueStatusComplete")
    last = int(before.get("last", 0))
    restarted = bool(last and listener.boot and listener.boot > last + 1_000)
    items = _markers(alive, last, start, restarted=restarted)
    present = {row.get("uniqueid", "") for row in rows}
    listener.groups.forget(uid for uid, _, _ in alive if restarted or uid not in present)
    for number, row in enumerate([*rows, *(entry for entry in queues if entry.get("event") == "QueueEntry")]):
        items += listener.raw(row.get("event", ""), row, start, number - 1_000_000)
    if session.settings.cel is not None:
        listener.repair = gap.planned(last, start, listener.repair)
    return listener, items


async def _skew(session: Session) -> int:
    """How far the PBX's clock is ahead of ours, in ms, as its answer to Ping tells."""
    stamp = (await session.answer("Ping")).get("timestamp", "")
    received = session.now().timestamp()
    return int((float(stamp) - received) * 1000) if stamp.replace(".", "", 1).isdigit() else 0


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
        listener.last = max(listener.last, int(session.now().timestamp() * 1000) + listener.skew)
        return [], None, None
    loop = asyncio.get_running_loop()
    until = loop.time() + PAGE_TIME
    heard: Heard | Exception = first
    while True:
        if isinstance(heard, Exception):
            return items, offset, heard
        found = listener.raws(heard)
        items += found
        if found and listener.stamped:
            offset = timedelta(milliseconds=listener.skew)
        if len(items) >= PAGE_ITEMS or (left := until - loop.time()) <= 0:
            return items, offset, None
        try:
            async with asyncio.timeout(left):
                heard = await session.heard.get()
        except TimeoutError:
            return items, offset, None


def _moment(listener: Listener) -> datetime:
    return datetime.fromtimestamp(listener.last / 1000, UTC)
