"""What does a channel event log row say, in the words of the manager interface?"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from plugins.telephony.asterisk.fold.moments import Event, Hole
from plugins.telephony.asterisk.fold.trace import Dial, Trace
from plugins.telephony.asterisk.fold.who import destinations, endpoint
from plugins.telephony.asterisk.keep import APPLICATIONS
from plugins.telephony.asterisk.wire import Packet

_OUTGOING = frozenset({"AppDial", "AppDial2", "AppQueue"})
_EARLY = 100
"""CEL and the manager interface tell the same moment within this, in ms."""
Row = Mapping[str, str]


def events(rows: Iterable[Row], zone: ZoneInfo, holes: Sequence[Hole] | None) -> list[Event]:
    """The rows as events; with holes only what falls into one, for elsewhere the packets know it exactly."""
    timed = [(at, row) for row in rows if (at := time_of(row.get("eventtime", ""), zone)) is not None]
    timed.sort(key=lambda pair: pair[0])
    found: list[Event] = []
    running: dict[str, tuple[str, str]] = {}
    for at, row in timed:
        if holes is None or _inside(at, holes):
            found.extend(_translated(at, row))
            found.extend(_running(at, row, running))
    return found


def _running(at: int, row: Row, running: dict[str, tuple[str, str]]) -> Iterator[Event]:
    """What a channel runs, where a row shows it anew: a Dial() that follows a Dial() gets no APP_START of its own."""
    uid, name, argument = row.get("uniqueid", ""), row.get("appname", ""), row.get("appdata", "")
    if not name or running.get(uid) == (name, argument) or row.get("eventtype") == "HANGUP":
        return
    running[uid] = (name, argument)
    if name.lower() in APPLICATIONS:
        yield Event(
            at,
            "CEL",
            {
                "uniqueid": uid,
                "linkedid": row.get("linkedid", ""),
                "channel": row.get("channame", ""),
                "application": name,
                "appdata": argument,
                "context": row.get("context", ""),
            },
        )


def tie(trace: Trace) -> None:
    """Find out who called a channel: the one whose Dial() names it. CEL tells no dials."""
    dials = [
        (step.at, caller.uid, destination)
        for caller in trace.channels.values()
        for step in caller.steps
        if step.application == "dial"
        for destination in destinations(step.argument)
    ]
    for channel in trace.channels.values():
        if not channel.outgoing or channel.dial is not None:
            continue
        device = endpoint(channel.name)
        callers = [
            (at, uid)
            for at, uid, destination in dials
            if destination.device == device and uid != channel.uid and at <= channel.seen_at + 50
        ]
        if callers:
            channel.dial = Dial(max(callers)[1], channel.born_at or channel.seen_at)


def _inside(at: int, holes: Sequence[Hole]) -> bool:
    return any(hole.since - _EARLY <= at and (hole.to is None or at <= hole.to + _EARLY) for hole in holes)


def time_of(text: str, zone: ZoneInfo) -> int | None:
    """Milliseconds of `epoch.µs` or of a local time; None where it is neither."""
    if not text:
        return None
    if text[0].isdigit() and text.replace(".", "", 1).isdigit():
        return int(float(text) * 1000)
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        return None
    if parsed.tzinfo is None:
        parsed = parsed.replace(tzinfo=zone)
    return int(parsed.timestamp() * 1000)


def _translated(at: int, row: Row) -> Iterator[Event]:
    rule = _RULES.get(row.get("eventtype", ""))
    if rule is None:
        return
    who = {"uniqueid": row.get("uniqueid", ""), "linkedid": row.get("linkedid", ""), "channel": row.get("channame", "")}
    extra = _extra(row)
    if row.get("appname") in _OUTGOING:
        yield Event(at, "Outgoing", who)
    if row.get("appname") == "AppDial2":
        yield Event(at, "Shown", {**who, "shown": row.get("cid_num", "")})
    for name, fields in rule(row, who, extra):
        yield Event(at, name, fields)


def _extra(row: Row) -> Mapping[str, Any]:
    text = row.get("extra", "")
    if not text.startswith("{"):
        return {}
    try:
        value = json.loads(text)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _text(extra: Mapping[str, Any], key: str) -> str:
    value = extra.get(key)
    return "" if value is None else str(value)


_Told = Iterable[tuple[str, Packet]]


def _start(row: Row, who: Packet, _extra: Mapping[str, Any]) -> _Told:
    yield (
        "Newchannel",
        {
            **who,
            "exten": row.get("exten", ""),
            "context": row.get("context", ""),
            "calleridnum": row.get("cid_num", ""),
        },
    )
    if row.get("exten") == "s" and not who["channel"].startswith("Local/") and who["uniqueid"] != who["linkedid"]:
        yield "Outgoing", who  # the state, which packets tell, is not in a row


def _nothing(_row: Row, _who: Packet, _extra: Mapping[str, Any]) -> _Told:
    return ()


def _answer(_row: Row, who: Packet, _extra: Mapping[str, Any]) -> _Told:
    yield "Newstate", {**who, "channelstate": "6"}


def _hangup(_row: Row, who: Packet, extra: Mapping[str, Any]) -> _Told:
    if _text(extra, "hangupsource") == who["channel"]:
        yield "HangupRequest", who
    yield "Hangup", {**who, "cause": _text(extra, "hangupcause"), "source": _text(extra, "hangupsource")}


def _enter(_row: Row, who: Packet, extra: Mapping[str, Any]) -> _Told:
    yield (
        "BridgeEnter",
        {
            **who,
            "bridgeuniqueid": _text(extra, "bridge_id"),
            "bridgetechnology": _text(extra, "bridge_technology"),
        },
    )


def _exit(_row: Row, who: Packet, extra: Mapping[str, Any]) -> _Told:
    yield "BridgeLeave", {**who, "bridgeuniqueid": _text(extra, "bridge_id")}


def _blind(_row: Row, who: Packet, extra: Mapping[str, Any]) -> _Told:
    yield (
        "BlindTransfer",
        {
            **_as("transferer", who),
            "extension": _text(extra, "extension"),
            "context": _text(extra, "context"),
            "transfereeuniqueid": _text(extra, "transferee_channel_uniqueid"),
            "transfereechannel": _text(extra, "transferee_channel_name"),
        },
    )


def _attended(_row: Row, who: Packet, extra: Mapping[str, Any]) -> _Told:
    yield (
        "AttendedTransfer",
        {
            **_as("origtransferer", who),
            "secondtransfereruniqueid": _text(extra, "channel2_uniqueid"),
            "secondtransfererchannel": _text(extra, "channel2_name"),
            "transfereeuniqueid": _text(extra, "transferee_channel_uniqueid"),
            "transfereechannel": _text(extra, "transferee_channel_name"),
            "transfertargetuniqueid": _text(extra, "transfer_target_channel_uniqueid"),
            "transfertargetchannel": _text(extra, "transfer_target_channel_name"),
        },
    )


def _picked(_row: Row, who: Packet, extra: Mapping[str, Any]) -> _Told:
    yield (
        "Pickup",
        {
            **_as("target", who),
            "uniqueid": _text(extra, "pickup_channel_uniqueid"),
            "channel": _text(extra, "pickup_channel"),
        },
    )


def _parked(_row: Row, who: Packet, extra: Mapping[str, Any]) -> _Told:
    yield "ParkedCall", {**_as("parkee", who), "parkerdialstring": _text(extra, "parker_dial_string")}


def _unparked(_row: Row, who: Packet, extra: Mapping[str, Any]) -> _Told:
    if _text(extra, "retriever"):
        yield "UnParkedCall", {**_as("parkee", who), "retrieverchannel": _text(extra, "retriever")}


def _forward(_row: Row, who: Packet, extra: Mapping[str, Any]) -> _Told:
    yield "DialEnd", {**_as("dest", who), "dialstatus": "NOANSWER", "forward": _text(extra, "forward")}


def _as(role: str, who: Packet) -> Packet:
    return {role + key: value for key, value in who.items()}


_RULES: Mapping[str, Callable[[Row, Packet, Mapping[str, Any]], _Told]] = {
    "CHAN_START": _start,
    "ANSWER": _answer,
    "HANGUP": _hangup,
    "BRIDGE_ENTER": _enter,
    "BRIDGE_EXIT": _exit,
    "APP_START": _nothing,
    "BLINDTRANSFER": _blind,
    "ATTENDEDTRANSFER": _attended,
    "PICKUP": _picked,
    "PARK_START": _parked,
    "PARK_END": _unparked,
    "FORWARD": _forward,
}
KEPT = frozenset(_RULES)
"""Event types that say something to the fold; LINKEDID_END and the others end nothing that HANGUP did not."""
