"""What every command begins with: the hub of the chosen configuration, and its work done."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import typer

from hub import clock
from hub.core.records import instant
from hub.engine import work
from hub.engine.hub import LOCK, Hub, open_hub
from hub.engine.lock import Busy, Lock
from hub.store import inbox, people

PATIENCE = 60.0
"""Seconds that a command waits for a running hub to finish what is due."""


@dataclass(frozen=True, slots=True)
class State:
    """The options that stand before the command."""

    config: Path

    @contextmanager
    def hub(self) -> Iterator[Hub]:
        """The hub, open for as long as the block lasts."""
        hub = open_hub(self.config)
        try:
            yield hub
        finally:
            hub.close()


def lock_of(hub: Hub) -> Lock:
    """The lock that a process takes before it absorbs and derives."""
    return Lock(hub.settings.data / LOCK)


async def catch_up(hub: Hub, now: datetime | None = None, *, to_the_end: bool = False) -> None:
    """Do what is due, or wait until the running hub has done it.

    to_the_end: however long that takes, as long as it goes on.
    """
    moment = now or clock.now()
    try:
        with lock_of(hub):
            await work.catch_up(hub, moment)
    except Busy:
        await _wait_for_the_running_hub(hub, moment, to_the_end=to_the_end)


async def _wait_for_the_running_hub(hub: Hub, moment: datetime, *, to_the_end: bool) -> None:
    until, before = time.monotonic() + PATIENCE, (0, 0)
    while time.monotonic() < until:
        left = (await hub.db.read(inbox.waiting), await hub.db.read(people.count_due, moment))
        if left == (0, 0):
            return
        if to_the_end and left != before:
            until, before = time.monotonic() + PATIENCE, left
        await asyncio.sleep(0.05)
    typer.echo("the running hub has not caught up yet; what follows may be a little old", err=True)


def moment(text: str | None) -> datetime | None:
    """An option that is an instant; a wrong one ends the command with a right example."""
    if text is None:
        return None
    try:
        return instant(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
