"""Who of us came to the queues or went, as the PBX tells it: members added and removed, pauses, agents who log in."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from hub.sdk import Context, Malformed, MemberRef, Presence, PresenceState, Raw, Stored
from plugins.telephony.asterisk.settings import Settings
from plugins.telephony.asterisk.wire import Packet

KIND = "presence"
_MEMBER = ("queue", "interface", "stateinterface", "membership", "paused")
FIELDS: Mapping[str, tuple[str, ...]] = {
    "QueueMemberAdded": _MEMBER,
    "QueueMemberRemoved": _MEMBER,
    "QueueMemberPause": _MEMBER,
    "AgentLogin": ("agent",),
    "AgentLogoff": ("agent",),
}
"""Event → the fields that are kept of it."""
_STATES: Mapping[str, PresenceState] = {state: state for state in ("in", "out", "busy", "free", "away")}


@dataclass(slots=True)
class Logins:
    """In which queues everybody is. Who is in several came with the first of them, and went with the last."""

    queues: dict[str, set[str]] = field(default_factory=dict)

    def known(self, row: Packet) -> None:
        """A member of a queue, of the list that the PBX gives when we begin to listen."""
        who = _device(row.get("stateinterface") or row.get("location") or row.get("name", ""))
        if who and row.get("membership") == "dynamic":
            self.queues.setdefault(who, set()).add(row.get("queue", ""))

    def raws(self, stream: str, offset: int, at: int, event: str, fields: Packet) -> list[Raw]:
        """What the event says of somebody; nothing where it changes nothing. at: in ms."""
        who = fields.get("agent") or _device(fields.get("stateinterface") or fields.get("interface", ""))
        state = self._state(event, who, fields) if who else None
        if state is None:
            return []
        return [Raw(KIND, f"{stream}/{offset}", {"at": at, "who": who, "state": state})]

    def _state(self, event: str, who: str, fields: Packet) -> PresenceState | None:
        queue = fields.get("queue", "")
        own = self.queues.setdefault(who, set())
        match event:
            case "QueueMemberAdded":
                first = not own
                own.add(queue)
                return "in" if first else None
            case "QueueMemberRemoved":
                own.discard(queue)
                return None if own else "out"
            case "QueueMemberPause":
                return "away" if fields.get("paused") == "1" else "free"
        return "in" if event == "AgentLogin" else "out"


def _device(interface: str) -> str:
    """`101` of `PJSIP/101`, `Local/101@from-queue/n` or `Agent/101`; empty where it is none."""
    found = re.match(r"\w+/([^@/;]+)", interface)
    return found[1] if found else ""


def parse(items: Sequence[Stored], _settings: Settings, _context: Context) -> Iterable[Presence]:
    """Each item is one coming, going, pause or return."""
    for item in items:
        yield _presence(item.id, item.payload)


def _presence(id: str, payload: Any) -> Presence:
    if not isinstance(payload, dict) or not isinstance(payload.get("at"), int) or payload.get("state") not in _STATES:
        raise Malformed("a presence has a moment, a device and a state")
    at = datetime.fromtimestamp(payload["at"] / 1000, UTC)
    who = MemberRef(f"ext:{payload.get('who')}")
    return Presence(id=id, member=who, at=at, state=_STATES[payload["state"]], source="pbx")
