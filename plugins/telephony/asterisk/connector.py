"""What can the hub do with an Asterisk?"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from zoneinfo import ZoneInfo

from hub.sdk import Checked, Connector, Host, HubError, Stream
from plugins.telephony.asterisk import gap, presence
from plugins.telephony.asterisk.files import read
from plugins.telephony.asterisk.fold import cdr, parse
from plugins.telephony.asterisk.fold.sessions import epoch_of
from plugins.telephony.asterisk.live import Pbx, live
from plugins.telephony.asterisk.session import Session, opened
from plugins.telephony.asterisk.settings import Settings
from plugins.telephony.asterisk.words import RUSSIAN

_LISTEN = 3.0
_NEEDED = ("call", "agent", "cdr", "system")


def streams(settings: Settings) -> Sequence[Stream]:
    """The manager interface, and the call detail records where we are told of them."""
    found = [Stream("ami", live=live)]
    if settings.cdr is not None:
        found.append(Stream("cdr", pull=gap.pull_cdr, every=timedelta(minutes=15)))
    return found


@asynccontextmanager
async def open_pbx(settings: Settings, host: Host) -> AsyncIterator[Pbx]:
    """A connection for one lane; it dials when a stream or a check begins."""
    yield Pbx(settings, host)


async def check(client: Pbx) -> Sequence[Checked]:
    """Login, lists, classes of events, trunks, CDR and CEL: what holds, and what to do about the rest."""
    found: list[Checked] = []
    settings = client.settings
    try:
        async with opened(settings, client.host.now) as session:
            found.append(Checked(f"login as {settings.username} (interface {session.version})", ok=True))
            found += await _system(session, settings)
            found += await _trunks(session, settings)
            found += await _classes(session)
    except HubError as error:
        found.append(Checked("login", ok=False, problem=str(error)))
    for kind in ("cdr", "cel"):
        found += await asyncio.to_thread(_rows, client, kind)
    return found


async def _system(session: Session, settings: Settings) -> list[Checked]:
    """Is this the PBX that was meant? Its version and systemname, where the account may ask."""
    said = await session.answer("CoreSettings")
    if said.get("response") != "Success":
        return []
    name, version = said.get("systemname", ""), said.get("asteriskversion", "")
    problem = f"it calls itself {name!r}, not {settings.systemname!r}; see systemname= in asterisk.conf"
    same = not settings.systemname or name == settings.systemname
    return [Checked(f"Asterisk {version}", ok=same, problem="" if same else problem)]


async def _trunks(session: Session, settings: Settings) -> list[Checked]:
    """Do the beginnings of trunk channels fit any endpoint or channel of this PBX?"""
    rows = await session.listing("CoreShowChannels", "CoreShowChannelsComplete")
    endpoints = await session.listing("PJSIPShowEndpoints", "EndpointListComplete")
    peers = await session.listing("SIPpeers", "PeerlistComplete")
    names = [row.get("channel", "") for row in rows]
    names += [f"PJSIP/{row.get('objectname', '')}-" for row in endpoints]
    names += [f"SIP/{row.get('objectname', '')}-" for row in peers]
    names = [name for name in names if not name.startswith("Local/")]
    if not settings.trunk_channels:
        return [
            Checked(
                "trunk_channels",
                ok=False,
                problem='not set: every endpoint that is no short number counts as a trunk; write for example ["PJSIP/mtt-"]',
            )
        ]
    if not names:
        return [
            Checked(
                "trunk_channels: this account sees neither channels nor endpoints, so they cannot be compared", ok=True
            )
        ]
    lost = [trunk for trunk in settings.trunk_channels if not any(name.startswith(trunk) for name in names)]
    problem = f"nothing here begins with {', '.join(lost)}; endpoints are {', '.join(sorted(set(names))[:8])}"
    return [Checked("trunk_channels", ok=not lost, problem=problem if lost else "")]


async def _classes(session: Session) -> list[Checked]:
    """Which classes of events come; in a quiet hour only `system` shows itself."""
    seen: set[str] = set()
    try:
        async with asyncio.timeout(_LISTEN):
            while True:
                heard = await session.heard.get()
                if isinstance(heard, Exception):
                    raise heard
                for line in heard.block.split(b"\r\n"):
                    if line.startswith(b"Privilege:"):
                        seen |= {name.strip() for name in line[10:].decode().split(",")} - {"all"}
    except TimeoutError:
        pass
    if seen <= {"system"}:
        return [
            Checked(f"events: no call within {_LISTEN:.0f} s; read= in manager.conf needs {','.join(_NEEDED)}", ok=True)
        ]
    missing = [name for name in ("call",) if name not in seen]
    problem = f"read= in manager.conf lacks {', '.join(missing)}" if missing else ""
    return [Checked(f"events of classes {', '.join(sorted(seen))}", ok=not missing, problem=problem)]


def _rows(client: Pbx, kind: str) -> list[Checked]:
    """Can the rows be read, and are their times in the zone that was configured?"""
    settings = client.settings
    source = settings.cdr if kind == "cdr" else settings.cel
    if source is None:
        if kind == "cel":
            return []
        return [
            Checked(
                "cdr",
                ok=False,
                problem="not set: what happens while the hub is not connected can only be guessed; give a file or a table",
            )
        ]
    zone = ZoneInfo(settings.timezone)
    try:
        count, rows = gap.readable(source, kind, zone, client.host.now())
    except HubError as error:
        return [Checked(kind, ok=False, problem=str(error))]
    lines = [Checked(f"{kind}: {count} rows of the last day", ok=True)]
    if kind == "cdr":
        pairs = [
            (start, epoch)
            for row in rows
            if (start := cdr.local_time(row.get("start", ""), zone)) is not None
            and (epoch := epoch_of(row.get("uniqueid", ""))) is not None
        ]
        offset = cdr.zone_offset(pairs)
        if offset is not None:
            hours = offset.total_seconds() / 3600
            problem = (
                f"wrong zone: CDR times lie {hours:+g} h beside the ids; {settings.timezone} is not the PBX's zone"
            )
            lines.append(Checked("timezone", ok=False, problem=problem))
    return lines


CONNECTOR = Connector(
    name="asterisk",
    title="Asterisk, FreePBX, Issabel",
    telephony=True,
    settings=Settings,
    open=open_pbx,
    check=check,
    parse={**dict.fromkeys(("ami", "gap", "cel", "cdr", "queue_log"), parse), presence.KIND: presence.parse},
    parse_reads=("timezone", "trunk_channels", "queues", "outbound_prefix", "company_number", "country"),
    streams=streams,
    read=read,
    about="a PBX, live over its manager interface (AMI)",
    asks=("host", "port", "username", "secret", "timezone", "cdr"),
    words={"ru": RUSSIAN},
)
