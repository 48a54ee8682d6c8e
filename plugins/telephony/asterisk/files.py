"""What is in a recording or a file of call records? Raws for `crmhub import`, one a call and source."""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, TextIO, cast
from zoneinfo import ZoneInfo

from hub.sdk import Context, Raw, Refused
from plugins.telephony.asterisk import columns
from plugins.telephony.asterisk.fold import cdr, cel, queuelog
from plugins.telephony.asterisk.fold.sessions import epoch_of
from plugins.telephony.asterisk.groups import Groups
from plugins.telephony.asterisk.keep import FIELDS, VARIABLES, kept, worth_reading
from plugins.telephony.asterisk.settings import Settings
from plugins.telephony.asterisk.wire import Decoder, NotAmi, Packet, event_of, read_fields

_CHUNK = 1 << 20
_UTC = ZoneInfo("UTC")
_APART = 20_000
"""Rows of one call lie near each other in a file; a call whose last row is this many rows back is complete."""
_NEEDS_CLOCK = (
    "packets carry no Timestamp, so nobody knows when they came; set timestampevents = yes in manager.conf, "
    "or import ami.jsonl, which has the moment of receipt"
)


def read(file: Path, name: str, settings: Settings, context: Context) -> Iterable[Raw | Refused]:
    """The raws of a recording's folder, or of one file of it: packets, CDR, CEL or queue_log. See README.md."""
    del context
    if file.is_dir():
        yield from _folder(file, settings)
        return
    shown = name or file.name
    kind = _kind(file, shown)
    if kind == "ami":
        collected = _Collected()
        yield from collected.recording(file, shown)
        yield from collected.raws()
    elif kind == "cel":
        yield from _cel(file, shown, {})
    elif kind == "queue_log":
        yield from _queue_log(file, shown, {})
    elif kind == "cdr":
        yield from _cdr(file, shown, settings, {})
    else:
        yield Refused(shown, kind)


def _folder(folder: Path, settings: Settings) -> Iterator[Raw | Refused]:
    collected = _Collected()
    found = _recording_of(folder)
    if found is not None:
        yield from collected.recording(found, found.name)
    names = collected.names()
    yield from collected.raws()
    rows = _first(folder, "cdr.csv", "cdr.csv.gz", "Full.csv", "Master.csv", "cdr_master.csv")
    if rows is not None:
        yield from _cdr(rows, rows.name, settings, names)
    log = _first(folder, "cel.csv", "cel.csv.gz")
    if log is not None:
        yield from _cel(log, log.name, names)
    queue = _first(folder, "queue_log", "queue_log.gz")
    if queue is not None:
        yield from _queue_log(queue, queue.name, names)
    if found is None and rows is None and log is None:
        yield Refused(
            str(folder), "no ami.raw, ami.jsonl, cdr.csv or cel.csv (each may be .gz) in this folder; name a file instead"
        )


def _first(folder: Path, *names: str) -> Path | None:
    return next((folder / name for name in names if (folder / name).is_file()), None)


def _recording_of(folder: Path) -> Path | None:
    """`ami.raw`, or `ami.jsonl` where the packets have no clock of their own; one of the two is enough."""
    raw = _first(folder, "ami.raw", "ami.raw.gz")
    lines = _first(folder, "ami.jsonl", "ami.jsonl.gz")
    if raw is None or lines is None:
        return raw or lines
    return raw if _has_clock(raw) else lines


def _has_clock(file: Path) -> bool:
    with _open(file) as stream:
        head = stream.read(_CHUNK)
    events = head.count(b"\nEvent: ")
    return b"\nTimestamp: " in head or events < 3


def _open(file: Path) -> IO[bytes]:
    with file.open("rb") as probe:
        packed = probe.read(2) == b"\x1f\x8b"
    return cast(IO[bytes], gzip.open(file, "rb")) if packed else file.open("rb")


