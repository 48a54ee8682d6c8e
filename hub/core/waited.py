"""How long did a client wait for a reply, and in whose turn: the row of `crmhub waits` (model.md 4)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from hub.core.calls import instant_text

STATES = {"open": "open", "recovered": "answered", "closed": "cancelled", "lost": "unanswered"}
"""State of a case → what it is called of a wait."""
CASES = {of_wait: of_case for of_case, of_wait in STATES.items()}
_OF_THE_CASE = ("key", "ref", "contact", "line_group", "owner", "due_at", "breached", "late_by", "flags")


@dataclass(frozen=True, slots=True)
class Length:
    """A duration in whole seconds: by the wall clock and in working time of the line (None: unknown)."""

    wall: int
    working: int | None

    def row(self) -> dict[str, int | None]:
        return {"wall": self.wall, "working": self.working}


@dataclass(frozen=True, slots=True, kw_only=True)
class Waited:
    """What a wait for a reply has beyond any case.

    kind: `first`, `next` or `reply_to_outreach`. length: of an open one up to now. own: (member, seconds by his planned
    schedule) in order of his first turn; routing: seconds in which nobody owned it. handoff_at: when a bot had done
    with it; bot_adjusted: the length from there.
    """

    kind: str
    channel: str
    line: str | None
    thread: str | None
    stopped_by: str | None
    replied_by: str | None
    length: Length
    off_hours: bool | None
    own: tuple[tuple[str, int | None], ...]
    routing: int | None
    handoff_at: datetime | None
    bot_adjusted: Length | None

    def row(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "channel": self.channel,
            "line": self.line,
            "thread": self.thread,
            "stopped_by": self.stopped_by,
            "replied_by": self.replied_by,
            "wall": self.length.wall,
            "working": self.length.working,
            "off_hours": self.off_hours,
            "own": [{"member": member, "seconds": seconds} for member, seconds in self.own],
            "routing": self.routing,
            "handoff_at": instant_text(self.handoff_at),
            "bot_adjusted": self.bot_adjusted.row() if self.bot_adjusted else None,
        }


def view(case: Mapping[str, Any]) -> dict[str, Any]:
    """The row of `crmhub waits` of a row of `crmhub cases` of kind `awaiting_reply`."""
    state = STATES[case["state"]]
    return {
        **{name: case[name] for name in _OF_THE_CASE},
        "state": state,
        "started_at": case["opened_at"],
        "ended_at": case["closed_at"],
        "cancelled_because": case["resolution"] if state == "cancelled" else None,
        **case["wait"],
    }
