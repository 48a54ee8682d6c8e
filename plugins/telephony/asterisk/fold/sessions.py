"""Which client sessions does a group hold, and which channels take part in each?"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from hub.sdk import Handle
from plugins.telephony.asterisk.fold.trace import Channel, Trace
from plugins.telephony.asterisk.fold.who import Destination, Site, destinations, dialled, endpoint

_LONG = 7
"""Digits of a number that is more than an extension."""
_BORN = re.compile(r"(?:.*-)?(\d{9,11})\.(\d+)")


@dataclass(slots=True)
class Session:
    """What one client (or two of us, internally) lived through.

    id: the Linkedid of its root. clients: the client's own channels, in outbound calls one a try.
    channels: all that take part, consultations that were handed over included.
    """

    id: str
    direction: Literal["inbound", "outbound", "internal"]
    channels: list[Channel]
    first: Channel
    clients: list[Channel] = field(default_factory=list)
    client: Handle | None = None
    client_raw: str | None = None
    origin: Literal["manual", "click2call", "callback_widget"] | None = None
    foreign: list[Channel] = field(default_factory=list)
    """Channels of other sessions of the group, which the client may have been joined to."""


def sessions(trace: Trace, site: Site) -> list[Session]:
    """The sessions of a group in order of time; consultations that joined a client's call are part of it."""
    found = [_session(channels, trace, site) for channels in _sets(trace)]
    present = [one for one in found if one is not None]
    reached = any(one.clients for one in present)
    clients = [one for one in present if one.direction != "internal" and (one.clients or not reached)]
    internal = [one for one in present if one not in clients]  # a phone rung anew for a client who is here already
    if not clients:
        return _as_one(internal)
    for one in internal:
        owner = _related(one, clients, trace)
        owner.channels.extend(one.channels)
    for one in clients:
        one.foreign = [channel for other in clients if other is not one for channel in other.channels]
    return clients


def _as_one(internal: list[Session]) -> list[Session]:
    for other in internal[1:]:
        internal[0].channels.extend(other.channels)
    return internal[:1]


def _related(inner: Session, clients: Sequence[Session], trace: Trace) -> Session:
    """The client's session to which an internal call was handed: shared bridges and transfers tell."""
    if len(clients) == 1:
        return clients[0]
    uids = {channel.uid for channel in inner.channels}
    bridges = {stay.bridge for stay in trace.stays if stay.uid in uids}
    for handover in trace.handovers:
        named = {handover.by, handover.moved, handover.target, handover.consult}
        if named & uids:
            for one in clients:
                if named & {channel.uid for channel in one.channels}:
                    return one
    for one in clients:
        if any(stay.bridge in bridges and stay.uid in {c.uid for c in one.channels} for stay in trace.stays):
            return one
    return clients[0]


def _sets(trace: Trace) -> list[list[Channel]]:
    """Channels that belonged together from birth: one Linkedid, one dial, one Local channel."""
    root: dict[str, str] = {}

    def find(key: str) -> str:
        while root.setdefault(key, key) != key:
            key = root[key]
        return key

    def join(one: str, two: str) -> None:
        root[find(two)] = find(one)

    for channel in trace.channels.values():
        join(f"linkedid {channel.linkedid}", channel.uid)
        if channel.dial is not None and channel.dial.caller:
            join(channel.dial.caller, channel.uid)
    for one, two in trace.pairs.items():
        join(one, two)
    sets: dict[str, list[Channel]] = {}
    for channel in sorted(trace.channels.values(), key=birth):
        sets.setdefault(find(channel.uid), []).append(channel)
    return list(sets.values())


def birth(channel: Channel) -> tuple[int, int, int]:
    """When a channel came to be: told, else by the epoch and number that Asterisk puts into the id, else first seen."""
    found = _BORN.fullmatch(channel.uid)
    number = int(found.group(2)) if found else 0
    if channel.born_at is not None:
        return channel.born_at, number, channel.order
    return (int(found.group(1)) * 1000 if found else channel.seen_at), number, channel.order


def epoch_of(uid: str) -> int | None:
    """The second of creation (in ms) inside a Uniqueid, None where the originator chose the text."""
    found = _BORN.fullmatch(uid)
    return int(found.group(1)) * 1000 if found else None


def _session(channels: list[Channel], trace: Trace, site: Site) -> Session | None:
    real = [channel for channel in channels if site.kind(channel.name) in {"trunk", "phone"}]
    if not real:
        return None
    first = _root(real, trace, site)
    trunks = [channel for channel in real if site.kind(channel.name) == "trunk"]
    root = channels[0].linkedid
    if first in trunks and not first.outgoing:
        raw = first.number or None
        if first.known_by == "cdr" and raw and site.company and site.phone(raw) == site.phone(site.company):
            return Session(root, "outbound", channels, first, [first], None, None, "callback_widget")
        clients = [channel for channel in trunks if channel is first or channel.name == first.name]
        return Session(root, "inbound", channels, first, clients, site.phone(first.number) if raw else None, raw)
    outside = [channel for channel in trunks if not site.ours(number_of(channel, trace, site))]
    if outside:
        return _outbound(root, channels, outside, first, trace, site)
    if first.outgoing and not _called_by_phone(first, trace, site):
        return _never_dialled(root, channels, first, site)
    return Session(root, "internal", channels, first)


