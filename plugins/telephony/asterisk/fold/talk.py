"""When did the client and one of us speak? Bridges joined through Local channels, cut at every change."""

from __future__ import annotations

import itertools
from collections.abc import Collection
from dataclasses import dataclass

from plugins.telephony.asterisk.fold.trace import Trace


@dataclass(slots=True)
class Stretch:
    """An interval in ms; `to` is the end of what is known while it lasts, with `open` set."""

    since: int
    to: int
    open: bool = False


def conversations(trace: Trace, clients: Collection[str]) -> dict[str, list[Stretch]]:
    """For each channel the stretches in which it was connected to one of the client's channels."""
    stays = [stay for stay in trace.stays if not stay.holding]
    if not any(stay.uid in clients for stay in stays) and not any(uid in trace.pairs for uid in clients):
        return {}
    end = trace.end + 1
    cuts = sorted({stay.since for stay in stays} | {end if stay.to is None else stay.to for stay in stays})
    talks: dict[str, list[Stretch]] = {}
    for since, to in itertools.pairwise(cuts):
        rooms: dict[str, list[str]] = {}
        where: dict[str, list[str]] = {}
        for stay in stays:
            if stay.since <= since and (stay.to is None or stay.to >= to):
                rooms.setdefault(stay.bridge, []).append(stay.uid)
                where.setdefault(stay.uid, []).append(stay.bridge)
        for uid in _reached(clients, rooms, where, trace.pairs):
            stretches = talks.setdefault(uid, [])
            if stretches and stretches[-1].to == since:
                stretches[-1].to = to
            else:
                stretches.append(Stretch(since, to))
    for uid, stretches in talks.items():
        stay_open = stretches[-1].to == end
        stretches[-1].open = stay_open and uid not in clients
        if stay_open:
            stretches[-1].to = trace.end
    return talks


def _reached(
    clients: Collection[str], rooms: dict[str, list[str]], where: dict[str, list[str]], pairs: dict[str, str]
) -> set[str]:
    reached: set[str] = set()
    waiting = [uid for uid in clients if uid in where]
    while waiting:
        uid = waiting.pop()
        if uid in reached:
            continue
        reached.add(uid)
        for bridge in where.get(uid, ()):
            waiting.extend(rooms[bridge])
        other = pairs.get(uid)
        if other is not None and other in where:
            waiting.append(other)
    return reached - set(clients)
