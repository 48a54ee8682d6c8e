"""What does a connection write, and which line of its settings switches on the rest?"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from hub.sdk.connector import Push
from hub.web import words


@dataclass(frozen=True, slots=True)
class Switch:
    """Something that the connection could write. line: the line of config.toml that switches it on."""

    what: str
    note: str
    on: bool
    line: str


def switches(pushes: Iterable[Push]) -> list[Switch]:
    """What a connection writes or could write; one line of the settings may switch several things."""
    found: dict[str, Switch] = {}
    for push in pushes:
        if push.switch:
            what, note = words.WRITES.get(push.effect, (push.effect.__name__, ""))
            found.setdefault(push.switch, Switch(what, note, push.on, push.switch))
    return list(found.values())
