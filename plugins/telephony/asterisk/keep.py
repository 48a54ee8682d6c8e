"""Which packets, and which of their fields, does the fold read? All others are dropped before they cost anything."""

from __future__ import annotations

from collections.abc import Container, Mapping

from plugins.telephony.asterisk import presence
from plugins.telephony.asterisk.wire import Packet

_WHO = ("channel", "uniqueid", "linkedid")
_CALLER = (*_WHO, "calleridnum", "exten", "context")
_DEST = ("destchannel", "destuniqueid", "destlinkedid", "destcalleridnum", "destconnectedlinenum")


def _role(*prefixes: str) -> tuple[str, ...]:
    return tuple(prefix + name for prefix in prefixes for name in _WHO)


FIELDS: Mapping[str, tuple[str, ...]] = {
    "Newchannel": (*_CALLER, "channelstate", "connectedlinenum"),
    "Newstate": (*_WHO, "channelstate"),
    "DialBegin": (*_CALLER, *_DEST, "dialstring"),
    "DialEnd": (*_WHO, *_DEST, "dialstatus", "forward"),
    "BridgeEnter": (*_WHO, "bridgeuniqueid", "bridgetechnology", "swapuniqueid"),
    "BridgeLeave": (*_WHO, "bridgeuniqueid"),
    "Hold": _WHO,
    "Unhold": _WHO,
    "HangupRequest": (*_WHO, "channelstate", "techcause"),
    "Hangup": (*_WHO, "cause", "techcause"),
    "BlindTransfer": (*_role("transferer", "transferee"), "result", "extension", "context"),
    "AttendedTransfer": (
        *_role("origtransferer", "secondtransferer", "transferee", "transfertarget"),
        "result",
        "desttype",
    ),
    "Pickup": (*_WHO, *_role("target")),
    "ParkedCall": (*_role("parkee", "parker"), "parkerdialstring", "parkingspace"),
    "UnParkedCall": (*_role("parkee", "retriever"), "parkerdialstring", "parkingspace"),
    "ParkedCallTimeOut": (*_role("parkee"), "parkerdialstring", "parkingspace"),
    "ParkedCallGiveUp": (*_role("parkee"), "parkerdialstring", "parkingspace"),
    "QueueCallerJoin": (*_WHO, "queue"),
    "QueueCallerLeave": (*_WHO, "queue"),
    "QueueCallerAbandon": (*_WHO, "queue"),
    "QueueEntry": ("channel", "uniqueid", "queue", "wait"),
    "MessageWaiting": (*_WHO, "mailbox", "new"),
    "OriginateResponse": ("channel", "uniqueid", "exten", "response", "reason", "calleridnum"),
    "LocalBridge": _role("localone", "localtwo"),
    "Rename": ("channel", "newname", "uniqueid"),
    "Newexten": (*_WHO, "context", "extension", "application", "appdata"),
    "VarSet": (*_WHO, "variable", "value"),
    "CEL": (*_WHO, "eventname", "application", "appdata", "context", "exten"),
    "Cdr": (
        *_WHO,
        "source",
        "destination",
        "destinationcontext",
        "destinationchannel",
        "lastapplication",
        "lastdata",
        "starttime",
        "answertime",
        "endtime",
        "disposition",
        "sequence",
    ),
    "CoreShowChannel": (*_CALLER, "channelstate", "duration", "bridgeid", "application", "applicationdata"),
    "FullyBooted": ("uptime",),
    "Shutdown": (),
    **presence.FIELDS,
}
"""Event → the fields that are kept of it."""

MENUS = frozenset({"background", "backgrounddetect", "waitexten", "read", "directory", "speechbackground"})
ANNOUNCEMENTS = frozenset({"playback", "controlplayback", "saydigits", "saynumber", "sayunixtime", "sayalpha"})
MACHINES = frozenset({"agi", "eagi", "fastagi", "stasis", "externalivr"})
APPLICATIONS = frozenset(
    {
        *MENUS,
        *ANNOUNCEMENTS,
        *MACHINES,
        "dial",
        "queue",
        "voicemail",
        "minivm",
        "followme",
        "page",
        "busy",
        "congestion",
        "hangup",
        "park",
        "parkedcall",
        "pickup",
        "confbridge",
        "meetme",
        "wait",
        "musiconhold",
        "disa",
        "bridge",
        "chanspy",
        "transfer",
    }
)
"""Steps of the dialplan that begin or end something a client lives through."""
VARIABLES = frozenset({"VMSTATUS", "QUEUESTATUS", "MIXMONITOR_FILENAME", "FROM_DID", "__FROM_DID"})


def worth_reading(event: str, block: bytes) -> bool:
    """Can the fold want this packet? Looked up in the bytes, because two thirds of all packets end here."""
    if event not in FIELDS:
        return False
    if event == "VarSet":
        return _value(block, b"\nVariable: ") in VARIABLES
    if event == "CEL":
        return b"\nEventName: APP_START" in block
    if event == "Newexten":
        return _value(block, b"\nApplication: ").lower() in APPLICATIONS
    return True


def _value(block: bytes, key: bytes) -> str:
    at = block.find(key)
    if at < 0:
        return ""
    at += len(key)
    end = block.find(b"\n", at)
    return block[at : end if end >= 0 else None].strip().decode("ascii", "replace")


INTRODUCTION = ("calleridnum", "connectedlinenum", "exten", "context", "channelstate")
"""Said again in every packet; kept of the first that names a channel, for a channel may be older than the recording."""


def kept(event: str, packet: Packet, known: Container[str]) -> Packet | None:
    """What the fold reads of a packet, None when it reads nothing of it. known: channels that were introduced."""
    fields = FIELDS.get(event)
    if fields is None:
        return None
    if event in {"Newexten", "CEL"}:
        if packet.get("application", "").lower() not in APPLICATIONS:
            return None
        if event == "CEL" and packet.get("eventname") != "APP_START":
            return None
    elif (event == "VarSet" and not _wanted_variable(packet)) or (
        event == "Newstate" and packet.get("channelstate") not in {"4", "5", "6"}
    ):
        return None
    small = {name: value for name in fields if (value := packet.get(name))}
    if "uniqueid" in small and small["uniqueid"] not in known and event not in _APART:
        small.update({name: value for name in INTRODUCTION if (value := packet.get(name))})
    return small


_APART = frozenset({"CEL", "Cdr", "OriginateResponse"})


def _wanted_variable(packet: Packet) -> bool:
    name = packet.get("variable", "")
    if name not in VARIABLES:
        return False
    return not name.endswith("FROM_DID") or packet.get("uniqueid") == packet.get("linkedid")
