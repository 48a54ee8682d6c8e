"""In which order did things happen? Raws of one group become events in order of time, each once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from plugins.telephony.asterisk.keep import INTRODUCTION
from plugins.telephony.asterisk.wire import Packet


@dataclass(frozen=True, slots=True)
class Event:
    """Something that Asterisk said: when (ms since 1970), what, and with which fields."""

    at: int
    name: str
    fields: Packet


@dataclass(frozen=True, slots=True)
class Hole:
    """A stretch in which nobody listened; `to` None: nobody has listened since. restart: the PBX began anew in it."""

    since: int
    to: int | None
    restart: bool = False


def of_packets(payloads: Iterable[Mapping[str, Any]]) -> list[Event]:
    """The events of all sessions in one order, packets that came twice taken once.

    A payload is `{"s": session, "p": [[offset, ms, event, fields], …]}`. Within a session the offset is the order;
    sessions are laid side by side by time. Two sessions that listened at once bring a packet twice; the same packet
    is the same content within two seconds.
    """
    sessions: dict[str, dict[int, tuple[int, str, Packet]]] = {}
    for payload in payloads:
        packets = sessions.setdefault(payload["s"], {})
        for offset, at, name, fields in payload["p"]:
            packets[offset] = (at, name, fields)
    if len(sessions) == 1:
        packets = next(iter(sessions.values()))
        return [Event(*packets[offset]) for offset in sorted(packets)]
    return _merged(sessions)


def _merged(sessions: Mapping[str, Mapping[int, tuple[int, str, Packet]]]) -> list[Event]:
    keyed: list[tuple[int, str, int, Event]] = []
    seen: dict[tuple[str, tuple[tuple[str, str], ...]], list[tuple[int, set[str]]]] = {}
    for session in sorted(sessions):
        latest = 0
        for offset in sorted(sessions[session]):
            at, name, fields = sessions[session][offset]
            latest = max(latest, at)
            told = (pair for pair in fields.items() if name == "Newchannel" or pair[0] not in INTRODUCTION)
            twins = seen.setdefault((name, tuple(sorted(told))), [])
            twin = next((one for one in twins if session not in one[1] and abs(one[0] - at) <= 2000), None)
            if twin is not None:
                twin[1].add(session)
                continue
            twins.append((at, {session}))
            keyed.append((latest, session, offset, Event(at, name, fields)))
    keyed.sort(key=lambda row: row[:3])
    return [row[3] for row in keyed]