def _text(file: Path) -> TextIO:
    return io.TextIOWrapper(_open(file), encoding="utf-8-sig", errors="replace", newline="")


def _kind(file: Path, name: str) -> str:
    """Which of our formats a file has; otherwise a sentence for the operator."""
    with _open(file) as stream:
        head = stream.read(4096)
    text = head.decode("utf-8-sig", "replace")
    first = text.partition("\n")[0].strip()
    if "Asterisk Call Manager" in text[:200] or re.search(r"(?m)^(Event|Response): ", text):
        return "ami"
    if first.startswith("{") and '"fields"' in first:
        return "ami"
    if re.match(r"\d{9,11}(\.\d+)?\|[^|]*\|[^|]*\|", first):
        return "queue_log"
    row = next(csv.reader([first]), []) if first else []
    if columns.is_cel(row):
        return "cel"
    if "," in first or ";" in first:
        return "cdr"
    return (
        f"{name} is neither a recording of the manager interface, nor CDR, CEL or queue_log; "
        "its first line reads " + repr(first[:80])
    )


# The manager interface.


@dataclass(slots=True)
class _Session:
    """The packets between one greeting and the next."""

    name: str = ""
    since: int = 0
    until: int = 0


@dataclass(slots=True)
class _Collected:
    """Kept packets by group; groups that turned out to be one are joined at the end."""

    groups: Groups = field(default_factory=Groups)
    packets: dict[str, dict[str, list[list[Any]]]] = field(default_factory=dict)
    markers: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    root: dict[str, str] = field(default_factory=dict)
    session: _Session = field(default_factory=_Session)
    boot: int = 0
    until: int = 0
    _pending: list[tuple[int, str, Packet]] = field(default_factory=list)

    def recording(self, file: Path, shown: str) -> Iterator[Refused]:
        """Take in a file; what it cannot give is yielded, what stands before that is used."""
        with _open(file) as stream:
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
                more = stream.read(_CHUNK)
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
            yield Refused(
                f"{shown} byte {decoder.offset}", "the last packet is cut off; everything before it is used"
            )
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
        with _text(file) as stream:
            number = 0
            try:
                for number, line in enumerate(stream, 1):
                    if _dull(line):
                        continue
                    try:
                        item = json.loads(line)
                        pairs, received = item["fields"], float(item["recv"])
                    except (ValueError, KeyError, TypeError):
                        if line.strip():
                            yield Refused(f"{shown} line {number}", "is not a packet; the line is left out")
                        continue
                    packet: Packet = {}
                    for key, value in pairs:
                        packet.setdefault(str(key).lower(), str(value))
                    stamp = packet.get("timestamp", "")
                    at = int(float(stamp) * 1000) if stamp.replace(".", "", 1).isdigit() else int(received * 1000)
                    if packet.get("message") == "Authentication accepted":
                        self._greeted()
                    event = packet.get("event", "")
                    if event in _KEPT_NAMES:
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
        fields = kept(event, packet)
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
                yield Raw("ami", f"{session}/{packets[0][0]}-{_digest(payload)}", payload, root, others)
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


_KEPT_NAMES = frozenset(FIELDS)


def _digest(payload: object) -> str:
    return hashlib.sha256(json.dumps(payload, separators=(",", ":")).encode()).hexdigest()[:12]


# Rows.


