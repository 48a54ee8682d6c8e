"""Which column of a CDR or CEL file is which? With a header by name, without one by the known layouts."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from hub.sdk import Refused

_CUSTOM = (
    "start",
    "answer",
    "end",
    "clid",
    "src",
    "dst",
    "dcontext",
    "channel",
    "dstchannel",
    "lastapp",
    "lastdata",
    "duration",
    "billsec",
    "disposition",
    "amaflags",
    "accountcode",
    "peeraccount",
    "uniqueid",
    "linkedid",
    "sequence",
    "userfield",
    "did",
    "recordingfile",
)
_MASTER = (
    "accountcode",
    "src",
    "dst",
    "dcontext",
    "clid",
    "channel",
    "dstchannel",
    "lastapp",
    "lastdata",
    "start",
    "answer",
    "end",
    "duration",
    "billsec",
    "disposition",
    "amaflags",
    "uniqueid",
    "userfield",
    "peeraccount",
    "linkedid",
    "sequence",
)
_FREEPBX = (
    "calldate",
    "clid",
    "src",
    "dst",
    "dcontext",
    "channel",
    "dstchannel",
    "lastapp",
    "lastdata",
    "duration",
    "billsec",
    "disposition",
    "amaflags",
    "accountcode",
    "uniqueid",
    "userfield",
    "did",
    "recordingfile",
    "cnum",
    "cnam",
    "outbound_cnum",
    "outbound_cnam",
    "dst_cnam",
    "linkedid",
    "peeraccount",
    "sequence",
)
_CEL = (
    "eventtype",
    "eventtime",
    "cid_name",
    "cid_num",
    "cid_ani",
    "cid_rdnis",
    "cid_dnid",
    "exten",
    "context",
    "channame",
    "appname",
    "appdata",
    "amaflags",
    "accountcode",
    "uniqueid",
    "linkedid",
    "peer",
    "userfield",
    "userdeftype",
    "extra",
)
_NAMES = {
    "calldate": "start",
    "starttime": "start",
    "answerdate": "answer",
    "answertime": "answer",
    "hangupdate": "end",
    "endtime": "end",
    "enddate": "end",
    "callerid": "clid",
    "source": "src",
    "destination": "dst",
    "destinationcontext": "dcontext",
    "destinationchannel": "dstchannel",
    "lastapplication": "lastapp",
    "billableseconds": "billsec",
}
_CEL_NAMES = {"channel": "channame", "eventname": "eventtype", "application": "appname", "cid_num": "cid_num"}
_WANTED = frozenset(
    {
        "start",
        "answer",
        "end",
        "src",
        "dst",
        "dcontext",
        "channel",
        "dstchannel",
        "lastapp",
        "lastdata",
        "duration",
        "billsec",
        "disposition",
        "uniqueid",
        "linkedid",
        "sequence",
        "did",
        "recordingfile",
        "cnum",
    }
)
_CEL_WANTED = frozenset(
    {
        "eventtype",
        "eventtime",
        "cid_num",
        "exten",
        "context",
        "channame",
        "appname",
        "appdata",
        "uniqueid",
        "linkedid",
        "extra",
    }
)
_NEEDED = ("start", "channel", "disposition")
_TIME = re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d|\d{9,10}(\.\d+)?")
_DISPOSITIONS = frozenset({"ANSWERED", "NO ANSWER", "NO_ANSWER", "BUSY", "FAILED", "CONGESTION", "CANCEL"})
_WHAT_TO_DO = (
    "known are cdr_custom with linkedid (23 columns, README.md), the stock Master.csv and FreePBX's table; "
    "give the file a first line with the names of its columns"
)


def cdr_rows(stream: Iterable[str], shown: str) -> Iterator[Mapping[str, str] | Refused]:
    """The rows of a CDR file, columns by their usual names; a layout that is not known is refused once."""
    lines = iter(stream)
    first = next(lines, "")
    delimiter = ";" if first.count(";") > first.count(",") else ","
    layout: Sequence[str] | None = None
    for number, row in enumerate(csv.reader(_chain(first, lines), delimiter=delimiter), 1):
        if not any(cell.strip() for cell in row):
            continue
        if layout is None:
            header = _header(row)
            layout = header or _layout(row)
            if layout is None or not set(_NEEDED) <= set(layout):
                missing = ", ".join(name for name in _NEEDED if name not in (layout or ()))
                yield Refused(
                    f"{shown} line {number}",
                    f"{len(row)} columns of an unknown layout (not found: {missing}); {_WHAT_TO_DO}",
                )
                return
            if header:
                continue
        read = {name: cell.strip() for name, cell in zip(layout, row, strict=False) if cell.strip() and name in _WANTED}
        problem = _problem(read, len(row), len(layout))
        if problem:
            yield Refused(f"{shown} line {number}", problem)
        else:
            yield read


def _chain(first: str, rest: Iterable[str]) -> Iterator[str]:
    yield first
    yield from rest


def _header(row: Sequence[str]) -> list[str] | None:
    names = [_NAMES.get(cell.strip().lower(), cell.strip().lower()) for cell in row]
    return names if {"channel", "disposition"} <= set(names) or "dstchannel" in names else None


def _layout(row: Sequence[str]) -> Sequence[str] | None:
    for layout in (_CUSTOM, _MASTER, _FREEPBX):
        if len(row) <= len(layout) and _fits(layout, row):
            return [_NAMES.get(name, name) for name in layout]
    return None


def _fits(layout: Sequence[str], row: Sequence[str]) -> bool:
    cells = dict(zip((_NAMES.get(name, name) for name in layout), row, strict=False))
    return (
        bool(_TIME.fullmatch(cells.get("start", "").strip()))
        and cells.get("disposition", "").strip().upper() in _DISPOSITIONS
        and "/" in cells.get("channel", "")
    )


def _problem(row: Mapping[str, str], cells: int, columns: int) -> str:
    if not _TIME.match(row.get("start", "")):
        return f"start {row.get('start', '')!r} is not a time such as 2026-03-10 10:00:42"
    if "channel" not in row:
        return f"no channel in a row of {cells} columns, {columns} were expected"
    if row.get("disposition", "").upper() not in _DISPOSITIONS:
        return f"disposition {row.get('disposition', '')!r} is none of {', '.join(sorted(_DISPOSITIONS))}"
    return ""


def named(row: Mapping[str, str]) -> Mapping[str, str]:
    """A row of a table under the names that the fold knows, without what it does not read."""
    wanted = _CEL_WANTED if "eventtype" in row else _WANTED
    names = _CEL_NAMES if "eventtype" in row else _NAMES
    return {names.get(key, key): value for key, value in row.items() if value and names.get(key, key) in wanted}


def is_cel(row: Sequence[str]) -> bool:
    """Does a first row look like one of a channel event log?"""
    names = {cell.strip().lower() for cell in row}
    return "eventtype" in names or (bool(row) and row[0].strip() in _CEL_TYPES and len(row) >= 16)


_CEL_TYPES = frozenset(
    {
        "CHAN_START",
        "CHAN_END",
        "ANSWER",
        "HANGUP",
        "BRIDGE_ENTER",
        "BRIDGE_EXIT",
        "APP_START",
        "APP_END",
        "PARK_START",
        "PARK_END",
        "BLINDTRANSFER",
        "ATTENDEDTRANSFER",
        "PICKUP",
        "FORWARD",
        "LINKEDID_END",
        "LOCAL_OPTIMIZE",
        "LOCAL_OPTIMIZE_BEGIN",
        "USER_DEFINED",
    }
)


def cel_rows(stream: Iterable[str], shown: str) -> Iterator[Mapping[str, str] | Refused]:
    """The rows of a channel event log."""
    layout: Sequence[str] | None = None
    for number, row in enumerate(csv.reader(stream), 1):
        if not any(row):
            continue
        if layout is None:
            names = [_CEL_NAMES.get(cell.strip().lower(), cell.strip().lower()) for cell in row]
            if "eventtype" in names:
                layout = names
                continue
            layout = _CEL if len(row) >= len(_CEL) else _without_userdeftype(row)
        if len(row) < len(layout) - 1:
            yield Refused(
                f"{shown} line {number}", f"{len(row)} columns where CEL has {len(layout)}; the line is left out"
            )
            continue
        yield {name: cell for name, cell in zip(layout, row, strict=False) if cell and name in _CEL_WANTED}


def _without_userdeftype(row: Sequence[str]) -> Sequence[str]:
    if len(row) == len(_CEL) - 1:
        return (*_CEL[:18], "extra")
    return _CEL