def _root(real: Sequence[Channel], trace: Trace, site: Site) -> Channel:
    """The first channel that nobody of the set called; times of CDR are too coarse to tell it alone."""
    own = {channel.uid for channel in real}
    callers = [
        channel for channel in real if (origin := origin_of(channel, trace, site)) is None or origin.uid not in own
    ]
    found = callers or list(real)
    coarse = [channel for channel in found if channel.known_by == "cdr" and birth(channel)[0] == birth(found[0])[0]]
    return min(coarse, key=lambda channel: site.kind(channel.name) == "trunk" and channel.outgoing, default=found[0])


def origin_of(channel: Channel, trace: Trace, site: Site) -> Channel | None:
    """The real channel on whose behalf this one was called, through any number of Local channels."""
    seen: set[str] = set()
    current = channel
    while current.dial is not None and current.dial.caller and current.uid not in seen:
        seen.add(current.uid)
        caller = trace.channels.get(current.dial.caller)
        if caller is None or site.kind(caller.name) != "local":
            return caller
        front = trace.channels.get(trace.partner(caller.uid) or "")
        if front is None:
            return None
        if front.dial is None:
            return _beside(front, trace, site)
        current = front
    return None


def _beside(front: Channel, trace: Trace, site: Site) -> Channel | None:
    """Who was first put into a bridge with a half of a Local channel that nobody dialled (feature-code transfer)."""
    for stay in trace.stays:
        if stay.uid == front.uid:
            for other in trace.stays:
                inside = other.bridge == stay.bridge and other.uid != front.uid
                channel = trace.channels[other.uid]
                if inside and site.kind(channel.name) in {"phone", "trunk"}:
                    return channel
    return None


def _outbound(
    root: str, channels: list[Channel], outside: list[Channel], first: Channel, trace: Trace, site: Site
) -> Session:
    raw = dialled_number(outside[0], trace)
    asked = _asked_for(first)
    if site.phone(raw) is None and site.phone(asked) is not None:
        raw = asked
    handle = site.phone(raw)
    same = [channel for channel in outside if site.phone(dialled_number(channel, trace)) in {handle, None}]
    if first is outside[0]:
        origin: Literal["manual", "click2call", "callback_widget"] = "callback_widget"
    else:
        origin = "click2call" if first.outgoing else "manual"
    shown = asked if first not in outside and site.phone(asked) == handle and asked else raw
    return Session(root, "outbound", channels, first, same or outside[:1], handle, shown or raw or None, origin)


def _never_dialled(root: str, channels: list[Channel], first: Channel, site: Site) -> Session | None:
    """Asterisk called one of us for somebody (Originate) and got no further: the client was never dialled."""
    for raw in _hints(first):
        handle = site.phone(raw)
        if handle is not None and not site.ours(handle) and handle != site.phone(site.company):
            return Session(root, "outbound", channels, first, [], handle, raw, "click2call")
    return Session(root, "internal", channels, first)


def _hints(first: Channel) -> Iterable[str]:
    if first.originated is not None:
        yield first.originated.get("exten", "")
    if first.dial is not None:
        yield first.dial.target
    yield first.connected
    if first.originated is not None:
        yield first.originated.get("calleridnum", "")
    yield first.number


def _called_by_phone(first: Channel, trace: Trace, site: Site) -> bool:
    """Was this phone called by a channel that is itself somebody, rather than by Asterisk or a Local channel?"""
    caller = trace.channels.get(first.dial.caller) if first.dial is not None else None
    return caller is not None and site.kind(caller.name) in {"trunk", "phone"}


def _asked_for(first: Channel) -> str:
    """What the manager's phone dialled, as the first channel's extension says."""
    if first.originated is not None and first.originated.get("exten", "") not in {"", "s"}:
        return first.originated["exten"]
    return "" if first.exten in {"", "s"} else first.exten


def dialled_number(channel: Channel, trace: Trace) -> str:
    """The number that a channel to the outside was told to call, as the dialplan wrote it; empty if nobody says."""
    if channel.dial is not None and (number := dialled(channel.dial.string)) and number != endpoint(channel.name):
        return number
    device = endpoint(channel.name)
    steps = [step for caller in trace.channels.values() for step in caller.steps if step.application == "dial"]
    for step in sorted(steps, key=lambda one: (one.at > channel.seen_at + 1_500, abs(one.at - channel.seen_at))):
        for target in destinations(step.argument):
            if target.number and target.device and _is_device(target, device):
                return target.number
    for step in steps:  # a row of CDR keeps the first Dial(), which may have been told another trunk
        for target in destinations(step.argument):
            if target.tech != "Local" and len(target.number) >= _LONG:
                return target.number
    if channel.dial is not None and channel.dial.target:
        return channel.dial.target
    return channel.number if channel.outgoing else ""


def _is_device(target: Destination, device: str) -> bool:
    return target.device == device or device.startswith(target.device) or target.device[:1] in {"g", "G", "r", "R"}


def number_of(channel: Channel, trace: Trace, site: Site) -> Handle | None:
    """The handle that a channel to the outside leads to."""
    return site.phone(dialled_number(channel, trace))
