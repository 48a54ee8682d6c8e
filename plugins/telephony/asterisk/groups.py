"""To which call does a packet belong, and which calls turned out to be one?"""

from __future__ import annotations

from collections.abc import Iterable

from plugins.telephony.asterisk.wire import Packet

_ROLES = (
    "",
    "dest",
    "transferer",
    "transferee",
    "origtransferer",
    "secondtransferer",
    "transfertarget",
    "target",
    "localone",
    "localtwo",
    "parkee",
    "parker",
    "retriever",
)
_AFTERWARDS = frozenset(
    {
        "Cdr",
        "CEL",
        "Hangup",
        "VarSet",
        "OriginateResponse",
        "MessageWaiting",
        "QueueCallerLeave",
        "QueueCallerAbandon",
        "BridgeLeave",
    }
)
"""What may still be said of a channel that is gone; it does not make it live."""
_NOBODY = frozenset({"", "<null>", "<unknown>", "<none>"})


class Groups:
    """Follows one connection's packets; what it knows is small: the channels that live, and where they are bridged.

    A group is named by the Linkedid in the packet; others that the packet shows to be the same call are its joins
    (contracts/telephony.md 1.2: the younger channels change their Linkedid, and no event announces it).
    """

    def __init__(self, alive: Iterable[tuple[str, str, str]] = ()) -> None:
        self.first: dict[str, str] = {}
        self.names: dict[str, str] = {}
        self._bridges: dict[str, dict[str, str]] = {}
        for uid, linkedid, name in alive:
            self.first[uid] = linkedid
            self.names[uid] = name

    def assign(self, event: str, packet: Packet) -> tuple[str | None, tuple[str, ...]]:
        """The group of a packet and the groups that it joins; None when it belongs to no call."""
        seen: dict[str, None] = {}
        for role in _ROLES:
            uid = packet.get(role + "uniqueid", "")
            if uid in _NOBODY:
                continue
            linkedid = packet.get(role + "linkedid") or self.first.get(uid)
            if linkedid:
                seen[linkedid] = None
            if event not in _AFTERWARDS:
                self.first.setdefault(uid, linkedid or uid)
            elif not linkedid and uid not in self.first:
                continue
            if (known := self.first.get(uid, linkedid or uid)) != linkedid:
                seen[known] = None
            if (name := packet.get(role + "channel")) and uid in self.first:
                self.names[uid] = name
        if event == "OriginateResponse" and not seen:
            uid = packet.get("uniqueid", "")
            seen.update(dict.fromkeys(self._originated(packet.get("channel", "")) if uid in _NOBODY else [uid]))
        if event in {"BridgeEnter", "BridgeLeave"}:
            seen.update(dict.fromkeys(self._bridged(event, packet)))
        if event == "Hangup":
            self.first.pop(packet.get("uniqueid", ""), None)
            self.names.pop(packet.get("uniqueid", ""), None)
        if not seen:
            return None, ()
        group, *others = seen
        return group, tuple(others)

    def alive(self) -> list[tuple[str, str, str]]:
        """The channels that live: Uniqueid, Linkedid at birth, name."""
        return [(uid, linkedid, self.names.get(uid, "")) for uid, linkedid in self.first.items()]

    def forget(self, uids: Iterable[str]) -> None:
        """These channels are gone though nobody said so."""
        for uid in uids:
            self.first.pop(uid, None)
            self.names.pop(uid, None)

    def _originated(self, device: str) -> list[str]:
        """An Originate that failed names no channel: the youngest of that device is meant."""
        found = [self.first[uid] for uid, name in self.names.items() if device and name.startswith(f"{device}-")]
        return found[-1:]

    def _bridged(self, event: str, packet: Packet) -> list[str]:
        bridge, uid = packet.get("bridgeuniqueid", ""), packet.get("uniqueid", "")
        members = self._bridges.setdefault(bridge, {})
        if event == "BridgeLeave":
            members.pop(uid, None)
            if not members:
                self._bridges.pop(bridge, None)
            return []
        if packet.get("bridgetechnology") == "holding_bridge":  # a parking lot holds strangers
            return []
        others = [linkedid for other, linkedid in members.items() if other != uid]
        members[uid] = packet.get("linkedid", "")
        return others
