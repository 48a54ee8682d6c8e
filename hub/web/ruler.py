"""How does a wait lie on its time: blue until due, red after, a dot for every dial and attempt (ui.md 3).

The axis is working time of the line, so that a night between two calls takes no room; wall time where there is no
calendar.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from hub.texts import N_
from hub.web.waits import Reading, Row, seconds

LEFT, WIDTH = 10.0, 1040.0
SIGN = 7.3
"""Units of the picture that one character of a label takes."""
GAP = 10.0


@dataclass(frozen=True, slots=True)
class Dot:
    """Something that happened: class of the circle, its place and radius, and a sentence for who points at it."""

    css: str
    x: float
    r: int
    title: str


@dataclass(frozen=True, slots=True)
class Label:
    """A text above or below the line."""

    x: float
    y: int
    anchor: str
    text: str
    strong: bool


@dataclass(frozen=True, slots=True)
class Ruler:
    """The picture: widths of the blue and the red part, where now is, dots and the labels that found room."""

    inside: float
    over_at: float | None
    over: float
    now_at: float | None
    dots: tuple[Dot, ...]
    labels: tuple[Label, ...]
    label: str


def ruler(row: Row, reading: Reading, next_step: tuple[datetime, str] | None) -> Ruler:
    """The ruler of a case. next_step: the moment and the words of what happens next unless we talk."""
    formats, texts = reading.formats, reading.formats.texts
    calendar, opened_at, due_at = reading.calendar(row), row["opened_at"], row["due_at"]
    closed_at: datetime | None = row["closed_at"]
    head = closed_at or reading.now
    ends = [head, *([due_at] if due_at else []), *([next_step[0]] if next_step and not closed_at else [])]
    total = max([seconds(opened_at, at, calendar) for at in ends] + [60]) * (1.0 if closed_at else 1.04)

    def place(at: datetime) -> float:
        return round(LEFT + min(seconds(opened_at, at, calendar) / total, 1.0) * WIDTH, 1)

    head_at = place(head)
    due_place = place(due_at) if due_at else None
    late = due_at is not None and head > due_at
    dots: list[Dot] = []
    wanted: list[tuple[int, Label]] = []
    for number, at in enumerate(_dials(row, reading)):
        text = texts.say("called %(time)s", time=formats.moment(at)) if number == 0 else formats.clock(at)
        dots.append(Dot("l", place(at), 5, texts.say("called %(time)s", time=formats.moment(at))))
        wanted.append((0 if number == 0 else 4, _label(place(at), 20, text, number == 0)))
    for attempt in row.get("attempts") or ():
        if attempt.get("kind") == "message":
            continue
        at = datetime.fromisoformat(attempt["at"])
        what = N_("%(time)s attempt") if attempt.get("valid") else N_("%(time)s not counted")
        said = texts.say(what, time=formats.clock(at))
        dots.append(Dot("v" if attempt.get("valid") else "w", place(at), 6, said))
        wanted.append((3 if attempt.get("valid") else 5, _label(place(at), 72, said, False)))
    if due_at is not None and due_place is not None:
        what = N_("was due %(time)s") if late else N_("due %(time)s")
        wanted.append((2, _label(due_place, 72, texts.say(what, time=formats.moment(due_at)), False)))
    if closed_at is not None:
        good = row["state"] == "recovered"
        dots.append(
            Dot("ok" if good else "end", head_at, 7, texts.say("closed %(time)s", time=formats.moment(closed_at)))
        )
        wanted.append((1, _label(head_at, 20, texts.say("closed %(time)s", time=formats.moment(closed_at)), True)))
    else:
        wanted.append((1, _label(head_at, 20, texts.say("now %(time)s", time=formats.clock(reading.now)), True)))
        if next_step is not None:
            dots.append(Dot("next", place(next_step[0]), 5, next_step[1]))
            wanted.append((1, _label(place(next_step[0]), 72, next_step[1], False)))
    return Ruler(
        inside=round((due_place if late and due_place else head_at) - LEFT, 1),
        over_at=due_place if late else None,
        over=round(head_at - due_place, 1) if late and due_place else 0.0,
        now_at=None if closed_at else head_at,
        dots=tuple(dots),
        labels=tuple(_fitting(wanted)),
        label=". ".join(label.text for _, label in wanted),
    )


def _dials(row: Row, reading: Reading) -> Sequence[datetime]:
    return sorted(
        datetime.fromisoformat(call["started_at"])
        for ref in row["evidence"]
        if (call := reading.calls.get(ref)) and call["direction"] == "inbound"
    ) or [row["opened_at"]]


def _label(x: float, y: int, text: str, strong: bool) -> Label:
    half = len(text) * SIGN / 2
    if x - half < LEFT:
        return Label(LEFT, y, "start", text, strong)
    if x + half > LEFT + WIDTH:
        return Label(LEFT + WIDTH, y, "end", text, strong)
    return Label(x, y, "middle", text, strong)


def _span(label: Label) -> tuple[float, float]:
    width = len(label.text) * SIGN
    start = {"start": label.x, "middle": label.x - width / 2, "end": label.x - width}[label.anchor]
    return start - GAP / 2, start + width + GAP / 2


def _fitting(wanted: list[tuple[int, Label]]) -> list[Label]:
    """The labels that do not lie on one of more weight in the same row."""
    kept: list[Label] = []
    for _, label in sorted(wanted, key=lambda item: item[0]):
        start, end = _span(label)
        if all(other.y != label.y or end <= _span(other)[0] or start >= _span(other)[1] for other in kept):
            kept.append(label)
    return kept