@dataclass(slots=True)
class _Rows:
    """Rows by group, given out when their call is certainly over in the file."""

    kind: str
    names: Mapping[str, str]
    rows: dict[str, list[Mapping[str, str]]] = field(default_factory=dict)
    touched: dict[str, int] = field(default_factory=dict)
    joins: dict[str, dict[str, None]] = field(default_factory=dict)
    count: int = 0

    def add(self, group: str, row: Mapping[str, str], joins: Iterable[str] = ()) -> Iterator[Raw]:
        """Take in a row; gives out the calls that are over. joins: groups that the row shows to be the same call."""
        root = self.names.get(group, group)
        self.joins.setdefault(root, {}).update(dict.fromkeys(joins))
        self.rows.setdefault(root, []).append(row)
        self.count += 1
        self.touched.pop(root, None)
        self.touched[root] = self.count
        if root != group:
            self.joins[root][group] = None
        while self.touched:
            oldest = next(iter(self.touched))
            if self.count - self.touched[oldest] < _APART:
                break
            yield self.give(oldest)

    def give(self, root: str) -> Raw:
        self.touched.pop(root)
        rows = self.rows.pop(root)
        payload = {"rows": rows}
        joins = tuple(group for group in self.joins.pop(root) if group != root)
        return Raw(self.kind, f"{root}/{_digest(payload)}", payload, root, joins)

    def rest(self) -> Iterator[Raw]:
        for root in list(self.touched):
            yield self.give(root)


def _cdr(file: Path, shown: str, settings: Settings, names: Mapping[str, str]) -> Iterator[Raw | Refused]:
    zone, collected = ZoneInfo(settings.timezone), _Rows("cdr", names)
    beside: list[tuple[int, int]] = []
    halves: dict[str, str] = {}
    shared = cdr.Shared(zone)
    with _text(file) as stream:
        for item in columns.cdr_rows(stream, shown):
            if isinstance(item, Refused):
                yield item
                continue
            start, epoch = cdr.local_time(item.get("start", ""), zone), epoch_of(item.get("uniqueid", ""))
            if start is not None and epoch is not None:
                beside.append((start, epoch))
            group = _cdr_group(item, halves)
            yield from collected.add(group, item, shared.joins(group, item))
    yield from collected.rest()
    offset = cdr.zone_offset(beside)
    if offset is not None:
        hours = offset.total_seconds() / 3600
        yield Refused(
            shown,
            f"wrong zone: times lie {hours:+g} h beside the ids of the channels; "
            f"timezone = {settings.timezone!r} of this connection is not the PBX's",
        )


def _cdr_group(row: Mapping[str, str], halves: dict[str, str]) -> str:
    """The call of a row: its linkedid; without one its channel's id, Local channels tied by their name."""
    if row.get("linkedid"):
        return row["linkedid"]
    group = row.get("uniqueid") or f"{row['channel']} {row.get('start', '')[:10]}"
    for name in (row.get("channel", ""), row.get("dstchannel", "")):
        if name.startswith("Local/"):
            group = halves.setdefault(name.rpartition(";")[0], group)
    return group


def _cel(file: Path, shown: str, names: Mapping[str, str]) -> Iterator[Raw | Refused]:
    collected, groups = _Rows("cel", names), Groups()
    with _text(file) as stream:
        for item in columns.cel_rows(stream, shown):
            if isinstance(item, Refused):
                yield item
            elif item.get("eventtype") in cel.KEPT and item.get("linkedid"):
                event = next(iter(cel.events([item], _UTC, None)), None)
                joins = groups.assign(event.name, event.fields)[1] if event else ()
                yield from collected.add(item["linkedid"], item, joins)
    yield from collected.rest()


def _queue_log(file: Path, shown: str, names: Mapping[str, str]) -> Iterator[Raw | Refused]:
    collected = _Rows("queue_log", names)
    with _text(file) as stream:
        for number, line in enumerate(stream, 1):
            parts = line.rstrip("\r\n").split("|")
            if len(parts) < 5:
                if line.strip():
                    yield Refused(f"{shown} line {number}", "is not a line of queue_log (epoch|callid|queue|agent|event|…)")
                continue
            at, callid, queue, agent, event = parts[:5]
            if event in queuelog.KEPT and at.replace(".", "", 1).isdigit():
                row = {"at": at, "callid": callid, "queue": queue, "agent": agent, "event": event}
                row |= {f"data{index}": value for index, value in enumerate(parts[5:], 1) if value}
                yield from collected.add(callid, row)
    yield from collected.rest()
