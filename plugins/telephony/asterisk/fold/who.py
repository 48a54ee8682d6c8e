"""Who is a channel, and which number was dialled? It comes from the channel's name, never from the caller id."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal

from hub.sdk import Handle, read_number

Kind = Literal["trunk", "phone", "local", "pseudo"]
_PSEUDO = frozenset(
    {
        "surrogate",
        "message",
        "asyncgoto",
        "outgoingspoolfailed",
        "multicastrtp",
        "unicastrtp",
        "announcer",
        "cbann",
        "cbrec",
        "recorder",
        "confbridge",
        "bridge",
        "parked",
        "snoop",
        "console",
        "null",
        "mixmonitor",
        "bridge-park",
        "audiosocket",
        "websocket",
    }
)
_TECHNOLOGIES = frozenset(
    {
        "PJSIP",
        "SIP",
        "IAX2",
        "DAHDI",
        "ZAP",
        "LOCAL",
        "SCCP",
        "SKINNY",
        "MGCP",
        "OOH323",
        "H323",
        "MOTIF",
        "DONGLE",
        "QUECTEL",
        "KHOMP",
        "CONSOLE",
        "USBRADIO",
        "WEBSOCKET",
    }
)
_NOT_NUMBERS = frozenset({"", "s", "h", "t", "i", "o", "<unknown>"})


@dataclass(frozen=True, slots=True)
class Site:
    """What the administrator told us about the PBX.

    trunks: beginnings of channel names that are lines to the outside. prefix: what managers dial to get out.
    team: handles of our people. mobile numbers among them are members' phones even behind a trunk.
    """

    connection: str = ""
    trunks: tuple[str, ...] = ()
    country: str = "RU"
    prefix: str = ""
    company: str = ""
    team: Mapping[str, str] = field(default_factory=dict)
    queues: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def kind(self, name: str) -> Kind:
        """What a channel of this name is."""
        tech, _, rest = name.partition("/")
        if tech == "Local":
            return "local"
        if tech.lower() in _PSEUDO or not rest:
            return "pseudo"
        if self.trunks:
            return "trunk" if name.startswith(self.trunks) else "phone"
        return "phone" if re.fullmatch(r"\d{2,6}", endpoint(name)) else "trunk"

    def member(self, name: str, number: str = "") -> str:
        """`ext:…` of a phone's channel; its own number where only that is known to the team."""
        device = endpoint(name)
        short = number != device and number.isdigit() and len(number) <= 6
        return f"ext:{number}" if short and self._known(number) and not self._known(device) else f"ext:{device}"

    def _known(self, extension: str) -> bool:
        return f"ext:{self.connection}/{extension}" in self.team or any(
            extension in members for members in self.queues.values()
        )

    def phone(self, number: str) -> Handle | None:
        """The handle behind what a manager or the dialplan dialled, the outbound prefix taken off where it is one."""
        return _phone(number, self.prefix, self.country)

    def ours(self, handle: str | None) -> bool:
        """Is this the telephone of one of us?"""
        return handle is not None and handle in self.team


@lru_cache(maxsize=65_536)
def _phone(number: str, prefix: str, country: str) -> Handle | None:
    if number.lower() in _NOT_NUMBERS:
        return None
    as_dialled = read_number(number, country)
    if as_dialled.handle and not as_dialled.assumed:
        return as_dialled.handle
    if prefix and number.startswith(prefix):
        without = read_number(number.removeprefix(prefix), country)
        if without.handle and not without.assumed:
            return without.handle
    return as_dialled.handle


@lru_cache(maxsize=65_536)
def endpoint(name: str) -> str:
    """`101` of `PJSIP/101-0000002f`: the part between technology and serial number."""
    rest = name.partition("/")[2]
    head, dash, tail = rest.rpartition("-")
    return head if dash and re.fullmatch(r"[0-9a-fA-F]+(;\d)?", tail) else rest


def half(name: str) -> tuple[str, str] | None:
    """A Local channel's pair and which half of it this is; None for other channels."""
    pair, semicolon, number = name.rpartition(";")
    return (pair, number) if semicolon and pair.startswith("Local/") else None


@dataclass(frozen=True, slots=True)
class Destination:
    """One of the things that Dial() was told to call: `PJSIP/101`, `SIP/trunk/8921…`, `Local/105@queue`."""

    tech: str
    device: str
    number: str


@lru_cache(maxsize=65_536)
def destinations(data: str) -> tuple[Destination, ...]:
    """What the argument of Dial() names, options left aside."""
    found = []
    for item in data.partition(",")[0].split("&"):
        tech, slash, rest = item.partition("/")
        if not slash or not rest:
            continue
        found.append(_destination(tech, rest))
    return tuple(found)


def _destination(tech: str, rest: str) -> Destination:
    if tech == "Local":
        exten, _, _ = rest.partition("@")
        return Destination(tech, "", exten)
    head, slash, tail = rest.partition("/")
    if slash:  # SIP/trunk/number, DAHDI/g0/number, PJSIP/101/sip:101@10.0.0.7
        return Destination(tech, head, "" if tail.startswith(("sip:", "sips:")) else tail.partition("@")[0])
    number, at, device = rest.partition("@")
    return Destination(tech, device, number) if at else Destination(tech, rest, "")


def dialled(text: str) -> str:
    """The number in a DialString (`79990000106@trunk`, `trunk/7999…`, `SIP/trunk/7999…`, `101`), empty if there is none."""
    head, slash, rest = text.partition("/")
    if slash and head.upper() in _TECHNOLOGIES:
        found = destinations(text)
        return found[0].number if found else ""
    if slash:
        return rest.rpartition("/")[2].partition("@")[0]
    return text.partition("@")[0]
