"""What is in a recording or a file of call records? Raws for `crmhub import`, one a call and source."""

from __future__ import annotations

import csv
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from zoneinfo import ZoneInfo

from hub.sdk import Context, Raw, Refused
from plugins.telephony.asterisk import columns
from plugins.telephony.asterisk.fold import cdr, cel, queuelog
from plugins.telephony.asterisk.fold.sessions import epoch_of
from plugins.telephony.asterisk.groups import Groups
from plugins.telephony.asterisk.recording import CHUNK, Recording, digest, opened, text_of
from plugins.telephony.asterisk.settings import Settings

_UTC = ZoneInfo("UTC")
_APART = 20_000
"""Rows of one call lie near each other in a file; a call whose last row is this many rows back is complete."""


def read(file: Path, name: str, settings: Settings, context: Context) -> Iterable[Raw | Refused]:
    """The raws of a recording's folder, or of one file of it: packets, CDR, CEL or queue_log. See README.md."""
    del context
    if file.is_dir():
        yield from _folder(file, settings)
        return
    shown = name or file.name
    kind = _kind(file, shown)
    if kind == "ami":
        collected = Recording()
        yield from collected.take(file, shown)
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
    collected = Recording()
    found = _recording_of(folder)
    if found is not None:
        yield from collected.take(found, found.name)
    names, whole = collected.names(), collected.whole()
    yield from collected.raws()
    rows = _first(folder, "cdr.csv", "cdr.csv.gz", "Full.csv", "Master.csv", "cdr_master.csv")
    if rows is not None:
        yield from _cdr(rows, rows.name, settings, names)
    log = _first(folder, "cel.csv", "cel.csv.gz")
    if log is not None:
        yield from _cel(log, log.name, names, whole)
    queue = _first(folder, "queue_log", "queue_log.gz")
    if queue is not None:
        yield from _queue_log(queue, queue.name, names)
    if found is None and rows is None and log is None:
        yield Refused(
            str(folder),
            "no ami.raw, ami.jsonl, cdr.csv or cel.csv (each may be .gz) in this folder; name a file instead",
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
    with opened(file) as stream:
        head = stream.read(CHUNK)
    events = head.count(b"\nEvent: ")
    return b"\nTimestamp: " in head or events < 3


def _kind(file: Path, name: str) -> str:
    """Which of our formats a file has; otherwise a sentence for the operator."""
    with opened(file) as stream:
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
        return Raw(self.kind, f"{root}/{digest(payload)}", payload, root, joins)

    def rest(self) -> Iterator[Raw]:
        for root in list(self.touched):
            yield self.give(root)


def _cdr(file: Path, shown: str, settings: Settings, names: Mapping[str, str]) -> Iterator[Raw | Refused]:
    zone, collected = ZoneInfo(settings.timezone), _Rows("cdr", names)
    beside: list[tuple[int, int]] = []
    halves: dict[str, str] = {}
    shared = cdr.Shared(zone)
    with text_of(file) as stream:
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


def _cel(file: Path, shown: str, names: Mapping[str, str], whole: Collection[str] = ()) -> Iterator[Raw | Refused]:
    """Rows of the event log, those of calls left out that the packets beside it tell from end to end."""
    collected, groups = _Rows("cel", names), Groups()
    with text_of(file) as stream:
        for item in columns.cel_rows(stream, shown):
            if isinstance(item, Refused):
                yield item
            elif item.get("eventtype") in cel.KEPT and item.get("linkedid") and item["linkedid"] not in whole:
                event = next(iter(cel.events([item], _UTC, None)), None)
                joins = groups.assign(event.name, event.fields)[1] if event else ()
                yield from collected.add(item["linkedid"], item, joins)
    yield from collected.rest()


def _queue_log(file: Path, shown: str, names: Mapping[str, str]) -> Iterator[Raw | Refused]:
    collected = _Rows("queue_log", names)
    with text_of(file) as stream:
        for number, line in enumerate(stream, 1):
            parts = line.rstrip("\r\n").split("|")
            if len(parts) < 5:
                if line.strip():
                    yield Refused(
                        f"{shown} line {number}", "is not a line of queue_log (epoch|callid|queue|agent|event|…)"
                    )
                continue
            at, callid, queue, agent, event = parts[:5]
            if event in queuelog.KEPT and at.replace(".", "", 1).isdigit():
                row = {"at": at, "callid": callid, "queue": queue, "agent": agent, "event": event}
                row |= {f"data{index}": value for index, value in enumerate(parts[5:], 1) if value}
                yield from collected.add(callid, row)
    yield from collected.rest()
