"""`crmhub import`: history and recordings into the timelines."""

from __future__ import annotations

import asyncio
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from hub import clock
from hub.cli.state import PATIENCE, State, catch_up, lock_of, moment
from hub.engine import files, work
from hub.engine.hub import Hub
from hub.engine.lock import Busy
from hub.engine.receive import arrival
from hub.registry import Link
from hub.sdk.connector import Refused
from hub.store import inbox
from hub.store.bulk import chunks
from hub.store.database import Priority
from hub.store.inbox import Arrival

CHUNK = 2_000


def register(app: typer.Typer) -> None:
    """Add this command."""
    app.command("import")(import_files)


def import_files(
    context: typer.Context,
    paths: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Files or folders; - is standard input.")],
    connection: Annotated[str | None, typer.Option(help="The connection that they belong to.")] = None,
    at: Annotated[str | None, typer.Option("--at", help="Moment of receipt and derivation (default: now).")] = None,
    as_live: Annotated[bool, typer.Option("--as-live", help="Let effects follow, as if it happened now.")] = False,
) -> None:
    """Import records or recordings, absorb and derive everything, and return when all is derived."""
    state: State = context.obj
    now = moment(at) or clock.now()
    missing = [path for path in paths if str(path) != "-" and not path.exists()]
    if missing:
        raise typer.BadParameter(f"{missing[0]} does not exist")
    with state.hub() as hub, _progress() as progress:
        link = files.link_of(hub, connection)
        counted, refused = asyncio.run(_import(hub, link, paths, now, as_live, progress))
    typer.echo(f"{counted} items read, {refused} refused", err=True)
    if refused:
        raise typer.Exit(1)


class _Steps:
    """What the progress line says."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._task = progress.add_task("reading")
        self._counts = {"read": 0, "absorbed": 0, "derived": 0}

    def add(self, what: str, count: int = 1) -> None:
        """Count one more step."""
        self._counts[what] += count
        text = f"{self._counts['read']} items read"
        if self._counts["absorbed"]:
            text += f", {self._counts['absorbed']} batches absorbed, {self._counts['derived']} derived"
        self._progress.update(self._task, description=text)


@contextmanager
def _progress() -> Iterator[_Steps]:
    console = Console(stderr=True)
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        yield _Steps(progress)


async def _import(
    hub: Hub, link: Link, paths: list[Path], now: datetime, as_live: bool, steps: _Steps
) -> tuple[int, int]:
    """(items stored, parts refused). The lock is held if it can be: otherwise the running hub does the rest."""
    lock = lock_of(hub)
    try:
        lock.acquire()
        alone = True
    except Busy:
        alone = False
    try:
        before = await hub.db.read(inbox.newest)
        counted = refused = 0
        for part in chunks(_arrivals(hub, link, paths, now, as_live), CHUNK):
            good = [item for item in part if isinstance(item, Arrival)]
            for item in part:
                if isinstance(item, Refused):
                    refused += 1
                    typer.echo(f"refused: {item.where}: {item.why}", err=True)
            if not alone:
                await _wait_for_room(hub)
            await hub.db.write(Priority.BACKFILL, inbox.put, good)
            counted += len(good)
            steps.add("read", len(good))
        if alone:
            await work.catch_up(hub, now, steps.add)
    finally:
        lock.release()
    if not alone:
        await catch_up(hub, now, to_the_end=True)
    dead = await hub.db.read(inbox.dead_after, link.name, before)
    for where, why in dead:
        typer.echo(f"refused: {where}: {why}", err=True)
    return counted, refused + len(dead)


async def _wait_for_room(hub: Hub) -> None:
    """What is live must not wait behind a long history: the running hub gets no more than it can soon understand."""
    until = time.monotonic() + PATIENCE
    while await hub.db.read(inbox.waiting) > CHUNK and time.monotonic() < until:
        await asyncio.sleep(0.05)


def _arrivals(hub: Hub, link: Link, paths: list[Path], now: datetime, as_live: bool) -> Iterator[Arrival | Refused]:
    for path in paths:
        with as_file(path) as (file, name):
            for item in files.read(hub, link, file, name):
                yield item if isinstance(item, Refused) else arrival(link.name, item, now, as_live=as_live)


@contextmanager
def as_file(path: Path) -> Iterator[tuple[Path, str]]:
    """The path, or standard input as a file of its own."""
    if str(path) != "-":
        yield path, str(path)
        return
    with tempfile.NamedTemporaryFile(suffix=".jsonl") as file:
        shutil.copyfileobj(sys.stdin.buffer, file)
        file.flush()
        yield Path(file.name), "standard input"
