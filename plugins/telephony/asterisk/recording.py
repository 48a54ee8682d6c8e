"""Which packets of a recording belong together? The manager interface's bytes or lines become raws, one a call."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, TextIO, cast

from hub.sdk import Raw, Refused
from plugins.telephony.asterisk.groups import Groups
from plugins.telephony.asterisk.keep import FIELDS, VARIABLES, kept, worth_reading
from plugins.telephony.asterisk.wire import Decoder, NotAmi, Packet, event_of, read_fields

CHUNK = 1 << 20
_NEEDS_CLOCK = (
    "packets carry no Timestamp, so nobody knows when they came; set timestampevents = yes in manager.conf, "
    "or import ami.jsonl, which has the moment of receipt"
)


def opened(file: Path) -> IO[bytes]:
    """The bytes of a file, unpacked where it is a gzip."""
    with file.open("rb") as probe:
        packed = probe.read(2) == b"\x1f\x8b"
    return cast(IO[bytes], gzip.open(file, "rb")) if packed else file.open("rb")


def text_of(file: Path) -> TextIO:
    """The text of a file, unpacked where it is a gzip."""
    return io.TextIOWrapper(opened(file), encoding="utf-8-sig", errors="replace", newline="")


@dataclass(slots=True)
class _Session:
    """The packets between one greeting and the next."""

    name: str = ""
    since: int = 0
    until: int = 0


@dataclass(slots=True)
class Recording:
    """Kept packets by group; groups that turned out to be one are joined at the end."""

    groups: Groups = field(default_factory=Groups)
    packets: dict[str, dict[str, list[list[Any]]]] = field(default_factory=dict)
    markers: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    root: dict[str, str] = field(default_factory=dict)
    session: _Session = field(default_factory=_Session)
    boot: int = 0
    until: int = 0
    _pending: list[tuple[int, str, Packet]] = field(default_factory=list)

    def take(self, file: Path, shown: str) -> Iterator[Refused]:
        """Take in a file; what it cannot give is yielded, what stands before that is used."""
        with opened(file) as stream:
            head = stream.read(1)
            stream_rest = stream
            if head == b"{":
                yield from self._lines(file, shown)
                return
            yield from self._raw(head, stream_rest, shown)
        self._close()

    def _raw(self, head: bytes, stream: Any, shown: str) -> Iterator[Refused]:
        decoder, clockless, events = Decoder(), 0, 0
        line_ends: bool | None = None
        chunk = head
        try:
            while True:
                more = stream.read(CHUNK)
                chunk += more
                if line_ends is None:
                    line_ends = b"\r\n" in chunk[:4096]
                if not line_ends:
                    chunk = chunk.replace(b"\n", b"\r\n")
                for offset, block in decoder.feed(chunk):
                    event = event_of(block)
                    if not event:
                        if b"Response: Success" in block and b"Authentication accepted" in block:
                            self._greeted()
                        continue
                    at = self._take(offset, event, block)
                    events += 1
                    clockless += at is None
                chunk = b""
                if not more:
                    break
        except NotAmi as error:
            yield Refused(shown, f"{error}; everything before byte {decoder.offset} is used")
        except (EOFError, gzip.BadGzipFile, OSError) as error:
            yield Refused(shown, f"the file is cut off or damaged ({error}); everything before that is used")
        if decoder.rest.strip():
            yield Refused(f"{shown} byte {decoder.offset}", "the last packet is cut off; everything before it is used")
        if events and clockless == events:
            yield Refused(shown, _NEEDS_CLOCK)

    def _take(self, offset: int, event: str, block: bytes) -> float | None:
        stamp = block.find(b"\nTimestamp: ")
        at: int | None = None
        if stamp >= 0:
            end = block.find(b"\r", stamp + 12)
            try:
                at = int(float(block[stamp + 12 : end if end > 0 else None]) * 1000)
            except ValueError:
                at = None
        if not worth_reading(event, block):
            if at is not None:
                self._clock(at)
            return at
        self._keep(offset, at, event, read_fields(block))
        return at

    def _lines(self, file: Path, shown: str) -> Iterator[Refused]:
        with text_of(file) as stream:
            number = 0
            try:
                for number, line in enumerate(stream, 1):
                    if _dull(line):
                        continue
                    try:
                        item = json.loads(line)
                        received = float(item["recv"])
                        # of a key that is said twice the first counts
                        packet: Packet = {str(key).lower(): str(value) for key, value in reversed(item["fields"])}
                    except (ValueError, KeyError, TypeError):
                        if line.strip():
                            yield Refused(f"{shown} line {number}", "is not a packet; the line is left out")
                        continue
                    stamp = packet.get("timestamp", "")
                    at = int(float(stamp) * 1000) if stamp.replace(".", "", 1).isdigit() else int(received * 1000)
                    if packet.get("message") == "Authentication accepted":
                        self._greeted()
                    event = packet.get("event", "")
                    if event in FIELDS:
                        self._keep(number, at, event, packet)
                    elif event:
                        self._clock(at)
            except (EOFError, gzip.BadGzipFile, OSError) as error:
                yield Refused(f"{shown} line {number}", f"the file is cut off ({error}); everything before is used")
        self._close()

    def _greeted(self) -> None:
        """A login: what came before is another session, and nobody listened in between."""
        if self.session.until:
            self._close()
        self.session = _Session()

    def _clock(self, at: int) -> None:
        session = self.session
        if not session.name:
            session.name, session.since = str(at), at
            self._opened(at)
        session.until = self.until = max(session.until, at)

    def _opened(self, at: int) -> None:
        for group, marker in self.markers:
            if marker["to"] is None and group:
                marker["to"] = at
        pending, self._pending = self._pending, []
        for offset, event, fields in pending:
            self._keep(offset, at, event, fields)

    def _keep(self, offset: int, at: int | None, event: str, packet: Packet) -> None:
        fields = kept(event, packet, self.groups.first)
        if fields is None:
            if at is not None:
                self._clock(at)
            return
        if at is None:
            at = self.session.until or self._by_uptime(event, fields)
        if at is None:
            self._pending.append((offset, event, packet))
            return
        self._clock(at)
        if event == "FullyBooted":
            self._booted(at, fields)
            return
        if event == "Shutdown":
            self._mark(at, restart=True)
            return
        group, joins = self.groups.assign(event, fields)
        if group is None:
            return
        for other in joins:
            self._join(group, other)
        self.packets.setdefault(group, {}).setdefault(self.session.name, []).append([offset, at, event, fields])

    def _by_uptime(self, event: str, fields: Packet) -> int | None:
        """When a session began whose greeting has no clock: the PBX counts its seconds since it booted."""
        uptime = fields.get("uptime", "")
        if event != "FullyBooted" or not uptime.isdigit() or not self.boot:
            return None
        at = self.boot + int(uptime) * 1000
        return max(at, self.until) if at >= self.until - 2_000 else None

    def _booted(self, at: int, fields: Packet) -> None:
        uptime = fields.get("uptime", "")
        self.boot = at - int(uptime) * 1000 if uptime.isdigit() else 0
        for _, marker in self.markers:
            if marker["to"] == at and uptime.isdigit() and at - int(uptime) * 1000 > marker["from"]:
                marker["restart"] = True
        if any(marker["restart"] and marker["to"] == at for _, marker in self.markers):
            self.groups.forget([uid for uid, _, _ in self.groups.alive()])

    def _mark(self, at: int, *, restart: bool) -> None:
        open_groups = dict.fromkeys(linkedid for _, linkedid, _ in self.groups.alive())
        self.markers += [(group, {"from": at, "to": None, "restart": restart}) for group in open_groups]

    def _close(self) -> None:
        """The session is over: every call that was going on then has nobody listening from here on."""
        if self.session.until:
            marked = {group for group, marker in self.markers if marker["to"] is None}
            open_groups = dict.fromkeys(linkedid for _, linkedid, _ in self.groups.alive())
            self.markers += [
                (group, {"from": self.session.until, "to": None, "restart": False})
                for group in open_groups
                if group not in marked
            ]

    def _find(self, group: str) -> str:
        while (above := self.root.setdefault(group, group)) != group:
            group = above
        return group

    def _join(self, one: str, two: str) -> None:
        first, second = self._find(one), self._find(two)
        if first != second:
            older, younger = (first, second) if list(self.packets).count(first) else (second, first)
            self.root[younger] = older

    def names(self) -> Mapping[str, str]:
        """Group → the group it was joined to."""
        return {group: self._find(group) for group in self.root}

    def whole(self) -> frozenset[str]:
        """The groups of which every channel was seen from birth to end: what CEL says of them is known already."""
        broken = {self._find(group) for group, _ in self.markers}
        found: dict[str, tuple[set[str], set[str], set[str]]] = {}
        for group, sessions in self.packets.items():
            born, ended, named = found.setdefault(self._find(group), (set(), set(), set()))
            for packets in sessions.values():
                for _, _, event, fields in packets:
                    uid = fields.get("uniqueid", "")
                    if event == "Newchannel":
                        born.add(uid)
                    elif event == "Hangup":
                        ended.add(uid)
                    named.update(fields[key] for key in ("uniqueid", "destuniqueid") if fields.get(key))
        complete = {root for root, (born, ended, named) in found.items() if born and born == ended and named <= born}
        return frozenset(
            group for group in self.root.keys() | self.packets.keys() if self._find(group) in complete - broken
        )

    def raws(self) -> Iterator[Raw]:
        """One raw a group and session, and the markers of the moments when nobody listened."""
        joined: dict[str, dict[str, None]] = {}
        for group in [*self.packets, *self.root]:
            joined.setdefault(self._find(group), {})[group] = None
        sessions: dict[str, dict[str, list[list[Any]]]] = {}
        for group, by_session in self.packets.items():
            here = sessions.setdefault(self._find(group), {})
            for session, packets in by_session.items():
                here.setdefault(session, []).extend(packets)
        for root, by_session in sessions.items():
            others = tuple(group for group in joined[root] if group != root)
            for session, packets in by_session.items():
                packets.sort(key=_offset)
                payload = {"s": session, "p": packets}
                yield Raw("ami", f"{session}/{packets[0][0]}-{digest(payload)}", payload, root, others)
        for group, marker in self.markers:
            root = self._find(group)
            yield Raw("gap", f"{root}/{marker['from']}-{marker['to']}", dict(marker), root)


def _dull(line: str) -> bool:
    """Is this line one of the many packets that the fold never reads? Told without reading it as JSON."""
    if '"VarSet"' in line:
        return not any(name in line for name in VARIABLES)
    return '"CEL"' in line and '"APP_START"' not in line


def _offset(packet: Sequence[Any]) -> int:
    offset: int = packet[0]
    return offset


def digest(payload: object) -> str:
    return hashlib.sha256(json.dumps(payload, separators=(",", ":")).encode()).hexdigest()[:12]
