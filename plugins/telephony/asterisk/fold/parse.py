"""Which calls does one group of raws tell? All its streams together, each where it is the best witness."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, cast
from zoneinfo import ZoneInfo

from hub.sdk import Call, Context, Malformed, Stored
from plugins.telephony.asterisk.fold import cdr, cel, queuelog
from plugins.telephony.asterisk.fold.call import call
from plugins.telephony.asterisk.fold.moments import Event, Hole, of_packets
from plugins.telephony.asterisk.fold.sessions import sessions
from plugins.telephony.asterisk.fold.trace import Trace
from plugins.telephony.asterisk.fold.who import Site
from plugins.telephony.asterisk.settings import Settings

_BLINK = 1_500
"""Recordings that follow each other within this, in ms, are one; a stream that broke says itself from when to when."""


def parse(items: Sequence[Stored], settings: Settings, context: Context) -> Iterable[Call]:
    """The calls of one group. Pure; the order of the items and their repetition change nothing."""
    for item in items:
        _check(item)
    site = site_of(settings, context)
    zone = ZoneInfo(settings.timezone)
    payloads = [cast(Mapping[str, Any], item.payload) for item in items if item.kind == "ami"]
    packets = of_packets(payloads)
    holes = _holes([item for item in items if item.kind == "gap"], payloads)
    rows = _unique(row for item in items if item.kind == "cdr" for row in item.payload["rows"])
    rows += cdr.of_events(event.fields for event in packets if event.name == "Cdr")
    cel_rows = _unique(row for item in items if item.kind == "cel" for row in item.payload["rows"])
    lines = _unique(row for item in items if item.kind == "queue_log" for row in item.payload["rows"])
    return list(fold(packets, holes, cel_rows, rows, lines, site, zone))


def _check(item: Stored) -> None:
    """Raise Malformed where a payload is not what this plugin's streams and files make."""
    payload = item.payload
    good = isinstance(payload, dict)
    if good and item.kind == "ami":
        packets = payload.get("p")
        good = (
            isinstance(payload.get("s"), str) and payload["s"].partition("-")[0].isdigit() and isinstance(packets, list)
        )
        good = good and all(
            isinstance(packet, list | tuple)
            and len(packet) == 4
            and isinstance(packet[1], int)
            and isinstance(packet[3], dict)
            for packet in packets
        )
    elif good and item.kind == "gap":
        good = isinstance(payload.get("from"), int) and isinstance(payload.get("to"), int | None)
    elif good:
        rows = payload.get("rows")
        good = isinstance(rows, list) and all(isinstance(row, dict) for row in rows)
    if not good:
        raise Malformed(f"{item.kind} {item.id}: not a payload of this plugin; it was {str(payload)[:80]!r}")


def fold(
    packets: Sequence[Event],
    holes: Sequence[Hole],
    cel_rows: Sequence[Mapping[str, str]],
    cdr_rows: Sequence[Mapping[str, str]],
    lines: Sequence[Mapping[str, str]],
    site: Site,
    zone: ZoneInfo,
) -> Iterable[Call]:
    """The calls that these facts of one group tell."""
    told = [event for event in packets if event.name != "Cdr"]
    seen_live = bool(told)
    from_cel = cel.events(cel_rows, zone, holes if seen_live else None)
    events = sorted([*told, *from_cel], key=lambda event: event.at) if from_cel else told
    trace = Trace()
    trace.apply(events)
    trace.finish(holes)
    if from_cel:
        cel.tie(trace)
    trace.restarted = any(hole.restart for hole in holes) and any(c.crashed for c in trace.channels.values())
    filled = cdr.fill(trace, cdr_rows, site, zone, () if from_cel else holes, queuelog.connects(lines))
    queuelog.fill(trace, lines)
    if not trace.channels:
        return
    for session in sessions(trace, site):
        yield call(session, trace, site, repaired=bool(from_cel) or filled or not seen_live)


def _holes(markers: Sequence[Stored], payloads: Sequence[Mapping[str, Any]]) -> list[Hole]:
    """When nobody listened: before the first session, at each marked gap, after the last.

    A session is named by its beginning on our clock; where the PBX's packets are older than that, its clock is behind
    ours, and the first of them is the beginning.
    """
    covered: dict[int, tuple[int, int]] = {}
    for payload in payloads:
        name = int(payload["s"].partition("-")[0])
        times = [packet[1] for packet in payload["p"]] or [name]
        since, to = covered.get(name, (name, 0))
        covered[name] = (min(since, *times), max(to, *times))
    starts = sorted(since for since, _ in covered.values())
    found: list[Hole] = [Hole(0, starts[0])] if starts else []
    holes = {Hole(item.payload["from"], item.payload["to"], bool(item.payload.get("restart"))) for item in markers}
    for hole in sorted(holes, key=lambda one: (one.since, one.to or 0)):
        since = max([hole.since, *(to for start, to in covered.values() if start <= hole.since)])
        later = [start for start in starts if start > since]
        until = (later[0] if later else None) if hole.to is None else covered.get(hole.to, (hole.to, 0))[0]
        if hole.restart or until is None or until - since >= (_BLINK if hole.to is None else 1):
            found.append(replace(hole, since=hole.since if hole.restart else since, to=until))
    return found


def _unique(rows: Iterable[Mapping[str, str]]) -> list[Mapping[str, str]]:
    return list({tuple(sorted(row.items())): row for row in rows}.values())


def site_of(settings: Settings, context: Context) -> Site:
    """What the connection's settings and the hub's team say about the PBX."""
    return Site(
        connection=context.connection,
        trunks=tuple(settings.trunk_channels),
        country=settings.country or context.country,
        prefix=settings.outbound_prefix,
        company=settings.company_number,
        team=context.team,
        queues=settings.queues,
    )
