"""How do the legs of a call lie on its time: one row a device or machine, bars with their place in per mille."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from hub.core.records import Call, Leg
from hub.texts.formats import Formats
from hub.web import words

LEFT, WIDTH = 200.0, 560.0
"""Where the time axis lies in the picture of 860 units."""
ROW, TOP = 26, 24
MACHINES = frozenset({"queue", "menu", "announcement", "voicemail", "bot", "hold"})
LONGEST_NAME = 27


@dataclass(frozen=True, slots=True)
class Bar:
    """A stretch of one leg: what it is (`auto`, `rng`, `tlk`), where it begins and how wide it is."""

    what: str
    x: float
    width: float


@dataclass(frozen=True, slots=True)
class Line:
    """A leg: its name, its bars, what it was in words."""

    name: str
    bars: tuple[Bar, ...]
    note: str
    y: int


@dataclass(frozen=True, slots=True)
class Picture:
    """All legs of one call on one axis; ticks: (place, seconds)."""

    lines: tuple[Line, ...]
    ticks: tuple[tuple[float, str], ...]
    height: int
    label: str
    ended: float | None


def picture(call: Call, formats: Formats, names: Mapping[str, str]) -> Picture:
    """The call as bars. names: what the hub calls members and their handles."""
    moments = [leg.ended_at or leg.answered_at or leg.started_at for leg in call.legs]
    end = call.ended_at or max([formats.now, *moments])
    total = max((end - call.started_at).total_seconds(), 1.0)
    scale = WIDTH / total

    def bar(what: str, start: datetime, stop: datetime) -> Bar:
        x = LEFT + max((start - call.started_at).total_seconds(), 0.0) * scale
        return Bar(what, round(x, 1), round(max((stop - start).total_seconds() * scale, 2.0), 1))

    connected = _connected(call)
    lines = []
    for number, leg in enumerate(call.legs):
        stop = leg.ended_at or end
        bars = [bar(what, start, until) for what, start, until in _stretches(leg, stop, connected) if until > start]
        note = _note(leg, stop, connected, formats)
        lines.append(Line(_name(leg, formats, names), tuple(bars), note, TOP + number * ROW))
    ticks = tuple(
        (round(LEFT + part * WIDTH, 1), formats.exact(int(total * part)))
        for part in ((0.0, 0.5, 1.0) if total >= 4 else (0.0, 1.0))
    )
    label = formats.texts.say("The call leg by leg, %(time)s in all", time=formats.exact(int(total)))
    ended = round(LEFT + WIDTH, 1) if call.ended_at is not None else None
    return Picture(tuple(lines), ticks, TOP + len(lines) * ROW + 2, label, ended)


def _connected(call: Call) -> datetime | None:
    """Of a call of ours, when the client picked up; before that a member who holds his own phone talks with nobody."""
    if call.direction != "outbound" or not any(leg.kind == "client" for leg in call.legs):
        return call.started_at
    picked = [leg.answered_at for leg in call.legs if leg.kind == "client" and leg.answered_at is not None]
    return min(picked, default=None)


def _stretches(leg: Leg, stop: datetime, connected: datetime | None) -> list[tuple[str, datetime, datetime]]:
    """(what, from, to): machine, ringing, talk."""
    if leg.kind in MACHINES:
        return [("auto", leg.started_at, stop)]
    found = []
    if leg.result not in {"unreachable", "failed"}:
        found.append(("rng", leg.started_at, leg.answered_at or stop))
    if leg.answered_at is not None:
        talk = min(max(leg.answered_at, connected), stop) if connected is not None else stop
        found += [("auto", leg.answered_at, talk), ("tlk", talk, stop)]
    return found


def _name(leg: Leg, formats: Formats, names: Mapping[str, str]) -> str:
    kind = formats.texts.say(words.LEGS[leg.kind])
    if not leg.to:
        return kind
    member = names.get(leg.to)
    if leg.kind in MACHINES:
        name = f"{kind} {leg.to}" if leg.kind != "hold" else kind
    elif member and leg.to.startswith("ext:"):
        name = f"{leg.to.rpartition('/')[2].removeprefix('ext:')} {member}"
    else:
        name = member or formats.handle(leg.to)
    return name if len(name) <= LONGEST_NAME else name[: LONGEST_NAME - 1] + "…"


def _note(leg: Leg, stop: datetime, connected: datetime | None, formats: Formats) -> str:
    texts = formats.texts
    whole = int((stop - leg.started_at).total_seconds())
    if leg.kind in MACHINES:
        return formats.exact(whole)
    if leg.result in {"unreachable", "failed", "busy", "declined", "forwarded"} and leg.answered_at is None:
        return texts.say(words.LEG_RESULTS[leg.result])
    if leg.answered_at is not None and connected is not None and connected < stop:
        talked = stop - max(leg.answered_at, connected)
        return texts.say("talked %(time)s", time=formats.exact(int(talked.total_seconds())))
    if leg.answered_at is not None:
        return texts.say("dialled %(time)s", time=formats.exact(int((stop - leg.answered_at).total_seconds())))
    return texts.say("rang %(time)s", time=formats.exact(whole))
