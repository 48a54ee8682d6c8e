"""Killed before any commit of an alert's life, or while the messenger has a message: is everybody told once all the same?

The same small morning is played again and again: several clients in one message, a press, a handing over, a blocked
way, a correction. Each time the process dies at another point, and another one goes on with the store that it left.
"""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import event

from hub.engine import deliver
from hub.engine.hub import Hub
from hub.errors import Unreachable
from hub.store import cases, outbox
from tests.engine.chat import Chat
from tests.engine.conftest import Workshop, rows
from tests.engine.test_alerts import at, missed, opened, press, put, reached, settle

MOST = 150
"""More points than the morning has."""
EVERY = int(os.environ.get("CRMHUB_EVERY_ALERT", "9"))
"""1: die at each point; 9: at every ninth."""


class Died(BaseException):
    """The process is gone: nothing catches it."""


@dataclass
class Life:
    """Hubs on one store, one after the other. left: how many points the present one still lives through."""

    workshop: Workshop
    chat: Chat = field(default_factory=Chat)
    mail: Chat = field(default_factory=lambda: Chat(edits=False))
    left: int = 0
    died: int = 0
    hub: Hub = field(init=False)
    counting: bool = False

    def __post_init__(self) -> None:
        self.hub = self._born()
        self.chat.before = self._blocked
        self.chat.after = self.mail.after = lambda _effect: self._point()

    def _born(self) -> Hub:
        hub = opened(self.workshop, self.chat, self.mail)
        for engine in {hub.db.durable, hub.db._relaxed}:
            event.listen(engine, "commit", lambda _connection: self._point())
        return hub

    def _blocked(self, effect: Any) -> None:
        """Boris has blocked the bot; he has no other way."""
        if effect.address == "boris" and type(effect).__name__ == "Notify":
            raise Unreachable("bot was blocked by the user")

    def _point(self) -> None:
        if self.counting:
            self.left -= 1
            if self.left == 0:
                self.died += 1
                raise Died

    async def until(self, minutes: float) -> None:
        """Everything that is due then, by as many processes as it takes."""
        for _ in range(3):
            self.counting = True
            try:
                await settle(self.hub, minutes)
            except Died:
                self.counting = False
                self.workshop.clock.time = at(minutes)
                self.hub = self._born()
                await deliver.recover(self.hub)
            else:
                self.counting = False
                return
        raise AssertionError("it died again")


async def morning(life: Life) -> None:
    put(life.hub, missed("c9", 0))
    await life.until(8.1)
    press(life.hub, 9, "p1", "take")
    await life.until(9)
    press(life.hub, 10, "p2", "close:spam")
    await life.until(10)
    put(life.hub, *(missed(f"c{n}", 30, f"phone:+792100000{n:02}") for n in range(4)), missed("c5", 30))
    await life.until(31)
    await life.until(38.1)
    put(life.hub, reached("r", 39))
    await life.until(41)
    await life.until(46)


def told(life: Life) -> tuple[Any, ...]:
    """What everybody has in the end, and what the hub believes that he has."""
    seen = sorted((message.to, message.title, message.text) for message in life.chat.messages.values())
    kept = [(row["key"], row["state"]) for row in rows(life.hub, outbox.listing) if row["kind"] != "amend_notice"]
    marks = [(case["key"], case["state"], case["reason"], case["steps"]) for case in rows(life.hub, cases.listing)]
    return seen, sorted(kept), marks


async def test_whenever_it_dies_each_alert_is_told_once(migrated_file: Any, tmp_path: Any) -> None:
    def life(name: str) -> Life:
        folder = tmp_path / name
        folder.mkdir()
        (folder / "hub.db").write_bytes(migrated_file.read_bytes())
        return Life(Workshop(f"sqlite:///{folder / 'hub.db'}", folder))

    undisturbed = life("quiet")
    await morning(undisturbed)
    wanted = told(undisturbed)
    answers = Counter(undisturbed.chat.answers)
    assert len(answers) == 2
    died = 0
    for point in range(1, MOST, EVERY):
        one = life(str(point))
        one.left = point
        await morning(one)
        assert told(one) == wanted, point
        assert set(one.chat.answers) == set(answers), point
        died += one.died
        _close(one)
        if not one.died:
            break
    _close(undisturbed)
    assert died * EVERY > 40, died


def _close(life: Life) -> None:
    for hub in life.workshop.hubs:
        hub.close()
